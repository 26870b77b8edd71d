//! What cosign really wrote, and every way of being wrong.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::base::{Checked, Digest};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent};
use crate::format::manifest::Manifest;

pub(super) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign");
const KEYS: [&str; 3] = ["cosign2", "cosign3", "imported/imp-ec256"];

pub(super) fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

fn relative(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned()
}

pub(super) fn key(name: &str) -> PublicKey {
    PublicKey::from_pem(&fs::read_to_string(format!("{ROOT}/keys/{name}.pub")).unwrap()).unwrap()
}

fn signer(name: &str) -> Signer {
    Signer::Key(key(name))
}

/// Lines of an `expect.tsv`: the file, then what is expected of it. Every file is listed, every line has its file.
fn expected(folder: &str) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(format!("{ROOT}/{folder}/expect.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            (format!("{folder}/{}", fields.next().unwrap()), fields.collect())
        })
        .collect()
}

/// The image that the layer beside it is about: the tag's name tells, or else the manifest before `.referrer`.
pub(super) fn image_of(path: &Path) -> Digest {
    let name = path.file_name().unwrap().to_str().unwrap();
    if let Some(rest) = name.strip_prefix("tag-sha256-") {
        return format!("sha256:{}", &rest[..64]).parse().unwrap();
    }
    let (stem, _) = name.split_once(".referrer-").unwrap();
    Digest::of(&fs::read(path.with_file_name(format!("{stem}.manifest.json"))).unwrap())
}

/// The layer as `io` would hand it over: named by its manifest, checked, with its annotations.
pub(super) fn candidate(path: &Path) -> Candidate {
    let name = path.file_name().unwrap().to_str().unwrap();
    let (stem, rest) = name.split_once(".layer-").unwrap();
    let number: usize = rest.trim_end_matches(".json").parse().unwrap();
    let manifest = fs::read(path.with_file_name(format!("{stem}.manifest.json"))).unwrap();
    let manifest = Manifest::parse(&Checked::of(manifest)).unwrap();
    let described = &manifest.layers[number];
    let layer = described.digest.check(fs::read(path).unwrap()).unwrap();
    Candidate {
        origin: Origin::Layout,
        digest: described.digest,
        content: Content::from_layer(described, layer),
    }
}

/// What comes of a candidate, in one word. Being both a signature and an attestation is the worst of all outcomes.
fn outcome(candidate: &Candidate, signer: &Signer, image: Digest) -> String {
    let author = Author::Key(signer.key().unwrap().clone());
    let signature = check_signature(candidate, signer, image);
    let attestation = check_attestation(candidate, signer, image);
    match (signature, attestation) {
        (Ok(_), Ok(_)) => "BOTH".to_owned(),
        (Ok(signed), Err(error)) => {
            assert_eq!(
                (signed.image(), signed.authorship().author(), error.code()),
                (image, &author, "PLM-S06")
            );
            "signed".to_owned()
        }
        (Err(error), Ok(attested)) => {
            assert_eq!(
                (attested.image(), attested.authorship().author(), error.code()),
                (image, &author, "PLM-S05")
            );
            format!("attested {}", attested.predicate_type())
        }
        (Err(signature), Err(attestation)) => match (signature.code(), attestation.code()) {
            (one, other) if one == other => one.to_owned(),
            // Of a legacy layer the storage alone tells that it is not the other kind.
            ("PLM-S05", other) | (other, "PLM-S06") => other.to_owned(),
            (one, other) => format!("{one} {other}"),
        },
    }
}

#[test]
fn what_cosign_wrote_proves_what_its_line_says() {
    let other = Digest::of(b"another image");
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    for folder in ["attest", "bundle", "legacy"] {
        let mut expected = expected(folder);
        let mut found = Vec::new();
        files(&Path::new(ROOT).join(folder), &mut found);
        for path in found.iter().filter(|path| path.to_str().unwrap().contains(".layer-")) {
            let (candidate, image) = (candidate(path), image_of(path));
            let outcomes = KEYS.map(|key| outcome(&candidate, &signer(key), image)).to_vec();
            for (key, outcome) in KEYS.iter().zip(&outcomes) {
                if outcome.contains("signed") || outcome.contains("attested") {
                    let about_another = super::vectors::outcome(&candidate, &signer(key), other);
                    assert_eq!(about_another, "PLM-S04", "{}", path.display());
                }
            }
            if expected.remove(&relative(path)).as_ref() != Some(&outcomes) {
                wrong.push(format!("{}\t{}", relative(path), outcomes.join("\t")));
            }
        }
        missing.extend(expected.into_keys());
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
    assert!(missing.is_empty(), "no such file: {missing:?}");
}

/// Seven kinds of keys, both versions of cosign: raw signatures, bundles over a file, bundles around a statement.
#[test]
fn every_signature_over_the_file_is_by_its_own_key_only() {
    let blob = fs::read(format!("{ROOT}/blob/blob.txt")).unwrap();
    let names = ["ec256", "ec384", "ec521", "ed25519", "rsa2048", "rsa3072", "rsa4096"];
    let keys = names.map(|name| (name, key(&format!("imported/imp-{name}"))));
    let mut expected = expected("blob");
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    files(&Path::new(ROOT).join("blob"), &mut found);
    for path in &found {
        let name = relative(path);
        let read = || fs::read(path).unwrap();
        let verifies = |key: &PublicKey| match name.split_once('.').unwrap().1 {
            "c2.sig" => {
                let text = String::from_utf8(read()).unwrap();
                key.verify(&blob, &STANDARD.decode(text.trim()).unwrap()).is_ok()
            }
            _ => match Bundle::parse(&read()).unwrap().content() {
                BundleContent::Message { signature, .. } => key.verify(&blob, signature).is_ok(),
                BundleContent::Envelope(envelope) => {
                    let payload = verify_envelope(envelope, &Signer::Key(key.clone()));
                    payload.and_then(Verified::statement).is_ok()
                }
            },
        };
        if name.ends_with(".sig") || name.ends_with(".json") {
            let by: Vec<&str> = keys.iter().filter(|(_, key)| verifies(key)).map(|(name, _)| *name).collect();
            let by = if by.is_empty() { "nobody".to_owned() } else { by.join(" ") };
            if expected.remove(&name) != Some(vec![by.clone()]) {
                wrong.push(format!("{name}\t{by}"));
            }
        }
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
    assert!(expected.is_empty(), "no such file: {expected:?}");
}
