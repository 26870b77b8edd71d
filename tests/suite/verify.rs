//! `plimsoll verify`, and what the registry beside it must be told.

use std::collections::BTreeMap;
use std::fs;

use plimsoll::base::{Algorithm, Checked, Digest, FileContent, Timestamp, limits};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::manifest::{Descriptor, OCI_INDEX, OCI_MANIFEST};
use plimsoll::sign;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry};

const SPDX: &str = "https://spdx.dev/Document";
const SBOM: &[u8] = br#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a"}]}"#;

/// A registry with one image, and keys.
pub(crate) struct Shop {
    pub(crate) registry: Registry,
    pub(crate) folder: TempDir,
    pub(crate) image: Descriptor,
    pub(crate) ours: PrivateKey,
    pub(crate) theirs: PrivateKey,
}

impl Shop {
    pub(crate) fn new(referrers: Referrers) -> Self {
        let registry = Registry::builder().referrers(referrers).start();
        let config = registry.put_blob("team/app", b"{}");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.to_string(), "size": 2},
        });
        let content = Checked::of(serde_json::to_vec(&manifest).unwrap());
        registry.put_manifest("team/app", "v1", OCI_MANIFEST, content.bytes());
        let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ours.pub"), ours.public().to_pem()).unwrap();
        fs::write(folder.path().join("theirs.pub"), theirs.public().to_pem()).unwrap();
        Self { registry, folder, image: Descriptor::of(OCI_MANIFEST, &content), ours, theirs }
    }

    pub(crate) fn name(&self) -> String {
        self.registry.repository("team/app")
    }

    pub(crate) fn pinned(&self) -> String {
        format!("[HOST]/team/app@{}", self.image.digest)
    }

    /// Another image, to which nothing is attached.
    fn unsigned(&self) -> String {
        let layer = json!({"mediaType": "text/plain", "digest": Digest::of(b"{}").to_string(), "size": 2});
        let digest = self.registry.put_manifest("team/app", ":", OCI_MANIFEST, &older(&[layer]));
        format!("[HOST]/team/app@{digest}")
    }

    /// Attaches a bundle to `subject` by the list that this registry has. Gives the digest of the manifest.
    pub(crate) fn attach(&self, bundle: &sign::SignedBundle, subject: &Descriptor) -> Digest {
        let referrer = bundle.referrer(subject, Timestamp::EPOCH);
        for blob in &referrer.blobs {
            self.registry.put_blob("team/app", blob);
        }
        self.attach_manifest(&referrer.manifest, subject.digest, &referrer.artifact_type)
    }

    /// Stores a referrer's manifest, and lists it under the fallback tag.
    pub(crate) fn attach_manifest(&self, manifest: &[u8], subject: Digest, artifact_type: &str) -> Digest {
        let digest = self.registry.put_manifest("team/app", ":", OCI_MANIFEST, manifest);
        let tag = subject.to_string().replace(':', "-");
        let mut index = match self.registry.manifest("team/app", &tag) {
            Some((_, bytes)) => serde_json::from_slice(&bytes).unwrap(),
            None => json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}),
        };
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": manifest.len(), "artifactType": artifact_type});
        index["manifests"].as_array_mut().unwrap().push(entry);
        self.registry.put_manifest("team/app", &tag, OCI_INDEX, &serde_json::to_vec(&index).unwrap());
        digest
    }

    pub(crate) fn sign(&self, key: &PrivateKey) -> Digest {
        let bundle = sign::image_signature(&self.name(), self.image.digest, &BTreeMap::new())
            .unwrap()
            .signed_by(key)
            .unwrap();
        self.attach(&bundle, &self.image)
    }

    pub(crate) fn attest(&self, predicate_type: &str, predicate: &[u8], key: &PrivateKey) -> Digest {
        let bundle = sign::attestation(&self.name(), self.image.digest, predicate_type, predicate)
            .unwrap()
            .signed_by(key)
            .unwrap();
        self.attach(&bundle, &self.image)
    }

    /// A manifest about the image with this layer.
    pub(crate) fn attach_layer(&self, layer: &[u8], media_type: &str) -> Digest {
        let blob = self.registry.put_blob("team/app", layer);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
            "layers": [{"mediaType": media_type, "digest": blob.to_string(), "size": layer.len()}],
            "subject": {"mediaType": OCI_MANIFEST, "digest": self.image.digest.to_string(), "size": self.image.size},
        });
        self.attach_manifest(&serde_json::to_vec(&manifest).unwrap(), self.image.digest, BUNDLE)
    }

    /// A good signature in a layer of this type.
    fn attach_signed(&self, media_type: &str) -> Digest {
        let unsigned = sign::image_signature(&self.name(), self.image.digest, &BTreeMap::new()).unwrap();
        self.attach_layer(&unsigned.signed_by(&self.ours).unwrap().bundle, media_type)
    }

    /// Puts layers under the older tag.
    pub(crate) fn tag(&self, suffix: &str, layers: &[sign::LegacyLayer]) {
        let mut existing = None;
        for layer in layers {
            self.registry.put_blob("team/app", &layer.content);
            let sign::Appended { manifest, config } = sign::append_legacy(existing.as_ref(), layer).unwrap();
            self.registry.put_blob("team/app", &config);
            existing = Some(Checked::of(manifest));
        }
        let tag = format!("{}{suffix}", self.image.digest.to_string().replace(':', "-"));
        self.registry.put_manifest("team/app", &tag, OCI_MANIFEST, existing.unwrap().bytes());
    }

    pub(crate) fn legacy_signature(&self, key: &PrivateKey) -> sign::LegacyLayer {
        sign::legacy_signature(&self.name(), self.image.digest, &BTreeMap::new()).signed_by(key).unwrap()
    }

    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.registry.forget_requests();
        Plimsoll::new().dir(&self.folder).registry(&self.registry).args(args).run()
    }

    /// `verify --key` of our key, by digest.
    pub(crate) fn verify(&self) -> Run {
        self.run(["verify", "--key", "[DIR]/ours.pub", &self.pinned()])
    }

    pub(crate) fn policy(&self, rules: &str) {
        let text = format!(
            "version: plimsoll.trust/v1\nname: shop\nrevision: 4\nexpires: 2999-01-01T00:00:00Z\nsigners:\n  ours: {{key: {{file: ours.pub}}}}\n  theirs: {{key: {{file: theirs.pub}}}}\nrules:\n{}",
            rules.replace("HOST", &self.registry.host()),
        );
        fs::write(self.folder.path().join("policy.yaml"), text).unwrap();
    }

    pub(crate) fn by_policy(&self) -> Run {
        self.run(["verify", "--policy", "[DIR]/policy.yaml", &self.pinned()])
    }
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const LISTS: [Referrers; 4] = [Referrers::On, Referrers::Off, Referrers::Paged(1), Referrers::Unfiltered];

