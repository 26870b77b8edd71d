//! DER (X.690, section 10), as much as certificates and time stamps need. Values are made inside out.

use plimsoll::base::Timestamp;

/// A value: tag, length, content.
pub(crate) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | bytes.len() as u8);
            out.extend(bytes);
        }
    }
    out.extend(content);
    out
}

pub(crate) fn sequence<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// A set of encoded values, in the order that DER asks for.
pub(crate) fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    value(0x31, &parts.concat())
}

/// `[n]` around a value, or in place of its tag if that is constructed.
pub(crate) fn tagged(n: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | n, content)
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    let mut arcs = text.split('.').map(|arc| arc.parse::<u64>().expect("an arc is a number"));
    let (first, second) = (arcs.next().expect("two arcs"), arcs.next().expect("two arcs"));
    let mut content = Vec::new();
    for arc in std::iter::once(40 * first + second).chain(arcs) {
        let mut bytes = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            bytes.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        content.extend(bytes.iter().rev());
    }
    value(0x06, &content)
}

/// A number that is not negative.
pub(crate) fn integer(number: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|byte| *byte >= 0x80) {
        bytes.insert(0, 0);
    }
    value(0x02, &bytes)
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    value(0x04, content)
}

/// A bit string of whole bytes.
pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], content].concat())
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    value(0x0c, text.as_bytes())
}

/// `UTCTime` before 2050, as RFC 5280, section 4.1.2.5, asks for.
pub(crate) fn utc_time(time: Timestamp) -> Vec<u8> {
    let text = digits(time);
    if text.as_str() < "2050" { value(0x17, &text.as_bytes()[2..]) } else { value(0x18, text.as_bytes()) }
}

pub(crate) fn generalized_time(time: Timestamp) -> Vec<u8> {
    value(0x18, digits(time).as_bytes())
}

fn digits(time: Timestamp) -> String {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    digits + "Z"
}

/// The values inside of a constructed value, with their tags. Stops the test at what is not DER.
pub(crate) fn parts(mut content: &[u8]) -> Vec<(u8, &[u8])> {
    let mut out = Vec::new();
    while let [tag, first, rest @ ..] = content {
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            first => {
                let (bytes, rest) = rest.split_at(usize::from(first & 0x7f));
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
        };
        let (inner, rest) = rest.split_at(length);
        out.push((*tag, inner));
        content = rest;
    }
    out
}
