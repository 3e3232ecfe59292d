//! Checks of service accounts, and what every check of Kubernetes works on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::expect::{Must as _, There as _, absent, ensure, refused, refused_as, same};
use super::iam::tags as map;
use super::{Check, Context, Found, checks, workloads};
use crate::error::{Error, ErrorKind, FieldConflict};
use crate::model::{Namespace, ServiceAccount, ServiceAccountName, WorkloadKind, WorkloadRef};
use crate::ports::{
    FIELD_MANAGER, KubernetesRead, KubernetesWrite, ServiceAccountApply, ServiceAccountRestore, WorkloadApply,
};

/// What somebody else does to an object. uids in it are not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignEdit {
    /// Server-side apply of a service account, forced; it is made when it is not there.
    ServiceAccount(ServiceAccountApply),
    /// Server-side apply on a workload that is there, forced.
    Workload(WorkloadApply),
}

/// What the ports cannot do and the checks need.
#[async_trait]
pub trait KubernetesFixture: Send + Sync {
    /// Makes a namespace, and waits until objects can be made in it.
    async fn create_namespace(&self, name: &Namespace) -> Result<(), String>;
    /// Removes a namespace with all that is in it. It need not wait until it is gone.
    async fn delete_namespace(&self, name: &Namespace) -> Result<(), String>;
    /// Makes a workload with two replicas (of a `DaemonSet`: with whatever nodes there are), one container, no service account, and these
    /// labels as its selector and on its pods.
    async fn create_workload(&self, workload: &WorkloadRef, labels: &BTreeMap<String, String>) -> Result<(), String>;
    /// Changes an object as another field manager.
    async fn edit_as(&self, manager: &str, edit: &ForeignEdit) -> Result<(), String>;
    /// Waits until the controllers have made the pods of a workload's present template, and removed those of an older one. The pods need not run.
    async fn settle(&self, workload: &WorkloadRef) -> Result<(), String>;
}

/// One API server with the controllers of workloads.
///
/// Each check works in a namespace of its own, whose name begins with the prefix.
pub struct KubernetesContext {
    /// The reading half.
    pub read: Arc<dyn KubernetesRead>,
    /// The writing half.
    pub write: Arc<dyn KubernetesWrite>,
    /// What the checks need besides.
    pub fixture: Arc<dyn KubernetesFixture>,
    /// What names of namespaces begin with: at most 20 lower-case letters, digits and `-`, beginning with a letter; used by nobody else.
    pub prefix: String,
    made: Mutex<(u32, Vec<Namespace>)>,
}

impl KubernetesContext {
    /// An API server, through these ports.
    pub fn new(
        read: Arc<dyn KubernetesRead>,
        write: Arc<dyn KubernetesWrite>,
        fixture: Arc<dyn KubernetesFixture>,
        prefix: impl Into<String>,
    ) -> Self {
        Self { read, write, fixture, prefix: prefix.into(), made: Mutex::default() }
    }

    fn name(&self) -> Result<Namespace, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.0 += 1;
        Namespace::new(format!("{}-{}", self.prefix, made.0)).map_err(|error| error.to_string())
    }

    /// A namespace of this check. It is removed afterwards.
    pub(super) async fn namespace(&self) -> Result<Namespace, String> {
        let name = self.name()?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).1.push(name.clone());
        self.fixture.create_namespace(&name).await.map_err(|error| format!("make a namespace: {error}"))?;
        Ok(name)
    }
}

#[async_trait]
impl Context for KubernetesContext {
    async fn clean_up(&self) -> Vec<String> {
        let made = std::mem::take(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner).1);
        let mut left = Vec::new();
        for name in made {
            if let Err(error) = self.fixture.delete_namespace(&name).await {
                left.push(format!("namespace {name}: {error}"));
            }
        }
        left
    }
}

