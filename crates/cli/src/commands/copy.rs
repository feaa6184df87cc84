//! `copy`

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::Reference;
use ops::copy::{CopyRequest, read_list};
use ops::{Destination, OpsError};

use super::copying::{self, CopySwitches};
use super::groups::{self, GroupArguments, ScopeArguments, Usually};
use crate::session::Session;

/// Largest list of copies that is read, in bytes.
const LIST_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Copy images with everything attached to them, and prove that it arrived
///
/// Each image is copied with its children, and with every artifact about it, about its children and layers, and about
/// those artifacts, at any depth. What the destination has is not moved again. The tag is set last, after the proof that
/// the destination shows every node and every edge; when something is missing the exit code is 6.
///
/// A destination that ends with a slash (HOST/mirror/) takes each image under the last part of its own name.
///
/// With a destination alone, the project goes as it is locked: to HOST/mirror/ each image under the last part of its name and with its
/// tag; to a layout or an archive each under the name that the project gives it, and the lock with them. `verify --at DST` looks at
/// the copy. In the directory of a member of a workspace it is the member's images that go.
///
/// Example: supercargo copy registry.example/mirror/
#[derive(Args, Debug)]
#[command(
    override_usage = "supercargo copy [OPTIONS] [SRC...] DST\n       supercargo copy [OPTIONS] --from-file FILE [[SRC...] DST]"
)]
pub(crate) struct CopyArguments {
    /// What to copy [default: the project as it is locked], and last where to
    #[arg(value_name = "PLACE", required_unless_present = "from_file")]
    places: Vec<String>,

    /// Copy every tag of each source
    #[arg(long)]
    all_tags: bool,

    /// Read sources from a file, one `SRC [DST]` a line; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,

    #[command(flatten)]
    groups: GroupArguments,

    #[command(flatten)]
    scope: ScopeArguments,

    #[command(flatten)]
    switches: CopySwitches,
}

impl CopyArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if let (None, [destination]) = (&self.from_file, &self.places[..]) {
            if self.all_tags {
                let help = format!("supercargo copy --all-tags SRC {destination}");
                return Err(OpsError::usage("a project is copied as it is locked: by digest", help).into());
            }
            let destination = session.destination(destination)?;
            let (groups, scope) = (self.groups.groups(Usually::Ungrouped), self.scope.scope());
            return copying::run_project("copy", session, &self.switches, &groups, scope, destination, None).await;
        }
        groups::refuse_without_project(&self.groups, self.scope)?;
        let request = CopyRequest { pairs: self.pairs(session)?, all_tags: self.all_tags, ..CopyRequest::default() };
        copying::run("copy", session, &self.switches, request).await
    }

    /// Returns each source and where it goes.
    fn pairs(&self, session: &Session) -> Result<Vec<(Reference, Destination)>> {
        let lines = match &self.from_file {
            Some(path) => read_list(&read(path)?)?,
            None => Vec::new(),
        };
        let needs_destination = self.from_file.is_none() || lines.iter().any(|(_, destination)| destination.is_none());
        let (sources, destination) = match (&self.places[..], needs_destination) {
            ([sources @ .., last], _) if !sources.is_empty() || self.from_file.is_some() => {
                (sources, Some(session.destination(last)?))
            }
            ([], false) => (&[][..], None),
            ([], true) => {
                return Err(
                    OpsError::usage("the list has lines without a destination, and no other is given", None).into()
                );
            }
            _ => return Err(OpsError::usage("a copy needs a source and a destination", None).into()),
        };
        let mut pairs = Vec::new();
        for source in sources {
            // There is a destination whenever there are sources.
            pairs.extend(
                destination.clone().map(|destination| session.reference(source).map(|source| (source, destination))),
            );
        }
        let listed = lines.into_iter().filter_map(|(source, own)| Some((source, own.or(destination.clone())?)));
        pairs.extend(listed.map(Ok));
        let pairs = pairs.into_iter().collect::<Result<Vec<_>>>()?;
        if pairs.is_empty() {
            return Err(OpsError::usage("the list names nothing to copy", None).into());
        }
        Ok(pairs)
    }
}

/// Reads a list of copies.
fn read(path: &PathBuf) -> Result<String, OpsError> {
    let failed = |source| OpsError::File { action: "cannot read", path: path.clone(), source };
    let mut text = String::new();
    let count = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(LIST_MAX_BYTES + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LIST_MAX_BYTES + 1).read_to_string(&mut text))
    };
    match count.map_err(failed)? as u64 {
        0..=LIST_MAX_BYTES => Ok(text),
        _ => Err(OpsError::usage(format!("{} has more than {LIST_MAX_BYTES} bytes", path.display()), None)),
    }
}
