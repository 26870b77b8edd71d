//! What can be wrong with the shape of a policy file.

use super::{Place, VERSION, YamlError};
use crate::base::LineColumn;

/// A policy file that has problems of shape: at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}", headline(.problems.len()))]
pub struct NotAPolicy {
    pub(super) problems: Vec<ShapeProblem>,
}

impl NotAPolicy {
    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[ShapeProblem] {
        &self.problems
    }
}

impl NotAPolicy {
    /// A file that is larger than any policy, so that nobody reads it.
    pub fn too_large() -> Self {
        let place = Place { at: LineColumn { line: 1, column: 1 }, path: String::new() };
        Self { problems: vec![ShapeProblem { place, error: YamlError::TooLarge.into() }] }
    }
}

fn headline(problems: usize) -> String {
    match problems {
        1 => "the policy has a problem".to_owned(),
        many => format!("the policy has {many} problems"),
    }
}

/// One thing that is wrong with the shape of a policy file, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {error}")]
pub struct ShapeProblem {
    /// Where.
    pub place: Place,
    /// What.
    #[source]
    pub error: ShapeError,
}

impl ShapeProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

/// What can be wrong with the shape of a policy file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// Keys of which exactly one must stand.
    #[error("exactly one of {keys} must stand here; {found} do")]
    Choice {
        /// Which keys.
        keys: &'static str,
        /// How many stand.
        found: usize,
    },
    /// A list, map or text with nothing in it.
    #[error("nothing in it: {want}")]
    Empty {
        /// What belongs there.
        want: &'static str,
    },
    /// A key that must be there.
    #[error("the key `{key}` is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// The same entry twice in a list.
    #[error("`{value}` stands in this list twice")]
    Repeated {
        /// Which.
        value: String,
    },
    /// Another kind of value.
    #[error("expected {want}, found {got}")]
    Type {
        /// What belongs there.
        want: &'static str,
        /// What is there.
        got: &'static str,
    },
    /// A key that this version does not know.
    #[error("the key `{key}` is not known; known here: {known}")]
    UnknownKey {
        /// Which.
        key: String,
        /// The keys that may stand there.
        known: String,
    },
    /// The right kind of value, but not one of the right ones.
    #[error("`{got}` is not {want}")]
    Value {
        /// What belongs there.
        want: &'static str,
        /// What is there.
        got: String,
    },
    /// Another version of the format.
    #[error("version `{got}` is not known; this program reads `{VERSION}`")]
    Version {
        /// Which.
        got: String,
    },
    /// Not the YAML of a policy.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl ShapeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml(
                YamlError::Alias | YamlError::Anchor | YamlError::Key | YamlError::MergeKey | YamlError::Tag,
            ) => "PLM-P04",
            Self::Yaml(YamlError::Duplicate { .. }) => "PLM-P06",
            Self::Yaml(
                YamlError::Documents
                | YamlError::Empty
                | YamlError::NotUtf8 { .. }
                | YamlError::Syntax { .. }
                | YamlError::TooDeep
                | YamlError::TooLarge,
            ) => "PLM-P01",
            Self::UnknownKey { .. } => "PLM-P07",
            Self::Missing { .. } => "PLM-P08",
            Self::Type { .. } => "PLM-P09",
            Self::Value { .. } => "PLM-P10",
            Self::Repeated { .. } => "PLM-P13",
            Self::Choice { .. } => "PLM-P19",
            Self::Empty { .. } => "PLM-P20",
            Self::Version { .. } => "PLM-P22",
        }
    }
}
