//! What a whole Sigstore of our own making signed, and every way of being wrong that it was made to show.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::collections::BTreeMap;
use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::*;
use crate::base::{Checked, Digest, FileContent, IdentityMatcher, TextMatcher};
use crate::format::bundle::{Bundle, BundleContent};
use crate::format::manifest::Manifest;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keyless");
pub(super) const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(super) const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";

pub(super) fn read(name: &str) -> Vec<u8> {
    fs::read(format!("{ROOT}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The signer of all vectors, believed by this root.
pub(super) fn signer(root: &str) -> IdentitySigner {
    let identity = IdentityMatcher::new(ISSUER, TextMatcher::equals(SUBJECT).unwrap()).unwrap();
    IdentitySigner { identity, trust: Trust::strict(TrustRoot::parse(&read(root)).unwrap()) }
}

fn image() -> Digest {
    Digest::of(&read("image-manifest.json"))
}

/// In one word, whether the bundle signs the image or, if it is about a file, the file.
pub(super) fn outcome(bundle: &Bundle, signer: IdentitySigner) -> String {
    let signer = Signer::Identity(Box::new(signer));
    let checked = match &bundle.content {
        BundleContent::Envelope(_) => {
            let content = Content::Bundle(bundle.clone());
            let candidate = Candidate { origin: Origin::File, digest: Digest::of(b"candidate"), content };
            check_signature(&candidate, &signer, image()).map(|signed| signed.authorship().clone())
        }
        BundleContent::Message { .. } => {
            let file = FileContent::of(&read("blob.txt"));
            check_file(bundle, &signer, &file).map(|signed| signed.authorship().clone())
        }
    };
    match checked {
        Ok(authorship) => {
            let Author::Identity(certified) = authorship.author() else { panic!("{authorship:?}") };
            assert_eq!((&*certified.identity.issuer, &*certified.identity.subject), (ISSUER, SUBJECT));
            format!("signed {}", authorship.proven_time().unwrap())
        }
        Err(error) => error.code().to_owned(),
    }
}

/// `expect.tsv`: bundle, trusted root, outcome, and where it is not cosign's, why.
#[test]
fn every_bundle_is_what_its_line_says() {
    let expected = String::from_utf8(read("expect.tsv")).unwrap();
    let mut cosign = BTreeMap::new();
    for line in String::from_utf8(read("RESULTS.tsv")).unwrap().lines().skip(1) {
        let mut fields = line.split('\t');
        let (bundle, root) = (fields.next().unwrap().to_owned(), fields.next().unwrap().to_owned());
        cosign.insert((bundle, root), fields.next().unwrap() == "0");
    }
    let mut wrong = Vec::new();
    for line in expected.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, root) = (fields[0], fields[1]);
        let found = match Bundle::parse(&read(name)) {
            Ok(bundle) => outcome(&bundle, signer(root)),
            Err(_) => "PLM-S13".to_owned(),
        };
        if found != fields[2] {
            wrong.push(format!("{name}\t{root}\t{found}"));
        }
        let accepts = cosign.remove(&(name.to_owned(), root.to_owned()));
        let accepts = accepts.unwrap_or_else(|| panic!("{name}: what does cosign say?"));
        // Nothing passes that cosign refuses; what cosign passes is refused for a reason.
        assert!(accepts || !found.starts_with("signed"), "{name} {root}: {found}");
        assert_eq!(accepts && !found.starts_with("signed"), fields.len() == 4, "{name} {root}: {found}");
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
    assert!(cosign.is_empty(), "no line for {cosign:?}");
    for entry in fs::read_dir(ROOT).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".sigstore.json") || expected.contains(&format!("{name}\t")), "{name}");
    }
}

/// The layers of `registry/`, as `io` would hand them over: named by their manifests, checked, with their annotations.
fn layers(folder: &str) -> Vec<(Digest, Manifest, Vec<u8>)> {
    let path = format!("{ROOT}/registry/{folder}");
    let image = Digest::of(&fs::read(format!("{path}/v1.manifest.json")).unwrap());
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some((stem, _)) = name.split_once(".layer-0.json") else { continue };
        let manifest = fs::read(format!("{path}/{stem}.manifest.json")).unwrap();
        let manifest = Manifest::parse(&Checked::of(manifest)).unwrap();
        found.push((image, manifest, fs::read(format!("{path}/{name}")).unwrap()));
    }
    found
}

fn check_layer(
    image: Digest,
    layer: &[u8],
    descriptor: &crate::format::manifest::Descriptor,
    signer: IdentitySigner,
) -> Result<Signed, VerifyError> {
    let content = Content::from_layer(descriptor, Checked::of(layer.to_vec()));
    let candidate = Candidate { origin: Origin::Layout, digest: descriptor.digest, content };
    check_signature(&candidate, &Signer::Identity(Box::new(signer)), image)
}

