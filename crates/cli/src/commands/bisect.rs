//! `bisect`

mod document;
mod watch;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use oci::Digest;
use ops::OpsError;
use ops::bisect::{Asked, Axis, BisectPlace, BisectReport, BisectRequest, Found};
use ops::resolve::bisect::{Contradiction, Ends, Rule, Verdict};

use crate::exit::AnswerIsNo;
use crate::printer::warn;
use crate::session::Session;
use document::{BisectDocument, LogDocument, ResetDocument};
use watch::Lines;

/// Find the version, digest, lock change or layer that broke something
///
/// A command is run on one candidate after the other: exit code 0 means good, 125 that it cannot be told, every other up to 127
/// bad; from 128 on, or when a signal ends it, the search stops. `bisect run` searches by itself and goes on where it was
/// stopped; with `start`, `good`, `bad` and `skip` you are the test.
///
/// The exit code is 0 when something was found, 1 when it cannot be (only candidates that were skipped are left, or a good one
/// comes after a bad one), and 2 when an end is not what it was said to be, or the command stopped the search.
///
/// Example: supercargo bisect run --over tags --good quay.io/org/app:1.2.0 --bad quay.io/org/app:1.9.0 -- ./test.sh {image}
#[derive(Args, Debug)]
pub(crate) struct BisectArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Start(StartArguments),
    Run(RunArguments),
    /// Say that candidates are good
    ///
    /// Example: supercargo bisect good 1.4.0
    Good(Names),
    /// Say that candidates are bad
    ///
    /// Example: supercargo bisect bad
    Bad(Names),
    /// Say that candidates cannot be tested
    ///
    /// Example: supercargo bisect skip 1.4.0 1.4.1
    Skip(Names),
    /// Show what has happened in the search
    ///
    /// Example: supercargo bisect log
    Log,
    /// Remove the search; verdicts of commands stay known
    ///
    /// Example: supercargo bisect reset
    Reset,
}

/// Begin a search in which you say what is good and bad
///
/// Example: supercargo bisect start --over tags --good quay.io/org/app:1.2.0 --bad quay.io/org/app:1.9.0
#[derive(Args, Debug)]
struct StartArguments {
    #[command(flatten)]
    search: SearchArguments,
}

/// Search with a command, or go on with a search
///
/// The command is run without a shell, as many times at once as --jobs says. It is told about the candidate by the variables
/// SUPERCARGO_IMAGE, SUPERCARGO_DIGEST, SUPERCARGO_LOCK (a lock file as it would be) and SUPERCARGO_LAYOUT (an OCI layout that
/// holds the image), and by {image}, {digest}, {lock} and {layout} among its words. What does not apply is not set.
///
/// A layout of a lock holds all of its images, each under its name.
///
/// Without --over the search that was stopped goes on.
///
/// Example: supercargo bisect run --over locks --good v1.4 --bad HEAD --jobs 4 -- ./test.sh {lock}
#[derive(Args, Debug)]
struct RunArguments {
    #[command(flatten)]
    search: SearchArguments,

    /// Run every test this often; a candidate is bad when any run is
    #[arg(long, value_name = "K")]
    repeat: Option<NonZeroU32>,

    /// With --repeat: a candidate is what more than half of its runs say, for tests that also fail on good ones
    #[arg(long, requires = "repeat")]
    majority: bool,

    /// Do not test the two ends, believe what --good and --bad say
    #[arg(long)]
    trust_ends: bool,

    /// Bring every candidate into an OCI layout, even if the command does not speak of SUPERCARGO_LAYOUT
    #[arg(long)]
    layout: bool,

    /// Neither use verdicts that are known from earlier searches nor keep new ones
    #[arg(long)]
    no_cache: bool,

    /// The command that tests, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Which candidates.
#[derive(Args, Debug)]
struct Names {
    /// Candidates, by their version, reference, digest or number [default: the one to be tested next]
    #[arg(value_name = "CANDIDATE")]
    names: Vec<String>,
}

/// What is searched.
#[derive(Args, Debug)]
struct SearchArguments {
    /// What the candidates are along
    #[arg(long, value_enum, value_name = "AXIS")]
    over: Option<Over>,

    /// The end that works: a reference or NAME:TAG of the project, a digest, or for locks a revision or a file
    #[arg(long, value_name = "A", requires = "over")]
    good: Option<String>,

    /// The end that is broken
    #[arg(long, value_name = "B", requires = "over")]
    bad: Option<String>,

    /// Over digests: the tag that has had them
    #[arg(long, value_name = "REF", requires = "over")]
    tag: Option<String>,

    /// Over digests: a file with the digests that the tag has had, one a line, the oldest first [default: what it was seen to name]
    #[arg(long, value_name = "FILE", requires = "tag")]
    digests: Option<PathBuf>,

