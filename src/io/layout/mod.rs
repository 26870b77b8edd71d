//! Images in files: OCI image-spec v1.1, image-layout.md, in a folder or a tar archive; and archives of `docker save`.

mod docker;
mod error;
mod scan;
mod store;
mod take;
mod write;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

pub use error::LayoutError;

use super::blob::{LayerBlob, Section};
use super::source::{Fetched, Listed, ListedBy};
use crate::base::{Algorithm, Checked, Digest, LayoutSelector, Mismatch, Tag, limits};
use crate::format::index::Index;
use crate::format::json::parse_strict;
use crate::format::manifest::{
    AnyManifest, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST,
};
use docker::DockerArchive;
use scan::{Scan, is_beside};
use store::Store;

/// One image in a layout or an archive, and what else is in there.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    store: Store,
    select: LayoutSelector,
    docker: Option<Arc<DockerArchive>>,
    /// What no index lists, once it was looked for.
    scan: Arc<Mutex<Option<Scan>>>,
}

impl Layout {
    /// A folder that holds a layout.
    pub(super) fn open_folder(folder: &Path, select: &LayoutSelector) -> Result<Self, LayoutError> {
        Self::open(Store::Folder(folder.to_owned()), select, "an OCI image layout")
    }

    /// A tar file that holds a layout.
    pub(super) fn open_archive(file: &Path, select: &LayoutSelector) -> Result<Self, LayoutError> {
        Self::open(Store::archive(file)?, select, "an archive of an OCI image layout")
    }

    /// A tar file as `docker save` writes it.
    pub(super) fn open_docker_archive(file: &Path) -> Result<Self, LayoutError> {
        let store = Store::archive(file)?;
        let docker = Some(Arc::new(DockerArchive::read(&store)?));
        Ok(Self { store, select: LayoutSelector::Only, docker, scan: Arc::default() })
    }

    fn open(store: Store, select: &LayoutSelector, kind: &'static str) -> Result<Self, LayoutError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let layout = || store.path().to_owned();
        let absent = |name: &str| LayoutError::NotThat { layout: layout(), kind, name: name.to_owned() };
        let marker = store.read(MARKER, limits::TOKEN)?.ok_or_else(|| absent(MARKER))?;
        let marker: Marker = parse_strict(&marker).map_err(|source| LayoutError::Json {
            layout: layout(),
            name: MARKER.to_owned(),
            source,
        })?;
        if marker.image_layout_version != VERSION {
            let found = marker.image_layout_version.chars().take(32).collect();
            return Err(LayoutError::Version { layout: layout(), found });
        }
        if store.section(INDEX)?.is_none() {
            return Err(absent(INDEX));
        }
        Ok(Self { store, select: select.clone(), docker: None, scan: Arc::default() })
    }

