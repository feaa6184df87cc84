//! Passwords that were typed where a place belongs (`USER:PASSWORD@HOST`): no message says them again.

use std::ffi::OsString;

use oci::{Algorithm, Host};

/// What stands where something was hidden.
const HIDDEN: &str = "***";

/// Fewest characters of a part of a password that is hidden wherever it stands: fewer stand in many a word.
const PART_MIN: usize = 4;

/// So many characters tell that a password begins, as messages cut what is long.
const HEAD: usize = 12;

/// Fewest hexadecimal digits that are a hash value.
const HASH_MIN: usize = 32;

/// What is followed by a colon, and is no user.
const FORMS: [&str; 6] = ["oci", "oci-archive", "docker-archive", "store", "pkg", "mailto"];

/// What a word says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UserInfo<'a> {
    /// What comes before it.
    before: &'a str,
    /// What is secret.
    secret: &'a str,
    /// What comes behind the `@`.
    behind: &'a str,
}

impl<'a> UserInfo<'a> {
    /// Finds it in a word. A tag or a port before an `@` is none, nor is anything before a digest or a requirement.
    fn find(word: &'a str) -> Option<Self> {
        let (start, is_url) = match word.find("://") {
            Some(at) => (at + 3, true),
            None => (start_of_place(word), false),
        };
        let (before, place) = word.split_at(start);
        place.rmatch_indices('@').find_map(|(at, _)| {
            let (info, behind) = (&place[..at], &place[at + 1..]);
            let (user, password) = info.split_once(':').unwrap_or((info, ""));
            let is_port =
                password.split_once('/').is_some_and(|(port, _)| port.bytes().all(|byte| byte.is_ascii_digit()));
            let is_user = (is_url || info.contains(':')) && !user.contains('/') && !is_port;
            let secret = if password.is_empty() { user } else { password };
            (is_user && may_be_host(behind)).then_some(Self { before, secret, behind })
        })
    }

    /// Returns the word without it.
    fn hidden(self) -> String {
        format!("{}{HIDDEN}@{}", self.before, self.behind)
    }
}

/// Returns where a place begins in `--option=PLACE`, `ONE,PLACE` and `oci:PLACE`.
fn start_of_place(word: &str) -> usize {
    let mut start = word.find(':').and_then(|colon| word[..colon].rfind(['=', ','])).map_or(0, |at| at + 1);
    while let Some((form, _)) = word[start..].split_once(':').filter(|(form, _)| FORMS.contains(form)) {
        start += form.len() + 1;
    }
    start
}

/// Whether something behind an `@` is neither a digest nor what is wanted of a version.
fn may_be_host(behind: &str) -> bool {
    let algorithm = behind.split([':', '%']).next().unwrap_or_default();
    // What stands there without its algorithm is a mistake, and no host either.
    let is_digest = Algorithm::ALL.iter().any(|known| known.name().eq_ignore_ascii_case(algorithm))
        || behind.len() >= HASH_MIN && behind.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_version = behind.split('.').count() <= 3
        && behind.split('.').all(|part| part.parse::<u64>().is_ok() || matches!(part, "x" | "X" | "*"));
    let begins = |character: char| character.is_alphanumeric() || character == '[';
    !is_digest && !is_version && behind.chars().next().is_none_or(begins)
}

/// Returns a text without the passwords in it, and without those of the command line in whatever form the text has them.
pub(super) fn hide(text: &str, typed: &[OsString]) -> String {
    let mut text = text.to_owned();
    for word in typed {
        let word = word.to_string_lossy();
        let Some(found) = UserInfo::find(&word) else { continue };
        text = text.replace(&*word, &found.hidden());
        let parts = found.secret.split(|character: char| !character.is_alphanumeric());
        for part in std::iter::once(found.secret).chain(parts).filter(|part| part.chars().count() >= PART_MIN) {
            text = hide_part(&text, part);
        }
    }
    let is_edge = |character: char| character.is_whitespace() || matches!(character, '`' | '\'' | '"');
    let word = |word: &str| {
        let end = word.trim_end_matches(is_edge).len();
        UserInfo::find(&word[..end]).map_or_else(|| word.to_owned(), |found| found.hidden() + &word[end..])
    };
    text.split_inclusive(is_edge).map(word).collect()
}

