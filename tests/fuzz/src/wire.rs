//! What registries say in headers. The real client asks a server here that says the bytes; whoever else it is led to is reached through a proxy
//! that hears everything, so that nothing leaves this machine and no secret goes unnoticed. `HOST` in the bytes is that server.

use std::error::Error;
use std::io::Read as _;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use plimsoll::base::{Digest, ImageLocator, limits};
use plimsoll::format::manifest::{Descriptor, OCI_INDEX};
use plimsoll::io::{Access, Cache, Io, MirrorTags, Network, Source, SourceError};
use tokio::runtime::Runtime;
use url::Url;

#[path = "../../suite/registry/http.rs"]
#[expect(dead_code, reason = "shared with the tests")]
pub(crate) mod http;
#[path = "../../suite/registry/serve.rs"]
mod serve;

use http::{Framing, Request, Response};
use serve::Server;

/// Asks for a user, or sends for a token: who learns the stored password?
pub(crate) fn challenge(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let challenges: Vec<String> = text.lines().take(8).map(str::to_owned).collect();
    if challenges.iter().any(|one| is_elsewhere_on_loopback(one.split(['"', ',', ' ', '=', '\t']))) {
        return;
    }
    let ended = ask(
        move |request| match (request.path(), request.header("authorization")) {
            ("/token", _) => Response::new(200).with_body("application/json", r#"{"token":"t0ken"}"#),
            (_, Some(_)) => Response::new(404),
            (_, None) => challenges.iter().fold(Response::new(401), |mut response, challenge| {
                response.headers.push(("WWW-Authenticate".to_owned(), challenge.clone()));
                response
            }),
        },
        async |source| source.resolve().await.map(|_| ()),
    );
    assert!(ended.result.is_err(), "there is no such image");
    assert!(ended.asked.len() <= 3 + 3 * limits::AUTH_ROUNDS, "{:?}", ended.asked);
    let lower = text.to_ascii_lowercase();
    let is_challenged = lower.contains("basic") || lower.contains("bearer");
    assert!(is_challenged || !ended.asked.iter().any(learnt), "nobody asked");
}

/// The next page: on the same registry, about the same repository, or nowhere.
pub(crate) fn link(bytes: &[u8]) {
    let Some(text) = line(bytes) else { return };
    let first = Mutex::new(Some(text));
    let ended = ask_from(
        &SERVERS.kept,
        move |_| {
            let page = Response::new(200).with_body(OCI_INDEX, r#"{"schemaVersion":2,"manifests":[]}"#);
            match first.lock().expect("no panic").take() {
                Some(link) => page.with("Link", link),
                None => page,
            }
        },
        async |source| source.referrers(Digest::of(b"")).await.map(|_| ()),
    );
    assert!(ended.told.is_empty(), "{:?}", ended.told);
    assert!((1..=2).contains(&ended.asked.len()), "{:?}", ended.asked);
    let list = "/v2/app/referrers/";
    assert!(ended.asked.iter().all(|request| request.target.starts_with(list)), "{:?}", ended.asked);
}

/// Where an upload goes on: on the same registry, and with the digest.
pub(crate) fn location(bytes: &[u8]) {
    let Some(text) = line(bytes) else { return };
    let ended = ask_from(
        &SERVERS.kept,
        move |request| match request.method.as_str() {
            "POST" => Response::new(202).with("Location", text.clone()),
            "PUT" => Response::new(201),
            _ => Response::new(404),
        },
        async |source| source.push_blob(BODY).await.map(|_| ()),
    );
    assert!(ended.told.is_empty(), "{:?}", ended.told);
    let sent: Vec<&Request> = ended.asked.iter().filter(|request| request.method == "PUT").collect();
    assert_eq!(sent.len(), usize::from(ended.result.is_ok()));
    for put in sent {
        let digest = format!("digest={}", Digest::of(BODY)).replace(':', "%3A");
        assert!(put.target.starts_with('/') && put.target.ends_with(&digest), "{}", put.target);
        assert_eq!(put.body, BODY);
    }
}

/// What a busy registry wants: waited for as the user allows, and said.
pub(crate) fn retry_after(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut lines = text.lines().map(str::to_owned);
    let (wait, date) = (lines.next().unwrap_or_default(), lines.next());
    let seconds = wait.trim_matches([' ', '\t']);
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let is_zero = seconds.bytes().all(|byte| byte == b'0');
    let started = Instant::now();
    let ended = ask(
        move |_| {
            let busy = Response::new(429).with("Retry-After", wait.clone());
            date.iter().fold(busy, |busy, date| busy.with("Date", date.clone()))
        },
        async |source| source.resolve().await.map(|_| ()),
    );
    let said = ended.result.expect_err("nobody answered");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!((1..=limits::TRIES as usize).contains(&ended.asked.len()), "{:?}", ended.asked);
    if is_number {
        assert_eq!(ended.asked.len(), if is_zero { limits::TRIES as usize } else { 1 });
        assert_eq!(said.contains("wants to be asked again"), !is_zero, "{said}");
    }
}

/// Which part of a blob comes: the one that was asked for, or it is refused.
pub(crate) fn content_range(bytes: &[u8]) {
    let Some(text) = line(bytes) else { return };
    let right = format!("bytes 4-{}/{}", BODY.len() - 1, BODY.len());
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let (is_same, is_exact) = (words == right, text == right);
    let layer = Descriptor {
        media_type: "l".to_owned(),
        digest: Digest::of(BODY),
        size: BODY.len() as u64,
        platform: None,
        artifact_type: None,
        annotations: Default::default(),
    };
    let ended = ask_from(
        &SERVERS.kept,
        move |request| match request.header("range") {
            None => {
                let mut cut = Response::new(200).with_body("x", &BODY[..4]);
                cut.framing = Framing::Lie(BODY.len() as u64);
                cut
            }
            Some(range) => {
                assert_eq!(range, format!("bytes=4-{}", BODY.len() - 1));
                Response::new(206).with_body("x", &BODY[4..]).with("Content-Range", text.clone())
            }
        },
        async move |source| {
            let mut found = Vec::new();
            let blob = source.layer(&layer).await?;
            blob.open().expect("it is on disk").read_to_end(&mut found).expect("it is on disk");
            assert_eq!(found, BODY);
            Ok(())
        },
    );
    assert!(if is_exact { ended.result.is_ok() } else { is_same || ended.result.is_err() }, "{words}");
}

/// Where content is said to be: whoever is there learns nothing about us.
pub(crate) fn redirect(bytes: &[u8]) {
    let Some(text) = line(bytes) else { return };
    if is_elsewhere_on_loopback(std::iter::once(text.as_str())) {
        return;
    }
    let ended = ask_from(
        &SERVERS.kept,
        move |request| match (request.path(), request.header("authorization")) {
            (_, None) => Response::new(401).with("WWW-Authenticate", "Basic realm=\"x\""),
            (MANIFEST, Some(_)) => Response::new(307).with("Location", text.clone()),
            (_, Some(_)) => Response::new(404),
        },
        async |source| source.resolve().await.map(|_| ()),
    );
    assert!(ended.result.is_err(), "there is no such image");
    assert!(ended.asked.len() + ended.told.len() <= 4 + limits::REDIRECTS, "{ended:?}");
    assert!(ended.told.iter().all(|request| matches!(request.method.as_str(), "GET" | "CONNECT")));
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<(), String>,
    /// What the registry was asked.
    pub(crate) asked: Vec<Request>,
    /// What the proxy heard: everything that was for others.
    pub(crate) told: Vec<Request>,
}

type Answer = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

/// The registry and the proxy, for all inputs.
pub(crate) struct Servers {
    pub(crate) registry: Server,
    proxy: Server,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<Request>>>,
    told: Arc<Mutex<Vec<Request>>>,
    pub(crate) runtime: Runtime,
    /// The outside world of inputs that leave no trace in it; its connections are used again.
    pub(crate) kept: Io,
}

pub(crate) static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
    let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Arc::new(|_| Response::new(404))));
    let (asked, told) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::<Mutex<Vec<Request>>>::default());
    let (answering, asking, telling) = (Arc::clone(&answer), Arc::clone(&asked), Arc::clone(&told));
    let registry = Server::start(|_| {
        move |request: &Request| {
            asking.lock().expect("no panic").push(request.clone());
            let answer = Arc::clone(&answering.lock().expect("no panic"));
            answer(request)
        }
    });
    let proxy = Server::start(|_| {
        move |request: &Request| {
            telling.lock().expect("no panic").push(request.clone());
            Response::new(403)
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let kept = world_of(&registry, &proxy);
    Servers { registry, proxy, answer, asked, told, runtime, kept }
});

/// One that knows nothing yet.
pub(crate) fn world() -> Io {
    world_of(&SERVERS.registry, &SERVERS.proxy)
}

/// Alice's password for the registry is stored; nobody is waited for.
fn world_of(registry: &Server, proxy: &Server) -> Io {
    let proxy = format!("http://{}", proxy.address());
    let auths = format!(r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6czNjcmV0"}}}}}}"#, registry.address());
    let environment = [("http_proxy", &proxy), ("https_proxy", &proxy), ("DOCKER_AUTH_CONFIG", &auths)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.clone())).into_iter().collect();
    let network = Network {
        plain_http: Vec::new(),
        cache: Cache::Unused,
        ca_file: None,
        client: None,
        login: None,
        mirror_tags: MirrorTags::Ignored,
        max_wait: Some(Duration::ZERO),
    };
    Io::new(environment, Access::Online(network)).expect("the outside world")
}

/// Lets a client that knows nothing do something with `app:v1` of a registry that answers so.
pub(crate) fn ask(
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    work: impl AsyncFnOnce(&Source) -> Result<(), SourceError>,
) -> Ended {
    ask_from(&world(), answer, work)
}

pub(crate) fn ask_from(
    io: &Io,
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    work: impl AsyncFnOnce(&Source) -> Result<(), SourceError>,
) -> Ended {
    let servers = &*SERVERS;
    let host = servers.registry.address().to_string();
    self::answer(answer);
    let locator: ImageLocator = format!("{host}/app:v1").parse().expect("a reference");
    let source = io.open(&locator).expect("a repository");
    let result = servers.runtime.block_on(work(&source)).map_err(|error| explain(&error));
    let told = std::mem::take(&mut *servers.told.lock().expect("no panic"));
    let ended = Ended { result, asked: heard(), told };
    assert!(!ended.told.iter().any(learnt), "a stranger learns who we are: {:?}", ended.told);
    for request in ended.asked.iter().filter(|request| request.header("host") != Some(&host)) {
        assert!(!learnt(request), "another host learns who we are: {request:?}");
    }
    if let Err(said) = &ended.result {
        assert!(said.len() < 4096, "{} bytes of error", said.len());
        assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "{said}");
    }
    ended
}

