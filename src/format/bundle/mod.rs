//! Sigstore bundles 0.1, 0.2 and 0.3: protobuf-specs, sigstore_bundle.proto, in protobuf's JSON.

mod entry;
mod material;
mod write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

pub use entry::{InclusionProof, LogEntry};
pub(in crate::format) use write::hash;
pub use write::{NewBundle, NewContent, NewSigner};

use super::dsse::{DsseError, Envelope};
use super::object::{Object, ObjectError};
use crate::base::limits;

/// A bundle as it arrived: nobody has checked anything in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// Which edition of the specification.
    pub version: Version,
    /// What to check the signature with.
    pub material: Material,
    /// What logs say about the signature.
    pub log_entries: Vec<LogEntry>,
    /// RFC 3161: what timestamp authorities say about the signature, each a whole response.
    pub timestamps: Vec<Vec<u8>>,
    /// What is signed.
    pub content: BundleContent,
}

/// An edition of the specification.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// Entries of logs have a promise.
    V0_1,
    /// Entries of logs have a proof of inclusion.
    V0_2,
    /// One certificate, no chain; the only edition that is stored beside images.
    V0_3,
}

impl Version {
    /// How it is written.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::V0_1 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V0_2 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V0_3 => MEDIA_TYPE,
        }
    }

    fn read(media_type: &str) -> Option<Self> {
        let spelt = [Self::V0_1, Self::V0_2, Self::V0_3].into_iter().find(|it| it.media_type() == media_type);
        spelt.or((media_type == "application/vnd.dev.sigstore.bundle+json;version=0.3").then_some(Self::V0_3))
    }
}

/// What a bundle brings to check its signature with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Material {
    /// A certificate: the signer is an identity.
    Certificate {
        /// The signer's certificate, in DER.
        leaf: Vec<u8>,
        /// Certificates between it and a root, in DER; only before version 0.3.
        intermediates: Vec<Vec<u8>>,
    },
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
        /// What the signer says the file hashes to; unauthenticated.
        digest: Option<MessageDigest>,
        /// Over the file.
        signature: Vec<u8>,
    },
}

/// The claimed hash of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageDigest {
    /// As written: `SHA2_256`, …
    pub algorithm: String,
    /// The hash.
    pub bytes: Vec<u8>,
}

