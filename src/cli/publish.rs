//! Signs, and stores what was signed beside the image: as a referrer, or under cosign's legacy tags.

use super::claim::Claim;
use super::evidence::Gatherer;
use super::outlet::Outlet;
use super::render::published::{Place, Published, Stored};
use super::render::quota::quotas;
use super::signer::{Signer, SignerArgs};
use super::ui::Ui;
use super::{CliError, Outcome};
use crate::base::{Digest, ImageLocator, Platform, Printable, Repository, Tag, limits};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::io::image::{read_image, read_platforms};
use crate::io::{Io, Resolved, Source};
use crate::sign::{self, LegacyLayer, SignedBundle};
use crate::verify::{Content, Origin};

/// Where a signature or attestation goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Storage {
    /// A Sigstore bundle that refers to the image: what cosign 3 writes
    Referrers,
    /// The tags sha256-….sig and sha256-….att: what cosign 2 and many admission controllers read
    Legacy,
    /// Both of them
    Both,
}

/// What `sign` and `attest` share.
#[derive(clap::Args, Debug)]
pub(super) struct Subject {
    /// Image; a tag is resolved once, and the digest found is what is signed
    #[arg(value_name = "IMAGE")]
    pub(super) image: ImageLocator,
    /// Where it is stored
    #[arg(long, value_enum, default_value_t = Storage::Referrers)]
    pub(super) storage: Storage,
    /// Sign the manifest for this platform instead of the index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(super) platform: Option<Platform>,
    /// Repository to name in what is signed, for an image that is not in a registry
    #[arg(long = "as", value_name = "REPOSITORY")]
    pub(super) repository: Option<Repository>,
    /// Add it even if the same key, or with --trusted-root the same identity, has said the same about the image already
    #[arg(long)]
    pub(super) force: bool,
    /// Store nothing beside the image; `plimsoll attach` can do that later, on another machine
    #[arg(long, requires = "bundle", conflicts_with_all = ["storage", "force"])]
    pub(super) no_upload: bool,
    /// With --no-upload: the file for the Sigstore bundle; `-` is standard output
    #[arg(long, value_name = "FILE", requires = "no_upload")]
    pub(super) bundle: Option<Outlet>,
    #[command(flatten)]
    pub(super) signer: SignerArgs,
}

impl Subject {
    /// Looks before somebody is asked for a password, or signs, whether the bundle can be written.
    pub(super) fn check(&self, io: &Io, ui: &Ui<'_>) -> Result<(), CliError> {
        self.bundle.as_ref().map_or(Ok(()), |outlet| outlet.check(io, ui))
    }
}

/// What is to be signed: resolved in this run, or named by its digest.
pub(super) struct Target {
    /// Where it is and where the signature goes.
    source: Source,
    /// What is signed: an image, or an index and what it lists.
    subjects: Vec<Descriptor>,
    /// Name that goes into the signature; empty if nobody said one.
    name: String,
}

