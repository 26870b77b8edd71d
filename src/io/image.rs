//! From what a reference names to one image: platform, manifest and config.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::source::{Resolved, Source, SourceError};
use crate::base::{Algorithm, Checked, Digest, Platform, limits};
use crate::format::config::{ConfigError, ImageConfig};
use crate::format::index::{Index, SelectError};
use crate::format::manifest::{
    AnyManifest, DOCKER_CONFIG, DOCKER_INDEX, Descriptor, Manifest, ManifestError, OCI_CONFIG, OCI_INDEX,
};

/// One image that can be run.
#[derive(Clone, Debug)]
pub struct Image {
    /// The bytes of the manifest.
    pub manifest_content: Checked,
    /// The bytes of the config.
    pub config_content: Checked,
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
    let (manifest, manifest_content, (config, config_content), index_digest) = match resolved.parse()? {
        AnyManifest::Image(manifest) => {
            let (config, content) = read_config(source, &manifest).await?;
            if let Some(wanted) = platform.filter(|wanted| wanted.accepts(&config.platform).is_none()) {
                let available = vec![config.platform];
                return Err(SelectError::NoMatch { wanted: wanted.clone(), available }.into());
            }
            (manifest, resolved.content.clone(), (config, content), None)
        }
        AnyManifest::Index(index) => {
            let wanted = platform.cloned().unwrap_or_else(Platform::host);
            let (Selected { manifest, content }, declared) = select(source, index, &wanted).await?;
            let (config, config_content) = read_config(source, &manifest).await?;
            check_platform(&manifest, declared, &config)?;
            (manifest, content, (config, config_content), Some(resolved.digest))
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
    let manifest_digest = manifest.digest;
    Ok(Image {
        manifest_content,
        config_content,
        manifest_digest,
        manifest,
        config,
        config_digest,
        index_digest,
    })
}

/// What is signed with an index: the index itself, then every manifest below it that may be run, each once. An image is its own only one.
/// Every manifest is read, so that nothing is signed that is not there.
pub async fn read_platforms(source: &Source, resolved: &Resolved) -> Result<Vec<Descriptor>, ImageError> {
    let mut found = vec![resolved.descriptor()];
    let mut level = runnable(&resolved.parse()?);
    for _ in 0..=limits::INDEX_DEPTH {
        let mut known: BTreeSet<Digest> = found.iter().map(|one| one.digest).collect();
        level.retain(|entry| known.insert(entry.digest));
        if level.is_empty() {
            return Ok(found);
        }
        check_images(&known)?;
        let fetches = level.iter().map(|entry| fetch(source, entry));
        let mut fetches = futures_util::stream::iter(fetches).buffered(AT_ONCE);
        let mut next = Vec::new();
        // Nothing of a manifest is held but what it lists: a hundred of them may be large.
        while let Some((manifest, _)) = fetches.try_next().await? {
            next.extend(runnable(&manifest).into_iter().filter(|entry| known.insert(entry.digest)));
            check_images(&known)?;
        }
        drop(fetches);
        found.append(&mut level);
        level = next;
    }
    Err(ImageError::TooDeep)
}

/// Whether there are not too many beside the one that lists them.
fn check_images(known: &BTreeSet<Digest>) -> Result<(), ImageError> {
    let found = known.len().saturating_sub(1);
    if found > limits::PLATFORMS { Err(ImageError::TooMany { found }) } else { Ok(()) }
}

/// What a revocation may name, as far as it can be read: the image by SHA-256, whatever it was asked for by, and everything that is listed
/// below it. Indexes are followed, and what is listed by another hash is read to know its SHA-256.
pub async fn read_digests(
    source: &Source,
    resolved: &Resolved,
    digests: &mut Vec<Digest>,
) -> Result<(), ImageError> {
    digests.push(Digest::of(resolved.content.bytes()));
    let mut level = unread(&resolved.parse()?, digests)?;
    let mut known = BTreeSet::new();
    // The lowest index may list images by another hash.
    for _ in 0..=limits::INDEX_DEPTH + 1 {
        level.retain(|digest| known.insert(*digest));
        if level.is_empty() {
            return Ok(());
        }
        if known.len() > limits::PLATFORMS {
            return Err(ImageError::TooMany { found: known.len() });
        }
        let fetches = std::mem::take(&mut level).into_iter().map(|digest| source.manifest(digest));
        let mut fetches = futures_util::stream::iter(fetches).buffered(AT_ONCE);
        // What is revoked is told even if what is listed beside it cannot be read.
        let mut all_read = Ok(());
        while let Some(fetched) = fetches.next().await {
            let below = fetched.map_err(ImageError::from).and_then(|fetched| {
                digests.push(Digest::of(fetched.content.bytes()));
                unread(&AnyManifest::parse(&fetched.content)?, digests)
            });
            match below {
                Ok(below) => level.extend(below),
                Err(error) => all_read = Err(error),
            }
        }
        all_read?;
    }
    Err(ImageError::TooDeep)
}

/// Adds what is listed to `digests`, and says what of it must be read to know what is meant.
fn unread(manifest: &AnyManifest, digests: &mut Vec<Digest>) -> Result<Vec<Digest>, ImageError> {
    let AnyManifest::Index(index) = manifest else { return Ok(Vec::new()) };
    let found = digests.len() + index.manifests.len();
    if found > limits::COPIED_MANIFESTS {
        return Err(ImageError::TooMany { found });
    }
    digests.extend(index.manifests.iter().map(|entry| entry.digest));
    let is_index = |entry: &Descriptor| [OCI_INDEX, DOCKER_INDEX].contains(&entry.media_type.as_str());
    let means_more = |entry: &&Descriptor| is_index(entry) || entry.digest.algorithm() != Algorithm::Sha256;
    Ok(index.manifests.iter().filter(means_more).map(|entry| entry.digest).collect())
}

fn runnable(manifest: &AnyManifest) -> Vec<Descriptor> {
    match manifest {
        AnyManifest::Image(_) => Vec::new(),
        AnyManifest::Index(index) => index.runnable().cloned().collect(),
    }
}

/// An index that calls an image what it is not would have another image looked at than the one that runs. Variants are left out: many
/// configs do not state theirs.
fn check_platform(
    manifest: &Manifest,
    declared: Option<Platform>,
    config: &ImageConfig,
) -> Result<(), ImageError> {
    let found = &config.platform;
    match declared {
        Some(declared) if (declared.os(), declared.architecture()) != (found.os(), found.architecture()) => {
            Err(ImageError::OtherPlatform { image: manifest.digest, declared, found: found.clone() })
        }
        _ => Ok(()),
    }
}

/// One manifest of an index, with its bytes.
struct Selected {
    manifest: Manifest,
    content: Checked,
}

/// Follows indexes down to one manifest, and says what the last one declared it to run on.
async fn select(
    source: &Source,
    mut index: Index,
    wanted: &Platform,
) -> Result<(Selected, Option<Platform>), ImageError> {
    for _ in 0..=limits::INDEX_DEPTH {
        match index.select(wanted) {
            Ok(entry) => match fetch(source, entry).await? {
                (AnyManifest::Image(manifest), content) => {
                    return Ok((Selected { manifest, content }, entry.platform.clone()));
                }
                (AnyManifest::Index(nested), _) => index = nested,
            },
            Err(SelectError::Undeclared { entries }) => match look_inside(source, &entries, wanted).await? {
                Inside::Image(selected) => return Ok((*selected, None)),
                Inside::Indexes(nested) => index.manifests = nested,
            },
            Err(error) => return Err(error.into()),
        }
    }
    Err(ImageError::TooDeep)
}

enum Inside {
    Image(Box<Selected>),
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
    let mut best: Option<(usize, Selected)> = None;
    let mut available = Vec::new();
    let mut nested = Vec::new();
    for entry in entries {
        match fetch(source, entry).await? {
            (AnyManifest::Index(index), _) => nested.extend(index.manifests),
            (AnyManifest::Image(manifest), _) if !is_image(&manifest) => {}
            (AnyManifest::Image(manifest), content) => {
                let platform = read_config(source, &manifest).await?.0.platform;
                let rank = wanted.accepts(&platform);
                available.push(platform);
                if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(known, _)| rank < known)) {
                    best = Some((rank, Selected { manifest, content }));
                }
            }
        }
    }
    match best {
        Some((_, selected)) => Ok(Inside::Image(Box::new(selected))),
        None if !nested.is_empty() => Ok(Inside::Indexes(nested)),
        None if available.is_empty() => Err(SelectError::NoImages.into()),
        None => Err(SelectError::NoMatch { wanted: wanted.clone(), available }.into()),
    }
}

