//! Public keys: SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) in PEM.

mod file;

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{self as suite, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::Digest as _;

pub use file::BadFileSignature;
pub(super) use file::imported;

use super::{KeyError, Scheme, der, pem};
use crate::base::Digest;

/// A key that verifies signatures.
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    spki: Vec<u8>,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    /// Reads the first PEM block: `PUBLIC KEY`, or PKCS#1 `RSA PUBLIC KEY`. A private key is refused with an error of its own, so that
    /// nobody gets used to handing it around.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::first(text)?;
        match block.label {
            "PUBLIC KEY" => Self::from_spki(&block.content),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&block.content),
            label if label.ends_with("PRIVATE KEY") => Err(KeyError::PrivateKey),
            label => Err(KeyError::Label { label: label.chars().take(64).collect() }),
        }
    }

    /// The PEM block `PUBLIC KEY`, as cosign writes it.
    pub fn to_pem(&self) -> String {
        pem::write("PUBLIC KEY", &self.spki)
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo: names the key in policies and answers.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki)
    }

    /// What bundles call this key: the fingerprint in base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(self.fingerprint().bytes())
    }

    /// Which algorithm the key is for.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Whether `id`, a `keyid` of a DSSE signature, names this key: its hint, its fingerprint, or its OpenSSH fingerprint.
    pub fn is_named(&self, id: &str) -> bool {
        let fingerprint = self.fingerprint();
        id == self.hint()
            || id == fingerprint.hex()
            || id == fingerprint.to_string()
            || self.openssh_fingerprint().is_some_and(|name| name == id)
    }

    /// Checks `signature` over `message`, made in any way in which cosign uses such a key. ECDSA signatures are ASN.1 DER; the hash is the
    /// usual one of the key's size, and then SHA-256. Ed25519 is over the message, and then over its hash: the two have different domains
    /// (RFC 8032, section 5.1), so no signature is both.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let fits = |scheme: &Scheme| self.verify_as(*scheme, message, signature).is_ok();
        if self.algorithm.schemes().iter().any(fits) { Ok(()) } else { Err(BadSignature) }
    }

    /// Checks `signature` over `message`, made in exactly this way.
    pub fn verify_as(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if !self.algorithm.schemes().contains(&scheme) {
            return Err(BadSignature);
        }
        match suite(scheme) {
            Some(suite) => UnparsedPublicKey::new(suite, &self.spki)
                .verify(message, signature)
                .map_err(|Unspecified| BadSignature),
            None => self.verify_ed25519(scheme, message, signature),
        }
    }

    /// Strictly: no second encoding of a signature (RFC 8032, section 5.1.7, S below the order), no point of small order, for which a
    /// signature would fit many messages.
    fn verify_ed25519(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let key = ed25519(self.point()).ok_or(BadSignature)?;
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
        let result = match scheme {
            Scheme::Ed25519Prehashed => {
                key.verify_prehashed_strict(sha2::Sha512::new_with_prefix(message), None, &signature)
            }
            _ => key.verify_strict(message, &signature),
        };
        result.map_err(|_| BadSignature)
    }

    /// What the SubjectPublicKeyInfo is about: a point, or an `RSAPublicKey`.
    pub(super) fn point(&self) -> &[u8] {
        Parts::read(&self.spki).map(|parts| parts.key).unwrap_or_default()
    }

    /// A key on a NIST curve, named by its object identifier, from its uncompressed point.
    pub(super) fn on_curve(curve: &[u8], point: &[u8]) -> Result<Self, KeyError> {
        Self::of(&[(der::OBJECT_IDENTIFIER, ELLIPTIC_CURVE), (der::OBJECT_IDENTIFIER, curve)], point)
    }

    pub(super) fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        Self::of(&[(der::OBJECT_IDENTIFIER, ED25519)], point)
    }

    /// The public half of an `RSAPrivateKey`; none if it is not one.
    pub(super) fn of_rsa_private(key: &[u8]) -> Option<Result<Self, KeyError>> {
        let mut outer = der::Reader::new(key);
        let mut numbers = der::Reader::new(outer.value(der::SEQUENCE)?);
        outer.end()?;
        // Version 1 has more than two primes.
        numbers.value(der::INTEGER).filter(|version| *version == [0])?;
        let (modulus, exponent) = (numbers.value(der::INTEGER)?, numbers.value(der::INTEGER)?);
        let public = [der::write(der::INTEGER, modulus), der::write(der::INTEGER, exponent)].concat();
        Some(Self::from_pkcs1(&der::write(der::SEQUENCE, &public)))
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { label: "PUBLIC KEY" };
        let parts = Parts::read(spki).ok_or_else(malformed)?;
        let algorithm = parts.algorithm().map_err(|wrong| match wrong {
            Wrong::Algorithm => KeyError::VerifyingAlgorithm,
            Wrong::Form => malformed(),
        })?;
        if let KeyAlgorithm::Rsa { bits } = algorithm
            && !(2048..=8192).contains(&bits)
        {
            return Err(KeyError::RsaSize { bits });
        }
        // The library checks what the shape does not tell: that the point is on the curve.
        for suite in algorithm.schemes().iter().filter_map(|scheme| suite(*scheme)) {
            ParsedPublicKey::new(suite, spki).map_err(|_| malformed())?;
        }
        let key = Self { spki: spki.to_vec(), algorithm };
        if algorithm == KeyAlgorithm::Ed25519 && ed25519(key.point()).is_none() {
            return Err(malformed());
        }
        Ok(key)
    }

    /// Reads an `RSAPublicKey` of PKCS#1 in DER.
    pub fn from_pkcs1(key: &[u8]) -> Result<Self, KeyError> {
        Self::of(&[(der::OBJECT_IDENTIFIER, RSA), (der::NULL, &[])], key)
    }

    fn of(algorithm: &[(u8, &[u8])], key: &[u8]) -> Result<Self, KeyError> {
        let algorithm: Vec<u8> = algorithm.iter().flat_map(|(tag, value)| der::write(*tag, value)).collect();
        let body =
            [der::write(der::SEQUENCE, &algorithm), der::write(der::BIT_STRING, &[&[0], key].concat())];
        Self::from_spki(&der::write(der::SEQUENCE, &body.concat()))
    }

    /// `SHA256:` and base64 of the hash over the key as RFC 4253, section 6.6, RFC 5656 and RFC 8709 write it.
    fn openssh_fingerprint(&self) -> Option<String> {
        let key = Parts::read(&self.spki)?.key;
        let fields: &[&[u8]] = match self.algorithm {
            KeyAlgorithm::EcdsaP256 => &[b"ecdsa-sha2-nistp256", b"nistp256", key],
            KeyAlgorithm::EcdsaP384 => &[b"ecdsa-sha2-nistp384", b"nistp384", key],
            KeyAlgorithm::EcdsaP521 => &[b"ecdsa-sha2-nistp521", b"nistp521", key],
            KeyAlgorithm::Ed25519 => &[b"ssh-ed25519", key],
            KeyAlgorithm::Rsa { .. } => {
                let mut numbers = der::Reader::new(der::Reader::new(key).value(der::SEQUENCE)?);
                let (modulus, exponent) = (numbers.value(der::INTEGER)?, numbers.value(der::INTEGER)?);
                &[b"ssh-rsa", exponent, modulus]
            }
        };
        let mut wire = Vec::new();
        for field in fields {
            wire.extend(u32::try_from(field.len()).ok()?.to_be_bytes());
            wire.extend(*field);
        }
        Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Digest::of(&wire).bytes())))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm, self.fingerprint())
    }
}

