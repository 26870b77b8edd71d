//! The trust policy file as it is written: `schemas/trust-policy.v1.schema.json`.
//!
//! [`UnvalidatedPolicy::parse`] knows every key and the shape of every value. Whether names resolve, patterns make sense and keys are keys
//! is decided by `validate`, and only a validated policy can decide anything.

mod canonical;
mod read;
mod reader;
mod shape;
mod signer;
mod yaml;

use std::fmt;

pub use shape::{NotAPolicy, ShapeError, ShapeProblem};
pub use yaml::YamlError;

use crate::base::{Claim, Digest, LineColumn, Timestamp};

/// The only version there is.
pub const VERSION: &str = "plimsoll.trust/v1";

/// A policy file whose keys are known and whose values have the right shape. It trusts nobody yet.
#[derive(Clone, Debug)]
pub struct UnvalidatedPolicy {
    pub(crate) digest: Digest,
    pub(crate) name: String,
    pub(crate) revision: u64,
    pub(crate) not_before: Option<At<Timestamp>>,
    pub(crate) expires: At<Timestamp>,
    pub(crate) trust_roots: Vec<RootEntry>,
    pub(crate) signers: Vec<SignerEntry>,
    pub(crate) baseline: Option<RequireEntry>,
    pub(crate) rules: Vec<RuleEntry>,
    pub(crate) revoked: Vec<RevokedEntry>,
}

impl UnvalidatedPolicy {
    /// Reads a file: text in UTF-8.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAPolicy> {
        match str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => Err(read::not_utf8(bytes, error.valid_up_to())),
        }
    }

    /// Reads YAML or JSON. Every key must be known; all problems of shape are reported at once.
    pub fn parse(text: &str) -> Result<Self, NotAPolicy> {
        read::policy(text)
    }

    /// SHA-256 of the document as canonical JSON (RFC 8785): comments, layout and order of keys do not change it. It covers the policy's
    /// text; a key that stands in a file of its own is covered only if the policy gives its `fingerprint`.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct At<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// A place in a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// In the text.
    pub at: LineColumn,
    /// In the document: `rules[0].require.signature.by`. Empty for the document itself.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// `trust_roots.ID`.
#[derive(Clone, Debug)]
pub(crate) struct RootEntry {
    pub(crate) id: At<String>,
    pub(crate) source: RootSource,
    /// Of the file.
    pub(crate) sha256: Option<At<Digest>>,
    pub(crate) log: LogEntry,
    pub(crate) sct: SctEntry,
}

/// Where a trusted root is.
#[derive(Clone, Debug)]
pub(crate) enum RootSource {
    /// In a file beside the policy.
    File(At<String>),
    /// In this program.
    PublicGood,
}

/// Whether signatures must stand in logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogEntry {
    None,
    Required { threshold: u64 },
}

/// Whether certificates must stand in certificate logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SctEntry {
    None,
    Required,
}

/// `signers.ID`.
#[derive(Clone, Debug)]
pub(crate) struct SignerEntry {
    pub(crate) id: At<String>,
    pub(crate) who: WhoEntry,
    pub(crate) time: Option<TimeEntry>,
    pub(crate) not_before: Option<At<Timestamp>>,
    pub(crate) not_after: Option<At<Timestamp>>,
}

/// What a signer is known by.
#[derive(Clone, Debug)]
pub(crate) enum WhoEntry {
    Key(KeyEntry),
    Keyless(Box<KeylessEntry>),
}

/// `signers.ID.keyless`.
#[derive(Clone, Debug)]
pub(crate) struct KeylessEntry {
    pub(crate) root: At<String>,
    pub(crate) issuer: At<String>,
    pub(crate) subject: At<MatcherEntry>,
    pub(crate) claims: Vec<(Claim, At<MatcherEntry>)>,
}

/// What a text must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum MatcherEntry {
    Equals(String),
    Glob(String),
    OneOf(Vec<String>),
}

