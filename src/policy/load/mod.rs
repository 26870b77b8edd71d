//! From a policy file to a policy: what a schema cannot say. Nothing stops at the first problem.

mod signer;

use std::collections::BTreeMap;
use std::error::Error;

use super::pattern::Pattern;
use super::{
    Edition, Expression, Images, NameInside, NamedSigner, Policy, PolicyError, PolicyProblem,
    PolicyProblemKind as Kind, Requirement, Revoked, RevokedWhat, RevokedWho, Rule, RuleRuling, SbomFormat,
};
use crate::base::{IdentityMatcher, TextMatcher, Timestamp};
use crate::format::policy::{
    At, ExpressionEntry, IdentityEntry, Place, ReferenceEntry, RequireEntry, RevokedEntry,
    RevokedWhat as RevokedWhatEntry, RevokedWho as RevokedWhoEntry, RuleEntry, RulingEntry, SbomFormatEntry,
    UnvalidatedPolicy,
};
use crate::format::statement::SIGN_PREDICATE;
use crate::verify::Signer;
use signer::ReadFile;

impl UnvalidatedPolicy {
    /// Resolves every name, compiles every pattern and reads every key and trusted root; reports all problems at once. `read` reads a
    /// file, named relative to the policy's folder.
    pub fn validate<E: Error + Send + Sync + 'static>(
        self,
        read: ReadFile<'_, E>,
    ) -> Result<Policy, PolicyError> {
        let mut loader = Loader { problems: Vec::new(), names: BTreeMap::new() };
        loader.window(self.not_before.as_ref(), Some(&self.expires));
        let mut roots = loader.roots(&self.trust_roots, read);
        let signers = loader.signers(&self.signers, &mut roots, read);
        loader.unused(&self.trust_roots, &roots);
        let baseline = self.baseline.as_ref().map(|entry| loader.require(entry)).unwrap_or_default();
        let proves = baseline.iter().any(Requirement::is_evidence);
        let rules: Vec<_> = self.rules.iter().map(|rule| loader.rule(rule, proves)).collect();
        loader.overlaps(&self.rules, &rules);
        let revoked = self.revoked.iter().filter_map(|entry| loader.revoked(entry, &signers)).collect();
        if !loader.problems.is_empty() {
            loader.problems.sort_by_key(|problem| problem.place.at);
            return Err(PolicyError { problems: loader.problems });
        }
        Ok(Policy {
            name: self.name,
            edition: Some(Edition {
                revision: self.revision,
                digest: self.digest,
                not_before: self.not_before.map(|time| time.value),
                expires: self.expires.value,
            }),
            roots: roots.into_named(),
            signers,
            baseline,
            rules,
            revoked,
        })
    }
}

struct Loader {
    problems: Vec<PolicyProblem>,
    /// Every signer's name, and its place in the list. A signer with a problem has a name too: using it is not a second problem.
    names: BTreeMap<String, usize>,
}

impl Loader {
    fn note(&mut self, place: &Place, kind: Kind) {
        self.problems.push(PolicyProblem { place: place.clone(), kind });
    }

    fn window(&mut self, start: Option<&At<Timestamp>>, end: Option<&At<Timestamp>>) {
        if let (Some(start), Some(end)) = (start, end)
            && start.value >= end.value
        {
            self.note(&end.place, Kind::Window);
        }
    }

    fn rule(&mut self, entry: &RuleEntry, baseline_proves: bool) -> Rule {
        let images = self.patterns(&entry.images);
        let except = self.patterns(&entry.except);
        for (place, except) in &except {
            if !images.iter().any(|(_, image)| image.covers(except)) {
                self.note(place, Kind::ExceptNothing);
            }
            if let Some((place_of_image, _)) = images.iter().find(|(_, image)| except.covers(image)) {
                let pattern = text_at(&entry.images, place_of_image);
                self.note(place, Kind::ExceptAll { pattern });
            }
        }
        let ruling = match &entry.ruling {
            RulingEntry::Deny { reason } => RuleRuling::Deny { reason: reason.clone() },
            RulingEntry::AllowUnverified { place, reason, expires, digests } => {
                if images.iter().any(|(_, image)| image.has_wildcard_host()) {
                    self.note(place, Kind::UnverifiedWildcard);
                }
                let (reason, digests) = (reason.clone(), digests.clone());
                RuleRuling::AllowUnverified { reason, expires: *expires, digests }
            }
            RulingEntry::Require(require) => {
                let requirements = self.require(require);
                if !baseline_proves && !requirements.iter().any(Requirement::is_evidence) {
                    self.note(&require.place, Kind::NoEvidence);
                }
                RuleRuling::Require(requirements)
            }
        };
        let bare =
            |patterns: Vec<(Place, Pattern)>| patterns.into_iter().map(|(_, pattern)| pattern).collect();
        let name = entry.name.value.clone();
        Rule { name, images: Images::Matching(bare(images)), except: bare(except), ruling }
    }

