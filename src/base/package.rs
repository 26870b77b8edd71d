//! What catalogers find, in words that every SBOM format can say.

use super::{Digest, ImagePath, Platform};

/// A packaging ecosystem: the type of a package URL (purl-spec, PURL-TYPES).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ecosystem {
    /// Alpine's apk.
    Apk,
    /// Debian's dpkg.
    Deb,
}

impl Ecosystem {
    /// The purl type.
    pub fn purl_type(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::Deb => "deb",
        }
    }
}

/// What tells one installed package from another; the order of packages in every output.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PackageId {
    /// Which ecosystem.
    pub ecosystem: Ecosystem,
    /// Name as the package manager writes it.
    pub name: String,
    /// Version as the package manager writes it, epoch included.
    pub version: String,
    /// Architecture as the package manager writes it.
    pub architecture: Option<String>,
}

/// One installed package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Package {
    /// Name, version, architecture.
    pub id: PackageId,
    /// Package URL, canonical.
    pub purl: String,
    /// The source package, where the database names one.
    pub source: Option<SourcePackage>,
    /// Who maintains it: a name, and an e-mail address if one is written.
    pub maintainer: Option<String>,
    /// Project page.
    pub homepage: Option<String>,
    /// One line.
    pub description: Option<String>,
    /// Licences as the image states them, all of which apply: SPDX expressions, or else the words themselves. Nothing is guessed.
    pub licenses: Vec<String>,
    /// Hash of the package that the package database states: algorithm (`SHA1`, `SHA256`) and lower-case hex.
    pub checksum: Option<(String, String)>,
    /// The file that says the package is installed.
    pub evidence: ImagePath,
    /// Which layer brought this name and version first.
    pub layer: Option<LayerOrigin>,
    /// Names that the package depends on, resolved to packages of the same inventory.
    pub dependencies: Vec<PackageId>,
}

/// The package that this one was built from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version, where it is not the package's own.
    pub version: Option<String>,
}

/// A layer of the image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerOrigin {
    /// Position from the bottom, from 0.
    pub index: usize,
    /// Digest of the uncompressed layer.
    pub diff_id: Digest,
    /// Digest of the blob.
    pub digest: Digest,
    /// The build step, if the image's history names it.
    pub created_by: Option<String>,
}

/// The distribution, from os-release(5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Distribution {
    /// `ID`, as `debian`.
    pub id: String,
    /// `VERSION_ID`, as `12`.
    pub version_id: Option<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Option<String>,
    /// `VERSION_CODENAME`.
    pub codename: Option<String>,
}

/// What an inventory is about: one image for one platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// Name to show: the repository, or the name of the layout. Never a path of this machine.
    pub name: String,
    /// Tag or version, if known.
    pub version: Option<String>,
    /// Digest of the image manifest.
    pub digest: Digest,
    /// Registry repository for the package URL, where the image comes from one.
    pub repository: Option<String>,
    /// Platform the image says it is for.
    pub platform: Platform,
}

/// Everything found in one image, sorted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inventory {
    /// The image.
    pub subject: Subject,
    /// The distribution, if the image says.
    pub distribution: Option<Distribution>,
    /// Packages, by [`PackageId`], each once.
    pub packages: Vec<Package>,
    /// What could not be read, in sentences: known unknowns, never dropped silently.
    pub unknowns: Vec<String>,
}
