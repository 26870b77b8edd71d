//! Who we are to a registry: challenges, stored credentials, tokens. Nothing secret is sent before the registry asked for it.

mod challenge;
mod helper;
mod keyring;
mod pairs;
mod token;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use reqwest::Response;
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use url::Url;

use super::http::{Http, HttpError};
use super::{Environment, FileError};
use crate::base::{Registry, Repository, Secret};
use crate::format::json::JsonError;
pub(super) use keyring::Keyring;
pub use keyring::{CredentialKind, Looked, Lookup};
use pairs::RealmPair;

/// What is stored about us.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    /// A name and a password.
    Basic {
        /// Not secret.
        username: String,
        /// Secret.
        password: Secret<String>,
    },
    /// A token that is ready to be sent.
    Bearer(Secret<String>),
    /// A token that is exchanged for others.
    IdentityToken {
        /// For servers that exchange no tokens; may be empty. Not secret.
        username: String,
        /// Secret.
        token: Secret<String>,
    },
}

impl Credentials {
    /// What may be said about them.
    fn describe(&self) -> (CredentialKind, Option<String>) {
        match self {
            Self::Basic { username, .. } => (CredentialKind::Password, Some(username.clone())),
            Self::Bearer(_) => (CredentialKind::RegistryToken, None),
            Self::IdentityToken { .. } => (CredentialKind::IdentityToken, None),
        }
    }
}

/// What is to be done with a repository.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Actions {
    /// See which repositories there are.
    List,
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

impl Actions {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::List => &["*"],
            Self::Pull => &["pull"],
            Self::Push => &["pull", "push"],
        }
    }
}

/// A value of the `Authorization` header.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    header: Secret<String>,
    from: String,
}

impl Authorization {
    fn basic(username: &str, password: &Secret<String>, registry: &Registry) -> Self {
        let pair = Secret::new(format!("{username}:{}", password.expose()));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose());
        Self { header: Secret::new(format!("Basic {encoded}")), from: format!("Basic for {registry}") }
    }

    fn bearer(token: &Secret<String>, from: String) -> Self {
        Self { header: Secret::new(format!("Bearer {}", token.expose())), from }
    }

    /// For the request; none if the token holds what no header may.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.header.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Display for Authorization {
    /// Where it came from, never what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)
    }
}

/// Holds what registries granted in this run.
#[derive(Debug)]
pub(super) struct Authorizer {
    keyring: Keyring,
    granted: Mutex<HashMap<(Repository, Actions), Grant>>,
    /// Where each registry sent us for tokens: it may not change its mind within a run.
    realms: Mutex<HashMap<Registry, String>>,
    pairs: tokio::sync::OnceCell<Vec<RealmPair>>,
    environment: Environment,
}

/// The lock is held while one task asks; the others wait and take its answer.
type Grant = Arc<tokio::sync::Mutex<Option<Authorization>>>;

impl Authorizer {
    pub(super) fn new(environment: Environment) -> Self {
        let keyring = Keyring::new(environment.clone());
        let (granted, realms) = (Mutex::default(), Mutex::default());
        Self { keyring, granted, realms, pairs: tokio::sync::OnceCell::new(), environment }
    }

    /// Refuses a token server other than the one of before: whoever answers for the registry now did not then.
    fn keep_realm(&self, registry: &Registry, realm: &Url) -> Result<(), AuthError> {
        let origin = super::http::origin(realm);
        let mut realms = self.realms.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = realms.entry(registry.clone()).or_insert_with(|| origin.clone());
        if *known == origin {
            return Ok(());
        }
        let reason = RealmFault::Changed;
        Err(AuthError::Realm { registry: registry.clone(), realm: origin, reason })
    }

