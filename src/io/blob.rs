//! Large content on disk, once its digest is checked.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Digest, Hasher};

/// A blob whose size and digest were checked. It can be read as often as needed.
#[derive(Clone, Debug)]
pub struct LayerBlob {
    digest: Digest,
    section: Section,
}

impl LayerBlob {
    /// For `io` only: the bytes of `section` were hashed to `digest`.
    pub(super) fn checked(digest: Digest, section: Section) -> Self {
        Self { digest, section }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.section.length
    }

    /// The bytes, from the start.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.section.reader()))
    }
}

/// A part of an open file. It holds the file, not its name: nobody can put another one in its place.
#[derive(Clone, Debug)]
pub(super) struct Section {
    file: Arc<Mutex<File>>,
    start: u64,
    length: u64,
}

impl Section {
    pub(super) fn new(file: Arc<Mutex<File>>, start: u64, length: u64) -> Self {
        Self { file, start, length }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn reader(&self) -> SectionReader {
        SectionReader { section: self.clone(), at: 0 }
    }

    /// Hashes all bytes.
    pub(super) fn digest(&self, algorithm: crate::base::Algorithm) -> io::Result<Digest> {
        let mut hasher = Hasher::new(algorithm);
        let mut reader = self.reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(buffer.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// Reads a [`Section`]; a file that became shorter is an error, not an early end.
#[derive(Debug)]
pub(super) struct SectionReader {
    section: Section,
    at: u64,
}

impl Read for SectionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.section.length - self.at;
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if want == 0 {
            return Ok(0);
        }
        let mut file = self.section.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.section.start + self.at))?;
        let count = file.read(buffer.get_mut(..want).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        Ok(count)
    }
}
