//! Every way of being wrong that is known of cosign's formats, made with a key that we hold: nothing but the named fault is wrong.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::base::{Checked, Digest};
use crate::crypto::{Form, PrivateKey};
use crate::format::bundle::{NewBundle, NewContent, NewSigner};
use crate::format::dsse::{Envelope, pre_authentication_encoding};
use crate::format::simple_signing::{SIGNATURE_ANNOTATION, SimpleSigning};
use crate::format::statement::{PAYLOAD_TYPE, SIGN_PREDICATE};

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().unwrap());

fn image() -> Digest {
    Digest::of(b"image")
}

fn signer() -> Signer {
    Signer::Key(KEY.public())
}

fn candidate(content: Content) -> Candidate {
    Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content }
}

fn bundle_of(json: &str) -> Candidate {
    candidate(Content::from_bundle(&Checked::of(json.as_bytes().to_vec())))
}

fn envelope_of(json: &str) -> Candidate {
    candidate(Content::from_attestation_layer(&Checked::of(json.as_bytes().to_vec()), &BTreeMap::new()))
}

fn envelope(payload_type: &str, statement: &str) -> String {
    let bytes = pre_authentication_encoding(payload_type, statement.as_bytes());
    Envelope::write(payload_type, statement.as_bytes(), &KEY.sign(Form::Envelope, &bytes).unwrap())
}

fn around(hint: &str, envelope: &str) -> String {
    let (signer, content) = (NewSigner::Hint(hint), NewContent::Envelope(envelope));
    NewBundle { signer, log_entries: &[], timestamps: &[], content }.to_json()
}

fn bundle(statement: &str) -> String {
    around(&KEY.public().hint(), &envelope(PAYLOAD_TYPE, statement))
}

fn statement(predicate_type: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}},"annotations":{{"env":"prod"}}}}],"predicateType":"{predicate_type}","predicate":{{}}}}"#,
        image().hex(),
    )
}

fn legacy(payload: &[u8]) -> Candidate {
    let signature = STANDARD.encode(KEY.sign(Form::Envelope, payload).unwrap());
    let annotations = BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), signature)]);
    candidate(Content::from_signature_layer(Checked::of(payload.to_vec()), &annotations))
}

fn signature_code(candidate: &Candidate) -> &'static str {
    check_signature(candidate, &signer(), image()).map_or_else(|error| error.code(), |_| "signed")
}

fn attestation_code(candidate: &Candidate) -> &'static str {
    check_attestation(candidate, &signer(), image()).map_or_else(|error| error.code(), |_| "attested")
}

/// Replaces, and insists that there was something to replace.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn the_purpose_is_bound() {
    let sign = statement(SIGN_PREDICATE);
    let vuln = statement("https://cosign.sigstore.dev/attestation/vuln/v1");
    let cases = [
        (bundle_of(&bundle(&sign)), "signed", "PLM-S06"),
        (bundle_of(&bundle(&vuln)), "PLM-S05", "attested"),
        (envelope_of(&envelope(PAYLOAD_TYPE, &vuln)), "PLM-S05", "attested"),
        // A signature in the place of attestations is neither.
        (envelope_of(&envelope(PAYLOAD_TYPE, &sign)), "PLM-S05", "PLM-S06"),
        (legacy(&SimpleSigning::write("r", image(), &BTreeMap::new())), "signed", "PLM-S06"),
        // A signed statement is not a simple signing payload.
        (legacy(sign.as_bytes()), "PLM-S10", "PLM-S06"),
        (bundle_of(&bundle(&statement(&SIGN_PREDICATE.to_uppercase()))), "PLM-S05", "attested"),
        (bundle_of(&bundle(&statement(&format!("{SIGN_PREDICATE}/")))), "PLM-S05", "attested"),
    ];
    for (number, (candidate, signature, attestation)) in cases.iter().enumerate() {
        assert_eq!(signature_code(candidate), *signature, "case {number}");
        assert_eq!(attestation_code(candidate), *attestation, "case {number}");
    }
}

