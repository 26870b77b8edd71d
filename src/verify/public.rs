//! What the public Sigstore, its staging twin and others signed for real.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::collections::BTreeSet;
use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::*;
use crate::base::{Digest, FileContent, IdentityMatcher, TextMatcher};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/sigstore");

fn read(name: &str) -> Vec<u8> {
    fs::read(format!("{ROOT}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

/// A file that is there, or one that is known by its hash.
fn file(name: &str) -> FileContent {
    match name.parse::<Digest>() {
        Ok(digest) => FileContent::named(digest),
        Err(_) => FileContent::of(&read(name)),
    }
}

fn check(bundle: &Bundle, signer: &Signer, file: &FileContent) -> Result<Authorship, VerifyError> {
    match &bundle.content {
        BundleContent::Message { .. } => {
            check_file(bundle, signer, file).map(|signed| signed.authorship().clone())
        }
        BundleContent::Envelope(_) => {
            let digest = [crate::base::Algorithm::Sha256, crate::base::Algorithm::Sha512];
            let digest = digest.into_iter().find_map(|algorithm| file.digest(algorithm)).unwrap();
            Ok(verify_bundle(bundle, signer)?.statement()?.about(digest)?.authorship().clone())
        }
    }
}

fn outcome(fields: &[&str]) -> String {
    let &[name, root, of, issuer, subject, ..] = fields else { panic!("{fields:?}") };
    let bundle = match Bundle::parse_any_version(&read(&format!("{name}.sigstore.json"))) {
        Ok(bundle) => bundle,
        Err(error) => return format!("unreadable: {error}"),
    };
    let root = match root {
        "public-good" => TrustRoot::public_good(),
        root => TrustRoot::parse(&read(root)),
    };
    let root = match root {
        Ok(root) => root,
        Err(error) => return format!("no root: {error}"),
    };
    let mut trust = Trust::strict(root);
    if name.starts_with("github") {
        (trust.log, trust.certificate_log) = (LogDemand::NotRequired, CertificateLogDemand::NotRequired);
    }
    let identity = IdentityMatcher::new(issuer, TextMatcher::equals(subject).unwrap()).unwrap();
    let other = IdentityMatcher::new(issuer, TextMatcher::equals("somebody@else.example").unwrap()).unwrap();
    let signer = |identity| Signer::Identity(Box::new(IdentitySigner { identity, trust: trust.clone() }));
    match check(&bundle, &signer(identity), &file(of)) {
        Ok(authorship) => {
            let refusal = check(&bundle, &signer(other), &file(of)).unwrap_err();
            assert_eq!(refusal.code(), "PLM-S22", "{name}");
            let another = file(&format!("sha256:{}", "0".repeat(64)));
            assert!(check(&bundle, &signer_of(fields, &trust), &another).is_err(), "{name}");
            let times: Vec<String> = authorship.proven_times().iter().map(|it| it.time.to_string()).collect();
            format!("signed {}", times.join(" "))
        }
        Err(error) => error.code().to_owned(),
    }
}

fn signer_of(fields: &[&str], trust: &Trust) -> Signer {
    let identity = IdentityMatcher::new(fields[3], TextMatcher::equals(fields[4]).unwrap()).unwrap();
    Signer::Identity(Box::new(IdentitySigner { identity, trust: trust.clone() }))
}

/// `expect.tsv`: bundle, trusted root, what is signed, issuer, subject, outcome.
#[test]
fn every_bundle_is_what_its_line_says() {
    let expected = text("expect.tsv");
    let (mut wrong, mut listed) = (Vec::new(), BTreeSet::from(["managed-key".to_owned()]));
    for line in expected.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let found = outcome(&fields);
        if found != fields[5] {
            wrong.push(format!("{}\t{found}", fields[..5].join("\t")));
        }
        listed.insert(fields[0].to_owned());
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
    for entry in fs::read_dir(ROOT).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".sigstore.json") else { continue };
        assert!(listed.contains(name), "no line for {name}");
    }
}

#[test]
fn a_log_witnesses_a_key() {
    let key = PublicKey::from_pem(&text("managed-key.pub")).unwrap();
    let bundle = Bundle::parse_any_version(&read("managed-key.sigstore.json")).unwrap();
    let trust = Trust::strict(TrustRoot::public_good().unwrap());
    let signer = Signer::WitnessedKey(Box::new(WitnessedKey { key: key.clone(), trust }));
    let authorship = check(&bundle, &signer, &file("managed-key.txt")).unwrap();
    assert_eq!((authorship.logs(), authorship.author()), (1, &Author::Key(key.clone())));
    let plain = check(&bundle, &Signer::Key(key), &file("managed-key.txt")).unwrap();
    assert_eq!((plain.logs(), plain.proven_time()), (0, None));
    assert!(check(&bundle, &signer, &file("cosign-v3-blob.txt")).is_err());
}

/// The public root, with a change.
fn root_with(change: impl FnOnce(&mut Value)) -> TrustRoot {
    let mut root = serde_json::from_str(include_str!("trust/public_good.json")).unwrap();
    change(&mut root);
    TrustRoot::parse(root.to_string().as_bytes()).unwrap()
}

/// Whoever finds the key of a retired log can sign entries today. Only a proven time tells them from old ones.
#[test]
fn a_retired_log_needs_a_proven_time() {
    let key = PublicKey::from_pem(&text("managed-key.pub")).unwrap();
    let good = Bundle::parse_any_version(&read("managed-key.sigstore.json")).unwrap();
    let signed = |bundle: &Bundle, root: &TrustRoot| {
        let trust = Trust { time: TimeDemand::NotRequired, ..Trust::strict(root.clone()) };
        let signer = Signer::WitnessedKey(Box::new(WitnessedKey { key: key.clone(), trust }));
        check(bundle, &signer, &file("managed-key.txt")).map_or_else(|error| error.code(), |_| "signed")
    };
    let mut stamped = good.clone();
    stamped.log_entries[0].promise = None;
    let timeless = Bundle { timestamps: Vec::new(), ..stamped.clone() };
    let active = TrustRoot::public_good().unwrap();
    let ended = |at: &str| root_with(|root| root["tlogs"][0]["publicKey"]["validFor"]["end"] = at.into());
    let (later, before) = (ended("2026-01-01T00:00:00Z"), ended("2025-01-01T00:00:00Z"));
    for (bundle, want) in [
        (&good, ["signed", "signed", "PLM-S31"]),
        (&stamped, ["signed", "signed", "PLM-S31"]),
        (&timeless, ["signed", "PLM-S36", "PLM-S36"]),
    ] {
        assert_eq!([&active, &later, &before].map(|root| signed(bundle, root)), want);
    }
}

/// A root may list one key twice, once for each edition of Rekor, say. Who holds it is one log.
#[test]
fn one_key_under_two_names_is_one_log() {
    let key = PublicKey::from_pem(&text("managed-key.pub")).unwrap();
    let mut bundle = Bundle::parse_any_version(&read("managed-key.sigstore.json")).unwrap();
    let mut entry = bundle.log_entries[0].clone();
    // The first four bytes say in a checkpoint whose signature it is; the promise covers all of them.
    entry.log_id[31] ^= 1;
    entry.promise = None;
    let root = root_with(|root| {
        let mut twin = root["tlogs"][0].clone();
        twin["logId"]["keyId"] = STANDARD.encode(entry.log_id).into();
        root["tlogs"].as_array_mut().unwrap().push(twin);
    });
    bundle.log_entries.push(entry);
    let mut trust = Trust::strict(root);
    let signer = |trust: &Trust| {
        Signer::WitnessedKey(Box::new(WitnessedKey { key: key.clone(), trust: trust.clone() }))
    };
    assert_eq!(check(&bundle, &signer(&trust), &file("managed-key.txt")).unwrap().logs(), 1);
    trust.log = LogDemand::Required { logs: 2.try_into().unwrap() };
    let refusal = check(&bundle, &signer(&trust), &file("managed-key.txt")).unwrap_err();
    assert!(matches!(refusal, VerifyError::TooFewLogs { found: 1, needed: 2 }), "{refusal:?}");
}
