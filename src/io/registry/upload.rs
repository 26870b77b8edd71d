//! Blobs in the other direction: distribution-spec v1.1, "Pushing blobs". In one request, and in chunks where the registry takes no more at
//! once, or where so much broke off on its way that it is better not to lose all of it again.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Body, Method, Response, StatusCode};
use url::Url;

use super::Remote;
use super::error::{LinkFault, RegistryError, Thing};
use super::push::check_digest;
use super::send::{Call, expect, request};
use crate::base::{Algorithm, Digest, Repository, limits};
use crate::format::manifest::Descriptor;
use crate::io::http::{self, HttpError, Turn};
use crate::io::patience::Tries;
use crate::io::source::{Source, SourceError};
use crate::io::stream::BlobStream;

/// What is uploaded. A stream cannot be sent twice, so what has to be repeated is opened anew.
pub(super) enum Supply<'a> {
    /// In memory.
    Held(&'a [u8]),
    /// Somewhere else; `sent` counts the bytes.
    Source { source: &'a Source, blob: &'a Descriptor, sent: &'a Arc<AtomicU64> },
}

/// What became of the wish to upload something.
pub(super) enum Begun {
    /// The registry took it from another repository of its own.
    Mounted,
    /// It waits for the bytes.
    Session(Session),
}

/// An upload that the registry waits for.
pub(super) struct Session {
    /// Where it goes on, which every answer may change.
    pub(super) place: Url,
    /// Bytes that each chunk but the last must have.
    pub(super) least: u64,
}

/// One blob on its way, over all sessions that it takes.
pub(super) struct Upload<'a> {
    pub(super) remote: &'a Remote,
    pub(super) thing: Thing,
    pub(super) supply: Supply<'a>,
    pub(super) tries: Tries,
    digest: Digest,
    size: u64,
    way: Way,
    /// Whether a grant ended on the way: that happens once.
    asked: bool,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    Chunks,
    Whole,
}

/// How the sending of all bytes ended.
pub(super) enum Sent {
    /// With this answer to the last of it.
    Answered(Response),
    /// In the middle.
    Broke(HttpError),
    /// The registry knows nothing of the session any more.
    Lost,
}

/// What follows.
enum Step {
    /// Another session.
    Again,
    /// Another session; the registry waits for the rest of this one.
    Anew,
    Done,
}

impl Remote {
    /// Uploads a blob, in the session that has begun if one has.
    pub(super) async fn upload(
        &self,
        digest: Digest,
        size: u64,
        supply: Supply<'_>,
        mut begun: Option<Session>,
    ) -> Result<(), SourceError> {
        let thing = Thing::Upload(self.repository().clone(), digest);
        let (tries, way) = (self.shared.patience().tries(), Way::Whole);
        let mut upload = Upload { remote: self, thing, supply, tries, digest, size, way, asked: false };
        for _ in 0..limits::UPLOAD_SESSIONS {
            let mut session = match begun.take() {
                Some(session) => session,
                None => match self.begin(digest, None).await? {
                    Begun::Session(session) => session,
                    Begun::Mounted => return Ok(()),
                },
            };
            match upload.attempt(&mut session).await {
                Ok(Step::Again) => {}
                Ok(Step::Anew) => self.cancel(session, digest).await,
                Ok(Step::Done) => return Ok(()),
                Err(error) => {
                    // Who is away cannot be told; that may also be whoever has the blob.
                    let is_away = match &error {
                        SourceError::Registry(error) => error.is_passing() && error.blob_of().is_none(),
                        SourceError::Layout(_) | SourceError::Offline { .. } => false,
                    };
                    if !is_away {
                        self.cancel(session, digest).await;
                    }
                    return Err(error);
                }
            }
        }
        Err(RegistryError::UploadStuck { thing: upload.thing }.into())
    }

