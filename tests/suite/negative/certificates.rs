//! Signatures by certificate: Rekor 1, Rekor 2 with a time stamp, the older annotations, and the trusted root that decides about all of them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::{Checked, Digest, IdentityMatcher, TextMatcher, Timestamp};
use plimsoll::format::json::parse_strict;
use plimsoll::format::simple_signing::{SIGNATURE_ANNOTATION, SimpleSigning};
use plimsoll::format::statement::{PAYLOAD_TYPE, SIGN_PREDICATE};
use plimsoll::verify::{
    Candidate, Content, IdentitySigner, Origin, Signer, Trust, TrustRoot, VerifyError, check_signature,
};
use serde_json::{Value, json};

use super::{Harmless, Mutant, SAME_DOCUMENT, Said, few, flips, mutants, none_proves};
use crate::sigstore::{Rekor, Signing, Sigstore, pem, time};

const SUBJECT: &str = "release@acme.test";
const ISSUER: &str = "https://issuer.acme.test";

fn image() -> Digest {
    Digest::of(b"image")
}

fn at() -> Timestamp {
    time(1_770_000_000)
}

fn statement() -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{SIGN_PREDICATE}","predicate":{{}}}}"#,
        image().hex(),
    )
}

/// The signer, as far as this trusted root is one.
fn signer(root: &[u8]) -> Option<Signer> {
    let identity =
        IdentityMatcher::new(ISSUER, TextMatcher::equals(SUBJECT).expect("a name")).expect("an issuer");
    let trust = Trust::strict(TrustRoot::parse(root).ok()?);
    Some(Signer::Identity(Box::new(IdentitySigner { identity, trust })))
}

/// What the content proves, in words: what, who, when, in how many logs.
fn proven(content: Content, signer: &Signer) -> Result<String, VerifyError> {
    let candidate = Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content };
    let signed = check_signature(&candidate, signer, image())?;
    let by = signed.authorship();
    // A time that is proven twice may be proven once: the earliest decides.
    Ok(format!(
        "{} {:?} {:?} {:?} {}",
        signed.image(),
        signed.annotations(),
        by.author(),
        by.proven_time(),
        by.logs()
    ))
}

fn judge(content: Content, signer: &Signer, good: &str) -> Said {
    match proven(content, signer) {
        Err(error) => Said::Refused(error.code().to_owned()),
        Ok(proof) if proof == good => Said::Same,
        Ok(proof) => Said::Other(proof),
    }
}

fn bundled(bundle: &[u8]) -> Content {
    Content::from_bundle(&Checked::of(bundle.to_vec()))
}

fn hold(sample: &str, least: usize, make: &dyn Fn(Signing<'_>) -> String, harmless: &[Harmless]) {
    let sigstore = Sigstore::new("good.test");
    let root = sigstore.trusted_root().to_string();
    let signer = signer(root.as_bytes()).expect("a trusted root");
    // An entry among others, so that its proof has something to prove.
    for other in 0..5 {
        for log in [Rekor::One, Rekor::Two] {
            sigstore.signing("other@acme.test", ISSUER, at()).log(log).message(&[other]);
        }
    }
    let bundle = make(sigstore.signing(SUBJECT, ISSUER, at()));
    let good =
        proven(bundled(bundle.as_bytes()), &signer).unwrap_or_else(|error| panic!("{error}: {bundle}"));
    none_proves(sample, least, few(mutants(&bundle)), &[SAME_DOCUMENT, harmless], |mutant| {
        judge(bundled(&mutant.bytes), &signer, &good)
    });
}

/// Protobuf's JSON, and what is signed in a form that has its own ends.
const PROTOBUF: &[Harmless] = &[
    (
        "text-without-quotes",
        "verificationMaterial.tlogEntries[0].*",
        "protobuf's JSON: readers accept numbers of 64 bits as numbers",
    ),
    ("text-newline-last", NOTE, "a signed note ends with its last line; what follows is not signed"),
    ("text-space-last", NOTE, "a signed note ends with its last line; what follows is not signed"),
];
const NOTE: &str = "verificationMaterial.tlogEntries[0].inclusionProof.checkpoint.envelope";
const BAG: &str = "the certificate that counts is the trusted root's; its copy in the answer is not signed";

#[test]
fn a_changed_bundle_with_an_entry_of_rekor_1_is_no_signature() {
    let make = |signing: Signing<'_>| signing.envelope(PAYLOAD_TYPE, statement().as_bytes()).to_string();
    hold("Rekor 1", 1000, &make, PROTOBUF);
}

#[test]
fn a_changed_bundle_with_an_entry_of_rekor_2_is_no_signature() {
    let make = |signing: Signing<'_>| {
        signing.log(Rekor::Two).stamped().envelope(PAYLOAD_TYPE, statement().as_bytes()).to_string()
    };
    let harmless: &[Harmless] = &[
        (
            "flipped",
            "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp/#41-49",
            "CMS: a hint",
        ),
        (
            "flipped",
            "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp/#69-69",
            "CMS: a hint",
        ),
        (
            "flipped",
            "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp/#180-630",
            BAG,
        ),
    ];
    hold("Rekor 2", 1000, &make, &[PROTOBUF, harmless].concat());
}

