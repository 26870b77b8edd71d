//! Signing as an identity: an identity token, a key that lives for one run, and the services that the user names. Without their names nobody is
//! asked anything: there is no default instance.

use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::ui::Ui;
use super::{CliError, Outcome};
use crate::base::{Algorithm, IdentityMatcher, Printable, Secret, TextMatcher, Timestamp, limits};
use crate::crypto::{Form, PrivateKey, certificate_pem};
use crate::format::bundle::{Bundle, NewBundle, NewContent, NewSigner};
use crate::format::rekor::NewEntry;
use crate::format::signing_config::{Service, SigningConfig, SigningConfigError};
use crate::format::token::Claims;
use crate::io::{Io, Issued, ServiceUrl, ServiceUrlError, Services, TokenProvider};
use crate::sign::{LogEntry, Signatory, Signature, ToSign};
use crate::verify::{
    IdentitySigner, Signer, Trust, TrustRoot, check_file, unverified_end, unverified_identity, verify_bundle,
};

/// Signing as an identity instead of with a key.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Keyless")]
pub(super) struct KeylessArgs {
    /// Sign as the identity in this OpenID Connect token: a file, `-` for standard input, or env://VARIABLE
    #[arg(long, value_name = "TOKEN")]
    identity_token: Option<TokenSource>,
    /// Sign as the identity of this CI job: github-actions or gitlab
    #[arg(long, value_name = "PROVIDER")]
    oidc_provider: Option<TokenProvider>,
    /// The services that make the signature: a Sigstore signing config
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fulcio_url", "rekor_url", "timestamp_url"], requires = "identity")]
    signing_config: Option<PathBuf>,
    /// The Fulcio that issues the certificate
    #[arg(long, value_name = "URL", requires = "identity")]
    fulcio_url: Option<ServiceUrl>,
    /// The Rekor that enters the signature
    #[arg(long, value_name = "URL", requires_all = ["fulcio_url", "rekor_version"])]
    rekor_url: Option<ServiceUrl>,
    /// Interface of --rekor-url: 1, or 2 for a log of tiles
    #[arg(long, value_name = "1|2", requires = "rekor_url")]
    rekor_version: Option<LogVersion>,
    /// A time stamp authority (RFC 3161) that stamps the signature; may be given several times
    #[arg(long, value_name = "URL", requires = "fulcio_url")]
    timestamp_url: Vec<ServiceUrl>,
    /// Check what was signed against this Sigstore trusted root before it is stored
    #[arg(long, value_name = "FILE", requires = "identity")]
    trusted_root: Option<PathBuf>,
}

/// Where an identity token is.
#[derive(Clone, Debug)]
enum TokenSource {
    File(PathBuf),
    Input,
    Variable(String),
}

impl FromStr for TokenSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix("env://") {
            Some(variable) => Self::Variable(variable.to_owned()),
            None if text == "-" => Self::Input,
            None => Self::File(text.into()),
        })
    }
}

/// An interface of Rekor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LogVersion {
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

#[derive(Debug, thiserror::Error)]
#[error("write 1 or 2")]
struct UnknownVersion;

/// The services that one run asks.
#[derive(Debug)]
struct Places {
    authority: ServiceUrl,
    logs: Vec<(LogVersion, ServiceUrl)>,
    stampers: Vec<ServiceUrl>,
}

