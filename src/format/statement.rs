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
            && found.strip_prefix(wanted).is_some_and(|rest| rest.starts_with("/v") && rest.len() > 2))
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
