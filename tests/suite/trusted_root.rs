//! `plimsoll trusted-root`: shows, refreshes over TUF, makes.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::sigstore::{Rekor, Sigstore};
use crate::tuf::{Edition, Tuf};

/// A repository with a trusted root, and a folder for what is kept.
struct Port {
    tuf: Tuf,
    folder: TempDir,
}

impl Port {
    /// With version 5 published, and `[DIR]/root.json` to begin with.
    fn new() -> Self {
        let port = Self { tuf: Tuf::start(), folder: TempDir::new().unwrap() };
        let root = port.tuf.publish(&Edition::new(5, &trusted_root("a.test")));
        fs::write(port.folder.path().join("root.json"), root).unwrap();
        port
    }

    fn update(&self) -> Run {
        let args = ["trusted-root", "update", "--mirror", &self.tuf.url(), "--root", "[DIR]/root.json"];
        let args = [&args[..], &["--cache", "[DIR]/cache", "--output", "[DIR]/out.json"]].concat();
        Plimsoll::new().args(args).dir(&self.folder).run()
    }

    fn output(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join("out.json")).ok()
    }

    /// What was there is still there, and the answer says why.
    #[track_caller]
    fn refuses(&self, says: &str) {
        let before = self.output();
        let run = self.update().exits(3);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(self.output(), before);
    }
}

fn trusted_root(name: &str) -> Vec<u8> {
    Sigstore::new(name).trusted_root().to_string().into_bytes()
}

#[test]
fn the_present_root_is_fetched_and_kept() {
    let port = Port::new();
    let run = port.update().exits(0);
    assert_eq!(port.output().unwrap(), trusted_root("a.test"));
    assert!(run.stdout.starts_with("[DIR]/out.json sha256:"), "{}", run.stdout);
    assert!(run.stdout.contains("  https://rekor.a.test from 2020-01-01T00:00:00Z\n"), "{}", run.stdout);
    let asked = port.tuf.log().len();
    port.update().exits(0);
    // The next root and the time stamp; everything else is known.
    assert_eq!(port.tuf.log().len() - asked, 2, "{:?}", port.tuf.log());

    port.tuf.publish(&Edition::new(6, &trusted_root("b.test")));
    port.update().exits(0);
    assert_eq!(port.output().unwrap(), trusted_root("b.test"));
    // Without a place of its own it is in the cache, and the answer says where.
    let args = [
        "trusted-root",
        "update",
        "--mirror",
        &port.tuf.url(),
        "--root",
        "[DIR]/root.json",
        "--format",
        "json",
    ];
    let run = Plimsoll::new().args(args).env("XDG_CACHE_HOME", "[DIR]/xdg").dir(&port.folder).run().exits(0);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let file = answer["file"].as_str().unwrap().replace("[DIR]", port.folder.path().to_str().unwrap());
    assert!(file.contains("/xdg/plimsoll/tuf/"), "{file}");
    assert_eq!(fs::read(file).unwrap(), trusted_root("b.test"));
}

#[test]
fn roots_follow_one_another_if_the_old_keys_say_so() {
    let port = Port::new();
    let next = Edition { root_version: 2, root_keys: vec![2, 3], ..Edition::new(6, &trusted_root("b.test")) };
    port.tuf.publish(&Edition { root_signers: vec![2, 3], ..next.clone() });
    port.refuses("threshold");
    port.tuf.publish(&Edition { root_signers: vec![0, 2, 3], ..next.clone() });
    port.refuses("threshold");
    port.tuf.publish(&Edition { root_signers: vec![0, 1, 2], ..next.clone() });
    port.refuses("threshold");
    port.tuf.publish(&Edition { root_signers: vec![0, 1, 2, 3], ..next });
    port.update().exits(0);
    assert_eq!(port.output().unwrap(), trusted_root("b.test"));
}

