//! Content that was read before, by its digest: `~/.cache/plimsoll`. Whoever can write there can only waste our time: nothing is taken from it
//! without hashing it again.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::blob::{LayerBlob, Section};
use super::{Environment, FileError};
use crate::base::{Checked, Digest, limits};

/// A folder of blobs, shared by all processes of a user. A blob gets its name by renaming, once it is whole: readers see all of it or nothing.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Bytes that this run may write before it looks how large it is.
    room: AtomicU64,
}

/// How large it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoreSize {
    /// Blobs.
    pub blobs: u64,
    /// Of all of them.
    pub bytes: u64,
}

impl Store {
    /// Where XDG says that caches are; none if nobody says where the user lives. Nothing is made yet.
    pub fn of(environment: &Environment) -> Option<Self> {
        let variable =
            |name: &str| environment.get(name).filter(|text| text.starts_with('/')).map(PathBuf::from);
        let caches = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
        Some(Self { root: caches.join("plimsoll"), room: AtomicU64::new(0) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Content of at most `limit` bytes that is held in memory.
    pub(super) fn read(&self, digest: Digest, limit: u64) -> Option<Checked> {
        let blob = self.layer(digest, None).filter(|blob| blob.size() <= limit)?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut blob.open().ok()?, &mut bytes).ok()?;
        digest.check(bytes).ok()
    }

    /// A blob of this size, hashed again. What is wrong is removed.
    pub(super) fn layer(&self, digest: Digest, size: Option<u64>) -> Option<LayerBlob> {
        let path = self.blob(digest);
        let is_file = fs::symlink_metadata(&path).ok()?.is_file();
        let file = File::open(&path).ok().filter(|_| is_file)?;
        let length = file.metadata().ok()?.len();
        // The age of a file is when it was of use last; where that cannot be written, others go first.
        let _ = file.set_modified(SystemTime::now());
        let section = Section::new(Arc::new(Mutex::new(file)), 0, length);
        let is_right = size.is_none_or(|size| size == length)
            && section.digest(digest.algorithm()).is_ok_and(|found| found == digest);
        if !is_right {
            let _ = fs::remove_file(&path);
            return None;
        }
        Some(LayerBlob::checked(digest, section))
    }

    /// Keeps content, if there is room. A cache that cannot be written is none.
    pub(super) fn keep(&self, content: &Checked) {
        let Some(mut file) = self.begin(content.bytes().len() as u64) else { return };
        if std::io::Write::write_all(&mut file, content.bytes()).is_ok() {
            self.commit(file, content.digest());
        }
    }

    /// A file for a blob that is about to be read; it vanishes unless it is committed. None if it is not to be kept.
    pub(super) fn begin(&self, size: u64) -> Option<NamedTempFile> {
        if size > limits::STORE / 4 {
            return None;
        }
        let folder = self.root.join(COMING);
        make_private(&folder).ok()?;
        let takes = |room: u64| room.checked_sub(size.max(1));
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes).is_err() {
            self.room.store((limits::STORE / 4).saturating_sub(size), Ordering::Relaxed);
            self.trim(limits::STORE);
        }
        NamedTempFile::new_in(folder).ok()
    }

    /// Gives a file its name. For bytes that were hashed to `digest` only. The file stays open.
    pub(super) fn commit(&self, file: NamedTempFile, digest: Digest) -> File {
        let path = self.blob(digest);
        if path.parent().is_none_or(|folder| make_private(folder).is_err()) {
            return file.into_file();
        }
        // Without a name it is as good for this run.
        file.persist(path).unwrap_or_else(|error| error.file.into_file())
    }

    /// How large it is.
    pub fn size(&self) -> Result<StoreSize, FileError> {
        let files = self.files()?;
        Ok(StoreSize { blobs: files.len() as u64, bytes: files.iter().map(|file| file.bytes).sum() })
    }

    /// Removes everything in it. Who reads from it right now keeps what it has open.
    pub fn clear(&self) -> Result<StoreSize, FileError> {
        let files = self.files()?;
        for file in &files {
            remove(&file.path)?;
        }
        for coming in list(&self.root.join(COMING))? {
            remove(&coming)?;
        }
        Ok(StoreSize { blobs: files.len() as u64, bytes: files.iter().map(|file| file.bytes).sum() })
    }

    /// Removes what was of use longest ago until three quarters of `bound` are left, and what processes that are no more left behind.
    fn trim(&self, bound: u64) {
        let now = SystemTime::now();
        for coming in list(&self.root.join(COMING)).unwrap_or_default() {
            let age = fs::metadata(&coming).and_then(|found| found.modified()).ok();
            if age.and_then(|age| now.duration_since(age).ok()).is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(coming);
            }
        }
        let Ok(mut files) = self.files() else { return };
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes <= bound {
            return;
        }
        files.sort_by_key(|file| file.used);
        for file in files {
            if bytes <= bound / 4 * 3 {
                return;
            }
            // Another process may have been faster.
            let _ = fs::remove_file(&file.path);
            bytes = bytes.saturating_sub(file.bytes);
        }
    }

