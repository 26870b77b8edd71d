//! Bearer tokens: distribution's token authentication specification (GET) and its OAuth2 variant (POST).

use std::collections::BTreeMap;

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use url::{Host, Url, form_urlencoded};

use super::challenge::Challenge;
use super::pairs::RealmPair;
use super::{Actions, AuthError, Authorization, Credentials, RealmFault, Sent};
use crate::base::{Repository, Secret, limits};
use crate::format::json::parse_strict;
use crate::io::http::{self, Http};

/// One question for a token.
pub(super) struct Asker<'a> {
    pub(super) http: &'a Http,
    /// The registry.
    pub(super) base: &'a Url,
    pub(super) repository: &'a Repository,
    pub(super) actions: Actions,
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
    ) -> Result<Authorization, AuthError> {
        let scope = self.scope(challenge.parameter("scope").unwrap_or_default());
        let service = challenge.parameter("service");
        let (credentials, sent) = match credentials {
            Some(Credentials::Bearer(_)) if self.is_open() => {
                return Err(AuthError::PlainPassword { registry: self.repository.registry().clone() });
            }
            Some(Credentials::Bearer(token)) => {
                let from = format!("the stored token for {}", self.repository.registry());
                return Ok(Authorization::bearer(&token, from));
            }
            None => (None, Sent::Anonymous),
            Some(_) if !self.may_learn(realm) => (None, Sent::Withheld),
            Some(credentials) => (Some(credentials), Sent::Credentials),
        };
        let pair = |user: &str, secret: &Secret<String>| Secret::new(format!("{user}:{}", secret.expose()));
        let answer = match &credentials {
            Some(Credentials::IdentityToken { username, token }) => {
                let answer = self.transmit(post(realm, service, &scope, token)).await?;
                if NO_EXCHANGE.contains(&answer.status().as_u16()) {
                    // As containerd: a server that exchanges no tokens may take one for a password.
                    http::discard(answer).await;
                    self.transmit(get(realm, service, &scope, Some(&pair(username, token)))).await?
                } else {
                    answer
                }
            }
            Some(Credentials::Basic { username, password }) => {
                self.transmit(get(realm, service, &scope, Some(&pair(username, password)))).await?
            }
            Some(Credentials::Bearer(_)) | None => self.transmit(get(realm, service, &scope, None)).await?,
        };
        let status = answer.status();
        let origin = http::origin(realm);
        if status != StatusCode::OK {
            let registry = self.repository.registry().clone();
            let status = status.as_u16();
            return Err(AuthError::TokenRefused { realm: origin, scope, registry, status, sent });
        }
        let body =
            http::read(answer, limits::TOKEN).await.map_err(|error| AuthError::server(realm, error))?;
        let token =
            parse(Secret::new(body)).map_err(|source| AuthError::TokenBody { realm: origin, source })?;
        Ok(Authorization::bearer(&token, format!("a token of {} for {scope}, {sent}", http::origin(realm))))
    }

    async fn transmit(&self, request: Request) -> Result<Response, AuthError> {
        let realm = request.url().clone();
        let answer = self.http.persist(request, &mut self.http.patience().tries()).await;
        answer.map_err(|error| AuthError::server(&realm, error))
    }

    /// HTTPS, or HTTP on the host of a registry that itself is on HTTP; no user, no fragment, no address but the registry's own.
    pub(super) fn realm(&self, text: &str) -> Result<Url, AuthError> {
        let bad = |reason| AuthError::Realm {
            registry: self.repository.registry().clone(),
            realm: text.chars().take(200).collect(),
            reason,
        };
        // The parser would drop tabs and newlines and turn `\` into `/`: what we check must be what was meant.
        if text.is_empty() || text.contains(|char: char| char == '\\' || char <= ' ') {
            return Err(bad(RealmFault::NotUrl));
        }
        let realm = self.base.join(text).map_err(|_| bad(RealmFault::NotUrl))?;
        if !realm.has_host() || !matches!(realm.scheme(), "http" | "https") {
            return Err(bad(RealmFault::NotUrl));
        }
        let may_be_plain = self.base.scheme() == "http" && realm.host() == self.base.host();
        if realm.scheme() == "http" && !may_be_plain {
            return Err(bad(RealmFault::NotHttps));
        }
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err(bad(RealmFault::UserInfo));
        }
        if realm.fragment().is_some() {
            return Err(bad(RealmFault::Fragment));
        }
        let is_address = matches!(realm.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
        if realm.host() != self.base.host() && (is_address || http::is_internal(&realm)) {
            return Err(bad(RealmFault::Address));
        }
        Ok(realm)
    }

    fn may_learn(&self, realm: &Url) -> bool {
        let pair = (self.repository.registry().as_str(), realm.host_str().unwrap_or_default());
        // Without TLS another port may be another user's.
        let is_own = realm.host() == self.base.host() && realm.scheme() == "https";
        is_own
            || (http::same_origin(realm, self.base) && !self.is_open())
            || (PAIRS.contains(&pair) && realm.scheme() == "https" && realm.port().is_none())
            || self.pairs.iter().any(|allowed| allowed.is(self.repository.registry(), realm))
    }

    /// Whether others can read what is said to the registry: no challenge of theirs may make us say a password.
    fn is_open(&self) -> bool {
        self.base.scheme() == "http" && !self.repository.registry().is_loopback()
    }

    /// What the registry says is needed, and what we know to be.
    fn scope(&self, challenged: &str) -> String {
        let own = match self.actions {
            Actions::List => "registry:catalog".to_owned(),
            Actions::Pull | Actions::Push => format!("repository:{}", self.repository.path()),
        };
        let mut scopes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        scopes.insert(&own, Vec::new());
        for (name, actions) in challenged.split(' ').filter_map(|scope| scope.rsplit_once(':')).take(16) {
            let known = scopes.entry(name).or_default();
            for action in actions.split(',').take(16) {
                if !known.contains(&action) {
                    known.push(action);
                }
            }
        }
        if let Some(known) = scopes.get_mut(own.as_str()) {
            for action in self.actions.names() {
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

fn post(realm: &Url, service: Option<&str>, scope: &str, token: &Secret<String>) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("refresh_token", token.expose());
    form.append_pair("service", service.unwrap_or_default());
    form.append_pair("client_id", "plimsoll");
    form.append_pair("scope", scope);
    let mut request = Request::new(Method::POST, realm.clone());
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    *request.body_mut() = Some(form.finish().into());
    request
}

fn parse(body: Secret<Vec<u8>>) -> Result<Secret<String>, Option<crate::format::json::JsonError>> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Answer = parse_strict(body.expose()).map_err(|error| Some(error.without_content()))?;
    let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).unwrap_or_default();
    let token = Secret::new(token);
    let is_printable = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if token.expose().is_empty() || !is_printable { Err(None) } else { Ok(token) }
}

