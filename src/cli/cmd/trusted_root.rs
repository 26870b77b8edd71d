//! `plimsoll trusted-root`: whose certificates, logs and time stamps are believed. Shows such a file, refreshes it, makes one.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Subcommand;

use crate::base::{Digest, Timestamp};
use crate::cli::args::Format;
use crate::cli::identity::read_trusted_root;
use crate::cli::key::{KeyReference, read_public_key};
use crate::cli::outlet::Outlet;
use crate::cli::render::trusted_root::{TrustedRootJson, text};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::{KeyAlgorithm, KeyError, PublicKey, certificates_from_pem};
use crate::format::trusted_root::{NewAuthority, NewLog, NewTrustedRoot};
use crate::io::{Io, ServiceUrl, TufRepository};
use crate::verify::TrustRoot;

/// Show, refresh or make a trusted root: whose certificates, logs and time stamps count
///
/// The root of the public Sigstore comes with this program and grows old: `update` gets the present one, over TUF, and only when it is called.
/// Verification uses it when it is named: --trusted-root FILE.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll trusted-root show
  plimsoll trusted-root show --trusted-root trusted_root.json
  plimsoll trusted-root update --output trusted_root.json
  plimsoll trusted-root update --mirror https://tuf.example.com --root root.json --output trusted_root.json
  plimsoll trusted-root create --fulcio url=https://fulcio.example.com,certificate-chain=ca.pem --ctfe url=https://ct.example.com,public-key=ct.pub,start-time=2026-01-01T00:00:00Z --rekor url=https://rekor.example.com,public-key=rekor.pub,start-time=2026-01-01T00:00:00Z --output trusted_root.json";

#[derive(Debug, Subcommand)]
enum Action {
    Show(Show),
    Update(Update),
    Create(Create),
}

