//! What a time stamp authority is asked, and whether it answered that: RFC 3161, section 2.4. Who signed the answer is for `verify` to find out.

use super::der::{self, Reader};
use crate::base::{Algorithm, Digest, Timestamp};

/// A request for a time stamp.
#[derive(Clone, Copy, Debug)]
pub struct StampRequest {
    digest: Digest,
    nonce: u64,
}

impl StampRequest {
    /// For something with this SHA-256; `nonce` is random, so that an old answer is no answer.
    pub fn new(digest: Digest, nonce: u64) -> Result<Self, StampError> {
        if digest.algorithm() == Algorithm::Sha256 {
            Ok(Self { digest, nonce })
        } else {
            Err(StampError::Hash)
        }
    }

    /// `TimeStampReq`, with the authority's certificate wanted in the answer.
    pub fn to_der(self) -> Vec<u8> {
        let mut content = der::write(der::INTEGER, &[1]);
        content.extend(self.imprint());
        content.extend(der::write(der::INTEGER, &self.nonce()));
        content.extend(der::write(der::BOOLEAN, &[0xff]));
        der::write(der::SEQUENCE, &content)
    }

    /// Whether `TimeStampResp` answers this very request; gives the time that it says.
    pub fn check(self, response: &[u8]) -> Result<Timestamp, StampError> {
        let mut response = Reader::new(one(response, der::SEQUENCE).ok_or(StampError::Form)?);
        let mut status = Reader::new(response.value(der::SEQUENCE).ok_or(StampError::Form)?);
        match status.value(der::INTEGER).ok_or(StampError::Form)? {
            [0 | 1] => {}
            [status] => return Err(StampError::Refused { status: *status }),
            _ => return Err(StampError::Form),
        }
        let said = content_of(response).ok_or(StampError::Form)?;
        let mut said = Reader::new(said);
        let imprint = (|| {
            said.value(der::INTEGER)?;
            said.value(der::OBJECT_IDENTIFIER)?;
            said.value(der::SEQUENCE)
        })();
        let digest = imprint.and_then(digest_of).ok_or(StampError::Form)?;
        if digest != (SHA256, self.digest.bytes()) {
            return Err(StampError::OtherDigest);
        }
        // Serial number, time; accuracy and ordering may be left out.
        let time = (|| {
            said.value(der::INTEGER)?;
            time_of(said.value(der::GENERALIZED_TIME)?)
        })();
        let time = time.ok_or(StampError::Form)?;
        for optional in [der::SEQUENCE, der::BOOLEAN] {
            said.optional(optional);
        }
        match said.value(der::INTEGER) {
            Some(nonce) if nonce == self.nonce() => Ok(time),
            _ => Err(StampError::OtherNonce),
        }
    }

    /// `MessageImprint`.
    fn imprint(self) -> Vec<u8> {
        let mut algorithm = der::write(der::OBJECT_IDENTIFIER, SHA256);
        algorithm.extend(der::write(der::NULL, &[]));
        let mut content = der::write(der::SEQUENCE, &algorithm);
        content.extend(der::write(der::OCTET_STRING, self.digest.bytes()));
        der::write(der::SEQUENCE, &content)
    }

    /// The number as the content of an `INTEGER` that is not negative.
    fn nonce(self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.nonce.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        if bytes.first().is_none_or(|byte| *byte >= 0x80) {
            bytes.insert(0, 0);
        }
        bytes
    }
}

/// The content of `TSTInfo`, inside of `ContentInfo`, `SignedData` and `EncapsulatedContentInfo` (RFC 5652, sections 3 and 5).
fn content_of(mut response: Reader<'_>) -> Option<&[u8]> {
    let mut token = Reader::new(response.value(der::SEQUENCE)?);
    response.end()?;
    if token.value(der::OBJECT_IDENTIFIER)? != SIGNED_DATA {
        return None;
    }
    let mut signed = Reader::new(one(token.value(der::CONTEXT_0)?, der::SEQUENCE)?);
    signed.value(der::INTEGER)?;
    signed.value(der::SET)?;
    let mut content = Reader::new(signed.value(der::SEQUENCE)?);
    if content.value(der::OBJECT_IDENTIFIER)? != TST_INFO {
        return None;
    }
    one(one(content.value(der::CONTEXT_0)?, der::OCTET_STRING)?, der::SEQUENCE)
}

