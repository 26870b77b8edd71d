//! Credentials that docker, podman and their like have stored.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::{AuthError, Credentials, Login, helper};
use crate::base::{DOCKER_HUB, Registry, Repository, Secret, limits};
use crate::format::json::parse_strict;
use crate::io::{Environment, FileError, Files};

/// A place where credentials may be, and what was there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Looked {
    /// A file or a variable.
    pub place: String,
    /// What was there.
    pub found: Lookup,
}

/// What was in a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup {
    /// The place is not there.
    Absent,
    /// Credentials.
    Found {
        /// Of which kind.
        kind: CredentialKind,
        /// Whose, if it is said. Not secret.
        username: Option<String>,
        /// The credential helper that had them, if the place names one.
        helper: Option<String>,
    },
    /// Not asked: an earlier place had some.
    Later,
    /// Nothing for this registry.
    Nothing,
}

/// What stored credentials are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CredentialKind {
    /// A token that is exchanged for others.
    IdentityToken,
    /// A user's password.
    Password,
    /// A token that is sent as it is.
    RegistryToken,
}

impl CredentialKind {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityToken => "identity token",
            Self::Password => "password",
            Self::RegistryToken => "registry token",
        }
    }
}

/// Finds credentials. Nothing is read before a server asked.
#[derive(Debug)]
pub(in crate::io) struct Keyring {
    environment: Environment,
    /// Of this run, before everything that is stored.
    login: Option<Login>,
    /// The one registry that it is for.
    bound: OnceLock<Registry>,
    places: OnceCell<Vec<(String, Option<ConfigFile>)>>,
    // By helper and server, so that a helper runs once.
    asked: Mutex<HashMap<(String, String), Option<Credentials>>>,
}

impl Keyring {
    pub(in crate::io) fn new(environment: Environment, login: Option<Login>) -> Self {
        Self { environment, login, bound: OnceLock::new(), places: OnceCell::new(), asked: Mutex::default() }
    }

    /// Says which registry the run is about. A second one is an error if there is a login: it must not learn the password of the first,
    /// and nobody said a password of its own.
    pub(in crate::io) fn bind(&self, registry: &Registry) -> Result<(), AuthError> {
        let first = self.bound.get_or_init(|| registry.clone());
        if self.login.is_none() || first == registry {
            return Ok(());
        }
        Err(AuthError::OneLogin { registry: registry.clone(), first: first.clone() })
    }

    /// As this run was told.
    pub(in crate::io) fn login(&self) -> Option<Login> {
        self.login.clone()
    }

    /// What this run was told about a registry.
    fn told(&self, registry: &Registry) -> Option<Credentials> {
        let login = self.login.as_ref().filter(|_| self.bound.get() == Some(registry))?;
        let Login { username, password } = login.clone();
        Some(Credentials::Basic { username, password })
    }

