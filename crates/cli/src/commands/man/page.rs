//! A page of the manual, made of what `--help` says.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// Programs and commands that users run.
const SECTION: &str = "1";

/// An argument that is empty. Without the quotes the next would take its place.
const NOTHING: &str = "\"\"";

/// Returns the page of a command of a program that has been built.
pub(super) fn render(command: &Command) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // A date would be that of the build, and make every build another.
    let source = format!("supercargo {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(shortened(command)).date(NOTHING).source(source).manual("supercargo manual");
    man.render(&mut content)?;
    let mut rest = Roff::new();
    after_help(&mut rest, command);
    see_also(&mut rest, command);
    rest.to_writer(&mut content)?;
    Ok(content)
}

/// Returns what is typed to run a command.
pub(super) fn typed(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

/// Returns the name of the file with the page of a command.
pub(super) fn file_name(command: &Command) -> String {
    format!("{}.{SECTION}", typed(command).replace(' ', "-"))
}

/// Returns the command with the usage of `--help`, since the generator would name every option that all commands have, and without
/// what follows the options there: the generator would fill the lines of tables as if they were prose.
fn shortened(command: &Command) -> Command {
    let nothing = None::<&'static str>;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    command.clone().override_usage(usage).after_help(nothing).after_long_help(nothing)
}

/// Adds what follows the options in `--help`: parts with a heading, and examples.
fn after_help(page: &mut Roff, command: &Command) {
    let Some(text) = command.get_after_long_help().or_else(|| command.get_after_help()) else { return };
    for part in text.to_string().split("\n\n") {
        let (heading, lines) = part.split_once(':').unwrap_or(("Notes", part));
        page.control("SH", [heading.to_uppercase().as_str()]);
        page.control("nf", []);
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            page.text([roman(line.trim_start())]);
        }
        page.control("fi", []);
    }
}

/// Adds the page of the command above.
fn see_also(page: &mut Roff, command: &Command) {
    let typed = typed(command);
    let Some((above, _)) = typed.rsplit_once(' ') else { return };
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(format!("{}({SECTION})", above.replace(' ', "-")))]);
}