/// Show the authorities and logs of a trusted root, and when each of them counts
#[derive(clap::Args, Debug)]
struct Show {
    /// The file [default: the public Sigstore's, as it came with this program]
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

/// Get the present trusted root of the public Sigstore, or of another one, over TUF
///
/// What was seen is kept, so that nobody can offer an older one later.
#[derive(clap::Args, Debug)]
struct Update {
    /// The TUF repository [default: the public Sigstore's]
    #[arg(long, value_name = "URL", requires = "root")]
    mirror: Option<ServiceUrl>,
    /// With --mirror: the root.json that trust begins with, from somewhere else
    #[arg(long, value_name = "FILE", requires = "mirror")]
    root: Option<PathBuf>,
    /// Where the trusted root goes; `-` is standard output [default: only into the cache, and the answer says where]
    #[arg(long, short, value_name = "FILE")]
    output: Option<Outlet>,
    /// What was seen is kept here [default: plimsoll/tuf in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

/// Make a trusted root of authorities and logs of your own
///
/// Each is told as KEY=VALUE,… as `cosign trusted-root create` takes them: url, certificate-chain or public-key (files in PEM), start-time,
/// end-time, and for a Rekor of tiles whose key is Ed25519 its origin, if that is not the host of the URL.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("any").required(true).multiple(true).args(["fulcio", "rekor", "ctfe", "tsa"])))]
struct Create {
    /// A certificate authority: url=…,certificate-chain=FILE[,start-time=…][,end-time=…]
    #[arg(long, value_name = "SPEC")]
    fulcio: Vec<AuthoritySpec>,
    /// A transparency log: url=…,public-key=FILE,start-time=…[,end-time=…][,origin=…]
    #[arg(long, value_name = "SPEC")]
    rekor: Vec<LogSpec>,
    /// A log of certificates: url=…,public-key=FILE,start-time=…[,end-time=…]
    #[arg(long, value_name = "SPEC")]
    ctfe: Vec<LogSpec>,
    /// A time stamp authority: url=…,certificate-chain=FILE[,start-time=…][,end-time=…]
    #[arg(long, value_name = "SPEC")]
    tsa: Vec<AuthoritySpec>,
    /// Where the trusted root goes; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    output: Outlet,
}

/// Shows, refreshes or makes.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let found = match args.action {
        Action::Show(Show { trusted_root: None }) => {
            Some((None, TrustRoot::public_good().map_err(CliError::bug)?))
        }
        Action::Show(Show { trusted_root: Some(path) }) => {
            let root = read_trusted_root(&path, io)?;
            Some((Some(path), root))
        }
        Action::Update(update) => update.run(io, ui).await?,
        Action::Create(create) => create.run(io, ui).await?,
    };
    // What is on standard output already is the whole answer.
    let Some((file, root)) = found else { return Ok(Outcome::Yes) };
    match ui.format() {
        Format::Json => ui.json(&TrustedRootJson::new(file.as_deref(), &root))?,
        Format::Text => {
            let answer = text(file.as_deref(), &root, |heading| ui.strong(heading));
            ui.answer(&answer);
        }
    }
    Ok(Outcome::Yes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<TrustRoot, CliError> {
    TrustRoot::parse(bytes).map_err(|error| CliError::not_a_trusted_root(path, error))
}

/// A trusted root, and the file that it is in; none if it was written to standard output.
type Told = Option<(Option<PathBuf>, TrustRoot)>;

impl Update {
    async fn run(self, io: &Io, ui: &mut Ui<'_>) -> Result<Told, CliError> {
        self.output.iter().try_for_each(|outlet| outlet.check(io, ui))?;
        let repository = match (self.mirror, self.root) {
            (Some(mirror), Some(root)) => TufRepository::new(mirror, io.files.read(&root)?),
            _ => TufRepository::public_good().map_err(CliError::bug)?,
        };
        let cache = match self.cache {
            Some(cache) => cache,
            None => default_cache(io)?,
        };
        let folder = cache.join(repository.folder_name());
        let services = io.services()?;
        let bytes = services.tuf_target(&repository, TARGET, &folder, io.clock.now()).await?;
        // Nobody is helped by a file that cannot be used here, whoever vouches for it.
        let root = TrustRoot::parse(&bytes).map_err(CliError::unusable_trusted_root)?;
        let file = match self.output {
            Some(outlet) => {
                outlet.write(&bytes, io, ui)?;
                outlet.file().map(Path::to_owned)
            }
            None => Some(folder.join("targets").join(TARGET)),
        };
        Ok(file.map(|file| (Some(file), root)))
    }
}

fn default_cache(io: &Io) -> Result<PathBuf, CliError> {
    let absolute = |name: &str| io.environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| {
        CliError::usage("there is no folder for what was seen: neither XDG_CACHE_HOME nor HOME is set")
    });
    cache
        .map(|cache| cache.join("plimsoll").join("tuf"))
        .map_err(|error| error.hint("name one: --cache FOLDER"))
}

impl Create {
    async fn run(self, io: &Io, ui: &mut Ui<'_>) -> Result<Told, CliError> {
        self.output.check(io, ui)?;
        let mut new = NewTrustedRoot::default();
        for (specs, logs) in [(&self.rekor, &mut new.logs), (&self.ctfe, &mut new.certificate_logs)] {
            for spec in specs {
                logs.push(spec.log(io).await?);
            }
        }
        for (specs, authorities) in
            [(&self.fulcio, &mut new.certificate_authorities), (&self.tsa, &mut new.timestamp_authorities)]
        {
            for spec in specs {
                authorities.push(spec.authority(io)?);
            }
        }
        let json = new.to_json();
        let root = parse(self.output.to_string().as_ref(), json.as_bytes())?;
        self.output.write(json.as_bytes(), io, ui)?;
        Ok(self.output.file().map(|file| (Some(file.to_owned()), root)))
    }
}

/// The pairs of `KEY=VALUE,…`.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not KEY=VALUE"))?;
            if !known.contains(&key) {
                return Err(format!("`{key}` is not known: {}", known.join(", ")));
            }
            if pairs.iter().any(|(other, _)| other == key) {
                return Err(format!("`{key}` is given twice"));
            }
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self(pairs))
    }

    fn optional(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str())
    }

    fn required(&self, key: &str) -> Result<&str, String> {
        self.optional(key).filter(|value| !value.is_empty()).ok_or_else(|| format!("`{key}` is missing"))
    }

    fn time(&self, key: &str) -> Result<Option<Timestamp>, String> {
        let time = |text: &str| text.parse::<Timestamp>().map_err(|error| format!("{key}: {error}"));
        self.optional(key).map(time).transpose()
    }
}

