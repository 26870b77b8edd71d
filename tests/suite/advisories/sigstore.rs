//! Of Sigstore's libraries and services, gitsign, policy-controller and go-tuf.

use std::num::NonZeroUsize;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Digest, IdentityMatcher, TextMatcher};
use plimsoll::verify::{LogDemand, Trust};
use serde_json::{Value, json};

use super::keyless::{ISSUER, SUBJECT, at, check, code, is_good, matcher, signed, trust};
use super::{BUNDLE, SPDX, STATEMENT, VEX, refused, sealed, shop, soon, statement};
use crate::sigstore::{Rekor, Sigstore, der};

/// GHSA-739f-hw6h-7wq8: of the right type is not by the right key.
#[test]
fn cve_2022_35930_an_attestation_of_the_type_by_a_stranger_does_not_count() {
    let shop = shop();
    shop.policy("  - {name: ours, images: [\"HOST/team/app\"], require: {attestations: [{type: \"https://openvex.dev/ns\", by: ours}]}}\n");
    let by_key = || shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]);
    shop.attest(VEX, b"{}", &shop.theirs);
    refused(shop.by_policy(), 1, &["PLM-E03", "PLM-S02"]);
    refused(by_key(), 1, &["PLM-E03", "PLM-S02"]);
    // One by the right key of another type does not lend it its name.
    shop.attest(SPDX, br#"{"spdxVersion":"SPDX-2.3"}"#, &shop.ours);
    refused(shop.by_policy(), 1, &["PLM-E03", "PLM-B04"]);
    refused(by_key(), 1, &["PLM-E03", "PLM-B04"]);
    shop.attest(VEX, b"{}", &shop.ours);
    shop.by_policy().exits(0);
    by_key().exits(0);
}

/// GHSA-cq38-jh5f-37mq: many of everything, multiplied.
#[test]
fn cve_2024_45395_many_subjects_entries_and_time_stamps_are_refused_soon() {
    let shop = shop();
    let subject = json!({"digest": {"sha256": Digest::of(b"x").hex()}});
    let about = |subjects: Vec<Value>| {
        json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": VEX, "predicate": {}}).to_string()
    };
    let digests: serde_json::Map<String, Value> =
        (0..10_000).map(|number| (format!("hash{number}"), json!("x"))).collect();
    for payload in [about(vec![subject; 10_000]), about(vec![json!({"digest": digests})])] {
        shop.attach_layer(&sealed(&shop.ours, STATEMENT, payload.as_bytes()), BUNDLE);
    }
    let good: Value =
        serde_json::from_slice(&sealed(&shop.ours, STATEMENT, statement(&shop, VEX).as_bytes())).unwrap();
    let many = |place: &str, items: Vec<Value>| {
        let mut bundle = good.clone();
        *bundle.pointer_mut(place).unwrap() = Value::Array(items);
        shop.attach_layer(bundle.to_string().as_bytes(), BUNDLE);
    };
    many("/dsseEnvelope/signatures", vec![good["dsseEnvelope"]["signatures"][0].clone(); 10_000]);
    let run = soon(|| shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]));
    refused(run, 1, &["PLM-S09", "PLM-S13"]);
}

/// GHSA-wqqc-jjcq-vfxm: a key is good from one day to another.
#[test]
fn cve_2026_54787_a_key_outside_its_time_signs_nothing() {
    let shop = shop();
    shop.sign(&shop.ours);
    let rules = "  - {name: ours, images: [\"HOST/team/app\"], require: {signature: {by: ours}}}\n";
    let with = |window: &str| {
        shop.policy(rules);
        let file = shop.folder.path().join("policy.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let changed = text.replace("{file: ours.pub}", &format!("{{file: ours.pub}}{window}"));
        assert_ne!(changed, text.replace("{file: ours.pub}", "{file: ours.pub}, "));
        std::fs::write(&file, changed).unwrap();
        shop.by_policy()
    };
    with("").exits(0);
    with(", not_before: 2001-01-01T00:00:00Z, not_after: 2999-01-01T00:00:00Z").exits(0);
    refused(with(", not_after: 2001-01-01T00:00:00Z"), 1, &["PLM-K02"]);
    refused(with(", not_before: 2998-01-01T00:00:00Z"), 1, &["PLM-K01"]);
}

/// What is verified are the bytes that are stored, not what a reader makes of them.
#[test]
fn cve_2026_44309_exactly_the_stored_bytes_are_verified() {
    let shop = shop();
    let good = statement(&shop, VEX);
    let other = Digest::of(b"other").hex();
    let bundle = String::from_utf8(sealed(&shop.ours, STATEMENT, good.as_bytes())).unwrap();
    let encoded = |text: &str| STANDARD.encode(text);
    let respelled = |to: &str| bundle.replace(&encoded(&good), &encoded(to));
    for changed in [
        // The same statement in other bytes.
        respelled(&good.replace("{\"_type\"", "{ \"_type\"")),
        respelled(&format!("{good}\n")),
        respelled(&good.replace("predicateType", "predicate\\u0054ype")),
        // Two readings of one envelope.
        bundle.replace("\"payload\":", &format!("\"payload\":\"{}\",\"payload\":", encoded("{}"))),
        bundle.replace("\"payloadType\":", "\"payloadType\":\"x\",\"payloadType\":"),
    ] {
        assert_ne!(changed, bundle);
        shop.attach_layer(changed.as_bytes(), BUNDLE);
    }
    let two = good.replace("{\"sha256\":", &format!("{{\"sha256\":\"{other}\",\"sha256\":"));
    shop.attach_layer(&sealed(&shop.ours, STATEMENT, two.as_bytes()), BUNDLE);
    let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]);
    refused(run, 1, &["PLM-S01", "PLM-S09", "PLM-S13"]);
    shop.attach_layer(bundle.as_bytes(), BUNDLE);
    shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]).exits(0);
}

