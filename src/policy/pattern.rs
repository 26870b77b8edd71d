//! Patterns over repositories, and which of several is the most specific.

use crate::base::{DOCKER_HUB, Repository};

/// Which repositories a rule is about: `host[:port]/path`, where the first label of the host may be `*` and the last part of the path may
/// be `*` (one part) or `**` (one or more). Never a tag or a digest: pinning an image must not change which rule applies.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Pattern {
    host: Host,
    /// The literal parts.
    parts: Vec<String>,
    end: End,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Host {
    Exact(String),
    /// `*.` before this: exactly one more label, as in certificates.
    OneLabelBefore(String),
}

/// In the order of precedence: the last is the most specific.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    AnyParts,
    OnePart,
    Exact,
}

/// How specific a pattern is; the greatest wins. Exact host over wildcard host, exact path over `/*` over `/**`, then the longer literal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Specificity {
    exact_host: bool,
    end: End,
    literal: usize,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > 300 {
            return Err(PatternError::TooLong);
        }
        if text.contains('@') {
            return Err(PatternError::Digest);
        }
        let (host, path) = text.split_once('/').ok_or(PatternError::NoPath)?;
        let host = parse_host(host)?;
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        let end = match parts.last().map(String::as_str) {
            Some("*") => End::OnePart,
            Some("**") => End::AnyParts,
            _ => End::Exact,
        };
        if end != End::Exact {
            parts.pop();
        }
        if let Some(part) = parts.iter().find(|part| part.contains('*')) {
            return Err(PatternError::Star(part.clone()));
        }
        if let Some((_, tag)) = path.rsplit_once(':') {
            return Err(PatternError::Tag(tag.to_owned()));
        }
        // The names themselves follow the grammar of references.
        for part in &parts {
            let fits: Result<Repository, _> = format!("host.example/{part}").parse();
            fits.map_err(|_| PatternError::Part(part.clone()))?;
        }
        // Docker Hub keeps single names below `library`.
        let hub = host == Host::Exact(DOCKER_HUB.to_owned());
        match (hub, parts.as_slice(), end) {
            (true, [], End::OnePart) => return Err(PatternError::HubNeedsTwoParts),
            (true, [_], End::Exact) => parts.insert(0, "library".to_owned()),
            _ => {}
        }
        Ok(Self { host, parts, end })
    }

    pub(super) fn matches(&self, repository: &Repository) -> bool {
        let host = self.host.matches(normal_host(repository.registry().as_str()));
        let mut rest = repository.path().split('/');
        let literal = self.parts.iter().all(|part| rest.next() == Some(part));
        let more = rest.count();
        let end = match self.end {
            End::AnyParts => more >= 1,
            End::OnePart => more == 1,
            End::Exact => more == 0,
        };
        host && literal && end
    }

    /// Whether every repository that `other` matches is matched by this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Host::OneLabelBefore(_), Host::Exact(host)) => self.host.matches(host),
            (mine, theirs) => mine == theirs,
        };
        let rest = other.parts.strip_prefix(self.parts.as_slice());
        let path = rest.is_some_and(|rest| match (self.end, other.end) {
            (End::AnyParts, End::Exact) => !rest.is_empty(),
            (End::AnyParts, _) => true,
            (End::OnePart, End::Exact) => rest.len() == 1,
            (mine, theirs) => mine == theirs && rest.is_empty(),
        });
        host && path
    }

    pub(super) fn specificity(&self) -> Specificity {
        let (exact_host, host) = match &self.host {
            Host::Exact(host) => (true, host),
            Host::OneLabelBefore(host) => (false, host),
        };
        let literal = host.len() + self.parts.iter().map(|part| part.len() + 1).sum::<usize>();
        Specificity { exact_host, end: self.end, literal }
    }

    pub(super) fn has_wildcard_host(&self) -> bool {
        matches!(self.host, Host::OneLabelBefore(_))
    }
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::OneLabelBefore(rest) => {
                host.split_once('.').is_some_and(|(label, after)| !label.is_empty() && after == rest)
            }
        }
    }
}

/// All names of Docker Hub are one.
pub(super) fn normal_host(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    }
}

