//! `plimsoll key import`, `public` and `inspect`.

use std::fs;

use plimsoll::base::Secret;
use plimsoll::crypto::{PrivateKey, PublicKey};
use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::Registry;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keys");

fn vector(name: &str) -> String {
    fs::read_to_string(format!("{KEYS}/{name}")).unwrap()
}

fn path(name: &str) -> String {
    format!("{KEYS}/{name}")
}

fn key(args: &[&str]) -> Plimsoll {
    Plimsoll::new().arg("key").args(args.iter().copied())
}

#[track_caller]
fn says(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.stdout.contains(text) || run.stderr.contains(text), "{text}: {run:?}");
    }
}

#[test]
fn an_open_key_is_encrypted_and_its_public_half_written() {
    for source in
        ["ec256", "ec256.sec1", "ec384", "ec521", "ed25519", "rsa2048", "rsa2048.pkcs1", "rsa3072", "rsa4096"]
    {
        let folder = TempDir::new().unwrap();
        let from = path(&format!("source/{source}.pem"));
        let import = || key(&["import", "--key", &from, "--output", "[DIR]/k"]).dir(&folder);
        let run = import().stdin("secret\n").run().exits(0);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let private =
            PrivateKey::from_encrypted_pem(&read("k.key"), &Secret::new(b"secret".to_vec())).unwrap();
        assert_eq!(read("k.pub"), vector(&format!("imported/imp-{source}.pub")), "{source}");
        assert_eq!(private.public().to_pem(), read("k.pub"), "{source}");
        says(&run, &["[DIR]/k.key (encrypted", &private.public().fingerprint().to_string()]);
        if source == "ec256" {
            // What is there stays.
            says(&import().stdin("secret\n").run().exits(2), &["[DIR]/k.key exists already"]);
            import().arg("--force").env("COSIGN_PASSWORD", "").run().exits(0);
        }
    }
}

#[test]
fn what_is_not_imported_says_why() {
    for (source, says_why) in [
        ("source/ec224.pem", "ECDSA P-224 keys are not supported"),
        ("source/k256.pem", "ECDSA secp256k1 keys are not supported"),
        ("source/rsa1024.pem", "an RSA key of 1024 bits is refused"),
        ("source/rsapss.pem", "RSA-PSS keys are not supported"),
        ("source/x25519.pem", "X25519 keys are not supported"),
        ("source/ec256.encp8.pem", "the key is encrypted, and not as cosign does it"),
        ("cosign3.key", "the key is encrypted already"),
        ("cosign3.pub", "this is a public key"),
        ("expect.tsv", "there is no PEM block in it"),
        ("variants/plain.p8.der", "UTF-8"),
        ("missing.pem", "missing.pem"),
    ] {
        let folder = TempDir::new().unwrap();
        let run = key(&["import", "--key", &path(source), "--output", "[DIR]/k"]).dir(&folder);
        says(&run.env("PLIMSOLL_PASSWORD", "x").run().exits(2), &[says_why, source]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{source}");
    }
    for (reference, says_why) in [
        ("awskms:///a", "is kept by a program"),
        ("https://example.com/k.pem", "keys are not fetched over `https://`"),
        ("pkcs11:token=a", "sigstore-kms-NAME"),
        ("env://NOT_SET", "`NOT_SET` is not set"),
    ] {
        let folder = TempDir::new().unwrap();
        let run = key(&["import", "--key", reference, "--output", "[DIR]/k"]).dir(&folder).run();
        says(&run.exits(2), &[says_why]);
    }
}

// cosign signs with three sizes only.
#[test]
fn an_rsa_key_of_an_odd_size_is_not_imported() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("odd.pem"), include_str!("../../testdata/keys/rsa2560.pem")).unwrap();
    let run = key(&["import", "--key", "[DIR]/odd.pem", "--output", "[DIR]/k"]).dir(&folder);
    says(&run.env("PLIMSOLL_PASSWORD", "x").run().exits(2), &["an RSA key of 2560 bits is not imported"]);
    let run = key(&["inspect", "[DIR]/odd.pem"]).dir(&folder).run().exits(0);
    says(&run, &["NOT encrypted", "RSA 2560"]);
}

#[test]
fn the_public_half_comes_from_either_half() {
    let folder = TempDir::new().unwrap();
    for name in ["cosign3", "imported/imp-ed25519", "imported/imp-rsa2048"] {
        let want = vector(&format!("{name}.pub"));
        let (private, public) = (path(&format!("{name}.key")), path(&format!("{name}.pub")));
        let run = key(&["public", "--key", &private]).stdin("test\n").run().exits(0);
        assert_eq!((run.stdout, run.stderr), (want.clone(), String::new()));
        assert_eq!(key(&["public", "--key", &public]).run().exits(0).stdout, want);
        let variable = key(&["public", "--key", "env://K"]).env("K", vector(&format!("{name}.key")));
        assert_eq!(variable.env("PLIMSOLL_PASSWORD", "test").run().exits(0).stdout, want);
        let file =
            key(&["public", "--key", &public, "--output", "[DIR]/out.pub"]).dir(&folder).run().exits(0);
        says(&file, &["[DIR]/out.pub", "fingerprint: sha256:"]);
        assert_eq!(fs::read_to_string(folder.path().join("out.pub")).unwrap(), want);
    }
    says(
        &key(&["public", "--key", &path("cosign3.key")]).stdin("wrong").run().exits(2),
        &["the password is wrong"],
    );
    says(&key(&["public", "--key", &path("cosign3.key")]).run().exits(2), &["none was given"]);
    says(
        &key(&["public", "--key", &path("variants/plain.pem")]).run().exits(2),
        &["not encrypted", "key import"],
    );
}

