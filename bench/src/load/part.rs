//! What requests are made of.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create, sendfile};

/// From how many bytes on a part is sent from a file in memory.
const FILE_BYTES: usize = 64 * 1024;

/// Bytes of a request. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Part {
    bytes: Bytes,
    length: usize,
}

#[derive(Clone, Debug)]
enum Bytes {
    Memory(Arc<[u8]>),
    /// What the kernel sends without copying it: its copy would be work of the generator, which is not what is measured.
    File(Arc<File>),
}

impl Part {
    /// Returns a part with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        let file = (length >= FILE_BYTES).then(|| in_file(&bytes).ok()).flatten();
        let bytes = file.map_or_else(|| Bytes::Memory(bytes.into()), |file| Bytes::File(Arc::new(file)));
        Self { bytes, length }
    }

    /// Returns the number of bytes.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Returns a copy of the bytes.
    ///
    /// # Errors
    /// What reading brings.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match &self.bytes {
            Bytes::Memory(bytes) => Ok(bytes.to_vec()),
            Bytes::File(file) => {
                let mut bytes = vec![0; self.length];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(bytes)
            }
        }
    }

    /// Sends bytes from `from` on, and returns how many.
    ///
    /// # Errors
    /// What the socket brings; [`io::ErrorKind::WouldBlock`] when it takes none.
    pub(super) fn send(&self, socket: &mut TcpStream, from: usize) -> io::Result<usize> {
        match &self.bytes {
            Bytes::Memory(bytes) => socket.write(bytes.get(from..).unwrap_or_default()),
            Bytes::File(file) => {
                let mut offset = u64::try_from(from).map_err(io::Error::other)?;
                Ok(sendfile(socket, file, Some(&mut offset), self.length.saturating_sub(from))?)
            }
        }
    }
}

fn in_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("part", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}
