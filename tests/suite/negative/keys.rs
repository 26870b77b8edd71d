//! Signatures and attestations by key, in every storage's own form.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Checked, Digest, Secret};
use plimsoll::crypto::{Form, PrivateKey};
use plimsoll::format::dsse::{self, Envelope, pre_authentication_encoding};
use plimsoll::format::manifest::{Descriptor, Manifest};
use plimsoll::format::simple_signing::SIGNATURE_ANNOTATION;
use plimsoll::format::statement::{PAYLOAD_TYPE, SIGN_PREDICATE};
use plimsoll::sign;
use plimsoll::verify::{Author, Candidate, Content, Origin, Signer, check_attestation, check_signature};

use super::{Harmless, Mutant, SAME_DOCUMENT, Said, flips, mutants, none_proves, replaced, text_at};

/// The same in every run, so that the samples are the same.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let pem = include_str!("../../../testdata/cosign/keys/cosign3.key");
    PrivateKey::from_encrypted_pem(pem, &Secret::new(b"test".to_vec())).expect("a key of ours")
});

const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn image() -> Digest {
    Digest::of(b"image")
}

/// Judges content as image signature and as attestation. `good` is what the good sample proves, or how that starts.
fn judge(content: Content, good: &str) -> Said {
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content };
    let signer = Signer::Key(KEY.public());
    let author = Author::Key(KEY.public());
    let signature = check_signature(&candidate, &signer, image()).map(|signed| {
        assert_eq!((signed.image(), signed.authorship().author()), (image(), &author));
        format!("signed {:?} {:?}", signed.annotations(), signed.repository())
    });
    let attestation = check_attestation(&candidate, &signer, image()).map(|attested| {
        assert_eq!((attested.image(), attested.authorship().author()), (image(), &author));
        format!("attested {} {}", attested.predicate_type(), String::from_utf8_lossy(attested.predicate()))
    });
    assert!(signature.is_err() || attestation.is_err(), "both: {signature:?} {attestation:?}");
    match if good.starts_with("signed") { signature } else { attestation } {
        Err(error) => Said::Refused(error.code().to_owned()),
        Ok(proof) if proof == good || good.ends_with(' ') && proof.starts_with(good) => Said::Same,
        Ok(proof) => Said::Other(proof),
    }
}

fn bundle(bytes: &[u8], good: &str) -> Said {
    judge(Content::from_bundle(&Checked::of(bytes.to_vec())), good)
}

fn envelope(bytes: &[u8], good: &str) -> Said {
    judge(Content::from_attestation_layer(&Checked::of(bytes.to_vec()), &BTreeMap::new()), good)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("what we write is text")
}

const SIGNED: &str = r#"signed {"env": "prod"} Some("r.example/team/app")"#;
const ATTESTED: &str =
    r#"attested https://cosign.sigstore.dev/attestation/vuln/v1 {"scanner":{"result":"bad"}}"#;
const PREDICATE: &[u8] = br#"{"scanner":{"result":"bad"}}"#;

fn annotations() -> BTreeMap<String, String> {
    BTreeMap::from([("env".to_owned(), "prod".to_owned())])
}

fn signature_bundle() -> Vec<u8> {
    let unsigned = sign::image_signature("r.example/team/app", image(), &annotations()).expect("a signature");
    unsigned.signed_by(&KEY).expect("a signature").bundle
}

fn attestation_bundle() -> Vec<u8> {
    let unsigned = sign::attestation("r.example/team/app", image(), VULN, PREDICATE).expect("an attestation");
    unsigned.signed_by(&KEY).expect("a signature").bundle
}

fn legacy_signature(repository: &str, annotations: &BTreeMap<String, String>) -> sign::LegacyLayer {
    sign::legacy_signature(repository, image(), annotations).signed_by(&KEY).expect("a layer")
}

fn legacy_attestation(repository: &str) -> sign::LegacyLayer {
    let unsigned = sign::legacy_attestation(repository, image(), VULN, PREDICATE).expect("a layer");
    unsigned.signed_by(&KEY).expect("a layer")
}

const KEY_BUNDLE: &[Harmless] = &[
    ("*", "verificationMaterial.publicKey.hint*", "the hint is not authenticated and decides nothing"),
    ("object-empty", "verificationMaterial.publicKey", "a key without a hint"),
];

const KEY_ID: &[Harmless] = &[
    ("dropped", "signatures[0].keyid", "no key id"),
    ("null", "signatures[0].keyid", "no key id"),
    ("name-escaped", "signatures[0].keyid", "JSON: another spelling of the same name"),
];

