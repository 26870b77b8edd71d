//! The command line: verbs and the options that all of them share. A verb's own options stand in its file in `cmd/`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use super::cmd::Command;
use crate::base::{ReferenceError, Registry};
use crate::format::statement::{PREDICATE_TYPES, SIGN_PREDICATE, predicate_type};
use crate::io::{Access, Cache, ClientPair, Login, MirrorTags, Network};

/// Pin, catalogue, sign and verify container images.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, max_term_width = 110, after_long_help = AFTER_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

/// Options of every verb.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, read once")]
pub(super) struct Global {
    /// How to write the answer
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub(super) format: Format,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Output")]
    pub(super) color: Color,
    /// Say less on stderr: errors only
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(super) quiet: bool,
    /// Never ask the network; what needs it fails
    #[arg(long, global = true, help_heading = "Registry")]
    pub(super) offline: bool,
    /// Speak HTTP without TLS to this registry (loopback needs no permission unless certificates are named)
    #[arg(long, global = true, value_name = "HOST[:PORT]", value_parser = parse_registry, help_heading = "Registry")]
    pub(super) plain_http: Vec<Registry>,
    /// Neither keep layers for the next run nor take them from ~/.cache/plimsoll
    #[arg(long, global = true, help_heading = "Registry")]
    pub(super) no_cache: bool,
    /// Trust these CAs (PEM) beside the system's
    #[arg(long, global = true, value_name = "FILE", help_heading = "Registry")]
    pub(super) ca_file: Option<PathBuf>,
    /// Show this certificate (PEM) to registries that ask who we are
    #[arg(long, global = true, value_name = "FILE", requires = "client_key", help_heading = "Registry")]
    pub(super) client_cert: Option<PathBuf>,
    /// The private key (PEM) of --client-cert
    #[arg(long, global = true, value_name = "FILE", requires = "client_cert", help_heading = "Registry")]
    pub(super) client_key: Option<PathBuf>,
    /// Sign in to the registry of this run as this user, and not as stored
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        requires = "password_stdin",
        conflicts_with = "offline",
        help_heading = "Registry"
    )]
    pub(super) username: Option<String>,
    /// The password of --username is on standard input
    #[arg(long, global = true, requires = "username", help_heading = "Registry")]
    pub(super) password_stdin: bool,
    /// Let mirrors of registries.conf say what a tag means; without it they serve content by its digest only
    #[arg(long, global = true, help_heading = "Registry")]
    pub(super) mirror_tags: bool,
    /// Wait no longer than this for a busy registry [default: 60, or PLIMSOLL_MAX_WAIT]
    #[arg(long, global = true, value_name = "SECONDS", help_heading = "Registry")]
    pub(super) max_wait: Option<u64>,
}

impl Global {
    /// What the network may be used for.
    pub(super) fn access(&self, login: Option<Login>) -> Access {
        if self.offline {
            return Access::Offline;
        }
        let pair = self.client_cert.clone().zip(self.client_key.clone());
        Access::Online(Network {
            plain_http: self.plain_http.clone(),
            mirror_tags: if self.mirror_tags { MirrorTags::Believed } else { MirrorTags::Ignored },
            cache: if self.no_cache { Cache::Unused } else { Cache::Used },
            ca_file: self.ca_file.clone(),
            client: pair.map(|(certificate, key)| ClientPair { certificate, key }),
            login,
            max_wait: self.max_wait.map(Duration::from_secs),
        })
    }
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs; the schemas are in `schemas/`
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn parse_registry(text: &str) -> Result<Registry, ReferenceError> {
    text.parse()
}

/// A predicate type by its short name or URI; the type of image signatures is none.
pub(super) fn parse_predicate_type(text: &str) -> Result<String, String> {
    match predicate_type(text) {
        Some(SIGN_PREDICATE) => Err("that is the type of image signatures, not of attestations".to_owned()),
        Some(uri) => Ok(uri.to_owned()),
        None => {
            let names: Vec<&str> = PREDICATE_TYPES.iter().map(|(name, _)| *name).collect();
            Err(format!("write a URI, or one of {}", names.join(", ")))
        }
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  yes: allowed, pinned, done
  1  no: denied, unpinned, or not signed by the key
  2  the command line or a file that it names is wrong
  3  could not tell: network, disk, malformed or missing content
  129, 130, 143  ended by SIGHUP, Ctrl-C or SIGTERM: files that were not finished are gone, what arrived whole stays

Try it: `plimsoll demo` runs the whole job on a small image, without network.";
