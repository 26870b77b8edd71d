//! Ctrl-C, SIGTERM and SIGHUP: the real program, ended in the middle of its work, leaves nothing behind.
#![cfg(unix)]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll::base::Digest;
use plimsoll::format::manifest::{OCI_CONFIG, OCI_MANIFEST};
use serde_json::json;
use tempfile::TempDir;

use crate::plimsoll::program;
use crate::registry::{Fault, Mode, Registry};

/// A registry with an image `app:1.0` of one layer, and a folder that is home, cache and place for temporary files.
struct Yard {
    registry: Registry,
    folder: TempDir,
    layer: Digest,
}

impl Yard {
    fn new() -> Self {
        let registry = Registry::start();
        let content = vec![7; 1 << 20];
        let layer = registry.put_blob("app", &content);
        let rootfs = json!({"type": "layers", "diff_ids": [layer.to_string()]});
        let config = json!({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).to_string();
        let config_digest = registry.put_blob("app", config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": config_digest.to_string(), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.to_string(), "size": content.len()}],
        });
        registry.put_manifest("app", "1.0", OCI_MANIFEST, manifest.to_string().as_bytes());
        Self { registry, folder: TempDir::new().unwrap(), layer }
    }

    /// The layer comes to its middle, and no further.
    fn stalls(&self) {
        self.registry.fault(Fault::on(&format!("GET /v2/app/blobs/{}", self.layer), Mode::Stall(600_000)));
    }

    fn start(&self, args: &[&str]) -> Child {
        self.start_by(Command::new(program()), args)
    }

