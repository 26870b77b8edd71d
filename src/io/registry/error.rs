//! What can go wrong between us and a registry.

use std::fmt;

use crate::base::{Digest, Mismatch, Printable, Registry, Repository, Tag};
use crate::format::json::JsonError;
use crate::format::manifest::ManifestError;
use crate::io::auth::AuthError;
use crate::io::http::HttpError;
use crate::io::patience;
use crate::io::places::PlaceError;

/// What was asked for, for messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Thing {
    /// A blob.
    Blob(Repository, Digest),
    /// The list of all repositories.
    Catalog(Registry),
    /// A manifest by digest.
    Manifest(Repository, Digest),
    /// The list of what is about a manifest.
    Referrers(Repository, Digest),
    /// A manifest by tag.
    Tagged(Repository, Tag),
    /// The list of all tags.
    Tags(Repository),
    /// A new blob.
    Upload(Repository, Digest),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(repository, digest) => write!(f, "blob {digest} of {repository}"),
            Self::Catalog(registry) => write!(f, "the repositories of {registry}"),
            Self::Manifest(repository, digest) => write!(f, "{repository}@{digest}"),
            Self::Referrers(repository, digest) => write!(f, "referrers of {repository}@{digest}"),
            Self::Tagged(repository, tag) => write!(f, "{repository}:{tag}"),
            Self::Tags(repository) => write!(f, "the tags of {repository}"),
            Self::Upload(repository, digest) => write!(f, "upload of {digest} to {repository}"),
        }
    }
}

/// Why a registry's content was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// We could not say who we are.
    #[error("{thing}: not found or no access")]
    Auth {
        /// What was asked for.
        thing: Thing,
        /// Why.
        source: AuthError,
    },
    /// `Content-Type` and the content disagree: two clients could take it for two different things.
    #[error("{thing}: the answer has type `{header}`, its content is `{body}`")]
    ContentType {
        /// What was asked for.
        thing: Thing,
        /// As stated in the header.
        header: String,
        /// As stated in the content.
        body: String,
    },
    /// The run has a user and password for another registry.
    #[error(transparent)]
    Login(AuthError),
    /// Not the content of that digest.
    #[error("{thing}: the registry sent other content")]
    Digest {
        /// What was asked for.
        thing: Thing,
        /// Both digests.
        source: Mismatch,
    },
    /// The digest header lies about the content.
    #[error("{thing}: the registry states digest `{stated}`, its content has {computed}")]
    DigestHeader {
        /// What was asked for.
        thing: Thing,
        /// As stated.
        stated: String,
        /// Of the content.
        computed: Digest,
    },
    /// Chunks larger than we hold in memory.
    #[error("{thing}: the registry wants chunks of {least} bytes, more than the limit of {limit}")]
    ChunkLength {
        /// What was to be written.
        thing: Thing,
        /// As stated.
        least: u64,
        /// Bytes.
        limit: u64,
    },
    /// A 4xx that is about us.
    #[error("{thing}: not found or no access (status {status}){}", words(.detail))]
    Denied {
        /// What was asked for.
        thing: Thing,
        /// HTTP.
        status: u16,
        /// What was sent, and what the registry said.
        detail: Option<String>,
    },
    /// No URL can be made of it.
    #[error("`{registry}` is not a host that can be connected to")]
    Endpoint {
        /// Which.
        registry: Registry,
    },
    /// The list of names is not one.
    #[error("{thing}: malformed list")]
    List {
        /// What was asked for.
        thing: Thing,
        /// What is wrong.
        source: JsonError,
    },
    /// A name in a list that nothing can have: what it would be asked for with is another name.
    #[error("{thing}: the registry lists `{}`, which is no such name", Printable(.found))]
    ListName {
        /// What was asked for.
        thing: Thing,
        /// As listed.
        found: String,
    },
    /// Page after page, each in time and all together not.
    #[error("{thing}: the registry did not come to the end of the list within {seconds} seconds")]
    ListSlow {
        /// What was asked for.
        thing: Thing,
        /// The limit.
        seconds: u64,
    },
    /// The list of referrers is not one.
    #[error("{thing}: the answer has type `{found}`, not that of an index")]
    ListType {
        /// What was asked for.
        thing: Thing,
        /// As stated.
        found: String,
    },
    /// Somebody else's entries, or ours, vanish again and again.
    #[error("{thing}: the entry was overwritten {rounds} times by others")]
    LostUpdate {
        /// Which.
        thing: Thing,
        /// How often it was tried.
        rounds: usize,
    },
    /// Not a manifest, or a bad one.
    #[error("{thing}: malformed")]
    Malformed {
        /// What was asked for.
        thing: Thing,
        /// What is wrong.
        source: ManifestError,
    },
    /// The next page is elsewhere, or was read before.
    #[error("{thing}: the link to the next page {reason}")]
    NextPage {
        /// What was asked for.
        thing: Thing,
        /// What is wrong.
        reason: LinkFault,
    },
    /// The registry does not have it.
    #[error("{thing}: not found")]
    NotFound {
        /// What was asked for.
        thing: Thing,
    },
    /// The configuration forbids or breaks it.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Another part of the content than the one asked for.
    #[error("{thing}: asked for bytes {want}, the registry sends `{found}`")]
    Range {
        /// What was asked for.
        thing: Thing,
        /// First and last byte, and the size.
        want: String,
        /// As stated.
        found: String,
    },
    /// A redirect that we do not follow.
    #[error("{thing}: the registry redirects to {target}, which {reason}")]
    Redirect {
        /// What was asked for.
        thing: Thing,
        /// Scheme and host.
        target: String,
        /// What is wrong.
        reason: RedirectFault,
    },
    /// Not as long as the descriptor says.
    #[error("{thing}: {found} bytes, its descriptor says {want}")]
    Size {
        /// What was asked for.
        thing: Thing,
        /// As stated in the descriptor.
        want: u64,
        /// As found.
        found: u64,
    },
    /// An answer that makes no sense here.
    #[error("{thing}: status {status}{}", words(.detail))]
    Status {
        /// What was asked for.
        thing: Thing,
        /// HTTP.
        status: u16,
        /// What the registry said.
        detail: Option<String>,
    },
    /// Writing to this machine.
    #[error("{thing}: no room for a temporary file")]
    Temporary {
        /// What was to be written.
        thing: Thing,
        /// Why.
        source: std::io::Error,
    },
    /// More than we read.
    #[error("{thing}: {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// What was asked for.
        thing: Thing,
        /// As stated.
        size: u64,
        /// Bytes.
        limit: u64,
    },
    /// More than we look at.
    #[error("{thing}: more than {limit} entries")]
    TooMany {
        /// What was asked for.
        thing: Thing,
        /// Entries.
        limit: usize,
    },
    /// No answer, or not all of it.
    #[error("{thing}: not read")]
    Transport {
        /// What was asked for.
        thing: Thing,
        /// Why.
        source: HttpError,
    },
    /// More than was sent.
    #[error("{thing}: {sent} bytes were sent, the registry says that it has {stated}")]
    UploadProgress {
        /// What was to be written.
        thing: Thing,
        /// Bytes.
        sent: u64,
        /// As stated.
        stated: u64,
    },
    /// Chunk after chunk, and no more of it there.
    #[error("{thing}: the registry does not take what is sent")]
    UploadStuck {
        /// What was to be written.
        thing: Thing,
    },
    /// The place for the upload is absent or elsewhere.
    #[error("{thing}: the registry's upload location {reason}")]
    UploadLocation {
        /// What was to be written.
        thing: Thing,
        /// What is wrong.
        reason: LinkFault,
    },
}

