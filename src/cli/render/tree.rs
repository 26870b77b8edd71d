//! What is attached, as text and as `plimsoll.tree/v1`: `schemas/tree.v1.schema.json`.

use serde::Serialize;

use super::decision::short;
use super::quota::QuotaWire;
use crate::base::{Digest, Printable};

/// The whole answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) reference: String,
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) digest: Digest,
    /// Against what everything was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) policy: Option<PolicyWire>,
    /// Whether everything could be listed and read.
    pub(in crate::cli) complete: bool,
    pub(in crate::cli) attached: Vec<Attached>,
    /// The images of an index.
    pub(in crate::cli) images: Vec<ImageWire>,
    pub(in crate::cli) gaps: Vec<GapWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

/// A trust policy, and its rule for the image.
#[derive(Serialize)]
pub(in crate::cli) struct PolicyWire {
    pub(in crate::cli) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) rule: Option<String>,
    /// What is against the image, whatever is attached.
    pub(in crate::cli) problems: Vec<ProblemWire>,
}

/// Something that the policy has against an image.
#[derive(Serialize)]
pub(in crate::cli) struct ProblemWire {
    pub(in crate::cli) requirement: String,
    pub(in crate::cli) code: &'static str,
    pub(in crate::cli) detail: String,
}

/// What one requirement of the policy says of one thing.
#[derive(Serialize)]
pub(in crate::cli) struct ConsideredWire {
    pub(in crate::cli) requirement: String,
    pub(in crate::cli) accepted: bool,
    /// Whether it is about things of another kind: a signature is no attestation, and that is not worth a word to people.
    #[serde(skip)]
    pub(in crate::cli) is_beside: bool,
    /// The policy's name for who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) detail: Option<String>,
}

/// One image of an index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct ImageWire {
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) platform: Option<String>,
    pub(in crate::cli) attached: Vec<Attached>,
}

/// Whom a certificate names that nobody checked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Claimed {
    pub(in crate::cli) issuer: String,
    pub(in crate::cli) subject: String,
}

/// One thing that is attached.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Attached {
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) digest: Digest,
    pub(in crate::cli) origin: String,
    pub(in crate::cli) kind: Kind,
    /// Of an attestation or another artifact; from an unverified source unless `verified`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) type_: Option<String>,
    pub(in crate::cli) verified: bool,
    /// Who signed it, verified: the file of the key, or the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) signer: Option<String>,
    /// Who it says has signed it: nobody checked that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) claimed_signer: Option<String>,
    /// Who a certificate says has signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) claimed_identity: Option<Claimed>,
    /// Why it is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) refusal: Option<String>,
    /// What the requirements say that look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) policy: Option<Vec<ConsideredWire>>,
    /// What is attached to this.
    pub(in crate::cli) attached: Vec<Attached>,
}

/// What something attached is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) enum Kind {
    Artifact,
    Attestation,
    Signature,
    Unreadable,
}

/// What could not be looked at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct GapWire {
    pub(in crate::cli) what: String,
    pub(in crate::cli) reason: String,
}

impl Answer {
    pub(in crate::cli) fn new(reference: String, digest: Digest) -> Self {
        let (attached, images, gaps) = (Vec::new(), Vec::new(), Vec::new());
        let schema = "plimsoll.tree/v1";
        Self {
            schema,
            reference,
            digest,
            policy: None,
            complete: true,
            attached,
            images,
            gaps,
            quotas: Vec::new(),
        }
    }

    /// `name` is the image with its digest.
    pub(in crate::cli) fn text(&self, name: &str) -> String {
        let mut out = format!("{name}\n");
        if let Some(PolicyWire { name, rule, problems }) = &self.policy {
            let rule = rule.as_deref().map(|rule| format!(", rule {}", Printable(rule))).unwrap_or_default();
            out.push_str(&format!("policy {}{rule}\n", Printable(name)));
            for ProblemWire { requirement, code, detail } in problems {
                out.push_str(&format!("  ✗ {}: {} ({code})\n", Printable(requirement), Printable(detail)));
            }
        }
        let last = self.attached.len() + self.images.len() + self.gaps.len();
        attached(&mut out, " ", &self.attached, last);
        for (index, image) in self.images.iter().enumerate() {
            let (mark, indent) = branch(self.attached.len() + index, last);
            let platform = image.platform.as_deref().map(|text| format!(" {}", Printable(text)));
            let platform = platform.unwrap_or_default();
            out.push_str(&format!(" {mark} image{platform} {}\n", image.digest));
            attached(&mut out, &format!(" {indent}"), &image.attached, image.attached.len());
        }
        for (index, gap) in self.gaps.iter().enumerate() {
            let (mark, _) = branch(self.attached.len() + self.images.len() + index, last);
            out.push_str(&format!(" {mark} ? {}: {}\n", gap.what, gap.reason));
        }
        if last == 0 {
            out.push_str(" nothing is attached\n");
        }
        out
    }
}

