//! As whom something was signed without a key.

use serde::Serialize;

use crate::base::{Identity, Printable};

/// As whom something was signed, as its certificate says.
#[derive(Serialize)]
pub(in crate::cli) struct Certified {
    issuer: String,
    subject: String,
}

impl From<Identity> for Certified {
    fn from(Identity { issuer, subject, .. }: Identity) -> Self {
        Self { issuer, subject }
    }
}

impl Certified {
    /// A line of an answer.
    pub(in crate::cli) fn line(&self) -> String {
        format!("  as {} ({})\n", Printable(&self.subject), Printable(&self.issuer))
    }
}
