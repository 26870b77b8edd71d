//! Every kind of key in every format: who verifies whose signature. What was measured stands in `testdata/interop/keys.tsv` and in the README.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;

const MEASURED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/interop/keys.tsv");
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Kinds of keys: ours, openssl's file, and the hash that cosign 3 must be told to verify its own signatures with.
const KINDS: [(&str, &str, &str); 5] = [
    ("ECDSA P-256", "ec256", "sha256"),
    ("ECDSA P-384", "ec384", "sha384"),
    ("ECDSA P-521", "ec521", "sha512"),
    ("Ed25519", "ed25519", "sha512"),
    ("RSA 2048", "rsa2048", "sha256"),
];

/// What is attested.
const SAID: Predicate = Predicate { kind: "custom", json: r#"{"approved":true}"# };

/// A program and, if it is cosign, the format that it is told to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tool {
    Plimsoll,
    Cosign(Cosign),
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::Cosign(Cosign::Two) => "cosign 2",
            Self::Cosign(Cosign::Three | Cosign::ThreeLegacy) => "cosign 3",
        }
    }

    fn sign(self, peers: &Peers, kind: &str, thing: &Thing) {
        let key = format!("{kind}.key");
        match (self, thing) {
            (Self::Plimsoll, Thing::Image(storage, image)) => {
                let sign = ["sign", "--key", &format!("[DIR]/{key}"), "--storage", storage, &image.pinned()];
                plimsoll(peers, &sign).run().exits(0);
            }
            (Self::Plimsoll, Thing::File(bundle)) => {
                let (key, bundle) = (format!("[DIR]/{key}"), format!("[DIR]/{bundle}"));
                let sign = ["sign-blob", "--key", &key, "--bundle", &bundle, "[DIR]/file"];
                plimsoll(peers, &sign).run().exits(0);
            }
            (Self::Plimsoll, Thing::Attestation(storage, image)) => {
                let file = format!("[DIR]/{}", SAID.file(peers.home()));
                let attest = ["attest", "--key", &format!("[DIR]/{key}"), "--storage", storage];
                let what = ["--type", SAID.kind, "--predicate", &file, &image.pinned()];
                plimsoll(peers, &[&attest[..], &what].concat()).run().exits(0);
            }
            (Self::Cosign(cosign), Thing::Attestation(_, image)) => {
                cosign_attests(peers, cosign, &key, &SAID, &image.pinned());
            }
            (Self::Cosign(cosign), Thing::Image(_, image)) => {
                cosign_signs(peers, cosign, &key, &image.pinned());
            }
            (Self::Cosign(cosign), Thing::File(bundle)) => {
                let sign = ["sign-blob", "--new-bundle-format", "--key", &key, "--bundle", bundle];
                peers.succeed(cosign.program(), &[&sign, cosign.writing(), &["file"]].concat());
            }
        }
    }

    /// Whether it verifies, and if not at once, with which option.
    fn verdict(self, peers: &Peers, kind: &str, hash: &str, thing: &Thing) -> &'static str {
        match self {
            Self::Plimsoll => {
                let verify = |key: &str| {
                    let key = format!("[DIR]/{key}.pub");
                    let run = match thing {
                        Thing::Image(_, image) => {
                            plimsoll(peers, &["verify", "--key", &key, &image.pinned()]).run()
                        }
                        Thing::Attestation(_, image) => {
                            let verify = ["verify", "--key", &key, "--type", SAID.kind, &image.pinned()];
                            plimsoll(peers, &verify).run()
                        }
                        Thing::File(bundle) => {
                            let bundle = format!("[DIR]/{bundle}");
                            let verify = ["verify-blob", "--key", &key, "--bundle", &bundle, "[DIR]/file"];
                            plimsoll(peers, &verify).run()
                        }
                    };
                    run.code
                };
                assert_eq!(verify("stranger"), 1, "{kind}");
                if verify(kind) == 0 { "yes" } else { "no" }
            }
            Self::Cosign(cosign) => {
                let verify = |key: &str, options: &[&str]| {
                    let public = format!("{key}.pub");
                    let key = ["--insecure-ignore-tlog", "--key", &public];
                    let run = match thing {
                        Thing::Attestation(_, image) => {
                            let what = ["verify-attestation", "--type", SAID.kind, &image.pinned()];
                            peers.run(cosign.program(), &[&what, &key[..], options].concat())
                        }
                        Thing::Image(_, image) => {
                            let what = ["verify", &image.pinned()];
                            peers.run(cosign.program(), &[&what, &key[..], options].concat())
                        }
                        Thing::File(bundle) => {
                            let what = ["verify-blob", "--new-bundle-format", "--bundle", bundle, "file"];
                            let root = ["--trusted-root", "root.json"];
                            peers.run(cosign.program(), &[&what, &key[..], &root, options].concat())
                        }
                    };
                    run.status.success()
                };
                assert!(!verify("stranger", &[]), "{kind}");
                if verify(kind, &[]) {
                    "yes"
                } else if verify(kind, &["--signature-digest-algorithm", hash]) {
                    "with option"
                } else {
                    "no"
                }
            }
        }
    }
}

