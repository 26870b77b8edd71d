//! How many of the named signers have signed, when one name may mean several identities and one identity may have several names.

/// Pairs signers with identities: each signer at most once and each identity at most once, and as many pairs as can be.
///
/// `named[identity]` are the signers whose name the identity bears. Says for each identity the signer that it stands for.
///
/// Taking the first name that fits would not do: if `a` may be x or y and `b` only x, then x and y are two signers.
pub(super) fn pair(named: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut holder = Vec::<(usize, usize)>::new();
    for identity in 0..named.len() {
        let mut tried = Vec::new();
        place(identity, named, &mut holder, &mut tried);
    }
    (0..named.len())
        .map(|identity| holder.iter().find(|(_, by)| *by == identity).map(|(signer, _)| *signer))
        .collect()
}

/// Finds a signer for `identity`, moving others to another of their names if that makes room (Kuhn's augmenting path).
fn place(
    identity: usize,
    named: &[Vec<usize>],
    holder: &mut Vec<(usize, usize)>,
    tried: &mut Vec<usize>,
) -> bool {
    for signer in named.get(identity).into_iter().flatten() {
        if tried.contains(signer) {
            continue;
        }
        tried.push(*signer);
        let held = holder.iter().position(|(other, _)| other == signer);
        let Some(held) = held else {
            holder.push((*signer, identity));
            return true;
        };
        let Some((_, other)) = holder.get(held).copied() else { continue };
        if place(other, named, holder, tried) {
            if let Some(slot) = holder.iter_mut().find(|(held, by)| held == signer && *by == other) {
                slot.1 = identity;
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(named: &[&[usize]]) -> usize {
        let named: Vec<Vec<usize>> = named.iter().map(|names| names.to_vec()).collect();
        let paired = pair(&named);
        let mut used: Vec<usize> = paired.iter().flatten().copied().collect();
        for (names, signer) in named.iter().zip(&paired) {
            assert!(signer.is_none_or(|signer| names.contains(&signer)), "{named:?} {paired:?}");
        }
        let all = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), all, "{named:?} {paired:?}");
        all
    }

    #[test]
    fn each_counts_once() {
        for (named, want) in [
            (&[][..], 0),
            (&[&[][..]], 0),
            (&[&[0]], 1),
            // One person under two names.
            (&[&[0, 1]], 1),
            // Two people under one name.
            (&[&[0], &[0]], 1),
            // Whoever comes first.
            (&[&[0, 1], &[0]], 2),
            (&[&[0], &[0, 1]], 2),
            (&[&[0, 1], &[0, 1], &[0, 1]], 2),
            (&[&[0, 1], &[0, 2], &[0]], 3),
            (&[&[0, 1], &[1, 2], &[2, 3], &[0]], 4),
        ] {
            assert_eq!(pairs(named), want, "{named:?}");
        }
    }

    proptest::proptest! {
        /// Against trying every way.
        #[test]
        fn as_many_as_can_be(masks in proptest::collection::vec(0u8..16, 0..6)) {
            fn best(masks: &[u8], free: u8) -> usize {
                let Some((mask, rest)) = masks.split_first() else { return 0 };
                let with = (0..4).map(|bit| 1 << bit).filter(|bit| mask & free & bit != 0);
                with.map(|bit| 1 + best(rest, free & !bit)).chain([best(rest, free)]).max().unwrap()
            }
            let named: Vec<Vec<usize>> =
                masks.iter().map(|mask| (0..4).filter(|bit| mask & (1 << bit) != 0).collect()).collect();
            let named: Vec<&[usize]> = named.iter().map(Vec::as_slice).collect();
            proptest::prop_assert_eq!(pairs(&named), best(&masks, 15));
        }
    }
}
