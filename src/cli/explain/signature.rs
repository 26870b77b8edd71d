//! `PLM-S…`: why one candidate proves nothing.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-S01",
        title: "the key did not make this signature, or the content was changed",
        meaning: "The signature does not verify over what was signed. Mathematics does not tell a wrong key from changed content.",
        cause: "Another key than the signer's was given; less often, somebody changed the statement.",
        next: &[
            "See which signatures are there and what they say: `plimsoll tree IMAGE`.",
            "Give the public half of the key that signed: `plimsoll verify --key release.pub IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-S02",
        title: "it was signed with another key",
        meaning: "The bundle names the key that made it, and that is not the one given. The name is not authenticated; it is only used to \
                  say why the signature cannot count.",
        cause: "Several parties sign the same image, or the key was replaced.",
        next: &["Give the public half of the key that signed: `plimsoll verify --key release.pub IMAGE`."],
    },
    Entry {
        code: "PLM-S03",
        title: "the envelope names another key than the one that signed",
        meaning: "The signature verifies with the given key, but the `keyid` beside it names another one. The two cannot both be right.",
        cause: "The envelope was rewritten after it was signed.",
        next: &["Do not use it; sign again: `plimsoll sign --key FILE --force IMAGE`."],
    },
    Entry {
        code: "PLM-S04",
        title: "the signature is right, but about something else",
        meaning: "The signer has signed, but another image or file than the one asked about. Only an equal digest counts.",
        cause: "A signature was copied to another image, the tag moved, or an image was rebuilt after it was signed.",
        next: &[
            "See what the digest is now: `plimsoll resolve IMAGE`.",
            "Sign the digest that you deploy: `plimsoll sign --key FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-S05",
        title: "it is an attestation, not a signature",
        meaning: "Somebody who attests something about an image (a scan, an SBOM) does not thereby approve of it. An attestation never \
                  counts as a signature.",
        cause: "Only attestations are attached, or this candidate is one beside the signature.",
        next: &[
            "Sign the image: `plimsoll sign --key FILE IMAGE`.",
            "To check the attestation, name its type: `plimsoll verify --key FILE --type spdxjson IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-S06",
        title: "it is a signature, not an attestation",
        meaning: "An attestation is demanded, and this candidate is a plain signature, which says nothing but that somebody signed.",
        cause: "Only signatures are attached, or this candidate is one beside the attestation.",
        next: &["Attest what is demanded: `plimsoll attest --key FILE --sbom spdx-json IMAGE`."],
    },
    Entry {
        code: "PLM-S07",
        title: "it was signed with a certificate, so a key cannot check it",
        meaning: "The signature was made with a short-lived certificate for an identity, and a public key was given to check it.",
        cause: "Keyless signing, where a key was expected.",
        next: &[
            "Ask whoever signs which identity or which key to expect; `plimsoll verify --help` shows how either is given.",
        ],
    },
    Entry {
        code: "PLM-S08",
        title: "the signed payload is not an in-toto statement",
        meaning: "The envelope is signed, but its payload type is not that of in-toto statements, so nothing in it is about an image.",
        cause: "An envelope of another protocol was attached.",
        next: &[
            "Attest with an in-toto statement: `plimsoll attest --key FILE --type custom --predicate FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-S09",
        title: "the signed statement is malformed",
        meaning: "The signature is good, but the statement breaks the in-toto specification: an unknown member, a member twice, no \
                  subject, a wrong type. Readers that are less strict would disagree about what it says, so it counts for nothing.",
        cause: "A tool that writes statements by hand.",
        next: &[
            "Let the statement be written from the predicate alone: `plimsoll attest --key FILE --type custom --predicate FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-S10",
        title: "the signed payload is not an image signature",
        meaning: "The legacy signature is good, but its payload is not the simple-signing document that cosign writes.",
        cause: "A tool that signs other content under the signature tag.",
        next: &["Sign again: `plimsoll sign --key FILE --storage legacy IMAGE`."],
    },
    Entry {
        code: "PLM-S11",
        title: "it signs the bytes of a file, not a statement",
        meaning: "The bundle holds a signature over the bytes of a file. The same bytes could mean anything elsewhere, so it says nothing \
                  about an image, and nothing about a file but that somebody signed it.",
        cause: "A bundle for a file was attached to an image, or was given where an attestation is asked for.",
        next: &[
            "Sign the image itself: `plimsoll sign --key FILE IMAGE`.",
            "Check it as what it is: `plimsoll verify-blob --key FILE --bundle FILE ./FILE`.",
        ],
    },
    Entry {
        code: "PLM-S12",
        title: "a signed annotation is not text",
        meaning: "An annotation is a number, a list or an object. The number 1 and the text \"1\" must not answer the same question.",
        cause: "A tool that writes annotations by hand.",
        next: &["Sign again with text values: `plimsoll sign --key FILE -a build=1 IMAGE`."],
    },
    Entry {
        code: "PLM-S13",
        title: "the candidate cannot be read",
        meaning: "It is not a bundle, an envelope or a legacy signature as their specifications say; the reason stands in the answer. It \
                  proves nothing, and it hides no other candidate.",
        cause: "Cut off or rewritten content, or a format that is newer than this program.",
        next: &[
            "See what is attached: `plimsoll tree IMAGE`.",
            "Sign again: `plimsoll sign --key FILE --force IMAGE`.",
        ],
    },
];
