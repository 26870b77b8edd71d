//! `verify` and `attach` with the options that name a signer who has no key.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::plimsoll::{Plimsoll, Run};
use crate::verify::checked_json;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keyless");

fn run(args: &[&str]) -> Run {
    Plimsoll::new().args(args.iter().copied()).run()
}

fn layout(name: &str) -> String {
    format!("oci:{VECTORS}/registry/{name}/oci:v1")
}

/// By the workflow that made the vectors, under their trusted root.
fn verify(options: &[&str], name: &str) -> Run {
    let root = format!("{VECTORS}/trusted_root.json");
    run(&[&["verify", "--trusted-root", &root], options, &[&layout(name)]].concat())
}

const EXACT: [&str; 4] = ["--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", ACTIONS];

#[test]
fn what_cosign_signed_without_a_key_verifies() {
    for name in ["kl-rekor1", "kl-rekor2", "kl-legacy"] {
        let said = verify(&EXACT, name).exits(0).stdout;
        assert!(said.starts_with("allowed oci:"), "{said}");
        assert!(said.contains(&format!("signed by {WORKFLOW} ({ACTIONS}), at ")), "{said}");
        assert!(!said.contains("not checked"), "{said}");
    }
    // Stamped and in no log.
    let said = verify(&EXACT, "kl-legacy-tsa").exits(1).stdout;
    assert!(said.contains("PLM-S24"), "{said}");
    let said = verify(&[&EXACT[..], &["--insecure-ignore-tlog"]].concat(), "kl-legacy-tsa").exits(0).stdout;
    assert!(said.contains("not checked: transparency log, at ") && said.contains(" by tsa"), "{said}");
    let glob = "https://github.com/acme/app/.github/workflows/*@refs/heads/main";
    verify(&["--certificate-identity-glob", glob, "--certificate-oidc-issuer", ACTIONS], "kl-rekor1")
        .exits(0);
    let claim = ["--certificate-claim", "source_repository=https://github.com/acme/app"];
    verify(&[&EXACT[..], &claim].concat(), "kl-rekor1").exits(0);
}

#[test]
fn whoever_is_not_meant_is_refused_and_named() {
    for (options, code, who) in [
        (
            &["--certificate-identity", "me@example.com", "--certificate-oidc-issuer", ACTIONS][..],
            "PLM-S22",
            WORKFLOW,
        ),
        (&["--certificate-identity", WORKFLOW, "--certificate-oidc-issuer", ISSUER], "PLM-S21", ACTIONS),
        (&[&EXACT[..], &["--certificate-claim", "build_trigger=release"]].concat(), "PLM-S23", "push"),
        (&[&EXACT[..], &["--certificate-claim", "token_subject=x"]].concat(), "PLM-S23", "token_subject"),
    ] {
        let said = verify(options, "kl-rekor1").exits(1).stdout;
        assert!(said.starts_with("denied "), "{said}");
        assert!(said.contains(code) && said.contains(who), "{said}");
    }
    // The public Sigstore did not certify it.
    let said = run(&[&["verify"], &EXACT[..], &[&layout("kl-rekor1")]].concat()).exits(1).stdout;
    assert!(said.contains("PLM-S"), "{said}");
}

#[test]
fn a_key_that_is_asked_about_a_certificate_says_what_to_ask_instead() {
    let folder = site("");
    let args = ["verify", "--key", "[DIR]/key.pub"];
    let run = Plimsoll::new().args(args).arg(layout("kl-rekor1")).dir(&folder).run().exits(1);
    assert!(run.stdout.contains("PLM-S07"), "{}", run.stdout);
    assert!(
        run.stdout.contains("next: ask who signed it: plimsoll verify --certificate-identity "),
        "{}",
        run.stdout
    );
}

