//! N13, N18, N20, N21, N24–N27: lists of others, patience, and what is printed.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use plimsoll::base::{Digest, ImageLocator, limits};
use plimsoll::format::manifest::{OCI_INDEX, OCI_MANIFEST};
use plimsoll::io::{Access, Cache, Environment, Io, MirrorTags, Network};
use serde_json::{Value, json};

use super::Yard;
use crate::registry::{Account, Auth, Fault, Mode, Referrers, Registry, Tokens};

#[test]
fn n13_pagination_link() {
    let (yard, elsewhere) = (Yard::new(), Registry::start());
    let host = elsewhere.host();
    let list = |link: String| {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*/referrers/*", Mode::Header("Link", link)));
        yard.run(&["tree", "[HOST]/app:1.0"]).exits(3).stderr
    };
    list(format!("<http://{host}/v2/app/referrers/x>; rel=\"next\""));
    list(format!("<//{host}/v2/app/referrers/x>; rel=\"next\""));
    list("</v2/other/referrers/x>; rel=\"next\"".to_owned());
    list("</v2/app/referrers/../../other/referrers/x>; rel=next".to_owned());
    assert!(elsewhere.requests().is_empty());
    let asked = yard.registry.request_lines();
    assert!(asked.iter().all(|line| !line.contains("/other/")), "{asked:?}");
    yard.registry.behave();
    yard.registry.fault(Fault::on("GET /v2/*/referrers/*", Mode::link_circle()));
    yard.registry.forget_requests();
    yard.run(&["tree", "[HOST]/app:1.0"]).exits(3);
    assert!(yard.registry.requests().len() < 10);
    // A next page that is always another one.
    let referrers = Referrers::Flood { total: usize::MAX, page: 1, artifact_type: "x" };
    let yard = Yard::of(Registry::builder().referrers(referrers));
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/keys-example/example.pub");
    let run = yard.run(&["verify", "--key", key, "[HOST]/app:1.0"]).exits(3);
    assert!(run.stdout.contains("one too many"), "{run:?}");
    let asked = yard.registry.requests().len();
    assert!((limits::PAGES..limits::PAGES + 20).contains(&asked), "{asked}");
    // What such a list names has such lists, too: together they end as well.
    yard.registry.forget_requests();
    yard.run(&["tree", "[HOST]/app:1.0"]).exits(3);
    let asked = yard.registry.requests().len();
    assert!(asked < limits::FURTHER_PAGES + 10 * limits::TREE_NODES, "{asked}");
}

#[cfg(unix)]
#[test]
fn n18_layouts_and_layers_stay_inside() {
    let yard = Yard::new();
    let root = yard.folder.path();
    let layout = root.join("layout");
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let manifest = yard.current().to_string();
    fs::write(root.join("secret"), &manifest).unwrap();
    let index = |digest: &str| {
        let entry = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": manifest.len() });
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
        fs::write(layout.join("index.json"), index.to_string()).unwrap();
    };
    // A blob that is a link out of the layout, even to the right content.
    index(&yard.digest.to_string());
    std::os::unix::fs::symlink(root.join("secret"), layout.join("blobs/sha256").join(yard.digest.hex()))
        .unwrap();
    yard.refuses(&["resolve", "oci:[DIR]/layout"]);
    // A digest that is a path.
    for digest in ["sha256:../../../secret", "sha256:../../index.json", "../secret", "sha256:/etc/passwd"] {
        index(digest);
        yard.refuses(&["resolve", "oci:[DIR]/layout"]);
    }
    // Layers are read, never unpacked: whatever the names in them say, nothing appears.
    let before = fs::read_dir(root).unwrap().count();
    for (name, kind, link) in [
        ("../escaped", '0', ""),
        ("/escaped", '0', ""),
        ("a", '1', "../../escaped"),
        ("a", '2', "/"),
        ("a/escaped", '0', ""),
    ] {
        let layer = tar(name, kind, link);
        let digest = yard.registry.put_blob("app", &layer).to_string();
        let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [digest] } });
        yard.registry.put_blob("app", config.to_string().as_bytes());
        let mut manifest = yard.manifest(&config.to_string());
        manifest["layers"][0]["digest"] = digest.into();
        manifest["layers"][0]["size"] = layer.len().into();
        manifest["layers"][0]["annotations"] = json!({ "org.opencontainers.image.title": "../escaped" });
        yard.put("tar", &manifest);
        let code = yard.run(&["sbom", "[HOST]/app:tar"]).code;
        assert!(code == 0 || code == 3, "{name} {kind}");
        assert_eq!(fs::read_dir(root).unwrap().count(), before, "{name} {kind}");
        assert!(
            !root.parent().unwrap().join("escaped").exists() && !std::path::Path::new("/escaped").exists()
        );
    }
}

/// An archive with one entry.
#[cfg(unix)]
fn tar(name: &str, kind: char, link: &str) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, "00000000000\0");
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, &kind.to_string());
    put(157, link);
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [&header[..], &[0; 1024]].concat()
}

#[test]
fn n20_referrers_that_are_refused_are_not_none() {
    for referrers in [Referrers::On, Referrers::Off] {
        let yard = Yard::of(Registry::builder().referrers(referrers));
        let empty = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string();
        let tag = yard.digest.to_string().replace(':', "-");
        yard.registry.put_manifest("app", &tag, OCI_INDEX, empty.as_bytes());
        let list = match referrers {
            Referrers::Off => "GET /v2/*/manifests/sha256-*",
            _ => "GET /v2/*/referrers/*",
        };
        for mode in [
            Mode::Status(401, "UNAUTHORIZED"),
            Mode::Status(403, "DENIED"),
            Mode::Status(500, "UNKNOWN"),
            Mode::Html,
            // The right list as something else.
            Mode::Header("Content-Type", "application/json".to_owned()),
            Mode::Body(br#"{"schemaVersion":2,"manifests":{}}"#.to_vec()),
            Mode::Body(yard.current().to_string().into_bytes()),
        ] {
            yard.registry.behave();
            let what = format!("{referrers:?} {mode:?}");
            yard.registry.fault(Fault::on(list, mode));
            let key = concat!(env!("CARGO_MANIFEST_DIR"), "/keys-example/example.pub");
            let run = yard.run(&["verify", "--key", key, "[HOST]/app:1.0"]);
            assert_eq!(run.code, 3, "{what}: {}", run.stderr);
            yard.run(&["tree", "[HOST]/app:1.0"]).exits(3);
        }
        yard.registry.behave();
        yard.run(&["tree", "[HOST]/app:1.0"]).exits(0);
    }
}

