//! Holds the end of a body back until it may be sent.
//!
//! As long as a byte is missing the other side can do nothing with what it has: so the body may move while it is still being
//! found out whether it should.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::StoreError;
use store::body::ByteStream;
use tokio::sync::watch;

/// Bytes that are held back of a body that is not a stream of chunks.
pub(crate) const HELD_BYTES: u64 = 1;

/// What the end of a body waits at.
#[derive(Clone, Debug)]
pub(crate) struct Gate(watch::Receiver<bool>);

/// Opens a gate.
#[derive(Debug)]
pub(crate) struct Keeper(watch::Sender<bool>);

impl Keeper {
    pub(crate) fn open(self) {
        self.0.send_replace(true);
    }
}

impl Gate {
    /// Returns a closed gate, and what opens it.
    pub(crate) fn new() -> (Keeper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Keeper(sender), Self(receiver))
    }

    /// Waits until the gate is open, for ever where nothing can open it any more.
    pub(crate) async fn passed(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|open| *open).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Returns the chunks; the last of them only when the gate is open.
pub(crate) fn hold(chunks: ByteStream, gate: Option<Gate>) -> ByteStream {
    let Some(gate) = gate else { return chunks };
    let state = Held { chunks: Some(chunks), gate, last: None };
    stream::try_unfold(state, async |mut state| Ok(state.next().await?.map(|chunk| (chunk, state)))).boxed()
}

struct Held {
    chunks: Option<ByteStream>,
    gate: Gate,
    last: Option<Bytes>,
}

impl Held {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let Some(chunks) = &mut self.chunks else { return Ok(None) };
            let Some(chunk) = chunks.try_next().await? else {
                self.chunks = None;
                if self.last.is_some() {
                    self.gate.passed().await;
                }
                return Ok(self.last.take());
            };
            if let Some(before) = self.last.replace(chunk) {
                return Ok(Some(before));
            }
        }
    }
}
