//! The files of a layout: in a folder, or in a tar archive that is read by seeking.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
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
        let mut archive = tar::Archive::new(file);
        for (count, entry) in archive.entries_with_seek().map_err(wrong)?.enumerate() {
            let entry = entry.map_err(wrong)?;
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
