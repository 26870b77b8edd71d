//! Keyless signing beside real peers, all against the services of this suite: what cosign signs there, what it verifies from there.

use std::fs;

use crate::peers::Peers;
use crate::sigstore::{Rekor, Services, now};

const MAIL: &str = "release@acme.test";
const ISSUER: &str = "https://accounts.acme.test";

/// Writes what a signer and a verifier need into the peers' folder.
fn prepare(peers: &Peers, services: &Services, log: Rekor) {
    let write = |name: &str, content: String| {
        fs::write(peers.home().path().join(name), content).expect("a writable folder");
    };
    write("signing.json", services.signing_config(log).to_string());
    write("root.json", services.sigstore().trusted_root().to_string());
    write("token", services.token(MAIL, ISSUER));
    write("file", "content".to_owned());
}

fn verifies(peers: &Peers, bundle: &str) {
    let identity = ["--certificate-identity", MAIL, "--certificate-oidc-issuer", ISSUER];
    let args =
        [&["verify-blob", "--trusted-root", "root.json", "--bundle", bundle], &identity[..], &["file"]];
    peers.succeed("cosign", &args.concat());
}

/// The services are real enough for cosign to sign with them, and what it then has verifies.
#[test]
fn cosign_signs_against_these_services() {
    let Some(peers) = Peers::find("cosign_signs_against_these_services") else { return };
    for log in [Rekor::One, Rekor::Two] {
        let services = Services::start("fake.test");
        prepare(&peers, &services, log);
        let token = ["--identity-token", "token", "--bundle", "bundle.json", "--yes", "file"];
        let config = ["sign-blob", "--signing-config", "signing.json", "--trusted-root", "root.json"];
        peers.succeed("cosign", &[&config[..], &token].concat());
        verifies(&peers, "bundle.json");
    }
}

#[test]
fn cosign_verifies_bundles_that_are_made_here() {
    let Some(peers) = Peers::find("cosign_verifies_bundles_that_are_made_here") else { return };
    let services = Services::start("fake.test");
    prepare(&peers, &services, Rekor::One);
    let signing = services.sigstore().signing(MAIL, ISSUER, now());
    for (name, bundle) in [
        ("one", signing.clone().message(b"content")),
        ("two", signing.log(Rekor::Two).stamped().message(b"content")),
    ] {
        fs::write(peers.home().path().join(name), bundle.to_string()).expect("a writable folder");
        verifies(&peers, name);
    }
}