    fn patterns(&mut self, texts: &[At<String>]) -> Vec<(Place, Pattern)> {
        let mut patterns = Vec::<(Place, Pattern)>::new();
        for text in texts {
            match Pattern::parse(&text.value) {
                Ok(pattern) if patterns.iter().any(|(_, other)| *other == pattern) => {
                    self.note(&text.place, Kind::RepeatedPattern);
                }
                Ok(pattern) => patterns.push((text.place.clone(), pattern)),
                Err(error) => self.note(&text.place, error.into()),
            }
        }
        patterns
    }

    /// Two patterns of the same rank that match one name are the same pattern (see the tests of `pattern`), so this is all it takes for
    /// every name to have one rule.
    fn overlaps(&mut self, entries: &[RuleEntry], rules: &[Rule]) {
        let mut names = BTreeMap::<&str, &Place>::new();
        let mut seen = BTreeMap::<Pattern, &str>::new();
        for (entry, rule) in entries.iter().zip(rules) {
            if names.insert(&entry.name.value, &entry.name.place).is_some() {
                self.note(&entry.name.place, Kind::RepeatedRule);
            }
            let mut own = BTreeMap::new();
            for text in &entry.images {
                let Ok(pattern) = Pattern::parse(&text.value) else { continue };
                if let Some(other) = seen.get(&pattern) {
                    self.note(&text.place, Kind::Overlap { other: (*other).to_owned() });
                }
                own.insert(pattern, rule.name.as_str());
            }
            seen.extend(own);
        }
    }

    fn require(&mut self, entry: &RequireEntry) -> Vec<Requirement> {
        let mut requirements = entry.reference.as_ref().map(reference).unwrap_or_default();
        if let Some(signature) = &entry.signature {
            requirements.push(Requirement::Signature {
                by: self.expression(&signature.by),
                identity: match signature.identity {
                    IdentityEntry::Ignore => NameInside::Ignore,
                    IdentityEntry::Repository => NameInside::Repository,
                },
                annotations: signature.annotations.iter().cloned().collect(),
            });
        }
        if let Some(sbom) = &entry.sbom {
            let format = |entry: &SbomFormatEntry| match entry {
                SbomFormatEntry::CycloneDx => SbomFormat::CycloneDx,
                SbomFormatEntry::Spdx2 => SbomFormat::Spdx2,
            };
            let any = vec![SbomFormat::Spdx2, SbomFormat::CycloneDx];
            requirements.push(Requirement::Sbom {
                by: self.expression(&sbom.by),
                formats: sbom.formats.as_ref().map_or(any, |formats| formats.iter().map(format).collect()),
                // An SBOM that lists nothing says nothing.
                min_components: sbom.min_components.unwrap_or(1),
            });
        }
        for attestation in &entry.attestations {
            if attestation.predicate_type.value == SIGN_PREDICATE {
                self.note(&attestation.predicate_type.place, Kind::AttestationOfSignature);
            }
            let by = self.expression(&attestation.by);
            requirements.push(Requirement::Attestation {
                predicate_type: attestation.predicate_type.value.clone(),
                by,
            });
        }
        requirements
    }

