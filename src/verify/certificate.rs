//! Certificates: RFC 5280, and what Fulcio adds (fulcio@docs/certificate-specification.md, oid-info.md). What is read here is believed only once the
//! chain, the signature and the time are checked.

use std::collections::{BTreeMap, BTreeSet};

use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

use super::Certified;
use crate::base::{Claim, Digest, Identity, Timestamp};
use crate::crypto::PublicKey;

/// When a certificate is good; both ends belong to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Validity {
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

/// When the certificate is good.
pub(super) fn validity(der: &[u8]) -> Result<Validity, CertificateError> {
    let certificate = Certificate::from_der(der).map_err(|_| CertificateError::NotDer)?;
    let dates = &certificate.tbs_certificate.validity;
    let time = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
        seconds.and_then(|it| Timestamp::from_seconds(it).ok()).ok_or(CertificateError::NotDer)
    };
    Ok(Validity { not_before: time(dates.not_before)?, not_after: time(dates.not_after)? })
}

/// Whom the certificate is about: a name as it is encoded, for names are compared so.
pub(super) fn subject_name(der: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let certificate = Certificate::from_der(der).map_err(|_| CertificateError::NotDer)?;
    certificate.tbs_certificate.subject.to_der().map_err(|_| CertificateError::NotDer)
}

/// What a signer's certificate says, if one believes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnverifiedCertificate {
    /// Whom it names.
    pub identity: Identity,
    /// Whose signatures would be theirs.
    pub key: PublicKey,
    /// First moment at which it is good.
    pub not_before: Timestamp,
    /// Last one.
    pub not_after: Timestamp,
    /// Whether it may sign code: others count nowhere.
    pub signs_code: bool,
}

/// Reads a signer's certificate. Nothing is checked here but its form.
pub fn unverified_certificate(der: &[u8]) -> Result<UnverifiedCertificate, CertificateError> {
    let Leaf { key, validity: Validity { not_before, not_after }, signs_code, certified, .. } =
        Leaf::read(der)?;
    Ok(UnverifiedCertificate { identity: certified.identity, key, not_before, not_after, signs_code })
}

/// A signer's certificate.
pub(super) struct Leaf {
    pub(super) key: PublicKey,
    pub(super) validity: Validity,
    /// The name of the certificate that is said to have signed it.
    pub(super) issuer_name: Vec<u8>,
    /// Whether it may sign code, as one of its uses and not by having none.
    pub(super) signs_code: bool,
    /// Whether it brings a signed certificate timestamp.
    pub(super) is_logged: bool,
    pub(super) certified: Certified,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let certificate = Certificate::from_der(der).map_err(|_| CertificateError::NotDer)?;
        let body = &certificate.tbs_certificate;
        let mut seen = BTreeSet::new();
        for extension in body.extensions.iter().flatten() {
            // RFC 5280, 4.2: no extension twice. Two readers could take different ones.
            if !seen.insert(extension.extn_id) {
                return Err(CertificateError::DuplicateExtension);
            }
        }
        let spki = body.subject_public_key_info.to_der().map_err(|_| CertificateError::NotDer)?;
        let uses = body.get::<ExtendedKeyUsage>().map_err(|_| CertificateError::NotDer)?;
        let usage = body.get::<KeyUsage>().map_err(|_| CertificateError::NotDer)?;
        Ok(Self {
            key: PublicKey::from_spki(&spki).map_err(|_| CertificateError::Key)?,
            validity: validity(der)?,
            issuer_name: body.issuer.to_der().map_err(|_| CertificateError::NotDer)?,
            signs_code: uses.is_some_and(|(_, uses)| uses.0.contains(&CODE_SIGNING))
                && usage.is_some_and(|(_, usage)| usage.digital_signature()),
            is_logged: seen.contains(&SIGNED_CERTIFICATE_TIMESTAMPS),
            certified: Certified {
                identity: Identity {
                    issuer: issuer(&certificate)?,
                    subject: subject(&certificate)?,
                    claims: claims(&certificate)?,
                },
                certificate: Digest::of(der),
            },
        })
    }
}

