//! Which services make a keyless signature: protobuf-specs, sigstore_trustroot.proto, `SigningConfig` v0.2, in protobuf's JSON.

use std::cmp::Reverse;

use serde_json::value::RawValue;

use super::object::{Object, ObjectError};
use crate::base::{Printable, Timestamp, TimestampError, limits};

/// A signing config, as somebody wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningConfig {
    authorities: Vec<Service>,
    logs: Vec<Service>,
    log_selector: Option<Selector>,
    stampers: Vec<Service>,
    stamper_selector: Option<Selector>,
}

/// One service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// Where it is; not looked at yet.
    pub url: String,
    /// Which of its interfaces.
    pub version: u32,
    /// Who runs it.
    pub operator: String,
    /// First moment at which it may be used.
    from: Timestamp,
    /// Last one.
    until: Option<Timestamp>,
}

/// How many services of a kind a signature needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Selector {
    All,
    Any,
    Exact(usize),
}

/// What one signature needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selected<'a> {
    /// Issues certificates. Keys need none.
    pub authority: Option<&'a Service>,
    /// Each of them enters the signature.
    pub logs: Vec<&'a Service>,
    /// Each of them stamps the signature.
    pub stampers: Vec<&'a Service>,
}

impl SigningConfig {
    /// Reads a signing config. Unknown fields are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigningConfigError> {
        let mut object = Object::parse("signing config", bytes)?;
        let media_type: String = object.take("mediaType")?;
        if media_type != MEDIA_TYPE {
            return Err(SigningConfigError::MediaType { found: media_type.chars().take(128).collect() });
        }
        let config = Self {
            authorities: services(&mut object, "caUrls")?,
            logs: services(&mut object, "rekorTlogUrls")?,
            log_selector: selector(&mut object, "rekorTlogConfig")?,
            stampers: services(&mut object, "tsaUrls")?,
            stamper_selector: selector(&mut object, "tsaConfig")?,
        };
        // Who opens a browser needs them. Tokens come from elsewhere here, but a broken list is a broken file.
        services(&mut object, "oidcUrls")?;
        object.finish()?;
        Ok(config)
    }

    /// The services to use at `now`.
    pub fn select(&self, now: Timestamp) -> Result<Selected<'_>, SigningConfigError> {
        let authority = eligible(&self.authorities, now, AUTHORITY_VERSIONS).into_iter().next();
        if authority.is_none() && !self.authorities.is_empty() {
            return Err(SigningConfigError::None { field: "caUrls" });
        }
        let logs = select(&self.logs, self.log_selector, now, LOG_VERSIONS, "rekorTlogUrls")?;
        let stampers = select(&self.stampers, self.stamper_selector, now, STAMPER_VERSIONS, "tsaUrls")?;
        Ok(Selected { authority, logs, stampers })
    }
}

fn services(object: &mut Object, field: &'static str) -> Result<Vec<Service>, SigningConfigError> {
    let raws: Vec<Box<RawValue>> = object.take_optional(field)?.unwrap_or_default();
    if raws.len() > limits::SERVICES {
        return Err(SigningConfigError::TooMany { field, found: raws.len() });
    }
    raws.iter().map(|raw| service(Object::inside(field, raw)?)).collect()
}

fn service(mut object: Object) -> Result<Service, SigningConfigError> {
    let (url, version) = (object.take("url")?, object.take("majorApiVersion")?);
    let operator = object.take("operator")?;
    let mut window = object.take_object("validFor")?;
    let time = |text: String| text.parse::<Timestamp>().map_err(SigningConfigError::Time);
    let from = time(window.take("start")?)?;
    let until = window.take_optional("end")?.map(time).transpose()?;
    window.finish()?;
    object.finish()?;
    Ok(Service { url, version, operator, from, until })
}

fn selector(object: &mut Object, field: &'static str) -> Result<Option<Selector>, SigningConfigError> {
    let Some(raw) = object.take_optional::<Box<RawValue>>(field)? else { return Ok(None) };
    let mut config = Object::inside(field, &raw)?;
    let name: Option<String> = config.take_optional("selector")?;
    let count: Option<u32> = config.take_optional("count")?;
    config.finish()?;
    let wrong = || SigningConfigError::Selector { field };
    match (name.as_deref(), count.unwrap_or_default()) {
        (None | Some("SERVICE_SELECTOR_UNDEFINED"), 0) => Ok(None),
        (Some("ALL"), 0) => Ok(Some(Selector::All)),
        (Some("ANY"), 0) => Ok(Some(Selector::Any)),
        // "Exactly none" would be a list that nobody looks at.
        (Some("EXACT"), count @ 1..) => {
            Ok(Some(Selector::Exact(usize::try_from(count).map_err(|_| wrong())?)))
        }
        _ => Err(wrong()),
    }
}

