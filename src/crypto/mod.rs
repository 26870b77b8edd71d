//! Keys: what a public key verifies, what a private key signs, and the encrypted file in which cosign keeps one. The only module that names
//! a cryptographic library; its types do not leak.

#[cfg(test)]
mod algorithms;
mod certificate;
mod der;
mod material;
mod pem;
mod private;
mod public;
mod scheme;
mod sealed;
mod timestamp;

pub use certificate::certificates_from_pem;
pub use pem::certificate as certificate_pem;
pub use private::PrivateKey;
pub use public::{BadFileSignature, BadSignature, KeyAlgorithm, PublicKey};
pub use scheme::{Form, Scheme};
pub use sealed::Encryption;
pub use timestamp::{StampError, StampRequest};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// More certificates than a chain has.
    #[error("there are more than {} certificates in it", crate::base::limits::CHAIN)]
    Chain,
    /// The cipher of an encrypted key file.
    #[error("the key is encrypted with `{}`; only nacl/secretbox is supported", crate::base::Printable(.name))]
    Cipher {
        /// As written.
        name: String,
    },
    /// An encrypted key file that is not what cosign writes.
    #[error("the encrypted key is malformed")]
    EncryptedForm(#[source] serde_json::Error),
    /// Encrypted in a way that is not cosign's.
    #[error("the key is encrypted, and not as cosign does it")]
    EncryptedSource,
    /// A field of an encrypted key file.
    #[error("the encrypted key is malformed: `{field}` is not {length} bytes in base64")]
    EncryptedField {
        /// Which.
        field: &'static str,
        /// What it must be.
        length: &'static str,
    },
    /// The key derivation of an encrypted key file.
    #[error("the key's password is hashed with `{}`; only scrypt is supported", crate::base::Printable(.name))]
    Kdf {
        /// As written.
        name: String,
    },
    /// A PEM block of another kind.
    #[error("a PEM block `{}` is not a key that can be used here", crate::base::Printable(.label))]
    Label {
        /// As written.
        label: String,
    },
    /// The bytes in a PEM block are not the key that its label promises.
    #[error("the PEM block `{label}` does not hold a well-formed key")]
    Malformed {
        /// Of the block.
        label: &'static str,
    },
    /// No PEM block.
    #[error("there is no PEM block in it: a key starts with `-----BEGIN`")]
    NoPem,
    /// A PEM block that is cut off or not base64.
    #[error("the PEM block that starts in line {line} is broken")]
    Pem {
        /// Counted from 1.
        line: usize,
    },
    /// A private key where a public key belongs.
    #[error("this is a private key; only the public key belongs here")]
    PrivateKey,
    /// A public key where a private key belongs.
    #[error("this is a public key; signing needs the private key")]
    PublicKey,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// An RSA key that other tools do not sign with.
    #[error("an RSA key of {bits} bits is not imported: cosign signs with 2048, 3072 and 4096 bits only")]
    RsaImport {
        /// Of the modulus.
        bits: usize,
    },
    /// An RSA key that can be broken, or that is made to waste time.
    #[error("an RSA key of {bits} bits is refused: between 2048 and 8192 are accepted")]
    RsaSize {
        /// Of the modulus.
        bits: usize,
    },
    /// Work factors other than cosign's: a hostile file must not choose how much memory is used.
    #[error("scrypt parameters N={n} r={r} p={p} are refused: N is 32768, 65536 or 131072, r is 8, p is 1")]
    ScryptParameters {
        /// CPU and memory cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Parallelism.
        p: u64,
    },
    /// A key in cosign's encrypted file, where an open one is imported.
    #[error("the key is encrypted already, as cosign does it")]
    Sealed,
    /// A private key that lies open on the disk.
    #[error("the private key is not encrypted")]
    Unencrypted,
    /// A private key of an algorithm that nothing here signs with.
    #[error("{algorithm} keys are not supported: use ECDSA P-256, P-384 or P-521, RSA or Ed25519")]
    Unsupported {
        /// Of the key.
        algorithm: String,
    },
    /// A public key of an algorithm that nothing here verifies.
    #[error(
        "public keys of this algorithm are not supported: use ECDSA P-256, P-384 or P-521, RSA or Ed25519"
    )]
    VerifyingAlgorithm,
    /// The authentication tag does not match.
    #[error("the password is wrong, or the encrypted key was changed")]
    WrongPassword,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests read vectors")]

    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::base::Secret;

    const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cosign/keys");

    fn files(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }

    fn variant(error: &KeyError) -> String {
        let debug = format!("{error:?}");
        debug.split([' ', '(', '{']).next().unwrap().to_owned()
    }

    /// `expect.tsv`: the file, what it is as a public key, as an encrypted private key, and as an open one. Every file is listed, every line
    /// has its file.
    #[test]
    fn every_key_vector_is_what_its_line_says() {
        let mut found = Vec::new();
        files(Path::new(KEYS), &mut found);
        let lines = fs::read_to_string(format!("{KEYS}/expect.tsv")).unwrap();
        let mut expected: BTreeMap<&str, (&str, &str, &str)> = lines
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let [file, public, private, open] = fields[..] else { panic!("{line}") };
                (file, (public, private, open))
            })
            .collect();
        let mut wrong = Vec::new();
        found.sort();
        for path in found.iter().filter(|path| !path.ends_with("expect.tsv")) {
            let name = path.strip_prefix(KEYS).unwrap().to_str().unwrap();
            let password = if name.contains("emptypw") { "" } else { "test" };
            let (public, private, open) = match String::from_utf8(fs::read(path).unwrap()) {
                Err(_) => ("not text".to_owned(), "not text".to_owned(), "not text".to_owned()),
                Ok(text) => {
                    let public = PublicKey::from_pem(&text);
                    let password = Secret::new(password.as_bytes().to_vec());
                    let private = PrivateKey::from_encrypted_pem(&text, &password);
                    let open = PrivateKey::from_open_pem(&text);
                    let print = |key: PrivateKey| key.public().fingerprint().hex();
                    (
                        public.map_or_else(|error| variant(&error), |key| key.algorithm().to_string()),
                        private.map_or_else(|error| variant(&error), print),
                        open.map_or_else(|error| variant(&error), print),
                    )
                }
            };
            if expected.remove(name) != Some((&public, &private, &open)) {
                wrong.push(format!("{name}\t{public}\t{private}\t{open}"));
            }
        }
        assert!(wrong.is_empty(), "unexpected:\n{}", wrong.join("\n"));
        assert!(expected.is_empty(), "no such file: {expected:?}");
    }

    fn read(name: &str) -> String {
        fs::read_to_string(format!("{KEYS}/{name}")).unwrap()
    }

    fn secret(password: &str) -> Secret<Vec<u8>> {
        Secret::new(password.as_bytes().to_vec())
    }

    #[test]
    fn a_private_key_belongs_to_its_public_key() {
        for name in [
            "cosign2",
            "cosign3",
            "imported/imp-ec256",
            "imported/imp-ec256.sec1",
            "imported/imp-ec384",
            "imported/imp-ec521",
            "imported/imp-ed25519",
            "imported/imp-rsa2048",
            "imported/imp-rsa3072",
            "imported/imp-rsa4096",
        ] {
            let private =
                PrivateKey::from_encrypted_pem(&read(&format!("{name}.key")), &secret("test")).unwrap();
            let pem = read(&format!("{name}.pub"));
            assert_eq!(private.public(), PublicKey::from_pem(&pem).unwrap(), "{name}");
            assert_eq!(private.public().to_pem(), pem, "{name}");
        }
    }

    #[test]
    fn a_written_key_file_opens_with_its_password_only() {
        let key = PrivateKey::generate().unwrap();
        for password in ["", "correct horse", "ü\n"] {
            let pem = key.to_encrypted_pem(&secret(password)).unwrap();
            assert!(pem.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
            assert!(pem.lines().all(|line| line.len() <= 64));
            let again = PrivateKey::from_encrypted_pem(&pem, &secret(password)).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(again.sign(Form::Layer, b"m").unwrap(), key.sign(Form::Layer, b"m").unwrap());
            let wrong = PrivateKey::from_encrypted_pem(&pem, &secret("wrong"));
            assert!(matches!(wrong, Err(KeyError::WrongPassword)));
        }
        assert_ne!(key.public(), PrivateKey::generate().unwrap().public());
        assert!(!format!("{key:?}").contains("key:"), "{key:?}");
    }

    #[test]
    fn a_changed_key_file_is_refused() {
        let block = pem::first(&read("variants/legacy-n32768.key")).unwrap().content.to_vec();
        let json = String::from_utf8(block).unwrap();
        for (from, to, want) in [
            (r#""ciphertext":""#, r#""ciphertext":"AAAA"#, "WrongPassword"),
            (r#""nonce":""#, r#""nonce":"AAAA"#, "EncryptedField"),
            (r#""salt":""#, r#""salt":"AAAA"#, "EncryptedField"),
            (r#""salt":""#, r#""salt":"?"#, "EncryptedField"),
            (r#""r":8"#, r#""r":8,"r":8"#, "EncryptedForm"),
            (r#""r":8"#, r#""r":8,"s":8"#, "EncryptedForm"),
            (r#""r":8"#, r#""r":"8""#, "EncryptedForm"),
            (r#""r":8"#, r#""r":9"#, "ScryptParameters"),
            (r#""p":1"#, r#""p":2"#, "ScryptParameters"),
            (r#""N":32768"#, r#""N":1099511627776"#, "ScryptParameters"),
            (r#"{"kdf""#, r#"{}{"kdf""#, "EncryptedForm"),
            (r#"{"kdf""#, "{", "EncryptedForm"),
        ] {
            let changed = json.replacen(from, to, 1);
            assert_ne!(changed, json, "{from}");
            let text = pem::write(sealed::LABEL, changed.as_bytes());
            let error = PrivateKey::from_encrypted_pem(&text, &secret("test")).unwrap_err();
            assert_eq!(variant(&error), want, "{to}");
        }
    }

    #[test]
    fn a_signature_is_over_one_message_by_one_key() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign(Form::Envelope, b"message").unwrap();
        let public = key.public();
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify(b"messagE", &signature), Err(BadSignature));
        assert_eq!(public.verify(b"", &signature), Err(BadSignature));
        assert_eq!(
            PrivateKey::generate().unwrap().public().verify(b"message", &signature),
            Err(BadSignature)
        );
        for bit in 0..8 * signature.len() {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(public.verify(b"message", &flipped), Err(BadSignature), "bit {bit}");
        }
        let trailing = [&signature[..], &[0]].concat();
        let long_form = [&[0x30, 0x81, signature[1]], &signature[2..]].concat();
        for bad in [&[][..], &signature[..signature.len() - 1], &trailing, &long_form] {
            assert_eq!(public.verify(b"message", bad), Err(BadSignature), "{bad:x?}");
        }
        // r and s side by side (IEEE P1363) are not what cosign writes.
        assert_eq!(public.verify(b"message", &[1; 64]), Err(BadSignature));
    }

    // A second encoding would be a second fingerprint: one key could then be counted twice, or live on after it was revoked.
    #[test]
    fn one_key_has_one_encoding() {
        let spki = |name: &str| {
            let pem = read(name);
            pem::first(&pem).unwrap().content.to_vec()
        };
        let parts = |spki: &[u8]| {
            let mut inner = der::Reader::new(der::Reader::new(spki).value(der::SEQUENCE).unwrap());
            let algorithm = inner.value(der::SEQUENCE).unwrap().to_vec();
            (algorithm, inner.value(der::BIT_STRING).unwrap()[1..].to_vec())
        };
        let join = |algorithm: &[u8], key: &[u8]| {
            let mut body = der::write(der::SEQUENCE, algorithm);
            body.extend(der::write(der::BIT_STRING, &[&[0], key].concat()));
            der::write(der::SEQUENCE, &body)
        };
        let null = der::write(der::NULL, &[]);
        for name in ["cosign3.pub", "imported/imp-ec384.pub", "imported/imp-ec521.pub"] {
            let good = spki(name);
            let (algorithm, point) = parts(&good);
            assert!(PublicKey::from_spki(&join(&algorithm, &point)).is_ok(), "{name}");
            let x = &point[1..=point.len() / 2];
            let compressed = [&[2 + (point[point.len() - 1] & 1)], x].concat();
            let hybrid = [&[6 + (point[point.len() - 1] & 1)], &point[1..]].concat();
            for bad in [
                join(&algorithm, &compressed),
                join(&algorithm, &hybrid),
                join(&[&algorithm[..], &null].concat(), &point),
                [&good[..], &[0]].concat(),
            ] {
                assert!(PublicKey::from_spki(&bad).is_err(), "{name}: {bad:x?}");
            }
        }
        let good = spki("imported/imp-rsa2048.pub");
        let (algorithm, key) = parts(&good);
        let without_null = &algorithm[..algorithm.len() - null.len()];
        for bad in [
            join(without_null, &key),
            join(&[&algorithm[..], &null].concat(), &key),
            join(&algorithm, &[&key[..], &[0]].concat()),
            [&good[..], &[0]].concat(),
        ] {
            assert!(PublicKey::from_spki(&bad).is_err(), "{bad:x?}");
        }
        let good = spki("imported/imp-ed25519.pub");
        let (algorithm, key) = parts(&good);
        for bad in [
            join(&[&algorithm[..], &null].concat(), &key),
            join(&algorithm, &[&key[..], &[0]].concat()),
            join(&algorithm, &key[..31]),
            [&good[..], &[0]].concat(),
        ] {
            assert!(PublicKey::from_spki(&bad).is_err(), "{bad:x?}");
        }
    }

    #[test]
    fn a_key_has_the_names_that_openssl_and_openssh_give_it() {
        // `openssl pkey -pubin -outform der | sha256sum`, `ssh-keygen -i -m PKCS8 | ssh-keygen -l -f -`
        for (file, openssh) in [
            ("cosign3.pub", "SHA256:+rmY4R5iJfihmxXbSJpSF7NGOdsF3QXSAq7furgEKxk"),
            ("imported/imp-ec384.pub", "SHA256:bRszC1Ybp4ebPRoT3WnySSRzXfmhir5dwwVvXuqDGi0"),
            ("imported/imp-ec521.pub", "SHA256:4Tcv/seN9vQOc7zoLRaSQ4+FWVJVonlXlQfteSYWp7I"),
            ("imported/imp-rsa2048.pub", "SHA256:6OvEBuO7KsbPc2Z1FrxaB0XzOpJNTbU+WDarT0t6trA"),
        ] {
            let key = PublicKey::from_pem(&read(file)).unwrap();
            assert!(key.is_named(openssh), "{file}");
            assert!(key.is_named(&key.hint()) && key.is_named(&key.fingerprint().hex()), "{file}");
            for other in ["", "SHA256:", "x", &openssh[..openssh.len() - 1], &openssh.to_lowercase()] {
                assert!(!key.is_named(other), "{file}: {other}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(content: Vec<u8>) {
            let _ = PublicKey::from_spki(&content);
            let password = secret("");
            for label in ["PUBLIC KEY", "RSA PUBLIC KEY", sealed::LABEL] {
                let text = pem::write(label, &content);
                let _ = PublicKey::from_pem(&text);
                let _ = PrivateKey::from_encrypted_pem(&text, &password);
            }
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
                let _ = PrivateKey::from_open_pem(&pem::write(label, &content));
            }
        }

        #[test]
        fn a_changed_public_key_is_another_key_or_none(at in 0usize..91, bit in 0u8..8) {
            let key = PublicKey::from_pem(&read("cosign3.pub")).unwrap();
            let mut spki = pem::first(&key.to_pem()).unwrap().content.to_vec();
            spki[at] ^= 1 << bit;
            proptest::prop_assert_ne!(PublicKey::from_spki(&spki).ok(), Some(key));
        }
    }
}
