//! The trust policy: what must be proven about an image before it may be used. [`decide`] consumes proofs of [`crate::verify`] and says
//! allow or deny, with every reason; it trusts nothing that is not in the [`Policy`].
#![warn(clippy::wildcard_enum_match_arm)]

mod case;
pub mod code;
mod count;
mod decide;
mod decision;
mod evidence;
mod load;
mod pairing;
mod pattern;
mod problem;
mod requirement;
mod sbom;
mod warning;

use std::collections::BTreeMap;

pub use case::Case;
pub use decide::decide;
pub use decision::{
    Accepted, Certainty, Check, Decision, Finding, Ground, Node, NonEmpty, Reason, Report, Ruling, Verdict,
    Wants,
};
pub use evidence::{Evidence, Found, Gap, PlatformImage, Request};
pub use pattern::PatternError;
pub use problem::{PolicyError, PolicyProblem, PolicyProblemKind};
pub use warning::PolicyWarning;

use crate::base::{Digest, IdentityMatcher, Timestamp};
use crate::verify::{Authorship, Signer, TimeDemand, Trust};
use pattern::Pattern;

/// A policy whose every name resolves, every pattern means something and every key is a key.
///
/// Only `UnvalidatedPolicy::validate` and [`Policy::of_signers`] make one:
///
/// ```compile_fail,E0451
/// # fn forge(policy: plimsoll::policy::Policy) {
/// let forged = plimsoll::policy::Policy { name: "x".to_owned(), ..policy };
/// # }
/// ```
///
/// ```compile_fail,E0277
/// let nobody_asked: plimsoll::policy::Policy = Default::default();
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    edition: Option<Edition>,
    roots: Vec<NamedRoot>,
    signers: Vec<NamedSigner>,
    baseline: Vec<Requirement>,
    rules: Vec<Rule>,
    revoked: Vec<Revoked>,
}

/// Which policy it is, and when it may be used. A policy made from signers on the command line has none.
#[derive(Clone, Copy, Debug)]
pub struct Edition {
    /// Grows with every change.
    pub revision: u64,
    /// SHA-256 of the policy in canonical form.
    pub digest: Digest,
    not_before: Option<Timestamp>,
    expires: Timestamp,
}

impl Policy {
    /// The policy's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Revision and digest, if it came from a file.
    pub fn edition(&self) -> Option<&Edition> {
        self.edition.as_ref()
    }

    /// What trust roots leave unchecked because the policy says so: by the name of the root. Every answer shows it.
    pub fn relaxed(&self) -> Vec<(&str, Vec<Check>)> {
        let relaxed = |root: &'_ NamedRoot| Check::left_out(&root.trust);
        let named = self.roots.iter().map(|root| (root.id.as_str(), relaxed(root)));
        named.filter(|(_, checks)| !checks.is_empty()).collect()
    }

    /// The policy that `--key` and `--certificate-identity` mean: for every image, one demand that any of the signers can satisfy. Without
    /// signers it allows nothing.
    ///
    /// The name inside a signature is not compared, because the question was only whether this signer signed this digest.
    pub fn of_signers(named: Vec<(String, Signer)>, demand: Demand) -> Self {
        let (mut signers, mut roots) = (Vec::<NamedSigner>::new(), Vec::new());
        for (id, signer) in named {
            if signers.iter().any(|other| other.signer == signer) {
                continue;
            }
            let trust = match &signer {
                Signer::Identity(identity) => Some(&identity.trust),
                Signer::Key(_) => None,
                Signer::WitnessedKey(witnessed) => Some(&witnessed.trust),
            };
            if let Some(trust) = trust
                && roots.iter().all(|root: &NamedRoot| root.trust != *trust)
            {
                roots.push(NamedRoot { id: COMMAND_LINE.to_owned(), trust: trust.clone() });
            }
            signers.push(NamedSigner { id, signer, not_before: None, not_after: None });
        }
        let by = Expression { needed: 1, of: (0..signers.len()).collect() };
        let requirement = match demand {
            Demand::Attestation { predicate_type } => Requirement::Attestation { predicate_type, by },
            Demand::Signature { annotations } => {
                Requirement::Signature { by, identity: NameInside::Ignore, annotations }
            }
        };
        let rule = Rule {
            name: "signer".to_owned(),
            images: Images::Every,
            except: Vec::new(),
            ruling: RuleRuling::Require(vec![requirement]),
        };
        Self {
            name: COMMAND_LINE.to_owned(),
            edition: None,
            roots,
            signers,
            baseline: Vec::new(),
            rules: vec![rule],
            revoked: Vec::new(),
        }
    }

