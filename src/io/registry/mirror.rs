//! Mirrors: asked first for content that has a digest, and for the meaning of a tag only if the user believes them.

use std::sync::PoisonError;

use super::Remote;
use super::error::RegistryError;
use crate::base::Tag;
use crate::format::registries::Serves;
use crate::io::MirrorTags;
use crate::io::source::Fetched;

impl Remote {
    /// Asks the mirrors, then the registry, for something that `ask` checks against a digest. A mirror that has it not, or does not answer, is
    /// passed over; so is one that sends something else, for all of the run, and people are told: what it sent is not used. What is wrong
    /// with content itself is not its fault, as strangers may make that.
    pub(super) async fn near<T>(
        &self,
        ask: impl AsyncFn(&Self) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        for (mirror, serves) in self.mirrors.iter() {
            if *serves == Serves::Tags || mirror.is_lost() {
                continue;
            }
            match ask(mirror).await {
                Err(error) if error.is_absence() || error.is_wrong_content() => mirror.pass_over(&error),
                answer => return answer,
            }
        }
        ask(self).await
    }

    /// What a tag means: to the registry, or to a mirror that the user believes.
    pub(super) async fn meaning(&self, tag: &Tag) -> Result<Option<Fetched>, RegistryError> {
        let believed = match self.shared.mirror_tags {
            MirrorTags::Believed => &self.mirrors[..],
            MirrorTags::Ignored => &[],
        };
        for (mirror, serves) in believed {
            if *serves == Serves::Digests || mirror.is_lost() {
                continue;
            }
            match mirror.manifest_by_tag(tag).await {
                Ok(None) => {}
                Err(error) if error.is_absence() || error.is_wrong_content() => mirror.pass_over(&error),
                answer => return answer,
            }
        }
        self.manifest_by_tag(tag).await
    }

    /// Whether what went wrong is a mirror's fault that showed only after its answer had begun. Then it is not asked again in this run, and the
    /// same may be had elsewhere.
    pub(in crate::io) fn is_rid_of(&self, error: &RegistryError) -> bool {
        let place = match error.blob_of() {
            // Not the registry itself, which may be named as its own mirror: nobody is asked after it.
            Some(place) if place != self.repository() && (error.is_absence() || error.is_lie()) => place,
            _ => return false,
        };
        let mut mirrors = self.mirrors.iter().map(|(mirror, _)| mirror);
        let Some(mirror) = mirrors.find(|mirror| mirror.repository() == place) else { return false };
        mirror.pass_over(error);
        mirror.lose();
        true
    }

    fn is_lost(&self) -> bool {
        let lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.contains(self.repository().registry())
    }

    fn pass_over(&self, error: &RegistryError) {
        let is_lie = error.is_lie();
        if is_lie {
            let mirror = self.repository().registry();
            self.shared
                .patience()
                .remark(format!("mirror {mirror} is not used any more in this run: {error}"));
        }
        if is_lie || matches!(error, RegistryError::Transport { .. }) {
            self.lose();
        }
    }

