//! HTTP below registries and token servers: clients made when first needed, proxies, and reads with a limit.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_ENCODING;
use reqwest::{Client, ClientBuilder, NoProxy, Proxy, Request, Response};
use url::{Host, Url};

use super::Environment;
use super::patience::{Patience, Tries};
use super::tls::{TlsError, Trust};
use crate::base::{Timestamp, limits};

/// HTTP with and without TLS. Redirects are never followed here: who may follow where with which credentials is decided by the caller.
#[derive(Debug)]
pub(super) struct Http {
    down: Clients,
    up: Clients,
    trust: Trust,
    environment: Environment,
    patience: Arc<Patience>,
}

/// Clients for one way. Those of the other way have connections of their own.
#[derive(Debug, Default)]
struct Clients {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
    /// By origin: those that need certificates of their own, and the others, once that is known.
    hosts: Mutex<HashMap<String, Client>>,
}

/// Which way most bytes of a request go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Down,
    Up,
}

impl Http {
    /// Opens nothing yet. A server that wants us to wait longer than `longest` is not waited for.
    pub(super) fn new(environment: Environment, longest: Duration, trust: Trust) -> Self {
        let patience = Arc::new(Patience::new(longest));
        Self { down: Clients::default(), up: Clients::default(), trust, environment, patience }
    }

    /// For tests: no certificates but the system's, nobody is waited for.
    #[cfg(test)]
    pub(super) fn plain(environment: Environment) -> Self {
        Self::new(environment.clone(), Duration::ZERO, Trust::new(environment, None, None))
    }

    /// Where certificates come from.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What the servers said about us.
    pub(super) fn patience(&self) -> &Arc<Patience> {
        &self.patience
    }

    /// Sends a request that may arrive twice: again and again while the server is busy, or away. `tries` are those of the whole thing.
    pub(super) async fn persist(&self, request: Request, tries: &mut Tries) -> Result<Response, HttpError> {
        let origin = origin(request.url());
        loop {
            // A body that is a stream cannot be sent twice.
            let Some(copy) = request.try_clone() else { return self.once(request).await };
            match self.once(copy).await {
                Ok(answer) if tries.after_answer(&origin, &answer).await? => discard(answer).await,
                Ok(answer) => return Ok(answer),
                Err(error) => tries.after_error(error).await?,
            }
        }
    }

    /// Sends a request that must not arrive twice, when the server may be asked.
    pub(super) async fn once(&self, request: Request) -> Result<Response, HttpError> {
        let origin = origin(request.url());
        self.patience.admit(&origin).await?;
        let answer = self.transmit(request).await?;
        self.patience.note(&origin, answer.headers());
        Ok(answer)
    }

    /// Sends one request.
    pub(super) async fn transmit(&self, request: Request) -> Result<Response, HttpError> {
        self.execute(request, Direction::Down).await
    }

    /// Sends one request whose body may take hours; who calls this sees to it that something moves.
    pub(super) async fn upload(&self, request: Request) -> Result<Response, HttpError> {
        let origin = origin(request.url());
        self.patience.admit(&origin).await?;
        let answer = self.execute(request, Direction::Up).await?;
        self.patience.note(&origin, answer.headers());
        Ok(answer)
    }

    /// Every request of this program goes through here.
    async fn execute(&self, request: Request, direction: Direction) -> Result<Response, HttpError> {
        let host = origin(request.url());
        let client = self.client(request.url(), direction)?;
        client.execute(request).await.map_err(|error| HttpError::Unreachable { host, source: cause(&error) })
    }

