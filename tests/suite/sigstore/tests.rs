//! What is made here is what others verify: `sigstore-verify`, against the trusted root.

use serde_json::Value;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::Bundle;
use sigstore_verify::{VerificationPolicy, Verifier};

use super::*;

const MAIL: &str = "mail@a.test";
const ISSUER: &str = "https://issuer.test";

fn verifies(sigstore: &Sigstore, file: &[u8], bundle: &Value) -> Result<(), String> {
    let root = TrustedRoot::from_json(&sigstore.trusted_root().to_string()).expect("a trusted root");
    let bundle = Bundle::from_json(&bundle.to_string()).expect("a bundle");
    let policy = VerificationPolicy::new(MAIL, ISSUER);
    let verifier = Verifier::new(&root).expect("a trusted root");
    verifier.verify(file, &bundle, &policy).map(drop).map_err(|error| error.to_string())
}

fn statement(file: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"f","digest":{{"sha256":"{}"}}}}],"predicateType":"x:y","predicate":{{}}}}"#,
        Digest::of(file).hex()
    )
    .into_bytes()
}

#[test]
fn bundles_verify_against_their_own_root_only() {
    let (sigstore, stranger) = (Sigstore::new("a.test"), Sigstore::new("b.test"));
    let at = time(1_750_000_000);
    for (log, stamped) in [(Rekor::One, false), (Rekor::One, true), (Rekor::Two, true)] {
        let mut signing = sigstore.signing(MAIL, ISSUER, at).log(log);
        if stamped {
            signing = signing.stamped();
        }
        let envelope = signing.envelope("application/vnd.in-toto+json", &statement(b"file"));
        for bundle in [signing.message(b"file"), envelope] {
            assert_eq!(verifies(&sigstore, b"file", &bundle), Ok(()), "{log:?} {stamped}");
            assert!(verifies(&sigstore, b"filE", &bundle).is_err(), "{log:?} {stamped}");
            assert!(verifies(&stranger, b"file", &bundle).is_err(), "{log:?} {stamped}");
        }
    }
    let unproven = sigstore.signing(MAIL, ISSUER, at).log(None).message(b"file");
    assert!(verifies(&sigstore, b"file", &unproven).is_err());
}

#[test]
fn names_are_sorted_before_they_are_signed() {
    assert_eq!(log::canonical(&json!({"b": 1, "a": {"d": 2, "c": 3}})), br#"{"a":{"c":3,"d":2},"b":1}"#);
}
