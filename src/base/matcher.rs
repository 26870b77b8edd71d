//! What a text of an identity must be. Patterns are refused where a stranger could choose what their `*` stands for.

use std::fmt;
use std::str::FromStr;

use super::claim::{Claim, Form};

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

    pub(super) fn check_subject(&self) -> Result<(), MatcherError> {
        match self {
            Self::Glob(glob) if !glob.is_url() && !glob.is_mail() => Err(MatcherError::GlobOfWord),
            Self::Equals(_) | Self::Glob(_) => Ok(()),
            Self::OneOf(_) => Err(MatcherError::SubjectList),
        }
    }

    pub(super) fn check_claim(&self, claim: Claim) -> Result<(), MatcherError> {
        match self {
            Self::Equals(_) | Self::OneOf(_) => Ok(()),
            Self::Glob(glob) => match claim.form() {
                // `12*` is also 123, who is somebody else.
                Form::Id => Err(MatcherError::GlobOfId),
                Form::Repository if !glob.text.contains('/') => Err(MatcherError::GlobOfStart),
                Form::Subject => glob.check_names(),
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
        // `*` matches no separator, so the parts correspond one to one.
        let mut parts = text.split(self.separators());
        self.text.split(self.separators()).all(|part| parts.next().is_some_and(|text| fits_stars(part, text)))
            && parts.next().is_none()
    }

    /// `/`, and `@` in an address, and `:` in names that it joins.
    fn separators(&self) -> &'static [char] {
        if self.is_mail() {
            &['/', '@']
        } else if !self.is_url() && self.text.contains(':') {
            NAMES
        } else {
            &['/']
        }
    }

    /// In names joined by `:` and `/`, such as `repo:acme/shop:ref:refs/heads/main`, what an owner is called must be written out, and no `*`
    /// may go on with a name that has begun, but below an owner or at the end: `organization:acme*:…` is also `organization:acme-evil:…`.
    fn check_names(&self) -> Result<(), MatcherError> {
        if self.is_url() || self.is_mail() {
            return Ok(());
        }
        // In Kubernetes whoever may make a namespace chooses what stands third.
        let written_out = if self.text.starts_with("system:serviceaccount:") { 3 } else { 2 };
        let mut is_below_owner = false;
        for (at, part) in self.text.split_inclusive(NAMES).enumerate() {
            let name = part.strip_suffix(NAMES).unwrap_or(part);
            let is_last = name.len() == part.len();
            let is_whole = name == "*";
            if name.contains('*') && (at < written_out || !(is_whole || is_last || is_below_owner)) {
                return Err(MatcherError::GlobOfName);
            }
            is_below_owner = part.ends_with('/');
        }
        Ok(())
    }

    fn is_url(&self) -> bool {
        self.text.contains("://")
    }

    fn is_mail(&self) -> bool {
        !self.is_url() && self.text.contains('@') && !self.text.contains(NAMES)
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
            let is_nobody = text.split('/').nth(3).is_none_or(str::is_empty);
            if owner.is_none_or(|end| star < end) || is_nobody || !is_url(text) {
                return Err(MatcherError::GlobOfOwner);
            }
            // The parts of a SPIFFE ID are namespaces and accounts that others may make: `…/ns/prod*/…` is also `prod-evil`.
            let is_begun = |part: &str| part.contains('*') && part != "*";
            if namespace(text).is_some_and(|name| name.contains('*'))
                || text.starts_with("spiffe://") && text.split('/').any(is_begun)
            {
                return Err(MatcherError::GlobOfName);
            }
        } else if text.find('/').is_some_and(|end| star < end) {
            // `acme*/shop` would also be `acme-evil/shop`.
            return Err(MatcherError::GlobOfStart);
        } else if glob.is_mail() && (text.rfind('*') > text.rfind('@') || text.ends_with('@')) {
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
    /// An id or a digest that is not given whole.
    #[error("an id or a digest is compared whole: a pattern also fits others that begin or end alike")]
    GlobOfId,
    /// A name that is begun and goes on with a `*`.
    #[error(
        "names must be written out, up to the next `:` or `/`, before a `*` may stand: `organization:acme*` is also `acme-evil`"
    )]
    GlobOfName,
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

pub(super) fn plain(text: &str) -> Result<&str, MatcherError> {
    if text.is_empty() {
        return Err(MatcherError::Empty);
    }
    let good = text.chars().count() <= 2000 && text.trim() == text && !text.chars().any(char::is_control);
    good.then_some(text).ok_or(MatcherError::NotPlain)
}