    /// What was granted before for these actions, or more.
    pub(super) async fn granted(&self, repository: &Repository, actions: Actions) -> Option<Authorization> {
        let push = self.grant(repository, Actions::Push).lock().await.clone();
        match actions {
            Actions::Push => push,
            Actions::Pull if push.is_some() => push,
            Actions::List | Actions::Pull => self.grant(repository, actions).lock().await.clone(),
        }
    }

    /// Answers a 401. `used` is what the refused request had sent.
    pub(super) async fn answer(
        &self,
        http: &Http,
        refused: &Response,
        base: &Url,
        wanted: (&Repository, Actions),
        used: Option<&Authorization>,
    ) -> Result<(), AuthError> {
        let grant = self.grant(wanted.0, wanted.1);
        let mut grant = grant.lock().await;
        let differs =
            |now: &Authorization| used.is_none_or(|used| now.header.expose() != used.header.expose());
        if grant.as_ref().is_some_and(differs) {
            return Ok(());
        }
        let headers = refused.headers().get_all(WWW_AUTHENTICATE);
        let challenges = challenge::parse(headers.iter().filter_map(|value| value.to_str().ok()));
        let by_scheme = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let registry = wanted.0.registry();
        if let Some(challenge) = by_scheme("bearer") {
            let credentials = self.keyring.find(wanted.0).await?;
            let pairs = self.pairs.get_or_try_init(|| async { pairs::read(&self.environment) }).await?;
            let asker = token::Asker { http, base, repository: wanted.0, actions: wanted.1, pairs };
            let realm = asker.realm(challenge.parameter("realm").unwrap_or_default())?;
            self.keep_realm(registry, &realm)?;
            *grant = Some(asker.ask(&realm, challenge, credentials).await?);
            return Ok(());
        }
        if by_scheme("basic").is_none() {
            let offered =
                challenges.into_iter().map(|challenge| challenge.scheme).collect::<Vec<_>>().join(", ");
            let offered = offered.chars().take(200).collect();
            return Err(AuthError::Scheme { registry: registry.clone(), offered });
        }
        match self.keyring.find(wanted.0).await? {
            Some(Credentials::Basic { .. } | Credentials::Bearer(_))
                if base.scheme() == "http" && !registry.is_loopback() =>
            {
                Err(AuthError::PlainPassword { registry: registry.clone() })
            }
            Some(Credentials::Basic { username, password }) => {
                *grant = Some(Authorization::basic(&username, &password, registry));
                Ok(())
            }
            Some(Credentials::Bearer(token)) => {
                *grant = Some(Authorization::bearer(&token, format!("the stored token for {registry}")));
                Ok(())
            }
            Some(Credentials::IdentityToken { .. }) => {
                Err(AuthError::TokenForBasic { registry: registry.clone() })
            }
            None => Err(AuthError::NoCredentials { registry: registry.clone() }),
        }
    }

    fn grant(&self, repository: &Repository, actions: Actions) -> Grant {
        let mut granted = self.granted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        granted.entry((repository.clone(), actions)).or_default().clone()
    }
}