fn ignore(_: Digest) {}

#[track_caller]
fn says(run: Run, code: i32, texts: &[&str]) {
    let run = run.exits(code);
    for text in texts {
        assert!(run.stdout.contains(text), "{text}\n{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_signature_by_the_key_is_a_yes_and_names_the_digest() {
    for list in LISTS {
        let shop = Shop::new(list);
        shop.sign(&shop.ours);
        let allowed =
            format!("allowed [HOST]/team/app:v1@{}\n ✓ signature by [DIR]/ours.pub", shop.image.digest);
        says(shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]), 0, &[&allowed]);
        says(shop.verify(), 0, &[&format!("allowed {}\n", shop.pinned())]);
    }
}

#[test]
fn a_verdict_by_digest_costs_two_requests_and_two_for_each_bundle() {
    for list in LISTS {
        let shop = Shop::new(list);
        for bundles in 1..=20 {
            shop.sign(if bundles == 1 { &shop.ours } else { &shop.theirs });
            if ![1, 2, 4, 20].contains(&bundles) {
                continue;
            }
            shop.verify().exits(0);
            let pages = if let Referrers::Paged(_) = list { bundles - 1 } else { 0 };
            let lines = shop.registry.request_lines();
            assert!(lines.len() <= 2 + pages + 2 * bundles, "{list:?} {lines:#?}");
            let image = format!("manifests/{}", shop.image.digest);
            assert!(!lines.iter().any(|line| line.ends_with(&image)), "{lines:#?}");
        }
    }
}

/// Twenty of whose any one is enough: no more are fetched than it takes.
#[test]
fn what_is_enough_is_enough() {
    let shop = Shop::new(Referrers::On);
    for _ in 0..20 {
        shop.sign(&shop.ours);
    }
    shop.verify().exits(0);
    assert!(shop.registry.request_lines().len() <= 2 + 2 * 3, "{:#?}", shop.registry.request_lines());
    // And strangers before it only delay: with 200 of them the one that counts is found wherever it stands.
    let shop = Shop::new(Referrers::On);
    for number in 0..200 {
        shop.attach_layer(format!("{number}").as_bytes(), BUNDLE);
    }
    says(shop.verify(), 1, &["PLM-S13"]);
    shop.sign(&shop.ours);
    says(shop.verify(), 0, &["signed by [DIR]/ours.pub"]);
}

/// One manifest holds all layers of the older format: the list, then the two tags, then a blob for each payload.
#[test]
fn a_verdict_on_the_older_format_costs_less() {
    for list in [Referrers::On, Referrers::Off] {
        for signatures in [1, 4, 20] {
            let shop = Shop::new(list);
            let stranger = |number: usize| {
                let annotations = BTreeMap::from([("n".to_owned(), number.to_string())]);
                let unsigned = sign::legacy_signature(&shop.name(), shop.image.digest, &annotations);
                unsigned.signed_by(&shop.theirs).unwrap()
            };
            let mut layers: Vec<_> = (1..signatures).map(stranger).collect();
            layers.push(shop.legacy_signature(&shop.ours));
            shop.tag(".sig", &layers);
            shop.verify().exits(0);
            let lines = shop.registry.request_lines();
            let lists = if list == Referrers::On { 1 } else { 2 };
            assert_eq!(lines.len(), lists + 2 + signatures, "{lines:#?}");
            assert!(lines.len() <= 3 + 2 * signatures);
        }
    }
}

