//! Building worlds in Rust, and the one that the examples start from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::world::{
    Account, AccountPolicy, AccountProvider, AccountRole, World, WorldCluster, WorldNamespace, WorldServiceAccount,
    WorldWorkload,
};
use crate::model::{
    AccountId, Arn, FieldOwner, IamPath, Issuer, Namespace, PodIdentityAssociation, PolicyName, RoleName,
    ServiceAccountName, WorkloadKind, WorkloadName,
};
use crate::policy::Document;

/// The account of [`World::seed`].
const SEED_ACCOUNT: &str = "204393242335";
/// The cluster of [`World::seed`].
const SEED_CLUSTER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora";
/// The issuer of [`World::seed`].
const SEED_ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";

/// What a builder does with a name: worlds are written by hand, so an illegal one is the writer's slip.
pub(super) fn legal<T, E: Display>(name: Result<T, E>) -> T {
    match name {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    }
}

impl World {
    /// The world of the worked example: cluster `devops_aurora` in `ca-central-1`, account 204393242335 with the cluster's
    /// OIDC provider, namespace `devops-aurora-1`, and deployment `connections-app` with two pods that run as `default`.
    pub fn seed() -> Self {
        let field = |name: &str| name.to_owned();
        let app = WorldWorkload {
            replicas: 2,
            owners: vec![FieldOwner {
                manager: "kubectl-client-side-apply".to_owned(),
                apply: false,
                fields: BTreeSet::from([
                    field(".spec.replicas"),
                    field(".spec.selector"),
                    field(".spec.template.metadata.labels.app"),
                    field(".spec.template.spec.containers"),
                ]),
                time: None,
            }],
            ..WorldWorkload::default()
        };
        Self::new()
            .account(SEED_ACCOUNT, Account::new().provider(SEED_ISSUER, ["sts.amazonaws.com"]))
            .cluster(
                SEED_CLUSTER,
                WorldCluster::new(SEED_ISSUER)
                    .namespace("devops-aurora-1", WorldNamespace::new().deployment("connections-app", app)),
            )
            .filled()
    }

    /// Adds or replaces an account.
    ///
    /// # Panics
    /// When the id is not 12 digits.
    pub fn account(mut self, id: &str, account: Account) -> Self {
        self.accounts.insert(legal(AccountId::new(id)), account);
        self
    }

    /// Adds or replaces a cluster.
    ///
    /// # Panics
    /// When the ARN is not one.
    pub fn cluster(mut self, arn: &str, cluster: WorldCluster) -> Self {
        self.clusters.insert(legal(Arn::new(arn)), cluster);
        self
    }

    /// Adds or replaces a file.
    pub fn file(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Account {
    /// An account without roles, policies and providers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a role.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn role(mut self, name: &str, role: AccountRole) -> Self {
        self.roles.insert(legal(RoleName::new(name)), role);
        self
    }

    /// Adds or replaces a customer-managed policy with this document as its only version.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn policy(mut self, name: &str, document: Document) -> Self {
        let policy = AccountPolicy {
            path: legal(IamPath::new("/")),
            description: None,
            versions: BTreeMap::from([("v1".to_owned(), document)]),
            default_version: "v1".to_owned(),
            last_version: 1,
            tags: BTreeMap::new(),
        };
        self.policies.insert(legal(PolicyName::new(name)), policy);
        self
    }

    /// Adds or replaces an OIDC provider.
    ///
    /// # Panics
    /// When the issuer is illegal.
    pub fn provider<'a>(mut self, issuer: &str, client_ids: impl IntoIterator<Item = &'a str>) -> Self {
        let client_ids = client_ids.into_iter().map(str::to_owned).collect();
        self.oidc_providers.insert(legal(Issuer::new(issuer)), AccountProvider { client_ids, tags: BTreeMap::new() });
        self
    }
}

