//! Which signature a key makes where: what cosign 3 reads from bundles, and cosign 2 from layers.

use super::KeyAlgorithm;
use crate::base::Algorithm;

/// What a signature becomes part of. One key signs differently for each, as cosign does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// The envelope of a bundle.
    Envelope,
    /// A bundle beside a file.
    File,
    /// A layer under a legacy tag, which cosign 2 reads.
    Layer,
}

/// A signature algorithm with its hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// ECDSA over P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA over P-384 with SHA-256.
    EcdsaP384Sha256,
    /// ECDSA over P-384 with SHA-384.
    EcdsaP384Sha384,
    /// ECDSA over P-521 with SHA-256.
    EcdsaP521Sha256,
    /// ECDSA over P-521 with SHA-512.
    EcdsaP521Sha512,
    /// Ed25519 over the message itself (RFC 8032, section 5.1).
    Ed25519,
    /// Ed25519ph: over the SHA-512 of the message, with the empty context (RFC 8032, section 5.1).
    Ed25519Prehashed,
    /// RSA, PKCS#1 v1.5 with SHA-256.
    RsaPkcs1Sha256,
}

impl KeyAlgorithm {
    /// How a key of this kind signs for `form`.
    pub fn scheme(self, form: Form) -> Scheme {
        match (self, form) {
            (Self::EcdsaP256, _) => Scheme::EcdsaP256Sha256,
            (Self::EcdsaP384, Form::Envelope | Form::File) => Scheme::EcdsaP384Sha384,
            (Self::EcdsaP384, Form::Layer) => Scheme::EcdsaP384Sha256,
            (Self::EcdsaP521, Form::Envelope | Form::File) => Scheme::EcdsaP521Sha512,
            (Self::EcdsaP521, Form::Layer) => Scheme::EcdsaP521Sha256,
            // cosign 3 writes the prehashed variant into envelopes and verifies, with no option, but the plain one.
            (Self::Ed25519, _) => Scheme::Ed25519,
            (Self::Rsa { .. }, _) => Scheme::RsaPkcs1Sha256,
        }
    }
}

impl Scheme {
    /// The hash over the message; none where the message itself is signed.
    pub fn hash(self) -> Option<Algorithm> {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha256 | Self::EcdsaP521Sha256 | Self::RsaPkcs1Sha256 => {
                Some(Algorithm::Sha256)
            }
            Self::EcdsaP384Sha384 => Some(Algorithm::Sha384),
            Self::EcdsaP521Sha512 | Self::Ed25519Prehashed => Some(Algorithm::Sha512),
            Self::Ed25519 => None,
        }
    }
}
