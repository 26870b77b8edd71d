//! Real peers: what they sign we verify, what we sign they verify, on real registries and on ours.

mod keys;

use std::path::{Path, PathBuf};

use plimsoll::base::Digest;
use tempfile::TempDir;

use crate::peers::{PASSWORD, Peers, Process, RealRegistry};
use crate::plimsoll::Plimsoll;
use crate::registry::{Referrers, Registry, client};

/// Who writes or reads, and in which format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cosign {
    /// cosign 2: signature and attestation tags.
    Two,
    /// cosign 3: bundles as referrers.
    Three,
    /// cosign 3, told to write what cosign 2 wrote.
    ThreeLegacy,
}

impl Cosign {
    const ALL: [Self; 3] = [Self::Two, Self::Three, Self::ThreeLegacy];

    fn program(self) -> &'static str {
        match self {
            Self::Two => "cosign2",
            Self::Three | Self::ThreeLegacy => "cosign",
        }
    }

    /// Our word for its format.
    fn storage(self) -> &'static str {
        match self {
            Self::Three => "referrers",
            Self::Two | Self::ThreeLegacy => "legacy",
        }
    }

    /// Without transparency log and without network.
    fn writing(self) -> &'static [&'static str] {
        match self {
            Self::Two => &["--tlog-upload=false", "-y"],
            Self::Three => &["--use-signing-config=false", "--tlog-upload=false", "-y"],
            Self::ThreeLegacy => {
                &["--use-signing-config=false", "--tlog-upload=false", "-y", "--new-bundle-format=false"]
            }
        }
    }
}

/// A registry of any make.
enum Site {
    Ours(Registry),
    Real(Process),
}

impl Site {
    fn host(&self) -> String {
        match self {
            Self::Ours(registry) => registry.host(),
            Self::Real(process) => process.host().to_owned(),
        }
    }

    /// Pushes the image under a name of its own.
    fn push(&self, repository: &str) -> Image {
        let digest = client::push_layout(&self.host(), &image_file(), repository, "1.0");
        Image { name: format!("{}/{repository}", self.host()), digest }
    }
}

/// The test image in a registry.
struct Image {
    name: String,
    digest: Digest,
}

impl Image {
    fn pinned(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }

    fn tagged(&self) -> String {
        format!("{}:1.0", self.name)
    }
}

/// One test: every make of registry one after the other, each time with an empty home.
fn everywhere(test: &str, check: impl Fn(&Peers, &Site)) {
    let Some(peers) = Peers::find(test) else { return };
    check(&peers.moved(), &Site::Real(peers.serve(RealRegistry::Crane)));
    check(&peers.moved(), &Site::Real(peers.serve(RealRegistry::Docker)));
    check(&peers.moved(), &Site::Ours(Registry::start()));
}

/// The same, with every cosign, each time with an empty home.
fn with_every_cosign(test: &str, check: impl Fn(&Peers, &Site, Cosign)) {
    everywhere(test, |peers, site| {
        for cosign in Cosign::ALL {
            check(&peers.moved(), site, cosign);
        }
    });
}

fn image_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar")
}

/// Runs a verb on files of the peers' home, as `[DIR]`.
fn plimsoll(peers: &Peers, args: &[&str]) -> Plimsoll {
    Plimsoll::new().args(args.iter().copied()).dir(peers.home()).env("PLIMSOLL_PASSWORD", PASSWORD)
}

/// A key pair `NAME.key`, `NAME.pub` in the peers' home, made by cosign.
fn cosign_key(peers: &Peers, cosign: Cosign, name: &str) {
    peers.succeed(cosign.program(), &["generate-key-pair", "--output-key-prefix", name]);
}

/// The same, made by us.
fn our_key(peers: &Peers, name: &str) {
    plimsoll(peers, &["keygen", "--output", &format!("[DIR]/{name}")]).run().exits(0);
}

fn cosign_signs(peers: &Peers, cosign: Cosign, key: &str, reference: &str) {
    let args = [&["sign", "--key", key], cosign.writing(), &[reference]].concat();
    peers.succeed(cosign.program(), &args);
}

