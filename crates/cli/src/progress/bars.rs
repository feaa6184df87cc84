//! A bar for each blob under way and one for the whole, on a terminal.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use oci::{Descriptor, Digest};
use ops::{BlobOutcome, Meter, Progress};

/// Most bars of blobs at once; more would leave the screen. Blobs beyond count in the whole.
const BARS_MAX: usize = 8;

/// How often the bars are brought up to date.
const INTERVAL: Duration = Duration::from_millis(100);

const BLOB: &str = "{prefix:19} [{bar:30}] {decimal_bytes:>10} of {decimal_total_bytes}";
const TOTAL: &str = "{prefix:19} [{bar:30}] {decimal_bytes:>10} of {decimal_total_bytes}, {msg}";

/// Bars on a terminal. They vanish when the copy is over: what it did is the result, which is printed elsewhere.
pub(crate) struct Bars {
    screen: Arc<Screen>,
    /// Ends the ticker when it is dropped.
    _stop: Sender<()>,
}

struct Screen {
    multi: MultiProgress,
    total: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<Digest, Running>,
    blobs: usize,
    finished_blobs: usize,
    finished_bytes: u64,
}

struct Running {
    bar: Option<ProgressBar>,
    meter: Meter,
}

impl Bars {
    /// Shows bars on the standard error.
    pub(crate) fn new() -> Self {
        let screen = Arc::new(Screen::new(ProgressDrawTarget::stderr()));
        let (stop, stopped) = channel();
        let ticking: Weak<Screen> = Arc::downgrade(&screen);
        std::thread::spawn(move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let Some(screen) = ticking.upgrade() else { return };
                screen.tick();
            }
        });
        Self { screen, _stop: stop }
    }

    /// Takes every bar away. None comes back.
    pub(crate) fn clear(&self) {
        self.screen.clear();
    }
}

impl Screen {
    fn new(target: ProgressDrawTarget) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let total = multi.add(ProgressBar::new(0));
        total.set_style(style(TOTAL));
        total.set_prefix("total");
        Self { multi, total, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let state = self.state();
        let mut under_way = 0;
        for running in state.running.values() {
            let bytes = running.meter.bytes();
            under_way += bytes;
            if let Some(bar) = &running.bar {
                bar.set_position(bytes);
            }
        }
        self.total.set_message(format!("{} of {} blobs", state.finished_blobs, state.blobs));
        self.total.set_position(state.finished_bytes + under_way);
    }

