//! What SPDX and CycloneDX documents of one inventory share.

use serde::{Serialize, Serializer};

use crate::base::{Digest, Inventory, Timestamp};

/// Name and version of this program.
pub(super) const TOOL: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// A UUID that follows from what the document says: RFC 9562 version 8, of a SHA-256. The same image, tool and time give the same one, and another
/// document another one.
pub(super) fn uuid(format: &str, inventory: &Inventory, created: Option<Timestamp>) -> String {
    let subject = &inventory.subject;
    let created = created.map(|time| time.to_string()).unwrap_or_default();
    let version = subject.version.as_deref().unwrap_or_default();
    let repository = subject.repository.as_deref().unwrap_or_default();
    let digest = subject.digest.to_string();
    let parts = [TOOL.0, TOOL.1, format, &digest, &subject.name, version, repository, &created];
    // Lengths in between: two lists of parts never make the same text.
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    let hex = Digest::of(text.as_bytes()).hex();
    let at = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let variant = match hex.as_bytes().get(16).map_or(0, |byte| byte % 4) {
        0 => '8',
        1 => '9',
        2 => 'a',
        _ => 'b',
    };
    format!("{}-{}-8{}-{variant}{}-{}", at(0, 8), at(8, 12), at(13, 16), at(17, 20), at(20, 32))
}

/// A maintainer as Debian and Alpine write one: `Name <address>`.
pub(super) struct Maintainer<'a> {
    pub(super) name: &'a str,
    pub(super) email: Option<&'a str>,
}

impl<'a> Maintainer<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (name, email) = match text.split_once('<') {
            Some((name, rest)) => (name.trim().trim_matches('"'), rest.split('>').next()),
            None => (text.trim(), None),
        };
        let email = email.map(str::trim).filter(|email| is_email(email));
        let name = if name.is_empty() { email? } else { name };
        Some(Self { name, email })
    }

    /// A team rather than a person, by its own words.
    pub(super) fn is_organization(&self) -> bool {
        let lower = self.name.to_ascii_lowercase();
        let team = [
            "team",
            "maintainers",
            "developers",
            "group",
            "project",
            "packagers",
            "authors",
            "foundation",
            "inc.",
        ];
        team.iter().any(|word| lower.contains(word))
    }
}

fn is_email(text: &str) -> bool {
    let word = |part: &str, more: &[u8]| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
            && !part.contains("..")
            && part.len() <= 64
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    text.split_once('@').is_some_and(|(local, domain)| {
        word(local, b".-_+=") && word(domain, b".-") && domain.split('.').all(|label| word(label, b"-"))
    })
}

/// A project page that every reader accepts as one.
pub(super) fn web_page(text: Option<&str>) -> Option<&str> {
    let text = text?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // As SPDX's own validator reads a host: words between single dots and dashes, letters after the last dot.
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let top = host.rsplit_once('.').map(|(_, top)| top.as_bytes());
    let host_is_plain = host.split(['.', '-']).all(word)
        && top.is_some_and(|top| top.len() > 1 && top.iter().take(2).all(u8::is_ascii_alphabetic));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte);
    (host_is_plain && rest.bytes().all(plain) && rest.matches('#').count() <= 1).then_some(text)
}

