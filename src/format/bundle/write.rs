//! Writes bundles, with their members in the order in which cosign 3 writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{json, value::RawValue};

use super::MEDIA_TYPE;
use crate::base::{Algorithm, Digest};

/// A bundle in the making.
#[derive(Clone, Copy, Debug)]
pub struct NewBundle<'a> {
    /// Whose key made the signature.
    pub signer: NewSigner<'a>,
    /// Entries of transparency logs: `TransparencyLogEntry` in protobuf's JSON.
    pub log_entries: &'a [&'a RawValue],
    /// RFC 3161 responses in DER.
    pub timestamps: &'a [Vec<u8>],
    /// What is signed.
    pub content: NewContent<'a>,
}

/// Whose key made the signature.
#[derive(Clone, Copy, Debug)]
pub enum NewSigner<'a> {
    /// Of the holder of a certificate, in DER.
    Certificate(&'a [u8]),
    /// Of a key that the verifier has, and whose name is this.
    Hint(&'a str),
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum NewContent<'a> {
    /// An envelope, as JSON.
    Envelope(&'a str),
    /// A file.
    File {
        /// Of the file.
        digest: Digest,
        /// Over the file.
        signature: &'a [u8],
    },
}

impl NewBundle<'_> {
    /// The bundle's JSON.
    pub fn to_json(self) -> String {
        let mut material = match self.signer {
            NewSigner::Certificate(der) => {
                format!(r#""certificate":{{"rawBytes":"{}"}}"#, STANDARD.encode(der))
            }
            NewSigner::Hint(hint) => format!(r#""publicKey":{{"hint":{}}}"#, json!(hint)),
        };
        if !self.log_entries.is_empty() {
            let entries: Vec<&str> = self.log_entries.iter().map(|entry| entry.get()).collect();
            material.push_str(&format!(r#","tlogEntries":[{}]"#, entries.join(",")));
        }
        if !self.timestamps.is_empty() {
            let stamp = |der: &Vec<u8>| format!(r#"{{"signedTimestamp":"{}"}}"#, STANDARD.encode(der));
            let stamps: Vec<String> = self.timestamps.iter().map(stamp).collect();
            material.push_str(&format!(
                r#","timestampVerificationData":{{"rfc3161Timestamps":[{}]}}"#,
                stamps.join(",")
            ));
        }
        let content = match self.content {
            NewContent::Envelope(envelope) => format!(r#""dsseEnvelope":{envelope}"#),
            NewContent::File { digest, signature } => format!(
                r#""messageSignature":{{"messageDigest":{{"algorithm":"{}","digest":"{}"}},"signature":"{}"}}"#,
                hash(digest.algorithm()),
                STANDARD.encode(digest.bytes()),
                STANDARD.encode(signature),
            ),
        };
        format!(r#"{{"mediaType":"{MEDIA_TYPE}","verificationMaterial":{{{material}}},{content}}}"#)
    }
}

/// sigstore_common.proto, `HashAlgorithm`.
pub(in crate::format) fn hash(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "SHA2_256",
        Algorithm::Sha384 => "SHA2_384",
        Algorithm::Sha512 => "SHA2_512",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bundle::{Bundle, BundleContent, Material};
    use crate::format::dsse::Envelope;

    macro_rules! vector {
        ($path:literal) => {
            include_bytes!(concat!("../../../testdata/cosign/", $path))
        };
    }

    /// What `cosign sign` 3.1.1 wrote.
    #[test]
    fn around_an_envelope_it_is_what_cosign_writes() {
        let cosign = vector!("bundle/c3-sign-referrers/v1.referrer-0.layer-0.json");
        let bundle = Bundle::parse(cosign).unwrap();
        let (Material::PublicKey { hint }, BundleContent::Envelope(envelope)) =
            (bundle.material(), bundle.content())
        else {
            panic!("{bundle:?}")
        };
        let json: serde_json::Value = serde_json::from_slice(cosign).unwrap();
        let payload = STANDARD.decode(json["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let envelope = Envelope::write(envelope.payload_type(), &payload, envelope.signature());
        let written = NewBundle {
            signer: NewSigner::Hint(hint),
            log_entries: &[],
            timestamps: &[],
            content: NewContent::Envelope(&envelope),
        };
        assert_eq!(written.to_json(), String::from_utf8_lossy(cosign));
    }

    /// What `cosign sign-blob` 3.1.1 wrote.
    #[test]
    fn beside_a_file_it_is_what_cosign_writes() {
        for (cosign, algorithm) in [
            (&vector!("blob/ec256.c3.sigstore.json")[..], Algorithm::Sha256),
            (vector!("blob/ec384.c3.sigstore.json"), Algorithm::Sha384),
            (vector!("blob/ec521.c3.sigstore.json"), Algorithm::Sha512),
        ] {
            let bundle = Bundle::parse(cosign).unwrap();
            let (Material::PublicKey { hint }, BundleContent::Message { signature, .. }) =
                (bundle.material(), bundle.content())
            else {
                panic!("{bundle:?}")
            };
            let mut hasher = crate::base::Hasher::new(algorithm);
            hasher.update(vector!("blob/blob.txt"));
            let written = NewBundle {
                signer: NewSigner::Hint(hint),
                log_entries: &[],
                timestamps: &[],
                content: NewContent::File { digest: hasher.finish(), signature },
            };
            assert_eq!(written.to_json(), String::from_utf8_lossy(cosign));
        }
    }

    #[test]
    fn a_certificate_brings_its_proofs_along() {
        let entry = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let json = NewBundle {
            signer: NewSigner::Certificate(b"leaf"),
            log_entries: &[&entry(r#"{"logIndex":"1"}"#), &entry("{}")],
            timestamps: &[b"one".to_vec(), b"two".to_vec()],
            content: NewContent::Envelope("{}"),
        }
        .to_json();
        assert_eq!(
            json,
            r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"bGVhZg=="},"tlogEntries":[{"logIndex":"1"},{}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"b25l"},{"signedTimestamp":"dHdv"}]}},"dsseEnvelope":{}}"#
        );
    }
}