/// RFC 3986 §3: a scheme and something behind it.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        let mut scheme = scheme.bytes();
        scheme.next().is_some_and(|first| first.is_ascii_alphabetic())
            && scheme.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
            && !rest.is_empty()
            && !rest.starts_with('/')
    })
}

/// The namespace in a URL that names an account in Kubernetes, as Fulcio and SPIRE write it. Whoever may make namespaces chooses it.
fn namespace(url: &str) -> Option<&str> {
    match url.split('/').collect::<Vec<_>>().as_slice() {
        ["https:", "", "kubernetes.io", "namespaces", name, ..] | ["spiffe:", "", _, "ns", name, ..] => {
            Some(name)
        }
        _ => None,
    }
}

/// What joins names in a token's subject.
const NAMES: &[char] = &['/', ':'];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::IdentityMatcher;

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
            (
                "repo:acme/*:environment:prod",
                &["repo:acme/shop:environment:prod"],
                &["repo:acme/shop:x:environment:prod", "repo:acme/a/b:environment:prod"],
            ),
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
            ("https://github.com//*", MatcherError::GlobOfOwner),
            ("https://kubernetes.io/namespaces/*/serviceaccounts/build", MatcherError::GlobOfName),
            ("https://kubernetes.io/namespaces/prod*/serviceaccounts/build", MatcherError::GlobOfName),
            ("https://kubernetes.io/*/prod/serviceaccounts/build", MatcherError::GlobOfOwner),
            ("spiffe://acme.example/ns/*/sa/build", MatcherError::GlobOfName),
            ("me*@", MatcherError::GlobOfDomain),
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

    /// What forges and clusters say in a token's subject, and what fits strangers.
    #[test]
    fn patterns_for_claims_that_fit_strangers_are_refused() {
        let claim = |name: &str, glob: &str| {
            let glob = TextMatcher::glob(glob).unwrap();
            glob.check_claim(name.parse().unwrap())
        };
        for glob in [
            "repo:acme/*",
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/shop-*:environment:prod",
            "repo:acme/shop:ref:refs/tags/v*",
            "project_path:acme/shop:ref_type:tag:ref:v*",
            "project_path:acme/*:ref_type:branch:ref:main",
            "project_path:acme/team/shop-*:ref_type:branch:ref:main",
            "organization:acme:*",
            "organization:acme:repo:shop*",
            "system:serviceaccount:prod:*",
            "system:serviceaccount:prod:build-*",
            "spiffe://acme.example/ns/prod/sa/*",
            "*@acme.example",
        ] {
            assert_eq!(claim("token_subject", glob), Ok(()), "{glob}");
        }
        for glob in [
            "acme*",
            "repo:acme*",
            "repo:*",
            "organization:acme*:repo:shop",
            "organization:*:repo:shop",
            "*:acme:shop",
            "group:acme:team*:shop",
            "system:serviceaccount:*",
            "system:serviceaccount:prod*:build",
            "system:serviceaccount:*:build",
        ] {
            assert_eq!(claim("token_subject", glob), Err(MatcherError::GlobOfName), "{glob}");
        }
        for glob in [
            "spiffe://acme.example/ns/prod*/sa/x",
            "spiffe://acme.example/ns/prod/sa/build*",
            "spiffe://acme.example/workload/build*",
        ] {
            assert_eq!(TextMatcher::glob(glob), Err(MatcherError::GlobOfName), "{glob}");
        }
        for id in [
            "source_owner_id",
            "source_repository_id",
            "source_digest",
            "build_signer_digest",
            "build_config_digest",
            "github_workflow_sha",
        ] {
            assert_eq!(claim(id, "12*"), Err(MatcherError::GlobOfId), "{id}");
        }
        for (name, glob) in [("source_ref", "refs/tags/v*"), ("deployment_environment", "prod-*")] {
            assert_eq!(claim(name, glob), Ok(()), "{name}");
        }
    }

    /// What people write for workflows of GitHub and GitLab.
    #[test]
    fn patterns_for_workflows_are_good() {
        for glob in [
            "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*",
            "https://github.com/acme/shop-*/.github/workflows/release-*.yml@refs/heads/main",
            "https://gitlab.com/acme/*//.gitlab-ci.yml@refs/heads/main",
            "https://kubernetes.io/namespaces/prod/serviceaccounts/build-*",
            "spiffe://acme.example/ns/prod/sa/*",
            "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/tags/v*",
        ] {
            let subject = TextMatcher::glob(glob).unwrap();
            assert!(IdentityMatcher::new("https://issuer.example", subject).is_ok(), "{glob}");
        }
    }
}
