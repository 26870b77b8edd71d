//! From what a reference names to one image: platform, manifest and config.

use super::source::{Resolved, Source, SourceError};
use crate::base::{Digest, Platform, limits};
use crate::format::config::{ConfigError, ImageConfig};
use crate::format::index::{Index, SelectError};
use crate::format::manifest::{AnyManifest, DOCKER_CONFIG, Descriptor, Manifest, ManifestError, OCI_CONFIG};

/// One image that can be run.
#[derive(Clone, Debug)]
pub struct Image {
    /// Of the manifest of this platform.
    pub manifest_digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// What the image says about itself.
    pub config: ImageConfig,
    /// Of the config.
    pub config_digest: Digest,
    /// Of the index, if it was selected from one.
    pub index_digest: Option<Digest>,
}

/// Reads the image for `platform`. Without one, an index is asked for this machine's; an image that is no index is taken as it is.
pub async fn read_image(
    source: &Source,
    resolved: &Resolved,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let (manifest, config, index_digest) = match AnyManifest::parse(&resolved.content)? {
        AnyManifest::Image(manifest) => {
            let config = read_config(source, &manifest).await?;
            if let Some(wanted) = platform.filter(|wanted| wanted.accepts(&config.platform).is_none()) {
                let available = vec![config.platform];
                return Err(SelectError::NoMatch { wanted: wanted.clone(), available }.into());
            }
            (manifest, config, None)
        }
        AnyManifest::Index(index) => {
            let wanted = platform.cloned().unwrap_or_else(Platform::host);
            let manifest = select(source, index, &wanted).await?;
            let config = read_config(source, &manifest).await?;
            (manifest, config, Some(resolved.digest))
        }
    };
    if config.diff_ids.len() != manifest.layers.len() {
        return Err(ImageError::LayerCount {
            image: manifest.digest,
            layers: manifest.layers.len(),
            diff_ids: config.diff_ids.len(),
        });
    }
    let config_digest = manifest.config.digest;
    Ok(Image { manifest_digest: manifest.digest, manifest, config, config_digest, index_digest })
}

/// Follows indexes down to one manifest.
async fn select(source: &Source, mut index: Index, wanted: &Platform) -> Result<Manifest, ImageError> {
    for _ in 0..=limits::INDEX_DEPTH {
        match index.select(wanted) {
            Ok(entry) => match fetch(source, entry).await? {
                AnyManifest::Image(manifest) => return Ok(manifest),
                AnyManifest::Index(nested) => index = nested,
            },
            Err(SelectError::Undeclared { entries }) => match look_inside(source, &entries, wanted).await? {
                Inside::Image(manifest) => return Ok(*manifest),
                Inside::Indexes(nested) => index.manifests = nested,
            },
            Err(error) => return Err(error.into()),
        }
    }
    Err(ImageError::TooDeep)
}

enum Inside {
    Image(Box<Manifest>),
    Indexes(Vec<Descriptor>),
}

/// For entries that do not say what they run on: their configs do. The best wins, the first of equals.
async fn look_inside(
    source: &Source,
    entries: &[Descriptor],
    wanted: &Platform,
) -> Result<Inside, ImageError> {
    if entries.len() > UNDECLARED {
        return Err(SelectError::Undeclared { entries: entries.to_vec() }.into());
    }
    let mut best: Option<(usize, Manifest)> = None;
    let mut available = Vec::new();
    let mut nested = Vec::new();
    for entry in entries {
        match fetch(source, entry).await? {
            AnyManifest::Index(index) => nested.extend(index.manifests),
            AnyManifest::Image(manifest) if !is_image(&manifest) => {}
            AnyManifest::Image(manifest) => {
                let platform = read_config(source, &manifest).await?.platform;
                let rank = wanted.accepts(&platform);
                available.push(platform);
                if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(known, _)| rank < known)) {
                    best = Some((rank, manifest));
                }
            }
        }
    }
    match best {
        Some((_, manifest)) => Ok(Inside::Image(Box::new(manifest))),
        None if !nested.is_empty() => Ok(Inside::Indexes(nested)),
        None if available.is_empty() => Err(SelectError::NoImages.into()),
        None => Err(SelectError::NoMatch { wanted: wanted.clone(), available }.into()),
    }
}

async fn fetch(source: &Source, entry: &Descriptor) -> Result<AnyManifest, ImageError> {
    let fetched = source.manifest(entry.digest).await?;
    let found = fetched.content.bytes().len() as u64;
    if found != entry.size {
        return Err(ImageError::Size { digest: entry.digest, want: entry.size, found });
    }
    Ok(AnyManifest::parse(&fetched.content)?)
}

async fn read_config(source: &Source, manifest: &Manifest) -> Result<ImageConfig, ImageError> {
    if !is_image(manifest) {
        return Err(ImageError::NotAnImage {
            digest: manifest.digest,
            media_type: manifest.config.media_type.chars().take(128).collect(),
        });
    }
    let config = &manifest.config;
    let content = source.blob(config.digest, config.size, limits::CONFIG).await?;
    ImageConfig::parse(&content).map_err(|source| ImageError::Config { image: manifest.digest, source })
}

fn is_image(manifest: &Manifest) -> bool {
    [OCI_CONFIG, DOCKER_CONFIG].contains(&manifest.config.media_type.as_str())
}

/// Entries without platform that are looked into: an index could send us to fetch thousands.
const UNDECLARED: usize = 32;

/// Why there is no image to look at.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The config is malformed.
    #[error("image {image}")]
    Config {
        /// Which image.
        image: Digest,
        /// What is wrong.
        source: ConfigError,
    },
    /// Manifest and config describe different images.
    #[error("image {image} has {layers} layers, its config lists {diff_ids}")]
    LayerCount {
        /// Which image.
        image: Digest,
        /// In the manifest.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// The manifest is malformed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A signature, a chart or another artifact.
    #[error("{digest} is not an image: its config has type `{media_type}`")]
    NotAnImage {
        /// Which manifest.
        digest: Digest,
        /// Of the config.
        media_type: String,
    },
    /// No image for the platform.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Not as long as the index says.
    #[error("{digest} has {found} bytes, the index says {want}")]
    Size {
        /// Which manifest.
        digest: Digest,
        /// As stated.
        want: u64,
        /// As found.
        found: u64,
    },
    /// Not read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Indexes in indexes in indexes.
    #[error("the indexes are nested deeper than {}", limits::INDEX_DEPTH)]
    TooDeep,
}
