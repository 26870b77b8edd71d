//! CycloneDX 1.6 and 1.5 in JSON: ECMA-424, <https://cyclonedx.org/docs/1.6/json/>. Written as a stream, fields in a fixed order.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::sbom::{self, Maintainer, TOOL};
use super::{license, purl};
use crate::base::{Algorithm, Digest, Distribution, Inventory, Package, PackageId, Timestamp};

/// A version of the specification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// 1.5, for readers that know no newer one.
    V1_5,
    /// 1.6.
    V1_6,
}

/// Writes the inventory as one BOM. `created` is the time it states; left out if there is none.
pub fn write(
    inventory: &Inventory,
    created: Option<Timestamp>,
    version: Version,
    out: impl Write,
) -> io::Result<()> {
    let (number, schema, format) = match version {
        Version::V1_5 => ("1.5", "http://cyclonedx.org/schema/bom-1.5.schema.json", "cyclonedx-1.5"),
        Version::V1_6 => ("1.6", "http://cyclonedx.org/schema/bom-1.6.schema.json", "cyclonedx-1.6"),
    };
    let bom = Bom {
        schema,
        bom_format: "CycloneDX",
        spec_version: number,
        serial_number: format!("urn:uuid:{}", sbom::uuid(format, inventory, created)),
        version: 1,
        metadata: metadata(inventory, created),
        components: Components(inventory, version),
        dependencies: Dependencies(inventory),
        compositions: [Composition {
            // Only operating-system packages are looked for: nobody may read this list as everything.
            aggregate: if inventory.unknowns.is_empty() { "unknown" } else { "incomplete" },
            assemblies: [ROOT],
        }],
    };
    let mut out = out;
    serde_json::to_writer(&mut out, &bom)?;
    out.write_all(b"\n")
}

const ROOT: &str = "image";
const SYSTEM: &str = "operating-system";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    bom_format: &'a str,
    spec_version: &'a str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Components<'a>,
    dependencies: Dependencies<'a>,
    compositions: [Composition<'a>; 1],
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    lifecycles: [Lifecycle<'a>; 1],
    tools: Tools<'a>,
    component: Component<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Lifecycle<'a> {
    phase: &'a str,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    bom_ref: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Organization<'a>>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<LicenseChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<ExternalReference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
}

#[derive(Serialize)]
struct Organization<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contact: Vec<Contact<'a>>,
}

#[derive(Serialize)]
struct Contact<'a> {
    email: &'a str,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'a str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LicenseChoice<'a> {
    License(License<'a>),
    #[serde(untagged)]
    Expression {
        expression: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        acknowledgement: Option<&'a str>,
    },
}

#[derive(Default, Serialize)]
struct License<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<&'a str>,
}

#[derive(Serialize)]
struct ExternalReference<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct Property<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
struct Evidence {
    occurrences: [Occurrence; 1],
}

#[derive(Serialize)]
struct Occurrence {
    location: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency<'a> {
    #[serde(rename = "ref")]
    from: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<&'a str>,
}

#[derive(Serialize)]
struct Composition<'a> {
    aggregate: &'a str,
    assemblies: [&'a str; 1],
}

struct Components<'a>(&'a Inventory, Version);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let system = self.0.distribution.as_ref().map(operating_system);
        let packages = self.0.packages.iter().map(|package| component(package, self.1));
        sbom::list(system.into_iter().chain(packages), serializer)
    }
}

struct Dependencies<'a>(&'a Inventory);

impl Serialize for Dependencies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inventory = self.0;
        let system = inventory.distribution.as_ref().map(|_| SYSTEM);
        let all = system.into_iter().chain(inventory.packages.iter().map(|package| package.purl.as_str()));
        let root = Dependency { from: ROOT, depends_on: all.collect() };
        let system = system.map(|from| Dependency { from, depends_on: Vec::new() });
        let purl = |id: &PackageId| {
            let at = inventory.packages.binary_search_by(|package| package.id.cmp(id)).ok()?;
            inventory.packages.get(at).map(|package| package.purl.as_str())
        };
        let packages = inventory.packages.iter().map(|package| Dependency {
            from: &package.purl,
            depends_on: package.dependencies.iter().filter_map(purl).collect(),
        });
        sbom::list(std::iter::once(root).chain(system).chain(packages), serializer)
    }
}

