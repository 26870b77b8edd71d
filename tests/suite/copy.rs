//! `plimsoll copy`: the same bytes and the same verdicts, wherever it goes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll::base::{Algorithm, Digest, FileContent};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Referrers, Registry, Repository};
use crate::verify::checked_json;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A harbour with two quays: an index of two images at `[SRC]/app:1.0`, signed and attested in every way, and an empty registry `[DST]`.
pub(crate) struct Harbour {
    pub(crate) from: Registry,
    pub(crate) to: Registry,
    folder: TempDir,
    pub(crate) index: Digest,
    pub(crate) images: [Digest; 2],
    /// An SBOM that is attached to the index, and signed itself.
    pub(crate) sbom: Digest,
}

/// What a harbour starts with. Keys are slow to make and to open, so this is made once.
struct Cargo {
    app: Repository,
    keys: Vec<(String, Vec<u8>)>,
    index: Digest,
    images: [Digest; 2],
    sbom: Digest,
}

impl Cargo {
    fn get() -> &'static Self {
        static CARGO: OnceLock<Cargo> = OnceLock::new();
        CARGO.get_or_init(Self::load)
    }

    /// In a registry without referrers API, so that the fallback tags are there as well.
    fn load() -> Self {
        let from = Registry::builder().referrers(Referrers::Off).start();
        let images = ["amd64", "arm64"].map(|architecture| image(&from, architecture));
        let entries = ["amd64", "arm64"].iter().zip(&images).map(|(architecture, (digest, size))| {
            let kind = if *architecture == "arm64" { DOCKER_MANIFEST } else { MANIFEST };
            json!({"mediaType": kind, "digest": digest.to_string(), "size": size, "platform": {"os": "linux", "architecture": architecture}})
        });
        // Not as anybody would write it again: bytes must stay.
        let index = format!(
            "{{ \"schemaVersion\" : 2, \"mediaType\": \"{INDEX}\", \"manifests\": {}, \"annotations\": {{\"z\": \"\\u0061\"}} }}\n",
            json!(entries.collect::<Vec<_>>())
        );
        let index = from.put_manifest("app", "1.0", INDEX, index.as_bytes());
        let images = images.map(|(digest, _)| digest);
        let folder = TempDir::new().unwrap();
        let mut harbour = Harbour { from, to: Registry::start(), folder, index, images, sbom: index };
        for key in ["ours", "theirs"] {
            harbour.run(&["keygen", "--output", &format!("[DIR]/{key}")]).exits(0);
        }
        let sign = ["sign", "--key", "[DIR]/ours.key", "--storage", "both"];
        harbour.run(&[&sign[..], &["[SRC]/app:1.0"]].concat()).exits(0);
        harbour.write("vex.json", r#"{"a": 1.0}"#);
        let attest = ["attest", "--key", "[DIR]/ours.key", "--storage", "both", "--type", "openvex"];
        let amd64 = format!("[SRC]/app@{}", harbour.images[0]);
        harbour.run(&[&attest[..], &["--predicate", "[DIR]/vex.json", &amd64]].concat()).exits(0);
        harbour.sbom = harbour.attach_artifact(harbour.index, b"an SBOM");
        let sbom = format!("[SRC]/app@{}", harbour.sbom);
        harbour.run(&[&sign[..], &[&sbom]].concat()).exits(0);
        let tagged = artifact(&harbour.from, None, b"tagged");
        harbour.from.put_manifest("app", &tag(harbour.index, ".sbom"), MANIFEST, &tagged);
        let read = |name: &str| (name.to_owned(), fs::read(harbour.folder.path().join(name)).unwrap());
        let keys = ["ours.key", "ours.pub", "theirs.key", "theirs.pub"].map(read).into();
        Self { app: harbour.from.contents("app"), keys, index, images, sbom: harbour.sbom }
    }
}

impl Harbour {
    pub(crate) fn new(from: Referrers, to: Referrers) -> Self {
        let cargo = Cargo::get();
        let from = Registry::builder().referrers(from).start();
        let to = Registry::builder().referrers(to).start();
        from.restore("app", &cargo.app);
        let Cargo { index, images, sbom, .. } = *cargo;
        let harbour = Self { from, to, folder: TempDir::new().unwrap(), index, images, sbom };
        for (name, bytes) in &cargo.keys {
            harbour.write(name, bytes);
        }
        harbour
    }

