//! `plimsoll sign` and `plimsoll attest`: what they store, and what they refuse.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry};

const DIGEST: &str = "sha256:69deb3acbc6e23042f8ab64ab78451d8adacb05adc5eea64445e62eb57beb86e";

fn image() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar")
}

/// A registry with the small image as `app:1.0`, and a key pair in `[DIR]/k.key` and `[DIR]/k.pub`.
struct Port {
    registry: Registry,
    folder: TempDir,
}

impl Port {
    fn new(referrers: Referrers) -> Self {
        let registry = Registry::builder().referrers(referrers).start();
        let digest = registry.push_layout(&image(), "app", "1.0");
        assert_eq!(digest.to_string(), DIGEST);
        let port = Self { registry, folder: TempDir::new().unwrap() };
        port.run(&["keygen", "--output", "[DIR]/k"]).exits(0);
        port
    }

    fn command(&self, args: &[&str]) -> Plimsoll {
        let plimsoll = Plimsoll::new().args(args.iter().copied()).env("PLIMSOLL_PASSWORD", "test");
        plimsoll.dir(&self.folder).registry(&self.registry)
    }

    fn run(&self, args: &[&str]) -> Run {
        self.command(args).run()
    }

    fn verify(&self, args: &[&str]) -> Run {
        self.run(&[&["verify", "--key", "[DIR]/k.pub"], args, &["[HOST]/app:1.0"]].concat())
    }
}

#[test]
fn a_signature_is_found_in_every_storage() {
    for referrers in [Referrers::On, Referrers::Off] {
        for storage in ["referrers", "legacy"] {
            let port = Port::new(referrers);
            port.verify(&[]).exits(1);
            let signed = port
                .run(&["sign", "--key", "[DIR]/k.key", "--storage", storage, "-a", "a=b", "[HOST]/app:1.0"])
                .exits(0);
            assert!(
                signed.stdout.starts_with(&format!("signed [HOST]/app:1.0 {DIGEST}\n")),
                "{}",
                signed.stdout
            );
            port.verify(&[]).exits(0);
            port.verify(&["-a", "a=b"]).exits(0);
            port.verify(&["-a", "a=c"]).exits(1);
            port.verify(&["--type", "custom"]).exits(1);
        }
    }
}

#[test]
fn an_attestation_is_found_in_every_storage_and_is_no_signature() {
    for (referrers, storage) in
        [(Referrers::On, "referrers"), (Referrers::Off, "referrers"), (Referrers::On, "legacy")]
    {
        let port = Port::new(referrers);
        fs::write(port.folder.path().join("p.json"), r#"{"n": 12345678901234567890, "f": 1.0}"#).unwrap();
        let attest = ["attest", "--key", "[DIR]/k.key", "--storage", storage, "--predicate", "[DIR]/p.json"];
        port.run(&[&attest[..], &["--type", "https://example.com/review/v1", "[HOST]/app:1.0"]].concat())
            .exits(0);
        port.verify(&["--type", "https://example.com/review/v1"]).exits(0);
        port.verify(&["--type", "https://example.com/review/v2"]).exits(1);
        port.verify(&[]).exits(1);
    }
}

/// Numbers beyond a double, and the spaces between, survive.
#[test]
fn the_predicates_own_bytes_are_signed() {
    let port = Port::new(Referrers::Off);
    let predicate = "{\"n\": 12345678901234567890,\n \"f\": 1.0}";
    fs::write(port.folder.path().join("p.json"), predicate).unwrap();
    let command = ["attest", "--key", "[DIR]/k.key", "--storage", "legacy", "--predicate", "[DIR]/p.json"];
    port.run(&[&command[..], &["--type", "custom", "[HOST]/app:1.0"]].concat()).exits(0);
    let tag = format!("{}.att", DIGEST.replace(':', "-"));
    let (_, manifest) = port.registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let envelope = port.registry.blob("app", layer).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, payload).unwrap();
    assert!(String::from_utf8(payload).unwrap().contains(predicate));
}

