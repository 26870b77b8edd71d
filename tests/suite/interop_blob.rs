//! Files and both cosigns, with every type of key: what they sign we verify, what we sign they verify.

use std::fs;

use crate::peers::{PASSWORD, Peers};
use crate::plimsoll::Plimsoll;

/// A key of every type, the hash that it signs, and what of it cosign 2 verifies: it knows SHA-256 only.
const KEYS: [(&str, &str, Reads); 7] = [
    ("ec256", "sha256", Reads::All),
    ("ec384", "sha384", Reads::Signatures),
    ("ec521", "sha512", Reads::Signatures),
    ("ed25519", "sha256", Reads::All),
    ("rsa2048", "sha256", Reads::All),
    ("rsa3072", "sha256", Reads::All),
    ("rsa4096", "sha256", Reads::All),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reads {
    All,
    Signatures,
}

const OFFLINE3: [&str; 3] = ["--use-signing-config=false", "--tlog-upload=false", "-y"];
const OFFLINE2: [&str; 2] = ["--tlog-upload=false", "-y"];

/// The peers' home with a file, a predicate, and the key as `k.key` and `k.pub`.
fn prepare(peers: &Peers, key: &str) -> Peers {
    let peers = peers.moved();
    let keys = format!("{}/testdata/cosign/keys/imported", env!("CARGO_MANIFEST_DIR"));
    let home = peers.home().path();
    for ending in ["key", "pub"] {
        fs::copy(format!("{keys}/imp-{key}.{ending}"), home.join(format!("k.{ending}"))).expect("a key");
    }
    fs::write(home.join("file"), "content").expect("a writable folder");
    fs::write(home.join("other"), "content of another").expect("a writable folder");
    fs::write(home.join("p.json"), r#"{"a":{"b":[1,2]}}"#).expect("a writable folder");
    // cosign 2 wants one for new bundles, even where nothing in it is needed.
    let root = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    fs::write(home.join("root.json"), root).expect("a writable folder");
    peers
}

fn plimsoll(peers: &Peers, args: &[&str]) -> Plimsoll {
    let args = args.iter().map(|arg| match arg.starts_with('-') || !peers.home().path().join(arg).exists() {
        true if ["sig", "att"].contains(arg) => format!("[DIR]/{arg}"),
        true => (*arg).to_owned(),
        false => format!("[DIR]/{arg}"),
    });
    Plimsoll::new().args(args).dir(peers.home()).env("PLIMSOLL_PASSWORD", PASSWORD)
}

#[test]
fn what_cosign_signs_over_files_we_verify() {
    let Some(peers) = Peers::find("what_cosign_signs_over_files_we_verify") else { return };
    for (key, ..) in KEYS {
        let peers = prepare(&peers, key);
        let bundle = ["verify-blob", "--key", "k.pub", "--bundle", "sig"];
        let bare = ["verify-blob", "--key", "k.pub", "--signature", "sig"];
        let sign3 = [&["sign-blob", "--key", "k.key", "--bundle", "sig"], &OFFLINE3[..], &["file"]].concat();
        let sign2 = ["sign-blob", "--key", "k.key", "--new-bundle-format", "--bundle", "sig"];
        let sign2 = [&sign2[..], &OFFLINE2, &["file"]].concat();
        let sign2_bare = ["sign-blob", "--key", "k.key", "--output-signature", "sig"];
        let sign2_bare = [&sign2_bare[..], &OFFLINE2, &["file"]].concat();
        for (program, sign, verify) in
            [("cosign", &sign3, bundle), ("cosign2", &sign2, bundle), ("cosign2", &sign2_bare, bare)]
        {
            peers.succeed(program, sign);
            plimsoll(&peers, &[&verify[..], &["file"]].concat()).run().exits(0);
            plimsoll(&peers, &[&verify[..], &["other"]].concat()).run().exits(1);
        }
        let attest =
            ["attest-blob", "--key", "k.key", "--type", "custom", "--predicate", "p.json", "--bundle", "att"];
        peers.succeed("cosign", &[&attest[..], &OFFLINE3, &["file"]].concat());
        let stated = ["verify-blob-attestation", "--key", "k.pub", "--bundle", "att", "--type", "custom"];
        plimsoll(&peers, &[&stated[..], &["file"]].concat()).run().exits(0);
        plimsoll(&peers, &[&stated[..], &["other"]].concat()).run().exits(1);
    }
}

#[test]
fn what_we_sign_over_files_both_cosigns_verify() {
    let Some(peers) = Peers::find("what_we_sign_over_files_both_cosigns_verify") else { return };
    for (key, hash, reads) in KEYS {
        let peers = prepare(&peers, key);
        plimsoll(&peers, &["sign-blob", "--key", "k.key", "--bundle", "sig", "file"]).run().exits(0);
        let attest =
            ["attest-blob", "--key", "k.key", "--type", "custom", "--predicate", "p.json", "--bundle", "att"];
        plimsoll(&peers, &[&attest[..], &["file"]].concat()).run().exits(0);

        let three = ["--key", "k.pub", "--insecure-ignore-tlog", "--signature-digest-algorithm", hash];
        let two = [
            "--key",
            "k.pub",
            "--insecure-ignore-tlog",
            "--new-bundle-format",
            "--trusted-root",
            "root.json",
        ];
        let check = |program: &str, verb: &[&str], options: &[&str], reads: bool| {
            let run = |file| peers.run(program, &[verb, options, &[file]].concat()).status.success();
            assert_eq!(run("file"), reads, "{program} {verb:?} {key}");
            assert!(!run("other"), "{program} {verb:?} {key}");
        };
        let signature = ["verify-blob", "--bundle", "sig"];
        let statement = ["verify-blob-attestation", "--type", "custom", "--bundle", "att"];
        check("cosign", &signature, &three, true);
        check("cosign", &statement, &three, true);
        // cosign 2 knows SHA-256 only, and Ed25519 over bytes.
        check("cosign2", &signature, &two, hash == "sha256");
        check("cosign2", &statement, &two, reads == Reads::All);
    }
}
