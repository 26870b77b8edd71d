//! The client for sigstore-conformance, and real bundles of the public Sigstore through it: `testdata/conformance`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::plimsoll::program;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn client(args: &[String]) -> Output {
    Command::new(format!("{ROOT}/tests/conformance/client"))
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PLIMSOLL", program())
        .output()
        .expect("a shell runs the client")
}

/// Runs the client; a digest that the protocol has no place for goes to plimsoll as the client would hand it on.
fn ask(args: &[String]) -> Output {
    match args.split_last() {
        Some((digest, rest)) if digest.starts_with("sha512:") => {
            let mut command = Command::new(program());
            command.arg("verify-blob-attestation").args(&rest[1..]).args(["--any-type", "--digest", digest]);
            command.env_clear().output().expect("the program starts")
        }
        _ => client(args),
    }
}

/// Exit code 0, or the first code of a refusal.
fn verdict(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => "verified".to_owned(),
        Some(_) => match said.split_once("(PLM-") {
            Some((_, rest)) => format!("PLM-{}", rest.split(')').next().unwrap()),
            // Why a bundle or a trusted root cannot be read.
            None => said
                .lines()
                .rfind(|line| line.contains("cause: "))
                .unwrap_or(&said)
                .replace("plimsoll: cause: ", ""),
        },
        None => panic!("killed: {said}"),
    }
}

struct Case {
    name: String,
    folder: PathBuf,
}

impl Case {
    fn path(&self, file: &str) -> Option<String> {
        let path = self.folder.join(file);
        path.exists().then(|| path.to_str().unwrap().to_owned())
    }

    fn text(&self, file: &str, or: &str) -> String {
        self.path(file).map_or(or.to_owned(), |path| fs::read_to_string(path).unwrap().trim().to_owned())
    }

    /// In the order of the protocol.
    fn args(&self, what: &str) -> Vec<String> {
        let mut args = vec!["verify-bundle".to_owned()];
        args.extend(self.path("staging").map(|_| "--staging".to_owned()));
        args.extend(["--bundle".to_owned(), self.path("bundle.sigstore.json").unwrap()]);
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        match self.path("key.pub") {
            Some(key) => option("--key", key),
            None => {
                option("--certificate-identity", self.text("identity", IDENTITY));
                option("--certificate-oidc-issuer", self.text("issuer", ISSUER));
            }
        }
        if let Some(root) = self.path("trusted_root.json") {
            option("--trusted-root", root);
        }
        args.push(what.to_owned());
        args
    }

    /// What is verified: the file by path and by digest, or the digest alone.
    fn artifacts(&self) -> Vec<String> {
        let digest = self.text("digest", "");
        if !digest.is_empty() {
            return vec![digest];
        }
        let file =
            self.path("artifact").unwrap_or(format!("{ROOT}/testdata/conformance/bundle-verify/a.txt"));
        let digest = plimsoll::base::Digest::of(&fs::read(&file).unwrap());
        vec![file, digest.to_string()]
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(ROOT).join("testdata/conformance/bundle-verify");
    let mut cases: Vec<Case> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|folder| Case { name: folder.file_name().unwrap().to_str().unwrap().to_owned(), folder })
        .collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!cases.is_empty());
    cases
}

