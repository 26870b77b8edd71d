//! A whole Sigstore inside the test process: certificate authority with transparency log, Rekor 1, Rekor 2, time stamps, identity tokens.
//!
//! Nothing here is shared with the code under test: certificates, proofs and time stamps are made from their specifications. Keys follow from
//! the name, so that two authorities of one name are the same and two of different names are strangers.
//!
//! - As a library: `Sigstore::new("a.test")`, then `Signing::by("mail@a.test", "https://issuer.test").log(Rekor::Two)` and
//!   [`Signing::message`] or [`Signing::envelope`] give bundles; [`Sigstore::trusted_root`] is what verifies them.
//! - As services on loopback: `Services::start("a.test")`; its [`Services::signing_config`] and [`Services::token`] are for the signer, and
//!   [`Services::misbehave`] makes it lie.

pub(crate) mod authority;
pub(crate) mod der;
pub(crate) mod log;
mod serve;
mod stamp;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Digest, Timestamp};
use serde_json::{Value, json};

pub(crate) use serve::{GITHUB_ISSUER, GITHUB_SUBJECT, Mischief, STAMP, Services};

use authority::{Authority, Key, Leaf};
use log::Log;
use stamp::Query;

/// Every authority of one Sigstore.
#[derive(Debug)]
pub(crate) struct Sigstore {
    name: String,
    pub(crate) root: Authority,
    pub(crate) ca: Authority,
    pub(crate) ct: Key,
    rekor_1: Log,
    rekor_2: Log,
    pub(crate) stamp_root: Authority,
    pub(crate) stamper: Authority,
    oidc: Key,
    serial: AtomicU64,
}

/// Which transparency log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rekor {
    One,
    Two,
}

impl Sigstore {
    pub(crate) fn new(name: &str) -> Self {
        let root = Authority::root(&format!("{name} root"));
        let stamp_root = Authority::root(&format!("{name} time stamp root"));
        Self {
            ca: root.intermediate(&format!("{name} intermediate")),
            ct: Key::named(&format!("{name} certificate log")),
            rekor_1: Log::one(name),
            rekor_2: Log::two(name),
            stamper: stamp_root.stamper(&format!("{name} time stamps")),
            oidc: Key::named(&format!("{name} tokens")),
            serial: AtomicU64::new(1000),
            name: name.to_owned(),
            root,
            stamp_root,
        }
    }

