//! The same answers as cosign gave, run by run, or a reason.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::fs;
use std::path::Path;

use super::vectors::{ROOT, candidate, files, image_of, key};
use super::*;
use crate::base::{Digest, IdentityMatcher, TextMatcher};
use crate::format::statement::predicate_type;

/// What a command asks for.
struct Run<'a> {
    words: Vec<&'a str>,
}

impl Run<'_> {
    fn option(&self, name: &str) -> Option<&str> {
        self.words.iter().position(|word| *word == name).map(|at| self.words[at + 1])
    }

    fn signer(&self) -> Signer {
        if let Some(file) = self.option("--key") {
            return Signer::Key(key(file.trim_start_matches("keys/").trim_end_matches(".pub")));
        }
        let subject = self.option("--certificate-identity").or(self.option("--certificate-identity-regexp"));
        let subject = TextMatcher::equals(subject.unwrap()).unwrap();
        let issuer = self.option("--certificate-oidc-issuer").unwrap();
        let identity = IdentityMatcher::new(issuer, subject).unwrap();
        let root = fs::read(format!("{ROOT}/keyless/trusted_root.json")).unwrap();
        let mut trust = Trust::strict(TrustRoot::parse(&root).unwrap());
        if self.words.contains(&"--use-signed-timestamps") {
            trust.time = TimeDemand::Authority;
        }
        if self.words.contains(&"--insecure-ignore-tlog") {
            trust.log = LogDemand::NotRequired;
        }
        Signer::Identity(Box::new(IdentitySigner { identity, trust }))
    }

    fn accepts(&self, candidate: &Candidate, image: Digest) -> bool {
        if self.words[1] == "verify-attestation" {
            let name = self.option("--type").unwrap_or("custom");
            // A text in place of a predicate: there is no such name here, for there is no such predicate.
            let name = if name == "spdx" { "spdxjson" } else { name };
            let wanted = predicate_type(name).unwrap_or_else(|| panic!("{name}"));
            return match check_attestation(candidate, &self.signer(), image) {
                Ok(attested) => attested.predicate_type() == wanted,
                // An image signature, asked for as attestation: cosign 2 reads cosign 3's so.
                Err(VerifyError::NotAnAttestation) if wanted == SIGN => {
                    check_signature(candidate, &self.signer(), image).is_ok()
                }
                Err(_) => false,
            };
        }
        let annotation = self.option("-a").and_then(|pair| pair.split_once('='));
        check_signature(candidate, &self.signer(), image).is_ok_and(|signed| {
            annotation
                .is_none_or(|(name, value)| signed.annotations().get(name).is_some_and(|it| it == value))
        })
    }
}

/// `expect.tsv`: exit code, command, folder of the image, and where we answer otherwise, why.
#[test]
fn the_same_as_cosign_or_for_a_reason() {
    let text = fs::read_to_string(format!("{ROOT}/verify-output/expect.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let run = Run { words: fields[1].split(' ').collect() };
        let mut found = Vec::new();
        if fields[2] != "nothing is attached" {
            files(&Path::new(ROOT).join(fields[2]), &mut found);
            assert!(found.iter().any(|path| path.to_str().unwrap().contains(".layer-")), "{line}");
        }
        let layers = found.iter().filter(|path| path.to_str().unwrap().contains(".layer-"));
        let accepts = layers.clone().any(|path| run.accepts(&candidate(path), image_of(path)));
        if let Some((_, digest)) = fields[1].rsplit_once("@sha256:") {
            assert!(layers.clone().all(|path| image_of(path).hex() == digest), "{line}: another image");
        }
        if (accepts == (fields[0] == "0")) != (fields.len() == 3) {
            wrong.push(format!("{line}: {accepts}"));
        }
    }
    assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
}

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
