//! What can be wrong with images in files.

use std::path::PathBuf;

use crate::base::{Digest, LayoutSelector, Mismatch, PathError, Tag};
use crate::format::json::JsonError;
use crate::format::manifest::ManifestError;

/// Why a layout or archive was not read or written. `layout` is its path.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Several images, and nothing says which.
    #[error("{} holds several images{}; say which", .layout.display(), list(.tags))]
    Ambiguous {
        /// Which layout.
        layout: PathBuf,
        /// The tags in it.
        tags: Vec<String>,
    },
    /// Two entries of one name: readers differ in which one they take.
    #[error("{}: the archive has `{name}` twice", .layout.display())]
    DuplicateEntry {
        /// Which archive.
        layout: PathBuf,
        /// The name.
        name: String,
    },
    /// An entry's name leaves the archive.
    #[error("{}: the archive has an entry with a bad name", .layout.display())]
    EntryName {
        /// Which archive.
        layout: PathBuf,
        /// What is wrong with it.
        source: PathError,
    },
    /// Changed or damaged.
    #[error("{}: content was changed or damaged", .layout.display())]
    Digest {
        /// Which layout.
        layout: PathBuf,
        /// Both digests.
        source: Mismatch,
    },
    /// There is something already.
    #[error("{} exists and is not empty", .layout.display())]
    Exists {
        /// Which folder.
        layout: PathBuf,
    },
    /// JSON that is none.
    #[error("{}: `{name}` is malformed", .layout.display())]
    Json {
        /// Which layout.
        layout: PathBuf,
        /// Which file in it.
        name: String,
        /// What is wrong.
        source: JsonError,
    },
    /// A manifest that is none.
    #[error("{}: {what} is malformed", .layout.display())]
    Malformed {
        /// Which layout.
        layout: PathBuf,
        /// Which content.
        what: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// Content that is named but not there.
    #[error("{} does not hold {digest}", .layout.display())]
    Missing {
        /// Which layout.
        layout: PathBuf,
        /// What is missing.
        digest: Digest,
    },
    /// Nothing in it can be run.
    #[error("{} holds no image", .layout.display())]
    NoImage {
        /// Which layout.
        layout: PathBuf,
    },
    /// No entry of that name.
    #[error("{} has no image `{select}`{}", .layout.display(), list(.tags))]
    NotFound {
        /// Which layout.
        layout: PathBuf,
        /// What was asked for.
        select: LayoutSelector,
        /// The tags in it.
        tags: Vec<String>,
    },
    /// Not a layout, or not the kind of archive that was said.
    #[error("{} is not {kind}: it has no `{name}`", .layout.display())]
    NotThat {
        /// Which path.
        layout: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What is missing.
        name: String,
    },
    /// A symbolic link, folder or device where content belongs.
    #[error("{} is not a regular file", .path.display())]
    NotRegular {
        /// Which path.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Archives are not changed.
    #[error("{} is an archive, which is not written to", .layout.display())]
    ReadOnly {
        /// Which archive.
        layout: PathBuf,
    },
    /// Not as long as the descriptor says.
    #[error("{}: {digest} has {found} bytes, its descriptor says {want}", .layout.display())]
    Size {
        /// Which layout.
        layout: PathBuf,
        /// Which content.
        digest: Digest,
        /// As stated.
        want: u64,
        /// As found.
        found: u64,
    },
    /// One tag on two images.
    #[error("{} has the tag `{tag}` on several images", .layout.display())]
    TagTwice {
        /// Which layout.
        layout: PathBuf,
        /// Which tag.
        tag: Tag,
    },
    /// More than we read.
    #[error("{}: `{name}` is larger than {limit} bytes", .layout.display())]
    TooLarge {
        /// Which layout.
        layout: PathBuf,
        /// Which file in it.
        name: String,
        /// Bytes.
        limit: u64,
    },
    /// More entries than we look at.
    #[error("{} has more than {limit} entries", .layout.display())]
    TooMany {
        /// Which archive.
        layout: PathBuf,
        /// Entries.
        limit: usize,
    },
    /// An entry ends after the end of the file.
    #[error("{} is cut off in `{name}`", .layout.display())]
    Truncated {
        /// Which archive.
        layout: PathBuf,
        /// Which entry.
        name: String,
    },
    /// A version of the format that is not known.
    #[error("{} is an image layout of version `{found}`, only 1.0.0 is known", .layout.display())]
    Version {
        /// Which layout.
        layout: PathBuf,
        /// As stated.
        found: String,
    },
    /// Writing failed; the layout is as it was.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn list(tags: &[String]) -> String {
    if tags.is_empty() { String::new() } else { format!(" (there are {})", tags.join(", ")) }
}
