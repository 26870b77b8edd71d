//! What registries serve.

use plimsoll::base::Checked;
use plimsoll::format::config::ImageConfig;
use plimsoll::format::index::Index;
use plimsoll::format::manifest::{AnyManifest, Manifest};

pub(crate) fn manifest(bytes: &[u8]) {
    let content = Checked::of(bytes.to_vec());
    if let Ok(manifest) = Manifest::parse(&content) {
        assert_eq!((manifest.digest, manifest.size), (content.digest(), bytes.len() as u64));
        assert!(Index::parse(&content).is_err(), "one thing to all readers");
    }
    let _ = AnyManifest::parse(&content).map(|any| (any.media_type().len(), any.subject().is_some()));
}

pub(crate) fn index(bytes: &[u8]) {
    let content = Checked::of(bytes.to_vec());
    if let Ok(index) = Index::parse(&content) {
        // Whatever can be selected is signed and looked at.
        assert!(index.image_descriptors().all(|image| index.runnable().any(|entry| entry == image)));
        assert!(Manifest::parse(&content).is_err(), "one thing to all readers");
    }
}

pub(crate) fn config(bytes: &[u8]) {
    let _ = ImageConfig::parse(&Checked::of(bytes.to_vec()));
}
