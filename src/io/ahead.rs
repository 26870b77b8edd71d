//! Pieces of a blob that another core makes before they are asked for.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

/// Makes one piece while the one before is used. The last one is empty.
pub(super) struct Ahead<S> {
    state: State<S>,
    work: fn(&mut S, &mut BytesMut) -> io::Result<()>,
}

enum State<S> {
    Away(JoinHandle<io::Result<(S, BytesMut)>>),
    Here(S),
    /// Given up in the middle of a piece.
    Lost,
}

impl<S: Send + 'static> Ahead<S> {
    /// `work` puts the next piece in the place of what there is.
    pub(super) fn new(state: S, work: fn(&mut S, &mut BytesMut) -> io::Result<()>) -> Self {
        Self { state: State::Here(state), work }
    }

    /// The next piece. `memory` is asked for what the one after it is put into.
    pub(super) async fn next(&mut self, mut memory: impl FnMut() -> BytesMut) -> io::Result<Bytes> {
        let under_way = match std::mem::replace(&mut self.state, State::Lost) {
            State::Away(under_way) => under_way,
            State::Here(state) => self.begin(state, memory()),
            State::Lost => return Err(io::Error::other("the work on this blob broke off")),
        };
        let (state, piece) = under_way.await.map_err(io::Error::other)??;
        self.state =
            if piece.is_empty() { State::Here(state) } else { State::Away(self.begin(state, memory())) };
        Ok(piece.freeze())
    }

    /// What became of all pieces, once the empty one was there.
    pub(super) fn finish(self) -> io::Result<S> {
        match self.state {
            State::Here(state) => Ok(state),
            State::Away(_) | State::Lost => Err(io::Error::other("the work on this blob broke off")),
        }
    }

    fn begin(&self, mut state: S, mut piece: BytesMut) -> JoinHandle<io::Result<(S, BytesMut)>> {
        let work = self.work;
        tokio::task::spawn_blocking(move || {
            work(&mut state, &mut piece)?;
            Ok((state, piece))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stub::wait;

    #[test]
    fn pieces_come_in_order_and_nothing_follows_an_error() {
        let (pieces, ends) = wait(async {
            let mut ahead = Ahead::new(0_u8, |count, piece| {
                *count += 1;
                piece.clear();
                piece.extend_from_slice(&[*count][..usize::from(*count < 4)]);
                if *count == 5 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
            });
            let mut pieces = Vec::new();
            loop {
                let piece = ahead.next(BytesMut::new).await.unwrap();
                if piece.is_empty() {
                    break;
                }
                pieces.push(piece[0]);
            }
            let ends = [ahead.next(BytesMut::new).await.is_err(), ahead.next(BytesMut::new).await.is_err()];
            assert!(ahead.finish().is_err());
            (pieces, ends)
        });
        assert_eq!((pieces, ends), (vec![1, 2, 3], [true, true]));
    }
}
