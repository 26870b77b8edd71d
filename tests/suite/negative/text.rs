//! Bad texts, numbers, names and frames.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::json::Mutant;

/// Changes around a document.
pub(super) fn frames(good: &[u8]) -> Vec<Mutant> {
    let text = String::from_utf8_lossy(good);
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let quoted = serde_json::Value::from(&*text).to_string();
    let mut made = ends(good);
    for (kind, bytes) in [
        ("byte-order-mark", [b"\xef\xbb\xbf", good].concat()),
        ("two-documents", [good, good].concat()),
        ("two-lines", [good, b"\n", good].concat()),
        ("after-another", [b"{}", good].concat()),
        ("and-another", [good, b"{}"].concat()),
        ("and-null", [good, b" null"].concat()),
        ("comment-first", [b"// x\n", good].concat()),
        ("comment-last", [good, b"/* x */"].concat()),
        ("in-list", [b"[", good, b"]"].concat()),
        ("in-text", quoted.into_bytes()),
        ("in-base64", STANDARD.encode(good).into_bytes()),
        ("utf-16le", wide(u16::to_le_bytes)),
        ("utf-16be", wide(u16::to_be_bytes)),
        ("gzip", gzip(good)),
        ("space-around", [b" \r\n\t", good, b"\r\n "].concat()),
        ("form-feed", [b"\x0c", good].concat()),
        ("no-break-space", ["\u{a0}".as_bytes(), good].concat()),
    ] {
        made.push(Mutant::new(kind, "", bytes));
    }
    made
}

/// Bytes cut, or with more at the end: of a document, and of what base64 holds.
pub(super) fn ends(good: &[u8]) -> Vec<Mutant> {
    let size = good.len();
    let mut made = vec![
        Mutant::new("empty", "", []),
        Mutant::new("nul-last", "", [good, b"\0"].concat()),
        Mutant::new("nul-first", "", [b"\0", good].concat()),
        Mutant::new("x-last", "", [good, b"x"].concat()),
        Mutant::new("reversed", "", good.iter().rev().copied().collect::<Vec<u8>>()),
        Mutant::new("cut-first", "", good.get(1..).unwrap_or_default()),
    ];
    for keep in [1, size / 4, size / 2, size * 3 / 4, size.saturating_sub(1)] {
        made.push(Mutant::new("cut", "", good.get(..keep).unwrap_or_default()));
    }
    made
}

/// Every bit of `good` flipped, one at a time.
pub(crate) fn flips(good: &[u8]) -> impl Iterator<Item = Mutant> {
    (0..good.len() * 8).map(|bit| {
        let mut bytes = good.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Mutant::new("flipped", &format!("#{}", bit / 8), bytes)
    })
}

/// One bit of every byte flipped, one byte at a time.
pub(super) fn flipped(good: &[u8]) -> impl Iterator<Item = Mutant> {
    (0..good.len()).map(|at| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1 << (at % 7);
        Mutant::new("flipped", &format!("#{at}"), bytes)
    })
}

/// Other spellings of a quoted name.
pub(super) fn names(quoted: &str) -> Vec<(&'static str, String)> {
    let name = &quoted[1..quoted.len() - 1];
    let Some(first) = name.chars().next() else { return vec![("renamed", "\"x\"".to_owned())] };
    let rest = &name[first.len_utf8()..];
    let flipped = if first.is_uppercase() {
        first.to_lowercase().to_string()
    } else {
        first.to_uppercase().to_string()
    };
    // Letters that Go's reader of JSON takes for `k` and `s`.
    let folded = name.replacen('k', "\u{212a}", 1).replacen('s', "\u{17f}", 1);
    let mut made = vec![
        ("renamed", format!("\"{flipped}{rest}\"")),
        ("renamed", format!("\"{}\"", name.to_uppercase())),
        ("renamed", format!("\"{}\"", name.to_lowercase())),
        ("renamed", format!("\"{folded}\"")),
        ("renamed", format!("\"{name} \"")),
        ("renamed", format!("\" {name}\"")),
        ("renamed", format!("\"{name}\\u0000\"")),
        ("renamed", format!("\"{name}s\"")),
        ("renamed", format!("\"{rest}\"")),
        ("renamed", "\"\"".to_owned()),
        ("name-escaped", format!("\"\\u{:04x}{rest}\"", u32::from(first))),
        ("name-unquoted", name.to_owned()),
        ("name-in-single-quotes", format!("'{name}'")),
        ("name-broken", format!("\"{name}\\ud800\"")),
    ];
    if name.contains('_') || name.chars().any(char::is_uppercase) {
        // Readers of protobuf's JSON take both spellings.
        made.push(("renamed", format!("\"{}\"", snake(name))));
    }
    if name == "sha256" {
        made.extend(
            ["sha512", "sha384", "sha1", "sha-256", "sha256:"]
                .map(|other| ("renamed", format!("\"{other}\""))),
        );
    }
    made.retain(|(_, spelled)| spelled != quoted);
    made
}

