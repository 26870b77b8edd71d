//! Identity tokens from the CI that runs the job.

use std::str::FromStr;

use serde::Deserialize;

use super::{Question, ServiceError, ServiceKind, ServiceUrl, Services, TokenSourceError};
use crate::base::Secret;
use crate::format::json::parse_strict;

/// Who gives a job its identity token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenProvider {
    /// GitHub Actions, in jobs with `permissions: id-token: write`.
    GitHubActions,
    /// GitLab, in jobs with `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`.
    GitLab,
}

impl FromStr for TokenProvider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        match text {
            "github-actions" => Ok(Self::GitHubActions),
            "gitlab" => Ok(Self::GitLab),
            _ => Err(UnknownProvider),
        }
    }
}

/// Nobody whose tokens can be had here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("write github-actions or gitlab")]
pub struct UnknownProvider;

impl Services {
    /// The identity token of this job, made for Sigstore.
    pub async fn identity_token(&self, provider: TokenProvider) -> Result<Secret<String>, ServiceError> {
        match provider {
            TokenProvider::GitHubActions => self.github_token().await,
            TokenProvider::GitLab => Ok(one_line(self.variable("SIGSTORE_ID_TOKEN", "GitLab")?)?),
        }
    }

    /// GitHub documentation, "OpenID Connect reference", "Methods for requesting the OIDC token".
    async fn github_token(&self) -> Result<Secret<String>, ServiceError> {
        let variable = "ACTIONS_ID_TOKEN_REQUEST_URL";
        let url = self.variable(variable, "GitHub Actions")?;
        let token = one_line(self.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GitHub Actions")?)?;
        let service: ServiceUrl = url.parse().map_err(|source| TokenSourceError::Url { variable, source })?;
        let mut url = service.0.clone();
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        let question = Question::get(ServiceKind::TokenProvider, url).with_bearer(&token);
        let answer = self.ask(question, &[200]).await?;
        let answered = Secret::new(answer.body);
        let wire: TokenWire = parse_strict(answered.expose()).map_err(|error| ServiceError::Answer {
            service: ServiceKind::TokenProvider,
            origin: service.to_string(),
            source: error.without_content().into(),
        })?;
        let value = Secret::new(wire.value);
        Ok(one_line(value.expose())?)
    }

    fn variable(&self, variable: &'static str, provider: &'static str) -> Result<&str, TokenSourceError> {
        let value = self.environment.get(variable).filter(|value| !value.is_empty());
        value.ok_or(TokenSourceError::Absent { variable, provider })
    }
}

/// A token without the line feed that files end with.
pub(in crate::io) fn one_line(text: &str) -> Result<Secret<String>, TokenSourceError> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenSourceError::NotOneLine);
    }
    Ok(Secret::new(text.to_owned()))
}

#[derive(Deserialize)]
struct TokenWire {
    value: String,
}

/// For whom the token is: every Fulcio asks for this.
const AUDIENCE: &str = "sigstore";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::services::tests::services;
    use crate::io::stub::{Reply, Stub, wait};

    fn ask(provider: TokenProvider, variables: &[(&str, &str)]) -> Result<Secret<String>, ServiceError> {
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wait(services(environment).identity_token(provider))
    }

    #[test]
    fn github_is_asked_for_a_token_for_sigstore() {
        let stub = Stub::new(|asked| match asked.header("authorization") {
            Some("Bearer may") => Reply::ok("application/json", r#"{"count":1,"value":"a.b.c"}"#),
            _ => Reply::new(401),
        });
        let url = format!("http://127.0.0.1:{}/token?api-version=2.0", stub.port);
        let with = |url: &str, token: &str| {
            let variables =
                [("ACTIONS_ID_TOKEN_REQUEST_URL", url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", token)];
            ask(TokenProvider::GitHubActions, &variables)
        };
        assert_eq!(with(&url, "may").unwrap().expose(), "a.b.c");
        assert_eq!(stub.log(), ["GET /token?api-version=2.0&audience=sigstore"]);
        assert!(matches!(with(&url, "may not"), Err(ServiceError::Token(TokenSourceError::NotOneLine))));
        assert!(matches!(with(&url, "other"), Err(ServiceError::Status { status: 401, .. })));
        assert!(matches!(with(&url, ""), Err(ServiceError::Token(TokenSourceError::Absent { .. }))));
        assert!(matches!(with("", "may"), Err(ServiceError::Token(TokenSourceError::Absent { .. }))));
        // A token that asks for tokens is worth as much as those.
        let plain = with("http://tokens.example/", "may");
        assert!(matches!(plain, Err(ServiceError::Token(TokenSourceError::Url { .. }))));
        let nonsense = Stub::new(|_| Reply::ok("application/json", r#"{"value":["hunter2"]}"#));
        let error = with(&format!("http://127.0.0.1:{}/", nonsense.port), "may").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn gitlab_sets_a_variable() {
        let token = ask(TokenProvider::GitLab, &[("SIGSTORE_ID_TOKEN", "a.b.c\n")]).unwrap();
        assert_eq!(token.expose(), "a.b.c");
        assert!(ask(TokenProvider::GitLab, &[]).is_err());
        for bad in ["a b", "a\nb", "\n"] {
            let refused = ask(TokenProvider::GitLab, &[("SIGSTORE_ID_TOKEN", bad)]);
            assert!(matches!(refused, Err(ServiceError::Token(TokenSourceError::NotOneLine))), "{bad:?}");
        }
    }
}
