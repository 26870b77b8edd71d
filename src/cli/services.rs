//! The services that stand behind a signature, as the command line names them. Without their names nobody is asked anything: there is no default
//! instance.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::CliError;
use super::identity::read_trusted_root;
use crate::base::Printable;
use crate::format::signing_config::{Service, SigningConfig, SigningConfigError};
use crate::io::{Io, ServiceUrl, ServiceUrlError};
use crate::verify::TrustRoot;

/// Who certifies an identity, and who witnesses a signature.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Services")]
#[command(group(clap::ArgGroup::new("services").multiple(true).args(["signing_config", "fulcio_url", "rekor_url", "timestamp_url"])))]
pub(super) struct ServiceArgs {
    /// The services that stand behind the signature: a Sigstore signing config; with --key, its logs and time stamp authorities
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fulcio_url", "rekor_url", "timestamp_url"])]
    signing_config: Option<PathBuf>,
    /// The Fulcio that issues the certificate
    #[arg(long, value_name = "URL", requires = "identity")]
    fulcio_url: Option<ServiceUrl>,
    /// The Rekor that enters the signature
    #[arg(long, value_name = "URL", requires = "rekor_version")]
    rekor_url: Option<ServiceUrl>,
    /// Interface of --rekor-url: 1, or 2 for a log of tiles
    #[arg(long, value_name = "1|2", requires = "rekor_url")]
    rekor_version: Option<LogVersion>,
    /// A time stamp authority (RFC 3161) that stamps the signature; may be given several times
    #[arg(long, value_name = "URL")]
    timestamp_url: Vec<ServiceUrl>,
    /// Check what was signed against this Sigstore trusted root before it is stored
    ///
    /// Only with it can be told whether the same was signed already, by whom, and whether as many logs, and an authority if one is named, have
    /// seen it: nothing is added then, but with --force. Without it, each run that asks services adds a signature.
    #[arg(long, value_name = "FILE", requires = "services")]
    trusted_root: Option<PathBuf>,
}

/// An interface of Rekor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LogVersion {
    One,
    Two,
}

impl FromStr for LogVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text {
            "1" => Ok(Self::One),
            "2" => Ok(Self::Two),
            _ => Err(UnknownVersion),
        }
    }
}

impl fmt::Display for LogVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "Rekor 1",
            Self::Two => "Rekor 2",
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("write 1 or 2")]
pub(super) struct UnknownVersion;

/// The services that one run asks.
#[derive(Debug)]
pub(super) struct Places {
    /// Who certifies identities.
    pub(super) authority: Option<ServiceUrl>,
    pub(super) logs: Vec<(LogVersion, ServiceUrl)>,
    pub(super) stampers: Vec<ServiceUrl>,
}

impl Places {
    /// What the command line names, checked before anybody is asked anything.
    pub(super) fn of(args: &ServiceArgs, io: &Io) -> Result<Self, CliError> {
        let Some(file) = &args.signing_config else {
            return Ok(Self {
                authority: args.fulcio_url.clone(),
                logs: args.rekor_version.zip(args.rekor_url.clone()).into_iter().collect(),
                stampers: args.timestamp_url.clone(),
            });
        };
        let wrong = |source| SigningConfigFileError { path: file.clone(), source };
        let config = SigningConfig::parse(&io.files.read(file)?).map_err(wrong)?;
        let now = io.clock.now();
        let selected = config.select(now).map_err(wrong)?;
        let version = |log: &Service| if log.version == 2 { LogVersion::Two } else { LogVersion::One };
        let logs = selected.logs.iter().map(|log| Ok((version(log), place(log)?)));
        let stampers = selected.stampers.iter().map(|stamper| place(stamper));
        Ok(Self {
            authority: selected.authority.map(place).transpose()?,
            logs: logs.collect::<Result<_, ServicePlaceError>>()?,
            stampers: stampers.collect::<Result<_, _>>()?,
        })
    }

    /// Whether anybody witnesses signatures.
    pub(super) fn has_witnesses(&self) -> bool {
        !self.logs.is_empty() || !self.stampers.is_empty()
    }

    /// Whether somebody will prove when a signature was made. An entry in Rekor 2 has no time of its own.
    pub(super) fn prove_time(&self) -> bool {
        !self.stampers.is_empty() || self.logs.iter().any(|(version, _)| *version == LogVersion::One)
    }
}

impl ServiceArgs {
    /// Against what signatures are checked before they are stored.
    pub(super) fn trust(&self, io: &Io) -> Result<Option<TrustRoot>, CliError> {
        self.trusted_root.as_deref().map(|path| read_trusted_root(path, io)).transpose()
    }
}

fn place(service: &Service) -> Result<ServiceUrl, ServicePlaceError> {
    service.url.parse().map_err(|source| ServicePlaceError { url: service.url.clone(), source })
}

/// A signing config that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used as a signing config", .path.display())]
pub(super) struct SigningConfigFileError {
    path: PathBuf,
    source: SigningConfigError,
}

/// A place in a signing config that nobody should be asked at.
#[derive(Debug, thiserror::Error)]
#[error("the signing config names `{}`", Printable(.url))]
pub(super) struct ServicePlaceError {
    url: String,
    source: ServiceUrlError,
}
