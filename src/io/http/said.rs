//! What a request said about us, to be kept out of what is said about its answer: some servers show what they were sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;
use reqwest::header::AUTHORIZATION;

use crate::base::Secret;

/// The secrets of one request.
#[derive(Clone, Debug)]
pub(super) struct Said(Vec<Secret<String>>);

impl Said {
    pub(super) fn by(request: &Request) -> Self {
        let mut secrets = Vec::new();
        let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some((_, token)) = value.and_then(|value| value.split_once(' ')) {
            secrets.push(Secret::new(token.to_owned()));
            // RFC 7617: a user and a password, which may be shown as they are.
            let pair =
                STANDARD.decode(token).ok().and_then(|pair| String::from_utf8(pair).ok()).map(Secret::new);
            if let Some((_, password)) = pair.as_ref().and_then(|pair| pair.expose().split_once(':')) {
                secrets.push(Secret::new(password.to_owned()));
            }
        }
        Self(secrets)
    }

    /// The text without them.
    pub(super) fn hide(&self, text: String) -> String {
        let secrets = self.0.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| text.replace(secret.as_str(), "[redacted]"))
    }
}
