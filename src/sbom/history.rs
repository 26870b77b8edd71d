//! The package databases layer by layer: which layer brought a name and version first.
//!
//! A database is one file that every layer which installs something writes anew, so the layer of the file says nothing. The difference between
//! its states does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::SbomError;
use super::cataloger::{self, Found, Installed};
use crate::base::{ImagePath, PackageId, limits};
use crate::image::{ImageError, Tree};

/// What the databases said so far.
pub(super) struct History {
    /// Packages that one image may have.
    limit: usize,
    /// Bytes that may still be read. One content counts each time it is: hard links of later layers may bring it back for ever.
    left: u64,
    /// The state after the layers recorded so far: each database file with its bytes and what they say.
    state: BTreeMap<ImagePath, (Arc<[u8]>, Found)>,
    first: BTreeMap<PackageId, usize>,
}

/// The databases of the image, and where their packages come from.
pub(super) struct Databases {
    pub(super) files: usize,
    pub(super) installed: Vec<Installed>,
    pub(super) first: BTreeMap<PackageId, usize>,
}

impl History {
    pub(super) fn new(limit: usize, bytes: u64) -> Self {
        Self { limit, left: bytes, state: BTreeMap::new(), first: BTreeMap::new() }
    }

    /// Takes down what the databases say after layer `index`. Files that did not change are not read again.
    pub(super) fn record(&mut self, index: usize, tree: &Tree) -> Result<(), SbomError> {
        let mut state = BTreeMap::new();
        let (mut count, mut names) = (0, 0);
        let mut seen = BTreeSet::new();
        for (cataloger, file) in cataloger::find(tree) {
            // One file with many names is one database.
            if !seen.insert(Arc::as_ptr(&file.content).addr()) {
                continue;
            }
            let (content, found) = match self.state.remove(&file.path) {
                Some((content, found)) if Arc::ptr_eq(&content, &file.content) => (content, found),
                _ => {
                    self.left = self
                        .left
                        .checked_sub(file.content.len() as u64)
                        .ok_or(ImageError::TotalTooLarge { limit: limits::CATALOGED_TOTAL })?;
                    let found = (cataloger.read)(&file.path, &file.content);
                    for package in &found.installed {
                        self.first.entry(package.id.clone()).or_insert(index);
                    }
                    (file.content, found)
                }
            };
            count += found.installed.len();
            names += found.names;
            if names > limits::PACKAGE_NAMES {
                return Err(SbomError::Names { limit: limits::PACKAGE_NAMES });
            }
            // Before the next file: each may hold as many as one image may.
            if count.max(self.first.len()) > self.limit {
                return Err(SbomError::Packages { limit: self.limit });
            }
            state.insert(file.path, (content, found));
        }
        self.state = state;
        Ok(())
    }

    /// What the last layer left.
    pub(super) fn into_state(self, unknowns: &mut Vec<String>) -> Databases {
        let files = self.state.len();
        let mut installed = Vec::new();
        let mut said = BTreeSet::new();
        for (_, found) in self.state.into_values() {
            installed.extend(found.installed);
            said.extend(found.unknowns);
        }
        unknowns.extend(said);
        Databases { files, installed, first: self.first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::Tar;

    #[test]
    fn packages_are_counted_in_one_state_and_over_all_layers() {
        let database = |entries: &str| Tar::default().file("lib/apk/db/installed", entries).layer();
        let run = |layers: Vec<crate::image::Layer<'_>>| {
            let mut tree = Tree::default();
            let mut history = History::new(2, 1 << 20);
            for content in crate::image::read(&layers, &cataloger::claims()).unwrap() {
                tree.apply(&content);
                history.record(0, &tree)?;
            }
            Ok::<_, SbomError>(history.into_state(&mut Vec::new()).installed.len())
        };
        let (a, b, c) = ("P:a\nV:1\n\n", "P:b\nV:1\n\n", "P:c\nV:1\n\n");
        assert_eq!(run(vec![database(a), database(b)]).unwrap(), 1);
        assert!(run(vec![database(&[a, b, c].concat())]).is_err());
        assert!(run(vec![database(&[a, a, a].concat())]).is_err());
        assert!(matches!(
            run(vec![database(a), database(b), database(c)]),
            Err(SbomError::Packages { limit: 2 })
        ));
    }

    #[test]
    fn many_names_of_one_file_are_read_once() {
        let text = "Package: a\nVersion: 1\n".to_owned() + &"\n".repeat(1000);
        let doc = |name: &str| format!("usr/share/doc/{name}/copyright");
        let link =
            |tar: Tar, n: usize, to: &str| tar.hard_link(&format!("var/lib/dpkg/status.d/{n}"), &doc(to));
        let run = |mut layers: Vec<Tar>| {
            layers.insert(0, Tar::default().file(&doc("a"), &text).file(&doc("b"), &text));
            let layers: Vec<_> = layers.into_iter().map(Tar::layer).collect();
            let mut tree = Tree::default();
            let mut history = History::new(2, 2 * text.len() as u64);
            for content in crate::image::read(&layers, &cataloger::claims()).unwrap() {
                tree.apply(&content);
                history.record(0, &tree)?;
            }
            Ok::<_, SbomError>(history.into_state(&mut Vec::new()).installed.len())
        };
        assert_eq!(run(vec![(0..100).fold(Tar::default(), |tar, n| link(tar, n, "a"))]).unwrap(), 1);
        assert_eq!(run(vec![link(Tar::default(), 0, "a"), link(Tar::default(), 0, "b")]).unwrap(), 1);
        let back = ["a", "b", "a"].map(|to| link(Tar::default(), 0, to));
        assert!(matches!(run(back.into()), Err(SbomError::Image(ImageError::TotalTooLarge { .. }))));
    }
}
