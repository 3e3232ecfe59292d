//! Writing: method, full URI, content type and body.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Seen, Wire, account, namespace, workload};
use crate::model::WorkloadKind;
use crate::ports::{KubernetesWrite, ServiceAccountApply, WorkloadApply, WorkloadRestore};

const ACCOUNT: &str = "/api/v1/namespaces/devops-aurora-1/serviceaccounts/connections-serviceaccount-s3";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/devops-aurora-1/deployments/connections-app";

fn one(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn apply(uid: Option<&str>, force: bool) -> ServiceAccountApply {
    ServiceAccountApply {
        namespace: namespace(),
        name: account(),
        uid: uid.map(str::to_owned),
        annotations: one("eks.amazonaws.com/role-arn", "arn:aws:iam::204393242335:role/connections-role-test"),
        labels: BTreeMap::new(),
        force,
    }
}

fn seen(line: String, content_type: &str, body: Value) -> Seen {
    Seen { line, content_type: content_type.to_owned(), authorization: None, body }
}

#[tokio::test]
async fn a_service_account_is_applied_and_201_means_created() {
    let wire = Wire::new([(201, json!({})), (200, json!({}))]);
    let connection = wire.connection();
    assert!(connection.apply_service_account(&apply(None, false)).await.expect("applied"));
    assert!(!connection.apply_service_account(&apply(Some("u1"), true)).await.expect("applied"));
    let mut body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
        "name": "connections-serviceaccount-s3", "namespace": "devops-aurora-1",
        "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::204393242335:role/connections-role-test"}}});
    let first = seen(format!("PATCH {ACCOUNT}?fieldManager=podrole"), "application/apply-patch+yaml", body.clone());
    body["metadata"]["uid"] = json!("u1");
    let second = seen(format!("PATCH {ACCOUNT}?fieldManager=podrole&force=true"), "application/apply-patch+yaml", body);
    assert_eq!(wire.seen(), [first, second]);
}

#[tokio::test]
async fn giving_everything_up_leaves_no_empty_maps() {
    let wire = Wire::new([(200, json!({}))]);
    let nothing = ServiceAccountApply { annotations: BTreeMap::new(), ..apply(Some("u1"), false) };
    wire.connection().apply_service_account(&nothing).await.expect("applied");
    let metadata = json!({"name": "connections-serviceaccount-s3", "namespace": "devops-aurora-1", "uid": "u1"});
    assert_eq!(wire.seen()[0].body["metadata"], metadata);
}

#[tokio::test]
async fn a_service_account_is_deleted_only_with_its_uid() {
    let wire = Wire::new([(200, json!({"kind": "Status", "status": "Success"}))]);
    wire.connection().delete_service_account(&namespace(), &account(), "u1").await.expect("deleted");
    let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "u1"}});
    assert_eq!(wire.seen(), [seen(format!("DELETE {ACCOUNT}"), "application/json", body)]);
}

#[tokio::test]
async fn a_workload_gets_both_fields_of_its_service_account() {
    let wire = Wire::new([(200, json!({})), (200, json!({}))]);
    let connection = wire.connection();
    let mut wanted = WorkloadApply {
        workload: workload(WorkloadKind::Deployment),
        uid: "u".to_owned(),
        service_account: Some("connections-serviceaccount-s3".to_owned()),
        annotations: one("podrole.dev/previous", "default"),
        template_annotations: one("podrole.dev/rollout", "01J"),
        force: false,
    };
    connection.apply_workload(&wanted).await.expect("applied");
    wanted = WorkloadApply {
        service_account: None,
        annotations: BTreeMap::new(),
        template_annotations: BTreeMap::new(),
        force: true,
        ..wanted
    };
    connection.apply_workload(&wanted).await.expect("applied");
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "connections-app", "namespace": "devops-aurora-1", "uid": "u", "annotations": {"podrole.dev/previous": "default"}},
        "spec": {"template": {"metadata": {"annotations": {"podrole.dev/rollout": "01J"}},
            "spec": {"serviceAccountName": "connections-serviceaccount-s3", "serviceAccount": "connections-serviceaccount-s3"}}}});
    let first = seen(format!("PATCH {DEPLOYMENT}?fieldManager=podrole"), "application/apply-patch+yaml", body);
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "connections-app", "namespace": "devops-aurora-1", "uid": "u"}});
    let second =
        seen(format!("PATCH {DEPLOYMENT}?fieldManager=podrole&force=true"), "application/apply-patch+yaml", body);
    assert_eq!(wire.seen(), [first, second]);
}

#[tokio::test]
async fn a_restore_sets_removes_or_leaves_the_service_account() {
    let cases = [
        (
            Some("default"),
            json!({"metadata": {"annotations": {"t": null}}, "spec": {"serviceAccountName": "default", "serviceAccount": "default"}}),
        ),
        (
            Some(""),
            json!({"metadata": {"annotations": {"t": null}}, "spec": {"serviceAccountName": null, "serviceAccount": null}}),
        ),
        (None, json!({"metadata": {"annotations": {"t": null}}})),
    ];
    for (service_account, template) in cases {
        let wire = Wire::new([(200, json!({}))]);
        let restore = WorkloadRestore {
            workload: workload(WorkloadKind::Deployment),
            uid: "u".to_owned(),
            service_account: service_account.map(str::to_owned),
            remove_annotations: vec!["a".to_owned()],
            remove_template_annotations: vec!["t".to_owned()],
        };
        wire.connection().restore_workload(&restore).await.expect("restored");
        let body = json!({"metadata": {"uid": "u", "annotations": {"a": null}}, "spec": {"template": template}});
        let line = format!("PATCH {DEPLOYMENT}?fieldManager=podrole");
        assert_eq!(wire.seen(), [seen(line, "application/merge-patch+json", body)]);
    }
}
