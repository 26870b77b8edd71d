//! N1–N8, N11, N22: what a registry sends is what its digest says, or it is nothing.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use plimsoll::base::Digest;
use plimsoll::format::manifest::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

use super::Yard;
use crate::plimsoll::program;
use crate::registry::{Account, Auth, Fault, Mode, Registry, Tokens};

#[test]
fn n01_head_digest_lie() {
    let yard = Yard::new();
    let file = yard.folder.path().join("Dockerfile");
    let text = format!("FROM {}/app:1.0\n", yard.registry.host());
    fs::write(&file, &text).unwrap();
    yard.registry.fault(Fault::on("GET /v2/*/manifests/*", Mode::wrong_digest_header()));
    yard.registry.fault(Fault::on("HEAD *", Mode::wrong_digest_header()));
    let run = yard.run(&["pin", "[DIR]/Dockerfile"]).exits(3);
    assert!(run.stdout.contains("states digest"), "{}", run.stdout);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    yard.refuses(&["resolve", "[HOST]/app:1.0"]);
    // A lie of HEAD alone is not even heard.
    yard.registry.behave();
    yard.registry.fault(Fault::on("HEAD *", Mode::wrong_digest_header()));
    yard.run(&["pin", "[DIR]/Dockerfile"]).exits(0);
    assert!(fs::read_to_string(&file).unwrap().contains(&yard.digest.to_string()));
}

#[test]
fn n02_pinned_digest_ignored() {
    let yard = Yard::new();
    let other = yard.manifest("{}").to_string();
    for mode in [Mode::Substitute(other.clone().into_bytes()), Mode::Body(other.into_bytes())] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*/manifests/sha256:*", mode));
        for verb in ["resolve", "sbom", "tree"] {
            assert!(yard.refuses(&[verb, &yard.pinned()]).contains("the registry sent other content"));
        }
    }
}

#[test]
fn n03_blob_not_verified() {
    let yard = Yard::new();
    let last = yard.layer.len() - 1;
    yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
    for (pattern, mode) in [
        ("layer", Mode::Body(vec![7; yard.layer.len()])),
        ("layer", Mode::Body(Vec::new())),
        // Behind the end of the archive, where a reader of tar has stopped.
        ("layer", Mode::FlipByte(last)),
        ("layer", Mode::Trailing(b"more".to_vec())),
        ("layer", Mode::Truncated(0)),
        ("layer", Mode::Endless),
        ("config", Mode::FlipByte(5)),
        ("config", Mode::Trailing(b" ".to_vec())),
        ("config", Mode::Truncated(5)),
    ] {
        yard.registry.behave();
        let manifest = yard.current();
        let digest = match pattern {
            "layer" => &manifest["layers"][0]["digest"],
            _ => &manifest["config"]["digest"],
        };
        let what = format!("{pattern} {mode:?}");
        yard.registry.fault(Fault::on(&format!("GET /v2/app/blobs/{}", digest.as_str().unwrap()), mode));
        assert!(yard.refuses(&["sbom", "[HOST]/app:1.0"]).contains("blob sha256:"), "{what}");
    }
}

/// Stores bytes as they are under a content type of their own, and asks for them.
fn refused_as(yard: &Yard, content_type: &str, body: &str) -> String {
    yard.registry.put_manifest("app", "bad", content_type, body.as_bytes());
    let digest = Digest::of(body.as_bytes());
    yard.refuses(&["resolve", &format!("[HOST]/app@{digest}")]);
    yard.refuses(&["resolve", "[HOST]/app:bad"])
}

