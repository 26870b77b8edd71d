//! `plimsoll sbom`.

use std::fs;
use std::path::Path;

use plimsoll::base::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::Registry;

const STATUS: &str = "Package: libx1\nStatus: install ok installed\nArchitecture: amd64\nSource: x (1:2.0-1)\nVersion: 1:2.0-1+b1\nMaintainer: X Team <x@example.org>\n\nPackage: old\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
const SYSTEM: &str = "ID=debian\nVERSION_ID=\"12\"\n";

/// A layout in `[DIR]/image`. What is not said is right.
struct Layout {
    files: Vec<(&'static str, &'static str)>,
    diff_id: Option<Digest>,
    created: Option<&'static str>,
    spoil_blob: bool,
}

fn debian() -> Layout {
    let files = vec![("var/lib/dpkg/status", STATUS), ("etc/os-release", SYSTEM)];
    Layout { files, diff_id: None, created: Some("2024-02-03T04:05:06.789Z"), spoil_blob: false }
}

impl Layout {
    fn write(&self, folder: &Path) {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_bytes()).expect("memory");
        }
        let layer = tar.into_inner().expect("memory");
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a folder that can be written");
        let put = |bytes: &[u8], media_type: &str| {
            let digest = Digest::of(bytes);
            fs::write(blobs.join(digest.hex()), bytes).expect("a folder that can be written");
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
        };
        let diff_id = self.diff_id.unwrap_or_else(|| Digest::of(&layer));
        let config = json!({
            "os": "linux", "architecture": "amd64", "created": self.created,
            "rootfs": { "type": "layers", "diff_ids": [diff_id.to_string()] },
            "history": [{ "created_by": "RUN build" }, { "created_by": "CMD x", "empty_layer": true }],
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json"),
            "layers": [put(&layer, "application/vnd.oci.image.layer.v1.tar")],
        });
        let manifest = put(manifest.to_string().as_bytes(), "application/vnd.oci.image.manifest.v1+json");
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(folder.join("index.json"), index.to_string()).expect("a folder that can be written");
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("a folder that can be written");
        if self.spoil_blob {
            let path = blobs.join(Digest::of(&layer).hex());
            fs::write(path, vec![b'x'; layer.len()]).expect("a folder that can be written");
        }
    }
}

fn folder(layout: &Layout) -> TempDir {
    let folder = TempDir::new().expect("a folder that can be written");
    layout.write(&folder.path().join("image"));
    folder
}

fn sbom(folder: &TempDir, args: &[&str]) -> Run {
    Plimsoll::new().dir(folder).args(["sbom", "oci:[DIR]/image"]).args(args.to_vec()).run()
}

fn read(folder: &TempDir, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join(name)).expect("the document that was asked for"))
        .expect("the document that was asked for")
}

