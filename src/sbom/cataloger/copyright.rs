//! Licences of a Debian package: machine-readable copyright file, format 1.0,
//! <https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/>. Free text says nothing here: nothing is guessed.

use std::collections::BTreeSet;

use super::deb822;
use crate::format::license;

/// What the file declares, sorted: SPDX expressions where every name has an SPDX identifier, else the declaration as written.
pub(super) fn licenses(text: &str) -> Vec<String> {
    let mut paragraphs = deb822::paragraphs(text);
    let Some(header) = paragraphs.next() else { return Vec::new() };
    if !header.get("Format").is_some_and(|format| format.contains("copyright-format")) {
        return Vec::new();
    }
    // A paragraph without `Files` only holds the text of a licence named elsewhere.
    let about_files = paragraphs.filter(|paragraph| paragraph.get("Files").is_some());
    let declared: BTreeSet<String> = std::iter::once(header)
        .chain(about_files)
        .filter_map(|paragraph| paragraph.line_of("License"))
        // A licence's text where its name should be is not a name.
        .filter(|words| words.len() <= LONGEST)
        .map(|words| to_spdx(words).unwrap_or_else(|| words.to_owned()))
        .collect();
    declared.into_iter().collect()
}

const LONGEST: usize = 120;

/// A declaration in Debian's words as an SPDX expression; none if a part of it has no certain counterpart.
fn to_spdx(words: &str) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = words.split_whitespace().peekable();
    while let Some(word) = rest.next() {
        let name = one(word)?;
        let exception = match rest.next_if_eq(&"with") {
            None => None,
            Some(_) => {
                let exception = exception(rest.next()?)?;
                // "with Bison exception"
                rest.next_if(|word| word.eq_ignore_ascii_case("exception"))?;
                Some(exception)
            }
        };
        match exception {
            Some(exception) => out.push(format!("{name} WITH {exception}")),
            None => out.push(name),
        }
        match rest.next() {
            // As in SPDX, `and` binds closer than `or`.
            Some("and") => out.push("AND".to_owned()),
            Some("or") => out.push("OR".to_owned()),
            None => break,
            Some(_) => return None,
        }
    }
    let expression = out.join(" ");
    license::is_expression(&expression).then_some(expression)
}

/// §7.1, "Short name", and the spellings that are common beside it.
fn one(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let known = NAMES.iter().find(|(debian, _)| *debian == lower).map(|(_, spdx)| (*spdx).to_owned());
    known.or_else(|| gnu(&lower)).or_else(|| license::is_id(name).then(|| name.to_owned()))
}

/// `GPL-2+` is `GPL-2.0-or-later`, `LGPL-2.1` is `LGPL-2.1-only`.
fn gnu(lower: &str) -> Option<String> {
    let (family, version) = lower.split_once('-')?;
    let family = match family {
        "agpl" => "AGPL",
        "gfdl" => "GFDL",
        "gpl" => "GPL",
        "lgpl" => "LGPL",
        _ => return None,
    };
    let (version, suffix) = match version.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None => (version, "only"),
    };
    let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
    let id = format!("{family}-{version}-{suffix}");
    license::is_id(&id).then_some(id)
}

fn exception(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "bison" => "Bison-exception-2.2",
        "classpath" => "Classpath-exception-2.0",
        "font" => "Font-exception-2.0",
        "libtool" => "Libtool-exception",
        _ => return None,
    })
}

/// Debian's name in lower case, and SPDX's.
const NAMES: &[(&str, &str)] = &[
    ("apache-1.0", "Apache-1.0"),
    ("apache-1.1", "Apache-1.1"),
    ("apache-2.0", "Apache-2.0"),
    ("artistic-2.0", "Artistic-2.0"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("bsd-4-clause-uc", "BSD-4-Clause-UC"),
    ("cc0", "CC0-1.0"),
    ("expat", "MIT"),
    ("gfdl-niv-1.2", "GFDL-1.2-no-invariants-only"),
    ("gfdl-niv-1.2+", "GFDL-1.2-no-invariants-or-later"),
    ("gfdl-niv-1.3", "GFDL-1.3-no-invariants-only"),
    ("gfdl-niv-1.3+", "GFDL-1.3-no-invariants-or-later"),
    ("isc", "ISC"),
    ("zlib", "Zlib"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_names_become_identifiers() {
        for (debian, spdx) in [
            ("Expat", Some("MIT")),
            ("MIT", Some("MIT")),
            ("GPL-2+", Some("GPL-2.0-or-later")),
            ("GPL-3", Some("GPL-3.0-only")),
            ("LGPL-2.1+", Some("LGPL-2.1-or-later")),
            ("GFDL-1.3+", Some("GFDL-1.3-or-later")),
            ("GFDL-NIV-1.3+", Some("GFDL-1.3-no-invariants-or-later")),
            ("BSD-3-clause or GPL-2", Some("BSD-3-Clause OR GPL-2.0-only")),
            ("GPL-3+ with Bison exception", Some("GPL-3.0-or-later WITH Bison-exception-2.2")),
            ("BSL-1.0 and Expat", Some("BSL-1.0 AND MIT")),
            ("GPL-2+ with OpenSSL exception", None),
            ("GPL", None),
            ("public-domain", None),
            ("LGPLv3+_or_GPLv2+", None),
            ("GPL-2+,", None),
            ("MIT or", None),
            ("or MIT", None),
        ] {
            assert_eq!(to_spdx(debian).as_deref(), spdx, "{debian}");
        }
    }

    #[test]
    fn reads_files_paragraphs_only_of_the_machine_readable_format() {
        let format = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";
        let text = format!(
            "{format}\nFiles: *\nLicense: GPL-2+\n text\n\nFiles: a\nLicense: Foo\n\nLicense: ISC\n text\n\nFiles: b\nLicense:\n text\n"
        );
        assert_eq!(licenses(&text), ["Foo", "GPL-2.0-or-later"]);
        assert_eq!(licenses("This package was debianized. GPL-2+\n\nFiles: *\nLicense: MIT\n"), [""; 0]);
        assert_eq!(licenses(""), [""; 0]);
    }
}