/// A manifest in the older format whose layers are these: type, digest, size, annotations.
fn older(layers: &[Value]) -> Vec<u8> {
    let config = Digest::of(b"{}").to_string();
    let config =
        json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn a_layer_that_shares_a_digest_hides_no_signature() {
    let shop = Shop::new(Referrers::On);
    let layer = shop.legacy_signature(&shop.ours);
    shop.tag(".sig", &[layer]);
    let tag = format!("{}.sig", shop.image.digest.to_string().replace(':', "-"));
    let (_, manifest) = shop.registry.manifest("team/app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let good = &manifest["layers"][0];
    for (member, value) in [("mediaType", json!("text/plain")), ("size", json!(1))] {
        let mut other = good.clone();
        other[member] = value;
        for layers in [[&other, good], [good, &other]] {
            shop.registry.put_manifest("team/app", &tag, OCI_MANIFEST, &older(&layers.map(Value::clone)));
            says(shop.verify(), 0, &["✓ signature"]);
        }
    }
}

/// A thousand referrers with hundreds of layers each must not cost a request for each.
#[test]
fn layers_are_counted_before_they_are_fetched() {
    let shop = Shop::new(Referrers::On);
    for number in 0..3 {
        let layer = |at: usize| {
            let digest = Digest::of(format!("{number} {at}").as_bytes()).to_string();
            json!({"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": digest, "size": 1})
        };
        let layers: Vec<_> = (0..limits::LAYERS).map(layer).collect();
        let mut manifest: Value = serde_json::from_slice(&older(&layers)).unwrap();
        manifest["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size});
        let manifest = serde_json::to_vec(&manifest).unwrap();
        shop.attach_manifest(&manifest, shop.image.digest, "application/vnd.dev.cosign.artifact.sig.v1+json");
    }
    says(shop.verify(), 3, &["more than 1000 things are attached"]);
    let asked = shop.registry.request_lines().len();
    assert!(asked <= limits::CANDIDATES + 10, "{asked}");
}

/// What it is, how to attach it, and what the answer says.
type Setup<'a> = (&'a str, &'a dyn Fn(&Shop), &'a [&'a str]);

#[test]
fn everything_else_is_a_no_with_its_reason() {
    let setups: &[Setup] = &[
        (
            "unsigned",
            &|_| {},
            &["✗ signature by [DIR]/ours.pub: nothing is attached   PLM-E01", "next: sign it"],
        ),
        ("other key", &|shop| ignore(shop.sign(&shop.theirs)), &["PLM-E03", "PLM-S02"]),
        ("attestation", &|shop| ignore(shop.attest(SPDX, SBOM, &shop.ours)), &["PLM-S05", SPDX]),
        (
            "other image",
            &|shop| {
                let other = Digest::of(b"other");
                let bundle = sign::image_signature(&shop.name(), other, &BTreeMap::new())
                    .unwrap()
                    .signed_by(&shop.ours)
                    .unwrap();
                shop.attach(&bundle, &shop.image);
            },
            &["PLM-S04"],
        ),
        ("not a bundle", &|shop| ignore(shop.attach_layer(b"{}", BUNDLE)), &["PLM-S13"]),
        ("gzip", &|shop| ignore(shop.attach_layer(&[0x1f, 0x8b, 8, 0, 0], BUNDLE)), &["PLM-S13"]),
        (
            "other layer type",
            &|shop| ignore(shop.attach_layer(b"{}", "text/plain")),
            &["PLM-S13", "text/plain"],
        ),
        (
            "layer type that begins like a bundle's",
            &|shop| ignore(shop.attach_signed(&format!("{BUNDLE}; charset=utf-8"))),
            &["PLM-S13", "charset"],
        ),
        (
            "layer type of a later bundle",
            &|shop| ignore(shop.attach_signed("application/vnd.dev.sigstore.bundle.v0.30+json")),
            &["PLM-S13", "v0.30"],
        ),
        (
            "other key, older format",
            &|shop| shop.tag(".sig", &[shop.legacy_signature(&shop.theirs)]),
            &["signature tag", "PLM-S01"],
        ),
        (
            "gzip, older format",
            &|shop| {
                let layer = shop.legacy_signature(&shop.ours);
                shop.tag(".sig", &[sign::LegacyLayer { content: vec![0x1f, 0x8b, 8, 0, 0], ..layer }]);
            },
            &["PLM-S01"],
        ),
    ];
    for list in [Referrers::On, Referrers::Off] {
        for (what, setup, texts) in setups {
            let shop = Shop::new(list);
            setup(&shop);
            let run = shop.verify();
            assert!(run.stdout.starts_with("denied "), "{what}: {}\n{}", run.stdout, run.stderr);
            says(run, 1, texts);
        }
    }
}

/// The media types that the specification gives to bundles, and nothing that only begins like one.
#[test]
fn every_spelling_of_a_bundle_s_type_is_read() {
    for media_type in [BUNDLE, "application/vnd.dev.sigstore.bundle+json;version=0.3"] {
        let shop = Shop::new(Referrers::On);
        shop.attach_signed(media_type);
        says(shop.verify(), 0, &["signed by [DIR]/ours.pub"]);
    }
}

#[test]
fn strangers_hide_nothing() {
    let strangers: [(&str, fn(&Shop)); 3] = [
        ("PLM-S02", |shop| ignore(shop.sign(&shop.theirs))),
        ("PLM-S13", |shop| ignore(shop.attach_layer(b"garbage", BUNDLE))),
        ("PLM-S05", |shop| ignore(shop.attest(SPDX, SBOM, &shop.ours))),
    ];
    for list in LISTS {
        let all = Shop::new(list);
        for (code, attach) in strangers {
            let shop = Shop::new(list);
            for shop in [&shop, &all] {
                attach(shop);
            }
            shop.sign(&shop.ours);
            says(shop.verify(), 0, &[code, "signed by [DIR]/ours.pub"]);
        }
        all.sign(&all.ours);
        says(all.verify(), 0, &["signed by [DIR]/ours.pub"]);
    }
}

/// Nothing is attached to what is not there: that is no verdict about an image.
#[test]
fn an_image_that_is_not_there_is_not_unsigned() {
    for list in LISTS {
        let shop = Shop::new(list);
        let absent = Digest::of(b"absent");
        let ask = |digest: Digest| {
            shop.run(["verify", "--key", "[DIR]/ours.pub", &format!("[HOST]/team/app@{digest}")])
        };
        says(ask(shop.image.digest), 1, &["PLM-E01"]);
        let run = ask(absent);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
        assert!(run.stderr.contains(&absent.to_string()), "{}", run.stderr);
        // Denied however it is.
        shop.policy("  - {name: ours, images: [\"HOST/team/app\"], require: {reference: {tags: [v1]}, signature: {by: ours}}}\n");
        let name = format!("[HOST]/team/app@{absent}");
        says(shop.run(["verify", "--policy", "[DIR]/policy.yaml", &name]), 1, &["PLM-N02"]);
    }
}

/// What strangers say to be large costs them nothing, and others no signature.
#[test]
fn claims_of_size_hide_nothing() {
    let shop = Shop::new(Referrers::Off);
    for (number, size) in [40_u64 << 20, 40 << 20, 40 << 20, 8 << 20].into_iter().enumerate() {
        let absent = Digest::of(&[u8::try_from(number).unwrap()]);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
            "layers": [{"mediaType": BUNDLE, "digest": absent.to_string(), "size": size}],
            "subject": {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size},
        });
        shop.attach_manifest(&serde_json::to_vec(&manifest).unwrap(), shop.image.digest, BUNDLE);
    }
    for number in 0..12 {
        shop.attach_layer(format!("garbage {number}").as_bytes(), BUNDLE);
    }
    shop.sign(&shop.ours);
    says(shop.verify(), 0, &["signed by [DIR]/ours.pub"]);
}

#[test]
fn older_formats_are_read() {
    let shop = Shop::new(Referrers::On);
    shop.tag(".sig", &[shop.legacy_signature(&shop.theirs), shop.legacy_signature(&shop.ours)]);
    says(shop.verify(), 0, &["simple signing via signature tag: signed by [DIR]/ours.pub", "PLM-S01"]);
    let attestation = |predicate_type| {
        sign::legacy_attestation(&shop.name(), shop.image.digest, predicate_type, SBOM)
            .unwrap()
            .signed_by(&shop.ours)
            .unwrap()
    };
    shop.tag(".att", &[attestation("https://x.y/z"), attestation(SPDX)]);
    let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "spdxjson", &shop.pinned()]);
    says(run, 0, &["envelope via attestation tag: signed by [DIR]/ours.pub"]);
    let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", "openvex", &shop.pinned()]);
    says(run, 1, &["PLM-B04"]);
}

