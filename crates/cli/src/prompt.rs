//! What a user is asked for on the terminal, and what comes on the standard input instead.

use std::io::{self, IsTerminal as _, Read, Write};

use anyhow::Result;
use ops::OpsError;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::exit::Interrupted;

/// Longest answer that is taken, in bytes.
const ANSWER_MAX_BYTES: u64 = 64 * 1024;

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];

/// Returns a user name, which has to be known, and the password that comes on the standard input, up to the end of its line.
pub(crate) fn said_by_input(user: Option<String>) -> Result<(String, String)> {
    let user = user.ok_or_else(|| {
        OpsError::usage("with --password-stdin nobody is asked for a user name", "add --username USER".to_owned())
    })?;
    let mut bytes = Vec::new();
    io::stdin().lock().take(ANSWER_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let password = String::from_utf8(bytes).ok().filter(|password| password.len() as u64 <= ANSWER_MAX_BYTES);
    let password = password.as_deref().map(|password| password.strip_suffix('\n').unwrap_or(password));
    let password = password.map(|password| password.strip_suffix('\r').unwrap_or(password));
    match password.filter(|password| !password.is_empty()) {
        Some(password) => Ok((user, password.to_owned())),
        None => Err(nothing_said()),
    }
}

/// Asks for a user name, unless it is known, and a password, which is not shown.
pub(crate) async fn said_on_terminal(place: &str, user: Option<String>) -> Result<(String, String)> {
    if !io::stdin().is_terminal() {
        let command = format!("supercargo login {place} --username USER --password-stdin < FILE");
        return Err(OpsError::usage("there is no terminal on which to ask for a password", command).into());
    }
    let asked = tokio::task::spawn_blocking(move || {
        let (mut input, mut output) = (io::stdin().lock(), io::stderr().lock());
        let _quiet = Quiet::begin()?;
        let user = match user {
            Some(user) => user,
            None => ask(&mut input, &mut output, "user name: ", true)?,
        };
        Ok((user, ask(&mut input, &mut output, "password: ", false)?))
    });
    asked.await?
}

/// Asks for a line.
fn ask(input: &mut impl Read, output: &mut impl Write, question: &str, shown: bool) -> Result<String> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut answer = Vec::new();
    let ended = loop {
        let mut byte = [0];
        match input.read(&mut byte)? {
            0 => break Err(nothing_said()),
            _ => match byte[0] {
                b'\r' | b'\n' => break Ok(()),
                INTERRUPT => break Err(Interrupted.into()),
                END if answer.is_empty() => break Err(nothing_said()),
                byte if BACKSPACE.contains(&byte) => {
                    if let Some(start) = last_character(&answer) {
                        answer.truncate(start);
                        if shown {
                            write!(output, "\u{8} \u{8}")?;
                        }
                    }
                }
                byte if byte < b' ' => {}
                _ if answer.len() as u64 == ANSWER_MAX_BYTES => break Err(nothing_said()),
                byte => {
                    answer.push(byte);
                    if shown {
                        output.write_all(&[byte])?;
                    }
                }
            },
        }
        output.flush()?;
    };
    writeln!(output)?;
    ended?;
    match String::from_utf8(answer).ok().filter(|answer| !answer.is_empty()) {
        Some(answer) => Ok(answer),
        None => Err(nothing_said()),
    }
}

/// Returns where the last character begins.
fn last_character(text: &[u8]) -> Option<usize> {
    text.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000)
}

fn nothing_said() -> anyhow::Error {
    OpsError::usage("no user name or no password was given", None).into()
}

/// A terminal that shows nothing of what is typed, and hands over each byte. It is as before when this is dropped; so a key that
/// interrupts has to be read, too, and ends no program before that.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &[u8], shown: bool) -> (Result<String>, String) {
        let mut output = Vec::new();
        let answer = ask(&mut &*typed, &mut output, "? ", shown);
        (answer, String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_line_is_read_and_shown_or_not() {
        let (answer, shown) = asked("gehx\u{7f}eim\u{1b}\nrest".as_bytes(), false);
        assert_eq!((answer.unwrap().as_str(), shown.as_str()), ("geheim", "? \n"));
        let (answer, shown) = asked("aé\u{8}b\r".as_bytes(), true);
        assert_eq!((answer.unwrap().as_str(), shown.as_str()), ("ab", "? aé\u{8} \u{8}b\n"));
    }

    #[test]
    fn nothing_and_an_interrupt_are_no_answer() {
        for typed in [&b"\n"[..], b"", b"\x04", b"abc"] {
            assert!(asked(typed, false).0.unwrap_err().downcast_ref::<OpsError>().is_some(), "{typed:?}");
        }
        assert!(asked(b"ab\x03", false).0.unwrap_err().downcast_ref::<Interrupted>().is_some());
    }
}
