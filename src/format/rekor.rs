//! What a transparency log is told and what it answers: Rekor 1 (openapi.yaml; hashedrekord 0.0.1, dsse 0.0.1) and Rekor 2
//! (rekor-tiles, `HashedRekordRequestV002`). Answers are strangers' words: each is compared with what was sent.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::bundle::hash;
use super::json::{JsonError, parse_strict};
use crate::base::{Digest, Printable, Timestamp, limits};

/// A signature to be entered.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Of what the signature is over, by the hash that the signature uses.
    pub digest: Digest,
    /// The envelope that holds the signature, as JSON, if one does.
    pub envelope: Option<&'a str>,
    /// ASN.1 DER.
    pub signature: &'a [u8],
    /// What verifies the signature.
    pub verifier: Verifier<'a>,
}

/// What verifies a signature, in both forms in which logs want it.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// A certificate or a key.
    pub kind: VerifierKind,
    /// As X.509 has it: a certificate, or `SubjectPublicKeyInfo`.
    pub der: &'a [u8],
    /// The same in PEM.
    pub pem: &'a str,
    /// Algorithm of the key: sigstore_common.proto, `PublicKeyDetails`.
    pub details: &'a str,
}

/// What a verifier is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VerifierKind {
    /// A signer's certificate.
    Certificate,
    /// A key.
    Key,
}

/// An entry, as a log told it.
#[derive(Clone, Debug)]
pub struct Entered {
    /// `TransparencyLogEntry` in protobuf's JSON, for a bundle.
    pub json: String,
    /// When it was entered, if the log says that. Nobody has checked its promise.
    pub time: Option<Timestamp>,
}

