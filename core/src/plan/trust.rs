//! Trust statements of a grant, as requests to the policy layer.

use super::builder::Scene;
use crate::grant::{CheckedGrant, CheckedSubject};
use crate::model::Arn;
use crate::observe::Place;
use crate::policy::{
    DataSyncRequest, Document, Finding, TrustRequest, TrustState, holds, merge_trust, outdated, remove_trust,
};

/// What a grant wants of a trust policy: one request per trusted service account.
pub(crate) fn trust_requests(grant: &CheckedGrant, place: &Place, owner: &str) -> Vec<TrustRequest> {
    let provider = Arn::oidc_provider(&place.partition, &place.account, &place.issuer);
    grant
        .subjects
        .iter()
        .map(|CheckedSubject { namespace, name, wildcard }| TrustRequest {
            provider_arn: provider.to_string(),
            issuer: place.issuer.host_and_path().to_owned(),
            audience: grant.audience.to_string(),
            namespace: namespace.clone(),
            service_account: name.clone(),
            wildcard: *wildcard,
            extra_conditions: grant.grant.trust.conditions.clone(),
            owner: owner.to_owned(),
        })
        .collect()
}

/// The request for a further service account that is recorded on the role, as this grant would make it today.
pub(super) fn recorded_request(
    grant: &CheckedGrant,
    place: &Place,
    owner: &str,
    subject: &str,
) -> Option<TrustRequest> {
    let (namespace, name) = subject.split_once('/')?;
    let mut request = trust_requests(grant, place, owner).into_iter().next()?;
    namespace.clone_into(&mut request.namespace);
    name.clone_into(&mut request.service_account);
    request.wildcard = subject.contains(['*', '?']);
    Some(request)
}

/// What one data sync of a grant wants of the other role's trust policy.
pub(crate) fn data_sync_request(scene: &Scene<'_>, role_arn: &Arn, index: usize, owner: &str) -> DataSyncRequest {
    let wanted = &scene.grant.grant.data_syncs[index];
    DataSyncRequest {
        role_arn: role_arn.to_string(),
        source_account: wanted.source_account.clone(),
        external_id: wanted.external_id.clone(),
        owner: owner.to_owned(),
    }
}

/// A trust policy with everything that the requests want in it.
pub(super) struct Merged {
    /// What to write; `None` when there is nothing to write.
    pub(super) document: Option<Document>,
    /// What to know about the rest of it.
    pub(super) findings: Vec<Finding>,
    /// The requests that are new in it, each with what a statement of ours for another audience or other conditions said.
    pub(super) moved: Vec<(TrustRequest, Option<String>)>,
    /// The request by which a statement of ours was found that somebody has edited.
    pub(super) edited: Option<TrustRequest>,
}

/// Merges what the requests want into a trust policy.
pub(super) fn merged(current: Option<&Document>, requests: &[TrustRequest]) -> Merged {
    let mut document = current.cloned();
    let mut all = Merged { document: None, findings: Vec::new(), moved: Vec::new(), edited: None };
    for request in requests {
        let former = document.as_ref().and_then(|document| outdated(document, request));
        let held = document.as_ref().is_some_and(|document| holds(document, request));
        let merge = merge_trust(document.as_ref(), request);
        if merge.changed && (!held || former.is_some()) {
            all.moved.push((request.clone(), former));
        }
        if merge.before == TrustState::Altered {
            all.edited = Some(request.clone());
        }
        for finding in merge.findings {
            if !all.findings.contains(&finding) {
                all.findings.push(finding);
            }
        }
        if merge.changed {
            all.document = Some(merge.document.clone());
        }
        document = Some(merge.document);
    }
    all
}

/// A trust policy without what the requests put into it.
pub(super) struct Without {
    pub(super) document: Document,
    /// Those that are in it no more.
    pub(super) removed: Vec<TrustRequest>,
    /// Those that stay since the policy would be empty.
    pub(super) stuck: Vec<TrustRequest>,
}

/// Takes what the requests put into a trust policy out of it, one by one.
pub(super) fn without(current: &Document, requests: &[TrustRequest]) -> Without {
    let mut result = Without { document: current.clone(), removed: Vec::new(), stuck: Vec::new() };
    for request in requests {
        let removal = remove_trust(&result.document, request);
        match removal.document {
            Some(document) if removal.changed => {
                result.document = document;
                result.removed.push(request.clone());
            }
            None if removal.changed => result.stuck.push(request.clone()),
            _ => {}
        }
    }
    result
}
