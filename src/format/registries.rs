//! `registries.conf`, version 2: containers-registries.conf(5), <https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md>.

use serde::Deserialize;

/// What a file says about registries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegistriesConf {
    /// In the order of the file.
    pub entries: Vec<RegistryEntry>,
}

/// What it says about the names that start with a prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegistryEntry {
    /// `host[:port][/path]`, or `*.host` for all names below a host.
    pub prefix: String,
    /// What takes the prefix's place.
    pub location: Option<String>,
    /// Nothing may be asked there.
    pub is_blocked: bool,
    /// Whether it is written that TLS is spoken there, which goes without saying for all but this machine.
    pub speaks_tls: bool,
    /// Asked before, in this order.
    pub mirrors: Vec<Mirror>,
}

/// Where the same content is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mirror {
    /// What takes the prefix's place there.
    pub location: String,
    /// What it is asked for.
    pub serves: Serves,
    /// As of the registry.
    pub speaks_tls: bool,
}

/// What a mirror is asked for, as far as we ask mirrors at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Serves {
    /// Both.
    All,
    /// Content by its digest.
    Digests,
    /// What a tag means.
    Tags,
}

impl RegistriesConf {
    /// Parses one file. `insecure = true` is read and not honoured: whom TLS is not asked of says the command line.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistriesError> {
        let text = str::from_utf8(bytes).map_err(|_| RegistriesError::NotUtf8)?;
        let wire: ConfWire = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map(|span| 1 + text.get(..span.start).unwrap_or_default().matches('\n').count());
            RegistriesError::Toml { line, message: error.message().to_owned() }
        })?;
        if wire.registries.is_some() {
            return Err(RegistriesError::VersionOne);
        }
        let entries = wire.registry.into_iter().map(RegistryEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Adds a file that is read later: what it says about a prefix stands instead of what was said before.
    pub fn extend(&mut self, later: Self) {
        self.entries.retain(|entry| later.entries.iter().all(|other| other.prefix != entry.prefix));
        self.entries.extend(later.entries);
    }

    /// The entry with the longest prefix of a repository's complete name.
    pub fn find(&self, repository: &str) -> Option<&RegistryEntry> {
        let matching = self.entries.iter().filter(|entry| entry.covers(repository).is_some());
        // A pattern may be as long as a name that it covers. Of two entries about the same, the one that forbids holds.
        matching.max_by_key(|entry| (entry.prefix.len(), !entry.prefix.starts_with("*."), entry.is_blocked))
    }
}

impl RegistryEntry {
    /// The part of the name that the prefix stands for. It ends where a part of the name ends: `ghcr.io/foo` is not `ghcr.io/foobar`.
    fn covers<'a>(&self, repository: &'a str) -> Option<&'a str> {
        let matched = match self.prefix.strip_prefix("*.") {
            Some(domain) => {
                let host = repository.split('/').next().unwrap_or(repository);
                let name = host.split(':').next().unwrap_or(host);
                let below =
                    name.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
                below.then_some(host)?
            }
            None => repository.get(..self.prefix.len()).filter(|start| *start == self.prefix)?,
        };
        let rest = repository.get(matched.len()..)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(matched)
    }

    /// The name of a repository with `location` in the place of the prefix.
    pub fn rewrite(&self, repository: &str, location: &str) -> Option<String> {
        let matched = self.covers(repository)?;
        Some(format!("{location}{}", repository.get(matched.len()..)?))
    }
}

#[derive(Deserialize)]
struct ConfWire {
    #[serde(default)]
    registry: Vec<EntryWire>,
    /// The tables of version 1.
    registries: Option<serde::de::IgnoredAny>,
}

