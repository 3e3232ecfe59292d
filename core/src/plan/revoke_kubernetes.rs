//! The Kubernetes half of the undo.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::identity::ROLE_ARN;
use super::ownership::{ANNOTATIONS, LABELS, owned};
use crate::error::Result;
use crate::kustomize::{self, WorkloadTarget};
use crate::marks::{self, CREATED_BY, FORMER, Taken, WORKLOADS};
use crate::model::{Pod, ServiceAccount, WorkloadRef};
use crate::observe::Read;
use crate::ports::ServiceAccountApply;

impl Builder<'_> {
    pub(super) fn revoke_kubernetes(&mut self, scene: &Scene<'_>) -> Result<Vec<u32>> {
        let grant = scene.grant;
        let cluster = grant.grant.cluster.clone();
        let found = self.world.service_account(&cluster, &grant.namespace, &grant.service_account).cloned();
        if let Some(other) = found.as_ref().and_then(|found| self.other_role(scene, found)) {
            let resource = format!("service account {}", grant.grant.subject());
            let message =
                format!("it is annotated with {other} by now, for another grant: it stays, and what runs as it");
            self.note(Level::Info, resource, message);
            return Ok(Vec::new());
        }
        let mut workloads: Vec<WorkloadRef> =
            grant.workloads.iter().map(|workload| workload.workload.clone()).collect();
        for workload in found.iter().flat_map(|found| marks::recorded_workloads(&found.annotations, &grant.namespace)) {
            if !workloads.contains(&workload) {
                workloads.push(workload);
            }
        }
        // Those that were only restarted get new pods once more when the annotation is gone.
        let (restarted, pointed): (Vec<_>, Vec<_>) =
            workloads.into_iter().partition(|workload| self.was_only_restarted(scene, workload));
        let mut steps: Vec<u32> = pointed
            .iter()
            .filter_map(|workload| {
                self.restore(scene, workload, "podrole pointed it at the service account", Vec::new())
            })
            .collect();
        let leaving: Vec<WorkloadRef> =
            pointed.iter().chain(&restarted).filter(|workload| self.leaves(scene, workload)).cloned().collect();
        for wanted in &grant.grant.kustomizations {
            let Ok((text, files)) = self.kustomization_files(&wanted.path) else { continue };
            let target = WorkloadTarget {
                kind: wanted.kind.kubernetes_kind().to_owned(),
                name: wanted.name.clone(),
                namespace: None,
            };
            let edit = kustomize::unset_service_account(&text, &files, &target, grant.service_account.as_str())
                .map_err(|error| error.of(&wanted.path))?;
            let change = Change::new(
                "patch /spec/template/spec/serviceAccountName",
                Some(grant.service_account.as_str()),
                edit.former.clone(),
            );
            let what = format!("{} {}", target.kind.to_lowercase(), target.name);
            self.edits(&wanted.path, &text, &files, edit, &what, (&change, &[]));
        }
        let Some(found) = found else {
            self.restore_restarted(scene, &restarted, &mut steps);
            return Ok(steps);
        };
        let resource = format!("service account {}", grant.grant.subject());
        let others = found.owners.iter().any(|owner| {
            // The controllers of a cluster that hand out token secrets write `secrets`; nobody else should own a part of it.
            owner.manager != self.options.owner
                && !owner.fields.is_empty()
                && owner.fields.iter().any(|field| field != ".secrets")
        });
        let created = self.is_ours(&found.annotations);
        let in_use = if created { self.in_use(scene, &leaving) } else { None };
        let delete = created && !others && in_use.is_none();
        let waits = in_use.is_some() && !others;
        let found_mark = found.annotations.get(CREATED_BY).cloned();
        let keep: BTreeMap<String, String> = found
            .annotations
            .iter()
            .filter(|(key, _)| **key == WORKLOADS || **key == CREATED_BY && delete)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !restarted.is_empty() {
            // Until their pods are replaced, the annotation that names them is kept.
            self.strip(scene, &found, &keep, &mut steps);
            self.restore_restarted(scene, &restarted, &mut steps);
        }
        if delete {
            steps.push(self.on_cluster(
                &cluster,
                Draft {
                    summary: format!("delete {resource}"),
                    why: "podrole created it, and nobody else set anything on it".to_owned(),
                    resource,
                    changes: vec![Change::remove("serviceAccount", grant.grant.subject())],
                    after: steps.clone(),
                    action: Action::DeleteServiceAccount {
                        namespace: grant.namespace.clone(),
                        name: grant.service_account.clone(),
                        uid: found.uid,
                    },
                },
            ));
            return Ok(steps);
        }
        if let Some(in_use) = in_use {
            let message = format!(
                "podrole created it, but {in_use}; it stays, without its role, until an undo finds no such pods: without it none could start"
            );
            self.note(Level::Warning, &resource, message);
        } else if created {
            self.note(
                Level::Info,
                &resource,
                "podrole created it, but others set fields on it since: it stays, without podrole's",
            );
        }
        let mut left = found;
        if !restarted.is_empty() {
            left.annotations.retain(|key, _| keep.contains_key(key));
            left.labels.clear();
        } else if let Some(arn) = left.annotations.get(ROLE_ARN)
            && !owned(&left.owners, ANNOTATIONS, self.manager()).any(|key| key == ROLE_ARN)
        {
            self.note(Level::Info, &resource, format!("podrole did not set its annotation with {arn}: that stays"));
        }
        // The mark stays as long as only pods are in the way, so that a later undo finds it.
        let mark = found_mark.filter(|_| waits).map(|owner| (CREATED_BY.to_owned(), owner));
        self.strip(scene, &left, &mark.into_iter().collect(), &mut steps);
        Ok(steps)
    }

    /// Whether a workload gets new pods, by this undo or already, so that those which run as the service account now go.
    fn leaves(&self, scene: &Scene<'_>, workload: &WorkloadRef) -> bool {
        self.world.workload(&scene.grant.grant.cluster, workload).is_some_and(|found| {
            let left = found.service_account.as_deref() != Some(scene.grant.service_account.as_str());
            let back =
                found.annotations.get(FORMER).is_some_and(|former| former == scene.grant.service_account.as_str());
            !found.paused && (left || !back && self.is_restored(scene, found))
        })
    }

    /// Who runs as the service account and goes on doing so, in words.
    fn in_use(&self, scene: &Scene<'_>, leaving: &[WorkloadRef]) -> Option<String> {
        let grant = scene.grant;
        let cluster = &grant.grant.cluster;
        if let Some(workload) = self.given_back(cluster, &grant.namespace, &grant.service_account) {
            return Some(format!("this undo gives it back to {workload}"));
        }
        let Some(pods) = self.world.pods(cluster, &grant.namespace, &grant.service_account) else {
            let reason = self.world.unknown(&Read::pods_of(grant)).unwrap_or("they were not read");
            return Some(format!("whether pods run as it is not known ({reason})"));
        };
        let leaving: Vec<_> = leaving.iter().filter_map(|workload| self.world.workload(cluster, workload)).collect();
        let goes = |pod: &Pod| pod.ending || leaving.iter().any(|workload| workload.selects(pod));
        let staying: Vec<&str> = pods.iter().filter(|pod| !goes(pod)).map(|pod| pod.name.as_str()).collect();
        (!staying.is_empty()).then(|| format!("pods run as it that this undo does not replace: {}", staying.join(", ")))
    }

    /// Whether podrole only replaced the pods of a workload that ran as the service account before.
    fn was_only_restarted(&self, scene: &Scene<'_>, workload: &WorkloadRef) -> bool {
        self.world
            .workload(&scene.grant.grant.cluster, workload)
            .is_some_and(|found| self.marks_template(found) && !found.annotations.contains_key(FORMER))
    }

    fn restore_restarted(&mut self, scene: &Scene<'_>, workloads: &[WorkloadRef], steps: &mut Vec<u32>) {
        let after = steps.clone();
        let why = "podrole restarted it to give its pods the role";
        steps.extend(workloads.iter().filter_map(|workload| self.restore(scene, workload, why, after.clone())));
    }

    /// Takes what podrole set off a service account, except some annotations.
    fn strip(
        &mut self,
        scene: &Scene<'_>,
        found: &ServiceAccount,
        keep: &BTreeMap<String, String>,
        steps: &mut Vec<u32>,
    ) {
        let grant = scene.grant;
        let annotations: Vec<String> = owned(&found.owners, ANNOTATIONS, self.manager())
            .filter(|key| !keep.contains_key(key) && found.annotations.contains_key(key))
            .collect();
        let labels: Vec<String> =
            owned(&found.owners, LABELS, self.manager()).filter(|key| found.labels.contains_key(key)).collect();
        // First: the mark that holds the values goes with the rest.
        let why = "podrole took it over";
        let restored = self.put_back(scene, found, &annotations, &labels, why, &steps.clone());
        let taken = if restored.is_some() { Taken::of(&found.annotations) } else { Taken::default() };
        steps.extend(restored);
        let removed = annotations
            .iter()
            .filter(|key| !taken.annotations.contains_key(*key))
            .map(|key| Change::remove(format!("annotation {key}"), found.annotations[key].clone()));
        let unlabelled = labels
            .iter()
            .filter(|key| !taken.labels.contains_key(*key))
            .map(|key| Change::remove(format!("label {key}"), found.labels[key].clone()));
        let changes: Vec<Change> = removed.chain(unlabelled).collect();
        if changes.is_empty() {
            return;
        }
        let resource = format!("service account {}", grant.grant.subject());
        steps.push(self.on_cluster(
            &grant.grant.cluster,
            Draft {
                summary: format!("remove podrole's annotations and labels from {resource}"),
                why: "podrole set them".to_owned(),
                resource,
                changes,
                after: steps.clone(),
                action: Action::ApplyServiceAccount {
                    create: false,
                    apply: ServiceAccountApply {
                        manager: self.options.owner.clone(),
                        namespace: grant.namespace.clone(),
                        name: grant.service_account.clone(),
                        uid: Some(found.uid.clone()),
                        annotations: keep.clone(),
                        labels: BTreeMap::new(),
                        force: false,
                    },
                },
            },
        ));
    }
}
