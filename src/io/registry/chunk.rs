//! A blob in chunks: distribution-spec v1.1, "Pushing a blob in chunks". What the registry says that it has decides where the next one begins;
//! nothing is held but the chunk that is on its way.

use std::sync::atomic::Ordering;

use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};

use super::error::RegistryError;
use super::send::Call;
use super::upload::{BINARY, Sent, Session, Supply, Upload};
use crate::base::limits;
use crate::io::http::{self, Lane};
use crate::io::source::SourceError;
use crate::io::stream::BlobStream;

/// What came of one chunk.
enum Chunk {
    /// So many bytes of the blob are there.
    Has(u64),
    /// An end of the whole upload.
    End(Sent),
}

impl Upload<'_> {
    /// Sends the blob chunk by chunk. The last one is not sent before all of the blob was checked.
    pub(super) async fn send_chunks(&mut self, session: &mut Session) -> Result<Sent, SourceError> {
        if session.least > limits::CHUNK_LARGEST {
            let (thing, least) = (self.thing.clone(), session.least);
            return Err(RegistryError::ChunkLength { thing, least, limit: limits::CHUNK_LARGEST }.into());
        }
        let length = session.least.max(limits::CHUNK);
        let mut pieces = match &self.supply {
            Supply::Held(bytes) => Pieces::Held(bytes),
            Supply::Source { source, blob, .. } => Pieces::Stream(Box::new(source.stream(blob, None).await?)),
        };
        let (mut at, mut chunk) = (0, Vec::new());
        loop {
            pieces.fill(&mut chunk, length).await?;
            let end = at + chunk.len() as u64;
            if at == end {
                return self.finish(session, b"").await;
            }
            let has = match self.send_chunk(session, at, &chunk).await? {
                Chunk::Has(has) => has,
                Chunk::End(sent) => return Ok(sent),
            };
            if has > end {
                let thing = self.thing.clone();
                return Err(RegistryError::UploadProgress { thing, sent: end, stated: has }.into());
            }
            // What it lost of what it had is not held here any more.
            let Some(taken) = has.checked_sub(at) else {
                return self.stand_still().await.map(|()| Sent::Lost);
            };
            if has == end {
                self.tries.moved_on();
            } else {
                // A registry that takes byte after byte would never end.
                self.stand_still().await?;
            }
            if let Supply::Source { sent, .. } = &self.supply {
                sent.fetch_add(taken, Ordering::Relaxed);
            }
            chunk.drain(..usize::try_from(taken).unwrap_or(usize::MAX).min(chunk.len()));
            at = has;
        }
    }

    async fn send_chunk(
        &mut self,
        session: &mut Session,
        at: u64,
        chunk: &[u8],
    ) -> Result<Chunk, SourceError> {
        let end = at + chunk.len() as u64;
        let call = Call::write(Method::PATCH, session.place.clone(), self.thing.clone());
        let call = call.body(BINARY, chunk).part(at, end.saturating_sub(1));
        let answer = match self.remote.send(&call).await {
            Ok(answer) => answer,
            Err(RegistryError::Transport { source, .. }) => {
                let waited = self.tries.after_error(source).await;
                waited.map_err(|source| self.transport(source))?;
                return self.ask(session, at, end).await;
            }
            Err(error) => return Err(error.into()),
        };
        match answer.status() {
            StatusCode::ACCEPTED => {
                let has = stated(&answer, at, end).unwrap_or(end);
                session.place = self.remote.place_after(&session.place, &answer, &self.thing)?;
                http::discard(answer).await;
                Ok(Chunk::Has(has))
            }
            // It goes on elsewhere than we thought.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                http::discard(answer).await;
                self.stand_still().await?;
                self.ask(session, at, end).await
            }
            _ => {
                let again = self.tries.after_answer(&http::origin(&session.place), &answer).await;
                if !again.map_err(|source| self.transport(source))? {
                    return Ok(Chunk::End(Sent::Answered(answer)));
                }
                http::discard(answer).await;
                self.ask(session, at, end).await
            }
        }
    }

    /// Asks how much the registry has.
    async fn ask(&mut self, session: &mut Session, at: u64, end: u64) -> Result<Chunk, SourceError> {
        // The blob that is passed on holds a place while this is asked.
        let call = Call::write(Method::GET, session.place.clone(), self.thing.clone()).lane(Lane::Beside);
        let answer = self.remote.send(&call).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::ACCEPTED | StatusCode::OK => {
                let has = stated(&answer, at, end).unwrap_or(0);
                session.place = self.remote.place_after(&session.place, &answer, &self.thing)?;
                http::discard(answer).await;
                Ok(Chunk::Has(has))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                http::discard(answer).await;
                Ok(Chunk::End(Sent::Lost))
            }
            _ => Ok(Chunk::End(Sent::Answered(answer))),
        }
    }

    async fn stand_still(&mut self) -> Result<(), SourceError> {
        if self.tries.after_standstill().await {
            return Ok(());
        }
        Err(RegistryError::UploadStuck { thing: self.thing.clone() }.into())
    }
}