// A file that is no key must not fill the memory: 64 KiB are enough for every key.
#[test]
fn a_file_that_is_too_large_for_a_key_is_not_read() {
    let folder = TempDir::new().unwrap();
    let large = vector("cosign3.pub") + &"\n".repeat(64 << 10);
    fs::write(folder.path().join("large.pub"), &large).unwrap();
    fs::write(folder.path().join("full.pub"), &large[..64 << 10]).unwrap();
    key(&["inspect", "[DIR]/full.pub"]).dir(&folder).run().exits(0);
    let run = key(&["inspect", "[DIR]/large.pub"]).dir(&folder).run().exits(2);
    says(&run, &["[DIR]/large.pub", "65536"]);
}

#[test]
fn keys_in_variables_sign_and_verify() {
    let registry = Registry::start();
    let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
    registry.push_layout(layout.as_ref(), "app", "1.0");
    let run = |args: &[&str]| {
        let tool = Plimsoll::new().args(args.iter().copied()).registry(&registry);
        let tool = tool.env("PRIVATE", vector("imported/imp-ec384.key"));
        tool.env("PUBLIC", vector("imported/imp-ec384.pub")).env("COSIGN_PASSWORD", "test").run()
    };
    run(&["sign", "--key", "env://PRIVATE", "[HOST]/app:1.0"]).exits(0);
    says(&run(&["verify", "--key", "env://PUBLIC", "[HOST]/app:1.0"]).exits(0), &["env://PUBLIC"]);
    says(
        &run(&["sign", "--key", "env://PUBLIC", "[HOST]/app:1.0"]).exits(2),
        &["env://PUBLIC", "public key"],
    );
    says(&run(&["verify", "--key", "env://PRIVATE", "[HOST]/app:1.0"]).exits(2), &["this is a private key"]);
    says(&run(&["verify", "--key", "env://NONE", "[HOST]/app:1.0"]).exits(2), &["`NONE` is not set"]);
}

#[test]
fn a_key_is_described_as_far_as_it_can_be_seen() {
    let public = PublicKey::from_pem(&vector("cosign3.pub")).unwrap();
    let names = [public.fingerprint().to_string(), public.hint()];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = key(&["inspect", &path("cosign3.pub")]).run().exits(0);
    says(&run, &[&["(public key)", "ECDSA P-256"], &names[..]].concat());
    assert!(!run.stdout.contains("password"), "{}", run.stdout);

    for (file, cost) in [
        ("cosign3.key", "N=65536"),
        ("variants/legacy-n32768.key", "N=32768"),
        ("variants/owasp-n131072.key", "N=131072"),
    ] {
        let run = key(&["inspect", &path(file)]).run().exits(0);
        says(&run, &["encrypted", "scrypt", cost, "only its password tells"]);
        assert!(!run.stdout.contains("fingerprint"), "{}", run.stdout);
        let run = key(&["inspect", &path(file)]).env("PLIMSOLL_PASSWORD", "test").run().exits(0);
        says(&run, &[&["ECDSA P-256", cost], &names[..]].concat());
        let run = key(&["inspect", &path(file)]).env("COSIGN_PASSWORD", "wrong").run().exits(2);
        says(&run, &["the password is wrong"]);
    }
    let run = key(&["inspect", &path("variants/plain.pem")]).run().exits(0);
    says(&run, &[&["NOT encrypted", "whoever can read it can sign with it"], &names[..]].concat());
    for (file, why) in [
        ("variants/bad-r4.key", "scrypt parameters"),
        ("refused/rsapss.pub", "not supported"),
        ("source/ec256.encp8.pem", "not as cosign does it"),
    ] {
        says(&key(&["inspect", &path(file)]).run().exits(2), &[why, file]);
    }
}

#[test]
fn the_json_answer_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../schemas/key.v1.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let answer = |args: &[&str], password: Option<&str>| {
        let tool = key(args).args(["--format", "json"]);
        let tool = password.into_iter().fold(tool, |tool, password| tool.env("PLIMSOLL_PASSWORD", password));
        let answer: Value = serde_json::from_str(&tool.run().exits(0).stdout).unwrap();
        let errors: Vec<String> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        answer
    };
    let public = answer(&["inspect", &path("imported/imp-rsa3072.pub")], None);
    assert_eq!((&public["kind"], &public["algorithm"]), (&"public".into(), &"RSA 3072".into()));
    let sealed = answer(&["inspect", &path("imported/imp-ec521.key")], None);
    assert_eq!((&sealed["kind"], &sealed["encryption"]["n"]), (&"private".into(), &65536.into()));
    assert_eq!(sealed.get("algorithm"), None);
    let opened = answer(&["inspect", &path("imported/imp-ec521.key")], Some("test"));
    assert_eq!(opened["algorithm"], "ECDSA P-521");
    let asked = answer(&["public", "--key", &path("imported/imp-ec521.key")], Some("test"));
    assert_eq!(asked["fingerprint"], opened["fingerprint"]);
    let mut other = public;
    other["schema"] = "plimsoll.key/v2".into();
    assert!(!validator.is_valid(&other));
}