fn cosign_attests(peers: &Peers, cosign: Cosign, key: &str, predicate: &Predicate, reference: &str) {
    let file = predicate.file(peers.home());
    let what = ["attest", "--key", key, "--type", predicate.kind, "--predicate", &file];
    peers.succeed(cosign.program(), &[&what, cosign.writing(), &[reference]].concat());
}

/// A kind of attestation and a small one of it.
struct Predicate {
    kind: &'static str,
    json: &'static str,
}

impl Predicate {
    /// Writes it into `folder` and says the file's name there.
    fn file(&self, folder: &TempDir) -> String {
        let name = format!("{}.json", self.kind);
        std::fs::write(folder.path().join(&name), self.json).expect("a writable folder");
        name
    }
}

const PREDICATES: [Predicate; 4] = [
    Predicate {
        kind: "cyclonedx",
        json: r#"{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[]}"#,
    },
    Predicate {
        kind: "spdxjson",
        json: r#"{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"x",
            "documentNamespace":"https://example.org/x","packages":[],
            "creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Tool: t"]}}"#,
    },
    Predicate {
        kind: "slsaprovenance1",
        json: r#"{"buildDefinition":{"buildType":"https://example.org/t","externalParameters":{"a":1}},
            "runDetails":{"builder":{"id":"https://example.org/b"}}}"#,
    },
    Predicate { kind: "custom", json: r#"{"approved":true}"# },
];

#[test]
fn we_verify_what_cosign_signs() {
    with_every_cosign("we_verify_what_cosign_signs", |peers, site, cosign| {
        let image = site.push(&format!("theirs/{cosign:?}").to_lowercase());
        cosign_key(peers, cosign, "right");
        cosign_key(peers, cosign, "wrong");
        let verify = |key: &str| plimsoll(peers, &["verify", "--key", key, &image.pinned()]).run();
        verify("[DIR]/right.pub").exits(1);
        cosign_signs(peers, cosign, "right.key", &image.pinned());
        verify("[DIR]/right.pub").exits(0);
        verify("[DIR]/wrong.pub").exits(1);
        plimsoll(peers, &["verify", "--key", "[DIR]/right.pub", &image.tagged()]).run().exits(0);
    });
}

#[test]
fn cosign_verifies_what_we_sign() {
    with_every_cosign("cosign_verifies_what_we_sign", |peers, site, cosign| {
        our_key(peers, "right");
        our_key(peers, "wrong");
        let image = site.push(&format!("ours/{cosign:?}").to_lowercase());
        let pinned = image.pinned();
        let sign =
            ["sign", "--key", "[DIR]/right.key", "--storage", cosign.storage(), "-a", "env=prod", &pinned];
        plimsoll(peers, &sign).run().exits(0);
        let verify = |key, annotations: &[&'static str]| {
            let args = ["verify", "--insecure-ignore-tlog", "--key", key, &pinned];
            peers.run(cosign.program(), &[&args, annotations].concat()).status.success()
        };
        assert!(verify("right.pub", &[]));
        assert!(verify("right.pub", &["-a", "env=prod"]));
        assert!(!verify("right.pub", &["-a", "env=test"]));
        assert!(!verify("wrong.pub", &[]));
        plimsoll(peers, &["verify", "--key", "[DIR]/right.pub", &pinned]).run().exits(0);
    });
}

#[test]
fn we_verify_what_cosign_attests() {
    with_every_cosign("we_verify_what_cosign_attests", |peers, site, cosign| {
        cosign_key(peers, cosign, "right");
        cosign_key(peers, cosign, "wrong");
        for predicate in &PREDICATES {
            let kind = predicate.kind;
            let image = site.push(&format!("theirs/{cosign:?}/{kind}").to_lowercase());
            cosign_attests(peers, cosign, "right.key", predicate, &image.pinned());
            let verify = |key: &str, kind: &str| {
                plimsoll(peers, &["verify", "--key", key, "--type", kind, &image.pinned()]).run()
            };
            verify("[DIR]/right.pub", kind).exits(0);
            verify("[DIR]/wrong.pub", kind).exits(1);
            verify("[DIR]/right.pub", "vuln").exits(1);
            // An attestation is no signature, though the same key made it.
            plimsoll(peers, &["verify", "--key", "[DIR]/right.pub", &image.pinned()]).run().exits(1);
        }
    });
}

