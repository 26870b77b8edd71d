//! Where something is written to that may not be there yet.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::layout::{Layout, LayoutError};
use super::{Io, Source, SourceError};
use crate::base::{ImageLocator, LayoutSelector};

/// A place to write to. An archive is not there before [`Self::finish`].
#[derive(Debug)]
pub struct Destination {
    source: Source,
    archive: Option<Archive>,
}

/// A layout in a folder, and the file that it becomes.
#[derive(Debug)]
struct Archive {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Destination {
    pub(super) fn open(io: &Io, locator: &ImageLocator) -> Result<Self, SourceError> {
        match locator {
            ImageLocator::Layout { folder, select } if is_vacant(folder) => {
                Ok(Self { source: Source::layout(Layout::create(folder, select)?), archive: None })
            }
            ImageLocator::LayoutArchive { file, .. } => {
                let wrong = |source| LayoutError::Write { path: file.clone(), source };
                if fs::symlink_metadata(file).is_ok() {
                    return Err(LayoutError::Exists { layout: file.clone() }.into());
                }
                let folder = tempfile::tempdir_in(parent(file)).map_err(wrong)?;
                let layout = Layout::create(&folder.path().join("layout"), &LayoutSelector::Only)?;
                let archive = Some(Archive { folder, file: file.clone() });
                Ok(Self { source: Source::layout(layout), archive })
            }
            ImageLocator::DockerArchive { .. } | ImageLocator::Layout { .. } | ImageLocator::Registry(_) => {
                Ok(Self { source: io.open(locator)?, archive: None })
            }
        }
    }

    /// The place.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Makes the archive, whole or not at all. Two archives of the same content are the same bytes.
    pub fn finish(self) -> Result<(), SourceError> {
        let Some(Archive { folder, file }) = self.archive else { return Ok(()) };
        let wrong = |source| LayoutError::Write { path: file.clone(), source };
        let made = pack(&folder.path().join("layout"), parent(&file)).map_err(wrong)?;
        made.persist_noclobber(&file).map_err(|error| wrong(error.error))?;
        Ok(())
    }
}

/// A tar file of a folder: names in order, and nothing about this machine in the headers.
fn pack(root: &Path, beside: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut out = tempfile::NamedTempFile::new_in(beside)?;
    let mut tar = tar::Builder::new(out.as_file_mut());
    let mut folders = vec![PathBuf::new()];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(name) } else { names.push(name) }
        }
    }
    names.sort();
    for name in names {
        let file = File::open(root.join(&name))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(file.metadata()?.len());
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, &name, file)?;
    }
    tar.finish()?;
    drop(tar);
    super::layout::readable(out.as_file())?;
    out.as_file().sync_all()?;
    Ok(out)
}

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Not there, or an empty folder.
fn is_vacant(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
