//! One request to a registry: authentication, redirects, and what may go where.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    RANGE,
};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use super::Remote;
use super::error::{RedirectFault, RegistryError, Thing};
use crate::base::{Repository, limits};
use crate::io::auth::{Actions, Authorization, Wish};
use crate::io::http::{self, HttpError, Lane};
use crate::io::patience::Tries;

/// One request as it is meant.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: Option<&'static str>,
    pub(super) body: Option<(&'a str, &'a [u8])>,
    /// First and last byte, if not all are wanted.
    pub(super) range: Option<(u64, u64)>,
    /// Place of the first and last byte of the body, if it is not all.
    pub(super) part: Option<(u64, u64)>,
    /// Whether it may arrive twice without more harm than arriving once.
    repeat: Repeat,
    lane: Lane,
    pub(super) actions: Actions,
    /// Another repository that is read for it.
    from: Option<&'a Repository>,
    pub(super) thing: Thing,
}

/// Whether a request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Repeat {
    Harmless,
    Never,
}

impl<'a> Call<'a> {
    pub(super) fn get(url: Url, thing: Thing) -> Self {
        Self { actions: Actions::Pull, ..Self::write(Method::GET, url, thing) }
    }

    /// May be repeated if it changes nothing to arrive twice: a question, a manifest under its own digest or under a tag that is to name it
    /// whatever it names now, or the start of an upload, of which the registry forgets all but one.
    pub(super) fn write(method: Method, url: Url, thing: Thing) -> Self {
        let is_manifest = matches!(thing, Thing::Manifest(..) | Thing::Tagged(..));
        let is_harmless = match method {
            Method::GET | Method::HEAD | Method::POST => true,
            Method::PUT => is_manifest,
            _ => false,
        };
        let repeat = if is_harmless { Repeat::Harmless } else { Repeat::Never };
        Self {
            method,
            url,
            accept: None,
            body: None,
            range: None,
            part: None,
            repeat,
            lane: Lane::Queue,
            from: None,
            actions: Actions::Push,
            thing,
        }
    }

    /// The body is a part of what is uploaded.
    pub(super) fn part(self, first: u64, last: u64) -> Self {
        Self { part: Some((first, last)), ..self }
    }

    /// As part of something that has its place in the line.
    pub(super) fn lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Takes something from another repository of the registry.
    pub(super) fn from(self, from: Option<&'a Repository>) -> Self {
        Self { from, ..self }
    }

    /// To see which repositories there are.
    pub(super) fn list(url: Url, thing: Thing) -> Self {
        Self { actions: Actions::List, ..Self::get(url, thing) }
    }

    /// Sent once, whatever it is.
    pub(super) fn once(self) -> Self {
        Self { repeat: Repeat::Never, ..self }
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
        self.send_within(call, &mut self.shared.patience().tries()).await
    }

    /// As [`Self::send`], as one of several requests for the same thing.
    pub(super) async fn send_within(
        &self,
        call: &Call<'_>,
        tries: &mut Tries,
    ) -> Result<Response, RegistryError> {
        let mut url = call.url.clone();
        let mut at_home = http::same_origin(&url, &self.base);
        let (mut redirects, mut rounds, mut has_returned) = (0, 0, false);
        loop {
            let used = if at_home { self.granted(call).await } else { None };
            let request = request(call, &url, used.as_ref());
            let answer = self.transmit(call, request, tries).await;
            let response =
                answer.map_err(|source| RegistryError::Transport { thing: call.thing.clone(), source })?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && at_home {
                if rounds == limits::AUTH_ROUNDS {
                    return Err(denied(call, response, used.as_ref()).await);
                }
                rounds += 1;
                self.authenticate(call, &response, used.as_ref()).await?;
                http::discard(response).await;
                continue;
            }
            let follows = call.method == Method::GET || call.method == Method::HEAD;
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && !at_home && !has_returned
            {
                // The storage is told nothing; the registry may send us there with a URL that has not ended.
                (url, redirects, has_returned) = (call.url.clone(), 0, true);
                at_home = http::same_origin(&url, &self.base);
                http::discard(response).await;
                continue;
            }
            if is_redirect(status) && follows {
                redirects += 1;
                let next = self.redirect(&url, &response, redirects).map_err(|(target, reason)| {
                    RegistryError::Redirect { thing: call.thing.clone(), target, reason }
                })?;
                at_home = at_home && http::same_origin(&next, &self.base);
                url = next;
                http::discard(response).await;
                continue;
            }
            return Ok(response);
        }
    }

