//! Content digests: OCI image-spec v1.1, descriptor.md, "Digests".

use std::{fmt, str::FromStr};

use sha2::Digest as _;

/// A hash function that may name content.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// SHA-256, what everybody uses.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every one, the shortest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// As written before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of some bytes, with its algorithm.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    algorithm: Algorithm,
    // Bytes past the algorithm's length are zero.
    bytes: [u8; 64],
}

impl Digest {
    /// Hashes `bytes` with SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash itself: 32, 48 or 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.length()).unwrap_or(&[])
    }

    /// The hash in lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        let mut out = String::with_capacity(2 * self.algorithm.length());
        for byte in self.bytes() {
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            }
        }
        out
    }

    /// Turns `bytes` into proof that they are the bytes this digest names.
    pub fn check(self, bytes: Vec<u8>) -> Result<Checked, Mismatch> {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(&bytes);
        let got = hasher.finish();
        if got != self {
            return Err(Mismatch { want: self, got });
        }
        Ok(Checked { digest: self, bytes })
    }

    fn new(algorithm: Algorithm, hash: &[u8]) -> Self {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(hash) {
            *to = *from;
        }
        Self { algorithm, bytes }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Strict: known algorithm, exact length, lower-case hexadecimal. Every digest from a server or a file comes through here before it
    /// is put into a URL or a path (CVE-2024-3727).
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            _ => return Err(DigestError::Algorithm(name.chars().take(32).collect())),
        };
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let bad = DigestError::Hex { algorithm };
        if hex.len() != 2 * algorithm.length() {
            return Err(bad);
        }
        let mut hash = Vec::with_capacity(algorithm.length());
        for pair in hex.as_bytes().chunks_exact(2) {
            let &[high, low] = pair else { return Err(bad) };
            match (nibble(high), nibble(low)) {
                (Some(high), Some(low)) => hash.push(high << 4 | low),
                _ => return Err(bad),
            }
        }
        Ok(Self::new(algorithm, &hash))
    }
}

/// Hashes a stream piece by piece.
pub struct Hasher(State);

enum State {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// An empty stream.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::new(Algorithm::Sha256, &state.finalize()),
            State::Sha384(state) => Digest::new(Algorithm::Sha384, &state.finalize()),
            State::Sha512(state) => Digest::new(Algorithm::Sha512, &state.finalize()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// Bytes that were hashed and found to be the ones named by [`Checked::digest`].
///
/// Only [`Digest::check`] and [`Checked::of`] make one:
///
/// ```compile_fail
/// use plimsoll::base::{Checked, Digest};
/// let forged = Checked { digest: Digest::of(b"a"), bytes: b"b".to_vec() };
/// ```
#[derive(Clone, Debug)]
pub struct Checked {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Checked {
    /// Names `bytes` by their own SHA-256: what a tag or a local file resolves to.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// The digest of [`Checked::bytes`].
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The exact bytes received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a string is not a [`Digest`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// An algorithm that is not implemented.
    #[error("digest algorithm `{0}` is not supported; use sha256, sha384 or sha512")]
    Algorithm(String),
    /// Wrong length or wrong characters.
    #[error("a {} digest has {} lower-case hexadecimal digits", .algorithm.name(), 2 * .algorithm.length())]
    Hex {
        /// The algorithm named.
        algorithm: Algorithm,
    },
    /// No `:` in it.
    #[error("a digest is written `sha256:` and 64 hexadecimal digits")]
    NoAlgorithm,
}

/// The bytes are not the ones asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the content has digest {got}, expected {want}")]
pub struct Mismatch {
    /// What was asked for.
    pub want: Digest,
    /// What arrived.
    pub got: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_and_round_trip() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"pli");
            hasher.update(b"msoll");
            let digest = hasher.finish();
            assert_eq!(digest.to_string().parse(), Ok(digest));
            assert!(digest.check(b"plimsoll".to_vec()).is_ok());
            let mismatch = digest.check(b"plimsolL".to_vec()).unwrap_err();
            assert_eq!(mismatch.want, digest);
        }
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        let good = Digest::of(b"").to_string();
        let upper = good.to_uppercase().replace("SHA256", "sha256");
        for text in [
            "",
            "e3b0",
            "sha1:e3b0",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:",
            "sha256:../../x",
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!("{good}\n"),
            &upper,
            &good.replace("sha256", "SHA256"),
            &good.replace("sha256", "sha512"),
            "sha256:%2e%2e",
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