/// `expect.tsv`: the case, and why it is refused. The name tells the verdict, as in the suite; a case that fails for another reason proves
/// nothing.
#[test]
fn every_case_has_the_verdict_of_its_name_for_its_reason() {
    let text = fs::read_to_string(format!("{ROOT}/testdata/conformance/expect.tsv")).unwrap();
    let mut expected: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap())
        .collect();
    let mut wrong = Vec::new();
    for case in cases() {
        let want = expected.remove(case.name.as_str());
        for artifact in case.artifacts() {
            let found = verdict(&ask(&case.args(&artifact)));
            let fails = case.name.ends_with("_fail");
            if Some(found.as_str()) != want || fails == (found == "verified") {
                wrong.push(format!("{}\t{found}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
    assert!(expected.is_empty(), "no such case: {expected:?}");
}

/// The same bundles for somebody else, for another file, and for another trusted root.
#[test]
fn no_good_case_is_good_for_something_else() {
    let other = format!("{ROOT}/Cargo.toml");
    let key = format!("{ROOT}/keys-example/example.pub");
    for case in cases().into_iter().filter(|case| !case.name.ends_with("_fail")) {
        let file = case.artifacts().remove(0);
        let name = &case.name;
        let mut tries = vec![("another file", case.args(&other))];
        for (option, value) in [
            ("--certificate-identity", "mallory@example.com"),
            ("--certificate-oidc-issuer", "https://issuer.example.com"),
            ("--key", &key),
        ] {
            let mut args = case.args(&file);
            if let Some(at) = args.iter().position(|arg| arg == option) {
                args[at + 1] = value.to_owned();
                tries.push((option, args));
            }
        }
        for (what, args) in tries {
            let output = ask(&args);
            assert!(!output.status.success(), "{name}: {what}");
            assert!(output.stdout.is_empty(), "{name}: {what}");
            assert!(verdict(&output).starts_with("PLM-S"), "{name}: {what}: {}", verdict(&output));
        }
    }
}

#[test]
fn the_protocol_is_spoken_strictly() {
    let case = Case {
        name: String::new(),
        folder: Path::new(ROOT).join("testdata/conformance/bundle-verify/managed-key-happy-path"),
    };
    let file = format!("{ROOT}/testdata/conformance/bundle-verify/a.txt");
    let good = case.args(&file);
    assert!(client(&good).status.success());
    // With --staging another root is the default, which does not know the log.
    let staging = [&good[..1], &["--staging".to_owned()], &good[1..]].concat();
    assert_eq!(verdict(&client(&staging)), "PLM-S41");
    let both = [
        &good[..5],
        &["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER].map(str::to_owned),
        &good[5..],
    ]
    .concat();
    let mut unknown = good.clone();
    unknown[1] = "--no-such-option".to_owned();
    for args in [&both[..], &unknown, &good[..5], &good[..1], &[], &["frobnicate".to_owned(), "x".to_owned()]]
    {
        let output = client(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let missing = case.args("no-such-file");
    assert_eq!(client(&missing).status.code(), Some(1));
}

/// `sign-bundle` against services on loopback, then `verify-bundle` of what it wrote: a file, and a statement about it.
#[test]
fn the_client_signs_with_a_token_and_verifies_it() {
    use crate::sigstore::{Rekor, Services};
    let (mail, issuer) = ("release@acme.test", "https://accounts.acme.test");
    let services = Services::start("fake.test");
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let digest = plimsoll::base::Digest::of(b"content");
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"file","digest":{{"sha256":"{}"}}}}],"predicateType":"https://example.com/t/v1","predicate":{{}}}}"#,
        digest.hex()
    );
    for (name, content) in [
        ("file", "content".to_owned()),
        ("statement", statement),
        ("root.json", services.sigstore().trusted_root().to_string()),
        ("one.json", services.signing_config(Rekor::One).to_string()),
        ("two.json", services.signing_config(Rekor::Two).to_string()),
    ] {
        fs::write(path(name), content).unwrap();
    }
    let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let (bundle, root, token) = (path("bundle"), path("root.json"), services.token(mail, issuer));
    for config in ["one.json", "two.json"] {
        for (in_toto, file) in [(&[][..], "file"), (&["--in-toto"], "statement")] {
            let config = path(config);
            let rest = [
                "--identity-token",
                &token,
                "--bundle",
                &bundle,
                "--trusted-root",
                &root,
                "--signing-config",
                &config,
            ];
            let signed = client(&args(&[&["sign-bundle"], in_toto, &rest, &[&path(file)]].concat()));
            assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
            for what in [path("file"), digest.to_string()] {
                let who = ["--certificate-identity", mail, "--certificate-oidc-issuer", issuer];
                let verify =
                    [&["verify-bundle", "--bundle", &bundle], &who[..], &["--trusted-root", &root, &what]];
                assert_eq!(verdict(&client(&args(&verify.concat()))), "verified");
            }
        }
    }
    let config = path("one.json");
    let bad = [
        "sign-bundle",
        "--identity-token",
        "no.token",
        "--bundle",
        &bundle,
        "--signing-config",
        &config,
        &path("file"),
    ];
    assert!(!client(&args(&bad)).status.success());
}