    /// The last name of the path.
    pub(super) fn name(&self) -> String {
        let path = self.store.path();
        // `oci:.` has no name of its own.
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| path.display().to_string())
    }

    /// The image that is selected.
    pub(super) fn root(&self) -> Result<Fetched, LayoutError> {
        if let Some(docker) = &self.docker {
            return self.fetched(docker.manifest().clone());
        }
        let index = self.index()?;
        let not_found = || LayoutError::NotFound {
            layout: self.store.path().to_owned(),
            select: self.select.clone(),
            tags: tags(&index),
        };
        match &self.select {
            LayoutSelector::Digest(digest) => self.manifest(*digest).map_err(|error| match error {
                LayoutError::Missing { .. } => not_found(),
                other => other,
            }),
            LayoutSelector::Tag(tag) => self.manifest_by_tag(tag)?.ok_or_else(not_found),
            LayoutSelector::Only => self.only(&index),
        }
    }

    fn only(&self, index: &Index) -> Result<Fetched, LayoutError> {
        let mut found: Option<Fetched> = None;
        let mut read = HashSet::new();
        for entry in index.image_descriptors() {
            if ref_name(entry).is_some_and(is_about_another) || is_beside(entry) || !read.insert(entry.digest)
            {
                continue;
            }
            let fetched = self.entry(entry)?;
            if self.parse(&fetched.content)?.subject().is_some() {
                continue;
            }
            if found.replace(fetched).is_some() {
                let layout = self.store.path().to_owned();
                return Err(LayoutError::Ambiguous { layout, tags: tags(index) });
            }
        }
        found.ok_or_else(|| LayoutError::NoImage { layout: self.store.path().to_owned() })
    }

    /// A manifest or index by digest.
    pub(super) fn manifest(&self, digest: Digest) -> Result<Fetched, LayoutError> {
        if let Some(docker) = self.docker.as_ref().filter(|docker| docker.manifest().digest() == digest) {
            return self.fetched(docker.manifest().clone());
        }
        let bytes = self.store.read(&self.blob_name(digest), limits::MANIFEST)?;
        self.fetched(self.check(digest, bytes.ok_or_else(|| self.missing(digest))?)?)
    }

    /// A manifest or index by its annotation `org.opencontainers.image.ref.name`.
    pub(super) fn manifest_by_tag(&self, tag: &Tag) -> Result<Option<Fetched>, LayoutError> {
        if self.docker.is_some() {
            return Ok(None);
        }
        let index = self.index()?;
        let mut named =
            index.manifests.iter().filter(|entry| ref_name(entry).is_some_and(|name| is_tag(name, tag)));
        let Some(first) = named.next() else { return self.saved_beside(&index, tag) };
        if named.any(|other| other.digest != first.digest) {
            return Err(LayoutError::TagTwice { layout: self.store.path().to_owned(), tag: tag.clone() });
        }
        self.entry(first).map(Some)
    }

    /// A blob that is held in memory.
    pub(super) fn blob(&self, digest: Digest, size: u64, limit: u64) -> Result<Checked, LayoutError> {
        if size > limit {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::TooLarge { layout, name: digest.to_string(), limit });
        }
        self.sized(digest, size)?;
        let bytes = self.store.read(&self.blob_name(digest), size)?;
        self.check(digest, bytes.ok_or_else(|| self.missing(digest))?)
    }

    /// A layer, where it is, once it is hashed.
    pub(super) async fn layer(&self, layer: &Descriptor) -> Result<LayerBlob, LayoutError> {
        let section = self.sized(layer.digest, layer.size)?;
        self.hashed(section, layer.digest).await
    }

    /// Any blob, where it is, once it is hashed.
    pub(super) async fn large_blob(&self, digest: Digest) -> Result<LayerBlob, LayoutError> {
        let section = self.store.section(&self.blob_name(digest))?.ok_or_else(|| self.missing(digest))?;
        self.hashed(section, digest).await
    }

    async fn hashed(&self, section: Section, digest: Digest) -> Result<LayerBlob, LayoutError> {
        let (hashed, algorithm) = (section.clone(), digest.algorithm());
        // Beside the others: hashing is what takes the time.
        let got = tokio::task::spawn_blocking(move || hashed.digest(algorithm)).await;
        let path = || self.store.path().join(self.blob_name(digest));
        let got = got
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|source| LayoutError::Read { path: path(), source })?;
        if got != digest {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::Digest { layout, source: Mismatch { want: digest, got } });
        }
        Ok(LayerBlob::checked(digest, section))
    }

    /// What `index.json` lists: what it calls images, each name once, and the digests of what it gives no name.
    pub(super) fn names(&self) -> Result<(Vec<String>, Vec<Digest>), LayoutError> {
        if let Some(docker) = &self.docker {
            let unnamed = docker.tags().is_empty().then(|| docker.manifest().digest());
            return Ok((docker.tags().to_vec(), unnamed.into_iter().collect()));
        }
        let (mut names, mut unnamed) = (Vec::new(), Vec::new());
        let (mut known, mut listed) = (HashSet::new(), HashSet::new());
        for entry in self.index()?.manifests {
            match ref_name(&entry).map(str::to_owned) {
                Some(name) if known.insert(name.clone()) => names.push(name),
                None if listed.insert(entry.digest) => unnamed.push(entry.digest),
                _ => {}
            }
        }
        Ok((names, unnamed))
    }

    /// All manifests that say that they are about `subject`, listed or not, and all that the fallback tag lists.
    pub(super) fn referrers(&self, subject: Digest) -> Result<Vec<Listed>, LayoutError> {
        if self.docker.is_some() {
            return Ok(Vec::new());
        }
        let index = self.index()?;
        let tag = Tag::about(subject, "");
        let mut out: Vec<Listed> = Vec::new();
        let (mut known, mut read) = (HashSet::new(), HashSet::new());
        let mut add = |descriptor: Descriptor, origin| {
            if known.insert(descriptor.digest) {
                out.push(Listed { descriptor, origin });
            }
        };
        for entry in index.manifests.iter().filter(|entry| is_manifest(entry)) {
            let is_list = ref_name(entry).is_some_and(|name| is_tag(name, &tag));
            // An index may name one large manifest thousands of times.
            if !read.insert((entry.digest, is_list)) {
                continue;
            }
            match self.parse(&self.entry(entry)?.content)? {
                AnyManifest::Index(list) if is_list => {
                    list.manifests.into_iter().for_each(|listed| add(listed, ListedBy::FallbackTag));
                }
                manifest if manifest.subject().is_some_and(|about| about.digest == subject) => {
                    add(entry.clone(), ListedBy::Layout);
                }
                AnyManifest::Image(_) | AnyManifest::Index(_) => {}
            }
        }
        // `cosign save` lists the image only.
        self.unlisted(subject)?.into_iter().for_each(|found| add(found, ListedBy::Layout));
        Ok(out)
    }

    /// What `index.json` calls an image.
    pub(super) fn tag(&self, image: Digest) -> Option<Tag> {
        if let LayoutSelector::Tag(tag) = &self.select {
            return Some(tag.clone());
        }
        let index = self.docker.is_none().then(|| self.index().ok()).flatten()?;
        let mut named = index.manifests.iter().filter(|entry| entry.digest == image).filter_map(ref_name);
        named.find_map(|name| name.rsplit(':').next()?.parse().ok())
    }

    /// `index.json`. It has no digest: it is the root of the layout.
    fn index(&self) -> Result<Index, LayoutError> {
        let layout = || self.store.path().to_owned();
        let bytes = self.store.read(INDEX, limits::MANIFEST)?.ok_or_else(|| LayoutError::NotThat {
            layout: layout(),
            kind: "an OCI image layout",
            name: INDEX.to_owned(),
        })?;
        let malformed = |source| LayoutError::Malformed { layout: layout(), what: INDEX.to_owned(), source };
        Index::parse(&Checked::of(bytes)).map_err(malformed)
    }

    fn entry(&self, entry: &Descriptor) -> Result<Fetched, LayoutError> {
        self.sized(entry.digest, entry.size)?;
        self.manifest(entry.digest)
    }

    fn fetched(&self, content: Checked) -> Result<Fetched, LayoutError> {
        let media_type = self.parse(&content)?.media_type().to_owned();
        Ok(Fetched { media_type, content })
    }

    fn parse(&self, content: &Checked) -> Result<AnyManifest, LayoutError> {
        AnyManifest::parse(content).map_err(|source| LayoutError::Malformed {
            layout: self.store.path().to_owned(),
            what: content.digest().to_string(),
            source,
        })
    }

    fn check(&self, digest: Digest, bytes: Vec<u8>) -> Result<Checked, LayoutError> {
        let layout = || self.store.path().to_owned();
        digest.check(bytes).map_err(|source| LayoutError::Digest { layout: layout(), source })
    }

    /// The file of a blob, if it is as long as its descriptor says.
    fn sized(&self, digest: Digest, want: u64) -> Result<Section, LayoutError> {
        let section = self.store.section(&self.blob_name(digest))?.ok_or_else(|| self.missing(digest))?;
        let found = section.length();
        if found != want {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::Size { layout, digest, want, found });
        }
        Ok(section)
    }

    fn missing(&self, digest: Digest) -> LayoutError {
        LayoutError::Missing { layout: self.store.path().to_owned(), digest }
    }

    fn blob_name(&self, digest: Digest) -> String {
        let known = self.docker.as_ref().and_then(|docker| docker.name(digest));
        known.map_or_else(|| format!("{BLOBS}/{}/{}", digest.algorithm().name(), digest.hex()), str::to_owned)
    }
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REF_NAME).map(String::as_str)
}