// The list that clients keep is not to be believed: neither what an entry is, nor what it is about.
#[test]
fn entries_of_the_fallback_tag_speak_for_themselves() {
    let shop = Shop::new(Referrers::Off);
    let name = shop.name();
    let bundle = sign::image_signature(&name, shop.image.digest, &BTreeMap::new())
        .unwrap()
        .signed_by(&shop.ours)
        .unwrap();
    let referrer = |subject: &Descriptor| {
        let referrer = bundle.referrer(subject, Timestamp::EPOCH);
        for blob in &referrer.blobs {
            shop.registry.put_blob("team/app", blob);
        }
        referrer.manifest
    };
    let other = Descriptor::of(OCI_MANIFEST, &Checked::of(b"other".to_vec()));
    shop.attach_manifest(&referrer(&other), shop.image.digest, BUNDLE);
    says(shop.verify(), 1, &["PLM-S13", &format!("it refers to {}", other.digest)]);
    // Some clients write the config's type here.
    shop.attach_manifest(&referrer(&shop.image), shop.image.digest, "application/vnd.oci.empty.v1+json");
    says(shop.verify(), 0, &["fallback tag: signed by"]);
}

#[test]
fn what_could_not_be_fetched_is_never_unsigned() {
    let referrers = "GET /v2/team/app/referrers/*";
    let blobs = "GET /v2/team/app/blobs/*";
    for (pattern, mode) in [
        (referrers, Mode::Status(500, "UNKNOWN")),
        (referrers, Mode::Status(403, "DENIED")),
        (referrers, Mode::TooMany("0".to_owned())),
        (referrers, Mode::Html),
        (referrers, Mode::Hangup),
        (referrers, Mode::Truncated(20)),
        (blobs, Mode::Status(500, "UNKNOWN")),
        (blobs, Mode::Status(404, "BLOB_UNKNOWN")),
        (blobs, Mode::FlipByte(9)),
        (blobs, Mode::Truncated(20)),
        ("GET /v2/team/app/manifests/sha256-*", Mode::Status(500, "UNKNOWN")),
        ("GET /v2/team/app/manifests/sha256-*", Mode::Status(401, "UNAUTHORIZED")),
        ("GET /v2/team/app/manifests/sha256:*", Mode::Status(500, "UNKNOWN")),
        ("GET /v2/team/app/manifests/sha256:*", Mode::Status(404, "MANIFEST_UNKNOWN")),
    ] {
        let shop = Shop::new(Referrers::On);
        shop.sign(&shop.theirs);
        shop.registry.fault(Fault::on(pattern, mode.clone()));
        let run = shop.verify();
        assert!(run.code == 3, "{pattern} {mode:?}: {}\n{}", run.stdout, run.stderr);
        says(run, 3, &["denied, could not tell:", "PLM-E02", "next: try again"]);
    }
}

#[test]
fn what_is_more_than_can_be_looked_at_is_not_cut_silently() {
    let shop = Shop::new(Referrers::On);
    let layer = shop.legacy_signature(&shop.theirs);
    let blob = shop.registry.put_blob("team/app", &layer.content);
    let tag = |suffix: &str, layers: usize| {
        let entry = json!({"mediaType": layer.media_type, "digest": blob.to_string(), "size": layer.content.len(), "annotations": layer.annotations});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": vec![entry; layers],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
        });
        let tag = format!("{}{suffix}", shop.image.digest.to_string().replace(':', "-"));
        shop.registry.put_manifest("team/app", &tag, OCI_MANIFEST, &serde_json::to_vec(&manifest).unwrap());
    };
    let half = limits::CANDIDATES / 2;
    tag(".sig", half);
    tag(".att", limits::CANDIDATES - half);
    says(shop.verify(), 1, &["PLM-E03"]);
    shop.sign(&shop.theirs);
    says(shop.verify(), 3, &["denied, could not tell:", "more than", "things are attached"]);
}

