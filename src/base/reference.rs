//! Image references: the grammar of distribution/reference, as Docker, containerd and Kubernetes read it.

use std::{fmt, str::FromStr};

use super::{Digest, DigestError};

/// The display name of Docker Hub, and the default registry.
pub const DOCKER_HUB: &str = "docker.io";

/// The host, and port if any, of a registry, in lower case. Docker Hub's aliases are `docker.io`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Registry(String);

impl Registry {
    /// As written in a canonical reference: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where to connect: Docker Hub answers at another name.
    pub fn endpoint(&self) -> &str {
        if self.0 == DOCKER_HUB { "registry-1.docker.io" } else { &self.0 }
    }

    /// The host without port and brackets.
    pub fn host(&self) -> &str {
        match self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inner, _)) => inner,
            None => self.0.split(':').next().unwrap_or(&self.0),
        }
    }

    /// Whether the host is literally this machine: `localhost`, 127.0.0.0/8 or `::1`. No name is looked up.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Registry {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if !is_domain(text) {
            return Err(ReferenceError::Registry(short(text)));
        }
        let lower = text.to_ascii_lowercase();
        Ok(Self(match lower.as_str() {
            "index.docker.io" | DOCKER_HUB => DOCKER_HUB.to_owned(),
            _ => lower,
        }))
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A registry and a path in it, without tag and digest.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Repository {
    registry: Registry,
    path: String,
}

impl Repository {
    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The path: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The list of all repositories of a registry, which is asked for where a repository would be. No repository can have its name.
    pub fn catalog(registry: Registry) -> Self {
        Self { registry, path: CATALOG.to_owned() }
    }

    /// Whether this is the list of the others.
    pub fn is_catalog(&self) -> bool {
        self.path == CATALOG
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// A name without tag and digest, familiar (`alpine`) or complete (`docker.io/library/alpine`).
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = text.parse()?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(ReferenceError::NotARepository(short(text)));
        }
        Ok(reference.repository)
    }
}

impl fmt::Display for Repository {
    /// Canonical: `docker.io/library/alpine`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(String);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag that is meant when neither tag nor digest is written.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The tag under which content about `digest` is kept: `sha256-<hex>` and `suffix` (distribution-spec v1.1, "Referrers Tag Schema":
    /// at most 32 characters of algorithm and 64 of the hash; cosign appends `.sig` and `.att`).
    pub fn about(digest: Digest, suffix: &str) -> Self {
        let hex: String = digest.hex().chars().take(64).collect();
        Self(format!("{}-{hex}{suffix}", digest.algorithm().name()))
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let good = (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if good { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag(short(text))) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image as somebody wrote it: a repository, and a tag, a digest, both or neither.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Reference {
    repository: Repository,
    name: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// The repository, without tag and digest.
    pub fn of(repository: Repository) -> Self {
        Self { name: repository.to_string(), repository, tag: None, digest: None }
    }

    /// The complete repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The name as typed, without tag and digest: `alpine`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag, if one is written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one is written. It decides; a tag beside it is documentation.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The tag to look up: the written one, or `latest`.
    pub fn tag_or_latest(&self) -> Tag {
        self.tag.clone().unwrap_or_else(Tag::latest)
    }

    /// The pin, if a digest is written.
    pub fn pinned(&self) -> Option<PinnedReference> {
        self.digest.map(|digest| PinnedReference::new(self.clone(), digest))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; `localhost:5000` alone is therefore repository `localhost`, tag `5000`.
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest.get(last..).and_then(|end| end.split_once(':')) {
            Some((end, tag)) => (rest.get(..last + end.len()).unwrap_or(rest), Some(tag.parse()?)),
            None => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if names_a_host(first) => (first.parse()?, rest.to_owned()),
            _ => (Registry(DOCKER_HUB.to_owned()), name.to_owned()),
        };
        let path = if registry.as_str() == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path
        };
        if path.len() > 255 {
            return Err(ReferenceError::TooLong);
        }
        // 64 hexadecimal digits may be meant as an image id, which no registry knows.
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if name.len() == 64 && name.bytes().all(hex) {
            return Err(ReferenceError::ImageId);
        }
        if let Some(component) = path.split('/').find(|component| !is_component(component)) {
            return Err(ReferenceError::Component(short(component)));
        }
        Ok(Self { repository: Repository { registry, path }, name: name.to_owned(), tag, digest })
    }
}

impl fmt::Display for Reference {
    /// As typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// A name that can only ever mean one image. A tag cannot become one without a lookup.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PinnedReference {
    reference: Reference,
    digest: Digest,
}

impl PinnedReference {
    /// Binds a reference to the digest of the content that was read for it. `io` calls this after hashing the answer.
    pub fn new(reference: Reference, digest: Digest) -> Self {
        let reference = Reference { digest: Some(digest), ..reference };
        Self { reference, digest }
    }

    /// What it is.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where it lives.
    pub fn repository(&self) -> &Repository {
        self.reference.repository()
    }

    /// The reference with its digest.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl fmt::Display for PinnedReference {
    /// Name and tag as typed, then the digest: `alpine:3.20@sha256:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reference, f)
    }
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReferenceError {
    /// A part of the path breaks the grammar.
    #[error(
        "`{0}` is not a repository name: use lower-case letters and digits, joined by `.`, `_`, `__` or `-`"
    )]
    Component(String),
    /// The part after `@`.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Nothing there.
    #[error("the image reference is empty")]
    Empty,
    /// 64 hexadecimal digits.
    #[error("64 hexadecimal digits could be an image id, which no registry knows; write name@sha256:…")]
    ImageId,
    /// A tag or digest where only a name belongs.
    #[error("`{0}` has a tag or digest where only a repository belongs")]
    NotARepository(String),
    /// Not `host[:port]`.
    #[error("`{0}` is not a registry: write host or host:port")]
    Registry(String),
    /// Not a tag.
    #[error(
        "`{0}` is not a tag: use up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// Over 255 characters.
    #[error("the repository path is longer than 255 characters")]
    TooLong,
}

