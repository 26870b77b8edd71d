//! Who witnesses a signature: transparency logs that enter it and authorities that stamp it. What they answer is compared with what was signed,
//! and with a trusted root it is verified as everybody will verify it, before any of it is stored.

use std::collections::BTreeSet;
use std::error::Error;
use std::num::NonZeroUsize;

use super::services::{LogVersion, Places, ServiceArgs};
use super::{CliError, Outcome};
use crate::base::{Algorithm, IdentityMatcher, TextMatcher, Timestamp};
use crate::crypto::{Form, KeyAlgorithm, PublicKey, certificate_pem};
use crate::format::bundle::{Bundle, Material, NewBundle, NewContent, NewSigner, Version};
use crate::format::rekor::{Entered, NewEntry, Verifier, VerifierKind};
use crate::format::trusted_root::{TrustedRoot, Window};
use crate::io::{Io, Services};
use crate::sign::{LogEntry, Signatory, Signature, ToSign};
use crate::verify::{
    IdentitySigner, LogDemand, Signer, TimeDemand, Trust, TrustRoot, UnverifiedCertificate, WitnessedKey,
    check_file, verify_bundle,
};

/// The witnesses of one run.
#[derive(Debug)]
pub(super) struct Witnesses {
    places: Places,
    services: Services,
    trust: Option<TrustRoot>,
}

/// Whose signature is witnessed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder<'a> {
    /// Somebody with a certificate.
    Certificate(&'a UnverifiedCertificate),
    /// Somebody with a key that verifiers have.
    Key,
}

impl Witnesses {
    /// Those that the command line names beside a key; none if it names nobody.
    pub(super) fn of_key(
        args: &ServiceArgs,
        algorithm: KeyAlgorithm,
        io: &Io,
    ) -> Result<Option<Self>, CliError> {
        let places = Places::of(args, io)?;
        let trust = args.trust(io)?;
        if !places.has_witnesses() {
            return match trust {
                None => Ok(None),
                Some(_) => Err(CliError::usage("no log and no time stamp authority is named")
                    .hint("name them with --rekor-url or --timestamp-url, or leave out --trusted-root")),
            };
        }
        let witnesses = Self::new(Places { authority: None, ..places }, trust, io)?;
        if let Some((version, _)) =
            witnesses.places.logs.iter().find(|(version, _)| !enters(*version, algorithm))
        {
            let text = format!(
                "an entry in {version} about a signature by {algorithm} is none that everybody verifies"
            );
            return Err(CliError::usage(text)
                .hint("use a key that `plimsoll keygen` makes; or name time stamp authorities only"));
        }
        Ok(Some(witnesses))
    }

    /// At these places. `trust` is against what everything is checked before it is stored; one that cannot be of these places is refused.
    pub(super) fn new(places: Places, trust: Option<TrustRoot>, io: &Io) -> Result<Self, CliError> {
        if let Some(trust) = &trust {
            check_root(trust.content(), &places, io.clock.now())?;
        }
        Ok(Self { places, services: io.services()?, trust })
    }

