//! Keyless signing beside real peers, all against the services of this suite: what cosign signs there, what it verifies from there.

use std::fs;
use std::path::Path;

use crate::peers::Peers;
use crate::plimsoll::Plimsoll;
use crate::registry::Registry;
use crate::sigstore::{Rekor, Services, now};

const MAIL: &str = "release@acme.test";
const ISSUER: &str = "https://accounts.acme.test";

/// Writes what a signer and a verifier need into the peers' folder.
fn prepare(peers: &Peers, services: &Services, log: Rekor) {
    let write = |name: &str, content: String| {
        fs::write(peers.home().path().join(name), content).expect("a writable folder");
    };
    write("signing.json", services.signing_config(log).to_string());
    write("root.json", services.sigstore().trusted_root().to_string());
    write("token", services.token(MAIL, ISSUER));
    write("file", "content".to_owned());
}

fn verifies(peers: &Peers, bundle: &str) {
    let identity = ["--certificate-identity", MAIL, "--certificate-oidc-issuer", ISSUER];
    let args =
        [&["verify-blob", "--trusted-root", "root.json", "--bundle", bundle], &identity[..], &["file"]];
    peers.succeed("cosign", &args.concat());
}

/// The services are real enough for cosign to sign with them, and what it then has verifies.
#[test]
fn cosign_signs_against_these_services() {
    let Some(peers) = Peers::find("cosign_signs_against_these_services") else { return };
    for log in [Rekor::One, Rekor::Two] {
        let services = Services::start("fake.test");
        prepare(&peers, &services, log);
        let token = ["--identity-token", "token", "--bundle", "bundle.json", "--yes", "file"];
        let config = ["sign-blob", "--signing-config", "signing.json", "--trusted-root", "root.json"];
        peers.succeed("cosign", &[&config[..], &token].concat());
        verifies(&peers, "bundle.json");
    }
}

#[test]
fn cosign_verifies_bundles_that_are_made_here() {
    let Some(peers) = Peers::find("cosign_verifies_bundles_that_are_made_here") else { return };
    let services = Services::start("fake.test");
    prepare(&peers, &services, Rekor::One);
    let signing = services.sigstore().signing(MAIL, ISSUER, now());
    for (name, bundle) in [
        ("one", signing.clone().message(b"content")),
        ("two", signing.log(Rekor::Two).stamped().message(b"content")),
    ] {
        fs::write(peers.home().path().join(name), bundle.to_string()).expect("a writable folder");
        verifies(&peers, name);
    }
}

/// What this tool signs as an identity, cosign 3 verifies: image and attestation, for both logs; and cosign 2 the older format.
#[test]
fn cosign_verifies_what_plimsoll_signs() {
    let Some(peers) = Peers::find("cosign_verifies_what_plimsoll_signs") else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for (log, storage) in [(Rekor::One, "both"), (Rekor::Two, "referrers")] {
        let (services, registry) = (Services::start("fake.test"), Registry::start());
        prepare(&peers, &services, log);
        fs::write(peers.home().path().join("predicate.json"), "{\"a\":1}").expect("a writable folder");
        let image = format!("{}@{}", registry.repository("app"), registry.push_layout(&file, "app", "1.0"));
        let ours = |args: &[&str]| {
            let token = ["--identity-token", "[DIR]/token", "--signing-config", "[DIR]/signing.json"];
            let args = [args, &token, &["--storage", storage, &image]].concat();
            Plimsoll::new().args(args).dir(peers.home()).run().exits(0);
        };
        ours(&["sign"]);
        ours(&["attest", "--type", "https://acme.test/review/v1", "--predicate", "[DIR]/predicate.json"]);

        let kind = ["--type", "https://acme.test/review/v1"];
        let by = |mail: &'static str| ["--certificate-identity", mail, "--certificate-oidc-issuer", ISSUER];
        let root = ["--trusted-root", "root.json"];
        for (verb, kind) in [("verify", &[][..]), ("verify-attestation", &kind)] {
            peers.succeed("cosign", &[&[verb], kind, &root, &by(MAIL), &[&image]].concat());
            peers.refuse("cosign", &[&[verb], kind, &root, &by("other@acme.test"), &[&image]].concat());
        }
        if storage == "both" {
            let sigstore = services.sigstore();
            for (name, content) in [
                ("fulcio.pem", sigstore.chain_pem()),
                ("rekor.pem", sigstore.rekor_pem(Rekor::One)),
                ("ct.pem", sigstore.ct_pem()),
            ] {
                fs::write(peers.home().path().join(name), content).expect("a writable folder");
            }
            let cosign_2 = |args: &[&str]| {
                let mut command = peers.command("cosign2");
                command.envs([
                    ("SIGSTORE_ROOT_FILE", "fulcio.pem"),
                    ("SIGSTORE_REKOR_PUBLIC_KEY", "rekor.pem"),
                    ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "ct.pem"),
                ]);
                let output = command.args(args).output().expect("cosign 2 starts");
                (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
            };
            for (verb, kind) in [("verify", &[][..]), ("verify-attestation", &kind)] {
                let (good, said) = cosign_2(&[&[verb], kind, &by(MAIL), &[&image]].concat());
                assert!(good, "{verb}: {said}");
                let (good, said) = cosign_2(&[&[verb], kind, &by("other@acme.test"), &[&image]].concat());
                assert!(!good, "{verb}: {said}");
            }
        }
    }
}