/// Writes a list item by item, without holding it.
pub(super) fn list<T, I, S>(items: I, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize,
    I: Iterator<Item = T>,
    S: Serializer,
{
    serializer.collect_seq(items)
}

/// An inventory with every field set, pleasant or not, for the writers' tests.
#[cfg(test)]
pub(super) fn sample() -> Inventory {
    use crate::base::{
        Distribution, Ecosystem, LayerOrigin, Package, PackageId, Platform, SourcePackage, Subject,
    };
    let id = |name: &str, version: &str| PackageId {
        ecosystem: Ecosystem::Deb,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: Some("amd64".to_owned()),
    };
    let distribution = Distribution {
        id: "debian".into(),
        version_id: Some("12".into()),
        pretty_name: Some("Debian GNU/Linux 12 (bookworm)".into()),
        codename: None,
    };
    let package = |name: &str, licenses: &[&str], maintainer: &str, homepage: &str| {
        let id = id(name, "1:2.0-1+b2");
        let source = Some(SourcePackage { name: "src".into(), version: Some("2.0".into()) });
        Package {
            purl: super::purl::of_package(&id, source.as_ref(), Some(&distribution)),
            id,
            source,
            maintainer: Some(maintainer.to_owned()),
            homepage: Some(homepage.to_owned()),
            description: Some("one \"line\"\u{1b}[31m\u{202e}".into()),
            licenses: licenses.iter().map(|words| (*words).to_owned()).collect(),
            checksum: Some(("SHA1".into(), "a".repeat(40))),
            evidence: crate::base::ImagePath::try_from("var/lib/dpkg/status").unwrap(),
            layer: Some(LayerOrigin {
                index: 3,
                diff_id: Digest::of(b"diff"),
                digest: Digest::of(b"blob"),
                created_by: Some("RUN apt-get install".into()),
            }),
            dependencies: Vec::new(),
        }
    };
    let mut packages = vec![
        package("a", &["MIT", "GPL-2.0-only OR ISC"], "A Team <a@example.org>", "https://example.org/a"),
        package("b", &["public domain", "public-domain", "MIT"], "B (B) <b at example>", "not a page"),
        package("c", &["LicenseRef-x", "GPL-2+ with \u{e9}"], "", "ftp://example.org"),
        package("d", &["MIT", "Zlib"], "\"D\" <d@example.org>", "https://exa mple.org"),
        package("e++", &[], "<e@example.org>", "http://example.org/?a=%zz"),
    ];
    packages[0].dependencies = vec![packages[1].id.clone(), packages[4].id.clone()];
    Inventory {
        subject: Subject {
            name: "registry.example.org/team/app".into(),
            version: Some("v1".into()),
            digest: Digest::of(b"manifest"),
            repository: Some("registry.example.org/team/app".into()),
            platform: Platform::new("linux", "amd64", None),
        },
        distribution: Some(distribution),
        packages,
        unknowns: vec!["var/lib/dpkg/status: line 4 is malformed".into()],
    }
}

/// The same, as empty as an inventory can be.
#[cfg(test)]
pub(super) fn bare() -> Inventory {
    let mut inventory = sample();
    inventory.distribution = None;
    inventory.packages.clear();
    inventory.unknowns.clear();
    inventory.subject.repository = None;
    inventory.subject.version = None;
    inventory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintainers() {
        let parse = |text: &'static str| Maintainer::parse(text).map(|found| (found.name, found.email));
        assert_eq!(parse("A B <a@b.org>"), Some(("A B", Some("a@b.org"))));
        assert_eq!(parse("A B"), Some(("A B", None)));
        assert_eq!(parse("<a@b.org>"), Some(("a@b.org", Some("a@b.org"))));
        assert_eq!(parse("A <a at b>"), Some(("A", None)));
        assert_eq!(parse("A <a@.b>"), Some(("A", None)));
        assert_eq!(parse("<>"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn pages() {
        for good in ["https://a.org", "http://a.org/x?y=(z)#w", "https://x-1.a.foundation/"] {
            assert_eq!(web_page(Some(good)), Some(good));
        }
        for bad in [
            "",
            "a.org",
            "ftp://a.org",
            "https://",
            "https://a b",
            "https://a.org/\u{e9}",
            "https://a.org/%zz",
            "https://a.org/#a#b",
            "https://a-.org",
            "https://xn--a.org",
            "https://a.o",
            "https://1.2.3.4/",
            "https://a.1org",
            "https://a.org.",
        ] {
            assert_eq!(web_page(Some(bad)), None, "{bad}");
        }
    }
}
