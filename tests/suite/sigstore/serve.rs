//! The same authorities as services on loopback: Fulcio 2, Rekor 1 and 2, RFC 3161, and the token service of GitHub Actions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use plimsoll::base::{Digest, Timestamp};
use serde_json::{Value, json};

use super::authority::{Key, usage};
use super::stamp::Query;
use super::{Rekor, Sigstore, der, log, now, pem, pre_authentication, time};
use crate::registry::http::{Framing, Request, Response};
use crate::registry::serve::Server;

/// What goes wrong from now on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Mischief {
    /// This service answers byte after byte for ever. A service is named by the start of its path.
    Endless(&'static str),
    /// The certificate ended an hour ago.
    ExpiredCertificate,
    /// The chain above the certificate goes on with one that ended an hour ago.
    ExpiredChain,
    /// The certificate ends in 63 seconds, and every time stamp takes 4.
    Hurry,
    /// Rekor 1's clock is wrong by so many seconds.
    LogClock(i64),
    /// The certificate is not for signing code.
    NoCodeSigning,
    /// The certificate holds no promise of the certificate log.
    NoSct,
    /// This service answers something that is no answer.
    Nonsense(&'static str),
    /// The log enters somebody else's signature.
    OtherEntry,
    /// The certificate names this issuer.
    OtherIssuer(&'static str),
    /// The certificate is for another key.
    OtherKey,
    /// The certificate names this subject.
    OtherName(&'static str),
    /// The time stamp answers another request.
    OtherNonce,
    /// The time stamp is over something else.
    OtherStamp,
    /// This service sends elsewhere.
    Redirect(&'static str, String),
    /// The time stamp authority's clock is wrong by so many seconds.
    StampClock(i64),
    /// This service answers with this status, and repeats what it was sent.
    Status(&'static str, u16),
    /// The log's note is about another tree.
    WrongNote,
}

/// Running services; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Services {
    shared: Arc<Shared>,
    server: Server,
}

#[derive(Debug)]
struct Shared {
    sigstore: Sigstore,
    mischief: Mutex<Option<Mischief>>,
    /// By their names in Rekor 1.
    entries: Mutex<HashMap<String, Value>>,
    requests: Mutex<Vec<Request>>,
}

impl Services {
    /// Starts them on a free port.
    pub(crate) fn start(name: &str) -> Self {
        let shared = Arc::new(Shared {
            sigstore: Sigstore::new(name),
            mischief: Mutex::default(),
            entries: Mutex::default(),
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(|_| move |request: &Request| serving.serve(request));
        Self { shared, server }
    }

    /// The authorities behind the services.
    pub(crate) fn sigstore(&self) -> &Sigstore {
        &self.shared.sigstore
    }

    /// `http://127.0.0.1:PORT`: of Fulcio and both Rekors.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Of the time stamp authority.
    pub(crate) fn stamp_url(&self) -> String {
        format!("{}{STAMP}", self.url())
    }

    /// A signing config with one log, and a time stamp authority.
    pub(crate) fn signing_config(&self, log: Rekor) -> Value {
        let service = |version: u8, url: String| {
            json!([{
                "url": url,
                "majorApiVersion": version,
                "validFor": {"start": "2020-01-01T00:00:00Z"},
                "operator": self.shared.sigstore.name,
            }])
        };
        let version = if log == Rekor::One { 1 } else { 2 };
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(1, self.url()),
            "oidcUrls": service(1, self.url()),
            "rekorTlogUrls": service(version, self.url()),
            "tsaUrls": service(1, self.stamp_url()),
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        })
    }

    /// An identity token: for an e-mail address, or for a URI as CI services have them.
    pub(crate) fn token(&self, subject: &str, issuer: &str) -> String {
        self.shared.token(subject, issuer, "sigstore", time(now().seconds() + 3600))
    }

    /// A token that ended at `end`.
    pub(crate) fn token_until(&self, subject: &str, issuer: &str, end: Timestamp) -> String {
        self.shared.token(subject, issuer, "sigstore", end)
    }

    /// Variables as GitHub Actions sets them in a job that may have tokens.
    pub(crate) fn github(&self) -> [(&'static str, String); 2] {
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}{GITHUB}?api-version=2.0", self.url())),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", GITHUB_TOKEN.to_owned()),
        ]
    }

    /// Goes wrong from now on, or right again.
    pub(crate) fn misbehave(&self, mischief: impl Into<Option<Mischief>>) {
        *lock(&self.shared.mischief) = mischief.into();
    }

    /// Methods and paths so far.
    pub(crate) fn log(&self) -> Vec<String> {
        let requests = lock(&self.shared.requests);
        requests.iter().map(|request| format!("{} {}", request.method, request.path())).collect()
    }
}

impl Shared {
    fn serve(&self, request: &Request) -> Response {
        lock(&self.requests).push(request.clone());
        self.misbehaved(request).unwrap_or_else(|| {
            self.answer(request).unwrap_or_else(|text| Response::new(400).with_body("text/plain", text))
        })
    }

    fn is(&self, mischief: Mischief) -> bool {
        *lock(&self.mischief) == Some(mischief)
    }

    fn misbehaved(&self, request: &Request) -> Option<Response> {
        let mischief = lock(&self.mischief).clone()?;
        let at = |path: &str| request.path().starts_with(path);
        match mischief {
            Mischief::Endless(path) if at(path) => {
                let mut response = Response::new(200).with_body("application/json", " ");
                response.framing = Framing::Endless;
                Some(response)
            }
            Mischief::Nonsense(path) if at(path) => {
                Some(Response::new(200).with_body("application/json", "{\"nonsense\":[]}"))
            }
            Mischief::Redirect(path, to) if at(path) => {
                Some(Response::new(307).with("Location", format!("{to}{}", request.target)))
            }
            Mischief::Status(path, status) if at(path) => {
                Some(Response::new(status).with_body("text/plain", request.body.clone()))
            }
            _ => None,
        }
    }

    /// An error is the text of a 400.
    fn answer(&self, request: &Request) -> Result<Response, String> {
        let json = || serde_json::from_slice::<Value>(&request.body).map_err(|error| error.to_string());
        match (request.method.as_str(), request.path()) {
            ("POST", "/api/v2/signingCert") => self.certify(request, &json()?),
            ("POST", "/api/v1/signingCert") => self.certify_1(request, &json()?),
            ("POST", "/api/v1/log/entries") => self.enter_1(json()?),
            ("POST", "/api/v2/log/entries") => self.enter_2(&json()?),
            ("POST", STAMP) => Ok(self.stamp(&request.body)),
            ("GET", GITHUB) => self.github(request),
            ("GET", path) => {
                let uuid = path.strip_prefix("/api/v1/log/entries/").unwrap_or_default();
                let entry = lock(&self.entries).get(uuid).cloned();
                Ok(entry.map_or(Response::new(404), |entry| reply(200, json!({ uuid: entry }))))
            }
            _ => Ok(Response::new(404)),
        }
    }

    fn certify(&self, request: &Request, wanted: &Value) -> Result<Response, String> {
        // As any Fulcio: in the request, or as credentials of HTTP, which sigstore-go sends.
        let token = match &wanted["credentials"]["oidcIdentityToken"] {
            Value::Null => request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")),
            token => token.as_str(),
        };
        let claims = self.claims(token.ok_or("no token")?)?;
        let subject = text(claims.get("email").unwrap_or(&claims["sub"]))?;
        let spki = match wanted.get("certificateSigningRequest") {
            Some(request) => certified_request(&unpem(&String::from_utf8_lossy(&decode(request)?))?)?,
            None => {
                let wanted = &wanted["publicKeyRequest"];
                let spki = unpem(text(&wanted["publicKey"]["content"])?)?;
                check_message(&spki, subject.as_bytes(), &decode(&wanted["proofOfPossession"])?)?;
                spki
            }
        };
        let chain: Vec<String> =
            self.chain(&claims, spki)?.iter().map(|one| pem("CERTIFICATE", one)).collect();
        Ok(reply(200, json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})))
    }

    /// Fulcio 1, as cosign 2 asks.
    fn certify_1(&self, request: &Request, wanted: &Value) -> Result<Response, String> {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let claims = self.claims(token.ok_or("no token")?)?;
        let subject = text(claims.get("email").unwrap_or(&claims["sub"]))?;
        let key = decode(&wanted["publicKey"]["content"])?;
        let spki = if key.starts_with(b"-----") { unpem(&String::from_utf8_lossy(&key))? } else { key };
        check_message(&spki, subject.as_bytes(), &decode(&wanted["signedEmailAddress"])?)?;
        let chain: String = self.chain(&claims, spki)?.iter().map(|one| pem("CERTIFICATE", one)).collect();
        Ok(Response::new(201).with_body("application/pem-certificate-chain", chain))
    }

    /// A certificate for these claims, and those above it.
    fn chain(&self, claims: &Value, spki: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        let at = now();
        let spki = if self.is(Mischief::OtherKey) { Key::named("a stranger").spki() } else { spki };
        let ended = self.is(Mischief::ExpiredCertificate);
        let from = if ended { time(at.seconds() - 4200) } else { at };
        let until = time(from.seconds() + if self.is(Mischief::Hurry) { 63 } else { 600 });
        let mischief = lock(&self.mischief).clone();
        let (subject, issuer) = match mischief {
            Some(Mischief::OtherName(name)) => (name.to_owned(), text(&claims["iss"])?),
            Some(Mischief::OtherIssuer(issuer)) => (certified(claims)?, issuer),
            _ => (certified(claims)?, text(&claims["iss"])?),
        };
        let leaf = self.sigstore.leaf(&spki, &subject, issuer, (from, until));
        let log = (!self.is(Mischief::NoSct)).then_some(&self.sigstore.ct);
        let mut extensions = leaf.usual(&self.sigstore.ca);
        if self.is(Mischief::NoCodeSigning) {
            extensions[1] = usage("1.3.6.1.5.5.7.3.4", false);
        }
        let leaf = leaf.issue_saying(&self.sigstore.ca, log, &extensions);
        let above = [&self.sigstore.ca, &self.sigstore.root].map(|one| one.certificate.clone());
        let ended = self.is(Mischief::ExpiredChain).then(|| {
            let period = (time(at.seconds() - 7200), time(at.seconds() - 3600));
            self.sigstore.leaf(&spki, &subject, issuer, period).issue(&self.sigstore.ca, None)
        });
        Ok([leaf].into_iter().chain(above).chain(ended).collect())
    }

    fn enter_1(&self, request: Value) -> Result<Response, String> {
        let kind = text(&request["kind"])?.to_owned();
        let spec = &request["spec"];
        let body = match kind.as_str() {
            "hashedrekord" => {
                let signature = decode(&spec["signature"]["content"])?;
                let verifier = decode(&spec["signature"]["publicKey"]["content"])?;
                let digest = unhex(text(&spec["data"]["hash"]["value"])?)?;
                check(&String::from_utf8_lossy(&verifier), &digest, &signature)?;
                request
            }
            "dsse" => self.envelope(&spec["proposedContent"])?,
            other => return Err(format!("kind {other}")),
        };
        let body = self.spoiled(body);
        let entry = self.sigstore.rekor_1.enter(&kind, "0.0.1", &body, self.clock(Mischief::LogClock));
        let (uuid, told) = log::in_rekor_1(&self.noted(entry));
        let place = format!("/api/v1/log/entries/{uuid}");
        if lock(&self.entries).contains_key(&uuid) {
            return Ok(reply(409, json!({"code": 409, "message": place})).with("Location", place));
        }
        lock(&self.entries).insert(uuid.clone(), told.clone());
        Ok(reply(201, json!({ &uuid: told })).with("ETag", uuid).with("Location", place))
    }

    fn envelope(&self, proposed: &Value) -> Result<Value, String> {
        let text_of = text(&proposed["envelope"])?;
        let envelope: Value = serde_json::from_str(text_of).map_err(|error| error.to_string())?;
        let payload = decode(&envelope["payload"])?;
        let signature = decode(&envelope["signatures"][0]["sig"])?;
        let verifier = String::from_utf8(decode(&proposed["verifiers"][0])?).map_err(|_| "not a PEM")?;
        let signed = pre_authentication(text(&envelope["payloadType"])?, &payload);
        check(&verifier, Digest::of(&signed).bytes(), &signature)?;
        Ok(super::dsse_1(text_of, &payload, &signature, &verifier))
    }

    fn enter_2(&self, request: &Value) -> Result<Response, String> {
        let asked = &request["hashedRekordRequestV002"];
        let (digest, signature) = (decode(&asked["digest"])?, decode(&asked["signature"]["content"])?);
        let verifier = &asked["signature"]["verifier"];
        let body = match verifier.get("x509Certificate") {
            Some(certificate) => {
                let certificate = decode(&certificate["rawBytes"])?;
                check(&pem("CERTIFICATE", &certificate), &digest, &signature)?;
                super::hashed_2(&digest, &signature, &certificate)
            }
            None => {
                let key = decode(&verifier["publicKey"]["rawBytes"])?;
                check(&pem("PUBLIC KEY", &key), &digest, &signature)?;
                let mut body = super::hashed_2(&digest, &signature, &[]);
                body["spec"]["hashedRekordV002"]["signature"]["verifier"] = verifier.clone();
                body
            }
        };
        let entry = self.sigstore.rekor_2.enter("hashedrekord", "0.0.2", &self.spoiled(body), now());
        let mut told = self.noted(entry);
        // Rekor 2 writes what protobuf's JSON could leave out.
        told["integratedTime"] = json!("0");
        told["inclusionPromise"] = Value::Null;
        Ok(reply(201, told))
    }

    /// The body, or somebody else's.
    fn spoiled(&self, body: Value) -> Value {
        if !self.is(Mischief::OtherEntry) {
            return body;
        }
        let foreign = STANDARD.encode(Key::named("a stranger").sign(b"something else"));
        let mut body = body;
        for place in [
            "/spec/signature/content",
            "/spec/signatures/0/signature",
            "/spec/hashedRekordV002/signature/content",
        ] {
            if let Some(signature) = body.pointer_mut(place) {
                *signature = json!(foreign);
            }
        }
        body
    }

    /// The entry with its note, or with another one.
    fn noted(&self, mut entry: Value) -> Value {
        if self.is(Mischief::WrongNote) {
            let note = &mut entry["inclusionProof"]["checkpoint"]["envelope"];
            let mut lines: Vec<&str> = note.as_str().unwrap_or_default().split('\n').collect();
            lines[1] = "4711";
            *note = json!(lines.join("\n"));
        }
        entry
    }

    fn stamp(&self, body: &[u8]) -> Response {
        let mut query = Query::parse(body);
        if self.is(Mischief::Hurry) {
            thread::sleep(Duration::from_secs(4));
        }
        if self.is(Mischief::OtherStamp) {
            query = query.over(Digest::of(b"something else").bytes());
        }
        if self.is(Mischief::OtherNonce) {
            query = query.nonce(4711);
        }
        Response::new(201).with_body(
            "application/timestamp-reply",
            query.answer(&self.sigstore.stamper, self.clock(Mischief::StampClock)),
        )
    }

    /// The time, and what a wrong clock makes of it.
    fn clock(&self, of: fn(i64) -> Mischief) -> Timestamp {
        let by = match *lock(&self.mischief) {
            Some(Mischief::LogClock(by) | Mischief::StampClock(by)) => by,
            _ => 0,
        };
        time(now().seconds() + if self.is(of(by)) { by } else { 0 })
    }

    fn github(&self, request: &Request) -> Result<Response, String> {
        let bearer = request.header("authorization").and_then(|value| value.split_once(' '));
        if !bearer.is_some_and(|(kind, token)| kind.eq_ignore_ascii_case("bearer") && token == GITHUB_TOKEN) {
            return Ok(Response::new(401));
        }
        let audience = request.query("audience").ok_or("no audience")?;
        let token = self.token(GITHUB_TOKEN_SUBJECT, GITHUB_ISSUER, &audience, time(now().seconds() + 300));
        Ok(reply(200, json!({"count": 1, "value": token})))
    }

    fn token(&self, subject: &str, issuer: &str, audience: &str, end: Timestamp) -> String {
        let mut claims = json!({
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": end.seconds() - 3600,
            "exp": end.seconds(),
        });
        if subject == GITHUB_TOKEN_SUBJECT {
            claims["job_workflow_ref"] = json!(GITHUB_SUBJECT.trim_start_matches("https://github.com/"));
        } else if !subject.contains("://") {
            claims["sub"] = json!("CgE3");
            claims["email"] = json!(subject);
            claims["email_verified"] = json!(true);
        }
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({"alg": "ES256", "typ": "JWT"})), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sigstore.oidc.sign_raw(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// What a token says, if it is ours and still good.
    fn claims(&self, token: &str) -> Result<Value, String> {
        let (signed, signature) = token.rsplit_once('.').ok_or("not a token")?;
        let raw = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "not a token")?;
        let signature = Signature::from_slice(&raw).map_err(|_| "not a token")?;
        verifier(&self.sigstore.oidc.spki())?
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "the token is a stranger's")?;
        let claims = signed.split('.').nth(1).ok_or("not a token")?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "not a token")?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|error| error.to_string())?;
        let good = claims["aud"] == "sigstore" && claims["exp"].as_i64() > Some(now().seconds());
        if good { Ok(claims) } else { Err("the token is over, or for somebody else".to_owned()) }
    }
}