fn snake(name: &str) -> String {
    if name.contains('_') {
        return name.replace('_', "");
    }
    name.chars()
        .flat_map(|c| if c.is_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
        .collect()
}

/// Other numbers.
pub(super) fn numbers(old: &str) -> Vec<(&'static str, String)> {
    let number: i128 = old.parse().unwrap_or(7);
    let mut made: Vec<(&'static str, String)> =
        [number + 1, number - 1, number + YEAR, number - YEAR, -number - 1]
            .map(|other| ("number-other", other.to_string()))
            .to_vec();
    made.extend([
        ("number-in-text", format!("\"{old}\"")),
        ("number-with-fraction", format!("{old}.0")),
        ("number-with-exponent", format!("{old}e0")),
        ("number-with-zero", format!("0{old}")),
        ("number-with-plus", format!("+{old}")),
        ("number-too-large", "18446744073709551616".to_owned()),
        ("number-too-large", "9223372036854775808".to_owned()),
        ("number-in-hexadecimal", format!("0x{number:x}")),
    ]);
    made
}

/// Other values of a quoted text.
pub(super) fn texts(quoted: &str) -> Vec<(&'static str, Vec<u8>)> {
    let inner = &quoted[1..quoted.len() - 1];
    let value: String = serde_json::from_str(quoted).expect("a text");
    let mut made: Vec<(&'static str, String)> = vec![
        ("text-space-last", format!("\"{inner} \"")),
        ("text-space-first", format!("\" {inner}\"")),
        ("text-newline-last", format!("\"{inner}\\n\"")),
        ("text-nul-last", format!("\"{inner}\\u0000\"")),
        ("text-x-last", format!("\"{inner}x\"")),
        ("text-broken", format!("\"{inner}\\ud800\"")),
        ("text-open", format!("\"{inner}")),
        ("text-tab", format!("\"{inner}\t\"")),
        ("text-upper", serde_json::Value::from(value.to_uppercase()).to_string()),
        ("text-lower", serde_json::Value::from(value.to_lowercase()).to_string()),
    ];
    let mut characters = value.chars();
    if let Some(first) = characters.next() {
        let rest = serde_json::Value::from(characters.as_str()).to_string();
        made.push(("text-escaped", format!("\"\\u{:04x}{}", u32::from(first), &rest[1..])));
        made.push(("text-first-missing", rest));
    }
    for (kind, other) in
        digests(&value).into_iter().chain(times(&value)).chain(base64s(&value)).chain(counts(&value))
    {
        made.push((kind, serde_json::Value::from(other).to_string()));
    }
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        made.push(("text-without-quotes", value));
    }
    made.retain(|(_, new)| new != quoted);
    let mut made: Vec<(&'static str, Vec<u8>)> =
        made.into_iter().map(|(kind, new)| (kind, new.into_bytes())).collect();
    made.push(("text-not-utf-8", [quoted.trim_end_matches('"').as_bytes(), b"\xff\""].concat()));
    made
}

/// Texts that are digests or algorithms.
fn digests(value: &str) -> Vec<(&'static str, String)> {
    let other = "5".repeat(64);
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (value, value.strip_prefix("sha256:")) {
        (value, _) if hex(value) => vec![
            ("digest-other", other),
            ("digest-with-algorithm", format!("sha256:{value}")),
            ("digest-cut", value[..62].to_owned()),
            ("digest-longer", format!("{value}00")),
        ],
        (_, Some(digits)) if hex(digits) => vec![
            ("digest-other", format!("sha256:{other}")),
            ("digest-without-algorithm", digits.to_owned()),
            ("digest-of-another-algorithm", format!("sha512:{digits}")),
            ("digest-of-another-algorithm", format!("sha512:{digits}{digits}")),
            ("digest-of-another-algorithm", format!("SHA256:{digits}")),
            ("digest-of-another-algorithm", format!("sha256:{}", digits.to_uppercase())),
            ("digest-of-another-algorithm", format!("sha256:sha256:{digits}")),
            ("digest-of-another-algorithm", format!(":{digits}")),
            ("digest-cut", format!("sha256:{}", &digits[..62])),
            ("digest-longer", format!("sha256:{digits}00")),
        ],
        ("sha256", _) => {
            ["sha512", "sha1", "md5", "SHA2_256"].map(|name| ("algorithm-other", name.to_owned())).to_vec()
        }
        ("SHA2_256", _) => ["SHA2_512", "SHA2_384", "sha256", "HASH_ALGORITHM_UNSPECIFIED"]
            .map(|name| ("algorithm-other", name.to_owned()))
            .to_vec(),
        _ => Vec::new(),
    }
}

/// Texts that are times, moved before and after everything.
fn times(value: &str) -> Vec<(&'static str, String)> {
    let digit = |at: usize| value.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    if !(digit(0) && digit(3) && value.get(4..5) == Some("-") && value.get(10..11) == Some("T")) {
        return Vec::new();
    }
    let rest = &value[4..];
    vec![
        ("time-before", format!("1970{rest}")),
        ("time-before", format!("0001{rest}")),
        ("time-after", format!("9999{rest}")),
        ("time-after", format!("2262{rest}")),
        ("time-without-zone", value.trim_end_matches('Z').to_owned()),
        ("time-of-no-day", value.replacen(&value[5..10], "02-30", 1)),
        ("time-of-no-day", value.replacen(&value[5..10], "13-01", 1)),
        ("time-with-space", value.replace('T', " ")),
    ]
}

/// Numbers in text, as protobuf writes those of 64 bits.
fn counts(value: &str) -> Vec<(&'static str, String)> {
    let Ok(number) = value.parse::<i64>() else { return Vec::new() };
    let number = i128::from(number);
    let mut made: Vec<(&'static str, String)> = [number + 1, number - 1, -number - 1, -number, 0]
        .map(|other| ("count-other", other.to_string()))
        .to_vec();
    made.push(("count-before", (number - YEAR).to_string()));
    made.push(("count-after", (number + YEAR).to_string()));
    made.push(("count-with-zero", format!("0{value}")));
    made.push(("count-with-plus", format!("+{value}")));
    made.push(("count-with-fraction", format!("{value}.0")));
    made.push(("count-too-large", "9223372036854775808".to_owned()));
    made
}

/// Other spellings of what may be base64.
fn base64s(value: &str) -> Vec<(&'static str, String)> {
    if value.len() < 4 || STANDARD.decode(value).is_err() {
        return Vec::new();
    }
    let middle = value.len() / 2;
    let mut made = vec![
        ("base64-url-alphabet", value.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()),
        ("base64-url-alphabet", value.replace('+', "-").replace('/', "_")),
        ("base64-padded-more", format!("{value}=")),
        ("base64-padded-more", format!("{value}====")),
        ("base64-unpadded", value.trim_end_matches('=').to_owned()),
        ("base64-space", format!("{} {}", &value[..middle], &value[middle..])),
        ("base64-newline", format!("{}\n{}", &value[..middle], &value[middle..])),
        ("base64-newline", format!("{}\r\n{}", &value[..middle], &value[middle..])),
        ("base64-twice", format!("{value}{value}")),
        ("base64-of-base64", STANDARD.encode(value)),
        ("base64-symbol", value.replacen(&value[..1], "*", 1)),
    ];
    // The last symbol before the padding carries bits that no byte holds.
    let symbols = value.trim_end_matches('=');
    if symbols.len() < value.len() {
        let last = symbols.as_bytes()[symbols.len() - 1];
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let at = alphabet.iter().position(|symbol| *symbol == last).expect("standard base64");
        let next = char::from(alphabet[at ^ 1]);
        made.push((
            "base64-bits-left",
            format!("{}{next}{}", &symbols[..symbols.len() - 1], &value[symbols.len()..]),
        ));
    }
    made
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}

const YEAR: i128 = 31_536_000;