/// One service an operator (several of one operator prove no more than one), the newest interface first, then the newest service, then the
/// order of the list.
fn eligible<'a>(services: &'a [Service], now: Timestamp, versions: &[u32]) -> Vec<&'a Service> {
    let usable = |service: &&Service| {
        versions.contains(&service.version)
            && service.from <= now
            && service.until.is_none_or(|until| now <= until)
    };
    let mut sorted: Vec<&Service> = services.iter().filter(usable).collect();
    sorted.sort_by_key(|service| (Reverse(service.version), Reverse(service.from)));
    let mut out: Vec<&Service> = Vec::new();
    for service in sorted {
        if !out.iter().any(|other| other.operator == service.operator) {
            out.push(service);
        }
    }
    out
}

fn select<'a>(
    services: &'a [Service],
    selector: Option<Selector>,
    now: Timestamp,
    versions: &[u32],
    field: &'static str,
) -> Result<Vec<&'a Service>, SigningConfigError> {
    if services.is_empty() {
        return match selector {
            Some(Selector::Exact(wanted)) => Err(SigningConfigError::TooFew { field, wanted, found: 0 }),
            None | Some(Selector::All | Selector::Any) => Ok(Vec::new()),
        };
    }
    let mut found = eligible(services, now, versions);
    if found.is_empty() {
        return Err(SigningConfigError::None { field });
    }
    match selector.ok_or(SigningConfigError::Selector { field })? {
        Selector::All => {}
        Selector::Any => found.truncate(1),
        Selector::Exact(wanted) if found.len() < wanted => {
            return Err(SigningConfigError::TooFew { field, wanted, found: found.len() });
        }
        Selector::Exact(wanted) => found.truncate(wanted),
    }
    Ok(found)
}

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// Fulcio's interface of version 2 is served under major version 1.
const AUTHORITY_VERSIONS: &[u32] = &[1];
const LOG_VERSIONS: &[u32] = &[1, 2];
const STAMPER_VERSIONS: &[u32] = &[1];

