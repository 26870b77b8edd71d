//! All layers, each in one pass, as many at a time as there are cores.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::Arc;

use super::archive::{Archive, Kind, Member};
use super::inflate::{BUFFERS, Stream, inflate};
use super::layer::{Contents, Entry, Layer};
use super::{Claims, ImageError};
use crate::base::{Digest, Hasher, ImagePath, Mismatch, PathError, limits};

/// Reads every layer to its end, checks it against its `diff_id`, and keeps what is claimed. The result is in the order of the layers.
pub fn read(layers: &[Layer<'_>], claims: &Claims) -> Result<Vec<Contents>, ImageError> {
    read_within(layers, claims, &Caps::STANDARD)
}

/// The limits of one run, so that tests can reach them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    pub(super) uncompressed: u64,
    pub(super) ratio: u64,
    pub(super) free: u64,
    pub(super) files: usize,
    pub(super) file: u64,
    pub(super) total: u64,
}

impl Caps {
    pub(super) const STANDARD: Self = Self {
        uncompressed: limits::LAYER_UNCOMPRESSED,
        ratio: limits::LAYER_RATIO,
        free: limits::LAYER_FREE,
        files: limits::FILES,
        file: limits::CATALOGED_FILE,
        total: limits::CATALOGED_TOTAL,
    };
}

/// What the threads share.
struct Run<'a> {
    claims: &'a Claims,
    caps: &'a Caps,
    next: AtomicUsize,
    stop: AtomicBool,
    held: AtomicU64,
}

