//! Grants, plans, receipts and reports from text and to text.

use podrole::{Grant, Plan, Receipt, Report, Result};
use pyo3::prelude::*;

use crate::failure::{detached, read, written};

/// Reads an object that a program made, in short or long form, into the long form.
pub(crate) fn grant(value: &str) -> Result<Grant> {
    Grant::from_value(&read("JSON", value)?)
}

/// The long form of a grant that a program made.
#[pyfunction]
pub(crate) fn grant_from_value(py: Python<'_>, value: &str) -> PyResult<String> {
    detached(py, || written(&grant(value)?))
}

/// The grants of a YAML text.
#[pyfunction]
pub(crate) fn grants_from_yaml(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&Grant::all_from_yaml(text)?))
}

/// The grants of a JSON text.
#[pyfunction]
pub(crate) fn grants_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&Grant::all_from_json(text)?))
}

/// The one grant of a YAML text.
#[pyfunction]
pub(crate) fn grant_from_yaml(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&Grant::from_yaml(text)?))
}

/// The one grant of a JSON text.
#[pyfunction]
pub(crate) fn grant_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&Grant::from_json(text)?))
}

/// The grants of a file.
#[pyfunction]
pub(crate) fn grants_from_file(py: Python<'_>, path: &str) -> PyResult<String> {
    detached(py, || written(&Grant::from_file(path)?))
}

/// A grant as YAML.
#[pyfunction]
pub(crate) fn grant_to_yaml(py: Python<'_>, grant: &str) -> PyResult<String> {
    detached(py, || Ok(read::<Grant>("a grant", grant)?.to_yaml()))
}

/// Checks the JSON text of a plan, and writes it in full.
#[pyfunction]
pub(crate) fn plan_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&Plan::from_json(text)?))
}

/// A plan for people.
#[pyfunction]
#[pyo3(signature = (plan, width, color))]
pub(crate) fn plan_text(py: Python<'_>, plan: &str, width: Option<usize>, color: bool) -> PyResult<String> {
    detached(py, || {
        let plan: Plan = read("a plan", plan)?;
        let view = plan.view().color(color);
        Ok(match width {
            Some(width) => view.width(width).to_string(),
            None => view.to_string(),
        })
    })
}

/// Checks the JSON text of a receipt, and writes it in full.
#[pyfunction]
pub(crate) fn receipt_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&receipt(text)?))
}

pub(crate) fn receipt(text: &str) -> Result<Receipt> {
    read("a receipt that this release can read", text)
}

/// A receipt for people.
#[pyfunction]
pub(crate) fn receipt_text(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || Ok(receipt(text)?.to_string()))
}

/// Checks the JSON text of a report, and writes it in full.
#[pyfunction]
pub(crate) fn report_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&report(text)?))
}

fn report(text: &str) -> Result<Report> {
    read("a report that this release can read", text)
}

/// A report for people.
#[pyfunction]
pub(crate) fn report_text(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || Ok(report(text)?.to_string()))
}

/// Fails as `verify` would have it when a check of the report failed.
#[pyfunction]
pub(crate) fn report_into_result(py: Python<'_>, text: &str) -> PyResult<()> {
    detached(py, || report(text)?.into_result().map(drop))
}
