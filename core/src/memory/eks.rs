//! EKS and STS in the simulation.

use async_trait::async_trait;

use super::Memory;
use super::state::{CallRecord, State};
use super::world::World;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    AccountId, Arn, Cluster, ClusterName, Namespace, PodIdentityAssociation, Region, ServiceAccountName,
};
use crate::ports::{EksRead, StsRead};

/// EKS of one account and region.
pub(super) struct Eks {
    pub(super) memory: Memory,
    pub(super) account: AccountId,
    pub(super) region: Region,
    pub(super) caller: String,
}

/// What EKS tells of a cluster of the world.
pub(super) fn describe(world: &World, arn: &Arn) -> Option<Cluster> {
    let held = world.clusters.get(arn)?;
    Some(Cluster {
        name: cluster_name(arn)?,
        arn: arn.clone(),
        status: held.status.clone(),
        issuer: held.issuer.clone(),
        endpoint: held.endpoint.clone(),
        certificate_authority: held.certificate_authority.clone(),
    })
}

/// The name in the ARN of a cluster.
pub(super) fn cluster_name(arn: &Arn) -> Option<ClusterName> {
    arn.resource().strip_prefix("cluster/").and_then(|name| ClusterName::new(name).ok())
}

impl Eks {
    fn find(&self, state: &State, name: &ClusterName) -> Option<Arn> {
        let here = |arn: &&Arn| {
            arn.account().as_ref() == Some(&self.account)
                && arn.region() == self.region.as_str()
                && cluster_name(arn).as_ref() == Some(name)
        };
        state.world.clusters.keys().find(here).cloned()
    }
}

#[async_trait]
impl EksRead for Eks {
    async fn cluster(&self, name: &ClusterName) -> Result<Option<Cluster>> {
        let call = CallRecord::read("eks:DescribeCluster", format!("cluster {name}"));
        self.memory
            .call(&self.caller, call, |state| Ok(self.find(state, name).and_then(|arn| describe(&state.world, &arn))))
            .await
    }

    async fn pod_identity_associations(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        service_account: &ServiceAccountName,
    ) -> Result<Vec<PodIdentityAssociation>> {
        let resource = format!("service account {namespace}/{service_account} in cluster {cluster}");
        let call = CallRecord::read("eks:ListPodIdentityAssociations", resource);
        self.memory
            .call(&self.caller, call, |state| {
                let arn = self.find(state, cluster).ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, format!("No cluster found for name: {cluster}."))
                        .code("ResourceNotFoundException")
                })?;
                let all = &state.cluster(&arn)?.pod_identity_associations;
                let of = |known: &&PodIdentityAssociation| {
                    known.namespace == *namespace && known.service_account == *service_account
                };
                Ok(all.iter().filter(of).cloned().collect())
            })
            .await
    }
}

/// STS with the credentials of one account.
pub(super) struct Sts {
    pub(super) memory: Memory,
    pub(super) caller: Arn,
}

#[async_trait]
impl StsRead for Sts {
    async fn caller(&self) -> Result<Arn> {
        let call = CallRecord::read("sts:GetCallerIdentity", "caller");
        self.memory.call(self.caller.as_str(), call, |_| Ok(self.caller.clone())).await
    }
}
