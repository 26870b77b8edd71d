//! The statements that are signed, as cosign reads them.

use std::collections::BTreeMap;

use serde_json::{json, value::RawValue};

use super::SignError;
use crate::base::{Algorithm, Digest, limits};
use crate::format::json::parse_strict;
use crate::format::statement::{SIGN_PREDICATE, TYPE_V1};

/// "This image is signed": what cosign 3 writes, with the subject's name beside it, which strict readers of in-toto ask for.
pub(super) fn signature(
    repository: &str,
    image: Digest,
    annotations: &BTreeMap<String, String>,
) -> Result<String, SignError> {
    Ok(format!(
        r#"{{"_type":"{TYPE_V1}","subject":[{{{}"digest":{{"sha256":"{}"}},"annotations":{}}}],"predicateType":"{SIGN_PREDICATE}","predicate":{{}}}}"#,
        name(repository),
        hex(image)?,
        json!(annotations),
    ))
}

/// "This is said about this image". The predicate keeps its own bytes: numbers and order are the author's.
pub(super) fn attestation(
    repository: &str,
    image: Digest,
    predicate_type: &str,
    predicate: &[u8],
) -> Result<String, SignError> {
    if predicate_type == SIGN_PREDICATE {
        return Err(SignError::SignPredicate);
    }
    if predicate.len() as u64 > limits::PREDICATE {
        return Err(SignError::PredicateTooLarge { size: predicate.len() });
    }
    let predicate: Box<RawValue> = parse_strict(predicate)?;
    if !predicate.get().starts_with('{') {
        return Err(SignError::PredicateNotAnObject);
    }
    Ok(format!(
        r#"{{"_type":"{TYPE_V1}","subject":[{{{}"digest":{{"sha256":"{}"}}}}],"predicateType":{},"predicate":{predicate}}}"#,
        name(repository),
        hex(image)?,
        json!(predicate_type),
    ))
}

fn name(repository: &str) -> String {
    if repository.is_empty() { String::new() } else { format!(r#""name":{},"#, json!(repository)) }
}

fn hex(image: Digest) -> Result<String, SignError> {
    match image.algorithm() {
        Algorithm::Sha256 => Ok(image.hex()),
        algorithm @ (Algorithm::Sha384 | Algorithm::Sha512) => Err(SignError::Algorithm { algorithm }),
    }
}