#[test]
fn what_was_signed_comes_out() {
    let named = replace(&statement(SIGN_PREDICATE), r#"{"digest""#, r#"{"name":"r.example/app","digest""#);
    let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    for candidate in
        [bundle_of(&bundle(&named)), legacy(&SimpleSigning::write("r.example/app", image(), &annotations))]
    {
        let signed = check_signature(&candidate, &signer(), image()).unwrap();
        assert_eq!(signed.repository(), Some("r.example/app"));
        assert_eq!(*signed.annotations(), annotations);
        assert_eq!((signed.image(), signed.authorship().author()), (image(), &Author::Key(KEY.public())));
    }
    let predicate = r#"{ "b":1.0,"a" : 12345678901234567890 }"#;
    let said = replace(
        &statement("https://x.example/v1"),
        r#""predicate":{}"#,
        &format!(r#""predicate":{predicate}"#),
    );
    let attested = check_attestation(&bundle_of(&bundle(&said)), &signer(), image()).unwrap();
    assert_eq!(attested.predicate(), predicate.as_bytes());
    assert_eq!(attested.predicate_type(), "https://x.example/v1");
}

#[test]
fn statements_that_are_signed_and_still_prove_nothing() {
    let hex = image().hex();
    let digest = format!(r#""sha256":"{hex}""#);
    let other = format!(r#""sha256":"{}""#, Digest::of(b"other").hex());
    let member = r#""predicate":{}"#;
    let deep = format!(r#""predicate":{{"a":{}{}}}"#, "[".repeat(99), "]".repeat(99));
    for (from, to, code) in [
        (&*digest, &*other, "PLM-S04"),
        (&digest, &digest.to_uppercase().replace("SHA256", "sha256"), "PLM-S04"),
        (&digest, &format!(r#""sha256":"sha256:{hex}""#), "PLM-S04"),
        (&digest, &format!(r#""SHA256":"{hex}""#), "PLM-S04"),
        (&digest, &format!(r#""":"{hex}""#), "PLM-S04"),
        (&digest, &format!(r#""sha512":"{hex}""#), "PLM-S04"),
        (&digest, &format!(r#""sha256":"{hex} ""#), "PLM-S04"),
        (&digest, &format!(r#""sha256":"{}""#, &hex[..62]), "PLM-S04"),
        (&digest, r#""sha256":"""#, "PLM-S04"),
        (&digest, "", "PLM-S09"),
        (&digest, r#""sha256":1"#, "PLM-S09"),
        (&digest, &format!("{other},{digest}"), "PLM-S09"),
        (&digest, &format!(r#"{digest},"sh\u0061256":"x""#), "PLM-S09"),
        ("Statement/v1", "Statement/v2", "PLM-S09"),
        ("https://in-toto.io/Statement/v1", "", "PLM-S09"),
        (r#""_type""#, r#""type""#, "PLM-S09"),
        (r#""_type""#, r#""_Type""#, "PLM-S09"),
        (r#""predicateType":"https://x.example","#, "", "PLM-S09"),
        (r#""https://x.example""#, r#""""#, "PLM-S09"),
        (r#""https://x.example""#, "1", "PLM-S09"),
        (member, r#""predicate":[]"#, "PLM-S09"),
        (member, r#""predicate":"text""#, "PLM-S09"),
        (member, r#""predicate":{},"more":1"#, "PLM-S09"),
        (member, r#""predicate":{},"predicate":{}"#, "PLM-S09"),
        (member, r#""predicate":{"a":1,"a":2}"#, "PLM-S09"),
        (member, &deep, "PLM-S09"),
        (r#""annotations""#, r#""unknown""#, "PLM-S09"),
        (r#"[{"digest""#, r#"[[{"digest""#, "PLM-S09"),
        (r#""prod"}}]"#, r#""prod"}}],"subject":[]"#, "PLM-S09"),
        ("}", "}}", "PLM-S09"),
        ("{", " \u{feff}{", "PLM-S09"),
    ] {
        let changed = replace(&statement("https://x.example"), from, to);
        assert_eq!(attestation_code(&bundle_of(&bundle(&changed))), code, "{changed}");
    }
    for (changed, code) in [
        (r#"["https://in-toto.io/Statement/v1",[],"https://x.example",{}]"#.to_owned(), "PLM-S09"),
        (format!("{} {{}}", statement("https://x.example")), "PLM-S09"),
        (format!("\u{feff}{}", statement("https://x.example")), "PLM-S09"),
        (String::new(), "PLM-S09"),
    ] {
        assert_eq!(attestation_code(&bundle_of(&bundle(&changed))), code, "{changed}");
    }
    let nothing = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"{SIGN_PREDICATE}"}}"#
    );
    assert_eq!(signature_code(&bundle_of(&bundle(&nothing))), "PLM-S09");
    let number = replace(&statement(SIGN_PREDICATE), r#""prod""#, "1");
    assert_eq!(signature_code(&bundle_of(&bundle(&number))), "PLM-S12");
    let disguised =
        replace(&statement(SIGN_PREDICATE), r#""prod""#, r#"{"$serde_json::private::RawValue":"\"prod\""}"#);
    assert_eq!(signature_code(&bundle_of(&bundle(&disguised))), "PLM-S09");
    let typed = around("", &envelope("application/json", &statement(SIGN_PREDICATE)));
    assert_eq!(signature_code(&bundle_of(&typed)), "PLM-S08");
}

#[test]
fn statements_that_others_write_are_read() {
    let digest = format!(r#""sha256":"{}""#, image().hex());
    let first = format!(r#"[{{"digest":{{"sha256":"{}"}}}},{{"digest""#, Digest::of(b"other").hex());
    for (from, to) in [
        ("Statement/v1", "Statement/v0.1"),
        (r#","predicate":{}"#, ""),
        (r#""predicate":{}"#, r#""predicate":null"#),
        (&*digest, &*format!(r#"{digest},"sha512":"x","gitCommit":"y""#)),
        (r#"[{"digest""#, &first),
        (r#"{"digest""#, r#"{"name":"other image","uri":"u","digest""#),
        ("}]", "}] "),
    ] {
        let changed = replace(&statement("https://x.example"), from, to);
        assert_eq!(attestation_code(&bundle_of(&bundle(&changed))), "attested", "{changed}");
    }
}

#[test]
fn envelopes_that_are_not_one_signature_over_the_payload() {
    let text = statement("https://x.example");
    let good = envelope(PAYLOAD_TYPE, &text);
    assert_eq!(attestation_code(&envelope_of(&good)), "attested");
    let payload = STANDARD.encode(&text);
    let other = STANDARD.encode(statement("https://y.example"));
    let start = good.find(r#"{"sig""#).unwrap();
    let signature = good[start..].trim_end_matches("]}").to_owned();
    let bare = STANDARD.encode(KEY.sign(Form::Envelope, text.as_bytes()).unwrap());
    let ours = replace(&signature, "{", &format!(r#"{{"keyid":"{}","#, KEY.public().hint()));
    let no_id = replace(&signature, "{", r#"{"keyid":"","#);
    let another = replace(&signature, "{", r#"{"keyid":"SHA256:x","#);
    let url_safe =
        STANDARD.encode(&text).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    for (from, to, code) in [
        (&*signature, &*ours, "attested"),
        (&signature, &no_id, "attested"),
        (&signature, &another, "PLM-S03"),
        (&signature, &replace(&signature, "{", r#"{"x":1,"#), "PLM-S13"),
        (&signature, "", "PLM-S13"),
        (&signature, &format!("{signature},{signature}"), "PLM-S13"),
        (&signature, &format!(r#"{{"sig":"{bare}"}}"#), "PLM-S01"),
        (&signature, r#"{"sig":""}"#, "PLM-S01"),
        (&signature, r#"{"keyid":""}"#, "PLM-S13"),
        (&signature, r#"{"sig":"*"}"#, "PLM-S13"),
        (&signature, r#"["AAAA"]"#, "PLM-S13"),
        (&payload, &other, "PLM-S01"),
        (&payload, "", "PLM-S01"),
        (&payload, &format!("{payload}\\n"), "PLM-S13"),
        (&payload, &format!("{url_safe}-"), "PLM-S13"),
        (PAYLOAD_TYPE, "application/vnd.in-toto+jsoN", "PLM-S01"),
        (r#""payloadType""#, r#""payloadtype""#, "PLM-S13"),
        (r#""payload":"#, r#""payload":"","payload":"#, "PLM-S13"),
        (r#"{"payload""#, r#"{"x":1,"payload""#, "PLM-S13"),
    ] {
        let changed = replace(&good, from, to);
        assert_eq!(attestation_code(&envelope_of(&changed)), code, "{changed}");
    }
}

#[test]
fn bundles_that_are_not_version_0_3_around_one_content() {
    let good = bundle(&statement("https://x.example"));
    let hint = KEY.public().hint();
    let material = format!(r#"{{"publicKey":{{"hint":"{hint}"}}}}"#);
    let content = &good[good.find(r#""dsseEnvelope""#).unwrap()..good.len() - 1];
    let message = r#""messageSignature":{"messageDigest":{},"signature":"AAAA"}"#;
    let certificate = r#"{"certificate":{"rawBytes":"AAAA"},"tlogEntries":[]}"#;
    for (from, to, code) in [
        ("bundle.v0.3+json", "bundle+json;version=0.3", "attested"),
        ("bundle.v0.3+json", "bundle+json;version=0.2", "PLM-S13"),
        ("bundle.v0.3+json", "bundle.v0.4+json", "PLM-S13"),
        ("bundle.v0.3+json", "bundle.v0.3+JSON", "PLM-S13"),
        (&*hint, "", "attested"),
        (&hint, "another key, says the unauthenticated hint", "attested"),
        (&material, "{}", "PLM-S13"),
        (&material, certificate, "PLM-S07"),
        (&material, r#"{"publicKey":{},"certificate":{}}"#, "PLM-S13"),
        (&material, r#"{"publicKey":{},"tlogEntries":[],"timestampVerificationData":{}}"#, "attested"),
        (&material, r#"{"publicKey":{},"x509CertificateChain":{}}"#, "PLM-S13"),
        (&material, r#"{"publicKey":{"hint":1}}"#, "PLM-S13"),
        (&material, r#"{"publicKey":null}"#, "PLM-S13"),
        (r#""mediaType""#, r#""mediatype""#, "PLM-S13"),
        ("{", r#"{"more":1,"#, "PLM-S13"),
        (content, message, "PLM-S11"),
        (content, &replace(message, "AAAA", "AAA*"), "PLM-S13"),
        (content, &replace(message, r#""messageDigest":{}"#, r#""x":{}"#), "PLM-S13"),
        (content, &format!("{content},{message}"), "PLM-S13"),
        (content, r#""dsseEnvelope":null"#, "PLM-S13"),
        (content, &format!("{content},{content}"), "PLM-S13"),
    ] {
        let changed = replace(&good, from, to);
        assert_eq!(attestation_code(&bundle_of(&changed)), code, "{changed}");
    }
    for text in ["", "{}", "[]", "null", "\u{feff}{}", &format!("{good}{{}}"), &good[..good.len() - 1]] {
        assert_eq!(attestation_code(&bundle_of(text)), "PLM-S13", "{text}");
    }
}

#[test]
fn another_key_is_told_from_damage_where_the_hint_allows() {
    let stranger = Signer::Key(PrivateKey::generate().unwrap().public());
    let good = bundle(&statement(SIGN_PREDICATE));
    let code = |text: &str| check_signature(&bundle_of(text), &stranger, image()).unwrap_err().code();
    assert_eq!(code(&good), "PLM-S02");
    assert_eq!(code(&replace(&good, &KEY.public().hint(), "")), "PLM-S01");
}

#[test]
fn legacy_payloads_that_are_signed_and_still_prove_nothing() {
    let good = String::from_utf8(SimpleSigning::write("r", image(), &BTreeMap::new())).unwrap();
    let digest = image().to_string();
    for (from, to, code) in [
        (r#""optional":null"#, r#""optional":{}"#, "signed"),
        (r#","optional":null"#, "", "signed"),
        (&*digest, &*Digest::of(b"other").to_string(), "PLM-S04"),
        (&digest, &digest.to_uppercase().replace("SHA256", "sha256"), "PLM-S10"),
        (&digest, &image().hex(), "PLM-S10"),
        (&digest, "", "PLM-S10"),
        ("cosign container image signature", "", "PLM-S10"),
        ("cosign container image signature", "Cosign container image signature", "PLM-S10"),
        ("cosign container image signature", "atomic container signature", "PLM-S10"),
        ("docker-manifest-digest", "Docker-Manifest-Digest", "PLM-S10"),
        (r#""optional":null"#, r#""optional":[]"#, "PLM-S10"),
        (r#""optional":null"#, r#""optional":{"a":1}"#, "PLM-S12"),
        (r#""optional":null"#, r#""optional":null,"x":1"#, "PLM-S10"),
        (r#""type""#, r#""x":1,"type""#, "PLM-S10"),
        (r#""docker-reference""#, r#""x":1,"docker-reference""#, "PLM-S10"),
        (r#""docker-manifest-digest""#, r#""x":1,"docker-manifest-digest""#, "PLM-S10"),
        (r#"{"critical""#, r#"{"critical":{},"critical""#, "PLM-S10"),
        (r#""identity":{"docker-reference":"r"},"#, "", "PLM-S10"),
        ("{", "\u{feff}{", "PLM-S10"),
        ("null}", "null}{}", "PLM-S10"),
    ] {
        let changed = replace(&good, from, to);
        assert_eq!(signature_code(&legacy(changed.as_bytes())), code, "{changed}");
    }
    let layer = |annotations: &[(&str, &str)]| {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let layer = Checked::of(good.clone().into_bytes());
        candidate(Content::from_signature_layer(layer, &annotations.collect()))
    };
    let signature = STANDARD.encode(KEY.sign(Form::Envelope, good.as_bytes()).unwrap());
    let raw = STANDARD.encode([1; 64]);
    let long = STANDARD.encode([KEY.sign(Form::Envelope, good.as_bytes()).unwrap(), vec![0]].concat());
    assert_eq!(signature_code(&layer(&[(SIGNATURE_ANNOTATION, &signature)])), "signed");
    assert_eq!(signature_code(&layer(&[])), "PLM-S13");
    assert_eq!(signature_code(&layer(&[("dev.cosignproject.cosign/Signature", &signature)])), "PLM-S13");
    for (text, code) in [("", "PLM-S01"), ("*", "PLM-S13"), (&raw, "PLM-S01"), (&long, "PLM-S01")] {
        assert_eq!(signature_code(&layer(&[(SIGNATURE_ANNOTATION, text)])), code, "{text}");
    }
}

/// No bit of what is pushed may change without the proof being gone, but for the bundle's hint, from which nothing is concluded.
#[test]
fn every_flipped_bit_is_noticed() {
    let good = bundle(&statement(SIGN_PREDICATE));
    let hint = KEY.public().hint();
    let hint = good.find(&hint).map(|start| start..start + hint.len()).unwrap();
    let mut read = 0;
    for bit in 0..8 * good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let candidate = candidate(Content::from_bundle(&Checked::of(bytes)));
        read += usize::from(!matches!(candidate.content, Content::Unreadable { .. }));
        let result = check_signature(&candidate, &signer(), image());
        assert!(result.is_err() || hint.contains(&(bit / 8)), "bit {bit}");
    }
    assert!(read > good.len(), "most flips must reach the signature: {read}");

    let payload = SimpleSigning::write("r.example/app", image(), &BTreeMap::new());
    let signature = STANDARD.encode(KEY.sign(Form::Envelope, &payload).unwrap());
    for bit in 0..8 * (payload.len() + signature.len()) {
        let mut both = [&payload[..], signature.as_bytes()].concat();
        both[bit / 8] ^= 1 << (bit % 8);
        let (payload, signature) = both.split_at(payload.len());
        let Ok(signature) = String::from_utf8(signature.to_vec()) else { continue };
        let annotations = BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), signature)]);
        let content = Content::from_signature_layer(Checked::of(payload.to_vec()), &annotations);
        assert!(check_signature(&candidate(content), &signer(), image()).is_err(), "bit {bit}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in r#"[\[\]{}",:a1 \\]{0,40}"#, bytes: Vec<u8>) {
        for bytes in [text.into_bytes(), bytes] {
            let layer = Checked::of(bytes.clone());
            for content in [Content::from_bundle(&layer), Content::from_attestation_layer(&layer, &BTreeMap::new())] {
                proptest::prop_assert!(check_signature(&candidate(content), &signer(), image()).is_err());
            }
            let content = Content::SimpleSigning { payload: bytes.clone(), signature: bytes, annotations: Box::default() };
            proptest::prop_assert!(check_signature(&candidate(content), &signer(), image()).is_err());
        }
    }

    #[test]
    fn a_truncated_bundle_proves_nothing(length in 0usize..400) {
        let good = bundle(&statement(SIGN_PREDICATE));
        let cut = &good[..length.min(good.len() - 1)];
        proptest::prop_assert_eq!(signature_code(&bundle_of(cut)), "PLM-S13");
    }

    /// Signed by the right key, but not by its holder's knowledge of what a payload is: parsers of signed content do not panic either.
    #[test]
    fn signed_nonsense_never_panics(text in r#"[\[\]{}",:a1 \\]{0,40}"#) {
        proptest::prop_assert!(check_signature(&legacy(text.as_bytes()), &signer(), image()).is_err());
        proptest::prop_assert!(check_attestation(&bundle_of(&bundle(&text)), &signer(), image()).is_err());
    }
}
