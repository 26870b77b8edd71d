//! From the tree of values to entries. Nothing stops at the first problem.

use super::canonical::canonical;
use super::reader::{Here, Reader, below};
use super::signer::DESCRIPTION;
use super::yaml::{self, Value};
use super::{
    At, AttestationEntry, ExpressionEntry, IdentityEntry, NotAPolicy, Place, ReferenceEntry, RequireEntry,
    RevokedEntry, RevokedWhat, RevokedWho, RuleEntry, RulingEntry, SbomEntry, SbomFormatEntry, ShapeError,
    ShapeProblem, SignatureEntry, UnvalidatedPolicy, VERSION, YamlError,
};
use crate::base::{Digest, Span};

pub(super) fn policy(text: &str) -> Result<UnvalidatedPolicy, NotAPolicy> {
    let root = yaml::parse(text).map_err(|(at, error)| NotAPolicy {
        problems: vec![ShapeProblem { place: Place { at, path: String::new() }, error: error.into() }],
    })?;
    let mut reader = Reader { problems: Vec::new() };
    let policy = reader.policy(Here { node: &root, place: Place { at: root.at, path: String::new() } });
    reader.problems.sort_by_key(|problem| problem.place.at);
    match policy {
        Some(policy) if reader.problems.is_empty() => Ok(policy),
        _ => Err(NotAPolicy { problems: reader.problems }),
    }
}

pub(super) fn not_utf8(bytes: &[u8], offset: usize) -> NotAPolicy {
    let before = String::from_utf8_lossy(bytes.get(..offset).unwrap_or_default());
    let at = Span::new(before.len(), before.len()).position(&before);
    let place = Place { at, path: String::new() };
    NotAPolicy { problems: vec![ShapeProblem { place, error: YamlError::NotUtf8 { offset }.into() }] }
}

impl Reader {
    fn policy(&mut self, here: Here<'_>) -> Option<UnvalidatedPolicy> {
        let map = self.map(&here, POLICY)?;
        // Another version may have other keys: say that, and not what follows from it.
        if let Some(version) = map.get("version") {
            let got = self.text(&version)?;
            if got != VERSION {
                self.problems.clear();
                return self.note(&version.place, ShapeError::Version { got });
            }
        }
        let version = self.required(&map, "version");
        let schema = self.optional(&map, "$schema", Self::text);
        let name = self.required(&map, "name").and_then(|here| self.id(&here));
        let description =
            self.optional(&map, "description", |reader, here| reader.text_of(here, DESCRIPTION, 0, 2000));
        let revision = self.required(&map, "revision").and_then(|here| self.positive(&here));
        let not_before = self.optional(&map, "not_before", Self::time);
        let expires = self.required(&map, "expires").and_then(|here| self.time(&here));
        let trust_roots = self.optional(&map, "trust_roots", Self::trust_roots);
        let signers = self.required(&map, "signers").and_then(|here| self.signers(&here));
        let baseline = self.optional(&map, "baseline", Self::require);
        let rules =
            self.required(&map, "rules").and_then(|here| self.list(&here, "at least one rule", Self::rule));
        let revoked = self.optional(&map, "revoked", |reader, here| {
            reader.list(here, "at least one revocation, or no `revoked`", Self::revoked)
        });
        version?;
        schema?;
        description?;
        Some(UnvalidatedPolicy {
            digest: Digest::of(canonical(&here.node.value.to_json()).as_bytes()),
            name: name?.value,
            revision: revision?.value,
            not_before: not_before?,
            expires: expires?,
            trust_roots: trust_roots?.unwrap_or_default(),
            signers: signers?,
            baseline: baseline?,
            rules: rules?,
            revoked: revoked?.unwrap_or_default(),
        })
    }

