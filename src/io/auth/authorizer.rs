//! What registries granted in this run, renewed before it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::WWW_AUTHENTICATE;
use tokio::sync::OnceCell;
use url::Url;

use super::challenge::{self, Challenge};
use super::error::{AuthError, RealmFault};
use super::pairs::{self, RealmPair};
use super::token::{Asker, Token};
use super::{Actions, Authorization, Credentials, Keyring, Login, Wish};
use crate::base::{Registry, Repository};
use crate::io::Environment;
use crate::io::http::{self, Http};

/// Holds what registries granted in this run.
#[derive(Debug)]
pub(in crate::io) struct Authorizer {
    keyring: Keyring,
    grants: Mutex<HashMap<Key, Grant>>,
    /// Where each registry sent us for tokens: it may not change its mind within a run.
    realms: Mutex<HashMap<Registry, String>>,
    pairs: OnceCell<Vec<RealmPair>>,
    environment: Environment,
}

/// Repository, actions, and the other repository that is read.
type Key = (Repository, Actions, Option<Repository>);

/// The lock is held while one task asks; the others wait and take its answer.
type Grant = Arc<tokio::sync::Mutex<Option<Held>>>;

/// Something that was granted.
#[derive(Clone, Debug)]
struct Held {
    authorization: Authorization,
    /// Tokens of a token server end; the next one is asked for as this one was.
    renewal: Option<Renewal>,
}

#[derive(Clone, Debug)]
struct Renewal {
    realm: Url,
    challenge: Challenge,
    /// None if that is too far away to be told.
    at: Option<Instant>,
}

/// Who asks, and whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    http: &'a Http,
    base: &'a Url,
    wish: Wish<'a>,
}

impl Held {
    fn for_ever(authorization: Authorization) -> Self {
        Self { authorization, renewal: None }
    }

    fn is(&self, used: &Authorization) -> bool {
        self.authorization.header.expose() == used.header.expose()
    }

    /// Whether it ends so soon that a request with it may be too late.
    fn is_ending(&self, now: Instant) -> bool {
        self.renewal.as_ref().and_then(|renewal| renewal.at).is_some_and(|at| at <= now)
    }
}

impl Authorizer {
    pub(in crate::io) fn new(environment: Environment, login: Option<Login>) -> Self {
        let keyring = Keyring::new(environment.clone(), login);
        let (grants, realms) = (Mutex::default(), Mutex::default());
        Self { keyring, grants, realms, pairs: OnceCell::new(), environment }
    }

    /// What is stored, and what this run was told.
    pub(in crate::io) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What was granted before for this, or for more. What ends soon is renewed by one task while the others wait.
    pub(in crate::io) async fn granted(
        &self,
        http: &Http,
        base: &Url,
        wish: Wish<'_>,
    ) -> Option<Authorization> {
        let place = Place { http, base, wish };
        if wish.from.is_some() {
            return self.granted_beside(place).await;
        }
        if wish.actions == Actions::Pull
            && let Some(push) = self.live(place, Wish { actions: Actions::Push, ..wish }).await
        {
            return Some(push);
        }
        self.live(place, wish).await
    }

    async fn live(&self, place: Place<'_>, wish: Wish<'_>) -> Option<Authorization> {
        let grant = self.grant(wish);
        let mut grant = grant.lock().await;
        let held = grant.as_ref()?;
        if let Some(renewal) = held.renewal.clone().filter(|_| held.is_ending(Instant::now())) {
            // If there is none, the registry asks who we are, and the answer to that says what is wrong.
            *grant = self.token(Place { wish, ..place }, &renewal.realm, &renewal.challenge).await.ok();
        }
        grant.as_ref().map(|held| held.authorization.clone())
    }

    /// To write to one repository and read another: many registries do not say that they want a token for both, and then copy nothing.
    async fn granted_beside(&self, place: Place<'_>) -> Option<Authorization> {
        if let Some(known) = self.live(place, place.wish).await {
            return Some(known);
        }
        let plain = Wish { from: None, ..place.wish };
        self.live(place, plain).await?;
        let push = self.grant(plain).lock().await.clone()?;
        let grant = self.grant(place.wish);
        let mut grant = grant.lock().await;
        if grant.is_none() {
            let asked = match &push.renewal {
                Some(renewal) => self.token(place, &renewal.realm, &renewal.challenge).await.ok(),
                None => None,
            };
            *grant = Some(asked.unwrap_or(push));
        }
        grant.as_ref().map(|held| held.authorization.clone())
    }

