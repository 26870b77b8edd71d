//! Bearer tokens: distribution's token authentication specification (GET) and its OAuth2 variant (POST).

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::challenge::Challenge;
use super::pairs::RealmPair;
use super::{Actions, AuthError, Authorization, Credentials, Sent, Wish};
use crate::base::{Repository, Secret, Timestamp, limits};
use crate::format::json::parse_strict;
use crate::io::http::{self, Http, Lane};

/// A token, and how long it lives; none if nobody knows.
pub(super) struct Token {
    pub(super) authorization: Authorization,
    pub(super) lives: Option<Duration>,
}

/// One question for a token.
pub(super) struct Asker<'a> {
    pub(super) http: &'a Http,
    /// The registry.
    pub(super) base: &'a Url,
    pub(super) wish: Wish<'a>,
    /// Of the user.
    pub(super) pairs: &'a [RealmPair],
}

impl Asker<'_> {
    /// Gets a token from where the challenge says. Credentials go there only if the host is the registry's own or paired with it;
    /// otherwise a registry could collect what is meant for another (GHSA-28r5-37g7-p6mp).
    pub(super) async fn ask(
        &self,
        realm: &Url,
        challenge: &Challenge,
        credentials: Option<Credentials>,
    ) -> Result<Token, AuthError> {
        let scope = self.scope(challenge.parameter("scope").unwrap_or_default());
        let service = challenge.parameter("service");
        let registry = self.wish.repository.registry();
        let (credentials, sent) = match credentials {
            Some(Credentials::Bearer(_)) if self.is_open() => {
                return Err(AuthError::PlainPassword { registry: registry.clone() });
            }
            Some(Credentials::Bearer(token)) => {
                let authorization = Authorization::bearer(&token, format!("the stored token for {registry}"));
                return Ok(Token { authorization, lives: None });
            }
            None => (None, Sent::Anonymous),
            Some(_) if !self.may_learn(realm) => (None, Sent::Withheld),
            Some(credentials) => (Some(credentials), Sent::Credentials),
        };
        let answer = self.exchange(realm, service, &scope, credentials.as_ref()).await?;
        let status = answer.status();
        let origin = http::origin(realm);
        if status != StatusCode::OK {
            let (registry, status) = (registry.clone(), status.as_u16());
            return Err(AuthError::TokenRefused { realm: origin, scope, registry, status, sent });
        }
        let date = answer.headers().get(DATE).and_then(|date| Timestamp::from_http_date(date.to_str().ok()?));
        let body =
            http::read(answer, limits::TOKEN).await.map_err(|error| AuthError::server(realm, error))?;
        let (token, life) =
            parse(Secret::new(body)).map_err(|source| AuthError::TokenBody { realm: origin, source })?;
        let from = format!("a token of {} for {scope}, {sent}", http::origin(realm));
        Ok(Token { authorization: Authorization::bearer(&token, from), lives: Some(life.left(date)) })
    }

    async fn exchange(
        &self,
        realm: &Url,
        service: Option<&str>,
        scope: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Response, AuthError> {
        let (user, secret, form) = match credentials {
            Some(Credentials::IdentityToken { username, token }) => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
                let answer = self.transmit(post(realm, service, scope, &form)).await?;
                if !NO_EXCHANGE.contains(&answer.status().as_u16()) {
                    return Ok(answer);
                }
                // As containerd: a server that exchanges no tokens may take one for a password.
                http::discard(answer).await;
                (username, token, None)
            }
            Some(Credentials::Basic { username, password }) => {
                let grant = ("grant_type", "password");
                // Without `access_type=offline`: a refresh token would outlive the run.
                let form = [grant, ("username", username), ("password", password.expose())];
                (username, password, Some(form))
            }
            Some(Credentials::Bearer(_)) | None => {
                return self.transmit(get(realm, service, scope, None)).await;
            }
        };
        let pair = Secret::new(format!("{user}:{}", secret.expose()));
        let answer = self.transmit(get(realm, service, scope, Some(&pair))).await?;
        match form {
            // A server that knows the OAuth2 variant alone. A password that is refused is not sent again.
            Some(form) if NO_GET.contains(&answer.status().as_u16()) => {
                http::discard(answer).await;
                self.transmit(post(realm, service, scope, &form)).await
            }
            _ => Ok(answer),
        }
    }

    async fn transmit(&self, request: Request) -> Result<Response, AuthError> {
        let realm = request.url().clone();
        // What was refused holds its place in the line while this is asked.
        let answer = self.http.persist(request, &mut self.http.patience().tries(), &Lane::Beside).await;
        answer.map_err(|error| AuthError::server(&realm, error))
    }

    /// What the registry says is needed, and what we know to be.
    fn scope(&self, challenged: &str) -> String {
        let name = |repository: &Repository| format!("repository:{}", repository.path());
        let own = match self.wish.actions {
            Actions::List => "registry:catalog".to_owned(),
            Actions::Pull | Actions::Push => name(self.wish.repository),
        };
        let from = self.wish.from.map(name);
        let mut scopes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        scopes.insert(&own, Vec::new());
        if let Some(from) = &from {
            scopes.insert(from, vec!["pull"]);
        }
        for (name, actions) in challenged.split(' ').filter_map(|scope| scope.rsplit_once(':')).take(16) {
            let known = scopes.entry(name).or_default();
            for action in actions.split(',').take(16) {
                if !known.contains(&action) {
                    known.push(action);
                }
            }
        }
        if let Some(known) = scopes.get_mut(own.as_str()) {
            for action in self.wish.actions.names() {
                if !known.contains(action) {
                    known.push(action);
                }
            }
        }
        let scopes = scopes.into_iter().map(|(name, actions)| format!("{name}:{}", actions.join(",")));
        scopes.collect::<Vec<_>>().join(" ")
    }
}