/// How far down an index is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Depth {
    /// Every image that it lists, too.
    Platforms,
    /// Not at all.
    Top,
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
        Self::of(source, vec![subject], name)
    }

    /// What the command line names, or its manifest for one platform.
    pub(super) async fn resolve(io: &Io, named: &Subject, depth: Depth) -> Result<Self, CliError> {
        let (source, resolved) = resolve(io, &named.image).await?;
        let subjects = match (&named.platform, depth) {
            (None, Depth::Top) => vec![resolved.descriptor()],
            (None, Depth::Platforms) => read_platforms(&source, &resolved).await.map_err(|error| {
                CliError::from(error)
                    .hint("to sign the index only, and none of the images that it lists: --no-recursive")
            })?,
            (platform, _) => {
                let image = read_image(&source, &resolved, platform.as_ref()).await?;
                vec![Descriptor::of_manifest(&image.manifest)]
            }
        };
        Ok(Self::of(source, subjects, named.repository.as_ref()))
    }

    fn of(source: Source, subjects: Vec<Descriptor>, name: Option<&Repository>) -> Self {
        let name = name.or_else(|| source.repository()).map(in_signature).unwrap_or_default();
        Self { source, subjects, name }
    }

    /// Signs `claim` about every subject, stores it where the command line says, and tells.
    pub(super) async fn publish(
        &self,
        named: &Subject,
        claim: &Claim,
        signer: &Signer,
        io: &Io,
        ui: &mut Ui<'_>,
    ) -> Result<Outcome, CliError> {
        if named.bundle.is_none() && named.storage != Storage::Referrers {
            signer.check_layer()?;
        }
        let stored = match &named.bundle {
            Some(outlet) => vec![self.write(outlet, claim, signer, io, ui).await?],
            None => {
                let mut stored = Vec::new();
                // The index comes last: who finds it signed finds the images signed, too.
                for subject in self.subjects.iter().rev() {
                    stored.push(self.store(subject, named, claim, signer, io, ui).await?);
                }
                stored.reverse();
                stored.into_iter().flatten().collect()
            }
        };
        let identity = signer.certified().await;
        Published { claim, image: &named.image, stored, identity, quotas: quotas(io) }.tell(ui)
    }

    /// The bundle in a file.
    async fn write(
        &self,
        outlet: &Outlet,
        claim: &Claim,
        signer: &Signer,
        io: &Io,
        ui: &mut Ui<'_>,
    ) -> Result<Stored, CliError> {
        let [subject] = self.subjects.as_slice() else {
            let text = format!(
                "a bundle is about one image, and this is an index with {}",
                self.subjects.len().saturating_sub(1)
            );
            return Err(CliError::usage(text)
                .hint("sign the index only: --no-recursive; or one of its images: --platform linux/amd64"));
        };
        let signed = signer.sign_bundle(io, ui, claim.bundle(&self.name, subject.digest)?).await?;
        outlet.write(&signed.bundle, io, ui)?;
        Ok(Stored { subject: subject.clone(), place: Place::Outlet(outlet.clone()), added: true })
    }

    async fn store(
        &self,
        subject: &Descriptor,
        named: &Subject,
        claim: &Claim,
        signer: &Signer,
        io: &Io,
        ui: &mut Ui<'_>,
    ) -> Result<Vec<Stored>, CliError> {
        let mut stored = Vec::new();
        if matches!(named.storage, Storage::Referrers | Storage::Both) {
            let known = match named.force {
                true => None,
                false => self.find_referrer(subject, claim, signer, ui).await,
            };
            let added = known.is_none();
            let manifest = match known {
                Some(known) => known,
                None => {
                    let signed =
                        signer.sign_bundle(io, ui, claim.bundle(&self.name, subject.digest)?).await?;
                    push_bundle(io, &self.source, subject, &signed).await?
                }
            };
            stored.push(Stored { subject: subject.clone(), place: Place::Referrers(manifest), added });
        }
        if matches!(named.storage, Storage::Legacy | Storage::Both) {
            let known = match named.force {
                true => None,
                false => self.find_layer(subject, claim, signer, ui).await?,
            };
            let added = known.is_none();
            let manifest = match known {
                Some(known) => known,
                None => {
                    let layer = signer.sign_layer(io, ui, claim.layer(&self.name, subject.digest)?).await?;
                    self.push_layer(io, subject, claim.suffix(), &layer).await?
                }
            };
            stored.push(Stored { subject: subject.clone(), place: Place::Legacy(manifest), added });
        }
        Ok(stored)
    }

    /// The referrer in which the same signer has said the same.
    async fn find_referrer(
        &self,
        subject: &Descriptor,
        claim: &Claim,
        signer: &Signer,
        ui: &mut Ui<'_>,
    ) -> Option<Digest> {
        let signer = signer.identity()?;
        let mut gatherer = Gatherer::new(&self.source);
        gatherer.referrers(subject.digest).await;
        let candidates = gatherer.evidence.found.iter().map(|found| &found.candidate);
        let found = candidates
            .filter(|candidate| matches!(candidate.content, Content::Bundle(_)))
            .find(|candidate| claim.is_proven_by(candidate, &signer, &self.name, subject))
            .map(|candidate| candidate.digest);
        if found.is_none() {
            warn_of_gaps(&gatherer, ui);
        }
        found
    }

    /// The manifest under the legacy tag, if in a layer of it the same signer has said the same.
    async fn find_layer(
        &self,
        subject: &Descriptor,
        claim: &Claim,
        signer: &Signer,
        ui: &mut Ui<'_>,
    ) -> Result<Option<Digest>, CliError> {
        let Some(signer) = signer.identity() else { return Ok(None) };
        let mut gatherer = Gatherer::new(&self.source);
        gatherer.tags(subject.digest).await;
        let is_layer = |origin| matches!(origin, Origin::SignatureTag | Origin::AttestationTag);
        let found = gatherer.evidence.found.iter().map(|found| &found.candidate).any(|candidate| {
            is_layer(candidate.origin) && claim.is_proven_by(candidate, &signer, &self.name, subject)
        });
        if !found {
            warn_of_gaps(&gatherer, ui);
            return Ok(None);
        }
        let tag = Tag::about(subject.digest, claim.suffix());
        Ok(self.source.manifest_by_tag(&tag).await?.map(|fetched| fetched.content.digest()))
    }

    /// Appends a layer to the manifest under a legacy tag, and looks again whether it is still there; gives the digest of that manifest.
    async fn push_layer(
        &self,
        io: &Io,
        subject: &Descriptor,
        suffix: &str,
        layer: &LegacyLayer,
    ) -> Result<Digest, CliError> {
        let tag = Tag::about(subject.digest, suffix);
        for round in 0..=limits::UPDATE_ROUNDS {
            let stopwatch = io.clock.start();
            let existing = self.source.manifest_by_tag(&tag).await?.map(|fetched| fetched.content);
            let appended = sign::append_legacy(existing.as_ref(), layer)?;
            self.source.push_blob(&layer.content).await?;
            self.source.push_blob(&appended.config).await?;
            let written = match self.source.update_tag(OCI_MANIFEST, &appended.manifest, &tag).await {
                // Whether it arrived says the look below.
                Err(error) if error.is_passing() && round < limits::UPDATE_ROUNDS => None,
                written => Some(written?),
            };
            stopwatch.settle(round).await;
            let now = self.source.manifest_by_tag(&tag).await?.map(|fetched| fetched.content);
            if let Some(now) = now
                && (Some(now.digest()) == written || sign::holds_legacy(&now, layer)?)
            {
                return Ok(now.digest());
            }
        }
        Err(CliError::new(Outcome::Unknown, LostUpdate { tag })
            .hint("others write to the same tag right now: run the command again"))
    }
}

