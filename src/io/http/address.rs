//! What a URL says about where it leads.

use std::net::{Ipv4Addr, Ipv6Addr};

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
            within(address).is_some_and(is_internal_v4)
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
        None => true,
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    // RFC 6598, section 7, and RFC 6890, section 2.2.2: clouds have their metadata services there, too.
    let is_shared = matches!(address.octets(), [0, ..] | [100, 64..=127, ..] | [192, 0, 0, _]);
    is_shared || address.is_loopback() || address.is_private() || address.is_link_local()
}

/// The older address to which a gateway translates this one: mapped, compatible, RFC 6052 and RFC 8215, 6to4.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0 | 1, 0, 0, 0, high, low] => join(high, low),
        [0x2002, high, low, ..] => join(high, low),
        _ => None,
    }
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
            // Where Alibaba Cloud and Oracle Cloud tell machines their credentials.
            "http://100.100.100.200/",
            "http://192.0.0.192/",
            "http://0.1.2.3/",
            // The same in the spellings by which gateways carry the older addresses.
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[64:ff9b:1::7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[2002:a9fe:a9fe::1]/",
        ] {
            assert!(is_internal(&text.parse().unwrap()), "{text}");
        }
        for text in [
            "http://example.com/",
            "http://8.8.8.8/",
            "http://127.0.0.1.nip.io/",
            "http://[2001:db8::1]/",
            "http://100.128.0.1/",
            "http://[64:ff9b::808:808]/",
            "http://[2002:808:808::1]/",
        ] {
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