/// Hides a part of a password, also where only its beginning stands.
fn hide_part(text: &str, part: &str) -> String {
    let head: String = part.chars().take(HEAD).collect();
    let mut pieces = text.split(&*head);
    let mut hidden = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let same = piece.chars().zip(part[head.len()..].chars()).take_while(|(one, other)| one == other);
        hidden.push_str(HIDDEN);
        hidden.push_str(&piece[same.map(|(character, _)| character.len_utf8()).sum()..]);
    }
    hidden
}

/// Returns what there is to say, and the command to type, when a place has a user in it.
pub(super) fn advice(typed: &[OsString]) -> Option<(String, String)> {
    // What comes behind `--` is another program's.
    let own = typed.iter().skip(1).take_while(|word| *word != "--");
    own.map(|word| word.to_string_lossy()).find_map(|word| {
        let found = UserInfo::find(&word)?;
        let host = found.behind.split('/').next().unwrap_or_default();
        let host = host.parse::<Host>().map_or_else(|_| "HOST".to_owned(), |host| host.to_string());
        let reason = format!(
            "  `{}` looks like a user and a password before a host: a password is no argument, as others on this machine could read it",
            oci::text::printable(&found.hidden())
        );
        Some((reason, format!("supercargo login {host} --username USER --password-stdin")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_is_no_user_stays() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for word in [
            "host.example:5000/app@^1.2",
            "localhost:5000/app@1.2.3",
            "localhost:5000/app@latest",
            "app@^1.2",
            "app:1.0@~1.0",
            "app:1.0@1.x",
            "oci:dir/image@2",
            "oci:app:1.0@sha256:0123",
            "pkg:oci/app@sha256%3A0123",
            "https://h.example:8443/team/w.yml@refs/heads/main",
            "https://github.com/team/app/.github/workflows/w.yml@refs/tags/v1",
            "mailto:ada@h.example",
            "git@h.example",
        ] {
            assert_eq!(hide(word, &typed(&["supercargo", word])), word);
            assert_eq!(advice(&typed(&["supercargo", word])), None);
        }
        for place in ["app", "app:1.0", "h.example:5000/app:1.0", "oci:dir", "https://h.example:1/app"] {
            for digest in [&*digest, &digest.to_ascii_uppercase(), &digest[7..]] {
                let word = format!("{place}@{digest}");
                assert_eq!(hide(&word, &[]), word);
            }
        }
    }

    #[test]
    fn what_is_before_a_host_is_hidden_in_every_text() {
        for (word, hidden) in [
            ("u:secret@h", "***@h"),
            ("u:secret@", "***@"),
            (":secret@h", "***@h"),
            ("ada@corp.example:se@cret@h", "***@h"),
            ("u:sec/ret@h/app:1", "***@h/app:1"),
            ("u:secret@127.0.0.1:5000/app@^1", "***@127.0.0.1:5000/app@^1"),
            ("u:secret@h/app@sha256:01", "***@h/app@sha256:01"),
            ("u:secret@[::1]:5000/app", "***@[::1]:5000/app"),
            ("oci:u:secret@h", "oci:***@h"),
            ("docker://u:secret@h/app", "docker://***@h/app"),
            ("https://token@h/app", "https://***@h/app"),
            ("https://u:sec/ret@h", "https://***@h"),
            ("--jobs=u:secret@h", "--jobs=***@h"),
            ("linux/amd64,u:secret@h", "linux/amd64,***@h"),
        ] {
            let text = format!("`{word}` and '{word}' are not\n{word}");
            let shown = format!("`{hidden}` and '{hidden}' are not\n{hidden}");
            assert_eq!(hide(&text, &[]), shown);
            assert_eq!(hide(&text, &typed(&["supercargo", word])), shown);
        }
    }

    #[test]
    fn parts_of_a_password_that_was_typed_are_hidden() {
        let typed = typed(&["supercargo", "u:correct horse/battery-staple-0123456789@h"]);
        assert_eq!(hide("`u:correct horse/battery-staple-01234` is cut", &typed), "`u:***` is cut");
        assert_eq!(hide("a host `battery-staple`", &typed), "a host `***-***`");
    }

    #[test]
    fn who_types_a_password_is_told_how_to_log_in() {
        let (reason, help) = advice(&typed(&["supercargo", "inspect", "https://u:secret@h.example:5000/app"])).unwrap();
        assert!(reason.contains("`https://***@h.example:5000/app`") && !reason.contains("secret"), "{reason}");
        assert_eq!(help, "supercargo login h.example:5000 --username USER --password-stdin");
        assert_eq!(advice(&typed(&["supercargo", "bisect", "run", "--", "curl", "https://u:secret@h"])), None);
    }
}
