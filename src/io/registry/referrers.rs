//! What is about a manifest: distribution-spec v1.1, "Listing Referrers" and "Referrers Tag Schema".

use std::collections::HashSet;

use reqwest::header::CONTENT_TYPE;

use super::Remote;
use super::error::{RegistryError, Thing};
use super::pages::{Page, Pages};
use super::pull::bare_type;
use super::send::Call;
use crate::base::{Checked, Digest, Tag, limits};
use crate::format::index::Index;
use crate::format::manifest::OCI_INDEX;
use crate::io::source::{Listed, ListedBy};

impl Remote {
    /// Everything that the registry, or the tag that stands in for its API, lists. "Nothing" is only concluded from an empty list or a
    /// 404 of both: a registry that refuses or breaks must not hide signatures.
    ///
    /// What was read before an error stays in `listed`: whoever can attach without end must not hide what others attached.
    pub(in crate::io) async fn referrers(
        &self,
        subject: Digest,
        listed: &mut Vec<Listed>,
    ) -> Result<(), RegistryError> {
        let mut out = Collected { listed, known: HashSet::new(), read: 0 };
        if self.has_referrers.get() != Some(&false) && self.list_referrers(subject, &mut out).await? {
            return Ok(());
        }
        let tag = Tag::about(subject, "");
        let thing = Thing::Tagged(self.repository().clone(), tag.clone());
        let Some(found) = self.manifest_by_tag(&tag).await? else { return Ok(()) };
        match Index::parse(&found.content) {
            Ok(index) => out.add(index, ListedBy::FallbackTag, &thing),
            Err(source) => Err(RegistryError::Malformed { thing, source }),
        }
    }

    /// Asks the API; false if the registry has none.
    async fn list_referrers(&self, subject: Digest, out: &mut Collected<'_>) -> Result<bool, RegistryError> {
        let thing = Thing::Referrers(self.repository().clone(), subject);
        let mut url = self.url(&format!("referrers/{subject}"))?;
        let mut pages = Pages::new(self, self.url("referrers/")?);
        loop {
            let call = Call::get(url, thing.clone()).accept(OCI_INDEX);
            let Some(Page { head, bytes, next }) = pages.read(&call).await? else {
                // A race that sets it twice sets the same.
                let _ = self.has_referrers.set(false);
                return Ok(false);
            };
            let found = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(bare_type);
            let found = found.unwrap_or_default();
            if found != OCI_INDEX {
                return Err(RegistryError::ListType { thing, found: found.chars().take(128).collect() });
            }
            let index = Index::parse(&Checked::of(bytes))
                .map_err(|source| RegistryError::Malformed { thing: thing.clone(), source })?;
            out.add(index, ListedBy::Api, &thing)?;
            let _ = self.has_referrers.set(true);
            match next {
                Some(next) => url = next,
                None => return Ok(true),
            }
        }
    }
}

/// Entries of all pages, each digest once.
struct Collected<'a> {
    listed: &'a mut Vec<Listed>,
    known: HashSet<Digest>,
    read: usize,
}

