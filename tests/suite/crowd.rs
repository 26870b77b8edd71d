//! Many writers of one list: nobody's entry is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
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
const IMAGE: &str = "testdata/image/image.oci.tar";

/// An image in a registry, as `app:1.0` and nothing attached, and forty bundles about it, `[DIR]/0.json` and so on.
struct Yard {
    host: String,
    image: Digest,
    folder: TempDir,
}

impl Yard {
    fn new(host: &str) -> Self {
        let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join(IMAGE);
        let image = client::push_layout(host, &layout, "app", "1.0");
        let folder = TempDir::new().unwrap();
        let key = PrivateKey::generate().unwrap();
        for number in 0..WRITERS {
            let predicate = format!("{{\"number\":{number}}}");
            let unsigned =
                sign::attestation("x", image, "https://example.com/p", predicate.as_bytes()).unwrap();
            let bundle = unsigned.signed_by(&key).unwrap().bundle;
            fs::write(folder.path().join(format!("{number}.json")), bundle).unwrap();
        }
        Self { host: host.to_owned(), image, folder }
    }

    fn tool(&self, args: &[&str]) -> Plimsoll {
        Plimsoll::new().dir(&self.folder).host(&self.host).args(args.iter().copied())
    }

    fn attach(&self, number: usize, place: &str) -> Plimsoll {
        self.tool(&["attach", "--bundle", &format!("[DIR]/{number}.json"), place])
    }

    /// Whether the fallback tag lists all, each once and with its annotations.
    #[track_caller]
    fn lists_all(&self) {
        let entries = listed(&self.host, self.image);
        let digests: BTreeSet<&str> = entries.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
        assert_eq!((entries.len(), digests.len()), (WRITERS, WRITERS));
        for entry in &entries {
            assert_eq!(entry["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
            assert_eq!(entry["annotations"]["dev.sigstore.bundle.predicateType"], "https://example.com/p");
        }
    }
}

/// Forty processes attach as many bundles to one image at the same moment, through a list that any of them may overwrite.
fn forty_processes(host: &str) {
    let yard = Yard::new(host);
    // The first comes alone: docker-registry cannot take the empty config that all of them share from several at once.
    yard.attach(0, "[HOST]/app:1.0").spawn().exits(0);
    thread::scope(|scope| {
        for number in 1..WRITERS {
            let tool = yard.attach(number, "[HOST]/app:1.0");
            scope.spawn(move || tool.spawn().exits(0));
        }
    });
    yard.lists_all();
}

/// Two processes carry an image there at the same moment, each with twenty bundles of its own.
fn two_processes_of_twenty(host: &str) {
    let yard = Yard::new(host);
    let image = format!("oci-archive:{}", Path::new(env!("CARGO_MANIFEST_DIR")).join(IMAGE).display());
    let layouts = ["oci:[DIR]/a:1.0", "oci:[DIR]/b:1.0"];
    for (half, layout) in layouts.iter().enumerate() {
        yard.tool(&["copy", &image, layout]).run().exits(0);
        for number in 0..WRITERS / 2 {
            yard.attach(half * WRITERS / 2 + number, layout).run().exits(0);
        }
    }
    // The empty config again.
    client::push_blob(host, "app", b"{}");
    thread::scope(|scope| {
        for layout in layouts {
            let tool = yard.tool(&["copy", layout, "[HOST]/app:1.0"]);
            scope.spawn(move || tool.spawn().exits(0));
        }
    });
    yard.lists_all();
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
    let registry = || Registry::builder().referrers(Referrers::Off).start();
    forty_processes(&registry().host());
    two_processes_of_twenty(&registry().host());
}

#[test]
fn forty_writers_leave_forty_entries_in_real_registries() {
    let Some(peers) = Peers::find("forty_writers_leave_forty_entries_in_real_registries") else {
        return;
    };
    for kind in [RealRegistry::Crane, RealRegistry::Docker] {
        forty_processes(peers.serve(kind).host());
        two_processes_of_twenty(peers.serve(kind).host());
    }
}
