//! Gathers what is attached to an image: bundles that refer to it, and the older tags beside it. Nothing here is believed; what cannot be
//! listed or fetched is kept as a gap, so that it never reads as "unsigned".

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;

use futures_util::StreamExt as _;

use crate::base::{Checked, Digest, Printable, Tag, limits};
use crate::format::bundle;
use crate::format::manifest::{AnyManifest, DOCKER_INDEX, Descriptor, Manifest, OCI_INDEX};
use crate::format::simple_signing;
use crate::io::{Listed, ListedBy, Source, SourceError};
use crate::policy::{Evidence, Found, Gap, PlatformImage};
use crate::verify::{Candidate, Content, Origin};

/// Looks beside images of one source, within the limits of one verdict.
pub(super) struct Gatherer<'a> {
    source: &'a Source,
    bytes: Cell<u64>,
    candidates: Cell<usize>,
    pub(super) evidence: Evidence,
    /// What is attached and is neither a signature nor an attestation.
    pub(super) others: Vec<Other>,
}

/// Something attached that proves nothing.
pub(super) struct Other {
    pub(super) digest: Digest,
    pub(super) origin: Origin,
    pub(super) artifact_type: String,
}

/// What is listed about an image, and was not read yet.
pub(super) struct Pending {
    image: Digest,
    listed: VecDeque<Listed>,
    batch: usize,
}

