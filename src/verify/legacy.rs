//! cosign's older storage: a certificate, a log's promise and a time stamp as annotations beside a layer. They become a bundle of version 0.1,
//! so that everything is checked in one place and bound to this signature, this payload and this certificate.

use std::collections::BTreeMap;

use super::{Artifact, Authorship, Payload, Signer, Verified, VerifyError, authorship, verify_bundle};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent, Material, Version};
use crate::format::dsse::Envelope;
use crate::format::legacy::{self, LegacyError};

/// What cosign writes beside a legacy layer, as it arrived. Keys do not need it: a broken annotation hides no signature by key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LegacyAnnotations {
    certificate: Option<String>,
    chain: Option<String>,
    log_entry: Option<String>,
    timestamp: Option<String>,
}

impl LegacyAnnotations {
    /// Takes those that are known.
    pub fn read(annotations: &BTreeMap<String, String>) -> Self {
        let take = |name: &str| annotations.get(&format!("dev.sigstore.cosign/{name}")).cloned();
        Self {
            certificate: take("certificate"),
            chain: take("chain"),
            log_entry: take("bundle"),
            timestamp: take("rfc3161timestamp"),
        }
    }
}

/// Checks an envelope of a `.att` layer.
pub(super) fn verify_envelope(
    envelope: &Envelope,
    annotations: &LegacyAnnotations,
    signer: &Signer,
) -> Result<Verified<Payload>, VerifyError> {
    if let Signer::Key(_) = signer {
        return super::verify_envelope(envelope, signer);
    }
    verify_bundle(&annotations.bundle(signer, BundleContent::Envelope(envelope.clone()))?, signer)
}

/// Checks the signature over the payload of a `.sig` layer.
pub(super) fn verify_payload(
    payload: &[u8],
    signature: &[u8],
    annotations: &LegacyAnnotations,
    signer: &Signer,
) -> Result<Authorship, VerifyError> {
    let verify = |key: &PublicKey| key.verify(payload, signature);
    let content = BundleContent::Message { digest: None, signature: signature.to_vec() };
    let bundle = annotations.bundle(signer, content)?;
    authorship::check(&bundle, signer, &verify, &|| Ok(Artifact::Bytes(payload)))
}

impl LegacyAnnotations {
    /// The signer's certificate in DER, if there is one that can be read.
    pub(super) fn leaf(&self) -> Option<Vec<u8>> {
        legacy::certificates(self.certificate.as_deref()?).ok()?.into_iter().next()
    }

    /// The annotations as a bundle around `content`, as far as `signer` asks for them.
    fn bundle(&self, signer: &Signer, content: BundleContent) -> Result<Bundle, VerifyError> {
        let material = match signer {
            Signer::Identity(_) => self.certificates()?,
            Signer::Key(_) | Signer::WitnessedKey(_) => Material::PublicKey { hint: String::new() },
        };
        let (mut log_entries, mut timestamps) = (Vec::new(), Vec::new());
        if !matches!(signer, Signer::Key(_)) {
            log_entries.extend(self.log_entry.as_deref().map(legacy::log_entry).transpose()?);
            timestamps.extend(self.timestamp.as_deref().map(legacy::timestamp).transpose()?);
        }
        // Version 0.1 asks for a promise, and a time stamp alone comes without one.
        let version = if log_entries.is_empty() { Version::V0_2 } else { Version::V0_1 };
        Ok(Bundle { version, material, log_entries, timestamps, content })
    }

    fn certificates(&self) -> Result<Material, VerifyError> {
        let text = self.certificate.as_deref().ok_or(VerifyError::KeySigned)?;
        let mut leaf = legacy::certificates(text)?;
        let chain = self.chain.as_deref().map(legacy::certificates).transpose()?.unwrap_or_default();
        match (leaf.pop(), leaf.is_empty()) {
            (Some(leaf), true) => Ok(Material::Certificate { leaf, intermediates: chain }),
            _ => Err(LegacyError::Pem.into()),
        }
    }
}
