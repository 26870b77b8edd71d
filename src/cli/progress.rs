//! How far a transfer is, in one line for a terminal.

use std::time::Duration;

use super::render::copied::Size;
use crate::io::copy::Progress;
use crate::io::{Clock, Stopwatch, Traffic};

/// How far it is right now.
pub(super) struct Standing {
    what: String,
    pub(super) done: u64,
    total: u64,
}

impl Standing {
    /// Content that comes from registries.
    pub(super) fn reading(traffic: &Traffic) -> Self {
        Self { what: "reading".to_owned(), done: traffic.done(), total: traffic.total() }
    }

    /// A copy: its manifests, and then its blobs.
    pub(super) fn copying(progress: &Progress) -> Self {
        let what = match progress.blobs() {
            (_, 0) => format!("reading {} manifests", progress.manifests()),
            (done, all) => format!("copying {done} of {all} blobs"),
        };
        Self { what, done: progress.bytes(), total: progress.total() }
    }

    /// What is going on, a bar, bytes, and so many of them in a second.
    pub(super) fn line(&self, rate: u64) -> String {
        let Self { what, done, total } = self;
        if *total == 0 {
            return format!("{what} …");
        }
        // What has to be sent again is counted again.
        let done = *done.min(total);
        let full = usize::try_from(u128::from(done) * BAR as u128 / u128::from(*total)).unwrap_or(BAR);
        let (full, empty) = ("#".repeat(full), "-".repeat(BAR - full.min(BAR)));
        format!("{what} [{full}{empty}] {} of {}, {}/s", Size(done), Size(*total), Size(rate))
    }
}

/// How fast it goes: each look counts as much as all before it together.
pub(super) struct Rate {
    since: Stopwatch,
    done: u64,
    rate: Option<f64>,
}

impl Rate {
    pub(super) fn start() -> Self {
        Self { since: Clock.start(), done: 0, rate: None }
    }

    /// Bytes in a second, now that so many are done.
    pub(super) fn now(&mut self, done: u64) -> u64 {
        let seconds = std::mem::replace(&mut self.since, Clock.start()).elapsed().as_secs_f64();
        let latest = done.saturating_sub(self.done) as f64 / seconds.max(0.001);
        self.done = done;
        let rate = self.rate.map_or(latest, |before| (before + latest) / 2.0);
        self.rate = Some(rate);
        rate as u64
    }
}

/// How often a terminal is told.
pub(super) const REFRESH: Duration = Duration::from_millis(200);
/// Characters of the bar.
const BAR: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal() {
        let line = |done, total| Standing { what: "reading".to_owned(), done, total }.line(1_500_000);
        assert_eq!(line(0, 0), "reading …");
        assert_eq!(line(0, 10), "reading [----------------] 0 B of 10 B, 1.5 MB/s");
        assert_eq!(line(5_000, 10_000), "reading [########--------] 5.0 kB of 10.0 kB, 1.5 MB/s");
        assert_eq!(line(10, 10), "reading [################] 10 B of 10 B, 1.5 MB/s");
        assert_eq!(line(11, 10), line(10, 10));
        assert_eq!(line(u64::MAX, u64::MAX).matches('#').count(), BAR);
        let what = "copying 9999 of 10000 blobs".to_owned();
        let long = Standing { what, done: 999_900_000, total: 999_900_000 }.line(999_900_000);
        assert!(long.chars().count() <= 80, "{long}");
    }

    #[test]
    fn a_rate_follows_what_is_done() {
        let mut rate = Rate::start();
        std::thread::sleep(Duration::from_millis(20));
        let first = rate.now(1_000_000);
        assert!(first > 0 && first <= 50_000_000, "{first}");
        std::thread::sleep(Duration::from_millis(5));
        // Nothing came.
        assert!(rate.now(1_000_000) < first);
        // What is counted again does not make it negative.
        rate.now(0);
    }
}