/// `signers.ID.time`.
#[derive(Clone, Debug)]
pub(crate) struct TimeEntry {
    pub(crate) place: Place,
    pub(crate) from: Vec<TimeSource>,
    pub(crate) root: Option<At<String>>,
}

/// What may prove when a signature was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimeSource {
    /// Nothing does; the time of verification stands in.
    None,
    Rekor,
    Tsa,
}

/// `signers.ID.key`.
#[derive(Clone, Debug)]
pub(crate) struct KeyEntry {
    pub(crate) source: At<KeySource>,
    pub(crate) fingerprint: Option<At<Digest>>,
}

/// Where a key is.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// In a file beside the policy.
    File(String),
    /// In the policy.
    Pem(String),
}

/// An entry of `rules`.
#[derive(Clone, Debug)]
pub(crate) struct RuleEntry {
    pub(crate) name: At<String>,
    pub(crate) images: Vec<At<String>>,
    pub(crate) except: Vec<At<String>>,
    pub(crate) ruling: RulingEntry,
}

/// What a rule says about its images.
#[derive(Clone, Debug)]
pub(crate) enum RulingEntry {
    AllowUnverified { place: Place, reason: String, expires: Timestamp, digests: Option<Vec<Digest>> },
    Deny { reason: String },
    Require(Box<RequireEntry>),
}

/// `require` and `baseline`.
#[derive(Clone, Debug)]
pub(crate) struct RequireEntry {
    pub(crate) place: Place,
    pub(crate) reference: Option<ReferenceEntry>,
    pub(crate) signature: Option<SignatureEntry>,
    pub(crate) sbom: Option<SbomEntry>,
    pub(crate) attestations: Vec<AttestationEntry>,
}

/// `require.reference`.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceEntry {
    pub(crate) digest: bool,
    pub(crate) tags: Option<Vec<At<String>>>,
    pub(crate) forbid_tags: Vec<At<String>>,
}

/// `require.signature`.
#[derive(Clone, Debug)]
pub(crate) struct SignatureEntry {
    pub(crate) by: ExpressionEntry,
    pub(crate) identity: IdentityEntry,
    pub(crate) annotations: Vec<(String, String)>,
}

/// What the name inside a signature must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IdentityEntry {
    Ignore,
    Repository,
}

/// `require.sbom`.
#[derive(Clone, Debug)]
pub(crate) struct SbomEntry {
    pub(crate) by: ExpressionEntry,
    pub(crate) formats: Option<Vec<SbomFormatEntry>>,
    pub(crate) min_components: Option<u64>,
}

/// A name in `require.sbom.formats`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SbomFormatEntry {
    CycloneDx,
    Spdx2,
}

/// An entry of `require.attestations`.
#[derive(Clone, Debug)]
pub(crate) struct AttestationEntry {
    pub(crate) predicate_type: At<String>,
    pub(crate) by: ExpressionEntry,
}

/// Who must have signed.
#[derive(Clone, Debug)]
pub(crate) enum ExpressionEntry {
    All(Vec<At<String>>),
    Any(Vec<At<String>>),
    One(At<String>),
    Threshold { threshold: At<u64>, of: Vec<At<String>> },
}

/// An entry of `revoked`.
#[derive(Clone, Debug)]
pub(crate) struct RevokedEntry {
    pub(crate) what: RevokedWhat,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

/// What is revoked.
#[derive(Clone, Debug)]
pub(crate) enum RevokedWhat {
    Attestation(Digest),
    Image(Digest),
    Signer { who: RevokedWho, keep_earlier: bool },
}

/// Who is revoked.
#[derive(Clone, Debug)]
pub(crate) enum RevokedWho {
    Identity { issuer: At<String>, subject: At<String> },
    Key(Digest),
    Name(At<String>),
}

/// The document as JSON, for tests against the schema.
#[cfg(test)]
pub(crate) fn to_json(text: &str) -> Option<serde_json::Value> {
    yaml::parse(text).ok().map(|node| node.value.to_json())
}