#[test]
fn what_the_keys_did_not_sign_is_refused() {
    let port = Port::new();
    port.update().exits(0);
    let good = Edition::new(6, &trusted_root("b.test"));
    port.tuf.publish(&Edition { online_signer: 0, ..good.clone() });
    port.refuses("threshold");
    port.tuf.publish(&Edition { expires: "2020-01-01T00:00:00Z", ..good.clone() });
    port.refuses("expired");
    let mut other = good.target.clone();
    other[10] ^= 1;
    // What is signed is kept, so each is of a version of its own.
    port.tuf.publish(&Edition { version: 7, served: Some(other), ..good.clone() });
    port.refuses("cannot be trusted");
    port.tuf.publish(&Edition { version: 8, served: Some(vec![b' '; 2 << 20]), ..good.clone() });
    port.refuses("larger than");
    port.tuf.publish(&Edition { version: 9, target: b"{}".to_vec(), ..good.clone() });
    port.refuses("cannot be used");
    // Older than what was seen.
    port.tuf.publish(&Edition { version: 10, ..good.clone() });
    port.update().exits(0);
    port.tuf.publish(&Edition { version: 9, ..good });
    port.refuses("rollback");
}

#[test]
fn names_in_metadata_lead_nowhere_else() {
    let port = Port::new();
    port.tuf.publish(&Edition { delegate: Some("registry"), ..Edition::new(6, &trusted_root("b.test")) });
    port.update().exits(0);
    for name in ["../../elsewhere", "a/../../b", "%2e%2e", "a?b"] {
        let port = Port::new();
        port.tuf.publish(&Edition { delegate: Some(name), ..Edition::new(6, &trusted_root("b.test")) });
        let run = port.update();
        assert_ne!(run.code, 0, "{name}");
        for path in port.tuf.log() {
            assert!(path.starts_with("/mirror/") && !path.contains("..") && !path.contains('%'), "{path}");
        }
        let outside: Vec<_> =
            fs::read_dir(port.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(outside.len(), 2, "{outside:?}");
    }
}

#[test]
fn nobody_is_asked_without_being_named() {
    let port = Port::new();
    let url = port.tuf.url();
    for (args, code) in [
        (&["--mirror", url.as_str()][..], 2),
        (&["--root", "[DIR]/root.json"], 2),
        (&["--mirror", "http://tuf.example", "--root", "[DIR]/root.json"], 2),
        (&["--mirror", &url, "--root", "[DIR]/absent.json", "--cache", "[DIR]/cache"], 2),
        (&["--mirror", &url, "--root", "[DIR]/root.json"], 2),
        (&["--mirror", &url, "--root", "[DIR]/root.json", "--cache", "[DIR]/cache", "--offline"], 3),
        (&["--mirror", "http://127.0.0.1:1", "--root", "[DIR]/root.json", "--cache", "[DIR]/cache"], 3),
    ] {
        let args = [&["trusted-root", "update"], args].concat();
        Plimsoll::new().args(args).dir(&port.folder).run().exits(code);
    }
    assert!(port.tuf.log().is_empty());
}

#[test]
fn the_shipped_root_is_shown() {
    let run = Plimsoll::new().args(["trusted-root", "show", "--offline"]).run().exits(0);
    assert!(run.stdout.starts_with("the public Sigstore's, as shipped sha256:"), "{}", run.stdout);
    assert!(
        run.stdout.contains("  https://rekor.sigstore.dev from 2021-01-12T11:53:27Z\n"),
        "{}",
        run.stdout
    );
    let json = Plimsoll::new().args(["trusted-root", "show", "--format", "json"]).run().exits(0);
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    let schema = serde_json::from_str(include_str!("../../schemas/trusted-root.v1.schema.json")).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&answer)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.json"), "{}").unwrap();
    let run =
        Plimsoll::new().args(["trusted-root", "show", "--trusted-root", "[DIR]/x.json"]).dir(&folder).run();
    assert!(run.exits(2).stderr.contains("is not a trusted root"));
}

