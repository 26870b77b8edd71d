//! What people write.

use plimsoll::base::Reference;
use plimsoll::crypto::{PrivateKey, PublicKey};
use plimsoll::format::policy::UnvalidatedPolicy;
use plimsoll::pin;

pub(crate) fn dockerfile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let format = pin::format_named("dockerfile").expect("a format of ours");
    let Ok(found) = (format.find)(text) else { return };
    for occurrence in &found {
        let span = occurrence.span;
        assert!(text.get(span.start..span.end).is_some(), "{span:?}");
    }
}

/// Without its password: the derivation takes as long as a thousand other inputs.
pub(crate) fn key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = PrivateKey::check_encrypted_pem(text);
}

pub(crate) fn pem(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = PublicKey::from_pem(text) {
        let again = PublicKey::from_pem(&key.to_pem()).expect("what we write, we read");
        assert_eq!((again.fingerprint(), again.algorithm()), (key.fingerprint(), key.algorithm()));
        assert!(key.is_named(&key.hint()));
        assert!(key.verify(b"message", bytes).is_err());
    }
}

pub(crate) fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match UnvalidatedPolicy::parse(text) {
        Ok(policy) => {
            let refused = policy.validate(&|_| Err(std::io::Error::other("no files here"))).err();
            for problem in refused.iter().flat_map(|error| error.problems()) {
                assert!(problem.code().starts_with("PLM-P"));
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            assert!(error.problems().iter().all(|problem| problem.code().starts_with("PLM-P")));
        }
    }
}

pub(crate) fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        let again: Reference = reference.to_string().parse().expect("what we write, we read");
        assert_eq!(again, reference);
        assert_eq!(reference.pinned().map(|pinned| pinned.digest()), reference.digest());
    }
}
