//! Blobs that come from elsewhere: distribution-spec v1.1, "Pushing a Blob Monolithically" and "Mounting a blob from another repository".

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method, Response, StatusCode};
use url::Url;

use super::Remote;
use super::error::{RegistryError, Thing};
use super::push::{BINARY, check_digest};
use super::send::{Call, OCI_SUBJECT, expect, request};
use crate::base::{Algorithm, Digest, Repository, limits};
use crate::format::manifest::Descriptor;
use crate::io::auth::Actions;
use crate::io::http::{self, HttpError};
use crate::io::source::{Arrived, Fetched, Source, SourceError};
use crate::io::stream::BlobStream;

impl Remote {
    /// A blob, to be passed on.
    pub(in crate::io) async fn stream(&self, blob: &Descriptor) -> Result<BlobStream, RegistryError> {
        let download = self.download(blob.digest, Some(blob.size), limits::LAYER).await?;
        let thing = Thing::Blob(self.repository().clone(), blob.digest);
        Ok(BlobStream::remote(download, thing, blob))
    }

    /// Whether a manifest of this digest is there already.
    pub(in crate::io) async fn has_manifest(&self, digest: Digest) -> Result<bool, RegistryError> {
        let thing = Thing::Manifest(self.repository().clone(), digest);
        self.has(&format!("manifests/{digest}"), thing).await
    }

    /// Pushes a manifest by its digest only; says of which manifest the registry now lists it as referrer.
    pub(in crate::io) async fn store_manifest(
        &self,
        manifest: &Fetched,
    ) -> Result<Option<Digest>, RegistryError> {
        let pushed = self.put_manifest(&manifest.media_type, manifest.content.bytes(), None).await?;
        let answer = pushed.1;
        let listed = answer.headers().get(OCI_SUBJECT).and_then(|about| about.to_str().ok()?.parse().ok());
        http::discard(answer).await;
        Ok(listed)
    }

    /// Takes a blob over from `source` unless it is there, without a byte on the wire where both are in one registry.
    pub(in crate::io) async fn take_blob(
        &self,
        source: &Source,
        blob: &Descriptor,
        sent: &Arc<AtomicU64>,
    ) -> Result<Arrived, SourceError> {
        let thing = Thing::Upload(self.repository().clone(), blob.digest);
        if self.has(&format!("blobs/{}", blob.digest), thing.clone()).await? {
            return Ok(Arrived::Present);
        }
        let here = self.repository();
        let beside = source
            .repository()
            .filter(|other| other.registry() == here.registry() && other.path() != here.path());
        let mut mounted = match beside {
            // Whoever may not mount may still upload.
            Some(from) => self.begin(blob.digest, Some(from)).await.ok(),
            None => None,
        };
        let mut tries = self.shared.patience().tries();
        let mut asked = false;
        loop {
            let session = match mounted.take() {
                Some(session) => session,
                None => self.begin(blob.digest, None).await?,
            };
            let Some(location) = session else { return Ok(Arrived::Mounted) };
            let origin = http::origin(&location);
            let stream = source.stream(blob).await?;
            // A stream cannot be sent twice: what has to be repeated begins anew, with a new session.
            let answer = match self.put_stream(location, &thing, stream, blob.size, sent).await? {
                Ok(answer) => answer,
                Err(error) => {
                    let transport = |source| RegistryError::Transport { thing: thing.clone(), source };
                    tries.after_error(error).await.map_err(transport)?;
                    continue;
                }
            };
            if answer.status() == StatusCode::UNAUTHORIZED && !asked {
                // The grant ended on the way.
                asked = true;
                continue;
            }
            let again = tries.after_answer(&origin, &answer).await;
            if again.map_err(|source| RegistryError::Transport { thing: thing.clone(), source })? {
                http::discard(answer).await;
                continue;
            }
            let done = expect(answer, &[StatusCode::CREATED, StatusCode::NO_CONTENT], &thing).await?;
            check_digest(&done, blob.digest, thing)?;
            http::discard(done).await;
            return Ok(Arrived::Copied);
        }
    }

    async fn has(&self, rest: &str, thing: Thing) -> Result<bool, RegistryError> {
        let probe = Call::write(Method::HEAD, self.url(rest)?, thing);
        // Some registries refuse the question instead of saying no; then the writing tells.
        Ok(self.send(&probe).await?.status() == StatusCode::OK)
    }

    /// Opens an upload and says where it goes on; none if the registry has the blob now, from another repository of its own.
    async fn begin(&self, digest: Digest, from: Option<&Repository>) -> Result<Option<Url>, RegistryError> {
        let thing = Thing::Upload(self.repository().clone(), digest);
        let mut url = self.url("blobs/uploads/")?;
        if digest.algorithm() != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", digest.algorithm().name());
        }
        if let Some(from) = from {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from.path());
        }
        let start = Call::write(Method::POST, url, thing.clone()).body(BINARY, b"");
        let mut good = vec![StatusCode::ACCEPTED];
        if from.is_some() {
            good.push(StatusCode::CREATED);
        }
        let session = expect(self.send(&start).await?, &good, &thing).await?;
        if session.status() == StatusCode::CREATED {
            check_digest(&session, digest, thing)?;
            http::discard(session).await;
            return Ok(None);
        }
        let location = self
            .upload_location(&start.url, &session, digest)
            .map_err(|reason| RegistryError::UploadLocation { thing, reason })?;
        http::discard(session).await;
        Ok(Some(location))
    }

    /// Sends the whole blob in one request, piece by piece. What is wrong with the source is an error of its own.
    async fn put_stream(
        &self,
        location: Url,
        thing: &Thing,
        stream: BlobStream,
        size: u64,
        sent: &Arc<AtomicU64>,
    ) -> Result<Result<Response, HttpError>, SourceError> {
        let call = Call::write(Method::PUT, location, thing.clone());
        let used = self.shared.authorizer.granted(self.repository(), Actions::Push).await;
        let mut request = request(&call, &call.url, used.as_ref());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(BINARY));
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
        let fault = Arc::new(Mutex::new(None));
        *request.body_mut() = Some(body(stream, sent.clone(), fault.clone()));
        let answer = unless_stalled(self.shared.http.upload(request), sent).await;
        // What broke the stream says more than that the request broke.
        if let Some(error) = fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        if let Ok(answer) = &answer
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            self.authenticate(&call, answer, used.as_ref()).await?;
        }
        Ok(answer)
    }
}

/// The pieces as the body of a request. An error ends it before its stated length, so that nothing can be committed.
fn body(stream: BlobStream, sent: Arc<AtomicU64>, fault: Arc<Mutex<Option<SourceError>>>) -> Body {
    let pieces = futures_util::stream::unfold(Some(stream), move |state| {
        let (sent, fault) = (sent.clone(), fault.clone());
        async move {
            let mut stream = state?;
            match stream.next().await {
                Ok(None) => None,
                Ok(Some(piece)) => {
                    sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Some((Ok(piece), Some(stream)))
                }
                Err(error) => {
                    *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Some((Err(std::io::Error::other("the blob broke off")), None))
                }
            }
        }
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
