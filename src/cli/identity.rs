//! Options that name a signer who has no key: spelt as cosign spells them, shared by every verb that verifies.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::CliError;
use super::key::{KeyReference, read_public_key};
use crate::base::{Claim, IdentityMatcher, MatcherError, Printable, TextMatcher, limits};
use crate::io::{FileError, Io};
use crate::verify::{
    CertificateLogDemand, IdentitySigner, LogDemand, Signer, TimeDemand, Trust, TrustRoot, TrustRootError,
    WitnessedKey,
};

/// Who must have signed, and what vouches for it.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Signers without a key")]
pub(super) struct IdentityArgs {
    /// Who must have signed: the certificate's subject, exactly
    ///
    /// An e-mail address, or the URL of a workflow such as https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1
    #[arg(long, value_name = "SUBJECT", requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// The same as a pattern: `*` is any run of characters but `/`
    ///
    /// The pattern is for the whole subject. Host and owner of a URL, and the domain of an address, must be written out.
    #[arg(
        long,
        value_name = "GLOB",
        requires = "certificate_oidc_issuer",
        conflicts_with = "certificate_identity"
    )]
    certificate_identity_glob: Option<String>,
    /// Who must have vouched for the signer: the issuer's URL, exactly
    #[arg(long, value_name = "URL")]
    certificate_oidc_issuer: Option<String>,
    /// What else the certificate must say, such as source_repository=https://github.com/acme/shop
    #[arg(long = "certificate-claim", value_name = "NAME=VALUE", requires = "certificate_oidc_issuer", value_parser = parse_claim)]
    certificate_claims: Vec<(Claim, TextMatcher)>,
    /// Sigstore trusted root: authorities, logs and clocks [default for certificates: the public-good instance]
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// Do not demand that the signature stands in a transparency log
    #[arg(long)]
    insecure_ignore_tlog: bool,
    /// Do not demand that the certificate stands in a certificate log
    #[arg(long, requires = "certificate_oidc_issuer")]
    insecure_ignore_sct: bool,
    #[arg(long, hide = true, value_name = "REGEXP", value_parser = no_regexp)]
    certificate_identity_regexp: Option<String>,
    #[arg(long, hide = true, value_name = "REGEXP", value_parser = no_regexp)]
    certificate_oidc_issuer_regexp: Option<String>,
}

impl IdentityArgs {
    /// The signers that the command line means, each with a name: the keys, or else the identity. Any of them is enough.
    pub(super) async fn signers(
        &self,
        keys: &[KeyReference],
        io: &Io,
    ) -> Result<Vec<(String, Signer)>, CliError> {
        if keys.is_empty() {
            let identity = self.identity(io)?;
            if identity.is_none() && (self.trusted_root.is_some() || self.insecure_ignore_tlog) {
                let text = "--trusted-root and --insecure-ignore-tlog say how a signer is checked, and none is named";
                return Err(CliError::usage(text).hint("add --key FILE, or --certificate-identity"));
            }
            return Ok(identity.into_iter().collect());
        }
        let witness = self.witness(io)?;
        let mut signers = Vec::new();
        for reference in keys {
            let key = read_public_key(io, reference).await?;
            let signer = match &witness {
                Some(trust) => Signer::WitnessedKey(Box::new(WitnessedKey { key, trust: trust.clone() })),
                None => Signer::Key(key),
            };
            signers.push((reference.to_string(), signer));
        }
        Ok(signers)
    }

    fn identity(&self, io: &Io) -> Result<Option<(String, Signer)>, CliError> {
        let subject = match (&self.certificate_identity, &self.certificate_identity_glob) {
            (Some(exact), _) => TextMatcher::equals(exact).map_err(wrong("--certificate-identity"))?,
            (None, Some(glob)) => TextMatcher::glob(glob).map_err(wrong("--certificate-identity-glob"))?,
            (None, None) => return self.nobody(),
        };
        let Some(issuer) = &self.certificate_oidc_issuer else { return self.nobody() };
        let name = Printable(&subject.to_string()).to_string();
        let mut identity = match IdentityMatcher::new(issuer, subject) {
            Err(MatcherError::Issuer) => {
                return Err(wrong("--certificate-oidc-issuer")(MatcherError::Issuer));
            }
            result => result.map_err(wrong("--certificate-identity-glob"))?,
        };
        for (claim, value) in &self.certificate_claims {
            identity = identity.with_claim(*claim, value.clone()).map_err(wrong("--certificate-claim"))?;
        }
        let trust = Trust {
            root: self.root(io)?,
            log: self.log(),
            certificate_log: match self.insecure_ignore_sct {
                true => CertificateLogDemand::NotRequired,
                false => CertificateLogDemand::Required,
            },
            time: TimeDemand::Proven,
        };
        Ok(Some((name, Signer::Identity(Box::new(IdentitySigner { identity, trust })))))
    }

    // An issuer alone would mean everybody whom it knows.
    fn nobody<T>(&self) -> Result<Option<T>, CliError> {
        match &self.certificate_oidc_issuer {
            None => Ok(None),
            Some(issuer) => {
                let text = format!("--certificate-oidc-issuer {} alone names nobody", Printable(issuer));
                Err(CliError::usage(text).hint("say who signed it: --certificate-identity SUBJECT"))
            }
        }
    }

