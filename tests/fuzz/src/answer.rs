//! What servers answer: the same server as for headers, with second opinions on what its words mean.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use plimsoll::base::{Digest, Secret, Tag, limits};
use plimsoll::crypto::PrivateKey;
use plimsoll::format::manifest::OCI_MANIFEST;
use plimsoll::format::rekor::{NewEntry, Verifier, VerifierKind};
use serde_json::Value;

use crate::wire::http::Response;
use crate::wire::{self, BODY, SERVERS, ask, ask_from};

/// How much of an upload is there, on the first line: in the answer to a chunk, or, with a second line, to the question that follows one which did
/// not arrive. What is sent goes on there, and nothing is committed that is not whole.
pub(crate) fn upload_range(bytes: &[u8]) {
    let Some(text) = wire::text(bytes) else { return };
    let mut lines = text.lines().map(str::to_owned);
    let (said, is_asked) = (lines.next().unwrap_or_default(), lines.next().is_some());
    let has = claimed(&said);
    let is_too_much = has.is_some_and(|has| has > BODY.len() as u64);
    let (kept, is_first, is_told) =
        (Mutex::new(Vec::new()), AtomicBool::new(true), AtomicBool::new(!is_asked));
    let take = move |nothing: u64| {
        let has = has.unwrap_or(nothing).min(BODY.len() as u64);
        BODY[..usize::try_from(has).expect("small")].to_vec()
    };
    let ended = ask_from(
        &SERVERS.kept,
        move |request| {
            let mut kept = kept.lock().expect("no panic");
            let session = |status: u16, range: String| {
                Response::new(status).with("Location", "/v2/app/blobs/uploads/1").with("Range", range)
            };
            let honest = |kept: &[u8]| format!("0-{}", kept.len().saturating_sub(1));
            match request.method.as_str() {
                "POST" => {
                    kept.clear();
                    Response::new(202).with("Location", "/v2/app/blobs/uploads/1")
                }
                "PUT" if !request.body.is_empty() => Response::new(413),
                "PUT" => {
                    assert_eq!(*kept, BODY, "committed before all of it was there");
                    Response::new(201)
                }
                "PATCH" if is_first.swap(false, Ordering::SeqCst) => {
                    assert_eq!(request.header("content-range"), Some("0-9"));
                    assert_eq!(request.body, BODY);
                    if is_asked {
                        return Response::new(416);
                    }
                    *kept = take(BODY.len() as u64);
                    session(202, said.clone())
                }
                "PATCH" => {
                    assert_eq!(request.header("content-range"), Some(&*format!("{}-9", kept.len())));
                    assert_eq!(request.body, BODY[kept.len()..]);
                    *kept = BODY.to_vec();
                    session(202, honest(&kept))
                }
                "GET" if !is_told.swap(true, Ordering::SeqCst) => {
                    *kept = take(0);
                    session(204, said.clone())
                }
                "GET" => session(204, honest(&kept)),
                "DELETE" => Response::new(204),
                _ => Response::new(404),
            }
        },
        async |source| source.push_blob(BODY).await.map(|_| ()),
    );
    assert!(ended.told.is_empty() && ended.asked.len() < 64, "{ended:?}");
    let is_clean = text.chars().all(|c| c.is_ascii_graphic() || matches!(c, ' ' | '\n'));
    assert!(!is_too_much || ended.result.is_err(), "it has more than was sent");
    assert!(is_too_much || !is_clean || ended.result.is_ok(), "{:?}", ended.result);
}

/// The bytes that `Range` speaks of; none is what it says if nothing is there.
fn claimed(range: &str) -> Option<u64> {
    let range = range.trim_matches([' ', '\t']);
    if !range.chars().all(|c| c.is_ascii_graphic() || matches!(c, ' ' | '\t')) {
        return None;
    }
    let last = range.strip_prefix("bytes=").unwrap_or(range).strip_prefix("0-")?;
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    match last.parse::<u64>().ok().filter(|_| is_number)? {
        0 => Some(0),
        last => last.checked_add(1),
    }
}

/// What a token server answers: a token is what it names as one, and nothing else is sent for it.
pub(crate) fn token(bytes: &[u8]) {
    let body = bytes.to_vec();
    let ended = ask(
        move |request| match (request.path(), request.header("authorization")) {
            ("/token", _) => Response::new(200).with_body("application/json", body.clone()),
            (_, Some(_)) => Response::new(404),
            (_, None) => {
                let host = SERVERS.registry.address();
                Response::new(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\""))
            }
        },
        async |source| source.resolve().await.map(|_| ()),
    );
    assert!(ended.result.is_err(), "there is no such image");
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let named = ["token", "access_token"].map(|name| value[name].as_str().unwrap_or_default());
    let sent = ended.asked.iter().filter(|request| request.path() != "/token");
    for token in sent.filter_map(|request| request.header("authorization")) {
        let token = token.strip_prefix("Bearer ").expect("a token");
        assert!(!token.is_empty() && named.contains(&token), "{token:?} is none of {named:?}");
    }
    let said = ended.result.unwrap_err();
    assert!(named.iter().all(|token| token.len() < 8 || !said.contains(token)), "a token is told: {said}");
}