#[test]
fn cosign_verifies_what_we_attest() {
    with_every_cosign("cosign_verifies_what_we_attest", |peers, site, cosign| {
        our_key(peers, "right");
        our_key(peers, "wrong");
        for predicate in &PREDICATES {
            let kind = predicate.kind;
            let image = site.push(&format!("ours/{cosign:?}/{kind}").to_lowercase());
            let file = format!("[DIR]/{}", predicate.file(peers.home()));
            let key = ["attest", "--key", "[DIR]/right.key", "--storage", cosign.storage()];
            let what = ["--type", kind, "--predicate", &file, &image.pinned()];
            plimsoll(peers, &[&key[..], &what].concat()).run().exits(0);
            check_attestation(peers, cosign, &image, kind);
        }
    });
}

#[test]
fn cosign_verifies_the_sbom_that_we_attest() {
    everywhere("cosign_verifies_the_sbom_that_we_attest", |peers, site| {
        our_key(peers, "right");
        our_key(peers, "wrong");
        for (format, kind) in [("spdx-json", "spdxjson"), ("cyclonedx-json", "cyclonedx")] {
            let image = site.push(&format!("sbom/{kind}"));
            plimsoll(peers, &["attest", "--key", "[DIR]/right.key", "--sbom", format, &image.pinned()])
                .run()
                .exits(0);
            check_attestation(peers, Cosign::Three, &image, kind);
        }
    });
}

/// cosign finds our attestation with the right key and the right type only.
fn check_attestation(peers: &Peers, cosign: Cosign, image: &Image, kind: &str) {
    let pinned = image.pinned();
    let verify =
        |key, kind| ["verify-attestation", "--insecure-ignore-tlog", "--key", key, "--type", kind, &pinned];
    peers.succeed(cosign.program(), &verify("right.pub", kind));
    peers.refuse(cosign.program(), &verify("wrong.pub", kind));
    peers.refuse(cosign.program(), &verify("right.pub", "vuln"));
}

/// One command for every cosign; what cosign has signed before is not signed again.
#[test]
fn every_cosign_verifies_what_we_sign_in_both_storages() {
    everywhere("every_cosign_verifies_what_we_sign_in_both_storages", |peers, site| {
        our_key(peers, "right");
        let image = site.push("both");
        let pinned = image.pinned();
        let sign = ["sign", "--key", "[DIR]/right.key", "--storage", "both", &pinned];
        plimsoll(peers, &sign).run().exits(0);
        for cosign in [Cosign::Two, Cosign::Three] {
            let verify = ["verify", "--insecure-ignore-tlog", "--key", "right.pub", &pinned];
            peers.succeed(cosign.program(), &verify);
        }
        let again = plimsoll(peers, &sign).run().exits(0);
        assert_eq!(again.stdout.matches("nothing was added").count(), 2, "{}", again.stdout);
        // cosign's signatures are randomised, yet the same key says the same.
        let image = site.push("theirs");
        cosign_signs(peers, Cosign::Two, "right.key", &image.pinned());
        let sign = ["sign", "--key", "[DIR]/right.key", "--storage", "legacy", &image.pinned()];
        let again = plimsoll(peers, &sign).run().exits(0);
        assert!(again.stdout.contains("nothing was added"), "{}", again.stdout);
    });
}

#[test]
fn an_index_is_signed_with_its_images_on_either_side() {
    with_every_cosign("an_index_is_signed_with_its_images_on_either_side", |peers, site, cosign| {
        our_key(peers, "right");
        let name = format!("index/{cosign:?}").to_lowercase();
        let all: Vec<Image> = ["ours", "theirs"]
            .map(|who| {
                let image = site.push(&format!("{name}/{who}"));
                // crane wraps the image: an index with one entry.
                let index = format!("{}:multi", image.name);
                let append = ["index", "append", "-m", &image.pinned(), "-t", &index];
                peers.succeed("crane", &append);
                let digest = peers.succeed("crane", &["digest", &index]).trim().parse().expect("a digest");
                vec![Image { name: image.name.clone(), digest }, image]
            })
            .into_iter()
            .flatten()
            .collect();
        let [our_index, our_image, their_index, their_image] = &all[..] else { panic!("four") };
        let sign = ["sign", "--key", "[DIR]/right.key", "--storage", cosign.storage(), &our_index.pinned()];
        plimsoll(peers, &sign).run().exits(0);
        for image in [our_index, our_image] {
            let verify = ["verify", "--insecure-ignore-tlog", "--key", "right.pub", &image.pinned()];
            peers.succeed(cosign.program(), &verify);
        }
        let pinned = their_index.pinned();
        let sign = [&["sign", "-r", "--key", "right.key"], cosign.writing(), &[&pinned]].concat();
        peers.succeed(cosign.program(), &sign);
        for image in [their_index, their_image] {
            plimsoll(peers, &["verify", "--key", "[DIR]/right.pub", &image.pinned()]).run().exits(0);
        }
    });
}

