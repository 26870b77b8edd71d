//! Ctrl-C, the signal to end, and a terminal that hangs up: the work is dropped, and with it every file that has no name yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
#[cfg(unix)]
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use super::Outcome;
#[cfg(unix)]
use crate::io::Files;
use crate::io::{Clock, Terminal};

/// That somebody wants the work to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    came: Notify,
    /// What the first signal was.
    first: OnceLock<Outcome>,
    at_rest: AtomicBool,
    /// The work is being dropped: files go, and that is not cut short.
    heard: AtomicBool,
    /// How the terminal was before somebody was asked for a password on it.
    terminal: Mutex<Option<Terminal>>,
}

impl Interrupt {
    /// Never comes: a caller in the same process ends by other means.
    pub(super) fn never() -> Self {
        Self::default()
    }

    /// Comes with the first SIGHUP, SIGINT or SIGTERM from now on. A second one ends the process at once unless it is about to end, and so does time,
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

    /// As [`Self::at_rest`], where the terminal does not show what is typed: it does again, however this ends.
    pub(super) fn at_prompt<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.0.keep(Terminal::of_process());
        let answer = self.at_rest(ask);
        self.0.keep(None);
        answer
    }

    /// Waits for it; gives how the run ends.
    pub(super) async fn wait(&self) -> Outcome {
        self.0.came.notified().await;
        self.0.heard.store(true, Ordering::SeqCst);
        self.0.outcome()
    }
}

impl Shared {
    fn keep(&self, terminal: Option<Terminal>) {
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = terminal;
    }

    fn restore(&self) {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Terminal::restore);
    }

    fn outcome(&self) -> Outcome {
        self.first.get().copied().unwrap_or(Outcome::Interrupted)
    }
}

#[expect(clippy::exit, reason = "whoever asks twice, or for long, does not wait for the end of the work")]
fn watch(shared: &Shared) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        let _ = shared.first.set(signals.next().await);
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
        shared.restore();
        std::process::exit(shared.outcome() as i32);
    });
}

#[cfg(unix)]
struct Signals(Vec<(tokio::signal::unix::Signal, Outcome)>);

#[cfg(unix)]
impl Signals {
    /// Those that were ignored when the program started stay so: whoever starts it with `nohup` wants it to outlive the terminal.
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored();
        let ends = [
            (SignalKind::hangup(), Outcome::HungUp),
            (SignalKind::interrupt(), Outcome::Interrupted),
            (SignalKind::terminate(), Outcome::Terminated),
        ];
        let heard = ends.into_iter().filter(|(kind, _)| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
        heard.map(|(kind, outcome)| Ok((signal(kind)?, outcome))).collect::<Result<_, _>>().map(Self)
    }

    async fn next(&mut self) -> Outcome {
        std::future::poll_fn(|context| {
            let came = self
                .0
                .iter_mut()
                .find_map(|(signal, outcome)| signal.poll_recv(context).is_ready().then_some(*outcome));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// A bit for each signal that was ignored when the program started. Linux tells it in proc_pid_status(5); elsewhere it would take code that is
/// not safe.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = Files.read_text("/proc/self/status".as_ref()).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Outcome {
        let _ = tokio::signal::ctrl_c().await;
        Outcome::Interrupted
    }
}

/// How long the work has to end.
const GRACE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// What comes within this time comes from one wish.
const ONE: Duration = Duration::from_millis(100);