/// The annotations that cosign 2 writes beside a layer, as one document.
fn annotations(sigstore: &Sigstore, payload: &[u8]) -> String {
    let bundle = sigstore.signing(SUBJECT, ISSUER, at()).stamped().message(payload);
    let text = |place: &str| bundle.pointer(place).and_then(Value::as_str).expect("a text").to_owned();
    let material = "/verificationMaterial";
    let entry = format!("{material}/tlogEntries/0");
    let number = |place: &str| text(&format!("{entry}/{place}")).parse::<u64>().expect("a number");
    let certificate = STANDARD.decode(text(&format!("{material}/certificate/rawBytes"))).expect("base64");
    let log_id = STANDARD.decode(text(&format!("{entry}/logId/keyId"))).expect("base64");
    let log_id: String = log_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let log = json!({
        "SignedEntryTimestamp": text(&format!("{entry}/inclusionPromise/signedEntryTimestamp")),
        "Payload": {
            "body": text(&format!("{entry}/canonicalizedBody")),
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": log_id,
        },
    });
    let stamp = text(&format!("{material}/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp"));
    json!({
        SIGNATURE_ANNOTATION: text("/messageSignature/signature"),
        "dev.sigstore.cosign/certificate": pem("CERTIFICATE", &certificate),
        "dev.sigstore.cosign/chain": sigstore.chain_pem(),
        "dev.sigstore.cosign/bundle": log.to_string(),
        "dev.sigstore.cosign/rfc3161timestamp": json!({"SignedRFC3161Timestamp": stamp}).to_string(),
    })
    .to_string()
}

#[test]
fn changed_annotations_make_no_signature() {
    let sigstore = Sigstore::new("good.test");
    let signer = signer(sigstore.trusted_root().to_string().as_bytes()).expect("a trusted root");
    let payload = SimpleSigning::write("r.example/app", image(), &BTreeMap::new());
    let good = annotations(&sigstore, &payload);
    let content = |annotations: &[u8]| {
        // As they stand in a manifest, where a name that occurs twice is refused.
        let annotations: BTreeMap<String, String> = parse_strict(annotations).ok()?;
        Some(Content::from_signature_layer(Checked::of(payload.clone()), &annotations))
    };
    let proven = proven(content(good.as_bytes()).expect("annotations"), &signer)
        .unwrap_or_else(|error| panic!("{error}: {good}"));
    let made = few(mutants(&good)).into_iter().filter(|mutant| content(&mutant.bytes).is_some());
    let harmless: &[Harmless] = &[
        ("*", "dev.sigstore.cosign/chain*", "the trusted root has the chain; this copy decides nothing"),
        ("doubled-other-spelling", "dev.*", "another spelling is another name, which is not known"),
        ("dropped", "dev.sigstore.cosign/rfc3161timestamp", "the log's promise proves the time, too"),
        ("renamed", "dev.sigstore.cosign/rfc3161timestamp", "the log's promise proves the time, too"),
        ("text-newline-last", "dev.sigstore.cosign/*", "space around a document is nothing"),
        ("text-space-*", "dev.sigstore.cosign/*", "space around a document is nothing"),
        ("space-around", "dev.sigstore.cosign/*", "space around a document is nothing"),
        ("flipped", "dev.sigstore.cosign/rfc3161timestamp/SignedRFC3161Timestamp/#41-49", "CMS: a hint"),
        ("flipped", "dev.sigstore.cosign/rfc3161timestamp/SignedRFC3161Timestamp/#69-69", "CMS: a hint"),
        ("flipped", "dev.sigstore.cosign/rfc3161timestamp/SignedRFC3161Timestamp/#180-630", BAG),
    ];
    none_proves("legacy annotations", 1000, made, &[SAME_DOCUMENT, harmless], |mutant| {
        judge(content(&mutant.bytes).expect("annotations"), &signer, &proven)
    });
    none_proves("legacy payload", 1000, flips(&payload), &[], |mutant| {
        let annotations: BTreeMap<String, String> = serde_json::from_str(&good).expect("annotations");
        judge(
            Content::from_signature_layer(Checked::of(mutant.bytes.clone()), &annotations),
            &signer,
            &proven,
        )
    });
}