#[test]
fn an_sbom_is_made_and_attested_in_one_step() {
    for format in ["spdx-json", "cyclonedx-json"] {
        let port = Port::new(Referrers::On);
        port.run(&["attest", "--key", "[DIR]/k.key", "--sbom", format, "[HOST]/app:1.0"]).exits(0);
        let kind = if format == "spdx-json" { "spdxjson" } else { "cyclonedx" };
        port.verify(&["--type", kind]).exits(0);
    }
}

#[test]
fn what_is_there_already_stays() {
    let port = Port::new(Referrers::Off);
    for key in ["k", "other"] {
        if key == "other" {
            port.run(&["keygen", "--output", "[DIR]/other"]).exits(0);
        }
        for storage in ["referrers", "legacy"] {
            let key = format!("[DIR]/{key}.key");
            port.run(&["sign", "--key", &key, "--storage", storage, "[HOST]/app:1.0"]).exits(0);
        }
    }
    for key in ["[DIR]/k.pub", "[DIR]/other.pub"] {
        let run = port.run(&["--format", "json", "tree", "--key", key, "[HOST]/app:1.0"]).exits(0);
        assert_eq!(run.stdout.matches("\"verified\": true").count(), 2, "{}", run.stdout);
    }
    // The same key says the same again: nothing is added under the older tag.
    let tag = format!("{}.sig", DIGEST.replace(':', "-"));
    let before = port.registry.manifest("app", &tag);
    port.run(&["sign", "--key", "[DIR]/k.key", "--storage", "legacy", "[HOST]/app:1.0"]).exits(0);
    assert_eq!(port.registry.manifest("app", &tag), before);
}

