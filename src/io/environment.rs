//! Environment variables, as a value.

use std::collections::BTreeMap;
use std::fmt;

/// A copy of the environment. `Debug` shows names only: values may be passwords.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process; variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of `name`; set but empty is `Some("")`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All variables but those with secrets that are known to be for somebody else, for a program that keeps keys.
    pub fn without_secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| !SECRETS.contains(name))
    }

    /// All variables, for a child process.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Passwords of key files, identity tokens and what fetches them, credentials of registries.
const SECRETS: [&str; 5] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "COSIGN_PASSWORD",
    "DOCKER_AUTH_CONFIG",
    "PLIMSOLL_PASSWORD",
    "SIGSTORE_ID_TOKEN",
];

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
