//! Signing as an identity: an identity token, a key that lives for one run, and an authority that certifies it.

mod token;

use std::sync::Arc;

use tokio::sync::Mutex;

pub(super) use token::TokenInputError;

use super::services::{Places, ServiceArgs};
use super::ui::Ui;
use super::witness::{Holder, Witnesses};
use super::{CliError, Outcome};
use crate::base::{Identity, Printable, Secret, Timestamp, limits};
use crate::crypto::{Form, PrivateKey, PublicKey};
use crate::format::token::{Claims, OtherName};
use crate::io::{Io, Issued, ServiceUrl, TokenProvider};
use crate::sign::{Signatory, Signature, ToSign};
use crate::verify::{CertificateError, Signer, UnverifiedCertificate, unverified_certificate};
use token::TokenSource;

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
}

/// Signs as an identity. The certificate is asked for when the first signature is made, and used for as long as it is good.
#[derive(Debug)]
pub(super) struct Keyless {
    token: Secret<String>,
    claims: Claims,
    authority: ServiceUrl,
    witnesses: Witnesses,
    session: Mutex<Option<Arc<Session>>>,
}

/// A key that lives for some minutes of this run, with its certificate.
#[derive(Debug)]
struct Session {
    key: PrivateKey,
    issued: Issued,
    certificate: UnverifiedCertificate,
}

impl Session {
    /// A signature whose proven time is after the end verifies nowhere, and a log would hold it for ever.
    fn check_time_left(&self, now: Timestamp) -> Result<(), CliError> {
        let end = self.certificate.not_after;
        if now.seconds().saturating_add(SECONDS_LEFT) <= end.seconds() {
            return Ok(());
        }
        Err(CliError::new(Outcome::Unknown, EndedCertificate { end, now })
            .hint("this signature was not stored; if a second run says the same, compare this machine's clock with the authority's"))
    }
}

impl Keyless {
    /// Gets the token, and tells whose it is.
    pub(super) async fn open(
        args: &KeylessArgs,
        services: &ServiceArgs,
        io: &Io,
        ui: &mut Ui<'_>,
    ) -> Result<Self, CliError> {
        let places = Places::of(services, io)?;
        let Some(authority) = places.authority.clone() else {
            return Err(CliError::usage("keyless signing needs an authority that certifies identities, and none is named")
                .hint("name the services with --signing-config FILE, or with --fulcio-url, --rekor-url and --timestamp-url"));
        };
        // A certificate is good for minutes: without a proven time, nobody could verify later.
        if !places.prove_time() {
            return Err(CliError::usage("nothing would prove when the signature was made, and nobody could verify it")
                .hint("name a time stamp authority: --timestamp-url, or `tsaUrls` and `tsaConfig` of the signing config"));
        }
        let witnesses = Witnesses::new(places, services.trust(io)?, io)?;
        let token = match (&args.identity_token, args.oidc_provider) {
            (Some(source), _) => source.read(io, ui)?,
            (None, Some(provider)) => witnesses.services().identity_token(provider).await?,
            (None, None) => return Err(CliError::usage("say as whom: --identity-token or --oidc-provider")),
        };
        let claims = Claims::of(&token)?;
        check_token(&claims, io.clock.now())?;
        let who = format!("signing as {} (issuer {})", claims.subject, claims.issuer);
        ui.note(&Printable(&who).to_string());
        Ok(Self { token, claims, authority, witnesses, session: Mutex::default() })
    }