    fn expression(&mut self, entry: &ExpressionEntry) -> Expression {
        let (needed, names) = match entry {
            ExpressionEntry::All(names) => (names.len(), names.as_slice()),
            ExpressionEntry::Any(names) => (1, names.as_slice()),
            ExpressionEntry::One(name) => (1, std::slice::from_ref(name)),
            ExpressionEntry::Threshold { threshold, of } => {
                let needed = usize::try_from(threshold.value).unwrap_or(usize::MAX);
                if needed > of.len() {
                    let kind = Kind::Threshold { threshold: threshold.value, names: of.len() };
                    self.note(&threshold.place, kind);
                }
                (needed, of.as_slice())
            }
        };
        let mut of = Vec::new();
        for name in names {
            match self.names.get(&name.value) {
                Some(index) => of.push(*index),
                None => self.note(&name.place, Kind::UnknownSigner { name: name.value.clone() }),
            }
        }
        Expression { needed, of }
    }

    fn revoked(&mut self, entry: &RevokedEntry, signers: &[NamedSigner]) -> Option<Revoked> {
        let what = match &entry.what {
            RevokedWhatEntry::Attestation(digest) => RevokedWhat::Attestation(*digest),
            RevokedWhatEntry::Image(digest) => RevokedWhat::Image(*digest),
            RevokedWhatEntry::Signer { who, keep_earlier } => {
                let who = self.revoked_who(who, signers)?;
                RevokedWhat::Signer { who, keep_earlier: *keep_earlier }
            }
        };
        Some(Revoked { what, reason: entry.reason.clone(), at: entry.at })
    }

    fn revoked_who(&mut self, entry: &RevokedWhoEntry, signers: &[NamedSigner]) -> Option<RevokedWho> {
        Some(match entry {
            RevokedWhoEntry::Identity { issuer, subject } => {
                let matcher = TextMatcher::equals(&subject.value)
                    .and_then(|subject| IdentityMatcher::new(&issuer.value, subject));
                if let Err(error) = matcher {
                    self.note(&issuer.place, Kind::Matcher(error));
                }
                RevokedWho::Identity { issuer: issuer.value.clone(), subject: subject.value.clone() }
            }
            RevokedWhoEntry::Key(fingerprint) => RevokedWho::Key(*fingerprint),
            RevokedWhoEntry::Name(name) => {
                if !self.names.contains_key(&name.value) {
                    self.note(&name.place, Kind::UnknownSigner { name: name.value.clone() });
                }
                match &signers.iter().find(|signer| signer.id == name.value)?.signer {
                    Signer::Identity(signer) => RevokedWho::Matching(Box::new(signer.identity.clone())),
                    Signer::Key(key) => RevokedWho::Key(key.fingerprint()),
                    Signer::WitnessedKey(witnessed) => RevokedWho::Key(witnessed.key.fingerprint()),
                }
            }
        })
    }
}

fn reference(entry: &ReferenceEntry) -> Vec<Requirement> {
    let texts = |tags: &[At<String>]| tags.iter().map(|tag| tag.value.clone()).collect();
    let mut requirements = Vec::new();
    if entry.digest {
        requirements.push(Requirement::ReferenceDigest);
    }
    if let Some(tags) = &entry.tags {
        requirements.push(Requirement::ReferenceTags { patterns: texts(tags) });
    }
    if !entry.forbid_tags.is_empty() {
        requirements.push(Requirement::ReferenceForbidTags { patterns: texts(&entry.forbid_tags) });
    }
    requirements
}

