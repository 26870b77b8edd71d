//! Errors of policy files.

use std::fmt;
use std::path::Path;

use super::CliError;
use crate::cli::Outcome;
use crate::format::policy::NotAPolicy;
use crate::policy::PolicyError;

impl CliError {
    /// A file that is not a policy: every problem is a line.
    pub(in crate::cli) fn not_a_policy(file: &Path, error: &NotAPolicy) -> Self {
        let problems = error.problems().iter().map(|problem| (problem.to_string(), problem.code()));
        Self::policy(file, error.to_string(), problems.collect())
    }

    /// A policy that cannot be used: every problem is a line.
    pub(in crate::cli) fn bad_policy(file: &Path, error: &PolicyError) -> Self {
        let problems = error.problems().iter().map(|problem| (problem.to_string(), problem.code()));
        Self::policy(file, error.to_string(), problems.collect())
    }

    fn policy(file: &Path, headline: String, problems: Vec<(String, &'static str)>) -> Self {
        // A long value must not push the code off the line's end.
        let line = |(problem, code): (String, &'static str)| {
            let problem: String = problem.chars().take(SHOWN).collect();
            format!("{}:{problem}   {code}", file.display())
        };
        let rest = problems.into_iter().map(line).rev();
        let next = rest.fold(None, |next, text| Some(Box::new(Lines { text, next })));
        let error = Lines { text: format!("{}: {headline}", file.display()), next };
        Self::new(Outcome::Usage, error).hint(SCHEMA)
    }
}

/// One line after another, as causes.
#[derive(Debug)]
struct Lines {
    text: String,
    next: Option<Box<Lines>>,
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Lines {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as &dyn std::error::Error)
    }
}

const SCHEMA: &str = "what a policy may say: schemas/trust-policy.v1.schema.json";
/// Characters of a problem that are shown.
const SHOWN: usize = 1000;
