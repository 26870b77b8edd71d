//! What a layout holds and no list names. `cosign save` lists the image alone, with signatures of the older format beside it under a `kind`
//! and bundles not at all: they are only among the blobs.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::PoisonError;

use super::{BLOBS, Layout, LayoutError};
use crate::base::{Checked, Digest, Tag, limits};
use crate::format::index::Index;
use crate::format::manifest::{AnyManifest, Descriptor};
use crate::io::source::Fetched;

/// Manifests among the blobs, by what they are about.
pub(super) type Scan = HashMap<Digest, Vec<Descriptor>>;

impl Layout {
    /// Manifests among the blobs that are about `subject`.
    pub(super) fn unlisted(&self, subject: Digest) -> Result<Vec<Descriptor>, LayoutError> {
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match scan.take() {
            Some(known) => known,
            None => self.look_through()?,
        };
        let found = known.get(&subject).cloned().unwrap_or_default();
        *scan = Some(known);
        Ok(found)
    }

    /// What was found is looked for again: something was written.
    pub(super) fn forget_scan(&self) {
        *self.scan.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn look_through(&self) -> Result<Scan, LayoutError> {
        let mut scan = Scan::new();
        let mut left = limits::LAYOUT_SCAN;
        for name in self.store.names(BLOBS)? {
            let Some(digest) = digest_of(&name) else { continue };
            if let Some((subject, descriptor)) = self.look_into(&name, digest, &mut left)? {
                scan.entry(subject).or_default().push(descriptor);
            }
        }
        Ok(scan)
    }

    /// A blob's subject, if it is a manifest that has one. Other content is none of ours, and is not read.
    fn look_into(
        &self,
        name: &str,
        digest: Digest,
        left: &mut u64,
    ) -> Result<Option<(Digest, Descriptor)>, LayoutError> {
        let Some(section) = self.store.section(name)? else { return Ok(None) };
        let wrong = |source| LayoutError::Read { path: self.store.path().join(name), source };
        let mut first = [0];
        if section.length() > limits::MANIFEST || section.reader().read(&mut first).map_err(wrong)? == 0 {
            return Ok(None);
        }
        if !matches!(first, [b'{' | b' ' | b'\n' | b'\r' | b'\t']) {
            return Ok(None);
        }
        *left = left.checked_sub(section.length()).ok_or_else(|| LayoutError::TooLarge {
            layout: self.store.path().to_owned(),
            name: format!("JSON in {BLOBS}"),
            limit: limits::LAYOUT_SCAN,
        })?;
        let bytes = self.store.read(name, limits::MANIFEST)?.unwrap_or_default();
        let content = Checked::of(bytes);
        let Ok(manifest) = AnyManifest::parse(&content) else { return Ok(None) };
        let Some(subject) = manifest.subject().map(|subject| subject.digest) else { return Ok(None) };
        // Damaged, and about an image: whoever asks what is about that image must hear of it.
        self.check(digest, content.bytes().to_vec())?;
        let mut descriptor = Descriptor::of(manifest.media_type(), &content);
        descriptor.digest = digest;
        Ok(Some((subject, descriptor)))
    }

    /// What `cosign save` puts beside the image under a kind instead of a tag.
    pub(super) fn saved_beside(&self, index: &Index, tag: &Tag) -> Result<Option<Fetched>, LayoutError> {
        let beside = |suffix: &str| {
            let mut images = index.manifests.iter().filter(|entry| kind(entry).is_some_and(is_image));
            images.any(|image| Tag::about(image.digest, suffix) == *tag)
        };
        let Some((_, wanted)) = KINDS.iter().find(|(suffix, _)| beside(suffix)) else { return Ok(None) };
        let mut found = index.manifests.iter().filter(|entry| kind(entry) == Some(*wanted));
        let Some(entry) = found.next() else { return Ok(None) };
        if found.any(|other| other.digest != entry.digest) {
            return Err(LayoutError::TagTwice { layout: self.store.path().to_owned(), tag: tag.clone() });
        }
        self.entry(entry).map(Some)
    }
}

/// Whether an entry is about another one that is an image.
pub(super) fn is_beside(entry: &Descriptor) -> bool {
    kind(entry).is_some_and(|kind| KINDS.iter().any(|(_, beside)| *beside == kind))
}

fn kind(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get("kind").map(String::as_str)
}

fn is_image(kind: &str) -> bool {
    kind == "dev.cosignproject.cosign/image" || kind == "dev.cosignproject.cosign/imageIndex"
}

/// `blobs/sha256/<hex>`.
fn digest_of(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix(BLOBS)?.strip_prefix('/')?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Endings of legacy tags, and what `cosign save` writes instead.
const KINDS: [(&str, &str); 2] =
    [(".sig", "dev.cosignproject.cosign/sigs"), (".att", "dev.cosignproject.cosign/atts")];
