//! A certificate authority and a certificate transparency log: X.509 (RFC 5280), SCT (RFC 6962).

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use plimsoll::base::{Digest, Timestamp};

use super::der;

/// A P-256 key that is the same for the same name, so that every run makes the same authorities.
#[derive(Clone, Debug)]
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn named(name: &str) -> Self {
        Self(SigningKey::from_slice(Digest::of(name.as_bytes()).bytes()).expect("a number below the order"))
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        self.0.verifying_key().to_public_key_der().expect("a public key has a DER form").into_vec()
    }

    /// PEM `PUBLIC KEY`.
    pub(crate) fn public_pem(&self) -> String {
        super::pem("PUBLIC KEY", &self.spki())
    }

    /// ECDSA with SHA-256, DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// ECDSA with SHA-256, r and s side by side, as JWS writes it.
    pub(crate) fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) fn id(&self) -> Vec<u8> {
        Digest::of(&self.spki()).bytes().to_vec()
    }
}

/// A key with its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) key: Key,
    pub(crate) name: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) serial: u64,
}

impl Authority {
    /// A root, which signs itself.
    pub(crate) fn root(name: &str) -> Self {
        let key = Key::named(name);
        let extensions = [basic_constraints(true, None), key_usage(CERTIFICATES), key_id(&key)].concat();
        let subject = distinguished(name);
        let validity = (FOREVER.0, FOREVER.1);
        let certificate = certificate(&key, &subject, 1, validity, &subject, &key.spki(), &extensions);
        Self { key, name: subject, certificate, serial: 1 }
    }

    /// An authority below this one that may issue certificates for signing code.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = Key::named(name);
        let extensions = [
            basic_constraints(true, Some(0)),
            key_usage(CERTIFICATES),
            usage(CODE_SIGNING, false),
            key_id(&key),
            authority_id(&self.key),
        ];
        self.below(name, key, FOREVER, &extensions.concat())
    }

    /// The same authority with a certificate that is good for this time only.
    pub(crate) fn again(&self, above: &Self, validity: (i64, i64)) -> Self {
        let (_, outer) = der::parts(&self.certificate)[0];
        let (_, content) = der::parts(outer)[0];
        let (_, extensions) = der::parts(content)[7];
        let (_, extensions) = der::parts(extensions)[0];
        let certificate = certificate(
            &above.key,
            &above.name,
            self.serial,
            validity,
            &self.name,
            &self.key.spki(),
            extensions,
        );
        Self { certificate, ..self.clone() }
    }

    /// A certificate that signs time stamps.
    pub(crate) fn stamper(&self, name: &str) -> Self {
        let key = Key::named(name);
        let extensions =
            [key_usage(SIGNATURES), usage(TIME_STAMPING, true), key_id(&key), authority_id(&self.key)];
        self.below(name, key, FOREVER, &extensions.concat())
    }

    fn below(&self, name: &str, key: Key, validity: (i64, i64), extensions: &[u8]) -> Self {
        let subject = distinguished(name);
        let certificate = certificate(&self.key, &self.name, 2, validity, &subject, &key.spki(), extensions);
        Self { key, name: subject, certificate, serial: 2 }
    }
}

/// What a signing certificate says.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<'a> {
    /// SubjectPublicKeyInfo of the signer.
    pub(crate) spki: &'a [u8],
    pub(crate) issuer: &'a str,
    /// An e-mail address, or a URI.
    pub(crate) subject: &'a str,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) serial: u64,
}