    /// Opens an upload and says where it goes on.
    pub(super) async fn begin(
        &self,
        digest: Digest,
        from: Option<&Repository>,
    ) -> Result<Begun, RegistryError> {
        let thing = Thing::Upload(self.repository().clone(), digest);
        let mut url = self.url("blobs/uploads/")?;
        if digest.algorithm() != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", digest.algorithm().name());
        }
        if let Some(from) = from {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from.path());
        }
        let start = Call::write(Method::POST, url, thing.clone()).body(BINARY, b"").from(from);
        let good = [StatusCode::ACCEPTED, StatusCode::CREATED];
        // Nothing is created of which no byte was sent, unless it was there under another name.
        let good = good.get(..if from.is_some() { 2 } else { 1 }).unwrap_or_default();
        let answer = expect(self.send(&start).await?, good, &thing).await?;
        if answer.status() == StatusCode::CREATED {
            check_digest(&answer, digest, thing)?;
            http::discard(answer).await;
            return Ok(Begun::Mounted);
        }
        let least =
            answer.headers().get(OCI_CHUNK_MIN_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
        let place = self.place_after(&start.url, &answer, &thing)?;
        http::discard(answer).await;
        Ok(Begun::Session(Session { place, least: least.unwrap_or(0) }))
    }

    /// Where the upload goes on: as the registry says, and nowhere else (GHSA-jxpm-75mh-9fp7).
    pub(super) fn place_after(
        &self,
        from: &Url,
        answer: &Response,
        thing: &Thing,
    ) -> Result<Url, RegistryError> {
        let place = self.same_place(from, answer);
        place.map_err(|reason| RegistryError::UploadLocation { thing: thing.clone(), reason })
    }

    fn same_place(&self, from: &Url, answer: &Response) -> Result<Url, LinkFault> {
        let location = answer.headers().get(LOCATION).ok_or(LinkFault::Missing)?;
        let location = location.to_str().map_err(|_| LinkFault::NotUrl)?;
        let url = from.join(location).map_err(|_| LinkFault::NotUrl)?;
        if !http::same_origin(&url, &self.base) || !url.username().is_empty() || url.password().is_some() {
            return Err(LinkFault::OtherOrigin);
        }
        Ok(url)
    }

    /// Tells the registry that no more will come. It finds that out by itself if it does not understand.
    async fn cancel(&self, session: Session, digest: Digest) {
        let thing = Thing::Upload(self.repository().clone(), digest);
        let call = Call::write(Method::DELETE, session.place, thing);
        if let Ok(answer) = self.send(&call).await {
            http::discard(answer).await;
        }
    }
}

