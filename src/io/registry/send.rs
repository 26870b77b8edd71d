//! One request to a registry: authentication, redirects, and what may go where.

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use super::Remote;
use super::error::{RedirectFault, RegistryError, Thing};
use crate::base::limits;
use crate::io::auth::{Actions, Authorization};
use crate::io::http;

/// One request as it is meant.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: Option<&'static str>,
    pub(super) body: Option<(&'a str, &'a [u8])>,
    pub(super) actions: Actions,
    pub(super) thing: Thing,
}

impl<'a> Call<'a> {
    pub(super) fn get(url: Url, thing: Thing) -> Self {
        Self { method: Method::GET, url, accept: None, body: None, actions: Actions::Pull, thing }
    }

    pub(super) fn write(method: Method, url: Url, thing: Thing) -> Self {
        Self { method, url, accept: None, body: None, actions: Actions::Push, thing }
    }

    pub(super) fn accept(self, types: &'static str) -> Self {
        Self { accept: Some(types), ..self }
    }

    pub(super) fn body(self, media_type: &'a str, bytes: &'a [u8]) -> Self {
        Self { body: Some((media_type, bytes)), ..self }
    }
}

impl Remote {
    /// Sends a request and answers challenges; redirects of GET and HEAD are followed. Credentials go to the registry only: a request that
    /// once left its origin never carries any again (GHSA-vh4v-2xq2-g5cg).
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Response, RegistryError> {
        let mut url = call.url.clone();
        let mut at_home = http::same_origin(&url, &self.base);
        let (mut redirects, mut rounds) = (0, 0);
        loop {
            let used = if at_home {
                self.shared.authorizer.granted(self.repository(), call.actions).await
            } else {
                None
            };
            let request = request(call, &url, used.as_ref());
            let response = self
                .shared
                .http
                .transmit(request)
                .await
                .map_err(|source| RegistryError::Transport { thing: call.thing.clone(), source })?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && at_home {
                if rounds == limits::AUTH_ROUNDS {
                    return Err(denied(call, response, used.as_ref()).await);
                }
                rounds += 1;
                self.authenticate(call, &response, used.as_ref()).await?;
                continue;
            }
            let follows = call.method == Method::GET || call.method == Method::HEAD;
            if is_redirect(status) && follows {
                redirects += 1;
                let next = self.redirect(&url, &response, redirects).map_err(|(target, reason)| {
                    RegistryError::Redirect { thing: call.thing.clone(), target, reason }
                })?;
                at_home = at_home && http::same_origin(&next, &self.base);
                url = next;
                continue;
            }
            return Ok(response);
        }
    }

    async fn authenticate(
        &self,
        call: &Call<'_>,
        refused: &Response,
        used: Option<&Authorization>,
    ) -> Result<(), RegistryError> {
        let wanted = (self.repository(), call.actions);
        let answered = self.shared.authorizer.answer(&self.shared.http, refused, &self.base, wanted, used);
        answered.await.map_err(|source| RegistryError::Auth { thing: call.thing.clone(), source })
    }

    fn redirect(
        &self,
        from: &Url,
        response: &Response,
        count: usize,
    ) -> Result<Url, (String, RedirectFault)> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(next) = location.and_then(|location| from.join(location).ok()) else {
            return Err(("nowhere".to_owned(), RedirectFault::NotUrl));
        };
        let target = http::origin(&next);
        let fault = match next.scheme() {
            _ if count > limits::REDIRECTS => Some(RedirectFault::TooMany),
            "http" if from.scheme() == "https" => Some(RedirectFault::Downgrade),
            "http" | "https" => None,
            _ => Some(RedirectFault::NotUrl),
        };
        let has_user = !next.username().is_empty() || next.password().is_some();
        let is_inward = http::is_internal(&next) && !http::is_internal(&self.base);
        match fault {
            Some(fault) => Err((target, fault)),
            None if has_user => Err((target, RedirectFault::UserInfo)),
            None if is_inward => Err((target, RedirectFault::Internal)),
            None => Ok(next),
        }
    }
}

/// Turns every status but the expected ones into an error with the registry's words.
pub(super) async fn expect(
    response: Response,
    good: &[StatusCode],
    thing: &Thing,
) -> Result<Response, RegistryError> {
    let status = response.status();
    if good.contains(&status) {
        return Ok(response);
    }
    let thing = thing.clone();
    if status == StatusCode::NOT_FOUND {
        return Err(RegistryError::NotFound { thing });
    }
    let (status, detail) = (status.as_u16(), http::explanation(response).await);
    Err(match status {
        401 | 403 => RegistryError::Denied { thing, status, detail },
        _ => RegistryError::Status { thing, status, detail },
    })
}

async fn denied(call: &Call<'_>, response: Response, used: Option<&Authorization>) -> RegistryError {
    let status = response.status().as_u16();
    let said = http::explanation(response).await;
    let sent = used.map(|used| format!("sent {used}"));
    let parts: Vec<String> = sent.into_iter().chain(said).collect();
    let detail = (!parts.is_empty()).then(|| parts.join("; "));
    RegistryError::Denied { thing: call.thing.clone(), status, detail }
}

fn request(call: &Call<'_>, url: &Url, authorization: Option<&Authorization>) -> Request {
    let mut request = Request::new(call.method.clone(), url.clone());
    let headers = request.headers_mut();
    // What is hashed is the content itself, not a compression of it.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(types) = call.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(types));
    }
    if let Some(value) = authorization.and_then(Authorization::header) {
        headers.insert(AUTHORIZATION, value);
    }
    if let Some((media_type, bytes)) = call.body {
        if let Ok(value) = HeaderValue::from_str(media_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        *request.body_mut() = Some(bytes.to_vec().into());
    }
    request
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Of a manifest's answers: the digest as the registry computed it.
pub(super) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Of an answer to a manifest with subject: the registry lists it (distribution-spec v1.1, "Pushing Manifests with Subject").
pub(super) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
