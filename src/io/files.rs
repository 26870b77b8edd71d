//! Files that people name: read with a limit, written whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{LayerBlob, PassError};
use crate::base::{Mismatch, limits};

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// 0600: private keys.
    Private,
    /// As the existing file, or as the umask wants; nothing is run as somebody else.
    Public,
}

/// A file to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// Where.
    pub path: &'a Path,
    /// What.
    pub bytes: &'a [u8],
    /// Who may read it.
    pub mode: Mode,
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// It stays, also if somebody else wrote it a moment ago, and nothing is written.
    Kept,
    /// It is replaced.
    Replaced,
}

/// Files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Files;

impl Files {
    /// Reads a file of at most [`limits::INPUT_FILE`] bytes. A folder, a device or a pipe is refused.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        self.read_at_most(path, limits::INPUT_FILE)
    }

    /// Reads a file of at most `limit` bytes.
    pub fn read_at_most(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        open(path)?.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unread(path, error))?;
        if bytes.len() as u64 > limit {
            return Err(FileError::TooLarge { path: path.to_owned(), limit });
        }
        Ok(bytes)
    }

    /// Reads a file of any size piece by piece.
    pub fn stream(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<(), FileError> {
        stream(&mut open(path)?, each).map_err(|error| unread(path, error))
    }

    /// Reads a file of text.
    pub fn read_text(&self, path: &Path) -> Result<String, FileError> {
        String::from_utf8(self.read(path)?).map_err(|error| FileError::NotUtf8 {
            path: path.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })
    }

    /// Reads a file of text with a key in it; no copy stays in memory.
    pub fn read_secret(&self, path: &Path) -> Result<Zeroizing<String>, FileError> {
        // Room for all of it, so that growing leaves no unwiped copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limits::KEY_FILE as usize + 1));
        let read = open(path)?.take(limits::KEY_FILE + 1).read_to_end(&mut bytes);
        read.map_err(|error| unread(path, error))?;
        if bytes.len() as u64 > limits::KEY_FILE {
            return Err(FileError::TooLarge { path: path.to_owned(), limit: limits::KEY_FILE });
        }
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                drop(Zeroizing::new(error.into_bytes()));
                Err(FileError::NotUtf8 { path: path.to_owned(), offset })
            }
        }
    }

    /// Writes a file whole or not at all: a temporary file in the same folder, synced, then renamed over `path`. An existing file keeps its
    /// permissions; a symbolic link is followed, so that the link stays. What is no file (a device, a pipe, `/dev/stdout`) is left as it is.
    pub fn write(&self, path: &Path, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
        let target = target(path)?;
        let written = prepare(&target, bytes, mode).and_then(|file| Ok(file.persist(&target)?));
        written.map(|_| ()).map_err(|source| FileError::Write { path: path.to_owned(), source })
    }

    /// Looks whether [`Self::write`] can write there, and writes nothing: what comes before it may take hours.
    pub fn check_place(&self, path: &Path) -> Result<(), FileError> {
        let target = target(path)?;
        if target.is_dir() || target.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(FileError::NotAFile { path: path.to_owned() });
        }
        let folder = parent(&target);
        if !folder.is_dir() {
            return Err(FileError::NoFolder { path: path.to_owned(), folder: folder.to_owned() });
        }
        let made = tempfile::tempfile_in(folder);
        made.map(drop).map_err(|source| FileError::Write { path: path.to_owned(), source })
    }

    /// Writes a blob as [`Self::write`] does. It can be given up.
    pub async fn write_blob(&self, path: &Path, blob: &LayerBlob) -> Result<(), FileError> {
        let target = target(path)?;
        let wrong = |source| FileError::Write { path: path.to_owned(), source };
        let mut file = begin(&target, Mode::Public).map_err(wrong)?;
        let passed = blob.pass_on(|piece| file.write_all(piece).map(|()| true)).await;
        passed.map_err(|error| match error {
            PassError::Changed(source) => FileError::Changed { path: path.to_owned(), source },
            PassError::Io(source) => wrong(source),
        })?;
        set_permissions(file.as_file(), &target, Mode::Public).map_err(wrong)?;
        sync(file.as_file()).await.map_err(wrong)?;
        file.persist(&target).map(|_| ()).map_err(|error| wrong(error.error))
    }

    /// Writes two files that belong together: both or none.
    pub fn write_both(&self, files: [NewFile<'_>; 2], existing: Existing) -> Result<(), FileError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            |source| FileError::Write { path, source }
        };
        let place = |path: &Path| match existing {
            Existing::Kept => Ok(path.to_owned()),
            Existing::Replaced => target(path),
        };
        let [first, second] = files;
        let (one, two) = (place(first.path)?, place(second.path)?);
        let new_one = prepare(&one, first.bytes, first.mode).map_err(wrong(first.path))?;
        let new_two = prepare(&two, second.bytes, second.mode).map_err(wrong(second.path))?;
        let old_one = match existing {
            Existing::Replaced if self.exists(&one) => {
                let old = Zeroizing::new(self.read(&one)?);
                Some(prepare(&one, &old, Mode::Public).map_err(wrong(first.path))?)
            }
            Existing::Replaced | Existing::Kept => None,
        };
        persist(new_one, &one, existing).map_err(wrong(first.path))?;
        let Err(source) = persist(new_two, &two, existing) else { return Ok(()) };
        let undone = match old_one {
            Some(old) => old.persist(&one).map(drop).map_err(std::io::Error::from),
            None => fs::remove_file(&one),
        };
        let path = second.path.to_owned();
        match undone {
            Ok(()) => Err(FileError::Write { path, source }),
            Err(_) => Err(FileError::Half { path, left: first.path.to_owned(), source }),
        }
    }

    /// Makes a new folder, with its parents; one that is there already is refused.
    pub fn create_folder(&self, path: &Path) -> Result<(), FileError> {
        let wrong = |source| FileError::Write { path: path.to_owned(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        fs::create_dir(path).map_err(wrong)
    }

    /// Makes a folder with its parents, unless it is there.
    pub fn ensure_folder(&self, path: &Path) -> Result<(), FileError> {
        fs::create_dir_all(path).map_err(|source| FileError::Write { path: path.to_owned(), source })
    }

    /// A new folder that nobody else can read, removed when the value is dropped.
    pub fn temporary_folder(&self, prefix: &str) -> Result<TemporaryFolder, FileError> {
        let made = tempfile::Builder::new().prefix(prefix).tempdir();
        let wrong = |source| FileError::Write { path: std::env::temp_dir(), source };
        made.map(TemporaryFolder).map_err(wrong)
    }

    /// Whether something is at `path`.
    pub fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    let is_file = fs::metadata(path).map_err(|error| unread(path, error))?.is_file();
    if !is_file {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    File::open(path).map_err(|error| unread(path, error))
}

fn unread(path: &Path, source: std::io::Error) -> FileError {
    match source.kind() {
        ErrorKind::NotFound => FileError::NotFound { path: path.to_owned() },
        _ => FileError::Read { path: path.to_owned(), source },
    }
}

/// Reads to the end, piece by piece, in constant memory.
pub fn stream(input: &mut dyn Read, each: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
    let mut piece = vec![0; 1 << 16];
    loop {
        match input.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => each(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn persist(file: tempfile::NamedTempFile, target: &Path, existing: Existing) -> std::io::Result<()> {
    match existing {
        Existing::Kept => file.persist_noclobber(target)?,
        Existing::Replaced => file.persist(target)?,
    };
    Ok(())
}

/// The file that is written to, which need not be there. A name for something else is refused: to rename a file over it would remove a device,
/// a pipe, or a link such as `/dev/stdout`, which leads to no place in any folder.
fn target(path: &Path) -> Result<PathBuf, FileError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(path.to_owned());
    }
    let target = fs::canonicalize(path).ok();
    // The system itself puts no file in the place of a folder.
    let is_safe =
        |target: &PathBuf| fs::symlink_metadata(target).is_ok_and(|found| found.is_file() || found.is_dir());
    target.filter(is_safe).ok_or_else(|| FileError::NotAFile { path: path.to_owned() })
}

/// The content beside `target`, synced, to be renamed.
fn prepare(target: &Path, bytes: &[u8], mode: Mode) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = begin(target, mode)?;
    file.write_all(bytes)?;
    finish(&file, target, mode)?;
    Ok(file)
}

/// A file beside `target`, to be renamed. A new one is as private as the umask wants; one that takes another's place is shown to nobody before
/// [`set_permissions`].
pub(super) fn begin(target: &Path, mode: Mode) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    if mode == Mode::Public && fs::symlink_metadata(target).is_err() {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(parent(target))
}

fn finish(file: &tempfile::NamedTempFile, target: &Path, mode: Mode) -> std::io::Result<()> {
    set_permissions(file.as_file(), target, mode)?;
    file.as_file().sync_all()
}

/// Sees to it that a file is on the disk, and lets other work go on: a large one may take long.
pub(super) async fn sync(file: &File) -> std::io::Result<()> {
    let file = file.try_clone()?;
    tokio::task::spawn_blocking(move || file.sync_all()).await.map_err(std::io::Error::other)?
}

/// The folder that a file is in.
pub(super) fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A folder that is removed with all that is in it when this value is dropped.
#[derive(Debug)]
pub struct TemporaryFolder(tempfile::TempDir);

impl TemporaryFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Gives the file that will take the place of `target` its permissions.
#[cfg(unix)]
pub(super) fn set_permissions(file: &File, target: &Path, mode: Mode) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let bits = match (mode, fs::symlink_metadata(target)) {
        (Mode::Private, _) => 0o600,
        (Mode::Public, Ok(existing)) if existing.is_file() => existing.permissions().mode() & 0o777,
        (Mode::Public, _) => return Ok(()),
    };
    file.set_permissions(fs::Permissions::from_mode(bits))
}

#[cfg(not(unix))]
pub(super) fn set_permissions(_file: &File, _target: &Path, _mode: Mode) -> std::io::Result<()> {
    Ok(())
}

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not what it was when it was checked.
    #[error("{} is not written: its content changed on the way", .path.display())]
    Changed {
        /// Which.
        path: PathBuf,
        /// Both digests.
        source: Mismatch,
    },
    /// The second of two files that belong together was not written, and the first cannot be taken back.
    #[error("cannot write {}, and {} is left without it: remove that", .path.display(), .left.display())]
    Half {
        /// Which was not written.
        path: PathBuf,
        /// Which was.
        left: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No folder to write to.
    #[error("cannot write {}: there is no folder {}", .path.display(), .folder.display())]
    NoFolder {
        /// Which file.
        path: PathBuf,
        /// Which folder.
        folder: PathBuf,
    },
    /// A folder, pipe or device.
    #[error("{} is not a regular file", .path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Nothing there.
    #[error("{} does not exist", .path.display())]
    NotFound {
        /// Which.
        path: PathBuf,
    },
    /// Not text.
    #[error("{} is not UTF-8 text: byte {offset}", .path.display())]
    NotUtf8 {
        /// Which.
        path: PathBuf,
        /// Of the first byte that is not UTF-8.
        offset: usize,
    },
    /// Reading failed.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Over the limit.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: u64,
    },
    /// Writing failed; the file is as it was.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::io::blob::Section;
    use crate::io::stub::wait;

    /// A blob in a file of the folder, as if it had been checked.
    fn blob(folder: &Path, bytes: &[u8]) -> LayerBlob {
        let path = folder.join("blob");
        fs::write(&path, bytes).unwrap();
        let file = std::sync::Arc::new(std::sync::Mutex::new(File::open(path).unwrap()));
        LayerBlob::checked(Digest::of(bytes), Section::new(file, 0, bytes.len() as u64))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_blob_is_written_as_it_was_checked_or_not_at_all() {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = folder.path().join("layer");
        let bytes = vec![7; 1 << 20];
        let blob = blob(source.path(), &bytes);
        wait(Files.write_blob(&path, &blob)).unwrap();
        assert!(fs::read(&path).unwrap() == bytes);
        fs::remove_file(&path).unwrap();
        // Somebody writes into the layout between the check and the copy.
        fs::write(source.path().join("blob"), vec![8; 1 << 20]).unwrap();
        let result = wait(Files.write_blob(&path, &blob));
        assert!(matches!(result, Err(FileError::Changed { .. })), "{result:?}");
        fs::write(source.path().join("blob"), b"short").unwrap();
        assert!(wait(Files.write_blob(&path, &blob)).is_err());
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_blob_that_is_given_up_leaves_no_file() {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, blob) = (folder.path().join("layer"), blob(source.path(), &vec![7; 4 << 20]));
        wait(async {
            let mut writing = std::pin::pin!(Files.write_blob(&path, &blob));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(writing.as_mut().poll(&mut context).is_pending());
            assert_eq!(names(folder.path()).len(), 1);
        });
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn two_files_are_written_both_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let (key, public) = (folder.path().join("key"), folder.path().join("pub"));
        let write = |content: &[u8], existing| {
            let file = |path, mode| NewFile { path, bytes: content, mode };
            Files.write_both([file(&key, Mode::Private), file(&public, Mode::Public)], existing)
        };
        let content = |path: &Path| fs::read(path).ok();
        let fails_at = |result, at: &Path| match result {
            Err(FileError::Write { path, .. }) => assert_eq!(path, at),
            other => panic!("{other:?}"),
        };
        // Somebody else was faster.
        fs::write(&public, "theirs").unwrap();
        fails_at(write(b"ours", Existing::Kept), &public);
        assert_eq!((content(&key), content(&public)), (None, Some(b"theirs".to_vec())));
        write(b"ours", Existing::Replaced).unwrap();
        assert_eq!((content(&key), content(&public)), (Some(b"ours".to_vec()), Some(b"ours".to_vec())));
        fs::remove_file(&public).unwrap();
        fails_at(write(b"new", Existing::Kept), &key);
        fs::create_dir(&public).unwrap();
        fails_at(write(b"new", Existing::Replaced), &public);
        assert_eq!(content(&key), Some(b"ours".to_vec()));
        fs::remove_file(&key).unwrap();
        fails_at(write(b"new", Existing::Replaced), &public);
        assert_eq!(content(&key), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Attack on ourselves: `-o /dev/null` or `-o /dev/stdout`, as root, must not put a file in the place of the device.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced() {
        use std::os::unix::fs::{FileTypeExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::write(path("file"), "old").unwrap();
        for (to, link) in [("socket", "to-socket"), ("none", "to-none"), ("file", "to-file")] {
            symlink(path(to), path(link)).unwrap();
        }
        let source = tempfile::tempdir().unwrap();
        let blob = blob(source.path(), b"new");
        for name in ["socket", "to-socket", "to-none"] {
            let refused = Files.write(&path(name), b"new", Mode::Public);
            assert!(matches!(refused, Err(FileError::NotAFile { .. })), "{name}: {refused:?}");
            let refused = wait(Files.write_blob(&path(name), &blob));
            assert!(matches!(refused, Err(FileError::NotAFile { .. })), "{name}: {refused:?}");
            let paths = [path(name), path("pair")];
            let both = paths.each_ref().map(|path| NewFile { path, bytes: b"new", mode: Mode::Public });
            let refused = Files.write_both(both, Existing::Replaced);
            assert!(matches!(refused, Err(FileError::NotAFile { .. })), "{name}: {refused:?}");
        }
        assert!(fs::metadata(path("to-socket")).unwrap().file_type().is_socket());
        assert!(fs::symlink_metadata(path("to-none")).unwrap().is_symlink());
        Files.write(&path("to-file"), b"new", Mode::Public).unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"new");
        assert!(fs::symlink_metadata(path("to-file")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    }

    /// Attack: content of a stranger in place of a program that runs as its owner.
    #[cfg(unix)]
    #[test]
    fn new_content_does_not_run_as_somebody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o6750)).unwrap();
        Files.write(&path, b"new", Mode::Public).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o750);
    }

    #[test]
    fn a_stream_is_the_whole_file_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        for length in [0, 1, 1 << 16, (1 << 16) + 1, 1_000_000] {
            let content: Vec<u8> = (0..=255).cycle().take(length).collect();
            fs::write(&path, &content).unwrap();
            let (mut read, mut largest) = (Vec::new(), 0);
            let mut each = |piece: &[u8]| {
                largest = largest.max(piece.len());
                read.extend_from_slice(piece);
            };
            Files.stream(&path, &mut each).unwrap();
            assert!(read == content && largest <= 1 << 16, "{length}");
        }
        let read = |path: &Path| Files.stream(path, &mut |_| ());
        assert!(matches!(read(folder.path()), Err(FileError::NotAFile { .. })));
        assert!(matches!(read(&folder.path().join("no")), Err(FileError::NotFound { .. })));
    }
}
