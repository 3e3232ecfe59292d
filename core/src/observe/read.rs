//! One thing to read, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Hints, Observed};
use crate::error::{ErrorKind, Result};
use crate::grant::{CheckedGrant, ClusterSelector};
use crate::model::{
    AccountId, Arn, Cluster, ClusterName, ManagedPolicy, Namespace, OidcProvider, Pod, PodIdentityAssociation,
    PolicyName, PolicyVersion, Quotas, Region, Role, RoleName, ServiceAccount, ServiceAccountName, Workload,
    WorkloadRef,
};
use crate::policy::Document;
use crate::ports::{AwsTarget, KubernetesTarget, Reads};

/// One thing to read. An `account` of `None` is the account of the default credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "read", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)] // Fields are named after what they hold.
pub enum Read {
    /// `DescribeCluster`.
    Cluster { cluster: ClusterSelector },
    /// Pod Identity associations of a service account.
    Associations { cluster: ClusterSelector, namespace: Namespace, service_account: ServiceAccountName },
    /// A role.
    Role { account: Option<AccountId>, role: RoleName },
    /// Its managed policies.
    AttachedPolicies { account: Option<AccountId>, role: RoleName },
    /// Names of its inline policies.
    InlinePolicies { account: Option<AccountId>, role: RoleName },
    /// One of its inline policies.
    InlinePolicy { account: Option<AccountId>, role: RoleName, policy: PolicyName },
    /// A managed policy.
    Policy { account: Option<AccountId>, arn: Arn },
    /// Its versions.
    PolicyVersions { account: Option<AccountId>, arn: Arn },
    /// One of its documents.
    PolicyDocument { account: Option<AccountId>, arn: Arn, version: String },
    /// An OIDC provider.
    Provider { account: Option<AccountId>, arn: Arn },
    /// The account's quotas.
    Quotas { account: Option<AccountId> },
    /// The trust policies of all roles.
    RoleTrusts { account: Option<AccountId> },
    /// A namespace.
    Namespace { cluster: ClusterSelector, namespace: Namespace },
    /// A service account.
    ServiceAccount { cluster: ClusterSelector, namespace: Namespace, service_account: ServiceAccountName },
    /// Whether a service account exists that a workload is to get back.
    FormerServiceAccount { cluster: ClusterSelector, namespace: Namespace, service_account: ServiceAccountName },
    /// A workload.
    Workload { cluster: ClusterSelector, workload: WorkloadRef },
    /// Pods that run as a service account.
    Pods { cluster: ClusterSelector, namespace: Namespace, service_account: ServiceAccountName },
    /// A file.
    File { path: String },
}

/// What a read gave.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most facts are present, and a box could not be matched through")]
pub enum Fact {
    /// It exists.
    Present(Answer),
    /// It does not exist.
    Absent,
    /// It could not be read, and the plan can do without; why.
    Unknown(String),
}

/// What exists.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Named after what they hold.
pub enum Answer {
    Cluster(Cluster),
    Associations(Vec<PodIdentityAssociation>),
    Role(Role),
    Arns(Vec<Arn>),
    Names(Vec<PolicyName>),
    Document(Document),
    Policy(ManagedPolicy),
    Versions(Vec<PolicyVersion>),
    Provider(OidcProvider),
    Quotas(Quotas),
    Trusts(Vec<(RoleName, Document)>),
    ServiceAccount(ServiceAccount),
    Workload(Workload),
    Pods(Vec<Pod>),
    Text(String),
    /// It exists, and that is all there is to know.
    Here,
}

fn present<T>(value: Option<T>, wrap: fn(T) -> Answer) -> Fact {
    value.map_or(Fact::Absent, |value| Fact::Present(wrap(value)))
}

/// Where EKS and IAM calls for a cluster go.
fn eks_target(cluster: &ClusterSelector) -> Result<AwsTarget> {
    Ok(AwsTarget {
        account: cluster.account.as_ref().map(AccountId::new).transpose()?,
        region: cluster.region.as_ref().map(Region::new).transpose()?,
    })
}

fn iam_target(account: Option<&AccountId>) -> AwsTarget {
    AwsTarget { account: account.cloned(), region: None }
}