    fn command(&self, args: &[&str]) -> Plimsoll {
        let (from, to) = (self.from.host(), self.to.host());
        let fill = |arg: &&str| arg.replace("[SRC]", &from).replace("[DST]", &to);
        let plimsoll = Plimsoll::new().args(args.iter().map(fill)).env("PLIMSOLL_PASSWORD", "test");
        plimsoll.dir(&self.folder)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.command(args).run()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Attaches an SBOM as a referrer, by HTTP as a client would, and lists it where the registry does not.
    fn attach_artifact(&self, subject: Digest, content: &[u8]) -> Digest {
        let manifest = artifact(&self.from, Some(subject), content);
        let digest = self.from.put_manifest("app", ":", MANIFEST, &manifest);
        let list = tag(subject, "");
        if let Some((_, bytes)) = self.from.manifest("app", &list) {
            let mut index: Value = serde_json::from_slice(&bytes).unwrap();
            index["manifests"].as_array_mut().unwrap().push(
                json!({"mediaType": MANIFEST, "digest": digest.to_string(), "size": manifest.len(), "artifactType": "wrong"}),
            );
            self.from.put_manifest("app", &list, INDEX, index.to_string().as_bytes());
        }
        digest
    }

    /// What `verify` says of everything, in every storage.
    fn verdicts(&self, place: &str) -> BTreeMap<String, i32> {
        let mut verdicts = BTreeMap::new();
        for digest in [self.index, self.images[0], self.images[1], self.sbom] {
            for (key, kind) in [("ours", None), ("theirs", None), ("ours", Some("openvex"))] {
                let key = format!("[DIR]/{key}.pub");
                let mut args = vec!["verify", "--key", &key];
                args.extend(kind.iter().flat_map(|kind| ["--type", *kind]));
                let image = format!("{place}@{digest}");
                args.push(&image);
                let run = self.run(&args);
                assert_ne!(run.code, 3, "{}{}", run.stdout, run.stderr);
                verdicts.insert(format!("{digest} {key} {kind:?}"), run.code);
            }
        }
        verdicts
    }

    /// What is attached, as `tree` sees it: digest of the candidate and whether it is verified.
    fn seen(&self, place: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for digest in [self.index, self.images[0], self.images[1], self.sbom] {
            let image = format!("{place}@{digest}");
            let run = self.run(&["tree", "--format", "json", "--key", "[DIR]/ours.pub", &image]).exits(0);
            let answer: Value = serde_json::from_str(&run.stdout).unwrap();
            for one in answer["attached"].as_array().unwrap() {
                seen.push(format!("{digest} {} {} {}", one["digest"], one["kind"], one["verified"]));
            }
        }
        seen.sort();
        seen
    }

    #[track_caller]
    fn copied(&self, from: &str, to: &str) -> Value {
        checked_json(&self.run(&["copy", "--format", "json", from, to]).exits(0), "copied")
    }
}

/// An image whose config and layer nobody shares.
fn image(registry: &Registry, architecture: &str) -> (Digest, usize) {
    let config = json!({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": [Digest::of(architecture.as_bytes()).to_string()]}});
    let config = serde_json::to_vec(&config).unwrap();
    let (config_digest, layer) =
        (registry.put_blob("app", &config), registry.put_blob("app", architecture.as_bytes()));
    let kind = if architecture == "arm64" { DOCKER_MANIFEST } else { MANIFEST };
    let (config_kind, layer_kind) = match kind {
        DOCKER_MANIFEST => {
            ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar")
        }
        _ => (CONFIG, LAYER),
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": {"mediaType": config_kind, "digest": config_digest.to_string(), "size": config.len()},
        "layers": [{"mediaType": layer_kind, "digest": layer.to_string(), "size": architecture.len()}],
    });
    let bytes = serde_json::to_vec(&manifest).unwrap();
    (registry.put_manifest("app", ":", kind, &bytes), bytes.len())
}

fn artifact(registry: &Registry, subject: Option<Digest>, content: &[u8]) -> Vec<u8> {
    let layer = registry.put_blob("app", content);
    let config = registry.put_blob("app", b"{}");
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/spdx+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2},
        "layers": [{"mediaType": "text/spdx+json", "digest": layer.to_string(), "size": content.len()}],
        "annotations": {"made": "here"},
    });
    if let Some(subject) = subject {
        manifest["subject"] = json!({"mediaType": INDEX, "digest": subject.to_string(), "size": 1});
    }
    serde_json::to_vec(&manifest).unwrap()
}

fn tag(digest: Digest, suffix: &str) -> String {
    format!("{}{suffix}", digest.to_string().replace(':', "-"))
}

fn writes(registry: &Registry) -> Vec<String> {
    registry
        .request_lines()
        .into_iter()
        .filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD "))
        .collect()
}

fn layout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cosign/layout").join(name)
}

const LISTS: [Referrers; 3] = [Referrers::On, Referrers::Off, Referrers::Paged(1)];

#[test]
fn verdicts_are_the_same_between_registries_of_every_kind() {
    for (from, to) in LISTS.into_iter().flat_map(|from| LISTS.map(|to| (from, to))) {
        let harbour = Harbour::new(from, to);
        let answer = harbour.copied("[SRC]/app:1.0", "[DST]/mirror/app");
        assert_eq!(answer["destination"], format!("{}/mirror/app:1.0@{}", harbour.to.host(), harbour.index));
        assert_eq!(answer["attached"].as_array().unwrap().len(), 6, "{answer:#}");
        assert_eq!(answer["tags"].as_array().unwrap().len(), 6, "{answer:#}");
        let verdicts = harbour.verdicts("[SRC]/app");
        assert_eq!(verdicts.values().filter(|code| **code == 0).count(), 5, "{verdicts:#?}");
        assert_eq!(harbour.verdicts("[DST]/mirror/app"), verdicts, "{from:?} {to:?}");
        assert_eq!(harbour.seen("[DST]/mirror/app"), harbour.seen("[SRC]/app"), "{from:?} {to:?}");
        for reference in [
            "1.0".to_owned(),
            harbour.images[0].to_string(),
            harbour.images[1].to_string(),
            tag(harbour.index, ".sbom"),
        ] {
            let there = harbour.to.manifest("mirror/app", &reference);
            assert!(there.is_some() && there == harbour.from.manifest("app", &reference), "{reference}");
        }
    }
}

