//! `plimsoll sign` and `plimsoll attest` as an identity, against the services of this suite.

use std::fs;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::Bundle;
use sigstore_verify::{VerificationPolicy, Verifier};
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::Registry;
use crate::sigstore::{GITHUB_ISSUER, GITHUB_SUBJECT, Mischief, Rekor, STAMP, Services, now, time};
use crate::verify::checked_json;

const MAIL: &str = "release@acme.test";
const ISSUER: &str = "https://accounts.acme.test";
const DIGEST: &str = "sha256:69deb3acbc6e23042f8ab64ab78451d8adacb05adc5eea64445e62eb57beb86e";

/// A registry with the small image as `app:1.0`, services, a token, and signing configs for both logs.
struct Port {
    registry: Registry,
    services: Services,
    folder: TempDir,
}

impl Port {
    fn new() -> Self {
        let registry = Registry::start();
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        assert_eq!(registry.push_layout(&image, "app", "1.0").to_string(), DIGEST);
        let port = Self { registry, services: Services::start("fake.test"), folder: TempDir::new().unwrap() };
        port.put("token", port.services.token(MAIL, ISSUER) + "\n");
        port.put("one.json", port.services.signing_config(Rekor::One).to_string());
        port.put("two.json", port.services.signing_config(Rekor::Two).to_string());
        port.put("root.json", port.services.sigstore().trusted_root().to_string());
        port.put("predicate.json", "{\"a\":1}");
        port
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn command(&self, args: &[&str]) -> Plimsoll {
        Plimsoll::new().args(args.iter().copied()).dir(&self.folder).registry(&self.registry)
    }

    /// `sign` with the token, and whatever else.
    fn sign(&self, args: &[&str]) -> Run {
        self.command(&[&["sign", "--identity-token", "[DIR]/token"], args, &["[HOST]/app:1.0"]].concat())
            .run()
    }

    /// The bundles that refer to the image.
    fn bundles(&self) -> Vec<Value> {
        let list = crate::registry::client::ask(
            &self.registry.host(),
            &format!("GET /v2/app/referrers/{DIGEST}"),
            "",
            b"",
        );
        let list: Value = serde_json::from_slice(&list.body).unwrap();
        let of = |descriptor: &Value| {
            let (_, manifest) =
                self.registry.manifest("app", descriptor["digest"].as_str().unwrap()).unwrap();
            let manifest: Value = serde_json::from_slice(&manifest).unwrap();
            let layer = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
            serde_json::from_slice(&self.registry.blob("app", layer).unwrap()).unwrap()
        };
        list["manifests"].as_array().unwrap().iter().map(of).collect()
    }

    fn image(&self) -> Vec<u8> {
        self.registry.manifest("app", DIGEST).unwrap().1
    }

    /// Checks a bundle about the image with another implementation.
    #[track_caller]
    fn verifies(&self, bundle: &Value, subject: &str, issuer: &str) {
        self.verifies_about(&self.image(), bundle, subject, issuer);
    }

    #[track_caller]
    fn verifies_file(&self, file: &[u8]) {
        let bundle = fs::read(self.folder.path().join("b.json")).unwrap();
        self.verifies_about(file, &serde_json::from_slice(&bundle).unwrap(), MAIL, ISSUER);
    }

    #[track_caller]
    fn verifies_about(&self, artifact: &[u8], bundle: &Value, subject: &str, issuer: &str) {
        let root = self.services.sigstore().trusted_root().to_string();
        let root = TrustedRoot::from_json(&root).unwrap();
        let bundle = Bundle::from_json(&bundle.to_string()).unwrap();
        let policy = VerificationPolicy::new(subject, issuer);
        Verifier::new(&root).unwrap().verify(artifact, &bundle, &policy).unwrap();
    }
}

#[test]
fn an_identity_signs_and_others_verify() {
    for (config, kind, promised) in [("one", "dsse", true), ("two", "hashedrekord", false)] {
        let port = Port::new();
        let config = format!("[DIR]/{config}.json");
        let run = port.sign(&["--signing-config", &config]).exits(0);
        assert!(run.stderr.contains(&format!("signing as {MAIL} (issuer {ISSUER})")), "{}", run.stderr);
        assert!(run.stdout.ends_with(&format!("\n  as {MAIL} ({ISSUER})\n")), "{}", run.stdout);
        let attest = ["attest", "--identity-token", "-", "--signing-config", &config, "--type", "custom"];
        let attest = [&attest[..], &["--predicate", "[DIR]/predicate.json", "[HOST]/app:1.0"]].concat();
        port.command(&attest).stdin(port.services.token(MAIL, ISSUER)).run().exits(0);
        let bundles = port.bundles();
        assert_eq!(bundles.len(), 2);
        for bundle in bundles {
            port.verifies(&bundle, MAIL, ISSUER);
            let material = &bundle["verificationMaterial"];
            let entry = &material["tlogEntries"][0];
            assert_eq!(entry["kindVersion"]["kind"], kind);
            assert_eq!(entry.get("inclusionPromise").is_some(), promised);
            let stamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
            assert_eq!(stamps.as_array().map(Vec::len), Some(1));
        }
    }
}

#[test]
fn services_are_named_by_url_too() {
    let port = Port::new();
    let (url, stamp) = (port.services.url(), port.services.stamp_url());
    let fulcio = ["--fulcio-url", &url];
    let one = ["--rekor-url", &url, "--rekor-version", "1"];
    let two = ["--rekor-url", &url, "--rekor-version", "2"];
    let stamped = ["--timestamp-url", &stamp];
    for (count, args) in [
        [&fulcio[..], &one].concat(),
        [&fulcio[..], &one, &stamped].concat(),
        [&fulcio[..], &two, &stamped].concat(),
        [&fulcio[..], &stamped].concat(),
    ]
    .iter()
    .enumerate()
    {
        port.sign(args).exits(0);
        assert_eq!(port.bundles().len(), count + 1);
    }
    // Nobody is asked who was not named.
    assert_eq!(port.services.log().iter().filter(|line| line.contains("/log/entries")).count(), 3);
    assert_eq!(port.services.log().iter().filter(|line| line.contains(STAMP)).count(), 3);
    // An entry in Rekor 2 has no time of its own.
    let timeless = port.sign(&[&fulcio[..], &two].concat()).exits(2);
    assert!(timeless.stderr.contains("nothing would prove when"), "{}", timeless.stderr);
}

#[test]
fn layers_of_cosign_2_carry_the_proofs() {
    let port = Port::new();
    port.sign(&["--signing-config", "[DIR]/one.json", "--storage", "both"]).exits(0);
    assert_eq!(port.bundles().len(), 1);
    let tag = format!("{}.sig", DIGEST.replace(':', "-"));
    let (_, manifest) = port.registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let annotations = &manifest["layers"][0]["annotations"];
    let has = |name: &str| annotations[format!("dev.sigstore.cosign/{name}")].as_str().unwrap();
    assert_eq!(has("certificate").matches("BEGIN CERTIFICATE").count(), 1);
    assert_eq!(has("chain"), port.services.sigstore().chain_pem());
    assert!(has("rfc3161timestamp").contains("SignedRFC3161Timestamp"));
    let bundle: Value = serde_json::from_str(has("bundle")).unwrap();
    let body = STANDARD.decode(bundle["Payload"]["body"].as_str().unwrap()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["kind"], "hashedrekord");
    let signature = &annotations["dev.cosignproject.cosign/signature"];
    assert_eq!(body["spec"]["signature"]["content"], *signature);
    // Asked before anything is signed.
    port.services.misbehave(Mischief::Status("/", 500));
    let refused = port.sign(&["--signing-config", "[DIR]/two.json", "--storage", "both"]).exits(2);
    assert!(refused.stderr.contains("--storage referrers"), "{}", refused.stderr);
}

/// One certificate for the run; an entry and a time stamp for every signature.
#[test]
fn an_index_is_signed_with_one_certificate() {
    let port = Port::new();
    let manifest = |name: &str| {
        let config = port.registry.put_blob("many", name.as_bytes());
        let content = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.to_string(), "size": name.len()},
            "layers": [],
        })
        .to_string();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let digest = port.registry.put_manifest("many", ":", kind, content.as_bytes());
        json!({"mediaType": kind, "digest": digest.to_string(), "size": content.len(), "platform": {"os": "linux", "architecture": name}})
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest("amd64"), manifest("arm64")],
    });
    let kind = "application/vnd.oci.image.index.v1+json";
    port.registry.put_manifest("many", "1.0", kind, index.to_string().as_bytes());
    let args =
        ["sign", "--identity-token", "[DIR]/token", "--signing-config", "[DIR]/two.json", "[HOST]/many:1.0"];
    port.command(&args).run().exits(0);
    let mut log = port.services.log();
    log.sort();
    let three = |line: &str| std::iter::repeat_n(line.to_owned(), 3).collect::<Vec<_>>();
    let want = [
        three(&format!("POST {STAMP}")),
        three("POST /api/v2/log/entries"),
        vec!["POST /api/v2/signingCert".to_owned()],
    ];
    assert_eq!(log, want.concat());
}

