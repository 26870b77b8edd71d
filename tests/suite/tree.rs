//! `plimsoll tree`.

use serde_json::json;

use crate::copy::Harbour;
use crate::plimsoll::Run;
use crate::registry::{Fault, Mode, Referrers};
use crate::sigstore::Sigstore;
use crate::verify::{Shop, checked_json};

fn full(referrers: Referrers) -> Shop {
    let shop = Shop::new(referrers);
    shop.sign(&shop.ours);
    shop.attest("https://openvex.dev/ns", b"{}", &shop.theirs);
    shop.tag(".sig", &[shop.legacy_signature(&shop.ours)]);
    shop
}

#[track_caller]
fn lines(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.stdout.contains(text), "{text}\n{}", run.stdout);
    }
}

#[test]
fn lists_both_formats_and_says_that_nothing_is_verified() {
    for (list, origin) in [(Referrers::On, "referrers API"), (Referrers::Off, "fallback tag")] {
        let shop = full(list);
        let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
        let hint = shop.ours.public().hint();
        lines(
            &run,
            &[
                &format!("[HOST]/team/app:v1@{}\n", shop.image.digest),
                &format!("via {origin}: not verified (says key {hint})\n"),
                " attestation https://openvex.dev/ns, sha256:",
                "via signature tag: not verified\n",
            ],
        );
        assert_eq!(run.stdout.lines().count(), 4, "{}", run.stdout);
    }
}

#[test]
fn a_key_tells_whose_they_are() {
    let shop = full(Referrers::On);
    let run = shop.run(["tree", "--key", "[DIR]/ours.pub", &shop.pinned()]).exits(0);
    lines(
        &run,
        &[
            "via referrers API: signed by [DIR]/ours.pub, verified\n",
            "via signature tag: signed by [DIR]/ours.pub, verified\n",
            "(PLM-S02)\n",
        ],
    );
    let run = shop.run(["tree", "--key", "[DIR]/ours.pub", "--key", "[DIR]/theirs.pub", &shop.pinned()]);
    lines(&run, &["attestation https://openvex.dev/ns", "signed by [DIR]/theirs.pub, verified\n"]);
}

#[test]
fn nothing_attached_is_an_answer() {
    let shop = Shop::new(Referrers::On);
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
    lines(&run, &["nothing is attached\n"]);
    shop.run(["tree", "[HOST]/team/app:v2"]).exits(3);
    shop.run(["tree", "--key", "[DIR]/none.pub", "[HOST]/team/app:v1"]).exits(2);
}

#[test]
fn what_could_not_be_listed_is_said() {
    let shop = full(Referrers::On);
    shop.registry.fault(Fault::on("GET /v2/team/app/referrers/*", Mode::Status(500, "UNKNOWN")));
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(3);
    lines(&run, &["via signature tag", "? referrers of sha256:"]);
}

#[test]
fn the_json_answer_fits_its_schema() {
    let shop = full(Referrers::On);
    let args = ["tree", "--format", "json", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"];
    let answer = checked_json(&shop.run(args).exits(0), "tree");
    let verified: Vec<_> = answer["attached"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["kind"].as_str().unwrap(), item["verified"].as_bool().unwrap()))
        .collect();
    for want in [("signature", true), ("attestation", false)] {
        assert!(verified.contains(&want), "{answer:#}");
    }
    assert_eq!(answer["complete"], json!(true));
    shop.registry.fault(Fault::on("GET /v2/team/app/referrers/*", Mode::Status(500, "UNKNOWN")));
    let answer = checked_json(&shop.run(args).exits(3), "tree");
    assert_eq!(answer["complete"], json!(false));
}

