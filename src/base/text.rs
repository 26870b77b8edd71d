//! Text from strangers, made safe to print.

use std::fmt::{self, Write as _};
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
            if is_unsafe(char) {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

/// Prints JSON for people and terminals: one member a line, indented, in its own order, and with every number as it was written. What
/// [`Printable`] escapes is written as `\\uXXXX`, so that it says the same. For text that is JSON only: of other text it makes nothing sensible.
/// It is never held as a whole: indentation makes it many times as long.
#[derive(Clone, Copy, Debug)]
pub struct PrettyJson<'a>(pub &'a str);

impl fmt::Display for PrettyJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        let mut chars = self.0.chars().filter(|char| !char.is_ascii_whitespace() || *char == ' ').peekable();
        while let Some(char) = chars.next() {
            if in_string {
                in_string = escaped || char != '"';
                escaped = !escaped && char == '\\';
                write_safe(f, char)?;
                continue;
            }
            match char {
                ' ' => {}
                '{' | '[' => {
                    f.write_char(char)?;
                    while chars.next_if_eq(&' ').is_some() {}
                    match chars.next_if(|next| matches!(next, '}' | ']')) {
                        Some(end) => f.write_char(end)?,
                        None => {
                            depth += 1;
                            begin_line(f, depth)?;
                        }
                    }
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    begin_line(f, depth)?;
                    f.write_char(char)?;
                }
                ',' => {
                    f.write_char(char)?;
                    begin_line(f, depth)?;
                }
                ':' => f.write_str(": ")?,
                char => {
                    in_string = char == '"';
                    write_safe(f, char)?;
                }
            }
        }
        Ok(())
    }
}

fn begin_line(f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    f.write_char('\n')?;
    (0..depth).try_for_each(|_| f.write_str("  "))
}

fn write_safe(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    if !is_unsafe(char) {
        return f.write_char(char);
    }
    char.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
}

fn is_unsafe(char: char) -> bool {
    char.is_control() || HIDDEN.iter().any(|range| range.contains(&char))
}

/// What orders other characters anew (Unicode's Bidi_Control), or is not seen (Default_Ignorable_Code_Point, but for the variation selectors
/// of emoji).
const HIDDEN: [RangeInclusive<char>; 16] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pretty_json_keeps_every_text(name in any::<String>(), text in any::<String>(), number in any::<f64>()) {
            let value = serde_json::json!({ name.clone(): [text, number, { name: {} }] });
            let pretty = super::PrettyJson(&value.to_string()).to_string();
            prop_assert!(!pretty.replace('\n', "").chars().any(super::is_unsafe), "{:?}", pretty);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&pretty).unwrap(), value);
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            super::PrettyJson(&text).to_string();
            super::Printable(&text).to_string();
        }
    }

    #[test]
    fn escapes_what_drives_a_terminal() {
        let text = super::Printable("a\x1b[31m\r\nb\u{202e}c").to_string();
        assert_eq!(text, "a\\u{1b}[31m\\r\\nb\\u{202e}c");
        // Unicode: Bidi_Control, and what is not seen at all.
        for char in
            "\u{61c}\u{200e}\u{202a}\u{2066}\u{2069}\u{ad}\u{180e}\u{2060}\u{2064}\u{fff9}\u{e0041}\u{3164}\u{e0100}".chars()
        {
            let text = super::Printable(&char.to_string()).to_string();
            assert_eq!(text, char.escape_default().to_string());
        }
    }

    #[test]
    fn pretty_json_says_the_same() {
        let value = serde_json::json!({
            "a\u{202e}": ["\u{9b}31m", "\u{e0041}", "\u{7f}\u{1b}", "straße \"\\ 🚢", "a\\", ", : { } [ ]\n\t"],
            "b": {}, "c": [], "d": [{}, [1, -2.5e-7, null, true]], "e": { "f": "" },
        });
        let compact = value.to_string();
        let text = super::PrettyJson(&compact).to_string();
        assert!(
            text.contains(r"\u009b31m") && text.contains(r"\udb40\udc41") && text.contains("straße"),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.chars().any(super::is_unsafe)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        // As serde_json writes it, whatever stood between.
        let spaced = "\t{ \"b\" :\r[ ] ,\n\"a\":[1.0,{ }, { \"x y\" : 2 } ]}\n";
        assert_eq!(
            super::PrettyJson(spaced).to_string(),
            "{\n  \"b\": [],\n  \"a\": [\n    1.0,\n    {},\n    {\n      \"x y\": 2\n    }\n  ]\n}"
        );
        let plain = serde_json::json!({"a": [1, {"b": []}], "c": "d"});
        assert_eq!(
            super::PrettyJson(&plain.to_string()).to_string(),
            serde_json::to_string_pretty(&plain).unwrap()
        );
    }
}
