//! `PLM-A…`: what the signer said beside the signature.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[Entry {
    code: "PLM-A01",
    title: "the signed annotations are not the demanded ones",
    meaning: "The signature is good and is about this image, but the facts that the signer put beside it lack one that is demanded, or \
              have another value for it.",
    cause: "The image was signed by another job or for another environment than the one that the demand names.",
    next: &[
        "See what was signed: `plimsoll verify --key FILE --format json IMAGE`.",
        "Sign again with the fact: `plimsoll sign --key FILE -a env=prod IMAGE`.",
    ],
}];