    /// Answers a 401. `used` is what the refused request had sent. However many requests were refused with it, one asks for the next.
    pub(in crate::io) async fn answer(
        &self,
        http: &Http,
        refused: &Response,
        base: &Url,
        wish: Wish<'_>,
        used: Option<&Authorization>,
    ) -> Result<(), AuthError> {
        let mut wish = wish;
        let mut grant = self.grant(wish).lock_owned().await;
        if wish.actions == Actions::Pull {
            // What may write may read, and is sent for both.
            let push = Wish { actions: Actions::Push, ..wish };
            let writing = self.grant(push).lock_owned().await;
            if writing.is_some() {
                (grant, wish) = (writing, push);
            }
        }
        if grant.as_ref().is_some_and(|held| used.is_none_or(|used| !held.is(used))) {
            return Ok(());
        }
        let headers = refused.headers().get_all(WWW_AUTHENTICATE);
        let challenges = challenge::parse(headers.iter().filter_map(|value| value.to_str().ok()));
        let by_scheme = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let place = Place { http, base, wish };
        if let Some(challenge) = by_scheme("bearer") {
            let asker = self.asker(place).await?;
            let realm = asker.realm(challenge.parameter("realm").unwrap_or_default())?;
            self.keep_realm(wish.repository.registry(), &realm)?;
            *grant = Some(self.token(place, &realm, challenge).await?);
            return Ok(());
        }
        if by_scheme("basic").is_none() {
            let offered =
                challenges.into_iter().map(|challenge| challenge.scheme).collect::<Vec<_>>().join(", ");
            let offered = offered.chars().take(200).collect();
            return Err(AuthError::Scheme { registry: wish.repository.registry().clone(), offered });
        }
        *grant = Some(Held::for_ever(self.basic(place).await?));
        Ok(())
    }

    async fn basic(&self, Place { base, wish, .. }: Place<'_>) -> Result<Authorization, AuthError> {
        let registry = wish.repository.registry();
        match self.keyring.find(wish.repository).await? {
            Some(Credentials::Basic { .. } | Credentials::Bearer(_))
                if base.scheme() == "http" && !registry.is_loopback() =>
            {
                Err(AuthError::PlainPassword { registry: registry.clone() })
            }
            Some(Credentials::Basic { username, password }) => {
                Ok(Authorization::basic(&username, &password, registry))
            }
            Some(Credentials::Bearer(token)) => {
                Ok(Authorization::bearer(&token, format!("the stored token for {registry}")))
            }
            Some(Credentials::IdentityToken { .. }) => {
                Err(AuthError::TokenForBasic { registry: registry.clone() })
            }
            None => Err(AuthError::NoCredentials { registry: registry.clone() }),
        }
    }

    async fn token(&self, place: Place<'_>, realm: &Url, challenge: &Challenge) -> Result<Held, AuthError> {
        let credentials = self.keyring.find(place.wish.repository).await?;
        let Token { authorization, lives } =
            self.asker(place).await?.ask(realm, challenge, credentials).await?;
        let Some(lives) = lives else { return Ok(Held::for_ever(authorization)) };
        let at = Instant::now().checked_add(lives.saturating_sub(EARLY));
        let renewal = Some(Renewal { realm: realm.clone(), challenge: challenge.clone(), at });
        Ok(Held { authorization, renewal })
    }

    async fn asker<'a>(&'a self, place: Place<'a>) -> Result<Asker<'a>, AuthError> {
        let Place { http, base, wish } = place;
        let pairs = self.pairs.get_or_try_init(|| async { pairs::read(&self.environment) }).await?;
        Ok(Asker { http, base, wish, pairs })
    }

    /// Refuses a token server other than the one of before: whoever answers for the registry now did not then.
    fn keep_realm(&self, registry: &Registry, realm: &Url) -> Result<(), AuthError> {
        let origin = http::origin(realm);
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        let known = realms.entry(registry.clone()).or_insert_with(|| origin.clone());
        if *known == origin {
            return Ok(());
        }
        let reason = RealmFault::Changed;
        Err(AuthError::Realm { registry: registry.clone(), realm: origin, reason })
    }

