//! The distribution: os-release(5), <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>.

use crate::base::{Distribution, ImagePath};
use crate::image::Tree;

/// Where it is, first one first.
pub(super) const PATHS: &[&str] = &["etc/os-release", "usr/lib/os-release"];

/// What the image says it is; none if it does not.
pub(super) fn find(tree: &Tree) -> Option<Distribution> {
    PATHS
        .iter()
        .filter_map(|path| tree.file(&ImagePath::try_from(*path).ok()?))
        .find_map(|file| parse(&file.content))
}

fn parse(bytes: &[u8]) -> Option<Distribution> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Distribution::default();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = Some(unquote(value)).filter(|value| !value.is_empty() && value.len() <= LONGEST);
        match key {
            "ID" => found.id = value.unwrap_or_default(),
            "PRETTY_NAME" => found.pretty_name = value,
            "VERSION_CODENAME" => found.codename = value,
            "VERSION_ID" => found.version_id = value,
            _ => {}
        }
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!found.id.is_empty() && found.id.bytes().all(plain)).then_some(found)
}

/// Shell quoting, as far as os-release(5) allows it.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let mut out = String::new();
    let mut chars = value.chars();
    let mut quote = None;
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', None | Some('"')) => out.extend(chars.next()),
            ('\'' | '"', None) => quote = Some(char),
            (char, Some(open)) if char == open => quote = None,
            (char, _) => out.push(char),
        }
    }
    out
}

/// A name is not longer than this.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_comments_and_nonsense() {
        let text = b"# x\nPRETTY_NAME=\"A \\\"B\\\" 'c'\"\nID=debian\nVERSION_ID='12'\nVERSION_CODENAME=bookworm\r\nX\n=\n";
        let found = parse(text).unwrap();
        assert_eq!(found.id, "debian");
        assert_eq!(found.version_id.as_deref(), Some("12"));
        assert_eq!(found.pretty_name.as_deref(), Some("A \"B\" 'c'"));
        assert_eq!(found.codename.as_deref(), Some("bookworm"));
        for text in ["", "NAME=x\n", "ID=\n", "ID=\"\"", "ID=a b\n", "ID=../x\n", "ID=\\"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
