//! The real programs beside which this one must stand: `tests/peers/install` puts them into the folder that `PLIMSOLL_PEERS` names.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// Where the peers are, and a home for them.
#[derive(Debug)]
pub(crate) struct Peers {
    bin: PathBuf,
    home: TempDir,
}

impl Peers {
    /// `None`, with a note, if `PLIMSOLL_PEERS` is not set. If it is, whatever is missing there fails the test.
    #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
    pub(crate) fn find(test: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("PLIMSOLL_PEERS") else {
            eprintln!("{test}: not run: PLIMSOLL_PEERS is not set; `tests/peers/install` says what it names");
            return None;
        };
        let bin = Path::new(&folder).join("bin");
        assert!(bin.is_dir(), "PLIMSOLL_PEERS: {} is not there; run tests/peers/install", bin.display());
        Some(Self { bin, home: TempDir::new().expect("a temporary folder") })
    }

    /// The same peers with a new, empty home.
    pub(crate) fn moved(&self) -> Self {
        Self { bin: self.bin.clone(), home: TempDir::new().expect("a temporary folder") }
    }

    /// A peer, to be run in its own empty home and with nothing else in the environment. The password of every key is [`PASSWORD`].
    pub(crate) fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        assert!(
            program.exists(),
            "PLIMSOLL_PEERS: {} is missing; run tests/peers/install",
            program.display()
        );
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([
                ("COSIGN_PASSWORD", PASSWORD),
                ("PATH", "/usr/bin:/bin"),
                ("SYFT_CHECK_FOR_APP_UPDATE", "false"),
            ])
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a peer to its end.
    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Output {
        self.command(name).args(args).output().unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs a peer that must succeed, and says what it printed.
    #[track_caller]
    pub(crate) fn succeed(&self, name: &str, args: &[&str]) -> String {
        let output = self.run(name, args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name} {args:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Runs a peer that must refuse.
    #[track_caller]
    pub(crate) fn refuse(&self, name: &str, args: &[&str]) {
        let output = self.run(name, args);
        assert!(!output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stdout));
    }

    /// Its folder: names of files in arguments are relative to it.
    pub(crate) fn home(&self) -> &TempDir {
        &self.home
    }

    /// Starts a real registry on a free port of loopback.
    pub(crate) fn serve(&self, kind: RealRegistry) -> Process {
        // Somebody else may take the port in between: then once more.
        (0..TRIES).find_map(|_| self.try_to_serve(kind)).unwrap_or_else(|| panic!("{kind:?} does not start"))
    }

    fn try_to_serve(&self, kind: RealRegistry) -> Option<Process> {
        let store = TempDir::new().expect("a temporary folder");
        let host = free_port();
        let mut command = match kind {
            RealRegistry::Crane => {
                let mut command = self.command("crane");
                command.args(["registry", "serve", "--address", &host]);
                command
            }
            RealRegistry::Docker => {
                let mut command = self.command("docker-registry");
                let config = store.path().join("config.yml");
                std::fs::write(&config, docker_config(store.path(), &host)).expect("a writable folder");
                command.arg("serve").arg(config);
                command
            }
        };
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the registry starts");
        let mut process = Process { child, host, _store: store };
        process.is_up().then_some(process)
    }
}

/// Registries that are not ours. Neither has a referrers API: they test the fallback tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RealRegistry {
    /// `crane registry serve`.
    Crane,
    /// CNCF distribution, `docker-registry`.
    Docker,
}

/// A running registry; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    host: String,
    _store: TempDir,
}

impl Process {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    fn is_up(&mut self) -> bool {
        for _ in 0..1000 {
            if TcpStream::connect(&self.host).is_ok() {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.local_addr().expect("a bound socket has an address").to_string()
}

fn docker_config(store: &Path, host: &str) -> String {
    let store = store.display();
    format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {store}}}}}\nhttp: {{addr: '{host}'}}\n"
    )
}

/// Of every key in these tests.
pub(crate) const PASSWORD: &str = "test";
const TRIES: usize = 3;
