//! Private keys: ECDSA over P-256, kept in cosign's encrypted file.

use std::fmt;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use zeroize::Zeroizing;

use super::{BadSignature, Form, KeyError, PublicKey, pem, sealed};
use crate::base::Secret;

/// A key that signs. Wiped from memory on drop; `Debug` shows only its public half.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Makes a new key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut *bytes).map_err(|_| KeyError::Random)?;
            // Zero and numbers above the group order are not keys: once in 2^32 tries.
            if let Ok(key) = SigningKey::from_slice(&*bytes) {
                return Self::new(key);
            }
        }
    }

    /// Whether a text is an encrypted key file, as far as that can be told without its password.
    pub fn check_encrypted_pem(text: &str) -> Result<(), KeyError> {
        sealed::check(&encrypted(text)?)
    }

    /// Reads an encrypted key file. The empty password is a password; a key that is not encrypted is refused.
    pub fn from_encrypted_pem(text: &str, password: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        Self::from_pkcs8(&sealed::open(&encrypted(text)?, password)?)
    }

    /// The encrypted key file, as cosign 2 and 3 write and read it.
    pub fn to_encrypted_pem(&self, password: &Secret<Vec<u8>>) -> Result<String, KeyError> {
        let der = self.key.to_pkcs8_der().map_err(|_| KeyError::Malformed { label: sealed::LABEL })?;
        sealed::seal(der.as_bytes(), password)
    }

    /// The half that everybody may have.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// Signs for `form`: ECDSA with SHA-256 as ASN.1 DER. Deterministic (RFC 6979): the same message has the same signature.
    pub fn sign(&self, _form: Form, message: &[u8]) -> Result<Vec<u8>, BadSignature> {
        let signature: Signature = self.key.try_sign(message).map_err(|_| BadSignature)?;
        let bytes = signature.to_der().as_bytes().to_vec();
        // A fault while signing can give the key away (RFC 6979 makes the nonce predictable): let no wrong signature out.
        self.public.verify(message, &bytes)?;
        Ok(bytes)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { label: sealed::LABEL };
        let form = p256::pkcs8::PrivateKeyInfoRef::try_from(der).map_err(|_| malformed())?;
        let oid = form.algorithm.oid.to_string();
        let curve = form.algorithm.parameters_oid().map(|oid| oid.to_string()).unwrap_or_default();
        let algorithm = match (oid.as_str(), curve.as_str()) {
            ("1.2.840.10045.2.1", "1.2.840.10045.3.1.7") => {
                return Self::new(SigningKey::from_pkcs8_der(der).map_err(|_| malformed())?);
            }
            ("1.2.840.10045.2.1", "1.3.132.0.34") => "ECDSA P-384",
            ("1.2.840.10045.2.1", "1.3.132.0.35") => "ECDSA P-521",
            ("1.2.840.113549.1.1.1", _) => "RSA",
            ("1.3.101.112", _) => "Ed25519",
            _ => return Err(KeyError::SigningAlgorithm { algorithm: format!("algorithm {oid}") }),
        };
        Err(KeyError::SigningAlgorithm { algorithm: algorithm.to_owned() })
    }

    fn new(key: SigningKey) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { label: "PUBLIC KEY" };
        let spki = key.verifying_key().to_public_key_der().map_err(malformed)?;
        Ok(Self { public: PublicKey::from_spki(spki.as_bytes())?, key })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.public)
    }
}

/// The content of the PEM block of an encrypted key file.
fn encrypted(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let block = pem::first(text)?;
    match block.label {
        sealed::LABEL | sealed::OLD_LABEL => Ok(block.content),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(KeyError::PublicKey),
        "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Err(KeyError::Unencrypted),
        label => Err(KeyError::Label { label: label.chars().take(64).collect() }),
    }
}