/// Why a registry's question who we are has no answer. Nothing here shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file with credentials that is not what docker writes.
    #[error("{file}: malformed credentials file")]
    Config {
        /// Which.
        file: String,
        /// What is wrong.
        source: JsonError,
    },
    /// A file with credentials that cannot be read.
    #[error(transparent)]
    ConfigFile(FileError),
    /// An entry that holds no user and password.
    #[error("{file}: the `auth` of `{key}` is not base64 of user:password")]
    Entry {
        /// Which file.
        file: String,
        /// Which entry.
        key: String,
    },
    /// A helper's name that could run another program.
    #[error("{file}: `{name}` is not the name of a credential helper")]
    HelperName {
        /// Which file.
        file: String,
        /// As written.
        name: String,
    },
    /// The helper is not there, or broke.
    #[error("credential helper docker-credential-{name} cannot be run")]
    HelperNotRun {
        /// Without its prefix.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The helper printed something else.
    #[error("credential helper docker-credential-{name} did not print credentials")]
    HelperOutput {
        /// Without its prefix.
        name: String,
    },
    /// The helper printed too much.
    #[error("credential helper docker-credential-{name} printed too much")]
    HelperOutputTooLarge {
        /// Without its prefix.
        name: String,
    },
    /// The helper says that something is wrong.
    #[error("credential helper docker-credential-{name} has an error for {server}: {message}")]
    HelperRefused {
        /// Without its prefix.
        name: String,
        /// What it was asked for.
        server: String,
        /// What it printed.
        message: String,
    },
    /// The helper hangs.
    #[error("credential helper docker-credential-{name} did not end in time")]
    HelperSlow {
        /// Without its prefix.
        name: String,
    },
    /// The registry wants a password and none is stored.
    #[error("{registry} asks for a user and password, and none is stored for it")]
    NoCredentials {
        /// Which.
        registry: Registry,
    },
    /// A password in the open.
    #[error("{registry} asks for a user and password without TLS, where others can read it")]
    PlainPassword {
        /// Which.
        registry: Registry,
    },
    /// The registry names a token server that we do not talk to.
    #[error("{registry} sends us for a token to `{realm}`, which {reason}")]
    Realm {
        /// Which registry.
        registry: Registry,
        /// As it was sent.
        realm: String,
        /// What is wrong with it.
        reason: RealmFault,
    },
    /// The user's own configuration is malformed.
    #[error("{}: malformed", .path.display())]
    Settings {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: crate::format::settings::SettingsError,
    },
    /// A scheme nobody uses.
    #[error("{registry} asks for authentication that is neither Bearer nor Basic: `{offered}`")]
    Scheme {
        /// Which registry.
        registry: Registry,
        /// The schemes.
        offered: String,
    },
    /// The answer of the token server is not a token.
    #[error("{realm} did not answer with a token")]
    TokenBody {
        /// Scheme and host of the token server.
        realm: String,
        /// What is wrong; none if the token is absent or not printable.
        source: Option<JsonError>,
    },
    /// An identity token, but the registry takes passwords only.
    #[error("{registry} asks for a user and password, but an identity token is stored for it")]
    TokenForBasic {
        /// Which.
        registry: Registry,
    },
    /// The token server said no.
    #[error("{realm} refused a token for {scope} of {registry} with status {status} ({sent})")]
    TokenRefused {
        /// Scheme and host of the token server.
        realm: String,
        /// What was asked for.
        scope: String,
        /// Which registry.
        registry: Registry,
        /// HTTP.
        status: u16,
        /// What the token server learnt about us.
        sent: Sent,
    },
    /// The token server did not answer.
    #[error("no token from {realm}")]
    TokenServer {
        /// Scheme and host of the token server.
        realm: String,
        /// Why.
        source: HttpError,
    },
}

impl AuthError {
    fn server(realm: &Url, source: HttpError) -> Self {
        Self::TokenServer { realm: super::http::origin(realm), source }
    }
}

/// Why a token server is not talked to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RealmFault {
    /// An address, not a name, and not the registry's.
    #[error("is an IP address")]
    Address,
    /// Not the one of before.
    #[error("is not where it sent us before in this run")]
    Changed,
    /// A fragment in it.
    #[error("has a fragment")]
    Fragment,
    /// HTTP to somebody else.
    #[error("is not HTTPS")]
    NotHttps,
    /// Nothing that can be talked to.
    #[error("is not a URL")]
    NotUrl,
    /// A user in it.
    #[error("holds a user or password")]
    UserInfo,
}

/// What a token server learnt about us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// There are no credentials.
    Anonymous,
    /// There are.
    Credentials,
    /// There are, but not for this host.
    Withheld,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "asked anonymously: no credentials are stored",
            Self::Credentials => "asked with the stored credentials",
            Self::Withheld => "asked anonymously: the stored credentials are not for this host",
        })
    }
}
