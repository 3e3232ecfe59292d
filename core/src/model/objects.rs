//! The remote things that podrole reads and writes, in its own words: what ports speak.
//!
//! Times are whole seconds since 1970 (UTC). Fields that change by themselves (resource versions, last use) are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AccountId, Arn, ClusterName, IamPath, Issuer, Namespace, Region, RoleName, ServiceAccountName, WorkloadName,
};
use crate::policy::Document;

/// An EKS cluster, as `DescribeCluster` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Its ARN, from which account, partition and region are taken.
    pub arn: Arn,
    /// `ACTIVE` when it can be used; AWS's word otherwise.
    pub status: String,
    /// The OIDC issuer; absent for a while on a new cluster.
    pub issuer: Option<Issuer>,
    /// URL of the Kubernetes API server.
    pub endpoint: Option<String>,
    /// The API server's CA: PEM in base64.
    pub certificate_authority: Option<String>,
}

impl Cluster {
    /// The account in which the cluster runs.
    pub fn account(&self) -> Option<AccountId> {
        self.arn.account()
    }

    /// The cluster's region.
    pub fn region(&self) -> Option<Region> {
        Region::new(self.arn.region()).ok()
    }
}

/// An EKS Pod Identity association of one service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodIdentityAssociation {
    /// `a-…`.
    pub id: String,
    /// The association's namespace.
    pub namespace: Namespace,
    /// The association's service account.
    pub service_account: ServiceAccountName,
    /// The add-on that owns it, if one does.
    pub owner_arn: Option<String>,
}

/// An IAM role. Attachments and inline policies are read apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// Its ARN, path included.
    pub arn: Arn,
    /// The id that changes when the role is deleted and made again (`AROA…`).
    pub unique_id: String,
    /// Its path.
    pub path: IamPath,
    /// Its description; `None` when empty.
    pub description: Option<String>,
    /// Seconds, 3600–43200.
    pub max_session_duration: u32,
    /// The managed policy that bounds it.
    pub permissions_boundary: Option<Arn>,
    /// The trust policy, decoded.
    pub trust: Document,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
}

/// What `CreateRole` is called with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRole {
    /// Its name.
    pub name: RoleName,
    /// Its path, default `/`.
    pub path: IamPath,
    /// Its description.
    pub description: Option<String>,
    /// Seconds, 3600–43200.
    pub max_session_duration: u32,
    /// The managed policy that bounds it.
    pub permissions_boundary: Option<Arn>,
    /// The trust policy.
    pub trust: Document,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A managed policy, without its document (versions are read apart).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: Arn,
    /// The version in force (`v3`).
    pub default_version: String,
    /// On how many identities it is attached.
    pub attachment_count: u32,
    /// Whether it may be attached.
    pub attachable: bool,
    /// Its tags; empty for AWS-managed policies.
    pub tags: BTreeMap<String, String>,
}

/// What `CreatePolicy` is called with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPolicy {
    /// Its ARN, from which name and path follow.
    pub arn: Arn,
    /// Its description, which cannot be changed later.
    pub description: Option<String>,
    /// The document of version 1.
    pub document: Document,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyVersion {
    /// `v1`, `v2`, …
    pub id: String,
    /// Whether it is the one in force.
    pub default: bool,
}

impl PolicyVersion {
    /// The number in the id: versions are numbered upwards and never reused.
    pub fn number(&self) -> u32 {
        self.id.trim_start_matches('v').parse().unwrap_or(0)
    }
}

