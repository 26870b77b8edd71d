//! Dead Simple Signing Envelope 1.0.2: envelope.md and protocol.md (<https://github.com/secure-systems-lab/dsse>).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::object::{Object, ObjectError};

/// An envelope as it arrived: nobody has checked its signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    key_id: Option<String>,
    signature: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope with exactly one signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, DsseError> {
        Self::from_object(Object::parse("envelope", bytes)?)
    }

    pub(super) fn from_object(mut object: Object) -> Result<Self, DsseError> {
        let payload_type: String = object.take("payloadType")?;
        let payload: String = object.take("payload")?;
        let signatures = object.take_objects("signatures")?;
        object.finish()?;
        let found = signatures.len();
        // One signature, one meaning: with several, a reader would have to say which of them it asked for.
        let [mut signature]: [Object; 1] =
            signatures.try_into().map_err(|_| DsseError::SignatureCount { found })?;
        let key_id: Option<String> = signature.take_optional("keyid")?;
        let bytes: String = signature.take("sig")?;
        signature.finish()?;
        Ok(Self {
            payload_type,
            payload: decode("payload", &payload)?,
            key_id: key_id.filter(|id| !id.is_empty()),
            signature: decode("sig", &bytes)?,
        })
    }

    /// What the payload claims to be.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Which key the signer says it used; unauthenticated, and never empty.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The payload, which anybody may have written. Check the signature and use what comes out of that.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that the signature covers.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }

    /// Writes an envelope with one signature, as cosign 3 does (fields in protobuf's order, no `keyid`).
    pub fn write(payload_type: &str, payload: &[u8], signature: &[u8]) -> String {
        let payload_type = serde_json::Value::from(payload_type);
        format!(
            r#"{{"payload":"{}","payloadType":{payload_type},"signatures":[{{"sig":"{}"}}]}}"#,
            STANDARD.encode(payload),
            STANDARD.encode(signature),
        )
    }
}

/// Media type of a layer that holds an envelope.
pub const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// protocol.md, "PAE": binds the type to the payload, so that neither can be read as part of the other.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend(payload);
    out
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, DsseError> {
    STANDARD.decode(text).map_err(|_| DsseError::Base64 { field })
}

/// Why bytes are not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum DsseError {
    /// Not the standard alphabet with padding, or not canonical.
    #[error("`{field}` of the envelope is not standard base64")]
    Base64 {
        /// Which member.
        field: &'static str,
    },
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// None or several.
    #[error("the envelope has {found} signatures; exactly one is accepted")]
    SignatureCount {
        /// How many.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_example_is_encoded() {
        // protocol.md, "Test Vectors".
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pre_authentication_encoding("", b""), b"DSSEv1 0  0 ");
        // Lengths are of bytes, and nothing can move between the two parts.
        assert_eq!(pre_authentication_encoding("\u{e9}", b""), "DSSEv1 2 \u{e9} 0 ".as_bytes());
        assert_ne!(pre_authentication_encoding("a 1", b"b"), pre_authentication_encoding("a", b"1 1 b"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(kind: String, payload: Vec<u8>, signature: Vec<u8>) {
            let envelope = Envelope::parse(Envelope::write(&kind, &payload, &signature).as_bytes()).unwrap();
            proptest::prop_assert_eq!(envelope.payload_type(), &kind);
            proptest::prop_assert_eq!(envelope.unverified_payload(), &payload);
            proptest::prop_assert_eq!(envelope.signature(), &signature);
            proptest::prop_assert_eq!(envelope.key_id(), None);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