/// A key that is misspelt must not be overlooked: `blokced` blocks nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EntryWire {
    prefix: Option<String>,
    location: Option<String>,
    #[serde(default)]
    blocked: bool,
    insecure: Option<bool>,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MirrorWire {
    location: String,
    insecure: Option<bool>,
    pull_from_mirror: Option<ServesWire>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ServesWire {
    All,
    DigestOnly,
    TagOnly,
}

impl TryFrom<EntryWire> for RegistryEntry {
    type Error = RegistriesError;

    fn try_from(wire: EntryWire) -> Result<Self, RegistriesError> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let location = filled(wire.location).map(|text| name(&text)).transpose()?;
        let prefix = match filled(wire.prefix) {
            Some(prefix) => match prefix.strip_prefix("*.") {
                Some(domain) if !domain.contains('/') => format!("*.{}", name(domain)?),
                _ => name(&prefix)?,
            },
            None => location.clone().ok_or(RegistriesError::NoPrefix)?,
        };
        let mirror = |mirror: MirrorWire| {
            let serves = match (mirror.pull_from_mirror, wire.mirror_by_digest_only) {
                (None | Some(ServesWire::DigestOnly), true) | (Some(ServesWire::DigestOnly), false) => {
                    Serves::Digests
                }
                (Some(_), true) => return Err(RegistriesError::Contradiction { prefix: prefix.clone() }),
                (None | Some(ServesWire::All), false) => Serves::All,
                (Some(ServesWire::TagOnly), false) => Serves::Tags,
            };
            Ok(Mirror {
                location: name(&mirror.location)?,
                serves,
                speaks_tls: mirror.insecure == Some(false),
            })
        };
        let mirrors = wire.mirror.into_iter().map(mirror).collect::<Result<_, _>>()?;
        Ok(Self {
            location,
            is_blocked: wire.blocked,
            speaks_tls: wire.insecure == Some(false),
            mirrors,
            prefix,
        })
    }
}

