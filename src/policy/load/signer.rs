//! Trust roots and signers: every key is a key, every root is a root, and nobody is meant who was not named.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;

use super::Loader;
use crate::base::{Digest, IdentityMatcher, MatcherError, TextMatcher};
use crate::crypto::PublicKey;
use crate::format::policy::{
    At, KeyEntry, KeySource, KeylessEntry, LogEntry, MatcherEntry, Place, RootEntry, RootSource, SctEntry,
    SignerEntry, TimeEntry, TimeSource, WhoEntry,
};
use crate::policy::{NamedRoot, NamedSigner, PolicyProblemKind as Kind};
use crate::verify::{
    CertificateLogDemand, IdentitySigner, LogDemand, Signer, TimeDemand, Trust, TrustRoot, WitnessedKey,
};

/// Reads a file below the policy's folder.
pub(super) type ReadFile<'a, E> = &'a dyn Fn(&Path) -> Result<Vec<u8>, E>;

/// The roots that can be used, by name. A root with a problem has a name too: using it is not a second problem.
pub(super) struct Roots {
    by_name: BTreeMap<String, Option<Trust>>,
    used: Vec<String>,
}

impl Roots {
    /// Those that signers use, for the answers.
    pub(super) fn into_named(self) -> Vec<NamedRoot> {
        let named = |(id, trust): (String, Option<Trust>)| Some(NamedRoot { id, trust: trust? });
        self.by_name.into_iter().filter_map(named).collect()
    }
}