    fn rule(&mut self, here: &Here<'_>) -> Option<RuleEntry> {
        let verdicts = ["require", "deny", "allow_unverified"];
        let map = self.map(here, &["name", "images", "except", "require", "deny", "allow_unverified"])?;
        let name = self.required(&map, "name").and_then(|here| self.id(&here));
        let images = self.required(&map, "images").and_then(|here| self.patterns(&here));
        let except = self.optional(&map, "except", Self::patterns);
        let require = self.optional(&map, "require", Self::require);
        let deny = self.optional(&map, "deny", Self::deny);
        let allow = self.optional(&map, "allow_unverified", Self::allow_unverified);
        let ruling = match (map.count(&verdicts), require?, deny?, allow?) {
            (1, Some(require), _, _) => RulingEntry::Require(Box::new(require)),
            (1, _, Some(deny), _) => deny,
            (1, _, _, Some(allow)) => allow,
            (found, ..) => {
                let keys = "`require`, `deny` and `allow_unverified`";
                return self.note(&map.place, ShapeError::Choice { keys, found });
            }
        };
        Some(RuleEntry { name: name?, images: images?, except: except?.unwrap_or_default(), ruling })
    }

    fn patterns(&mut self, here: &Here<'_>) -> Option<Vec<At<String>>> {
        self.texts(here, "at least one pattern such as registry.example.com/team/**")
    }

    fn deny(&mut self, here: &Here<'_>) -> Option<RulingEntry> {
        let map = self.map(here, &["reason"])?;
        let reason = self.required(&map, "reason").and_then(|here| self.reason(&here));
        Some(RulingEntry::Deny { reason: reason?.value })
    }

    fn allow_unverified(&mut self, here: &Here<'_>) -> Option<RulingEntry> {
        let map = self.map(here, &["reason", "expires", "digests"])?;
        let reason = self.required(&map, "reason").and_then(|here| self.reason(&here));
        let expires = self.required(&map, "expires").and_then(|here| self.time(&here));
        let digests = self.optional(&map, "digests", |reader, here| {
            reader.list(here, "at least one digest, or no `digests`", Self::sha256)
        });
        Some(RulingEntry::AllowUnverified {
            place: here.place.clone(),
            reason: reason?.value,
            expires: expires?.value,
            digests: digests?.map(|digests| digests.into_iter().map(|digest| digest.value).collect()),
        })
    }

    fn require(&mut self, here: &Here<'_>) -> Option<RequireEntry> {
        let map = self.map(here, &["reference", "signature", "sbom", "attestations"])?;
        if here.is_empty() {
            return self.note(&here.place, ShapeError::Empty { want: "at least one requirement" });
        }
        let reference = self.optional(&map, "reference", Self::reference);
        let signature = self.optional(&map, "signature", Self::signature);
        let sbom = self.optional(&map, "sbom", Self::sbom);
        let attestations = self.optional(&map, "attestations", |reader, here| {
            reader.list(here, "at least one attestation, or no `attestations`", Self::attestation)
        });
        Some(RequireEntry {
            place: here.place.clone(),
            reference: reference?,
            signature: signature?,
            sbom: sbom?,
            attestations: attestations?.unwrap_or_default(),
        })
    }

    fn reference(&mut self, here: &Here<'_>) -> Option<ReferenceEntry> {
        let map = self.map(here, &["digest", "tags", "forbid_tags"])?;
        if here.is_empty() {
            let want = "at least one of `digest`, `tags` and `forbid_tags`";
            return self.note(&here.place, ShapeError::Empty { want });
        }
        let want = "at least one tag such as v*";
        let digest = self.optional(&map, "digest", Self::yes);
        let tags = self.optional(&map, "tags", |reader, here| reader.tags(here, want));
        let forbid_tags = self.optional(&map, "forbid_tags", |reader, here| reader.tags(here, want));
        Some(ReferenceEntry {
            digest: digest?.is_some(),
            tags: tags?,
            forbid_tags: forbid_tags?.unwrap_or_default(),
        })
    }

    fn tags(&mut self, here: &Here<'_>, want: &'static str) -> Option<Vec<At<String>>> {
        let tags = self.texts(here, want)?;
        let good = |tag: &str| {
            (1..=128).contains(&tag.len())
                && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-*".contains(&byte))
        };
        match tags.iter().find(|tag| !good(&tag.value)) {
            Some(tag) => {
                let want = "a pattern of tags: letters, digits, `_`, `.`, `-`, and `*` for any of them";
                self.note(&tag.place, ShapeError::Value { want, got: tag.value.clone() })
            }
            None => Some(tags),
        }
    }

