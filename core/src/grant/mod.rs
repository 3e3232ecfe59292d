//! What the caller wants, in one canonical long form: this is what is stored, hashed, and sent between languages.
//!
//! Short forms (a bare policy name, `namespace/name`) are accepted by the [file reader](crate::grant::file) and the builder functions, and
//! become this form. Every field has a default except `cluster`, `serviceAccount` and `role`.

mod check;
pub mod file;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{CheckedGrant, CheckedPolicy, CheckedSubject, CheckedWorkload, DocumentSource, PolicyContent};
pub(crate) use check::{OWN_PREFIX, cross_account, grant_id, short_hash};

use crate::model::WorkloadKind;
use crate::policy::{Document, S3Access};
use crate::schema::SchemaVersion;

/// Pods that run as a service account on a cluster act as an IAM role.
///
/// ```
/// use podrole::Grant;
///
/// let grant = Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
///     .policy("AmazonS3FullAccess")
///     .deployment("connections-app");
/// grant.check()?;
/// # Ok::<(), podrole::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Version of this format, 1.
    #[serde(default)]
    pub schema_version: SchemaVersion,
    /// How pods get the role's credentials.
    #[serde(default)]
    pub mechanism: Mechanism,
    /// Which half to work on.
    #[serde(default)]
    pub scope: Scope,
    /// The cluster.
    pub cluster: ClusterSelector,
    /// The service account.
    pub service_account: ServiceAccountGrant,
    /// The role.
    pub role: RoleGrant,
    /// The IAM OIDC provider of the cluster.
    #[serde(default)]
    pub provider: ProviderGrant,
    /// Who may assume the role.
    #[serde(default)]
    pub trust: TrustGrant,
    /// The token that pods present to STS.
    #[serde(default)]
    pub token: TokenGrant,
    /// What the role may do.
    #[serde(default)]
    pub policies: Vec<PolicyGrant>,
    /// Workloads that run as the service account, patched on the cluster.
    #[serde(default)]
    pub workloads: Vec<WorkloadGrant>,
    /// Workloads that run as the service account, by an edit of a `kustomization.yaml`.
    #[serde(default)]
    pub kustomizations: Vec<KustomizationGrant>,
    /// Other roles that let the role assume them.
    #[serde(default)]
    pub data_syncs: Vec<DataSyncGrant>,
}

/// How pods get credentials. Later versions add Pod Identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mechanism {
    /// IAM roles for service accounts: the cluster's OIDC issuer and `AssumeRoleWithWebIdentity`.
    #[default]
    Irsa,
}

/// Which half of a grant to work on. A half that is left out needs no credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Role, provider, policies and data syncs only.
    Iam,
    /// Service account and workloads only; the role must be given by ARN.
    Kubernetes,
    /// Everything.
    #[default]
    Both,
}

impl Scope {
    /// Whether AWS is worked on.
    pub fn has_iam(self) -> bool {
        self != Self::Kubernetes
    }

    /// Whether Kubernetes is worked on.
    pub fn has_kubernetes(self) -> bool {
        self != Self::Iam
    }
}

/// How far podrole may go with a thing that may exist already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Manage {
    /// Never write it: it must exist and be as the grant says.
    Observe,
    /// Create it when absent; add what the grant needs to an existing one and keep everything else.
    #[default]
    Merge,
    /// Make it what the grant says, also where others set it before.
    Own,
}

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSelector {
    /// Its name.
    pub name: String,
    /// Its region; default: the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its account; default: the credentials'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// Which service account, and what else to set on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountGrant {
    /// Its namespace, which must exist.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How far podrole may go. With `own`, fields are taken from other field managers.
    #[serde(default)]
    pub manage: Manage,
    /// Labels to set.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Which role, and what it looks like. On a role that podrole did not create, everything below `manage` is only set with `manage: own`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleGrant {
    /// Its name, 1–64 characters.
    pub name: String,
    /// Its ARN, when it was given by ARN: its account may differ from the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// How far podrole may go.
    #[serde(default)]
    pub manage: Manage,
    /// Its path, default `/`.
    #[serde(default = "root_path")]
    pub path: String,
    /// Its description, at most 1000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Session length in seconds, 3600–43200, default 3600.
    #[serde(default = "default_session")]
    pub max_session_duration: u32,
    /// ARN of the managed policy that bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// Tags, at most 50 with podrole's own.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn root_path() -> String {
    "/".to_owned()
}

fn default_session() -> u32 {
    3600
}

/// What podrole may do with the IAM OIDC provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderGrant {
    /// `merge` (default) creates a missing provider and adds a missing audience; `observe` refuses instead. `own` is the same as `merge`.
    #[serde(default)]
    pub manage: Manage,
}

/// Who may assume the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustGrant {
    /// The audience that tokens must carry; `sts.amazonaws.com` in every partition.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// Further service accounts, as `namespace/name`; a `*` in one trusts every match, and is never implied.
    #[serde(default)]
    pub service_accounts: Vec<String>,
    /// Further conditions: operator → key → values.
    #[serde(default)]
    pub conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

