//! `plimsoll.verify-blob/v1` and `plimsoll.sign-blob/v1`.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::{FileContent, Printable};
use crate::cli::{CliError, Outcome};
use crate::verify::{Author, Authorship};

/// What is asked of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Kind {
    /// A statement about it.
    Attestation,
    /// A signature over it.
    Signature,
}

/// The answer of `plimsoll verify-blob` and `plimsoll verify-blob-attestation`.
#[derive(Serialize)]
pub(in crate::cli) struct Checked {
    schema: &'static str,
    kind: Kind,
    file: String,
    digest: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<SignerWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonWire>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SignerWire {
    Identity { issuer: String, subject: String, signed_at: Option<String> },
    Key { key: String },
}

impl SignerWire {
    fn new(authorship: &Authorship) -> Self {
        match authorship.author() {
            Author::Identity(certified) => Self::Identity {
                issuer: certified.identity.issuer.clone(),
                subject: certified.identity.subject.clone(),
                signed_at: authorship.proven_time().map(|time| time.to_string()),
            },
            Author::Key(key) => Self::Key { key: key.fingerprint().to_string() },
        }
    }
}

#[derive(Serialize)]
struct ReasonWire {
    code: &'static str,
    detail: String,
}

/// Why it was refused.
pub(in crate::cli) struct Refused<'a> {
    pub(in crate::cli) code: &'static str,
    pub(in crate::cli) error: &'a CliError,
}

impl Checked {
    pub(in crate::cli) fn signed(file: String, content: &FileContent, authorship: &Authorship) -> Self {
        Self {
            signer: Some(SignerWire::new(authorship)),
            ..Self::new(Kind::Signature, file, content, "verified")
        }
    }

    pub(in crate::cli) fn attested(
        file: String,
        content: &FileContent,
        authorship: &Authorship,
        predicate_type: &str,
        predicate: &[u8],
    ) -> Result<Self, CliError> {
        let predicate = serde_json::from_slice(predicate).map_err(CliError::bug)?;
        Ok(Self {
            kind: Kind::Attestation,
            predicate_type: Some(predicate_type.to_owned()),
            predicate: Some(predicate),
            ..Self::signed(file, content, authorship)
        })
    }

    pub(in crate::cli) fn refused(
        kind: Kind,
        file: String,
        content: &FileContent,
        why: &Refused<'_>,
    ) -> Self {
        let verdict = if why.error.outcome == Outcome::No { "refused" } else { "unknown" };
        let detail = Printable(&why.error.error.to_string()).to_string();
        Self {
            reason: Some(ReasonWire { code: why.code, detail }),
            ..Self::new(kind, file, content, verdict)
        }
    }

    fn new(kind: Kind, file: String, content: &FileContent, verdict: &'static str) -> Self {
        Self {
            schema: "plimsoll.verify-blob/v1",
            kind,
            file,
            digest: content.name().to_string(),
            verdict,
            signer: None,
            predicate_type: None,
            predicate: None,
            reason: None,
        }
    }
}

/// Who signed, for people.
pub(in crate::cli) fn signer_text(authorship: &Authorship) -> String {
    match authorship.author() {
        Author::Identity(certified) => {
            let who = format!("{} ({})", certified.identity.subject, certified.identity.issuer);
            let when = authorship.proven_time().map(|time| format!(" at {time}")).unwrap_or_default();
            format!("{}{when}", Printable(&who))
        }
        Author::Key(key) => format!("key {} ({})", key.fingerprint(), key.algorithm()),
    }
}

/// The answer of `plimsoll sign-blob` and `plimsoll attest-blob`.
#[derive(Serialize)]
pub(in crate::cli) struct Made {
    pub(in crate::cli) schema: &'static str,
    pub(in crate::cli) kind: Kind,
    pub(in crate::cli) file: String,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) bundle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) predicate_type: Option<String>,
    /// As whom, if with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) identity: Option<super::certified::Certified>,
}
