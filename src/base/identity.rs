//! Who a certificate of a Sigstore CA names, and what such names must be. Values only: an [`Identity`] is believed when `verify` hands it out.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::Printable;

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
enum Form {
    /// Owner and name.
    Repository,
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
    #[error("the issuer `{}` vouched for the signer", Printable(.found))]
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
    #[error("the signer is `{}`", Printable(.found))]
    Subject {
        /// As the certificate has it.
        found: String,
    },
}

/// What a text must be. There are no regular expressions: an unanchored or unescaped one matches strangers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TextMatcher {
    /// Exactly this.
    Equals(String),
    /// A pattern for the whole text, in which `*` is any run of characters but `/`.
    Glob(Glob),
    /// One of these.
    OneOf(Vec<String>),
}

impl TextMatcher {
    /// Exactly this text.
    pub fn equals(text: &str) -> Result<Self, MatcherError> {
        Ok(Self::Equals(plain(text)?.to_owned()))
    }

    /// One of these texts.
    pub fn one_of(texts: &[String]) -> Result<Self, MatcherError> {
        if texts.is_empty() {
            return Err(MatcherError::Empty);
        }
        let texts: Result<Vec<_>, _> = texts.iter().map(|text| plain(text).map(str::to_owned)).collect();
        Ok(Self::OneOf(texts?))
    }

    /// A pattern.
    pub fn glob(text: &str) -> Result<Self, MatcherError> {
        Ok(Self::Glob(text.parse()?))
    }

    /// Whether `text` is what it must be.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => text == wanted,
            Self::Glob(glob) => glob.matches(text),
            Self::OneOf(all) => all.iter().any(|wanted| wanted == text),
        }
    }

    fn check_subject(&self) -> Result<(), MatcherError> {
        match self {
            Self::Glob(glob) if !glob.is_url() && !glob.is_mail() => Err(MatcherError::GlobOfWord),
            Self::Equals(_) | Self::Glob(_) => Ok(()),
            Self::OneOf(_) => Err(MatcherError::SubjectList),
        }
    }

    fn check_claim(&self, claim: Claim) -> Result<(), MatcherError> {
        match self {
            Self::Equals(_) | Self::OneOf(_) => Ok(()),
            Self::Glob(glob) => match claim.entry.form {
                Form::Repository if !glob.text.contains('/') => Err(MatcherError::GlobOfStart),
                Form::Url if !glob.is_url() => Err(MatcherError::GlobOfUrl),
                Form::Repository | Form::Text | Form::Url => Ok(()),
            },
        }
    }
}

impl fmt::Display for TextMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(text) => f.write_str(text),
            Self::Glob(glob) => f.write_str(&glob.text),
            Self::OneOf(texts) => f.write_str(&texts.join(" or ")),
        }
    }
}

/// A pattern that is anchored at both ends and cannot leave the part of the text in which its `*` stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Glob {
    text: String,
}

impl Glob {
    fn matches(&self, text: &str) -> bool {
        // `*` matches no separator, so the parts correspond one to one. In an address, `@` separates as well.
        let separators: &[char] = if self.is_mail() { &['/', '@'] } else { &['/'] };
        let mut parts = text.split(separators);
        self.text.split(separators).all(|part| parts.next().is_some_and(|text| fits_stars(part, text)))
            && parts.next().is_none()
    }

    fn is_url(&self) -> bool {
        self.text.contains("://")
    }

    fn is_mail(&self) -> bool {
        !self.is_url() && self.text.contains('@') && !self.text.contains('/')
    }
}

impl FromStr for Glob {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, MatcherError> {
        let glob = Self { text: plain(text)?.to_owned() };
        let star = text.find('*').ok_or(MatcherError::GlobWithoutStar)?;
        if text.contains("**") {
            return Err(MatcherError::DoubleStar);
        }
        if text.chars().all(|char| char == '*' || char == '/') {
            return Err(MatcherError::Anything);
        }
        if glob.is_url() {
            // `https://github.com/acme*` would also be `https://github.com/acme-evil`.
            let start = text.find("://").unwrap_or(0) + "://".len();
            let owner = text.match_indices('/').map(|(at, _)| at).filter(|at| *at >= start).nth(1);
            if owner.is_none_or(|end| star < end) || !is_url(text) {
                return Err(MatcherError::GlobOfOwner);
            }
        } else if text.find('/').is_some_and(|end| star < end) {
            // `acme*/shop` would also be `acme-evil/shop`.
            return Err(MatcherError::GlobOfStart);
        } else if glob.is_mail() && text.rfind('*') > text.rfind('@') {
            return Err(MatcherError::GlobOfDomain);
        }
        Ok(glob)
    }
}