/// The behaviour of [`KubernetesRead`] and [`KubernetesWrite`].
pub fn kubernetes_checks() -> Vec<Check<KubernetesContext>> {
    let mut checks = checks![
        a_namespace_exists_or_not,
        a_service_account_that_does_not_exist_is_none,
        the_first_apply_creates_the_service_account_and_says_so,
        applying_a_service_account_again_changes_nothing,
        what_is_applied_is_owned_by_its_path,
        what_is_not_applied_any_more_is_removed,
        what_others_set_on_a_service_account_is_kept,
        a_field_of_another_manager_is_a_conflict_that_names_it,
        every_field_in_conflict_is_named,
        force_takes_a_field_over,
        a_field_of_another_owner_is_a_conflict_too,
        a_value_that_is_there_already_is_shared,
        a_uid_that_does_not_match_is_a_conflict_without_owners,
        a_uid_of_a_service_account_that_is_gone_is_a_conflict,
        applying_a_service_account_in_no_namespace_is_not_found,
        restoring_a_service_account_puts_former_values_back_and_is_in_no_ones_way,
        restoring_a_service_account_needs_its_uid,
        restoring_a_service_account_that_is_gone_is_not_found,
        deleting_a_service_account_needs_its_uid,
        deleting_a_service_account_that_is_gone_is_not_found,
    ];
    checks.extend(workloads::checks());
    checks
}

/// The annotation by which pods get their role.
pub(super) const ROLE: &str = "eks.amazonaws.com/role-arn";
const OTHER: &str = "argocd-controller";

pub(super) fn account(name: &str) -> Result<ServiceAccountName, String> {
    ServiceAccountName::new(name).map_err(|error| error.to_string())
}

fn apply(namespace: &Namespace) -> Result<ServiceAccountApply, String> {
    Ok(ServiceAccountApply {
        manager: "podrole".to_owned(),
        namespace: namespace.clone(),
        name: account("connections")?,
        uid: None,
        annotations: map([(ROLE, "arn:aws:iam::204393242335:role/one")]),
        labels: map([("app.kubernetes.io/managed-by", "podrole")]),
        force: false,
    })
}

async fn read(context: &KubernetesContext, namespace: &Namespace) -> Result<ServiceAccount, String> {
    context.read.service_account(namespace, &account("connections")?).await.there("read the service account")
}

async fn created(context: &KubernetesContext) -> Result<(ServiceAccountApply, ServiceAccount), String> {
    let namespace = context.namespace().await?;
    let apply = apply(&namespace)?;
    context.write.apply_service_account(&apply).await.must("apply")?;
    let made = read(context, &namespace).await?;
    Ok((apply, made))
}

/// That a conflict names who owns which field, and the service's code.
pub(super) fn names_owners(error: &Error, wanted: &[(&str, &str)]) -> Found {
    same("the code", &error.get_code(), &Some("Conflict"))?;
    let mut found = error.get_conflicts().to_vec();
    found.sort_by(|one, other| one.field.cmp(&other.field));
    let wanted: Vec<FieldConflict> = wanted
        .iter()
        .map(|(manager, field)| FieldConflict { manager: (*manager).to_owned(), field: (*field).to_owned() })
        .collect();
    same("the owners", &found, &wanted)
}

async fn a_namespace_exists_or_not(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    same("its existence", &context.read.namespace_exists(&namespace).await.must("look")?, &true)?;
    let none = Namespace::new(format!("{}-absent", context.prefix)).map_err(|error| error.to_string())?;
    same("another's", &context.read.namespace_exists(&none).await.must("look")?, &false)
}

async fn a_service_account_that_does_not_exist_is_none(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let name = account("absent")?;
    absent("the service account", context.read.service_account(&namespace, &name).await)?;
    let none = Namespace::new(format!("{}-absent", context.prefix)).map_err(|error| error.to_string())?;
    absent("one in no namespace", context.read.service_account(&none, &name).await)
}

async fn the_first_apply_creates_the_service_account_and_says_so(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let apply = apply(&namespace)?;
    same("the first answer", &context.write.apply_service_account(&apply).await.must("apply")?, &true)?;
    same("the second answer", &context.write.apply_service_account(&apply).await.must("apply")?, &false)?;
    let found = read(context, &namespace).await?;
    ensure(!found.uid.is_empty(), "it has no uid")?;
    same("its annotations", &found.annotations, &apply.annotations)?;
    same("its labels", &found.labels, &apply.labels)
}

async fn applying_a_service_account_again_changes_nothing(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    let again = ServiceAccountApply { uid: Some(before.uid.clone()), ..apply };
    context.write.apply_service_account(&again).await.must("apply again")?;
    same("the service account", &read(context, &again.namespace).await?, &before)
}

