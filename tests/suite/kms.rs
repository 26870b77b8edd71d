//! Keys that a program keeps (Sigstore's KMS plugins): one that answers, and those that lie, refuse or break.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll::base::Digest;
use plimsoll::crypto::PrivateKey;
use plimsoll::sign;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Referrers, Registry};
use crate::sigstore::Services;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keys");

/// A registry with the small image as `app:1.0`, and the program `sigstore-kms-test` in `[DIR]`.
struct Vault {
    registry: Registry,
    folder: TempDir,
    image: Digest,
}

impl Vault {
    fn new() -> Self {
        let registry = Registry::builder().referrers(Referrers::On).start();
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
        let image = registry.push_layout(layout.as_ref(), "app", "1.0");
        Self { registry, folder: TempDir::new().unwrap(), image }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Installs the program: a shell script that finds the method in `$method`, and its folder in `$here`.
    fn install(&self, script: &str) {
        let here = self.folder.path().display();
        let program = format!(
            "#!/bin/sh\nhere='{here}'\nprintf '%s\\n' \"$#\" \"$1\" \"$2\" > \"$here/arguments\"\n\
             case \"$2\" in *'\"methodName\":\"publicKey\"'*) method=publicKey;; *) method=signMessage;; esac\n{script}\n"
        );
        self.write("sigstore-kms-test", &program);
        let file = self.folder.path().join("sigstore-kms-test");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that signs what is about to be signed, in both storages, with this key.
    fn keep(&self, key: &PrivateKey) {
        let name = format!("{}/app", self.registry.host());
        let none = Default::default();
        let bundle = sign::image_signature(&name, self.image, &none).unwrap();
        let layer = sign::legacy_signature(&name, self.image, &none);
        let answer = |to_sign: &sign::ToSign| {
            let signature = STANDARD.encode(key.sign(to_sign.form(), to_sign.bytes().unwrap()).unwrap());
            json!({"signMessage": {"signature": signature}}).to_string()
        };
        self.write("bundle.json", &answer(bundle.to_sign()));
        self.write("layer.json", &answer(layer.to_sign()));
        let pem = STANDARD.encode(key.public().to_pem());
        self.write("public.json", &json!({"publicKey": {"publicKeyPEM": pem}, "newer": 1}).to_string());
        self.write("key.pub", &key.public().to_pem());
        self.install(
            "case $method in publicKey) exec cat \"$here/public.json\";; esac\n\
             cat > \"$here/message\"\n\
             case \"$(head -c 6 \"$here/message\")\" in DSSEv1) exec cat \"$here/bundle.json\";; esac\n\
             exec cat \"$here/layer.json\"",
        );
    }

    fn run(&self, args: &[&str]) -> Run {
        let tool = Plimsoll::new().args(args.iter().copied()).dir(&self.folder).registry(&self.registry);
        tool.env("PATH", "[DIR]:/usr/bin:/bin").run()
    }

    /// The question that was asked last.
    fn question(&self) -> Value {
        let text = String::from_utf8(self.read("arguments")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [count, version, question] = lines[..] else { panic!("{text}") };
        assert_eq!((count, version), ("2", "v1"));
        serde_json::from_str(question).unwrap()
    }
}

fn key(name: &str) -> PrivateKey {
    PrivateKey::from_open_pem(&fs::read_to_string(format!("{KEYS}/source/{name}.pem")).unwrap()).unwrap()
}

#[test]
fn a_program_signs_and_its_key_verifies() {
    for (kind, bundle_hash, layer_hash) in
        [("ec256", 5, 5), ("ec384", 6, 5), ("ec521", 7, 5), ("rsa2048", 5, 5), ("ed25519", 0, 0)]
    {
        let vault = Vault::new();
        let key = key(kind);
        vault.keep(&key);
        for (storage, hash) in [("referrers", bundle_hash), ("legacy", layer_hash)] {
            let sign = ["sign", "--key", "test://a/b?c", "--storage", storage, "[HOST]/app:1.0"];
            vault.run(&sign).exits(0);
            let question = vault.question();
            let rpc = json!({"keyVersion": "", "remoteVerification": false});
            let want = json!({
                "initOptions": {"protocolVersion": "v1", "keyResourceID": "a/b?c", "hashFunc": hash, "rpcOptions": rpc},
                "methodName": "signMessage",
                "signMessage": {"signOptions": {"rpcOptions": rpc, "messageOptions": {"hashFunc": hash}}},
            });
            assert_eq!(question, want, "{kind} {storage}");
            assert!(!vault.read("message").is_empty());
            // Said before: only the public half is asked for.
            let again = vault.run(&sign).exits(0);
            assert!(again.stdout.contains("by the same signer before"), "{}", again.stdout);
            assert_eq!(vault.question()["methodName"], "publicKey");
            vault.run(&["verify", "--key", "[DIR]/key.pub", "[HOST]/app:1.0"]).exits(0);
        }
        vault.run(&["verify", "--key", "test://a/b?c", "[HOST]/app:1.0"]).exits(0);
        vault.run(&["tree", "--key", "test://a/b?c", "[HOST]/app:1.0"]).exits(0);
        let run = vault.run(&["key", "public", "--key", "test://a/b?c"]).exits(0);
        assert_eq!(run.stdout, key.public().to_pem());
        let run = vault.run(&["key", "inspect", "test://a/b?c"]).exits(0);
        assert!(run.stdout.contains("test://a/b?c (private key, kept by a program)"), "{}", run.stdout);
    }
}

#[test]
fn a_program_that_does_not_do_its_work_signs_nothing() {
    let good = "case $method in publicKey) exec cat \"$here/public.json\";; esac\ncat >/dev/null\n";
    let answer = |text: &str| format!("{good}printf '%s' '{text}'");
    for (what, script, says) in [
        ("refuses", answer(r#"{"errorMessage":"no \u001b[31m touch"}"#), "refused: no \\u{1b}[31m touch"),
        ("refuses and exits", answer(r#"{"errorMessage":"locked"}"#) + "\nexit 1", "refused: locked"),
        ("exits", format!("{good}exit 1"), "failed: exit status: 1"),
        ("is killed", format!("{good}kill -9 $$"), "failed: signal: 9"),
        ("says nothing", good.to_owned(), "did not answer as the protocol says"),
        ("says something else", answer("hello"), "did not answer as the protocol says"),
        (
            "says two things",
            answer(r#"{"signMessage":{"signature":"AA=="}}{}"#),
            "did not answer as the protocol",
        ),
        (
            "says one twice",
            answer(r#"{"errorMessage":"","errorMessage":""}"#),
            "did not answer as the protocol",
        ),
        (
            "answers another question",
            answer(r#"{"publicKey":{"publicKeyPEM":""}}"#),
            "did not answer what `signMessage` asks",
        ),
        ("is not base64", answer(r#"{"signMessage":{"signature":"?"}}"#), "not base64"),
        ("prints without end", format!("{good}exec cat /dev/zero"), "answered with more than"),
        (
            "lies",
            answer(r#"{"signMessage":{"signature":"MAYCAQECAQE="}}"#),
            "the new signature does not verify",
        ),
        ("says empty", answer(r#"{"signMessage":{"signature":""}}"#), "the new signature does not verify"),
    ] {
        let vault = Vault::new();
        vault.keep(&key("ec256"));
        vault.install(&script);
        vault.registry.forget_requests();
        let run = vault.run(&["sign", "--key", "test://a", "[HOST]/app:1.0"]).exits(3);
        assert!(run.stderr.contains(says), "{what}: {}", run.stderr);
        assert!(vault.registry.requests().iter().all(|request| request.method == "GET"), "{what}");
    }
}

// A signature by another key than the one that the program names is not the program's to give.
#[test]
fn a_program_that_signs_with_another_key_is_caught() {
    let vault = Vault::new();
    vault.keep(&key("ec256"));
    let pem = STANDARD.encode(key("ec256.sec1").public().to_pem());
    vault.write("public.json", &json!({"publicKey": {"publicKeyPEM": pem}}).to_string());
    let run = vault.run(&["sign", "--key", "test://a", "[HOST]/app:1.0"]).exits(3);
    assert!(run.stderr.contains("the new signature does not verify"), "{}", run.stderr);
}

// A log keeps for ever what it is given.
#[test]
fn nobody_witnesses_what_the_program_made_up() {
    let (vault, services) = (Vault::new(), Services::start("fake.test"));
    vault.keep(&key("ec256"));
    vault.write("bundle.json", r#"{"signMessage":{"signature":"MAYCAQECAQE="}}"#);
    let (url, stamp) = (services.url(), services.stamp_url());
    for witness in [&["--timestamp-url", &*stamp][..], &["--rekor-url", &*url, "--rekor-version", "1"]] {
        let sign = [&["sign", "--key", "test://a"], witness, &["[HOST]/app:1.0"]].concat();
        let run = vault.run(&sign).exits(3);
        assert!(run.stderr.contains("the new signature does not verify"), "{}", run.stderr);
    }
    assert!(services.log().is_empty(), "{:?}", services.log());
}

#[test]
fn a_public_key_that_cannot_be_used_is_refused() {
    let private = fs::read_to_string(format!("{KEYS}/cosign3.key")).unwrap();
    let weak = fs::read_to_string(format!("{KEYS}/refused/rsa1024.pub")).unwrap();
    for (pem, says) in
        [("", "no PEM block"), (&private, "this is a private key"), (&weak, "an RSA key of 1024 bits")]
    {
        let vault = Vault::new();
        vault.write("public.json", &json!({"publicKey": {"publicKeyPEM": STANDARD.encode(pem)}}).to_string());
        vault.install("exec cat \"$here/public.json\"");
        for verb in ["sign", "verify"] {
            let run = vault.run(&[verb, "--key", "test://a", "[HOST]/app:1.0"]).exits(3);
            assert!(run.stderr.contains(says), "{}", run.stderr);
        }
    }
}

// It may be anybody's program, and it needs none of what would let it sign as somebody else.
#[test]
fn a_program_sees_no_secrets_of_others() {
    let vault = Vault::new();
    vault.keep(&key("ec256"));
    let script = String::from_utf8(vault.read("sigstore-kms-test")).unwrap();
    vault.write(
        "sigstore-kms-test",
        &script
            .replacen("#!/bin/sh\n", "#!/bin/sh\nenv > \"[DIR]/environment\"\n", 1)
            .replace("[DIR]", &vault.folder.path().display().to_string()),
    );
    let secrets =
        ["PLIMSOLL_PASSWORD", "COSIGN_PASSWORD", "SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
    let tool = Plimsoll::new().args(["sign", "--key", "test://a", "[HOST]/app:1.0"]).dir(&vault.folder);
    let tool =
        tool.registry(&vault.registry).env("PATH", "[DIR]:/usr/bin:/bin").env("KMS_TOKEN", "of the program");
    let auths = json!({"auths": {}, "comment": "hunter2"}).to_string();
    let tool = secrets.into_iter().fold(tool, |tool, name| tool.env(name, "hunter2"));
    tool.env("DOCKER_AUTH_CONFIG", auths).run().exits(0);
    let seen = String::from_utf8(vault.read("environment")).unwrap();
    assert!(seen.contains("KMS_TOKEN=of the program\n"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}

#[test]
fn a_program_that_is_missing_is_named() {
    let vault = Vault::new();
    let run = vault.run(&["sign", "--key", "other://a", "[HOST]/app:1.0"]).exits(3);
    assert!(run.stderr.contains("there is no program `sigstore-kms-other` in PATH"), "{}", run.stderr);
    vault.write("sigstore-kms-broken", "#!/nonexistent/interpreter\n");
    let file = vault.folder.path().join("sigstore-kms-broken");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    let run = vault.run(&["verify", "--key", "broken://a", "[HOST]/app:1.0"]).exits(3);
    assert!(run.stderr.contains("`sigstore-kms-broken` cannot be run"), "{}", run.stderr);
}
