//! How API servers are reached.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::token::TokenSource;
use super::{Inner, Kubernetes};
use crate::model::ClusterName;

/// Which kubeconfig, and which context in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Kubeconfig {
    /// The file; `None` means `KUBECONFIG` (a list of files is merged), else `~/.kube/config`.
    pub path: Option<PathBuf>,
    /// The context; `None` means the current one.
    pub context: Option<String>,
}

/// A kubeconfig that the caller holds instead of a file. It may hold secrets, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KubeconfigText {
    pub(super) text: String,
    pub(super) context: Option<String>,
}

impl KubeconfigText {
    /// The text, YAML or JSON, with its current context.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), context: None }
    }

    /// Another context.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }
}

impl fmt::Debug for KubeconfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeconfigText").field("context", &self.context).finish_non_exhaustive()
    }
}

/// A client that the caller made, and what the caller knows of its server.
///
/// A client does not tell where it goes: without endpoint and CA nothing can be compared, and writing needs
/// [`KubernetesBuilder::allow_any_endpoint`].
#[derive(Clone)]
pub struct ReadyClient {
    pub(super) client: kube::Client,
    pub(super) server: Option<(String, String)>,
}

impl ReadyClient {
    /// A client of which nothing is known.
    pub fn new(client: kube::Client) -> Self {
        Self { client, server: None }
    }

    /// The URL that the client was made for and the CA that it trusts (PEM).
    pub fn server(mut self, url: impl Into<String>, ca_pem: impl Into<String>) -> Self {
        self.server = Some((url.into(), ca_pem.into()));
        self
    }
}

impl fmt::Debug for ReadyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyClient").field("url", &self.server.as_ref().map(|(url, _)| url)).finish_non_exhaustive()
    }
}

/// Where endpoint, CA and credentials come from.
#[derive(Clone)]
pub(super) enum Mode {
    /// Nothing was set: only clusters with a ready-made client can be reached.
    None,
    /// Endpoint and CA from EKS, tokens minted by a source.
    Native(Arc<dyn TokenSource>),
    Kubeconfig(Kubeconfig),
    KubeconfigText(KubeconfigText),
    InCluster,
}

/// Sets up [`Kubernetes`].
#[derive(Clone)]
pub struct KubernetesBuilder {
    pub(super) mode: Mode,
    pub(super) clients: HashMap<ClusterName, ReadyClient>,
    pub(super) any_endpoint: bool,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

impl Default for KubernetesBuilder {
    fn default() -> Self {
        Self {
            mode: Mode::None,
            clients: HashMap::new(),
            any_endpoint: false,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(30),
        }
    }
}

impl KubernetesBuilder {
    /// Endpoint and CA as EKS tells them, tokens from this source (`Aws` is one): no binary and no file is needed.
    pub fn native(mut self, tokens: Arc<dyn TokenSource>) -> Self {
        self.mode = Mode::Native(tokens);
        self
    }

    /// A kubeconfig, for all clusters. A cluster that the context does not lead to is refused.
    pub fn kubeconfig(mut self, kubeconfig: Kubeconfig) -> Self {
        self.mode = Mode::Kubeconfig(kubeconfig);
        self
    }

    /// A kubeconfig that is no file, for all clusters. A cluster that the context does not lead to is refused.
    pub fn kubeconfig_text(mut self, kubeconfig: KubeconfigText) -> Self {
        self.mode = Mode::KubeconfigText(kubeconfig);
        self
    }

    /// The service account of the pod that this runs in, for all clusters. Another cluster is refused.
    pub fn in_cluster(mut self) -> Self {
        self.mode = Mode::InCluster;
        self
    }

    /// A ready-made client for one cluster; it goes before the other ways.
    pub fn client(mut self, cluster: ClusterName, client: ReadyClient) -> Self {
        self.clients.insert(cluster, client);
        self
    }

    /// Goes on even where the endpoint or the CA is not the one that EKS tells: for tunnels and proxies. Then nothing but the caller's
    /// care keeps the change from the wrong cluster.
    pub fn allow_any_endpoint(mut self, allow: bool) -> Self {
        self.any_endpoint = allow;
        self
    }

    /// How long one call may take, retries included. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take. Default 30 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Finishes. Nothing is read or connected before the first use.
    pub fn build(self) -> Kubernetes {
        Kubernetes(Arc::new(Inner { builder: self, connections: Mutex::default() }))
    }
}

impl fmt::Debug for KubernetesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match &self.mode {
            Mode::None => "none".to_owned(),
            Mode::Native(_) => "native".to_owned(),
            Mode::Kubeconfig(kubeconfig) => format!("{kubeconfig:?}"),
            Mode::KubeconfigText(kubeconfig) => format!("{kubeconfig:?}"),
            Mode::InCluster => "in-cluster".to_owned(),
        };
        f.debug_struct("KubernetesBuilder")
            .field("mode", &mode)
            .field("clients", &self.clients)
            .field("allow_any_endpoint", &self.any_endpoint)
            .finish_non_exhaustive()
    }
}