    fn signature(&mut self, here: &Here<'_>) -> Option<SignatureEntry> {
        let map = self.map(here, &["by", "identity", "annotations"])?;
        let by = self.required(&map, "by").and_then(|here| self.expression(&here));
        let identity = self.optional(&map, "identity", |reader, here| match reader.text(here)?.as_str() {
            "ignore" => Some(IdentityEntry::Ignore),
            "repository" => Some(IdentityEntry::Repository),
            other => {
                let got = other.to_owned();
                reader.note(&here.place, ShapeError::Value { want: "`repository` or `ignore`", got })
            }
        });
        let annotations = self.optional(&map, "annotations", |reader, here| {
            let Value::Map(entries) = &here.node.value else {
                return reader.wrong_type(here, "a map of texts");
            };
            let pairs: Vec<_> = entries
                .iter()
                .map(|(key, node)| {
                    let path = below(&here.place.path, &key.name);
                    let value = reader.text(&Here { node, place: Place { at: node.at, path } });
                    Some((key.name.clone(), value?))
                })
                .collect();
            if pairs.is_empty() {
                let want = "at least one annotation, or no `annotations`";
                return reader.note(&here.place, ShapeError::Empty { want });
            }
            pairs.into_iter().collect::<Option<Vec<_>>>()
        });
        Some(SignatureEntry {
            by: by?,
            identity: identity?.unwrap_or(IdentityEntry::Repository),
            annotations: annotations?.unwrap_or_default(),
        })
    }

    fn sbom(&mut self, here: &Here<'_>) -> Option<SbomEntry> {
        let map = self.map(here, &["by", "formats", "min_components"])?;
        let by = self.required(&map, "by").and_then(|here| self.expression(&here));
        let formats = self.optional(&map, "formats", |reader, here| {
            let names = reader.texts(here, "at least one of `spdx-2` and `cyclonedx`")?;
            let formats: Vec<_> = names
                .into_iter()
                .map(|name| match name.value.as_str() {
                    "spdx-2" => Some(SbomFormatEntry::Spdx2),
                    "cyclonedx" => Some(SbomFormatEntry::CycloneDx),
                    _ => {
                        let want = "`spdx-2` or `cyclonedx`";
                        reader.note(&name.place, ShapeError::Value { want, got: name.value })
                    }
                })
                .collect();
            formats.into_iter().collect()
        });
        let min_components = self.optional(&map, "min_components", Self::positive);
        Some(SbomEntry {
            by: by?,
            formats: formats?,
            min_components: min_components?.map(|minimum| minimum.value),
        })
    }

