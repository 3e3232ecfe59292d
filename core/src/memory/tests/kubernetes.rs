//! The API server, its controllers and the webhook behave as observed on real ones.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::memory::{Fault, FaultEffect, WorldCluster, WorldServiceAccount, WorldWorkload};
use crate::model::{Cluster, ServiceAccountName};
use crate::ports::{ServiceAccountApply, WorkloadApply, WorkloadRestore};

const ROLE: &str = "eks.amazonaws.com/role-arn";
const ROLE_ARN: &str = "arn:aws:iam::204393242335:role/connections-role-test";

fn account(name: &str) -> ServiceAccountName {
    ServiceAccountName::new(name).unwrap()
}

fn annotated(name: &str, value: &str) -> ServiceAccountApply {
    ServiceAccountApply {
        manager: "podrole".to_owned(),
        namespace: namespace(),
        name: account(name),
        uid: None,
        annotations: [(ROLE.to_owned(), value.to_owned())].into(),
        labels: BTreeMap::new(),
        force: false,
    }
}

fn bare(name: &str) -> ServiceAccountApply {
    ServiceAccountApply { annotations: BTreeMap::new(), ..annotated(name, "") }
}

async fn pointed_at(memory: &Memory, service_account: Option<&str>) -> WorkloadApply {
    let uid = kubernetes(memory).await.0.workload(&app()).await.unwrap().unwrap().uid;
    WorkloadApply {
        manager: "podrole".to_owned(),
        workload: app(),
        uid,
        service_account: service_account.map(str::to_owned),
        annotations: BTreeMap::new(),
        template_annotations: BTreeMap::new(),
        force: false,
    }
}

/// The seed with `other` in place of an account that nobody changed.
fn with_account(name: &str, held: WorldServiceAccount) -> Memory {
    let memory = seed();
    memory.edit(|world| {
        let cluster = world.clusters.values_mut().next().unwrap();
        cluster.namespaces.get_mut(&namespace()).unwrap().service_accounts.insert(account(name), held);
    });
    memory
}

#[tokio::test]
async fn applying_creates_once_and_leaving_out_undoes() {
    let memory = seed();
    let (reads, writes) = kubernetes(&memory).await;
    assert!(writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap());
    let made = memory.world();
    assert!(!writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap());
    assert_eq!(memory.world(), made);
    writes.apply_service_account(&bare("s3")).await.unwrap();
    let left = reads.service_account(&namespace(), &account("s3")).await.unwrap().unwrap();
    assert!(left.annotations.is_empty() && left.owners.is_empty(), "{left:?}");
    let wrong = writes.delete_service_account(&namespace(), &account("s3"), "other").await;
    assert_error(wrong, ErrorKind::Conflict, "Conflict", "UID in precondition");
    writes.delete_service_account(&namespace(), &account("s3"), &left.uid).await.unwrap();
    let gone = writes.delete_service_account(&namespace(), &account("s3"), &left.uid).await;
    assert_error(gone, ErrorKind::NotFound, "NotFound", "not found");
    let must_exist = ServiceAccountApply { uid: Some(left.uid.clone()), ..annotated("s3", ROLE_ARN) };
    let refused = writes.apply_service_account(&must_exist).await;
    assert_error(refused, ErrorKind::Conflict, "Conflict", "no existing object was found");
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    let again = reads.service_account(&namespace(), &account("s3")).await.unwrap().unwrap();
    assert_ne!(again.uid, left.uid);
    let nowhere = ServiceAccountApply { namespace: "nope".parse().unwrap(), ..annotated("s3", ROLE_ARN) };
    let refused = writes.apply_service_account(&nowhere).await;
    assert_error(refused, ErrorKind::NotFound, "NotFound", "namespaces \"nope\" not found");
}

#[tokio::test]
async fn a_field_of_another_manager_is_a_conflict_unless_forced() {
    let memory = with_account("s3", WorldServiceAccount::new().annotation(ROLE, "arn:old", "argocd-controller"));
    let (reads, writes) = kubernetes(&memory).await;
    let before = memory.world();
    let error = writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap_err();
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Conflict, Some("Conflict")));
    let [conflict] = error.get_conflicts() else { panic!("{error:?}") };
    assert_eq!(conflict.manager, "argocd-controller");
    assert_eq!(conflict.field, ".metadata.annotations.eks.amazonaws.com/role-arn");
    assert_eq!(memory.world(), before);

    writes.apply_service_account(&annotated("s3", "arn:old")).await.unwrap();
    writes.apply_service_account(&bare("s3")).await.unwrap();
    assert_eq!(memory.world().comparable(), before.comparable(), "what is owned together stays with its other owner");

    writes.apply_service_account(&ServiceAccountApply { force: true, ..annotated("s3", ROLE_ARN) }).await.unwrap();
    let forced = reads.service_account(&namespace(), &account("s3")).await.unwrap().unwrap();
    assert_eq!(forced.annotations[ROLE], ROLE_ARN);
    let managers: Vec<&str> = forced.owners.iter().map(|owner| owner.manager.as_str()).collect();
    assert_eq!(managers, ["podrole"]);
}