#[test]
fn ci_jobs_have_tokens_of_their_own() {
    let port = Port::new();
    let args =
        ["sign", "--oidc-provider", "github-actions", "--signing-config", "[DIR]/two.json", "[HOST]/app:1.0"];
    let [url, token] = port.services.github();
    let said = port.command(&args).env(url.0, url.1).env(token.0, token.1).run().exits(0);
    port.verifies(&port.bundles()[0], GITHUB_SUBJECT, GITHUB_ISSUER);
    assert!(said.stderr.contains("signing as repo:acme/app:ref:refs/heads/main"), "{}", said.stderr);
    assert!(
        said.stdout.ends_with(&format!("\n  as {GITHUB_SUBJECT} ({GITHUB_ISSUER})\n")),
        "{}",
        said.stdout
    );
    let named = format!("the certificate names {GITHUB_SUBJECT} (issuer {GITHUB_ISSUER})");
    assert!(said.stderr.contains(&named), "{}", said.stderr);
    let elsewhere = port.command(&args).run().exits(2);
    assert!(elsewhere.stderr.contains("ACTIONS_ID_TOKEN_REQUEST_URL is not set"), "{}", elsewhere.stderr);

    let args = ["sign", "--oidc-provider", "gitlab", "--signing-config", "[DIR]/two.json", "[HOST]/app:1.0"];
    let token = port.services.token("https://gitlab.test/acme/app//.gitlab-ci.yml@refs/heads/main", ISSUER);
    port.command(&args).env("SIGSTORE_ID_TOKEN", token).run().exits(0);
    let elsewhere = port.command(&args).run().exits(2);
    assert!(elsewhere.stderr.contains("id_tokens"), "{}", elsewhere.stderr);

    let args =
        ["sign", "--identity-token", "env://TOKEN", "--signing-config", "[DIR]/two.json", "[HOST]/app:1.0"];
    port.command(&args).env("TOKEN", port.services.token(MAIL, ISSUER)).run().exits(0);
    port.command(&args).run().exits(2);
}

