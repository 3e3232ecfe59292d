//! Decides how a tree becomes Rust values: strictly, and with the place and the path of what does not fit.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::problem::{Problem, shown};
use super::tree::{Key, Node, Value};

/// Reads a value from a node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Node);

/// Words that YAML 1.1 reads as booleans and YAML 1.2 as text, so that editors and tools differ.
fn is_ambiguous(text: &str) -> bool {
    ["yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A number as JSON writes it. Everything else that YAML may read as one (`0123`, `1_000`, `0x1f`, `.inf`) stays text: an account id keeps its zeros.
fn number(text: &str) -> Option<serde_json::Number> {
    let first = text.bytes().find(|byte| *byte != b'-')?;
    if first.is_ascii_digit() { serde_json::from_str(text).ok() } else { None }
}

fn visit_number<'de, V: Visitor<'de>>(number: Option<&serde_json::Number>, visitor: V) -> Result<V::Value, Problem> {
    let unsigned = number.and_then(serde_json::Number::as_u64);
    match (unsigned, number.and_then(serde_json::Number::as_i64)) {
        (Some(value), _) => visitor.visit_u64(value),
        (None, Some(value)) => visitor.visit_i64(value),
        (None, None) => visitor.visit_f64(number.and_then(serde_json::Number::as_f64).unwrap_or(f64::NAN)),
    }
}

/// Plain text that somebody could take for a boolean.
fn boolean_for_text(text: &str) -> Problem {
    Problem::new(
        format!("expected text, and {text} without quotes is a boolean to some readers of YAML"),
        format!("write `\"{text}\"` for the text, `true` or `false` for a boolean"),
    )
}

impl Reader<'_> {
    /// Runs a visitor on the value as it is written.
    fn natural<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let result = match &self.0.value {
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Mapping(entries) => visitor.visit_map(Entries { entries, next: 0 }),
            Value::Scalar { text, plain: false } => visitor.visit_str(text),
            _ if self.0.is_nothing() => visitor.visit_unit(),
            Value::Typed(serde_json::Value::Bool(value)) => visitor.visit_bool(*value),
            Value::Typed(value) => visit_number(value.as_number(), visitor),
            Value::Scalar { text, .. } => match (boolean(text), number(text)) {
                (Some(value), _) => visitor.visit_bool(value),
                (None, Some(number)) => visit_number(Some(&number), visitor),
                (None, None) if is_ambiguous(text) => Err(boolean_for_text(text)),
                (None, None) => visitor.visit_str(text),
            },
        };
        result.map_err(|problem| problem.at(self.0.place))
    }

    /// Runs a visitor that wants text: numbers are text as they are written, booleans are not.
    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Scalar { text, plain: true } if !self.0.is_nothing() => {
                if boolean(text).is_some() || is_ambiguous(text) {
                    return Err(boolean_for_text(text).at(self.0.place));
                }
                visitor.visit_str(text).map_err(|problem: Problem| problem.at(self.0.place))
            }
            _ => self.natural(visitor),
        }
    }
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.$to(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Problem;

    forward! { text: deserialize_str deserialize_string deserialize_char deserialize_identifier }

    forward! {
        natural: deserialize_any deserialize_ignored_any deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_bytes deserialize_byte_buf
        deserialize_unit deserialize_seq deserialize_map
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Scalar { text, plain: true } if is_ambiguous(text) => {
                let meant = text.eq_ignore_ascii_case("yes") || text.eq_ignore_ascii_case("on");
                let message = format!("expected true or false, found the text {}", shown(text));
                Err(Problem::new(message, format!("write `{meant}`: {text} is only text in YAML 1.2")).at(self.0.place))
            }
            _ => self.natural(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.0.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        self.natural(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.natural(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.natural(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if matches!(self.0.value, Value::List(_)) {
            // Derived readers would take the items for the fields, in their order.
            return Err(<Problem as de::Error>::invalid_type(Unexpected::Seq, &"a map").at(self.0.place));
        }
        self.natural(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let wrong = match &self.0.value {
            Value::Scalar { text, .. } if !self.0.is_nothing() => {
                let word: StrDeserializer<'_, Problem> = text.as_str().into_deserializer();
                return visitor.visit_enum(word).map_err(|problem| problem.at(self.0.place));
            }
            Value::Typed(serde_json::Value::Bool(value)) => Unexpected::Bool(*value),
            Value::Typed(serde_json::Value::Number(value)) => Unexpected::Float(value.as_f64().unwrap_or(f64::NAN)),
            Value::Scalar { .. } | Value::Typed(_) => Unexpected::Unit,
            Value::List(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
        };
        let wanted = format!("one of: {}", variants.join(", "));
        Err(<Problem as de::Error>::invalid_type(wrong, &wanted.as_str()).at(self.0.place))
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|problem| problem.at(item.place).under_index(index))
    }
}

struct Entries<'a> {
    entries: &'a [(Key, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        let word: StrDeserializer<'_, Problem> = key.text.as_str().into_deserializer();
        seed.deserialize(word).map(Some).map_err(|problem| problem.at(key.place).under_key(&key.text))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.entries.get(self.next) else {
            return Err(Problem::new("a value was asked for before its key", "report this as a bug"));
        };
        self.next += 1;
        seed.deserialize(Reader(value)).map_err(|problem| problem.at(value.place).under_key(&key.text))
    }
}
