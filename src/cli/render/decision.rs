//! Verdicts as text, and `plimsoll.verify/v1`: `schemas/verify.v1.schema.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::quota::QuotaWire;
use crate::base::{Digest, Identity, Printable};
use crate::policy::{
    Accepted, Certainty, Check, Decision, Finding, Node, Policy, Report, Ruling, Verdict, code,
};
use crate::verify::{Author, ProvenTime};

/// The whole answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    policy: PolicyWire,
    as_of: String,
    pub(in crate::cli) images: Vec<ImageWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyWire {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    relaxed: Vec<RelaxedWire>,
}

/// What a trust root leaves out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RelaxedWire {
    root: String,
    skipped: Vec<&'static str>,
}

/// The answer for one image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct ImageWire {
    reference: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    reasons: Vec<ReasonWire>,
    requirements: Vec<NodeWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonWire {
    code: &'static str,
    requirement: String,
    detail: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeWire {
    requirement: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    detail: String,
    candidates: Vec<CandidateWire>,
    platforms: Vec<NodeWire>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    summary: String,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    detail: String,
}

/// Who signed what and when, and what was checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofWire {
    author: AuthorWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    proven_times: Vec<TimeWire>,
    checked: Vec<&'static str>,
    skipped: Vec<&'static str>,
}

