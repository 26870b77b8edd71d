//! in-toto statements, v0.1 and v1: spec/v1/statement.md (<https://github.com/in-toto/attestation>).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::object::{Object, ObjectError};
use crate::base::{Digest, limits};

/// The DSSE payload type of a statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// `_type` of version 0.1.
pub const TYPE_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// `_type` of version 1.
pub const TYPE_V1: &str = "https://in-toto.io/Statement/v1";
/// The predicate type that says: this is an image signature, and nothing else is said.
pub const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Something said about some content. Who said it is another question.
#[derive(Clone, Debug)]
pub struct Statement {
    subjects: Vec<Subject>,
    predicate_type: String,
    predicate: Box<RawValue>,
}

impl Statement {
    /// Reads a statement. Unknown fields are refused, so is a statement about nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut object = Object::parse("statement", bytes)?;
        let version: String = object.take("_type")?;
        if version != TYPE_V0_1 && version != TYPE_V1 {
            return Err(StatementError::Type { found: version.chars().take(128).collect() });
        }
        let subjects = object.take_objects("subject")?;
        let predicate_type: String = object.take("predicateType")?;
        let predicate: Option<Box<RawValue>> = object.take_optional("predicate")?;
        object.finish()?;
        if predicate_type.is_empty() {
            return Err(StatementError::NoPredicateType);
        }
        if subjects.is_empty() {
            return Err(StatementError::NoSubject);
        }
        if subjects.len() > limits::SUBJECTS {
            return Err(StatementError::TooManySubjects { found: subjects.len() });
        }
        let predicate = predicate.unwrap_or_else(|| RawValue::NULL.to_owned());
        if !predicate.get().starts_with('{') && predicate.get() != "null" {
            return Err(StatementError::PredicateNotAnObject);
        }
        let subjects = subjects.into_iter().map(Subject::read).collect::<Result<_, _>>()?;
        Ok(Self { subjects, predicate_type, predicate })
    }

    /// What it is about: at least one.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// The subject with this digest, if there is one.
    pub fn subject(&self, digest: Digest) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.is(digest))
    }

    /// What kind of thing is said.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// What is said: the signer's own bytes, a JSON object, or `null` if nothing more is said.
    pub fn predicate(&self) -> &[u8] {
        self.predicate.get().as_bytes()
    }
}

/// One thing that a statement is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What the signer called it; may be absent, and proves nothing.
    pub name: Option<String>,
    /// Free values beside it.
    pub annotations: BTreeMap<String, serde_json::Value>,
    digests: BTreeMap<String, String>,
}

impl Subject {
    /// Whether it names exactly this content: same algorithm name, same lower-case hexadecimal digits.
    pub fn is(&self, digest: Digest) -> bool {
        self.digests.get(digest.algorithm().name()).is_some_and(|hex| *hex == digest.hex())
    }

    /// The content, if it is named by an algorithm that is known here.
    pub fn digest(&self) -> Option<Digest> {
        self.digests.iter().find_map(|(name, hex)| format!("{name}:{hex}").parse().ok())
    }

    fn read(mut object: Object) -> Result<Self, StatementError> {
        let subject = Self {
            name: object.take_optional("name")?.filter(|name: &String| !name.is_empty()),
            annotations: object.take_optional("annotations")?.unwrap_or_default(),
            digests: object.take("digest")?,
        };
        // Other members of an in-toto v1 resource descriptor. They say nothing about which content is meant.
        for other in ["uri", "content", "downloadLocation", "mediaType"] {
            object.skip(other);
        }
        object.finish()?;
        if subject.digests.is_empty() {
            return Err(StatementError::NoDigest);
        }
        if subject.digests.len() > limits::SUBJECT_DIGESTS {
            return Err(StatementError::TooManyDigests { found: subject.digests.len() });
        }
        Ok(subject)
    }
}

/// What a short name for a predicate type means, as cosign's `--type`.
pub fn predicate_type(name: &str) -> Option<&str> {
    match PREDICATE_TYPES.iter().find(|(short, _)| *short == name) {
        Some((_, uri)) => Some(uri),
        // Any absolute URI: a scheme, a colon, something after it.
        None => {
            let (scheme, rest) = name.split_once(':')?;
            let good = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                && !rest.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic());
            good.then_some(name)
        }
    }
}

/// Whether an attestation of type `found` answers a question for type `wanted`. SPDX is also written with its version at the end
/// (`https://spdx.dev/Document/v2.3`, GitHub), CycloneDX likewise.
pub fn predicate_type_matches(wanted: &str, found: &str) -> bool {
    let versioned = [SPDX, CYCLONEDX].contains(&wanted);
    found == wanted
        || (versioned
            && found.strip_prefix(wanted).and_then(|rest| rest.strip_prefix("/v")).is_some_and(is_version))
}

