//! `plimsoll.key/v1`.

use serde::Serialize;

use super::super::key::KeyReference;
use crate::crypto::{Encryption, PublicKey};

/// The answer of `plimsoll key inspect` and `plimsoll key public`.
#[derive(Serialize)]
pub(in crate::cli) struct KeyJson {
    schema: &'static str,
    key: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<EncryptionWire>,
}

#[derive(Serialize)]
struct EncryptionWire {
    kdf: &'static str,
    n: u64,
    r: u64,
    p: u64,
    cipher: &'static str,
}

impl KeyJson {
    /// A public key.
    pub(in crate::cli) fn public(key: &KeyReference, public: &PublicKey) -> Self {
        Self::new(key, "public", Some(public), None)
    }

    /// A private key that a program keeps.
    pub(in crate::cli) fn kept(key: &KeyReference, public: &PublicKey) -> Self {
        Self::new(key, "kms", Some(public), None)
    }

    /// A private key that is not encrypted.
    pub(in crate::cli) fn open(key: &KeyReference, public: &PublicKey) -> Self {
        Self::new(key, "private", Some(public), None)
    }

    /// An encrypted private key, and its public half if its password is at hand.
    pub(in crate::cli) fn encrypted(
        key: &KeyReference,
        encryption: &Encryption,
        public: Option<&PublicKey>,
    ) -> Self {
        Self::new(key, "private", public, Some(encryption))
    }

    fn new(
        key: &KeyReference,
        kind: &'static str,
        public: Option<&PublicKey>,
        encryption: Option<&Encryption>,
    ) -> Self {
        Self {
            schema: "plimsoll.key/v1",
            key: key.to_string(),
            kind,
            algorithm: public.map(|key| key.algorithm().to_string()),
            fingerprint: public.map(|key| key.fingerprint().to_string()),
            hint: public.map(PublicKey::hint),
            encryption: encryption.map(|cost| EncryptionWire {
                kdf: "scrypt",
                n: cost.n,
                r: cost.r,
                p: cost.p,
                cipher: "nacl/secretbox",
            }),
        }
    }

    /// For people.
    pub(in crate::cli) fn text(&self) -> String {
        let kind = match (self.kind, &self.encryption) {
            ("private", Some(_)) => "private key, encrypted",
            ("private", None) => "private key, NOT encrypted",
            ("kms", _) => "private key, kept by a program",
            _ => "public key",
        };
        let mut text = format!("key:         {} ({kind})\n", self.key);
        if let Some(EncryptionWire { kdf, n, r, p, cipher }) = &self.encryption {
            text.push_str(&format!("encryption:  {cipher}, password hashed with {kdf} N={n} r={r} p={p}\n"));
        }
        let mut line = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                text.push_str(&format!("{name} {value}\n"));
            }
        };
        line("algorithm:  ", &self.algorithm);
        line("fingerprint:", &self.fingerprint);
        line("hint:       ", &self.hint);
        if self.algorithm.is_none() {
            text.push_str("which key it is, only its password tells: set PLIMSOLL_PASSWORD\n");
        }
        text
    }
}
