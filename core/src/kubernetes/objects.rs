//! Kubernetes objects in the words of the model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::owners;
use super::rollout::{on_hold, rollout};
use crate::model::{Container, Pod, SelectorExpression, ServiceAccount, Workload, WorkloadKind};

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
        selector_expressions: entries(&object["spec"]["selector"]["matchExpressions"]).filter_map(expression).collect(),
        containers: containers(&template["spec"]),
        paused: on_hold(kind, object),
        owners: owners(&object["metadata"]),
        rollout: rollout(kind, object),
    })
}

fn expression(value: &Value) -> Option<SelectorExpression> {
    Some(SelectorExpression {
        key: text(&value["key"])?,
        operator: text(&value["operator"])?,
        values: entries(&value["values"]).filter_map(text).collect(),
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
    all.into_iter().flat_map(entries).map(|container| self::container(spec, container)).collect()
}

fn container(spec: &Value, container: &Value) -> Container {
    let env = entries(&container["env"]).filter_map(|variable| {
        // A variable with neither is the empty text.
        let value = variable["valueFrom"].is_null().then(|| variable["value"].as_str().unwrap_or_default().to_owned());
        Some((variable["name"].as_str()?.to_owned(), value))
    });
    let env_from = entries(&container["envFrom"]).filter_map(|source| {
        let named = |field: &str| text(&source[field]["name"]);
        named("secretRef")
            .map(|name| format!("secret {name}"))
            .or_else(|| named("configMapRef").map(|name| format!("configmap {name}")))
    });
    Container {
        name: text(&container["name"]).unwrap_or_default(),
        env: env.collect(),
        env_from: env_from.collect(),
        tokens: entries(&container["volumeMounts"]).flat_map(|mount| tokens(spec, mount)).collect(),
    }
}

/// The tokens that a mount brings into a container: the path of the file, and the audience.
fn tokens<'v>(spec: &'v Value, mount: &'v Value) -> impl Iterator<Item = (String, String)> + 'v {
    let volume = entries(&spec["volumes"]).find(|volume| volume["name"] == mount["name"]);
    let sources = volume.into_iter().flat_map(|volume| entries(&volume["projected"]["sources"]));
    sources.filter_map(|source| {
        let token = &source["serviceAccountToken"];
        let file = text(&token["path"])?;
        let place = text(&mount["mountPath"])?;
        let path = match text(&mount["subPath"]) {
            // The one file of the volume is mounted by itself.
            Some(part) => (part == file).then_some(place)?,
            None => format!("{}/{file}", place.trim_end_matches('/')),
        };
        Some((path, token["audience"].as_str().unwrap_or_default().to_owned()))
    })
}

/// The entries of a list; absent means none.
fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
