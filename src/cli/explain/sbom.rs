//! `PLM-B…`: attested content, SBOMs above all.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "PLM-B01",
        title: "the SBOM has a format that the policy does not accept",
        meaning: "There is an SBOM by a signer that counts, but it is SPDX where only CycloneDX is accepted, or the other way round.",
        cause: "The pipeline writes one format and the policy's `formats` names the other.",
        next: &[
            "Attest the format that the policy wants: `plimsoll attest --key FILE --sbom cyclonedx-json IMAGE`.",
            "Or accept both: leave `formats` out of the policy's `sbom`.",
        ],
    },
    Entry {
        code: "PLM-B02",
        title: "the attested SBOM is not an SBOM",
        meaning: "The statement is signed and says that it is an SBOM, but its predicate is not a document of that format.",
        cause: "An empty object, a text with the document inside, or another file was given as predicate.",
        next: &[
            "Let the SBOM be made and attested in one step: `plimsoll attest --key FILE --sbom spdx-json IMAGE`.",
        ],
    },
    Entry {
        code: "PLM-B03",
        title: "the SBOM lists fewer components than the policy demands",
        meaning: "The SBOM is well formed and signed, but it lists fewer components than `min_components`. An SBOM that lists nothing \
                  satisfies nothing.",
        cause: "The tool that made it did not find the packages: wrong layer, wrong platform, or a package database that it cannot read.",
        next: &[
            "See what is in the image: `plimsoll sbom IMAGE`.",
            "If the image is really so small, lower `min_components` in the policy.",
        ],
    },
    Entry {
        code: "PLM-B04",
        title: "the attestation is of another type",
        meaning: "It is an attestation by a signer that counts, about this image, but its predicate type is not the one asked for. Types are \
                  compared as they are, without regard to versions.",
        cause: "Several attestations are attached and this is another one; or the version in the type's URI differs.",
        next: &[
            "List what is attached, with types: `plimsoll tree IMAGE`.",
            "Ask for the type that is there: `plimsoll verify --key FILE --type slsaprovenance1 IMAGE`.",
        ],
    },
];
