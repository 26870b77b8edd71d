//! A blob on its way from one place to another, never whole in memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
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
    flow: Option<Flow>,
    place: Place,
    spares: Spares,
    digest: Digest,
    size: u64,
    found: u64,
    held: Option<Bytes>,
    is_right: bool,
}

/// A file that gets every piece, too: all of them are there when the end is reached.
pub(super) struct Beside {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

/// Where bytes come from, and what is done with each piece: on another core if it comes from far away. What is read here and sent is hashed
/// while it is near: to another core it would have to be carried, and be waited for.
enum Flow {
    Layout(SectionReader, Work),
    Remote(Box<Download>, Behind<Work>),
}

/// One after the other, while the piece is near.
struct Work {
    hasher: Hasher,
    file: Option<File>,
}

/// For what is said of errors.
struct Place {
    origin: Origin,
    /// What is written besides.
    beside: Option<PathBuf>,
}

enum Origin {
    Layout { layout: PathBuf, path: PathBuf },
    Remote(Thing),
}

impl BlobStream {
    /// From a registry.
    pub(super) fn remote(
        download: Download,
        thing: Thing,
        blob: &Descriptor,
        beside: Option<Beside>,
    ) -> Self {
        let (work, beside) = Work::new(blob, beside);
        let flow = Flow::Remote(Box::new(download), Behind::new(work, Work::add));
        Self::new(flow, Place { origin: Origin::Remote(thing), beside }, blob)
    }

    /// From the file `path` of a layout.
    pub(super) fn layout(
        reader: SectionReader,
        layout: PathBuf,
        path: PathBuf,
        blob: &Descriptor,
        beside: Option<Beside>,
    ) -> Self {
        let (work, beside) = Work::new(blob, beside);
        let flow = Flow::Layout(reader, work);
        Self::new(flow, Place { origin: Origin::Layout { layout, path }, beside }, blob)
    }

    fn new(flow: Flow, place: Place, blob: &Descriptor) -> Self {
        let (flow, spares) = (Some(flow), Spares::default());
        let (digest, size) = (blob.digest, blob.size);
        Self { flow, place, spares, digest, size, found: 0, held: None, is_right: false }
    }

    /// The next piece; none at the end of a blob that is whole and right.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        while let Some(flow) = &mut self.flow {
            let piece = flow.read(&mut self.spares, &self.place).await?;
            if piece.is_empty() {
                self.check().await?;
                break;
            }
            self.found += piece.len() as u64;
            if self.found > self.size {
                return Err(self.place.wrong_size(self.digest, self.size, self.found));
            }
            self.spares.keep(&piece);
            if let Some(previous) = self.held.replace(piece) {
                return Ok(Some(previous));
            }
        }
        if self.is_right {
            Ok(self.held.take())
        } else {
            Err(self.place.broke(io::Error::other("it broke off before")))
        }
    }

    /// Whether all of it was handed out, and was right.
    pub(super) fn is_over(&self) -> bool {
        self.is_right && self.held.is_none()
    }

    async fn check(&mut self) -> Result<(), SourceError> {
        let work = match self.flow.take() {
            Some(Flow::Layout(_, work)) => Ok(work),
            Some(Flow::Remote(_, behind)) => behind.finish().await,
            None => return Ok(()),
        };
        let got = work.map_err(|source| self.place.broke(source))?.hasher.finish();
        // Of what is short but right, the descriptor is wrong; who sent it is not.
        if got != self.digest {
            return Err(self.place.wrong_digest(Mismatch { want: self.digest, got }));
        }
        if self.found != self.size {
            return Err(self.place.wrong_size(self.digest, self.size, self.found));
        }
        self.is_right = true;
        Ok(())
    }
}

impl Work {
    fn new(blob: &Descriptor, beside: Option<Beside>) -> (Self, Option<PathBuf>) {
        let (file, path) = beside.map(|beside| (beside.file, beside.path)).unzip();
        (Self { hasher: Hasher::new(blob.digest.algorithm()), file }, path)
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hasher.update(piece);
        match &mut self.file {
            Some(file) => piece.chunks(PART).try_for_each(|part| file.write_all(part)),
            None => Ok(()),
        }
    }
}

