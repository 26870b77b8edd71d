//! Signatures by certificate, with everything right but one thing. Everything is signed by a Sigstore of our own, so that nothing but the named
//! fault is wrong.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Checked, Claim, Digest, FileContent, IdentityMatcher, TextMatcher, Timestamp};
use plimsoll::crypto::{Form, PrivateKey, PublicKey};
use plimsoll::format::bundle::Bundle;
use plimsoll::verify::{
    Author, Authorship, Candidate, CertificateLogDemand, Content, IdentitySigner, LogDemand, Origin,
    Principal, Signer, TimeDemand, Trust, TrustRoot, WitnessedKey, check_attestation, check_file,
    check_signature,
};
use serde_json::{Value, json};

use crate::sigstore::authority::{Authority, extension, usage};
use crate::sigstore::{Rekor, Signing, Sigstore, der, hashed_1, time};

const FILE: &[u8] = b"what is signed";
const MAIL: &str = "mail@a.test";
const ISSUER: &str = "https://issuer.test";
/// When everything happens.
const AT: i64 = 1_750_000_000;

fn at() -> Timestamp {
    time(AT)
}

fn sigstore() -> Sigstore {
    Sigstore::new("a.test")
}

fn trust(root: &Value) -> Trust {
    Trust::strict(TrustRoot::parse(root.to_string().as_bytes()).unwrap())
}

fn by(trust: Trust) -> Signer {
    let identity = IdentityMatcher::new(ISSUER, TextMatcher::equals(MAIL).unwrap()).unwrap();
    Signer::Identity(Box::new(IdentitySigner { identity, trust }))
}

fn check(bundle: &Value, signer: &Signer) -> Result<Authorship, String> {
    let bundle = match Bundle::parse(bundle.to_string().as_bytes()) {
        Ok(bundle) => bundle,
        Err(error) => return Err(format!("unreadable: {error}")),
    };
    let signed = check_file(&bundle, signer, &FileContent::of(FILE));
    signed.map(|signed| signed.authorship().clone()).map_err(|error| error.code().to_owned())
}

/// `signed`, or the code of the refusal.
fn code(bundle: &Value, trust: Trust) -> String {
    match check(bundle, &by(trust)) {
        Ok(_) => "signed".to_owned(),
        Err(code) => code,
    }
}

fn strict(bundle: &Value) -> String {
    code(bundle, trust(&sigstore().trusted_root()))
}

/// The root with one member changed: a path of names and numbers.
fn changed(root: &Value, path: &str, value: Value) -> Value {
    let mut root = root.clone();
    *root.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    root
}

fn window(from: i64, until: i64) -> Value {
    json!({"start": time(from).to_string(), "end": time(until).to_string()})
}

#[test]
fn what_is_right_is_signed() {
    let sigstore = sigstore();
    for log in [Rekor::One, Rekor::Two] {
        let bundle = sigstore.signing(MAIL, ISSUER, at()).log(log).stamped().message(FILE);
        let authorship = check(&bundle, &by(trust(&sigstore.trusted_root()))).unwrap();
        assert_eq!((authorship.logs(), authorship.proven_time()), (1, Some(at())));
    }
    assert_eq!(strict(&sigstore.signing(MAIL, ISSUER, at()).message(FILE)), "signed");
    assert_eq!(strict(&sigstore.signing(MAIL, ISSUER, at()).message(b"another file")), "PLM-S39");
    // Rekor 2 gives no time.
    assert_eq!(strict(&sigstore.signing(MAIL, ISSUER, at()).log(Rekor::Two).message(FILE)), "PLM-S36");
}

