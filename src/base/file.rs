//! Files as signatures see them.

use std::fmt;

use super::{Algorithm, Digest, Hasher};

/// What a signature over a file is about: hashes of the file, and its bytes where an algorithm needs those. A file is read once and as a
/// rule not held; of a file that somebody else has, one hash is known.
#[derive(Clone)]
pub struct FileContent {
    first: Digest,
    // Each of another algorithm.
    others: Vec<Digest>,
    bytes: Option<Vec<u8>>,
}

impl FileContent {
    /// A file of which one hash is known.
    pub fn named(digest: Digest) -> Self {
        Self { first: digest, others: Vec::new(), bytes: None }
    }

    /// A file in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = FileHasher::new(&Algorithm::ALL, bytes.len().max(1));
        hasher.update(bytes);
        hasher.finish()
    }

    /// The hash by this algorithm, if it is known.
    pub fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        self.digests().find(|digest| digest.algorithm() == algorithm)
    }

    /// The hash that names the file: SHA-256, if it was read here.
    pub fn name(&self) -> Digest {
        self.first
    }

    /// Every hash that is known, the shortest first.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The whole file, if it was kept.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileContent({})", self.first)
    }
}

/// Hashes a file piece by piece.
#[derive(Debug)]
pub struct FileHasher {
    sha256: Hasher,
    others: Vec<Hasher>,
    kept: Option<Vec<u8>>,
    keep: usize,
}

impl FileHasher {
    /// Nothing read yet. SHA-256 is always among the hashes. A file of at most `keep` bytes is kept.
    pub fn new(algorithms: &[Algorithm], keep: usize) -> Self {
        let others = algorithms.iter().filter(|algorithm| **algorithm != Algorithm::Sha256);
        let mut others: Vec<Algorithm> = others.copied().collect();
        others.sort_unstable();
        others.dedup();
        let others = others.into_iter().map(Hasher::new).collect();
        Self { sha256: Hasher::new(Algorithm::Sha256), others, kept: (keep > 0).then(Vec::new), keep }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for hasher in std::iter::once(&mut self.sha256).chain(&mut self.others) {
            hasher.update(bytes);
        }
        let keep = self.keep;
        self.kept = self.kept.take().filter(|kept| kept.len().saturating_add(bytes.len()) <= keep);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
    }

    /// The file.
    pub fn finish(self) -> FileContent {
        let others = self.others.into_iter().map(Hasher::finish).collect();
        FileContent { first: self.sha256.finish(), others, bytes: self.kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_in_pieces_are_those_of_the_whole() {
        let content: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let whole = FileContent::of(&content);
        assert_eq!(whole.digest(Algorithm::Sha256), Some(Digest::of(&content)));
        assert_eq!(whole.bytes(), Some(&content[..]));
        assert_eq!(FileContent::of(b"").bytes(), Some(&b""[..]));
        for size in [1, 7, 4096, 10_000] {
            let mut hasher = FileHasher::new(&Algorithm::ALL, content.len());
            content.chunks(size).for_each(|piece| hasher.update(piece));
            let pieces = hasher.finish();
            assert_eq!(
                (pieces.digests().collect::<Vec<_>>(), pieces.bytes()),
                (whole.digests().collect(), whole.bytes())
            );
        }
    }

    #[test]
    fn a_file_over_the_limit_is_hashed_and_not_kept() {
        for (keep, kept) in [(0, false), (1, false), (9, false), (10, true), (11, true)] {
            let mut hasher = FileHasher::new(&[Algorithm::Sha512], keep);
            hasher.update(b"01234");
            hasher.update(b"56789");
            let file = hasher.finish();
            assert_eq!(file.bytes().is_some(), kept, "{keep}");
            assert_eq!(file.digest(Algorithm::Sha256), Some(Digest::of(b"0123456789")));
            let lengths: Vec<usize> = file.digests().map(|it| it.bytes().len()).collect();
            assert_eq!(lengths, [32, 64]);
        }
    }

    #[test]
    fn a_name_alone_is_one_hash() {
        let file = FileContent::named(Digest::of(b"x"));
        assert_eq!((file.name(), file.digests().count(), file.bytes()), (Digest::of(b"x"), 1, None));
        assert_eq!(file.digest(Algorithm::Sha512), None);
    }
}