#[tokio::test]
async fn fields_that_nobody_was_recorded_for_are_owned_by_before_first_apply() {
    let held = WorldServiceAccount { annotations: [(ROLE.to_owned(), "x".to_owned())].into(), ..Default::default() };
    let memory = with_account("s3", held);
    let error = kubernetes(&memory).await.1.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap_err();
    assert_eq!(error.get_conflicts()[0].manager, "before-first-apply");
    assert!(error.message().contains("using v1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_service_account_rolls_out_pods_that_get_the_role() {
    let memory = seed();
    let (reads, writes) = kubernetes(&memory).await;
    let old = reads.pods(&namespace(), &account("default")).await.unwrap();
    assert_eq!(old.len(), 2);
    assert!(old.iter().all(|pod| pod.containers[0].env.is_empty()));
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let mut apply = pointed_at(&memory, Some("s3")).await;
    apply.template_annotations.insert("podrole.dev/rollout".to_owned(), "1".to_owned());
    writes.apply_workload(&apply).await.unwrap();

    let workload = reads.workload(&app()).await.unwrap().unwrap();
    assert_eq!(workload.service_account.as_deref(), Some("s3"));
    assert_eq!(workload.rollout.generation, 2);
    assert!(workload.rollout.is_complete(), "{:?}", workload.rollout);
    assert!(reads.pods(&namespace(), &account("default")).await.unwrap().is_empty());
    let pods = reads.pods(&namespace(), &account("s3")).await.unwrap();
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert_eq!(pod.containers[0].env["AWS_ROLE_ARN"].as_deref(), Some(ROLE_ARN));
        assert!(pod.containers[0].env.contains_key("AWS_WEB_IDENTITY_TOKEN_FILE"));
        assert_eq!(pod.annotations["podrole.dev/rollout"], "1");
        assert_eq!(pod.created_at, 1_767_225_607);
    }
    writes.apply_workload(&apply).await.unwrap();
    assert_eq!(reads.workload(&app()).await.unwrap().unwrap().rollout.generation, 2, "the same again is no rollout");
}

#[tokio::test]
async fn leaving_both_fields_out_removes_the_service_account() {
    let memory = seed();
    let (reads, writes) = kubernetes(&memory).await;
    let before = memory.world();
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    writes.apply_workload(&pointed_at(&memory, Some("s3")).await).await.unwrap();
    writes.apply_workload(&pointed_at(&memory, None).await).await.unwrap();
    let workload = reads.workload(&app()).await.unwrap().unwrap();
    assert_eq!((workload.service_account, workload.rollout.generation), (None, 3));
    let made = reads.service_account(&namespace(), &account("s3")).await.unwrap().unwrap();
    writes.delete_service_account(&namespace(), &account("s3"), &made.uid).await.unwrap();
    assert_ne!(memory.world(), before);
    assert_eq!(memory.world().comparable(), before.comparable());
}

#[tokio::test]
async fn restoring_puts_the_former_service_account_back() {
    let memory = with_account("former", WorldServiceAccount::new());
    memory.edit(|world| {
        let cluster = world.clusters.values_mut().next().unwrap();
        let namespace = cluster.namespaces.get_mut(&namespace()).unwrap();
        let held = WorldWorkload::new(1).running_as("former", "argocd-controller");
        namespace.deployments.insert(app().name, held);
    });
    let (reads, writes) = kubernetes(&memory).await;
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    let mut apply = pointed_at(&memory, Some("s3")).await;
    let error = writes.apply_workload(&apply).await.unwrap_err();
    let [conflict] = error.get_conflicts() else { panic!("{error:?}") };
    assert_eq!(conflict.field, ".spec.template.spec.serviceAccountName");
    apply.force = true;
    apply.annotations.insert("podrole.dev/former".to_owned(), "former".to_owned());
    writes.apply_workload(&apply).await.unwrap();
    let restore = WorkloadRestore {
        manager: "podrole".to_owned(),
        workload: app(),
        uid: apply.uid.clone(),
        service_account: Some("former".to_owned()),
        remove_annotations: vec!["podrole.dev/former".to_owned()],
        remove_template_annotations: Vec::new(),
    };
    writes.restore_workload(&restore).await.unwrap();
    let workload = reads.workload(&app()).await.unwrap().unwrap();
    assert_eq!(workload.service_account.as_deref(), Some("former"));
    assert!(workload.annotations.is_empty());
    assert_eq!(reads.pods(&namespace(), &account("former")).await.unwrap().len(), 1);
    apply.force = false;
    writes.apply_workload(&apply).await.unwrap();
    let stale = WorkloadRestore { uid: "other".to_owned(), ..restore };
    assert_error(writes.restore_workload(&stale).await, ErrorKind::Conflict, "Conflict", "UID in precondition");
}

#[tokio::test]
async fn an_absent_service_account_keeps_the_old_pods_until_it_comes() {
    let memory = seed();
    let (reads, writes) = kubernetes(&memory).await;
    writes.apply_workload(&pointed_at(&memory, Some("s3")).await).await.unwrap();
    let rollout = reads.workload(&app()).await.unwrap().unwrap().rollout;
    assert!(!rollout.is_complete());
    assert_eq!((rollout.available, rollout.updated), (2, 0));
    assert!(rollout.failure.unwrap().contains("ReplicaFailure"));
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    let rollout = reads.workload(&app()).await.unwrap().unwrap().rollout;
    assert!(rollout.is_complete() && rollout.failure.is_none(), "{rollout:?}");
}

#[tokio::test]
async fn paused_and_manual_rollouts_keep_the_old_pods() {
    let memory = seed();
    let (reads, writes) = kubernetes(&memory).await;
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    let change = |paused: bool, auto: bool| {
        memory.edit(|world| {
            let cluster = world.clusters.values_mut().next().unwrap();
            cluster.auto_rollout = auto;
            let namespace = cluster.namespaces.get_mut(&namespace()).unwrap();
            namespace.deployments.get_mut(&app().name).unwrap().paused = paused;
        });
    };
    change(true, true);
    writes.apply_workload(&pointed_at(&memory, Some("s3")).await).await.unwrap();
    let rollout = reads.workload(&app()).await.unwrap().unwrap().rollout;
    assert_eq!((rollout.generation, rollout.observed_generation, rollout.updated, rollout.total), (2, 2, 0, 2));
    change(false, false);
    assert_eq!(reads.workload(&app()).await.unwrap().unwrap().rollout.updated, 0);
    memory.roll_out();
    assert!(reads.workload(&app()).await.unwrap().unwrap().rollout.is_complete());
}

#[tokio::test]
async fn a_pod_identity_association_wins_over_the_annotation() {
    let memory = seed();
    memory.edit(|world| {
        let cluster = world.clusters.values_mut().next().unwrap();
        *cluster = std::mem::take(cluster).pod_identity("devops-aurora-1", "s3");
    });
    let (reads, writes) = kubernetes(&memory).await;
    writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap();
    writes.apply_workload(&pointed_at(&memory, Some("s3")).await).await.unwrap();
    let pods = reads.pods(&namespace(), &account("s3")).await.unwrap();
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        let env = &pod.containers[0].env;
        assert!(env.contains_key("AWS_CONTAINER_CREDENTIALS_FULL_URI") && !env.contains_key("AWS_ROLE_ARN"), "{env:?}");
        assert_eq!(pod.labels["eks.amazonaws.com/pod-identity"], "enabled");
    }
    let target = AwsTarget::default();
    let eks = memory.backend().reads.eks(&target).await.unwrap();
    let found = eks.pod_identity_associations(&api_server().name, &namespace(), &account("s3")).await.unwrap();
    assert_eq!(found.len(), 1);
    let ghost = "ghost".parse().unwrap();
    let refused = eks.pod_identity_associations(&ghost, &namespace(), &account("s3")).await;
    assert_error(refused, ErrorKind::NotFound, "ResourceNotFoundException", "No cluster found for name: ghost.");
    assert_eq!(eks.cluster(&ghost).await.unwrap(), None);
}

