//! Private keys, kept in cosign's encrypted file.

use std::fmt;

use aws_lc_rs::signature::{self as suite, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use zeroize::Zeroizing;

use super::material::{Curve, Material, sec1};
use super::public::imported;
use super::{BadFileSignature, BadSignature, Encryption, Form, KeyError, PublicKey, Scheme, pem, sealed};
use crate::base::{Digest, FileContent, Hasher, Secret};

/// A key that signs. Wiped from memory on drop; `Debug` shows only its public half.
pub struct PrivateKey {
    key: Key,
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

/// The libraries' keys; each wipes its memory on drop.
enum Key {
    /// Deterministic (RFC 6979).
    P256(p256::ecdsa::SigningKey),
    /// Deterministic (RFC 6979).
    P384(p384::ecdsa::SigningKey),
    /// One for each hash.
    P521 { sha256: EcdsaKeyPair, sha512: EcdsaKeyPair },
    /// Deterministic (RFC 8032).
    Ed25519(ed25519_dalek::SigningKey),
    /// Deterministic (RFC 8017, section 8.2).
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// Makes a new key: ECDSA P-256, which every reader of signatures knows.
    pub fn generate() -> Result<Self, KeyError> {
        let mut scalar = Zeroizing::new(vec![0; 32]);
        loop {
            getrandom::fill(&mut scalar).map_err(|_| KeyError::Random)?;
            // Zero and numbers above the group order are not keys: once in 2^32 tries.
            if p256::ecdsa::SigningKey::from_slice(&scalar).is_ok() {
                let material = Material::Ec { curve: Curve::P256, scalar, point: None };
                return Self::new(&material, sealed::LABEL);
            }
        }
    }

    /// Whether a text is an encrypted key file, as far as that can be told without its password.
    pub fn check_encrypted_pem(text: &str) -> Result<Encryption, KeyError> {
        sealed::check(&encrypted(text)?)
    }

    /// Reads an encrypted key file. The empty password is a password; a key that is not encrypted is refused.
    pub fn from_encrypted_pem(text: &str, password: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        let content = sealed::open(&encrypted(text)?, password)?;
        Self::new(&Material::from_pkcs8(&content, sealed::LABEL)?, sealed::LABEL)
    }

    /// Reads a key that is not encrypted, to encrypt it: `PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY`.
    pub fn from_open_pem(text: &str) -> Result<Self, KeyError> {
        // RFC 1421, section 4.6.1.1: openssl's older way.
        if text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::EncryptedSource);
        }
        // `openssl ecparam -genkey` writes the curve's name before the key, which names it again.
        let block = pem::first_but(text, "EC PARAMETERS")?;
        let content = &block.content;
        let (material, label) = match block.label {
            "PRIVATE KEY" => (Material::from_pkcs8(content, "PRIVATE KEY")?, "PRIVATE KEY"),
            "EC PRIVATE KEY" => (Material::from_sec1(content, None, "EC PRIVATE KEY")?, "EC PRIVATE KEY"),
            "RSA PRIVATE KEY" => (Material::Rsa(content.clone()), "RSA PRIVATE KEY"),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => return Err(KeyError::PublicKey),
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::EncryptedSource),
            sealed::LABEL | sealed::OLD_LABEL => return Err(KeyError::Sealed),
            label => return Err(KeyError::Label { label: label.chars().take(64).collect() }),
        };
        Self::new(&material, label)
    }

    /// The encrypted key file, as cosign 2 and 3 write and read it.
    pub fn to_encrypted_pem(&self, password: &Secret<Vec<u8>>) -> Result<String, KeyError> {
        sealed::seal(&self.pkcs8, password)
    }

    /// The half that everybody may have.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// Signs for `form`, so that cosign verifies it; ECDSA as ASN.1 DER.
    pub fn sign(&self, form: Form, message: &[u8]) -> Result<Vec<u8>, BadSignature> {
        let scheme = self.public.algorithm().scheme(form);
        let hash = scheme.hash().map(|algorithm| {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(message);
            hasher.finish()
        });
        let bytes = self.sign_unchecked(scheme, hash, message)?;
        // A fault while signing can give the key away (deterministic nonces, RSA with remainders): let no wrong signature out.
        self.public.verify_as(scheme, message, &bytes)?;
        Ok(bytes)
    }

    /// Signs a file by its hash; with an Ed25519 key by its bytes, if they were kept.
    pub fn sign_file(&self, file: &FileContent) -> Result<Vec<u8>, BadFileSignature> {
        let scheme = self.public.algorithm().scheme(Form::File);
        let known = match scheme.hash() {
            Some(algorithm) => file.digest(algorithm).map(|hash| (Some(hash), &[][..])),
            None => file.bytes().map(|bytes| (None, bytes)),
        };
        let (hash, message) = known.ok_or(BadFileSignature::Unchecked { scheme })?;
        let bytes = self.sign_unchecked(scheme, hash, message)?;
        self.public.verify_file(file, &bytes)?;
        Ok(bytes)
    }

    /// Signs `hash`, or `message` where the scheme has none.
    fn sign_unchecked(
        &self,
        scheme: Scheme,
        hash: Option<Digest>,
        message: &[u8],
    ) -> Result<Vec<u8>, BadSignature> {
        let Some(hash) = hash else {
            return match &self.key {
                Key::Ed25519(key) => Ok(key.try_sign(message).map_err(|_| BadSignature)?.to_bytes().to_vec()),
                Key::P256(_) | Key::P384(_) | Key::P521 { .. } | Key::Rsa(_) => Err(BadSignature),
            };
        };
        match &self.key {
            Key::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(hash.bytes()).map_err(|_| BadSignature)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Key::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    key.sign_prehash(hash.bytes()).map_err(|_| BadSignature)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Key::P521 { sha256, sha512 } => {
                let key = if scheme == Scheme::EcdsaP521Sha256 { sha256 } else { sha512 };
                let signature = key.sign_digest(&imported(hash)?).map_err(|_| BadSignature)?;
                Ok(signature.as_ref().to_vec())
            }
            // It signs bytes, never a hash.
            Key::Ed25519(_) => Err(BadSignature),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(&suite::RSA_PKCS1_SHA256, &imported(hash)?, &mut signature)
                    .map_err(|_| BadSignature)?;
                Ok(signature)
            }
        }
    }

    fn new(material: &Material, label: &'static str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { label };
        let (key, public) = match material {
            Material::Ec { curve, scalar, point } => {
                let (key, public) = on_curve(*curve, scalar).ok_or_else(malformed)?;
                // A file whose halves differ could be shown as one key and sign as another.
                if point.as_ref().is_some_and(|point| *point != public) {
                    return Err(malformed());
                }
                (key, PublicKey::on_curve(curve.oid(), &public)?)
            }
            Material::Ed25519(seed) => {
                let seed: Zeroizing<[u8; 32]> =
                    Zeroizing::new(seed.as_slice().try_into().map_err(|_| malformed())?);
                let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                let public = PublicKey::ed25519(key.verifying_key().as_bytes())?;
                (Key::Ed25519(key), public)
            }
            Material::Rsa(pkcs1) => {
                // The size comes first: the library's own limits have no names.
                let public = PublicKey::of_rsa_private(pkcs1).ok_or_else(malformed)??;
                let key = RsaKeyPair::from_der(pkcs1).map_err(|_| malformed())?;
                if PublicKey::from_pkcs1(key.public_key().as_ref())? != public {
                    return Err(malformed());
                }
                (Key::Rsa(key), public)
            }
        };
        let pkcs8 = material.to_pkcs8(public.point());
        Ok(Self { key, pkcs8, public })
    }
}

/// The library's key, and the uncompressed public point.
fn on_curve(curve: Curve, scalar: &[u8]) -> Option<(Key, Vec<u8>)> {
    match curve {
        Curve::P256 => {
            let key = p256::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
            Some((Key::P256(key), point))
        }
        Curve::P384 => {
            let key = p384::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
            Some((Key::P384(key), point))
        }
        Curve::P521 => {
            let der = sec1(scalar, &[]);
            let read = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, &der).ok();
            let sha256 = read(&suite::ECDSA_P521_SHA256_ASN1_SIGNING)?;
            let sha512 = read(&suite::ECDSA_P521_SHA512_ASN1_SIGNING)?;
            let point = sha512.public_key().as_ref().to_vec();
            Some((Key::P521 { sha256, sha512 }, point))
        }
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
        "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PARAMETERS" => Err(KeyError::Unencrypted),
        "ENCRYPTED PRIVATE KEY" => Err(KeyError::EncryptedSource),
        label => Err(KeyError::Label { label: label.chars().take(64).collect() }),
    }
}
