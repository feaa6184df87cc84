//! A server that ends with the process that started it, in whichever way that ends.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs the rest of its arguments in the directory `$1` until a line is read or no more can come. In the second case those who
/// would remove the directory have ended, so it goes too.
const SCRIPT: &str = r#"
directory=$1
shift
"$@" >>"$directory/log" 2>&1 </dev/null &
server=$!
read -r word
kill -INT "$server"
wait "$server"
test "$word" = stop || rm -r -- "$directory"
"#;

/// A shell that waits beside a server for the end of the tests: its standard input is closed then.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    input: ChildStdin,
}

impl Guard {
    /// Starts a server whose files are in a directory, where its `log` is too; as `user` where that is not who we are.
    pub(super) fn start(directory: &Path, user: Option<u32>, server: &[&str]) -> Self {
        let mut shell = Command::new("/bin/sh");
        // Whoever interrupts the tests must not interrupt the shell.
        shell.process_group(0).env_clear().env("PATH", "/usr/bin:/bin").current_dir(directory);
        if let Some(user) = user {
            shell.uid(user).gid(user);
        }
        shell.args(["-c", SCRIPT, "sh"]).arg(directory).args(server);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let input = shell.stdin.take().unwrap();
        Self { shell, input }
    }

    /// Stops the server and waits for its end. The directory stays.
    pub(super) fn stop(mut self) {
        self.input.write_all(b"stop\n").unwrap();
        self.shell.wait().unwrap();
    }
}

/// Returns what a server has said.
pub(super) fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}