#[test]
fn a_changed_bundle_is_no_image_signature() {
    let good = signature_bundle();
    assert_eq!(bundle(&good, SIGNED), Said::Same);
    let made = mutants(text(&good));
    none_proves("image bundle", 1500, made, &[SAME_DOCUMENT, KEY_BUNDLE], |m| bundle(&m.bytes, SIGNED));
}

#[test]
fn a_changed_bundle_is_no_attestation() {
    let good = attestation_bundle();
    assert_eq!(bundle(&good, ATTESTED), Said::Same);
    let made = mutants(text(&good));
    none_proves("attestation bundle", 1500, made, &[SAME_DOCUMENT, KEY_BUNDLE], |m| {
        bundle(&m.bytes, ATTESTED)
    });
}

/// Also bits that make no sense as JSON or as text.
#[test]
fn a_flipped_bit_is_no_attestation() {
    let good = attestation_bundle();
    let hint = KEY.public().hint();
    let start = text(&good).find(&hint).expect("a hint");
    let places: Vec<String> = (start..start + hint.len()).map(|at| format!("#{at}")).collect();
    let outside = flips(&good).filter(|flip| !places.contains(&flip.path));
    none_proves("attestation bundle, bits", 5000, outside, &[], |m| bundle(&m.bytes, ATTESTED));
}

