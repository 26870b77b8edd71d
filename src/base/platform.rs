//! Platforms of an index: OCI image-spec v1.1, image-index.md; normalised and matched as containerd/platforms does.

use std::{fmt, str::FromStr};

/// Operating system, architecture and variant, in normal form (`x86_64` is `amd64`, `arm` is `arm/v7`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Normalises the three parts.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.filter(|text| !text.is_empty());
        let (architecture, variant) = match (architecture.to_ascii_lowercase().as_str(), variant) {
            ("x86_64" | "x86-64" | "amd64", Some("v1") | None) => ("amd64", None),
            ("x86_64" | "x86-64" | "amd64", Some(variant)) => ("amd64", Some(variant)),
            ("i386" | "i686" | "386", _) => ("386", None),
            ("aarch64" | "arm64", Some("v8" | "8") | None) => ("arm64", None),
            ("aarch64" | "arm64", Some(variant)) => ("arm64", Some(variant)),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", None | Some("7")) => ("arm", Some("v7")),
            ("arm", Some("5")) => ("arm", Some("v5")),
            ("arm", Some("6")) => ("arm", Some("v6")),
            ("arm", Some("8")) => ("arm", Some("v8")),
            (_, variant) => (architecture, variant),
        };
        Self {
            os,
            architecture: architecture.to_ascii_lowercase(),
            variant: variant.map(str::to_ascii_lowercase),
        }
    }

    /// Linux on the architecture this program was built for: what a deploy question means when nobody says otherwise.
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// Operating system, as `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// Architecture, as `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Variant, as `v7`; none where the architecture's default is meant.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// How well an image made for `offered` runs here: 0 is best; none means it does not run. As containerd's `Only`.
    pub fn accepts(&self, offered: &Self) -> Option<usize> {
        if self.os != offered.os {
            return None;
        }
        self.runnable().iter().position(|(architecture, variant)| {
            *architecture == offered.architecture && *variant == offered.variant
        })
    }

    fn runnable(&self) -> Vec<(String, Option<String>)> {
        let own = (self.architecture.clone(), self.variant.clone());
        let mut out = vec![own];
        let number =
            |variant: &Option<String>| -> Option<u32> { variant.as_deref()?.strip_prefix('v')?.parse().ok() };
        let arms = |top: u32| (5..=top).rev().map(|v| ("arm".to_owned(), Some(format!("v{v}"))));
        match (self.architecture.as_str(), number(&self.variant)) {
            ("amd64", version) => {
                out.extend(
                    // There is v4; nobody needs a list up to v4294967295.
                    (2..version.unwrap_or(1).min(16))
                        .rev()
                        .map(|v| ("amd64".to_owned(), Some(format!("v{v}")))),
                );
                if version.is_some() {
                    out.push(("amd64".to_owned(), None));
                }
                out.push(("386".to_owned(), None));
            }
            ("arm64", _) => {
                if self.variant.is_some() {
                    out.push(("arm64".to_owned(), None));
                }
                out.extend(arms(8));
            }
            ("arm", Some(version)) => out.extend(arms(version.saturating_sub(1).min(7))),
            _ => {}
        }
        out
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// `os/architecture` or `os/architecture/variant`.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let bad = || PlatformError(text.chars().take(64).collect());
        let word = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(|part| word(part)) {
            return Err(bad());
        }
        match parts.as_slice() {
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Not `os/architecture[/variant]`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a platform; write os/architecture[/variant], for example linux/arm64")]
pub struct PlatformError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        for (text, want) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), want);
        }
        for text in ["", "linux", "linux/", "a/b/c/d", "linux/a b", "linux/\u{1b}"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn matching_prefers_the_exact_one() {
        let wants =
            |want: &str, offer: &str| want.parse::<Platform>().unwrap().accepts(&offer.parse().unwrap());
        assert_eq!(wants("linux/amd64", "linux/amd64"), Some(0));
        assert_eq!(wants("linux/amd64", "linux/386"), Some(1));
        assert_eq!(wants("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(wants("linux/amd64/v3", "linux/amd64/v2"), Some(1));
        assert_eq!(wants("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(wants("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(wants("linux/arm64", "linux/arm/v7"), Some(2));
        assert_eq!(wants("linux/amd64", "windows/amd64"), None);
        assert_eq!(wants("linux/amd64/v4294967295", "linux/amd64/v3"), Some(13));
    }
}