/// A policy is asked about each thing alone: by every requirement that looks at such things, also about the images of an index.
#[test]
fn a_policy_tells_what_each_thing_is_accepted_for() {
    let shop = full(Referrers::On);
    let requirements = "signature: {by: ours}, attestations: [{type: \"https://openvex.dev/ns\", by: ours}]";
    shop.policy(&format!("  - {{name: ours, images: [\"HOST/team/*\"], require: {{{requirements}}}}}\n"));
    let args = ["tree", "--policy", "[DIR]/policy.yaml", "[HOST]/team/app:v1"];
    let run = shop.run(args).exits(0);
    lines(
        &run,
        &[
            ", rule ours\n",
            "via referrers API: signed by ours, accepted for signature by ours\n",
            "via signature tag: signed by ours, accepted for signature by ours\n",
            "attestation https://openvex.dev/ns by ours: ",
            "(PLM-S02)",
        ],
    );
    let answer = checked_json(&shop.run([&args[..], &["--format", "json"]].concat()).exits(0), "tree");
    assert_eq!(answer["policy"]["rule"], "ours");
    assert_eq!(answer["policy"]["problems"], json!([]));
    for one in answer["attached"].as_array().unwrap() {
        let is_ours = one["kind"] == "signature";
        assert_eq!(one["verified"], is_ours, "{one:#}");
        let considered = one["policy"].as_array().unwrap();
        assert_eq!(considered.len(), 2, "{one:#}");
        assert_eq!(considered.iter().filter(|one| one["accepted"] == true).count(), usize::from(is_ours));
    }
    // What no rule names is denied, whatever is attached.
    shop.policy("  - {name: ours, images: [\"HOST/other/*\"], require: {signature: {by: ours}}}\n");
    let run = shop.run(args).exits(0);
    lines(&run, &["✗ rules: no rule is about", "(PLM-R01)", "the policy demands nothing of this"]);
    let answer = checked_json(&shop.run([&args[..], &["--format", "json"]].concat()).exits(0), "tree");
    assert!(answer["policy"].get("rule").is_none(), "{answer:#}");
    // A policy that has expired does not demand nothing: it accepts nothing.
    shop.policy("  - {name: ours, images: [\"HOST/team/*\"], require: {signature: {by: ours}}}\n");
    let file = shop.folder.path().join("policy.yaml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let over = policy.replace("expires: 2999-", "expires: 2019-");
    std::fs::write(&file, &over).unwrap();
    let run = shop.run(args).exits(0);
    let says = "expires: the policy expired at 2019-01-01T00:00:00Z (PLM-P03)";
    assert_eq!(
        run.stdout.matches(says).count(),
        1 + run.stdout.matches(": not accepted").count(),
        "{}",
        run.stdout
    );
    lines(&run, &[&format!("  ✗ {says}"), &format!(": not accepted: {says}")]);
    assert!(!run.stdout.contains("demands nothing"), "{}", run.stdout);
    let answer = checked_json(&shop.run([&args[..], &["--format", "json"]].concat()).exits(0), "tree");
    assert_eq!(answer["attached"][0]["policy"][0]["code"], "PLM-P03", "{answer:#}");
    shop.run(["tree", "--policy", "[DIR]/none.yaml", "[HOST]/team/app:v1"]).exits(2);
    shop.run(["tree", "--policy", "[DIR]/policy.yaml", "--key", "[DIR]/ours.pub", "[HOST]/team/app:v1"])
        .exits(2);
}

/// What is stated about an image of an index counts for a demand on the index; what is attached to what is attached is no policy's business.
#[test]
fn a_policy_is_asked_about_the_images_of_an_index() {
    let harbour = Harbour::new(Referrers::On, Referrers::On);
    let name = format!("{}/app", harbour.from.host());
    harbour.write(
        "policy.yaml",
        format!(
            "version: plimsoll.trust/v1\nname: quay\nrevision: 1\nexpires: 2999-01-01T00:00:00Z\nsigners:\n  ours: {{key: {{file: ours.pub}}}}\nrules:\n  - {{name: app, images: [\"{name}\"], require: {{signature: {{by: ours, identity: ignore}}, attestations: [{{type: \"https://openvex.dev/ns\", by: ours}}]}}}}\n"
        ),
    );
    let run = harbour.run(&["tree", "--policy", "[DIR]/policy.yaml", "[SRC]/app:1.0"]).exits(0);
    let plain: Vec<String> = run.stdout.lines().map(without_digests).collect();
    for line in [
        "policy quay, rule app".to_owned(),
        " │  └ signature, sha256:X via signature tag: not verified: the policy demands nothing of this".to_owned(),
        " │  ├ signature, sha256:X via signature tag: not verified: the policy demands nothing of this".to_owned(),
        " │  ├ attestation https://openvex.dev/ns, sha256:X via referrers API: signed by ours, accepted for attestation https://openvex.dev/ns by ours".to_owned(),
    ] {
        assert!(plain.contains(&line), "{line}\n{}", run.stdout);
    }
    let accepted = run.stdout.matches("accepted for signature by ours").count();
    // The index's own two; those of its images are not what is asked for.
    assert_eq!(accepted, 2, "{}", run.stdout);
}

/// What `tree --format json` says about everything in a harbour: the image, the images of its index, and what is attached.
#[test]
fn an_index_shows_its_images_and_what_is_attached_to_what_is_attached() {
    for list in [Referrers::On, Referrers::Off, Referrers::Paged(1)] {
        let harbour = Harbour::new(list, Referrers::On);
        let run = harbour.run(&["tree", "--key", "[DIR]/ours.pub", "[SRC]/app:1.0"]).exits(0);
        let via = if list == Referrers::Off { "fallback tag" } else { "referrers API" };
        let signed = format!("via {via}: signed by [DIR]/ours.pub, verified");
        let want = [
            format!(" ├ artifact application/spdx+json, sha256:X via {via}: signed by [DIR]/ours.pub, verified"),
            format!(" │  ├ signature, sha256:X {signed}"),
            " │  └ signature, sha256:X via signature tag: signed by [DIR]/ours.pub, verified".to_owned(),
            " ├ artifact text/spdx+json, sha256:X via SBOM tag: unsigned".to_owned(),
            format!(" ├ image linux/amd64 {}", harbour.images[0]),
            format!(" │  ├ attestation https://openvex.dev/ns, sha256:X {signed}"),
            " │  └ attestation https://openvex.dev/ns, sha256:X via attestation tag: signed by [DIR]/ours.pub, verified".to_owned(),
            format!(" └ image linux/arm64 {}", harbour.images[1]),
            format!("    ├ signature, sha256:X {signed}"),
            "    └ signature, sha256:X via signature tag: signed by [DIR]/ours.pub, verified".to_owned(),
        ];
        let plain: Vec<String> = run.stdout.lines().map(without_digests).collect();
        for line in &want {
            assert!(plain.contains(&without_digests(line)), "{line}\n{}", run.stdout);
        }
        assert_eq!(plain.len(), 15, "{}", run.stdout);
        let args = ["tree", "--format", "json", "--key", "[DIR]/theirs.pub", "[SRC]/app:1.0"];
        let answer = checked_json(&harbour.run(&args).exits(0), "tree");
        assert_eq!(answer["images"].as_array().unwrap().len(), 2);
        let verified = answer.to_string().matches("\"verified\":true").count();
        assert_eq!(verified, 0, "{answer:#}");
        let sbom = answer["attached"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["digest"] == harbour.sbom.to_string());
        assert_eq!(sbom.unwrap()["attached"].as_array().unwrap().len(), 2, "{answer:#}");
    }
}

fn without_digests(line: &str) -> String {
    let words = line.split(' ').map(|word| if word.starts_with("sha256:") { "sha256:X" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Lists that name each other are a tree all the same.
#[test]
fn lists_in_a_circle_end() {
    let shop = full(Referrers::Off);
    let list = shop.image.digest.to_string().replace(':', "-");
    let (kind, bytes) = shop.registry.manifest("team/app", &list).unwrap();
    let mut index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let own = json!({"mediaType": shop.image.media_type, "digest": shop.image.digest.to_string(), "size": shop.image.size});
    index["manifests"].as_array_mut().unwrap().push(own);
    shop.registry.put_manifest("team/app", &list, &kind, index.to_string().as_bytes());
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 5, "{}", run.stdout);
}

/// The certificate that a stranger brings along says who he says he is, and nothing makes it true before it is verified.
#[test]
fn identities_are_claims_until_they_are_verified() {
    let shop = Shop::new(Referrers::On);
    let now = plimsoll::base::Timestamp::from_seconds(1_750_000_000).unwrap();
    let sigstore = Sigstore::new("a.test");
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": shop.image.digest.hex()}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
    });
    let signing = sigstore.signing("mail@a.test", "https://issuer.test", now);
    let bundle = signing.envelope("application/vnd.in-toto+json", statement.to_string().as_bytes());
    shop.attach_layer(bundle.to_string().as_bytes(), "application/vnd.dev.sigstore.bundle.v0.3+json");
    std::fs::write(shop.folder.path().join("root.json"), sigstore.trusted_root().to_string()).unwrap();
    let claim = "not verified (says mail@a.test of https://issuer.test)";
    let run = shop.run(["tree", "[HOST]/team/app:v1"]).exits(0);
    lines(&run, &[claim]);
    let ask = |subject| {
        let identity =
            ["--certificate-identity", subject, "--certificate-oidc-issuer", "https://issuer.test"];
        let rest = ["--trusted-root", "[DIR]/root.json", "--format", "json", "[HOST]/team/app:v1"];
        checked_json(&shop.run([&["tree"][..], &identity, &rest].concat()).exits(0), "tree")
    };
    let right = ask("mail@a.test");
    assert_eq!(right["attached"][0]["signer"], "mail@a.test (https://issuer.test)", "{right:#}");
    let wrong = ask("other@a.test");
    assert_eq!(wrong["attached"][0]["verified"], false);
    assert_eq!(wrong["attached"][0]["claimedIdentity"]["subject"], "mail@a.test");
}
