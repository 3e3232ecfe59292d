//! An API server that cannot be reached, is another, does not know the caller, denies, fails, or whose answers get lost.

use std::net::TcpListener;
use std::time::Duration;

use base64::Engine as _;
use podrole::grant::Scope;
use podrole::kubernetes::Kubeconfig;
use podrole::{Client, Error, ErrorKind, Grant, Leftovers, Retry};
use podrole_tests::{CLUSTER, Emulator, Front, Gateway, ROLE_ARN, control_plane, kubeconfig_of};
use serde_json::{Value, json};

use super::aws::saying;
use super::{keeps_secrets, leftovers_are_those_of_the_receipt};
use crate::support::{DEPLOYMENT, SERVICE_ACCOUNT, Scene, shown};

/// A certificate of nobody here.
const OTHER_CA: &str = include_str!("../../../core/src/kubernetes/tests/ca.pem");

/// Plans against a cluster of which EKS tells this; nothing is written.
async fn plan_error(endpoint: &str, ca: &str) -> Error {
    let front = Front::empty(Emulator::Moto);
    front.cluster_with(CLUSTER, endpoint, ca);
    let client = front.builder().kubernetes_timeout(Duration::from_secs(1)).build().await.unwrap();
    let grant = Grant::new(CLUSTER, "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test");
    let error = client.apply(&grant).await.unwrap_err();
    keeps_secrets(&front, &error);
    assert_eq!(front.writes(), Vec::<String>::new());
    assert_eq!(*error.get_leftovers(), Leftovers::None);
    assert!(error.get_remedy().is_some() && error.get_resource().is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn an_api_server_that_cannot_be_reached_hangs_or_is_another_is_told_apart_before_any_write() {
    let ca = &control_plane().ca;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let silent = plan_error(&endpoint, ca).await;
    assert_eq!((silent.kind(), silent.get_retry()), (ErrorKind::Timeout, Retry::Safe), "{silent:?}");
    drop(listener);
    let refused = plan_error(&endpoint, ca).await;
    assert_eq!((refused.kind(), refused.get_retry()), (ErrorKind::Unavailable, Retry::Safe), "{refused:?}");

    let other = base64::engine::general_purpose::STANDARD.encode(OTHER_CA);
    let untrusted = plan_error(&control_plane().url, &other).await;
    assert_eq!(untrusted.kind(), ErrorKind::ConfigInvalid, "{untrusted:?}");
    assert!(shown(&untrusted).contains("certificate"), "{untrusted:?}");
    let no_pem = plan_error(&control_plane().url, "Y2E=").await;
    assert_eq!(no_pem.kind(), ErrorKind::ConfigInvalid, "{no_pem:?}");
    assert!(shown(&no_pem).contains("PEM"), "{no_pem:?}");
    let plain = plan_error(&control_plane().url.replace("https", "http"), ca).await;
    assert_eq!(plain.kind(), ErrorKind::ConfigInvalid, "the token would go to anybody: {plain:?}");
    let mail = saying(b"220 mail.example ESMTP\r\n");
    let not_tls = plan_error(&format!("https://{mail}"), ca).await;
    assert_eq!(not_tls.kind(), ErrorKind::Unavailable, "{not_tls:?}");
}

/// The Kubernetes half of the worked example, in this namespace.
fn grant(namespace: &str) -> Grant {
    Grant::new(CLUSTER, format!("{namespace}/{SERVICE_ACCOUNT}"), ROLE_ARN)
        .scope(Scope::Kubernetes)
        .deployment(DEPLOYMENT)
}

/// A client that reaches the API server by a kubeconfig, and the folder that holds it.
async fn client_of(server: &str) -> (tempfile::TempDir, Client) {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = Kubeconfig { path: Some(kubeconfig_of(server, folder.path())), context: None };
    let builder = Client::builder().kubeconfig(kubeconfig).allow_any_endpoint();
    (folder, builder.kubernetes_timeout(Duration::from_secs(10)).build().await.unwrap())
}

#[tokio::test]
async fn an_endpoint_that_is_no_api_server_is_told_from_one_that_fails() {
    let answers: [(&[u8], ErrorKind); 5] = [
        (b"", ErrorKind::Unavailable),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", ErrorKind::Unavailable),
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow", ErrorKind::Throttled),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n<html></html>", ErrorKind::Unexpected),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", ErrorKind::Unexpected),
    ];
    for (answer, kind) in answers {
        let (_folder, client) = client_of(&format!("http://{}", saying(answer))).await;
        let error = client.plan(&grant("devops-aurora-1")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{:?}: {error:?}", String::from_utf8_lossy(answer));
        assert!(error.get_remedy().is_some() && error.get_operation().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_that_the_api_server_does_not_take_is_named_and_not_shown() {
    let scene = Scene::new("bad-token").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": scene.plane.url, "certificate-authority-data": scene.plane.ca}}],
        "users": [{"name": "test", "user": {"token": "k8s-aws-v1.not-a-token-at-all"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    std::fs::write(&path, config.to_string()).unwrap();
    let client = Client::builder().kubeconfig(Kubeconfig { path: Some(path), context: None }).build().await.unwrap();
    let error = client.plan(&grant(&scene.namespace)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error:?}");
    assert!(error.get_remedy().unwrap().contains("log in"), "{error:?}");
    keeps_secrets(&scene.front, &error);
}

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Denied,
    Fails,
    Lost,
    Garbled,
}

impl Way {
    fn fault(self, action: &str, skip: usize) -> Value {
        let mut fault = match self {
            Self::Denied => {
                let (method, resource) = action.split_once(' ').unwrap();
                let verb = method.to_lowercase();
                let message = format!(
                    "User \"tests\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"n\""
                );
                json!({"status": 403, "code": "Forbidden", "message": message})
            }
            Self::Fails => json!({"status": 500, "code": "InternalError", "message": "etcdserver: request timed out"}),
            Self::Lost => json!({"after": true}),
            Self::Garbled => json!({"after": true, "garbage": true}),
        };
        fault["action"] = json!(action);
        fault["skip"] = json!(skip);
        fault
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Denied => ErrorKind::PermissionDenied,
            Self::Fails | Self::Lost => ErrorKind::Unavailable,
            Self::Garbled => ErrorKind::Unexpected,
        }
    }
}

/// A namespace whose API server is reached through a gateway.
struct Disturbed {
    scene: Scene,
    gateway: Gateway,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Disturbed {
    async fn new(namespace: &str) -> Self {
        let scene = Scene::new(namespace).await;
        scene.deployment(None);
        let gateway = Gateway::new(scene.plane);
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = Kubeconfig { path: Some(gateway.kubeconfig(folder.path())), context: None };
        let client = Client::builder().kubeconfig(kubeconfig).allow_any_endpoint().build().await.unwrap();
        Self { scene, gateway, client, _folder: folder }
    }

    async fn take(&self, revoke: bool) -> Result<podrole::Receipt, Error> {
        let grant = grant(&self.scene.namespace);
        if revoke { self.client.revoke(&grant).await } else { self.client.apply(&grant).await }
    }

    fn state(&self) -> Value {
        let metadata = self.scene.service_account()["metadata"].clone();
        json!([self.scene.workload_as_set("deployment", DEPLOYMENT), metadata["annotations"], metadata["labels"]])
    }

    /// Disturbs each call of an apply and of a revoke once.
    async fn each_call(&self, way: Way) {
        let before = self.state();
        let mut disturbed = Vec::new();
        for revoke in [false, true] {
            self.gateway.clear_log();
            let start = self.state();
            self.take(revoke).await.unwrap();
            let wanted = self.state();
            let calls = self.gateway.log();
            self.take(!revoke).await.unwrap();
            assert_eq!(self.state(), start);
            for (index, action) in calls.iter().enumerate() {
                // Reads fail like each other, whatever the way.
                if action.starts_with("GET ") && [Way::Fails, Way::Garbled].contains(&way) {
                    continue;
                }
                let skip = calls[..index].iter().filter(|call| *call == action).count();
                self.gateway.faults(&json!([way.fault(action, skip)]));
                let result = self.take(revoke).await;
                assert!(self.gateway.faults_are_spent(), "{action}: {result:?}");
                self.judge(way, action, result, self.state() != start);
                self.take(revoke).await.unwrap();
                assert_eq!(self.state(), wanted, "{way:?} {action}");
                self.take(!revoke).await.unwrap();
                assert_eq!(self.state(), start, "{way:?} {action}");
                disturbed.push(action.clone());
            }
            self.take(revoke).await.unwrap();
        }
        assert_eq!(self.state(), before);
        println!("{way:?}: {disturbed:?}");
        for action in ["PATCH serviceaccounts", "PATCH deployments", "DELETE serviceaccounts"] {
            assert!(disturbed.iter().any(|call| call == action), "{action} was never made");
        }
    }

    fn judge(&self, way: Way, action: &str, result: Result<podrole::Receipt, Error>, changed: bool) {
        // Only needed for warnings.
        if way == Way::Denied && ["GET namespaces", "GET pods"].contains(&action) {
            assert!(result.unwrap().is_complete());
            return;
        }
        let error = result.unwrap_err();
        keeps_secrets(&self.scene.front, &error);
        leftovers_are_those_of_the_receipt(&error);
        assert_eq!(error.kind(), way.kind(), "{action}: {error:?}");
        assert!(error.get_resource().is_some() && error.get_remedy().is_some(), "{action}: {error:?}");
        let (method, resource) = action.split_once(' ').unwrap();
        let verb = method.to_lowercase();
        if way == Way::Denied {
            assert!(error.get_action().unwrap().starts_with(&format!("{verb} {resource}")), "{error:?}");
            assert_eq!(*error.get_leftovers() == Leftovers::None, !changed, "{error:?}");
        } else if method != "GET" {
            assert!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), "{action}: {error:?}");
        }
    }
}

#[tokio::test]
async fn each_single_call_denied_or_failed_once_is_named_and_the_next_run_completes() {
    let disturbed = Disturbed::new("denied-once").await;
    disturbed.each_call(Way::Denied).await;
    disturbed.each_call(Way::Fails).await;
}

#[tokio::test]
async fn each_single_answer_lost_or_garbled_once_is_unknown_and_the_next_run_completes() {
    let disturbed = Disturbed::new("lost-once").await;
    disturbed.each_call(Way::Lost).await;
    disturbed.each_call(Way::Garbled).await;
}

#[tokio::test]
async fn without_the_right_to_delete_revoke_says_what_is_left_and_ends_later() {
    let scene = Scene::new("no-delete").await;
    scene.deployment(None);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    let grant = grant(&scene.namespace);
    let admin = scene.front.builder().kubeconfig(scene.kubeconfig()).build().await.unwrap();
    admin.apply(&grant).await.unwrap();
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let rules = json!([
        rule("", "serviceaccounts", &["get", "patch"]),
        rule("apps", "deployments", &["get", "patch"]),
        rule("", "pods", &["list"])
    ]);
    let (_folder, kubeconfig) = scene.restricted("no-delete", &rules);
    let client = Client::builder().kubeconfig(kubeconfig).build().await.unwrap();
    let error = client.revoke(&grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.get_action().unwrap().starts_with("delete serviceaccounts"), "{error:?}");
    leftovers_are_those_of_the_receipt(&error);
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before, "the workload went back");
    assert_ne!(scene.service_account(), Value::Null);
    admin.revoke(&grant).await.unwrap();
    assert_eq!(scene.service_account(), Value::Null);
}