#[test]
fn what_a_certificate_says() {
    let sigstore = sigstore();
    let name = |names: &[&[u8]]| extension("2.5.29.17", true, &der::sequence([&names.concat()]));
    let mail = || der::value(0x81, MAIL.as_bytes());
    let issuer_1 = |text: &str| extension("1.3.6.1.4.1.57264.1.1", false, text.as_bytes());
    let issuer_8 = |text: &str| extension("1.3.6.1.4.1.57264.1.8", false, &der::utf8(text));
    let user = |kind: &str| {
        let text = der::tagged(0, &der::utf8(MAIL));
        der::value(0xa0, &[der::oid(kind), text].concat())
    };
    // In place of the extensions with these numbers in `Leaf::usual`: 0 key usage, 1 uses, 4 name, 5 old issuer, 6 issuer.
    let none = Vec::new;
    for (what, changes, want) in [
        ("nothing changed", vec![], "signed"),
        ("no use (cosign 3.1.1 accepts)", vec![(1, none())], "PLM-S15"),
        ("for servers", vec![(1, usage("1.3.6.1.5.5.7.3.1", false))], "PLM-S15"),
        ("for anything", vec![(1, usage("2.5.29.37.0", false))], "PLM-S15"),
        ("no key usage", vec![(0, none())], "PLM-S15"),
        ("for encryption", vec![(0, extension("2.5.29.15", true, &der::value(3, &[5, 0x20])))], "PLM-S15"),
        ("no name", vec![(4, none())], "PLM-S14"),
        ("no name in the list of names", vec![(4, name(&[]))], "PLM-S14"),
        ("two names", vec![(4, name(&[&mail(), &der::value(0x81, b"eve@a.test")]))], "PLM-S14"),
        ("another kind of name first", vec![(4, name(&[&der::value(0x82, b"a.test"), &mail()]))], "PLM-S14"),
        ("a host", vec![(4, name(&[&der::value(0x82, MAIL.as_bytes())]))], "PLM-S14"),
        ("a user's name", vec![(4, name(&[&user("1.3.6.1.4.1.57264.1.7")]))], "signed"),
        ("a name of another kind", vec![(4, name(&[&user("1.3.6.1.4.1.311.20.2.3")]))], "PLM-S14"),
        ("an empty name", vec![(4, name(&[&der::value(0x81, b"")]))], "PLM-S14"),
        ("somebody else's name", vec![(4, name(&[&der::value(0x81, b"eve@a.test")]))], "PLM-S22"),
        ("the name in another case", vec![(4, name(&[&der::value(0x81, b"Mail@a.test")]))], "PLM-S22"),
        ("old issuer only", vec![(6, none())], "signed"),
        ("issuer only", vec![(5, none())], "signed"),
        ("no issuer", vec![(5, none()), (6, none())], "PLM-S14"),
        ("an empty issuer", vec![(5, none()), (6, issuer_8(""))], "PLM-S14"),
        ("two issuers", vec![(5, issuer_1("https://other.test"))], "PLM-S14"),
        ("two issuers, the other way around", vec![(6, issuer_8("https://other.test"))], "PLM-S14"),
        ("another issuer", vec![(5, none()), (6, issuer_8("https://other.test"))], "PLM-S21"),
        ("another old issuer", vec![(6, none()), (5, issuer_1("https://other.test"))], "PLM-S21"),
        (
            "issuer without tag",
            vec![(6, extension("1.3.6.1.4.1.57264.1.8", false, ISSUER.as_bytes()))],
            "PLM-S14",
        ),
        ("issuer twice", vec![(6, [issuer_8(ISSUER), issuer_8("https://other.test")].concat())], "PLM-S14"),
        (
            "a claim that is not text",
            vec![(6, [issuer_8(ISSUER), extension("1.3.6.1.4.1.57264.1.20", false, b"push")].concat())],
            "PLM-S14",
        ),
        ("an extension that nobody knows", vec![(0, extension("1.2.3.4", true, b"x"))], "PLM-S15"),
    ] {
        let mut signing = sigstore.signing(MAIL, ISSUER, at());
        let spki = signing.key.spki();
        let leaf = sigstore.leaf(&spki, MAIL, ISSUER, (at(), time(AT + 600)));
        let mut extensions = leaf.usual(&sigstore.ca);
        for (place, content) in changes {
            extensions[place] = content;
        }
        signing.certificate = leaf.issue_saying(&sigstore.ca, Some(&sigstore.ct), &extensions);
        assert_eq!(strict(&signing.message(FILE)), want, "{what}");
    }
}

