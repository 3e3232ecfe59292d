//! Checks of workloads and their pods.

use std::collections::BTreeMap;

use super::expect::{Must as _, There as _, absent, ensure, refused, refused_as, same};
use super::iam::tags as map;
use super::kubernetes::{ForeignEdit, KubernetesContext, account, names_owners, workload};
use super::{Check, Found};
use crate::error::ErrorKind;
use crate::model::{Namespace, Workload, WorkloadKind, WorkloadRef};
use crate::ports::{FIELD_MANAGER, WorkloadApply, WorkloadRestore};

pub(super) fn checks() -> Vec<Check<KubernetesContext>> {
    super::checks![
        a_workload_that_does_not_exist_is_none,
        a_workload_of_each_kind_reads_back,
        a_service_account_is_set_on_each_kind_of_workload,
        applying_on_a_workload_again_changes_nothing,
        annotations_of_the_object_start_no_rollout,
        annotations_of_the_template_start_a_rollout,
        what_others_set_on_a_workload_is_kept,
        a_service_account_of_another_manager_is_a_conflict_that_names_it,
        force_takes_the_service_account_over,
        a_uid_of_another_workload_is_a_conflict_without_owners,
        applying_on_a_workload_that_is_gone_is_a_conflict_and_makes_none,
        an_illegal_service_account_name_is_refused,
        restoring_puts_the_former_service_account_back,
        restoring_nothing_removes_the_service_account,
        restoring_leaves_the_service_account_alone_when_not_asked,
        restoring_needs_the_uid,
        restoring_a_workload_that_is_gone_is_not_found,
        pods_are_listed_by_their_service_account,
        no_pods_are_an_empty_list,
        a_rollout_replaces_every_pod,
    ]
}

const KINDS: [WorkloadKind; 3] = [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];
const FIELD: &str = ".spec.template.spec.serviceAccountName";
const MARK: &str = "podrole.dev/former-service-account";
const IDENTITY: &str = "podrole.dev/identity";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn read(context: &KubernetesContext, workload: &WorkloadRef) -> Result<Workload, String> {
    context.read.workload(workload).await.there("read the workload")
}

async fn made(
    context: &KubernetesContext,
    kind: WorkloadKind,
    namespace: &Namespace,
) -> Result<(WorkloadRef, Workload), String> {
    let workload = workload(kind, namespace)?;
    context.fixture.create_workload(&workload, &map([("app", workload.name.as_str())])).await?;
    let found = read(context, &workload).await?;
    Ok((workload, found))
}

/// A Deployment without service account in a namespace with a service account `connections`.
async fn deployment(context: &KubernetesContext) -> Result<(WorkloadRef, Workload), String> {
    let namespace = context.namespace().await?;
    let sa = crate::ports::ServiceAccountApply {
        manager: "podrole".to_owned(),
        namespace: namespace.clone(),
        name: account("connections")?,
        uid: None,
        annotations: BTreeMap::new(),
        labels: map([("made-for", "the-contract")]),
        force: false,
    };
    context.write.apply_service_account(&sa).await.must("make a service account")?;
    made(context, WorkloadKind::Deployment, &namespace).await
}

/// The pods of a service account in the workload's namespace that are not about to end.
async fn pod_names(context: &KubernetesContext, workload: &WorkloadRef, name: &str) -> Result<Vec<String>, String> {
    let pods = context.read.pods(&workload.namespace, &account(name)?).await.must("list")?;
    let mut names: Vec<String> = pods.into_iter().filter(|pod| !pod.ending).map(|pod| pod.name).collect();
    names.sort();
    Ok(names)
}

/// What podrole applies when it points a workload at a service account.
fn point(workload: &WorkloadRef, uid: &str) -> WorkloadApply {
    WorkloadApply {
        manager: "podrole".to_owned(),
        workload: workload.clone(),
        uid: uid.to_owned(),
        service_account: Some("connections".to_owned()),
        annotations: map([(MARK, "")]),
        template_annotations: map([(IDENTITY, "1a2b3c4d")]),
        force: false,
    }
}

fn restore(workload: &WorkloadRef, uid: &str, service_account: Option<&str>) -> WorkloadRestore {
    WorkloadRestore {
        manager: "podrole".to_owned(),
        workload: workload.clone(),
        uid: uid.to_owned(),
        service_account: service_account.map(str::to_owned),
        remove_annotations: vec![MARK.to_owned()],
        remove_template_annotations: vec![IDENTITY.to_owned()],
    }
}

