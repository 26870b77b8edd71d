//! Large content on disk, once its digest is checked.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Digest, Hasher, Mismatch};

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

    /// Gives all bytes to `each`, which says whether it wants more. They are hashed once more: what lies in a layout may change after it was
    /// checked. The last piece is given out only when all of them are right, so that nobody gets the whole of something else. Other work goes
    /// on between the pieces, so that this can be given up.
    pub async fn pass_on(&self, mut each: impl FnMut(&[u8]) -> io::Result<bool>) -> Result<(), PassError> {
        let mut hasher = Hasher::new(self.digest.algorithm());
        let mut reader = self.section.reader();
        let (mut held, mut piece) = (Vec::new(), vec![0; PIECE]);
        loop {
            let count = reader.read(&mut piece).map_err(PassError::Io)?;
            piece.truncate(count);
            if piece.is_empty() {
                break;
            }
            hasher.update(&piece);
            if !held.is_empty() && !each(&held).map_err(PassError::Io)? {
                return Ok(());
            }
            std::mem::swap(&mut held, &mut piece);
            piece.resize(PIECE, 0);
            tokio::task::yield_now().await;
        }
        let got = hasher.finish();
        if got != self.digest {
            return Err(PassError::Changed(Mismatch { want: self.digest, got }));
        }
        each(&held).map_err(PassError::Io)?;
        Ok(())
    }
}

/// Why a blob was not passed on, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Not what it was when it was checked.
    #[error("the content changed after it was checked")]
    Changed(#[source] Mismatch),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(io::Error),
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
#[derive(Clone, Debug)]
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

/// Bytes read at once.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stub::wait;

    /// What somebody gets of a blob that was checked, and whether all went well.
    fn passed(lies: &[u8], was: &[u8]) -> (Vec<u8>, Result<(), PassError>) {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, lies).unwrap();
        let section = Section::new(Arc::new(Mutex::new(file)), 0, was.len() as u64);
        let mut got = Vec::new();
        let result = wait(LayerBlob::checked(Digest::of(was), section).pass_on(|piece| {
            got.extend_from_slice(piece);
            Ok(true)
        }));
        (got, result)
    }

    #[test]
    fn nobody_gets_the_whole_of_what_changed() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes = vec![7; length];
            let (got, result) = passed(&bytes, &bytes);
            assert!(result.is_ok() && got == bytes, "{length}");
        }
        for length in [1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes = vec![7; length];
            let mut other = bytes.clone();
            other[0] ^= 1;
            let (got, result) = passed(&other, &bytes);
            assert!(matches!(result, Err(PassError::Changed(_))), "{length}: {result:?}");
            assert!(got.len() < length, "{length}");
            let (got, result) = passed(&bytes[1..], &bytes);
            assert!(matches!(result, Err(PassError::Io(_))), "{length}: {result:?}");
            assert!(got.len() < length, "{length}");
        }
    }

    #[test]
    fn whoever_has_enough_gets_no_more() {
        let bytes = vec![7; 4 * PIECE];
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        let section = Section::new(Arc::new(Mutex::new(file)), 0, bytes.len() as u64);
        let mut pieces = 0;
        let blob = LayerBlob::checked(Digest::of(&bytes), section);
        wait(blob.pass_on(|_| {
            pieces += 1;
            Ok(false)
        }))
        .unwrap();
        assert_eq!(pieces, 1);
    }
}