#[test]
fn an_index_that_cannot_be_read_is_unknown() {
    let shop = Shop::new(Referrers::On);
    let entry = |number: usize| json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(number.to_string().as_bytes()).to_string(), "size": 1});
    let index = |images: usize| {
        let entries: Vec<Value> = (0..images).map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        shop.registry.put_manifest("team/app", ":", OCI_INDEX, &serde_json::to_vec(&index).unwrap())
    };
    shop.policy("  - {name: ours, images: [\"HOST/team/app\"], require: {sbom: {by: ours}}}\n");
    let ask = |digest: Digest| {
        shop.run(["verify", "--policy", "[DIR]/policy.yaml", &format!("[HOST]/team/app@{digest}")])
    };
    says(ask(index(2)), 1, &["PLM-E01"]);
    says(ask(index(limits::PLATFORMS + 1)), 3, &["PLM-E02", "images, more than"]);
    let digest = index(3);
    let pattern = format!("GET /v2/team/app/manifests/{digest}");
    shop.registry.fault(Fault::on(&pattern, Mode::Status(500, "UNKNOWN")));
    says(ask(digest), 3, &["PLM-E02", "index sha256:"]);
}

#[test]
fn a_policy_decides_by_name() {
    let shop = Shop::new(Referrers::On);
    shop.policy("  - {name: ours, images: [\"HOST/team/*\"], require: {reference: {digest: true}, signature: {by: ours}}}\n");
    says(
        shop.by_policy(),
        1,
        &[
            "by shop rev 4 (sha256:",
            "), rule ours, as of 2",
            "✓ reference.digest",
            "✗ signature by ours",
            "PLM-E01",
        ],
    );
    shop.sign(&shop.ours);
    says(shop.by_policy(), 0, &["allowed ", "rule ours", "✓ signature by ours: signed by ours"]);
    let run = shop.run(["verify", "--policy", "[DIR]/policy.yaml", "[HOST]/team/app:v1"]);
    says(
        run,
        1,
        &[
            "✗ reference.digest: the reference has no digest   PLM-N01",
            "✓ signature",
            "next: name the digest: [HOST]/team/app:v1@sha256:",
        ],
    );
    shop.policy("  - {name: ours, images: [\"HOST/other\"], require: {signature: {by: ours}}}\n");
    says(shop.by_policy(), 1, &["PLM-R01", "no rule is about [HOST]/team/app"]);
    assert_eq!(shop.registry.request_lines(), Vec::<String>::new());
    shop.policy(
        "  - {name: two, images: [\"HOST/team/app\"], require: {signature: {by: {all: [ours, theirs]}}}}\n",
    );
    shop.sign(&shop.ours);
    says(shop.by_policy(), 1, &["PLM-E04", "1 of 2 needed signers: ours"]);
    shop.sign(&shop.theirs);
    says(shop.by_policy(), 0, &["signed by "]);
}

#[test]
fn a_signature_of_another_repository_does_not_satisfy_a_policy() {
    let shop = Shop::new(Referrers::On);
    let other = shop.registry.repository("team/other");
    let bundle = sign::image_signature(&other, shop.image.digest, &BTreeMap::new())
        .unwrap()
        .signed_by(&shop.ours)
        .unwrap();
    shop.attach(&bundle, &shop.image);
    let rule = |identity: &str| {
        format!(
            "  - {{name: ours, images: [\"HOST/team/app\"], require: {{signature: {{by: ours{identity}}}}}}}\n"
        )
    };
    shop.policy(&rule(""));
    says(shop.by_policy(), 1, &["signed as [HOST]/team/other, not as [HOST]/team/app   PLM-I01"]);
    shop.policy(&rule(", identity: ignore"));
    says(shop.by_policy(), 0, &[]);
    says(shop.verify(), 0, &["signed as [HOST]/team/other"]);
}

#[test]
fn an_index_is_covered_by_the_sboms_of_its_platforms() {
    let shop = Shop::new(Referrers::On);
    let entry = |platform: &str, digest: Digest, size: u64| {
        let (os, architecture) = platform.split_once('/').unwrap();
        json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size, "platform": {"os": os, "architecture": architecture}})
    };
    let unrunnable = shop.registry.put_manifest("team/app", ":", OCI_MANIFEST, b"attestation");
    let index = |second: Digest, size| {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            entry("linux/amd64", shop.image.digest, shop.image.size), entry("linux/arm64", second, size), entry("unknown/unknown", unrunnable, 11)
        ]});
        serde_json::to_vec(&index).unwrap()
    };
    shop.attest(SPDX, SBOM, &shop.ours);
    shop.policy("  - {name: ours, images: [\"HOST/team/app\"], require: {sbom: {by: ours}}}\n");
    let config = Digest::of(b"{}");
    let arm = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "annotations": {"arm": "64"},
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.to_string(), "size": 2}});
    let arm = Checked::of(serde_json::to_vec(&arm).unwrap());
    shop.registry.put_manifest("team/app", ":", OCI_MANIFEST, arm.bytes());
    let digest = shop.registry.put_manifest(
        "team/app",
        "all",
        OCI_INDEX,
        &index(arm.digest(), arm.bytes().len() as u64),
    );
    let ask = |name: &str| shop.run(["verify", "--policy", "[DIR]/policy.yaml", name]);
    let by_digest = format!("[HOST]/team/app@{digest}");
    for name in ["[HOST]/team/app:all", &by_digest] {
        says(ask(name), 1, &["PLM-E05", "✓ linux/amd64 sha256:", "✗ linux/arm64 sha256:"]);
    }
    // What could not be read is told as such, though another platform has it.
    let pattern = format!("GET /v2/team/app/referrers/{}", arm.digest());
    shop.registry.fault(Fault::on(&pattern, Mode::Status(500, "UNKNOWN")));
    let run = ask(&by_digest);
    assert!(!run.stdout.contains("PLM-E05"), "{}", run.stdout);
    says(run, 3, &["denied, could not tell:", "PLM-E02", "could not be read"]);
    shop.registry.behave();
    let bundle =
        sign::attestation(&shop.name(), arm.digest(), SPDX, SBOM).unwrap().signed_by(&shop.ours).unwrap();
    shop.attach(&bundle, &Descriptor::of(OCI_MANIFEST, &arm));
    for name in ["[HOST]/team/app:all", &by_digest] {
        says(ask(name), 0, &["✓ sbom by ours: for each of 2 platforms", "spdx-2, 1 components"]);
    }
}

