//! `plimsoll sign-blob`, `verify-blob`, `attest-blob`, `verify-blob-attestation`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign");
const KEYS: [&str; 7] = ["ec256", "ec384", "ec521", "ed25519", "rsa2048", "rsa3072", "rsa4096"];

/// A folder with a file and two key pairs.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "content").unwrap();
    fs::write(folder.path().join("other"), "content of another").unwrap();
    for name in ["k", "stranger"] {
        run(&folder, &["keygen", "--output", &format!("[DIR]/{name}")]).exits(0);
    }
    folder
}

fn tool(folder: &TempDir, args: &[&str]) -> Plimsoll {
    Plimsoll::new().args(args.iter().copied()).dir(folder).env("PLIMSOLL_PASSWORD", "secret")
}

fn run(folder: &TempDir, args: &[&str]) -> Run {
    tool(folder, args).run()
}

fn sign(folder: &TempDir) {
    run(folder, &["sign-blob", "--key", "[DIR]/k.key", "--bundle", "[DIR]/sig", "[DIR]/file"]).exits(0);
}

fn attest(folder: &TempDir, kind: &str, file: &[&str]) -> Run {
    let args = [
        "attest-blob",
        "--key",
        "[DIR]/k.key",
        "--type",
        kind,
        "--bundle",
        "[DIR]/att",
        "--predicate",
        "[DIR]/p",
    ];
    run(folder, &[&args[..], file].concat())
}

const VERIFY: [&str; 5] = ["verify-blob", "--key", "[DIR]/k.pub", "--bundle", "[DIR]/sig"];
const STATED: [&str; 5] = ["verify-blob-attestation", "--key", "[DIR]/k.pub", "--bundle", "[DIR]/att"];

fn digest(folder: &TempDir, file: &str) -> String {
    plimsoll::base::Digest::of(&fs::read(folder.path().join(file)).unwrap()).to_string()
}

/// Every signature that both cosigns made, by every key: yes for the signer's key, no for each other; and by digest.
#[test]
fn what_cosign_signed_verifies_with_its_key_only() {
    let file = &format!("{ROOT}/blob/blob.txt")[..];
    let sha256 = &plimsoll::base::Digest::of(&fs::read(file).unwrap()).to_string()[..];
    let verify = |key: &str, option: &str, proof: &str, what: &[&str]| {
        let key = format!("{ROOT}/keys/imported/imp-{key}.pub");
        let proof = format!("{ROOT}/blob/{proof}");
        Plimsoll::new().args(["verify-blob", "--key", &key, option, &proof]).args(what.iter().copied()).run()
    };
    for signer in KEYS {
        for (option, ending) in
            [("--signature", "c2.sig"), ("--bundle", "c2.sigstore.json"), ("--bundle", "c3.sigstore.json")]
        {
            let proof = &format!("{signer}.{ending}")[..];
            let good = verify(signer, option, proof, &[file]).exits(0);
            assert!(good.stdout.contains(sha256), "{}", good.stdout);
            for other in KEYS.into_iter().filter(|other| *other != signer) {
                let bad = verify(other, option, proof, &[file]).exits(1);
                assert_eq!(bad.stdout, "");
                assert!(
                    bad.stderr.contains("(PLM-S01)") || bad.stderr.contains("(PLM-S02)"),
                    "{}",
                    bad.stderr
                );
            }
            let changed = verify(signer, option, proof, &[&format!("{ROOT}/blob/expect.tsv")]).exits(1);
            assert!(changed.stderr.contains("(PLM-S"), "{}", changed.stderr);
            // cosign 3 signs longer hashes with larger keys; Ed25519 signs no hash.
            let by_digest = verify(signer, option, proof, &["--digest", sha256]);
            match (signer, ending) {
                ("ed25519", _) | ("ec384" | "ec521", "c3.sigstore.json") => {
                    assert!(by_digest.exits(3).stderr.contains("(PLM-S51)"));
                }
                _ => drop(by_digest.exits(0)),
            }
        }
        // A statement is not a signature, by nobody's key.
        let stated = verify(signer, "--bundle", &format!("{signer}.c3.att.sigstore.json"), &[file]).exits(1);
        assert_eq!(stated.stdout, "");
        assert!(stated.stderr.contains("(PLM-S50)"), "{}", stated.stderr);
    }
}

