//! Makes the connection to a cluster, in the way that the builder says.

use std::time::Duration;

use kube::Config;
use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig as KubeKubeconfig, KubeconfigError};
use serde_json::json;
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

use super::builder::{Kubeconfig, KubeconfigText, KubernetesBuilder, Mode};
use super::check::{Server, certificates, decoded_certificates, no_endpoint};
use super::connection::Connection;
use super::errors::{broken_client, chain, config_invalid};
use super::token::Tokens;
use crate::error::{Error, Result};
use crate::model::{Cluster, ClusterName};
use crate::ports::KubernetesTarget;

/// How often a call is made again that the API server put off (429, 503, 504): after 0.1 to 1.6 seconds, or when the server says.
const RETRIES: u32 = 5;

/// What tells one connection from another.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A ready-made client.
    Ready(ClusterName),
    /// An API server that EKS told of: endpoint and CA are part of it, because a cluster may be made again under its name.
    Native(String, Option<String>, Option<String>),
    /// The one server of a kubeconfig's context, or of the cluster around this process.
    Shared,
}

pub(super) fn key(builder: &KubernetesBuilder, target: &KubernetesTarget) -> Key {
    if builder.clients.contains_key(&target.name) {
        return Key::Ready(target.name.clone());
    }
    match (&builder.mode, &target.cluster) {
        (Mode::Native(_), Some(cluster)) => {
            Key::Native(cluster.arn.to_string(), cluster.endpoint.clone(), cluster.certificate_authority.clone())
        }
        _ => Key::Shared,
    }
}

pub(super) async fn connect(builder: &KubernetesBuilder, target: &KubernetesTarget) -> Result<Connection> {
    if let Some(ready) = builder.clients.get(&target.name) {
        let server = match &ready.server {
            Some((url, ca)) => Server::known(
                url,
                Some(certificates(ca).ok_or_else(|| {
                    config_invalid(format!("the CA given with the client of cluster {} is not PEM", target.name))
                })?),
            )?,
            None => Server::Unknown,
        };
        return Ok(Connection::new(ready.client.clone(), None, server, builder.timeout));
    }
    match &builder.mode {
        Mode::None => Err(config_invalid(format!(
            "no way to reach the API server of cluster {} is set up",
            target.name
        ))
        .remedy(
            "set AWS credentials up (tokens are then minted in-process), or give a kubeconfig or a ready-made client",
        )),
        Mode::Native(source) => {
            let Some(cluster) = &target.cluster else {
                return Err(config_invalid(format!("nothing is known of cluster {}: EKS is not asked here", target.name))
                    .remedy("use a kubeconfig, the in-cluster configuration or a ready-made client, or include AWS in the scope"));
            };
            let config = native(cluster).await?;
            let client = client(config, builder).await?;
            let tokens = Tokens::new(source.clone(), cluster.clone());
            Ok(Connection::new(client, Some(tokens), Server::Told, builder.timeout))
        }
        Mode::Kubeconfig(kubeconfig) => {
            let config = from_kubeconfig(kubeconfig).await?;
            let server = Server::of(&config, false)?;
            Ok(Connection::new(client(config, builder).await?, None, server, builder.timeout))
        }
        Mode::KubeconfigText(kubeconfig) => {
            let config = from_text(kubeconfig).await?;
            let server = Server::of(&config, false)?;
            Ok(Connection::new(client(config, builder).await?, None, server, builder.timeout))
        }
        Mode::InCluster => {
            let config = Config::incluster().map_err(|error| {
                config_invalid(format!("this does not run inside a cluster: {}", chain(&error)))
                    .remedy("run it in a pod with a service-account token, or use a kubeconfig")
            })?;
            let server = Server::of(&config, true)?;
            Ok(Connection::new(client(config, builder).await?, None, server, builder.timeout))
        }
    }
}