#[test]
fn who_certifies_and_who_logs_certificates() {
    let (ours, stranger) = (sigstore(), Sigstore::new("b.test"));
    let signing = |ca: &Authority, ct| {
        let mut signing = ours.signing(MAIL, ISSUER, at());
        let spki = signing.key.spki();
        signing.certificate = ours.leaf(&spki, MAIL, ISSUER, (at(), time(AT + 600))).issue(ca, ct);
        signing.message(FILE)
    };
    assert_eq!(strict(&signing(&ours.ca, Some(&ours.ct))), "signed");
    assert_eq!(strict(&signing(&ours.ca, Some(&stranger.ct))), "PLM-S20");
    assert_eq!(strict(&signing(&ours.ca, None)), "PLM-S19");
    assert_eq!(strict(&signing(&stranger.ca, Some(&ours.ct))), "PLM-S17");
    // An authority of the same name with another key.
    let mut twin = stranger.ca.clone();
    twin.name = ours.ca.name.clone();
    assert_eq!(strict(&signing(&twin, Some(&ours.ct))), "PLM-S17");
    let unlogged =
        Trust { certificate_log: CertificateLogDemand::NotRequired, ..trust(&ours.trusted_root()) };
    assert_eq!(code(&signing(&ours.ca, None), unlogged.clone()), "signed");
    assert_eq!(code(&signing(&stranger.ca, None), unlogged), "PLM-S17");
    let nobody = changed(&ours.trusted_root(), "/certificateAuthorities", json!([]));
    assert_eq!(code(&signing(&ours.ca, Some(&ours.ct)), trust(&nobody)), "PLM-S17");
}

/// Both ends of every span belong to it, and not a second more.
#[test]
fn everybody_was_good_at_the_time() {
    let sigstore = sigstore();
    let root = sigstore.trusted_root();
    let one = sigstore.signing(MAIL, ISSUER, at()).message(FILE);
    let two = sigstore.signing(MAIL, ISSUER, at()).log(Rekor::Two).stamped().message(FILE);
    for (path, bundle, want) in [
        ("/tlogs/0/publicKey/validFor", &one, "PLM-S31"),
        ("/tlogs/1/publicKey/validFor", &two, "PLM-S31"),
        ("/certificateAuthorities/0/validFor", &one, "PLM-S18"),
        ("/certificateAuthorities/0/validFor", &two, "PLM-S18"),
        ("/timestampAuthorities/0/validFor", &two, "PLM-S35"),
        ("/ctlogs/0/publicKey/validFor", &one, "PLM-S20"),
    ] {
        for (span, want) in [
            ((AT, AT), "signed"),
            ((AT - 1, AT), "signed"),
            ((AT, AT + 1), "signed"),
            ((AT - 2, AT - 1), want),
            ((AT + 1, AT + 2), want),
        ] {
            let root = changed(&root, path, window(span.0, span.1));
            assert_eq!(code(bundle, trust(&root)), want, "{path} {span:?}");
        }
    }
    // The certificates of the authorities themselves (CVE-2026-24122): the library looks at the leaf only.
    let der = |authority: &Authority| json!(STANDARD.encode(&authority.certificate));
    for (list, place, authority, above, bundle, want) in [
        ("certificateAuthorities", 0, &sigstore.ca, &sigstore.root, &one, "PLM-S18"),
        ("certificateAuthorities", 1, &sigstore.root, &sigstore.root, &one, "PLM-S18"),
        ("timestampAuthorities", 0, &sigstore.stamper, &sigstore.stamp_root, &two, "PLM-S33"),
        ("timestampAuthorities", 1, &sigstore.stamp_root, &sigstore.stamp_root, &two, "PLM-S35"),
    ] {
        let path = format!("/{list}/0/certChain/certificates/{place}/rawBytes");
        for (span, want) in [((AT, AT), "signed"), ((AT - 2, AT - 1), want), ((AT + 1, AT + 2), want)] {
            let again = authority.again(above, span);
            let mut bundle = bundle.clone();
            if list == "timestampAuthorities" && place == 0 {
                // The stamp names its certificate by hash.
                let Value::String(signature) = &bundle["messageSignature"]["signature"] else { panic!() };
                let signature = STANDARD.decode(signature).unwrap();
                let stamp = crate::sigstore::stamp_by(&again, &signature, at());
                bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] =
                    json!(STANDARD.encode(stamp));
            }
            let root = changed(&root, &path, der(&again));
            assert_eq!(code(&bundle, trust(&root)), want, "{path} {span:?}");
        }
    }
}

