//! The clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    /// A time between nothing and `longest`, so that those who wait for the same thing do not come back together.
    pub(super) fn dice(&self, longest: Duration) -> Duration {
        longest.mul_f64(f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX))
    }

    /// Starts to measure how long a read and a write take.
    pub fn start(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }
}

/// For what others read, change and write too, without a lock that all of them respect.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// How long it took so far.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Waits until whoever read before our write has written: twice as long as our own read and write took, with some dice so that
    /// writers do not stay in step. `round` counts from 0: the more writers there are, the more often it takes, and the wider they spread.
    pub async fn settle(self, round: usize) {
        let spread = 50 << round.min(5);
        let dice = getrandom::u32().unwrap_or(0) % spread.min(1000);
        let twice = (2 * self.0.elapsed()).clamp(Duration::from_millis(20), Duration::from_secs(2));
        tokio::time::sleep(twice + Duration::from_millis(dice.into())).await;
    }
}
