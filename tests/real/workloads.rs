//! Service accounts and workloads, whoever else works on them.

use podrole::ErrorKind;
use podrole::grant::{Manage, WorkloadGrant};
use podrole::model::WorkloadKind;
use podrole_tests::ROLE_ARN;
use serde_json::{Value, json};

use crate::support::{DEPLOYMENT, ROLE_ANNOTATION, ROLLOUT, SERVICE_ACCOUNT, Scene, kinds, shown};

/// What of a service account others set.
fn without_ours(service_account: &Value) -> Value {
    let mut object = service_account.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    metadata.remove("resourceVersion");
    object
}

#[tokio::test]
async fn an_existing_service_account_loses_nothing_and_is_given_back() {
    let scene = Scene::new("existing-account").await;
    scene.plane.create(&json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": SERVICE_ACCOUNT,
            "namespace": scene.namespace,
            "annotations": {"team.example/owner": "connections"},
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
        },
        "imagePullSecrets": [{"name": "registry"}],
        "secrets": [{"name": "legacy-token"}],
        "automountServiceAccountToken": false,
    }));
    let before = scene.service_account();
    let mut grant = scene.grant();
    grant.service_account.labels.insert("team.example/tier".to_owned(), "data".to_owned());
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    let now = scene.service_account();
    for field in ["imagePullSecrets", "secrets", "automountServiceAccountToken"] {
        assert_eq!(now[field], before[field], "{field}");
    }
    let metadata = &now["metadata"];
    assert_eq!(metadata["annotations"]["team.example/owner"], "connections");
    assert_eq!(metadata["annotations"][ROLE_ANNOTATION], ROLE_ARN);
    assert_eq!(metadata["labels"], json!({"app.kubernetes.io/managed-by": "Helm", "team.example/tier": "data"}));
    scene.revoked(&grant, None).await;
    assert_eq!(without_ours(&scene.service_account()), without_ours(&before));
}

#[tokio::test]
async fn webhook_settings_are_annotations_and_go_with_the_grant() {
    let scene = Scene::new("webhook-settings").await;
    let mut grant = scene.grant();
    grant.token.expiration = Some(3600);
    grant.token.regional_endpoints = Some(true);
    grant.trust.audience = "connections".to_owned();
    scene.applied(&grant).await;
    let annotations = scene.service_account()["metadata"]["annotations"].clone();
    assert_eq!(annotations["eks.amazonaws.com/token-expiration"], "3600");
    assert_eq!(annotations["eks.amazonaws.com/sts-regional-endpoints"], "true");
    assert_eq!(annotations["eks.amazonaws.com/audience"], "connections");
    scene.verified(&grant).await;
    scene.applied(&scene.grant()).await;
    let annotations = scene.service_account()["metadata"]["annotations"].clone();
    assert_eq!(annotations["eks.amazonaws.com/token-expiration"], Value::Null);
    assert_eq!(annotations["eks.amazonaws.com/audience"], Value::Null);
}

#[tokio::test]
async fn stateful_sets_and_daemon_sets_are_pointed_at_it_and_back() {
    let scene = Scene::new("other-kinds").await;
    // A DaemonSet has pods where there are nodes.
    let node = format!("node-{}", scene.namespace);
    scene.plane.create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
    scene.plane.kubectl(&["taint", "node", &node, "node.kubernetes.io/not-ready:NoSchedule-"]);
    scene.plane.workload("StatefulSet", &scene.namespace, "store", None);
    scene.plane.workload("DaemonSet", &scene.namespace, "agent", None);
    let before = (scene.workload_as_set("statefulset", "store"), scene.workload_as_set("daemonset", "agent"));
    let grant = scene.grant().stateful_set("store").daemon_set("agent");
    // Without a kubelet the pod of a node does not end: the rollout of a DaemonSet is waited for without its old pod.
    scene.client.apply(&grant).await.unwrap();
    scene.plane.kubectl(&["delete", "pods", "-n", &scene.namespace, "-l", "app=agent", "--force", "--grace-period=0"]);
    for kind in ["statefulset/store", "daemonset/agent"] {
        scene.plane.kubectl(&["rollout", "status", kind, "-n", &scene.namespace, "--timeout=120s"]);
    }
    scene.nothing_to_do(&grant).await;
    scene.verified(&grant).await;
    for (kind, name) in [("statefulset", "store"), ("daemonset", "agent")] {
        let pod = scene.workload_as_set(kind, name)["spec"]["template"]["spec"].clone();
        assert_eq!(pod["serviceAccountName"], SERVICE_ACCOUNT, "{kind}");
    }
    scene.client.revoke(&grant).await.unwrap();
    assert_eq!((scene.workload_as_set("statefulset", "store"), scene.workload_as_set("daemonset", "agent")), before);
    scene.plane.kubectl(&["delete", "node", &node]);
}

