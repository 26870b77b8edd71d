//! How registries are reached: TLS with certificates of people's own.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::plimsoll::{Plimsoll, Run};
use crate::registry::{Front, Registry, Visitors};

/// A home with certificates for the host of a TLS server in front of a registry with one image.
struct Home {
    _registry: Registry,
    front: Front,
    folder: TempDir,
}

impl Home {
    fn new(visitors: Visitors, certificates: &[&str]) -> Self {
        let registry = Registry::start();
        registry.push_layout(&testdata("image/image.oci.tar"), "app", "1.0");
        let front = Front::of(&registry, visitors);
        let folder = TempDir::new().unwrap();
        let home = Self { _registry: registry, front, folder };
        fs::create_dir_all(home.certs()).unwrap();
        for name in certificates {
            // containers-certs.d(5) calls the certificate of a client `.cert`.
            let target = name.replace("client.crt", "client.cert");
            fs::copy(testdata("tls").join(name), home.certs().join(target)).unwrap();
        }
        home
    }

    fn certs(&self) -> std::path::PathBuf {
        self.folder.path().join(".config/containers/certs.d").join(self.front.host())
    }

    fn resolve(&self, args: &[&str]) -> Run {
        let tool = Plimsoll::new().dir(&self.folder).host(self.front.host()).env("HOME", "[DIR]");
        tool.args(["resolve", "[HOST]/app:1.0"]).args(args.iter().copied()).run()
    }
}

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

#[test]
fn a_ca_of_ones_own_is_trusted_where_it_is_named() {
    assert!(
        Home::new(Visitors::All, &["ca.crt"]).resolve(&[]).exits(0).stdout.starts_with("[HOST]/app:1.0@")
    );
    let home = Home::new(Visitors::All, &[]);
    let run = home.resolve(&[]).exits(3);
    assert!(run.stderr.contains("--ca-file FILE"), "{}", run.stderr);
    let ca = testdata("tls/ca.crt");
    home.resolve(&["--ca-file", ca.to_str().unwrap()]).exits(0);
    let key = testdata("tls/client.key");
    home.resolve(&["--ca-file", key.to_str().unwrap()]).exits(3);
}

#[test]
fn a_client_certificate_is_shown_to_who_asks() {
    Home::new(Visitors::Certified, &["ca.crt"]).resolve(&[]).exits(3);
    Home::new(Visitors::Certified, &["ca.crt", "client.crt", "client.key"]).resolve(&[]).exits(0);
    let half = Home::new(Visitors::All, &["ca.crt", "client.crt"]).resolve(&[]).exits(3);
    assert!(half.stderr.contains("client.cert has no .key file beside it"), "{}", half.stderr);
    let home = Home::new(Visitors::Certified, &["ca.crt"]);
    let [certificate, key] = ["client.crt", "client.key"].map(|name| testdata("tls").join(name));
    let pair = ["--client-cert", certificate.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
    home.resolve(&pair).exits(0);
    home.resolve(&pair[..2]).exits(2);
}