    /// What asks them.
    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    /// Whether what they say fits into a layer under a legacy tag: one log with a promise, and one time stamp.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        let fits = matches!(self.places.logs.as_slice(), [] | [(LogVersion::One, _)])
            && self.places.stampers.len() <= 1;
        if fits {
            return Ok(());
        }
        Err(CliError::usage(
            "a layer under a legacy tag holds an entry of one Rekor 1 and one time stamp at most",
        )
        .hint("use --storage referrers, or name services that fit"))
    }

    /// As whom an identity's signatures verify; none without a trusted root.
    pub(super) fn identity(&self, issuer: &str, subject: &str) -> Option<Signer> {
        let trust = self.demands(|strict| strict)?;
        let identity = IdentityMatcher::new(issuer, TextMatcher::equals(subject).ok()?).ok()?;
        Some(Signer::Identity(Box::new(IdentitySigner { identity, trust })))
    }

    /// As whom the signatures of a key verify; none without a trusted root.
    pub(super) fn witnessed(&self, key: &PublicKey) -> Option<Signer> {
        let (log, time) = (LogDemand::NotRequired, TimeDemand::NotRequired);
        let trust = self.demands(|strict| Trust { log, time, ..strict })?;
        Some(Signer::WitnessedKey(Box::new(WitnessedKey { key: key.clone(), trust })))
    }

    /// What is demanded of everybody who is named: a word that the root cannot check is not stored, and a signature that fewer have witnessed
    /// is not the same. `unnamed` says what is demanded where nobody is named.
    fn demands(&self, unnamed: impl FnOnce(Trust) -> Trust) -> Option<Trust> {
        let mut trust = unnamed(Trust::strict(self.trust.clone()?));
        if let Some(logs) = NonZeroUsize::new(self.places.logs.len()) {
            trust.log = LogDemand::Required { logs };
        }
        if !self.places.stampers.is_empty() {
            trust.time = TimeDemand::Authority;
        }
        Some(trust)
    }

    /// Has the signature entered into every log and stamped by everybody who is named; gives it with what they said.
    pub(super) async fn witness(
        &self,
        to_sign: &ToSign,
        signature: Signature,
        holder: Holder<'_>,
    ) -> Result<Signature, CliError> {
        // A program may have made it up, and a log keeps for ever what it is given.
        to_sign.check(&signature)?;
        let envelope = to_sign.envelope(&signature.bytes);
        let (mut log_entries, mut timestamps) = (Vec::new(), Vec::new());
        for log in &self.places.logs {
            let Entered { json, time } = self.enter(log, to_sign, envelope.as_deref(), &signature).await?;
            log_entries.push(LogEntry::parse(json.as_bytes()).map_err(CliError::bug)?);
            time.map_or(Ok(()), |time| holder.check_time("transparency log", time))?;
        }
        for stamper in &self.places.stampers {
            let stamp = self.services.stamp(stamper, &signature.bytes).await?;
            holder.check_time("time stamp authority", stamp.time)?;
            timestamps.push(stamp.der);
        }
        let signature = Signature { log_entries, timestamps, ..signature };
        let signer = match holder {
            Holder::Certificate(UnverifiedCertificate { identity, .. }) => {
                self.identity(&identity.issuer, &identity.subject)
            }
            Holder::Key => self.witnessed(&signature.key),
        };
        match signer {
            Some(signer) => check(to_sign, envelope.as_deref(), &signature, &signer).map_err(not_stored)?,
            None if self.trust.is_some() => return Err(not_stored(Box::new(NobodyToBe))),
            None => {}
        }
        Ok(signature)
    }

    async fn enter(
        &self,
        (version, log): &(LogVersion, crate::io::ServiceUrl),
        to_sign: &ToSign,
        envelope: Option<&str>,
        signature: &Signature,
    ) -> Result<Entered, CliError> {
        let (kind, der, pem) = match &signature.signatory {
            Signatory::Certificate { leaf, .. } => {
                (VerifierKind::Certificate, leaf.as_slice(), certificate_pem(leaf))
            }
            Signatory::Key => (VerifierKind::Key, signature.key.spki(), signature.key.to_pem()),
        };
        let details = signature.key.algorithm().details().unwrap_or_default();
        let digest = to_sign.digest(Algorithm::Sha256).ok_or_else(|| CliError::bug(NotHashed))?;
        let entry = NewEntry {
            digest,
            envelope,
            signature: &signature.bytes,
            verifier: Verifier { kind, der, pem: &pem, details },
        };
        Ok(match version {
            LogVersion::One => self.services.enter_in_rekor_1(log, entry).await?,
            LogVersion::Two => self.services.enter_in_rekor_2(log, entry).await?,
        })
    }
}

/// What can be told of a trusted root before anybody is asked: a signature that does not count by it is made for nothing, and a log holds it for
/// ever.
fn check_root(root: &TrustedRoot, places: &Places, now: Timestamp) -> Result<(), UselessRoot> {
    let is_good = |window: &Window| window.contains(now);
    // Two names for one key are one log.
    let logs: BTreeSet<_> = root.logs.iter().filter(|log| is_good(&log.window)).map(|log| log.key).collect();
    if logs.len() < places.logs.len() {
        return Err(UselessRoot::Logs { known: logs.len(), named: places.logs.len() });
    }
    let stamps = root.timestamp_authorities.iter().any(|authority| is_good(&authority.window));
    if !places.stampers.is_empty() && !stamps {
        return Err(UselessRoot::Stamps);
    }
    if places.authority.is_none() {
        return Ok(());
    }
    // Of an identity, verifiers demand an entry in a log, and a certificate that is in another.
    if places.logs.is_empty() {
        return Err(UselessRoot::Unlogged);
    }
    if !root.certificate_authorities.iter().any(|authority| is_good(&authority.window)) {
        return Err(UselessRoot::Authority);
    }
    if !root.certificate_logs.iter().any(|log| is_good(&log.window)) {
        return Err(UselessRoot::CertificateLogs);
    }
    Ok(())
}

/// A trusted root by which no signature would count, whatever the services say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum UselessRoot {
    #[error("the trusted root knows no certificate authority that is good now")]
    Authority,
    #[error("the trusted root knows no log of certificates that is good now")]
    CertificateLogs,
    #[error(
        "the trusted root knows {known} transparency logs that are good now, and {named} shall enter the signature"
    )]
    Logs { known: usize, named: usize },
    #[error("the trusted root knows no time stamp authority that is good now")]
    Stamps,
    #[error(
        "no transparency log is named, and by a trusted root the signature of an identity counts only if it is in one"
    )]
    Unlogged,
}