async fn a_workload_that_does_not_exist_is_none(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    for kind in KINDS {
        absent(kind.kubernetes_kind(), context.read.workload(&workload(kind, &namespace)?).await)?;
    }
    let none = Namespace::new(format!("{}-absent", context.prefix)).map_err(|error| error.to_string())?;
    absent("one in no namespace", context.read.workload(&workload(WorkloadKind::Deployment, &none)?).await)
}

async fn a_workload_of_each_kind_reads_back(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    for kind in KINDS {
        let (workload, found) = made(context, kind, &namespace).await?;
        ensure(!found.uid.is_empty(), format!("{workload} has no uid"))?;
        same("its service account", &found.service_account, &None)?;
        same("its selector", &found.selector, &map([("app", workload.name.as_str())]))?;
        same("its containers", &found.containers.len(), &1)?;
        same("whether it is paused", &found.paused, &false)?;
        ensure(found.rollout.generation >= 1, format!("{workload} is of generation {}", found.rollout.generation))?;
        if kind != WorkloadKind::DaemonSet {
            same("the pods it wants", &found.rollout.desired, &2)?;
        }
    }
    Ok(())
}

async fn a_service_account_is_set_on_each_kind_of_workload(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    for kind in KINDS {
        let (workload, before) = made(context, kind, &namespace).await?;
        context.write.apply_workload(&point(&workload, &before.uid)).await.must("apply")?;
        let found = read(context, &workload).await?;
        same("its service account", &found.service_account.as_deref(), &Some("connections"))?;
        same("its mark", &found.annotations.get(MARK).map(String::as_str), &Some(""))?;
        same("its template's", &found.template_annotations.get(IDENTITY).map(String::as_str), &Some("1a2b3c4d"))?;
        same("its uid", &found.uid, &before.uid)?;
        same("its selector", &found.selector, &before.selector)?;
        same("its containers", &found.containers, &before.containers)?;
        let owner = found.owners.iter().find(|owner| owner.manager == FIELD_MANAGER && owner.apply);
        let fields = &owner.there("podrole's fields")?.fields;
        ensure(fields.contains(FIELD), format!("podrole owns {fields:?}"))?;
    }
    Ok(())
}

async fn applying_on_a_workload_again_changes_nothing(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    let apply = point(&workload, &before.uid);
    context.write.apply_workload(&apply).await.must("apply")?;
    context.fixture.settle(&workload).await?;
    let before = read(context, &workload).await?;
    context.write.apply_workload(&apply).await.must("apply again")?;
    let found = read(context, &workload).await?;
    same("its generation", &found.rollout.generation, &before.rollout.generation)?;
    same("its annotations", &found.annotations, &before.annotations)?;
    let ours = |workload: &Workload| -> Vec<_> {
        workload.owners.iter().filter(|owner| owner.manager == FIELD_MANAGER).cloned().collect()
    };
    same("podrole's fields", &ours(&found), &ours(&before))
}

async fn annotations_of_the_object_start_no_rollout(context: &KubernetesContext) -> Found {
    let (workload, _) = deployment(context).await?;
    context.fixture.settle(&workload).await?;
    let before = read(context, &workload).await?;
    let pods = pod_names(context, &workload, "default").await?;
    same("the number of pods", &pods.len(), &2)?;
    let apply =
        WorkloadApply { service_account: None, template_annotations: BTreeMap::new(), ..point(&workload, &before.uid) };
    context.write.apply_workload(&apply).await.must("apply")?;
    let found = read(context, &workload).await?;
    same("its mark", &found.annotations.get(MARK).map(String::as_str), &Some(""))?;
    same("its service account", &found.service_account, &None)?;
    // The server counts a Deployment's annotations in, and nothing else's.
    same("its generation", &found.rollout.generation, &(before.rollout.generation + 1))?;
    context.fixture.settle(&workload).await?;
    same("its pods", &pod_names(context, &workload, "default").await?, &pods)
}

async fn annotations_of_the_template_start_a_rollout(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    let apply = WorkloadApply { service_account: None, annotations: BTreeMap::new(), ..point(&workload, &before.uid) };
    context.write.apply_workload(&apply).await.must("apply")?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account, &None)?;
    same("its generation", &found.rollout.generation, &(before.rollout.generation + 1))
}

