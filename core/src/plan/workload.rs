//! Workloads: pointed at the service account, restarted where their pods are old, and given back what they ran as before.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::identity::{Annotated, ROLE_ARN, has_role, identity_hash, is_mark_of, is_older};
use super::ownership::{conflict, others};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{CheckedGrant, CheckedWorkload, Manage, short_hash};
use crate::marks::{FORMER, IDENTITY};
use crate::model::{Pod, ServiceAccountName, Workload, WorkloadRef};
use crate::observe::{Fact, Read};
use crate::ports::{WorkloadApply, WorkloadRestore};

/// The workload's field that names its service account.
const FIELD: &str = ".spec.template.spec.serviceAccountName";

/// What a workload looks like now, and why its pods must be replaced although it runs as the service account.
pub(super) struct Look {
    pub(super) to_point: bool,
    pub(super) restart: Option<Restart>,
    pub(super) found: Workload,
}

/// Why pods must be replaced, and the mark on the template that replaces them.
pub(super) struct Restart {
    why: String,
    mark: String,
}

impl Builder<'_> {
    pub(super) fn look_at(&mut self, grant: &CheckedGrant, wanted: &CheckedWorkload) -> Result<Look> {
        let resource = wanted.workload.to_string();
        let Some(found) = self.world.workload(&grant.grant.cluster, &wanted.workload).cloned() else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no such workload on cluster {}", grant.cluster),
            )
            .resource(resource)
            .code("NotFound")
            .remedy("deploy it first, or correct its kind and name"));
        };
        let runs_as = found.service_account.as_deref().unwrap_or("default");
        let to_point = runs_as != grant.service_account.as_str();
        if to_point && wanted.manage == Manage::Observe {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("it runs as service account {runs_as}, and the grant only observes it"),
            )
            .resource(resource));
        }
        if to_point && found.service_account.is_some() {
            let owners = others(&found.owners, FIELD, self.manager());
            if !owners.is_empty() && wanted.manage != Manage::Own {
                return Err(conflict(resource, owners, "manage: own"));
            }
            if self.points(&found) {
                let message = format!(
                    "podrole pointed it at service account {runs_as} for another grant; the undo of this one gives it back what it ran as before both"
                );
                self.note(Level::Warning, &resource, message);
            }
        }
        for container in &found.containers {
            let preset: Vec<&str> = [
                "AWS_ACCESS_KEY_ID",
                "AWS_ROLE_ARN",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ]
            .into_iter()
            .filter(|name| container.env.contains_key(*name))
            .collect();
            if !preset.is_empty() {
                self.note(
                    Level::Warning,
                    &resource,
                    format!(
                        "container {} sets {} itself: its credentials win over the role's",
                        container.name,
                        preset.join(", ")
                    ),
                );
            }
        }
        if found.paused {
            self.note(
                Level::Warning,
                &resource,
                "its rollouts are paused: pods keep what they have until it is resumed",
            );
        }
        Ok(Look { to_point, restart: None, found })
    }

    pub(super) fn workload(
        &mut self,
        scene: &Scene<'_>,
        wanted: &CheckedWorkload,
        look: Look,
        identity: &BTreeMap<String, String>,
        after: &[u32],
    ) {
        let grant = scene.grant;
        let Look { to_point, restart, found } = look;
        let service_account = grant.service_account.to_string();
        if !to_point && restart.is_none() {
            return;
        }
        let mark = restart.as_ref().map_or_else(|| identity_hash(identity), |restart| restart.mark.clone());
        let mut annotations = BTreeMap::new();
        let owns_field = self.points(&found);
        if to_point || found.annotations.contains_key(FORMER) {
            let former = match found.annotations.get(FORMER) {
                Some(former) => former.clone(),
                None => found.service_account.clone().unwrap_or_default(),
            };
            annotations.insert(FORMER.to_owned(), former);
        }
        let mut changes = Vec::new();
        if to_point {
            changes.push(Change::new(
                "spec.template.spec.serviceAccountName",
                Some(found.service_account.clone().unwrap_or_else(|| "default".to_owned())),
                Some(service_account.clone()),
            ));
        }
        changes.push(Change::new(
            format!("pod template annotation {IDENTITY}"),
            found.template_annotations.get(IDENTITY).cloned(),
            Some(mark.clone()),
        ));
        let (summary, why) = match restart {
            None => (
                format!("run {} as {}", wanted.workload, grant.service_account),
                "its pods are to act as the role; they are replaced by a rollout".to_owned(),
            ),
            Some(Restart { why, .. }) => (format!("restart {}", wanted.workload), why),
        };
        self.on_cluster(
            &grant.grant.cluster,
            Draft {
                summary,
                why,
                resource: wanted.workload.to_string(),
                changes,
                after: after.to_vec(),
                action: Action::ApplyWorkload {
                    apply: WorkloadApply {
                        manager: self.options.owner.clone(),
                        workload: wanted.workload.clone(),
                        uid: found.uid.clone(),
                        service_account: (to_point || owns_field).then_some(service_account),
                        annotations,
                        template_annotations: BTreeMap::from([(IDENTITY.to_owned(), mark)]),
                        force: wanted.manage == Manage::Own,
                    },
                },
            },
        );
    }

    /// Why pods of a workload that runs as the service account already must be replaced: they were made for another identity, or while the
    /// annotation was not there.
    pub(super) fn restart(
        &mut self,
        grant: &CheckedGrant,
        wanted: &CheckedWorkload,
        found: &Workload,
        identity: &BTreeMap<String, String>,
        annotated: &Annotated,
    ) -> Option<Restart> {
        if !wanted.restart {
            return None;
        }
        let hash = identity_hash(identity);
        let restart = |why: &str| Some(Restart { why: why.to_owned(), mark: hash.clone() });
        let present = found.template_annotations.get(IDENTITY);
        if present.is_some_and(|mark| !is_mark_of(mark, &hash)) {
            return restart("its pods were made for another role or token and keep the credentials they have");
        }
        let resource = wanted.workload.to_string();
        let Some(pods) = self.world.pods(&grant.grant.cluster, &grant.namespace, &grant.service_account) else {
            let reason = self.world.unknown(&Read::pods_of(grant)).unwrap_or("not read").to_owned();
            match present {
                None if annotated.touches_identity => {
                    return restart("its pods, which could not be listed, may be older than the annotation");
                }
                Some(_) if !annotated.touches_identity => {}
                _ => {
                    let message = format!("not known: whether its pods are older than the annotation ({reason})");
                    self.note(Level::Warning, resource, message);
                }
            }
            return None;
        };
        let role_arn = &identity[ROLE_ARN];
        let is_old = |pod: &&Pod| {
            let older = annotated.since.is_some_and(|since| is_older(pod, since, role_arn));
            match present {
                None => annotated.touches_identity || older,
                // Pods of an earlier template are being replaced already.
                Some(mark) => pod.annotations.get(IDENTITY) == Some(mark) && !has_role(pod, role_arn),
            }
        };
        let old: Vec<&Pod> = pods.iter().filter(|pod| !pod.ending && found.selects(pod)).filter(is_old).collect();
        let count = old.len();
        if count == 0 {
            return None;
        }
        let why = match present {
            None => format!("{count} of its pods were made before the annotation and keep the credentials they have"),
            Some(_) if annotated.touches_identity => {
                format!("{count} of its pods were made while the annotation was not there and do not have the role")
            }
            // Whether another restart would help is not known: no time says when the annotation alone was set, and the webhook may be off.
            Some(_) => {
                let message = format!(
                    "{count} of its pods do not have the role, although its template is marked: `verify` tells more; restart it when the webhook works"
                );
                self.note(Level::Warning, resource, message);
                return None;
            }
        };
        // The same mark would replace nothing.
        let mark = match present {
            None => hash,
            Some(mark) => {
                let mut names: Vec<&str> = old.iter().map(|pod| pod.name.as_str()).collect();
                names.sort_unstable();
                format!("{hash}-{}", short_hash(&format!("{mark} {}", names.join(" "))))
            }
        };
        Some(Restart { why, mark })
    }

    /// Whether the undo changes a workload's template: it gets its former service account again, which nobody but podrole may want otherwise, or
    /// loses the mark that restarted it.
    pub(super) fn is_restored(&self, scene: &Scene<'_>, found: &Workload) -> bool {
        let ours = found.service_account.as_deref() == Some(scene.grant.service_account.as_str());
        if found.annotations.contains_key(FORMER) {
            ours && others(&found.owners, FIELD, self.manager()).is_empty()
        } else {
            self.marks_template(found)
        }
    }

    /// Whether this owner's mark is on a workload's template, which restarted it. Where nothing says who set it, it counts as theirs.
    pub(super) fn marks_template(&self, found: &Workload) -> bool {
        let field = format!(".spec.template.metadata.annotations.{IDENTITY}");
        let mut setters = found.owners.iter().filter(|owner| owner.fields.contains(&field)).peekable();
        found.template_annotations.contains_key(IDENTITY)
            && (setters.peek().is_none() || setters.any(|owner| owner.manager == self.manager()))
    }

    /// Whether the service account of a workload was set by this owner, and by nobody else since.
    fn points(&self, found: &Workload) -> bool {
        found.owners.iter().any(|owner| owner.manager == self.manager() && owner.apply && owner.fields.contains(FIELD))
    }

    /// Takes back what an apply changed on a workload.
    pub(super) fn restore(
        &mut self,
        scene: &Scene<'_>,
        workload: &WorkloadRef,
        why: &str,
        after: Vec<u32>,
    ) -> Option<u32> {
        let cluster = scene.grant.grant.cluster.clone();
        let found = self.world.workload(&cluster, workload).cloned()?;
        let former = found.annotations.get(FORMER).cloned();
        let identity = self.marks_template(&found);
        if former.is_none() && !identity {
            return None;
        }
        let runs_as = found.service_account.as_deref().unwrap_or("default");
        let ours = runs_as == scene.grant.service_account.as_str();
        if former.is_some() && !ours && self.points(&found) {
            let message = format!("it runs as service account {runs_as} by now, for another grant: that stays");
            self.note(Level::Info, workload.to_string(), message);
            return None;
        }
        let co_owners = others(&found.owners, FIELD, self.manager());
        if former.is_some() && ours && !self.is_restored(scene, &found) {
            let names: Vec<&str> = co_owners.iter().map(|owner| owner.manager.as_str()).collect();
            let message = format!("{} sets its service account to {runs_as} too: that stays", names.join(", "));
            self.note(Level::Warning, workload.to_string(), message);
            if !self.points(&found) {
                return None;
            }
        }
        if found.paused {
            let message = "its rollouts are on hold: its pods keep the service account and the credentials they have";
            self.note(Level::Warning, workload.to_string(), message);
        }
        // What the account of the grant ran before it came back to it is itself.
        let own = scene.grant.service_account.as_str();
        let service_account = former.clone().filter(|former| former != own && self.is_restored(scene, &found));
        if former.is_some() && !ours {
            self.note(
                Level::Info,
                workload.to_string(),
                format!("it runs as service account {runs_as} by now, which podrole did not set: that stays"),
            );
        }
        let mut changes = Vec::new();
        if let Some(former) = &service_account {
            self.require_former(scene, workload, former);
            changes.push(Change::new(
                "spec.template.spec.serviceAccountName",
                found.service_account.clone(),
                Some(if former.is_empty() { "default" } else { former }),
            ));
        }
        if identity {
            changes.push(Change::remove(
                format!("pod template annotation {IDENTITY}"),
                found.template_annotations[IDENTITY].clone(),
            ));
        }
        let restore = WorkloadRestore {
            manager: self.options.owner.clone(),
            workload: workload.clone(),
            uid: found.uid.clone(),
            service_account: service_account.clone(),
            remove_annotations: former.iter().map(|_| FORMER.to_owned()).collect(),
            remove_template_annotations: if identity { vec![IDENTITY.to_owned()] } else { Vec::new() },
        };
        let summary = match &service_account {
            Some(former) if former.is_empty() => format!("run {workload} as service account default again"),
            Some(former) => format!("run {workload} as service account {former} again"),
            None => format!("remove podrole's marks from {workload}"),
        };
        Some(self.on_cluster(
            &cluster,
            Draft {
                summary,
                why: why.to_owned(),
                resource: workload.to_string(),
                changes,
                after,
                action: Action::RestoreWorkload { restore },
            },
        ))
    }
}

