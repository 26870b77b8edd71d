//! Every kind of key: what cosign imported, what it signed with it, and what is signed here.
#![expect(clippy::disallowed_methods, reason = "tests read vectors")]

use std::fs;

use aws_lc_rs::signature::{self as suite, UnparsedPublicKey};
use sha2::Digest as _;

use super::material::Material;
use super::*;
use crate::base::Secret;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keys");
/// The openssl keys that cosign imported.
const KINDS: [&str; 7] = ["ec256", "ec384", "ec521", "ed25519", "rsa2048", "rsa3072", "rsa4096"];
const FORMS: [Form; 3] = [Form::Envelope, Form::File, Form::Layer];

fn read(name: &str) -> String {
    fs::read_to_string(format!("{KEYS}/{name}")).unwrap()
}

fn open(kind: &str) -> PrivateKey {
    PrivateKey::from_open_pem(&read(&format!("source/{kind}.pem"))).unwrap()
}

fn password() -> Secret<Vec<u8>> {
    Secret::new(b"test".to_vec())
}

/// The PKCS#8 in an encrypted file.
fn sealed_content(pem: &str) -> Vec<u8> {
    sealed::open(&pem::first(pem).unwrap().content, &password()).unwrap().to_vec()
}

#[test]
fn an_imported_key_is_the_file_that_cosign_writes() {
    for kind in KINDS {
        let key = open(kind);
        let imported = read(&format!("imported/imp-{kind}.key"));
        let written = key.to_encrypted_pem(&password()).unwrap();
        assert_eq!(sealed_content(&written), sealed_content(&imported), "{kind}");
        assert_eq!(key.public().to_pem(), read(&format!("imported/imp-{kind}.pub")), "{kind}");
        assert!(!format!("{key:?}").contains("key:"), "{key:?}");
    }
    for (older, pkcs8) in [("ec256.sec1", "imp-ec256.sec1"), ("rsa2048.pkcs1", "imp-rsa2048.pkcs1")] {
        assert_eq!(open(older).public().to_pem(), read(&format!("imported/{pkcs8}.pub")), "{older}");
    }
}

#[test]
fn a_key_signs_each_form_in_one_way() {
    let keys = KINDS.map(|kind| (kind, open(kind)));
    for (kind, key) in &keys {
        let public = key.public();
        for form in FORMS {
            let signature = key.sign(form, b"message").unwrap();
            let scheme = public.algorithm().scheme(form);
            assert_eq!(public.verify(b"message", &signature), Ok(()), "{kind} {form:?}");
            let all = [
                Scheme::EcdsaP256Sha256,
                Scheme::EcdsaP384Sha256,
                Scheme::EcdsaP384Sha384,
                Scheme::EcdsaP521Sha256,
                Scheme::EcdsaP521Sha512,
                Scheme::Ed25519,
                Scheme::Ed25519Prehashed,
                Scheme::RsaPkcs1Sha256,
            ];
            for other in all {
                let verified = public.verify_as(other, b"message", &signature);
                assert_eq!(verified.is_ok(), other == scheme, "{kind} {form:?} {other:?}");
            }
            assert_eq!(public.verify(b"messagE", &signature), Err(BadSignature), "{kind}");
            for at in (0..signature.len()).step_by(7) {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert_eq!(public.verify(b"message", &changed), Err(BadSignature), "{kind} {at}");
            }
            for (other, stranger) in keys.iter().filter(|(other, _)| other != kind) {
                assert!(stranger.public().verify(b"message", &signature).is_err(), "{kind} {other}");
            }
            // Where the library can, signing again gives the same.
            if *kind != "ec521" {
                assert_eq!(key.sign(form, b"message").unwrap(), signature, "{kind}");
            }
        }
    }
}

