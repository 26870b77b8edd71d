//! Dockerfile, as BuildKit's frontend `docker/dockerfile:1.x` reads it (moby/buildkit `frontend/dockerfile`, v0.34.2): which lines are one
//! instruction, what its flags and words are, and where in the file each of their bytes stands.
//!
//! Nothing of the file is lost: [`Scanned::pieces`] covers every byte once and in order. What BuildKit refuses is refused here, with the
//! same words where there are such. Flags that are not known are let through, since newer frontends have more of them.

mod ast;
mod directive;
mod error;
mod expand;
mod heredoc;
mod lexer;
mod mount;
mod node;
mod pattern;
mod shell;
mod text;

pub use ast::{Argument, Dockerfile, From, Instruction, Kind, Run, Transfer, parse};
pub use directive::{Directive, DirectiveName};
pub use error::{DockerfileError, Problem};
pub use expand::{ExpandError, Expanded, PLATFORM_ARGUMENTS, Part, Values, Variable, expand};
pub use heredoc::Heredoc;
pub use lexer::{Piece, PieceKind};
pub use mount::Mount;
pub use node::{Arguments, Node, Scanned, Separator, scan};
pub use text::Text;
