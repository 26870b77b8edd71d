//! Who may do what: nobody asked, Basic, or a Bearer token from the registry's own token endpoint.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::fault::error;
use super::http::{Request, Response};

/// How the registry asks who is there.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// 401 with a Basic challenge without these credentials.
    Basic(Account),
    /// 401 with a Bearer challenge; tokens come from `/token`.
    Bearer(Tokens),
    /// Not at all.
    Nobody,
}

/// A user and the password.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Account {
    pub(crate) fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    fn basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

/// How the token endpoint gives tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// Gets every scope asked for.
    pub(crate) account: Account,
    /// What strangers get.
    pub(crate) strangers: Strangers,
    /// The realm in the challenge; `{host}` stands for this registry's `HOST:PORT`.
    pub(crate) realm: String,
    /// A refresh token that counts as the account's password at `POST /token`.
    pub(crate) refresh: Option<String>,
}

/// What somebody without credentials gets from the token endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strangers {
    /// 401.
    Nothing,
    /// A token that may pull.
    Pull,
}

impl Tokens {
    pub(crate) fn new(account: Account) -> Self {
        let realm = "http://{host}/token".to_owned();
        Self { account, strangers: Strangers::Nothing, realm, refresh: None }
    }
}

/// Tokens given, each with its scopes.
#[derive(Debug, Default)]
pub(super) struct Granted(BTreeMap<String, BTreeSet<String>>);

impl Granted {
    /// `GET /token` or `POST /token`: the token answer, or a refusal.
    pub(super) fn token(&mut self, tokens: &Tokens, request: &Request) -> Response {
        let post = request.method == "POST";
        let scopes = match post {
            true => request.form("scope").map(|scope| scope.split(' ').map(str::to_owned).collect()),
            false => Some(request.queries("scope")),
        };
        let known = match request.header("authorization") {
            Some(given) => Some(given == tokens.account.basic()),
            None if post => Some(self.knows(tokens, request)),
            None => None,
        };
        let scopes: Vec<String> = scopes.unwrap_or_default();
        let actions: BTreeSet<String> = match (known, tokens.strangers) {
            (Some(true), _) => scopes.iter().flat_map(|scope| expand(scope)).collect(),
            (None, Strangers::Pull) => scopes
                .iter()
                .flat_map(|scope| expand(scope))
                .filter(|scope| scope.ends_with(":pull"))
                .collect(),
            (Some(false), _) | (None, Strangers::Nothing) => return error(401, "UNAUTHORIZED"),
        };
        let token = format!("t0ken-{}", self.0.len() + 1);
        self.0.insert(token.clone(), actions);
        let body = serde_json::json!({"token": token, "expires_in": 300});
        Response::new(200).with_body("application/json", body.to_string())
    }

    fn knows(&self, tokens: &Tokens, request: &Request) -> bool {
        match request.form("grant_type").as_deref() {
            Some("refresh_token") => {
                tokens.refresh.is_some() && request.form("refresh_token") == tokens.refresh
            }
            Some("password") => {
                request.form("username").as_deref() == Some(&tokens.account.user)
                    && request.form("password").as_deref() == Some(&tokens.account.password)
            }
            _ => false,
        }
    }

    /// A refusal, unless the request may be served.
    pub(super) fn check(
        &self,
        auth: &Auth,
        host: &str,
        request: &Request,
        name: Option<&str>,
    ) -> Option<Response> {
        let given = request.header("authorization");
        match auth {
            Auth::Nobody => None,
            Auth::Basic(account) if given == Some(&account.basic()) => None,
            Auth::Basic(_) => Some(
                error(401, "UNAUTHORIZED").with("WWW-Authenticate", "Basic realm=\"a registry, for tests\""),
            ),
            Auth::Bearer(tokens) => {
                let write = !matches!(request.method.as_str(), "GET" | "HEAD");
                let action = if write { "push" } else { "pull" };
                let token =
                    given.and_then(|text| text.strip_prefix("Bearer ")).and_then(|token| self.0.get(token));
                let may = name.is_none_or(|name| {
                    token.is_some_and(|scopes| scopes.contains(&format!("repository:{name}:{action}")))
                });
                if may && token.is_some() {
                    return None;
                }
                let realm = tokens.realm.replace("{host}", host);
                let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{host}\"");
                if let Some(name) = name {
                    let actions = if write { "pull,push" } else { "pull" };
                    challenge.push_str(&format!(",scope=\"repository:{name}:{actions}\""));
                }
                if token.is_some() {
                    challenge.push_str(",error=\"insufficient_scope\"");
                }
                Some(error(401, "UNAUTHORIZED").with("WWW-Authenticate", challenge))
            }
        }
    }
}

/// `repository:a/b:pull,push` as one scope an action.
fn expand(scope: &str) -> Vec<String> {
    let Some((resource, actions)) = scope.rsplit_once(':') else { return Vec::new() };
    actions.split(',').map(|action| format!("{resource}:{action}")).collect()
}
