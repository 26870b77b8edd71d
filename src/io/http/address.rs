//! What a URL says about where it leads.

use url::{Host, Url};

/// Whether two URLs have the same scheme, host and port.
pub(in crate::io) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// `scheme://host:port`: enough to say where, without path and query, which may hold secrets.
pub(in crate::io) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether the host is literally this machine or a private network. No name is looked up.
pub(in crate::io) fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // With the dot of the root it is the same name.
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_internal_v4(address),
        Some(Host::Ipv6(address)) => {
            address.to_ipv4_mapped().is_some_and(is_internal_v4)
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
        None => true,
    }
}

fn is_internal_v4(address: std::net::Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_internal_hosts_in_every_spelling() {
        for text in [
            "http://localhost/",
            "http://x.localhost/",
            "http://localhost./",
            "http://x.LOCALHOST./",
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://127.1/",
        ] {
            assert!(is_internal(&text.parse().unwrap()), "{text}");
        }
        for text in
            ["http://example.com/", "http://8.8.8.8/", "http://127.0.0.1.nip.io/", "http://[2001:db8::1]/"]
        {
            assert!(!is_internal(&text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn origins() {
        let same = |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://a/x", "https://A:443/y?z"));
        for other in ["http://a/", "https://a:444/", "https://b/", "https://a.b/"] {
            assert!(!same("https://a/", other), "{other}");
        }
    }
}