/// RFC 8032, section 7.1, test 2, and section 7.3: Ed25519 and Ed25519ph.
#[test]
fn ed25519_is_the_specification_s() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let key = |seed: &str| {
        let seed = der::write(der::OCTET_STRING, &hex(seed));
        let algorithm = der::write(der::SEQUENCE, &der::write(der::OBJECT_IDENTIFIER, public::ED25519));
        let pkcs8 = der::sequence(&[
            &der::write(der::INTEGER, &[0]),
            &algorithm,
            &der::write(der::OCTET_STRING, &seed),
        ]);
        PrivateKey::from_open_pem(&pem::write("PRIVATE KEY", &pkcs8)).unwrap()
    };
    let pure = key("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    assert_eq!(
        pure.sign(Form::File, &[0x72]).unwrap(),
        hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
    );
    let prehashed = key("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42").public();
    let signature = hex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
    );
    assert_eq!(prehashed.verify_as(Scheme::Ed25519Prehashed, b"abc", &signature), Ok(()));
    assert_eq!(prehashed.verify(b"abc", &signature), Ok(()));
    assert_eq!(prehashed.verify_as(Scheme::Ed25519, b"abc", &signature), Err(BadSignature));
}

/// What cosign 3 signs into envelopes with the same key.
fn sign_prehashed(message: &[u8]) -> Vec<u8> {
    let pem = read("source/ed25519.pem");
    let content = pem::first(&pem).unwrap().content;
    let Material::Ed25519(seed) = Material::from_pkcs8(&content, "PRIVATE KEY").unwrap() else { panic!() };
    let key = ed25519_dalek::SigningKey::from_bytes(seed.as_slice().try_into().unwrap());
    key.sign_prehashed(sha2::Sha512::new_with_prefix(message), None).unwrap().to_bytes().to_vec()
}

// RFC 8032, section 5.1: the prehashed variant signs another message than the hash.
#[test]
fn ed25519_of_a_message_and_of_its_hash_are_two_things() {
    let (key, public) = (open("ed25519"), open("ed25519").public());
    let hash = sha2::Sha512::digest(b"message").to_vec();
    let pure = key.sign(Form::Layer, b"message").unwrap();
    let prehashed = sign_prehashed(b"message");
    assert_eq!(public.verify(b"message", &prehashed), Ok(()));
    assert_ne!(pure, prehashed);
    let pure_of_hash = key.sign(Form::Layer, &hash).unwrap();
    let prehashed_of_hash = sign_prehashed(&hash);
    for signature in [&pure_of_hash, &prehashed_of_hash] {
        assert!(public.verify(b"message", signature).is_err());
    }
    for signature in [&pure, &prehashed] {
        assert!(public.verify(&hash, signature).is_err());
    }
}

/// The order of the group of Ed25519 (RFC 8032, section 5.1), little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

// RFC 8032, section 5.1.7: S is below the order. Else everybody can make a second signature of one.
#[test]
fn a_second_encoding_of_an_ed25519_signature_is_refused() {
    let key = open("ed25519");
    let public = key.public();
    for (scheme, good) in [
        (Scheme::Ed25519, key.sign(Form::Layer, b"message").unwrap()),
        (Scheme::Ed25519Prehashed, sign_prehashed(b"message")),
    ] {
        let mut carry = 0;
        let mut malleated = good.clone();
        for (at, digit) in ORDER.iter().enumerate() {
            let sum = u16::from(good[32 + at]) + u16::from(*digit) + carry;
            malleated[32 + at] = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert_eq!(public.verify_as(scheme, b"message", &good), Ok(()));
        assert_eq!(public.verify_as(scheme, b"message", &malleated), Err(BadSignature), "{scheme:?}");
        assert_eq!(public.verify(b"message", &malleated), Err(BadSignature), "{scheme:?}");
    }
    // Both libraries agree on the variant that both have.
    let aws = UnparsedPublicKey::new(&suite::ED25519, public.point());
    let good = key.sign(Form::Layer, b"message").unwrap();
    assert!(aws.verify(b"message", &good).is_ok());
    for at in 0..64 {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        assert!(aws.verify(b"message", &changed).is_err(), "{at}");
        assert_eq!(public.verify(b"message", &changed), Err(BadSignature), "{at}");
    }
}

// For a key of small order one signature fits many messages, and nobody made it.
#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    let hex = |text: &str| -> [u8; 32] {
        let byte = |at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        std::array::from_fn(byte)
    };
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ] {
        let error = PublicKey::ed25519(&hex(point)).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{point}");
    }
}

// One key has one encoding: y + p names the same point as y.
#[test]
fn a_second_encoding_of_an_ed25519_key_is_refused() {
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let above: [u8; 32] = std::array::from_fn(|at| match at {
                0 => low,
                31 => high,
                _ => 0xff,
            });
            assert!(
                matches!(PublicKey::ed25519(&above), Err(KeyError::Malformed { .. })),
                "{low:x} {high:x}"
            );
        }
    }
}

