//! plimsoll reads the load line of container images: it pins them, catalogues them, signs them, and says before deploy whether they
//! may leave port, and why.
//!
//! The command is the product; the library is how it is built and tested. Its interface follows the command's needs and may change
//! with every version.
//!
//! # The house
//!
//! *Gather, decide, tell.* [`io`] gathers bytes and returns them only with their digest checked. Engines decide: plain functions from values
//! to values, without network, disk, clock, environment or async. What must not be forgotten is a type that only the check can make.
//! [`cli`] tells: the answer on stdout, the talk on stderr, the verdict as exit code.
//!
//! ```text
//! 3  cli                                              may use everything
//! 2  pin  image  sbom  sign  verify  policy   |   io  engines never use io, io never uses engines
//! 1  format   crypto                                  use base only, not each other
//! 0  base                                             uses nothing of ours
//! ```
//!
//! `tests/architecture.rs` holds the floors, the few sideways edges, and the doors: which foreign crate may be named where.
//!
//! | module | what it is |
//! |---|---|
//! | [`base`] | names and numbers that all others speak: digests, references, platforms, packages, limits |
//! | [`mod@format`] | bytes to values and back, one file per specification |
//! | [`crypto`] | keys, and the encrypted key file |
//! | [`image`] | layers to what catalogers read |
//! | [`pin`] | finds references by span, splices digests |
//! | [`sbom`] | runs catalogers over an image, makes an inventory |
//! | [`sign`] | what to sign, and the signed artefact to push |
//! | [`verify`] | the only place where proofs are made |
//! | [`policy`] | from proofs to a decision |
//! | [`io`] | registries, layouts, archives, files, clock, environment |
//! | [`cli`] | one verb a file |
//!
//! # Where to start reading
//!
//! One verb from top to bottom: `cli/cmd/verify.rs`, then [`policy::decide`], then [`verify::check_signature`]. What stops a verdict without
//! proof is the ladder of types there: a candidate becomes [`verify::Signed`] or [`verify::Attested`] only through a check, and
//! [`policy`] accepts nothing else.
//!
//! # How to add one thing
//!
//! A table entry is data. Add the file, add its line to the table beside it, add test data; generic tests over the table say what is missing.
//!
//! - **A cataloger** (another package database): `sbom/cataloger/<name>.rs` and its line in `sbom/cataloger/mod.rs`; real, empty and broken
//!   samples in `testdata/cataloger/<name>/`.
//! - **A file format to pin** (compose, Kubernetes, …): `pin/format/<name>.rs` and its line in `pin/format/mod.rs`; samples in `testdata/pin/<name>/`.
//! - **A policy condition**: its field in `format/policy/`, its meaning in `policy/requirement.rs`, its shape in `schemas/trust-policy.v1.schema.json`;
//!   good and bad policies in `testdata/policy/`, and how its change shows in `tests/suite/identity/field.rs`.
//! - **A verb**: `cli/cmd/<verb>.rs` and its line in `cli/cmd/mod.rs`; its JSON shape in `cli/render/` and `schemas/`.
//! - **An error**: a variant in its module's own enum; the compiler then asks in `cli/error/` what the user should do. If it has a code,
//!   a test asks for its entry in `cli/explain/`.
//! - **A limit**: a named constant in [`base::limits`], with the attack it stops.
//!
//! # Rules of the house
//!
//! - Trust is a type. Bytes that were not checked cannot reach code that decides; "could not tell" is never "yes".
//! - Every input is hostile. A parser answers with an error that names file or reference and position; it never panics, and its memory is bounded.
//! - No cryptographic primitive of our own.
//! - Time is an argument. The same input gives the same bytes.
//! - A file is written whole or not at all.
//! - Lints are relaxed with `#[expect(…, reason = "…")]` only. A file has at most 400 lines before its tests, a function at most 60.
//! - Comments say the attack that is stopped or the clause that is implemented.
//! - Tests use real things: registries, images, signatures that others wrote. `cargo test` needs neither network nor other tools; with
//!   `PLIMSOLL_PEERS=DIR` the interop tests run too, and a missing peer fails.

pub mod base;
pub mod cli;
pub mod crypto;
pub mod format;
pub mod image;
pub mod io;
pub mod pin;
pub mod policy;
pub mod sbom;
pub mod sign;
pub mod verify;
