//! Entries in Rekor 1 and Rekor 2.

use super::{Answer, AnswerError, JSON, Question, ServiceError, ServiceKind, ServiceUrl, Services};
use crate::format::rekor::{NewEntry, entry_path_1};

impl Services {
    /// Enters a signature into Rekor 1; gives the entry in protobuf's JSON, for a bundle.
    pub async fn enter_in_rekor_1(
        &self,
        log: &ServiceUrl,
        entry: NewEntry<'_>,
    ) -> Result<String, ServiceError> {
        let request = entry.to_rekor_1().into_bytes();
        let question = Question::post(SERVICE, log.join("/api/v1/log/entries"), JSON, request);
        let mut answer = self.ask(question, &[200, 201, 409]).await?;
        if answer.status == 409 {
            // The same signature was entered before, perhaps by a run that broke off. Only the name is taken from the answer, not the place.
            let path = answer.location.as_deref().and_then(entry_path_1);
            let path = path.ok_or(AnswerError::Location).map_err(|source| wrong(log, source))?;
            answer = self.ask(Question::get(SERVICE, log.join(&path)), &[200]).await?;
        }
        entry.read_rekor_1(&answer.body).map_err(|source| wrong(log, source.into()))
    }

    /// Enters a signature into Rekor 2; gives the entry in protobuf's JSON, for a bundle.
    pub async fn enter_in_rekor_2(
        &self,
        log: &ServiceUrl,
        entry: NewEntry<'_>,
    ) -> Result<String, ServiceError> {
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