#[test]
fn what_is_signed_here_verifies_here() {
    let folder = folder();
    let run_sign = ["sign-blob", "--key", "[DIR]/k.key", "--bundle", "[DIR]/sig", "[DIR]/file"];
    let told = run(&folder, &run_sign).exits(0);
    let digest = digest(&folder, "file");
    assert_eq!(told.stdout, format!("signed [DIR]/file {digest}\n  in [DIR]/sig\n"));
    let verified = run(&folder, &[&VERIFY[..], &["[DIR]/file"]].concat()).exits(0);
    assert!(
        verified.stdout.starts_with(&format!("verified [DIR]/file {digest}\n  signed by key sha256:")),
        "{}",
        verified.stdout
    );
    assert_eq!(verified.stderr, "");
    run(&folder, &[&VERIFY[..], &["--digest", &digest]].concat()).exits(0);
    tool(&folder, &[&VERIFY[..], &["-"]].concat()).stdin("content").run().exits(0);
    // Anything else is not what was signed.
    run(&folder, &[&VERIFY[..], &["[DIR]/other"]].concat()).exits(1);
    tool(&folder, &[&VERIFY[..], &["-"]].concat()).stdin("content\n").run().exits(1);
    let strangers = ["verify-blob", "--key", "[DIR]/stranger.pub", "--bundle", "[DIR]/sig", "[DIR]/file"];
    let refused = run(&folder, &strangers).exits(1);
    assert_eq!(refused.stdout, "");
    for part in ["nothing proves that it is signed: [DIR]/file (PLM-S02)", "`plimsoll explain PLM-S02`"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
}

#[test]
fn what_is_piped_in_is_signed_and_never_taken_for_a_password() {
    let folder = folder();
    let sign = ["sign-blob", "--key", "[DIR]/k.key", "--bundle", "[DIR]/sig", "-"];
    tool(&folder, &sign).stdin("content").run().exits(0);
    run(&folder, &[&VERIFY[..], &["[DIR]/file"]].concat()).exits(0);
    let without = Plimsoll::new().args(sign).dir(&folder).stdin("secret\ncontent").run().exits(2);
    assert!(without.stderr.contains("standard input is the content to sign"), "{}", without.stderr);
}

#[test]
fn a_statement_is_about_its_file_and_of_its_type() {
    let folder = folder();
    fs::write(folder.path().join("p"), "{ \"n\": 12345678901234567890,\n \"a\": 1.0 }").unwrap();
    let digest = digest(&folder, "file");
    let told = attest(&folder, "vuln", &["[DIR]/file"]).exits(0);
    assert!(
        told.stdout.starts_with(&format!(
            "attested [DIR]/file {digest} (https://cosign.sigstore.dev/attestation/vuln/v1)"
        )),
        "{}",
        told.stdout
    );
    let verify = |more: &[&str]| run(&folder, &[&STATED[..], more].concat());
    let good = verify(&["--type", "vuln", "[DIR]/file"]).exits(0);
    assert!(
        good.stdout.contains(&digest) && good.stdout.contains("/vuln/v1\n  stated by key sha256:"),
        "{}",
        good.stdout
    );
    verify(&["--type", "vuln", "--digest", &digest]).exits(0);
    verify(&["--any-type", "[DIR]/file"]).exits(0);
    let json = verify(&["--any-type", "--format", "json", "[DIR]/file"]).exits(0).stdout;
    assert!(json.contains("12345678901234567890") && json.contains("1.0"), "the signer's own bytes: {json}");
    for (more, code) in [
        (&["--type", "openvex", "[DIR]/file"][..], "PLM-B04"),
        (&["--type", "vuln", "[DIR]/other"], "PLM-S04"),
        (&["--any-type", "[DIR]/other"], "PLM-S04"),
    ] {
        let bad = verify(more).exits(1);
        assert_eq!(bad.stdout, "");
        assert!(bad.stderr.contains(&format!("({code})")), "{}", bad.stderr);
    }
    // A statement is no signature, and a signature states nothing.
    let swapped =
        run(&folder, &["verify-blob", "--key", "[DIR]/k.pub", "--bundle", "[DIR]/att", "[DIR]/file"])
            .exits(1);
    assert!(swapped.stderr.contains("(PLM-S50)"), "{}", swapped.stderr);
    sign(&folder);
    let swapped = [
        "verify-blob-attestation",
        "--key",
        "[DIR]/k.pub",
        "--bundle",
        "[DIR]/sig",
        "--any-type",
        "[DIR]/file",
    ];
    assert!(run(&folder, &swapped).exits(1).stderr.contains("(PLM-S11)"));
}

#[test]
fn a_statement_names_the_file_without_its_folders() {
    let folder = folder();
    fs::write(folder.path().join("p"), "{}").unwrap();
    let digest = digest(&folder, "file");
    let payload = || {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let bundle: Value = serde_json::from_slice(&fs::read(folder.path().join("att")).unwrap()).unwrap();
        let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        statement["subject"].clone()
    };
    let hex = digest.trim_start_matches("sha256:");
    attest(&folder, "custom", &["[DIR]/file"]).exits(0);
    assert_eq!(payload(), json!([{"name": "file", "digest": {"sha256": hex}}]));
    attest(&folder, "custom", &["--hash", &digest]).exits(0);
    assert_eq!(payload(), json!([{"digest": {"sha256": hex}}]));
    tool(
        &folder,
        &[
            "attest-blob",
            "--key",
            "[DIR]/k.key",
            "--type",
            "custom",
            "--bundle",
            "[DIR]/att",
            "--predicate",
            "[DIR]/p",
            "-",
        ],
    )
    .stdin("content")
    .run()
    .exits(0);
    assert_eq!(payload(), json!([{"digest": {"sha256": hex}}]));
    run(&folder, &[&STATED[..], &["--type", "custom", "[DIR]/file"]].concat()).exits(0);
}

// CVE-2026-39395: "verified" was said of payloads that did not parse, and of other types.
#[test]
fn cve_2026_39395_a_payload_that_does_not_parse_proves_nothing() {
    use plimsoll::base::Secret;
    use plimsoll::crypto::{Form, PrivateKey};
    use plimsoll::format::dsse::{Envelope, pre_authentication_encoding};
    use plimsoll::format::statement::PAYLOAD_TYPE;
    let folder = folder();
    let pem = fs::read_to_string(folder.path().join("k.key")).unwrap();
    let key = PrivateKey::from_encrypted_pem(&pem, &Secret::new(b"secret".to_vec())).unwrap();
    let digest = digest(&folder, "file");
    let hex = digest.trim_start_matches("sha256:");
    let subject = format!(r#""subject":[{{"digest":{{"sha256":"{hex}"}}}}]"#);
    let kind = r#""predicateType":"https://cosign.sigstore.dev/attestation/vuln/v1""#;
    let good = format!(r#"{{"_type":"https://in-toto.io/Statement/v1",{subject},{kind},"predicate":{{}}}}"#);
    for (payload, payload_type, code) in [
        (&good[..], PAYLOAD_TYPE, None),
        ("", PAYLOAD_TYPE, Some("PLM-S09")),
        ("not json", PAYLOAD_TYPE, Some("PLM-S09")),
        ("[]", PAYLOAD_TYPE, Some("PLM-S09")),
        ("{}", PAYLOAD_TYPE, Some("PLM-S09")),
        (&good[1..], PAYLOAD_TYPE, Some("PLM-S09")),
        (&good.replace("v1\",\"subject", "v2\",\"subject"), PAYLOAD_TYPE, Some("PLM-S09")),
        (&good.replace("\"_type\"", "\"type\""), PAYLOAD_TYPE, Some("PLM-S09")),
        (&good.replace("\"predicate\":{}", "\"predicate\":[]"), PAYLOAD_TYPE, Some("PLM-S09")),
        (&good.replace("/vuln/", "/VULN/"), PAYLOAD_TYPE, Some("PLM-B04")),
        (&good.replace("vuln/v1", "vuln/v1/"), PAYLOAD_TYPE, Some("PLM-B04")),
        (&good.replace(hex, &hex.to_uppercase()), PAYLOAD_TYPE, Some("PLM-S04")),
        (&good, "text/plain", Some("PLM-S08")),
    ] {
        let signed = pre_authentication_encoding(payload_type, payload.as_bytes());
        let signature = key.sign(Form::Envelope, &signed).unwrap();
        let envelope = Envelope::write(payload_type, payload.as_bytes(), &signature);
        let bundle = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{}}}},"dsseEnvelope":{envelope}}}"#
        );
        fs::write(folder.path().join("att"), bundle).unwrap();
        let run = run(&folder, &[&STATED[..], &["--type", "vuln", "[DIR]/file"]].concat());
        match code {
            None => drop(run.exits(0)),
            Some(code) => {
                let run = run.exits(1);
                assert_eq!(run.stdout, "");
                assert!(run.stderr.contains(&format!("({code})")), "{payload}: {}", run.stderr);
            }
        }
    }
}