/// Nothing verified is not verified (chainloop #3397): neither without a signer, nor where no rule is about the image.
#[test]
fn chainloop_3397_no_rule_matches_is_a_denial() {
    let text = format!(
        "version: plimsoll.trust/v1\nname: acme\nrevision: 1\nexpires: 2099-01-01T00:00:00Z\n\
         trust_roots:\n  site: {{trusted_root: root.json}}\n\
         signers:\n  release: {{keyless: {{root: site, issuer: {ACTIONS}, subject: {{equals: \"{WORKFLOW}\"}}}}}}\n\
         rules:\n  - {{name: ours, images: [\"{NAME}\"], require: {{signature: {{by: release}}}}}}\n"
    );
    let folder = site(&text);
    for (name, code) in
        [(NAME, 0), ("registry.example.com/team/app2", 1), ("registry.example.org/team/app", 1)]
    {
        let args = ["verify", "--policy", "[DIR]/trust.yaml", "--as", name];
        let run = Plimsoll::new().args(args).arg(layout("kl-rekor1")).dir(&folder).run().exits(code);
        assert_eq!(run.stdout.contains("PLM-R01"), code == 1, "{}", run.stdout);
    }
    Plimsoll::new().args(["verify", "--policy", "[DIR]/trust.yaml"]).dir(&folder).run().exits(2);
}

#[test]
fn half_a_question_is_refused() {
    for (options, want) in [
        (&["--certificate-identity", WORKFLOW][..], "--certificate-oidc-issuer <URL>"),
        (&["--certificate-oidc-issuer", ACTIONS], "alone names nobody"),
        (
            &["--certificate-identity-regexp", "acme", "--certificate-oidc-issuer", ACTIONS],
            "--certificate-identity-glob",
        ),
        (
            &[
                "--certificate-identity-glob",
                "https://github.com/acme*",
                "--certificate-oidc-issuer",
                ACTIONS,
            ],
            "acme-evil",
        ),
        (&["--certificate-identity", "a", "--certificate-oidc-issuer", "https://*"], "compared exactly"),
        (&[&EXACT[..], &["--key", "release.pub"]].concat(), "cannot be used with"),
        (&[&EXACT[..], &["--policy", "trust.yaml"]].concat(), "cannot be used with"),
        (&["--policy", "trust.yaml"], "cannot be used with"),
        (&["--insecure-ignore-tlog"], "--key <KEY>"),
    ] {
        let said = verify(options, "kl-rekor1").exits(2).stderr;
        assert!(said.contains(want), "{options:?}: {said}");
    }
}

#[test]
fn a_trusted_root_that_is_none_is_refused() {
    let root = format!("{VECTORS}/blob.txt");
    let image = layout("kl-rekor1");
    let args = [&["verify", "--trusted-root", &root], &EXACT[..], &[&image]].concat();
    let said = run(&args).exits(2).stderr;
    assert!(said.contains("blob.txt is not a trusted root   PLM-T01"), "{said}");
    assert!(said.contains("`plimsoll trusted-root update --output FILE`"), "{said}");
    assert!(!said.contains("`cosign"), "{said}");
    let folder = site(&" ".repeat(2 << 20));
    fs::write(folder.path().join("long.json"), " ".repeat(2 << 20)).unwrap();
    let args = [&["verify", "--trusted-root", "[DIR]/long.json"], &EXACT[..], &[&image]].concat();
    let said = Plimsoll::new().args(args).dir(&folder).run().exits(2).stderr;
    assert!(said.contains("long.json is not a trusted root   PLM-T01"), "{said}");
    let args = ["verify", "--policy", "[DIR]/trust.yaml", "--as", NAME, &image];
    let said = Plimsoll::new().args(args).dir(&folder).run().exits(2).stderr;
    assert!(said.contains("larger than") && said.contains("PLM-P01"), "{said}");
}

#[test]
fn checks_that_are_left_out_are_named() {
    let relaxed = ["--insecure-ignore-tlog", "--insecure-ignore-sct"];
    let said = verify(&[&EXACT[..], &relaxed].concat(), "kl-rekor1").exits(0).stdout;
    assert!(said.contains("\n ! not demanded: certificate log, transparency log\n"), "{said}");
    assert!(said.contains("not checked: certificate log"), "{said}");
    // Also where it does not help.
    let other = ["--certificate-identity", "me@example.com", "--certificate-oidc-issuer", ACTIONS];
    let said = verify(&[&other[..], &relaxed].concat(), "kl-rekor1").exits(1).stdout;
    assert!(said.contains("not demanded: certificate log, transparency log"), "{said}");
}