    /// `trusted_root.json`.
    pub(crate) fn trusted_root(&self) -> Value {
        let from = json!({"start": "2020-01-01T00:00:00Z"});
        let log = |url: String, spki: Vec<u8>, details: &str, id: Vec<u8>| {
            json!({
                "baseUrl": url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": STANDARD.encode(spki), "keyDetails": details, "validFor": from},
                "logId": {"keyId": STANDARD.encode(id)},
            })
        };
        let authority = |url: String, chain: [&Authority; 2]| {
            let chain = chain.map(|one| json!({"rawBytes": STANDARD.encode(&one.certificate)}));
            json!({
                "subject": {"organization": "plimsoll.test", "commonName": self.name},
                "uri": url,
                "certChain": {"certificates": chain},
                "validFor": from,
            })
        };
        let (one, two, name) = (&self.rekor_1, &self.rekor_2, &self.name);
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log(format!("https://rekor.{name}"), one.spki(), ECDSA, one.id()),
                log(format!("https://{}", two.origin), two.spki(), "PKIX_ED25519", two.id()),
            ],
            "certificateAuthorities": [authority(format!("https://fulcio.{name}"), [&self.ca, &self.root])],
            "ctlogs": [log(format!("https://ctfe.{name}"), self.ct.spki(), ECDSA, self.ct.id())],
            "timestampAuthorities": [
                authority(format!("https://tsa.{name}/api/v1/timestamp"), [&self.stamper, &self.stamp_root]),
            ],
        })
    }

    /// The authority's certificates below the leaf, PEM: intermediate, root.
    pub(crate) fn chain_pem(&self) -> String {
        [&self.ca, &self.root].map(|one| pem("CERTIFICATE", &one.certificate)).concat()
    }

    /// The time stamp authority's certificates, PEM: signer, root.
    pub(crate) fn stamp_chain_pem(&self) -> String {
        [&self.stamper, &self.stamp_root].map(|one| pem("CERTIFICATE", &one.certificate)).concat()
    }

    /// The key of the certificate transparency log, PEM.
    pub(crate) fn ct_pem(&self) -> String {
        self.ct.public_pem()
    }

    /// The key of a transparency log, PEM.
    pub(crate) fn rekor_pem(&self, version: Rekor) -> String {
        pem("PUBLIC KEY", &self.rekor(version).spki())
    }

    pub(crate) fn rekor(&self, version: Rekor) -> &Log {
        match version {
            Rekor::One => &self.rekor_1,
            Rekor::Two => &self.rekor_2,
        }
    }

    /// A certificate for ten minutes, DER.
    pub(crate) fn certify(&self, spki: &[u8], subject: &str, issuer: &str, at: Timestamp) -> Vec<u8> {
        let until = time(at.seconds() + 600);
        self.leaf(spki, subject, issuer, (at, until)).issue(&self.ca, Some(&self.ct))
    }

    pub(crate) fn leaf<'a>(
        &self,
        spki: &'a [u8],
        subject: &'a str,
        issuer: &'a str,
        (from, until): (Timestamp, Timestamp),
    ) -> Leaf<'a> {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst);
        Leaf { spki, issuer, subject, from, until, serial }
    }

    /// The certificate of the time stamp authority, DER.
    pub(crate) fn stamp_certificate(&self) -> &[u8] {
        &self.stamper.certificate
    }

    /// A time stamp over these bytes: the whole answer.
    pub(crate) fn stamp(&self, bytes: &[u8], at: Timestamp) -> Vec<u8> {
        Query::of(Digest::of(bytes).bytes()).answer(&self.stamper, at)
    }
}

/// A time stamp over these bytes by another authority.
pub(crate) fn stamp_by(stamper: &Authority, bytes: &[u8], at: Timestamp) -> Vec<u8> {
    Query::of(Digest::of(bytes).bytes()).answer(stamper, at)
}

/// How to make a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Signing<'a> {
    sigstore: &'a Sigstore,
    pub(crate) key: Key,
    subject: String,
    issuer: String,
    pub(crate) certificate: Vec<u8>,
    log: Option<Rekor>,
    stamped: bool,
    at: Timestamp,
}

impl Sigstore {
    /// A signer with a new certificate: logged in Rekor 1 and not stamped until said otherwise. `at` is when all of it happens.
    pub(crate) fn signing(&self, subject: &str, issuer: &str, at: Timestamp) -> Signing<'_> {
        let key = Key::named(&format!("{} signer {subject}", self.name));
        let certificate = self.certify(&key.spki(), subject, issuer, at);
        let (subject, issuer) = (subject.to_owned(), issuer.to_owned());
        Signing {
            sigstore: self,
            key,
            subject,
            issuer,
            certificate,
            log: Some(Rekor::One),
            stamped: false,
            at,
        }
    }
}