impl Builder<'_> {
    /// Refuses to give a workload a service account back that is gone: its new pods could not start.
    fn require_former(&mut self, scene: &Scene<'_>, workload: &WorkloadRef, former: &str) {
        let Ok(service_account) = ServiceAccountName::new(former) else { return };
        let (cluster, namespace) = (scene.grant.grant.cluster.clone(), workload.namespace.clone());
        if self.deletes(&cluster, &namespace, &service_account) {
            let message =
                format!("it ran as service account {former} before, which another grant of this undo deletes");
            self.refuse(
                Error::new(ErrorKind::Conflict, message)
                    .resource(workload.to_string())
                    .remedy("undo this grant first, and the other one after it"),
            );
        }
        let read = Read::FormerServiceAccount { cluster, namespace, service_account };
        if let Some(Fact::Absent) = self.world.fact(&read) {
            let message =
                format!("it ran as service account {former} before, which is gone: its new pods could not start");
            self.refuse(Error::new(ErrorKind::Conflict, message).resource(workload.to_string()).remedy(
                "make that service account again, or set another one on the workload by hand, then plan again",
            ));
        }
        if let Some(reason) = self.world.unknown(&read).map(str::to_owned) {
            let message = format!(
                "not known: whether service account {former}, which it ran as before, is still there ({reason})"
            );
            self.note(Level::Warning, workload.to_string(), message);
        }
    }
}

pub(super) fn is_marked(workload: &Workload) -> bool {
    workload.annotations.contains_key(FORMER) || workload.template_annotations.contains_key(IDENTITY)
}
