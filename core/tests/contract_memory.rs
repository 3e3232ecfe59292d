//! The exported contract, checked on the in-memory backend and on a folder: no check is skipped.
#![cfg(feature = "contract")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use podrole::contract::{
    EksContext, FilesContext, FilesFixture, ForeignEdit, IamContext, KubernetesContext, KubernetesFixture, StsContext,
    eks_checks, files_checks, iam_checks, kubernetes_checks, run, sts_checks,
};
use podrole::memory::{Memory, World, WorldNamespace, WorldWorkload};
use podrole::model::{AccountId, Arn, ClusterName, FieldOwner, Namespace, WorkloadKind, WorkloadRef};
use podrole::ports::{AwsTarget, KubernetesTarget};
use podrole::system::Disk;

const ACCOUNT: &str = "204393242335";
const CLUSTER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora";

fn account() -> AccountId {
    AccountId::new(ACCOUNT).unwrap()
}

#[tokio::test]
async fn iam_in_memory_keeps_the_contract() {
    let memory = Memory::new(World::seed());
    let (reads, writes) = (memory.backend().reads, memory.backend().writes);
    let target = AwsTarget::default();
    let context = IamContext::new(
        reads.iam(&target).await.unwrap(),
        writes.iam(&target).await.unwrap(),
        "aws",
        account(),
        "contract",
    );
    let outcome = run(&iam_checks(), &context, &[]).await;
    println!("{outcome}");
    outcome.require(64, 0).unwrap();
    assert_eq!(memory.world(), World::seed(), "the checks removed what they made");
}

#[tokio::test]
async fn eks_in_memory_keeps_the_contract() {
    let mut world = World::seed();
    let arn = Arn::new(CLUSTER).unwrap();
    let cluster = world.clusters.remove(&arn).unwrap();
    let cluster = cluster.pod_identity("devops-aurora-1", "modern").pod_identity("devops-aurora-1", "another");
    let association = cluster.pod_identity_associations[0].clone();
    let wanted = podrole::model::Cluster {
        name: ClusterName::new("devops_aurora").unwrap(),
        arn,
        status: cluster.status.clone(),
        issuer: cluster.issuer.clone(),
        endpoint: cluster.endpoint.clone(),
        certificate_authority: cluster.certificate_authority.clone(),
    };
    let backend = Memory::new(world.cluster(CLUSTER, cluster)).backend();
    let context = EksContext {
        read: backend.reads.eks(&AwsTarget::default()).await.unwrap(),
        cluster: wanted,
        association,
        absent: ClusterName::new("no_such_cluster").unwrap(),
    };
    run(&eks_checks(), &context, &[]).await.require(5, 0).unwrap();
}

#[tokio::test]
async fn sts_in_memory_keeps_the_contract() {
    let backend = Memory::new(World::seed()).backend();
    let context = StsContext { read: backend.reads.sts(&AwsTarget::default()).await.unwrap(), account: account() };
    run(&sts_checks(), &context, &[]).await.require(1, 0).unwrap();
}

#[tokio::test]
async fn kubernetes_in_memory_keeps_the_contract() {
    let memory = Memory::new(World::seed());
    let backend = memory.backend();
    let target = KubernetesTarget { name: ClusterName::new("devops_aurora").unwrap(), cluster: None };
    let context = KubernetesContext::new(
        backend.reads.kubernetes(&target).await.unwrap(),
        backend.writes.kubernetes(&target).await.unwrap(),
        Arc::new(Simulated(memory.clone())),
        "contract",
    );
    let outcome = run(&kubernetes_checks(), &context, &[]).await;
    println!("{outcome}");
    outcome.require(40, 0).unwrap();
    assert_eq!(memory.world(), World::seed(), "the checks removed what they made");
}

#[tokio::test]
async fn files_in_memory_keep_the_contract() {
    let memory = Memory::new(World::new());
    let backend = memory.backend();
    let context = FilesContext {
        read: backend.reads.files(),
        write: backend.writes.files(),
        fixture: Arc::new(Simulated(memory)),
    };
    run(&files_checks(), &context, &[]).await.require(8, 0).unwrap();
}

