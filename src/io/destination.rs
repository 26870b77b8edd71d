//! Where something is written to that may not be there yet.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::{self, Mode, parent};
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

    /// Makes the archive, whole or not at all. Two archives of the same content are the same bytes. It can be given up: then nothing of it
    /// stays.
    pub async fn finish(self) -> Result<(), SourceError> {
        let Some(Archive { folder, file }) = self.archive else { return Ok(()) };
        let wrong = |source| LayoutError::Write { path: file.clone(), source };
        let made = files::begin(&file, Mode::Public).map_err(wrong)?;
        let (out, root) = (made.as_file().try_clone().map_err(wrong)?, folder.path().join("layout"));
        let given_up = GivenUp::default();
        let watched = given_up.0.clone();
        // The files stay here, and go with this future; the writer only hears of it.
        let packed = tokio::task::spawn_blocking(move || pack(&root, out, &watched)).await;
        packed.map_err(std::io::Error::other).flatten().map_err(wrong)?;
        made.persist_noclobber(&file).map_err(|error| wrong(error.error))?;
        Ok(())
    }
}

/// True when nobody waits any more.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that ends with an error when nobody waits for its bytes.
struct Wanted<'a> {
    file: File,
    given_up: &'a AtomicBool,
}

impl Read for Wanted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("given up"));
        }
        self.file.read(buffer)
    }
}

/// A tar file of a folder: names in order, and nothing about this machine in the headers.
fn pack(root: &Path, mut out: File, given_up: &AtomicBool) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(&mut out);
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
        tar.append_data(&mut header, &name, Wanted { file, given_up })?;
    }
    tar.finish()?;
    drop(tar);
    out.sync_all()
}

/// Not there, or an empty folder.
fn is_vacant(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ImageLocator;
    use crate::io::stub::wait;
    use crate::io::{Access, Environment};

    fn begun(folder: &Path) -> Destination {
        let io = Io::new(Environment::default(), Access::Offline).unwrap();
        let locator = format!("oci-archive:{}/image.tar", folder.display());
        let destination = io.open_or_create(&locator.parse::<ImageLocator>().unwrap()).unwrap();
        for byte in 0..8_u8 {
            wait(destination.source().push_blob(&vec![byte; 4 << 20])).unwrap();
        }
        destination
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn an_archive_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // When it has not begun, and in the middle.
        drop(begun(folder.path()));
        assert_eq!(names(folder.path()), Vec::<String>::new());
        let work = begun(folder.path()).finish();
        let cut = runtime.block_on(async { tokio::time::timeout(std::time::Duration::ZERO, work).await });
        assert!(cut.is_err());
        assert_eq!(names(folder.path()), Vec::<String>::new());
        // Neither does the writer make anything later.
        drop(runtime);
        assert_eq!(names(folder.path()), Vec::<String>::new());
        wait(begun(folder.path()).finish()).unwrap();
        assert_eq!(names(folder.path()), ["image.tar"]);
    }

    #[test]
    fn the_writer_hears_that_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), vec![1; 1 << 20]).unwrap();
        let out = tempfile::tempfile().unwrap();
        let given_up = GivenUp::default();
        let watched = given_up.0.clone();
        pack(folder.path(), out.try_clone().unwrap(), &watched).unwrap();
        drop(given_up);
        assert!(pack(folder.path(), out, &watched).is_err());
    }
}
