//! Sigstore bundles v0.3: protobuf-specs, sigstore_bundle.proto, in protobuf's JSON.

mod write;

pub use write::{NewBundle, NewContent, NewSigner};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::dsse::{DsseError, Envelope};
use super::object::{Object, ObjectError};

/// A bundle as it arrived: nobody has checked anything in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    material: Material,
    content: BundleContent,
}

/// What a bundle brings to check its signature with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Material {
    /// A certificate: the signer is an identity.
    Certificate,
    /// The verifier has the key.
    PublicKey {
        /// Which key the signer says it used; unauthenticated.
        hint: String,
    },
}

/// What a bundle signs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BundleContent {
    /// A typed payload inside of the bundle.
    Envelope(Envelope),
    /// A file outside of the bundle.
    Message {
        /// Over the file.
        signature: Vec<u8>,
    },
}

impl Bundle {
    /// Reads a bundle of version 0.3, the only one that is stored beside images. Unknown fields are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut object = Object::parse("bundle", bytes)?;
        let media_type: String = object.take("mediaType")?;
        if !MEDIA_TYPES.contains(&media_type.as_str()) {
            return Err(BundleError::MediaType { found: media_type.chars().take(128).collect() });
        }
        let material = material(object.take_object("verificationMaterial")?)?;
        let envelope = object.take_optional::<Box<serde_json::value::RawValue>>("dsseEnvelope")?;
        let message = object.take_optional::<Box<serde_json::value::RawValue>>("messageSignature")?;
        object.finish()?;
        let content = match (envelope, message) {
            (Some(raw), None) => {
                BundleContent::Envelope(Envelope::from_object(Object::inside("dsseEnvelope", &raw)?)?)
            }
            (None, Some(raw)) => {
                let mut message = Object::inside("messageSignature", &raw)?;
                let signature: String = message.take("signature")?;
                message.skip("messageDigest");
                message.finish()?;
                let signature = STANDARD.decode(signature).map_err(|_| BundleError::Base64)?;
                BundleContent::Message { signature }
            }
            _ => return Err(BundleError::ContentCount),
        };
        Ok(Self { material, content })
    }

    /// What its signature is to be checked with.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// What it signs.
    pub fn content(&self) -> &BundleContent {
        &self.content
    }
}

/// The media type that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// How every media type of a bundle starts, whatever its version.
pub const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// Every spelling of version 0.3.
const MEDIA_TYPES: [&str; 2] = [MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"];

fn material(mut object: Object) -> Result<Material, BundleError> {
    // Proofs of time and publication: nothing is concluded from them for a key.
    object.skip("tlogEntries");
    object.skip("timestampVerificationData");
    let key = object.take_optional::<Box<serde_json::value::RawValue>>("publicKey")?;
    let certificate = object.skip("certificate");
    object.finish()?;
    match (key, certificate) {
        (Some(raw), false) => {
            let mut key = Object::inside("publicKey", &raw)?;
            let hint = key.take_optional("hint")?.unwrap_or_default();
            key.finish()?;
            Ok(Material::PublicKey { hint })
        }
        (None, true) => Ok(Material::Certificate),
        _ => Err(BundleError::MaterialCount),
    }
}

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the standard alphabet with padding, or not canonical.
    #[error("the bundle's signature is not standard base64")]
    Base64,
    /// Nothing is signed, or two things are.
    #[error("the bundle must hold either `dsseEnvelope` or `messageSignature`")]
    ContentCount,
    /// The envelope in it.
    #[error(transparent)]
    Envelope(#[from] DsseError),
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// Neither key nor certificate, or both.
    #[error("the bundle's verificationMaterial must hold either `publicKey` or `certificate`")]
    MaterialCount,
    /// Another version, or something else.
    #[error("`{}` is not a bundle of version 0.3", crate::base::Printable(.found))]
    MediaType {
        /// As written.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, material in r#"[\[\]{}",:a1]{0,20}"#) {
            let _ = Bundle::parse(&bytes);
            let text = format!(r#"{{"mediaType":"{MEDIA_TYPE}","verificationMaterial":{material},"dsseEnvelope":{{}}}}"#);
            let _ = Bundle::parse(text.as_bytes());
        }
    }
}
