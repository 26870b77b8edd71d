//! What a hostile registry costs: the real program, within the memory that it may have.
//!
//! Its data may grow to 64 MiB and no further: the kernel refuses the rest (`ulimit -d`), and a program that needs more dies instead of
//! answering. The peak of all its memory, with the code of an unoptimised program, is read from the kernel while it runs.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll::base::Digest;
use plimsoll::format::manifest::OCI_MANIFEST;
use serde_json::json;

use crate::plimsoll::program;
use crate::registry::{Fault, Mode, Referrers};
use crate::verify::Shop;

/// How a run ended.
struct Ended {
    code: Option<i32>,
    text: String,
    /// In KiB.
    peak: u64,
}

/// Runs the program, again if it was over before anybody looked at its memory.
fn run(shop: &Shop, args: &[&str]) -> Ended {
    let mut ended = run_once(shop, args);
    for _ in 0..4 {
        if ended.peak > 0 {
            break;
        }
        ended = run_once(shop, args);
    }
    ended
}

/// Runs the program with its output in files of `shop`, so that nobody has to read while it runs.
fn run_once(shop: &Shop, args: &[&str]) -> Ended {
    let fill = |arg: &&str| {
        let folder = shop.folder.path().to_str().unwrap();
        arg.replace("[HOST]", &shop.registry.host()).replace("[DIR]", folder)
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", "ulimit -d 65536 && exec \"$0\" \"$@\""])
        .arg(program())
        .args(args.iter().map(fill))
        .env_clear()
        .env("PLIMSOLL_MAX_WAIT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            stream.unwrap().read_to_string(&mut text).unwrap();
            text
        })
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let texts = [read(out.map(|out| Box::new(out) as _)), read(err.map(|err| Box::new(err) as _))];
    let mut peak = 0;
    let code = loop {
        if let Some(now) = fs::read_to_string(&status).ok().and_then(|text| high_water(&text)) {
            peak = peak.max(now);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = texts.into_iter().map(|text| text.join().unwrap()).collect::<Vec<_>>().concat();
    Ended { code, text, peak }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[track_caller]
fn stays_small(what: &str, ended: &Ended, code: i32, said: &str) {
    assert_eq!(ended.code, Some(code), "{what}: {}", ended.text);
    assert!(ended.text.contains(said), "{what}: {}", ended.text.chars().take(4000).collect::<String>());
    assert!(ended.peak > 4 << 10, "{what}: the peak was not seen: {} KiB", ended.peak);
    assert!(ended.peak < 64 << 10, "{what}: {} KiB", ended.peak);
}

const VERIFY: [&str; 3] = ["verify", "--key", "[DIR]/ours.pub"];

fn verify(shop: &Shop) -> Ended {
    run(shop, &[&VERIFY[..], &[&shop.pinned()]].concat())
}

#[test]
fn a_hundred_thousand_referrers_hide_nothing_and_cost_little() {
    // As many as are looked at, and one more, so that the limit is real.
    for (kind, page) in [("application/spdx+json", 1000), (BUNDLE, 1000)] {
        let shop = Shop::new(Referrers::Flood { total: 100_000, page, artifact_type: kind });
        stays_small(&format!("{kind} {page}"), &verify(&shop), 3, "PLM-E02");
        // The registry lists what is really there first.
        shop.sign(&shop.ours);
        stays_small(&format!("{kind} {page}"), &verify(&shop), 0, "signed by");
    }
}

#[test]
fn lists_without_end_cost_little() {
    for (page, said) in [(1, "one too many"), (1000, "more than 20000 entries")] {
        let shop = Shop::new(Referrers::Flood { total: usize::MAX, page, artifact_type: "x" });
        stays_small(&format!("pages of {page}"), &verify(&shop), 3, said);
    }
    let shop = Shop::new(Referrers::Off);
    shop.sign(&shop.ours);
    shop.registry.fault(Fault::on("GET /v2/team/app/manifests/sha256-*", Mode::Endless));
    stays_small("an endless fallback tag", &verify(&shop), 3, "larger than 8388608 bytes");
}

#[test]
fn a_hundred_thousand_names_cost_little() {
    let shop = Shop::new(Referrers::On);
    for number in 0..100_000 {
        shop.registry.put_manifest("many", &format!("release-{number}"), OCI_MANIFEST, b"{}");
    }
    let last = "release-99999";
    stays_small("all tags", &run(&shop, &["ls", "[HOST]/many"]), 0, last);
    stays_small("all tags", &run(&shop, &["ls", "--format", "json", "[HOST]/many"]), 0, last);
    shop.registry.put_manifest("many", "one-more", OCI_MANIFEST, b"{}");
    stays_small("one too many", &run(&shop, &["ls", "[HOST]/many"]), 3, "more than 100000 entries");
    shop.registry.fault(Fault::on("GET /v2/many/*", Mode::Endless));
    stays_small("a list without end", &run(&shop, &["ls", "[HOST]/many"]), 3, "larger than 4194304 bytes");
}

#[test]
fn a_gigabyte_of_anything_costs_little() {
    let gigabyte = 1 << 30;
    for mode in [Mode::Length(gigabyte), Mode::Endless] {
        for (pattern, said) in [
            ("GET /v2/team/app/manifests/v1", "larger than 8388608 bytes"),
            ("GET /v2/team/app/referrers/*", "larger than 4194304 bytes"),
            ("GET /v2/team/app/manifests/sha256:*", "larger than 8388608 bytes"),
            ("GET /v2/team/app/blobs/*", "its descriptor says"),
        ] {
            let shop = Shop::new(Referrers::On);
            shop.sign(&shop.ours);
            shop.registry.fault(Fault::on(pattern, mode.clone()));
            let ended = run(&shop, &[&VERIFY[..], &["[HOST]/team/app:v1"]].concat());
            stays_small(&format!("{pattern} {mode:?}"), &ended, 3, said);
        }
    }
    // A descriptor that says so.
    let shop = Shop::new(Referrers::On);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
        "layers": [{"mediaType": BUNDLE, "digest": Digest::of(b"large").to_string(), "size": gigabyte}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size},
    });
    shop.registry.put_manifest("team/app", ":", OCI_MANIFEST, manifest.to_string().as_bytes());
    stays_small("a large bundle", &verify(&shop), 3, "what is attached is larger than");
}

