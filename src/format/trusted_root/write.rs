//! Writes trusted roots of people's own authorities and logs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::MEDIA_TYPE;
use crate::base::Timestamp;

/// A trusted root in the making.
#[derive(Clone, Debug, Default)]
pub struct NewTrustedRoot {
    /// Rekor.
    pub logs: Vec<NewLog>,
    /// Logs of certificates.
    pub certificate_logs: Vec<NewLog>,
    /// Fulcio.
    pub certificate_authorities: Vec<NewAuthority>,
    /// RFC 3161.
    pub timestamp_authorities: Vec<NewAuthority>,
}

/// A log and its key.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// Where it is served.
    pub url: String,
    /// SubjectPublicKeyInfo.
    pub key: Vec<u8>,
    /// sigstore_common.proto, `PublicKeyDetails`.
    pub key_details: &'static str,
    /// The hash by which entries and certificates name it.
    pub id: Vec<u8>,
    /// When its key may sign.
    pub start: Timestamp,
    /// Until when, if that is known.
    pub end: Option<Timestamp>,
}

/// An authority and its certificates.
#[derive(Clone, Debug)]
pub struct NewAuthority {
    /// Where it is served.
    pub url: String,
    /// In DER: the issuing certificate first, the root last.
    pub certificates: Vec<Vec<u8>>,
    /// When it may sign.
    pub start: Timestamp,
    /// Until when, if that is known.
    pub end: Option<Timestamp>,
}

impl NewTrustedRoot {
    /// The file.
    pub fn to_json(&self) -> String {
        let json = json!({
            "mediaType": MEDIA_TYPE,
            "tlogs": self.logs.iter().map(log).collect::<Vec<_>>(),
            "certificateAuthorities": self.certificate_authorities.iter().map(authority).collect::<Vec<_>>(),
            "ctlogs": self.certificate_logs.iter().map(log).collect::<Vec<_>>(),
            "timestampAuthorities": self.timestamp_authorities.iter().map(authority).collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }
}

fn log(log: &NewLog) -> Value {
    json!({
        "baseUrl": log.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(&log.key),
            "keyDetails": log.key_details,
            "validFor": window(log.start, log.end),
        },
        "logId": {"keyId": STANDARD.encode(&log.id)},
    })
}

fn authority(authority: &NewAuthority) -> Value {
    let certificates = authority.certificates.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)}));
    json!({
        "uri": authority.url,
        "certChain": {"certificates": certificates.collect::<Vec<_>>()},
        "validFor": window(authority.start, authority.end),
    })
}

fn window(start: Timestamp, end: Option<Timestamp>) -> Value {
    match end {
        None => json!({"start": start.to_string()}),
        Some(end) => json!({"start": start.to_string(), "end": end.to_string()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::trusted_root::TrustedRoot;

    #[test]
    fn what_is_written_is_what_is_read() {
        let time = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let log = NewLog {
            url: "https://log.test".to_owned(),
            key: b"key".to_vec(),
            key_details: "PKIX_ED25519",
            id: vec![7; 32],
            start: time(1),
            end: Some(time(2)),
        };
        let authority = NewAuthority {
            url: "https://ca.test".to_owned(),
            certificates: vec![b"one".to_vec(), b"two".to_vec()],
            start: time(3),
            end: None,
        };
        let new = NewTrustedRoot {
            logs: vec![log.clone()],
            certificate_logs: vec![NewLog { end: None, ..log }],
            certificate_authorities: vec![authority.clone()],
            timestamp_authorities: vec![authority],
        };
        let read = TrustedRoot::parse(new.to_json().as_bytes()).unwrap();
        assert_eq!((read.logs[0].url.as_str(), read.logs[0].id), ("https://log.test", [7; 32]));
        assert_eq!((read.logs[0].window.start, read.logs[0].window.end), (time(1), Some(time(2))));
        assert_eq!(read.certificate_logs[0].window.end, None);
        assert_eq!(read.certificate_authorities[0].certificates, [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(read.timestamp_authorities[0].name, "https://ca.test");
        assert!(TrustedRoot::parse(NewTrustedRoot::default().to_json().as_bytes()).is_ok());
    }
}
