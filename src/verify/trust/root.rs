//! Trusted roots whose keys and certificates are good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sigstore_verify::Verifier;
use sigstore_verify::trust_root::{TimestampAuthority, TrustedRoot as Library, TsaAuthority};

use crate::base::{Digest, Printable, limits};
use crate::crypto::{KeyAlgorithm, PublicKey};
use crate::format::trusted_root::{Log, TrustedRoot, TrustedRootError};
use crate::verify::certificate::{self, CertificateError, Validity};

/// Logs and authorities that are trusted. Cheap to clone; equal if read from the same bytes.
#[derive(Clone)]
pub struct TrustRoot(Arc<Inner>);

struct Inner {
    digest: Digest,
    root: TrustedRoot,
    /// Of each authority, of each certificate.
    validity: Vec<Vec<Validity>>,
    stamp_validity: Vec<Vec<Validity>>,
    /// Of each certificate of each authority, whom it is about.
    names: Vec<Vec<Vec<u8>>>,
    /// The same in the library's terms: same lists, same order.
    library: Library,
    stampers: Vec<Option<TsaAuthority>>,
    /// Each is made when it is first asked for, and once: it reads every key and certificate of the root.
    verifiers: Mutex<BTreeMap<Vouchers, Arc<Verifier>>>,
}

/// The places of a log and an authority that may vouch together.
type Vouchers = (Option<usize>, Option<usize>);

impl TrustRoot {
    /// Reads a `trusted_root.json`: strictly, and every key and certificate in it must be one.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustRootError> {
        if bytes.len() as u64 > limits::TRUSTED_ROOT {
            return Err(TrustRootError::TooLarge);
        }
        let root = TrustedRoot::parse(bytes)?;
        let text =
            str::from_utf8(bytes).map_err(|error| TrustRootError::Material { source: error.into() })?;
        let library =
            Library::from_json(text).map_err(|error| TrustRootError::Material { source: Box::new(error) })?;
        Verifier::new(&library).map_err(|error| TrustRootError::Material { source: Box::new(error) })?;
        root.logs.iter().chain(&root.certificate_logs).try_for_each(check_key)?;
        let validity = |authorities: &[crate::format::trusted_root::Authority]| {
            let one = |authority: &crate::format::trusted_root::Authority| {
                authority.certificates.iter().map(|der| certificate::validity(der)).collect()
            };
            authorities.iter().map(one).collect::<Result<Vec<Vec<_>>, CertificateError>>()
        };
        let stamp_validity = validity(&root.timestamp_authorities)?;
        let validity = validity(&root.certificate_authorities)?;
        let names = root.certificate_authorities.iter().map(|authority| {
            authority.certificates.iter().map(|der| certificate::subject_name(der)).collect()
        });
        let names = names.collect::<Result<Vec<Vec<_>>, _>>()?;
        let stampers = library.timestamp_authorities.iter().map(stamper).collect();
        let (digest, verifiers) = (Digest::of(bytes), Mutex::default());
        let inner = Inner { digest, root, validity, stamp_validity, names, library, stampers, verifiers };
        Ok(Self(Arc::new(inner)))
    }

    /// The root of the public Sigstore that this program was shipped with. It grows old: logs change their keys every year or two.
    pub fn public_good() -> Result<Self, TrustRootError> {
        Self::parse(PUBLIC_GOOD.as_bytes())
    }

    /// Names the root: the hash of the file it was read from.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What the file says.
    pub fn content(&self) -> &TrustedRoot {
        &self.0.root
    }

    /// What the library checks with, if only this log and this authority may vouch.
    pub(in crate::verify) fn verifier(
        &self,
        log: Option<usize>,
        authority: Option<usize>,
    ) -> Result<Arc<Verifier>, sigstore_verify::Error> {
        // Whoever panicked while it was locked left a whole map.
        let mut verifiers = self.0.verifiers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = verifiers.get(&(log, authority)) {
            return Ok(verifier.clone());
        }
        let mut root = self.0.library.clone();
        root.tlogs = log.and_then(|at| root.tlogs.get(at)).cloned().into_iter().collect();
        root.certificate_authorities =
            authority.and_then(|at| root.certificate_authorities.get(at)).cloned().into_iter().collect();
        let verifier = Arc::new(Verifier::new(&root)?);
        verifiers.insert((log, authority), verifier.clone());
        Ok(verifier)
    }

    /// The authority of time stamps at this place, as the library wants it.
    pub(in crate::verify) fn stamper(&self, authority: usize) -> Option<&TsaAuthority> {
        self.0.stampers.get(authority)?.as_ref()
    }

    /// Whether the authority at this place has a certificate about whom `issuer` names.
    pub(in crate::verify) fn is_named(&self, authority: usize, issuer: &[u8]) -> bool {
        self.0.names.get(authority).is_some_and(|names| names.iter().any(|name| name == issuer))
    }

    /// Of the certificates of the authority at this place.
    pub(in crate::verify) fn validity(&self, authority: usize) -> &[Validity] {
        self.0.validity.get(authority).map_or(&[], Vec::as_slice)
    }

    /// The same for the authority of time stamps at this place.
    pub(in crate::verify) fn stamp_validity(&self, authority: usize) -> &[Validity] {
        self.0.stamp_validity.get(authority).map_or(&[], Vec::as_slice)
    }
}

