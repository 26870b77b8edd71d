//! The services behind keyless signatures: Fulcio, Rekor, time stamp authorities, and who gives a CI job its identity token. Each is asked once,
//! within limits of time and size; nobody is followed elsewhere; what they answer is compared with what was asked.

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
use super::http;
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

    /// Asks one question. Success is an answer with one of `good` as its status, and its body.
    async fn ask(&self, question: Question<'_>, good: &[u16]) -> Result<Answer, ServiceError> {
        let (service, origin) = (question.service, http::origin(&question.url));
        let wrong = |source| ServiceError::Http { service, origin: origin.clone(), source };
        let asking = async {
            let (secret, limit) = (question.secret, question.limit);
            let response = self.registries.http().transmit(question.request()?).await.map_err(wrong)?;
            let status = response.status().as_u16();
            if good.contains(&status) {
                let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                let location = location.map(str::to_owned);
                let body = http::read(response, limit).await.map_err(wrong)?;
                return Ok(Answer { status, location, body });
            }
            if (300..400).contains(&status) {
                // What was asked may hold a token, and the other place is not the one that the user named.
                return Err(ServiceError::Redirect { service, origin: origin.clone() });
            }
            let message = explanation(response, secret).await;
            Err(ServiceError::Status { service, origin: origin.clone(), status, message })
        };
        tokio::time::timeout(self.time_limit, asking).await.unwrap_or_else(|_| {
            Err(ServiceError::Slow { service, origin: origin.clone(), seconds: self.time_limit.as_secs() })
        })
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
        }
    }

    fn with_bearer(self, token: &'a Secret<String>) -> Self {
        Self { bearer: Some(token), secret: Some(token), ..self }
    }

    fn request(self) -> Result<Request, ServiceError> {
        let mut request = Request::new(self.method, self.url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if let Some(token) = self.bearer {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| TokenSourceError::NotOneLine)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some((media_type, body)) = self.body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }
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
    use crate::io::HttpError;
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
        let (_, log) = errors(|_| Reply::new(500));
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