async fn what_is_applied_is_owned_by_its_path(context: &KubernetesContext) -> Found {
    let (_, found) = created(context).await?;
    let ours: Vec<_> = found.owners.iter().filter(|owner| owner.manager == FIELD_MANAGER).collect();
    let [owner] = ours[..] else { return Err(format!("podrole owns it {} times: {:?}", ours.len(), found.owners)) };
    ensure(owner.apply, "podrole owns it by update instead of apply")?;
    ensure(owner.time.is_some(), "nobody knows when")?;
    let fields: Vec<&str> = owner.fields.iter().map(String::as_str).collect();
    let wanted =
        vec![".metadata.annotations.eks.amazonaws.com/role-arn", ".metadata.labels.app.kubernetes.io/managed-by"];
    same("the fields", &fields, &wanted)
}

async fn what_is_not_applied_any_more_is_removed(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    let less = ServiceAccountApply {
        uid: Some(before.uid.clone()),
        annotations: map([("podrole.dev/created-by", "podrole")]),
        labels: BTreeMap::new(),
        ..apply
    };
    context.write.apply_service_account(&less).await.must("apply less")?;
    let found = read(context, &less.namespace).await?;
    same("its uid", &found.uid, &before.uid)?;
    same("its annotations", &found.annotations, &less.annotations)?;
    same("its labels", &found.labels, &BTreeMap::new())?;
    let none = ServiceAccountApply { annotations: BTreeMap::new(), ..less };
    context.write.apply_service_account(&none).await.must("apply nothing")?;
    same("its annotations", &read(context, &none.namespace).await?.annotations, &BTreeMap::new())
}

async fn what_others_set_on_a_service_account_is_kept(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let ours = apply(&namespace)?;
    let theirs = ServiceAccountApply {
        annotations: map([("argocd.argoproj.io/tracking-id", "app:v1")]),
        labels: map([("team", "data")]),
        ..ours.clone()
    };
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(theirs)).await?;
    let before = read(context, &namespace).await?;
    same("the answer", &context.write.apply_service_account(&ours).await.must("apply")?, &false)?;
    let found = read(context, &namespace).await?;
    same("its uid", &found.uid, &before.uid)?;
    let annotations = [("argocd.argoproj.io/tracking-id", "app:v1"), (ROLE, "arn:aws:iam::204393242335:role/one")];
    same("its annotations", &found.annotations, &map(annotations))?;
    same("its labels", &found.labels, &map([("app.kubernetes.io/managed-by", "podrole"), ("team", "data")]))?;
    let nothing = ServiceAccountApply { annotations: BTreeMap::new(), labels: BTreeMap::new(), ..ours };
    context.write.apply_service_account(&nothing).await.must("apply nothing")?;
    let found = read(context, &namespace).await?;
    same("its annotations", &found.annotations, &before.annotations)?;
    same("its labels", &found.labels, &before.labels)
}

async fn a_field_of_another_manager_is_a_conflict_that_names_it(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let ours = apply(&namespace)?;
    let theirs = ServiceAccountApply {
        annotations: map([(ROLE, "arn:aws:iam::204393242335:role/theirs")]),
        labels: BTreeMap::new(),
        ..ours.clone()
    };
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(theirs)).await?;
    let before = read(context, &namespace).await?;
    let error = refused_as("applying", context.write.apply_service_account(&ours).await, ErrorKind::Conflict)?;
    names_owners(&error, &[(OTHER, ".metadata.annotations.eks.amazonaws.com/role-arn")])?;
    same("the service account", &read(context, &namespace).await?, &before)
}

async fn every_field_in_conflict_is_named(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let ours = apply(&namespace)?;
    let base = ServiceAccountApply { annotations: BTreeMap::new(), labels: BTreeMap::new(), ..ours.clone() };
    let one = ServiceAccountApply { annotations: map([(ROLE, "theirs")]), ..base.clone() };
    let two = ServiceAccountApply { labels: map([("app.kubernetes.io/managed-by", "helm")]), ..base };
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(one)).await?;
    context.fixture.edit_as("helm", &ForeignEdit::ServiceAccount(two)).await?;
    let error = refused_as("applying", context.write.apply_service_account(&ours).await, ErrorKind::Conflict)?;
    let wanted = [
        (OTHER, ".metadata.annotations.eks.amazonaws.com/role-arn"),
        ("helm", ".metadata.labels.app.kubernetes.io/managed-by"),
    ];
    names_owners(&error, &wanted)
}

