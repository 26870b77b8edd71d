//! The tag that lists referrers where the registry does not: distribution-spec v1.1, "Referrers Tag Schema". Keeping it up, and keeping
//! everybody's entries, is the client's duty; registries offer no conditional write.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::Remote;
use super::error::{RegistryError, Thing};
use crate::base::{Checked, Digest, Tag, limits};
use crate::format::index::Index;
use crate::format::json::parse_strict;
use crate::format::manifest::{Descriptor, ManifestError, OCI_INDEX};
use crate::io::Clock;

impl Remote {
    /// Adds entries to the list about `subject`, and looks again whether they, and all that was there, are still listed.
    pub(in crate::io) async fn list_under_tag(
        &self,
        new: &[Descriptor],
        subject: Digest,
    ) -> Result<(), RegistryError> {
        let tag = Tag::about(subject, "");
        let thing = Thing::Tagged(self.repository().clone(), tag.clone());
        let lock = self.shared.tag_lock(self.repository(), &tag);
        let _held = lock.lock().await;
        let mut entries: Vec<Value> = new.iter().map(written).collect();
        for round in 0..=limits::UPDATE_ROUNDS {
            let stopwatch = Clock.start();
            match self.add_under_tag(&mut entries, &tag).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // A registry may stumble over two writers at once; and whether ours arrived says the next look.
                Err(error) if error.is_passing() && round < limits::UPDATE_ROUNDS => {}
                Err(error) => return Err(error),
            }
            // Whoever read before our write has written by then.
            stopwatch.settle(round).await;
        }
        Err(RegistryError::LostUpdate { thing, rounds: limits::UPDATE_ROUNDS })
    }

    /// Writes the list with `entries` and what is there; true if nothing was missing. `entries` becomes what was written.
    async fn add_under_tag(&self, entries: &mut Vec<Value>, tag: &Tag) -> Result<bool, RegistryError> {
        let found = self.listed(tag).await?;
        let missing = lacking(&found, entries);
        if missing.is_empty() {
            return Ok(true);
        }
        *entries = found;
        entries.extend(missing);
        self.update_tag(OCI_INDEX, document(entries).as_bytes(), tag).await?;
        Ok(false)
    }

    /// The entries as they stand, with fields that we do not know.
    async fn listed(&self, tag: &Tag) -> Result<Vec<Value>, RegistryError> {
        let Some(found) = self.manifest_by_tag(tag).await? else { return Ok(Vec::new()) };
        let malformed = |source: ManifestError| RegistryError::Malformed {
            thing: Thing::Tagged(self.repository().clone(), tag.clone()),
            source,
        };
        entries(&found.content).map_err(malformed)
    }
}

/// The entries of a list as they stand, each digest once.
pub(in crate::io) fn entries(list: &Checked) -> Result<Vec<Value>, ManifestError> {
    Index::parse(list)?;
    let mut value: Value = parse_strict(list.bytes())?;
    let Some(Value::Array(entries)) = value.get_mut("manifests").map(Value::take) else {
        return Ok(Vec::new());
    };
    // Nobody needs an entry twice.
    let mut seen = BTreeSet::new();
    Ok(entries.into_iter().filter(|entry| seen.insert(digest(entry).map(str::to_owned))).collect())
}

/// Those of `wanted` that `found` has not.
pub(in crate::io) fn lacking(found: &[Value], wanted: &[Value]) -> Vec<Value> {
    let found: HashSet<Option<&str>> = found.iter().map(digest).collect();
    wanted.iter().filter(|entry| !found.contains(&digest(entry))).cloned().collect()
}

/// A list with these entries.
pub(in crate::io) fn document(entries: &[Value]) -> String {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string()
}

/// A descriptor as JSON.
pub(in crate::io) fn written(entry: &Descriptor) -> Value {
    let mut out = json!({
        "mediaType": entry.media_type,
        "digest": entry.digest.to_string(),
        "size": entry.size,
    });
    if let Some(artifact_type) = &entry.artifact_type {
        out["artifactType"] = json!(artifact_type);
    }
    if !entry.annotations.is_empty() {
        out["annotations"] = json!(entry.annotations);
    }
    out
}

fn digest(entry: &Value) -> Option<&str> {
    entry.get("digest").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::manifest::OCI_MANIFEST;

    /// Attack: whoever can push fills the list, and everybody who signs compares all of it with all of it.
    #[test]
    fn a_long_list_takes_no_longer_than_it_is() {
        let entry = |number: u32| {
            let digest = Digest::of(&number.to_le_bytes()).to_string();
            json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 })
        };
        let found: Vec<Value> = (0..20_000).map(entry).collect();
        let wanted: Vec<Value> = (0..20_001).map(entry).collect();
        let stopwatch = Clock.start();
        assert_eq!(lacking(&found, &wanted), [entry(20_000)]);
        assert!(stopwatch.elapsed() < std::time::Duration::from_secs(5), "{:?}", stopwatch.elapsed());
        // What has no digest is not there, whatever else has none.
        assert_eq!(lacking(&[json!({})], &[json!({}), entry(1)]), [entry(1)]);
    }
}