#[test]
fn the_json_answer_says_who_when_and_how() {
    let run = verify(&[&EXACT[..], &["--insecure-ignore-sct", "--format", "json"]].concat(), "kl-rekor1");
    let answer = checked_json(&run.exits(0), "verify");
    assert_eq!(
        answer["policy"]["relaxed"],
        json!([{"root": "command line", "skipped": ["certificate log"]}])
    );
    let candidate = &answer["images"][0]["requirements"][0]["candidates"][0];
    let proof = &candidate["proof"];
    assert_eq!(proof["author"]["subject"], WORKFLOW);
    assert_eq!(proof["author"]["issuer"], ACTIONS);
    assert_eq!(proof["author"]["claims"]["source_owner_id"], "2");
    assert_eq!(proof["provenTimes"], json!([{"at": "2025-06-01T12:02:00Z", "source": "rekor"}]));
    assert_eq!(proof["checked"], json!(["signature", "certificate", "transparency log", "proven time"]));
    assert_eq!(proof["skipped"], json!(["certificate log"]));
}

/// A folder with a policy, keys and trusted roots.
fn site(policy: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("root.json"), keyless("trusted_root.json")).unwrap();
    fs::write(folder.path().join("key.pub"), KEY.public().to_pem()).unwrap();
    fs::write(folder.path().join("trust.yaml"), policy).unwrap();
    folder
}

#[test]
fn a_policy_file_with_a_trusted_root_beside_it() {
    let text = format!(
        "version: plimsoll.trust/v1\nname: acme\nrevision: 1\nexpires: 2099-01-01T00:00:00Z\n\
         trust_roots:\n  site: {{trusted_root: root.json}}\n\
         signers:\n  release:\n    keyless:\n      root: site\n      issuer: {ACTIONS}\n      subject: {{equals: \"{WORKFLOW}\"}}\n      claims: {{source_repository: \"https://github.com/acme/app\"}}\n\
         rules:\n  - name: ours\n    images: [\"{NAME}\"]\n    require: {{signature: {{by: release}}}}\n"
    );
    let check = |text: &str| {
        let folder = site(text);
        let args = ["verify", "--policy", "[DIR]/trust.yaml", "--as", NAME];
        Plimsoll::new().args(args).arg(layout("kl-rekor2")).dir(&folder).run()
    };
    let said = check(&text).exits(0).stdout;
    assert!(said.contains(" by acme rev 1 "), "{said}");
    assert!(said.contains(&format!("signed by release, {WORKFLOW} ({ACTIONS}), at ")), "{said}");
    let relaxed = text.replace("root.json}", "root.json, log: none, sct: none}");
    let said = check(&relaxed).exits(0).stdout;
    assert!(
        said.contains("\n ! trust root site: not demanded: certificate log, transparency log\n"),
        "{said}"
    );
    let said = check(&text.replace("acme/app\"}\nrules", "acme/other\"}\nrules")).exits(1).stdout;
    assert!(said.contains("PLM-S23"), "{said}");
    let said = check(&text.replace("/workflows/release.yml", "/workflows/*.yml")).exits(1).stdout;
    assert!(said.contains("PLM-S22"), "{said}");
    let said = check(&text.replace("equals", "glob")).exits(2).stderr;
    assert!(said.contains("trust.yaml:12:16: signers.release.keyless.subject:"), "{said}");
    assert!(said.contains("PLM-P25") && said.contains("there is no `*`"), "{said}");
    let said = check(&text.replace("root.json", "roots.json")).exits(2).stderr;
    assert!(said.contains("PLM-P24"), "{said}");
}

/// With a trusted root, the log entries beside a key's signature are checked too.
#[test]
fn a_key_with_a_trusted_root_must_be_logged() {
    let folder = TempDir::new().unwrap();
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
    let run = |args: &[&str]| {
        let plimsoll = Plimsoll::new().args(args.iter().copied()).env("PLIMSOLL_PASSWORD", "test");
        plimsoll.dir(&folder).run()
    };
    fs::write(folder.path().join("root.json"), SITE.trusted_root().to_string()).unwrap();
    let layout = unpack(image, &folder);
    run(&["keygen", "--output", "[DIR]/k"]).exits(0);
    run(&["sign", "--key", "[DIR]/k.key", "--as", "example.com/app", &layout]).exits(0);
    let verify = |options: &[&str]| run(&[&["verify", "--key", "[DIR]/k.pub"], options, &[&layout]].concat());
    verify(&[]).exits(0);
    // What cosign's users type; nobody demands a log of a plain key.
    verify(&["--insecure-ignore-tlog"]).exits(0);
    let root = ["--trusted-root", "[DIR]/root.json"];
    let said = verify(&root).exits(1).stdout;
    assert!(said.contains("PLM-S24"), "{said}");
    let said = verify(&[&root[..], &["--insecure-ignore-tlog"]].concat()).exits(0).stdout;
    assert!(said.contains("not demanded: transparency log"), "{said}");
}