/// What is signed, and where its signature is.
enum Thing {
    /// What is attested about an image, in this storage.
    Attestation(&'static str, Image),
    /// `file`, with its bundle in a file of this name.
    File(String),
    /// An image, in this storage.
    Image(&'static str, Image),
}

/// How a signature is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Attestation,
    Bundle,
    File,
    Legacy,
    LegacyAttestation,
}

impl Format {
    const ALL: [Self; 5] =
        [Self::Bundle, Self::Legacy, Self::Attestation, Self::LegacyAttestation, Self::File];

    fn name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Bundle => "referrers",
            Self::File => "file",
            Self::Legacy => "legacy",
            Self::LegacyAttestation => "legacy attestation",
        }
    }

    fn thing(self, site: &Site, kind: &str, signer: Tool) -> Thing {
        let name = format!("{kind}/{}/{}", self.name(), signer.name()).replace(' ', "");
        match self {
            Self::File => Thing::File(format!("{}.json", name.replace('/', "-"))),
            Self::Attestation => Thing::Attestation("referrers", site.push(&name)),
            Self::LegacyAttestation => Thing::Attestation("legacy", site.push(&name)),
            Self::Bundle | Self::Legacy => Thing::Image(self.name(), site.push(&name)),
        }
    }

    /// Who writes it.
    fn signers(self) -> &'static [Tool] {
        match self {
            Self::Attestation | Self::Bundle => &[Tool::Plimsoll, Tool::Cosign(Cosign::Three)],
            Self::File => &[Tool::Plimsoll, Tool::Cosign(Cosign::Three), Tool::Cosign(Cosign::Two)],
            Self::Legacy | Self::LegacyAttestation => {
                &[Tool::Plimsoll, Tool::Cosign(Cosign::ThreeLegacy), Tool::Cosign(Cosign::Two)]
            }
        }
    }

    /// Who reads it: cosign 2 knows no bundles of images.
    fn verifiers(self) -> &'static [Tool] {
        match self {
            Self::Attestation | Self::Bundle => &[Tool::Plimsoll, Tool::Cosign(Cosign::Three)],
            Self::File | Self::Legacy | Self::LegacyAttestation => {
                &[Tool::Plimsoll, Tool::Cosign(Cosign::Three), Tool::Cosign(Cosign::Two)]
            }
        }
    }
}

