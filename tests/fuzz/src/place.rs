//! Files of this machine that say where to ask, and as whom.

use std::sync::LazyLock;

use plimsoll::base::Registry;
use plimsoll::format::registries::RegistriesConf;
use plimsoll::io::{Access, Environment, Io, Lookup};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// Whose credentials are found is named in the file: host and port are equal, not similar.
pub(crate) fn docker_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Helpers are not looked for among the programs of this machine.
    let environment = [("DOCKER_AUTH_CONFIG", text), ("PATH", "/nonexistent")];
    let environment: Environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let io = Io::new(environment, Access::Offline).expect("the outside world");
    let registry: Registry = "r.example:5000".parse().expect("a registry");
    let Ok(looked) = RUNTIME.block_on(io.find_credentials(&registry, "team/app")) else { return };
    let found = looked.iter().filter(|looked| matches!(looked.found, Lookup::Found { .. }));
    assert!(found.clone().count() <= 1, "one place decides");
    // With the second opinion on JSON.
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let keys = value["auths"].as_object().into_iter().flat_map(|auths| auths.keys());
    let mut hosts = keys.map(|key| {
        let key = key.trim_start_matches("https://").trim_start_matches("http://");
        key.split('/').next().unwrap_or_default().to_ascii_lowercase()
    });
    let is_ours = |looked: &&plimsoll::io::Looked| looked.place.contains("DOCKER_AUTH_CONFIG");
    if found.clone().any(|looked| is_ours(&looked)) {
        assert!(hosts.any(|host| host == "r.example:5000"), "{looked:?}");
    }
}

/// A prefix ends where a part of a name ends, and what takes its place takes all of it.
pub(crate) fn registries(bytes: &[u8]) {
    let Ok(conf) = RegistriesConf::parse(bytes) else { return };
    let mut twice = conf.clone();
    twice.extend(conf.clone());
    assert_eq!(twice, conf, "read again, it says the same");
    for entry in &conf.entries {
        let (prefix, name) = match entry.prefix.strip_prefix("*.") {
            Some(domain) => (format!("a.{domain}"), format!("a.{domain}/x/y")),
            None => (entry.prefix.clone(), format!("{}/x/y", entry.prefix)),
        };
        assert!(!prefix.is_empty() && !prefix.contains("//") && !prefix.ends_with('/'), "{prefix}");
        let place = entry.location.as_deref().unwrap_or("other.example/z");
        assert_eq!(entry.rewrite(&name, place), Some(format!("{place}/x/y")), "{entry:?}");
        assert_eq!(entry.rewrite(&name, &prefix), Some(name.clone()), "{entry:?}");
        assert_eq!(entry.rewrite(&format!("{}x/y", prefix.replace(':', "-")), place), None, "{entry:?}");
        let found = conf.find(&name).expect("an entry covers it");
        assert!(found.prefix.len() >= entry.prefix.len(), "the longest decides");
    }
}
