//! `config.toml`: what a user decided once for all runs.

use serde::Deserialize;

use crate::base::{ReferenceError, Registry};

/// The file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Token servers that may learn what is stored for a registry.
    pub realms: Vec<Realm>,
}

/// One `[[realm]]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Realm {
    /// Whose credentials they are.
    pub registry: Registry,
    /// Who may learn them: a host, and its port unless that is 443.
    pub allow: Registry,
}

impl Settings {
    /// Parses the file. A key that nobody knows is an error: somebody expects it to do something.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let wire: Wire = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.get(..start).unwrap_or_default().matches('\n').count();
            SettingsError::Toml { line, message: error.message().to_owned() }
        })?;
        let realm =
            |wire: RealmWire| Ok(Realm { registry: wire.registry.parse()?, allow: wire.allow.parse()? });
        Ok(Self { realms: wire.realm.into_iter().map(realm).collect::<Result<_, SettingsError>>()? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    realm: Vec<RealmWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RealmWire {
    registry: String,
    allow: String,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not a host.
    #[error(transparent)]
    Registry(#[from] ReferenceError),
    /// Not TOML, or a key that nobody knows.
    #[error("line {line}: {message}")]
    Toml {
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_and_nothing_else() {
        let text = "[[realm]]\nregistry = \"r.example:5000\"\nallow = \"auth.example\"\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.realms[0].registry.as_str(), "r.example:5000");
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        for text in [
            "[[realms]]\n",
            "[[realm]]\nregistry = \"r.example\"\n",
            "[[realm]]\nregistry = \"r.example\"\nallow = \"https://a.example/token\"\n",
            "[[realm]]\nregistry = \"*\"\nallow = \"a.example\"\n",
            "realm = 1",
        ] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
    }
}
