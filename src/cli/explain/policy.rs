//! `PLM-P…`: what is wrong with a policy file.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-P01",
        title: "the policy file is not YAML that can be read",
        meaning: "The file is empty, is not text in UTF-8 or not YAML, holds several documents, or is nested or large beyond the limit.",
        cause: "A cut-off file, a wrong indentation, or the wrong file.",
        next: &[
            "Look at the line and column in the message.",
            "Compare with an example: `plimsoll verify --help`.",
        ],
    },
    Entry {
        code: "PLM-P02",
        title: "the policy is not good yet",
        meaning: "The policy's `not_before` has not come, so nothing is allowed by it.",
        cause: "A policy that was prepared for later, or a clock that is behind.",
        next: &["Use the current policy, and check the clock of this machine."],
    },
    Entry {
        code: "PLM-P03",
        title: "the policy has expired",
        meaning: "The policy's `expires` is over. A policy that nobody looks after allows nothing.",
        cause: "The policy was not renewed, or an old copy is in use.",
        next: &["Get the current policy, or set a new `expires` and raise `revision` after a review."],
    },
    Entry {
        code: "PLM-P04",
        title: "the policy uses YAML that can say two things",
        meaning: "Anchors, aliases, merge keys, tags and keys that are not text are refused: what a reader sees must be what counts.",
        cause: "A policy that was made from templates with anchors.",
        next: &["Write the value out where it is used."],
    },
    Entry {
        code: "PLM-P05",
        title: "two rules are equally specific",
        meaning: "Two rules have the same pattern, so that neither wins. The order of rules never decides.",
        cause: "A rule was copied and its pattern left as it was.",
        next: &["Join the two rules, or make the pattern of one more specific."],
    },
    Entry {
        code: "PLM-P06",
        title: "a key stands twice",
        meaning: "One map has the same key twice. Readers disagree about which one counts, so neither does.",
        cause: "Two edits that were merged.",
        next: &["Remove one of the two."],
    },
    Entry {
        code: "PLM-P07",
        title: "a key is not known",
        meaning: "A key that this version does not know. To pass over it could drop a demand.",
        cause: "A typing mistake, or a policy for a newer version of this program.",
        next: &["Compare with the known keys in the message."],
    },
    Entry {
        code: "PLM-P08",
        title: "a key is missing",
        meaning: "A key that must stand there does not. Nothing that decides trust has a default.",
        cause: "A policy that is not finished.",
        next: &["Add the key that the message names."],
    },
    Entry {
        code: "PLM-P09",
        title: "a value has the wrong type",
        meaning: "A list, map, text or number stands where another is expected.",
        cause: "A missing dash, or a number that was meant as text and has no quotes.",
        next: &["Write the type that the message names; put quotes around texts that look like numbers."],
    },
    Entry {
        code: "PLM-P10",
        title: "a value is not one of the right ones",
        meaning: "The value has the right type but not the right form: a time without offset, a pattern with a tag, an unknown word.",
        cause: "A typing mistake, or a form that other tools accept.",
        next: &["Write what the message names."],
    },
    Entry {
        code: "PLM-P11",
        title: "there is no signer of this name",
        meaning: "A rule or a revocation names a signer that `signers` does not have.",
        cause: "A typing mistake, or a signer that was renamed or removed.",
        next: &["Add the signer under `signers`, or correct the name."],
    },
    Entry {
        code: "PLM-P12",
        title: "the threshold cannot be reached",
        meaning: "More signatures are demanded than signers are named, so that no image could ever satisfy the rule.",
        cause: "Signers were removed and the threshold was left.",
        next: &["Lower `threshold`, or name more signers."],
    },
    Entry {
        code: "PLM-P13",
        title: "an entry stands twice",
        meaning: "The same name, pattern or digest stands twice in one list.",
        cause: "Two edits that were merged; perhaps the same thing in two spellings.",
        next: &["Remove one of the two."],
    },
    Entry {
        code: "PLM-P14",
        title: "two signers have one key",
        meaning: "Two names for one key would let one signature count twice towards a threshold.",
        cause: "A key was shared, or pasted twice.",
        next: &["Give every signer a key of its own: `plimsoll keygen --output second`."],
    },
    Entry {
        code: "PLM-P15",
        title: "a key of the policy cannot be used",
        meaning: "The key, or the file that holds it, cannot be read as a public key.",
        cause: "A private key or a certificate in its place, a path that leads outside of the policy's folder, or a cut-off file.",
        next: &[
            "Put the PEM text of the public key there, as `plimsoll keygen` writes it to the `.pub` file.",
        ],
    },
    Entry {
        code: "PLM-P16",
        title: "a key is not the one whose fingerprint is written",
        meaning: "The key file was read, and its fingerprint differs from the one in the policy.",
        cause: "The key was replaced without a review of the policy, or somebody exchanged the file.",
        next: &["Find out which of the two is right, and correct the other."],
    },
    Entry {
        code: "PLM-P17",
        title: "unverified images are allowed from hosts that nobody listed",
        meaning: "`allow_unverified` stands in a rule whose pattern leaves the registry's host open.",
        cause: "A pattern that begins with `*` or `**`.",
        next: &["Write the registry's host out in the pattern."],
    },
    Entry {
        code: "PLM-P18",
        title: "an exception excepts nothing, or everything",
        meaning: "A pattern under `except` lies outside of the rule's `images`, or leaves nothing of one of them.",
        cause: "The patterns were changed and the exceptions were not.",
        next: &["Remove the exception, or make it match a part of `images`."],
    },
    Entry {
        code: "PLM-P19",
        title: "not exactly one of several keys",
        meaning: "Of some keys exactly one must stand, and none or more than one does.",
        cause: "A rule that both requires and denies, or a key given as text and as file.",
        next: &["Keep one of the keys that the message names."],
    },
    Entry {
        code: "PLM-P20",
        title: "nothing is demanded",
        meaning: "A list, map or text is empty, or the demands leave out everything that must be signed. An empty demand would be satisfied by anybody's image.",
        cause: "A rule that is not finished.",
        next: &[
            "Demand `signature`, `sbom` or `attestations`, or write `allow_unverified` with a reason and an end.",
        ],
    },
    Entry {
        code: "PLM-P21",
        title: "the end is not after the start",
        meaning: "A time span ends before it starts, so that nothing could ever fall into it.",
        cause: "The two times were exchanged, or the year is wrong.",
        next: &["Correct `not_before` or `expires`."],
    },
    Entry {
        code: "PLM-P22",
        title: "the policy has another version",
        meaning: "The first key names a version of the format that this program does not read.",
        cause: "A policy for a newer version of this program.",
        next: &[
            "Write `version: plimsoll.trust/v1`, or use the version of this program that the policy was written for.",
        ],
    },
    Entry {
        code: "PLM-P23",
        title: "a trust root is not known, or not used",
        meaning: "A signer names a trust root that `trust_roots` does not have, or `trust_roots` has one that no signer names. A root that \
                  nobody uses would only look as if something were demanded.",
        cause: "A typing mistake in a name, or a signer that was removed.",
        next: &["Compare the names, and remove the root if no signer needs it."],
    },
    Entry {
        code: "PLM-P24",
        title: "a trusted root cannot be used",
        meaning: "The file of a trust root cannot be read, is not a Sigstore `trusted_root.json`, or has another hash than the policy says.",
        cause: "A wrong path, a file of another kind, or a root that was refreshed without changing the policy's `sha256`.",
        next: &[
            "Compare the path: it lies below the policy's folder.",
            "If the root was refreshed on purpose, set `sha256` and raise `revision` after a review.",
        ],
    },
    Entry {
        code: "PLM-P25",
        title: "a signer is named so widely that strangers fit",
        meaning: "An issuer is compared exactly. A pattern is for the whole text, its `*` does not cross `/`, and the host and owner of a URL and \
                  the domain of an address must be written out: `https://github.com/acme*` is also `https://github.com/acme-evil`. So must the \
                  namespace of an account in Kubernetes, for whoever may make namespaces chooses its name.",
        cause: "A pattern or regular expression that was taken from another tool.",
        next: &[
            "Write the owner out, with the `/` behind it: https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v*.",
        ],
    },
    Entry {
        code: "PLM-P26",
        title: "a proven time is asked for that cannot be had, or not asked for where it is needed",
        meaning: "What `time` says contradicts itself or the signer. A certificate is good for minutes, so that its signatures need a proven time. \
                  A key needs a trust root for one. `none` stands alone.",
        cause: "`time` was copied from another signer.",
        next: &[
            "For a key: add `root`, or leave `time` out.",
            "For a certificate: name `rekor`, `tsa` or both, and no other root than in `keyless`.",
        ],
    },
];