fn parse_host(text: &str) -> Result<Host, PatternError> {
    let bad = || PatternError::Host(text.to_owned());
    let (wildcard, host) = match text.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok() && port.len() <= 5
    });
    // A single word without a port would be read as the first part of a path on Docker Hub.
    let qualified = name.contains('.') || (!wildcard && (port.is_some() || name == "localhost"));
    if !qualified || !port_fits || !name.split('.').all(label) {
        return Err(bad());
    }
    Ok(if wildcard {
        Host::OneLabelBefore(host.to_owned())
    } else {
        Host::Exact(normal_host(host).to_owned())
    })
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// `@` in it.
    #[error("a pattern names repositories; put digests under `digests` or leave them out")]
    Digest,
    /// Not `[*.]host[:port]`, or not a complete host.
    #[error(
        "`{0}` is not a registry: write the complete lower-case host, as docker.io or localhost:5000; only its first label may be `*`"
    )]
    Host(String),
    /// `docker.io/*`.
    #[error("repositories of Docker Hub have two parts: write docker.io/library/* or docker.io/**")]
    HubNeedsTwoParts,
    /// Only a host.
    #[error("a pattern is written host/path: end it with `/**` for everything of a host")]
    NoPath,
    /// A part that no repository can have.
    #[error(
        "`{0}` is not a part of a repository name: lower-case letters and digits, joined by `.`, `_`, `__` or `-`"
    )]
    Part(String),
    /// `*` elsewhere than as the whole last part.
    #[error("`{0}`: a star stands alone as the last part, `/*` or `/**`")]
    Star(String),
    /// `:tag` at the end.
    #[error("`:{0}` looks like a tag: a pattern names repositories; use `reference.tags`")]
    Tag(String),
    /// Over 300 characters.
    #[error("a pattern has at most 300 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn matches_what_it_says() {
        for (text, yes, no) in [
            (
                "r.example.com/team/app",
                &["r.example.com/team/app"][..],
                &[
                    "r.example.com/team/app/x",
                    "r.example.com/team",
                    "r.example.com:5000/team/app",
                    "x.r.example.com/team/app",
                ][..],
            ),
            (
                "r.example.com/team/*",
                &["r.example.com/team/app"],
                &["r.example.com/team", "r.example.com/team/a/b", "r.example.com/teams/app"],
            ),
            (
                "r.example.com/team/**",
                &["r.example.com/team/app", "r.example.com/team/a/b"],
                &["r.example.com/team", "r.example.com/team-evil/app"],
            ),
            (
                "r.example.com/**",
                &["r.example.com/a", "r.example.com/a/b"],
                &["r.example.com.evil.com/a", "example.com/a"],
            ),
            (
                "*.example.com/app",
                &["r.example.com/app"],
                &["example.com/app", "a.b.example.com/app", "evilexample.com/app", "r.example.com:5000/app"],
            ),
            ("*.example.com:5000/app", &["r.example.com:5000/app"], &["r.example.com/app"]),
            ("localhost:5000/**", &["localhost:5000/a"], &["localhost:5001/a", "localhost/a"]),
            (
                "docker.io/library/debian",
                &["debian", "index.docker.io/library/debian", "registry-1.docker.io/library/debian"],
                &["debian/debian"],
            ),
            ("index.docker.io/debian", &["debian", "docker.io/library/debian"], &["ghcr.io/library/debian"]),
            ("docker.io/**", &["debian", "a/b"], &["ghcr.io/a/b"]),
        ] {
            for name in yes {
                assert!(pattern(text).matches(&name.parse().unwrap()), "{text} {name}");
            }
            for name in no {
                assert!(!pattern(text).matches(&name.parse().unwrap()), "{text} {name}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_a_pattern() {
        for text in [
            "",
            "*",
            "**",
            "/",
            "debian",
            "library/debian",
            "team/**",
            "*/app",
            "*.com",
            "r.example.com",
            "r.example.com/",
            "r.example.com/a/",
            "r.example.com//a",
            "r.example.com/*/a",
            "r.example.com/**/a",
            "r.example.com/a*",
            "r.example.com/***",
            "r.*.com/a",
            "*.*.com/a",
            "**.example.com/a",
            "r.example.com/a:v1",
            "r.example.com/a:*",
            "r.example.com/a@sha256:00",
            "R.example.com/a",
            "r.example.com/A",
            "r.example.com/.a",
            "docker.io/*",
            "r.example.com:99999/a",
            "r.example.com:x/a",
            "r.example.com:/a",
            "-r.example.com/a",
            "r..example.com/a",
            "https://r.example.com/a",
            "*.localhost/a",
            "r.example.com/a b",
            "r.example.com/a\n",
            &format!("r.example.com/{}", "a".repeat(300)),
        ] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn more_specific_wins() {
        let ordered = [
            "*.example.com/**",
            "*.example.com/team/**",
            "*.example.com/team/*",
            "*.example.com/team/app",
            "r.example.com/**",
            "r.example.com/team/**",
            "r.example.com/*",
            "r.example.com/team/*",
            "r.example.com/team",
            "r.example.com/team/app",
        ];
        for pair in ordered.windows(2) {
            let [less, more] = pair else { unreachable!() };
            assert!(pattern(less).specificity() < pattern(more).specificity(), "{less} {more}");
        }
    }

    #[test]
    fn covers_is_inclusion() {
        for (wide, narrow, want) in [
            ("a.b.d/**", "a.b.d/x", true),
            ("a.b.d/**", "a.b.d/x/*", true),
            ("a.b.d/**", "a.b.d/**", true),
            ("a.b.d/**", "a.b.d/*", true),
            ("a.b.d/x/**", "a.b.d/x", false),
            ("a.b.d/x/*", "a.b.d/x/y", true),
            ("a.b.d/x/*", "a.b.d/x/**", false),
            ("a.b.d/x/*", "a.b.d/x/y/z", false),
            ("a.b.d/x", "a.b.d/x", true),
            ("*.b.d/**", "a.b.d/x", true),
            ("a.b.d/**", "*.b.d/x", false),
            ("*.b.d/**", "*.b.d/x/**", true),
            ("a.b.d/x/**", "a.b.d/y/**", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), want, "{wide} {narrow}");
        }
    }

    // Selection has one answer only because two patterns of the same rank that match one name are the same pattern; the loader refuses those.
    #[test]
    fn equal_rank_and_a_common_name_means_the_same_pattern() {
        let texts = [
            "a.b.d/**",
            "*.b.d/**",
            "a.b.d/x/**",
            "*.b.d/x/**",
            "a.b.d/x/*",
            "a.b.d/y/*",
            "a.b.d/*",
            "*.b.d/*",
            "a.b.d/x/y",
            "*.b.d/x/y",
            "*.b.d/y",
            "a.b.d/y",
            "c.b.d/y",
            "c.b.d/**",
        ];
        let names = ["a.b.d/x/y", "a.b.d/x", "a.b.d/y", "c.b.d/y", "c.b.d/x/y", "a.b.d/x/y/z"];
        for one in texts.map(pattern) {
            for other in texts.map(pattern) {
                let common = names.iter().any(|name| {
                    let name = name.parse().unwrap();
                    one.matches(&name) && other.matches(&name)
                });
                assert!(!(common && one.specificity() == other.specificity()) || one == other);
            }
        }
    }
}