#[tokio::test]
async fn a_former_service_account_comes_back_and_the_next_apply_meets_no_conflict_with_our_own_undo() {
    let scene = Scene::new("former").await;
    scene.plane.kubectl(&["create", "serviceaccount", "former", "-n", &scene.namespace]);
    scene.deployment(Some("former"));
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    // kubectl, which made it, owns the field: only `own` takes it.
    let own = WorkloadGrant { manage: Manage::Own, ..WorkloadGrant::new(WorkloadKind::Deployment, DEPLOYMENT) };
    let grant = scene.grant().workload(own);
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    scene.revoked(&grant, None).await;
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);

    // The field is ours since the undo: nobody else's leave is needed.
    let plain = scene.grant().deployment(DEPLOYMENT);
    scene.applied(&plain).await;
    scene.verified(&plain).await;
    scene.revoked(&plain, None).await;
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
}

#[tokio::test]
async fn a_workload_that_the_grant_no_longer_names_goes_back() {
    let scene = Scene::new("dropped-workload").await;
    scene.deployment(None);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    scene.applied(&scene.grant().deployment(DEPLOYMENT)).await;
    scene.applied(&scene.grant()).await;
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
}

#[tokio::test]
async fn a_field_of_argo_cd_is_a_conflict_that_names_it_until_the_grant_owns_it() {
    let scene = Scene::new("conflict").await;
    scene.plane.kubectl(&["create", "serviceaccount", "theirs", "-n", &scene.namespace]);
    scene.plane.apply_as("argocd-controller", &json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": scene.namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": DEPLOYMENT}},
            "template": {
                "metadata": {"labels": {"app": DEPLOYMENT}},
                "spec": {"serviceAccountName": "theirs", "containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
            },
        },
    }));
    scene.plane.rolled_out("deployment", &scene.namespace, DEPLOYMENT);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    let error = scene.client.apply(&scene.grant().deployment(DEPLOYMENT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(error.get_conflicts()[0].manager, "argocd-controller");
    assert_eq!(error.get_conflicts()[0].field, ".spec.template.spec.serviceAccountName");
    assert!(shown(&error).contains("own"), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    assert_eq!(scene.service_account(), Value::Null);
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);

    let own = WorkloadGrant { manage: Manage::Own, ..WorkloadGrant::new(WorkloadKind::Deployment, DEPLOYMENT) };
    let grant = scene.grant().workload(own);
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    scene.revoked(&grant, None).await;
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
}

#[tokio::test]
async fn an_annotation_of_flux_is_a_conflict_that_names_it_until_the_grant_owns_it() {
    let scene = Scene::new("annotation-conflict").await;
    scene.plane.apply_as(
        "kustomize-controller",
        &json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {
                "name": SERVICE_ACCOUNT, "namespace": scene.namespace,
                "annotations": {ROLE_ANNOTATION: "arn:aws:iam::204393242335:role/theirs"},
            },
        }),
    );
    let error = scene.client.apply(&scene.grant()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(error.get_conflicts()[0].manager, "kustomize-controller");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    let mut grant = scene.grant();
    grant.service_account.manage = Manage::Own;
    scene.applied(&grant).await;
    assert_eq!(scene.service_account()["metadata"]["annotations"][ROLE_ANNOTATION], ROLE_ARN);
}

