//! gzip without compression (RFC 1951 section 3.2.4, RFC 1952): every decompressor reads it, and it costs nothing to make.

/// Most bytes of a stored block: its length field has 16 bits.
const BLOCK_BYTES: usize = u16::MAX as usize;

/// Returns `content` as a gzip file of stored blocks, with a fixed time in its header.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    // Magic, method deflate, no flags, no time, no hint, system unknown.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    file.reserve(content.len() + content.len() / BLOCK_BYTES * 5 + 32);
    let blocks = content.len().div_ceil(BLOCK_BYTES).max(1);
    for block in 0..blocks {
        let start = block * BLOCK_BYTES;
        let bytes = &content[start..content.len().min(start + BLOCK_BYTES)];
        let length = u16::try_from(bytes.len()).unwrap();
        file.push(u8::from(block + 1 == blocks));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(bytes);
    }
    file.extend_from_slice(&crc32(content).to_le_bytes());
    // RFC 1952: the size modulo 2^32.
    file.extend_from_slice(&content.len().to_le_bytes()[..4]);
    file
}

/// CRC-32 of ISO 3309, table driven: a byte at a time is fast enough for test content.
fn crc32(content: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    !content.iter().fold(u32::MAX, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0_u32;
    while index < 256 {
        let mut value = index;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index as usize] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{crc32, gzip};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn content_of_nothing_and_of_several_blocks_has_the_right_frame() {
        assert_eq!(gzip(b"").len(), 10 + 5 + 8);
        let content = vec![7; 200_000];
        assert_eq!(gzip(&content).len(), 10 + 4 * 5 + 200_000 + 8);
    }
}
