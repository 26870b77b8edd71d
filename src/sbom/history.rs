//! The package databases layer by layer: which layer brought a name and version first.
//!
//! A database is one file that every layer which installs something writes anew, so the layer of the file says nothing. The difference between
//! its states does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::SbomError;
use super::cataloger::{self, Found, Installed};
use crate::base::{ImagePath, PackageId, limits};
use crate::image::Tree;

/// What the databases said so far.
#[derive(Default)]
pub(super) struct History {
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
    /// Takes down what the databases say after layer `index`. Files that did not change are not read again.
    pub(super) fn record(&mut self, index: usize, tree: &Tree) -> Result<(), SbomError> {
        let mut state = BTreeMap::new();
        let mut count = 0;
        for (cataloger, file) in cataloger::find(tree) {
            let (content, found) = match self.state.remove(&file.path) {
                Some((content, found)) if Arc::ptr_eq(&content, &file.content) => (content, found),
                _ => {
                    let found = (cataloger.read)(&file.path, &file.content);
                    for package in &found.installed {
                        self.first.entry(package.id.clone()).or_insert(index);
                    }
                    (file.content, found)
                }
            };
            count += found.installed.len();
            state.insert(file.path, (content, found));
        }
        if count > limits::PACKAGES || self.first.len() > limits::PACKAGES {
            return Err(SbomError::too_many());
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
