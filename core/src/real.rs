//! Real AWS and real API servers as one backend, and the builder that sets it up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

#[cfg(feature = "aws")]
use crate::aws::{Aws, AwsBuilder, SharedCredentialsProvider};
use crate::client::{Client, ClientOptions};
use crate::error::Result;
#[cfg(not(all(feature = "aws", feature = "kubernetes")))]
use crate::error::{Error, ErrorKind};
use crate::event::Event;
#[cfg(feature = "kubernetes")]
use crate::kubernetes::{Kubeconfig, KubeconfigText, Kubernetes, KubernetesBuilder, ReadyClient, TokenSource};
#[cfg(feature = "aws")]
use crate::model::{AccountId, Region};
use crate::ports::{
    AwsTarget, Backend, Clock, EksRead, FilesRead, FilesWrite, IamRead, IamWrite, KubernetesRead, KubernetesTarget,
    KubernetesWrite, Reads, StsRead, Writes,
};
use crate::system::{Disk, SystemClock};

/// Real services, as far as the features go.
struct Real {
    #[cfg(feature = "aws")]
    aws: AwsOnce,
    #[cfg(feature = "kubernetes")]
    kubernetes: Kubernetes,
    disk: Arc<Disk>,
    clock: Arc<SystemClock>,
}

/// AWS, set up when it is first needed: a grant without an AWS half needs no credentials, region or profile.
#[cfg(feature = "aws")]
#[derive(Clone)]
struct AwsOnce {
    builder: AwsBuilder,
    loaded: Arc<tokio::sync::OnceCell<Aws>>,
}

#[cfg(feature = "aws")]
impl AwsOnce {
    fn new(builder: AwsBuilder) -> Self {
        Self { builder, loaded: Arc::default() }
    }

    async fn get(&self) -> Result<&Aws> {
        self.loaded.get_or_try_init(|| self.builder.clone().load()).await
    }
}

#[cfg(all(feature = "aws", feature = "kubernetes"))]
#[async_trait]
impl crate::kubernetes::TokenSource for AwsOnce {
    async fn token(&self, cluster: &crate::model::Cluster) -> Result<crate::kubernetes::BearerToken> {
        self.get().await?.token(cluster).await
    }
}

#[cfg(not(all(feature = "aws", feature = "kubernetes")))]
fn without(feature: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this build of podrole has no feature `{feature}`"))
        .remedy(format!("build it with the feature `{feature}`, or use a grant whose scope does not need it"))
}

#[async_trait]
impl Reads for Real {
    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    async fn eks(&self, target: &AwsTarget) -> Result<Arc<dyn EksRead>> {
        #[cfg(feature = "aws")]
        return self.aws.get().await?.eks(target);
        #[cfg(not(feature = "aws"))]
        Err(without("aws"))
    }

    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamRead>> {
        #[cfg(feature = "aws")]
        return self.aws.get().await?.iam_read(target);
        #[cfg(not(feature = "aws"))]
        Err(without("aws"))
    }

    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    async fn sts(&self, target: &AwsTarget) -> Result<Arc<dyn StsRead>> {
        #[cfg(feature = "aws")]
        return self.aws.get().await?.sts(target);
        #[cfg(not(feature = "aws"))]
        Err(without("aws"))
    }

    #[cfg_attr(not(feature = "kubernetes"), allow(unused_variables))]
    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesRead>> {
        #[cfg(feature = "kubernetes")]
        return self.kubernetes.read(target).await;
        #[cfg(not(feature = "kubernetes"))]
        Err(without("kubernetes"))
    }

    fn files(&self) -> Arc<dyn FilesRead> {
        self.disk.clone()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }
}

#[async_trait]
impl Writes for Real {
    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamWrite>> {
        #[cfg(feature = "aws")]
        return self.aws.get().await?.iam_write(target);
        #[cfg(not(feature = "aws"))]
        Err(without("aws"))
    }

