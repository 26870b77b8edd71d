//! What `sign` and `attest` answer. Schema: `schemas/published.v1.schema.json`.

use serde::Serialize;

use super::super::args::Format;
use super::super::publish::Storage;
use super::super::ui::Ui;
use super::super::{CliError, Outcome};
use crate::base::{Digest, ImageLocator};

/// What was made.
#[derive(Clone, Debug)]
pub(in crate::cli) enum What {
    /// An attestation of this predicate type.
    Attestation(String),
    /// A signature.
    Signature,
}

/// Something signed that is now stored beside an image.
pub(in crate::cli) struct Published<'a> {
    pub(in crate::cli) what: What,
    pub(in crate::cli) image: &'a ImageLocator,
    /// What was signed.
    pub(in crate::cli) digest: Digest,
    /// The manifest that now carries it.
    pub(in crate::cli) stored: Digest,
    pub(in crate::cli) storage: Storage,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", rename = "predicateType")]
    predicate_type: Option<&'a str>,
    image: String,
    digest: String,
    storage: &'static str,
    manifest: String,
}

impl Published<'_> {
    /// Prints it in the format asked for.
    pub(in crate::cli) fn tell(&self, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
        let (kind, verb, predicate_type) = match &self.what {
            What::Attestation(uri) => ("attestation", "attested", Some(uri.as_str())),
            What::Signature => ("signature", "signed", None),
        };
        match ui.format() {
            Format::Json => ui.json(&Document {
                schema: "plimsoll.published/v1",
                kind,
                predicate_type,
                image: self.image.to_string(),
                digest: self.digest.to_string(),
                storage: self.storage.name(),
                manifest: self.stored.to_string(),
            })?,
            Format::Text => {
                let about = predicate_type.map(|uri| format!(" ({uri})")).unwrap_or_default();
                let place = format!("{} {}", self.storage.name(), self.stored);
                ui.answer(&format!("{verb} {} {}{about}\n  in {place}\n", self.image, self.digest));
            }
        }
        Ok(Outcome::Yes)
    }
}