fn theirs(workload: &WorkloadRef, service_account: Option<&str>) -> ForeignEdit {
    ForeignEdit::Workload(WorkloadApply {
        manager: "podrole".to_owned(),
        workload: workload.clone(),
        uid: String::new(),
        service_account: service_account.map(str::to_owned),
        annotations: map([("argocd.argoproj.io/tracking-id", "app:v1")]),
        template_annotations: map([("checksum/config", "abc")]),
        force: true,
    })
}

async fn what_others_set_on_a_workload_is_kept(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    context.fixture.edit_as("argocd-controller", &theirs(&workload, None)).await?;
    context.write.apply_workload(&point(&workload, &before.uid)).await.must("apply")?;
    let found = read(context, &workload).await?;
    same("theirs", &found.annotations.get("argocd.argoproj.io/tracking-id").map(String::as_str), &Some("app:v1"))?;
    same("their template's", &found.template_annotations.get("checksum/config").map(String::as_str), &Some("abc"))?;
    same("ours", &found.service_account.as_deref(), &Some("connections"))
}

async fn a_service_account_of_another_manager_is_a_conflict_that_names_it(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    context.fixture.edit_as("argocd-controller", &theirs(&workload, Some("theirs"))).await?;
    let generation = read(context, &workload).await?.rollout.generation;
    let answer = context.write.apply_workload(&point(&workload, &before.uid)).await;
    let error = refused_as("applying", answer, ErrorKind::Conflict)?;
    names_owners(&error, &[("argocd-controller", ".spec.template.spec.serviceAccount"), ("argocd-controller", FIELD)])?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account.as_deref(), &Some("theirs"))?;
    same("its generation", &found.rollout.generation, &generation)?;
    ensure(!found.annotations.contains_key(MARK), "the mark was written all the same")
}

async fn force_takes_the_service_account_over(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    context.fixture.edit_as("argocd-controller", &theirs(&workload, Some("theirs"))).await?;
    let apply = WorkloadApply { force: true, ..point(&workload, &before.uid) };
    context.write.apply_workload(&apply).await.must("apply with force")?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account.as_deref(), &Some("connections"))?;
    let owners: Vec<&str> =
        found.owners.iter().filter(|owner| owner.fields.contains(FIELD)).map(|owner| owner.manager.as_str()).collect();
    same("its owners", &owners, &vec![FIELD_MANAGER])
}

async fn a_uid_of_another_workload_is_a_conflict_without_owners(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    let answer = context.write.apply_workload(&point(&workload, NOBODY)).await;
    let error = refused("applying", answer, ErrorKind::Conflict, "Conflict")?;
    same("the owners", &error.get_conflicts().len(), &0)?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account, &None)?;
    same("its generation", &found.rollout.generation, &before.rollout.generation)
}

async fn applying_on_a_workload_that_is_gone_is_a_conflict_and_makes_none(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    for kind in KINDS {
        let workload = workload(kind, &namespace)?;
        let answer = context.write.apply_workload(&point(&workload, NOBODY)).await;
        let error = refused("applying", answer, ErrorKind::Conflict, "Conflict")?;
        same("the owners", &error.get_conflicts().len(), &0)?;
        absent(kind.kubernetes_kind(), context.read.workload(&workload).await)?;
    }
    Ok(())
}

async fn an_illegal_service_account_name_is_refused(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    let apply = WorkloadApply { service_account: Some("Not_Legal".to_owned()), ..point(&workload, &before.uid) };
    refused("applying", context.write.apply_workload(&apply).await, ErrorKind::InvalidInput, "Invalid")?;
    same("its service account", &read(context, &workload).await?.service_account, &None)
}

async fn pointed(context: &KubernetesContext) -> Result<(WorkloadRef, Workload), String> {
    let (workload, before) = deployment(context).await?;
    context.write.apply_workload(&point(&workload, &before.uid)).await.must("apply")?;
    Ok((workload, before))
}

