//! Who we are to a registry: challenges, stored credentials, tokens. Nothing secret is sent before the registry asked for it.

mod authorizer;
mod challenge;
mod error;
mod helper;
mod keyring;
mod pairs;
mod realm;
mod token;

use std::fmt;

use base64::Engine as _;
use reqwest::header::HeaderValue;

use crate::base::{Registry, Repository, Secret};
pub(super) use authorizer::Authorizer;
pub use error::{AuthError, RealmFault, Sent};
pub(super) use keyring::Keyring;
pub use keyring::{CredentialKind, Looked, Lookup};

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

/// What is wanted of a registry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    /// Where.
    pub(super) repository: &'a Repository,
    /// What.
    pub(super) actions: Actions,
    /// Another repository of the registry, which is read for it.
    pub(super) from: Option<&'a Repository>,
}

/// A user and a password for one run, for the registry that the run is about.
#[derive(Clone, Debug)]
pub struct Login {
    /// Not secret.
    pub username: String,
    /// Secret.
    pub password: Secret<String>,
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
