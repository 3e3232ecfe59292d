//! The pure functions.

use podrole::artifacts;
use podrole::policy::S3Access;
use pyo3::prelude::*;

use crate::failure::{detached, read};

/// A trust policy as JSON text.
#[pyfunction]
pub(crate) fn trust_document(py: Python<'_>, provider_arn: &str, service_account: &str) -> PyResult<String> {
    detached(py, || artifacts::trust_document(provider_arn, service_account).map(|document| document.to_json()))
}

/// A service account's manifest as YAML.
#[pyfunction]
pub(crate) fn service_account_yaml(py: Python<'_>, service_account: &str, role_arn: &str) -> PyResult<String> {
    detached(py, || artifacts::service_account_yaml(service_account, role_arn))
}

/// The trust policy of a data-sync role as JSON text.
#[pyfunction]
#[pyo3(signature = (role_arn, source_account, external_id))]
pub(crate) fn data_sync_statement(
    py: Python<'_>,
    role_arn: &str,
    source_account: Option<&str>,
    external_id: Option<&str>,
) -> PyResult<String> {
    detached(py, || {
        artifacts::data_sync_statement(role_arn, source_account, external_id).map(|document| document.to_json())
    })
}

/// A policy for S3 buckets as JSON text; `access` is JSON text too.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "a list of Python is copied")]
pub(crate) fn s3_policy(py: Python<'_>, partition: &str, buckets: Vec<String>, access: &str) -> PyResult<String> {
    detached(py, || {
        let access: S3Access = read("a kind of access", access)?;
        let buckets: Vec<&str> = buckets.iter().map(String::as_str).collect();
        artifacts::s3_policy(partition, &buckets, access).map(|document| document.to_json())
    })
}

/// A JSON6902 patch as YAML.
#[pyfunction]
pub(crate) fn kustomize_patch(py: Python<'_>, service_account: &str) -> PyResult<String> {
    detached(py, || artifacts::kustomize_patch(service_account))
}
