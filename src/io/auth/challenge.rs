//! `WWW-Authenticate`: RFC 9110, section 11.6.1.

/// One challenge of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Challenge {
    /// In lower case: `bearer`, `basic`.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of that name (lower case).
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges in all headers, in order. What is malformed is skipped: an unknown scheme beside `Bearer` must not hide it.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    let mut out = Vec::new();
    for header in headers {
        let mut rest = Rest(header);
        // A parameter belongs to a challenge of the same header.
        let first = out.len();
        while let Some(word) = rest.word() {
            if !rest.skips('=') {
                out.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                continue;
            }
            let Some(value) = rest.value() else { break };
            if let Some(challenge) = out.get_mut(first..).and_then(<[Challenge]>::last_mut) {
                challenge.parameters.push((word.to_ascii_lowercase(), value));
            }
        }
    }
    out
}

struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The next token; separators and characters that belong nowhere are skipped.
    fn word(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start_matches(|char| !is_token(char));
        self.token()
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|char| !is_token(char)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn skips(&mut self, char: char) -> bool {
        match self.0.trim_start_matches([' ', '\t']).strip_prefix(char) {
            Some(rest) => {
                self.0 = rest.trim_start_matches([' ', '\t']);
                true
            }
            None => false,
        }
    }

    /// A token or a quoted string; none if the quote is not closed.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            return Some(self.token().unwrap_or_default().to_owned());
        };
        let mut out = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.0 = quoted.get(at + 1..)?;
                    return Some(out);
                }
                '\\' => out.push(chars.next()?.1),
                _ => out.push(char),
            }
        }
        self.0 = "";
        None
    }
}

fn is_token(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summary(headers: &[&str]) -> Vec<String> {
        let show = |challenge: Challenge| {
            let parameters: Vec<_> =
                challenge.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{}({})", challenge.scheme, parameters.join("|"))
        };
        parse(headers.iter().copied()).into_iter().map(show).collect()
    }

    #[test]
    fn reads_what_registries_send() {
        for (headers, want) in [
            (
                vec![r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull,push""#],
                vec!["bearer(realm=https://a/t|service=s|scope=repository:x:pull,push)"],
            ),
            (vec!["BASIC Realm=x"], vec!["basic(realm=x)"]),
            (
                vec![r#"Basic realm="a, b=c", Bearer realm="d""#],
                vec!["basic(realm=a, b=c)", "bearer(realm=d)"],
            ),
            (vec!["Negotiate", "Basic realm=\"x\""], vec!["negotiate()", "basic(realm=x)"]),
            (vec!["Negotiate, Basic realm=x"], vec!["negotiate()", "basic(realm=x)"]),
            (vec![r#"Bearer realm = "a" , , service= b"#], vec!["bearer(realm=a|service=b)"]),
            (vec![r#"Basic realm="a\"b\\c""#], vec![r#"basic(realm=a"b\c)"#]),
            (vec![r#"Bearer realm="unclosed"#], vec!["bearer()"]),
            (vec!["realm=x", "Basic"], vec!["basic()"]),
            (vec!["Basic", "realm=x"], vec!["basic()"]),
            (vec!["", "  ,,"], vec![]),
        ] {
            assert_eq!(summary(&headers), want, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}", other in r#"[Bb a="\\,é]{0,40}"#) {
            parse([text.as_str(), other.as_str()].into_iter());
        }
    }
}