impl Bundle {
    /// Reads a bundle of version 0.3, the only one that is stored beside images. Unknown fields are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle = Self::parse_any_version(bytes)?;
        match bundle.version {
            Version::V0_3 => Ok(bundle),
            old => Err(BundleError::MediaType { found: old.media_type().to_owned() }),
        }
    }

    /// Reads a bundle of any version: a file that somebody handed over. Unknown fields are refused.
    pub fn parse_any_version(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut object = Object::parse("bundle", bytes)?;
        let media_type: String = object.take("mediaType")?;
        let version = Version::read(&media_type)
            .ok_or_else(|| BundleError::MediaType { found: media_type.chars().take(128).collect() })?;
        let mut material = object.take_object("verificationMaterial")?;
        let entries: Vec<Box<RawValue>> = material.take_optional("tlogEntries")?.unwrap_or_default();
        let log_entries = entry::read(&entries, version)?;
        let timestamps = timestamps(&mut material)?;
        let material = read_material(material, version)?;
        let content = content(&mut object)?;
        object.finish()?;
        Ok(Self { version, material, log_entries, timestamps, content })
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
/// Whether something of this media type is a bundle of a version that is known: nothing is added to it, and no other parameter.
pub fn is_media_type(text: &str) -> bool {
    Version::read(text).is_some()
}

/// How every media type of a bundle starts, whatever its version: good for telling that a newer one is there, which cannot be read.
pub const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

fn read_material(mut object: Object, version: Version) -> Result<Material, BundleError> {
    let key = object.take_optional::<Box<RawValue>>("publicKey")?;
    let certificate = object.take_optional::<Box<RawValue>>("certificate")?;
    let chain = object.take_optional::<Box<RawValue>>("x509CertificateChain")?;
    object.finish()?;
    match (key, certificate, chain) {
        (Some(raw), None, None) => {
            let mut key = Object::inside("publicKey", &raw)?;
            let hint = key.take_optional("hint")?.unwrap_or_default();
            key.finish()?;
            Ok(Material::PublicKey { hint })
        }
        (None, Some(raw), None) => {
            let leaf = raw_bytes(Object::inside("certificate", &raw)?)?;
            Ok(Material::Certificate { leaf, intermediates: Vec::new() })
        }
        // A chain lets a stranger choose how the certificate is led to a root; version 0.3 leaves that to the verifier.
        (None, None, Some(_)) if version == Version::V0_3 => Err(BundleError::Chain),
        (None, None, Some(raw)) => {
            let mut chain = Object::inside("x509CertificateChain", &raw)?;
            let certificates = chain.take_objects("certificates")?;
            chain.finish()?;
            if !(1..=limits::CHAIN).contains(&certificates.len()) {
                return Err(BundleError::Count { field: "certificates", found: certificates.len() });
            }
            let mut chain = certificates.into_iter().map(raw_bytes);
            let leaf = chain.next().ok_or(BundleError::MaterialCount)??;
            Ok(Material::Certificate { leaf, intermediates: chain.collect::<Result<_, _>>()? })
        }
        _ => Err(BundleError::MaterialCount),
    }
}

fn raw_bytes(mut object: Object) -> Result<Vec<u8>, BundleError> {
    let text: String = object.take("rawBytes")?;
    object.finish()?;
    decode("rawBytes", &text, limits::PROOF_PART)
}

fn timestamps(material: &mut Object) -> Result<Vec<Vec<u8>>, BundleError> {
    let Some(raw) = material.take_optional::<Box<RawValue>>("timestampVerificationData")? else {
        return Ok(Vec::new());
    };
    let mut data = Object::inside("timestampVerificationData", &raw)?;
    let raws: Vec<Box<RawValue>> = data.take_optional("rfc3161Timestamps")?.unwrap_or_default();
    data.finish()?;
    if raws.len() > limits::TIMESTAMPS {
        return Err(BundleError::Count { field: "rfc3161Timestamps", found: raws.len() });
    }
    let mut stamps = Vec::new();
    for raw in &raws {
        let mut stamp = Object::inside("rfc3161Timestamps", raw)?;
        let text: String = stamp.take("signedTimestamp")?;
        stamp.finish()?;
        let stamp = decode("signedTimestamp", &text, limits::PROOF_PART)?;
        if stamps.contains(&stamp) {
            return Err(BundleError::DuplicateTimestamp);
        }
        stamps.push(stamp);
    }
    Ok(stamps)
}

fn content(object: &mut Object) -> Result<BundleContent, BundleError> {
    let envelope = object.take_optional::<Box<RawValue>>("dsseEnvelope")?;
    let message = object.take_optional::<Box<RawValue>>("messageSignature")?;
    match (envelope, message) {
        (Some(raw), None) => {
            Ok(BundleContent::Envelope(Envelope::from_object(Object::inside("dsseEnvelope", &raw)?)?))
        }
        (None, Some(raw)) => {
            let mut message = Object::inside("messageSignature", &raw)?;
            let signature: String = message.take("signature")?;
            let digest = match message.take_optional::<Box<RawValue>>("messageDigest")? {
                Some(raw) => message_digest(Object::inside("messageDigest", &raw)?)?,
                None => None,
            };
            message.finish()?;
            Ok(BundleContent::Message {
                digest,
                signature: decode("signature", &signature, limits::PROOF_PART)?,
            })
        }
        _ => Err(BundleError::ContentCount),
    }
}

// cosign 3 writes `{}` beside an Ed25519 signature.
fn message_digest(mut object: Object) -> Result<Option<MessageDigest>, BundleError> {
    let algorithm: Option<String> = object.take_optional("algorithm")?;
    let digest: Option<String> = object.take_optional("digest")?;
    object.finish()?;
    match (algorithm, digest) {
        (None, None) => Ok(None),
        (Some(algorithm), Some(digest)) => {
            Ok(Some(MessageDigest { algorithm, bytes: decode("digest", &digest, 64)? }))
        }
        _ => Err(BundleError::MessageDigest),
    }
}

/// Standard base64 of at most `most` bytes.
fn decode(field: &'static str, text: &str, most: usize) -> Result<Vec<u8>, BundleError> {
    let bytes = STANDARD.decode(text).map_err(|_| BundleError::Base64 { field })?;
    if bytes.is_empty() || bytes.len() > most {
        return Err(BundleError::Length { field });
    }
    Ok(bytes)
}

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the standard alphabet with padding, or not canonical.
    #[error("`{field}` of the bundle is not standard base64")]
    Base64 {
        /// Which member.
        field: &'static str,
    },
    /// A chain where one certificate is asked for.
    #[error("a bundle of version 0.3 must hold `certificate`, not `x509CertificateChain`")]
    Chain,
    /// Nothing is signed, or two things are.
    #[error("the bundle must hold either `dsseEnvelope` or `messageSignature`")]
    ContentCount,
    /// More than is looked at, or nothing.
    #[error("`{field}` of the bundle has {found} items")]
    Count {
        /// Which list.
        field: &'static str,
        /// How many.
        found: usize,
    },
    /// Counted twice, one log would be two.
    #[error("the bundle lists the log entry {index} twice")]
    DuplicateEntry {
        /// Its index.
        index: u64,
    },
    /// Counted twice, one authority would be two.
    #[error("the bundle lists a time stamp twice")]
    DuplicateTimestamp,
    /// The envelope in it.
    #[error(transparent)]
    Envelope(#[from] DsseError),
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// Version 0.1 asks for a promise, later ones for a proof.
    #[error("the bundle's log entry {index} lacks the proof that its version asks for")]
    IncompleteEntry {
        /// Its index.
        index: u64,
    },
    /// Not a natural number of 63 bits in its only spelling.
    #[error("`{field}` of the bundle is not a whole number")]
    Integer {
        /// Which member.
        field: &'static str,
    },
    /// Empty, or longer than any real one.
    #[error("`{field}` of the bundle is empty or too long")]
    Length {
        /// Which member.
        field: &'static str,
    },
    /// Neither key nor certificate, or both.
    #[error("the bundle's verificationMaterial must hold either `publicKey` or `certificate`")]
    MaterialCount,
    /// Another version, or something else.
    #[error("`{}` is not a bundle of version 0.3", crate::base::Printable(.found))]
    MediaType {
        /// As written.
        found: String,
    },
    /// An algorithm without hash, or the other way around.
    #[error("the bundle's messageDigest must hold `algorithm` and `digest`, or nothing")]
    MessageDigest,
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
