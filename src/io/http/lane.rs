//! How many requests one host gets at once, over everything in a run: more would not be faster, and looks like an attack.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where a request stands in the line of its host.
#[derive(Clone, Debug)]
pub(in crate::io) enum Lane {
    /// It is part of what holds a place already: waiting for another one could wait for itself.
    Beside,
    /// It goes on in the place of an answer that broke off.
    Kept(Place),
    /// At the end.
    Queue,
}

/// A place in the line. It is held until all of the answer was read, or thrown away.
#[derive(Clone, Debug)]
pub(in crate::io) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// The lines of all hosts, for one way.
#[derive(Debug)]
pub(super) struct Lanes {
    places: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Lanes {
    pub(super) fn new(places: usize) -> Self {
        Self { places, hosts: Mutex::default() }
    }

    /// Waits for a place, if one is needed.
    pub(super) async fn enter(&self, origin: &str, lane: Lane) -> Option<Place> {
        match lane {
            Lane::Beside => None,
            Lane::Kept(place) => Some(place),
            Lane::Queue => {
                let host = {
                    let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
                    let new = || Arc::new(Semaphore::new(self.places));
                    hosts.entry(origin.to_owned()).or_insert_with(new).clone()
                };
                // It is never closed.
                let permit = host.acquire_owned().await.ok()?;
                Some(Place { _permit: Arc::new(permit) })
            }
        }
    }
}

/// The answer holds the place from now on.
pub(super) fn hold(answer: &mut Response, place: Option<Place>) {
    if let Some(place) = place {
        answer.extensions_mut().insert(place);
    }
}

/// The place of an answer of which no more is read.
pub(in crate::io) fn leave(answer: &mut Response) -> Lane {
    answer.extensions_mut().remove::<Place>().map_or(Lane::Queue, Lane::Kept)
}
