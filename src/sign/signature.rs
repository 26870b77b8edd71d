//! The two halves of signing: what is to be signed, and the signature that somebody made of it. Whoever has the key (this process, a program, a
//! service) comes between them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::SignError;
use crate::base::{Algorithm, Digest, FileContent, Hasher};
use crate::crypto::{Form, PrivateKey, PublicKey, certificate_pem};
use crate::format::dsse::{Envelope, pre_authentication_encoding};
use crate::format::json::{JsonError, parse_strict};
use crate::format::statement::PAYLOAD_TYPE;

/// What a signer is asked to sign.
#[derive(Clone, Debug)]
pub struct ToSign {
    form: Form,
    message: Message,
    /// The statement in the message, if it is one.
    statement: Option<String>,
}

/// What a signature is over.
#[derive(Clone, Debug)]
enum Message {
    /// Bytes made here.
    Bytes(Vec<u8>),
    /// A file, which is not held as a rule.
    File(FileContent),
}

impl ToSign {
    pub(super) fn statement(form: Form, statement: String) -> Self {
        let message = pre_authentication_encoding(PAYLOAD_TYPE, statement.as_bytes());
        Self { form, message: Message::Bytes(message), statement: Some(statement) }
    }

    pub(super) fn plain(form: Form, message: Vec<u8>) -> Self {
        Self { form, message: Message::Bytes(message), statement: None }
    }

    pub(super) fn file(file: FileContent) -> Self {
        Self { form: Form::File, message: Message::File(file), statement: None }
    }

    /// What the signature becomes part of.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The bytes that the signature is over; none of a file that is not held.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.message {
            Message::Bytes(bytes) => Some(bytes),
            Message::File(file) => file.bytes(),
        }
    }

    /// The same as a file, for whoever checks the signature.
    pub fn content(&self) -> FileContent {
        match &self.message {
            Message::Bytes(bytes) => FileContent::of(bytes),
            Message::File(file) => file.clone(),
        }
    }

    /// The hash of those bytes; none of a file that was not hashed so. SHA-256 always is.
    pub fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        match &self.message {
            Message::Bytes(bytes) => {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(bytes);
                Some(hasher.finish())
            }
            Message::File(file) => file.digest(algorithm),
        }
    }

    /// The envelope that `signature` completes, as JSON; none if the message is not a statement. Some logs want to see it.
    pub fn envelope(&self, signature: &[u8]) -> Option<String> {
        let statement = self.statement.as_ref()?;
        Some(Envelope::write(PAYLOAD_TYPE, statement.as_bytes(), signature))
    }

    /// A fault while signing can give a key away, and what others sign may be anything: let no wrong signature out, and none that is made in
    /// another way than readers of this form expect.
    pub fn check(&self, signature: &Signature) -> Result<(), SignError> {
        let scheme = signature.key.algorithm().scheme(self.form);
        match &self.message {
            Message::Bytes(bytes) => Ok(signature.key.verify_as(scheme, bytes, &signature.bytes)?),
            Message::File(file) => Ok(signature.key.verify_file_as(scheme, file, &signature.bytes)?),
        }
    }
}

/// A signature, with what tells whose it is.
#[derive(Clone, Debug)]
pub struct Signature {
    /// As the algorithm writes it.
    pub bytes: Vec<u8>,
    /// The key that made it; the certificate's, if there is one.
    pub key: PublicKey,
    /// Whose key it is.
    pub signatory: Signatory,
    /// Where it was published.
    pub log_entries: Vec<LogEntry>,
    /// When it was made: RFC 3161 responses in DER.
    pub timestamps: Vec<Vec<u8>>,
}

/// Whose key made a signature.
#[derive(Clone, Debug)]
pub enum Signatory {
    /// An identity's, for some minutes.
    Certificate {
        /// In DER.
        leaf: Vec<u8>,
        /// In DER: who issued the leaf comes first, the root last. Only the older format carries it.
        chain: Vec<Vec<u8>>,
    },
    /// One that the verifier has.
    Key,
}

