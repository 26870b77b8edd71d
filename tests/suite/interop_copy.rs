//! `plimsoll copy` beside the real tools: what they see at the source they see at the destination.

use std::path::Path;

use crate::peers::{PASSWORD, Peers, RealRegistry};
use crate::plimsoll::Plimsoll;
use crate::registry::{Referrers, Registry, client};

fn plimsoll(peers: &Peers, args: &[&str]) -> Plimsoll {
    Plimsoll::new().args(args.iter().copied()).dir(peers.home()).env("PLIMSOLL_PASSWORD", PASSWORD)
}

/// What every tool says about an image. Type and annotations in a fallback list are left out: cosign 3.1.1 writes wrong ones there, and a copy
/// lists what the manifests say.
fn seen(peers: &Peers, place: &str, digest: &str) -> Vec<String> {
    let pinned = format!("{place}@{digest}");
    let verify = ["verify", "--insecure-ignore-tlog", "--key", "k.pub", &pinned];
    let attestation =
        ["verify-attestation", "--insecure-ignore-tlog", "--key", "k.pub", "--type", "openvex", &pinned];
    let code = |name: &str, args: &[&str]| format!("{name} {} {}", args[0], peers.run(name, args).status);
    let listed = peers.succeed("oras", &["discover", "--plain-http", "--format", "json", &pinned]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let mut referrers: Vec<String> =
        listed["referrers"].as_array().into_iter().flatten().map(|one| one["digest"].to_string()).collect();
    referrers.sort();
    let codes = [
        code("cosign", &verify),
        code("cosign2", &verify),
        code("cosign", &attestation),
        code("cosign2", &attestation),
    ];
    codes.into_iter().chain(referrers).collect()
}

#[test]
fn every_tool_sees_at_the_destination_what_it_saw_at_the_source() {
    let Some(peers) = Peers::find("every_tool_sees_at_the_destination_what_it_saw_at_the_source") else {
        return;
    };
    let (crane, docker) = (peers.serve(RealRegistry::Crane), peers.serve(RealRegistry::Docker));
    let ours = Registry::builder().referrers(Referrers::On).start();
    let hosts = [crane.host().to_owned(), docker.host().to_owned(), ours.host()];
    peers.succeed("cosign", &["generate-key-pair", "--output-key-prefix", "k"]);
    std::fs::write(peers.home().path().join("vex.json"), r#"{"a":1}"#).unwrap();
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for from in &hosts {
        let place = format!("{from}/app");
        let image = format!("{place}@{}", client::push_layout(from, &layout, "app", "1.0"));
        let index = format!("{place}:multi");
        peers.succeed("crane", &["index", "append", "-m", &image, "-t", &index]);
        let digest = peers.succeed("crane", &["digest", &index]).trim().to_owned();
        let pinned = format!("{place}@{digest}");
        let quiet = ["--tlog-upload=false", "-y", "--key", "k.key"];
        let three = [&quiet[..], &["--use-signing-config=false"]].concat();
        peers.succeed("cosign", &[&["sign", "-r"], &three[..], &[&pinned]].concat());
        peers.succeed("cosign2", &[&["sign", "-r"], &quiet[..], &[&pinned]].concat());
        let attest = ["attest", "--type", "openvex", "--predicate", "vex.json"];
        peers.succeed("cosign", &[&attest, &three[..], &[&image]].concat());
        peers.succeed("cosign2", &[&attest, &quiet[..], &[&image]].concat());
        let at_source: Vec<_> =
            [&digest, image.split_once('@').unwrap().1].map(|digest| seen(&peers, &place, digest)).into();
        assert!(at_source[0][0].ends_with(": 0") && at_source[0][1].ends_with(": 0"), "{at_source:#?}");
        let gap = format!("oci:[DIR]/gap-{}", from.rsplit(':').next().unwrap());
        for to in &hosts {
            // By a folder where the registries are two, and else within one.
            let there = format!("{to}/copy/{}", from.replace([':', '.'], "-"));
            if from == to {
                plimsoll(&peers, &["copy", &index, &format!("{there}:multi")]).run().exits(0);
            } else {
                plimsoll(&peers, &["copy", &index, &gap]).run().exits(0);
                plimsoll(&peers, &["copy", &format!("{gap}:multi"), &there]).run().exits(0);
            }
            assert_eq!(peers.succeed("crane", &["digest", &format!("{there}:multi")]).trim(), digest);
            peers.succeed("crane", &["validate", "--remote", &format!("{there}:multi")]);
            let at_destination: Vec<_> =
                [&digest, image.split_once('@').unwrap().1].map(|digest| seen(&peers, &there, digest)).into();
            assert_eq!(at_destination, at_source, "{from} {to}");
            let listed = peers.succeed(
                "oras",
                &["discover", "--plain-http", "--format", "json", &format!("{there}:multi")],
            );
            assert!(listed.contains("application/vnd.dev.sigstore.bundle.v0.3+json"), "{listed}");
        }
    }
}

#[test]
fn what_cosign_saved_verifies_and_travels() {
    let Some(peers) = Peers::find("what_cosign_saved_verifies_and_travels") else { return };
    let crane = peers.serve(RealRegistry::Crane);
    let host = crane.host();
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    for (cosign, quiet) in [
        ("cosign", &["--use-signing-config=false", "--tlog-upload=false", "-y"][..]),
        ("cosign2", &["--tlog-upload=false", "-y"]),
    ] {
        peers.succeed(cosign, &["generate-key-pair", "--output-key-prefix", cosign]);
        let (key, public) = (format!("{cosign}.key"), format!("{cosign}.pub"));
        let image = format!("{host}/{cosign}@{}", client::push_layout(host, &layout, cosign, "1.0"));
        peers.succeed(cosign, &[&["sign", "--key", &key], quiet, &[&image]].concat());
        let folder = format!("saved-{cosign}");
        peers.succeed(cosign, &["save", "--dir", &folder, &image]);
        let saved = format!("oci:[DIR]/{folder}");
        plimsoll(&peers, &["verify", "--key", &format!("[DIR]/{public}"), &saved]).run().exits(0);
        let there = format!("{host}/back/{cosign}:1.0");
        plimsoll(&peers, &["copy", &saved, &there]).run().exits(0);
        peers.succeed(cosign, &["verify", "--insecure-ignore-tlog", "--key", &public, &there]);
        // And what we wrote to a folder, skopeo's and oras' kin read: crane takes the image from it.
        plimsoll(&peers, &["copy", &there, &format!("oci:[DIR]/ours-{cosign}")]).run().exits(0);
        peers.succeed(
            "oras",
            &[
                "cp",
                "--from-oci-layout",
                &format!("ours-{cosign}:1.0"),
                "--to-plain-http",
                &format!("{host}/oras/{cosign}:1.0"),
            ],
        );
    }
}
