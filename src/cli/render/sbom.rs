//! `plimsoll.sbom/v1`: `schemas/sbom.v1.schema.json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::quota::QuotaWire;
use crate::base::{self, Inventory, PackageId, Printable};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Answer<'a> {
    schema: &'static str,
    image: Image<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<Distribution<'a>>,
    packages: Vec<Package<'a>>,
    unknowns: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quotas: Vec<QuotaWire>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
    digest: String,
    platform: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Distribution<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pretty_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    purl: &'a str,
    licenses: &'a [String],
    evidence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Layer<'a>>,
    dependencies: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer<'a> {
    index: usize,
    diff_id: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
}

impl<'a> Answer<'a> {
    pub(in crate::cli) fn new(inventory: &'a Inventory, quotas: Vec<QuotaWire>) -> Self {
        let subject = &inventory.subject;
        let distribution = inventory.distribution.as_ref().map(|found| Distribution {
            id: &found.id,
            version_id: found.version_id.as_deref(),
            pretty_name: found.pretty_name.as_deref(),
        });
        Self {
            schema: "plimsoll.sbom/v1",
            image: Image {
                name: &subject.name,
                version: subject.version.as_deref(),
                repository: subject.repository.as_deref(),
                digest: subject.digest.to_string(),
                platform: subject.platform.to_string(),
            },
            distribution,
            packages: inventory.packages.iter().map(|package| Package::new(package, inventory)).collect(),
            unknowns: &inventory.unknowns,
            quotas,
        }
    }
}

impl<'a> Package<'a> {
    fn new(package: &'a base::Package, inventory: &'a Inventory) -> Self {
        let purl = |id: &PackageId| {
            let at = inventory.packages.binary_search_by(|other| other.id.cmp(id)).ok()?;
            Some(inventory.packages.get(at)?.purl.as_str())
        };
        Self {
            name: &package.id.name,
            version: &package.id.version,
            kind: package.id.ecosystem.purl_type(),
            architecture: package.id.architecture.as_deref(),
            purl: &package.purl,
            licenses: &package.licenses,
            evidence: package.evidence.to_string(),
            layer: package.layer.as_ref().map(|layer| Layer {
                index: layer.index,
                diff_id: layer.diff_id.to_string(),
                digest: layer.digest.to_string(),
                created_by: layer.created_by.as_deref(),
            }),
            dependencies: package.dependencies.iter().filter_map(purl).collect(),
        }
    }
}

/// A line a package, for people.
pub(in crate::cli) fn table(inventory: &Inventory) -> String {
    let head = ["NAME", "VERSION", "TYPE", "LAYER", "LICENCE"].map(str::to_owned);
    let rows: Vec<[String; 5]> = inventory.packages.iter().map(row).collect();
    let mut widths = head.each_ref().map(|cell| cell.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
    }
    let mut out = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn row(package: &base::Package) -> [String; 5] {
    let layer = package.layer.as_ref().map(|layer| layer.index.to_string());
    [
        package.id.name.as_str(),
        package.id.version.as_str(),
        package.id.ecosystem.purl_type(),
        layer.as_deref().unwrap_or("-"),
        &package.licenses.join(", "),
    ]
    .map(|cell| Printable(cell).to_string())
}

/// A longer cell does not widen its column.
const WIDEST: usize = 48;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read schemas")]
mod tests {
    use crate::base::{
        Digest, Distribution, Ecosystem, ImagePath, LayerOrigin, Package, PackageId, Platform, Subject,
    };

    use super::*;

    fn inventory() -> Inventory {
        let id = |name: &str| PackageId {
            ecosystem: Ecosystem::Apk,
            name: name.to_owned(),
            version: "1-r0".to_owned(),
            architecture: Some("x86_64".to_owned()),
        };
        let digest = Digest::of(b"");
        let layer = LayerOrigin { index: 0, diff_id: digest, digest, created_by: Some("RUN x".into()) };
        let package = |name: &str, dependencies: Vec<PackageId>| Package {
            id: id(name),
            purl: format!("pkg:apk/alpine/{name}@1-r0"),
            source: None,
            maintainer: None,
            homepage: None,
            description: None,
            licenses: vec!["MIT".into(), "\u{1b}[2J".into()],
            checksum: None,
            evidence: ImagePath::try_from("lib/apk/db/installed").unwrap(),
            layer: Some(layer.clone()),
            dependencies,
        };
        Inventory {
            subject: Subject {
                name: "app".into(),
                version: Some("v1".into()),
                digest,
                repository: Some("example.org/app".into()),
                platform: Platform::new("linux", "amd64", None),
            },
            distribution: Some(Distribution { id: "alpine".into(), ..Distribution::default() }),
            packages: vec![package("a", vec![id("b")]), package("b", vec![])],
            unknowns: vec!["x".into()],
        }
    }

    #[test]
    fn the_schema_accepts_the_answer() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/sbom.v1.schema.json");
        let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let full = inventory();
        let mut least = inventory();
        least.distribution = None;
        least.packages.clear();
        for inventory in [full, least] {
            let value = serde_json::to_value(Answer::new(&inventory, Vec::new())).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, [""; 0]);
        }
        let value = serde_json::to_value(Answer::new(&inventory(), Vec::new())).unwrap();
        assert_eq!(value["packages"][0]["dependencies"][0], "pkg:apk/alpine/b@1-r0");
        assert!(!validator.is_valid(&serde_json::json!({ "schema": "plimsoll.sbom/v2" })));
    }

    #[test]
    fn a_line_a_package_and_nothing_that_drives_a_terminal() {
        assert_eq!(
            table(&inventory()),
            "NAME  VERSION  TYPE  LAYER  LICENCE\n\
             a     1-r0     apk   0      MIT, \\u{1b}[2J\n\
             b     1-r0     apk   0      MIT, \\u{1b}[2J\n"
        );
    }
}
