//! Arguments in, answer and exit code out. The only floor that knows the user.

mod annotation;
mod args;
mod blob;
mod claim;
mod cmd;
mod error;
mod evidence;
mod examples;
mod explain;
mod identity;
mod interrupt;
mod key;
mod key_pair;
mod keyless;
mod outlet;
mod password;
mod progress;
mod publish;
#[cfg(test)]
mod readme;
mod render;
mod services;
mod signer;
mod ui;
mod witness;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read, Write};
use std::process::ExitCode;

use clap::Parser as _;
use futures_util::future::Either;

pub use error::CliError;

use crate::io::{Environment, Io};
use interrupt::Interrupt;
use ui::Ui;

/// How a run ended, and the process's exit code for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Outcome {
    /// The answer is yes, or the work is done.
    Yes = 0,
    /// The answer is no: denied, unpinned, or findings.
    No = 1,
    /// The command line, or a file it names, is wrong.
    Usage = 2,
    /// No answer: network, disk, malformed or missing content. Never treated as yes.
    Unknown = 3,
    /// The terminal of whoever started it is gone (SIGHUP).
    HungUp = 129,
    /// Somebody ended it (SIGINT).
    Interrupted = 130,
    /// The system, or a program, ended it (SIGTERM).
    Terminated = 143,
}

/// What the process around the tool provides, so that tests need no process.
pub struct World<'a> {
    /// Where answers go.
    pub out: &'a mut dyn Write,
    /// Where everything else goes.
    pub err: &'a mut dyn Write,
    /// What is piped in.
    pub input: &'a mut dyn Read,
    /// Environment variables.
    pub environment: Environment,
    /// Which of the streams are terminals.
    pub terminals: Terminals,
}

/// Which streams are terminals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminals {
    /// Standard input: a password may be asked for.
    pub input: bool,
    /// Standard output: colours are welcome.
    pub out: bool,
    /// Standard error: progress is welcome.
    pub err: bool,
}

/// Runs the tool as a process.
pub fn main() -> ExitCode {
    let (input, out, err) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let terminals = Terminals { input: input.is_terminal(), out: out.is_terminal(), err: err.is_terminal() };
    let world = World {
        out: &mut out.lock(),
        err: &mut err.lock(),
        input: &mut std::io::stdin(),
        environment: Environment::of_process(),
        terminals,
    };
    ExitCode::from(run_until(std::env::args_os().collect(), world, Interrupt::listen) as u8)
}

/// Runs the tool. `args` starts with the program's name.
pub fn run(args: Vec<OsString>, world: World<'_>) -> Outcome {
    run_until(args, world, Interrupt::never)
}

/// Runs the tool until somebody ends it. Nobody listens for that before there is work.
fn run_until(args: Vec<OsString>, world: World<'_>, listen: fn() -> Interrupt) -> Outcome {
    let parsed = match args::Cli::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(refusal) => return ui::print_usage(&refusal, world),
    };
    let environment = world.environment.clone();
    let interrupt = listen();
    let mut ui = Ui::new(world, &parsed.global, interrupt.clone());
    let login = match password::read_login(&parsed.global, &mut ui) {
        Ok(login) => login,
        Err(error) => return ui.fail(&error.into()),
    };
    let io = match Io::new(environment, parsed.global.access(login)) {
        Ok(io) => io,
        Err(error) => return ui.fail(&error.into()),
    };
    let result = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(unless(interrupt, cmd::run(parsed.command, &io, &mut ui)));
            // Nobody waits for a look-up of a name whose answer nobody needs. Files went with the work.
            runtime.shutdown_background();
            result
        }
        Err(error) => Ok(Err(CliError::new(Outcome::Unknown, error))),
    };
    let result = match result {
        // Ctrl-C at a password prompt, where it is typed.
        Ok(Err(CliError { outcome: Outcome::Interrupted, .. })) => Err(Outcome::Interrupted),
        result => result,
    };
    let result = match result {
        Ok(result) => result,
        Err(ended) => {
            ui.interrupted();
            return ended;
        }
    };
    ui.beside(&io);
    // The verdict stands before anything is printed about it: a reader that went away does not change it.
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => ui.fail(&error),
    };
    ui.end(outcome)
}

/// Does the work, unless somebody ends it before it is done: then it is dropped, with all files that it had not finished.
async fn unless<T>(interrupt: Interrupt, work: impl Future<Output = T>) -> Result<T, Outcome> {
    let (wait, work) = (std::pin::pin!(interrupt.wait()), std::pin::pin!(work));
    match futures_util::future::select(wait, work).await {
        Either::Left((ended, _)) => Err(ended),
        Either::Right((done, _)) => Ok(done),
    }
}
