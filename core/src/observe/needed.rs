//! Which reads can be made now.

use std::collections::BTreeSet;

use super::{Hints, Observed, Purpose, Read};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{CheckedGrant, ClusterSelector, PolicyContent};
use crate::kustomize;
use crate::marks::{self, RoleRecord};
use crate::model::{AccountId, Arn, Cluster, Issuer, ServiceAccountName, WorkloadRef};

/// Account, partition and issuer of a grant, once its cluster is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: String,
    pub(crate) account: AccountId,
    pub(crate) issuer: Issuer,
}

impl CheckedGrant {
    /// The account of IAM calls, as a target: `None` is the default credentials' account.
    pub(crate) fn iam_account(&self) -> Option<AccountId> {
        self.role_arn.as_ref().and_then(Arn::account).or_else(|| self.account.clone())
    }

    /// Where the grant's role, policies and provider live.
    ///
    /// # Errors
    /// A cluster that is not ACTIVE, has no issuer yet, or lies in another account or partition than the grant says.
    pub(crate) fn place(&self, cluster: &Cluster) -> Result<Place> {
        let name = &self.cluster;
        let fail = |kind, message: String| Error::new(kind, message).resource(format!("cluster {name}"));
        if cluster.status != "ACTIVE" {
            return Err(fail(ErrorKind::Unavailable, format!("its status is {}, not ACTIVE", cluster.status))
                .remedy("wait until EKS says ACTIVE, then plan again"));
        }
        let Some(issuer) = cluster.issuer.clone() else {
            return Err(fail(ErrorKind::Unavailable, "it has no OIDC issuer yet".to_owned())
                .remedy("a new cluster gets its issuer some minutes after it is created: wait, then plan again"));
        };
        let Some(account) = cluster.account() else {
            return Err(fail(ErrorKind::Unexpected, format!("its ARN {} has no account", cluster.arn)));
        };
        if let Some(wanted) = &self.account
            && *wanted != account
        {
            return Err(fail(
                ErrorKind::ConfigInvalid,
                format!("the grant says account {wanted}, but the credentials reach it in account {account}"),
            )
            .remedy("use credentials of the cluster's account"));
        }
        let partition = cluster.arn.partition().to_owned();
        for arn in self.role_arn.iter().chain(&self.boundary).chain(self.policies.iter().filter_map(|policy| {
            match &policy.content {
                PolicyContent::Arn(arn) => Some(arn),
                _ => None,
            }
        })) {
            if arn.partition() != partition {
                return Err(Error::invalid(format!(
                    "{arn} is of partition {}, but cluster {name} is in {partition}",
                    arn.partition()
                )));
            }
        }
        let home = self.role_arn.as_ref().and_then(Arn::account).unwrap_or(account);
        if let Some(boundary) = &self.boundary
            && let Some(theirs) = boundary.account()
            && theirs != home
        {
            return Err(Error::invalid(format!(
                "permissions boundary {boundary} is in account {theirs}, but the role is in {home}"
            ))
            .remedy("a boundary is an AWS-managed policy or one of the role's own account"));
        }
        for policy in &self.policies {
            if let PolicyContent::Arn(arn) = &policy.content
                && let Some(theirs) = arn.account()
                && theirs != home
            {
                return Err(Error::invalid(format!("policy {arn} is in account {theirs}, but the role is in {home}"))
                    .remedy("a role can only have AWS-managed policies and those of its own account"));
            }
        }
        for data_sync in &self.grant.data_syncs {
            let Ok(arn) = Arn::new(&data_sync.role) else { continue };
            if arn.partition() != partition {
                return Err(Error::invalid(format!(
                    "{arn} is of partition {}, but cluster {name} is in {partition}",
                    arn.partition()
                )));
            }
            if arn.account().is_some_and(|theirs| theirs != home) {
                return Err(crate::grant::cross_account(&arn));
            }
        }
        Ok(Place { partition, account: home, issuer })
    }
}

impl Place {
    /// The ARN of the managed policy that a policy of the grant stands for; `None` for inline ones.
    pub(crate) fn policy_arn(&self, content: &PolicyContent, name: Option<&str>) -> Result<Option<Arn>> {
        Ok(match content {
            PolicyContent::Arn(arn) => Some(arn.clone()),
            PolicyContent::AwsManaged(bare) => Some(Arn::new(
                crate::policy::aws_managed_policy_arn(&self.partition, bare)
                    .map_err(|error| Error::invalid(error.to_string()))?,
            )?),
            PolicyContent::Customer(name, path) => {
                Some(Arn::policy(&self.partition, &self.account, path.as_str(), name.as_str()))
            }
            PolicyContent::Managed(_, path) => {
                Some(Arn::policy(&self.partition, &self.account, path.as_str(), name.unwrap_or_default()))
            }
            PolicyContent::Inline(_) => None,
        })
    }
}

