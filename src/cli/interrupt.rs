//! Ctrl-C, and the signal to end: the work is dropped, and with it every file that has no name yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Outcome;

/// That somebody wants the work to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<Notify>);

impl Interrupt {
    /// Never comes: a caller in the same process ends by other means.
    pub(super) fn never() -> Self {
        Self::default()
    }

    /// Comes with the first SIGINT or SIGTERM from now on. A second one ends the process at once, and so does time, where the work is in a
    /// computation or writes to a pipe that nobody reads.
    pub(super) fn listen() -> Self {
        let interrupt = Self::never();
        let notify = interrupt.0.clone();
        // A thread of its own hears it also while the work does not listen. Without it the system ends the process as ever.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || wait_twice(&notify));
        interrupt
    }

    /// Waits for it.
    pub(super) async fn wait(&self) {
        self.0.notified().await;
    }
}

#[expect(clippy::exit, reason = "whoever asks twice, or for long, does not wait for the end of the work")]
fn wait_twice(notify: &Notify) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        signals.next().await;
        notify.notify_one();
        let _ = tokio::time::timeout(GRACE, signals.next()).await;
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
