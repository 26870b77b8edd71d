//! The registry, asked by hand over TCP: a test double needs tests too.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::client::{self, Reply};
use super::*;

/// The body as JSON.
fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// One request on a connection of its own.
fn ask(registry: &Registry, request: &str, headers: &str, body: &[u8]) -> Reply {
    client::ask(&registry.host(), request, headers, body)
}

fn get(registry: &Registry, target: &str) -> Reply {
    ask(registry, &format!("GET {target}"), "", b"")
}

fn put_manifest(registry: &Registry, reference: &str, manifest: &serde_json::Value) -> Reply {
    let kind = format!("Content-Type: {MANIFEST}\r\n");
    ask(registry, &format!("PUT /v2/app/manifests/{reference}"), &kind, manifest.to_string().as_bytes())
}

/// A manifest over blobs that `app` has.
fn manifest(registry: &Registry) -> serde_json::Value {
    let config = registry.put_blob("app", b"{}").to_string();
    serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
    })
}

fn referring(registry: &Registry, subject: Digest, kind: &str) -> serde_json::Value {
    let mut manifest = manifest(registry);
    manifest["subject"] =
        serde_json::json!({"mediaType": MANIFEST, "digest": subject.to_string(), "size": 2});
    manifest["artifactType"] = kind.into();
    manifest["annotations"] = serde_json::json!({"kind": kind});
    manifest
}

#[test]
fn a_blob_can_be_pushed_in_every_way() {
    let registry = Registry::start();
    let bytes = b"hello";
    let digest = Digest::of(bytes);
    let encoded = digest.to_string().replace(':', "%3A");

    // One POST.
    let reply = ask(&registry, &format!("POST /v2/one/blobs/uploads/?digest={encoded}"), "", bytes);
    assert_eq!((reply.status, reply.header("location").unwrap()), (201, &*format!("/v2/one/blobs/{digest}")));
    // POST and PUT.
    let reply = ask(&registry, "POST /v2/two/blobs/uploads/", "", b"");
    assert_eq!(reply.status, 202);
    let place = reply.header("location").unwrap().to_owned();
    assert_eq!(ask(&registry, &format!("PUT {place}?digest={digest}"), "", bytes).status, 201);
    // POST, PATCH in two pieces (one of them chunked), PUT.
    let place =
        ask(&registry, "POST /v2/a/three/blobs/uploads/", "", b"").header("location").unwrap().to_owned();
    let chunked = "Transfer-Encoding: chunked\r\nContent-Range: 0-2\r\n";
    let reply = ask(&registry, &format!("PATCH {place}"), chunked, b"1\r\nh\r\n2;x=y\r\nel\r\n0\r\n\r\n");
    assert_eq!((reply.status, reply.header("range").unwrap()), (202, "0-2"));
    assert_eq!(ask(&registry, &format!("PATCH {place}"), "Content-Range: 9-10\r\n", b"lo").status, 416);
    assert_eq!(ask(&registry, &format!("GET {place}"), "", b"").header("range").unwrap(), "0-2");
    assert_eq!(ask(&registry, &format!("PATCH {place}"), "Content-Range: 3-4\r\n", b"lo").status, 202);
    assert_eq!(ask(&registry, &format!("PUT {place}?digest={digest}"), "", b"").status, 201);
    // Mount, and a mount of nothing.
    let mount = format!("POST /v2/four/blobs/uploads/?mount={digest}&from=one");
    assert_eq!(ask(&registry, &mount, "", b"").status, 201);
    let mount = format!("POST /v2/five/blobs/uploads/?mount={digest}&from=nowhere");
    assert_eq!(ask(&registry, &mount, "", b"").status, 202);

    for repository in ["one", "two", "a/three", "four"] {
        let reply = get(&registry, &format!("/v2/{repository}/blobs/{digest}"));
        assert_eq!((reply.status, reply.body.as_slice()), (200, &bytes[..]), "{repository}");
        assert_eq!(registry.blob(repository, digest).unwrap(), bytes);
    }
    assert_eq!(get(&registry, &format!("/v2/five/blobs/{digest}")).status, 404);
}

