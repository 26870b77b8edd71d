//! Why there is no certificate, no entry, no time stamp or no token.

use std::fmt;

use crate::base::{Printable, limits};
use crate::crypto::{KeyError, StampError};
use crate::format::json::JsonError;
use crate::format::rekor::RekorError;
use crate::io::HttpError;

/// What a service is there for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServiceKind {
    /// Fulcio.
    CertificateAuthority,
    /// GitHub's, in a job.
    TokenProvider,
    /// Rekor.
    TransparencyLog,
    /// RFC 3161.
    StampAuthority,
    /// A TUF repository.
    TufMirror,
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateAuthority => "certificate authority",
            Self::TokenProvider => "identity token service",
            Self::TransparencyLog => "transparency log",
            Self::StampAuthority => "time stamp authority",
            Self::TufMirror => "TUF repository",
        })
    }
}

/// Why a service did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It answered something else.
    #[error("{service} {origin}: this is no answer to what was asked")]
    Answer {
        /// Which service.
        service: ServiceKind,
        /// Scheme, host and port.
        origin: String,
        /// What is wrong with it.
        source: AnswerError,
    },
    /// No answer, or not all of it.
    #[error("{service} {origin}: cannot be asked")]
    Http {
        /// Which service.
        service: ServiceKind,
        /// Scheme, host and port.
        origin: String,
        /// Why.
        source: HttpError,
    },
    /// The network may not be used.
    #[error("the services that keyless signing needs may not be asked: --offline")]
    Offline,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// It sends elsewhere.
    #[error("{service} {origin}: it redirects; what is asked is not sent to places that nobody named")]
    Redirect {
        /// Which service.
        service: ServiceKind,
        /// Scheme, host and port.
        origin: String,
    },
    /// It takes too long.
    #[error("{service} {origin}: no answer within {seconds} seconds")]
    Slow {
        /// Which service.
        service: ServiceKind,
        /// Scheme, host and port.
        origin: String,
        /// The limit.
        seconds: u64,
    },
    /// It refuses.
    #[error("{service} {origin}: HTTP {status}{}", Said(.message))]
    Status {
        /// Which service.
        service: ServiceKind,
        /// Scheme, host and port.
        origin: String,
        /// Of HTTP.
        status: u16,
        /// In its own words.
        message: Option<String>,
    },
    /// There is no token to ask with.
    #[error(transparent)]
    Token(#[from] TokenSourceError),
}

struct Said<'a>(&'a Option<String>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, ": {}", Printable(text)),
            None => Ok(()),
        }
    }
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A certificate that cannot be read.
    #[error("a certificate in it is malformed")]
    Certificate(#[from] KeyError),
    /// No certificates, or too many.
    #[error("it holds {found} certificates; between 1 and {} are accepted", limits::CHAIN)]
    Chain {
        /// How many.
        found: usize,
    },
    /// A proof that has no place in what is stored.
    #[error(
        "the certificate log's promise is not inside of the certificate, where every verifier looks for it"
    )]
    DetachedPromise,
    /// Not an entry, or about something else.
    #[error(transparent)]
    Entry(#[from] RekorError),
    /// Not JSON, or a field is missing.
    #[error("it is malformed")]
    Form(#[from] JsonError),
    /// A conflict that does not name the entry that is there.
    #[error("the entry is said to exist, but not where")]
    Location,
    /// Not a time stamp, or over something else.
    #[error(transparent)]
    Stamp(#[from] StampError),
}

/// Why there is no identity token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenSourceError {
    /// A variable that the provider sets in its jobs.
    #[error(
        "environment variable {variable} is not set: this is not a job of {provider} that may have identity tokens"
    )]
    Absent {
        /// Which.
        variable: &'static str,
        /// Who would set it.
        provider: &'static str,
    },
    /// Blanks or control characters inside.
    #[error("the identity token is not one line of text")]
    NotOneLine,
    /// A variable that should hold the address of the token service.
    #[error("environment variable {variable} is not a URL that can be used")]
    Url {
        /// Which.
        variable: &'static str,
        /// Why.
        source: ServiceUrlError,
    },
}

/// Why a text does not say where a service is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServiceUrlError {
    /// A user or password inside.
    #[error("a user or password does not belong into this URL")]
    Credentials,
    /// Not a URL of HTTPS.
    #[error("write a URL that starts with https://")]
    Form,
    /// Without TLS.
    #[error("HTTP without TLS is for services on this machine only; write https://")]
    Plain,
}