/// RFC 3161, section 2.4.2: a `GeneralizedTime` with seconds, perhaps a fraction of one, in UTC.
fn time_of(text: &[u8]) -> Option<Timestamp> {
    let (digits, fraction) = str::from_utf8(text).ok()?.strip_suffix('Z')?.split_at_checked(14)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(digits) || !(fraction.is_empty() || fraction.strip_prefix('.').is_some_and(is_number)) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2);
    let (month, day, hour, minute, second) = (part(4)?, part(6)?, part(8)?, part(10)?, part(12)?);
    format!("{}-{month}-{day}T{hour}:{minute}:{second}Z", digits.get(..4)?).parse().ok()
}

/// Algorithm and digest of a `MessageImprint`.
fn digest_of(imprint: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut imprint = Reader::new(imprint);
    let mut algorithm = Reader::new(imprint.value(der::SEQUENCE)?);
    Some((algorithm.value(der::OBJECT_IDENTIFIER)?, imprint.value(der::OCTET_STRING)?))
}

/// A value with nothing after it.
fn one(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let content = reader.value(tag)?;
    reader.end()?;
    Some(content)
}

/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// Why an answer is no time stamp for what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StampError {
    /// Not DER, or not the fields of RFC 3161.
    #[error("the answer is not a time stamp")]
    Form,
    /// A digest that is not SHA-256.
    #[error("time stamps are asked for with SHA-256 only")]
    Hash,
    /// Over something else.
    #[error("the time stamp is over something else than the signature")]
    OtherDigest,
    /// To an earlier request, or nobody's.
    #[error("the time stamp answers another request")]
    OtherNonce,
    /// RFC 3161, section 2.4.2, `PKIStatus`.
    #[error("the time stamp was refused, with status {status}")]
    Refused {
        /// As numbered there.
        status: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl ts -query -data … -sha256 -cert`, and what `openssl ts -reply` answered: see testdata/timestamp/README.md.
    const QUERY: &[u8] = include_bytes!("../../testdata/timestamp/openssl.tsq");
    const REPLY: &[u8] = include_bytes!("../../testdata/timestamp/openssl.tsr");
    const NONCE: u64 = u64::from_be_bytes(*include_bytes!("../../testdata/timestamp/openssl.nonce"));

    fn request() -> StampRequest {
        StampRequest::new(Digest::of(b"signature\n"), NONCE).unwrap()
    }

    #[test]
    fn asks_as_openssl_asks() {
        assert_eq!(request().to_der(), QUERY);
        let nonce = |nonce| StampRequest { nonce, ..request() }.nonce();
        assert_eq!(nonce(0), [0]);
        assert_eq!(nonce(0x7f), [0x7f]);
        assert_eq!(nonce(0x80), [0, 0x80]);
        assert_eq!(nonce(u64::MAX).len(), 9);
        let other = crate::base::Hasher::new(Algorithm::Sha512).finish();
        assert_eq!(StampRequest::new(other, 0).unwrap_err(), StampError::Hash);
    }

    #[test]
    fn takes_the_answer_to_this_request_only() {
        assert_eq!(request().check(REPLY).unwrap().to_string(), "2026-11-25T21:17:49Z");
        let other = StampRequest { digest: Digest::of(b"other"), ..request() };
        assert_eq!(other.check(REPLY), Err(StampError::OtherDigest));
        let other = StampRequest { nonce: NONCE + 1, ..request() };
        assert_eq!(other.check(REPLY), Err(StampError::OtherNonce));
        let refused = der::write(der::SEQUENCE, &der::write(der::SEQUENCE, &der::write(der::INTEGER, &[2])));
        assert_eq!(request().check(&refused), Err(StampError::Refused { status: 2 }));
        for cut in 0..REPLY.len() {
            assert_eq!(request().check(&REPLY[..cut]), Err(StampError::Form), "{cut}");
        }
        assert_eq!(request().check(&[REPLY, &[0]].concat()), Err(StampError::Form));
    }

    #[test]
    fn times() {
        let read = |text: &str| time_of(text.as_bytes()).map(|time| time.to_string());
        for good in ["20260102030405Z", "20260102030405.5Z", "20260102030405.000001Z"] {
            assert_eq!(read(good).as_deref(), Some("2026-01-02T03:04:05Z"), "{good}");
        }
        for bad in [
            "",
            "Z",
            "20260102030405",
            "202601020304Z",
            "20260102030405+0000",
            "20260102030405.Z",
            "20260102030405,5Z",
            "2026010203040 Z",
            "20261302030405Z",
            "2026010203040555Z",
            "2026010203040éZ",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, at in 0usize..REPLY.len(), byte: u8) {
            let _ = request().check(&bytes);
            let mut reply = REPLY.to_vec();
            reply[at] = byte;
            let _ = request().check(&reply);
        }
    }
}
