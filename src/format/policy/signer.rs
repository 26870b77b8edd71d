//! `trust_roots` and `signers`: whom a policy knows, and what proves that it was them.

use super::reader::{Here, ID, Reader, below, is_id};
use super::yaml::Value;
use super::{
    At, KeyEntry, KeySource, KeylessEntry, LogEntry, MatcherEntry, Place, RootEntry, RootSource, SctEntry,
    ShapeError, SignerEntry, TimeEntry, TimeSource, WhoEntry,
};
use crate::base::Claim;

impl Reader {
    /// A map from names to entries.
    fn named<'a, T>(
        &mut self,
        here: &Here<'a>,
        kind: &'static str,
        want: &'static str,
        read: impl Fn(&mut Self, At<String>, &Here<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Map(entries) = &here.node.value else { return self.wrong_type(here, kind) };
        if entries.is_empty() {
            return self.note(&here.place, ShapeError::Empty { want });
        }
        let read: Vec<_> = entries
            .iter()
            .map(|(key, node)| {
                let place = Place { at: key.at, path: below(&here.place.path, &key.name) };
                let id = At { value: key.name.clone(), place: place.clone() };
                let good = is_id(&key.name);
                if !good {
                    let error = ShapeError::Value { want: ID, got: key.name.clone() };
                    self.note(&place, error).unwrap_or(())
                }
                let entry = read(self, id, &Here { node, place: Place { at: node.at, ..place } });
                entry.filter(|_| good)
            })
            .collect();
        read.into_iter().collect()
    }

    pub(super) fn trust_roots(&mut self, here: &Here<'_>) -> Option<Vec<RootEntry>> {
        let want = "at least one trust root, or no `trust_roots`";
        self.named(here, "a map of trust roots", want, Self::trust_root)
    }

    fn trust_root(&mut self, id: At<String>, here: &Here<'_>) -> Option<RootEntry> {
        let map =
            self.map(here, &["trusted_root", "public_good", "sha256", "log", "log_threshold", "sct"])?;
        let found = map.count(&["trusted_root", "public_good"]);
        let file = self.optional(&map, "trusted_root", Self::relative);
        let shipped = self.optional(&map, "public_good", Self::yes);
        let sha256 = self.optional(&map, "sha256", Self::sha256);
        let log = self.optional(&map, "log", Self::required_or_none);
        let threshold = self.optional(&map, "log_threshold", Self::positive);
        let sct = self.optional(&map, "sct", Self::required_or_none);
        let source = match (file?, shipped?) {
            (Some(file), None) => RootSource::File(file),
            (None, Some(())) => RootSource::PublicGood,
            _ => {
                let keys = "`trusted_root` and `public_good`";
                return self.note(&here.place, ShapeError::Choice { keys, found });
            }
        };
        let log = match (log?.unwrap_or(true), threshold?) {
            (true, threshold) => LogEntry::Required { threshold: threshold.map_or(1, |at| at.value) },
            (false, None) => LogEntry::None,
            // A number that nobody compares with anything.
            (false, Some(threshold)) => {
                let want = "wanted beside `log: none`; leave it out";
                let got = format!("log_threshold: {}", threshold.value);
                return self.note(&threshold.place, ShapeError::Value { want, got });
            }
        };
        let sct = if sct?.unwrap_or(true) { SctEntry::Required } else { SctEntry::None };
        Some(RootEntry { id, source, sha256: sha256?, log, sct })
    }

    /// `true`. A choice cannot be taken back, so `false` would only look as if it did something.
    pub(super) fn yes(&mut self, here: &Here<'_>) -> Option<()> {
        match here.node.value {
            Value::Bool(true) => Some(()),
            Value::Bool(false) => {
                let want = "`true`; leave the key out";
                self.note(&here.place, ShapeError::Value { want, got: "false".into() })
            }
            _ => self.wrong_type(here, "true"),
        }
    }

    fn required_or_none(&mut self, here: &Here<'_>) -> Option<bool> {
        match self.text(here)?.as_str() {
            "required" => Some(true),
            "none" => Some(false),
            other => {
                let got = other.to_owned();
                self.note(&here.place, ShapeError::Value { want: "`required` or `none`", got })
            }
        }
    }

    pub(super) fn signers(&mut self, here: &Here<'_>) -> Option<Vec<SignerEntry>> {
        self.named(here, "a map of signers", "at least one signer", Self::signer)
    }

    fn signer(&mut self, id: At<String>, here: &Here<'_>) -> Option<SignerEntry> {
        let map = self.map(here, &["description", "key", "keyless", "time", "not_before", "not_after"])?;
        let found = map.count(&["key", "keyless"]);
        let description =
            self.optional(&map, "description", |reader, here| reader.text_of(here, DESCRIPTION, 0, 2000));
        let key = self.optional(&map, "key", Self::key);
        let keyless = self.optional(&map, "keyless", Self::keyless);
        let time = self.optional(&map, "time", Self::time_demand);
        let not_before = self.optional(&map, "not_before", Self::time);
        let not_after = self.optional(&map, "not_after", Self::time);
        description?;
        let who = match (key?, keyless?) {
            (Some(key), None) => WhoEntry::Key(key),
            (None, Some(keyless)) => WhoEntry::Keyless(Box::new(keyless)),
            _ => return self.note(&here.place, ShapeError::Choice { keys: "`key` and `keyless`", found }),
        };
        Some(SignerEntry { id, who, time: time?, not_before: not_before?, not_after: not_after? })
    }