/// Whom a certificate for these claims names, as Fulcio has it.
fn certified(claims: &Value) -> Result<String, String> {
    match claims.get("job_workflow_ref") {
        Some(workflow) => Ok(format!("https://github.com/{}", text(workflow)?)),
        None => Ok(text(claims.get("email").unwrap_or(&claims["sub"]))?.to_owned()),
    }
}

/// Checks a signature over a digest by the key in a certificate or key in PEM.
fn check(verifier_pem: &str, digest: &[u8], signature: &[u8]) -> Result<(), String> {
    let content = unpem(verifier_pem)?;
    let is_key = !verifier_pem.contains("CERTIFICATE");
    // Signatures by keys of other kinds are entered as they are: only P-256 is known here.
    if is_key && verifier(&content).is_err() {
        return Ok(());
    }
    let spki = if is_key { content } else { spki_of(&content) };
    let signature = Signature::from_der(signature).map_err(|_| "the signature's form")?;
    verifier(&spki)?
        .verify_prehash(digest, &signature)
        .map_err(|_| "the signature does not verify".to_owned())
}

/// The key in a request in PKCS#10 that signs itself (RFC 2986).
fn certified_request(request: &[u8]) -> Result<Vec<u8>, String> {
    let [(0x30, outer)] = der::parts(request)[..] else { return Err("not a request".to_owned()) };
    let [(0x30, content), (0x30, _), (0x03, [0, signature @ ..])] = der::parts(outer)[..] else {
        return Err("not a request".to_owned());
    };
    let spki = der::value(0x30, der::parts(content)[2].1);
    check_message(&spki, &der::value(0x30, content), signature)?;
    Ok(spki)
}

