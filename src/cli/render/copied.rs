//! What `copy` answers. Schema: `schemas/copied.v1.schema.json`.

use std::fmt;

use serde::Serialize;

use super::decision::short;
use super::quota::QuotaWire;
use crate::base::{Digest, Platform, Printable};
use crate::io::copy::{Carried, Shown, Standing};

/// The whole answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    source: String,
    destination: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// Whether the tag is new or moved.
    tagged: bool,
    manifests: Manifests,
    blobs: Blobs,
    attached: Vec<AttachedWire>,
    tags: Vec<TagWire>,
    elsewhere: Vec<ElsewhereWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

#[derive(Serialize)]
struct Manifests {
    content: usize,
    written: usize,
}

#[derive(Serialize)]
struct Blobs {
    copied: usize,
    mounted: usize,
    present: usize,
    bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttachedWire {
    digest: String,
    about: String,
    artifact_type: String,
    added: bool,
    listed: bool,
}

#[derive(Serialize)]
struct TagWire {
    tag: String,
    digest: String,
    standing: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ElsewhereWire {
    digest: String,
    media_type: String,
}

impl Answer {
    pub(in crate::cli) fn new(
        source: String,
        destination: String,
        digest: Digest,
        platform: Option<&Platform>,
        carried: &Carried,
    ) -> Self {
        Self {
            schema: "plimsoll.copied/v1",
            source,
            destination,
            digest: digest.to_string(),
            platform: platform.map(ToString::to_string),
            tagged: carried.tagged,
            manifests: Manifests { content: carried.content, written: carried.written },
            blobs: Blobs {
                copied: carried.copied,
                mounted: carried.mounted,
                present: carried.present,
                bytes: carried.bytes,
            },
            attached: carried
                .attached
                .iter()
                .map(|one| AttachedWire {
                    digest: one.digest.to_string(),
                    about: one.subject.to_string(),
                    artifact_type: one.artifact_type.chars().take(256).collect(),
                    added: one.shown != Shown::Before,
                    listed: one.shown != Shown::Missing,
                })
                .collect(),
            tags: carried
                .tags
                .iter()
                .map(|kept| TagWire {
                    tag: kept.tag.to_string(),
                    digest: kept.digest.to_string(),
                    standing: match kept.standing {
                        Standing::Copied => "copied",
                        Standing::Joined => "joined",
                        Standing::Present => "present",
                    },
                })
                .collect(),
            elsewhere: carried
                .elsewhere
                .iter()
                .map(|blob| ElsewhereWire {
                    digest: blob.digest.to_string(),
                    media_type: blob.media_type.clone(),
                })
                .collect(),
            quotas: Vec::new(),
        }
    }

    pub(in crate::cli) fn text(&self) -> String {
        let platform = self.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
        let mut out = format!("copied {}{platform}\n    to {}\n", self.source, self.destination);
        let Blobs { copied, mounted, present, bytes } = self.blobs;
        let kinds = [(copied, "sent"), (mounted, "taken from beside"), (present, "there before")];
        let kinds: Vec<String> = kinds
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let content = self.manifests.content;
        let s = if content == 1 { "" } else { "s" };
        out.push_str(&format!("  {content} manifest{s}; blobs: {} ({})\n", kinds.join(", "), Size(bytes)));
        for one in &self.attached {
            let digest = one.digest.parse().map_or_else(|_| one.digest.clone(), short);
            let (word, before) = match (one.listed, one.added) {
                (false, _) => ("not attached", ", written but not listed there"),
                (true, false) => ("attached", ", there before"),
                (true, true) => ("attached", ""),
            };
            out.push_str(&format!("  {word}: {} {digest}{before}\n", Printable(&one.artifact_type)));
        }
        for kept in &self.tags {
            let what = match kept.standing {
                "joined" => ", joined with what was there",
                "present" => ", there before",
                _ => "",
            };
            out.push_str(&format!("  tag {}{what}\n", kept.tag));
        }
        for blob in &self.elsewhere {
            let digest = &blob.digest;
            out.push_str(&format!("  not in a registry, and so not copied: layer {digest}\n"));
        }
        out
    }
}

/// Bytes for people.
pub(in crate::cli) struct Size(pub(in crate::cli) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        match bytes {
            0..1_000 => write!(f, "{bytes} B"),
            1_000..1_000_000 => write!(f, "{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
            1_000_000..1_000_000_000 => write!(f, "{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
            _ => write!(f, "{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_050, "1.0 kB"),
            (34_700_000, "34.7 MB"),
            (u64::MAX, "18446744073.7 GB"),
        ] {
            assert_eq!(Size(bytes).to_string(), want);
        }
    }
}
