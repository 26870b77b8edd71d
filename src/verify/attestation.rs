//! Attestations: statements about an image, with a predicate.

use super::{Authorship, Candidate, Content, Signer, Verified, VerifyError, legacy, verify_bundle};
use crate::base::Digest;
use crate::format::bundle::Bundle;
use crate::format::statement::{SIGN_PREDICATE, Statement};

/// Proof that the signer made this statement about this image.
///
/// ```compile_fail,E0451
/// # fn forge(statement: plimsoll::verify::Verified<plimsoll::format::statement::Statement>) {
/// let forged = plimsoll::verify::Attested { image: plimsoll::base::Digest::of(b""), statement };
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Attested {
    image: Digest,
    statement: Verified<Statement>,
}

impl Attested {
    /// What the statement is about.
    pub fn image(&self) -> Digest {
        self.image
    }

    /// The statement, with its signer.
    pub fn statement(&self) -> &Verified<Statement> {
        &self.statement
    }

    /// Who made the statement and when.
    pub fn authorship(&self) -> &Authorship {
        self.statement.authorship()
    }

    /// What kind of statement it is.
    pub fn predicate_type(&self) -> &str {
        self.statement.get().predicate_type()
    }

    /// What is said, in the signer's own bytes: a JSON object or `null`.
    pub fn predicate(&self) -> &[u8] {
        self.statement.get().predicate()
    }
}

impl Verified<Statement> {
    /// Binds the statement to the image that it must be about.
    pub(super) fn about(self, image: Digest) -> Result<Attested, VerifyError> {
        if self.get().subject(image).is_none() {
            let signed = self.get().subjects().iter().find_map(|subject| subject.digest());
            return Err(VerifyError::OtherImage { image, signed });
        }
        Ok(Attested { image, statement: self })
    }
}

/// Checks that `candidate` is an attestation by `signer` about `image`. An image signature is not one.
pub fn check_attestation(
    candidate: &Candidate,
    signer: &Signer,
    image: Digest,
) -> Result<Attested, VerifyError> {
    let attested = match &candidate.content {
        Content::Bundle(bundle) => check_bundle(bundle, signer, image)?,
        Content::Envelope { envelope, annotations } => {
            legacy::verify_envelope(envelope, annotations, signer)?.statement()?.about(image)?
        }
        Content::SimpleSigning { .. } => return Err(VerifyError::NotAnAttestation),
        Content::Unreadable { reason } => return Err(VerifyError::Unreadable { reason: reason.clone() }),
    };
    if attested.predicate_type() == SIGN_PREDICATE {
        return Err(VerifyError::NotAnAttestation);
    }
    Ok(attested)
}

pub(super) fn check_bundle(bundle: &Bundle, signer: &Signer, image: Digest) -> Result<Attested, VerifyError> {
    verify_bundle(bundle, signer)?.statement()?.about(image)
}
