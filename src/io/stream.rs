//! A blob on its way from one place to another, never whole in memory.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::Clock;
use super::behind::Behind;
use super::blob::SectionReader;
use super::layout::LayoutError;
use super::registry::{Download, RegistryError, Thing};
use super::source::SourceError;
use crate::base::{Digest, Hasher, Mismatch};
use crate::format::manifest::Descriptor;

/// Hashes every piece, and hands out the last one only when size and digest of all of them are right: whoever writes the pieces down in
/// their order cannot commit a blob that is not what its descriptor says.
pub(super) struct BlobStream {
    from: Origin,
    spares: Spares,
    hashing: Option<Behind<Hasher>>,
    digest: Digest,
    size: u64,
    found: u64,
    held: Option<Bytes>,
    is_right: bool,
}

enum Origin {
    Layout { reader: SectionReader, layout: PathBuf, path: PathBuf },
    Remote { download: Box<Download>, thing: Thing },
}

impl BlobStream {
    /// From a registry.
    pub(super) fn remote(download: Download, thing: Thing, blob: &Descriptor) -> Self {
        Self::new(Origin::Remote { download: Box::new(download), thing }, blob)
    }

    /// From a file of a layout.
    pub(super) fn layout(reader: SectionReader, layout: PathBuf, path: PathBuf, blob: &Descriptor) -> Self {
        Self::new(Origin::Layout { reader, layout, path }, blob)
    }

    fn new(from: Origin, blob: &Descriptor) -> Self {
        let hashing = Behind::new(Hasher::new(blob.digest.algorithm()), |hasher, piece| {
            hasher.update(piece);
            Ok(())
        });
        let (spares, hashing) = (Spares::default(), Some(hashing));
        Self {
            from,
            spares,
            hashing,
            digest: blob.digest,
            size: blob.size,
            found: 0,
            held: None,
            is_right: false,
        }
    }

    /// The next piece; none at the end of a blob that is whole and right.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        while let Some(hashing) = &mut self.hashing {
            let piece = self.from.read(self.spares.take()).await?;
            if piece.is_empty() {
                self.check().await?;
                break;
            }
            self.found += piece.len() as u64;
            if self.found > self.size {
                return Err(self.from.wrong_size(self.digest, self.size, self.found));
            }
            hashing.add(piece.clone()).await.map_err(|source| self.from.broke(source))?;
            self.spares.keep(&piece);
            if let Some(previous) = self.held.replace(piece) {
                return Ok(Some(previous));
            }
        }
        if self.is_right {
            Ok(self.held.take())
        } else {
            Err(self.from.broke(io::Error::other("it broke off before")))
        }
    }

    async fn check(&mut self) -> Result<(), SourceError> {
        let Some(hashing) = self.hashing.take() else { return Ok(()) };
        let got = hashing.finish().await.map_err(|source| self.from.broke(source))?.finish();
        if self.found != self.size {
            return Err(self.from.wrong_size(self.digest, self.size, self.found));
        }
        if got != self.digest {
            return Err(self.from.wrong_digest(Mismatch { want: self.digest, got }));
        }
        self.is_right = true;
        Ok(())
    }
}

impl Origin {
    /// Some bytes, in this memory; none at the end.
    async fn read(&mut self, mut piece: BytesMut) -> Result<Bytes, SourceError> {
        match self {
            Self::Layout { reader, path, .. } => {
                piece.resize(PIECE, 0);
                let count = reader.read(&mut piece);
                piece.truncate(count.map_err(|source| LayoutError::Read { path: path.clone(), source })?);
            }
            Self::Remote { download, .. } => {
                let stopwatch = Clock.start();
                piece.clear();
                // What comes slowly is passed on before it is much, so that everybody sees that it moves.
                while piece.len() < PIECE && (piece.is_empty() || stopwatch.elapsed() < PATIENCE) {
                    let Some(bytes) = download.next().await? else { break };
                    piece.extend_from_slice(&bytes);
                }
            }
        }
        Ok(piece.freeze())
    }

    /// The work on what was read.
    fn broke(&self, source: io::Error) -> SourceError {
        match self {
            Self::Layout { path, .. } => LayoutError::Read { path: path.clone(), source }.into(),
            Self::Remote { thing, .. } => RegistryError::Temporary { thing: thing.clone(), source }.into(),
        }
    }

    fn wrong_size(&self, digest: Digest, want: u64, found: u64) -> SourceError {
        match self {
            Self::Layout { layout, .. } => {
                LayoutError::Size { layout: layout.clone(), digest, want, found }.into()
            }
            Self::Remote { thing, .. } => RegistryError::Size { thing: thing.clone(), want, found }.into(),
        }
    }

