//! The files of a layout: in a folder, or in a tar archive that is read by seeking.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::LayoutError;
use crate::base::{ImagePath, limits};
use crate::io::blob::Section;

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// In a folder.
    Folder(PathBuf),
    /// In a tar file.
    Archive(Arc<Archive>),
}

/// A tar file and where its regular files are.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    entries: BTreeMap<String, Section>,
}

impl Store {
    /// Reads the headers of an archive.
    pub(super) fn archive(path: &Path) -> Result<Self, LayoutError> {
        Archive::open(path).map(|archive| Self::Archive(Arc::new(archive)))
    }

    /// The folder or the tar file.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Archive(archive) => &archive.path,
            Self::Folder(folder) => folder,
        }
    }

    /// A file of the layout; none if it is not there. `name` is made of fixed words, digests and normal paths only.
    pub(super) fn section(&self, name: &str) -> Result<Option<Section>, LayoutError> {
        match self {
            Self::Archive(archive) => Ok(archive.entries.get(name).cloned()),
            Self::Folder(folder) => open(folder, name),
        }
    }

    /// The names of all files two folders below `folder`, sorted.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, LayoutError> {
        let mut names = match self {
            Self::Archive(archive) => {
                let inside =
                    |name: &&String| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
                archive.entries.keys().filter(inside).cloned().collect()
            }
            Self::Folder(root) => {
                let mut names = Vec::new();
                for kind in list(&root.join(folder))? {
                    for file in list(&root.join(folder).join(&kind))? {
                        names.push(format!("{folder}/{kind}/{file}"));
                    }
                }
                names
            }
        };
        if names.len() > limits::LAYOUT_BLOBS {
            return Err(LayoutError::TooMany { layout: self.path().to_owned(), limit: limits::LAYOUT_BLOBS });
        }
        names.sort();
        Ok(names)
    }

    /// The content of a file of the layout; none if it is not there.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let Some(section) = self.section(name)? else { return Ok(None) };
        if section.length() > limit {
            let layout = self.path().to_owned();
            return Err(LayoutError::TooLarge { layout, name: name.to_owned(), limit });
        }
        let mut bytes = Vec::new();
        let read = section.reader().read_to_end(&mut bytes);
        read.map_err(|source| LayoutError::Read { path: self.path().join(name), source })?;
        Ok(Some(bytes))
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self, LayoutError> {
        let wrong = |source| LayoutError::Read { path: path.to_owned(), source };
        let is_file = fs::metadata(path).map_err(wrong)?.is_file();
        if !is_file {
            return Err(LayoutError::NotRegular { path: path.to_owned() });
        }
        let file = File::open(path).map_err(wrong)?;
        let length = file.metadata().map_err(wrong)?.len();
        let shared = Arc::new(Mutex::new(file.try_clone().map_err(wrong)?));
        let mut entries = BTreeMap::new();
        let left = Rc::new(Cell::new(ENTRY_HEADERS));
        let mut archive = tar::Archive::new(Headers { file, left: left.clone() });
        for (count, entry) in archive.entries_with_seek().map_err(wrong)?.enumerate() {
            let entry = entry.map_err(wrong)?;
            left.set(ENTRY_HEADERS);
            if count >= limits::ARCHIVE_ENTRIES {
                return Err(LayoutError::TooMany { layout: path.to_owned(), limit: limits::ARCHIVE_ENTRIES });
            }
            // Links could make one name mean another file's content.
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = ImagePath::try_from(&*entry.path_bytes())
                .map_err(|source| LayoutError::EntryName { layout: path.to_owned(), source })?
                .to_string();
            let (start, size) = (entry.raw_file_position(), entry.size());
            if start.checked_add(size).is_none_or(|end| end > length) {
                return Err(LayoutError::Truncated { layout: path.to_owned(), name });
            }
            if entries.insert(name.clone(), Section::new(shared.clone(), start, size)).is_some() {
                return Err(LayoutError::DuplicateEntry { layout: path.to_owned(), name });
            }
        }
        Ok(Self { path: path.to_owned(), entries })
    }
}

