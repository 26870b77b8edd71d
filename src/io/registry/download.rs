//! Content as it arrives: asked for again if it breaks off.

use bytes::{Buf as _, Bytes};
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use reqwest::{Response, StatusCode};

use super::Remote;
use super::error::{RegistryError, Thing};
use super::send::{Call, expect};
use crate::base::{Digest, limits};
use crate::io::http::{self, Pace};
use crate::io::patience::Tries;
use crate::io::traffic::Expected;

/// An answer that is whole.
pub(super) struct Whole {
    pub(super) head: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

/// A blob that goes on where it broke off. Its bytes are not checked yet.
pub(in crate::io) struct Download {
    remote: Remote,
    digest: Digest,
    /// As its descriptor says, or else the first answer.
    size: Option<u64>,
    expected: Expected,
    tries: Tries,
    pace: Pace,
    response: Response,
    /// Bytes handed out.
    at: u64,
    /// Bytes handed out when the answer began.
    since: u64,
    /// Bytes of the answer that were handed out before.
    skip: u64,
    /// Whether all of it was sent again: then progress earns no more tries.
    is_again: bool,
}

impl Remote {
    /// The body of a 200, of at most `limit` bytes; none if the answer is 404. All others are errors.
    pub(super) async fn read_whole(
        &self,
        call: &Call<'_>,
        limit: u64,
    ) -> Result<Option<Whole>, RegistryError> {
        let mut tries = self.shared.patience().tries();
        loop {
            let response = self.send_within(call, &mut tries).await?;
            if response.status() == StatusCode::NOT_FOUND {
                http::discard(response).await;
                return Ok(None);
            }
            let response = expect(response, &[StatusCode::OK], &call.thing).await?;
            let head = response.headers().clone();
            match http::read(response, limit).await {
                Ok(bytes) => return Ok(Some(Whole { head, bytes })),
                Err(error) => {
                    tries.after_error(error).await.map_err(|source| transport(&call.thing, source))?
                }
            }
        }
    }

    /// Begins to read a blob, whose size may not be known.
    pub(in crate::io) async fn download(
        &self,
        digest: Digest,
        size: Option<u64>,
        limit: u64,
    ) -> Result<Download, RegistryError> {
        let mut tries = self.shared.patience().tries();
        let response = self.open_blob_within(digest, size, limit, &mut tries).await?;
        let thing = Thing::Blob(self.repository().clone(), digest);
        http::check_encoding(&response).map_err(|source| transport(&thing, source))?;
        let size = size.or_else(|| response.content_length());
        Ok(Download {
            remote: self.clone(),
            digest,
            size,
            expected: self.shared.traffic.expect(size.unwrap_or_default()),
            tries,
            pace: Pace::new(),
            response,
            at: 0,
            since: 0,
            skip: 0,
            is_again: false,
        })
    }

