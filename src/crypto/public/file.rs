//! Signatures over files, checked against hashes: a file of any size is read once and not held.

use aws_lc_rs::digest as hash;
use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};
use ed25519_dalek::ed25519::signature::digest::{
    FixedOutput, HashMarker, Output, OutputSizeUser, Update, consts::U64,
};

use super::{BadSignature, KeyAlgorithm, PublicKey, ed25519, suite};
use crate::base::{Algorithm, Digest, FileContent};
use crate::crypto::Scheme;

impl PublicKey {
    /// Checks `signature` over a file: by the usual hash of the key's size, then by SHA-256; Ed25519 over the file itself, then over its
    /// SHA-512.
    pub fn verify_file(&self, file: &FileContent, signature: &[u8]) -> Result<(), BadFileSignature> {
        let mut unchecked = None;
        for scheme in self.algorithm().schemes() {
            match self.verify_by(*scheme, file, signature) {
                Some(Ok(())) => return Ok(()),
                Some(Err(BadSignature)) => {}
                None => unchecked = unchecked.or(Some(*scheme)),
            }
        }
        // Some signature that fits may be of the kind that could not be looked at.
        match unchecked {
            Some(scheme) => Err(BadFileSignature::Unchecked { scheme }),
            None => Err(BadSignature.into()),
        }
    }

    /// The same, in one scheme only.
    pub fn verify_file_as(
        &self,
        scheme: Scheme,
        file: &FileContent,
        signature: &[u8],
    ) -> Result<(), BadFileSignature> {
        match self.verify_by(scheme, file, signature) {
            Some(result) => Ok(result?),
            None => Err(BadFileSignature::Unchecked { scheme }),
        }
    }

    /// None if what the scheme needs is not at hand.
    fn verify_by(
        &self,
        scheme: Scheme,
        file: &FileContent,
        signature: &[u8],
    ) -> Option<Result<(), BadSignature>> {
        if scheme == Scheme::Ed25519 {
            return Some(self.verify_as(scheme, file.bytes()?, signature));
        }
        let digest = file.digest(scheme.hash()?)?;
        Some(match suite(scheme) {
            Some(suite) => self.verify_digest(suite, digest, signature),
            None => self.verify_ed25519ph(digest, signature),
        })
    }

    fn verify_digest(
        &self,
        suite: &'static dyn VerificationAlgorithm,
        digest: Digest,
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let digest = imported(digest)?;
        UnparsedPublicKey::new(suite, &self.spki).verify_digest(&digest, signature).map_err(|_| BadSignature)
    }

    fn verify_ed25519ph(&self, sha512: Digest, signature: &[u8]) -> Result<(), BadSignature> {
        let key = ed25519(self.point()).ok_or(BadSignature)?;
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
        key.verify_prehashed_strict(Hashed::new(sha512), None, &signature).map_err(|_| BadSignature)
    }
}

impl KeyAlgorithm {
    /// The hashes of a file that are needed to check any signature of a key of this kind.
    pub fn file_hashes(self) -> Vec<Algorithm> {
        self.schemes().iter().filter_map(|scheme| scheme.hash()).collect()
    }

    /// Whether a key of this kind may sign the bytes of a file themselves, so that they must be kept.
    pub fn signs_bytes(self) -> bool {
        self.schemes().iter().any(|scheme| scheme.hash().is_none())
    }
}

/// A hash in the library's terms.
pub(in crate::crypto) fn imported(digest: Digest) -> Result<hash::Digest, BadSignature> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => &hash::SHA256,
        Algorithm::Sha384 => &hash::SHA384,
        Algorithm::Sha512 => &hash::SHA512,
    };
    hash::Digest::import_less_safe(digest.bytes(), algorithm).map_err(|_| BadSignature)
}

/// A hash function that has been run: Ed25519ph (RFC 8032, section 5.1) signs a hash, and the library asks for the function.
struct Hashed([u8; 64]);