async fn force_takes_a_field_over(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let ours = ServiceAccountApply { force: true, ..apply(&namespace)? };
    let theirs = ServiceAccountApply {
        annotations: map([(ROLE, "theirs"), ("kept", "yes")]),
        labels: BTreeMap::new(),
        ..ours.clone()
    };
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(theirs)).await?;
    context.write.apply_service_account(&ours).await.must("apply with force")?;
    let found = read(context, &namespace).await?;
    let wanted = [(ROLE, "arn:aws:iam::204393242335:role/one"), ("kept", "yes")];
    same("its annotations", &found.annotations, &map(wanted))?;
    let field = ".metadata.annotations.eks.amazonaws.com/role-arn";
    let owners: Vec<&str> =
        found.owners.iter().filter(|owner| owner.fields.contains(field)).map(|owner| owner.manager.as_str()).collect();
    same("its owners", &owners, &vec![FIELD_MANAGER])
}

async fn a_field_of_another_owner_is_a_conflict_too(context: &KubernetesContext) -> Found {
    let (ours, before) = created(context).await?;
    let theirs = ServiceAccountApply {
        manager: "another-team".to_owned(),
        uid: Some(before.uid.clone()),
        annotations: map([(ROLE, "arn:aws:iam::204393242335:role/two")]),
        labels: BTreeMap::new(),
        ..ours
    };
    let error = refused_as("applying", context.write.apply_service_account(&theirs).await, ErrorKind::Conflict)?;
    names_owners(&error, &[(FIELD_MANAGER, ".metadata.annotations.eks.amazonaws.com/role-arn")])?;
    let nothing = ServiceAccountApply { annotations: BTreeMap::new(), ..theirs };
    context.write.apply_service_account(&nothing).await.must("apply nothing")?;
    same("the service account", &read(context, &nothing.namespace).await?, &before)
}

async fn a_value_that_is_there_already_is_shared(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let ours = apply(&namespace)?;
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(ours.clone())).await?;
    context.write.apply_service_account(&ours).await.must("apply the same value")?;
    let nothing = ServiceAccountApply { annotations: BTreeMap::new(), labels: BTreeMap::new(), ..ours.clone() };
    context.write.apply_service_account(&nothing).await.must("apply nothing")?;
    same("its annotations", &read(context, &namespace).await?.annotations, &ours.annotations)
}

async fn a_uid_that_does_not_match_is_a_conflict_without_owners(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    let stale = ServiceAccountApply {
        uid: Some("00000000-0000-4000-8000-000000000000".to_owned()),
        annotations: BTreeMap::new(),
        ..apply
    };
    let error =
        refused("applying", context.write.apply_service_account(&stale).await, ErrorKind::Conflict, "Conflict")?;
    same("the owners", &error.get_conflicts().len(), &0)?;
    same("the service account", &read(context, &stale.namespace).await?, &before)
}

async fn a_uid_of_a_service_account_that_is_gone_is_a_conflict(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    context.write.delete_service_account(&apply.namespace, &apply.name, &before.uid).await.must("delete")?;
    let stale = ServiceAccountApply { uid: Some(before.uid), ..apply };
    let error =
        refused("applying", context.write.apply_service_account(&stale).await, ErrorKind::Conflict, "Conflict")?;
    same("the owners", &error.get_conflicts().len(), &0)?;
    absent("the service account", context.read.service_account(&stale.namespace, &stale.name).await)
}

async fn applying_a_service_account_in_no_namespace_is_not_found(context: &KubernetesContext) -> Found {
    let none = Namespace::new(format!("{}-absent", context.prefix)).map_err(|error| error.to_string())?;
    let answer = context.write.apply_service_account(&apply(&none)?).await;
    let error = refused("applying", answer, ErrorKind::NotFound, "NotFound")?;
    ensure(error.get_resource().is_some(), "the error does not name the thing")
}