/// Somebody else appended to what was there before ours.
#[derive(Debug, thiserror::Error)]
#[error("{tag}: what was appended was overwritten {} times by others", limits::UPDATE_ROUNDS)]
struct LostUpdate {
    tag: Tag,
}

/// Pushes a bundle as referrer of `subject`; gives the digest of the referrer manifest.
pub(super) async fn push_bundle(
    io: &Io,
    source: &Source,
    subject: &Descriptor,
    signed: &SignedBundle,
) -> Result<Digest, CliError> {
    let referrer = signed.referrer(subject, io.clock.now());
    for blob in &referrer.blobs {
        source.push_blob(blob).await?;
    }
    let (manifest, kind) = (&referrer.manifest, &referrer.artifact_type);
    Ok(source.push_referrer(manifest, kind, &referrer.annotations, subject.digest).await?)
}

/// What cannot be read may say the same. Saying it twice does no harm; not saying it at all might.
fn warn_of_gaps(gatherer: &Gatherer<'_>, ui: &mut Ui<'_>) {
    for gap in &gatherer.evidence.gaps {
        let text = format!("cannot tell whether it is there already: {}: {}", gap.what, gap.reason);
        ui.warn(&Printable(&text).to_string());
    }
}

/// The repository as cosign writes it into signatures: Docker Hub is `index.docker.io`.
fn in_signature(repository: &Repository) -> String {
    match repository.registry().as_str() {
        crate::base::DOCKER_HUB => format!("index.docker.io/{}", repository.path()),
        _ => repository.to_string(),
    }
}
