//! What the simulated AWS accounts, clusters and files hold: plain data, written and read as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{
    AccountId, Arn, Container, FieldOwner, IamPath, Issuer, Namespace, PodIdentityAssociation, PolicyName, Quotas,
    Region, RoleName, ServiceAccountName, WorkloadKind, WorkloadName,
};
use crate::policy::Document;
use crate::schema::SchemaVersion;
use crate::stored;

/// Everything that exists in the simulation.
///
/// As JSON the keys are camelCase, everything but `schemaVersion` and a role's `trust` may be left out, and unknown keys
/// are refused. What is left out (ids, endpoints, the `default` service account of each namespace, the pods of a
/// workload) is filled in by [`Memory::new`](super::Memory::new).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// The format's version.
    pub schema_version: SchemaVersion,
    /// The account of the credentials that are used where none is named; left out, the first of `accounts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_account: Option<AccountId>,
    /// The region that is used where none is named; left out, the only region that has a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_region: Option<Region>,
    /// AWS accounts for which there are credentials.
    #[serde(default)]
    pub accounts: BTreeMap<AccountId, Account>,
    /// EKS clusters by their ARN (`arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora`).
    #[serde(default)]
    pub clusters: BTreeMap<Arn, WorldCluster>,
    /// Text files by their path below the root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// AWS-managed policies besides those that podrole knows by name, as path and name (`service-role/NewPolicy`), and
    /// the documents of those that are read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aws_managed_policies: BTreeMap<String, Option<Document>>,
}

/// The IAM side of one AWS account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// `aws`, `aws-cn`, …
    #[serde(default = "default_partition")]
    pub partition: String,
    /// Whom the credentials stand for; left out, an assumed role named `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Arn>,
    /// The quotas in force, all five of them or none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quotas: Quotas,
    /// Roles by name.
    #[serde(default)]
    pub roles: BTreeMap<RoleName, AccountRole>,
    /// Customer-managed policies by name.
    #[serde(default)]
    pub policies: BTreeMap<PolicyName, AccountPolicy>,
    /// OIDC providers by the issuer's URL.
    #[serde(default)]
    pub oidc_providers: BTreeMap<Issuer, AccountProvider>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            partition: default_partition(),
            caller: None,
            quotas: Quotas::default(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
            oidc_providers: BTreeMap::new(),
        }
    }
}

/// A role of an [`Account`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountRole {
    /// `AROA…`; made up where it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unique_id: String,
    /// Its path.
    #[serde(default = "root_path", skip_serializing_if = "is_root_path")]
    pub path: IamPath,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds, 3600–43200.
    #[serde(default = "default_session")]
    pub max_session_duration: u32,
    /// The managed policy that bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<Arn>,
    /// The trust policy.
    pub trust: Document,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The managed policies on it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached_policies: BTreeSet<Arn>,
    /// Its inline policies.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline_policies: BTreeMap<PolicyName, Document>,
}

/// A customer-managed policy of an [`Account`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountPolicy {
    /// Its path.
    #[serde(default = "root_path", skip_serializing_if = "is_root_path")]
    pub path: IamPath,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its documents by version (`v1`).
    pub versions: BTreeMap<String, Document>,
    /// The version in force.
    pub default_version: String,
    /// The number of the newest version there ever was: numbers are not used again. Left out, that of `versions`.
    #[serde(default)]
    pub last_version: u32,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// An OIDC provider of an [`Account`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountProvider {
    /// The audiences it accepts.
    #[serde(default)]
    pub client_ids: BTreeSet<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// An EKS cluster and what its API server holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldCluster {
    /// `ACTIVE`, `CREATING`, …
    #[serde(default = "active")]
    pub status: String,
    /// The OIDC issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    /// URL of the API server; made up for an active cluster where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The API server's CA, PEM in base64; made up for an active cluster where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// Whether new pods are injected.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub pod_identity_webhook: bool,
    /// Whether changed workloads roll out at once; otherwise at [`Memory::roll_out`](super::Memory::roll_out).
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub auto_rollout: bool,
    /// EKS Pod Identity associations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_identity_associations: Vec<PodIdentityAssociation>,
    /// Namespaces by name.
    #[serde(default)]
    pub namespaces: BTreeMap<Namespace, WorldNamespace>,
}

impl Default for WorldCluster {
    fn default() -> Self {
        Self {
            status: active(),
            issuer: None,
            endpoint: None,
            certificate_authority: None,
            pod_identity_webhook: true,
            auto_rollout: true,
            pod_identity_associations: Vec::new(),
            namespaces: BTreeMap::new(),
        }
    }
}

