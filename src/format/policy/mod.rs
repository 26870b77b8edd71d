//! The trust policy file as it is written: `schemas/trust-policy.v1.schema.json`.
//!
//! [`UnvalidatedPolicy::parse`] knows every key and the shape of every value. Whether names resolve, patterns make sense and keys are keys
//! is decided by `validate`, and only a validated policy can decide anything.

mod canonical;
mod read;
mod reader;
mod yaml;

use std::fmt;

pub use yaml::YamlError;

use crate::base::{Digest, LineColumn, Timestamp};

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
    pub(crate) signers: Vec<SignerEntry>,
    pub(crate) baseline: Option<RequireEntry>,
    pub(crate) rules: Vec<RuleEntry>,
    pub(crate) revoked: Vec<RevokedEntry>,
}

impl UnvalidatedPolicy {
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

/// `signers.ID`.
#[derive(Clone, Debug)]
pub(crate) struct SignerEntry {
    pub(crate) id: At<String>,
    pub(crate) key: KeyEntry,
    pub(crate) not_before: Option<At<Timestamp>>,
    pub(crate) not_after: Option<At<Timestamp>>,
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
    Digest(Digest),
    Key(Digest),
    Signer(At<String>),
}

/// A policy file that has problems of shape: at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}", headline(.problems.len()))]
pub struct NotAPolicy {
    problems: Vec<ShapeProblem>,
}

impl NotAPolicy {
    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[ShapeProblem] {
        &self.problems
    }
}

fn headline(problems: usize) -> String {
    match problems {
        1 => "the policy has a problem".to_owned(),
        many => format!("the policy has {many} problems"),
    }
}

/// One thing that is wrong with the shape of a policy file, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {error}")]
pub struct ShapeProblem {
    /// Where.
    pub place: Place,
    /// What.
    #[source]
    pub error: ShapeError,
}

impl ShapeProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

/// What can be wrong with the shape of a policy file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// Keys of which exactly one must stand.
    #[error("exactly one of {keys} must stand here; {found} do")]
    Choice {
        /// Which keys.
        keys: &'static str,
        /// How many stand.
        found: usize,
    },
    /// A list, map or text with nothing in it.
    #[error("nothing in it: {want}")]
    Empty {
        /// What belongs there.
        want: &'static str,
    },
    /// A key that must be there.
    #[error("the key `{key}` is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// The same entry twice in a list.
    #[error("`{value}` stands in this list twice")]
    Repeated {
        /// Which.
        value: String,
    },
    /// Another kind of value.
    #[error("expected {want}, found {got}")]
    Type {
        /// What belongs there.
        want: &'static str,
        /// What is there.
        got: &'static str,
    },
    /// A key that this version does not know.
    #[error("the key `{key}` is not known; known here: {known}")]
    UnknownKey {
        /// Which.
        key: String,
        /// The keys that may stand there.
        known: String,
    },
    /// The right kind of value, but not one of the right ones.
    #[error("`{got}` is not {want}")]
    Value {
        /// What belongs there.
        want: &'static str,
        /// What is there.
        got: String,
    },
    /// Another version of the format.
    #[error("version `{got}` is not known; this program reads `{VERSION}`")]
    Version {
        /// Which.
        got: String,
    },
    /// Not the YAML of a policy.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl ShapeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml(
                YamlError::Alias | YamlError::Anchor | YamlError::Key | YamlError::MergeKey | YamlError::Tag,
            ) => "PLM-P04",
            Self::Yaml(YamlError::Duplicate { .. }) => "PLM-P06",
            Self::Yaml(
                YamlError::Documents
                | YamlError::Empty
                | YamlError::Syntax { .. }
                | YamlError::TooDeep
                | YamlError::TooLarge,
            ) => "PLM-P01",
            Self::UnknownKey { .. } => "PLM-P07",
            Self::Missing { .. } => "PLM-P08",
            Self::Type { .. } => "PLM-P09",
            Self::Value { .. } => "PLM-P10",
            Self::Repeated { .. } => "PLM-P13",
            Self::Choice { .. } => "PLM-P19",
            Self::Empty { .. } => "PLM-P20",
            Self::Version { .. } => "PLM-P22",
        }
    }
}

/// The document as JSON, for tests against the schema.
#[cfg(test)]
pub(crate) fn to_json(text: &str) -> Option<serde_json::Value> {
    yaml::parse(text).ok().map(|node| node.value.to_json())
}
