//! `plimsoll resolve`: the digest of what was read, whatever anybody says it is.

use std::path::Path;

use serde_json::Value;

use crate::plimsoll::Plimsoll;
use crate::registry::{Auth, Fault, Mode, Registry};

const DIGEST: &str = "sha256:69deb3acbc6e23042f8ab64ab78451d8adacb05adc5eea64445e62eb57beb86e";

fn registry() -> Registry {
    let registry = Registry::start();
    push(&registry);
    registry
}

fn push(registry: &Registry) {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    registry.push_layout(&image, "app", "1.0");
}

fn resolve(registry: &Registry, args: &[&str]) -> Plimsoll {
    Plimsoll::new().arg("resolve").args(args.iter().copied()).registry(registry)
}

#[test]
fn a_tag_becomes_a_digest_with_one_request() {
    let registry = registry();
    registry.forget_requests();
    let run = resolve(&registry, &["[HOST]/app:1.0", "[HOST]/app:1.0"]).run().exits(0);
    let line = format!("[HOST]/app:1.0@{DIGEST}\n");
    assert_eq!(run.stdout, format!("{line}{line}"));
    assert_eq!(registry.request_lines(), ["GET /v2/app/manifests/1.0"]);
}

#[test]
fn json_for_programs() {
    let registry = registry();
    let run = resolve(&registry, &["--format", "json", "[HOST]/app:1.0"]).run().exits(0);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let schema = serde_json::from_str(include_str!("../../schemas/resolve.v1.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
}

/// A digest is what we computed; a server that says otherwise is not believed, and nothing is printed.
#[test]
fn a_server_that_lies_is_not_believed() {
    for mode in [
        Mode::wrong_digest_header(),
        Mode::FlipByte(10),
        Mode::Truncated(100),
        Mode::Html,
        Mode::Endless,
        Mode::Status(401, "UNAUTHORIZED"),
        Mode::Status(403, "DENIED"),
        Mode::Status(404, "MANIFEST_UNKNOWN"),
        Mode::Status(500, "UNKNOWN"),
        Mode::Hangup,
        Mode::Header("Content-Type", "application/vnd.oci.image.index.v1+json".to_owned()),
    ] {
        let registry = registry();
        let what = format!("{mode:?}");
        registry.fault(Fault::on("GET /v2/*/manifests/*", mode));
        let run = resolve(&registry, &["[HOST]/app:1.0"]).run().exits(3);
        assert_eq!(run.stdout, "", "{what}");
        assert!(run.stderr.contains("[HOST]/app:1.0"), "{what}: {}", run.stderr);
    }
}

#[test]
fn another_manifest_than_the_one_asked_for_is_refused() {
    let registry = registry();
    let other =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    registry.fault(Fault::on("GET /v2/*/manifests/*", Mode::Substitute(other.to_vec())));
    resolve(&registry, &[&format!("[HOST]/app@{DIGEST}")]).run().exits(3);
}

#[test]
fn one_that_fails_does_not_hide_the_others() {
    let registry = registry();
    let run = resolve(&registry, &["[HOST]/none:1", "[HOST]/app:1.0"]).run().exits(3);
    assert_eq!(run.stdout, format!("[HOST]/app:1.0@{DIGEST}\n"));
    assert!(run.stderr.contains("[HOST]/none:1"), "{}", run.stderr);
}

#[test]
fn offline_asks_nobody() {
    let registry = registry();
    registry.forget_requests();
    resolve(&registry, &["--offline", "[HOST]/app:1.0"]).run().exits(3);
    assert!(registry.requests().is_empty());
}

#[test]
fn credentials_of_the_docker_configuration_are_used() {
    let account = || crate::registry::Account::new("alice", "s3cret");
    for auth in [Auth::Basic(account()), Auth::Bearer(crate::registry::Tokens::new(account()))] {
        let registry = Registry::builder().auth(auth).start();
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        registry.push_layout(&image, "app", "1.0");
        let folder = tempfile::TempDir::new().unwrap();
        // "alice:s3cret" in base64.
        let config = format!(r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6czNjcmV0"}}}}}}"#, registry.host());
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let run = resolve(&registry, &["[HOST]/app:1.0"]).dir(&folder).env("DOCKER_CONFIG", "[DIR]").run();
        assert_eq!(run.exits(0).stdout, format!("[HOST]/app:1.0@{DIGEST}\n"));
        let run = resolve(&registry, &["[HOST]/app:1.0"]).run().exits(3);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}
