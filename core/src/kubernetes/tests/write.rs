//! Writing: method, full URI, content type and body.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Seen, Wire, account, namespace, refusal, workload};
use crate::error::ErrorKind;
use crate::model::WorkloadKind;
use crate::ports::{KubernetesWrite, ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore};

const ACCOUNT: &str = "/api/v1/namespaces/devops-aurora-1/serviceaccounts/connections-serviceaccount-s3";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/devops-aurora-1/deployments/connections-app";

fn one(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn apply(uid: Option<&str>, force: bool) -> ServiceAccountApply {
    ServiceAccountApply {
        manager: "podrole".to_owned(),
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
async fn what_was_taken_over_on_a_service_account_is_merged_back_by_the_manager_that_took_it() {
    let wire = Wire::new([(200, json!({}))]);
    let restore = ServiceAccountRestore {
        manager: "another-team".to_owned(),
        namespace: namespace(),
        name: account(),
        uid: "u1".to_owned(),
        annotations: one("eks.amazonaws.com/role-arn", "theirs"),
        labels: BTreeMap::new(),
    };
    wire.connection().restore_service_account(&restore).await.expect("restored");
    let body = json!({"metadata": {"uid": "u1", "annotations": {"eks.amazonaws.com/role-arn": "theirs"}}});
    let line = format!("PATCH {ACCOUNT}?fieldManager=another-team");
    assert_eq!(wire.seen(), [seen(line, "application/merge-patch+json", body)]);
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
        manager: "podrole".to_owned(),
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
            manager: "podrole".to_owned(),
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

/// A conflict over the service account's name with one owner, and the object whose owners are these.
fn conflict(manager: &str) -> (u16, Value) {
    let cause = json!({"reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\" using apps/v1"),
        "field": ".spec.template.spec.serviceAccountName"});
    refusal(409, "Conflict", "Apply failed with 1 conflict", json!({"causes": [cause]}))
}

fn owned_by(managers: &[&str]) -> (u16, Value) {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}});
    let entry = |manager: &&str| json!({"manager": manager, "operation": "Update", "fieldsV1": fields});
    let entries: Vec<Value> = managers.iter().map(entry).collect();
    (200, json!({"metadata": {"uid": "u", "resourceVersion": "7", "managedFields": entries}}))
}

#[tokio::test]
async fn an_earlier_restore_is_no_owner_in_the_way_but_anybody_else_is() {
    let wanted = WorkloadApply {
        manager: "podrole".to_owned(),
        workload: workload(WorkloadKind::Deployment),
        uid: "u".to_owned(),
        service_account: Some("s".to_owned()),
        annotations: BTreeMap::new(),
        template_annotations: BTreeMap::new(),
        force: false,
    };
    let changed = refusal(409, "Conflict", "the object has been modified", json!({}));
    let read = || owned_by(&["podrole"]);
    let wire = Wire::new([conflict("podrole"), read(), changed, read(), (200, json!({}))]);
    wire.connection().apply_workload(&wanted).await.expect("applied");
    let last = wire.seen().pop().expect("a call");
    assert_eq!(last.line, format!("PATCH {DEPLOYMENT}?fieldManager=podrole&force=true"));
    assert_eq!(last.body["metadata"]["resourceVersion"], "7");

    // Somebody took the field over in between.
    let wire = Wire::new([conflict("podrole"), owned_by(&["podrole", "helm"])]);
    let error = wire.connection().apply_workload(&wanted).await.expect_err("another owner");
    assert_eq!((error.kind(), wire.seen().len()), (ErrorKind::Conflict, 2));

    let wire = Wire::new([conflict("helm")]);
    let error = wire.connection().apply_workload(&wanted).await.expect_err("another owner");
    assert_eq!((error.kind(), error.get_conflicts()[0].manager.as_str()), (ErrorKind::Conflict, "helm"));
}
