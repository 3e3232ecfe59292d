//! The AWS half: provider, role, trust, policies, data syncs.

use std::collections::BTreeMap;

use super::{CheckKind, Checks, Status};
use crate::error::Result;
use crate::grant::PolicyContent;
use crate::model::{Arn, PolicyName};
use crate::observe::Place;
use crate::plan::trust_requests;
use crate::policy::{
    Caller, DataSyncRequest, Decision, Document, FindingKind, Miss, S3_SERVICE, evaluate_assume_role,
    evaluate_web_identity, merge_data_sync, merge_trust, subjects_allowed, wider_grants,
};

impl Checks<'_> {
    pub(super) fn iam(&mut self, place: &Place) -> Result<()> {
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
            if let Some(reason) = self.observed.role(&account, &name).and_then(|target| denied(&target.trust, &request))
            {
                let message = format!("does not let role {} and S3 assume it: {reason}", self.grant.role);
                let remedy = "remove or narrow that Deny statement";
                self.say(CheckKind::DataSync, &resource, Status::Failed, message, remedy);
                continue;
            }
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
        let allowed = subjects_allowed(&role.trust, provider_arn.as_str(), issuer, self.grant.audience.as_str());
        for request in &requests {
            let merge = merge_trust(Some(&role.trust), request);
            let denied = |kind| merge.findings.iter().find(|finding| finding.kind == kind);
            // Patterns stand for many, and what else a token comes with is not known here: then the statement itself is looked for.
            let refused = if let Some(denial) = denied(FindingKind::Denied) {
                Some((denial.message.clone(), "remove or narrow that Deny statement"))
            } else if request.wildcard || !request.extra_conditions.is_empty() {
                let reason = || "no statement lets it in under exactly these conditions".to_owned();
                merge.changed.then(|| (reason(), "apply the grant"))
            } else {
                match evaluate_web_identity(&role.trust, &request.identity()) {
                    Decision::Allowed { .. } => None,
                    // Whether the denial holds depends on what is not known here; whether anything lets it in does not.
                    Decision::Denied { miss: Miss::ExplicitDeny, .. } => (!allowed.contains(&request.subject()))
                        .then(|| ("no statement lets it in".to_owned(), "apply the grant")),
                    Decision::Denied { reason, .. } => Some((reason, "apply the grant")),
                }
            };
            match refused {
                None => {
                    self.say(
                        CheckKind::Trust,
                        &resource,
                        Status::Passed,
                        format!("lets {} in", request.in_words()),
                        "",
                    );
                }
                Some((reason, remedy)) => {
                    let message = format!("does not let {} in: {reason}", request.in_words());
                    self.say(CheckKind::Trust, &resource, Status::Failed, message, remedy);
                }
            }
            if let Some(finding) = denied(FindingKind::MaybeDenied) {
                let message = format!("trust policy: {finding}");
                self.say(
                    CheckKind::Trust,
                    &resource,
                    Status::Warned,
                    message,
                    "see whether that Deny statement means it",
                );
            }
        }
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
}

/// Why a Deny statement keeps the role or S3 out of a data-sync role, if one does.
fn denied(trust: &Document, request: &DataSyncRequest) -> Option<String> {
    let key = |name: &str, value: &Option<String>| {
        value.iter().map(|value| (name.to_owned(), vec![value.clone()])).collect::<BTreeMap<_, _>>()
    };
    let callers = [
        (Caller::Role(&request.role_arn), key("sts:ExternalId", &request.external_id)),
        (Caller::Service(S3_SERVICE), key("aws:SourceAccount", &request.source_account)),
    ];
    callers.into_iter().find_map(|(caller, keys)| match evaluate_assume_role(trust, caller, &keys) {
        Decision::Denied { miss: Miss::ExplicitDeny, reason } => Some(reason),
        _ => None,
    })
}
