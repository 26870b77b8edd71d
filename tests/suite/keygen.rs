//! `plimsoll keygen`.

use std::fs;
use std::path::Path;

use plimsoll::base::Secret;
use plimsoll::crypto::{PrivateKey, PublicKey};
use tempfile::TempDir;

use crate::plimsoll::Plimsoll;

fn keygen(folder: &TempDir) -> Plimsoll {
    Plimsoll::new().args(["keygen", "--output", "[DIR]/k"]).dir(folder)
}

/// The key pair, if the password opens it and its halves belong together.
fn open(folder: &TempDir, password: &str) -> Option<PublicKey> {
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let private = PrivateKey::from_encrypted_pem(&read("k.key"), &Secret::new(password.into())).ok()?;
    let public = PublicKey::from_pem(&read("k.pub")).unwrap();
    assert_eq!(private.public(), public);
    Some(public)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn makes_a_key_pair_and_tells_its_fingerprint() {
    let folder = TempDir::new().unwrap();
    let run = keygen(&folder).env("PLIMSOLL_PASSWORD", "secret").run().exits(0);
    let public = open(&folder, "secret").unwrap();
    let want = format!(
        "private key: [DIR]/k.key (encrypted; keep it)\npublic key:  [DIR]/k.pub (give it away)\nfingerprint: {}\n",
        public.fingerprint()
    );
    assert_eq!((run.stdout, run.stderr), (want, String::new()));
    #[cfg(unix)]
    assert_eq!((mode(&folder.path().join("k.key")), mode(&folder.path().join("k.pub"))), (0o600, 0o644));
}

#[test]
fn the_password_has_an_order_of_sources() {
    let both = [("PLIMSOLL_PASSWORD", "ours"), ("COSIGN_PASSWORD", "cosign")];
    for (environment, stdin, password) in [
        (&both[..], "piped", "ours"),
        (&both[1..], "piped", "cosign"),
        (&[], "piped", "piped"),
        (&[], "piped\n", "piped"),
        (&[], "piped\r\n", "piped"),
        (&[], "two\nlines\n\n", "two\nlines\n"),
        (&[], "\n", ""),
        // Set but empty is the empty password.
        (&[("PLIMSOLL_PASSWORD", ""), both[1]], "piped", ""),
    ] {
        let folder = TempDir::new().unwrap();
        let tool = environment.iter().fold(keygen(&folder), |tool, (name, value)| tool.env(name, *value));
        let run = tool.stdin(stdin).run().exits(0);
        assert!(open(&folder, password).is_some(), "{environment:?} {stdin:?}");
        assert_eq!(run.stderr.contains("the password is empty"), password.is_empty(), "{}", run.stderr);
    }
}

#[test]
fn no_password_and_an_endless_one_are_refused() {
    let folder = TempDir::new().unwrap();
    for (stdin, says) in [(Vec::new(), "none was given"), (vec![b'x'; 100_000], "longer than")] {
        let run = keygen(&folder).stdin(stdin).run().exits(2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn existing_files_are_replaced_by_force_only() {
    for existing in ["k.key", "k.pub"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(existing), "precious").unwrap();
        let run = keygen(&folder).env("PLIMSOLL_PASSWORD", "").run().exits(2);
        assert!(run.stderr.contains(&format!("[DIR]/{existing} exists already")), "{}", run.stderr);
        assert_eq!(fs::read_to_string(folder.path().join(existing)).unwrap(), "precious");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        keygen(&folder).arg("--force").env("PLIMSOLL_PASSWORD", "x").run().exits(0);
        assert!(open(&folder, "x").is_some());
        #[cfg(unix)]
        assert_eq!(mode(&folder.path().join("k.key")), 0o600);
    }
}

/// Half a pair is a key that nobody can verify with, and the old one would be lost for it.
#[test]
fn both_halves_are_written_or_none() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("k.key"), "precious").unwrap();
    fs::create_dir(folder.path().join("k.pub")).unwrap();
    let run = keygen(&folder).arg("--force").env("PLIMSOLL_PASSWORD", "x").run().exits(2);
    assert!(run.stderr.contains("[DIR]/k.pub is not a regular file"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("k.key")).unwrap(), "precious");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let tool = Plimsoll::new().args(["keygen", "--output", "[DIR]/no/k"]).dir(&folder);
    let run = tool.env("PLIMSOLL_PASSWORD", "x").run().exits(2);
    assert!(run.stderr.contains("cannot write [DIR]/no/k.key"), "{}", run.stderr);
}

#[test]
fn the_json_answer_is_as_its_schema_says() {
    let folder = TempDir::new().unwrap();
    let run = keygen(&folder).args(["--format", "json"]).env("PLIMSOLL_PASSWORD", "x").run().exits(0);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let schema = serde_json::from_str(include_str!("../../schemas/keygen.v1.schema.json")).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&answer).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(answer["fingerprint"], open(&folder, "x").unwrap().fingerprint().to_string());
    let mut other = answer;
    other["schema"] = "plimsoll.keygen/v2".into();
    assert!(!jsonschema::is_valid(&schema, &other));
}