impl AccountRole {
    /// A role with this trust policy and nothing else.
    pub fn new(trust: Document) -> Self {
        Self {
            unique_id: String::new(),
            path: legal(IamPath::new("/")),
            description: None,
            max_session_duration: 3600,
            permissions_boundary: None,
            trust,
            tags: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            inline_policies: BTreeMap::new(),
        }
    }

    /// Attaches a managed policy.
    ///
    /// # Panics
    /// When the ARN is not one.
    pub fn attached(mut self, policy: &str) -> Self {
        self.attached_policies.insert(legal(Arn::new(policy)));
        self
    }

    /// Adds an inline policy.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn inline(mut self, name: &str, document: Document) -> Self {
        self.inline_policies.insert(legal(PolicyName::new(name)), document);
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

impl WorldCluster {
    /// An active cluster with this issuer.
    ///
    /// # Panics
    /// When the issuer is illegal.
    pub fn new(issuer: &str) -> Self {
        Self { issuer: Some(legal(Issuer::new(issuer))), ..Self::default() }
    }

    /// Adds or replaces a namespace.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn namespace(mut self, name: &str, namespace: WorldNamespace) -> Self {
        self.namespaces.insert(legal(Namespace::new(name)), namespace);
        self
    }

    /// Adds an EKS Pod Identity association.
    ///
    /// # Panics
    /// When a name is illegal.
    pub fn pod_identity(mut self, namespace: &str, service_account: &str) -> Self {
        self.pod_identity_associations.push(PodIdentityAssociation {
            id: format!("a-{:017}", self.pod_identity_associations.len() + 1),
            namespace: legal(Namespace::new(namespace)),
            service_account: legal(ServiceAccountName::new(service_account)),
            owner_arn: None,
        });
        self
    }
}

impl WorldNamespace {
    /// A namespace with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a service account.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn service_account(mut self, name: &str, account: WorldServiceAccount) -> Self {
        self.service_accounts.insert(legal(ServiceAccountName::new(name)), account);
        self
    }

    /// Adds or replaces a Deployment.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn deployment(self, name: &str, workload: WorldWorkload) -> Self {
        self.workload(WorkloadKind::Deployment, name, workload)
    }

    /// Adds or replaces a workload.
    ///
    /// # Panics
    /// When the name is illegal.
    pub fn workload(mut self, kind: WorkloadKind, name: &str, workload: WorldWorkload) -> Self {
        self.workloads_mut(kind).insert(legal(WorkloadName::new(name)), workload);
        self
    }
}

impl WorldServiceAccount {
    /// A service account with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an annotation that `manager` owns by server-side apply.
    pub fn annotation(mut self, key: &str, value: impl Into<String>, manager: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        own(&mut self.owners, manager, format!(".metadata.annotations.{key}"));
        self
    }

    /// Adds a label that `manager` owns by server-side apply.
    pub fn label(mut self, key: &str, value: impl Into<String>, manager: &str) -> Self {
        self.labels.insert(key.to_owned(), value.into());
        own(&mut self.owners, manager, format!(".metadata.labels.{key}"));
        self
    }
}

impl WorldWorkload {
    /// A workload with this number of pods, running as `default`.
    pub fn new(replicas: i32) -> Self {
        Self { replicas, ..Self::default() }
    }

    /// Sets the service account, which `manager` owns by server-side apply.
    pub fn running_as(mut self, service_account: impl Into<String>, manager: &str) -> Self {
        self.service_account = Some(service_account.into());
        own(&mut self.owners, manager, ".spec.template.spec.serviceAccountName".to_owned());
        self
    }

    /// Puts rollouts on hold.
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }
}

fn own(owners: &mut Vec<FieldOwner>, manager: &str, field: String) {
    if let Some(owner) = owners.iter_mut().find(|owner| owner.manager == manager && owner.apply) {
        owner.fields.insert(field);
    } else {
        let fields = BTreeSet::from([field]);
        owners.push(FieldOwner { manager: manager.to_owned(), apply: true, fields, time: None });
    }
}
