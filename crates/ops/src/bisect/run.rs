//! Rounds of tests.

use std::num::NonZeroUsize;

use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resolve::bisect::session::{Event, MAX_JOBS, Source, Subject};
use resolve::bisect::{Finding, Round, Run, Step, Verdict};

use super::axis;
use super::child::{Ended, call, no_command};
use super::material::Supply;
use super::place::{BisectPlace, Workshop};
use super::report::{BisectReport, report};
use super::request::{Axis, BisectRequest};
use super::session_file::SessionFile;
use super::verdicts::{Verdicts, asks_for_layout, command_hash};
use crate::context::Context;
use crate::error::OpsError;

/// Is told what happens while tests run.
pub trait Watch {
    /// Tells whether what commands say is wanted.
    fn listens(&self) -> bool;

    /// A command has said a line.
    fn said(&self, of: &str, line: &str);

    /// A round begins.
    fn round(&self, number: usize, tests: &[String]);

    /// There is a verdict, or a run has ended; `how` says from what.
    fn judged(&self, of: &str, verdict: Verdict, how: &str);
}

/// Searches until something is found. A session that has not ended goes on; its log is durable after every run, so this may
/// be stopped at any time.
///
/// # Errors
/// [`OpsError::Usage`] when there is nothing to search, another search has not ended, or a command was ended by a signal or
/// ended with an exit code of 128 or more; what registries, git and files bring. What was found out is kept.
pub async fn run(
    context: &Context,
    place: &BisectPlace,
    request: &BisectRequest,
    watch: &dyn Watch,
) -> Result<BisectReport, OpsError> {
    let workshop = Workshop::open(place)?;
    let _claim = workshop.claim()?;
    let (file, command) = open(context, &workshop, request).await?;
    let hash = command_hash(&command);
    let axis = Axis::of(&file.session.start().axis).unwrap_or(Axis::Tags);
    let layout = request.layout || axis == Axis::Layers || asks_for_layout(&command);
    let verdicts = Verdicts::open(Some(workshop.verdicts_file()).filter(|_| request.cache), hash)?;
    let jobs = request.jobs.unwrap_or(file.session.start().jobs);
    if jobs.get() > MAX_JOBS {
        return Err(OpsError::usage(format!("{jobs} tests at once are too many, the limit is {MAX_JOBS}"), None));
    }
    let supply = Supply { context, workshop: &workshop, axis, layout };
    let mut bench = Bench { file, command, verdicts, supply, watch };
    let mut rounds = 0;
    loop {
        if bench.take_known(jobs)? {
            continue;
        }
        match bench.file.session.step(jobs) {
            Step::Done(_) => return report(context, &workshop, &bench.file, rounds).await,
            Step::Test(round) => {
                rounds += 1;
                bench.round(rounds, round).await?;
            }
        }
    }
}

/// Opens the session that goes on, or starts the one that is asked for, and returns it with its command.
async fn open(
    context: &Context,
    workshop: &Workshop,
    request: &BisectRequest,
) -> Result<(SessionFile, Vec<String>), OpsError> {
    let file = match (SessionFile::open(&workshop.session_file())?, &request.asked) {
        (Some(file), None) if request.repeat.is_none_or(|rule| file.session.start().repeat == rule) => file,
        (Some(_), None) => return Err(super::under_way(workshop)),
        (Some(file), Some(asked)) => {
            let goes_on = matches!(file.session.step(NonZeroUsize::MIN), Step::Test(_));
            let is_same = workshop.read_asked()?.as_deref() == Some(&asked.text()[..])
                && request.repeat.is_none_or(|rule| file.session.start().repeat == rule)
                && [&[][..], &request.command[..]].contains(&&file.session.start().command[..]);
            match (goes_on, is_same) {
                (true, true) => file,
                (true, false) => return Err(super::under_way(workshop)),
                (false, _) => {
                    drop(file);
                    begin(context, workshop, request).await?
                }
            }
        }
        (None, _) => begin(context, workshop, request).await?,
    };
    let known = &file.session.start().command;
    let command = if request.command.is_empty() { known.clone() } else { request.command.clone() };
    if command.is_empty() {
        return Err(no_command());
    }
    if !known.is_empty() && *known != command {
        return Err(OpsError::usage(
            "the search that goes on tests with another command",
            "supercargo bisect run    (goes on with its own)    or    supercargo bisect reset".to_owned(),
        ));
    }
    Ok((file, command))
}

/// Starts the session that is asked for.
async fn begin(context: &Context, workshop: &Workshop, request: &BisectRequest) -> Result<SessionFile, OpsError> {
    // Before registries are asked about candidates that nothing could test.
    if request.asked.is_some() && request.command.is_empty() {
        return Err(no_command());
    }
    axis::start(context, workshop, request).await
}

/// A session at work.
struct Bench<'a> {
    file: SessionFile,
    command: Vec<String>,
    verdicts: Verdicts,
    supply: Supply<'a>,
    watch: &'a dyn Watch,
}