    /// The answer to a question for a blob, of this size if one is known.
    pub(super) async fn open_blob_within(
        &self,
        digest: Digest,
        size: Option<u64>,
        limit: u64,
        tries: &mut Tries,
    ) -> Result<Response, RegistryError> {
        let thing = Thing::Blob(self.repository().clone(), digest);
        if let Some(size) = size.filter(|size| *size > limit) {
            return Err(RegistryError::TooLarge { thing, size, limit });
        }
        let call = Call::get(self.url(&format!("blobs/{digest}"))?, thing);
        let response = expect(self.send_within(&call, tries).await?, &[StatusCode::OK], &call.thing).await?;
        match (response.content_length(), size) {
            (Some(found), Some(want)) if found != want => {
                Err(RegistryError::Size { thing: call.thing, want, found })
            }
            (Some(size), None) if size > limit => {
                Err(RegistryError::TooLarge { thing: call.thing, size, limit })
            }
            _ => Ok(response),
        }
    }
}

impl Download {
    /// How many bytes there are to be, if anybody says.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes; none at the end.
    pub(in crate::io) async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            match self.pace.next(&mut self.response).await {
                Ok(None) => return Ok(None),
                Ok(Some(mut piece)) => {
                    let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
                    self.skip -= known as u64;
                    piece.advance(known);
                    if !piece.is_empty() {
                        self.at += piece.len() as u64;
                        self.expected.came(piece.len() as u64);
                        return Ok(Some(piece));
                    }
                }
                // All of it is here; what did not arrive is the mark of its end.
                Err(_) if self.size.is_some_and(|size| self.at >= size) => return Ok(None),
                Err(error) => {
                    if !self.is_again && self.at - self.since >= limits::PROGRESS {
                        self.tries.moved_on();
                    }
                    let failed = self.tries.after_error(error).await;
                    failed.map_err(|source| transport(&self.thing(), source))?;
                    self.resume().await?;
                }
            }
        }
    }

    /// Asks for the rest. A registry that sends everything again is listened to, but not twice: what differs shows in the digest.
    async fn resume(&mut self) -> Result<(), RegistryError> {
        let thing = self.thing();
        let call = Call::get(self.remote.url(&format!("blobs/{}", self.digest))?, thing.clone());
        let mut call = call.lane(http::leave(&mut self.response));
        call.range = self.size.filter(|_| self.at > 0).map(|size| (self.at, size - 1));
        let response = self.remote.send_within(&call, &mut self.tries).await?;
        let response = expect(response, &[StatusCode::OK, StatusCode::PARTIAL_CONTENT], &thing).await?;
        http::check_encoding(&response).map_err(|source| transport(&thing, source))?;
        self.skip = self.at;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let (first, last) = call.range.unwrap_or_default();
            let want = format!("{first}-{last}/{}", last + 1);
            let found = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
            let found = found.unwrap_or_default();
            if found.strip_prefix("bytes ").map(str::trim) != Some(&want) {
                let found = found.chars().take(128).collect();
                return Err(RegistryError::Range { thing, want, found });
            }
            self.skip = 0;
        } else if self.at > 0 {
            self.is_again = true;
        }
        self.since = self.at;
        self.response = response;
        Ok(())
    }

    fn thing(&self) -> Thing {
        Thing::Blob(self.remote.repository().clone(), self.digest)
    }
}

