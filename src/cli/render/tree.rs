//! What is attached, as text and as `plimsoll.tree/v1`: `schemas/tree.v1.schema.json`.

use serde::Serialize;

use super::decision::short;
use crate::base::{Digest, Printable};

/// The whole answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) reference: String,
    #[serde(serialize_with = "as_text")]
    pub(in crate::cli) digest: Digest,
    /// Whether everything could be listed and read.
    pub(in crate::cli) complete: bool,
    pub(in crate::cli) attached: Vec<Attached>,
    /// The images of an index.
    pub(in crate::cli) images: Vec<ImageWire>,
    pub(in crate::cli) gaps: Vec<GapWire>,
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
        Self { schema: "plimsoll.tree/v1", reference, digest, complete: true, attached, images, gaps }
    }

    /// `name` is the image with its digest.
    pub(in crate::cli) fn text(&self, name: &str) -> String {
        let mut out = format!("{name}\n");
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
    fn standing(&self) -> String {
        let claim = match (&self.claimed_identity, &self.claimed_signer) {
            (Some(Claimed { issuer, subject }), _) => {
                format!(" (says {} of {})", Printable(subject), Printable(issuer))
            }
            (None, Some(hint)) => format!(" (says key {})", Printable(hint)),
            (None, None) => String::new(),
        };
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