#[test]
fn an_air_gap_is_one_folder() {
    for (from, to) in [(Referrers::On, Referrers::Off), (Referrers::Off, Referrers::On)] {
        for place in ["oci:[DIR]/gap", "oci-archive:[DIR]/gap.tar"] {
            let harbour = Harbour::new(from, to);
            harbour.copied("[SRC]/app:1.0", place);
            let verdicts = harbour.verdicts("[SRC]/app");
            assert_eq!(harbour.verdicts(place), verdicts);
            assert_eq!(harbour.seen(place), harbour.seen("[SRC]/app"));
            // The tag has come along, and nothing else is taken for an image.
            let answer = harbour.copied(place, "[DST]/app");
            assert_eq!(answer["destination"], format!("{}/app:1.0@{}", harbour.to.host(), harbour.index));
            assert_eq!(harbour.verdicts("[DST]/app"), verdicts);
            assert_eq!(harbour.seen("[DST]/app"), harbour.seen("[SRC]/app"));
        }
    }
}

#[test]
fn a_second_copy_writes_nothing() {
    for to in [Referrers::On, Referrers::Off] {
        let harbour = Harbour::new(Referrers::On, to);
        let first = harbour.copied("[SRC]/app:1.0", "[DST]/app");
        assert_eq!(first["tagged"], true);
        harbour.to.forget_requests();
        let again = harbour.copied("[SRC]/app:1.0", "[DST]/app");
        assert_eq!(writes(&harbour.to), Vec::<String>::new());
        assert_eq!((&again["tagged"], &again["manifests"]["written"]), (&json!(false), &json!(0)));
        assert_eq!((&again["blobs"]["copied"], &again["blobs"]["bytes"]), (&json!(0), &json!(0)));
        assert!(again["attached"].as_array().unwrap().iter().all(|one| one["added"] == false));
        assert!(again["tags"].as_array().unwrap().iter().all(|kept| kept["standing"] == "present"));
    }
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let files = || {
        let mut files = BTreeMap::new();
        let mut folders = vec![harbour.folder.path().join("gap")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let modified = fs::metadata(&path).unwrap().modified().unwrap();
                    files.insert(path.clone(), (fs::read(&path).unwrap(), modified));
                }
            }
        }
        files
    };
    harbour.copied("[SRC]/app:1.0", "oci:[DIR]/gap");
    let before = files();
    harbour.copied("[SRC]/app:1.0", "oci:[DIR]/gap");
    assert_eq!(files(), before);
    // Two archives of one image are one file twice.
    harbour.copied("[SRC]/app:1.0", "oci-archive:[DIR]/one.tar");
    harbour.copied("[SRC]/app:1.0", "oci-archive:[DIR]/two.tar");
    let read = |name: &str| fs::read(harbour.folder.path().join(name)).unwrap();
    assert_eq!(Digest::of(&read("one.tar")), Digest::of(&read("two.tar")));
    harbour.run(&["copy", "[SRC]/app:1.0", "oci-archive:[DIR]/one.tar"]).exits(2);
}

#[test]
fn the_order_is_content_first_and_the_tag_last() {
    let harbour = Harbour::new(Referrers::On, Referrers::Off);
    harbour.copied("[SRC]/app:1.0", "[DST]/app");
    let lines = writes(&harbour.to);
    let at = |end: &str| {
        lines.iter().position(|line| line.ends_with(end)).unwrap_or_else(|| panic!("{end}: {lines:#?}"))
    };
    let last_blob = lines.iter().rposition(|line| line.contains("/blobs/uploads/")).unwrap();
    let index = at(&format!("manifests/{}", harbour.index));
    for image in harbour.images {
        assert!(last_blob < at(&format!("manifests/{image}")) && at(&format!("manifests/{image}")) < index);
    }
    assert!(index < at(&format!("manifests/{}", harbour.sbom)));
    assert!(
        at(&format!("manifests/{}", harbour.sbom)) < at(&format!("manifests/{}", tag(harbour.index, "")))
    );
    assert_eq!(at("manifests/1.0"), lines.len() - 1, "{lines:#?}");
}

