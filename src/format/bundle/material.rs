//! What bundles bring beside a signature, to bytes again: the library that checks it wants JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{Bundle, LogEntry, Material, Version};

impl Bundle {
    /// `verificationMaterial` with all that was read of it, but for time stamps with these.
    pub fn material_to_json(&self, timestamps: &[Vec<u8>]) -> Value {
        let mut material = Map::new();
        match &self.material {
            Material::Certificate { leaf, .. } if self.version == Version::V0_3 => {
                material.insert("certificate".to_owned(), json!({ "rawBytes": STANDARD.encode(leaf) }));
            }
            Material::Certificate { leaf, intermediates } => {
                let chain = std::iter::once(leaf).chain(intermediates);
                let chain: Vec<Value> =
                    chain.map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
                material.insert("x509CertificateChain".to_owned(), json!({ "certificates": chain }));
            }
            Material::PublicKey { hint } => {
                material.insert("publicKey".to_owned(), json!({ "hint": hint }));
            }
        }
        if !self.log_entries.is_empty() {
            let entries: Vec<Value> = self.log_entries.iter().map(entry).collect();
            material.insert("tlogEntries".to_owned(), entries.into());
        }
        if !timestamps.is_empty() {
            let stamp = |stamp: &Vec<u8>| json!({ "signedTimestamp": STANDARD.encode(stamp) });
            let stamps: Vec<Value> = timestamps.iter().map(stamp).collect();
            material.insert("timestampVerificationData".to_owned(), json!({ "rfc3161Timestamps": stamps }));
        }
        material.into()
    }
}

fn entry(entry: &LogEntry) -> Value {
    let mut out = Map::new();
    out.insert("logIndex".to_owned(), entry.index.to_string().into());
    out.insert("logId".to_owned(), json!({ "keyId": STANDARD.encode(entry.log_id) }));
    out.insert("kindVersion".to_owned(), json!({ "kind": entry.kind, "version": entry.version }));
    if let Some(time) = entry.integrated_time {
        out.insert("integratedTime".to_owned(), time.seconds().to_string().into());
    }
    if let Some(promise) = &entry.promise {
        let promise = json!({ "signedEntryTimestamp": STANDARD.encode(promise) });
        out.insert("inclusionPromise".to_owned(), promise);
    }
    if let Some(proof) = &entry.proof {
        let hashes: Vec<String> = proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
        let proof = json!({
            "logIndex": proof.index.to_string(),
            "rootHash": STANDARD.encode(&proof.root_hash),
            "treeSize": proof.tree_size.to_string(),
            "hashes": hashes,
            "checkpoint": { "envelope": proof.checkpoint },
        });
        out.insert("inclusionProof".to_owned(), proof);
    }
    out.insert("canonicalizedBody".to_owned(), STANDARD.encode(&entry.body).into());
    out.into()
}