    fn start_by(&self, command: Command, args: &[&str]) -> Child {
        let mut command = heard(command);
        let folder = self.folder.path().to_str().unwrap();
        let fill = |arg: &&str| arg.replace("[HOST]", &self.registry.host()).replace("[DIR]", folder);
        let layer = self.layer.to_string();
        command
            .args(args.iter().map(fill).map(|arg| arg.replace("[LAYER]", &layer)))
            .env_clear()
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Files that are not whole: all but blobs of layouts and of the cache under their digest, and what makes a folder a layout.
    fn unfinished(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            // What goes while we look is gone.
            for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() {
                    if path.file_name().unwrap().to_str().unwrap().starts_with(".tmp") {
                        found.push(path.display().to_string());
                    }
                    folders.push(path);
                } else if !is_whole(&path) {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }
}

fn is_whole(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name == "index.json" || name == "oci-layout" {
        return true;
    }
    let named = format!("sha256:{name}").parse::<Digest>();
    named.is_ok_and(|named| fs::read(path).is_ok_and(|bytes| Digest::of(&bytes) == named))
}

/// With its signals as they are by themselves: whoever runs the tests in the background of a shell may have them ignored, and that is inherited.
fn heard(command: Command) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // SIGHUP, SIGINT and SIGTERM, counted from one.
    if ignored & (1 | 1 << 1 | 1 << 14) == 0 {
        return command;
    }
    let mut by_itself = Command::new("/usr/bin/env");
    by_itself.arg("--default-signal=HUP,INT,TERM").arg(command.get_program()).args(command.get_args());
    by_itself
}

fn send(signal: &str, child: &Child) {
    let sent =
        Command::new("/bin/sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
    assert!(sent.success());
}

/// Waits until `is` holds, or stops the test.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How it ended, and what it said.
fn ended(mut child: Child) -> (Option<i32>, String) {
    until("the program ends", || child.try_wait().unwrap().is_some());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn whatever_was_begun_is_gone() {
    for (args, signal, exit) in [
        (&["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"][..], "INT", 130),
        (&["copy", "[HOST]/app:1.0", "oci-archive:[DIR]/gap.tar"], "INT", 130),
        (&["copy", "[HOST]/app:1.0", "oci-archive:[DIR]/gap.tar"], "TERM", 143),
        (&["copy", "[HOST]/app:1.0", "oci-archive:[DIR]/gap.tar"], "HUP", 129),
        (&["sbom", "[HOST]/app:1.0"], "INT", 130),
        (&["blob", "-o", "[DIR]/layer", "[HOST]/app@[LAYER]"], "TERM", 143),
        (&["blob", "-o", "[DIR]/layer", "[HOST]/app@[LAYER]"], "HUP", 129),
        (&["blob", "[HOST]/app@[LAYER]"], "INT", 130),
    ] {
        let yard = Yard::new();
        yard.stalls();
        let child = yard.start(args);
        until("something is begun", || !yard.unfinished().is_empty());
        send(signal, &child);
        let (code, said) = ended(child);
        assert_eq!((code, said.as_str()), (Some(exit), "plimsoll: interrupted\n"), "{args:?}");
        assert_eq!(yard.unfinished(), Vec::<String>::new(), "{args:?}");
        // What is there now does not stand in the way of the next run.
        yard.registry.behave();
        if let ["copy", _, to] = args {
            let (code, said) = ended(yard.start(&["copy", "[HOST]/app:1.0", to]));
            assert_eq!(code, Some(0), "{said}");
        }
    }
}

/// A terminal signals all of its processes, and a shell or `make` passes that on: the second one does not stop the first from clearing up.
#[test]
fn two_in_a_moment_are_one() {
    for _ in 0..5 {
        let yard = Yard::new();
        yard.stalls();
        let child = yard.start(&["copy", "[HOST]/app:1.0", "oci-archive:[DIR]/gap.tar"]);
        until("something is begun", || !yard.unfinished().is_empty());
        let pid = child.id();
        let sent =
            Command::new("/bin/sh").args(["-c", &format!("kill -INT {pid}; kill -TERM {pid}")]).status();
        assert!(sent.unwrap().success());
        let (code, said) = ended(child);
        // Either may be heard first.
        assert!(matches!(code, Some(130 | 143)) && said == "plimsoll: interrupted\n", "{code:?} {said}");
        assert_eq!(yard.unfinished(), Vec::<String>::new());
    }
}

/// A run that waits for a pipe that nobody reads has nothing to remove.
#[test]
fn a_pipe_that_nobody_reads_is_not_waited_for() {
    let yard = Yard::new();
    let path = format!("cache/plimsoll/blobs/sha256/{}", yard.layer.hex());
    let child = yard.start(&["blob", "[HOST]/app@[LAYER]"]);
    until("the blob is there", || yard.folder.path().join(&path).exists());
    // It has more to write than a pipe holds.
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    send("INT", &child);
    assert_eq!(ended(child).0, Some(130));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(yard.unfinished(), Vec::<String>::new());
}

/// A run that waits for the lock of a layout cannot let go; whoever asks twice does not wait for it, and whoever asks once not for long.
#[cfg(target_os = "linux")]
#[test]
fn a_second_one_ends_it_at_once() {
    let yard = Yard::new();
    let copy = ["copy", "[HOST]/app:1.0", "oci:[DIR]/gap"];
    assert_eq!(ended(yard.start(&copy)).0, Some(0));
    let lock = fs::File::open(yard.folder.path().join("gap/oci-layout")).unwrap();
    lock.lock().unwrap();
    let blocked = || {
        let child = yard.start(&["copy", "[HOST]/app:1.0", "oci:[DIR]/gap:other"]);
        let id = format!(" {} ", child.id());
        let waits = |line: &str| line.contains("-> FLOCK") && line.contains(&id);
        until("it waits", || fs::read_to_string("/proc/locks").unwrap().lines().any(waits));
        child
    };
    let mut child = blocked();
    send("INT", &child);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it has ended before it was asked twice");
    let asked = Instant::now();
    send("INT", &child);
    assert_eq!(ended(child).0, Some(130));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let child = blocked();
    let asked = Instant::now();
    send("TERM", &child);
    assert_eq!(ended(child).0, Some(143));
    assert!(asked.elapsed() > Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(yard.unfinished(), Vec::<String>::new());
}

/// `nohup`, and jobs that a shell started in the background: what was ignored stays ignored.
#[cfg(target_os = "linux")]
#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let yard = Yard::new();
    yard.stalls();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' INT HUP; exec \"$0\" \"$@\""]).arg(program());
    let mut child = yard.start_by(shell, &["copy", "[HOST]/app:1.0", "oci-archive:[DIR]/gap.tar"]);
    until("something is begun", || !yard.unfinished().is_empty());
    for signal in ["INT", "HUP", "INT"] {
        send(signal, &child);
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "SIG{signal} was heard");
    }
    send("TERM", &child);
    assert_eq!(ended(child), (Some(143), "plimsoll: interrupted\n".to_owned()));
    assert_eq!(yard.unfinished(), Vec::<String>::new());
}

/// A shell whose terminal does not show what is typed is of little use to its owner. `script` of util-linux makes the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_again_what_is_typed() {
    for (signal, exit) in [("TERM", "143"), ("INT", "130"), ("HUP", "129")] {
        let folder = TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name);
        let read = |name: &str| fs::read_to_string(file(name)).unwrap_or_default().trim().to_owned();
        let words = |text: &str| text.split([' ', ';', '\n']).map(str::to_owned).collect::<Vec<_>>();
        let lines = format!(
            "cd '{}'; tty > tty; sh -c 'echo $$ > pid; exec \"$0\" keygen' '{}'; echo $? > code; stty -a > after",
            folder.path().display(),
            program().display()
        );
        let mut script = Command::new("script");
        script.args(["-q", "-c", &lines, "/dev/null"]);
        let mut script = heard(script);
        script.env_clear().env("PATH", "/usr/bin:/bin");
        let child = script.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.expect("script of util-linux");
        until("it asks for a password", || {
            let stty = Command::new("stty").args(["-F", &read("tty"), "-a"]).output();
            words(&String::from_utf8(stty.unwrap().stdout).unwrap()).contains(&"-echo".to_owned())
        });
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{signal} {}", read("pid"))]).status();
        assert!(sent.unwrap().success());
        ended(child);
        assert_eq!(read("code"), exit, "SIG{signal}");
        assert!(words(&read("after")).contains(&"echo".to_owned()), "SIG{signal}: {}", read("after"));
    }
}
