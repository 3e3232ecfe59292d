//! Reading.

use serde_json::json;

use super::{Wire, account, namespace, refusal, workload};
use crate::error::ErrorKind;
use crate::model::WorkloadKind;
use crate::ports::KubernetesRead;

#[tokio::test]
async fn a_service_account_is_read_with_its_owners() {
    let wire = Wire::new([(
        200,
        json!({"kind": "ServiceAccount", "metadata": {"uid": "u1", "annotations": {"a": "1"}, "labels": {"l": "2"},
        "managedFields": [{"manager": "helm", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:l": {}}}}}]}}),
    )]);
    let read =
        wire.connection().service_account(&namespace(), &account()).await.expect("an answer").expect("an object");
    assert_eq!((read.uid.as_str(), read.annotations["a"].as_str(), read.labels["l"].as_str()), ("u1", "1", "2"));
    assert_eq!(read.owners[0].manager, "helm");
    assert!(read.owners[0].fields.contains(".metadata.labels.l"));
    assert_eq!(wire.lines(), ["GET /api/v1/namespaces/devops-aurora-1/serviceaccounts/connections-serviceaccount-s3"]);
}

#[tokio::test]
async fn a_workload_is_read_from_the_path_of_its_kind() {
    let object = json!({"metadata": {"uid": "u", "generation": 3}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "c"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]},
        "template": {"metadata": {"annotations": {"t": "1"}}, "spec": {"serviceAccountName": "old", "initContainers": [{"name": "init"}],
            "containers": [{"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {}}},
                {"name": "C"}]}]}}}, "status": {"observedGeneration": 3}});
    let wire = Wire::new([(200, object.clone()), (200, object.clone()), (200, object)]);
    let connection = wire.connection();
    for kind in [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        let read = connection.workload(&workload(kind)).await.expect("an answer").expect("an object");
        assert_eq!(read.service_account.as_deref(), Some("old"));
        assert_eq!(read.selector["app"], "c");
        let expression = &read.selector_expressions[0];
        assert_eq!(
            (expression.key.as_str(), expression.operator.as_str(), &expression.values[..]),
            ("tier", "In", &["web".to_owned()][..])
        );
        assert_eq!(read.template_annotations["t"], "1");
        assert_eq!(read.rollout.generation, 3);
        let names: Vec<&str> = read.containers.iter().map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["init", "app"]);
        let env = &read.containers[1].env;
        assert_eq!((env["A"].as_deref(), env["B"].as_deref(), env["C"].as_deref()), (Some("1"), None, Some("")));
    }
    let path = |plural| format!("GET /apis/apps/v1/namespaces/devops-aurora-1/{plural}/connections-app");
    assert_eq!(wire.lines(), [path("deployments"), path("statefulsets"), path("daemonsets")]);
}

#[tokio::test]
async fn a_container_has_the_tokens_that_are_mounted_into_it() {
    let projected = |path: &str, audience: serde_json::Value| {
        json!({"projected": {"sources": [{"configMap": {"name": "ca"}},
        {"serviceAccountToken": {"path": path, "audience": audience}}]}})
    };
    let mut volumes =
        vec![projected("token", json!("sts.amazonaws.com")), projected("own", json!(null)), json!({"emptyDir": {}})];
    for (volume, name) in volumes.iter_mut().zip(["aws-iam-token", "api", "scratch"]) {
        volume["name"] = json!(name);
    }
    let mount = |name: &str, path: &str, part: Option<&str>| json!({"name": name, "mountPath": path, "subPath": part});
    let mounts = [
        mount("aws-iam-token", "/var/aws/", None),
        mount("aws-iam-token", "/one", Some("token")),
        mount("aws-iam-token", "/none", Some("other")),
        mount("api", "/api", None),
        mount("scratch", "/tmp", None),
    ];
    let pod = json!({"metadata": {"name": "a", "creationTimestamp": "2026-11-23T19:16:21Z"}, "spec": {"volumes": volumes,
        "containers": [{"name": "bare"}, {"name": "app", "volumeMounts": mounts, "envFrom": [{"secretRef": {"name": "s"}},
            {"prefix": "X_", "configMapRef": {"name": "c"}}]}]}});
    let wire = Wire::new([(200, json!({"metadata": {}, "items": [pod]}))]);
    let pods = wire.connection().pods(&namespace(), &account()).await.expect("an answer");
    let [bare, app] = pods[0].containers.as_slice() else { panic!("{pods:?}") };
    assert!(bare.tokens.is_empty() && bare.env_from.is_empty());
    assert_eq!(app.env_from, ["secret s", "configmap c"]);
    let tokens: Vec<(&str, &str)> =
        app.tokens.iter().map(|(path, audience)| (path.as_str(), audience.as_str())).collect();
    assert_eq!(tokens, [("/api/own", ""), ("/one", "sts.amazonaws.com"), ("/var/aws/token", "sts.amazonaws.com")]);
}

