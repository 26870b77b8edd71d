//! `plimsoll digest`, `ls`, `manifest`, `config` and `blob`: what is in registries, layouts and archives.

use std::fs;
use std::path::Path;

use plimsoll::base::Digest;
use plimsoll::cli::{Outcome, Terminals, World};
use plimsoll::format::manifest::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Account, Auth, Fault, Mode, Registry, Tokens};
use crate::verify::checked_json;

/// A registry with an index of two images at `app:1.0`, the second with a label that would drive a terminal, and a folder for everything.
struct Yard {
    registry: Registry,
    folder: TempDir,
    index: Digest,
    /// For amd64 and arm64.
    images: [Digest; 2],
    configs: [Vec<u8>; 2],
    layer: Vec<u8>,
}

/// Red, and the rest from right to left.
const LABEL: &str = "\u{1b}[31m\u{9b}31m\u{202e}";

impl Yard {
    fn new() -> Self {
        let registry = Registry::start();
        // Two empty blocks end an archive; what follows belongs to the layer all the same.
        let layer = [vec![0; 1024], vec![7; 298_976]].concat();
        let diff_id = registry.put_blob("app", &layer);
        let configs = ["amd64", "arm64"].map(|architecture| {
            let rootfs = json!({"type": "layers", "diff_ids": [diff_id.to_string()]});
            let config = json!({"os": "linux", "architecture": architecture, "rootfs": rootfs, "config": {"Labels": {"l": LABEL}}});
            // Not as anybody would write it: bytes must stay.
            format!("\n {config}\t\n").into_bytes()
        });
        let images = configs.each_ref().map(|config| {
            let manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": {"l": LABEL},
                "config": {"mediaType": OCI_CONFIG, "digest": registry.put_blob("app", config).to_string(), "size": config.len()},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff_id.to_string(), "size": layer.len()}],
            });
            let manifest = format!("{manifest}  \r\n");
            (registry.put_manifest("app", ":", OCI_MANIFEST, manifest.as_bytes()), manifest.len())
        });
        let entries = ["amd64", "arm64"].iter().zip(&images).map(|(architecture, (digest, size))| {
            json!({"mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": size, "platform": {"os": "linux", "architecture": architecture}})
        });
        let index =
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries.collect::<Vec<_>>()});
        let index = registry.put_manifest("app", "1.0", OCI_INDEX, index.to_string().as_bytes());
        let images = images.map(|(digest, _)| digest);
        Self { registry, folder: TempDir::new().unwrap(), index, images, configs, layer }
    }

    fn tool(&self, args: &[&str]) -> Plimsoll {
        let tool = Plimsoll::new().dir(&self.folder).registry(&self.registry);
        tool.env("XDG_CACHE_HOME", "[DIR]/cache").env("TMPDIR", "[DIR]").args(args.iter().copied())
    }

    fn run(&self, args: &[&str]) -> Run {
        self.tool(args).run()
    }

    /// Exit code and both streams, where standard output is a terminal.
    fn on_terminal(&self, args: &[&str]) -> (Outcome, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let fill = |arg: &&str| arg.replace("[HOST]", &self.registry.host());
        let args = std::iter::once("plimsoll".to_owned()).chain(args.iter().map(fill));
        let world = World {
            out: &mut out,
            err: &mut err,
            input: &mut std::io::empty(),
            environment: [("PLIMSOLL_MAX_WAIT".to_owned(), "0".to_owned())].into_iter().collect(),
            terminals: Terminals { out: true, ..Terminals::default() },
        };
        let outcome = plimsoll::cli::run(args.map(Into::into).collect(), world);
        (outcome, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn blob(&self, bytes: &[u8]) -> String {
        format!("[HOST]/app@{}", Digest::of(bytes))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Every file below the folder, but what the cache keeps under its digest.
    fn files(&self) -> Vec<String> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
                match path.is_dir() {
                    true => folders.push(path),
                    false if name.starts_with("cache/plimsoll/blobs/") => {}
                    false => files.push(name),
                }
            }
        }
        files
    }
}

