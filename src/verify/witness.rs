//! Who besides the signer speaks for a signature: authorities, logs, clocks. The library checks one log entry under one authority at a time, so that no
//! log or authority can vouch in another's name; which of them count, and when they were good, is decided here.

use std::collections::BTreeSet;

use super::certificate::{self, Leaf, Validity};
use super::library::{self, Answer, Scope, Subject};
use super::trust::{CertificateLogDemand, LogDemand, TimeDemand};
use super::{Artifact, CertificateError, ProvenTime, TimeSource, Trust, VerifyError, timestamp};
use crate::base::{Digest, Printable, Timestamp};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent, LogEntry, Material};

/// Who holds the key that signed.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    Certificate(&'a Leaf),
    Key(&'a PublicKey),
}

/// What the witnesses prove.
#[derive(Debug)]
pub(super) struct Witnessed {
    pub(super) times: Vec<ProvenTime>,
    pub(super) logs: usize,
}

/// Checks everything that a bundle brings beside its signature, which must cover `artifact` and be checked before.
pub(super) fn check(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    trust: &Trust,
    holder: Holder<'_>,
) -> Result<Witnessed, VerifyError> {
    if let Holder::Certificate(leaf) = holder {
        if !leaf.signs_code {
            return Err(VerifyError::NoCodeSigning);
        }
        if trust.certificate_log == CertificateLogDemand::Required && !leaf.is_logged {
            return Err(VerifyError::NoCertificateTimestamp);
        }
    }
    let entries = known_entries(bundle, trust)?;
    let (first, others) = bundle.timestamps.split_at(bundle.timestamps.len().min(1));
    let mut stamps = timestamp::check(first, signature(bundle), &trust.root)?;
    // A root that knows no authority of time stamps cannot tell what one is worth.
    let subject = Subject::new(bundle, first.first().filter(|_| !stamps.is_empty()))?;
    let mut check = Check { bundle, artifact, trust, holder, subject, authority: None };
    // Anybody gets good time stamps over a signature by a certificate of his own: one is enough to find that out.
    if !others.is_empty() && !stamps.is_empty() && matches!(holder, Holder::Certificate(_)) {
        check.certificate(None, None, &stamps)?;
    }
    stamps.extend(timestamp::check(others, signature(bundle), &trust.root)?);
    let (mut logs, mut log_times) = (BTreeSet::new(), Vec::new());
    for (at, entry, place, key) in entries {
        log_times.extend(check.entry(at, entry, place, &stamps)?);
        logs.insert(key);
    }
    if logs.is_empty() && matches!(holder, Holder::Certificate(_)) {
        if stamps.is_empty() {
            return Err(VerifyError::NoProvenTime);
        }
        check.certificate(None, None, &stamps)?;
    }
    check.times(stamps, log_times).map(|times| Witnessed { times, logs: logs.len() })
}

/// The entries of logs that the root knows: where each stands, the place of its log, and the log's key. They are of kinds that count and say
/// nothing twice, and they are of as many logs as are demanded; whether they are right is expensive to find out.
fn known_entries<'a>(
    bundle: &'a Bundle,
    trust: &Trust,
) -> Result<Vec<(usize, &'a LogEntry, usize, Digest)>, VerifyError> {
    let (mut known, mut logs, mut is_unknown) = (Vec::new(), BTreeSet::new(), false);
    for (at, entry) in bundle.log_entries.iter().enumerate() {
        let log = trust.root.content().logs.iter().enumerate().find(|(_, log)| log.id == entry.log_id);
        let Some((place, log)) = log else {
            is_unknown = true;
            continue;
        };
        let kind = (entry.kind.as_str(), entry.version.as_str());
        if !kinds(&bundle.content).contains(&kind) {
            let short = |text: &str| text.chars().take(64).collect();
            return Err(VerifyError::EntryKind { kind: short(kind.0), version: short(kind.1) });
        }
        agrees_with_itself(entry)?;
        logs.insert(log.key);
        known.push((at, entry, place, log.key));
    }
    match trust.log {
        LogDemand::Required { logs: needed } if logs.len() < needed.get() => {
            Err(match (logs.len(), is_unknown) {
                (0, true) => VerifyError::UnknownLog,
                (0, false) => VerifyError::NotLogged,
                (found, _) => VerifyError::TooFewLogs { found, needed: needed.get() },
            })
        }
        LogDemand::Required { .. } | LogDemand::NotRequired => Ok(known),
    }
}

