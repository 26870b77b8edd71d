//! What is to be copied: all manifests, read and checked before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{CopyError, Progress, Scope};
use crate::base::{Digest, Tag, limits};
use crate::format::legacy_manifest;
use crate::format::manifest::{AnyManifest, Descriptor};
use crate::io::source::{Entry, Fetched, Listed, Source, SourceError};

/// Everything that belongs to an image.
#[derive(Debug)]
pub struct Plan {
    pub(super) root: Digest,
    pub(super) nodes: BTreeMap<Digest, Node>,
    /// Every blob once.
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    /// By what they are about.
    pub(super) attached: BTreeMap<Digest, Vec<Entry>>,
    /// Tags of the older format, and their manifests.
    pub(super) tags: BTreeMap<Tag, Digest>,
}

/// One manifest.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) fetched: Fetched,
    /// Whether it is part of the image, not attached to it.
    pub(super) is_content: bool,
    /// What it lists.
    children: Vec<Digest>,
    subject: Option<Digest>,
    pub(super) entry: Descriptor,
}

/// What is around one manifest.
struct Around {
    listed: Vec<Listed>,
    tags: Vec<(Tag, Fetched)>,
}

impl Plan {
    /// Reads what belongs to `root`, which was read from `source`. What cannot be read is an error that names it, never left out.
    pub async fn read(
        source: &Source,
        root: Fetched,
        scope: Scope,
        progress: &Progress,
    ) -> Result<Self, CopyError> {
        Self::read_within(limits::COPIED_TOTAL, source, root, scope, progress).await
    }

    /// The same, holding so many bytes at most.
    async fn read_within(
        room: u64,
        source: &Source,
        root: Fetched,
        scope: Scope,
        progress: &Progress,
    ) -> Result<Self, CopyError> {
        let (nodes, blobs) = (BTreeMap::new(), BTreeMap::new());
        let (attached, tags) = (BTreeMap::new(), BTreeMap::new());
        let plan = Self { root: root.content.digest(), nodes, blobs, attached, tags };
        let mut reading = Reading { plan, source, room, progress };
        reading.hold(root.content.bytes().len())?;
        let mut level = reading.tree(vec![root], true).await?;
        if scope == Scope::ImageOnly {
            return Ok(reading.plan);
        }
        for _ in 0..=limits::REFERRER_DEPTH {
            let next = reading.around(&level).await?;
            if next.is_empty() {
                return Ok(reading.plan);
            }
            level = reading.tree(next, false).await?;
        }
        Err(CopyError::TooFar { digest: level.first().copied().unwrap_or(reading.plan.root) })
    }

    /// What must be there before what: an index may be refused before its images are. Content first, then what is attached to it.
    pub(super) fn waves(&self) -> Result<Vec<Vec<Digest>>, CopyError> {
        let mut heights: BTreeMap<Digest, usize> = self.nodes.keys().map(|digest| (*digest, 0)).collect();
        for _ in 0..=limits::INDEX_DEPTH + 1 {
            let mut risen = Vec::new();
            for (digest, node) in &self.nodes {
                let below = node.children.iter().filter_map(|child| heights.get(child)).max();
                let height = below.map_or(0, |below| below + 1);
                if heights.get(digest) != Some(&height) {
                    risen.push((*digest, height));
                }
            }
            let Some((first, _)) = risen.first().copied() else { break };
            heights.extend(risen);
            if heights.values().any(|height| *height > limits::INDEX_DEPTH) {
                return Err(CopyError::TooDeep { digest: first });
            }
        }
        let mut waves: BTreeMap<(bool, usize), Vec<Digest>> = BTreeMap::new();
        for (digest, node) in &self.nodes {
            let height = heights.get(digest).copied().unwrap_or_default();
            waves.entry((!node.is_content, height)).or_default().push(*digest);
        }
        Ok(waves.into_values().collect())
    }
}

struct Reading<'a> {
    plan: Plan,
    source: &'a Source,
    /// Bytes that may still be held in memory.
    room: u64,
    progress: &'a Progress,
}