    fn key(&mut self, here: &Here<'_>) -> Option<KeyEntry> {
        let map = self.map(here, &["pem", "file", "fingerprint"])?;
        let found = map.count(&["pem", "file"]);
        let pem =
            self.optional(&map, "pem", |reader, here| reader.text_of(here, "a PEM public key", 1, 20_000));
        let file = self.optional(&map, "file", Self::relative);
        let fingerprint = self.optional(&map, "fingerprint", Self::sha256);
        let (pem, file, fingerprint) = (pem?, file?, fingerprint?);
        let (source, place) = match (pem, file) {
            (Some(pem), None) => (KeySource::Pem(pem.value), pem.place),
            (None, Some(file)) => (KeySource::File(file.value), file.place),
            _ => return self.note(&here.place, ShapeError::Choice { keys: "`pem` and `file`", found }),
        };
        Some(KeyEntry { source: At { value: source, place }, fingerprint })
    }

    fn keyless(&mut self, here: &Here<'_>) -> Option<KeylessEntry> {
        let map = self.map(here, &["root", "issuer", "subject", "claims"])?;
        let root = self.required(&map, "root").and_then(|here| self.id(&here));
        let issuer = self.required(&map, "issuer").and_then(|here| self.value(&here));
        let subject =
            self.required(&map, "subject").and_then(|here| self.matcher(&here, &["equals", "glob"]));
        let claims = self.optional(&map, "claims", Self::claims);
        Some(KeylessEntry {
            root: root?,
            issuer: issuer?,
            subject: subject?,
            claims: claims?.unwrap_or_default(),
        })
    }

    fn claims(&mut self, here: &Here<'_>) -> Option<Vec<(Claim, At<MatcherEntry>)>> {
        let known: Vec<&str> = Claim::all().map(Claim::name).collect();
        let map = self.map(here, &known)?;
        if here.is_empty() {
            return self.note(&here.place, ShapeError::Empty { want: "at least one claim, or no `claims`" });
        }
        let claims: Vec<_> = map
            .entries
            .iter()
            .map(|(name, here)| {
                let value = match here.node.value {
                    Value::Map(_) => self.matcher(here, &["equals", "one_of", "glob"])?,
                    _ => self
                        .value(here)
                        .map(|at| At { value: MatcherEntry::Equals(at.value), place: at.place })?,
                };
                Some((name.parse().ok()?, value))
            })
            .collect();
        claims.into_iter().collect()
    }

    /// `{equals: …}`, `{glob: …}` or `{one_of: […]}`, whichever of them `known` has.
    pub(super) fn matcher(
        &mut self,
        here: &Here<'_>,
        known: &'static [&'static str],
    ) -> Option<At<MatcherEntry>> {
        let map = self.map(here, known)?;
        let found = map.count(known);
        let equals = self.optional(&map, "equals", Self::value);
        let glob = self.optional(&map, "glob", Self::value);
        let one_of = self.optional(&map, "one_of", |reader, here| {
            let texts = reader.list(here, "at least one value", Self::value)?;
            reader.distinct(texts)
        });
        let value = match (equals?, glob?, one_of?) {
            (Some(text), None, None) => MatcherEntry::Equals(text.value),
            (None, Some(text), None) => MatcherEntry::Glob(text.value),
            (None, None, Some(texts)) => {
                MatcherEntry::OneOf(texts.into_iter().map(|text| text.value).collect())
            }
            _ => {
                let keys = if known.contains(&"one_of") {
                    "`equals`, `one_of` and `glob`"
                } else {
                    "`equals` and `glob`"
                };
                return self.note(&here.place, ShapeError::Choice { keys, found });
            }
        };
        Some(At { value, place: here.place.clone() })
    }

    pub(super) fn value(&mut self, here: &Here<'_>) -> Option<At<String>> {
        self.text_of(here, "a text of 1 to 2000 characters", 1, 2000)
    }

    fn time_demand(&mut self, here: &Here<'_>) -> Option<TimeEntry> {
        let map = self.map(here, &["from", "root"])?;
        let from = self.required(&map, "from").and_then(|here| {
            let names = self.texts(&here, "at least one of `rekor`, `tsa` and `none`")?;
            let sources: Vec<_> = names
                .into_iter()
                .map(|name| match name.value.as_str() {
                    "none" => Some(TimeSource::None),
                    "rekor" => Some(TimeSource::Rekor),
                    "tsa" => Some(TimeSource::Tsa),
                    _ => {
                        let want = "`rekor`, `tsa` or `none`";
                        self.note(&name.place, ShapeError::Value { want, got: name.value })
                    }
                })
                .collect();
            sources.into_iter().collect::<Option<Vec<_>>>()
        });
        let root = self.optional(&map, "root", Self::id);
        Some(TimeEntry { place: here.place.clone(), from: from?, root: root? })
    }
}

pub(super) const DESCRIPTION: &str = "a text of up to 2000 characters";