impl Flow {
    /// Some bytes; none at the end.
    async fn read(&mut self, spares: &mut Spares, place: &Place) -> Result<Bytes, SourceError> {
        match self {
            Self::Layout(reader, work) => {
                let mut piece = spares.take();
                piece.resize(PIECE, 0);
                let count = reader.read(&mut piece).map_err(|source| place.unread(source))?;
                piece.truncate(count);
                work.add(&piece).map_err(|source| place.broke(source))?;
                // Others go on, and this can be given up, where nobody downstream ever waits.
                tokio::task::yield_now().await;
                Ok(piece.freeze())
            }
            Self::Remote(download, behind) => {
                let piece = gather(download, spares.take()).await?;
                behind.add(piece.clone()).await.map_err(|source| place.broke(source))?;
                Ok(piece)
            }
        }
    }
}

/// What arrives, until it is a piece. What comes slowly is passed on before it is much, so that everybody sees that it moves.
async fn gather(download: &mut Download, mut piece: BytesMut) -> Result<Bytes, RegistryError> {
    let stopwatch = Clock.start();
    piece.clear();
    while piece.len() < PIECE && (piece.is_empty() || stopwatch.elapsed() < PATIENCE) {
        let Some(bytes) = download.next().await? else { break };
        piece.extend_from_slice(&bytes);
    }
    // Who sends little at a time must not make us hold much: others may wait long until they take it.
    Ok(if piece.len() < PIECE / 8 { Bytes::copy_from_slice(&piece) } else { piece.freeze() })
}

impl Place {
    fn unread(&self, source: io::Error) -> SourceError {
        match &self.origin {
            Origin::Layout { path, .. } => LayoutError::Read { path: path.clone(), source }.into(),
            Origin::Remote(thing) => RegistryError::Temporary { thing: thing.clone(), source }.into(),
        }
    }

    /// What is done with the pieces.
    fn broke(&self, source: io::Error) -> SourceError {
        match &self.beside {
            Some(path) => LayoutError::Write { path: path.clone(), source }.into(),
            None => self.unread(source),
        }
    }

    fn wrong_size(&self, digest: Digest, want: u64, found: u64) -> SourceError {
        match &self.origin {
            Origin::Layout { layout, .. } => {
                LayoutError::Size { layout: layout.clone(), digest, want, found }.into()
            }
            Origin::Remote(thing) => RegistryError::Size { thing: thing.clone(), want, found }.into(),
        }
    }

    fn wrong_digest(&self, source: Mismatch) -> SourceError {
        match &self.origin {
            Origin::Layout { layout, .. } => LayoutError::Digest { layout: layout.clone(), source }.into(),
            Origin::Remote(thing) => RegistryError::Digest { thing: thing.clone(), source }.into(),
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
/// Bytes written at once: the kernel has memory of this size at hand, and may have to look for more.
const PART: usize = 32 << 10;
/// How long a piece may take to become as large as it should.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::Seek as _;
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
            let mut local = BlobStream::layout(section.reader(), "layout".into(), "blob".into(), blob, None);
            let mut far = stub.remote("a").stream(blob, None).await.unwrap();
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

    /// What a stream writes besides.
    fn copied(content: &[u8], file: &File) -> Result<(), SourceError> {
        let reply = Reply::new(200).body(content);
        let stub = Stub::new(move |_| reply.clone());
        wait(async {
            let beside = Beside { file: file.try_clone().unwrap(), path: "copy".into() };
            drain(&mut stub.remote("a").stream(&blob(content), Some(beside)).await?).await.1
        })
    }

    #[test]
    fn all_of_it_is_written_when_the_end_is_reached() {
        for length in [1, PART, 2 * PIECE + 5] {
            let (content, mut file) = (content(length), tempfile::tempfile().unwrap());
            copied(&content, &file).unwrap();
            let mut got = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut got).unwrap();
            assert!(got == content, "{length}");
        }
    }

    /// Attack on ourselves: a blob that is not whole must not get its name.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_noticed_before_the_end() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        for length in [1, PIECE, 2 * PIECE + 5] {
            let copied = copied(&content(length), &full);
            let is_full = matches!(&copied, Err(SourceError::Layout(LayoutError::Write { source, .. }))
                if source.kind() == io::ErrorKind::StorageFull);
            assert!(is_full, "{length}: {copied:?}");
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
