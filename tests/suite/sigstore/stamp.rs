//! A time stamp authority: RFC 3161 answers in CMS (RFC 5652), with the signer's certificate named as RFC 5816 asks for.

use plimsoll::base::{Digest, Timestamp};

use super::authority::{Authority, ecdsa};
use super::der;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// `MessageImprint`, encoded.
    imprint: Vec<u8>,
    /// `INTEGER`, encoded; empty for none.
    nonce: Vec<u8>,
    /// Whether the certificate is to be in the answer.
    certificate: bool,
}

impl Query {
    /// For a SHA-256 digest.
    pub(crate) fn of(digest: &[u8]) -> Self {
        Self { imprint: imprint(digest), nonce: Vec::new(), certificate: true }
    }

    /// Reads `TimeStampReq`. Stops the test at a hash other than SHA-256.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let [(0x30, request)] = der::parts(bytes)[..] else { panic!("not a request: {bytes:x?}") };
        let mut fields = der::parts(request).into_iter();
        assert_eq!(fields.next(), Some((0x02, &[1][..])), "the version");
        let Some((0x30, asked)) = fields.next() else { panic!("no imprint: {bytes:x?}") };
        let [(0x30, algorithm), (0x04, digest)] = der::parts(asked)[..] else { panic!("{asked:x?}") };
        let sha256 = der::oid(SHA256);
        assert!(algorithm.starts_with(&sha256) && digest.len() == 32, "{asked:x?}");
        let mut query = Self::of(digest);
        query.certificate = false;
        for (tag, content) in fields {
            match tag {
                0x02 => query.nonce = der::value(0x02, content),
                0x01 => query.certificate = content == [0xff],
                other => panic!("field {other:x} in {bytes:x?}"),
            }
        }
        query
    }

    /// The same for something else.
    pub(crate) fn over(self, digest: &[u8]) -> Self {
        Self { imprint: imprint(digest), ..self }
    }

    /// The same with another number in it.
    pub(crate) fn nonce(self, nonce: u64) -> Self {
        Self { nonce: der::integer(nonce), ..self }
    }

    /// `TimeStampResp`.
    pub(crate) fn answer(&self, stamper: &Authority, at: Timestamp) -> Vec<u8> {
        let content = der::sequence([
            &der::integer(1),
            &der::oid("1.3.6.1.4.1.57264.2"),
            &self.imprint,
            &der::integer(at.seconds().unsigned_abs()),
            &der::generalized_time(at),
            &self.nonce,
        ]);
        let attributes = attributes(stamper, &content);
        // What is signed has the tag of a set, what is sent the tag of the field (RFC 5652, section 5.4).
        let signature = stamper.key.sign(&der::value(0x31, &attributes));
        let signer = der::sequence([
            &der::integer(1),
            &der::sequence([&issuer_of(&stamper.certificate), &der::integer(stamper.serial)]),
            &sha256(),
            &der::tagged(0, &attributes),
            &ecdsa(),
            &der::octets(&signature),
        ]);
        let certificates = if self.certificate { der::tagged(0, &stamper.certificate) } else { Vec::new() };
        let signed = der::sequence([
            &der::integer(3),
            &der::set(vec![sha256()]),
            &der::sequence([&der::oid(TST_INFO), &der::tagged(0, &der::octets(&content))]),
            &certificates,
            &der::set(vec![signer]),
        ]);
        der::sequence([
            &der::sequence([&der::integer(0)]),
            &der::sequence([&der::oid("1.2.840.113549.1.7.2"), &der::tagged(0, &signed)]),
        ])
    }
}

/// The signed attributes, sorted, without a tag around them.
fn attributes(stamper: &Authority, content: &[u8]) -> Vec<u8> {
    let attribute = |kind: &str, value: Vec<u8>| der::sequence([&der::oid(kind), &der::set(vec![value])]);
    let certificate = der::octets(Digest::of(&stamper.certificate).bytes());
    let mut all = [
        attribute("1.2.840.113549.1.9.3", der::oid(TST_INFO)),
        attribute("1.2.840.113549.1.9.4", der::octets(Digest::of(content).bytes())),
        attribute(
            "1.2.840.113549.1.9.16.2.47",
            der::sequence([&der::sequence([&der::sequence([&certificate])])]),
        ),
    ];
    all.sort();
    all.concat()
}

/// The issuer's name, as the certificate has it.
fn issuer_of(certificate: &[u8]) -> Vec<u8> {
    let (_, outer) = der::parts(certificate)[0];
    let (_, content) = der::parts(outer)[0];
    der::value(0x30, der::parts(content)[3].1)
}

fn imprint(digest: &[u8]) -> Vec<u8> {
    der::sequence([&sha256(), &der::octets(digest)])
}

fn sha256() -> Vec<u8> {
    der::sequence([&der::oid(SHA256), &[5, 0]])
}

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
