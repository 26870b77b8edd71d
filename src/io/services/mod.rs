//! The services behind keyless signatures: Fulcio, Rekor, time stamp authorities, and who gives a CI job its identity token. Each is asked
//! within limits of time and size, and again only where that adds nothing to a public log; nobody is followed elsewhere; what they answer is compared
//! with what was asked.

mod certificate;
mod error;
mod identity;
mod log;
mod stamp;
mod tuf;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Request, Response};
use url::{Host, Url};

pub use certificate::Issued;
pub use error::{AnswerError, ServiceError, ServiceKind, ServiceUrlError, TokenSourceError};
pub use identity::{TokenProvider, UnknownProvider};
pub use stamp::Stamp;
pub use tuf::{TufError, TufRepository};

use super::Environment;
use super::http::{self, HttpError, Lane};
use super::registry::Registries;
use crate::base::{Secret, limits};

/// What asks the services. There is none with `--offline`.
#[derive(Debug)]
pub struct Services {
    registries: Arc<Registries>,
    environment: Environment,
    time_limit: Duration,
    /// For a whole visit to a TUF repository.
    visit_limit: Duration,
}

impl Services {
    pub(super) fn new(registries: Arc<Registries>, environment: Environment) -> Self {
        let time_limit = Duration::from_secs(limits::SERVICE_SECONDS);
        let visit_limit = Duration::from_secs(limits::TUF_SECONDS);
        Self { registries, environment, time_limit, visit_limit }
    }