/// A bundle in a file goes from one side to the other.
#[test]
fn bundles_are_signed_here_and_attached_there() {
    everywhere("bundles_are_signed_here_and_attached_there", |peers, site| {
        our_key(peers, "right");
        let image = site.push("file/ours");
        let pinned = image.pinned();
        let sign =
            ["sign", "--key", "[DIR]/right.key", "--no-upload", "--bundle", "[DIR]/ours.json", &pinned];
        plimsoll(peers, &sign).run().exits(0);
        peers.refuse("cosign", &["verify", "--insecure-ignore-tlog", "--key", "right.pub", &pinned]);
        let attach = ["attach", "--key", "[DIR]/right.pub", "--bundle", "[DIR]/ours.json", &pinned];
        plimsoll(peers, &attach).run().exits(0);
        peers.succeed("cosign", &["verify", "--insecure-ignore-tlog", "--key", "right.pub", &pinned]);

        let image = site.push("file/theirs");
        let pinned = image.pinned();
        let sign = ["sign", "--key", "right.key", "--bundle", "theirs.json", "--upload=false"];
        peers.succeed("cosign", &[&sign, Cosign::Three.writing(), &[&pinned]].concat());
        let verify = ["verify", "--key", "[DIR]/right.pub", &pinned];
        plimsoll(peers, &verify).run().exits(1);
        let attach = ["attach", "--key", "[DIR]/right.pub", "--bundle", "[DIR]/theirs.json", &pinned];
        plimsoll(peers, &attach).run().exits(0);
        plimsoll(peers, &verify).run().exits(0);
        peers.succeed("cosign", &["verify", "--insecure-ignore-tlog", "--key", "right.pub", &pinned]);
    });
}

#[test]
fn keys_of_either_side_work_on_the_other() {
    let Some(peers) = Peers::find("keys_of_either_side_work_on_the_other") else { return };
    let site = Site::Ours(Registry::start());
    our_key(&peers, "ours");
    for cosign in [Cosign::Two, Cosign::Three] {
        let name = format!("{cosign:?}").to_lowercase();
        cosign_key(&peers, cosign, &name);
        // cosign signs with our key.
        let image = site.push(&format!("our-key/{name}"));
        cosign_signs(&peers, cosign, "ours.key", &image.pinned());
        plimsoll(&peers, &["verify", "--key", "[DIR]/ours.pub", &image.pinned()]).run().exits(0);
        plimsoll(&peers, &["verify", "--key", &format!("[DIR]/{name}.pub"), &image.pinned()]).run().exits(1);
        // We sign with cosign's key.
        let image = site.push(&format!("their-key/{name}"));
        let key = format!("[DIR]/{name}.key");
        plimsoll(&peers, &["sign", "--key", &key, "--storage", cosign.storage(), &image.pinned()])
            .run()
            .exits(0);
        let public = format!("{name}.pub");
        peers.succeed(
            cosign.program(),
            &["verify", "--insecure-ignore-tlog", "--key", &public, &image.pinned()],
        );
        // Its reading of our encrypted file agrees with the public half that we wrote.
        let public = std::fs::read_to_string(peers.home().path().join("ours.pub")).expect("keygen wrote it");
        assert_eq!(
            peers.succeed(cosign.program(), &["public-key", "--key", "ours.key"]).trim(),
            public.trim()
        );
    }
}

