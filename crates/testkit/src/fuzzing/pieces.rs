//! Inputs of several pieces, of which later ones name earlier ones by digest.
//!
//! No fuzzer guesses a digest. So an input writes `$0` to `$9` and `$a` to `$z` for the fields `digest` and `size` of an earlier
//! piece's descriptor, and `@0` to `@z` for the digest alone.

use bytes::Bytes;
use oci::Digest;

/// Most pieces of one input: as many as one character can number.
const PIECES_MAX: usize = 36;

/// Longest piece that names others, in bytes before they are put in.
const PIECE_MAX_BYTES: usize = 64 * 1024;

/// Returns the pieces, which are separated by zero bytes, with what they name put in.
pub(super) fn pieces(data: &[u8]) -> Vec<Bytes> {
    pieces_named_by(data, |piece| piece)
}

/// Returns the pieces. A piece is named by the digest of what `content` takes of it.
pub(super) fn pieces_named_by(data: &[u8], content: impl Fn(&[u8]) -> &[u8]) -> Vec<Bytes> {
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut names: Vec<(Digest, usize)> = Vec::new();
    for piece in data.split(|byte| *byte == 0).take(PIECES_MAX) {
        let piece = with_names(&piece[..piece.len().min(PIECE_MAX_BYTES)], &names);
        let essence = content(&piece);
        names.push((Digest::sha256(essence), essence.len()));
        pieces.push(piece.into());
    }
    pieces
}

fn with_names(piece: &[u8], names: &[(Digest, usize)]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(piece.len());
    let mut rest = piece.iter();
    while let Some(&byte) = rest.next() {
        let number = rest.as_slice().first().and_then(|digit| char::from(*digit).to_digit(36));
        match number.and_then(|number| names.get(number as usize)).filter(|_| matches!(byte, b'$' | b'@')) {
            Some((digest, size)) => {
                rest.next();
                let name = match byte {
                    b'$' => format!(r#""digest":"{digest}","size":{size}"#),
                    _ => digest.to_string(),
                };
                whole.extend_from_slice(name.as_bytes());
            }
            None => whole.push(byte),
        }
    }
    whole
}
