//! An OCI image layout, from a folder or from a tar file, into memory: OCI image-spec v1.1, image-layout.md.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

/// The one image of a layout.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// Media type and bytes of the manifest or index that `index.json` names.
    pub(super) root: (String, Vec<u8>),
    /// Manifests below the root.
    pub(super) manifests: Vec<(String, Vec<u8>)>,
    /// Configs and layers.
    pub(super) blobs: Vec<Vec<u8>>,
}

/// Reads the first image of the layout.
pub(super) fn read(layout: &Path) -> Image {
    let files = if layout.is_dir() { folder(layout) } else { archive(layout) };
    let index: Value = serde_json::from_slice(&files["index.json"]).expect("index.json is JSON");
    let mut image = Image::default();
    let root = descend(&files, &index["manifests"][0], &mut image);
    image.root = root;
    image
}

/// Media type and bytes of the manifest that `descriptor` names; what it names in turn goes into `image`.
fn descend(files: &BTreeMap<String, Vec<u8>>, descriptor: &Value, image: &mut Image) -> (String, Vec<u8>) {
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a descriptor has a digest");
        files[&format!("blobs/{}", digest.replace(':', "/"))].clone()
    };
    let bytes = blob(descriptor);
    let manifest: Value = serde_json::from_slice(&bytes).expect("a manifest is JSON");
    for child in manifest["manifests"].as_array().into_iter().flatten() {
        let below = descend(files, child, image);
        image.manifests.push(below);
    }
    let parts = manifest.get("config").into_iter().chain(manifest["layers"].as_array().into_iter().flatten());
    image.blobs.extend(parts.map(blob));
    (descriptor["mediaType"].as_str().expect("a descriptor has a media type").to_owned(), bytes)
}

fn folder(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files = BTreeMap::from([("index.json".to_owned(), read(&root.join("index.json")))]);
    for entry in fs::read_dir(root.join("blobs/sha256")).expect("a layout has blobs") {
        let path = entry.expect("a readable folder").path();
        let name = path.strip_prefix(root).expect("inside").to_str().expect("hexadecimal").to_owned();
        files.insert(name, read(&path));
    }
    files
}

fn archive(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = fs::File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(file).entries().expect("a tar file") {
        let mut entry = entry.expect("a whole tar file");
        let name = entry.path().expect("a path").to_str().expect("UTF-8").trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a whole entry");
        files.insert(name, bytes);
    }
    files
}