/// Why a signing config does not say which services to use.
#[derive(Debug, thiserror::Error)]
pub enum SigningConfigError {
    /// Not the JSON that the specification describes.
    #[error(transparent)]
    Form(#[from] ObjectError),
    /// Another version, or something else.
    #[error("`{}` is not a signing config of version 0.2", Printable(.found))]
    MediaType {
        /// As written.
        found: String,
    },
    /// None that is valid now and speaks a version that is known here.
    #[error("the signing config has no service in `{field}` that can be used now")]
    None {
        /// Which list.
        field: &'static str,
    },
    /// Not `ALL`, `ANY` or `EXACT` with a count.
    #[error("the signing config does not say how many of `{field}` to use: ALL, ANY, or EXACT with a count")]
    Selector {
        /// Which list, or its config.
        field: &'static str,
    },
    /// Not a date and time.
    #[error("a validity period in the signing config is malformed")]
    Time(#[source] TimestampError),
    /// Services of one operator count as one.
    #[error("the signing config asks for {wanted} operators of `{field}`, and {found} can be used now")]
    TooFew {
        /// Which list.
        field: &'static str,
        /// How many.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Over the limit.
    #[error(
        "the signing config lists {found} services in `{field}`; at most {} are accepted",
        limits::SERVICES
    )]
    TooMany {
        /// Which list.
        field: &'static str,
        /// How many.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What `cosign signing-config create` 3.1.1 wrote.
    const FULL: &[u8] = include_bytes!("../../testdata/cosign/signing-config/signing-config-full.json");
    const EMPTY: &[u8] = include_bytes!("../../testdata/cosign/signing-config/signing-config-empty.json");

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn cosign_s_configs() {
        let full = SigningConfig::parse(FULL).unwrap();
        let selected = full.select(at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(selected.authority.map(|it| &*it.url), Some("https://fulcio.plimsoll.test"));
        // Of one operator's two logs, that of the newer interface.
        let logs: Vec<_> = selected.logs.iter().map(|log| (log.url.as_str(), log.version)).collect();
        assert_eq!(logs, [("https://log.plimsoll.test", 2)]);
        assert_eq!(selected.stampers[0].url, "https://tsa.plimsoll.test/api/v1/timestamp");
        let early = full.select(at("2024-12-31T23:59:59Z"));
        assert!(matches!(early, Err(SigningConfigError::None { field: "caUrls" })));
        let empty = SigningConfig::parse(EMPTY).unwrap();
        let none = empty.select(at("2026-01-01T00:00:00Z")).unwrap();
        assert!(none.authority.is_none() && none.logs.is_empty() && none.stampers.is_empty());
    }

    /// Name, version, operator, start, end.
    fn config(logs: &[(&str, u32, &str, &str, &str)], selector: Value) -> SigningConfig {
        let service = |(url, version, operator, start, end): &(&str, u32, &str, &str, &str)| {
            let mut window = json!({ "start": format!("{start}T00:00:00Z") });
            if !end.is_empty() {
                window["end"] = json!(format!("{end}T00:00:00Z"));
            }
            json!({"url": url, "majorApiVersion": version, "operator": operator, "validFor": window})
        };
        let logs: Vec<Value> = logs.iter().map(service).collect();
        let json = json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service(&("ca", 1, "o", "2020-01-01", ""))],
            "rekorTlogUrls": logs,
            "rekorTlogConfig": selector,
        });
        SigningConfig::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn services_are_chosen_as_the_specification_says() {
        let logs = [
            ("old", 1, "x", "2021-01-01", ""),
            ("ended", 2, "x", "2022-01-01", "2023-01-01"),
            ("new", 2, "x", "2024-01-01", ""),
            ("future", 2, "x", "2027-01-01", ""),
            ("unknown", 3, "x", "2021-01-01", ""),
            ("first of y", 1, "y", "2021-01-01", ""),
            ("second of y", 1, "y", "2021-01-01", ""),
            ("newer of y", 1, "y", "2022-01-01", ""),
        ];
        for (selector, now, want) in [
            (json!({"selector": "ALL"}), "2025-01-01", &["new", "newer of y"][..]),
            (json!({"selector": "ANY"}), "2025-01-01", &["new"]),
            (json!({"selector": "EXACT", "count": 1}), "2025-01-01", &["new"]),
            (json!({"selector": "EXACT", "count": 2}), "2025-01-01", &["new", "newer of y"]),
            // The last moment counts.
            (json!({"selector": "ALL"}), "2023-01-01", &["ended", "newer of y"]),
            (json!({"selector": "ALL"}), "2023-06-01", &["newer of y", "old"]),
            (json!({"selector": "ALL"}), "2021-06-01", &["old", "first of y"]),
        ] {
            let config = config(&logs, selector);
            let selected = config.select(at(&format!("{now}T00:00:00Z"))).unwrap();
            let urls: Vec<&str> = selected.logs.iter().map(|log| log.url.as_str()).collect();
            assert_eq!(urls, want, "{now}");
        }
        let three = config(&logs, json!({"selector": "EXACT", "count": 3}));
        let three = three.select(at("2025-01-01T00:00:00Z"));
        assert!(matches!(three, Err(SigningConfigError::TooFew { wanted: 3, found: 2, .. })));
        let undecided = config(&logs, json!({})).select(at("2025-01-01T00:00:00Z")).map(|_| ());
        assert!(matches!(undecided, Err(SigningConfigError::Selector { .. })));
        let ended = config(&logs[1..2], json!({"selector": "ANY"}));
        let ended = ended.select(at("2025-01-01T00:00:00Z"));
        assert!(matches!(ended, Err(SigningConfigError::None { field: "rekorTlogUrls" })));
        let none = config(&[], json!({"selector": "EXACT", "count": 1}));
        let none = none.select(at("2025-01-01T00:00:00Z"));
        assert!(matches!(none, Err(SigningConfigError::TooFew { found: 0, .. })));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let full = String::from_utf8(FULL.to_vec()).unwrap();
        for (from, to) in [
            ("v0.2+json", "v0.1+json"),
            (r#""caUrls""#, r#""caUrl""#),
            (r#""operator":"#, r#""operator":"","oprator":"#),
            (r#","operator":"plimsoll.test"}"#, "}"),
            (r#""majorApiVersion":1,"#, ""),
            (r#""majorApiVersion":1"#, r#""majorApiVersion":-1"#),
            (r#""start":"2025"#, r#""start":"soon"#),
            (r#""validFor":{"start":"2025-01-01T00:00:00Z"}"#, r#""validFor":{}"#),
            (r#""selector":"EXACT","count":1"#, r#""selector":"EXACT""#),
            (r#""selector":"EXACT","count":1"#, r#""selector":"ANY","count":1"#),
            (r#""selector":"ANY""#, r#""selector":"SOME""#),
            (r#""oidcUrls":["#, r#""oidcUrls":[{},"#),
        ] {
            let changed = full.replacen(from, to, 1);
            assert_ne!(changed, full, "{from}");
            assert!(SigningConfig::parse(changed.as_bytes()).is_err(), "{to}");
        }
        let service =
            r#"{"url":"x","majorApiVersion":1,"operator":"o","validFor":{"start":"2025-01-01T00:00:00Z"}}"#;
        let many = vec![service; limits::SERVICES + 1].join(",");
        let many = format!(r#"{{"mediaType":"{MEDIA_TYPE}","tsaUrls":[{many}]}}"#);
        assert!(matches!(
            SigningConfig::parse(many.as_bytes()),
            Err(SigningConfigError::TooMany { field: "tsaUrls", .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, value in r#"[\[\]{}",:a1]{0,20}"#) {
            let _ = SigningConfig::parse(&bytes);
            let text = format!(r#"{{"mediaType":"{MEDIA_TYPE}","caUrls":{value}}}"#);
            let _ = SigningConfig::parse(text.as_bytes());
        }
    }
}