    /// Whether images are revoked: then a decision about an index needs to know what it lists.
    pub fn revokes_images(&self) -> bool {
        self.revoked.iter().any(|revoked| matches!(revoked.what, RevokedWhat::Image(_)))
    }

    fn signer(&self, index: usize) -> Option<&NamedSigner> {
        self.signers.get(index)
    }
}

/// What must be signed by a signer of the command line.
#[derive(Clone, Debug)]
pub enum Demand {
    /// An attestation of this type.
    Attestation {
        /// The predicate type.
        predicate_type: String,
    },
    /// The image.
    Signature {
        /// What the signer must have added.
        annotations: BTreeMap<String, String>,
    },
}

/// A trust root, and the name that signers use.
#[derive(Clone, Debug)]
struct NamedRoot {
    id: String,
    trust: Trust,
}

/// A signer, the name that rules use, and when its signatures are good.
#[derive(Clone, Debug)]
struct NamedSigner {
    id: String,
    signer: Signer,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl NamedSigner {
    /// When it signed, if somebody proves it who is believed about that.
    fn proven_time(&self, authorship: &Authorship) -> Option<Timestamp> {
        let trust = match &self.signer {
            Signer::Identity(identity) => &identity.trust,
            Signer::Key(_) => return None,
            Signer::WitnessedKey(witnessed) => &witnessed.trust,
        };
        authorship.proven_time().filter(|_| trust.time != TimeDemand::NotRequired)
    }
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    images: Images,
    except: Vec<Pattern>,
    ruling: RuleRuling,
}

/// Which images a rule is about.
#[derive(Clone, Debug)]
enum Images {
    /// Those of every name and of none. No file can say this.
    Every,
    Matching(Vec<Pattern>),
}

#[derive(Clone, Debug)]
enum RuleRuling {
    AllowUnverified { reason: String, expires: Timestamp, digests: Option<Vec<Digest>> },
    Deny { reason: String },
    Require(Vec<Requirement>),
}

/// Something that must hold.
#[derive(Clone, Debug)]
enum Requirement {
    Attestation { predicate_type: String, by: Expression },
    ReferenceDigest,
    ReferenceForbidTags { patterns: Vec<String> },
    ReferenceTags { patterns: Vec<String> },
    Sbom { by: Expression, formats: Vec<SbomFormat>, min_components: u64 },
    Signature { by: Expression, identity: NameInside, annotations: BTreeMap<String, String> },
}

impl Requirement {
    fn is_evidence(&self) -> bool {
        match self {
            Self::Attestation { .. } | Self::Sbom { .. } | Self::Signature { .. } => true,
            Self::ReferenceDigest | Self::ReferenceForbidTags { .. } | Self::ReferenceTags { .. } => false,
        }
    }
}

/// How many of which signers: `all`, `any`, `threshold` and a single name are all this.
#[derive(Clone, Debug)]
struct Expression {
    /// At least 1.
    needed: usize,
    /// Places in [`Policy::signers`].
    of: Vec<usize>,
}

/// What the name inside a signature must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NameInside {
    Ignore,
    Repository,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SbomFormat {
    CycloneDx,
    Spdx2,
}

impl SbomFormat {
    fn name(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx2 => "spdx-2",
        }
    }
}

#[derive(Clone, Debug)]
struct Revoked {
    what: RevokedWhat,
    reason: String,
    at: Timestamp,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum RevokedWhat {
    /// By what was signed, or by what stores it.
    Attestation(Digest),
    Image(Digest),
    Signer {
        who: RevokedWho,
        /// Signatures that are proven to be older stay good.
        keep_earlier: bool,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum RevokedWho {
    Identity {
        issuer: String,
        subject: String,
    },
    /// By fingerprint; a signer revoked by name is here with its key.
    Key(Digest),
    /// A signer revoked by name: whoever it means, under whatever name.
    Matching(Box<IdentityMatcher>),
}

/// What stands for the name of a policy, and of a trust root, that no file has.
const COMMAND_LINE: &str = "command line";
