//! Who besides the signer speaks for a signature: authorities, logs, clocks. The library checks one log entry under one authority at a time, so that no
//! log or authority can vouch in another's name; which of them count, and when they were good, is decided here.

use std::collections::BTreeSet;

use super::certificate::{self, Leaf, Validity};
use super::library::{self, Answer, Scope, Subject};
use super::trust::{CertificateLogDemand, LogDemand, TimeDemand};
use super::{Artifact, CertificateError, ProvenTime, TimeSource, Trust, VerifyError, timestamp};
use crate::base::Timestamp;
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
    let stamps = timestamp::check(&bundle.timestamps, signature(bundle), &trust.root)?;
    let mut check =
        Check { bundle, artifact, trust, holder, subject: Subject::new(bundle)?, authority: None };
    if stamps.is_empty() {
        check.subject.drop_timestamps();
    }
    let (mut logs, mut log_times, mut is_unknown) = (BTreeSet::new(), Vec::new(), false);
    for (at, entry) in bundle.log_entries.iter().enumerate() {
        match trust.root.content().logs.iter().enumerate().find(|(_, log)| log.id == entry.log_id) {
            Some((place, log)) => {
                log_times.extend(check.entry(at, entry, place, &stamps)?);
                logs.insert(log.key);
            }
            None => is_unknown = true,
        }
    }
    if let LogDemand::Required { logs: needed } = trust.log
        && logs.len() < needed.get()
    {
        return Err(match (logs.len(), is_unknown) {
            (0, true) => VerifyError::UnknownLog,
            (0, false) => VerifyError::NotLogged,
            (found, _) => VerifyError::TooFewLogs { found, needed: needed.get() },
        });
    }
    if logs.is_empty() && matches!(holder, Holder::Certificate(_)) {
        if stamps.is_empty() {
            return Err(VerifyError::NoProvenTime);
        }
        check.certificate(None, None, &stamps)?;
    }
    check.times(stamps, log_times).map(|times| Witnessed { times, logs: logs.len() })
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
        let kind = (entry.kind.as_str(), entry.version.as_str());
        if !kinds(&self.bundle.content).contains(&kind) {
            let short = |text: &str| text.chars().take(64).collect();
            return Err(VerifyError::EntryKind { kind: short(kind.0), version: short(kind.1) });
        }
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
