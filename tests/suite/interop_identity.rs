//! What cosign signs without a key, in a registry: verified by identity and by policy. Everybody else is refused, by cosign and by us.

use std::fs;
use std::path::Path;

use crate::peers::{Peers, RealRegistry};
use crate::plimsoll::{Plimsoll, Run};
use crate::registry::client;
use crate::sigstore::{Rekor, Services, Sigstore};

const MAIL: &str = "release@acme.test";
const ISSUER: &str = "https://accounts.acme.test";

fn verify(peers: &Peers, options: &[&str], image: &str) -> Run {
    Plimsoll::new().arg("verify").args(options.iter().copied()).arg(image).dir(peers.home()).run()
}

fn policy(subject: &str, root: &str, host: &str) -> String {
    format!(
        "version: plimsoll.trust/v1\nname: acme\nrevision: 1\nexpires: 2099-01-01T00:00:00Z\n\
         trust_roots:\n  site: {{trusted_root: {root}}}\n\
         signers:\n  release: {{keyless: {{root: site, issuer: \"{ISSUER}\", subject: {subject}}}}}\n\
         rules:\n  - {{name: ours, images: [\"{host}/**\"], require: {{signature: {{by: release}}}}}}\n"
    )
}

#[test]
fn images_that_cosign_signed_without_a_key() {
    let Some(peers) = Peers::find("images_that_cosign_signed_without_a_key") else { return };
    for log in [Rekor::One, Rekor::Two] {
        let (peers, services) = (peers.moved(), Services::start("fake.test"));
        let site = peers.serve(RealRegistry::Docker);
        let write = |name: &str, content: String| {
            fs::write(peers.home().path().join(name), content).expect("a writable folder");
        };
        write("signing.json", services.signing_config(log).to_string());
        write("root.json", services.sigstore().trusted_root().to_string());
        write("other.json", Sigstore::new("other.test").trusted_root().to_string());
        write("token", services.token(MAIL, ISSUER));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
        let digest = client::push_layout(site.host(), &file, "app", "1.0");
        let image = format!("{}/app@{digest}", site.host());
        let sign = ["sign", "--signing-config", "signing.json", "--trusted-root", "root.json"];
        peers.succeed("cosign", &[&sign[..], &["--identity-token", "token", "--yes", &image]].concat());

        let (root, who) = (["--trusted-root", "[DIR]/root.json"], ["--certificate-oidc-issuer", ISSUER]);
        let exact = ["--certificate-identity", MAIL];
        let said = verify(&peers, &[&root[..], &who, &exact].concat(), &image).exits(0).stdout;
        assert!(said.contains(&format!("{MAIL} ({ISSUER}), at ")), "{said}");
        for (options, code) in [
            ([&root[..], &who, &["--certificate-identity", "release@acme.tes"]].concat(), "PLM-S22"),
            ([&root[..], &who, &["--certificate-identity-glob", "*@evil.acme.test"]].concat(), "PLM-S22"),
            (
                [&root[..], &["--certificate-oidc-issuer", "https://accounts.acme"], &exact].concat(),
                "PLM-S21",
            ),
            ([&["--trusted-root", "[DIR]/other.json"], &who[..], &exact].concat(), "PLM-S"),
        ] {
            let said = verify(&peers, &options, &image).exits(1).stdout;
            assert!(said.contains(code), "{options:?}: {said}");
        }
        for (subject, root, code) in [
            (format!("{{equals: {MAIL}}}"), "root.json", 0),
            ("{glob: \"*@acme.test\"}".to_owned(), "root.json", 0),
            ("{equals: release@acme.tests}".to_owned(), "root.json", 1),
            ("{glob: \"*@cme.test\"}".to_owned(), "root.json", 1),
            (format!("{{equals: {MAIL}}}"), "other.json", 1),
        ] {
            write("trust.yaml", policy(&subject, root, site.host()));
            verify(&peers, &["--policy", "[DIR]/trust.yaml"], &image).exits(code);
        }
    }
}
