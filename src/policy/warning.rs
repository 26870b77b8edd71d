//! What is good today and may not be what its author wants.

use std::fmt;

use super::Policy;
use crate::base::{Claim, IdentityMatcher, Printable, TextMatcher, Timestamp};
use crate::verify::Signer;

/// Something about a policy that its author should look at. It changes no verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PolicyWarning {
    /// The pattern of a signer fits workflows of every repository of an owner, or every workflow of one: whoever may write to the least of them
    /// signs as this signer.
    AnyWorkflow {
        /// The signer.
        signer: String,
        /// Whom it means.
        pattern: String,
    },
    /// The policy expires within days, and then denies everything.
    PolicyExpires {
        /// When.
        at: Timestamp,
    },
    /// What a signer signs will not count in some days.
    SignerEnds {
        /// The signer.
        signer: String,
        /// When.
        at: Timestamp,
    },
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyWorkflow { signer, pattern } => write!(
                f,
                "signer {}: `{}` fits more than one workflow file or repository, and whoever may change one of them can sign; write the path out up \
                 to the `@`, or demand the claim source_repository",
                Printable(signer),
                Printable(pattern)
            ),
            Self::PolicyExpires { at } => {
                write!(f, "the policy expires at {at}, and then everything is denied")
            }
            Self::SignerEnds { signer, at } => {
                write!(f, "signer {}: what is signed after {at} will not count", Printable(signer))
            }
        }
    }
}

impl Policy {
    /// What to look at, as of `now`: the policy first, then the signers in their order.
    pub fn warnings(&self, now: Timestamp) -> Vec<PolicyWarning> {
        let is_soon = |at: Timestamp| (0..=SOON).contains(&(at.seconds() - now.seconds()));
        let mut warnings = Vec::new();
        if let Some(edition) = self.edition().filter(|edition| is_soon(edition.expires)) {
            warnings.push(PolicyWarning::PolicyExpires { at: edition.expires });
        }
        for named in &self.signers {
            let signer = named.id.clone();
            if let Signer::Identity(identity) = &named.signer
                && fits_any_workflow(&identity.identity)
            {
                let pattern = identity.identity.subject().to_string();
                warnings.push(PolicyWarning::AnyWorkflow { signer: signer.clone(), pattern });
            }
            if let Some(at) = named.not_after.filter(|at| is_soon(*at)) {
                warnings.push(PolicyWarning::SignerEnds { signer, at });
            }
        }
        warnings
    }
}

/// Whether a `*` stands in the repository or in the path of the workflow, and no claim says which repository is meant.
fn fits_any_workflow(identity: &IdentityMatcher) -> bool {
    let TextMatcher::Glob(_) = identity.subject() else { return false };
    let pattern = identity.subject().to_string();
    let Some(path) = pattern.strip_prefix(GITHUB) else { return false };
    let workflow = path.split('@').next().unwrap_or_default();
    workflow.contains('*')
        && !identity.claims().any(|(claim, _)| SAYS_REPOSITORY.contains(&Claim::name(claim)))
}

/// 14 days.
const SOON: i64 = 14 * 24 * 60 * 60;
/// Where the subject of a workflow begins.
const GITHUB: &str = "https://github.com/";
/// Claims that name one repository, as far as their own patterns do.
const SAYS_REPOSITORY: [&str; 4] =
    ["build_config", "github_workflow_repository", "source_repository", "source_repository_id"];
