//! Signers without a key, and proven times: in the policy engine, and on the command line.

mod command;
mod engine;
mod field;
mod served;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Checked, Digest, Timestamp};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::policy::UnvalidatedPolicy;
use plimsoll::policy::{Decision, Evidence, Finding, Found, Node, Policy, Request, Ruling, decide};
use plimsoll::sign;
use plimsoll::verify::{Candidate, Content, Origin};
use serde_json::{Value, json};

use crate::sigstore::{self, Rekor, Signing, Sigstore};

const NAME: &str = "registry.example.com/team/app";
const ISSUER: &str = "https://issuer.example";
/// What `testdata/cosign/keyless` was signed by.
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
const ACTIONS: &str = "https://token.actions.githubusercontent.com";

static SITE: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new("site.test"));
/// Another one, which anybody may run.
static STRANGER: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new("stranger.test"));
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().unwrap());

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T20:40:00Z")
}

fn keyless(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/testdata/cosign/keyless/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The image that `testdata/cosign/keyless` signs.
fn image() -> Digest {
    Digest::of(&keyless("image-manifest.json"))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    match path.to_str().unwrap() {
        "site.json" => Ok(SITE.trusted_root().to_string().into_bytes()),
        "stranger.json" => Ok(STRANGER.trusted_root().to_string().into_bytes()),
        name => Ok(keyless(name)),
    }
}

/// Loads a policy; or else gives the codes of its problems.
fn load(policy: &Value) -> Result<Policy, Vec<&'static str>> {
    let parsed = UnvalidatedPolicy::parse(&policy.to_string())
        .map_err(|error| error.problems().iter().map(|problem| problem.code()).collect::<Vec<_>>())?;
    parsed.validate(&read).map_err(|error| error.problems().iter().map(|problem| problem.code()).collect())
}

/// A policy for one rule that demands a signature `by` these signers.
fn policy(roots: Value, signers: Value, by: Value) -> Value {
    json!({
        "version": "plimsoll.trust/v1",
        "name": "test",
        "revision": 1,
        "expires": "2027-06-01T00:00:00Z",
        "trust_roots": roots,
        "signers": signers,
        "rules": [{"name": "ours", "images": [NAME], "require": {"signature": {"by": by}}}],
    })
}

/// One signer: this subject, of the site's Sigstore.
fn by_subject(subject: Value) -> Value {
    policy(json!({"site": {"trusted_root": "site.json"}}), json!({"a": signer(subject)}), json!("a"))
}

fn signer(subject: Value) -> Value {
    json!({"keyless": {"root": "site", "issuer": ISSUER, "subject": subject}})
}

fn request() -> Request {
    Request {
        repository: Some(NAME.parse().unwrap()),
        tag: Some("v1".parse().unwrap()),
        written: None,
        digest: image(),
        revocable: Vec::new(),
        platforms: Vec::new(),
    }
}

fn found(content: Content) -> Found {
    let candidate = Candidate { origin: Origin::ReferrersApi, digest: Digest::of(b"candidate"), content };
    Found { about: image(), candidate }
}

fn bundle(bundle: &Value) -> Found {
    found(Content::from_bundle(&Checked::of(bundle.to_string().into_bytes())))
}

/// The statement that cosign signs.
fn statement() -> Vec<u8> {
    let subject = json!([{"digest": {"sha256": image().hex()}}]);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    });
    statement.to_string().into_bytes()
}

fn signed(signing: &Signing<'_>) -> Found {
    bundle(&signing.envelope("application/vnd.in-toto+json", &statement()))
}

/// By a subject of the site's Sigstore, in Rekor 1.
fn by(subject: &str) -> Found {
    signed(&SITE.signing(subject, ISSUER, at("2026-06-01T12:00:00Z")))
}

/// By the key; stamped, and logged in Rekor 1, at these times.
fn by_key(stamp: Option<&str>, logged: Option<&str>) -> Found {
    let made = sign::image_signature(NAME, image(), &BTreeMap::new()).unwrap().signed_by(&KEY).unwrap();
    let mut made: Value = serde_json::from_slice(&made.bundle).unwrap();
    let envelope = made["dsseEnvelope"].clone();
    let signature = STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    if let Some(time) = stamp {
        let stamp = STANDARD.encode(SITE.stamp(&signature, at(time)));
        made["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": stamp}]});
    }
    if let Some(time) = logged {
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let body = sigstore::dsse_1(&envelope.to_string(), &payload, &signature, &KEY.public().to_pem());
        let entry = SITE.rekor(Rekor::One).enter("dsse", "0.0.1", &body, at(time));
        made["verificationMaterial"]["tlogEntries"] = json!([entry]);
    }
    bundle(&made)
}

fn decision(policy: &Policy, found: Vec<Found>) -> Decision {
    decide(policy, &request(), &Evidence { found, gaps: Vec::new() }, now())
}

/// `allowed`, or `denied CODE…`, and then the codes of refused candidates.
fn verdict(decision: &Decision) -> String {
    fn refused(nodes: &[Node]) -> Vec<&'static str> {
        let codes = nodes.iter().flat_map(|node| &node.reports).filter_map(|report| match &report.finding {
            Finding::Accepted(_) => None,
            Finding::Spare { code, .. } | Finding::Refused { code, .. } => Some(*code),
        });
        codes.collect()
    }
    let mut text = match decision.ruling() {
        Ruling::Allow { .. } => "allowed".to_owned(),
        Ruling::Deny { reasons, .. } => {
            let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
            format!("denied {}", codes.join(" "))
        }
    };
    let refused = refused(decision.nodes());
    if !refused.is_empty() {
        text.push_str(&format!(" /{}", refused.join(" ")));
    }
    text
}

#[track_caller]
fn judge(policy: &Value, found: Vec<Found>) -> String {
    let loaded = load(policy).unwrap_or_else(|codes| panic!("{codes:?}\n{policy:#}"));
    verdict(&decision(&loaded, found))
}

/// Every detail of the first requirement's candidates.
fn details(decision: &Decision) -> Vec<String> {
    let node = decision.nodes().first().unwrap();
    let detail = |finding: &Finding| match finding {
        Finding::Accepted(accepted) | Finding::Spare { proof: accepted, .. } => accepted.signer.clone(),
        Finding::Refused { detail, .. } => detail.clone(),
    };
    node.reports.iter().map(|report| detail(&report.finding)).collect()
}