#[test]
fn digests_agree_with_crane() {
    everywhere("digests_agree_with_crane", |peers, site| {
        let image = site.push("digests");
        let theirs = peers.succeed("crane", &["digest", &image.tagged()]);
        assert_eq!(theirs.trim(), image.digest.to_string());
        let ours = plimsoll(peers, &["resolve", &image.tagged()]).host(site.host()).run().exits(0);
        assert_eq!(ours.stdout, format!("[HOST]/digests:1.0@{}\n", theirs.trim()));
    });
}

#[test]
fn oras_lists_our_bundles_for_what_they_are() {
    everywhere("oras_lists_our_bundles_for_what_they_are", |peers, site| {
        our_key(peers, "right");
        let image = site.push("listed");
        plimsoll(peers, &["sign", "--key", "[DIR]/right.key", &image.pinned()]).run().exits(0);
        let listed =
            peers.succeed("oras", &["discover", "--plain-http", "--format", "json", &image.pinned()]);
        assert!(listed.contains("application/vnd.dev.sigstore.bundle.v0.3+json"), "{listed}");
        assert!(listed.contains("https://sigstore.dev/cosign/sign/v1"), "{listed}");
    });
}

#[test]
fn syft_finds_the_packages_that_we_find() {
    let Some(peers) = Peers::find("syft_finds_the_packages_that_we_find") else { return };
    let image = format!("oci-archive:{}", image_file().display());
    let outputs = ["-o", "spdx-json=[DIR]/ours.spdx.json", "-o", "cyclonedx-json=[DIR]/ours.cdx.json"];
    plimsoll(&peers, &[&["sbom", &image], &outputs[..]].concat()).run().exits(0);
    peers.succeed("syft", &["scan", "--quiet", "--output", "cyclonedx-json=theirs.cdx.json", &image]);
    assert_eq!(purls(&peers, "ours.cdx.json"), purls(&peers, "theirs.cdx.json"));
    assert_eq!(purls(&peers, "ours.cdx.json").len(), 4);
    peers.succeed("pyspdxtools", &["--infile", "ours.spdx.json"]);
}

/// Package URLs of a CycloneDX document without their qualifiers, sorted.
fn purls(peers: &Peers, file: &str) -> Vec<String> {
    let bytes =
        std::fs::read(peers.home().path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let document: serde_json::Value = serde_json::from_slice(&bytes).expect("a CycloneDX document is JSON");
    let purl =
        |component: &serde_json::Value| Some(component["purl"].as_str()?.split('?').next()?.to_owned());
    let mut purls: Vec<String> =
        document["components"].as_array().into_iter().flatten().filter_map(purl).collect();
    purls.sort();
    purls
}

/// Our registry is a fair stand-in: real clients get along with it, with a referrers API and without.
#[test]
fn our_registry_serves_the_peers() {
    let Some(peers) = Peers::find("our_registry_serves_the_peers") else { return };
    for manner in [Referrers::On, Referrers::Off] {
        let peers = peers.moved();
        let registry = Registry::builder().referrers(manner).start();
        let host = registry.host();
        let site = Site::Ours(registry);
        let image = site.push("app");
        assert_eq!(peers.succeed("crane", &["digest", &image.tagged()]).trim(), image.digest.to_string());
        peers.succeed("crane", &["copy", &image.tagged(), &format!("{host}/copy:1.0")]);
        assert_eq!(peers.succeed("crane", &["ls", &format!("{host}/copy")]).trim(), "1.0");
        for cosign in Cosign::ALL {
            let name = format!("{cosign:?}").to_lowercase();
            let image = site.push(&format!("signed/{name}"));
            cosign_key(&peers, cosign, &name);
            let public = format!("{name}.pub");
            let verify = ["verify", "--insecure-ignore-tlog", "--key", &public, &image.pinned()];
            peers.refuse(cosign.program(), &verify);
            cosign_signs(&peers, cosign, &format!("{name}.key"), &image.pinned());
            peers.succeed(cosign.program(), &verify);
        }
        std::fs::write(peers.home().path().join("note.txt"), "hello").expect("a writable folder");
        let attach = [
            "attach",
            "--plain-http",
            "--artifact-type",
            "test/note",
            &image.pinned(),
            "note.txt:text/plain",
        ];
        peers.succeed("oras", &attach);
        let listed =
            peers.succeed("oras", &["discover", "--plain-http", "--format", "json", &image.pinned()]);
        assert!(listed.contains("test/note"), "{manner:?}: {listed}");
    }
}
