//! Of notation, in-toto, slsa-verifier, gh, connaisseur and chainloop.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use plimsoll::base::{Digest, limits};
use plimsoll::format::manifest::OCI_MANIFEST;
use plimsoll::sign;
use serde_json::json;

use super::keyless::{ISSUER, SUBJECT, at, code, is_good, signed};
use super::{SPDX, VEX, refused, shop, soon};
use crate::plimsoll::{Plimsoll, program};
use crate::registry::{Account, Auth, Fault, Mode, Referrers, Registry};
use crate::sigstore::Sigstore;
use crate::verify::Shop;

/// GHSA-xhg5-42rf-296r: a good signature is about one image.
#[test]
fn cve_2023_33959_a_signature_of_another_image_is_none_of_this() {
    let shop = shop();
    let other = Digest::of(b"other");
    let bundle = sign::image_signature("r", other, &BTreeMap::new()).unwrap().signed_by(&shop.ours).unwrap();
    shop.attach(&bundle, &shop.image);
    refused(shop.verify(), 1, &["PLM-S04", &other.to_string()]);
    let layer = sign::legacy_signature("r", other, &BTreeMap::new()).signed_by(&shop.ours).unwrap();
    shop.tag(".sig", &[layer]);
    refused(shop.verify(), 1, &["PLM-S04", "signature tag"]);
}

/// Signatures without end.
#[test]
fn cve_2023_33957_cve_2023_33958_signatures_without_end_are_not_read_without_end() {
    let shop = shop();
    let layer = shop.legacy_signature(&shop.theirs);
    shop.registry.put_blob("team/app", &layer.content);
    let entry = json!({"mediaType": layer.media_type, "digest": Digest::of(&layer.content).to_string(), "size": layer.content.len(), "annotations": layer.annotations});
    let tag = |suffix: &str, layers: usize| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": vec![entry.clone(); layers],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
        });
        let tag = format!("{}{suffix}", shop.image.digest.to_string().replace(':', "-"));
        shop.registry.put_manifest("team/app", &tag, OCI_MANIFEST, manifest.to_string().as_bytes());
    };
    tag(".sig", limits::LAYERS + 1);
    refused(soon(|| shop.verify()), 3, &["PLM-E02"]);
    tag(".sig", 10);
    let lines = shop.verify().exits(1);
    assert!(lines.stdout.contains("PLM-S01"), "{}", lines.stdout);
    // One blob is fetched once, however often it is listed.
    let blobs = shop.registry.request_lines().iter().filter(|line| line.contains("/blobs/")).count();
    assert!(blobs <= 1, "{blobs}");
}

/// GHSA-57wx-m636-g3g8: what is let through unverified is not called verified, and an image that was recalled stays out.
#[test]
fn cve_2024_23332_an_image_that_is_only_tolerated_is_not_called_verified() {
    let shop = shop();
    shop.sign(&shop.ours);
    shop.policy("  - {name: old, images: [\"HOST/team/app\"], allow_unverified: {reason: being moved elsewhere, expires: 2998-01-01T00:00:00Z}}\n");
    let run = shop.by_policy().exits(0);
    assert!(run.stdout.contains("allow_unverified") && !run.stdout.contains("signed by"), "{}", run.stdout);
    let revoked = format!(
        "  - {{name: ours, images: [\"HOST/team/app\"], require: {{signature: {{by: ours}}}}}}\nrevoked:\n  - {{digest: \"{}\", reason: replaced by a later build, at: 2026-01-01T00:00:00Z}}\n",
        shop.image.digest,
    );
    shop.policy(&revoked);
    refused(shop.by_policy(), 1, &["PLM-K04"]);
}

/// A path or pattern must mean one thing.
#[test]
fn cve_2021_41087_ghsa_pmwq_pjrm_6p5r_a_pattern_that_two_readers_read_differently_is_refused() {
    let shop = shop();
    shop.sign(&shop.ours);
    for pattern in [
        "HOST/team/../team/app",
        "HOST/team/./app",
        "HOST//team/app",
        "HOST/team/app/..",
        "HOST/[!x]eam/app",
        "HOST/[^x]eam/app",
        "HOST/team/ap?",
        "HOST/team/{app,other}",
        "HOST/team/app*",
        "!HOST/team/other",
        "HOST/team\\\\app",
    ] {
        shop.policy(&format!(
            "  - {{name: ours, images: [\"{pattern}\"], require: {{signature: {{by: ours}}}}}}\n"
        ));
        refused(shop.by_policy(), 2, &["PLM-P"]);
    }
    // An exception is not stepped around by another spelling of the name.
    shop.policy("  - {name: ours, images: [\"HOST/team/**\"], except: [\"HOST/team/app\"], require: {signature: {by: ours}}}\n");
    refused(shop.by_policy(), 1, &["PLM-R01"]);
    for name in [
        "[HOST]/team/../team/app",
        "[HOST]/team/./app",
        "[HOST]/team//app",
        "[HOST]/TEAM/app",
        "[HOST]/team/%61pp",
    ] {
        let name = format!("{name}@{}", shop.image.digest);
        refused(shop.run(["verify", "--policy", "[DIR]/policy.yaml", &name]), 2, &[]);
    }
}

