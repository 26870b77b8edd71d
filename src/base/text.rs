//! Text from strangers, made safe to print.

use std::fmt;

/// Prints foreign text so that it cannot drive a terminal: control and bidirectional characters are escaped, and only the first 4,096
/// characters are shown (escape sequences in an error message of a registry, a tag or a file name).
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, char) in self.0.chars().enumerate() {
            if at == 4096 {
                return f.write_str("…");
            }
            let reorders = matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            if char.is_control() || reorders {
                write!(f, "{}", char.escape_default())?;
            } else {
                fmt::Write::write_char(f, char)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_what_drives_a_terminal() {
        let text = super::Printable("a\x1b[31m\r\nb\u{202e}c").to_string();
        assert_eq!(text, "a\\u{1b}[31m\\r\\nb\\u{202e}c");
    }
}