/// The archive as a layout that can be written to.
fn unpack(archive: &str, folder: &TempDir) -> String {
    let place = folder.path().join("layout");
    tar::Archive::new(fs::File::open(archive).unwrap()).unpack(&place).unwrap();
    "oci:[DIR]/layout".to_owned()
}

/// What a certificate says is a stranger's text.
#[test]
fn names_in_certificates_cannot_write_to_the_terminal() {
    let folder = TempDir::new().unwrap();
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
    let layout = unpack(image, &folder);
    let root = SITE.trusted_root().to_string();
    fs::write(folder.path().join("root.json"), root).unwrap();
    let index: Value =
        serde_json::from_slice(&fs::read(folder.path().join("layout/index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let (_, hex) = digest.split_once(':').unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": hex}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    });
    let subject = "https://evil.example/\u{1b}]0;owned\u{7}\u{1b}[2Jallowed";
    let signing = SITE.signing(subject, ISSUER, at("2026-06-01T12:00:00Z"));
    let made = signing.envelope("application/vnd.in-toto+json", statement.to_string().as_bytes());
    fs::write(folder.path().join("b.json"), made.to_string()).unwrap();
    let run = |args: &[&str]| Plimsoll::new().args(args.iter().copied()).dir(&folder).run();
    run(&["attach", "--bundle", "[DIR]/b.json", &layout]).exits(0);
    let who = ["--certificate-identity", "me@example.com", "--certificate-oidc-issuer", ISSUER];
    let args = [&["verify", "--trusted-root", "[DIR]/root.json"], &who[..], &[&layout]].concat();
    for said in [run(&args).exits(1), run(&[&args[..], &["--format", "json"]].concat()).exits(1)] {
        assert!(said.stdout.contains("owned"), "{}", said.stdout);
        assert!(!said.stdout.contains('\u{1b}') && !said.stdout.contains('\u{7}'), "{}", said.stdout);
    }
}

#[test]
fn attach_checks_who_signed() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("root.json"), keyless("trusted_root.json")).unwrap();
    fs::write(folder.path().join("b.json"), keyless("image-rekor1.sigstore.json")).unwrap();
    let from = format!("{VECTORS}/registry/kl-legacy/oci");
    copy_folder(from.as_ref(), &folder.path().join("layout"));
    let attach = |who: &[&str]| {
        let args = [&["attach", "--bundle", "[DIR]/b.json", "--trusted-root", "[DIR]/root.json"], who];
        Plimsoll::new().args(args.concat()).arg("oci:[DIR]/layout:v1").dir(&folder).run()
    };
    let stranger = ["--certificate-identity", "me@example.com", "--certificate-oidc-issuer", ACTIONS];
    let said = attach(&stranger).exits(1).stderr;
    assert!(said.contains("b.json cannot be attached") && said.contains(WORKFLOW), "{said}");
    let run = attach(&[&EXACT[..], &["--format", "json"]].concat()).exits(0);
    let answer = checked_json(&run, "attached");
    assert_eq!((&answer["verified"], &answer["added"]), (&json!(true), &json!(true)));
}

/// How a signer is checked says nothing when nobody is named.
#[test]
fn a_trusted_root_alone_attaches_nothing() {
    for option in [&["--trusted-root", "root.json"][..], &["--insecure-ignore-tlog"]] {
        let said =
            run(&[&["attach", "--bundle", "b.json"], option, &["oci:layout"]].concat()).exits(2).stderr;
        assert!(said.contains("none is named"), "{said}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// On stderr, whatever the verdict; the answer does not change.
#[test]
fn a_wide_pattern_is_warned_about() {
    let any = "https://github.com/acme/*/.github/workflows/release.yml@refs/heads/main";
    let by = ["--certificate-identity-glob", any, "--certificate-oidc-issuer", ACTIONS];
    let run = verify(&by, "kl-rekor1").exits(0);
    assert!(run.stderr.contains("fits more than one workflow file or repository"), "{}", run.stderr);
    let run = verify(&EXACT, "kl-rekor1").exits(0);
    assert_eq!(run.stderr, "");
}
