//! Work on the pieces of a blob that another core does while the next ones come.

use std::io;

use bytes::Bytes;
use tokio::task::JoinHandle;

/// Hashes, or writes. One piece is under way at a time, so that all stay in their order and nobody holds many.
pub(super) struct Behind<S> {
    state: State<S>,
    work: fn(&mut S, &[u8]) -> io::Result<()>,
}

enum State<S> {
    Away(JoinHandle<io::Result<S>>),
    Here(S),
    /// Given up in the middle of a piece.
    Lost,
}

impl<S: Send + 'static> Behind<S> {
    /// `work` is done for each piece.
    pub(super) fn new(state: S, work: fn(&mut S, &[u8]) -> io::Result<()>) -> Self {
        Self { state: State::Here(state), work }
    }

    /// Adds a piece. What went wrong with one is said with a later one, or at the end.
    pub(super) async fn add(&mut self, piece: Bytes) -> io::Result<()> {
        let (mut state, work) = (self.settle().await?, self.work);
        self.state = if piece.len() < WORTH_WAKING {
            work(&mut state, &piece)?;
            State::Here(state)
        } else {
            State::Away(tokio::task::spawn_blocking(move || {
                work(&mut state, &piece)?;
                Ok(state)
            }))
        };
        Ok(())
    }

    /// What became of all pieces.
    pub(super) async fn finish(mut self) -> io::Result<S> {
        self.settle().await
    }

    async fn settle(&mut self) -> io::Result<S> {
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Away(work) => work.await.map_err(io::Error::other)?,
            State::Here(state) => Ok(state),
            State::Lost => Err(io::Error::other("the work on this blob broke off")),
        }
    }
}

/// Bytes of a piece that are worth another core; it takes about ten microseconds to wake it.
const WORTH_WAKING: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;
    use crate::io::stub::wait;

    #[test]
    fn bytes_stay_in_order() {
        let bytes: Vec<u8> = (0..3 << 20).map(|at: u32| (at / 7) as u8).collect();
        let got = wait(async {
            let mut behind = Behind::new(Vec::new(), |all: &mut Vec<u8>, piece| {
                all.extend_from_slice(piece);
                Ok(())
            });
            let mut rest = bytes.as_slice();
            for length in [1, WORTH_WAKING, 7, WORTH_WAKING - 1, 3 * WORTH_WAKING].into_iter().cycle() {
                let (piece, others) = rest.split_at(length.min(rest.len()));
                behind.add(Bytes::copy_from_slice(piece)).await?;
                rest = others;
                if rest.is_empty() {
                    return behind.finish().await;
                }
            }
            unreachable!()
        });
        assert!(got.unwrap() == bytes);
    }

    /// Attack on ourselves: a blob that is not whole must not get its name.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_noticed_before_the_end() {
        for lengths in [&[1][..], &[WORTH_WAKING], &[WORTH_WAKING, 1], &[WORTH_WAKING, 2 * WORTH_WAKING]] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let written = wait(async {
                let mut behind = Behind::new(full, |file, piece| file.write_all(piece));
                for length in lengths {
                    behind.add(vec![7; *length].into()).await?;
                }
                behind.finish().await
            });
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull, "{lengths:?}");
        }
    }

    #[test]
    fn nothing_follows_an_error() {
        let result = wait(async {
            let mut behind = Behind::new((), |(), _| Err(io::ErrorKind::StorageFull.into()));
            assert!(behind.add(Bytes::from_static(b"a")).await.is_err());
            assert!(behind.add(Bytes::from_static(b"a")).await.is_err());
            behind.finish().await
        });
        assert!(result.is_err());
    }
}