/// GHSA-9vcr-p3rj-q5q6: a threshold of logs counts logs.
#[test]
fn cve_2026_49834_two_entries_of_one_log_are_one_log() {
    let sigstore = Sigstore::new("good.test");
    let signing = sigstore.signing(SUBJECT, ISSUER, at()).stamped();
    let mut bundle = signed(&signing);
    let two = |bundle: &Value| {
        let log = LogDemand::Required { logs: NonZeroUsize::new(2).unwrap() };
        let trust = Trust { log, ..trust(&sigstore.trusted_root()) };
        check(bundle.to_string().as_bytes(), matcher(), trust).map_err(|error| error.code())
    };
    let first = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    assert_eq!(two(&bundle).unwrap_err(), "PLM-S25");
    bundle["verificationMaterial"]["tlogEntries"] = json!([first, first]);
    assert!(two(&bundle).is_err());
    // The same again, at another place of the log.
    let body: Value =
        serde_json::from_slice(&STANDARD.decode(first["canonicalizedBody"].as_str().unwrap()).unwrap())
            .unwrap();
    let again = sigstore.rekor(Rekor::One).enter("dsse", "0.0.1", &body, at());
    assert_ne!(again["logIndex"], first["logIndex"]);
    bundle["verificationMaterial"]["tlogEntries"] = json!([first, again]);
    assert!(two(&bundle).is_err());
}

/// GHSA-hhfg-fwrw-87w7: a time that nobody promised is no time.
#[test]
fn cve_2024_55655_an_integrated_time_without_a_promise_proves_nothing() {
    let sigstore = Sigstore::new("good.test");
    let mut bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()));
    is_good(&bundle, &sigstore);
    bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(code(&bundle, &sigstore), "PLM-S36");
    // Rekor 2 promises nothing: without a time stamp there is no time, whatever stands in the entry.
    let mut bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()).log(Rekor::Two));
    assert_eq!(code(&bundle, &sigstore), "PLM-S36");
    bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = at().seconds().to_string().into();
    assert!(["PLM-S36", "PLM-S32", "PLM-S13"].contains(&code(&bundle, &sigstore)));
}

/// GHSA-52v5-jr5w-gjxr: a claim that is asked for must be there.
#[test]
fn cve_2026_48815_a_claim_that_the_certificate_does_not_make_is_a_no() {
    let sigstore = Sigstore::new("good.test");
    let bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at())).to_string();
    for claim in plimsoll::base::Claim::all() {
        let matcher = matcher().with_claim(claim, TextMatcher::equals("acme").unwrap());
        // Some claims take no free text; those that do are not made here.
        let Ok(matcher) = matcher else { continue };
        let error = check(bundle.as_bytes(), matcher, trust(&sigstore.trusted_root())).unwrap_err();
        assert_eq!(error.code(), "PLM-S23", "{claim:?}");
    }
}