impl Signature {
    /// Signs with a key at hand.
    pub fn by_key(key: &PrivateKey, to_sign: &ToSign) -> Result<Self, SignError> {
        let bytes = match &to_sign.message {
            Message::Bytes(bytes) => key.sign(to_sign.form, bytes)?,
            Message::File(file) => key.sign_file(file)?,
        };
        Ok(Self::of_key(bytes, key.public()))
    }

    /// A signature that somebody says this key made; it is checked when it completes what was to be signed.
    pub fn of_key(bytes: Vec<u8>, key: PublicKey) -> Self {
        Self { bytes, key, signatory: Signatory::Key, log_entries: Vec::new(), timestamps: Vec::new() }
    }

    /// The annotations of a layer that carry the proofs (cosign, SIGNATURE_SPEC.md, "Signature Layer Annotations").
    pub(super) fn annotations(&self) -> Result<Vec<(String, String)>, SignError> {
        let mut out = Vec::new();
        if let Signatory::Certificate { leaf, chain } = &self.signatory {
            out.push(("certificate", certificate_pem(leaf)));
            out.push(("chain", chain.iter().map(|der| certificate_pem(der)).collect()));
        }
        match self.log_entries.as_slice() {
            [] => {}
            [entry] => out.push(("bundle", entry.to_legacy()?)),
            _ => return Err(SignError::LayerHoldsOne { what: "log entry" }),
        }
        match self.timestamps.as_slice() {
            [] => {}
            [stamp] => {
                let stamp = STANDARD.encode(stamp);
                out.push(("rfc3161timestamp", format!(r#"{{"SignedRFC3161Timestamp":"{stamp}"}}"#)));
            }
            _ => return Err(SignError::LayerHoldsOne { what: "time stamp" }),
        }
        Ok(out.into_iter().map(|(name, value)| (format!("dev.sigstore.cosign/{name}"), value)).collect())
    }
}

/// An entry of a transparency log: `TransparencyLogEntry` of sigstore_rekor.proto, in protobuf's JSON.
#[derive(Clone, Debug)]
pub struct LogEntry(Box<RawValue>);

impl LogEntry {
    /// Reads an entry.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        Ok(Self(parse_strict(json)?))
    }

    /// The entry as it goes into a bundle.
    pub fn json(&self) -> &RawValue {
        &self.0
    }

    /// As cosign 2 writes it: only entries with a promise of the first Rekor fit.
    fn to_legacy(&self) -> Result<String, SignError> {
        let entry: EntryWire = serde_json::from_str(self.0.get()).map_err(|_| SignError::LayerLogEntry)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| SignError::LayerLogEntry);
        let log = STANDARD.decode(&entry.log_id.key_id).map_err(|_| SignError::LayerLogEntry)?;
        let log: String = log.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!(
            r#"{{"SignedEntryTimestamp":{},"Payload":{{"body":{},"integratedTime":{},"logIndex":{},"logID":"{log}"}}}}"#,
            json!(entry.inclusion_promise.signed_entry_timestamp),
            json!(entry.canonicalized_body),
            number(&entry.integrated_time)?,
            number(&entry.log_index)?,
        ))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryWire {
    log_index: String,
    log_id: LogIdWire,
    integrated_time: String,
    inclusion_promise: PromiseWire,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdWire {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromiseWire {
    signed_entry_timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{UnsignedFile, image_signature, legacy_signature};

    fn entry(extra: &str) -> LogEntry {
        let json = format!(
            r#"{{"logIndex":"7","logId":{{"keyId":"q80="}},"integratedTime":"1748779320","canonicalizedBody":"e30="{extra}}}"#
        );
        LogEntry::parse(json.as_bytes()).unwrap()
    }

    fn certified(key: &PrivateKey, to_sign: &ToSign) -> Signature {
        let signatory = Signatory::Certificate {
            leaf: b"leaf".to_vec(),
            chain: vec![b"issuer".to_vec(), b"root".to_vec()],
        };
        Signature { signatory, ..Signature::by_key(key, to_sign).unwrap() }
    }

    #[test]
    fn a_layer_carries_the_proofs_as_cosign_2_reads_them() {
        let key = PrivateKey::generate().unwrap();
        let unsigned = legacy_signature("r", crate::base::Digest::of(b""), &Default::default());
        let promised = entry(r#","inclusionPromise":{"signedEntryTimestamp":"MEU="}"#);
        let signature = Signature {
            log_entries: vec![promised.clone()],
            timestamps: vec![b"stamp".to_vec()],
            ..certified(&key, unsigned.to_sign())
        };
        let layer = unsigned.clone().signed(&signature).unwrap();
        let has = |name: &str| layer.annotations[&format!("dev.sigstore.cosign/{name}")].as_str();
        assert_eq!(has("certificate"), certificate_pem(b"leaf"));
        assert_eq!(has("chain"), certificate_pem(b"issuer") + &certificate_pem(b"root"));
        assert_eq!(
            has("bundle"),
            r#"{"SignedEntryTimestamp":"MEU=","Payload":{"body":"e30=","integratedTime":1748779320,"logIndex":7,"logID":"abcd"}}"#
        );
        assert_eq!(has("rfc3161timestamp"), r#"{"SignedRFC3161Timestamp":"c3RhbXA="}"#);

        let refused = |signature: &Signature| unsigned.clone().signed(signature).unwrap_err();
        let two = Signature { log_entries: vec![promised.clone(), promised], ..signature.clone() };
        assert!(matches!(refused(&two), SignError::LayerHoldsOne { what: "log entry" }));
        let two = Signature { timestamps: vec![Vec::new(), Vec::new()], ..signature.clone() };
        assert!(matches!(refused(&two), SignError::LayerHoldsOne { what: "time stamp" }));
        // Rekor 2 promises nothing.
        let unpromised = Signature { log_entries: vec![entry("")], ..signature };
        assert!(matches!(refused(&unpromised), SignError::LayerLogEntry));
    }

    #[test]
    fn no_wrong_signature_leaves() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let image = crate::base::Digest::of(b"");
        let bundle = image_signature("r", image, &Default::default()).unwrap();
        let layer = legacy_signature("r", image, &Default::default());
        let file = UnsignedFile::new(FileContent::of(b"content"));
        for to_sign in [bundle.to_sign(), layer.to_sign(), file.to_sign()] {
            let good = certified(&key, to_sign);
            assert!(to_sign.check(&good).is_ok());
        }
        let wrong = [
            Signature::by_key(&key, &ToSign::plain(Form::File, b"other".to_vec())).unwrap(),
            Signature { key: other.public(), ..Signature::by_key(&key, bundle.to_sign()).unwrap() },
            Signature { bytes: Vec::new(), ..Signature::by_key(&key, bundle.to_sign()).unwrap() },
        ];
        for signature in &wrong {
            assert!(matches!(bundle.clone().signed(signature), Err(SignError::Key(_))));
            assert!(matches!(layer.clone().signed(signature), Err(SignError::Key(_))));
            assert!(matches!(file.clone().signed(signature), Err(SignError::Key(_))));
        }
    }

    // Whoever keeps a key may sign in a way of its own; cosign reads one from each form.
    #[test]
    fn no_signature_of_another_form_leaves() {
        let pem = include_str!("../../testdata/cosign/keys/source/ec384.pem");
        let key = PrivateKey::from_open_pem(pem).unwrap();
        let image = crate::base::Digest::of(b"");
        let bundle = image_signature("r", image, &Default::default()).unwrap();
        let layer = legacy_signature("r", image, &Default::default());
        let sign = |form: Form, to_sign: &ToSign| {
            Signature::of_key(key.sign(form, to_sign.bytes().unwrap()).unwrap(), key.public())
        };
        assert!(bundle.clone().signed(&sign(Form::Envelope, bundle.to_sign())).is_ok());
        assert!(layer.clone().signed(&sign(Form::Layer, layer.to_sign())).is_ok());
        let swapped = bundle.clone().signed(&sign(Form::Layer, bundle.to_sign()));
        assert!(matches!(swapped, Err(SignError::Key(_))));
        let swapped = layer.clone().signed(&sign(Form::Envelope, layer.to_sign()));
        assert!(matches!(swapped, Err(SignError::Key(_))));
    }
}
