//! `plimsoll.trusted-root/v1`, and the same for people.

use std::path::Path;

use serde::Serialize;

use crate::base::{Digest, Printable};
use crate::format::trusted_root::{Authority, Log, Window};
use crate::verify::TrustRoot;

/// The answer of `plimsoll trusted-root`.
#[derive(Serialize)]
pub(in crate::cli) struct TrustedRootJson {
    schema: &'static str,
    file: Option<String>,
    digest: String,
    certificate_authorities: Vec<AuthorityWire>,
    certificate_logs: Vec<LogWire>,
    logs: Vec<LogWire>,
    timestamp_authorities: Vec<AuthorityWire>,
}

#[derive(Serialize)]
struct LogWire {
    url: String,
    id: String,
    #[serde(flatten)]
    window: WindowWire,
}

#[derive(Serialize)]
struct AuthorityWire {
    name: String,
    certificates: Vec<String>,
    #[serde(flatten)]
    window: WindowWire,
}

#[derive(Serialize)]
struct WindowWire {
    start: String,
    end: Option<String>,
}

impl TrustedRootJson {
    pub(in crate::cli) fn new(file: Option<&Path>, root: &TrustRoot) -> Self {
        let content = root.content();
        Self {
            schema: "plimsoll.trusted-root/v1",
            file: file.map(|file| file.display().to_string()),
            digest: root.digest().to_string(),
            certificate_authorities: content.certificate_authorities.iter().map(authority).collect(),
            certificate_logs: content.certificate_logs.iter().map(log).collect(),
            logs: content.logs.iter().map(log).collect(),
            timestamp_authorities: content.timestamp_authorities.iter().map(authority).collect(),
        }
    }
}

fn log(log: &Log) -> LogWire {
    let id = log.id.iter().map(|byte| format!("{byte:02x}")).collect();
    LogWire { url: log.url.clone(), id, window: window(log.window) }
}

fn authority(authority: &Authority) -> AuthorityWire {
    AuthorityWire {
        name: authority.name.clone(),
        certificates: authority.certificates.iter().map(|der| Digest::of(der).to_string()).collect(),
        window: window(authority.window),
    }
}

fn window(window: Window) -> WindowWire {
    WindowWire { start: window.start.to_string(), end: window.end.map(|end| end.to_string()) }
}

/// A line for each authority and log, with the time in which it counts.
pub(in crate::cli) fn text(file: Option<&Path>, root: &TrustRoot, strong: impl Fn(&str) -> String) -> String {
    let name = file.map_or("the public Sigstore's, as shipped".to_owned(), |file| file.display().to_string());
    let mut text = format!("{} {}\n", strong(&Printable(&name).to_string()), root.digest());
    let content = root.content();
    let mut part = |heading: &str, lines: Vec<(&str, Window)>| {
        text.push_str(&format!("{heading}\n"));
        if lines.is_empty() {
            text.push_str("  none\n");
        }
        for (name, window) in lines {
            let until = window.end.map_or(String::new(), |end| format!(" until {end}"));
            text.push_str(&format!("  {} from {}{until}\n", Printable(name), window.start));
        }
    };
    let authorities = |all: &'_ [Authority]| -> Vec<(String, Window)> {
        all.iter().map(|one| (one.name.clone(), one.window)).collect()
    };
    let logs = |all: &'_ [Log]| -> Vec<(String, Window)> {
        all.iter().map(|one| (one.url.clone(), one.window)).collect()
    };
    for (heading, lines) in [
        ("certificate authorities", authorities(&content.certificate_authorities)),
        ("certificate logs", logs(&content.certificate_logs)),
        ("transparency logs", logs(&content.logs)),
        ("time stamp authorities", authorities(&content.timestamp_authorities)),
    ] {
        part(heading, lines.iter().map(|(name, window)| (name.as_str(), *window)).collect());
    }
    text
}
