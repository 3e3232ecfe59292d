//! Kubernetes, as podrole needs it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{Namespace, Pod, ServiceAccount, ServiceAccountName, Workload, WorkloadRef};

/// The field manager of the default owner; every other owner's is its own name, so that two owners do not touch each other's fields.
pub const FIELD_MANAGER: &str = "podrole";

/// The reading half of one cluster's API server.
///
/// # Behavior
/// - What does not exist is `Ok(None)`; an RBAC refusal is `permission_denied` with the verb and resource that are missing.
#[async_trait]
pub trait KubernetesRead: Send + Sync {
    /// Whether the namespace exists.
    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool>;
    /// A service account.
    async fn service_account(&self, namespace: &Namespace, name: &ServiceAccountName)
    -> Result<Option<ServiceAccount>>;
    /// A Deployment, StatefulSet or DaemonSet.
    async fn workload(&self, workload: &WorkloadRef) -> Result<Option<Workload>>;
    /// The pods that run as a service account (field selector `spec.serviceAccountName`), all pages.
    async fn pods(&self, namespace: &Namespace, service_account: &ServiceAccountName) -> Result<Vec<Pod>>;
}

/// Everything podrole wants to own on a service account: what it owned before and is not named here is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountApply {
    /// The field manager to own it under.
    pub manager: String,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: ServiceAccountName,
    /// The uid it must have; `None` lets it be created.
    pub uid: Option<String>,
    /// Annotations to own.
    pub annotations: BTreeMap<String, String>,
    /// Labels to own.
    pub labels: BTreeMap<String, String>,
    /// Take fields over from other managers.
    pub force: bool,
}

/// What the undo puts back on a service account: values that an apply took over from other managers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountRestore {
    /// The field manager that took them over.
    pub manager: String,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: ServiceAccountName,
    /// The uid it must have.
    pub uid: String,
    /// Annotations to set.
    pub annotations: BTreeMap<String, String>,
    /// Labels to set.
    pub labels: BTreeMap<String, String>,
}

/// Everything podrole wants to own on a workload: what it owned before and is not named here is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadApply {
    /// The field manager to own it under.
    pub manager: String,
    /// Which workload.
    pub workload: WorkloadRef,
    /// The uid it must have: a workload is never created.
    pub uid: String,
    /// The service account to own, in both of its fields. `None` owns neither: a service account that podrole applied before is removed, unless
    /// another manager owns it too; one that podrole does not own stays.
    pub service_account: Option<String>,
    /// Annotations of the object to own.
    pub annotations: BTreeMap<String, String>,
    /// Annotations of the pod template to own.
    pub template_annotations: BTreeMap<String, String>,
    /// Take fields over from other managers.
    pub force: bool,
}

/// What the undo puts back on a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadRestore {
    /// The field manager that changed it.
    pub manager: String,
    /// Which workload.
    pub workload: WorkloadRef,
    /// The uid it must have.
    pub uid: String,
    /// The service account to set in both fields; empty removes both; `None` leaves them alone.
    pub service_account: Option<String>,
    /// Annotations of the object to remove.
    pub remove_annotations: Vec<String>,
    /// Annotations of the pod template to remove.
    pub remove_template_annotations: Vec<String>,
}

/// The writing half of one cluster's API server.
///
/// # Behavior
/// - A field that another manager owns with another value is `conflict` with the owners, and nothing is written, unless `force`.
/// - A uid that does not match is `conflict` without owners (code `Conflict`); an absent namespace is `not_found`.
/// - Applying the same again changes nothing.
/// - What a restore sets belongs to the field manager by update, and is in the way of none of its later applies.
#[async_trait]
pub trait KubernetesWrite: Send + Sync {
    /// Server-side apply of a service account; `true` when it was created by this call.
    async fn apply_service_account(&self, apply: &ServiceAccountApply) -> Result<bool>;
    /// Merge patch that restores what an earlier apply took over.
    async fn restore_service_account(&self, restore: &ServiceAccountRestore) -> Result<()>;
    /// Deletes a service account, only with this uid.
    async fn delete_service_account(&self, namespace: &Namespace, name: &ServiceAccountName, uid: &str) -> Result<()>;
    /// Server-side apply on an existing workload.
    async fn apply_workload(&self, apply: &WorkloadApply) -> Result<()>;
    /// Merge patch that restores what an earlier apply replaced.
    async fn restore_workload(&self, restore: &WorkloadRestore) -> Result<()>;
}
