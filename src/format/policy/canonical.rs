//! RFC 8785, JSON Canonicalization Scheme, for the values that a policy can hold (no fractions).

use serde_json::Value;

/// The one way to write `value`.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            let mut separator = '[';
            for item in items {
                out.push(separator);
                write(item, out);
                separator = ',';
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            // RFC 8785 §3.2.3: by UTF-16 code units.
            sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            let mut separator = '{';
            for (key, value) in &sorted {
                out.push(separator);
                write(&Value::String((*key).clone()), out);
                out.push(':');
                write(value, out);
                separator = ',';
            }
            out.push_str(if sorted.is_empty() { "{}" } else { "}" });
        }
        // serde_json escapes strings as RFC 8785 §3.2.2.2 asks, and whole numbers have one spelling.
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn writes_one_form() {
        for (text, want) in [
            (
                r#" { "b" : [ 1 , true , null ] , "a" : { } , "c" : [ ] } "#,
                r#"{"a":{},"b":[1,true,null],"c":[]}"#,
            ),
            (
                "{\"\u{20ac}\":1,\"\\r\":2,\"\u{1f600}\":3,\"\u{fb33}\":4,\"1\":5}",
                "{\"\\r\":2,\"1\":5,\"\u{20ac}\":1,\"\u{1f600}\":3,\"\u{fb33}\":4}",
            ),
            (r#""\u0001\u000a\u00e9\"\\\/""#, "\"\\u0001\\né\\\"\\\\/\""),
        ] {
            assert_eq!(super::canonical(&serde_json::from_str(text).unwrap()), want);
        }
    }
}