impl Reading<'_> {
    /// Takes manifests in, with all that they list. Gives those that were not known.
    async fn tree(&mut self, roots: Vec<Fetched>, is_content: bool) -> Result<Vec<Digest>, CopyError> {
        let mut new = Vec::new();
        let mut level = roots;
        for _ in 0..=limits::INDEX_DEPTH {
            let mut below = BTreeMap::new();
            for fetched in level {
                let digest = fetched.content.digest();
                if !self.plan.nodes.contains_key(&digest) {
                    new.push(digest);
                    for entry in self.add(fetched, is_content)? {
                        below.insert(entry.digest, entry);
                    }
                }
            }
            below.retain(|digest, _| !self.plan.nodes.contains_key(digest));
            if below.is_empty() {
                return Ok(new);
            }
            self.check_count(below.len())?;
            level = self.fetch(below.into_values().map(|entry| (entry.digest, Some(entry.size)))).await?;
        }
        let digest = level.first().map_or(self.plan.root, |fetched| fetched.content.digest());
        Err(CopyError::TooDeep { digest })
    }

    /// Takes one manifest in, and gives what it lists.
    fn add(&mut self, fetched: Fetched, is_content: bool) -> Result<Vec<Descriptor>, CopyError> {
        let digest = fetched.content.digest();
        let mut entry = Descriptor::of(&fetched.media_type, &fetched.content);
        let manifest =
            AnyManifest::parse(&fetched.content).map_err(|source| CopyError::Manifest { digest, source })?;
        let subject = manifest.subject().map(|subject| subject.digest);
        let children = match manifest {
            AnyManifest::Image(manifest) => {
                entry.artifact_type = Some(manifest.effective_artifact_type().to_owned());
                entry.annotations = manifest.annotations;
                for blob in std::iter::once(manifest.config).chain(manifest.layers) {
                    self.plan.blobs.entry(blob.digest).or_insert(blob);
                }
                Vec::new()
            }
            AnyManifest::Index(index) => {
                entry.artifact_type = index.artifact_type;
                entry.annotations = index.annotations;
                index.manifests
            }
        };
        let node = Node {
            fetched,
            is_content,
            children: children.iter().map(|child| child.digest).collect(),
            subject,
            entry,
        };
        self.plan.nodes.insert(digest, node);
        self.progress.manifests.store(self.plan.nodes.len(), Ordering::Relaxed);
        Ok(children)
    }

    /// Looks around manifests, and gives what is attached to them and was not known.
    async fn around(&mut self, subjects: &[Digest]) -> Result<Vec<Fetched>, CopyError> {
        let source = self.source;
        let looks = subjects.iter().map(|subject| around(source, *subject));
        let mut coming = futures_util::stream::iter(looks).buffered(AT_ONCE);
        let (mut looks, mut wanted, mut next) = (Vec::new(), BTreeSet::new(), Vec::new());
        while let Some(look) = coming.try_next().await? {
            self.hold(look.weight())?;
            wanted.extend(look.listed.iter().map(|entry| entry.descriptor.digest));
            looks.push(look);
        }
        wanted.retain(|digest| !self.plan.nodes.contains_key(digest));
        self.check_count(wanted.len())?;
        let found = self.fetch(wanted.into_iter().map(|digest| (digest, None))).await?;
        let abouts: BTreeMap<Digest, Option<Digest>> = found.iter().map(about).collect();
        next.extend(found);
        for (subject, look) in subjects.iter().zip(looks) {
            for listed in look.listed {
                let digest = listed.descriptor.digest;
                let known = self.plan.nodes.get(&digest).map(|node| node.subject);
                let names = abouts.get(&digest).copied().or(known).flatten();
                let entry = Entry { descriptor: listed.descriptor, names_subject: names == Some(*subject) };
                self.plan.attached.entry(*subject).or_default().push(entry);
            }
            for (tag, fetched) in look.tags {
                self.plan.tags.insert(tag, fetched.content.digest());
                next.push(fetched);
            }
        }
        next.retain(|fetched| !self.plan.nodes.contains_key(&fetched.content.digest()));
        self.check_count(next.len())?;
        Ok(next)
    }

    async fn fetch(
        &mut self,
        wanted: impl Iterator<Item = (Digest, Option<u64>)>,
    ) -> Result<Vec<Fetched>, CopyError> {
        let source = self.source;
        let fetches = wanted.map(|(digest, size)| async move {
            let fetched = source.manifest(digest).await?;
            let found = fetched.content.bytes().len() as u64;
            match size {
                Some(want) if want != found => Err(CopyError::Size { digest, want, found }),
                _ => Ok(fetched),
            }
        });
        let mut coming = futures_util::stream::iter(fetches).buffered(AT_ONCE);
        let mut out = Vec::new();
        while let Some(fetched) = coming.try_next().await? {
            self.hold(fetched.content.bytes().len())?;
            out.push(fetched);
        }
        Ok(out)
    }

    /// Counts what is held from now on.
    fn hold(&mut self, bytes: usize) -> Result<(), CopyError> {
        self.room = self.room.checked_sub(bytes as u64).ok_or(CopyError::TooLarge)?;
        Ok(())
    }

    fn check_count(&self, more: usize) -> Result<(), CopyError> {
        let count = self.plan.nodes.len().saturating_add(more);
        if count > limits::COPIED_MANIFESTS { Err(CopyError::TooMany) } else { Ok(()) }
    }
}

impl Around {
    /// Bytes in memory, about.
    fn weight(&self) -> usize {
        let texts = |entry: &Listed| {
            let notes = entry.descriptor.annotations.iter();
            notes.map(|(name, text)| NOTE + name.len() + text.len()).sum::<usize>()
        };
        let listed = self.listed.iter().map(|entry| size_of::<Listed>() + texts(entry));
        listed.chain(self.tags.iter().map(|(_, fetched)| fetched.content.bytes().len())).sum()
    }
}