/// What a registry says when it refuses: shown, but for what it was sent (`SENT`), and only so much of it.
pub(crate) fn refusal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let text = text.to_owned();
    let ended = ask_from(
        &SERVERS.kept,
        move |request| match request.header("authorization") {
            None => Response::new(401).with("WWW-Authenticate", "Basic realm=\"x\""),
            Some(sent) => {
                let text = text.replace("SENT", sent).replace("PASSWORD", "s3cret");
                Response::new(403).with_body("application/json", text)
            }
        },
        async |source| source.resolve().await.map(|_| ()),
    );
    let said = ended.result.expect_err("nobody answered");
    assert!(said.contains("status 403") && said.len() < 2048, "{said}");
}

/// A list of tags: what is in it, each once, or nothing.
pub(crate) fn names(bytes: &[u8]) {
    let (body, found) = (bytes.to_vec(), Arc::new(Mutex::new(None)));
    let out = found.clone();
    let ended = ask_from(
        &SERVERS.kept,
        move |_| Response::new(200).with_body("application/json", body.clone()),
        async move |source| {
            *out.lock().expect("no panic") = Some(source.names().await?.tags);
            Ok(())
        },
    );
    assert!((1..=2).contains(&ended.asked.len()), "{:?}", ended.asked);
    let Some(found) = found.lock().expect("no panic").take() else { return };
    let value: Value = serde_json::from_slice(bytes).expect("what is read is JSON");
    let listed = value["tags"].as_array().cloned().unwrap_or_default();
    let listed: BTreeSet<&str> = listed.iter().map(|name| name.as_str().expect("a text")).collect();
    let once: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(once, listed);
    assert_eq!(once.len(), found.len(), "each once");
    assert!(found.iter().all(|name| name.parse::<Tag>().is_ok()));
}

/// Headers of a good manifest: nothing makes it another one, and what they want people to read has an end.
pub(crate) fn headers(bytes: &[u8]) {
    let Some(text) = wire::text(bytes) else { return };
    let is_framing = |name: &str| {
        let names = ["content-length", "transfer-encoding", "connection", "upgrade"];
        names.iter().any(|framing| name.eq_ignore_ascii_case(framing))
    };
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_name && !is_framing(name)).then(|| (name.to_owned(), value.trim().to_owned()))
    };
    let headers: Vec<_> = text.lines().take(40).filter_map(header).collect();
    let io = wire::world();
    let found = Arc::new(Mutex::new(None));
    let out = found.clone();
    ask_from(
        &io,
        move |_| {
            let mut response = Response::new(200);
            response.headers.clone_from(&headers);
            response.body = MANIFEST.to_vec();
            response
        },
        async move |source| {
            *out.lock().expect("no panic") = Some(source.resolve().await?);
            Ok(())
        },
    );
    if let Some(found) = found.lock().expect("no panic").take() {
        assert_eq!(found.digest, Digest::of(MANIFEST));
        assert_eq!(found.content.bytes(), MANIFEST);
        assert_eq!(found.media_type, OCI_MANIFEST);
    }
    assert!(io.notices().len() <= limits::NOTICES + 1);
    assert!(io.notices().iter().all(|notice| notice.len() < 4 * 5000));
    assert!(io.quotas().len() <= 1);
}

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

/// What a log says that it entered: about our signature and no other.
pub(crate) fn log_answer(bytes: &[u8]) {
    let entry = |message: &[u8], signature: &'static [u8], envelope| NewEntry {
        digest: Digest::of(message),
        envelope,
        signature,
        verifier: Verifier { kind: VerifierKind::Certificate, der: b"cert", pem: PEM, details: "d" },
    };
    let (ours, wrapped) = (entry(b"message", b"sig", None), entry(b"message", b"sig", Some(ENVELOPE)));
    let others = [entry(b"other", b"sig", None), entry(b"message", b"other", None)];
    for (found, others) in [
        (ours.read_rekor_1(bytes), others.map(|other| other.read_rekor_1(bytes))),
        (wrapped.read_rekor_1(bytes), others.map(|other| other.read_rekor_1(bytes))),
        (ours.read_rekor_2(bytes), others.map(|other| other.read_rekor_2(bytes))),
    ] {
        let Ok(found) = found else { continue };
        let json: Value = serde_json::from_str(&found.json).expect("JSON");
        assert!(json["logIndex"].is_string() && json["canonicalizedBody"].is_string(), "{json}");
        assert!(others.iter().all(Result::is_err), "one entry for two signatures");
    }
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nY2VydA==\n-----END CERTIFICATE-----\n";
const ENVELOPE: &str = r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"c2ln"}]}"#;

/// What a certificate authority answers: certificates, or a refusal that repeats nothing of the token.
pub(crate) fn issued(bytes: &[u8]) {
    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().expect("a key"));
    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // It may send the token back.
    let body = text.replace("TOKEN", TOKEN).into_bytes();
    let authority = format!("http://{}", SERVERS.registry.address()).parse().expect("a URL");
    wire::answer(move |_| Response::new(200).with_body("application/json", body.clone()));
    let services = SERVERS.kept.services().expect("services");
    let token = Secret::new(TOKEN.to_owned());
    let key = KEY.public();
    let asking = services.certificate(&authority, &token, &key, b"proof");
    match SERVERS.runtime.block_on(asking) {
        Ok(issued) => {
            assert!(!issued.leaf.is_empty() && issued.chain.len() < limits::CHAIN);
            assert!(issued.chain.iter().all(|certificate| !certificate.is_empty()));
        }
        Err(error) => {
            let said = wire::explain(&error as &dyn Error);
            assert!(TOKEN.split('.').all(|part| !said.contains(part)), "{said}");
        }
    }
    assert_eq!(wire::heard().len(), 1);
}