/// Whether an entry is of a kind that can be about something; a layout may list other content too.
fn is_manifest(entry: &Descriptor) -> bool {
    [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].contains(&entry.media_type.as_str())
}

/// A name is a tag, or ends in one: some tools write the complete reference.
fn is_tag(name: &str, tag: &Tag) -> bool {
    name == tag.as_str() || name.rsplit_once(':').is_some_and(|(_, end)| end == tag.as_str())
}

/// Whether a tag is of the kind `sha256-…`, under which signatures and lists are kept.
fn is_about_another(name: &str) -> bool {
    let of_algorithm = |algorithm: Algorithm| {
        let rest = name.strip_prefix(algorithm.name()).and_then(|rest| rest.strip_prefix('-'));
        let hex = rest.and_then(|rest| rest.get(..64));
        hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512].into_iter().any(of_algorithm)
}

/// The tags of what can be run, for messages.
fn tags(index: &Index) -> Vec<String> {
    let named = index.image_descriptors().filter_map(ref_name).filter(|name| !is_about_another(name));
    named.take(20).map(str::to_owned).collect()
}

const BLOBS: &str = "blobs";
const INDEX: &str = "index.json";
const MARKER: &str = "oci-layout";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const VERSION: &str = "1.0.0";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read as _;
    use std::path::PathBuf;

    use super::*;
    use crate::io::stub::{manifest, wait};

    struct Made {
        folder: tempfile::TempDir,
        layout: Layout,
    }

    fn empty() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(&folder.path().join("image"), &LayoutSelector::Only).unwrap();
        Made { folder, layout }
    }

    impl Made {
        fn path(&self) -> PathBuf {
            self.folder.path().join("image")
        }

        fn push(&self, name: &str, tag: Option<&str>) -> Digest {
            let tag = tag.map(|tag| tag.parse().unwrap());
            self.layout.push_manifest(OCI_MANIFEST, manifest(name).as_bytes(), tag.as_ref()).unwrap()
        }

        fn push_about(&self, name: &str, subject: Digest) -> Digest {
            let text = about(name, subject);
            self.layout.push_referrer(text.as_bytes(), "a/b", &BTreeMap::new()).unwrap()
        }

        fn open(&self, select: &LayoutSelector) -> Result<Digest, LayoutError> {
            Layout::open_folder(&self.path(), select)?.root().map(|fetched| fetched.content.digest())
        }

        fn blob(&self, digest: Digest) -> PathBuf {
            self.path().join(self.layout.blob_name(digest))
        }

        fn archive(&self) -> PathBuf {
            let path = self.folder.path().join("image.tar");
            let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
            tar.append_dir_all(".", self.path()).unwrap();
            tar.finish().unwrap();
            path
        }
    }

    fn about(name: &str, subject: Digest) -> String {
        let subject =
            format!(r#"{{"subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{subject}","size":1}},"#);
        manifest(name).replacen('{', &subject, 1)
    }

    fn tag(text: &str) -> LayoutSelector {
        LayoutSelector::Tag(text.parse().unwrap())
    }

    #[test]
    fn content_is_kept_under_the_digest_by_which_it_was_asked_for() {
        let made = empty();
        let body = manifest("a").into_bytes();
        let mut hasher = crate::base::Hasher::new(Algorithm::Sha512);
        hasher.update(&body);
        let digest = hasher.finish();
        made.layout.store(&digest.check(body).unwrap()).unwrap();
        assert_eq!(made.layout.manifest(digest).unwrap().content.digest(), digest);
    }

    #[test]
    fn selects_by_digest_by_tag_or_the_only_image() {
        let made = empty();
        assert!(matches!(made.open(&LayoutSelector::Only), Err(LayoutError::NoImage { .. })));
        let one = made.push("one", Some("v1"));
        assert_eq!(made.open(&LayoutSelector::Only).unwrap(), one);
        // What is about it does not count.
        made.push_about("sig", one);
        made.push("legacy", Some(Tag::about(one, ".sig").as_str()));
        made.push("one", Some("also"));
        assert_eq!(made.open(&LayoutSelector::Only).unwrap(), one);
        let two = made.push("two", Some("v2"));
        match made.open(&LayoutSelector::Only) {
            Err(LayoutError::Ambiguous { tags, .. }) => assert_eq!(tags, ["v1", "also", "v2"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(made.open(&tag("v1")).unwrap(), one);
        assert_eq!(made.open(&tag("v2")).unwrap(), two);
        assert_eq!(made.open(&LayoutSelector::Digest(two)).unwrap(), two);
        assert!(matches!(made.open(&tag("v3")), Err(LayoutError::NotFound { .. })));
        let nothing = LayoutSelector::Digest(Digest::of(b"nothing"));
        assert!(matches!(made.open(&nothing), Err(LayoutError::NotFound { .. })));
        // A tag moves.
        made.push("two", Some("v1"));
        assert_eq!(made.open(&tag("v1")).unwrap(), two);
    }

    #[test]
    fn finds_what_is_about_an_image() {
        let made = empty();
        let image = made.push("image", Some("v1"));
        let sig = made.push_about("sig", image);
        made.push_about("other", Digest::of(b"other"));
        made.push_about("sig", image);
        let entry =
            format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":1}}"#, Digest::of(b"listed"));
        let list = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entry}]}}"#);
        made.layout.push_manifest(OCI_INDEX, list.as_bytes(), Some(&Tag::about(image, ""))).unwrap();
        let found = made.layout.referrers(image).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.descriptor.digest, one.origin)).collect();
        assert_eq!(found, [(sig, ListedBy::Layout), (Digest::of(b"listed"), ListedBy::FallbackTag)]);
        assert_eq!(made.open(&LayoutSelector::Only).unwrap(), image);
        let legacy = made.push("legacy", Some(Tag::about(image, ".sig").as_str()));
        let by_tag = made.layout.manifest_by_tag(&Tag::about(image, ".sig")).unwrap().unwrap();
        assert_eq!(by_tag.content.digest(), legacy);
        assert!(made.layout.manifest_by_tag(&Tag::about(image, ".att")).unwrap().is_none());
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let made = empty();
        let path = made.path().join(INDEX);
        let text = format!(
            r#"{{"schemaVersion":2,"x":[1],"manifests":[{{"mediaType":"m","digest":"{}","size":1,"y":2}}]}}"#,
            Digest::of(b"x")
        );
        fs::write(&path, text).unwrap();
        made.push("a", None);
        let now: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((&now["x"][0], &now["manifests"][0]["y"]), (&1.into(), &2.into()));
        assert_eq!(now["manifests"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn damaged_content_is_refused() {
        let made = empty();
        let image = made.push("image", Some("v1"));
        let blob = made.layout.push_blob(b"hello").unwrap();
        let descriptor = Descriptor {
            media_type: "l".to_owned(),
            digest: blob,
            size: 5,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        };
        let mut bytes = Vec::new();
        wait(made.layout.layer(&descriptor)).unwrap().open().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"hello");
        assert!(matches!(made.layout.blob(blob, 4, 100), Err(LayoutError::Size { .. })));
        assert!(matches!(made.layout.blob(blob, 5, 4), Err(LayoutError::TooLarge { .. })));
        fs::write(made.blob(blob), "hellO").unwrap();
        assert!(matches!(made.layout.blob(blob, 5, 100), Err(LayoutError::Digest { .. })));
        assert!(matches!(wait(made.layout.layer(&descriptor)), Err(LayoutError::Digest { .. })));
        // Writing it again repairs it.
        made.layout.push_blob(b"hello").unwrap();
        assert!(made.layout.blob(blob, 5, 100).is_ok());
        fs::write(made.blob(image), manifest("imagE")).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::Digest { .. })));
        fs::write(made.blob(image), manifest("longer image")).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::Size { .. })));
        fs::remove_file(made.blob(image)).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::Missing { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused() {
        use std::os::unix::fs::symlink;
        let made = empty();
        let image = made.push("image", Some("v1"));
        let outside = made.folder.path().join("outside");
        fs::rename(made.blob(image), &outside).unwrap();
        symlink(&outside, made.blob(image)).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::NotRegular { .. })));
        fs::remove_file(made.blob(image)).unwrap();
        fs::create_dir(made.blob(image)).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::NotRegular { .. })));
        let blobs = made.path().join("blobs/sha256");
        fs::rename(&blobs, outside.with_extension("d")).unwrap();
        symlink(outside.with_extension("d"), &blobs).unwrap();
        assert!(matches!(made.open(&tag("v1")), Err(LayoutError::NotRegular { .. })));
        assert!(matches!(made.layout.push_blob(b"x"), Err(LayoutError::NotRegular { .. })));
    }

    #[test]
    fn what_is_no_layout_is_named() {
        let made = empty();
        let path = made.path();
        let open = || Layout::open_folder(&path, &LayoutSelector::Only).map(|_| ());
        for (text, want) in [("{", "Json"), (r#"{"imageLayoutVersion":"2.0.0"}"#, "Version"), ("{}", "Json")]
        {
            fs::write(path.join(MARKER), text).unwrap();
            assert!(format!("{:?}", open()).contains(want), "{text}");
        }
        fs::write(path.join(MARKER), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        for text in ["", "{}", "[]", "\u{feff}{}", r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#] {
            fs::write(path.join(INDEX), text).unwrap();
            assert!(matches!(made.open(&LayoutSelector::Only), Err(LayoutError::Malformed { .. })), "{text}");
        }
        fs::remove_file(path.join(INDEX)).unwrap();
        assert!(matches!(open(), Err(LayoutError::NotThat { name, .. }) if name == INDEX));
        fs::remove_file(path.join(MARKER)).unwrap();
        assert!(matches!(open(), Err(LayoutError::NotThat { name, .. }) if name == MARKER));
        fs::write(path.join("file"), "").unwrap();
        fs::remove_dir_all(path.join(BLOBS)).unwrap();
        assert!(matches!(Layout::create(&path, &LayoutSelector::Only), Err(LayoutError::Exists { .. })));
        assert!(!path.join(BLOBS).exists(), "somebody else's folder is left as it was");
    }

    #[test]
    fn archives_are_read_and_not_written() {
        let made = empty();
        let image = made.push("image", Some("v1"));
        let sig = made.push_about("sig", image);
        let layout = Layout::open_archive(&made.archive(), &tag("v1")).unwrap();
        assert_eq!(layout.root().unwrap().content.digest(), image);
        assert_eq!(layout.referrers(image).unwrap()[0].descriptor.digest, sig);
        assert_eq!(layout.name(), "image.tar");
        assert!(matches!(layout.push_blob(b"new"), Err(LayoutError::ReadOnly { .. })));
        let bytes = fs::read(made.archive()).unwrap();
        let cut = made.folder.path().join("cut.tar");
        for length in (0..bytes.len()).step_by(700) {
            fs::write(&cut, &bytes[..length]).unwrap();
            if let Ok(layout) = Layout::open_archive(&cut, &tag("v1")) {
                // Only what was complete comes out.
                if let Ok(found) = layout.root() {
                    assert_eq!(found.content.digest(), image);
                }
            }
        }
    }

    #[test]
    fn archives_with_two_meanings_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        let write = |entries: &[(&str, tar::EntryType)]| {
            let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
            for (name, kind) in entries {
                let mut header = tar::Header::new_gnu();
                header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_entry_type(*kind);
                header.set_size(0);
                header.set_cksum();
                tar.append(&header, &b""[..]).unwrap();
            }
            tar.finish().unwrap();
            Layout::open_archive(&path, &LayoutSelector::Only).map(|_| ())
        };
        let file = tar::EntryType::Regular;
        assert!(matches!(write(&[("a", file), ("./a", file)]), Err(LayoutError::DuplicateEntry { .. })));
        assert!(matches!(write(&[("a/../b", file)]), Err(LayoutError::EntryName { .. })));
        // A link is no file: the layout's marker is missing.
        assert!(matches!(
            write(&[("oci-layout", tar::EntryType::Symlink)]),
            Err(LayoutError::NotThat { .. })
        ));
        fs::write(&path, "not a tar file, but long enough to hold a header".repeat(20)).unwrap();
        assert!(Layout::open_archive(&path, &LayoutSelector::Only).is_err());
        assert!(matches!(
            Layout::open_archive(folder.path(), &LayoutSelector::Only),
            Err(LayoutError::NotRegular { .. })
        ));
    }

    #[test]
    fn writers_of_two_handles_do_not_lose_entries() {
        let made = empty();
        let image = made.push("image", Some("v1"));
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let made = &made;
                scope.spawn(move || {
                    for number in 0..5 {
                        made.push_about(&format!("{writer}-{number}"), image);
                    }
                });
            }
        });
        assert_eq!(made.layout.referrers(image).unwrap().len(), 20);
    }

    #[test]
    fn an_entry_that_is_repeated_is_read_once() {
        let made = empty();
        let image = made.push("image", None);
        let list: Vec<_> = (0..20_000).map(|number| Digest::of(format!("{number}").as_bytes())).collect();
        let entries = |digests: &[Digest]| {
            let entry = |digest| format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":1}}"#);
            digests.iter().map(entry).collect::<Vec<_>>().join(",")
        };
        let list = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries(&list));
        let list_digest = made.layout.push_blob(list.as_bytes()).unwrap();
        let named = format!(
            r#"{{"mediaType":"{OCI_INDEX}","digest":"{list_digest}","size":{},"annotations":{{"{REF_NAME}":"{}"}}}}"#,
            list.len(),
            Tag::about(image, "")
        );
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec![named; 10_000].join(","));
        fs::write(made.path().join(INDEX), index).unwrap();
        assert_eq!(made.layout.referrers(image).unwrap().len(), 20_000);
    }

    #[test]
    fn tags_about_others_are_recognised() {
        let digest = Digest::of(b"");
        for name in [Tag::about(digest, ""), Tag::about(digest, ".sig")] {
            assert!(is_about_another(name.as_str()));
        }
        for name in ["v1", "sha256", "sha256-", "sha256-abc", "sha1-da39a3ee5e6b4b0d3255bfef95601890afd80709"]
        {
            assert!(!is_about_another(name), "{name}");
        }
        assert!(is_tag("docker.io/library/alpine:3.20", &"3.20".parse().unwrap()));
        assert!(!is_tag("13.20", &"3.20".parse().unwrap()));
    }
}