/// Nobody could count such a signature as the token's holder's: nothing is stored, and there is no need for a trusted root to see it.
#[test]
fn services_that_contradict_each_other_get_nothing_stored() {
    let port = Port::new();
    for (config, mischief, says) in [
        (
            "two",
            Mischief::OtherName("other@acme.test"),
            "it names the subject `other@acme.test`, and the identity token `release@acme.test`",
        ),
        ("two", Mischief::OtherIssuer("https://other.test"), "it names the issuer `https://other.test`"),
        ("two", Mischief::NoCodeSigning, "not for signing code"),
        ("two", Mischief::StampClock(-3600), "the time stamp authority says"),
        ("two", Mischief::StampClock(3600), "the time stamp authority says"),
        ("one", Mischief::StampClock(3600), "the time stamp authority says"),
        ("one", Mischief::LogClock(-3600), "the transparency log says"),
        ("one", Mischief::LogClock(3600), "the transparency log says"),
    ] {
        port.services.misbehave(mischief.clone());
        let config = format!("[DIR]/{config}.json");
        let run = port.sign(&["--signing-config", &config, "--storage", "referrers"]).exits(3);
        assert!(run.stderr.contains(says), "{mischief:?}: {}", run.stderr);
        let to_file = ["--no-upload", "--bundle", "[DIR]/b.json"];
        port.sign(&[&["--signing-config", &config], &to_file[..]].concat()).exits(3);
        assert!(port.bundles().is_empty() && !port.folder.path().join("b.json").exists(), "{mischief:?}");
    }
    // Nobody entered or stamped what was signed in another's name.
    port.services.misbehave(Mischief::OtherName("other@acme.test"));
    let before = port.services.log().len();
    port.sign(&["--signing-config", "[DIR]/one.json"]).exits(3);
    assert_eq!(port.services.log()[before..], ["POST /api/v2/signingCert"]);
}