#[test]
fn every_kind_of_key_in_every_format() {
    let Some(peers) = Peers::find("every_kind_of_key_in_every_format") else { return };
    let site = Site::Ours(Registry::start());
    our_key(&peers, "stranger");
    let write = |name: &str, text: &str| std::fs::write(peers.home().path().join(name), text).unwrap();
    write("file", "content");
    // cosign 2 asks the network for a trusted root unless it has one, though a key needs none.
    write("root.json", r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#);
    let mut measured = String::from("# format, key, who signed, who verifies, whether it does\n");
    for (kind, file, hash) in KINDS {
        // Encrypted by us: cosign reads the file.
        let source = format!("{}/testdata/cosign/keys/source/{file}.pem", env!("CARGO_MANIFEST_DIR"));
        let import = ["key", "import", "--key", &source, "--output", &format!("[DIR]/{file}")];
        plimsoll(&peers, &import).run().exits(0);
        for format in Format::ALL {
            for signer in format.signers() {
                let thing = format.thing(&site, file, *signer);
                signer.sign(&peers, file, &thing);
                for verifier in format.verifiers() {
                    let verdict = verifier.verdict(&peers, file, hash, &thing);
                    let (format, signer, verifier) = (format.name(), signer.name(), verifier.name());
                    writeln!(measured, "{format}\t{kind}\t{signer}\t{verifier}\t{verdict}").unwrap();
                }
            }
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(MEASURED, &measured).unwrap();
    }
    let known = std::fs::read_to_string(MEASURED).unwrap();
    assert!(known == measured, "{MEASURED} is stale (UPDATE=1 rewrites it); measured:\n{measured}");
}

/// What was measured, by format, key, signer and verifier.
fn known() -> BTreeMap<[String; 4], String> {
    let text = std::fs::read_to_string(MEASURED).unwrap();
    let cells = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let [format, kind, signer, verifier, verdict] = <[String; 5]>::try_from(fields).unwrap();
        ([format, kind, signer, verifier], verdict)
    });
    cells.collect()
}

#[test]
fn we_verify_everything_and_nobody_is_verified_better() {
    let known = known();
    assert_eq!(known.len(), KINDS.len() * (2 * 2 * 2 + 3 * 3 * 3));
    let rank =
        |verdict: &str| ["no", "with option", "yes"].iter().position(|other| *other == verdict).unwrap();
    for ([format, kind, signer, verifier], verdict) in &known {
        let cell = format!("{format} {kind} {signer} {verifier}: {verdict}");
        if verifier == "plimsoll" {
            assert_eq!(verdict, "yes", "{cell}");
        }
        if signer == "cosign 3" {
            let ours = &known[&[format, kind, "plimsoll", verifier].map(str::to_owned)];
            assert!(rank(ours) >= rank(verdict), "{cell}, ours: {ours}");
        }
        // Of files, cosign 2 verifies SHA-256 only, and so nothing that cosign 3 or we sign with the larger curves.
        if signer == "plimsoll" && format != "file" {
            assert_ne!(verdict, "no", "{cell}");
        }
    }
}

/// The table for people: one row a format and key, one column a pair of tools.
fn table() -> String {
    let known = known();
    let pairs = [
        ("plimsoll", "cosign 3"),
        ("plimsoll", "cosign 2"),
        ("cosign 3", "plimsoll"),
        ("cosign 2", "plimsoll"),
        ("plimsoll", "plimsoll"),
        ("cosign 3", "cosign 3"),
        ("cosign 2", "cosign 2"),
    ];
    let mut table = "| format | key |".to_owned();
    pairs.iter().for_each(|(signer, verifier)| write!(table, " {signer} → {verifier} |").unwrap());
    table.push_str("\n|---|---|");
    pairs.iter().for_each(|_| table.push_str("---|"));
    for (format, name) in [
        ("referrers", "bundle of an image"),
        ("legacy", "legacy tag"),
        ("attestation", "attestation of an image"),
        ("legacy attestation", "attestation, legacy tag"),
        ("file", "bundle of a file"),
    ] {
        for (kind, ..) in KINDS {
            write!(table, "\n| {name} | {kind} |").unwrap();
            for (signer, verifier) in pairs {
                let cell = [format, kind, signer, verifier].map(str::to_owned);
                let verdict = known.get(&cell).map_or("–", String::as_str);
                write!(table, " {} |", if verdict == "no" { "**no**" } else { verdict }).unwrap();
            }
        }
    }
    table + "\n"
}

#[test]
fn the_table_of_keys_is_current() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once("<!-- keys: ").unwrap();
    let (marker, rest) = rest.split_once(" -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /keys -->").unwrap();
    let current = format!("{before}<!-- keys: {marker} -->\n{}<!-- /keys -->{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(README, &current).unwrap();
    }
    assert!(readme == current, "README.md is stale: UPDATE=1 cargo test");
}