/// An authority of time stamps: leaf, what is between, root.
fn stamper(authority: &TimestampAuthority) -> Option<TsaAuthority> {
    let certificates = &authority.cert_chain.certificates;
    let (leaf, last) = (certificates.first()?, certificates.last()?);
    let between = certificates.iter().skip(1).take(certificates.len().saturating_sub(2));
    Some(TsaAuthority::new(
        leaf.raw_bytes.clone(),
        between.map(|certificate| certificate.raw_bytes.clone()).collect(),
        last.raw_bytes.clone(),
        authority.valid_for,
    ))
}

/// A key must be what the root says that it is: another reader goes by the word and would check signatures in another way.
fn check_key(log: &Log) -> Result<(), TrustRootError> {
    let key = match log.key_details.starts_with("PKCS1_") {
        true => PublicKey::from_pkcs1(&log.key_bytes).or_else(|_| PublicKey::from_spki(&log.key_bytes)),
        false => PublicKey::from_spki(&log.key_bytes),
    };
    let key = key.map_err(|error| TrustRootError::Material { source: Box::new(error) })?;
    let fits = match log.key_details.as_str() {
        "PKIX_ECDSA_P256_SHA_256" => key.algorithm() == KeyAlgorithm::EcdsaP256,
        "PKIX_ECDSA_P384_SHA_384" | "PKIX_ECDSA_P384_SHA_256" => key.algorithm() == KeyAlgorithm::EcdsaP384,
        "PKIX_ECDSA_P521_SHA_512" | "PKIX_ECDSA_P521_SHA_256" => key.algorithm() == KeyAlgorithm::EcdsaP521,
        "PKIX_ED25519" | "PKIX_ED25519_PH" => key.algorithm() == KeyAlgorithm::Ed25519,
        "PKCS1_RSA_PKCS1V5" | "PKIX_RSA_PKCS1V5" => matches!(key.algorithm(), KeyAlgorithm::Rsa { .. }),
        "PKIX_RSA_PKCS1V15_2048_SHA256" => key.algorithm() == KeyAlgorithm::Rsa { bits: 2048 },
        "PKIX_RSA_PKCS1V15_3072_SHA256" => key.algorithm() == KeyAlgorithm::Rsa { bits: 3072 },
        "PKIX_RSA_PKCS1V15_4096_SHA256" => key.algorithm() == KeyAlgorithm::Rsa { bits: 4096 },
        _ => false,
    };
    let found = || log.key_details.chars().take(64).collect();
    if fits { Ok(()) } else { Err(TrustRootError::KeyDetails { url: log.url.clone(), found: found() }) }
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrustRoot({})", self.0.digest)
    }
}

impl Eq for TrustRoot {}

