//! Lists of names: distribution-spec v1.1, "Listing Tags"; and `_catalog`, the list of repositories of distribution, which not every
//! registry has.

use std::collections::HashSet;

use serde::Deserialize;
use url::Url;

use super::Remote;
use super::error::{RegistryError, Thing};
use super::pages::{Page, Pages};
use super::send::Call;
use crate::base::{Registry, Repository, Tag, limits};
use crate::format::json::{JsonError, parse_strict};

impl Remote {
    /// All tags, each once, in the order in which the registry lists them.
    pub(in crate::io) async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        let thing = Thing::Tags(self.repository().clone());
        let call = Call::get(self.url("tags/list")?, thing);
        self.names(call, |page| Ok(parse_strict::<TagsWire>(page)?.tags), |name| name.parse().ok()).await
    }

    /// All repositories of the registry, as far as it tells us.
    pub(in crate::io) async fn repositories(&self) -> Result<Vec<Repository>, RegistryError> {
        let registry = self.repository().registry();
        let endpoint = |_| RegistryError::Endpoint { registry: registry.clone() };
        let url = self.base.join("_catalog").map_err(endpoint)?;
        let call = Call::list(url, Thing::Catalog(registry.clone()));
        let listed = |page: &[u8]| Ok(parse_strict::<RepositoriesWire>(page)?.repositories);
        self.names(call, listed, |name| repository_of(registry, name)).await
    }

    /// The names on all pages. One that cannot be a name ends it: whoever pastes it somewhere would name something else.
    async fn names<T>(
        &self,
        mut call: Call<'_>,
        listed: impl Fn(&[u8]) -> Result<Option<Vec<String>>, JsonError>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, RegistryError> {
        let list = call.url.clone();
        call.url = after(&list, None);
        let mut pages = Pages::new(self, list.clone());
        let (mut out, mut known, mut read, mut has_links) = (Vec::new(), HashSet::new(), 0, false);
        loop {
            let thing = || call.thing.clone();
            let page = pages.read(&call).await?;
            let Page { bytes, next, .. } = page.ok_or_else(|| RegistryError::NotFound { thing: thing() })?;
            let names = listed(&bytes).map_err(|source| RegistryError::List { thing: thing(), source })?;
            let names = names.unwrap_or_default();
            read += names.len();
            if read > limits::NAMES {
                return Err(RegistryError::TooMany { thing: thing(), limit: limits::NAMES });
            }
            let (count, before) = (names.len(), out.len());
            let last = names.last().cloned();
            for name in names {
                let Some(parsed) = parse(&name) else {
                    let found = name.chars().take(256).collect();
                    return Err(RegistryError::ListName { thing: thing(), found });
                };
                if known.insert(name) {
                    out.push(parsed);
                }
            }
            has_links |= next.is_some();
            // Distribution-spec v1.1, "Listing Tags": a page without link that is shorter than `n` is the last. Some registries cut the list and
            // link no next page, at `n` or at a round number of their own: such a page is not taken for the last, unless it says nothing new or
            // the registry has shown that it links.
            let is_cut = count == PAGE_NAMES || !has_links && count.is_multiple_of(CUT_NAMES);
            let is_cut = is_cut && out.len() > before;
            call.url = match (next, last) {
                (Some(next), _) => next,
                (None, Some(last)) if is_cut => after(&list, Some(&last)),
                (None, _) => return Ok(out),
            };
        }
    }
}

/// The repository of that path. On Docker Hub one part alone would name another.
fn repository_of(registry: &Registry, path: &str) -> Option<Repository> {
    let repository: Repository = format!("{registry}/{path}").parse().ok()?;
    (repository.path() == path).then_some(repository)
}

/// `null` is what some registries call nothing. Without the member it is another answer: an error, say, under the status of a good one.
#[derive(Deserialize)]
struct TagsWire {
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RepositoriesWire {
    #[serde(deserialize_with = "Option::deserialize")]
    repositories: Option<Vec<String>>,
}

fn after(list: &Url, last: Option<&str>) -> Url {
    let mut url = list.clone();
    url.query_pairs_mut().append_pair("n", &PAGE_NAMES.to_string());
    if let Some(last) = last {
        url.query_pairs_mut().append_pair("last", last);
    }
    url
}

/// Names on one page that we ask for: no registry of the large ones gives more.
const PAGE_NAMES: usize = 1000;
/// Where registries cut lists is a multiple of this: 50, 100, 500. A list that is whole and so long costs one request more.
const CUT_NAMES: usize = 50;

#[cfg(test)]
mod tests {
    use super::super::error::LinkFault;
    use super::*;
    use crate::io::stub::{Reply, Stub, wait};

    fn page(names: &[String]) -> Reply {
        Reply::ok("application/json", serde_json::json!({"name": "a", "tags": names}).to_string())
    }

    fn tags(stub: &Stub) -> Result<Vec<String>, RegistryError> {
        Ok(wait(stub.remote("a").tags())?.iter().map(ToString::to_string).collect())
    }

    fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("{number:05}")).collect()
    }

    #[test]
    fn pages_are_followed_where_they_are_linked() {
        let stub = Stub::new(|asked| match asked.target.as_str() {
            "/v2/a/tags/list?n=1000" => {
                page(&numbers(0..3)).with("link", r#"</v2/a/tags/list?last=x&n=2>; rel="next""#)
            }
            "/v2/a/tags/list?last=x&n=2" => page(&numbers(2..5)),
            other => panic!("{other}"),
        });
        assert_eq!(tags(&stub).unwrap(), numbers(0..5));
        assert_eq!(stub.log().len(), 2);
        for (link, want) in [
            ("<?n=1000>; rel=next", LinkFault::Repeated),
            ("<http://localhost:1/v2/a/tags/list?x>; rel=next", LinkFault::OtherOrigin),
            ("</v2/b/tags/list?x>; rel=next", LinkFault::OtherPath),
            ("</v2/_catalog>; rel=next", LinkFault::OtherPath),
            ("</v2/a/tags/list%2f..%2f..%2f..%2fb/tags/list?x>; rel=next", LinkFault::OtherPath),
        ] {
            let stub = Stub::new(move |_| page(&numbers(0..1)).with("link", link));
            match tags(&stub) {
                Err(RegistryError::NextPage { reason, .. }) => assert_eq!(reason, want, "{link}"),
                other => panic!("{link}: {other:?}"),
            }
        }
    }

    /// Such as cut after `n` and link nothing, and such as know neither `n` nor `last`.
    #[test]
    fn a_full_page_without_link_is_not_the_last() {
        let cut = Stub::new(|asked| {
            let last = asked.target.split_once("last=").map_or("", |(_, last)| last).to_owned();
            let all = numbers(0..2 * PAGE_NAMES + 7);
            page(&all.into_iter().filter(|name| *name > last).take(PAGE_NAMES).collect::<Vec<_>>())
        });
        assert_eq!(tags(&cut).unwrap().len(), 2 * PAGE_NAMES + 7);
        assert_eq!(cut.log().len(), 3);
        for most in [50, 100, 250, 500] {
            let cut = Stub::new(move |asked| {
                let last = asked.target.split_once("last=").map_or("", |(_, last)| last).to_owned();
                page(
                    &numbers(0..2 * most + 7)
                        .into_iter()
                        .filter(|name| *name > last)
                        .take(most)
                        .collect::<Vec<_>>(),
                )
            });
            assert_eq!(tags(&cut).unwrap().len(), 2 * most + 7);
            assert_eq!(cut.log().len(), 3);
        }
        // Who links is believed.
        let links = Stub::new(|asked| match asked.target.contains("last=") {
            true => page(&numbers(50..100)),
            false => page(&numbers(0..50)).with("link", "<?last=00049>; rel=next"),
        });
        assert_eq!(tags(&links).unwrap().len(), 100);
        assert_eq!(links.log().len(), 2);
        for (names, requests) in
            [(100, 2), (99, 1), (PAGE_NAMES, 2), (PAGE_NAMES + 1, 1), (PAGE_NAMES - 1, 1), (0, 1)]
        {
            let whole = Stub::new(move |_| page(&numbers(0..names)));
            assert_eq!(tags(&whole).unwrap().len(), names);
            assert_eq!(whole.log().len(), requests, "{names}");
        }
    }

    #[test]
    fn a_list_that_is_none_is_not_an_empty_one() {
        for status in [400, 401, 403, 404, 500] {
            assert!(tags(&Stub::new(move |_| Reply::new(status))).is_err(), "{status}");
        }
        for body in [
            "",
            "[]x",
            "<html>",
            "{}",
            r#"{"errors":[{"code":"DENIED"}]}"#,
            r#"{"repositories":["x"]}"#,
            r#"{"tags":{}}"#,
            r#"{"tags":[],"tags":["x"]}"#,
            r#"{"tags":[1]}"#,
        ] {
            let stub = Stub::new(move |_| Reply::ok("application/json", body));
            assert!(matches!(tags(&stub), Err(RegistryError::List { .. })), "{body}");
        }
        let nothing = Stub::new(|_| Reply::ok("application/json", r#"{"name":"a","tags":null}"#));
        assert_eq!(tags(&nothing).unwrap(), Vec::<String>::new());
        let gone = Stub::new(|asked| match asked.target.contains("last") {
            true => Reply::new(404),
            false => page(&numbers(0..PAGE_NAMES)),
        });
        assert!(matches!(tags(&gone), Err(RegistryError::NotFound { .. })));
    }

    #[test]
    fn names_that_nothing_can_have_are_refused() {
        for name in ["", ".", "a b", "a\u{1b}[2J", "../x", "-x", "a:b", "a@b", "é"] {
            let stub = Stub::new(move |_| page(&["good".to_owned(), name.to_owned()]));
            let error = tags(&stub).unwrap_err();
            assert!(matches!(&error, RegistryError::ListName { found, .. } if found == name), "{error:?}");
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
        let listed = |name: &'static str| {
            let body = serde_json::json!({"repositories": ["team/app", name]}).to_string();
            let stub = Stub::new(move |_| Reply::ok("application/json", body.clone()));
            let remote = stub.remote("x");
            let registry = remote.reference().repository().registry().clone();
            let found = wait(Remote::catalog(remote.shared, &registry).unwrap().repositories())?;
            assert_eq!(stub.log(), ["GET /v2/_catalog?n=1000"]);
            Ok::<_, RegistryError>(found.iter().map(|found| found.path().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(listed("app").unwrap(), ["team/app", "app"]);
        let hub = crate::base::DOCKER_HUB.parse().unwrap();
        assert_eq!(repository_of(&hub, "app"), None);
        assert_eq!(repository_of(&hub, "library/app").unwrap().to_string(), "docker.io/library/app");
        for name in ["", "/x", "a:b", "a@sha256:0", "_catalog", "A", "a//b", "../a"] {
            assert!(matches!(listed(name), Err(RegistryError::ListName { .. })), "{name}");
        }
    }

    #[test]
    fn lists_without_end_end() {
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let names = numbers(0..limits::NAMES / 4);
        let stub = Stub::new(move |_| {
            let number = pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            page(&names).with("link", format!("<?n={number}>; rel=next"))
        });
        let result = tags(&stub);
        assert!(matches!(result, Err(RegistryError::TooMany { .. })), "{result:?}");
        assert_eq!(stub.log().len(), 5);
    }
}