fn image() -> String {
    format!("{}/testdata/image/image.oci.tar", env!("CARGO_MANIFEST_DIR"))
}

/// Nothing that drives a terminal but the ends of lines.
#[track_caller]
fn is_safe(text: &str) {
    let drives = |char: char| char.is_control() || ['\u{202e}', '\u{2066}'].contains(&char);
    assert!(!text.replace('\n', "").chars().any(drives), "{text:?}");
}

#[test]
fn digests_in_the_order_of_the_command_line() {
    let yard = Yard::new();
    let of_image = format!("[HOST]/app@{}", yard.images[1]);
    yard.registry.forget_requests();
    let run = yard.run(&["digest", "[HOST]/app:1.0", &of_image, "[HOST]/app:1.0"]).exits(0);
    assert_eq!(run.stdout, format!("{0}\n{1}\n{0}\n", yard.index, yard.images[1]));
    assert_eq!(yard.registry.requests().len(), 2);
    let run = yard.run(&["digest", "--platform", "linux/arm64", "[HOST]/app:1.0"]).exits(0);
    assert_eq!(run.stdout, format!("{}\n", yard.images[1]));
    let [digest, resolve] = ["digest", "resolve"].map(|verb| {
        checked_json(&yard.run(&[verb, "--format", "json", "[HOST]/app:1.0"]).exits(0), "resolve")
    });
    assert_eq!(digest, resolve);
    // Nobody takes the digest of one for that of another.
    let run = yard.run(&["digest", "[HOST]/none:1.0", "[HOST]/app:1.0"]).exits(3);
    assert_eq!(run.stdout, "");
    let run = yard.run(&["resolve", "[HOST]/none:1.0", "[HOST]/app:1.0"]).exits(3);
    assert_eq!(run.stdout, format!("[HOST]/app:1.0@{}\n", yard.index));
    yard.registry.fault(Fault::on("* /v2/*", Mode::wrong_digest_header()));
    assert_eq!(yard.run(&["digest", "[HOST]/app:1.0"]).exits(3).stdout, "");
}

#[test]
fn all_tags_of_all_pages_in_the_order_of_their_numbers() {
    let yard = Yard::new();
    for number in 0..2100 {
        yard.registry.put_manifest("many", &format!("v1.{number}"), OCI_MANIFEST, b"{}");
    }
    let want: String = (0..2100).map(|number| format!("v1.{number}\n")).collect();
    yard.registry.forget_requests();
    assert_eq!(yard.run(&["ls", "[HOST]/many"]).exits(0).stdout, want);
    assert_eq!(yard.registry.requests().len(), 3);
    // A registry that cuts the list and does not say so.
    yard.registry.fault(Fault::on("GET /v2/many/tags/list", Mode::NoHeader("Link")));
    assert_eq!(yard.run(&["ls", "[HOST]/many"]).exits(0).stdout, want);
    let answer = checked_json(&yard.run(&["ls", "--format", "json", "[HOST]/app"]).exits(0), "ls");
    assert_eq!(answer["tags"], json!(["1.0"]));
    assert_eq!(yard.run(&["ls", "[HOST]/none"]).exits(3).stdout, "");
    yard.run(&["ls", "[HOST]/app:1.0"]).exits(2);
    yard.run(&["ls", "--offline", "[HOST]/app"]).exits(3);
}