/// The certificate, too, and at each time that is proven: one wrong clock must not hide another.
#[test]
fn the_certificate_was_good_at_each_time() {
    let sigstore = sigstore();
    let signing = |from: i64, until: i64| {
        let mut signing = sigstore.signing(MAIL, ISSUER, at());
        let spki = signing.key.spki();
        let leaf = sigstore.leaf(&spki, MAIL, ISSUER, (time(from), time(until)));
        signing.certificate = leaf.issue(&sigstore.ca, Some(&sigstore.ct));
        signing
    };
    for ((from, until), want) in [
        ((AT, AT), "signed"),
        ((AT - 600, AT), "signed"),
        ((AT - 600, AT - 1), "PLM-S16"),
        ((AT + 1, AT + 600), "PLM-S16"),
    ] {
        assert_eq!(strict(&signing(from, until).message(FILE)), want, "{from} {until}");
        let stamped = signing(from, until).log(Rekor::Two).stamped().message(FILE);
        assert_eq!(strict(&stamped), want, "{from} {until}");
    }
    for (stamps, want) in [
        (vec![AT], "signed"),
        (vec![AT, AT + 600], "signed"),
        (vec![AT + 601], "PLM-S16"),
        (vec![AT - 1], "PLM-S16"),
        (vec![AT, AT + 601], "PLM-S16"),
        (vec![AT, AT - 1], "PLM-S16"),
        (vec![AT - 1, AT], "PLM-S16"),
    ] {
        for log in [Rekor::One, Rekor::Two] {
            let mut bundle = signing(AT, AT + 600).log(log).message(FILE);
            stamp(&sigstore, &mut bundle, &stamps);
            assert_eq!(strict(&bundle), want, "{log:?} {stamps:?}");
        }
    }
}

/// Authorities and logs, too, at each time and not at the first only.
#[test]
fn everybody_was_good_at_each_time() {
    let sigstore = sigstore();
    let root = sigstore.trusted_root();
    let mut bundle = sigstore.signing(MAIL, ISSUER, at()).log(Rekor::Two).message(FILE);
    stamp(&sigstore, &mut bundle, &[AT, AT + 2]);
    for (path, want) in [
        ("/tlogs/1/publicKey/validFor", "PLM-S31"),
        ("/certificateAuthorities/0/validFor", "PLM-S18"),
        ("/timestampAuthorities/0/validFor", "PLM-S35"),
    ] {
        for (span, want) in [((AT, AT + 2), "signed"), ((AT, AT + 1), want), ((AT + 1, AT + 2), want)] {
            let root = changed(&root, path, window(span.0, span.1));
            assert_eq!(code(&bundle, trust(&root)), want, "{path} {span:?}");
        }
    }
    let path = "/certificateAuthorities/0/certChain/certificates/0/rawBytes";
    for (span, want) in [((AT, AT + 2), "signed"), ((AT, AT + 1), "PLM-S18"), ((AT + 1, AT + 2), "PLM-S18")] {
        let again = sigstore.ca.again(&sigstore.root, span);
        let root = changed(&root, path, json!(STANDARD.encode(&again.certificate)));
        assert_eq!(code(&bundle, trust(&root)), want, "{span:?}");
    }
}

/// Time stamps over the bundle's signature.
fn stamp(sigstore: &Sigstore, bundle: &mut Value, times: &[i64]) {
    let Value::String(signature) = &bundle["messageSignature"]["signature"] else { panic!() };
    let signature = STANDARD.decode(signature).unwrap();
    let stamp = |at: &i64| json!({"signedTimestamp": STANDARD.encode(sigstore.stamp(&signature, time(*at)))});
    let stamps: Vec<Value> = times.iter().map(stamp).collect();
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({ "rfc3161Timestamps": stamps });
}

