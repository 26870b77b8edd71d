//! How registries are reached: TLS with certificates of people's own, mirrors, names that mean other places.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Account, Auth, Fault, Front, Mode, Registry, Speaks, Visitors};

/// A home with certificates for the host of a TLS server in front of a registry with one image.
struct Home {
    _registry: Registry,
    front: Front,
    folder: TempDir,
}

impl Home {
    fn new(visitors: Visitors, certificates: &[&str]) -> Self {
        let registry = Registry::start();
        registry.push_layout(&testdata("image/image.oci.tar"), "app", "1.0");
        let front = Front::of(&registry, visitors);
        let folder = TempDir::new().unwrap();
        let home = Self { _registry: registry, front, folder };
        fs::create_dir_all(home.certs()).unwrap();
        for name in certificates {
            // containers-certs.d(5) calls the certificate of a client `.cert`.
            let target = name.replace("client.crt", "client.cert");
            fs::copy(testdata("tls").join(name), home.certs().join(target)).unwrap();
        }
        home
    }

    fn certs(&self) -> std::path::PathBuf {
        self.folder.path().join(".config/containers/certs.d").join(self.front.host())
    }

    fn resolve(&self, args: &[&str]) -> Run {
        let tool = Plimsoll::new().dir(&self.folder).host(self.front.host()).env("HOME", "[DIR]");
        tool.args(["resolve", "[HOST]/app:1.0"]).args(args.iter().copied()).run()
    }
}

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

#[test]
fn a_ca_of_ones_own_is_trusted_where_it_is_named() {
    assert!(
        Home::new(Visitors::All, &["ca.crt"]).resolve(&[]).exits(0).stdout.starts_with("[HOST]/app:1.0@")
    );
    let home = Home::new(Visitors::All, &[]);
    let run = home.resolve(&[]).exits(3);
    assert!(run.stderr.contains("--ca-file FILE"), "{}", run.stderr);
    // Without the folder, naming a CA is what says that loopback speaks TLS.
    fs::remove_dir(home.certs()).unwrap();
    let ca = testdata("tls/ca.crt");
    home.resolve(&["--ca-file", ca.to_str().unwrap()]).exits(0);
    let key = testdata("tls/client.key");
    home.resolve(&["--ca-file", key.to_str().unwrap()]).exits(3);
}

#[test]
fn loopback_speaks_tls_if_somebody_says_so() {
    let home = Home::new(Visitors::All, &[]);
    fs::remove_dir(home.certs()).unwrap();
    // Nobody does: it is spoken to in plain, which the TLS server does not understand.
    let run = home.resolve(&[]).exits(3);
    assert!(run.stderr.contains("http://[HOST]"), "{}", run.stderr);
    let conf = format!("[[registry]]\nlocation = \"{}\"\ninsecure = false\n", home.front.host());
    let folder = home.folder.path().join(".config/containers");
    fs::write(folder.join("registries.conf"), conf).unwrap();
    let run = home.resolve(&[]).exits(3);
    assert!(run.stderr.contains("--ca-file FILE"), "{}", run.stderr);
    // A registry in plain is one by name then.
    let registry = Registry::start();
    registry.push_layout(&testdata("image/image.oci.tar"), "app", "1.0");
    let ca = testdata("tls/ca.crt");
    let args = ["resolve", "[HOST]/app:1.0", "--ca-file", ca.to_str().unwrap()];
    let run = Plimsoll::new().registry(&registry).args(args).run().exits(3);
    assert!(run.stderr.contains("--plain-http [HOST]"), "{}", run.stderr);
    Plimsoll::new().registry(&registry).args(args).args(["--plain-http", "[HOST]"]).run().exits(0);
}

