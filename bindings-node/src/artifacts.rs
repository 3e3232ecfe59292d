//! The pure functions.
#![allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]

use napi::Result;
use napi_derive::napi;
use podrole::artifacts;
use podrole::policy::S3Access;

use crate::failure::{read, thrown};

/// A trust policy as JSON text.
#[napi]
pub(crate) fn trust_document(provider_arn: String, service_account: String) -> Result<String> {
    artifacts::trust_document(&provider_arn, &service_account).map(|document| document.to_json()).map_err(thrown)
}

/// A service account's manifest as YAML.
#[napi]
pub(crate) fn service_account_yaml(service_account: String, role_arn: String) -> Result<String> {
    artifacts::service_account_yaml(&service_account, &role_arn).map_err(thrown)
}

/// The trust policy of a data-sync role as JSON text.
#[napi]
pub(crate) fn data_sync_statement(
    role_arn: String,
    source_account: Option<String>,
    external_id: Option<String>,
) -> Result<String> {
    artifacts::data_sync_statement(&role_arn, source_account.as_deref(), external_id.as_deref())
        .map(|document| document.to_json())
        .map_err(thrown)
}

/// A policy for S3 buckets as JSON text; `access` is JSON text too.
#[napi]
pub(crate) fn s3_policy(partition: String, buckets: Vec<String>, access: String) -> Result<String> {
    let access: S3Access = read("a kind of access", &access)?;
    let buckets: Vec<&str> = buckets.iter().map(String::as_str).collect();
    artifacts::s3_policy(&partition, &buckets, access).map(|document| document.to_json()).map_err(thrown)
}

/// A JSON6902 patch as YAML.
#[napi]
pub(crate) fn kustomize_patch(service_account: String) -> Result<String> {
    artifacts::kustomize_patch(&service_account).map_err(thrown)
}