impl Places {
    /// What the command line names, checked before anybody is asked anything.
    fn of(args: &KeylessArgs, io: &Io) -> Result<Self, CliError> {
        let places = match (&args.signing_config, &args.fulcio_url) {
            (Some(file), _) => {
                let wrong = |source| SigningConfigFileError { path: file.clone(), source };
                let config = SigningConfig::parse(&io.files.read(file)?).map_err(wrong)?;
                let selected = config.select(io.clock.now()).map_err(wrong)?;
                let version =
                    |log: &Service| if log.version == 2 { LogVersion::Two } else { LogVersion::One };
                let logs = selected.logs.iter().map(|log| Ok((version(log), place(log)?)));
                Self {
                    authority: place(selected.authority)?,
                    logs: logs.collect::<Result<_, ServicePlaceError>>()?,
                    stampers: selected
                        .stampers
                        .iter()
                        .map(|stamper| place(stamper))
                        .collect::<Result<_, _>>()?,
                }
            }
            (None, Some(authority)) => Self {
                authority: authority.clone(),
                logs: args.rekor_version.zip(args.rekor_url.clone()).into_iter().collect(),
                stampers: args.timestamp_url.clone(),
            },
            (None, None) => {
                return Err(CliError::usage("keyless signing needs services, and none is named")
                    .hint("name them with --signing-config FILE, or with --fulcio-url, --rekor-url and --timestamp-url"));
            }
        };
        // A certificate is good for minutes: without a proven time, nobody could verify later. Rekor 2 proves none.
        if places.stampers.is_empty() && !places.logs.iter().any(|(version, _)| *version == LogVersion::One) {
            return Err(CliError::usage("nothing would prove when the signature was made, and nobody could verify it")
                .hint("name a time stamp authority: --timestamp-url, or `tsaUrls` and `tsaConfig` of the signing config"));
        }
        Ok(places)
    }

    /// One log with a promise, and one time stamp: more has no place in a layer that cosign 2 reads.
    fn fits_layer(&self) -> bool {
        matches!(self.logs.as_slice(), [] | [(LogVersion::One, _)]) && self.stampers.len() <= 1
    }
}

fn place(service: &Service) -> Result<ServiceUrl, ServicePlaceError> {
    service.url.parse().map_err(|source| ServicePlaceError { url: service.url.clone(), source })
}

/// Signs as an identity. The certificate is asked for when the first signature is made, and used for as long as it is good.
#[derive(Debug)]
pub(super) struct Keyless {
    token: Secret<String>,
    claims: Claims,
    services: Services,
    places: Places,
    trust: Option<TrustRoot>,
    session: Mutex<Option<Arc<Session>>>,
}

/// A key that lives for some minutes of this run, with its certificate.
#[derive(Debug)]
struct Session {
    key: PrivateKey,
    issued: Issued,
    /// Until when the certificate is good.
    end: Timestamp,
}

impl Session {
    /// A signature whose proven time is after the end verifies nowhere, and a log would hold it for ever.
    fn check(&self, now: Timestamp, seconds_left: i64) -> Result<(), CliError> {
        if now.seconds().saturating_add(seconds_left) <= self.end.seconds() {
            return Ok(());
        }
        Err(CliError::new(Outcome::Unknown, EndedCertificate { end: self.end, now })
            .hint("this signature was not stored; if a second run says the same, compare this machine's clock with the authority's"))
    }
}

impl Keyless {
    /// Gets the token, and tells whose it is.
    pub(super) async fn open(args: &KeylessArgs, io: &Io, ui: &mut Ui<'_>) -> Result<Self, CliError> {
        let places = Places::of(args, io)?;
        let trust = args.trusted_root.as_deref().map(|path| read_trusted_root(path, io)).transpose()?;
        let services = io.services()?;
        let token = match (&args.identity_token, args.oidc_provider) {
            (Some(source), _) => read_token(source, io, ui)?,
            (None, Some(provider)) => services.identity_token(provider).await?,
            (None, None) => return Err(CliError::usage("say as whom: --identity-token or --oidc-provider")),
        };
        let claims = Claims::of(&token)?;
        check_token(&claims, io.clock.now())?;
        let who = format!("signing as {} (issuer {})", claims.subject, claims.issuer);
        ui.note(&Printable(&who).to_string());
        Ok(Self { token, claims, services, places, trust, session: Mutex::default() })
    }

