//! Time stamps: RFC 3161, section 3.4.

use super::{Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::base::Digest;
use crate::crypto::StampRequest;

impl Services {
    /// Has a signature stamped; gives the whole response in DER.
    pub async fn stamp(&self, authority: &ServiceUrl, signature: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let nonce = getrandom::u64().map_err(|_| ServiceError::Random)?;
        let wrong = |source| ServiceError::Answer { service: SERVICE, origin: authority.to_string(), source };
        let request =
            StampRequest::new(Digest::of(signature), nonce).map_err(|source| wrong(source.into()))?;
        let url = authority.0.clone();
        let mut question = Question::post(SERVICE, url, "application/timestamp-query", request.to_der());
        question.accept = "application/timestamp-reply";
        let answer = self.ask(question, &[200, 201]).await?;
        request.check(&answer.body).map_err(|source| wrong(source.into()))?;
        Ok(answer.body)
    }
}

const SERVICE: ServiceKind = ServiceKind::StampAuthority;