fn default_audience() -> String {
    "sts.amazonaws.com".to_owned()
}

impl Default for TrustGrant {
    fn default() -> Self {
        Self { audience: default_audience(), service_accounts: Vec::new(), conditions: BTreeMap::new() }
    }
}

/// Annotations for the pod-identity webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenGrant {
    /// Life of the projected token in seconds, 600–86400; default: the webhook's, 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u32>,
    /// Whether SDKs call the regional STS endpoint; default: the cluster's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regional_endpoints: Option<bool>,
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicySource {
    /// AWS's own, by `name`; its path is looked up.
    AwsManaged,
    /// A customer-managed policy of the role's account, by `name` and `path`.
    Customer,
    /// Any managed policy, by `arn`.
    Arn,
    /// Made from `document`.
    Document,
    /// Made from the `s3` preset.
    S3,
}

/// One policy of the role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyGrant {
    /// Where it comes from.
    pub source: PolicySource,
    /// Its name; with `arn`, absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Its path, default `/`.
    #[serde(default = "root_path")]
    pub path: String,
    /// Whether a document becomes an inline policy of the role instead of a customer-managed policy.
    #[serde(default)]
    pub inline: bool,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// The S3 preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Grant>,
    /// `own` lets a document replace one that podrole did not write.
    #[serde(default)]
    pub manage: Manage,
}

/// Least-privilege access to S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Grant {
    /// Buckets by name.
    pub buckets: Vec<String>,
    /// Key prefixes that the access is limited to, the same in every bucket; empty for whole buckets.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// What may be done.
    pub access: S3Access,
}

/// One workload that runs as the service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadGrant {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm).
    #[serde(default)]
    pub manage: Manage,
    /// Whether pods that are older than the annotation are replaced; default yes.
    #[serde(default = "yes")]
    pub restart: bool,
}

fn yes() -> bool {
    true
}

/// One workload that a kustomization points at the service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KustomizationGrant {
    /// Path of the `kustomization.yaml`, relative to the client's file root.
    pub path: String,
    /// The workload's kind.
    pub kind: WorkloadKind,
    /// The workload's name.
    pub name: String,
}

/// Another role, of the same account, that lets the grant's role assume it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataSyncGrant {
    /// The other role's name or ARN; it must exist.
    pub role: String,
    /// Account that S3 must be acting for (`aws:SourceAccount`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    /// External id that the grant's role must present (`sts:ExternalId`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

impl Grant {
    /// The smallest grant: `cluster` by name or ARN, `service_account` as `namespace/name`, `role` by name or ARN.
    ///
    /// Nothing is checked here: [`Grant::check`] does, and every verb does before its first call.
    pub fn new(cluster: impl AsRef<str>, service_account: impl AsRef<str>, role: impl AsRef<str>) -> Self {
        Self {
            schema_version: SchemaVersion,
            mechanism: Mechanism::default(),
            scope: Scope::default(),
            cluster: ClusterSelector::parse(cluster.as_ref()),
            service_account: ServiceAccountGrant::parse(service_account.as_ref()),
            role: RoleGrant::parse(role.as_ref()),
            provider: ProviderGrant::default(),
            trust: TrustGrant::default(),
            token: TokenGrant::default(),
            policies: Vec::new(),
            workloads: Vec::new(),
            kustomizations: Vec::new(),
            data_syncs: Vec::new(),
        }
    }

    /// Adds a managed policy, by AWS-managed name or by ARN.
    pub fn policy(mut self, policy: impl AsRef<str>) -> Self {
        self.policies.push(PolicyGrant::parse(policy.as_ref()));
        self
    }

    /// Adds a customer-managed policy of the role's account, by name.
    pub fn customer_policy(mut self, name: impl Into<String>) -> Self {
        self.policies.push(PolicyGrant { name: Some(name.into()), ..PolicyGrant::of(PolicySource::Customer) });
        self
    }

    /// Adds a customer-managed policy that podrole creates and updates from a document.
    pub fn policy_document(mut self, name: impl Into<String>, document: Document) -> Self {
        self.policies.push(PolicyGrant {
            name: Some(name.into()),
            document: Some(document),
            ..PolicyGrant::of(PolicySource::Document)
        });
        self
    }

    /// Adds an inline policy of the role from a document.
    pub fn inline_policy(mut self, name: impl Into<String>, document: Document) -> Self {
        self = self.policy_document(name, document);
        if let Some(policy) = self.policies.last_mut() {
            policy.inline = true;
        }
        self
    }