    /// Whether what is signed can be stored in a layer under a legacy tag.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        if self.places.fits_layer() {
            return Ok(());
        }
        Err(CliError::usage(
            "a layer under a legacy tag holds an entry of one Rekor 1 and one time stamp at most",
        )
        .hint("use --storage referrers, or name services that fit"))
    }

    /// Signs, enters the signature into every log, and has it stamped by everybody who is named.
    pub(super) async fn sign(&self, io: &Io, to_sign: &ToSign) -> Result<Signature, CliError> {
        if to_sign.form() == Form::Layer {
            self.check_layer()?;
        }
        let session = self.session(io).await?;
        let Session { key, issued, .. } = &*session;
        let signature = Signature::by_key(key, to_sign)?;
        let envelope = to_sign.envelope(&signature.bytes);
        let entry = NewEntry {
            digest: to_sign.digest(Algorithm::Sha256).ok_or_else(|| CliError::bug(NotHashed))?,
            envelope: envelope.as_deref(),
            signature: &signature.bytes,
            certificate: &issued.leaf,
            certificate_pem: &certificate_pem(&issued.leaf),
        };
        let mut log_entries = Vec::new();
        for (version, log) in &self.places.logs {
            let json = match version {
                LogVersion::One => self.services.enter_in_rekor_1(log, entry).await?,
                LogVersion::Two => self.services.enter_in_rekor_2(log, entry).await?,
            };
            log_entries.push(LogEntry::parse(json.as_bytes()).map_err(CliError::bug)?);
        }
        let mut timestamps = Vec::new();
        for stamper in &self.places.stampers {
            timestamps.push(self.services.stamp(stamper, &signature.bytes).await?);
        }
        // Services take their time.
        session.check(io.clock.now(), 0)?;
        let signatory = Signatory::Certificate { leaf: issued.leaf.clone(), chain: issued.chain.clone() };
        let signature = Signature { signatory, log_entries, timestamps, ..signature };
        if let Some(root) = &self.trust {
            check(root, to_sign, envelope.as_deref(), &signature, &issued.leaf).map_err(|source| {
                CliError::new(Outcome::Unknown, DoesNotVerify { source })
                    .hint("nothing was stored: the trusted root is of other services, or too old, or the services do not do what they should")
            })?;
        }
        Ok(signature)
    }

    /// The key and the certificate of this run, or new ones if there is no time left to use them.
    async fn session(&self, io: &Io) -> Result<Arc<Session>, CliError> {
        let mut last = self.session.lock().await;
        if let Some(session) = last.as_ref()
            && session.check(io.clock.now(), SECONDS_LEFT).is_ok()
        {
            return Ok(Arc::clone(session));
        }
        check_token(&self.claims, io.clock.now())?;
        let key = PrivateKey::generate()?;
        // Fulcio: the key's holder signs the subject of the token.
        let proof = key.sign(Form::File, self.claims.subject.as_bytes()).map_err(CliError::bug)?;
        let authority = &self.places.authority;
        let issued = self.services.certificate(authority, &self.token, &key.public(), &proof).await?;
        let end = unverified_end(&issued.leaf)
            .map_err(|source| CliError::new(Outcome::Unknown, DoesNotVerify { source: source.into() }))?;
        let session = Arc::new(Session { key, issued, end });
        session.check(io.clock.now(), SECONDS_LEFT)?;
        Ok(Arc::clone(last.insert(session)))
    }
}

fn check_token(claims: &Claims, now: Timestamp) -> Result<(), CliError> {
    if claims.expires > now {
        return Ok(());
    }
    Err(CliError::new(Outcome::Usage, ExpiredToken { at: claims.expires })
        .hint("get a new identity token: they are good for minutes"))
}

