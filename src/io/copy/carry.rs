//! Writes what was planned: blobs, then manifests from the bottom up, then lists and older tags, and the image's own tag last, so that
//! nobody finds an image by its tag before all of it is there.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::plan::Node;
use super::{CopyError, Plan, Progress};
use crate::base::{Digest, Tag, limits};
use crate::format::legacy_manifest::{self, Join};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::io::Clock;
use crate::io::registry::RegistryError;
use crate::io::source::{Arrived, Entry, Source, SourceError};

/// What a copy did.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Manifests and indexes of the image itself.
    pub content: usize,
    /// Manifests that were written; the others were there.
    pub written: usize,
    /// Blobs that were sent.
    pub copied: usize,
    /// Blobs that the registry took from another repository of its own.
    pub mounted: usize,
    /// Blobs that were there.
    pub present: usize,
    /// Bytes that were sent.
    pub bytes: u64,
    /// What is attached.
    pub attached: Vec<Listing>,
    /// Tags of the older format.
    pub tags: Vec<Kept>,
    /// Layers that the source does not have, as their media type says that it need not.
    pub elsewhere: Vec<Descriptor>,
    /// Whether the image's tag was written.
    pub tagged: bool,
}

/// Something that is attached.
#[derive(Clone, Debug)]
pub struct Listing {
    /// To which manifest.
    pub subject: Digest,
    /// Its own digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// Whether the destination lists it.
    pub shown: Shown,
}

/// Whether a destination lists something that is attached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// It did so before.
    Before,
    /// It does not, although it was told to: nobody will find it from the image.
    Missing,
    /// Now it does.
    New,
}

/// A tag of the older format.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which.
    pub tag: Tag,
    /// What it names at the destination.
    pub digest: Digest,
    /// How that came about.
    pub standing: Standing,
}

/// What became of a tag of the older format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is new, and as at the source.
    Copied,
    /// It held something else, and now holds both.
    Joined,
    /// It held all of it before.
    Present,
}

impl Plan {
    /// Writes everything to `to`, and the image under `tag`, or by its digest only.
    pub async fn carry(
        &self,
        from: &Source,
        to: &Source,
        tag: Option<&Tag>,
        progress: &Progress,
    ) -> Result<Carried, CopyError> {
        let carrier = Carrier { plan: self, from, to, progress };
        let waves = self.waves()?;
        let content = self.nodes.values().filter(|node| node.is_content).count();
        let mut carried = Carried { content, ..Carried::default() };
        carrier.blobs(&mut carried).await?;
        let listed = carrier.listed(self.attached.keys().copied()).await?;
        let fresh = carrier.fresh(&listed);
        let acknowledged = Mutex::new(BTreeSet::new());
        for wave in waves {
            let writes = wave.iter().filter_map(|digest| self.nodes.get(digest));
            let writes = writes.map(|node| carrier.manifest(node, &fresh, &acknowledged));
            let written: Vec<bool> =
                futures_util::stream::iter(writes).buffered(AT_ONCE).try_collect().await?;
            carried.written += written.into_iter().filter(|written| *written).count();
        }
        let acknowledged = acknowledged.into_inner().unwrap_or_else(PoisonError::into_inner);
        carrier.lists(&listed, &acknowledged, &mut carried).await?;
        let tags = self.tags.iter().map(|(tag, digest)| carrier.legacy_tag(tag, *digest));
        carried.tags = futures_util::stream::iter(tags).buffered(AT_ONCE).try_collect().await?;
        carried.tagged = carrier.root(tag).await?;
        Ok(carried)
    }
}

struct Carrier<'a> {
    plan: &'a Plan,
    from: &'a Source,
    to: &'a Source,
    progress: &'a Progress,
}

/// A manifest and what it is about.
type Pair = (Digest, Digest);

