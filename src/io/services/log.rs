//! Entries in Rekor 1 and Rekor 2.

use super::{Answer, AnswerError, JSON, Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::format::rekor::{Entered, NewEntry, entry_path_1};

impl Services {
    /// Enters a signature into Rekor 1.
    pub async fn enter_in_rekor_1(
        &self,
        log: &ServiceUrl,
        entry: NewEntry<'_>,
    ) -> Result<Entered, ServiceError> {
        let request = entry.to_rekor_1().into_bytes();
        let question = Question::post(SERVICE, log.join("/api/v1/log/entries"), JSON, request);
        // A log of this version keeps one entry for one signature, and says so to whoever sends it twice.
        let mut answer = self.ask(question.repeatable(), &[200, 201, 409]).await?;
        if answer.status == 409 {
            // The same signature was entered before, perhaps by a request that broke off. Only the name is taken from the answer, not the place.
            let path = answer.location.as_deref().and_then(entry_path_1);
            let path = path.ok_or(AnswerError::Location).map_err(|source| wrong(log, source))?;
            answer = self.ask(Question::get(SERVICE, log.join(&path)), &[200]).await?;
        }
        entry.read_rekor_1(&answer.body).map_err(|source| wrong(log, source.into()))
    }

    /// Enters a signature into Rekor 2.
    pub async fn enter_in_rekor_2(
        &self,
        log: &ServiceUrl,
        entry: NewEntry<'_>,
    ) -> Result<Entered, ServiceError> {
        let request = entry.to_rekor_2().into_bytes();
        let question = Question::post(SERVICE, log.join("/api/v2/log/entries"), JSON, request);
        let Answer { body, .. } = self.ask(question, &[200, 201]).await?;
        entry.read_rekor_2(&body).map_err(|source| wrong(log, source.into()))
    }
}

fn wrong(log: &ServiceUrl, source: AnswerError) -> ServiceError {
    ServiceError::Answer { service: SERVICE, origin: log.to_string(), source }
}

const SERVICE: ServiceKind = ServiceKind::TransparencyLog;

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::{Value, json};

    use super::*;
    use crate::base::Digest;
    use crate::format::rekor::{Verifier, VerifierKind};
    use crate::io::Environment;
    use crate::io::services::tests::services;
    use crate::io::stub::{Reply, Stub, wait};

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nYw==\n-----END CERTIFICATE-----\n";

    /// The entry about this signature, as Rekor 1 tells it.
    fn entry(signature: &[u8]) -> Value {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": Digest::of(b"message").hex()}},
                "signature": {
                    "content": STANDARD.encode(signature),
                    "publicKey": {"content": STANDARD.encode(PEM)},
                },
            },
        });
        let proof = json!({"checkpoint": "c", "hashes": [], "logIndex": 0, "rootHash": "00", "treeSize": 1});
        json!({"name": {
            "body": STANDARD.encode(body.to_string()),
            "integratedTime": 1,
            "logID": "00",
            "logIndex": 7,
            "verification": {"inclusionProof": proof, "signedEntryTimestamp": "cw=="},
        }})
    }

    /// Enters a signature that is there already, at `location` as the log says, and asks for the entry about `there`.
    fn enter_again(
        location: &'static str,
        there: &'static [u8],
    ) -> (Result<Entered, ServiceError>, Vec<String>) {
        let stub = Stub::new(move |asked| match asked.method.as_str() {
            "POST" => Reply::new(409).with("location", location),
            _ => Reply::ok("application/json", entry(there).to_string()),
        });
        let log = format!("http://127.0.0.1:{}", stub.port).parse().unwrap();
        let new = NewEntry {
            digest: Digest::of(b"message"),
            envelope: None,
            signature: b"signature",
            verifier: Verifier { kind: VerifierKind::Certificate, der: b"c", pem: PEM, details: "d" },
        };
        (wait(services(Environment::default()).enter_in_rekor_1(&log, new)), stub.log())
    }

    #[test]
    fn what_was_entered_before_is_found_again() {
        let name = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let (found, asked) = enter_again(
            "https://elsewhere.example/api/v1/log/entries/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            b"signature",
        );
        assert!(found.unwrap().json.contains(r#""logIndex":"7""#));
        assert_eq!(asked, ["POST /api/v1/log/entries".to_owned(), format!("GET /api/v1/log/entries/{name}")]);
        let place = "/api/v1/log/entries/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let (other, _) = enter_again(place, b"another");
        assert!(
            matches!(other, Err(ServiceError::Answer { source: AnswerError::Entry(_), .. })),
            "{other:?}"
        );
        let (nowhere, asked) = enter_again("/api/v1/log/entries/..%2f..", b"signature");
        assert!(
            matches!(nowhere, Err(ServiceError::Answer { source: AnswerError::Location, .. })),
            "{nowhere:?}"
        );
        assert_eq!(asked.len(), 1);
    }
}
