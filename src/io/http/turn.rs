//! Who sends much, and when. A registry writes down what it got before it answers: whoever sends meanwhile keeps both of us busy, while all
//! who send at the same speed end together and wait together.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns of all uploads of a run.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// It is one's turn until this is dropped: when all is sent, not when it is answered.
#[derive(Debug)]
pub(in crate::io) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Waits until few others send, as long as they are fast: where the way is slow, more at once are faster. `sent` counts the bytes of all.
    pub(super) async fn wait(&self, sent: &AtomicU64) -> Turn {
        let mut turn = pin!(self.0.clone().acquire_owned());
        let mut seen = sent.load(Ordering::Relaxed);
        loop {
            match tokio::time::timeout(LOOK, turn.as_mut()).await {
                Ok(permit) => return Turn { _permit: permit.ok() },
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

/// Who sends without waiting.
const AT_ONCE: usize = 2;
/// Between looks at how fast it goes.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes between two looks that keep a machine busy: more than a gigabit a second.
const FAST: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use futures_util::future;

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
    fn few_send_at_once_as_long_as_they_are_fast() {
        assert!(turn(AT_ONCE - 1, 0).0);
        let (is_turn, waited) = turn(AT_ONCE, FAST);
        assert!(is_turn && waited >= LONG);
        let (is_turn, waited) = turn(AT_ONCE, 0);
        assert!(!is_turn && waited >= LOOK);
    }
}
