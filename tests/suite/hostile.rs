//! Registries that lie, and others who write at the same time.

use std::fs;
use std::time::Duration;

use plimsoll::base::{Digest, Secret};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::manifest::{OCI_CONFIG, OCI_MANIFEST};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::Plimsoll;
use crate::registry::{Fault, Mode, Registry};

/// A registry that takes its time, with one image in it.
fn slow_registry() -> (Registry, Digest) {
    let registry = Registry::builder().delay(Duration::from_millis(20)).start();
    let config = registry.put_blob("app", b"{}").to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
        "config": {"mediaType": OCI_CONFIG, "digest": config, "size": 2},
    });
    let image = registry.put_manifest("app", "v1", OCI_MANIFEST, manifest.to_string().as_bytes());
    (registry, image)
}

/// Every verb that asks a registry, with an image that only a good registry gives it.
const VERBS: [&[&str]; 7] = [
    &["resolve", "[HOST]/app:v1"],
    &["sbom", "[HOST]/app:v1"],
    &["sign", "--key", "[DIR]/0.key", "[HOST]/app:v1"],
    &["attest", "--key", "[DIR]/0.key", "--sbom", "spdx-json", "[HOST]/app:v1"],
    &["tree", "[HOST]/app:v1"],
    &["pin", "[DIR]/Dockerfile"],
    &["copy", "[HOST]/app:v1", "[HOST]/copy"],
];

#[test]
fn no_verb_says_yes_to_a_registry_that_lies() {
    let registry = Registry::start();
    let layer = [0; 1024];
    let digest = registry.put_blob("app", &layer).to_string();
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [&digest] } });
    let config = config.to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 1024 }],
        "config": { "mediaType": OCI_CONFIG, "size": config.len(),
                    "digest": registry.put_blob("app", config.as_bytes()).to_string() },
    });
    registry.put_manifest("app", "v1", OCI_MANIFEST, manifest.to_string().as_bytes());
    let folder = TempDir::new().unwrap();
    let pem = PrivateKey::generate().unwrap().to_encrypted_pem(&Secret::new(Vec::new())).unwrap();
    fs::write(folder.path().join("0.key"), &*pem).unwrap();
    let modes = [
        Mode::Body(b"{}".to_vec()),
        Mode::Endless,
        Mode::FlipByte(30),
        Mode::Gzip,
        Mode::Hangup,
        Mode::Header("Content-Type", "application/json".to_owned()),
        Mode::Header("Docker-Content-Digest", Digest::of(b"").to_string()),
        Mode::HeaderFlood(10_000),
        Mode::Html,
        Mode::Length(1 << 40),
        Mode::Redirect("http://{host}{target}".to_owned()),
        Mode::Redirect("file:///etc/passwd".to_owned()),
        Mode::Status(401, "UNAUTHORIZED"),
        Mode::Status(404, "MANIFEST_UNKNOWN"),
        Mode::Status(500, "UNKNOWN"),
        Mode::TooMany("0".to_owned()),
        Mode::TooMany("1000000000".to_owned()),
        Mode::Trailing(b"x".to_vec()),
        Mode::Truncated(40),
        Mode::Unauthorized(vec!["Bearer realm=\"http://169.254.169.254/\"".to_owned()]),
    ];
    for verb in VERBS {
        let run = || {
            fs::write(folder.path().join("Dockerfile"), format!("FROM {}/app:v1\n", registry.host()))
                .unwrap();
            let tool = Plimsoll::new().dir(&folder).registry(&registry).env("PLIMSOLL_PASSWORD", "");
            tool.args(verb.iter().copied()).run()
        };
        registry.behave();
        run().exits(0);
        // The password of a key takes its time.
        let step = if verb.contains(&"--key") { 5 } else { 1 };
        for mode in modes.iter().step_by(step) {
            registry.behave();
            registry.fault(Fault::on("GET /v2/app/manifests/v1", mode.clone()));
            let run = run();
            assert_eq!(run.code, 3, "{verb:?} {mode:?}: {}{}", run.stdout, run.stderr);
        }
    }
}

#[test]
fn signers_of_one_image_lose_nothing_under_the_older_tag() {
    let (registry, image) = slow_registry();
    let folder = TempDir::new().unwrap();
    let keys: Vec<String> = (0..4).map(|number| format!("{number}.key")).collect();
    for key in &keys {
        let pem = PrivateKey::generate().unwrap().to_encrypted_pem(&Secret::new(Vec::new())).unwrap();
        fs::write(folder.path().join(key), &*pem).unwrap();
    }
    std::thread::scope(|scope| {
        for key in &keys {
            let tool = Plimsoll::new().dir(&folder).registry(&registry).env("PLIMSOLL_PASSWORD", "");
            let tool = tool.args(["sign", "--storage", "legacy", "--key"]).arg(format!("[DIR]/{key}"));
            scope.spawn(|| tool.arg("[HOST]/app:v1").run().exits(0));
        }
    });
    let tag = format!("{}.sig", image.to_string().replace(':', "-"));
    let (_, manifest) = registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), keys.len());
}
