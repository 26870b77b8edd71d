//! Trusted roots, version 0.1: protobuf-specs, sigstore_trustroot.proto, in protobuf's JSON.

mod write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

pub use write::{NewAuthority, NewLog, NewTrustedRoot};

use super::object::{Object, ObjectError};
use crate::base::{Digest, Printable, Timestamp, TimestampError, limits};

/// The logs and authorities that a file says to trust. Whether its keys are keys is for `verify` to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustedRoot {
    /// Rekor.
    pub logs: Vec<Log>,
    /// Logs of certificates.
    pub certificate_logs: Vec<Log>,
    /// Fulcio.
    pub certificate_authorities: Vec<Authority>,
    /// RFC 3161.
    pub timestamp_authorities: Vec<Authority>,
}

/// A log and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// Where it is served; names it for people.
    pub url: String,
    /// The hash by which entries and certificates name it.
    pub id: [u8; 32],
    /// SHA-256 of its key: two names for one key are one log.
    pub key: Digest,
    /// The key: a SubjectPublicKeyInfo, or an RSA key of PKCS#1.
    pub key_bytes: Vec<u8>,
    /// What it is said to be: sigstore_common.proto, `PublicKeyDetails`.
    pub key_details: String,
    /// When its key may sign.
    pub window: Window,
}

/// An authority and its certificates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    /// Where it is served, or what it is called; names it for people.
    pub name: String,
    /// In DER: the issuing certificate first, the root last.
    pub certificates: Vec<Vec<u8>>,
    /// When it may sign.
    pub window: Window,
}

/// A span of time; both ends belong to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// The first moment.
    pub start: Timestamp,
    /// The last moment, if one is known.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether `time` is in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

impl TrustedRoot {
    /// Reads a trusted root. Unknown fields are refused, as is a log or authority without beginning: it would be trusted for all time.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustedRootError> {
        let mut object = Object::parse("trusted root", bytes)?;
        let media_type: String = object.take("mediaType")?;
        // sigstore-go reads this version only, too. Version 0.2 gives checkpoints keys of their own.
        if media_type != MEDIA_TYPE {
            return Err(TrustedRootError::MediaType { found: media_type.chars().take(128).collect() });
        }
        let root = Self {
            logs: list(&mut object, "tlogs", log)?,
            certificate_logs: list(&mut object, "ctlogs", log)?,
            certificate_authorities: list(&mut object, "certificateAuthorities", authority)?,
            timestamp_authorities: list(&mut object, "timestampAuthorities", authority)?,
        };
        object.finish()?;
        for logs in [&root.logs, &root.certificate_logs] {
            for (at, log) in logs.iter().enumerate() {
                if logs.iter().skip(at + 1).any(|other| other.id == log.id) {
                    return Err(TrustedRootError::DuplicateLog { url: log.url.clone() });
                }
            }
        }
        Ok(root)
    }
}

/// The only media type that is read.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

fn list<T>(
    object: &mut Object,
    field: &'static str,
    read: fn(Object) -> Result<T, TrustedRootError>,
) -> Result<Vec<T>, TrustedRootError> {
    let raws: Vec<Box<RawValue>> = object.take_optional(field)?.unwrap_or_default();
    if raws.len() > limits::AUTHORITIES {
        return Err(TrustedRootError::Count { field, found: raws.len() });
    }
    raws.iter().map(|raw| read(Object::inside(field, raw)?)).collect()
}

fn log(mut object: Object) -> Result<Log, TrustedRootError> {
    let url: String = object.take("baseUrl")?;
    let hash: String = object.take("hashAlgorithm")?;
    if hash != "SHA2_256" {
        return Err(TrustedRootError::HashAlgorithm { found: hash.chars().take(64).collect() });
    }
    let mut key = object.take_object("publicKey")?;
    let key_bytes = decode("rawBytes", &key.take::<String>("rawBytes")?)?;
    let key_details = key.take("keyDetails")?;
    let window = window(key.take_object("validFor")?)?;
    key.finish()?;
    let key = Digest::of(&key_bytes);
    let mut id = object.take_object("logId")?;
    let bytes = decode("keyId", &id.take::<String>("keyId")?)?;
    id.finish()?;
    object.finish()?;
    let id = bytes.try_into().map_err(|_| TrustedRootError::LogId { url: url.clone() })?;
    Ok(Log { url, id, key, key_bytes, key_details, window })
}

fn authority(mut object: Object) -> Result<Authority, TrustedRootError> {
    let mut name: String = object.take_optional("uri")?.unwrap_or_default();
    if let Some(raw) = object.take_optional::<Box<RawValue>>("subject")? {
        let mut subject = Object::inside("subject", &raw)?;
        let organization: Option<String> = subject.take_optional("organization")?;
        let common_name: Option<String> = subject.take_optional("commonName")?;
        subject.finish()?;
        if name.is_empty() {
            name = common_name.or(organization).unwrap_or_default();
        }
    }
    let mut chain = object.take_object("certChain")?;
    let certificates = chain.take_objects("certificates")?;
    chain.finish()?;
    if !(1..=limits::CHAIN).contains(&certificates.len()) {
        return Err(TrustedRootError::Count { field: "certificates", found: certificates.len() });
    }
    let certificate = |mut certificate: Object| {
        let der = decode("rawBytes", &certificate.take::<String>("rawBytes")?)?;
        certificate.finish()?;
        Ok::<_, TrustedRootError>(der)
    };
    let certificates = certificates.into_iter().map(certificate).collect::<Result<_, _>>()?;
    let window = window(object.take_object("validFor")?)?;
    object.finish()?;
    Ok(Authority { name, certificates, window })
}

