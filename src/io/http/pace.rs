//! Whether something large comes at all: a server may send a byte a minute, for years.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;

use super::{HttpError, body};
use crate::base::limits;

/// How much must come in how long a wait. Time in which nobody asks for more does not count.
#[derive(Debug)]
pub(in crate::io) struct Pace {
    least: u64,
    window: Duration,
    came: u64,
    waited: Duration,
}

impl Pace {
    pub(in crate::io) fn new() -> Self {
        Self::of(limits::TRICKLE, Duration::from_secs(limits::BODY_SECONDS))
    }

    pub(in crate::io) fn of(least: u64, window: Duration) -> Self {
        Self { least, window, came: 0, waited: Duration::ZERO }
    }

    /// The next piece of a body; none at its end.
    pub(in crate::io) async fn next(&mut self, response: &mut Response) -> Result<Option<Bytes>, HttpError> {
        let asked = Instant::now();
        let piece = body::next(response).await?;
        if let Some(piece) = &piece {
            self.count(piece.len() as u64, asked.elapsed())?;
        }
        Ok(piece)
    }

    fn count(&mut self, came: u64, waited: Duration) -> Result<(), HttpError> {
        self.came += came;
        self.waited += waited;
        if self.waited < self.window {
            return Ok(());
        }
        let (bytes, seconds) = (self.came, self.waited.as_secs());
        (self.came, self.waited) = (0, Duration::ZERO);
        if bytes < self.least { Err(HttpError::Trickle { bytes, seconds }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_looked_at_by_itself() {
        let mut pace = Pace::of(100, Duration::from_secs(10));
        let mut count = |came, seconds| pace.count(came, Duration::from_secs(seconds)).is_ok();
        assert!(count(0, 9) && count(100, 1));
        assert!(count(1_000_000, 10));
        // What came before does not help.
        assert!(count(50, 9) && !count(49, 1));
        assert!(count(99, 9) && count(1, 100));
    }
}
