//! As much of an X.509 certificate (RFC 5280, section 4.1) as tells whose key is in it. Whether to believe it is decided in `verify`.

use super::der::{self, Reader};
use super::pem;
use super::{KeyError, PublicKey};
use crate::base::limits;

/// The key that a certificate in DER is about.
pub fn certified_key(certificate: &[u8]) -> Result<PublicKey, KeyError> {
    let spki = spki(certificate).ok_or(KeyError::Malformed { label: CERTIFICATE })?;
    PublicKey::from_spki(&der::write(der::SEQUENCE, spki))
}

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

fn spki(certificate: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(certificate);
    let mut parts = Reader::new(outer.value(der::SEQUENCE)?);
    outer.end()?;
    let mut content = Reader::new(parts.value(der::SEQUENCE)?);
    content.value(der::CONTEXT_0)?;
    content.value(der::INTEGER)?;
    // Algorithm, issuer, validity, subject.
    for _ in 0..4 {
        content.value(der::SEQUENCE)?;
    }
    content.value(der::SEQUENCE)
}

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "CERTIFICATE";

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: &str = include_str!("../../testdata/certificate/chain.pem");
    const KEY: &str = include_str!("../../testdata/certificate/leaf.pub");

    #[test]
    fn a_certificate_s_key_is_what_openssl_finds_in_it() {
        let chain = certificates_from_pem(CHAIN).unwrap();
        assert_eq!(chain.len(), 3);
        assert_eq!(certified_key(&chain[0]).unwrap().to_pem(), KEY);
        for (at, certificate) in chain.iter().enumerate() {
            assert!(certified_key(certificate).is_ok(), "{at}");
            for bad in
                [&certificate[1..], &certificate[..certificate.len() - 1], &[&certificate[..], &[0]].concat()]
            {
                assert!(matches!(certified_key(bad), Err(KeyError::Malformed { .. })), "{at}");
            }
        }
    }

    #[test]
    fn a_chain_is_certificates_and_nothing_else() {
        assert!(matches!(certificates_from_pem("text"), Err(KeyError::NoPem)));
        let mixed = format!("{CHAIN}{KEY}");
        assert!(matches!(certificates_from_pem(&mixed), Err(KeyError::Label { .. })));
        assert!(matches!(certificates_from_pem(&CHAIN.repeat(limits::CHAIN)), Err(KeyError::Chain)));
        let cut = &CHAIN[..CHAIN.len() - 10];
        assert!(matches!(certificates_from_pem(cut), Err(KeyError::Pem { .. })));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text in "(-----(BEGIN|END) [A-Z]{0,4}-----|é|[a-zA-Z0-9+/=\r\n ]{0,40}|\n){0,6}") {
            let _ = certified_key(&bytes);
            let _ = certificates_from_pem(&text);
        }
    }
}
