//! SPDX 2.3 in JSON: <https://spdx.github.io/spdx-spec/v2.3/>. Written as a stream, fields in a fixed order.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::sbom::{self, Maintainer, TOOL};
use super::{license, purl};
use crate::base::{Digest, Distribution, Inventory, Package, PackageId, Timestamp};

/// Writes the inventory as one document. `created` is the time it states; 1970 if there is none, because the field is required.
pub fn write(inventory: &Inventory, created: Option<Timestamp>, out: impl Write) -> io::Result<()> {
    let named = Named::new(inventory);
    let time = created.unwrap_or(Timestamp::EPOCH).to_string();
    let uuid = sbom::uuid("spdx-2.3", inventory, created);
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        spdx_id: "SPDXRef-DOCUMENT",
        name: &inventory.subject.name,
        document_namespace: format!("https://github.com/plimsoll-dev/plimsoll/spdx/{uuid}"),
        creation_info: CreationInfo {
            created: &time,
            creators: [format!("Tool: {}-{}", TOOL.0, TOOL.1)],
            comment: "Lifecycle: post-build. Read from the layers of a built image.",
        },
        packages: Packages(inventory),
        relationships: Relationships(inventory),
        has_extracted_licensing_infos: named.extracted(),
        annotations: annotations(inventory, &time),
    };
    let mut out = out;
    serde_json::to_writer(&mut out, &document)?;
    out.write_all(b"\n")
}

const ROOT: &str = "SPDXRef-Image";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
const NONE: &str = "NOASSERTION";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    spdx_version: &'a str,
    data_license: &'a str,
    #[serde(rename = "SPDXID")]
    spdx_id: &'a str,
    name: &'a str,
    document_namespace: String,
    creation_info: CreationInfo<'a>,
    packages: Packages<'a>,
    relationships: Relationships<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<ExtractedLicensingInfo<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
struct CreationInfo<'a> {
    created: &'a str,
    creators: [String; 1],
    comment: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtractedLicensingInfo<'a> {
    license_id: String,
    extracted_text: String,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'a str,
    annotator: String,
    comment: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PackageEntry<'a> {
    #[serde(rename = "SPDXID")]
    spdx_id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<String>,
    download_location: &'a str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'a str,
    license_declared: String,
    copyright_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    algorithm: &'a str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef<'a> {
    reference_category: &'a str,
    reference_type: &'a str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

struct Packages<'a>(&'a Inventory);

impl Serialize for Packages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let system = self.0.distribution.as_ref().map(operating_system);
        let packages = self.0.packages.iter().map(package);
        sbom::list(std::iter::once(root(self.0)).chain(system).chain(packages), serializer)
    }
}

struct Relationships<'a>(&'a Inventory);

impl Serialize for Relationships<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let describes = relationship("SPDXRef-DOCUMENT".to_owned(), "DESCRIBES", ROOT.to_owned());
        let contains = |id: String| relationship(ROOT.to_owned(), "CONTAINS", id);
        let system = self.0.distribution.as_ref().map(|_| contains(SYSTEM.to_owned()));
        let contained = self.0.packages.iter().map(|package| contains(id(&package.id)));
        let edges = self.0.packages.iter().flat_map(|package| {
            let from = id(&package.id);
            package.dependencies.iter().map(move |to| relationship(from.clone(), "DEPENDS_ON", id(to)))
        });
        sbom::list(std::iter::once(describes).chain(system).chain(contained).chain(edges), serializer)
    }
}

fn relationship(from: String, kind: &'static str, to: String) -> Relationship {
    Relationship { spdx_element_id: from, relationship_type: kind, related_spdx_element: to }
}

fn root(inventory: &Inventory) -> PackageEntry<'_> {
    let subject = &inventory.subject;
    let algorithm = subject.digest.algorithm().name().to_ascii_uppercase();
    let algorithm = ["SHA256", "SHA384", "SHA512"].into_iter().find(|known| *known == algorithm);
    PackageEntry {
        spdx_id: ROOT.to_owned(),
        name: &subject.name,
        version_info: Some(subject.version.clone().unwrap_or_else(|| subject.digest.to_string())),
        supplier: Some(NONE.to_owned()),
        download_location: NONE,
        source_info: Some(format!("image manifest {} for {}", subject.digest, subject.platform)),
        license_concluded: NONE,
        license_declared: NONE.to_owned(),
        copyright_text: NONE,
        checksums: algorithm
            .map(|algorithm| Checksum { algorithm, checksum_value: subject.digest.hex() })
            .into_iter()
            .collect(),
        external_refs: purl::of_image(subject).map(package_url).into_iter().collect(),
        primary_package_purpose: Some("CONTAINER"),
        ..PackageEntry::default()
    }
}

