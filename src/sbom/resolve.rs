//! From the names that packages depend on to the installed packages that answer to them.

use std::collections::{BTreeMap, HashMap};

use super::cataloger::Installed;
use crate::base::{Ecosystem, PackageId};

/// For each package, in order, which others satisfy what it depends on. What nothing installed satisfies has no edge.
pub(super) fn edges(installed: &BTreeMap<PackageId, Installed>) -> Vec<Vec<PackageId>> {
    let mut real: Names<'_> = HashMap::new();
    let mut provided: Names<'_> = HashMap::new();
    for package in installed.values() {
        real.entry((package.id.ecosystem, &package.id.name)).or_default().push(&package.id);
        for name in &package.provides {
            provided.entry((package.id.ecosystem, name)).or_default().push(&package.id);
        }
    }
    installed.values().map(|package| edges_of(package, &real, &provided)).collect()
}

type Names<'a> = HashMap<(Ecosystem, &'a str), Vec<&'a PackageId>>;

fn edges_of(package: &Installed, real: &Names<'_>, provided: &Names<'_>) -> Vec<PackageId> {
    let mut out = Vec::new();
    for alternatives in &package.depends {
        let names = || alternatives.iter().map(|name| (package.id.ecosystem, name.as_str()));
        // A package of that name before one that stands in for it; the first alternative before the others.
        let found =
            names().find_map(|name| real.get(&name)).or_else(|| names().find_map(|name| provided.get(&name)));
        let found = found.map(Vec::as_slice).unwrap_or_default();
        let same = |id: &&&PackageId| id.architecture == package.id.architecture;
        // The same library may be installed for several architectures: the package's own one is meant.
        match found.iter().find(same) {
            Some(own) if found.iter().all(|id| id.name == own.name) => out.push((**own).clone()),
            _ => out.extend(found.iter().take(PROVIDERS).map(|id| (*id).clone())),
        }
    }
    out.retain(|id| *id != package.id);
    out.sort();
    out.dedup();
    out
}

/// How many packages that provide the same name are listed: every package may depend on a name that every package provides.
const PROVIDERS: usize = 8;
