//! Of kyverno.

use plimsoll::base::Digest;
use plimsoll::format::manifest::{OCI_INDEX, OCI_MANIFEST};
use plimsoll::verify::{CertificateLogDemand, LogDemand, Trust};
use serde_json::json;

use super::keyless::{ISSUER, SUBJECT, at, check, code, matcher, signed, trust};
use super::{refused, shop, soon};
use crate::registry::{Fault, Mode};
use crate::sigstore::Sigstore;

/// GHSA-m3cq-xcx9-3gvm: a registry may answer the same question differently the second time.
#[test]
fn cve_2022_47633_a_tag_is_asked_once_and_what_it_said_is_verified() {
    let shop = shop();
    shop.sign(&shop.ours);
    let evil = br#"{"schemaVersion":2,"evil":true}"#;
    shop.registry.fault(Fault::on("* /v2/team/app/manifests/v1", Mode::Substitute(evil.to_vec())).after(1));
    let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]).exits(0);
    assert!(
        run.stdout.contains(&format!("allowed [HOST]/team/app:v1@{}", shop.image.digest)),
        "{}",
        run.stdout
    );
    let asked = shop.registry.request_lines();
    assert_eq!(asked.iter().filter(|line| line.ends_with("/manifests/v1")).count(), 1, "{asked:?}");
    // The other image is not the one that was signed.
    let run = shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]);
    assert_ne!(run.code, 0);
    assert!(!run.stdout.contains(&format!("@{}", shop.image.digest)), "{}", run.stdout);
}

/// GHSA-3hfq-cx9j-923w: a digest is what the bytes hash to, not what a header says.
#[test]
fn cve_2023_47630_the_registry_s_header_is_not_the_digest() {
    let shop = shop();
    shop.sign(&shop.ours);
    let signed = shop.image.digest.to_string();
    let evil = br#"{"schemaVersion":2,"evil":true}"#.to_vec();
    let tag = "GET /v2/team/app/manifests/v1";
    shop.registry.fault(Fault::on(tag, Mode::Body(evil.clone())));
    refused(shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]), 3, &["error: "]);
    shop.registry.fault(Fault::on(tag, Mode::Header("Docker-Content-Digest", signed.clone())));
    refused(shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]), 3, &["error: "]);
    refused(shop.run(["resolve", "[HOST]/team/app:v1"]), 3, &["error: "]);
    // A referrer with another body is not the referrer.
    shop.registry.behave();
    shop.registry.fault(Fault::on("GET /v2/team/app/manifests/sha256:*", Mode::Substitute(evil)));
    refused(shop.verify(), 3, &["PLM-E02"]);
}

/// GHSA-46mp-8w32-6g94: a field that is not looked at must not be there.
#[test]
fn cve_2025_29778_a_field_that_means_nothing_is_an_error() {
    let shop = shop();
    shop.sign(&shop.ours);
    let rule =
        |require: &str| format!("  - {{name: ours, images: [\"HOST/team/app\"], require: {{{require}}}}}\n");
    shop.policy(&rule("signature: {by: ours}"));
    shop.by_policy().exits(0);
    for field in
        ["subjectRegExp: x", "issuerRegExp: x", "subject: x", "issuer: x", "identities: []", "By: theirs"]
    {
        shop.policy(&rule(&format!("signature: {{by: ours, {field}}}")));
        refused(shop.by_policy(), 2, &["PLM-P"]);
        shop.policy(&rule(&format!("signature: {{by: ours}}, {field}")));
        refused(shop.by_policy(), 2, &["PLM-P"]);
    }
    // And each that means something, means it.
    for demand in [
        "signature: {by: theirs}",
        "signature: {by: ours, annotations: {a: b}}",
        "signature: {by: {all: [ours, theirs]}}",
    ] {
        shop.policy(&rule(demand));
        refused(shop.by_policy(), 1, &["PLM-E0"]);
    }
}

/// Manifests and signatures without end.
#[test]
fn cve_2023_42813_cve_2023_42814_cve_2023_42815_cve_2023_42816_nothing_is_read_without_end() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": vec![
        json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(b"x").to_string(), "size": 1}); 50_000]});
    for mode in [
        Mode::Endless,
        Mode::Body(deep.into_bytes()),
        Mode::Body(many.to_string().into_bytes()),
        Mode::HeaderFlood(100_000),
        Mode::Redirect("http://{host}{target}".to_owned()),
        Mode::TooMany("1".to_owned()),
    ] {
        for pattern in ["GET /v2/team/app/manifests/*", "GET /v2/team/app/referrers/*"] {
            let shop = shop();
            shop.sign(&shop.ours);
            shop.registry.fault(Fault::on(pattern, mode.clone()));
            let what = format!("{pattern} {:.40}", format!("{mode:?}"));
            let run = soon(|| shop.run(["verify", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"]));
            assert_eq!(run.code, 3, "{what}: {}{}", run.stdout, run.stderr);
        }
    }
}

/// What an image or its referrers say about having been verified is nothing.
#[test]
fn kyverno_16336_an_annotation_is_no_verdict() {
    let shop = shop();
    let said = json!({
        "kyverno.io/verify-images": r#"{"image":"pass"}"#,
        "dev.sigstore.bundle.verified": "true",
        "dev.cosignproject.cosign/signature": "true",
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": said,
        "artifactType": super::BUNDLE, "layers": [],
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
        "subject": {"mediaType": OCI_MANIFEST, "digest": shop.image.digest.to_string(), "size": shop.image.size},
    });
    shop.attach_manifest(manifest.to_string().as_bytes(), shop.image.digest, super::BUNDLE);
    refused(shop.verify(), 1, &["PLM-S13"]);
}

/// What is not said is the strict answer: a certificate that no log holds is refused unless somebody says that it may.
#[test]
fn kyverno_17125_nothing_is_ignored_by_default() {
    let sigstore = Sigstore::new("good.test");
    let unlogged = signed(&sigstore.signing(SUBJECT, ISSUER, at()).without_promise());
    assert_eq!(code(&unlogged, &sigstore), "PLM-S19");
    let root = || trust(&sigstore.trusted_root());
    let lenient = Trust { certificate_log: CertificateLogDemand::NotRequired, ..root() };
    assert!(check(unlogged.to_string().as_bytes(), matcher(), lenient).is_ok());
    let unpublished = signed(&sigstore.signing(SUBJECT, ISSUER, at()).log(None).stamped());
    assert_eq!(code(&unpublished, &sigstore), "PLM-S24");
    let lenient = Trust { log: LogDemand::NotRequired, ..root() };
    assert!(check(unpublished.to_string().as_bytes(), matcher(), lenient).is_ok());
}