impl Loader {
    pub(super) fn roots<E: Error + Send + Sync + 'static>(
        &mut self,
        entries: &[RootEntry],
        read: ReadFile<'_, E>,
    ) -> Roots {
        let by_name = entries.iter().map(|entry| (entry.id.value.clone(), self.root(entry, read))).collect();
        Roots { by_name, used: Vec::new() }
    }

    fn root<E: Error + Send + Sync + 'static>(
        &mut self,
        entry: &RootEntry,
        read: ReadFile<'_, E>,
    ) -> Option<Trust> {
        let (place, parsed) = match &entry.source {
            RootSource::PublicGood => (&entry.id.place, TrustRoot::public_good()),
            RootSource::File(file) => match read(Path::new(&file.value)) {
                Ok(bytes) => (&file.place, TrustRoot::parse(&bytes)),
                Err(reason) => {
                    let (file, place) = (file.value.clone(), &file.place);
                    self.note(place, Kind::TrustedRootFile { file, reason: Box::new(reason) });
                    return None;
                }
            },
        };
        let root = match parsed {
            Ok(root) => root,
            Err(error) => {
                self.note(place, Kind::TrustedRoot(error));
                return None;
            }
        };
        if let Some(expected) = &entry.sha256
            && expected.value != root.digest()
        {
            self.note(&expected.place, Kind::TrustedRootDigest { found: root.digest() });
        }
        let log = match entry.log {
            LogEntry::None => LogDemand::NotRequired,
            LogEntry::Required { threshold } => {
                let logs = usize::try_from(threshold).ok().and_then(NonZeroUsize::new);
                let logs = logs.unwrap_or(NonZeroUsize::MAX);
                let known = root.content().logs.iter().map(|log| log.key).collect::<BTreeSet<_>>().len();
                if logs.get() > known {
                    self.note(place, Kind::LogThreshold { threshold, logs: known });
                }
                LogDemand::Required { logs }
            }
        };
        let certificate_log = match entry.sct {
            SctEntry::None => CertificateLogDemand::NotRequired,
            SctEntry::Required => CertificateLogDemand::Required,
        };
        Some(Trust { root, log, certificate_log, time: TimeDemand::Proven })
    }

    /// A root that nobody uses would only look as if something were demanded.
    pub(super) fn unused(&mut self, entries: &[RootEntry], roots: &Roots) {
        for entry in entries.iter().filter(|entry| !roots.used.contains(&entry.id.value)) {
            self.note(&entry.id.place, Kind::UnusedRoot);
        }
    }

    pub(super) fn signers<E: Error + Send + Sync + 'static>(
        &mut self,
        entries: &[SignerEntry],
        roots: &mut Roots,
        read: ReadFile<'_, E>,
    ) -> Vec<NamedSigner> {
        let mut signers = Vec::<NamedSigner>::new();
        for (index, entry) in entries.iter().enumerate() {
            self.names.insert(entry.id.value.clone(), index);
            self.window(entry.not_before.as_ref(), entry.not_after.as_ref());
            let signer = match &entry.who {
                WhoEntry::Key(key) => {
                    let witness = self.witness(entry.time.as_ref(), roots);
                    self.key(key, read).and_then(|key| {
                        Some(match witness? {
                            Some(trust) => Signer::WitnessedKey(Box::new(WitnessedKey { key, trust })),
                            None => Signer::Key(key),
                        })
                    })
                }
                WhoEntry::Keyless(keyless) => self.identity(keyless, entry.time.as_ref(), roots),
            };
            let Some(signer) = signer else { continue };
            if let Some(other) = signers.iter().find(|other| is_same(&other.signer, &signer)) {
                self.note(&entry.id.place, Kind::SameSigner { other: other.id.clone() });
            }
            signers.push(NamedSigner {
                id: entry.id.value.clone(),
                signer,
                not_before: entry.not_before.as_ref().map(|time| time.value),
                not_after: entry.not_after.as_ref().map(|time| time.value),
            });
        }
        signers
    }

    fn key<E: Error + Send + Sync + 'static>(
        &mut self,
        entry: &KeyEntry,
        read: ReadFile<'_, E>,
    ) -> Option<PublicKey> {
        let place = &entry.source.place;
        let pem = match &entry.source.value {
            KeySource::Pem(text) => text.clone(),
            KeySource::File(file) => match read(Path::new(file)).map(String::from_utf8) {
                Ok(Ok(text)) => text,
                Ok(Err(_)) => {
                    self.note(place, Kind::KeyFileNotText { file: file.clone() });
                    return None;
                }
                Err(reason) => {
                    let reason = Box::new(reason);
                    self.note(place, Kind::KeyFile { file: file.clone(), reason });
                    return None;
                }
            },
        };
        let key = match PublicKey::from_pem(&pem) {
            Ok(key) => key,
            Err(error) => {
                self.note(place, Kind::Key(error));
                return None;
            }
        };
        if let Some(expected) = &entry.fingerprint
            && expected.value != key.fingerprint()
        {
            self.note(&expected.place, Kind::Fingerprint { found: key.fingerprint() });
        }
        Some(key)
    }

    /// What must stand behind a key beside its signature; `None` after a problem.
    fn witness(&mut self, entry: Option<&TimeEntry>, roots: &mut Roots) -> Option<Option<Trust>> {
        let Some(entry) = entry else { return Some(None) };
        let trust = entry.root.as_ref().map(|root| self.trust(root, roots));
        let time = self.time(entry)?;
        match trust {
            Some(trust) => Some(Some(Trust { time, ..trust? })),
            None if time == TimeDemand::NotRequired => Some(None),
            None => {
                self.note(&entry.place, Kind::TimeWithoutRoot);
                None
            }
        }
    }

    fn identity(
        &mut self,
        entry: &KeylessEntry,
        time: Option<&TimeEntry>,
        roots: &mut Roots,
    ) -> Option<Signer> {
        let trust = self.trust(&entry.root, roots);
        let demand = match time {
            None => Some(TimeDemand::Proven),
            Some(time) => {
                if let Some(root) = time.root.as_ref().filter(|root| root.value != entry.root.value) {
                    self.note(&root.place, Kind::OtherRoot);
                }
                let demand = self.time(time);
                if demand == Some(TimeDemand::NotRequired) {
                    self.note(&time.place, Kind::CertificateWithoutTime);
                }
                demand
            }
        };
        let subject = self.take(&entry.subject.place, text_matcher(&entry.subject.value))?;
        let place = match subject {
            TextMatcher::Glob(_) => &entry.subject.place,
            TextMatcher::Equals(_) | TextMatcher::OneOf(_) => &entry.issuer.place,
        };
        let mut identity = self.take(place, IdentityMatcher::new(&entry.issuer.value, subject));
        for (claim, value) in &entry.claims {
            let demanded = self.take(&value.place, text_matcher(&value.value));
            identity = match (identity, demanded) {
                (Some(identity), Some(value_of)) => {
                    self.take(&value.place, identity.with_claim(*claim, value_of))
                }
                (..) => None,
            };
        }
        let trust = Trust { time: demand?, ..trust? };
        Some(Signer::Identity(Box::new(IdentitySigner { identity: identity?, trust })))
    }

    fn take<T>(&mut self, place: &Place, result: Result<T, MatcherError>) -> Option<T> {
        result.map_err(|error| self.note(place, Kind::Matcher(error))).ok()
    }

    fn trust(&mut self, name: &At<String>, roots: &mut Roots) -> Option<Trust> {
        match roots.by_name.get(&name.value) {
            Some(trust) => {
                roots.used.push(name.value.clone());
                trust.clone()
            }
            None => {
                self.note(&name.place, Kind::UnknownRoot { name: name.value.clone() });
                None
            }
        }
    }

    fn time(&mut self, entry: &TimeEntry) -> Option<TimeDemand> {
        let has = |source| entry.from.contains(&source);
        Some(match (has(TimeSource::None), has(TimeSource::Rekor), has(TimeSource::Tsa)) {
            (true, false, false) => TimeDemand::NotRequired,
            (false, true, true) => TimeDemand::Proven,
            (false, true, false) => TimeDemand::Log,
            (false, false, true) => TimeDemand::Authority,
            // The reader lets nothing else through than `none` beside another.
            (..) => {
                self.note(&entry.place, Kind::TimeAndNone);
                return None;
            }
        })
    }
}

fn text_matcher(entry: &MatcherEntry) -> Result<TextMatcher, MatcherError> {
    match entry {
        MatcherEntry::Equals(text) => TextMatcher::equals(text),
        MatcherEntry::Glob(text) => TextMatcher::glob(text),
        MatcherEntry::OneOf(texts) => TextMatcher::one_of(texts),
    }
}

/// Whether two signers are one under two names. Identities that overlap are told apart when they are counted.
fn is_same(one: &Signer, other: &Signer) -> bool {
    let fingerprint = |signer: &Signer| -> Option<Digest> { signer.key().map(PublicKey::fingerprint) };
    match (one, other) {
        (Signer::Identity(one), Signer::Identity(other)) => {
            one.trust.root == other.trust.root && one.identity == other.identity
        }
        _ => fingerprint(one).is_some() && fingerprint(one) == fingerprint(other),
    }
}
