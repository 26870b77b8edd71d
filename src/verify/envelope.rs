//! DSSE protocol, "Verification": the first rung of the ladder.

use super::{Artifact, Author, Authorship, Signer, VerifyError, authorship};
use crate::crypto::{BadSignature, PublicKey};
use crate::format::bundle::{Bundle, BundleContent};
use crate::format::dsse::Envelope;
use crate::format::statement::{PAYLOAD_TYPE, Statement, Subject};

/// A value together with who signed exactly it.
///
/// There is no way to make one but to check a signature, and no way to put another value in:
///
/// ```compile_fail,E0451
/// # fn forge(statement: plimsoll::format::statement::Statement, authorship: plimsoll::verify::Authorship) {
/// let forged = plimsoll::verify::Verified { value: statement, authorship };
/// # }
/// ```
///
/// ```compile_fail,E0599
/// # fn swap(verified: plimsoll::verify::Verified<u8>) {
/// verified.map(|_| 2u8);
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Verified<T> {
    value: T,
    authorship: Authorship,
}

impl<T> Verified<T> {
    /// What was signed.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Who signed it and when.
    pub fn authorship(&self) -> &Authorship {
        &self.authorship
    }
}

/// The content of an envelope, with the type that the signature also covers.
#[derive(Clone, Debug)]
pub struct Payload {
    kind: String,
    bytes: Vec<u8>,
}

impl Payload {
    /// What the bytes are.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The exact bytes that were signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Checks the only signature of an envelope that comes alone: nothing but a key can have made it.
pub fn verify_envelope(envelope: &Envelope, signer: &Signer) -> Result<Verified<Payload>, VerifyError> {
    match signer {
        Signer::Key(key) => {
            key.verify(&envelope.signed_bytes(), envelope.signature())
                .map_err(|BadSignature| VerifyError::BadSignature)?;
            let authorship = Authorship::new(Author::Key(key.clone()), Vec::new(), 0);
            payload(envelope, signer, authorship)
        }
        Signer::Identity(_) => Err(VerifyError::KeySigned),
        Signer::WitnessedKey(_) => Err(VerifyError::NotLogged),
    }
}

/// Checks the signature of the envelope in a bundle, and all that the bundle brings to it.
pub fn verify_bundle(bundle: &Bundle, signer: &Signer) -> Result<Verified<Payload>, VerifyError> {
    let BundleContent::Envelope(envelope) = &bundle.content else { return Err(VerifyError::NotAStatement) };
    let signed = envelope.signed_bytes();
    let verify = |key: &PublicKey| key.verify(&signed, envelope.signature());
    let authorship = authorship::check(bundle, signer, &verify, &|| subject(envelope))?;
    payload(envelope, signer, authorship)
}

/// Something that the envelope's statement is about: log entries are about the envelope, whatever that is. That it is the right thing is
/// checked with [`Verified<Statement>::about`].
fn subject(envelope: &Envelope) -> Result<Artifact<'static>, VerifyError> {
    is_statement(envelope.payload_type())?;
    let statement = Statement::parse(envelope.unverified_payload())?;
    let digest = statement.subjects().iter().find_map(Subject::digest);
    digest.map(Artifact::Digest).ok_or(VerifyError::NotAStatement)
}

fn payload(
    envelope: &Envelope,
    signer: &Signer,
    authorship: Authorship,
) -> Result<Verified<Payload>, VerifyError> {
    if let Some(key) = signer.key() {
        check_key_id(envelope, key)?;
    }
    let payload =
        Payload { kind: envelope.payload_type().to_owned(), bytes: envelope.unverified_payload().to_vec() };
    Ok(Verified { value: payload, authorship })
}

// The signature already decides. A key id that contradicts it means that somebody rewrote the envelope.
fn check_key_id(envelope: &Envelope, key: &PublicKey) -> Result<(), VerifyError> {
    match envelope.key_id() {
        Some(id) if !key.is_named(id) => Err(VerifyError::KeyId { found: id.chars().take(128).collect() }),
        _ => Ok(()),
    }
}

fn is_statement(payload_type: &str) -> Result<(), VerifyError> {
    if payload_type == PAYLOAD_TYPE {
        return Ok(());
    }
    Err(VerifyError::PayloadType { found: payload_type.chars().take(128).collect() })
}

impl Verified<Payload> {
    /// Reads the payload as a statement.
    pub fn statement(self) -> Result<Verified<Statement>, VerifyError> {
        is_statement(&self.value.kind)?;
        let statement = Statement::parse(&self.value.bytes)?;
        Ok(Verified { value: statement, authorship: self.authorship })
    }
}
