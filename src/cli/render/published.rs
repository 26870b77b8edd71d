//! What `sign` and `attest` answer. Schema: `schemas/published.v1.schema.json`.

use serde::Serialize;

use super::super::args::Format;
use super::super::claim::Claim;
use super::super::outlet::Outlet;
use super::super::ui::Ui;
use super::super::{CliError, Outcome};
use super::certified::Certified;
use super::quota::QuotaWire;
use crate::base::{Digest, ImageLocator};
use crate::format::manifest::Descriptor;

/// Something signed, and where it is now.
pub(in crate::cli) struct Published<'a> {
    pub(in crate::cli) claim: &'a Claim,
    pub(in crate::cli) image: &'a ImageLocator,
    /// One for every image and place: what the command line names comes first.
    pub(in crate::cli) stored: Vec<Stored>,
    /// As whom, if with a certificate.
    pub(in crate::cli) identity: Option<Certified>,
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

/// What was signed about one image, in one place.
pub(in crate::cli) struct Stored {
    /// The image.
    pub(in crate::cli) subject: Descriptor,
    pub(in crate::cli) place: Place,
    /// Whether it is new; else the same signer had said the same there before.
    pub(in crate::cli) added: bool,
}

/// Where something signed is.
pub(in crate::cli) enum Place {
    /// In a layer of this manifest, under the legacy tag.
    Legacy(Digest),
    /// Beside nothing, as bundle.
    Outlet(Outlet),
    /// In a bundle that this manifest attaches.
    Referrers(Digest),
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", rename = "predicateType")]
    predicate_type: Option<&'a str>,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Certified>,
    signed: Vec<StoredWire>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    quotas: &'a [QuotaWire],
}

#[derive(Serialize)]
struct StoredWire {
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    storage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    added: bool,
}

impl Published<'_> {
    /// Prints it in the format asked for.
    pub(in crate::cli) fn tell(&self, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
        match ui.format() {
            Format::Json => {
                let (kind, predicate_type) = match self.claim {
                    Claim::Attestation { predicate_type, .. } => {
                        ("attestation", Some(predicate_type.as_str()))
                    }
                    Claim::Signature { .. } => ("signature", None),
                };
                ui.json(&Document {
                    schema: "plimsoll.published/v1",
                    kind,
                    predicate_type,
                    image: self.image.to_string(),
                    identity: self.identity.as_ref(),
                    signed: self.stored.iter().map(Stored::wire).collect(),
                    quotas: &self.quotas,
                })?;
            }
            Format::Text => match self.stored.as_slice() {
                [Stored { place: Place::Outlet(outlet), .. }] => outlet.tell(&self.text(), ui),
                _ => ui.answer(&self.text()),
            },
        }
        Ok(Outcome::Yes)
    }

    fn text(&self) -> String {
        let (verb, about) = match self.claim {
            Claim::Attestation { predicate_type, .. } => ("attested", format!(" ({predicate_type})")),
            Claim::Signature { .. } => ("signed", String::new()),
        };
        let mut text = String::new();
        let mut last = None;
        for stored in &self.stored {
            let Stored { subject, place, added } = stored;
            if last.replace(subject.digest) != Some(subject.digest) {
                let platform = subject.platform.as_ref().map(|platform| format!(" for {platform}"));
                let platform = platform.unwrap_or_default();
                text.push_str(&format!("{verb} {} {}{platform}{about}\n", self.image, subject.digest));
            }
            let place = match place {
                Place::Legacy(manifest) => format!("in legacy {manifest}"),
                Place::Outlet(outlet) => format!("in {outlet}"),
                Place::Referrers(manifest) => format!("in referrers {manifest}"),
            };
            let before = if *added { "" } else { " by the same signer before, so nothing was added" };
            text.push_str(&format!("  {place}{before}\n"));
        }
        text.extend(self.identity.as_ref().map(Certified::line));
        text
    }
}

impl Stored {
    fn wire(&self) -> StoredWire {
        let (storage, manifest, file) = match &self.place {
            Place::Legacy(manifest) => ("legacy", Some(manifest.to_string()), None),
            Place::Outlet(outlet) => ("file", None, Some(outlet.to_string())),
            Place::Referrers(manifest) => ("referrers", Some(manifest.to_string()), None),
        };
        StoredWire {
            digest: self.subject.digest.to_string(),
            platform: self.subject.platform.as_ref().map(ToString::to_string),
            storage,
            manifest,
            file,
            added: self.added,
        }
    }
}
