//! `--no-upload` and `plimsoll attach`: signed on one machine, attached on another.

use std::fs;
use std::path::Path;

use plimsoll::base::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry};

/// A registry with the small image as `app:1.0` and `app:other`, which is another manifest of it, the image as a layout in `[DIR]`, and keys.
struct Yard {
    registry: Registry,
    folder: TempDir,
    digest: Digest,
}

impl Yard {
    fn new(referrers: Referrers) -> Self {
        let registry = Registry::builder().referrers(referrers).start();
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        let digest = registry.push_layout(&image, "app", "1.0");
        let (kind, bytes) = registry.manifest("app", "1.0").unwrap();
        let mut other: Value = serde_json::from_slice(&bytes).unwrap();
        other["annotations"] = json!({ "a": "b" });
        registry.put_manifest("app", "other", &kind, other.to_string().as_bytes());
        let yard = Self { registry, folder: TempDir::new().unwrap(), digest };
        fs::copy(image, yard.folder.path().join("image.tar")).unwrap();
        yard.run(&["keygen", "--output", "[DIR]/k"]).exits(0);
        yard
    }

    fn run(&self, args: &[&str]) -> Run {
        let plimsoll = Plimsoll::new().args(args.iter().copied()).env("PLIMSOLL_PASSWORD", "test");
        plimsoll.dir(&self.folder).registry(&self.registry).run()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Signs the image in the archive, without a registry, into `[DIR]/b.json`.
    fn sign(&self) {
        let sign = ["--offline", "sign", "--key", "[DIR]/k.key", "--as", "example.com/app", "--no-upload"];
        self.run(&[&sign[..], &["--bundle", "[DIR]/b.json", "oci-archive:[DIR]/image.tar"]].concat())
            .exits(0);
    }

    fn attach(&self, bundle: &str, options: &[&str], image: &str) -> Run {
        self.run(&[&["attach", "--bundle", bundle], options, &[&format!("[HOST]/app{image}")]].concat())
    }

    fn verify(&self, options: &[&str]) -> i32 {
        self.run(&[&["verify", "--key", "[DIR]/k.pub"], options, &["[HOST]/app:1.0"]].concat()).code
    }
}

#[test]
fn what_was_signed_without_network_is_attached_and_verifies() {
    for referrers in [Referrers::On, Referrers::Off] {
        let yard = Yard::new(referrers);
        yard.sign();
        assert_eq!(yard.verify(&[]), 1);
        let run = yard.attach("[DIR]/b.json", &["--key", "[DIR]/k.pub"], ":1.0").exits(0);
        assert!(
            run.stdout.starts_with(&format!("attached [HOST]/app:1.0 {}", yard.digest)),
            "{}",
            run.stdout
        );
        assert_eq!(run.stderr, "");
        assert_eq!(yard.verify(&[]), 0);
        // The bytes that were signed elsewhere are those that are attached.
        let digest = Digest::of(&yard.read("b.json"));
        assert_eq!(yard.registry.blob("app", digest).unwrap(), yard.read("b.json"));
        let again = yard.attach("[DIR]/b.json", &[], ":1.0").exits(0);
        assert!(again.stdout.ends_with(" before, so nothing was added\n"), "{}", again.stdout);
    }
}

#[test]
fn an_attestation_is_attached_by_digest_and_without_key_with_a_warning() {
    let yard = Yard::new(Referrers::On);
    yard.write("p.json", r#"{"n": 12345678901234567890}"#);
    let attest = ["attest", "--key", "[DIR]/k.key", "--type", "custom", "--predicate", "[DIR]/p.json"];
    let told = yard.run(
        &[&["--format", "json"], &attest[..], &["--no-upload", "--bundle", "[DIR]/b.json", "[HOST]/app:1.0"]]
            .concat(),
    );
    let told: Value = serde_json::from_str(&told.exits(0).stdout).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/published.v1.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &told), "{told}");
    assert_eq!(
        (&told["signed"][0]["storage"], &told["signed"][0]["file"]),
        (&json!("file"), &json!("[DIR]/b.json"))
    );
    assert_eq!(yard.verify(&["--type", "custom"]), 1);
    let run = yard.attach("[DIR]/b.json", &["--format", "json"], &format!("@{}", yard.digest)).exits(0);
    assert!(run.stderr.contains("nobody has checked who signed"), "{}", run.stderr);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/attached.v1.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
    assert_eq!((&answer["added"], &answer["verified"]), (&json!(true), &json!(false)));
    assert_eq!(answer["predicateType"], "https://cosign.sigstore.dev/attestation/v1");
    assert_eq!(yard.verify(&["--type", "custom"]), 0);
    assert_eq!(yard.verify(&[]), 1);
}