#[test]
fn an_index_with_a_revoked_image_is_denied_however_it_is_named() {
    let shop = Shop::new(Referrers::On);
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size, "platform": {"os": "linux", "architecture": "amd64"}}
    ]});
    let index = Checked::of(serde_json::to_vec(&index).unwrap());
    let digest = shop.registry.put_manifest("team/app", "all", OCI_INDEX, index.bytes());
    let bundle =
        sign::image_signature(&shop.name(), digest, &BTreeMap::new()).unwrap().signed_by(&shop.ours).unwrap();
    shop.attach(&bundle, &Descriptor::of(OCI_INDEX, &index));
    let rules = "  - {name: ours, images: [\"HOST/team/app\"], require: {signature: {by: ours}}}\n";
    let revoked = format!(
        "revoked:\n  - {{digest: \"{}\", reason: recalled, at: 2026-01-01T00:00:00Z}}\n",
        shop.image.digest
    );
    for name in ["[HOST]/team/app:all", &format!("[HOST]/team/app@{digest}")] {
        let ask = || shop.run(["verify", "--policy", "[DIR]/policy.yaml", name]);
        shop.policy(rules);
        says(ask(), 0, &["✓ signature"]);
        shop.policy(&format!("{rules}{revoked}"));
        says(ask(), 1, &["✗ revoked: sha256:", "which this is or lists, is revoked", "PLM-K04"]);
    }
}

/// Revocations name images by SHA-256, and an image can be asked for by another hash.
#[test]
fn a_revoked_image_is_denied_by_whatever_digest() {
    let shop = Shop::new(Referrers::On);
    let (_, manifest) = shop.registry.manifest("team/app", "v1").unwrap();
    let digest = FileContent::of(&manifest).digest(Algorithm::Sha512).unwrap();
    let layout = shop.folder.path().join("layout");
    fs::create_dir_all(layout.join("blobs/sha512")).unwrap();
    fs::write(layout.join("blobs/sha512").join(digest.hex()), &manifest).unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": manifest.len()}
    ]});
    fs::write(layout.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    let ask = || {
        let name = format!("oci:[DIR]/layout@{digest}");
        shop.run(["verify", "--policy", "[DIR]/policy.yaml", "--as", "[HOST]/team/app", &name])
    };
    let rules = "  - {name: ours, images: [\"HOST/team/app\"], allow_unverified: {reason: old, expires: 2035-01-01T00:00:00Z}}\n";
    shop.policy(rules);
    says(ask(), 0, &["allowed"]);
    let revoked = format!(
        "revoked:\n  - {{digest: \"{}\", reason: recalled, at: 2026-01-01T00:00:00Z}}\n",
        shop.image.digest
    );
    shop.policy(&format!("{rules}{revoked}"));
    says(ask(), 1, &["✗ revoked: sha256:", "PLM-K04"]);
}

/// An index of what has these types, digests and sizes.
fn index(listed: &[(&str, Digest, usize)]) -> Vec<u8> {
    let entry = |(kind, digest, size): &(&str, Digest, usize)| json!({"mediaType": kind, "digest": digest.to_string(), "size": size});
    let manifests: Vec<_> = listed.iter().map(entry).collect();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    serde_json::to_vec(&index).unwrap()
}

/// Whoever runs an index runs what is anywhere below it, by whatever digest it is listed.
#[test]
fn an_index_with_a_revoked_image_below_it_is_denied() {
    let shop = Shop::new(Referrers::On);
    let (_, manifest) = shop.registry.manifest("team/app", "v1").unwrap();
    let blobs = shop.folder.path().join("layout/blobs");
    fs::create_dir_all(blobs.join("sha256")).unwrap();
    fs::create_dir_all(blobs.join("sha512")).unwrap();
    fs::write(shop.folder.path().join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let store = |kind: &'static str, algorithm: Algorithm, content: &[u8]| {
        let digest = FileContent::of(content).digest(algorithm).unwrap();
        fs::write(blobs.join(algorithm.name()).join(digest.hex()), content).unwrap();
        (kind, digest, content.len())
    };
    let list = |algorithm: Algorithm, one: (&str, Digest, usize)| store(OCI_INDEX, algorithm, &index(&[one]));
    let (short, long) = (Algorithm::Sha256, Algorithm::Sha512);
    let (image, image_long) = (store(OCI_MANIFEST, short, &manifest), store(OCI_MANIFEST, long, &manifest));
    let gone = |algorithm| (OCI_INDEX, FileContent::of(b"gone").digest(algorithm).unwrap(), 4);
    let ask = |top: (&str, Digest, usize)| {
        fs::write(shop.folder.path().join("layout/index.json"), index(&[top])).unwrap();
        let name = format!("oci:[DIR]/layout@{}", top.1);
        shop.run(["verify", "--policy", "[DIR]/policy.yaml", "--as", "[HOST]/team/app", &name])
    };
    let rules = "  - {name: ours, images: [\"HOST/team/app\"], allow_unverified: {reason: old, expires: 2035-01-01T00:00:00Z}}\n";
    let revoke = |digest: Digest| {
        shop.policy(&format!(
            "{rules}revoked:\n  - {{digest: \"{digest}\", reason: recalled, at: 2026-01-01T00:00:00Z}}\n"
        ));
    };
    let tops = [
        list(short, image),
        list(short, list(short, image)),
        list(short, list(short, list(short, image))),
        list(short, image_long),
        list(short, list(long, image)),
        list(short, list(short, list(short, image_long))),
        store(OCI_INDEX, short, &index(&[gone(short), image])),
        store(OCI_INDEX, short, &index(&[gone(short), list(short, image)])),
    ];
    revoke(image.1);
    for top in tops {
        says(ask(top), 1, &["✗ revoked: sha256:", "PLM-K04"]);
    }
    revoke(Digest::of(b"another"));
    for (at, top) in tops.into_iter().enumerate() {
        let gone = at >= 6;
        says(ask(top), if gone { 3 } else { 0 }, if gone { &[] } else { &["allowed"] });
    }
    let deep = (0..8).fold(image, |below, _| list(short, below));
    let wide: Vec<_> =
        (0..=limits::PLATFORMS).map(|at| store(OCI_MANIFEST, long, at.to_string().as_bytes())).collect();
    for top in [list(short, gone(long)), deep, store(OCI_INDEX, short, &index(&wide))] {
        let run = ask(top);
        assert!(!run.stdout.contains("allowed"), "{}", run.stdout);
        run.exits(3);
    }
    // Nothing more is read for a policy that revokes no image.
    shop.policy(rules);
    says(ask(deep), 0, &["allowed"]);
}

