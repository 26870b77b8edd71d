//! `plimsoll.auth-status/v1`: `schemas/auth-status.v1.schema.json`.

use serde::Serialize;

use crate::base::Registry;
use crate::io::{Looked, Lookup};

#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) registry: String,
    pub(in crate::cli) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) username: Option<String>,
    looked: Vec<PlaceWire>,
}

#[derive(Serialize)]
pub(in crate::cli) struct PlaceWire {
    pub(in crate::cli) place: String,
    pub(in crate::cli) found: &'static str,
}

impl Answer {
    pub(in crate::cli) fn new(registry: &Registry, path: &str, looked: &[Looked]) -> Self {
        let used = looked.iter().find_map(|looked| match &looked.found {
            Lookup::Found { kind, username, helper } => Some((looked, *kind, username.clone(), helper)),
            Lookup::Absent | Lookup::Later | Lookup::Nothing => None,
        });
        let source = used.as_ref().map(|(looked, _, _, helper)| match helper {
            Some(name) => format!("docker-credential-{name}, named in {}", looked.place),
            None => looked.place.clone(),
        });
        Self {
            schema: "plimsoll.auth-status/v1",
            registry: registry.to_string(),
            path: path.to_owned(),
            source,
            kind: used.as_ref().map(|(_, kind, _, _)| kind.name()),
            username: used.and_then(|(_, _, username, _)| username),
            looked: looked.iter().map(PlaceWire::new).collect(),
        }
    }
}

impl PlaceWire {
    pub(in crate::cli) fn new(looked: &Looked) -> Self {
        let found = match looked.found {
            Lookup::Absent => "absent",
            Lookup::Found { .. } => "used",
            Lookup::Later => "later",
            Lookup::Nothing => "nothing",
        };
        Self { place: looked.place.clone(), found }
    }
}
