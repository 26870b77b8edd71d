//! What can go wrong when we say who we are.

use std::fmt;

use url::Url;

use crate::base::Registry;
use crate::format::json::JsonError;
use crate::io::FileError;
use crate::io::http::HttpError;

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
    /// One password, and two registries.
    #[error("--username is for {first}, and {registry} is asked, too")]
    OneLogin {
        /// The second.
        registry: Registry,
        /// The first.
        first: Registry,
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
    pub(super) fn server(realm: &Url, source: HttpError) -> Self {
        Self::TokenServer { realm: crate::io::http::origin(realm), source }
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
