//! Package URLs: purl-spec 1.0, <https://github.com/package-url/purl-spec>. Written as scanners expect them, qualifiers in order.

use crate::base::{Distribution, Ecosystem, PackageId, SourcePackage, Subject};

/// The package URL of an installed package. Namespace and `distro` come from the distribution and are left out without one: nothing is guessed.
pub fn of_package(
    id: &PackageId,
    source: Option<&SourcePackage>,
    distribution: Option<&Distribution>,
) -> String {
    let kind = match id.ecosystem {
        Ecosystem::Apk => "apk",
        Ecosystem::Deb => "deb",
    };
    let mut out = format!("pkg:{kind}/");
    if let Some(distribution) = distribution {
        push(&mut out, &distribution.id.to_lowercase());
        out.push('/');
    }
    push(&mut out, &id.name.to_lowercase());
    out.push('@');
    push(&mut out, &id.version);
    let mut qualifiers = Qualifiers { out, first: true };
    if let Some(architecture) = &id.architecture {
        qualifiers.add("arch", architecture);
    }
    if let Some(distribution) = distribution {
        match &distribution.version_id {
            Some(version) => qualifiers.add("distro", &format!("{}-{version}", distribution.id)),
            None => qualifiers.add("distro", &distribution.id),
        }
    }
    if let Some(source) = source {
        match &source.version {
            Some(version) => qualifiers.add("upstream", &format!("{}@{version}", source.name)),
            None => qualifiers.add("upstream", &source.name),
        }
    }
    qualifiers.out
}

/// The package URL of an image (purl-spec, type `oci`): the digest is the version. None without a repository: a folder of this machine is
/// nobody's name.
pub fn of_image(subject: &Subject) -> Option<String> {
    let repository = subject.repository.as_deref()?;
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let mut out = "pkg:oci/".to_owned();
    push(&mut out, &name.to_lowercase());
    out.push('@');
    out.push_str(&format!("{}%3A{}", subject.digest.algorithm().name(), subject.digest.hex()));
    let mut qualifiers = Qualifiers { out, first: true };
    qualifiers.add("arch", subject.platform.architecture());
    qualifiers.add("repository_url", repository);
    if let Some(tag) = &subject.version {
        qualifiers.add("tag", tag);
    }
    Some(qualifiers.out)
}

struct Qualifiers {
    out: String,
    first: bool,
}

impl Qualifiers {
    fn add(&mut self, key: &str, value: &str) {
        // An empty value is the same as no qualifier.
        if value.is_empty() {
            return;
        }
        self.out.push(if self.first { '?' } else { '&' });
        self.first = false;
        self.out.push_str(key);
        self.out.push('=');
        push(&mut self.out, value);
    }
}

/// Percent-encodes all but what purl-spec leaves as it is: letters, digits, `.-_~` and the colon; and the slash, which is only found in values.
fn push(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Platform};

    fn id(ecosystem: Ecosystem, name: &str, version: &str, architecture: &str) -> PackageId {
        let (name, version) = (name.to_owned(), version.to_owned());
        PackageId { ecosystem, name, version, architecture: Some(architecture.to_owned()) }
    }

    #[test]
    fn packages_as_scanners_expect() {
        let debian =
            Distribution { id: "debian".into(), version_id: Some("12".into()), ..Distribution::default() };
        let alpine = Distribution {
            id: "alpine".into(),
            version_id: Some("3.20.2".into()),
            ..Distribution::default()
        };
        let source = |name: &str, version: Option<&str>| {
            Some(SourcePackage { name: name.into(), version: version.map(str::to_owned) })
        };
        for (id, source, distribution, want) in [
            (
                id(Ecosystem::Deb, "bsdutils", "1:2.38.1-5+deb12u3", "amd64"),
                source("util-linux", Some("2.38.1-5+deb12u3")),
                Some(&debian),
                "pkg:deb/debian/bsdutils@1:2.38.1-5%2Bdeb12u3?arch=amd64&distro=debian-12&upstream=util-linux%402.38.1-5%2Bdeb12u3",
            ),
            (
                id(Ecosystem::Deb, "libacl1", "2.3.1-3", "amd64"),
                source("acl", None),
                Some(&debian),
                "pkg:deb/debian/libacl1@2.3.1-3?arch=amd64&distro=debian-12&upstream=acl",
            ),
            (
                id(Ecosystem::Apk, "musl-utils", "1.2.5-r0", "x86_64"),
                source("musl", None),
                Some(&alpine),
                "pkg:apk/alpine/musl-utils@1.2.5-r0?arch=x86_64&distro=alpine-3.20.2&upstream=musl",
            ),
            (id(Ecosystem::Deb, "g++", "4:12", "all"), None, None, "pkg:deb/g%2B%2B@4:12?arch=all"),
        ] {
            assert_eq!(of_package(&id, source.as_ref(), distribution), want);
        }
    }

    #[test]
    fn images_have_one_only_with_a_repository() {
        let digest = Digest::of(b"");
        let mut subject = Subject {
            name: "x".into(),
            version: Some("12".into()),
            digest,
            repository: Some("docker.io/library/debian".into()),
            platform: Platform::new("linux", "amd64", None),
        };
        assert_eq!(
            of_image(&subject).unwrap(),
            format!(
                "pkg:oci/debian@sha256%3A{}?arch=amd64&repository_url=docker.io/library/debian&tag=12",
                digest.hex()
            )
        );
        subject.repository = None;
        assert_eq!(of_image(&subject), None);
    }
}