    fn clear(&self) {
        let state = self.state();
        for bar in state.running.values().filter_map(|running| running.bar.as_ref()) {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
        // A terminal that cannot be written to shows nothing either.
        let _ = self.multi.clear();
        self.multi.set_draw_target(ProgressDrawTarget::hidden());
    }

    fn planned(&self, blobs: usize, bytes: u64) {
        self.state().blobs = blobs;
        self.total.set_length(bytes);
        self.tick();
    }

    fn started(&self, descriptor: &Descriptor, meter: &Meter) {
        let mut state = self.state();
        let shown = state.running.values().filter(|running| running.bar.is_some()).count();
        let bar = (shown < BARS_MAX).then(|| {
            let bar = self.multi.insert_before(&self.total, ProgressBar::new(descriptor.size));
            bar.set_style(style(BLOB));
            bar.set_prefix(descriptor.digest.short());
            bar
        });
        state.running.insert(descriptor.digest, Running { bar, meter: meter.clone() });
    }

    fn finished(&self, descriptor: &Descriptor) {
        let mut state = self.state();
        if let Some(Running { bar: Some(bar), .. }) = state.running.remove(&descriptor.digest) {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
        state.finished_blobs += 1;
        state.finished_bytes += descriptor.size;
        drop(state);
        self.tick();
    }
}

/// The templates are constants; were one wrong, the bar would merely look different.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

impl Progress for Bars {
    fn planned(&self, blobs: usize, bytes: u64, _: usize) {
        self.screen.planned(blobs, bytes);
    }

    fn blob_started(&self, descriptor: &Descriptor, meter: &Meter) {
        self.screen.started(descriptor, meter);
    }

    fn blob_finished(&self, descriptor: &Descriptor, _: BlobOutcome) {
        self.screen.finished(descriptor);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Result;

    use indicatif::TermLike;
    use oci::MediaType;

    use super::*;

    const WIDTH: usize = 100;

    /// A terminal that can be looked at.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<Sheet>>);

    #[derive(Debug, Default)]
    struct Sheet {
        lines: Vec<Vec<char>>,
        row: usize,
        column: usize,
    }

    impl Sheet {
        fn line(&mut self) -> &mut Vec<char> {
            let row = self.row;
            if self.lines.len() <= row {
                self.lines.resize(row + 1, Vec::new());
            }
            &mut self.lines[row]
        }

        /// Writes a character; one that does not fit into the line goes to the next, as terminals do it.
        fn write(&mut self, character: char) {
            match character {
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                '\r' => self.column = 0,
                character => {
                    if self.column == WIDTH {
                        (self.row, self.column) = (self.row + 1, 0);
                    }
                    let column = self.column;
                    let line = self.line();
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = character;
                    self.column += 1;
                }
            }
        }
    }

    impl Paper {
        fn shown(&self) -> String {
            let sheet = self.0.lock().unwrap();
            let lines = sheet.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned());
            lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }

        fn change<T>(&self, change: impl FnOnce(&mut Sheet) -> T) -> T {
            change(&mut self.0.lock().unwrap())
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            u16::try_from(WIDTH).unwrap()
        }

        fn move_cursor_up(&self, rows: usize) -> Result<()> {
            self.change(|sheet| sheet.row = sheet.row.saturating_sub(rows));
            Ok(())
        }

        fn move_cursor_down(&self, rows: usize) -> Result<()> {
            self.change(|sheet| sheet.row += rows);
            Ok(())
        }

        fn move_cursor_right(&self, columns: usize) -> Result<()> {
            self.change(|sheet| sheet.column = WIDTH.min(sheet.column + columns));
            Ok(())
        }

        fn move_cursor_left(&self, columns: usize) -> Result<()> {
            self.change(|sheet| sheet.column = sheet.column.saturating_sub(columns));
            Ok(())
        }

        fn write_line(&self, text: &str) -> Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }

        fn write_str(&self, text: &str) -> Result<()> {
            self.change(|sheet| text.chars().for_each(|character| sheet.write(character)));
            Ok(())
        }

        fn clear_line(&self) -> Result<()> {
            self.change(|sheet| {
                sheet.line().clear();
                sheet.column = 0;
            });
            Ok(())
        }

        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_for_each_transfer_and_a_total() {
        let paper = Paper::default();
        let screen = Screen::new(ProgressDrawTarget::term_like(Box::new(paper.clone())));
        let small = Descriptor::of(MediaType::OCI_LAYER, &[0; 1000]);
        let large = Descriptor::of(MediaType::OCI_LAYER, &[0; 3000]);
        let meter = Meter::default();
        screen.planned(2, 4000);
        screen.started(&small, &Meter::default());
        screen.started(&large, &meter);
        meter.advance(1500);
        screen.tick();
        insta::assert_snapshot!(paper.shown(), @r"
        sha256:541b3e9daa09 [                              ]        0 B of 1.00 kB
        sha256:c81ca5eda594 [===============>              ]    1.50 kB of 3.00 kB
        total               [===========>                  ]    1.50 kB of 4.00 kB, 0 of 2 blobs
        ");
        screen.finished(&small);
        insta::assert_snapshot!(paper.shown(), @r"
        sha256:c81ca5eda594 [===============>              ]    1.50 kB of 3.00 kB
        total               [==================>           ]    2.50 kB of 4.00 kB, 1 of 2 blobs
        ");
        screen.clear();
        assert_eq!(paper.shown(), "");
    }
}
