//! From a signature to who made it.

use super::certificate::Leaf;
use super::witness::{self, Holder, Witnessed};
use super::{Author, Authorship, Signer, VerifyError};
use crate::base::Digest;
use crate::crypto::{BadSignature, PublicKey};
use crate::format::bundle::{Bundle, Material};

/// What a signature covers, beside an envelope's payload: a file or image, by its bytes or by their hash.
#[derive(Clone, Copy, Debug)]
pub enum Artifact<'a> {
    /// All of it.
    Bytes(&'a [u8]),
    /// Its hash.
    Digest(Digest),
}

/// Checks that `signer` made the signature in `bundle`. `verify` checks it with a key; `artifact` is what log entries must be about, and is asked
/// for only when the signature is right.
pub(super) fn check<'a>(
    bundle: &Bundle,
    signer: &Signer,
    verify: &dyn Fn(&PublicKey) -> Result<(), BadSignature>,
    artifact: &dyn Fn() -> Result<Artifact<'a>, VerifyError>,
) -> Result<Authorship, VerifyError> {
    match (signer, &bundle.material) {
        (Signer::Key(key), Material::PublicKey { hint }) => {
            verify(key).map_err(|BadSignature| bad_signature(key, hint))?;
            Ok(Authorship::new(Author::Key(key.clone()), Vec::new(), 0))
        }
        (Signer::WitnessedKey(witnessed), Material::PublicKey { hint }) => {
            let (key, trust) = (&witnessed.key, &witnessed.trust);
            verify(key).map_err(|BadSignature| bad_signature(key, hint))?;
            let Witnessed { times, logs } = witness::check(bundle, &artifact()?, trust, Holder::Key(key))?;
            Ok(Authorship::new(Author::Key(key.clone()), times, logs))
        }
        (Signer::Identity(signer), Material::Certificate { leaf, .. }) => {
            let leaf = Leaf::read(leaf)?;
            verify(&leaf.key).map_err(|BadSignature| VerifyError::BadSignature)?;
            // Nobody has vouched for the name yet. But who is not even called so need not be looked at: anybody can bring a certificate of
            // his own, with all that is expensive to check.
            signer.identity.check(&leaf.certified.identity)?;
            let holder = Holder::Certificate(&leaf);
            let Witnessed { times, logs } = witness::check(bundle, &artifact()?, &signer.trust, holder)?;
            Ok(Authorship::new(Author::Identity(Box::new(leaf.certified)), times, logs))
        }
        (Signer::Key(_) | Signer::WitnessedKey(_), Material::Certificate { .. }) => {
            Err(VerifyError::Certificate)
        }
        (Signer::Identity(_), Material::PublicKey { .. }) => Err(VerifyError::KeySigned),
    }
}

// The hint is unauthenticated, so it decides nothing; but it tells a stranger's signature from a damaged one.
fn bad_signature(key: &PublicKey, hint: &str) -> VerifyError {
    if hint.is_empty() || key.is_named(hint) {
        VerifyError::BadSignature
    } else {
        VerifyError::OtherKey { hint: hint.chars().take(128).collect() }
    }
}