impl NewEntry<'_> {
    /// The body of a request to Rekor 1: `dsse` for an envelope, `hashedrekord` for anything else.
    pub fn to_rekor_1(self) -> String {
        let verifier = STANDARD.encode(self.verifier.pem);
        let spec = match self.envelope {
            Some(envelope) => json!({"proposedContent": {"envelope": envelope, "verifiers": [verifier]}}),
            None => json!({
                "data": {"hash": self.hash_1()},
                "signature": {"content": STANDARD.encode(self.signature), "publicKey": {"content": verifier}},
            }),
        };
        json!({"apiVersion": "0.0.1", "kind": self.kind_1(), "spec": spec}).to_string()
    }

    /// The body of a request to Rekor 2, for which an envelope is what its signature is over.
    pub fn to_rekor_2(self) -> String {
        let field = self.verifier.kind.field_2();
        let verifier = json!({
            "keyDetails": self.verifier.details,
            field: {"rawBytes": STANDARD.encode(self.verifier.der)},
        });
        let signature = json!({"content": STANDARD.encode(self.signature), "verifier": verifier});
        let request = json!({"digest": STANDARD.encode(self.digest.bytes()), "signature": signature});
        json!({ "hashedRekordRequestV002": request }).to_string()
    }

    /// Reads what Rekor 1 answered.
    pub fn read_rekor_1(self, answer: &[u8]) -> Result<Entered, RekorError> {
        let entries: BTreeMap<String, Box<RawValue>> = parse_strict(answer)?;
        let mut entries = entries.into_values();
        let (Some(raw), None) = (entries.next(), entries.next()) else { return Err(RekorError::Count) };
        let wire: Entry1Wire = parse_strict(raw.get().as_bytes())?;
        let body = decode("body", &wire.body)?;
        self.check_1(&body)?;
        let proof = wire.verification.inclusion_proof;
        Ok(Entry {
            index: wire.log_index,
            log: from_hex("logID", &wire.log_id)?,
            kind: (self.kind_1(), "0.0.1"),
            promise: Some((
                Timestamp::from_seconds(wire.integrated_time).map_err(|_| RekorError::Time)?,
                decode("signedEntryTimestamp", &wire.verification.signed_entry_timestamp)?,
            )),
            proof: Proof {
                index: proof.log_index,
                size: proof.tree_size,
                root: from_hex("rootHash", &proof.root_hash)?,
                hashes: hashes(&proof.hashes, from_hex)?,
                checkpoint: proof.checkpoint,
            },
            body,
        }
        .entered())
    }

    /// Reads what Rekor 2 answered.
    pub fn read_rekor_2(self, answer: &[u8]) -> Result<Entered, RekorError> {
        let wire: Entry2Wire = parse_strict(answer)?;
        let body = decode("canonicalizedBody", &wire.canonicalized_body)?;
        self.check_2(&body)?;
        let proof = wire.inclusion_proof;
        Ok(Entry {
            index: number(&wire.log_index)?,
            log: decode("keyId", &wire.log_id.key_id)?,
            kind: ("hashedrekord", "0.0.2"),
            promise: None,
            proof: Proof {
                index: number(&proof.log_index)?,
                size: number(&proof.tree_size)?,
                root: decode("rootHash", &proof.root_hash)?,
                hashes: hashes(&proof.hashes, decode)?,
                checkpoint: proof.checkpoint.envelope,
            },
            body,
        }
        .entered())
    }

    fn hash_1(self) -> Value {
        json!({"algorithm": self.digest.algorithm().name(), "value": self.digest.hex()})
    }

    fn kind_1(self) -> &'static str {
        if self.envelope.is_some() { "dsse" } else { "hashedrekord" }
    }

    /// The entry must be about this signature by this signer: one about another would be proof of nothing.
    fn check_1(self, body: &[u8]) -> Result<(), RekorError> {
        let body: Value = parse_strict(body)?;
        let has = |place: &str, value: &str| body.pointer(place).is_some_and(|found| found == value);
        let (signature, verifier) = match self.envelope {
            None => {
                same("digest", body.pointer("/spec/data/hash") == Some(&self.hash_1()))?;
                ("/spec/signature/content", "/spec/signature/publicKey/content")
            }
            Some(envelope) => {
                let payload = json!({"algorithm": "sha256", "value": payload(envelope)?.hex()});
                same("payload", body.pointer("/spec/payloadHash") == Some(&payload))?;
                same("signature", body.pointer("/spec/signatures/1").is_none())?;
                ("/spec/signatures/0/signature", "/spec/signatures/0/verifier")
            }
        };
        same("kind", has("/kind", self.kind_1()) && has("/apiVersion", "0.0.1"))?;
        same("signature", has(signature, &STANDARD.encode(self.signature)))?;
        let pem = body.pointer(verifier).and_then(Value::as_str).unwrap_or_default();
        let pem = STANDARD.decode(pem).unwrap_or_default();
        same(self.verifier.kind.name(), pem.trim_ascii_end() == self.verifier.pem.trim_end().as_bytes())
    }

    fn check_2(self, body: &[u8]) -> Result<(), RekorError> {
        let body: Value = parse_strict(body)?;
        let has = |place: &str, value: &str| body.pointer(place).is_some_and(|found| found == value);
        let algorithm = hash(self.digest.algorithm());
        let digest = json!({"algorithm": algorithm, "digest": STANDARD.encode(self.digest.bytes())});
        same("kind", has("/kind", "hashedrekord") && has("/apiVersion", "0.0.2"))?;
        same("digest", body.pointer("/spec/hashedRekordV002/data") == Some(&digest))?;
        let signature = "/spec/hashedRekordV002/signature/content";
        same("signature", has(signature, &STANDARD.encode(self.signature)))?;
        let Verifier { kind, der, .. } = self.verifier;
        let verifier = format!("/spec/hashedRekordV002/signature/verifier/{}/rawBytes", kind.field_2());
        same(kind.name(), has(&verifier, &STANDARD.encode(der)))
    }
}

impl VerifierKind {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
        }
    }

    /// rekor-tiles, verifier.proto.
    fn field_2(self) -> &'static str {
        match self {
            Self::Certificate => "x509Certificate",
            Self::Key => "publicKey",
        }
    }
}