fn restore(apply: &ServiceAccountApply, uid: &str) -> ServiceAccountRestore {
    ServiceAccountRestore {
        manager: apply.manager.clone(),
        namespace: apply.namespace.clone(),
        name: apply.name.clone(),
        uid: uid.to_owned(),
        annotations: map([(ROLE, "theirs")]),
        labels: map([("team", "data")]),
    }
}

async fn restoring_a_service_account_puts_former_values_back_and_is_in_no_ones_way(
    context: &KubernetesContext,
) -> Found {
    let namespace = context.namespace().await?;
    let ours = ServiceAccountApply {
        labels: map([("team", "connections"), ("kept", "yes")]),
        force: true,
        ..apply(&namespace)?
    };
    let theirs =
        ServiceAccountApply { annotations: map([(ROLE, "theirs")]), labels: map([("team", "data")]), ..ours.clone() };
    context.fixture.edit_as(OTHER, &ForeignEdit::ServiceAccount(theirs)).await?;
    context.write.apply_service_account(&ours).await.must("apply with force")?;
    let before = read(context, &namespace).await?;
    context.write.restore_service_account(&restore(&ours, &before.uid)).await.must("restore")?;
    let found = read(context, &namespace).await?;
    same("its annotations", &found.annotations, &map([(ROLE, "theirs")]))?;
    same("its labels", &found.labels, &map([("kept", "yes"), ("team", "data")]))?;
    let held = found.owners.iter().filter(|owner| owner.manager == FIELD_MANAGER && owner.apply);
    let held: Vec<&str> = held.flat_map(|owner| &owner.fields).map(String::as_str).collect();
    same("what is still applied", &held, &vec![".metadata.labels.kept"])?;
    let again = ServiceAccountApply { uid: Some(before.uid), force: false, ..ours };
    context.write.apply_service_account(&again).await.must("apply again")?;
    let found = read(context, &namespace).await?;
    same("its annotations", &found.annotations, &again.annotations)?;
    same("its labels", &found.labels, &again.labels)
}

async fn restoring_a_service_account_needs_its_uid(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    let stale = restore(&apply, "00000000-0000-4000-8000-000000000000");
    let answer = context.write.restore_service_account(&stale).await;
    refused("restoring another", answer, ErrorKind::Conflict, "Conflict")?;
    same("the service account", &read(context, &apply.namespace).await?, &before)
}

async fn restoring_a_service_account_that_is_gone_is_not_found(context: &KubernetesContext) -> Found {
    let (apply, before) = created(context).await?;
    context.write.delete_service_account(&apply.namespace, &apply.name, &before.uid).await.must("delete")?;
    let answer = context.write.restore_service_account(&restore(&apply, &before.uid)).await;
    refused("restoring it", answer, ErrorKind::NotFound, "NotFound").map(drop)
}

async fn deleting_a_service_account_needs_its_uid(context: &KubernetesContext) -> Found {
    let (apply, made) = created(context).await?;
    let delete = async |uid: &str| context.write.delete_service_account(&apply.namespace, &apply.name, uid).await;
    let answer = delete("00000000-0000-4000-8000-000000000000").await;
    refused("deleting another", answer, ErrorKind::Conflict, "Conflict")?;
    same("the service account", &read(context, &apply.namespace).await?, &made)?;
    delete(&made.uid).await.must("delete")?;
    absent("the service account", context.read.service_account(&apply.namespace, &apply.name).await)
}

async fn deleting_a_service_account_that_is_gone_is_not_found(context: &KubernetesContext) -> Found {
    let namespace = context.namespace().await?;
    let answer = context
        .write
        .delete_service_account(&namespace, &account("absent")?, "00000000-0000-4000-8000-000000000000")
        .await;
    refused("deleting it", answer, ErrorKind::NotFound, "NotFound").map(drop)
}

/// A workload of a kind, with a name of its own.
pub(super) fn workload(kind: WorkloadKind, namespace: &Namespace) -> Result<WorkloadRef, String> {
    let name = format!("connections-{}", kind.kubernetes_kind().to_lowercase());
    let name = crate::model::WorkloadName::new(name).map_err(|error| error.to_string())?;
    Ok(WorkloadRef { kind, namespace: namespace.clone(), name })
}