fn metadata(inventory: &Inventory, created: Option<Timestamp>) -> Metadata<'_> {
    let subject = &inventory.subject;
    let tool = Component {
        kind: "application",
        name: TOOL.0,
        version: Some(TOOL.1.to_owned()),
        ..Component::default()
    };
    let image = Component {
        kind: "container",
        bom_ref: Some(ROOT),
        name: &subject.name,
        version: Some(subject.version.clone().unwrap_or_else(|| subject.digest.to_string())),
        hashes: vec![hash(subject.digest)],
        purl: purl::of_image(subject),
        properties: vec![
            Property { name: "plimsoll:image:digest", value: subject.digest.to_string() },
            Property { name: "plimsoll:image:platform", value: subject.platform.to_string() },
        ],
        ..Component::default()
    };
    let unknown = |sentence: &String| Property { name: "plimsoll:unknown", value: sentence.clone() };
    Metadata {
        timestamp: created.map(|time| time.to_string()),
        lifecycles: [Lifecycle { phase: "post-build" }],
        tools: Tools { components: [tool] },
        component: image,
        properties: inventory.unknowns.iter().map(unknown).collect(),
    }
}

fn hash(digest: Digest) -> Hash<'static> {
    let alg = match digest.algorithm() {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha384 => "SHA-384",
        Algorithm::Sha512 => "SHA-512",
    };
    Hash { alg, content: digest.hex() }
}

fn operating_system(distribution: &Distribution) -> Component<'_> {
    Component {
        kind: "operating-system",
        bom_ref: Some(SYSTEM),
        name: &distribution.id,
        version: distribution.version_id.clone(),
        description: distribution.pretty_name.as_deref(),
        ..Component::default()
    }
}

fn component(package: &Package, version: Version) -> Component<'_> {
    let known = |name: &str| match name {
        "SHA1" => Some("SHA-1"),
        "SHA256" => Some("SHA-256"),
        _ => None,
    };
    let hashes = package
        .checksum
        .iter()
        .filter_map(|(algorithm, hex)| Some(Hash { alg: known(algorithm)?, content: hex.clone() }));
    let page = sbom::web_page(package.homepage.as_deref());
    Component {
        kind: "library",
        bom_ref: Some(&package.purl),
        supplier: package.maintainer.as_deref().and_then(supplier),
        name: &package.id.name,
        version: Some(package.id.version.clone()),
        description: package.description.as_deref(),
        hashes: hashes.collect(),
        licenses: licenses(package, version),
        purl: Some(package.purl.clone()),
        external_references: page.map(|url| ExternalReference { kind: "website", url }).into_iter().collect(),
        properties: properties(package),
        evidence: Some(Evidence { occurrences: [Occurrence { location: package.evidence.to_string() }] }),
    }
}

fn supplier(maintainer: &str) -> Option<Organization<'_>> {
    let who = Maintainer::parse(maintainer)?;
    Some(Organization {
        name: who.name,
        contact: who.email.map(|email| Contact { email }).into_iter().collect(),
    })
}

/// Either licences by id or name, or one expression: the schema allows no mixture.
fn licenses(package: &Package, version: Version) -> Vec<LicenseChoice<'_>> {
    let acknowledgement = (version == Version::V1_6).then_some("declared");
    let words = || package.licenses.iter().map(String::as_str);
    if words().all(license::is_expression) && !words().all(license::is_id) {
        let whole = license::all_of(words());
        return whole
            .map(|expression| LicenseChoice::Expression { expression, acknowledgement })
            .into_iter()
            .collect();
    }
    words()
        .map(|words| {
            LicenseChoice::License(if license::is_id(words) {
                License { id: Some(words), acknowledgement, ..License::default() }
            } else {
                License { name: Some(words), acknowledgement, ..License::default() }
            })
        })
        .collect()
}

fn properties(package: &Package) -> Vec<Property<'_>> {
    let mut out = Vec::new();
    if let Some(source) = &package.source {
        out.push(Property { name: "plimsoll:source:name", value: source.name.clone() });
        out.extend(
            source
                .version
                .iter()
                .map(|version| Property { name: "plimsoll:source:version", value: version.clone() }),
        );
    }
    if let Some(layer) = &package.layer {
        out.push(Property { name: "plimsoll:layer:index", value: layer.index.to_string() });
        out.push(Property { name: "plimsoll:layer:diffId", value: layer.diff_id.to_string() });
        out.push(Property { name: "plimsoll:layer:digest", value: layer.digest.to_string() });
        out.extend(
            layer
                .created_by
                .iter()
                .map(|step| Property { name: "plimsoll:layer:createdBy", value: step.clone() }),
        );
    }
    out
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read schemas")]
mod tests {
    use std::collections::BTreeSet;

