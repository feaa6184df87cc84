//! The head of an answer: as little of it as a load needs to know.

use anyhow::{Context, Result, ensure};

/// Most bytes of a head.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    head: Vec<u8>,
}

impl Answer {
    /// Forgets what was taken.
    pub(super) fn clear(&mut self) {
        self.status = 0;
        self.head.clear();
    }

    /// Takes bytes that came; returns how many of them belong to a head that is now whole, `None` when more is needed.
    ///
    /// # Errors
    /// Something that is no head, or too long.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        // The end may lie in what came before and in what comes now.
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = before.saturating_sub(END.len() - 1);
        let Some(found) = self.head.get(from..).and_then(|new| new.windows(END.len()).position(|at| at == END)) else {
            ensure!(self.head.len() <= HEAD_BYTES, "a head of more than {HEAD_BYTES} bytes");
            return Ok(None);
        };
        let length = from + found + END.len();
        self.head.truncate(length);
        let status = self.head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
        self.status = status.and_then(|status| status.try_into().ok()).context("no answer of HTTP/1.1")?;
        Ok(Some(length - before))
    }

    /// Returns the value of a header, named in small letters.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let lines = self.head.split(|&byte| byte == b'\n').skip(1);
        lines.filter_map(|line| line.split_at_checked(name.len())).find_map(|(start, rest)| {
            let value = rest.strip_prefix(b":").filter(|_| start.eq_ignore_ascii_case(name.as_bytes()))?;
            Some(value.trim_ascii())
        })
    }

    /// Returns what `Content-Length` says.
    pub fn length(&self) -> Option<u64> {
        number(self.header("content-length")?)
    }
}

/// Returns a decimal number; `None` for anything else.
fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 201 Created\r\nLOCATION: /a?b\r\ncontent-length:  12 \r\nLocation-Of: x\r\n\r\n";

    #[test]
    fn a_head_is_found_however_it_comes_in_pieces() {
        for cut in 0..=HEAD.len() {
            let mut answer = Answer::default();
            let (first, second) = HEAD.split_at(cut);
            let mut taken = answer.take(first).unwrap();
            if cut < HEAD.len() {
                assert_eq!(taken, None, "cut at {cut}");
                taken = answer.take(&[second, b"body"].concat()).unwrap();
                assert_eq!(taken, Some(second.len()));
            } else {
                assert_eq!(taken, Some(HEAD.len()));
            }
            assert_eq!((answer.status, answer.length()), (201, Some(12)));
            assert_eq!(answer.header("location"), Some(&b"/a?b"[..]));
            assert_eq!(answer.header("etag"), None);
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(Answer::default().take(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(Answer::default().take(b"HTTP/1.1 2x0 OK\r\n\r\n").is_err());
        assert!(Answer::default().take(&vec![b'x'; HEAD_BYTES + 1]).is_err());
    }
}