#[tokio::test]
async fn pods_are_read_to_the_last_page() {
    let pod = |name: &str, phase: &str| json!({"metadata": {"name": name, "creationTimestamp": "2026-11-23T19:16:21Z"}, "spec": {"containers": []}, "status": {"phase": phase}});
    let mut leaving = pod("c", "Running");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-23T19:17:00Z");
    let wire = Wire::new([
        (200, json!({"metadata": {"continue": "a=b&c"}, "items": [pod("a", "Running"), pod("b", "Succeeded")]})),
        (200, json!({"metadata": {"continue": ""}, "items": [leaving]})),
    ]);
    let pods = wire.connection().pods(&namespace(), &account()).await.expect("an answer");
    let read: Vec<(&str, bool)> = pods.iter().map(|pod| (pod.name.as_str(), pod.ending)).collect();
    assert_eq!(read, [("a", false), ("b", true), ("c", true)]);
    assert_eq!(pods[0].created_at, 1_795_461_381);
    let first = "GET /api/v1/namespaces/devops-aurora-1/pods?fieldSelector=spec.serviceAccountName%3Dconnections-serviceaccount-s3&limit=500";
    assert_eq!(wire.lines(), [first.to_owned(), format!("{first}&continue=a%3Db%26c")]);
}

#[tokio::test]
async fn only_a_not_found_about_this_very_object_is_absence() {
    let of = |kind: &str, name: &str| json!({"kind": kind, "name": name});
    let wire = Wire::new([
        refusal(404, "NotFound", "not found", of("serviceaccounts", "connections-serviceaccount-s3")),
        refusal(404, "NotFound", "the server could not find the requested resource", json!({})),
        refusal(404, "NotFound", "namespaces \"devops-aurora-1\" not found", of("namespaces", "devops-aurora-1")),
        refusal(404, "NotFound", "namespaces \"devops-aurora-1\" not found", of("namespaces", "devops-aurora-1")),
        (200, json!({"metadata": {"uid": "n"}})),
    ]);
    let connection = wire.connection();
    assert_eq!(connection.service_account(&namespace(), &account()).await.expect("no error"), None);
    let error = connection.service_account(&namespace(), &account()).await.expect_err("an unknown path");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    let error = connection.service_account(&namespace(), &account()).await.expect_err("no namespace");
    assert_eq!((error.kind(), error.get_resource()), (ErrorKind::NotFound, Some("namespace devops-aurora-1")));
    assert!(!connection.namespace_exists(&namespace()).await.expect("no error"));
    assert!(connection.namespace_exists(&namespace()).await.expect("no error"));
    assert_eq!(wire.lines()[4], "GET /api/v1/namespaces/devops-aurora-1");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_unexpected() {
    let html = "<html>sign in</html>".to_owned();
    let wire = Wire::raw([
        Some((200, html.clone())),
        Some((404, html)),
        Some((200, "{}".to_owned())),
        Some((200, "{}".to_owned())),
    ]);
    let connection = wire.connection();
    for what in ["a page", "a page that says 404", "an object without a uid"] {
        let error = connection.service_account(&namespace(), &account()).await.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{what}");
        assert!(error.get_resource().is_some(), "{what}");
    }
    assert_eq!(connection.pods(&namespace(), &account()).await.expect_err("no list").kind(), ErrorKind::Unexpected);
}