/// What the server answers from now on.
pub(crate) fn answer(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) {
    *SERVERS.answer.lock().expect("no panic") = Arc::new(answer);
}

/// What it was asked.
pub(crate) fn heard() -> Vec<Request> {
    std::mem::take(&mut *SERVERS.asked.lock().expect("no panic"))
}

/// Whether a request says who we are.
fn learnt(request: &Request) -> bool {
    request.header("authorization").is_some() || request.header("proxy-authorization").is_some()
}

pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// The bytes as one header.
fn line(bytes: &[u8]) -> Option<String> {
    text(bytes).filter(|text| !text.contains('\n'))
}

/// The bytes as headers, a line each.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.replace("HOST", &SERVERS.registry.address().to_string());
    // What the bytes say themselves would be taken for a secret that got out.
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    let is_told = SECRETS.iter().any(|secret| letters.contains(&secret.to_ascii_lowercase()));
    (!is_told && !text.contains(['\r', '\0'])).then_some(text)
}

/// Password, both halves of it as they are sent, and token.
const SECRETS: [&str; 3] = ["s3cret", "YWxpY2U6czNjcmV0", "t0ken"];

/// Whether this machine would be asked at another door, where others may live: loopback is never proxied.
fn is_elsewhere_on_loopback<'a>(mut texts: impl Iterator<Item = &'a str>) -> bool {
    let ours = SERVERS.registry.address();
    let base = Url::parse(&format!("http://{ours}{MANIFEST}")).expect("a URL");
    texts.any(|text| {
        let Some(url) = base.join(text).ok().filter(Url::has_host) else { return false };
        let is_loopback = match url.host() {
            Some(url::Host::Domain(name)) => name.trim_end_matches('.').ends_with("localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
            Some(url::Host::Ipv6(_)) => true,
            None => false,
        };
        is_loopback && url.port_or_known_default() != Some(ours.port())
    })
}

pub(crate) const BODY: &[u8] = b"0123456789";
const MANIFEST: &str = "/v2/app/manifests/v1";
