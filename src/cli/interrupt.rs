//! Ctrl-C, and the signal to end: the work is dropped, and with it every file that has no name yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::Outcome;
use crate::io::Clock;

/// That somebody wants the work to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    came: Notify,
    at_rest: AtomicBool,
    /// The work is being dropped: files go, and that is not cut short.
    heard: AtomicBool,
}

impl Interrupt {
    /// Never comes: a caller in the same process ends by other means.
    pub(super) fn never() -> Self {
        Self::default()
    }

    /// Comes with the first SIGINT or SIGTERM from now on. A second one ends the process at once unless it is about to end, and so does time,
    /// where the work is in a computation or waits for something that it cannot leave.
    pub(super) fn listen() -> Self {
        let interrupt = Self::never();
        let shared = interrupt.0.clone();
        // A thread of its own hears it also while the work does not listen. Without it the system ends the process as ever.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || watch(&shared));
        interrupt
    }

    /// Waits for a person or a pipe, or computes, with nothing begun that would have to be removed: then the first one ends the process at once.
    pub(super) fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.at_rest.store(true, Ordering::SeqCst);
        let done = work();
        self.0.at_rest.store(false, Ordering::SeqCst);
        done
    }

    /// Waits for it.
    pub(super) async fn wait(&self) {
        self.0.came.notified().await;
        self.0.heard.store(true, Ordering::SeqCst);
    }
}

#[expect(clippy::exit, reason = "whoever asks twice, or for long, does not wait for the end of the work")]
fn watch(shared: &Shared) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        signals.next().await;
        shared.came.notify_one();
        let (since, mut again) = (Clock.start(), false);
        while since.elapsed() < GRACE {
            let came = tokio::time::timeout(BETWEEN_LOOKS, signals.next()).await.is_ok();
            // What a terminal sends to all, a shell or `make` passes on once more: together they are one.
            again |= came && since.elapsed() > ONE;
            let heard = shared.heard.load(Ordering::SeqCst);
            if !heard && (again || shared.at_rest.load(Ordering::SeqCst)) {
                break;
            }
        }
        std::process::exit(Outcome::Interrupted as i32);
    });
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        let (interrupt, terminate) = (self.interrupt.recv(), self.terminate.recv());
        futures_util::future::select(std::pin::pin!(interrupt), std::pin::pin!(terminate)).await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// How long the work has to end.
const GRACE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// What comes within this time comes from one wish.
const ONE: Duration = Duration::from_millis(100);
