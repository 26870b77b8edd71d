//! Content that was read before, by its digest: `~/.cache/plimsoll`. Whoever can write there can only waste our time: nothing is taken from it
//! without hashing it again.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::blob::{LayerBlob, Section};
use super::{Environment, FileError};
use crate::base::{Checked, Digest, limits};

/// A folder of blobs, shared by all processes of a user. A blob gets its name by renaming, once it is whole: readers see all of it or nothing.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Bytes that it may have.
    bound: u64,
    /// Bytes that this run may write before it looks how large it is.
    room: AtomicU64,
    /// Whose files are believed to stay as they were hashed; none if that cannot be told.
    owner: OnceLock<Option<u32>>,
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
        Some(Self::at(caches.join("plimsoll"), limits::STORE))
    }

    fn at(root: PathBuf, bound: u64) -> Self {
        Self { root, bound, room: AtomicU64::new(0), owner: OnceLock::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Content of this size, in memory.
    pub(super) fn read(&self, digest: Digest, size: u64) -> Option<Checked> {
        let mut bytes = Vec::new();
        let mut blob = self.layer(digest, Some(size))?.open().ok()?.take(size);
        blob.read_to_end(&mut bytes).ok()?;
        digest.check(bytes).ok()
    }

    /// A blob, of this size if one is known, hashed again. What is not what its name says is removed.
    pub(super) fn layer(&self, digest: Digest, size: Option<u64>) -> Option<LayerBlob> {
        let path = self.blob(digest);
        // A pipe would never end, and behind a link is something else.
        let named = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let file = File::open(&path).ok()?;
        let found = file.metadata().ok()?;
        // The descriptor is the registry's word, which may be wrong: the file need not be.
        if size.is_some_and(|size| found.len() != size) || !is_same(&named, &found) || !self.is_ours(&found) {
            return None;
        }
        let handle = Arc::new(Mutex::new(file));
        let section = Section::new(handle.clone(), 0, found.len());
        if section.digest(digest.algorithm()).ok()? != digest {
            let _ = fs::remove_file(&path);
            return None;
        }
        // The age of a file is when it was of use last; where that cannot be written, others go first.
        let file = handle.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.set_modified(SystemTime::now());
        drop(file);
        Some(LayerBlob::checked(digest, section))
    }

    /// Whether nobody else can change the file after it was hashed.
    fn is_ours(&self, file: &fs::Metadata) -> bool {
        match self.owner.get_or_init(|| self.folder_owner()) {
            Some(owner) => is_private(file, *owner),
            None => false,
        }
    }

    /// Of files that this process makes in the store, if the store is its own.
    fn folder_owner(&self) -> Option<u32> {
        let folder = self.root.join(COMING);
        make_private(&folder).ok()?;
        let mine = owner(&tempfile::tempfile_in(&folder).ok()?.metadata().ok()?);
        let folders = [self.root.clone(), folder, self.root.join(BLOBS)];
        let is_mine = |path: &PathBuf| match fs::metadata(path) {
            Ok(found) => found.is_dir() && is_private(&found, mine),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        folders.iter().all(is_mine).then_some(mine)
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
        if size > self.bound / 4 {
            return None;
        }
        // In a folder of somebody else, files would be replaced under our hands.
        (*self.owner.get_or_init(|| self.folder_owner()))?;
        let folder = self.root.join(COMING);
        make_private(&folder).ok()?;
        if !is_folder(&folder) {
            return None;
        }
        let takes = |room: u64| room.checked_sub(size.max(1));
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes).is_err() {
            self.room.store((self.bound / 4).saturating_sub(size), Ordering::Relaxed);
            self.trim(self.bound);
        }
        tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder).ok()
    }

    /// Gives a file its name. For bytes that were hashed to `digest` only. The file stays open.
    pub(super) fn commit(&self, file: NamedTempFile, digest: Digest) -> File {
        let path = self.blob(digest);
        let made = |folder: &Path| make_private(folder).is_ok() && is_folder(folder);
        if !made(&self.root.join(BLOBS)) || !path.parent().is_some_and(made) {
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
        for coming in self.coming()? {
            remove(&coming)?;
        }
        Ok(StoreSize { blobs: files.len() as u64, bytes: files.iter().map(|file| file.bytes).sum() })
    }

    /// Removes what was of use longest ago until three quarters of `bound` are left, and what processes that are no more left behind.
    fn trim(&self, bound: u64) {
        let now = SystemTime::now();
        for coming in self.coming().unwrap_or_default() {
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

    /// Blobs. What is not named as one, or is behind a link, is not ours to count, and not to remove.
    fn files(&self) -> Result<Vec<Kept>, FileError> {
        let mut out = Vec::new();
        for algorithm in list(&self.root.join(BLOBS))? {
            for path in list(&algorithm)? {
                let name = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
                let digest = name(&algorithm).zip(name(&path)).map(|(kind, hex)| format!("{kind}:{hex}"));
                if digest.is_none_or(|text| text.parse::<Digest>().is_err()) {
                    continue;
                }
                // What is gone by now is gone.
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                out.push(Kept { path, bytes: found.len(), used });
            }
        }
        Ok(out)
    }

    /// Files that have no name yet.
    fn coming(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut found = list(&self.root.join(COMING))?;
        found.retain(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        });
        Ok(found)
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

/// What is in a folder; one that is not there, or is a link to somewhere else, holds nothing of ours.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    if fs::symlink_metadata(folder).is_ok_and(|found| !found.is_dir()) {
        return Ok(Vec::new());
    }
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

/// A folder, and not a link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(unix)]
fn owner(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(found)
}

/// Of that user, and nobody else may write to it.
#[cfg(unix)]
fn is_private(found: &fs::Metadata, user: u32) -> bool {
    owner(found) == user && std::os::unix::fs::MetadataExt::mode(found) & 0o022 == 0
}

/// Whether nothing was put in its place between two looks.
#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn owner(_: &fs::Metadata) -> u32 {
    0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata, _: u32) -> bool {
    true
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

const BLOBS: &str = "blobs";
/// The folder of files that have no name yet.
const COMING: &str = "coming";
/// How their names begin.
const PREFIX: &str = "coming-";
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

    fn bounded(bound: u64) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("plimsoll"), bound);
        (folder, store)
    }

    #[test]
    fn gives_back_what_it_was_given() {
        let (_folder, store) = store();
        let content = Checked::of(b"hello".to_vec());
        assert!(store.read(content.digest(), 5).is_none());
        store.keep(&content);
        store.keep(&content);
        assert_eq!(store.read(content.digest(), 5).unwrap().bytes(), b"hello");
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
        for wrong in ["hellO", "HELLO"] {
            store.keep(&content);
            fs::write(&path, wrong).unwrap();
            assert!(store.read(content.digest(), 5).is_none(), "{wrong}");
            assert!(!path.exists());
        }
        // Another length is seen without hashing, and the next time it is fetched it gets its name again.
        for wrong in ["hello and more", "hell", ""] {
            store.keep(&content);
            fs::write(&path, wrong).unwrap();
            assert!(store.read(content.digest(), 5).is_none(), "{wrong}");
            store.keep(&content);
            assert_eq!(store.read(content.digest(), 5).unwrap().bytes(), b"hello");
        }
    }

    // A descriptor is the word of a registry: a wrong one must not cost what is right.
    #[test]
    fn a_wrong_size_takes_nothing_away() {
        let (_folder, store) = store();
        let content = Checked::of(b"hello".to_vec());
        store.keep(&content);
        for size in [0, 4, 6, u64::MAX] {
            assert!(
                store.layer(content.digest(), Some(size)).is_none()
                    && store.read(content.digest(), size).is_none()
            );
        }
        assert_eq!(store.read(content.digest(), 5).unwrap().bytes(), b"hello");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_behind_links_is_left_alone() {
        use std::os::unix::fs::symlink;
        let content = Checked::of(b"hello".to_vec());
        let (folder, store) = store();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let precious = elsewhere.join(content.digest().hex());
        fs::write(&precious, "hello").unwrap();
        fs::write(elsewhere.join("coming-1"), "mine").unwrap();
        let old = SystemTime::now() - 2 * ABANDONED;
        File::open(elsewhere.join("coming-1")).unwrap().set_modified(old).unwrap();
        let blobs = store.root.join(BLOBS);
        let check = |what: &str| {
            let store = Store::at(store.root.clone(), limits::STORE);
            store.keep(&content);
            store.trim(0);
            store.clear().unwrap();
            assert_eq!(store.size().unwrap(), StoreSize::default(), "{what}");
            let left: Vec<_> = fs::read_dir(&elsewhere).unwrap().collect();
            assert_eq!(left.len(), 2, "{what}: {left:?}");
        };
        // A blob that is a link.
        fs::create_dir_all(blobs.join("sha256")).unwrap();
        symlink(&precious, store.blob(content.digest())).unwrap();
        assert!(store.read(content.digest(), 5).is_none());
        check("a blob");
        // Folders that are.
        for (link, what) in
            [(blobs.join("sha256"), "sha256"), (blobs.clone(), "blobs"), (store.root.join(COMING), "coming")]
        {
            fs::remove_dir_all(&store.root).unwrap();
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(&elsewhere, &link).unwrap();
            check(what);
        }
        // What the user keeps there is not ours either.
        fs::remove_dir_all(&store.root).unwrap();
        fs::create_dir_all(blobs.join("sha256")).unwrap();
        fs::create_dir_all(store.root.join(COMING)).unwrap();
        for path in [blobs.join("sha256/notes"), blobs.join("note"), store.root.join("coming/notes")] {
            fs::write(&path, "mine").unwrap();
        }
        check("notes");
        assert!(blobs.join("sha256/notes").exists() && store.root.join("coming/notes").exists());
        // The whole of it may be elsewhere: that is how people move it to another disk.
        fs::remove_dir_all(&store.root).unwrap();
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        fs::set_permissions(&disk, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        symlink(&disk, &store.root).unwrap();
        store.keep(&content);
        assert_eq!(store.read(content.digest(), 5).unwrap().bytes(), b"hello");
    }

    // Who can write to a file can change it after it was hashed and before it is read.
    #[cfg(unix)]
    #[test]
    fn what_others_can_write_to_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let content = Checked::of(b"hello".to_vec());
        let (_folder, store) = store();
        store.keep(&content);
        let path = store.blob(content.digest());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o620, 0o602, 0o666] {
            set(&path, mode);
            assert!(store.read(content.digest(), 5).is_none(), "{mode:o}");
        }
        set(&path, 0o600);
        for folder in [store.root.clone(), store.root.join(BLOBS), store.root.join(COMING)] {
            set(&folder, 0o777);
            let other = Store::at(store.root.clone(), limits::STORE);
            assert!(other.read(content.digest(), 5).is_none() && other.begin(1).is_none(), "{folder:?}");
            set(&folder, 0o700);
        }
        // Somebody else's; only root can make that.
        if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
            assert!(store.read(content.digest(), 5).is_none());
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        }
        assert!(store.read(content.digest(), 5).is_some());
    }

    #[test]
    fn clearing_it_while_others_use_it_costs_them_nothing() {
        let (_folder, store) = store();
        let content = Checked::of(b"hello".to_vec());
        store.keep(&content);
        let open = store.layer(content.digest(), None).unwrap();
        let mut coming = store.begin(5).unwrap();
        std::io::Write::write_all(&mut coming, b"world").unwrap();
        store.clear().unwrap();
        let mut bytes = Vec::new();
        open.open().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"hello");
        // A file that lost its name meanwhile is read all the same.
        let mut file = store.commit(coming, Digest::of(b"world"));
        std::io::Seek::rewind(&mut file).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"world");
        assert_eq!(store.size().unwrap(), StoreSize::default());
        // Many at once.
        let contents: Vec<Checked> = (0..50_u8).map(|byte| Checked::of(vec![byte; 1000])).collect();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for content in &contents {
                        store.keep(content);
                        if let Some(read) = store.read(content.digest(), 1000) {
                            assert_eq!(read.bytes(), content.bytes());
                        }
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    store.clear().unwrap();
                }
            });
        });
        store.clear().unwrap();
        assert_eq!(fs::read_dir(store.root.join(COMING)).unwrap().count(), 0);
    }

    #[test]
    fn one_run_cannot_fill_the_disk() {
        let (_folder, store) = bounded(1000);
        for number in 0..200_u32 {
            store.keep(&Checked::of([&number.to_le_bytes()[..], &[0; 96]].concat()));
            let size = store.size().unwrap();
            assert!(size.bytes <= 1000 + 250, "{number}: {size:?}");
        }
        assert!(store.size().unwrap().bytes >= 500);
        assert!(store.begin(251).is_none());
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
        let abandoned = store.root.join(COMING).join("coming-x");
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