pub(super) fn needed(
    grants: &[CheckedGrant],
    observed: &Observed,
    hints: &Hints,
    purpose: Purpose,
) -> Result<BTreeSet<Read>> {
    let mut reads: BTreeSet<Read> = hints.reads.iter().cloned().collect();
    for grant in grants {
        if grant.grant.scope.has_iam() || observed.fact(&cluster_read(grant)).is_some() {
            reads.insert(cluster_read(grant));
        }
        let observed_cluster = match observed.fact(&cluster_read(grant)) {
            Some(_) => Some(observed.cluster(&grant.grant.cluster).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "there is no such cluster in this account and region")
                    .resource(format!("cluster {}", grant.cluster))
                    .operation("eks:DescribeCluster")
                    .code("ResourceNotFoundException")
                    .remedy("check the cluster's name, the region and the profile")
            })?),
            None => hints.cluster(&grant.grant.cluster),
        };
        let place = observed_cluster.map(|cluster| grant.place(cluster)).transpose()?;
        if grant.grant.scope.has_iam() {
            iam_reads(grant, place.as_ref(), observed, hints, purpose, &mut reads)?;
        }
        if grant.grant.scope.has_kubernetes() {
            // The connection is made from, or checked against, what EKS says of the cluster.
            if place.is_some() || !grant.grant.scope.has_iam() {
                kubernetes_reads(grant, observed, purpose, &mut reads);
            }
            file_reads(grant, observed, &mut reads)?;
        }
    }
    reads.retain(|read| observed.fact(read).is_none());
    // Not before EKS has told where the API server is.
    let untold = |cluster: &ClusterSelector| {
        hints.confirmed(cluster).is_none() && reads.contains(&Read::Cluster { cluster: cluster.clone() })
    };
    let put_off: Vec<Read> = reads.iter().filter(|read| read.api_server().is_some_and(untold)).cloned().collect();
    reads.retain(|read| !put_off.contains(read));
    Ok(reads)
}

fn cluster_read(grant: &CheckedGrant) -> Read {
    Read::Cluster { cluster: grant.grant.cluster.clone() }
}

fn iam_reads(
    grant: &CheckedGrant,
    place: Option<&Place>,
    observed: &Observed,
    hints: &Hints,
    purpose: Purpose,
    reads: &mut BTreeSet<Read>,
) -> Result<()> {
    let account = grant.iam_account();
    let cluster = grant.grant.cluster.clone();
    if grant.grant.scope.has_kubernetes() {
        reads.insert(Read::Associations {
            cluster,
            namespace: grant.namespace.clone(),
            service_account: grant.service_account.clone(),
        });
    }
    reads.insert(Read::Role { account: account.clone(), role: grant.role.clone() });
    reads.insert(Read::AttachedPolicies { account: account.clone(), role: grant.role.clone() });
    reads.insert(Read::InlinePolicies { account: account.clone(), role: grant.role.clone() });
    reads.insert(Read::Quotas { account: account.clone() });
    for policy in &grant.policies {
        if let (PolicyContent::Inline(_), Some(name)) = (&policy.content, &policy.name) {
            reads.insert(Read::InlinePolicy {
                account: account.clone(),
                role: grant.role.clone(),
                policy: name.clone(),
            });
        }
    }
    for role in &grant.data_syncs {
        reads.insert(Read::Role { account: account.clone(), role: role.clone() });
    }
    let Some(place) = place else { return Ok(()) };
    let provider = Arn::oidc_provider(&place.partition, &place.account, &place.issuer);
    reads.insert(Read::Provider { account: account.clone(), arn: provider });
    if purpose.remove_provider {
        reads.insert(Read::RoleTrusts { account: account.clone() });
    }
    for policy in &grant.policies {
        let name = policy.name.as_ref().map(crate::model::PolicyName::as_str);
        let Some(arn) = place.policy_arn(&policy.content, name)? else { continue };
        reads.insert(Read::Policy { account: account.clone(), arn: arn.clone() });
        if matches!(policy.content, PolicyContent::Managed(..)) {
            document_reads(account.as_ref(), &arn, observed, hints, reads);
        }
    }
    // What an earlier version of the grant asked for, and this one does not.
    if let Some(role) = observed.role(&account, &grant.role) {
        for record in marks::role_records(&role.tags, &grant.id(&place.issuer)) {
            match record {
                RoleRecord::Attached(arn) if !arn.is_aws_managed_policy() => {
                    reads.insert(Read::Policy { account: account.clone(), arn: arn.clone() });
                    document_reads(account.as_ref(), &arn, observed, hints, reads);
                }
                // Its size tells whether there is room for a new one beside it.
                RoleRecord::Inline(policy) => {
                    reads.insert(Read::InlinePolicy { account: account.clone(), role: grant.role.clone(), policy });
                }
                RoleRecord::DataSync(role) => {
                    reads.insert(Read::Role { account: account.clone(), role });
                }
                RoleRecord::Own(_)
                | RoleRecord::Boundary(_)
                | RoleRecord::Attached(_)
                | RoleRecord::Subject(_)
                | RoleRecord::Left(_) => {}
            }
        }
    }
    Ok(())
}