#[test]
fn n04_manifest_confusion() {
    let yard = Yard::new();
    let good = yard.current();
    let mut both = good.clone();
    both["manifests"] = json!([]);
    for content_type in [OCI_MANIFEST, OCI_INDEX] {
        assert!(refused_as(&yard, content_type, &both.to_string()).contains("malformed"));
    }
    both.as_object_mut().unwrap().remove("mediaType");
    for content_type in [OCI_MANIFEST, OCI_INDEX] {
        refused_as(&yard, content_type, &both.to_string());
    }
    assert!(refused_as(&yard, OCI_INDEX, &good.to_string()).contains("has type"));
    let mut silent = good;
    silent.as_object_mut().unwrap().remove("mediaType");
    assert!(refused_as(&yard, OCI_INDEX, &silent.to_string()).contains("has type"));
    refused_as(&yard, "application/vnd.docker.distribution.manifest.v1+prettyjws", &silent.to_string());
}

#[test]
fn n05_duplicate_keys() {
    let yard = Yard::new();
    let good = yard.current().to_string();
    let config = yard.current()["config"].to_string();
    let digest = yard.current()["config"]["digest"].to_string();
    let twice = [
        good.replacen('{', &format!(r#"{{"config":{config},"#), 1),
        good.replacen('{', &format!(r#"{{"con\u0066ig":{config},"#), 1),
        good.replacen('{', r#"{"layers":[],"#, 1),
        good.replacen('{', &format!(r#"{{"mediaType":"{OCI_MANIFEST}","#), 1),
        good.replacen(
            &format!(r#""digest":{digest}"#),
            &format!(r#""digest":{digest},"digest":{digest}"#),
            1,
        ),
        good.replacen('{', r#"{"annotations":{"a":"b","\u0061":"c"},"#, 1),
        good.replacen('{', r#"{"x":[{"y":{"z":1,"z":2}}],"#, 1),
    ];
    for body in twice {
        assert_ne!(body, good);
        assert!(refused_as(&yard, OCI_MANIFEST, &body).contains("twice"), "{body}");
    }
}

/// Runs the real program with no more than 64 MiB of memory of its own.
fn run_small(yard: &Yard, args: &[&str]) -> (i32, String) {
    let args = args.iter().map(|arg| arg.replace("[HOST]", &yard.registry.host()));
    let output = Command::new("/bin/sh")
        .args(["-c", "ulimit -d 65536 && exec \"$0\" \"$@\""])
        .arg(program())
        .args(args)
        .env_clear()
        .env("PLIMSOLL_MAX_WAIT", "0")
        .env("DOCKER_CONFIG", yard.folder.path().join("docker"))
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn n06_unbounded_reads() {
    let tokens = || Auth::Bearer(Tokens::new(Account::new("alice", "s3cret")));
    let huge = || Mode::Length(600 << 20);
    for (auth, pattern, modes) in [
        (Auth::Nobody, "GET /v2/*/manifests/*", vec![Mode::Endless]),
        (Auth::Nobody, "GET /v2/*/manifests/*", vec![huge()]),
        (Auth::Nobody, "GET /v2/*/manifests/*", vec![Mode::HeaderFlood(100_000)]),
        (Auth::Nobody, "GET /v2/*/manifests/*", vec![Mode::Status(400, "X"), Mode::Endless]),
        (Auth::Nobody, "GET /v2/*/referrers/*", vec![Mode::Endless]),
        (tokens(), "GET /token", vec![Mode::Endless]),
        (tokens(), "GET /token", vec![huge()]),
    ] {
        let yard = Yard::of(Registry::builder().auth(auth));
        yard.log_in(&[&yard.registry.host()]);
        assert_eq!(run_small(&yard, &["tree", "[HOST]/app:1.0"]).0, 0);
        let what = format!("{pattern} {modes:?}");
        for mode in modes {
            yard.registry.fault(Fault::on(pattern, mode));
        }
        let started = Instant::now();
        let (code, said) = run_small(&yard, &["tree", "[HOST]/app:1.0"]);
        assert_eq!(code, 3, "{what}: {said}");
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
    }
}

#[test]
fn n07_descriptor_size_lie() {
    let yard = Yard::new();
    let text = yard.current().to_string();
    let size = yard.current()["layers"][0]["size"].as_u64().unwrap();
    let config = yard.current()["config"]["size"].as_u64().unwrap();
    for lie in [
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "0",
        "1e30",
        "1.5",
        "\"9\"",
        "null",
    ] {
        for honest in [size, config] {
            let body = text.replacen(&format!("\"size\":{honest}"), &format!("\"size\":{lie}"), 1);
            assert_ne!(body, text);
            yard.registry.put_manifest("app", "bad", OCI_MANIFEST, body.as_bytes());
            let said = yard.refuses(&["sbom", "[HOST]/app:bad"]);
            assert!(!said.contains("panicked"), "{said}");
        }
    }
    for lie in [size - 1, size + 1] {
        let mut manifest = yard.current();
        manifest["layers"][0]["size"] = lie.into();
        yard.put("bad", &manifest);
        assert!(yard.refuses(&["sbom", "[HOST]/app:bad"]).contains("its descriptor says"));
    }
}

#[test]
fn n08_digest_not_validated() {
    let yard = Yard::new();
    let hex = "a".repeat(64);
    let bad = [
        "sha256:../../../../etc/passwd".to_owned(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}a"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        "sha256:%2e%2e%2f".to_owned(),
        format!("sha256:{}\n", &hex[1..]),
        format!("sha256:{hex}?x=y"),
        String::new(),
    ];
    for digest in bad {
        for place in ["config", "layer"] {
            let mut manifest = yard.current();
            match place {
                "config" => manifest["config"]["digest"] = Value::from(digest.clone()),
                _ => manifest["layers"][0]["digest"] = Value::from(digest.clone()),
            }
            yard.put("bad", &manifest);
            yard.registry.forget_requests();
            yard.refuses(&["sbom", "[HOST]/app:bad"]);
            assert_eq!(yard.registry.request_lines(), ["GET /v2/app/manifests/bad"], "{digest}");
        }
        yard.registry.forget_requests();
        yard.run(&["resolve", &format!("[HOST]/app@{digest}")]).exits(2);
        assert!(yard.registry.requests().is_empty(), "{digest}");
    }
}

#[test]
fn n11_foreign_layer_url() {
    let (yard, elsewhere) = (Yard::new(), Registry::start());
    let mut manifest = yard.current();
    manifest["layers"][0]["urls"] = json!([format!("http://{}/layer", elsewhere.host())]);
    yard.put("foreign", &manifest);
    yard.run(&["sbom", "[HOST]/app:foreign"]).exits(0);
    // Also where the registry has it not.
    yard.registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::Status(404, "BLOB_UNKNOWN")).after(1));
    yard.refuses(&["sbom", "[HOST]/app:foreign"]);
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn n22_platform_index_lie() {
    let yard = Yard::new();
    let size = yard.current().to_string().len();
    let entry = |platform: Value| json!({ "mediaType": OCI_MANIFEST, "digest": yard.digest.to_string(), "size": size, "platform": platform });
    let put = |entries: Vec<Value>| {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        yard.registry.put_manifest("app", "all", OCI_INDEX, index.to_string().as_bytes());
    };
    put(vec![entry(json!({ "os": "linux", "architecture": "arm64" }))]);
    let said = yard.refuses(&["sbom", "--platform", "linux/arm64", "[HOST]/app:all"]);
    assert!(said.contains("its config says linux/amd64"), "{said}");
    // Only attestations: nothing that can be run, by either sign of them.
    let nowhere = entry(json!({ "os": "unknown", "architecture": "unknown" }));
    let mut marked = entry(json!({ "os": "linux", "architecture": "amd64" }));
    marked["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    for attestation in [nowhere, marked] {
        put(vec![attestation]);
        let said = yard.refuses(&["sbom", "--platform", "linux/amd64", "[HOST]/app:all"]);
        assert!(said.contains("holds no image"), "{said}");
    }
    // No match is said with what there is, and no other is taken.
    put(vec![entry(json!({ "os": "linux", "architecture": "amd64" }))]);
    let said = yard.refuses(&["sbom", "--platform", "linux/s390x", "[HOST]/app:all"]);
    assert!(said.contains("linux/amd64"), "{said}");
}
