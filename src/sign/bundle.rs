//! Bundles as referrers: what cosign 3 writes and reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::{SignError, statement};
use crate::base::{Digest, Timestamp};
use crate::crypto::PrivateKey;
use crate::format::bundle::{Bundle, MEDIA_TYPE};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::format::statement::SIGN_PREDICATE;

/// Signs an image. `repository` is what the signature calls it; empty for no name.
pub fn image_signature(
    repository: &str,
    image: Digest,
    annotations: &BTreeMap<String, String>,
    key: &PrivateKey,
) -> Result<SignedBundle, SignError> {
    let statement = statement::signature(repository, image, annotations)?;
    SignedBundle::around(&statement, SIGN_PREDICATE, key)
}

/// Signs a statement about an image. `predicate` is a JSON object and stays as it is, byte for byte.
pub fn attestation(
    repository: &str,
    image: Digest,
    predicate_type: &str,
    predicate: &[u8],
    key: &PrivateKey,
) -> Result<SignedBundle, SignError> {
    let statement = statement::attestation(repository, image, predicate_type, predicate)?;
    SignedBundle::around(&statement, predicate_type, key)
}

/// A new bundle.
#[derive(Clone, Debug)]
pub struct SignedBundle {
    /// The bundle's JSON.
    pub bundle: Vec<u8>,
    /// What is said in it.
    pub predicate_type: String,
}

impl SignedBundle {
    fn around(statement: &str, predicate_type: &str, key: &PrivateKey) -> Result<Self, SignError> {
        let envelope = statement::envelope(statement, key)?;
        let bundle = Bundle::write(&key.public().hint(), &envelope).into_bytes();
        Ok(Self { bundle, predicate_type: predicate_type.to_owned() })
    }

    /// The manifest that attaches the bundle to `subject`, with the blobs it needs (image-spec v1.1, manifest.md, "Guidelines for Artifact
    /// Usage"; annotations as cosign 3).
    pub fn referrer(&self, subject: &Descriptor, created: Timestamp) -> Referrer {
        let annotations = BTreeMap::from(
            [
                ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
                ("dev.sigstore.bundle.predicateType", self.predicate_type.clone()),
                ("org.opencontainers.image.created", created.to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let config = EMPTY_CONFIG.to_vec();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","artifactType":"{MEDIA_TYPE}","config":{},"layers":[{}],"subject":{},"annotations":{}}}"#,
            descriptor(EMPTY_MEDIA_TYPE, Digest::of(&config), config.len() as u64),
            descriptor(MEDIA_TYPE, Digest::of(&self.bundle), self.bundle.len() as u64),
            descriptor(&subject.media_type, subject.digest, subject.size),
            json!(annotations),
        );
        Referrer {
            manifest: manifest.into_bytes(),
            blobs: vec![config, self.bundle.clone()],
            artifact_type: MEDIA_TYPE.to_owned(),
            annotations,
        }
    }
}

/// What to push so that a bundle refers to an image.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// The manifest, to be pushed last.
    pub manifest: Vec<u8>,
    /// The blobs that it names: the empty config and the bundle.
    pub blobs: Vec<Vec<u8>>,
    /// For the list of referrers.
    pub artifact_type: String,
    /// For the list of referrers.
    pub annotations: BTreeMap<String, String>,
}

pub(super) fn descriptor(media_type: &str, digest: Digest, size: u64) -> String {
    format!(r#"{{"mediaType":{},"size":{size},"digest":"{digest}"}}"#, json!(media_type))
}

const EMPTY_CONFIG: &[u8] = b"{}";
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