/// Who signed: a key, or an identity.
#[derive(Serialize)]
#[serde(untagged)]
enum AuthorWire {
    Identity { issuer: String, subject: String, claims: BTreeMap<&'static str, String>, certificate: String },
    Key { key: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimeWire {
    at: String,
    source: &'static str,
}

impl Answer {
    pub(in crate::cli) fn new(policy: &Policy, as_of: String) -> Self {
        let policy = PolicyWire {
            name: policy.name().to_owned(),
            revision: policy.edition().map(|edition| edition.revision),
            digest: policy.edition().map(|edition| edition.digest.to_string()),
            relaxed: policy
                .relaxed()
                .into_iter()
                .map(|(root, skipped)| RelaxedWire { root: root.to_owned(), skipped: names(&skipped) })
                .collect(),
        };
        Self { schema: "plimsoll.verify/v1", policy, as_of, images: Vec::new(), quotas: Vec::new() }
    }
}

impl ImageWire {
    pub(in crate::cli) fn new(reference: String, digest: Digest, decision: &Decision) -> Self {
        let reasons = match decision.ruling() {
            Ruling::Allow { .. } => Vec::new(),
            Ruling::Deny { reasons, .. } => reasons
                .iter()
                .map(|reason| ReasonWire {
                    code: reason.code,
                    requirement: reason.requirement.clone(),
                    detail: reason.detail.clone(),
                })
                .collect(),
        };
        Self {
            reference,
            verdict: verdict(decision),
            digest: Some(digest.to_string()),
            rule: decision.rule().map(str::to_owned),
            reasons,
            requirements: decision.nodes().iter().map(node_wire).collect(),
            error: None,
        }
    }

    /// An image about which nothing was learnt.
    pub(in crate::cli) fn error(reference: String, error: &dyn std::error::Error) -> Self {
        Self {
            reference,
            verdict: "unknown",
            digest: None,
            rule: None,
            reasons: Vec::new(),
            requirements: Vec::new(),
            error: Some(Printable(&error.to_string()).to_string()),
        }
    }
}

fn verdict(decision: &Decision) -> &'static str {
    match decision.ruling() {
        Ruling::Allow { .. } => "allowed",
        Ruling::Deny { certainty: Certainty::Final, .. } => "denied",
        Ruling::Deny { certainty: Certainty::Open, .. } => "unknown",
    }
}

fn node_wire(node: &Node) -> NodeWire {
    NodeWire {
        requirement: node.requirement.clone(),
        verdict: match node.verdict {
            Verdict::Fail => "fail",
            Verdict::Pass => "pass",
            Verdict::Skipped => "skipped",
            Verdict::Unknown => "unknown",
        },
        code: node.code,
        detail: node.detail.clone(),
        candidates: node.reports.iter().map(candidate_wire).collect(),
        platforms: node.children.iter().map(node_wire).collect(),
    }
}

fn candidate_wire(report: &Report) -> CandidateWire {
    let (proven, code, detail) = match &report.finding {
        Finding::Accepted(accepted) => (Some(accepted), None, &accepted.detail),
        Finding::Spare { code, proof } => (Some(proof), Some(*code), &proof.detail),
        Finding::Refused { code, detail } => (None, Some(*code), detail),
    };
    CandidateWire {
        digest: report.digest.map(|digest| digest.to_string()),
        origin: report.origin.map(|origin| origin.to_string()),
        summary: report.summary.clone(),
        accepted: code.is_none(),
        signer: proven.map(|proven| proven.signer.clone()),
        proof: proven.map(|proven| proof_wire(proven)),
        code,
        detail: detail.clone(),
    }
}

fn proof_wire(accepted: &Accepted) -> ProofWire {
    let time = |it: &ProvenTime| TimeWire { at: it.time.to_string(), source: it.source.name() };
    ProofWire {
        author: match accepted.authorship.author() {
            Author::Identity(certified) => {
                let Identity { issuer, subject, claims } = certified.identity.clone();
                let claims = claims.into_iter().map(|(claim, value)| (claim.name(), value)).collect();
                AuthorWire::Identity {
                    issuer,
                    subject,
                    claims,
                    certificate: certified.certificate.to_string(),
                }
            }
            Author::Key(key) => AuthorWire::Key { key: key.fingerprint().to_string() },
        },
        statement: accepted.statement.map(|digest| digest.to_string()),
        proven_times: accepted.authorship.proven_times().iter().map(time).collect(),
        checked: names(&accepted.checked),
        skipped: names(&accepted.skipped),
    }
}

fn names(checks: &[Check]) -> Vec<&'static str> {
    checks.iter().map(|check| check.name()).collect()
}

/// The verdict on one image as a tree. `image` is its name with the digest.
pub(in crate::cli) fn text(image: &str, policy: &Policy, decision: &Decision, color: bool) -> String {
    let paint = Paint { color };
    let word = match decision.ruling() {
        Ruling::Allow { .. } => paint.green("allowed"),
        Ruling::Deny { certainty: Certainty::Final, .. } => paint.red("denied"),
        Ruling::Deny { certainty: Certainty::Open, .. } => paint.yellow("denied, could not tell:"),
    };
    let image = &Printable(image).to_string();
    let mut out = format!("{word} {image}");
    if let Some(edition) = policy.edition() {
        out.push_str(&format!(" by {} rev {} ({})", policy.name(), edition.revision, short(edition.digest)));
        if let Some(rule) = decision.rule() {
            out.push_str(&format!(", rule {rule}"));
        }
        out.push_str(&format!(", as of {}", decision.now()));
    }
    out.push('\n');
    for (root, skipped) in policy.relaxed() {
        let skipped = names(&skipped).join(", ");
        let whose = policy.edition().map(|_| format!("trust root {root}: ")).unwrap_or_default();
        out.push_str(&format!(" {} {whose}not demanded: {skipped}\n", paint.yellow("!")));
    }
    for node in decision.nodes() {
        paint.node(&mut out, node, " ");
    }
    if let Ruling::Deny { reasons, .. } = decision.ruling()
        && let Some(next) = certified(decision, image)
            .or_else(|| reasons.iter().find_map(|reason| advice(reason.code, image)))
    {
        out.push_str(&format!(" next: {next}\n"));
    }
    out
}

struct Paint {
    color: bool,
}

impl Paint {
    fn node(&self, out: &mut String, node: &Node, indent: &str) {
        let mark = match node.verdict {
            Verdict::Fail => self.red("✗"),
            Verdict::Pass => self.green("✓"),
            Verdict::Skipped => "–".to_owned(),
            Verdict::Unknown => self.yellow("?"),
        };
        let mut line = format!("{indent}{mark} {}", node.requirement);
        if !node.detail.is_empty() {
            line.push_str(&format!(": {}", node.detail));
        }
        finish(out, line, node.code);
        let below = format!("{indent}  ");
        let last = node.reports.len() + node.children.len();
        for (index, report) in node.reports.iter().enumerate() {
            let branch = if index + 1 == last { "└ " } else { "├ " };
            let place = report.origin.map(|origin| format!(" via {origin}")).unwrap_or_default();
            let name = report.digest.map(|digest| format!("{} ", short(digest))).unwrap_or_default();
            let (finding, code) = match &report.finding {
                Finding::Accepted(accepted) => (acceptance(accepted), None),
                Finding::Spare { code, proof } => (acceptance(proof), Some(*code)),
                Finding::Refused { code, detail } => (detail.clone(), Some(*code)),
            };
            finish(out, format!("{below}{branch}{name}{}{place}: {finding}", report.summary), code);
        }
        for child in &node.children {
            self.node(out, child, &below);
        }
    }

    fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.paint("31", text)
    }

    fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `signed by release, me@example.com (https://issuer.example) at 2026-11-23T20:40:00Z by rekor`.
fn acceptance(accepted: &Accepted) -> String {
    let mut text = format!("signed by {}", accepted.signer);
    if let Author::Identity(certified) = accepted.authorship.author() {
        let Identity { issuer, subject, .. } = &certified.identity;
        let (subject, issuer) = (Printable(subject), Printable(issuer));
        // On the command line the signer's name is the subject itself.
        match subject.to_string() == accepted.signer {
            true => text.push_str(&format!(" ({issuer})")),
            false => text.push_str(&format!(", {subject} ({issuer})")),
        }
        let skipped: Vec<_> = names(&accepted.skipped);
        if !skipped.is_empty() {
            text.push_str(&format!(", not checked: {}", skipped.join(", ")));
        }
    }
    if let Some(ProvenTime { time, source }) = accepted.authorship.proven_times().first() {
        text.push_str(&format!(", at {time} by {}", source.name()));
    }
    if !accepted.detail.is_empty() {
        text.push_str(&format!(", {}", accepted.detail));
    }
    text
}

fn finish(out: &mut String, line: String, code: Option<&str>) {
    out.push_str(&line);
    if let Some(code) = code {
        out.push_str(&format!("   {code}"));
    }
    out.push('\n');
}

/// Enough of a digest to find it in a list.
pub(in crate::cli) fn short(digest: Digest) -> String {
    let hex: String = digest.hex().chars().take(12).collect();
    format!("{}:{hex}…", digest.algorithm().name())
}

/// A key was asked about a signature that names an identity.
fn certified(decision: &Decision, image: &str) -> Option<String> {
    let mut reports = decision.nodes().iter().flat_map(|node| &node.reports);
    let is = |report: &Report| matches!(report.finding, Finding::Refused { code: "PLM-S07", .. });
    reports.any(is).then(|| {
        format!("ask who signed it: plimsoll verify --certificate-identity SUBJECT --certificate-oidc-issuer URL {image}")
    })
}

fn advice(reason: &str, image: &str) -> Option<String> {
    Some(match reason {
        code::NO_DIGEST => format!("name the digest: {image}"),
        code::NO_RULE => "write a rule with this repository under `images`".to_owned(),
        code::NOT_FETCHED => "try again".to_owned(),
        code::POLICY_EXPIRED => "get the current policy, or renew `expires` after a review".to_owned(),
        code::NOTHING_FOUND => format!("sign it: plimsoll sign --key KEY {image}"),
        _ => return None,
    })
}
