//! Signatures over files and statements about them. A statement is never a signature over a file, and a signature over a file says nothing
//! else.

use std::cell::Cell;

use super::{
    Artifact, Attested, Author, Authorship, Signer, Verified, VerifyError, authorship, verify_bundle,
};
use crate::base::{Algorithm, Digest, FileContent};
use crate::crypto::{BadFileSignature, BadSignature, Form, PublicKey};
use crate::format::bundle::{Bundle, BundleContent, MessageDigest};
use crate::format::statement::{SIGN_PREDICATE, Statement};

/// Proof that the signer signed this file.
///
/// ```compile_fail,E0451
/// # fn forge(authorship: plimsoll::verify::Authorship) {
/// let forged = plimsoll::verify::SignedFile { digest: plimsoll::base::Digest::of(b""), authorship };
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SignedFile {
    digest: Digest,
    authorship: Authorship,
}

impl SignedFile {
    /// A hash of the file that was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Who signed it and when.
    pub fn authorship(&self) -> &Authorship {
        &self.authorship
    }
}

/// Checks that `bundle` holds a signature by `signer` over `file`.
pub fn check_file(bundle: &Bundle, signer: &Signer, file: &FileContent) -> Result<SignedFile, VerifyError> {
    let BundleContent::Message { digest, signature } = &bundle.content else {
        return Err(VerifyError::NotAFileSignature);
    };
    let claimed = digest.as_ref().map(|claimed| claimed_digest(claimed, file)).transpose()?;
    let (unchecked, hash) = (Cell::new(false), Cell::new(claimed.map(|digest| digest.algorithm())));
    let verify = |key: &PublicKey| {
        hash.set(hash.get().or(key.algorithm().scheme(Form::File).hash()));
        key.verify_file(file, signature).map_err(|error| {
            unchecked.set(matches!(error, BadFileSignature::Unchecked { .. }));
            BadSignature
        })
    };
    // What log entries must be about: the whole file if it was kept, for an entry may name any hash of it.
    let artifact = || match (file.bytes(), hash.get().and_then(|algorithm| file.digest(algorithm))) {
        (Some(bytes), _) => Ok(Artifact::Bytes(bytes)),
        (None, digest) => Ok(Artifact::Digest(digest.unwrap_or(file.name()))),
    };
    match authorship::check(bundle, signer, &verify, &artifact) {
        Ok(authorship) => Ok(SignedFile { digest: file.name(), authorship }),
        Err(_) if unchecked.get() => Err(VerifyError::FileNeeded),
        Err(error) => Err(error),
    }
}

/// Checks a signature that comes without a bundle. Nothing but a key can have made it.
pub fn check_bare_signature(
    signature: &[u8],
    signer: &Signer,
    file: &FileContent,
) -> Result<SignedFile, VerifyError> {
    let key = match signer {
        Signer::Key(key) => key,
        Signer::Identity(_) => return Err(VerifyError::KeySigned),
        Signer::WitnessedKey(_) => return Err(VerifyError::NotLogged),
    };
    match key.verify_file(file, signature) {
        Ok(()) => {
            let authorship = Authorship::new(Author::Key(key.clone()), Vec::new(), 0);
            Ok(SignedFile { digest: file.name(), authorship })
        }
        Err(BadFileSignature::Bad(BadSignature)) => Err(VerifyError::BadSignature),
        Err(BadFileSignature::Unchecked { .. }) => Err(VerifyError::FileNeeded),
    }
}

/// Checks that `bundle` holds a statement by `signer` about `file`.
pub fn check_file_attestation(
    bundle: &Bundle,
    signer: &Signer,
    file: &FileContent,
) -> Result<Attested, VerifyError> {
    let attested = about_file(verify_bundle(bundle, signer)?.statement()?, file)?;
    if attested.predicate_type() == SIGN_PREDICATE {
        return Err(VerifyError::NotAnAttestation);
    }
    Ok(attested)
}

/// Binds a statement to a file by any of its hashes.
fn about_file(statement: Verified<Statement>, file: &FileContent) -> Result<Attested, VerifyError> {
    let named = file.digests().find(|digest| statement.get().subject(*digest).is_some());
    statement.about(named.unwrap_or(file.name()))
}

// The claim decides nothing, for the signature is over the file; but a bundle that contradicts itself is nobody's work.
fn claimed_digest(claimed: &MessageDigest, file: &FileContent) -> Result<Digest, VerifyError> {
    let other = VerifyError::OtherFile { file: file.name() };
    // sigstore_common.proto, HashAlgorithm.
    let algorithm = match claimed.algorithm.as_str() {
        "SHA2_256" => Algorithm::Sha256,
        "SHA2_384" => Algorithm::Sha384,
        "SHA2_512" => Algorithm::Sha512,
        _ => return Err(other),
    };
    let digest = file.digest(algorithm).ok_or(VerifyError::FileNeeded)?;
    if digest.bytes() == claimed.bytes { Ok(digest) } else { Err(other) }
}
