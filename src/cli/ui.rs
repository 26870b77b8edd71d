//! The two streams: the answer on stdout, everything else on stderr.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;

use super::args::{Color, Format, Global};
use super::interrupt::Interrupt;
use super::progress::{REFRESH, Rate, Standing};
use super::{CliError, Outcome, Terminals, World};
use crate::base::{PrettyJson, Printable};
use crate::io::{Io, Quota};

/// What a verb talks to.
pub(super) struct Ui<'a> {
    world: World<'a>,
    interrupt: Interrupt,
    format: Format,
    color: bool,
    quiet: bool,
    lost: Option<io::Error>,
    reserved: bool,
    closed: Option<Closed>,
}

/// Standard input that was used up.
struct Closed;

impl Read for Closed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("it held the password of --username"))
    }
}

impl<'a> Ui<'a> {
    pub(super) fn new(world: World<'a>, global: &Global, interrupt: Interrupt) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            // https://no-color.org: present and not empty.
            Color::Auto => world.terminals.out && world.environment.get("NO_COLOR").is_none_or(str::is_empty),
        };
        Self {
            world,
            interrupt,
            format: global.format,
            color,
            quiet: global.quiet,
            lost: None,
            reserved: false,
            closed: None,
        }
    }

    /// Which format the answer has.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Whether the answer may use colours.
    pub(super) fn color(&self) -> bool {
        self.color
    }

    /// `text`, stressed where colours may be used.
    pub(super) fn strong(&self, text: &str) -> String {
        if self.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(super) fn terminals(&self) -> Terminals {
        self.world.terminals
    }

    /// Keeps standard input for content: what is piped in there is not a password.
    pub(super) fn reserve_input(&mut self) {
        self.reserved = true;
    }

    /// Whether standard input is content.
    pub(super) fn input_is_reserved(&self) -> bool {
        self.reserved
    }

    /// Standard input was read to its end: whoever wants something else from it is told so, and does not take nothing for content.
    pub(super) fn close_input(&mut self) {
        self.closed = Some(Closed);
    }

    /// Reads standard input.
    pub(super) fn read_input<T>(&mut self, read: impl FnOnce(&mut dyn Read) -> T) -> T {
        let input: &mut dyn Read = match &mut self.closed {
            Some(closed) => closed,
            None => self.world.input,
        };
        self.interrupt.at_rest(|| read(input))
    }

    /// Computes for long, with no file begun, so that Ctrl-C may end the process at once.
    pub(super) fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        self.interrupt.at_rest(work)
    }

    /// Asks a person for something that a terminal does not show.
    pub(super) fn at_prompt<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.interrupt.at_prompt(ask)
    }

    /// Prints the answer, or a part of it. A reader that went away is not an error of ours; a full disk is kept for [`Self::end`].
    pub(super) fn answer(&mut self, text: &str) {
        self.answer_bytes(text.as_bytes());
    }

    /// As [`Self::answer`], for what need not be text. False if nobody takes more.
    pub(super) fn answer_bytes(&mut self, bytes: &[u8]) -> bool {
        let out = &mut self.world.out;
        let written = self.interrupt.at_rest(|| out.write_all(bytes).and_then(|()| out.flush()));
        self.keep(written)
    }

    /// Whether something was written. A reader that went away is not an error of ours.
    fn keep(&mut self, written: io::Result<()>) -> bool {
        let Err(error) = written else { return true };
        if error.kind() != ErrorKind::BrokenPipe {
            self.lost.get_or_insert(error);
        }
        false
    }

    /// How the run ended, now that everything is said: an answer that was cut off is not a yes, and a no stays a no.
    pub(super) fn end(&mut self, outcome: Outcome) -> Outcome {
        let Some(source) = self.lost.take() else { return outcome };
        let failed = self.fail(&CliError::new(Outcome::Unknown, Lost(source)));
        if outcome == Outcome::Yes { failed } else { outcome }
    }

    /// Prints the answer as one JSON document.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(|error| CliError::new(Outcome::Unknown, error))?;
        self.answer_json(&text);
        Ok(())
    }

    /// As [`Self::answer`], for JSON: indented, and written while it is made.
    pub(super) fn answer_json(&mut self, json: &str) {
        let mut out = io::BufWriter::with_capacity(PIECE, &mut self.world.out);
        let write = || writeln!(out, "{}", PrettyJson(json)).and_then(|()| out.flush());
        let written = self.interrupt.at_rest(write);
        // What is left in the buffer is not tried again.
        let _ = out.into_parts();
        self.keep(written);
    }

    /// Tells how the work goes; not part of the answer.
    pub(super) fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.world.err, "{text}");
        }
    }

    /// Tells a terminal how far the work is, until it is done, on one line that is written again and again.
    pub(super) async fn watch<T>(
        &mut self,
        work: impl Future<Output = T>,
        standing: impl Fn() -> Standing,
    ) -> T {
        let mut work = std::pin::pin!(work);
        if !self.shows_progress() {
            return work.await;
        }
        let mut rate = Rate::start();
        loop {
            if let Ok(done) = tokio::time::timeout(REFRESH, work.as_mut()).await {
                self.progress("");
                return done;
            }
            let standing = standing();
            let line = standing.line(rate.now(standing.done));
            self.progress(&line);
        }
    }

    /// Nobody reads such a line in a log, and some terminals cannot write a line again.
    fn shows_progress(&self) -> bool {
        let terminal = self.world.environment.get("TERM");
        self.world.terminals.err && !self.quiet && terminal != Some("dumb")
    }

    fn progress(&mut self, text: &str) {
        let _ = write!(self.world.err, "\r\u{1b}[K{text}").and_then(|()| self.world.err.flush());
    }

    /// Tells that somebody ended the work.
    pub(super) fn interrupted(&mut self) {
        if self.shows_progress() {
            self.progress("");
        }
        let _ = writeln!(self.world.err, "plimsoll: interrupted").and_then(|()| self.world.err.flush());
    }

    /// Tells something the user should act on.
    pub(super) fn warn(&mut self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.world.err, "plimsoll: warning: {text}");
        }
    }

    /// Tells what registries said beside their content.
    pub(super) fn beside(&mut self, io: &Io) {
        for notice in io.notices() {
            self.warn(&Printable(&notice).to_string());
        }
        for quota in io.quotas().iter().filter(|quota| quota.is_low()) {
            let Quota { origin, limit, remaining, window } = quota;
            let window = window.map_or(String::new(), |seconds| format!(" in {seconds} seconds"));
            self.warn(&format!("{origin} lets us pull {remaining} more of {limit}{window}"));
        }
    }

    /// Tells what stopped the work, and says how the run ended.
    pub(super) fn fail(&mut self, error: &CliError) -> Outcome {
        tell(self.world.err, error)
    }
}

