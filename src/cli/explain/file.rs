//! `PLM-S50` and after: signatures over files.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-S50",
        title: "it is a signed statement, not a signature over a file",
        meaning: "The bundle holds a statement about the file. Whoever states something about a file (a scan, provenance) does not thereby \
                  approve of it, so a statement never counts as a signature.",
        cause: "The bundle was made by `attest-blob`, or by a build service that writes provenance.",
        next: &[
            "Check what is stated: `plimsoll verify-blob-attestation --key FILE --bundle FILE --type slsaprovenance1 ./FILE`.",
            "Sign the file: `plimsoll sign-blob --key FILE --bundle OUT ./FILE`.",
        ],
    },
    Entry {
        code: "PLM-S51",
        title: "only the file itself tells whether it was signed",
        meaning: "The signature may be over something else of the file than what is known here: Ed25519 signs the bytes and not a hash, \
                  and a key on P-384 or P-521 may sign a longer hash than the one given.",
        cause: "A digest was given instead of the file, or a file for an Ed25519 key is larger than what is held in memory.",
        next: &[
            "Give the file instead of its digest: `plimsoll verify-blob --key FILE --bundle FILE ./FILE`.",
            "For very large files sign with a key that signs hashes, such as the one that `plimsoll keygen` makes.",
        ],
    },
];
