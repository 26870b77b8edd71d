//! The terminal of this process, and how it was set before somebody was asked for a password on it.

#[cfg(unix)]
use std::fs::{File, OpenOptions};

#[cfg(unix)]
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// How the terminal of this process was set.
#[derive(Debug)]
pub struct Terminal {
    #[cfg(unix)]
    device: File,
    #[cfg(unix)]
    was: Termios,
}

impl Terminal {
    /// How it is set now; none if the process has none.
    #[cfg(unix)]
    pub fn of_process() -> Option<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        let was = tcgetattr(&device).ok()?;
        Some(Self { device, was })
    }

    /// None: a console of this system is set by its program alone.
    #[cfg(not(unix))]
    pub fn of_process() -> Option<Self> {
        None
    }

    /// Sets it as it was, so that it shows again what is typed. It may be gone by now.
    #[cfg(unix)]
    pub fn restore(&self) {
        let _ = tcsetattr(&self.device, OptionalActions::Now, &self.was);
    }

    /// There is nothing to restore.
    #[cfg(not(unix))]
    pub fn restore(&self) {}
}