impl From<UselessRoot> for CliError {
    fn from(error: UselessRoot) -> Self {
        let hint = match error {
            UselessRoot::Authority
            | UselessRoot::CertificateLogs
            | UselessRoot::Logs { .. }
            | UselessRoot::Stamps => {
                "nobody was asked: name the trusted root of these services, or get it anew with `plimsoll trusted-root update`"
            }
            UselessRoot::Unlogged => {
                "name one, with --rekor-url or in the signing config; or leave out --trusted-root: those who verify must then say --insecure-ignore-tlog"
            }
        };
        Self::new(Outcome::Usage, error).hint(hint)
    }
}

impl Holder<'_> {
    /// Verifiers believe a certificate at the proven times only: with one outside of its period the signature counts nowhere.
    fn check_time(self, service: &'static str, time: Timestamp) -> Result<(), CliError> {
        let Self::Certificate(certificate) = self else { return Ok(()) };
        let UnverifiedCertificate { not_before, not_after, .. } = *certificate;
        if (not_before..=not_after).contains(&time) {
            return Ok(());
        }
        let error = WrongTime { service, time, not_before, not_after };
        Err(CliError::new(Outcome::Unknown, error)
            .hint("this signature was not stored: nobody could verify it; compare the clocks of the services and of this machine"))
    }
}

/// Whether verifiers know such entries: those of Rekor 2 by P-256 only; those of Rekor 1 about files by SHA-256 only; and no log takes a signature
/// over the bytes themselves.
fn enters(version: LogVersion, algorithm: KeyAlgorithm) -> bool {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => true,
        KeyAlgorithm::Rsa { .. } => version == LogVersion::One,
        KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 | KeyAlgorithm::Ed25519 => false,
    }
}

/// Checks what was signed as everybody will, against the trusted root: as a bundle that holds what will be stored.
fn check(
    to_sign: &ToSign,
    envelope: Option<&str>,
    signature: &Signature,
    signer: &Signer,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let content = to_sign.content();
    let entries: Vec<_> = signature.log_entries.iter().map(LogEntry::json).collect();
    let hint = signature.key.hint();
    let json = NewBundle {
        signer: match &signature.signatory {
            Signatory::Certificate { leaf, .. } => NewSigner::Certificate(leaf),
            Signatory::Key => NewSigner::Hint(&hint),
        },
        log_entries: &entries,
        timestamps: &signature.timestamps,
        content: match envelope {
            Some(envelope) => NewContent::Envelope(envelope),
            None => NewContent::File { digest: content.name(), signature: &signature.bytes },
        },
    }
    .to_json();
    let mut bundle = Bundle::parse(json.as_bytes())?;
    if to_sign.form() == Form::Layer {
        keep_of_layer(&mut bundle, &signature.signatory);
    }
    match envelope {
        Some(_) => verify_bundle(&bundle, signer).map(drop)?,
        None => check_file(&bundle, signer, &content).map(drop)?,
    }
    Ok(())
}

/// Leaves what a layer under a legacy tag keeps: of an entry the promise, and the chain that the authority gave.
fn keep_of_layer(bundle: &mut Bundle, signatory: &Signatory) {
    bundle.version = if bundle.log_entries.is_empty() { Version::V0_2 } else { Version::V0_1 };
    bundle.log_entries.iter_mut().for_each(|entry| entry.proof = None);
    if let (Signatory::Certificate { chain, .. }, Material::Certificate { intermediates, .. }) =
        (signatory, &mut bundle.material)
    {
        intermediates.clone_from(chain);
    }
}

fn not_stored(source: Box<dyn Error + Send + Sync>) -> CliError {
    CliError::new(Outcome::Unknown, DoesNotVerify { source })
        .hint("this signature was not stored: the trusted root is of other services, or too old, or the services do not do what they should")
}

/// A signature that would not count.
#[derive(Debug, thiserror::Error)]
#[error("what the services made of the signature does not verify")]
struct DoesNotVerify {
    source: Box<dyn Error + Send + Sync>,
}

/// A name that no verifier can be told.
#[derive(Debug, thiserror::Error)]
#[error("the certificate's names cannot be given to a verifier")]
struct NobodyToBe;

/// Something to sign that nobody hashed: SHA-256 is always among the hashes of a file.
#[derive(Debug, thiserror::Error)]
#[error("what is to be signed has no SHA-256")]
struct NotHashed;

/// A time at which the certificate is not good.
#[derive(Debug, thiserror::Error)]
#[error("the {service} says {time}, and the certificate is good from {not_before} to {not_after}")]
struct WrongTime {
    service: &'static str,
    time: Timestamp,
    not_before: Timestamp,
    not_after: Timestamp,
}