impl Upload<'_> {
    /// Sends the blob in one session.
    async fn attempt(&mut self, session: &mut Session) -> Result<Step, SourceError> {
        let sent = match self.way {
            Way::Chunks => self.send_chunks(session).await?,
            Way::Whole => self.send_whole(session).await?,
        };
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::Lost => return Ok(Step::Again),
            Sent::Broke(error) => {
                if self.size > limits::UPLOAD_WHOLE {
                    self.way = Way::Chunks;
                }
                let waited = self.tries.after_error(error).await;
                waited.map_err(|source| self.transport(source))?;
                // All of it may have arrived, and the answer not.
                let is_there = self.remote.has_blob(self.digest, self.size).await?;
                return Ok(if is_there { Step::Done } else { Step::Again });
            }
        };
        match answer.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT => {
                check_digest(&answer, self.digest, self.thing.clone())?;
                http::discard(answer).await;
                return Ok(Step::Done);
            }
            StatusCode::UNAUTHORIZED if !self.asked => self.asked = true,
            // It takes no more than so much at once.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE if self.way == Way::Whole => {
                self.way = Way::Chunks;
                http::discard(answer).await;
                return Ok(Step::Anew);
            }
            _ => {
                let again = self.tries.after_answer(&http::origin(&session.place), &answer).await;
                if !again.map_err(|source| self.transport(source))? {
                    expect(answer, &[], &self.thing).await?;
                    return Ok(Step::Again);
                }
            }
        }
        http::discard(answer).await;
        Ok(Step::Again)
    }

    async fn send_whole(&self, session: &Session) -> Result<Sent, SourceError> {
        match &self.supply {
            Supply::Held(bytes) => self.finish(session, bytes).await,
            Supply::Source { source, blob, sent } => {
                // The source is asked when its bytes are wanted, and not kept waiting.
                let turn = self.remote.shared.http.turn(sent).await;
                let stream = source.stream(blob, None).await?;
                self.send_stream(session, stream, turn, sent).await
            }
        }
    }

    /// Sends what is left, and says that it was all.
    pub(super) async fn finish(&self, session: &Session, rest: &[u8]) -> Result<Sent, SourceError> {
        let put = Call::write(Method::PUT, self.end(session), self.thing.clone()).body(BINARY, rest);
        match self.remote.send(&put).await {
            Ok(answer) => Ok(Sent::Answered(answer)),
            Err(RegistryError::Transport { source, .. }) => Ok(Sent::Broke(source)),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends the whole blob in one request, piece by piece. What is wrong with the source is an error of its own.
    async fn send_stream(
        &self,
        session: &Session,
        stream: BlobStream,
        turn: Turn,
        sent: &Arc<AtomicU64>,
    ) -> Result<Sent, SourceError> {
        let call = Call::write(Method::PUT, self.end(session), self.thing.clone());
        let shared = &self.remote.shared;
        let used = self.remote.granted(&call).await;
        let mut request = request(&call, &call.url, used.as_ref());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(BINARY));
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(self.size));
        let passage = Arc::new(Mutex::new(Passage::Open(Box::new(stream), turn)));
        *request.body_mut() = Some(body(Arc::downgrade(&passage), sent.clone()));
        let answer = unless_stalled(shared.http.upload(request), sent).await;
        // What broke the stream says more than that the request broke.
        if let Passage::Broken(error) = take(&passage) {
            return Err(*error);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Ok(Sent::Broke(error)),
        };
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.remote.authenticate(&call, &answer, used.as_ref()).await?;
        }
        Ok(Sent::Answered(answer))
    }

    /// Where all of it becomes a blob.
    fn end(&self, session: &Session) -> Url {
        let mut url = session.place.clone();
        url.query_pairs_mut().append_pair("digest", &self.digest.to_string());
        url
    }

    pub(super) fn transport(&self, source: HttpError) -> RegistryError {
        RegistryError::Transport { thing: self.thing.clone(), source }
    }
}

/// What is left to send. It is there as long as somebody waits for the answer: who answers before all has arrived may read no more, and
/// keep the body of the request, and the connection, for ever.
enum Passage {
    Open(Box<BlobStream>, Turn),
    /// What was wrong with the source.
    Broken(Box<SourceError>),
    /// Nothing is left, or a piece is on its way.
    Shut,
}

fn take(passage: &Mutex<Passage>) -> Passage {
    std::mem::replace(&mut passage.lock().unwrap_or_else(PoisonError::into_inner), Passage::Shut)
}

/// The pieces as the body of a request. An error ends it before its stated length, so that nothing can be committed.
fn body(passage: Weak<Mutex<Passage>>, sent: Arc<AtomicU64>) -> Body {
    let pieces = futures_util::stream::unfold((passage, sent), |(passage, sent)| async move {
        let Passage::Open(mut stream, turn) = take(&*passage.upgrade()?) else { return None };
        let (piece, left) = match stream.next().await {
            Ok(piece) => {
                let piece = piece?;
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                // Nobody may ask for what comes after the last piece, and others wait for the turn.
                (Ok(piece), if stream.is_over() { Passage::Shut } else { Passage::Open(stream, turn) })
            }
            Err(error) => {
                (Err(std::io::Error::other("the blob broke off")), Passage::Broken(Box::new(error)))
            }
        };
        if let Some(passage) = passage.upgrade() {
            *passage.lock().unwrap_or_else(PoisonError::into_inner) = left;
        }
        Some((piece, (passage, sent)))
    });
    Body::wrap_stream(pieces)
}