    /// What was granted before for this.
    pub(super) async fn granted(&self, call: &Call<'_>) -> Option<Authorization> {
        self.shared.authorizer.granted(&self.shared.http, &self.base, self.wish(call)).await
    }

    fn wish<'a>(&'a self, call: &Call<'a>) -> Wish<'a> {
        Wish { repository: self.repository(), actions: call.actions, from: call.from }
    }

    async fn transmit(
        &self,
        call: &Call<'_>,
        request: Request,
        tries: &mut Tries,
    ) -> Result<Response, HttpError> {
        match call.repeat {
            Repeat::Harmless => self.shared.http.persist(request, tries, &call.lane).await,
            // It has places of its own: what is sent up may come down from the same host, and hold one there.
            Repeat::Never if call.body.is_some() && matches!(call.thing, Thing::Upload(..)) => {
                let time = Duration::from_secs(limits::UPLOAD_SECONDS);
                let slow = Err(HttpError::Slow { seconds: limits::UPLOAD_SECONDS });
                tokio::time::timeout(time, self.shared.http.upload(request)).await.unwrap_or(slow)
            }
            Repeat::Never => self.shared.http.once(request, &call.lane).await,
        }
    }

    pub(super) async fn authenticate(
        &self,
        call: &Call<'_>,
        refused: &Response,
        used: Option<&Authorization>,
    ) -> Result<(), RegistryError> {
        let (wish, shared) = (self.wish(call), &self.shared);
        let answered = shared.authorizer.answer(&shared.http, refused, &self.base, wish, used);
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

pub(super) fn request(call: &Call<'_>, url: &Url, authorization: Option<&Authorization>) -> Request {
    let mut request = Request::new(call.method.clone(), url.clone());
    let headers = request.headers_mut();
    // What is hashed is the content itself, not a compression of it.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(types) = call.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(types));
    }
    if let Some((first, last)) = call.range
        && let Ok(value) = HeaderValue::from_str(&format!("bytes={first}-{last}"))
    {
        headers.insert(RANGE, value);
    }
    // Distribution-spec v1.1, "Pushing a blob in chunks": without the unit.
    if let Some((first, last)) = call.part
        && let Ok(value) = HeaderValue::from_str(&format!("{first}-{last}"))
    {
        headers.insert(CONTENT_RANGE, value);
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Registries;
    use super::*;
    use crate::io::Environment;
    use crate::io::auth::AuthError;
    use crate::io::stub::{Asked, Reply, Stub, manifest, network, turns, wait};

    fn good() -> Reply {
        Reply::ok(crate::format::manifest::OCI_MANIFEST, manifest("a"))
    }

    fn root(remote: &Remote) -> Result<(), RegistryError> {
        // Not what a tag means in this run, which is asked for once.
        wait(remote.manifest_by_tag(&"v1".parse().unwrap())).map(|_| ())
    }

    /// A folder with docker's `config.json` in it that knows alice of `key`.
    fn home(key: &str, entry: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(r#"{{"auths":{{"{key}":{entry}}}}}"#);
        fs::write(folder.path().join("config.json"), text).unwrap();
        folder
    }

    const ALICE: &str = r#"{"auth":"YWxpY2U6czNjcmV0"}"#;

    fn remote_of(stub: &Stub, folder: &tempfile::TempDir) -> Remote {
        stub.remote_with("a/b:v1", &[("DOCKER_CONFIG", folder.path().to_str().unwrap())])
    }

    fn redirected(location: impl Fn(u16) -> String) -> (Result<(), RegistryError>, Stub, Stub) {
        let elsewhere = Stub::new(|_| good());
        let target = location(elsewhere.port);
        let stub = Stub::new(move |_| Reply::new(307).with("location", &target));
        (root(&stub.remote("a:v1")), stub, elsewhere)
    }

    fn fault(result: Result<(), RegistryError>) -> RedirectFault {
        match result {
            Err(RegistryError::Redirect { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn redirects_are_followed_within_limits() {
        let (result, ..) = redirected(|port| format!("http://127.0.0.1:{port}/x?sig=1"));
        assert!(result.is_ok(), "{result:?}");
        let (result, stub, _) = redirected(|_| "/again".to_owned());
        assert_eq!(fault(result), RedirectFault::TooMany);
        assert_eq!(stub.log().len(), limits::REDIRECTS + 1);
        let (result, _, elsewhere) = redirected(|port| format!("http://user:pass@127.0.0.1:{port}/"));
        assert_eq!(fault(result), RedirectFault::UserInfo);
        assert!(elsewhere.log().is_empty());
        assert_eq!(fault(redirected(|_| "file:///etc/passwd".to_owned()).0), RedirectFault::NotUrl);
        assert_eq!(fault(redirected(|_| "http://[".to_owned()).0), RedirectFault::NotUrl);
    }

    #[test]
    fn no_redirect_leads_down_or_in() {
        let registries = Registries::new(Environment::default(), network());
        let remote = Remote::new(registries.into(), "r.example/a".parse().unwrap()).unwrap();
        let from: Url = "https://r.example/v2/a/blobs/x".parse().unwrap();
        let judge = |location: &str| {
            let answer = http_answer(location);
            remote.redirect(&from, &answer, 1).err().map(|(_, reason)| reason)
        };
        for (location, want) in [
            ("https://storage.example/x", None),
            ("/v2/y", None),
            ("http://storage.example/x", Some(RedirectFault::Downgrade)),
            ("https://169.254.169.254/x", Some(RedirectFault::Internal)),
            ("https://127.0.0.1/x", Some(RedirectFault::Internal)),
            ("https://localhost/x", Some(RedirectFault::Internal)),
            ("https://[::1]/x", Some(RedirectFault::Internal)),
            ("https://u@storage.example/x", Some(RedirectFault::UserInfo)),
        ] {
            assert_eq!(judge(location), want, "{location}");
        }
    }

    /// A redirect, as the client sees it.
    fn http_answer(location: &str) -> Response {
        let location = location.to_owned();
        let stub = Stub::new(move |_| Reply::new(307).with("location", &location));
        let url = format!("http://127.0.0.1:{}/", stub.port).parse().unwrap();
        wait(
            crate::io::http::Http::plain(Environment::default())
                .once(Request::new(Method::GET, url), &Lane::Queue),
        )
        .unwrap()
    }

    fn wants_basic(asked: &Asked) -> Reply {
        match asked.header("authorization") {
            Some("Basic YWxpY2U6czNjcmV0") => good(),
            _ => Reply::new(401).with("www-authenticate", "Basic realm=\"x, Bearer y\""),
        }
    }

    #[test]
    fn basic_credentials_follow_a_challenge_and_nothing_else() {
        let stub = Stub::new(wants_basic);
        let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
        let remote = remote_of(&stub, &folder);
        assert!(root(&remote).is_ok());
        assert!(root(&remote).is_ok());
        let sent: Vec<bool> =
            stub.asked().iter().map(|asked| asked.header("authorization").is_some()).collect();
        assert_eq!(sent, [false, true, true]);
        // Nobody asked.
        let open = Stub::new(|_| good());
        let folder = home(&format!("127.0.0.1:{}", open.port), ALICE);
        assert!(root(&remote_of(&open, &folder)).is_ok());
        assert_eq!(open.asked()[0].header("authorization"), None);
        // Nothing stored for this port.
        let stub = Stub::new(wants_basic);
        let result = root(&remote_of(&stub, &home("127.0.0.1", ALICE)));
        assert!(matches!(result, Err(RegistryError::Auth { source: AuthError::NoCredentials { .. }, .. })));
        assert_eq!(stub.log().len(), 1);
    }

    #[test]
    fn wrong_credentials_end_after_two_rounds_without_being_shown() {
        let stub = Stub::new(|_| Reply::new(401).with("www-authenticate", "Basic realm=x"));
        let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
        let error = root(&remote_of(&stub, &folder)).unwrap_err();
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error:?}");
        assert_eq!(stub.log().len(), 1 + limits::AUTH_ROUNDS);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret") && !text.contains("YWxp"), "{text}");
    }

    #[test]
    fn credentials_do_not_leave_with_a_redirect() {
        for answers in [200, 401] {
            let elsewhere = Stub::new(move |_| match answers {
                200 => good(),
                _ => Reply::new(401).with("www-authenticate", "Basic realm=x"),
            });
            let target = format!("http://127.0.0.1:{}/x", elsewhere.port);
            let stub = Stub::new(move |asked| match asked.header("authorization") {
                Some(_) => Reply::new(307).with("location", &target),
                None => Reply::new(401).with("www-authenticate", "Basic realm=x"),
            });
            let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
            let result = root(&remote_of(&stub, &folder));
            assert_eq!(result.is_ok(), answers == 200);
            let leaked = elsewhere.asked().iter().any(|asked| asked.header("authorization").is_some());
            let asked = if answers == 200 { 1 } else { 2 };
            assert!(!leaked && elsewhere.log().len() == asked);
        }
    }

    #[test]
    fn a_url_of_the_storage_that_has_ended_is_asked_for_again() {
        for (good_turn, works) in [(1, true), (2, false)] {
            let storage = turns(move |turn, _| if turn == good_turn { good() } else { Reply::new(403) });
            let target = format!("http://127.0.0.1:{}/x", storage.port);
            let stub = Stub::new(move |_| Reply::new(307).with("location", &target));
            assert_eq!(root(&stub.remote("a:v1")).is_ok(), works);
            assert_eq!((stub.log().len(), storage.log().len()), (2, 2));
        }
    }

    #[test]
    fn a_detour_over_another_host_loses_the_credentials() {
        let port = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let home_again = port.clone();
        let elsewhere = Stub::new(move |_| Reply::new(307).with("location", home_again.lock().unwrap()));
        let target = format!("http://127.0.0.1:{}/x", elsewhere.port);
        let stub = Stub::new(move |asked| match (asked.target.as_str(), asked.header("authorization")) {
            ("/back", _) => good(),
            (_, Some(_)) => Reply::new(307).with("location", &target),
            (_, None) => Reply::new(401).with("www-authenticate", "Basic realm=x"),
        });
        *port.lock().unwrap() = format!("http://127.0.0.1:{}/back", stub.port);
        let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
        assert!(root(&remote_of(&stub, &folder)).is_ok());
        assert_eq!(stub.asked().last().unwrap().header("authorization"), None);
    }

    /// A registry with its own token server at `/token`.
    fn wants_token(asked: &Asked) -> Reply {
        if asked.target.starts_with("/token") {
            return Reply::ok("application/json", r#"{"token":"t0ken"}"#);
        }
        match asked.header("authorization") {
            Some("Bearer t0ken") => good(),
            _ => Reply::new(401)
                .with("www-authenticate", "Basic realm=x")
                .with("www-authenticate", r#"bearer realm="/token",service="s",scope="repository:a/b:pull""#),
        }
    }

    #[test]
    fn tokens_are_asked_for_once() {
        let stub = Stub::new(wants_token);
        let folder = home(&format!("http://127.0.0.1:{}/v1/", stub.port), ALICE);
        let remote = remote_of(&stub, &folder);
        assert!(root(&remote).is_ok());
        assert!(root(&remote).is_ok());
        let token = "GET /token?service=s&scope=repository%3Aa%2Fb%3Apull";
        let manifest = "GET /v2/a/b/manifests/v1";
        assert_eq!(stub.log(), [manifest, token, manifest, manifest]);
        assert_eq!(stub.asked()[1].header("authorization"), Some("Basic YWxpY2U6czNjcmV0"));
        // Without credentials the same works anonymously.
        let stub = Stub::new(wants_token);
        assert!(root(&stub.remote("a/b:v1")).is_ok());
        assert_eq!(stub.asked()[1].header("authorization"), None);
    }

    // Some servers know the OAuth2 variant alone.
    #[test]
    fn a_password_is_posted_where_nothing_is_got() {
        for (status, works) in [(404, true), (405, true), (401, false), (403, false)] {
            let stub =
                Stub::new(move |asked| match (asked.target.starts_with("/token"), asked.method.as_str()) {
                    (true, "GET") => Reply::new(status),
                    _ => wants_token(asked),
                });
            let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
            let result = root(&remote_of(&stub, &folder));
            assert_eq!(result.is_ok(), works, "{status}: {result:?}");
            let posts: Vec<Asked> = stub.asked().into_iter().filter(|asked| asked.method == "POST").collect();
            // A password that was refused is not tried again.
            assert_eq!(posts.len(), usize::from(works));
            for post in posts {
                let form = String::from_utf8(post.body).unwrap();
                assert!(form.starts_with("grant_type=password&username=alice&password=s3cret&service=s&"));
                assert!(post.target == "/token" && !form.contains("offline"));
            }
        }
    }

    #[test]
    fn identity_tokens_are_exchanged_and_ready_ones_used() {
        let stub = Stub::new(wants_token);
        let folder = home(&format!("127.0.0.1:{}", stub.port), r#"{"identitytoken":"id&1"}"#);
        assert!(root(&remote_of(&stub, &folder)).is_ok());
        let exchange = &stub.asked()[1];
        assert_eq!((exchange.method.as_str(), exchange.target.as_str()), ("POST", "/token"));
        let form = String::from_utf8(exchange.body.clone()).unwrap();
        assert!(form.starts_with(
            "grant_type=refresh_token&refresh_token=id%261&service=s&client_id=plimsoll&scope="
        ));
        let stub = Stub::new(wants_token);
        let folder = home(&format!("127.0.0.1:{}", stub.port), r#"{"registrytoken":"t0ken"}"#);
        assert!(root(&remote_of(&stub, &folder)).is_ok());
        assert_eq!(stub.log().len(), 2);
    }

    #[test]
    fn a_token_server_elsewhere_learns_nothing() {
        let collector = Stub::new(|_| Reply::ok("application/json", r#"{"token":"t"}"#));
        let ask = |realm: &str| {
            let realm = realm.replace("PORT", &collector.port.to_string());
            let challenge = format!(r#"Bearer realm="{realm}",service="s""#);
            let stub = Stub::new(move |_| Reply::new(401).with("www-authenticate", &challenge));
            let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
            root(&remote_of(&stub, &folder)).unwrap_err()
        };
        for realm in ["http://localhost:PORT/t", "//localhost:PORT/t"] {
            let error = ask(realm);
            let is_refused = matches!(error, RegistryError::Auth { source: AuthError::Realm { .. }, .. });
            assert!(is_refused, "{realm}: {error:?}");
        }
        assert!(collector.log().is_empty());
        // Another port of the same host is asked, but told nothing.
        for realm in ["http://127.0.0.1:PORT/t", "//127.0.0.1:PORT/t"] {
            let error = ask(realm).to_string();
            assert!(error.contains("the stored credentials are not for this host"), "{error}");
        }
        assert!(!collector.log().is_empty());
        assert!(collector.asked().iter().all(|asked| asked.header("authorization").is_none()));
    }

    #[test]
    fn a_token_server_that_refuses_is_named() {
        let stub = Stub::new(|asked| match asked.target.starts_with("/token") {
            true => Reply::new(403),
            false => Reply::new(401).with("www-authenticate", r#"Bearer realm="/token""#),
        });
        let folder = home(&format!("127.0.0.1:{}", stub.port), ALICE);
        match root(&remote_of(&stub, &folder)) {
            Err(RegistryError::Auth { source, .. }) => {
                let text = source.to_string();
                assert!(
                    text.contains(&stub.port.to_string()) && text.contains("repository:a/b:pull"),
                    "{text}"
                );
                assert!(text.contains("403") && !text.contains("s3cret"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }

    // Some proxies show the request that they refuse, and what is printed is in the log of a pipeline for all to read.
    #[test]
    fn what_was_sent_is_not_shown_even_if_the_registry_does() {
        let folder = tempfile::tempdir().unwrap();
        for (realm, status) in [("Basic", 401), ("Basic", 500), (r#"Bearer realm="/token""#, 403)] {
            let stub = Stub::new(move |asked| match asked.header("authorization") {
                _ if asked.target.starts_with("/token") => {
                    Reply::ok("application/json", r#"{"token":"h.t0ken-of-mine-only.signed"}"#)
                }
                None => Reply::new(401).with("www-authenticate", realm),
                Some(sent) => Reply::new(status)
                    .with("www-authenticate", realm)
                    .body(format!("authorization: {sent} (alice:s3cret)")),
            });
            let text = format!(r#"{{"auths":{{"127.0.0.1:{}":{ALICE}}}}}"#, stub.port);
            fs::write(folder.path().join("config.json"), text).unwrap();
            let error = root(&remote_of(&stub, &folder)).unwrap_err().to_string();
            assert!(error.contains("authorization: "), "{error}");
            for secret in ["YWxpY2U6czNjcmV0", "s3cret", "t0ken-of-mine"] {
                assert!(!error.contains(secret) || (secret == "s3cret" && realm != "Basic"), "{error}");
            }
        }
    }

    #[test]
    fn a_malformed_credentials_file_is_an_error_not_anonymity() {
        let stub = Stub::new(wants_token);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), "{").unwrap();
        let result = root(&remote_of(&stub, &folder));
        assert!(
            matches!(result, Err(RegistryError::Auth { source: AuthError::Config { .. }, .. })),
            "{result:?}"
        );
        // It is not looked at where nobody asks.
        assert!(root(&remote_of(&Stub::new(|_| good()), &folder)).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn helpers_are_run_and_their_failures_shown() {
        use std::os::unix::fs::PermissionsExt as _;
        for (script, works) in [
            (
                r#"read host; echo "$1 $host$PLIMSOLL_PASSWORD$COSIGN_PASSWORD" > "$LOG"; echo '{"ServerURL":"x","Username":"alice","Secret":"s3cret"}'"#,
                true,
            ),
            ("echo credentials not found in native keychain; exit 1", false),
            ("echo no key ring; exit 1", false),
            ("echo x", false),
            ("head -c 100000 /dev/zero", false),
        ] {
            let stub = Stub::new(wants_basic);
            let folder = tempfile::tempdir().unwrap();
            let config = format!(r#"{{"credHelpers":{{"127.0.0.1:{}":"test"}}}}"#, stub.port);
            fs::write(folder.path().join("config.json"), config).unwrap();
            let program = folder.path().join("docker-credential-test");
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let path = format!("{}:/bin:/usr/bin", folder.path().display());
            let log = folder.path().join("log");
            let variables = [
                ("DOCKER_CONFIG", folder.path().to_str().unwrap()),
                ("PATH", &path),
                ("LOG", log.to_str().unwrap()),
                ("COSIGN_PASSWORD", "of the key"),
                ("PLIMSOLL_PASSWORD", "of the key"),
            ];
            let result = root(&stub.remote_with("a:v1", &variables));
            assert_eq!(result.is_ok(), works, "{script}: {result:?}");
            if works {
                assert_eq!(fs::read_to_string(&log).unwrap(), format!("get 127.0.0.1:{}\n", stub.port));
            } else {
                let text = result.unwrap_err();
                let is_anonymous =
                    matches!(text, RegistryError::Auth { source: AuthError::NoCredentials { .. }, .. });
                assert_eq!(is_anonymous, script.contains("not found"), "{script}");
            }
        }
        let stub = Stub::new(wants_basic);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), r#"{"credsStore":"../../tmp/x"}"#).unwrap();
        let result = root(&remote_of(&stub, &folder));
        assert!(matches!(result, Err(RegistryError::Auth { source: AuthError::HelperName { .. }, .. })));
    }
}