/// What has become of a run.
#[derive(Clone, Copy)]
enum Outcome {
    Ended(Ended),
    /// What was to be tested is not there any more.
    Gone,
}

impl Bench<'_> {
    /// Takes verdicts of earlier sessions for what is to be tested now. Returns whether there were any.
    fn take_known(&mut self, jobs: NonZeroUsize) -> Result<bool, OpsError> {
        let session = &self.file.session;
        let Step::Test(round) = session.step(jobs) else { return Ok(false) };
        let rule = session.start().repeat;
        let known = |run: &Run<Subject>| {
            let verdict = self.verdicts.verdict(&session.key(&run.test)?, rule)?;
            Some((run.test.clone(), verdict))
        };
        let known: Vec<(Subject, Verdict)> =
            round.test.iter().filter(|run| run.number == 1).filter_map(known).collect();
        for (of, verdict) in &known {
            self.watch.judged(&self.file.session.label(of), *verdict, "known");
            let event = Event::Verdict { of: of.clone(), verdict: *verdict, source: Source::Cache };
            self.file.append(event)?;
        }
        Ok(!known.is_empty())
    }

    /// Runs the tests of a round. Further runs of what has its verdict are ended, and all when there is nothing to search.
    async fn round(&mut self, number: usize, round: Round<Run<Subject>>) -> Result<(), OpsError> {
        let labels: Vec<String> = round.test.iter().map(|run| self.file.session.label(&run.test)).collect();
        self.watch.round(number, &labels);
        let prefetch: Vec<Subject> = round.prefetch.into_iter().map(|run| run.test).collect();
        let Self { file, command, verdicts, supply, watch } = self;
        // Tests look at the candidates while verdicts come in.
        let candidates = file.session.clone();
        let mut handles: Vec<(Run<Subject>, AbortHandle)> = Vec::new();
        let mut running = FuturesUnordered::new();
        for (run, label) in round.test.into_iter().zip(labels) {
            let (supply, command, watch, candidates) = (&*supply, &command[..], *watch, &candidates);
            let subject = run.test.clone();
            let (test, handle) = abortable(async move {
                let Some(material) = supply.material(candidates, &subject).await? else { return Ok(Outcome::Gone) };
                Ok::<_, OpsError>(Outcome::Ended(call(command, &material, &label, watch).await?))
            });
            handles.push((run.clone(), handle));
            running.push(async move { (run, test.await) });
        }
        let prefetching = supply.prefetch(&candidates, &prefetch);
        let mut prefetching = std::pin::pin!(prefetching);
        let mut prefetched = false;
        loop {
            let (run, outcome) = tokio::select! {
                biased;
                next = running.next() => match next {
                    Some(next) => next,
                    None => return Ok(()),
                },
                () = &mut prefetching, if !prefetched => {
                    prefetched = true;
                    continue;
                }
            };
            // A test that was ended on purpose says nothing.
            let Ok(outcome) = outcome else { continue };
            record(file, verdicts, *watch, &run, outcome?)?;
            // Tests beyond what was found to be bad go on: should one of them be good, that is worth knowing.
            let is_over = matches!(file.session.step(NonZeroUsize::MIN), Step::Done(Finding::Contradiction(_)));
            let is_decided = !file.session.is_open(&run.test);
            for (_, handle) in handles.iter().filter(|(other, _)| is_over || is_decided && other.test == run.test) {
                handle.abort();
            }
        }
    }
}

/// Writes down how a run has ended.
fn record(
    file: &mut SessionFile,
    verdicts: &mut Verdicts,
    watch: &dyn Watch,
    run: &Run<Subject>,
    outcome: Outcome,
) -> Result<(), OpsError> {
    let label = file.session.label(&run.test);
    let aborted = |how: String| {
        OpsError::usage(
            format!("the command {how} on {label}, so nothing can be said of it; what was found out is kept"),
            "supercargo bisect run    (goes on)    or    supercargo bisect skip".to_owned(),
        )
    };
    let code = match outcome {
        Outcome::Gone => {
            watch.judged(&label, Verdict::Skip, "not there any more");
            return file.append(Event::Skip { of: run.test.clone(), reason: "not there any more".to_owned() });
        }
        Outcome::Ended(Ended::Signal(signal)) => return Err(aborted(format!("was ended by signal {signal}"))),
        Outcome::Ended(Ended::Code(code)) => code,
    };
    let Some(verdict) = Verdict::from_exit_code(code) else {
        return Err(aborted(format!("ended with exit code {code}")));
    };
    watch.judged(&label, verdict, &format!("run {}, exit code {code}", run.number));
    let source = Source::Run { number: run.number, exit_code: Some(code) };
    file.append(Event::Verdict { of: run.test.clone(), verdict, source })?;
    match file.session.key(&run.test) {
        Some(key) => verdicts.add(&key, verdict),
        None => Ok(()),
    }
}