#[test]
fn a_table_by_default() {
    let run = sbom(&folder(&debian()), &[]).exits(0);
    assert_eq!(run.stdout, "NAME   VERSION     TYPE  LAYER  LICENCE\nlibx1  1:2.0-1+b1  deb   0\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn several_documents_in_one_run() {
    let folder = folder(&debian());
    let outputs = [
        "-o",
        "spdx-json=[DIR]/a",
        "-o",
        "cyclonedx-json=[DIR]/b",
        "-o",
        "cyclonedx-json@1.5=[DIR]/c",
        "-o",
        "table",
    ];
    assert!(sbom(&folder, &outputs).exits(0).stdout.starts_with("NAME"));
    let (spdx, new, old) = (read(&folder, "a"), read(&folder, "b"), read(&folder, "c"));
    assert_eq!(spdx["spdxVersion"], "SPDX-2.3");
    assert_eq!((&new["specVersion"], &old["specVersion"]), (&json!("1.6"), &json!("1.5")));
    let purl = "pkg:deb/debian/libx1@1:2.0-1%2Bb1?arch=amd64&distro=debian-12&upstream=x%401:2.0-1";
    assert_eq!(new["components"][1]["purl"], purl);
    assert_eq!(spdx["packages"][2]["externalRefs"][0]["referenceLocator"], purl);
    let properties = new["components"][1]["properties"].to_string();
    assert!(properties.contains("RUN build"), "{properties}");
    // Names what was read, and nothing of this machine.
    for name in ["a", "b", "c"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            text.contains(r#""name":"image""#) && !text.contains(folder.path().to_str().unwrap()),
            "{name}"
        );
    }
    // Only files: nothing on standard output.
    assert_eq!(sbom(&folder, &["-o", "spdx-json=[DIR]/a"]).exits(0).stdout, "");
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    let documents = |layout: &Layout, epoch: &str| {
        let folder = folder(layout);
        let run = |document: &str| {
            let tool = Plimsoll::new().dir(&folder).env("SOURCE_DATE_EPOCH", epoch);
            tool.args(["sbom", "oci:[DIR]/image", "-o", document]).run().exits(0).stdout
        };
        [run("spdx-json"), run("cyclonedx-json")]
    };
    let first = documents(&debian(), "");
    assert_eq!(documents(&debian(), ""), first);
    for text in &first {
        assert!(text.contains(r#""2024-02-03T04:05:06Z""#), "{text}");
    }
    for text in documents(&debian(), "1700000000") {
        assert!(text.contains(r#""2023-11-14T22:13:20Z""#), "{text}");
    }
    let [spdx, cyclonedx] = documents(&Layout { created: None, ..debian() }, "");
    assert!(spdx.contains(r#""created":"1970-01-01T00:00:00Z""#));
    assert!(!cyclonedx.contains("timestamp"));
}

#[test]
fn json_for_programs() {
    let folder = folder(&debian());
    let answer: Value = serde_json::from_str(&sbom(&folder, &["--format", "json"]).exits(0).stdout).unwrap();
    assert_eq!(answer["schema"], "plimsoll.sbom/v1");
    assert_eq!(answer["packages"][0]["name"], "libx1");
    assert_eq!(answer["packages"][0]["layer"]["createdBy"], "RUN build");
    assert_eq!(answer["image"]["name"], "image");
    assert_eq!(answer["distribution"]["versionId"], "12");
}

#[test]
fn what_is_missing_is_warned_of() {
    let folder = folder(&Layout { files: vec![("bin/x", "")], ..debian() });
    let run = sbom(&folder, &[]).exits(0);
    assert!(run.stderr.starts_with("plimsoll: warning: no package database found"), "{}", run.stderr);
    assert_eq!(sbom(&folder, &["-q"]).stderr, "");
}

#[test]
fn content_that_is_not_what_it_is_called_gives_no_document() {
    for (layout, error) in [
        (Layout { diff_id: Some(Digest::of(b"x")), ..debian() }, "layer 0, uncompressed, is not the one"),
        (Layout { spoil_blob: true, ..debian() }, ""),
    ] {
        let folder = folder(&layout);
        let run = sbom(&folder, &["-o", "spdx-json=[DIR]/a"]).exits(3);
        assert!(run.stderr.contains(error) && run.stderr.contains("hint: do not use"), "{}", run.stderr);
        assert!(!folder.path().join("a").exists());
    }
}

#[test]
fn command_lines_that_make_no_sense() {
    let folder = folder(&debian());
    for args in [
        &["-o", "spdx"][..],
        &["-o", "spdx-json="],
        &["-o", "spdx-json", "-o", "table"],
        &["-o", "table", "--format", "json"],
        &["-o", "spdx-json=[DIR]/a", "-o", "cyclonedx-json=[DIR]/a"],
    ] {
        sbom(&folder, args).exits(2);
    }
    for epoch in ["yesterday", "-1", "+1", "1.5", "99999999999999999999", "999999999999999"] {
        let tool = Plimsoll::new().dir(&folder).env("SOURCE_DATE_EPOCH", epoch);
        let run = tool.args(["sbom", "oci:[DIR]/image"]).run().exits(2);
        assert!(run.stderr.contains("SOURCE_DATE_EPOCH"), "{}", run.stderr);
    }
    sbom(&folder, &["--platform", "linux/s390x"]).exits(3);
}

#[test]
fn an_image_in_a_registry_has_a_package_url() {
    let (registry, folder) = (Registry::start(), folder(&debian()));
    registry.push_layout(&folder.path().join("image"), "team/app", "v1");
    let tool = Plimsoll::new().registry(&registry);
    let run = tool.args(["sbom", "[HOST]/team/app:v1", "-o", "cyclonedx-json"]).run().exits(0);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let purl = document["metadata"]["component"]["purl"].as_str().unwrap();
    assert!(purl.starts_with("pkg:oci/app@sha256%3A"), "{purl}");
    assert!(purl.ends_with("?arch=amd64&repository_url=[HOST]/team/app&tag=v1"), "{purl}");
}

/// Debian's own packages, in the image that `plimsoll demo` carries.
#[test]
fn a_layer_that_is_named_many_times_is_fetched_once() {
    let registry = Registry::start();
    let layer = [0; 1024];
    let digest = registry.put_blob("app", &layer).to_string();
    let config = json!({
        "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": vec![&digest; 100] },
    });
    let config = config.to_string();
    let layer =
        json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 1024 });
    let manifest = json!({
        "schemaVersion": 2, "layers": vec![layer; 100],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(),
                    "digest": registry.put_blob("app", config.as_bytes()).to_string() },
    });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("app", "v1", media_type, manifest.to_string().as_bytes());
    registry.forget_requests();
    Plimsoll::new().registry(&registry).args(["sbom", "[HOST]/app:v1"]).run().exits(0);
    assert_eq!(registry.requests().len(), 3, "{:?}", registry.request_lines());
}

#[test]
fn packages_of_a_real_image() {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    let run =
        Plimsoll::new().args(["sbom".to_owned(), format!("oci-archive:{}", image.display())]).run().exits(0);
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines[1..],
        [
            vec!["base-files", "12.4+deb12u15", "deb", "0"],
            vec!["media-types", "10.0.0", "deb", "1", "ad-hoc"],
            vec!["netbase", "6.4", "deb", "0", "GPL-2.0-only"],
            vec![
                "sensible-utils",
                "0.0.17+nmu1",
                "deb",
                "1",
                "All-permissive,",
                "GPL-2.0-or-later,",
                "configure,",
                "installsh"
            ],
        ]
    );
    assert_eq!(run.stderr, "");
}
