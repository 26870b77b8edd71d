//! Text from strangers, made safe to print.

use std::fmt;
use std::ops::RangeInclusive;

/// Prints foreign text so that it cannot drive a terminal: control, bidirectional and invisible characters are escaped, and only the first 4,096
/// characters are shown (escape sequences in an error message of a registry, a tag or a file name).
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, char) in self.0.chars().enumerate() {
            if at == 4096 {
                return f.write_str("…");
            }
            if char.is_control() || HIDDEN.iter().any(|range| range.contains(&char)) {
                write!(f, "{}", char.escape_default())?;
            } else {
                fmt::Write::write_char(f, char)?;
            }
        }
        Ok(())
    }
}

/// What orders other characters anew (Unicode's Bidi_Control), or is not seen.
const HIDDEN: [RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_what_drives_a_terminal() {
        let text = super::Printable("a\x1b[31m\r\nb\u{202e}c").to_string();
        assert_eq!(text, "a\\u{1b}[31m\\r\\nb\\u{202e}c");
        // Unicode: Bidi_Control, and what is not seen at all.
        for char in
            "\u{61c}\u{200e}\u{202a}\u{2066}\u{2069}\u{ad}\u{180e}\u{2060}\u{2064}\u{fff9}\u{e0041}".chars()
        {
            let text = super::Printable(&char.to_string()).to_string();
            assert_eq!(text, char.escape_default().to_string());
        }
    }
}
