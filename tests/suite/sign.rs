//! `plimsoll sign` and `plimsoll attest`: what they store, and what they refuse.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry};

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
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
        for storage in ["referrers", "legacy", "both"] {
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
}

/// What is attached, as the registry keeps it.
fn attached(port: &Port, digest: &str) -> Vec<Vec<u8>> {
    let tag = digest.replace(':', "-");
    let tags = [tag.clone(), format!("{tag}.sig"), format!("{tag}.att")];
    tags.iter().filter_map(|tag| port.registry.manifest("app", tag)).map(|(_, bytes)| bytes).collect()
}

fn added(run: &Run) -> Vec<(String, bool)> {
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/published.v1.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
    let one = |one: &Value| (one["storage"].as_str().unwrap().to_owned(), one["added"].as_bool().unwrap());
    answer["signed"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn the_same_said_again_by_the_same_key_adds_nothing() {
    let port = Port::new(Referrers::Off);
    port.run(&["keygen", "--output", "[DIR]/other"]).exits(0);
    fs::write(port.folder.path().join("p.json"), "{\"a\": 1}").unwrap();
    fs::write(port.folder.path().join("q.json"), "{\"a\": 2}").unwrap();
    let both = |yes| vec![("referrers".to_owned(), yes), ("legacy".to_owned(), yes)];
    let say = |args: &[&str]| {
        let args = [&["--format", "json"], args, &["--storage", "both", "[HOST]/app:1.0"]].concat();
        added(&port.run(&args).exits(0))
    };
    let attest = ["attest", "--key", "[DIR]/k.key", "--type", "custom", "--predicate"];
    for args in [
        &["sign", "--key", "[DIR]/k.key"][..],
        &["sign", "--key", "[DIR]/other.key"],
        &["sign", "--key", "[DIR]/k.key", "-a", "a=b"],
        &["sign", "--key", "[DIR]/k.key", "-a", "a=c"],
        &[&attest[..], &["[DIR]/p.json"]].concat(),
        &[&attest[..], &["[DIR]/q.json"]].concat(),
        &["attest", "--key", "[DIR]/k.key", "--sbom", "spdx-json"],
    ] {
        assert_eq!(say(args), both(true), "{args:?}");
        let before = attached(&port, DIGEST);
        assert_eq!(say(args), both(false), "{args:?}");
        assert_eq!(attached(&port, DIGEST), before, "{args:?}");
    }
    let before = attached(&port, DIGEST).concat().len();
    assert_eq!(say(&["sign", "--key", "[DIR]/k.key", "--force"]), both(true));
    assert!(attached(&port, DIGEST).concat().len() > before);
    port.verify(&[]).exits(0);
}

/// One storage says nothing about the other, and says so to people, too.
#[test]
fn each_storage_is_looked_at_for_itself() {
    for referrers in [Referrers::On, Referrers::Off] {
        let port = Port::new(referrers);
        let sign = |storage: &str| {
            let sign = ["--format", "json", "sign", "--key", "[DIR]/k.key", "--storage", storage];
            added(&port.run(&[&sign[..], &["[HOST]/app:1.0"]].concat()).exits(0))
        };
        assert_eq!(sign("legacy"), [("legacy".to_owned(), true)]);
        assert_eq!(sign("both"), [("referrers".to_owned(), true), ("legacy".to_owned(), false)]);
        assert_eq!(sign("both"), [("referrers".to_owned(), false), ("legacy".to_owned(), false)]);
        let told = port.run(&["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"]).exits(0);
        assert!(
            told.stdout.ends_with(" by the same signer before, so nothing was added\n"),
            "{}",
            told.stdout
        );
    }
}

/// What a stranger claims does not keep a signature away; what cannot be read is told and signed again.
#[test]
fn only_a_verified_signature_keeps_another_from_being_added() {
    let port = Port::new(Referrers::On);
    let sign = ["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"];
    port.run(&sign).exits(0);
    port.registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::Status(500, "UNKNOWN")));
    let again = port.run(&sign).exits(0);
    assert!(!again.stdout.contains("before"), "{}", again.stdout);
    assert!(again.stderr.contains("cannot tell whether it is there already"), "{}", again.stderr);
}

/// An index with two images, one of them in an index of its own, and an attestation that nobody runs.
fn push_index(port: &Port) -> (String, [String; 3], String) {
    let put = |manifest: &Value, kind: &str, name: &str| {
        let bytes = manifest.to_string().into_bytes();
        let digest = port.registry.put_manifest("app", name, kind, &bytes);
        json!({ "mediaType": kind, "digest": digest.to_string(), "size": bytes.len() })
    };
    let image = |architecture: &str| {
        let config = json!({ "os": "linux", "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": [] } });
        let bytes = config.to_string().into_bytes();
        let digest = port.registry.put_blob("app", &bytes);
        let config = json!({ "mediaType": OCI_CONFIG, "digest": digest.to_string(), "size": bytes.len() });
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [] });
        let mut entry = put(&manifest, OCI_MANIFEST, ":");
        let os = if architecture == "unknown" { "unknown" } else { "linux" };
        entry["platform"] = json!({ "os": os, "architecture": architecture });
        entry
    };
    let index =
        |entries: &[&Value]| json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let (amd64, arm64, unknown) = (image("amd64"), image("arm64"), image("unknown"));
    let nested = put(&index(&[&arm64, &amd64]), OCI_INDEX, ":");
    let all = put(&index(&[&amd64, &nested, &unknown, &amd64]), OCI_INDEX, "multi");
    let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    (digest(&all), [digest(&amd64), digest(&nested), digest(&arm64)], digest(&unknown))
}

