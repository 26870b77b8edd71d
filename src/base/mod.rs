//! Names and numbers that every other module speaks in. No I/O, no clock, no wire formats.

mod claim;
mod digest;
mod file;
mod identity;
pub mod limits;
mod locator;
mod matcher;
mod package;
mod path;
mod pitfall;
mod platform;
mod reference;
mod secret;
mod span;
mod text;
mod time;

pub use claim::{Claim, UnknownClaim};
pub use digest::{Algorithm, Checked, Digest, DigestError, Hasher, Mismatch};
pub use file::{FileContent, FileHasher};
pub use identity::{Identity, IdentityMatcher, OtherIdentity};
pub use locator::{ImageLocator, LayoutSelector, LocatorError};
pub(crate) use matcher::fits_stars;
pub use matcher::{Glob, MatcherError, TextMatcher};
pub use package::{
    Distribution, Ecosystem, Inventory, LayerOrigin, Package, PackageId, SourcePackage, Subject,
};
pub use path::{ImagePath, PathError};
pub use pitfall::Pitfall;
pub use platform::{Platform, PlatformError};
pub use reference::{DOCKER_HUB, PinnedReference, Reference, ReferenceError, Registry, Repository, Tag};
pub use secret::Secret;
pub use span::{Insertion, LineColumn, Span};
pub use text::{PrettyJson, Printable};
pub use time::{Timestamp, TimestampError};
