//! `plimsoll.resolve/v1`: `schemas/resolve.v1.schema.json`.

use serde::Serialize;

use super::quota::QuotaWire;

#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    pub(in crate::cli) images: Vec<Image>,
    pub(in crate::cli) errors: Vec<Failure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { schema: "plimsoll.resolve/v1", images: Vec::new(), errors: Vec::new(), quotas: Vec::new() }
    }
}

impl Answer {
    /// A line for each image that was found.
    pub(in crate::cli) fn lines(&self, line: impl Fn(&Image) -> &str) -> String {
        self.images.iter().map(|image| format!("{}\n", line(image))).collect()
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Image {
    pub(in crate::cli) reference: String,
    pub(in crate::cli) resolved: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) repository: Option<String>,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) media_type: String,
    pub(in crate::cli) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) index: Option<String>,
}

#[derive(Serialize)]
pub(in crate::cli) struct Failure {
    pub(in crate::cli) reference: String,
    pub(in crate::cli) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_follows_its_schema() {
        let schema = include_str!("../../../schemas/resolve.v1.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let digest = crate::base::Digest::of(b"").to_string();
        let mut answer = Answer::default();
        answer.errors.push(Failure { reference: "b".to_owned(), message: "gone".to_owned() });
        for full in [false, true] {
            let only_if = |text: &str| full.then(|| text.to_owned());
            answer.images.push(Image {
                reference: "a".to_owned(),
                resolved: format!("a@{digest}"),
                repository: only_if("docker.io/library/a"),
                digest: digest.clone(),
                media_type: "m".to_owned(),
                size: 1,
                platform: only_if("linux/arm64"),
                index: only_if(&digest),
            });
        }
        let mut value = serde_json::to_value(&answer).unwrap();
        assert!(schema.is_valid(&value));
        value["images"][0]["more"] = 1.into();
        assert!(!schema.is_valid(&value));
    }
}
