//! What was decided, and why.

use std::sync::Arc;

use crate::base::{Digest, Timestamp};
use crate::verify::{Attested, Authorship, CertificateLogDemand, LogDemand, Origin, Signed, Signer, Trust};

/// Allowed or denied, with the whole explanation.
///
/// Only [`super::decide`] makes one:
///
/// ```compile_fail,E0451
/// # fn forge(ruling: plimsoll::policy::Ruling, now: plimsoll::base::Timestamp) {
/// let forged = plimsoll::policy::Decision { ruling, rule: None, nodes: Vec::new(), now };
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Decision {
    pub(super) ruling: Ruling,
    pub(super) rule: Option<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) now: Timestamp,
}

impl Decision {
    /// The decision itself.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// The rule that decided, if one was about the image.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// The requirements, in the order of the policy: the baseline's first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The moment as of which it was decided.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What more evidence could change.
    pub fn wants(&self) -> Wants {
        let open = |kind: NodeKind| {
            self.nodes
                .iter()
                .any(|node| node.kind == kind && matches!(node.verdict, Verdict::Fail | Verdict::Unknown))
        };
        match (open(NodeKind::Statement), open(NodeKind::Signature)) {
            (true, _) => Wants::EvidenceOfPlatforms,
            (false, true) => Wants::Evidence,
            (false, false) => Wants::Nothing,
        }
    }
}

/// Allow or deny, and what for.
#[derive(Debug)]
pub enum Ruling {
    /// Every requirement holds.
    Allow {
        /// What it rests on.
        grounds: NonEmpty<Ground>,
    },
    /// Some requirement does not hold, or nobody knows.
    Deny {
        /// Why.
        reasons: NonEmpty<Reason>,
        /// Whether another try could end otherwise.
        certainty: Certainty,
    },
}

/// Whether a denial is final.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certainty {
    /// Something is known to be missing or wrong.
    Final,
    /// All that is known holds, but something could not be fetched: denied, and worth another try.
    Open,
}

/// What an allowance rests on. The proofs themselves, so that none is allowed without one.
#[derive(Debug)]
pub enum Ground {
    /// A statement about the image or one of its platforms.
    Attested {
        /// Name of the signer in the policy.
        signer: String,
        /// The proof.
        proof: Arc<Attested>,
    },
    /// An image signature.
    Signed {
        /// Name of the signer in the policy.
        signer: String,
        /// The proof.
        proof: Arc<Signed>,
    },
    /// The policy permits these images without proof, for a time.
    Unverified {
        /// Why.
        reason: String,
        /// Until when.
        expires: Timestamp,
    },
}

/// One reason for a denial.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// Stable.
    pub code: &'static str,
    /// The requirement.
    pub requirement: String,
    /// For people.
    pub detail: String,
}

/// At least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NonEmpty<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> NonEmpty<T> {
    /// The elements, or nothing if there are none.
    pub fn new(items: Vec<T>) -> Option<Self> {
        let mut items = items.into_iter();
        Some(Self { first: items.next()?, rest: items.collect() })
    }

    /// One element.
    pub fn of(first: T) -> Self {
        Self { first, rest: Vec::new() }
    }

    /// The first.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// One requirement, and how it fared.
#[derive(Clone, Debug)]
pub struct Node {
    /// In the policy's words: `signature by release`.
    pub requirement: String,
    /// How it fared.
    pub verdict: Verdict,
    /// Stable; none if it holds.
    pub code: Option<&'static str>,
    /// For people; may be empty.
    pub detail: String,
    /// Everything that was looked at.
    pub reports: Vec<Report>,
    /// The same question for each platform.
    pub children: Vec<Node>,
    pub(super) kind: NodeKind,
}

/// What could change a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NodeKind {
    /// Nothing that can be fetched.
    Fact,
    Signature,
    Statement,
}

/// How a requirement fared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It does not hold.
    Fail,
    /// It holds.
    Pass,
    /// It was not looked at.
    Skipped,
    /// It could not be told.
    Unknown,
}

/// What one candidate was worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Its digest, if it was found; none for what could not be fetched or listed.
    pub digest: Option<Digest>,
    /// Where it was found.
    pub origin: Option<Origin>,
    /// What it looks like from outside: `bundle`, `envelope`, `simple signing`, or what could not be fetched.
    pub summary: String,
    /// What it was worth.
    pub finding: Finding,
}

/// What one candidate was worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// It counts.
    Accepted(Box<Accepted>),
    /// It proves who signed, but another identity counts as that signer already, and one signer is one.
    Spare {
        /// Stable.
        code: &'static str,
        /// What it proves.
        proof: Box<Accepted>,
    },
    /// It does not count.
    Refused {
        /// Stable.
        code: &'static str,
        /// For people.
        detail: String,
    },
}

/// A candidate that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Name of the signer in the policy.
    pub signer: String,
    /// Who signed, and when.
    pub authorship: Authorship,
    /// SHA-256 of what was signed: the statement, or the simple signing payload.
    pub statement: Option<Digest>,
    /// What was checked.
    pub checked: Vec<Check>,
    /// What was not, because nobody demanded it and nothing was there, or because it was left out.
    pub skipped: Vec<Check>,
    /// For people; may be empty.
    pub detail: String,
}

/// Something that can be checked about a signature.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Check {
    /// The signature itself.
    Signature,
    /// That an authority of the trust root certified the signer.
    Certificate,
    /// That the certificate stands in a certificate log.
    CertificateLog,
    /// That the signature stands in a transparency log.
    Log,
    /// When it was made.
    Time,
}

impl Check {
    /// In answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::CertificateLog => "certificate log",
            Self::Log => "transparency log",
            Self::Signature => "signature",
            Self::Time => "proven time",
        }
    }

    /// What `trust` leaves out.
    pub(super) fn left_out(trust: &Trust) -> Vec<Self> {
        let log = (trust.log == LogDemand::NotRequired).then_some(Self::Log);
        let certificates = trust.certificate_log == CertificateLogDemand::NotRequired;
        certificates.then_some(Self::CertificateLog).into_iter().chain(log).collect()
    }

    /// What stands behind a proof by `signer`, and what does not.
    pub(super) fn of(signer: &Signer, authorship: &Authorship) -> (Vec<Self>, Vec<Self>) {
        let log = authorship.logs() > 0;
        let time = authorship.proven_time().is_some();
        let mut all = vec![(Self::Signature, true)];
        if let Signer::Identity(identity) = signer {
            let public = identity.trust.certificate_log == CertificateLogDemand::Required;
            all.extend([(Self::Certificate, true), (Self::CertificateLog, public)]);
        }
        all.extend([(Self::Log, log), (Self::Time, time)]);
        let (made, skipped): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, made)| *made);
        let checks = |list: Vec<(Self, bool)>| list.into_iter().map(|(check, _)| check).collect();
        (checks(made), checks(skipped))
    }
}

/// What more evidence could change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wants {
    /// A missing signature would.
    Evidence,
    /// A missing statement would, about the image or each of its platforms.
    EvidenceOfPlatforms,
    /// Nothing.
    Nothing,
}