    /// The credentials for a repository: the first file that has some decides.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Credentials>, AuthError> {
        if let Some(told) = self.told(repository.registry()) {
            return Ok(Some(told));
        }
        let places = self.places.get_or_try_init(|| async { self.read() }).await?;
        for file in places.iter().filter_map(|(_, file)| file.as_ref()) {
            if let Some((found, _)) = self.look(file, repository.registry(), repository.path()).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What every place has for a repository, and which one decides. Shows nothing secret.
    pub(in crate::io) async fn survey(
        &self,
        registry: &Registry,
        path: &str,
    ) -> Result<Vec<Looked>, AuthError> {
        let places = self.places.get_or_try_init(|| async { self.read() }).await?;
        let mut out = Vec::new();
        if let Some(told) = self.told(registry) {
            let (kind, username) = told.describe();
            let found = Lookup::Found { kind, username, helper: None };
            out.push(Looked { place: "the command line".to_owned(), found });
        }
        let mut is_decided = !out.is_empty();
        for (place, file) in places {
            let found = match file {
                None => Lookup::Absent,
                Some(_) if is_decided => Lookup::Later,
                Some(file) => match self.look(file, registry, path).await? {
                    None => Lookup::Nothing,
                    Some((credentials, helper)) => {
                        is_decided = true;
                        let (kind, username) = credentials.describe();
                        Lookup::Found { kind, username, helper: helper.map(str::to_owned) }
                    }
                },
            };
            out.push(Looked { place: place.clone(), found });
        }
        Ok(out)
    }

    /// What a place has, and which helper had it.
    async fn look<'a>(
        &self,
        file: &'a ConfigFile,
        registry: &Registry,
        path: &str,
    ) -> Result<Option<(Credentials, Option<&'a str>)>, AuthError> {
        if let Some(name) = file.helper(registry) {
            if !helper::is_name(name) {
                let name = name.chars().take(64).collect();
                return Err(AuthError::HelperName { file: file.name.clone(), name });
            }
            let server = server(registry);
            let mut asked = self.asked.lock().await;
            let key = (name.to_owned(), server.to_owned());
            let answer = match asked.get(&key) {
                Some(answer) => answer.clone(),
                None => {
                    let answer = helper::ask(name, server, &self.environment).await?;
                    asked.insert(key, answer.clone());
                    answer
                }
            };
            if let Some(answer) = answer {
                return Ok(Some((answer, Some(name))));
            }
        }
        Ok(file.entry(registry, path)?.map(|found| (found, None)))
    }

    /// In the order in which they are asked.
    fn read(&self) -> Result<Vec<(String, Option<ConfigFile>)>, AuthError> {
        let variable = "environment variable DOCKER_AUTH_CONFIG";
        let text = self.environment.get("DOCKER_AUTH_CONFIG").filter(|text| !text.is_empty());
        let parsed = text.map(|text| ConfigFile::parse(variable, text.as_bytes())).transpose()?;
        let mut out = vec![(variable.to_owned(), parsed)];
        for path in self.paths() {
            let name = path.display().to_string();
            let is_old = path.file_name().is_some_and(|name| name == OLD);
            let file = match Files.read_at_most(&path, limits::INPUT_FILE) {
                Ok(bytes) if is_old => Some(ConfigFile::parse_old(&name, &bytes)?),
                Ok(bytes) => Some(ConfigFile::parse(&name, &bytes)?),
                Err(FileError::NotFound { .. }) => None,
                Err(error) => return Err(AuthError::ConfigFile(error)),
            };
            out.push((name, file));
        }
        Ok(out)
    }