// GHSA-8gw7-4j42-w388: a bundle that did not parse was passed over.
#[test]
fn ghsa_8gw7_4j42_w388_a_bundle_that_does_not_parse_is_no_answer() {
    let folder = folder();
    sign(&folder);
    let bundle = fs::read_to_string(folder.path().join("sig")).unwrap();
    for (broken, code) in [
        ("", 3),
        ("{}", 3),
        (&bundle[..bundle.len() - 1], 3),
        (&bundle.replacen('{', "{\"x\":1,", 1), 3),
        (&bundle.replacen("\"signature\":\"", "\"signature\":\"AAAA", 1), 1),
    ] {
        fs::write(folder.path().join("sig"), broken).unwrap();
        let run = run(&folder, &[&VERIFY[..], &["[DIR]/file"]].concat()).exits(code);
        assert_eq!(run.stdout, "", "{broken}");
    }
    for broken in ["", "?", "AAAA AAAA", "-----BEGIN-----"] {
        fs::write(folder.path().join("sig"), broken).unwrap();
        let bare = ["verify-blob", "--key", "[DIR]/k.pub", "--signature", "[DIR]/sig", "[DIR]/file"];
        let run = run(&folder, &bare);
        assert!(run.code != 0 && run.stdout.is_empty(), "{broken}: {run:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = folder();
    sign(&folder);
    let no = run(&folder, &[&VERIFY[..], &["[DIR]/no"]].concat()).exits(2);
    assert!(no.stderr.contains("[DIR]/no does not exist"), "{}", no.stderr);
    run(&folder, &VERIFY).exits(2);
    run(&folder, &[&VERIFY[..], &["[DIR]/file", "--digest", &digest(&folder, "file")]].concat()).exits(2);
    run(&folder, &[&VERIFY[..], &["--digest", "sha256:00"]].concat()).exits(2);
    run(&folder, &["verify-blob", "--key", "[DIR]/k.pub", "[DIR]/file"]).exits(2);
    // Neither a type nor the word that any will do.
    run(&folder, &["verify-blob-attestation", "--key", "[DIR]/k.pub", "--bundle", "[DIR]/sig", "[DIR]/file"])
        .exits(2);
}

#[test]
fn the_json_answers_are_as_their_schemas_say() {
    let folder = folder();
    fs::write(folder.path().join("p"), "{}").unwrap();
    let schema = |text: &str| jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap();
    let made = schema(include_str!("../../schemas/sign-blob.v1.schema.json"));
    let checked = schema(include_str!("../../schemas/verify-blob.v1.schema.json"));
    let answer = |schema: &jsonschema::Validator, args: &[&str], code: i32| {
        let run = run(&folder, &[args, &["--format", "json"]].concat()).exits(code);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        let errors: Vec<String> = schema.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {answer}");
        answer
    };
    answer(&made, &["sign-blob", "--key", "[DIR]/k.key", "--bundle", "[DIR]/sig", "[DIR]/file"], 0);
    let attest = [
        "attest-blob",
        "--key",
        "[DIR]/k.key",
        "--type",
        "custom",
        "--predicate",
        "[DIR]/p",
        "--bundle",
        "[DIR]/att",
        "[DIR]/file",
    ];
    assert_eq!(answer(&made, &attest, 0)["kind"], "attestation");
    let good = answer(&checked, &[&VERIFY[..], &["[DIR]/file"]].concat(), 0);
    assert_eq!((&good["verdict"], &good["kind"]), (&json!("verified"), &json!("signature")));
    let stated = answer(&checked, &[&STATED[..], &["--type", "custom", "[DIR]/file"]].concat(), 0);
    assert_eq!(stated["predicate"], json!({}));
    let refused = answer(&checked, &[&VERIFY[..], &["[DIR]/other"]].concat(), 1);
    assert_eq!((&refused["verdict"], &refused["reason"]["code"]), (&json!("refused"), &json!("PLM-S39")));
    let other = answer(&checked, &[&STATED[..], &["--type", "vuln", "[DIR]/file"]].concat(), 1);
    assert_eq!(other["reason"]["code"], "PLM-B04");
    for (from, member) in [(&good, "signer"), (&stated, "predicate"), (&refused, "reason")] {
        let mut less = from.clone();
        less.as_object_mut().unwrap().remove(member);
        assert!(!checked.is_valid(&less), "{member}");
    }
}

#[test]
fn a_statement_that_is_there_already_is_signed_byte_for_byte() {
    let folder = folder();
    let digest = digest(&folder, "file");
    let hex = digest.trim_start_matches("sha256:");
    let statement = format!(
        "{{ \"_type\":\"https://in-toto.io/Statement/v1\",\n \"subject\":[{{\"name\":\"x\",\"digest\":{{\"sha256\":\"{hex}\"}}}}],\
         \"predicateType\":\"https://example.com/t/v1\", \"predicate\":{{\"n\":1.0}}}}\n"
    );
    fs::write(folder.path().join("s"), &statement).unwrap();
    let attest = ["attest-blob", "--key", "[DIR]/k.key", "--statement", "[DIR]/s", "--bundle", "[DIR]/att"];
    let told = run(&folder, &attest).exits(0);
    assert!(told.stdout.contains(&format!("{digest} (https://example.com/t/v1)")), "{}", told.stdout);
    run(&folder, &[&STATED[..], &["--type", "https://example.com/t/v1", "[DIR]/file"]].concat()).exits(0);
    let bundle = fs::read_to_string(folder.path().join("att")).unwrap();
    let payload = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(&statement)
    };
    assert!(bundle.contains(&payload), "{bundle}");
    fs::remove_file(folder.path().join("att")).unwrap();
    for wrong in [
        statement.replace("/v1\",", "/v9\","),
        statement.replace("https://example.com/t/v1", "https://sigstore.dev/cosign/sign/v1"),
        statement.replace("sha256", "gitCommit"),
        "{}".to_owned(),
        "not json".to_owned(),
    ] {
        fs::write(folder.path().join("s"), &wrong).unwrap();
        run(&folder, &attest).exits(2);
        assert!(!folder.path().join("att").exists(), "{wrong}");
    }
    for more in [&["--type", "custom"][..], &["--hash", &digest], &["[DIR]/file"]] {
        run(&folder, &[&attest[..], more].concat()).exits(2);
    }
}

/// Every type of key signs a file and its statement; the file is read from standard input as well.
#[test]
fn every_type_of_key_signs_files() {
    let folder = folder();
    for name in KEYS {
        let (key, public) =
            (format!("{ROOT}/keys/imported/imp-{name}.key"), format!("{ROOT}/keys/imported/imp-{name}.pub"));
        let sign = ["sign-blob", "--key", &key, "--bundle", "[DIR]/sig", "-"];
        tool(&folder, &sign).env("PLIMSOLL_PASSWORD", "test").stdin("content").run().exits(0);
        let verify = ["verify-blob", "--key", &public, "--bundle", "[DIR]/sig"];
        run(&folder, &[&verify[..], &["[DIR]/file"]].concat()).exits(0);
        run(&folder, &[&verify[..], &["[DIR]/other"]].concat()).exits(1);
    }
}

/// What an identity signed is checked by identity: the right one, in a bundle, with its trusted root.
#[test]
fn an_identity_is_asked_for_by_both_its_halves() {
    let keyless = |name: &str| format!("{ROOT}/keyless/{name}");
    let subject = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let issuer = "https://token.actions.githubusercontent.com";
    let verify = |bundle: &str, root: &str, subject: &str, issuer: &str, file: &str| {
        let who = ["--certificate-identity", subject, "--certificate-oidc-issuer", issuer];
        let args =
            ["verify-blob", "--trusted-root", &keyless(root), "--bundle", &keyless(bundle), &keyless(file)];
        Plimsoll::new().args(args).args(who).run()
    };
    for (bundle, root, code) in [
        ("blob-rekor1", "trusted_root.json", None),
        ("blob-rekor2-tsa", "trusted_root.json", None),
        ("blob-rekor2-notsa", "trusted_root.json", Some("PLM-S36")),
        ("blob-rekor1", "trusted_root-ca-ended.json", Some("PLM-S18")),
        ("blob-rekor1", "trusted_root-rekor-key-ended.json", Some("PLM-S31")),
        ("image-rekor1", "trusted_root.json", Some("PLM-S50")),
    ] {
        let bundle = format!("{bundle}.sigstore.json");
        let run = verify(&bundle, root, subject, issuer, "blob.txt");
        match code {
            None => {
                let run = run.exits(0);
                assert!(
                    run.stdout.contains(&format!("signed by {subject} ({issuer}) at 20")),
                    "{}",
                    run.stdout
                );
                for (subject, issuer, file, code) in [
                    ("https://github.com/acme/app", issuer, "blob.txt", "PLM-S22"),
                    (subject, "https://issuer.example.com", "blob.txt", "PLM-S21"),
                    (subject, issuer, "trusted_root.json", "PLM-S39"),
                ] {
                    let run = verify(&bundle, root, subject, issuer, file).exits(1);
                    assert_eq!(run.stdout, "");
                    assert!(run.stderr.contains(&format!("({code})")), "{code}: {}", run.stderr);
                }
            }
            Some(code) => {
                let run = run.exits(1);
                assert_eq!(run.stdout, "");
                assert!(run.stderr.contains(&format!("({code})")), "{bundle} {root}: {}", run.stderr);
            }
        }
    }
    let key = format!("{ROOT}/keys/cosign3.pub");
    let bundle = keyless("blob-rekor1.sigstore.json");
    let by_key =
        Plimsoll::new().args(["verify-blob", "--key", &key, "--bundle", &bundle, &keyless("blob.txt")]).run();
    assert!(by_key.exits(1).stderr.contains("(PLM-S07)"));
}