#[test]
fn what_is_there_stays() {
    let harbour = Harbour::new(Referrers::On, Referrers::Off);
    harbour.run(&["copy", "--no-attached", "[SRC]/app:1.0", "[DST]/app"]).exits(0);
    let amd64 = format!("[DST]/app@{}", harbour.images[0]);
    for image in ["[DST]/app:1.0", &amd64] {
        harbour.run(&["sign", "--key", "[DIR]/theirs.key", "--storage", "both", image]).exits(0);
    }
    let list = tag(harbour.index, "");
    let (_, before) = harbour.to.manifest("app", &list).unwrap();
    let before: Value = serde_json::from_slice(&before).unwrap();
    let answer = harbour.copied("[SRC]/app:1.0", "[DST]/app");
    let joined: Vec<_> =
        answer["tags"].as_array().unwrap().iter().filter(|kept| kept["standing"] == "joined").collect();
    assert_eq!(joined.len(), 3, "{answer:#}");
    let (_, after) = harbour.to.manifest("app", &list).unwrap();
    let after: Value = serde_json::from_slice(&after).unwrap();
    assert_eq!(after["manifests"][0], before["manifests"][0]);
    assert_eq!(after["manifests"].as_array().unwrap().len(), 3);
    let sbom = after["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["digest"] == harbour.sbom.to_string());
    // What the entry says is what the manifest says, whatever the list at the source said.
    assert_eq!(sbom.unwrap()["artifactType"], "application/spdx+json");
    assert_eq!(sbom.unwrap()["annotations"]["made"], "here");
    for key in ["ours", "theirs"] {
        let key = format!("[DIR]/{key}.pub");
        for image in ["[DST]/app:1.0", &amd64] {
            harbour.run(&["verify", "--key", &key, image]).exits(0);
            let tree = harbour.run(&["tree", "--key", &key, image]).exits(0);
            assert!(
                tree.stdout.lines().any(|line| line.contains("signature tag: signed by")),
                "{}",
                tree.stdout
            );
        }
    }
    harbour.to.forget_requests();
    harbour.copied("[SRC]/app:1.0", "[DST]/app");
    assert_eq!(writes(&harbour.to), Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_is_never_left_out() {
    let patterns = [
        "GET /v2/app/referrers/*",
        "GET /v2/app/manifests/sha256-*.sig",
        "GET /v2/app/manifests/sha256-*.att",
        "GET /v2/app/manifests/sha256-*.sbom",
        "GET /v2/app/manifests/sha256:*",
        "GET /v2/app/blobs/*",
    ];
    for (pattern, skip) in patterns.into_iter().flat_map(|pattern| [(pattern, 0), (pattern, 2)]) {
        for mode in
            [Mode::Status(500, "UNKNOWN"), Mode::Status(403, "DENIED"), Mode::Hangup, Mode::Truncated(1)]
        {
            let harbour = Harbour::new(Referrers::On, Referrers::On);
            harbour.from.fault(Fault::on(pattern, mode.clone()).after(skip));
            let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]);
            // A tag that is not there has no body to truncate.
            if run.code == 0 && matches!(mode, Mode::Truncated(_)) && pattern.contains("sha256-") {
                continue;
            }
            assert_eq!(run.code, 3, "{pattern} {skip} {mode:?}: {}{}", run.stdout, run.stderr);
            assert!(run.stderr.contains(&format!("{}/app", harbour.from.host())), "{}", run.stderr);
            assert_eq!(harbour.to.manifest("app", "1.0"), None, "{pattern} {mode:?}");
        }
    }
}

#[test]
fn changed_content_is_committed_nowhere() {
    for mode in
        [Mode::FlipByte(2), Mode::Trailing(b"x".to_vec()), Mode::Truncated(0), Mode::Body(b"arm63".to_vec())]
    {
        let harbour = Harbour::new(Referrers::On, Referrers::On);
        let layer = Digest::of(b"arm64");
        harbour.from.fault(Fault::on(&format!("GET /v2/app/blobs/{layer}"), mode.clone()));
        let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(3);
        assert!(run.stderr.contains(&layer.to_string()), "{mode:?}: {}", run.stderr);
        let whole =
            |request: &crate::registry::Request| request.method == "PUT" && request.body.starts_with(b"arm6");
        assert!(!harbour.to.requests().iter().any(whole), "{mode:?}");
        assert_eq!(harbour.to.manifest("app", "1.0"), None);
        harbour.run(&["copy", "[SRC]/app:1.0", "oci:[DIR]/gap"]).exits(3);
        let blob = harbour.folder.path().join("gap/blobs/sha256").join(layer.hex());
        assert!(!blob.exists(), "{mode:?}");
        harbour.from.behave();
        harbour.copied("[SRC]/app:1.0", "oci:[DIR]/gap");
        assert_eq!(fs::read(&blob).unwrap(), b"arm64");
        // A damaged file is not taken for what is there.
        fs::write(&blob, "arm63").unwrap();
        let answer = harbour.copied("[SRC]/app:1.0", "oci:[DIR]/gap");
        assert_eq!((fs::read(&blob).unwrap(), &answer["blobs"]["copied"]), (b"arm64".to_vec(), &json!(1)));
    }
}

/// An index may name its images by any hash, and whoever follows it asks by that one.
#[test]
fn what_an_index_names_by_another_hash_is_found_in_the_copy_or_not_copied() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let digest = harbour.images[0].to_string();
    harbour.copied(&format!("[SRC]/app@{digest}"), "oci:[DIR]/one:v1");
    let blobs = harbour.folder.path().join("one/blobs");
    let image = fs::read(blobs.join("sha256").join(harbour.images[0].hex())).unwrap();
    let long = FileContent::of(&image).digest(Algorithm::Sha512).unwrap();
    fs::create_dir(blobs.join("sha512")).unwrap();
    fs::write(blobs.join("sha512").join(long.hex()), &image).unwrap();
    let entry = json!({"mediaType": MANIFEST, "digest": long.to_string(), "size": image.len(), "platform": {"os": "linux", "architecture": "amd64"}});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    let root = Digest::of(index.as_bytes());
    fs::write(blobs.join("sha256").join(root.hex()), &index).unwrap();
    let list = json!({"schemaVersion": 2, "manifests": [{"mediaType": INDEX, "digest": root.to_string(), "size": index.len(), "annotations": {"org.opencontainers.image.ref.name": "long"}}]});
    harbour.write("one/index.json", list.to_string());
    harbour.copied("oci:[DIR]/one:long", "oci:[DIR]/two");
    let copied = harbour.folder.path().join("two/blobs/sha512").join(long.hex());
    assert_eq!(fs::read(copied).unwrap(), image);
    harbour.run(&["config", "oci:[DIR]/two:long", "--platform", "linux/amd64"]).exits(0);
    // A registry that knows no other hash must not be said to have it.
    harbour.run(&["copy", "oci:[DIR]/one:long", "[DST]/app"]).exits(3);
    assert_eq!(harbour.to.manifest("app", "long"), None);
}

