//! Archives of `docker save`: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format".

use std::collections::BTreeMap;
use std::io::Read as _;

use serde::Deserialize;
use serde_json::json;

use super::LayoutError;
use super::store::Store;
use crate::base::{Algorithm, Checked, Digest, ImagePath, limits};
use crate::format::json::parse_strict;
use crate::format::manifest::{OCI_CONFIG, OCI_MANIFEST};
use crate::io::blob::Section;

/// The one image of an archive, described by a manifest that is made here: the same archive makes the same digest.
#[derive(Debug)]
pub(super) struct DockerArchive {
    manifest: Checked,
    names: BTreeMap<Digest, String>,
    tags: Vec<String>,
}

impl DockerArchive {
    pub(super) fn read(store: &Store) -> Result<Self, LayoutError> {
        let layout = || store.path().to_owned();
        let bytes = store.read(MANIFEST, limits::MANIFEST)?.ok_or_else(|| LayoutError::NotThat {
            layout: layout(),
            kind: "an archive of `docker save`",
            name: MANIFEST.to_owned(),
        })?;
        let images: Vec<ImageWire> = parse_strict(&bytes).map_err(|source| LayoutError::Json {
            layout: layout(),
            name: MANIFEST.to_owned(),
            source,
        })?;
        let image = match images.as_slice() {
            [] => return Err(LayoutError::NoImage { layout: layout() }),
            [image] => image,
            several => {
                let tags = several.iter().flat_map(|image| image.repo_tags.clone().unwrap_or_default());
                return Err(LayoutError::Ambiguous { layout: layout(), tags: tags.take(20).collect() });
            }
        };
        if image.layers.len() > limits::LAYERS {
            return Err(LayoutError::TooMany { layout: layout(), limit: limits::LAYERS });
        }
        let mut names = BTreeMap::new();
        let config = describe(store, &image.config, |_| Ok(OCI_CONFIG), &mut names)?;
        let layers = image.layers.iter().map(|name| describe(store, name, layer_type, &mut names));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
        let tags = image.repo_tags.clone().unwrap_or_default();
        Ok(Self { manifest: Checked::of(manifest.to_string().into_bytes()), names, tags })
    }

    /// What docker called the image.
    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The manifest that describes the archive.
    pub(super) fn manifest(&self) -> &Checked {
        &self.manifest
    }

    /// Where in the archive a blob is.
    pub(super) fn name(&self, digest: Digest) -> Option<&str> {
        self.names.get(&digest).map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageWire {
    config: String,
    layers: Vec<String>,
    repo_tags: Option<Vec<String>>,
}

fn describe(
    store: &Store,
    name: &str,
    media_type: impl Fn(&Section) -> std::io::Result<&'static str>,
    names: &mut BTreeMap<Digest, String>,
) -> Result<serde_json::Value, LayoutError> {
    let layout = || store.path().to_owned();
    let name =
        ImagePath::try_from(name).map_err(|source| LayoutError::EntryName { layout: layout(), source })?;
    let name = name.to_string();
    let section = store.section(&name)?.ok_or_else(|| LayoutError::NotThat {
        layout: layout(),
        kind: "a complete archive of `docker save`",
        name: name.clone(),
    })?;
    let wrong = |source| LayoutError::Read { path: layout(), source };
    let digest = section.digest(Algorithm::Sha256).map_err(wrong)?;
    let media_type = media_type(&section).map_err(wrong)?;
    names.insert(digest, name);
    Ok(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": section.length() }))
}

/// By its first bytes: the archive does not say.
fn layer_type(section: &Section) -> std::io::Result<&'static str> {
    let mut start = Vec::new();
    section.reader().take(4).read_to_end(&mut start)?;
    Ok(match start.as_slice() {
        [0x1f, 0x8b, ..] => "application/vnd.oci.image.layer.v1.tar+gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "application/vnd.oci.image.layer.v1.tar+zstd",
        _ => "application/vnd.oci.image.layer.v1.tar",
    })
}

const MANIFEST: &str = "manifest.json";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::Layout;
    use super::*;
    use crate::format::manifest::Manifest;
    use crate::io::stub::wait;

    fn archive(folder: &tempfile::TempDir, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.path().join("image.tar");
        let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.finish().unwrap();
        path
    }

    #[test]
    fn describes_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let manifest =
            br#"[{"Config":"c.json","RepoTags":["a:b"],"Layers":["l1/layer.tar","l2/layer.tar"]}]"#;
        let entries: [(&str, &[u8]); 4] = [
            ("c.json", b"{}"),
            ("l1/layer.tar", b"one"),
            ("l2/layer.tar", b"\x1f\x8btwo"),
            (MANIFEST, manifest),
        ];
        let layout = Layout::open_docker_archive(&archive(&folder, &entries)).unwrap();
        let root = layout.root().unwrap();
        let parsed = Manifest::parse(&root.content).unwrap();
        assert_eq!(parsed.config.digest, Digest::of(b"{}"));
        assert_eq!(parsed.layers[0].digest, Digest::of(b"one"));
        assert!(parsed.layers[0].media_type.ends_with(".tar"));
        assert!(parsed.layers[1].media_type.ends_with("+gzip"));
        assert_eq!(wait(layout.layer(&parsed.layers[1])).unwrap().size(), 5);
        assert_eq!(layout.blob(parsed.config.digest, 2, 10).unwrap().bytes(), b"{}");
        assert_eq!(layout.manifest(parsed.digest).unwrap().content.digest(), parsed.digest);
        assert!(layout.referrers(parsed.digest).unwrap().is_empty());
        assert!(matches!(layout.push_blob(b"x"), Err(LayoutError::ReadOnly { .. })));
        let again = Layout::open_docker_archive(&archive(&folder, &entries)).unwrap();
        assert_eq!(again.root().unwrap().content.digest(), parsed.digest);
    }

    #[test]
    fn refuses_what_is_not_one_image() {
        let folder = tempfile::tempdir().unwrap();
        for (manifest, want) in [
            ("[]", "NoImage"),
            (
                r#"[{"Config":"c","Layers":[],"RepoTags":["a:1"]},{"Config":"c","Layers":[],"RepoTags":["a:2"]}]"#,
                "a:2",
            ),
            (r#"[{"Config":"absent","Layers":[]}]"#, "NotThat"),
            (r#"[{"Config":"c","Layers":["../x"]}]"#, "EntryName"),
            (r#"[{"Config":"c"}]"#, "Json"),
            (r#"[{"Config":"c","Config":"d","Layers":[]}]"#, "Json"),
            ("{}", "Json"),
        ] {
            let path = archive(&folder, &[("c", b"{}"), (MANIFEST, manifest.as_bytes())]);
            let error = Layout::open_docker_archive(&path).unwrap_err();
            assert!(format!("{error:?}").contains(want), "{manifest}: {error:?}");
        }
        let path = archive(&folder, &[("c", b"{}")]);
        assert!(matches!(Layout::open_docker_archive(&path), Err(LayoutError::NotThat { .. })));
    }
}
