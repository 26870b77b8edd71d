//! `plimsoll verify --key` beside `cosign verify --key`, whole processes, one signed image in a registry on loopback; and how many
//! requests a verdict costs. Needs `PLIMSOLL_PEERS`: `PLIMSOLL_PEERS=… cargo bench --bench verify`.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints, and stops at the first surprise"
)]

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
    let beside_crane = beside_cosign(&peers, "verify, crane registry (fallback tag)", real.host());
    let ours = Registry::start();
    let beside_ours = beside_cosign(&peers, "verify, test registry (referrers API)", &ours.host());
    if [beside_crane, beside_ours] == [ExitCode::SUCCESS; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// At most 2 + 2N requests for N bundles: root manifest, referrers, and for each its manifest and its blob.
fn count_requests(peers: &Peers) {
    for bundles in [1, 4] {
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

fn beside_cosign(peers: &Peers, what: &str, host: &str) -> ExitCode {
    let image = push(host, "timed");
    sign(peers, &image);
    let ours = Contestant { name: "plimsoll verify --key", command: &mut ours(peers, &image) };
    let theirs = Contestant { name: "cosign verify --key", command: &mut theirs(peers, &image) };
    race(what, 20, 5.0, ours, theirs)
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