/// Whatever the services answer, nothing that they spoiled is stored.
#[test]
fn services_that_lie_get_nothing_stored() {
    let port = Port::new();
    for (mischief, says) in [
        (Mischief::OtherKey, "another key"),
        (Mischief::OtherEntry, "another signature"),
        (Mischief::OtherStamp, "something else than the signature"),
        (Mischief::OtherNonce, "another request"),
        (Mischief::Nonsense("/api/v2/signingCert"), "certificate authority"),
        (Mischief::Nonsense("/api/v2/log/entries"), "transparency log"),
        (Mischief::Nonsense(STAMP), "time stamp authority"),
        (Mischief::Status("/api/v2/signingCert", 500), "HTTP 500"),
        (Mischief::Status("/api/v2/log/entries", 503), "HTTP 503"),
        (Mischief::Status(STAMP, 404), "HTTP 404"),
        (Mischief::Endless("/api/v2/signingCert"), "larger than"),
        (Mischief::Endless("/api/v2/log/entries"), "larger than"),
        (Mischief::Endless(STAMP), "larger than"),
        (Mischief::Redirect("/api/v2/signingCert", "http://127.0.0.1:1".to_owned()), "redirects"),
        (Mischief::Redirect("/api/v2/log/entries", "http://127.0.0.1:1".to_owned()), "redirects"),
    ] {
        port.services.misbehave(mischief.clone());
        let run = port.sign(&["--signing-config", "[DIR]/two.json"]).exits(3);
        assert!(run.stderr.contains(says), "{mischief:?}: {}", run.stderr);
        assert!(port.bundles().is_empty(), "{mischief:?}");
        let token = port.services.token(MAIL, ISSUER);
        let claims = token.split('.').nth(1).unwrap();
        assert!(!run.stderr.contains(&claims[..40]), "{mischief:?}: {}", run.stderr);
    }
    // With a certificate for another key nobody is asked to enter or stamp anything.
    port.services.misbehave(Mischief::OtherKey);
    let before = port.services.log().len();
    port.sign(&["--signing-config", "[DIR]/one.json"]).exits(3);
    assert_eq!(port.services.log()[before..], ["POST /api/v2/signingCert"]);
    port.services.misbehave(Mischief::OtherEntry);
    let run = port.sign(&["--signing-config", "[DIR]/one.json"]).exits(3);
    assert!(run.stderr.contains("another signature"), "{}", run.stderr);
    port.services.misbehave(None);
    port.sign(&["--signing-config", "[DIR]/one.json"]).exits(0);
}

