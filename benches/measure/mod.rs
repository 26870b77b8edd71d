//! Programs, timed by turns, so that a busy machine is busy for all of them. A benchmark uses what it needs of this.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// One program with everything it needs.
pub(crate) struct Contestant<'a> {
    pub(crate) name: &'a str,
    pub(crate) command: &'a mut Command,
}

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// The most memory it ever had, in KiB, code included; 0 where the kernel does not tell.
    pub(crate) peak: u64,
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
    let names = lanes.map(|lane| lane.name);
    judge(&format!("{what}: median of {rounds} whole processes, by turns"), goal, names, times.map(median))
}

/// Prints the times of ours and theirs, and fails unless ours is `goal` times faster.
pub(crate) fn judge(what: &str, goal: f64, names: [&str; 2], [ours, theirs]: [Duration; 2]) -> ExitCode {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("{what}");
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

/// Runs a program that says little, and looks at its memory while it runs.
pub(crate) fn weigh(name: &str, command: &mut Command) -> Cost {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "{name}: {status}");
            return Cost { time: start.elapsed(), peak };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
