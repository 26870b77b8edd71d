//! Image manifests: OCI image-spec v1.1, manifest.md and descriptor.md; Docker image manifest version 2, schema 2.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::index::Index;
use super::json::{JsonError, parse_strict};
use crate::base::{Checked, Digest, DigestError, Platform, limits};

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of a Docker image manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Media type of an OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a Docker image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Names content by digest and size: OCI image-spec v1.1, descriptor.md.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, as stated; at most 2^53.
    pub size: u64,
    /// In an index: what the image runs on.
    pub platform: Option<Platform>,
    /// The artifact's type, if it is one.
    pub artifact_type: Option<String>,
    /// Free text.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Describes `content` without annotations.
    pub fn of(media_type: &str, content: &Checked) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: content.digest(),
            size: content.bytes().len() as u64,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Describes a manifest that was parsed, without annotations.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        Self {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest,
            size: manifest.size,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// An image manifest: one config and the layers. Artifacts (signatures, attestations) have this shape too.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The length of its bytes.
    pub size: u64,
    /// As stated in the body; OCI's where the body is silent.
    pub media_type: String,
    /// What kind of artifact it is, if stated.
    pub artifact_type: Option<String>,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// Free text.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Parses an image manifest; an index is an error.
    pub fn parse(content: &Checked) -> Result<Self, ManifestError> {
        match AnyManifest::parse(content)? {
            AnyManifest::Image(manifest) => Ok(manifest),
            AnyManifest::Index(_) => Err(ManifestError::IsIndex),
        }
    }

    /// What kind of artifact this is: `artifactType`, or else the config's media type (distribution-spec v1.1, "Listing Referrers").
    pub fn effective_artifact_type(&self) -> &str {
        match self.artifact_type.as_deref() {
            Some(stated) if !stated.is_empty() => stated,
            _ => &self.config.media_type,
        }
    }
}

/// What a registry may answer for a tag.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, never a list")]
pub enum AnyManifest {
    /// One image or artifact.
    Image(Manifest),
    /// A list of manifests.
    Index(Index),
}

impl AnyManifest {
    /// Parses a manifest or an index, whichever the body is; a body that is both is refused (CVE-2021-41190).
    pub fn parse(content: &Checked) -> Result<Self, ManifestError> {
        let found = content.bytes().iter().filter(|byte| **byte == b'"').count() / 2;
        if found > limits::MANIFEST_TEXTS {
            return Err(ManifestError::TooManyTexts { found });
        }
        let wire: ManifestWire = parse_strict(content.bytes())?;
        if wire.schema_version != 2 {
            return Err(ManifestError::SchemaVersion { found: wire.schema_version });
        }
        let is_image = wire.config.is_some() || wire.layers.is_some();
        if is_image == wire.manifests.is_some() {
            return Err(if is_image { ManifestError::Ambiguous } else { ManifestError::NeitherKind });
        }
        let digest = content.digest();
        let size = content.bytes().len() as u64;
        let artifact_type = wire.artifact_type;
        let subject = wire.subject.map(DescriptorWire::check).transpose()?;
        let annotations = wire.annotations.unwrap_or_default();
        if let Some(manifests) = wire.manifests {
            let media_type = media_type(wire.media_type, [OCI_INDEX, DOCKER_INDEX])?;
            let manifests = descriptors(manifests)?;
            return Ok(Self::Index(Index {
                digest,
                size,
                media_type,
                artifact_type,
                manifests,
                subject,
                annotations,
            }));
        }
        let media_type = media_type(wire.media_type, [OCI_MANIFEST, DOCKER_MANIFEST])?;
        let config = wire.config.ok_or(ManifestError::Missing { field: "config" })?.check()?;
        let layers = descriptors(wire.layers.ok_or(ManifestError::Missing { field: "layers" })?)?;
        if layers.len() > limits::LAYERS {
            return Err(ManifestError::TooManyLayers { found: layers.len() });
        }
        Ok(Self::Image(Manifest {
            digest,
            size,
            media_type,
            artifact_type,
            config,
            layers,
            subject,
            annotations,
        }))
    }

