//! Who we are to a registry: challenges, stored credentials, tokens. Nothing secret is sent before the registry asked for it.

mod challenge;
mod error;
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

use super::Environment;
use super::http::Http;
use crate::base::{Registry, Repository, Secret};
pub use error::{AuthError, RealmFault, Sent};
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