/// Images may be private, and whoever says so to the system says so to everybody.
#[cfg(unix)]
#[test]
fn files_are_as_private_as_the_umask_wants() {
    use std::os::unix::fs::PermissionsExt as _;
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let digest = harbour.images[0];
    for (umask, want) in [("077", 0o600), ("027", 0o640), ("002", 0o664)] {
        let folder = harbour.folder.path().join(umask);
        fs::create_dir(&folder).unwrap();
        let (image, place) = (format!("{}/app@{digest}", harbour.from.host()), folder.display());
        let config = format!("oci:{place}/layout@{digest}");
        for args in [
            vec!["copy", "--no-attached", &image, &format!("oci:{place}/layout:v1")],
            vec!["copy", "--no-attached", &image, &format!("oci-archive:{place}/image.tar:v1")],
            vec!["blob", "--output", &format!("{place}/config"), &config],
        ] {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", "umask $0; exec \"$@\"", umask]).arg(crate::plimsoll::program()).args(&args);
            let ended = shell.env_clear().output().unwrap();
            assert!(ended.status.success(), "{args:?}: {ended:?}");
        }
        let blob = format!("layout/blobs/sha256/{}", digest.hex());
        for name in ["layout/index.json", &blob, "image.tar", "config"] {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, want, "{umask}: {name} has {mode:o}");
        }
    }
}

#[test]
fn transfers_go_on_where_they_broke_off() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.from.fault(
        Fault::on(&format!("GET /v2/app/blobs/{}", Digest::of(b"arm64")), Mode::Truncated(3)).first(1),
    );
    harbour.to.fault(Fault::on("PUT /v2/app/blobs/uploads/*", Mode::Status(503, "UNAVAILABLE")).first(2));
    harbour.to.fault(Fault::on("PUT /v2/app/blobs/uploads/*", Mode::Hangup).after(2).first(1));
    harbour.copied("[SRC]/app:1.0", "[DST]/app");
    assert_eq!(harbour.verdicts("[DST]/app"), harbour.verdicts("[SRC]/app"));
    // One that never takes anything is given up.
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.to.fault(Fault::on("PUT /v2/app/blobs/uploads/*", Mode::Status(503, "UNAVAILABLE")));
    harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(3);
}

#[test]
fn what_is_too_large_at_once_goes_in_chunks() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.to.fault(Fault::on("PUT /v2/app/blobs/uploads/*", Mode::Status(413, "SIZE_INVALID")).first(2));
    harbour.to.fault(Fault::on("PATCH /v2/app/blobs/uploads/*", Mode::Hangup).first(1));
    harbour.copied("[SRC]/app:1.0", "[DST]/app");
    assert_eq!(harbour.verdicts("[DST]/app"), harbour.verdicts("[SRC]/app"));
    let lines = writes(&harbour.to);
    let count = |method: &str| lines.iter().filter(|line| line.starts_with(method)).count();
    // What is begun and not gone on with is cancelled.
    assert_eq!((count("PATCH "), count("DELETE ")), (3, 2), "{lines:?}");
    // Content that changed on its way is committed in no way.
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour
        .from
        .fault(Fault::on(&format!("GET /v2/app/blobs/{}", Digest::of(b"arm64")), Mode::FlipByte(1)).after(1));
    harbour.to.fault(Fault::on("PUT /v2/app/blobs/uploads/*", Mode::Status(413, "SIZE_INVALID")));
    harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(3);
    assert!(harbour.to.blob("app", Digest::of(b"arm64")).is_none());
}