async fn fetch(source: &Source, entry: &Descriptor) -> Result<(AnyManifest, Checked), ImageError> {
    let fetched = source.manifest(entry.digest).await?;
    let found = fetched.content.bytes().len() as u64;
    if found != entry.size {
        return Err(ImageError::Size { digest: entry.digest, want: entry.size, found });
    }
    Ok((AnyManifest::parse(&fetched.content)?, fetched.content))
}

async fn read_config(source: &Source, manifest: &Manifest) -> Result<(ImageConfig, Checked), ImageError> {
    if !is_image(manifest) {
        return Err(ImageError::NotAnImage {
            digest: manifest.digest,
            media_type: manifest.config.media_type.chars().take(128).collect(),
        });
    }
    let config = &manifest.config;
    let content = source.blob(config.digest, config.size, limits::CONFIG).await?;
    match ImageConfig::parse(&content) {
        Ok(config) => Ok((config, content)),
        Err(source) => Err(ImageError::Config { image: manifest.digest, source }),
    }
}

fn is_image(manifest: &Manifest) -> bool {
    [OCI_CONFIG, DOCKER_CONFIG].contains(&manifest.config.media_type.as_str())
}

/// Entries without platform that are looked into: an index could send us to fetch thousands.
const UNDECLARED: usize = 32;