fn check_message(spki: &[u8], message: &[u8], signature: &[u8]) -> Result<(), String> {
    let signature = Signature::from_der(signature).map_err(|_| "the form of the proof of possession")?;
    let checked = verifier(spki)?.verify(message, &signature);
    checked.map_err(|_| "the proof of possession does not verify".to_owned())
}

/// The key of a certificate.
fn spki_of(certificate: &[u8]) -> Vec<u8> {
    let (_, outer) = der::parts(certificate)[0];
    let (_, content) = der::parts(outer)[0];
    der::value(0x30, der::parts(content)[6].1)
}

fn verifier(spki: &[u8]) -> Result<VerifyingKey, String> {
    VerifyingKey::from_public_key_der(spki).map_err(|_| "only P-256 is known here".to_owned())
}

fn reply(status: u16, body: Value) -> Response {
    Response::new(status).with_body("application/json", body.to_string())
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("not a text: {value}"))
}

fn decode(value: &Value) -> Result<Vec<u8>, String> {
    STANDARD.decode(text(value)?).map_err(|error| error.to_string())
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(|at| digit(at).ok_or_else(|| "not hexadecimal".to_owned())).collect()
}

fn unpem(text: &str) -> Result<Vec<u8>, String> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).map_err(|error| error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where time stamps are.
pub(crate) const STAMP: &str = "/api/v1/timestamp";
const GITHUB: &str = "/github/token";
const GITHUB_TOKEN: &str = "may-have-tokens";
const GITHUB_TOKEN_SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";
/// Of the certificate for the token that GitHub Actions gives.
pub(crate) const GITHUB_SUBJECT: &str =
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// Of the token that GitHub Actions gives.
pub(crate) const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
