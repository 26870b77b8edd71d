//! `plimsoll sbom` beside `syft scan`, whole processes, on the OCI layout (a folder) that `PLIMSOLL_BENCH_IMAGE` names.
//! Needs `PLIMSOLL_PEERS`: `PLIMSOLL_PEERS=… PLIMSOLL_BENCH_IMAGE=… cargo bench --bench sbom`.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints, and stops at the first surprise"
)]

#[expect(dead_code, reason = "shared with the other benchmarks")]
mod measure;
#[path = "../tests/suite/peers.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod peers;

use std::process::{Command, ExitCode};

use measure::{Contestant, race};
use peers::Peers;

fn main() -> ExitCode {
    let Some(peers) = Peers::find("benches/sbom") else { return ExitCode::FAILURE };
    let Ok(layout) = std::env::var("PLIMSOLL_BENCH_IMAGE") else {
        eprintln!("benches/sbom: PLIMSOLL_BENCH_IMAGE must name an OCI layout");
        return ExitCode::FAILURE;
    };
    let layout = std::path::absolute(layout).expect("a path");
    let layout = layout.display();

    let mut ours = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    ours.env_clear().current_dir(peers.home());
    ours.args(["sbom", &format!("oci:{layout}"), "-o", "spdx-json=ours.json"]);
    let mut theirs = peers.command("syft");
    theirs.args(["scan", "--quiet", &format!("oci-dir:{layout}"), "-o", "spdx-json=theirs.json"]);
    let ours = Contestant { name: "plimsoll sbom", command: &mut ours };
    let theirs = Contestant { name: "syft scan", command: &mut theirs };
    race("sbom, OCI layout to SPDX", 10, 10.0, ours, theirs)
}