/// Checks what was signed as everybody will: as a bundle, against the trusted root, by whom the certificate names.
fn check(
    root: &TrustRoot,
    to_sign: &ToSign,
    envelope: Option<&str>,
    signature: &Signature,
    certificate: &[u8],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let content = to_sign.content();
    let entries: Vec<_> = signature.log_entries.iter().map(LogEntry::json).collect();
    let json = NewBundle {
        signer: NewSigner::Certificate(certificate),
        log_entries: &entries,
        timestamps: &signature.timestamps,
        content: match envelope {
            Some(envelope) => NewContent::Envelope(envelope),
            None => NewContent::File { digest: content.name(), signature: &signature.bytes },
        },
    }
    .to_json();
    let bundle = Bundle::parse(json.as_bytes())?;
    let named = unverified_identity(certificate)?;
    let identity = IdentityMatcher::new(&named.issuer, TextMatcher::equals(&named.subject)?)?;
    let signer = IdentitySigner { identity, trust: Trust::strict(root.clone()) };
    let signer = Signer::Identity(Box::new(signer));
    match envelope {
        Some(_) => verify_bundle(&bundle, &signer).map(drop)?,
        None => check_file(&bundle, &signer, &content).map(drop)?,
    }
    Ok(())
}

fn read_trusted_root(path: &Path, io: &Io) -> Result<TrustRoot, CliError> {
    let bytes = io.files.read_at_most(path, limits::TRUSTED_ROOT)?;
    TrustRoot::parse(&bytes).map_err(|error| CliError::not_a_trusted_root(path, error))
}

fn read_token(source: &TokenSource, io: &Io, ui: &mut Ui<'_>) -> Result<Secret<String>, CliError> {
    let bytes = match source {
        TokenSource::File(path) => io.files.read_at_most(path, limits::IDENTITY_TOKEN)?,
        TokenSource::Variable(name) => {
            let value = io.environment.get(name).filter(|value| !value.is_empty());
            let missing = || CliError::usage(format!("environment variable {} is not set", Printable(name)));
            value.ok_or_else(missing)?.as_bytes().to_vec()
        }
        TokenSource::Input if ui.input_is_reserved() => {
            return Err(CliError::usage(
                "standard input is what is signed, so it cannot hold the identity token",
            )
            .hint("put the token into a file or a variable: --identity-token env://TOKEN"));
        }
        TokenSource::Input => {
            // Room for all of it, so that growing leaves no unwiped copy behind.
            let mut bytes = Vec::with_capacity(limits::IDENTITY_TOKEN as usize + 1);
            let read = ui.input().take(limits::IDENTITY_TOKEN + 1).read_to_end(&mut bytes);
            read.map_err(TokenInputError::Read)?;
            bytes
        }
    };
    if bytes.len() as u64 > limits::IDENTITY_TOKEN {
        return Err(TokenInputError::TooLong.into());
    }
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| TokenInputError::NotText)?);
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
}

/// Why there is no token to read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenInputError {
    /// Bytes that are no text.
    #[error("the identity token is not text")]
    NotText,
    /// Standard input.
    #[error("the identity token cannot be read from standard input")]
    Read(#[source] std::io::Error),
    /// Over the limit.
    #[error("this is longer than an identity token can be")]
    TooLong,
}

/// A signature that would not count.
#[derive(Debug, thiserror::Error)]
#[error("what the services made of the signature does not verify")]
struct DoesNotVerify {
    source: Box<dyn Error + Send + Sync>,
}

/// A certificate that has ended, or ends before a signature can be made with it.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is good until {end}, and it is {now}: too late to sign with it")]
struct EndedCertificate {
    end: Timestamp,
    now: Timestamp,
}

/// Something to sign that nobody hashed: SHA-256 is always among the hashes of a file.
#[derive(Debug, thiserror::Error)]
#[error("what is to be signed has no SHA-256")]
struct NotHashed;

/// A token that nobody accepts any more.
#[derive(Debug, thiserror::Error)]
#[error("the identity token has expired at {at}")]
struct ExpiredToken {
    at: Timestamp,
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

/// Seconds for which a certificate must still be good when something is signed with it: as long as a service may take to answer.
const SECONDS_LEFT: i64 = limits::SERVICE_SECONDS as i64;
