//! What is signed about an image, in every form in which it is stored.

use std::collections::BTreeMap;

use crate::base::Digest;
use crate::format::manifest::Descriptor;
use crate::sign::{self, SignError, UnsignedBundle, UnsignedLayer};
use crate::verify::{Candidate, Signer, check_attestation, check_signature};

/// What is said about an image.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// A statement with a predicate.
    Attestation {
        /// A URI.
        predicate_type: String,
        /// A JSON object.
        predicate: Vec<u8>,
    },
    /// "I signed this image."
    Signature {
        /// Facts beside it.
        annotations: BTreeMap<String, String>,
    },
}

impl Claim {
    /// What cosign 3 stores. `name` is what the statement calls the image; empty for no name.
    pub(super) fn bundle(&self, name: &str, image: Digest) -> Result<UnsignedBundle, SignError> {
        match self {
            Self::Attestation { predicate_type, predicate } => {
                sign::attestation(name, image, predicate_type, predicate)
            }
            Self::Signature { annotations } => sign::image_signature(name, image, annotations),
        }
    }

    /// What cosign 2 stores.
    pub(super) fn layer(&self, name: &str, image: Digest) -> Result<UnsignedLayer, SignError> {
        match self {
            Self::Attestation { predicate_type, predicate } => {
                sign::legacy_attestation(name, image, predicate_type, predicate)
            }
            Self::Signature { annotations } => Ok(sign::legacy_signature(name, image, annotations)),
        }
    }

    /// The end of the tag under which cosign 2 stores it.
    pub(super) fn suffix(&self) -> &'static str {
        match self {
            Self::Attestation { .. } => ".att",
            Self::Signature { .. } => ".sig",
        }
    }

    /// Whether `candidate` proves that `signer` has said exactly this about this image, under this name and about nothing else.
    pub(super) fn is_proven_by(
        &self,
        candidate: &Candidate,
        signer: &Signer,
        name: &str,
        image: &Descriptor,
    ) -> bool {
        match self {
            Self::Attestation { predicate_type, predicate } => {
                let Ok(attested) = check_attestation(candidate, signer, image.digest) else { return false };
                let [subject] = attested.statement().get().subjects() else { return false };
                attested.predicate_type() == predicate_type
                    && attested.predicate() == predicate.trim_ascii()
                    && subject.name.as_deref().unwrap_or_default() == name
            }
            Self::Signature { annotations } => {
                let Ok(signed) = check_signature(candidate, signer, image.digest) else { return false };
                signed.annotations() == annotations && signed.repository().unwrap_or_default() == name
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Checked;
    use crate::crypto::PrivateKey;
    use crate::format::manifest::OCI_MANIFEST;
    use crate::verify::{Content, Origin};

    fn found(content: Content) -> Candidate {
        Candidate { origin: Origin::Layout, digest: Digest::of(b"candidate"), content }
    }

    /// The claim in both forms, as it would be found again.
    fn made(claim: &Claim, name: &str, image: Digest, key: &PrivateKey) -> [Candidate; 2] {
        let bundle = claim.bundle(name, image).unwrap().signed_by(key).unwrap().bundle;
        let layer = claim.layer(name, image).unwrap().signed_by(key).unwrap();
        let content = Checked::of(layer.content);
        let old = match claim {
            Claim::Attestation { .. } => Content::from_attestation_layer(&content, &layer.annotations),
            Claim::Signature { .. } => Content::from_signature_layer(content, &layer.annotations),
        };
        [found(Content::from_bundle(&Checked::of(bundle))), found(old)]
    }

    fn attestation(predicate_type: &str, predicate: &str) -> Claim {
        Claim::Attestation { predicate_type: predicate_type.into(), predicate: predicate.into() }
    }

    fn signature(pairs: &[(&str, &str)]) -> Claim {
        let annotations = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Claim::Signature { annotations }
    }

    #[test]
    fn only_the_same_claim_by_the_same_key_about_the_same_image_is_the_same() {
        let image = Descriptor::of(OCI_MANIFEST, &Checked::of(b"image".to_vec()));
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let signer = Signer::Key(key.public());
        let claims = [
            signature(&[]),
            signature(&[("a", "b")]),
            signature(&[("a", "c")]),
            attestation("x:y", "{}"),
            attestation("x:z", "{}"),
            attestation("x:y", " {\"a\": 1}\n"),
        ];
        for (at, claim) in claims.iter().enumerate() {
            for (from, said) in claims.iter().enumerate() {
                for candidate in made(said, "r", image.digest, &key) {
                    assert_eq!(claim.is_proven_by(&candidate, &signer, "r", &image), at == from, "{claim:?}");
                    assert!(!claim.is_proven_by(&candidate, &signer, "", &image));
                }
            }
            let elsewhere = made(claim, "r", Digest::of(b"other"), &key);
            let strangers = made(claim, "r", image.digest, &other);
            for candidate in elsewhere.iter().chain(&strangers) {
                assert!(!claim.is_proven_by(candidate, &signer, "r", &image), "{claim:?}");
            }
        }
    }
}
