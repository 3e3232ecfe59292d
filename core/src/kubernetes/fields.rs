//! Who owns which fields: `metadata.managedFields` as paths.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::objects::{seconds, text};
use crate::model::FieldOwner;

/// The owners of an object's fields. Entries of subresources (status) are left out: controllers write them all the time.
pub(super) fn owners(metadata: &Value) -> Vec<FieldOwner> {
    let Some(entries) = metadata["managedFields"].as_array() else { return Vec::new() };
    entries
        .iter()
        .filter(|entry| entry["subresource"].as_str().unwrap_or_default().is_empty())
        .map(|entry| {
            let mut fields = BTreeSet::new();
            if let Some(set) = entry["fieldsV1"].as_object() {
                collect(set, "", &mut fields);
            }
            FieldOwner {
                manager: text(&entry["manager"]).unwrap_or_default(),
                apply: entry["operation"] == "Apply",
                fields,
                time: entry["time"].as_str().and_then(seconds),
            }
        })
        .collect()
}

/// The leaves of a `FieldsV1` set below a path: a field that is owned as a whole is one.
fn collect(set: &Map<String, Value>, path: &str, fields: &mut BTreeSet<String>) {
    for (key, below) in set.iter().filter(|(key, _)| *key != ".") {
        let path = format!("{path}{}", step(key));
        match below.as_object() {
            Some(below) if below.keys().any(|key| key != ".") => collect(below, &path, fields),
            _ => {
                fields.insert(path);
            }
        }
    }
}

/// One step of a path, written as the server writes it in conflicts: `f:spec` is `.spec`, `k:{"name":"app"}` is `[name="app"]`.
fn step(key: &str) -> String {
    match key.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => match serde_json::from_str::<Map<String, Value>>(keys) {
            Ok(keys) => {
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
            Err(_) => format!("[{keys}]"),
        },
        Some(("v", value)) => format!("[={value}]"),
        Some(("i", index)) => format!("[{index}]"),
        _ => format!(".{key}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_written_as_in_conflicts_and_status_is_left_out() {
        let metadata = json!({"managedFields": [
            {"manager": "podrole", "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-11-23T19:16:21Z", "fieldsType": "FieldsV1",
             "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:eks.amazonaws.com/role-arn": {}}},
                "f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}, "f:serviceAccount": {},
                    "f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:ports": {
                        ".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}},
            {"manager": "kubectl-create", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {".": {}},
                "f:finalizers": {"v:\"a/b\"": {}}}, "f:imagePullSecrets": {}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}}}},
        ]});
        let owners = owners(&metadata);
        assert_eq!(owners.len(), 2);
        assert_eq!(
            (owners[0].manager.as_str(), owners[0].apply, owners[0].time),
            ("podrole", true, Some(1_795_461_381))
        );
        let fields: Vec<&str> = owners[0].fields.iter().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                ".metadata.annotations.eks.amazonaws.com/role-arn",
                ".spec.template.spec.containers[name=\"app\"].image",
                ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80,protocol=\"TCP\"].containerPort",
                ".spec.template.spec.serviceAccount",
                ".spec.template.spec.serviceAccountName",
            ]
        );
        assert!(!owners[1].apply);
        let fields: Vec<&str> = owners[1].fields.iter().map(String::as_str).collect();
        assert_eq!(fields, [".imagePullSecrets", ".metadata.annotations", ".metadata.finalizers[=\"a/b\"]"]);
    }
}