    fn grant(&self, wish: Wish<'_>) -> Grant {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wish.repository.clone(), wish.actions, wish.from.cloned());
        grants.entry(key).or_default().clone()
    }
}

/// How long before its end a token is renewed: the request is on its way for some time, and clocks differ.
const EARLY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::format::manifest::OCI_MANIFEST;
    use crate::io::stub::{Reply, Stub, manifest, wait};

    /// A registry whose tokens end after `uses` requests, and say that they live for `lives` seconds.
    fn forgetful(uses: usize, lives: u64) -> Stub {
        let (given, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Stub::new(move |asked| {
            if asked.target.starts_with("/token") {
                used.store(0, Ordering::SeqCst);
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                let body = format!(r#"{{"token":"t0ken-{number}","expires_in":{lives}}}"#);
                return Reply::ok("application/json", body);
            }
            let newest = format!("Bearer t0ken-{}", given.load(Ordering::SeqCst));
            let is_newest = asked.header("authorization") == Some(&newest);
            if is_newest && used.fetch_add(1, Ordering::SeqCst) < uses {
                return match asked.method.as_str() {
                    "PUT" => Reply::new(201),
                    _ => Reply::ok(OCI_MANIFEST, manifest("a")),
                };
            }
            Reply::new(401).with("www-authenticate", r#"Bearer realm="/token",service="s""#)
        })
    }

    fn tokens(stub: &Stub) -> usize {
        stub.log().iter().filter(|line| line.contains("/token")).count()
    }

    #[test]
    fn a_token_that_ends_on_the_way_is_renewed_once_for_all() {
        let stub = forgetful(8, 300);
        let remote = stub.remote("a");
        let tag = "v1".parse().unwrap();
        let all = wait(async {
            remote.manifest_by_tag(&tag).await.unwrap();
            // Seven work with the first token, and all others are refused at about the same time.
            futures_util::future::join_all((0..14).map(|_| remote.manifest_by_tag(&tag))).await
        });
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(tokens(&stub), 2);
    }

    #[test]
    fn a_reader_takes_part_in_the_renewal_of_what_may_write() {
        let stub = forgetful(2, 300);
        let remote = stub.remote("a");
        let tag = "v1".parse().unwrap();
        let body = manifest("a").into_bytes();
        for _ in 0..3 {
            wait(remote.push_manifest(OCI_MANIFEST, &body, None)).unwrap();
            wait(remote.manifest_by_tag(&tag)).unwrap();
            // The third request with the same token is a reader's.
            wait(remote.manifest_by_tag(&tag)).unwrap();
        }
        assert!(tokens(&stub) <= 5, "{:?}", stub.log());
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let stub = forgetful(1000, 300);
        let http = Http::plain(Environment::default());
        let base: Url = format!("http://127.0.0.1:{}/v2/", stub.port).parse().unwrap();
        let repository: Repository = format!("127.0.0.1:{}/a", stub.port).parse().unwrap();
        let authorizer = Authorizer::new(Environment::default(), None);
        let wish = Wish { repository: &repository, actions: Actions::Pull, from: None };
        let challenge = challenge::parse([r#"Bearer realm="/token",service="s""#].into_iter()).remove(0);
        let realm: Url = base.join("/token").unwrap();
        let first =
            wait(authorizer.token(Place { http: &http, base: &base, wish }, &realm, &challenge)).unwrap();
        let now = Instant::now();
        assert!(!first.is_ending(now) && !first.is_ending(now + Duration::from_secs(289)));
        assert!(first.is_ending(now + Duration::from_secs(291)));
        let mut ending = first.clone();
        ending.renewal.as_mut().unwrap().at = Some(now);
        *wait(authorizer.grant(wish).lock_owned()) = Some(ending);
        let many =
            wait(futures_util::future::join_all((0..5).map(|_| authorizer.granted(&http, &base, wish))));
        for granted in many {
            assert!(!first.is(&granted.unwrap()));
        }
        assert_eq!(tokens(&stub), 2);
    }
}
