//! What checks say when something is not as it should be.

use std::fmt::Debug;

use super::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Document;

/// A call that must work.
pub(super) trait Must<T> {
    /// The value, or what went wrong and while doing what.
    fn must(self, what: &str) -> std::result::Result<T, String>;
}

impl<T> Must<T> for Result<T> {
    fn must(self, what: &str) -> std::result::Result<T, String> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// A thing that must be there.
pub(super) trait There<T> {
    /// The thing, or that it is absent, or what went wrong.
    fn there(self, what: &str) -> std::result::Result<T, String>;
}

impl<T> There<T> for Result<Option<T>> {
    fn there(self, what: &str) -> std::result::Result<T, String> {
        self.must(what)?.ok_or_else(|| format!("{what}: absent"))
    }
}

impl<T> There<T> for Option<T> {
    fn there(self, what: &str) -> std::result::Result<T, String> {
        self.ok_or_else(|| format!("{what}: absent"))
    }
}

/// That two values are equal.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Found {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?} instead of {wanted:?}")) }
}

/// That something holds.
pub(super) fn ensure(good: bool, found: impl Into<String>) -> Found {
    if good { Ok(()) } else { Err(found.into()) }
}

/// That nothing is there, and that this is not an error.
pub(super) fn absent<T: Debug>(what: &str, answer: Result<Option<T>>) -> Found {
    match answer {
        Ok(None) => Ok(()),
        Ok(Some(found)) => Err(format!("{what} is there: {found:?}")),
        Err(error) => Err(format!("{what}: absence is reported as an error: {error}")),
    }
}

/// That a call was refused as this kind, with this code of the service.
pub(super) fn refused<T>(
    what: &str,
    answer: Result<T>,
    kind: ErrorKind,
    code: &str,
) -> std::result::Result<Error, String> {
    let Err(error) = answer else { return Err(format!("{what} succeeds instead of being refused as {kind} ({code})")) };
    if error.kind() == kind && error.get_code() == Some(code) {
        return Ok(error);
    }
    Err(format!("{what} is refused as {} ({:?}) instead of {kind} ({code}): {error}", error.kind(), error.get_code()))
}

/// The same, where only the kind is promised.
pub(super) fn refused_as<T>(what: &str, answer: Result<T>, kind: ErrorKind) -> std::result::Result<Error, String> {
    match answer {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(format!("{what} is refused as {} instead of {kind}: {error}", error.kind())),
        Ok(_) => Err(format!("{what} succeeds instead of being refused as {kind}")),
    }
}

/// That two documents mean the same.
pub(super) fn means(what: &str, found: &Document, wanted: &Document) -> Found {
    if found.same_meaning(wanted) {
        Ok(())
    } else {
        Err(format!("{what} is {} instead of {}", found.to_json(), wanted.to_json()))
    }
}

/// A document written in a check.
pub(super) fn document(value: serde_json::Value) -> std::result::Result<Document, String> {
    Document::from_value(value).map_err(|error| error.to_string())
}
