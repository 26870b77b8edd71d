//! Why there is no answer, and whether there may be one the next time.

use std::error::Error;
use std::io::ErrorKind;

use crate::base::Timestamp;
use crate::io::tls::TlsError;

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It wants us to wait for longer than we do.
    #[error("{host} wants to be asked again in {seconds} seconds{}; the longest wait is {longest}", at(.again))]
    Busy {
        /// Scheme, host and port.
        host: String,
        /// How long.
        seconds: u64,
        /// As the user allows.
        longest: u64,
        /// When that is; none if nobody lives to see it.
        again: Option<Timestamp>,
    },
    /// Certificates that people named, or put where they are looked for.
    #[error("no TLS client: certificates of your own")]
    Certificates {
        /// What is wrong.
        source: TlsError,
    },
    /// A body in a content coding that was not asked for.
    #[error("the answer has content coding `{coding}`, which was not asked for")]
    Encoded {
        /// As stated.
        coding: String,
    },
    /// The connection ended in the middle.
    #[error("the answer broke off")]
    Interrupted {
        /// Why.
        source: Cause,
    },
    /// A variable that should hold a proxy's URL.
    #[error("environment variable {variable} is not a proxy URL")]
    Proxy {
        /// Its name; the value may hold a password.
        variable: &'static str,
    },
    /// No client, for example because there are no CA certificates.
    #[error("no TLS client")]
    Setup {
        /// Why.
        source: Cause,
    },
    /// A server that sends byte after byte for ever.
    #[error("the answer took longer than {seconds} seconds")]
    Slow {
        /// The limit.
        seconds: u64,
    },
    /// Over the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// A server that sends hardly anything, so that it would never end.
    #[error("only {bytes} bytes of the answer came in {seconds} seconds")]
    Trickle {
        /// As many as came.
        bytes: u64,
        /// In which they came.
        seconds: u64,
    },
    /// No connection, or no answer on it.
    #[error("no answer from {host}")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// Why.
        source: Cause,
    },
}

impl HttpError {
    /// Whether the same request may fare better the next time.
    pub(in crate::io) fn is_passing(&self) -> bool {
        match self {
            Self::Interrupted { source } | Self::Unreachable { source, .. } => source.is_passing,
            Self::Busy { .. }
            | Self::Certificates { .. }
            | Self::Encoded { .. }
            | Self::Proxy { .. }
            | Self::Setup { .. }
            | Self::Slow { .. }
            | Self::TooLarge { .. }
            | Self::Trickle { .. } => false,
        }
    }
    /// Whether nothing of the request can have arrived.
    pub(in crate::io) fn is_unsent(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.is_unsent)
    }
}

fn at(again: &Option<Timestamp>) -> String {
    again.map_or(String::new(), |time| format!(", at {time}"))
}

/// The innermost reason of the HTTP client, without its layers and without URLs, whose queries may give access.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Cause {
    text: String,
    is_passing: bool,
    /// There was no connection to send anything on.
    is_unsent: bool,
}

impl Cause {
    /// Whether the other side did not prove who it is.
    pub fn is_certificate(&self) -> bool {
        self.text.contains("certificate")
    }

    #[cfg(test)]
    pub(crate) fn because(text: &str) -> Self {
        Self { text: text.to_owned(), is_passing: false, is_unsent: false }
    }

    #[cfg(test)]
    pub(crate) fn passing(text: &str) -> Self {
        Self { text: text.to_owned(), is_passing: true, is_unsent: false }
    }
}

pub(super) fn cause(error: &reqwest::Error) -> Cause {
    let is_unsent = error.is_connect();
    if error.is_timeout() {
        return Cause { text: "it took too long".to_owned(), is_passing: true, is_unsent };
    }
    let mut inner: &(dyn Error + 'static) = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let (text, is_passing) = match inner.downcast_ref::<reqwest::Error>() {
        // Its own text holds the URL.
        Some(_) => ("the connection or the request is not valid".to_owned(), false),
        None => (inner.to_string(), is_passing(inner, is_unsent)),
    };
    Cause { text, is_passing, is_unsent }
}

/// A name that nobody has stays unknown, and a handshake that failed fails again; a connection that was refused or broken may not be.
fn is_passing(inner: &(dyn Error + 'static), connecting: bool) -> bool {
    match inner.downcast_ref::<std::io::Error>() {
        Some(error) if error.raw_os_error().is_some() => true,
        Some(error) => {
            let text = error.to_string();
            matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ) || text.contains("Temporary failure in name resolution")
        }
        None => !connecting,
    }
}
