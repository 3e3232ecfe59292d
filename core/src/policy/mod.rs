//! IAM policy documents: what they mean, which of them AWS accepts, and which trust statements are ours.
//!
//! Everything here is pure: values in, values out, no clock and no network.
//!
//! * [`Document`] parses, checks, measures and compares documents by meaning.
//! * [`trust_document`], [`merge_trust`] and [`remove_trust`] handle the statement that lets a service account in.
//! * [`data_sync_statement`], [`merge_data_sync`] and [`remove_data_sync`] handle the one that lets the workload's role
//!   and Amazon S3 assume another role.
//! * [`evaluate_web_identity`] and [`evaluate_assume_role`] answer offline what STS would answer.
//! * [`s3_policy`] writes a least-privilege policy for buckets and prefixes.

mod aws_managed;
mod check;
mod condition;
mod data_sync;
mod document;
mod evaluate;
mod findings;
mod json;
mod meaning;
mod s3;
mod statement;
mod subjects;
mod trust;
mod trust_request;

#[cfg(test)]
mod tests;

pub(crate) use aws_managed::find as aws_managed_path;
pub use aws_managed::{PolicyNameError, aws_managed_policy_arn, suggest};
pub use check::DocumentKind;
pub use data_sync::{
    DataSyncRequest, S3_SERVICE, data_sync_statement, is_unique_id, merge_data_sync, remove_data_sync,
};
pub(crate) use data_sync::{dead_principal, other_conditions, without_dead_syncs};
pub use document::{Document, DocumentError};
pub use evaluate::{Caller, Decision, Miss, WebIdentity, evaluate_assume_role, evaluate_web_identity};
pub use findings::{Finding, FindingKind, wider_grants};
pub use s3::{BucketRef, S3Access, s3_policy};
pub use statement::{Condition, Effect, Statement};
pub use subjects::{Subjects, subjects_allowed};
pub use trust::{Merge, Removal, TrustState, merge_trust, remove_trust, trust_document};
pub(crate) use trust::{holds, is_all_of, outdated, rewritten, subjects_of, tightens};
pub use trust_request::TrustRequest;

/// Characters, whitespace not counted, that a role's trust policy may have unless AWS raised the limit.
///
/// The live value is `AssumeRolePolicySizeQuota` of `iam:GetAccountSummary`; this one is the default in the IAM user
/// guide, "IAM and AWS STS quotas".
pub const TRUST_SIZE_DEFAULT: usize = 2_048;

/// Characters, whitespace not counted, to which AWS can raise the trust policy limit (IAM user guide, "IAM and AWS STS
/// quotas").
pub const TRUST_SIZE_MAX: usize = 4_096;

/// Characters, whitespace not counted, of one managed policy version (IAM user guide, "IAM and AWS STS quotas"; live:
/// `PolicySizeQuota`).
pub const MANAGED_POLICY_SIZE: usize = 6_144;

/// Characters, whitespace not counted, of all inline policies of one role together (IAM user guide, "IAM and AWS STS
/// quotas"; live: `RolePolicySizeQuota`).
pub const INLINE_TOTAL: usize = 10_240;

/// The action of pods that come with a projected token.
pub(crate) const WEB_IDENTITY_ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// The action of roles and services that come with AWS credentials.
pub(crate) const ASSUME_ROLE_ACTION: &str = "sts:AssumeRole";
