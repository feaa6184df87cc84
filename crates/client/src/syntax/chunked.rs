//! The chunked transfer coding (RFC 9112 section 7.1).

use bytes::{Buf as _, Bytes, BytesMut};

/// Longest line of a chunked body: a size with its extensions, or a trailer field.
const LINE_MAX_BYTES: usize = 4096;

/// Most trailer lines that are skipped.
const TRAILERS_MAX: usize = 64;

/// Where a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer(usize),
    Done,
}

/// Takes the coding off a body as its bytes come in.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Size }
    }
}

impl Decoder {
    /// Takes the next content out of `buffer`. `None` says that more bytes are needed, or that the body has ended
    /// ([`Decoder::is_done`]); what follows it is left in the buffer.
    ///
    /// # Errors
    /// [`ChunkedError`] when the bytes are not of this coding; the connection is of no more use then.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, ChunkedError> {
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Size => {
                    let Some(line) = take_line(buffer)? else { return Ok(None) };
                    self.state = match size(&line)? {
                        0 => State::Trailer(0),
                        size => State::Data(size),
                    };
                }
                State::Data(left) => {
                    if buffer.is_empty() {
                        return Ok(None);
                    }
                    let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let content = buffer.split_to(count).freeze();
                    let left = left - count as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Some(content));
                }
                State::DataEnd => {
                    if buffer.len() < 2 {
                        return Ok(None);
                    }
                    if !buffer.starts_with(b"\r\n") {
                        return Err(ChunkedError);
                    }
                    buffer.advance(2);
                    self.state = State::Size;
                }
                State::Trailer(seen) => {
                    let Some(line) = take_line(buffer)? else { return Ok(None) };
                    self.state = if line.is_empty() {
                        State::Done
                    } else if seen == TRAILERS_MAX {
                        return Err(ChunkedError);
                    } else {
                        State::Trailer(seen + 1)
                    };
                }
            }
        }
    }

    /// Tells whether the whole body has been taken.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }
}

fn take_line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, ChunkedError> {
    match buffer.windows(2).take(LINE_MAX_BYTES).position(|pair| pair == b"\r\n") {
        Some(end) => {
            let line = buffer.split_to(end);
            buffer.advance(2);
            Ok(Some(line))
        }
        None if buffer.len() > LINE_MAX_BYTES => Err(ChunkedError),
        None => Ok(None),
    }
}

fn size(line: &[u8]) -> Result<u64, ChunkedError> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii_end();
    let text = std::str::from_utf8(digits).map_err(|_| ChunkedError)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ChunkedError);
    }
    u64::from_str_radix(text, 16).map_err(|_| ChunkedError)
}

/// A body that is not of the chunked transfer coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body breaks the chunked transfer coding")]
pub struct ChunkedError;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{ChunkedError, Decoder};

    fn decode(wire: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), ChunkedError> {
        let mut decoder = Decoder::default();
        let mut buffer = BytesMut::new();
        let mut content = Vec::new();
        for part in wire.chunks(step) {
            buffer.extend_from_slice(part);
            while let Some(bytes) = decoder.decode(&mut buffer)? {
                content.extend_from_slice(&bytes);
            }
        }
        Ok((content, decoder.is_done(), buffer.len()))
    }

    #[test]
    fn decodes_in_any_pieces() {
        let wire = b"4;x=y\r\nWiki\r\nB\r\npedia in \r\n\r\n0\r\nTrailer: t\r\n\r\nnext";
        for step in 1..wire.len() {
            assert_eq!(decode(wire, step).unwrap(), (b"Wikipedia in \r\n".to_vec(), true, 4), "step {step}");
        }
    }

    #[test]
    fn refuses_other_bytes() {
        for wire in [&b"x\r\n"[..], b"\r\n", b"-1\r\n", b"10000000000000000\r\n", b"1\r\nab\r\n", b"+1\r\n"] {
            assert_eq!(decode(wire, 64).unwrap_err(), ChunkedError, "{wire:?}");
        }
        assert_eq!(decode(&[b'1'; 5000], 5000).unwrap_err(), ChunkedError);
    }
}
