//! Private keys as files hold them: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017, appendix A.1.2), SEC1 (RFC 5915).

use p256::pkcs8::PrivateKeyInfoRef;
use zeroize::Zeroizing;

use super::public::{ED25519, ELLIPTIC_CURVE, P256, P384, P521, RSA};
use super::{KeyError, der};

/// What a private key consists of, and nothing that can be computed from it.
pub(super) enum Material {
    /// On a NIST curve.
    Ec {
        curve: Curve,
        /// Big-endian, of the curve's length.
        scalar: Zeroizing<Vec<u8>>,
        /// The public point that the file claims.
        point: Option<Vec<u8>>,
    },
    /// The seed of RFC 8032.
    Ed25519(Zeroizing<Vec<u8>>),
    /// `RSAPrivateKey`.
    Rsa(Zeroizing<Vec<u8>>),
}

/// The NIST curves that are supported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Object identifier without tag and length.
    pub(super) fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::P521 => P521,
        }
    }

    fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn of(oid: &[u8]) -> Result<Self, KeyError> {
        let curve = Self::ALL.into_iter().find(|curve| curve.oid() == oid);
        curve.ok_or_else(|| KeyError::Unsupported { algorithm: curve_name(oid) })
    }
}

impl Material {
    /// Reads `PRIVATE KEY`. `label` is what errors call the text around it.
    pub(super) fn from_pkcs8(bytes: &[u8], label: &'static str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { label };
        // The library checks the outer form: version, attributes, a public key only with version 2.
        let form = PrivateKeyInfoRef::try_from(bytes).map_err(|_| malformed())?;
        let key = form.private_key.as_bytes();
        match form.algorithm.oid.as_bytes() {
            ELLIPTIC_CURVE => {
                let curve = form.algorithm.parameters_oid().map_err(|_| malformed())?;
                Self::from_sec1(key, Some(Curve::of(curve.as_bytes())?), label)
            }
            ED25519 => {
                let mut reader = der::Reader::new(key);
                let seed = reader.value(der::OCTET_STRING).filter(|seed| seed.len() == 32);
                reader.end().ok_or_else(malformed)?;
                Ok(Self::Ed25519(Zeroizing::new(seed.ok_or_else(malformed)?.to_vec())))
            }
            RSA => Ok(Self::Rsa(Zeroizing::new(key.to_vec()))),
            _ => Err(KeyError::Unsupported { algorithm: name(&form.algorithm.oid.to_string()) }),
        }
    }

    /// Reads `EC PRIVATE KEY`, whose curve must be named inside or, in PKCS#8, outside; twice only if both are the same.
    pub(super) fn from_sec1(
        bytes: &[u8],
        outside: Option<Curve>,
        label: &'static str,
    ) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { label };
        let mut outer = der::Reader::new(bytes);
        let mut fields = der::Reader::new(outer.value(der::SEQUENCE).ok_or_else(malformed)?);
        outer.end().ok_or_else(malformed)?;
        fields.value(der::INTEGER).filter(|version| *version == [1]).ok_or_else(malformed)?;
        let scalar = fields.value(der::OCTET_STRING).ok_or_else(malformed)?;
        let inside = match fields.optional(der::CONTEXT_0) {
            Some(parameters) => {
                let mut reader = der::Reader::new(parameters);
                let oid = reader.value(der::OBJECT_IDENTIFIER).ok_or_else(malformed)?;
                reader.end().ok_or_else(malformed)?;
                Some(Curve::of(oid)?)
            }
            None => None,
        };
        let point = match fields.optional(der::CONTEXT_1) {
            Some(content) => {
                let mut reader = der::Reader::new(content);
                let bits = reader.value(der::BIT_STRING).and_then(|bits| bits.strip_prefix(&[0]));
                reader.end().ok_or_else(malformed)?;
                Some(bits.ok_or_else(malformed)?.to_vec())
            }
            None => None,
        };
        fields.end().ok_or_else(malformed)?;
        let curve = inside.or(outside).ok_or_else(malformed)?;
        let agreed = outside.is_none_or(|outside| outside == curve);
        if !agreed || scalar.len() != curve.length() {
            return Err(malformed());
        }
        Ok(Self::Ec { curve, scalar: Zeroizing::new(scalar.to_vec()), point })
    }

    /// PKCS#8 version 1, as Go writes it: what encrypted key files hold. `point` is the public point of a key on a curve.
    pub(super) fn to_pkcs8(&self, point: &[u8]) -> Zeroizing<Vec<u8>> {
        let object = |oid| der::write(der::OBJECT_IDENTIFIER, oid);
        let (algorithm, key) = match self {
            Self::Ec { curve, scalar, .. } => {
                let bits = der::write(der::BIT_STRING, &[&[0], point].concat());
                let sec1 = sec1(scalar, &der::write(der::CONTEXT_1, &bits));
                ([object(ELLIPTIC_CURVE), object(curve.oid())].concat(), sec1)
            }
            Self::Ed25519(seed) => (object(ED25519), der::secret(der::OCTET_STRING, seed)),
            Self::Rsa(pkcs1) => ([object(RSA), der::write(der::NULL, &[])].concat(), pkcs1.clone()),
        };
        der::sequence(&[
            &der::write(der::INTEGER, &[0]),
            &der::write(der::SEQUENCE, &algorithm),
            &der::secret(der::OCTET_STRING, &key),
        ])
    }
}

/// `ECPrivateKey` without its curve.
pub(super) fn sec1(scalar: &[u8], public: &[u8]) -> Zeroizing<Vec<u8>> {
    let scalar = der::secret(der::OCTET_STRING, scalar);
    der::sequence(&[&der::write(der::INTEGER, &[1]), &scalar, public])
}

fn curve_name(oid: &[u8]) -> String {
    match oid {
        // 1.3.132.0.33, 1.3.132.0.10
        [0x2b, 0x81, 0x04, 0x00, 0x21] => "ECDSA P-224".to_owned(),
        [0x2b, 0x81, 0x04, 0x00, 0x0a] => "ECDSA secp256k1".to_owned(),
        _ => "ECDSA over another curve".to_owned(),
    }
}

fn name(oid: &str) -> String {
    match oid {
        "1.2.840.113549.1.1.10" => "RSA-PSS".to_owned(),
        "1.2.840.10040.4.1" => "DSA".to_owned(),
        "1.3.101.110" => "X25519".to_owned(),
        "1.3.101.111" => "X448".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        other => format!("algorithm {other}"),
    }
}
