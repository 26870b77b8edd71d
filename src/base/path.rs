//! Paths inside an image.

use std::fmt;

/// A path in an image: relative to its root, `/` between names, no `.`, no `..`, no empty name. Bytes need not be UTF-8.
///
/// Nothing that a layer says can point outside of the image through this type (path traversal).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ImagePath(Vec<u8>);

impl ImagePath {
    /// The path as text if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// The path as it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last name.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&[])
    }

    /// The folder that holds it; none for a name at the root.
    pub fn parent(&self) -> Option<Self> {
        let at = self.0.iter().rposition(|byte| *byte == b'/')?;
        self.0.get(..at).map(|parent| Self(parent.to_vec()))
    }

    /// Whether this path is below `folder`.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'))
    }
}

impl TryFrom<&[u8]> for ImagePath {
    type Error = PathError;

    /// Normalises a name from an archive: leading `/` and `./`, doubled `/` and a trailing `/` go; `..` is refused.
    fn try_from(raw: &[u8]) -> Result<Self, PathError> {
        let mut out = Vec::with_capacity(raw.len());
        for name in raw.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(PathError::Parent),
                _ if name.contains(&0) => return Err(PathError::Nul),
                _ => {
                    if !out.is_empty() {
                        out.push(b'/');
                    }
                    out.extend_from_slice(name);
                }
            }
        }
        if out.is_empty() {
            return Err(PathError::Root);
        }
        Ok(Self(out))
    }
}

impl TryFrom<&str> for ImagePath {
    type Error = PathError;

    fn try_from(raw: &str) -> Result<Self, PathError> {
        raw.as_bytes().try_into()
    }
}

impl fmt::Display for ImagePath {
    /// Bytes that are not UTF-8 show as the replacement character.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Why a name is not a path inside an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// A NUL byte.
    #[error("the path contains a NUL byte")]
    Nul,
    /// `..` in it.
    #[error("the path contains `..`")]
    Parent,
    /// The root itself.
    #[error("the path names the root")]
    Root,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_or_refuses() {
        let path = |raw: &str| ImagePath::try_from(raw).map(|path| path.to_string());
        assert_eq!(path("./etc//passwd/").as_deref(), Ok("etc/passwd"));
        assert_eq!(path("/etc/./passwd").as_deref(), Ok("etc/passwd"));
        assert_eq!(path("a/../../b"), Err(PathError::Parent));
        assert_eq!(path("./"), Err(PathError::Root));
        assert_eq!(path("a\0b"), Err(PathError::Nul));
        let file = ImagePath::try_from("a/b").unwrap();
        assert!(file.is_below(&file.parent().unwrap()));
        assert!(!ImagePath::try_from("ab/c").unwrap().is_below(&"a".try_into().unwrap()));
    }
}
