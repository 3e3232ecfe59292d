//! Answers whether a grant is in force, from what is configured: a pure function of grants and [`Observed`].
//!
//! It answers what the hand-written procedure reads `get-role` and `describe deployment` for, and whether the pods were given the role. It
//! does not ask STS for credentials.

mod iam;
mod kubernetes;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::grant::{CheckedGrant, Grant};
use crate::observe::Observed;
use crate::schema::SchemaVersion;

/// What a check looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckKind {
    /// IAM has the OIDC provider of the cluster's issuer.
    Provider,
    /// The provider accepts the audience.
    Audience,
    /// The role exists.
    Role,
    /// The role's trust policy lets the service account in, and nobody else of the cluster.
    Trust,
    /// No Pod Identity association overrides the annotation.
    PodIdentity,
    /// The role has the permissions boundary that the grant names.
    Boundary,
    /// A managed policy is attached.
    Attachment,
    /// A document is as the grant says.
    Document,
    /// The service account is annotated.
    Annotation,
    /// A workload runs as the service account.
    Workload,
    /// The workload's rollout is complete, and its pods are newer than the annotation.
    Rollout,
    /// The workload's pods were given the role, and nothing in them comes before it.
    Credentials,
    /// A kustomization names the service account.
    Kustomization,
    /// Another role lets the role assume it.
    DataSync,
}

impl CheckKind {
    /// Every kind, for the catalogue that the bindings are checked against.
    pub const ALL: &'static [Self] = &[
        Self::Provider,
        Self::Audience,
        Self::Role,
        Self::Trust,
        Self::PodIdentity,
        Self::Boundary,
        Self::Attachment,
        Self::Document,
        Self::Annotation,
        Self::Workload,
        Self::Rollout,
        Self::Credentials,
        Self::Kustomization,
        Self::DataSync,
    ];
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is as it should be.
    Passed,
    /// It works, but somebody should look at it.
    Warned,
    /// It could not be looked at.
    Skipped,
    /// Pods will not get, or not keep to, what the grant says.
    Failed,
}

/// One finding of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// What was looked at.
    pub kind: CheckKind,
    /// The thing, in words.
    pub resource: String,
    /// How it came out.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// Version of this format.
    pub schema_version: SchemaVersion,
    /// The grants that were verified.
    pub grants: Vec<Grant>,
    /// The checks, in the order in which a credential comes about.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed. Warned and skipped checks do not count as failures.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.status != Status::Failed)
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.status == Status::Failed)
    }

    /// The report itself, or an error when a check failed.
    ///
    /// # Errors
    /// [`ErrorKind::VerificationFailed`] with the message and remedy of the first failed check, and the count of the others.
    pub fn into_result(self) -> Result<Self> {
        let failed: Vec<&Check> = self.failures().collect();
        let Some(first) = failed.first() else { return Ok(self) };
        let more = match failed.len() - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        let mut error = Error::new(ErrorKind::VerificationFailed, format!("{}{more}", first.message))
            .resource(first.resource.clone());
        if let Some(remedy) = &first.remedy {
            error = error.remedy(remedy.clone());
        }
        Err(error)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = match check.status {
                Status::Passed => "✓",
                Status::Warned => "!",
                Status::Skipped => "·",
                Status::Failed => "✗",
            };
            writeln!(f, "{mark} {}: {}", check.resource, check.message)?;
            if let (Some(remedy), true) = (&check.remedy, check.status != Status::Passed) {
                writeln!(f, "    remedy: {remedy}")?;
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        write!(
            f,
            "{} passed, {} warned, {} skipped, {} failed",
            count(Status::Passed),
            count(Status::Warned),
            count(Status::Skipped),
            count(Status::Failed)
        )
    }
}

/// Judges what was observed.
///
/// # Errors
/// What [`observe`](crate::observe::observe) refuses too: a cluster that is not usable. Everything else is a check.
pub fn verify(grants: &[CheckedGrant], observed: &Observed, owner: &str) -> Result<Report> {
    let mut report = Report {
        schema_version: SchemaVersion,
        grants: grants.iter().map(|grant| grant.grant.clone()).collect(),
        checks: Vec::new(),
    };
    for grant in grants {
        let place = observed.cluster(&grant.grant.cluster).map(|cluster| grant.place(cluster)).transpose()?;
        let mut checks = Checks { grant, observed, owner, out: &mut report.checks };
        if let Some(place) = place.filter(|_| grant.grant.scope.has_iam()) {
            checks.iam(&place)?;
        }
        if grant.grant.scope.has_kubernetes() {
            checks.kubernetes();
        }
    }
    Ok(report)
}

struct Checks<'v> {
    grant: &'v CheckedGrant,
    observed: &'v Observed,
    owner: &'v str,
    out: &'v mut Vec<Check>,
}

impl Checks<'_> {
    fn say(&mut self, kind: CheckKind, resource: &str, status: Status, message: impl Into<String>, remedy: &str) {
        self.out.push(Check {
            kind,
            resource: resource.to_owned(),
            status,
            message: message.into(),
            remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
        });
    }

    fn judge(&mut self, kind: CheckKind, resource: &str, good: bool, messages: (&str, &str), remedy: &str) {
        if good {
            self.say(kind, resource, Status::Passed, messages.0, "");
        } else {
            self.say(kind, resource, Status::Failed, messages.1, remedy);
        }
    }
}
