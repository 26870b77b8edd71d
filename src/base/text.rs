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
            if is_unsafe(char) {
                write!(f, "{}", char.escape_default())?;
            } else {
                fmt::Write::write_char(f, char)?;
            }
        }
        Ok(())
    }
}

/// JSON for people and terminals: one member a line, indented, in its own order, and with every number as it was written. What [`Printable`]
/// escapes is written as `\\uXXXX`, so that it says the same. For text that is JSON only: of other text it makes nothing sensible.
pub fn pretty_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().filter(|char| !char.is_ascii_whitespace() || *char == ' ').peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(char) = chars.next() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = !escaped && char == '\\';
            push_safe(&mut out, char);
            continue;
        }
        match char {
            ' ' => {}
            '{' | '[' => {
                out.push(char);
                while chars.next_if_eq(&' ').is_some() {}
                match chars.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            char => {
                in_string = char == '"';
                push_safe(&mut out, char);
            }
        }
    }
    out
}

fn push_safe(out: &mut String, char: char) {
    if !is_unsafe(char) {
        return out.push(char);
    }
    for unit in char.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

fn is_unsafe(char: char) -> bool {
    char.is_control() || HIDDEN.iter().any(|range| range.contains(&char))
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pretty_json_keeps_every_text(name in any::<String>(), text in any::<String>(), number in any::<f64>()) {
            let value = serde_json::json!({ name.clone(): [text, number, { name: {} }] });
            let pretty = super::pretty_json(&value.to_string());
            prop_assert!(!pretty.replace('\n', "").chars().any(super::is_unsafe), "{:?}", pretty);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&pretty).unwrap(), value);
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            super::pretty_json(&text);
            super::Printable(&text).to_string();
        }
    }

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

    #[test]
    fn pretty_json_says_the_same() {
        let value = serde_json::json!({
            "a\u{202e}": ["\u{9b}31m", "\u{e0041}", "\u{7f}\u{1b}", "straße \"\\ 🚢", "a\\", ", : { } [ ]\n\t"],
            "b": {}, "c": [], "d": [{}, [1, -2.5e-7, null, true]], "e": { "f": "" },
        });
        let compact = value.to_string();
        let text = super::pretty_json(&compact);
        assert!(
            text.contains(r"\u009b31m") && text.contains(r"\udb40\udc41") && text.contains("straße"),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.chars().any(super::is_unsafe)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        // As serde_json writes it, whatever stood between.
        let spaced = "\t{ \"b\" :\r[ ] ,\n\"a\":[1.0,{ }, { \"x y\" : 2 } ]}\n";
        assert_eq!(
            super::pretty_json(spaced),
            "{\n  \"b\": [],\n  \"a\": [\n    1.0,\n    {},\n    {\n      \"x y\": 2\n    }\n  ]\n}"
        );
        let plain = serde_json::json!({"a": [1, {"b": []}], "c": "d"});
        assert_eq!(super::pretty_json(&plain.to_string()), serde_json::to_string_pretty(&plain).unwrap());
    }
}