fn transport(thing: &Thing, source: http::HttpError) -> RegistryError {
    RegistryError::Transport { thing: thing.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use super::*;
    use crate::format::manifest::{Descriptor, OCI_MANIFEST};
    use crate::io::http::HttpError;
    use crate::io::stub::{Reply, Stub, manifest, turns, wait};

    fn good() -> Reply {
        Reply::ok(OCI_MANIFEST, manifest("a"))
    }

    fn root(stub: &Stub) -> Result<(), RegistryError> {
        wait(stub.remote("a:v1").root()).map(|_| ())
    }

    #[test]
    fn what_may_pass_is_asked_for_again_and_nothing_else() {
        for status in [408, 425, 429, 500, 502, 503, 504, 522] {
            let stub = turns(move |turn, _| if turn < 2 { Reply::new(status) } else { good() });
            assert!(root(&stub).is_ok(), "{status}");
            assert_eq!(stub.log().len(), 3);
        }
        for status in [400, 403, 404, 405, 410, 412, 501, 505] {
            let stub = turns(move |turn, _| if turn < 1 { Reply::new(status) } else { good() });
            assert!(root(&stub).is_err(), "{status}");
            assert_eq!(stub.log().len(), 1, "{status}");
        }
        let cut = turns(|turn, _| if turn < 2 { good().length(10_000) } else { good() });
        assert!(root(&cut).is_ok());
        assert_eq!(cut.log().len(), 3);
    }

    #[test]
    fn busy_for_ever_ends() {
        let stub = Stub::new(|_| Reply::new(429).with("retry-after", "0"));
        assert!(matches!(root(&stub), Err(RegistryError::Status { status: 429, .. })));
        assert_eq!(stub.log().len(), limits::TRIES as usize);
        let cut = Stub::new(|_| good().length(10_000));
        let result = root(&cut);
        assert!(matches!(
            result,
            Err(RegistryError::Transport { source: HttpError::Interrupted { .. }, .. })
        ));
        assert_eq!(cut.log().len(), limits::TRIES as usize);
    }

    #[test]
    fn a_long_wait_is_said_and_holds_the_whole_host() {
        let stub = Stub::new(|_| Reply::new(429).with("retry-after", "1000000000"));
        let remote = stub.remote("a:v1");
        for _ in 0..2 {
            let result = wait(remote.root());
            assert!(
                matches!(result, Err(RegistryError::Transport { source: HttpError::Busy { .. }, .. })),
                "{result:?}"
            );
        }
        // The second was not even asked.
        assert_eq!(stub.log().len(), 1);
        // A server that is only broken is no reason to leave the others of its host alone.
        let stub = Stub::new(|_| Reply::new(503).with("retry-after", "3"));
        let remote = stub.remote("a:v1");
        assert!(wait(remote.root()).is_err() && wait(remote.root()).is_err());
        assert_eq!(stub.log().len(), 2);
    }

    const BODY: &[u8] = b"0123456789";

    fn layer(stub: &Stub) -> Result<Vec<u8>, RegistryError> {
        let layer = Descriptor {
            media_type: "l".to_owned(),
            digest: Digest::of(BODY),
            size: BODY.len() as u64,
            platform: None,
            artifact_type: None,
            annotations: Default::default(),
        };
        let mut bytes = Vec::new();
        wait(stub.remote("a").layer(&layer))?.open().unwrap().read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }

    fn part(range: &str, body: &[u8]) -> Reply {
        Reply::new(206).with("content-range", range).body(body)
    }

    #[test]
    fn a_cut_blob_goes_on_where_it_ended() {
        let cut = || Reply::new(200).body(&BODY[..4]).length(BODY.len());
        let stub = turns(move |turn, asked| match turn {
            0 => cut(),
            1 => part("bytes 4-9/10", &BODY[4..6]).length(6),
            _ => {
                assert_eq!(asked.header("range"), Some("bytes=6-9"));
                part("bytes 6-9/10", &BODY[6..])
            }
        });
        assert_eq!(layer(&stub).unwrap(), BODY);
        assert_eq!(stub.log().len(), 3);
        // The whole again is fine, if it is the same.
        let stub = turns(move |turn, _| if turn == 0 { cut() } else { Reply::new(200).body(BODY) });
        assert_eq!(layer(&stub).unwrap(), BODY);
        let other = Reply::new(200).body("0123xxxxxx");
        let stub = turns(move |turn, _| if turn == 0 { cut() } else { other.clone() });
        assert!(matches!(layer(&stub), Err(RegistryError::Digest { .. })));
        for range in [
            "bytes 0-9/10",
            "bytes 5-9/10",
            "bytes 3-9/10",
            "bytes 4-9/11",
            "bytes 4-9/*",
            "bytes 4-8/10",
            "",
            "x",
        ] {
            let range = range.to_owned();
            let stub = turns(move |turn, _| if turn == 0 { cut() } else { part(&range, &BODY[4..]) });
            let result = layer(&stub);
            assert!(matches!(result, Err(RegistryError::Range { .. })), "{result:?}");
            assert_eq!(stub.log().len(), 2);
        }
        for status in [400, 404, 416] {
            let stub = turns(move |turn, _| if turn == 0 { cut() } else { Reply::new(status) });
            assert!(layer(&stub).is_err(), "{status}");
        }
    }

    /// A blob whose size no descriptor says.
    fn blob(stub: &Stub) -> Result<Vec<u8>, RegistryError> {
        let blob = wait(stub.remote("a").large_blob(Digest::of(BODY), None))?;
        let mut bytes = Vec::new();
        blob.open().unwrap().read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }

    #[test]
    fn a_digest_alone_is_enough() {
        for reply in [Reply::new(200).body(BODY), Reply::new(200).body(BODY).unmeasured()] {
            assert_eq!(blob(&Stub::new(move |_| reply.clone())).unwrap(), BODY);
        }
        let cut = turns(|turn, asked| match turn {
            0 => Reply::new(200).body(&BODY[..4]).length(BODY.len()),
            _ => {
                assert_eq!(asked.header("range"), Some("bytes=4-9"));
                part("bytes 4-9/10", &BODY[4..])
            }
        });
        assert_eq!(blob(&cut).unwrap(), BODY);
        for body in [&BODY[..9], b"0123456789a", b"xxxxxxxxxx", b""] {
            for reply in [Reply::new(200).body(body), Reply::new(200).body(body).unmeasured()] {
                let stub = Stub::new(move |_| reply.clone());
                assert!(matches!(blob(&stub), Err(RegistryError::Digest { .. })), "{body:?}");
            }
        }
        let huge = usize::try_from(limits::LAYER + 1).unwrap();
        let stub = Stub::new(move |_| Reply::new(200).body(BODY).length(huge));
        assert!(matches!(blob(&stub), Err(RegistryError::TooLarge { .. })));
        assert_eq!(stub.log().len(), 1);
    }

    #[test]
    fn what_comes_is_counted_and_what_does_not_is_not_waited_for() {
        let stub = Stub::new(|_| Reply::new(200).body(BODY).unmeasured());
        let remote = stub.remote("a");
        wait(remote.large_blob(Digest::of(BODY), None)).unwrap();
        let traffic = remote.shared.traffic().clone();
        assert_eq!((traffic.done(), traffic.total()), (10, 10));
        let size = Some(BODY.len() as u64 + 1);
        assert!(wait(remote.large_blob(Digest::of(BODY), size)).is_err());
        assert_eq!((traffic.done(), traffic.total()), (20, 20));
    }

    /// Each byte comes in time, and all of them never.
    #[test]
    fn a_blob_that_trickles_is_given_up() {
        let stub = Stub::new(|_| Reply::new(200).body(vec![7; 10_000]).trickling(Duration::from_millis(2)));
        let result = wait(async {
            let mut download = stub.remote("a").download(Digest::of(b""), None, 10_000).await?;
            download.pace = Pace::of(1000, Duration::from_millis(200));
            while download.next().await?.is_some() {}
            Ok::<_, RegistryError>(())
        });
        assert!(
            matches!(result, Err(RegistryError::Transport { source: HttpError::Trickle { .. }, .. })),
            "{result:?}"
        );
        assert_eq!(stub.log().len(), 1);
    }

    #[test]
    fn a_blob_whose_end_alone_is_missing_is_whole() {
        let chunked = |body: &str| {
            let reply = Reply::new(200).with("transfer-encoding", "chunked").body(body).unmeasured();
            let stub = Stub::new(move |_| reply.clone());
            (layer(&stub), stub.log().len())
        };
        let (whole, asked) = chunked("a\r\n0123456789\r\n");
        assert_eq!((whole.unwrap().as_slice(), asked), (BODY, 1));
        let (other, _) = chunked("a\r\n012345678x\r\n");
        assert!(matches!(other, Err(RegistryError::Digest { .. })), "{other:?}");
    }

    // Each time a little more arrives, and each time all of it is sent again: the bytes that are sent grow with the square.
    #[test]
    fn a_blob_that_starts_again_and_again_is_given_up() {
        let step = usize::try_from(limits::PROGRESS).unwrap() + 1;
        let size = step * 9;
        let stub = turns(move |turn, _| Reply::new(200).body(vec![0; step * (turn + 1)]).length(size));
        let blob = Descriptor {
            media_type: "l".to_owned(),
            digest: Digest::of(&vec![0; size]),
            size: size as u64,
            platform: None,
            artifact_type: None,
            annotations: Default::default(),
        };
        assert!(matches!(wait(stub.remote("a").layer(&blob)), Err(RegistryError::Transport { .. })));
        assert!(stub.log().len() <= limits::TRIES as usize + 1, "{:?}", stub.log());
    }

    #[test]
    fn no_progress_ends() {
        let stub = turns(|turn, _| match turn {
            0 => Reply::new(200).body(&BODY[..4]).length(BODY.len()),
            _ => part("bytes 4-9/10", b"").length(6),
        });
        assert!(matches!(layer(&stub), Err(RegistryError::Transport { .. })));
        assert_eq!(stub.log().len(), limits::TRIES as usize);
        let stub = Stub::new(|_| Reply::new(200).length(BODY.len()));
        assert!(layer(&stub).is_err());
        assert_eq!(stub.log().len(), limits::TRIES as usize);
    }
}