    fn client(&self, url: &Url, direction: Direction) -> Result<Client, HttpError> {
        let clients = match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        };
        if url.scheme() != "https" {
            // Without TLS no certificate is looked at; a machine without CA files must still reach loopback.
            return self.shared(&clients.plain, direction, |builder| builder.tls_certs_only([]));
        }
        let origin = origin(url);
        let mut hosts = clients.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = hosts.get(&origin) {
            return Ok(client.clone());
        }
        let extra = self.trust.find(url).map_err(|source| HttpError::Certificates { source })?;
        let trusting = |builder: ClientBuilder| builder.tls_certs_merge(extra.authorities);
        let client = match extra.identity {
            Some(identity) => build(trusting(self.builder(direction)?).identity(identity))?,
            None if extra.is_own => build(trusting(self.builder(direction)?))?,
            None => self.shared(&clients.tls, direction, trusting)?,
        };
        hosts.insert(origin, client.clone());
        Ok(client)
    }

    /// One client for all hosts that need nothing of their own: they share its connections.
    fn shared(
        &self,
        cell: &OnceLock<Client>,
        direction: Direction,
        adapt: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, HttpError> {
        match cell.get() {
            Some(client) => Ok(client.clone()),
            None => {
                let client = build(adapt(self.builder(direction)?))?;
                Ok(cell.get_or_init(|| client).clone())
            }
        }
    }

    fn builder(&self, direction: Direction) -> Result<ClientBuilder, HttpError> {
        let mut builder = Client::builder()
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(Duration::from_secs(limits::CONNECT_SECONDS));
        if direction == Direction::Down {
            // It also counts the time until the answer begins, which for an upload is the time of the upload.
            builder = builder.read_timeout(Duration::from_secs(limits::READ_SECONDS));
        }
        Ok(self.proxies()?.into_iter().fold(builder, ClientBuilder::proxy))
    }

    /// Proxies as curl reads the variables. Loopback is never proxied.
    fn proxies(&self) -> Result<Vec<Proxy>, HttpError> {
        let variable = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                self.environment.get(name).filter(|value| !value.is_empty()).map(|value| (name, value))
            })
        };
        let direct = variable(["no_proxy", "NO_PROXY"]).map_or("", |(_, value)| value);
        let direct = NoProxy::from_string(&format!("localhost,127.0.0.0/8,::1,{direct}"));
        let mut out = Vec::new();
        let found = [
            (variable(["http_proxy", "HTTP_PROXY"]), Kind::Http),
            (variable(["https_proxy", "HTTPS_PROXY"]), Kind::Https),
            (variable(["all_proxy", "ALL_PROXY"]), Kind::All),
        ];
        for (found, kind) in found {
            let Some((name, value)) = found else { continue };
            let proxy = match kind {
                Kind::All => Proxy::all(value),
                Kind::Http => Proxy::http(value),
                Kind::Https => Proxy::https(value),
            };
            let proxy = proxy.map_err(|_| HttpError::Proxy { variable: name })?;
            out.push(proxy.no_proxy(direct.clone()));
        }
        Ok(out)
    }
}

fn build(builder: ClientBuilder) -> Result<Client, HttpError> {
    builder.build().map_err(|error| HttpError::Setup { source: cause(&error) })
}

/// For which URLs a proxy is.
enum Kind {
    All,
    Http,
    Https,
}

/// Reads a body of at most `limit` bytes, in bounded time.
pub(super) async fn read(mut response: Response, limit: u64) -> Result<Vec<u8>, HttpError> {
    check_encoding(&response)?;
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(HttpError::TooLarge { limit });
    }
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = next(&mut response).await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(HttpError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let time = Duration::from_secs(limits::BODY_SECONDS);
    tokio::time::timeout(time, reading)
        .await
        .unwrap_or(Err(HttpError::Slow { seconds: limits::BODY_SECONDS }))
}

/// Reads a body that says nothing, so that the connection can be used again.
pub(super) async fn discard(response: Response) {
    if response.content_length() != Some(0) {
        // Whatever is wrong with it, the next request has a connection of its own then.
        let _ = read(response, limits::ERROR_BODY).await;
    }
}

/// The next piece of a body; none at its end.
pub(super) async fn next(
    response: &mut Response,
) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, HttpError> {
    response.chunk().await.map_err(|error| HttpError::Interrupted { source: cause(&error) })
}

/// Refuses a body that is not the content itself: we ask for `identity`.
pub(super) fn check_encoding(response: &Response) -> Result<(), HttpError> {
    let coding = response.headers().get(CONTENT_ENCODING).map(|value| value.as_bytes());
    match coding {
        None | Some(b"" | b"identity") => Ok(()),
        Some(other) => {
            Err(HttpError::Encoded { coding: String::from_utf8_lossy(other).chars().take(64).collect() })
        }
    }
}

/// What to say about an error answer: the registry's own messages, or the start of the text.
pub(super) async fn explanation(response: Response) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        errors: Vec<Entry>,
        details: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let body = read(response, limits::ERROR_BODY).await.ok()?;
    let text = match serde_json::from_slice::<Answer>(&body) {
        Ok(answer) => {
            let errors = answer.errors.iter().take(3);
            let mut parts: Vec<String> =
                errors.map(|entry| format!("{} {}", entry.code, entry.message).trim().to_owned()).collect();
            parts.extend(answer.details);
            parts.join("; ")
        }
        // A page for browsers says nothing here.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
    };
    let text: String = text.chars().take(300).collect();
    (!text.is_empty()).then_some(text)
}

/// Whether two URLs have the same scheme, host and port.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// `scheme://host:port`: enough to say where, without path and query, which may hold secrets.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether the host is literally this machine or a private network. No name is looked up.
pub(super) fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // With the dot of the root it is the same name.
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_internal_v4(address),
        Some(Host::Ipv6(address)) => {
            address.to_ipv4_mapped().is_some_and(is_internal_v4)
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
        None => true,
    }
}