#[test]
fn bombs_cost_little() {
    let shop = Shop::new(Referrers::On);
    shop.sign(&shop.ours);
    shop.registry.fault(Fault::on("GET /v2/team/app/manifests/*", Mode::Gzip));
    stays_small("a packed answer", &verify(&shop), 3, "content coding `gzip`");
    // A quarter of a gigabyte of zeros in a megabyte, as the bundle itself: nobody unpacks it.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..256 {
        std::io::Write::write_all(&mut packer, &vec![0; 1 << 20]).unwrap();
    }
    let shop = Shop::new(Referrers::On);
    shop.attach_layer(&packer.finish().unwrap(), BUNDLE);
    stays_small("a packed bundle", &verify(&shop), 1, "PLM-S13");
    // Nothing but short texts, each of which costs many times its length.
    let shop = Shop::new(Referrers::On);
    let texts: String = (0..600_000).map(|number| format!("\"{number:x}\":\"\",")).collect();
    let manifest = format!(
        "{{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{{{}}}}}",
        texts.trim_end_matches(',')
    );
    let digest = shop.registry.put_manifest("team/app", ":", INDEX, manifest.as_bytes());
    let ended = run(&shop, &["resolve", &format!("[HOST]/team/app@{digest}")]);
    stays_small("half a million annotations", &ended, 3, "texts, more than");
    shop.registry.fault(Fault::on(
        "GET /v2/team/app/referrers/*",
        Mode::Body(manifest.into_bytes()[..4 << 20].to_vec()),
    ));
    stays_small("a page of annotations", &verify(&shop), 3, "texts, more than");
}

#[test]
fn a_copy_passes_layers_on_and_holds_none() {
    let shop = Shop::new(Referrers::On);
    let layers = [1_u8, 2, 3, 4].map(|byte| vec![byte; 40 << 20]);
    let descriptors: Vec<_> = layers
        .iter()
        .map(|layer| {
            let digest = shop.registry.put_blob("team/app", layer);
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.to_string(), "size": layer.len()})
        })
        .collect();
    let (_, manifest) = shop.registry.manifest("team/app", "v1").unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"] = json!(descriptors);
    shop.registry.put_manifest("team/app", "large", OCI_MANIFEST, manifest.to_string().as_bytes());
    shop.registry.fault(Fault::on("POST /v2/other/blobs/uploads/?mount=*", Mode::Status(404, "UNSUPPORTED")));
    for to in ["[HOST]/other:large", "oci:[DIR]/gap"] {
        let ended = run(&shop, &["copy", "[HOST]/team/app:large", to]);
        stays_small(to, &ended, 0, "5 sent (167.7 MB)");
    }
    let ended = run(&shop, &["copy", "oci:[DIR]/gap", "[HOST]/again:large"]);
    stays_small("from a layout", &ended, 0, "5 sent (167.7 MB)");
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