#[test]
fn a_client_certificate_is_shown_to_who_asks() {
    Home::new(Visitors::Certified, &["ca.crt"]).resolve(&[]).exits(3);
    Home::new(Visitors::Certified, &["ca.crt", "client.crt", "client.key"]).resolve(&[]).exits(0);
    let half = Home::new(Visitors::All, &["ca.crt", "client.crt"]).resolve(&[]).exits(3);
    assert!(half.stderr.contains("client.cert has no .key file beside it"), "{}", half.stderr);
    let home = Home::new(Visitors::Certified, &["ca.crt"]);
    let [certificate, key] = ["client.crt", "client.key"].map(|name| testdata("tls").join(name));
    let pair = ["--client-cert", certificate.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
    home.resolve(&pair).exits(0);
    home.resolve(&pair[..2]).exits(2);
}

/// A registry with an image, a mirror with another image under the same name, and a configuration that says so.
struct Mirrored {
    upstream: Registry,
    mirror: Registry,
    digest: String,
    folder: TempDir,
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Mirrored {
    fn new(upstream: Registry, more: &str) -> Self {
        let mirror = Registry::start();
        let digest = upstream.push_layout(&testdata("image/image.oci.tar"), "app", "1.0").to_string();
        let other = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#);
        mirror.put_manifest("copy/app", "1.0", INDEX, other.as_bytes());
        let folder = TempDir::new().unwrap();
        let conf = format!(
            "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}/copy\"\n{more}\n",
            upstream.host(),
            mirror.host()
        );
        fs::write(folder.path().join("registries.conf"), conf).unwrap();
        for registry in [&upstream, &mirror] {
            registry.forget_requests();
        }
        Self { upstream, mirror, digest, folder }
    }

    fn run(&self, args: &[&str]) -> Run {
        let tool = Plimsoll::new().dir(&self.folder).registry(&self.upstream);
        let tool = tool.env("CONTAINERS_REGISTRIES_CONF", "[DIR]/registries.conf");
        tool.env("DOCKER_CONFIG", "[DIR]").args(args.iter().copied()).run()
    }
}

#[test]
fn n19_a_mirror_does_not_say_what_a_tag_means() {
    let shop = Mirrored::new(Registry::start(), "");
    let run = shop.run(&["resolve", "[HOST]/app:1.0"]).exits(0);
    assert_eq!(run.stdout, format!("[HOST]/app:1.0@{}\n", shop.digest));
    assert_eq!(shop.mirror.request_lines(), Vec::<String>::new());
    // Unless the user says so.
    let run = shop.run(&["resolve", "--mirror-tags", "[HOST]/app:1.0"]).exits(0);
    assert!(!run.stdout.contains(&shop.digest));
    // For content that has a digest it is asked, and the registry where it has none.
    let pinned = format!("[HOST]/app@{}", shop.digest);
    shop.run(&["resolve", &pinned]).exits(0);
    let line = format!("GET /v2/copy/app/manifests/{}", shop.digest);
    assert_eq!(shop.mirror.request_lines().last(), Some(&line));
    shop.mirror.push_layout(&testdata("image/image.oci.tar"), "copy/app", "2");
    shop.upstream.forget_requests();
    shop.run(&["sbom", &pinned]).exits(0);
    assert_eq!(shop.upstream.request_lines(), Vec::<String>::new());
    // What a mirror sends instead is not used; the registry is asked, and people are told.
    shop.mirror.fault(Fault::on("GET /v2/*/manifests/*", Mode::FlipByte(20)));
    let run = shop.run(&["resolve", &pinned]).exits(0);
    assert_eq!(run.stdout, format!("[HOST]/app@{}\n", shop.digest));
    assert!(
        run.stderr.contains("is not used any more in this run") && run.stderr.contains("other content"),
        "{}",
        run.stderr
    );
    shop.mirror.behave();
    shop.mirror.fault(Fault::on("GET /v2/*/blobs/*", Mode::FlipByte(20)));
    let honest = shop.run(&["sbom", &format!("[HOST]/app@{}", shop.digest), "--no-cache"]).exits(0);
    assert!(honest.stderr.contains("other content"), "{}", honest.stderr);
    // One that is busy is passed over.
    shop.mirror.behave();
    shop.mirror.fault(Fault::on("GET *", Mode::Status(503, "UNAVAILABLE")));
    shop.run(&["resolve", &pinned]).exits(0);
}

#[test]
fn n19_a_copy_takes_content_from_mirrors_and_the_meaning_of_tags_from_the_registry() {
    let shop = Mirrored::new(Registry::start(), "");
    shop.mirror.push_layout(&testdata("image/image.oci.tar"), "copy/app", "2");
    let there = Registry::start();
    let mut number = 0;
    let mut copy = |to: &str| {
        number += 1;
        for registry in [&shop.upstream, &shop.mirror] {
            registry.forget_requests();
        }
        let to = to.replace("[THERE]", &there.host()).replace("[N]", &number.to_string());
        let run = shop.run(&["copy", "[HOST]/app:1.0", &to]).exits(0);
        let pinned = to.replace(":1.0", &format!("@{}", shop.digest));
        if !to.starts_with("oci:") {
            shop.run(&["resolve", &pinned]).exits(0);
        }
        let blobs = |registry: &Registry| {
            registry.request_lines().iter().filter(|line| line.contains("/blobs/sha256:")).count()
        };
        (run.stderr, blobs(&shop.upstream), blobs(&shop.mirror))
    };
    for to in ["oci:[DIR]/[N]:1.0", "[THERE]/[N]:1.0"] {
        shop.mirror.behave();
        let (said, upstream, mirror) = copy(to);
        assert_eq!((said.contains("mirror"), upstream, mirror > 1), (false, 0, true), "{to}: {said}");
        // Nor is the older tag asked for there, nor the list of what is attached.
        let asked = shop.mirror.request_lines();
        let is_content =
            |line: &String| line.contains("/blobs/sha256:") || line.contains("/manifests/sha256:");
        assert!(asked.iter().all(is_content), "{asked:?}");
        // One that shows only at its end that it is of no use.
        for mode in [Mode::FlipByte(20), Mode::Truncated(100), Mode::Trailing(b"x".to_vec())] {
            shop.mirror.behave();
            shop.mirror.fault(Fault::on("GET /v2/*/blobs/*", mode.clone()));
            let (said, upstream, mirror) = copy(to);
            let is_told = said.contains("is not used any more in this run");
            let is_wrong = matches!(mode, Mode::FlipByte(_));
            assert!(upstream > 1 && mirror > 0 && is_told == is_wrong, "{to} {mode:?}: {said}");
        }
        // One that has it not.
        shop.mirror.behave();
        shop.mirror.fault(Fault::on("GET /v2/*/blobs/*", Mode::Status(404, "BLOB_UNKNOWN")));
        assert!(copy(to).1 > 1);
    }
}

#[test]
fn a_registry_that_is_its_own_mirror_is_not_asked_for_ever() {
    let registry = Registry::start();
    registry.push_layout(&testdata("image/image.oci.tar"), "app", "1.0");
    let folder = TempDir::new().unwrap();
    let host = registry.host();
    let conf = format!("[[registry]]\nlocation = \"{host}\"\n[[registry.mirror]]\nlocation = \"{host}\"\n");
    fs::write(folder.path().join("registries.conf"), conf).unwrap();
    registry.fault(Fault::on("GET /v2/*/blobs/*", Mode::FlipByte(20)));
    let tool = Plimsoll::new().dir(&folder).registry(&registry);
    let tool = tool.env("CONTAINERS_REGISTRIES_CONF", "[DIR]/registries.conf");
    let run = tool.args(["copy", "[HOST]/app:1.0", "oci:[DIR]/out:1.0"]).run().exits(3);
    assert!(run.stderr.contains("other content"), "{}", run.stderr);
}

#[test]
fn n19_a_mirror_sees_no_credentials_of_the_registry() {
    let upstream = Registry::builder().auth(Auth::Basic(Account::new("alice", "s3cret"))).start();
    let shop = Mirrored::new(upstream, "");
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6czNjcmV0"}}}}}}"#, shop.upstream.host());
    fs::write(shop.folder.path().join("config.json"), config).unwrap();
    let challenge = Mode::Unauthorized(vec!["Basic realm=\"x\"".to_owned()]);
    shop.mirror.fault(Fault::on("GET *", challenge));
    shop.run(&["resolve", &format!("[HOST]/app@{}", shop.digest)]).exits(0);
    let asked = shop.mirror.requests();
    assert!(!asked.is_empty() && asked.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_blocked_registry_is_not_asked() {
    let shop = Mirrored::new(Registry::start(), "");
    let conf = format!("[[registry]]\nlocation = \"{}/app\"\nblocked = true\n", shop.upstream.host());
    fs::write(shop.folder.path().join("registries.conf"), conf).unwrap();
    let run = shop.run(&["resolve", "[HOST]/app:1.0"]).exits(3);
    assert!(run.stderr.contains("is blocked by"), "{}", run.stderr);
    assert_eq!(shop.upstream.request_lines(), Vec::<String>::new());
}

#[test]
fn a_rewritten_name_is_asked_elsewhere_and_pinned_as_written() {
    let shop = Mirrored::new(Registry::start(), "");
    let host = shop.upstream.host();
    let conf = format!("[[registry]]\nprefix = \"r.example/team\"\nlocation = \"{host}\"\n");
    fs::write(shop.folder.path().join("registries.conf"), conf).unwrap();
    let run = shop.run(&["resolve", "r.example/team/app:1.0"]).exits(0);
    assert_eq!(run.stdout, format!("r.example/team/app:1.0@{}\n", shop.digest));
}

/// A registry with one image behind TLS, which offers HTTP/2 or not.
struct Line {
    registry: Registry,
    front: Front,
    folder: TempDir,
}

impl Line {
    fn new(speaks: Speaks) -> Self {
        let registry = Registry::start();
        registry.push_layout(&testdata("image/image.oci.tar"), "app", "1.0");
        let front = Front::speaking(&registry, speaks);
        Self { registry, front, folder: TempDir::new().unwrap() }
    }

    fn run(&self, args: &[&str]) -> Run {
        self.registry.forget_requests();
        let ca = testdata("tls/ca.crt");
        let tool = Plimsoll::new().dir(&self.folder).host(self.front.host()).args(args.iter().copied());
        tool.args(["--ca-file", ca.to_str().unwrap(), "--no-cache"]).run()
    }

    /// How many connections and requests this takes.
    fn count(&self, args: &[&str]) -> (usize, usize) {
        let before = self.front.connections();
        self.run(args).exits(0);
        (self.front.connections() - before, self.registry.requests().len())
    }

    fn asked(&self, part: &str) -> usize {
        self.registry.request_lines().iter().filter(|line| line.contains(part)).count()
    }
}

const OUT: &[&str] = &["copy", "[HOST]/app:1.0", "oci:[DIR]/out:1.0"];
const LAYOUT: &str = "oci-archive:testdata/image/image.oci.tar";

#[test]
fn a_run_shares_one_connection_of_http_2() {
    let line = Line::new(Speaks::Both);
    let (connections, requests) = line.count(OUT);
    assert!(connections == 1 && requests >= 8, "{requests} requests on {connections} connections");
    // Uploads have a connection of their own, and those that come first come at once: four of them each way.
    let (connections, requests) = line.count(&["copy", LAYOUT, "[HOST]/new:1.0"]);
    assert!(connections <= 8 && connections < requests, "{requests} requests on {connections} connections");
}

#[test]
fn connections_of_http_1_are_used_again() {
    let line = Line::new(Speaks::Old);
    let (kind, bytes) = line.registry.manifest("app", "1.0").unwrap();
    for number in 0..2100 {
        line.registry.put_manifest("app", &format!("v{number}"), &kind, &bytes);
    }
    // One page after the other.
    assert_eq!(line.count(&["ls", "[HOST]/app"]), (1, 3));
    let (connections, requests) = line.count(OUT);
    assert!(connections <= 8 && connections < requests, "{requests} requests on {connections} connections");
}

#[test]
fn reads_go_on_when_a_stream_or_a_connection_of_http_2_ends() {
    for (mode, is_new, times) in [
        (Mode::LastOnes, true, 1),
        (Mode::Refused, false, 2),
        // Reset without an answer.
        (Mode::Lost, false, 2),
        (Mode::Gone, true, 2),
    ] {
        let line = Line::new(Speaks::Both);
        line.registry.fault(Fault::on("GET /v2/app/manifests/1.0", mode.clone()).first(1));
        // Those that wait when a connection ends may each begin a new one.
        let (connections, _) = line.count(OUT);
        assert_eq!((connections > 1, line.asked("/manifests/1.0")), (is_new, times), "{mode:?}");
    }
    // Not for ever.
    for mode in [Mode::Refused, Mode::Lost, Mode::Gone] {
        let line = Line::new(Speaks::Both);
        line.registry.fault(Fault::on("GET /v2/app/manifests/*", mode.clone()));
        line.run(OUT).exits(3);
        assert!(line.asked("/manifests/1.0") <= 15, "{mode:?}: {:?}", line.registry.request_lines());
    }
}

#[test]
fn writes_are_repeated_over_http_2_only_if_nothing_was_done() {
    let push = ["copy", LAYOUT, "[HOST]/new:1.0"];
    let chunk = |mode: Mode| {
        let line = Line::new(Speaks::Both);
        // A registry that takes no blob whole.
        line.registry.fault(Fault::on("PUT /v2/new/blobs/*", Mode::Status(413, "SIZE_INVALID")).first(1));
        line.registry.fault(Fault::on("PATCH /v2/new/blobs/*", mode).first(1));
        line.run(&push).exits(0);
        (line.asked("PATCH /v2/new/blobs/"), line.asked("GET /v2/new/blobs/uploads/"))
    };
    // Refused, it is sent again; otherwise the registry is asked what it has.
    assert_eq!(chunk(Mode::Refused), (2, 0));
    assert_eq!(chunk(Mode::Lost), (1, 1));
    assert_eq!(chunk(Mode::Gone), (1, 1));
    // A manifest may arrive twice.
    for mode in [Mode::Refused, Mode::Lost, Mode::Gone] {
        let line = Line::new(Speaks::Both);
        line.registry.fault(Fault::on("PUT /v2/new/manifests/1.0", mode.clone()).first(1));
        line.run(&push).exits(0);
        assert_eq!(line.asked("PUT /v2/new/manifests/1.0"), 2, "{mode:?}");
    }
}
