//! How much of a body is still to come.

use anyhow::{Context, Result, bail};

use super::answer::Answer;

/// Most bytes of a line with the size of a chunk.
const LINE_BYTES: usize = 64;

/// The rest of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes, nothing of which needs to be looked at.
    Counted(u64),
    Chunked(Chunked),
}

impl Body {
    /// Returns the body that follows a head.
    ///
    /// # Errors
    /// When the head does not say where the body ends.
    pub(super) fn after(answer: &Answer, head_only: bool) -> Result<Self> {
        if head_only || matches!(answer.status, 204 | 304) {
            return Ok(Self::Counted(0));
        }
        if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
            return Ok(Self::Chunked(Chunked::default()));
        }
        Ok(Self::Counted(answer.length().context("an answer that does not say how long it is")?))
    }

    pub(super) const fn is_over(&self) -> bool {
        match self {
            Self::Counted(left) => *left == 0,
            Self::Chunked(chunked) => matches!(chunked.part, Part::Over),
        }
    }

    /// Takes bytes that came.
    ///
    /// # Errors
    /// More than belongs to the body, or chunks that are none.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Counted(_) => self.skip(u64::try_from(bytes.len())?),
            Self::Chunked(chunked) => chunked.take(bytes),
        }
    }

    /// Counts bytes of a [`Body::Counted`] that were thrown away unseen.
    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        let Self::Counted(left) = self else { bail!("chunks have to be looked at") };
        *left = left.checked_sub(count).context("an answer longer than it says")?;
        Ok(())
    }
}

/// A body in chunks.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    part: Part,
    line: Vec<u8>,
}

#[derive(Debug, Default)]
enum Part {
    #[default]
    Size,
    /// Bytes of a chunk and the end of line behind it.
    Data(u64),
    /// Lines behind the last chunk, until an empty one.
    Trailer,
    Over,
}

impl Chunked {
    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some((&first, rest)) = bytes.split_first() {
            match &mut self.part {
                Part::Over => bail!("something behind the last chunk"),
                Part::Data(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= u64::try_from(count)?;
                    if *left == 0 {
                        self.part = Part::Size;
                    }
                    bytes = bytes.get(count..).unwrap_or_default();
                    continue;
                }
                Part::Size | Part::Trailer if first != b'\n' => {
                    self.line.push(first);
                    if self.line.len() > LINE_BYTES {
                        bail!("a chunk with a line of more than {LINE_BYTES} bytes");
                    }
                }
                Part::Size => {
                    let line = std::str::from_utf8(self.line.trim_ascii()).context("the size of a chunk")?;
                    let size = u64::from_str_radix(line, 16).context("the size of a chunk")?;
                    let with_end = size.checked_add(2).context("the size of a chunk")?;
                    self.part = if size == 0 { Part::Trailer } else { Part::Data(with_end) };
                    self.line.clear();
                }
                Part::Trailer => {
                    if self.line.trim_ascii().is_empty() {
                        self.part = Part::Over;
                    }
                    self.line.clear();
                }
            }
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_they_say_however_they_come() {
        let whole = b"5\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
        for cut in 0..whole.len() {
            let mut body = Body::Chunked(Chunked::default());
            let (first, second) = whole.split_at(cut);
            body.take(first).unwrap();
            assert!(!body.is_over(), "cut at {cut}");
            body.take(second).unwrap();
            assert!(body.is_over(), "cut at {cut}");
            assert!(body.take(b"x").is_err());
        }
        assert!(Body::Chunked(Chunked::default()).take(b"five\r\n").is_err());
    }

    #[test]
    fn a_counted_body_brings_no_more_than_it_says() {
        let mut body = Body::Counted(4);
        body.take(b"abc").unwrap();
        assert!(!body.is_over());
        assert!(body.take(b"de").is_err());
        body.skip(1).unwrap();
        assert!(body.is_over());
    }
}