#[test]
fn time_is_proven_or_it_is_not() {
    let (ours, stranger) = (sigstore(), Sigstore::new("b.test"));
    let demanding = |time| Trust { time, ..trust(&ours.trusted_root()) };
    let logged = ours.signing(MAIL, ISSUER, at()).message(FILE);
    let stamped = ours.signing(MAIL, ISSUER, at()).log(Rekor::Two).stamped().message(FILE);
    assert_eq!(code(&logged, demanding(TimeDemand::Log)), "signed");
    assert_eq!(code(&logged, demanding(TimeDemand::Authority)), "PLM-S36");
    assert_eq!(code(&stamped, demanding(TimeDemand::Log)), "PLM-S36");
    assert_eq!(code(&stamped, demanding(TimeDemand::Authority)), "signed");

    // CVE-2024-55655: without the log's promise its time is anybody's word.
    let mut unpromised = logged.clone();
    let entry = &mut unpromised["verificationMaterial"]["tlogEntries"][0];
    entry.as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(strict(&unpromised), "PLM-S36");
    assert_eq!(code(&unpromised, demanding(TimeDemand::NotRequired)), "PLM-S36");
    stamp(&ours, &mut unpromised, &[AT + 1]);
    let authorship = check(&unpromised, &by(trust(&ours.trusted_root()))).unwrap();
    let times: Vec<Timestamp> = authorship.proven_times().iter().map(|proven| proven.time).collect();
    assert_eq!(times, [time(AT + 1)]);
    unpromised["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!((AT - 1).to_string());
    assert_eq!(strict(&unpromised), "PLM-S37");

    let place = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let mut other = stamped.clone();
    stamp(&stranger, &mut other, &[AT]);
    assert_eq!(strict(&other), "PLM-S33");
    let swapped =
        changed(&stamped, place, json!([{"signedTimestamp": STANDARD.encode(ours.stamp(b"other", at()))}]));
    assert_eq!(strict(&swapped), "PLM-S34");
    // One bad stamp beside a good one.
    let mut both = stamped.clone();
    let bad = other.pointer(place).unwrap()[0].clone();
    both.pointer_mut(place).unwrap().as_array_mut().unwrap().push(bad);
    assert_eq!(strict(&both), "PLM-S33");
    let twice = stamped.pointer(place).unwrap()[0].clone();
    let twice = changed(&stamped, place, json!([twice, twice]));
    assert_eq!(strict(&twice), "unreadable: the bundle lists a time stamp twice");
    // Whoever trusts no authority of time stamps learns nothing from one.
    let none = changed(&ours.trusted_root(), "/timestampAuthorities", json!([]));
    assert_eq!(code(&stamped, trust(&none)), "PLM-S36");
    let mut logged_and_stamped = logged;
    stamp(&stranger, &mut logged_and_stamped, &[AT + 9999]);
    assert_eq!(code(&logged_and_stamped, trust(&none)), "signed");
}

#[test]
fn logs_are_counted_and_each_speaks_for_itself() {
    let (ours, stranger) = (sigstore(), Sigstore::new("b.test"));
    let needing = |logs| Trust {
        log: LogDemand::Required { logs: NonZeroUsize::new(logs).unwrap() },
        ..trust(&ours.trusted_root())
    };
    let signer = ours.signing(MAIL, ISSUER, at()).stamped();
    let signing = |log| signer.clone().log(log);
    let entries = |bundle: &Value| bundle["verificationMaterial"]["tlogEntries"].clone();
    let with = |entries: Vec<&Value>| {
        let mut bundle = signing(Rekor::One).message(FILE);
        bundle["verificationMaterial"]["tlogEntries"] = json!(entries);
        bundle
    };
    let one = entries(&signing(Rekor::One).message(FILE))[0].clone();
    let again = entries(&signing(Rekor::One).message(FILE))[0].clone();
    let two = entries(&signing(Rekor::Two).message(FILE))[0].clone();
    let both = check(&with(vec![&one, &two]), &by(needing(2))).unwrap();
    assert_eq!(both.logs(), 2);
    // CVE-2026-49834: two entries of one log are one log.
    assert_eq!(code(&with(vec![&one, &again]), needing(1)), "signed");
    assert_eq!(code(&with(vec![&one, &again]), needing(2)), "PLM-S25");
    assert_eq!(code(&with(vec![&one]), needing(2)), "PLM-S25");
    assert!(
        code(&with(vec![&one, &one]), needing(1)).starts_with("unreadable: the bundle lists the log entry")
    );

    // A log that takes another one's name.
    let id = |entry: &Value| entry["logId"]["keyId"].clone();
    for (entry, name, want) in [(&two, id(&one), "PLM-S28"), (&one, id(&two), "PLM-S27")] {
        let mut entry = entry.clone();
        entry["logId"]["keyId"] = name;
        assert_eq!(code(&with(vec![&entry]), needing(1)), want);
    }

    // A log that nobody knows does not count, and does not hurt.
    let foreign = entries(&stranger.signing(MAIL, ISSUER, at()).message(FILE))[0].clone();
    assert_eq!(code(&with(vec![&foreign]), needing(1)), "PLM-S41");
    assert_eq!(code(&with(vec![&foreign, &one]), needing(1)), "signed");
    assert_eq!(code(&with(vec![&foreign, &one]), needing(2)), "PLM-S25");
    assert_eq!(code(&with(vec![]), needing(1)), "PLM-S24");
    let unlogged = Trust { log: LogDemand::NotRequired, ..needing(1) };
    assert_eq!(code(&with(vec![]), unlogged.clone()), "signed");
    assert_eq!(code(&with(vec![&foreign]), unlogged.clone()), "signed");
    // What a known log says must be right even where no log is demanded.
    let mut wrong = one.clone();
    wrong["inclusionPromise"]["signedEntryTimestamp"] =
        again["inclusionPromise"]["signedEntryTimestamp"].clone();
    assert_eq!(code(&with(vec![&wrong]), unlogged), "PLM-S27");
    // One bad entry beside a good one.
    wrong["logIndex"] = json!("77");
    assert_eq!(code(&with(vec![&two, &wrong]), needing(1)), "PLM-S27");
}

/// CVE-2022-36056, CVE-2026-22703, CVE-2022-23649.
#[test]
fn an_entry_is_about_this_signature() {
    let sigstore = sigstore();
    for log in [Rekor::One, Rekor::Two] {
        let signing = |subject| sigstore.signing(subject, ISSUER, at()).log(log).stamped();
        let ours = signing(MAIL).message(FILE);
        assert_eq!(strict(&ours), "signed");
        let borrowed = |from: &Signing<'_>, file: &[u8]| {
            let mut bundle = ours.clone();
            bundle["verificationMaterial"]["tlogEntries"] =
                from.message(file)["verificationMaterial"]["tlogEntries"].clone();
            bundle
        };
        assert_eq!(strict(&borrowed(&signing(MAIL), b"another file")), "PLM-S29", "{log:?}");
        assert_eq!(strict(&borrowed(&signing("eve@a.test"), FILE)), "PLM-S29", "{log:?}");
        // The same key, the same file, another certificate: ECDSA of RFC 6979 gives the same signature.
        let again = signing(MAIL);
        assert_ne!(
            json!(STANDARD.encode(&again.certificate)),
            ours["verificationMaterial"]["certificate"]["rawBytes"]
        );
        assert_eq!(strict(&borrowed(&again, FILE)), "PLM-S29", "{log:?}");
    }
}

