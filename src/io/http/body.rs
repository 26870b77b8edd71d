//! Bodies of answers, with a limit on bytes and time.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;

use super::HttpError;
use super::error::cause;
use super::said::Said;
use crate::base::limits;

/// Reads a body of at most `limit` bytes, in bounded time.
pub(in crate::io) async fn read(mut response: Response, limit: u64) -> Result<Vec<u8>, HttpError> {
    check_encoding(&response)?;
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(HttpError::TooLarge { limit });
    }
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = next(&mut response).await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(HttpError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let time = Duration::from_secs(limits::BODY_SECONDS);
    tokio::time::timeout(time, reading)
        .await
        .unwrap_or(Err(HttpError::Slow { seconds: limits::BODY_SECONDS }))
}

/// Reads a body that says nothing, so that the connection can be used again.
pub(in crate::io) async fn discard(response: Response) {
    if response.content_length() != Some(0) {
        // Whatever is wrong with it, the next request has a connection of its own then.
        let _ = read(response, limits::ERROR_BODY).await;
    }
}

/// The next piece of a body; none at its end.
pub(super) async fn next(response: &mut Response) -> Result<Option<Bytes>, HttpError> {
    response.chunk().await.map_err(|error| HttpError::Interrupted { source: cause(&error) })
}

/// Refuses a body that is not the content itself: we ask for `identity`.
pub(in crate::io) fn check_encoding(response: &Response) -> Result<(), HttpError> {
    let coding = response.headers().get(CONTENT_ENCODING).map(|value| value.as_bytes());
    match coding {
        None | Some(b"" | b"identity") => Ok(()),
        Some(other) => {
            Err(HttpError::Encoded { coding: String::from_utf8_lossy(other).chars().take(64).collect() })
        }
    }
}

/// What to say about an error answer: the registry's own messages, or the start of the text.
pub(in crate::io) async fn explanation(response: Response) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        errors: Vec<Entry>,
        details: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let said = response.extensions().get::<Said>().cloned();
    let body = read(response, limits::ERROR_BODY).await.ok()?;
    let text = match serde_json::from_slice::<Answer>(&body) {
        Ok(answer) => {
            let errors = answer.errors.iter().take(3);
            let mut parts: Vec<String> =
                errors.map(|entry| format!("{} {}", entry.code, entry.message).trim().to_owned()).collect();
            parts.extend(answer.details);
            parts.join("; ")
        }
        // A page for browsers says nothing here.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
    };
    let text = match said {
        Some(said) => said.hide(text),
        None => text,
    };
    let text: String = text.chars().take(300).collect();
    (!text.is_empty()).then_some(text)
}
