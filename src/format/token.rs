//! What an OpenID Connect identity token says: RFC 7519 and OpenID Connect Core 1.0, section 2. Its signature is for others to check: what is
//! read here is told to people, and decides nothing but to stop early.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::json::{JsonError, parse_strict};
use crate::base::{Secret, Timestamp};

/// The claims of a token. Nobody has checked them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Who made the token.
    pub issuer: String,
    /// For whom it was made: an address, if the issuer has checked that one is theirs, else the issuer's own name for them.
    pub subject: String,
    /// From when on nobody accepts it.
    pub expires: Timestamp,
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
        let subject = match wire.email.filter(|email| !email.is_empty()) {
            // Anybody can claim an address.
            Some(_) if !wire.email_verified.unwrap_or(false) => return Err(TokenError::Address),
            Some(email) => email,
            None => wire.sub,
        };
        Ok(Self { issuer: wire.iss, subject, expires })
    }
}

#[derive(Deserialize)]
struct ClaimsWire {
    iss: String,
    sub: String,
    exp: i64,
    email: Option<String>,
    email_verified: Option<bool>,
}

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
        let want = Claims {
            issuer: "https://i".to_owned(),
            subject: "repo:a/b".to_owned(),
            expires: Timestamp::from_seconds(1_750_000_000).unwrap(),
        };
        assert_eq!(said.unwrap(), want);
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

    proptest::proptest! {
        #[test]
        fn never_panics(text: String, claims: String) {
            let _ = Claims::of(&Secret::new(text));
            let _ = Claims::of(&token(&claims));
        }
    }
}