    fn attestation(&mut self, here: &Here<'_>) -> Option<AttestationEntry> {
        let map = self.map(here, &["type", "by"])?;
        let by = self.required(&map, "by").and_then(|here| self.expression(&here));
        let predicate_type = self.required(&map, "type").and_then(|here| {
            let text = self.text(&here)?;
            // RFC 3986 §3: a scheme, a colon, and no spaces.
            let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
                !rest.is_empty()
                    && scheme.starts_with(|char: char| char.is_ascii_alphabetic())
                    && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
            });
            if scheme && text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 2000 {
                return Some(At { value: text, place: here.place });
            }
            self.note(
                &here.place,
                ShapeError::Value { want: "a URI such as https://slsa.dev/provenance/v1", got: text },
            )
        });
        Some(AttestationEntry { predicate_type: predicate_type?, by: by? })
    }

    fn expression(&mut self, here: &Here<'_>) -> Option<ExpressionEntry> {
        let place = here.place.clone();
        if let Value::Text(_) = here.node.value {
            return Some(ExpressionEntry::One(self.id(here)?));
        }
        if !matches!(here.node.value, Value::Map(_)) {
            return self
                .wrong_type(here, "a signer's name, or a map with `threshold` and `of`, `all`, or `any`");
        }
        let map = self.map(here, &["threshold", "of", "all", "any"])?;
        let ids = |reader: &mut Self, here: &Here<'_>| {
            let ids = reader.list(here, "at least one signer", Self::id)?;
            reader.distinct(ids)
        };
        let all = self.optional(&map, "all", ids);
        let any = self.optional(&map, "any", ids);
        let of = self.optional(&map, "of", ids);
        let threshold = self.optional(&map, "threshold", Self::positive);
        Some(match (all?, any?, of?, threshold?) {
            (Some(all), None, None, None) => ExpressionEntry::All(all),
            (None, Some(any), None, None) => ExpressionEntry::Any(any),
            (None, None, Some(of), Some(threshold)) => ExpressionEntry::Threshold { threshold, of },
            (None, None, Some(_), None) => {
                return self.note(&place, ShapeError::Missing { key: "threshold" });
            }
            (None, None, None, Some(_)) => return self.note(&place, ShapeError::Missing { key: "of" }),
            _ => {
                let found = map.count(&["all", "any"]) + usize::from(map.count(&["threshold", "of"]) > 0);
                let keys = "`all`, `any`, and `threshold` with `of`";
                return self.note(&place, ShapeError::Choice { keys, found });
            }
        })
    }

    fn revoked(&mut self, here: &Here<'_>) -> Option<RevokedEntry> {
        let choice = ["signer", "key_fingerprint", "identity", "digest", "attestation"];
        let map = self.map(here, &[&choice[..], &["keep_earlier", "reason", "at"]].concat())?;
        let found = map.count(&choice);
        let signer = self.optional(&map, "signer", Self::id);
        let key = self.optional(&map, "key_fingerprint", Self::sha256);
        let identity = self.optional(&map, "identity", Self::identity);
        let digest = self.optional(&map, "digest", Self::sha256);
        let attestation = self.optional(&map, "attestation", Self::sha256);
        let keep =
            self.optional(&map, "keep_earlier", |reader, here| reader.yes(here).map(|()| here.place.clone()));
        let reason = self.required(&map, "reason").and_then(|here| self.reason(&here));
        let at = self.required(&map, "at").and_then(|here| self.time(&here));
        let keep = keep?;
        let (signer, key, identity) = (signer?, key?, identity?);
        let who = signer.map(RevokedWho::Name).or(key.map(|key| RevokedWho::Key(key.value))).or(identity);
        let what = match (found, who, digest?, attestation?) {
            (1, Some(who), _, _) => RevokedWhat::Signer { who, keep_earlier: keep.is_some() },
            (1, _, Some(digest), _) => RevokedWhat::Image(digest.value),
            (1, _, _, Some(digest)) => RevokedWhat::Attestation(digest.value),
            _ => {
                let keys = "`signer`, `key_fingerprint`, `identity`, `digest` and `attestation`";
                return self.note(&map.place, ShapeError::Choice { keys, found });
            }
        };
        // One thing was made once: either it is bad or it is not.
        if let (Some(place), RevokedWhat::Attestation(_) | RevokedWhat::Image(_)) = (&keep, &what) {
            let want = "wanted for one image or attestation; leave `keep_earlier` out";
            return self.note(place, ShapeError::Value { want, got: "true".into() });
        }
        Some(RevokedEntry { what, reason: reason?.value, at: at?.value })
    }

    fn identity(&mut self, here: &Here<'_>) -> Option<RevokedWho> {
        let map = self.map(here, &["issuer", "subject"])?;
        let issuer = self.required(&map, "issuer").and_then(|here| self.value(&here));
        let subject = self.required(&map, "subject").and_then(|here| self.value(&here));
        Some(RevokedWho::Identity { issuer: issuer?, subject: subject? })
    }
}

const POLICY: &[&str] = &[
    "$schema",
    "version",
    "name",
    "description",
    "revision",
    "not_before",
    "expires",
    "trust_roots",
    "signers",
    "baseline",
    "rules",
    "revoked",
];