#[test]
fn n20_a_referrer_of_another_image_counts_for_nothing() {
    let yard = Yard::of(Registry::builder().referrers(Referrers::Off));
    let tool = |args: &[&str]| yard.tool(args).env("PLIMSOLL_PASSWORD", "test").run();
    tool(&["keygen", "--output", "[DIR]/k"]).exits(0);
    tool(&["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"]).exits(0);
    tool(&["verify", "--key", "[DIR]/k.pub", "[HOST]/app:1.0"]).exits(0);
    // Another image, about which the same list is told.
    let mut other = yard.current();
    other["annotations"] = json!({ "other": "image" });
    let digest = yard.put("other", &other);
    let tag = |digest: Digest| digest.to_string().replace(':', "-");
    let (kind, list) = yard.registry.manifest("app", &tag(yard.digest)).unwrap();
    yard.registry.put_manifest("app", &tag(digest), &kind, &list);
    let run = tool(&["verify", "--key", "[DIR]/k.pub", "[HOST]/app:other"]).exits(1);
    let said = format!("it refers to {}, not to {digest}", yard.digest);
    assert!(run.stdout.contains(&said), "{run:?}");
    // And a copy of the referrer that says it is about the other one: what was signed still is not.
    let list: Value = serde_json::from_slice(&list).unwrap();
    let referrer = list["manifests"][0]["digest"].as_str().unwrap();
    let mut referrer: Value =
        serde_json::from_slice(&yard.registry.manifest("app", referrer).unwrap().1).unwrap();
    referrer["subject"]["digest"] = digest.to_string().into();
    let forged = referrer.to_string();
    let entry = json!({ "mediaType": OCI_MANIFEST, "digest": Digest::of(forged.as_bytes()).to_string(), "size": forged.len() });
    yard.put(":", &referrer);
    let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
    yard.registry.put_manifest("app", &tag(digest), OCI_INDEX, list.to_string().as_bytes());
    let run = tool(&["verify", "--key", "[DIR]/k.pub", "[HOST]/app:other"]).exits(1);
    assert!(run.stdout.contains("PLM-S"), "{run:?}");
}

