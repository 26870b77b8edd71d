//! Certificates in PEM (RFC 7468, section 5). What is in them is read, and believed or not, in `verify`.

use super::KeyError;
use super::pem;
use crate::base::limits;

/// The certificates of a text in PEM, in DER and in their order; at least one, and nothing else.
pub fn certificates_from_pem(text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let block = pem::first(rest.get(at..).unwrap_or_default())?;
        if block.label != CERTIFICATE {
            return Err(KeyError::Label { label: block.label.chars().take(64).collect() });
        }
        if out.len() == limits::CHAIN {
            return Err(KeyError::Chain);
        }
        out.push(block.content.to_vec());
        rest = rest.get(at + BEGIN.len()..).unwrap_or_default();
    }
    if out.is_empty() { Err(KeyError::NoPem) } else { Ok(out) }
}

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "CERTIFICATE";

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: &str = include_str!("../../testdata/certificate/chain.pem");
    const KEY: &str = include_str!("../../testdata/certificate/leaf.pub");

    #[test]
    fn a_chain_is_certificates_and_nothing_else() {
        assert_eq!(certificates_from_pem(CHAIN).unwrap().len(), 3);
        assert!(matches!(certificates_from_pem("text"), Err(KeyError::NoPem)));
        let mixed = format!("{CHAIN}{KEY}");
        assert!(matches!(certificates_from_pem(&mixed), Err(KeyError::Label { .. })));
        assert!(matches!(certificates_from_pem(&CHAIN.repeat(limits::CHAIN)), Err(KeyError::Chain)));
        let cut = &CHAIN[..CHAIN.len() - 10];
        assert!(matches!(certificates_from_pem(cut), Err(KeyError::Pem { .. })));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(-----(BEGIN|END) [A-Z]{0,4}-----|é|[a-zA-Z0-9+/=\r\n ]{0,40}|\n){0,6}") {
            let _ = certificates_from_pem(&text);
        }
    }
}
