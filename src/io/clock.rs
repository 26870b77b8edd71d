//! The clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;

/// Reads the time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Clock {
    /// Now, in whole seconds. A clock before 1970 or after 9999 reads as 1970, at which every policy is not yet valid or keys are not yet
    /// known: it can deny, never allow.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        i64::try_from(since)
            .ok()
            .and_then(|seconds| Timestamp::from_seconds(seconds).ok())
            .unwrap_or(Timestamp::EPOCH)
    }
}
