//! What a whole Sigstore of our own making signed, and every way of being wrong that it was made to show.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::fs;

use super::*;
use crate::base::{Checked, Digest, IdentityMatcher, TextMatcher};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keyless");

fn read(name: &str) -> Vec<u8> {
    fs::read(format!("{ROOT}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn trust(root: &str) -> Trust {
    Trust::strict(TrustRoot::parse(&read(root)).unwrap())
}

fn signer(root: &str) -> IdentitySigner {
    let subject = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let subject = TextMatcher::equals(subject).unwrap();
    let issuer = "https://token.actions.githubusercontent.com";
    IdentitySigner { identity: IdentityMatcher::new(issuer, subject).unwrap(), trust: trust(root) }
}

fn image() -> Digest {
    Digest::of(&read("image-manifest.json"))
}

fn bundle(name: &str) -> Candidate {
    let content = Content::from_bundle(&Checked::of(read(name)));
    Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content }
}

fn code(candidate: &Candidate, signer: IdentitySigner) -> String {
    match check_signature(candidate, &Signer::Identity(Box::new(signer)), image()) {
        Ok(signed) => format!("signed at {}", signed.authorship().proven_time().unwrap()),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn images() {
    for (name, want) in [
        ("image-rekor1", "signed at 2025-06-01T12:02:00Z"),
        ("image-rekor2-tsa", "signed at 2026-11-23T20:31:57Z"),
        ("neg-image-two-signatures", "PLM-S13"),
        ("neg-image-payloadtype", "PLM-S08"),
        ("neg-image-payloadhash", "PLM-S29"),
        ("blob-rekor1", "PLM-S11"),
    ] {
        let name = format!("{name}.sigstore.json");
        assert_eq!(code(&bundle(&name), signer("trusted_root.json")), want, "{name}");
    }
}