impl Carrier<'_> {
    async fn blobs(&self, carried: &mut Carried) -> Result<(), CopyError> {
        let blobs = &self.plan.blobs;
        self.progress.blobs.store(blobs.len(), Ordering::Relaxed);
        let total = blobs.values().fold(0_u64, |total, blob| total.saturating_add(blob.size));
        self.progress.total.store(total, Ordering::Relaxed);
        let takes = blobs.values().map(|blob| async move {
            let arrived = match self.to.take_blob(self.from, blob, &self.progress.sent).await {
                Err(error) if is_elsewhere(blob) && is_missing(&error, blob.digest) => None,
                arrived => Some(arrived?),
            };
            self.progress.done.fetch_add(1, Ordering::Relaxed);
            if arrived != Some(Arrived::Copied) {
                self.progress.total.fetch_sub(blob.size, Ordering::Relaxed);
            }
            Ok::<_, SourceError>((blob, arrived))
        });
        let mut takes = futures_util::stream::iter(takes).buffer_unordered(AT_ONCE);
        while let Some((blob, arrived)) = takes.try_next().await? {
            match arrived {
                Some(Arrived::Copied) => {
                    carried.copied += 1;
                    carried.bytes += blob.size;
                }
                Some(Arrived::Mounted) => carried.mounted += 1,
                Some(Arrived::Present) => carried.present += 1,
                None => carried.elsewhere.push(blob.clone()),
            }
        }
        Ok(())
    }

    /// What the destination lists as attached to these, as far as it is ours: it may list more than can be held.
    async fn listed(&self, subjects: impl Iterator<Item = Digest>) -> Result<BTreeSet<Pair>, CopyError> {
        let lists = subjects.map(|subject| async move {
            let ours = self.plan.attached.get(&subject).into_iter().flatten();
            let ours: BTreeSet<Digest> = ours.map(|entry| entry.descriptor.digest).collect();
            let listed = self.to.referrers(subject).await?.into_iter().map(|one| one.descriptor.digest);
            let found = listed.filter(|digest| ours.contains(digest)).map(|digest| (digest, subject));
            Ok::<_, SourceError>(found.collect::<Vec<Pair>>())
        });
        let lists: Vec<_> = futures_util::stream::iter(lists).buffered(AT_ONCE).try_collect().await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// Manifests that are to be listed by what they say themselves, and are not.
    fn fresh(&self, listed: &BTreeSet<Pair>) -> BTreeSet<Digest> {
        let pairs = self.plan.attached.iter().flat_map(|(subject, entries)| {
            let own = entries.iter().filter(|entry| entry.names_subject);
            own.map(|entry| (entry.descriptor.digest, *subject))
        });
        pairs.filter(|pair| !listed.contains(pair)).map(|(digest, _)| digest).collect()
    }

    /// Writes one manifest by its digest; true unless it was there.
    async fn manifest(
        &self,
        node: &Node,
        fresh: &BTreeSet<Digest>,
        acknowledged: &Mutex<BTreeSet<Pair>>,
    ) -> Result<bool, CopyError> {
        let digest = node.fetched.content.digest();
        let is_known = self.to.has_manifest(&node.fetched.content).await?;
        // A registry lists a referrer when it is pushed, also when it had it.
        if is_known && !fresh.contains(&digest) {
            return Ok(false);
        }
        if let Some(subject) = self.to.store_manifest(&node.fetched).await? {
            acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert((digest, subject));
        }
        Ok(!is_known)
    }

    /// Lists what writing the manifests did not list, and looks whether it is listed then: a registry with a list of its own may not look into ours.
    async fn lists(
        &self,
        listed: &BTreeSet<Pair>,
        acknowledged: &BTreeSet<Pair>,
        carried: &mut Carried,
    ) -> Result<(), CopyError> {
        let mut updates = Vec::new();
        for (subject, entries) in &self.plan.attached {
            let mut missing = Vec::new();
            for entry in entries {
                let digest = entry.descriptor.digest;
                let entry = Entry { descriptor: self.describe(entry), ..entry.clone() };
                let pair = (digest, *subject);
                carried.attached.push(Listing {
                    subject: *subject,
                    digest,
                    artifact_type: entry.descriptor.artifact_type.clone().unwrap_or_default(),
                    shown: if listed.contains(&pair) { Shown::Before } else { Shown::New },
                });
                if !listed.contains(&pair) && !acknowledged.contains(&pair) {
                    missing.push(entry);
                }
            }
            if !missing.is_empty() {
                updates.push((*subject, missing));
            }
        }
        let writes = updates.iter().map(|(subject, entries)| self.to.list(*subject, entries));
        futures_util::stream::iter(writes).buffered(AT_ONCE).try_collect::<Vec<()>>().await?;
        let now = self.listed(updates.iter().map(|(subject, _)| *subject)).await?;
        for one in carried.attached.iter_mut().filter(|one| one.shown == Shown::New) {
            let pair = (one.digest, one.subject);
            if !acknowledged.contains(&pair) && !now.contains(&pair) {
                one.shown = Shown::Missing;
            }
        }
        Ok(())
    }

    /// An entry as the specification wants it: artifact type and annotations are those of the manifest. Some clients list others.
    fn describe(&self, entry: &Entry) -> Descriptor {
        match self.plan.nodes.get(&entry.descriptor.digest) {
            Some(node) if entry.names_subject => node.entry.clone(),
            _ => entry.descriptor.clone(),
        }
    }

    /// Brings everything under a tag of the older format together with what is there, and looks again whether it stayed.
    async fn legacy_tag(&self, tag: &Tag, digest: Digest) -> Result<Kept, CopyError> {
        let Some(node) = self.plan.nodes.get(&digest) else {
            return Ok(Kept { tag: tag.clone(), digest, standing: Standing::Present });
        };
        let ours = &node.fetched;
        let wrong = |source| CopyError::Join { tag: tag.clone(), source };
        let mut standing = Standing::Present;
        for round in 0..=limits::UPDATE_ROUNDS {
            let stopwatch = Clock.start();
            let there = self.to.manifest_by_tag(tag).await?.map(|fetched| fetched.content);
            let join = match &there {
                None => Join::Other,
                Some(there) if there.digest() == digest => Join::Nothing,
                Some(there) => legacy_manifest::join(there, &ours.content).map_err(wrong)?,
            };
            let written = match (join, there) {
                (Join::Nothing, Some(there)) => {
                    return Ok(Kept { tag: tag.clone(), digest: there.digest(), standing });
                }
                (Join::Nothing, None) => Ok(digest),
                (Join::Other, there) => {
                    standing = if there.is_none() { Standing::Copied } else { Standing::Joined };
                    self.to.update_tag(&ours.media_type, ours.content.bytes(), tag).await
                }
                (Join::Both(joined), _) => {
                    standing = Standing::Joined;
                    self.to.push_blob(&joined.config).await?;
                    self.to.update_tag(OCI_MANIFEST, &joined.manifest, tag).await
                }
            };
            match written {
                // Whether it arrived says the next look.
                Err(error) if error.is_passing() && round < limits::UPDATE_ROUNDS => {}
                written => {
                    written?;
                }
            }
            // Whoever read before our write has written by then.
            stopwatch.settle(round).await;
        }
        Err(CopyError::LostUpdate { tag: tag.clone() })
    }

    /// Writes the image's tag; true unless it named the image before.
    async fn root(&self, tag: Option<&Tag>) -> Result<bool, CopyError> {
        let Some(node) = self.plan.nodes.get(&self.plan.root) else { return Ok(false) };
        let there = match tag {
            Some(tag) => self.to.manifest_by_tag(tag).await?.map(|fetched| fetched.content.digest()),
            None => self.to.is_top(&node.fetched.content).await?.then_some(self.plan.root),
        };
        if there == Some(self.plan.root) {
            return Ok(false);
        }
        let content = &node.fetched.content;
        self.to.push_manifest(&node.fetched.media_type, content.bytes(), tag).await?;
        Ok(true)
    }
}

/// Layers that registries need not hold, as their makers do not allow it: OCI image-spec v1.1, "Non-Distributable Layers".
fn is_elsewhere(blob: &Descriptor) -> bool {
    blob.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
        || blob.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
}

fn is_missing(error: &SourceError, digest: Digest) -> bool {
    match error {
        SourceError::Registry(RegistryError::NotFound { thing: crate::io::Thing::Blob(_, missing) }) => {
            *missing == digest
        }
        SourceError::Layout(crate::io::LayoutError::Missing { digest: missing, .. }) => *missing == digest,
        SourceError::Layout(_) | SourceError::Offline { .. } | SourceError::Registry(_) => false,
    }
}

/// Transfers at once.
const AT_ONCE: usize = 4;
