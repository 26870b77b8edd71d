//! A TUF repository on loopback (The Update Framework 1.0), signed for real, that can be made to lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ed25519_dalek::{Signer as _, SigningKey};
use plimsoll::base::Digest;
use serde_json::{Map, Value, json};

use crate::registry::http::{Request, Response};
use crate::registry::serve::Server;

/// What is published next. All roles but the root have this version.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    pub(crate) version: u64,
    pub(crate) root_version: u64,
    /// Which of the keys `0` to `4` may sign roots. Two of them must.
    pub(crate) root_keys: Vec<u8>,
    /// Which of them do.
    pub(crate) root_signers: Vec<u8>,
    /// Who signs the rest; 9 is right.
    pub(crate) online_signer: u8,
    pub(crate) expires: &'static str,
    pub(crate) target: Vec<u8>,
    /// What is really there under the target's name.
    pub(crate) served: Option<Vec<u8>>,
    /// The role that has the target, in place of the top one.
    pub(crate) delegate: Option<&'static str>,
}

impl Edition {
    /// A good one.
    pub(crate) fn new(version: u64, target: &[u8]) -> Self {
        Self {
            version,
            root_version: 1,
            root_keys: vec![0, 1],
            root_signers: vec![0, 1],
            online_signer: ONLINE,
            expires: FAR,
            target: target.to_vec(),
            served: None,
            delegate: None,
        }
    }
}

/// A running repository; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Tuf {
    shared: Arc<Shared>,
    server: Server,
}

#[derive(Debug, Default)]
struct Shared {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    log: Mutex<Vec<String>>,
}

impl Tuf {
    pub(crate) fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let server = Server::start(|_| move |request: &Request| serving.serve(request));
        Self { shared, server }
    }

    /// `http://127.0.0.1:PORT/mirror`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mirror", self.server.address())
    }

    /// Paths so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().expect("no panic").clone()
    }

    /// Puts everything there, over what was there. Gives the root.
    pub(crate) fn publish(&self, edition: &Edition) -> Vec<u8> {
        let Edition { version, expires, .. } = *edition;
        let root = root(edition);
        let signer = [edition.online_signer];
        let role = |kind: &str, rest: Value| {
            let mut signed =
                json!({"_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires});
            signed.as_object_mut().expect("an object").append(&mut as_object(rest));
            envelope(&signed, &signer)
        };
        let hash = Digest::of(&edition.target).hex();
        let targets =
            json!({"trusted_root.json": {"length": edition.target.len(), "hashes": {"sha256": hash}}});
        let mut pinned = json!({"targets.json": {"version": version}});
        let put = |name: String, bytes: Vec<u8>| {
            self.shared.files.lock().expect("no panic").insert(format!("/mirror/{name}"), bytes);
        };
        let top = match edition.delegate {
            None => json!({"targets": targets}),
            Some(name) => {
                pinned[format!("{name}.json")] = json!({"version": version});
                put(format!("{version}.{name}.json"), role("targets", json!({"targets": targets})));
                let (id, key) = key(ONLINE);
                let role = json!({"name": name, "keyids": [id], "threshold": 1, "terminating": false, "paths": ["*"]});
                json!({"targets": {}, "delegations": {"keys": {id: key}, "roles": [role]}})
            }
        };
        put(format!("{version}.targets.json"), role("targets", top));
        put(format!("{version}.snapshot.json"), role("snapshot", json!({ "meta": pinned })));
        put(
            "timestamp.json".to_owned(),
            role("timestamp", json!({"meta": {"snapshot.json": {"version": version}}})),
        );
        let served = edition.served.as_ref().unwrap_or(&edition.target);
        put(format!("targets/{hash}.trusted_root.json"), served.clone());
        put(format!("{}.root.json", edition.root_version), root.clone());
        root
    }
}

impl Shared {
    fn serve(&self, request: &Request) -> Response {
        self.log.lock().expect("no panic").push(request.target.clone());
        let file = self.files.lock().expect("no panic").get(request.path()).cloned();
        file.map_or(Response::new(404), |bytes| {
            Response::new(200).with_body("application/octet-stream", bytes)
        })
    }
}

fn root(edition: &Edition) -> Vec<u8> {
    let ids: Vec<String> = edition.root_keys.iter().map(|number| key(*number).0).collect();
    let keys: Map<String, Value> =
        edition.root_keys.iter().chain(&[ONLINE]).map(|number| key(*number)).collect();
    let online = json!({"keyids": [key(ONLINE).0], "threshold": 1});
    let signed = json!({
        "_type": "root",
        "spec_version": "1.0.31",
        "consistent_snapshot": true,
        "version": edition.root_version,
        "expires": FAR,
        "keys": keys,
        "roles": {
            "root": {"keyids": ids, "threshold": 2},
            "timestamp": online,
            "snapshot": online,
            "targets": online,
        },
    });
    envelope(&signed, &edition.root_signers)
}

/// A key and its id.
fn key(number: u8) -> (String, Value) {
    let public = hex(secret(number).verifying_key().as_bytes());
    let key = json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}});
    (Digest::of(key.to_string().as_bytes()).hex(), key)
}

fn secret(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number + 1; 32])
}

fn envelope(signed: &Value, signers: &[u8]) -> Vec<u8> {
    // Canonical JSON for what is written here: names sorted, no blanks, nothing to escape.
    let bytes = signed.to_string();
    let signature = |number: &u8| json!({"keyid": key(*number).0, "sig": hex(&secret(*number).sign(bytes.as_bytes()).to_bytes())});
    let signatures: Vec<Value> = signers.iter().map(signature).collect();
    json!({"signed": signed, "signatures": signatures}).to_string().into_bytes()
}

fn as_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const ONLINE: u8 = 9;
const FAR: &str = "2999-01-01T00:00:00Z";