#[test]
fn what_is_stored_beside_an_image_is_found_good() {
    for (folder, want) in [
        ("kl-rekor1", "2025-06-01T12:02:00Z"),
        ("kl-rekor2", "2026-11-23T20:31:57Z"),
        ("kl-legacy", "2025-06-01T12:02:00Z"),
        ("kl-legacy-tsa", "2026-11-23T20:31:57Z"),
    ] {
        let layers = layers(folder);
        assert_eq!(layers.len(), 1, "{folder}");
        for (image, manifest, layer) in layers {
            let check = |image, signer| check_layer(image, &layer, &manifest.layers[0], signer);
            let mut lenient = signer("trusted_root.json");
            if folder == "kl-legacy-tsa" {
                let refusal = check(image, lenient.clone()).unwrap_err();
                assert_eq!(refusal.code(), "PLM-S24", "{folder}");
                lenient.trust.log = LogDemand::NotRequired;
            }
            let signed = check(image, lenient.clone()).unwrap();
            assert_eq!(signed.authorship().proven_time().unwrap().to_string(), want, "{folder}");
            assert_eq!(check(Digest::of(b"other"), lenient).unwrap_err().code(), "PLM-S04", "{folder}");
            let ended = check(image, signer("trusted_root-ca-ended.json")).unwrap_err().code();
            assert!(ended == "PLM-S18" || folder == "kl-legacy-tsa", "{folder}: {ended}");
        }
    }
}

/// CVE-2022-23649: a promise is about one signature, by one certificate, over one payload.
#[test]
fn annotations_are_about_this_layer() {
    let (image, manifest, layer) = layers("kl-legacy").remove(0);
    let check = |change: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut descriptor = manifest.layers[0].clone();
        change(&mut descriptor.annotations);
        match check_layer(image, &layer, &descriptor, signer("trusted_root.json")) {
            Ok(_) => "signed",
            Err(error) => error.code(),
        }
    };
    let name = |name: &str| format!("dev.sigstore.cosign/{name}");
    let set = |annotations: &mut BTreeMap<String, String>, what: &str, text: &str| {
        assert!(annotations.insert(name(what), text.to_owned()).is_some(), "{what}");
    };
    assert_eq!(check(&|_| {}), "signed");
    // The root knows the authority: nothing depends on the chain.
    assert_eq!(check(&|all| drop(all.remove(&name("chain")))), "signed");
    assert_eq!(check(&|all| drop(all.remove(&name("certificate")))), "PLM-S38");
    assert_eq!(check(&|all| drop(all.remove(&name("bundle")))), "PLM-S24");
    for what in ["certificate", "chain", "bundle"] {
        for text in ["", "{}", "null", "-----BEGIN CERTIFICATE-----", "é"] {
            let code = check(&|all| set(all, what, text));
            // No chain at all is as good as none.
            let want = if (what, text) == ("chain", "") { "signed" } else { "PLM-S42" };
            assert_eq!(code, want, "{what} {text}");
        }
    }
    let leaf = String::from_utf8(read("leaf.pem")).unwrap();
    let later = String::from_utf8(read("leaf-now.pem")).unwrap();
    assert_eq!(check(&|all| set(all, "certificate", &leaf)), "signed");
    assert_eq!(check(&|all| set(all, "certificate", &format!("{leaf}{leaf}"))), "PLM-S42");
    // Another certificate, of another key.
    assert_eq!(check(&|all| set(all, "certificate", &later)), "PLM-S01");

    let promise: Value = serde_json::from_str(&manifest.layers[0].annotations[&name("bundle")]).unwrap();
    let changed = |path: &str, value: Value| {
        let mut promise = promise.clone();
        *promise.pointer_mut(path).unwrap() = value;
        check(&|all| set(all, "bundle", &promise.to_string()))
    };
    assert_eq!(changed("/Payload/integratedTime", json!(1748779321)), "PLM-S27");
    assert_eq!(changed("/Payload/integratedTime", json!(0)), "PLM-S42");
    assert_eq!(changed("/Payload/integratedTime", json!("1748779320")), "PLM-S42");
    assert_eq!(changed("/Payload/logIndex", json!(1)), "PLM-S27");
    assert_eq!(changed("/Payload/logID", json!("00".repeat(32))), "PLM-S41");
    assert_eq!(changed("/Payload/logID", json!("zz")), "PLM-S42");
    assert_eq!(changed("/SignedEntryTimestamp", json!("AAAA")), "PLM-S27");
    assert_eq!(changed("/Payload/body", json!(STANDARD.encode("{}"))), "PLM-S42");
    // The promises of the same log about other things that the same certificate signed: a file, and the image as a bundle.
    for (other, want) in [("blob-rekor1", "PLM-S29"), ("image-rekor1", "PLM-S30")] {
        let bundle = Bundle::parse(&read(&format!("{other}.sigstore.json"))).unwrap();
        let entry = &bundle.log_entries[0];
        let promise = json!({
            "SignedEntryTimestamp": STANDARD.encode(entry.promise.as_ref().unwrap()),
            "Payload": {
                "body": STANDARD.encode(&entry.body),
                "integratedTime": entry.integrated_time.unwrap().seconds(),
                "logIndex": entry.index,
                "logID": hex(&entry.log_id),
            },
        });
        assert_eq!(check(&|all| set(all, "bundle", &promise.to_string())), want, "{other}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