/// What one entry turned out to be.
enum Piece {
    Candidate(Candidate),
    Gap(Gap),
    Other(Other),
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let (bytes, candidates) = (Cell::new(0), Cell::new(0));
        Self { source, bytes, candidates, evidence: Evidence::default(), others: Vec::new() }
    }

    /// What refers to `image`: one request for the list, two for each bundle.
    pub(super) async fn referrers(&mut self, image: Digest) {
        let mut pending = self.list(image).await;
        // Nobody decides in between.
        pending.batch = usize::MAX;
        while self.take(&mut pending).await {}
    }

    /// The list of what refers to `image`. Nothing of it is read yet.
    pub(super) async fn list(&mut self, image: Digest) -> Pending {
        let mut listed = Vec::new();
        if let Err(error) = self.source.referrers_so_far(image, &mut listed).await {
            self.gap(format!("referrers of {image}"), &error);
        }
        Pending { image, listed: listed.into(), batch: FIRST }
    }

    /// Reads some of a list, and the next time more; false if nothing is left.
    pub(super) async fn take(&mut self, pending: &mut Pending) -> bool {
        let mut pieces = Vec::new();
        let mut wanted = Vec::new();
        while wanted.len() < pending.batch
            && let Some(entry) = pending.listed.pop_front()
        {
            match other_artifact(&entry) {
                Some(other) => pieces.push(vec![Piece::Other(other)]),
                None if self.room() => wanted.push(entry),
                None => {
                    pieces.push(vec![Piece::Gap(too_many(pending.image))]);
                    pending.listed.clear();
                }
            }
        }
        let fetches = wanted.iter().map(|entry| self.referrer(pending.image, entry));
        pieces.extend(futures_util::stream::iter(fetches).buffered(AT_ONCE).collect::<Vec<_>>().await);
        self.keep(pending.image, pieces);
        // Whoever decides after each part goes over all of it again: parts that grow keep that from adding up.
        pending.batch = pending.batch.saturating_mul(4);
        !pending.listed.is_empty()
    }

    /// What stands under the older tags `sha256-….sig` and `sha256-….att`.
    pub(super) async fn tags(&mut self, image: Digest) {
        let (signatures, attestations) = futures_util::future::join(
            self.tag(image, ".sig", Origin::SignatureTag),
            self.tag(image, ".att", Origin::AttestationTag),
        )
        .await;
        self.keep(image, [signatures, attestations]);
    }

    /// What stands under the older tag `sha256-….sbom`. Whoever can push could write it: cosign never signs it there.
    pub(super) async fn sbom(&mut self, image: Digest) {
        let tag = Tag::about(image, ".sbom");
        let fetched = match self.source.manifest_by_tag(&tag).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return,
            Err(error) => return self.gap(format!("tag {tag}"), &error),
        };
        let types = Manifest::parse(&fetched.content).ok();
        let layer = types.and_then(|manifest| Some(manifest.layers.first()?.media_type.clone()));
        self.others.push(Other {
            digest: fetched.content.digest(),
            origin: Origin::SbomTag,
            artifact_type: layer.unwrap_or(fetched.media_type),
        });
    }

    /// The images that an index lists; none if it is not an index.
    pub(super) async fn platforms(&mut self, image: Digest, content: Option<&Checked>) -> Vec<PlatformImage> {
        let what = || format!("index {image}");
        let fetched;
        let content = match content {
            Some(content) => content,
            None => match self.source.manifest(image).await {
                Ok(manifest) => {
                    fetched = manifest.content;
                    &fetched
                }
                Err(error) => {
                    self.gap(what(), &error);
                    return Vec::new();
                }
            },
        };
        let index = match AnyManifest::parse(content) {
            Ok(AnyManifest::Index(index)) => index,
            Ok(AnyManifest::Image(_)) => return Vec::new(),
            Err(error) => {
                self.gap(what(), &error);
                return Vec::new();
            }
        };
        let images: Vec<_> = index
            .runnable()
            .map(|entry| PlatformImage { digest: entry.digest, platform: entry.platform.clone() })
            .collect();
        if images.len() > limits::PLATFORMS {
            let reason = format!("it lists {} images, more than {}", images.len(), limits::PLATFORMS);
            self.evidence.gaps.push(Gap { what: what(), reason });
            return Vec::new();
        }
        images
    }

    /// What was gathered since the last time.
    pub(super) fn take_evidence(&mut self) -> Evidence {
        std::mem::take(&mut self.evidence)
    }

    fn keep(&mut self, about: Digest, pieces: impl IntoIterator<Item = Vec<Piece>>) {
        for piece in pieces.into_iter().flatten() {
            match piece {
                Piece::Candidate(candidate) => self.evidence.found.push(Found { about, candidate }),
                Piece::Gap(gap) => self.evidence.gaps.push(gap),
                Piece::Other(other) => self.others.push(other),
            }
        }
    }

    fn gap(&mut self, what: String, error: &dyn Error) {
        self.evidence.gaps.push(Gap { what, reason: reason(error) });
    }

    fn room(&self) -> bool {
        self.candidates.set(self.candidates.get() + 1);
        self.candidates.get() <= limits::CANDIDATES
    }

    async fn referrer(&self, image: Digest, entry: &Listed) -> Vec<Piece> {
        let origin = match entry.origin {
            ListedBy::Api => Origin::ReferrersApi,
            ListedBy::FallbackTag => Origin::FallbackTag,
            ListedBy::Layout => Origin::Layout,
        };
        let digest = entry.descriptor.digest;
        let fetched = match self.source.manifest(digest).await {
            Ok(fetched) => fetched,
            Err(error) => return vec![gap(format!("referrer {digest}"), &error)],
        };
        let unreadable = |reason: String| {
            vec![Piece::Candidate(Candidate { origin, digest, content: Content::Unreadable { reason } })]
        };
        let manifest = match AnyManifest::parse(&fetched.content) {
            Ok(AnyManifest::Image(manifest)) => manifest,
            Ok(AnyManifest::Index(_)) => {
                let artifact_type = fetched.media_type;
                return vec![Piece::Other(Other { digest, origin, artifact_type })];
            }
            Err(error) => return unreadable(reason(&error)),
        };
        let may_be = |kind: &str| kind.starts_with(bundle::MEDIA_TYPE_PREFIX);
        let looks_like_bundle = may_be(manifest.effective_artifact_type())
            || manifest.layers.iter().any(|layer| may_be(&layer.media_type));
        if !looks_like_bundle && !manifest.layers.iter().any(is_legacy) {
            let artifact_type = manifest.effective_artifact_type().to_owned();
            return vec![Piece::Other(Other { digest, origin, artifact_type })];
        }
        // A list may name anything: only the manifest itself says what it is about.
        match &manifest.subject {
            Some(subject) if subject.digest == image => {}
            Some(subject) => return unreadable(format!("it refers to {}, not to {image}", subject.digest)),
            None => return unreadable("it refers to no image".to_owned()),
        }
        if !looks_like_bundle {
            return self.layers(&manifest, origin).await;
        }
        let [layer] = manifest.layers.as_slice() else {
            return unreadable(format!("a bundle is one layer, this has {}", manifest.layers.len()));
        };
        if !bundle::is_media_type(&layer.media_type) {
            return unreadable(format!("its layer is of type {}", Printable(&layer.media_type)));
        }
        match self.blob(layer).await {
            Ok(content) => {
                vec![Piece::Candidate(Candidate { origin, digest, content: Content::from_bundle(&content) })]
            }
            Err(gap) => vec![Piece::Gap(gap)],
        }
    }

    async fn tag(&self, image: Digest, suffix: &str, origin: Origin) -> Vec<Piece> {
        let tag = Tag::about(image, suffix);
        let fetched = match self.source.manifest_by_tag(&tag).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Vec::new(),
            Err(error) => return vec![gap(format!("tag {tag}"), &error)],
        };
        match Manifest::parse(&fetched.content) {
            Ok(manifest) => self.layers(&manifest, origin).await,
            Err(error) => {
                let content = Content::Unreadable { reason: reason(&error) };
                vec![Piece::Candidate(Candidate { origin, digest: fetched.content.digest(), content })]
            }
        }
    }

    /// The layers of a manifest in the older format, each a signature or an attestation. Two signers of one payload share its digest.
    async fn layers(&self, manifest: &Manifest, origin: Origin) -> Vec<Piece> {
        // Counted before anything is fetched: a thousand referrers may have hundreds of layers each.
        let layers: Vec<_> = manifest.layers.iter().take_while(|_| self.room()).collect();
        let mut distinct = BTreeMap::new();
        for layer in layers.iter().copied().filter(|layer| is_legacy(layer)) {
            distinct.entry(key(layer)).or_insert(layer);
        }
        let fetches = distinct.into_iter().map(|(key, layer)| async move { (key, self.blob(layer).await) });
        let blobs: BTreeMap<_, _> = futures_util::stream::iter(fetches)
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect();
        let mut pieces = Vec::new();
        for layer in &layers {
            let content = match blobs.get(&key(layer)) {
                Some(Err(gap)) => {
                    pieces.push(Piece::Gap(gap.clone()));
                    continue;
                }
                Some(Ok(blob)) if layer.media_type == ENVELOPE_LAYER => {
                    Content::from_attestation_layer(blob, &layer.annotations)
                }
                Some(Ok(blob)) => Content::from_signature_layer(blob.clone(), &layer.annotations),
                None => Content::Unreadable {
                    reason: format!("the layer is of type {}", Printable(&layer.media_type)),
                },
            };
            pieces.push(Piece::Candidate(Candidate { origin, digest: layer.digest, content }));
        }
        if layers.len() < manifest.layers.len() {
            pieces.push(Piece::Gap(too_many(manifest.digest)));
        }
        pieces
    }

    /// A blob, if all large ones together stay within the limit.
    async fn blob(&self, layer: &Descriptor) -> Result<Checked, Gap> {
        let what = format!("content {}", layer.digest);
        if layer.size > limits::ATTESTATION_SMALL {
            let total = self.bytes.get().saturating_add(layer.size);
            if total > limits::ATTESTATIONS_TOTAL {
                let reason = format!("what is attached is larger than {} bytes", limits::ATTESTATIONS_TOTAL);
                return Err(Gap { what, reason });
            }
            self.bytes.set(total);
        }
        let blob = self.source.blob(layer.digest, layer.size, limits::ATTESTATION).await;
        blob.map_err(|error| Gap { what, reason: reason(&error) })
    }
}

