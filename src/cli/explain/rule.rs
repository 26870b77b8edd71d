//! `PLM-R…`: which rule of the policy decides.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-R01",
        title: "no rule is about the image",
        meaning: "No pattern of the policy matches the repository. What no rule names is denied.",
        cause: "A new registry or repository, or a typing mistake in a pattern. A single `*` does not cross a `/`.",
        next: &[
            "Write a rule with this repository under `images`.",
            "An image in a file has no name of its own, so give it one: `plimsoll verify --policy FILE --as registry.example.com/app oci:build/image`.",
        ],
    },
    Entry {
        code: "PLM-R02",
        title: "a rule denies the image",
        meaning: "The most specific rule for the repository says `deny`; its reason stands in the answer.",
        cause: "Somebody decided that these images must not run.",
        next: &["Use another image, or talk to whoever wrote the rule."],
    },
    Entry {
        code: "PLM-R03",
        title: "a permission for unverified images has expired",
        meaning: "The rule allowed these images without proof for a time, and that time is over.",
        cause: "The permission was meant to bridge until the images are signed.",
        next: &[
            "Sign the image and demand the signature in the rule: `plimsoll sign --key FILE IMAGE`.",
            "Or renew the end of `allow_unverified` after a review.",
        ],
    },
    Entry {
        code: "PLM-R04",
        title: "a permission for unverified images is for other digests",
        meaning: "The rule allows listed digests without proof, and this image is none of them.",
        cause: "The tag moved on after the digests were listed.",
        next: &[
            "Compare with the list: `plimsoll resolve IMAGE`.",
            "After a review, add the digest to `allow_unverified`, or sign the image.",
        ],
    },
    Entry {
        code: "PLM-R05",
        title: "the requirements that hold prove nothing",
        meaning: "Everything that the rule demands holds, but none of it rests on a signature. An allowance without a proof is not given.",
        cause: "A rule that looks at names only.",
        next: &[
            "Demand `signature`, `sbom` or `attestations` in the rule, or write `allow_unverified` with a reason and an end.",
        ],
    },
];