impl Signing<'_> {
    /// Where it is logged; not at all with `None`.
    pub(crate) fn log(mut self, log: impl Into<Option<Rekor>>) -> Self {
        self.log = log.into();
        self
    }

    /// With a certificate that no log of certificates holds.
    pub(crate) fn without_promise(mut self) -> Self {
        let (spki, until) = (self.key.spki(), time(self.at.seconds() + 600));
        let leaf = self.sigstore.leaf(&spki, &self.subject, &self.issuer, (self.at, until));
        self.certificate = leaf.issue(&self.sigstore.ca, None);
        self
    }

    /// With a time stamp.
    pub(crate) fn stamped(mut self) -> Self {
        self.stamped = true;
        self
    }

    /// A bundle about a file.
    pub(crate) fn message(&self, file: &[u8]) -> Value {
        let (signature, digest) = (self.key.sign(file), Digest::of(file));
        let entry = self.log.map(|log| match log {
            Rekor::One => ("0.0.1", hashed_1(digest.bytes(), &signature, &self.pem())),
            Rekor::Two => ("0.0.2", hashed_2(digest.bytes(), &signature, &self.certificate)),
        });
        let mut bundle =
            self.bundle(&signature, entry.map(|(version, body)| ("hashedrekord", version, body)));
        bundle["messageSignature"] = json!({
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest.bytes())},
            "signature": STANDARD.encode(&signature),
        });
        bundle
    }

    /// A bundle with a statement, or another payload.
    pub(crate) fn envelope(&self, payload_type: &str, payload: &[u8]) -> Value {
        let signed = pre_authentication(payload_type, payload);
        let signature = self.key.sign(&signed);
        let envelope = json!({
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": STANDARD.encode(&signature)}],
        });
        let entry = self.log.map(|log| match log {
            Rekor::One => ("dsse", "0.0.1", dsse_1(&envelope.to_string(), payload, &signature, &self.pem())),
            Rekor::Two => {
                let body = hashed_2(Digest::of(&signed).bytes(), &signature, &self.certificate);
                ("hashedrekord", "0.0.2", body)
            }
        });
        let mut bundle = self.bundle(&signature, entry);
        bundle["dsseEnvelope"] = envelope;
        bundle
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    fn bundle(&self, signature: &[u8], entry: Option<(&str, &str, Value)>) -> Value {
        let mut material = json!({"certificate": {"rawBytes": STANDARD.encode(&self.certificate)}});
        if let (Some(log), Some((kind, version, body))) = (self.log, entry) {
            material["tlogEntries"] = json!([self.sigstore.rekor(log).enter(kind, version, &body, self.at)]);
        }
        if self.stamped {
            let stamp = STANDARD.encode(self.sigstore.stamp(signature, self.at));
            material["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": stamp}]});
        }
        json!({"mediaType": BUNDLE, "verificationMaterial": material})
    }
}

/// The body of an entry of Rekor 1 about bytes. `verifier` is a certificate or key in PEM.
pub(crate) fn hashed_1(digest: &[u8], signature: &[u8], verifier: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": log::hex(digest)}},
            "signature": {"content": STANDARD.encode(signature), "publicKey": {"content": STANDARD.encode(verifier)}},
        },
    })
}

/// The body of an entry of Rekor 1 about an envelope.
pub(crate) fn dsse_1(envelope: &str, payload: &[u8], signature: &[u8], verifier: &str) -> Value {
    let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": Digest::of(bytes).hex()});
    json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": hash(envelope.as_bytes()),
            "payloadHash": hash(payload),
            "signatures": [{"signature": STANDARD.encode(signature), "verifier": STANDARD.encode(verifier)}],
        },
    })
}

/// The body of an entry of Rekor 2.
pub(crate) fn hashed_2(digest: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
    let verifier =
        json!({"keyDetails": ECDSA, "x509Certificate": {"rawBytes": STANDARD.encode(certificate)}});
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest)},
            "signature": {"content": STANDARD.encode(signature), "verifier": verifier},
        }},
    })
}

/// What an envelope's signature is over (DSSE v1, protocol.md).
pub(crate) fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// A PEM block.
pub(crate) fn pem(label: &str, content: &[u8]) -> String {
    let body = STANDARD.encode(content);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The moment of so many seconds.
pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).expect("a year that people write")
}

/// The clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    time(since.as_secs() as i64)
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const ECDSA: &str = "PKIX_ECDSA_P256_SHA_256";
