//! HTTP below registries and token servers: clients made when first needed, proxies, and reads with a limit.

mod address;
mod body;
mod error;
mod lane;
mod pace;
mod said;
mod turn;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, NoProxy, Proxy, Request, Response};
use url::Url;

use super::Environment;
use super::patience::{Patience, Tries};
use super::tls::Trust;
use crate::base::limits;
pub(super) use address::{is_internal, origin, same_origin};
pub(super) use body::{check_encoding, discard, explanation, read};
use error::cause;
pub use error::{Cause, HttpError};
use lane::Lanes;
pub(super) use lane::{Lane, leave};
pub(super) use pace::Pace;
use said::Said;
pub(super) use turn::Turn;
use turn::Turns;

/// HTTP with and without TLS. Redirects are never followed here: who may follow where with which credentials is decided by the caller.
#[derive(Debug)]
pub(super) struct Http {
    down: Clients,
    up: Clients,
    trust: Trust,
    environment: Environment,
    patience: Arc<Patience>,
    turns: Turns,
}

/// Clients for one way. Those of the other way have connections of their own.
#[derive(Debug)]
struct Clients {
    lanes: Lanes,
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
    /// By origin: those that need certificates of their own, and the others, once that is known.
    hosts: Mutex<HashMap<String, Client>>,
}

impl Clients {
    fn new(places: usize) -> Self {
        let (plain, tls, hosts) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        Self { lanes: Lanes::new(places), plain, tls, hosts }
    }
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
        let (down, up) = (Clients::new(limits::HOST_REQUESTS), Clients::new(limits::HOST_UPLOADS));
        Self { down, up, trust, environment, patience, turns: Turns::new() }
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
    pub(super) async fn persist(
        &self,
        request: Request,
        tries: &mut Tries,
        lane: &Lane,
    ) -> Result<Response, HttpError> {
        let origin = origin(request.url());
        loop {
            // A body that is a stream cannot be sent twice.
            let Some(copy) = request.try_clone() else { return self.once(request, lane).await };
            match self.once(copy, lane).await {
                Ok(answer) if tries.after_answer(&origin, &answer).await? => discard(answer).await,
                Ok(answer) => return Ok(answer),
                Err(error) => tries.after_error(error).await?,
            }
        }
    }

    /// Sends a request that must not arrive twice, when the server may be asked.
    pub(super) async fn once(&self, request: Request, lane: &Lane) -> Result<Response, HttpError> {
        self.queue(request, Direction::Down, lane.clone()).await
    }

    /// Waits for a turn to send much. `sent` counts what all send.
    pub(super) async fn turn(&self, sent: &AtomicU64) -> Turn {
        self.turns.wait(sent).await
    }

    /// Sends one request whose body may take hours; who calls this sees to it that something moves.
    pub(super) async fn upload(&self, request: Request) -> Result<Response, HttpError> {
        // Uploads have a line of their own: what they send may be on its way from the same host, and hold a place there.
        self.queue(request, Direction::Up, Lane::Queue).await
    }

    async fn queue(&self, request: Request, direction: Direction, lane: Lane) -> Result<Response, HttpError> {
        let origin = origin(request.url());
        let place = self.clients(direction).lanes.enter(&origin, lane).await;
        self.patience.admit(&origin).await?;
        let mut answer = self.execute(request, direction).await?;
        self.patience.note(&origin, answer.headers());
        lane::hold(&mut answer, place);
        Ok(answer)
    }

    fn clients(&self, direction: Direction) -> &Clients {
        match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        }
    }

    /// Every request of this program goes through here.
    async fn execute(&self, request: Request, direction: Direction) -> Result<Response, HttpError> {
        let host = origin(request.url());
        let client = self.client(request.url(), direction)?;
        let said = Said::by(&request);
        let answer = client.execute(request).await;
        let mut answer = answer.map_err(|error| HttpError::Unreachable { host, source: cause(&error) })?;
        answer.extensions_mut().insert(said);
        Ok(answer)
    }

    fn client(&self, url: &Url, direction: Direction) -> Result<Client, HttpError> {
        let clients = self.clients(direction);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_proxy_is_named_without_its_value() {
        let environment = [("HTTPS_PROXY".to_owned(), "http://user:hunter2@[".to_owned())];
        let error = Http::plain(environment.into_iter().collect()).proxies().unwrap_err();
        assert_eq!(error.to_string(), "environment variable HTTPS_PROXY is not a proxy URL");
    }
}
