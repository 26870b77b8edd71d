//! `PLM-I…`: which image the signature names.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[Entry {
    code: "PLM-I01",
    title: "the signature names another repository",
    meaning: "The signature is good and covers this digest, but the name that the signer put into it is not the repository in which the \
              image was found, and the policy demands that it is.",
    cause: "The image was copied to another repository together with its signature, or was signed under another name.",
    next: &[
        "Sign it under the name under which it is deployed: `plimsoll sign --key FILE --as registry.example.com/app IMAGE`.",
        "If copies are meant to be good, write in the policy's `signature` which name is expected.",
    ],
}];
