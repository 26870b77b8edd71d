//! From a blob to the bytes of its tar archive, on a thread of its own.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use super::ImageError;
use super::layer::Layer;
use super::read::Caps;
use crate::base::Hasher;

/// How many buffers are under way between the two threads of a layer.
pub(super) const BUFFERS: usize = 4;
const BUFFER: usize = 512 << 10;
const INPUT_BUFFER: usize = 128 << 10;

/// A piece of the uncompressed layer, or what stopped it. An empty piece is the end.
pub(super) type Piece = Result<Vec<u8>, ImageError>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Compression {
    Gzip,
    None,
    Zstd,
}

/// Decompresses the layer into pieces. Returns when the layer ends, on an error, or when nobody listens any more.
pub(super) fn inflate(
    layer: &Layer<'_>,
    index: usize,
    caps: &Caps,
    inflated: &AtomicU64,
    full: &SyncSender<Piece>,
    empty: &Receiver<Vec<u8>>,
) {
    let end = match pump(layer, index, caps, inflated, full, empty) {
        Ok(()) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let _ = full.send(end);
}

fn pump(
    layer: &Layer<'_>,
    index: usize,
    caps: &Caps,
    inflated: &AtomicU64,
    full: &SyncSender<Piece>,
    empty: &Receiver<Vec<u8>>,
) -> Result<(), ImageError> {
    let wrong = |source| ImageError::Read { layer: index, source };
    let compressed = Rc::new(Cell::new(0));
    let blob = Counted { inner: (layer.open)().map_err(wrong)?, count: Rc::clone(&compressed) };
    let mut reader = decoder(layer, index, blob)?;
    let mut total: u64 = 0;
    loop {
        // The other side went away: it has its own error to tell.
        let Ok(mut buffer) = empty.recv() else { return Ok(()) };
        buffer.resize(BUFFER, 0);
        let read = fill(&mut reader, &mut buffer).map_err(wrong)?;
        if read == 0 {
            return Ok(());
        }
        total += read as u64;
        if total > caps.uncompressed {
            return Err(ImageError::Uncompressed { layer: index, limit: caps.uncompressed });
        }
        if inflated.fetch_add(read as u64, Ordering::Relaxed) + read as u64 > caps.image {
            return Err(ImageError::ImageUncompressed { layer: index, limit: caps.image });
        }
        if total > caps.free && total / caps.ratio > compressed.get() {
            return Err(ImageError::Ratio { layer: index, limit: caps.ratio });
        }
        buffer.truncate(read);
        if full.send(Ok(buffer)).is_err() {
            return Ok(());
        }
    }
}

fn decoder<'a>(
    layer: &Layer<'_>,
    index: usize,
    mut blob: impl Read + 'a,
) -> Result<Box<dyn Read + 'a>, ImageError> {
    let wrong = |source| ImageError::Read { layer: index, source };
    let said = said(&layer.media_type)
        .ok_or_else(|| ImageError::MediaType { layer: index, media_type: layer.media_type.clone() })?;
    let mut magic = [0; 4];
    let read = fill(&mut blob, &mut magic).map_err(wrong)?;
    let begins = magic.get(..read).unwrap_or_default();
    let found = if begins.starts_with(&[0x1f, 0x8b]) {
        Compression::Gzip
    } else if matches!(begins, [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
        // RFC 8878 §3.1.2: a skippable frame may come first.
        Compression::Zstd
    } else {
        Compression::None
    };
    if said != found {
        return Err(ImageError::Compression { layer: index, media_type: layer.media_type.clone() });
    }
    let whole = Cursor::new(begins.to_vec()).chain(blob);
    let buffered = BufReader::with_capacity(INPUT_BUFFER, whole);
    Ok(match found {
        // Every member: a reader that stops after the first would hide what follows.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Compression::None => Box::new(buffered),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered).map_err(wrong)?),
    })
}

/// Media types of layers: image-spec v1.1 layer.md and Docker's manifest v2 schema 2.
fn said(media_type: &str) -> Option<Compression> {
    Some(match media_type {
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.docker.image.rootfs.diff.tar" => Compression::None,
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => Compression::Gzip,
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Compression::Zstd,
        _ => return None,
    })
}

fn fill(reader: &mut impl Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    while !buffer.is_empty() {
        match reader.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                total += read;
                buffer = buffer.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// The other end: the uncompressed layer as a stream that hashes what passes.
pub(super) struct Stream {
    full: Receiver<Piece>,
    empty: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    offset: u64,
    ended: bool,
    failed: Option<ImageError>,
    hasher: Hasher,
}

impl Stream {
    pub(super) fn new(full: Receiver<Piece>, empty: SyncSender<Vec<u8>>, hasher: Hasher) -> Self {
        for _ in 0..BUFFERS {
            let _ = empty.send(Vec::new());
        }
        Self { full, empty, piece: Vec::new(), at: 0, offset: 0, ended: false, failed: None, hasher }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What stopped the other thread, if that is why reading failed.
    pub(super) fn take_failure(&mut self) -> Option<ImageError> {
        self.failed.take()
    }

    /// The bytes at hand, without copying; empty at the end.
    pub(super) fn chunk(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.ended {
            let used = std::mem::take(&mut self.piece);
            if used.capacity() > 0 {
                let _ = self.empty.send(used);
            }
            self.at = 0;
            match self.full.recv() {
                Ok(Ok(piece)) => {
                    self.hasher.update(&piece);
                    self.ended = piece.is_empty();
                    self.piece = piece;
                }
                Ok(Err(error)) => {
                    self.failed = Some(error);
                    self.ended = true;
                }
                Err(_) => self.ended = true,
            }
        }
        if self.failed.is_some() {
            return Err(io::Error::other("the layer stopped"));
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    /// Passes over `count` bytes of the chunk.
    pub(super) fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.piece.len());
        self.offset += count as u64;
    }

    /// The digest of everything; meaningful once [`Stream::chunk`] was empty.
    pub(super) fn finish(self) -> crate::base::Digest {
        self.hasher.finish()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.chunk()?;
        let count = chunk.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), chunk.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}