/// What this tool signs with a key and enters into a log, cosign 3 verifies with the key and the trusted root; and so is it the other way round.
#[test]
fn entries_about_signatures_of_keys_are_cosign_s() {
    let Some(peers) = Peers::find("entries_about_signatures_of_keys_are_cosign_s") else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for (kind, log) in [("ec256", Rekor::One), ("ec256", Rekor::Two), ("rsa2048", Rekor::One)] {
        let (services, registry) = (Services::start("fake.test"), Registry::start());
        prepare(&peers, &services, log);
        for half in ["key", "pub"] {
            let key =
                format!("{}/testdata/cosign/keys/imported/imp-{kind}.{half}", env!("CARGO_MANIFEST_DIR"));
            fs::copy(key, peers.home().path().join(format!("k.{half}"))).expect("a writable folder");
        }
        fs::write(peers.home().path().join("predicate.json"), "{\"a\":1}").expect("a writable folder");
        let ours = |args: &[&str]| {
            let tool = Plimsoll::new().args(args.iter().copied()).dir(peers.home());
            tool.env("PLIMSOLL_PASSWORD", "test").run().exits(0);
        };
        let image = |name: &str| {
            format!("{}@{}", registry.repository(name), registry.push_layout(&file, name, "1.0"))
        };
        let kind = ["--type", "https://acme.test/review/v1"];
        let key = ["--key", "[DIR]/k.key", "--signing-config", "[DIR]/signing.json"];
        let app = image("app");
        ours(&[&["sign"], &key[..], &[&app]].concat());
        ours(&[&["attest", "--predicate", "[DIR]/predicate.json"][..], &kind, &key[..], &[&app]].concat());
        ours(&[&["sign-blob"], &key[..], &["--bundle", "[DIR]/ours.json", "[DIR]/file"]].concat());
        let by = ["--key", "k.pub", "--trusted-root", "root.json"];
        peers.succeed("cosign", &[&["verify"], &by[..], &[&app]].concat());
        peers.succeed("cosign", &[&["verify-attestation"][..], &kind, &by[..], &[&app]].concat());
        peers.succeed("cosign", &[&["verify-blob", "--bundle", "ours.json"], &by[..], &["file"]].concat());

        let theirs = image("theirs");
        let key =
            ["--key", "k.key", "--signing-config", "signing.json", "--trusted-root", "root.json", "--yes"];
        peers.succeed("cosign", &[&["sign"], &key[..], &[&theirs]].concat());
        peers.succeed("cosign", &[&["sign-blob"], &key[..], &["--bundle", "theirs.json", "file"]].concat());
        let by = ["--key", "[DIR]/k.pub", "--trusted-root", "[DIR]/root.json"];
        ours(&[&["verify"], &by[..], &[&theirs]].concat());
        ours(&[&["verify-blob", "--bundle", "[DIR]/theirs.json"], &by[..], &["[DIR]/file"]].concat());
    }
}

/// What cosign signs as an identity, this tool verifies, for both logs.
#[test]
fn plimsoll_verifies_what_cosign_signs() {
    let Some(peers) = Peers::find("plimsoll_verifies_what_cosign_signs") else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for log in [Rekor::One, Rekor::Two] {
        let (services, registry) = (Services::start("fake.test"), Registry::start());
        prepare(&peers, &services, log);
        let image = format!("{}@{}", registry.repository("app"), registry.push_layout(&file, "app", "1.0"));
        let config =
            ["--signing-config", "signing.json", "--trusted-root", "root.json", "--identity-token", "token"];
        peers.succeed("cosign", &[&["sign", "--yes"], &config[..], &[&image]].concat());
        for (mail, code) in [(MAIL, 0), ("other@acme.test", 1)] {
            let by = ["--certificate-identity", mail, "--certificate-oidc-issuer", ISSUER];
            let args = [&["verify", "--trusted-root", "[DIR]/root.json"], &by[..], &[&image]].concat();
            Plimsoll::new().args(args).dir(peers.home()).run().exits(code);
        }
    }
}

