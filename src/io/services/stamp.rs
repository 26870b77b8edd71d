//! Time stamps: RFC 3161, section 3.4.

use super::{Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::base::{Digest, Timestamp};
use crate::crypto::StampRequest;

/// A time stamp over a signature.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The whole response.
    pub der: Vec<u8>,
    /// When it was made, as it says. Nobody has checked who signed it.
    pub time: Timestamp,
}

impl Services {
    /// Has a signature stamped.
    pub async fn stamp(&self, authority: &ServiceUrl, signature: &[u8]) -> Result<Stamp, ServiceError> {
        let nonce = getrandom::u64().map_err(|_| ServiceError::Random)?;
        let wrong = |source| ServiceError::Answer { service: SERVICE, origin: authority.to_string(), source };
        let request =
            StampRequest::new(Digest::of(signature), nonce).map_err(|source| wrong(source.into()))?;
        let url = authority.0.clone();
        let mut question = Question::post(SERVICE, url, "application/timestamp-query", request.to_der());
        question.accept = "application/timestamp-reply";
        // An authority keeps nothing.
        let answer = self.ask(question.repeatable(), &[200, 201]).await?;
        let time = request.check(&answer.body).map_err(|source| wrong(source.into()))?;
        Ok(Stamp { der: answer.body, time })
    }
}

const SERVICE: ServiceKind = ServiceKind::StampAuthority;