struct Check<'a> {
    bundle: &'a Bundle,
    artifact: &'a Artifact<'a>,
    trust: &'a Trust,
    holder: Holder<'a>,
    subject: Subject,
    /// The one that certified the holder, once it is known.
    authority: Option<usize>,
}

impl Check<'_> {
    /// Checks one entry; gives the times that its log, and not a time stamp, proves.
    fn entry(
        &mut self,
        at: usize,
        entry: &LogEntry,
        log: usize,
        stamps: &[Timestamp],
    ) -> Result<Vec<Timestamp>, VerifyError> {
        let root = &self.trust.root;
        let window = root.content().logs.get(log).ok_or(VerifyError::UnknownLog)?.window;
        // A log's word about time is its promise. A time without promise is anybody's word (CVE-2024-55655).
        let promised = entry.integrated_time.filter(|_| entry.promise.is_some());
        let said: Vec<Timestamp> = match promised {
            Some(time) => vec![time],
            None => stamps.to_vec(),
        };
        if let Some(time) = said.iter().find(|time| !window.contains(**time)) {
            return Err(VerifyError::LogExpired { time: *time });
        }
        // Whoever finds the key of a retired log can sign entries today.
        if said.is_empty() && window.end.is_some() {
            return Err(VerifyError::NoProvenTime);
        }
        let proven = match self.holder {
            Holder::Certificate(_) => self.certificate(Some((at, log)), promised, stamps)?,
            Holder::Key(key) => {
                self.subject.select(Some(at));
                let scope = Scope { root, log: Some(log), authority: None };
                library::check_key(&scope, &self.subject, self.artifact, key)?
            }
        };
        // Of what the library gives, the log's own time: the stamps were there before.
        Ok(promised.filter(|time| proven.contains(time)).into_iter().collect())
    }

    /// Asks the authorities of the root, one by one, whether they certified the holder, with one log entry or none.
    fn certificate(
        &mut self,
        entry: Option<(usize, usize)>,
        promised: Option<Timestamp>,
        stamps: &[Timestamp],
    ) -> Result<Vec<Timestamp>, VerifyError> {
        self.subject.select(entry.map(|(at, _)| at));
        let root = &self.trust.root;
        let log = entry.map(|(_, log)| log);
        let all = 0..root.content().certificate_authorities.len();
        let candidates = self.authority.map_or(all, |known| known..known + 1);
        let (mut refusal, mut expired) = (None, None);
        for authority in candidates {
            if !self.may_have_certified(authority) {
                continue;
            }
            let scope = Scope { root, log, authority: Some(authority) };
            let demand = self.trust.certificate_log;
            match library::check_certificate(&scope, &self.subject, self.artifact, demand)? {
                Answer::Yes(times) => {
                    let every = times.iter().chain(stamps);
                    if let Some(time) = every.copied().find(|time| !self.was_good(authority, *time)) {
                        expired = Some(time);
                        continue;
                    }
                    self.authority = Some(authority);
                    return Ok(times);
                }
                Answer::NotMine(error) => refusal = Some(error),
                Answer::NotThen => expired = expired.or(promised).or(stamps.first().copied()),
            }
        }
        // The times are proven: the library checks who said them before it looks at chains.
        if let Holder::Certificate(leaf) = self.holder {
            promised.iter().chain(stamps).try_for_each(|time| within(leaf.validity, *time))?;
        }
        match (expired, refusal) {
            (Some(time), None) => Err(VerifyError::AuthorityExpired { time }),
            (_, refusal) => {
                Err(VerifyError::UnknownAuthority { source: refusal.map(|error| Box::new(error) as _) })
            }
        }
    }

    /// Whether the holder's certificate says that one of this authority's signed it. With certificates between the two nobody can tell.
    fn may_have_certified(&self, authority: usize) -> bool {
        let is_alone = !matches!(&self.bundle.material, Material::Certificate { intermediates, .. } if !intermediates.is_empty());
        match self.holder {
            Holder::Certificate(leaf) if is_alone => self.trust.root.is_named(authority, &leaf.issuer_name),
            Holder::Certificate(_) | Holder::Key(_) => true,
        }
    }

    /// Whether the authority, with all of its certificates, was good at `time`. The library trusts the certificates of a root whatever
    /// their dates (CVE-2026-24122).
    fn was_good(&self, authority: usize, time: Timestamp) -> bool {
        let root = &self.trust.root;
        let window = root.content().certificate_authorities.get(authority);
        window.is_some_and(|it| it.window.contains(time))
            && root.validity(authority).iter().all(|validity| validity.contains(time))
    }

    /// The certificate must have been good at each proven time: one wrong clock must not hide another.
    fn times(
        &self,
        stamps: Vec<Timestamp>,
        log_times: Vec<Timestamp>,
    ) -> Result<Vec<ProvenTime>, VerifyError> {
        let missing = match (self.trust.time, self.holder) {
            (TimeDemand::Authority, _) => stamps.is_empty(),
            (TimeDemand::Log, _) => log_times.is_empty(),
            (TimeDemand::NotRequired, Holder::Key(_)) => false,
            (TimeDemand::NotRequired | TimeDemand::Proven, _) => stamps.is_empty() && log_times.is_empty(),
        };
        if missing {
            return Err(VerifyError::NoProvenTime);
        }
        let said = |source| move |time| ProvenTime { time, source };
        let mut times: Vec<ProvenTime> = stamps.into_iter().map(said(TimeSource::Authority)).collect();
        times.extend(log_times.into_iter().map(said(TimeSource::Log)));
        if let (Holder::Certificate(leaf), Some(authority)) = (self.holder, self.authority) {
            let between = self.intermediates()?;
            for ProvenTime { time, .. } in &times {
                within(leaf.validity, *time)?;
                if !self.was_good(authority, *time) || between.iter().any(|it| !it.contains(*time)) {
                    return Err(VerifyError::AuthorityExpired { time: *time });
                }
            }
        }
        // Who is not asked for the time does not date the signature either.
        times.retain(|proven| match self.trust.time {
            TimeDemand::Authority => proven.source == TimeSource::Authority,
            TimeDemand::Log => proven.source == TimeSource::Log,
            TimeDemand::NotRequired | TimeDemand::Proven => true,
        });
        Ok(times)
    }

    fn intermediates(&self) -> Result<Vec<Validity>, CertificateError> {
        match &self.bundle.material {
            Material::Certificate { intermediates, .. } => {
                intermediates.iter().map(|der| certificate::validity(der)).collect()
            }
            Material::PublicKey { .. } => Ok(Vec::new()),
        }
    }
}