fn operating_system(distribution: &Distribution) -> PackageEntry<'_> {
    PackageEntry {
        spdx_id: SYSTEM.to_owned(),
        name: &distribution.id,
        version_info: distribution.version_id.clone(),
        supplier: Some(NONE.to_owned()),
        download_location: NONE,
        license_concluded: NONE,
        license_declared: NONE.to_owned(),
        copyright_text: NONE,
        summary: distribution.pretty_name.as_deref(),
        primary_package_purpose: Some("OPERATING_SYSTEM"),
        ..PackageEntry::default()
    }
}

fn package(package: &Package) -> PackageEntry<'_> {
    let known = |name: &str| ["SHA1", "SHA256", "SHA512"].into_iter().find(|known| *known == name);
    let checksums = package.checksum.iter().filter_map(|(algorithm, hex)| {
        Some(Checksum { algorithm: known(algorithm)?, checksum_value: hex.clone() })
    });
    PackageEntry {
        spdx_id: id(&package.id),
        name: &package.id.name,
        version_info: Some(package.id.version.clone()),
        supplier: Some(package.maintainer.as_deref().and_then(supplier).unwrap_or_else(|| NONE.to_owned())),
        download_location: NONE,
        homepage: sbom::web_page(package.homepage.as_deref()),
        source_info: Some(source_info(package)),
        license_concluded: NONE,
        license_declared: declared(package),
        copyright_text: NONE,
        summary: package.description.as_deref(),
        checksums: checksums.collect(),
        external_refs: vec![package_url(package.purl.clone())],
        ..PackageEntry::default()
    }
}

fn package_url(purl: String) -> ExternalRef<'static> {
    ExternalRef { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: purl }
}

/// Clause 7.5: `Person: NAME (EMAIL)` or `Organization: …`.
fn supplier(maintainer: &str) -> Option<String> {
    let who = Maintainer::parse(maintainer)?;
    let kind = if who.is_organization() { "Organization" } else { "Person" };
    let name: String =
        who.name.chars().filter(|char| !matches!(char, '(' | ')') && !char.is_control()).collect();
    let name = Some(name.trim()).filter(|name| !name.is_empty())?;
    Some(match who.email {
        Some(email) => format!("{kind}: {name} ({email})"),
        None => format!("{kind}: {name}"),
    })
}

/// Clause 7.12: where the package comes from.
fn source_info(package: &Package) -> String {
    let mut text = format!("installed according to {}", package.evidence);
    if let Some(source) = &package.source {
        text.push_str(&format!("; built from {}", source.name));
        if let Some(version) = &source.version {
            text.push_str(&format!(" {version}"));
        }
    }
    if let Some(layer) = &package.layer {
        text.push_str(&format!("; first in layer {} with diffID {}", layer.index, layer.diff_id));
        if let Some(step) = &layer.created_by {
            text.push_str(&format!(", made by: {step}"));
        }
    }
    text
}

/// Letters, digits, dots and dashes only (clause 3.2); the hash keeps apart what that makes equal.
fn id(package: &PackageId) -> String {
    let architecture = package.architecture.as_deref().unwrap_or_default();
    let key =
        format!("{}\0{}\0{}\0{architecture}", package.ecosystem.purl_type(), package.name, package.version);
    let hash: String = Digest::of(key.as_bytes()).hex().chars().take(HASH).collect();
    format!("SPDXRef-Package-{}-{}-{hash}", package.ecosystem.purl_type(), plain(&package.name))
}

fn plain(text: &str) -> String {
    let char = |char: char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' };
    text.chars().take(64).map(char).collect()
}

fn declared(package: &Package) -> String {
    let terms: Vec<String> = package
        .licenses
        .iter()
        .map(|words| if license::is_expression(words) { words.clone() } else { license_ref(words) })
        .collect();
    license::all_of(terms.iter().map(String::as_str)).unwrap_or_else(|| NONE.to_owned())
}

fn license_ref(words: &str) -> String {
    let bare = words.strip_prefix("LicenseRef-").unwrap_or(words);
    let name = plain(bare);
    // With a hash no other words make the same name; words that end as if they had one get one too.
    let is_hash =
        |(_, end): (&str, &str)| end.len() == HASH && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    if name == words && !words.rsplit_once('-').is_some_and(is_hash) {
        return format!("LicenseRef-{name}");
    }
    let hash: String = Digest::of(words.as_bytes()).hex().chars().take(HASH).collect();
    format!("LicenseRef-{name}-{hash}")
}

