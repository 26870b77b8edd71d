//! `plimsoll explain`: what a code means and what to do about it.

use crate::base::Printable;
use crate::cli::args::Format;
use crate::cli::explain::{self, Entry};
use crate::cli::render::explain::{ExplainJson, text};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};

/// Say what a code such as PLM-S01 means, why it comes, and what to do
///
/// Every refusal has a code that stays the same between versions. Without a code, all of them are listed.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The code as another verb printed it; case and the prefix do not matter
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll explain PLM-S01
  plimsoll explain
  plimsoll explain --format json";

/// Looks the code up.
pub(super) fn run(args: &Args, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let entries: Vec<&Entry> = match &args.code {
        None => explain::entries().collect(),
        Some(code) => vec![explain::find(code).ok_or_else(|| unknown(code))?],
    };
    match ui.format() {
        Format::Json => ui.json(&ExplainJson::new(&entries))?,
        Format::Text => {
            let answer = text(&entries, |title| ui.strong(title));
            ui.answer(&answer);
        }
    }
    Ok(Outcome::Yes)
}

fn unknown(code: &str) -> CliError {
    let error = CliError::usage(format!("there is no code `{}`", Printable(code)));
    match explain::nearest(code) {
        Some(Entry { code, title, .. }) => error
            .hint(format!("{code} is: {title}: `plimsoll explain {code}`"))
            .hint("all codes: `plimsoll explain`"),
        None => error,
    }
}
