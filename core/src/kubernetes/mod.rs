//! API servers of Kubernetes through kube.
//!
//! Objects are read and written as JSON, so that no version of the Kubernetes API is chosen here. (kube itself needs one chosen at build
//! time: see ARCHITECTURE.md, "Builds".)

mod access;
mod builder;
mod check;
mod connection;
mod errors;
mod fields;
mod objects;
mod read;
mod rollout;
#[cfg(test)]
mod tests;
mod token;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

pub use builder::{Kubeconfig, KubeconfigText, KubernetesBuilder, ReadyClient};
pub use kube::Client;
pub use token::{BearerToken, TokenSource};

use crate::error::Result;
use crate::ports::{KubernetesRead, KubernetesTarget, KubernetesWrite};
use connection::Connection;

/// API servers, each reached in the way that the [builder](KubernetesBuilder) says: gives ports per cluster.
///
/// Cheap to clone. A connection is made once per cluster and reused.
#[derive(Clone)]
pub struct Kubernetes(Arc<Inner>);

struct Inner {
    builder: KubernetesBuilder,
    connections: Mutex<HashMap<access::Key, Arc<Connection>>>,
}

impl Kubernetes {
    /// How to set it up; [`KubernetesBuilder::build`] finishes.
    pub fn builder() -> KubernetesBuilder {
        KubernetesBuilder::default()
    }

    /// The reading half of a cluster's API server, once it is known to be the one that EKS means: a plan or a report of another cluster
    /// would mislead.
    ///
    /// # Errors
    /// - [`ErrorKind::ConfigInvalid`](crate::ErrorKind::ConfigInvalid): a kubeconfig, context or plugin is missing or broken, there is no
    ///   way to reach this cluster, the process is not inside a cluster, or endpoint or CA are another cluster's (unless
    ///   [`KubernetesBuilder::allow_any_endpoint`]). A target without EKS's half has nothing to be checked against.
    /// - [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): EKS does not tell the cluster's endpoint yet.
    pub async fn read(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesRead>> {
        Ok(self.connection(target).await?)
    }

    /// The writing half of a cluster's API server, checked in the same way.
    ///
    /// # Errors
    /// Those of [`Kubernetes::read`].
    pub async fn write(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesWrite>> {
        Ok(self.connection(target).await?)
    }

    async fn connection(&self, target: &KubernetesTarget) -> Result<Arc<Connection>> {
        let connection = self.connected(target).await?;
        if !self.0.builder.any_endpoint
            && let Some(cluster) = &target.cluster
        {
            check::same_cluster(cluster, connection.server())?;
        }
        Ok(connection)
    }

    async fn connected(&self, target: &KubernetesTarget) -> Result<Arc<Connection>> {
        let key = access::key(&self.0.builder, target);
        // Held while connecting, so that many calls at once make one connection (and run a kubeconfig's plugin once).
        let mut held = self.0.connections.lock().await;
        if let Some(connection) = held.get(&key) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(access::connect(&self.0.builder, target).await?);
        held.insert(key, Arc::clone(&connection));
        Ok(connection)
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kubernetes").field(&self.0.builder).finish()
    }
}