/// How many bytes the registry has: the end of `Range: 0-499`. Registries that have none say `0-0`, which is also what one byte would be.
fn stated(answer: &Response, at: u64, end: u64) -> Option<u64> {
    let text = answer.headers().get(RANGE)?.to_str().ok()?.trim();
    let text = text.strip_prefix("bytes=").unwrap_or(text);
    // Digits alone: a number may be written with a plus.
    let last = text.strip_prefix("0-").filter(|last| last.bytes().all(|byte| byte.is_ascii_digit()))?;
    let last: u64 = last.parse().ok()?;
    let is_nothing = last == 0 && at == 0 && end > 1;
    if is_nothing { Some(0) } else { last.checked_add(1) }
}

/// The bytes of the blob in their order.
enum Pieces<'a> {
    Held(&'a [u8]),
    Stream(Box<BlobStream>),
}

impl Pieces<'_> {
    /// Adds to `chunk` until it has `length` bytes, or a few more, or there are no more.
    async fn fill(&mut self, chunk: &mut Vec<u8>, length: u64) -> Result<(), SourceError> {
        while (chunk.len() as u64) < length {
            match self {
                Self::Held(rest) => {
                    let wanted = usize::try_from(length).unwrap_or(usize::MAX) - chunk.len();
                    let (piece, left) = rest.split_at(wanted.min(rest.len()));
                    if piece.is_empty() {
                        break;
                    }
                    chunk.extend_from_slice(piece);
                    *rest = left;
                }
                Self::Stream(stream) => match stream.next().await? {
                    Some(piece) => chunk.extend_from_slice(&piece),
                    None => break,
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::Digest;
    use crate::io::stub::{Asked, Reply, Stub, wait};

    /// A registry that takes no blob whole, and keeps what arrives. `answer` may answer a PATCH or GET otherwise; it is told how many there
    /// were, and how many bytes are there.
    fn registry(
        answer: impl Fn(usize, &Asked, &mut Vec<u8>) -> Option<Reply> + Send + Sync + 'static,
    ) -> (Stub, Arc<Mutex<Vec<u8>>>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let inside = kept.clone();
        let count = Mutex::new(0);
        let stub = Stub::new(move |asked| {
            let mut kept = inside.lock().unwrap();
            let at = |status: u16, has: usize| {
                let place = format!("/v2/a/blobs/uploads/{status}-{has}");
                Reply::new(status)
                    .with("location", place)
                    .with("range", format!("0-{}", has.saturating_sub(1)))
            };
            match asked.method.as_str() {
                "HEAD" => Reply::new(404),
                "POST" => {
                    kept.clear();
                    at(202, 0).with("oci-chunk-min-length", 6 << 20)
                }
                "PUT" if !asked.body.is_empty() => Reply::new(413),
                "PUT" if asked.target.contains(&Digest::of(&kept).hex().to_string()) => Reply::new(201),
                "PUT" => Reply::new(400),
                "PATCH" | "GET" => {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    if let Some(reply) = answer(*count - 1, asked, &mut kept) {
                        return reply;
                    }
                    if asked.method == "GET" {
                        return at(204, kept.len());
                    }
                    let want = format!("{}-{}", kept.len(), kept.len() + asked.body.len() - 1);
                    if asked.header("content-range") != Some(&want) {
                        return at(416, kept.len());
                    }
                    kept.extend_from_slice(&asked.body);
                    at(202, kept.len())
                }
                _ => Reply::new(204),
            }
        });
        (stub, kept)
    }

    fn content() -> Vec<u8> {
        (0..13_u32 << 20).map(|at| (at / 7) as u8).collect()
    }

    fn push(stub: &Stub, content: &[u8]) -> Result<Digest, SourceError> {
        wait(stub.remote("a").push_blob(content))
    }

    fn parts(stub: &Stub) -> Vec<String> {
        let asked = stub.asked();
        let patches = asked.iter().filter(|asked| asked.method == "PATCH");
        patches.map(|asked| asked.header("content-range").unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_too_large_at_once_is_sent_in_chunks_as_large_as_the_registry_wants() {
        let content = content();
        let (stub, kept) = registry(|_, _, _| None);
        push(&stub, &content).unwrap();
        assert!(*kept.lock().unwrap() == content);
        assert_eq!(parts(&stub), ["0-6291455", "6291456-12582911", "12582912-13631487"]);
        // Every answer says where it goes on.
        let patches: Vec<String> = stub.log().into_iter().filter(|line| line.starts_with("PATCH")).collect();
        assert!(patches[1].ends_with("/202-6291456"), "{patches:?}");
    }

    #[test]
    fn a_chunk_goes_on_after_what_arrived() {
        let content = content();
        // Half of the second chunk arrives, then the connection breaks.
        let (stub, kept) = registry(|turn, asked, kept| {
            if turn == 1 {
                kept.extend_from_slice(&asked.body[..1000]);
                return Some(Reply::hangup());
            }
            None
        });
        push(&stub, &content).unwrap();
        assert!(*kept.lock().unwrap() == content);
        assert!(parts(&stub).contains(&"6292456-12583911".to_owned()), "{:?}", parts(&stub));
        // A registry that takes less than was sent, or is somewhere else than we thought.
        for status in [202, 416] {
            let (stub, kept) = registry(move |turn, asked, kept| {
                let taken = (turn == 1).then(|| kept.extend_from_slice(&asked.body[..77]));
                taken.map(|()| {
                    let reply = Reply::new(status).with("location", "/v2/a/blobs/uploads/x");
                    reply.with("range", format!("0-{}", kept.len() - 1))
                })
            });
            push(&stub, &content).unwrap();
            assert!(*kept.lock().unwrap() == content);
        }
        // One that forgot the session, or part of what it had: another one begins.
        for reply in [Reply::new(404), Reply::new(204).with("range", "0-9").with("location", "/v2/a/x")] {
            let (stub, kept) = registry(move |turn, asked, _| match (turn, asked.method.as_str()) {
                (1, _) => Some(Reply::new(503)),
                (2, "GET") => Some(reply.clone()),
                _ => None,
            });
            push(&stub, &content).unwrap();
            assert!(*kept.lock().unwrap() == content);
            assert_eq!(stub.log().iter().filter(|line| line.starts_with("POST")).count(), 3);
        }
    }

    #[test]
    fn a_registry_that_does_not_take_it_is_left() {
        let content = content();
        let stuck = |has: &'static str| {
            let reply = Reply::new(202).with("location", "/v2/a/blobs/uploads/x").with("range", has);
            let (stub, _) = registry(move |_, _, _| Some(reply.clone()));
            let result = push(&stub, &content);
            (result, stub.log().iter().filter(|line| line.starts_with("PATCH")).count())
        };
        let (result, count) = stuck("0-0");
        assert!(
            matches!(result, Err(SourceError::Registry(RegistryError::UploadStuck { .. }))),
            "{result:?}"
        );
        assert_eq!(count, limits::TRIES as usize);
        let (result, count) = stuck("0-99999999");
        let is_more = matches!(result, Err(SourceError::Registry(RegistryError::UploadProgress { .. })));
        assert!(is_more && count == 1, "{result:?}");
        // One that takes the first chunk each time and then knows nothing of it.
        let (stub, _) = registry(|_, asked, kept| match asked.method.as_str() {
            "PATCH" if kept.is_empty() => None,
            "PATCH" => Some(Reply::new(503)),
            _ => Some(Reply::new(404)),
        });
        let result = push(&stub, &content);
        let is_stuck = matches!(result, Err(SourceError::Registry(RegistryError::UploadStuck { .. })));
        assert!(is_stuck, "{result:?}");
        let sessions = stub.log().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(sessions, limits::UPLOAD_SESSIONS);
        // What is given up is cancelled.
        let (stub, _) = registry(|_, _, _| Some(Reply::new(403)));
        assert!(push(&stub, &content).is_err());
        assert!(stub.log().last().unwrap().starts_with("DELETE"));
    }

    #[test]
    fn chunks_go_nowhere_else() {
        let content = content();
        let collector = Stub::new(|_| Reply::new(202));
        for method in ["PATCH", "GET"] {
            let elsewhere = format!("http://127.0.0.1:{}/x", collector.port);
            let (stub, _) = registry(move |_, asked, _| {
                let status = if asked.method == "GET" { 204 } else { 202 };
                let reply = Reply::new(status).with("location", &elsewhere).with("range", "0-6291455");
                Some(if asked.method == method { reply } else { Reply::new(503) })
            });
            let result = push(&stub, &content);
            let is_refused =
                matches!(result, Err(SourceError::Registry(RegistryError::UploadLocation { .. })));
            assert!(is_refused, "{result:?}");
        }
        assert!(collector.log().is_empty());
    }

    #[test]
    fn nobody_makes_us_hold_too_much() {
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => Reply::new(202).with("location", "/x").with("oci-chunk-min-length", 1_u64 << 40),
            "PUT" => Reply::new(413),
            _ => Reply::new(204),
        });
        let result = push(&stub, b"hello");
        assert!(
            matches!(result, Err(SourceError::Registry(RegistryError::ChunkLength { .. }))),
            "{result:?}"
        );
    }
}
