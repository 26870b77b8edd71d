//! Who must have signed, and who did.

use std::fmt;

use super::Trust;
use crate::base::{Digest, Identity, IdentityMatcher, Timestamp};
use crate::crypto::PublicKey;

/// Who must have signed. There is no "anybody" and no default.
///
/// ```compile_fail,E0277
/// let anybody: plimsoll::verify::Signer = Default::default();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signer {
    /// Whom an authority certifies to be this.
    Identity(Box<IdentitySigner>),
    /// The holder of the private half of this key.
    Key(PublicKey),
    /// The same, and logs or authorities witnessed the signature.
    WitnessedKey(Box<WitnessedKey>),
}

/// An identity, and whom to believe about it. Both are needed, for anybody may call himself anything somewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentitySigner {
    /// Who it must be.
    pub identity: IdentityMatcher,
    /// Whose certificates are believed, and what is demanded beside them.
    pub trust: Trust,
}

/// A key whose signatures others witness.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WitnessedKey {
    /// The key.
    pub key: PublicKey,
    /// Whose testimony counts, and what is demanded of it.
    pub trust: Trust,
}

impl Signer {
    /// The key, if the signer is one.
    pub fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Identity(_) => None,
            Self::Key(key) => Some(key),
            Self::WitnessedKey(witnessed) => Some(&witnessed.key),
        }
    }
}

/// Who signed: what was verified, not what was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Author {
    /// An identity, as an authority certified it.
    Identity(Box<Certified>),
    /// The holder of a key.
    Key(PublicKey),
}

impl Author {
    /// What makes two signers one: their key, or their issuer and subject. Thresholds count these.
    pub fn principal(&self) -> Principal {
        match self {
            Self::Identity(certified) => {
                let Identity { issuer, subject, .. } = &certified.identity;
                Principal::Identity { issuer: issuer.clone(), subject: subject.clone() }
            }
            Self::Key(key) => Principal::Key(key.fingerprint()),
        }
    }
}

/// What makes two signers one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Principal {
    /// An identity, whatever its certificates.
    Identity {
        /// Who vouched for it.
        issuer: String,
        /// What it is called there.
        subject: String,
    },
    /// A key's fingerprint.
    Key(Digest),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity { issuer, subject } => write!(f, "{subject} ({issuer})"),
            Self::Key(fingerprint) => write!(f, "{fingerprint}"),
        }
    }
}

/// What a verified certificate says about the signer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certified {
    /// Who it is.
    pub identity: Identity,
    /// SHA-256 of the certificate in DER.
    pub certificate: Digest,
}

/// A moment at which a signature is proven to have existed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ProvenTime {
    /// When.
    pub time: Timestamp,
    /// Who says so.
    pub source: TimeSource,
}

/// Who may prove a time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TimeSource {
    /// A timestamp authority (RFC 3161).
    Authority,
    /// A transparency log, with its promise.
    Log,
}

impl TimeSource {
    /// As policies and answers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "tsa",
            Self::Log => "rekor",
        }
    }
}

/// Who signed and when. Only a check makes one.
///
/// ```compile_fail,E0451
/// # fn forge(author: plimsoll::verify::Author) {
/// let forged = plimsoll::verify::Authorship { author, proven_times: Vec::new(), logs: 1 };
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authorship {
    author: Author,
    proven_times: Vec<ProvenTime>,
    logs: usize,
}

impl Authorship {
    pub(super) fn new(author: Author, mut proven_times: Vec<ProvenTime>, logs: usize) -> Self {
        proven_times.sort_unstable();
        proven_times.dedup();
        Self { author, proven_times, logs }
    }

    /// Who signed.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// The earliest time at which the signature is proven to have existed.
    pub fn proven_time(&self) -> Option<Timestamp> {
        self.proven_times.first().map(|proven| proven.time)
    }

    /// Every proven time, earliest first.
    pub fn proven_times(&self) -> &[ProvenTime] {
        &self.proven_times
    }

    /// How many different logs of the trusted root hold the signature.
    pub fn logs(&self) -> usize {
        self.logs
    }
}
