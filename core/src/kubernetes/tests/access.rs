//! Where a connection leads, and whether it may be used (guarantee 6).

use std::path::PathBuf;
use std::sync::Arc;

use super::{Counter, Wire, base64, cluster, pem};
use crate::error::{Error, ErrorKind};
use crate::kubernetes::{Kubeconfig, Kubernetes, KubernetesBuilder, ReadyClient};
use crate::model::Cluster;
use crate::ports::KubernetesTarget;

/// A certificate that only has to be well-formed.
const CA: &str = include_str!("ca.pem");

const ENDPOINT: &str = "https://abc.gr7.ca-central-1.eks.amazonaws.com:443";

fn target(cluster: Option<Cluster>) -> KubernetesTarget {
    KubernetesTarget { name: super::cluster().name, cluster }
}

fn ready(client: ReadyClient) -> KubernetesBuilder {
    Kubernetes::builder().client(cluster().name, client)
}

async fn refused(builder: KubernetesBuilder) -> Error {
    let kubernetes = builder.build();
    let target = target(Some(cluster()));
    let reading = kubernetes.read(&target).await.err().expect("a refusal: what another cluster holds would mislead");
    let writing = kubernetes.write(&target).await.err().expect("a refusal");
    assert_eq!(reading.message(), writing.message());
    writing
}

/// A kubeconfig in a file of its own.
struct Config(PathBuf);

impl Config {
    fn new(name: &str, cluster: &str, user: &str) -> Self {
        let path = std::env::temp_dir().join(format!("podrole-{}-{name}", std::process::id()));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- {{name: c, context: {{cluster: c, user: u}}}}\n\
             clusters:\n- {{name: c, cluster: {cluster}}}\nusers:\n- {{name: u, user: {user}}}\n"
        );
        std::fs::write(&path, text).expect("a writable folder");
        Self(path)
    }

    fn builder(&self) -> KubernetesBuilder {
        Kubernetes::builder().kubeconfig(Kubeconfig { path: Some(self.0.clone()), context: None })
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_client_of_the_right_server_is_taken() {
    let client = || ReadyClient::new(Wire::default().client());
    let right = ready(client().server(ENDPOINT, pem(&["one"]))).build();
    assert!(right.write(&target(Some(cluster()))).await.is_ok());

    let two = cluster();
    let two = Cluster { certificate_authority: Some(base64(&pem(&["one", "two"]))), ..two };
    assert!(right.write(&target(Some(two))).await.is_ok(), "a CA that is being replaced");
}

#[tokio::test]
async fn a_client_of_another_or_an_unknown_server_is_not() {
    let client = || ReadyClient::new(Wire::default().client());
    let error = refused(ready(client().server("https://other:443", pem(&["one"])))).await;
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    for part in ["https://other", "https://ABC.gr7.ca-central-1.eks.amazonaws.com", "devops_aurora"] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("allow any endpoint")));
    for (what, client) in [
        ("another port", client().server("https://abc.gr7.ca-central-1.eks.amazonaws.com:6443", pem(&["one"]))),
        ("another CA", client().server(ENDPOINT, pem(&["two"]))),
        ("one CA more", client().server(ENDPOINT, pem(&["one", "two"]))),
        ("nothing known", client()),
    ] {
        assert_eq!(refused(ready(client)).await.kind(), ErrorKind::ConfigInvalid, "{what}");
    }
    let allowed = ready(client()).allow_any_endpoint(true).build();
    assert!(allowed.write(&target(Some(cluster()))).await.is_ok());
    // Without EKS's half there is nothing to compare with.
    assert!(ready(client()).build().write(&target(None)).await.is_ok());
}