#[test]
fn within_a_registry_blobs_are_mounted() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let answer = harbour.copied("[SRC]/app:1.0", "[SRC]/release/app");
    assert_eq!(answer["blobs"]["copied"], 0);
    assert!(answer["blobs"]["mounted"].as_u64().unwrap() > 5, "{answer:#}");
    let lines = harbour.from.request_lines();
    assert!(
        lines.iter().any(|line| line.contains("/v2/release/app/blobs/uploads/?mount=sha256%3A")
            && line.ends_with("&from=app")),
        "{lines:#?}"
    );
    assert_eq!(harbour.verdicts("[SRC]/release/app"), harbour.verdicts("[SRC]/app"));
    // A registry that does not mount takes uploads.
    for refusal in
        [Mode::Status(403, "DENIED"), Mode::Status(404, "UNSUPPORTED"), Mode::Status(401, "UNAUTHORIZED")]
    {
        let harbour = Harbour::new(Referrers::On, Referrers::On);
        harbour.from.fault(Fault::on("POST /v2/other/blobs/uploads/?mount=*", refusal));
        let answer = harbour.copied("[SRC]/app:1.0", "[SRC]/other");
        assert_eq!(answer["blobs"]["mounted"], 0);
        assert_eq!(harbour.verdicts("[SRC]/other"), harbour.verdicts("[SRC]/app"));
    }
    // To another tag of the same repository nothing moves at all.
    harbour.from.forget_requests();
    harbour.copied("[SRC]/app:1.0", "[SRC]/app:2.0");
    assert_eq!(writes(&harbour.from), ["PUT /v2/app/manifests/2.0"]);
}

// GHSA-jxpm-75mh-9fp7.
#[test]
fn nothing_is_uploaded_elsewhere() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let elsewhere = Registry::start();
    for location in
        [format!("http://{}/v2/x", elsewhere.host()), format!("//{}/v2/x", harbour.to.other_host())]
    {
        harbour.to.behave();
        harbour.to.fault(Fault::on("POST /v2/app/blobs/uploads/", Mode::Header("Location", location)));
        let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(3);
        assert!(run.stderr.contains("upload location is on another host"), "{}", run.stderr);
        assert!(elsewhere.requests().is_empty());
        assert!(!harbour.to.request_lines().iter().any(|line| line.starts_with("PUT ")));
    }
}

#[test]
fn a_part_of_it_on_demand() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let answer = checked_json(
        &harbour
            .run(&["cp", "--format", "json", "--platform", "linux/arm64", "[SRC]/app:1.0", "[DST]/app:arm"])
            .exits(0),
        "copied",
    );
    assert_eq!(
        (&answer["digest"], &answer["platform"]),
        (&json!(harbour.images[1].to_string()), &json!("linux/arm64"))
    );
    assert_eq!(harbour.to.manifest("app", "arm").unwrap().0, DOCKER_MANIFEST);
    harbour.run(&["verify", "--key", "[DIR]/ours.pub", "[DST]/app:arm"]).exits(0);
    assert_eq!(harbour.to.manifest("app", &harbour.index.to_string()), None);
    harbour.run(&["copy", "--platform", "linux/s390x", "[SRC]/app:1.0", "[DST]/app:z"]).exits(3);

    let answer = checked_json(
        &harbour.run(&["copy", "--format", "json", "--no-attached", "[SRC]/app:1.0", "[DST]/bare"]).exits(0),
        "copied",
    );
    assert_eq!((&answer["attached"], &answer["tags"]), (&json!([]), &json!([])));
    harbour.run(&["verify", "--key", "[DIR]/ours.pub", "[DST]/bare:1.0"]).exits(1);
}

#[test]
fn the_tag_is_as_written_or_else_as_at_the_source() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.from.put_manifest("app", "latest", INDEX, &harbour.from.manifest("app", "1.0").unwrap().1);
    let pinned = format!("@{}", harbour.index);
    for (from, to, want) in [
        ("[SRC]/app:1.0", "[DST]/app:2.0".to_owned(), Some("2.0")),
        ("[SRC]/app:1.0", "[DST]/app".to_owned(), Some("1.0")),
        ("[SRC]/app", "[DST]/app".to_owned(), Some("latest")),
        (&format!("[SRC]/app:1.0{pinned}"), "[DST]/app".to_owned(), Some("1.0")),
        (&format!("[SRC]/app{pinned}"), "[DST]/app".to_owned(), None),
        ("[SRC]/app:1.0", format!("[DST]/app{pinned}"), None),
    ] {
        let repository = format!("n{}", Digest::of(format!("{from}{to}").as_bytes()).hex());
        let to = to.replace("/app", &format!("/{repository}"));
        harbour.run(&["copy", "--no-attached", from, &to]).exits(0);
        assert!(harbour.to.manifest(&repository, &harbour.index.to_string()).is_some());
        let tags: Vec<_> = ["1.0", "2.0", "latest"]
            .into_iter()
            .filter(|tag| harbour.to.manifest(&repository, tag).is_some())
            .collect();
        assert_eq!(tags, want.into_iter().collect::<Vec<_>>(), "{from} {to}");
    }
    let other = format!("[DST]/app@{}", Digest::of(b"other"));
    harbour.run(&["copy", "[SRC]/app:1.0", &other]).exits(2);
    harbour.run(&["copy", "[SRC]/app:1.0", "docker-archive:[DIR]/x.tar"]).exits(2);
    harbour.write("file", "");
    harbour.run(&["copy", "[SRC]/app:1.0", "oci:[DIR]/file"]).exits(3);
    harbour.run(&["--offline", "copy", "[SRC]/app:1.0", "oci:[DIR]/gap"]).exits(3);
}