#[test]
fn what_cannot_be_signed_is_refused_by_name() {
    let port = Port::new(Referrers::On);
    fs::write(port.folder.path().join("list.json"), "[]").unwrap();
    fs::write(port.folder.path().join("twice.json"), r#"{"a":1,"\u0061":2}"#).unwrap();
    fs::write(port.folder.path().join("good.json"), "{}").unwrap();
    let attest = ["attest", "--key", "[DIR]/k.key", "--type", "custom", "--predicate"];
    for (args, code, says) in [
        (&["sign", "--key", "[DIR]/k.pub", "[HOST]/app:1.0"][..], 2, "k.pub"),
        (&["sign", "--key", "[DIR]/none.key", "[HOST]/app:1.0"], 2, "none.key"),
        (&["sign", "--key", "[DIR]/k.key", "[HOST]/app:none"], 3, "app:none"),
        (&["sign", "--key", "[DIR]/k.key", "-a", "novalue", "[HOST]/app:1.0"], 2, "KEY=VALUE"),
        (&["sign", "--key", "[DIR]/k.key", "-a", "a=1", "-a", "a=2", "[HOST]/app:1.0"], 2, "two values"),
        (&["--offline", "sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"], 3, "offline"),
        (&["attest", "--key", "[DIR]/k.key", "[HOST]/app:1.0"], 2, "--sbom"),
        (&["attest", "--key", "[DIR]/k.key", "--sbom", "table", "[HOST]/app:1.0"], 2, "spdx-json"),
        (&[&attest[..], &["[DIR]/list.json", "[HOST]/app:1.0"]].concat(), 2, "object"),
        (&[&attest[..], &["[DIR]/twice.json", "[HOST]/app:1.0"]].concat(), 2, "predicate"),
        (&[&attest[..], &["[DIR]/none.json", "[HOST]/app:1.0"]].concat(), 2, "none.json"),
    ] {
        let run = port.run(args).exits(code);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
    }
    let wrong = port.command(&["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"]);
    let wrong = wrong.env("PLIMSOLL_PASSWORD", "wrong").run().exits(2);
    assert!(wrong.stderr.contains("password"), "{}", wrong.stderr);
    port.verify(&[]).exits(1);
}

/// A signature that could not be stored is an error, whatever the step that failed.
#[test]
fn a_registry_that_refuses_to_store_is_an_error() {
    for (pattern, mode) in [
        ("POST /v2/*/blobs/uploads/*", Mode::Status(403, "DENIED")),
        ("PUT /v2/*/manifests/*", Mode::Status(500, "UNKNOWN")),
        ("PUT /v2/*/manifests/sha256-*", Mode::Status(403, "DENIED")),
        ("GET /v2/*/manifests/sha256-*", Mode::Status(500, "UNKNOWN")),
        ("GET /v2/*/manifests/sha256-*", Mode::Html),
    ] {
        let port = Port::new(Referrers::Off);
        port.registry.fault(Fault::on(pattern, mode));
        let run = port.run(&["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"]).exits(3);
        assert_eq!(run.stdout, "", "{pattern}");
        assert!(run.stderr.contains("[HOST]"), "{}", run.stderr);
    }
}

#[test]
fn the_json_answers_are_as_their_schema_says() {
    let port = Port::new(Referrers::On);
    let schema: Value = serde_json::from_str(include_str!("../../schemas/published.v1.schema.json")).unwrap();
    for args in [&["sign"][..], &["sign", "--storage", "legacy"], &["attest", "--sbom", "spdx-json"]] {
        let args = [&["--format", "json"], args, &["--key", "[DIR]/k.key", "[HOST]/app:1.0"]].concat();
        let answer: Value = serde_json::from_str(&port.run(&args).exits(0).stdout).unwrap();
        assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
        assert_eq!(answer["digest"], DIGEST);
        let mut other = answer.clone();
        other["schema"] = "plimsoll.published/v2".into();
        assert!(!jsonschema::is_valid(&schema, &other));
    }
}

/// Everything also works on a folder, and what is signed there is signed under the name that was given.
#[test]
fn a_layout_is_signed_like_a_registry() {
    let port = Port::new(Referrers::On);
    let folder = port.folder.path().join("image");
    fs::create_dir(&folder).unwrap();
    tar::Archive::new(fs::File::open(image()).unwrap()).unpack(&folder).unwrap();
    for storage in ["referrers", "legacy"] {
        let sign = ["sign", "--key", "[DIR]/k.key", "--as", "example.com/app", "--storage", storage];
        port.run(&[&sign[..], &["oci:[DIR]/image:1.0"]].concat()).exits(0);
    }
    port.run(&["attest", "--key", "[DIR]/k.key", "--sbom", "spdx-json", "oci:[DIR]/image:1.0"]).exits(0);
    let run = port.run(&["tree", "--key", "[DIR]/k.pub", "oci:[DIR]/image:1.0"]).exits(0);
    assert_eq!(run.stdout.matches("verified").count(), 3, "{}", run.stdout);
    port.run(&["verify", "--key", "[DIR]/k.pub", "oci:[DIR]/image:1.0"]).exits(0);
    port.run(&["verify", "--key", "[DIR]/k.pub", "oci:[DIR]/image"]).exits(0);
    let policy = format!(
        "version: plimsoll.trust/v1\nname: p\nrevision: 1\nexpires: 9999-01-01T00:00:00Z\nsigners:\n  s:\n    key: {{file: k.pub}}\nrules:\n  - name: r\n    images: [\"example.com/{}\"]\n    require: {{signature: {{by: s}}, sbom: {{by: s}}}}\n",
        "app"
    );
    fs::write(port.folder.path().join("p.yaml"), policy).unwrap();
    let verify = ["verify", "--policy", "[DIR]/p.yaml", "--as"];
    port.run(&[&verify[..], &["example.com/app", "oci:[DIR]/image:1.0"]].concat()).exits(0);
    port.run(&[&verify[..], &["example.com/other", "oci:[DIR]/image:1.0"]].concat()).exits(1);
}