/// What may be said otherwise in a trusted root.
const ROOT: &[Harmless] = &[
    ("*", "certificateAuthorities[0].subject*", "what people call it"),
    ("*", "timestampAuthorities[0].subject*", "what people call it"),
    ("*", "certificateAuthorities[0].uri", "where it is; nobody asks there"),
    ("*", "timestampAuthorities[0].uri", "where it is; nobody asks there"),
    ("*", "ctlogs[0].baseUrl", "where it is; nobody asks there"),
    ("*", "tlogs[0].baseUrl", "where it is; nobody asks there"),
    ("*", "tlogs[1].baseUrl", "where it is; nobody asks there"),
    ("doubled", "certificateAuthorities[0]*", "one authority, however often it is listed"),
    ("doubled", "timestampAuthorities[0]*", "one authority, however often it is listed"),
    ("list-doubled", "certificateAuthorities*", "one authority, however often it is listed"),
    ("list-doubled", "timestampAuthorities*", "one authority, however often it is listed"),
    (
        "list-reversed",
        "certificateAuthorities[0].certChain.certificates",
        "a chain is put in order by its names",
    ),
    ("list-reversed", "tlogs", "logs have no order"),
    ("dropped", "certificateAuthorities[0].certChain.certificates[1]", "the authority itself is trusted"),
    (
        "flipped",
        "certificateAuthorities[0].certChain.certificates*",
        "the trusted root is trusted as it stands",
    ),
    (
        "flipped",
        "timestampAuthorities[0].certChain.certificates[1]*",
        "the trusted root is trusted as it stands",
    ),
    ("text-lower", "*.start", "RFC 3339: t and z may be small"),
    ("time-before", "*.start", "good for longer"),
    ("time-with-space", "*.start", "RFC 3339: a space may stand for the T"),
];

/// Whatever is changed in a trusted root, strangers stay strangers; and what makes no difference to a good bundle is listed.
#[test]
fn a_changed_trusted_root_trusts_nobody_else() {
    let (sigstore, evil) = (Sigstore::new("good.test"), Sigstore::new("evil.test"));
    let envelope = |sigstore: &Sigstore, log: Rekor| {
        let signing = sigstore.signing(SUBJECT, ISSUER, at()).log(log).stamped();
        let bundle = signing.envelope(PAYLOAD_TYPE, statement().as_bytes()).to_string();
        bundled(bundle.as_bytes())
    };
    let ours = [envelope(&sigstore, Rekor::One), envelope(&sigstore, Rekor::Two)];
    let theirs = envelope(&evil, Rekor::One);
    let root = sigstore.trusted_root().to_string();
    let good: Vec<String> = ours
        .iter()
        .map(|content| {
            proven(content.clone(), &signer(root.as_bytes()).expect("a trusted root")).expect("a signature")
        })
        .collect();
    let judge = |mutant: &Mutant| {
        let root = match TrustRoot::parse(&mutant.bytes) {
            Ok(_) => signer(&mutant.bytes).expect("a trusted root"),
            Err(error) => return Said::Refused(error.code().to_owned()),
        };
        if let Ok(proof) = proven(theirs.clone(), &root) {
            return Said::Other(proof);
        }
        // Refused is what either of ours is.
        let said = ours.iter().zip(&good).map(|(content, good)| judge(content.clone(), &root, good));
        said.fold(Said::Same, |before, said| if before == Said::Same { said } else { before })
    };
    none_proves("trusted root", 1000, few(mutants(&root)), &[SAME_DOCUMENT, ROOT], judge);
}
