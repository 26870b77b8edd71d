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
            // A token may be shown without its head.
            let parts = token.split('.').filter(|part| part.len() >= 16);
            secrets.extend(parts.map(|part| Secret::new(part.to_owned())));
            // RFC 7617: a user and a password, which may be shown as they are.
            let pair =
                STANDARD.decode(token).ok().and_then(|pair| String::from_utf8(pair).ok()).map(Secret::new);
            if let Some((_, password)) = pair.as_ref().and_then(|pair| pair.expose().split_once(':')) {
                secrets.push(Secret::new(password.to_owned()));
            }
        }
        Self(secrets)
    }

    /// The text without them, also where they are cut.
    pub(super) fn hide(&self, text: String) -> String {
        let secrets = self.0.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| without(&text, secret))
    }
}

fn without(text: &str, secret: &str) -> String {
    let head: String = secret.chars().take(HEAD).collect();
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, _)) = rest.split_once(&head) {
        let shown = rest.get(before.len()..).unwrap_or_default();
        let same = shown.chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let same: usize = same.map(|(char, _)| char.len_utf8()).sum();
        out.push_str(before);
        out.push_str("[redacted]");
        rest = shown.get(same..).unwrap_or_default();
    }
    out + rest
}

/// Characters of a secret by which it is known.
const HEAD: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_whole_and_cut() {
        let said = |value: &str| {
            let mut request = Request::new(reqwest::Method::GET, "http://localhost/".parse().unwrap());
            request.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
            move |text: &str| Said::by(&request).hide(text.to_owned())
        };
        let bearer = said("Bearer header.0123456789abcdefgh.signature-of-it-all");
        for (text, want) in [
            ("a header.0123456789abcdefgh.signature-of-it-all b", "a [redacted] b"),
            ("header.0123456789ab", "[redacted]"),
            ("{0123456789abcdefgh, signature-of-it-all}", "{[redacted], [redacted]}"),
            ("header", "header"),
            ("", ""),
        ] {
            assert_eq!(bearer(text), want);
        }
        // alice and a password of two letters, of which the second is not ASCII.
        let basic = said("Basic YWxpY2U6YcOp");
        assert_eq!(basic("alice:aé YWxpY2U6YcOp"), "alice:[redacted] [redacted]");
        assert_eq!(said("Basic YWxpY2U6")("alice:"), "alice:");
    }
}
