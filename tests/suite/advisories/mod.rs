//! What was published about others, as tests here: each advisory that could concern a tool like this one has its id in a test's name, and
//! the others are listed with the reason why not. Only what was published is told, and only what a reader needs to know of it.

mod cosign;
mod keyless;
mod kyverno;
mod others;
mod sigstore;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::crypto::{Form, PrivateKey};

use crate::plimsoll::Run;
use crate::registry::Referrers;
use crate::sigstore::pre_authentication;
use crate::verify::Shop;

/// The published rows, all of them.
const ADVISORIES: &[&str] = &[
    // cosign
    "CVE-2022-23649",
    "CVE-2022-35929",
    "CVE-2022-36056",
    "CVE-2023-46737",
    "CVE-2024-29902",
    "CVE-2024-29903",
    "CVE-2026-22703",
    "CVE-2026-24122",
    "CVE-2026-39395",
    // sigstore's libraries and services, gitsign, policy-controller, go-tuf
    "CVE-2022-29173",
    "CVE-2022-35930",
    "CVE-2023-30551",
    "CVE-2023-33199",
    "CVE-2023-47122",
    "CVE-2024-45395",
    "CVE-2024-47534",
    "CVE-2024-51746",
    "CVE-2024-55655",
    "CVE-2025-66506",
    "CVE-2025-66564",
    "CVE-2026-22772",
    "CVE-2026-23831",
    "CVE-2026-23991",
    "CVE-2026-23992",
    "CVE-2026-24117",
    "CVE-2026-24137",
    "CVE-2026-24408",
    "CVE-2026-24686",
    "CVE-2026-39984",
    "CVE-2026-44309",
    "CVE-2026-44310",
    "CVE-2026-48702",
    "CVE-2026-48815",
    "CVE-2026-49478",
    "CVE-2026-49834",
    "CVE-2026-49835",
    "CVE-2026-54787",
    // kyverno
    "CVE-2022-47633",
    "CVE-2023-42813",
    "CVE-2023-42814",
    "CVE-2023-42815",
    "CVE-2023-42816",
    "CVE-2023-47630",
    "CVE-2025-29778",
    "kyverno#16336",
    "kyverno#17125",
    // notation, in-toto, witness, slsa-verifier, gh, connaisseur, chainloop
    "CVE-2021-41087",
    "CVE-2023-25656",
    "CVE-2023-32076",
    "CVE-2023-33957",
    "CVE-2023-33958",
    "CVE-2023-33959",
    "CVE-2024-23332",
    "CVE-2024-51491",
    "CVE-2024-56138",
    "CVE-2025-25204",
    "CVE-2025-62375",
    "CVE-2026-48501",
    "GHSA-pmwq-pjrm-6p5r",
    "GHSA-r2xv-vpr2-42m9",
    "chainloop#3397",
    "connaisseur#1407",
    "connaisseur#2150",
    "connaisseur#2151",
];

/// Those that cannot concern this tool, and why.
const NOT_OURS: &[(&str, &str)] = &[
    (
        "CVE-2023-30551",
        "in a log's server, which reads packages that are sent to it; no package is read here",
    ),
    (
        "CVE-2024-51491",
        "about caching revocation lists; none is asked for: what is revoked stands in the policy",
    ),
    (
        "CVE-2024-56138",
        "about revocation of time stamp authorities by lists; what is trusted is the trusted root, which says until when",
    ),
    ("CVE-2025-62375", "about identity documents of a cloud; none is read"),
    (
        "CVE-2025-66506",
        "in a certificate authority's server, which reads tokens; a token is handed on unread",
    ),
    (
        "CVE-2026-24408",
        "about the login in a browser; there is none: tokens come from files, variables and CI",
    ),
    ("CVE-2026-48702", "in a log's server, which expands what is sent to it; no entry is expanded here"),
    (
        "CVE-2026-49478",
        "in a certificate authority's server, which follows redirects to issuers; none is asked here",
    ),
    ("CVE-2026-49835", "in a time stamp server's metrics; there are none here"),
];

/// Those whose tests stand beside what they are about: the file and the test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("CVE-2022-29173", "trusted_root.rs", "what_the_keys_did_not_sign_is_refused"),
    ("CVE-2024-47534", "trusted_root.rs", "names_in_metadata_lead_nowhere_else"),
    ("CVE-2026-23991", "trusted_root.rs", "what_the_keys_did_not_sign_is_refused"),
    ("CVE-2026-23992", "trusted_root.rs", "what_the_keys_did_not_sign_is_refused"),
    ("CVE-2026-24137", "trusted_root.rs", "names_in_metadata_lead_nowhere_else"),
    ("CVE-2026-24686", "trusted_root.rs", "names_in_metadata_lead_nowhere_else"),
];

fn sources() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/advisories");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.collect::<Vec<_>>().join("\n")
}

/// How an id stands in a test's name.
fn snake(id: &str) -> String {
    id.to_lowercase().replace(['-', '#'], "_")
}

#[test]
fn every_advisory_has_its_test_or_its_reason() {
    let sources = sources();
    let names: Vec<&str> =
        sources.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next()).collect();
    let tested = |id: &str| names.iter().any(|name| format!("{name}_").contains(&format!("{}_", snake(id))));
    let reasons: BTreeMap<&str, &str> = NOT_OURS.iter().copied().collect();
    assert_eq!(reasons.len(), NOT_OURS.len());
    for id in ADVISORIES {
        let elsewhere = ELSEWHERE.iter().any(|(one, _, _)| one == id);
        let found = [tested(id), reasons.contains_key(id), elsewhere];
        let found = found.iter().filter(|found| **found).count();
        assert_eq!(found, 1, "{id}: a test here or elsewhere, or a reason for none");
    }
    for id in reasons.keys() {
        assert!(ADVISORIES.contains(id), "{id} is not in the list");
    }
    for (id, file, test) in ELSEWHERE {
        let file = fs::read_to_string(format!("{}/tests/suite/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(file.contains(&format!("#[test]\nfn {test}(")) && ADVISORIES.contains(id), "{id}");
    }
    // And no test has an id that is not in the list.
    for name in names.iter().filter(|name| name.contains("cve_") || name.contains("ghsa_")) {
        assert!(ADVISORIES.iter().any(|id| name.contains(&snake(id))), "{name}");
    }
}

/// A bundle by this key around any payload, with nothing wrong but what the payload says.
fn sealed(key: &PrivateKey, payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let signature = key.sign(Form::Envelope, &pre_authentication(payload_type, payload)).unwrap();
    serde_json::json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public().hint()}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    })
    .to_string()
    .into_bytes()
}

/// A statement of this type about the shop's image.
fn statement(shop: &Shop, predicate_type: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{predicate_type}","predicate":{{}}}}"#,
        shop.image.digest.hex(),
    )
}

fn shop() -> Shop {
    Shop::new(Referrers::On)
}

/// It ended so, it says so, and nothing on stdout could be taken for a yes.
#[track_caller]
fn refused(run: Run, code: i32, says: &[&str]) {
    let run = run.exits(code);
    assert!(!run.stdout.contains("allowed "), "{}", run.stdout);
    for text in says {
        assert!(
            run.stdout.contains(text) || run.stderr.contains(text),
            "{text}\n{}{}",
            run.stdout,
            run.stderr
        );
    }
}

/// It takes no longer than it may on a busy machine.
#[track_caller]
fn soon<T>(what: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = what();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    done
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const STATEMENT: &str = "application/vnd.in-toto+json";
const SPDX: &str = "https://spdx.dev/Document";
const VEX: &str = "https://openvex.dev/ns";
