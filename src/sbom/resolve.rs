//! From the names that packages depend on to the installed packages that answer to them.

use std::collections::{BTreeMap, HashMap};

use super::cataloger::Installed;
use crate::base::{Ecosystem, PackageId};

/// For each package, in order, which others satisfy what it depends on. What nothing installed satisfies has no edge.
pub(super) fn edges(installed: &BTreeMap<PackageId, Installed>) -> Vec<Vec<PackageId>> {
    let mut real: Names<'_> = HashMap::new();
    let mut provided: Names<'_> = HashMap::new();
    for package in installed.values() {
        real.entry((package.id.ecosystem, &package.id.name)).or_default().add(&package.id);
        for name in &package.provides {
            provided.entry((package.id.ecosystem, name)).or_default().add(&package.id);
        }
    }
    installed.values().map(|package| edges_of(package, &real, &provided)).collect()
}

type Names<'a> = HashMap<(Ecosystem, &'a str), Answers<'a>>;

/// Who answers to a name. A million packages may answer to it and a million ask for it: only what an answer needs is kept.
#[derive(Default)]
struct Answers<'a> {
    first: Vec<&'a PackageId>,
    by_architecture: HashMap<Option<&'a str>, &'a PackageId>,
    differ: bool,
}

impl<'a> Answers<'a> {
    fn add(&mut self, id: &'a PackageId) {
        self.differ |= self.first.first().is_some_and(|known| known.name != id.name);
        self.by_architecture.entry(id.architecture.as_deref()).or_insert(id);
        if self.first.len() < PROVIDERS {
            self.first.push(id);
        }
    }
}

fn edges_of(package: &Installed, real: &Names<'_>, provided: &Names<'_>) -> Vec<PackageId> {
    let mut out = Vec::new();
    for alternatives in &package.depends {
        let names = || alternatives.iter().map(|name| (package.id.ecosystem, name.as_str()));
        // A package of that name before one that stands in for it; the first alternative before the others.
        let found =
            names().find_map(|name| real.get(&name)).or_else(|| names().find_map(|name| provided.get(&name)));
        let Some(found) = found else { continue };
        // The same library may be installed for several architectures: the package's own one is meant.
        match found.by_architecture.get(&package.id.architecture.as_deref()) {
            Some(own) if !found.differ => out.push((*own).clone()),
            _ => out.extend(found.first.iter().map(|id| (*id).clone())),
        }
    }
    out.retain(|id| *id != package.id);
    out.sort();
    out.dedup();
    out
}

/// How many packages that provide the same name are listed: every package may depend on a name that every package provides.
const PROVIDERS: usize = 8;
