//! Manifests and configs as they are, and as `plimsoll.manifest/v1` and `plimsoll.config/v1`: `schemas/manifest.v1.schema.json`,
//! `schemas/config.v1.schema.json`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::quota::QuotaWire;
use crate::base::Checked;
use crate::cli::args::Format;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};

/// What is said about a document, and the document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Document {
    pub(in crate::cli) schema: &'static str,
    pub(in crate::cli) reference: String,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) media_type: String,
    pub(in crate::cli) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) platform: Option<String>,
    /// Of the index from which the platform was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) index: Option<String>,
    /// Of the manifest that names a config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) manifest: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    about: &'a Document,
    content: &'a RawValue,
}

impl Document {
    /// Byte for byte where a program reads, indented and escaped where people do.
    pub(in crate::cli) fn print(
        &self,
        content: &Checked,
        pretty: bool,
        ui: &mut Ui<'_>,
    ) -> Result<(), CliError> {
        let unread = |error| CliError::new(Outcome::Unknown, error);
        match ui.format() {
            Format::Json => {
                let content: &RawValue = serde_json::from_slice(content.bytes()).map_err(unread)?;
                ui.json(&Whole { about: self, content })?;
            }
            Format::Text if pretty || ui.terminals().out => {
                let content: &RawValue = serde_json::from_slice(content.bytes()).map_err(unread)?;
                ui.answer_json(content.get());
            }
            Format::Text => {
                ui.answer_bytes(content.bytes());
            }
        }
        Ok(())
    }
}