/// Twice twenty pushes at once, by two that know nothing of each other: every entry is there in the end, with its annotations.
#[test]
fn n21_fallback_tag_race() {
    let registry = Registry::builder().referrers(Referrers::Off).delay(Duration::from_millis(1)).start();
    let image = registry.put_manifest("app", "v1", OCI_MANIFEST, b"{}");
    let config = registry.put_blob("app", b"{}").to_string();
    let manifest = |name: &str| {
        let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 });
        let subject = json!({ "mediaType": OCI_MANIFEST, "digest": image.to_string(), "size": 2 });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [],
            "subject": subject, "artifactType": "test/x", "annotations": { "name": name },
        });
        manifest.to_string().into_bytes()
    };
    let locator: ImageLocator = registry.repository("app").parse().unwrap();
    std::thread::scope(|scope| {
        for process in ["a", "b"] {
            let (manifest, locator) = (&manifest, &locator);
            scope.spawn(move || {
                let network = Network {
                    plain_http: Vec::new(),
                    cache: Cache::Unused,
                    ca_file: None,
                    client: None,
                    login: None,
                    mirror_tags: MirrorTags::Ignored,
                    max_wait: Some(Duration::ZERO),
                };
                let io = Io::new(Environment::default(), Access::Online(network)).unwrap();
                let source = io.open(locator).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let push = async |number: usize| {
                    let name = format!("{process}{number}");
                    let annotations = BTreeMap::from([("name".to_owned(), name.clone())]);
                    source.push_referrer(&manifest(&name), "test/x", &annotations, image).await.unwrap();
                };
                runtime.block_on(futures_util::future::join_all((0..20).map(push)));
            });
        }
    });
    let (_, list) = registry.manifest("app", &image.to_string().replace(':', "-")).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let name = |entry: &Value| entry["annotations"]["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = list["manifests"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 40, "{names:?}");
}

