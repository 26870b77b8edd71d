//! `PLM-K…`: when a key counts, and what is revoked.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-K01",
        title: "the key is not good yet",
        meaning: "The signature was made with a key of the policy whose `not_before` has not come.",
        cause: "A key that was prepared for a change of keys is used too early, or this machine's clock is behind.",
        next: &[
            "Sign with the key that is good now: `plimsoll sign --key FILE IMAGE`.",
            "Check the clock of this machine.",
        ],
    },
    Entry {
        code: "PLM-K02",
        title: "the key is no longer good",
        meaning: "The signature was made with a key of the policy whose `expires` is over. A signature with a key alone does not say when \
                  it was made, so an old one cannot be told from one made today with a key that leaked.",
        cause: "The key was replaced and this image was not signed again.",
        next: &["Sign again with the current key: `plimsoll sign --key FILE IMAGE`."],
    },
    Entry {
        code: "PLM-K03",
        title: "the key or its holder is revoked",
        meaning: "The signature is good, but the policy's `revoked` names its key or its signer.",
        cause: "The key leaked, or its holder may no longer sign.",
        next: &[
            "Find out whether the image is what you think, build it again, and sign it with a key that is not revoked: `plimsoll sign --key FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-K04",
        title: "the image is revoked",
        meaning: "The policy's `revoked` names this digest, or the digest of an image in this index. No signature helps.",
        cause: "The image turned out to be vulnerable or forged after it was signed.",
        next: &["Deploy another version; the policy's entry says why this one is revoked."],
    },
];