#[test]
fn a_wrong_policy_is_a_usage_error_with_every_problem() {
    let shop = Shop::new(Referrers::On);
    shop.policy("  - {name: ours, images: [\"HOST/team/*/x\"], require: {signature: {by: nobody}}}\n");
    let run = shop.by_policy().exits(2);
    assert_eq!(run.stdout, "");
    for text in [
        "plimsoll: error: [DIR]/policy.yaml: the policy has 2 problems\n",
        "plimsoll: cause: [DIR]/policy.yaml:9:27: rules[0].images[0]: ",
        "PLM-P10\n",
        "there is no signer `nobody`   PLM-P11\n",
        "plimsoll: hint: ",
    ] {
        assert!(run.stderr.contains(text), "{text}\n{}", run.stderr);
    }
    fs::write(shop.folder.path().join("policy.yaml"), "version: 1\nrules: [").unwrap();
    assert!(shop.by_policy().exits(2).stderr.contains("PLM-P01"));
    for (content, says) in
        [(b"name: \xff".to_vec(), ":1:7: not UTF-8: byte 6 "), (b" ".repeat(2 << 20), ":1:1: larger than ")]
    {
        fs::write(shop.folder.path().join("policy.yaml"), content).unwrap();
        let run = shop.by_policy().exits(2);
        let line = run.stderr.lines().find(|line| line.ends_with("   PLM-P01"));
        assert!(line.is_some_and(|line| line.contains(says)), "{}", run.stderr);
    }
    fs::remove_file(shop.folder.path().join("policy.yaml")).unwrap();
    shop.by_policy().exits(2);
    assert_eq!(shop.registry.request_lines(), Vec::<String>::new());
}

#[test]
fn wrong_command_lines() {
    let shop = Shop::new(Referrers::On);
    shop.policy("  - {name: ours, images: [\"HOST/team/*\"], require: {signature: {by: ours}}}\n");
    fs::write(shop.folder.path().join("text"), "no key").unwrap();
    let image = shop.pinned();
    for args in [
        &["verify", &image][..],
        &["verify", "--key", "[DIR]/ours.pub"],
        &["verify", "--key", "[DIR]/ours.pub", "--policy", "[DIR]/policy.yaml", &image],
        &["verify", "--policy", "[DIR]/policy.yaml", "--type", "spdxjson", &image],
        &["verify", "--key", "[DIR]/ours.pub", "--type", "frobnicate", &image],
        &["verify", "--key", "[DIR]/ours.pub", "--type", "https://sigstore.dev/cosign/sign/v1", &image],
        &["verify", "--key", "[DIR]/ours.pub", "-a", "novalue", &image],
        &["verify", "--key", "[DIR]/ours.pub", "-a", "a=1", "-a", "a=2", &image],
        &["verify", "--key", "[DIR]/none.pub", &image],
        &["verify", "--key", "[DIR]/text", &image],
        &["verify", "--policy", "[DIR]/policy.yaml", "oci:[DIR]/image"],
        &["verify", "--policy", "[DIR]/policy.yaml", "--as", "x.example.com/y", &image],
        &["verify", "--key", "[DIR]/ours.pub", "A b"],
    ] {
        let run = shop.run(args.iter().copied()).exits(2);
        assert_eq!((run.stdout.as_str(), shop.registry.request_lines().len()), ("", 0), "{args:?}");
    }
}

#[test]
fn annotations_are_demanded_of_the_signature() {
    let shop = Shop::new(Referrers::On);
    let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let bundle =
        sign::image_signature("", shop.image.digest, &annotations).unwrap().signed_by(&shop.ours).unwrap();
    shop.attach(&bundle, &shop.image);
    let ask = |demand: &str| shop.run(["verify", "--key", "[DIR]/ours.pub", "-a", demand, &shop.pinned()]);
    says(ask("env=prod"), 0, &["no name inside"]);
    says(ask("env=test"), 1, &["PLM-A01"]);
    says(ask("team=x"), 1, &["PLM-A01"]);
}

