//! `plimsoll sign`, beside others who sign the same image.

use std::fs;
use std::time::Duration;

use plimsoll::base::{Digest, Secret};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::manifest::{OCI_CONFIG, OCI_MANIFEST};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::Plimsoll;
use crate::registry::Registry;

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
