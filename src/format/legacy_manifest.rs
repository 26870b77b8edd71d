//! Manifests under the tags `sha256-….sig`, `.att` and `.sbom`: cosign's older storage, specs/SIGNATURE_SPEC.md. One manifest gathers the
//! layers of everybody who signed, so two of them are joined layer by layer and nobody's is dropped.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::json::parse_strict;
use super::manifest::{Descriptor, Manifest, ManifestError, OCI_CONFIG, OCI_MANIFEST};
use crate::base::{Checked, Digest, limits};

/// The ends of the tags.
pub const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// A manifest with more layers. Push this config, then this manifest under the tag.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The manifest with all layers.
    pub manifest: Vec<u8>,
    /// The config that it names.
    pub config: Vec<u8>,
}

/// What one manifest lacks of another.
#[derive(Clone, Debug)]
pub enum Join {
    /// Nothing: every layer is there.
    Nothing,
    /// The other manifest has all of its layers and more, and can stand in its place.
    Other,
    /// Each has layers that the other has not.
    Both(Appended),
}

/// Appends layers, each a digest and its descriptor as JSON, to the manifest that the tag names, or starts one. What is there stays as it
/// is, byte for byte.
pub fn append(existing: Option<&Checked>, new: &[(Digest, String)]) -> Result<Appended, ManifestError> {
    let mut wire = existing.map(read).transpose()?.unwrap_or_default();
    for (digest, layer) in new {
        wire.digests.push(*digest);
        wire.layers.push(layer.clone());
    }
    if wire.layers.len() > limits::LAYERS {
        return Err(ManifestError::TooManyLayers { found: wire.layers.len() });
    }
    let config = config(&wire.digests);
    let digest = Digest::of(config.as_bytes());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","size":{},"digest":"{digest}"}},"layers":[{}]{}}}"#,
        config.len(),
        wire.layers.join(","),
        wire.rest,
    );
    Ok(Appended { manifest: manifest.into_bytes(), config: config.into_bytes() })
}

/// Joins two manifests of one tag: `here` keeps everything that it has.
pub fn join(here: &Checked, other: &Checked) -> Result<Join, ManifestError> {
    let (ours, theirs) = (Manifest::parse(here)?.layers, Manifest::parse(other)?.layers);
    let raw = read(other)?;
    let missing: Vec<(Digest, String)> = theirs
        .iter()
        .zip(&raw.layers)
        .filter(|(layer, _)| !ours.contains(layer))
        .map(|(layer, text)| (layer.digest, text.clone()))
        .collect();
    if missing.is_empty() {
        return Ok(Join::Nothing);
    }
    let is_prefix = theirs.iter().zip(&ours).all(|(one, other)| one == other) && theirs.len() >= ours.len();
    if is_prefix && read(here)?.rest == raw.rest {
        return Ok(Join::Other);
    }
    append(Some(here), &missing).map(Join::Both)
}

/// Whether a manifest under a legacy tag has this layer.
pub fn holds(
    content: &Checked,
    layer: Digest,
    annotations: &BTreeMap<String, String>,
) -> Result<bool, ManifestError> {
    let is_same = |other: &Descriptor| other.digest == layer && other.annotations == *annotations;
    Ok(Manifest::parse(content)?.layers.iter().any(is_same))
}

/// A manifest in pieces that are kept as they are.
#[derive(Default)]
struct Pieces {
    digests: Vec<Digest>,
    layers: Vec<String>,
    /// Fields that appending does not touch.
    rest: String,
}

