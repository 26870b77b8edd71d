//! `plimsoll registry auth-status`: which credentials, and never what they are.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};

fn ask(folder: &TempDir, variables: &[(&str, &str)], args: &[&str]) -> Run {
    let tool = Plimsoll::new().dir(folder).env("HOME", "[DIR]").env("XDG_RUNTIME_DIR", "[DIR]/run");
    let tool = variables.iter().fold(tool, |tool, (name, value)| tool.env(name, *value));
    tool.args(["registry", "auth-status"]).args(args.iter().copied()).run()
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const ENTRY: &str = r#"{"auths":{"r.example":{"auth":"YWxpY2U6czNjcmV0"}}}"#;

#[test]
fn the_first_place_that_has_some_decides() {
    let folder = TempDir::new().unwrap();
    let run = ask(&folder, &[], &["r.example"]).exits(1);
    assert!(
        run.stdout.starts_with("r.example: nothing is stored; it is asked anonymously\n"),
        "{}",
        run.stdout
    );
    let places = [
        (".dockercfg", r#"{"r.example":{"auth":"YWxpY2U6czNjcmV0"}}"#),
        (".config/containers/auth.json", ENTRY),
        ("run/containers/auth.json", ENTRY),
        (".docker/config.json", ENTRY),
        ("named.json", ENTRY),
    ];
    for (name, text) in places {
        write(&folder, name, text);
        let run = ask(&folder, &[("REGISTRY_AUTH_FILE", "[DIR]/named.json")], &["r.example"]).exits(0);
        let first = format!("r.example: password of alice, from [DIR]/{name}\n");
        assert!(run.stdout.starts_with(&first), "{}", run.stdout);
        assert!(run.stdout.contains(&format!("used     [DIR]/{name}\n")), "{}", run.stdout);
    }
    let run = ask(&folder, &[("DOCKER_AUTH_CONFIG", ENTRY)], &["r.example"]).exits(0);
    assert!(run.stdout.contains("from environment variable DOCKER_AUTH_CONFIG\n"), "{}", run.stdout);
    assert!(run.stdout.contains("later    [DIR]/.docker/config.json\n"), "{}", run.stdout);
    ask(&folder, &[], &["other.example"]).exits(1);
    write(&folder, ".docker/config.json", "{");
    ask(&folder, &[], &["r.example"]).exits(3);
    ask(&folder, &[], &["https://r.example"]).exits(2);
}

#[test]
fn json_for_programs() {
    let schema: Value =
        serde_json::from_str(include_str!("../../schemas/auth-status.v1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let folder = TempDir::new().unwrap();
    for (entry, kind) in [
        (r#"{"auth":"YWxpY2U6czNjcmV0"}"#, Some("password")),
        (r#"{"identitytoken":"t0ken"}"#, Some("identity token")),
        (r#"{"registrytoken":"t0ken"}"#, Some("registry token")),
        ("{}", None),
    ] {
        write(&folder, ".docker/config.json", &format!(r#"{{"auths":{{"r.example/team":{entry}}}}}"#));
        let run = ask(&folder, &[], &["--format", "json", "r.example/team/app"]);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(schema.is_valid(&answer), "{answer}");
        assert_eq!(answer["kind"].as_str(), kind);
        assert_eq!(run.code, if kind.is_some() { 0 } else { 1 });
        ask(&folder, &[], &["r.example/teams/app"]).exits(1);
        ask(&folder, &[], &["r.example"]).exits(1);
    }
}

#[cfg(unix)]
#[test]
fn a_helper_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    write(&folder, ".docker/config.json", r#"{"credHelpers":{"r.example":"test"}}"#);
    write(
        &folder,
        "docker-credential-test",
        "#!/bin/sh\necho '{\"Username\":\"bob\",\"Secret\":\"s3cret\"}'\n",
    );
    let program = folder.path().join("docker-credential-test");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let run = ask(&folder, &[("PATH", "[DIR]:/usr/bin:/bin")], &["r.example"]).exits(0);
    let first =
        "r.example: password of bob, from docker-credential-test, named in [DIR]/.docker/config.json\n";
    assert!(run.stdout.starts_with(first), "{}", run.stdout);
}
