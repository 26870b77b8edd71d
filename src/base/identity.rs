//! Who a certificate of a Sigstore CA names, and who it must name. Values only: an [`Identity`] is believed when `verify` hands it out.

use std::collections::BTreeMap;

use super::matcher::{is_url, plain};
use super::{Claim, MatcherError, Printable, TextMatcher};

/// What a certificate says about its holder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    /// Who vouched for the holder: the OpenID Connect issuer.
    pub issuer: String,
    /// The holder, as the issuer knows them: an e-mail address, or the URI of a workflow or a service.
    pub subject: String,
    /// What else the issuer said.
    pub claims: BTreeMap<Claim, String>,
}

/// Whom a certificate must name. Issuer and subject are both there always: one without the other names anybody.
///
/// ```compile_fail,E0277
/// let anybody: plimsoll::base::IdentityMatcher = Default::default();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityMatcher {
    issuer: String,
    subject: TextMatcher,
    claims: BTreeMap<Claim, TextMatcher>,
}

impl IdentityMatcher {
    /// Exactly this issuer, and a subject that fits.
    pub fn new(issuer: &str, subject: TextMatcher) -> Result<Self, MatcherError> {
        // An issuer that fits a pattern is whoever registers a domain.
        if issuer.contains('*') || !is_url(issuer) {
            return Err(MatcherError::Issuer);
        }
        let issuer = plain(issuer)?.to_owned();
        subject.check_subject()?;
        Ok(Self { issuer, subject, claims: BTreeMap::new() })
    }

    /// Demands a claim as well.
    pub fn with_claim(mut self, claim: Claim, value: TextMatcher) -> Result<Self, MatcherError> {
        value.check_claim(claim)?;
        match self.claims.insert(claim, value) {
            Some(_) => Err(MatcherError::ClaimTwice { claim }),
            None => Ok(self),
        }
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the subject must be.
    pub fn subject(&self) -> &TextMatcher {
        &self.subject
    }

    /// What else must hold.
    pub fn claims(&self) -> impl Iterator<Item = (Claim, &TextMatcher)> {
        self.claims.iter().map(|(claim, value)| (*claim, value))
    }

    /// Whether it is `identity` who is meant.
    pub fn check(&self, identity: &Identity) -> Result<(), OtherIdentity> {
        let short = |text: &str| text.chars().take(MOST_SHOWN).collect::<String>();
        if identity.issuer != self.issuer {
            return Err(OtherIdentity::Issuer { found: short(&identity.issuer) });
        }
        if !self.subject.matches(&identity.subject) {
            return Err(OtherIdentity::Subject { found: short(&identity.subject) });
        }
        for (claim, wanted) in self.claims() {
            match identity.claims.get(&claim) {
                Some(found) if wanted.matches(found) => {}
                Some(found) => return Err(OtherIdentity::Claim { claim, found: short(found) }),
                None => return Err(OtherIdentity::NoClaim { claim }),
            }
        }
        Ok(())
    }
}

/// Why an identity is not the one that is meant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OtherIdentity {
    /// Another value of a claim.
    #[error("the certificate's {claim} is `{}`", Printable(.found))]
    Claim {
        /// Which.
        claim: Claim,
        /// As the certificate has it.
        found: String,
    },
    /// Another issuer.
    #[error("the certificate says that the issuer `{}` vouched for the signer", Printable(.found))]
    Issuer {
        /// As the certificate has it.
        found: String,
    },
    /// The claim is not there.
    #[error("the certificate has no {claim}")]
    NoClaim {
        /// Which.
        claim: Claim,
    },
    /// Somebody else.
    #[error("the certificate names `{}`", Printable(.found))]
    Subject {
        /// As the certificate has it.
        found: String,
    },
}

/// As much of a stranger's text as an error repeats.
const MOST_SHOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn demand() -> IdentityMatcher {
        let subject = TextMatcher::glob("https://github.com/acme/shop/*").unwrap();
        let trigger = TextMatcher::one_of(&["push".to_owned(), "release".to_owned()]).unwrap();
        IdentityMatcher::new("https://issuer.example", subject)
            .unwrap()
            .with_claim("build_trigger".parse().unwrap(), trigger)
            .unwrap()
    }

    #[test]
    fn issuer_subject_and_every_claim_must_fit() {
        let trigger: Claim = "build_trigger".parse().unwrap();
        let good = Identity {
            issuer: "https://issuer.example".to_owned(),
            subject: "https://github.com/acme/shop/x".to_owned(),
            claims: [(trigger, "push".to_owned())].into(),
        };
        assert_eq!(demand().check(&good), Ok(()));
        let issuer = Identity { issuer: "https://issuer.example/".to_owned(), ..good.clone() };
        assert!(matches!(demand().check(&issuer), Err(OtherIdentity::Issuer { .. })));
        let subject = Identity { subject: "https://github.com/acme/shop2/x".to_owned(), ..good.clone() };
        assert!(matches!(demand().check(&subject), Err(OtherIdentity::Subject { .. })));
        let other = Identity { claims: [(trigger, "pull_request".to_owned())].into(), ..good.clone() };
        assert!(matches!(demand().check(&other), Err(OtherIdentity::Claim { .. })));
        let none = Identity { claims: BTreeMap::new(), ..good };
        assert_eq!(demand().check(&none), Err(OtherIdentity::NoClaim { claim: trigger }));
    }

    #[test]
    fn claims_have_one_name_and_one_number() {
        for claim in Claim::all() {
            assert_eq!(claim.name().parse(), Ok(claim));
            assert_eq!(Claim::of_arc(claim.arc()), Some(claim));
        }
        assert_eq!(Claim::of_arc(8), None);
        let unknown = "issuer".parse::<Claim>().unwrap_err().to_string();
        assert!(unknown.contains("source_repository, "), "{unknown}");
        let url = TextMatcher::glob("acme/*").unwrap();
        let repository = "source_repository".parse().unwrap();
        assert_eq!(demand().with_claim(repository, url), Err(MatcherError::GlobOfUrl));
        let repository = "github_workflow_repository".parse().unwrap();
        for (glob, want) in [("acme*", Err(MatcherError::GlobOfStart)), ("acme/*", Ok(()))] {
            let glob = TextMatcher::glob(glob).unwrap();
            assert_eq!(demand().with_claim(repository, glob).map(drop), want);
        }
        let again = demand().with_claim("build_trigger".parse().unwrap(), TextMatcher::equals("x").unwrap());
        assert!(matches!(again, Err(MatcherError::ClaimTwice { .. })));
    }
}
