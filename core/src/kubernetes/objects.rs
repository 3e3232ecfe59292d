//! Kubernetes objects in the words of the model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::owners;
use super::rollout::{on_hold, rollout};
use crate::model::{Container, Pod, ServiceAccount, Workload, WorkloadKind};

/// A text that is there and not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A map of texts; absent means empty.
fn texts(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// RFC 3339 as seconds since 1970.
pub(super) fn seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// The uid: what has none is not an object.
fn uid(object: &Value) -> Option<String> {
    text(&object["metadata"]["uid"])
}

pub(super) fn service_account(object: &Value) -> Option<ServiceAccount> {
    let metadata = &object["metadata"];
    Some(ServiceAccount {
        uid: uid(object)?,
        annotations: texts(&metadata["annotations"]),
        labels: texts(&metadata["labels"]),
        owners: owners(metadata),
    })
}

pub(super) fn workload(kind: WorkloadKind, object: &Value) -> Option<Workload> {
    let template = &object["spec"]["template"];
    Some(Workload {
        uid: uid(object)?,
        annotations: texts(&object["metadata"]["annotations"]),
        service_account: text(&template["spec"]["serviceAccountName"])
            .or_else(|| text(&template["spec"]["serviceAccount"])),
        template_annotations: texts(&template["metadata"]["annotations"]),
        selector: texts(&object["spec"]["selector"]["matchLabels"]),
        containers: containers(&template["spec"]),
        paused: on_hold(kind, object),
        owners: owners(&object["metadata"]),
        rollout: rollout(kind, object),
    })
}

pub(super) fn pod(object: &Value) -> Option<Pod> {
    let metadata = &object["metadata"];
    let ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    Some(Pod {
        name: text(&metadata["name"])?,
        labels: texts(&metadata["labels"]),
        annotations: texts(&metadata["annotations"]),
        created_at: metadata["creationTimestamp"].as_str().and_then(seconds)?,
        ending: ended || !metadata["deletionTimestamp"].is_null(),
        containers: containers(&object["spec"]),
    })
}

/// Init containers and containers of a pod's spec, in the order in which they start.
fn containers(spec: &Value) -> Vec<Container> {
    let all = [&spec["initContainers"], &spec["containers"]];
    all.into_iter().filter_map(Value::as_array).flatten().map(container).collect()
}

fn container(container: &Value) -> Container {
    let variables = container["env"].as_array().into_iter().flatten();
    let env = variables.filter_map(|variable| {
        // A variable with neither is the empty text.
        let value = variable["valueFrom"].is_null().then(|| variable["value"].as_str().unwrap_or_default().to_owned());
        Some((variable["name"].as_str()?.to_owned(), value))
    });
    Container { name: text(&container["name"]).unwrap_or_default(), env: env.collect() }
}
