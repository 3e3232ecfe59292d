//! The API server of one simulated cluster.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Memory;
use super::errors::{kubernetes_conflict, kubernetes_not_found};
use super::ownership::{self, Fields, Writer};
use super::rollout::{self, resource};
use super::state::{CallRecord, State};
use super::world::{WorldNamespace, WorldServiceAccount, WorldWorkload};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Arn, Namespace, Pod, ServiceAccount, ServiceAccountName, Workload, WorkloadKind, WorkloadName, WorkloadRef,
};
use crate::ports::{
    KubernetesRead, KubernetesWrite, ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore,
};

/// Whom denials name.
const USER: &str = "podrole";

const ANNOTATIONS: &str = ".metadata.annotations.";
const LABELS: &str = ".metadata.labels.";
const TEMPLATE_ANNOTATIONS: &str = ".spec.template.metadata.annotations.";
const SERVICE_ACCOUNT: &str = ".spec.template.spec.serviceAccountName";
const SERVICE_ACCOUNT_ALIAS: &str = ".spec.template.spec.serviceAccount";

/// The API server of a cluster.
pub(super) struct Kubernetes {
    pub(super) memory: Memory,
    pub(super) cluster: Arn,
}

impl Kubernetes {
    async fn read<T: Send>(
        &self,
        action: &str,
        about: String,
        effect: impl FnOnce(&BTreeMap<Namespace, WorldNamespace>) -> Result<T> + Send,
    ) -> Result<T> {
        let call = CallRecord::read(format!("kubernetes:{action}"), about);
        self.memory.call(USER, call, |state| effect(&state.cluster(&self.cluster)?.namespaces)).await
    }

    /// A write in a namespace; afterwards the controllers see to the workloads.
    async fn write<T: Send>(
        &self,
        action: &str,
        about: String,
        namespace: &Namespace,
        effect: impl FnOnce(&mut WorldNamespace, &mut Write<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        let call = CallRecord::write(format!("kubernetes:{action}"), about);
        self.memory
            .call(USER, call, |state| {
                let now = state.clock.seconds();
                state.cluster(&self.cluster)?;
                let State { world, ids, .. } = state;
                let Some(cluster) = world.clusters.get_mut(&self.cluster) else {
                    return Err(Error::new(ErrorKind::Unavailable, "the cluster is gone"));
                };
                let held = cluster
                    .namespaces
                    .get_mut(namespace)
                    .ok_or_else(|| kubernetes_not_found("namespaces", namespace.as_str()))?;
                let place = format!("{}/{namespace}", self.cluster);
                let result = effect(held, &mut Write { now, ids, place })?;
                if cluster.auto_rollout {
                    rollout::reconcile(&self.cluster, cluster, now);
                }
                Ok(result)
            })
            .await
    }
}

/// What a write needs besides the namespace.
struct Write<'a> {
    now: i64,
    ids: &'a mut super::state::Ids,
    place: String,
}

impl Write<'_> {
    fn by<'w>(&self, manager: &'w str) -> Writer<'w> {
        Writer { manager, now: self.now }
    }
}

fn about_account(namespace: &Namespace, name: &ServiceAccountName) -> String {
    format!("service account {namespace}/{name}")
}

fn about_workload(workload: &WorkloadRef) -> String {
    format!("{} {}/{}", workload.kind.kubernetes_kind().to_lowercase(), workload.namespace, workload.name)
}

fn prefixed<'a>(prefix: &'a str, values: &'a BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> + 'a {
    values.iter().map(move |(key, value)| (format!("{prefix}{key}"), value.clone()))
}

