//! A server for tests that answers as it is told and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::registry::{Registries, Remote};
use super::{Cache, Environment, MirrorTags, Network};
use crate::base::Digest;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    head: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    head: Vec<(String, String)>,
    body: Vec<u8>,
    length: Option<usize>,
    pause: Duration,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self { status, head: Vec::new(), body: Vec::new(), length: None, pause: Duration::ZERO }
    }

    pub(super) fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).with("content-type", content_type).body(body)
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.head.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// States another length than the body has.
    pub(super) fn length(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// No answer at all.
    pub(super) fn hangup() -> Self {
        Self::new(0)
    }

    /// The body byte by byte, each that late.
    pub(super) fn trickling(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The body without a length, ended by closing.
    pub(super) fn unmeasured(self) -> Self {
        self.length(usize::MAX)
    }
}

/// Runs until the process ends.
#[derive(Clone)]
pub(super) struct Stub {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    pub(super) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let (asked, answer) = (stub.asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (asked, answer) = (asked.clone(), answer.clone());
                std::thread::spawn(move || serve(connection.unwrap(), &asked, &*answer));
            }
        });
        stub
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Methods and targets so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }

    pub(super) fn remote(&self, rest: &str) -> Remote {
        self.remote_with(rest, &[])
    }

    pub(super) fn remote_with(&self, rest: &str, environment: &[(&str, &str)]) -> Remote {
        let registries = Registries::new(variables(environment), network());
        let reference = format!("127.0.0.1:{}/{rest}", self.port).parse().unwrap();
        Remote::new(Arc::new(registries), reference).unwrap()
    }
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut request =
        Asked { method: words.next().unwrap(), target: words.next().unwrap(), ..Asked::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.head.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).unwrap();
    asked.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    if reply.status == 0 {
        return;
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    match reply.length {
        Some(usize::MAX) => {}
        length => head += &format!("content-length: {}\r\n", length.unwrap_or(reply.body.len())),
    }
    for (name, value) in &reply.head {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = stream;
    // The client may have seen enough.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let step = if reply.pause.is_zero() { reply.body.len() } else { 1 };
    for piece in reply.body.chunks(step.max(1)).take_while(|_| request.method != "HEAD") {
        if stream.write_all(piece).is_err() {
            return;
        }
        std::thread::sleep(reply.pause);
    }
    let _ = stream.flush();
}

/// Nobody is waited for.
pub(super) fn network() -> Network {
    let mirror_tags = MirrorTags::Ignored;
    Network {
        plain_http: Vec::new(),
        cache: Cache::Unused,
        mirror_tags,
        ca_file: None,
        client: None,
        login: None,
        max_wait: Some(Duration::ZERO),
    }
}

/// Answers the n-th request (from 0) as `answer` says.
pub(super) fn turns(answer: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Stub {
    let count = AtomicUsize::new(0);
    Stub::new(move |asked| answer(count.fetch_add(1, Ordering::SeqCst), asked))
}

/// Waits for a future.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A small valid manifest; `name` makes it different from others.
pub(super) fn manifest(name: &str) -> String {
    let digest = Digest::of(b"{}");
    let descriptor =
        format!(r#"{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{digest}","size":2}}"#);
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{descriptor},"layers":[],"annotations":{{"name":"{name}"}}}}"#,
        crate::format::manifest::OCI_MANIFEST
    )
}
