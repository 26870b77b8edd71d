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
    pub(in crate::cli) gaps: Vec<GapWire>,
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
    /// The file of the key that verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) signer: Option<String>,
    /// Who it says has signed it: nobody checked that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) claimed_signer: Option<String>,
    /// Why it is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) refusal: Option<String>,
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
        let (attached, gaps) = (Vec::new(), Vec::new());
        Self { schema: "plimsoll.tree/v1", reference, digest, complete: true, attached, gaps }
    }

    /// `name` is the image with its digest.
    pub(in crate::cli) fn text(&self, name: &str) -> String {
        let mut out = format!("{name}\n");
        let last = self.attached.len() + self.gaps.len();
        let branch = |index: usize| if index + 1 == last { "└" } else { "├" };
        for (index, item) in self.attached.iter().enumerate() {
            let kind = match item.kind {
                Kind::Artifact => "artifact",
                Kind::Attestation => "attestation",
                Kind::Signature => "signature",
                Kind::Unreadable => "unreadable",
            };
            let type_ = item.type_.as_deref().map(|text| format!(" {}", Printable(text))).unwrap_or_default();
            let line = format!(
                " {} {kind}{type_}, {} via {}: {}\n",
                branch(index),
                short(item.digest),
                item.origin,
                item.standing()
            );
            out.push_str(&line);
        }
        for (index, gap) in self.gaps.iter().enumerate() {
            let mark = branch(self.attached.len() + index);
            out.push_str(&format!(" {mark} ? {}: {}\n", gap.what, gap.reason));
        }
        if last == 0 {
            out.push_str(" nothing is attached\n");
        }
        out
    }
}

impl Attached {
    fn standing(&self) -> String {
        let claim = self.claimed_signer.as_deref().map(|hint| format!(" (says key {})", Printable(hint)));
        let claim = claim.unwrap_or_default();
        match (&self.signer, &self.refusal, self.kind) {
            (Some(signer), ..) => format!("signed by {signer}, verified"),
            (None, Some(refusal), _) => format!("not verified{claim}: {refusal}"),
            (None, None, Kind::Artifact) => "not signed itself".to_owned(),
            (None, None, _) => format!("not verified{claim}"),
        }
    }
}

fn as_text<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}