fn statement(image: Digest, predicate_type: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{predicate_type}","predicate":{{}}}}"#,
        image.hex()
    )
}

fn candidate(content: Content) -> Candidate {
    Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content }
}

const STATEMENT: &str = "application/vnd.in-toto+json";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

#[test]
fn statements_are_signed_by_certificate_too() {
    let sigstore = sigstore();
    let (image, signer) = (Digest::of(b"image"), by(trust(&sigstore.trusted_root())));
    for log in [Rekor::One, Rekor::Two] {
        let signing = sigstore.signing(MAIL, ISSUER, at()).log(log).stamped();
        let found = |payload_type: &str, payload: &str| {
            let bundle = signing.envelope(payload_type, payload.as_bytes()).to_string();
            candidate(Content::from_bundle(&Checked::of(bundle.into_bytes())))
        };
        let signed = |candidate: &Candidate, image| match check_signature(candidate, &signer, image) {
            Ok(signed) => format!("signed {}", signed.authorship().author().principal()),
            Err(error) => error.code().to_owned(),
        };
        let good = found(STATEMENT, &statement(image, SIGN));
        assert_eq!(signed(&good, image), format!("signed {MAIL} ({ISSUER})"));
        assert_eq!(signed(&good, Digest::of(b"other")), "PLM-S04");
        assert_eq!(check_attestation(&good, &signer, image).unwrap_err().code(), "PLM-S06");
        assert_eq!(signed(&found(STATEMENT, &statement(image, "https://x.test")), image), "PLM-S05");
        assert_eq!(signed(&found(STATEMENT, "{}"), image), "PLM-S09");
        assert_eq!(signed(&found("text/plain", &statement(image, SIGN)), image), "PLM-S08");
        // A signature over the digest of an image, as if it were a file, is not one over the image.
        let file = signing.message(FILE).to_string();
        let file = candidate(Content::from_bundle(&Checked::of(file.into_bytes())));
        assert_eq!(signed(&file, Digest::of(FILE)), "PLM-S11");
    }
}

