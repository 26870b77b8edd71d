//! What `blob` answers. Schema: `schemas/blob.v1.schema.json`.

use std::path::Path;

use serde::Serialize;

use super::quota::QuotaWire;
use crate::base::ImageLocator;
use crate::io::LayerBlob;

/// The whole answer.
#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    reference: String,
    digest: String,
    size: u64,
    file: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quotas: Vec<QuotaWire>,
}

impl Answer {
    pub(in crate::cli) fn new(
        locator: &ImageLocator,
        blob: &LayerBlob,
        file: &Path,
        quotas: Vec<QuotaWire>,
    ) -> Self {
        Self {
            schema: "plimsoll.blob/v1",
            reference: locator.to_string(),
            digest: blob.digest().to_string(),
            size: blob.size(),
            file: file.display().to_string(),
            quotas,
        }
    }
}