/// From the files that the operator of a private Sigstore has, the same root comes out as that one publishes.
#[test]
fn a_root_of_one_s_own_is_made_of_its_parts() {
    let (sigstore, folder) = (Sigstore::new("own.test"), TempDir::new().unwrap());
    for (name, content) in [
        ("ca.pem", sigstore.chain_pem()),
        ("tsa.pem", sigstore.stamp_chain_pem()),
        ("ct.pub", sigstore.ct_pem()),
        ("one.pub", sigstore.rekor_pem(Rekor::One)),
        ("two.pub", sigstore.rekor_pem(Rekor::Two)),
        ("published.json", sigstore.trusted_root().to_string()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let run = |args: &[&str]| Plimsoll::new().args(args.iter().copied()).dir(&folder).run();
    let start = "start-time=2020-01-01T00:00:00Z";
    let args = [
        "trusted-root",
        "create",
        "--fulcio",
        &format!("url=https://fulcio.own.test,certificate-chain=[DIR]/ca.pem,{start}"),
        "--rekor",
        &format!("url=https://rekor.own.test,public-key=[DIR]/one.pub,{start}"),
        "--rekor",
        &format!("url=https://log2.own.test,public-key=[DIR]/two.pub,{start}"),
        "--ctfe",
        &format!("url=https://ctfe.own.test,public-key=[DIR]/ct.pub,{start}"),
        "--tsa",
        &format!("url=https://tsa.own.test/api/v1/timestamp,certificate-chain=[DIR]/tsa.pem,{start}"),
        "--output",
        "[DIR]/made.json",
    ];
    run(&args).exits(0);
    let shown = |file: &str| {
        let run = run(&["trusted-root", "show", "--trusted-root", file, "--format", "json"]).exits(0);
        let mut answer: Value = serde_json::from_str(&run.stdout).unwrap();
        for different in ["file", "digest"] {
            answer.as_object_mut().unwrap().remove(different);
        }
        answer
    };
    assert_eq!(shown("[DIR]/made.json"), shown("[DIR]/published.json"));
}

#[test]
fn nothing_is_made_of_parts_that_do_not_fit() {
    let (sigstore, folder) = (Sigstore::new("own.test"), TempDir::new().unwrap());
    fs::write(folder.path().join("ca.pem"), sigstore.chain_pem()).unwrap();
    fs::write(folder.path().join("one.pub"), sigstore.rekor_pem(Rekor::One)).unwrap();
    let run = |args: &[&str]| Plimsoll::new().args(args.iter().copied()).dir(&folder).run();
    for wrong in [
        "url=https://x,public-key=[DIR]/one.pub",
        "url=https://x,start-time=2020-01-01T00:00:00Z",
        "url=https://x,public-key=[DIR]/one.pub,start-time=soon",
        "url=https://x,url=https://y,public-key=[DIR]/one.pub,start-time=2020-01-01T00:00:00Z",
        "url=https://x,public-key=[DIR]/one.pub,start-time=2020-01-01T00:00:00Z,strat-time=x",
        "url=https://x,public-key=[DIR]/ca.pem,start-time=2020-01-01T00:00:00Z",
        "url=https://x,public-key=[DIR]/one.pub,start-time=2020-01-01T00:00:00Z,end-time=2019-01-01T00:00:00Z",
        "x",
    ] {
        run(&["trusted-root", "create", "--rekor", wrong, "--output", "[DIR]/wrong.json"]).exits(2);
    }
    run(&[
        "trusted-root",
        "create",
        "--fulcio",
        "url=https://x,certificate-chain=[DIR]/one.pub",
        "--output",
        "[DIR]/wrong.json",
    ])
    .exits(2);
    run(&["trusted-root", "create", "--output", "[DIR]/wrong.json"]).exits(2);
    assert!(!folder.path().join("wrong.json").exists());
}