/// Requests at once.
const AT_ONCE: usize = 8;

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
    /// The index says something else about it than its config.
    #[error("the index lists image {image} for {declared}, its config says {found}")]
    OtherPlatform {
        /// Which image.
        image: Digest,
        /// In the index.
        declared: Platform,
        /// In the config.
        found: Platform,
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
    /// Over the limit.
    #[error("the index lists {found} images; no more than {} are read", limits::PLATFORMS)]
    TooMany {
        /// How many.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::{LayoutSelector, Tag};
    use crate::format::manifest::{OCI_INDEX, OCI_MANIFEST};
    use crate::io::stub::wait;
    use crate::io::{Access, Environment, Io};

    struct Made {
        _folder: tempfile::TempDir,
        source: Source,
    }

    fn made() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let io = Io::new(Environment::default(), Access::Offline).unwrap();
        let tag: Tag = "v1".parse().unwrap();
        let source = io.create_layout(&folder.path().join("i"), &LayoutSelector::Tag(tag)).unwrap();
        Made { _folder: folder, source }
    }

    impl Made {
        fn push(&self, value: &Value, media_type: &str, tag: bool) -> Value {
            let bytes = value.to_string().into_bytes();
            let tag = tag.then(|| "v1".parse().unwrap());
            let digest = wait(self.source.push_manifest(media_type, &bytes, tag.as_ref())).unwrap();
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
        }

        fn image(&self, platform: &str, config_type: &str) -> Value {
            let (os, architecture) = platform.split_once('/').unwrap();
            let config = json!({ "os": os, "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": [] } });
            let config = config.to_string().into_bytes();
            let digest = wait(self.source.push_blob(&config)).unwrap();
            let config =
                json!({ "mediaType": config_type, "digest": digest.to_string(), "size": config.len() });
            json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [] })
        }

        fn entry(&self, platform: &str) -> Value {
            self.push(&self.image(platform, OCI_CONFIG), OCI_MANIFEST, false)
        }

        fn declared(&self, platform: &str) -> Value {
            let mut entry = self.entry(platform);
            let (os, architecture) = platform.split_once('/').unwrap();
            entry["platform"] = json!({ "os": os, "architecture": architecture });
            entry
        }

        fn index(&self, entries: &[Value]) -> Value {
            json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries })
        }

        fn read(&self, platform: Option<&str>) -> Result<String, ImageError> {
            let resolved = wait(self.source.resolve()).unwrap();
            let platform = platform.map(|text| text.parse().unwrap());
            wait(read_image(&self.source, &resolved, platform.as_ref()))
                .map(|image| image.config.platform.to_string())
        }
    }

    #[test]
    fn one_image_is_taken_as_it_is_unless_another_is_asked_for() {
        let made = made();
        made.push(&made.image("linux/s390x", OCI_CONFIG), OCI_MANIFEST, true);
        assert_eq!(made.read(None).unwrap(), "linux/s390x");
        assert_eq!(made.read(Some("linux/s390x")).unwrap(), "linux/s390x");
        assert!(matches!(
            made.read(Some("linux/amd64")),
            Err(ImageError::Select(SelectError::NoMatch { .. }))
        ));
    }

    #[test]
    fn selects_by_declared_platform_config_or_nested_index() {
        let made = made();
        let host = Platform::host().to_string();
        made.push(&made.index(&[made.declared("linux/s390x"), made.declared(&host)]), OCI_INDEX, true);
        assert_eq!(made.read(None).unwrap(), host);
        assert_eq!(made.read(Some("linux/s390x")).unwrap(), "linux/s390x");
        assert!(
            matches!(made.read(Some("linux/mips")), Err(ImageError::Select(SelectError::NoMatch { available, .. })) if available.len() == 2)
        );

        made.push(&made.index(&[made.entry("linux/s390x"), made.entry("linux/riscv64")]), OCI_INDEX, true);
        assert_eq!(made.read(Some("linux/riscv64")).unwrap(), "linux/riscv64");
        assert!(matches!(
            made.read(Some("linux/mips")),
            Err(ImageError::Select(SelectError::NoMatch { .. }))
        ));

        let nested = made.push(&made.index(&[made.declared("linux/s390x")]), OCI_INDEX, false);
        made.push(&made.index(&[nested]), OCI_INDEX, true);
        assert_eq!(made.read(Some("linux/s390x")).unwrap(), "linux/s390x");
    }

    #[test]
    fn an_index_cannot_call_an_image_what_it_is_not() {
        let made = made();
        let mut lie = made.entry("linux/amd64");
        lie["platform"] = json!({ "os": "linux", "architecture": "arm64" });
        made.push(&made.index(&[lie]), OCI_INDEX, true);
        assert!(matches!(made.read(Some("linux/arm64")), Err(ImageError::OtherPlatform { .. })));
        // A config that does not state its variant is no lie.
        let mut old = made.entry("linux/arm");
        old["platform"] = json!({ "os": "linux", "architecture": "arm", "variant": "v6" });
        made.push(&made.index(&[old]), OCI_INDEX, true);
        assert!(made.read(Some("linux/arm/v6")).is_ok());
    }

    /// Attack: each of many indexes lists as many others as fit.
    #[test]
    fn what_is_listed_is_counted_as_it_comes() {
        let entry = |text: &str| {
            let (digest, size) = (Digest::of(text.as_bytes()), text.len());
            format!(r#"{{"mediaType":"{OCI_INDEX}","digest":"{digest}","size":{size}}}"#)
        };
        let index = |entries: Vec<String>| {
            let entries = entries.join(",");
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}"#)
        };
        let listing = |number: usize| index((0..60).map(|at| entry(&format!("{number} {at}"))).collect());
        let lists: Vec<String> = (0..50).map(listing).collect();
        let top = index(lists.iter().map(|list| entry(list)).collect());
        let content = Checked::of(top.into());
        let stub = crate::io::stub::Stub::new(move |asked| {
            let asked = asked.target.rsplit('/').next().unwrap_or_default();
            let found = lists.iter().find(|list| Digest::of(list.as_bytes()).to_string() == asked);
            crate::io::stub::Reply::ok(OCI_INDEX, found.cloned().unwrap_or_default())
        });
        let resolved =
            Resolved { digest: content.digest(), media_type: OCI_INDEX.to_owned(), content, pinned: None };
        let result = wait(read_platforms(&Source::remote(stub.remote("a")), &resolved));
        assert!(matches!(result, Err(ImageError::TooMany { .. })), "{result:?}");
        assert!(stub.log().len() < 25, "{}", stub.log().len());
    }

    #[test]
    fn nesting_ends() {
        let made = made();
        let mut entry = made.declared("linux/s390x");
        for depth in 0..5 {
            entry = made.push(&made.index(&[entry]), OCI_INDEX, true);
            let works = made.read(Some("linux/s390x"));
            assert_eq!(works.is_ok(), depth <= limits::INDEX_DEPTH, "{depth}: {works:?}");
        }
        assert!(matches!(made.read(Some("linux/s390x")), Err(ImageError::TooDeep)));
    }

    #[test]
    fn what_cannot_be_run_is_no_image() {
        let made = made();
        made.push(&made.image("linux/amd64", "application/vnd.oci.empty.v1+json"), OCI_MANIFEST, true);
        assert!(matches!(made.read(None), Err(ImageError::NotAnImage { .. })));
        made.push(&made.index(&[]), OCI_INDEX, true);
        assert!(matches!(made.read(None), Err(ImageError::Select(SelectError::NoImages))));
        let mut image = made.image("linux/amd64", OCI_CONFIG);
        image["layers"] = json!([image["config"]]);
        made.push(&image, OCI_MANIFEST, true);
        assert!(matches!(made.read(None), Err(ImageError::LayerCount { layers: 1, diff_ids: 0, .. })));
        let mut lying = made.declared("linux/amd64");
        lying["size"] = json!(1);
        made.push(&made.index(&[lying]), OCI_INDEX, true);
        assert!(matches!(made.read(Some("linux/amd64")), Err(ImageError::Size { want: 1, .. })));
    }
}