    #[cfg_attr(not(feature = "kubernetes"), allow(unused_variables))]
    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesWrite>> {
        #[cfg(feature = "kubernetes")]
        return self.kubernetes.write(target).await;
        #[cfg(not(feature = "kubernetes"))]
        Err(without("kubernetes"))
    }

    fn files(&self) -> Arc<dyn FilesWrite> {
        self.disk.clone()
    }
}

/// How the builder was told to reach API servers.
#[cfg(feature = "kubernetes")]
#[derive(Clone, Default)]
enum Access {
    #[default]
    Native,
    Kubeconfig(Kubeconfig),
    KubeconfigText(KubeconfigText),
    Tokens(Arc<dyn TokenSource>),
    InCluster,
}

/// Sets up a [`Client`]: see [`Client::builder`].
///
/// What is not set comes from the environment, as in the tools of both ecosystems: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`,
/// `AWS_ACCESS_KEY_ID` and the other sources of AWS credentials; `KUBECONFIG` once a kubeconfig is asked for.
///
/// ```no_run
/// # #[cfg(feature = "aws")] #[tokio::main(flavor = "current_thread")] async fn main() -> podrole::Result<()> {
/// use std::time::Duration;
///
/// use podrole::Client;
/// use podrole::model::Region;
///
/// let client = Client::builder()
///     .region(Region::new("ca-central-1")?)
///     .profile("platform")
///     .aws_timeout(Duration::from_secs(60))
///     .owner("platform-team")
///     .on_event(|event| eprintln!("{event:?}"))
///     .build()
///     .await?;
/// # drop(client);
/// # Ok(()) }
/// # #[cfg(not(feature = "aws"))] fn main() {}
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    options: ClientOptions,
    root: Option<PathBuf>,
    backend: Option<Backend>,
    #[cfg(feature = "aws")]
    aws: AwsBuilder,
    #[cfg(feature = "kubernetes")]
    kubernetes: KubernetesBuilder,
    #[cfg(feature = "kubernetes")]
    access: Access,
}

impl ClientBuilder {
    /// Who runs podrole: marks and trust statements are theirs, and two owners do not touch each other's things. Default `podrole`.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.options.owner = Some(owner.into());
        self
    }

    /// How long IAM may take until every part of it knows what was just created. Default 60 seconds.
    pub fn propagation(mut self, limit: Duration) -> Self {
        self.options.propagation = Some(limit);
        self
    }

    /// Receives the events of every run of this client, also of runs whose handle was dropped. It must not block.
    pub fn on_event(mut self, sink: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.options.sink = Some(Arc::new(sink));
        self
    }

    /// The folder that paths of kustomizations are relative to, and that no path leads out of. Default: the working directory.
    pub fn file_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// A backend of your own, instead of real services: every other setting but owner, propagation and events is then without effect.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// The client.
    ///
    /// Nothing is called or read yet: credentials are looked up at the first call that needs them.
    ///
    /// # Errors
    /// `invalid_input` for an illegal owner.
    #[allow(clippy::unused_async)] // The bindings and later credential sources await here; the signature is settled.
    pub async fn build(self) -> Result<Client> {
        if let Some(backend) = self.backend {
            return Client::with_options(backend, self.options);
        }
        #[cfg(feature = "aws")]
        let aws = AwsOnce::new(self.aws);
        #[cfg(feature = "kubernetes")]
        let kubernetes = match self.access {
            Access::Kubeconfig(kubeconfig) => self.kubernetes.kubeconfig(kubeconfig),
            Access::KubeconfigText(kubeconfig) => self.kubernetes.kubeconfig_text(kubeconfig),
            Access::Tokens(source) => self.kubernetes.native(source),
            Access::InCluster => self.kubernetes.in_cluster(),
            #[cfg(feature = "aws")]
            Access::Native => self.kubernetes.native(Arc::new(aws.clone())),
            #[cfg(not(feature = "aws"))]
            Access::Native => self.kubernetes,
        }
        .build();
        let real = Arc::new(Real {
            #[cfg(feature = "aws")]
            aws,
            #[cfg(feature = "kubernetes")]
            kubernetes,
            disk: Arc::new(Disk::new(self.root.unwrap_or_else(|| PathBuf::from(".")))),
            clock: Arc::new(SystemClock::default()),
        });
        Client::with_options(Backend { reads: real.clone(), writes: real }, self.options)
    }
}