/// What a public key can verify.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyAlgorithm {
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA, PKCS#1 v1.5.
    Rsa {
        /// Of the modulus.
        bits: usize,
    },
}

impl KeyAlgorithm {
    /// What Sigstore calls such a key, with its own hash: sigstore_common.proto, `PublicKeyDetails`.
    pub fn details(self) -> Option<&'static str> {
        Some(match self {
            Self::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
            Self::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
            Self::EcdsaP521 => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519 => "PKIX_ED25519",
            Self::Rsa { bits: 2048 } => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Self::Rsa { bits: 3072 } => "PKIX_RSA_PKCS1V15_3072_SHA256",
            Self::Rsa { bits: 4096 } => "PKIX_RSA_PKCS1V15_4096_SHA256",
            Self::Rsa { .. } => return None,
        })
    }

    /// Every way in which cosign uses such a key: its default first.
    pub(super) fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::EcdsaP256 => &[Scheme::EcdsaP256Sha256],
            Self::EcdsaP384 => &[Scheme::EcdsaP384Sha384, Scheme::EcdsaP384Sha256],
            Self::EcdsaP521 => &[Scheme::EcdsaP521Sha512, Scheme::EcdsaP521Sha256],
            Self::Ed25519 => &[Scheme::Ed25519, Scheme::Ed25519Prehashed],
            Self::Rsa { .. } => &[Scheme::RsaPkcs1Sha256],
        }
    }
}