#[test]
fn repositories_of_a_registry_that_tells_them() {
    let yard = Yard::new();
    yard.registry.put_blob("team/app", b"x");
    let run = yard.run(&["ls", "[HOST]"]).exits(0);
    assert_eq!(run.stdout, "[HOST]/app\n[HOST]/team/app\n");
    let answer = checked_json(&yard.run(&["ls", "--format", "json", "[HOST]"]).exits(0), "ls");
    assert_eq!(answer["repositories"][1], "[HOST]/team/app");
    // With a token for the list, which is of no repository.
    let tokens = Tokens::new(Account::new("alice", "s3cret"));
    let closed = Registry::builder().auth(Auth::Bearer(tokens)).start();
    closed.put_blob("team/app", b"x");
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6czNjcmV0"}}}}}}"#, closed.host());
    fs::write(yard.path("config.json"), config).unwrap();
    let tool = Plimsoll::new().dir(&yard.folder).registry(&closed).env("DOCKER_CONFIG", "[DIR]");
    assert_eq!(tool.args(["ls", "[HOST]"]).run().exits(0).stdout, "[HOST]/team/app\n");
    let asked = closed.requests().iter().find_map(|request| request.query("scope"));
    assert_eq!(asked.as_deref(), Some("registry:catalog:*"));
    yard.registry.fault(Fault::on("GET /v2/_catalog", Mode::Status(404, "UNSUPPORTED")));
    let run = yard.run(&["ls", "[HOST]"]).exits(3);
    assert!(run.stderr.contains("hint: many registries tell nobody"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

/// Attack: a list of names with a command for the terminal in it, or with what would name something else.
#[test]
fn lists_of_strangers_are_checked() {
    let yard = Yard::new();
    let list = |field: &str, name: &str| json!({ field: ["good", name] }).to_string().into_bytes();
    for name in ["a\u{1b}]0;x\u{7}", "a\r\nb", "../other", "a:b", "a@sha256:x", ""] {
        for (field, place) in [("tags", "[HOST]/app"), ("repositories", "[HOST]")] {
            yard.registry.behave();
            yard.registry.fault(Fault::on("GET /v2/*", Mode::Body(list(field, name))));
            let run = yard.run(&["ls", place]).exits(3);
            assert!(run.stdout.is_empty() && run.stderr.contains("no such name"), "{name}: {}", run.stderr);
            is_safe(&run.stderr);
        }
    }
    for mode in
        [Mode::Html, Mode::Endless, Mode::Truncated(5), Mode::link_circle(), Mode::Status(403, "DENIED")]
    {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*", mode.clone()));
        assert_eq!(yard.run(&["ls", "[HOST]/app"]).exits(3).stdout, "", "{mode:?}");
    }
}

#[test]
fn layouts_and_archives_are_listed_too() {
    let yard = Yard::new();
    for tag in ["1.0", "1.10", "1.9"] {
        yard.run(&["copy", "--no-attached", "[HOST]/app:1.0", &format!("oci:[DIR]/gap:{tag}")]).exits(0);
    }
    assert_eq!(yard.run(&["ls", "oci:[DIR]/gap"]).exits(0).stdout, "1.0\n1.9\n1.10\n");
    let index = fs::read_to_string(yard.path("gap/index.json")).unwrap();
    // Names in a layout may be any text, and none.
    let mut index: Value = serde_json::from_str(&index).unwrap();
    let entries = index["manifests"].as_array_mut().unwrap();
    entries[0]["annotations"]["org.opencontainers.image.ref.name"] = json!("docker.io/x:\u{1b}[2J");
    entries[2].as_object_mut().unwrap().remove("annotations");
    fs::write(yard.path("gap/index.json"), index.to_string()).unwrap();
    let run = yard.run(&["ls", "oci:[DIR]/gap"]).exits(0);
    assert_eq!(run.stdout, format!("1.10\ndocker.io/x:\\u{{1b}}[2J\n@{}\n", yard.index));
    let answer = checked_json(&yard.run(&["ls", "--format", "json", "oci:[DIR]/gap"]).exits(0), "ls");
    assert_eq!(answer["untagged"], json!([yard.index.to_string()]));
    let docker = yard.path("docker.tar");
    let mut tar = tar::Builder::new(fs::File::create(&docker).unwrap());
    let described = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": []}]).to_string();
    for (name, content) in [("c.json", "{}"), ("manifest.json", &described)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.finish().unwrap();
    assert_eq!(yard.run(&["ls", "docker-archive:[DIR]/docker.tar"]).exits(0).stdout, "x:1\n");
    let archive = format!("oci-archive:{}", image());
    assert!(!yard.run(&["ls", &archive]).exits(0).stdout.is_empty());
    yard.run(&["ls", "oci:[DIR]/gap:1.0"]).exits(2);
    yard.run(&["ls", "oci:[DIR]/nothing"]).exits(3);
}

#[test]
fn manifests_byte_for_byte() {
    let yard = Yard::new();
    let stored =
        |reference: &str| String::from_utf8(yard.registry.manifest("app", reference).unwrap().1).unwrap();
    assert_eq!(yard.run(&["manifest", "[HOST]/app:1.0"]).exits(0).stdout, stored("1.0"));
    yard.registry.forget_requests();
    let arm = yard.run(&["manifest", "--platform", "linux/arm64", "[HOST]/app:1.0"]).exits(0).stdout;
    assert_eq!(arm, stored(&yard.images[1].to_string()));
    // Index, manifest, config: each once.
    assert_eq!(yard.registry.requests().len(), 3);
    yard.run(&["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"]).exits(0);
    assert_eq!(yard.run(&["manifest", "oci:[DIR]/gap:1.0"]).exits(0).stdout, stored("1.0"));
    let run =
        yard.run(&["manifest", "--format", "json", "--platform", "linux/arm64", "[HOST]/app:1.0"]).exits(0);
    is_safe(&run.stdout);
    let answer = checked_json(&run, "manifest");
    assert_eq!(answer["content"], serde_json::from_str::<Value>(&arm).unwrap());
    assert_eq!(
        (&answer["digest"], &answer["index"]),
        (&json!(yard.images[1].to_string()), &json!(yard.index.to_string()))
    );
    yard.run(&["manifest", "--platform", "linux/s390x", "[HOST]/app:1.0"]).exits(3);
    for mode in [Mode::FlipByte(10), Mode::Truncated(100), Mode::wrong_digest_header(), Mode::Html] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*/manifests/*", mode.clone()));
        assert_eq!(yard.run(&["manifest", "[HOST]/app:1.0"]).exits(3).stdout, "", "{mode:?}");
    }
}

#[test]
fn configs_byte_for_byte() {
    let yard = Yard::new();
    let config = |index: usize| String::from_utf8(yard.configs[index].clone()).unwrap();
    let arm = ["config", "--platform", "linux/arm64", "[HOST]/app:1.0"];
    assert_eq!(yard.run(&arm).exits(0).stdout, config(1));
    let run = yard.run(&[&arm[..], &["--format", "json"]].concat()).exits(0);
    is_safe(&run.stdout);
    let answer = checked_json(&run, "config");
    assert_eq!(answer["content"], serde_json::from_str::<Value>(&config(1)).unwrap());
    assert_eq!(answer["manifest"], json!(yard.images[1].to_string()));
    let of_image = format!("[HOST]/app@{}", yard.images[0]);
    assert_eq!(yard.run(&["config", &of_image]).exits(0).stdout, config(0));
    yard.registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::FlipByte(3)));
    assert_eq!(yard.run(&["config", "--no-cache", &of_image]).exits(3).stdout, "");
}

/// On a terminal, and in JSON wherever it goes, content of strangers is told and not obeyed.
#[test]
fn a_terminal_is_not_driven() {
    let yard = Yard::new();
    for verb in ["manifest", "config"] {
        let args = [verb, "--no-cache", "--platform", "linux/arm64", "[HOST]/app:1.0"];
        let (outcome, shown, _) = yard.on_terminal(&args);
        assert_eq!(outcome, Outcome::Yes);
        is_safe(&shown);
        assert!(shown.lines().count() > 10 && shown.contains(r"\u001b[31m\u009b31m\u202e"), "{shown}");
        // The same is said.
        let raw = yard.run(&args).exits(0).stdout;
        assert_eq!(
            serde_json::from_str::<Value>(&shown).unwrap(),
            serde_json::from_str::<Value>(&raw).unwrap()
        );
        assert_eq!(yard.run(&[&args[..], &["--pretty"]].concat()).exits(0).stdout, shown);
    }
    let (outcome, out, err) = yard.on_terminal(&["blob", &yard.blob(&yard.layer)]);
    assert_eq!((outcome, out.as_str()), (Outcome::Usage, ""));
    assert!(err.contains("-o FILE"), "{err}");
}

/// Takes so many bytes, and tells the most that came at once.
struct Disk {
    room: usize,
    largest: usize,
}

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.largest = self.largest.max(bytes.len());
        self.room = self.room.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How it ends, and what it says, where standard output is this disk.
fn on_disk(disk: &mut Disk, args: &[&str]) -> (Outcome, String) {
    let mut err = Vec::new();
    let world = World {
        out: disk,
        err: &mut err,
        input: &mut std::io::empty(),
        environment: Default::default(),
        terminals: Terminals::default(),
    };
    let args = std::iter::once(&"plimsoll").chain(args).map(|arg| (*arg).into()).collect();
    (plimsoll::cli::run(args, world), String::from_utf8(err).unwrap())
}

/// Attack: indentation makes a config many times as long. It is not held in memory.
#[test]
fn indented_json_is_written_while_it_is_made() {
    let registry = Registry::start();
    let diff_id = registry.put_blob("deep", b"layer");
    let deep = format!("{}{}0{}", "[".repeat(30), "0,".repeat(50_000), "]".repeat(30));
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}},"x":{deep}}}"#
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": registry.put_blob("deep", config.as_bytes()).to_string(), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff_id.to_string(), "size": 5}],
    });
    registry.put_manifest("deep", "1", OCI_MANIFEST, manifest.to_string().as_bytes());
    let image = format!("{}/deep:1", registry.host());
    for more in [&["--pretty"][..], &["--format", "json"]] {
        let args = [&["config", &image, "--no-cache"], more].concat();
        let mut disk = Disk { room: 100_000_000, largest: 0 };
        let (outcome, said) = on_disk(&mut disk, &args);
        assert_eq!(outcome, Outcome::Yes, "{said}");
        assert!(disk.room < 97_000_000 && disk.largest <= 1 << 16, "{} {}", disk.room, disk.largest);
        // What does not find room is not a yes.
        let (outcome, said) = on_disk(&mut Disk { room: 1_000_000, largest: 0 }, &args);
        assert_eq!(outcome, Outcome::Unknown);
        assert!(said.contains("the answer cannot be written"), "{said}");
    }
}

#[test]
fn help_that_is_lost_is_not_a_yes() {
    for args in [&["--help"][..], &["--version"], &["ls", "--help"]] {
        assert_eq!(on_disk(&mut Disk { room: 1 << 20, largest: 0 }, args).0, Outcome::Yes);
        let (outcome, said) = on_disk(&mut Disk { room: 3, largest: 0 }, args);
        assert_eq!(outcome, Outcome::Unknown, "{args:?}");
        assert!(said.contains("the answer cannot be written"), "{said}");
    }
}

/// Attack: a name from a stranger in a script, which the refusal of it repeats.
#[test]
fn refused_arguments_do_not_drive_a_terminal() {
    for arg in ["alpine:\u{202e}x", "Al\u{9b}31mpine", "--\u{202e}x", "a\u{2066}\u{1b}[2J"] {
        for args in [&["ls", arg][..], &["digest", arg], &[arg], &["verify", arg]] {
            let (outcome, said) = on_disk(&mut Disk { room: 0, largest: 0 }, args);
            assert_eq!(outcome, Outcome::Usage);
            assert!(said.contains("error: "), "{said}");
            is_safe(&said);
        }
    }
}

#[test]
fn blobs_to_a_file_or_a_pipe() {
    let yard = Yard::new();
    let layer = yard.blob(&yard.layer);
    for more in [&[][..], &["--no-cache"], &[]] {
        let run = yard.run(&[&["blob", &layer], more].concat()).exits(0);
        assert!(run.stdout.as_bytes() == yard.layer, "{more:?}");
    }
    let run = yard.run(&["blob", "--format", "json", "-o", "[DIR]/layer", &layer]).exits(0);
    assert_eq!(checked_json(&run, "blob")["size"], json!(yard.layer.len()));
    assert!(fs::read(yard.path("layer")).unwrap() == yard.layer);
    fs::remove_file(yard.path("layer")).unwrap();
    assert_eq!(yard.files(), Vec::<String>::new());
    // Another process may have asked before: then nobody is asked.
    yard.registry.forget_requests();
    yard.run(&["blob", "-o", "[DIR]/layer", &layer]).exits(0);
    assert!(yard.registry.requests().is_empty());
    yard.run(&["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"]).exits(0);
    let inside = format!("oci:[DIR]/gap@{}", Digest::of(&yard.layer));
    assert!(yard.run(&["blob", &inside]).exits(0).stdout.as_bytes() == yard.layer);
    for args in [
        &["blob", "[HOST]/app:1.0"][..],
        &["blob", "oci:[DIR]/gap:1.0"],
        &["blob", "docker-archive:[DIR]/x.tar"],
        &["blob", "--format", "json", &layer],
    ] {
        assert_eq!(yard.run(args).exits(2).stdout, "", "{args:?}");
    }
}

/// Nothing of a blob is given out before all of it is checked, and what is wrong leaves no file.
#[test]
fn wrong_blobs_are_given_to_nobody() {
    let yard = Yard::new();
    let layer = yard.blob(&yard.layer);
    let hex = Digest::of(&yard.layer).hex();
    for mode in [
        Mode::FlipByte(299_999),
        Mode::Truncated(0),
        Mode::Trailing(b"x".to_vec()),
        Mode::Body(b"other".to_vec()),
        Mode::Gzip,
        Mode::Hangup,
        Mode::Length(1 << 40),
        Mode::Status(404, "BLOB_UNKNOWN"),
        Mode::Redirect("http://user@127.0.0.1:1/".to_owned()),
    ] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*/blobs/*", mode.clone()));
        for more in [&[][..], &["--no-cache"], &["-o", "[DIR]/layer"]] {
            let run = yard.run(&[&["blob", &layer], more].concat()).exits(3);
            assert_eq!(run.stdout, "", "{mode:?} {more:?}");
            assert_eq!(yard.files(), Vec::<String>::new(), "{mode:?} {more:?}");
        }
        assert!(!yard.path(&format!("cache/plimsoll/blobs/sha256/{hex}")).exists(), "{mode:?}");
    }
    // What was damaged in a layout.
    yard.registry.behave();
    yard.run(&["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"]).exits(0);
    let path = yard.path(&format!("gap/blobs/sha256/{hex}"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[200_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let run = yard.run(&["blob", &format!("oci:[DIR]/gap@sha256:{hex}")]).exits(3);
    assert_eq!(run.stdout, "");
}

#[test]
fn what_is_left_of_a_quota_is_in_the_answers() {
    let yard = Yard::new();
    for (name, value) in [("RateLimit-Limit", "200;w=21600"), ("RateLimit-Remaining", "150;w=21600")] {
        yard.registry.fault(Fault::on("GET /v2/*", Mode::Header(name, value.to_owned())));
    }
    fs::write(yard.path("Dockerfile"), format!("FROM {}/app:1.0\n", yard.registry.host())).unwrap();
    let layer = yard.blob(&yard.layer);
    fs::write(yard.path("p.json"), "{}").unwrap();
    yard.tool(&["keygen", "--output", "[DIR]/k"]).env("PLIMSOLL_PASSWORD", "x").run().exits(0);
    for (schema, args) in [
        ("resolve", &["digest", "[HOST]/app:1.0"][..]),
        ("ls", &["ls", "[HOST]/app"]),
        ("manifest", &["manifest", "[HOST]/app:1.0"]),
        ("config", &["config", "--platform", "linux/arm64", "[HOST]/app:1.0"]),
        ("blob", &["blob", "--no-cache", "-o", "[DIR]/layer", &layer]),
        ("sbom", &["sbom", "--platform", "linux/arm64", "[HOST]/app:1.0"]),
        ("pin", &["pin", "[DIR]/Dockerfile"]),
        ("copied", &["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"]),
        ("published", &["sign", "--key", "[DIR]/k.key", "[HOST]/app:1.0"]),
        (
            "published",
            &[
                "sign",
                "--key",
                "[DIR]/k.key",
                "--no-recursive",
                "--no-upload",
                "--bundle",
                "[DIR]/b",
                "[HOST]/app:1.0",
            ],
        ),
        (
            "published",
            &[
                "attest",
                "--key",
                "[DIR]/k.key",
                "--type",
                "custom",
                "--predicate",
                "[DIR]/p.json",
                "[HOST]/app:1.0",
            ],
        ),
        ("attached", &["attach", "--bundle", "[DIR]/b", "[HOST]/app:1.0"]),
        ("verify", &["verify", "--key", "[DIR]/k.pub", "[HOST]/app:1.0"]),
        ("tree", &["tree", "[HOST]/app:1.0"]),
    ] {
        let run =
            yard.tool(&[args, &["--format", "json"]].concat()).env("PLIMSOLL_PASSWORD", "x").run().exits(0);
        let quota = &checked_json(&run, schema)["quotas"][0];
        let want = json!({"origin": "http://[HOST]", "limit": 200, "remaining": 150, "window": 21600});
        assert_eq!(*quota, want, "{schema}");
    }
    yard.registry.behave();
    let run = yard.run(&["digest", "--format", "json", "[HOST]/app:1.0"]).exits(0);
    assert_eq!(checked_json(&run, "resolve").get("quotas"), None);
}

#[test]
fn names_that_mean_something_else_are_warned_about() {
    let yard = Yard::new();
    let run = yard.run(&["--offline", "digest", "localhost:5000"]).exits(3);
    assert!(
        run.stderr.contains("plimsoll: warning: `localhost:5000` is read as an image of Docker Hub"),
        "{}",
        run.stderr
    );
    for args in [&["--offline", "-q", "digest", "localhost:5000"][..], &["--offline", "digest", "[HOST]/app"]]
    {
        assert!(!yard.run(args).exits(3).stderr.contains("is read as"), "{args:?}");
    }
}

/// What a terminal is shown while something comes: how much of how much, on one line that is gone at the end.
#[test]
fn progress_is_for_terminals() {
    let yard = Yard::new();
    yard.registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::Delay(std::time::Duration::from_millis(700))));
    let layer = yard.blob(&yard.layer).replace("[HOST]", &yard.registry.host());
    let file = yard.path("layer").display().to_string();
    let blob = ["blob", "--no-cache", "-o", &file, &layer];
    let source = format!("{}/app:1.0", yard.registry.host());
    let (gap, more) = (yard.path("gap").display().to_string(), yard.path("more").display().to_string());
    let copy = ["copy", &source, &format!("oci:{gap}")];
    let quiet = ["copy", "--quiet", &source, &format!("oci:{more}")];
    for (args, terminal, variable, want) in [
        (&blob[..], true, "", Some("reading")),
        (&copy[..], true, "", Some("copying 0 of 3 blobs [")),
        (&quiet[..], true, "", None),
        (&blob[..], true, "dumb", None),
        (&blob[..], false, "", None),
    ] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let world = World {
            out: &mut out,
            err: &mut err,
            input: &mut std::io::empty(),
            environment: [("TERM".to_owned(), variable.to_owned())].into_iter().collect(),
            terminals: Terminals { err: terminal, ..Terminals::default() },
        };
        let args: Vec<_> = std::iter::once("plimsoll").chain(args.iter().copied()).map(Into::into).collect();
        assert_eq!(plimsoll::cli::run(args.clone(), world), Outcome::Yes);
        let err = String::from_utf8(err).unwrap();
        match want {
            Some(want) => {
                assert!(err.contains(want), "{args:?}: {err:?}");
                assert!(err.ends_with("\r\u{1b}[K"), "{err:?}");
                // No colours, no other moves.
                assert_eq!(err.matches('\u{1b}').count(), err.matches("\r\u{1b}[K").count(), "{err:?}");
            }
            None => assert_eq!(err, "", "{args:?}"),
        }
    }
    assert!(Path::new(&more).join("index.json").exists());
}
