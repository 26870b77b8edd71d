//! Token servers: which of them are talked to, and which may learn what is stored for a registry.

use url::{Host, Url};

use super::error::{AuthError, RealmFault};
use super::token::Asker;
use crate::io::http;

impl Asker<'_> {
    /// HTTPS, or HTTP on the host of a registry that itself is on HTTP; no user, no fragment, no address but the registry's own.
    pub(super) fn realm(&self, text: &str) -> Result<Url, AuthError> {
        let bad = |reason| AuthError::Realm {
            registry: self.wish.repository.registry().clone(),
            realm: text.chars().take(200).collect(),
            reason,
        };
        // The parser would drop tabs and newlines and turn `\` into `/`: what we check must be what was meant.
        if text.is_empty() || text.contains(|char: char| char == '\\' || char <= ' ') {
            return Err(bad(RealmFault::NotUrl));
        }
        let realm = self.base.join(text).map_err(|_| bad(RealmFault::NotUrl))?;
        if !realm.has_host() || !matches!(realm.scheme(), "http" | "https") {
            return Err(bad(RealmFault::NotUrl));
        }
        let may_be_plain = self.base.scheme() == "http" && realm.host() == self.base.host();
        if realm.scheme() == "http" && !may_be_plain {
            return Err(bad(RealmFault::NotHttps));
        }
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err(bad(RealmFault::UserInfo));
        }
        if realm.fragment().is_some() {
            return Err(bad(RealmFault::Fragment));
        }
        let is_address = matches!(realm.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
        if realm.host() != self.base.host() && (is_address || http::is_internal(&realm)) {
            return Err(bad(RealmFault::Address));
        }
        Ok(realm)
    }

    pub(super) fn may_learn(&self, realm: &Url) -> bool {
        let pair = (self.wish.repository.registry().as_str(), realm.host_str().unwrap_or_default());
        // Without TLS another port may be another user's.
        let is_own = realm.host() == self.base.host() && realm.scheme() == "https";
        is_own
            || (http::same_origin(realm, self.base) && !self.is_open())
            || (PAIRS.contains(&pair) && realm.scheme() == "https" && realm.port().is_none())
            || self.pairs.iter().any(|allowed| allowed.is(self.wish.repository.registry(), realm))
    }

    /// Whether others can read what is said to the registry: no challenge of theirs may make us say a password.
    pub(super) fn is_open(&self) -> bool {
        self.base.scheme() == "http" && !self.wish.repository.registry().is_loopback()
    }
}

/// Registries whose token server has another name.
const PAIRS: &[(&str, &str)] = &[
    ("docker.io", "auth.docker.io"),
    ("nvcr.io", "authn.nvidia.com"),
    ("registry.gitlab.com", "gitlab.com"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Repository;
    use crate::io::Environment;
    use crate::io::auth::{Actions, Wish};
    use crate::io::http::Http;

    const PAIRED: &str = "[[realm]]\nregistry = \"paired.io\"\nallow = \"auth.other.io\"\n";

    /// Whether a realm is talked to (`None` if not), and whether it may learn credentials.
    fn judge(repository: &str, realm: &str) -> Option<bool> {
        let repository: Repository = repository.parse().unwrap();
        let registry = repository.registry();
        judge_over(if registry.is_loopback() { "http" } else { "https" }, &repository, realm)
    }

    fn judge_over(scheme: &str, repository: &Repository, realm: &str) -> Option<bool> {
        let registry = repository.registry();
        let base: Url = format!("{scheme}://{}/v2/", registry.endpoint()).parse().unwrap();
        let http = Http::plain(Environment::default());
        let pairs = crate::io::auth::pairs::parse(PAIRED, "f".as_ref()).unwrap();
        let wish = Wish { repository, actions: Actions::Pull, from: None };
        let asker = Asker { http: &http, base: &base, wish, pairs: &pairs };
        asker.realm(realm).ok().map(|realm| asker.may_learn(&realm))
    }

    // Without TLS, whoever sits in between could write the challenge and read the answer.
    #[test]
    fn an_open_registry_learns_no_credentials() {
        let lan: Repository = "r.lan:5000/a".parse().unwrap();
        assert_eq!(judge_over("http", &lan, "http://r.lan:5000/token"), Some(false));
        assert_eq!(judge_over("http", &lan, "/token"), Some(false));
        assert_eq!(judge_over("http", &lan, "https://r.lan:5001/token"), Some(true));
        assert_eq!(judge_over("https", &lan, "/token"), Some(true));
    }

    #[test]
    fn credentials_stay_with_the_registry() {
        for (repository, realm, want) in [
            ("r.io/a", "https://r.io/token", Some(true)),
            ("r.io/a", "https://r.io:8443/token", Some(true)),
            ("r.io/a", "/token", Some(true)),
            ("r.io/a", "https://auth.r.io/token", Some(false)),
            ("r.io/a", "https://evil.io/token", Some(false)),
            ("r.io/a", "https://r.io.evil.io/token", Some(false)),
            ("r.io/a", "//evil.io/token", Some(false)),
            ("r.io/a", "https://auth.docker.io/token", Some(false)),
            ("alpine", "https://auth.docker.io/token", Some(true)),
            ("alpine", "https://auth.docker.io:444/token", Some(false)),
            ("alpine", "https://gitlab.com/token", Some(false)),
            ("registry.gitlab.com/a", "https://gitlab.com/jwt/auth", Some(true)),
            ("nvcr.io/a", "https://authn.nvidia.com/token", Some(true)),
            ("localhost:5000/a", "http://localhost:5000/token", Some(true)),
            ("localhost:5000/a", "http://localhost:5001/token", Some(false)),
            ("localhost:5000/a", "https://localhost:5001/token", Some(true)),
            ("10.0.0.1/a", "https://10.0.0.1/token", Some(true)),
            ("paired.io/a", "https://auth.other.io/token", Some(true)),
            ("paired.io/a", "https://auth.other.io:444/token", Some(false)),
            ("paired.io/a", "https://x.auth.other.io/token", Some(false)),
            ("paired.io:5000/a", "https://auth.other.io/token", Some(false)),
            // Not talked to at all.
            ("paired.io/a", "http://auth.other.io/token", None),
            ("localhost:5000/a", "http://127.0.0.1:5000/token", None),
            ("r.io/a", "http://r.io/token", None),
            ("r.io/a", "https://169.254.169.254/latest", None),
            ("r.io/a", "https://[::1]/t", None),
            ("r.io/a", "https://[::ffff:169.254.169.254]/t", None),
            ("r.io/a", "https://2852039166/t", None),
            ("r.io/a", "https://localhost/t", None),
            ("r.io/a", "https://user@r.io/t", None),
            ("r.io/a", "https://user:pass@r.io/t", None),
            ("r.io/a", "https://r.io\\@evil.io/t", None),
            ("r.io/a", "https://r.io/t#f", None),
            ("r.io/a", "file:///etc/passwd", None),
            ("r.io/a", "data:x", None),
            ("r.io/a", "ht\ntps://r.io/", None),
            ("r.io/a", "", None),
        ] {
            assert_eq!(judge(repository, realm), want, "{repository}: {realm}");
        }
    }
}
