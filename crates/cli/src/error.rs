//! Errors for people: one line, the causes below it, what is missing, and a command that helps.

mod help;
mod user_info;

use std::ffi::OsString;

use anyhow::Error;
use oci::Digest;
use oci::text::printable;
use ops::OpsError;

use crate::exit::{self, AnswerIsNo, Exit, OutputClosed};
pub(crate) use help::shell_line;

/// Most missing digests that are listed; the first few are in the message already.
const LISTED_MAX: usize = 20;

/// Returns the lines that tell of an error, without a line feed at the end; nothing for one that is not to be told.
///
/// `typed` is the command line, from which the command that helps is made; no password in it is told.
pub(crate) fn show(error: &Error, typed: &[OsString], color: bool) -> Option<String> {
    if error.is::<OutputClosed>() || error.is::<AnswerIsNo>() {
        return None;
    }
    let mut lines = vec![format!("{} {}", paint("error:", RED, color), printable(&error.to_string()))];
    let mut told = error.to_string();
    for cause in error.chain().skip(1) {
        let message = cause.to_string();
        // Some messages end with their cause's.
        if !told.contains(&message) {
            lines.push(format!("  caused by: {}", printable(&message)));
        }
        told = message;
    }
    let told = error.chain().find_map(|cause| cause.downcast_ref::<OpsError>()?.told());
    lines.extend(told.into_iter().flat_map(|told| &told.lines).map(|line| printable(line).into_owned()));
    lines.extend(missing(error));
    let help = help::of(error, typed);
    Some(ended(lines, exit::of(error) == Exit::Usage, help, typed, color))
}

/// Returns what an error of the argument parser has to say, in our form.
pub(crate) fn show_usage(error: &clap::Error, typed: &[OsString], color: bool) -> String {
    let rendered = error.render().to_string();
    let mut lines = Vec::new();
    for line in rendered.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(message) = line.strip_prefix("error: ") {
            lines.push(format!("{} {}", paint("error:", RED, color), printable(message)));
        } else if !line.starts_with("For more information") {
            lines.push(printable(line).into_owned());
        }
    }
    ended(lines, true, Some(help::of_usage(typed)), typed, color)
}

/// Adds the command that helps to what an error says, and hides what is secret in all of it. A user in a place explains every error of usage.
fn ended(mut lines: Vec<String>, is_usage: bool, help: Option<String>, typed: &[OsString], color: bool) -> String {
    let advice = user_info::advice(typed).filter(|_| is_usage);
    let (reason, login) = advice.unzip();
    lines.extend(reason);
    if let Some(help) = login.or(help) {
        lines.push(format!("{} {}", paint("help:", GREEN, color), printable(&help)));
    }
    user_info::hide(&lines.join("\n"), typed)
}

/// Returns the digests of everything that an error says is missing.
pub(crate) fn missing_digests(error: &OpsError) -> Vec<Digest> {
    match error {
        OpsError::Transfer(error) => error.digests(),
        _ => Vec::new(),
    }
}

fn missing(error: &Error) -> Vec<String> {
    let found = error.chain().find_map(|cause| cause.downcast_ref::<OpsError>()).map(missing_digests);
    // A single one is in the message.
    let digests: Vec<Digest> = found.filter(|digests| digests.len() > 1).unwrap_or_default();
    let mut lines: Vec<String> = digests.iter().take(LISTED_MAX).map(|digest| format!("  missing: {digest}")).collect();
    if digests.len() > LISTED_MAX {
        lines.push(format!("  missing: {} more", digests.len() - LISTED_MAX));
    }
    lines
}

const RED: &str = "31";
const GREEN: &str = "32";

fn paint(text: &str, color: &str, wanted: bool) -> String {
    if wanted { format!("\u{1b}[1;{color}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: impl Into<Error>, typed: &[&str]) -> String {
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        show(&error.into(), &typed, false).unwrap()
    }

    #[test]
    fn a_short_name_is_answered_with_the_command_to_type() {
        let error = "alpine:3".parse::<oci::Reference>().unwrap_err();
        assert_eq!(
            told(OpsError::from(error), &["supercargo", "copy", "alpine:3", "oci:my images"]),
            "error: `alpine:3` does not say which registry it is in\n\
             help: supercargo copy docker.io/library/alpine:3 'oci:my images'"
        );
    }

    #[test]
    fn causes_are_told_once_and_escaped() {
        let cause = std::io::Error::other("disk\u{1b}[2J on fire");
        let error = OpsError::File { action: "cannot write", path: "/a\nb".into(), source: cause };
        assert_eq!(
            told(error, &["supercargo", "pull", "h.example/a"]),
            "error: cannot write /a\\u{a}b\n  caused by: disk\\u{1b}[2J on fire\nhelp: ls -ld '/a\\u{a}b'"
        );
        let digest = Digest::sha256(b"");
        let source = digest.verify(b"x").unwrap_err();
        let error = ops::StoreError::Digest { location: "h.example/a".into(), source };
        let text = told(OpsError::Store(error), &["supercargo", "inspect", "h.example/a:1"]);
        assert_eq!(text.matches("has digest").count(), 1, "{text}");
    }

    #[test]
    fn nothing_is_told_when_nobody_reads() {
        assert_eq!(show(&OutputClosed.into(), &[], true), None);
    }
}
