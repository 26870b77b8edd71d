//! Of cosign.

use std::num::NonZeroUsize;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Digest, IdentityMatcher, TextMatcher, limits};
use plimsoll::format::manifest::{OCI_INDEX, OCI_MANIFEST};
use plimsoll::verify::{LogDemand, Trust};
use serde_json::{Value, json};

use super::keyless::{ISSUER, SUBJECT, at, check, code, is_good, matcher, signed, trust};
use super::{BUNDLE, SPDX, STATEMENT, VEX, refused, sealed, shop, soon, statement};
use crate::registry::{Fault, Mode, Referrers};
use crate::sigstore::{Rekor, Sigstore};
use crate::verify::Shop;

/// GHSA-vjxv-45g9-9296: that there are attestations is not that there is one of this type.
#[test]
fn cve_2022_35929_attestations_of_another_type_are_none() {
    let shop = shop();
    let ask = |kind: &str| shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", kind, &shop.pinned()]);
    refused(ask("openvex"), 1, &["PLM-E01"]);
    shop.attest(SPDX, br#"{"spdxVersion":"SPDX-2.3"}"#, &shop.ours);
    refused(ask("openvex"), 1, &["PLM-B04"]);
    refused(ask("vuln"), 1, &["PLM-B04"]);
    ask("spdxjson").exits(0);
    // Nor is an attestation the image's signature, or the signature an attestation.
    refused(shop.verify(), 1, &["PLM-S05"]);
    shop.sign(&shop.ours);
    refused(ask("openvex"), 1, &["PLM-S06"]);
}

/// GHSA-vfp6-jrw2-99g9: a registry may list attestations without end.
#[test]
fn cve_2023_46737_attestations_without_end_are_not_read_without_end() {
    let entry = |number: usize| json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(number.to_string().as_bytes()).to_string(), "size": 1, "artifactType": BUNDLE});
    let list = |entries: usize| {
        let entries: Vec<_> = (0..entries).map(entry).collect();
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string().into_bytes()
    };
    let referrers = "GET /v2/team/app/referrers/*";
    for (what, modes) in [
        ("pages in a circle", vec![Mode::link_circle()]),
        ("more than are looked at", vec![Mode::Body(list(limits::CANDIDATES + 1))]),
        ("100,000", vec![Mode::Body(list(100_000))]),
        ("the same page for ever", vec![Mode::Body(list(100)), Mode::link_circle()]),
        ("a page without end", vec![Mode::Endless]),
    ] {
        let shop = Shop::new(Referrers::On);
        shop.sign(&shop.theirs);
        for mode in modes {
            shop.registry.fault(Fault::on(referrers, mode));
        }
        let run = soon(|| shop.verify());
        assert_eq!(run.code, 3, "{what}: {}{}", run.stdout, run.stderr);
        refused(run, 3, &["PLM-E02"]);
        assert!(shop.registry.requests().len() < limits::PAGES + 10, "{what}");
    }
}

/// GHSA-88jx-383q-w4qc: an attachment may be as large as the registry likes.
#[test]
fn cve_2024_29902_an_attachment_is_read_no_further_than_it_may_be_long() {
    let blobs = "GET /v2/team/app/blobs/*";
    let manifests = "GET /v2/team/app/manifests/*";
    for (pattern, mode) in [
        (blobs, Mode::Endless),
        (blobs, Mode::Length(1 << 40)),
        (blobs, Mode::Trailing(vec![b' '; 1 << 20])),
        (blobs, Mode::Body(vec![b' '; 64 << 20])),
        (manifests, Mode::Endless),
        (manifests, Mode::Length(1 << 40)),
        (manifests, Mode::Body(vec![b' '; 64 << 20])),
    ] {
        let shop = shop();
        shop.sign(&shop.ours);
        let what = format!("{pattern} {:.40}", format!("{mode:?}"));
        shop.registry.fault(Fault::on(pattern, mode));
        let run = soon(|| shop.verify());
        assert_eq!(run.code, 3, "{what}: {}{}", run.stdout, run.stderr);
        refused(run, 3, &["PLM-E02"]);
    }
    // A descriptor that admits it is no better.
    let shop = shop();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
        "layers": [{"mediaType": BUNDLE, "digest": Digest::of(b"x").to_string(), "size": limits::ATTESTATION + 1}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size},
    });
    shop.attach_manifest(manifest.to_string().as_bytes(), shop.image.digest, BUNDLE);
    let run = shop.verify();
    assert_ne!(run.code, 0);
    assert!(!shop.registry.request_lines().iter().any(|line| line.contains("/blobs/")));
    // What is compressed is not expanded.
    let zeros = crate::negative::gzip(&vec![0; 32 << 20]);
    let shop = super::shop();
    shop.attach_layer(&zeros, BUNDLE);
    refused(soon(|| shop.verify()), 1, &["PLM-S13"]);
}

