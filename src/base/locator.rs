//! Where an image is: in a registry, or in files on this machine.

use std::{fmt, path::PathBuf, str::FromStr};

use super::{Digest, Reference, ReferenceError, Tag};

/// An image as it is named on the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ImageLocator {
    /// `docker-archive:FILE`: what `docker save` writes.
    DockerArchive {
        /// The tar file.
        file: PathBuf,
    },
    /// `oci:DIR[:TAG|@DIGEST]`: an OCI image layout.
    Layout {
        /// Folder that holds `oci-layout` and `index.json`.
        folder: PathBuf,
        /// Which entry of `index.json`.
        select: LayoutSelector,
    },
    /// `oci-archive:FILE[:TAG|@DIGEST]`: an OCI image layout in a tar file.
    LayoutArchive {
        /// The tar file.
        file: PathBuf,
        /// Which entry of `index.json`.
        select: LayoutSelector,
    },
    /// A reference to a registry.
    Registry(Reference),
}

/// Which entry of a layout's `index.json` is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LayoutSelector {
    /// By digest.
    Digest(Digest),
    /// The only image in the layout; several are an error.
    Only,
    /// By its annotation `org.opencontainers.image.ref.name`.
    Tag(Tag),
}

impl FromStr for ImageLocator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        if let Some(rest) = text.strip_prefix("oci:") {
            let (path, select) = split(rest)?;
            return Ok(Self::Layout { folder: path, select });
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (path, select) = split(rest)?;
            return Ok(Self::LayoutArchive { file: path, select });
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            if rest.is_empty() {
                return Err(LocatorError::NoPath);
            }
            return Ok(Self::DockerArchive { file: rest.into() });
        }
        Ok(Self::Registry(text.parse()?))
    }
}

fn split(rest: &str) -> Result<(PathBuf, LayoutSelector), LocatorError> {
    let (path, select) = if let Some((path, digest)) = rest.rsplit_once('@') {
        let digest = digest.parse().map_err(ReferenceError::Digest)?;
        (path, LayoutSelector::Digest(digest))
    } else {
        match rest.rsplit_once(':') {
            // A slash after the colon belongs to a path.
            Some((path, tag)) if !tag.contains(['/', '\\']) => (path, LayoutSelector::Tag(tag.parse()?)),
            _ => (rest, LayoutSelector::Only),
        }
    };
    if path.is_empty() {
        return Err(LocatorError::NoPath);
    }
    Ok((path.into(), select))
}

impl fmt::Display for ImageLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerArchive { file } => write!(f, "docker-archive:{}", file.display()),
            Self::Layout { folder, select } => write!(f, "oci:{}{select}", folder.display()),
            Self::LayoutArchive { file, select } => write!(f, "oci-archive:{}{select}", file.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Display for LayoutSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "@{digest}"),
            Self::Only => Ok(()),
            Self::Tag(tag) => write!(f, ":{tag}"),
        }
    }
}

/// Why a text does not name an image.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LocatorError {
    /// `oci:` and nothing after it.
    #[error("a path is missing after the colon")]
    NoPath,
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let digest = Digest::of(b"");
        for text in [
            "alpine:3.20",
            "oci:dir",
            "oci:./a/b:v1",
            "oci-archive:x.tar",
            "docker-archive:/tmp/x.tar",
            &format!("oci:dir@{digest}"),
            &format!("oci-archive:x.tar@{digest}"),
        ] {
            assert_eq!(text.parse::<ImageLocator>().unwrap().to_string(), text);
        }
        for text in ["oci:", "oci::v1", "oci:dir:", "oci:dir@sha256:0", "docker-archive:", ""] {
            assert!(text.parse::<ImageLocator>().is_err(), "{text}");
        }
    }
}