#[cfg(feature = "aws")]
impl ClientBuilder {
    /// The region of clusters whose grant names none; else `AWS_REGION` or the profile's.
    pub fn region(mut self, region: Region) -> Self {
        self.aws = self.aws.region(region);
        self
    }

    /// The profile of the shared AWS configuration; else `AWS_PROFILE`.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.aws = self.aws.profile(profile);
        self
    }

    /// Where AWS calls go instead of AWS (an emulator, a proxy); else `AWS_ENDPOINT_URL`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.aws = self.aws.endpoint_url(url);
        self
    }

    /// The default credentials, instead of the usual chain.
    pub fn credentials(mut self, provider: SharedCredentialsProvider) -> Self {
        self.aws = self.aws.credentials(provider);
        self
    }

    /// The credentials of one account.
    pub fn account_credentials(mut self, account: AccountId, provider: SharedCredentialsProvider) -> Self {
        self.aws = self.aws.account(account, provider);
        self
    }

    /// How long one AWS call may take, retries included. Default 30 seconds.
    pub fn aws_timeout(mut self, limit: Duration) -> Self {
        self.aws = self.aws.operation_timeout(limit);
        self
    }

    /// How often an AWS call is tried. Default 5.
    pub fn aws_attempts(mut self, attempts: u32) -> Self {
        self.aws = self.aws.max_attempts(attempts);
        self
    }
}

#[cfg(feature = "kubernetes")]
impl ClientBuilder {
    /// Reaches API servers by a kubeconfig instead of by EKS's endpoint and a token minted in-process. `KUBECONFIG` is honoured where the
    /// path is `None`.
    pub fn kubeconfig(mut self, kubeconfig: Kubeconfig) -> Self {
        self.access = Access::Kubeconfig(kubeconfig);
        self
    }

    /// Reaches API servers by a kubeconfig that is no file.
    pub fn kubeconfig_text(mut self, kubeconfig: KubeconfigText) -> Self {
        self.access = Access::KubeconfigText(kubeconfig);
        self
    }

    /// Reaches API servers by EKS's endpoint, with tokens of your own instead of those that are minted in-process.
    pub fn tokens(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.access = Access::Tokens(source);
        self
    }

    /// Reaches the API server by the service account of the pod that this runs in.
    pub fn in_cluster(mut self) -> Self {
        self.access = Access::InCluster;
        self
    }

    /// A ready-made client for one cluster.
    pub fn kubernetes_client(mut self, cluster: crate::model::ClusterName, client: ReadyClient) -> Self {
        self.kubernetes = self.kubernetes.client(cluster, client);
        self
    }

    /// Goes on even where the API server is not the one that EKS tells: for tunnels. Nothing then keeps a change from the wrong cluster.
    pub fn allow_any_endpoint(mut self) -> Self {
        self.kubernetes = self.kubernetes.allow_any_endpoint(true);
        self
    }

    /// How long one Kubernetes call may take, retries included. Default 30 seconds.
    pub fn kubernetes_timeout(mut self, limit: Duration) -> Self {
        self.kubernetes = self.kubernetes.timeout(limit);
        self
    }
}

impl Client {
    /// A client of real services, set up step by step.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client of real services, as the environment says: AWS's usual settings, and EKS's endpoint with a token minted in-process.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub async fn from_env() -> Result<Self> {
        Self::builder().build().await
    }
}
