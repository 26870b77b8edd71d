//! Image indexes: OCI image-spec v1.1, image-index.md; Docker manifest lists.

use std::collections::BTreeMap;

use super::manifest::{AnyManifest, DOCKER_CONFIG, Descriptor, ManifestError, OCI_CONFIG};
use crate::base::{Checked, Digest, Platform};

/// A list of manifests: one image for several platforms, or the contents of a layout.
#[derive(Clone, Debug)]
pub struct Index {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The length of its bytes.
    pub size: u64,
    /// As stated in the body; OCI's where the body is silent.
    pub media_type: String,
    /// What kind of artifact it is, if stated.
    pub artifact_type: Option<String>,
    /// The entries, in order.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// Free text.
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// Parses an index; an image is an error.
    pub fn parse(content: &Checked) -> Result<Self, ManifestError> {
        match AnyManifest::parse(content)? {
            AnyManifest::Index(index) => Ok(index),
            AnyManifest::Image(_) => Err(ManifestError::IsImage),
        }
    }

    /// The entries that can be run: no attestations of BuildKit, no other artifacts.
    pub fn image_descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|entry| is_image(entry))
    }

    /// All entries but those that say of themselves that they run nowhere, as BuildKit's attestations do. This is told by the platform only:
    /// an annotation would be an easy way to keep an image from being signed or looked at.
    pub fn runnable(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|entry| !runs_nowhere(entry))
    }

    /// The entry that runs best on `wanted`: the first of the best, in the order of the index. There is no fallback to another entry.
    pub fn select(&self, wanted: &Platform) -> Result<&Descriptor, SelectError> {
        let offered =
            |entry: &Descriptor| entry.platform.as_ref().and_then(|offered| wanted.accepts(offered));
        let best = self
            .image_descriptors()
            .filter_map(|entry| offered(entry).map(|rank| (rank, entry)))
            .min_by_key(|(rank, _)| *rank);
        if let Some((_, entry)) = best {
            return Ok(entry);
        }
        let undeclared: Vec<Descriptor> =
            self.image_descriptors().filter(|entry| entry.platform.is_none()).cloned().collect();
        if !undeclared.is_empty() {
            return Err(SelectError::Undeclared { entries: undeclared });
        }
        let mut available: Vec<Platform> =
            self.image_descriptors().filter_map(|entry| entry.platform.clone()).collect();
        available.sort();
        available.dedup();
        if available.is_empty() {
            return Err(SelectError::NoImages);
        }
        Err(SelectError::NoMatch { wanted: wanted.clone(), available })
    }
}

fn runs_nowhere(entry: &Descriptor) -> bool {
    let unknown = |platform: &Platform| platform.os() == "unknown" && platform.architecture() == "unknown";
    entry.platform.as_ref().is_some_and(unknown)
}

fn is_image(entry: &Descriptor) -> bool {
    let artifact = |kind: &str| kind != OCI_CONFIG && kind != DOCKER_CONFIG;
    !runs_nowhere(entry)
        && !entry.annotations.contains_key("vnd.docker.reference.type")
        && !entry.artifact_type.as_deref().is_some_and(artifact)
}

/// Why no entry of an index was selected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectError {
    /// Nothing in it can be run.
    #[error("the index holds no image")]
    NoImages,
    /// Images, but not for this platform.
    #[error("no image for {wanted}; there are {}", list(.available))]
    NoMatch {
        /// What was asked for.
        wanted: Platform,
        /// What exists, sorted.
        available: Vec<Platform>,
    },
    /// No stated platform matches, and these entries do not state theirs: their configs tell.
    #[error("{} entries of the index do not state their platform", .entries.len())]
    Undeclared {
        /// Which.
        entries: Vec<Descriptor>,
    },
}

fn list(platforms: &[Platform]) -> String {
    platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::format::manifest::OCI_MANIFEST;

    fn entry(name: &str, platform: Option<&str>) -> Value {
        let mut out = json!({ "mediaType": OCI_MANIFEST, "digest": Digest::of(name.as_bytes()).to_string(), "size": 1 });
        if let Some(platform) = platform {
            let mut parts = platform.split('/');
            let (os, architecture) = (parts.next(), parts.next());
            out["platform"] = json!({ "os": os, "architecture": architecture, "variant": parts.next() });
        }
        out
    }

    fn index(entries: Vec<Value>) -> Index {
        let body = json!({ "schemaVersion": 2, "manifests": entries });
        Index::parse(&Checked::of(body.to_string().into_bytes())).unwrap()
    }

    fn select(index: &Index, platform: &str) -> Result<Digest, SelectError> {
        index.select(&platform.parse().unwrap()).map(|entry| entry.digest)
    }

    #[test]
    fn selects_the_best_and_never_just_the_first() {
        let all = index(vec![
            entry("386", Some("linux/386")),
            entry("v6", Some("linux/arm/v6")),
            entry("amd", Some("linux/amd64")),
            entry("amd again", Some("linux/amd64")),
            entry("v7", Some("linux/arm/v7")),
            entry("arm64", Some("linux/arm64/v8")),
        ]);
        for (wanted, name) in [
            ("linux/amd64", "amd"),
            ("linux/amd64/v3", "amd"),
            ("linux/arm", "v7"),
            ("linux/arm/v6", "v6"),
            ("linux/arm64", "arm64"),
            ("linux/386", "386"),
        ] {
            assert_eq!(select(&all, wanted), Ok(Digest::of(name.as_bytes())), "{wanted}");
        }
        match select(&all, "linux/s390x") {
            Err(SelectError::NoMatch { available, .. }) => assert_eq!(available.len(), 5),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn attestations_and_artifacts_are_not_images() {
        let mut attestation = entry("att", Some("linux/amd64"));
        attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        let mut artifact = entry("sig", None);
        artifact["artifactType"] = json!("application/vnd.dev.sigstore.bundle.v0.3+json");
        let unknown = entry("unknown", Some("unknown/unknown"));
        let only = index(vec![attestation, artifact, unknown]);
        assert_eq!(only.image_descriptors().count(), 0);
        assert_eq!(only.runnable().count(), 2);
        assert_eq!(select(&only, "linux/amd64"), Err(SelectError::NoImages));
        assert_eq!(select(&index(vec![]), "linux/amd64"), Err(SelectError::NoImages));
    }

    #[test]
    fn entries_without_platform_are_reported() {
        let some = index(vec![entry("a", None), entry("b", Some("linux/arm64"))]);
        assert_eq!(select(&some, "linux/arm64"), Ok(Digest::of(b"b")));
        match select(&some, "linux/amd64") {
            Err(SelectError::Undeclared { entries }) => {
                assert_eq!(entries.iter().map(|entry| entry.digest).collect::<Vec<_>>(), [Digest::of(b"a")]);
            }
            other => panic!("{other:?}"),
        }
    }
}