    /// Adds an inline policy with least-privilege access to S3 buckets.
    pub fn s3(
        mut self,
        name: impl Into<String>,
        buckets: impl IntoIterator<Item = impl Into<String>>,
        access: S3Access,
    ) -> Self {
        let s3 = S3Grant { buckets: buckets.into_iter().map(Into::into).collect(), prefixes: Vec::new(), access };
        self.policies.push(PolicyGrant {
            name: Some(name.into()),
            s3: Some(s3),
            inline: true,
            ..PolicyGrant::of(PolicySource::S3)
        });
        self
    }

    /// Adds any policy in its long form.
    pub fn policy_grant(mut self, policy: PolicyGrant) -> Self {
        self.policies.push(policy);
        self
    }

    /// Adds a Deployment in the service account's namespace.
    pub fn deployment(self, name: impl Into<String>) -> Self {
        self.workload(WorkloadGrant::new(WorkloadKind::Deployment, name))
    }

    /// Adds a StatefulSet in the service account's namespace.
    pub fn stateful_set(self, name: impl Into<String>) -> Self {
        self.workload(WorkloadGrant::new(WorkloadKind::StatefulSet, name))
    }

    /// Adds a DaemonSet in the service account's namespace.
    pub fn daemon_set(self, name: impl Into<String>) -> Self {
        self.workload(WorkloadGrant::new(WorkloadKind::DaemonSet, name))
    }

    /// Adds any workload in its long form.
    pub fn workload(mut self, workload: WorkloadGrant) -> Self {
        self.workloads.push(workload);
        self
    }

    /// Adds an edit of a `kustomization.yaml` that points a Deployment at the service account.
    pub fn kustomization(mut self, path: impl Into<String>, deployment: impl Into<String>) -> Self {
        self.kustomizations.push(KustomizationGrant {
            path: path.into(),
            kind: WorkloadKind::Deployment,
            name: deployment.into(),
        });
        self
    }

    /// Lets the role assume another role of its account, and S3 with it ("Authorize for Data Syncs").
    pub fn data_sync(mut self, role: impl Into<String>) -> Self {
        self.data_syncs.push(DataSyncGrant { role: role.into(), source_account: None, external_id: None });
        self
    }

    /// Adds a data sync with conditions.
    pub fn data_sync_grant(mut self, data_sync: DataSyncGrant) -> Self {
        self.data_syncs.push(data_sync);
        self
    }

    /// Sets the role's description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.role.description = Some(description.into());
        self
    }

    /// Sets one tag of the role.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.role.tags.insert(key.into(), value.into());
        self
    }

    /// How far podrole may go with an existing role.
    pub fn manage_role(mut self, manage: Manage) -> Self {
        self.role.manage = manage;
        self
    }

    /// Which half to work on.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// `namespace/name` of the service account.
    pub fn subject(&self) -> String {
        format!("{}/{}", self.service_account.namespace, self.service_account.name)
    }
}

impl ClusterSelector {
    /// A cluster by name or by ARN.
    pub fn parse(text: &str) -> Self {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        if let ["arn", _, "eks", region, account, resource] = parts[..]
            && let Some(name) = resource.strip_prefix("cluster/")
        {
            return Self { name: name.to_owned(), region: Some(region.to_owned()), account: Some(account.to_owned()) };
        }
        Self { name: text.to_owned(), region: None, account: None }
    }
}

impl ServiceAccountGrant {
    /// A service account as `namespace/name`.
    pub fn parse(text: &str) -> Self {
        let (namespace, name) = text.split_once('/').unwrap_or(("", text));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            manage: Manage::default(),
            labels: BTreeMap::new(),
        }
    }
}

impl RoleGrant {
    /// A role by name or by ARN.
    pub fn parse(text: &str) -> Self {
        let mut role = Self {
            name: text.to_owned(),
            arn: None,
            manage: Manage::default(),
            path: root_path(),
            description: None,
            max_session_duration: default_session(),
            permissions_boundary: None,
            tags: BTreeMap::new(),
        };
        if text.starts_with("arn:") {
            role.arn = Some(text.to_owned());
            if let Some((_, resource)) = text.split_once(":role/") {
                let (path, name) = resource.rsplit_once('/').unwrap_or(("", resource));
                name.clone_into(&mut role.name);
                role.path = if path.is_empty() { root_path() } else { format!("/{path}/") };
            }
        }
        role
    }
}

impl PolicyGrant {
    /// A managed policy by AWS-managed name or by ARN.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("arn:") {
            Self { arn: Some(text.to_owned()), ..Self::of(PolicySource::Arn) }
        } else {
            Self { name: Some(text.to_owned()), ..Self::of(PolicySource::AwsManaged) }
        }
    }

    /// An empty one from a source.
    pub fn of(source: PolicySource) -> Self {
        Self {
            source,
            name: None,
            arn: None,
            path: root_path(),
            inline: false,
            document: None,
            s3: None,
            manage: Manage::default(),
        }
    }
}

impl WorkloadGrant {
    /// A workload with defaults.
    pub fn new(kind: WorkloadKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), manage: Manage::default(), restart: true }
    }
}