    fn files(&self) -> Result<Vec<Kept>, FileError> {
        let mut out = Vec::new();
        for algorithm in list(&self.root.join(BLOBS))? {
            for path in list(&algorithm)? {
                // What is gone by now is gone.
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                out.push(Kept { path, bytes: found.len(), used });
            }
        }
        Ok(out)
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        self.root.join(BLOBS).join(digest.algorithm().name()).join(digest.hex())
    }
}

struct Kept {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// What is in a folder; a folder that is not there holds nothing.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unread = |source| FileError::Read { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(unread)?.path())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unread(error)),
    }
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Images may be private: nobody else looks into the cache.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

const BLOBS: &str = "blobs";
/// Files that have no name yet.
const COMING: &str = "coming";
/// The age at which a file without name has nobody any more.
const ABANDONED: Duration = Duration::from_secs(86400);

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let variable = ("XDG_CACHE_HOME".to_owned(), folder.path().display().to_string());
        let store = Store::of(&[variable].into_iter().collect()).unwrap();
        (folder, store)
    }

    #[test]
    fn gives_back_what_it_was_given() {
        let (_folder, store) = store();
        let content = Checked::of(b"hello".to_vec());
        assert!(store.read(content.digest(), 100).is_none());
        store.keep(&content);
        store.keep(&content);
        assert_eq!(store.read(content.digest(), 100).unwrap().bytes(), b"hello");
        assert!(store.read(content.digest(), 4).is_none());
        assert_eq!(store.size().unwrap(), StoreSize { blobs: 1, bytes: 5 });
        assert!(list(&store.root.join(COMING)).unwrap().is_empty());
        assert_eq!(store.clear().unwrap(), StoreSize { blobs: 1, bytes: 5 });
        assert_eq!(store.size().unwrap(), StoreSize::default());
    }

    #[test]
    fn what_somebody_changed_is_removed() {
        let (_folder, store) = store();
        let content = Checked::of(b"hello".to_vec());
        let path = store.blob(content.digest());
        for wrong in ["hellO", "hello and more", "hell", ""] {
            store.keep(&content);
            fs::write(&path, wrong).unwrap();
            assert!(store.read(content.digest(), 100).is_none(), "{wrong}");
            assert!(!path.exists());
        }
        store.keep(&content);
        assert!(store.layer(content.digest(), Some(6)).is_none());
        #[cfg(unix)]
        {
            let elsewhere = store.root.join("elsewhere");
            fs::write(&elsewhere, "hello").unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
            assert!(store.read(content.digest(), 100).is_none());
            assert!(elsewhere.exists());
        }
    }

    #[test]
    fn what_was_of_use_longest_ago_goes_first() {
        let (_folder, store) = store();
        let contents: Vec<Checked> = (0..10_u8).map(|byte| Checked::of(vec![byte; 100])).collect();
        for (age, content) in contents.iter().enumerate() {
            store.keep(content);
            let file = File::open(store.blob(content.digest())).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(1000 - age as u64)).unwrap();
        }
        assert!(store.read(contents[0].digest(), 100).is_some());
        store.trim(1000);
        assert_eq!(store.size().unwrap().blobs, 10);
        store.trim(400);
        let left: Vec<usize> = (0..10).filter(|at| store.blob(contents[*at].digest()).exists()).collect();
        assert_eq!(left, [0, 8, 9]);
        let abandoned = store.root.join(COMING).join("x");
        fs::write(&abandoned, "x").unwrap();
        store.trim(400);
        assert!(abandoned.exists());
        File::open(&abandoned).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        store.trim(400);
        assert!(!abandoned.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_looks_in() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, store) = store();
        store.keep(&Checked::of(b"hello".to_vec()));
        assert_eq!(fs::metadata(&store.root).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn nobody_lives_nowhere() {
        for variable in [("HOME", ""), ("XDG_CACHE_HOME", "relative"), ("X", "/x")] {
            let environment = [(variable.0.to_owned(), variable.1.to_owned())];
            assert!(Store::of(&environment.into_iter().collect()).is_none());
        }
    }
}