    use cyclonedx_bom::validation::Validate as _;
    use serde_json::Value;

    use super::*;

    fn text(inventory: &Inventory, version: Version, created: Option<Timestamp>) -> String {
        let mut out = Vec::new();
        write(inventory, created, version, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn schema(name: &str) -> Value {
        let path = format!("{}/schemas/cyclonedx/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_published_schema_accepts_it() {
        let registry = jsonschema::Registry::new()
            .add("http://cyclonedx.org/schema/spdx.schema.json", schema("spdx"))
            .unwrap()
            .add("http://cyclonedx.org/schema/jsf-0.82.schema.json", schema("jsf-0.82"))
            .unwrap()
            .prepare()
            .unwrap();
        let validator = jsonschema::options()
            .with_registry(&registry)
            .should_validate_formats(true)
            .build(&schema("bom-1.6"))
            .unwrap();
        for inventory in [sbom::sample(), sbom::bare()] {
            for created in [None, Some(Timestamp::EPOCH)] {
                let value = serde_json::from_str(&text(&inventory, Version::V1_6, created)).unwrap();
                let errors: Vec<String> = validator
                    .iter_errors(&value)
                    .map(|error| format!("{}: {error}", error.instance_path()))
                    .collect();
                assert_eq!(errors, [""; 0]);
            }
        }
        assert!(!validator.is_valid(&serde_json::json!({ "bomFormat": "CycloneDX", "specVersion": 6 })));
    }

    #[test]
    fn another_reader_reads_the_older_version() {
        for inventory in [sbom::sample(), sbom::bare()] {
            let text = text(&inventory, Version::V1_5, Some(Timestamp::EPOCH));
            let bom = cyclonedx_bom::models::bom::Bom::parse_from_json_v1_5(text.as_bytes()).unwrap();
            assert!(bom.validate().passed(), "{:?}", bom.validate());
            let system = usize::from(inventory.distribution.is_some());
            assert_eq!(bom.components.unwrap().0.len(), inventory.packages.len() + system);
        }
    }

    #[test]
    fn every_component_is_in_the_graph_once() {
        let value: Value = serde_json::from_str(&text(&sbom::sample(), Version::V1_6, None)).unwrap();
        let strings = |list: &Value, key: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
        };
        let mut refs = strings(&value["components"], "bom-ref");
        refs.push("image".to_owned());
        let nodes = strings(&value["dependencies"], "ref");
        let (known, graph) = (BTreeSet::from_iter(&refs), BTreeSet::from_iter(&nodes));
        assert_eq!((known.len(), graph.len()), (refs.len(), nodes.len()));
        assert_eq!(known, graph);
        let root = &value["dependencies"][0];
        assert_eq!(root["ref"], "image");
        assert_eq!(root["dependsOn"].as_array().unwrap().len(), refs.len() - 1);
        let edges = value["dependencies"].as_array().unwrap();
        let ends = edges.iter().filter_map(|edge| edge["dependsOn"].as_array()).flatten();
        assert!(ends.into_iter().all(|end| known.contains(&end.as_str().unwrap().to_owned())));
        assert_eq!(value["compositions"][0]["aggregate"], "incomplete");
    }

    #[test]
    fn licences_are_ids_names_or_one_expression() {
        let value: Value = serde_json::from_str(&text(&sbom::sample(), Version::V1_6, None)).unwrap();
        let licenses = |at: usize| value["components"][at + 1]["licenses"].to_string();
        assert_eq!(
            licenses(0),
            r#"[{"acknowledgement":"declared","expression":"MIT AND (GPL-2.0-only OR ISC)"}]"#
        );
        assert_eq!(
            licenses(3),
            r#"[{"license":{"acknowledgement":"declared","id":"MIT"}},{"license":{"acknowledgement":"declared","id":"Zlib"}}]"#
        );
        assert!(licenses(1).contains(r#""name":"public domain""#));
        assert_eq!(licenses(4), "null");
        assert_eq!(text(&sbom::sample(), Version::V1_5, None).matches("acknowledgement").count(), 0);
    }
}