impl RegistryError {
    /// Whether the same may fare better the next time.
    pub(in crate::io) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => patience::is_passing(*status),
            Self::Transport { source, .. } => source.is_passing(),
            _ => false,
        }
    }

    /// Whether the registry understood, and does not want to.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Status { status: 400..500, .. })
    }

    /// Whether something was sent that is not what was asked for.
    pub(super) fn is_wrong_content(&self) -> bool {
        matches!(
            self,
            Self::ContentType { .. }
                | Self::Digest { .. }
                | Self::DigestHeader { .. }
                | Self::Malformed { .. }
                | Self::Range { .. }
                | Self::Redirect { .. }
                | Self::Size { .. }
        )
    }

    /// Whether that is the fault of who sent it. What has the right digest is as somebody made it, and so is what others say of its size.
    pub(super) fn is_lie(&self) -> bool {
        matches!(
            self,
            Self::Digest { .. } | Self::DigestHeader { .. } | Self::Range { .. } | Self::Redirect { .. }
        )
    }

    /// In which repository a blob was asked for.
    pub(super) fn blob_of(&self) -> Option<&Repository> {
        match self {
            Self::Auth { thing: Thing::Blob(place, _), .. }
            | Self::Denied { thing: Thing::Blob(place, _), .. }
            | Self::Digest { thing: Thing::Blob(place, _), .. }
            | Self::NotFound { thing: Thing::Blob(place, _) }
            | Self::Range { thing: Thing::Blob(place, _), .. }
            | Self::Redirect { thing: Thing::Blob(place, _), .. }
            | Self::Status { thing: Thing::Blob(place, _), .. }
            | Self::Transport { thing: Thing::Blob(place, _), .. } => Some(place),
            _ => None,
        }
    }

    /// Whether it says nothing about content: another place may have it.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Auth { .. }
                | Self::Denied { .. }
                | Self::NotFound { .. }
                | Self::Status { .. }
                | Self::Transport { .. }
        )
    }
}

/// Why a link is not followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LinkFault {
    /// Not there.
    #[error("is missing")]
    Missing,
    /// Not a URL.
    #[error("is not a URL")]
    NotUrl,
    /// Another scheme, host or port.
    #[error("is on another host")]
    OtherOrigin,
    /// The same host, but not the same list.
    #[error("leads to something else")]
    OtherPath,
    /// Read before: it would never end.
    #[error("was followed before")]
    Repeated,
    /// More than the limit.
    #[error("is one too many")]
    TooMany,
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RedirectFault {
    /// From HTTPS to HTTP.
    #[error("is not HTTPS")]
    Downgrade,
    /// From the world into this machine or network (server-side request forgery).
    #[error("is an internal address")]
    Internal,
    /// Neither http nor https.
    #[error("is not a URL to follow")]
    NotUrl,
    /// More than the limit.
    #[error("is one redirect too many")]
    TooMany,
    /// A user in the URL.
    #[error("holds a user or password")]
    UserInfo,
}

fn words(text: &Option<String>) -> String {
    text.as_ref().map_or(String::new(), |text| format!(": {text}"))
}
