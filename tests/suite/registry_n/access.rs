//! N9, N10, N12, N14–N17, N23, N28: who learns what about us, and where we are led.

use std::fs;

use super::{Yard, learnt};
use crate::registry::{Account, Auth, Fault, Front, Mode, Referrers, Registry, Tokens, Visitors};

fn alice() -> Account {
    Account::new("alice", "s3cret")
}

/// A registry that wants a password, which is stored.
fn guarded() -> Yard {
    let yard = Yard::of(Registry::builder().auth(Auth::Basic(alice())));
    yard.log_in(&[&yard.registry.host()]);
    yard
}

#[test]
fn n09_credentials_on_redirect() {
    for (blob, answers) in [(true, 200), (true, 401), (false, 200), (false, 401)] {
        let (yard, elsewhere) = (guarded(), Yard::new());
        let pattern = if blob { "GET /v2/*/blobs/*" } else { "GET /v2/*/manifests/*" };
        let host = if blob { elsewhere.registry.host() } else { elsewhere.registry.other_host() };
        yard.log_in(&[&yard.registry.host(), &host]);
        yard.registry.fault(Fault::on(pattern, Mode::Redirect(format!("http://{host}{{target}}"))).after(1));
        if answers == 401 {
            let challenge = Mode::Unauthorized(vec!["Basic realm=\"give\"".to_owned()]);
            elsewhere.registry.fault(Fault::on("GET *", challenge));
        }
        // The first request of each kind is the one that is challenged.
        yard.run(&["resolve", "[HOST]/app:1.0"]).exits(if blob || answers == 200 { 0 } else { 3 });
        let run = yard.run(&["sbom", "[HOST]/app:1.0"]);
        assert_eq!(run.code, if answers == 200 { 0 } else { 3 }, "{}", run.stderr);
        assert!(!elsewhere.registry.requests().is_empty());
        assert!(!learnt(&elsewhere.registry), "{pattern} {answers}");
    }
}

#[test]
fn n09_no_redirect_from_tls_to_plain() {
    let (yard, elsewhere) = (Yard::new(), Yard::new());
    let front = Front::of(&yard.registry, Visitors::All);
    let certs = yard.folder.path().join(".config/containers/certs.d").join(front.host());
    fs::create_dir_all(&certs).unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tls/ca.crt"), certs.join("ca.crt")).unwrap();
    let image = format!("{}/app:1.0", front.host());
    yard.tool(&["resolve", &image]).env("HOME", "[DIR]").run().exits(0);
    let target = format!("http://{}{{target}}", elsewhere.registry.host());
    yard.registry.fault(Fault::on("GET *", Mode::Redirect(target)));
    let run = yard.tool(&["resolve", &image]).env("HOME", "[DIR]").run().exits(3);
    assert!(run.stderr.contains("is not HTTPS"), "{}", run.stderr);
    assert!(elsewhere.registry.requests().is_empty());
}

#[test]
fn n10_realm_exfiltration() {
    let collector = Registry::start();
    let (host, other) = (collector.host(), collector.other_host());
    let port = host.rsplit(':').next().unwrap();
    for realm in [
        format!("http://{host}/token"),
        format!("http://{other}/token"),
        format!("//{host}/token"),
        format!("//{other}/token"),
        format!("https://{other}/token"),
        format!("http://user@{host}/token"),
        format!("http://{{host}}@{other}/token"),
        format!("http:\\\\{other}\\token"),
        format!("http://{other}\\@{{host}}/token"),
        format!("http://[::ffff:127.0.0.1]:{port}/token"),
        format!("http://2130706433:{port}/token"),
        format!("http://0x7f.1:{port}/token"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:,x".to_owned(),
        String::new(),
    ] {
        let yard = guarded();
        yard.log_in(&[&yard.registry.host(), &host, &other]);
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
        yard.registry.fault(Fault::on("GET *", Mode::Unauthorized(vec![challenge])));
        yard.refuses(&["resolve", "[HOST]/app:1.0"]);
        assert!(!learnt(&collector), "{realm}");
        assert!(!learnt(&yard.registry), "{realm}");
    }
}

#[test]
fn n10_realm_that_changes_during_the_run() {
    let yard = Yard::of(Registry::builder().auth(Auth::Bearer(Tokens::new(alice()))));
    yard.log_in(&[&yard.registry.host()]);
    yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
    // The manifest is read with a token of the first realm; for the blobs another one is named, on the same host.
    let challenge = format!("Bearer realm=\"https://{}/token\",service=\"s\"", yard.registry.host());
    yard.registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::Unauthorized(vec![challenge])));
    let said = yard.refuses(&["sbom", "[HOST]/app:1.0"]);
    assert!(said.contains("is not where it sent us before"), "{said}");
}