/// Sign before the `index`-th of `last`, and what stands before the lines below it.
fn branch(index: usize, last: usize) -> (&'static str, &'static str) {
    if index + 1 == last { ("└", "   ") } else { ("├", "│  ") }
}

fn attached(out: &mut String, before: &str, items: &[Attached], last: usize) {
    for (index, item) in items.iter().enumerate() {
        let (mark, indent) = branch(index, last);
        let kind = match item.kind {
            Kind::Artifact => "artifact",
            Kind::Attestation => "attestation",
            Kind::Signature => "signature",
            Kind::Unreadable => "unreadable",
        };
        let type_ = item.type_.as_deref().map(|text| format!(" {}", Printable(text))).unwrap_or_default();
        out.push_str(&format!(
            "{before}{mark} {kind}{type_}, {} via {}: {}\n",
            short(item.digest),
            item.origin,
            item.standing()
        ));
        attached(out, &format!("{before}{indent}"), &item.attached, item.attached.len());
    }
}

impl Attached {
    /// Takes over what a policy says: one requirement that accepts it is enough to know who signed it.
    pub(in crate::cli) fn consider(&mut self, considered: Vec<ConsideredWire>) {
        let accepted = considered.iter().find(|one| one.accepted);
        self.signer = accepted.and_then(|one| one.signer.clone());
        self.verified = self.signer.is_some();
        self.policy = Some(considered);
    }

    fn considered(&self, considered: &[ConsideredWire], claim: &str) -> String {
        let one = |one: &ConsideredWire| {
            let detail = one.detail.as_deref().map(|text| format!(": {}", Printable(text)));
            let (detail, code) = (detail.unwrap_or_default(), one.code.map(|code| format!(" ({code})")));
            let requirement = Printable(&one.requirement);
            format!("{requirement}{detail}{}", code.unwrap_or_default())
        };
        // What is refused for one requirement is meant for another as a rule.
        let accepted: Vec<String> = considered.iter().filter(|one| one.accepted).map(one).collect();
        if let (Some(signer), false) = (&self.signer, accepted.is_empty()) {
            return format!("signed by {}, accepted for {}", Printable(signer), accepted.join("; "));
        }
        let refused: Vec<String> = considered.iter().filter(|one| !one.is_beside).map(one).collect();
        match refused.as_slice() {
            [] => format!("not verified{claim}: the policy demands nothing of this"),
            refused => format!("not accepted{claim}: {}", refused.join("; ")),
        }
    }

    fn standing(&self) -> String {
        let claim = match (&self.claimed_identity, &self.claimed_signer) {
            (Some(Claimed { issuer, subject }), _) => {
                format!(" (says {} of {})", Printable(subject), Printable(issuer))
            }
            (None, Some(hint)) => format!(" (says key {})", Printable(hint)),
            (None, None) => String::new(),
        };
        if let Some(considered) = &self.policy {
            return self.considered(considered, &claim);
        }
        match (&self.signer, &self.refusal, self.kind) {
            (Some(signer), ..) => format!("signed by {}, verified", Printable(signer)),
            (None, Some(refusal), _) => format!("not verified{claim}: {refusal}"),
            (None, None, Kind::Artifact) => self.signed_beside(),
            (None, None, _) => format!("not verified{claim}"),
        }
    }

    /// An artifact is not signed itself, but a signature may be attached to it.
    fn signed_beside(&self) -> String {
        let signatures = self.attached.iter().filter(|item| item.kind == Kind::Signature);
        let mut signers = signatures.clone().filter_map(|item| item.signer.as_deref());
        match (signers.next(), signatures.count()) {
            (Some(signer), _) => format!("signed by {}, verified", Printable(signer)),
            (None, 0) => "unsigned".to_owned(),
            (None, _) => "signed, not verified".to_owned(),
        }
    }
}

fn as_text<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}