    fn paths(&self) -> Vec<PathBuf> {
        let variable =
            |name: &str| self.environment.get(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        let home = variable("HOME");
        let docker = variable("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
        let config = variable("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let runtime = variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
        [
            variable("REGISTRY_AUTH_FILE"),
            docker.map(|folder| folder.join("config.json")),
            // Where podman keeps it for who has no such folder.
            runtime
                .or_else(|| Some(format!("/run/containers/{}", user_id()?).into()))
                .map(|folder| folder.join("auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
            home.map(|home| home.join(OLD)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// One file, not yet searched.
#[derive(Debug)]
struct ConfigFile {
    name: String,
    auths: BTreeMap<String, EntryWire>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

impl ConfigFile {
    fn parse(name: &str, bytes: &[u8]) -> Result<Self, AuthError> {
        let wire: ConfigWire = if bytes.trim_ascii().is_empty() {
            ConfigWire::default()
        } else {
            parse_strict(bytes).map_err(|source| AuthError::Config {
                file: name.to_owned(),
                source: source.without_content(),
            })?
        };
        Ok(Self {
            name: name.to_owned(),
            auths: wire.auths.unwrap_or_default(),
            helpers: wire.cred_helpers.unwrap_or_default(),
            store: wire.creds_store.filter(|store| !store.is_empty()),
        })
    }

    /// `.dockercfg`: the entries alone.
    fn parse_old(name: &str, bytes: &[u8]) -> Result<Self, AuthError> {
        let auths: BTreeMap<String, EntryWire> = parse_strict(bytes).map_err(|source| AuthError::Config {
            file: name.to_owned(),
            source: source.without_content(),
        })?;
        Ok(Self { name: name.to_owned(), auths, helpers: BTreeMap::new(), store: None })
    }

    /// `credHelpers` before `credsStore`.
    fn helper(&self, registry: &Registry) -> Option<&str> {
        let named = self.helpers.iter().find(|(key, _)| is_key_of(key, registry, ""));
        named
            .map(|(_, name)| name)
            .or(self.store.as_ref())
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// `auths`, the most specific key first (`host/group/app`, `host/group`, `host`).
    fn entry(&self, registry: &Registry, mut path: &str) -> Result<Option<Credentials>, AuthError> {
        loop {
            let found = self.auths.iter().filter(|(key, _)| is_key_of(key, registry, path));
            // A plain key before one that is a URL.
            for (key, entry) in found.clone().filter(|(key, _)| !key.contains("://")).chain(found) {
                if let Some(credentials) = entry.read().ok_or_else(|| self.bad(key))? {
                    return Ok(Some(credentials));
                }
            }
            if path.is_empty() {
                return Ok(None);
            }
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    fn bad(&self, key: &str) -> AuthError {
        AuthError::Entry { file: self.name.clone(), key: key.chars().take(128).collect() }
    }
}

/// Whether a key means exactly this registry and path. Host and port must be equal: no suffixes, no prefixes within a name.
fn is_key_of(key: &str, registry: &Registry, path: &str) -> bool {
    let (host, rest) = match key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")) {
        // Only the host of a URL counts; old docker wrote `https://host/v1/`.
        Some(url) => (url.split('/').next().unwrap_or(url), ""),
        None => key.split_once('/').unwrap_or((key, "")),
    };
    let rest = rest.trim_end_matches('/');
    let rest = if matches!(rest, "v1" | "v2") { "" } else { rest };
    rest == path && host.parse::<Registry>().is_ok_and(|host| host == *registry)
}

/// Of the user that runs us.
#[cfg(target_os = "linux")]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|process| process.uid())
}

#[cfg(not(target_os = "linux"))]
fn user_id() -> Option<u32> {
    None
}

/// Docker's file before 2015.
const OLD: &str = ".dockercfg";

/// As helpers know the server.
fn server(registry: &Registry) -> &str {
    match registry.as_str() {
        DOCKER_HUB => "https://index.docker.io/v1/",
        other => other,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigWire {
    auths: Option<BTreeMap<String, EntryWire>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct EntryWire {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl EntryWire {
    /// None if it is malformed, `Some(None)` if it is empty, as docker leaves it beside a helper.
    fn read(&self) -> Option<Option<Credentials>> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.registrytoken) {
            return Some(Some(Credentials::Bearer(Secret::new(token))));
        }
        if let Some(token) = filled(&self.identitytoken) {
            // The user beside it is one by which the token is sent where it cannot be exchanged.
            let auth =
                filled(&self.auth).and_then(|auth| String::from_utf8(STANDARD.decode(auth).ok()?).ok());
            let beside =
                auth.as_deref().and_then(|auth| auth.split_once(':')).map(|(user, _)| user.to_owned());
            let username = beside.or_else(|| filled(&self.username)).unwrap_or_default();
            return Some(Some(Credentials::IdentityToken { username, token: Secret::new(token) }));
        }
        if let Some(auth) = filled(&self.auth) {
            let bytes = STANDARD.decode(&auth).or_else(|_| STANDARD_NO_PAD.decode(&auth)).ok()?;
            let text = Secret::new(String::from_utf8(bytes).ok()?);
            let (username, password) = text.expose().split_once(':')?;
            return Some(basic(username, password.trim_end_matches('\0')));
        }
        Some(match (filled(&self.username), filled(&self.password)) {
            (Some(username), Some(password)) => basic(&username, &password),
            _ => None,
        })
    }
}

fn basic(username: &str, password: &str) -> Option<Credentials> {
    let password = Secret::new(password.to_owned());
    Some(Credentials::Basic { username: username.to_owned(), password })
}

impl std::fmt::Debug for EntryWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stub::wait;

    fn repository(text: &str) -> Repository {
        text.parse().unwrap()
    }

    fn found(config: &str, name: &str) -> Option<String> {
        let file = ConfigFile::parse("f", config.as_bytes()).unwrap();
        let repository = repository(name);
        file.entry(repository.registry(), repository.path()).unwrap().map(|credentials| match credentials {
            Credentials::Basic { username, password } => format!("{username}:{}", password.expose()),
            Credentials::Bearer(token) => format!("bearer {}", token.expose()),
            Credentials::IdentityToken { username, token } => {
                format!("identity {username}:{}", token.expose())
            }
        })
    }

    #[test]
    fn a_login_is_for_the_first_registry_and_no_other() {
        let login = Login { username: "alice".to_owned(), password: Secret::new("s3cret".to_owned()) };
        let keyring = Keyring::new(Environment::default(), Some(login));
        let [first, other] = ["r.example/a", "m.example/a"].map(repository);
        // Nobody was named yet.
        assert!(wait(keyring.find(&first)).unwrap().is_none());
        keyring.bind(first.registry()).unwrap();
        keyring.bind(first.registry()).unwrap();
        assert!(matches!(wait(keyring.find(&first)).unwrap(), Some(Credentials::Basic { .. })));
        // A mirror of it, or where a name in a file leads.
        assert!(wait(keyring.find(&other)).unwrap().is_none());
        let refused = keyring.bind(other.registry()).unwrap_err();
        assert!(matches!(refused, AuthError::OneLogin { .. }) && !format!("{refused:?}").contains("s3cret"));
        let none = Keyring::new(Environment::default(), None);
        assert!(none.bind(first.registry()).is_ok() && none.bind(other.registry()).is_ok());
    }

    #[test]
    fn keys_match_exactly() {
        for (key, name, matches) in [
            ("https://index.docker.io/v1/", "alpine", true),
            ("docker.io", "alpine", true),
            ("index.docker.io", "alpine", true),
            ("registry-1.docker.io", "alpine", false),
            ("evil-docker.io", "alpine", false),
            ("docker.io.evil", "alpine", false),
            ("ghcr.io", "ghcr.io/a/b", true),
            ("GHCR.io", "ghcr.io/a/b", true),
            ("https://ghcr.io", "ghcr.io/a/b", true),
            ("http://ghcr.io/v2/", "ghcr.io/a/b", true),
            ("ghcr.io/v1/", "ghcr.io/a/b", true),
            ("ghcr.io:443", "ghcr.io/a/b", false),
            ("ghcr.io:5000", "ghcr.io/a/b", false),
            ("ghcr.io", "ghcr.io:5000/a/b", false),
            ("ghcr.io/foo", "ghcr.io/foobar/x", false),
            ("ghcr.io/foo", "ghcr.io/foo/x", true),
            ("ghcr.io/foo/x", "ghcr.io/foo/x", true),
            ("ghcr.io/foo/x/y", "ghcr.io/foo/x", false),
            ("*.io", "ghcr.io/foo", false),
            ("io", "ghcr.io/foo", false),
            ("", "ghcr.io/foo", false),
            ("localhost:5000", "localhost:5000/a", true),
            ("localhost", "localhost:5000/a", false),
            ("user@ghcr.io", "ghcr.io/a", false),
        ] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"YTpi"}}}}}}"#);
            assert_eq!(found(&config, name).is_some(), matches, "{key} for {name}");
        }
    }

    #[test]
    fn the_most_specific_key_wins() {
        let config = r#"{"auths":{
            "h.io":{"auth":"YTox"}, "h.io/g":{"auth":"YToy"}, "h.io/g/app":{"auth":"YToz"},
            "https://d.io/v1/":{"auth":"YTox"}, "d.io":{"auth":"YToy"}}}"#;
        for (name, want) in [
            ("h.io/x", "a:1"),
            ("h.io/g/x", "a:2"),
            ("h.io/g/app", "a:3"),
            ("h.io/g/app/x", "a:3"),
            ("d.io/x", "a:2"),
        ] {
            assert_eq!(found(config, name).as_deref(), Some(want), "{name}");
        }
    }

    #[test]
    fn reads_every_kind_of_entry() {
        for (entry, want) in [
            (r#"{"auth":"YTpiOmM="}"#, Some("a:b:c")),
            (r#"{"auth":"YTpiOmM"}"#, Some("a:b:c")),
            (r#"{"auth":"YTpiAAA="}"#, Some("a:b")),
            (r#"{"username":"a","password":"b"}"#, Some("a:b")),
            (r#"{"auth":"YTpi","identitytoken":"t"}"#, Some("identity a:t")),
            (r#"{"registrytoken":"r","auth":"YTpi"}"#, Some("bearer r")),
            (r#"{}"#, None),
            (r#"{"auth":""}"#, None),
            (r#"{"username":"a"}"#, None),
        ] {
            assert_eq!(
                found(&format!(r#"{{"auths":{{"h.io":{entry}}}}}"#), "h.io/a").as_deref(),
                want,
                "{entry}"
            );
        }
        for entry in [r#"{"auth":"%%%"}"#, r#"{"auth":"YQ=="}"#, r#"{"auth":"/w=="}"#] {
            let config = format!(r#"{{"auths":{{"h.io":{entry}}}}}"#);
            let error =
                ConfigFile::parse("f", config.as_bytes()).unwrap().entry(&"h.io".parse().unwrap(), "a");
            assert!(matches!(error, Err(AuthError::Entry { .. })), "{entry}");
        }
    }

    #[test]
    fn helpers_come_first_and_malformed_files_are_errors() {
        let config =
            r#"{"credsStore":"all","credHelpers":{"h.io":"one","https://index.docker.io/v1/":"hub"}}"#;
        let file = ConfigFile::parse("f", config.as_bytes()).unwrap();
        assert_eq!(file.helper(&"h.io".parse().unwrap()), Some("one"));
        assert_eq!(file.helper(&"docker.io".parse().unwrap()), Some("hub"));
        assert_eq!(file.helper(&"x.io".parse().unwrap()), Some("all"));
        for text in ["[]", "{", r#"{"auths":[]}"#, r#"{"auths":{},"auths":{}}"#, "\u{feff}{}"] {
            assert!(
                matches!(ConfigFile::parse("f", text.as_bytes()), Err(AuthError::Config { .. })),
                "{text}"
            );
        }
        assert!(ConfigFile::parse("f", b" \n").unwrap().auths.is_empty());
    }

    #[test]
    fn files_are_asked_in_order() {
        let variables = [
            ("HOME", "/h"),
            ("DOCKER_CONFIG", "/d"),
            ("REGISTRY_AUTH_FILE", "/r"),
            ("XDG_RUNTIME_DIR", "/x"),
        ];
        let environment =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let paths: Vec<_> =
            Keyring::new(environment, None).paths().iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            paths,
            [
                "/r",
                "/d/config.json",
                "/x/containers/auth.json",
                "/h/.config/containers/auth.json",
                "/h/.dockercfg"
            ]
        );
    }

    #[test]
    fn the_file_of_old_dockers_is_its_entries() {
        let file = ConfigFile::parse_old("f", br#"{"h.io":{"auth":"YTpi","email":"x"}}"#).unwrap();
        assert!(file.entry(&"h.io".parse().unwrap(), "a").unwrap().is_some());
        assert!(ConfigFile::parse_old("f", b"[]").is_err());
    }

    #[test]
    fn what_is_in_the_wrong_place_is_not_repeated() {
        for text in
            [r#"{"auths":{"h.io":"YTpodW50ZXIy"}}"#, r#"{"auths":"YTpodW50ZXIy"}"#, r#""YTpodW50ZXIy""#]
        {
            let Err(AuthError::Config { source, .. }) = ConfigFile::parse("f", text.as_bytes()) else {
                panic!("{text}");
            };
            assert!(!format!("{source} {source:?}").contains("YTpo"), "{source}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let file = ConfigFile::parse("f", br#"{"auths":{"h.io":{"auth":"YTpodW50ZXIy"}}}"#).unwrap();
        assert!(!format!("{file:?}").contains("YTpo"));
    }
}
