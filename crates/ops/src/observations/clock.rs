//! The time, as whoever runs the operations tells it.

use std::fmt;
use std::sync::Arc;

use oci::Timestamp;

/// Tells the time. The default knows none.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>);

impl Clock {
    /// Returns a clock that asks for the time whenever it is wanted.
    pub fn new(time: impl Fn() -> Option<Timestamp> + Send + Sync + 'static) -> Self {
        Self(Arc::new(time))
    }

    /// Returns the time; `None` where it is not known.
    pub fn now(&self) -> Option<Timestamp> {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(|| None)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