/// Whether the whole of `text` fits `pattern`, in which `*` is any run of characters.
pub(crate) fn fits_stars(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or("");
    }
    rest.ends_with(last)
}

/// Why a text says nothing, or too much, about who may sign.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MatcherError {
    /// Every text.
    #[error("this pattern fits everything")]
    Anything,
    /// The same claim twice.
    #[error("the claim {claim} is demanded twice")]
    ClaimTwice {
        /// Which.
        claim: Claim,
    },
    /// `**`.
    #[error("`**` means nothing here: `*` stands for what lies between two `/`")]
    DoubleStar,
    /// No text.
    #[error("there is nothing to compare with")]
    Empty,
    /// An e-mail domain that is not written out.
    #[error("the domain behind the `@` must be written out: a `*` in it also fits strangers")]
    GlobOfDomain,
    /// A host or an owner that is not written out.
    #[error(
        "host and owner must be written out, and end with a `/` before the first `*`: `https://github.com/acme*` is also `acme-evil`"
    )]
    GlobOfOwner,
    /// An owner that is not written out, in what is no URL.
    #[error("what stands before the first `/` must be written out: `acme*/shop` is also `acme-evil/shop`")]
    GlobOfStart,
    /// A pattern that no URL fits, or any.
    #[error("the value is a URL: write scheme, host and owner out")]
    GlobOfUrl,
    /// Neither a URL nor an address.
    #[error("a pattern for a subject is a URL, or an e-mail address; anything else must be given exactly")]
    GlobOfWord,
    /// No `*`.
    #[error("there is no `*` in this pattern: give it as an exact value")]
    GlobWithoutStar,
    /// Not a URL, or a pattern.
    #[error("an issuer is one URL, such as https://token.actions.githubusercontent.com, compared exactly")]
    Issuer,
    /// Characters that nobody sees, or too many.
    #[error("it must be 1 to 2000 characters without control characters, and without spaces at either end")]
    NotPlain,
    /// Several subjects.
    #[error("a subject is one text or one pattern")]
    SubjectList,
}

fn plain(text: &str) -> Result<&str, MatcherError> {
    if text.is_empty() {
        return Err(MatcherError::Empty);
    }
    let good = text.chars().count() <= 2000 && text.trim() == text && !text.chars().any(char::is_control);
    good.then_some(text).ok_or(MatcherError::NotPlain)
}

/// RFC 3986 §3: a scheme and something behind it.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        let mut scheme = scheme.bytes();
        scheme.next().is_some_and(|first| first.is_ascii_alphabetic())
            && scheme.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
            && !rest.is_empty()
            && !rest.starts_with('/')
    })
}

const fn claim(arc: u64, name: &'static str, form: Form) -> ClaimEntry {
    ClaimEntry { arc, name, form }
}

