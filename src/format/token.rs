//! What an OpenID Connect identity token says: RFC 7519 and OpenID Connect Core 1.0, section 2. Its signature is for others to check: what is
//! read here is told to people, and decides nothing but to stop early.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::json::{JsonError, parse_strict};
use crate::base::{Identity, Printable, Secret, Timestamp};

/// The claims of a token. Nobody has checked them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Who made the token.
    pub issuer: String,
    /// For whom it was made: an address, if the issuer has checked that one is theirs, else the issuer's own name for them.
    pub subject: String,
    /// From when on nobody accepts it.
    pub expires: Timestamp,
    /// Who vouched for the holder to the issuer; authorities name that one.
    connector: Option<String>,
    /// Whom a certificate for the token names, as far as the token says it: any of these.
    names: Vec<String>,
}

impl Claims {
    /// Reads the middle part of a token. Errors show nothing of the token.
    pub fn of(token: &Secret<String>) -> Result<Self, TokenError> {
        let mut parts = token.expose().split('.');
        let (Some(_), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if signature.is_empty() || !token.expose().bytes().all(|byte| is_base64url(byte) || byte == b'.') {
            return Err(TokenError::Form);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Form)?;
        let wire: ClaimsWire =
            parse_strict(&claims).map_err(|error| TokenError::Claims(error.without_content()))?;
        let expires = Timestamp::from_seconds(wire.exp).map_err(|_| TokenError::Expiry)?;
        let mut names = Vec::new();
        let subject = match wire.email.filter(|email| !email.is_empty()) {
            // Anybody can claim an address.
            Some(_) if !wire.email_verified.unwrap_or(false) => return Err(TokenError::Address),
            Some(email) => {
                names.push(email.clone());
                email
            }
            None => {
                let workflow = wire.job_workflow_ref.filter(|_| wire.iss.starts_with(GITHUB));
                names.extend(workflow.map(|workflow| format!("https://github.com/{workflow}")));
                names.extend(wire.ci_config_ref_uri.map(|config| format!("https://{config}")));
                names.extend(Some(wire.sub.clone()).filter(|sub| sub.contains("://")));
                wire.sub
            }
        };
        let connector = wire.federated_claims.and_then(|claims| claims.connector_id);
        Ok(Self { issuer: wire.iss, subject, expires, connector, names })
    }

    /// Issuer and subject that a certificate for the token will name, if the token says that.
    pub fn name(&self) -> Option<(String, String)> {
        let issuer = self.connector.as_ref().unwrap_or(&self.issuer);
        Some((issuer.clone(), self.names.first()?.clone()))
    }

    /// Whether a certificate that names this identity can be for this token's holder. What the token does not say is not compared: some
    /// authorities make a name of other claims.
    pub fn check_name(&self, identity: &Identity) -> Result<(), OtherName> {
        let short = |text: &str| text.chars().take(128).collect::<String>();
        let issuers = [Some(&self.issuer), self.connector.as_ref()];
        if !issuers.contains(&Some(&identity.issuer)) {
            return Err(OtherName {
                what: "issuer",
                found: short(&identity.issuer),
                want: short(&self.issuer),
            });
        }
        match self.names.first() {
            Some(want) if !self.names.contains(&identity.subject) => {
                Err(OtherName { what: "subject", found: short(&identity.subject), want: short(want) })
            }
            _ => Ok(()),
        }
    }
}

/// A certificate names somebody else than its token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it names the {what} `{}`, and the identity token `{}`", Printable(.found), Printable(.want))]
pub struct OtherName {
    what: &'static str,
    found: String,
    want: String,
}

#[derive(Deserialize)]
struct ClaimsWire {
    iss: String,
    sub: String,
    exp: i64,
    email: Option<String>,
    email_verified: Option<bool>,
    /// Of GitHub: the workflow, which is what certificates name (fulcio, docs/oidc.md).
    job_workflow_ref: Option<String>,
    /// Of GitLab: the same.
    ci_config_ref_uri: Option<String>,
    /// Of dex.
    federated_claims: Option<FederatedWire>,
}

#[derive(Deserialize)]
struct FederatedWire {
    connector_id: Option<String>,
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Why a text is not a token that can be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `email_verified` is not true.
    #[error("the identity token's issuer has not checked that the e-mail address in it is theirs")]
    Address,
    /// Claims that are missing, or not JSON.
    #[error("the identity token's claims cannot be read")]
    Claims(#[source] JsonError),
    /// A time outside of all years.
    #[error("the identity token's `exp` is not a time")]
    Expiry,
    /// Not three parts in base64.
    #[error("this is not an identity token: a JSON Web Token has three parts with dots between them")]
    Form,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret<String> {
        Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn claims() {
        let read = |claims: &str| Claims::of(&token(claims));
        let said = read(r#"{"iss":"https://i","sub":"repo:a/b","exp":1750000000,"aud":["sigstore"],"x":1}"#);
        let said = said.unwrap();
        assert_eq!((&*said.issuer, &*said.subject), ("https://i", "repo:a/b"));
        assert_eq!(said.expires.seconds(), 1_750_000_000);
        let said = read(r#"{"iss":"i","sub":"s","exp":1,"email":"a@b","email_verified":true}"#).unwrap();
        assert_eq!(said.subject, "a@b");
        for unverified in [r#""email":"a@b""#, r#""email":"a@b","email_verified":false"#] {
            let said = read(&format!(r#"{{"iss":"i","sub":"s","exp":1,{unverified}}}"#));
            assert!(matches!(said, Err(TokenError::Address)), "{unverified}");
        }
        for broken in [r#"{"iss":"i","sub":"hunter2"}"#, r#"{"iss":"i","sub":1,"exp":"hunter2"}"#, "[]", ""] {
            let error = read(broken).unwrap_err();
            assert!(matches!(error, TokenError::Claims(_)), "{broken}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let far = read(r#"{"iss":"i","sub":"s","exp":9223372036854775807}"#);
        assert!(matches!(far, Err(TokenError::Expiry)));
        for form in ["", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.s\n", "e30.e 0.s", "a..b c"] {
            assert!(matches!(Claims::of(&Secret::new(form.to_owned())), Err(TokenError::Form)), "{form}");
        }
    }

    /// Names of an issuer and a subject.
    type Names = (&'static str, &'static str);

    /// What a certificate for a token of `issuer` with these claims is expected to name, may name, and may not.
    #[track_caller]
    fn named(issuer: &str, claims: &str, name: Option<Names>, good: &[Names], bad: &[Names]) {
        let read = Claims::of(&token(&format!(r#"{{"iss":"{issuer}","exp":1,{claims}}}"#))).unwrap();
        let own = |(issuer, subject): Names| (issuer.to_owned(), subject.to_owned());
        assert_eq!(read.name(), name.map(own), "{claims}");
        let check = |names: &Names| {
            let (issuer, subject) = own(*names);
            read.check_name(&Identity { issuer, subject, claims: Default::default() })
        };
        for names in good {
            assert_eq!(check(names), Ok(()), "{names:?}");
        }
        for names in bad {
            assert!(check(names).is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_certificate_names_the_token_s_address() {
        let mail = r#""sub":"CgE3","email":"a@b","email_verified":true"#;
        let (good, bad) =
            (("https://i", "a@b"), [("https://i", "A@b"), ("https://j", "a@b"), ("https://i", "CgE3")]);
        named("https://i", mail, Some(good), &[good], &bad);
        let dex = format!(r#"{mail},"federated_claims":{{"connector_id":"https://up"}}"#);
        let up = ("https://up", "a@b");
        named("https://i", &dex, Some(up), &[up, good], &[("https://else", "a@b"), ("https://up", "b@b")]);
    }

    #[test]
    fn a_certificate_names_the_token_s_workflow() {
        let workflow = r#""sub":"repo:a/b","job_workflow_ref":"a/b/.github/workflows/c.yml@refs/heads/main""#;
        let good = (GITHUB, "https://github.com/a/b/.github/workflows/c.yml@refs/heads/main");
        let bad = [(GITHUB, "https://github.com/a/b"), (GITHUB, "repo:a/b"), ("https://i", good.1)];
        named(GITHUB, workflow, Some(good), &[good], &bad);
        let own = "https://ghe/_services/token";
        named(own, workflow, None, &[(own, "https://ghe/x")], &[good]);
        let gitlab = r#""sub":"project_path:a/b","ci_config_ref_uri":"gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main""#;
        let good = ("https://gitlab.com", "https://gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main");
        named(
            "https://gitlab.com",
            gitlab,
            Some(good),
            &[good],
            &[("https://gitlab.com", "project_path:a/b")],
        );
        let good = ("https://i", "spiffe://a/b");
        named("https://i", r#""sub":"spiffe://a/b""#, Some(good), &[good], &[("https://i", "spiffe://a/c")]);
        let account = r#""sub":"system:serviceaccount:a:b""#;
        let good = ("https://i", "https://kubernetes.io/namespaces/a/serviceaccounts/b");
        named("https://i", account, None, &[good], &[("https://j", "x")]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text: String, claims: String) {
            let _ = Claims::of(&Secret::new(text));
            let _ = Claims::of(&token(&claims));
        }
    }
}