/// Endpoint and CA as EKS tells them.
async fn native(cluster: &Cluster) -> Result<Config> {
    let (Some(endpoint), Some(authority)) = (&cluster.endpoint, &cluster.certificate_authority) else {
        return Err(no_endpoint(cluster));
    };
    // Over plain HTTP the token would go to anybody.
    if !endpoint.starts_with("https://") {
        return Err(config_invalid(format!(
            "the endpoint of cluster {}, {endpoint}, is not an https URL",
            cluster.name
        ))
        .remedy("check that the endpoint of EKS is AWS's (AWS_ENDPOINT_URL)"));
    }
    if decoded_certificates(authority).is_none() {
        return Err(config_invalid(format!("the CA of cluster {} is not PEM in base64", cluster.name))
            .remedy("check that the endpoint of EKS is AWS's (AWS_ENDPOINT_URL)"));
    }
    // By way of a kubeconfig in memory, kube also reads the proxies of the environment.
    let kubeconfig: KubeKubeconfig = serde_json::from_value(json!({
        "clusters": [{"name": "eks", "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
        "users": [{"name": "eks", "user": {}}],
        "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "eks"}}],
        "current-context": "eks",
    }))
    .map_err(|error| config_invalid(format!("the connection to cluster {} cannot be set up: {error}", cluster.name)))?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(|error| {
        config_invalid(format!("the connection to cluster {} cannot be set up: {}", cluster.name, chain(&error)))
    })
}

async fn from_kubeconfig(kubeconfig: &Kubeconfig) -> Result<Config> {
    const REMEDY: &str = "check KUBECONFIG or ~/.kube/config and the context (`kubectl config get-contexts`)";
    let file = match &kubeconfig.path {
        Some(path) => KubeKubeconfig::read_from(path),
        None => KubeKubeconfig::read(),
    };
    from_file(file, kubeconfig.context.clone())
        .await
        .map_err(|words| config_invalid(format!("the kubeconfig cannot be used: {words}")).remedy(REMEDY))
}

async fn from_text(kubeconfig: &KubeconfigText) -> Result<Config> {
    const REMEDY: &str = "check its clusters, users and contexts, and the context that is asked for";
    from_file(KubeKubeconfig::from_yaml(&kubeconfig.text), kubeconfig.context.clone()).await.map_err(|words| {
        config_invalid(format!("the kubeconfig that was given cannot be used: {words}")).remedy(REMEDY)
    })
}

/// The configuration of a context, or what is wrong in words.
async fn from_file(file: Result<KubeKubeconfig, KubeconfigError>, context: Option<String>) -> Result<Config, String> {
    let file = file.map_err(|error| match error {
        // The words of the YAML reader show lines of the file, which may hold a secret.
        KubeconfigError::Parse(_) => "it is not a kubeconfig".to_owned(),
        error => chain(&error),
    })?;
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(file, &options).await.map_err(|error| chain(&error))
}

/// The client, off the runtime's own threads: a kubeconfig's plugin runs as a program and is waited for.
async fn client(mut config: Config, builder: &KubernetesBuilder) -> Result<kube::Client> {
    let timeout: Duration = builder.timeout;
    config.connect_timeout = Some(builder.connect_timeout);
    config.read_timeout = Some(timeout);
    config.write_timeout = Some(timeout);
    config.reset_reader_on_write = true;
    // kube's own retries go on for minutes, so that a server that throttles would look like one that is silent.
    config.default_retry = false;
    let plugin = config.auth_info.exec.clone();
    let made = tokio::task::spawn_blocking(move || {
        let retries = RetryPolicy::new(Duration::from_millis(100), Duration::from_secs(5), RETRIES, true)
            .unwrap_or_else(|_| RetryPolicy::default());
        let client = ClientBuilder::try_from(config)?;
        Ok(client.with_layer(&BufferLayer::new(1024)).with_layer(&RetryLayer::new(retries)).build())
    })
    .await;
    match made {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(broken_client(&error, plugin.as_ref())),
        Err(error) => Err(Error::new(crate::ErrorKind::Unexpected, format!("the client could not be made: {error}"))),
    }
}
