//! Which API server is written to, and with which rights.

use podrole::grant::Scope;
use podrole::kubernetes::Kubeconfig;
use podrole::model::Region;
use podrole::{Client, ErrorKind, Grant};
use podrole_tests::{CLUSTER, REGION, ROLE, ROLE_ARN};
use serde_json::{Value, json};

use crate::support::{DEPLOYMENT, ROLE_ANNOTATION, SERVICE_ACCOUNT, Scene, shown};

impl Scene {
    pub(crate) fn kubeconfig(&self) -> Kubeconfig {
        Kubeconfig { path: Some(self.plane.kubeconfig.clone().into()), context: None }
    }

    /// A kubeconfig of a service account with these rules in its namespace, and the folder that holds it.
    pub(crate) fn restricted(&self, name: &str, rules: &Value) -> (tempfile::TempDir, Kubeconfig) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        self.plane.kubectl(&["create", "serviceaccount", name, "-n", &self.namespace]);
        let group = "rbac.authorization.k8s.io";
        self.plane.create(
            &json!({"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata, "rules": rules}),
        );
        self.plane.create(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        let token = self.plane.token(&self.namespace, name, "https://kubernetes.default.svc");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.plane.url, "certificate-authority-data": self.plane.ca}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        (folder, Kubeconfig { path: Some(path), context: None })
    }

    /// The Kubernetes half of the worked example.
    fn kubernetes_grant(&self) -> Grant {
        Grant::new(CLUSTER, format!("{}/{SERVICE_ACCOUNT}", self.namespace), ROLE_ARN)
            .scope(Scope::Kubernetes)
            .deployment(DEPLOYMENT)
    }
}

#[tokio::test]
async fn a_kubeconfig_that_leads_to_the_cluster_works() {
    let scene = Scene::new("kubeconfig").await;
    let client = scene.front.builder().kubeconfig(scene.kubeconfig()).build().await.unwrap();
    client.apply(&scene.grant()).await.unwrap();
    client.verify(&scene.grant()).await.unwrap().into_result().unwrap();
    assert_eq!(scene.service_account()["metadata"]["annotations"][ROLE_ANNOTATION], ROLE_ARN);
}

#[tokio::test]
async fn a_kubeconfig_of_another_cluster_is_refused_before_any_write_unless_any_endpoint_is_allowed() {
    let scene = Scene::new("wrong-cluster").await;
    // Anything else that is a certificate.
    let other_ca = podrole_tests_ca();
    for (endpoint, ca) in
        [("https://8a02.gr7.ca-central-1.eks.amazonaws.com", &scene.plane.ca), (&scene.plane.url, &other_ca)]
    {
        scene.front.cluster_with(CLUSTER, endpoint, ca);
        let client = scene.front.builder().kubeconfig(scene.kubeconfig()).build().await.unwrap();
        scene.front.clear_log();
        let error = client.apply(&scene.grant()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error:?}");
        assert!(shown(&error).contains(CLUSTER), "{error:?}");
        assert_eq!(scene.front.writes(), Vec::<String>::new(), "AWS is not written to either");
        assert_eq!(scene.service_account(), Value::Null);
    }
    let client = scene.front.builder().kubeconfig(scene.kubeconfig()).allow_any_endpoint().build().await.unwrap();
    client.apply(&scene.grant()).await.unwrap();
    assert_eq!(scene.service_account()["metadata"]["annotations"][ROLE_ANNOTATION], ROLE_ARN);
}

/// The CA of no server: PEM in base64.
fn podrole_tests_ca() -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode("not the cluster's");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    base64::engine::general_purpose::STANDARD.encode(pem)
}

