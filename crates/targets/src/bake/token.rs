//! Tokens of HCL: enough to tell strings, names and brackets from each other.

use std::ops::Range;

use crate::error::TargetError;
use crate::limits::{DEPTH_MAX, NODES_MAX};
use crate::position::syntax;

/// A token and its bytes.
pub(super) struct Token {
    pub(super) kind: Kind,
    /// All of it; of a string, what is between the quotes.
    pub(super) span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Name,
    /// A string in quotes.
    String,
    /// The end of a line.
    Newline,
    /// A bracket, a separator or an operator of one character.
    Sign(u8),
    /// A heredoc.
    Heredoc,
}

/// Takes a file apart. Blanks and comments are dropped.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, TargetError> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let (kind, end) = match byte {
            b'\n' => (Some(Kind::Newline), at + 1),
            b' ' | b'\t' | b'\r' => (None, at + 1),
            b'#' => (None, at + line_length(rest)),
            b'/' if rest.starts_with(b"//") => (None, at + line_length(rest)),
            b'/' if rest.starts_with(b"/*") => {
                let end = source[at + 2..].find("*/");
                (None, at + 4 + end.ok_or_else(|| syntax(source, at, "a comment is not closed"))?)
            }
            b'"' => (Some(Kind::String), string(source, at)?),
            b'<' if rest.starts_with(b"<<") => match heredoc(source, at)? {
                Some(end) => (Some(Kind::Heredoc), end),
                None => (Some(Kind::Sign(byte)), at + 1),
            },
            _ if is_name(byte) => (Some(Kind::Name), at + rest.iter().take_while(|byte| is_name(**byte)).count()),
            _ => (Some(Kind::Sign(byte)), at + 1),
        };
        if let Some(kind) = kind {
            if tokens.len() == NODES_MAX {
                return Err(syntax(source, at, format!("more than {NODES_MAX} tokens")));
            }
            let span = if kind == Kind::String { at + 1..end - 1 } else { at..end };
            tokens.push(Token { kind, span });
        }
        at = end;
    }
    Ok(tokens)
}

/// Letters, digits and everything that is not ASCII.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || !byte.is_ascii()
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// Returns where a string ends, its quotes included. Between `${` and `}` there may be strings again.
fn string(source: &str, start: usize) -> Result<usize, TargetError> {
    #[derive(PartialEq)]
    enum Inside {
        Quotes,
        Braces,
    }
    let bytes = source.as_bytes();
    let mut inside = vec![Inside::Quotes];
    let mut at = start + 1;
    while let (Some(&byte), Some(innermost)) = (bytes.get(at), inside.last()) {
        let next = bytes.get(at + 1);
        let is_quoted = *innermost == Inside::Quotes;
        let mut length = 1;
        match byte {
            b'\\' if is_quoted => length = 2,
            b'\n' if is_quoted => break,
            b'"' if is_quoted => {
                inside.pop();
            }
            b'"' => inside.push(Inside::Quotes),
            // Doubled, they stand for themselves.
            b'$' | b'%' if is_quoted && next == Some(&byte) => length = 2,
            b'$' | b'%' if is_quoted && next == Some(&b'{') => {
                inside.push(Inside::Braces);
                length = 2;
            }
            b'{' if !is_quoted => inside.push(Inside::Braces),
            b'}' if !is_quoted => {
                inside.pop();
            }
            _ => {}
        }
        at += length;
        if inside.is_empty() {
            return Ok(at);
        }
        if inside.len() > DEPTH_MAX {
            return Err(syntax(source, at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
    }
    Err(syntax(source, start, "a quote is not closed"))
}

/// Returns where a heredoc ends; `None` where there is none.
fn heredoc(source: &str, start: usize) -> Result<Option<usize>, TargetError> {
    let rest = &source[start + 2..];
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let name: &str = &rest[..rest.bytes().take_while(|byte| is_name(*byte)).count()];
    let after = &rest[name.len()..];
    if name.is_empty() || !after.trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
        return Ok(None);
    }
    let mut at = start + source[start..].find('\n').unwrap_or_default() + 1;
    for line in source[at..].split_inclusive('\n') {
        let text = line.trim_end_matches(['\r', '\n']);
        if text.trim() == name {
            // The end of the line ends the attribute as well.
            return Ok(Some(at + text.len()));
        }
        at += line.len();
    }
    Err(syntax(source, start, format!("`{name}` does not end")))
}