/// The versions of a policy that exists, and the document in force.
fn document_reads(
    account: Option<&AccountId>,
    arn: &Arn,
    observed: &Observed,
    hints: &Hints,
    reads: &mut BTreeSet<Read>,
) {
    let account = account.cloned();
    let version = match observed.fact(&Read::Policy { account: account.clone(), arn: arn.clone() }) {
        Some(_) => observed.policy(&account, arn).map(|policy| policy.default_version.clone()),
        None => hints.policy_versions.get(arn).cloned(),
    };
    if let Some(version) = version {
        reads.insert(Read::PolicyVersions { account: account.clone(), arn: arn.clone() });
        reads.insert(Read::PolicyDocument { account, arn: arn.clone(), version });
    }
}

fn kubernetes_reads(grant: &CheckedGrant, observed: &Observed, purpose: Purpose, reads: &mut BTreeSet<Read>) {
    let cluster = grant.grant.cluster.clone();
    let (namespace, service_account) = (grant.namespace.clone(), grant.service_account.clone());
    reads.insert(Read::Namespace { cluster: cluster.clone(), namespace: namespace.clone() });
    reads.insert(Read::ServiceAccount {
        cluster: cluster.clone(),
        namespace: namespace.clone(),
        service_account: service_account.clone(),
    });
    // An undo keeps the service account for the pods of others.
    if !grant.workloads.is_empty() || purpose.revoke {
        reads.insert(Read::pods_of(grant));
    }
    for workload in &grant.workloads {
        reads.insert(Read::Workload { cluster: cluster.clone(), workload: workload.workload.clone() });
    }
    let mut given_back: Vec<WorkloadRef> = Vec::new();
    if let Some(found) = observed.service_account(&cluster, &namespace, &service_account) {
        for workload in marks::recorded_workloads(&found.annotations, &namespace) {
            reads.insert(Read::Workload { cluster: cluster.clone(), workload: workload.clone() });
            given_back.push(workload);
        }
    }
    let wanted: BTreeSet<&WorkloadRef> = grant.workloads.iter().map(|wanted| &wanted.workload).collect();
    if purpose.revoke {
        given_back.extend(wanted.into_iter().cloned());
    } else {
        given_back.retain(|workload| !wanted.contains(workload));
    }
    for workload in given_back {
        let found = observed.workload(&cluster, &workload);
        let former = found.and_then(|found| found.annotations.get(marks::FORMER)).filter(|former| !former.is_empty());
        if let Some(service_account) = former.and_then(|former| ServiceAccountName::new(former.as_str()).ok()) {
            let (cluster, namespace) = (cluster.clone(), namespace.clone());
            reads.insert(Read::FormerServiceAccount { cluster, namespace, service_account });
        }
    }
}

fn file_reads(grant: &CheckedGrant, observed: &Observed, reads: &mut BTreeSet<Read>) -> Result<()> {
    for kustomization in &grant.grant.kustomizations {
        reads.insert(Read::File { path: kustomization.path.clone() });
        if let Some(text) = observed.file(&kustomization.path) {
            for file in kustomize::referenced_files(text).map_err(|error| error.of(&kustomization.path))? {
                reads.insert(Read::File { path: sibling(&kustomization.path, &file) });
            }
        }
    }
    Ok(())
}

/// A path relative to the folder of another.
pub(crate) fn sibling(path: &str, file: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{file}"),
        None => file.to_owned(),
    }
}
