//! `plimsoll.cache/v1`: `schemas/cache.v1.schema.json`.

use serde::Serialize;

use crate::io::StoreSize;

#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) path: String,
    blobs: u64,
    bytes: u64,
    cleared: bool,
}

impl Answer {
    pub(in crate::cli) fn new(path: String, size: StoreSize, cleared: bool) -> Self {
        Self { schema: "plimsoll.cache/v1", path, blobs: size.blobs, bytes: size.bytes, cleared }
    }
}
