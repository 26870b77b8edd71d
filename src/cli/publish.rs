//! Stores what was signed beside the image: as a referrer, or under cosign's legacy tags.

use std::path::PathBuf;

use super::CliError;
use crate::base::{Digest, ImageLocator, Platform, Repository, Tag};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::io::image::read_image;
use crate::io::{Io, Resolved, Source};
use crate::sign::{self, Appended, LegacyLayer, SignedBundle};

/// Where a signature or attestation goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Storage {
    /// A Sigstore bundle that refers to the image: what cosign 3 writes
    Referrers,
    /// The tags sha256-….sig and sha256-….att: what cosign 2 and many admission controllers read
    Legacy,
}

impl Storage {
    /// As typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Referrers => "referrers",
            Self::Legacy => "legacy",
        }
    }
}

/// What `sign` and `attest` share.
#[derive(clap::Args, Debug)]
pub(super) struct Subject {
    /// Image; a tag is resolved once, and the digest found is what is signed
    #[arg(value_name = "IMAGE")]
    pub(super) image: ImageLocator,
    /// Encrypted private key, as `plimsoll keygen` and cosign write it
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// Where it is stored
    #[arg(long, value_enum, default_value_t = Storage::Referrers)]
    pub(super) storage: Storage,
    /// Sign the manifest for this platform instead of the index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(super) platform: Option<Platform>,
    /// Repository to name in what is signed, for an image that is not in a registry
    #[arg(long = "as", value_name = "REPOSITORY")]
    pub(super) repository: Option<Repository>,
}

/// The image that is to be signed: resolved in this run, or named by its digest.
pub(super) struct Target {
    /// Where it is and where the signature goes.
    pub(super) source: Source,
    /// What is signed.
    pub(super) subject: Descriptor,
    /// Name that goes into the signature; empty if nobody said one.
    pub(super) name: String,
}

/// Opens and resolves an image: the digest of the bytes read is what will be signed, whatever a tag means a second later.
pub(super) async fn resolve(io: &Io, image: &ImageLocator) -> Result<(Source, Resolved), CliError> {
    let source = io.open(image)?;
    let resolved = source.resolve().await?;
    Ok((source, resolved))
}

impl Target {
    /// `subject` in `source`; `name` stands in for the repository where an image has none.
    pub(super) fn new(source: Source, subject: Descriptor, name: Option<&Repository>) -> Self {
        let name = name.or_else(|| source.repository()).map(in_signature).unwrap_or_default();
        Self { source, subject, name }
    }

    /// What the command line names, or its manifest for one platform.
    pub(super) async fn resolve(io: &Io, named: &Subject) -> Result<Self, CliError> {
        let (source, resolved) = resolve(io, &named.image).await?;
        let subject = match &named.platform {
            None => Descriptor::of(&resolved.media_type, &resolved.content),
            platform => {
                let image = read_image(&source, &resolved, platform.as_ref()).await?;
                Descriptor::of_manifest(&image.manifest)
            }
        };
        Ok(Self::new(source, subject, named.repository.as_ref()))
    }

    /// Pushes a bundle as referrer; gives the digest of the referrer manifest.
    pub(super) async fn push_bundle(&self, io: &Io, signed: &SignedBundle) -> Result<Digest, CliError> {
        let referrer = signed.referrer(&self.subject, io.clock.now());
        for blob in &referrer.blobs {
            self.source.push_blob(blob).await?;
        }
        let digest = self
            .source
            .push_referrer(
                &referrer.manifest,
                &referrer.artifact_type,
                &referrer.annotations,
                self.subject.digest,
            )
            .await?;
        Ok(digest)
    }

    /// Appends a layer to the manifest under a legacy tag; gives the digest of that manifest.
    pub(super) async fn push_legacy(&self, suffix: &str, layer: &LegacyLayer) -> Result<Digest, CliError> {
        let tag = Tag::about(self.subject.digest, suffix);
        let existing = self.source.manifest_by_tag(&tag).await?.map(|fetched| fetched.content);
        match (sign::append_legacy(existing.as_ref(), layer)?, existing) {
            (Appended::AlreadyThere, Some(existing)) => Ok(existing.digest()),
            (Appended::AlreadyThere, None) => Err(CliError::usage("nothing was there to append to")),
            (Appended::New { manifest, config }, _) => {
                self.source.push_blob(&layer.content).await?;
                self.source.push_blob(&config).await?;
                Ok(self.source.push_manifest(OCI_MANIFEST, &manifest, Some(&tag)).await?)
            }
        }
    }
}

/// The repository as cosign writes it into signatures: Docker Hub is `index.docker.io`.
fn in_signature(repository: &Repository) -> String {
    match repository.registry().as_str() {
        crate::base::DOCKER_HUB => format!("index.docker.io/{}", repository.path()),
        _ => repository.to_string(),
    }
}