/// `2.3`: numbers with dots between them. `https://cyclonedx.org/bom/vex` is not a version of anything.
fn is_version(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Predicate type of an SPDX document.
pub const SPDX: &str = "https://spdx.dev/Document";
/// Predicate type of a CycloneDX document.
pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// Short names and what they mean, in the order of help texts.
pub const PREDICATE_TYPES: &[(&str, &str)] = &[
    ("spdxjson", SPDX),
    ("cyclonedx", CYCLONEDX),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("link", "https://in-toto.io/Link/v1"),
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
];

/// Why bytes are not a statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// A subject that names no content.
    #[error("a subject of the statement has no digest")]
    NoDigest,
    /// The type is empty: nobody could say what is meant.
    #[error("the statement's predicateType is empty")]
    NoPredicateType,
    /// About nothing.
    #[error("the statement has no subject")]
    NoSubject,
    /// A list, a text or a number.
    #[error("the statement's predicate is not a JSON object")]
    PredicateNotAnObject,
    /// Over the limit.
    #[error(
        "a subject of the statement has {found} digests; at most {} are accepted",
        limits::SUBJECT_DIGESTS
    )]
    TooManyDigests {
        /// How many.
        found: usize,
    },
    /// Over the limit.
    #[error("the statement has {found} subjects; at most {} are accepted", limits::SUBJECTS)]
    TooManySubjects {
        /// How many.
        found: usize,
    },
    /// Another version, or something else.
    #[error("the statement's _type is `{}`; in-toto Statement v0.1 and v1 are accepted", crate::base::Printable(.found))]
    Type {
        /// As written.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_uris_are_predicate_types() {
        for (short, uri) in PREDICATE_TYPES {
            assert_eq!(predicate_type(short), Some(*uri));
            assert_eq!(predicate_type(uri), Some(*uri));
        }
        for uri in ["urn:x:y", "https://a.example/b/v1", "git+ssh://x"] {
            assert_eq!(predicate_type(uri), Some(uri));
        }
        for wrong in [
            "",
            "spdx-json",
            "SPDXJSON",
            "https:",
            ":x",
            "1a:x",
            "a b:c",
            "https://a b",
            "https://\u{e9}",
            "x:\n",
        ] {
            assert_eq!(predicate_type(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_version_at_the_end_is_the_same_type_for_sboms_only() {
        for (wanted, found) in [
            (SPDX, SPDX),
            (SPDX, "https://spdx.dev/Document/v2.3"),
            (CYCLONEDX, "https://cyclonedx.org/bom/v1.6"),
            ("https://spdx.dev/Document/v2.3", "https://spdx.dev/Document/v2.3"),
        ] {
            assert!(predicate_type_matches(wanted, found), "{wanted} {found}");
        }
        for (wanted, found) in [
            ("https://spdx.dev/Document/v2.3", SPDX),
            (SPDX, "https://spdx.dev/Document/"),
            (SPDX, "https://spdx.dev/Document/v"),
            (SPDX, "https://spdx.dev/Documents"),
            (SPDX, "https://spdx.dev/Document/v2.3/x"),
            (SPDX, "https://spdx.dev/Document/v2."),
            (SPDX, "https://spdx.dev/Document/v2.3-draft"),
            (CYCLONEDX, "https://cyclonedx.org/bom/vex"),
            (CYCLONEDX, "https://cyclonedx.org/bom/vulnerabilities"),
            (SPDX, "https://spdx.dev/Documentv2.3"),
            (SPDX, CYCLONEDX),
            ("https://slsa.dev/provenance", "https://slsa.dev/provenance/v1"),
            (SIGN_PREDICATE, "https://sigstore.dev/cosign/sign/v1/v1"),
        ] {
            assert!(!predicate_type_matches(wanted, found), "{wanted} {found}");
        }
    }

    #[test]
    fn there_are_no_more_subjects_and_digests_than_readers_accept() {
        let statement = |subjects: usize, digests: usize| {
            let digests: Vec<String> = (0..digests).map(|number| format!(r#""{number}":"x""#)).collect();
            let subject = format!(r#"{{"digest":{{{}}}}}"#, digests.join(","));
            let subjects = vec![subject; subjects].join(",");
            let text = format!(r#"{{"_type":"{TYPE_V1}","subject":[{subjects}],"predicateType":"x"}}"#);
            Statement::parse(text.as_bytes())
        };
        assert!(statement(limits::SUBJECTS, limits::SUBJECT_DIGESTS).is_ok());
        let many = statement(limits::SUBJECTS + 1, 1);
        assert!(matches!(many, Err(StatementError::TooManySubjects { .. })), "{many:?}");
        let many = statement(1, limits::SUBJECT_DIGESTS + 1);
        assert!(matches!(many, Err(StatementError::TooManyDigests { .. })), "{many:?}");
        assert!(matches!(statement(1, 0), Err(StatementError::NoDigest)));
        assert!(matches!(statement(0, 0), Err(StatementError::NoSubject)));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(subject in r#"[\[\]{}",:a1]{0,20}"#, predicate in r#"[\[\]{}",:a1]{0,20}"#) {
            let text = format!(
                r#"{{"_type":"{TYPE_V1}","subject":{subject},"predicateType":"x","predicate":{predicate}}}"#
            );
            let _ = Statement::parse(text.as_bytes());
        }
    }
}
