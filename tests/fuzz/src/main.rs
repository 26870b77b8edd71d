//! What strangers may hand to the tool, made at random and by coverage. `tests/fuzz/run` builds this once and runs each target for a while.
//!
//! Every target says what must hold: nothing panics, what is read is written again as it was, and nothing random is a proof.
#![no_main]

mod answer;
mod keyless;
mod oci;
mod place;
mod signed;
mod text;
mod wire;

use std::sync::LazyLock;

/// Name and what to do with the bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("bundle", signed::bundle),
    ("certificate", keyless::certificate),
    ("challenge", wire::challenge),
    ("config", oci::config),
    ("content-range", wire::content_range),
    ("docker-config", place::docker_config),
    ("dockerfile", text::dockerfile),
    ("envelope", signed::envelope),
    ("headers", answer::headers),
    ("index", oci::index),
    ("issued", answer::issued),
    ("key", text::key),
    ("link", wire::link),
    ("location", wire::location),
    ("log-answer", answer::log_answer),
    ("log-entry", keyless::log_entry),
    ("manifest", oci::manifest),
    ("names", answer::names),
    ("pem", text::pem),
    ("policy", text::policy),
    ("redirect", wire::redirect),
    ("reference", text::reference),
    ("refusal", answer::refusal),
    ("registries", place::registries),
    ("retry-after", wire::retry_after),
    ("signed-statement", signed::signed_statement),
    ("simple-signing", signed::simple_signing),
    ("statement", signed::statement),
    ("timestamp", keyless::timestamp),
    ("token", answer::token),
    ("trusted-root", keyless::trusted_root),
    ("upload-range", answer::upload_range),
];

/// Which one: one binary for all, because linking each would take longer than running it.
static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("PLIMSOLL_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("PLIMSOLL_FUZZ names no target: {wanted:?}")).1
});

libfuzzer_sys::fuzz_target!(
    init: {
        if std::env::var_os("PLIMSOLL_FUZZ").is_none() {
            for (name, _) in TARGETS {
                println!("{name}");
            }
            std::process::exit(0);
        }
    },
    |bytes: &[u8]| TARGET(bytes)
);
