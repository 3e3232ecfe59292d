//! Decides what editors know about a grant file: a JSON Schema of short and long forms, made from the types that read it.

use std::borrow::Cow;

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use super::front::{Either, GrantFile, Short, Values};

/// The JSON Schema (draft 2020-12) of one grant in a file: one YAML document, or one object of a JSON file.
///
/// Editors take it for completion and checks: `# yaml-language-server: $schema=…` at the top of a file names it.
pub fn grant_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().with_transform(without_null).into_generator();
    let mut schema = generator.into_root_schema_for::<GrantFile>();
    // A name and no address: the schema of version 1 of the format, wherever it is kept.
    schema.insert("$id".to_owned(), "urn:podrole:grant:1".into());
    schema.to_value()
}

/// A file leaves out what it does not give, so "or null" would only be noise in completions.
fn without_null(schema: &mut Schema) {
    transform_subschemas(&mut without_null, schema);
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = &types[..] {
            let single = single.clone();
            object.insert("type".to_owned(), single);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(single)] = &choices[..] {
            let single = single.clone();
            object.remove("anyOf");
            for (key, value) in single {
                object.entry(key).or_insert(value);
            }
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    // Widths of Rust's integers mean nothing to an editor.
    if matches!(object.get("format").and_then(Value::as_str), Some("uint32")) {
        object.remove("format");
    }
}

/// Where a policy comes from, in the long form.
pub(super) fn policy_source(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["aws_managed", "customer", "arn", "document", "s3"] })
}

impl<T: Short> JsonSchema for Either<T>
where
    T::Long: JsonSchema,
{
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = T::Long::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "string", "description": T::TEXT }, long] })
    }
}

impl JsonSchema for Values {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Values".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