#[test]
fn n24_retry_after() {
    for (wait, requests, says) in [
        ("1000000000", 1, "wants to be asked again in"),
        ("99999999999999999999999999", 1, "wants to be asked again in"),
        ("Thu, 30 Dec 9999 12:00:00 GMT", 1, "9999-12-30"),
        // What is no wait is waited for as we see fit.
        ("1e9", limits::TRIES as usize, "status 429"),
        ("-1", limits::TRIES as usize, "status 429"),
        ("Sun, 06 Nov 1994 08:49:37 GMT", limits::TRIES as usize, "status 429"),
        ("soon", limits::TRIES as usize, "status 429"),
        ("", limits::TRIES as usize, "status 429"),
        ("0", limits::TRIES as usize, "status 429"),
    ] {
        let yard = Yard::new();
        yard.registry.fault(Fault::on("GET *", Mode::TooMany(wait.to_owned())));
        let started = Instant::now();
        let said = yard.refuses(&["resolve", "[HOST]/app:1.0", "[HOST]/app:1.0"]);
        assert!(said.contains(says), "{wait}: {said}");
        assert_eq!(yard.registry.requests().len(), requests, "{wait}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    // It is about us: whoever of the run has not asked yet does not.
    let yard = Yard::new();
    yard.registry.fault(Fault::on("GET *", Mode::TooMany("1000000000".to_owned())));
    let images: Vec<String> = (0..100).map(|number| format!("[HOST]/app:{number}")).collect();
    yard.refuses(&[&["resolve"][..], &images.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert!(yard.registry.requests().len() < 50);
    // Busy for a while only.
    let yard = Yard::new();
    yard.registry.fault(Fault::on("GET *", Mode::TooMany("0".to_owned())).first(2));
    yard.run(&["resolve", "[HOST]/app:1.0"]).exits(0);
    // A second that is asked for is waited for, and all of the host wait.
    let yard = Yard::new();
    yard.registry.fault(Fault::on("GET *", Mode::TooMany("1".to_owned())).first(1));
    let started = Instant::now();
    yard.tool(&["resolve", "[HOST]/app:1.0"]).env("PLIMSOLL_MAX_WAIT", "5").run().exits(0);
    assert!(started.elapsed() >= Duration::from_secs(1));
    yard.tool(&["resolve", "[HOST]/app:1.0"]).env("PLIMSOLL_MAX_WAIT", "soon").run().exits(2);
}

#[test]
fn n25_range_answers() {
    let yard = Yard::new();
    let size = yard.layer.len();
    let blob = format!("GET /v2/app/blobs/{}", Digest::of(&yard.layer));
    let cut = || Fault::on(&blob, Mode::Truncated(1000)).first(1);
    let again = |mode: Mode| Fault::on(&blob, mode).after(1);
    // The rest, or everything again.
    for mode in [None, Some(Mode::IgnoreRange)] {
        yard.registry.behave();
        yard.registry.fault(cut());
        if let Some(mode) = mode {
            yard.registry.fault(again(mode));
        }
        yard.registry.forget_requests();
        yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
        let asked = yard.registry.requests();
        let range = asked.iter().find_map(|request| request.header("range")).unwrap();
        assert_eq!(range, format!("bytes=1000-{}", size - 1));
    }
    for lie in [
        format!("bytes 0-{}/{size}", size - 1),
        format!("bytes 999-{}/{size}", size - 1),
        format!("bytes 1000-{}/{}", size - 1, size + 1),
        format!("bytes 1000-{}/*", size - 1),
        "nonsense".to_owned(),
    ] {
        yard.registry.behave();
        yard.registry.fault(cut());
        yard.registry.fault(again(Mode::Header("Content-Range", lie.clone())));
        let said = yard.refuses(&["sbom", "[HOST]/app:1.0"]);
        assert!(said.contains("asked for bytes 1000-"), "{lie}: {said}");
    }
    // A part that is not what it says it is shows in the digest.
    yard.registry.behave();
    yard.registry.fault(cut());
    yard.registry.fault(again(Mode::FlipByte(7)));
    assert!(yard.refuses(&["sbom", "[HOST]/app:1.0"]).contains("other content"));
    // No progress is no endless loop.
    yard.registry.behave();
    yard.registry.fault(Fault::on(&blob, Mode::Truncated(0)));
    yard.registry.forget_requests();
    yard.refuses(&["sbom", "[HOST]/app:1.0"]);
    assert!(yard.registry.requests().len() < 15);
}

/// Whether a terminal would print it as it is.
fn is_plain(text: &str) -> bool {
    text.chars().all(|char| char == '\n' || char == '\t' || !char.is_control())
}

#[test]
fn n26_escape_sequences() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}";
    let yard = Yard::new();
    // In an error message, which JSON may hold escaped or raw.
    let body = json!({ "errors": [{ "code": evil, "message": format!("a\r\nb{evil}") }] }).to_string();
    for body in [body.into_bytes(), evil.as_bytes().to_vec()] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET *", Mode::Status(400, "X")));
        yard.registry.fault(Fault::on("GET *", Mode::Body(body)));
        for format in ["text", "json"] {
            let run = yard.run(&["resolve", "--format", format, "[HOST]/app:1.0"]).exits(3);
            assert!(is_plain(&run.stdout) && is_plain(&run.stderr), "{run:?}");
            assert!(run.stderr.contains("owned"), "{run:?}");
            if format == "json" {
                serde_json::from_str::<Value>(&run.stdout).unwrap();
            }
        }
    }
    // In what is signed by nobody: types and annotations.
    yard.registry.behave();
    let mut referrer = yard.current();
    referrer["subject"] = json!({ "mediaType": OCI_MANIFEST, "digest": yard.digest.to_string(), "size": 1 });
    referrer["artifactType"] = evil.into();
    referrer["annotations"] = json!({ evil: evil });
    yard.put(":", &referrer);
    for format in ["text", "json"] {
        let run = yard.run(&["tree", "--format", format, "[HOST]/app:1.0"]);
        assert!(is_plain(&run.stdout) && is_plain(&run.stderr), "{run:?}");
    }
    // In a warning: shown once, and nothing is done about it.
    let warning = "299 - \"use \\\"v3\\\"; \u{9b}31m\"".to_owned();
    yard.registry.fault(Fault::on("GET *", Mode::Header("Warning", warning)));
    let run = yard.run(&["resolve", "[HOST]/app:1.0"]).exits(0);
    assert!(is_plain(&run.stderr), "{}", run.stderr);
    yard.registry.behave();
    let warning = "299 - \"this registry moves\"".to_owned();
    yard.registry.fault(Fault::on("GET *", Mode::Header("Warning", warning)));
    let run = yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
    assert_eq!(run.stderr.matches("this registry moves").count(), 1, "{}", run.stderr);
}

/// Every run of every test goes through the same gate: `Plimsoll` stops a test whose output holds a secret of these tests. Here the gate
/// itself is tried, and the places where a secret is nearest.
#[test]
fn n27_secrets_are_not_printed() {
    for secret in crate::plimsoll::SECRETS {
        let said = std::panic::catch_unwind(|| crate::plimsoll::keeps_secrets(&format!("x{secret}y")));
        assert!(said.is_err(), "{secret}");
    }
    let mut tokens = Tokens::new(Account::new("alice", "s3cret"));
    tokens.refresh = Some("r3fresh".to_owned());
    for auth in [Auth::Basic(Account::new("alice", "s3cret")), Auth::Bearer(tokens)] {
        let yard = Yard::of(Registry::builder().auth(auth));
        let host = yard.registry.host();
        for entry in [
            r#"{"auth":"YWxpY2U6czNjcmV0"}"#,
            r#"{"identitytoken":"r3fresh"}"#,
            r#"{"registrytoken":"t0ken"}"#,
            r#"{"auth":"YWxpY2U6czNjcmV0"#,
            r#"["YWxpY2U6czNjcmV0"]"#,
        ] {
            yard.docker(&format!(r#"{{"auths":{{"{host}":{entry}}}}}"#));
            for mode in [
                None,
                Some(Mode::Unauthorized(vec!["Basic realm=x".to_owned()])),
                Some(Mode::Unauthorized(vec!["Bearer realm=\"http://{host}/token\"".to_owned()])),
                // A presigned place that fails.
                Some(Mode::Redirect("http://127.0.0.1:1/x?X-Amz-Signature=presigned-s3cret".to_owned())),
            ] {
                yard.registry.behave();
                if let Some(mode) = mode {
                    yard.registry.fault(Fault::on("GET /v2/*", mode));
                }
                let _ = yard.run(&["resolve", "[HOST]/app:1.0"]);
                let _ = yard.run(&["resolve", "--format", "json", "[HOST]/app:1.0"]);
                let _ = yard.run(&["registry", "auth-status", "[HOST]"]);
                yard.registry.fault(Fault::on("* /token", Mode::Body(br#""t0ken""#.to_vec())));
                let _ = yard.run(&["sbom", "[HOST]/app:1.0"]);
            }
        }
    }
}