#[tokio::test]
async fn pods_that_are_older_than_the_annotation_are_replaced_unless_the_grant_says_otherwise() {
    let scene = Scene::new("restart").await;
    scene.plane.kubectl(&["create", "serviceaccount", SERVICE_ACCOUNT, "-n", &scene.namespace]);
    scene.deployment(Some(SERVICE_ACCOUNT));
    let patient = WorkloadGrant { restart: false, ..WorkloadGrant::new(WorkloadKind::Deployment, DEPLOYMENT) };
    let plan = scene.client.plan(&scene.grant().workload(patient)).await.unwrap();
    assert!(!kinds(&plan).contains(&"apply_workload".to_owned()), "{plan}");
    let grant = scene.grant().deployment(DEPLOYMENT);
    let plan = scene.client.plan(&grant).await.unwrap();
    assert!(plan.steps.iter().any(|step| step.summary.starts_with("restart ")), "{plan}");
    let generation = |scene: &Scene| {
        scene.plane.get("deployment", &scene.namespace, DEPLOYMENT)["metadata"]["generation"].as_i64().unwrap()
    };
    let before = generation(&scene);
    scene.client.apply(plan).wait(ROLLOUT).await.unwrap();
    assert_eq!(generation(&scene), before + 1, "one rollout");
    scene.nothing_to_do(&grant).await;
    scene.verified(&grant).await;
}

#[tokio::test]
async fn a_missing_namespace_and_a_missing_workload_are_named_before_any_write() {
    let scene = Scene::new("missing").await;
    let error = scene.client.apply(&scene.grant().deployment("nobody")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(shown(&error).contains("nobody"), "{error:?}");
    let elsewhere =
        Scene::at(podrole_tests::Front::new(podrole_tests::Emulator::Moto), "no-such-namespace".to_owned()).await;
    let error = elsewhere.client.apply(&elsewhere.grant()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(shown(&error).contains("namespace no-such-namespace"), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    assert_eq!(elsewhere.front.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pod_identity_association_is_refused_before_any_write() {
    let scene = Scene::new("pod-identity").await;
    scene.front.associations(&json!([{
        "clusterName": "devops_aurora", "namespace": scene.namespace, "serviceAccount": SERVICE_ACCOUNT,
        "associationArn": "arn:aws:eks:ca-central-1:204393242335:podidentityassociation/devops_aurora/a-0123456789abcdef0",
        "associationId": "a-0123456789abcdef0",
    }]));
    let error = scene.client.apply(&scene.grant()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert!(shown(&error).contains("a-0123456789abcdef0"), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    assert_eq!(scene.service_account(), Value::Null);
}

#[tokio::test]
async fn pods_are_given_the_role_and_those_that_cannot_use_it_are_found() {
    let scene = Scene::new("webhook").await;
    scene.plane.workload("Deployment", &scene.namespace, DEPLOYMENT, None);
    let grant = scene.grant().deployment(DEPLOYMENT);
    scene.client.apply(&grant).wait(ROLLOUT).await.unwrap();
    let pods = |scene: &Scene| -> Value {
        let listed = scene.plane.kubectl(&["get", "pods", "-n", &scene.namespace, "-o", "json"]);
        serde_json::from_str(&listed).unwrap()
    };
    let role = |pod: &Value| {
        let env = pod["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
        env.iter().find(|variable| variable["name"] == "AWS_ROLE_ARN").map(|variable| variable["value"].clone())
    };
    let given = pods(&scene)["items"].as_array().unwrap().iter().any(|pod| role(pod) == Some(ROLE_ARN.into()));
    assert!(given, "{:#}", pods(&scene));
    let report = scene.verified(&grant).await;
    assert!(report.to_string().contains("pods were given"), "{report}");
    // What the owner of the workload changes in its template, and what is said of the next pods.
    let failed = async |template: Value| -> Vec<String> {
        let patch = json!({"spec": {"template": template}}).to_string();
        scene.plane.kubectl(&["patch", "deployment", DEPLOYMENT, "-n", &scene.namespace, "-p", &patch]);
        scene.plane.rolled_out("deployment", &scene.namespace, DEPLOYMENT);
        let report = scene.client.verify(&grant).await.unwrap();
        report.failures().map(|check| check.message.clone()).collect()
    };
    let label = "eks.amazonaws.com/skip-pod-identity-webhook";
    let messages = failed(json!({"metadata": {"labels": {label: "true"}}})).await;
    assert!(messages.iter().any(|message| message.contains("was not given the role")), "{messages:?}");
    let volume = json!({"metadata": {"labels": {label: null}}, "spec": {"volumes": [{"name": "aws-iam-token", "emptyDir": {}}]}});
    let messages = failed(volume).await;
    assert!(messages.iter().any(|message| message.contains("has no service-account token at")), "{messages:?}");
    // Without either it is well again.
    assert_eq!(failed(json!({"spec": {"volumes": null}})).await, Vec::<String>::new());
}
