//! Whether HTTP/2 is spoken, as a configuration says it.

use resolve::document::{DocumentError, Key, Shape, Table, key};

use super::read;
use crate::serve::Http2;

/// Most streams of a connection that can be allowed.
const STREAMS_MAX: u64 = 1000;

pub(super) const KEYS: &[Key] = &[
    key("tls", Shape::Flag, "Whether HTTP/2 is spoken under TLS with clients that ask for it; `true`."),
    key(
        "cleartext",
        Shape::Flag,
        "Whether it is spoken without TLS, with clients that begin with it (prior knowledge); `false`.",
    ),
    key("streams", Shape::Count, "Most requests under way at once on a connection, 1000 at most; `100`."),
];

/// Takes over what the table says.
pub(super) fn apply(table: &Table<'_>, http2: &mut Http2) -> Result<(), DocumentError> {
    for (name, flag) in [("tls", &mut http2.tls), ("cleartext", &mut http2.cleartext)] {
        if table.has(name) {
            *flag = table.flag(name);
        }
    }
    if let Some(streams) = read::count(table, "streams", STREAMS_MAX)? {
        // The bound fits.
        http2.streams_max = u32::try_from(streams).unwrap_or(u32::MAX);
    }
    Ok(())
}
