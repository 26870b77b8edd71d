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
    let mut history = History::new(limits::PACKAGES, limits::CATALOGED_TOTAL);
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
    let mut left_out = BTreeSet::new();
    let (mut read, mut licenses) = (cataloger::Read::default(), 0);
    for (mut found, dependencies) in installed.into_values().zip(edges) {
        let purl = purl::of_package(&found.id, found.source.as_ref(), distribution.as_ref());
        // Names that differ only in case: a document must not use one reference for two things.
        if !purls.insert(purl.clone()) {
            unknowns.push(format!(
                "{}: {} has the same package URL as another one",
                found.evidence, found.id.name
            ));
            left_out.insert(found.id);
            continue;
        }
        cataloger::complete(&mut found, &tree, &mut read);
        licenses += found.licenses.len();
        if licenses > limits::PACKAGE_NAMES {
            return Err(SbomError::Names { limit: limits::PACKAGE_NAMES });
        }
        let origin = databases.first.get(&found.id).and_then(|index| origin(layers, *index));
        packages.push(finish(found, purl, origin, dependencies));
    }
    // An edge to a package that was left out would lead nowhere.
    for package in &mut packages {
        package.dependencies.retain(|id| !left_out.contains(id));
    }
    unknowns.sort();
    unknowns.dedup();
    if let Some(more @ 1..) = unknowns.len().checked_sub(UNKNOWNS) {
        unknowns.truncate(UNKNOWNS);
        unknowns.push(format!("{more} more things could not be read"));
    }
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

/// Sentences in all: an image may have millions of databases, each with something that cannot be read.
const UNKNOWNS: usize = 256;

/// Sentences of one kind: links may be millions.
const SENTENCES: usize = 16;

/// Why an image could not be catalogued.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// The layers.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Over the limit of names.
    #[error("the packages of the image name more than {limit} dependencies, provided names and licences")]
    Names {
        /// Names.
        limit: usize,
    },
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
    fn many_answers_to_many_questions() {
        let many = |depends: &str| -> Vec<String> {
            (0..30_000).map(|n| format!("P:a\nV:{n}\nA:x\nD:{depends}\np:p\n\n")).collect()
        };
        for (depends, architecture, edges) in [("a", "x", 1), ("a", "y", 8), ("p", "x", 1), ("p", "y", 8)] {
            let last = format!("P:b\nV:1\nA:{architecture}\nD:{depends}\n");
            let text = many(depends).concat() + &last;
            let found = inventory(vec![Tar::default().file("lib/apk/db/installed", text)]);
            assert_eq!(found.packages[30_000].dependencies.len(), edges, "{depends} {architecture}");
        }
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
    fn one_copyright_file_of_many_packages_is_read_once() {
        let files: String = (0..20_000).map(|n| format!("\nFiles: {n}\nLicense: l{}\n", n % 2)).collect();
        let copyright = format!("Format: copyright-format\n{files}");
        let docs = (1..2000).fold(Tar::default().file("usr/share/doc/p0/copyright", copyright), |tar, n| {
            let name = format!("usr/share/doc/p{n}");
            if n % 2 == 0 {
                tar.symlink(&name, "p0")
            } else {
                tar.hard_link(&(name + "/copyright"), "usr/share/doc/p0/copyright")
            }
        });
        let entries: Vec<_> = (0..2000).map(|n| entry(&format!("p{n}"), "1", "")).collect();
        let found = inventory(vec![docs, status(&entries)]);
        assert!(found.packages.iter().all(|package| package.licenses == ["l0", "l1"]));
    }

    #[test]
    fn names_are_counted() {
        let depends = "a,".repeat(limits::PACKAGE_NAMES + 1);
        let licenses: String = (0..3000).map(|n| format!("\nFiles: {n}\nLicense: l{n}\n")).collect();
        let copyright = format!("Format: copyright-format\n{licenses}");
        let docs = (1..1500).fold(Tar::default().file("usr/share/doc/p0/copyright", copyright), |tar, n| {
            tar.symlink(&format!("usr/share/doc/p{n}"), "p0")
        });
        let entries: Vec<_> = (0..1500).map(|n| entry(&format!("p{n}"), "1", "")).collect();
        let apk = "P:a\nV:1\nD:".to_owned() + &"a ".repeat(limits::PACKAGE_NAMES + 1);
        for layers in [
            vec![status(&[entry("a", "1", &format!("Depends: {depends}\n"))])],
            vec![Tar::default().file("lib/apk/db/installed", apk)],
            vec![docs, status(&entries)],
        ] {
            let layers: Vec<_> = layers.into_iter().map(Tar::layer).collect();
            assert!(matches!(catalog(&layers, subject()), Err(SbomError::Names { .. })));
        }
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
        let text = "P:a\nV:1\n\nP:A\nV:1\n\nP:b\nV:1\nD:a\n";
        let found = inventory(vec![Tar::default().file("lib/apk/db/installed", text)]);
        assert_eq!(found.packages.len(), 2);
        // No edge leads to the one that was left out.
        assert_eq!(found.packages[1].dependencies, []);
        assert!(found.unknowns.iter().any(|sentence| sentence.contains("the same package URL")));
    }

    #[test]
    fn many_broken_databases_are_not_told_one_by_one() {
        let broken = |tar: Tar, n: usize| tar.file(&format!("var/lib/dpkg/status.d/{n}"), "rubbish\n");
        let found = inventory(vec![(0..1000).fold(Tar::default(), broken)]);
        assert_eq!(found.unknowns.len(), UNKNOWNS + 1);
        assert!(found.unknowns[UNKNOWNS].ends_with("more things could not be read"));
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
