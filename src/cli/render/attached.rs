//! `plimsoll.attached/v1`.

use serde::Serialize;

use super::quota::QuotaWire;

/// The answer of `plimsoll attach`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct AttachedJson {
    pub(in crate::cli) schema: &'static str,
    pub(in crate::cli) image: String,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) predicate_type: String,
    /// Of the referrer.
    pub(in crate::cli) manifest: String,
    /// Whether it is new.
    pub(in crate::cli) added: bool,
    /// Whether a key was given, and the bundle is signed by it.
    pub(in crate::cli) verified: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}