impl Collected<'_> {
    fn add(&mut self, index: Index, origin: ListedBy, thing: &Thing) -> Result<(), RegistryError> {
        for descriptor in index.manifests {
            // Repetitions count: they cost as much to read.
            self.read += 1;
            if self.read > limits::REFERRERS {
                return Err(RegistryError::TooMany { thing: thing.clone(), limit: limits::REFERRERS });
            }
            if self.known.insert(descriptor.digest) {
                self.listed.push(Listed { descriptor, origin });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::LinkFault;
    use super::*;
    use crate::io::stub::{Asked, Reply, Stub, manifest, wait};

    fn list(names: &[&str]) -> String {
        let entry = |name: &&str| {
            let digest = Digest::of(manifest(name).as_bytes());
            format!(r#"{{"mediaType":"m","digest":"{digest}","size":1,"artifactType":"{name}"}}"#)
        };
        let entries: Vec<String> = names.iter().map(entry).collect();
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, entries.join(","))
    }

    fn page(names: &[&str]) -> Reply {
        Reply::ok(OCI_INDEX, list(names))
    }

    fn listed(stub: &Stub) -> Result<Vec<String>, RegistryError> {
        Ok(whole(&stub.remote("a"))?
            .into_iter()
            .map(|one| format!("{:?} {}", one.origin, one.descriptor.artifact_type.unwrap()))
            .collect())
    }

    fn whole(remote: &Remote) -> Result<Vec<Listed>, RegistryError> {
        let mut found = Vec::new();
        wait(remote.referrers(Digest::of(b"image"), &mut found)).map(|()| found)
    }

    fn is_api(asked: &Asked) -> bool {
        asked.target.starts_with("/v2/a/referrers/")
    }

    #[test]
    fn one_request_with_the_api_and_two_without() {
        let stub = Stub::new(|_| page(&["x", "y", "x"]));
        assert_eq!(listed(&stub).unwrap(), ["Api x", "Api y"]);
        assert_eq!(stub.log(), [format!("GET /v2/a/referrers/{}", Digest::of(b"image"))]);
        let stub = Stub::new(|asked| if is_api(asked) { Reply::new(404) } else { page(&["z"]) });
        let remote = stub.remote("a");
        for requests in [2, 3] {
            let found = whole(&remote).unwrap();
            assert_eq!(found[0].origin, ListedBy::FallbackTag);
            assert_eq!(stub.log().len(), requests);
        }
        assert!(stub.log()[1].ends_with(&format!("/manifests/{}", Tag::about(Digest::of(b"image"), ""))));
        assert_eq!(listed(&Stub::new(|_| Reply::new(404))).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn nothing_but_404_means_none() {
        for status in [400, 401, 403, 405, 429, 500, 503] {
            assert!(listed(&Stub::new(move |_| Reply::new(status))).is_err(), "{status}");
            let stub = Stub::new(move |asked| Reply::new(if is_api(asked) { 404 } else { status }));
            assert!(listed(&stub).is_err(), "{status} of the tag");
        }
        for reply in [
            Reply::ok("text/html", "<html>"),
            Reply::ok("application/json", list(&[])),
            Reply::new(200).body(list(&[])),
            Reply::ok(OCI_INDEX, "{}"),
            Reply::ok(OCI_INDEX, ""),
            Reply::ok(OCI_INDEX, manifest("a")),
            Reply::ok(OCI_INDEX, vec![b' '; limits::PAGE as usize + 1]),
        ] {
            assert!(listed(&Stub::new(move |_| reply.clone())).is_err());
        }
        let stub = Stub::new(|asked| match is_api(asked) {
            true => Reply::new(404),
            false => Reply::ok(crate::format::manifest::OCI_MANIFEST, manifest("not a list")),
        });
        assert!(matches!(listed(&stub), Err(RegistryError::Malformed { .. })));
    }

    #[test]
    fn pages_are_followed_on_the_same_host_until_they_repeat() {
        let stub = Stub::new(|asked| match asked.target.rsplit_once("?n=") {
            None => page(&["x"]).with("link", r#"<?n=1>; rel="next""#),
            Some((_, "1")) => page(&["y"]).with("link", r#"</v2/a/referrers/z?n=2>; rel="next""#),
            Some(_) => page(&["x", "z"]),
        });
        assert_eq!(listed(&stub).unwrap(), ["Api x", "Api y", "Api z"]);
        let fault = |link: &str| {
            let link = link.to_owned();
            match listed(&Stub::new(move |_| page(&["x"]).with("link", &link))) {
                Err(RegistryError::NextPage { reason, .. }) => reason,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(fault("<?n=1>; rel=next"), LinkFault::Repeated);
        assert_eq!(fault("<http://localhost:1/>; rel=next"), LinkFault::OtherOrigin);
        assert_eq!(fault("<//evil.example/>; rel=next"), LinkFault::OtherOrigin);
        assert_eq!(fault("<http://[>; rel=next"), LinkFault::NotUrl);
        for link in ["/", "/admin?n=1", "../../b/referrers/z", "%2e%2e/tags/list", "/v2/a/referrers"] {
            assert_eq!(fault(&format!("<{link}>; rel=next")), LinkFault::OtherPath, "{link}");
        }
        let vanishing = Stub::new(|asked| match asked.target.contains('?') {
            true => Reply::new(404),
            false => page(&["x"]).with("link", "<?n=1>; rel=next"),
        });
        assert!(listed(&vanishing).is_err());
    }

    #[test]
    fn what_was_listed_before_an_error_stays() {
        let stub = Stub::new(|asked| match asked.target.contains('?') {
            true => Reply::new(403),
            false => page(&["x", "y"]).with("link", "<?n=1>; rel=next"),
        });
        let mut found = Vec::new();
        let result = wait(stub.remote("a").referrers(Digest::of(b"image"), &mut found));
        assert!(matches!(result, Err(RegistryError::Denied { .. })), "{result:?}");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn pages_together_have_a_limit() {
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let padding = format!("{}{}", list(&["x"]), " ".repeat(limits::PAGE as usize / 2));
        let stub = Stub::new(move |_| {
            let number = pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Reply::ok(OCI_INDEX, padding.clone()).with("link", format!("<?n={number}>; rel=next"))
        });
        let result = listed(&stub);
        assert!(matches!(result, Err(RegistryError::TooLarge { .. })), "{result:?}");
        assert_eq!(stub.log().len() as u64, limits::PAGES_TOTAL / (limits::PAGE / 2));
    }

    #[test]
    fn repetitions_end_too() {
        let names = vec!["x"; limits::REFERRERS / 2];
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let stub = Stub::new(move |_| {
            let number = pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            page(&names).with("link", format!("<?n={number}>; rel=next"))
        });
        let result = listed(&stub);
        assert!(matches!(result, Err(RegistryError::TooMany { .. })), "{result:?}");
        assert_eq!(stub.log().len(), 3);
    }
}
