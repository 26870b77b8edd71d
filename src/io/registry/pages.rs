//! Lists that come page by page: distribution-spec v1.1, "Listing Tags" and "Listing Referrers"; RFC 8288 for the links between pages.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{HeaderMap, LINK};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Remote;
use super::download::Whole;
use super::error::{LinkFault, RegistryError};
use super::send::Call;
use crate::base::{Digest, limits};
use crate::io::http;

/// The pages of one list: so many, so long together, in so much time, and each once.
pub(super) struct Pages<'a> {
    remote: &'a Remote,
    /// Where all of its pages are.
    list: Url,
    seen: HashSet<Digest>,
    bytes: u64,
    until: Instant,
}

/// One page.
pub(super) struct Page {
    pub(super) head: HeaderMap,
    pub(super) bytes: Vec<u8>,
    pub(super) next: Option<Url>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(remote: &'a Remote, list: Url) -> Self {
        let until = Instant::now() + Duration::from_secs(limits::LIST_SECONDS);
        Self { remote, list, seen: HashSet::new(), bytes: 0, until }
    }

    /// Reads one page; none if the answer is 404, which only the first one may be.
    pub(super) async fn read(&mut self, call: &Call<'_>) -> Result<Option<Page>, RegistryError> {
        let thing = || call.thing.clone();
        let fault = |reason| RegistryError::NextPage { thing: thing(), reason };
        let further = &self.remote.shared.further_pages;
        let is_spent =
            !self.seen.is_empty() && further.fetch_add(1, Ordering::Relaxed) >= limits::FURTHER_PAGES;
        if is_spent || self.seen.len() == limits::PAGES {
            return Err(fault(LinkFault::TooMany));
        }
        // Addresses may be long, and there may be many.
        if !self.seen.insert(Digest::of(call.url.as_str().as_bytes())) {
            return Err(fault(LinkFault::Repeated));
        }
        let reading = timeout_at(self.until, self.remote.read_whole(call, limits::PAGE)).await;
        let slow = |_| RegistryError::ListSlow { thing: thing(), seconds: limits::LIST_SECONDS };
        let Some(Whole { head, bytes }) = reading.map_err(slow)?? else {
            return if self.seen.len() > 1 {
                Err(RegistryError::NotFound { thing: thing() })
            } else {
                Ok(None)
            };
        };
        let links = head.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        let next = next_link(links).map(|link| self.follow(&call.url, link)).transpose().map_err(fault)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > limits::PAGES_TOTAL {
            let (size, limit) = (self.bytes, limits::PAGES_TOTAL);
            return Err(RegistryError::TooLarge { thing: thing(), size, limit });
        }
        Ok(Some(Page { head, bytes, next }))
    }

    /// The next page, if it is on the same registry and of the same list: behind one host may be more than this registry.
    fn follow(&self, from: &Url, link: &str) -> Result<Url, LinkFault> {
        let next = from.join(link).map_err(|_| LinkFault::NotUrl)?;
        let has_user = !next.username().is_empty() || next.password().is_some();
        if !http::same_origin(&next, &self.list) || has_user {
            return Err(LinkFault::OtherOrigin);
        }
        // What is behind the registry may read `..%2f` as a way up.
        let rest = next.path().strip_prefix(self.list.path());
        if rest.is_some_and(|rest| !rest.contains('%')) { Ok(next) } else { Err(LinkFault::OtherPath) }
    }
}

/// The target of `rel="next"`.
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

    use super::super::error::Thing;
    use super::*;
    use crate::io::stub::{Reply, turns, wait};

    /// Each page comes soon enough, and names another one.
    #[test]
    fn all_pages_together_have_an_end_in_time() {
        let stub = turns(|turn, _| {
            std::thread::sleep(Duration::from_millis(50));
            Reply::new(200).with("link", format!("<?n={turn}>; rel=next"))
        });
        let remote = stub.remote("a");
        let list = remote.url("tags/list").unwrap();
        let thing = Thing::Tags(remote.repository().clone());
        let result = wait(async {
            let mut pages = Pages::new(&remote, list.clone());
            let whole = pages.until - Instant::now();
            assert!(whole.as_secs().abs_diff(limits::LIST_SECONDS) <= 1, "{whole:?}");
            pages.until = Instant::now() + Duration::from_millis(400);
            let mut call = Call::get(list, thing);
            loop {
                match pages.read(&call).await {
                    Ok(Some(Page { next: Some(next), .. })) => call.url = next,
                    Ok(_) => panic!("each page names another one"),
                    Err(error) => return error,
                }
            }
        });
        assert!(matches!(result, RegistryError::ListSlow { .. }), "{result:?}");
        let asked = stub.log().len();
        assert!((2..=9).contains(&asked), "{asked}");
    }

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
