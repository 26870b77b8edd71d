//! TLS in front of a registry: what arrives is passed on in plain, or, if it is HTTP/2, answered as the registry would.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Registry, http2};

/// A TLS server that runs until the process ends.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// What it offers to speak (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaks {
    /// HTTP/2, and HTTP/1.1.
    Both,
    /// Nothing is said, which means HTTP/1.1.
    Old,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Visitors {
    /// Everybody.
    All,
    /// Who shows a certificate of the CA in `testdata/tls`.
    Certified,
}

impl Front {
    pub(crate) fn of(registry: &Registry, visitors: Visitors) -> Self {
        Self::start(registry, config(visitors, Speaks::Old))
    }

    pub(crate) fn speaking(registry: &Registry, speaks: Speaks) -> Self {
        Self::start(registry, config(Visitors::All, speaks))
    }

    fn start(registry: &Registry, config: ServerConfig) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (shared, behind) = (registry.shared.clone(), registry.server.address());
        let front = Self { address, connections: Arc::default() };
        let connections = front.connections.clone();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, shared) = (acceptor.clone(), shared.clone());
                    connections.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(async move {
                        // Who does not trust us goes away in the middle.
                        let Ok(mut outside) = acceptor.accept(stream).await else { return };
                        if outside.get_ref().1.alpn_protocol() == Some(HTTP2) {
                            http2::serve(outside, shared, behind).await.ok();
                        } else {
                            let mut inside = TcpStream::connect(behind).await.expect("the registry");
                            copy_bidirectional(&mut outside, &mut inside).await.ok();
                        }
                    });
                }
            });
        });
        front
    }

    /// How often somebody came in.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

/// A file of `testdata/tls`.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(name)
}

fn config(visitors: Visitors, speaks: Speaks) -> ServerConfig {
    let provider = Arc::new(default_provider());
    let versions =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = versions.expect("protocol versions");
    let builder = match visitors {
        Visitors::All => builder.with_no_client_auth(),
        Visitors::Certified => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(file("ca.crt")).expect("a CA")).expect("a CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let certificate = CertificateDer::from_pem_file(file("server.crt")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let mut config = builder.with_single_cert(vec![certificate], key).expect("a pair");
    if speaks == Speaks::Both {
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
    }
    config
}

const HTTP2: &[u8] = b"h2";
