//! `plimsoll.resolve/v1`: `schemas/resolve.v1.schema.json`.

use serde::Serialize;

#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) images: Vec<Image>,
    pub(in crate::cli) errors: Vec<Failure>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { schema: "plimsoll.resolve/v1", images: Vec::new(), errors: Vec::new() }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Image {
    pub(in crate::cli) reference: String,
    pub(in crate::cli) resolved: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) repository: Option<String>,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) media_type: String,
    pub(in crate::cli) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) index: Option<String>,
}

#[derive(Serialize)]
pub(in crate::cli) struct Failure {
    pub(in crate::cli) reference: String,
    pub(in crate::cli) message: String,
}