    /// Asks one question, and again where that is right. Success is an answer with one of `good` as its status, and its body.
    async fn ask(&self, question: Question<'_>, good: &[u16]) -> Result<Answer, ServiceError> {
        let (service, origin) = (question.service, http::origin(&question.url));
        let wrong = |source| ServiceError::Http { service, origin: origin.clone(), source };
        let mut tries = self.registries.patience().tries();
        loop {
            let asking = tokio::time::timeout(self.time_limit, self.ask_once(&question, good)).await;
            let slow =
                || ServiceError::Slow { service, origin: origin.clone(), seconds: self.time_limit.as_secs() };
            match asking.map_err(|_| slow())? {
                Ok(Heard::Answer(answer)) => return Ok(answer),
                Ok(Heard::Refusal(refusal)) => {
                    let is_again = question.repeat.after_status(refusal.status().as_u16())
                        && tries.after_answer(&origin, &refusal).await.map_err(wrong)?;
                    if !is_again {
                        return Err(self.refused(&question, refusal).await);
                    }
                    http::discard(refusal).await;
                }
                Err(ServiceError::Http { source, .. }) if question.repeat.after_error(&source) => {
                    tries.after_error(source).await.map_err(wrong)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask_once(&self, question: &Question<'_>, good: &[u16]) -> Result<Heard, ServiceError> {
        let (service, origin) = (question.service, http::origin(&question.url));
        let wrong = |source| ServiceError::Http { service, origin: origin.clone(), source };
        let asking = self.registries.http().once(question.request()?, &Lane::Queue).await;
        let response = asking.map_err(wrong)?;
        let status = response.status().as_u16();
        if !good.contains(&status) {
            return Ok(Heard::Refusal(response));
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let body = http::read(response, question.limit).await.map_err(wrong)?;
        Ok(Heard::Answer(Answer { status, location, body }))
    }

    async fn refused(&self, question: &Question<'_>, refusal: Response) -> ServiceError {
        let (service, origin) = (question.service, http::origin(&question.url));
        let status = refusal.status().as_u16();
        if (300..400).contains(&status) {
            // What was asked may hold a token, and the other place is not the one that the user named.
            return ServiceError::Redirect { service, origin };
        }
        let message = tokio::time::timeout(self.time_limit, explanation(refusal, question.secret)).await;
        ServiceError::Status { service, origin, status, message: message.ok().flatten() }
    }
}

/// What one service is asked.
struct Question<'a> {
    service: ServiceKind,
    method: Method,
    url: Url,
    /// Its media type, and the body.
    body: Option<(&'static str, Vec<u8>)>,
    accept: &'static str,
    bearer: Option<&'a Secret<String>>,
    /// What must not be told to anybody, even if the service repeats it.
    secret: Option<&'a Secret<String>>,
    /// Bytes of the answer.
    limit: u64,
    repeat: Repeat,
}

/// When a question without answer may be asked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Repeat {
    /// It changes nothing, or the service notices that it knows it.
    Harmless,
    /// Each one that arrives is written down for all to see, for ever: only if none arrived, or the service says that it was too much.
    Unheard,
}

impl Repeat {
    fn after_status(self, status: u16) -> bool {
        // RFC 6585, section 4: what is too much is not done.
        self == Self::Harmless || status == 429
    }

    fn after_error(self, error: &HttpError) -> bool {
        self == Self::Harmless || error.is_unsent()
    }
}

impl<'a> Question<'a> {
    fn post(service: ServiceKind, url: Url, media_type: &'static str, body: Vec<u8>) -> Self {
        let body = Some((media_type, body));
        Self {
            service,
            method: Method::POST,
            url,
            body,
            accept: JSON,
            bearer: None,
            secret: None,
            limit: limits::SERVICE_ANSWER,
            repeat: Repeat::Unheard,
        }
    }

    fn get(service: ServiceKind, url: Url) -> Self {
        Self {
            service,
            method: Method::GET,
            url,
            body: None,
            accept: JSON,
            bearer: None,
            secret: None,
            limit: limits::SERVICE_ANSWER,
            repeat: Repeat::Harmless,
        }
    }

    fn with_bearer(self, token: &'a Secret<String>) -> Self {
        Self { bearer: Some(token), secret: Some(token), ..self }
    }

    /// May be asked twice without harm.
    fn repeatable(self) -> Self {
        Self { repeat: Repeat::Harmless, ..self }
    }

    fn request(&self) -> Result<Request, ServiceError> {
        let mut request = Request::new(self.method.clone(), self.url.clone());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if let Some(token) = self.bearer {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| TokenSourceError::NotOneLine)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some((media_type, body)) = &self.body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            *request.body_mut() = Some(body.clone().into());
        }
        Ok(request)
    }
}

/// What came back.
enum Heard {
    Answer(Answer),
    /// Another status, and a body that was not read.
    Refusal(Response),
}

struct Answer {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

/// What a service says about its refusal, without what it repeats of a token.
async fn explanation(response: Response, secret: Option<&Secret<String>>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct MessageWire {
        message: String,
    }
    let body = http::read(response, limits::ERROR_BODY).await.ok()?;
    let text = match serde_json::from_slice::<MessageWire>(&body) {
        Ok(wire) => wire.message,
        // A page for browsers says nothing here.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => return None,
        Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
    };
    let part_of_secret = |part: &str| part.len() >= 8 && text.contains(part);
    if text.is_empty() || secret.is_some_and(|secret| secret.expose().split('.').any(part_of_secret)) {
        return None;
    }
    Some(text.chars().take(300).collect())
}

/// Where a service is: HTTPS, or HTTP on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// The URL with a path after its own.
    fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let joined = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlError;

    fn from_str(text: &str) -> Result<Self, ServiceUrlError> {
        let url: Url = text.parse().map_err(|_| ServiceUrlError::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServiceUrlError::Credentials);
        }
        if url.fragment().is_some() || url.host().is_none() {
            return Err(ServiceUrlError::Form);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            // Tokens would be read on the way, and answers changed.
            "http" => Err(ServiceUrlError::Plain),
            _ => Err(ServiceUrlError::Form),
        }
    }
}

impl fmt::Display for ServiceUrl {
    /// Scheme, host and port: a query may give access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&http::origin(&self.0))
    }
}

/// Whether the host is literally this machine. No name is looked up.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

const JSON: &str = "application/json";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::crypto::{PrivateKey, StampError};
    use crate::format::rekor::{NewEntry, Verifier, VerifierKind};
    use crate::io::stub::{Asked, Reply, Stub, network, wait};

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kifQ.c2lnbmF0dXJlLW9mLXRva2Vu";