/// Whoever reads the answer has a part of it, at most.
#[derive(Debug, thiserror::Error)]
#[error("the answer cannot be written to standard output")]
struct Lost(#[source] io::Error);

/// Bytes written at once.
const PIECE: usize = 64 << 10;

/// Help and version go to stdout and are a yes, unless they get lost; every other refusal of the command line goes to stderr.
pub(super) fn print_usage(refusal: &clap::Error, world: World<'_>) -> Outcome {
    let text = refusal.render().to_string();
    if refusal.use_stderr() {
        // It repeats arguments, which may come from strangers, too.
        for line in text.lines() {
            let _ = writeln!(world.err, "{}", Printable(line));
        }
        return Outcome::Usage;
    }
    match write!(world.out, "{text}").and_then(|()| world.out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell(world.err, &CliError::new(Outcome::Unknown, Lost(error)))
        }
        _ => Outcome::Yes,
    }
}

/// What stopped the work, why, and what can be done.
fn tell(err: &mut dyn Write, error: &CliError) -> Outcome {
    let _ = writeln!(err, "plimsoll: error: {}", Printable(&error.error.to_string()));
    let mut cause = error.error.source();
    while let Some(source) = cause {
        let _ = writeln!(err, "plimsoll: cause: {}", Printable(&source.to_string()));
        cause = source.source();
    }
    for hint in &error.hints {
        let _ = writeln!(err, "plimsoll: hint: {}", Printable(hint));
    }
    let _ = err.flush();
    error.outcome
}
