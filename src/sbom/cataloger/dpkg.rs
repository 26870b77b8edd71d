//! dpkg: `var/lib/dpkg/status` (dpkg(1)), and one file a package in `status.d` as distroless images have it.

use std::sync::Arc;

use super::{Cataloger, Found, Installed, Read, copyright, deb822};
use crate::base::{Ecosystem, ImagePath, PackageId, SourcePackage, limits};
use crate::image::Tree;

pub(super) const CATALOGER: Cataloger = Cataloger {
    name: "dpkg",
    ecosystem: Ecosystem::Deb,
    databases: &["var/lib/dpkg/status", "var/lib/dpkg/status.d/*"],
    except: |path| path.name().ends_with(b".md5sums"),
    beside: &["usr/share/doc/*/copyright"],
    read,
    complete,
    example: "var/lib/dpkg/status.d/tzdata",
};

fn read(path: &ImagePath, bytes: &[u8]) -> Found {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Found::default();
    for paragraph in deb822::paragraphs(&text) {
        let line = paragraph.line;
        if let Some(odd) = paragraph.odd {
            found.unknown(path, format_args!("line {odd} is malformed"));
        }
        match state(&paragraph) {
            State::Absent => {}
            State::Odd => {
                found
                    .unknown(path, format_args!("the entry in line {line} is neither installed nor removed"));
            }
            State::Present => match package(path, &paragraph) {
                Some(package) => found.add(package),
                None => {
                    found.unknown(
                        path,
                        format_args!("the entry in line {line} has no proper name and version"),
                    );
                }
            },
        }
    }
    found
}

enum State {
    Absent,
    Odd,
    Present,
}

/// `Status: WANT FLAG STATE`. Only the state says whether files are there: what is on hold is, what only left configuration files is not.
fn state(paragraph: &deb822::Paragraph<'_>) -> State {
    // `status.d` has no such field: what is listed is installed.
    let Some(status) = paragraph.get("Status") else { return State::Present };
    let words: Vec<&str> = status.split_whitespace().collect();
    match words.as_slice() {
        [_, _, "installed" | "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending"] => {
            State::Present
        }
        [_, _, "not-installed" | "config-files"] => State::Absent,
        _ => State::Odd,
    }
}

fn package(path: &ImagePath, paragraph: &deb822::Paragraph<'_>) -> Option<Installed> {
    let text = |name: &str| paragraph.line_of(name).map(str::to_owned);
    let id = PackageId {
        ecosystem: Ecosystem::Deb,
        name: paragraph.line_of("Package").filter(|name| is_word(name))?.to_owned(),
        version: paragraph.line_of("Version").filter(|version| is_word(version))?.to_owned(),
        architecture: text("Architecture").filter(|architecture| is_word(architecture)),
    };
    let depends = ["Pre-Depends", "Depends"].into_iter().filter_map(|field| paragraph.get(field));
    Some(Installed {
        id,
        source: paragraph.line_of("Source").and_then(source),
        maintainer: text("Maintainer"),
        homepage: text("Homepage"),
        description: text("Description"),
        licenses: Vec::new(),
        checksum: None,
        evidence: path.clone(),
        depends: depends.flat_map(relations).collect(),
        provides: paragraph
            .get("Provides")
            .map(relations)
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .collect(),
    })
}

/// `NAME` or `NAME (VERSION)`.
fn source(text: &str) -> Option<SourcePackage> {
    let (name, version) = match text.split_once('(') {
        Some((name, version)) => (name.trim(), version.trim().strip_suffix(')').map(str::trim)),
        None => (text, None),
    };
    let version = version.filter(|version| is_word(version)).map(str::to_owned);
    is_word(name).then(|| SourcePackage { name: name.to_owned(), version })
}

/// Debian policy §7.1: alternatives between `|`, lists between commas; versions, architectures and profiles are left out.
fn relations(text: &str) -> Vec<Vec<String>> {
    let name = |alternative: &str| {
        let name = alternative.trim().split(['(', '[', '<', ' ', '\t', '\n', ':']).next()?;
        is_word(name).then(|| name.to_owned())
    };
    // One more is enough to be over the limit.
    let mut left = limits::PACKAGE_NAMES + 1;
    text.split(',')
        .map(|list| {
            let mut names: Vec<_> = list.split('|').filter_map(name).take(left).collect();
            names.shrink_to_fit();
            left -= names.len();
            names
        })
        .filter(|list| !list.is_empty())
        .collect()
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// Longer than any name or version that a package archive accepts.
const LONGEST: usize = 512;

/// Debian policy §12.5: the copyright file is in the package's own folder, which may be a link to another package's.
fn complete(package: &mut Installed, tree: &Tree, read: &mut Read) {
    let path = ImagePath::try_from(format!("usr/share/doc/{}/copyright", package.id.name).as_str());
    if let Some(file) = path.ok().and_then(|path| tree.file(&path)) {
        let content = Arc::as_ptr(&file.content).addr();
        let licenses = read.licenses.entry(content);
        let licenses =
            licenses.or_insert_with(|| copyright::licenses(&String::from_utf8_lossy(&file.content)));
        package.licenses.clone_from(licenses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<Installed> {
        read(&CATALOGER.example.try_into().unwrap(), text.as_bytes()).installed.into_iter().next()
    }

    #[test]
    fn only_the_state_decides() {
        for (status, present) in [
            ("install ok installed", true),
            ("hold ok installed", true),
            ("deinstall ok installed", true),
            ("install ok triggers-pending", true),
            ("install ok unpacked", true),
            ("deinstall ok config-files", false),
            ("purge ok not-installed", false),
            ("install reinstreq half-installed", false),
            ("installed", false),
        ] {
            let text = format!("Package: a\nStatus: {status}\nVersion: 1\n");
            assert_eq!(one(&text).is_some(), present, "{status}");
        }
    }

    #[test]
    fn a_broken_entry_costs_nothing_but_itself() {
        let text = "Package: a\nVersion: 1\n\nPackage: b\n\nrubbish\n\nPackage: ../c\nVersion: 1\n\nPackage: d\nVersion: 2\nrubbish\n";
        let found = read(&CATALOGER.example.try_into().unwrap(), text.as_bytes());
        let names: Vec<_> = found.installed.iter().map(|package| package.id.name.as_str()).collect();
        assert_eq!(names, ["a", "d"]);
        assert_eq!(
            found.unknowns,
            [
                "var/lib/dpkg/status.d/tzdata: the entry in line 4 has no proper name and version",
                "var/lib/dpkg/status.d/tzdata: line 6 is malformed",
                "var/lib/dpkg/status.d/tzdata: the entry in line 6 has no proper name and version",
                "var/lib/dpkg/status.d/tzdata: the entry in line 8 has no proper name and version",
                "var/lib/dpkg/status.d/tzdata: line 13 is malformed",
            ]
        );
    }

    #[test]
    fn relations_lose_their_conditions() {
        assert_eq!(
            relations(
                "libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0,\n perl:any, x [amd64] <!nocheck>, , |"
            ),
            [vec!["libc6"], vec!["debconf", "debconf-2.0"], vec!["perl"], vec!["x"]]
        );
        let with = |text: &str| source(text).map(|source| (source.name, source.version));
        assert_eq!(with("acl"), Some(("acl".into(), None)));
        assert_eq!(with("bash (5.2.15-2)"), Some(("bash".into(), Some("5.2.15-2".into()))));
        assert_eq!(with("(1)"), None);
    }
}