fn get(realm: &Url, service: Option<&str>, scope: &str, pair: Option<&Secret<String>>) -> Request {
    let mut url = realm.clone();
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    for scope in scope.split(' ') {
        url.query_pairs_mut().append_pair("scope", scope);
    }
    let mut request = Request::new(Method::GET, url);
    if let Some(pair) = pair {
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose());
        if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {encoded}")) {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
    }
    request
}

fn post(realm: &Url, service: Option<&str>, scope: &str, grant: &[(&str, &str)]) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(grant);
    form.append_pair("service", service.unwrap_or_default());
    form.append_pair("client_id", "plimsoll");
    form.append_pair("scope", scope);
    let mut request = Request::new(Method::POST, realm.clone());
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    *request.body_mut() = Some(form.finish().into());
    request
}

/// How long a token lives, as its server says.
#[derive(Clone, Copy, Debug)]
struct Life {
    seconds: u64,
    issued: Option<Timestamp>,
}

impl Life {
    /// What is left of it. When it was issued is read against the server's own clock; nobody knows whether ours agrees.
    fn left(self, date: Option<Timestamp>) -> Duration {
        let age = self.issued.zip(date).map(|(issued, now)| now.seconds().saturating_sub(issued.seconds()));
        let age = age.and_then(|age| u64::try_from(age).ok()).filter(|age| *age < self.seconds).unwrap_or(0);
        Duration::from_secs((self.seconds - age).max(LEAST))
    }
}

fn parse(body: Secret<Vec<u8>>) -> Result<(Secret<String>, Life), Option<crate::format::json::JsonError>> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
        // What is not understood of these two shortens nothing: the registry says when a token has ended.
        #[serde(default)]
        expires_in: serde_json::Value,
        #[serde(default)]
        issued_at: serde_json::Value,
    }
    let answer: Answer = parse_strict(body.expose()).map_err(|error| Some(error.without_content()))?;
    let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).unwrap_or_default();
    let token = Secret::new(token);
    let is_printable = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if token.expose().is_empty() || !is_printable {
        return Err(None);
    }
    let seconds = answer.expires_in.as_u64().unwrap_or(0).max(limits::TOKEN_SECONDS);
    let issued = answer.issued_at.as_str().and_then(|text| text.parse().ok());
    Ok((token, Life { seconds, issued }))
}