/// What a token server answers that knows no POST, or not this token.
const NO_EXCHANGE: &[u16] = &[400, 401, 404, 405];

/// Registries whose token server has another name.
const PAIRS: &[(&str, &str)] = &[
    ("docker.io", "auth.docker.io"),
    ("nvcr.io", "authn.nvidia.com"),
    ("registry.gitlab.com", "gitlab.com"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Environment;

    const PAIRED: &str = "[[realm]]\nregistry = \"paired.io\"\nallow = \"auth.other.io\"\n";

    /// Whether a realm is talked to (`None` if not), and whether it may learn credentials.
    fn judge(repository: &str, realm: &str) -> Option<bool> {
        let repository: Repository = repository.parse().unwrap();
        let registry = repository.registry();
        judge_over(if registry.is_loopback() { "http" } else { "https" }, &repository, realm)
    }

    fn judge_over(scheme: &str, repository: &Repository, realm: &str) -> Option<bool> {
        let registry = repository.registry();
        let base: Url = format!("{scheme}://{}/v2/", registry.endpoint()).parse().unwrap();
        let http = Http::plain(Environment::default());
        let pairs = crate::io::auth::pairs::parse(PAIRED, "f".as_ref()).unwrap();
        let actions = Actions::Pull;
        let asker = Asker { http: &http, base: &base, repository, actions, pairs: &pairs };
        asker.realm(realm).ok().map(|realm| asker.may_learn(&realm))
    }

    // Without TLS, whoever sits in between could write the challenge and read the answer.
    #[test]
    fn an_open_registry_learns_no_credentials() {
        let lan: Repository = "r.lan:5000/a".parse().unwrap();
        assert_eq!(judge_over("http", &lan, "http://r.lan:5000/token"), Some(false));
        assert_eq!(judge_over("http", &lan, "/token"), Some(false));
        assert_eq!(judge_over("http", &lan, "https://r.lan:5001/token"), Some(true));
        assert_eq!(judge_over("https", &lan, "/token"), Some(true));
    }

    #[test]
    fn credentials_stay_with_the_registry() {
        for (repository, realm, want) in [
            ("r.io/a", "https://r.io/token", Some(true)),
            ("r.io/a", "https://r.io:8443/token", Some(true)),
            ("r.io/a", "/token", Some(true)),
            ("r.io/a", "https://auth.r.io/token", Some(false)),
            ("r.io/a", "https://evil.io/token", Some(false)),
            ("r.io/a", "https://r.io.evil.io/token", Some(false)),
            ("r.io/a", "//evil.io/token", Some(false)),
            ("r.io/a", "https://auth.docker.io/token", Some(false)),
            ("alpine", "https://auth.docker.io/token", Some(true)),
            ("alpine", "https://auth.docker.io:444/token", Some(false)),
            ("alpine", "https://gitlab.com/token", Some(false)),
            ("registry.gitlab.com/a", "https://gitlab.com/jwt/auth", Some(true)),
            ("nvcr.io/a", "https://authn.nvidia.com/token", Some(true)),
            ("localhost:5000/a", "http://localhost:5000/token", Some(true)),
            ("localhost:5000/a", "http://localhost:5001/token", Some(false)),
            ("localhost:5000/a", "https://localhost:5001/token", Some(true)),
            ("10.0.0.1/a", "https://10.0.0.1/token", Some(true)),
            ("paired.io/a", "https://auth.other.io/token", Some(true)),
            ("paired.io/a", "https://auth.other.io:444/token", Some(false)),
            ("paired.io/a", "https://x.auth.other.io/token", Some(false)),
            ("paired.io:5000/a", "https://auth.other.io/token", Some(false)),
            // Not talked to at all.
            ("paired.io/a", "http://auth.other.io/token", None),
            ("localhost:5000/a", "http://127.0.0.1:5000/token", None),
            ("r.io/a", "http://r.io/token", None),
            ("r.io/a", "https://169.254.169.254/latest", None),
            ("r.io/a", "https://[::1]/t", None),
            ("r.io/a", "https://[::ffff:169.254.169.254]/t", None),
            ("r.io/a", "https://2852039166/t", None),
            ("r.io/a", "https://localhost/t", None),
            ("r.io/a", "https://user@r.io/t", None),
            ("r.io/a", "https://user:pass@r.io/t", None),
            ("r.io/a", "https://r.io\\@evil.io/t", None),
            ("r.io/a", "https://r.io/t#f", None),
            ("r.io/a", "file:///etc/passwd", None),
            ("r.io/a", "data:x", None),
            ("r.io/a", "ht\ntps://r.io/", None),
            ("r.io/a", "", None),
        ] {
            assert_eq!(judge(repository, realm), want, "{repository}: {realm}");
        }
    }

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
            let asker = Asker { http: &http, base: &base, repository: &repository, actions, pairs: &[] };
            assert_eq!(asker.scope(challenged), want);
        }
    }

    #[test]
    fn reads_tokens() {
        let read = |text: &str| {
            parse(Secret::new(text.as_bytes().to_vec())).ok().map(|token| token.expose().clone())
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
        let error = parse(Secret::new(br#""t0ken""#.to_vec())).unwrap_err().unwrap();
        assert!(!format!("{error} {error:?}").contains("t0ken"), "{error}");
    }
}