/// GHSA-95pr-fxf5-86gv: counts and sizes are claims.
#[test]
fn cve_2024_29903_nothing_is_reserved_for_what_is_only_claimed() {
    let layer =
        |size: u64| json!({"mediaType": BUNDLE, "digest": Digest::of(b"x").to_string(), "size": size});
    for layers in [
        vec![layer(1 << 53)],
        vec![layer(u64::MAX)],
        vec![layer(1); 20_000],
        vec![json!({"mediaType": BUNDLE, "digest": Digest::of(b"x").to_string(), "size": -1})],
        vec![json!({"mediaType": BUNDLE, "digest": Digest::of(b"x").to_string(), "size": 1e300})],
    ] {
        let shop = shop();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
            "layers": layers,
            "subject": {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size},
        });
        let bytes = manifest.to_string().into_bytes();
        shop.attach_manifest(&bytes, shop.image.digest, BUNDLE);
        let tag = format!("{}.sig", shop.image.digest.to_string().replace(':', "-"));
        shop.registry.put_manifest("team/app", &tag, OCI_MANIFEST, &bytes);
        let run = soon(|| shop.verify());
        assert!([1, 3].contains(&run.code), "{}{}", run.stdout, run.stderr);
        assert!(!run.stdout.contains("allowed "));
    }
}

/// GHSA-w6c6-c85g-mmv6: a payload that cannot be read, or of another type, is not what was asked for.
#[test]
fn cve_2026_39395_a_payload_that_is_not_the_statement_asked_for_is_a_no() {
    let good = |shop: &Shop| statement(shop, VEX);
    type Payload<'a> = (&'a str, &'a dyn Fn(&Shop) -> String, &'a str);
    let payloads: &[Payload] = &[
        (STATEMENT, &|_| String::new(), "PLM-S09"),
        (STATEMENT, &|_| "not JSON".to_owned(), "PLM-S09"),
        (STATEMENT, &|_| "{}".to_owned(), "PLM-S09"),
        (STATEMENT, &|_| "null".to_owned(), "PLM-S09"),
        (STATEMENT, &|shop| good(shop).replace(VEX, ""), "PLM-S09"),
        (STATEMENT, &|shop| good(shop).replace("\"predicateType\"", "\"predicatetype\""), "PLM-S09"),
        (STATEMENT, &|shop| good(shop).replace("Statement/v1", "Statement/v9"), "PLM-S09"),
        (STATEMENT, &|shop| good(shop)[..40].to_owned(), "PLM-S09"),
        (STATEMENT, &|shop| format!("{}x", good(shop)), "PLM-S09"),
        (STATEMENT, &|shop| good(shop).replace(VEX, SPDX), "PLM-B04"),
        (STATEMENT, &|shop| good(shop).replace(VEX, &format!("{VEX}/")), "PLM-B04"),
        (STATEMENT, &|shop| good(shop).replace(VEX, &VEX.to_uppercase()), "PLM-B04"),
        ("application/json", &|shop| good(shop), "PLM-S08"),
        ("", &|shop| good(shop), "PLM-S08"),
    ];
    for (payload_type, payload, code) in payloads {
        let shop = shop();
        let payload = payload(&shop);
        shop.attach_layer(&sealed(&shop.ours, payload_type, payload.as_bytes()), BUNDLE);
        let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]);
        refused(run, 1, &[code]);
    }
    let shop = shop();
    shop.attach_layer(&sealed(&shop.ours, STATEMENT, good(&shop).as_bytes()), BUNDLE);
    shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]).exits(0);
}

/// GHSA-ccxc-vr6p-4858: an entry of a log is about one signature.
#[test]
fn cve_2022_23649_an_entry_about_another_signature_does_not_count() {
    let sigstore = Sigstore::new("good.test");
    for log in [Rekor::One, Rekor::Two] {
        let signing = sigstore.signing(SUBJECT, ISSUER, at()).log(log).stamped();
        let (mut bundle, other) = (signed(&signing), signing.envelope(STATEMENT, b"{}"));
        is_good(&bundle, &sigstore);
        bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"].clone();
        assert_eq!(code(&bundle, &sigstore), "PLM-S29", "{log:?}");
        // Nor one about the same payload by another's certificate.
        let stranger = sigstore.signing("mallory@evil.test", ISSUER, at()).log(log).stamped();
        bundle["verificationMaterial"]["tlogEntries"] =
            signed(&stranger)["verificationMaterial"]["tlogEntries"].clone();
        assert_eq!(code(&bundle, &sigstore), "PLM-S29", "{log:?}");
    }
}

