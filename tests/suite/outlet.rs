//! Where verbs write what they make: looked at before the work, and `-` is standard output in every one of them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::plimsoll::Plimsoll;
use crate::registry::Registry;

/// A registry with the small image, a key pair, an open key of another tool, and a predicate.
struct Port {
    registry: Registry,
    folder: TempDir,
    config: String,
}

impl Port {
    fn new() -> Self {
        let (registry, folder) = (Registry::start(), TempDir::new().unwrap());
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        registry.push_layout(&image, "app", "1.0");
        let (_, manifest) = registry.manifest("app", "1.0").unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
        fs::write(folder.path().join("p.json"), "{}").unwrap();
        let port = Self { registry, folder, config };
        port.tool("keygen -o [DIR]/k", "").env("PLIMSOLL_PASSWORD", "test").run().exits(0);
        port.registry.forget_requests();
        port
    }

    /// `OUT` stands for the place that is written to. No password is there but where it is given.
    fn tool(&self, command: &str, out: &str) -> Plimsoll {
        let words = command.split(' ').map(|word| word.replace("OUT", out).replace("[CONFIG]", &self.config));
        Plimsoll::new().args(words).dir(&self.folder).registry(&self.registry)
    }
}

/// Every verb that writes a document to a place of the user's choice.
const VERBS: &[&str] = &[
    "blob -o OUT [HOST]/app@[CONFIG]",
    "sbom -o spdx-json=OUT [HOST]/app:1.0",
    "sign --key [DIR]/k.key --no-upload --bundle OUT [HOST]/app:1.0",
    "attest --key [DIR]/k.key --sbom spdx-json --no-upload --bundle OUT [HOST]/app:1.0",
    "sign-blob --key [DIR]/k.key --bundle OUT [DIR]/p.json",
    "attest-blob --key [DIR]/k.key --type custom --predicate [DIR]/p.json --bundle OUT [DIR]/p.json",
    "key public --key [DIR]/k.pub -o OUT",
    "trusted-root create --rekor url=https://rekor.example.com,public-key=[DIR]/k.pub,start-time=2026-01-01T00:00:00Z -o OUT",
];

/// Those that make something else, or ask somebody who is not there in these tests.
const OTHERS: &[&str] =
    &["keygen -o OUT", "key import --key [DIR]/k.key -o OUT", "trusted-root update -o OUT"];

/// Hours of work are not done for a place that nothing can be written to.
#[test]
fn the_place_is_looked_at_before_the_work() {
    let port = Port::new();
    for command in VERBS.iter().chain(OTHERS) {
        let run = port.tool(command, "[DIR]/nodir/x").run().exits(2);
        assert!(run.stderr.contains(": there is no folder [DIR]/nodir\n"), "{command}: {}", run.stderr);
    }
    for (out, hints) in [("[DIR]", 0), ("[DIR]/x/", 0), ("/dev/null", 1)] {
        for command in VERBS {
            let run = port.tool(command, out).run().exits(2);
            assert!(run.stderr.contains(" is not a regular file\n"), "{command}: {}", run.stderr);
            assert_eq!(run.stderr.matches("hint: standard output is `-`\n").count(), hints, "{command}");
        }
    }
    assert!(port.registry.requests().is_empty(), "{:?}", port.registry.request_lines());
}

/// Not even root makes a file there.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_noticed_before_the_work() {
    let port = Port::new();
    for command in VERBS.iter().chain(OTHERS) {
        let run = port.tool(command, "/proc/x").run().exits(3);
        assert!(run.stderr.contains("error: cannot write /proc/x"), "{command}: {}", run.stderr);
    }
    assert!(port.registry.requests().is_empty(), "{:?}", port.registry.request_lines());
    // A file that needs no change needs no place.
    let pinned = format!("FROM [HOST]/app:1.0@{}\n", port.config).replace("[HOST]", &port.registry.host());
    fs::write(port.folder.path().join("Dockerfile"), pinned).unwrap();
    port.tool("pin [DIR]/Dockerfile", "").run().exits(0);
}

#[test]
fn a_dash_is_standard_output_in_every_verb() {
    let port = Port::new();
    for command in VERBS {
        let tool = |out: &str| port.tool(command, out).env("PLIMSOLL_PASSWORD", "test");
        tool("[DIR]/made").run().exits(0);
        let made = fs::read_to_string(port.folder.path().join("made")).unwrap();
        let run = tool("-").run().exits(0);
        assert_eq!(run.stdout, made.replace(&port.registry.host(), "[HOST]"), "{command}");
        let both = tool("-").args(["--format", "json"]).run().exits(2);
        assert!(both.stderr.contains("to standard output"), "{command}: {}", both.stderr);
        assert_eq!(both.stdout, "");
    }
    let run = port.tool("keygen -o -", "").env("PLIMSOLL_PASSWORD", "test").run().exits(2);
    assert!(run.stderr.contains("a key pair is two files"), "{}", run.stderr);
    assert!(!Path::new("-").exists() && !Path::new("-.key").exists());
}