/// Those in use by identifier, and then the deprecated ones.
static CLAIMS: [ClaimEntry; 21] = [
    claim(9, "build_signer", Form::Url),
    claim(10, "build_signer_digest", Form::Text),
    claim(11, "runner_environment", Form::Text),
    claim(12, "source_repository", Form::Url),
    claim(13, "source_digest", Form::Text),
    claim(14, "source_ref", Form::Text),
    claim(15, "source_repository_id", Form::Text),
    claim(16, "source_owner", Form::Url),
    claim(17, "source_owner_id", Form::Text),
    claim(18, "build_config", Form::Url),
    claim(19, "build_config_digest", Form::Text),
    claim(20, "build_trigger", Form::Text),
    claim(21, "run_invocation", Form::Url),
    claim(22, "source_visibility", Form::Text),
    claim(23, "deployment_environment", Form::Text),
    claim(24, "token_subject", Form::Text),
    // Deprecated by Fulcio; the only ones in certificates of before 2023.
    claim(2, "github_workflow_trigger", Form::Text),
    claim(3, "github_workflow_sha", Form::Text),
    claim(4, "github_workflow_name", Form::Text),
    claim(5, "github_workflow_repository", Form::Repository),
    claim(6, "github_workflow_ref", Form::Text),
];
/// As much of a stranger's text as an error repeats.
const MOST_SHOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_anchored() {
        for (pattern, yes, no) in [
            ("v1", &["v1"][..], &["v", "v10", "xv1"][..]),
            ("v*", &["v", "v1", "v1.2"], &["V1", "xv1"]),
            ("*-rc", &["1-rc", "-rc"], &["1-rc1"]),
            ("v*.*-ok", &["v1.2-ok", "v.-ok"], &["v1-ok", "v1.2-okay"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*", &["", "x"], &[]),
            ("a**b", &["ab", "axb"], &["a"]),
        ] {
            assert!(yes.iter().all(|text| fits_stars(pattern, text)), "{pattern}");
            assert!(!no.iter().any(|text| fits_stars(pattern, text)), "{pattern}");
        }
    }

    #[test]
    fn globs_stay_in_their_part() {
        for (glob, yes, no) in [
            (
                "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v*",
                &["https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1"][..],
                &[
                    "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1/x",
                    "xhttps://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1",
                    "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/v1",
                    "https://github.com/acme-evil/shop/.github/workflows/release.yml@refs/tags/v1",
                ][..],
            ),
            (
                "https://github.com/acme/*/x",
                &["https://github.com/acme/a/x", "https://github.com/acme//x"],
                &[
                    "https://github.com/acme/a/b/x",
                    "https://github.com/acme-evil/a/x",
                    "https://github.com/acme/x",
                    "https://github.com/acme/a/x/",
                    "https://github.com/acme/a/x\n",
                    "HTTPS://github.com/acme/a/x",
                ],
            ),
            (
                "*@example.com",
                &["a@example.com"],
                &["a@evil.com@example.com", "a@example.com.evil.com", "a/b@example.com", "a@example.comx"],
            ),
            ("refs/tags/v*", &["refs/tags/v1"], &["refs/tags/v1/2", "refs/heads/v1"]),
        ] {
            let matcher = TextMatcher::glob(glob).unwrap();
            assert!(yes.iter().all(|text| matcher.matches(text)), "{glob}");
            for text in no {
                assert!(!matcher.matches(text), "{glob} {text}");
            }
        }
    }

    /// A pattern that begins as a known owner does must not fit strangers whose names begin alike.
    #[test]
    fn globs_that_fit_strangers_are_refused() {
        for (glob, want) in [
            ("https://github.com/acme*", MatcherError::GlobOfOwner),
            ("https://github.com/acme*/shop/x", MatcherError::GlobOfOwner),
            ("https://github.com/*/shop", MatcherError::GlobOfOwner),
            ("https://github.com/*", MatcherError::GlobOfOwner),
            ("https://github.com*/acme/shop", MatcherError::GlobOfOwner),
            ("https://*.github.com/acme/shop", MatcherError::GlobOfOwner),
            ("*://github.com/acme/shop", MatcherError::GlobOfOwner),
            ("https:///acme/shop/*", MatcherError::GlobOfOwner),
            ("me@*.example.com", MatcherError::GlobOfDomain),
            ("me@example.*", MatcherError::GlobOfDomain),
            ("*@*", MatcherError::GlobOfDomain),
            ("*", MatcherError::Anything),
            ("*/*", MatcherError::Anything),
            ("acme*/shop", MatcherError::GlobOfStart),
            ("*/shop", MatcherError::GlobOfStart),
            ("repo:acme*/shop:ref:refs/heads/main", MatcherError::GlobOfStart),
            ("https://github.com/acme/**", MatcherError::DoubleStar),
            ("https://github.com/acme/shop", MatcherError::GlobWithoutStar),
            ("", MatcherError::Empty),
            (" https://github.com/acme/*", MatcherError::NotPlain),
            ("https://github.com/acme/\u{7}*", MatcherError::NotPlain),
        ] {
            assert_eq!(TextMatcher::glob(glob), Err(want), "{glob}");
        }
        let word = TextMatcher::glob("release-bot-*").unwrap();
        assert_eq!(IdentityMatcher::new("https://issuer.example", word), Err(MatcherError::GlobOfWord));
        for issuer in ["https://*.example", "issuer", "", "://x", "https:///x", "https://issuer.example "] {
            let subject = TextMatcher::equals("a@example.com").unwrap();
            assert!(IdentityMatcher::new(issuer, subject).is_err(), "{issuer}");
        }
        let several = TextMatcher::one_of(&["a".to_owned()]).unwrap();
        assert_eq!(IdentityMatcher::new("https://issuer.example", several), Err(MatcherError::SubjectList));
        assert_eq!(TextMatcher::one_of(&[]), Err(MatcherError::Empty));
    }

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