/// The extension with this number under Fulcio's arc.
fn extension(certificate: &Certificate, number: u64) -> Option<&[u8]> {
    let mut extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let number = u32::try_from(number).ok()?;
    let is_it = |oid: &ObjectIdentifier| FULCIO.push_arc(number).is_ok_and(|wanted| *oid == wanted);
    extensions.find(|extension| is_it(&extension.extn_id)).map(|it| it.extn_value.as_bytes())
}

/// The issuer is in number 8, in older certificates in number 1. Where both are, a verifier that reads the other one must not see
/// another issuer.
fn issuer(certificate: &Certificate) -> Result<String, CertificateError> {
    let new = extension(certificate, 8).map(text).transpose()?;
    let old = extension(certificate, 1).map(bare_text).transpose()?;
    match (new, old) {
        (Some(new), Some(old)) if new != old => Err(CertificateError::IssuersDiffer),
        (Some(issuer), _) | (None, Some(issuer)) if !issuer.is_empty() => Ok(issuer),
        _ => Err(CertificateError::NoIssuer),
    }
}

/// Exactly one name: with several, verifiers disagree about which one counts.
fn subject(certificate: &Certificate) -> Result<String, CertificateError> {
    let names = certificate.tbs_certificate.get::<SubjectAltName>().map_err(|_| CertificateError::NotDer)?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let [name] = names.as_slice() else { return Err(CertificateError::SubjectCount { found: names.len() }) };
    let subject = match name {
        GeneralName::Rfc822Name(address) => address.as_str().to_owned(),
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str().to_owned(),
        GeneralName::OtherName(other) if FULCIO.push_arc(7).is_ok_and(|oid| other.type_id == oid) => {
            let name = Utf8StringRef::try_from(&other.value).map_err(|_| CertificateError::SubjectForm)?;
            name.as_str().to_owned()
        }
        GeneralName::OtherName(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => return Err(CertificateError::SubjectForm),
    };
    if subject.is_empty() { Err(CertificateError::SubjectForm) } else { Ok(subject) }
}

fn claims(certificate: &Certificate) -> Result<BTreeMap<Claim, String>, CertificateError> {
    let mut claims = BTreeMap::new();
    for claim in Claim::all() {
        let Some(value) = extension(certificate, claim.arc()) else { continue };
        let value = if claim.arc() <= 6 { bare_text(value) } else { text(value) };
        claims.insert(claim, value.map_err(|_| CertificateError::Claim { claim })?);
    }
    Ok(claims)
}

fn text(value: &[u8]) -> Result<String, CertificateError> {
    let text = Utf8StringRef::from_der(value).map_err(|_| CertificateError::NotText)?;
    Ok(text.as_str().to_owned())
}

fn bare_text(value: &[u8]) -> Result<String, CertificateError> {
    str::from_utf8(value).map(str::to_owned).map_err(|_| CertificateError::NotText)
}

const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const SIGNED_CERTIFICATE_TIMESTAMPS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// A claim that is not text.
    #[error("the claim `{claim}` in the certificate is not text")]
    Claim {
        /// Which one.
        claim: Claim,
    },
    /// An extension twice.
    #[error("the certificate has an extension twice")]
    DuplicateExtension,
    /// Two issuers of identity tokens.
    #[error("the certificate names two different issuers")]
    IssuersDiffer,
    /// A key that is malformed or of an algorithm that is not known.
    #[error("the certificate's key cannot be used")]
    Key,
    /// No issuer of identity tokens.
    #[error("the certificate does not name the issuer of an identity")]
    NoIssuer,
    /// Not X.509 in DER.
    #[error("the certificate is not one")]
    NotDer,
    /// An issuer that is not text.
    #[error("the issuer in the certificate is not text")]
    NotText,
    /// Not one subject alternative name.
    #[error("the certificate has {found} subject names; exactly one is accepted")]
    SubjectCount {
        /// How many.
        found: usize,
    },
    /// A host, say.
    #[error("the certificate's subject is neither an address nor a URI")]
    SubjectForm,
}