#[test]
fn an_index_is_signed_with_all_that_it_lists() {
    for (storage, options) in [("referrers", &[][..]), ("legacy", &["--recursive"]), ("both", &["-r"])] {
        let port = Port::new(Referrers::On);
        let (index, children, unknown) = push_index(&port);
        let sign = [&["sign", "--key", "[DIR]/k.key", "--storage", storage], options, &["[HOST]/app:multi"]];
        let run = port.run(&[&["--format", "json"], &sign.concat()[..]].concat()).exits(0);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        let mut signed: Vec<&str> =
            answer["signed"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
        assert!(added(&run).iter().all(|(_, added)| *added));
        signed.dedup();
        assert_eq!(signed, [&[index.clone()][..], &children].concat());
        assert_eq!(answer["signed"].as_array().unwrap().last().unwrap()["platform"], "linux/arm64");
        let verify = |digest: &str| {
            let image = format!("[HOST]/app@{digest}");
            port.run(&["verify", "--key", "[DIR]/k.pub", &image]).code
        };
        assert_eq!([&index, &children[0], &children[1], &children[2]].map(|one| verify(one)), [0; 4]);
        assert_eq!(verify(&unknown), 1);
        let again = port.run(&[&["--format", "json"], &sign.concat()[..]].concat()).exits(0);
        assert!(added(&again).iter().all(|(_, added)| !added), "{}", again.stdout);
        let told = port.run(&sign.concat()).exits(0).stdout;
        assert!(
            told.contains(&format!("signed [HOST]/app:multi {} for linux/arm64\n", children[2])),
            "{told}"
        );
    }
}

#[test]
fn an_index_alone_or_one_of_its_images_can_be_signed() {
    let port = Port::new(Referrers::On);
    let (index, children, _) = push_index(&port);
    for (option, want) in [(&["--no-recursive"][..], &index), (&["--platform", "linux/arm64"], &children[2])]
    {
        let sign = [&["--format", "json", "sign", "--key", "[DIR]/k.key"], option, &["[HOST]/app:multi"]];
        let run = port.run(&sign.concat()).exits(0);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["signed"].as_array().unwrap().len(), 1);
        assert_eq!(answer["signed"][0]["digest"], want.as_str());
    }
    fs::write(port.folder.path().join("p.json"), "{}").unwrap();
    let attest = ["--format", "json", "attest", "--key", "[DIR]/k.key", "--type", "custom", "--predicate"];
    let run = port.run(&[&attest[..], &["[DIR]/p.json", "[HOST]/app:multi"]].concat()).exits(0);
    assert_eq!(added(&run).len(), 1);
    for wrong in [&["--recursive", "--no-recursive"][..], &["-r", "--platform", "linux/arm64"]] {
        port.run(&[&["sign", "--key", "[DIR]/k.key"], wrong, &["[HOST]/app:multi"]].concat()).exits(2);
    }
}

/// All is read before anything is signed: an index of which a part is missing gets no signature at all.
#[test]
fn an_image_that_is_not_there_is_not_signed_and_neither_is_its_index() {
    let port = Port::new(Referrers::On);
    let (index, children, _) = push_index(&port);
    port.registry.fault(Fault::on(
        &format!("GET /v2/app/manifests/{}", children[2]),
        Mode::Status(404, "MANIFEST_UNKNOWN"),
    ));
    let run = port.run(&["sign", "--key", "[DIR]/k.key", "[HOST]/app:multi"]).exits(3);
    assert!(run.stderr.contains("--no-recursive"), "{}", run.stderr);
    for digest in [&index, &children[0]] {
        port.run(&["verify", "--key", "[DIR]/k.pub", &format!("[HOST]/app@{digest}")]).exits(1);
    }
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
    for args in [&["sign"][..], &["sign", "--storage", "both"], &["attest", "--sbom", "spdx-json"]] {
        let args = [&["--format", "json"], args, &["--key", "[DIR]/k.key", "[HOST]/app:1.0"]].concat();
        let answer: Value = serde_json::from_str(&port.run(&args).exits(0).stdout).unwrap();
        assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
        assert_eq!(answer["signed"][0]["digest"], DIGEST);
        for (pointer, value) in [("/schema", json!("plimsoll.published/v2")), ("/signed", json!([]))] {
            let mut other = answer.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(!jsonschema::is_valid(&schema, &other));
        }
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
