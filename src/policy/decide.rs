//! Which rule, and whether it is satisfied.

use std::collections::BTreeMap;

use super::case::Proofs;
use super::pattern::{Pattern, Specificity};
use super::requirement::{Inquiry, fact};
use super::{
    Certainty, Decision, Edition, Evidence, Ground, Images, Node, NonEmpty, Policy, Reason, Request, Revoked,
    RevokedWhat, Rule, RuleRuling, Ruling, Verdict, code,
};
use crate::base::{Printable, Timestamp};

/// Decides whether `policy` allows the image of `request` on this evidence, as of `now`. What is not allowed is denied.
pub fn decide(policy: &Policy, request: &Request, evidence: &Evidence, now: Timestamp) -> Decision {
    decide_with(&Proofs::default(), policy, request, evidence, now)
}

/// The same, with what was found out before about this evidence, by this policy.
pub(super) fn decide_with(
    proofs: &Proofs,
    policy: &Policy,
    request: &Request,
    evidence: &Evidence,
    now: Timestamp,
) -> Decision {
    let mut nodes = Vec::new();
    let mut grounds = Vec::new();
    let mut rule = None;
    if let Some(node) = policy.edition.as_ref().and_then(|edition| outside(edition, now)) {
        nodes.extend([node, not_evaluated()]);
    } else if let Some(node) = revoked(policy, request) {
        nodes.extend([node, not_evaluated()]);
    } else if let Some(selected) = select(policy, request) {
        rule = Some(selected.name.clone());
        apply(selected, &Inquiry { policy, request, evidence, now, proofs }, &mut nodes, &mut grounds);
    } else {
        let detail = match &request.repository {
            Some(repository) => format!("no rule is about {repository}"),
            None => "no rule is about an image without a repository".to_owned(),
        };
        nodes.push(fact("rules", Verdict::Fail, Some(code::NO_RULE), detail));
    }
    Decision { ruling: conclude(&nodes, grounds), rule, nodes, now }
}

fn outside(edition: &Edition, now: Timestamp) -> Option<Node> {
    let fail = |name, code, detail| Some(fact(name, Verdict::Fail, Some(code), detail));
    if now > edition.expires {
        let detail = format!("the policy expired at {}", edition.expires);
        return fail("expires", code::POLICY_EXPIRED, detail);
    }
    match edition.not_before {
        Some(start) if now < start => {
            fail("not_before", code::POLICY_NOT_YET, format!("the policy is good only from {start}"))
        }
        _ => None,
    }
}

fn revoked(policy: &Policy, request: &Request) -> Option<Node> {
    let image = |revoked: &Revoked| match &revoked.what {
        RevokedWhat::Image(digest) => Some(*digest),
        RevokedWhat::Attestation(_) | RevokedWhat::Signer { .. } => None,
    };
    // Both lists may be long: a stranger writes the one of the index.
    let all: BTreeMap<_, _> =
        policy.revoked.iter().filter_map(|revoked| Some((image(revoked)?, revoked))).collect();
    // Whoever runs an index runs one of the images in it.
    let mut digests = std::iter::once(&request.digest).chain(&request.revocable);
    let (digest, revoked) = digests.find_map(|digest| Some((*digest, *all.get(digest)?)))?;
    let what = match digest == request.digest {
        true => "this image".to_owned(),
        false => format!("{digest}, which this is or lists,"),
    };
    let detail = format!("{what} is revoked ({}: {})", revoked.at, Printable(&revoked.reason));
    Some(fact("revoked", Verdict::Fail, Some(code::IMAGE_REVOKED), detail))
}

fn not_evaluated() -> Node {
    fact("rules", Verdict::Skipped, None, "not evaluated".to_owned())
}

/// The most specific rule that is about the image. The loader made sure that there is one most specific.
fn select<'a>(policy: &'a Policy, request: &Request) -> Option<&'a Rule> {
    policy
        .rules
        .iter()
        .filter_map(|rule| Some((rank(rule, request)?, rule)))
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, rule)| rule)
}

fn rank(rule: &Rule, request: &Request) -> Option<Option<Specificity>> {
    let patterns = match &rule.images {
        Images::Every => return Some(None),
        Images::Matching(patterns) => patterns,
    };
    let repository = request.repository.as_ref()?;
    if rule.except.iter().any(|pattern| pattern.matches(repository)) {
        return None;
    }
    patterns.iter().filter(|pattern| pattern.matches(repository)).map(Pattern::specificity).max().map(Some)
}

fn apply(rule: &Rule, inquiry: &Inquiry<'_>, nodes: &mut Vec<Node>, grounds: &mut Vec<Ground>) {
    let mut ask = |requirements: &[super::Requirement]| {
        for requirement in requirements {
            let (node, proofs) = inquiry.ask(requirement);
            nodes.push(node);
            grounds.extend(proofs);
        }
    };
    ask(match &rule.ruling {
        // Denied in any case: nothing needs to be fetched.
        RuleRuling::Deny { .. } => &[],
        RuleRuling::AllowUnverified { .. } | RuleRuling::Require(_) => &inquiry.policy.baseline,
    });
    match &rule.ruling {
        RuleRuling::AllowUnverified { reason, expires, digests } => {
            let digest = inquiry.request.digest;
            let node = |verdict, code, detail| fact("allow_unverified", verdict, code, detail);
            if inquiry.now > *expires {
                let detail = format!("the permission ended at {expires}");
                nodes.push(node(Verdict::Fail, Some(code::PERMISSION_EXPIRED), detail));
            } else if digests.as_ref().is_some_and(|digests| !digests.contains(&digest)) {
                let detail = format!("the permission is not for {digest}");
                nodes.push(node(Verdict::Fail, Some(code::PERMISSION_OTHER), detail));
            } else {
                let detail = format!("until {expires}: {}", Printable(reason));
                nodes.push(node(Verdict::Pass, None, detail));
                grounds.push(Ground::Unverified { reason: reason.clone(), expires: *expires });
            }
        }
        RuleRuling::Deny { reason } => {
            let detail = Printable(reason).to_string();
            nodes.push(fact("deny", Verdict::Fail, Some(code::RULE_DENIES), detail));
        }
        RuleRuling::Require(requirements) => ask(requirements),
    }
}

/// Allowed only if every node holds and at least one proof, or a permission, stands behind it.
fn conclude(nodes: &[Node], grounds: Vec<Ground>) -> Ruling {
    let open = |node: &&Node| matches!(node.verdict, Verdict::Fail | Verdict::Unknown);
    let reasons = nodes
        .iter()
        .filter(open)
        .map(|node| Reason {
            code: node.code.unwrap_or(code::NO_PROOF),
            requirement: node.requirement.clone(),
            detail: node.detail.clone(),
        })
        .collect();
    let certainty = match nodes.iter().filter(open).any(|node| node.verdict == Verdict::Fail) {
        true => Certainty::Final,
        false => Certainty::Open,
    };
    match (NonEmpty::new(reasons), NonEmpty::new(grounds)) {
        (Some(reasons), _) => Ruling::Deny { reasons, certainty },
        (None, Some(grounds)) => Ruling::Allow { grounds },
        (None, None) => {
            let detail = "nothing was demanded that proves anything".to_owned();
            let reason = Reason { code: code::NO_PROOF, requirement: "rules".to_owned(), detail };
            Ruling::Deny { reasons: NonEmpty::of(reason), certainty: Certainty::Final }
        }
    }
}
