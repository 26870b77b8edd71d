//! How much is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of large content that this run reads from registries. It can be looked at while they come.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    total: AtomicU64,
}

impl Traffic {
    /// How many came.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// How many there are to be, of what has begun to come.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Something of so many bytes begins to come.
    pub(super) fn expect(&self, bytes: u64) -> Expected {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
        Expected { traffic: self.clone(), left: bytes }
    }
}

/// What is to come of one thing. What does not come is not waited for.
#[derive(Debug)]
pub(super) struct Expected {
    traffic: Traffic,
    left: u64,
}

impl Expected {
    /// So many more bytes came.
    pub(super) fn came(&mut self, bytes: u64) {
        let counts = &self.traffic.0;
        // Of what has no known length nothing is expected.
        let unexpected = bytes.saturating_sub(self.left);
        self.left -= bytes - unexpected;
        counts.total.fetch_add(unexpected, Ordering::Relaxed);
        counts.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.traffic.0.total.fetch_sub(self.left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_is_not_counted() {
        let traffic = Traffic::default();
        let (mut one, mut other) = (traffic.expect(10), traffic.expect(0));
        one.came(4);
        other.came(3);
        assert_eq!((traffic.done(), traffic.total()), (7, 13));
        drop(one);
        assert_eq!((traffic.done(), traffic.total()), (7, 7));
    }
}