/// What lies in the working folder is somebody else's.
#[test]
fn cve_2023_32076_nothing_is_read_because_it_lies_in_the_working_folder() {
    let shop = shop();
    shop.sign(&shop.theirs);
    shop.policy("  - {name: all, images: [\"HOST/team/app\"], require: {signature: {by: theirs}}}\n");
    let here = tempfile::TempDir::new().unwrap();
    let policy = fs::read(shop.folder.path().join("policy.yaml")).unwrap();
    let key = fs::read(shop.folder.path().join("theirs.pub")).unwrap();
    for name in [
        "policy.yaml",
        "policy.yml",
        "plimsoll.yaml",
        ".plimsoll.yaml",
        "plimsoll.toml",
        ".plimsoll",
        ".plimsollrc",
        "trust-policy.yaml",
        ".env",
    ] {
        fs::write(here.path().join(name), &policy).unwrap();
    }
    for name in ["cosign.pub", "ours.pub", "theirs.pub", "plimsoll.pub", "key.pub"] {
        fs::write(here.path().join(name), &key).unwrap();
    }
    let image = shop.pinned().replace("[HOST]", &shop.registry.host());
    let run = |args: &[&str]| {
        Command::new(program()).args(args).arg(&image).current_dir(&here).env_clear().output().unwrap()
    };
    assert_eq!(run(&["verify"]).status.code(), Some(2));
    let ours = shop.folder.path().join("ours.pub");
    let run = run(&["verify", "--key", ours.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stdout).starts_with("denied "), "{run:?}");
}