#[test]
fn of_several_images_the_worst_counts() {
    let shop = Shop::new(Referrers::On);
    shop.sign(&shop.ours);
    let signed = shop.pinned();
    let unsigned = shop.unsigned();
    let missing = "[HOST]/team/none:v1";
    let ask = |images: &[&str]| {
        let args = ["verify", "--key", "[DIR]/theirs.pub", "--key", "[DIR]/ours.pub"];
        shop.run(args.into_iter().chain(images.iter().copied()))
    };
    ask(&[&signed, &signed]).exits(0);
    ask(&[&signed, missing]).exits(3);
    ask(&[&signed, &unsigned]).exits(1);
    let run = ask(&[missing, &signed, &unsigned]).exits(1);
    assert!(run.stdout.contains("allowed ") && run.stdout.contains("denied "), "{}", run.stdout);
    assert!(run.stderr.contains("plimsoll: error: "), "{}", run.stderr);
}

#[test]
fn an_image_in_a_folder_is_verified_like_one_in_a_registry() {
    let shop = Shop::new(Referrers::On);
    let image = shop.folder.path().join("image");
    fs::create_dir_all(image.join("blobs/sha256")).unwrap();
    let (_, manifest) = shop.registry.manifest("team/app", "v1").unwrap();
    for blob in [manifest.as_slice(), b"{}"] {
        fs::write(image.join("blobs/sha256").join(Digest::of(blob).hex()), blob).unwrap();
    }
    fs::write(image.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let entry =
        json!({"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size});
    fs::write(image.join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string())
        .unwrap();
    shop.policy(
        "  - {name: ours, images: [\"registry.example.com/team/*\"], require: {signature: {by: ours}}}\n",
    );

    let by_key = || shop.run(["verify", "--key", "[DIR]/ours.pub", "oci:[DIR]/image"]);
    says(by_key(), 1, &["PLM-E01"]);
    let secret = plimsoll::base::Secret::new(b"x".to_vec());
    fs::write(shop.folder.path().join("ours.key"), shop.ours.to_encrypted_pem(&secret).unwrap()).unwrap();
    let name = "registry.example.com/team/app";
    Plimsoll::new()
        .dir(&shop.folder)
        .env("PLIMSOLL_PASSWORD", "x")
        .args(["sign", "--key", "[DIR]/ours.key", "--as", name, "oci:[DIR]/image"])
        .run()
        .exits(0);
    says(by_key(), 0, &[&format!("allowed oci:[DIR]/image@{}", shop.image.digest), "via layout"]);
    let by_policy =
        |name| shop.run(["verify", "--policy", "[DIR]/policy.yaml", "--as", name, "oci:[DIR]/image"]);
    says(by_policy(name), 0, &["rule ours"]);
    says(by_policy("registry.example.com/team/other"), 1, &["PLM-I01"]);
    says(by_policy("registry.example.com/app"), 1, &["PLM-R01"]);
    let run = shop.run(["--offline", "verify", "--key", "[DIR]/ours.pub", "oci:[DIR]/image"]);
    says(run, 0, &[]);
}

#[test]
fn offline_there_is_no_registry() {
    let shop = Shop::new(Referrers::On);
    shop.sign(&shop.ours);
    let run = shop.run(["--offline", "verify", "--key", "[DIR]/ours.pub", &shop.pinned()]).exits(3);
    assert!(run.stderr.contains("--offline"), "{}", run.stderr);
    assert_eq!(shop.registry.request_lines(), Vec::<String>::new());
}

pub(crate) fn checked_json(run: &Run, schema: &str) -> Value {
    let path = format!("{}/schemas/{schema}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{answer:#}");
    answer
}

#[test]
fn the_json_answer_fits_its_schema() {
    let shop = Shop::new(Referrers::On);
    let bundle = shop.sign(&shop.ours);
    shop.sign(&shop.theirs);
    let unsigned = shop.unsigned();
    let pinned = shop.pinned();
    let args =
        ["verify", "--format", "json", "--key", "[DIR]/ours.pub", &pinned, &unsigned, "[HOST]/team/none:v1"];
    let answer = checked_json(&shop.run(args).exits(1), "verify");
    let verdicts: Vec<_> =
        answer["images"].as_array().unwrap().iter().map(|image| &image["verdict"]).collect();
    assert_eq!(verdicts, ["allowed", "denied", "unknown"]);
    let candidates = answer["images"][0]["requirements"][0]["candidates"].as_array().unwrap();
    let ours = candidates.iter().find(|candidate| candidate["digest"] == bundle.to_string()).unwrap();
    assert_eq!((&ours["accepted"], &ours["signer"]), (&json!(true), &json!("[DIR]/ours.pub")));
    assert_eq!(answer["images"][1]["reasons"][0]["code"], "PLM-E01");

    shop.policy(
        "  - {name: ours, images: [\"HOST/team/*\"], require: {signature: {by: ours}, sbom: {by: ours}}}\n",
    );
    let args = ["verify", "--format", "json", "--policy", "[DIR]/policy.yaml", &pinned];
    let answer = checked_json(&shop.run(args).exits(1), "verify");
    assert_eq!((&answer["policy"]["revision"], &answer["images"][0]["rule"]), (&json!(4), &json!("ours")));
    shop.registry.fault(Fault::on("GET /v2/team/app/referrers/*", Mode::Status(500, "UNKNOWN")));
    let answer = checked_json(&shop.run(args).exits(3), "verify");
    assert_eq!(answer["images"][0]["verdict"], "unknown");
}

#[test]
fn colours_on_demand_only() {
    let shop = Shop::new(Referrers::On);
    shop.sign(&shop.ours);
    let plain = shop.verify().exits(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let args = ["verify", "--color", "always", "--key", "[DIR]/ours.pub", &shop.pinned()];
    let colored = shop.run(args).exits(0);
    assert!(colored.stdout.starts_with("\u{1b}[32mallowed\u{1b}[0m "), "{}", colored.stdout);
}