impl Read {
    /// Whether the plan can do without it: it is only needed for a warning.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(
            self,
            Self::Associations { .. }
                | Self::Quotas { .. }
                | Self::Namespace { .. }
                | Self::FormerServiceAccount { .. }
                | Self::Pods { .. }
        )
    }

    /// The pods that run as a grant's service account.
    pub(crate) fn pods_of(grant: &CheckedGrant) -> Self {
        Self::Pods {
            cluster: grant.grant.cluster.clone(),
            namespace: grant.namespace.clone(),
            service_account: grant.service_account.clone(),
        }
    }

    /// The cluster whose API server is asked.
    pub(super) fn api_server(&self) -> Option<&ClusterSelector> {
        match self {
            Self::Namespace { cluster, .. }
            | Self::ServiceAccount { cluster, .. }
            | Self::FormerServiceAccount { cluster, .. }
            | Self::Workload { cluster, .. }
            | Self::Pods { cluster, .. } => Some(cluster),
            _ => None,
        }
    }

    pub(super) async fn perform(&self, reads: &dyn Reads, observed: &Observed, hints: &Hints) -> Result<Fact> {
        let kubernetes = async |selector: &ClusterSelector| {
            let known = observed.cluster(selector).or_else(|| hints.confirmed(selector));
            reads
                .kubernetes(&KubernetesTarget { name: ClusterName::new(&selector.name)?, cluster: known.cloned() })
                .await
        };
        Ok(match self {
            Self::Cluster { cluster } => {
                let port = reads.eks(&eks_target(cluster)?).await?;
                present(port.cluster(&ClusterName::new(&cluster.name)?).await?, Answer::Cluster)
            }
            Self::Associations { cluster, namespace, service_account } => {
                let port = reads.eks(&eks_target(cluster)?).await?;
                let name = ClusterName::new(&cluster.name)?;
                match port.pod_identity_associations(&name, namespace, service_account).await {
                    Ok(found) => Fact::Present(Answer::Associations(found)),
                    // An absent cluster is reported by the read of the cluster itself, with its own error.
                    Err(error) if error.kind() == ErrorKind::NotFound => Fact::Absent,
                    Err(error) => return Err(error),
                }
            }
            Self::Role { account, role } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.role(role).await?, Answer::Role)
            }
            Self::AttachedPolicies { account, role } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.attached_policies(role).await?, Answer::Arns)
            }
            Self::InlinePolicies { account, role } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.inline_policies(role).await?, Answer::Names)
            }
            Self::InlinePolicy { account, role, policy } => present(
                reads.iam(&iam_target(account.as_ref())).await?.inline_policy(role, policy).await?,
                Answer::Document,
            ),
            Self::Policy { account, arn } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.policy(arn).await?, Answer::Policy)
            }
            Self::PolicyVersions { account, arn } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.policy_versions(arn).await?, Answer::Versions)
            }
            Self::PolicyDocument { account, arn, version } => present(
                reads.iam(&iam_target(account.as_ref())).await?.policy_document(arn, version).await?,
                Answer::Document,
            ),
            Self::Provider { account, arn } => {
                present(reads.iam(&iam_target(account.as_ref())).await?.oidc_provider(arn).await?, Answer::Provider)
            }
            Self::Quotas { account } => {
                Fact::Present(Answer::Quotas(reads.iam(&iam_target(account.as_ref())).await?.quotas().await?))
            }
            Self::RoleTrusts { account } => {
                Fact::Present(Answer::Trusts(reads.iam(&iam_target(account.as_ref())).await?.role_trusts().await?))
            }
            Self::Namespace { cluster, namespace } => {
                if kubernetes(cluster).await?.namespace_exists(namespace).await? {
                    Fact::Present(Answer::Here)
                } else {
                    Fact::Absent
                }
            }
            Self::ServiceAccount { cluster, namespace, service_account } => present(
                kubernetes(cluster).await?.service_account(namespace, service_account).await?,
                Answer::ServiceAccount,
            ),
            Self::FormerServiceAccount { cluster, namespace, service_account } => {
                let found = kubernetes(cluster).await?.service_account(namespace, service_account).await?;
                found.map_or(Fact::Absent, |_| Fact::Present(Answer::Here))
            }
            Self::Workload { cluster, workload } => {
                present(kubernetes(cluster).await?.workload(workload).await?, Answer::Workload)
            }
            Self::Pods { cluster, namespace, service_account } => {
                Fact::Present(Answer::Pods(kubernetes(cluster).await?.pods(namespace, service_account).await?))
            }
            Self::File { path } => present(reads.files().read(path).await?, Answer::Text),
        })
    }
}

impl Hints {
    /// What was said of a cluster.
    pub(crate) fn cluster(&self, selector: &ClusterSelector) -> Option<&Cluster> {
        self.clusters.iter().find(|(known, _)| known == selector).map(|(_, cluster)| cluster)
    }

    /// What was said of a cluster, where EKS has told this client the same.
    pub(crate) fn confirmed(&self, selector: &ClusterSelector) -> Option<&Cluster> {
        self.cluster(selector).filter(|_| self.confirmed.contains(selector))
    }

    /// Takes note of what EKS has told this client.
    pub(crate) fn confirm(&mut self, told: &BTreeMap<ClusterSelector, Cluster>) {
        self.confirmed = self
            .clusters
            .iter()
            .filter(|(selector, cluster)| told.get(selector) == Some(cluster))
            .map(|(selector, _)| selector.clone())
            .collect();
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { cluster } => write!(f, "cluster {}", cluster.name),
            Self::Associations { namespace, service_account, .. } => {
                write!(f, "Pod Identity associations of {namespace}/{service_account}")
            }
            Self::Role { role, .. } => write!(f, "role {role}"),
            Self::AttachedPolicies { role, .. } => write!(f, "attached policies of role {role}"),
            Self::InlinePolicies { role, .. } => write!(f, "inline policies of role {role}"),
            Self::InlinePolicy { role, policy, .. } => write!(f, "inline policy {policy} of role {role}"),
            Self::Policy { arn, .. } | Self::PolicyVersions { arn, .. } | Self::PolicyDocument { arn, .. } => {
                write!(f, "policy {arn}")
            }
            Self::Provider { arn, .. } => write!(f, "OIDC provider {arn}"),
            Self::Quotas { .. } => f.write_str("account quotas"),
            Self::RoleTrusts { .. } => f.write_str("roles of the account"),
            Self::Namespace { namespace, .. } => write!(f, "namespace {namespace}"),
            Self::ServiceAccount { namespace, service_account, .. }
            | Self::FormerServiceAccount { namespace, service_account, .. } => {
                write!(f, "service account {namespace}/{service_account}")
            }
            Self::Workload { workload, .. } => write!(f, "{workload}"),
            Self::Pods { namespace, service_account, .. } => write!(f, "pods of {namespace}/{service_account}"),
            Self::File { path } => write!(f, "file {path}"),
        }
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.kubernetes_kind().to_lowercase(), self.namespace, self.name)
    }
}
