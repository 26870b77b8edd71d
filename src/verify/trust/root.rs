//! Trusted roots whose keys and certificates are good.

use std::sync::Arc;

use sigstore_verify::Verifier;
use sigstore_verify::trust_root::TrustedRoot as Library;

use crate::base::{Digest, limits};
use crate::format::trusted_root::{TrustedRoot, TrustedRootError};
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
    /// The same in the library's terms: same lists, same order.
    library: Library,
}

impl TrustRoot {
    /// Reads a `trusted_root.json`: strictly, and every key and certificate in it must be one.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustRootError> {
        if bytes.len() as u64 > limits::TRUSTED_ROOT {
            return Err(TrustRootError::TooLarge { bytes: bytes.len() });
        }
        let root = TrustedRoot::parse(bytes)?;
        let text =
            str::from_utf8(bytes).map_err(|error| TrustRootError::Material { source: error.into() })?;
        let library =
            Library::from_json(text).map_err(|error| TrustRootError::Material { source: Box::new(error) })?;
        Verifier::new(&library).map_err(|error| TrustRootError::Material { source: Box::new(error) })?;
        let validity = |authorities: &[crate::format::trusted_root::Authority]| {
            let one = |authority: &crate::format::trusted_root::Authority| {
                authority.certificates.iter().map(|der| certificate::validity(der)).collect()
            };
            authorities.iter().map(one).collect::<Result<Vec<Vec<_>>, CertificateError>>()
        };
        let stamp_validity = validity(&root.timestamp_authorities)?;
        let validity = validity(&root.certificate_authorities)?;
        Ok(Self(Arc::new(Inner { digest: Digest::of(bytes), root, validity, stamp_validity, library })))
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

    pub(in crate::verify) fn library(&self) -> &Library {
        &self.0.library
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
    /// A key or certificate in it that is none, or of an algorithm that is not known.
    #[error("the trusted root has a key or certificate that cannot be used")]
    Material {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Longer than any real one.
    #[error("the trusted root is {bytes} bytes long")]
    TooLarge {
        /// How long.
        bytes: usize,
    },
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
        let library = root.library();
        let ids = library.tlogs.iter().map(|log| log.log_id.key_id.as_bytes());
        assert!(ids.eq(root.content().logs.iter().map(|log| log.id.as_slice())));
        let chains = library.certificate_authorities.iter().map(|it| it.cert_chain.certificates.len());
        assert!(chains.eq(root.content().certificate_authorities.iter().map(|it| it.certificates.len())));
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
        let long = format!("{PUBLIC_GOOD}{}", " ".repeat(1 << 20));
        assert!(matches!(TrustRoot::parse(long.as_bytes()), Err(Error::TooLarge { .. })));
    }
}