impl Default for Hashed {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl HashMarker for Hashed {}

impl OutputSizeUser for Hashed {
    type OutputSize = U64;
}

impl Update for Hashed {
    // Everything was hashed before.
    fn update(&mut self, _: &[u8]) {}
}

impl FixedOutput for Hashed {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}

impl Hashed {
    fn new(sha512: Digest) -> Self {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(sha512.bytes()) {
            *to = *from;
        }
        Self(bytes)
    }
}

/// Why nothing proves that the key signed this file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadFileSignature {
    /// It did not.
    #[error(transparent)]
    Bad(#[from] BadSignature),
    /// Nobody knows: what is at hand of the file is not what such signatures are over.
    #[error("whether the key made this signature can be told from the file itself only")]
    Unchecked {
        /// Which signatures could not be looked at.
        scheme: Scheme,
    },
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests read vectors")]

    use std::fs;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::base::FileHasher;
    use crate::crypto::PrivateKey;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign");

    fn key(name: &str) -> PublicKey {
        let pem = fs::read_to_string(format!("{ROOT}/keys/imported/imp-{name}.pub")).unwrap();
        PublicKey::from_pem(&pem).unwrap()
    }

    fn unchecked(scheme: Scheme) -> Result<(), BadFileSignature> {
        Err(BadFileSignature::Unchecked { scheme })
    }

    /// A raw signature of cosign 2 (SHA-256 with every key but Ed25519), checked from hashes alone, from one hash alone, and in part.
    #[test]
    fn a_hash_is_enough_for_every_key_that_signs_hashes() {
        let blob = fs::read(format!("{ROOT}/blob/blob.txt")).unwrap();
        let bad = Err(BadSignature.into());
        for name in ["ec256", "ec384", "ec521", "rsa2048", "rsa3072", "rsa4096", "ed25519"] {
            let key = key(name);
            let text = fs::read_to_string(format!("{ROOT}/blob/{name}.c2.sig")).unwrap();
            let signature = STANDARD.decode(text.trim()).unwrap();
            assert_eq!(key.verify_file(&FileContent::of(&blob), &signature), Ok(()), "{name}");
            assert_eq!(key.verify_file(&FileContent::of(b"other"), &signature), bad, "{name}");
            let named = |content: &[u8]| FileContent::named(Digest::of(content));
            let mut hasher = FileHasher::new(&key.algorithm().file_hashes(), 0);
            hasher.update(&blob);
            let streamed = hasher.finish();
            if name == "ed25519" {
                assert_eq!(key.verify_file(&streamed, &signature), unchecked(Scheme::Ed25519));
                assert_eq!(key.verify_file(&named(&blob), &signature), unchecked(Scheme::Ed25519));
                continue;
            }
            assert_eq!(key.verify_file(&streamed, &signature), Ok(()), "{name}");
            assert_eq!(key.verify_file(&named(&blob), &signature), Ok(()), "{name}");
            // Of a file that was not signed: with SHA-256 alone nobody knows what a larger hash would say.
            let wrong = match name {
                "ec384" => unchecked(Scheme::EcdsaP384Sha384),
                "ec521" => unchecked(Scheme::EcdsaP521Sha512),
                _ => bad,
            };
            assert_eq!(key.verify_file(&named(b"other"), &signature), wrong, "{name}");
        }
    }

    #[test]
    fn ed25519_signs_a_file_or_its_hash() {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let spki = [
            &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0],
            &signing.verifying_key().as_bytes()[..],
        ]
        .concat();
        let key = PublicKey::from_spki(&spki).unwrap();
        let file = FileContent::of(b"content");
        let sha512 = file.digest(Algorithm::Sha512).unwrap();
        let signature = signing.sign_prehashed(Hashed::new(sha512), None).unwrap().to_bytes();
        assert_eq!(key.verify_file(&file, &signature), Ok(()));
        assert_eq!(key.verify_file(&FileContent::named(sha512), &signature), Ok(()));
        assert_eq!(key.verify_file(&FileContent::of(b"contenT"), &signature), Err(BadSignature.into()));
        for bit in 0..8 * signature.len() {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.verify_file(&file, &flipped), Err(BadSignature.into()), "bit {bit}");
        }
        // Another hash of the right length is another file.
        let zero = FileContent::named(format!("sha512:{}", "0".repeat(128)).parse().unwrap());
        assert_eq!(key.verify_file(&zero, &signature), unchecked(Scheme::Ed25519));
    }

    /// A file that was hashed and not held is signed as if it were held, by every key but one that signs bytes.
    #[test]
    fn a_file_is_signed_by_its_hash() {
        for name in ["ec256", "ec384", "ec521", "rsa2048", "ed25519"] {
            let pem = fs::read_to_string(format!("{ROOT}/keys/source/{name}.pem")).unwrap();
            let key = PrivateKey::from_open_pem(&pem).unwrap();
            let hashed = |content: &[u8], keep| {
                let mut hasher = FileHasher::new(&key.public().algorithm().file_hashes(), keep);
                hasher.update(content);
                hasher.finish()
            };
            let signature = match key.sign_file(&hashed(b"content", 0)) {
                Ok(signature) if name != "ed25519" => signature,
                Err(error) => {
                    assert_eq!((name, Err(error)), ("ed25519", unchecked(Scheme::Ed25519)));
                    key.sign_file(&hashed(b"content", 7)).unwrap()
                }
                Ok(_) => panic!("{name}"),
            };
            let verify = |content: &[u8]| key.public().verify_file(&hashed(content, 7), &signature);
            assert_eq!(verify(b"content"), Ok(()), "{name}");
            assert_eq!(verify(b"contenT"), Err(BadSignature.into()), "{name}");
            assert_eq!(key.public().verify(b"content", &signature), Ok(()), "{name}");
        }
    }
}
