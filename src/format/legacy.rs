//! What cosign writes beside legacy layers: cosign@pkg/types and pkg/cosign/bundle, a certificate and its chain in PEM, a log's entry with its promise,
//! an RFC 3161 time stamp.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::bundle::LogEntry;
use super::object::{Object, ObjectError};
use crate::base::{Timestamp, limits};

/// Reads the annotation `dev.sigstore.cosign/bundle`: an entry with a promise and without proof.
pub fn log_entry(text: &str) -> Result<LogEntry, LegacyError> {
    let mut object = Object::parse("log entry", text.as_bytes())?;
    let promise = decode("SignedEntryTimestamp", &object.take::<String>("SignedEntryTimestamp")?)?;
    let mut payload = object.take_object("Payload")?;
    object.finish()?;
    let body = decode("body", &payload.take::<String>("body")?)?;
    let time: i64 = payload.take("integratedTime")?;
    let index: u64 = payload.take("logIndex")?;
    let log: String = payload.take("logID")?;
    payload.finish()?;
    // What the entry is stands only inside of it.
    let mut inside = Object::parse("body of the log entry", &body)?;
    let (kind, version) = (inside.take("kind")?, inside.take("apiVersion")?);
    let integrated_time = match Timestamp::from_seconds(time) {
        Ok(time) if time > Timestamp::EPOCH => time,
        _ => return Err(LegacyError::Time),
    };
    Ok(LogEntry {
        index,
        log_id: from_hex(&log).ok_or(LegacyError::LogId)?,
        kind,
        version,
        integrated_time: Some(integrated_time),
        promise: Some(promise),
        proof: None,
        body,
    })
}

/// Reads the annotation `dev.sigstore.cosign/rfc3161timestamp`.
pub fn timestamp(text: &str) -> Result<Vec<u8>, LegacyError> {
    let mut object = Object::parse("time stamp", text.as_bytes())?;
    let stamp: String = object.take("SignedRFC3161Timestamp")?;
    object.finish()?;
    let stamp = decode("SignedRFC3161Timestamp", &stamp)?;
    if stamp.len() > limits::PROOF_PART {
        return Err(LegacyError::Length);
    }
    Ok(stamp)
}

/// Reads certificates in PEM: `dev.sigstore.cosign/certificate` and `dev.sigstore.cosign/chain`.
pub fn certificates(text: &str) -> Result<Vec<Vec<u8>>, LegacyError> {
    if text.len() > limits::CHAIN * limits::PROOF_PART {
        return Err(LegacyError::Length);
    }
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let block = rest.strip_prefix("-----BEGIN CERTIFICATE-----").ok_or(LegacyError::Pem)?;
        let (body, after) = block.split_once("-----END CERTIFICATE-----").ok_or(LegacyError::Pem)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| LegacyError::Pem)?;
        if der.is_empty() || der.len() > limits::PROOF_PART || found.len() == limits::CHAIN {
            return Err(LegacyError::Length);
        }
        found.push(der);
        rest = after.trim_start();
    }
    Ok(found)
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, LegacyError> {
    STANDARD.decode(text).map_err(|_| LegacyError::Base64 { field })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digest: crate::base::Digest = format!("sha256:{text}").parse().ok()?;
    digest.bytes().try_into().ok()
}

/// Why an annotation beside a legacy layer proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// Not the standard alphabet with padding, or not canonical.
    #[error("`{field}` of the annotation is not standard base64")]
    Base64 {
        /// Which member.
        field: &'static str,
    },
    /// Not the JSON that cosign writes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// Longer than any real one.
    #[error("the annotation is too long")]
    Length,
    /// Not a SHA-256 hash in lower-case hexadecimal.
    #[error("`logID` of the annotation is not the hash of a key")]
    LogId,
    /// Not certificates in PEM, or something else among them.
    #[error("the annotation is not a certificate in PEM")]
    Pem,
    /// No time at all.
    #[error("`integratedTime` of the annotation is not a time")]
    Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn never_panics(text in r#"[-A-Z \n]{0,80}|.{0,40}"#) {
            let _ = log_entry(&text);
            let _ = timestamp(&text);
            let _ = certificates(&text);
            let _ = certificates(&format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----{text}"));
        }
    }
}