fn same(what: &'static str, same: bool) -> Result<(), RekorError> {
    if same { Ok(()) } else { Err(RekorError::Other { what }) }
}

/// The digest of what an envelope of ours holds.
fn payload(envelope: &str) -> Result<Digest, RekorError> {
    #[derive(Deserialize)]
    struct EnvelopeWire {
        payload: String,
    }
    let wire: EnvelopeWire = parse_strict(envelope.as_bytes())?;
    Ok(Digest::of(&decode("payload", &wire.payload)?))
}

/// An entry, however it was told.
struct Entry {
    index: u64,
    log: Vec<u8>,
    kind: (&'static str, &'static str),
    promise: Option<(Timestamp, Vec<u8>)>,
    proof: Proof,
    body: Vec<u8>,
}

struct Proof {
    index: u64,
    size: u64,
    root: Vec<u8>,
    hashes: Vec<Vec<u8>>,
    checkpoint: String,
}

impl Entry {
    fn entered(&self) -> Entered {
        Entered { json: self.to_json(), time: self.promise.as_ref().map(|(time, _)| *time) }
    }

    /// `TransparencyLogEntry` of sigstore_rekor.proto: 64-bit integers are texts.
    fn to_json(&self) -> String {
        let hashes: Vec<String> = self.proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
        let mut entry = json!({
            "logIndex": self.index.to_string(),
            "logId": {"keyId": STANDARD.encode(&self.log)},
            "kindVersion": {"kind": self.kind.0, "version": self.kind.1},
            "inclusionProof": {
                "logIndex": self.proof.index.to_string(),
                "rootHash": STANDARD.encode(&self.proof.root),
                "treeSize": self.proof.size.to_string(),
                "hashes": hashes,
                "checkpoint": {"envelope": self.proof.checkpoint},
            },
            "canonicalizedBody": STANDARD.encode(&self.body),
        });
        if let (Some((time, promise)), Some(entry)) = (&self.promise, entry.as_object_mut()) {
            entry.insert("integratedTime".to_owned(), time.seconds().to_string().into());
            entry.insert(
                "inclusionPromise".to_owned(),
                json!({"signedEntryTimestamp": STANDARD.encode(promise)}),
            );
        }
        entry.to_string()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry1Wire {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: u64,
    verification: Verification1Wire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification1Wire {
    inclusion_proof: Proof1Wire,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof1Wire {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry2Wire {
    log_index: Value,
    log_id: LogIdWire,
    inclusion_proof: Proof2Wire,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdWire {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof2Wire {
    log_index: Value,
    root_hash: String,
    tree_size: Value,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: CheckpointWire,
}

#[derive(Deserialize)]
struct CheckpointWire {
    envelope: String,
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, RekorError> {
    STANDARD.decode(text).map_err(|_| RekorError::Field { field })
}

fn from_hex(field: &'static str, text: &str) -> Result<Vec<u8>, RekorError> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    bytes.filter(|_| is_hex).ok_or(RekorError::Field { field })
}

fn hashes(
    texts: &[String],
    decode: fn(&'static str, &str) -> Result<Vec<u8>, RekorError>,
) -> Result<Vec<Vec<u8>>, RekorError> {
    if texts.len() > limits::PROOF_HASHES {
        return Err(RekorError::Field { field: "hashes" });
    }
    texts.iter().map(|text| decode("hashes", text)).collect()
}

/// protobuf's JSON: a 64-bit integer is a text, and readers also take a number.
fn number(value: &Value) -> Result<u64, RekorError> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or(RekorError::Field { field: "logIndex" })
}

/// The path of an entry in Rekor 1, from the `Location` of a conflict: 64 hexadecimal digits, after 16 that name the tree.
pub fn entry_path_1(location: &str) -> Option<String> {
    let name = location.rsplit('/').next().unwrap_or_default();
    let is_name = matches!(name.len(), 64 | 80) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then(|| format!("/api/v1/log/entries/{name}"))
}

/// Why an answer is not the entry that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RekorError {
    /// None, or several.
    #[error("the answer does not hold exactly one entry")]
    Count,
    /// Not base64, not hexadecimal, not a number.
    #[error("`{}` of the entry is malformed", Printable(.field))]
    Field {
        /// Which.
        field: &'static str,
    },
    /// Not JSON, or a field is missing.
    #[error("the answer is not an entry")]
    Form(#[from] JsonError),
    /// About something else.
    #[error("the entry is about another {what} than the one that was sent")]
    Other {
        /// In what it differs.
        what: &'static str,
    },
    /// A time outside of all years.
    #[error("the entry's time is not a time")]
    Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nY2VydA==\n-----END CERTIFICATE-----\n";
    const ENVELOPE: &str = r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"c2ln"}]}"#;

    fn entry(envelope: Option<&str>) -> NewEntry<'_> {
        NewEntry {
            digest: Digest::of(b"message"),
            envelope,
            signature: b"sig",
            verifier: Verifier {
                kind: VerifierKind::Certificate,
                der: b"cert",
                pem: PEM,
                details: "PKIX_ECDSA_P256_SHA_256",
            },
        }
    }

    fn answer_1(body: &Value) -> Value {
        json!({"ab12": {
            "body": STANDARD.encode(body.to_string()),
            "integratedTime": 1_750_000_000,
            "logID": "c0ffee",
            "logIndex": 1007,
            "attestation": {},
            "verification": {
                "inclusionProof": {
                    "checkpoint": "note", "hashes": ["00ff"], "logIndex": 7, "rootHash": "0a", "treeSize": 8,
                },
                "signedEntryTimestamp": "cHJvbWlzZQ==",
            },
        }})
    }

    fn body_1(kind: &str) -> Value {
        let verifier = STANDARD.encode(PEM);
        let spec = match kind {
            "dsse" => json!({
                "envelopeHash": {"algorithm": "sha256", "value": Digest::of(ENVELOPE.as_bytes()).hex()},
                "payloadHash": {"algorithm": "sha256", "value": Digest::of(b"{}").hex()},
                "signatures": [{"signature": "c2ln", "verifier": verifier}],
            }),
            _ => json!({
                "data": {"hash": {"algorithm": "sha256", "value": Digest::of(b"message").hex()}},
                "signature": {"content": "c2ln", "publicKey": {"content": verifier}},
            }),
        };
        json!({"apiVersion": "0.0.1", "kind": kind, "spec": spec})
    }

    fn answer_2(body: &Value) -> Value {
        json!({
            "logIndex": "7",
            "logId": {"keyId": "wP/u"},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionPromise": null,
            "inclusionProof": {
                "logIndex": "7", "rootHash": "Cg==", "treeSize": 8, "hashes": ["AP8="],
                "checkpoint": {"envelope": "note"},
            },
            "canonicalizedBody": STANDARD.encode(body.to_string()),
        })
    }

    fn body_2() -> Value {
        let certificate =
            json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": "Y2VydA=="}});
        let spec = json!({
            "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::of(b"message").bytes())},
            "signature": {"content": "c2ln", "verifier": certificate},
        });
        json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}})
    }

    fn read_1(kind: &str, answer: &Value) -> Result<Value, RekorError> {
        let entry = entry((kind == "dsse").then_some(ENVELOPE));
        Ok(serde_json::from_str(&entry.read_rekor_1(answer.to_string().as_bytes())?.json).unwrap())
    }

    fn read_2(answer: &Value) -> Result<Value, RekorError> {
        Ok(serde_json::from_str(&entry(None).read_rekor_2(answer.to_string().as_bytes())?.json).unwrap())
    }

    #[test]
    fn what_is_asked() {
        let asked: Value = serde_json::from_str(&entry(None).to_rekor_1()).unwrap();
        assert_eq!(asked, body_1("hashedrekord"));
        let asked: Value = serde_json::from_str(&entry(Some(ENVELOPE)).to_rekor_1()).unwrap();
        assert_eq!(asked["spec"]["proposedContent"]["envelope"], ENVELOPE);
        assert_eq!(asked["spec"]["proposedContent"]["verifiers"], json!([STANDARD.encode(PEM)]));
        let asked: Value = serde_json::from_str(&entry(Some(ENVELOPE)).to_rekor_2()).unwrap();
        let spec = &body_2()["spec"]["hashedRekordV002"];
        assert_eq!(asked["hashedRekordRequestV002"]["digest"], spec["data"]["digest"]);
        assert_eq!(asked["hashedRekordRequestV002"]["signature"], spec["signature"]);
    }

    #[test]
    fn answers_become_entries_of_bundles() {
        for kind in ["hashedrekord", "dsse"] {
            let body = body_1(kind);
            let want = json!({
                "logIndex": "1007",
                "logId": {"keyId": "wP/u"},
                "kindVersion": {"kind": kind, "version": "0.0.1"},
                "integratedTime": "1750000000",
                "inclusionPromise": {"signedEntryTimestamp": "cHJvbWlzZQ=="},
                "inclusionProof": {
                    "logIndex": "7", "rootHash": "Cg==", "treeSize": "8", "hashes": ["AP8="],
                    "checkpoint": {"envelope": "note"},
                },
                "canonicalizedBody": STANDARD.encode(body.to_string()),
            });
            assert_eq!(read_1(kind, &answer_1(&body)).unwrap(), want);
        }
        let mut want = answer_2(&body_2());
        let object = want.as_object_mut().unwrap();
        object.remove("integratedTime");
        object.remove("inclusionPromise");
        want["inclusionProof"]["treeSize"] = json!("8");
        assert_eq!(read_2(&answer_2(&body_2())).unwrap(), want);
    }

    #[test]
    fn a_key_and_its_hash_stand_where_a_certificate_would() {
        let mut hasher = crate::base::Hasher::new(crate::base::Algorithm::Sha384);
        hasher.update(b"message");
        let verifier = Verifier {
            kind: VerifierKind::Key,
            der: b"key",
            pem: "key\n",
            details: "PKIX_ECDSA_P384_SHA_384",
        };
        let entry = NewEntry { digest: hasher.finish(), verifier, ..entry(None) };
        let (hex, raw) = (entry.digest.hex(), STANDARD.encode(entry.digest.bytes()));
        let one: Value = serde_json::from_str(&entry.to_rekor_1()).unwrap();
        assert_eq!(one["spec"]["data"]["hash"], json!({"algorithm": "sha384", "value": hex}));
        assert_eq!(one["spec"]["signature"]["publicKey"]["content"], STANDARD.encode("key\n"));
        let two: Value = serde_json::from_str(&entry.to_rekor_2()).unwrap();
        let asked = json!({"keyDetails": "PKIX_ECDSA_P384_SHA_384", "publicKey": {"rawBytes": "a2V5"}});
        assert_eq!(two["hashedRekordRequestV002"]["signature"]["verifier"], asked);

        let read_1 = |body: &Value| entry.read_rekor_1(answer_1(body).to_string().as_bytes());
        let mut body = one.clone();
        assert_eq!(read_1(&body).unwrap().time.map(Timestamp::seconds), Some(1_750_000_000));
        body["spec"]["signature"]["publicKey"]["content"] = json!(STANDARD.encode("other"));
        assert!(matches!(read_1(&body), Err(RekorError::Other { what: "key" })));
        let read_2 = |body: &Value| entry.read_rekor_2(answer_2(body).to_string().as_bytes());
        let mut body = body_2();
        let spec = &mut body["spec"]["hashedRekordV002"];
        spec["data"] = json!({"algorithm": "SHA2_384", "digest": raw});
        spec["signature"]["verifier"] = asked;
        assert!(read_2(&body).unwrap().time.is_none());
        body["spec"]["hashedRekordV002"]["signature"]["verifier"]["publicKey"]["rawBytes"] =
            json!("b3RoZXI=");
        assert!(matches!(read_2(&body), Err(RekorError::Other { what: "key" })));
    }

    /// Every value of a body is turned into another, and none is taken for ours.
    #[test]
    fn an_entry_about_something_else_is_refused() {
        fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Object(all) => {
                    all.iter().for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), found))
                }
                Value::Array(all) => all
                    .iter()
                    .enumerate()
                    .for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found)),
                _ => found.push(path.to_owned()),
            }
        }
        for (kind, body) in
            [("hashedrekord", body_1("hashedrekord")), ("dsse", body_1("dsse")), ("2", body_2())]
        {
            let mut places = Vec::new();
            leaves(&body, "", &mut places);
            // Rekor hashes the envelope as it was sent, readers do not look; the algorithm of a P-256 key is in its certificate.
            places.retain(|place| !place.contains("envelopeHash") && !place.contains("keyDetails"));
            assert!(places.len() > 5);
            for place in places {
                let mut body = body.clone();
                *body.pointer_mut(&place).unwrap() = json!("b3RoZXI=");
                let refused = match kind {
                    "2" => read_2(&answer_2(&body)),
                    kind => read_1(kind, &answer_1(&body)),
                };
                assert!(matches!(refused, Err(RekorError::Other { .. })), "{kind} {place}: {refused:?}");
            }
        }
        let mut two = body_1("dsse");
        let first = two["spec"]["signatures"][0].clone();
        two["spec"]["signatures"] = json!([first, first]);
        assert!(matches!(read_1("dsse", &answer_1(&two)), Err(RekorError::Other { what: "signature" })));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let good = answer_1(&body_1("hashedrekord"));
        for (place, value) in [
            ("/ab12/body", json!("*")),
            ("/ab12/logID", json!("c0ffe")),
            ("/ab12/logID", json!("c0ff+e")),
            ("/ab12/logIndex", json!(-1)),
            ("/ab12/integratedTime", json!(i64::MAX)),
            ("/ab12/verification/inclusionProof", json!(null)),
            ("/ab12/verification/signedEntryTimestamp", json!(null)),
            ("/ab12/verification/inclusionProof/hashes", json!(vec!["00"; limits::PROOF_HASHES + 1])),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(place).unwrap() = value;
            assert!(read_1("hashedrekord", &bad).is_err(), "{place}");
        }
        let mut two = good.clone();
        two["cd"] = two["ab12"].clone();
        assert!(matches!(read_1("hashedrekord", &two), Err(RekorError::Count)));
        assert!(matches!(read_1("hashedrekord", &json!({})), Err(RekorError::Count)));
        assert!(matches!(read_1("hashedrekord", &json!([])), Err(RekorError::Form(_))));
        assert!(matches!(read_2(&json!({})), Err(RekorError::Form(_))));
    }

    #[test]
    fn an_entry_s_place_is_nothing_but_its_name() {
        let name = "0123456789abcdef".repeat(4);
        let path = Some(format!("/api/v1/log/entries/{name}"));
        assert_eq!(entry_path_1(&format!("/api/v1/log/entries/{name}")), path);
        assert_eq!(entry_path_1(&format!("https://elsewhere.example/{name}")), path);
        for bad in ["", "/", &name[1..], &format!("{name}?x"), &format!("..{}", &name[2..])] {
            assert_eq!(entry_path_1(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, body: String, hex: String) {
            let _ = entry(None).read_rekor_1(&bytes);
            let _ = entry(Some(ENVELOPE)).read_rekor_1(answer_1(&json!(body)).to_string().as_bytes());
            let _ = entry(None).read_rekor_2(answer_2(&json!(body)).to_string().as_bytes());
            let _ = from_hex("", &hex);
        }
    }
}
