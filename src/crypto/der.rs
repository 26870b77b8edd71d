//! As much of DER (X.690, section 10) as tells which key a file holds.

use zeroize::Zeroizing;

/// What follows in a DER encoding.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// Explicitly tagged, optional.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// Explicitly tagged, optional.
pub(super) const CONTEXT_1: u8 = 0xa1;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next value, which must have this tag and the shortest length encoding.
    pub(super) fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                let shortest = if first == 0x81 { 0x80 } else { 0x100 };
                if length < shortest {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// The content of the next value if it has this tag. What is malformed stays, so that [`Self::end`] tells.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.value(tag) } else { None }
    }

    /// An unsigned integer without its sign byte.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.value(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest),
            [first, ..] if *first == 0 || *first >= 0x80 => None,
            [] => None,
            all => Some(all),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// A value: tag, shortest length, content.
pub(super) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    // Room for all of it, so that growing leaves no copy of a secret behind.
    let mut out = Vec::with_capacity(content.len() + 2 + size_of::<usize>());
    out.push(tag);
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

/// A value that must not stay in memory.
pub(super) fn secret(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(write(tag, content))
}

/// A sequence of these values, which must not stay in memory.
pub(super) fn sequence(values: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    secret(SEQUENCE, &Zeroizing::new(values.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_longer() {
        for length in [0, 1, 127, 128, 255, 256, 65535] {
            let content = vec![7; length];
            let written = write(SEQUENCE, &content);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.value(SEQUENCE), Some(&*content));
            assert!(reader.end().is_some());
            for cut in [0, 1, written.len() - 1] {
                assert_eq!(Reader::new(&written[..cut]).value(SEQUENCE), None);
            }
        }
        for bad in [
            &[0x30, 0x80][..],
            &[0x30, 0x81, 1, 0],
            &[0x30, 0x82, 0, 1, 0],
            &[0x30, 0x83, 0, 0, 1, 0],
            &[2, 0],
        ] {
            assert_eq!(Reader::new(bad).value(SEQUENCE), None, "{bad:x?}");
        }
        for bad in [&[2, 0][..], &[2, 1, 0], &[2, 1, 0x80], &[2, 2, 0, 1]] {
            assert_eq!(Reader::new(bad).unsigned(), None, "{bad:x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Reader::new(&bytes).value(SEQUENCE);
            let _ = Reader::new(&bytes).unsigned();
            let _ = Reader::new(&bytes).optional(CONTEXT_0);
        }
    }
}
