//! Two programs, timed by turns, so that a busy machine is busy for both.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// One program with everything it needs.
pub(crate) struct Contestant<'a> {
    pub(crate) name: &'a str,
    pub(crate) command: &'a mut Command,
}

/// Runs both `rounds` times by turns after one unmeasured round, prints the medians, and fails unless ours is `goal` times faster.
pub(crate) fn race(
    what: &str,
    rounds: usize,
    goal: f64,
    ours: Contestant<'_>,
    theirs: Contestant<'_>,
) -> ExitCode {
    let mut times = [Vec::new(), Vec::new()];
    let mut lanes = [ours, theirs];
    for round in 0..=rounds {
        for (lane, times) in lanes.iter_mut().zip(&mut times) {
            let time = once(lane);
            if round > 0 {
                times.push(time);
            }
        }
    }
    let [ours, theirs] = times.map(median);
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    let names = lanes.map(|lane| lane.name);
    println!("{what}: median of {rounds} whole processes, by turns");
    println!("  {:<28} {:>9.1} ms", names[0], ours.as_secs_f64() * 1e3);
    println!("  {:<28} {:>9.1} ms", names[1], theirs.as_secs_f64() * 1e3);
    let met = ratio >= goal;
    println!("  {ratio:.1} times faster (goal: {goal}) {}", if met { "met" } else { "MISSED" });
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn once(lane: &mut Contestant<'_>) -> Duration {
    let command = lane.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", lane.name));
    let time = start.elapsed();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{told}", lane.name, output.status);
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
