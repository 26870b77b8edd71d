//! Whether a predicate is an SBOM, and how many components it lists.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::SbomFormat;
use crate::format::json::parse_strict;
use crate::format::statement::{CYCLONEDX, SPDX, predicate_type_matches};

/// Which SBOM format a predicate type stands for.
pub(super) fn format_of(predicate_type: &str) -> Option<SbomFormat> {
    if predicate_type_matches(SPDX, predicate_type) {
        return Some(SbomFormat::Spdx2);
    }
    predicate_type_matches(CYCLONEDX, predicate_type).then_some(SbomFormat::CycloneDx)
}

/// Counts the components of an SBOM. What the document describes (the image itself) is not one of them.
pub(super) fn components(format: SbomFormat, predicate: &[u8]) -> Result<usize, SbomError> {
    match format {
        SbomFormat::CycloneDx => {
            let bom: CycloneDxWire =
                parse_strict(predicate).map_err(|error| SbomError::Json(error.to_string()))?;
            if bom.bom_format != "CycloneDX" {
                return Err(SbomError::Format("CycloneDX"));
            }
            Ok(bom.components.iter().map(ComponentWire::count).sum())
        }
        SbomFormat::Spdx2 => {
            let document: SpdxWire =
                parse_strict(predicate).map_err(|error| SbomError::Json(error.to_string()))?;
            if !document.spdx_version.starts_with("SPDX-2.") {
                return Err(SbomError::Format("SPDX 2"));
            }
            // Both lists are long, and one must not be gone through for each entry of the other.
            let described: BTreeSet<&str> = document
                .document_describes
                .iter()
                .map(String::as_str)
                .chain(document.relationships.iter().filter_map(RelationshipWire::described))
                .collect();
            Ok(document.packages.iter().filter(|package| !described.contains(&*package.id)).count())
        }
    }
}

/// Why a predicate is not an SBOM.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum SbomError {
    #[error("it does not say that it is {0}")]
    Format(&'static str),
    #[error("it is not an SBOM: {0}")]
    Json(String),
}

#[derive(Deserialize)]
struct CycloneDxWire {
    #[serde(rename = "bomFormat")]
    bom_format: String,
    #[serde(default)]
    components: Vec<ComponentWire>,
}

#[derive(Deserialize)]
struct ComponentWire {
    #[serde(default)]
    components: Vec<ComponentWire>,
}

impl ComponentWire {
    fn count(&self) -> usize {
        1 + self.components.iter().map(Self::count).sum::<usize>()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxWire {
    spdx_version: String,
    #[serde(default)]
    packages: Vec<PackageWire>,
    #[serde(default)]
    document_describes: Vec<String>,
    #[serde(default)]
    relationships: Vec<RelationshipWire>,
}

#[derive(Deserialize)]
struct PackageWire {
    #[serde(rename = "SPDXID")]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelationshipWire {
    spdx_element_id: String,
    relationship_type: String,
    related_spdx_element: String,
}

impl RelationshipWire {
    /// What the document is about, if this says it.
    fn described(&self) -> Option<&str> {
        let says = self.spdx_element_id == "SPDXRef-DOCUMENT" && self.relationship_type == "DESCRIBES";
        says.then_some(&*self.related_spdx_element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_components_and_not_the_image() {
        for (format, text, want) in [
            (
                SbomFormat::Spdx2,
                r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a"},{"SPDXID":"SPDXRef-b"}]}"#,
                Ok(2),
            ),
            (
                SbomFormat::Spdx2,
                r#"{"spdxVersion":"SPDX-2.3","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a"},{"SPDXID":"SPDXRef-b"}]}"#,
                Ok(1),
            ),
            (
                SbomFormat::Spdx2,
                r#"{"spdxVersion":"SPDX-2.2","packages":[{"SPDXID":"SPDXRef-a"}],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"}]}"#,
                Ok(0),
            ),
            (SbomFormat::Spdx2, r#"{"spdxVersion":"SPDX-2.3"}"#, Ok(0)),
            (SbomFormat::Spdx2, r#"{"spdxVersion":"SPDX-3.0"}"#, Err(())),
            (SbomFormat::Spdx2, r#"{"bomFormat":"CycloneDX"}"#, Err(())),
            (SbomFormat::Spdx2, "null", Err(())),
            (
                SbomFormat::Spdx2,
                r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a"}],"packages":[]}"#,
                Err(()),
            ),
            (
                SbomFormat::CycloneDx,
                r#"{"bomFormat":"CycloneDX","components":[{"name":"a","components":[{"name":"b"}]},{}]}"#,
                Ok(3),
            ),
            (SbomFormat::CycloneDx, r#"{"bomFormat":"CycloneDX","metadata":{"component":{}}}"#, Ok(0)),
            (SbomFormat::CycloneDx, r#"{"bomFormat":"SPDX"}"#, Err(())),
            (SbomFormat::CycloneDx, r#"{"bomFormat":"CycloneDX","components":{}}"#, Err(())),
            (SbomFormat::CycloneDx, "{}", Err(())),
        ] {
            assert_eq!(components(format, text.as_bytes()).map_err(|_| ()), want, "{text}");
        }
    }

    /// What lists n packages and n things that it describes costs n steps and not n times n.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test measures")]
    fn a_long_document_is_gone_through_once() {
        let packages = |count: usize| (0..count).map(|at| format!(r#"{{"SPDXID":"SPDXRef-{at}"}}"#));
        let describes = |count: usize| {
            (0..count).map(|at| {
                format!(r#"{{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-x{at}"}}"#)
            })
        };
        let time = |count: usize| {
            let packages = packages(count).collect::<Vec<_>>().join(",");
            let relationships = describes(count).collect::<Vec<_>>().join(",");
            let text = format!(
                r#"{{"spdxVersion":"SPDX-2.3","packages":[{packages}],"relationships":[{relationships}]}}"#
            );
            let start = std::time::Instant::now();
            assert_eq!(components(SbomFormat::Spdx2, text.as_bytes()), Ok(count));
            start.elapsed()
        };
        let (some, many) = ((0..3).map(|_| time(500)).min().unwrap(), time(10_000));
        assert!(many < some * 200, "{some:?} for 500, {many:?} for 10000");
    }

    #[test]
    fn knows_the_types_in_use() {
        for (text, want) in [
            ("https://spdx.dev/Document", Some(SbomFormat::Spdx2)),
            ("https://spdx.dev/Document/v2.3", Some(SbomFormat::Spdx2)),
            ("https://cyclonedx.org/bom", Some(SbomFormat::CycloneDx)),
            ("https://cyclonedx.org/bom/v1.6", Some(SbomFormat::CycloneDx)),
            ("https://spdx.dev/Documents", None),
            ("https://cyclonedx.org/bombastic", None),
            ("https://slsa.dev/provenance/v1", None),
        ] {
            assert_eq!(format_of(text), want, "{text}");
        }
    }
}
