//! `PLM-K…`: when a key counts, and what is revoked.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-K01",
        title: "the signature is older than the signer",
        meaning: "The signature is by a signer of the policy whose `not_before` had not come when it was signed. What counts is the proven time \
                  of the signature; without one, the time of verification.",
        cause: "A key that was prepared for a change of keys is used too early, or this machine's clock is behind.",
        next: &[
            "Sign with the key that is good now: `plimsoll sign --key FILE IMAGE`.",
            "Check the clock of this machine.",
        ],
    },
    Entry {
        code: "PLM-K02",
        title: "the signature is younger than the signer",
        meaning: "The signature is by a signer of the policy whose `not_after` was over when it was signed. What counts is the proven time of the \
                  signature; without one, the time of verification, for then an old signature cannot be told from one made today with a key \
                  that leaked.",
        cause: "The key was replaced and this image was not signed again.",
        next: &[
            "Sign again with the current key: `plimsoll sign --key FILE IMAGE`.",
            "Let signatures carry a proven time, and say in the policy's `time` who proves it.",
        ],
    },
    Entry {
        code: "PLM-K03",
        title: "the key, the identity or the signer is revoked",
        meaning: "The signature is good, but the policy's `revoked` names its key, its identity or its signer. With `keep_earlier`, signatures \
                  stay good that are proven to be older.",
        cause: "The key leaked, or its holder may no longer sign.",
        next: &[
            "Find out whether the image is what you think, build it again, and sign it with a key that is not revoked: `plimsoll sign --key FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-K04",
        title: "the image is revoked",
        meaning: "The policy's `revoked` names this image, or one in this index. No signature helps.",
        cause: "The image turned out to be vulnerable or forged after it was signed.",
        next: &["Deploy another version; the policy's entry says why this one is revoked."],
    },
    Entry {
        code: "PLM-K05",
        title: "the attestation is revoked",
        meaning: "The policy's `revoked` names what was signed, or what stores it. Another statement by the same signer still counts.",
        cause: "What was attested turned out to be wrong.",
        next: &[
            "Attest again what is right: `plimsoll attest --key FILE --type spdxjson --predicate FILE IMAGE`.",
        ],
    },
];
