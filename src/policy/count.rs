//! Which candidates count, and for whom. The one place where signers are tried and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::Memory;
use super::pairing::pair;
use super::requirement::Inquiry;
use super::{
    Accepted, Check, Expression, Finding, Found, NamedSigner, Report, RevokedWhat, RevokedWho, code,
};
use crate::base::{Digest, OtherIdentity, Printable};
use crate::verify::{Author, Authorship, Candidate, Content, Principal, Signer, VerifyError};

/// Why a verified candidate does not count.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

/// The accepted proofs, each with the name of the signer that it counts for.
pub(super) struct Count<P> {
    pub(super) reports: Vec<Report>,
    pub(super) accepted: Vec<(String, Arc<P>)>,
}

/// How proofs of one kind are made and looked at.
pub(super) struct Kind<'a, P> {
    pub(super) check: &'a dyn Fn(&Candidate, &Signer, Digest) -> Result<P, VerifyError>,
    pub(super) memory: &'a Memory<P>,
    pub(super) authorship: &'a dyn Fn(&P) -> &Authorship,
    /// Sees proofs only.
    pub(super) accept: &'a dyn Fn(&P) -> Result<String, Refusal>,
}

/// A candidate that proves something.
struct Weighed<P> {
    principal: Principal,
    /// By the signers of the policy that it may stand for: each has its own trust root, so each has its own proof.
    by: Vec<(usize, Arc<P>, Accepted)>,
}

impl Inquiry<'_> {
    /// The only loop that tries signers, and the only place that counts them: by key or by issuer and subject, never by signature.
    pub(super) fn count<P>(&self, by: &Expression, image: Digest, kind: &Kind<'_, P>) -> Count<P> {
        let mut weighed = Vec::new();
        let mut reports = Vec::new();
        let about_it = self.evidence.found.iter().enumerate().filter(|(_, found)| found.about == image);
        for (place, found) in about_it {
            let candidate = &found.candidate;
            let finding = match self.weigh(by, place, found, kind) {
                Ok(proof) => {
                    weighed.push((reports.len(), proof));
                    None
                }
                Err(Refusal { code, detail }) => Some(Finding::Refused { code, detail }),
            };
            reports.push((candidate, finding));
        }
        // What each identity may stand for, over all of its signatures.
        let mut named = BTreeMap::<&Principal, Vec<usize>>::new();
        for (_, proof) in &weighed {
            named.entry(&proof.principal).or_default().extend(proof.by.iter().map(|(signer, ..)| *signer));
        }
        let pairs = pair(&named.values().cloned().collect::<Vec<_>>());
        let chosen: BTreeMap<Principal, usize> = named
            .keys()
            .zip(pairs)
            .filter_map(|(principal, signer)| Some(((*principal).clone(), signer?)))
            .collect();
        let mut accepted = BTreeMap::new();
        for (at, mut weighed) in weighed {
            let signer = chosen.get(&weighed.principal);
            let counts = weighed.by.iter().position(|(index, ..)| Some(index) == signer);
            let (_, proof, mut finding) = weighed.by.swap_remove(counts.unwrap_or(0));
            let finding = if counts.is_some() {
                accepted.entry(finding.signer.clone()).or_insert(proof);
                Finding::Accepted(Box::new(finding))
            } else {
                let comma = if finding.detail.is_empty() { "" } else { ", " };
                let told = format!("{comma}another identity counts as {} already", finding.signer);
                finding.detail.push_str(&told);
                Finding::Spare { code: code::SPARE, proof: Box::new(finding) }
            };
            if let Some((_, slot)) = reports.get_mut(at) {
                *slot = Some(finding);
            }
        }
        let mut reports: Vec<_> = reports
            .into_iter()
            .filter_map(|(candidate, finding)| Some(report(candidate, finding?)))
            .collect();
        for gap in &self.evidence.gaps {
            let finding = Finding::Refused { code: code::NOT_FETCHED, detail: gap.reason.clone() };
            reports.push(Report { digest: None, origin: None, summary: gap.what.clone(), finding });
        }
        Count { reports, accepted: accepted.into_iter().collect() }
    }

    fn weigh<P>(
        &self,
        by: &Expression,
        place: usize,
        found: &Found,
        kind: &Kind<'_, P>,
    ) -> Result<Weighed<P>, Refusal> {
        let candidate = &found.candidate;
        let mut weighed: Option<Weighed<P>> = None;
        // With several signers, "not this one" tells less than what is wrong with a signature by one of them.
        let mut refusal: Option<(u8, Refusal)> = None;
        // Whom a certificate names is known before anybody checks it. Who is not named need not be tried, but once, to say why not: else a
        // thousand strangers' certificates cost a check by each of the signers (CVE-2023-46737).
        let named = candidate.content.unverified_identity();
        let mut tried = false;
        for (index, signer) in by.of.iter().filter_map(|index| Some((*index, self.policy.signer(*index)?))) {
            if let Signer::Identity(wanted) = &signer.signer {
                let may_be = named.as_ref().is_some_and(|named| wanted.identity.check(named).is_ok());
                if !may_be && std::mem::replace(&mut tried, true) {
                    continue;
                }
            }
            let check = || {
                let proof = (kind.check)(candidate, &signer.signer, found.about);
                proof.map(Arc::new).map_err(|error| (nearness(&error), refused(&error)))
            };
            let proof = match kind.memory.recall(place, index, check) {
                Ok(proof) => proof,
                Err((told, because)) => {
                    if refusal
                        .as_ref()
                        .is_none_or(|(other, _)| told > *other || (told, *other) == (STRANGER, STRANGER))
                    {
                        refusal = Some((told, because));
                    }
                    continue;
                }
            };
            let accepted = self.is_good(signer, candidate, (kind.authorship)(&proof)).and_then(|accepted| {
                let detail = (kind.accept)(&proof)?;
                Ok(Accepted { detail, ..accepted })
            });
            match (accepted, &mut weighed) {
                (Ok(accepted), Some(weighed)) => weighed.by.push((index, proof, accepted)),
                (Ok(accepted), None) => {
                    let principal = accepted.authorship.author().principal();
                    weighed = Some(Weighed { principal, by: vec![(index, proof, accepted)] });
                }
                (Err(error), _) => refusal = Some((u8::MAX, error)),
            }
        }
        weighed.ok_or_else(|| match refusal {
            Some((_, refusal)) => refusal,
            None => Refusal { code: code::NOTHING_COUNTS, detail: "no signer is asked for".to_owned() },
        })
    }

    /// Whether the signer may sign, and could when it was signed.
    fn is_good(
        &self,
        signer: &NamedSigner,
        candidate: &Candidate,
        authorship: &Authorship,
    ) -> Result<Accepted, Refusal> {
        let refuse = |code, detail| Err(Refusal { code, detail });
        let id = &signer.id;
        let who = match authorship.author() {
            Author::Identity(_) => "who",
            Author::Key(_) => "whose key",
        };
        let statement = candidate.content.statement_digest();
        let proven = signer.proven_time(authorship);
        for revoked in &self.policy.revoked {
            let (at, reason) = (revoked.at, Printable(&revoked.reason));
            match &revoked.what {
                RevokedWhat::Image(_) => {}
                // Stored again it has another digest; what was signed has not.
                RevokedWhat::Attestation(digest) => {
                    if Some(*digest) == statement || *digest == candidate.digest {
                        let detail = format!("signed by {id}, but it is revoked ({at}: {reason})");
                        return refuse(code::ATTESTATION_REVOKED, detail);
                    }
                }
                RevokedWhat::Signer { who: revoked, keep_earlier } => {
                    let earlier = proven.is_some_and(|time| time < at);
                    if revoked.is(authorship.author()) && !(*keep_earlier && earlier) {
                        let unproven = match (keep_earlier, proven) {
                            (true, None) => ", and nothing proves that the signature is older",
                            _ => "",
                        };
                        let detail = format!("signed by {id}, {who} is revoked ({at}: {reason}){unproven}");
                        return refuse(code::KEY_REVOKED, detail);
                    }
                }
            }
        }
        // CVE-2026-54787: what counts is when it was signed, and now only if nobody knows.
        let (when, moment) = match proven {
            Some(time) => (format!(" at {time}"), time),
            None => (String::new(), self.now),
        };
        if let Some(start) = signer.not_before.filter(|start| moment < *start) {
            let detail = format!("signed by {id}{when}, {who} is good only from {start}");
            return refuse(code::KEY_NOT_YET, detail);
        }
        if let Some(end) = signer.not_after.filter(|end| moment > *end) {
            let detail = format!("signed by {id}{when}, {who} was good until {end}");
            return refuse(code::KEY_EXPIRED, detail);
        }
        let (checked, skipped) = Check::of(&signer.signer, authorship);
        Ok(Accepted {
            signer: id.clone(),
            authorship: authorship.clone(),
            statement,
            checked,
            skipped,
            detail: String::new(),
        })
    }
}