pub(super) fn read_within(
    layers: &[Layer<'_>],
    claims: &Claims,
    caps: &Caps,
) -> Result<Vec<Contents>, ImageError> {
    if layers.len() > limits::LAYERS {
        return Err(ImageError::Layers { count: layers.len(), limit: limits::LAYERS });
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.min(layers.len()).min(MOST_WORKERS);
    let (next, stop, held) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicU64::new(0));
    let run = &Run { claims, caps, next, stop, held };
    let mut done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(move || work(layers, run))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

const MOST_WORKERS: usize = 8;

fn work(layers: &[Layer<'_>], run: &Run<'_>) -> Vec<(usize, Result<Contents, ImageError>)> {
    let mut done = Vec::new();
    while !run.stop.load(Ordering::Relaxed) {
        let index = run.next.fetch_add(1, Ordering::Relaxed);
        let Some(layer) = layers.get(index) else { break };
        let result = read_layer(layer, index, run);
        if result.is_err() {
            run.stop.store(true, Ordering::Relaxed);
        }
        done.push((index, result));
    }
    done
}

fn read_layer(layer: &Layer<'_>, index: usize, run: &Run<'_>) -> Result<Contents, ImageError> {
    let (full_in, full_out) = sync_channel(BUFFERS);
    let (empty_in, empty_out) = sync_channel(BUFFERS);
    std::thread::scope(|scope| {
        scope.spawn(move || inflate(layer, index, run.caps, &full_in, &empty_out));
        // Owned here: the scope waits for the other thread, which stops when nobody listens any more.
        let mut stream = Stream::new(full_out, empty_in, Hasher::new(layer.diff_id.algorithm()));
        let contents = parse(&mut stream, index, run);
        if let Some(failure) = stream.take_failure() {
            return Err(failure);
        }
        let contents = contents?;
        check(layer, index, stream.finish())?;
        Ok(contents)
    })
}

fn check(layer: &Layer<'_>, index: usize, got: Digest) -> Result<(), ImageError> {
    if got == layer.diff_id {
        return Ok(());
    }
    Err(ImageError::DiffId { layer: index, source: Mismatch { want: layer.diff_id, got } })
}

fn parse(stream: &mut Stream, index: usize, run: &Run<'_>) -> Result<Contents, ImageError> {
    let mut archive = Archive::new(stream);
    let mut reading = Reading { contents: Contents::default(), odd: 0, entries: 0, index, run };
    while let Some(member) = archive.next().map_err(|source| reading.broken(&archive, source))? {
        if reading.entries == run.caps.files {
            return Err(ImageError::Files { layer: index, limit: run.caps.files });
        }
        reading.keep(member, &mut archive)?;
        reading.entries += 1;
    }
    if archive.drain().map_err(|source| reading.broken(&archive, source))? {
        reading.unknown(format!("layer {index} has data after the end of its archive, which was not read"));
    }
    Ok(reading.finish())
}

/// One layer while it is read.
struct Reading<'a> {
    contents: Contents,
    odd: usize,
    entries: usize,
    index: usize,
    run: &'a Run<'a>,
}

impl Reading<'_> {
    fn broken(&self, archive: &Archive<'_>, source: std::io::Error) -> ImageError {
        ImageError::Archive { layer: self.index, entries: self.entries, offset: archive.offset(), source }
    }

    /// Sentences are few even if a layer is full of oddities.
    fn unknown(&mut self, sentence: String) {
        self.odd += 1;
        if self.odd <= SENTENCES {
            self.contents.unknowns.push(sentence);
        }
    }

    fn finish(mut self) -> Contents {
        if let Some(more @ 1..) = self.odd.checked_sub(SENTENCES) {
            self.contents.unknowns.push(format!("layer {} has {more} more such entries", self.index));
        }
        self.contents
    }

    fn keep(&mut self, member: Member, archive: &mut Archive<'_>) -> Result<(), ImageError> {
        let (path, entry) = match whiteout(&member) {
            Some(found) => found,
            None => (ImagePath::try_from(member.name.as_slice()), None),
        };
        let path = match path {
            Ok(path) => path,
            Err(PathError::Root) => return Ok(()),
            Err(error @ (PathError::Nul | PathError::Parent)) => {
                let name = String::from_utf8_lossy(&member.name).chars().take(200).collect::<String>();
                self.unknown(format!("layer {} has an entry `{name}`, which was not read: {error}", self.index));
                return Ok(());
            }
        };
        let (wanted, pass) = (self.run.claims.wants(&path), self.run.claims.pass(&path));
        if !wanted && !pass {
            return Ok(());
        }
        let entry = match entry {
            Some(entry) => entry,
            None => self.entry(member, &path, wanted, archive)?,
        };
        self.hold(path, entry)
    }

    fn entry(
        &mut self,
        member: Member,
        path: &ImagePath,
        wanted: bool,
        archive: &mut Archive<'_>,
    ) -> Result<Entry, ImageError> {
        Ok(match member.kind {
            Kind::File if wanted => {
                let limit = self.run.caps.file;
                if member.size > limit {
                    return Err(ImageError::FileTooLarge { layer: self.index, path: path.clone(), limit });
                }
                let content = archive.content(member.size).map_err(|source| self.broken(archive, source))?;
                Entry::File(Arc::from(content))
            }
            Kind::File | Kind::Other => Entry::Other,
            Kind::Folder => Entry::Folder,
            Kind::HardLink => match ImagePath::try_from(member.target.as_slice()) {
                Ok(target) => Entry::HardLink(target),
                Err(_) => Entry::Other,
            },
            Kind::Sparse => {
                if wanted {
                    self.unknown(format!("{path} in layer {} is a sparse file, which was not read", self.index));
                }
                Entry::Other
            }
            Kind::SymbolicLink => Entry::SymbolicLink(member.target),
        })
    }

    fn hold(&mut self, path: ImagePath, entry: Entry) -> Result<(), ImageError> {
        let content = match &entry {
            Entry::File(content) => content.len(),
            Entry::HardLink(target) => target.as_bytes().len(),
            Entry::SymbolicLink(target) => target.len(),
            Entry::Folder | Entry::Opaque | Entry::Other | Entry::Whiteout => 0,
        };
        // Names count too: millions of empty files must not fill the memory either.
        let weight = (content + path.as_bytes().len() + ENTRY_WEIGHT) as u64;
        if self.run.held.fetch_add(weight, Ordering::Relaxed) + weight > self.run.caps.total {
            return Err(ImageError::TotalTooLarge { limit: self.run.caps.total });
        }
        self.contents.entries.push((path, entry));
        Ok(())
    }
}

/// Image-spec v1.1 layer.md, "Whiteouts": `.wh.NAME` hides NAME of lower layers, `.wh..wh..opq` everything beside it.
fn whiteout(member: &Member) -> Option<(Result<ImagePath, PathError>, Option<Entry>)> {
    let full = member.name.strip_suffix(b"/").unwrap_or(&member.name);
    let at = full.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = full.split_at_checked(at)?;
    let hidden = name.strip_prefix(b".wh.")?;
    if hidden == b".wh..opq" {
        return Some((ImagePath::try_from(folder), Some(Entry::Opaque)));
    }
    // Other names with the double prefix belong to the storage driver (`.wh..wh.plnk`), and `.wh.` alone hides nothing.
    if hidden.starts_with(b".wh.") || hidden.is_empty() {
        return Some((Err(PathError::Root), None));
    }
    Some((ImagePath::try_from([folder, hidden].concat().as_slice()), Some(Entry::Whiteout)))
}

const SENTENCES: usize = 16;
const ENTRY_WEIGHT: usize = 96;