#[test]
fn a_blob_that_is_not_its_digest_is_refused() {
    let registry = Registry::start();
    for digest in [Digest::of(b"other").to_string(), "sha256:00".to_owned()] {
        let reply = ask(&registry, &format!("POST /v2/app/blobs/uploads/?digest={digest}"), "", b"hello");
        assert_eq!(
            (reply.status, json(&reply)["errors"][0]["code"].as_str().unwrap()),
            (400, "DIGEST_INVALID")
        );
    }
    let reply = ask(&registry, "PUT /v2/app/blobs/uploads/nowhere?digest=x", "", b"");
    assert_eq!(reply.status, 404);
}

#[test]
fn ranges_of_a_blob() {
    let registry = Registry::start();
    let digest = registry.put_blob("app", b"0123456789");
    for (range, status, body, told) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
    ] {
        let reply =
            ask(&registry, &format!("GET /v2/app/blobs/{digest}"), &format!("Range: {range}\r\n"), b"");
        assert_eq!((reply.status, reply.body.as_slice()), (status, body.as_bytes()), "{range}");
        assert_eq!(reply.header("content-range").unwrap(), told);
    }
    let reply = ask(&registry, &format!("GET /v2/app/blobs/{digest}"), "Range: bytes=10-\r\n", b"");
    assert_eq!((reply.status, reply.header("content-range").unwrap()), (416, "bytes */10"));
}