fn text_at(texts: &[At<String>], place: &Place) -> String {
    texts.iter().find(|text| text.place == *place).map(|text| text.value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests read the corpus")]

    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::format::policy::to_json;

    fn folder(name: &str) -> Vec<(String, String)> {
        let folder = corpus().join(name);
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
            .collect();
        files.sort();
        assert!(!files.is_empty());
        files
    }

    fn corpus() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/policy")
    }

    fn load(text: &str) -> Result<Policy, Vec<(String, &'static str, String)>> {
        let policy = UnvalidatedPolicy::parse(text).map_err(|error| {
            let problem = |problem: &crate::format::policy::ShapeProblem| {
                (problem.place.at.to_string(), problem.code(), problem.to_string())
            };
            error.problems().iter().map(problem).collect::<Vec<_>>()
        })?;
        let read = |path: &Path| fs::read(corpus().join(path));
        policy.validate(&read).map_err(|error| {
            let problem =
                |problem: &PolicyProblem| (problem.place.at.to_string(), problem.code(), problem.to_string());
            error.problems().iter().map(problem).collect()
        })
    }

    fn schema() -> jsonschema::Validator {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/trust-policy.v1.schema.json");
        let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    #[test]
    fn good_policies_load_and_fit_the_schema() {
        let schema = schema();
        for (file, text) in folder("good") {
            let loaded = load(&text);
            assert!(loaded.is_ok(), "{file}: {loaded:?}");
            let errors: Vec<_> =
                schema.iter_errors(&to_json(&text).unwrap()).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{file}: {errors:?}");
        }
    }

    /// First line of each file: `# schema` if the schema refuses it too, `# loader` if only the loader can tell, `# yaml` if a schema never
    /// sees it; then every problem as `code line:column`.
    #[test]
    fn bad_policies_are_refused_for_the_reason_they_state() {
        let schema = schema();
        let mut wrong = Vec::new();
        for (file, text) in folder("bad") {
            let head = text.lines().next().unwrap();
            let Err(problems) = load(&text) else {
                wrong.push(format!("{file} loads"));
                continue;
            };
            let refused_by = match to_json(&text) {
                Some(json) if schema.is_valid(&json) => "loader",
                Some(_) => "schema",
                None => "yaml",
            };
            let mut found = format!("# {refused_by}");
            for (at, code, _) in &problems {
                found.push_str(&format!(" {code} {at}"));
            }
            if head != found {
                wrong.push(format!("{file}: {found}, not {head}: {problems:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn pointers(value: &serde_json::Value, pointer: &str, into: &mut Vec<String>) {
        into.push(pointer.to_owned());
        if let Some(map) = value.as_object() {
            map.iter().for_each(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{pointer}/{key}"), into);
            });
        }
        for (at, value) in value.as_array().into_iter().flatten().enumerate() {
            pointers(value, &format!("{pointer}/{at}"), into);
        }
    }

    /// Whoever checks a policy with the schema, in an editor say, learns the same as from us: with each value replaced by another, and with
    /// each key left out, both refuse or neither does.
    #[test]
    fn schema_and_reader_agree_about_changed_policies() {
        use serde_json::json;
        let schema = schema();
        let mut differ = Vec::new();
        // The others say less.
        let wanted = |file: &str| file.ends_with("full.yaml") || file.ends_with("keyless.yaml");
        for (file, text) in folder("good").into_iter().filter(|(file, _)| wanted(file)) {
            let good = to_json(&text).unwrap();
            let mut all = Vec::new();
            pointers(&good, "", &mut all);
            let mut agree = |changed: &serde_json::Value, what: String| {
                // Of what only the loader knows, the schema knows patterns.
                let read = |path: &Path| fs::read(corpus().join(path));
                let is_pattern = |problem: &PolicyProblem| matches!(problem.kind, Kind::Pattern(_));
                let refused = match UnvalidatedPolicy::parse(&changed.to_string()) {
                    Err(_) => true,
                    Ok(_) if !what.contains("/images") && !what.contains("/except") => false,
                    Ok(policy) => {
                        policy.validate(&read).is_err_and(|error| error.problems().iter().any(is_pattern))
                    }
                };
                if schema.is_valid(changed) == refused {
                    differ.push(format!("{file}: {what}: refused here: {refused}"));
                }
            };
            for pointer in &all {
                for other in [
                    json!(null),
                    json!(true),
                    json!(false),
                    json!(0),
                    json!(1),
                    json!("x"),
                    json!(""),
                    json!([]),
                    json!(["x"]),
                    json!({}),
                    json!({"x": 1}),
                ] {
                    let mut changed = good.clone();
                    *changed.pointer_mut(pointer).unwrap() = other.clone();
                    agree(&changed, format!("{pointer} is {other}"));
                }
                let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
                let key = key.replace("~1", "/").replace("~0", "~");
                let mut changed = good.clone();
                if let Some(map) = changed.pointer_mut(parent).and_then(|parent| parent.as_object_mut()) {
                    map.remove(&key);
                    agree(&changed, format!("{pointer} is left out"));
                }
            }
        }
        assert!(differ.is_empty(), "{}", differ.join("\n"));
    }

    /// Each claim that there is, and no other, to the schema as to the reader.
    #[test]
    fn schema_and_reader_know_the_same_claims() {
        let schema = schema();
        let files = folder("good");
        let (_, text) = files.iter().find(|(file, _)| file.ends_with("keyless.yaml")).unwrap();
        let good = to_json(text).unwrap();
        let claims = "/signers/gha-release/keyless/claims";
        let all: Vec<&str> = crate::base::Claim::all().map(crate::base::Claim::name).collect();
        assert!(all.len() > 20);
        for (name, is_known) in all.iter().map(|name| (*name, true)).chain([("issuer", false), ("", false)]) {
            let mut policy = good.clone();
            *policy.pointer_mut(claims).unwrap() = serde_json::json!({ name: "x" });
            assert_eq!(schema.is_valid(&policy), is_known, "schema: {name}");
            assert_eq!(UnvalidatedPolicy::parse(&policy.to_string()).is_ok(), is_known, "reader: {name}");
        }
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../schemas/trust-policy.v1.schema.json")).unwrap();
        let named = schema.pointer("/$defs/keyless/properties/claims/properties").unwrap();
        assert_eq!(named.as_object().unwrap().len(), all.len());
    }

    #[test]
    fn every_code_of_a_policy_file_has_a_bad_policy() {
        let all: String = folder("bad").iter().filter_map(|(_, text)| text.lines().next()).collect();
        for code in [
            "01", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18",
            "19", "20", "21", "22", "23", "24", "25", "26",
        ] {
            assert!(all.contains(&format!("PLM-P{code} ")), "{code}");
        }
    }

    #[test]
    fn a_policy_that_is_no_text_says_where() {
        for (bytes, at, offset) in [
            (&b"version: 1\nname: \xff"[..], "2:7", "byte 17 "),
            (b"\xc3\xa9\xc3", "1:2", "byte 2 "),
            (b"\xff", "1:1", "byte 0 "),
        ] {
            let error = UnvalidatedPolicy::read(bytes).unwrap_err();
            let [problem] = error.problems() else { panic!("{error:?}") };
            assert_eq!((problem.place.at.to_string().as_str(), problem.code()), (at, "PLM-P01"));
            assert!(problem.to_string().contains(offset), "{problem}");
        }
    }

    #[test]
    fn the_digest_is_of_the_meaning() {
        let digest = |text: &str| load(text).unwrap().edition.unwrap().digest;
        let files = folder("good");
        let text = |name: &str| files.iter().find(|(file, _)| file.ends_with(name)).unwrap().1.clone();
        let (yaml, json) = (text("minimal.yaml"), text("policy.json"));
        assert_eq!(digest(&yaml), digest(&json));
        assert_eq!(digest(&yaml), digest(&format!("# a comment\n{yaml}")));
        assert_ne!(digest(&yaml), digest(&yaml.replace("revision: 3", "revision: 4")));
    }

    // A demand or a revocation may be said twice; nothing else may.
    #[test]
    fn a_line_that_stands_twice_is_refused() {
        let files = folder("good");
        let (_, full) = files.iter().find(|(file, _)| file.ends_with("full.yaml")).unwrap();
        let lines: Vec<&str> = full.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let mut doubled = lines.clone();
            doubled.insert(at, line);
            let harmless = line.trim_start().starts_with("- {") || line.ends_with("a policy can say.");
            assert_eq!(load(&doubled.join("\n")).is_ok(), harmless, "{line}");
        }
    }

    #[test]
    fn a_policy_cut_short_is_an_answer() {
        let files = folder("good");
        let (_, full) = files.iter().find(|(file, _)| file.ends_with("full.yaml")).unwrap();
        let whole = load(full).unwrap().edition.unwrap().digest;
        for start in (0..full.trim_end().len()).filter_map(|at| full.get(..at)) {
            // What is missing shows in the digest at least.
            assert!(
                load(start).is_ok_and(|policy| policy.edition.unwrap().digest != whole)
                    || load(start).is_err()
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(at in 0usize..2000, with in "[-a:{}\\[\\],&*!|>'\"#%? \n~0é]{0,6}") {
            let files = folder("good");
            let (_, full) = files.iter().find(|(file, _)| file.ends_with("full.yaml")).unwrap();
            let mut text = full.clone();
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            text.insert_str(at, &with);
            let _ = load(&text);
        }
    }
}
