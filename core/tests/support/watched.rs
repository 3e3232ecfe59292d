//! A reading half that somebody watches.

use std::sync::Arc;

use async_trait::async_trait;
use podrole::Result;
use podrole::ports::{AwsTarget, Clock, EksRead, FilesRead, IamRead, KubernetesRead, KubernetesTarget, Reads, StsRead};

/// Another reading half, with something that is done before it gives an API server.
pub struct Watched {
    pub inner: Arc<dyn Reads>,
    pub before_kubernetes: Box<dyn Fn(&KubernetesTarget) + Send + Sync>,
}

#[async_trait]
impl Reads for Watched {
    async fn eks(&self, target: &AwsTarget) -> Result<Arc<dyn EksRead>> {
        self.inner.eks(target).await
    }

    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamRead>> {
        self.inner.iam(target).await
    }

    async fn sts(&self, target: &AwsTarget) -> Result<Arc<dyn StsRead>> {
        self.inner.sts(target).await
    }

    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesRead>> {
        (self.before_kubernetes)(target);
        self.inner.kubernetes(target).await
    }

    fn files(&self) -> Arc<dyn FilesRead> {
        self.inner.files()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }
}
