//! One verb a file. Every verb has the same three paragraphs: gather, decide, tell.

mod attach;
mod attest;
mod attest_blob;
mod blob;
mod cache;
mod config;
mod copy;
mod demo;
mod digest;
mod explain;
mod key;
mod keygen;
mod ls;
mod manifest;
mod pin;
mod registry;
mod resolve;
mod sbom;
mod sign;
mod sign_blob;
mod tree;
mod trusted_root;
mod verify;
mod verify_blob;
mod verify_blob_attestation;

use clap::Subcommand;

use super::ui::Ui;
use super::{CliError, Outcome};
use crate::io::Io;

/// The verbs, in the order in which a user meets them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Resolve(resolve::Args),
    Digest(digest::Args),
    Pin(pin::Args),
    Sbom(sbom::Args),
    Keygen(keygen::Args),
    Key(key::Args),
    Sign(sign::Args),
    Attest(attest::Args),
    Attach(attach::Args),
    Verify(verify::Args),
    Tree(tree::Args),
    Ls(ls::Args),
    Manifest(manifest::Args),
    Config(config::Args),
    Blob(blob::Args),
    Copy(copy::Args),
    TrustedRoot(trusted_root::Args),
    SignBlob(sign_blob::Args),
    VerifyBlob(verify_blob::Args),
    AttestBlob(attest_blob::Args),
    VerifyBlobAttestation(verify_blob_attestation::Args),
    Registry(registry::Args),
    Cache(cache::Args),
    Explain(explain::Args),
    Demo(demo::Args),
}

/// Runs one verb.
pub(super) async fn run(command: Command, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    match command {
        Command::Resolve(args) => resolve::run(args, io, ui).await,
        Command::Digest(args) => digest::run(args, io, ui).await,
        Command::Pin(args) => pin::run(args, io, ui).await,
        Command::Sbom(args) => sbom::run(args, io, ui).await,
        Command::Keygen(args) => keygen::run(args, io, ui).await,
        Command::Key(args) => key::run(args, io, ui).await,
        Command::Sign(args) => sign::run(args, io, ui).await,
        Command::Attest(args) => attest::run(args, io, ui).await,
        Command::Attach(args) => attach::run(args, io, ui).await,
        Command::Verify(args) => verify::run(args, io, ui).await,
        Command::Tree(args) => tree::run(args, io, ui).await,
        Command::Ls(args) => ls::run(args, io, ui).await,
        Command::Manifest(args) => manifest::run(args, io, ui).await,
        Command::Config(args) => config::run(args, io, ui).await,
        Command::Blob(args) => blob::run(args, io, ui).await,
        Command::TrustedRoot(args) => trusted_root::run(args, io, ui).await,
        Command::SignBlob(args) => sign_blob::run(args, io, ui).await,
        Command::VerifyBlob(args) => verify_blob::run(&args, io, ui).await,
        Command::AttestBlob(args) => attest_blob::run(args, io, ui).await,
        Command::VerifyBlobAttestation(args) => verify_blob_attestation::run(&args, io, ui).await,
        Command::Copy(args) => copy::run(args, io, ui).await,
        Command::Registry(args) => registry::run(args, io, ui).await,
        Command::Cache(args) => cache::run(&args, io, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Demo(args) => demo::run(args, io, ui).await,
    }
}
