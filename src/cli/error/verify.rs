//! Errors of `verify`.

use super::CliError;
use crate::cli::Outcome;
use crate::verify::VerifyError;

impl From<VerifyError> for CliError {
    fn from(error: VerifyError) -> Self {
        match &error {
            VerifyError::BadSignature
            | VerifyError::KeyId { .. }
            | VerifyError::NotAStatement
            | VerifyError::PayloadType { .. }
            | VerifyError::SimpleSigning(_)
            | VerifyError::Statement(_)
            | VerifyError::AnnotationNotText { .. } => Self::new(Outcome::No, error),
            VerifyError::Certificate => Self::new(Outcome::No, error)
                .hint("say who must have signed it: `plimsoll verify --certificate-identity SUBJECT --certificate-oidc-issuer URL IMAGE`"),
            VerifyError::AuthorityExpired { .. }
            | VerifyError::BadAnnotation(_)
            | VerifyError::BadCertificate(_)
            | VerifyError::BadCertificateTimestamp { .. }
            | VerifyError::BadCheckpoint { .. }
            | VerifyError::BadEntry { .. }
            | VerifyError::BadInclusionProof { .. }
            | VerifyError::BadPromise { .. }
            | VerifyError::BadTimestamp { .. }
            | VerifyError::CertificateExpired { .. }
            | VerifyError::EntryKind { .. }
            | VerifyError::LogExpired { .. }
            | VerifyError::NoCodeSigning
            | VerifyError::OtherIdentity(_)
            | VerifyError::OtherEntry { .. }
            | VerifyError::OtherTimestamp
            | VerifyError::TimestampWindow { .. }
            | VerifyError::TooFewLogs { .. } => Self::new(Outcome::No, error),
            VerifyError::LogTime => Self::new(Outcome::No, error).hint("is this machine's clock right?"),
            VerifyError::KeySigned => {
                Self::new(Outcome::No, error).hint("give the public half of the key that signed it")
            }
            VerifyError::NoCertificateTimestamp | VerifyError::NotLogged | VerifyError::NoProvenTime => {
                Self::new(Outcome::No, error).hint("an authority of one's own may do without: say so where the trusted root is named")
            }
            VerifyError::OtherFile { .. } => {
                Self::new(Outcome::No, error).hint("give the file that was signed, unchanged")
            }
            VerifyError::UnknownAuthority { .. } | VerifyError::UnknownLog => Self::new(Outcome::No, error)
                .hint("the trusted root may be of another Sigstore, or too old"),
            VerifyError::Unsupported { .. } => Self::new(Outcome::Unknown, error),
            VerifyError::NotASignature { .. } => Self::new(Outcome::No, error)
                .hint("an attestation says something about an image; it does not sign it: `plimsoll sign --key FILE IMAGE`"),
            VerifyError::FileNeeded => Self::new(Outcome::Unknown, error)
                .hint("give the file: `plimsoll verify-blob --key FILE --bundle FILE ./FILE`"),
            VerifyError::NotAFileSignature => Self::new(Outcome::No, error).hint(
                "to check what is stated: `plimsoll verify-blob-attestation --key FILE --bundle FILE --type custom ./FILE`",
            ),
            VerifyError::NotAnAttestation => Self::new(Outcome::No, error),
            VerifyError::OtherImage { .. } => {
                Self::new(Outcome::No, error).hint("sign the digest that you deploy")
            }
            VerifyError::OtherKey { .. } => {
                Self::new(Outcome::No, error).hint("give the public half of the key that signed it")
            }
            VerifyError::Unreadable { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;

    /// Hints are checked as they are made.
    #[test]
    fn a_candidate_that_proves_nothing_is_a_no_or_unknown() {
        let text = || "x".to_owned();
        for (error, outcome) in [
            (VerifyError::BadSignature, Outcome::No),
            (VerifyError::Certificate, Outcome::No),
            (VerifyError::FileNeeded, Outcome::Unknown),
            (VerifyError::KeyId { found: text() }, Outcome::No),
            (VerifyError::NotAFileSignature, Outcome::No),
            (VerifyError::NotASignature { predicate_type: None }, Outcome::No),
            (VerifyError::NotAnAttestation, Outcome::No),
            (VerifyError::NotAStatement, Outcome::No),
            (VerifyError::OtherImage { image: Digest::of(b""), signed: None }, Outcome::No),
            (VerifyError::OtherKey { hint: text() }, Outcome::No),
            (VerifyError::Unreadable { reason: text() }, Outcome::Unknown),
        ] {
            let code = error.code();
            assert_eq!(CliError::from(error).outcome, outcome, "{code}");
        }
    }
}
