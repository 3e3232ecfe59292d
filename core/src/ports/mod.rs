//! What the core needs from outside, as traits over its own types, split into reading and writing halves.
//!
//! `observe` and `verify` are given [`Reads`] alone, so that they cannot write, by type.

mod calls;
mod eks;
mod iam;
mod kubernetes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use calls::{Call, CallLog, traced};
pub use eks::{EksRead, StsRead};
pub use iam::{IamRead, IamWrite};
pub use kubernetes::{
    FIELD_MANAGER, KubernetesRead, KubernetesWrite, ServiceAccountApply, ServiceAccountRestore, WorkloadApply,
    WorkloadRestore,
};

use crate::error::Result;
use crate::model::{AccountId, Cluster, ClusterName, Region};

/// Where an AWS call goes. `None` means "as the credentials and configuration say".
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsTarget {
    /// The account whose credentials are wanted.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Option<Region>,
}

/// Which cluster's API server is wanted: its name, and what EKS tells of it (absent when the grant has no AWS half).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesTarget {
    /// The cluster's name.
    pub name: ClusterName,
    /// Endpoint and CA as EKS knows them: what the connection is made from, or checked against.
    pub cluster: Option<Cluster>,
}

/// Text files inside one root folder.
///
/// # Behavior
/// - Paths are relative to the root; a path that leads outside is `invalid_input`.
/// - A write is atomic (all or nothing) and only happens while the file still holds `expected`; else it is `plan_stale`.
#[async_trait]
pub trait FilesRead: Send + Sync {
    /// The file's text; `None` when there is no such file.
    async fn read(&self, path: &str) -> Result<Option<String>>;
}

/// The writing half of [`FilesRead`].
#[async_trait]
pub trait FilesWrite: Send + Sync {
    /// Replaces a file's text, if it still holds `expected`.
    async fn write(&self, path: &str, expected: &str, text: &str) -> Result<()>;
}

/// Time, so that waits can be simulated.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Seconds since 1970.
    fn now(&self) -> i64;
    /// A monotonic reading, for durations.
    fn elapsed(&self) -> Duration;
    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The reading half of a backend: gives a port per account, region and cluster.
#[async_trait]
pub trait Reads: Send + Sync {
    /// EKS in an account and region.
    async fn eks(&self, target: &AwsTarget) -> Result<Arc<dyn EksRead>>;
    /// IAM in an account.
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamRead>>;
    /// STS in a region.
    async fn sts(&self, target: &AwsTarget) -> Result<Arc<dyn StsRead>>;
    /// The API server of a cluster. Where it is another's than EKS tells (a wrong kubeconfig), that is `config_invalid`.
    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesRead>>;
    /// Files.
    fn files(&self) -> Arc<dyn FilesRead>;
    /// Time.
    fn clock(&self) -> Arc<dyn Clock>;
}

/// The writing half of a backend.
#[async_trait]
pub trait Writes: Send + Sync {
    /// IAM in an account.
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamWrite>>;
    /// The API server of a cluster, once it is known to be the cluster that EKS means (endpoint and CA); otherwise `config_invalid`.
    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesWrite>>;
    /// Files.
    fn files(&self) -> Arc<dyn FilesWrite>;
}

/// A set of ports, real or simulated.
#[derive(Clone)]
pub struct Backend {
    /// Its reading half.
    pub reads: Arc<dyn Reads>,
    /// Its writing half.
    pub writes: Arc<dyn Writes>,
}