/// GHSA-fgw4-v983-mgp8: that nothing was found is not that all is well.
#[test]
fn cve_2025_25204_no_attestation_of_the_type_is_a_no() {
    let shop = shop();
    let ask = || shop.run(["verify", "--key", "[DIR]/ours.pub", "--type", VEX, &shop.pinned()]);
    refused(ask(), 1, &["PLM-E01"]);
    shop.attest(SPDX, br#"{"spdxVersion":"SPDX-2.3"}"#, &shop.ours);
    refused(ask(), 1, &["PLM-E03"]);
    shop.policy(&format!("  - {{name: ours, images: [\"HOST/team/app\"], require: {{attestations: [{{type: \"{VEX}\", by: ours}}]}}}}\n"));
    refused(shop.by_policy(), 1, &["PLM-E03"]);
}

/// GHSA-8xvp-7hj6-mcj9: who is allowed somewhere does not tell the password elsewhere.
#[test]
fn cve_2026_48501_credentials_do_not_follow_to_another_host() {
    let other = Registry::start();
    let registry = Registry::builder().auth(Auth::Basic(Account::new("alice", "s3cret"))).start();
    let manifest = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    registry.put_manifest("app", "v1", OCI_MANIFEST, manifest);
    other.put_manifest("app", "v1", OCI_MANIFEST, manifest);
    let folder = tempfile::TempDir::new().unwrap();
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6czNjcmV0"}}}}}}"#, registry.host());
    fs::write(folder.path().join("config.json"), config).unwrap();
    let ask = || {
        let tool = Plimsoll::new().dir(&folder).registry(&registry).env("DOCKER_CONFIG", "[DIR]");
        tool.args(["resolve", "[HOST]/app:v1"]).run()
    };
    ask().exits(0);
    assert!(registry.requests().iter().any(|request| request.header("authorization").is_some()));
    for to in [other.host(), registry.other_host()] {
        registry.forget_requests();
        registry.behave();
        let place = format!("http://{to}{{target}}");
        registry.fault(Fault::on("GET /v2/app/manifests/v1", Mode::Redirect(place)).first(2));
        let _ = ask();
        // Under its own name it may know them, under no other.
        for request in registry.requests().iter().chain(&other.requests()) {
            let there = request.header("host") != Some(registry.host().as_str());
            assert!(!there || request.header("authorization").is_none(), "{to}: {request:?}");
        }
    }
    assert!(!other.requests().is_empty(), "it was followed");
}

/// One key is one signer, however often it signed.
#[test]
fn connaisseur_2150_a_threshold_counts_keys_not_signatures() {
    for list in [Referrers::On, Referrers::Off] {
        let shop = Shop::new(list);
        shop.policy("  - {name: two, images: [\"HOST/team/app\"], require: {signature: {by: {threshold: 2, of: [ours, theirs]}}}}\n");
        shop.sign(&shop.ours);
        shop.sign(&shop.ours);
        shop.tag(".sig", &[shop.legacy_signature(&shop.ours), shop.legacy_signature(&shop.ours)]);
        refused(shop.by_policy(), 1, &["PLM-E04", "1 of 2"]);
        shop.sign(&shop.theirs);
        shop.by_policy().exits(0);
    }
    // Nor does one key become two by two names.
    let shop = shop();
    fs::copy(shop.folder.path().join("ours.pub"), shop.folder.path().join("theirs.pub")).unwrap();
    shop.policy("  - {name: two, images: [\"HOST/team/app\"], require: {signature: {by: {threshold: 2, of: [ours, theirs]}}}}\n");
    refused(shop.by_policy(), 2, &["PLM-P"]);
}

/// Who is asked for must be somebody.
#[test]
fn connaisseur_2151_a_signer_that_is_not_defined_is_an_error() {
    let shop = shop();
    shop.sign(&shop.ours);
    for by in ["nobody", "{any: [ours, nobody]}", "{all: [nobody]}", "{threshold: 1, of: [ours, nobody]}"] {
        shop.policy(&format!(
            "  - {{name: ours, images: [\"HOST/team/app\"], require: {{signature: {{by: {by}}}}}}}\n"
        ));
        refused(shop.by_policy(), 2, &["PLM-P11", "nobody"]);
    }
    fs::remove_file(shop.folder.path().join("theirs.pub")).unwrap();
    shop.policy("  - {name: ours, images: [\"HOST/team/app\"], require: {signature: {by: ours}}}\n");
    refused(shop.by_policy(), 2, &["theirs.pub"]);
}

/// No pattern makes a name cost more than its length.
#[test]
fn connaisseur_1407_patterns_cost_no_more_than_their_length() {
    let shop = shop();
    shop.sign(&shop.ours);
    let tag = format!("{}b", "a".repeat(120));
    let pattern = "*a".repeat(60);
    let parts = vec!["*"; 60].join("/");
    shop.policy(&format!(
        "  - {{name: ours, images: [\"HOST/team/**\", \"HOST/{parts}\"], require: {{reference: {{forbid_tags: [\"{pattern}\"]}}, signature: {{by: ours}}}}}}\n",
    ));
    let name = format!("[HOST]/team/app:{tag}@{}", shop.image.digest);
    let run = soon(|| shop.run(["verify", "--policy", "[DIR]/policy.yaml", &name]));
    assert!([0, 2].contains(&run.code), "{}{}", run.stdout, run.stderr);
}

/// A policy that says nothing about an image does not let it in.
#[test]
fn chainloop_3397_an_image_that_no_rule_is_about_is_denied() {
    let shop = shop();
    shop.sign(&shop.ours);
    shop.policy("  - {name: other, images: [\"HOST/other/*\"], require: {signature: {by: ours}}}\n");
    refused(shop.by_policy(), 1, &["PLM-R01"]);
    shop.policy("  []\n");
    refused(shop.by_policy(), 2, &["PLM-P"]);
    let run = shop.run(["verify", "--policy", "[DIR]/policy.yaml"]);
    assert_eq!(run.code, 2, "no image is no yes");
}

/// GHSA-r2xv-vpr2-42m9: good provenance by another builder is not this builder's.
#[test]
fn ghsa_r2xv_vpr2_42m9_the_signer_must_be_the_builder_that_is_asked_for() {
    let sigstore = Sigstore::new("good.test");
    for builder in [
        "https://github.test/acme/app/.github/workflows/other.yml@refs/heads/main",
        "https://github.test/acme/other/.github/workflows/release.yml@refs/heads/main",
        "https://github.test/acme/app/.github/workflows/release.yml@refs/pull/1/merge",
        "https://github.test/evil/app/.github/workflows/release.yml@refs/heads/main",
    ] {
        let bundle = signed(&sigstore.signing(builder, ISSUER, at()));
        assert_eq!(code(&bundle, &sigstore), "PLM-S22", "{builder}");
    }
    is_good(&signed(&sigstore.signing(SUBJECT, ISSUER, at())), &sigstore);
}

/// A name in a certificate may be as long and as odd as its holder likes.
#[test]
fn cve_2023_25656_a_hostile_name_costs_no_more_than_its_length() {
    let sigstore = Sigstore::new("good.test");
    for name in [
        "a".repeat(1 << 20),
        "CN=a+".repeat(50_000),
        "\\".repeat(100_000),
        "\u{0}".repeat(1000),
        "\u{202e}".repeat(1000),
    ] {
        let bundle = signed(&sigstore.signing(&name, ISSUER, at()));
        assert!(soon(|| code(&bundle, &sigstore)).starts_with("PLM-S"));
        let bundle = signed(&sigstore.signing(SUBJECT, &name, at()));
        assert!(soon(|| code(&bundle, &sigstore)).starts_with("PLM-S"));
    }
}