/// GHSA-8gw7-4j42-w388: with a bundle everything is asked for that is asked for without one.
#[test]
fn cve_2022_36056_a_bundle_switches_no_check_off() {
    let sigstore = Sigstore::new("good.test");
    let bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()));
    let root = || trust(&sigstore.trusted_root());
    let ask = |bytes: &[u8], issuer: &str, subject: &str| {
        let identity = IdentityMatcher::new(issuer, TextMatcher::equals(subject).unwrap()).unwrap();
        check(bytes, identity, root()).map_err(|error| error.code())
    };
    let text = bundle.to_string();
    assert!(ask(text.as_bytes(), ISSUER, SUBJECT).is_ok());
    assert_eq!(ask(text.as_bytes(), ISSUER, "somebody else").unwrap_err(), "PLM-S22");
    assert_eq!(ask(text.as_bytes(), "https://issuer.evil.test", SUBJECT).unwrap_err(), "PLM-S21");
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert_eq!(ask(&text.as_bytes()[..cut], ISSUER, SUBJECT).unwrap_err(), "PLM-S13");
    }
    let mut invalid = bundle.clone();
    invalid["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]["signedEntryTimestamp"] =
        "AAAA".into();
    assert_eq!(code(&invalid, &sigstore), "PLM-S27");
    invalid["verificationMaterial"]["tlogEntries"] = json!([{}]);
    assert_eq!(code(&invalid, &sigstore), "PLM-S13");
}

/// GHSA-whqx-f9j3-ch6m: every part of an entry is compared: what was signed, the signature and who signed.
#[test]
fn cve_2026_22703_an_entry_s_artefact_signature_and_key_are_compared() {
    let sigstore = Sigstore::new("good.test");
    let signing = sigstore.signing(SUBJECT, ISSUER, at());
    let bundle = signed(&signing);
    let body = |bundle: &Value| -> Value {
        let text = bundle["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"].as_str().unwrap();
        serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap()
    };
    let other = signing.envelope(STATEMENT, b"{}");
    let stranger = signed(&sigstore.signing("mallory@evil.test", ISSUER, at()));
    let log = sigstore.rekor(Rekor::One);
    for (place, from) in [
        ("/spec/payloadHash/value", &other),
        ("/spec/signatures/0/signature", &other),
        ("/spec/signatures/0/verifier", &stranger),
    ] {
        let (mut changed, mut bad) = (body(&bundle), bundle.clone());
        let value = body(from).pointer(place).unwrap().clone();
        assert_ne!(changed.pointer(place), Some(&value), "{place}");
        *changed.pointer_mut(place).unwrap() = value;
        bad["verificationMaterial"]["tlogEntries"][0] = log.enter("dsse", "0.0.1", &changed, at());
        assert_eq!(code(&bad, &sigstore), "PLM-S29", "{place}");
        bad["verificationMaterial"]["tlogEntries"][0] = log.enter("dsse", "0.0.1", &body(&bundle), at());
        is_good(&bad, &sigstore);
    }
}

/// GHSA-wfqv-66vq-46rm: an authority that had ended when it signed certifies nobody.
#[test]
fn cve_2026_24122_an_authority_that_had_ended_certifies_nobody() {
    let sigstore = Sigstore::new("good.test");
    let stamped = |log| sigstore.signing(SUBJECT, ISSUER, at()).log(log).stamped();
    for bundle in
        [signed(&stamped(Some(Rekor::One))), signed(&stamped(Some(Rekor::Two))), signed(&stamped(None))]
    {
        let ask = |end: &str, log: LogDemand| {
            let mut root = sigstore.trusted_root();
            root["certificateAuthorities"][0]["validFor"]["end"] = end.into();
            let trust = Trust { log, ..trust(&root) };
            check(bundle.to_string().as_bytes(), matcher(), trust).map_err(|error| error.code())
        };
        for log in [LogDemand::NotRequired, LogDemand::Required { logs: NonZeroUsize::MIN }] {
            assert!(ask("2026-02-01T00:00:00Z", log).is_err());
        }
        assert_eq!(ask("2026-02-01T00:00:00Z", LogDemand::NotRequired).unwrap_err(), "PLM-S18");
        assert!(ask("2026-03-01T00:00:00Z", LogDemand::NotRequired).is_ok());
    }
}
