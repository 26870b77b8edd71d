//! What a transparency log says about a signature: protobuf-specs, sigstore_rekor.proto.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BundleError, Version, decode};
use crate::base::{Timestamp, limits};
use crate::format::json::{JsonError, parse_strict};
use crate::format::object::Object;

/// An entry of a transparency log, as it arrived: whether the log holds it, and whether it is about this signature, is unknown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogEntry {
    /// Position over all shards of the log.
    pub index: u64,
    /// Which log: the hash of its key.
    pub log_id: [u8; 32],
    /// `hashedrekord`, `dsse` or `intoto`, if it is one that people use.
    pub kind: String,
    /// Version of that kind.
    pub version: String,
    /// When the log took it. Only a promise makes this more than a claim.
    pub integrated_time: Option<Timestamp>,
    /// The log's signature over the entry and its time.
    pub promise: Option<Vec<u8>>,
    /// That the log's tree holds it.
    pub proof: Option<InclusionProof>,
    /// What was logged.
    pub body: Vec<u8>,
}

/// The way from an entry to the root of its tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InclusionProof {
    /// Position in the tree.
    pub index: u64,
    /// The tree's root.
    pub root_hash: Vec<u8>,
    /// Entries of the tree.
    pub tree_size: u64,
    /// Hashes on the way.
    pub hashes: Vec<Vec<u8>>,
    /// The root as the log signed it: a signed note.
    pub checkpoint: String,
}

impl LogEntry {
    /// Kind and version as the body itself, which the log signed, says them.
    pub fn body_kind(&self) -> Result<(String, String), JsonError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct BodyWire {
            kind: String,
            api_version: String,
        }
        let BodyWire { kind, api_version } = parse_strict(&self.body)?;
        Ok((kind, api_version))
    }
}

impl InclusionProof {
    /// Size and root of the tree that the checkpoint names (c2sp.org/tlog-checkpoint). Whether the log signed it is not looked at.
    pub fn unverified_tree(&self) -> Option<(u64, Vec<u8>)> {
        let mut lines = self.checkpoint.lines().skip(1);
        let (size, root) = (lines.next()?, lines.next()?);
        Some((size.parse().ok()?, STANDARD.decode(root).ok()?))
    }
}

/// Reads the list of entries, each with what its version asks for; the same entry twice would let one log be counted as two.
pub(super) fn read(raws: &[Box<RawValue>], version: Version) -> Result<Vec<LogEntry>, BundleError> {
    if raws.len() > limits::LOG_ENTRIES {
        return Err(BundleError::Count { field: "tlogEntries", found: raws.len() });
    }
    let mut entries = Vec::<LogEntry>::new();
    for raw in raws {
        let entry = entry(Object::inside("tlogEntries", raw)?)?;
        let is_complete = match version {
            Version::V0_1 => entry.promise.is_some(),
            Version::V0_2 | Version::V0_3 => entry.proof.is_some(),
        };
        if !is_complete {
            return Err(BundleError::IncompleteEntry { index: entry.index });
        }
        if entries.iter().any(|other| (other.log_id, other.index) == (entry.log_id, entry.index)) {
            return Err(BundleError::DuplicateEntry { index: entry.index });
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(mut object: Object) -> Result<LogEntry, BundleError> {
    let index = integer(&mut object, "logIndex")?;
    let mut id = object.take_object("logId")?;
    let log_id = decode("keyId", &id.take::<String>("keyId")?, 32)?;
    id.finish()?;
    let mut kind = object.take_object("kindVersion")?;
    let (name, version) = (kind.take("kind")?, kind.take("version")?);
    kind.finish()?;
    let seconds = integer(&mut object, "integratedTime")?;
    let integrated_time = match seconds {
        // protobuf does not tell 0 from absent.
        0 => None,
        seconds => {
            let time = i64::try_from(seconds).ok().and_then(|it| Timestamp::from_seconds(it).ok());
            Some(time.ok_or(BundleError::Integer { field: "integratedTime" })?)
        }
    };
    let promise = match object.take_optional::<Box<RawValue>>("inclusionPromise")? {
        None => None,
        Some(raw) => {
            let mut promise = Object::inside("inclusionPromise", &raw)?;
            let text: String = promise.take("signedEntryTimestamp")?;
            promise.finish()?;
            Some(decode("signedEntryTimestamp", &text, limits::PROOF_PART)?)
        }
    };
    let proof = match object.take_optional::<Box<RawValue>>("inclusionProof")? {
        None => None,
        Some(raw) => proof(Object::inside("inclusionProof", &raw)?)?,
    };
    let body = decode("canonicalizedBody", &object.take::<String>("canonicalizedBody")?, limits::LOG_ENTRY)?;
    object.finish()?;
    let log_id = log_id.try_into().map_err(|_| BundleError::Length { field: "keyId" })?;
    Ok(LogEntry { index, log_id, kind: name, version, integrated_time, promise, proof, body })
}

/// A proof without checkpoint leads to a root that nobody signed: it is none. Bundles of version 0.1 have such beside their promise.
fn proof(mut object: Object) -> Result<Option<InclusionProof>, BundleError> {
    let index = integer(&mut object, "logIndex")?;
    let tree_size = integer(&mut object, "treeSize")?;
    let root_hash = decode("rootHash", &object.take::<String>("rootHash")?, 32)?;
    let hashes: Vec<String> = object.take_optional("hashes")?.unwrap_or_default();
    let checkpoint = object.take_optional::<Box<RawValue>>("checkpoint")?;
    object.finish()?;
    let Some(checkpoint) = checkpoint else { return Ok(None) };
    let mut checkpoint = Object::inside("checkpoint", &checkpoint)?;
    let envelope: String = checkpoint.take("envelope")?;
    checkpoint.finish()?;
    // A tree has at most 2^63 entries.
    if hashes.len() > 64 {
        return Err(BundleError::Count { field: "hashes", found: hashes.len() });
    }
    if envelope.len() > limits::PROOF_PART {
        return Err(BundleError::Length { field: "checkpoint" });
    }
    let hashes = hashes.iter().map(|hash| decode("hashes", hash, 32)).collect::<Result<_, _>>()?;
    Ok(Some(InclusionProof { index, root_hash, tree_size, hashes, checkpoint: envelope }))
}

/// protobuf's JSON: a 64-bit integer is text, readers also take a number. Absent is 0.
fn integer(object: &mut Object, field: &'static str) -> Result<u64, BundleError> {
    let Some(raw) = object.take_optional::<Box<RawValue>>(field)? else { return Ok(0) };
    let text = raw.get();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    match text.parse::<u64>() {
        // One spelling only: no sign, no leading zero, nothing that a reader could take for another number.
        Ok(number) if number.to_string() == text && i64::try_from(number).is_ok() => Ok(number),
        _ => Err(BundleError::Integer { field }),
    }
}
