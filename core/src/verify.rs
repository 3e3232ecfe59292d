//! Answers whether a grant is in force, from what is configured: a pure function of grants and [`Observed`].
//!
//! It answers what the hand-written procedure reads `get-role` and `describe deployment` for. It does not prove that STS hands out
//! credentials.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::grant::{CheckedGrant, Grant, PolicyContent};
use crate::kustomize::{self, WorkloadTarget};
use crate::marks;
use crate::model::{Arn, PolicyName};
use crate::observe::{Observed, Place, Read, sibling};
use crate::plan::{identity_annotations, trust_requests};
use crate::policy::{
    DataSyncRequest, Decision, Miss, WebIdentity, evaluate_web_identity, merge_data_sync, subjects_allowed,
    wider_grants,
};
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

    fn iam(&mut self, place: &Place) -> Result<()> {
        let account = self.grant.iam_account();
        let provider_arn = Arn::oidc_provider(&place.partition, &place.account, &place.issuer);
        let resource = format!("OIDC provider {}", place.issuer.host_and_path());
        let provider = self.observed.provider(&account, &provider_arn);
        self.judge(
            CheckKind::Provider,
            &resource,
            provider.is_some(),
            ("IAM has it", "IAM does not have it"),
            "apply the grant",
        );
        if let Some(provider) = provider {
            let audience = self.grant.audience.as_str();
            let good = provider.client_ids.contains(audience);
            let yes = format!("accepts audience {audience}");
            let no = format!("does not accept audience {audience}");
            self.judge(CheckKind::Audience, &resource, good, (&yes, &no), "apply the grant");
        }
        self.pod_identity();
        let resource = format!("role {}", self.grant.role);
        let Some(role) = self.observed.role(&account, &self.grant.role) else {
            self.say(CheckKind::Role, &resource, Status::Failed, "does not exist", "apply the grant");
            return Ok(());
        };
        self.say(CheckKind::Role, &resource, Status::Passed, format!("exists as {}", role.arn), "");
        if let Some(boundary) = &self.grant.boundary {
            let good = role.permissions_boundary.as_ref() == Some(boundary);
            let yes = format!("is bounded by {boundary}");
            let now = role.permissions_boundary.as_ref().map_or("none", Arn::as_str);
            let no = format!("its permissions boundary is {now} instead of {boundary}");
            self.judge(CheckKind::Boundary, &resource, good, (&yes, &no), "apply the grant");
        }
        self.trust(place, &provider_arn);
        self.policies(place)?;
        let syncs: Vec<_> = self.grant.data_syncs.iter().cloned().zip(&self.grant.grant.data_syncs).collect();
        for (name, wanted) in syncs {
            let resource = format!("role {name}");
            let request = DataSyncRequest {
                role_arn: role.arn.to_string(),
                source_account: wanted.source_account.clone(),
                external_id: wanted.external_id.clone(),
                owner: self.owner.to_owned(),
            };
            let good = self
                .observed
                .role(&account, &name)
                .is_some_and(|target| !merge_data_sync(Some(&target.trust), &request).changed);
            let yes = format!("lets role {} assume it", self.grant.role);
            let no = format!("does not let role {} and S3 assume it as the grant says", self.grant.role);
            self.judge(CheckKind::DataSync, &resource, good, (&yes, &no), "apply the grant");
        }
        Ok(())
    }

    fn pod_identity(&mut self) {
        if !self.grant.grant.scope.has_kubernetes() {
            return;
        }
        let (cluster, namespace, name) =
            (&self.grant.grant.cluster, &self.grant.namespace, &self.grant.service_account);
        let resource = format!("service account {}", self.grant.grant.subject());
        match self.observed.associations(cluster, namespace, name) {
            Some(found) if found.is_empty() => {
                self.say(CheckKind::PodIdentity, &resource, Status::Passed, "has no Pod Identity association", "");
            }
            Some(found) => self.say(
                CheckKind::PodIdentity,
                &resource,
                Status::Failed,
                format!("has Pod Identity association {}, which wins over the annotation", found[0].id),
                "delete the association, or use another service account",
            ),
            None => self.say(
                CheckKind::PodIdentity,
                &resource,
                Status::Skipped,
                "its Pod Identity associations could not be read",
                "allow eks:ListPodIdentityAssociations",
            ),
        }
    }

    fn trust(&mut self, place: &Place, provider_arn: &Arn) {
        let account = self.grant.iam_account();
        let Some(role) = self.observed.role(&account, &self.grant.role) else { return };
        let resource = format!("role {}", self.grant.role);
        let issuer = place.issuer.host_and_path();
        let requests = trust_requests(self.grant, place, self.owner);
        for request in requests.iter().filter(|request| !request.wildcard) {
            let decision = evaluate_web_identity(
                &role.trust,
                &WebIdentity {
                    provider_arn: provider_arn.to_string(),
                    issuer: issuer.to_owned(),
                    subject: request.subject(),
                    audiences: vec![request.audience.clone()],
                    context: request
                        .extra_conditions
                        .values()
                        .flatten()
                        .map(|(key, values)| (key.clone(), values.clone()))
                        .collect(),
                },
            );
            match decision {
                Decision::Allowed { .. } => self.say(
                    CheckKind::Trust,
                    &resource,
                    Status::Passed,
                    format!("lets {} in with audience {}", request.subject(), request.audience),
                    "",
                ),
                Decision::Denied { miss, reason } => self.say(
                    CheckKind::Trust,
                    &resource,
                    Status::Failed,
                    format!("does not let {} in: {reason}", request.subject()),
                    // What others wrote is not podrole's to change.
                    if miss == Miss::ExplicitDeny { "remove or narrow that Deny statement" } else { "apply the grant" },
                ),
            }
        }
        let allowed = subjects_allowed(&role.trust, provider_arn.as_str(), issuer, self.grant.audience.as_str());
        let wanted: Vec<String> = requests.iter().map(crate::policy::TrustRequest::subject).collect();
        let others: Vec<&str> = allowed
            .exact
            .iter()
            .chain(&allowed.patterns)
            .map(String::as_str)
            .filter(|subject| !wanted.iter().any(|known| known == subject))
            .collect();
        if !others.is_empty() {
            self.say(
                CheckKind::Trust,
                &resource,
                Status::Warned,
                format!("also lets in {}", others.join(", ")),
                "fine if other grants share the role; otherwise remove their statements",
            );
        }
        for finding in wider_grants(&role.trust, issuer) {
            let message = format!("trust policy: {finding}");
            self.say(CheckKind::Trust, &resource, Status::Warned, message, "pin both :sub and :aud in that statement");
        }
    }

    fn policies(&mut self, place: &Place) -> Result<()> {
        let account = self.grant.iam_account();
        let role = format!("role {}", self.grant.role);
        let attached = self.observed.attached(&account, &self.grant.role).cloned().unwrap_or_default();
        let policies = self.grant.policies.clone();
        for policy in &policies {
            let name = policy.name.as_ref().map(PolicyName::as_str);
            if let Some(arn) = place.policy_arn(&policy.content, name)? {
                let yes = format!("policy {arn} is attached");
                let no = format!("policy {arn} is not attached");
                self.judge(CheckKind::Attachment, &role, attached.contains(&arn), (&yes, &no), "apply the grant");
                if let PolicyContent::Managed(source, _) = &policy.content {
                    let wanted = source.document(&place.partition)?;
                    let good = self
                        .observed
                        .policy(&account, &arn)
                        .and_then(|found| self.observed.policy_document(&account, &arn, &found.default_version))
                        .is_some_and(|found| found.same_meaning(&wanted));
                    let messages = ("its document is as the grant says", "its document differs from the grant's");
                    self.judge(
                        CheckKind::Document,
                        &format!("policy {}", arn.name()),
                        good,
                        messages,
                        "apply the grant",
                    );
                }
            } else if let (PolicyContent::Inline(source), Some(name)) = (&policy.content, &policy.name) {
                let wanted = source.document(&place.partition)?;
                let good = self
                    .observed
                    .inline_policy(&account, &self.grant.role, name)
                    .is_some_and(|found| found.same_meaning(&wanted));
                let yes = format!("inline policy {name} is as the grant says");
                let no = format!("inline policy {name} is absent or differs from the grant's");
                self.judge(CheckKind::Document, &role, good, (&yes, &no), "apply the grant");
            }
        }
        Ok(())
    }

    fn kubernetes(&mut self) {
        let grant = self.grant;
        let cluster = &grant.grant.cluster;
        let resource = format!("service account {}", grant.grant.subject());
        let account = grant.iam_account();
        let role_arn =
            grant.role_arn.clone().or_else(|| self.observed.role(&account, &grant.role).map(|role| role.arn.clone()));
        match (self.observed.service_account(cluster, &grant.namespace, &grant.service_account), role_arn) {
            (None, _) => {
                self.say(CheckKind::Annotation, &resource, Status::Failed, "does not exist", "apply the grant");
            }
            (Some(found), Some(arn)) => {
                let wrong: Vec<String> = identity_annotations(grant, &arn)
                    .into_iter()
                    .filter(|(key, value)| found.annotations.get(key) != Some(value))
                    .map(|(key, value)| {
                        let now = found.annotations.get(&key).map_or("absent", String::as_str);
                        format!("annotation {key} is {now} instead of {value}")
                    })
                    .collect();
                let no = wrong.join("; ");
                let yes = format!("is annotated with {arn}");
                self.judge(CheckKind::Annotation, &resource, wrong.is_empty(), (&yes, &no), "apply the grant");
            }
            (Some(_), None) => {
                let message = "there is no role to compare its annotation with";
                self.say(CheckKind::Annotation, &resource, Status::Failed, message, "apply the grant");
            }
        }
        for wanted in &grant.workloads {
            self.workload(wanted);
        }
        for wanted in &grant.grant.kustomizations {
            let resource = format!("file {}", wanted.path);
            let target = WorkloadTarget {
                kind: wanted.kind.kubernetes_kind().to_owned(),
                name: wanted.name.clone(),
                namespace: None,
            };
            let named = self.observed.file(&wanted.path).and_then(|text| {
                let files = kustomize::referenced_files(text)
                    .ok()?
                    .into_iter()
                    .filter_map(|name| {
                        let text = self.observed.file(&sibling(&wanted.path, &name))?;
                        Some((name, text.clone()))
                    })
                    .collect();
                kustomize::service_account_of(text, &files, &target).ok()?
            });
            let good = named.as_deref() == Some(grant.service_account.as_str());
            let yes = format!("runs {} as {}", wanted.name, grant.service_account);
            let no = format!("does not run {} as {}", wanted.name, grant.service_account);
            self.judge(CheckKind::Kustomization, &resource, good, (&yes, &no), "apply the grant");
        }
    }

    fn workload(&mut self, wanted: &crate::grant::CheckedWorkload) {
        let grant = self.grant;
        let cluster = &grant.grant.cluster;
        let resource = wanted.workload.to_string();
        let Some(found) = self.observed.workload(cluster, &wanted.workload) else {
            self.say(CheckKind::Workload, &resource, Status::Failed, "does not exist", "deploy it");
            return;
        };
        let now = found.service_account.as_deref().unwrap_or("default");
        let good = now == grant.service_account.as_str();
        let yes = format!("runs as service account {now}");
        let no = format!("runs as service account {now} instead of {}", grant.service_account);
        self.judge(CheckKind::Workload, &resource, good, (&yes, &no), "apply the grant");
        if !good {
            return;
        }
        let rollout = &found.rollout;
        if found.paused {
            self.say(CheckKind::Rollout, &resource, Status::Warned, "its rollouts are paused", "resume it");
        } else if let Some(failure) = &rollout.failure {
            self.say(
                CheckKind::Rollout,
                &resource,
                Status::Failed,
                format!("its rollout is stuck: {failure}"),
                "see its events",
            );
        } else if rollout.is_complete() && rollout.desired == 0 {
            let message = "no pod runs, so nothing is proved";
            self.say(CheckKind::Rollout, &resource, Status::Warned, message, "scale it up");
        } else if rollout.is_complete() {
            let message = format!("{} of {} pods run with it", rollout.available, rollout.desired);
            self.say(CheckKind::Rollout, &resource, Status::Passed, message, "");
        } else {
            let message = format!(
                "its rollout is not complete: {} of {} pods updated, {} available, {} in all",
                rollout.updated, rollout.desired, rollout.available, rollout.total
            );
            self.say(CheckKind::Rollout, &resource, Status::Failed, message, "wait for it, or see its events");
        }
        let read = Read::Pods {
            cluster: cluster.clone(),
            namespace: grant.namespace.clone(),
            service_account: grant.service_account.clone(),
        };
        let account = self.observed.service_account(cluster, &grant.namespace, &grant.service_account);
        let since = account.and_then(|found| crate::plan::annotated_at(&found.owners));
        let role_arn =
            account.and_then(|found| found.annotations.get(crate::plan::ROLE_ARN)).map_or("", String::as_str);
        match (self.observed.pods(cluster, &grant.namespace, &grant.service_account), since) {
            (Some(pods), Some(since)) => {
                let old = pods
                    .iter()
                    .filter(|pod| !pod.ending && crate::plan::is_older(pod, since, role_arn))
                    .filter(|pod| found.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value)))
                    .count();
                if old > 0 && !found.template_annotations.contains_key(marks::IDENTITY) {
                    let message = format!("{old} of its pods are older than the annotation and do not have the role");
                    self.say(CheckKind::Rollout, &resource, Status::Failed, message, "restart it, or apply the grant");
                }
            }
            (None, _) => {
                if let Some(reason) = self.observed.unknown(&read) {
                    let message = format!("its pods could not be listed: {reason}");
                    self.say(CheckKind::Rollout, &resource, Status::Skipped, message, "allow listing pods");
                }
            }
            (Some(_), None) => {}
        }
    }
}
