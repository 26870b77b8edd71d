//! What can be wrong with a policy whose shape is right.

use std::error::Error;

use super::PatternError;
use crate::base::Digest;
use crate::crypto::KeyError;
use crate::format::policy::Place;

/// A policy that has problems: at least one.
#[derive(Debug, thiserror::Error)]
#[error("the policy has {} {}", .problems.len(), if .problems.len() == 1 { "problem" } else { "problems" })]
pub struct PolicyError {
    pub(super) problems: Vec<PolicyProblem>,
}

impl PolicyError {
    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[PolicyProblem] {
        &self.problems
    }
}

/// One thing that is wrong with a policy, and where.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct PolicyProblem {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: PolicyProblemKind,
}

impl PolicyProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What can be wrong with a policy whose shape is right.
#[derive(Debug, thiserror::Error)]
pub enum PolicyProblemKind {
    /// An attestation demanded of the type that image signatures have.
    #[error("this is the type of image signatures: demand it with `signature`")]
    AttestationOfSignature,
    /// An exception that leaves nothing of a pattern.
    #[error("the exception leaves nothing of `{pattern}`")]
    ExceptAll {
        /// Which pattern.
        pattern: String,
    },
    /// An exception from nothing.
    #[error("the exception lies outside of this rule's `images`, so it excepts nothing")]
    ExceptNothing,
    /// Another key than the one that the author of the policy saw.
    #[error("the key's fingerprint is {found}")]
    Fingerprint {
        /// Of the key.
        found: Digest,
    },
    /// Not a public key.
    #[error("not a public key: {0}")]
    Key(#[source] KeyError),
    /// A key file that could not be read.
    #[error("{reason}")]
    KeyFile {
        /// As written in the policy.
        file: String,
        /// Why.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// A key file that is not text.
    #[error("`{file}` is not a PEM file")]
    KeyFileNotText {
        /// As written in the policy.
        file: String,
    },
    /// A rule that anybody's image satisfies.
    #[error(
        "nothing here must be signed, so anybody's image would be allowed: demand `signature`, `sbom` or `attestations`, or write `allow_unverified` with a reason and an end"
    )]
    NoEvidence,
    /// Two rules that are equally specific for some name.
    #[error("the rule `{other}` has the same pattern, so neither wins")]
    Overlap {
        /// The earlier rule.
        other: String,
    },
    /// Not a pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// One pattern written twice, perhaps in two ways.
    #[error("this pattern stands in the rule twice")]
    RepeatedPattern,
    /// Two rules of one name.
    #[error("another rule has this name")]
    RepeatedRule,
    /// One key under two names could be counted twice.
    #[error("the signer `{other}` has the same key")]
    SameKey {
        /// The earlier signer.
        other: String,
    },
    /// More signatures than signers.
    #[error("{threshold} of {names} signers cannot be reached")]
    Threshold {
        /// As written.
        threshold: u64,
        /// How many are named.
        names: usize,
    },
    /// A name that `signers` does not have.
    #[error("there is no signer `{name}`")]
    UnknownSigner {
        /// Which.
        name: String,
    },
    /// Unverified images from hosts that nobody listed.
    #[error("images may be allowed unverified only from hosts that are written out")]
    UnverifiedWildcard,
    /// A time span that ends before it starts.
    #[error("the end is not after the start")]
    Window,
}

impl PolicyProblemKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Overlap { .. } => "PLM-P05",
            Self::AttestationOfSignature | Self::Pattern(_) => "PLM-P10",
            Self::UnknownSigner { .. } => "PLM-P11",
            Self::Threshold { .. } => "PLM-P12",
            Self::RepeatedPattern | Self::RepeatedRule => "PLM-P13",
            Self::SameKey { .. } => "PLM-P14",
            Self::Key(_) | Self::KeyFile { .. } | Self::KeyFileNotText { .. } => "PLM-P15",
            Self::Fingerprint { .. } => "PLM-P16",
            Self::UnverifiedWildcard => "PLM-P17",
            Self::ExceptAll { .. } | Self::ExceptNothing => "PLM-P18",
            Self::NoEvidence => "PLM-P20",
            Self::Window => "PLM-P21",
        }
    }
}