#[test]
fn the_signer_is_who_is_asked_for() {
    let sigstore = sigstore();
    let workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2";
    let mut signing = sigstore.signing(workflow, ISSUER, at());
    let spki = signing.key.spki();
    let leaf = sigstore.leaf(&spki, workflow, ISSUER, (at(), time(AT + 600)));
    let mut extensions = leaf.usual(&sigstore.ca);
    extensions.push(extension("1.3.6.1.4.1.57264.1.20", false, &der::utf8("push")));
    extensions.push(extension("1.3.6.1.4.1.57264.1.5", false, b"acme/app"));
    signing.certificate = leaf.issue_saying(&sigstore.ca, Some(&sigstore.ct), &extensions);
    let bundle = signing.message(FILE);
    let glob = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v*";
    let claim = |name: &str| name.parse::<Claim>().unwrap();
    for (issuer, subject, claims, want) in [
        (ISSUER, TextMatcher::equals(workflow), vec![], "signed"),
        (ISSUER, TextMatcher::glob(glob), vec![("build_trigger", "push")], "signed"),
        (ISSUER, TextMatcher::glob(glob), vec![("github_workflow_repository", "acme/app")], "signed"),
        ("https://issuer.test/", TextMatcher::equals(workflow), vec![], "PLM-S21"),
        ("https://issuer.tes", TextMatcher::equals(workflow), vec![], "PLM-S21"),
        (ISSUER, TextMatcher::equals(&workflow[1..]), vec![], "PLM-S22"),
        (ISSUER, TextMatcher::glob(&glob.replace("v*", "w*")), vec![], "PLM-S22"),
        (ISSUER, TextMatcher::equals(workflow), vec![("build_trigger", "pull_request")], "PLM-S23"),
        (ISSUER, TextMatcher::equals(workflow), vec![("runner_environment", "github-hosted")], "PLM-S23"),
        (
            ISSUER,
            TextMatcher::equals(workflow),
            vec![("build_trigger", "push"), ("github_workflow_ref", "x")],
            "PLM-S23",
        ),
    ] {
        let mut identity = IdentityMatcher::new(issuer, subject.unwrap()).unwrap();
        for (name, value) in &claims {
            identity = identity.with_claim(claim(name), TextMatcher::equals(value).unwrap()).unwrap();
        }
        let trust = trust(&sigstore.trusted_root());
        let signer = Signer::Identity(Box::new(IdentitySigner { identity, trust }));
        match check(&bundle, &signer) {
            Ok(authorship) => {
                let Author::Identity(certified) = authorship.author() else { panic!("{authorship:?}") };
                assert_eq!(certified.certificate, Digest::of(&signing.certificate));
                assert_eq!(certified.identity.claims[&claim("build_trigger")], "push");
                assert_eq!(want, "signed", "{issuer} {claims:?}");
            }
            Err(code) => assert_eq!(code, want, "{issuer} {claims:?}"),
        }
    }
}

#[test]
fn a_key_has_witnesses() {
    let sigstore = sigstore();
    let signing = sigstore.signing(MAIL, ISSUER, at());
    let key = PublicKey::from_pem(&signing.key.public_pem()).unwrap();
    let bundle = |file: &[u8], verifier: &str, stamped: bool| {
        let signature = signing.key.sign(FILE);
        let body = hashed_1(Digest::of(file).bytes(), &signature, verifier);
        let entry = sigstore.rekor(Rekor::One).enter("hashedrekord", "0.0.1", &body, at());
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": [entry]},
            "messageSignature": {"signature": STANDARD.encode(&signature)},
        });
        if stamped {
            stamp(&sigstore, &mut bundle, &[AT + 5]);
        }
        bundle
    };
    let witnessed = |trust| Signer::WitnessedKey(Box::new(WitnessedKey { key: key.clone(), trust }));
    let strict = || witnessed(trust(&sigstore.trusted_root()));
    let code = |bundle: &Value, signer: &Signer| match check(bundle, signer) {
        Ok(authorship) => {
            format!("{:?} {:?}", authorship.logs(), authorship.proven_time().map(Timestamp::seconds))
        }
        Err(code) => code,
    };
    let ours = signing.key.public_pem();
    assert_eq!(code(&bundle(FILE, &ours, false), &strict()), format!("1 {:?}", Some(AT)));
    assert_eq!(code(&bundle(FILE, &ours, true), &strict()), format!("1 {:?}", Some(AT)));
    // A key alone asks nobody.
    assert_eq!(code(&bundle(b"other", &ours, false), &Signer::Key(key.clone())), "0 None");
    assert_eq!(code(&bundle(b"other", &ours, false), &strict()), "PLM-S29");
    let eve = sigstore.signing("eve@a.test", ISSUER, at()).key.public_pem();
    assert_eq!(code(&bundle(FILE, &eve, false), &strict()), "PLM-S29");
    let mut unlogged = bundle(FILE, &ours, true);
    unlogged["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    assert_eq!(code(&unlogged, &strict()), "PLM-S24");
    let stamps =
        Trust { log: LogDemand::NotRequired, time: TimeDemand::Authority, ..trust(&sigstore.trusted_root()) };
    assert_eq!(code(&unlogged, &witnessed(stamps.clone())), format!("0 {:?}", Some(AT + 5)));
    assert_eq!(code(&bundle(FILE, &ours, false), &witnessed(stamps)), "PLM-S36");
    // Key and identity are not mixed up.
    assert_eq!(code(&unlogged, &by(trust(&sigstore.trusted_root()))), "PLM-S38");
    assert_eq!(code(&signing.message(FILE), &strict()), "PLM-S07");
    assert_eq!(Author::Key(key.clone()).principal(), Principal::Key(key.fingerprint()));
}