fn window(mut object: Object) -> Result<Window, TrustedRootError> {
    let start: String = object.take("start")?;
    let end: Option<String> = object.take_optional("end")?;
    object.finish()?;
    let window = Window { start: start.parse()?, end: end.map(|end| end.parse()).transpose()? };
    if window.end.is_some_and(|end| end < window.start) {
        return Err(TrustedRootError::Window { start: window.start });
    }
    Ok(window)
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, TrustedRootError> {
    let bytes = STANDARD.decode(text).map_err(|_| TrustedRootError::Base64 { field })?;
    if bytes.is_empty() || bytes.len() > limits::PROOF_PART {
        return Err(TrustedRootError::Length { field });
    }
    Ok(bytes)
}

/// Why bytes are not a trusted root.
#[derive(Debug, thiserror::Error)]
pub enum TrustedRootError {
    /// Not the standard alphabet with padding, or not canonical.
    #[error("`{field}` of the trusted root is not standard base64")]
    Base64 {
        /// Which member.
        field: &'static str,
    },
    /// More than any real one has, or nothing.
    #[error("`{field}` of the trusted root has {found} items")]
    Count {
        /// Which list.
        field: &'static str,
        /// How many.
        found: usize,
    },
    /// One log listed twice.
    #[error("the trusted root lists the log `{}` twice", Printable(.url))]
    DuplicateLog {
        /// Its URL.
        url: String,
    },
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// A log that does not hash with SHA-256.
    #[error("the trusted root has a log with the hash `{}`", Printable(.found))]
    HashAlgorithm {
        /// As written.
        found: String,
    },
    /// Empty, or longer than any real one.
    #[error("`{field}` of the trusted root is empty or too long")]
    Length {
        /// Which member.
        field: &'static str,
    },
    /// Not a SHA-256 hash.
    #[error("the key id of the log `{}` is not 32 bytes long", Printable(.url))]
    LogId {
        /// The log's URL.
        url: String,
    },
    /// Another version, or something else.
    #[error("`{}` is not a trusted root of version 0.1", Printable(.found))]
    MediaType {
        /// As written.
        found: String,
    },
    /// Not RFC 3339.
    #[error("a time in the trusted root cannot be read")]
    Time(#[from] TimestampError),
    /// Ends before it starts.
    #[error("a span in the trusted root that starts at {start} ends before that")]
    Window {
        /// Its beginning.
        start: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_GOOD: &str = include_str!("../../verify/trust/public_good.json");

    #[test]
    fn the_public_good_root_is_read() {
        let root = TrustedRoot::parse(PUBLIC_GOOD.as_bytes()).unwrap();
        assert_eq!(root.logs.len(), 2);
        assert_eq!(root.certificate_logs.len(), 2);
        assert_eq!(root.certificate_authorities.iter().map(|it| it.certificates.len()).sum::<usize>(), 3);
        assert_eq!(root.timestamp_authorities.len(), 1);
        let first = root.certificate_authorities[0].window;
        let end = first.end.unwrap();
        assert!(first.contains(first.start) && first.contains(end));
        assert!(!first.contains(Timestamp::from_seconds(end.seconds() + 1).unwrap()));
        assert!(!first.contains(Timestamp::from_seconds(first.start.seconds() - 1).unwrap()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let swap = |from: &str, to: &str| {
            assert!(PUBLIC_GOOD.contains(from), "{from}");
            TrustedRoot::parse(PUBLIC_GOOD.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        use TrustedRootError as Error;
        assert!(matches!(swap("version=0.1", "version=0.2"), Error::MediaType { .. }));
        assert!(matches!(swap(r#""tlogs""#, r#""tLogs""#), Error::Form(_)));
        assert!(matches!(swap(r#""baseUrl""#, r#""extra": 1, "baseUrl""#), Error::Form(_)));
        assert!(matches!(swap(r#""start""#, r#""begin""#), Error::Form(_)));
        assert!(matches!(swap("2021-01-12T11:53:27Z", "yesterday"), Error::Time(_)));
        assert!(matches!(swap("SHA2_256", "SHA2_512"), Error::HashAlgorithm { .. }));
        assert!(matches!(swap("wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0=", "wNI9"), Error::LogId { .. }));
        assert!(matches!(swap("wNI9atQGlz+VWf", "wNI9atQGlz-VWf"), Error::Base64 { field: "keyId" }));
        let twice = "zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A=";
        let log = "wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0=";
        assert!(matches!(swap(twice, log), Error::DuplicateLog { .. }));
        assert!(matches!(swap("2022-12-31T23:59:59.999Z", "2020-12-31T23:59:59Z"), Error::Window { .. }));
        let many = format!(r#"{{"mediaType":"{MEDIA_TYPE}","tlogs":[{}]}}"#, ["{}"; 33].join(","));
        assert!(matches!(
            TrustedRoot::parse(many.as_bytes()),
            Err(Error::Count { field: "tlogs", found: 33 })
        ));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, logs in r#"[\[\]{}",:a1]{0,20}"#) {
            let _ = TrustedRoot::parse(&bytes);
            let _ = TrustedRoot::parse(format!(r#"{{"mediaType":"{MEDIA_TYPE}","tlogs":{logs}}}"#).as_bytes());
        }
    }
}
