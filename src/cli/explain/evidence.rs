//! `PLM-E…`: what was found beside the image.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-E01",
        title: "nothing is attached that could satisfy the demand",
        meaning: "The registry was asked and answered: neither a bundle nor a legacy signature is stored for this digest.",
        cause: "The image was never signed, was rebuilt after it was signed, or was copied without its signatures.",
        next: &[
            "Look what is attached: `plimsoll tree IMAGE`.",
            "Sign it where it is built: `plimsoll sign --key FILE IMAGE`.",
            "If it was copied, attach the bundle at the new place: `plimsoll attach --bundle FILE IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-E02",
        title: "something could not be fetched, so nobody knows",
        meaning: "A list or a piece of content that may hold the proof could not be read. That is not the same as unsigned, so the answer \
                  is \"could not tell\" (exit code 3) and never yes.",
        cause: "The network, the registry's limits, missing credentials, or more attached content than is read for one verdict.",
        next: &[
            "Try again; the line names what could not be fetched and why.",
            "See what can be read: `plimsoll tree IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-E03",
        title: "of what is attached, nothing counts",
        meaning: "Candidates were found, and each was refused. Every candidate stands in the answer with its own code.",
        cause: "Signed by somebody else, about another image, or another kind of statement than the one demanded.",
        next: &[
            "Read the candidates below the requirement in the answer, and ask for their codes: `plimsoll explain PLM-S01`.",
        ],
    },
    Entry {
        code: "PLM-E04",
        title: "fewer different signers than the policy demands",
        meaning: "Good signatures were found, but by fewer different signers than the threshold. Two signatures by one signer count once.",
        cause: "A second approval is missing, or both were made with one key.",
        next: &[
            "Let another of the named signers sign: `plimsoll sign --key FILE IMAGE`.",
            "See who has signed: `plimsoll tree IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-E05",
        title: "some platform of the index lacks what is demanded",
        meaning: "The statement is demanded for an index, and at least one of the images that it lists has none.",
        cause: "The SBOM or provenance was attested for one platform only.",
        next: &[
            "Attest the missing one by its digest, which the answer names: `plimsoll attest --key FILE --sbom spdx-json --platform linux/arm64 IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-E06",
        title: "another identity counts as this signer already",
        meaning: "The signature is good, but the name in the policy under which it would count is taken by another identity: one name is one \
                  signer, however many fit its pattern.",
        cause: "A signer whose pattern fits several people, of whom more than one has signed.",
        next: &[
            "Nothing, if the requirement holds.",
            "If several of them should count, give each a signer of its own in the policy.",
        ],
    },
];
