//! One file per command: arguments, one call into `ops`, printing.

mod add;
mod artifacts;
mod attach;
mod auth;
mod bisect;
mod candidates;
mod completions;
mod copy;
mod copying;
mod delete;
mod describe;
mod diff;
mod difference;
mod doctor;
mod export;
mod gc;
mod groups;
mod history;
mod hold;
mod init;
mod inspect;
mod install;
mod lineage;
mod load;
mod lock;
mod locking;
mod login;
mod logout;
mod man;
mod mark;
mod mirror;
mod outdated;
mod publish;
mod pull;
mod push;
mod remove;
mod rewrite;
mod save;
mod serve;
mod store;
mod tag;
mod tags;
mod tour;
mod tree;
mod update;
mod vendor;
mod verify;
mod why;

use anyhow::Result;
use clap::Subcommand;

use crate::session::Session;

/// The command.
// In the order of `--help`: projects, what moves things, what looks at them, what changes them, the rest.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArguments),
    Add(add::AddArguments),
    Remove(remove::RemoveArguments),
    Hold(hold::HoldArguments),
    Unhold(hold::UnholdArguments),
    Lock(lock::LockArguments),
    Update(update::UpdateArguments),
    Outdated(outdated::OutdatedArguments),
    Tree(tree::TreeArguments),
    Why(why::WhyArguments),
    Candidates(candidates::CandidatesArguments),
    Diff(diff::DiffArguments),
    History(history::HistoryArguments),
    Bisect(bisect::BisectArguments),
    Rewrite(rewrite::RewriteArguments),
    Export(export::ExportArguments),
    Verify(verify::VerifyArguments),
    Publish(publish::PublishArguments),
    Install(install::InstallArguments),
    Copy(copy::CopyArguments),
    Save(save::SaveArguments),
    Load(load::LoadArguments),
    Vendor(vendor::VendorArguments),
    Mirror(mirror::MirrorArguments),
    Inspect(inspect::InspectArguments),
    Lineage(lineage::LineageArguments),
    Tags(tags::TagsArguments),
    Artifacts(artifacts::ArtifactsArguments),
    Pull(pull::PullArguments),
    Push(push::PushArguments),
    Attach(attach::AttachArguments),
    Tag(tag::TagArguments),
    Delete(delete::DeleteArguments),
    Mark(mark::MarkArguments),
    Gc(gc::GcArguments),
    Store(store::StoreArguments),
    Serve(serve::ServeArguments),
    Login(login::LoginArguments),
    Logout(logout::LogoutArguments),
    Auth(auth::AuthArguments),
    Doctor(doctor::DoctorArguments),
    Tour(tour::TourArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Init(arguments) => arguments.run(session).await,
            Self::Add(arguments) => arguments.run(session).await,
            Self::Remove(arguments) => arguments.run(session).await,
            Self::Hold(arguments) => arguments.run(session).await,
            Self::Unhold(arguments) => arguments.run(session).await,
            Self::Lock(arguments) => arguments.run(session).await,
            Self::Update(arguments) => arguments.run(session).await,
            Self::Outdated(arguments) => arguments.run(session).await,
            Self::Tree(arguments) => arguments.run(session).await,
            Self::Why(arguments) => arguments.run(session).await,
            Self::Candidates(arguments) => arguments.run(session).await,
            Self::Diff(arguments) => arguments.run(session).await,
            Self::History(arguments) => arguments.run(session).await,
            Self::Bisect(arguments) => arguments.run(session).await,
            Self::Rewrite(arguments) => arguments.run(session),
            Self::Export(arguments) => arguments.run(session),
            Self::Verify(arguments) => arguments.run(session).await,
            Self::Publish(arguments) => arguments.run(session).await,
            Self::Install(arguments) => arguments.run(session).await,
            Self::Copy(arguments) => arguments.run(session).await,
            Self::Save(arguments) => arguments.run(session).await,
            Self::Load(arguments) => arguments.run(session).await,
            Self::Vendor(arguments) => arguments.run(session).await,
            Self::Mirror(arguments) => arguments.run(session).await,
            Self::Inspect(arguments) => arguments.run(session).await,
            Self::Lineage(arguments) => arguments.run(session).await,
            Self::Tags(arguments) => arguments.run(session).await,
            Self::Artifacts(arguments) => arguments.run(session).await,
            Self::Pull(arguments) => arguments.run(session).await,
            Self::Push(arguments) => arguments.run(session).await,
            Self::Attach(arguments) => arguments.run(session).await,
            Self::Tag(arguments) => arguments.run(session).await,
            Self::Delete(arguments) => arguments.run(session).await,
            Self::Mark(arguments) => arguments.run(session).await,
            Self::Gc(arguments) => arguments.run(session).await,
            Self::Store(arguments) => arguments.run(session).await,
            Self::Serve(arguments) => Box::pin(arguments.run(session)).await,
            Self::Login(arguments) => arguments.run(session).await,
            Self::Logout(arguments) => arguments.run(session).await,
            Self::Auth(arguments) => arguments.run(session).await,
            Self::Doctor(arguments) => arguments.run(session).await,
            Self::Tour(arguments) => arguments.run(session).await,
            Self::Completions(arguments) => arguments.run(),
            Self::Man(arguments) => arguments.run(session),
        }
    }

    /// Tells whether the command runs until it is told to end, and decides itself how it does.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Serve(serve) if serve.is_server())
    }

    /// Tells whether the command asks much at once and moves nothing.
    pub(crate) const fn asks_much(&self) -> bool {
        matches!(self, Self::Outdated(_) | Self::Gc(_))
    }

    /// Tells whether the command moves content, which is worth threads of its own.
    pub(crate) const fn moves_content(&self) -> bool {
        matches!(
            self,
            Self::Bisect(_)
                | Self::Copy(_)
                | Self::Save(_)
                | Self::Load(_)
                | Self::Vendor(_)
                | Self::Verify(_)
                | Self::Publish(_)
                | Self::Mirror(_)
                | Self::Pull(_)
                | Self::Push(_)
                | Self::Tour(_)
        )
    }
}