#[test]
fn chains_end() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let mut subject = harbour.sbom;
    for number in 0..2 {
        subject = harbour.attach_artifact(subject, format!("{number}").as_bytes());
    }
    harbour.copied("[SRC]/app:1.0", "[DST]/app");
    assert!(harbour.to.manifest("app", &subject.to_string()).is_some());
    for number in 2..6 {
        subject = harbour.attach_artifact(subject, format!("{number}").as_bytes());
    }
    let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(3);
    assert!(run.stderr.contains("attached deeper than"), "{}", run.stderr);
    harbour.run(&["copy", "--no-attached", "[SRC]/app:1.0", "[DST]/app"]).exits(0);
    // Indexes in indexes.
    let mut index = harbour.from.manifest("app", "1.0").unwrap();
    for depth in 1..4 {
        let entry =
            json!({"mediaType": INDEX, "digest": Digest::of(&index.1).to_string(), "size": index.1.len()});
        let outer = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        index.1 = serde_json::to_vec(&outer).unwrap();
        harbour.from.put_manifest("app", &format!("deep{depth}"), INDEX, &index.1);
    }
    harbour.run(&["copy", "[SRC]/app:deep1", "[DST]/app"]).exits(3);
    harbour.run(&["copy", "--no-attached", "[SRC]/app:deep1", "[DST]/app"]).exits(0);
    let run = harbour.run(&["copy", "--no-attached", "[SRC]/app:deep2", "[DST]/app"]).exits(3);
    assert!(run.stderr.contains("nested deeper than"), "{}", run.stderr);
}

/// Base images of Windows: the registry need not hold their layers, and the manifest is valid without them.
#[test]
fn layers_that_may_not_be_distributed_are_named() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let (_, bytes) = harbour.from.manifest("app", &harbour.images[0].to_string()).unwrap();
    for (kind, code) in [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 0),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", 0),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", 3),
    ] {
        let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let missing = json!({"mediaType": kind, "digest": Digest::of(kind.as_bytes()).to_string(), "size": 7, "urls": [format!("http://{}/x", harbour.from.host())]});
        manifest["layers"].as_array_mut().unwrap().push(missing.clone());
        harbour.from.put_manifest("app", "windows", MANIFEST, manifest.to_string().as_bytes());
        let run = harbour.run(&["copy", "--format", "json", "[SRC]/app:windows", "[DST]/app"]).exits(code);
        if code == 0 {
            assert_eq!(checked_json(&run, "copied")["elsewhere"][0]["digest"], missing["digest"]);
        } else {
            assert!(run.stderr.contains(missing["digest"].as_str().unwrap()), "{}", run.stderr);
        }
        assert!(!harbour.from.request_lines().iter().any(|line| line.ends_with("/x")));
    }
}

/// A list that names what does not name the image: nothing vouches for it, and yet it is somebody's entry.
#[test]
fn entries_that_only_the_list_knows_stay_in_the_list() {
    for to in ["[DST]/app", "oci:[DIR]/gap"] {
        let harbour = Harbour::new(Referrers::Off, Referrers::On);
        let stray = artifact(&harbour.from, None, b"stray");
        let digest = harbour.from.put_manifest("app", ":", MANIFEST, &stray);
        let list = tag(harbour.index, "");
        let (_, bytes) = harbour.from.manifest("app", &list).unwrap();
        let mut index: Value = serde_json::from_slice(&bytes).unwrap();
        let entry = json!({"mediaType": MANIFEST, "digest": digest.to_string(), "size": stray.len(), "artifactType": "old/thing"});
        index["manifests"].as_array_mut().unwrap().push(entry.clone());
        harbour.from.put_manifest("app", &list, INDEX, index.to_string().as_bytes());
        if to.starts_with("oci:") {
            harbour.copied("[SRC]/app:1.0", to);
            let tree = harbour.run(&["tree", &format!("{to}@{}", harbour.index)]).exits(0);
            assert!(tree.stdout.contains("via fallback tag"), "{}", tree.stdout);
        } else {
            harbour.run(&["copy", "[SRC]/app:1.0", to]).exits(3);
            let (_, bytes) = harbour.to.manifest("app", &list).unwrap();
            let index: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(index["manifests"], json!([entry]));
        }
    }
}

/// `cosign save` lists the image only; what it wrote is found, and goes into a registry like anything else. So do the other layouts that
/// cosign and oras made.
#[test]
fn layouts_of_cosign_are_read_and_copied() {
    let vectors = [
        ("c3-save", "cosign3", "cosign2", "layout"),
        ("c2-save", "cosign2", "cosign3", "signature tag"),
        ("c2-sign-oci11", "cosign2", "cosign3", "layout"),
        ("c3-sign-oci11", "cosign3", "cosign2", "layout"),
        ("oras-copied-fallback", "cosign3", "cosign2", "fallback tag"),
        ("two-keys", "cosign2", "imported/imp-ec256", "signature tag"),
    ];
    for (name, right, wrong, origin) in vectors {
        let harbour = Harbour::new(Referrers::On, Referrers::Off);
        let key = |name: &str| format!("{}/testdata/cosign/keys/{name}.pub", env!("CARGO_MANIFEST_DIR"));
        let place = format!("oci:{}", layout(name).display());
        let check = |place: &str, origin: &str| {
            let run = harbour.run(&["verify", "--key", &key(right), place]).exits(0);
            assert!(run.stdout.contains(&format!("via {origin}: signed by")), "{name}: {}", run.stdout);
            harbour.run(&["verify", "--key", &key(wrong), place]).exits(1);
        };
        check(&place, origin);
        for (to, other) in [
            ("[SRC]/copy:v1", "referrers API"),
            ("[DST]/copy:v1", "fallback tag"),
            ("oci:[DIR]/gap:v1", "layout"),
        ] {
            harbour.copied(&place, to);
            check(to, if origin == "signature tag" { origin } else { other });
        }
    }
    let harbour = Harbour::new(Referrers::On, Referrers::Off);
    harbour.copied(&format!("oci:{}", layout("c2-attach-sbom").display()), "[DST]/copy:v1");
    let image = Digest::of(&harbour.to.manifest("copy", "v1").unwrap().1);
    assert!(harbour.to.manifest("copy", &tag(image, ".sbom")).is_some());
}