/// `host[:port][/path]`, in the form in which names are compared.
fn name(text: &str) -> Result<String, RegistriesError> {
    let bad = || RegistriesError::Name { text: text.chars().take(128).collect() };
    let text = text.trim_end_matches('/');
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    let host: crate::base::Registry = host.parse().map_err(|_| bad())?;
    match path {
        None => Ok(host.to_string()),
        // `docker.io/library` and the like: each part as in a reference.
        Some(path) => {
            let reference =
                format!("{host}/{path}/x").parse::<crate::base::Repository>().map_err(|_| bad())?;
            let text = reference.to_string();
            Ok(text.strip_suffix("/x").unwrap_or(&text).to_owned())
        }
    }
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesError {
    /// `mirror-by-digest-only`, and a mirror that says something else.
    #[error("`{prefix}` has mirrors for digests only, and one of them says otherwise")]
    Contradiction {
        /// Of the entry.
        prefix: String,
    },
    /// Not a name.
    #[error("`{text}` is not host[:port][/path]")]
    Name {
        /// As written.
        text: String,
    },
    /// An entry about nothing.
    #[error("a [[registry]] has neither prefix nor location")]
    NoPrefix,
    /// Not text.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// Not TOML, or a key that nobody knows.
    #[error("{}{message}", place(.line))]
    Toml {
        /// From 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// The older form.
    #[error("the tables of version 1 (`[registries.…]`) are not read: write [[registry]]")]
    VersionOne,
}

fn place(line: &Option<usize>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONF: &str = r#"
unqualified-search-registries = ["docker.io"]
short-name-mode = "enforcing"

[aliases]
"debian" = "docker.io/library/debian"

[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror.example:5000/hub"
insecure = true
[[registry.mirror]]
location = "second.example"
pull-from-mirror = "digest-only"

[[registry]]
prefix = "ghcr.io/foo"
location = "inside.example/foo"
mirror-by-digest-only = true
mirror = [{ location = "m.example" }]

[[registry]]
prefix = "*.evil.example"
blocked = true

[[registry]]
prefix = "*.dev.example"
location = "dev.example:5000"
"#;

    #[test]
    fn finds_the_longest_prefix_and_rewrites_it() {
        let conf = RegistriesConf::parse(CONF.as_bytes()).unwrap();
        let place = |name: &str| {
            let entry = conf.find(name)?;
            entry.rewrite(name, entry.location.as_deref()?)
        };
        for (name, want) in [
            ("docker.io/library/debian", Some("docker.io/library/debian")),
            ("ghcr.io/foo/app", Some("inside.example/foo/app")),
            ("ghcr.io/foo", Some("inside.example/foo")),
            ("ghcr.io/foobar/app", None),
            ("ghcr.io/bar", None),
            ("a.dev.example/x", Some("dev.example:5000/x")),
            ("a.b.dev.example:444/x", Some("dev.example:5000/x")),
            ("dev.example/x", None),
            ("xdev.example/x", None),
        ] {
            assert_eq!(place(name).as_deref(), want, "{name}");
        }
        for (name, blocked) in
            [("a.evil.example/x", true), ("evil.example/x", false), ("a.evil.example.org/x", false)]
        {
            assert_eq!(conf.find(name).is_some_and(|entry| entry.is_blocked), blocked, "{name}");
        }
        let hub = conf.find("docker.io/library/debian").unwrap();
        assert_eq!(
            hub.mirrors.iter().map(|mirror| mirror.serves).collect::<Vec<_>>(),
            [Serves::All, Serves::Digests]
        );
        let first = hub.rewrite("docker.io/library/debian", &hub.mirrors[0].location);
        assert_eq!(first.as_deref(), Some("mirror.example:5000/hub/library/debian"));
        assert_eq!(conf.find("ghcr.io/foo/app").unwrap().mirrors[0].serves, Serves::Digests);
    }

    // Whoever blocks a registry means it, whatever else is written about it and in which order.
    #[test]
    fn what_is_blocked_stays_blocked() {
        let entry = |prefix: &str, more: &str| format!("[[registry]]\nprefix = \"{prefix}\"\n{more}\n");
        let (all, one) = ("*.evil.example", "a.evil.example");
        for (first, second, want) in [
            (entry(one, "blocked = true"), entry(all, ""), true),
            (entry(all, ""), entry(one, "blocked = true"), true),
            // The name itself says more than the pattern.
            (entry(all, "blocked = true"), entry(one, ""), false),
            (entry(one, ""), entry(all, "blocked = true"), false),
            (entry(one, "blocked = true"), entry(one, ""), true),
            (entry(one, ""), entry(one, "blocked = true"), true),
        ] {
            let conf = RegistriesConf::parse(format!("{first}{second}").as_bytes()).unwrap();
            let found = conf.find("a.evil.example/x").unwrap();
            assert_eq!(found.is_blocked, want, "{first}{second}");
        }
    }

    #[test]
    fn that_tls_is_spoken_may_be_written() {
        for (line, want) in [("", false), ("insecure = true", false), ("insecure = false", true)] {
            let text = format!(
                "[[registry]]\nlocation = \"localhost:5000\"\n{line}\n[[registry.mirror]]\nlocation = \"a.example\"\n{line}"
            );
            let conf = RegistriesConf::parse(text.as_bytes()).unwrap();
            assert_eq!(
                (conf.entries[0].speaks_tls, conf.entries[0].mirrors[0].speaks_tls),
                (want, want),
                "{line}"
            );
        }
    }

    #[test]
    fn a_later_file_stands() {
        let mut conf = RegistriesConf::parse(CONF.as_bytes()).unwrap();
        conf.extend(
            RegistriesConf::parse(b"[[registry]]\nprefix = \"ghcr.io/foo\"\nblocked = true\n").unwrap(),
        );
        assert!(conf.find("ghcr.io/foo/app").unwrap().is_blocked);
        assert!(conf.find("docker.io/library/a").is_some());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "[registries.search]\nregistries = [\"a.example\"]",
            "[[registry]]\nlocation = \"a.example\"\nblokced = true",
            "[[registry]]\nblocked = true",
            "[[registry]]\nlocation = \"https://a.example\"",
            "[[registry]]\nlocation = \"a.example/../b\"",
            "[[registry]]\nlocation = \"a.example/A\"",
            "[[registry]]\nlocation = \"a.example\"\nmirror = [{ location = \"\" }]",
            "[[registry]]\nlocation = \"a.example\"\nmirror = [{ location = \"b.example\", pull-from-mirror = \"never\" }]",
            "[[registry]]\nlocation = \"a.example\"\nmirror-by-digest-only = true\nmirror = [{ location = \"b\", pull-from-mirror = \"all\" }]",
            "[[registry]]\nlocation = \"a.example\"\nlocation = \"b.example\"",
            "registry = 1",
            "[[",
        ] {
            assert!(RegistriesConf::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(RegistriesConf::parse(b"\xff").is_err());
        assert_eq!(RegistriesConf::parse(b"").unwrap(), RegistriesConf::default());
        let error = RegistriesConf::parse(b"\n[[registry]]\nlocation = 1\n").unwrap_err();
        assert!(error.to_string().starts_with("line 3: "), "{error}");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}", name in "[a-z.*/:é]{0,30}") {
            let _ = RegistriesConf::parse(text.as_bytes());
            let _ = RegistriesConf::parse(CONF.as_bytes()).unwrap().find(&name);
        }
    }
}
