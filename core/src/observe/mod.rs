//! A snapshot of what exists for a set of grants, read through the reading ports alone.
//!
//! `needed` says, from the grants and what is known so far, which reads can be made now; [`observe`] makes them all at once and asks
//! again, until nothing is left. So each read happens as early as its arguments allow, and once, however many grants want it.

mod needed;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

pub(crate) use needed::{Place, sibling};

pub use read::{Answer, Fact, Read};

use crate::error::{ErrorKind, Result};
use crate::grant::{CheckedGrant, ClusterSelector};
use crate::model::{
    AccountId, Arn, Cluster, ManagedPolicy, Namespace, OidcProvider, Pod, PodIdentityAssociation, PolicyName,
    PolicyVersion, Quotas, Role, RoleName, ServiceAccount, ServiceAccountName, Workload, WorkloadRef,
};
use crate::policy::Document;
use crate::ports::{CallLog, Reads};

/// What was learnt earlier and lets later reads start at once. It is checked, never trusted: the same reads are made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hints {
    /// What EKS said of the clusters.
    #[serde(default)]
    pub clusters: Vec<(ClusterSelector, Cluster)>,
    /// Which version of customer-managed policies was in force.
    #[serde(default)]
    pub policy_versions: BTreeMap<Arn, String>,
    /// Reads that the grants do not ask for and what was found does: marks of an earlier version of a grant, files that a file names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Read>,
    /// The clusters of which EKS has told this client the same. A plan from a file may be anybody's: where it says that an API server is gets
    /// neither a call nor a token before EKS has said so too.
    #[serde(skip)]
    pub(crate) confirmed: BTreeSet<ClusterSelector>,
}

/// What exists, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    facts: BTreeMap<Read, Fact>,
}

/// What the snapshot is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purpose {
    /// Also read which roles trust the cluster's provider, so that it may be removed.
    pub remove_provider: bool,
    /// Also read which pods run as the service accounts, so that these may be deleted.
    pub revoke: bool,
}

/// Reads what exists for a set of grants.
///
/// # Errors
/// The first mandatory read that fails. Reads that are only needed for warnings (Pod Identity associations, quotas, pods, the namespace)
/// become [`Fact::Unknown`] when they are denied or not supported.
pub async fn observe(reads: &dyn Reads, grants: &[CheckedGrant], hints: &Hints, purpose: Purpose) -> Result<Observed> {
    let mut observed = Observed::default();
    loop {
        let next = needed::needed(grants, &observed, hints, purpose)?;
        if next.is_empty() {
            return Ok(observed);
        }
        let depth = CallLog::current().map_or(0, |log| log.depth());
        let answers = try_join_all(next.iter().map(|read| {
            let observed = &observed;
            // Where the cluster was when the plan was made: once EKS has told where it is now, a failure there is none.
            let by_hint = read.api_server().is_some_and(|cluster| {
                next.contains(&Read::Cluster { cluster: cluster.clone() }) && hints.confirmed(cluster).is_some()
            });
            async move {
                // None of these reads waits for another, whichever happens to be answered first.
                let branch = CallLog::current().unwrap_or_default().branch(depth);
                let fact = match branch.scope(read.perform(reads, observed, hints)).await {
                    Ok(fact) => fact,
                    Err(error)
                        if read.is_optional()
                            && matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) =>
                    {
                        Fact::Unknown(error.to_string())
                    }
                    Err(_) if by_hint => return Ok(None),
                    Err(error) => return Err(error.resource(read.to_string())),
                };
                Ok(Some((read.clone(), fact)))
            }
        }))
        .await?;
        observed.facts.extend(answers.into_iter().flatten());
    }
}