    fn lose(&self) {
        let mut lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert(self.repository().registry().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::format::manifest::{Descriptor, OCI_MANIFEST};
    use crate::io::source::{Source, SourceError};
    use crate::io::stub::{Asked, Reply, Stub, manifest, wait};

    /// Two registries that have the same, the second a mirror of the first.
    fn mirrored(answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static) -> (Remote, Stub, Stub) {
        let (registry, mirror) = (Stub::new(answer.clone()), Stub::new(answer));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registries.conf");
        let entry = |stub: &Stub| format!("location = \"127.0.0.1:{}\"\n", stub.port);
        let text = format!("[[registry]]\n{}[[registry.mirror]]\n{}", entry(&registry), entry(&mirror));
        std::fs::write(&path, text).unwrap();
        let remote = registry.remote_with("a", &[("CONTAINERS_REGISTRIES_CONF", path.to_str().unwrap())]);
        (remote, registry, mirror)
    }

    /// A stranger who may attach something could else take the mirror away from everybody who has nothing but mirrors.
    #[test]
    fn a_mirror_is_not_blamed_for_what_others_made() {
        let twice = manifest("bad").replacen('{', r#"{"layers":[],"#, 1);
        let (bad, good) = (Digest::of(twice.as_bytes()), Digest::of(manifest("good").as_bytes()));
        let (remote, registry, mirror) = mirrored(move |asked| match asked.target.as_str() {
            target if target.ends_with(&bad.to_string()) => Reply::ok(OCI_MANIFEST, twice.clone()),
            target if target.ends_with(&good.to_string()) => Reply::ok(OCI_MANIFEST, manifest("good")),
            _ => Reply::new(200).body("hello"),
        });
        let malformed = wait(remote.manifest(bad));
        assert!(matches!(malformed, Err(RegistryError::Malformed { .. })), "{malformed:?}");
        let size = wait(remote.blob(Digest::of(b"hello"), 4, 100));
        assert!(matches!(size, Err(RegistryError::Size { .. })), "{size:?}");
        wait(remote.manifest(good)).unwrap();
        assert_eq!(mirror.log().last(), Some(&format!("GET /v2/a/manifests/{good}")));
        assert!(!registry.log().iter().any(|line| line.ends_with(&good.to_string())));
        assert_eq!(remote.shared.patience().notices(), Vec::<String>::new());
        // What is not what was asked for is its own fault.
        assert!(matches!(wait(remote.manifest(Digest::of(b"x"))), Err(RegistryError::Digest { .. })));
        wait(remote.manifest(good)).unwrap();
        assert!(registry.log().iter().any(|line| line.ends_with(&good.to_string())));
        assert_eq!(remote.shared.patience().notices().len(), 1);
    }

    /// What is passed on as it comes shows only at its end what it is.
    #[test]
    fn a_mirror_that_turns_out_wrong_is_left_and_one_that_others_are_wrong_about_is_not() {
        let (remote, registry, mirror) = mirrored(|_| Reply::new(200).body("hello").unmeasured());
        let take = |content: &[u8], size| {
            let blob = Descriptor {
                media_type: "l".to_owned(),
                digest: Digest::of(content),
                size,
                platform: None,
                artifact_type: None,
                annotations: Default::default(),
            };
            let taken = wait(async {
                let mut stream = remote.stream(&blob, None).await?;
                while stream.next().await?.is_some() {}
                Ok(())
            });
            match taken {
                Ok(()) => None,
                Err(SourceError::Registry(error)) => Some(error),
                Err(error) => panic!("{error:?}"),
            }
        };
        let size = take(b"hello", 4).unwrap();
        assert!(matches!(size, RegistryError::Size { .. }) && !remote.is_rid_of(&size), "{size:?}");
        let other = take(b"other", 5).unwrap();
        assert!(matches!(other, RegistryError::Digest { .. }) && remote.is_rid_of(&other), "{other:?}");
        assert!(take(b"hello", 5).is_none());
        assert_eq!((mirror.log().len(), registry.log().len()), (2, 1));
        // After the registry nobody is asked.
        let other = take(b"other", 5).unwrap();
        assert!(matches!(other, RegistryError::Digest { .. }) && !remote.is_rid_of(&other), "{other:?}");
    }

    /// A copy from the registry or its mirror to another registry, and what was asked there.
    fn copied(remote: Remote) -> (Result<(), SourceError>, Vec<String>) {
        let to = Stub::new(|asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => Reply::new(202).with("location", "/u"),
            _ => Reply::new(201),
        });
        let blob = Descriptor {
            media_type: "l".to_owned(),
            digest: Digest::of(b"hello"),
            size: 5,
            platform: None,
            artifact_type: None,
            annotations: Default::default(),
        };
        let (from, into) = (Source::remote(remote), Source::remote(to.remote("b")));
        let taken = wait(into.take_blob(&from, &blob, &Default::default()));
        (taken.map(|_| ()), to.log())
    }

    #[test]
    fn a_mirror_that_ends_early_is_left() {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let count = std::sync::Arc::new(count);
        // The mirror is asked first.
        let (remote, registry, mirror) = mirrored(move |_| {
            let is_first = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            Reply::new(200).body(if is_first { "hell" } else { "hello" }).unmeasured()
        });
        let (taken, log) = copied(remote);
        assert!(taken.is_ok(), "{taken:?} {log:?}");
        assert_eq!((mirror.log().len(), registry.log().len()), (1, 1));
    }

    #[test]
    fn an_upload_is_cancelled_when_its_source_is_away() {
        let source = Stub::new(|_| Reply::new(200).body("hell").length(5));
        let (taken, log) = copied(source.remote("a"));
        assert!(taken.is_err() && log.last().unwrap().starts_with("DELETE"), "{taken:?} {log:?}");
    }
}