#[tokio::test]
async fn a_cluster_that_is_not_there_not_ready_or_without_issuer_has_an_error_of_its_own() {
    let scene = Scene::new("no-cluster").await;
    let mut grant = scene.grant();
    grant.cluster.name = "nobody".to_owned();
    let error = scene.client.apply(&grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(shown(&error).contains("cluster nobody"), "{error:?}");
    let cluster = |status: &str, issuer: Value| {
        json!({
            "arn": format!("arn:aws:eks:{REGION}:204393242335:cluster/{CLUSTER}"), "status": status, "endpoint": scene.plane.url,
            "certificateAuthority": {"data": scene.plane.ca}, "identity": issuer,
        })
    };
    let issuer = json!({"oidc": {"issuer": podrole_tests::ISSUER}});
    scene.front.raw_cluster(CLUSTER, &cluster("CREATING", issuer));
    let not_ready = scene.client.apply(&scene.grant()).await.unwrap_err();
    assert!(shown(&not_ready).contains("CREATING"), "{not_ready:?}");
    scene.front.raw_cluster(CLUSTER, &cluster("ACTIVE", Value::Null));
    let no_issuer = scene.client.apply(&scene.grant()).await.unwrap_err();
    assert!(shown(&no_issuer).contains("issuer"), "{no_issuer:?}");
    assert_ne!(not_ready.message(), no_issuer.message());
    assert_eq!(scene.front.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_least_rbac_role_is_enough_and_needs_no_aws() {
    let scene = Scene::new("least-rights").await;
    scene.deployment(None);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    let rules = json!([
        {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [SERVICE_ACCOUNT], "verbs": ["get", "create", "patch", "delete"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [DEPLOYMENT], "verbs": ["get", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    let (_folder, kubeconfig) = scene.restricted("podrole-caller", &rules);
    let client = Client::builder().region(Region::new(REGION).unwrap()).kubeconfig(kubeconfig).build().await.unwrap();
    let grant = scene.kubernetes_grant();
    client.apply(&grant).wait(crate::support::ROLLOUT).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    assert_eq!(scene.service_account()["metadata"]["annotations"][ROLE_ANNOTATION], ROLE_ARN);
    client.revoke(&grant).wait(crate::support::ROLLOUT).await.unwrap();
    assert_eq!(scene.service_account(), Value::Null);
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
    assert_eq!(scene.front.log(), Vec::<String>::new());
}

#[tokio::test]
async fn each_missing_right_is_named_and_nothing_is_lost() {
    let scene = Scene::new("missing-rights").await;
    scene.deployment(None);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    let all = [
        ("", "serviceaccounts", "get"),
        ("", "serviceaccounts", "create"),
        ("", "serviceaccounts", "patch"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "patch"),
    ];
    for missing in all {
        let rules: Vec<Value> = all
            .iter()
            .filter(|right| **right != missing)
            .map(|(group, resource, verb)| json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]}))
            .collect();
        let name = format!("without-{}-{}", missing.2, missing.1);
        let (_folder, kubeconfig) = scene.restricted(&name, &json!(rules));
        let client = scene.front.builder().kubeconfig(kubeconfig).build().await.unwrap();
        let error = client.apply(&scene.kubernetes_grant()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{name}: {error:?}");
        let action = error.get_action().unwrap_or_default();
        assert!(action.starts_with(&format!("{} {}", missing.2, missing.1)), "{name}: {action}");
        assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
        assert_eq!(
            scene.service_account() == Value::Null,
            missing.1 != "deployments" || missing.2 != "patch",
            "{name}"
        );
    }
    // The pods and the namespace are only looked at for warnings.
    let rules: Vec<Value> = all
        .iter()
        .map(|(group, resource, verb)| json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]}))
        .collect();
    let (_folder, kubeconfig) = scene.restricted("enough", &json!(rules));
    let client = scene.front.builder().kubeconfig(kubeconfig).build().await.unwrap();
    client.apply(&scene.kubernetes_grant()).wait(crate::support::ROLLOUT).await.unwrap();
    assert_eq!(scene.role(ROLE), Value::Null, "AWS is not in the scope");
}