/// What cosign 2 signs as an identity, in layers with annotations under legacy tags, this tool verifies and shows.
#[test]
fn plimsoll_verifies_what_cosign_2_signs() {
    let Some(peers) = Peers::find("plimsoll_verifies_what_cosign_2_signs") else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    let (services, registry) = (Services::start("fake.test"), Registry::start());
    prepare(&peers, &services, Rekor::One);
    let sigstore = services.sigstore();
    for (name, content) in [
        ("fulcio.pem", sigstore.chain_pem()),
        ("rekor.pem", sigstore.rekor_pem(Rekor::One)),
        ("ct.pem", sigstore.ct_pem()),
        ("predicate.json", "{\"a\":1}".to_owned()),
    ] {
        fs::write(peers.home().path().join(name), content).expect("a writable folder");
    }
    let image = format!("{}@{}", registry.repository("app"), registry.push_layout(&file, "app", "1.0"));
    let (token, url) = (services.token(MAIL, ISSUER), services.url());
    let services = ["--identity-token", &token, "--fulcio-url", &url, "--rekor-url", &url, "--yes", &image];
    let attest = ["attest", "--type", "https://acme.test/review/v1", "--predicate", "predicate.json"];
    for verb in [&["sign"][..], &attest] {
        let mut command = peers.command("cosign2");
        command.envs([
            ("SIGSTORE_ROOT_FILE", "fulcio.pem"),
            ("SIGSTORE_REKOR_PUBLIC_KEY", "rekor.pem"),
            ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "ct.pem"),
        ]);
        let output = command.args(verb).args(services).output().expect("cosign 2 starts");
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let root = ["--trusted-root", "[DIR]/root.json"];
    for (mail, code) in [(MAIL, 0), ("other@acme.test", 1)] {
        let by = ["--certificate-identity", mail, "--certificate-oidc-issuer", ISSUER];
        for what in [&[][..], &["--type", "https://acme.test/review/v1"]] {
            let args = [&["verify"], &root[..], &by, what, &[&image]].concat();
            Plimsoll::new().args(args).dir(peers.home()).run().exits(code);
        }
    }
    let by = ["--certificate-identity", MAIL, "--certificate-oidc-issuer", ISSUER];
    let args = [&["tree"], &root[..], &by, &[&image]].concat();
    let tree = Plimsoll::new().args(args).dir(peers.home()).run().exits(0);
    let signed = format!("signed by {MAIL} ({ISSUER}), verified");
    assert_eq!(tree.stdout.matches(&signed).count(), 2, "{}", tree.stdout);
}

/// A trusted root that this tool makes of its parts is one that cosign takes.
#[test]
fn cosign_takes_a_root_that_is_made_here() {
    let Some(peers) = Peers::find("cosign_takes_a_root_that_is_made_here") else { return };
    let services = Services::start("fake.test");
    prepare(&peers, &services, Rekor::Two);
    let sigstore = services.sigstore();
    for (name, content) in [
        ("ca.pem", sigstore.chain_pem()),
        ("tsa.pem", sigstore.stamp_chain_pem()),
        ("ct.pub", sigstore.ct_pem()),
        ("two.pub", sigstore.rekor_pem(Rekor::Two)),
    ] {
        fs::write(peers.home().path().join(name), content).expect("a writable folder");
    }
    let start = "start-time=2020-01-01T00:00:00Z";
    let args = [
        "trusted-root",
        "create",
        "--fulcio",
        "url=https://fulcio.fake.test,certificate-chain=[DIR]/ca.pem",
        "--rekor",
        &format!("url=https://log2.fake.test,public-key=[DIR]/two.pub,{start}"),
        "--ctfe",
        &format!("url=https://ctfe.fake.test,public-key=[DIR]/ct.pub,{start}"),
        "--tsa",
        "url=https://tsa.fake.test/api/v1/timestamp,certificate-chain=[DIR]/tsa.pem",
        "--output",
        "[DIR]/root.json",
    ];
    Plimsoll::new().args(args).dir(peers.home()).run().exits(0);
    let bundle = sigstore.signing(MAIL, ISSUER, now()).log(Rekor::Two).stamped().message(b"content");
    fs::write(peers.home().path().join("bundle.json"), bundle.to_string()).expect("a writable folder");
    verifies(&peers, "bundle.json");
}
