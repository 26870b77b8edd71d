//! What a whole Sigstore of our own making signed, and every way of being wrong that it was made to show.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::collections::BTreeMap;
use std::fs;

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
