//! `plimsoll resolve` and `plimsoll copy` beside `crane` and `oras`, whole processes, on loopback; and what a start of the program costs.
//! Needs `PLIMSOLL_PEERS`, and 6 GiB of disk for a while: `PLIMSOLL_PEERS=… cargo bench --bench registry`.
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

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use measure::{Contestant, Cost, judge, median, race, weigh};
use peers::{Peers, RealRegistry};
use plimsoll::base::Digest;
use plimsoll::format::manifest::OCI_MANIFEST;
use registry::Registry;
use serde_json::json;
use tempfile::TempDir;

fn main() -> ExitCode {
    let Some(peers) = Peers::find("benches/registry") else { return ExitCode::FAILURE };
    let mut met = starts();
    for delay in [Duration::ZERO, Duration::from_millis(20)] {
        met &= resolves(&peers, delay);
    }
    met &= copies(&peers);
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ours(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_clear().args(args);
    command
}

/// A program that is asked for its version in a loop must not be felt.
fn starts() -> bool {
    let (rounds, before, start) = (400, children_ticks(), Instant::now());
    for _ in 0..rounds {
        let status = ours(&["--version"]).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.expect("it starts").success());
    }
    let wall = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    // A tick is a hundredth of a second on every Linux that Rust knows.
    let cpu = (children_ticks() - before) as f64 * 10.0 / f64::from(rounds);
    let met = cpu < 5.0;
    println!("plimsoll --version: mean of {rounds} processes");
    println!("  {cpu:.2} ms of CPU, {wall:.2} ms on the clock (goal: 5 ms of CPU) {}", verdict(met));
    met
}

/// User and system time of all children that ended: fields 16 and 17 of proc(5), `stat`.
fn children_ticks() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, rest) = text.rsplit_once(')').expect("the name ends");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[13..=14].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

const TAGS: usize = 200;

/// What two hundred tags mean: one process of ours, a process each of theirs, one after the other and eight at once. We ask a host eight
/// questions at once, too, so that where its answers take long, eight of theirs wait no longer than ours.
fn resolves(peers: &Peers, delay: Duration) -> bool {
    let registry = Registry::builder().delay(delay).start();
    let config = registry.put_blob("app", b"{}").to_string();
    let descriptor = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 });
    for tag in 0..TAGS {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": [],
            "annotations": { "tag": tag.to_string() },
        });
        registry.put_manifest("app", &format!("t{tag}"), OCI_MANIFEST, manifest.to_string().as_bytes());
    }
    let images: Vec<String> = (0..TAGS).map(|tag| registry.repository(&format!("app:t{tag}"))).collect();
    let list = peers.home().path().join("images");
    fs::write(&list, images.join("\n")).expect("a writable folder");
    let crane = peers.command("crane").get_program().to_str().expect("UTF-8").to_owned();

    let mut met = true;
    for (name, at_once, rounds, goal) in
        [("crane digest, one by one", "1", 3, 3.0), ("crane digest, xargs -P8", "8", 5, 1.0)]
    {
        let mut args = vec!["resolve"];
        args.extend(images.iter().map(String::as_str));
        let mut theirs = Command::new("xargs");
        theirs.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", peers.home().path());
        theirs.args(["-P", at_once, "-n", "1", "-a"]).arg(&list).args([&crane, "digest"]);
        let ours = Contestant { name: "plimsoll resolve", command: &mut ours(&args) };
        let theirs = Contestant { name, command: &mut theirs };
        let what = format!("resolve {TAGS} tags, {} ms away", delay.as_millis());
        met &= race(&what, rounds, goal, ours, theirs) == ExitCode::SUCCESS;
    }
    met
}

const LAYERS: u64 = 4;
const LAYER: usize = 256 << 20;
const ROUNDS: usize = 5;
/// In KiB.
const MEMORY: u64 = 64 << 10;