impl Leaf<'_> {
    /// Issues it, with the promise of a log inside if there is one.
    pub(crate) fn issue(&self, ca: &Authority, log: Option<&Key>) -> Vec<u8> {
        self.issue_saying(ca, log, &self.usual(ca))
    }

    /// What Fulcio's certificates say: uses, key, authority, subject, issuer in its old and its new place.
    pub(crate) fn usual(&self, ca: &Authority) -> Vec<Vec<u8>> {
        vec![
            key_usage(SIGNATURES),
            usage(CODE_SIGNING, false),
            key_id_of(self.spki),
            authority_id(&ca.key),
            self.alternative_name(),
            extension(ISSUER, false, self.issuer.as_bytes()),
            extension(ISSUER_V2, false, &der::utf8(self.issuer)),
        ]
    }

    /// Issues it with these extensions.
    pub(crate) fn issue_saying(&self, ca: &Authority, log: Option<&Key>, extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut extensions = extensions.concat();
        if let Some(log) = log {
            let content = self.to_be_signed(ca, &extensions);
            extensions.extend(extension(SCT, false, &der::octets(&self.promise(ca, log, &content))));
        }
        sign(&ca.key, &self.to_be_signed(ca, &extensions))
    }

    fn to_be_signed(&self, ca: &Authority, extensions: &[u8]) -> Vec<u8> {
        let nobody = der::sequence([]);
        to_be_signed(&ca.name, self.serial, (self.from, self.until), &nobody, self.spki, extensions)
    }

    fn alternative_name(&self) -> Vec<u8> {
        let tag = if self.subject.contains("://") { 0x86 } else { 0x81 };
        extension("2.5.29.17", true, &der::sequence([&der::value(tag, self.subject.as_bytes())]))
    }

    /// A list of one SCT over the certificate without it (RFC 6962, sections 3.2 and 3.3).
    fn promise(&self, ca: &Authority, log: &Key, content: &[u8]) -> Vec<u8> {
        let time = (self.from.seconds() as u64 * 1000).to_be_bytes();
        let length = &(content.len() as u32).to_be_bytes()[1..];
        let signed = [&[0, 0], &time[..], &[0, 1], &ca.key.id(), length, content, &[0, 0]].concat();
        let signature = log.sign(&signed);
        let sct = [&[0], &log.id()[..], &time, &[0, 0, 4, 3], &sized(&signature)].concat();
        sized(&sized(&sct))
    }
}

/// Two bytes of length, and the content.
fn sized(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn certificate(
    signer: &Key,
    issuer: &[u8],
    serial: u64,
    validity: (i64, i64),
    subject: &[u8],
    spki: &[u8],
    extensions: &[u8],
) -> Vec<u8> {
    let validity = (super::time(validity.0), super::time(validity.1));
    sign(signer, &to_be_signed(issuer, serial, validity, subject, spki, extensions))
}

fn to_be_signed(
    issuer: &[u8],
    serial: u64,
    (from, until): (Timestamp, Timestamp),
    subject: &[u8],
    spki: &[u8],
    extensions: &[u8],
) -> Vec<u8> {
    der::sequence([
        &der::tagged(0, &der::integer(2)),
        &der::integer(serial),
        &ecdsa(),
        issuer,
        &der::sequence([&der::utc_time(from), &der::utc_time(until)]),
        subject,
        spki,
        &der::tagged(3, &der::sequence([extensions])),
    ])
}

fn sign(signer: &Key, content: &[u8]) -> Vec<u8> {
    der::sequence([content, &ecdsa(), &der::bits(&signer.sign(content))])
}

/// `ecdsa-with-SHA256`.
pub(super) fn ecdsa() -> Vec<u8> {
    der::sequence([&der::oid("1.2.840.10045.4.3.2")])
}

fn distinguished(name: &str) -> Vec<u8> {
    let part = |kind, text| der::set(vec![der::sequence([&der::oid(kind), &der::utf8(text)])]);
    der::sequence([&part("2.5.4.10", "plimsoll.test"), &part("2.5.4.3", name)])
}

pub(crate) fn extension(kind: &str, critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    der::sequence([&der::oid(kind), &critical, &der::octets(content)])
}

fn basic_constraints(ca: bool, below: Option<u64>) -> Vec<u8> {
    let ca = if ca { vec![1, 1, 0xff] } else { Vec::new() };
    let below = below.map(der::integer).unwrap_or_default();
    extension("2.5.29.19", true, &der::sequence([&ca, &below]))
}

fn key_usage(bits: [u8; 2]) -> Vec<u8> {
    extension("2.5.29.15", true, &der::value(3, &bits))
}

pub(crate) fn usage(purpose: &str, critical: bool) -> Vec<u8> {
    extension("2.5.29.37", critical, &der::sequence([&der::oid(purpose)]))
}

fn key_id(key: &Key) -> Vec<u8> {
    key_id_of(&key.spki())
}

fn key_id_of(spki: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &der::octets(&Digest::of(spki).bytes()[..20]))
}

fn authority_id(key: &Key) -> Vec<u8> {
    extension("2.5.29.35", false, &der::sequence([&der::value(0x80, &key.id()[..20])]))
}

/// 2020 to 2045.
const FOREVER: (i64, i64) = (1_577_836_800, 2_366_841_600);
/// `keyCertSign` and `cRLSign`, after the number of unused bits.
const CERTIFICATES: [u8; 2] = [1, 0x06];
/// `digitalSignature`, likewise.
const SIGNATURES: [u8; 2] = [7, 0x80];
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const ISSUER: &str = "1.3.6.1.4.1.57264.1.1";
const ISSUER_V2: &str = "1.3.6.1.4.1.57264.1.8";
const SCT: &str = "1.3.6.1.4.1.11129.2.4.2";
