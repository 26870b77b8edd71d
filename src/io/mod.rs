//! Network, disk, clock and environment: the only floor that may touch them. Bytes leave it only with their digest checked.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

mod auth;
mod blob;
mod clock;
mod environment;
mod files;
mod http;
pub mod image;
mod layout;
mod registry;
mod source;
#[cfg(test)]
mod stub;

use std::path::Path;
use std::sync::Arc;

pub use auth::{AuthError, RealmFault, Sent};
pub use blob::LayerBlob;
pub use clock::{Clock, Stopwatch};
pub use environment::Environment;
pub use files::{FileError, Files, Mode, TemporaryFolder, stream};
pub use http::{Cause, HttpError};
pub use layout::LayoutError;
pub use registry::{LinkFault, RedirectFault, RegistryError, Thing};
pub use source::{Fetched, Listed, ListedBy, Resolved, Source, SourceError};

use crate::base::{ImageLocator, LayoutSelector, Registry};
use layout::Layout;
use registry::{Registries, Remote};

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
    // None means that the network may not be used: there is nothing that could.
    registries: Option<Arc<Registries>>,
}

impl Io {
    /// Opens the outside world. Nothing is connected or read yet.
    pub fn new(environment: Environment, access: Access) -> Result<Self, IoError> {
        let registries = match access {
            Access::Offline => None,
            Access::Online { plain_http } => Some(Arc::new(Registries::new(environment.clone(), plain_http))),
        };
        Ok(Self { files: Files, clock: Clock, environment, registries })
    }

    /// The image that a locator names. A registry is not asked yet; the headers of an archive are read.
    pub fn open(&self, locator: &ImageLocator) -> Result<Source, SourceError> {
        Ok(match locator {
            ImageLocator::DockerArchive { file } => Source::layout(Layout::open_docker_archive(file)?),
            ImageLocator::Layout { folder, select } => Source::layout(Layout::open_folder(folder, select)?),
            ImageLocator::LayoutArchive { file, select } => {
                Source::layout(Layout::open_archive(file, select)?)
            }
            ImageLocator::Registry(reference) => {
                let registries = self.registries.clone().ok_or_else(|| SourceError::Offline {
                    registry: reference.repository().registry().clone(),
                })?;
                Source::remote(Remote::new(registries, reference.clone())?)
            }
        })
    }

    /// Makes an empty image layout in a folder that is empty or not there.
    pub fn create_layout(&self, folder: &Path, select: &LayoutSelector) -> Result<Source, SourceError> {
        Ok(Source::layout(Layout::create(folder, select)?))
    }
}

/// Why the outside world could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
