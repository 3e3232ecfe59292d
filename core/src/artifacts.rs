//! The artefacts of the hand-written procedure, from values alone: no client, no call.

use serde_json::json;

use crate::error::{Error, Result};
use crate::model::{Arn, Issuer, Namespace, ServiceAccountName};
use crate::policy::{BucketRef, DataSyncRequest, Document, S3Access, TrustRequest};

const OWNER: &str = "podrole";

/// The trust policy that lets one service account of a cluster assume a role, with both `:sub` and `:aud` pinned.
///
/// `provider_arn` is the ARN of the IAM OIDC provider: the issuer is read from it. `service_account` is `namespace/name`. The audience is
/// `sts.amazonaws.com`.
///
/// ```
/// let trust = podrole::artifacts::trust_document(
///     "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B",
///     "devops-aurora-1/connections-serviceaccount-s3",
/// )?;
/// assert!(trust.to_pretty().contains("system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3"));
/// # Ok::<(), podrole::Error>(())
/// ```
///
/// # Errors
/// `invalid_input` when an argument breaks a naming rule.
pub fn trust_document(provider_arn: &str, service_account: &str) -> Result<Document> {
    let arn = Arn::new(provider_arn)?;
    let Some(host) = arn.resource().strip_prefix("oidc-provider/").filter(|_| arn.service() == "iam") else {
        return Err(Error::invalid(format!("{arn} is not the ARN of an IAM OIDC provider")));
    };
    let issuer = Issuer::new(format!("https://{host}"))?;
    let (namespace, name) = subject(service_account)?;
    Ok(crate::policy::trust_document(&TrustRequest {
        provider_arn: arn.to_string(),
        issuer: issuer.host_and_path().to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        namespace: namespace.to_string(),
        service_account: name.to_string(),
        wildcard: false,
        extra_conditions: std::collections::BTreeMap::new(),
        owner: OWNER.to_owned(),
    }))
}

/// The manifest of a service account that is annotated with a role, as YAML. `service_account` is `namespace/name`.
///
/// # Errors
/// `invalid_input` when an argument breaks a naming rule.
pub fn service_account_yaml(service_account: &str, role_arn: &str) -> Result<String> {
    let (namespace, name) = subject(service_account)?;
    let arn = Arn::new(role_arn)?;
    if arn.service() != "iam" || !arn.resource().starts_with("role/") {
        return Err(Error::invalid(format!("{arn} is not the ARN of an IAM role")));
    }
    // A name of digits alone would be read as a number: the names are quoted as JSON strings, which YAML reads as they are.
    Ok(format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {}\n  namespace: {}\n  annotations:\n    eks.amazonaws.com/role-arn: {arn}\n",
        scalar(name.as_str()),
        scalar(namespace.as_str()),
    ))
}

/// Quotes what YAML would not read as the same text.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if plain { text.to_owned() } else { json!(text).to_string() }
}

/// The trust policy that another role needs for data syncs: the role's ARN and S3 may assume it.
///
/// With `source_account` S3 must act for that account, with `external_id` the role must present it; each is a statement of its own then.
///
/// # Errors
/// `invalid_input` when `role_arn` is not the ARN of a role.
pub fn data_sync_statement(
    role_arn: &str,
    source_account: Option<&str>,
    external_id: Option<&str>,
) -> Result<Document> {
    let arn = Arn::new(role_arn)?;
    if arn.service() != "iam" || !arn.resource().starts_with("role/") {
        return Err(Error::invalid(format!("{arn} is not the ARN of an IAM role")));
    }
    Ok(crate::policy::data_sync_statement(&DataSyncRequest {
        role_arn: arn.to_string(),
        source_account: source_account.map(str::to_owned),
        external_id: external_id.map(str::to_owned),
        owner: OWNER.to_owned(),
    }))
}

/// A least-privilege policy for whole S3 buckets; `partition` is `aws`, `aws-cn`, ….
///
/// # Errors
/// `invalid_input` when a bucket's name is not legal or there is none.
pub fn s3_policy(partition: &str, buckets: &[&str], access: S3Access) -> Result<Document> {
    let buckets: Vec<BucketRef> = buckets.iter().map(|bucket| BucketRef::whole(*bucket)).collect();
    Ok(crate::policy::s3_policy(partition, &buckets, access)?)
}

/// The JSON6902 patch that runs a workload as a service account, as YAML.
///
/// # Errors
/// `invalid_input` when the name is not legal.
pub fn kustomize_patch(service_account: &str) -> Result<String> {
    Ok(crate::kustomize::service_account_patch(ServiceAccountName::new(service_account)?.as_str()))
}

fn subject(text: &str) -> Result<(Namespace, ServiceAccountName)> {
    let (namespace, name) = text
        .split_once('/')
        .ok_or_else(|| Error::invalid(format!("service account {text:?} must be written as `namespace/name`")))?;
    Ok((Namespace::new(namespace)?, ServiceAccountName::new(name)?))
}
