//! Decides what a policy document is: a JSON object, read strictly, compared by meaning, written in one way.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::check::{self, DocumentKind};
use super::json::{Ordered, Strict, compact};
use super::meaning;
use super::statement::Statement;

/// A policy document, equal to another one when both mean the same (see [`Document::same_meaning`]).
///
/// It keeps the JSON that it was made from, so that what podrole does not understand survives a merge.
#[derive(Clone, Debug)]
pub struct Document(Value);

impl Document {
    /// Reads a document from JSON text.
    ///
    /// Only the JSON is judged, not the policy: [`Document::check`] does that. IAM returns documents percent-encoded;
    /// decode them first.
    ///
    /// # Errors
    ///
    /// Text that is not JSON, a key that appears twice in one object, or JSON that is not an object.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let Strict(value) = serde_json::from_str(text).map_err(|error| {
            let (rule, remedy) = if error.is_data() {
                (error.to_string(), "keep one of the two")
            } else {
                (format!("this is not JSON: {error}"), "write the document as JSON")
            };
            DocumentError::new("", rule, remedy)
        })?;
        Self::from_value(value)
    }

    /// Takes a document from a JSON value.
    ///
    /// # Errors
    ///
    /// A value that is not an object.
    pub fn from_value(value: Value) -> Result<Self, DocumentError> {
        if value.is_object() {
            Ok(Self(value))
        } else {
            let rule = format!("a policy document is a JSON object, this is {}", check::type_name(&value));
            Err(DocumentError::new("", rule, "start with {\"Version\": \"2012-10-17\", \"Statement\": […]}"))
        }
    }

    /// A document of the current policy language version with these statements.
    pub(super) fn of(statements: Vec<Value>) -> Self {
        Self(serde_json::json!({ "Version": "2012-10-17", "Statement": Value::Array(statements) }))
    }

    /// Says whether IAM would accept the document, as far as that can be known without asking.
    ///
    /// Existence of principals, and sizes (see [`Document::check_size`]), are not judged.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, with the path to the place.
    pub fn check(&self, kind: DocumentKind) -> Result<(), DocumentError> {
        check::check(&self.0, kind)
    }

    /// Says whether the document fits into `limit` characters, whitespace not counted.
    ///
    /// # Errors
    ///
    /// A document that is larger, with both sizes in the rule.
    pub fn check_size(&self, limit: usize) -> Result<(), DocumentError> {
        let size = self.size();
        if size <= limit {
            return Ok(());
        }
        let rule = format!("the document has {size} characters without whitespace, the limit is {limit}");
        Err(DocumentError::new("", rule, "split it, or join statements that differ in one element only"))
    }

    /// Characters as IAM counts them for its quotas: of the compact JSON, without any whitespace.
    pub fn size(&self) -> usize {
        self.to_json().chars().filter(|character| !character.is_whitespace()).count()
    }

    /// Whether two documents allow and deny the same, however they are written.
    ///
    /// Not part of the meaning: the order of statements, values and keys; a single value or a list of one; repeated
    /// values and statements; `Id` and `Sid`, which are labels; upper and lower case of actions and condition keys;
    /// `"*"` or `{"AWS": "*"}`; an account id or the ARN of its root; `true` or `"true"`; `ArnEquals` or `ArnLike`;
    /// empty condition blocks; and `Version`, as long as no policy variable (`${…}`) is used.
    ///
    /// Statements are compared one by one: two documents that reach the same with differently cut statements differ.
    pub fn same_meaning(&self, other: &Self) -> bool {
        meaning::of_document(&self.0) == meaning::of_document(&other.0)
    }

    /// Whether both mean the same and have the same Sids, which say whose statements they are.
    pub(crate) fn same_trust(&self, other: &Self) -> bool {
        let sids = |document: &Self| {
            let mut sids: Vec<_> = document.statements().into_iter().filter_map(|statement| statement.sid).collect();
            sids.sort();
            sids
        };
        self.same_meaning(other) && sids(self) == sids(other)
    }

    /// Compact JSON with the keys in a fixed order.
    pub fn to_json(&self) -> String {
        compact(&Ordered::document(&self.0))
    }

    /// Indented JSON with the keys in the order of AWS's examples.
    pub fn to_pretty(&self) -> String {
        serde_json::to_string_pretty(&Ordered::document(&self.0)).unwrap_or_default()
    }

    /// The JSON that the document was made from.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The statements, taken apart, in their order.
    pub fn statements(&self) -> Vec<Statement> {
        self.statement_values().into_iter().enumerate().map(|(index, value)| Statement::read(index, value)).collect()
    }

    /// The statements as JSON; a single one that is not in a list counts as a list of one.
    pub(super) fn statement_values(&self) -> Vec<&Value> {
        match self.0.get("Statement") {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(single) => vec![single],
            None => Vec::new(),
        }
    }

    /// Each statement as compact JSON with the keys in a fixed order.
    pub(crate) fn statement_texts(&self) -> Vec<String> {
        self.statement_values().into_iter().map(|statement| compact(&Ordered::statement(statement))).collect()
    }

    /// The same document with other statements.
    pub(super) fn with_statements(&self, statements: Vec<Value>) -> Self {
        let mut value = self.0.clone();
        if let Value::Object(object) = &mut value {
            object.insert("Statement".to_owned(), Value::Array(statements));
        }
        Self(value)
    }

    /// Whether policy variables are replaced in this document.
    pub(super) fn has_variables(&self) -> bool {
        meaning::has_variables(&self.0)
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.same_meaning(other)
    }
}

impl Eq for Document {}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_json())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Ordered::document(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::from_value(value).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Document {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PolicyDocument".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "description": "An IAM policy document." })
    }
}

/// Why a policy document is refused: the place, the rule and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{rule} ({remedy})", place(.path))]
pub struct DocumentError {
    /// The place in the document, such as `Statement[0].Action`; empty for the document as a whole.
    pub path: String,
    /// The rule that is broken, in one sentence.
    pub rule: String,
    /// What to do about it.
    pub remedy: String,
}

impl DocumentError {
    pub(super) fn new(path: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.into(), rule: rule.into(), remedy: remedy.into() }
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}
