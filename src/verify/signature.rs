//! Image signatures: a statement that says nothing but "signed", or cosign's older simple signing.

use std::collections::BTreeMap;

use super::attestation::check_bundle;
use super::{Attested, Authorship, Candidate, Content, Signer, VerifyError, legacy};
use crate::base::Digest;
use crate::format::simple_signing::SimpleSigning;
use crate::format::statement::SIGN_PREDICATE;

/// Proof that the signer signed this image as an image. An attestation is never one, whatever it says.
///
/// ```compile_fail,E0277
/// # fn confuse(attested: plimsoll::verify::Attested) -> plimsoll::verify::Signed { attested.into() }
/// ```
///
/// ```compile_fail,E0451
/// # fn forge(authorship: plimsoll::verify::Authorship) {
/// let image = plimsoll::base::Digest::of(b"");
/// let forged = plimsoll::verify::Signed { image, authorship, annotations: Default::default(), repository: None };
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Signed {
    image: Digest,
    authorship: Authorship,
    annotations: BTreeMap<String, String>,
    repository: Option<String>,
}

impl Signed {
    /// What was signed.
    pub fn image(&self) -> Digest {
        self.image
    }

    /// Who signed it and when.
    pub fn authorship(&self) -> &Authorship {
        &self.authorship
    }

    /// What the signer added; covered by the signature.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// What the signer called the image: as a rule its repository; covered by the signature.
    pub fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }
}

/// Checks that `candidate` is a signature by `signer` over `image`. An attestation is not one: its signer may be a scanner that found the
/// image bad.
pub fn check_signature(candidate: &Candidate, signer: &Signer, image: Digest) -> Result<Signed, VerifyError> {
    match &candidate.content {
        Content::Bundle(bundle) => from_statement(&check_bundle(bundle, signer, image)?),
        Content::Envelope { .. } => Err(VerifyError::NotASignature { predicate_type: None }),
        Content::SimpleSigning { payload, signature, annotations } => {
            from_payload(payload, legacy::verify_payload(payload, signature, annotations, signer)?, image)
        }
        Content::Unreadable { reason } => Err(VerifyError::Unreadable { reason: reason.clone() }),
    }
}

fn from_statement(attested: &Attested) -> Result<Signed, VerifyError> {
    if attested.predicate_type() != SIGN_PREDICATE {
        let found = attested.predicate_type().chars().take(128).collect();
        return Err(VerifyError::NotASignature { predicate_type: Some(found) });
    }
    let image = attested.image();
    let subject = attested.statement().get().subject(image);
    let subject = subject.ok_or(VerifyError::OtherImage { image, signed: None })?;
    Ok(Signed {
        image,
        authorship: attested.authorship().clone(),
        annotations: texts(&subject.annotations)?,
        repository: subject.name.clone(),
    })
}

fn from_payload(payload: &[u8], authorship: Authorship, image: Digest) -> Result<Signed, VerifyError> {
    let said = SimpleSigning::parse(payload)?;
    if said.digest != image {
        return Err(VerifyError::OtherImage { image, signed: Some(said.digest) });
    }
    Ok(Signed { image, authorship, annotations: texts(&said.annotations)?, repository: said.repository })
}

// cosign writes texts only. The number 1 and the text "1" must not answer the same question.
fn texts(annotations: &BTreeMap<String, serde_json::Value>) -> Result<BTreeMap<String, String>, VerifyError> {
    let text = |(key, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => Ok((key.clone(), text.to_owned())),
        None => Err(VerifyError::AnnotationNotText { key: key.chars().take(128).collect() }),
    };
    annotations.iter().map(text).collect()
}
