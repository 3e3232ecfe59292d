//! Decides which Python exception an error of the core becomes.

use podrole::Error;
use pyo3::prelude::*;

/// `podrole.errors.from_payload(payload)`: the classes are Python's own, so that types, pickling and docs are too.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let build = || -> PyResult<Bound<'_, PyAny>> {
        let payload = serde_json::to_string(&error.payload()).unwrap_or_else(|_| "{}".to_owned());
        py.import("podrole.errors")?.getattr("from_payload")?.call1((payload,))
    };
    build().map_or_else(|failure| failure, PyErr::from_value)
}
