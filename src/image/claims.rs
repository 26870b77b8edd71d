//! Which files of an image are wanted.

use crate::base::ImagePath;

/// Paths that are wanted, as patterns in which `*` stands for one name: `var/lib/dpkg/status.d/*`.
///
/// Patterns instead of a function, because the folders and symbolic links *on the way* to a wanted file matter too: a link or a whiteout there
/// changes what the path means.
#[derive(Clone, Debug)]
pub struct Claims(Vec<Vec<&'static str>>);

impl Claims {
    /// Claims every path that one of the patterns matches.
    pub fn new(patterns: impl IntoIterator<Item = &'static str>) -> Self {
        Self(patterns.into_iter().map(|pattern| pattern.split('/').collect()).collect())
    }

    /// Whether the file at `path` is wanted.
    pub fn wants(&self, path: &ImagePath) -> bool {
        self.0.iter().any(|pattern| compare(pattern, path.as_bytes()) == Some(0))
    }

    /// Whether a wanted file may be below `path`.
    pub fn pass(&self, path: &ImagePath) -> bool {
        self.0.iter().any(|pattern| compare(pattern, path.as_bytes()).is_some_and(|left| left > 0))
    }
}

/// How many names of the pattern are left after `path`; none if they part.
fn compare(pattern: &[&str], path: &[u8]) -> Option<usize> {
    let mut left = pattern.iter();
    for name in path.split(|byte| *byte == b'/') {
        let want = left.next()?;
        if *want != "*" && want.as_bytes() != name {
            return None;
        }
    }
    Some(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_and_on_the_way() {
        let claims = Claims::new(["var/lib/dpkg/status", "usr/share/doc/*/copyright"]);
        for (path, wants, pass) in [
            ("var/lib/dpkg/status", true, false),
            ("var/lib/dpkg/status-old", false, false),
            ("var/lib/dpkg", false, true),
            ("var", false, true),
            ("var/lib/dpkg/status/x", false, false),
            ("usr/share/doc/bash", false, true),
            ("usr/share/doc/bash/copyright", true, false),
            ("usr/share/doc/a/b/copyright", false, false),
            ("opt", false, false),
        ] {
            let path = ImagePath::try_from(path).unwrap();
            assert_eq!((claims.wants(&path), claims.pass(&path)), (wants, pass), "{path}");
        }
    }
}
