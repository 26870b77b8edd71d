//! Runs of the tool: in this process, or as the real program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll::cli::{Outcome, Terminals, World};
use tempfile::TempDir;

use crate::registry::Registry;

/// One command line in the making. The environment is empty but for what is given, and that nothing is waited for.
///
/// In arguments and variables `[DIR]` stands for the folder of [`Self::dir`] and `[HOST]` for the registry of [`Self::registry`]; in the
/// answer they stand for the same again, so that expected output can be written down.
#[derive(Debug, Default)]
pub(crate) struct Plimsoll {
    args: Vec<String>,
    environment: BTreeMap<String, String>,
    stdin: Vec<u8>,
    places: Vec<(&'static str, String)>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code.
    pub(crate) code: i32,
    /// With placeholders.
    pub(crate) stdout: String,
    /// With placeholders.
    pub(crate) stderr: String,
}

impl Plimsoll {
    pub(crate) fn new() -> Self {
        // A busy registry is asked again, but no test waits for one.
        Self::default().env("PLIMSOLL_MAX_WAIT", "0")
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// `[DIR]` is this folder.
    pub(crate) fn dir(mut self, folder: &TempDir) -> Self {
        self.places.push(("[DIR]", folder.path().to_str().expect("a UTF-8 path").to_owned()));
        self
    }

    /// `[HOST]` is this registry.
    pub(crate) fn registry(self, registry: &Registry) -> Self {
        self.host(registry.host())
    }

    /// `[HOST]` is this registry.
    pub(crate) fn host(mut self, host: impl Into<String>) -> Self {
        self.places.push(("[HOST]", host.into()));
        self
    }

    /// Runs in this process.
    pub(crate) fn run(self) -> Run {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = std::iter::once("plimsoll".to_owned()).chain(self.args.iter().map(|arg| self.fill(arg)));
        let world = World {
            out: &mut out,
            err: &mut err,
            input: &mut self.stdin.as_slice(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (name.clone(), self.fill(value)))
                .collect(),
            terminals: Terminals::default(),
        };
        let outcome: Outcome = plimsoll::cli::run(args.map(OsString::from).collect(), world);
        self.told(outcome as i32, &out, &err)
    }

    /// Runs the real program.
    pub(crate) fn spawn(self) -> Run {
        let mut child = Command::new(program())
            .args(self.args.iter().map(|arg| self.fill(arg)))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, self.fill(value))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = child.stdin.take().expect("piped");
        let stdin = self.stdin.clone();
        // In a thread of its own: the program may print before it has read everything, or read nothing.
        let feeder = std::thread::spawn(move || std::io::Write::write_all(&mut input, &stdin).ok());
        let output = child.wait_with_output().expect("the program ends");
        feeder.join().expect("no panic");
        let code = output.status.code().unwrap_or_else(|| panic!("killed: {}", output.status));
        self.told(code, &output.stdout, &output.stderr)
    }

    fn fill(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
    }

    fn told(&self, code: i32, out: &[u8], err: &[u8]) -> Run {
        let hide = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("the tool prints UTF-8");
            keeps_secrets(&text);
            self.places.iter().fold(text, |text, (place, value)| text.replace(value, place))
        };
        Run { code, stdout: hide(out), stderr: hide(err) }
    }
}

impl Run {
    /// Stops the test unless the exit code is this, and shows what was said.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }
}

/// Stops a test whose output holds a secret: what no test may see printed, nobody will.
#[track_caller]
pub(crate) fn keeps_secrets(text: &str) {
    let found = SECRETS.iter().find(|secret| text.contains(**secret));
    assert!(found.is_none(), "a secret of the tests is printed: {text}");
}

/// Passwords and tokens of the tests, and what becomes of them on the way.
pub(crate) const SECRETS: &[&str] =
    &["s3cret", "YWxpY2U6czNjcmV0", "t0ken", "r3fresh", "hunter2", "-----BEGIN PRIVATE KEY"];

/// The program under test.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_plimsoll").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_in_and_come_out_as_placeholders() {
        let (folder, registry) = (TempDir::new().unwrap(), Registry::start());
        let tool = Plimsoll::new().dir(&folder).registry(&registry);
        let text = tool.fill("[HOST]/app [DIR]/key");
        assert_eq!(text, format!("{}/app {}/key", registry.host(), folder.path().display()));
        assert_eq!(tool.told(0, text.as_bytes(), b"").stdout, "[HOST]/app [DIR]/key");
        let run = tool.arg("[DIR]/x").run().exits(2);
        assert!(run.stderr.contains("'[DIR]/x'"), "{}", run.stderr);
    }
}