/// What verifies a scheme; none for Ed25519, whose prehashed variant that library does not have.
fn suite(scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
    match scheme {
        Scheme::EcdsaP256Sha256 => Some(&suite::ECDSA_P256_SHA256_ASN1),
        Scheme::EcdsaP384Sha256 => Some(&suite::ECDSA_P384_SHA256_ASN1),
        Scheme::EcdsaP384Sha384 => Some(&suite::ECDSA_P384_SHA384_ASN1),
        Scheme::EcdsaP521Sha256 => Some(&suite::ECDSA_P521_SHA256_ASN1),
        Scheme::EcdsaP521Sha512 => Some(&suite::ECDSA_P521_SHA512_ASN1),
        Scheme::Ed25519 | Scheme::Ed25519Prehashed => None,
        Scheme::RsaPkcs1Sha256 => Some(&suite::RSA_PKCS1_2048_8192_SHA256),
    }
}

/// The library's key. Points of small order are refused, and so is every second encoding of a point.
fn ed25519(point: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(point.try_into().ok()?).ok()?;
    let canonical = key.to_edwards().compress().to_bytes();
    (!key.is_weak() && canonical == *point).then_some(key)
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
        }
    }
}

/// The key did not make this signature over this message. Nothing more is known, and nothing more is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the key did not make this signature")]
pub struct BadSignature;

/// What a SubjectPublicKeyInfo consists of.
struct Parts<'a> {
    oid: &'a [u8],
    parameters: der::Reader<'a>,
    key: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(spki: &'a [u8]) -> Option<Self> {
        let mut outer = der::Reader::new(spki);
        let mut inner = der::Reader::new(outer.value(der::SEQUENCE)?);
        outer.end()?;
        let mut parameters = der::Reader::new(inner.value(der::SEQUENCE)?);
        let oid = parameters.value(der::OBJECT_IDENTIFIER)?;
        let key = inner.value(der::BIT_STRING)?.strip_prefix(&[0])?;
        inner.end()?;
        Some(Self { oid, parameters, key })
    }

    /// Which algorithm it is: one encoding a key, so that one key has one fingerprint (uncompressed points, no stray parameters).
    fn algorithm(mut self) -> Result<KeyAlgorithm, Wrong> {
        match self.oid {
            ELLIPTIC_CURVE => {
                let (algorithm, length) = match self.parameters.value(der::OBJECT_IDENTIFIER) {
                    Some(P256) => (KeyAlgorithm::EcdsaP256, 65),
                    Some(P384) => (KeyAlgorithm::EcdsaP384, 97),
                    Some(P521) => (KeyAlgorithm::EcdsaP521, 133),
                    _ => return Err(Wrong::Algorithm),
                };
                let uncompressed = self.key.first() == Some(&4) && self.key.len() == length;
                self.parameters.end().filter(|()| uncompressed).ok_or(Wrong::Form)?;
                Ok(algorithm)
            }
            ED25519 => {
                self.parameters.end().filter(|()| self.key.len() == 32).ok_or(Wrong::Form)?;
                Ok(KeyAlgorithm::Ed25519)
            }
            RSA => Ok(KeyAlgorithm::Rsa { bits: self.modulus_bits().ok_or(Wrong::Form)? }),
            _ => Err(Wrong::Algorithm),
        }
    }

    fn modulus_bits(mut self) -> Option<usize> {
        self.parameters.value(der::NULL).filter(|null| null.is_empty())?;
        self.parameters.end()?;
        let mut outer = der::Reader::new(self.key);
        let mut numbers = der::Reader::new(outer.value(der::SEQUENCE)?);
        outer.end()?;
        let modulus = numbers.unsigned()?;
        numbers.unsigned()?;
        numbers.end()?;
        let top = modulus.first()?.leading_zeros() as usize;
        Some(8 * modulus.len() - top)
    }
}

enum Wrong {
    Algorithm,
    Form,
}

// Object identifiers without tag and length.
pub(super) const ELLIPTIC_CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(super) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(super) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