    fn wrong_digest(&self, source: Mismatch) -> SourceError {
        match self {
            Self::Layout { layout, .. } => LayoutError::Digest { layout: layout.clone(), source }.into(),
            Self::Remote { thing, .. } => RegistryError::Digest { thing: thing.clone(), source }.into(),
        }
    }
}

/// Memory of pieces that nobody has any more: to touch fresh memory takes longer than to copy into it.
#[derive(Default)]
struct Spares(VecDeque<Bytes>);

impl Spares {
    fn take(&mut self) -> BytesMut {
        match self.0.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(free)) => free,
            Some(Err(used)) => {
                self.0.push_front(used);
                BytesMut::with_capacity(CAPACITY)
            }
            None => BytesMut::with_capacity(CAPACITY),
        }
    }

    fn keep(&mut self, piece: &Bytes) {
        if self.0.len() == SPARES {
            self.0.pop_front();
        }
        self.0.push_back(piece.clone());
    }
}

/// Bytes that are read, hashed and written at once.
const PIECE: usize = 512 << 10;
/// Of a piece: what came last may go beyond.
const CAPACITY: usize = 2 * PIECE;
/// Pieces of a blob that are on their way at once.
const SPARES: usize = 6;
/// How long a piece may take to become as large as it should.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::io::blob::Section;
    use crate::io::stub::{Reply, Stub, wait};

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at / 7 + at / PIECE) as u8).collect()
    }

    fn blob(content: &[u8]) -> Descriptor {
        Descriptor {
            media_type: "l".to_owned(),
            digest: Digest::of(content),
            size: content.len() as u64,
            platform: None,
            artifact_type: None,
            annotations: Default::default(),
        }
    }

    /// What comes out, and how it ends.
    async fn drain(stream: &mut BlobStream) -> (Vec<u8>, Result<(), SourceError>) {
        let mut all = Vec::new();
        loop {
            match stream.next().await {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => return (all, Ok(())),
                Err(error) => return (all, Err(error)),
            }
        }
    }

    /// The same bytes from a file, and from a registry.
    fn passed(bytes: &[u8], blob: &Descriptor) -> [(Vec<u8>, Result<(), SourceError>); 2] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let section = Section::new(Arc::new(Mutex::new(file)), 0, bytes.len() as u64);
        let reply = Reply::new(200).body(bytes);
        let stub = Stub::new(move |_| reply.clone().unmeasured());
        wait(async {
            let mut local = BlobStream::layout(section.reader(), "layout".into(), "blob".into(), blob);
            let mut far = stub.remote("a").stream(blob).await.unwrap();
            let ends = [drain(&mut local).await, drain(&mut far).await];
            for (mut stream, end) in [local, far].into_iter().zip(&ends) {
                // The end is said again, and nothing that follows an error is taken for it.
                assert_eq!(drain(&mut stream).await.1.is_ok(), end.1.is_ok());
            }
            ends
        })
    }

    #[test]
    fn all_of_a_blob_passes() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, (SPARES + 3) * PIECE + 5] {
            let content = content(length);
            for (got, end) in passed(&content, &blob(&content)) {
                assert!(end.is_ok() && got == content, "{length}: {end:?}");
            }
        }
    }

    #[test]
    fn the_last_piece_of_something_else_stays_here() {
        let content = content(3 * PIECE + 5);
        let mut other = content.clone();
        for at in [0, PIECE, 3 * PIECE + 4] {
            other[at] ^= 1;
            for (got, end) in passed(&other, &blob(&content)) {
                assert!(end.is_err() && got.len() < content.len(), "{at}: {}", got.len());
            }
            other[at] ^= 1;
        }
        let (short, mut long) = (&content[..2 * PIECE], content.clone());
        long.push(0);
        for bytes in [short, &long] {
            for (got, end) in passed(bytes, &blob(&content)) {
                assert!(end.is_err() && got.len() < bytes.len().min(content.len()));
            }
        }
    }

    #[test]
    fn memory_is_used_again_and_only_when_nobody_has_it() {
        let mut spares = Spares::default();
        let mut piece = |text: &str| {
            let mut piece = spares.take();
            piece.clear();
            piece.extend_from_slice(text.as_bytes());
            let piece = piece.freeze();
            spares.keep(&piece);
            piece
        };
        let first = piece("first");
        let place = first.as_ptr();
        let second = piece("second");
        assert!(second.as_ptr() != place && first == "first");
        drop(first);
        assert_eq!(piece("third").as_ptr(), place);
        assert_eq!(second, "second");
    }
}