/// Seconds after which a token is renewed at the earliest, and some: a server whose tokens have always ended would be asked without end.
const LEAST: u64 = 20;

/// What a token server answers that knows no GET.
const NO_GET: &[u16] = &[404, 405];

/// What a token server answers that knows no POST, or not this token.
const NO_EXCHANGE: &[u16] = &[400, 401, 404, 405];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Environment;

    #[test]
    fn scopes_are_joined() {
        let repository: Repository = "r.io/a/b".parse().unwrap();
        let base: Url = "https://r.io/v2/".parse().unwrap();
        let http = Http::plain(Environment::default());
        for (actions, challenged, want) in [
            (Actions::Pull, "", "repository:a/b:pull"),
            (Actions::Push, "repository:a/b:pull", "repository:a/b:pull,push"),
            (Actions::Pull, "repository:a/b:pull,push", "repository:a/b:pull,push"),
            (Actions::Pull, "registry:catalog:*", "registry:catalog:* repository:a/b:pull"),
            (Actions::Pull, "nonsense", "repository:a/b:pull"),
            (Actions::List, "", "registry:catalog:*"),
            (Actions::List, "registry:catalog:*", "registry:catalog:*"),
        ] {
            let wish = Wish { repository: &repository, actions, from: None };
            let asker = Asker { http: &http, base: &base, wish, pairs: &[] };
            assert_eq!(asker.scope(challenged), want);
        }
        let from = "r.io/c".parse().unwrap();
        let wish = Wish { repository: &repository, actions: Actions::Push, from: Some(&from) };
        let asker = Asker { http: &http, base: &base, wish, pairs: &[] };
        assert_eq!(asker.scope("repository:c:delete"), "repository:a/b:pull,push repository:c:pull,delete");
    }

    #[test]
    fn reads_tokens() {
        let read = |text: &str| {
            parse(Secret::new(text.as_bytes().to_vec())).ok().map(|(token, _)| token.expose().clone())
        };
        assert_eq!(read(r#"{"token":"a","expires_in":60}"#).as_deref(), Some("a"));
        assert_eq!(read(r#"{"access_token":"b"}"#).as_deref(), Some("b"));
        assert_eq!(read(r#"{"token":"","access_token":"b"}"#).as_deref(), Some("b"));
        for text in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":"a b"}"#,
            r#"{"token":"a\r\nX: y"}"#,
            r#"{"token":1}"#,
            "<html>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let error = parse(Secret::new(br#""t0ken""#.to_vec())).map(|_| ()).unwrap_err().unwrap();
        assert!(!format!("{error} {error:?}").contains("t0ken"), "{error}");
    }

    #[test]
    fn tokens_live_as_long_as_their_server_says() {
        let left = |more: &str, date: Option<&str>| {
            let body = Secret::new(format!(r#"{{"token":"a"{more}}}"#).into_bytes());
            parse(body).map(|(_, life)| life.left(date.map(|date| date.parse().unwrap())).as_secs()).unwrap()
        };
        let late = Some("2026-01-01T00:04:00Z");
        for (more, date, want) in [
            ("", None, 60),
            (r#","expires_in":300"#, None, 300),
            (r#","expires_in":5"#, None, 60),
            (r#","expires_in":null,"issued_at":null"#, None, 60),
            (r#","expires_in":"300","issued_at":7"#, None, 60),
            (r#","expires_in":-1"#, None, 60),
            (r#","expires_in":18446744073709551615"#, None, u64::MAX),
            // As old as its server says, not as our clock does.
            (r#","expires_in":300,"issued_at":"2026-01-01T00:00:00Z""#, None, 300),
            (r#","expires_in":300,"issued_at":"2026-01-01T00:00:00Z""#, late, 60),
            (r#","expires_in":250,"issued_at":"2026-01-01T00:00:00Z""#, late, 20),
            (r#","expires_in":100,"issued_at":"2026-01-01T00:00:00Z""#, late, 100),
            (r#","expires_in":300,"issued_at":"2027-01-01T00:00:00Z""#, late, 300),
        ] {
            assert_eq!(left(more, date), want, "{more}");
        }
    }
}