async fn restoring_puts_the_former_service_account_back(context: &KubernetesContext) -> Found {
    let (workload, before) = pointed(context).await?;
    context.write.restore_workload(&restore(&workload, &before.uid, Some("default"))).await.must("restore")?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account.as_deref(), &Some("default"))?;
    ensure(!found.annotations.contains_key(MARK), "its mark is still there")?;
    ensure(!found.template_annotations.contains_key(IDENTITY), "its template's mark is still there")?;
    let owner = found.owners.iter().find(|owner| owner.manager == FIELD_MANAGER && owner.apply);
    ensure(owner.is_none(), format!("podrole still owns {owner:?} by apply"))
}

async fn restoring_nothing_removes_the_service_account(context: &KubernetesContext) -> Found {
    let (workload, before) = pointed(context).await?;
    context.write.restore_workload(&restore(&workload, &before.uid, Some(""))).await.must("restore")?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account, &None)?;
    same("its annotations", &found.template_annotations, &before.template_annotations)?;
    let owner = found.owners.iter().find(|owner| owner.manager == FIELD_MANAGER);
    ensure(owner.is_none(), format!("podrole still owns {owner:?}"))
}

async fn restoring_leaves_the_service_account_alone_when_not_asked(context: &KubernetesContext) -> Found {
    let (workload, before) = pointed(context).await?;
    context.write.restore_workload(&restore(&workload, &before.uid, None)).await.must("restore")?;
    let found = read(context, &workload).await?;
    same("its service account", &found.service_account.as_deref(), &Some("connections"))?;
    ensure(!found.annotations.contains_key(MARK), "its mark is still there")
}

async fn restoring_needs_the_uid(context: &KubernetesContext) -> Found {
    let (workload, _) = pointed(context).await?;
    let answer = context.write.restore_workload(&restore(&workload, NOBODY, Some(""))).await;
    refused("restoring", answer, ErrorKind::Conflict, "Conflict")?;
    same("its service account", &read(context, &workload).await?.service_account.as_deref(), &Some("connections"))
}

async fn restoring_a_workload_that_is_gone_is_not_found(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let workload = workload(WorkloadKind::Deployment, &namespace)?;
    let answer = context.write.restore_workload(&restore(&workload, NOBODY, Some(""))).await;
    refused("restoring", answer, ErrorKind::NotFound, "NotFound").map(drop)
}

async fn pods_are_listed_by_their_service_account(context: &KubernetesContext) -> Found {
    let (workload, _) = pointed(context).await?;
    context.fixture.settle(&workload).await?;
    let namespace = &workload.namespace;
    let pods = context.read.pods(namespace, &account("connections")?).await.must("list")?;
    let alive: Vec<_> = pods.iter().filter(|pod| !pod.ending).collect();
    same("the number of pods", &alive.len(), &2)?;
    for pod in alive {
        same("a label", &pod.labels.get("app").map(String::as_str), &Some(workload.name.as_str()))?;
        same("an annotation", &pod.annotations.get(IDENTITY).map(String::as_str), &Some("1a2b3c4d"))?;
        ensure(pod.created_at > 0, format!("pod {} was created at {}", pod.name, pod.created_at))?;
        same("the number of containers", &pod.containers.len(), &1)?;
    }
    let others = context.read.pods(namespace, &account("default")?).await.must("list")?;
    same("the pods of another", &others.iter().filter(|pod| !pod.ending).count(), &0)
}

async fn no_pods_are_an_empty_list(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    same("the list", &context.read.pods(&namespace, &account("absent")?).await.must("list")?, &Vec::new())?;
    let none = Namespace::new(format!("{}-absent", context.prefix)).map_err(|error| error.to_string())?;
    same("one in no namespace", &context.read.pods(&none, &account("absent")?).await.must("list")?, &Vec::new())
}

async fn a_rollout_replaces_every_pod(context: &KubernetesContext) -> Found {
    let (workload, before) = deployment(context).await?;
    context.fixture.settle(&workload).await?;
    let names = async |name: &str| pod_names(context, &workload, name).await;
    same("the pods before", &names("default").await?.len(), &2)?;
    context.write.apply_workload(&point(&workload, &before.uid)).await.must("apply")?;
    context.fixture.settle(&workload).await?;
    same("the pods of the old template", &names("default").await?.len(), &0)?;
    same("the pods of the new one", &names("connections").await?.len(), &2)?;
    let found = read(context, &workload).await?;
    ensure(
        found.rollout.observed_generation >= found.rollout.generation,
        format!("generation {} is not observed: {}", found.rollout.generation, found.rollout.observed_generation),
    )
}
