//! `--username NAME --password-stdin`: a user for one run, and for one registry.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::plimsoll::Plimsoll;
use crate::registry::{Account, Auth, Registry};

/// A registry that wants a user and a password, with an image.
fn locked() -> Registry {
    let registry = Registry::builder().auth(Auth::Basic(Account::new("alice", "s3cret"))).start();
    registry.push_layout(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar"),
        "app",
        "1.0",
    );
    registry
}

fn signed_in(registry: &Registry, args: &[&str]) -> Plimsoll {
    let login = ["--username", "alice", "--password-stdin"];
    Plimsoll::new().registry(registry).args(args.iter().copied()).args(login).stdin("s3cret\n")
}

#[test]
fn a_login_of_one_run_comes_before_what_is_stored() {
    let registry = locked();
    let resolve = ["resolve", "[HOST]/app:1.0"];
    Plimsoll::new().registry(&registry).args(resolve).run().exits(3);
    signed_in(&registry, &resolve).run().exits(0);
    let folder = TempDir::new().unwrap();
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"Ym9iOmh1bnRlcjI="}}}}}}"#, registry.host());
    fs::write(folder.path().join("config.json"), config).unwrap();
    signed_in(&registry, &resolve).dir(&folder).env("DOCKER_CONFIG", "[DIR]").run().exits(0);
    let run = signed_in(&registry, &["registry", "auth-status", "[HOST]"]).run().exits(0);
    assert!(run.stdout.starts_with("[HOST]: password of alice, from the command line\n"), "{}", run.stdout);
    let wrong = signed_in(&registry, &resolve).stdin("wrong").run().exits(3);
    assert!(wrong.stderr.contains("status 401"), "{}", wrong.stderr);
}

#[test]
fn a_login_is_for_one_registry() {
    let (registry, other) = (locked(), Registry::start());
    let to = format!("{}/app:1.0", other.host());
    let run = signed_in(&registry, &["copy", "[HOST]/app:1.0", &to]).run().exits(2);
    assert!(run.stderr.contains("--username is for [HOST]"), "{}", run.stderr);
    assert!(other.requests().iter().all(|request| request.header("authorization").is_none()));
    // Files name registries that nobody looked at.
    registry.forget_requests();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("Dockerfile"), format!("FROM {}/app:1.0\n", registry.host())).unwrap();
    signed_in(&registry, &["pin", "[DIR]/Dockerfile"]).dir(&folder).run().exits(2);
    assert!(registry.requests().is_empty());
}

#[test]
fn a_login_takes_standard_input_for_itself() {
    let registry = locked();
    let resolve = ["resolve", "[HOST]/app:1.0"];
    for stdin in ["", "two\nlines", "tab\there"] {
        signed_in(&registry, &resolve).stdin(stdin).run().exits(2);
    }
    for args in [
        ["--username", "alice"].as_slice(),
        &["--password-stdin"],
        &["--username", "a:b", "--password-stdin"],
        &["--username", "", "--password-stdin"],
    ] {
        Plimsoll::new()
            .registry(&registry)
            .args(resolve)
            .args(args.iter().copied())
            .stdin("s3cret")
            .run()
            .exits(2);
    }
    assert!(registry.requests().is_empty());
    // What is to be signed is not the password, and not nothing.
    let folder = TempDir::new().unwrap();
    Plimsoll::new()
        .dir(&folder)
        .args(["keygen", "--output", "[DIR]/k"])
        .env("PLIMSOLL_PASSWORD", "x")
        .run()
        .exits(0);
    let sign = ["sign-blob", "--key", "[DIR]/k.key", "--bundle", "[DIR]/b.json", "-"];
    let run = signed_in(&registry, &sign).dir(&folder).env("PLIMSOLL_PASSWORD", "x").run();
    assert!(run.code != 0 && run.stderr.contains("it held the password of --username"), "{}", run.stderr);
}
