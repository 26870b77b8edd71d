//! `plimsoll pin` on files and a registry.

use std::path::{Path, PathBuf};

use plimsoll::base::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Registry};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Place {
    folder: TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), registry: Registry::start() }
    }

    /// An index under `name:tag`, with a digest of its own.
    fn image(&self, name: &str, tag: &str) -> Digest {
        let note = format!("{{\"is\":\"{name}:{tag}\"}}");
        let index = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[],\"annotations\":{note}}}"
        );
        self.registry.put_manifest(name, tag, INDEX, index.as_bytes())
    }

    /// A file, in which `[HOST]` stands for the registry.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text.replace("[HOST]", &self.registry.host())).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        text.replace(&self.registry.host(), "[HOST]")
    }

    fn run<const N: usize>(&self, args: [&str; N]) -> Run {
        Plimsoll::new().arg("pin").args(args).dir(&self.folder).registry(&self.registry).run()
    }

    fn manifests_asked_for(&self) -> usize {
        self.registry.requests().iter().filter(|request| request.path().contains("/manifests/")).count()
    }
}

fn schema_holds(run: &Run) -> Value {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/pin.v1.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{answer:#}");
    answer
}

const FILE: &str = "# syntax=[HOST]/front:1\r\nFROM [HOST]/a AS build\r\nCOPY --from=[HOST]/a:latest x y\r\nFROM [HOST]/b:1 # no comment";

#[test]
fn p7_writes_digests_and_no_other_byte() {
    let place = Place::new();
    let (front, a, b) = (place.image("front", "1"), place.image("a", "latest"), place.image("b", "1"));
    let text = FILE.replace(" # no comment", "  ");
    place.file("Dockerfile", &text);
    let run = place.run(["[DIR]/Dockerfile"]).exits(0);
    assert_eq!(
        run.stdout,
        format!(
            "[DIR]/Dockerfile:1:10  [HOST]/front:1 -> [HOST]/front:1@{front}\n\
             [DIR]/Dockerfile:2:6  [HOST]/a -> [HOST]/a:latest@{a}\n\
             [DIR]/Dockerfile:3:13  [HOST]/a:latest -> [HOST]/a:latest@{a}\n\
             [DIR]/Dockerfile:4:6  [HOST]/b:1 -> [HOST]/b:1@{b}\n"
        )
    );
    assert_eq!(run.stderr, "4 newly pinned, 0 pinned before, 0 skipped, 0 cannot be pinned\n");
    let want = text
        .replace("front:1", &format!("front:1@{front}"))
        .replace("/a AS", &format!("/a:latest@{a} AS"))
        .replace("a:latest x", &format!("a:latest@{a} x"))
        .replace("b:1", &format!("b:1@{b}"));
    assert_eq!(place.read("Dockerfile"), want);
}

#[test]
fn p17_pinning_twice_changes_nothing_and_asks_nobody() {
    let place = Place::new();
    place.image("a", "latest");
    place.file("Dockerfile", "FROM [HOST]/a\n");
    place.run(["[DIR]/Dockerfile"]).exits(0);
    let first = place.read("Dockerfile");
    place.registry.forget_requests();
    let run = place.run(["[DIR]/Dockerfile"]).exits(0);
    assert_eq!((run.stdout.as_str(), place.read("Dockerfile")), ("", first));
    assert_eq!(place.registry.requests().len(), 0);
    place.run(["--check", "[DIR]/Dockerfile"]).exits(0);
}

#[test]
fn p22_each_image_is_asked_for_once() {
    let place = Place::new();
    place.image("a", "latest");
    let names: Vec<String> = (0..50).map(|i| format!("{i}.Dockerfile")).collect();
    for (i, name) in names.iter().enumerate() {
        place.file(name, if i % 2 == 0 { "FROM [HOST]/a\n" } else { "FROM [HOST]/a:latest\n" });
    }
    let args = names.iter().map(|name| format!("[DIR]/{name}"));
    Plimsoll::new().arg("pin").args(args).dir(&place.folder).registry(&place.registry).run().exits(0);
    assert_eq!(place.manifests_asked_for(), 1);
    assert!(place.read("49.Dockerfile").contains(":latest@sha256:"));
}

#[test]
fn p19_one_missing_image_keeps_all_files_as_they_are() {
    let place = Place::new();
    place.image("a", "1");
    let fine = place.file("Dockerfile", "FROM [HOST]/a:1\n");
    let before = std::fs::read(&fine).unwrap();
    place.file("b.Dockerfile", "FROM [HOST]/missing:1\n");
    let run = place.run(["[DIR]/Dockerfile", "[DIR]/b.Dockerfile"]).exits(3);
    assert!(run.stderr.contains("plimsoll: error: "), "{}", run.stderr);
    assert_eq!(std::fs::read(&fine).unwrap(), before);
    let run = place.run(["--format", "json", "[DIR]/Dockerfile", "[DIR]/b.Dockerfile"]).exits(3);
    let answer = schema_holds(&run);
    let states: Vec<_> =
        answer["references"].as_array().unwrap().iter().map(|found| &found["state"]).collect();
    assert_eq!(states, ["unpinned", "error"]);
}

#[test]
fn p20_the_digest_is_computed_and_not_believed() {
    let place = Place::new();
    let a = place.image("a", "1");
    place.registry.fault(Fault::on("GET /v2/*/manifests/*", Mode::wrong_digest_header()));
    place.file("Dockerfile", "FROM [HOST]/a:1\n");
    place.run(["[DIR]/Dockerfile"]).exits(3);
    assert_eq!(place.read("Dockerfile"), "FROM [HOST]/a:1\n");
    place.registry.behave();
    // What HEAD says is not even asked for.
    place.registry.fault(Fault::on("HEAD *", Mode::wrong_digest_header()));
    place.run(["[DIR]/Dockerfile"]).exits(0);
    assert_eq!(place.read("Dockerfile"), format!("FROM [HOST]/a:1@{a}\n"));
}

#[test]
fn check_asks_nobody_and_says_no() {
    let place = Place::new();
    place.file("Dockerfile", "ARG T=1\nFROM [HOST]/a:1 AS x\nFROM x\nFROM [HOST]/b:$T\nFROM scratch\n");
    let run = place.run(["--check", "--offline", "[DIR]/Dockerfile"]).exits(1);
    assert_eq!(
        run.stdout,
        "[DIR]/Dockerfile:2:6  [HOST]/a:1 is not pinned\n\
         [DIR]/Dockerfile:4:6  [HOST]/b:$T cannot be pinned: put together from text and variables, which is [HOST]/b:1; \
         write the whole reference into one ARG\n"
    );
    assert_eq!(run.stderr, "1 not pinned, 0 pinned before, 2 skipped, 1 cannot be pinned\n");
    assert_eq!(place.registry.requests().len(), 0);
    let answer = schema_holds(&place.run(["--check", "--format", "json", "[DIR]/Dockerfile"]).exits(1));
    let states: Vec<_> =
        answer["references"].as_array().unwrap().iter().map(|found| &found["state"]).collect();
    assert_eq!(states, ["unpinned", "skipped", "error", "skipped"]);
}

#[test]
fn what_cannot_be_pinned_is_exit_code_1_and_the_rest_is_written() {
    let place = Place::new();
    let a = place.image("a", "1");
    place.file("Dockerfile", "ARG V\nFROM $V\nFROM [HOST]/a:1\n");
    let run = place.run(["[DIR]/Dockerfile"]).exits(1);
    assert!(run.stdout.contains("2:6  $V cannot be pinned: V has no default"), "{}", run.stdout);
    assert_eq!(place.read("Dockerfile"), format!("ARG V\nFROM $V\nFROM [HOST]/a:1@{a}\n"));
    let run = place.run(["--format", "json", "[DIR]/Dockerfile"]).exits(1);
    assert_eq!(schema_holds(&run)["references"][0]["reason"]["code"], "argument-unset");
    assert!(
        run.stderr.contains("plimsoll: warning: [DIR]/Dockerfile:2:6  $V cannot be pinned"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_comment_excepts_with_its_reason() {
    let place = Place::new();
    place.file("Dockerfile", "# plimsoll:ignore pin -- built one step before\nFROM [HOST]/ours:dev\n");
    let run = place.run(["--check", "--format", "json", "[DIR]/Dockerfile"]).exits(0);
    assert_eq!(schema_holds(&run)["references"][0]["reason"]["text"], "ignored: built one step before");
    place.file("Dockerfile", "# plimsoll:ignore pin\nFROM [HOST]/ours:dev\n");
    let run = place.run(["--check", "[DIR]/Dockerfile"]).exits(2);
    assert!(run.stderr.contains("Dockerfile:1:1: an ignore comment gives its reason"), "{}", run.stderr);
}

#[test]
fn diff_writes_nothing() {
    let place = Place::new();
    let a = place.image("a", "1");
    place.file("Dockerfile", "FROM [HOST]/a:1\nRUN x");
    let run = place.run(["--diff", "[DIR]/Dockerfile"]).exits(0);
    let hunk = format!(
        "@@ -1,2 +1,2 @@\n-FROM [HOST]/a:1\n+FROM [HOST]/a:1@{a}\n RUN x\n\\ No newline at end of file\n"
    );
    assert!(
        run.stdout.starts_with("--- a[DIR]/Dockerfile\n+++ b[DIR]/Dockerfile\n")
            && run.stdout.ends_with(&hunk),
        "{}",
        run.stdout
    );
    assert_eq!(place.read("Dockerfile"), "FROM [HOST]/a:1\nRUN x");
    let answer = schema_holds(&place.run(["--diff", "--format", "json", "[DIR]/Dockerfile"]).exits(0));
    assert_eq!(answer["references"][0]["state"], "would-pin");
    assert!(answer["diff"].as_str().unwrap().contains("+FROM"));
    let run = place.run(["--diff", "--check", "[DIR]/Dockerfile"]).exits(2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}

#[test]
fn a_diff_counts_lines_and_writes_names_as_patch_reads_them() {
    let place = Place::new();
    let a = place.image("a", "1");
    place.file("Dockerfile", "FROM [HOST]/a:1\r\nRUN x\ry\n");
    let run = place.run(["--diff", "[DIR]/Dockerfile"]).exits(0);
    let hunk = format!("@@ -1,2 +1,2 @@\n-FROM [HOST]/a:1\r\n+FROM [HOST]/a:1@{a}\r\n RUN x\ry\n");
    assert!(run.stdout.ends_with(&hunk), "{:?}", run.stdout);
    for (name, want) in
        [("./Dockerfile", "[DIR]/Dockerfile\n"), ("a b.Dockerfile", "[DIR]/a b.Dockerfile\t\n")]
    {
        place.file(name, "FROM [HOST]/a:1\n");
        let run = place.run(["--diff", &format!("[DIR]/{name}")]).exits(0);
        assert!(run.stdout.starts_with(&format!("--- a{want}+++ b{want}@@")), "{:?}", run.stdout);
    }
    place.file("\"\n.Dockerfile", "FROM [HOST]/a:1\n");
    let run = place.run(["--diff", "[DIR]/\"\n.Dockerfile"]).exits(0);
    let want = "[DIR]/\\\"\\012.Dockerfile\"\n";
    assert!(run.stdout.starts_with(&format!("--- \"a{want}+++ \"b{want}@@")), "{:?}", run.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_keeps_the_others_as_they_were() {
    use std::os::fd::AsRawFd as _;
    let place = Place::new();
    place.image("a", "1");
    place.file("Dockerfile", "FROM [HOST]/a:1\n");
    let path = place.file("gone.Dockerfile", "FROM [HOST]/a:1\n");
    let open = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    // Can be read, but is in no folder; sorts behind `/proc/`.
    let unwritable = format!("/proc/self/../self/fd/{}", open.as_raw_fd());
    let before = place.folder.path().join("Dockerfile");
    let first = format!("/proc/../{}", before.display());
    let run = place.run(["--type", "dockerfile", &first, &unwritable]).exits(2);
    assert!(run.stderr.contains("is not a regular file"), "{}", run.stderr);
    assert_eq!(place.read("Dockerfile"), "FROM [HOST]/a:1\n");
}

#[test]
fn a_layout_stands_in_for_a_repository() {
    let place = Place::new();
    let index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[]}}");
    let digest = Digest::of(index.as_bytes());
    let layout = place.folder.path().join("layout");
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    std::fs::write(layout.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    let blob = layout.join("blobs/sha256").join(digest.hex());
    std::fs::write(&blob, &index).unwrap();
    let entry = format!(
        "{{\"mediaType\":\"{INDEX}\",\"digest\":\"{digest}\",\"size\":{},\"annotations\":{{\"org.opencontainers.image.ref.name\":\"latest\"}}}}",
        index.len()
    );
    std::fs::write(layout.join("index.json"), format!("{{\"schemaVersion\":2,\"manifests\":[{entry}]}}"))
        .unwrap();

    // One repository has many names, in the file and on the command line.
    let text = "FROM alpine\nFROM docker.io/alpine:latest\nFROM index.docker.io/library/alpine\n";
    for name in ["alpine", "docker.io/alpine", "index.docker.io/library/alpine"] {
        place.file("Dockerfile", text);
        let option = format!("{name}=[DIR]/layout");
        place.run(["--offline", "--layout", &option, "[DIR]/Dockerfile"]).exits(0);
        let want = format!(
            "FROM alpine:latest@{digest}\nFROM docker.io/alpine:latest@{digest}\nFROM index.docker.io/library/alpine:latest@{digest}\n"
        );
        assert_eq!(place.read("Dockerfile"), want, "{name}");
    }
    for (text, option, want) in [
        ("FROM alpine:3\n", "alpine=[DIR]/layout", "has no image `:3`"),
        ("FROM alpine\n", "alpine=[DIR]/none", "is not an OCI image layout"),
        ("FROM alpine\n", "other/alpine=[DIR]/layout", "docker.io may not be asked: --offline"),
    ] {
        place.file("Dockerfile", text);
        let run = place.run(["--offline", "--layout", option, "[DIR]/Dockerfile"]).exits(3);
        assert!(run.stderr.contains(want), "{}", run.stderr);
        assert_eq!(place.read("Dockerfile"), text);
        place.run(["--check", "--layout", option, "[DIR]/Dockerfile"]).exits(1);
    }
    std::fs::write(&blob, index.replace('2', "3")).unwrap();
    place.file("Dockerfile", "FROM alpine\n");
    place.run(["--offline", "--layout", "alpine=[DIR]/layout", "[DIR]/Dockerfile"]).exits(3);
    assert_eq!(place.read("Dockerfile"), "FROM alpine\n");
    for option in ["alpine", "alpine=", "=layout", "alpine:1=layout", "Alpine=layout"] {
        place.run(["--layout", option, "[DIR]/Dockerfile"]).exits(2);
    }
}

#[test]
fn an_image_of_a_trigger_is_not_passed_over() {
    let place = Place::new();
    place.file("Dockerfile", "FROM scratch\nONBUILD COPY --from=nginx a b\n");
    let run = place.run(["--check", "[DIR]/Dockerfile"]).exits(1);
    let want = "[DIR]/Dockerfile:2:21  nginx cannot be pinned: can be a stage of the build that runs the trigger; \
                if it is an image, write its tag\n";
    assert_eq!(run.stdout, want);
    schema_holds(&place.run(["--check", "--format", "json", "[DIR]/Dockerfile"]).exits(1));
}

#[test]
fn many_references_are_placed_in_one_pass() {
    let place = Place::new();
    place.file("Dockerfile", &"FROM --x=é b:1\n \tFROM a\\\n:1\n".repeat(20_000));
    let start = std::time::Instant::now();
    let run = place.run(["--check", "[DIR]/Dockerfile"]).exits(1);
    assert!(start.elapsed() < std::time::Duration::from_secs(15), "{:?}", start.elapsed());
    let want = "[DIR]/Dockerfile:59998:12  b:1 is not pinned\n[DIR]/Dockerfile:59999:8  a:1 is not pinned\n";
    assert!(run.stdout.ends_with(want));
}

#[test]
fn files_that_are_wrong() {
    let place = Place::new();
    place.image("a", "1");
    place.file("Dockerfile", "FROM [HOST]/a:1\nFRM b\n");
    std::fs::write(place.folder.path().join("latin.Dockerfile"), b"FROM a\nLABEL x=\xe9\n").unwrap();
    std::fs::create_dir(place.folder.path().join("folder.Dockerfile")).unwrap();
    place.file("notes.txt", "FROM [HOST]/a:1\n");
    for (name, want) in [
        ("Dockerfile", "[DIR]/Dockerfile:2:1: unknown instruction: FRM"),
        ("latin.Dockerfile", "is not UTF-8 text: byte 15"),
        ("folder.Dockerfile", "is not a regular file"),
        ("none.Dockerfile", "does not exist"),
        ("notes.txt", "has a name that says nothing about what is in it"),
    ] {
        for mode in [&["pin"][..], &["pin", "--check"], &["pin", "--diff"]] {
            let run = Plimsoll::new().args(mode.iter().copied()).arg(format!("[DIR]/{name}"));
            let run = run.dir(&place.folder).registry(&place.registry).run().exits(2);
            assert!(run.stderr.contains(want), "{name}: {}", run.stderr);
        }
    }
    // Each of several is told about, and none is written.
    place.file("good.Dockerfile", "FROM [HOST]/a:1\n");
    let run = place.run(["[DIR]/good.Dockerfile", "[DIR]/Dockerfile", "[DIR]/none.Dockerfile"]).exits(2);
    assert_eq!(run.stderr.matches("plimsoll: error: ").count(), 2, "{}", run.stderr);
    assert_eq!(place.read("good.Dockerfile"), "FROM [HOST]/a:1\n");
    place.run(["--type", "dockerfile", "[DIR]/notes.txt"]).exits(0);
    assert!(place.read("notes.txt").contains("@sha256:"));
}

#[cfg(unix)]
#[test]
fn p18_a_link_stays_and_a_pipe_is_refused() {
    let place = Place::new();
    place.image("a", "1");
    let target = place.file("real.txt", "FROM [HOST]/a:1\n");
    let link = place.folder.path().join("Dockerfile");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    place.run(["[DIR]/Dockerfile"]).exits(0);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(place.read("real.txt").contains("@sha256:"));

    let pipe = place.folder.path().join("pipe.Dockerfile");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = place.run(["[DIR]/pipe.Dockerfile"]).exits(2);
    assert!(run.stderr.contains("is not a regular file"), "{}", run.stderr);
}

#[test]
fn p18_a_file_that_changed_in_the_meantime_is_left_alone() {
    let place = Place::new();
    place.image("a", "1");
    let path = place.file("Dockerfile", "FROM [HOST]/a:1\n");
    let other = place.file("other.Dockerfile", "FROM [HOST]/a:1\n");
    place
        .registry
        .fault(Fault::on("GET /v2/*/manifests/*", Mode::Delay(std::time::Duration::from_millis(1500))));
    let registry = &place.registry;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The file is read before the registry is asked.
            while registry.requests().is_empty() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            std::fs::write(&path, "FROM somebody/else:1\n").unwrap();
        });
        let run = place.run(["[DIR]/Dockerfile", "[DIR]/other.Dockerfile"]).exits(3);
        assert!(run.stderr.contains("Dockerfile was changed by somebody else"), "{}", run.stderr);
    });
    assert_eq!(place.read("Dockerfile"), "FROM somebody/else:1\n");
    assert!(!std::fs::read_to_string(other).unwrap().contains("sha256"));
}

#[test]
fn the_same_file_twice() {
    let place = Place::new();
    let a = place.image("a", "1");
    place.file("Dockerfile", "FROM [HOST]/a:1\n");
    place.run(["[DIR]/Dockerfile", "[DIR]/./Dockerfile"]).exits(0);
    assert_eq!(place.read("Dockerfile"), format!("FROM [HOST]/a:1@{a}\n"));
    place.file("Dockerfile", "FROM [HOST]/a:1\n");
    std::fs::hard_link(place.folder.path().join("Dockerfile"), place.folder.path().join("b.Dockerfile"))
        .unwrap();
    place.run(["[DIR]/Dockerfile", "[DIR]/b.Dockerfile"]).exits(0);
    assert_eq!(place.read("Dockerfile"), format!("FROM [HOST]/a:1@{a}\n"));
}

#[test]
fn p25_control_characters_are_not_printed() {
    let place = Place::new();
    place.file("Dockerfile", "FROM \u{1b}[31mred\n");
    let run = place.run(["--check", "[DIR]/Dockerfile"]).exits(1);
    assert!(run.stdout.contains("\\u{1b}[31mred cannot be pinned"), "{}", run.stdout);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains('\u{1b}'));
}
