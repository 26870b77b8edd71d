//! How one requirement fares.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::Proofs;
use super::count::{Count, Kind, Refusal};
use super::decision::NodeKind;
use super::pattern::normal_host;
use super::{
    Evidence, Expression, Ground, NameInside, Node, PlatformImage, Policy, Request, Requirement, SbomFormat,
    Verdict, code, sbom,
};
use crate::base::{Digest, Printable, Reference, Repository, Tag, Timestamp, fits_stars};
use crate::format::statement::predicate_type_matches;
use crate::verify::{Attested, Signed, check_attestation, check_signature};

/// Everything that requirements look at.
pub(super) struct Inquiry<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a Request,
    pub(super) evidence: &'a Evidence,
    pub(super) now: Timestamp,
    pub(super) proofs: &'a Proofs,
}

impl Inquiry<'_> {
    /// The node of a requirement, and the proofs that it rests on.
    pub(super) fn ask(&self, requirement: &Requirement) -> (Node, Vec<Ground>) {
        match requirement {
            Requirement::Attestation { predicate_type, by } => {
                let name = format!("attestation {} by {}", Printable(predicate_type), self.name(by));
                self.statements(name, by, &|attested| {
                    of_type(attested, predicate_type)?;
                    Ok(String::new())
                })
            }
            Requirement::ReferenceDigest => (self.written_digest(), Vec::new()),
            Requirement::ReferenceForbidTags { patterns } => (self.forbidden_tag(patterns), Vec::new()),
            Requirement::ReferenceTags { patterns } => (self.allowed_tag(patterns), Vec::new()),
            Requirement::Sbom { by, formats, min_components } => {
                let name = format!("sbom by {}", self.name(by));
                self.statements(name, by, &|attested| is_sbom(attested, formats, *min_components))
            }
            Requirement::Signature { by, identity, annotations } => {
                let name = format!("signature by {}", self.name(by));
                let kind = Kind {
                    check: &check_signature,
                    memory: &self.proofs.signed,
                    authorship: &Signed::authorship,
                    accept: &|signed| {
                        has_annotations(signed, annotations)?;
                        self.has_identity(signed, *identity)
                    },
                };
                let count = self.count(by, self.request.digest, &kind);
                let (node, proofs) = self.judge(name, NodeKind::Signature, by, count);
                (node, proofs.into_iter().map(|(signer, proof)| Ground::Signed { signer, proof }).collect())
            }
        }
    }

    /// A demand for statements: about the image, or else about each image of its index.
    fn statements(
        &self,
        name: String,
        by: &Expression,
        accept: &dyn Fn(&Attested) -> Result<String, Refusal>,
    ) -> (Node, Vec<Ground>) {
        let ask = |name: String, image: Digest| {
            let kind = Kind {
                check: &check_attestation,
                memory: &self.proofs.attested,
                authorship: &Attested::authorship,
                accept,
            };
            let count = self.count(by, image, &kind);
            let (node, proofs) = self.judge(name, NodeKind::Statement, by, count);
            let grounds = proofs.into_iter().map(|(signer, proof)| Ground::Attested { signer, proof });
            (node, grounds.collect::<Vec<_>>())
        };
        let (mut node, mut grounds) = ask(name, self.request.digest);
        if node.verdict == Verdict::Pass || self.request.platforms.is_empty() {
            return (node, grounds);
        }
        for platform in &self.request.platforms {
            let (child, proofs) = ask(platform_name(platform), platform.digest);
            node.children.push(child);
            grounds.extend(proofs);
        }
        let all = |verdict: Verdict| node.children.iter().all(|child| child.verdict == verdict);
        if all(Verdict::Pass) {
            node.verdict = Verdict::Pass;
            node.code = None;
            node.detail = format!("for each of {} platforms", node.children.len());
        } else if node.verdict == Verdict::Fail
            && node.children.iter().any(|child| child.verdict == Verdict::Pass)
        {
            node.code = Some(code::PLATFORM);
            "neither about the index nor about each of its platforms".clone_into(&mut node.detail);
        }
        (node, grounds)
    }

    fn judge<P>(
        &self,
        requirement: String,
        kind: NodeKind,
        by: &Expression,
        count: Count<P>,
    ) -> (Node, Vec<(String, Arc<P>)>) {
        let names: Vec<&str> = count.accepted.iter().map(|(name, _)| name.as_str()).collect();
        let (reached, needed) = (names.len(), by.needed);
        let names = names.join(", ");
        let candidates = count.reports.iter().filter(|report| report.digest.is_some()).count();
        let (verdict, code, detail) = if reached >= needed && needed > 0 {
            (Verdict::Pass, None, format!("signed by {names}"))
        } else if let Some(gap) = self.evidence.gaps.first() {
            let detail = format!("{} could not be read: {}", gap.what, gap.reason);
            (Verdict::Unknown, Some(code::NOT_FETCHED), detail)
        } else if reached > 0 {
            let detail = format!("{reached} of {needed} needed signers: {names}");
            (Verdict::Fail, Some(code::THRESHOLD), detail)
        } else if candidates > 0 {
            let detail = format!("of {candidates} attached, none counts");
            (Verdict::Fail, Some(code::NOTHING_COUNTS), detail)
        } else {
            (Verdict::Fail, Some(code::NOTHING_FOUND), "nothing is attached".to_owned())
        };
        let children = Vec::new();
        let node = Node { requirement, verdict, code, detail, reports: count.reports, children, kind };
        (node, count.accepted)
    }

    fn name(&self, by: &Expression) -> String {
        let names: Vec<&str> = by
            .of
            .iter()
            .filter_map(|index| self.policy.signer(*index))
            .map(|signer| signer.id.as_str())
            .collect();
        match (by.needed, names.as_slice()) {
            (1, [name]) => (*name).to_owned(),
            (1, _) => format!("any of {}", names.join(", ")),
            (needed, _) if needed == names.len() => format!("all of {}", names.join(", ")),
            (needed, _) => format!("{needed} of {}", names.join(", ")),
        }
    }

    /// The name inside must be this repository. cosign 3 writes none into its statements: then the digest alone binds.
    fn has_identity(&self, signed: &Signed, identity: NameInside) -> Result<String, Refusal> {
        let Some(inside) = signed.repository() else { return Ok("no name inside".to_owned()) };
        if identity == NameInside::Ignore {
            return Ok(format!("signed as {}", Printable(inside)));
        }
        let refuse = |detail| Err(Refusal { code: code::IDENTITY, detail });
        let Some(wanted) = &self.request.repository else {
            return refuse(format!("signed as {}, but this image has no repository", Printable(inside)));
        };
        // Some signers write a tag behind the name.
        let named = inside.parse::<Reference>().map(|reference| reference.repository().clone());
        if named.is_ok_and(|named| same_repository(&named, wanted)) {
            return Ok(String::new());
        }
        refuse(format!("signed as {}, not as {wanted}", Printable(inside)))
    }

    fn written_digest(&self) -> Node {
        match self.request.written {
            Some(_) => fact("reference.digest", Verdict::Pass, None, String::new()),
            None => {
                let detail = "the reference has no digest".to_owned();
                fact("reference.digest", Verdict::Fail, Some(code::NO_DIGEST), detail)
            }
        }
    }

    fn allowed_tag(&self, patterns: &[String]) -> Node {
        let name = format!("reference.tags {}", patterns.join(", "));
        match &self.request.tag {
            Some(tag) if fits_any(patterns, tag) => fact(&name, Verdict::Pass, None, tag.to_string()),
            Some(tag) => {
                let detail = format!("the tag is {tag}");
                fact(&name, Verdict::Fail, Some(code::TAG_NOT_ALLOWED), detail)
            }
            None => {
                let detail = "the reference has no tag".to_owned();
                fact(&name, Verdict::Fail, Some(code::TAG_NOT_ALLOWED), detail)
            }
        }
    }

    fn forbidden_tag(&self, patterns: &[String]) -> Node {
        let name = format!("reference.forbid_tags {}", patterns.join(", "));
        match self.request.tag.as_ref().filter(|tag| fits_any(patterns, tag)) {
            Some(tag) => {
                let detail = format!("the tag is {tag}");
                fact(&name, Verdict::Fail, Some(code::TAG_FORBIDDEN), detail)
            }
            None => fact(&name, Verdict::Pass, None, String::new()),
        }
    }
}

