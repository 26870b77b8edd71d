//! Transparency logs: a Merkle tree (RFC 6962) with signed notes, as Rekor 1 and Rekor 2 answer.

use std::sync::{Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use plimsoll::base::{Digest, Timestamp};
use serde_json::{Value, json};

use super::authority::Key;
use super::der;

/// Who signs a log's notes, and how entries are told.
#[derive(Clone, Debug)]
pub(crate) enum Notary {
    /// Rekor 1: ECDSA, with a promise for every entry.
    One(Key),
    /// Rekor 2: Ed25519, notes only.
    Two(ed25519_dalek::SigningKey),
}

/// A log that grows.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) notary: Notary,
    /// First line of its notes.
    pub(crate) origin: String,
    leaves: Mutex<Vec<[u8; 32]>>,
}

impl Log {
    pub(crate) fn one(name: &str) -> Self {
        Self::with(Notary::One(Key::named(&format!("{name} rekor 1"))), format!("rekor.{name} - 4242"))
    }

    pub(crate) fn two(name: &str) -> Self {
        let seed = Digest::of(format!("{name} rekor 2").as_bytes());
        let seed: [u8; 32] = seed.bytes().try_into().expect("SHA-256 has 32 bytes");
        Self::with(Notary::Two(ed25519_dalek::SigningKey::from_bytes(&seed)), format!("log2.{name}"))
    }

    fn with(notary: Notary, origin: String) -> Self {
        // Others were there before: a proof in a tree of one leaf would be empty.
        let leaves = (0..5u8).map(|other| leaf(&[other])).collect();
        Self { notary, origin, leaves: Mutex::new(leaves) }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match &self.notary {
            Notary::One(key) => key.spki(),
            // RFC 8410, section 4.
            Notary::Two(key) => der::sequence([
                &der::sequence([&der::oid("1.3.101.112")]),
                &der::bits(key.verifying_key().as_bytes()),
            ]),
        }
    }

    /// Its name in trusted roots and entries.
    pub(crate) fn id(&self) -> Vec<u8> {
        match &self.notary {
            Notary::One(key) => key.id(),
            // c2sp.org/signed-note: name, line feed, algorithm, key.
            Notary::Two(key) => {
                let name = self.origin.as_bytes();
                Digest::of(&[name, b"\n\x01", key.verifying_key().as_bytes()].concat()).bytes().to_vec()
            }
        }
    }

    /// Enters a body, and says so in the shape of a bundle's `tlogEntries` (protobuf's JSON).
    pub(crate) fn enter(&self, kind: &str, version: &str, body: &Value, at: Timestamp) -> Value {
        let body = canonical(body);
        let (index, size, root, path) = self.grow(leaf(&body));
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let mut entry = json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": base64(&self.id())},
            "kindVersion": {"kind": kind, "version": version},
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": base64(&root),
                "treeSize": size.to_string(),
                "hashes": path.iter().map(|hash| base64(hash)).collect::<Vec<_>>(),
                "checkpoint": {"envelope": self.note(size, &root)},
            },
            "canonicalizedBody": base64(&body),
        });
        if let Notary::One(key) = &self.notary {
            let global = index + SHARD;
            let promised = json!({
                "body": base64(&body),
                "integratedTime": at.seconds(),
                "logID": hex(&self.id()),
                "logIndex": global,
            });
            entry["logIndex"] = json!(global.to_string());
            entry["integratedTime"] = json!(at.seconds().to_string());
            entry["inclusionPromise"] =
                json!({"signedEntryTimestamp": base64(&key.sign(&canonical(&promised)))});
        }
        entry
    }

    fn grow(&self, leaf: [u8; 32]) -> (usize, usize, [u8; 32], Vec<[u8; 32]>) {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        leaves.push(leaf);
        let index = leaves.len() - 1;
        (index, leaves.len(), root(&leaves), path(index, &leaves))
    }

    fn note(&self, size: usize, root: &[u8]) -> String {
        let text = format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root));
        let name = self.origin.split(' ').next().unwrap_or_default();
        let signature = match &self.notary {
            Notary::One(key) => key.sign(text.as_bytes()),
            Notary::Two(key) => key.sign(text.as_bytes()).to_bytes().to_vec(),
        };
        let line = STANDARD.encode([&self.id()[..4], &signature].concat());
        format!("{text}\n\u{2014} {name} {line}\n")
    }
}

/// An entry as Rekor 1 tells it, from the shape of bundles.
pub(crate) fn in_rekor_1(entry: &Value) -> (String, Value) {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let bytes = |value: &Value| STANDARD.decode(text(value)).expect("base64");
    let number = |value: &Value| text(value).parse::<u64>().expect("a number");
    let proof = &entry["inclusionProof"];
    let hashes = proof["hashes"].as_array().expect("a list").iter();
    let uuid = hex(&leaf(&bytes(&entry["canonicalizedBody"])));
    let told = json!({
        "body": entry["canonicalizedBody"],
        "integratedTime": number(&entry["integratedTime"]),
        "logID": hex(&bytes(&entry["logId"]["keyId"])),
        "logIndex": number(&entry["logIndex"]),
        "verification": {
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"],
                "hashes": hashes.map(|hash| hex(&bytes(hash))).collect::<Vec<_>>(),
                "logIndex": number(&proof["logIndex"]),
                "rootHash": hex(&bytes(&proof["rootHash"])),
                "treeSize": number(&proof["treeSize"]),
            },
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        },
    });
    (uuid, told)
}

/// JSON with sorted names and without blanks: RFC 8785, for what is entered here.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn leaf(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0], body])
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, other) = match index.checked_sub(left.len()) {
        None => (path(index, left), root(right)),
        Some(index) => (path(index, right), root(left)),
    };
    path.push(other);
    path
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Digest::of(&parts.concat()).bytes().try_into().expect("SHA-256 has 32 bytes")
}

/// Entries in older parts of the log.
const SHARD: usize = 1000;
