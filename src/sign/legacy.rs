//! Layers under the tags `sha256-….sig` and `.att`: what cosign 2 writes and reads.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{SignError, Signature, ToSign, statement};
use crate::base::{Checked, Digest};
use crate::crypto::{Form, PrivateKey};
use crate::format::dsse;
use crate::format::legacy_manifest;
pub use crate::format::legacy_manifest::Appended;
use crate::format::manifest::ManifestError;
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
                (simple_signing::MEDIA_TYPE, self.to_sign.bytes().unwrap_or_default().to_vec(), said)
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

/// Appends a layer to the manifest that the tag names, or starts one. Layers that are there stay as they are, byte for byte.
pub fn append_legacy(existing: Option<&Checked>, layer: &LegacyLayer) -> Result<Appended, SignError> {
    let digest = Digest::of(&layer.content);
    let descriptor = format!(
        r#"{{"mediaType":{},"size":{},"digest":"{digest}","annotations":{}}}"#,
        json!(layer.media_type),
        layer.content.len(),
        json!(layer.annotations),
    );
    legacy_manifest::append(existing, &[(digest, descriptor)]).map_err(|error| match error {
        ManifestError::TooManyLayers { found } => SignError::TooMany { found: found.saturating_sub(1) },
        other => SignError::Existing(other),
    })
}

/// Whether a manifest under a legacy tag has this layer.
pub fn holds_legacy(content: &Checked, layer: &LegacyLayer) -> Result<bool, SignError> {
    Ok(legacy_manifest::holds(content, Digest::of(&layer.content), &layer.annotations)?)
}