macro_rules! accessor {
    ($(#[$doc:meta])* $name:ident, $answer:ident, $out:ty, |$($arg:ident: $ty:ty),*| $read:expr) => {
        $(#[$doc])*
        pub fn $name(&self, $($arg: $ty),*) -> Option<&$out> {
            match self.facts.get(&$read) {
                Some(Fact::Present(Answer::$answer(value))) => Some(value),
                _ => None,
            }
        }
    };
}

impl Observed {
    /// What is known about one read; `None` when it was not made.
    pub fn fact(&self, read: &Read) -> Option<&Fact> {
        self.facts.get(read)
    }

    /// Why a read that was made gave no answer.
    pub fn unknown(&self, read: &Read) -> Option<&str> {
        match self.facts.get(read) {
            Some(Fact::Unknown(reason)) => Some(reason),
            _ => None,
        }
    }

    /// What is known about a role, however it was spelt.
    pub(crate) fn role_in_any_case(&self, account: Option<&AccountId>, name: &RoleName) -> Option<&Fact> {
        let is_it = |read: &Read| matches!(read, Read::Role { account: of, role } if of.as_ref() == account && role.as_str().eq_ignore_ascii_case(name.as_str()));
        self.facts.iter().find(|(read, _)| is_it(read)).map(|(_, fact)| fact)
    }

    /// Writes down what a planned step will have made of it, so that a later grant of the set sees it.
    pub(crate) fn set(&mut self, read: Read, fact: Fact) {
        self.facts.insert(read, fact);
    }

    accessor!(
        /// A cluster.
        cluster, Cluster, Cluster, |selector: &ClusterSelector| Read::Cluster { cluster: selector.clone() }
    );
    accessor!(
        /// The Pod Identity associations of a service account.
        associations, Associations, Vec<PodIdentityAssociation>,
        |cluster: &ClusterSelector, namespace: &Namespace, name: &ServiceAccountName| Read::Associations {
            cluster: cluster.clone(), namespace: namespace.clone(), service_account: name.clone() }
    );
    accessor!(
        /// A role.
        role, Role, Role, |account: &Option<AccountId>, name: &RoleName| Read::Role { account: account.clone(), role: name.clone() }
    );
    accessor!(
        /// The managed policies on a role.
        attached, Arns, Vec<Arn>, |account: &Option<AccountId>, name: &RoleName| Read::AttachedPolicies { account: account.clone(), role: name.clone() }
    );
    accessor!(
        /// The inline policies of a role, by name.
        inline_policies, Names, Vec<PolicyName>, |account: &Option<AccountId>, name: &RoleName| Read::InlinePolicies { account: account.clone(), role: name.clone() }
    );
    accessor!(
        /// An inline policy of a role.
        inline_policy, Document, Document, |account: &Option<AccountId>, role: &RoleName, name: &PolicyName| Read::InlinePolicy {
            account: account.clone(), role: role.clone(), policy: name.clone() }
    );
    accessor!(
        /// A managed policy.
        policy, Policy, ManagedPolicy, |account: &Option<AccountId>, arn: &Arn| Read::Policy { account: account.clone(), arn: arn.clone() }
    );
    accessor!(
        /// The versions of a managed policy.
        versions, Versions, Vec<PolicyVersion>, |account: &Option<AccountId>, arn: &Arn| Read::PolicyVersions { account: account.clone(), arn: arn.clone() }
    );
    accessor!(
        /// The document of one version of a managed policy.
        policy_document, Document, Document, |account: &Option<AccountId>, arn: &Arn, version: &str| Read::PolicyDocument {
            account: account.clone(), arn: arn.clone(), version: version.to_owned() }
    );
    accessor!(
        /// An OIDC provider.
        provider, Provider, OidcProvider, |account: &Option<AccountId>, arn: &Arn| Read::Provider { account: account.clone(), arn: arn.clone() }
    );
    accessor!(
        /// The quotas of an account.
        quotas, Quotas, Quotas, |account: &Option<AccountId>| Read::Quotas { account: account.clone() }
    );
    accessor!(
        /// The trust policies of all roles of an account.
        role_trusts, Trusts, Vec<(RoleName, Document)>, |account: &Option<AccountId>| Read::RoleTrusts { account: account.clone() }
    );
    accessor!(
        /// A service account.
        service_account, ServiceAccount, ServiceAccount, |cluster: &ClusterSelector, namespace: &Namespace, name: &ServiceAccountName| Read::ServiceAccount {
            cluster: cluster.clone(), namespace: namespace.clone(), service_account: name.clone() }
    );
    accessor!(
        /// A workload.
        workload, Workload, Workload, |cluster: &ClusterSelector, workload: &WorkloadRef| Read::Workload { cluster: cluster.clone(), workload: workload.clone() }
    );
    accessor!(
        /// The pods that run as a service account.
        pods, Pods, Vec<Pod>, |cluster: &ClusterSelector, namespace: &Namespace, name: &ServiceAccountName| Read::Pods {
            cluster: cluster.clone(), namespace: namespace.clone(), service_account: name.clone() }
    );
    accessor!(
        /// A file.
        file, Text, String, |path: &str| Read::File { path: path.to_owned() }
    );
}

impl Observed {
    /// What was learnt that lets a later look start all its reads at once.
    pub(crate) fn hints(&self, grants: &[CheckedGrant], purpose: Purpose) -> Hints {
        let mut hints = Hints { policy_versions: self.default_versions(), ..Hints::default() };
        for grant in grants {
            let selector = &grant.grant.cluster;
            if let Some(cluster) = self.cluster(selector)
                && hints.cluster(selector).is_none()
            {
                hints.clusters.push((selector.clone(), cluster.clone()));
            }
        }
        hints.confirmed = hints.clusters.iter().map(|(selector, _)| selector.clone()).collect();
        let asked = needed::needed(grants, &Self::default(), &hints, purpose).unwrap_or_default();
        hints.confirmed.clear();
        hints.reads = self.facts.keys().filter(|read| !asked.contains(read)).cloned().collect();
        hints
    }

    /// The versions in force of the customer-managed policies that were read.
    fn default_versions(&self) -> BTreeMap<Arn, String> {
        self.facts
            .iter()
            .filter_map(|(read, fact)| match (read, fact) {
                (Read::Policy { arn, .. }, Fact::Present(Answer::Policy(policy))) if !arn.is_aws_managed_policy() => {
                    Some((arn.clone(), policy.default_version.clone()))
                }
                _ => None,
            })
            .collect()
    }
}
