//! Trust statements of a grant, as requests to the policy layer.

use super::builder::Scene;
use crate::grant::{CheckedGrant, CheckedSubject};
use crate::model::Arn;
use crate::observe::Place;
use crate::policy::{DataSyncRequest, Document, Finding, Removal, TrustRequest, merge_trust, remove_trust};

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
    request.wildcard = subject.contains('*');
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

/// The trust policy with everything that the requests want in it, and what to know about the rest of it.
///
/// The document is `None` when there is nothing to write.
pub(super) fn merged(current: Option<&Document>, requests: &[TrustRequest]) -> (Option<Document>, Vec<Finding>) {
    let mut document = current.cloned();
    let mut findings = Vec::new();
    let mut changed = false;
    for request in requests {
        let merge = merge_trust(document.as_ref(), request);
        changed |= merge.changed;
        for finding in merge.findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        document = Some(merge.document);
    }
    (document.filter(|_| changed), findings)
}

/// The trust policy without what the requests put into it.
pub(super) fn without(current: &Document, requests: &[TrustRequest]) -> Removal {
    let mut result = Removal { document: Some(current.clone()), changed: false, foreign_left: false };
    for request in requests {
        let Some(document) = &result.document else { break };
        let removal = remove_trust(document, request);
        result = Removal {
            document: removal.document,
            changed: result.changed || removal.changed,
            foreign_left: result.foreign_left || removal.foreign_left,
        };
    }
    result
}
