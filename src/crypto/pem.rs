//! PEM: RFC 7468, section 3 (lax about white space, as everybody reads it), without the encapsulated headers of RFC 1421.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::KeyError;

/// The first block of a text.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// Reads the first block; text around it, CRLF and later blocks are left alone.
pub(super) fn first(text: &str) -> Result<Block<'_>, KeyError> {
    first_but(text, "")
}

/// Reads the first block that has another label.
pub(super) fn first_but<'a>(text: &'a str, skipped: &str) -> Result<Block<'a>, KeyError> {
    let mut lines = text.lines().enumerate();
    let (start, label) = lines
        .by_ref()
        .find_map(|(at, line)| {
            let label = marker(line, "-----BEGIN ").filter(|label| skipped.is_empty() || *label != skipped);
            Some((at + 1, label?))
        })
        .ok_or(KeyError::NoPem)?;
    let broken = || KeyError::Pem { line: start };
    let mut body = Zeroizing::new(String::with_capacity(text.len()));
    for (_, line) in lines {
        if let Some(end) = marker(line, "-----END ") {
            if end != label {
                return Err(broken());
            }
            let content = STANDARD.decode(body.as_bytes()).map_err(|_| broken())?;
            return Ok(Block { label, content: Zeroizing::new(content) });
        }
        body.push_str(line.trim());
    }
    Err(broken())
}

/// The PEM block of a certificate in DER.
pub fn certificate(der: &[u8]) -> String {
    write("CERTIFICATE", der)
}

/// Writes a block with lines of 64 characters.
pub(super) fn write(label: &str, content: &[u8]) -> String {
    let body = STANDARD.encode(content);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, later) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = later;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

fn marker<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.trim_end().strip_prefix(start)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_and_parse_are_inverse_around_any_text() {
        for length in [0, 1, 47, 48, 49, 200] {
            let content: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let pem = write("A KEY", &content);
            assert!(pem.lines().all(|line| line.len() <= 64));
            for text in [
                pem.clone(),
                pem.replace('\n', "\r\n"),
                format!("note\n{pem}tail\n"),
                format!("{pem}{}", write("B", b"x")),
            ] {
                let block = first(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!((block.label, &**block.content), ("A KEY", &*content));
            }
        }
    }

    #[test]
    fn refuses_broken_blocks() {
        let good = write("A", b"0123456789");
        assert!(matches!(first("just text"), Err(KeyError::NoPem)));
        for text in [
            good.replace("-----END A-----", ""),
            good.replace("-----END A", "-----END B"),
            good.replace("==", ""),
            good.replace('M', "*"),
            good.replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\n\nM"),
        ] {
            assert!(matches!(first(&text), Err(KeyError::Pem { line: 1 })), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(-----(BEGIN|END) [A-Z ]{0,4}-----|[a-zA-Z0-9+/=\r\n ]{0,40}|\n){0,6}") {
            let _ = first(&text);
        }
    }
}