    /// What must stand behind a key: nothing, unless somebody says whose logs count.
    fn witness(&self, io: &Io) -> Result<Option<Trust>, CliError> {
        if self.trusted_root.is_none() {
            return Ok(None);
        }
        Ok(Some(Trust {
            root: self.root(io)?,
            log: self.log(),
            // A key has no certificate, so nothing is left out here.
            certificate_log: CertificateLogDemand::Required,
            time: TimeDemand::NotRequired,
        }))
    }

    fn log(&self) -> LogDemand {
        match self.insecure_ignore_tlog {
            true => LogDemand::NotRequired,
            false => LogDemand::Required { logs: NonZeroUsize::MIN },
        }
    }

    fn root(&self, io: &Io) -> Result<TrustRoot, CliError> {
        let Some(path) = &self.trusted_root else { return TrustRoot::public_good().map_err(CliError::bug) };
        read_trusted_root(path, io)
    }
}

/// Reads a trusted root that a file holds.
pub(super) fn read_trusted_root(path: &Path, io: &Io) -> Result<TrustRoot, CliError> {
    let root = match io.files.read_at_most(path, limits::TRUSTED_ROOT) {
        Err(FileError::TooLarge { .. }) => Err(TrustRootError::TooLarge),
        read => TrustRoot::parse(&read?),
    };
    root.map_err(|error| CliError::not_a_trusted_root(path, error))
}

fn wrong(flag: &'static str) -> impl Fn(MatcherError) -> CliError {
    move |error| CliError::usage(format!("{flag}: {error}"))
}

fn parse_claim(text: &str) -> Result<(Claim, TextMatcher), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let claim = name.parse::<Claim>().map_err(|error| error.to_string())?;
    Ok((claim, TextMatcher::equals(value).map_err(|error| error.to_string())?))
}

// cosign's are searched for anywhere in the text, and a dot in them fits anything: `https://github.com/acme` lets acme-evil in.
fn no_regexp(_: &str) -> Result<String, String> {
    Err("regular expressions are not offered, because they fit strangers as well: give the exact text, or a \
         pattern with --certificate-identity-glob"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;
    use crate::io::{Access, Environment};

    fn read(args: &[&str]) -> Result<Option<Signer>, String> {
        let command = IdentityArgs::augment_args(Command::new("x").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        let io = Io::new(Environment::default(), Access::Offline).unwrap();
        let args = IdentityArgs::from_arg_matches(&matches).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let signers = runtime.block_on(args.signers(&[], &io));
        let signers = signers.map_err(|error| format!("{} {:?}", error.error, error.hints))?;
        Ok(signers.into_iter().map(|(_, signer)| signer).next())
    }

    const ISSUER: [&str; 2] = ["--certificate-oidc-issuer", "https://issuer.example"];

    #[test]
    fn both_halves_name_somebody() {
        assert_eq!(read(&[]), Ok(None));
        let identity = |args: &[&str]| match read(&[&ISSUER[..], args].concat()).unwrap() {
            Some(Signer::Identity(identity)) => identity,
            other => panic!("{other:?}"),
        };
        let exact = identity(&["--certificate-identity", "a@example.com"]);
        assert_eq!(exact.identity.issuer(), "https://issuer.example");
        let subject = exact.identity.subject();
        assert!(subject.matches("a@example.com") && !subject.matches("b@example.com"));
        assert_eq!(exact.trust, Trust::strict(TrustRoot::public_good().unwrap()));
        let glob = ["--certificate-identity-glob", "*@example.com"];
        assert!(identity(&glob).identity.subject().matches("b@example.com"));
        let claim = [&glob[..], &["--certificate-claim", "source_ref=refs/heads/main"]].concat();
        assert_eq!(identity(&claim).identity.claims().count(), 1);
        let relaxed = identity(&[&glob[..], &["--insecure-ignore-tlog", "--insecure-ignore-sct"]].concat());
        assert_eq!(relaxed.trust.log, LogDemand::NotRequired);
        assert_eq!(relaxed.trust.certificate_log, CertificateLogDemand::NotRequired);
    }

    #[test]
    fn half_an_identity_is_refused() {
        for (args, want) in [
            (&["--certificate-identity", "a@example.com"][..], "--certificate-oidc-issuer <URL>"),
            (&["--certificate-identity-glob", "*@example.com"], "--certificate-oidc-issuer <URL>"),
            (&["--certificate-claim", "source_ref=x"], "--certificate-oidc-issuer <URL>"),
            (&["--insecure-ignore-sct"], "--certificate-oidc-issuer <URL>"),
            (&ISSUER, "alone names nobody"),
        ] {
            let error = read(args).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn patterns_that_fit_strangers_are_refused() {
        for (args, want) in [
            (["--certificate-identity-glob", "https://github.com/acme*"], "acme-evil"),
            (["--certificate-identity-glob", "a@example.com"], "there is no `*`"),
            (["--certificate-identity-regexp", "^https://github.com/acme/"], "regular expressions are not"),
            (["--certificate-oidc-issuer-regexp", ".*"], "regular expressions are not"),
            (["--certificate-identity", ""], "there is nothing to compare with"),
        ] {
            let error = read(&[&ISSUER[..], &args].concat()).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        let claims = ["--certificate-claim", "issuer=x", "--certificate-identity", "a@example.com"];
        let error = read(&[&ISSUER[..], &claims].concat()).unwrap_err();
        assert!(error.contains("there is no claim `issuer`; there are build_signer, "), "{error}");
    }
}