    /// The media type, as stated or as the shape says.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Image(manifest) => &manifest.media_type,
            Self::Index(index) => &index.media_type,
        }
    }

    /// The manifest that this one is about.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(manifest) => manifest.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Both an image and an index: clients differ in what they take it for.
    #[error("the manifest is both an image and an index")]
    Ambiguous,
    /// A digest that is none.
    #[error("the manifest names a bad digest")]
    Digest(#[from] DigestError),
    /// An index where an image is needed.
    #[error("this is an index of several images, not one image")]
    IsIndex,
    /// An image where an index is needed.
    #[error("this is one image, not an index")]
    IsImage,
    /// Not JSON, or of the wrong shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The stated media type is not one of this kind of body.
    #[error("the manifest states media type `{found}`, which its content is not")]
    MediaType {
        /// As stated.
        found: String,
    },
    /// A required field is absent.
    #[error("the manifest has no `{field}`")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// Neither an image nor an index.
    #[error("the manifest is neither an image nor an index")]
    NeitherKind,
    /// Only version 2 is in use.
    #[error("the manifest has schemaVersion {found}, only 2 is supported")]
    SchemaVersion {
        /// As stated.
        found: u64,
    },
    /// A descriptor's size that no JSON number can mean exactly.
    #[error("the descriptor of {digest} states size {found}, more than 2^53")]
    Size {
        /// Of which content.
        digest: Digest,
        /// As stated.
        found: u64,
    },
    /// More keys and values than anybody writes.
    #[error("the manifest has {found} texts, more than {}", limits::MANIFEST_TEXTS)]
    TooManyTexts {
        /// How many.
        found: usize,
    },
    /// More layers than anybody makes.
    #[error("the manifest has {found} layers, more than {}", limits::LAYERS)]
    TooManyLayers {
        /// How many.
        found: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestWire {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    // `null` is refused in the three that decide what the body is.
    #[serde(default, deserialize_with = "present")]
    config: Option<DescriptorWire>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Vec<DescriptorWire>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Vec<DescriptorWire>>,
    subject: Option<DescriptorWire>,
    annotations: Option<BTreeMap<String, String>>,
}

// `urls` and `data` are not read: content comes from where the manifest came from (CVE-2020-15157).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorWire {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<PlatformWire>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct PlatformWire {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl DescriptorWire {
    fn check(self) -> Result<Descriptor, ManifestError> {
        let digest = self.digest.parse()?;
        if self.size > MAX_SIZE {
            return Err(ManifestError::Size { digest, found: self.size });
        }
        let platform = self
            .platform
            .filter(|platform| !platform.os.is_empty() && !platform.architecture.is_empty())
            .map(|platform| Platform::new(&platform.os, &platform.architecture, platform.variant.as_deref()));
        Ok(Descriptor {
            media_type: self.media_type,
            digest,
            size: self.size,
            platform,
            artifact_type: self.artifact_type.filter(|text| !text.is_empty()),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn descriptors(wire: Vec<DescriptorWire>) -> Result<Vec<Descriptor>, ManifestError> {
    wire.into_iter().map(DescriptorWire::check).collect()
}

fn media_type(stated: Option<String>, allowed: [&str; 2]) -> Result<String, ManifestError> {
    match stated.filter(|text| !text.is_empty()) {
        None => Ok(allowed[0].to_owned()),
        Some(found) if allowed.contains(&found.as_str()) => Ok(found),
        Some(found) => Err(ManifestError::MediaType { found: found.chars().take(128).collect() }),
    }
}

/// RFC 7493 §2.2: integers beyond 2^53 do not survive other readers.
const MAX_SIZE: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn descriptor(media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": Digest::of(b"x").to_string(), "size": 1 })
    }

    fn image() -> Value {
        json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "a/b", "config": descriptor(OCI_CONFIG),
            "layers": [descriptor("l")], "subject": descriptor(OCI_MANIFEST), "annotations": { "k": "v" },
        })
    }

    fn parse(value: &Value) -> Result<AnyManifest, ManifestError> {
        AnyManifest::parse(&Checked::of(value.to_string().into_bytes()))
    }

    fn with(pointer: &str, name: &str, value: Value) -> Value {
        let mut out = image();
        out.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
        out
    }

    #[test]
    fn reads_an_image() {
        let content = Checked::of(image().to_string().into_bytes());
        let manifest = Manifest::parse(&content).unwrap();
        assert_eq!(manifest.digest, content.digest());
        assert_eq!(manifest.config.media_type, OCI_CONFIG);
        assert_eq!(manifest.layers.len(), 1);
        assert_eq!(manifest.effective_artifact_type(), "a/b");
        assert_eq!(manifest.subject.unwrap().digest, Digest::of(b"x"));
        assert_eq!(manifest.annotations["k"], "v");
        let docker = json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": descriptor(DOCKER_CONFIG), "layers": [] });
        assert!(
            matches!(parse(&docker), Ok(AnyManifest::Image(manifest)) if manifest.effective_artifact_type() == DOCKER_CONFIG)
        );
        let silent = json!({ "schemaVersion": 2, "config": descriptor("c"), "layers": [] });
        assert_eq!(parse(&silent).unwrap().media_type(), OCI_MANIFEST);
    }

    #[test]
    fn refuses_every_way_of_being_two_things() {
        assert!(matches!(parse(&with("", "manifests", json!([]))), Err(ManifestError::Ambiguous)));
        assert!(matches!(
            parse(&json!({ "schemaVersion": 2, "layers": [], "manifests": [] })),
            Err(ManifestError::Ambiguous)
        ));
        assert!(matches!(parse(&json!({ "schemaVersion": 2 })), Err(ManifestError::NeitherKind)));
        assert!(matches!(parse(&with("", "manifests", Value::Null)), Err(ManifestError::Json(_))));
        for other in [OCI_INDEX, DOCKER_INDEX, OCI_CONFIG, "x"] {
            assert!(matches!(
                parse(&with("", "mediaType", json!(other))),
                Err(ManifestError::MediaType { .. })
            ));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": [] });
        assert!(matches!(parse(&index), Err(ManifestError::MediaType { .. })));
        let index = Checked::of(br#"{"schemaVersion":2,"manifests":[]}"#.to_vec());
        assert!(matches!(Manifest::parse(&index), Err(ManifestError::IsIndex)));
    }

    #[test]
    fn refuses_bad_fields() {
        for (pointer, name, value) in [
            ("", "schemaVersion", json!(1)),
            ("", "schemaVersion", json!("2")),
            ("", "config", Value::Null),
            ("", "layers", json!({})),
            ("", "annotations", json!({ "a": 1 })),
            ("/config", "digest", json!("sha256:../../x")),
            ("/config", "digest", json!("md5:d41d8cd98f00b204e9800998ecf8427e")),
            ("/layers/0", "digest", json!(Digest::of(b"x").to_string().to_uppercase())),
            ("/subject", "digest", json!("sha256:%2e%2e")),
            ("/layers/0", "size", json!(-1)),
            ("/layers/0", "size", json!(1e30)),
            ("/layers/0", "size", json!(1.5)),
            ("/layers/0", "size", json!(i64::MAX)),
            ("/layers/0", "size", json!((1u64 << 53) + 1)),
            ("", "layers", json!(vec![descriptor("l"); limits::LAYERS + 1])),
        ] {
            assert!(parse(&with(pointer, name, value.clone())).is_err(), "{pointer} {name} {value}");
        }
        for field in ["schemaVersion", "config", "layers"] {
            let mut manifest = image();
            manifest.as_object_mut().unwrap().remove(field);
            assert!(parse(&manifest).is_err(), "{field}");
        }
        for field in ["mediaType", "digest", "size"] {
            let mut manifest = image();
            manifest["layers"][0].as_object_mut().unwrap().remove(field);
            assert!(parse(&manifest).is_err(), "{field}");
        }
        let twice = image().to_string().replacen("\"config\":", "\"con\\u0066ig\":{},\"config\":", 1);
        let twice = AnyManifest::parse(&Checked::of(twice.into_bytes()));
        assert!(matches!(twice, Err(ManifestError::Json(JsonError::DuplicateName { .. }))));
    }
}
