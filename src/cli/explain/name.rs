//! `PLM-N…`: how the image is named.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-N01",
        title: "the reference has no digest",
        meaning: "The policy demands that images are named by digest, and this reference is a tag only. What a tag means can change \
                  between this check and the deployment.",
        cause: "A deployment file that was not pinned.",
        next: &[
            "Print the name with its digest: `plimsoll resolve IMAGE`.",
            "Write it into your files: `plimsoll pin Dockerfile`.",
        ],
    },
    Entry {
        code: "PLM-N02",
        title: "the tag is none of the allowed ones",
        meaning: "The policy lists tags, and the reference has none of them.",
        cause: "A test build, or a reference by digest alone where a tag is demanded.",
        next: &[
            "Deploy one of the tags that the policy's `reference` allows, with its digest: `plimsoll resolve IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-N03",
        title: "the tag is forbidden",
        meaning: "The policy forbids this tag by name.",
        cause: "Moving tags such as `latest` in a deployment.",
        next: &["Name the version that you mean, with its digest: `plimsoll resolve IMAGE`."],
    },
];
