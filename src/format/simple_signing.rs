//! The payload of a legacy image signature: "simple signing" (containers-signature(5)) as cosign writes it (SIGNATURE_SPEC.md).

use std::collections::BTreeMap;

use super::object::{Object, ObjectError};
use crate::base::{Digest, DigestError};

/// What a legacy signature says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SimpleSigning {
    /// The image.
    pub digest: Digest,
    /// Where the signer saw it; proves nothing about where it is now.
    pub repository: Option<String>,
    /// What the signer added.
    pub annotations: BTreeMap<String, serde_json::Value>,
}

impl SimpleSigning {
    /// Reads a payload: the exact type, the exact names, nothing unknown. The specification asks readers to refuse unknown critical parts.
    pub fn parse(bytes: &[u8]) -> Result<Self, SimpleSigningError> {
        let mut object = Object::parse("payload", bytes)?;
        let mut critical = object.take_object("critical")?;
        let annotations = object.take_optional("optional")?.unwrap_or_default();
        object.finish()?;
        let mut identity = critical.take_object("identity")?;
        let mut image = critical.take_object("image")?;
        let kind: String = critical.take("type")?;
        critical.finish()?;
        let repository: String = identity.take("docker-reference")?;
        identity.finish()?;
        let digest: String = image.take("docker-manifest-digest")?;
        image.finish()?;
        if kind != TYPE {
            return Err(SimpleSigningError::Type { found: kind.chars().take(128).collect() });
        }
        let repository = Some(repository).filter(|name| !name.is_empty());
        Ok(Self { digest: digest.parse()?, repository, annotations })
    }

    /// Writes the payload byte for byte as cosign does: Go's JSON, members in its order, `optional` null or sorted.
    pub fn write(repository: &str, digest: Digest, annotations: &BTreeMap<String, String>) -> Vec<u8> {
        let optional = if annotations.is_empty() { None } else { Some(annotations) };
        let text = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":{}}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{TYPE}"}},"optional":{}}}"#,
            serde_json::json!(repository),
            serde_json::json!(optional),
        );
        // Go's encoder writes these so, and they occur only inside of strings.
        let mut out = String::with_capacity(text.len());
        for char in text.chars() {
            match char {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    out.push_str(&format!("\\u{:04x}", u32::from(char)))
                }
                other => out.push(other),
            }
        }
        out.into_bytes()
    }
}

/// Media type of a layer that holds such a payload.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The layer's annotation with the signature over the payload, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

const TYPE: &str = "cosign container image signature";

/// Why bytes are not such a payload.
#[derive(Debug, thiserror::Error)]
pub enum SimpleSigningError {
    /// The image's digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// A signature for another purpose.
    #[error("the signed payload is of type `{}`, not `{TYPE}`", crate::base::Printable(.found))]
    Type {
        /// As written.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `cosign sign -a env=prod -a note='a<b&c'` signed.
    const COSIGN: &[u8] = include_bytes!(
        "../../testdata/cosign/legacy/c2-sign-annotations/tag-sha256-29191eabc8c406fa6d42f4ed78a5859cd98e015a7a41d18acea9e3eca6c8feb3.sig.layer-0.json"
    );

    #[test]
    fn what_is_written_is_what_cosign_writes() {
        let said = SimpleSigning::parse(COSIGN).unwrap();
        let text =
            |(key, value): (&String, &serde_json::Value)| (key.clone(), value.as_str().unwrap().to_owned());
        let annotations: BTreeMap<String, String> = said.annotations.iter().map(text).collect();
        assert_eq!(annotations["note"], "a<b&c");
        let written = SimpleSigning::write(&said.repository.unwrap(), said.digest, &annotations);
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(COSIGN));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(repository: String, key: String, value: String) {
            let annotations = BTreeMap::from([(key, value)]);
            let digest = Digest::of(b"");
            let said = SimpleSigning::parse(&SimpleSigning::write(&repository, digest, &annotations)).unwrap();
            proptest::prop_assert_eq!(said.repository.unwrap_or_default(), repository);
            proptest::prop_assert_eq!(serde_json::json!(said.annotations), serde_json::json!(annotations));
            proptest::prop_assert_eq!(said.digest, digest);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = SimpleSigning::parse(&bytes);
        }
    }
}
