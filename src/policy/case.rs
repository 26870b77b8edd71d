//! Evidence as it is gathered, and what was found out about it already.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::count::Refusal;
use super::decide::decide_with;
use super::{Decision, Evidence, Policy, Request};
use crate::base::Timestamp;
use crate::verify::{Attested, Signed};

/// A question that is asked again whenever there is more evidence. Each candidate is checked once for each signer, however often it is asked:
/// whoever attaches a thousand signatures must not have them checked a thousand times.
#[derive(Debug)]
pub struct Case<'a> {
    policy: &'a Policy,
    now: Timestamp,
    evidence: Evidence,
    proofs: Proofs,
}

impl<'a> Case<'a> {
    /// Without evidence.
    pub fn new(policy: &'a Policy, now: Timestamp) -> Self {
        Self { policy, now, evidence: Evidence::default(), proofs: Proofs::default() }
    }

    /// More evidence. Nothing is ever taken away, for what was found out is remembered by place.
    pub fn add(&mut self, more: Evidence) {
        self.evidence.found.extend(more.found);
        self.evidence.gaps.extend(more.gaps);
    }

    /// Decides on all of it: the same as [`super::decide`].
    pub fn decide(&self, request: &Request) -> Decision {
        decide_with(&self.proofs, self.policy, request, &self.evidence, self.now)
    }
}

/// What came of checking the candidates of one list of evidence for the signers of one policy.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    pub(super) attested: Memory<Attested>,
    pub(super) signed: Memory<Signed>,
}

/// What came of each check, by the places of candidate and signer.
#[derive(Debug)]
pub(super) struct Memory<P>(RefCell<BTreeMap<(usize, usize), Outcome<P>>>);

/// A proof, or why there is none and how much that tells.
pub(super) type Outcome<P> = Result<Arc<P>, (u8, Refusal)>;

impl<P> Default for Memory<P> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<P> Memory<P> {
    /// What came of the check, which is made only if it was not made before.
    pub(super) fn recall(
        &self,
        candidate: usize,
        signer: usize,
        check: impl FnOnce() -> Outcome<P>,
    ) -> Outcome<P> {
        if let Some(known) = self.0.borrow().get(&(candidate, signer)) {
            return known.clone();
        }
        let outcome = check();
        self.0.borrow_mut().insert((candidate, signer), outcome.clone());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_checked_twice() {
        let memory = Memory::<u8>::default();
        let made = RefCell::new(Vec::new());
        let ask = |candidate, signer| {
            memory.recall(candidate, signer, || {
                made.borrow_mut().push((candidate, signer));
                if candidate == 0 {
                    Ok(Arc::new(7))
                } else {
                    Err((3, Refusal { code: "x", detail: String::new() }))
                }
            })
        };
        for _ in 0..3 {
            assert_eq!(ask(0, 0).ok().as_deref(), Some(&7));
            assert_eq!(ask(0, 1).ok().as_deref(), Some(&7));
            assert_eq!(ask(1, 0).err().map(|(told, refusal)| (told, refusal.code)), Some((3, "x")));
        }
        assert_eq!(*made.borrow(), [(0, 0), (0, 1), (1, 0)]);
    }
}
