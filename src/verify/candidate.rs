//! What was found beside an image and may be a proof. Nothing here is checked yet.

use std::collections::BTreeMap;
use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::LegacyAnnotations;
use super::certificate::Leaf;
use crate::base::{Checked, Digest, Identity, Printable};
use crate::format::bundle::{self, Bundle, BundleContent, Material};
use crate::format::dsse::{self, Envelope};
use crate::format::manifest::Descriptor;
use crate::format::simple_signing;

/// One signature or attestation as it was found.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// How it was found.
    pub origin: Origin,
    /// Of the referrer's manifest, or of the legacy layer: names it in reports.
    pub digest: Digest,
    /// What it is.
    pub content: Content,
}

/// Where a candidate was found. Evidence for the report; nothing is believed because of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    /// A layer under the tag `sha256-….att`.
    AttestationTag,
    /// In the index under the tag `sha256-…`.
    FallbackTag,
    /// A file that the user named.
    File,
    /// In an OCI layout.
    Layout,
    /// The registry's list of referrers.
    ReferrersApi,
    /// The manifest under the tag `sha256-….sbom`, which is never signed.
    SbomTag,
    /// A layer under the tag `sha256-….sig`.
    SignatureTag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttestationTag => "attestation tag",
            Self::FallbackTag => "fallback tag",
            Self::File => "file",
            Self::Layout => "layout",
            Self::ReferrersApi => "referrers API",
            Self::SbomTag => "SBOM tag",
            Self::SignatureTag => "signature tag",
        })
    }
}

/// What a candidate holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A Sigstore bundle.
    Bundle(Bundle),
    /// A bare envelope: a layer under the attestation tag.
    Envelope {
        /// The layer.
        envelope: Envelope,
        /// What stands beside it.
        annotations: Box<LegacyAnnotations>,
    },
    /// A payload and the signature over it: a layer under the signature tag.
    SimpleSigning {
        /// The layer.
        payload: Vec<u8>,
        /// From its annotation.
        signature: Vec<u8>,
        /// What else stands beside it.
        annotations: Box<LegacyAnnotations>,
    },
    /// Something that cannot be read. It is kept so that the report can name it: a broken sibling hides nothing, and is not hidden.
    Unreadable {
        /// For people.
        reason: String,
    },
}

impl Content {
    /// Reads a layer as what its descriptor says it is: a bundle, a legacy attestation or a legacy signature.
    pub fn from_layer(descriptor: &Descriptor, layer: Checked) -> Self {
        match descriptor.media_type.as_str() {
            simple_signing::MEDIA_TYPE => Self::from_signature_layer(layer, &descriptor.annotations),
            dsse::MEDIA_TYPE => Self::from_attestation_layer(&layer, &descriptor.annotations),
            kind if bundle::is_media_type(kind) => Self::from_bundle(&layer),
            kind => Self::Unreadable {
                reason: format!("a layer of type `{}` is not a signature", Printable(kind)),
            },
        }
    }

    /// Reads a bundle: the layer of a referrer.
    pub fn from_bundle(layer: &Checked) -> Self {
        match Bundle::parse(layer.bytes()) {
            Ok(bundle) => Self::Bundle(bundle),
            Err(error) => Self::unreadable(&error),
        }
    }

    /// Reads a layer of a `.att` manifest with its annotations.
    pub fn from_attestation_layer(layer: &Checked, annotations: &BTreeMap<String, String>) -> Self {
        match Envelope::parse(layer.bytes()) {
            Ok(envelope) => {
                Self::Envelope { envelope, annotations: LegacyAnnotations::read(annotations).into() }
            }
            Err(error) => Self::unreadable(&error),
        }
    }

    /// Reads a layer of a `.sig` manifest with its annotations.
    pub fn from_signature_layer(layer: Checked, annotations: &BTreeMap<String, String>) -> Self {
        let name = simple_signing::SIGNATURE_ANNOTATION;
        let Some(text) = annotations.get(name) else {
            return Self::Unreadable { reason: format!("the layer has no annotation `{name}`") };
        };
        match STANDARD.decode(text) {
            Ok(signature) => Self::SimpleSigning {
                payload: layer.bytes().to_vec(),
                signature,
                annotations: LegacyAnnotations::read(annotations).into(),
            },
            Err(_) => Self::Unreadable { reason: format!("the annotation `{name}` is not standard base64") },
        }
    }

    /// SHA-256 of what is signed: it stays the same however often the signature is stored again. None where that lies elsewhere.
    pub fn statement_digest(&self) -> Option<Digest> {
        match self {
            Self::Bundle(bundle) => match &bundle.content {
                BundleContent::Envelope(envelope) => Some(Digest::of(envelope.unverified_payload())),
                BundleContent::Message { .. } => None,
            },
            Self::Envelope { envelope, .. } => Some(Digest::of(envelope.unverified_payload())),
            Self::SimpleSigning { payload, .. } => Some(Digest::of(payload)),
            Self::Unreadable { .. } => None,
        }
    }

    /// Whom the certificate beside the signature names. Anybody can write a certificate: good for passing over what cannot be meant, and for
    /// nothing else.
    pub fn unverified_identity(&self) -> Option<Identity> {
        let legacy;
        let leaf = match self {
            Self::Bundle(bundle) => match &bundle.material {
                Material::Certificate { leaf, .. } => leaf,
                Material::PublicKey { .. } => return None,
            },
            Self::Envelope { annotations, .. } | Self::SimpleSigning { annotations, .. } => {
                legacy = annotations.leaf()?;
                &legacy
            }
            Self::Unreadable { .. } => return None,
        };
        Leaf::read(leaf).ok().map(|leaf| leaf.certified.identity)
    }

    fn unreadable(error: &dyn std::error::Error) -> Self {
        let mut reason = Printable(&error.to_string()).to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            reason.push_str(&format!(": {}", Printable(&source.to_string())));
            cause = source.source();
        }
        Self::Unreadable { reason }
    }
}
