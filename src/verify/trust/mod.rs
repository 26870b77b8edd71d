//! Whom to believe about certificates, logs and time, and how much of it is demanded.

mod root;

use std::num::NonZeroUsize;

pub use root::{TrustRoot, TrustRootError};

/// A trusted root together with what is demanded of it. There is no default: who decides about trust says so.
///
/// ```compile_fail,E0277
/// let anything: plimsoll::verify::Trust = Default::default();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    /// Logs and authorities.
    pub root: TrustRoot,
    /// Whether the signature must be public.
    pub log: LogDemand,
    /// Whether the certificate must be public.
    pub certificate_log: CertificateLogDemand,
    /// Who must have said when the signature was made.
    pub time: TimeDemand,
}

impl Trust {
    /// Demands what the public Sigstore offers: one log that holds the signature, one that holds the certificate, one proven time.
    pub fn strict(root: TrustRoot) -> Self {
        Self {
            root,
            log: LogDemand::Required { logs: NonZeroUsize::MIN },
            certificate_log: CertificateLogDemand::Required,
            time: TimeDemand::Proven,
        }
    }
}

/// Whether logs must hold the signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogDemand {
    /// So many different logs of the trusted root. Two entries of one log count once (CVE-2026-49834), as do two names of one key.
    Required {
        /// How many.
        logs: NonZeroUsize,
    },
    /// None needs to. Entries of logs that the root knows must be right all the same.
    NotRequired,
}

/// Whether a log of certificates must hold the certificate. A key has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateLogDemand {
    /// The certificate brings a signed certificate timestamp of a log of the trusted root.
    Required,
    /// Not looked at: an authority of one's own may not publish.
    NotRequired,
}

/// What must prove when the signature was made. A certificate is good for minutes, so it always needs a proven time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeDemand {
    /// A time stamp by an authority of the trusted root.
    Authority,
    /// The promise of a log of the trusted root.
    Log,
    /// For a key, nothing. For a certificate as [`TimeDemand::Proven`].
    NotRequired,
    /// Either of the two.
    Proven,
}
