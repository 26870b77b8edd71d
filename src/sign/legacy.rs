//! Layers under the tags `sha256-….sig` and `.att`: what cosign 2 writes and reads.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::bundle::descriptor;
use super::{SignError, Signature, ToSign, statement};
use crate::base::{Checked, Digest, limits};
use crate::crypto::{Form, PrivateKey};
use crate::format::dsse;
use crate::format::json::parse_strict;
use crate::format::manifest::{Manifest, OCI_CONFIG, OCI_MANIFEST};
use crate::format::simple_signing::{self, SIGNATURE_ANNOTATION, SimpleSigning};

/// One layer to append.
#[derive(Clone, Debug)]
pub struct LegacyLayer {
    /// Of the layer.
    pub media_type: String,
    /// The blob to push.
    pub content: Vec<u8>,
    /// Of the layer's descriptor.
    pub annotations: BTreeMap<String, String>,
}

/// A layer that lacks its signature.
#[derive(Clone, Debug)]
pub struct UnsignedLayer {
    to_sign: ToSign,
    /// Of an attestation.
    predicate_type: Option<String>,
}

impl UnsignedLayer {
    /// What is to be signed.
    pub fn to_sign(&self) -> &ToSign {
        &self.to_sign
    }

    /// The layer with its signature, which is checked.
    pub fn signed(self, signature: &Signature) -> Result<LegacyLayer, SignError> {
        self.to_sign.check(signature)?;
        let (media_type, content, said) = match self.to_sign.envelope(&signature.bytes) {
            Some(envelope) => (dsse::MEDIA_TYPE, envelope.into_bytes(), String::new()),
            None => {
                let said = STANDARD.encode(&signature.bytes);
                (simple_signing::MEDIA_TYPE, self.to_sign.message().to_vec(), said)
            }
        };
        let mut annotations = BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), said)]);
        annotations.extend(self.predicate_type.map(|uri| ("predicateType".to_owned(), uri)));
        annotations.extend(signature.annotations()?);
        Ok(LegacyLayer { media_type: media_type.to_owned(), content, annotations })
    }

    /// The same with a key at hand.
    pub fn signed_by(self, key: &PrivateKey) -> Result<LegacyLayer, SignError> {
        let signature = Signature::by_key(key, &self.to_sign)?;
        self.signed(&signature)
    }
}

/// The signature of an image in the older format.
pub fn legacy_signature(
    repository: &str,
    image: Digest,
    annotations: &BTreeMap<String, String>,
) -> UnsignedLayer {
    let payload = SimpleSigning::write(repository, image, annotations);
    UnsignedLayer { to_sign: ToSign::plain(Form::Layer, payload), predicate_type: None }
}

/// A statement about an image in the older format.
pub fn legacy_attestation(
    repository: &str,
    image: Digest,
    predicate_type: &str,
    predicate: &[u8],
) -> Result<UnsignedLayer, SignError> {
    let statement = statement::attestation(repository, image, predicate_type, predicate)?;
    let to_sign = ToSign::statement(Form::Layer, statement);
    Ok(UnsignedLayer { to_sign, predicate_type: Some(predicate_type.to_owned()) })
}

/// A manifest with one layer more. Push the layer's content, this config, then this manifest under the tag.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The manifest with all layers.
    pub manifest: Vec<u8>,
    /// The config that it names.
    pub config: Vec<u8>,
}

/// Appends a layer to the manifest that the tag names, or starts one. Layers that are there stay as they are, byte for byte.
pub fn append_legacy(existing: Option<&Checked>, layer: &LegacyLayer) -> Result<Appended, SignError> {
    let mut layers: Vec<String> = Vec::new();
    let mut digests: Vec<Digest> = Vec::new();
    let mut rest = String::new();
    if let Some(content) = existing {
        let manifest = Manifest::parse(content)?;
        let wire: ExistingWire = parse_strict(content.bytes())?;
        digests.extend(manifest.layers.iter().map(|layer| layer.digest));
        layers.extend(wire.layers.iter().map(|raw| raw.get().to_owned()));
        if let Some(annotations) = wire.annotations {
            rest = format!(r#","annotations":{annotations}"#);
        }
    }
    if layers.len() >= limits::LAYERS {
        return Err(SignError::TooMany { found: layers.len() });
    }
    let digest = Digest::of(&layer.content);
    digests.push(digest);
    layers.push(format!(
        r#"{{"mediaType":{},"size":{},"digest":"{digest}","annotations":{}}}"#,
        json!(layer.media_type),
        layer.content.len(),
        json!(layer.annotations),
    ));
    let config = config(&digests);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{},"layers":[{}]{rest}}}"#,
        descriptor(OCI_CONFIG, Digest::of(config.as_bytes()), config.len() as u64),
        layers.join(","),
    );
    Ok(Appended { manifest: manifest.into_bytes(), config: config.into_bytes() })
}

/// Whether a manifest under a legacy tag has this layer.
pub fn holds_legacy(content: &Checked, layer: &LegacyLayer) -> Result<bool, SignError> {
    let digest = Digest::of(&layer.content);
    let manifest = Manifest::parse(content)?;
    Ok(manifest.layers.iter().any(|other| other.digest == digest && other.annotations == layer.annotations))
}

#[derive(Deserialize)]
struct ExistingWire {
    layers: Vec<Box<RawValue>>,
    annotations: Option<Box<RawValue>>,
}

/// An image config that says nothing, byte for byte as cosign's.
fn config(layers: &[Digest]) -> String {
    let history = vec![r#"{"created":"0001-01-01T00:00:00Z"}"#; layers.len()].join(",");
    format!(
        r#"{{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{history}],"os":"","rootfs":{{"type":"layers","diff_ids":{}}},"config":{{}}}}"#,
        json!(layers.iter().map(Digest::to_string).collect::<Vec<_>>()),
    )
}