/// Hexadecimal digits that keep apart what is spelt alike.
const HASH: usize = 16;

/// Licences that are words and no identifiers, each once.
struct Named<'a>(BTreeMap<String, &'a str>);

impl<'a> Named<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        let words = inventory.packages.iter().flat_map(|package| &package.licenses);
        let words = words.filter(|words| !license::is_expression(words));
        Self(words.map(|words| (license_ref(words), words.as_str())).collect())
    }

    fn extracted(self) -> Vec<ExtractedLicensingInfo<'a>> {
        let info = |(license_id, name): (String, &'a str)| ExtractedLicensingInfo {
            license_id,
            extracted_text: format!("The image names this licence and no more: {name}"),
            name,
        };
        self.0.into_iter().map(info).collect()
    }
}

fn annotations<'a>(inventory: &'a Inventory, time: &'a str) -> Vec<Annotation<'a>> {
    let annotation = |comment: &'a String| Annotation {
        annotation_date: time,
        annotation_type: "OTHER",
        annotator: format!("Tool: {}-{}", TOOL.0, TOOL.1),
        comment,
    };
    inventory.unknowns.iter().map(annotation).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn text(inventory: &Inventory, seconds: Option<i64>) -> String {
        let mut out = Vec::new();
        let created = seconds.map(|seconds| Timestamp::from_seconds(seconds).unwrap());
        write(inventory, created, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn another_reader_reads_it() {
        for inventory in [sbom::sample(), sbom::bare()] {
            let document: spdx_rs::models::SPDX =
                serde_json::from_str(&text(&inventory, Some(1_700_000_000))).unwrap();
            let system = usize::from(inventory.distribution.is_some());
            assert_eq!(document.package_information.len(), inventory.packages.len() + 1 + system);
            let created = document.document_creation_information.creation_info.created;
            assert_eq!(created.to_rfc3339(), "2023-11-14T22:13:20+00:00");
            let describes = document.relationships_for_spdx_id("SPDXRef-DOCUMENT");
            assert_eq!(describes.len(), 1);
            assert_eq!(describes[0].related_spdx_element, "SPDXRef-Image");
        }
    }

    #[test]
    fn every_reference_is_defined_once() {
        let value: Value = serde_json::from_str(&text(&sbom::sample(), None)).unwrap();
        let packages = value["packages"].as_array().unwrap();
        let ids: BTreeSet<&str> =
            packages.iter().map(|package| package["SPDXID"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), packages.len());
        for id in &ids {
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)), "{id}");
        }
        for relationship in value["relationships"].as_array().unwrap() {
            assert!(ids.contains(relationship["relatedSpdxElement"].as_str().unwrap()));
        }
        let licenses = value["hasExtractedLicensingInfos"].as_array().unwrap();
        let refs: BTreeSet<&str> = licenses.iter().map(|info| info["licenseId"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), 4, "{refs:?}");
        for package in packages {
            let declared = package["licenseDeclared"].as_str().unwrap();
            for word in declared.split([' ', '(', ')']).filter(|word| word.starts_with("LicenseRef-")) {
                assert!(refs.contains(word), "{word}");
            }
        }
        assert_eq!(packages[2]["licenseDeclared"], "MIT AND (GPL-2.0-only OR ISC)");
        assert_eq!(packages[2]["supplier"], "Organization: A Team (a@example.org)");
        assert_eq!(packages[3]["supplier"], "Person: B B");
        assert_eq!(packages[4]["supplier"], "NOASSERTION");
    }

    #[test]
    fn licences_that_are_spelt_alike_stay_apart() {
        let hashed = license_ref("a b");
        let twin = hashed.strip_prefix("LicenseRef-").unwrap();
        let all = ["a b", "a-b", "a_b", "LicenseRef-a-b", twin, &hashed].map(license_ref);
        assert_eq!(BTreeSet::from_iter(&all).len(), all.len(), "{all:?}");
    }

    #[test]
    fn the_same_bytes_every_time() {
        let inventory = sbom::sample();
        assert_eq!(text(&inventory, Some(1)), text(&inventory, Some(1)));
        let namespace = |text: String| {
            serde_json::from_str::<Value>(&text).unwrap()["documentNamespace"].as_str().unwrap().to_owned()
        };
        let mut other = inventory.clone();
        other.subject.digest = Digest::of(b"other");
        let all = [
            text(&inventory, Some(1)),
            text(&inventory, Some(2)),
            text(&inventory, None),
            text(&other, Some(1)),
        ];
        let different: BTreeSet<String> = all.into_iter().map(namespace).collect();
        assert_eq!(different.len(), 4);
    }
}
