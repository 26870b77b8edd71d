//! Files that a TUF repository vouches for (The Update Framework 1.0, section 5). The crate `sigstore-tuf` walks the roles and checks signatures,
//! thresholds, versions, hashes and expiry; what it asks for goes through our HTTP with our limits, and what it keeps goes through our files.

use std::path::{Path, PathBuf};

use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MetadataStore, Repository, Updater, UpdaterConfig};

use super::{Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::base::{Timestamp, limits};
use crate::io::{FileError, Files, Mode};

/// A repository, and how trust in it begins.
#[derive(Clone, Debug)]
pub struct TufRepository {
    /// Where it is.
    mirror: ServiceUrl,
    /// `root.json`, from somewhere else than the mirror. A later one counts if this one's keys signed it, step by step.
    root: Vec<u8>,
}

impl TufRepository {
    /// A repository of somebody's own.
    pub fn new(mirror: ServiceUrl, root: Vec<u8>) -> Self {
        Self { mirror, root }
    }

    /// That of the public Sigstore, with the root that this program was shipped with.
    pub fn public_good() -> Result<Self, super::ServiceUrlError> {
        Ok(Self::new(PUBLIC_GOOD.parse()?, PUBLIC_GOOD_ROOT.to_vec()))
    }

    /// Names the repository among others: a folder of its own for each, so that none decides what another one's versions were.
    pub fn folder_name(&self) -> String {
        let name = [self.mirror.0.as_str().trim_end_matches('/').as_bytes(), b"\n", &self.root].concat();
        crate::base::Digest::of(&name).hex().chars().take(16).collect()
    }
}

impl Services {
    /// Gets `target` as the repository vouches for it at `now`. `folder` keeps what was seen: an older version is refused from then on.
    pub async fn tuf_target(
        self,
        repository: &TufRepository,
        target: &str,
        folder: &Path,
        now: Timestamp,
    ) -> Result<Vec<u8>, TufError> {
        let mut config = UpdaterConfig::default();
        config.target_max_length = limits::TRUSTED_ROOT;
        let limit = self.visit_limit;
        let mirror = Mirror { services: self, url: repository.mirror.clone() };
        let store = Folder { files: Files, path: folder.to_owned() };
        let time = now.to_string().parse().map_err(|_| TufError::Time)?;
        let mut updater = Updater::new(mirror, &repository.root).map_err(TufError::from)?;
        updater = updater.with_config(config).with_store(store);
        let visit = async {
            updater.refresh(time).await?;
            Ok(updater.get_target(target, time).await?)
        };
        tokio::time::timeout(limit, visit).await.map_err(|_| TufError::Slow { seconds: limit.as_secs() })?
    }
}

/// The repository over HTTP.
struct Mirror {
    services: Services,
    url: ServiceUrl,
}

impl Mirror {
    /// None if there is no such file: the next root, most of the time.
    async fn fetch(&self, path: String, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        if !is_plain(&path) {
            return Err(Error::Malformed(format!("`{path}` is not a file of a repository")));
        }
        let mut question = Question::get(ServiceKind::TufMirror, self.url.join(&format!("/{path}")));
        question.limit = limit;
        // Stores of objects answer 403 for what is not there.
        match self.services.ask(question, &[200, 403, 404]).await {
            Ok(answer) if answer.status == 200 => Ok(Some(answer.body)),
            Ok(_) => Ok(None),
            Err(error) => Err(Error::transport_with_source(path, error)),
        }
    }
}

impl Repository for Mirror {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name.to_owned(), max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("targets/{path}"), max_length))
    }
}

/// Names come from metadata, and metadata comes from the mirror: a path stays below it, and means one thing to every server.
fn is_plain(path: &str) -> bool {
    let is_name = |part: &str| {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        !part.is_empty() && !part.bytes().all(|byte| byte == b'.') && part.bytes().all(is_safe)
    };
    path.split('/').all(is_name)
}

/// What was seen in earlier runs. It is verified again when it is read.
struct Folder {
    files: Files,
    path: PathBuf,
}

