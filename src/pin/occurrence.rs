//! A reference found in a file.

use crate::base::{Digest, Printable, Reference, ReferenceError, Span};
use crate::format::dockerfile::ExpandError;

/// A place in a file that names an image, or looks like it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Occurrence {
    /// Where it stands.
    pub span: Span,
    /// What kind of place it is.
    pub what: What,
    /// As written, without quotes: `alpine:3.20`, `${BASE}`.
    pub written: String,
    /// What is to be done.
    pub state: State,
}

/// What kind of place names the image.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// The default of an ARG that a FROM uses.
    ArgDefault,
    /// `COPY --from=` or `ADD --from=`.
    CopyFrom,
    /// `FROM`.
    From,
    /// `RUN --mount=from=`.
    MountFrom,
    /// Any of these in an ONBUILD.
    Onbuild,
    /// `# syntax=`.
    Syntax,
}

impl What {
    /// In reports for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ArgDefault => "arg-default",
            Self::CopyFrom => "copy-from",
            Self::From => "from",
            Self::MountFrom => "mount-from",
            Self::Onbuild => "onbuild",
            Self::Syntax => "syntax",
        }
    }
}

/// What is to be done about a reference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Nothing: it has a digest.
    Pinned {
        /// The reference.
        reference: Reference,
        /// Its digest.
        digest: Digest,
    },
    /// Nothing can or need be done.
    Skipped(Reason),
    /// A digest is missing.
    Unpinned {
        /// The reference.
        reference: Reference,
        /// Offset in the file where it ends, and the digest goes.
        end: usize,
    },
}

/// Why a reference is left alone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Reason {
    /// A digest in the ARG's default would reach the other use too.
    #[error(
        "ARG {} is also used on line {line}, which would get the digest too; it means {}",
        Printable(.name), Printable(.value)
    )]
    ArgumentUsedElsewhere {
        /// The argument.
        name: String,
        /// Of the first other use.
        line: usize,
        /// The reference.
        value: String,
    },
    /// An ARG without a default.
    #[error("{} has no default; give it one in an ARG before the first FROM", Printable(.name))]
    ArgumentUnset {
        /// The argument.
        name: String,
    },
    /// A variable cannot be expanded.
    #[error("{0}")]
    CannotExpand(ExpandError),
    /// A comment above says so.
    #[error("ignored: {}", Printable(.reason))]
    Ignored {
        /// What the comment gives as reason.
        reason: String,
    },
    /// BuildKit refuses it too.
    #[error("{error}")]
    NotAReference {
        /// The text, variables replaced.
        value: String,
        /// What is wrong.
        error: ReferenceError,
    },
    /// In an ONBUILD, a plain name can be a stage of the build that runs the trigger.
    #[error("can be a stage of the build that runs the trigger; if it is an image, write its tag")]
    OnbuildName,
    /// `${V/a/b}` and the like make the reference.
    #[error("`{operator}` of {} makes the reference, which is {}", Printable(.name), Printable(.value))]
    Operator {
        /// The argument.
        name: String,
        /// The operator.
        operator: &'static str,
        /// The reference.
        value: String,
    },
    /// Text and variables make the reference together.
    #[error("put together from text and variables, which is {}; write the whole reference into one ARG", Printable(.value))]
    Parts {
        /// The reference.
        value: String,
    },
    /// It differs by platform.
    #[error("{} differs by platform, so there are several images: {}", Printable(.name), Printable(.value))]
    PlatformArgument {
        /// The argument.
        name: String,
        /// The reference, with the argument's name in it.
        value: String,
    },
    /// The empty image.
    #[error("the empty image")]
    Scratch,
    /// The ARG's default is made of other variables.
    #[error("the default of ARG {} is made of other variables, which is {}", Printable(.name), Printable(.value))]
    SeveralArguments {
        /// The argument that FROM uses.
        name: String,
        /// The reference.
        value: String,
    },
    /// A stage of this file.
    #[error("a stage of this file")]
    Stage,
    /// A stage of this file, by number.
    #[error("a stage of this file, by number")]
    StageNumber,
    /// BuildKit expands no variables here.
    #[error("variables are not expanded in --from; name a stage that is FROM the image")]
    VariableInFrom,
}

impl Reason {
    /// Whether nothing is missing: there is no image to pin, or somebody decided so.
    pub fn is_fine(&self) -> bool {
        match self {
            Self::Ignored { .. } | Self::Scratch | Self::Stage | Self::StageNumber => true,
            Self::ArgumentUsedElsewhere { .. }
            | Self::ArgumentUnset { .. }
            | Self::CannotExpand(_)
            | Self::NotAReference { .. }
            | Self::OnbuildName
            | Self::Operator { .. }
            | Self::Parts { .. }
            | Self::PlatformArgument { .. }
            | Self::SeveralArguments { .. }
            | Self::VariableInFrom => false,
        }
    }

    /// In reports for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ArgumentUsedElsewhere { .. } => "argument-used-elsewhere",
            Self::ArgumentUnset { .. } => "argument-unset",
            Self::CannotExpand(_) => "cannot-expand",
            Self::Ignored { .. } => "ignored",
            Self::NotAReference { .. } => "not-a-reference",
            Self::OnbuildName => "onbuild-name",
            Self::Operator { .. } => "operator",
            Self::Parts { .. } => "parts",
            Self::PlatformArgument { .. } => "platform-argument",
            Self::Scratch => "scratch",
            Self::SeveralArguments { .. } => "several-arguments",
            Self::Stage => "stage",
            Self::StageNumber => "stage-number",
            Self::VariableInFrom => "variable-in-from",
        }
    }
}
