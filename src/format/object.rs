//! JSON objects whose members are all accounted for. Unlike a derived `Deserialize`, an array never passes as an object, and what is
//! signed can be taken out with its own bytes.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::json::{JsonError, parse_strict};

/// The members of an object that have not been taken yet.
pub(super) struct Object {
    name: &'static str,
    members: BTreeMap<String, Box<RawValue>>,
}

impl Object {
    /// Parses a document that is an object. `name` is what errors call it.
    pub(super) fn parse(name: &'static str, bytes: &[u8]) -> Result<Self, ObjectError> {
        Ok(Self { name, members: parse_strict(bytes)? })
    }

    /// Reads a member that was taken from a document which [`Object::parse`] has checked.
    pub(super) fn inside(name: &'static str, raw: &RawValue) -> Result<Self, ObjectError> {
        let members = serde_json::from_str(raw.get()).map_err(|_| ObjectError::NotAnObject { name })?;
        Ok(Self { name, members })
    }

    /// A member that must be there.
    pub(super) fn take<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<T, ObjectError> {
        let missing = ObjectError::Missing { object: self.name, field };
        self.take_optional(field)?.ok_or(missing)
    }

    /// A member that may be absent, or null where `T` has no null of its own.
    pub(super) fn take_optional<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
    ) -> Result<Option<T>, ObjectError> {
        let Some(raw) = self.members.remove(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|source| ObjectError::Field {
            object: self.name,
            field,
            source,
        })
    }

    /// An object inside this one.
    pub(super) fn take_object(&mut self, field: &'static str) -> Result<Self, ObjectError> {
        Self::inside(field, &self.take::<Box<RawValue>>(field)?)
    }

    /// The objects of a list inside this one.
    pub(super) fn take_objects(&mut self, field: &'static str) -> Result<Vec<Self>, ObjectError> {
        let items: Vec<Box<RawValue>> = self.take(field)?;
        items.iter().map(|raw| Self::inside(field, raw)).collect()
    }

    /// Whether a member is there; it counts as taken.
    pub(super) fn skip(&mut self, field: &str) -> bool {
        self.members.remove(field).is_some()
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), ObjectError> {
        match self.members.into_keys().next() {
            None => Ok(()),
            Some(field) => {
                Err(ObjectError::Unknown { object: self.name, field: field.chars().take(64).collect() })
            }
        }
    }
}

/// Why bytes are not the object that was expected.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// A member has the wrong type.
    #[error("`{field}` of the {object} has the wrong type")]
    Field {
        /// Which object.
        object: &'static str,
        /// Which member.
        field: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Not strict JSON, or not an object.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing.
    #[error("the {object} has no `{field}`")]
    Missing {
        /// Which object.
        object: &'static str,
        /// Which member.
        field: &'static str,
    },
    /// Something else than an object.
    #[error("`{name}` is not a JSON object")]
    NotAnObject {
        /// What was expected.
        name: &'static str,
    },
    /// A member that nobody defined: a reader that skips it may miss what the signer meant.
    #[error("the {object} has a field that is not known: `{}`", crate::base::Printable(.field))]
    Unknown {
        /// Which object.
        object: &'static str,
        /// As written.
        field: String,
    },
}
