//! An OCI distribution registry inside the test process, on loopback, that can be told to misbehave.
//!
//! OCI distribution-spec v1.1: pull, push, mount, tags, referrers, delete. Every request is kept, so that tests can count them.
//! Benchmarks share this folder.

mod auth;
pub(crate) mod client;
mod fault;
pub(crate) mod http;
#[cfg(test)]
mod http2;
mod layout;
pub(crate) mod serve;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use plimsoll::base::Digest;

pub(crate) use auth::{Account, Auth, Strangers, Tokens};
pub(crate) use fault::{Fault, Mode};
pub(crate) use http::Request;
pub(crate) use state::{Referrers, Repository};
#[cfg(test)]
pub(crate) use tls::{Front, Speaks, Visitors};

use auth::Granted;
use http::Response;
use serve::Server;
use state::{Route, State};

/// A running registry; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
    server: Server,
}

/// How a registry is to be.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    referrers: Referrers,
    auth: Auth,
    faults: Vec<Fault>,
    delay: Duration,
}

#[derive(Debug)]
struct Shared {
    referrers: Referrers,
    auth: Auth,
    delay: Duration,
    state: Mutex<State>,
    granted: Mutex<Granted>,
    faults: Mutex<Vec<Fault>>,
    struck: AtomicUsize,
    log: Mutex<Vec<Request>>,
}

impl Builder {
    pub(crate) fn referrers(mut self, referrers: Referrers) -> Self {
        self.referrers = referrers;
        self
    }

    pub(crate) fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Adds a misbehaviour.
    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Every answer is that late: a registry far away.
    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(crate) fn start(self) -> Registry {
        let shared = Arc::new(Shared {
            referrers: self.referrers,
            auth: self.auth,
            delay: self.delay,
            state: Mutex::default(),
            granted: Mutex::default(),
            faults: Mutex::new(self.faults),
            struck: AtomicUsize::new(0),
            log: Mutex::default(),
        });
        let answering = Arc::clone(&shared);
        let server = Server::start(|address| move |request: &Request| answering.answer(request, address));
        Registry { shared, server }
    }
}

impl Registry {
    /// A well-behaved registry with a referrers API.
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    pub(crate) fn builder() -> Builder {
        Builder { referrers: Referrers::On, auth: Auth::Nobody, faults: Vec::new(), delay: Duration::ZERO }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// The same registry under another host name: `localhost:PORT`.
    pub(crate) fn other_host(&self) -> String {
        format!("localhost:{}", self.server.address().port())
    }

    /// `HOST/REPOSITORY`.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Everything that was asked since the start or [`Self::forget_requests`], also what faults answered; of large bodies the start.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// The requests as `METHOD TARGET`.
    pub(crate) fn request_lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    pub(crate) fn forget_requests(&self) {
        lock(&self.shared.log).clear();
    }

    /// Adds a misbehaviour from now on.
    pub(crate) fn fault(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// On how many requests it misbehaved since the start.
    pub(crate) fn struck(&self) -> usize {
        self.shared.struck.load(Ordering::Relaxed)
    }

    /// Behaves from now on.
    pub(crate) fn behave(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Stores a blob without a request.
    pub(crate) fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        lock(&self.shared.state).put_blob(repository, bytes)
    }

    /// Stores a manifest without a request and whatever it says. `reference` is a tag; any text with a colon: no tag.
    pub(crate) fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Digest {
        lock(&self.shared.state).put_manifest(repository, reference, media_type, bytes)
    }

    /// Media type and bytes, by tag or digest.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let (_, media_type, bytes) = lock(&self.shared.state).manifest(repository, reference)?;
        Some((media_type, bytes))
    }

    pub(crate) fn blob(&self, repository: &str, digest: Digest) -> Option<Vec<u8>> {
        lock(&self.shared.state).blob(repository, digest).map(<[u8]>::to_vec)
    }

    /// Everything in a repository.
    pub(crate) fn contents(&self, repository: &str) -> Repository {
        lock(&self.shared.state).repository(repository).clone()
    }

    /// Has these contents in a repository from now on. No request is made.
    pub(crate) fn restore(&self, repository: &str, contents: &Repository) {
        *lock(&self.shared.state).repository(repository) = contents.clone();
    }

    /// Stores the one image of an OCI layout (folder or tar file) with everything that belongs to it, under `tag`. No request is made.
    pub(crate) fn push_layout(&self, layout: &Path, repository: &str, tag: &str) -> Digest {
        let image = layout::read(layout);
        let state = &mut lock(&self.shared.state);
        for blob in &image.blobs {
            state.put_blob(repository, blob);
        }
        for (media_type, bytes) in &image.manifests {
            state.put_manifest(repository, ":", media_type, bytes);
        }
        state.put_manifest(repository, tag, &image.root.0, &image.root.1)
    }
}

impl Shared {
    fn answer(&self, request: &Request, address: SocketAddr) -> Response {
        let mut kept = request.clone();
        kept.body.truncate(KEPT);
        lock(&self.log).push(kept);
        thread::sleep(self.delay);
        let modes: Vec<Mode> =
            lock(&self.faults).iter_mut().filter_map(|fault| fault.strikes(request)).collect();
        self.struck.fetch_add(usize::from(!modes.is_empty()), Ordering::Relaxed);
        let host = address.to_string();
        let mut seen = request.clone();
        for mode in &modes {
            if let Mode::Delay(wait) = mode {
                thread::sleep(*wait);
            }
            mode.before(&mut seen);
        }
        let mut response = match modes.iter().find_map(|mode| mode.instead(request, &host)) {
            Some(response) => response,
            None => self.behaved(&seen, &host),
        };
        for mode in &modes {
            mode.after(request, &host, &mut response);
        }
        response
    }

    fn behaved(&self, request: &Request, host: &str) -> Response {
        if let (Auth::Bearer(tokens), "/token") = (&self.auth, request.path()) {
            return lock(&self.granted).token(tokens, request);
        }
        let name = Route::of(request.path()).and_then(Route::name);
        if let Some(refusal) = lock(&self.granted).check(&self.auth, host, request, name) {
            return refusal;
        }
        lock(&self.state).handle(request, self.referrers)
    }
}

/// A test that panicked while it held the lock has failed already; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of a body that are kept: a soak sends gigabytes.
const KEPT: usize = 1 << 20;