/// GHSA-xm5m-wgh2-rrg3: who is trusted is who signed the stamp, not who lies in the bag.
#[test]
fn cve_2026_39984_a_good_certificate_beside_a_stranger_s_stamp_does_not_help() {
    let (sigstore, evil) = (Sigstore::new("good.test"), Sigstore::new("evil.test"));
    let signing = sigstore.signing(SUBJECT, ISSUER, at()).log(Rekor::Two).stamped();
    let mut bundle = signed(&signing);
    is_good(&bundle, &sigstore);
    let signature =
        STANDARD.decode(bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let stamp = evil.stamp(&signature, at());
    let (ours, theirs) = (sigstore.stamp_certificate(), evil.stamp_certificate());
    for bag in [[ours, theirs].concat(), [theirs, ours].concat(), ours.to_vec()] {
        let stamp = rebagged(&stamp, theirs, &bag);
        bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
            json!([{"signedTimestamp": STANDARD.encode(stamp)}]);
        assert!(["PLM-S33", "PLM-S36"].contains(&code(&bundle, &sigstore)));
    }
}

/// An object identifier may be as long as its sender likes.
#[test]
fn cve_2025_66564_a_giant_identifier_in_a_time_stamp_is_refused_soon() {
    let sigstore = Sigstore::new("good.test");
    let mut bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()).stamped());
    let giant = der::value(0x06, &vec![0x81; 4 << 20]);
    let stamp = der::sequence([
        &der::sequence([&der::integer(0)]),
        &der::sequence([&giant, &der::tagged(0, &der::sequence([&giant]))]),
    ]);
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
        json!([{"signedTimestamp": STANDARD.encode(stamp)}]);
    assert!(soon(|| code(&bundle, &sigstore)).starts_with("PLM-S"));
}

/// Whatever an entry says it is, nothing panics.
#[test]
fn cve_2023_33199_cve_2026_23831_entries_of_every_kind_and_shape_are_refused() {
    let sigstore = Sigstore::new("good.test");
    let bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()));
    let specs = [
        json!(null),
        json!({}),
        json!([]),
        json!({"data": null}),
        json!({"content": {"envelope": {"signatures": []}}}),
        json!({"signatures": [null]}),
        json!({"data": {"hash": {"algorithm": "sha256", "value": "zz"}}}),
    ];
    for kind in [
        "alpine",
        "cose",
        "dsse",
        "hashedrekord",
        "helm",
        "intoto",
        "jar",
        "rekord",
        "rfc3161",
        "rpm",
        "tuf",
        "",
    ] {
        for version in ["0.0.1", "0.0.2", "", "99"] {
            for spec in &specs {
                let body = json!({"apiVersion": version, "kind": kind, "spec": spec});
                let mut bad = bundle.clone();
                bad["verificationMaterial"]["tlogEntries"][0] =
                    sigstore.rekor(Rekor::One).enter(kind, version, &body, at());
                assert!(code(&bad, &sigstore).starts_with("PLM-S"));
            }
        }
    }
}

/// An address inside an entry is text.
#[test]
fn cve_2026_24117_no_address_in_an_entry_or_root_is_asked() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = format!("http://{}/key", listener.local_addr().unwrap());
    let sigstore = Sigstore::new("good.test");
    let mut root = sigstore.trusted_root();
    root["tlogs"][0]["baseUrl"] = place.clone().into();
    root["certificateAuthorities"][0]["uri"] = place.clone().into();
    root["timestampAuthorities"][0]["uri"] = place.clone().into();
    let mut bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()));
    assert!(check(bundle.to_string().as_bytes(), matcher(), trust(&root)).is_ok());
    let body = json!({"apiVersion": "0.0.1", "kind": "rekord", "spec": {
        "data": {"url": place}, "signature": {"url": place, "format": "x509", "publicKey": {"url": place}}}});
    bundle["verificationMaterial"]["tlogEntries"][0] =
        sigstore.rekor(Rekor::One).enter("rekord", "0.0.1", &body, at());
    assert!(check(bundle.to_string().as_bytes(), matcher(), trust(&root)).is_err());
    // And through the command line, where there is a network.
    let shop = shop();
    shop.attach_layer(bundle.to_string().as_bytes(), BUNDLE);
    refused(shop.verify(), 1, &["PLM-S07"]);
    assert!(listener.accept().is_err(), "somebody asked");
}

/// An issuer is the whole of it.
#[test]
fn cve_2026_22772_an_issuer_or_subject_that_only_contains_the_right_one_is_another() {
    let sigstore = Sigstore::new("good.test");
    for (subject, issuer) in [
        (SUBJECT.to_owned(), format!("https://evil.test/{ISSUER}")),
        (SUBJECT.to_owned(), format!("{ISSUER}.evil.test")),
        (SUBJECT.to_owned(), format!("{ISSUER}/")),
        (SUBJECT.to_owned(), ISSUER.to_uppercase()),
        (format!("https://evil.test/{SUBJECT}"), ISSUER.to_owned()),
        (format!("{SUBJECT}-evil"), ISSUER.to_owned()),
        (format!("{SUBJECT}\n"), ISSUER.to_owned()),
    ] {
        let bundle = signed(&sigstore.signing(&subject, &issuer, at()));
        let code = code(&bundle, &sigstore);
        assert!(["PLM-S14", "PLM-S21", "PLM-S22"].contains(&code), "{subject} {issuer}: {code}");
        let glob =
            TextMatcher::glob("https://github.test/acme/app/.github/workflows/*@refs/heads/main").unwrap();
        let identity = IdentityMatcher::new(ISSUER, glob).unwrap();
        assert!(
            check(bundle.to_string().as_bytes(), identity, trust(&sigstore.trusted_root())).is_err(),
            "{subject}"
        );
    }
}

