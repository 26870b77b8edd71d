//! What carries signatures in a registry: manifests and the list under the fallback tag. End to end, because it is `io` that reads them.

use std::collections::BTreeMap;

use plimsoll::base::{Digest, Timestamp};
use plimsoll::format::manifest::{OCI_INDEX, OCI_MANIFEST};
use plimsoll::sign;
use serde_json::json;

use super::{Harmless, SAME_DOCUMENT, Said, mutants, none_proves, one_each};
use crate::registry::Referrers;
use crate::verify::Shop;

/// OCI image-spec v1.1: readers overlook what they do not know, and other spellings are other names.
const OCI_DOCUMENT: &[Harmless] = &[
    ("unknown*", "*", "OCI image-spec, \"Extensibility\": what is not known is overlooked"),
    ("doubled-other-spelling", "*", "another spelling is another name, which is not known"),
];

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An image in a repository for each sample, so that none sees another's.
struct Market {
    shop: Shop,
    number: std::cell::Cell<usize>,
}

impl Market {
    fn new() -> Self {
        Self { shop: Shop::new(Referrers::Off), number: std::cell::Cell::new(0) }
    }

    /// Moves to an empty repository with the image in it.
    fn stall(&self) -> String {
        self.number.set(self.number.get() + 1);
        let name = format!("stall/{}", self.number.get());
        let (_, manifest) = self.shop.registry.manifest("team/app", "v1").expect("the image");
        self.shop.registry.put_manifest(&name, "v1", OCI_MANIFEST, &manifest);
        self.shop.registry.put_blob(&name, b"{}");
        name
    }

    /// `verify`, once everything is in its place.
    fn judge(&self, repository: &str) -> Said {
        let image = format!("[HOST]/{repository}@{}", self.shop.image.digest);
        let run = self.shop.run(["verify", "--key", "[DIR]/ours.pub", &image]);
        let code = run
            .stdout
            .split("PLM-")
            .nth(1)
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect::<String>());
        match (run.code, code) {
            (0, _) => Said::Same,
            (1 | 3, Some(code)) => Said::Refused(format!("PLM-{code}")),
            (exit, code) => Said::Other(format!("{exit} {code:?} {}{}", run.stdout, run.stderr)),
        }
    }

    fn tag(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.shop.image.digest.to_string().replace(':', "-"))
    }

    /// A bundle by our key as a referrer: blobs and manifest.
    fn referrer(&self) -> sign::Referrer {
        let unsigned = sign::image_signature("r", self.shop.image.digest, &BTreeMap::new());
        let bundle = unsigned.and_then(|unsigned| unsigned.signed_by(&self.shop.ours));
        bundle.expect("a signature").referrer(&self.shop.image, Timestamp::EPOCH)
    }
}

/// The list under the fallback tag with one manifest in it.
fn list(manifest: &[u8]) -> String {
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(manifest).to_string(), "size": manifest.len(), "artifactType": BUNDLE});
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).to_string()
}

#[test]
fn a_changed_referrer_carries_nothing() {
    let market = Market::new();
    let good = market.referrer();
    let put = |manifest: &[u8]| {
        let stall = market.stall();
        for blob in &good.blobs {
            market.shop.registry.put_blob(&stall, blob);
        }
        market.shop.registry.put_manifest(&stall, ":", OCI_MANIFEST, manifest);
        market.shop.registry.put_manifest(&stall, &market.tag(""), OCI_INDEX, list(manifest).as_bytes());
        market.judge(&stall)
    };
    assert_eq!(put(&good.manifest), Said::Same);
    let harmless: &[Harmless] = &[
        ("*", "annotations*", "hints for lists; nothing is believed because of them"),
        ("*", "artifactType", "a hint for lists; the layer says itself what it is"),
        ("*", "config*", "an artifact has no config; nobody reads it"),
        ("*", "subject.mediaType", "the digest decides which image is meant"),
        ("*", "subject.size", "the digest decides which image is meant"),
        ("text-*", "layers[0].mediaType", "every version of a bundle is opened, and says itself which it is"),
        ("*", "mediaType", "may be absent: the registry says it, too"),
    ];
    let made = one_each(mutants(std::str::from_utf8(&good.manifest).expect("text")));
    none_proves("referrer", 700, made, &[SAME_DOCUMENT, OCI_DOCUMENT, harmless], |m| put(&m.bytes));
}

#[test]
fn a_changed_list_of_referrers_leads_nowhere() {
    let market = Market::new();
    let good = market.referrer();
    let put = |index: &[u8]| {
        let stall = market.stall();
        for blob in &good.blobs {
            market.shop.registry.put_blob(&stall, blob);
        }
        market.shop.registry.put_manifest(&stall, ":", OCI_MANIFEST, &good.manifest);
        market.shop.registry.put_manifest(&stall, &market.tag(""), OCI_INDEX, index);
        market.judge(&stall)
    };
    let index = list(&good.manifest);
    assert_eq!(put(index.as_bytes()), Said::Same);
    let harmless: &[Harmless] = &[
        ("doubled", "manifests[0]", "one manifest, however often it is listed"),
        ("list-*", "manifests", "one manifest, however often it is listed"),
        ("*", "manifests[0].mediaType", "the manifest says itself what it is"),
        ("*", "manifests[0].size", "the digest decides; what is read is bounded whatever is said here"),
        ("*", "manifests[0].artifactType", "other clients write the config's type; every entry is opened"),
        ("*", "mediaType", "may be absent: the registry says it, too"),
    ];
    let made = one_each(mutants(&index));
    none_proves("fallback index", 250, made, &[SAME_DOCUMENT, OCI_DOCUMENT, harmless], |m| put(&m.bytes));
}

#[test]
fn a_changed_legacy_manifest_carries_nothing() {
    let market = Market::new();
    let layer = market.shop.legacy_signature(&market.shop.ours);
    let good = sign::append_legacy(None, &layer).expect("a manifest");
    let put = |manifest: &[u8]| {
        let stall = market.stall();
        market.shop.registry.put_blob(&stall, &layer.content);
        market.shop.registry.put_blob(&stall, &good.config);
        market.shop.registry.put_manifest(&stall, &market.tag(".sig"), OCI_MANIFEST, manifest);
        market.judge(&stall)
    };
    assert_eq!(put(&good.manifest), Said::Same);
    let made = one_each(mutants(std::str::from_utf8(&good.manifest).expect("text")));
    let harmless: &[Harmless] = &[
        ("doubled", "layers[0]", "one signature twice is one signer"),
        ("list-doubled", "layers", "one signature twice is one signer"),
        ("*", "config*", "says nothing about signatures; nobody reads it"),
        ("*", "mediaType", "may be absent: the registry says it, too"),
    ];
    none_proves("legacy manifest", 500, made, &[SAME_DOCUMENT, OCI_DOCUMENT, harmless], |m| put(&m.bytes));
}