impl PartialEq for TrustRoot {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

/// From the public TUF repository (<https://tuf-repo-cdn.sigstore.dev>), by way of the crate sigstore-trust-root 0.15.1 (Apache-2.0).
const PUBLIC_GOOD: &str = include_str!("public_good.json");

/// Why bytes are not a root to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustRootError {
    /// A certificate in it.
    #[error("a certificate in the trusted root cannot be used")]
    Certificate(#[from] CertificateError),
    /// Not the form that the specification describes.
    #[error(transparent)]
    Form(#[from] TrustedRootError),
    /// A key of another kind than the root says, or of a kind with which logs do not sign.
    #[error("the key of the log `{}` in the trusted root is no `{}`", Printable(.url), Printable(.found))]
    KeyDetails {
        /// The log's URL.
        url: String,
        /// As written.
        found: String,
    },
    /// A key or certificate in it that is none, or of an algorithm that is not known.
    #[error("the trusted root has a key or certificate that cannot be used")]
    Material {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Longer than any real one.
    #[error("the trusted root is longer than {} bytes", limits::TRUSTED_ROOT)]
    TooLarge,
}

impl TrustRootError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::TooLarge => "PLM-T01",
            Self::Certificate(_) | Self::Material { .. } => "PLM-T02",
            Self::KeyDetails { .. } => "PLM-T03",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_root_is_good() {
        let root = TrustRoot::public_good().unwrap();
        assert_eq!(root, TrustRoot::parse(PUBLIC_GOOD.as_bytes()).unwrap());
        assert_ne!(root, TrustRoot::parse(format!("{PUBLIC_GOOD}\n").as_bytes()).unwrap());
        assert_eq!(root.validity(1).len(), 2);
        assert_eq!(root.stamp_validity(0).len(), 2);
        // The library reads the same lists in the same order: places are exchanged between the two.
        let library = &root.0.library;
        let ids = library.tlogs.iter().map(|log| log.log_id.key_id.as_bytes());
        assert!(ids.eq(root.content().logs.iter().map(|log| log.id.as_slice())));
        let chains = library.certificate_authorities.iter().map(|it| it.cert_chain.certificates.len());
        assert!(chains.eq(root.content().certificate_authorities.iter().map(|it| it.certificates.len())));
    }

    /// To make one costs as much as to check a signature: strangers must not have it made for each of theirs.
    #[test]
    fn what_checks_is_made_once() {
        let root = TrustRoot::public_good().unwrap();
        let one = root.verifier(Some(0), Some(1)).unwrap();
        assert!(Arc::ptr_eq(&one, &root.clone().verifier(Some(0), Some(1)).unwrap()));
        assert!(!Arc::ptr_eq(&one, &root.verifier(Some(1), Some(1)).unwrap()));
        assert!(!Arc::ptr_eq(&one, &root.verifier(Some(0), None).unwrap()));
    }

    #[test]
    fn keys_and_certificates_must_be_some() {
        let swap = |from: &str, to: &str| {
            assert!(PUBLIC_GOOD.contains(from), "{from}");
            TrustRoot::parse(PUBLIC_GOOD.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        use TrustRootError as Error;
        assert!(matches!(swap("MFkwEwYHKoZIzj0CAQYI", "MFkwEwYHKoZIzj0CAQYJ"), Error::Material { .. }));
        assert!(matches!(
            swap("MIICGjCCAaGgAwIBAgIU", "MIICGjCCAaGgAwIBAgIT"),
            Error::Certificate(_) | Error::Material { .. }
        ));
        for other in
            ["PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_ECDSA_P256_SHA_25", "", "PKCS1_RSA_PSS"]
        {
            let refused = swap("PKIX_ECDSA_P256_SHA_256", other);
            assert!(
                matches!(refused, Error::KeyDetails { .. } | Error::Material { .. }),
                "{other}: {refused}"
            );
        }
        let long = format!("{PUBLIC_GOOD}{}", " ".repeat(1 << 20));
        assert!(matches!(TrustRoot::parse(long.as_bytes()), Err(Error::TooLarge)));
    }
}