/// The headers of an archive, so many bytes for each entry: the `tar` crate reads extension headers into memory, however long they say
/// that they are. Content is not read here but skipped.
struct Headers {
    file: File,
    left: Rc<Cell<u64>>,
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "the headers of an entry are too long"));
        }
        let count = (&mut self.file).take(self.left.get()).read(buffer)?;
        self.left.set(self.left.get() - count as u64);
        Ok(count)
    }
}

impl Seek for Headers {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Long name, long link and pax records, with their header blocks.
const ENTRY_HEADERS: u64 = 4 * limits::TAR_EXTENSION;

/// The names in a folder; none if it is not a folder. A symbolic link is none.
fn list(folder: &Path) -> Result<Vec<String>, LayoutError> {
    let wrong = |source| LayoutError::Read { path: folder.to_owned(), source };
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(error)),
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        // A name that is not UTF-8 is no digest.
        names.extend(entry.map_err(wrong)?.file_name().into_string());
        if names.len() > limits::LAYOUT_BLOBS {
            return Err(LayoutError::TooMany { layout: folder.to_owned(), limit: limits::LAYOUT_BLOBS });
        }
    }
    Ok(names)
}

/// Opens a regular file below `folder`; a symbolic link on the way down is refused, as it could lead out of the layout.
fn open(folder: &Path, name: &str) -> Result<Option<Section>, LayoutError> {
    let mut path = folder.to_owned();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let wrong = |source: std::io::Error| LayoutError::Read { path: path.clone(), source };
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error)),
        };
        if parts.peek().is_some() {
            if !found.is_dir() {
                return Err(LayoutError::NotRegular { path });
            }
            continue;
        }
        if !found.is_file() {
            return Err(LayoutError::NotRegular { path });
        }
        let file = File::open(&path).map_err(wrong)?;
        let opened = file.metadata().map_err(wrong)?;
        // Between the look and the opening, somebody may have put a link there.
        if !is_same(&found, &opened) {
            return Err(LayoutError::NotRegular { path });
        }
        return Ok(Some(Section::new(Arc::new(Mutex::new(file)), 0, opened.len())));
    }
    Ok(None)
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino()) && other.is_file()
}

#[cfg(not(unix))]
fn is_same(_one: &fs::Metadata, other: &fs::Metadata) -> bool {
    other.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &tempfile::TempDir, name: &[u8]) -> PathBuf {
        let path = folder.path().join("image.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_path("././@LongLink").unwrap();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(name.len() as u64);
        header.set_cksum();
        tar.append(&header, name).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        tar.append_data(&mut header, "short", &b""[..]).unwrap();
        tar.finish().unwrap();
        path
    }

    #[test]
    fn a_name_without_end_is_not_read_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let name = |length: u64| vec![b'a'; usize::try_from(length).unwrap()];
        let store = Store::archive(&archive(&folder, &name(300))).unwrap();
        assert!(store.section(&"a".repeat(300)).unwrap().is_some());
        let error = Store::archive(&archive(&folder, &name(ENTRY_HEADERS))).unwrap_err();
        assert!(matches!(error, LayoutError::Read { source, .. } if source.kind() == ErrorKind::InvalidData));
    }

    #[test]
    fn many_entries_each_have_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        let content = vec![0; usize::try_from(limits::TAR_EXTENSION).unwrap()];
        for number in 0..10 {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            let name = format!("{}{number}", "n".repeat(200));
            tar.append_data(&mut header, name, content.as_slice()).unwrap();
        }
        tar.finish().unwrap();
        let store = Store::archive(&path).unwrap();
        assert_eq!(store.section(&format!("{}9", "n".repeat(200))).unwrap().unwrap().length(), 1 << 20);
    }
}
