//! Where the rollout of a workload stands: each kind counts in its own words.

use serde_json::Value;

use crate::model::{Rollout, WorkloadKind};

/// Whether pods are not replaced by themselves: a paused Deployment, or the strategies that wait for a hand.
pub(super) fn on_hold(kind: WorkloadKind, object: &Value) -> bool {
    let spec = &object["spec"];
    match kind {
        WorkloadKind::Deployment => spec["paused"] == true,
        WorkloadKind::StatefulSet => {
            spec["updateStrategy"]["type"] == "OnDelete"
                || count(&spec["updateStrategy"]["rollingUpdate"]["partition"]) > 0
        }
        WorkloadKind::DaemonSet => spec["updateStrategy"]["type"] == "OnDelete",
    }
}

pub(super) fn rollout(kind: WorkloadKind, object: &Value) -> Rollout {
    let status = &object["status"];
    let common = Rollout {
        generation: object["metadata"]["generation"].as_i64().unwrap_or_default(),
        observed_generation: status["observedGeneration"].as_i64().unwrap_or_default(),
        failure: failure(status),
        ..Rollout::default()
    };
    match kind {
        WorkloadKind::Deployment => Rollout {
            desired: replicas(object),
            total: count(&status["replicas"]),
            updated: count(&status["updatedReplicas"]),
            available: count(&status["availableReplicas"]),
            ..common
        },
        WorkloadKind::StatefulSet => Rollout {
            desired: replicas(object),
            total: count(&status["replicas"]),
            updated: updated(status),
            available: count(&status["availableReplicas"]),
            ..common
        },
        WorkloadKind::DaemonSet => Rollout {
            desired: count(&status["desiredNumberScheduled"]),
            total: count(&status["currentNumberScheduled"]),
            updated: count(&status["updatedNumberScheduled"]),
            available: count(&status["numberAvailable"]),
            ..common
        },
    }
}

/// Pods of a `StatefulSet` that have the present template. Once all have it, the revisions are equal and the count may be left out.
fn updated(status: &Value) -> i32 {
    let finished = status["currentRevision"].is_string() && status["currentRevision"] == status["updateRevision"];
    match &status["updatedReplicas"] {
        Value::Null if finished => count(&status["currentReplicas"]),
        updated => count(updated),
    }
}

/// Pods wanted; the server's default is 1.
fn replicas(object: &Value) -> i32 {
    match &object["spec"]["replicas"] {
        Value::Null => 1,
        replicas => count(replicas),
    }
}

/// A counter; absent means 0.
fn count(value: &Value) -> i32 {
    value.as_i64().and_then(|value| i32::try_from(value).ok()).unwrap_or_default()
}

/// What the controller says is wrong: pods that cannot be made, or a deadline that has passed.
fn failure(status: &Value) -> Option<String> {
    let conditions = status["conditions"].as_array()?;
    conditions.iter().find_map(|condition| {
        let message = condition["message"].as_str().unwrap_or_default();
        match (condition["type"].as_str()?, condition["status"].as_str()?) {
            ("ReplicaFailure", "True") => Some(format!("ReplicaFailure: {message}")),
            ("Progressing", "False") if condition["reason"] == "ProgressDeadlineExceeded" => {
                Some(format!("ProgressDeadlineExceeded: {message}"))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_counts_with_absent_counters_as_zero() {
        let object = json!({"metadata": {"generation": 2}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "unavailableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"},
                    {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods \"e2-\" is forbidden"}]}});
        let expected = Rollout {
            generation: 2,
            observed_generation: 2,
            desired: 2,
            total: 3,
            updated: 1,
            available: 0,
            failure: Some("ReplicaFailure: pods \"e2-\" is forbidden".to_owned()),
        };
        assert_eq!(rollout(WorkloadKind::Deployment, &object), expected);
        assert!(!on_hold(WorkloadKind::Deployment, &object));
        assert!(on_hold(WorkloadKind::Deployment, &json!({"spec": {"paused": true}})));
    }

    #[test]
    fn a_stateful_set_is_complete_when_its_revisions_are_equal() {
        let mut object = json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2, "replicas": 2,
            "currentReplicas": 1, "updatedReplicas": 1, "availableReplicas": 2, "currentRevision": "a", "updateRevision": "b"}});
        assert!(!rollout(WorkloadKind::StatefulSet, &object).is_complete());
        object["status"] = json!({"observedGeneration": 2, "replicas": 2, "currentReplicas": 2, "availableReplicas": 2,
            "currentRevision": "b", "updateRevision": "b"});
        assert!(rollout(WorkloadKind::StatefulSet, &object).is_complete());
        assert!(on_hold(
            WorkloadKind::StatefulSet,
            &json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}})
        ));
    }

    #[test]
    fn a_daemon_set_counts_nodes() {
        let object = json!({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 3,
            "currentNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}});
        let rollout = rollout(WorkloadKind::DaemonSet, &object);
        assert_eq!((rollout.desired, rollout.total, rollout.updated, rollout.available), (3, 3, 3, 2));
        assert!(on_hold(WorkloadKind::DaemonSet, &json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})));
    }
}
