//! What a trust policy says of each thing that is attached, taken alone.

use std::path::PathBuf;

use crate::base::{Digest, ImageLocator, Repository, Timestamp};
use crate::cli::CliError;
use crate::cli::cmd::verify::{check_name, read_policy_file, tag, written_digest};
use crate::cli::render::tree::{ConsideredWire, PolicyWire, ProblemWire};
use crate::io::image::read_digests;
use crate::io::{Io, Resolved, Source};
use crate::policy::{
    Decision, Evidence, Finding, Found, Gap, Node, PlatformImage, Policy, Request, Verdict, code, decide,
};
use crate::verify::Candidate;

/// A trust policy to hold everything against.
#[derive(clap::Args, Debug)]
pub(super) struct PolicyArgs {
    /// Trust policy: say of each thing which requirement it is accepted for, and why not
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "IdentityArgs"])]
    policy: Option<PathBuf>,
    /// Name of an image outside of a registry, for the policy's patterns
    #[arg(long = "as", value_name = "REPOSITORY", requires = "policy")]
    repository: Option<Repository>,
}

impl PolicyArgs {
    /// Reads the policy, before anybody is asked anything.
    pub(super) fn read(&self, image: &ImageLocator, io: &Io) -> Result<Option<Policy>, CliError> {
        check_name(self.repository.as_ref(), self.policy.is_some(), image)?;
        self.policy.as_deref().map(|file| read_policy_file(file, io)).transpose()
    }

    /// Gets ready to judge what is attached to `resolved`. What cannot be read may be revoked: that is a gap.
    pub(super) async fn judge(
        &self,
        policy: Policy,
        image: &ImageLocator,
        source: &Source,
        resolved: &Resolved,
        io: &Io,
    ) -> (Judge, Option<Gap>) {
        let mut request = Request {
            repository: source.repository().or(self.repository.as_ref()).cloned(),
            tag: tag(image),
            written: written_digest(image),
            digest: resolved.digest,
            revocable: Vec::new(),
            platforms: Vec::new(),
        };
        let read = match policy.revokes_images() {
            true => read_digests(source, resolved, &mut request.revocable).await,
            false => Ok(()),
        };
        let gap = read.err().map(|error| Gap {
            what: format!("what {} lists, which may be revoked", resolved.digest),
            reason: error.to_string(),
        });
        (Judge { policy, request, now: io.clock.now() }, gap)
    }
}

/// A policy, and the image that it is asked about.
pub(super) struct Judge {
    policy: Policy,
    request: Request,
    now: Timestamp,
}

impl Judge {
    /// Which rule is about the image, and what is against it whatever is attached.
    pub(super) fn about_image(&self) -> PolicyWire {
        let decision = self.decide(self.request.digest, Vec::new());
        let against = |node: &&Node| {
            node.verdict == Verdict::Fail && node.reports.is_empty() && node.code != Some(code::NOTHING_FOUND)
        };
        let problem = |node: &Node| ProblemWire {
            requirement: node.requirement.clone(),
            code: node.code.unwrap_or(code::NO_PROOF),
            detail: node.detail.clone(),
        };
        PolicyWire {
            name: self.policy.name().to_owned(),
            rule: decision.rule().map(str::to_owned),
            problems: decision.nodes().iter().filter(against).map(problem).collect(),
        }
    }

    /// What each requirement that looks at `candidate` says of it.
    pub(super) fn about(&self, candidate: &Candidate, subject: Digest) -> Vec<ConsideredWire> {
        let found = Found { about: subject, candidate: candidate.clone() };
        let decision = self.decide(subject, vec![found]);
        let mut considered = Vec::new();
        for node in decision.nodes() {
            // Of an image of an index, the requirement's own name is one floor up.
            let every = std::iter::once(node).chain(&node.children);
            for report in every.flat_map(|one| &one.reports) {
                considered.push(match &report.finding {
                    // Alone, nothing is one too many.
                    Finding::Accepted(accepted) | Finding::Spare { proof: accepted, .. } => ConsideredWire {
                        requirement: node.requirement.clone(),
                        accepted: true,
                        is_beside: false,
                        signer: Some(accepted.signer.clone()),
                        code: None,
                        detail: Some(accepted.detail.clone()).filter(|detail| !detail.is_empty()),
                    },
                    Finding::Refused { code, detail } => ConsideredWire {
                        requirement: node.requirement.clone(),
                        accepted: false,
                        is_beside: BESIDE.contains(code),
                        signer: None,
                        code: Some(code),
                        detail: Some(detail.clone()),
                    },
                });
            }
        }
        if considered.is_empty() {
            considered.extend(not_asked(&decision));
        }
        considered
    }

    fn decide(&self, subject: Digest, found: Vec<Found>) -> Decision {
        let mut request = self.request.clone();
        if subject != request.digest {
            request.platforms.push(PlatformImage { digest: subject, platform: None });
        }
        decide(&self.policy, &request, &Evidence { found, gaps: Vec::new() }, self.now)
    }
}

/// Why no rule was asked. A policy that has expired does not demand nothing: it accepts nothing.
fn not_asked(decision: &Decision) -> Option<ConsideredWire> {
    let node =
        decision.nodes().iter().find(|node| node.code.is_some_and(|code| NO_RULE_ASKED.contains(&code)))?;
    Some(ConsideredWire {
        requirement: node.requirement.clone(),
        accepted: false,
        is_beside: false,
        signer: None,
        code: node.code,
        detail: Some(node.detail.clone()),
    })
}

/// What ends the matter before any rule is looked at.
const NO_RULE_ASKED: [&str; 3] = [code::POLICY_EXPIRED, code::POLICY_NOT_YET, code::IMAGE_REVOKED];
/// Not a signature, not an attestation, one of another type: what is refused so is meant for another requirement.
const BESIDE: [&str; 3] = ["PLM-S05", "PLM-S06", code::PREDICATE_TYPE];
