//! The line ends of a file that is changed. The parser writes all of them as `\n`.

/// Most lines that are looked at for the one that a line was before.
const NEAR_MAX: usize = 64;

/// The lines of a file as it was read, where not all of them end in `\n`.
#[derive(Clone, Debug)]
pub(super) struct LineEnds {
    lines: Vec<(String, bool)>,
}

impl LineEnds {
    /// Remembers the line ends of a text; `None` where there is nothing to remember.
    pub(super) fn of(text: &str) -> Option<Self> {
        if !text.contains('\r') {
            return None;
        }
        let lines = text.split_inclusive('\n').map(|line| match line.strip_suffix("\r\n") {
            Some(line) => (line.to_owned(), true),
            None => (line.trim_end_matches('\n').to_owned(), false),
        });
        Some(Self { lines: lines.collect() })
    }

    /// Gives the lines of a text that were there before the ends that they had. A new line ends as
    /// the one that stood there.
    pub(super) fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len() + self.lines.len());
        let mut at = 0;
        let mut ends_wide = self.lines.first().is_some_and(|(_, wide)| *wide);
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches('\n');
            let near = self.lines.iter().enumerate().skip(at).take(NEAR_MAX);
            if let Some((place, (_, wide))) = near.into_iter().find(|(_, (known, _))| known == bare) {
                (at, ends_wide) = (place + 1, *wide);
            } else if let Some((_, wide)) = self.lines.get(at) {
                ends_wide = *wide;
            }
            restored.push_str(bare);
            if bare.len() < line.len() {
                restored.push_str(if ends_wide { "\r\n" } else { "\n" });
            }
        }
        restored
    }
}