#[tokio::test]
async fn a_kubeconfig_is_checked_too() {
    let ca = base64(CA);
    let eks = Cluster { certificate_authority: Some(ca.clone()), ..cluster() };
    let cases = [
        ("right", format!("{{server: '{ENDPOINT}', certificate-authority-data: {ca}}}"), None),
        ("other-host", format!("{{server: 'https://other', certificate-authority-data: {ca}}}"), Some("another host")),
        ("system-roots", format!("{{server: '{ENDPOINT}'}}"), Some("does not check")),
        (
            "insecure",
            format!("{{server: '{ENDPOINT}', insecure-skip-tls-verify: true, certificate-authority-data: {ca}}}"),
            Some("does not check"),
        ),
        // A tunnel whose certificate must carry the cluster's own name.
        (
            "tunnel",
            format!(
                "{{server: 'https://localhost:8443', tls-server-name: abc.gr7.ca-central-1.eks.amazonaws.com, \
                 certificate-authority-data: {ca}}}"
            ),
            None,
        ),
    ];
    for (name, text, wrong) in cases {
        let config = Config::new(name, &text, "{token: hush}");
        let kubernetes = config.builder().build();
        assert_eq!(kubernetes.read(&target(Some(eks.clone()))).await.is_ok(), wrong.is_none(), "{name}");
        let error = kubernetes.write(&target(Some(eks.clone()))).await.err();
        match (error, wrong) {
            (None, None) => {}
            (Some(error), Some(wrong)) => {
                assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{name}");
                assert!(error.message().contains(wrong), "{name}: {error}");
                assert!(!format!("{error:?}").contains("hush"), "{name}");
            }
            (error, _) => panic!("{name}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn native_access_is_right_by_construction_and_one_connection_is_kept() {
    let eks = Cluster { certificate_authority: Some(base64(CA)), ..cluster() };
    let kubernetes = Kubernetes::builder().native(Arc::new(Counter::default())).build();
    assert!(kubernetes.write(&target(Some(eks.clone()))).await.is_ok());
    assert!(kubernetes.read(&target(Some(eks.clone()))).await.is_ok());
    assert_eq!(kubernetes.0.connections.lock().await.len(), 1);
    let anew = Cluster { endpoint: Some("https://new.gr7.ca-central-1.eks.amazonaws.com".to_owned()), ..eks };
    assert!(kubernetes.write(&target(Some(anew))).await.is_ok());
    assert_eq!(kubernetes.0.connections.lock().await.len(), 2, "a cluster made again under its name");
}

#[tokio::test]
async fn a_plugin_that_is_missing_is_named() {
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-plugin-of-podrole, \
                installHint: 'get it from x', interactiveMode: Never}}";
    let config = Config::new("plugin", "{server: 'https://other'}", user);
    let error = config.builder().build().read(&target(None)).await.err().expect("no plugin");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("no-such-plugin-of-podrole"), "{error}");
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("get it from x")), "{error:#}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_failing_plugin_prints_is_not_repeated() {
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: sh, args: ['-c', 'echo k8s-aws-v1.SECRET; exit 3'], \
                interactiveMode: Never}}";
    let config = Config::new("printing", "{server: 'https://other'}", user);
    let error = config.builder().build().read(&target(None)).await.err().expect("a failing plugin");
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_config_invalid() {
    let missing = Kubeconfig { path: Some("no/such/file".into()), context: None };
    let error = Kubernetes::builder().kubeconfig(missing).build().read(&target(None)).await.err().expect("no file");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("no/such/file"), "{error}");
    let config = Config::new("context", "{server: 'https://other'}", "{}");
    let wrong = Kubeconfig { path: Some(config.0.clone()), context: Some("nope".to_owned()) };
    let error = Kubernetes::builder().kubeconfig(wrong).build().read(&target(None)).await.err().expect("no context");
    assert!(error.message().contains("nope"), "{error}");
}

#[tokio::test]
async fn native_access_needs_what_eks_tells() {
    let builder = || Kubernetes::builder().native(Arc::new(Counter::default())).build();
    let kind = |cluster| async move { builder().read(&target(cluster)).await.err().map(|error| error.kind()) };
    assert_eq!(kind(None).await, Some(ErrorKind::ConfigInvalid));
    assert_eq!(kind(Some(Cluster { endpoint: None, ..cluster() })).await, Some(ErrorKind::Unavailable));
    assert_eq!(
        kind(Some(Cluster { endpoint: Some("http://x".to_owned()), ..cluster() })).await,
        Some(ErrorKind::ConfigInvalid)
    );
    let broken = Cluster { certificate_authority: Some(base64("no PEM")), ..cluster() };
    assert_eq!(kind(Some(broken)).await, Some(ErrorKind::ConfigInvalid));
    let nothing = Kubernetes::builder().build().read(&target(None)).await.err().expect("nothing is set up");
    assert_eq!(nothing.kind(), ErrorKind::ConfigInvalid);
    assert!(!format!("{:?}", builder()).contains("token"));
}
