//! Signatures and attestations by key.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plimsoll::base::{Checked, Digest};
use plimsoll::crypto::{Form, PrivateKey, PublicKey};
use plimsoll::format::bundle::Bundle;
use plimsoll::format::dsse::{Envelope, pre_authentication_encoding};
use plimsoll::format::simple_signing::{SIGNATURE_ANNOTATION, SimpleSigning};
use plimsoll::format::statement::{PAYLOAD_TYPE, Statement};
use plimsoll::verify::{Candidate, Content, Origin, Signer, check_attestation, check_signature};

/// A key that signed none of the seeds.
static STRANGER: LazyLock<PublicKey> = LazyLock::new(|| OURS.public());

/// Signs what is made here, and nothing else in the world.
static OURS: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().expect("a random number"));

fn is_no_proof(content: Content) {
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b""), content };
    let signer = Signer::Key(STRANGER.clone());
    for image in [Digest::of(b""), Digest::of(b"image")] {
        let signature = check_signature(&candidate, &signer, image).map(|_| ());
        let attestation = check_attestation(&candidate, &signer, image).map(|_| ());
        for error in [signature, attestation].map(|result| result.expect_err("nobody signed this")) {
            assert!(error.code().starts_with("PLM-S"));
            assert!(error.to_string().len() < 100_000);
        }
    }
}

pub(crate) fn bundle(bytes: &[u8]) {
    if let (Ok(one), Ok(other)) = (Bundle::parse(bytes), Bundle::parse(bytes)) {
        assert_eq!(one, other);
    }
    is_no_proof(Content::from_bundle(&Checked::of(bytes.to_vec())));
}

pub(crate) fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let payload = envelope.unverified_payload();
        let written = Envelope::write(envelope.payload_type(), payload, envelope.signature());
        let again = Envelope::parse(written.as_bytes()).expect("what we write, we read");
        assert_eq!(again.signed_bytes(), envelope.signed_bytes());
        assert_eq!(again.signature(), envelope.signature());
    }
    is_no_proof(Content::from_attestation_layer(&Checked::of(bytes.to_vec()), &BTreeMap::new()));
}

pub(crate) fn statement(bytes: &[u8]) {
    let Ok(statement) = Statement::parse(bytes) else { return };
    assert!(!statement.subjects().is_empty() && !statement.predicate_type().is_empty());
    for subject in statement.subjects() {
        if let Some(digest) = subject.digest() {
            assert!(subject.is(digest) && statement.subject(digest).is_some());
        }
    }
    let predicate: serde_json::Value = serde_json::from_slice(statement.predicate()).expect("JSON");
    assert!(predicate.is_object() || predicate.is_null());
}

pub(crate) fn simple_signing(bytes: &[u8]) {
    if let Ok(said) = SimpleSigning::parse(bytes) {
        let text =
            |(key, value): (&String, &serde_json::Value)| Some((key.clone(), value.as_str()?.to_owned()));
        if let Some(annotations) = said.annotations.iter().map(text).collect::<Option<BTreeMap<_, _>>>() {
            let repository = said.repository.clone().unwrap_or_default();
            let written = SimpleSigning::write(&repository, said.digest, &annotations);
            assert_eq!(SimpleSigning::parse(&written).expect("what we write, we read"), said);
        }
    }
    let annotation = String::from_utf8_lossy(bytes).into_owned();
    let annotations = BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), annotation)]);
    is_no_proof(Content::from_signature_layer(Checked::of(bytes.to_vec()), &annotations));
    let (payload, signature) = (bytes.to_vec(), bytes.to_vec());
    is_no_proof(Content::SimpleSigning { payload, signature, annotations: Default::default() });
}

/// Behind a good signature: whatever its holder signed, it says what it says about the image it names, or nothing.
pub(crate) fn signed_statement(bytes: &[u8]) {
    let encoded = pre_authentication_encoding(PAYLOAD_TYPE, bytes);
    let signature = OURS.sign(Form::Layer, &encoded).expect("a signature");
    let envelope = Envelope::write(PAYLOAD_TYPE, bytes, &signature);
    let content = Content::from_attestation_layer(&Checked::of(envelope.into_bytes()), &BTreeMap::new());
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b""), content };
    let signer = Signer::Key(OURS.public());
    let stated = Statement::parse(bytes);
    let about =
        stated.as_ref().ok().and_then(|stated| stated.subjects().iter().find_map(|subject| subject.digest()));
    let image = about.unwrap_or_else(|| Digest::of(b""));
    match (check_attestation(&candidate, &signer, image), stated) {
        (Ok(attested), Ok(stated)) => assert_eq!(attested.predicate(), stated.predicate()),
        (Ok(attested), Err(error)) => panic!("{attested:?} {error}"),
        (Err(_), _) => {}
    }
    assert!(check_attestation(&candidate, &signer, Digest::of(b"nobody names this")).is_err());
    assert!(check_signature(&candidate, &signer, image).is_err());
}