/// distribution/reference: the first component is a host if it has a dot, a colon or an upper-case letter, or is `localhost`.
fn names_a_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, port)) => {
            if inner.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", port)
        }
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    port_is_good && text.len() <= 255 && host.split('.').all(label)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if !ends.iter().all(|end| end.is_some_and(|byte| word(*byte))) {
        return false;
    }
    text.split(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit())
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

/// As registries call it; names of repositories do not start with `_`.
const CATALOG: &str = "_catalog";

fn short(text: &str) -> String {
    super::Printable(&text.chars().take(128).collect::<String>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn accepts_the_grammar() {
        for (text, repository, tag) in [
            ("alpine", "docker.io/library/alpine", None),
            ("alpine:3.20", "docker.io/library/alpine", Some("3.20")),
            ("docker.io/alpine", "docker.io/library/alpine", None),
            ("index.docker.io/library/alpine", "docker.io/library/alpine", None),
            ("registry-1.docker.io/library/alpine", "registry-1.docker.io/library/alpine", None),
            ("user/app", "docker.io/user/app", None),
            ("localhost/app", "localhost/app", None),
            ("localhost:5000/app:v1", "localhost:5000/app", Some("v1")),
            ("localhost:5000", "docker.io/library/localhost", Some("5000")),
            ("host:5000/a/b/c", "host:5000/a/b/c", None),
            ("a.b/app", "a.b/app", None),
            ("Foo/app", "foo/app", None),
            ("[::1]:5000/app", "[::1]:5000/app", None),
            ("[2001:db8::1]/app:x", "[2001:db8::1]/app", Some("x")),
            ("a--b/c__d.e_f", "docker.io/a--b/c__d.e_f", None),
        ] {
            for suffix in ["", &format!("@{DIGEST}")] {
                let typed = format!("{text}{suffix}");
                let reference: Reference = typed.parse().unwrap_or_else(|error| panic!("{typed}: {error}"));
                assert_eq!(reference.repository().to_string(), repository, "{typed}");
                assert_eq!(reference.tag().map(Tag::as_str), tag, "{typed}");
                assert_eq!(reference.to_string(), typed);
                assert_eq!(reference.digest().is_some(), !suffix.is_empty());
            }
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A",
            "a/B",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a:",
            "a::b",
            "a:-x",
            "a:b:c",
            "a@",
            "a@sha256:abc",
            "a@md5:d41d8cd98f00b204e9800998ecf8427e",
            "host:99999/a",
            "host:x/a",
            "ho_st.x/a",
            "[::1/a",
            "[zz]:1/a",
            "a b",
            "a\n",
            "a:\u{1b}",
            "é",
            "https://a.b/c",
            "a:b@c@d",
            "http://x",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            &"a/".repeat(200),
            &format!("a:{}", "x".repeat(129)),
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn knows_loopback_without_asking_anybody() {
        let loopback = |text: &str| text.parse::<Registry>().unwrap().is_loopback();
        for text in ["localhost", "localhost:5000", "127.0.0.1:80", "127.9.9.9", "[::1]:5000"] {
            assert!(loopback(text), "{text}");
        }
        for text in
            ["10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io", "0.0.0.0", "[::2]:1", "docker.io"]
        {
            assert!(!loopback(text), "{text}");
        }
    }

    #[test]
    fn tags_about_a_digest() {
        let digest: Digest = DIGEST.parse().unwrap();
        assert_eq!(Tag::about(digest, ".sig").as_str(), format!("{}.sig", DIGEST.replace(':', "-")));
    }
}
