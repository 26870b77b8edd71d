//! Network, disk, clock and environment: the only floor that may touch them. Bytes leave it only with their digest checked.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

mod auth;
mod behind;
mod blob;
mod clock;
pub mod copy;
mod destination;
mod environment;
mod files;
mod http;
pub mod image;
mod kms;
mod landing;
mod layout;
mod patience;
mod places;
mod registry;
mod services;
mod source;
mod store;
mod stream;
#[cfg(test)]
mod stub;
mod terminal;
mod tls;
mod traffic;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use auth::{AuthError, CredentialKind, Login, Looked, Lookup, RealmFault, Sent};
pub use blob::{LayerBlob, PassError};
pub use clock::{Clock, Stopwatch};
pub use destination::Destination;
pub use environment::Environment;
pub use files::{Existing, FileError, Files, Mode, NewFile, TemporaryFolder, stream};
pub use http::{Cause, HttpError};
pub use kms::{KmsError, KmsKey};
pub use layout::LayoutError;
pub use patience::Quota;
pub use places::PlaceError;
pub use registry::{LinkFault, RedirectFault, RegistryError, Thing};
pub use services::{
    AnswerError, Issued, ServiceError, ServiceKind, ServiceUrl, ServiceUrlError, Services, Stamp,
    TokenProvider, TokenSourceError, TufError, TufRepository, UnknownProvider,
};
pub use source::{Fetched, Listed, ListedBy, Names, Resolved, Source, SourceError};
pub use store::{Store, StoreSize};
pub use terminal::Terminal;
pub use tls::{ClientPair, TlsError};
pub use traffic::Traffic;

use crate::base::{ImageLocator, LayoutSelector, Registry, Repository, limits};
use auth::Keyring;
use layout::Layout;
use registry::{Registries, Remote};

/// What the network may be used for.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing: there is no registry client.
    Offline,
    /// Registries.
    Online(Network),
}

/// How registries are spoken to.
#[derive(Clone, Debug)]
pub struct Network {
    /// Registries that may be spoken to without TLS, beside loopback.
    pub plain_http: Vec<Registry>,
    /// Whether content is kept for the next run.
    pub cache: Cache,
    /// CAs in PEM that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Shown to registries that ask, and to nobody else.
    pub client: Option<ClientPair>,
    /// For the one registry that the run is about, before everything that is stored.
    pub login: Option<Login>,
    /// Whether mirrors may say what a tag means.
    pub mirror_tags: MirrorTags,
    /// How long a busy registry may make us wait; none is as the environment or the default says.
    pub max_wait: Option<Duration>,
}

/// Whether content is kept for the next run, and taken from what was kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cache {
    /// Not at all.
    Unused,
    /// Both.
    Used,
}

/// Who says what a tag means. A mirror that serves content by its digest cannot lie; one that is asked for a tag can.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MirrorTags {
    /// Mirrors too.
    Believed,
    /// The registry alone.
    Ignored,
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
    /// What is odd about the names that were opened.
    pitfalls: Mutex<BTreeSet<String>>,
}

impl Io {
    /// Opens the outside world. Nothing is connected or read yet.
    pub fn new(environment: Environment, access: Access) -> Result<Self, IoError> {
        let registries = match access {
            Access::Offline => None,
            Access::Online(mut network) => {
                network.max_wait = Some(max_wait(&network, &environment)?);
                Some(Arc::new(Registries::new(environment.clone(), network)))
            }
        };
        Ok(Self { files: Files, clock: Clock, environment, registries, pitfalls: Mutex::default() })
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
                if let Some(pitfall) = reference.pitfall() {
                    let mut pitfalls = self.pitfalls.lock().unwrap_or_else(PoisonError::into_inner);
                    pitfalls.insert(pitfall.to_string());
                }
                let registries = self.registries.clone().ok_or_else(|| SourceError::Offline {
                    registry: reference.repository().registry().clone(),
                })?;
                Source::remote(Remote::new(registries, reference.clone())?)
            }
        })
    }

    /// All repositories of a registry, as far as it tells us.
    pub async fn repositories(&self, registry: &Registry) -> Result<Vec<Repository>, SourceError> {
        let offline = || SourceError::Offline { registry: registry.clone() };
        let registries = self.registries.clone().ok_or_else(offline)?;
        Ok(Remote::catalog(registries, registry)?.repositories().await?)
    }

    /// How much comes from registries.
    pub fn traffic(&self) -> Traffic {
        self.registries.as_ref().map_or_else(Traffic::default, |registries| registries.traffic().clone())
    }

    /// What registries said about how much we may still ask.
    pub fn quotas(&self) -> Vec<Quota> {
        self.registries.as_ref().map_or_else(Vec::new, |registries| registries.patience().quotas())
    }

    /// Whether this run has a user and password of its own.
    pub fn has_login(&self) -> bool {
        self.registries.as_ref().is_some_and(|registries| registries.login().is_some())
    }

    /// What people should know of the names that were opened, and what registries want them to read. Foreign text.
    pub fn notices(&self) -> Vec<String> {
        let pitfalls = self.pitfalls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = self.registries.as_ref().map(|registries| registries.patience().notices());
        pitfalls.into_iter().chain(said.unwrap_or_default()).collect()
    }

    /// What asks the services of keyless signing. Nobody is asked yet.
    pub fn services(&self) -> Result<Services, ServiceError> {
        let registries = self.registries.clone().ok_or(ServiceError::Offline)?;
        Ok(Services::new(registries, self.environment.clone()))
    }

    /// The place that a locator names, to write to: a folder that is not there yet is made, and an archive becomes a new file.
    pub fn open_or_create(&self, locator: &ImageLocator) -> Result<Destination, SourceError> {
        Destination::open(self, locator)
    }

    /// The content that is kept for the next run; none if nobody says where.
    pub fn store(&self) -> Option<Store> {
        Store::of(&self.environment)
    }

    /// Where credentials for a registry (and a path in it) would be looked for, and which would be used. The registry is not asked.
    pub async fn find_credentials(&self, registry: &Registry, path: &str) -> Result<Vec<Looked>, AuthError> {
        let login = self.registries.as_ref().and_then(|registries| registries.login());
        let keyring = Keyring::new(self.environment.clone(), login);
        keyring.bind(registry)?;
        keyring.survey(registry, path).await
    }

    /// Makes an empty image layout in a folder that is empty or not there.
    pub fn create_layout(&self, folder: &Path, select: &LayoutSelector) -> Result<Source, SourceError> {
        Ok(Source::layout(Layout::create(folder, select)?))
    }
}

/// As the command line says, or else the environment.
fn max_wait(network: &Network, environment: &Environment) -> Result<Duration, IoError> {
    let written = environment.get(MAX_WAIT).filter(|text| !text.is_empty());
    let written = written.map(|text| text.parse::<u64>().map_err(|_| IoError::Variable { name: MAX_WAIT }));
    let seconds = written.transpose()?.unwrap_or(limits::MAX_WAIT_SECONDS);
    Ok(network.max_wait.unwrap_or(Duration::from_secs(seconds)))
}

const MAX_WAIT: &str = "PLIMSOLL_MAX_WAIT";

/// Why the outside world could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An environment variable that should hold a number.
    #[error("environment variable {name} is not a number of seconds")]
    Variable {
        /// Its name.
        name: &'static str,
    },
}
