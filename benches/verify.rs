//! `plimsoll verify --key` beside `cosign verify --key`, whole processes, images with 1 and 20 signatures in registries on loopback; and how many
//! requests a verdict costs. Needs `PLIMSOLL_PEERS`: `PLIMSOLL_PEERS=… cargo bench --bench verify`.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints, and stops at the first surprise"
)]

#[expect(dead_code, reason = "shared with the other benchmarks")]
mod measure;
#[path = "../tests/suite/peers.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod peers;
#[path = "../tests/suite/registry/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests")]
mod registry;

use std::path::Path;
use std::process::{Command, ExitCode};

use measure::{Contestant, race};
use peers::{Peers, RealRegistry};
use registry::{Registry, client};

fn main() -> ExitCode {
    let Some(peers) = Peers::find("benches/verify") else { return ExitCode::FAILURE };
    peers.succeed("cosign", &["generate-key-pair"]);
    count_requests(&peers);

    let real = peers.serve(RealRegistry::Crane);
    let ours = Registry::start();
    let sites = [
        ("crane registry (fallback tag)", real.host().to_owned()),
        ("test registry (referrers API)", ours.host()),
    ];
    let mut met = true;
    for (signatures, goal) in GOALS {
        for (site, host) in &sites {
            met &= beside_cosign(&peers, site, host, signatures, goal) == ExitCode::SUCCESS;
        }
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Signatures by the same key, and how many times faster a verdict is to be.
const GOALS: [(usize, f64); 2] = [(1, 5.0), (20, 10.0)];

/// At most 2 + 2N requests for N bundles: root manifest, referrers, and for each its manifest and its blob.
fn count_requests(peers: &Peers) {
    for bundles in [1, 4, 20] {
        let registry = Registry::start();
        let image = push(&registry.host(), "counted");
        for _ in 0..bundles {
            sign(peers, &image);
        }
        let mut counts = Vec::new();
        for command in [&mut ours(peers, &image), &mut theirs(peers, &image)] {
            registry.forget_requests();
            let output = command.output().expect("it starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            counts.push(registry.requests().len());
        }
        println!("requests for {bundles} bundles: plimsoll {}, cosign {}", counts[0], counts[1]);
        assert!(counts[0] <= 2 + 2 * bundles, "{:#?}", registry.request_lines());
    }
}

fn beside_cosign(peers: &Peers, site: &str, host: &str, signatures: usize, goal: f64) -> ExitCode {
    let image = push(host, &format!("timed/{signatures}"));
    for _ in 0..signatures {
        sign(peers, &image);
    }
    let ours = Contestant { name: "plimsoll verify --key", command: &mut ours(peers, &image) };
    let theirs = Contestant { name: "cosign verify --key", command: &mut theirs(peers, &image) };
    race(&format!("verify, {signatures} signed, {site}"), 20, goal, ours, theirs)
}

fn push(host: &str, repository: &str) -> String {
    let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    format!("{host}/{repository}@{}", client::push_layout(host, &layout, repository, "1.0"))
}

fn sign(peers: &Peers, image: &str) {
    let quiet = ["--use-signing-config=false", "--tlog-upload=false", "-y"];
    peers.succeed("cosign", &[&["sign", "--key", "cosign.key"], &quiet[..], &[image]].concat());
}

fn ours(peers: &Peers, image: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_clear().current_dir(peers.home()).args(["verify", "--key", "cosign.pub", image]);
    command
}

fn theirs(peers: &Peers, image: &str) -> Command {
    let mut command = peers.command("cosign");
    command.args(["verify", "--insecure-ignore-tlog", "--key", "cosign.pub", image]);
    command
}