#[test]
fn n12_upload_location() {
    let (yard, elsewhere) = (guarded(), Registry::start());
    let tool = |args: &[&str]| yard.tool(args).env("PLIMSOLL_PASSWORD", "test").run();
    tool(&["keygen", "--output", "[DIR]/key"]).exits(0);
    for location in [
        format!("http://{}/v2/app/blobs/uploads/1", elsewhere.host()),
        format!("//{}/v2/app/blobs/uploads/1", elsewhere.other_host()),
        format!("http://alice@{}/v2/app/blobs/uploads/1", yard.registry.host()),
    ] {
        yard.registry.behave();
        yard.registry.fault(Fault::on("POST *", Mode::Header("Location", location)));
        let run = tool(&["sign", "--key", "[DIR]/key.key", "[HOST]/app:1.0"]).exits(3);
        assert!(run.stderr.contains("upload location is on another host"), "{}", run.stderr);
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn n14_credentials_that_nobody_asked_for() {
    let yard = Yard::new();
    yard.log_in(&[&yard.registry.host()]);
    yard.run(&["sbom", "[HOST]/app:1.0"]).exits(0);
    assert!(!learnt(&yard.registry));
    // A password does not go over a wire that anybody can read, whoever asks. The registry stands in as proxy for a host far away.
    let proxy = Yard::new();
    proxy.log_in(&["r.example"]);
    proxy.registry.fault(Fault::on("GET *", Mode::Unauthorized(vec!["Basic realm=\"x\"".to_owned()])));
    let far = |args: &[&str]| proxy.tool(args).env("http_proxy", "http://[HOST]").run().exits(3);
    let run = far(&["resolve", "--plain-http", "r.example", "r.example/app:1.0"]);
    assert!(run.stderr.contains("without TLS"), "{}", run.stderr);
    assert!(!proxy.registry.requests().is_empty() && !learnt(&proxy.registry));
}

#[test]
fn n15_automatic_downgrade() {
    for host in ["10.11.12.13", "10.11.12.13:5000", "registry.local:5000", "r.example"] {
        let proxy = Yard::new();
        let tool = proxy.tool(&["resolve", &format!("{host}/app:1.0")]);
        let run = tool.env("http_proxy", "http://[HOST]").env("https_proxy", "http://[HOST]").run().exits(3);
        assert_eq!(run.stdout, "");
        let asked = proxy.registry.request_lines();
        assert!(!asked.is_empty() && asked.iter().all(|line| line.starts_with("CONNECT ")), "{asked:?}");
    }
}

#[test]
fn n16_credentials_of_another_host() {
    let yard = Yard::of(Registry::builder().auth(Auth::Basic(alice())));
    let host = yard.registry.host();
    let other = yard.registry.other_host();
    for key in [
        "127.0.0.1".to_owned(),
        format!("{host}0"),
        format!("evil-{host}"),
        format!("{host}.evil"),
        format!("x/{host}"),
        format!("{host}/ap"),
        format!("{host}/apps"),
        format!("{host}/app/x"),
        format!("user@{host}"),
        other,
        "*".to_owned(),
        String::new(),
    ] {
        yard.log_in(&[&key]);
        yard.refuses(&["resolve", "[HOST]/app:1.0"]);
        assert!(!learnt(&yard.registry), "{key}");
    }
    yard.log_in(&[&format!("{host}/app")]);
    yard.run(&["resolve", "[HOST]/app:1.0"]).exits(0);
}

#[cfg(unix)]
#[test]
fn n17_credential_helpers() {
    use std::os::unix::fs::PermissionsExt as _;
    let yard = Yard::of(Registry::builder().auth(Auth::Basic(alice())));
    let ran = yard.folder.path().join("ran");
    let write = |path: &str, script: &str| {
        let path = yard.folder.path().join(path);
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n{script}\n", ran.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let ask = || yard.tool(&["resolve", "[HOST]/app:1.0"]).env("PATH", "[DIR]:/usr/bin:/bin").run();
    write("x", "");
    for name in ["../x", "../../../../x", "x;touch y", "a b", "-x/../../x", "$(x)"] {
        yard.docker(&format!(r#"{{"credsStore":"{name}"}}"#));
        let run = ask().exits(3);
        assert!(run.stderr.contains("is not the name of a credential helper"), "{}", run.stderr);
        assert!(!ran.exists(), "{name}");
    }
    yard.docker(r#"{"credsStore":"test"}"#);
    for (script, says) in [
        ("cat /dev/zero", "printed too much"),
        ("echo the key ring is locked; exit 1", "the key ring is locked"),
        ("echo '{\"Username\":\"alice\"'", "did not print credentials"),
        ("exit 3", "has an error"),
    ] {
        write("docker-credential-test", script);
        let run = ask().exits(3);
        assert!(run.stderr.contains(says), "{script}: {}", run.stderr);
        assert!(!learnt(&yard.registry));
    }
    write("docker-credential-test", r#"echo '{"Username":"alice","Secret":"s3cret"}'"#);
    ask().exits(0);
}

#[test]
fn n23_challenges() {
    let yard = Yard::new();
    yard.log_in(&[&yard.registry.host()]);
    for challenges in [
        vec![],
        vec!["Bearer realm=\"unclosed".to_owned()],
        vec!["Bearer".to_owned()],
        vec!["Bearer realm=".to_owned()],
        vec!["=,=\"\\".to_owned()],
        vec!["Negotiate".to_owned(), "Digest realm=\"x\", qop=\"auth, auth-int\"".to_owned()],
        vec![format!("Bearer service=\"{}\"", "a".repeat(60 << 10))],
        vec![",".repeat(60 << 10)],
        vec!["a b=c, ".repeat(8 << 10)],
    ] {
        let what = format!("{:.60}", challenges.join("|"));
        yard.registry.behave();
        yard.registry.fault(Fault::on("GET /v2/*", Mode::Unauthorized(challenges)));
        let said = yard.refuses(&["resolve", "[HOST]/app:1.0"]);
        assert!(!said.contains("panicked") && said.len() < 4096, "{what}: {said}");
        assert!(!learnt(&yard.registry), "{what}");
    }
    // In two headers, and in one, whatever stands before it.
    for challenges in [
        vec!["Negotiate abc==".to_owned(), "Basic realm=\"a, Bearer realm=b\"".to_owned()],
        vec!["Digest realm=\"a\\\"b\", nonce=\"x, y\", bAsIc REALM = \"c\"".to_owned()],
    ] {
        yard.registry.behave();
        yard.registry.forget_requests();
        yard.registry.fault(Fault::on("GET /v2/*", Mode::Unauthorized(challenges)).first(1));
        yard.run(&["resolve", "[HOST]/app:1.0"]).exits(0);
        assert!(learnt(&yard.registry));
    }
}

#[test]
fn n28_redirects_inwards() {
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "http://[::1]/x",
        "http://10.0.0.1/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://2852039166/x",
    ] {
        // The registry stands in as proxy for one in the world.
        let proxy = Yard::of(Registry::builder().referrers(Referrers::On));
        proxy.registry.fault(Fault::on("GET *", Mode::Redirect(target.to_owned())));
        let tool = proxy.tool(&["resolve", "--plain-http", "r.example", "r.example/app:1.0"]);
        let run = tool.env("http_proxy", "http://[HOST]").run().exits(3);
        assert!(run.stderr.contains("is an internal address"), "{target}: {}", run.stderr);
        assert_eq!(proxy.registry.requests().len(), 1, "{target}");
    }
}