/// A log's key comes from the trusted root, and from nowhere else.
#[test]
fn cve_2023_47122_a_log_that_the_root_does_not_name_is_nobody() {
    let (sigstore, evil) = (Sigstore::new("good.test"), Sigstore::new("evil.test"));
    let mut bundle = signed(&sigstore.signing(SUBJECT, ISSUER, at()).stamped());
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    let body: Value =
        serde_json::from_slice(&STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap())
            .unwrap();
    let theirs = evil.rekor(Rekor::One).enter("dsse", "0.0.1", &body, at());
    bundle["verificationMaterial"]["tlogEntries"][0] = theirs;
    assert_eq!(code(&bundle, &sigstore), "PLM-S41");
    // Under the right log's name it is no better.
    bundle["verificationMaterial"]["tlogEntries"][0]["logId"] = entry["logId"].clone();
    assert!(["PLM-S27", "PLM-S28"].contains(&code(&bundle, &sigstore)));
    // Nor is a whole stranger.
    let stranger = signed(&evil.signing(SUBJECT, ISSUER, at()));
    assert!(code(&stranger, &sigstore).starts_with("PLM-S"));
}

/// Of several entries each must be about this signature.
#[test]
fn cve_2024_51746_a_wrong_entry_beside_a_right_one_is_not_overlooked() {
    let sigstore = Sigstore::new("good.test");
    let signing = sigstore.signing(SUBJECT, ISSUER, at());
    let mut bundle = signed(&signing);
    let (right, wrong) = (
        bundle["verificationMaterial"]["tlogEntries"][0].clone(),
        signing.envelope(STATEMENT, b"{}")["verificationMaterial"]["tlogEntries"][0].clone(),
    );
    for entries in [json!([wrong]), json!([wrong, right]), json!([right, wrong])] {
        bundle["verificationMaterial"]["tlogEntries"] = entries;
        assert_eq!(code(&bundle, &sigstore), "PLM-S29");
    }
}

/// No certificate is no signer, and no panic.
#[test]
fn cve_2026_44310_a_bundle_without_its_certificate_is_a_no() {
    let sigstore = Sigstore::new("good.test");
    let good = signed(&sigstore.signing(SUBJECT, ISSUER, at()));
    let shop = shop();
    for certificate in [
        json!(null),
        json!({}),
        json!({"rawBytes": ""}),
        json!({"rawBytes": "AAAA"}),
        json!({"rawBytes": null}),
        json!([]),
    ] {
        let mut bundle = good.clone();
        bundle["verificationMaterial"]["certificate"] = certificate;
        assert!(code(&bundle, &sigstore).starts_with("PLM-S1"));
        shop.attach_layer(bundle.to_string().as_bytes(), BUNDLE);
        bundle["verificationMaterial"].as_object_mut().unwrap().remove("certificate");
        assert_eq!(code(&bundle, &sigstore), "PLM-S13");
        shop.attach_layer(bundle.to_string().as_bytes(), BUNDLE);
    }
    refused(shop.verify(), 1, &["PLM-S13"]);
}

/// The answer of a time stamp authority with other certificates in its bag.
fn rebagged(stamp: &[u8], certificate: &[u8], bag: &[u8]) -> Vec<u8> {
    let at = stamp.windows(certificate.len()).position(|part| part == certificate).expect("the certificate");
    // The lengths around it change, so it is put together again from outside to inside.
    let [(0x30, answer)] = der::parts(stamp)[..] else { panic!("an answer") };
    let [(_, status), (_, token)] = der::parts(answer)[..] else { panic!("status and token") };
    let [(_, kind), (0xa0, signed)] = der::parts(token)[..] else { panic!("kind and content") };
    let [(0x30, signed)] = der::parts(signed)[..] else { panic!("signed data") };
    let inner: Vec<u8> = der::parts(signed)
        .into_iter()
        .flat_map(|(tag, content)| der::value(tag, if tag == 0xa0 { bag } else { content }))
        .collect();
    let token = der::sequence([&der::value(0x06, kind), &der::tagged(0, &der::value(0x30, &inner))]);
    let changed = der::sequence([&der::value(0x30, status), &token]);
    assert!(at > 0 && changed != stamp || bag == certificate);
    changed
}