#[test]
fn nobody_is_asked_with_a_token_that_is_no_use() {
    let port = Port::new();
    let over = port.services.token_until(MAIL, ISSUER, time(now().seconds() - 1));
    for (token, says) in [
        (over.as_str(), "has expired"),
        ("hunter2", "three parts"),
        ("", "three parts"),
        ("a.b.c", "identity token"),
        (&"x".repeat(65 << 10), "larger"),
    ] {
        port.put("token", token);
        let run = port.sign(&["--signing-config", "[DIR]/two.json"]).exits(2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    assert!(port.services.log().is_empty());
    // Fulcio does not know the issuer's key.
    port.put("token", Services::start("other.test").token(MAIL, ISSUER));
    let run = port.sign(&["--signing-config", "[DIR]/two.json"]).exits(3);
    assert!(run.stderr.contains("HTTP 400"), "{}", run.stderr);
}

#[test]
fn nobody_is_asked_who_is_not_named() {
    let port = Port::new();
    let fulcio = port.services.url();
    for (args, code) in [
        (&[][..], 2),
        (&["--fulcio-url", &fulcio], 2),
        (&["--rekor-url", &fulcio, "--rekor-version", "1"], 2),
        (&["--fulcio-url", &fulcio, "--rekor-url", &fulcio], 2),
        (&["--fulcio-url", &fulcio, "--rekor-url", &fulcio, "--rekor-version", "3"], 2),
        (&["--fulcio-url", "http://fulcio.example", "--timestamp-url", &fulcio], 2),
        (&["--fulcio-url", &fulcio, "--signing-config", "[DIR]/two.json"], 2),
        (&["--key", "[DIR]/k.key", "--signing-config", "[DIR]/two.json"], 2),
        (&["--oidc-provider", "gitlab", "--signing-config", "[DIR]/two.json"], 2),
        (&["--signing-config", "[DIR]/predicate.json"], 2),
        (&["--signing-config", "[DIR]/absent.json"], 2),
        (&["--offline", "--signing-config", "[DIR]/two.json"], 3),
    ] {
        port.sign(args).exits(code);
    }
    port.command(&["sign", "--signing-config", "[DIR]/two.json", "[HOST]/app:1.0"]).run().exits(2);
    port.put(
        "plain.json",
        port.services.signing_config(Rekor::Two).to_string().replace("127.0.0.1", "192.0.2.1"),
    );
    let plain = port.sign(&["--signing-config", "[DIR]/plain.json"]).exits(2);
    assert!(plain.stderr.contains("HTTP without TLS"), "{}", plain.stderr);
    assert!(port.services.log().is_empty() && port.bundles().is_empty());
}

#[test]
fn a_bundle_goes_into_a_file_and_is_attached_later() {
    let port = Port::new();
    let signed = ["--signing-config", "[DIR]/two.json", "--no-upload", "--bundle", "[DIR]/b.json"];
    port.sign(&signed).exits(0);
    assert!(port.bundles().is_empty());
    let bundle = fs::read(port.folder.path().join("b.json")).unwrap();
    port.verifies(&serde_json::from_slice(&bundle).unwrap(), MAIL, ISSUER);
}

/// Nobody could verify what is signed with it, and the log would hold it for ever.
#[test]
fn a_certificate_that_has_ended_signs_nothing() {
    let port = Port::new();
    port.services.misbehave(Mischief::ExpiredCertificate);
    for config in ["[DIR]/one.json", "[DIR]/two.json"] {
        for root in [&[][..], &["--trusted-root", "[DIR]/root.json"]] {
            let run = port.sign(&[&["--signing-config", config], root].concat()).exits(3);
            assert!(run.stderr.contains("the certificate is good until"), "{}", run.stderr);
        }
    }
    assert!(port.bundles().is_empty());
    let asked = port.services.log();
    assert!(asked.iter().all(|asked| asked == "POST /api/v2/signingCert"), "{asked:?}");
}

/// A certificate is good for minutes, and a run may take longer.
#[test]
fn a_long_run_gets_another_certificate() {
    let port = Port::new();
    port.services.misbehave(Mischief::Hurry);
    port.sign(&["--signing-config", "[DIR]/one.json", "--storage", "both"]).exits(0);
    let asked = port.services.log();
    assert_eq!(asked.iter().filter(|asked| *asked == "POST /api/v2/signingCert").count(), 2, "{asked:?}");
    let bundles = port.bundles();
    assert_eq!(bundles.len(), 1);
    port.verifies(&bundles[0], MAIL, ISSUER);
}

/// With a trusted root, what is signed is verified as everybody will verify it, before it is stored.
#[test]
fn what_would_not_verify_is_not_stored() {
    let port = Port::new();
    port.put("other.json", Services::start("other.test").sigstore().trusted_root().to_string());
    for (mischief, says) in
        [(Mischief::NoSct, "certificate"), (Mischief::WrongNote, "entry about this signature")]
    {
        for config in ["[DIR]/one.json", "[DIR]/two.json"] {
            port.services.misbehave(mischief.clone());
            let run = port.sign(&["--signing-config", config, "--trusted-root", "[DIR]/root.json"]).exits(3);
            assert!(
                run.stderr.contains("does not verify") && run.stderr.contains(says),
                "{mischief:?}: {}",
                run.stderr
            );
        }
    }
    port.services.misbehave(None);
    port.sign(&["--signing-config", "[DIR]/two.json", "--trusted-root", "[DIR]/other.json"]).exits(3);
    port.sign(&["--signing-config", "[DIR]/two.json", "--trusted-root", "[DIR]/token"]).exits(2);
    assert!(port.bundles().is_empty());
    for (config, storage) in [("[DIR]/one.json", "both"), ("[DIR]/two.json", "referrers")] {
        let args = ["--signing-config", config, "--trusted-root", "[DIR]/root.json", "--storage", storage];
        port.sign(&args).exits(0);
    }
    let verify = |issuer: &str| {
        let args = ["verify", "--certificate-identity", MAIL, "--certificate-oidc-issuer", issuer];
        port.command(&[&args[..], &["--trusted-root", "[DIR]/root.json", "[HOST]/app:1.0"]].concat()).run()
    };
    verify(ISSUER).exits(0);
    verify("https://elsewhere.test").exits(1);
}

/// A layer keeps the chain that the authority gave, and verifiers look at all of it. A bundle keeps the signer's certificate alone.
#[test]
fn a_layer_is_checked_with_all_that_it_keeps() {
    let port = Port::new();
    port.services.misbehave(Mischief::ExpiredChain);
    let args = ["--signing-config", "[DIR]/one.json", "--trusted-root", "[DIR]/root.json"];
    let run = port.sign(&[&args[..], &["--storage", "both"]].concat()).exits(3);
    assert!(run.stderr.contains("does not verify"), "{}", run.stderr);
    // The bundle was stored before.
    assert!(run.stderr.contains("this signature was not stored"), "{}", run.stderr);
    assert_eq!(port.bundles().len(), 1);
    assert!(port.registry.manifest("app", &format!("{}.sig", DIGEST.replace(':', "-"))).is_none());
}

/// Who demands a time stamp, or two logs, would not count what one log alone has seen.
#[test]
fn what_fewer_have_witnessed_is_signed_again() {
    let port = Port::new();
    port.key("ec256");
    let (url, stamp) = (port.services.url(), port.services.stamp_url());
    let few = ["--rekor-url", &url, "--rekor-version", "1", "--trusted-root", "[DIR]/root.json"];
    let stamped = [&few[..], &["--timestamp-url", &stamp]].concat();
    let by_key = |args: &[&str]| port.with_key("ec256", &[&["sign"], args, &["[HOST]/app:1.0"]].concat());
    let by_identity = |args: &[&str]| port.sign(&[args, &["--fulcio-url", &url]].concat());
    let signers: [&dyn Fn(&[&str]) -> Run; 2] = [&by_key, &by_identity];
    for (signer, sign) in signers.into_iter().enumerate() {
        for (args, count) in [(&few[..], 1), (&stamped, 2), (&stamped, 2), (&few, 2)] {
            sign(args).exits(0);
            assert_eq!(port.bundles().len(), 2 * signer + count, "{args:?}");
        }
    }
    let mut config = port.services.signing_config(Rekor::One);
    let mut second = port.services.signing_config(Rekor::Two)["rekorTlogUrls"][0].clone();
    second["operator"] = json!("second");
    config["rekorTlogUrls"].as_array_mut().unwrap().push(second);
    config["rekorTlogConfig"] = json!({"selector": "ALL"});
    port.put("all.json", config.to_string());
    for _ in 0..2 {
        by_key(&["--signing-config", "[DIR]/all.json", "--trusted-root", "[DIR]/root.json"]).exits(0);
        assert_eq!(port.bundles().len(), 5);
    }
}

/// With a root that does not know the authority, nobody can tell what its stamp is worth.
#[test]
fn stamps_that_cannot_be_checked_are_not_stored() {
    let port = Port::new();
    port.key("ec256");
    let mut root = port.services.sigstore().trusted_root();
    let others = Services::start("other.test");
    root["timestampAuthorities"] = others.sigstore().trusted_root()["timestampAuthorities"].clone();
    port.put("root.json", root.to_string());
    let args = ["sign", "--signing-config", "[DIR]/one.json", "--trusted-root", "[DIR]/root.json"];
    let run = port.with_key("ec256", &[&args[..], &["[HOST]/app:1.0"]].concat()).exits(3);
    assert!(run.stderr.contains("does not verify"), "{}", run.stderr);
    port.sign(&args[1..]).exits(3);
    assert!(port.bundles().is_empty());
}

/// A certificate, an entry and a stamp are not asked for if it is known before that they will not count by the trusted root.
#[test]
fn nobody_is_asked_for_what_the_root_cannot_check() {
    let port = Port::new();
    port.key("ec256");
    let (url, stamp) = (port.services.url(), port.services.stamp_url());
    let config = ["--signing-config", "[DIR]/one.json"];
    let unlogged = ["--fulcio-url", &url, "--timestamp-url", &stamp];
    let by_key = |args: &[&str]| port.with_key("ec256", &[&["sign"], args, &["[HOST]/app:1.0"]].concat());
    let by_identity = |args: &[&str]| port.sign(args);
    let over = |list: &str| {
        let mut root = port.services.sigstore().trusted_root();
        for one in root[list].as_array_mut().unwrap() {
            let log = one.get("publicKey").is_some();
            let window = if log { &mut one["publicKey"]["validFor"] } else { &mut one["validFor"] };
            window["end"] = time(now().seconds() - 60).to_string().into();
        }
        root
    };
    let without = |list: &str| {
        let mut root = port.services.sigstore().trusted_root();
        root[list] = json!([]);
        root
    };
    let whole = port.services.sigstore().trusted_root();
    for (root, counts_for_keys, args, says) in [
        (whole, false, &unlogged[..], "no transparency log is named"),
        (without("tlogs"), true, &config, "knows 0 transparency logs that are good now, and 1 shall"),
        (over("tlogs"), true, &config, "knows 0 transparency logs"),
        (without("timestampAuthorities"), true, &config, "no time stamp authority that is good now"),
        (over("timestampAuthorities"), true, &config, "no time stamp authority"),
        (without("certificateAuthorities"), false, &config, "no certificate authority that is good now"),
        (over("certificateAuthorities"), false, &config, "no certificate authority"),
        (without("ctlogs"), false, &config, "no log of certificates that is good now"),
        (over("ctlogs"), false, &config, "no log of certificates"),
    ] {
        port.put("root.json", root.to_string());
        let args = [args, &["--trusted-root", "[DIR]/root.json"]].concat();
        for run in std::iter::once(by_identity(&args)).chain(counts_for_keys.then(|| by_key(&args))) {
            assert!(run.exits(2).stderr.contains(says), "{says}");
        }
    }
    assert_eq!(port.services.log(), Vec::<String>::new());
    // A key needs no certificate, whatever the signing config names.
    port.put("root.json", without("certificateAuthorities").to_string());
    by_key(&[&config[..], &["--trusted-root", "[DIR]/root.json"]].concat()).exits(0);
    // Without a root, nobody says that it must be in a log.
    by_identity(&unlogged).exits(0);
}

#[test]
fn files_are_signed_by_identities_too() {
    let port = Port::new();
    port.put("file", "content");
    let sign = [
        "--identity-token",
        "[DIR]/token",
        "--signing-config",
        "[DIR]/two.json",
        "--trusted-root",
        "[DIR]/root.json",
    ];
    let bundle = ["--bundle", "[DIR]/b.json", "[DIR]/file"];
    let identity = json!({"issuer": ISSUER, "subject": MAIL});
    let run = port.command(&[&["sign-blob", "--format", "json"], &sign[..], &bundle].concat()).run().exits(0);
    assert_eq!(checked_json(&run, "sign-blob")["identity"], identity);
    port.verifies_file(b"content");
    let run = port.sign(&[&sign[2..], &["--format", "json"]].concat()).exits(0);
    assert_eq!(checked_json(&run, "published")["identity"], identity);
    let attest = ["attest-blob", "--type", "custom", "--predicate", "[DIR]/predicate.json"];
    port.command(&[&attest, &sign[..], &bundle].concat()).run().exits(0);
    port.verifies_file(b"content");
}

/// Only a trusted root tells whether it was this identity that said it.
#[test]
fn what_an_identity_said_before_is_not_said_again() {
    for (config, storage) in [("[DIR]/one.json", "both"), ("[DIR]/two.json", "referrers")] {
        let port = Port::new();
        let layers = || {
            let tag = format!("{}.sig", DIGEST.replace(':', "-"));
            port.registry.manifest("app", &tag).map_or(0, |(_, manifest)| {
                let manifest: Value = serde_json::from_slice(&manifest).unwrap();
                manifest["layers"].as_array().unwrap().len()
            })
        };
        let both = usize::from(storage == "both");
        // A stranger's certificate names the same identity.
        let strangers = Services::start("other.test");
        port.put("other.json", strangers.signing_config(Rekor::One).to_string());
        port.put("token", strangers.token(MAIL, ISSUER));
        port.sign(&["--signing-config", "[DIR]/other.json", "--storage", storage]).exits(0);
        port.put("token", port.services.token(MAIL, ISSUER));
        let args = ["--signing-config", config, "--storage", storage, "--trusted-root", "[DIR]/root.json"];
        port.sign(&args).exits(0);
        assert_eq!((port.bundles().len(), layers()), (2, 2 * both));
        let asked = port.services.log();
        let again = port.sign(&args).exits(0);
        assert!(again.stdout.contains("by the same signer before, so nothing was added"), "{}", again.stdout);
        assert_eq!(port.services.log(), asked);
        assert_eq!((port.bundles().len(), layers()), (2, 2 * both));
        // Something else, somebody else, the same by force; and without a root nobody can tell.
        port.sign(&[&args[..], &["-a", "a=b"]].concat()).exits(0);
        port.put("token", port.services.token("other@acme.test", ISSUER));
        port.sign(&args).exits(0);
        port.put("token", port.services.token(MAIL, ISSUER));
        port.sign(&[&args[..], &["--force"]].concat()).exits(0);
        port.sign(&args[..4]).exits(0);
        assert_eq!((port.bundles().len(), layers()), (6, 6 * both));
    }
    // A workflow's name is in another claim than its token's subject.
    let port = Port::new();
    let config =
        ["--signing-config", "[DIR]/two.json", "--trusted-root", "[DIR]/root.json", "[HOST]/app:1.0"];
    for _ in 0..2 {
        let [url, token] = port.services.github();
        let args = [&["sign", "--oidc-provider", "github-actions"], &config[..]].concat();
        port.command(&args).env(url.0, url.1).env(token.0, token.1).run().exits(0);
    }
    assert_eq!(port.bundles().len(), 1);
}

impl Port {
    /// Runs with the key `[DIR]/NAME.key`.
    fn with_key(&self, name: &str, args: &[&str]) -> Run {
        let key = format!("[DIR]/{name}.key");
        self.command(&[&args[..1], &["--key", &key], &args[1..]].concat())
            .env("PLIMSOLL_PASSWORD", "test")
            .run()
    }

    /// Puts one of cosign's imported keys there.
    fn key(&self, name: &str) {
        for half in ["key", "pub"] {
            let file =
                format!("{}/testdata/cosign/keys/imported/imp-{name}.{half}", env!("CARGO_MANIFEST_DIR"));
            self.put(&format!("{name}.{half}"), fs::read(file).unwrap());
        }
    }
}

/// What logs and authorities say of a key's signature stands in the bundle, and verifies with the key and a trusted root.
#[test]
fn signatures_of_keys_are_witnessed_too() {
    for (key, config, storage) in [
        ("ec256", "[DIR]/one.json", "both"),
        ("ec256", "[DIR]/one.json", "legacy"),
        ("ec256", "[DIR]/two.json", "referrers"),
        ("rsa2048", "[DIR]/one.json", "legacy"),
        ("rsa2048", "[DIR]/one.json", "referrers"),
    ] {
        let port = Port::new();
        port.key(key);
        port.put("file", "content");
        port.put("other.json", Services::start("other.test").sigstore().trusted_root().to_string());
        let services = ["--signing-config", config, "--trusted-root", "[DIR]/root.json"];
        let at = ["--storage", storage, "[HOST]/app:1.0"];
        let attest = ["attest", "--type", "custom", "--predicate", "[DIR]/predicate.json"];
        let to_file = ["--bundle", "[DIR]/b.json", "[DIR]/file"];
        for _ in 0..2 {
            port.with_key(key, &[&["sign"], &services[..], &at].concat()).exits(0);
            port.with_key(key, &[&attest, &services[..], &at].concat()).exits(0);
        }
        let bundles = port.bundles();
        assert_eq!(bundles.len(), if storage == "legacy" { 0 } else { 2 }, "{key} {config}");
        for bundle in bundles {
            let material = &bundle["verificationMaterial"];
            assert!(material["publicKey"]["hint"].is_string());
            assert_eq!(material["tlogEntries"].as_array().unwrap().len(), 1);
        }
        port.with_key(key, &[&["sign-blob"], &services[..], &to_file].concat()).exits(0);
        let public = format!("[DIR]/{key}.pub");
        for (root, code) in [("[DIR]/root.json", 0), ("[DIR]/other.json", 1)] {
            let by = ["--key", &public, "--trusted-root", root];
            for (verb, rest) in [
                ("verify", &["[HOST]/app:1.0"][..]),
                ("verify", &["--type", "custom", "[HOST]/app:1.0"]),
                ("verify-blob", &["--bundle", "[DIR]/b.json", "[DIR]/file"]),
            ] {
                let run = port.command(&[&[verb], &by[..], rest].concat()).run();
                assert_eq!(run.code, code, "{key} {config} {verb} {root}: {}{}", run.stdout, run.stderr);
            }
        }
    }
}

#[test]
fn witnesses_of_keys_are_named_and_checked() {
    let port = Port::new();
    for name in ["ec256", "ec384", "ec521", "ed25519", "rsa2048"] {
        port.key(name);
    }
    let (url, stamp) = (port.services.url(), port.services.stamp_url());
    let rekor = |version: &'static str| ["--rekor-url", &url, "--rekor-version", version];
    let image = ["[HOST]/app:1.0"];
    for (version, args) in [("1", &["--timestamp-url", &*stamp][..]), ("2", &[])] {
        port.with_key("ec256", &[&["sign", "--force"], &rekor(version)[..], args, &image].concat()).exits(0);
    }
    port.with_key("ed25519", &["sign", "--timestamp-url", &stamp, image[0]]).exits(0);
    assert_eq!(port.bundles().len(), 3);
    assert!(port.services.log().iter().all(|asked| !asked.contains("signingCert")));
    // Without a trusted root nobody can tell what is known already.
    port.with_key("ec256", &[&["sign"], &rekor("2")[..], &image].concat()).exits(0);
    assert_eq!(port.bundles().len(), 4);
    let asked = port.services.log().len();
    for (key, args, says) in [
        ("ec256", &["--trusted-root", "[DIR]/root.json"][..], "--signing-config"),
        ("ec256", &["--fulcio-url", &url], "--identity-token"),
        ("ec256", &["--rekor-url", &url], "--rekor-version"),
        ("ec384", &rekor("1"), "an entry in Rekor 1 about a signature by ECDSA P-384"),
        ("ec521", &rekor("1"), "by ECDSA P-521"),
        ("ed25519", &rekor("2"), "by Ed25519"),
        ("rsa2048", &rekor("2"), "an entry in Rekor 2 about a signature by RSA 2048"),
    ] {
        let run = port.with_key(key, &[&["sign"], args, &image].concat()).exits(2);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    }
    assert_eq!(port.services.log().len(), asked);
    port.services.misbehave(Mischief::OtherEntry);
    for version in ["1", "2"] {
        let run = port.with_key("ec256", &[&["sign"], &rekor(version)[..], &image].concat()).exits(3);
        assert!(run.stderr.contains("another signature"), "{}", run.stderr);
    }
    port.services.misbehave(Mischief::WrongNote);
    let root = ["--trusted-root", "[DIR]/root.json"];
    let run =
        port.with_key("ec256", &[&["sign"], &rekor("2")[..], &root, &["--force"], &image].concat()).exits(3);
    assert!(run.stderr.contains("does not verify"), "{}", run.stderr);
    assert_eq!(port.bundles().len(), 4);
    let layers = ["--storage", "legacy"];
    let run = port.with_key("ec256", &[&["sign"], &rekor("2")[..], &layers, &image].concat()).exits(2);
    assert!(run.stderr.contains("--storage referrers"), "{}", run.stderr);
}
