//! The catalogers, one package database a file. A new one: its file, a `mod` line and an entry in `CATALOGERS`, and `testdata/cataloger/<name>/`.

mod apk;
mod copyright;
mod deb822;
mod dpkg;

use std::collections::HashMap;
use std::fmt;

use super::os_release;
use crate::base::{Ecosystem, ImagePath, PackageId, SourcePackage, limits};
use crate::image::{Claims, File, Tree};

/// Reads one kind of package database.
pub(super) struct Cataloger {
    /// Short name, also of its folder under `testdata/cataloger`.
    pub(super) name: &'static str,
    /// What it finds.
    pub(super) ecosystem: Ecosystem,
    /// Where the database is; `*` stands for one name.
    pub(super) databases: &'static [&'static str],
    /// Files in those places that are something else.
    pub(super) except: fn(&ImagePath) -> bool,
    /// Other files that say something about a package.
    pub(super) beside: &'static [&'static str],
    /// What a database says. Sees bytes only.
    pub(super) read: fn(&ImagePath, &[u8]) -> Found,
    /// Adds what the other files say.
    pub(super) complete: fn(&mut Installed, &Tree, &mut Read),
    /// A path that it claims.
    pub(super) example: &'static str,
}

const CATALOGERS: &[Cataloger] = &[apk::CATALOGER, dpkg::CATALOGER];

/// What one database file says.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) installed: Vec<Installed>,
    /// What could not be read, in sentences.
    pub(super) unknowns: Vec<String>,
    /// How many names the packages depend on or answer to.
    pub(super) names: usize,
}

impl Found {
    /// Takes a package. What is over the limits of packages and names is not held: the count alone makes the run fail.
    fn add(&mut self, package: Installed) {
        self.names += package.depends.iter().map(Vec::len).sum::<usize>() + package.provides.len();
        if self.installed.len() <= limits::PACKAGES && self.names <= limits::PACKAGE_NAMES {
            self.installed.push(package);
        }
    }

    /// Takes a sentence; a file that is broken all over is not told line by line.
    fn unknown(&mut self, path: &ImagePath, what: fmt::Arguments<'_>) {
        match self.unknowns.len() {
            0..SENTENCES => self.unknowns.push(format!("{path}: {what}")),
            SENTENCES => self.unknowns.push(format!("{path}: and more of that kind")),
            _ => {}
        }
    }
}

const SENTENCES: usize = 16;

/// One package as its database describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Installed {
    pub(super) id: PackageId,
    pub(super) source: Option<SourcePackage>,
    pub(super) maintainer: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) description: Option<String>,
    pub(super) licenses: Vec<String>,
    pub(super) checksum: Option<(String, String)>,
    pub(super) evidence: ImagePath,
    /// What it needs: any one name of each list.
    pub(super) depends: Vec<Vec<String>>,
    /// Other names that it answers to.
    pub(super) provides: Vec<String>,
}

/// What was read of files beside the databases, by content: every package may lead to the same one.
#[derive(Default)]
pub(super) struct Read {
    licenses: HashMap<usize, Vec<String>>,
}

/// All that catalogers and os-release want to see of an image.
pub(super) fn claims() -> Claims {
    let own = CATALOGERS.iter().flat_map(|cataloger| cataloger.databases.iter().chain(cataloger.beside));
    Claims::new(own.chain(os_release::PATHS).copied())
}

/// The package databases alone.
pub(super) fn databases() -> Claims {
    Claims::new(CATALOGERS.iter().flat_map(|cataloger| cataloger.databases).copied())
}

/// Where databases would be, for people.
pub(super) fn examples() -> String {
    let all: Vec<String> =
        CATALOGERS.iter().map(|cataloger| format!("{} of {}", cataloger.example, cataloger.name)).collect();
    all.join(", ")
}

/// Every database of the tree with the cataloger that reads it.
pub(super) fn find(tree: &Tree) -> Vec<(&'static Cataloger, File)> {
    let mut out = Vec::new();
    for cataloger in CATALOGERS {
        let claims = Claims::new(cataloger.databases.iter().copied());
        let files = tree.files(&claims).into_iter().filter(|file| !(cataloger.except)(&file.path));
        out.extend(files.map(|file| (cataloger, file)));
    }
    out
}

