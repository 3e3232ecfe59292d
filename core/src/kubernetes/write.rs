//! The writing half: server-side apply, so that the server itself keeps what others own.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::connection::{Call, Connection, Place};
use super::fields::owners;
use super::read::{service_account_place, workload_place};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Namespace, ServiceAccountName};
use crate::ports::{KubernetesWrite, ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore};

/// Server-side apply; JSON is YAML.
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// How often an object that changes meanwhile is read again.
const TRIES: u32 = 5;

fn apply<'a>(place: Place<'a>, manager: &str, force: bool, body: Value) -> Call<'a> {
    let mut query = vec![("fieldManager", manager.to_owned())];
    if force {
        query.push(("force", "true".to_owned()));
    }
    Call { verb: "patch", place, query, body: Some((APPLY, body)) }
}

fn merge<'a>(place: Place<'a>, manager: &str, body: Value) -> Call<'a> {
    Call { verb: "patch", place, query: vec![("fieldManager", manager.to_owned())], body: Some((MERGE, body)) }
}

/// An object with only the keys that have something to say: an empty map would be owned as such.
fn sparse<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let filled = |value: &Value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    Value::Object(
        entries.into_iter().filter(|(_, value)| filled(value)).map(|(key, value)| (key.to_owned(), value)).collect(),
    )
}

/// Keys that a merge patch removes.
fn nulls(keys: &[String]) -> Value {
    Value::Object(keys.iter().map(|key| (key.clone(), Value::Null)).collect::<Map<_, _>>())
}

/// Whether the only owner in the way is the field manager itself: a restore is an update, and the server takes the updates of a field manager
/// and what it applies for two owners.
fn is_with_itself(manager: &str, error: &Error) -> bool {
    let conflicts = error.get_conflicts();
    !conflicts.is_empty() && conflicts.iter().all(|conflict| conflict.manager == manager)
}

impl Connection {
    /// Applies, also over a restore of the field manager's own.
    async fn apply_over_restore(&self, place: Place<'_>, manager: &str, force: bool, body: Value) -> Result<bool> {
        match self.send(&apply(place, manager, force, body.clone())).await {
            Err(error) if is_with_itself(manager, &error) => self.take_back(place, manager, body, error).await,
            answer => answer.map(|(_, created)| created),
        }
    }

    /// Applies by force over the field manager's own restore. The object's version keeps others from being overwritten in between; controllers
    /// change it too (with every status), so a few tries may be needed.
    async fn take_back(&self, place: Place<'_>, manager: &str, mut body: Value, mut conflict: Error) -> Result<bool> {
        let fields: BTreeSet<String> = conflict.get_conflicts().iter().map(|conflict| conflict.field.clone()).collect();
        for _ in 0..TRIES {
            let Some(object) = self.get(place, Vec::new()).await? else { break };
            let metadata = &object["metadata"];
            let mut others = owners(metadata).into_iter().filter(|owner| owner.manager != manager);
            if metadata["uid"] != body["metadata"]["uid"] || others.any(|owner| !owner.fields.is_disjoint(&fields)) {
                break;
            }
            body["metadata"]["resourceVersion"] = metadata["resourceVersion"].clone();
            match self.send(&apply(place, manager, true, body.clone())).await {
                Err(error) if error.kind() == ErrorKind::Conflict => conflict = error,
                answer => return answer.map(|(_, created)| created),
            }
        }
        Err(conflict)
    }
}

#[async_trait]
impl KubernetesWrite for Connection {
    async fn apply_service_account(&self, apply: &ServiceAccountApply) -> Result<bool> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": sparse([
                ("name", json!(apply.name)),
                ("namespace", json!(apply.namespace)),
                // Where it is given, an absent or another object is a conflict; where not, an absent one is created.
                ("uid", json!(apply.uid)),
                ("annotations", json!(apply.annotations)),
                ("labels", json!(apply.labels)),
            ]),
        });
        let place = service_account_place(&apply.namespace, &apply.name);
        self.apply_over_restore(place, &apply.manager, apply.force, body).await
    }

    async fn restore_service_account(&self, restore: &ServiceAccountRestore) -> Result<()> {
        let body = json!({
            "metadata": sparse([
                ("uid", json!(restore.uid)),
                ("annotations", json!(restore.annotations)),
                ("labels", json!(restore.labels)),
            ]),
        });
        let place = service_account_place(&restore.namespace, &restore.name);
        self.send(&merge(place, &restore.manager, body)).await?;
        Ok(())
    }

    async fn delete_service_account(&self, namespace: &Namespace, name: &ServiceAccountName, uid: &str) -> Result<()> {
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
        let place = service_account_place(namespace, name);
        self.send(&Call { verb: "delete", place, query: Vec::new(), body: Some((JSON, body)) }).await?;
        Ok(())
    }

    async fn apply_workload(&self, apply: &WorkloadApply) -> Result<()> {
        // Both fields: the server keeps them equal, so that one alone could never be taken back by leaving it out.
        let pod = sparse([
            ("serviceAccountName", json!(apply.service_account)),
            ("serviceAccount", json!(apply.service_account)),
        ]);
        let template =
            sparse([("metadata", sparse([("annotations", json!(apply.template_annotations))])), ("spec", pod)]);
        let body = sparse([
            ("apiVersion", json!("apps/v1")),
            ("kind", json!(apply.workload.kind.kubernetes_kind())),
            (
                "metadata",
                sparse([
                    ("name", json!(apply.workload.name)),
                    ("namespace", json!(apply.workload.namespace)),
                    ("uid", json!(apply.uid)),
                    ("annotations", json!(apply.annotations)),
                ]),
            ),
            ("spec", sparse([("template", template)])),
        ]);
        let place = workload_place(&apply.workload);
        self.apply_over_restore(place, &apply.manager, apply.force, body).await.map(drop)
    }

    async fn restore_workload(&self, restore: &WorkloadRestore) -> Result<()> {
        // In a merge patch null removes: an empty name means that there was none.
        let service_account =
            restore.service_account.as_ref().map(|name| if name.is_empty() { Value::Null } else { json!(name) });
        let pod = match service_account {
            Some(name) => json!({"serviceAccountName": name, "serviceAccount": name}),
            None => Value::Null,
        };
        let template = sparse([
            ("metadata", sparse([("annotations", nulls(&restore.remove_template_annotations))])),
            ("spec", pod),
        ]);
        let body = sparse([
            ("metadata", sparse([("uid", json!(restore.uid)), ("annotations", nulls(&restore.remove_annotations))])),
            ("spec", sparse([("template", template)])),
        ]);
        self.send(&merge(workload_place(&restore.workload), &restore.manager, body)).await?;
        Ok(())
    }
}
