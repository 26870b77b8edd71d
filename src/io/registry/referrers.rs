//! What is about a manifest: distribution-spec v1.1, "Listing Referrers" and "Referrers Tag Schema".

use std::collections::HashSet;

use reqwest::StatusCode;
use reqwest::header::LINK;
use url::Url;

use super::Remote;
use super::error::{LinkFault, RegistryError, Thing};
use super::pull::bare_type;
use super::send::{Call, expect};
use crate::base::{Checked, Digest, Tag, limits};
use crate::format::index::Index;
use crate::format::manifest::OCI_INDEX;
use crate::io::http;
use crate::io::source::{Listed, ListedBy};

impl Remote {
    /// Everything that the registry, or the tag that stands in for its API, lists. "Nothing" is only concluded from an empty list or a
    /// 404 of both: a registry that refuses or breaks must not hide signatures.
    pub(in crate::io) async fn referrers(&self, subject: Digest) -> Result<Vec<Listed>, RegistryError> {
        if self.has_referrers.get() != Some(&false) {
            if let Some(listed) = self.list_referrers(subject).await? {
                return Ok(listed);
            }
        }
        let tag = Tag::about(subject, "");
        let thing = Thing::Tagged(self.repository().clone(), tag.clone());
        let Some(found) = self.manifest_by_tag(&tag).await? else { return Ok(Vec::new()) };
        match Index::parse(&found.content) {
            Ok(index) => collect(Vec::new(), index, ListedBy::FallbackTag, &thing),
            Err(source) => Err(RegistryError::Malformed { thing, source }),
        }
    }

    /// Asks the API; none if the registry has none.
    async fn list_referrers(&self, subject: Digest) -> Result<Option<Vec<Listed>>, RegistryError> {
        let thing = Thing::Referrers(self.repository().clone(), subject);
        let mut url = self.url(&format!("referrers/{subject}"))?;
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        loop {
            let fault = |reason| RegistryError::NextPage { thing: thing.clone(), reason };
            if seen.len() == limits::PAGES {
                return Err(fault(LinkFault::TooMany));
            }
            if !seen.insert(url.as_str().to_owned()) {
                return Err(fault(LinkFault::Repeated));
            }
            let response = self.send(&Call::get(url.clone(), thing.clone()).accept(OCI_INDEX)).await?;
            if response.status() == StatusCode::NOT_FOUND && seen.len() == 1 {
                // A race that sets it twice sets the same.
                let _ = self.has_referrers.set(false);
                return Ok(None);
            }
            let response = expect(response, &[StatusCode::OK], &thing).await?;
            let found = http::header(&response, "content-type").map(bare_type).unwrap_or_default();
            if found != OCI_INDEX {
                return Err(RegistryError::ListType { thing, found: found.chars().take(128).collect() });
            }
            let links = response.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok());
            let next = next_link(links).map(|link| self.page(&url, link)).transpose().map_err(fault)?;
            let body = http::read(response, limits::PAGE).await;
            let body = body.map_err(|source| RegistryError::Transport { thing: thing.clone(), source })?;
            let index = Index::parse(&Checked::of(body))
                .map_err(|source| RegistryError::Malformed { thing: thing.clone(), source })?;
            out = collect(out, index, ListedBy::Api, &thing)?;
            let _ = self.has_referrers.set(true);
            match next {
                Some(next) => url = next,
                None => return Ok(Some(out)),
            }
        }
    }

    /// The next page, if it is on the same registry and about the same repository.
    fn page(&self, from: &Url, link: &str) -> Result<Url, LinkFault> {
        let next = from.join(link).map_err(|_| LinkFault::NotUrl)?;
        if !http::same_origin(&next, &self.base) || !next.username().is_empty() || next.password().is_some() {
            return Err(LinkFault::OtherOrigin);
        }
        Ok(next)
    }
}

fn collect(
    mut out: Vec<Listed>,
    index: Index,
    origin: ListedBy,
    thing: &Thing,
) -> Result<Vec<Listed>, RegistryError> {
    for descriptor in index.manifests {
        if !out.iter().any(|known| known.descriptor.digest == descriptor.digest) {
            out.push(Listed { descriptor, origin });
        }
        if out.len() > limits::REFERRERS {
            return Err(RegistryError::TooMany { thing: thing.clone(), limit: limits::REFERRERS });
        }
    }
    Ok(out)
}

/// The target of `rel="next"`: RFC 8288.
fn next_link<'a>(headers: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    for header in headers {
        let mut rest = header;
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>')?;
            let parameters = after.split('<').next().unwrap_or_default();
            let is_next = parameters.split([';', ',']).any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                let mut relations = value.trim().trim_matches('"').split(' ');
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.any(|one| one.eq_ignore_ascii_case("next"))
            });
            if is_next {
                return Some(target);
            }
            rest = after;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_the_next_page() {
        for (header, want) in [
            (r#"</v2/a/referrers/d?n=1>; rel="next""#, Some("/v2/a/referrers/d?n=1")),
            ("<x>; rel=next", Some("x")),
            (r#"<a>; rel="prev", <b>; title="t"; rel="last next""#, Some("b")),
            (r#"<a>;REL=Next"#, Some("a")),
            (r#"<a>; rel="previous""#, None),
            ("a; rel=next", None),
            ("<a; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_link([header].into_iter()), want, "{header}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"[<>;,= "relnxté]{0,40}"#) {
            next_link([text.as_str()].into_iter());
        }
    }
}