#[test]
fn a_changed_envelope_is_no_attestation() {
    let layer = legacy_attestation("r.example/team/app");
    assert_eq!(envelope(&layer.content, ATTESTED), Said::Same);
    let made = mutants(text(&layer.content));
    none_proves("envelope", 1000, made, &[SAME_DOCUMENT], |m| envelope(&m.bytes, ATTESTED));
    none_proves("envelope, bits", 4000, flips(&layer.content), &[], |m| envelope(&m.bytes, ATTESTED));
    // cosign 2 writes an empty key id, and others write theirs.
    let with_id = text(&layer.content).replace(r#"{"sig""#, r#"{"keyid":"","sig""#);
    let ids: Vec<Mutant> = mutants(&with_id).into_iter().filter(|m| m.path.ends_with(".keyid")).collect();
    none_proves("key id", 50, ids, &[KEY_ID], |m| envelope(&m.bytes, ATTESTED));
}

/// A legacy layer: the payload with the annotation beside it.
fn layer(payload: &[u8], annotation: Option<&str>, good: &str) -> Said {
    let annotations = annotation.map(|text| (SIGNATURE_ANNOTATION.to_owned(), text.to_owned()));
    let annotations = annotations.into_iter().collect();
    judge(Content::from_signature_layer(Checked::of(payload.to_vec()), &annotations), good)
}

#[test]
fn a_changed_legacy_layer_is_no_image_signature() {
    let good = legacy_signature("r.example/team/app", &annotations());
    let signature = good.annotations[SIGNATURE_ANNOTATION].clone();
    assert_eq!(layer(&good.content, Some(&signature), SIGNED), Said::Same);
    assert!(matches!(layer(&good.content, None, SIGNED), Said::Refused(_)));
    // Nothing is harmless here: the signature is over these very bytes, in whatever spelling.
    let payloads = mutants(text(&good.content)).into_iter().chain(flips(&good.content));
    none_proves("legacy payload", 2500, payloads, &[], |m| layer(&m.bytes, Some(&signature), SIGNED));
    let quoted = format!("\"{signature}\"");
    let texts = mutants(&quoted).into_iter().chain(flips(signature.as_bytes()));
    let texts = texts.filter_map(|m| {
        // What is not a text is not an annotation: `carried` has those.
        let text = serde_json::from_slice(&m.bytes).or_else(|_| String::from_utf8(m.bytes.clone()));
        let text = text.ok().filter(|text: &String| *text != signature)?;
        Some(Mutant { bytes: text.into_bytes(), ..m })
    });
    none_proves("legacy annotation", 500, texts, &[], |m| layer(&good.content, Some(text(&m.bytes)), SIGNED));
}

fn sealed(payload: &[u8], payload_type: &str) -> Vec<u8> {
    let signature =
        KEY.sign(Form::Envelope, &pre_authentication_encoding(payload_type, payload)).expect("a signature");
    let envelope = Envelope::write(payload_type, payload, &signature);
    let good = signature_bundle();
    replaced(text(&good), "dsseEnvelope", &envelope).into_bytes()
}

fn statement_of(bundle: &[u8]) -> String {
    let payload = text_at(text(bundle), "dsseEnvelope.payload");
    String::from_utf8(STANDARD.decode(payload).expect("base64")).expect("text")
}

/// What the signer may say otherwise without saying something else about another image.
const SAID_OTHERWISE: &[Harmless] = &[
    (
        "*",
        "subject[0].name",
        "the signer may call the image what it likes; who must not care is told by policy",
    ),
    ("doubled", "subject[0]", "twice about the same image"),
    ("list-doubled", "subject", "twice about the same image"),
    ("list-1000", "subject", "no more subjects than are accepted, each the same"),
    (
        "doubled-other-spelling",
        "subject[0].digest.sha256",
        "a digest more, of an algorithm that nobody asks for",
    ),
    ("null", "predicate", "nothing more is said"),
    ("dropped", "predicate", "nothing more is said"),
];

/// Signed by the right key: what the payload says decides.
#[test]
fn a_signed_statement_that_says_something_else_is_no_image_signature() {
    let good = statement_of(&signature_bundle());
    let harmless: &[Harmless] = &[
        ("unknown*", "predicate", "the type says all; whatever more is said is not read"),
        ("in-object", "predicate", "the type says all"),
        ("*", "subject[0].annotations*", "other annotations, which are shown and asked for by name"),
    ];
    none_proves("signed statement", 700, mutants(&good), &[SAME_DOCUMENT, SAID_OTHERWISE, harmless], |m| {
        bundle(&sealed(&m.bytes, PAYLOAD_TYPE), "signed ")
    });
}

#[test]
fn a_signed_statement_that_says_something_else_is_no_attestation() {
    let good = statement_of(&attestation_bundle());
    let harmless: &[Harmless] = &[
        ("*", "predicate*", "what is said is the signer's; its own bytes are handed on"),
        ("*", "predicateType", "what kind of thing is said is the signer's; it is asked for by name"),
    ];
    none_proves("signed statement", 700, mutants(&good), &[SAME_DOCUMENT, SAID_OTHERWISE, harmless], |m| {
        bundle(&sealed(&m.bytes, PAYLOAD_TYPE), "attested ")
    });
}

/// Signed, and under a name that says what it is not.
#[test]
fn a_signed_payload_of_another_type_is_nothing() {
    let statement = statement_of(&signature_bundle());
    let types = mutants(&format!("\"{PAYLOAD_TYPE}\"")).into_iter().filter_map(|m| {
        let text: String = serde_json::from_slice(&m.bytes).ok()?;
        (text != PAYLOAD_TYPE).then(|| Mutant { bytes: text.into_bytes(), ..m })
    });
    none_proves("payload type", 8, types, &[], |m| {
        bundle(&sealed(statement.as_bytes(), text(&m.bytes)), SIGNED)
    });
}

#[test]
fn a_signed_legacy_payload_that_says_something_else_is_no_image_signature() {
    let good = legacy_signature("r.example/team/app", &annotations());
    let harmless: &[Harmless] = &[
        ("*", "critical.identity.docker-reference", "the signer may call the image what it likes"),
        ("*", "optional*", "other annotations, which are shown and asked for by name"),
    ];
    none_proves("signed payload", 600, mutants(text(&good.content)), &[SAME_DOCUMENT, harmless], |m| {
        let signature = STANDARD.encode(KEY.sign(Form::Layer, &m.bytes).expect("a signature"));
        layer(&m.bytes, Some(&signature), "signed ")
    });
}

/// One payload under the other's name: neither storage reads the other's.
#[test]
fn content_under_another_media_type_is_nothing() {
    let bundle = signature_bundle();
    let legacy = legacy_signature("r", &BTreeMap::new());
    let attestation = legacy_attestation("r");
    let types = [
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.cosign.simplesigning.v1+json",
        dsse::MEDIA_TYPE,
        "application/vnd.in-toto+json",
        "application/octet-stream",
        "",
    ];
    for (content, own, good) in [
        (&bundle, types[0], r#"signed {"env": "prod"} Some("r.example/team/app")"#),
        (&legacy.content, types[1], r#"signed {} Some("r")"#),
        (&attestation.content, types[2], ATTESTED),
    ] {
        for media_type in types {
            let content = Checked::of(content.clone());
            let mut descriptor = Descriptor::of(media_type, &content);
            descriptor.annotations = legacy.annotations.clone();
            let said = judge(Content::from_layer(&descriptor, content), good);
            assert_eq!(said == Said::Same, media_type == own, "{own} as {media_type}: {said:?}");
        }
    }
    // And an attestation never says that the image is signed.
    let disguised = Manifest::parse(&Checked::of(bundle));
    assert!(disguised.is_err());
    assert_ne!(VULN, SIGN_PREDICATE);
}
