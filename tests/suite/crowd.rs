//! Many writers of one list: nobody's entry is lost.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use plimsoll::base::Digest;
use plimsoll::crypto::PrivateKey;
use plimsoll::sign;
use serde_json::Value;
use tempfile::TempDir;

use crate::peers::{Peers, RealRegistry};
use crate::plimsoll::Plimsoll;
use crate::registry::{Referrers, Registry, client};

const WRITERS: usize = 40;
/// How many write to a real registry at the same moment: more of them trip over each other inside of docker-registry.
const AT_ONCE: usize = 8;

/// Forty processes attach as many bundles to one image, so many of them at the same moment, through a list that any of them may overwrite.
fn crowd(host: &str, at_once: usize) {
    let layout = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/image/image.oci.tar");
    let image = client::push_layout(host, &layout, "app", "1.0");
    let folder = TempDir::new().unwrap();
    let key = PrivateKey::generate().unwrap();
    let names: Vec<String> = (0..WRITERS).map(|number| format!("{number}.json")).collect();
    for name in &names {
        let predicate = format!("{{\"name\":\"{name}\"}}");
        let unsigned = sign::attestation("x", image, "https://example.com/p", predicate.as_bytes()).unwrap();
        fs::write(folder.path().join(name), unsigned.signed_by(&key).unwrap().bundle).unwrap();
    }
    // The first comes alone: docker-registry cannot take the empty config that all of them share from several at once.
    let (first, rest) = names.split_at(1);
    for wave in std::iter::once(first).chain(rest.chunks(at_once)) {
        thread::scope(|scope| {
            for name in wave {
                let tool = Plimsoll::new().dir(&folder).host(host).args(["attach", "--bundle"]);
                let tool = tool.arg(format!("[DIR]/{name}")).arg("[HOST]/app:1.0");
                scope.spawn(move || tool.spawn().exits(0));
            }
        });
    }
    let entries = listed(host, image);
    let digests: BTreeSet<&str> = entries.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    assert_eq!((entries.len(), digests.len()), (WRITERS, WRITERS));
    for entry in &entries {
        assert_eq!(entry["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
        assert_eq!(entry["annotations"]["dev.sigstore.bundle.predicateType"], "https://example.com/p");
    }
}

/// The entries of the fallback tag.
fn listed(host: &str, image: Digest) -> Vec<Value> {
    let tag = image.to_string().replace(':', "-");
    let accept = "Accept: application/vnd.oci.image.index.v1+json\r\n";
    let reply = client::ask(host, &format!("GET /v2/app/manifests/{tag}"), accept, b"");
    let index: Value = serde_json::from_slice(&reply.body).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

#[test]
fn forty_writers_leave_forty_entries() {
    crowd(&Registry::builder().referrers(Referrers::Off).start().host(), WRITERS);
}

#[test]
fn forty_writers_leave_forty_entries_in_real_registries() {
    let Some(peers) = Peers::find("forty_writers_leave_forty_entries_in_real_registries") else {
        return;
    };
    for kind in [RealRegistry::Crane, RealRegistry::Docker] {
        crowd(peers.serve(kind).host(), AT_ONCE);
    }
}
