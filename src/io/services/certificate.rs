//! Certificates from Fulcio: fulcio.proto, `CreateSigningCertificate`.

use serde::Deserialize;
use serde_json::json;

use super::{AnswerError, JSON, Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::base::{Secret, limits};
use crate::crypto::{KeyError, PublicKey, certificates_from_pem};
use crate::format::json::{JsonError, parse_strict};

/// A certificate, fresh from the authority. Whether anybody trusts that one, and whose key it is for, is not known here.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The signer's certificate, in DER.
    pub leaf: Vec<u8>,
    /// In DER: who issued the leaf comes first.
    pub chain: Vec<Vec<u8>>,
}

impl Services {
    /// Asks for a certificate for `key`. `proof` is its signature over the token's subject.
    pub async fn certificate(
        &self,
        authority: &ServiceUrl,
        token: &Secret<String>,
        key: &PublicKey,
        proof: &[u8],
    ) -> Result<Issued, ServiceError> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let request = json!({
            "credentials": {"oidcIdentityToken": token.expose()},
            "publicKeyRequest": {
                // The PEM says which algorithm it is.
                "publicKey": {"algorithm": "", "content": key.to_pem()},
                "proofOfPossession": STANDARD.encode(proof),
            },
        });
        let url = authority.join("/api/v2/signingCert");
        let mut question = Question::post(SERVICE, url, JSON, request.to_string().into_bytes());
        question.secret = Some(token);
        let answer = self.ask(question, &[200, 201]).await?;
        issued(&answer.body).map_err(|source| ServiceError::Answer {
            service: SERVICE,
            origin: authority.to_string(),
            source,
        })
    }
}

fn issued(answer: &[u8]) -> Result<Issued, AnswerError> {
    // The authority was sent the token, and may send it back: no error repeats what it says.
    let wire: AnswerWire = parse_strict(answer).map_err(JsonError::without_content)?;
    let chain = match (wire.signed_certificate_embedded_sct, wire.signed_certificate_detached_sct) {
        (Some(signed), None) => signed.chain.certificates,
        (None, Some(_)) => return Err(AnswerError::DetachedPromise),
        _ => Vec::new(),
    };
    let mut certificates = Vec::new();
    for pem in chain.iter().take(limits::CHAIN + 1) {
        certificates.extend(certificates_from_pem(pem).map_err(|error| match error {
            KeyError::Label { .. } => KeyError::Malformed { label: "CERTIFICATE" },
            other => other,
        })?);
    }
    let found = certificates.len();
    if !(1..=limits::CHAIN).contains(&found) {
        return Err(AnswerError::Chain { found });
    }
    Ok(Issued { leaf: certificates.remove(0), chain: certificates })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerWire {
    signed_certificate_embedded_sct: Option<SignedWire>,
    signed_certificate_detached_sct: Option<SignedWire>,
}

#[derive(Deserialize)]
struct SignedWire {
    chain: ChainWire,
}

#[derive(Deserialize)]
struct ChainWire {
    certificates: Vec<String>,
}

const SERVICE: ServiceKind = ServiceKind::CertificateAuthority;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const CHAIN: &str = include_str!("../../../testdata/certificate/chain.pem");
    const KEY: &str = include_str!("../../../testdata/certificate/leaf.pub");

    fn answer(field: &str, certificates: Value) -> Vec<u8> {
        json!({ field: {"chain": {"certificates": certificates}} }).to_string().into_bytes()
    }

    #[test]
    fn takes_a_chain() {
        let split: Vec<String> =
            CHAIN.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect();
        for certificates in [json!(split), json!([CHAIN])] {
            let issued = issued(&answer("signedCertificateEmbeddedSct", certificates)).unwrap();
            assert_eq!((issued.leaf, issued.chain), {
                let mut all = certificates_from_pem(CHAIN).unwrap();
                (all.remove(0), all)
            });
        }
        let refused = |field: &str, certificates: Value| issued(&answer(field, certificates)).unwrap_err();
        let embedded = "signedCertificateEmbeddedSct";
        assert!(matches!(refused(embedded, json!([])), AnswerError::Chain { found: 0 }));
        let many = json!(vec![CHAIN; limits::CHAIN]);
        assert!(matches!(refused(embedded, many), AnswerError::Chain { .. }));
        assert!(matches!(refused(embedded, json!([KEY])), AnswerError::Certificate(_)));
        assert!(matches!(
            refused("signedCertificateDetachedSct", json!([CHAIN])),
            AnswerError::DetachedPromise
        ));
        assert!(matches!(refused("other", json!([CHAIN])), AnswerError::Chain { found: 0 }));
    }

    // The authority was sent the token, and may send it back.
    #[test]
    fn an_error_repeats_nothing_of_the_answer() {
        let echo = json!({"signedCertificateEmbeddedSct": "hunter2"}).to_string();
        let block = "-----BEGIN hunter2-----\n-----END hunter2-----\n";
        for answer in [echo.into_bytes(), answer("signedCertificateEmbeddedSct", json!([block]))] {
            let error = issued(&answer).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
