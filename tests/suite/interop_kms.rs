//! One program that keeps a key, run by this tool and by cosign 3: Sigstore's protocol for KMS plugins, as both speak it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::peers::Peers;
use crate::plimsoll::Plimsoll;
use crate::registry::Registry;

/// openssl signs, so that neither side can be wrong together with the program. A digest comes in the question, a message on standard input.
const PROGRAM: &str = r#"#!/bin/sh
here="HERE"
case "$2" in
*'"methodName":"publicKey"'*) printf '{"publicKey":{"publicKeyPEM":"%s"}}' "$(base64 -w0 < "$here/k.pub")"; exit;;
*'"digest":"'*)
  printf %s "$2" | sed 's/.*"digest":"\([^"]*\)".*/\1/' | base64 -d > "$here/digest"
  signature=$(openssl pkeyutl -sign -inkey "$here/k.pem" -in "$here/digest" | base64 -w0);;
*) signature=$(openssl dgst -sha256 -sign "$here/k.pem" | base64 -w0);;
esac
printf '{"signMessage":{"signature":"%s"}}' "$signature"
"#;

#[test]
fn one_program_signs_for_cosign_and_for_plimsoll() {
    let Some(peers) = Peers::find("one_program_signs_for_cosign_and_for_plimsoll") else { return };
    let home = peers.home().path();
    let program = home.join("sigstore-kms-test");
    fs::write(&program, PROGRAM.replace("HERE", home.to_str().expect("text"))).expect("a writable folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cosign/keys");
    fs::copy(keys.join("source/ec256.pem"), home.join("k.pem")).expect("a writable folder");
    fs::copy(keys.join("imported/imp-ec256.pub"), home.join("k.pub")).expect("a writable folder");
    fs::write(home.join("file"), "content").expect("a writable folder");
    peers.succeed("cosign", &["signing-config", "create", "--out", "none.json"]);

    let registry = Registry::start();
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    let image =
        |name: &str| format!("{}@{}", registry.repository(name), registry.push_layout(&layout, name, "1.0"));
    let path = format!("{}:/usr/bin:/bin", home.display());
    let ours = |args: &[&str]| {
        Plimsoll::new().args(args.iter().copied()).dir(peers.home()).env("PATH", &path).run().exits(0);
    };
    let cosign = |args: &[&str]| {
        let output = peers.command("cosign").env("PATH", &path).args(args).output().expect("cosign starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let (app, theirs) = (image("app"), image("theirs"));
    ours(&["sign", "--key", "test://a", &app]);
    ours(&["sign-blob", "--key", "test://a", "--bundle", "[DIR]/ours.json", "[DIR]/file"]);
    let none = ["--signing-config", "none.json", "--yes"];
    cosign(&[&["sign", "--key", "test://a"], &none[..], &[&theirs]].concat());
    cosign(&[&["sign-blob", "--key", "test://a", "--bundle", "theirs.json"], &none[..], &["file"]].concat());
    for (image, bundle) in [(&app, "ours.json"), (&theirs, "theirs.json")] {
        let lenient = ["--key", "k.pub", "--insecure-ignore-tlog"];
        cosign(&[&["verify"], &lenient[..], &[image]].concat());
        cosign(&[&["verify-blob", "--bundle", bundle], &lenient[..], &["file"]].concat());
        ours(&["verify", "--key", "test://a", image]);
        let bundle = format!("[DIR]/{bundle}");
        ours(&["verify-blob", "--key", "test://a", "--bundle", &bundle, "[DIR]/file"]);
    }
}