#[tokio::test]
async fn files_in_a_folder_keep_the_contract() {
    let root = std::env::temp_dir().join(format!("podrole-contract-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let disk = Arc::new(Disk::new(&root));
    let context = FilesContext { read: disk.clone(), write: disk, fixture: Arc::new(Folder(root.clone())) };
    let outcome = run(&files_checks(), &context, &[]).await;
    std::fs::remove_dir_all(&root).unwrap();
    outcome.require(8, 0).unwrap();
}

/// A suite that checks nothing would pass everywhere.
#[tokio::test]
async fn a_check_that_does_not_hold_is_reported_and_a_skip_of_no_check_too() {
    let backend = Memory::new(World::seed()).backend();
    let read = backend.reads.sts(&AwsTarget::default()).await.unwrap();
    let context = StsContext { read, account: AccountId::new("111122223333").unwrap() };
    let outcome = run(&sts_checks(), &context, &["no_such_check"]).await;
    assert_eq!(outcome.failed.len(), 2, "{outcome}");
    assert!(outcome.require(1, 0).is_err());
    let name = sts_checks()[0].name();
    let outcome = run(&sts_checks(), &context, &[name]).await;
    outcome.require(0, 1).unwrap();
}

#[test]
fn names_of_checks_are_unique() {
    let names: Vec<&str> = iam_checks()
        .iter()
        .map(podrole::contract::Check::name)
        .chain(eks_checks().iter().map(podrole::contract::Check::name))
        .chain(sts_checks().iter().map(podrole::contract::Check::name))
        .chain(kubernetes_checks().iter().map(podrole::contract::Check::name))
        .chain(files_checks().iter().map(podrole::contract::Check::name))
        .collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len());
}

/// What the checks do to the world besides calling the ports.
struct Simulated(Memory);

fn set(
    map: &mut BTreeMap<String, String>,
    prefix: &str,
    values: &BTreeMap<String, String>,
    fields: &mut Vec<(String, bool)>,
) {
    for (key, value) in values {
        let changed = map.insert(key.clone(), value.clone()).as_ref() != Some(value);
        fields.push((format!("{prefix}{key}"), changed));
    }
}

/// Server-side apply with force: what changes is taken from the others, what is equal is shared with them.
fn own(owners: &mut Vec<FieldOwner>, manager: &str, fields: &[(String, bool)]) {
    for owner in owners.iter_mut().filter(|owner| owner.manager != manager) {
        owner.fields.retain(|field| !fields.iter().any(|(changed, differs)| changed == field && *differs));
    }
    owners.retain(|owner| !owner.fields.is_empty());
    let fields = fields.iter().map(|(field, _)| field.clone()).collect();
    owners.push(FieldOwner { manager: manager.to_owned(), apply: true, fields, time: Some(0) });
}

impl Simulated {
    fn namespace<T>(&self, name: &Namespace, change: impl FnOnce(&mut WorldNamespace) -> T) -> Result<T, String> {
        self.0.edit(|world| {
            let cluster = world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).ok_or("no cluster")?;
            Ok(change(cluster.namespaces.get_mut(name).ok_or("no such namespace")?))
        })
    }
}

#[async_trait]
impl KubernetesFixture for Simulated {
    async fn create_namespace(&self, name: &Namespace) -> Result<(), String> {
        self.0.edit(|world| {
            let cluster = world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).ok_or("no cluster")?;
            cluster.namespaces.insert(name.clone(), WorldNamespace::new());
            Ok(())
        })
    }

    async fn delete_namespace(&self, name: &Namespace) -> Result<(), String> {
        self.0.edit(|world| {
            let cluster = world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).ok_or("no cluster")?;
            cluster.namespaces.remove(name).map(drop).ok_or_else(|| "no such namespace".to_owned())
        })
    }

    async fn create_workload(&self, workload: &WorkloadRef, labels: &BTreeMap<String, String>) -> Result<(), String> {
        let made = WorldWorkload { selector: labels.clone(), template_labels: labels.clone(), ..WorldWorkload::new(2) };
        self.namespace(&workload.namespace, |namespace| {
            namespace.workloads_mut(workload.kind).insert(workload.name.clone(), made);
        })
    }

    async fn edit_as(&self, manager: &str, edit: &ForeignEdit) -> Result<(), String> {
        let mut fields = Vec::new();
        match edit {
            ForeignEdit::ServiceAccount(apply) => self.namespace(&apply.namespace, |namespace| {
                let account = namespace.service_accounts.entry(apply.name.clone()).or_default();
                set(&mut account.annotations, ".metadata.annotations.", &apply.annotations, &mut fields);
                set(&mut account.labels, ".metadata.labels.", &apply.labels, &mut fields);
                own(&mut account.owners, manager, &fields);
            }),
            ForeignEdit::Workload(apply) => self.namespace(&apply.workload.namespace, |namespace| {
                let held = namespace.workloads_mut(apply.workload.kind).get_mut(&apply.workload.name).unwrap();
                set(&mut held.annotations, ".metadata.annotations.", &apply.annotations, &mut fields);
                let prefix = ".spec.template.metadata.annotations.";
                set(&mut held.template_annotations, prefix, &apply.template_annotations, &mut fields);
                if apply.service_account.is_some() {
                    held.service_account.clone_from(&apply.service_account);
                    fields.push((".spec.template.spec.serviceAccount".to_owned(), true));
                    fields.push((".spec.template.spec.serviceAccountName".to_owned(), true));
                }
                held.generation += 1;
                own(&mut held.owners, manager, &fields);
            }),
        }
    }

    async fn settle(&self, workload: &WorkloadRef) -> Result<(), String> {
        // Workloads of this world roll out at once.
        assert_eq!(workload.kind, WorkloadKind::Deployment);
        Ok(())
    }
}

#[async_trait]
impl FilesFixture for Simulated {
    async fn put(&self, path: &str, text: &str) -> Result<(), String> {
        self.0.edit(|world| world.files.insert(path.to_owned(), text.to_owned()));
        Ok(())
    }

    async fn paths(&self) -> Result<Vec<String>, String> {
        Ok(self.0.world().files.into_keys().collect())
    }

    async fn clear(&self) -> Result<(), String> {
        self.0.edit(|world| world.files.clear());
        Ok(())
    }
}

/// A folder on disk.
struct Folder(PathBuf);

fn files_below(root: &Path, folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(root, &path, found)?;
        } else {
            found.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

#[async_trait]
impl FilesFixture for Folder {
    async fn put(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| error.to_string())
    }

    async fn paths(&self) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        files_below(&self.0, &self.0, &mut found).map_err(|error| error.to_string())?;
        found.sort();
        Ok(found)
    }

    async fn clear(&self) -> Result<(), String> {
        std::fs::remove_dir_all(&self.0).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(&self.0).map_err(|error| error.to_string())
    }
}