/// What an entry says twice it must say alike. The log signs the body and the checkpoint; what stands beside them anybody can write, and
/// another reader may go by it.
fn agrees_with_itself(entry: &LogEntry) -> Result<(), VerifyError> {
    let (kind, version) =
        entry.body_kind().map_err(|error| VerifyError::BadEntry { source: Box::new(error) })?;
    if (&kind, &version) != (&entry.kind, &entry.version) {
        let short = |text: String| text.chars().take(64).collect();
        let source = Box::new(Contradiction::Kind { kind: short(kind), version: short(version) });
        return Err(VerifyError::BadEntry { source });
    }
    let Some(proof) = &entry.proof else { return Ok(()) };
    if proof.unverified_tree().is_none_or(|tree| tree != (proof.tree_size, proof.root_hash.clone())) {
        return Err(VerifyError::BadCheckpoint { source: Box::new(Contradiction::Tree) });
    }
    // Rekor 1 counts the entries of all its trees, and in the proof those of one.
    if is_of_rekor_2(entry) && proof.index != entry.index {
        return Err(VerifyError::BadInclusionProof { source: Box::new(Contradiction::Index) });
    }
    Ok(())
}

fn is_of_rekor_2(entry: &LogEntry) -> bool {
    (entry.kind.as_str(), entry.version.as_str()) == ("hashedrekord", "0.0.2")
}

/// What a log entry says twice, and not alike.
#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("the entry and its proof stand at different places")]
    Index,
    #[error("its body is of kind `{} {}`", Printable(.kind), Printable(.version))]
    Kind { kind: String, version: String },
    #[error("its proof is about another tree than its checkpoint")]
    Tree,
}

fn within(validity: Validity, time: Timestamp) -> Result<(), VerifyError> {
    let Validity { not_before, not_after } = validity;
    if validity.contains(time) {
        Ok(())
    } else {
        Err(VerifyError::CertificateExpired { not_after, not_before, time })
    }
}

fn signature(bundle: &Bundle) -> &[u8] {
    match &bundle.content {
        BundleContent::Envelope(envelope) => envelope.signature(),
        BundleContent::Message { signature, .. } => signature,
    }
}

/// Which entries can be about which content.
fn kinds(content: &BundleContent) -> &'static [(&'static str, &'static str)] {
    match content {
        BundleContent::Envelope(_) => &[("dsse", "0.0.1"), ("hashedrekord", "0.0.2"), ("intoto", "0.0.2")],
        BundleContent::Message { .. } => &[("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2")],
    }
}