impl Folder {
    fn place(&self, name: &str) -> Result<PathBuf, Error> {
        // Roles of a strange name are fetched anew each time.
        if is_plain(name) {
            Ok(self.path.join(name))
        } else {
            Err(Error::Malformed(format!("`{name}` is not kept")))
        }
    }
}

impl MetadataStore for Folder {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.files.read_at_most(&self.place(name)?, limits::TUF_METADATA) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FileError::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::io(name, std::io::Error::other(error))),
        }
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let place = self.place(name)?;
        let wrong = |error: FileError| Error::io(name, std::io::Error::other(error));
        if let Some(parent) = place.parent() {
            self.files.ensure_folder(parent).map_err(wrong)?;
        }
        self.files.write(&place, bytes, Mode::Public).map_err(wrong)
    }
}

/// https://github.com/sigstore/root-signing
const PUBLIC_GOOD: &str = "https://tuf-repo-cdn.sigstore.dev";
/// Version 16, which ends in April 2027; later ones follow from it.
const PUBLIC_GOOD_ROOT: &[u8] = include_bytes!("tuf_root.json");

/// Why a repository does not vouch for a file.
#[derive(Debug, thiserror::Error)]
pub enum TufError {
    /// Signatures, versions, hashes or times that are not as they must be.
    #[error("the repository's metadata cannot be trusted")]
    Metadata {
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be asked.
    #[error("the repository cannot be asked for {path}")]
    Service {
        /// For what.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Each answer may come in time, and all of them too late.
    #[error("the repository did not give everything within {seconds} seconds")]
    Slow {
        /// The limit.
        seconds: u64,
    },
    /// A clock outside of all years.
    #[error("this machine's clock shows no time at which anything could be checked")]
    Time,
}

impl From<Error> for TufError {
    fn from(error: Error) -> Self {
        match error {
            Error::Transport { message, source: Some(source) } => Self::Service { path: message, source },
            error => Self::Metadata { source: Box::new(error) },
        }
    }
}

impl From<ServiceError> for TufError {
    fn from(error: ServiceError) -> Self {
        Self::Service { path: String::new(), source: Box::new(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_mirror() {
        for good in ["1.root.json", "targets/ab12.trusted_root.json", "a/b/c", "registry.npmjs.org~x"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a\\b",
            "%2e%2e/x",
            "a?b",
            "a#b",
            "a b",
            "a\0",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn a_visit_has_a_limit_as_a_whole() {
        use crate::io::services::tests::services;
        use crate::io::stub::{Reply, Stub, wait};
        use std::time::Duration;
        let stub = Stub::new(|asked| {
            std::thread::sleep(Duration::from_millis(300));
            Reply::new(if asked.target.ends_with("root.json") { 404 } else { 500 })
        });
        let mirror = format!("http://127.0.0.1:{}", stub.port).parse().unwrap();
        let repository = TufRepository::new(mirror, PUBLIC_GOOD_ROOT.to_vec());
        let visit = |visit_limit| {
            let services = crate::io::Services { visit_limit, ..services(crate::io::Environment::default()) };
            let (folder, now) = (tempfile::tempdir().unwrap(), "2026-11-26T00:00:00Z".parse().unwrap());
            wait(services.tuf_target(&repository, "trusted_root.json", folder.path(), now))
        };
        assert!(matches!(visit(Duration::from_millis(450)), Err(TufError::Slow { .. })));
        assert!(matches!(visit(Duration::from_secs(60)), Err(TufError::Service { .. })));
    }

    #[test]
    fn the_root_that_is_shipped_begins_trust() {
        let repository = TufRepository::public_good().unwrap();
        let trusted = sigstore_tuf::TrustedMetadataSet::from_root(&repository.root).unwrap();
        assert_eq!(trusted.root().version, 16);
        let other = TufRepository::new("https://tuf.example".parse().unwrap(), repository.root.clone());
        assert_ne!(repository.folder_name(), other.folder_name());
    }
}
