//! Who sends much, and when. A registry writes down what it got before it answers: whoever sends meanwhile keeps both of us busy, while all
//! who send at the same speed end together and wait together.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns of all uploads of a run.
#[derive(Debug)]
pub(super) struct Turns {
    first: Arc<Semaphore>,
    second: Arc<Semaphore>,
}

/// It is one's turn until this is dropped: when all is sent, not when it is answered.
#[derive(Debug)]
pub(in crate::io) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self { first: one(), second: one() }
    }

    /// Waits until nobody sends, or one other does who began earlier; or until they turn out to be slow: then more at once are faster. `sent`
    /// counts the bytes of all.
    pub(super) async fn wait(&self, sent: &AtomicU64) -> Turn {
        let mut first = pin!(self.first.clone().acquire_owned());
        let mut second = pin!(async {
            tokio::time::sleep(HEAD_START).await;
            self.second.clone().acquire_owned().await
        });
        let mut seen = sent.load(Ordering::Relaxed);
        loop {
            let either = future::select(first.as_mut(), second.as_mut());
            match tokio::time::timeout(LOOK, either).await {
                Ok(turn) => return Turn { _permit: turn.factor_first().0.ok() },
                Err(_) => {
                    let now = sent.load(Ordering::Relaxed);
                    if now.wrapping_sub(seen) < FAST {
                        return Turn { _permit: None };
                    }
                    seen = now;
                }
            }
        }
    }
}

/// How much earlier the first begins, so that two of one size do not end together.
const HEAD_START: Duration = Duration::from_millis(250);
/// Between looks at how fast it goes.
const LOOK: Duration = Duration::from_millis(300);
/// Bytes between two looks that keep a machine busy: more than a gigabit a second.
const FAST: u64 = 40 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stub::wait;

    use crate::io::Clock;

    const LONG: Duration = Duration::from_millis(1000);

    /// Whether there is a turn, and how long it took, while `others` send, all the time so many bytes, and end after a while.
    fn turn(others: usize, speed: u64) -> (bool, Duration) {
        wait(async {
            let (turns, sent) = (Turns::new(), AtomicU64::new(u64::MAX));
            let mut held = Vec::new();
            for _ in 0..others {
                held.push(turns.wait(&sent).await);
            }
            let stopwatch = Clock.start();
            let sending = pin!(async {
                loop {
                    sent.fetch_add(speed, Ordering::Relaxed);
                    if stopwatch.elapsed() > LONG {
                        held.clear();
                    }
                    tokio::task::yield_now().await;
                }
            });
            match future::select(pin!(turns.wait(&sent)), sending).await {
                future::Either::Left((turn, _)) => (turn._permit.is_some(), stopwatch.elapsed()),
                future::Either::Right(((), _)) => unreachable!(),
            }
        })
    }

    #[test]
    fn two_send_at_once_as_long_as_they_are_fast() {
        assert!(turn(0, 0).0);
        let (is_turn, waited) = turn(1, FAST);
        assert!(is_turn && waited >= HEAD_START);
        let (is_turn, waited) = turn(2, FAST);
        assert!(is_turn && waited >= LONG);
        let (is_turn, waited) = turn(2, 0);
        assert!(!is_turn && waited >= LOOK);
    }
}