/// A gibibyte from a layout to a registry, and back into another layout.
fn copies(peers: &Peers) -> bool {
    let yard = TempDir::new().expect("a temporary folder");
    let layout = yard.path().join("layout");
    make_layout(&layout);
    let registry = peers.serve(RealRegistry::Docker);
    let mut costs: [[Vec<Cost>; 2]; 3] = Default::default();
    // The first round is not counted.
    for round in 0..=ROUNDS {
        for (who, costs) in costs.iter_mut().enumerate() {
            let image = format!("{}/n{round}/{}:1.0", registry.host(), who);
            let out = yard.path().join("out");
            let [mut push, mut pull] = lanes(peers, who, &layout, &image, &out);
            let pushed = weigh(NAMES[who], &mut push);
            let pulled = weigh(NAMES[who], &mut pull);
            let arrived = fs::read_dir(out.join("blobs/sha256")).expect("a layout").count();
            assert_eq!(arrived as u64, LAYERS + 2, "{}", NAMES[who]);
            fs::remove_dir_all(&out).expect("our own folder");
            if round > 0 {
                costs[0].push(pushed);
                costs[1].push(pulled);
            }
        }
    }
    let mut met = true;
    let ways = ["layout to registry", "registry to layout", "there and back"];
    for (way, what) in ways.into_iter().enumerate() {
        let time = |who: usize, round: usize| match costs[who].get(way) {
            Some(costs) => costs[round].time,
            None => costs[who].iter().map(|costs| costs[round].time).sum(),
        };
        let times = |who: usize| median((0..ROUNDS).map(|round| time(who, round)).collect());
        for other in [1, 2] {
            let what = format!("copy 1 GiB, {what}: median of {ROUNDS} whole processes, by turns");
            // Each way alone may lose what the other one gains.
            let goal = if way == 2 { 1.0 } else { 0.9 };
            let judged = judge(&what, goal, [NAMES[0], NAMES[other]], [times(0), times(other)]);
            met &= judged == ExitCode::SUCCESS;
        }
    }
    for (way, what) in ways.into_iter().take(2).enumerate() {
        let peaks = costs.each_ref().map(|costs| costs[way].iter().map(|cost| cost.peak).max().unwrap_or(0));
        let small = (1..MEMORY).contains(&peaks[0]);
        println!("{what}: peak memory in MiB: {}", peaks.map(|peak| (peak >> 10).to_string()).join(", "));
        println!("  of ours {} KiB (goal: {MEMORY}) {}", peaks[0], verdict(small));
        met &= small;
    }
    met
}

const NAMES: [&str; 3] = ["plimsoll copy", "crane push, pull", "oras cp"];

/// There and back.
fn lanes(peers: &Peers, who: usize, layout: &Path, image: &str, out: &Path) -> [Command; 2] {
    let (from, to) = (layout.display().to_string(), out.display().to_string());
    match who {
        0 => [
            ours(&["copy", &format!("oci:{from}:1.0"), image]),
            ours(&["copy", image, &format!("oci:{to}:1.0")]),
        ],
        1 => [["push", &from, image].to_vec(), ["pull", "--format=oci", image, &to].to_vec()].map(|args| {
            let mut command = peers.command("crane");
            command.args(args);
            command
        }),
        _ => [
            ["cp", "--no-tty", "--to-plain-http", "--from-oci-layout", &format!("{from}:1.0"), image]
                .to_vec(),
            ["cp", "--no-tty", "--from-plain-http", image, "--to-oci-layout", &format!("{to}:1.0")].to_vec(),
        ]
        .map(|args| {
            let mut command = peers.command("oras");
            command.args(args);
            command
        }),
    }
}

/// An image whose layers no program can compress, or has seen before.
fn make_layout(folder: &Path) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a writable folder");
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).expect("a writable folder");
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    };
    let layers: Vec<_> =
        (1..=LAYERS).map(|seed| put("application/vnd.oci.image.layer.v1.tar", &noise(seed, LAYER))).collect();
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = put("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    let mut entry = put(OCI_MANIFEST, manifest.to_string().as_bytes());
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "1.0" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), index.to_string()).expect("a writable folder");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a writable folder");
}

/// Marsaglia's xorshift.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut out = Vec::with_capacity(length);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
