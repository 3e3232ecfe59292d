//! The native half of the Python package: converts, releases the interpreter, maps errors. It holds no rules.
//!
//! Private (`podrole._podrole`): users see the typed package in `python/podrole`.

use pyo3::pymodule;

mod error;

/// The native module.
#[pymodule(gil_used = false)]
mod _podrole {
    use pyo3::prelude::*;

    use crate::error::raise;

    /// The version of the core.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// The trust document as JSON text.
    #[pyfunction]
    fn trust_document(py: Python<'_>, provider_arn: &str, service_account: &str) -> PyResult<String> {
        py.detach(|| podrole::artifacts::trust_document(provider_arn, service_account))
            .map(|document| document.to_json())
            .map_err(|error| raise(py, &error))
    }
}
