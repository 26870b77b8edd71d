//! Network, disk, clock and environment: the only floor that may touch them. Bytes leave it only with their digest checked.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

mod clock;
mod environment;
mod files;

pub use clock::Clock;
pub use environment::Environment;
pub use files::{FileError, Files, Mode, TemporaryFolder};

use crate::base::Registry;

/// What the network may be used for.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing: there is no registry client.
    Offline,
    /// Registries.
    Online {
        /// Registries that may be spoken to without TLS, beside loopback.
        plain_http: Vec<Registry>,
    },
}

/// The outside world, made once in `cli` and passed by reference.
#[derive(Debug)]
pub struct Io {
    /// Files of this machine.
    pub files: Files,
    /// The clock.
    pub clock: Clock,
    /// Environment variables.
    pub environment: Environment,
}

impl Io {
    /// Opens the outside world.
    pub fn new(environment: Environment, access: Access) -> Result<Self, IoError> {
        let _ = access;
        Ok(Self { files: Files, clock: Clock, environment })
    }
}

/// Why the outside world could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
