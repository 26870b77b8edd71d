//! What tags mean in one run. Two verdicts of a run are about the same image if they name the same tag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::base::{Repository, Tag, limits};
use crate::io::source::Fetched;

/// One tag. The lock of the cell is held while one task asks; the others take its answer, if it is none of error.
type Meaning = Arc<OnceCell<Fetched>>;

/// By repository and tag.
#[derive(Debug, Default)]
pub(super) struct Meanings(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: HashMap<(Repository, Tag), Meaning>,
    /// Bytes of those that are kept.
    sizes: HashMap<(Repository, Tag), u64>,
    total: u64,
}

impl Meanings {
    /// What a tag means, or will once it is asked for.
    pub(super) fn of(&self, repository: &Repository, tag: &Tag) -> Meaning {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.entry((repository.clone(), tag.clone())).or_default().clone()
    }

    /// Counts what was answered, and forgets it if there is too much.
    pub(super) fn keep(&self, repository: &Repository, tag: &Tag, found: &Fetched) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (repository.clone(), tag.clone());
        if state.sizes.contains_key(&key) {
            return;
        }
        let bytes = found.content.bytes().len() as u64;
        if state.total + bytes > limits::MEANINGS {
            state.known.remove(&key);
        } else {
            state.total += bytes;
            state.sizes.insert(key, bytes);
        }
    }

    /// It means something else now.
    pub(super) fn forget(&self, repository: &Repository, tag: &Tag) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (repository.clone(), tag.clone());
        state.known.remove(&key);
        let bytes = state.sizes.remove(&key).unwrap_or(0);
        state.total = state.total.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Checked;

    #[test]
    fn what_is_too_much_is_asked_for_again() {
        let meanings = Meanings::default();
        let repository: Repository = "r.example/a".parse().unwrap();
        let large = Checked::of(vec![0; limits::MEANINGS as usize / 3]);
        let large = Fetched { media_type: "m".to_owned(), content: large };
        let tags: Vec<Tag> = (0..5).map(|number| format!("v{number}").parse().unwrap()).collect();
        for tag in tags.iter().chain(&tags) {
            let known = meanings.of(&repository, tag);
            known.set(large.clone()).ok();
            meanings.keep(&repository, tag, &large);
        }
        let kept = |tag| meanings.of(&repository, tag).initialized();
        assert_eq!(tags.iter().filter(|tag| kept(tag)).count(), 3);
        meanings.forget(&repository, &tags[0]);
        assert!(!kept(&tags[0]) && meanings.0.lock().unwrap().total == 2 * (limits::MEANINGS / 3));
    }
}
