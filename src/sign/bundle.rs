//! Bundles as referrers: what cosign 3 writes and reads.

use std::collections::BTreeMap;

use serde_json::json;

use super::{LogEntry, SignError, Signatory, Signature, ToSign, statement};
use crate::base::{Algorithm, Digest, FileContent, Timestamp};
use crate::crypto::{Form, PrivateKey};
use crate::format::bundle::{MEDIA_TYPE, NewBundle, NewContent, NewSigner};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::format::statement::{SIGN_PREDICATE, Statement};

/// The signature of an image. `repository` is what the signature calls it; empty for no name.
pub fn image_signature(
    repository: &str,
    image: Digest,
    annotations: &BTreeMap<String, String>,
) -> Result<UnsignedBundle, SignError> {
    let statement = statement::signature(repository, image, annotations)?;
    Ok(UnsignedBundle::around(statement, SIGN_PREDICATE))
}

/// A statement about an image. `predicate` is a JSON object and stays as it is, byte for byte.
pub fn attestation(
    repository: &str,
    image: Digest,
    predicate_type: &str,
    predicate: &[u8],
) -> Result<UnsignedBundle, SignError> {
    let statement = statement::attestation(repository, image, predicate_type, predicate)?;
    Ok(UnsignedBundle::around(statement, predicate_type))
}

/// A statement that somebody else wrote: it is signed byte for byte. A malformed one would be signed for nothing, so it is refused.
pub fn written_statement(statement: &[u8]) -> Result<UnsignedBundle, SignError> {
    let parsed = Statement::parse(statement)?;
    if parsed.predicate_type() == SIGN_PREDICATE {
        return Err(SignError::SignPredicate);
    }
    let text = str::from_utf8(statement).map_err(|_| SignError::StatementNotText)?;
    Ok(UnsignedBundle::around(text.to_owned(), parsed.predicate_type()))
}

/// A bundle about an image that lacks its signature.
#[derive(Clone, Debug)]
pub struct UnsignedBundle {
    to_sign: ToSign,
    predicate_type: String,
}

impl UnsignedBundle {
    fn around(statement: String, predicate_type: &str) -> Self {
        let to_sign = ToSign::statement(Form::Envelope, statement);
        Self { to_sign, predicate_type: predicate_type.to_owned() }
    }

    /// What is to be signed.
    pub fn to_sign(&self) -> &ToSign {
        &self.to_sign
    }

    /// The bundle with its signature, which is checked.
    pub fn signed(self, signature: &Signature) -> Result<SignedBundle, SignError> {
        self.to_sign.check(signature)?;
        let envelope = self.to_sign.envelope(&signature.bytes).unwrap_or_default();
        let bundle = write(signature, NewContent::Envelope(&envelope));
        Ok(SignedBundle { bundle, predicate_type: self.predicate_type })
    }

    /// The same with a key at hand.
    pub fn signed_by(self, key: &PrivateKey) -> Result<SignedBundle, SignError> {
        let signature = Signature::by_key(key, &self.to_sign)?;
        self.signed(&signature)
    }
}

/// A bundle beside a file that lacks its signature. It proves nothing about an image.
#[derive(Clone, Debug)]
pub struct UnsignedFile {
    to_sign: ToSign,
}

impl UnsignedFile {
    /// Of a file.
    pub fn new(file: FileContent) -> Self {
        Self { to_sign: ToSign::file(file) }
    }

    /// What is to be signed.
    pub fn to_sign(&self) -> &ToSign {
        &self.to_sign
    }

    /// The bundle's JSON with its signature, which is checked. It names the file by the hash that the signature uses.
    pub fn signed(self, signature: &Signature) -> Result<Vec<u8>, SignError> {
        self.to_sign.check(signature)?;
        let scheme = signature.key.algorithm().scheme(self.to_sign.form());
        let digest = self.to_sign.digest(scheme.hash().unwrap_or(Algorithm::Sha256));
        let digest = digest.ok_or(SignError::FileTooLarge)?;
        Ok(write(signature, NewContent::File { digest, signature: &signature.bytes }))
    }
}

fn write(signature: &Signature, content: NewContent<'_>) -> Vec<u8> {
    let hint = signature.key.hint();
    let signer = match &signature.signatory {
        Signatory::Certificate { leaf, .. } => NewSigner::Certificate(leaf),
        Signatory::Key => NewSigner::Hint(&hint),
    };
    let log_entries: Vec<_> = signature.log_entries.iter().map(LogEntry::json).collect();
    let timestamps = &signature.timestamps;
    NewBundle { signer, log_entries: &log_entries, timestamps, content }.to_json().into_bytes()
}

/// A new bundle about an image.
#[derive(Clone, Debug)]
pub struct SignedBundle {
    /// The bundle's JSON.
    pub bundle: Vec<u8>,
    /// What is said in it.
    pub predicate_type: String,
}

impl SignedBundle {
    /// The manifest that attaches the bundle to `subject`, with the blobs it needs (image-spec v1.1, manifest.md, "Guidelines for Artifact
    /// Usage"; annotations as cosign 3).
    pub fn referrer(&self, subject: &Descriptor, created: Timestamp) -> Referrer {
        let annotations = BTreeMap::from(
            [
                ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
                ("dev.sigstore.bundle.predicateType", self.predicate_type.clone()),
                ("org.opencontainers.image.created", created.to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let config = EMPTY_CONFIG.to_vec();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","artifactType":"{MEDIA_TYPE}","config":{},"layers":[{}],"subject":{},"annotations":{}}}"#,
            descriptor(EMPTY_MEDIA_TYPE, Digest::of(&config), config.len() as u64),
            descriptor(MEDIA_TYPE, Digest::of(&self.bundle), self.bundle.len() as u64),
            descriptor(&subject.media_type, subject.digest, subject.size),
            json!(annotations),
        );
        Referrer {
            manifest: manifest.into_bytes(),
            blobs: vec![config, self.bundle.clone()],
            artifact_type: MEDIA_TYPE.to_owned(),
            annotations,
        }
    }
}

/// What to push so that a bundle refers to an image.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// The manifest, to be pushed last.
    pub manifest: Vec<u8>,
    /// The blobs that it names: the empty config and the bundle.
    pub blobs: Vec<Vec<u8>>,
    /// For the list of referrers.
    pub artifact_type: String,
    /// For the list of referrers.
    pub annotations: BTreeMap<String, String>,
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> String {
    format!(r#"{{"mediaType":{},"size":{size},"digest":"{digest}"}}"#, json!(media_type))
}

const EMPTY_CONFIG: &[u8] = b"{}";
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
