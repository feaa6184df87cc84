//! `login`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ops::credentials::{LoginRequest, Place, Secret};
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::prompt;
use crate::session::Session;

/// Keep a user name and a password for a registry
///
/// The registry is asked whether it takes them first. They are kept in the first of the files in which they are looked for, or by
/// the program that this file names; `auth explain` shows which that is. The password is asked for, or read from the standard
/// input; it is never an argument, which others on the machine could read.
///
/// Example: supercargo login registry.example --username ada --password-stdin < token
#[derive(Args, Debug)]
pub(crate) struct LoginArguments {
    /// The registry, or a prefix of repositories in it
    #[arg(value_name = "HOST[/PATH]")]
    place: Place,

    /// The user name
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,

    /// Read the password from the standard input
    #[arg(long)]
    password_stdin: bool,
}

impl LoginArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let (host, username) = (self.place.to_string(), self.username);
        let said = if self.password_stdin {
            prompt::said_by_input(username)
        } else {
            prompt::said_on_terminal(&host, username).await
        };
        let (user, password) = said?;
        let request = LoginRequest { place: self.place, user, password: Secret::new(password) };
        let report = ops::credentials::login(&session.context, &request).await?;
        session.print(&LoginDocument {
            place: host,
            user: request.user,
            file: report.file,
            helper: report.helper,
            checked: report.was_checked,
        })
    }
}

/// What was kept. The names of the fields are a public interface.
#[derive(Serialize)]
struct LoginDocument {
    place: String,
    user: String,
    file: PathBuf,
    helper: Option<String>,
    checked: bool,
}

impl Document for LoginDocument {
    fn command(&self) -> &'static str {
        "login"
    }

    fn text(&self, text: &mut Text) {
        let Self { place, user, file, helper, checked } = self;
        let file = file.display();
        match helper {
            Some(helper) => text.line(format_args!("{place}: {helper} keeps the password of {user} ({file} names it)")),
            None => text.line(format_args!("{place}: the password of {user} is in {file}")),
        }
        if !checked {
            text.line(format_args!("the registry did not want to see it yet"));
        }
    }
}