#[test]
fn a_manifest_by_tag_and_by_digest() {
    let registry = Registry::start();
    let manifest = manifest(&registry);
    let reply = put_manifest(&registry, "v1", &manifest);
    let digest = Digest::of(manifest.to_string().as_bytes());
    assert_eq!((reply.status, reply.header("docker-content-digest").unwrap()), (201, &*digest.to_string()));
    for reference in ["v1", &digest.to_string()] {
        let reply = get(&registry, &format!("/v2/app/manifests/{reference}"));
        assert_eq!((reply.status, json(&reply)), (200, manifest.clone()));
        assert_eq!(reply.header("content-type").unwrap(), MANIFEST);
        let head = ask(&registry, &format!("HEAD /v2/app/manifests/{reference}"), "", b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length").unwrap(), manifest.to_string().len().to_string());
    }
    assert_eq!(get(&registry, "/v2/app/manifests/v2").status, 404);
    assert_eq!(get(&registry, "/v2/other/manifests/v1").status, 404);

    assert_eq!(ask(&registry, &format!("DELETE /v2/app/manifests/{digest}"), "", b"").status, 202);
    assert_eq!(get(&registry, "/v2/app/manifests/v1").status, 404);
    assert_eq!(ask(&registry, &format!("DELETE /v2/app/manifests/{digest}"), "", b"").status, 404);
}

#[test]
fn a_wrong_manifest_is_refused() {
    let registry = Registry::start();
    let good = manifest(&registry);
    let mut no_blob = good.clone();
    no_blob["config"]["digest"] = Digest::of(b"not there").to_string().into();
    let mut no_layer = good.clone();
    no_layer["layers"] = serde_json::json!([{"digest": Digest::of(b"not there").to_string()}]);
    let mut no_child = good.clone();
    no_child["manifests"] = serde_json::json!([{"digest": Digest::of(b"not there").to_string()}]);
    let mut other_type = good.clone();
    other_type["mediaType"] = "application/vnd.oci.image.index.v1+json".into();
    for (reference, manifest, code) in [
        ("v1", &no_blob, "MANIFEST_BLOB_UNKNOWN"),
        ("v1", &no_layer, "MANIFEST_BLOB_UNKNOWN"),
        ("v1", &no_child, "MANIFEST_MANIFEST_UNKNOWN"),
        ("v1", &other_type, "MANIFEST_INVALID"),
        (&Digest::of(b"other").to_string(), &good, "DIGEST_INVALID"),
    ] {
        let reply = put_manifest(&registry, reference, manifest);
        assert_eq!((reply.status, json(&reply)["errors"][0]["code"].as_str().unwrap()), (400, code));
    }
    assert_eq!(registry.manifest("app", "v1"), None);
}

#[test]
fn tags_page_by_page() {
    let registry = Registry::start();
    for tag in ["c", "a", "b"] {
        registry.put_manifest("app", tag, MANIFEST, tag.as_bytes());
    }
    assert_eq!(json(&get(&registry, "/v2/app/tags/list"))["tags"], serde_json::json!(["a", "b", "c"]));
    let reply = get(&registry, "/v2/app/tags/list?n=2");
    assert_eq!(json(&reply)["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(reply.header("link").unwrap(), "</v2/app/tags/list?n=2&last=b>; rel=\"next\"");
    let reply = get(&registry, "/v2/app/tags/list?n=2&last=b");
    assert_eq!((json(&reply)["tags"].clone(), reply.header("link")), (serde_json::json!(["c"]), None));
    assert_eq!(get(&registry, "/v2/nowhere/tags/list").status, 404);
}

#[test]
fn referrers_in_every_manner() {
    for (manner, filtered, unfiltered) in
        [(Referrers::On, 1, 2), (Referrers::Unfiltered, 2, 2), (Referrers::Paged(1), 1, 1)]
    {
        let registry = Registry::builder().referrers(manner).start();
        let image = registry.put_manifest("app", "v1", MANIFEST, manifest(&registry).to_string().as_bytes());
        for kind in ["test/a", "test/b"] {
            let own = referring(&registry, image, kind);
            let reply = put_manifest(&registry, &Digest::of(own.to_string().as_bytes()).to_string(), &own);
            assert_eq!((reply.status, reply.header("oci-subject").unwrap()), (201, &*image.to_string()));
        }
        let reply = get(&registry, &format!("/v2/app/referrers/{image}?artifactType=test%2Fa"));
        assert_eq!(json(&reply)["manifests"].as_array().unwrap().len(), filtered, "{manner:?}");
        assert_eq!(reply.header("oci-filters-applied").is_some(), manner != Referrers::Unfiltered);
        let reply = get(&registry, &format!("/v2/app/referrers/{image}"));
        let list = json(&reply)["manifests"].as_array().unwrap().clone();
        assert_eq!(list.len(), unfiltered, "{manner:?}");
        assert_eq!(list[0]["annotations"]["kind"], list[0]["artifactType"]);
        if let Some(link) = reply.header("link") {
            let next = get(&registry, link.trim_start_matches('<').split('>').next().unwrap());
            assert_eq!((json(&next)["manifests"].as_array().unwrap().len(), next.header("link")), (1, None));
            assert_ne!(json(&next)["manifests"][0], list[0]);
        }
        assert_eq!(reply.header("link").is_some(), manner == Referrers::Paged(1));
        let none = get(&registry, &format!("/v2/app/referrers/{}", Digest::of(b"none")));
        assert_eq!((none.status, json(&none)["manifests"].as_array().unwrap().len()), (200, 0));
    }
}

#[test]
fn without_a_referrers_api_nothing_says_there_is_one() {
    let registry = Registry::builder().referrers(Referrers::Off).start();
    let image = registry.put_manifest("app", "v1", MANIFEST, b"{}");
    assert_eq!(put_manifest(&registry, "r", &referring(&registry, image, "t")).header("oci-subject"), None);
    assert_eq!(get(&registry, &format!("/v2/app/referrers/{image}")).status, 404);
}

#[test]
fn one_connection_serves_many_requests() {
    let registry = Registry::start();
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"{}") {
            let mut buffer = [0; 64];
            let n = stream.read(&mut buffer).unwrap();
            assert_ne!(n, 0);
            bytes.extend_from_slice(&buffer[..n]);
        }
    }
    assert_eq!(registry.request_lines(), ["GET /v2/"; 3]);
    registry.forget_requests();
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn a_tls_greeting_is_answered_in_plain() {
    let registry = Registry::start();
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    stream.write_all(&[0x16, 3, 1, 0, 1, 0]).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn a_client_that_asks_whether_to_send_may_send() {
    let registry = Registry::start();
    let digest = Digest::of(b"hello");
    let target = format!("POST /v2/app/blobs/uploads/?digest={digest}");
    let reply = ask(&registry, &target, "Expect: 100-continue\r\n", b"hello");
    assert_eq!(reply.status, 100);
    assert!(reply.body.starts_with(b"HTTP/1.1 201 "));
}

#[test]
fn basic_credentials() {
    let registry = Registry::builder().auth(Auth::Basic(Account::new("alice", "s3cret"))).start();
    let reply = get(&registry, "/v2/");
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").unwrap().starts_with("Basic realm="));
    for (credentials, status) in [("YWxpY2U6czNjcmV0", 200), ("YWxpY2U6d3Jvbmc=", 401)] {
        let header = format!("Authorization: Basic {credentials}\r\n");
        assert_eq!(ask(&registry, "GET /v2/", &header, b"").status, status);
    }
}

#[test]
fn bearer_tokens() {
    let mut tokens = Tokens::new(Account::new("alice", "s3cret"));
    tokens.strangers = Strangers::Pull;
    tokens.refresh = Some("r3fresh".to_owned());
    let registry = Registry::builder().auth(Auth::Bearer(tokens)).start();
    registry.put_manifest("app", "v1", MANIFEST, b"{}");
    let host = registry.host();
    let challenge = get(&registry, "/v2/app/manifests/v1").header("www-authenticate").unwrap().to_owned();
    let expected =
        format!("Bearer realm=\"http://{host}/token\",service=\"{host}\",scope=\"repository:app:pull\"");
    assert_eq!(challenge, expected);

    let with = |token: &Reply, request: &str| {
        let token = json(token)["token"].as_str().unwrap().to_owned();
        ask(&registry, request, &format!("Authorization: Bearer {token}\r\n"), b"")
    };
    let target = "GET /token?scope=repository%3Aapp%3Apull%2Cpush";
    let stranger = ask(&registry, target, "", b"");
    assert_eq!(with(&stranger, "GET /v2/app/manifests/v1").status, 200);
    assert_eq!(with(&stranger, "GET /v2/other/manifests/v1").status, 401);
    let refused = with(&stranger, "POST /v2/app/blobs/uploads/");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().ends_with(",error=\"insufficient_scope\""));
    let alice = ask(&registry, target, "Authorization: Basic YWxpY2U6czNjcmV0\r\n", b"");
    assert_eq!(with(&alice, "POST /v2/app/blobs/uploads/").status, 202);
    assert_eq!(ask(&registry, target, "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n", b"").status, 401);
    for (form, status) in [
        ("grant_type=refresh_token&refresh_token=r3fresh&scope=repository:app:push", 200),
        ("grant_type=refresh_token&refresh_token=wrong&scope=repository:app:push", 401),
        ("grant_type=password&username=alice&password=s3cret&scope=repository:app:push", 200),
        ("scope=repository:app:push", 401),
    ] {
        let reply = ask(&registry, "POST /token", "", form.as_bytes());
        assert_eq!(reply.status, status, "{form}");
        if status == 200 {
            assert_eq!(with(&reply, "POST /v2/app/blobs/uploads/").status, 202);
        }
    }
}

/// What a client sees of each misbehaviour on `GET /v2/app/manifests/v1`, whose right body is `right`.
#[test]
fn misbehaviour() {
    let right = Digest::of(b"right").to_string();
    let digest = |reply: &Reply| reply.header("docker-content-digest").map(str::to_owned);
    type Check = fn(&Reply, &Registry) -> bool;
    let cases: [(Mode, Check); 17] = [
        (Mode::Body(b"wrong".to_vec()), |r, _| r.status == 200 && r.body == b"wrong"),
        (Mode::Substitute(b"wrong".to_vec()), |r, _| r.body == b"wrong"),
        (Mode::FlipByte(0), |r, _| r.body == b"sight"),
        (Mode::Truncated(2), |r, _| r.body == b"ri" && r.header("content-length") == Some("5")),
        (Mode::Trailing(b"!".to_vec()), |r, _| {
            r.body == b"right!" && r.header("content-length") == Some("6")
        }),
        (Mode::Length(3), |r, _| r.body == b"right" && r.header("content-length") == Some("3")),
        (Mode::Gzip, |r, _| {
            r.body.starts_with(&[0x1f, 0x8b]) && r.header("content-encoding") == Some("gzip")
        }),
        (Mode::Html, |r, _| r.status == 200 && r.header("content-type") == Some("text/html; charset=utf-8")),
        (Mode::Status(403, "DENIED"), |r, _| r.status == 403 && json(r)["errors"][0]["code"] == "DENIED"),
        (Mode::Status(500, "UNKNOWN"), |r, _| r.status == 500),
        (Mode::TooMany("3".to_owned()), |r, _| r.status == 429 && r.header("retry-after") == Some("3")),
        (Mode::Header("Content-Type", "text/plain".to_owned()), |r, _| {
            r.header("content-type") == Some("text/plain")
        }),
        (Mode::NoHeader("Content-Type"), |r, _| r.header("content-type").is_none()),
        (Mode::HeaderFlood(300), |r, _| r.headers.len() > 300),
        (Mode::Redirect("http://elsewhere{target}".to_owned()), |r, _| {
            r.status == 307 && r.header("location") == Some("http://elsewhere/v2/app/manifests/v1")
        }),
        (
            Mode::Unauthorized(vec!["Basic".to_owned(), "Bearer realm=\"http://{host}/t\"".to_owned()]),
            |r, registry| {
                let bearer = format!("Bearer realm=\"http://{}/t\"", registry.host());
                let all =
                    r.headers.iter().filter(|(name, _)| name == "WWW-Authenticate").map(|(_, value)| value);
                r.status == 401 && all.eq(["Basic", &bearer])
            },
        ),
        (Mode::link_circle(), |r, _| r.header("link") == Some("</v2/app/manifests/v1>; rel=\"next\"")),
    ];
    for (mode, check) in cases {
        let told = format!("{mode:?}");
        let registry = Registry::builder().fault(Fault::on("GET /v2/*/manifests/*", mode).first(1)).start();
        registry.put_manifest("app", "v1", MANIFEST, b"right");
        let reply = get(&registry, "/v2/app/manifests/v1");
        assert!(check(&reply, &registry), "{told}: {} {:?} {:?}", reply.status, reply.headers, reply.body);
        let after = get(&registry, "/v2/app/manifests/v1");
        assert_eq!((after.status, after.body.as_slice()), (200, &b"right"[..]), "{told}: once is once");
        assert_eq!(digest(&after).unwrap(), right);
    }
    let registry = Registry::start();
    registry.put_manifest("app", "v1", MANIFEST, b"right");
    registry.fault(Fault::on("GET *", Mode::Body(b"wrong".to_vec())));
    assert_eq!(digest(&get(&registry, "/v2/app/manifests/v1")).unwrap(), right);
    registry.behave();
    registry.fault(Fault::on("GET *", Mode::Substitute(b"wrong".to_vec())));
    assert_eq!(digest(&get(&registry, "/v2/app/manifests/v1")).unwrap(), Digest::of(b"wrong").to_string());
    registry.behave();
    registry.fault(Fault::on("GET *", Mode::wrong_digest_header()));
    assert_ne!(digest(&get(&registry, "/v2/app/manifests/v1")).unwrap(), right);
    assert_eq!(get(&registry, "/v2/app/manifests/v1").body, b"right");
}

#[test]
fn misbehaviour_hits_what_it_is_aimed_at() {
    for (pattern, target, hit) in [
        ("GET /v2/*/blobs/*", "/v2/a/b/blobs/x", true),
        ("GET /v2/*/blobs/*", "/v2/a/b/manifests/x", false),
        ("PUT /v2/*", "/v2/a", false),
        ("* /v2/*", "/v2/a", true),
        ("GET /v2/app/tags/list", "/v2/app/tags/list?n=1", true),
        ("GET /v2/app/tags/list?n=2*", "/v2/app/tags/list?n=1", false),
        ("GET /v2/app/tags/list?n=*", "/v2/app/tags/list?n=1", true),
    ] {
        let registry = Registry::builder().fault(Fault::on(pattern, Mode::Status(418, "HIT"))).start();
        assert_eq!(get(&registry, target).status == 418, hit, "{pattern} {target}");
    }
    let registry =
        Registry::builder().fault(Fault::on("GET *", Mode::Status(418, "HIT")).after(1).first(1)).start();
    let seen: Vec<u16> = (0..3).map(|_| get(&registry, "/v2/").status).collect();
    assert_eq!(seen, [200, 418, 200]);
}

#[test]
fn a_refused_push_is_not_done() {
    let registry = Registry::builder().fault(Fault::on("PUT *", Mode::Status(500, "UNKNOWN"))).start();
    assert_eq!(put_manifest(&registry, "v1", &manifest(&registry)).status, 500);
    assert_eq!(registry.manifest("app", "v1"), None);
}

#[test]
fn an_upload_may_be_sent_elsewhere() {
    let to = Mode::Header("Location", "http://elsewhere{target}x".to_owned());
    let registry = Registry::builder().fault(Fault::on("POST /v2/*/blobs/uploads/", to)).start();
    let reply = ask(&registry, "POST /v2/app/blobs/uploads/", "", b"");
    assert_eq!(reply.header("location").unwrap(), "http://elsewhere/v2/app/blobs/uploads/x");
}

#[test]
fn a_range_may_be_overlooked() {
    let registry = Registry::builder().fault(Fault::on("GET *", Mode::IgnoreRange)).start();
    let digest = registry.put_blob("app", b"0123456789");
    let reply = ask(&registry, &format!("GET /v2/app/blobs/{digest}"), "Range: bytes=4-\r\n", b"");
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"0123456789"[..]));
}

