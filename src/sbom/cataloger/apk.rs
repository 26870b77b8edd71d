//! apk: the installed database of apk-tools, <https://wiki.alpinelinux.org/wiki/Apk_spec>, at its old and its merged-usr place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Cataloger, Found, Installed};
use crate::base::{Ecosystem, ImagePath, PackageId, SourcePackage, limits};

pub(super) const CATALOGER: Cataloger = Cataloger {
    name: "apk",
    ecosystem: Ecosystem::Apk,
    databases: &["lib/apk/db/installed", "usr/lib/apk/db/installed"],
    except: |_| false,
    beside: &[],
    read,
    complete: |_, _, _| {},
    example: "lib/apk/db/installed",
};

/// The fields of one entry that are of use, each as written.
#[derive(Default)]
struct Entry<'a> {
    line: usize,
    odd: Option<usize>,
    fields: [Option<&'a str>; KEYS.len()],
}

/// Package, version, architecture, licence, description, URL, origin, maintainer, dependencies, provides, checksum. Other letters describe files.
const KEYS: [char; 11] = ['P', 'V', 'A', 'L', 'T', 'U', 'o', 'm', 'D', 'p', 'C'];

impl<'a> Entry<'a> {
    fn get(&self, key: char) -> Option<&'a str> {
        let at = KEYS.iter().position(|known| *known == key)?;
        self.fields.get(at).copied().flatten().map(str::trim).filter(|value| !value.is_empty())
    }

    fn take(&mut self, line: &'a str, number: usize) {
        if self.line == 0 {
            self.line = number;
        }
        let mut chars = line.chars();
        let (key, rest) = (chars.next(), chars.as_str().strip_prefix(':'));
        let (Some(key), Some(value)) = (key.filter(char::is_ascii_alphabetic), rest) else {
            self.odd.get_or_insert(number);
            return;
        };
        let Some(slot) = KEYS.iter().position(|known| *known == key).and_then(|at| self.fields.get_mut(at))
        else {
            return;
        };
        if slot.is_some() {
            self.odd.get_or_insert(number);
        } else {
            *slot = Some(value);
        }
    }
}

fn read(path: &ImagePath, bytes: &[u8]) -> Found {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Found::default();
    let mut entry = Entry::default();
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() {
            close(path, std::mem::take(&mut entry), &mut found);
        } else {
            entry.take(line, at + 1);
        }
    }
    close(path, entry, &mut found);
    found
}

fn close(path: &ImagePath, entry: Entry<'_>, found: &mut Found) {
    if entry.line == 0 {
        return;
    }
    if let Some(odd) = entry.odd {
        found.unknown(path, format_args!("line {odd} is malformed"));
    }
    match package(path, &entry) {
        Some(package) => found.add(package),
        None => {
            let line = entry.line;
            found.unknown(path, format_args!("the entry in line {line} has no proper name and version"));
        }
    }
}

fn package(path: &ImagePath, entry: &Entry<'_>) -> Option<Installed> {
    let text = |key: char| entry.get(key).map(str::to_owned);
    let id = PackageId {
        ecosystem: Ecosystem::Apk,
        name: entry.get('P').filter(|name| is_word(name))?.to_owned(),
        version: entry.get('V').filter(|version| is_word(version))?.to_owned(),
        architecture: text('A').filter(|architecture| is_word(architecture)),
    };
    let origin = text('o').filter(|origin| *origin != id.name && is_word(origin));
    Some(Installed {
        source: origin.map(|name| SourcePackage { name, version: None }),
        maintainer: text('m'),
        homepage: text('U'),
        description: text('T'),
        licenses: text('L').filter(|license| license.len() <= LONGEST).into_iter().collect(),
        checksum: entry.get('C').and_then(checksum),
        evidence: path.clone(),
        depends: entry.get('D').into_iter().flat_map(names).map(|name| vec![name]).collect(),
        provides: entry.get('p').into_iter().flat_map(names).collect(),
        id,
    })
}

/// Names without their version conditions; what must *not* be there is no dependency.
fn names(text: &str) -> std::iter::Take<Names<'_>> {
    // One more is enough to be over the limit.
    Names(text).take(limits::PACKAGE_NAMES + 1)
}

struct Names<'a>(&'a str);

impl Iterator for Names<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let text = self.0.trim_start();
            if text.is_empty() {
                return None;
            }
            let word = text.split_whitespace().next().unwrap_or(text);
            self.0 = text.get(word.len()..).unwrap_or_default();
            let name = word.split(['<', '>', '=', '~', '@']).next().unwrap_or(word);
            if !name.is_empty() && !name.starts_with('!') {
                return Some(name.to_owned());
            }
        }
    }
}

/// `Q1` and base64 of SHA-1, `Q2` of SHA-256: of the package's control segment.
fn checksum(text: &str) -> Option<(String, String)> {
    let (name, length) = match text.get(..2)? {
        "Q1" => ("SHA1", 20),
        "Q2" => ("SHA256", 32),
        _ => return None,
    };
    let bytes = STANDARD.decode(text.get(2..)?).ok().filter(|bytes| bytes.len() == length)?;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some((name.to_owned(), hex))
}

fn is_word(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// Longer than any name, version or licence that is one.
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_and_checksums() {
        let all: Vec<_> = names(" so:libc.musl-x86_64.so.1 a>=1.2 b~3 !c  d@edge /bin/sh").collect();
        assert_eq!(all, ["so:libc.musl-x86_64.so.1", "a", "b", "d", "/bin/sh"]);
        assert_eq!(checksum("Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="), Some(("SHA1".into(), "0".repeat(40))));
        for bad in ["", "Q", "Q1", "Q1AAAA", "Q3AAAA", "é", "Q1%%%"] {
            assert_eq!(checksum(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_broken_entry_costs_nothing_but_itself() {
        let text = "P:a\nV:1\n\nV:1\n\nP:b\nV:2\nrubbish\nR:file\n\n\n";
        let found = read(&CATALOGER.example.try_into().unwrap(), text.as_bytes());
        let names: Vec<_> = found.installed.iter().map(|package| package.id.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            found.unknowns,
            [
                "lib/apk/db/installed: the entry in line 4 has no proper name and version",
                "lib/apk/db/installed: line 8 is malformed",
            ]
        );
    }
}
