//! Which simulated account, region or API server a target means.

use std::sync::Arc;

use async_trait::async_trait;

use super::Memory;
use super::eks::{Eks, Sts, cluster_name, describe};
use super::files::Files;
use super::iam_read::Iam;
use super::kubernetes::Kubernetes;
use super::state::{State, no_credentials};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AccountId, Arn, Region};
use crate::ports::{
    AwsTarget, Clock, EksRead, FilesRead, FilesWrite, IamRead, IamWrite, KubernetesRead, KubernetesTarget,
    KubernetesWrite, Reads, StsRead, Writes,
};

/// All ports of one simulation.
pub(super) struct Ports(pub(super) Memory);

impl Ports {
    fn account(&self, target: &AwsTarget) -> Result<(AccountId, Arn)> {
        let state = self.0.lock();
        let world = &state.world;
        let wanted = target.account.as_ref().or(world.home_account.as_ref());
        let Some(id) = wanted.or_else(|| world.accounts.keys().next()).cloned() else {
            return Err(
                Error::new(ErrorKind::Credentials, "the world has no account").remedy("add one under `accounts`")
            );
        };
        let account = world.accounts.get(&id).ok_or_else(|| no_credentials(&id))?;
        let operator = format!("arn:{}:sts::{id}:assumed-role/operator/podrole", account.partition);
        let caller = account.caller.clone().map_or_else(|| Arn::new(operator), Ok)?;
        Ok((id, caller))
    }

    fn region(&self, target: &AwsTarget) -> Result<Region> {
        let state = self.0.lock();
        let world = &state.world;
        if let Some(region) = target.region.as_ref().or(world.home_region.as_ref()) {
            return Ok(region.clone());
        }
        let mut regions: Vec<&str> = world.clusters.keys().map(Arn::region).collect();
        regions.sort_unstable();
        regions.dedup();
        match regions.as_slice() {
            [only] => Ok(Region::new(*only)?),
            _ => Err(Error::new(ErrorKind::ConfigInvalid, "no region is given, and the world does not have just one")
                .remedy("name the region, or set `homeRegion` in the world")),
        }
    }

    fn iam(&self, target: &AwsTarget) -> Result<Arc<Iam>> {
        let (account, caller) = self.account(target)?;
        Ok(Arc::new(Iam { memory: self.0.clone(), account, caller: caller.to_string() }))
    }

    fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<Kubernetes>> {
        let state = self.0.lock();
        let cluster = api_server(&state, target)?;
        check_cluster(&state, target, &cluster)?;
        drop(state);
        Ok(Arc::new(Kubernetes { memory: self.0.clone(), cluster }))
    }
}

/// The cluster whose API server answers.
fn api_server(state: &State, target: &KubernetesTarget) -> Result<Arn> {
    let name = &target.name;
    if let Some(arn) = state.api_servers.get(name) {
        return Ok(arn.clone());
    }
    if let Some(cluster) = &target.cluster {
        return Ok(cluster.arn.clone());
    }
    let named: Vec<&Arn> = state.world.clusters.keys().filter(|arn| cluster_name(arn).as_ref() == Some(name)).collect();
    match named.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Error::new(ErrorKind::ConfigInvalid, format!("there is no way to reach a cluster named {name}"))
            .resource(format!("cluster {name}"))),
        _ => Err(Error::new(ErrorKind::ConfigInvalid, format!("several clusters are named {name}"))
            .resource(format!("cluster {name}"))
            .remedy("name it by its ARN")),
    }
}

/// That the API server is the one that EKS means.
fn check_cluster(state: &State, target: &KubernetesTarget, reached: &Arn) -> Result<()> {
    let Some(wanted) = &target.cluster else { return Ok(()) };
    let Some(found) = describe(&state.world, reached) else { return Ok(()) };
    let differs = |what: &str, wanted: Option<&str>, found: Option<&str>| {
        let message = format!(
            "the Kubernetes connection leads to another cluster: EKS gives the {what} {}, the connection has {}",
            wanted.unwrap_or("none"),
            found.unwrap_or("none")
        );
        Err(Error::new(ErrorKind::ConfigInvalid, message)
            .resource(format!("cluster {}", target.name))
            .remedy("choose the context of this cluster"))
    };
    if wanted.endpoint != found.endpoint {
        return differs("endpoint", wanted.endpoint.as_deref(), found.endpoint.as_deref());
    }
    if wanted.certificate_authority != found.certificate_authority {
        return differs("CA", Some("of another key"), Some("its own"));
    }
    Ok(())
}

#[async_trait]
impl Reads for Ports {
    async fn eks(&self, target: &AwsTarget) -> Result<Arc<dyn EksRead>> {
        let (account, caller) = self.account(target)?;
        let region = self.region(target)?;
        Ok(Arc::new(Eks { memory: self.0.clone(), account, region, caller: caller.to_string() }))
    }

    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamRead>> {
        Ok(Self::iam(self, target)?)
    }

    async fn sts(&self, target: &AwsTarget) -> Result<Arc<dyn StsRead>> {
        let (_, caller) = self.account(target)?;
        Ok(Arc::new(Sts { memory: self.0.clone(), caller }))
    }

    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesRead>> {
        Ok(Self::kubernetes(self, target)?)
    }

    fn files(&self) -> Arc<dyn FilesRead> {
        Arc::new(Files(self.0.clone()))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.0.clock.clone())
    }
}

#[async_trait]
impl Writes for Ports {
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamWrite>> {
        Ok(Self::iam(self, target)?)
    }

    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesWrite>> {
        Ok(Self::kubernetes(self, target)?)
    }

    fn files(&self) -> Arc<dyn FilesWrite> {
        Arc::new(Files(self.0.clone()))
    }
}