#[test]
fn a_body_may_have_no_end() {
    let registry = Registry::builder().fault(Fault::on("GET *", Mode::Endless)).start();
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").unwrap();
    let mut bytes = vec![0; 4 << 20];
    stream.read_exact(&mut bytes).unwrap();
    assert!(bytes.windows(26).any(|part| part == b"Transfer-Encoding: chunked"));
}

#[test]
fn a_connection_may_be_dropped() {
    let registry = Registry::builder().fault(Fault::on("GET *", Mode::Hangup)).start();
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn answers_may_be_late() {
    let wait = Duration::from_millis(30);
    let slow = Registry::builder().delay(wait).start();
    let slow_once = Registry::builder().fault(Fault::on("GET *", Mode::Delay(wait))).start();
    for registry in [slow, slow_once] {
        let start = Instant::now();
        assert_eq!(get(&registry, "/v2/").status, 200);
        assert!(start.elapsed() >= wait);
    }
}

#[test]
fn an_image_by_requests_is_the_image_without() {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    let registry = Registry::start();
    let pushed = client::push_layout(&registry.host(), &image, "pushed", "1.0");
    let stored = registry.push_layout(&image, "stored", "1.0");
    assert_eq!(pushed, stored);
    assert_eq!(
        registry.manifest("pushed", "1.0").unwrap(),
        registry.manifest("stored", &pushed.to_string()).unwrap()
    );
    let manifest: serde_json::Value =
        serde_json::from_slice(&registry.manifest("pushed", "1.0").unwrap().1).unwrap();
    for part in std::iter::once(&manifest["config"]).chain(manifest["layers"].as_array().unwrap()) {
        let digest = part["digest"].as_str().unwrap().parse().unwrap();
        let (pushed, stored) =
            (registry.blob("pushed", digest).unwrap(), registry.blob("stored", digest).unwrap());
        assert_eq!((pushed.len() as u64, &pushed), (part["size"].as_u64().unwrap(), &stored));
    }
}

#[test]
fn two_names_and_a_repository() {
    let registry = Registry::start();
    assert!(registry.host().starts_with("127.0.0.1:"));
    assert_eq!(registry.other_host().split_once(':').unwrap().0, "localhost");
    assert_eq!(registry.repository("app"), format!("{}/app", registry.host()));
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