impl RevokedWho {
    fn is(&self, author: &Author) -> bool {
        match (self, author) {
            (Self::Key(fingerprint), Author::Key(key)) => key.fingerprint() == *fingerprint,
            (Self::Identity { issuer, subject }, Author::Identity(certified)) => {
                certified.identity.issuer == *issuer && certified.identity.subject == *subject
            }
            (Self::Matching(identity), Author::Identity(certified)) => {
                identity.check(&certified.identity).is_ok()
            }
            (Self::Key(_), Author::Identity(_))
            | (Self::Identity { .. } | Self::Matching(_), Author::Key(_)) => false,
        }
    }
}

/// How much a refusal tells when several signers were tried: a near miss tells more than a stranger.
fn nearness(error: &VerifyError) -> u8 {
    if matches!(error, VerifyError::Certificate | VerifyError::KeySigned) {
        return 0;
    }
    if matches!(error, VerifyError::BadSignature | VerifyError::OtherKey { .. }) {
        return STRANGER;
    }
    if matches!(error, VerifyError::OtherIdentity(OtherIdentity::Issuer { .. })) {
        return STRANGER + 1;
    }
    if matches!(error, VerifyError::OtherIdentity(_)) { STRANGER + 2 } else { STRANGER + 3 }
}

const STRANGER: u8 = 1;

fn refused(error: &VerifyError) -> Refusal {
    let mut detail = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        detail.push_str(&format!(": {source}"));
        cause = source.source();
    }
    Refusal { code: error.code(), detail: Printable(&detail).to_string() }
}

fn report(candidate: &Candidate, finding: Finding) -> Report {
    Report {
        digest: Some(candidate.digest),
        origin: Some(candidate.origin),
        summary: summary(&candidate.content).to_owned(),
        finding,
    }
}

fn summary(content: &Content) -> &'static str {
    match content {
        Content::Bundle(_) => "bundle",
        Content::Envelope { .. } => "envelope",
        Content::SimpleSigning { .. } => "simple signing",
        Content::Unreadable { .. } => "unreadable",
    }
}
