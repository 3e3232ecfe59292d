//! What AWS answers, in the words of the model: names, ARNs, tags, encoded documents and pages.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;

use super::errors::unexpected;
use crate::error::{Error, Result};
use crate::model::{Arn, NameError};
use crate::policy::Document;

/// A value from an answer that must obey a naming rule.
pub(super) fn legal<T>(operation: &str, value: Result<T, NameError>) -> Result<T> {
    value.map_err(|error| unexpected(operation, format!("the answer holds an illegal value: {error}")))
}

pub(super) fn arn(operation: &str, value: &str) -> Result<Arn> {
    legal(operation, Arn::new(value))
}

/// A document as IAM returns it: percent-encoded (RFC 3986: a `+` stands for itself). One that is not encoded is taken as it is.
pub(super) fn document(operation: &str, encoded: &str) -> Result<Document> {
    let bad = |error: String| {
        unexpected(operation, format!("the answer holds a policy document that cannot be read: {error}"))
    };
    let decoded = percent_decode_str(encoded).decode_utf8().map_err(|error| bad(error.to_string()))?;
    // A literal percent sign in a document that was not encoded would be read as an escape.
    let text = if encoded.trim_start().starts_with('{') { encoded } else { decoded.as_ref() };
    Document::parse(text).map_err(|error| bad(error.to_string()))
}

/// Tags as a map.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A map as tags.
pub(super) fn sdk_tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|(key, value)| {
            Tag::builder().key(key).value(value).build().map_err(|error| Error::invalid(error.to_string()))
        })
        .collect()
}

/// Walks through the pages of a list.
#[derive(Default)]
pub(super) struct NextPage(Option<String>);

impl NextPage {
    /// What the next request carries.
    pub(super) fn token(&self) -> Option<String> {
        self.0.clone()
    }

    /// Takes the token of the page just read; `false` at the end. A token that repeats would never end, so it is refused.
    pub(super) fn advance(&mut self, operation: &str, token: Option<&str>) -> Result<bool> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(false) };
        if self.0.as_deref() == Some(token) {
            return Err(unexpected(operation, "the answer points to the page it came from"));
        }
        self.0 = Some(token.to_owned());
        Ok(true)
    }
}