#[test]
fn what_does_not_belong_to_the_image_is_not_attached() {
    let yard = Yard::new(Referrers::On);
    yard.sign();
    yard.run(&["keygen", "--output", "[DIR]/other"]).exits(0);
    let good: Value = serde_json::from_slice(&yard.read("b.json")).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut bundle = good.clone();
        *bundle.pointer_mut(pointer).unwrap() = value;
        yard.write("bad.json", bundle.to_string());
    };
    let key: &[&str] = &["--key", "[DIR]/k.pub"];
    let refused = |bundle: &str, options: &[&str], image: &str, code: i32, says: &str| {
        let run = yard.attach(bundle, options, image).exits(code);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    };
    for options in [&[][..], key] {
        refused("[DIR]/b.json", options, ":other", 1, "about");
        refused("[DIR]/b.json", options, ":none", 3, "app:none");
        refused("[DIR]/none.json", options, ":1.0", 2, "none.json");
        refused("[DIR]/k.pub", options, ":1.0", 3, "cannot be attached");
        changed("/dsseEnvelope/payloadType", json!("text/plain"));
        refused("[DIR]/bad.json", options, ":1.0", 1, "cannot be attached");
        changed("/dsseEnvelope/payload", json!("e30="));
        refused("[DIR]/bad.json", options, ":1.0", 1, "cannot be attached");
        yard.write("bad.json", r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"messageSignature":{"signature":"AAAA"}}"#);
        refused("[DIR]/bad.json", options, ":1.0", 1, "statement");
    }
    refused("[DIR]/b.json", &["--key", "[DIR]/other.pub"], ":1.0", 1, "another key");
    changed("/dsseEnvelope/signatures/0/sig", json!("AAAA"));
    refused("[DIR]/bad.json", key, ":1.0", 1, "the key did not make this signature");
    assert_eq!(yard.verify(&[]), 1);
    let requests = "PUT /v2/app/manifests/*";
    yard.registry.fault(Fault::on(requests, Mode::Status(403, "DENIED")));
    refused("[DIR]/b.json", key, ":1.0", 3, "[HOST]");
}

#[test]
fn one_bundle_is_one_file_about_one_image_and_written_whole() {
    let yard = Yard::new(Referrers::On);
    let (kind, bytes) = yard.registry.manifest("app", "1.0").unwrap();
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": kind, "digest": yard.digest.to_string(), "size": bytes.len(),
            "platform": { "os": "linux", "architecture": "amd64" } }],
    });
    yard.registry.put_manifest(
        "app",
        "multi",
        "application/vnd.oci.image.index.v1+json",
        index.to_string().as_bytes(),
    );
    let sign = |options: &[&str]| {
        yard.run(&[&["sign", "--key", "[DIR]/k.key"], options, &["[HOST]/app:multi"]].concat())
    };
    let file: &[&str] = &["--no-upload", "--bundle", "[DIR]/b.json"];
    let run = sign(file).exits(2);
    assert!(run.stderr.contains("--no-recursive"), "{}", run.stderr);
    assert!(!yard.folder.path().join("b.json").exists());
    for wrong in [
        &["--no-upload"][..],
        &["--bundle", "[DIR]/b.json"],
        &[file, &["--storage", "legacy"]].concat(),
        &[file, &["--force"]].concat(),
    ] {
        sign(wrong).exits(2);
    }
    sign(&["--no-upload", "--bundle", "[DIR]/none/b.json", "--no-recursive"]).exits(2);
    for (option, subject) in [(&["--no-recursive"][..], ":multi"), (&["--platform", "linux/amd64"], ":1.0")] {
        sign(&[file, option].concat()).exits(0);
        yard.attach("[DIR]/b.json", &["--key", "[DIR]/k.pub"], subject).exits(0);
    }
    let left: Vec<_> =
        fs::read_dir(yard.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}