    pub(super) fn services(environment: Environment) -> Services {
        Services::new(Arc::new(Registries::new(environment.clone(), network())), environment)
    }

    fn url(stub: &Stub) -> ServiceUrl {
        format!("http://127.0.0.1:{}/base/", stub.port).parse().unwrap()
    }

    /// The error of each service that is answered like this.
    fn errors(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Vec<ServiceError>, Vec<String>) {
        errors_within(Duration::from_secs(60), answer)
    }

    fn errors_within(
        time_limit: Duration,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> (Vec<ServiceError>, Vec<String>) {
        let stub = Stub::new(answer);
        let services = Services { time_limit, ..services(Environment::default()) };
        let (url, token) = (url(&stub), Secret::new(TOKEN.to_owned()));
        let key = PrivateKey::generate().unwrap();
        let entry = NewEntry {
            digest: crate::base::Digest::of(b""),
            envelope: None,
            signature: b"s",
            verifier: Verifier { kind: VerifierKind::Certificate, der: b"c", pem: "c", details: "d" },
        };
        let errors = wait(async {
            vec![
                services.certificate(&url, &token, &key.public(), b"proof").await.map(drop).unwrap_err(),
                services.enter_in_rekor_1(&url, entry).await.map(drop).unwrap_err(),
                services.enter_in_rekor_2(&url, entry).await.map(drop).unwrap_err(),
                services.stamp(&url, b"signature").await.map(drop).unwrap_err(),
            ]
        });
        (errors, stub.log())
    }

    #[test]
    fn questions_go_below_the_url_that_was_given() {
        let (_, log) = errors(|_| Reply::new(400));
        let want =
            ["/base/api/v2/signingCert", "/base/api/v1/log/entries", "/base/api/v2/log/entries", "/base/"];
        assert_eq!(log, want.map(|path| format!("POST {path}")));
    }

    #[test]
    fn nonsense_is_no_answer() {
        for body in
            ["", "{}", "[]", "null", "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":[]}}}"]
        {
            let (errors, _) = errors(move |_| Reply::ok("application/json", body));
            for error in errors {
                assert!(matches!(error, ServiceError::Answer { .. }), "{body}: {error:?}");
            }
        }
        let granted: &[u8] = &[0x30, 5, 0x30, 3, 2, 1, 2];
        let (errors, _) = errors(move |_| Reply::ok("application/timestamp-reply", granted));
        let [.., ServiceError::Answer { source: AnswerError::Stamp(StampError::Refused { status: 2 }), .. }] =
            &errors[..]
        else {
            panic!("{errors:?}")
        };
    }

    /// Which were asked, and how often, if everything is answered like this.
    fn counts(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Vec<usize> {
        let (_, log) = errors(answer);
        let count = |path: &str| log.iter().filter(|line| line.ends_with(path)).count();
        ["/signingCert", "/v1/log/entries", "/v2/log/entries", "/base/"].map(count).to_vec()
    }

    #[test]
    fn what_a_public_log_would_keep_twice_is_sent_once() {
        let all = limits::TRIES as usize;
        // It may have been done.
        for reply in [Reply::new(500), Reply::new(503), Reply::hangup(), Reply::new(200).length(9)] {
            let reply = reply.clone();
            assert_eq!(counts(move |_| reply.clone()), [1, all, 1, all]);
        }
        // It was not.
        assert_eq!(counts(|_| Reply::new(429).with("retry-after", "0")), [all; 4]);
        assert_eq!(counts(|_| Reply::new(400)), [1; 4]);
    }

    #[test]
    fn a_log_that_comes_back_is_asked_again() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        // Nobody listens, and nobody else gets the port.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url: ServiceUrl = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
        let network = crate::io::Network { max_wait: Some(Duration::from_secs(9)), ..network() };
        let environment = Environment::default();
        let services = Services::new(Arc::new(Registries::new(environment.clone(), network)), environment);
        let question = Question::post(ServiceKind::TransparencyLog, url.0, JSON, b"{}".to_vec());
        let back = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (mut stream, _) = socket.listen(1).unwrap().accept().await.unwrap();
            stream.read_u8().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            Ok(stream)
        };
        let (answer, _) = wait(futures_util::future::try_join(services.ask(question, &[200]), back)).unwrap();
        assert_eq!(answer.body, b"{}");
    }

    #[test]
    fn services_get_no_more_than_so_many_requests_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (inside, peak) = (now.clone(), most.clone());
        let stub = Stub::new(move |_| {
            peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            inside.fetch_sub(1, Ordering::SeqCst);
            Reply::ok("application/json", "{}")
        });
        let (services, url) = (services(Environment::default()), url(&stub));
        let ask = || services.ask(Question::get(ServiceKind::TufMirror, url.0.clone()), &[200]);
        let all = wait(futures_util::future::join_all((0..40).map(|_| ask())));
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), limits::HOST_REQUESTS);
    }

    #[test]
    fn nobody_is_followed() {
        for status in [301, 302, 303, 307, 308] {
            let elsewhere = Stub::new(|_| Reply::ok("application/json", "{}"));
            let port = elsewhere.port;
            let (errors, _) =
                errors(move |_| Reply::new(status).with("location", format!("http://127.0.0.1:{port}/")));
            for error in errors {
                assert!(matches!(error, ServiceError::Redirect { .. }), "{error:?}");
            }
            assert!(elsewhere.log().is_empty());
        }
    }

    #[test]
    fn time_and_size_are_bounded() {
        let (errors, _) = errors(|_| Reply::ok("application/json", vec![b' '; (1 << 20) + 1]).unmeasured());
        for error in errors {
            let ServiceError::Http { source: HttpError::TooLarge { limit }, .. } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(*limit, limits::SERVICE_ANSWER);
        }
        let (errors, _) = errors_within(Duration::from_millis(500), |_| {
            std::thread::sleep(Duration::from_secs(3));
            Reply::new(500)
        });
        for error in errors {
            assert!(matches!(error, ServiceError::Slow { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_and_the_token_is_not() {
        let (errors, _) =
            errors(|_| Reply::new(400).body("{\"code\":3,\"message\":\"invalid\\u001b[1m\",\"details\":[]}"));
        for error in errors {
            let text = error.to_string();
            assert!(text.contains("400") && text.contains("invalid\\u{1b}[1m"), "{text}");
        }
        for echo in [TOKEN.to_owned(), format!("bad claims {}", TOKEN.split('.').nth(1).unwrap())] {
            let (errors, _) = self::errors(move |_| Reply::new(400).body(echo.clone()));
            let (ServiceError::Status { message, .. }, text) = (&errors[0], format!("{:?}", errors[0]))
            else {
                panic!("{errors:?}")
            };
            assert_eq!((message, text.contains("eyJ")), (&None, false), "{text}");
        }
    }

    #[test]
    fn places() {
        for good in [
            "https://a.example",
            "https://a.example/x?y",
            "http://localhost:1/",
            "http://127.0.0.1",
            "http://[::1]:2",
        ] {
            assert!(good.parse::<ServiceUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://a.example", ServiceUrlError::Plain),
            ("http://10.0.0.1", ServiceUrlError::Plain),
            ("http://localhost.example", ServiceUrlError::Plain),
            ("https://user@a.example", ServiceUrlError::Credentials),
            ("https://:hunter2@a.example", ServiceUrlError::Credentials),
            ("https://a.example/#x", ServiceUrlError::Form),
            ("file:///etc/passwd", ServiceUrlError::Form),
            ("a.example", ServiceUrlError::Form),
            ("", ServiceUrlError::Form),
        ] {
            assert_eq!(bad.parse::<ServiceUrl>().unwrap_err(), why, "{bad}");
        }
    }
}
