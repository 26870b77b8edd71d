//! All layers, each in one pass, as many at a time as there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

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
    pub(super) image: u64,
    pub(super) ratio: u64,
    pub(super) free: u64,
    pub(super) files: usize,
    pub(super) file: u64,
    pub(super) total: u64,
}

impl Caps {
    pub(super) const STANDARD: Self = Self {
        uncompressed: limits::LAYER_UNCOMPRESSED,
        image: limits::IMAGE_UNCOMPRESSED,
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
    /// Uncompressed bytes of all layers so far.
    inflated: AtomicU64,
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
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (held, inflated) = (AtomicU64::new(0), AtomicU64::new(0));
    let run = &Run { claims, caps, next, stop, held, inflated };
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
        scope.spawn(move || inflate(layer, index, run.caps, &run.inflated, &full_in, &empty_out));
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
        let (path, entry) = match ImagePath::try_from(member.name.as_slice())
            .map(|path| whiteout(&path).unwrap_or((Ok(path), None)))
        {
            Ok((path, entry)) => (path, entry),
            Err(error) => (Err(error), None),
        };
        let path = match path {
            Ok(path) => path,
            Err(PathError::Root) if entry.is_some() => {
                self.contents.clears = true;
                return Ok(());
            }
            Err(PathError::Root) => return Ok(()),
            Err(error @ (PathError::Nul | PathError::Parent)) => {
                let name = String::from_utf8_lossy(&member.name).chars().take(200).collect::<String>();
                self.unknown(format!(
                    "layer {} has an entry `{name}`, which was not read: {error}",
                    self.index
                ));
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
                    self.unknown(format!(
                        "{path} in layer {} is a sparse file, which was not read",
                        self.index
                    ));
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
fn whiteout(path: &ImagePath) -> Option<(Result<ImagePath, PathError>, Option<Entry>)> {
    let full = path.as_bytes();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Tree;
    use crate::image::testing::{Tar, from_blob, gzip, layer};

    const SMALL: Caps = Caps {
        uncompressed: 8 << 20,
        image: 12 << 20,
        ratio: 100,
        free: 64 << 10,
        files: 100,
        file: 4096,
        total: 8192,
    };

    fn claims() -> Claims {
        Claims::new(["db/status", "doc/*/copyright"])
    }

    fn status(layers: &[Layer<'_>]) -> Result<Option<Vec<u8>>, ImageError> {
        let contents = read_within(layers, &claims(), &SMALL)?;
        let mut tree = Tree::default();
        contents.iter().for_each(|content| tree.apply(content));
        Ok(tree.file(&ImagePath::try_from("db/status").unwrap()).map(|file| file.content.to_vec()))
    }

    fn fails(layer: Layer<'_>) -> ImageError {
        status(&[Tar::default().layer(), layer]).unwrap_err()
    }

    #[test]
    fn every_compression_gives_the_same_tree() {
        let archive = Tar::default().file("./db/status", "x").end().bytes();
        for suffix in ["", "+gzip", "+zstd"] {
            assert_eq!(status(&[layer(archive.clone(), suffix)]).unwrap().unwrap(), b"x", "{suffix}");
        }
        // Several gzip members and several zstd frames are one stream.
        let (head, tail) = archive.split_at(700);
        let digest = Digest::of(&archive);
        let members = from_blob([gzip(head), gzip(tail)].concat(), digest, "+gzip");
        assert_eq!(status(&[members]).unwrap().unwrap(), b"x");
        let frames = [zstd::encode_all(head, 1).unwrap(), zstd::encode_all(tail, 1).unwrap()].concat();
        assert_eq!(status(&[from_blob(frames.clone(), digest, "+zstd")]).unwrap().unwrap(), b"x");
        let skipped =
            [b"\x5e\x2a\x4d\x18\x02\0\0\0xy", frames.as_slice(), b"\x50\x2a\x4d\x18\x01\0\0\0z"].concat();
        assert_eq!(status(&[from_blob(skipped.clone(), digest, "+zstd")]).unwrap().unwrap(), b"x");
        for bad in [
            &skipped[..skipped.len() - 11],
            &frames[..frames.len() - 1],
            &[skipped.as_slice(), b"junk"].concat(),
        ] {
            assert!(matches!(fails(from_blob(bad.to_vec(), digest, "+zstd")), ImageError::Read { .. }));
        }
        assert_eq!(status(&[]).unwrap(), None);
    }

    #[test]
    fn many_layers_come_in_their_order() {
        let layers: Vec<_> =
            (0..50).map(|n| Tar::default().file("db/status", n.to_string()).layer()).collect();
        assert_eq!(status(&layers).unwrap().unwrap(), b"49");
    }

    #[test]
    fn the_whole_layer_is_hashed() {
        let archive = Tar::default().file("db/status", "x").end().bytes();
        let other = Digest::of(b"other");
        assert!(matches!(
            fails(from_blob(archive.clone(), other, "")),
            ImageError::DiffId { layer: 1, source: Mismatch { want, .. } } if want == other
        ));
        // What follows the archive belongs to the digest, and is told.
        let hidden = Tar::default().raw(&archive).file("db/status", "hidden").bytes();
        assert!(matches!(
            fails(from_blob(hidden.clone(), Digest::of(&archive), "")),
            ImageError::DiffId { .. }
        ));
        let contents = read_within(&[layer(hidden, "")], &claims(), &SMALL).unwrap();
        assert_eq!(
            contents[0].unknowns,
            ["layer 0 has data after the end of its archive, which was not read"]
        );
        let padded = Tar::default().raw(&archive).raw(&[0; 20_000]).bytes();
        assert!(read_within(&[layer(padded, "")], &claims(), &SMALL).unwrap()[0].unknowns.is_empty());
    }

    #[test]
    fn refuses_what_is_not_a_layer() {
        let archive = || Tar::default().file("db/status", "x").end().bytes();
        let mut cut = archive();
        cut.truncate(600);
        assert!(matches!(
            fails(layer(cut, "")),
            ImageError::Archive { layer: 1, entries: 1, offset: 600, .. }
        ));
        assert!(matches!(fails(layer(vec![1; 2048], "")), ImageError::Archive { entries: 0, .. }));
        let blob = gzip(&archive());
        let digest = Digest::of(&archive());
        for (blob, suffix) in [(blob.clone(), "+zstd"), (blob.clone(), ""), (archive(), "+gzip")] {
            assert!(
                matches!(fails(from_blob(blob, digest, suffix)), ImageError::Compression { .. }),
                "{suffix}"
            );
        }
        let short = blob[..blob.len() - 9].to_vec();
        assert!(matches!(fails(from_blob(short, digest, "+gzip")), ImageError::Read { layer: 1, .. }));
        let junk = [blob.as_slice(), b"junk"].concat();
        assert!(matches!(fails(from_blob(junk, digest, "+gzip")), ImageError::Read { .. }));
        assert!(matches!(fails(layer(archive(), "+xz")), ImageError::MediaType { .. }));
        let absent =
            Layer { open: Box::new(|| Err(std::io::ErrorKind::NotFound.into())), ..layer(archive(), "") };
        assert!(matches!(fails(absent), ImageError::Read { .. }));
    }

    #[test]
    fn refuses_layers_that_are_too_large_together() {
        let zeros = || layer([0; 1024].repeat(7 << 10), "");
        assert!(read_within(&[zeros()], &claims(), &SMALL).is_ok());
        let both = read_within(&[zeros(), zeros()], &claims(), &SMALL);
        assert!(matches!(both, Err(ImageError::ImageUncompressed { limit: 12_582_912, .. })));
    }

    #[test]
    fn refuses_what_never_ends() {
        assert!(matches!(
            fails(layer(vec![0; 1 << 20], "+gzip")),
            ImageError::Ratio { layer: 1, limit: 100 }
        ));
        let noise: Vec<u8> = Digest::of(b"").bytes().to_vec();
        assert!(matches!(
            fails(layer(noise.repeat(9 << 15), "")),
            ImageError::Archive { .. } | ImageError::Uncompressed { .. }
        ));
        assert!(matches!(
            fails(layer([0; 1024].repeat(9 << 10), "")),
            ImageError::Uncompressed { limit: 8_388_608, .. }
        ));
        let many = (0..101).fold(Tar::default(), |tar, n| tar.file(&format!("f{n}"), ""));
        assert!(matches!(fails(many.layer()), ImageError::Files { layer: 1, limit: 100 }));
        let large = Tar::default().file("db/status", vec![b'x'; 4097]);
        assert!(matches!(fails(large.layer()), ImageError::FileTooLarge { limit: 4096, .. }));
        // A size that is only claimed costs no memory.
        let claimed = Tar::default().sized(b'0', b"db/status", "", 4000, b"x").bytes();
        assert!(matches!(fails(layer(claimed, "")), ImageError::Archive { .. }));
        let total =
            (0..3).fold(Tar::default(), |tar, n| tar.file(&format!("doc/{n}/copyright"), vec![b'x'; 3000]));
        assert!(matches!(fails(total.layer()), ImageError::TotalTooLarge { limit: 8192 }));
        let name = Tar::default().entry(b'L', b"././@LongLink", "", &vec![b'a'; (1 << 20) + 1]);
        assert!(matches!(fails(name.layer()), ImageError::Archive { .. }));
        let layers: Vec<_> = (0..501).map(|_| Tar::default().layer()).collect();
        assert!(matches!(status(&layers), Err(ImageError::Layers { count: 501, limit: 500 })));
    }

    #[test]
    fn names_of_every_kind() {
        let long = format!("doc/{}/copyright", "n".repeat(200));
        let read = |tar: Tar| {
            let mut contents = read_within(&[tar.layer()], &claims(), &SMALL).unwrap().remove(0);
            let names: Vec<String> = contents.entries.drain(..).map(|(path, _)| path.to_string()).collect();
            (names, contents.unknowns)
        };
        let pax = Tar::default()
            .pax(&[("path", long.as_bytes()), ("SCHILY.xattr.a=b", b"\n\0")])
            .file("short", "x");
        assert_eq!(read(pax).0, [long.as_str()]);
        let gnu = Tar::default().entry(b'L', b"l", "", format!("{long}\0").as_bytes()).file("short", "x");
        assert_eq!(read(gnu).0, [long.as_str()]);
        let newline = Tar::default().pax(&[("path", b"doc/a\nb/copyright")]).file("short", "x");
        assert_eq!(read(newline).0, ["doc/a\nb/copyright"]);
        let (names, unknowns) = read(Tar::default().file("../db/status", "x").file("db/../db/status", "y"));
        assert_eq!(names, [""; 0]);
        assert_eq!(unknowns.len(), 2);
        let many = (0..90).fold(Tar::default(), |tar, n| tar.file(&format!("../{n}"), ""));
        assert_eq!(read(many).1.len(), 17);
        let sparse = Tar::default()
            .pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.name", b"db/status")])
            .file("x", "y");
        assert_eq!(
            read(sparse),
            (
                vec!["db/status".to_owned()],
                vec!["db/status in layer 0 is a sparse file, which was not read".to_owned()]
            )
        );
    }

    #[test]
    fn sizes_as_the_runtime_sees_them() {
        // A pax size overrides the header's: what follows in the archive is content and no entry.
        let inner = Tar::default().file("db/status", "smuggled").bytes();
        let size = inner.len().to_string();
        let tar = Tar::default().pax(&[("size", size.as_bytes())]).sized(b'0', b"x", "", 0, &inner);
        assert_eq!(status(&[tar.layer()]).unwrap(), None);
        // A folder has no content, whatever its header says: what follows is an entry.
        let tar = Tar::default().sized(b'5', b"x", "", inner.len() as u64, b"").raw(&inner);
        assert_eq!(status(&[tar.layer()]).unwrap().unwrap(), b"smuggled");
        let overflow = Tar::default().pax(&[("size", b"18446744073709551615")]).file("x", "");
        assert!(matches!(fails(overflow.layer()), ImageError::Archive { .. }));
        for record in [&b"9 a=b\n"[..], b"x a=b\n", b"6 ab\n", b"99999999999999999999 a=b\n", b"7 a=bc"] {
            let tar = Tar::default().entry(b'x', b"p", "", record).file("x", "");
            assert!(matches!(fails(tar.layer()), ImageError::Archive { .. }), "{record:?}");
        }
    }

    #[test]
    fn names_as_the_runtime_sees_them() {
        let read = |tar: Tar| status(&[tar.layer()]).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
        let patched = |patch: &dyn Fn(&mut [u8; 512])| {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..6].copy_from_slice(b"status");
            header.set_size(1);
            patch(header.as_mut_bytes());
            header.set_cksum();
            Tar::default().raw(header.as_bytes()).raw(&[b'x'; 512])
        };
        let prefix = |bytes: &mut [u8; 512]| bytes[345..347].copy_from_slice(b"db");
        assert_eq!(read(patched(&prefix)).unwrap(), "x");
        // Another version of ustar, star, and what old writers in Go made of GNU's format.
        for (at, value) in [(263, &b"xx"[..]), (508, b"tar\0"), (257, b"ustar  \0")] {
            let both = |bytes: &mut [u8; 512]| {
                prefix(bytes);
                bytes[at..at + value.len()].copy_from_slice(value);
            };
            assert_eq!(read(patched(&both)).unwrap(), "x", "{value:?}");
        }
        let x = |name: &[u8]| Tar::default().pax(&[("path", name)]);
        // An empty name is none, a later pax header takes the place of an earlier one, a global one ends what came before.
        assert_eq!(read(Tar::default().entry(b'L', b"l", "", b"\0").file("db/status", "x")).unwrap(), "x");
        assert_eq!(read(x(b"a").pax(&[("mtime", b"1")]).file("db/status", "x")).unwrap(), "x");
        assert_eq!(read(x(b"a").entry(b'g', b"g", "", b"").file("db/status", "x")).unwrap(), "x");
        // Only a known version of sparse files names the file.
        let sparse = |more: &[(&str, &[u8])]| {
            let records = [&[("path", &b"db/status"[..]), ("GNU.sparse.name", b"a")], more].concat();
            Tar::default().pax(&records).file("y", "x")
        };
        assert_eq!(read(sparse(&[])).unwrap(), "x");
        assert_eq!(read(sparse(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")])).unwrap(), "x");
        assert_eq!(read(sparse(&[("GNU.sparse.map", b"0,1")])), None);
        assert_eq!(read(Tar::default().file("db/status/", "x")).unwrap(), "x");
    }

    #[test]
    fn numbers_in_headers() {
        let inner = Tar::default().file("db/status", "smuggled").bytes();
        // The oldest archives have folders that are marked by their name only: no content either.
        let tar = Tar::default().sized(b'\0', b"x/", "", inner.len() as u64, b"").raw(&inner);
        assert_eq!(status(&[tar.layer()]).unwrap().unwrap(), b"smuggled");
        let size = |field: &[u8; 12]| {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..9].copy_from_slice(b"db/status");
            header.as_old_mut().size = *field;
            header.set_cksum();
            Tar::default().raw(header.as_bytes()).raw(&[b'x'; 512]).layer()
        };
        for (field, want) in
            [(b" 1 \0\0\0\0\0\0\0\0\0", 1), (b"\0\0\x30000000002", 2), (b"\x80\0\0\0\0\0\0\0\0\0\0\x03", 3)]
        {
            assert_eq!(status(&[size(field)]).unwrap().unwrap().len(), want, "{field:?}");
        }
        for field in [
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0",
            b"\x80\x01\0\0\0\0\0\0\0\0\0\x01",
            b"\xff\xff\xff\0\0\0\0\0\0\0\x02\0",
            b"+1\0\0\0\0\0\0\0\0\0\0",
            b"-1\0\0\0\0\0\0\0\0\0\0",
            b"9\0\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert!(matches!(fails(size(field)), ImageError::Archive { .. }), "{field:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(noise: Vec<u8>, at in 0_usize..4096, cut in 0_usize..4096) {
            let tar = Tar::default().pax(&[("path", b"db/status")]).file("x", "y").hard_link("doc/a/copyright", "db/status");
            let mut bytes = tar.entry(b'L', b"l", "", b"db/status").file("z", "").end().bytes();
            for (to, from) in bytes.iter_mut().skip(at).zip(&noise) {
                *to = *from;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = status(&[layer(bytes, "")]);
            let _ = status(&[from_blob(noise, Digest::of(b""), "+gzip")]);
        }
    }
}
