//! Decides how policy JSON is read (no key twice) and in which order it is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Number, Value};

/// A JSON value read with duplicate keys refused, which `serde_json::Value` would silently drop.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that JSON cannot hold"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} appears twice")));
            }
            let Strict(value) = access.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// How deep a value sits in a policy document, which decides the order of its keys.
#[derive(Clone, Copy)]
enum Level {
    Document,
    Statement,
    Inside,
}

const DOCUMENT_KEYS: [&str; 3] = ["Version", "Id", "Statement"];

const STATEMENT_KEYS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A policy document that serialises with its keys in the order of AWS's own examples, the same in every build.
pub(super) struct Ordered<'a> {
    value: &'a Value,
    level: Level,
}

impl<'a> Ordered<'a> {
    pub(super) fn document(value: &'a Value) -> Self {
        Self { value, level: Level::Document }
    }

    pub(super) fn statement(value: &'a Value) -> Self {
        Self { value, level: Level::Statement }
    }

    /// A value whose keys are sorted by name only.
    pub(super) fn sorted(value: &'a Value) -> Self {
        Self { value, level: Level::Inside }
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(object) => {
                let known: &[&str] = match self.level {
                    Level::Document => &DOCUMENT_KEYS,
                    Level::Statement => &STATEMENT_KEYS,
                    Level::Inside => &[],
                };
                let rank = |key: &str| known.iter().position(|known| *known == key).unwrap_or(known.len());
                let mut entries: Vec<_> = object.iter().collect();
                entries.sort_by_key(|(key, _)| (rank(key), key.as_str()));
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    let level = match self.level {
                        Level::Document if key == "Statement" => Level::Statement,
                        _ => Level::Inside,
                    };
                    map.serialize_entry(key, &Self { value, level })?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    sequence.serialize_element(&Self { value, level: self.level })?;
                }
                sequence.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

/// A value as compact JSON with sorted keys, fit for comparing.
pub(super) fn canonical(value: &Value) -> String {
    compact(&Ordered::sorted(value))
}

/// Compact JSON. A `Value` always serialises: its keys are strings and its numbers finite.
pub(super) fn compact<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