/// An entry that needs no look: a registry with the referrers API computes the type from the manifest. The entries of a fallback tag are
/// written by clients, and some write the wrong type there.
fn other_artifact(entry: &Listed) -> Option<Other> {
    let artifact_type = entry.descriptor.artifact_type.as_deref()?;
    let is_index = [OCI_INDEX, DOCKER_INDEX].contains(&entry.descriptor.media_type.as_str());
    let may_be = artifact_type.is_empty()
        || artifact_type.starts_with(bundle::MEDIA_TYPE_PREFIX)
        || artifact_type.starts_with("application/vnd.dev.cosign.")
        || artifact_type == "application/vnd.oci.empty.v1+json"
        || artifact_type == "application/vnd.oci.image.config.v1+json";
    let trusted = entry.origin == ListedBy::Api && !may_be && !is_index;
    trusted.then(|| Other {
        digest: entry.descriptor.digest,
        origin: Origin::ReferrersApi,
        artifact_type: artifact_type.to_owned(),
    })
}

/// What tells one layer from another. By digest alone, one of another type or size would stand for the good one that it shares it with.
fn key(layer: &Descriptor) -> (Digest, u64, &str) {
    (layer.digest, layer.size, &layer.media_type)
}

fn is_legacy(layer: &Descriptor) -> bool {
    LEGACY_LAYERS.contains(&layer.media_type.as_str())
}

fn gap(what: String, error: &SourceError) -> Piece {
    Piece::Gap(Gap { what, reason: reason(error) })
}

fn too_many(image: Digest) -> Gap {
    let reason = format!("more than {} things are attached", limits::CANDIDATES);
    Gap { what: format!("what is attached to {image}"), reason }
}

fn reason(error: &dyn Error) -> String {
    let mut text = Printable(&error.to_string()).to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {}", Printable(&source.to_string())));
        cause = source.source();
    }
    text
}

/// Requests at once.
const AT_ONCE: usize = 8;
/// How much is read before the first decision: what a pipeline attaches, a signature, an SBOM and provenance, costs one round; of twenty
/// signatures by one key three are asked for.
const FIRST: usize = 3;
/// Layer of a `.att` manifest.
const ENVELOPE_LAYER: &str = "application/vnd.dsse.envelope.v1+json";
/// Layers of the older format.
const LEGACY_LAYERS: [&str; 2] = [ENVELOPE_LAYER, simple_signing::MEDIA_TYPE];
