//! Facts that a certificate of a Sigstore CA states about its holder: <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>.

use std::fmt;
use std::str::FromStr;

use super::Printable;

/// Names a fact about the holder, a certificate extension below 1.3.6.1.4.1.57264.1.
///
/// Names follow <https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>; "source repository URI" is `source_repository`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Claim {
    entry: &'static ClaimEntry,
}

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct ClaimEntry {
    arc: u64,
    name: &'static str,
    form: Form,
}

/// What the values of a claim look like.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Form {
    /// A number or a hash.
    Id,
    /// Owner and name.
    Repository,
    /// Names joined by `:` and `/`: `repo:acme/shop:ref:refs/heads/main`.
    Subject,
    Text,
    Url,
}

impl Claim {
    /// By the last number of its object identifier. The issuer (8) is no claim: it is always compared.
    pub fn of_arc(arc: u64) -> Option<Self> {
        CLAIMS.iter().find(|entry| entry.arc == arc).map(|entry| Self { entry })
    }

    /// All there are, in the order of their identifiers.
    pub fn all() -> impl Iterator<Item = Self> {
        CLAIMS.iter().map(|entry| Self { entry })
    }

    /// As policies and commands write it.
    pub fn name(self) -> &'static str {
        self.entry.name
    }

    pub(super) fn form(self) -> Form {
        self.entry.form
    }

    /// The last number of its object identifier.
    pub fn arc(self) -> u64 {
        self.entry.arc
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Claim {
    type Err = UnknownClaim;

    fn from_str(text: &str) -> Result<Self, UnknownClaim> {
        let found = Self::all().find(|claim| claim.name() == text);
        found.ok_or_else(|| UnknownClaim { found: text.chars().take(64).collect() })
    }
}

/// A name that is no claim's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no claim `{}`; there are {}", Printable(.found), claim_names())]
pub struct UnknownClaim {
    found: String,
}

fn claim_names() -> String {
    let names: Vec<&str> = Claim::all().map(Claim::name).collect();
    names.join(", ")
}

const fn claim(arc: u64, name: &'static str, form: Form) -> ClaimEntry {
    ClaimEntry { arc, name, form }
}

/// Those in use by identifier, and then the deprecated ones.
static CLAIMS: [ClaimEntry; 21] = [
    claim(9, "build_signer", Form::Url),
    claim(10, "build_signer_digest", Form::Id),
    claim(11, "runner_environment", Form::Text),
    claim(12, "source_repository", Form::Url),
    claim(13, "source_digest", Form::Id),
    claim(14, "source_ref", Form::Text),
    claim(15, "source_repository_id", Form::Id),
    claim(16, "source_owner", Form::Url),
    claim(17, "source_owner_id", Form::Id),
    claim(18, "build_config", Form::Url),
    claim(19, "build_config_digest", Form::Id),
    claim(20, "build_trigger", Form::Text),
    claim(21, "run_invocation", Form::Url),
    claim(22, "source_visibility", Form::Text),
    claim(23, "deployment_environment", Form::Text),
    claim(24, "token_subject", Form::Subject),
    // Deprecated by Fulcio; the only ones in certificates of before 2023.
    claim(2, "github_workflow_trigger", Form::Text),
    claim(3, "github_workflow_sha", Form::Id),
    claim(4, "github_workflow_name", Form::Text),
    claim(5, "github_workflow_repository", Form::Repository),
    claim(6, "github_workflow_ref", Form::Text),
];
