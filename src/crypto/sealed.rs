//! The encrypted private key file of cosign: JSON with scrypt (RFC 7914) and NaCl's secretbox (XSalsa20-Poly1305) in PEM. cosign 2 and 3
//! write the same.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poly1305::universal_hash::KeyInit as _;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{KeyError, pem};
use crate::base::Secret;

/// What is known of an encrypted key file without its password: how much work each guess at the password is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Encryption {
    /// CPU and memory cost of scrypt.
    pub n: u64,
    /// Block size of scrypt.
    pub r: u64,
    /// Parallelism of scrypt.
    pub p: u64,
}

/// Reads everything that needs no password.
pub(super) fn check(json: &[u8]) -> Result<Encryption, KeyError> {
    let Cost(log_n) = Sealed::parse(json)?.cost;
    Ok(Encryption { n: 1 << log_n, r: 8, p: 1 })
}

/// Decrypts the content of the PEM block.
pub(super) fn open(json: &[u8], password: &Secret<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let sealed = Sealed::parse(json)?;
    let key = derive(password, &sealed.salt, sealed.cost)?;
    let mut content = Zeroizing::new(sealed.body.clone());
    let tag_key = keystream(&key, &sealed.nonce, &mut content);
    if !bool::from(authenticate(&tag_key, &sealed.body).ct_eq(&sealed.tag)) {
        return Err(KeyError::WrongPassword);
    }
    Ok(content)
}

/// Encrypts a private key: the whole PEM text.
pub(super) fn seal(content: &[u8], password: &Secret<Vec<u8>>) -> Result<String, KeyError> {
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    getrandom::fill(&mut salt).map_err(|_| KeyError::Random)?;
    getrandom::fill(&mut nonce).map_err(|_| KeyError::Random)?;
    let params = ParamsWire { n: 1 << Cost::WRITTEN.0, r: 8, p: 1 };
    let key = derive(password, &salt, Cost::WRITTEN)?;
    let mut body = Zeroizing::new(content.to_vec());
    let tag_key = keystream(&key, &nonce, &mut body);
    let mut sealed = authenticate(&tag_key, &body).to_vec();
    sealed.extend(body.iter());
    let file = FileWire {
        kdf: KdfWire { name: KDF.to_owned(), params, salt: STANDARD.encode(salt) },
        cipher: CipherWire { name: CIPHER.to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(sealed),
    };
    let json = serde_json::to_vec(&file).map_err(KeyError::EncryptedForm)?;
    Ok(pem::write(LABEL, &json))
}

/// An encrypted key file, decoded.
struct Sealed {
    cost: Cost,
    salt: [u8; 32],
    nonce: [u8; 24],
    tag: [u8; TAG],
    body: Vec<u8>,
}

impl Sealed {
    fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let file: FileWire = serde_json::from_slice(json).map_err(KeyError::EncryptedForm)?;
        if file.kdf.name != KDF {
            return Err(KeyError::Kdf { name: file.kdf.name });
        }
        if file.cipher.name != CIPHER {
            return Err(KeyError::Cipher { name: file.cipher.name });
        }
        let sealed = STANDARD.decode(&file.ciphertext).ok();
        let (tag, body) = sealed
            .as_deref()
            .and_then(|bytes| bytes.split_first_chunk::<TAG>())
            .ok_or(KeyError::EncryptedField { field: "ciphertext", length: "16 or more" })?;
        Ok(Self {
            cost: Cost::check(&file.kdf.params)?,
            salt: field("salt", "32", &file.kdf.salt)?,
            nonce: field("nonce", "24", &file.cipher.nonce)?,
            tag: *tag,
            body: body.to_vec(),
        })
    }
}

/// The label that is written.
pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The label before cosign 2.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FileWire {
    kdf: KdfWire,
    cipher: CipherWire,
    ciphertext: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KdfWire {
    name: String,
    params: ParamsWire,
    salt: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ParamsWire {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CipherWire {
    name: String,
    nonce: String,
}

/// Binary logarithm of scrypt's N.
#[derive(Clone, Copy)]
struct Cost(u8);

impl Cost {
    const WRITTEN: Self = Self(16);

    // A file of a stranger must not choose how much memory and time one password costs.
    fn check(params: &ParamsWire) -> Result<Self, KeyError> {
        match *params {
            ParamsWire { n: 32768, r: 8, p: 1 } => Ok(Self(15)),
            ParamsWire { n: 65536, r: 8, p: 1 } => Ok(Self(16)),
            ParamsWire { n: 131_072, r: 8, p: 1 } => Ok(Self(17)),
            ParamsWire { n, r, p } => Err(KeyError::ScryptParameters { n, r, p }),
        }
    }
}

fn field<const N: usize>(field: &'static str, length: &'static str, text: &str) -> Result<[u8; N], KeyError> {
    let bytes = STANDARD.decode(text).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::EncryptedField { field, length })
}

fn derive(
    password: &Secret<Vec<u8>>,
    salt: &[u8; 32],
    Cost(log_n): Cost,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let refused = |_| KeyError::ScryptParameters { n: 1 << log_n, r: 8, p: 1 };
    let params = scrypt::Params::new(log_n, 8, 1).map_err(refused)?;
    let mut key = Zeroizing::new([0; 32]);
    // The only error is an output length of 0.
    scrypt::scrypt(password.expose(), salt, &params, &mut *key).map_err(|_| KeyError::WrongPassword)?;
    Ok(key)
}

/// NaCl: the first 32 bytes of the key stream authenticate, the following ones encrypt.
fn keystream(key: &[u8; 32], nonce: &[u8; 24], data: &mut [u8]) -> Zeroizing<[u8; 32]> {
    let mut cipher = salsa20::XSalsa20::new(key.into(), nonce.into());
    let mut tag_key = Zeroizing::new([0; 32]);
    cipher.apply_keystream(&mut *tag_key);
    cipher.apply_keystream(data);
    tag_key
}

fn authenticate(tag_key: &[u8; 32], body: &[u8]) -> [u8; TAG] {
    poly1305::Poly1305::new(tag_key.into()).compute_unpadded(body).into()
}

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
const TAG: usize = 16;
