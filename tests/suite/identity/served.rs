//! The whole way: signed as an identity against services on loopback, stored in a registry, and decided by a policy.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Fault, Mode, Registry};
use crate::sigstore::{Rekor, Services, Sigstore};

const MAIL: &str = "release@acme.test";
const ISSUER: &str = "https://accounts.acme.test";

struct Port {
    registry: Registry,
    folder: TempDir,
}

impl Port {
    /// A registry with `app:1.0`, signed and attested by whom the token is for.
    fn new(services: &Services, mail: &str, log: Rekor, storage: &str) -> Self {
        let registry = Registry::start();
        let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
        registry.push_layout(image.as_ref(), "app", "1.0");
        let port = Self { registry, folder: TempDir::new().unwrap() };
        port.put("token", services.token(mail, ISSUER));
        port.put("services.json", services.signing_config(log).to_string());
        port.put("root.json", services.sigstore().trusted_root().to_string());
        port.put("other.json", Sigstore::new("other.test").trusted_root().to_string());
        port.put("scan.json", "{\"findings\":[]}");
        let who = ["--identity-token", "[DIR]/token", "--signing-config", "[DIR]/services.json"];
        let how = ["--storage", storage, "[HOST]/app:1.0"];
        port.run(&[&["sign"], &who[..], &how].concat()).exits(0);
        let what = ["--type", "https://acme.test/scan/v1", "--predicate", "[DIR]/scan.json"];
        port.run(&[&["attest"], &who[..], &what, &how].concat()).exits(0);
        port
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        Plimsoll::new().args(args.iter().copied()).dir(&self.folder).registry(&self.registry).run()
    }

    /// The verdict of a policy whose signer has this subject, under this root.
    fn decide(&self, subject: &str, root: &str, more: &str) -> Run {
        let host = self.registry.host();
        let policy = format!(
            "version: plimsoll.trust/v1\nname: acme\nrevision: 1\nexpires: 2099-01-01T00:00:00Z\n\
             trust_roots:\n  site: {{trusted_root: {root}}}\n\
             signers:\n  release: {{keyless: {{root: site, issuer: \"{ISSUER}\", subject: {subject}}}{more}}}\n\
             rules:\n  - name: ours\n    images: [\"{host}/*\"]\n    require:\n      signature: {{by: release}}\n      attestations: [{{type: \"https://acme.test/scan/v1\", by: release}}]\n"
        );
        self.put("trust.yaml", policy);
        self.run(&["verify", "--policy", "[DIR]/trust.yaml", "[HOST]/app:1.0"])
    }
}

#[test]
fn what_an_identity_signs_a_policy_allows() {
    let services = Services::start("site.test");
    for (log, storage) in [(Rekor::One, "referrers"), (Rekor::One, "legacy"), (Rekor::Two, "referrers")] {
        let port = Port::new(&services, MAIL, log, storage);
        let exact = format!("{{equals: {MAIL}}}");
        let said = port.decide(&exact, "root.json", "").exits(0).stdout;
        assert_eq!(
            said.matches(&format!("signed by release, {MAIL} ({ISSUER}), at ")).count(),
            2,
            "{storage}: {said}"
        );
        port.decide("{glob: \"*@acme.test\"}", "root.json", "").exits(0);
        for (subject, root, more, code) in [
            ("{equals: release@acme.tes}", "root.json", "", "PLM-S22"),
            ("{glob: \"*@cme.test\"}", "root.json", "", "PLM-S22"),
            (&*exact, "other.json", "", "PLM-S"),
            (&exact, "root.json", ", not_after: 2026-01-01T00:00:00Z", "PLM-K02"),
            (&exact, "root.json", ", not_before: 2098-01-01T00:00:00Z", "PLM-K01"),
        ] {
            let said = port.decide(subject, root, more).exits(1).stdout;
            assert!(said.contains(code), "{subject} {root} {more}: {said}");
        }
        let claims = "[HOST]/app:1.0";
        let who = ["--certificate-identity", MAIL, "--certificate-oidc-issuer", ISSUER];
        let by = ["verify", "--trusted-root", "[DIR]/root.json"];
        port.run(&[&by[..], &who, &[claims]].concat()).exits(0);
        port.run(&[&by[..], &who, &["--type", "https://acme.test/scan/v1", claims]].concat()).exits(0);
        port.run(&[&by[..], &who, &["--type", "spdxjson", claims]].concat()).exits(1);
    }
    // Another holder of a token of the same issuer.
    let port = Port::new(&services, "intern@acme.test", Rekor::One, "referrers");
    let said = port.decide(&format!("{{equals: {MAIL}}}"), "root.json", "").exits(1).stdout;
    assert!(said.contains("PLM-S22") && said.contains("intern@acme.test"), "{said}");
}

/// Whoever reads only `accepted` must not take two people for two signers where one name stands for both.
#[test]
fn who_does_not_count_is_not_accepted() {
    let services = Services::start("site.test");
    let port = Port::new(&services, MAIL, Rekor::One, "referrers");
    port.put("token", services.token("intern@acme.test", ISSUER));
    let who = ["--identity-token", "[DIR]/token", "--signing-config", "[DIR]/services.json"];
    port.run(&[&["sign"], &who[..], &["--force", "[HOST]/app:1.0"]].concat()).exits(0);
    port.decide("{glob: \"*@acme.test\"}", "root.json", "").exits(0);
    let args = ["verify", "--policy", "[DIR]/trust.yaml", "[HOST]/app:1.0", "--format", "json"];
    let answer: Value = serde_json::from_str(&port.run(&args).exits(0).stdout).unwrap();
    let schema = serde_json::from_str(include_str!("../../../schemas/verify.v1.schema.json")).unwrap();
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&answer)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let candidates = answer["images"][0]["requirements"][0]["candidates"].as_array().unwrap();
    let signed: Vec<_> = candidates.iter().filter(|it| it["proof"].is_object()).collect();
    let told = |it: &&Value| (it["accepted"].as_bool().unwrap(), it["code"].as_str().map(str::to_owned));
    let mut told: Vec<_> = signed.iter().map(told).collect();
    told.sort();
    assert_eq!(told, [(false, Some("PLM-E06".to_owned())), (true, None)], "{answer:#}");
}

/// A registry that fails says nothing about who signed.
#[test]
fn what_cannot_be_fetched_stays_open() {
    let services = Services::start("site.test");
    let port = Port::new(&services, "intern@acme.test", Rekor::One, "referrers");
    port.registry.fault(Fault::on("GET /v2/app/blobs/*", Mode::Status(403, "DENIED")));
    let run = port.decide(&format!("{{equals: {MAIL}}}"), "root.json", "");
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("PLM-E02"), "{}", run.stdout);
}