/// An IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcProvider {
    /// Its ARN.
    pub arn: Arn,
    /// The issuer, with its scheme.
    pub url: Issuer,
    /// The audiences it accepts.
    pub client_ids: BTreeSet<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The live quotas of an account that podrole looks at (`GetAccountSummary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quotas {
    /// Non-whitespace characters of a trust policy.
    pub trust_policy_size: u32,
    /// Managed policies on a role.
    pub attached_policies_per_role: u32,
    /// Non-whitespace characters of a managed policy.
    pub managed_policy_size: u32,
    /// Non-whitespace characters of all inline policies of a role together.
    pub inline_policies_size: u32,
    /// Versions of a managed policy.
    pub versions_per_policy: u32,
}

impl Default for Quotas {
    /// AWS's defaults (IAM user guide).
    fn default() -> Self {
        Self {
            trust_policy_size: 2048,
            attached_policies_per_role: 10,
            managed_policy_size: 6144,
            inline_policies_size: 10240,
            versions_per_policy: 5,
        }
    }
}

/// Who last set which fields of a Kubernetes object (one entry of `metadata.managedFields`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldOwner {
    /// The field manager's name.
    pub manager: String,
    /// Whether it owns them by server-side apply (otherwise by update or patch).
    pub apply: bool,
    /// The fields, as paths such as `.metadata.annotations.eks.amazonaws.com/role-arn`.
    pub fields: BTreeSet<String>,
    /// When it last changed one.
    pub time: Option<i64>,
}

/// A Kubernetes service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccount {
    /// The object's uid.
    pub uid: String,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Who owns which fields.
    pub owners: Vec<FieldOwner>,
}

/// The kinds of workload that podrole points at a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

impl WorkloadKind {
    /// The Kubernetes kind, `Deployment`.
    pub fn kubernetes_kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}

/// A workload of one of the [kinds](WorkloadKind), in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: WorkloadName,
}

/// A container as its template or pod describes it, as far as credentials go. `Debug` shows the variables' names alone: what they hold may
/// be secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Environment variables: the value, or `None` when it comes from elsewhere (`valueFrom`).
    pub env: BTreeMap<String, Option<String>>,
    /// Where variables come from that are not named (`envFrom`): `secret name`, `configmap name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<String>,
    /// The service-account tokens that are mounted into it (projected volumes): the path of each file, and the audience it is for, empty for
    /// the API server's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, String>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container")
            .field("name", &self.name)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// The object's uid.
    pub uid: String,
    /// All annotations of the object itself.
    pub annotations: BTreeMap<String, String>,
    /// `spec.template.spec.serviceAccountName`.
    pub service_account: Option<String>,
    /// Annotations of the pod template.
    pub template_annotations: BTreeMap<String, String>,
    /// `spec.selector.matchLabels`.
    pub selector: BTreeMap<String, String>,
    /// `spec.selector.matchExpressions`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selector_expressions: Vec<SelectorExpression>,
    /// Containers and init containers of the template.
    pub containers: Vec<Container>,
    /// Whether a rollout is on hold (`spec.paused`).
    pub paused: bool,
    /// Who owns which fields.
    pub owners: Vec<FieldOwner>,
    /// Where its rollout stands.
    pub rollout: Rollout,
}

impl Workload {
    /// Whether its selector selects a pod. An empty one selects none here: API servers take no workload with it.
    pub(crate) fn selects(&self, pod: &Pod) -> bool {
        (!self.selector.is_empty() || !self.selector_expressions.is_empty())
            && self.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
            && self.selector_expressions.iter().all(|expression| expression.holds(&pod.labels))
    }
}

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectorExpression {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Its values, for the first two.
    #[serde(default)]
    pub values: Vec<String>,
}

impl SelectorExpression {
    /// Whether labels fulfil it; an operator of a later Kubernetes is fulfilled by none.
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// Where the rollout of a workload stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// `metadata.generation`.
    pub generation: i64,
    /// `status.observedGeneration`.
    pub observed_generation: i64,
    /// Pods wanted.
    pub desired: i32,
    /// Pods there, old ones included.
    pub total: i32,
    /// Pods of the present template.
    pub updated: i32,
    /// Pods available.
    pub available: i32,
    /// Why it is stuck, if the controller says so (`ReplicaFailure`, `ProgressDeadlineExceeded`).
    pub failure: Option<String>,
}

impl Rollout {
    /// Whether every wanted pod is of the present template and available, and none of an old one is left.
    pub fn is_complete(&self) -> bool {
        self.observed_generation >= self.generation
            && self.updated == self.desired
            && self.total == self.desired
            && self.available == self.desired
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: i64,
    /// Whether it is being deleted, or has ended.
    pub ending: bool,
    /// Its containers.
    pub containers: Vec<Container>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_expression_holds_as_in_kubernetes() {
        let labels = BTreeMap::from([("tier".to_owned(), "web".to_owned())]);
        let holds = |key: &str, operator: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            SelectorExpression { key: key.to_owned(), operator: operator.to_owned(), values }.holds(&labels)
        };
        assert!(
            holds("tier", "In", &["web", "api"]) && !holds("tier", "In", &["api"]) && !holds("app", "In", &["web"])
        );
        assert!(holds("tier", "NotIn", &["api"]) && !holds("tier", "NotIn", &["web"]));
        assert!(holds("app", "NotIn", &["web"]), "what has no such label is not in any list");
        assert!(holds("tier", "Exists", &[]) && !holds("app", "Exists", &[]));
        assert!(holds("app", "DoesNotExist", &[]) && !holds("tier", "DoesNotExist", &[]));
        assert!(!holds("tier", "Gt", &["1"]));
    }
}