    /// Over digests: one of them, the oldest first
    #[arg(long, value_name = "DIGEST", requires = "tag")]
    digest: Vec<Digest>,
}

/// What the candidates of a search are along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Over {
    /// The versions of an image between two tags
    Tags,
    /// The digests that one tag has had
    Digests,
    /// The commits that changed the project's lock; between two files, the images that differ
    Locks,
    /// The images that differ between two locks, files or revisions: finds the fewest that break it together
    Changes,
    /// The layers of two images, and their configurations
    Layers,
}

impl From<Over> for Axis {
    fn from(over: Over) -> Self {
        match over {
            Over::Tags => Self::Tags,
            Over::Digests => Self::Digests,
            Over::Locks => Self::Locks,
            Over::Changes => Self::Changes,
            Over::Layers => Self::Layers,
        }
    }
}

impl BisectArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let place = place(session);
        let report = match self.action {
            Action::Start(arguments) => {
                let request = BisectRequest { asked: arguments.search.asked(session)?, ..request(session) };
                ops::bisect::start(&session.context, &place, &request).await?
            }
            Action::Run(arguments) => {
                let watch = Lines::new(&session.settings);
                let request = arguments.request(session)?;
                ops::bisect::run(&session.context, &place, &request, &watch).await?
            }
            Action::Good(Names { names }) => ops::bisect::mark(&session.context, &place, Verdict::Good, &names).await?,
            Action::Bad(Names { names }) => ops::bisect::mark(&session.context, &place, Verdict::Bad, &names).await?,
            Action::Skip(Names { names }) => ops::bisect::mark(&session.context, &place, Verdict::Skip, &names).await?,
            Action::Log => return session.print(&LogDocument { lines: ops::bisect::log(&place)? }),
            Action::Reset => return session.print(&ResetDocument { removed: ops::bisect::reset(&place)? }),
        };
        print(session, &report)
    }
}

impl RunArguments {
    fn request(self, session: &Session) -> Result<BisectRequest, OpsError> {
        let rule = if self.majority { Rule::Majority } else { Rule::AnyBad };
        Ok(BisectRequest {
            asked: self.search.asked(session)?,
            repeat: self.repeat.map(rule),
            ends: if self.trust_ends { Ends::Given } else { Ends::Tested },
            command: self.command,
            layout: self.layout,
            cache: !self.no_cache,
            ..request(session)
        })
    }
}

impl SearchArguments {
    fn asked(self, session: &Session) -> Result<Option<Asked>, OpsError> {
        let platform = match &session.settings.platforms[..] {
            [] => None,
            [platform] => Some(platform.clone()),
            _ => return Err(OpsError::usage("one platform at a time is searched", None)),
        };
        let Some(over) = self.over else { return Ok(None) };
        let Self { good, bad, tag, digests: from, digest: digests, .. } = self;
        Ok(Some(Asked { axis: over.into(), good, bad, tag, digests, from, platform }))
    }
}

/// Returns a request for nothing yet.
fn request(session: &Session) -> BisectRequest {
    BisectRequest {
        asked: None,
        jobs: session.settings.jobs.and_then(NonZeroUsize::new),
        repeat: None,
        ends: Ends::Given,
        command: Vec::new(),
        layout: false,
        cache: true,
    }
}

fn place(session: &Session) -> BisectPlace {
    let store = session.settings.context.content_store.as_ref();
    BisectPlace { project: session.settings.project.clone(), state: store.map(|store| store.join("bisect")) }
}

/// Prints how a search stands.
///
/// # Errors
/// [`OpsError::Usage`] when an end is not what it was said to be, [`AnswerIsNo`] when nothing can be found.
fn print(session: &Session, report: &BisectReport) -> Result<()> {
    for warning in &report.warnings {
        warn(warning);
    }
    session.print(&BisectDocument::of(report))?;
    match &report.found {
        Found::Contradiction { what, end } => Err(contradiction(*what, end).into()),
        Found::Suspects { .. } | Found::NotMonotone { .. } => Err(AnswerIsNo.into()),
        Found::Testing(_) => {
            session.printer.note("test it, then say: supercargo bisect good, bad or skip");
            Ok(())
        }
        Found::FirstBad { .. } | Found::Minimal { .. } => Ok(()),
    }
}

fn contradiction(what: Contradiction, end: &str) -> OpsError {
    let message = match what {
        Contradiction::EqualEnds => format!("{end} is what --good and --bad both name"),
        Contradiction::GoodEndIsBad => format!("{end} is not good: the test says that it is bad"),
        Contradiction::BadEndIsGood => format!("{end} is not bad: the test says that it is good"),
    };
    OpsError::usage(message, "supercargo bisect log".to_owned())
}
