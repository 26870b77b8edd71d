//! What is installed in an image: run the catalogers over its file tree, say which layer brought what, resolve dependencies.
#![warn(clippy::indexing_slicing)]

mod cataloger;
mod history;
mod os_release;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Inventory, LayerOrigin, Package, PackageId, Subject, limits};
use crate::format::purl;
use crate::image::{self, ImageError, Layer, Tree};
use cataloger::Installed;
use history::History;

/// Reads the layers, bottom first, and lists what is installed in the image that they make.
pub fn catalog(layers: &[Layer<'_>], subject: Subject) -> Result<Inventory, SbomError> {
    let contents = image::read(layers, &cataloger::claims())?;
    let mut tree = Tree::default();
    let mut history = History::new(limits::PACKAGES);
    for (index, content) in contents.iter().enumerate() {
        tree.apply(content);
        history.record(index, &tree)?;
    }
    let mut unknowns: Vec<String> = contents.into_iter().flat_map(|content| content.unknowns).collect();
    let distribution = os_release::find(&tree);
    let databases = history.into_state(&mut unknowns);
    explain_gaps(&tree, databases.files, distribution.is_some(), &mut unknowns);

    let mut installed: BTreeMap<PackageId, Installed> = BTreeMap::new();
    for package in databases.installed {
        installed.entry(package.id.clone()).or_insert(package);
    }
    let edges = resolve::edges(&installed);
    let mut packages = Vec::with_capacity(installed.len());
    let mut purls = BTreeSet::new();
    for (mut found, dependencies) in installed.into_values().zip(edges) {
        let purl = purl::of_package(&found.id, found.source.as_ref(), distribution.as_ref());
        // Names that differ only in case: a document must not use one reference for two things.
        if !purls.insert(purl.clone()) {
            unknowns.push(format!(
                "{}: {} has the same package URL as another one",
                found.evidence, found.id.name
            ));
            continue;
        }
        cataloger::complete(&mut found, &tree);
        let origin = databases.first.get(&found.id).and_then(|index| origin(layers, *index));
        packages.push(finish(found, purl, origin, dependencies));
    }
    unknowns.sort();
    unknowns.dedup();
    Ok(Inventory { subject, distribution, packages, unknowns })
}

fn finish(
    found: Installed,
    purl: String,
    layer: Option<LayerOrigin>,
    dependencies: Vec<PackageId>,
) -> Package {
    let Installed { id, source, maintainer, homepage, description, licenses, checksum, evidence, .. } = found;
    Package {
        id,
        purl,
        source,
        maintainer,
        homepage,
        description,
        licenses,
        checksum,
        evidence,
        layer,
        dependencies,
    }
}

fn origin(layers: &[Layer<'_>], index: usize) -> Option<LayerOrigin> {
    let layer = layers.get(index)?;
    Some(LayerOrigin {
        index,
        diff_id: layer.diff_id,
        digest: layer.digest,
        created_by: layer.created_by.clone(),
    })
}

fn explain_gaps(tree: &Tree, databases: usize, has_distribution: bool, unknowns: &mut Vec<String>) {
    let unread = tree.unread(&cataloger::databases());
    if let Some(more @ 1..) = unread.len().checked_sub(SENTENCES) {
        unknowns.push(format!("{more} more links to package databases were not read"));
    }
    for path in unread.into_iter().take(SENTENCES) {
        unknowns.push(format!("{path} is, or leads to, a file that was not read"));
    }
    if databases == 0 {
        unknowns.push(format!(
            "no package database found (such as {}): packages are unknown",
            cataloger::examples()
        ));
    } else if !has_distribution {
        unknowns.push("no os-release found: package URLs do not name the distribution".to_owned());
    }
}

/// Sentences of one kind: links may be millions.
const SENTENCES: usize = 16;

/// Why an image could not be catalogued.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// The layers.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Over the limit of packages.
    #[error("the image has more than {limit} packages")]
    Packages {
        /// Packages.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Platform};
    use crate::image::testing::Tar;

    const SYSTEM: &str = "ID=debian\nVERSION_ID=\"12\"\n";

    fn subject() -> Subject {
        let platform = Platform::new("linux", "amd64", None);
        Subject { name: "x".into(), version: None, digest: Digest::of(b""), repository: None, platform }
    }

    fn inventory(layers: Vec<Tar>) -> Inventory {
        let layers: Vec<_> = layers.into_iter().map(Tar::layer).collect();
        catalog(&layers, subject()).unwrap()
    }

    fn entry(name: &str, version: &str, more: &str) -> String {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n{more}\n"
        )
    }

    fn status(entries: &[String]) -> Tar {
        Tar::default().file("var/lib/dpkg/status", entries.concat()).file("etc/os-release", SYSTEM)
    }

    fn layers_of(inventory: &Inventory) -> Vec<(&str, &str, usize)> {
        inventory
            .packages
            .iter()
            .map(|package| {
                let index = package.layer.as_ref().unwrap().index;
                (package.id.name.as_str(), package.id.version.as_str(), index)
            })
            .collect()
    }

    #[test]
    fn layer_that_brought_a_version_first() {
        let (a, b) = (|| entry("a", "1", ""), || entry("b", "1", ""));
        let found = inventory(vec![
            status(&[a()]),
            Tar::default().file("unrelated", ""),
            status(&[a(), b()]),
            status(&[a(), entry("b", "2", "")]),
        ]);
        assert_eq!(layers_of(&found), [("a", "1", 0), ("b", "2", 3)]);
        assert_eq!(found.unknowns, [""; 0]);
        assert_eq!(found.packages[0].layer.as_ref().unwrap().created_by.as_deref(), Some("RUN x"));
        // Taken out and put back: still the first.
        let back = inventory(vec![status(&[a(), b()]), status(&[a()]), status(&[a(), b()])]);
        assert_eq!(layers_of(&back), [("a", "1", 0), ("b", "1", 0)]);
    }

    #[test]
    fn one_file_a_package() {
        let layer = |name: &str| {
            let path = format!("var/lib/dpkg/status.d/{name}");
            Tar::default()
                .file(&path, format!("Package: {name}\nVersion: 1\nArchitecture: all\n"))
                .file(&format!("{path}.md5sums"), "00  x\n")
        };
        let gone = Tar::default().file("var/lib/dpkg/status.d/.wh.c", "");
        let found = inventory(vec![layer("b"), layer("a"), layer("c"), gone]);
        assert_eq!(layers_of(&found), [("a", "1", 1), ("b", "1", 0)]);
        assert_eq!(found.unknowns, ["no os-release found: package URLs do not name the distribution"]);
        assert_eq!(found.packages[0].purl, "pkg:deb/a@1?arch=all");
    }

    #[test]
    fn dependencies_lead_to_what_is_installed() {
        let found = inventory(vec![status(&[
            entry("a", "1", "Pre-Depends: b (>= 1)\nDepends: awk, x | c, missing, a\n"),
            entry("b", "1", ""),
            entry("c", "1", "Depends: a\n"),
            entry("mawk", "1", "Provides: awk\n"),
        ])]);
        let names = |at: usize| -> Vec<_> {
            found.packages[at].dependencies.iter().map(|id| id.name.as_str()).collect()
        };
        assert_eq!(names(0), ["b", "c", "mawk"]);
        assert_eq!(names(2), ["a"]);
    }

    #[test]
    fn licences_through_linked_folders() {
        let copyright = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n";
        let docs =
            Tar::default().file("usr/share/doc/a/copyright", copyright).symlink("usr/share/doc/b", "a");
        let found =
            inventory(vec![docs, status(&[entry("a", "1", ""), entry("b", "1", ""), entry("c", "1", "")])]);
        let licenses: Vec<_> = found.packages.iter().map(|package| package.licenses.concat()).collect();
        assert_eq!(licenses, ["MIT", "MIT", ""]);
    }

    #[test]
    fn the_same_package_in_two_places_is_one() {
        let apk = "P:a\nV:1-r0\nA:x86_64\n";
        let found = inventory(vec![
            Tar::default().file("lib/apk/db/installed", apk).file("usr/lib/apk/db/installed", apk),
        ]);
        assert_eq!(found.packages.len(), 1);
        assert_eq!(found.packages[0].evidence.to_string(), "lib/apk/db/installed");
        // Behind a link it is one file.
        let linked =
            inventory(vec![Tar::default().symlink("lib", "usr/lib").file("lib/apk/db/installed", apk)]);
        assert_eq!(linked.packages[0].evidence.to_string(), "usr/lib/apk/db/installed");
    }

    #[test]
    fn package_urls_are_unique() {
        let text = "P:a\nV:1\n\nP:A\nV:1\n";
        let found = inventory(vec![Tar::default().file("lib/apk/db/installed", text)]);
        assert_eq!(found.packages.len(), 1);
        assert!(found.unknowns.iter().any(|sentence| sentence.contains("the same package URL")));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let none = inventory(vec![Tar::default().file("bin/x", "")]);
        assert!(none.unknowns[0].starts_with("no package database found"), "{:?}", none.unknowns);
        let away = inventory(vec![Tar::default().symlink("var/lib/dpkg", "/opt/dpkg")]);
        assert!(away.unknowns.iter().any(|sentence| sentence.starts_with("var/lib/dpkg is, or leads to")));
        let removed =
            inventory(vec![status(&[entry("a", "1", "")]), Tar::default().file("var/lib/.wh.dpkg", "")]);
        assert!(removed.packages.is_empty());
        assert!(removed.unknowns[0].starts_with("no package database found"));
    }
}
