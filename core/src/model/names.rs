//! Names that AWS and Kubernetes accept: each is parsed once and then carried as its own type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value that breaks a naming rule: which thing, which rule, what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?}: {rule}")]
pub struct NameError {
    /// The thing that was named, in words ("role name").
    pub what: &'static str,
    /// The value as given, cut at 120 characters.
    pub value: String,
    /// The rule that it breaks, in words.
    pub rule: String,
}

impl NameError {
    pub(crate) fn new(what: &'static str, value: &str, rule: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(120).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self { what, value: shown, rule: rule.into() }
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the value against the naming rule.
            ///
            /// # Errors
            /// [`NameError`] with the rule that the value breaks.
            pub fn new(value: impl Into<String>) -> Result<Self, NameError> {
                let value = value.into();
                let check: fn(&str) -> Result<(), String> = $check;
                match check(&value) {
                    Ok(()) => Ok(Self(value)),
                    Err(rule) => Err(NameError::new($what, &value, rule)),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(value: &str) -> Result<Self, NameError> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(value: String) -> Result<Self, NameError> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
    };
}

fn ensure(ok: bool, rule: &str) -> Result<(), String> {
    if ok { Ok(()) } else { Err(rule.to_owned()) }
}

fn is_iam_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn dns_label(value: &str) -> Result<(), String> {
    let ok = (1..=63).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-');
    ensure(
        ok,
        "must be 1 to 63 lower-case letters, digits and '-', starting and ending with a letter or digit (Kubernetes DNS label)",
    )
}

fn dns_subdomain(value: &str) -> Result<(), String> {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !p.starts_with('-')
            && !p.ends_with('-')
    };
    ensure(
        (1..=253).contains(&value.len()) && value.split('.').all(part),
        "must be 1 to 253 lower-case letters, digits, '-' and '.', each part starting and ending with a letter or digit (Kubernetes DNS subdomain)",
    )
}

name_type!(
    /// Name of an EKS cluster: 1–100 characters, underscores included (EKS `CreateCluster`).
    ClusterName, "cluster name", |v| ensure(
        (1..=100).contains(&v.len())
            && v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && v.as_bytes()[0].is_ascii_alphanumeric(),
        "must be 1 to 100 letters, digits, '-' and '_', starting with a letter or digit",
    )
);
name_type!(
    /// A Kubernetes namespace: a DNS label of 1–63 characters.
    Namespace, "namespace", dns_label
);
name_type!(
    /// Name of a Kubernetes service account: a DNS subdomain of 1–253 characters.
    ServiceAccountName, "service account name", dns_subdomain
);
name_type!(
    /// Name of a Deployment, StatefulSet or DaemonSet: a DNS subdomain of 1–253 characters.
    WorkloadName, "workload name", dns_subdomain
);
name_type!(
    /// Name of an IAM role: 1–64 characters, unique in the account without regard to case or path (IAM `CreateRole`).
    RoleName, "role name", |v| ensure(
        (1..=64).contains(&v.len()) && v.chars().all(is_iam_name_char),
        "must be 1 to 64 letters, digits and any of _+=,.@- (a path goes into `path`)",
    )
);
name_type!(
    /// Name of an IAM policy: 1–128 characters (IAM `CreatePolicy`, `PutRolePolicy`).
    PolicyName, "policy name", |v| ensure(
        (1..=128).contains(&v.len()) && v.chars().all(is_iam_name_char),
        "must be 1 to 128 letters, digits and any of _+=,.@-",
    )
);
name_type!(
    /// An IAM path: `/` or `/…/`, at most 512 characters U+0021–U+007E (IAM `CreateRole`).
    IamPath, "IAM path", |v| ensure(
        v == "/" || (v.len() <= 512 && v.len() > 2 && v.starts_with('/') && v.ends_with('/') && v.bytes().all(|b| (0x21..=0x7e).contains(&b))),
        "must be '/' or begin and end with '/', at most 512 printable ASCII characters without blanks",
    )
);
name_type!(
    /// An AWS account: 12 digits.
    AccountId, "account id", |v| ensure(
        v.len() == 12 && v.bytes().all(|b| b.is_ascii_digit()),
        "must be 12 digits",
    )
);
name_type!(
    /// An AWS region such as `ca-central-1`. The list is AWS's; only the shape is checked here.
    Region, "region", |v| ensure(
        v.len() <= 32
            && v.split('-').count() >= 3
            && v.split('-').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && v.ends_with(|c: char| c.is_ascii_digit()),
        "must look like `ca-central-1`",
    )
);
name_type!(
    /// The audience of a service-account token, an OIDC client id: 1–255 visible ASCII characters
    /// (IAM `CreateOpenIDConnectProvider`).
    Audience, "audience", |v| ensure(
        (1..=255).contains(&v.len()) && v.bytes().all(|b| (0x21..=0x7e).contains(&b)),
        "must be 1 to 255 visible ASCII characters without blanks",
    )
);
name_type!(
    /// An OIDC issuer: an `https` URL of at most 255 characters without port, query, fragment or user
    /// (IAM `CreateOpenIDConnectProvider`). It is never rewritten: a token's `iss` is compared with it as text.
    Issuer, "issuer", |v| {
        let rest = v.strip_prefix("https://").ok_or("must begin with https://")?;
        let host = rest.split('/').next().unwrap_or_default();
        ensure(
            v.len() <= 255
                && !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
                && rest.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"?#@\"\\".contains(&b))
                && !rest.ends_with('/'),
            "must be an https URL of at most 255 characters without port, query or trailing slash",
        )
    }
);

impl Issuer {
    /// Host and path without the scheme: what the provider's ARN and the trust policy's condition keys carry.
    pub fn host_and_path(&self) -> &str {
        self.as_str().trim_start_matches("https://")
    }
}