fn without_prefix(prefix: &str, fields: &Fields) -> BTreeMap<String, String> {
    fields.iter().filter_map(|(path, value)| Some((path.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
}

fn account_fields(annotations: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Fields {
    prefixed(ANNOTATIONS, annotations).chain(prefixed(LABELS, labels)).collect()
}

fn workload_fields(
    annotations: &BTreeMap<String, String>,
    template_annotations: &BTreeMap<String, String>,
    service_account: Option<&str>,
) -> Fields {
    let mut fields: Fields =
        prefixed(ANNOTATIONS, annotations).chain(prefixed(TEMPLATE_ANNOTATIONS, template_annotations)).collect();
    if let Some(name) = service_account {
        fields.insert(SERVICE_ACCOUNT.to_owned(), name.to_owned());
        fields.insert(SERVICE_ACCOUNT_ALIAS.to_owned(), name.to_owned());
    }
    fields
}

impl WorldWorkload {
    fn fields(&self) -> Fields {
        workload_fields(&self.annotations, &self.template_annotations, self.service_account.as_deref())
    }

    /// Takes the fields over. The API server fills an empty `serviceAccountName` from its alias; a change below `spec` is a
    /// new generation, and of a Deployment one of its annotations too.
    fn set_fields(&mut self, kind: WorkloadKind, fields: &Fields) {
        let template_annotations = without_prefix(TEMPLATE_ANNOTATIONS, fields);
        let service_account = fields.get(SERVICE_ACCOUNT).or_else(|| fields.get(SERVICE_ACCOUNT_ALIAS)).cloned();
        let annotations = without_prefix(ANNOTATIONS, fields);
        if template_annotations != self.template_annotations
            || service_account != self.service_account
            || (kind == WorkloadKind::Deployment && annotations != self.annotations)
        {
            self.generation += 1;
        }
        self.annotations = annotations;
        self.template_annotations = template_annotations;
        self.service_account = service_account;
    }
}

fn uid_mismatch(wanted: &str, found: Option<&str>) -> Error {
    kubernetes_conflict(match found {
        Some(found) => {
            format!("uid mismatch: the provided object specified uid {wanted}, and the existing object has uid {found}")
        }
        None => format!("uid mismatch: the provided object specified uid {wanted}, and no existing object was found"),
    })
}

fn precondition(wanted: &str, found: &str) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(kubernetes_conflict(format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}")))
}

#[async_trait]
impl KubernetesRead for Kubernetes {
    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool> {
        self.read("get namespaces", format!("namespace {namespace}"), |all| Ok(all.contains_key(namespace))).await
    }

    async fn service_account(
        &self,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Result<Option<ServiceAccount>> {
        self.read("get serviceaccounts", about_account(namespace, name), |all| {
            let account = all.get(namespace).and_then(|held| held.service_accounts.get(name));
            Ok(account.map(|account| ServiceAccount {
                uid: account.uid.clone(),
                annotations: account.annotations.clone(),
                labels: account.labels.clone(),
                owners: account.owners.clone(),
            }))
        })
        .await
    }

    async fn workload(&self, workload: &WorkloadRef) -> Result<Option<Workload>> {
        let (kind, name) = (workload.kind, &workload.name);
        self.read(&format!("get {}", resource(kind)), about_workload(workload), |all| {
            let Some(namespace) = all.get(&workload.namespace) else { return Ok(None) };
            Ok(namespace.workloads(kind).get(name).map(|held| Workload {
                uid: held.uid.clone(),
                annotations: held.annotations.clone(),
                service_account: held.service_account.clone(),
                template_annotations: held.template_annotations.clone(),
                selector: held.selector.clone(),
                selector_expressions: Vec::new(),
                containers: held.containers.clone(),
                paused: held.paused,
                owners: held.owners.clone(),
                rollout: rollout::status(namespace, kind, name, held),
            }))
        })
        .await
    }

    async fn pods(&self, namespace: &Namespace, service_account: &ServiceAccountName) -> Result<Vec<Pod>> {
        let about = format!("pods of {}", about_account(namespace, service_account));
        self.read("list pods", about, |all| {
            let pods = all.get(namespace).into_iter().flat_map(|held| &held.pods);
            let of = pods.filter(|(_, pod)| pod.service_account == *service_account);
            Ok(of
                .map(|(name, pod)| Pod {
                    name: name.clone(),
                    labels: pod.labels.clone(),
                    annotations: pod.annotations.clone(),
                    created_at: pod.created_at,
                    ending: pod.ending,
                    containers: pod.containers.clone(),
                })
                .collect())
        })
        .await
    }
}

#[async_trait]
impl KubernetesWrite for Kubernetes {
    async fn apply_service_account(&self, apply: &ServiceAccountApply) -> Result<bool> {
        let about = about_account(&apply.namespace, &apply.name);
        self.write("patch serviceaccounts", about, &apply.namespace, |namespace, write| {
            let present = namespace.service_accounts.get(&apply.name);
            if let Some(uid) = &apply.uid {
                match present {
                    Some(held) if held.uid == *uid => {}
                    found => return Err(uid_mismatch(uid, found.map(|held| held.uid.as_str()))),
                }
            }
            let created = present.is_none();
            let mut account = present.cloned().unwrap_or_default();
            let mut fields = account_fields(&account.annotations, &account.labels);
            let wanted = account_fields(&apply.annotations, &apply.labels);
            ownership::apply(&mut fields, &mut account.owners, &wanted, apply.force, "v1", &write.by(&apply.manager))?;
            if created {
                account.uid = write.ids.uid(&format!("{}/serviceaccount/{}", write.place, apply.name));
            }
            let account = WorldServiceAccount {
                annotations: without_prefix(ANNOTATIONS, &fields),
                labels: without_prefix(LABELS, &fields),
                ..account
            };
            namespace.service_accounts.insert(apply.name.clone(), account);
            Ok(created)
        })
        .await
    }

    async fn restore_service_account(&self, restore: &ServiceAccountRestore) -> Result<()> {
        let about = about_account(&restore.namespace, &restore.name);
        self.write("patch serviceaccounts", about, &restore.namespace, |namespace, write| {
            let Some(held) = namespace.service_accounts.get_mut(&restore.name) else {
                return Err(kubernetes_not_found("serviceaccounts", restore.name.as_str()));
            };
            precondition(&restore.uid, &held.uid)?;
            let wanted = account_fields(&restore.annotations, &restore.labels);
            let wanted = wanted.into_iter().map(|(path, value)| (path, Some(value))).collect();
            let mut fields = account_fields(&held.annotations, &held.labels);
            ownership::patch(&mut fields, &mut held.owners, &wanted, &write.by(&restore.manager));
            held.annotations = without_prefix(ANNOTATIONS, &fields);
            held.labels = without_prefix(LABELS, &fields);
            Ok(())
        })
        .await
    }

    async fn delete_service_account(&self, namespace: &Namespace, name: &ServiceAccountName, uid: &str) -> Result<()> {
        self.write("delete serviceaccounts", about_account(namespace, name), namespace, |namespace, write| {
            let Some(held) = namespace.service_accounts.get(name) else {
                return Err(kubernetes_not_found("serviceaccounts", name.as_str()));
            };
            precondition(uid, &held.uid)?;
            namespace.service_accounts.remove(name);
            // The controller makes the default one again at once.
            if name.as_str() == "default" {
                let uid = write.ids.uid(&format!("{}/serviceaccount/default", write.place));
                let account = WorldServiceAccount { uid, ..WorldServiceAccount::default() };
                namespace.service_accounts.insert(name.clone(), account);
            }
            Ok(())
        })
        .await
    }

    async fn apply_workload(&self, apply: &WorkloadApply) -> Result<()> {
        let WorkloadRef { kind, namespace, name } = &apply.workload;
        let action = format!("patch {}", resource(*kind));
        self.write(&action, about_workload(&apply.workload), namespace, |namespace, write| {
            let held = namespace.workloads_mut(*kind).get_mut(name);
            let Some(held) = held else { return Err(uid_mismatch(&apply.uid, None)) };
            if held.uid != apply.uid {
                return Err(uid_mismatch(&apply.uid, Some(&held.uid)));
            }
            if let Some(account) = &apply.service_account {
                check_account_name(*kind, name, account)?;
            }
            let mut fields = held.fields();
            let wanted =
                workload_fields(&apply.annotations, &apply.template_annotations, apply.service_account.as_deref());
            ownership::apply(
                &mut fields,
                &mut held.owners,
                &wanted,
                apply.force,
                "apps/v1",
                &write.by(&apply.manager),
            )?;
            held.set_fields(*kind, &fields);
            Ok(())
        })
        .await
    }

    async fn restore_workload(&self, restore: &WorkloadRestore) -> Result<()> {
        let WorkloadRef { kind, namespace, name } = &restore.workload;
        let action = format!("patch {}", resource(*kind));
        self.write(&action, about_workload(&restore.workload), namespace, |namespace, write| {
            let Some(held) = namespace.workloads_mut(*kind).get_mut(name) else {
                return Err(kubernetes_not_found(&format!("{}.apps", resource(*kind)), name.as_str()));
            };
            precondition(&restore.uid, &held.uid)?;
            let mut wanted: BTreeMap<String, Option<String>> = BTreeMap::new();
            if let Some(account) = &restore.service_account {
                let account = Some(account.clone()).filter(|name| !name.is_empty());
                if let Some(account) = &account {
                    check_account_name(*kind, name, account)?;
                }
                wanted.insert(SERVICE_ACCOUNT.to_owned(), account.clone());
                wanted.insert(SERVICE_ACCOUNT_ALIAS.to_owned(), account);
            }
            let removals = |prefix: &'static str, keys: &[String]| -> Vec<(String, Option<String>)> {
                keys.iter().map(|key| (format!("{prefix}{key}"), None)).collect()
            };
            wanted.extend(removals(ANNOTATIONS, &restore.remove_annotations));
            wanted.extend(removals(TEMPLATE_ANNOTATIONS, &restore.remove_template_annotations));
            let mut fields = held.fields();
            ownership::patch(&mut fields, &mut held.owners, &wanted, &write.by(&restore.manager));
            held.set_fields(*kind, &fields);
            Ok(())
        })
        .await
    }
}

/// The API server checks the form of the name, not that there is such a service account.
fn check_account_name(kind: WorkloadKind, workload: &WorkloadName, name: &str) -> Result<()> {
    ServiceAccountName::new(name).map(|_| ()).map_err(|error| {
        let kind = kind.kubernetes_kind();
        let message = format!(
            "{kind}.apps {workload:?} is invalid: spec.template.spec.serviceAccountName: Invalid value: {name:?}: {}",
            error.rule
        );
        Error::new(ErrorKind::InvalidInput, message).code("Invalid")
    })
}