/// Every kind of key that can sign: with a log entry it verifies or is said to be unsupported, and a right signature is never called wrong.
#[test]
fn other_keys_have_witnesses_or_are_unsupported() {
    let sigstore = sigstore();
    for (name, form, want) in [
        ("ec256", Form::File, "signed"),
        ("rsa2048", Form::File, "signed"),
        ("ec384", Form::File, "signed"),
        // With SHA-256, as cosign 2.
        ("ec384", Form::Layer, "PLM-S40"),
        ("ec521", Form::File, "PLM-S40"),
        ("ed25519", Form::File, "signed"),
    ] {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keys/source");
        let pem = std::fs::read_to_string(format!("{source}/{name}.pem")).unwrap();
        let key = PrivateKey::from_open_pem(&pem).unwrap();
        let signature = key.sign(form, FILE).unwrap();
        let body = hashed_1(Digest::of(FILE).bytes(), &signature, &key.public().to_pem());
        let entry = sigstore.rekor(Rekor::One).enter("hashedrekord", "0.0.1", &body, at());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": [entry]},
            "messageSignature": {"signature": STANDARD.encode(&signature)},
        });
        assert_eq!(check(&bundle, &Signer::Key(key.public())).map(|by| by.logs()), Ok(0), "{name} {form:?}");
        let trust = trust(&sigstore.trusted_root());
        let signer = Signer::WitnessedKey(Box::new(WitnessedKey { key: key.public(), trust }));
        let code = check(&bundle, &signer).map_or_else(|code| code, |_| "signed".to_owned());
        assert_eq!(code, want, "{name} {form:?}");
    }
}

/// Attestations under `.att`: the log's promise is an annotation.
#[test]
fn annotations_beside_an_attestation() {
    let sigstore = sigstore();
    let image = Digest::of(b"image");
    let signing = sigstore.signing(MAIL, ISSUER, at());
    let said = statement(image, "https://x.test");
    let annotations = |bundle: &Value| {
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let number = |name: &str| entry[name].as_str().unwrap().parse::<i64>().unwrap();
        let id = STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
        let promise = json!({
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": number("integratedTime"),
                "logIndex": number("logIndex"),
                "logID": crate::sigstore::log::hex(&id),
            },
        });
        let certificate = crate::sigstore::pem("CERTIFICATE", &signing.certificate);
        BTreeMap::from([
            ("dev.sigstore.cosign/bundle".to_owned(), promise.to_string()),
            ("dev.sigstore.cosign/certificate".to_owned(), certificate),
        ])
    };
    let bundle = signing.envelope(STATEMENT, said.as_bytes());
    let other = signing.envelope(STATEMENT, statement(image, "https://y.test").as_bytes());
    let signer = by(trust(&sigstore.trusted_root()));
    let code = |annotations: &BTreeMap<String, String>, signer: &Signer| {
        let layer = Checked::of(bundle["dsseEnvelope"].to_string().into_bytes());
        let found = candidate(Content::from_attestation_layer(&layer, annotations));
        match check_attestation(&found, signer, image) {
            Ok(attested) => format!("attested {:?}", attested.authorship().proven_time()),
            Err(error) => error.code().to_owned(),
        }
    };
    let good = annotations(&bundle);
    assert_eq!(code(&good, &signer), format!("attested {:?}", Some(at())));
    assert_eq!(code(&annotations(&other), &signer), "PLM-S29");
    assert_eq!(code(&BTreeMap::new(), &signer), "PLM-S38");
    // Whoever has the key does not need them, and is not misled by broken ones.
    let key = Signer::Key(PublicKey::from_pem(&signing.key.public_pem()).unwrap());
    let broken = good.keys().map(|name| (name.clone(), "broken".to_owned())).collect();
    assert_eq!(code(&broken, &key), "attested None");
    assert_eq!(code(&broken, &signer), "PLM-S42");
}