fn read(content: &Checked) -> Result<Pieces, ManifestError> {
    let manifest = Manifest::parse(content)?;
    let wire: ExistingWire = parse_strict(content.bytes())?;
    let mut pieces = Pieces {
        digests: manifest.layers.iter().map(|layer| layer.digest).collect(),
        layers: wire.layers.iter().map(|raw| raw.get().to_owned()).collect(),
        rest: String::new(),
    };
    for (name, raw) in
        [("annotations", wire.annotations), ("artifactType", wire.artifact_type), ("subject", wire.subject)]
    {
        if let Some(raw) = raw {
            pieces.rest.push_str(&format!(r#","{name}":{raw}"#));
        }
    }
    Ok(pieces)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExistingWire {
    layers: Vec<Box<RawValue>>,
    annotations: Option<Box<RawValue>>,
    artifact_type: Option<Box<RawValue>>,
    subject: Option<Box<RawValue>>,
}

/// An image config that says nothing, byte for byte as cosign's.
fn config(layers: &[Digest]) -> String {
    let history = vec![r#"{"created":"0001-01-01T00:00:00Z"}"#; layers.len()].join(",");
    format!(
        r#"{{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{history}],"os":"","rootfs":{{"type":"layers","diff_ids":{}}},"config":{{}}}}"#,
        json!(layers.iter().map(Digest::to_string).collect::<Vec<_>>()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str) -> (Digest, String) {
        let digest = Digest::of(name.as_bytes());
        let text = format!(
            r#"{{"mediaType":"m","size":{},"digest":"{digest}","annotations":{{"sig":"{name}"}},"x-theirs":[1.0]}}"#,
            name.len()
        );
        (digest, text)
    }

    fn made(names: &[&str]) -> Checked {
        let layers: Vec<_> = names.iter().map(|name| layer(name)).collect();
        Checked::of(append(None, &layers).unwrap().manifest)
    }

    fn layers(content: &Checked) -> Vec<String> {
        let manifest = Manifest::parse(content).unwrap();
        manifest.layers.iter().map(|layer| layer.annotations["sig"].clone()).collect()
    }

    #[test]
    fn nobodys_layer_is_lost() {
        for (here, other, want) in [
            (&["a"][..], &["a"][..], None),
            (&["a", "b"], &["b"], None),
            (&["a", "b"], &[], None),
            (&[], &["a"], Some(&["a"][..])),
            (&["a"], &["a", "b"], Some(&["a", "b"])),
            (&["a"], &["b"], Some(&["a", "b"])),
            (&["a", "b"], &["b", "c", "a"], Some(&["a", "b", "c"])),
        ] {
            let (here, other) = (made(here), made(other));
            let joined = match join(&here, &other).unwrap() {
                Join::Nothing => None,
                Join::Other => Some(other.clone()),
                Join::Both(appended) => Some(Checked::of(appended.manifest)),
            };
            assert_eq!(
                joined.as_ref().map(layers),
                want.map(|names| names.iter().map(|name| (*name).to_owned()).collect())
            );
            if let Some(joined) = joined {
                let text = String::from_utf8(joined.bytes().to_vec()).unwrap();
                assert_eq!(text.matches(r#""x-theirs":[1.0]"#).count(), layers(&joined).len(), "{text}");
                assert!(matches!(join(&joined, &other).unwrap(), Join::Nothing));
                assert!(matches!(join(&joined, &here).unwrap(), Join::Nothing));
            }
        }
        // The same manifest is the same bytes: its digest can stay.
        assert!(matches!(join(&made(&["a"]), &made(&["a", "b"])).unwrap(), Join::Other));
    }

    /// One payload, signed twice: the same digest, and yet two layers.
    #[test]
    fn two_signatures_over_one_payload_are_two_layers() {
        let (digest, text) = layer("a");
        let second = (digest, text.replace(r#""sig":"a""#, r#""sig":"z""#));
        let other = Checked::of(append(None, &[second]).unwrap().manifest);
        let Join::Both(joined) = join(&made(&["a"]), &other).unwrap() else { panic!("each has its own") };
        assert_eq!(layers(&Checked::of(joined.manifest)), ["a", "z"]);
    }

    #[test]
    fn other_fields_stay_as_they_are() {
        let subject = format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, Digest::of(b"s"));
        let text = String::from_utf8(made(&["a"]).bytes().to_vec()).unwrap();
        let rest = format!(r#","annotations":{{"b":"1","a":"2"}},"artifactType":"t","subject":{subject}}}"#);
        let here = Checked::of(
            format!("{}{rest}", text.trim_end_matches('}').to_owned() + "}]")
                .replace("}]}]", "}]")
                .into_bytes(),
        );
        let joined = match join(&here, &made(&["b"])) {
            Ok(Join::Both(joined)) => String::from_utf8(joined.manifest).unwrap(),
            other => panic!("{other:?}"),
        };
        assert!(joined.ends_with(&rest), "{joined}");
    }

    #[test]
    fn what_cannot_be_joined_is_an_error() {
        let index = Checked::of(br#"{"schemaVersion":2,"manifests":[]}"#.to_vec());
        assert!(join(&index, &made(&["a"])).is_err());
        assert!(join(&made(&["a"]), &index).is_err());
        let names: Vec<String> = (0..limits::LAYERS).map(|number| number.to_string()).collect();
        let full = made(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(matches!(join(&full, &made(&["x"])), Err(ManifestError::TooManyLayers { .. })));
    }
}
