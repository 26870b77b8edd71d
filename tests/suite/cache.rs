//! `plimsoll cache`, and what is taken from it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Registry};

struct Yard {
    registry: Registry,
    folder: TempDir,
}

impl Yard {
    fn new() -> Self {
        let registry = Registry::start();
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        registry.push_layout(&image, "app", "1.0");
        Self { registry, folder: TempDir::new().unwrap() }
    }

    fn run(&self, args: &[&str]) -> Run {
        let tool = Plimsoll::new().dir(&self.folder).registry(&self.registry);
        tool.env("XDG_CACHE_HOME", "[DIR]").args(args.iter().copied()).run()
    }

    /// Catalogues the image, and says how many blobs were asked for.
    fn blobs_asked(&self, args: &[&str]) -> usize {
        self.registry.forget_requests();
        self.run(&[&["sbom", "[HOST]/app:1.0"], args].concat()).exits(0);
        self.registry.request_lines().iter().filter(|line| line.contains("/blobs/")).count()
    }

    fn kept(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("plimsoll/blobs/sha256");
        fs::read_dir(folder)
            .map_or(Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect())
    }
}

#[test]
fn what_was_read_is_not_asked_for_again() {
    let yard = Yard::new();
    let asked = yard.blobs_asked(&[]);
    assert!(asked >= 2);
    assert_eq!(yard.kept().len(), asked);
    assert_eq!(yard.blobs_asked(&[]), 0);
    // The same answer, and nothing half-written.
    let with = yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0).stdout;
    assert_eq!(with, yard.run(&["sbom", "--no-cache", "[HOST]/app:1.0"]).exits(0).stdout);
    assert_eq!(fs::read_dir(yard.folder.path().join("plimsoll/coming")).unwrap().count(), 0);
    assert_eq!(yard.blobs_asked(&["--no-cache"]), asked);
    let run = yard.run(&["cache"]).exits(0);
    assert!(run.stdout.starts_with(&format!("[DIR]/plimsoll: {asked} blobs, ")), "{}", run.stdout);
    yard.run(&["cache", "--clear"]).exits(0);
    assert!(yard.kept().is_empty());
    assert_eq!(yard.blobs_asked(&["--no-cache"]), asked);
    assert!(yard.kept().is_empty());
}

#[test]
fn what_somebody_put_there_is_not_believed() {
    let yard = Yard::new();
    let asked = yard.blobs_asked(&[]);
    for path in yard.kept() {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(yard.blobs_asked(&[]), asked);
    assert_eq!(yard.blobs_asked(&[]), 0);
}

#[test]
fn nothing_wrong_gets_a_name() {
    let yard = Yard::new();
    for mode in [Mode::FlipByte(30), Mode::Truncated(0), Mode::Trailing(b"x".to_vec())] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*/blobs/*", mode));
        yard.run(&["sbom", "[HOST]/app:1.0"]).exits(3);
        assert!(yard.kept().is_empty());
    }
    // A cache that cannot be written is none.
    yard.registry.behave();
    fs::remove_dir_all(yard.folder.path().join("plimsoll")).ok();
    fs::write(yard.folder.path().join("plimsoll"), "a file").unwrap();
    yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
}

#[test]
fn processes_share_it() {
    let yard = Yard::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0));
        }
    });
    assert_eq!(yard.blobs_asked(&[]), 0);
}

#[test]
fn json_for_programs() {
    let yard = Yard::new();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/cache.v1.schema.json")).unwrap();
    for args in [&["cache", "--format", "json"][..], &["cache", "--clear", "--format", "json"]] {
        let answer: Value = serde_json::from_str(&yard.run(args).exits(0).stdout).unwrap();
        assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
    }
    Plimsoll::new().arg("cache").run().exits(2);
}