fn about(fetched: &Fetched) -> (Digest, Option<Digest>) {
    let parsed = AnyManifest::parse(&fetched.content).ok();
    let subject = parsed.and_then(|manifest| manifest.subject().map(|subject| subject.digest));
    (fetched.content.digest(), subject)
}

async fn around(source: &Source, subject: Digest) -> Result<Around, SourceError> {
    let listed = source.referrers(subject).await?;
    let [sig, att, sbom] = legacy_manifest::SUFFIXES.map(|suffix| Tag::about(subject, suffix));
    let found = futures_util::future::try_join3(
        source.manifest_by_tag(&sig),
        source.manifest_by_tag(&att),
        source.manifest_by_tag(&sbom),
    )
    .await?;
    let tags = [(sig, found.0), (att, found.1), (sbom, found.2)];
    let tags = tags.into_iter().filter_map(|(tag, found)| Some((tag, found?))).collect();
    Ok(Around { listed, tags })
}

/// Bytes of an annotation beside its texts.
const NOTE: usize = 64;
/// Manifests asked for at once.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering as Seen};

    use super::*;
    use crate::base::Checked;
    use crate::format::manifest::{OCI_INDEX, OCI_MANIFEST};
    use crate::io::stub::{Reply, Stub, manifest, wait};

    const ROOM: u64 = 1 << 20;

    /// A manifest of so many bytes.
    fn large(name: usize, bytes: u64) -> String {
        let text = manifest(&name.to_string());
        let padding = usize::try_from(bytes).unwrap() - text.len();
        format!("{text}{}", " ".repeat(padding))
    }

    fn plan(stub: &Stub, root: &str) -> Result<Plan, CopyError> {
        let root = Fetched {
            media_type: AnyManifest::parse(&Checked::of(root.into())).unwrap().media_type().to_owned(),
            content: Checked::of(root.into()),
        };
        let source = Source::remote(stub.remote("a"));
        wait(Plan::read_within(ROOM, &source, root, Scope::Everything, &Progress::default()))
    }

    /// Attack: what is in memory together is counted when it comes, not when all of it is there.
    #[test]
    fn manifests_are_counted_as_they_come() {
        const EACH: u64 = ROOM / 32;
        let names = 0..64;
        let by_digest: BTreeMap<String, usize> =
            names.clone().map(|name| (Digest::of(large(name, EACH).as_bytes()).to_string(), name)).collect();
        let entry = |digest: &String| {
            format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":{EACH}}}"#)
        };
        let entries: Vec<String> = by_digest.keys().map(entry).collect();
        let list =
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, entries.join(","));
        let served = list.clone();
        let is_listed = std::sync::Arc::new(AtomicUsize::new(0));
        let inside = is_listed.clone();
        let stub = Stub::new(move |asked| {
            let name = asked.target.rsplit('/').next().and_then(|digest| by_digest.get(digest));
            match name {
                Some(name) => Reply::ok(OCI_MANIFEST, large(*name, EACH)),
                None if asked.target.contains("/referrers/") && inside.fetch_add(1, Seen::SeqCst) == 0 => {
                    Reply::ok(OCI_INDEX, served.clone())
                }
                None => Reply::new(404),
            }
        });
        let most = names.len() / 2 + 2 * AT_ONCE;
        // As images of an index, and as what is attached to one.
        for root in [list, manifest("a")] {
            let (before, result) = (stub.log().len(), plan(&stub, &root));
            assert!(matches!(result, Err(CopyError::TooLarge)), "{result:?}");
            let read = stub.log().len() - before;
            assert!(read <= most, "{read} of {}", names.len());
        }
    }

    /// Attack: many things are attached, and to each of them a long list of what is known already.
    #[test]
    fn lists_are_counted_together() {
        let names: Vec<String> = (0..50).map(|name| manifest(&name.to_string())).collect();
        let by_digest: BTreeMap<String, String> =
            names.iter().map(|text| (Digest::of(text.as_bytes()).to_string(), text.clone())).collect();
        let note = "x".repeat(1000);
        let entry = |digest: &String| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":1,"annotations":{{"note":"{note}"}}}}"#
            )
        };
        let entries: Vec<String> = by_digest.keys().map(entry).collect();
        let list =
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, entries.join(","));
        let lists = list.len() as u64 * by_digest.len() as u64;
        assert!(lists > 2 * ROOM, "{lists}");
        let stub = Stub::new(move |asked| {
            let digest = asked.target.rsplit('/').next().unwrap_or_default();
            match by_digest.get(digest) {
                _ if asked.target.contains("/referrers/") => Reply::ok(OCI_INDEX, list.clone()),
                Some(text) => Reply::ok(OCI_MANIFEST, text.clone()),
                None => Reply::new(404),
            }
        });
        let result = plan(&stub, &manifest("a"));
        assert!(matches!(result, Err(CopyError::TooLarge)), "{result:?}");
        let asked = stub.log().iter().filter(|line| line.contains("/referrers/")).count();
        assert!(asked < names.len() / 2 + 2 * AT_ONCE, "{asked}");
    }
}
