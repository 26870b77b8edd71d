//! DSSE protocol, "Verification": the first rung of the ladder.

use super::{Signer, VerifyError};
use crate::crypto::{BadSignature, PublicKey};
use crate::format::dsse::Envelope;
use crate::format::statement::{PAYLOAD_TYPE, Statement};

/// A value together with who signed exactly it.
///
/// There is no way to make one but to check a signature, and no way to put another value in:
///
/// ```compile_fail,E0451
/// # fn forge(statement: plimsoll::format::statement::Statement, signer: plimsoll::verify::Signer) {
/// let forged = plimsoll::verify::Verified { value: statement, signer };
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
    signer: Signer,
}

impl<T> Verified<T> {
    /// What was signed.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Who signed it.
    pub fn signer(&self) -> &Signer {
        &self.signer
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

/// Checks an envelope's only signature.
pub fn verify_envelope(envelope: &Envelope, signer: &Signer) -> Result<Verified<Payload>, VerifyError> {
    let Signer::Key(key) = signer;
    key.verify(&envelope.signed_bytes(), envelope.signature())
        .map_err(|BadSignature| VerifyError::BadSignature)?;
    check_key_id(envelope, key)?;
    let payload =
        Payload { kind: envelope.payload_type().to_owned(), bytes: envelope.unverified_payload().to_vec() };
    Ok(Verified { value: payload, signer: signer.clone() })
}

// The signature already decides. A key id that contradicts it means that somebody rewrote the envelope.
fn check_key_id(envelope: &Envelope, key: &PublicKey) -> Result<(), VerifyError> {
    match envelope.key_id() {
        Some(id) if !key.is_named(id) => Err(VerifyError::KeyId { found: id.chars().take(128).collect() }),
        _ => Ok(()),
    }
}

impl Verified<Payload> {
    /// Reads the payload as a statement.
    pub fn statement(self) -> Result<Verified<Statement>, VerifyError> {
        if self.value.kind != PAYLOAD_TYPE {
            return Err(VerifyError::PayloadType { found: self.value.kind.chars().take(128).collect() });
        }
        let statement = Statement::parse(&self.value.bytes)?;
        Ok(Verified { value: statement, signer: self.signer })
    }
}