/// A node about something that is known without evidence.
pub(super) fn fact(requirement: &str, verdict: Verdict, code: Option<&'static str>, detail: String) -> Node {
    Node {
        requirement: requirement.to_owned(),
        verdict,
        code,
        detail,
        reports: Vec::new(),
        children: Vec::new(),
        kind: NodeKind::Fact,
    }
}

fn same_repository(one: &Repository, other: &Repository) -> bool {
    let host = |repository: &Repository| normal_host(repository.registry().as_str()).to_owned();
    host(one) == host(other) && one.path() == other.path()
}

fn has_annotations(signed: &Signed, wanted: &BTreeMap<String, String>) -> Result<(), Refusal> {
    for (key, value) in wanted {
        let (key, found) = (Printable(key), signed.annotations().get(key));
        let detail = match found {
            Some(found) if found == value => continue,
            Some(found) => format!("the signed annotation {key} is `{}`", Printable(found)),
            None => format!("the annotation {key} is not signed"),
        };
        return Err(Refusal { code: code::ANNOTATION, detail });
    }
    Ok(())
}

fn of_type(attested: &Attested, wanted: &str) -> Result<(), Refusal> {
    let found = attested.predicate_type();
    if predicate_type_matches(wanted, found) {
        return Ok(());
    }
    let detail = format!("it is an attestation of type {}", Printable(found));
    Err(Refusal { code: code::PREDICATE_TYPE, detail })
}

fn is_sbom(attested: &Attested, formats: &[SbomFormat], least: u64) -> Result<String, Refusal> {
    let found = attested.predicate_type();
    let Some(format) = sbom::format_of(found) else {
        let detail = format!("it is an attestation of type {}, not an SBOM", Printable(found));
        return Err(Refusal { code: code::PREDICATE_TYPE, detail });
    };
    if !formats.contains(&format) {
        let detail = format!("it is an SBOM in the format {}", format.name());
        return Err(Refusal { code: code::SBOM_FORMAT, detail });
    }
    let components = sbom::components(format, attested.predicate()).map_err(|error| {
        let detail = Printable(&error.to_string()).to_string();
        Refusal { code: code::SBOM_MALFORMED, detail }
    })?;
    if (components as u64) < least {
        let detail = format!("the SBOM lists {components} components, fewer than {least}");
        return Err(Refusal { code: code::SBOM_TOO_SMALL, detail });
    }
    Ok(format!("{}, {components} components", format.name()))
}

fn platform_name(image: &PlatformImage) -> String {
    match &image.platform {
        // From an index, which anybody may have written.
        Some(platform) => format!("{} {}", Printable(&platform.to_string()), image.digest),
        None => image.digest.to_string(),
    }
}

fn fits_any(patterns: &[String], tag: &Tag) -> bool {
    patterns.iter().any(|pattern| fits_stars(pattern, tag.as_str()))
}