/// A log, as the command line tells it.
#[derive(Clone, Debug)]
struct LogSpec {
    url: String,
    key: KeyReference,
    origin: String,
    start: Timestamp,
    end: Option<Timestamp>,
}

impl FromStr for LogSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = Pairs::parse(text, &["url", "public-key", "start-time", "end-time", "origin"])?;
        let url = pairs.required("url")?.to_owned();
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let origin = pairs.optional("origin").unwrap_or(host).to_owned();
        // A log that counts from the beginning of time would vouch for what it never saw.
        let start = pairs.time("start-time")?.ok_or("`start-time` is missing")?;
        Ok(Self {
            key: pairs.required("public-key")?.parse::<KeyReference>().map_err(|error| error.to_string())?,
            end: pairs.time("end-time")?,
            url,
            origin,
            start,
        })
    }
}

impl LogSpec {
    async fn log(&self, io: &Io) -> Result<NewLog, CliError> {
        let key = read_public_key(io, &self.key).await?;
        let key_details = key.algorithm().details().ok_or_else(|| {
            CliError::usage(format!("{}: logs do not sign with {}", self.key, key.algorithm()))
        })?;
        Ok(NewLog {
            url: self.url.clone(),
            id: log_id(&key, &self.origin),
            key: key.spki().to_vec(),
            key_details,
            start: self.start,
            end: self.end,
        })
    }
}

/// The hash by which a log is named: of its key (RFC 6962, section 3.2), or for a log of tiles of its name and key, as its notes are signed
/// (c2sp.org/signed-note, "Signatures").
fn log_id(key: &PublicKey, origin: &str) -> Vec<u8> {
    let raw = key.spki().split_at_checked(ED25519_PREFIX);
    match (key.algorithm(), raw) {
        (KeyAlgorithm::Ed25519, Some((_, raw))) => {
            Digest::of(&[origin.as_bytes(), b"\n\x01", raw].concat()).bytes().to_vec()
        }
        _ => key.fingerprint().bytes().to_vec(),
    }
}

/// An authority, as the command line tells it.
#[derive(Clone, Debug)]
struct AuthoritySpec {
    url: String,
    chain: PathBuf,
    start: Timestamp,
    end: Option<Timestamp>,
}

impl FromStr for AuthoritySpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = Pairs::parse(text, &["url", "certificate-chain", "start-time", "end-time"])?;
        Ok(Self {
            url: pairs.required("url")?.to_owned(),
            chain: pairs.required("certificate-chain")?.into(),
            // Its certificates say since when they are good.
            start: pairs.time("start-time")?.unwrap_or(Timestamp::EPOCH),
            end: pairs.time("end-time")?,
        })
    }
}

impl AuthoritySpec {
    fn authority(&self, io: &Io) -> Result<NewAuthority, CliError> {
        let certificates = certificates_from_pem(&io.files.read_text(&self.chain)?).map_err(|source| {
            CliError::new(Outcome::Usage, ChainFileError { path: self.chain.clone(), source })
                .hint("PEM: the issuing certificate first, the root last")
        })?;
        Ok(NewAuthority { url: self.url.clone(), certificates, start: self.start, end: self.end })
    }
}

/// A file that is no chain of certificates.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a chain of certificates", .path.display())]
struct ChainFileError {
    path: PathBuf,
    source: KeyError,
}

/// The name of a trusted root in Sigstore's repositories.
const TARGET: &str = "trusted_root.json";
/// Bytes of a SubjectPublicKeyInfo before an Ed25519 key (RFC 8410, section 4).
const ED25519_PREFIX: usize = 12;
