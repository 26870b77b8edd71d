//! Token servers that people allow to learn credentials: `[[realm]]` in `~/.config/plimsoll/config.toml`.

use std::path::{Path, PathBuf};

use url::Url;

use super::AuthError;
use crate::base::Registry;
use crate::format::settings::{Settings, SettingsError};
use crate::io::{Environment, FileError, Files};

/// A registry, and the other host that may learn what is stored for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::io) struct RealmPair {
    registry: Registry,
    allow: Registry,
}

impl RealmPair {
    /// Whether it allows this realm. Host and port are equal or it does not; without TLS nobody learns anything.
    pub(super) fn is(&self, registry: &Registry, realm: &Url) -> bool {
        let host = realm.host_str().unwrap_or_default();
        let place = realm.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        realm.scheme() == "https" && self.registry == *registry && self.allow.as_str() == place
    }
}

/// Reads the user's pairs; there need not be any.
pub(in crate::io) fn read(environment: &Environment) -> Result<Vec<RealmPair>, AuthError> {
    let variable = |name: &str| environment.get(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    let Some(path) = config.map(|folder| folder.join("plimsoll/config.toml")) else { return Ok(Vec::new()) };
    match Files.read_text(&path) {
        Ok(text) => parse(&text, &path),
        Err(FileError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(AuthError::ConfigFile(error)),
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<RealmPair>, AuthError> {
    let malformed = |source: SettingsError| AuthError::Settings { path: path.to_owned(), source };
    let settings = Settings::parse(text).map_err(malformed)?;
    Ok(settings
        .realms
        .into_iter()
        .map(|realm| RealmPair { registry: realm.registry, allow: realm.allow })
        .collect())
}
