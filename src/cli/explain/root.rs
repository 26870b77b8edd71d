//! `PLM-T…`: what is wrong with a trusted root.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-T01",
        title: "the file is not a trusted root",
        meaning: "It is not a Sigstore `trusted_root.json` of version 0.1, or has a field that this program does not know. To pass over a \
                  field could drop a limit, so nothing in the file is believed.",
        cause: "A file of another kind, one that was cut off, or a root of a newer version.",
        next: &[
            "Get the public Sigstore's: `plimsoll trusted-root update --output FILE`.",
            "Make one of your own authorities and logs: `plimsoll trusted-root create --help`.",
        ],
    },
    Entry {
        code: "PLM-T02",
        title: "a key or certificate in the trusted root cannot be used",
        meaning: "A key or certificate in it is none, or of an algorithm that is too weak or not known. The whole root is refused: an authority \
                  that is passed over would let its signatures read as those of strangers.",
        cause: "The file was changed by hand, or damaged on its way.",
        next: &[
            "Get it again: `plimsoll trusted-root update --output FILE`.",
            "Make it again from its keys and certificates: `plimsoll trusted-root create --help`.",
        ],
    },
    Entry {
        code: "PLM-T03",
        title: "a key in the trusted root is of another kind than it says",
        meaning: "`keyDetails` says how a log signs. Where it contradicts the key, or names a way in which logs do not sign, readers would \
                  check signatures in different ways.",
        cause: "The key was replaced and `keyDetails` was not.",
        next: &["Correct `keyDetails`, or make the file again: `plimsoll trusted-root create --help`."],
    },
];