#[tokio::test]
async fn a_connection_to_another_cluster_is_refused() {
    let memory = seed();
    let other = CLUSTER.replace("devops_aurora", "other");
    memory.edit(|world| world.clusters.insert(arn(&other), WorldCluster::default()));
    let backend = memory.backend();
    let eks = backend.reads.eks(&AwsTarget::default()).await.unwrap();
    let cluster: Cluster = eks.cluster(&api_server().name).await.unwrap().unwrap();
    let target = KubernetesTarget { cluster: Some(cluster), ..api_server() };
    assert!(backend.writes.kubernetes(&target).await.is_ok() && backend.reads.kubernetes(&target).await.is_ok());
    memory.point_kubernetes_at(target.name.clone(), arn(&other));
    let Err(error) = backend.writes.kubernetes(&target).await else { panic!("the wrong cluster was accepted") };
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    let Err(reading) = backend.reads.kubernetes(&target).await else { panic!("the wrong cluster was read") };
    assert_eq!(reading.message(), error.message());
}

#[tokio::test]
async fn a_denial_names_verb_and_resource() {
    let memory = seed();
    memory.script(Fault::new("kubernetes:patch *", FaultEffect::Denied));
    let (reads, writes) = kubernetes(&memory).await;
    assert!(reads.namespace_exists(&namespace()).await.unwrap());
    let error = writes.apply_service_account(&annotated("s3", ROLE_ARN)).await.unwrap_err();
    assert_eq!(error.get_action(), Some("patch serviceaccounts"));
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::PermissionDenied, Some("Forbidden")));
}