// A file whose halves differ could be shown as one key and sign as another.
#[test]
fn a_private_key_with_another_public_half_is_refused() {
    for kind in ["ec256", "ec384", "ec521", "rsa2048"] {
        let der = pem::first(&read(&format!("source/{kind}.pem"))).unwrap().content.to_vec();
        assert!(Material::from_pkcs8(&der, "PRIVATE KEY").is_ok());
        for back in [1, 2, 9] {
            let mut changed = der.clone();
            let at = changed.len() - back;
            changed[at] ^= 2;
            let read = PrivateKey::from_open_pem(&pem::write("PRIVATE KEY", &changed));
            assert!(matches!(read, Err(KeyError::Malformed { .. })), "{kind} {back}");
        }
    }
}

#[test]
fn a_private_key_that_says_too_much_or_too_little_is_refused() {
    let scalar = [7; 32];
    let curve = der::write(der::CONTEXT_0, &der::write(der::OBJECT_IDENTIFIER, public::P256));
    let other = der::write(der::CONTEXT_0, &der::write(der::OBJECT_IDENTIFIER, public::P384));
    let sec1 = |version: u8, scalar: &[u8], rest: &[u8]| {
        let body = der::sequence(&[
            &der::write(der::INTEGER, &[version]),
            &der::write(der::OCTET_STRING, scalar),
            rest,
        ]);
        PrivateKey::from_open_pem(&pem::write("EC PRIVATE KEY", &body))
    };
    assert!(sec1(1, &scalar, &curve).is_ok());
    for (version, scalar, rest) in [
        (0, &scalar[..], &curve[..]),
        (1, &scalar, &[]),
        (1, &scalar, &other),
        (1, &scalar[1..], &curve),
        (1, &[0; 32], &curve),
        (1, &[0xff; 32], &curve),
        (1, &scalar, &[&curve[..], &curve[..]].concat()),
        (1, &scalar, &[&curve[..], &[0]].concat()),
    ] {
        let read = sec1(version, scalar, rest);
        assert!(matches!(read, Err(KeyError::Malformed { .. })), "{version} {scalar:x?} {rest:x?}");
    }
    // `openssl ecparam -genkey` names the curve in a block before the key.
    let plain = read("source/ec256.sec1.pem");
    let with_curve = pem::write("EC PARAMETERS", &der::write(der::OBJECT_IDENTIFIER, public::P256)) + &plain;
    assert!(PrivateKey::from_open_pem(&with_curve).is_ok());
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert!(matches!(PrivateKey::from_open_pem(old), Err(KeyError::EncryptedSource)));
}

// With the exponent 1 a signature is the padded hash: everybody can make one.
#[test]
fn an_rsa_key_that_protects_nothing_is_refused() {
    let spki = pem::first(&read("imported/imp-rsa2048.pub")).unwrap().content.to_vec();
    let at = spki.len() - 3;
    assert_eq!(spki[at..], [1, 0, 1]);
    assert!(PublicKey::from_spki(&spki).is_ok());
    for exponent in [[1, 0, 0], [2, 0, 0], [1, 0, 2]] {
        let mut changed = spki.clone();
        changed[at..].copy_from_slice(&exponent);
        let read = PublicKey::from_spki(&changed);
        assert!(matches!(read, Err(KeyError::Malformed { .. })), "{exponent:?} {read:?}");
    }
    let modulus = &spki[33..33 + 256];
    let key = |modulus: &[u8], exponent: &[u8]| {
        let numbers = [der::write(der::INTEGER, modulus), der::write(der::INTEGER, exponent)].concat();
        PublicKey::from_pkcs1(&der::write(der::SEQUENCE, &numbers))
    };
    let signed = [&[0], modulus].concat();
    assert!(key(&signed, &[1, 0, 1]).is_ok());
    for exponent in [&[1][..], &[2], &[0, 0x80], &signed] {
        assert!(matches!(key(&signed, exponent), Err(KeyError::Malformed { .. })), "{exponent:x?}");
    }
    let mut even = signed.clone();
    even[256] &= 0xfe;
    assert!(matches!(key(&even, &[1, 0, 1]), Err(KeyError::Malformed { .. })));
}
