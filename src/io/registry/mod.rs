//! One repository of a registry: OCI distribution-spec v1.1.

mod chunk;
mod download;
mod error;
mod fallback;
mod list;
mod meanings;
mod mirror;
mod pages;
mod pull;
mod push;
mod referrers;
mod send;
mod transfer;
mod upload;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use url::Url;

pub(super) use download::Download;
pub use error::{LinkFault, RedirectFault, RegistryError, Thing};
pub(super) use fallback::{document, entries, lacking, written};
use meanings::Meanings;

use super::auth::{Authorizer, Login};
use super::http::Http;
use super::patience::Patience;
use super::places::{Places, Spot};
use super::store::Store;
use super::tls::Trust;
use super::traffic::Traffic;
use super::{Cache, Environment, MirrorTags, Network};
use crate::base::{Reference, Registry, Repository, Tag, limits};
use crate::format::registries::Serves;

/// Held while a tag is read, changed and written.
type TagLock = Arc<tokio::sync::Mutex<()>>;

/// What all repositories of one run share.
#[derive(Debug)]
pub(super) struct Registries {
    http: Http,
    authorizer: Authorizer,
    environment: Environment,
    plain_http: Vec<Registry>,
    /// Content of earlier runs.
    store: Option<Store>,
    places: Places,
    mirror_tags: MirrorTags,
    meanings: Meanings,
    /// Mirrors that did not answer: not asked again in this run.
    lost: Mutex<HashSet<Registry>>,
    tag_locks: Mutex<HashMap<(Repository, Tag), TagLock>>,
    traffic: Traffic,
    /// Of all lists, those that are not the first of theirs.
    further_pages: AtomicUsize,
}

impl Registries {
    /// Opens nothing yet.
    pub(super) fn new(environment: Environment, network: Network) -> Self {
        let longest = network.max_wait.unwrap_or(Duration::from_secs(limits::MAX_WAIT_SECONDS));
        let trust = Trust::new(environment.clone(), network.ca_file, network.client);
        Self {
            http: Http::new(environment.clone(), longest, trust),
            authorizer: Authorizer::new(environment.clone(), network.login),
            store: Store::of(&environment).filter(|_| network.cache == Cache::Used),
            places: Places::new(environment.clone()),
            mirror_tags: network.mirror_tags,
            meanings: Meanings::default(),
            lost: Mutex::default(),
            environment,
            plain_http: network.plain_http,
            tag_locks: Mutex::default(),
            traffic: Traffic::default(),
            further_pages: AtomicUsize::new(0),
        }
    }

    /// Proxies, CAs and limits that hold for other servers, too.
    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// The user and password of this run.
    pub(super) fn login(&self) -> Option<Login> {
        self.authorizer.keyring().login()
    }

    /// What the registries said about us.
    pub(super) fn patience(&self) -> &Arc<Patience> {
        self.http.patience()
    }

    /// How much is on its way to us.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// One writer at a time for a tag.
    fn tag_lock(&self, repository: &Repository, tag: &Tag) -> TagLock {
        let mut locks = self.tag_locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry((repository.clone(), tag.clone())).or_default().clone()
    }
}

/// One repository.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    shared: Arc<Registries>,
    reference: Reference,
    /// Where it is asked for: the reference's, unless the configuration has another name for it.
    place: Repository,
    /// Who has the same content.
    mirrors: Arc<[(Remote, Serves)]>,
    /// Of the registry: `https://host/v2/`.
    base: Url,
    /// Whether the registry has the referrers API, once it was asked.
    has_referrers: Arc<OnceLock<bool>>,
}

impl Remote {
    /// HTTPS, but for loopback of which nobody says that it speaks TLS, and where HTTP was allowed by name.
    pub(super) fn new(shared: Arc<Registries>, reference: Reference) -> Result<Self, RegistryError> {
        let place = shared.places.find(reference.repository())?;
        let registry = place.spot.repository.registry();
        shared.authorizer.keyring().bind(registry).map_err(RegistryError::Login)?;
        let mirror = |(spot, serves): (Spot, Serves)| Ok((Self::at(&shared, &reference, spot)?, serves));
        let mirrors: Vec<_> = place.mirrors.into_iter().map(mirror).collect::<Result<_, RegistryError>>()?;
        Ok(Self { mirrors: mirrors.into(), ..Self::at(&shared, &reference, place.spot)? })
    }

    fn at(shared: &Arc<Registries>, reference: &Reference, spot: Spot) -> Result<Self, RegistryError> {
        let place = spot.repository;
        let registry = place.registry();
        let trust = shared.http.trust();
        // Whoever names certificates wants them to be looked at.
        let is_bare = registry.is_loopback() && !spot.speaks_tls && !trust.is_named(registry);
        let is_plain = is_bare || shared.plain_http.contains(registry);
        let scheme = if is_plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/v2/", registry.endpoint()))
            .map_err(|_| RegistryError::Endpoint { registry: registry.clone() })?;
        trust.meet(registry, &base);
        let (shared, reference, mirrors) = (shared.clone(), reference.clone(), Arc::default());
        Ok(Self { shared, reference, place, mirrors, base, has_referrers: Arc::default() })
    }

    /// The registry itself, as far as it is asked for its repositories.
    pub(super) fn catalog(shared: Arc<Registries>, registry: &Registry) -> Result<Self, RegistryError> {
        Self::new(shared, Reference::of(Repository::catalog(registry.clone())))
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Where it is asked for.
    fn repository(&self) -> &Repository {
        &self.place
    }

    /// A URL below the repository. `rest` is made of digests and tags only.
    fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let path = format!("{}/{rest}", self.repository().path());
        self.base
            .join(&path)
            .map_err(|_| RegistryError::Endpoint { registry: self.repository().registry().clone() })
    }
}
