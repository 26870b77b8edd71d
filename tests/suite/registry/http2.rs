//! HTTP/2 on one connection: every stream is answered as over HTTP/1.1, or broken as faults say.

use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::Shared;
use super::http::{Framing, Request, Response};

/// A body as it is sent.
type Piece = Cursor<Vec<u8>>;

/// Answers on one connection until it ends.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: Arc<Shared>,
    address: SocketAddr,
) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new().handshake::<_, Piece>(stream).await?;
    let (leave, mut leaving) = unbounded_channel();
    loop {
        let next = match select(pin!(connection.accept()), pin!(leaving.recv())).await {
            Either::Left((next, _)) => Either::Left(next),
            Either::Right((reason, _)) => Either::Right(reason),
        };
        match next {
            Either::Left(None) => return Ok(()),
            Either::Left(Some(stream)) => {
                let (request, respond) = stream?;
                let (shared, leave) = (shared.clone(), leave.clone());
                tokio::spawn(async move { answer(request, respond, shared, address, leave).await.ok() });
            }
            Either::Right(Some(Reason::NO_ERROR)) => connection.graceful_shutdown(),
            Either::Right(reason) => connection.abrupt_shutdown(reason.unwrap_or(Reason::INTERNAL_ERROR)),
        }
    }
}

async fn answer(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Piece>,
    shared: Arc<Shared>,
    address: SocketAddr,
    leave: UnboundedSender<Reason>,
) -> Result<(), h2::Error> {
    let request = read(request).await?;
    let is_head = request.method == "HEAD";
    let answering = tokio::task::spawn_blocking(move || shared.answer(&request, address));
    let Response { status, headers, body, framing } = answering.await.expect("no panic");
    match framing {
        Framing::Hangup => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        }
        Framing::Refused => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        Framing::Gone => {
            leave.send(Reason::INTERNAL_ERROR).ok();
            return Ok(());
        }
        Framing::LastOnes => {
            leave.send(Reason::NO_ERROR).ok();
        }
        Framing::Endless | Framing::Honest | Framing::Lie(_) | Framing::Stall(_) => {}
    }
    let mut head = http::Response::builder().status(status).header("content-length", body.len());
    for (name, value) in &headers {
        head = head.header(name, value);
    }
    let head = head.body(()).expect("a head");
    let is_bare = is_head || body.is_empty();
    let mut stream = respond.send_response(head, is_bare)?;
    if !is_bare {
        stream.send_data(Cursor::new(body), true)?;
    }
    Ok(())
}

async fn read(request: http::Request<RecvStream>) -> Result<Request, h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().expect("text").to_owned())
    };
    Ok(Request {
        method: head.method.to_string(),
        target: head.uri.path_and_query().expect("a path").to_string(),
        headers: head.headers.iter().map(header).collect(),
        body,
    })
}