fn is_internal_v4(address: std::net::Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
}

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It wants us to wait for longer than we do.
    #[error("{host} wants to be asked again in {seconds} seconds{}; the longest wait is {longest}", at(.again))]
    Busy {
        /// Scheme, host and port.
        host: String,
        /// How long.
        seconds: u64,
        /// As the user allows.
        longest: u64,
        /// When that is; none if nobody lives to see it.
        again: Option<Timestamp>,
    },
    /// Certificates that people named, or put where they are looked for.
    #[error("no TLS client: certificates of your own")]
    Certificates {
        /// What is wrong.
        source: TlsError,
    },
    /// A body in a content coding that was not asked for.
    #[error("the answer has content coding `{coding}`, which was not asked for")]
    Encoded {
        /// As stated.
        coding: String,
    },
    /// The connection ended in the middle.
    #[error("the answer broke off")]
    Interrupted {
        /// Why.
        source: Cause,
    },
    /// A variable that should hold a proxy's URL.
    #[error("environment variable {variable} is not a proxy URL")]
    Proxy {
        /// Its name; the value may hold a password.
        variable: &'static str,
    },
    /// No client, for example because there are no CA certificates.
    #[error("no TLS client")]
    Setup {
        /// Why.
        source: Cause,
    },
    /// A server that sends byte after byte for ever.
    #[error("the answer took longer than {seconds} seconds")]
    Slow {
        /// The limit.
        seconds: u64,
    },
    /// Over the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// No connection, or no answer on it.
    #[error("no answer from {host}")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// Why.
        source: Cause,
    },
}

impl HttpError {
    /// Whether the same request may fare better the next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Interrupted { source } | Self::Unreachable { source, .. } => source.is_passing,
            Self::Busy { .. }
            | Self::Certificates { .. }
            | Self::Encoded { .. }
            | Self::Proxy { .. }
            | Self::Setup { .. }
            | Self::Slow { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}

fn at(again: &Option<Timestamp>) -> String {
    again.map_or(String::new(), |time| format!(", at {time}"))
}

/// The innermost reason of the HTTP client, without its layers and without URLs, whose queries may give access.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Cause {
    text: String,
    is_passing: bool,
}

impl Cause {
    /// Whether the other side did not prove who it is.
    pub fn is_certificate(&self) -> bool {
        self.text.contains("certificate")
    }

    #[cfg(test)]
    pub(crate) fn because(text: &str) -> Self {
        Self { text: text.to_owned(), is_passing: false }
    }

    #[cfg(test)]
    pub(crate) fn passing(text: &str) -> Self {
        Self { text: text.to_owned(), is_passing: true }
    }
}

fn cause(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        return Cause { text: "it took too long".to_owned(), is_passing: true };
    }
    let mut inner: &(dyn Error + 'static) = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let (text, is_passing) = match inner.downcast_ref::<reqwest::Error>() {
        // Its own text holds the URL.
        Some(_) => ("the connection or the request is not valid".to_owned(), false),
        None => (inner.to_string(), is_passing(inner, error.is_connect())),
    };
    Cause { text, is_passing }
}

/// A name that nobody has stays unknown, and a handshake that failed fails again; a connection that was refused or broken may not be.
fn is_passing(inner: &(dyn Error + 'static), connecting: bool) -> bool {
    match inner.downcast_ref::<std::io::Error>() {
        Some(error) if error.raw_os_error().is_some() => true,
        Some(error) => {
            let text = error.to_string();
            matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ) || text.contains("Temporary failure in name resolution")
        }
        None => !connecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_internal_hosts_in_every_spelling() {
        for text in [
            "http://localhost/",
            "http://x.localhost/",
            "http://localhost./",
            "http://x.LOCALHOST./",
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://127.1/",
        ] {
            assert!(is_internal(&text.parse().unwrap()), "{text}");
        }
        for text in
            ["http://example.com/", "http://8.8.8.8/", "http://127.0.0.1.nip.io/", "http://[2001:db8::1]/"]
        {
            assert!(!is_internal(&text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn origins() {
        let same = |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://a/x", "https://A:443/y?z"));
        for other in ["http://a/", "https://a:444/", "https://b/", "https://a.b/"] {
            assert!(!same("https://a/", other), "{other}");
        }
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_value() {
        let environment = [("HTTPS_PROXY".to_owned(), "http://user:hunter2@[".to_owned())];
        let error = Http::plain(environment.into_iter().collect()).proxies().unwrap_err();
        assert_eq!(error.to_string(), "environment variable HTTPS_PROXY is not a proxy URL");
    }
}
