//! How much the registries of a run still let us pull, as a part of answers.

use serde::Serialize;

use crate::io::{Io, Quota};

/// What one registry said last.
#[derive(Clone, Serialize)]
pub(in crate::cli) struct QuotaWire {
    origin: String,
    limit: u64,
    remaining: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
}

/// What those said that count; call it when all was asked.
pub(in crate::cli) fn quotas(io: &Io) -> Vec<QuotaWire> {
    let wire = |Quota { origin, limit, remaining, window }| QuotaWire { origin, limit, remaining, window };
    io.quotas().into_iter().map(wire).collect()
}
