//! What to sign, and the artefact to push. Only bytes are made here; who pushes them where is not decided here.

mod bundle;
mod legacy;
mod signature;
mod statement;

pub use bundle::{
    Referrer, SignedBundle, UnsignedBundle, UnsignedFile, attestation, image_signature, written_statement,
};
pub use legacy::{
    Appended, LegacyLayer, UnsignedLayer, append_legacy, holds_legacy, legacy_attestation, legacy_signature,
};
pub use signature::{LogEntry, Signatory, Signature, ToSign};

use crate::base::{Algorithm, limits};
use crate::crypto::{BadFileSignature, BadSignature};
use crate::format::json::JsonError;
use crate::format::manifest::ManifestError;
use crate::format::statement::StatementError;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// cosign and the statements that it reads know SHA-256 only.
    #[error("an image named by {} cannot be signed: other tools read sha256 only", .algorithm.name())]
    Algorithm {
        /// Of the image's digest.
        algorithm: Algorithm,
    },
    /// The manifest to append to, which is not this tool's own.
    #[error("the manifest that holds the signatures so far is malformed")]
    Existing(#[from] ManifestError),
    /// A file of which less is known than such a key signs.
    #[error(
        "such a key signs the bytes of a file, and it is larger than the {} that are held",
        limits::FILE_IN_MEMORY
    )]
    FileTooLarge,
    /// The signer's own check of the new signature.
    #[error("the new signature does not verify")]
    Key(#[from] BadSignature),
    /// The older format has one place for it.
    #[error("the older format holds one {what} for a signature, and there are several")]
    LayerHoldsOne {
        /// What there is more of.
        what: &'static str,
    },
    /// The older format knows entries with a promise only.
    #[error("the older format holds log entries of Rekor 1 only")]
    LayerLogEntry,
    /// A predicate that is not strict JSON.
    #[error("the predicate cannot be attested")]
    PredicateJson(#[from] JsonError),
    /// A list, a text or a number.
    #[error("the predicate is not a JSON object")]
    PredicateNotAnObject,
    /// Larger than readers accept.
    #[error("the predicate has {size} bytes; at most {} are accepted", limits::PREDICATE)]
    PredicateTooLarge {
        /// In bytes.
        size: usize,
    },
    /// The type that marks image signatures: an attestation of this type would count as one.
    #[error("`{}` marks image signatures and cannot be attested", crate::format::statement::SIGN_PREDICATE)]
    SignPredicate,
    /// A statement that readers would refuse.
    #[error("the statement is malformed")]
    Statement(#[from] StatementError),
    /// Bytes that are no text.
    #[error("the statement is not UTF-8 text")]
    StatementNotText,
    /// Over the limit.
    #[error("there are {found} signatures already; no more than {} are read", limits::LAYERS)]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl From<BadFileSignature> for SignError {
    fn from(error: BadFileSignature) -> Self {
        match error {
            BadFileSignature::Bad(error) => Self::Key(error),
            BadFileSignature::Unchecked { .. } => Self::FileTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::Value;

    use super::*;
    use crate::base::{Checked, Digest, Hasher};
    use crate::crypto::PrivateKey;
    use crate::format::bundle::{Bundle, BundleContent, Material};
    use crate::format::dsse::Envelope;
    use crate::format::manifest::{Descriptor, Manifest, OCI_MANIFEST};
    use crate::format::simple_signing::SIGNATURE_ANNOTATION;
    use crate::format::statement::SIGN_PREDICATE;

    macro_rules! vector {
        ($path:literal) => {
            include_bytes!(concat!("../../testdata/cosign/", $path))
        };
    }

    fn image() -> Digest {
        Digest::of(b"image")
    }

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn payload(bundle: &[u8], key: &PrivateKey) -> String {
        let bundle = Bundle::parse(bundle).unwrap();
        assert_eq!(*bundle.material(), Material::PublicKey { hint: key.public().hint() });
        let BundleContent::Envelope(envelope) = bundle.content() else { panic!("{bundle:?}") };
        payload_of(envelope, key)
    }

    /// What an envelope signs, after its signature was checked: the statement behind the encoding's header.
    fn payload_of(envelope: &Envelope, key: &PrivateKey) -> String {
        let signed = envelope.signed_bytes();
        assert_eq!(key.public().verify(&signed, envelope.signature()), Ok(()));
        let text = String::from_utf8(signed).unwrap();
        text[text.find('{').unwrap()..].to_owned()
    }

    #[test]
    fn an_image_signature_is_the_statement_that_cosign_writes() {
        let key = PrivateKey::generate().unwrap();
        let said = |bytes: &[u8]| {
            let json: Value = serde_json::from_slice(bytes).unwrap();
            let payload = json["dsseEnvelope"]["payload"].as_str().unwrap().to_owned();
            String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap()
        };
        let hex = |text: &str| {
            let at = text.find(r#""sha256":""#).unwrap() + 10;
            format!("sha256:{}", &text[at..at + 64]).parse::<Digest>().unwrap()
        };
        for (cosign, pairs) in [
            (&vector!("bundle/c3-sign-referrers/v1.referrer-0.layer-0.json")[..], &[][..]),
            (
                vector!("bundle/c3-sign-annotations/v1.referrer-0.layer-0.json"),
                &[("env", "prod"), ("note", "a<b&c")],
            ),
        ] {
            let cosign = said(cosign);
            let ours =
                image_signature("", hex(&cosign), &annotations(pairs)).unwrap().signed_by(&key).unwrap();
            assert_eq!(payload(&ours.bundle, &key), cosign);
            assert_eq!(ours.predicate_type, SIGN_PREDICATE);
            let named = image_signature("r.example/a", hex(&cosign), &annotations(pairs))
                .unwrap()
                .signed_by(&key)
                .unwrap();
            let want = cosign.replace(r#"{"digest""#, r#"{"name":"r.example/a","digest""#);
            assert_eq!(payload(&named.bundle, &key), want);
        }
    }

    #[test]
    fn a_predicate_keeps_its_own_bytes() {
        let key = PrivateKey::generate().unwrap();
        let predicate = "{ \"b\": 12345678901234567890,\n\t\"a\":1.0, \"\\u0061b\":\"<\" }";
        let padded = format!("\n {predicate}\n");
        let made = attestation("r.example/a", image(), "https://x.example/v1", padded.as_bytes())
            .unwrap()
            .signed_by(&key)
            .unwrap();
        let want = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"r.example/a","digest":{{"sha256":"{}"}}}}],"predicateType":"https://x.example/v1","predicate":{predicate}}}"#,
            image().hex(),
        );
        assert_eq!(payload(&made.bundle, &key), want);
        let layer = legacy_attestation("r.example/a", image(), "https://x.example/v1", padded.as_bytes())
            .unwrap()
            .signed_by(&key)
            .unwrap();
        assert_eq!(payload_of(&Envelope::parse(&layer.content).unwrap(), &key), want);
        assert_eq!(
            layer.annotations,
            annotations(&[(SIGNATURE_ANNOTATION, ""), ("predicateType", "https://x.example/v1")])
        );
    }

    #[test]
    fn what_must_not_be_signed_is_refused() {
        let attest = |kind: &str, predicate: &[u8]| attestation("", image(), kind, predicate).unwrap_err();
        assert!(matches!(attest(SIGN_PREDICATE, b"{}"), SignError::SignPredicate));
        for predicate in [&b"[]"[..], b"1", b"null", b"\"{}\"", b" [{}]"] {
            assert!(matches!(attest("x:y", predicate), SignError::PredicateNotAnObject), "{predicate:?}");
        }
        for predicate in [&b""[..], b"{", b"{}{}", b"{\"a\":1,\"a\":2}", b"\xef\xbb\xbf{}", b"{\"\xff\":1}"] {
            assert!(matches!(attest("x:y", predicate), SignError::PredicateJson(_)), "{predicate:?}");
        }
        let large = vec![b' '; limits::PREDICATE as usize + 1];
        assert!(matches!(attest("x:y", &large), SignError::PredicateTooLarge { .. }));
        let sha512 = Hasher::new(Algorithm::Sha512).finish();
        let refused = image_signature("", sha512, &BTreeMap::new()).unwrap_err();
        assert!(matches!(refused, SignError::Algorithm { algorithm: Algorithm::Sha512 }));
    }

    #[test]
    fn a_referrer_is_what_cosign_pushes() {
        let cosign = vector!("bundle/c3-sign-referrers/v1.referrer-0.manifest.json");
        let bundle = vector!("bundle/c3-sign-referrers/v1.referrer-0.layer-0.json").to_vec();
        let mut cosign: Value = serde_json::from_slice(cosign).unwrap();
        let created =
            cosign["annotations"]["org.opencontainers.image.created"].as_str().unwrap().parse().unwrap();
        let subject = Checked::of(vector!("bundle/c3-sign-referrers/v1.manifest.json").to_vec());
        let subject = Descriptor::of(cosign["subject"]["mediaType"].as_str().unwrap(), &subject);
        let signed = SignedBundle { bundle, predicate_type: SIGN_PREDICATE.to_owned() };
        let referrer = signed.referrer(&subject, created);
        // Not in the specification, and not needed.
        cosign["config"].as_object_mut().unwrap().remove("artifactType");
        assert_eq!(serde_json::from_slice::<Value>(&referrer.manifest).unwrap(), cosign);
        let manifest = Manifest::parse(&Checked::of(referrer.manifest)).unwrap();
        assert_eq!(manifest.subject, Some(subject));
        assert_eq!(
            (manifest.artifact_type.as_ref(), &manifest.annotations),
            (Some(&referrer.artifact_type), &referrer.annotations)
        );
        let named: Vec<Digest> =
            std::iter::once(&manifest.config).chain(&manifest.layers).map(|one| one.digest).collect();
        assert_eq!(named, referrer.blobs.iter().map(|blob| Digest::of(blob)).collect::<Vec<_>>());
    }

    /// Appends the layers of a manifest that cosign wrote, one by one: the same bytes come out.
    #[test]
    fn a_legacy_manifest_is_cosign_s_byte_for_byte() {
        let two = vector!(
            "legacy/two-keys/tag-sha256-e7b95c12774b83e1bbf0c46e623ac94340611b85969eccef8a0353ae6b81ca7b.sig.manifest.json"
        );
        let layer = vector!(
            "legacy/two-keys/tag-sha256-e7b95c12774b83e1bbf0c46e623ac94340611b85969eccef8a0353ae6b81ca7b.sig.layer-0.json"
        );
        let att = vector!(
            "attest/c2-att-vuln/tag-sha256-28515845225109bb8cfafe5f6df86e690b6fb7cd2898c7d9c816b4d42ef1d5ff.att.manifest.json"
        );
        let envelope = vector!(
            "attest/c2-att-vuln/tag-sha256-28515845225109bb8cfafe5f6df86e690b6fb7cd2898c7d9c816b4d42ef1d5ff.att.layer-0.json"
        );
        for (cosign, content) in [(&two[..], &layer[..]), (att, envelope)] {
            let layers = Manifest::parse(&Checked::of(cosign.to_vec())).unwrap().layers;
            let mut built: Option<Checked> = None;
            for layer in &layers {
                let layer = LegacyLayer {
                    media_type: layer.media_type.clone(),
                    content: content.to_vec(),
                    annotations: layer.annotations.clone(),
                };
                let Appended { manifest, config } = append_legacy(built.as_ref(), &layer).unwrap();
                let manifest = Checked::of(manifest);
                assert_eq!(Manifest::parse(&manifest).unwrap().config.digest, Digest::of(&config));
                built = Some(manifest);
            }
            assert_eq!(String::from_utf8_lossy(built.unwrap().bytes()), String::from_utf8_lossy(cosign));
        }
    }

    #[test]
    fn two_attestations_of_one_type_are_two_layers() {
        let key = PrivateKey::generate().unwrap();
        let mut tag: Option<Checked> = None;
        for predicate in [&b"{}"[..], b"{\"a\":1}"] {
            let layer = legacy_attestation("r", image(), "x:y", predicate).unwrap().signed_by(&key).unwrap();
            let Appended { manifest, .. } = append_legacy(tag.as_ref(), &layer).unwrap();
            tag = Some(Checked::of(manifest));
        }
        assert_eq!(Manifest::parse(&tag.unwrap()).unwrap().layers.len(), 2);
    }

    #[test]
    fn layers_of_others_stay_as_they_are() {
        let key = PrivateKey::generate().unwrap();
        let layer = legacy_signature("r", image(), &BTreeMap::new()).signed_by(&key).unwrap();
        let foreign =
            format!(r#"{{"size": 1,"mediaType":"x/y","digest":"{}","urls":[],"strange":1.0}}"#, image());
        let existing = format!(
            r#"{{"schemaVersion":2,"config":{foreign},"layers":[{foreign}],"annotations":{{"a": "b"}}}}"#
        );
        let Appended { manifest, .. } =
            append_legacy(Some(&Checked::of(existing.into_bytes())), &layer).unwrap();
        let text = String::from_utf8(manifest).unwrap();
        assert!(text.contains(&format!(r#""layers":[{foreign},{{"#)), "{text}");
        assert!(text.ends_with(r#","annotations":{"a": "b"}}"#), "{text}");
        assert!(text.contains(OCI_MANIFEST));
        for broken in ["", "{}", "[]", r#"{"schemaVersion":2,"manifests":[]}"#] {
            let result = append_legacy(Some(&Checked::of(broken.into())), &layer);
            assert!(matches!(result, Err(SignError::Existing(_))), "{broken}");
        }
        let many = vec![foreign.as_str(); limits::LAYERS].join(",");
        let full = format!(r#"{{"schemaVersion":2,"config":{foreign},"layers":[{many}]}}"#);
        let result = append_legacy(Some(&Checked::of(full.into_bytes())), &layer);
        assert!(matches!(result, Err(SignError::TooMany { .. })));
    }
}
