//! `plimsoll.keygen/v1`.

use std::path::Path;

use serde::Serialize;

use crate::crypto::PublicKey;

/// The answer of `plimsoll keygen`.
#[derive(Serialize)]
pub(in crate::cli) struct KeygenJson {
    schema: &'static str,
    private_key: String,
    public_key: String,
    algorithm: String,
    fingerprint: String,
}

impl KeygenJson {
    pub(in crate::cli) fn new(private: &Path, public: &Path, key: &PublicKey) -> Self {
        Self {
            schema: "plimsoll.keygen/v1",
            private_key: private.display().to_string(),
            public_key: public.display().to_string(),
            algorithm: key.algorithm().to_string(),
            fingerprint: key.fingerprint().to_string(),
        }
    }
}
