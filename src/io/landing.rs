//! Where a blob goes while it arrives: the store, or else a file without a name.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};

use tempfile::NamedTempFile;

use super::Environment;
use super::store::Store;
use crate::base::Digest;

/// A blob that is not checked yet. Its file is gone with the last handle, however the process ends, unless it is finished in the store.
pub(super) struct Landing<'a> {
    file: File,
    kept: Option<(&'a Store, NamedTempFile)>,
    environment: &'a Environment,
    written: u64,
}

impl<'a> Landing<'a> {
    /// Nothing is written yet. What may have any size is not kept.
    pub(super) fn open(
        store: Option<&'a Store>,
        size: Option<u64>,
        environment: &'a Environment,
    ) -> std::io::Result<Self> {
        let kept = store.and_then(|store| {
            let named = store.begin(size?)?;
            // Somebody may have cleared the store in between.
            Some((named.reopen().ok()?, (store, named)))
        });
        let (file, kept) = match kept {
            Some((file, kept)) => (file, Some(kept)),
            None => (temporary(environment)?, None),
        };
        Ok(Self { file, kept, environment, written: 0 })
    }

    /// Adds bytes. A store whose disk is full is no store: what it has goes on elsewhere.
    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let failed = match self.file.write_all(bytes) {
            Ok(()) => {
                self.written += bytes.len() as u64;
                return Ok(());
            }
            Err(error) => error,
        };
        if self.kept.is_none() {
            return Err(failed);
        }
        let mut elsewhere = temporary(self.environment)?;
        self.file.rewind()?;
        std::io::copy(&mut (&self.file).take(self.written), &mut elsewhere)?;
        elsewhere.write_all(bytes)?;
        self.written += bytes.len() as u64;
        (self.file, self.kept) = (elsewhere, None);
        Ok(())
    }

    /// For bytes that were hashed to `digest` only. The file is read from its start.
    pub(super) fn finish(self, digest: Digest) -> std::io::Result<File> {
        let mut file = match self.kept {
            Some((store, named)) => store.commit(named, digest),
            None => self.file,
        };
        file.rewind()?;
        Ok(file)
    }
}

fn temporary(environment: &Environment) -> std::io::Result<File> {
    match environment.get("TMPDIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A landing in a store whose disk has room for `room` bytes.
    fn landed(room: &[u8], rest: &[u8], folder: &std::path::Path) -> std::io::Result<Vec<u8>> {
        let variables = [
            ("XDG_CACHE_HOME".to_owned(), folder.display().to_string()),
            ("TMPDIR".to_owned(), folder.display().to_string()),
        ];
        let environment: Environment = variables.into_iter().collect();
        let store = Store::of(&environment).unwrap();
        let mut landing = Landing::open(Some(&store), Some(10), &environment)?;
        landing.write(room)?;
        // What was written so far stays readable, and nothing more can be written.
        let named = &landing.kept.as_ref().unwrap().1;
        landing.file = File::open(named.path())?;
        landing.write(rest)?;
        assert!(landing.kept.is_none());
        let mut bytes = Vec::new();
        landing.finish(Digest::of(b""))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_full_disk_of_the_store_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(landed(b"hello ", b"world", folder.path()).unwrap(), b"hello world");
        assert_eq!(landed(b"", b"world", folder.path()).unwrap(), b"world");
        // Nothing is left, and nothing got a name.
        let store = folder.path().join("plimsoll");
        assert_eq!(std::fs::read_dir(store.join("coming")).unwrap().count(), 0);
        assert!(!store.join("blobs").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_everywhere_is_said() {
        let environment = Environment::default();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut landing = Landing { file: full, kept: None, environment: &environment, written: 0 };
        assert_eq!(landing.write(b"x").unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}
