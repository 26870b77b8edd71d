//! What is wrong with a Dockerfile, and where.

use super::ExpandError;
use crate::base::{LineColumn, Span};

/// BuildKit would refuse the file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct DockerfileError {
    /// Where.
    pub at: LineColumn,
    /// Why.
    pub problem: Problem,
}

impl DockerfileError {
    pub(super) fn new(text: &str, offset: usize, problem: Problem) -> Self {
        Self { at: Span::new(offset, offset).position(text), problem }
    }
}

/// Why BuildKit would refuse the file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// `ARG =x`, `ENV =x`.
    #[error("{keyword} names can not be blank")]
    BlankName {
        /// Of the instruction.
        keyword: String,
    },
    /// A `"` inside a field of `--mount`, or after it.
    #[error("the fields of --mount are not comma-separated values: a quote is out of place")]
    BadMount,
    /// A flag that may stand once stands twice.
    #[error("duplicate flag specified: --{flag}")]
    DuplicateFlag {
        /// Its name.
        flag: String,
    },
    /// A directive that may stand once stands twice.
    #[error("only one {name} parser directive can be used")]
    DuplicateDirective {
        /// Its name.
        name: String,
    },
    /// `# escape=` names another character.
    #[error("invalid escape token '{token}' does not match ` or \\")]
    EscapeToken {
        /// What it names.
        token: String,
    },
    /// A word that names a heredoc cannot be read.
    #[error("the name of the heredoc cannot be read: {0}")]
    HeredocName(ExpandError),
    /// COPY or ADD into a heredoc.
    #[error("{keyword} cannot accept a heredoc as a destination")]
    HeredocDestination {
        /// Of the instruction.
        keyword: String,
    },
    /// HEALTHCHECK NONE with more, or neither CMD nor NONE.
    #[error("HEALTHCHECK takes CMD and a command, or NONE")]
    Healthcheck,
    /// JSON with something else than strings in it.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    JsonNotStrings,
    /// A line that BuildKit does not read.
    #[error("dockerfile line greater than max allowed size of {}", crate::base::limits::DOCKERFILE_LINE - 1)]
    LineTooLong,
    /// `--from` without `=`.
    #[error("missing a value on flag: --{flag}")]
    MissingFlagValue {
        /// Its name.
        flag: String,
    },
    /// Only comments, or nothing.
    #[error("file with no instructions")]
    NoInstructions,
    /// Only ARG instructions.
    #[error("dockerfile contains no stages to build")]
    NoStage,
    /// SHELL without JSON.
    #[error("SHELL requires the arguments to be in JSON form")]
    NotJson,
    /// ENV and LABEL: a word without `=` after one that has it.
    #[error("can't find = in {word:?}: must be of the form: name=value")]
    NotNameValue {
        /// The word.
        word: String,
    },
    /// ENV and LABEL with one word.
    #[error("{keyword} must have two arguments")]
    NotTwo {
        /// Of the instruction.
        keyword: String,
    },
    /// `ONBUILD FROM` and the like.
    #[error("{keyword} isn't allowed as an ONBUILD trigger")]
    OnbuildTrigger {
        /// Of the trigger.
        keyword: String,
    },
    /// An instruction before the first FROM.
    #[error("no build stage in current context: {keyword} stands before the first FROM")]
    OutsideStage {
        /// Of the instruction.
        keyword: String,
    },
    /// A flag with a character whose bytes BuildKit takes for blanks.
    #[error("a flag with the character {char:?} is cut by BuildKit; quote it in another way")]
    SplitCharacter {
        /// The character.
        char: char,
    },
    /// `FROM x AS 1`.
    #[error("invalid name for build stage: {name:?}, name can't start with a number or contain symbols")]
    StageName {
        /// The name.
        name: String,
    },
    /// A keyword that is none.
    #[error("unknown instruction: {}", crate::base::Printable(.keyword))]
    UnknownInstruction {
        /// As written.
        keyword: String,
    },
    /// A heredoc without its last line.
    #[error("unterminated heredoc {}", crate::base::Printable(.name))]
    UnterminatedHeredoc {
        /// The word that should end it.
        name: String,
    },
    /// `RUN --mount=from=$X`.
    #[error("'from' doesn't support variable expansion, define alias stage instead")]
    VariableInMount,
    /// Too few or too many words.
    #[error("{keyword} requires {want}")]
    Words {
        /// Of the instruction.
        keyword: String,
        /// How many it takes.
        want: &'static str,
    },
}
