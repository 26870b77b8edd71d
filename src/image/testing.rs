//! Layers made by hand, for tests.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use super::Layer;
use crate::base::Digest;

/// Writes an archive entry by entry, proper or not.
#[derive(Default)]
pub(crate) struct Tar(Vec<u8>);

impl Tar {
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(b'0', name.as_bytes(), "", content.as_ref())
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        self.entry(b'5', name.as_bytes(), "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name.as_bytes(), target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name.as_bytes(), target, b"")
    }

    /// A pax header that holds `records`, for the entry that follows.
    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length.to_string().len() + rest != length {
                length += 1;
            }
            content.extend_from_slice(format!("{length} {key}=").as_bytes());
            content.extend_from_slice(value);
            content.push(b'\n');
        }
        self.entry(b'x', b"pax", "", &content)
    }

    pub(crate) fn entry(self, kind: u8, name: &[u8], target: &str, content: &[u8]) -> Self {
        self.sized(kind, name, target, content.len() as u64, content)
    }

    /// An entry that claims a size of its own.
    pub(crate) fn sized(mut self, kind: u8, name: &[u8], target: &str, size: u64, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.as_old_mut().linkflag[0] = kind;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Two blocks of zeros: the end.
    pub(crate) fn end(self) -> Self {
        self.raw(&[0; 1024])
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// The archive as a plain layer.
    pub(crate) fn layer(self) -> Layer<'static> {
        layer(self.end().0, "")
    }
}

/// A layer with the right digests; `suffix` of the media type says how it is compressed.
pub(crate) fn layer(archive: Vec<u8>, suffix: &str) -> Layer<'static> {
    let blob = match suffix {
        "+gzip" => gzip(&archive),
        "+zstd" => zstd::encode_all(archive.as_slice(), 1).unwrap(),
        _ => archive.clone(),
    };
    from_blob(blob, Digest::of(&archive), suffix)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn from_blob(blob: Vec<u8>, diff_id: Digest, suffix: &str) -> Layer<'static> {
    let blob: Arc<[u8]> = blob.into();
    Layer {
        media_type: format!("application/vnd.oci.image.layer.v1.tar{suffix}"),
        digest: Digest::of(&blob),
        diff_id,
        created_by: Some("RUN x".to_owned()),
        open: Box::new(move || Ok(Box::new(Cursor::new(Arc::clone(&blob))))),
    }
}
