//! Image configs: OCI image-spec v1.1, config.md; Docker image specification v1.2.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::json::{JsonError, parse_strict};
use crate::base::{Checked, Digest, DigestError, Platform, Timestamp, TimestampError};

/// What an image says about itself.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// What it runs on.
    pub platform: Platform,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Who made it.
    pub author: Option<String>,
    /// Digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<Digest>,
    /// How the layers were made, lowest first.
    pub history: Vec<History>,
    /// What runs in it.
    pub runtime: Runtime,
}

/// One build step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct History {
    /// The command.
    pub created_by: Option<String>,
    /// Whether it made no layer.
    pub empty_layer: bool,
}

/// The execution parameters, as far as anybody here reads them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Runtime {
    /// User, as `name`, `uid`, `name:group` or `uid:gid`; none or empty means root.
    pub user: Option<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What is always run.
    pub entrypoint: Vec<String>,
    /// Arguments, or what is run without an entrypoint.
    pub cmd: Vec<String>,
    /// Where it starts.
    pub working_dir: Option<String>,
    /// `port/protocol`.
    pub exposed_ports: Vec<String>,
}

impl ImageConfig {
    /// Parses the config of an image.
    pub fn parse(content: &Checked) -> Result<Self, ConfigError> {
        let wire: ConfigWire = parse_strict(content.bytes())?;
        if wire.os.is_empty() || wire.architecture.is_empty() {
            return Err(ConfigError::NoPlatform);
        }
        if wire.rootfs.kind != "layers" {
            return Err(ConfigError::Rootfs { found: wire.rootfs.kind.chars().take(64).collect() });
        }
        let diff_ids = wire.rootfs.diff_ids.unwrap_or_default();
        let created = wire.created.as_deref().filter(|text| !text.is_empty());
        let history = wire.history.unwrap_or_default().into_iter();
        let runtime = wire.config.unwrap_or_default();
        Ok(Self {
            platform: Platform::new(&wire.os, &wire.architecture, wire.variant.as_deref()),
            created: created.map(str::parse).transpose()?,
            author: wire.author.filter(|text| !text.is_empty()),
            diff_ids: diff_ids.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            history: history
                .map(|step| History { created_by: step.created_by, empty_layer: step.empty_layer })
                .collect(),
            runtime: Runtime {
                user: runtime.user.filter(|text| !text.is_empty()),
                env: runtime.env.unwrap_or_default(),
                labels: runtime.labels.unwrap_or_default(),
                entrypoint: runtime.entrypoint.unwrap_or_default(),
                cmd: runtime.cmd.unwrap_or_default(),
                working_dir: runtime.working_dir.filter(|text| !text.is_empty()),
                exposed_ports: runtime.exposed_ports.unwrap_or_default().into_keys().collect(),
            },
        })
    }
}

/// Why bytes are not an image config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `created` is not a time.
    #[error("the image config has a bad `created`")]
    Created(#[from] TimestampError),
    /// A layer's digest is none.
    #[error("the image config names a bad layer digest")]
    Digest(#[from] DigestError),
    /// Not JSON, or of the wrong shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// `os` or `architecture` is empty.
    #[error("the image config states no operating system or no architecture")]
    NoPlatform,
    /// Not `layers`.
    #[error("the image config has a root file system of type `{found}`, only `layers` is defined")]
    Rootfs {
        /// As stated.
        found: String,
    },
}

#[derive(Deserialize)]
struct ConfigWire {
    os: String,
    architecture: String,
    variant: Option<String>,
    created: Option<String>,
    author: Option<String>,
    rootfs: RootfsWire,
    history: Option<Vec<HistoryWire>>,
    config: Option<RuntimeWire>,
}

#[derive(Deserialize)]
struct RootfsWire {
    #[serde(rename = "type")]
    kind: String,
    // Go writes an empty list as null.
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct HistoryWire {
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeWire {
    user: Option<String>,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config() -> Value {
        json!({
            "os": "linux", "architecture": "arm64", "variant": "v8", "created": "2026-11-23T20:40:00.5Z", "author": "",
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(b"x").to_string()] },
            "history": [{ "created_by": "RUN x" }, { "empty_layer": true, "comment": "c" }],
            "config": { "User": "nobody", "Env": ["A=1"], "Labels": { "l": "1" }, "Cmd": ["sh"], "Entrypoint": null,
                        "ExposedPorts": { "80/tcp": {} }, "WorkingDir": "/" },
        })
    }

    fn parse(value: &Value) -> Result<ImageConfig, ConfigError> {
        ImageConfig::parse(&Checked::of(value.to_string().into_bytes()))
    }

    #[test]
    fn reads_a_config() {
        let config = parse(&config()).unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm64");
        assert_eq!(config.created.unwrap().to_string(), "2026-11-23T20:40:00Z");
        assert_eq!(config.diff_ids, [Digest::of(b"x")]);
        assert_eq!(config.history[0].created_by.as_deref(), Some("RUN x"));
        assert!(config.history[1].empty_layer);
        assert_eq!(config.author, None);
        assert_eq!(config.runtime.user.as_deref(), Some("nobody"));
        assert_eq!(config.runtime.labels["l"], "1");
        assert_eq!(config.runtime.exposed_ports, ["80/tcp"]);
    }

    #[test]
    fn accepts_what_go_writes_for_nothing() {
        let least = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": null },
                            "config": { "Labels": null, "Env": null }, "history": null });
        let config = parse(&least).unwrap();
        assert!(config.diff_ids.is_empty() && config.history.is_empty() && config.created.is_none());
        assert_eq!(config.runtime, Runtime::default());
    }

    #[test]
    fn refuses_bad_fields() {
        for (pointer, value) in [
            ("/os", json!("")),
            ("/architecture", json!(1)),
            ("/created", json!("yesterday")),
            ("/rootfs/type", json!("images")),
            ("/rootfs/diff_ids/0", json!("sha256:x")),
            ("/config/Env", json!("A=1")),
            ("/config/Labels", json!({ "a": 1 })),
            ("/history", json!({})),
        ] {
            let mut bad = config();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(parse(&bad).is_err(), "{pointer}");
        }
        for field in ["os", "architecture", "rootfs"] {
            let mut bad = config();
            bad.as_object_mut().unwrap().remove(field);
            assert!(parse(&bad).is_err(), "{field}");
        }
    }
}
