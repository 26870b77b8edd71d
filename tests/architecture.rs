//! Floors and doors. Rust checks neither inside one crate, so this test does. `src/lib.rs` tells the story.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test of the tree")]

use std::fs;
use std::path::Path;

/// Module and floor. A module may use only modules on lower floors, or those in `BESIDE`.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("format", 1),
    ("crypto", 1),
    ("image", 2),
    ("pin", 2),
    ("sbom", 2),
    ("sign", 2),
    ("verify", 2),
    ("policy", 2),
    ("io", 2),
    ("cli", 3),
];

/// The few sideways edges, each with its reason.
const BESIDE: &[(&str, &str, &str)] = &[
    ("policy", "verify", "a policy consumes proofs"),
    ("sbom", "image", "catalogers read the tree that the layers make"),
];

/// Crates that may be named in these places only: their types must not leak.
const DOORS: &[(&str, &[&str])] = &[
    ("aws_lc_rs", &["crypto"]),
    ("bytes", &["io"]),
    ("clap", &["cli"]),
    ("ed25519_dalek", &["crypto"]),
    ("flate2", &["image"]),
    ("jiff", &["base"]),
    ("p256", &["crypto"]),
    ("p384", &["crypto"]),
    ("poly1305", &["crypto"]),
    ("reqwest", &["io"]),
    ("rpassword", &["cli"]),
    ("rustix", &["io"]),
    ("salsa20", &["crypto"]),
    ("scrypt", &["crypto"]),
    ("serde_saphyr", &["format"]),
    ("sha2", &["base", "crypto"]),
    ("sigstore_tuf", &["io"]),
    ("sigstore_verify", &["verify"]),
    ("similar", &["cli"]),
    ("spdx", &["format", "sbom"]),
    ("tar", &["image", "io"]),
    ("tempfile", &["io"]),
    ("tokio", &["io", "cli"]),
    ("toml", &["format"]),
    ("url", &["io"]),
    ("x509_cert", &["verify"]),
    ("zstd", &["image"]),
];

/// Who may touch data that nobody vouched for (`unverified_…`), by file. A new line here is a decision to review.
const UNVERIFIED: &[&str] = &[
    "cli/cmd/attach.rs",
    "cli/cmd/tree/mod.rs",
    "cli/keyless/mod.rs",
    "format/bundle/entry.rs",
    "format/dsse.rs",
    "policy/count.rs",
    "verify/candidate.rs",
    "verify/certificate.rs",
    "verify/envelope.rs",
    "verify/library.rs",
    "verify/mod.rs",
    "verify/witness.rs",
];

fn visit(dir: &Path, each: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, each);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            each(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn names_crate(line: &str, krate: &str) -> bool {
    line.match_indices(krate).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + krate.len()..];
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.');
        starts
            && (after.starts_with("::") || (line.trim_start().starts_with("use ") && after.starts_with(';')))
    })
}

/// What `path`'s code says wrongly, given its text. Separate from the walk so that the test below can plant violations.
fn violations(path: &str, text: &str) -> Vec<String> {
    let floor = |name: &str| FLOORS.iter().find(|(n, _)| *n == name).map(|(_, floor)| *floor);
    let here = path.split('/').next().unwrap().trim_end_matches(".rs");
    if matches!(here, "lib" | "main") {
        return Vec::new();
    }
    let Some(mine) = floor(here) else { return vec![format!("{here}: give it a floor")] };
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for used in line.split("crate::").skip(1).map(word) {
            let lower = floor(&used).is_some_and(|theirs| theirs < mine);
            let beside = BESIDE.iter().any(|(from, to, _)| *from == here && *to == used);
            if used != here && !lower && !beside {
                wrong.push(format!("{path}: {here} may not use `{used}`"));
            }
        }
        for (krate, doors) in DOORS {
            if names_crate(line, krate) && !doors.contains(&here) {
                wrong.push(format!("{path}: only {doors:?} may name `{krate}`"));
            }
        }
        if (line.contains("unverified_") || line.contains("dangerous_")) && !UNVERIFIED.contains(&path) {
            wrong.push(format!("{path}: not on the list of files that may touch unverified data"));
        }
    }
    wrong
}

#[test]
fn floors_and_doors_hold() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    visit(&src, &mut |file, text| {
        wrong.extend(violations(file.strip_prefix(&src).unwrap().to_str().unwrap(), text));
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn planted_violations_are_caught() {
    for (path, text) in [
        ("base/x.rs", "use crate::format::dsse;"),
        ("format/x.rs", "use crate::crypto::PublicKey;"),
        ("verify/x.rs", "use crate::io::Io;"),
        ("io/x.rs", "use crate::policy::decide;"),
        ("pin/x.rs", "use crate::sbom::x;"),
        ("verify/x.rs", "use p256::ecdsa;"),
        ("policy/x.rs", "let x = reqwest::get();"),
        ("policy/x.rs", "x.unverified_payload()"),
        ("nowhere/x.rs", ""),
    ] {
        assert!(!violations(path, text).is_empty(), "{path}: {text}");
    }
    for (path, text) in [
        ("policy/x.rs", "use crate::verify::Attested;"),
        ("cli/x.rs", "use crate::policy::decide;"),
        ("crypto/x.rs", "use p256::ecdsa;"),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new());
    }
}

#[test]
fn floors_name_only_folders_that_exist() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, _) in FLOORS {
        assert!(src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file(), "{name}");
    }
}
