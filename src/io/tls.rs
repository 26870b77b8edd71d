//! What TLS with a host needs beyond the system's certificates: CAs and client certificates of people's own.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reqwest::{Certificate, Identity};
use url::Url;
use zeroize::Zeroizing;

use super::{Environment, FileError, Files};
use crate::base::{DOCKER_HUB, Registry, limits};

/// A certificate that says who we are, and its key.
#[derive(Clone, Debug)]
pub struct ClientPair {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// Finds certificates. Nothing is read before somebody is connected to.
#[derive(Debug)]
pub(super) struct Trust {
    environment: Environment,
    ca_file: Option<PathBuf>,
    client: Option<ClientPair>,
    /// Registries of this run by origin: they alone may see the client certificate of the command line.
    registries: Mutex<HashMap<String, Registry>>,
}

/// Certificates for one host.
#[derive(Debug)]
pub(super) struct Extra {
    pub(super) authorities: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
    /// Whether there is anything that other hosts have not.
    pub(super) is_own: bool,
}

impl Trust {
    pub(super) fn new(
        environment: Environment,
        ca_file: Option<PathBuf>,
        client: Option<ClientPair>,
    ) -> Self {
        Self { environment, ca_file, client, registries: Mutex::default() }
    }

    /// Says that a registry is at this URL.
    pub(super) fn meet(&self, registry: &Registry, base: &Url) {
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        registries.insert(super::http::origin(base), registry.clone());
    }

    /// Whether somebody named certificates that are of use for it: on the command line, or in a folder of its own.
    pub(super) fn is_named(&self, registry: &Registry) -> bool {
        self.ca_file.is_some()
            || self.client.is_some()
            || self.folder(&[registry.as_str().to_owned()]).is_some()
    }

    /// The certificates for a URL's host.
    pub(super) fn find(&self, url: &Url) -> Result<Extra, TlsError> {
        let mut extra = Extra { authorities: Vec::new(), identity: None, is_own: false };
        if let Some(path) = &self.ca_file {
            extra.authorities.extend(authorities(path)?);
        }
        let registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = registries.get(&super::http::origin(url));
        let mut names = names(url);
        names.extend(registry.filter(|registry| registry.as_str() == DOCKER_HUB).map(ToString::to_string));
        if let Some(folder) = self.folder(&names) {
            extra.is_own = true;
            let files = Listing::read(&folder)?;
            for path in &files.authorities {
                extra.authorities.extend(authorities(path)?);
            }
            extra.identity = files.pair(&folder)?.map(|pair| identity(&pair)).transpose()?;
        }
        if let (Some(pair), Some(_)) = (&self.client, registry) {
            extra.is_own = true;
            extra.identity = Some(identity(pair)?);
        }
        Ok(extra)
    }

    /// The first folder there is: containers-certs.d(5).
    fn folder(&self, names: &[String]) -> Option<PathBuf> {
        let home = self.environment.get("HOME").filter(|home| !home.is_empty());
        let own = home.map(|home| Path::new(home).join(".config/containers/certs.d"));
        let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
        own.into_iter()
            .chain(system)
            .flat_map(|root| names.iter().map(move |name| root.join(name)))
            .find(|folder| folder.is_dir())
    }
}

/// `host:port`, and the bare host where the port is the usual one. They come from a parsed URL: no slash, no `..`.
fn names(url: &Url) -> Vec<String> {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => vec![format!("{host}:{port}")],
        None => vec![host.to_owned(), format!("{host}:{}", url.port_or_known_default().unwrap_or_default())],
    }
}

/// The files of a folder for one host, by what they are for.
#[derive(Default)]
struct Listing {
    authorities: Vec<PathBuf>,
    certificates: BTreeMap<PathBuf, PathBuf>,
    keys: BTreeMap<PathBuf, PathBuf>,
}

