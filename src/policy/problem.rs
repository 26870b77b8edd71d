//! What can be wrong with a policy whose shape is right.

use std::error::Error;

use super::PatternError;
use crate::base::{Digest, MatcherError, Printable};
use crate::crypto::KeyError;
use crate::format::policy::Place;
use crate::verify::TrustRootError;

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
    /// A certificate is good for minutes: without a proven time nobody knows whether it was.
    #[error("a certificate needs a proven time: say `rekor`, `tsa` or both")]
    CertificateWithoutTime,
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
    /// More logs than there are.
    #[error("{threshold} different logs cannot be reached: the trusted root has {logs}")]
    LogThreshold {
        /// As written.
        threshold: u64,
        /// How many the root has.
        logs: usize,
    },
    /// Somebody who is not one.
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    /// A rule that anybody's image satisfies.
    #[error(
        "nothing here must be signed, so anybody's image would be allowed: demand `signature`, `sbom` or `attestations`, or write `allow_unverified` with a reason and an end"
    )]
    NoEvidence,
    /// Times of another root than the certificate's.
    #[error("the times of a certificate come from the root that it has in `keyless`")]
    OtherRoot,
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
    /// One signer under two names could be counted twice.
    #[error("the signer `{other}` is the same")]
    SameSigner {
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
    /// A time is demanded and not demanded.
    #[error("`none` stands alone: with another source, a proven time is demanded")]
    TimeAndNone,
    /// A time that nobody can prove.
    #[error("a proven time needs a trust root, whose logs or clocks prove it: add `root`")]
    TimeWithoutRoot,
    /// Not a trusted root.
    #[error("not a trusted root: {}", chain(.0))]
    TrustedRoot(#[source] TrustRootError),
    /// Another trusted root than the author of the policy saw.
    #[error("the trusted root's hash is {found}")]
    TrustedRootDigest {
        /// Of the file.
        found: Digest,
    },
    /// A trusted root that could not be read.
    #[error("{reason}")]
    TrustedRootFile {
        /// As written in the policy.
        file: String,
        /// Why.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// A name that `trust_roots` does not have.
    #[error("there is no trust root `{name}`")]
    UnknownRoot {
        /// Which.
        name: String,
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
    /// A trust root that demands nothing of anybody.
    #[error("no signer uses this trust root")]
    UnusedRoot,
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
            Self::LogThreshold { .. } | Self::Threshold { .. } => "PLM-P12",
            Self::RepeatedPattern | Self::RepeatedRule => "PLM-P13",
            Self::SameSigner { .. } => "PLM-P14",
            Self::Key(_) | Self::KeyFile { .. } | Self::KeyFileNotText { .. } => "PLM-P15",
            Self::Fingerprint { .. } => "PLM-P16",
            Self::UnverifiedWildcard => "PLM-P17",
            Self::ExceptAll { .. } | Self::ExceptNothing => "PLM-P18",
            Self::NoEvidence => "PLM-P20",
            Self::Window => "PLM-P21",
            Self::UnknownRoot { .. } | Self::UnusedRoot => "PLM-P23",
            Self::TrustedRoot(_) | Self::TrustedRootDigest { .. } | Self::TrustedRootFile { .. } => "PLM-P24",
            Self::Matcher(_) => "PLM-P25",
            Self::CertificateWithoutTime | Self::OtherRoot | Self::TimeAndNone | Self::TimeWithoutRoot => {
                "PLM-P26"
            }
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = Printable(&error.to_string()).to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {}", Printable(&source.to_string())));
        cause = source.source();
    }
    text
}