#[test]
fn damage_among_the_blobs_of_a_layout_is_not_silence() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.copied(&format!("oci:{}", layout("c3-save").display()), "oci:[DIR]/gap");
    let blobs = harbour.folder.path().join("gap/blobs/sha256");
    let referrer = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let referrer = referrer
        .into_iter()
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("\"subject\":{")));
    let referrer = referrer.unwrap();
    // As `cosign save` leaves it: the referrer is not listed.
    fs::copy(layout("c3-save").join("index.json"), harbour.folder.path().join("gap/index.json")).unwrap();
    let key = format!("{}/testdata/cosign/keys/cosign3.pub", env!("CARGO_MANIFEST_DIR"));
    harbour.run(&["verify", "--key", &key, "oci:[DIR]/gap"]).exits(0);
    let text = fs::read_to_string(&referrer).unwrap();
    fs::write(&referrer, text.replace("schemaVersion\":2", "schemaVersion\":2 ")).unwrap();
    harbour.run(&["verify", "--key", &key, "oci:[DIR]/gap"]).exits(3);
}

#[test]
fn a_refused_stream_is_sent_once_more_after_the_registry_asked() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    harbour.to.fault(
        Fault::on(
            "PUT /v2/app/blobs/uploads/*",
            Mode::Unauthorized(vec!["Bearer realm=\"/token\"".to_owned()]),
        )
        .first(1),
    );
    let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]);
    // There is no token server: it is asked all the same, and the error is about that.
    assert_eq!(run.code, 3);
    assert!(harbour.to.request_lines().iter().any(|line| line.starts_with("GET /token")), "{}", run.stderr);
}

#[test]
fn text_says_what_happened() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let run = harbour.run(&["copy", "[SRC]/app:1.0", "[DST]/app"]).exits(0);
    assert_eq!(run.stderr, "");
    let want = format!(
        "copied {}/app:1.0\n    to {}/app:1.0@{}\n  3 manifests; blobs: ",
        harbour.from.host(),
        harbour.to.host(),
        harbour.index
    );
    assert!(run.stdout.starts_with(&want), "{}", run.stdout);
    assert!(run.stdout.contains("  attached: application/spdx+json "), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("  tag {}\n", tag(harbour.index, ".sbom"))), "{}", run.stdout);
}

/// Old clients list manifests in a fallback index that do not name what they are about. A registry with the API lists what names it, and looks
/// into no index.
#[test]
fn what_the_destination_does_not_list_is_not_said_to_be_attached() {
    let nameless = |harbour: &Harbour| {
        let manifest = artifact(&harbour.from, None, b"nameless");
        let digest = harbour.from.put_manifest("app", ":", MANIFEST, &manifest);
        let list = tag(harbour.index, "");
        let (_, bytes) = harbour.from.manifest("app", &list).unwrap();
        let mut index: Value = serde_json::from_slice(&bytes).unwrap();
        let entry = json!({"mediaType": MANIFEST, "digest": digest.to_string(), "size": manifest.len(), "artifactType": "a/b"});
        index["manifests"].as_array_mut().unwrap().push(entry);
        harbour.from.put_manifest("app", &list, INDEX, index.to_string().as_bytes());
        digest
    };
    let copy = ["copy", "[SRC]/app:1.0", "[DST]/app"];
    let harbour = Harbour::new(Referrers::Off, Referrers::On);
    let digest = nameless(&harbour);
    for _ in 0..2 {
        let run = harbour.run(&copy).exits(3);
        assert!(run.stdout.contains("  not attached: a/b sha256:"), "{}", run.stdout);
        assert!(run.stderr.contains("1 of what is attached to it is not listed"), "{}", run.stderr);
    }
    let answer = checked_json(&harbour.run(&[&copy[..], &["--format", "json"]].concat()).exits(3), "copied");
    for one in answer["attached"].as_array().unwrap() {
        assert_eq!(one["listed"], one["digest"] != digest.to_string(), "{one:#}");
    }
    // The rest of it is there.
    assert_eq!(harbour.verdicts("[SRC]/app"), harbour.verdicts("[DST]/app"));
    let harbour = Harbour::new(Referrers::Off, Referrers::Off);
    nameless(&harbour);
    harbour.run(&copy).exits(0);
}
