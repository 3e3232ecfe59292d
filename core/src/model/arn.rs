//! Amazon Resource Names, as far as podrole reads them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccountId, Issuer, NameError, RoleName};

/// An ARN, `arn:partition:service:region:account:resource`, checked for shape and kept as its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

impl Arn {
    /// Checks the shape of an ARN.
    ///
    /// # Errors
    /// [`NameError`] when it does not have six parts, the partition is not one of AWS's, or the account is not 12 digits, `aws` or empty.
    pub fn new(value: impl Into<String>) -> Result<Self, NameError> {
        let value = value.into();
        let parts: Vec<&str> = value.splitn(6, ':').collect();
        let fail = |rule: &str| Err(NameError::new("ARN", &value, rule));
        if parts.len() != 6 || parts[0] != "arn" || parts[5].is_empty() {
            return fail("must look like arn:aws:iam::123456789012:role/name");
        }
        if !PARTITIONS.contains(&parts[1]) {
            return fail(&format!("partition {:?} is none of {}", parts[1], PARTITIONS.join(", ")));
        }
        if !(parts[4].is_empty() || parts[4] == "aws" || AccountId::new(parts[4]).is_ok()) {
            return fail("the account must be 12 digits");
        }
        if value.len() > 2048 || value.bytes().any(|b| !(0x21..=0x7e).contains(&b)) {
            return fail("must be at most 2048 visible ASCII characters");
        }
        Ok(Self(value))
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The ARN of a role.
    pub fn role(partition: &str, account: &AccountId, path: &str, name: &RoleName) -> Self {
        Self(format!("arn:{partition}:iam::{account}:role{path}{name}"))
    }

    /// The ARN of a customer-managed policy.
    pub fn policy(partition: &str, account: &AccountId, path: &str, name: &str) -> Self {
        Self(format!("arn:{partition}:iam::{account}:policy{path}{name}"))
    }

    /// The ARN of the IAM OIDC provider for an issuer.
    pub fn oidc_provider(partition: &str, account: &AccountId, issuer: &Issuer) -> Self {
        Self(format!("arn:{partition}:iam::{account}:oidc-provider/{}", issuer.host_and_path()))
    }

    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// `iam`, `eks`, …
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region, empty for IAM.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account; `None` for AWS-managed policies and services without one.
    pub fn account(&self) -> Option<AccountId> {
        AccountId::new(self.part(4)).ok()
    }

    /// What follows the account: `role/path/name`.
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The last part of the resource: a role's or policy's name without its path.
    pub fn name(&self) -> &str {
        self.resource().rsplit('/').next().unwrap_or_default()
    }

    /// Whether this is the ARN of a policy that AWS manages.
    pub fn is_aws_managed_policy(&self) -> bool {
        self.service() == "iam" && self.part(4) == "aws" && self.resource().starts_with("policy/")
    }
}

/// The partitions that AWS has (the SDK's `partitions.json`).
pub const PARTITIONS: &[&str] =
    &["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Arn {
    type Err = NameError;
    fn from_str(value: &str) -> Result<Self, NameError> {
        Self::new(value)
    }
}

impl TryFrom<String> for Arn {
    type Error = NameError;
    fn try_from(value: String) -> Result<Self, NameError> {
        Self::new(value)
    }
}

impl From<Arn> for String {
    fn from(value: Arn) -> String {
        value.0
    }
}
