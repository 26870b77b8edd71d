//! Keys: what a public key verifies, what a private key signs, and the encrypted file in which cosign keeps one. The only module that names
//! a cryptographic library; its types do not leak.

mod der;
mod pem;
mod private;
mod public;
mod sealed;

pub use private::PrivateKey;
pub use public::{BadSignature, KeyAlgorithm, PublicKey};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The cipher of an encrypted key file.
    #[error("the key is encrypted with `{}`; only nacl/secretbox is supported", crate::base::Printable(.name))]
    Cipher {
        /// As written.
        name: String,
    },
    /// An encrypted key file that is not what cosign writes.
    #[error("the encrypted key is malformed")]
    EncryptedForm(#[source] serde_json::Error),
    /// A field of an encrypted key file.
    #[error("the encrypted key is malformed: `{field}` is not {length} bytes in base64")]
    EncryptedField {
        /// Which.
        field: &'static str,
        /// What it must be.
        length: &'static str,
    },
    /// The key derivation of an encrypted key file.
    #[error("the key's password is hashed with `{}`; only scrypt is supported", crate::base::Printable(.name))]
    Kdf {
        /// As written.
        name: String,
    },
    /// A PEM block of another kind.
    #[error("a PEM block `{}` is not a key that can be used here", crate::base::Printable(.label))]
    Label {
        /// As written.
        label: String,
    },
    /// The bytes in a PEM block are not the key that its label promises.
    #[error("the PEM block `{label}` does not hold a well-formed key")]
    Malformed {
        /// Of the block.
        label: &'static str,
    },
    /// No PEM block.
    #[error("there is no PEM block in it: a key starts with `-----BEGIN`")]
    NoPem,
    /// A PEM block that is cut off or not base64.
    #[error("the PEM block that starts in line {line} is broken")]
    Pem {
        /// Counted from 1.
        line: usize,
    },
    /// A private key where a public key belongs.
    #[error("this is a private key; only the public key belongs here")]
    PrivateKey,
    /// A public key where a private key belongs.
    #[error("this is a public key; signing needs the private key")]
    PublicKey,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// An RSA key that can be broken, or that is made to waste time.
    #[error("an RSA key of {bits} bits is refused: between 2048 and 8192 are accepted")]
    RsaSize {
        /// Of the modulus.
        bits: usize,
    },
    /// Work factors other than cosign's: a hostile file must not choose how much memory is used.
    #[error("scrypt parameters N={n} r={r} p={p} are refused: N is 32768, 65536 or 131072, r is 8, p is 1")]
    ScryptParameters {
        /// CPU and memory cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Parallelism.
        p: u64,
    },
    /// A key that can verify but not sign here.
    #[error("signing with {algorithm} is not supported yet; only ECDSA P-256 is")]
    SigningAlgorithm {
        /// Of the key.
        algorithm: String,
    },
    /// A private key that lies open on the disk.
    #[error("the private key is not encrypted")]
    Unencrypted,
    /// A public key of an algorithm that nothing here verifies.
    #[error(
        "public keys of this algorithm are not supported: use ECDSA P-256, P-384 or P-521, RSA or Ed25519"
    )]
    VerifyingAlgorithm,
    /// The authentication tag does not match.
    #[error("the password is wrong, or the encrypted key was changed")]
    WrongPassword,
}