/// An upload may take as long as it needs, but something must move.
async fn unless_stalled(
    upload: impl Future<Output = Result<Response, HttpError>>,
    sent: &AtomicU64,
) -> Result<Response, HttpError> {
    let mut upload = pin!(upload);
    let mut seen = sent.load(Ordering::Relaxed);
    loop {
        match tokio::time::timeout(Duration::from_secs(limits::UPLOAD_SECONDS), upload.as_mut()).await {
            Ok(answer) => return answer,
            Err(_) => {
                let now = sent.load(Ordering::Relaxed);
                if now == seen {
                    return Err(HttpError::Slow { seconds: limits::UPLOAD_SECONDS });
                }
                seen = now;
            }
        }
    }
}

pub(super) const BINARY: &str = "application/octet-stream";
/// Of an answer that begins an upload: how small chunks may be.
const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::io::stub::{Reply, Stub, turns, wait};

    fn upload(
        session: impl Fn() -> Reply + Send + Sync + 'static,
        done: Reply,
    ) -> (Result<Digest, SourceError>, Stub) {
        let stub = Stub::new(move |asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => session(),
            _ => done.clone(),
        });
        (wait(stub.remote("a").push_blob(b"hello")), stub)
    }

    #[test]
    fn blobs_are_uploaded_where_the_registry_says() {
        let digest = Digest::of(b"hello");
        let session = || Reply::new(202).with("location", "/v2/a/blobs/uploads/1?_state=x%2Fy");
        let (result, stub) = upload(session, Reply::new(201).with("docker-content-digest", digest));
        assert_eq!(result.unwrap(), digest);
        let put = stub.asked().pop().unwrap();
        let hex = digest.hex();
        assert_eq!(put.target, format!("/v2/a/blobs/uploads/1?_state=x%2Fy&digest=sha256%3A{hex}"));
        assert_eq!(put.body, b"hello");
        let there = Stub::new(|_| Reply::new(200));
        assert!(wait(there.remote("a").push_blob(b"hello")).is_ok());
        assert_eq!(there.log(), [format!("HEAD /v2/a/blobs/{digest}")]);
    }

    #[test]
    fn uploads_elsewhere_are_refused() {
        let collector = Stub::new(|_| Reply::new(201));
        for location in ["http://127.0.0.1:PORT/x", "//localhost:PORT/x", "http://user@127.0.0.1:PORT/x"] {
            let location = location.replace("PORT", &collector.port.to_string());
            let (result, _) = upload(move || Reply::new(202).with("location", &location), Reply::new(201));
            assert!(matches!(
                result,
                Err(SourceError::Registry(RegistryError::UploadLocation {
                    reason: LinkFault::OtherOrigin,
                    ..
                }))
            ));
        }
        assert!(collector.log().is_empty());
        let (result, _) = upload(|| Reply::new(202), Reply::new(201));
        assert!(matches!(
            result,
            Err(SourceError::Registry(RegistryError::UploadLocation { reason: LinkFault::Missing, .. }))
        ));
        // Where nothing was to be mounted, nothing was sent yet.
        let (result, _) = upload(|| Reply::new(201).with("location", "x"), Reply::new(201));
        assert!(matches!(result, Err(SourceError::Registry(RegistryError::Status { status: 201, .. }))));
        let here = || Reply::new(202).with("location", "x");
        for status in [200, 202, 400, 404, 416, 500] {
            assert!(upload(here, Reply::new(status)).0.is_err(), "{status}");
        }
        let lie = Reply::new(201).with("docker-content-digest", Digest::of(b"x"));
        let lie = upload(here, lie).0;
        assert!(matches!(lie, Err(SourceError::Registry(RegistryError::DigestHeader { .. }))));
    }

    fn begun() -> Reply {
        Reply::new(202).with("location", "/v2/a/blobs/uploads/1")
    }

    fn words(stub: &Stub) -> Vec<String> {
        stub.asked().iter().map(|asked| asked.method.clone()).collect()
    }

    #[test]
    fn what_broke_begins_anew_and_what_arrived_is_found() {
        let stub = turns(|turn, asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" if turn == 1 => Reply::new(503),
            "POST" => begun(),
            _ if turn < 6 => Reply::new(500),
            _ => Reply::new(201),
        });
        wait(stub.remote("a").push_blob(b"hello")).unwrap();
        assert_eq!(words(&stub), ["HEAD", "POST", "POST", "PUT", "POST", "PUT", "POST", "PUT"]);
        // The answer broke off, not the upload.
        let put = Arc::new(AtomicUsize::new(0));
        let seen = put.clone();
        let stub = Stub::new(move |asked| match asked.method.as_str() {
            "HEAD" => Reply::new(if seen.load(Ordering::SeqCst) == 0 { 404 } else { 200 }),
            "POST" => begun(),
            _ => {
                seen.fetch_add(1, Ordering::SeqCst);
                Reply::hangup()
            }
        });
        wait(stub.remote("a").push_blob(b"hello")).unwrap();
        assert_eq!((put.load(Ordering::SeqCst), words(&stub).len()), (1, 4));
        // And it ends.
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => begun(),
            _ => Reply::new(503),
        });
        assert!(wait(stub.remote("a").push_blob(b"hello")).is_err());
        assert_eq!(words(&stub).iter().filter(|word| *word == "PUT").count(), limits::TRIES as usize);
    }

    /// What is copied within a host holds its place among the downloads until all of it has gone up.
    #[test]
    fn an_upload_does_not_wait_for_downloads() {
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "GET" => Reply::new(200).body("hello"),
            "POST" => begun(),
            _ => Reply::new(201),
        });
        let remote = stub.remote("a");
        let ends = wait(async {
            let begun = remote.begin(Digest::of(b"hello"), None).await.unwrap();
            let Begun::Session(session) = begun else { panic!("mounted") };
            let down = (0..limits::HOST_REQUESTS).map(|_| remote.download(Digest::of(b"hello"), Some(5), 5));
            let down = futures_util::future::join_all(down).await;
            assert!(down.iter().all(Result::is_ok));
            let up = remote.upload(Digest::of(b"hello"), 5, Supply::Held(b"hello"), Some(session));
            tokio::time::timeout(Duration::from_secs(20), up).await
        });
        ends.unwrap().unwrap();
    }

    #[test]
    fn what_is_given_up_is_cancelled_where_it_was() {
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => begun(),
            _ => Reply::new(400),
        });
        assert!(wait(stub.remote("a").push_blob(b"hello")).is_err());
        assert_eq!(stub.log().last().unwrap(), "DELETE /v2/a/blobs/uploads/1");
    }

    /// A registry that answers before it has all, and reads no more, but keeps the connection.
    fn hasty() -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let head =
                    BufReader::new(&connection).lines().take_while(|line| line.as_ref().unwrap() != "");
                assert!(head.count() > 1);
                connection.write_all(b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n").unwrap();
                kept.push(connection);
            }
        });
        port
    }

    /// Each would keep a download, its place in the line of its host, and a turn, until nobody gets one.
    #[test]
    fn what_is_answered_early_holds_nothing() {
        const SIZE: usize = 16 << 20;
        let (digest, size) = (Digest::of(&vec![7; SIZE]), SIZE as u64);
        let (media_type, annotations) = ("l".to_owned(), Default::default());
        let blob = Descriptor { media_type, digest, size, platform: None, artifact_type: None, annotations };
        let stub = Stub::new(|_| Reply::new(200).body(vec![7; SIZE]));
        let (remote, port, sent) = (stub.remote("a"), hasty(), Arc::default());
        let source = Source::remote(remote.clone());
        wait(async {
            for round in 0..=limits::HOST_REQUESTS {
                let session =
                    Session { place: format!("http://127.0.0.1:{port}/x").parse().unwrap(), least: 0 };
                let upload = Upload {
                    remote: &remote,
                    thing: Thing::Upload(remote.repository().clone(), digest),
                    supply: Supply::Source { source: &source, blob: &blob, sent: &sent },
                    tries: remote.shared.patience().tries(),
                    digest,
                    size,
                    way: Way::Whole,
                    asked: false,
                };
                let answer = tokio::time::timeout(Duration::from_secs(20), upload.send_whole(&session)).await;
                let is_answer = matches!(&answer, Ok(Ok(Sent::Answered(answer))) if answer.status() == 413);
                assert!(is_answer, "{round}");
            }
        });
    }
}