    /// Whether what is signed can be stored in a layer under a legacy tag.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        self.witnesses.check_layer()
    }

    /// As whom the signatures will verify, if the token says what a certificate will say, and there is a trusted root to check the others with.
    pub(super) fn identity(&self) -> Option<Signer> {
        let (issuer, subject) = self.claims.name()?;
        self.witnesses.identity(&issuer, &subject)
    }

    /// Whom the certificate of this run names, if there is one.
    pub(super) async fn certified(&self) -> Option<Identity> {
        self.session.lock().await.as_ref().map(|session| session.certificate.identity.clone())
    }

    /// Signs, and has it witnessed.
    pub(super) async fn sign(
        &self,
        io: &Io,
        ui: &mut Ui<'_>,
        to_sign: &ToSign,
    ) -> Result<Signature, CliError> {
        if to_sign.form() == Form::Layer {
            self.check_layer()?;
        }
        let session = self.session(io, ui).await?;
        let Session { key, issued, certificate } = &*session;
        let signatory = Signatory::Certificate { leaf: issued.leaf.clone(), chain: issued.chain.clone() };
        let signature = Signature { signatory, ..Signature::by_key(key, to_sign)? };
        self.witnesses.witness(to_sign, signature, Holder::Certificate(certificate)).await
    }

    /// The key and the certificate of this run, or new ones if there is no time left to use them.
    async fn session(&self, io: &Io, ui: &mut Ui<'_>) -> Result<Arc<Session>, CliError> {
        let mut last = self.session.lock().await;
        if let Some(session) = last.as_ref()
            && session.check_time_left(io.clock.now()).is_ok()
        {
            return Ok(Arc::clone(session));
        }
        check_token(&self.claims, io.clock.now())?;
        let key = PrivateKey::generate()?;
        // Fulcio: the key's holder signs the subject of the token.
        let proof = key.sign(Form::File, self.claims.subject.as_bytes()).map_err(CliError::bug)?;
        let services = self.witnesses.services();
        let issued = services.certificate(&self.authority, &self.token, &key.public(), &proof).await?;
        let certificate = self.check_certificate(&issued.leaf, &key.public()).map_err(|error| {
            CliError::new(Outcome::Unknown, error)
                .hint("nothing was signed with it: do not trust this authority before it is clear why it answers so")
        })?;
        let identity = &certificate.identity;
        if last.is_none()
            && (&identity.issuer, &identity.subject) != (&self.claims.issuer, &self.claims.subject)
        {
            let who = format!("the certificate names {} (issuer {})", identity.subject, identity.issuer);
            ui.note(&Printable(&who).to_string());
        }
        let session = Arc::new(Session { key, issued, certificate });
        session.check_time_left(io.clock.now())?;
        Ok(Arc::clone(last.insert(session)))
    }

    /// What can be told of a certificate without believing its authority: whether anybody could count it as the token's holder's.
    fn check_certificate(
        &self,
        leaf: &[u8],
        key: &PublicKey,
    ) -> Result<UnverifiedCertificate, WrongCertificate> {
        let certificate = unverified_certificate(leaf)?;
        // A certificate for somebody else's key would make them the signer.
        if certificate.key != *key {
            return Err(WrongCertificate::Key);
        }
        if !certificate.signs_code {
            return Err(WrongCertificate::Use);
        }
        self.claims.check_name(&certificate.identity)?;
        Ok(certificate)
    }
}

fn check_token(claims: &Claims, now: Timestamp) -> Result<(), CliError> {
    if claims.expires > now {
        return Ok(());
    }
    Err(CliError::new(Outcome::Usage, ExpiredToken { at: claims.expires })
        .hint("get a new identity token: they are good for minutes"))
}

/// A certificate that has ended, or ends before a signature can be made with it.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is good until {end}, and it is {now}: too late to sign with it")]
struct EndedCertificate {
    end: Timestamp,
    now: Timestamp,
}

/// A certificate that nobody should sign with.
#[derive(Debug, thiserror::Error)]
enum WrongCertificate {
    #[error("the certificate cannot be used")]
    Form(#[from] CertificateError),
    #[error("the certificate is for another key than the one that was sent")]
    Key,
    #[error("the certificate is not the token's holder's")]
    Name(#[from] OtherName),
    #[error("the certificate is not for signing code, so nobody would count the signature")]
    Use,
}

/// A token that nobody accepts any more.
#[derive(Debug, thiserror::Error)]
#[error("the identity token has expired at {at}")]
struct ExpiredToken {
    at: Timestamp,
}

/// Seconds for which a certificate must still be good when something is signed with it: as long as a service may take to answer.
const SECONDS_LEFT: i64 = limits::SERVICE_SECONDS as i64;