/// Adds what other files of the image say about a package.
pub(super) fn complete(package: &mut Installed, tree: &Tree, read: &mut Read) {
    let ecosystem = package.id.ecosystem;
    for cataloger in CATALOGERS.iter().filter(|cataloger| cataloger.ecosystem == ecosystem) {
        (cataloger.complete)(package, tree, read);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read test data")]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::base::Distribution;
    use crate::format::purl;

    fn folder(cataloger: &Cataloger) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/cataloger").join(cataloger.name)
    }

    fn run(cataloger: &Cataloger, bytes: &[u8]) -> Found {
        (cataloger.read)(&ImagePath::try_from(cataloger.example).unwrap(), bytes)
    }

    fn purls(found: &Found) -> Vec<String> {
        let distribution =
            Distribution { id: "test".into(), version_id: Some("1".into()), ..Distribution::default() };
        let purl =
            |package: &Installed| purl::of_package(&package.id, package.source.as_ref(), Some(&distribution));
        found.installed.iter().map(purl).collect()
    }

    fn compare(file: PathBuf, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let want = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, want, "{}: run with UPDATE=1 and read the difference", file.display());
    }

    #[test]
    fn the_table_is_sorted_and_claims_its_examples() {
        assert!(CATALOGERS.is_sorted_by_key(|cataloger| cataloger.name));
        for cataloger in CATALOGERS {
            let example = ImagePath::try_from(cataloger.example).unwrap();
            assert!(databases().wants(&example) && !(cataloger.except)(&example), "{}", cataloger.name);
        }
        let listed: Vec<_> = CATALOGERS.iter().map(|cataloger| cataloger.name.to_owned()).collect();
        let all = fs::read_dir(folder(&CATALOGERS[0]).parent().unwrap()).unwrap().map(|entry| entry.unwrap());
        let mut folders: Vec<_> = all
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        folders.sort();
        assert_eq!(folders, listed);
    }

    #[test]
    fn finds_what_the_test_data_says() {
        for cataloger in CATALOGERS {
            let read = |name: &str| run(cataloger, &fs::read(folder(cataloger).join(name)).unwrap());
            let real = read("real");
            assert!(!real.installed.is_empty());
            assert_eq!(real.unknowns, [""; 0], "{}", cataloger.name);
            compare(folder(cataloger).join("real.purls"), &purls(&real));
            let empty = read("empty");
            assert!(empty.installed.is_empty() && empty.unknowns.is_empty());
            let broken = read("broken");
            compare(folder(cataloger).join("broken.purls"), &purls(&broken));
            compare(folder(cataloger).join("broken.unknowns"), &broken.unknowns);
        }
    }

    #[test]
    fn a_file_that_is_broken_all_over_is_not_told_line_by_line() {
        for cataloger in CATALOGERS {
            let unknowns = run(cataloger, "rubbish\n\n".repeat(1000).as_bytes()).unknowns;
            assert_eq!(unknowns.len(), 17);
            assert!(unknowns[16].ends_with("and more of that kind"));
        }
    }

    #[test]
    fn a_cut_file_keeps_what_comes_before_the_cut() {
        for cataloger in CATALOGERS {
            let real = fs::read(folder(cataloger).join("real")).unwrap();
            let all = run(cataloger, &real).installed;
            for cut in 0..real.len() {
                let found = run(cataloger, &real[..cut]).installed;
                // The last one found may be cut itself.
                let whole = found.len().saturating_sub(1);
                assert_eq!(found[..whole], all[..whole], "{} cut at {cut}", cataloger.name);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[PVSA:]{0,3}[ -~\n\t\u{e9}]{0,200}", bytes: Vec<u8>) {
            for cataloger in CATALOGERS {
                let _ = purls(&run(cataloger, text.as_bytes()));
                let _ = purls(&run(cataloger, &bytes));
            }
            let _ = copyright::licenses(&format!("Format: copyright-format\n\nFiles: *\nLicense: {text}"));
        }
    }
}
