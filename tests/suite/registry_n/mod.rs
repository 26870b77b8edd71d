//! The bugs that other registry clients had, one test each. Numbers are those of our list of bug classes.

mod access;
mod content;
mod lists;

use std::fs;
use std::path::Path;

use plimsoll::base::Digest;
use plimsoll::format::manifest::{OCI_CONFIG, OCI_MANIFEST};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Builder, Registry};

/// A registry with one image, `app:1.0`, whose only layer is a plain tar with bytes after its end, and a folder that is everybody's home.
struct Yard {
    registry: Registry,
    folder: TempDir,
    digest: Digest,
    layer: Vec<u8>,
}

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

impl Yard {
    fn new() -> Self {
        Self::of(Registry::builder())
    }

    fn of(builder: Builder) -> Self {
        let registry = builder.start();
        // Two empty blocks end an archive; what follows belongs to the layer all the same.
        let layer = [vec![0; 1024], b"after the end".repeat(100)].concat();
        let digest = registry.put_blob("app", &layer);
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [digest.to_string()] },
        });
        registry.put_blob("app", config.to_string().as_bytes());
        let folder = TempDir::new().unwrap();
        for name in ["tmp", "docker"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut yard = Self { registry, folder, digest, layer };
        let manifest = yard.manifest(&config.to_string());
        yard.digest = yard.put("1.0", &manifest);
        yard.registry.forget_requests();
        yard
    }

    /// The manifest of the image with this config.
    fn manifest(&self, config: &str) -> Value {
        json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": { "mediaType": OCI_CONFIG, "digest": Digest::of(config.as_bytes()).to_string(), "size": config.len() },
            "layers": [{ "mediaType": TAR, "digest": Digest::of(&self.layer).to_string(), "size": self.layer.len() }],
        })
    }

    /// The manifest as it is.
    fn current(&self) -> Value {
        serde_json::from_slice(&self.registry.manifest("app", "1.0").unwrap().1).unwrap()
    }

    fn put(&self, tag: &str, manifest: &Value) -> Digest {
        self.registry.put_manifest("app", tag, OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    fn pinned(&self) -> String {
        format!("[HOST]/app@{}", self.digest)
    }

    /// Stores alice's password for these keys.
    fn log_in(&self, keys: &[&str]) {
        let entries: Vec<String> =
            keys.iter().map(|key| format!(r#""{key}":{{"auth":"YWxpY2U6czNjcmV0"}}"#)).collect();
        self.docker(&format!(r#"{{"auths":{{{}}}}}"#, entries.join(",")));
    }

    fn docker(&self, config: &str) {
        fs::write(self.folder.path().join("docker/config.json"), config).unwrap();
    }

    fn tool(&self, args: &[&str]) -> Plimsoll {
        let tool = Plimsoll::new().dir(&self.folder).registry(&self.registry);
        tool.env("TMPDIR", "[DIR]/tmp").env("DOCKER_CONFIG", "[DIR]/docker").args(args.iter().copied())
    }

    fn run(&self, args: &[&str]) -> Run {
        self.tool(args).run()
    }

    /// Runs a verb that must not answer, and says what it said.
    #[track_caller]
    fn refuses(&self, args: &[&str]) -> String {
        let run = self.run(args).exits(3);
        assert_eq!(run.stdout, "", "{args:?}");
        assert!(is_empty(&self.folder.path().join("tmp")), "{args:?} leaves a file behind");
        run.stderr
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// Whether somebody told this registry who they are.
fn learnt(registry: &Registry) -> bool {
    registry.requests().iter().any(|request| request.header("authorization").is_some())
}
