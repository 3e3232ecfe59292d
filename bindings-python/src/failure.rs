//! How a failure crosses over: everything that an error says, as JSON text of which `podrole.errors` makes an exception.

use podrole::{Error, ErrorKind, ErrorPayload, Receipt};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::interpreter::inside;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    #[serde(flatten)]
    payload: ErrorPayload,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    /// The errors underneath, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
}

/// The JSON text of a failure. It needs no interpreter.
pub(crate) fn failure(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let failure = Failure { payload: error.payload(), receipt: error.get_receipt(), causes };
    // A failure is made of text and numbers alone, which JSON can always hold.
    serde_json::to_string(&failure).unwrap_or_default()
}

/// `podrole.errors.from_failure(text)`: the classes are Python's own, so that types, pickling and docs are too.
pub(crate) fn raised(py: Python<'_>, failure: &str) -> PyErr {
    let Some(_inside) = inside() else {
        // A daemon thread that nobody waits for.
        return PyRuntimeError::new_err(format!("the interpreter ends: {failure}"));
    };
    let build =
        || -> PyResult<Bound<'_, PyAny>> { py.import("podrole.errors")?.getattr("from_failure")?.call1((failure,)) };
    build().map_or_else(|problem| problem, PyErr::from_value)
}

/// The exception of an error.
pub(crate) fn thrown(error: &Error) -> PyErr {
    let failure = failure(error);
    Python::attach(|py| raised(py, &failure))
}

/// The JSON text of a value of the core.
pub(crate) fn written<T: Serialize>(value: &T) -> podrole::Result<String> {
    serde_json::to_string(value)
        .map_err(|problem| Error::new(ErrorKind::Unexpected, format!("the value cannot be written as JSON: {problem}")))
}

/// A value of the core from JSON text.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> podrole::Result<T> {
    podrole::stored::read(what, text)
}

/// Does work of the core without holding the interpreter.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> podrole::Result<T> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| raised(py, &failure(&error)))
}