impl Listing {
    fn read(folder: &Path) -> Result<Self, TlsError> {
        let unread = |source| TlsError::File(FileError::Read { path: folder.to_owned(), source });
        let mut out = Self::default();
        for entry in std::fs::read_dir(folder).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            match path.extension().and_then(|end| end.to_str()) {
                Some("crt") => out.authorities.push(path),
                Some("cert") => {
                    out.certificates.insert(path.with_extension(""), path);
                }
                Some("key") => {
                    out.keys.insert(path.with_extension(""), path);
                }
                _ => {}
            }
        }
        out.authorities.sort();
        Ok(out)
    }

    /// The one pair. A half of one is an error: who put it there expects to be known.
    fn pair(mut self, folder: &Path) -> Result<Option<ClientPair>, TlsError> {
        if self.certificates.len() > 1 {
            return Err(TlsError::Several { folder: folder.to_owned() });
        }
        let Some((stem, certificate)) = self.certificates.pop_first() else {
            return match self.keys.pop_first() {
                Some((_, path)) => Err(TlsError::Partner { path, wanted: "cert" }),
                None => Ok(None),
            };
        };
        match self.keys.remove(&stem) {
            Some(key) => Ok(Some(ClientPair { certificate, key })),
            None => Err(TlsError::Partner { path: certificate, wanted: "key" }),
        }
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, TlsError> {
    let not_pem = || TlsError::NotPem { path: path.to_owned() };
    let bytes = Files.read_at_most(path, limits::INPUT_FILE)?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|_| not_pem())?;
    if found.is_empty() { Err(not_pem()) } else { Ok(found) }
}

fn identity(pair: &ClientPair) -> Result<Identity, TlsError> {
    let mut pem = Zeroizing::new(Files.read_at_most(&pair.key, limits::INPUT_FILE)?);
    pem.push(b'\n');
    pem.extend(Files.read_at_most(&pair.certificate, limits::INPUT_FILE)?);
    Identity::from_pem(&pem).map_err(|_| TlsError::NotPem { path: pair.certificate.clone() })
}

/// Why certificates of people's own are of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something else.
    #[error("{} and its key are not certificates and keys in PEM", .path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
    },
    /// A certificate without its key, or the other way round.
    #[error("{} has no .{wanted} file beside it", .path.display())]
    Partner {
        /// Which.
        path: PathBuf,
        /// What is missing.
        wanted: &'static str,
    },
    /// Nobody can say which of them is meant.
    #[error("{} holds more than one client certificate", .folder.display())]
    Several {
        /// Where.
        folder: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of certificates for `r.example:5000` with these (empty) files.
    fn listing(names: &[&str]) -> Result<Option<ClientPair>, TlsError> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        Listing::read(folder.path())?.pair(folder.path())
    }

    #[test]
    fn half_a_pair_is_an_error() {
        assert!(listing(&[]).unwrap().is_none());
        assert!(listing(&["ca.crt", "README", "x.pem"]).unwrap().is_none());
        assert!(listing(&["a.cert", "a.key", "ca.crt"]).unwrap().is_some());
        for names in [&["a.cert"][..], &["a.key"], &["a.cert", "b.key"]] {
            assert!(matches!(listing(names), Err(TlsError::Partner { .. })), "{names:?}");
        }
        let several = listing(&["a.cert", "a.key", "b.cert", "b.key"]);
        assert!(matches!(several, Err(TlsError::Several { .. })));
    }

    #[test]
    fn folders_are_by_host_and_port() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join(".config/containers/certs.d");
        for name in ["a.example", "b.example:443", "c.example:5000", "[::1]:5000", "docker.io"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let variables = [("HOME".to_owned(), home.path().display().to_string())];
        let trust = Trust::new(variables.into_iter().collect(), None, None);
        let hub = "https://registry-1.docker.io/v2/".parse().unwrap();
        assert!(!trust.find(&hub).unwrap().is_own);
        trust.meet(&DOCKER_HUB.parse().unwrap(), &hub);
        for (url, want) in [
            ("https://a.example/v2/", true),
            ("https://a.example:443/", true),
            ("https://a.example:444/", false),
            ("https://b.example/", true),
            ("https://c.example:5000/", true),
            ("https://c.example/", false),
            ("https://x.a.example/", false),
            ("https://[::1]:5000/", true),
            ("https://registry-1.docker.io/v2/", true),
            ("https://docker.io.evil/", false),
        ] {
            assert_eq!(trust.find(&url.parse().unwrap()).unwrap().is_own, want, "{url}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for content in ["", "hello", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            let trust = Trust::new(Environment::default(), Some(path.clone()), None);
            let error = trust.find(&"https://a.example/".parse().unwrap()).unwrap_err();
            assert!(
                matches!(&error, TlsError::NotPem { path: named } if *named == path),
                "{content}: {error}"
            );
        }
    }
}