/// A namespace of a [`WorldCluster`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldNamespace {
    /// Service accounts by name.
    #[serde(default)]
    pub service_accounts: BTreeMap<ServiceAccountName, WorldServiceAccount>,
    /// Deployments by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deployments: BTreeMap<WorkloadName, WorldWorkload>,
    /// `StatefulSets` by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stateful_sets: BTreeMap<WorkloadName, WorldWorkload>,
    /// `DaemonSets` by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub daemon_sets: BTreeMap<WorkloadName, WorldWorkload>,
    /// Pods by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pods: BTreeMap<String, WorldPod>,
}

impl WorldNamespace {
    /// The workloads of a kind.
    pub fn workloads(&self, kind: WorkloadKind) -> &BTreeMap<WorkloadName, WorldWorkload> {
        match kind {
            WorkloadKind::Deployment => &self.deployments,
            WorkloadKind::StatefulSet => &self.stateful_sets,
            WorkloadKind::DaemonSet => &self.daemon_sets,
        }
    }

    /// The workloads of a kind, to change them.
    pub fn workloads_mut(&mut self, kind: WorkloadKind) -> &mut BTreeMap<WorkloadName, WorldWorkload> {
        match kind {
            WorkloadKind::Deployment => &mut self.deployments,
            WorkloadKind::StatefulSet => &mut self.stateful_sets,
            WorkloadKind::DaemonSet => &mut self.daemon_sets,
        }
    }
}

/// A service account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldServiceAccount {
    /// The object's uid; made up where it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who owns which fields. Where nobody owns any, the first apply finds them owned by `before-first-apply`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<FieldOwner>,
}

/// A Deployment, `StatefulSet` or `DaemonSet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldWorkload {
    /// The object's uid; made up where it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Annotations of the object itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Pods wanted; of a `DaemonSet`, the nodes there are.
    #[serde(default = "one")]
    pub replicas: i32,
    /// `spec.selector.matchLabels`; left out, `app: <name>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// Labels of the pod template; left out, those of the selector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub template_labels: BTreeMap<String, String>,
    /// Annotations of the pod template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub template_annotations: BTreeMap<String, String>,
    /// `spec.template.spec.serviceAccountName`, and its alias, which the API server keeps equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Containers of the pod template; left out, one with the workload's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// `spec.paused`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    /// Who owns which fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<FieldOwner>,
    /// `metadata.generation`.
    #[serde(default = "first_generation")]
    pub generation: i64,
    /// `status.observedGeneration`.
    #[serde(default = "first_generation")]
    pub observed_generation: i64,
    /// Why the rollout is stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Default for WorldWorkload {
    fn default() -> Self {
        Self {
            uid: String::new(),
            annotations: BTreeMap::new(),
            replicas: one(),
            selector: BTreeMap::new(),
            template_labels: BTreeMap::new(),
            template_annotations: BTreeMap::new(),
            service_account: None,
            containers: Vec::new(),
            paused: false,
            owners: Vec::new(),
            generation: first_generation(),
            observed_generation: first_generation(),
            failure: None,
        }
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldPod {
    /// The service account it runs as.
    pub service_account: ServiceAccountName,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its containers, with what the webhook injected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// Seconds since 1970.
    #[serde(default)]
    pub created_at: i64,
    /// Whether it is being deleted, or has ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ending: bool,
    /// Whether it is available.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub available: bool,
    /// The workload that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PodOwner>,
    /// Which template it was made from; left out, the owner's present one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub template: String,
}

/// The workload that made a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodOwner {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: WorkloadName,
}

impl World {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a world.
    ///
    /// # Errors
    /// `invalid_input` for text that is not JSON, an unknown key or schema version, or an illegal name; with the place.
    pub fn from_json(text: &str) -> Result<Self> {
        stored::read("a world", text)
    }

    /// The world as indented JSON with its keys in a fixed order.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn default_partition() -> String {
    "aws".to_owned()
}

fn root_path() -> IamPath {
    super::build::legal(IamPath::new("/"))
}

fn is_root_path(path: &IamPath) -> bool {
    path.as_str() == "/"
}

fn default_session() -> u32 {
    3600
}

fn active() -> String {
    "ACTIVE".to_owned()
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

fn one() -> i32 {
    1
}

fn first_generation() -> i64 {
    1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
