//! One file per command: arguments, one call into `ops`, printing.

mod artifacts;
mod attach;
mod completions;
mod copy;
mod copying;
mod delete;
mod describe;
mod inspect;
mod load;
mod pull;
mod push;
mod save;
mod store;
mod tag;
mod tags;
mod tour;

use anyhow::Result;
use clap::Subcommand;
use oci::Reference;

use crate::session::Session;

/// The command.
// In the order of `--help`: what moves things, what looks at them, what changes them, the rest.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Copy(copy::CopyArguments),
    Save(save::SaveArguments),
    Load(load::LoadArguments),
    Inspect(inspect::InspectArguments),
    Tags(tags::TagsArguments),
    Artifacts(artifacts::ArtifactsArguments),
    Pull(pull::PullArguments),
    Push(push::PushArguments),
    Attach(attach::AttachArguments),
    Tag(tag::TagArguments),
    Delete(delete::DeleteArguments),
    Store(store::StoreArguments),
    Tour(tour::TourArguments),
    Completions(completions::CompletionsArguments),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Copy(arguments) => arguments.run(session).await,
            Self::Save(arguments) => arguments.run(session).await,
            Self::Load(arguments) => arguments.run(session).await,
            Self::Inspect(arguments) => arguments.run(session).await,
            Self::Tags(arguments) => arguments.run(session).await,
            Self::Artifacts(arguments) => arguments.run(session).await,
            Self::Pull(arguments) => arguments.run(session).await,
            Self::Push(arguments) => arguments.run(session).await,
            Self::Attach(arguments) => arguments.run(session).await,
            Self::Tag(arguments) => arguments.run(session).await,
            Self::Delete(arguments) => arguments.run(session).await,
            Self::Store(arguments) => arguments.run(session).await,
            Self::Tour(arguments) => arguments.run(session).await,
            Self::Completions(arguments) => arguments.run(),
        }
    }

    /// Tells whether the command moves content, which is worth threads of its own.
    pub(crate) const fn moves_content(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::Save(_) | Self::Load(_) | Self::Pull(_) | Self::Push(_) | Self::Tour(_))
    }
}

/// Reads a reference that the user has typed.
fn reference(text: &str) -> Result<Reference> {
    Ok(text.parse::<Reference>()?)
}
