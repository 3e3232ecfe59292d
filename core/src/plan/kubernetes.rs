//! The Kubernetes half of an apply: service account, workloads, kustomizations.

use std::collections::{BTreeMap, BTreeSet};

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene, map_changes};
use crate::error::{Error, ErrorKind, FieldConflict, Result};
use crate::grant::{CheckedGrant, CheckedWorkload, Manage, short_hash};
use crate::kustomize::{self, WorkloadTarget};
use crate::marks::{self, CREATED_BY, FORMER, IDENTITY, TAKEN, Taken, WORKLOADS};
use crate::model::{Arn, Container, FieldOwner, Pod, ServiceAccount, Workload, WorkloadRef};
use crate::observe::{Answer, Fact, Read, sibling};
use crate::ports::{ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore};

/// The annotation by which pods get their role.
pub(crate) const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE: &str = "eks.amazonaws.com/audience";
const EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
const REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";
pub(super) const ANNOTATIONS: &str = ".metadata.annotations.";
pub(super) const LABELS: &str = ".metadata.labels.";
/// The workload's field that names its service account.
const FIELD: &str = ".spec.template.spec.serviceAccountName";

/// The annotations that the pod-identity webhook reads.
pub(crate) fn identity_annotations(grant: &CheckedGrant, role_arn: &Arn) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([(ROLE_ARN.to_owned(), role_arn.to_string())]);
    if grant.audience.as_str() != "sts.amazonaws.com" {
        annotations.insert(AUDIENCE.to_owned(), grant.audience.to_string());
    }
    if let Some(seconds) = grant.grant.token.expiration {
        annotations.insert(EXPIRATION.to_owned(), seconds.to_string());
    }
    if let Some(regional) = grant.grant.token.regional_endpoints {
        annotations.insert(REGIONAL.to_owned(), regional.to_string());
    }
    annotations
}

fn identity_hash(annotations: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = annotations.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    short_hash(&lines.concat())
}

impl Builder<'_> {
    pub(super) fn apply_kubernetes(&mut self, scene: &Scene<'_>, named: &[u32], ready: &[u32]) -> Result<()> {
        let grant = scene.grant;
        let cluster = grant.grant.cluster.clone();
        let role_arn = self.role_arn(scene)?;
        self.require_namespace(grant)?;
        if !grant.grant.scope.has_iam() {
            let message =
                "which cluster the connection leads to is not checked: with scope `kubernetes` EKS is not asked";
            self.note(Level::Info, format!("cluster {}", grant.cluster), message);
        }
        let found = self.world.service_account(&cluster, &grant.namespace, &grant.service_account).cloned();
        let identity = identity_annotations(grant, &role_arn);
        let annotated = Annotated::of(found.as_ref(), &identity, self.manager());
        let mut looks = Vec::new();
        for workload in &grant.workloads {
            let mut look = self.look_at(grant, workload)?;
            if !look.to_point {
                look.restart = self.restart_reason(grant, workload, &look.found, &identity, &annotated);
            }
            looks.push(look);
        }
        let recorded: Vec<WorkloadRef> =
            found.iter().flat_map(|found| marks::recorded_workloads(&found.annotations, &grant.namespace)).collect();
        let wanted: BTreeSet<&WorkloadRef> = grant.workloads.iter().map(|workload| &workload.workload).collect();
        // Ours are those that carry a mark of ours already, and those that will.
        let ours: Vec<&WorkloadRef> = grant
            .workloads
            .iter()
            .zip(&looks)
            .filter(|(_, look)| look.to_point || look.restart.is_some() || is_marked(&look.found))
            .map(|(workload, _)| &workload.workload)
            .collect();
        // Restored before the annotation stops naming them, so that a crash in between loses none.
        let mut before = named.to_vec();
        for workload in recorded.iter().filter(|workload| !wanted.contains(workload)) {
            before.extend(self.restore(scene, workload, "the grant no longer names it", Vec::new()));
        }
        let step = self.service_account(scene, found.as_ref(), &identity, &ours, &before)?;
        let after: Vec<u32> = ready.iter().copied().chain(step).collect();
        for (workload, look) in grant.workloads.iter().zip(looks) {
            self.workload(scene, workload, look, &identity, &after);
        }
        for index in 0..grant.grant.kustomizations.len() {
            self.kustomization(scene, index)?;
        }
        Ok(())
    }

    fn role_arn(&self, scene: &Scene<'_>) -> Result<Arn> {
        let grant = scene.grant;
        if let Some(arn) = &grant.role_arn {
            return Ok(arn.clone());
        }
        if let Some(role) = self.world.role(&scene.account, &grant.role) {
            return Ok(role.arn.clone());
        }
        Err(Error::new(ErrorKind::Unexpected, "the role's ARN is not known").resource(format!("role {}", grant.role)))
    }

    fn require_namespace(&mut self, grant: &CheckedGrant) -> Result<()> {
        let read = Read::Namespace { cluster: grant.grant.cluster.clone(), namespace: grant.namespace.clone() };
        match self.world.fact(&read) {
            Some(Fact::Absent) => {
                Err(Error::new(ErrorKind::NotFound, format!("there is no such namespace on cluster {}", grant.cluster))
                    .resource(format!("namespace {}", grant.namespace))
                    .code("NotFound")
                    .remedy("create the namespace first, or correct its name"))
            }
            Some(Fact::Unknown(reason)) => {
                let message = format!("not known: whether it exists ({reason})");
                self.note(Level::Info, format!("namespace {}", grant.namespace), message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn service_account(
        &mut self,
        scene: &Scene<'_>,
        found: Option<&ServiceAccount>,
        identity: &BTreeMap<String, String>,
        ours: &[&WorkloadRef],
        after: &[u32],
    ) -> Result<Option<u32>> {
        let grant = scene.grant;
        let resource = format!("service account {}", grant.grant.subject());
        let manage = grant.grant.service_account.manage;
        let mut annotations = identity.clone();
        if !ours.is_empty() {
            annotations.insert(WORKLOADS.to_owned(), marks::workloads_value(ours.iter().copied()));
        }
        if found.is_none_or(|found| self.is_ours(&found.annotations)) {
            annotations.insert(CREATED_BY.to_owned(), self.options.owner.clone());
        }
        let labels = grant.grant.service_account.labels.clone();
        let none = ServiceAccount {
            uid: String::new(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            owners: Vec::new(),
        };
        let current = found.unwrap_or(&none);
        let conflicts = conflicts(current, &annotations, &labels, self.manager());
        let taken = self.taken(current, &annotations, &labels, &conflicts);
        if let Some(mark) = taken.mark() {
            annotations.insert(TAKEN.to_owned(), mark);
        }
        let surplus: Vec<String> = owned(&current.owners, ANNOTATIONS, self.manager())
            .filter(|key| !annotations.contains_key(key) && current.annotations.contains_key(key))
            .collect();
        let surplus_labels: Vec<String> = owned(&current.owners, LABELS, self.manager())
            .filter(|key| !labels.contains_key(key) && current.labels.contains_key(key))
            .collect();
        let mut changes = map_changes("annotation ", &current.annotations, &annotations);
        changes.extend(map_changes("label ", &current.labels, &labels));
        changes.extend(
            surplus.iter().map(|key| Change::remove(format!("annotation {key}"), current.annotations[key].clone())),
        );
        changes.extend(
            surplus_labels.iter().map(|key| Change::remove(format!("label {key}"), current.labels[key].clone())),
        );
        if changes.is_empty() && found.is_some() {
            return Ok(None);
        }
        if manage == Manage::Observe {
            return Err(Error::new(
                ErrorKind::Conflict,
                "it is not annotated as the grant says, and the grant only observes it",
            )
            .resource(resource)
            .remedy("annotate it by hand, or set `serviceAccount: {manage: merge}`"));
        }
        if !conflicts.is_empty() && manage != Manage::Own {
            return Err(conflict(resource, conflicts, "serviceAccount: {manage: own}"));
        }
        for conflict in &conflicts {
            let message =
                format!("{} is taken from {}; the undo puts its value back", conflict.field, conflict.manager);
            self.note(Level::Warning, &resource, message);
        }
        let mut after = after.to_vec();
        after.extend(self.put_back(
            scene,
            current,
            &surplus,
            &surplus_labels,
            "the grant no longer asks for it",
            &after,
        ));
        let verb = if found.is_none() { "create" } else { "annotate" };
        let step = self.on_cluster(
            &grant.grant.cluster,
            Draft {
                summary: format!("{verb} {resource}"),
                why: "its pods get the role by the annotation".to_owned(),
                resource,
                changes,
                after,
                action: Action::ApplyServiceAccount {
                    create: found.is_none(),
                    apply: ServiceAccountApply {
                        manager: self.options.owner.clone(),
                        namespace: grant.namespace.clone(),
                        name: grant.service_account.clone(),
                        uid: found.map(|found| found.uid.clone()),
                        annotations,
                        labels,
                        force: manage == Manage::Own,
                    },
                },
            },
        );
        Ok(Some(step))
    }

    /// What others had on a service account where podrole sets something else, now and since earlier applies.
    fn taken(
        &self,
        current: &ServiceAccount,
        annotations: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
        conflicts: &[FieldConflict],
    ) -> Taken {
        let mut taken = Taken::of(&current.annotations);
        let ours = |prefix: &'static str| owned(&current.owners, prefix, self.manager()).collect::<BTreeSet<_>>();
        let (own_annotations, own_labels) = (ours(ANNOTATIONS), ours(LABELS));
        if !own_annotations.contains(TAKEN) {
            taken = Taken::default();
        }
        taken.annotations.retain(|key, _| annotations.contains_key(key) && own_annotations.contains(key));
        taken.labels.retain(|key, _| labels.contains_key(key) && own_labels.contains(key));
        // What an undo put back is podrole's by update, and still what others had.
        let restored = current.owners.iter().filter(|owner| owner.manager == self.manager() && !owner.apply);
        let restored = restored.flat_map(|owner| &owner.fields).map(String::as_str);
        for field in conflicts.iter().map(|conflict| conflict.field.as_str()).chain(restored) {
            if let Some((key, now)) = value_at(field, ANNOTATIONS, &current.annotations)
                && annotations.get(key).is_some_and(|wanted| wanted != now)
            {
                taken.annotations.insert(key.to_owned(), now.clone());
            }
            if let Some((key, now)) = value_at(field, LABELS, &current.labels)
                && labels.get(key).is_some_and(|wanted| wanted != now)
            {
                taken.labels.insert(key.to_owned(), now.clone());
            }
        }
        taken
    }

    /// Puts back what others had on a service account where podrole took it over: of these annotations and labels, which podrole still owns.
    pub(super) fn put_back(
        &mut self,
        scene: &Scene<'_>,
        current: &ServiceAccount,
        annotations: &[String],
        labels: &[String],
        why: &str,
        after: &[u32],
    ) -> Option<u32> {
        let grant = scene.grant;
        let mut taken = Taken::of(&current.annotations);
        taken.annotations.retain(|key, _| annotations.contains(key));
        taken.labels.retain(|key, _| labels.contains(key));
        if taken == Taken::default() {
            return None;
        }
        let mut changes = map_changes("annotation ", &current.annotations, &taken.annotations);
        changes.extend(map_changes("label ", &current.labels, &taken.labels));
        let resource = format!("service account {}", grant.grant.subject());
        Some(self.on_cluster(
            &grant.grant.cluster,
            Draft {
                summary: format!("put back what others had on {resource}"),
                why: why.to_owned(),
                resource,
                changes,
                after: after.to_vec(),
                action: Action::RestoreServiceAccount {
                    restore: ServiceAccountRestore {
                        manager: self.options.owner.clone(),
                        namespace: grant.namespace.clone(),
                        name: grant.service_account.clone(),
                        uid: current.uid.clone(),
                        annotations: taken.annotations,
                        labels: taken.labels,
                    },
                },
            },
        ))
    }

    fn look_at(&mut self, grant: &CheckedGrant, wanted: &CheckedWorkload) -> Result<Look> {
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
        let to_point = found.service_account.as_deref() != Some(grant.service_account.as_str());
        if to_point && wanted.manage == Manage::Observe {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "it runs as service account {}, and the grant only observes it",
                    found.service_account.as_deref().unwrap_or("default")
                ),
            )
            .resource(resource));
        }
        if to_point && found.service_account.is_some() {
            let owners = others(&found.owners, FIELD, self.manager());
            if !owners.is_empty() && wanted.manage != Manage::Own {
                return Err(conflict(resource, owners, "manage: own"));
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

    fn workload(
        &mut self,
        scene: &Scene<'_>,
        wanted: &CheckedWorkload,
        look: Look,
        identity: &BTreeMap<String, String>,
        after: &[u32],
    ) {
        let grant = scene.grant;
        let Look { to_point, restart, found } = look;
        let hash = identity_hash(identity);
        let service_account = grant.service_account.to_string();
        if !to_point && restart.is_none() {
            return;
        }
        let mut annotations = BTreeMap::new();
        let owns_field = found
            .owners
            .iter()
            .any(|owner| owner.manager == self.options.owner && owner.apply && owner.fields.contains(FIELD));
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
            Some(hash.clone()),
        ));
        let (summary, why) = match restart {
            None => (
                format!("run {} as {}", wanted.workload, grant.service_account),
                "its pods are to act as the role; they are replaced by a rollout".to_owned(),
            ),
            Some(reason) => (format!("restart {}", wanted.workload), reason),
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
                        template_annotations: BTreeMap::from([(IDENTITY.to_owned(), hash)]),
                        force: wanted.manage == Manage::Own,
                    },
                },
            },
        );
    }

    /// Why pods of a workload that runs as the service account already must be replaced: they were made for another identity, or before
    /// the annotation.
    fn restart_reason(
        &mut self,
        grant: &CheckedGrant,
        wanted: &CheckedWorkload,
        found: &Workload,
        identity: &BTreeMap<String, String>,
        annotated: &Annotated,
    ) -> Option<String> {
        if !wanted.restart {
            return None;
        }
        match found.template_annotations.get(IDENTITY) {
            Some(mark) if *mark == identity_hash(identity) => return None,
            Some(_) => {
                return Some(
                    "its pods were made for another role or token and keep the credentials they have".to_owned(),
                );
            }
            None => {}
        }
        let read = Read::Pods {
            cluster: grant.grant.cluster.clone(),
            namespace: grant.namespace.clone(),
            service_account: grant.service_account.clone(),
        };
        let Some(pods) = self.world.pods(&grant.grant.cluster, &grant.namespace, &grant.service_account) else {
            let reason = self.world.unknown(&read).unwrap_or("not read").to_owned();
            if annotated.touches_identity {
                return Some("its pods, which could not be listed, may be older than the annotation".to_owned());
            }
            self.note(
                Level::Warning,
                wanted.workload.to_string(),
                format!("not known: whether its pods are older than the annotation ({reason})"),
            );
            return None;
        };
        let old = pods
            .iter()
            .filter(|pod| !pod.ending && found.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value)))
            .filter(|pod| {
                annotated.touches_identity
                    || annotated.since.is_some_and(|since| is_older(pod, since, &identity[ROLE_ARN]))
            })
            .count();
        (old > 0 && !found.selector.is_empty())
            .then(|| format!("{old} of its pods were made before the annotation and keep the credentials they have"))
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
        let identity = found.template_annotations.contains_key(IDENTITY);
        if former.is_none() && !identity {
            return None;
        }
        let ours = found.service_account.as_deref() == Some(scene.grant.service_account.as_str());
        let service_account = former.clone().filter(|_| ours);
        if former.is_some() && !ours {
            self.note(
                Level::Info,
                workload.to_string(),
                format!(
                    "it runs as service account {} by now, which podrole did not set: that stays",
                    found.service_account.as_deref().unwrap_or("default")
                ),
            );
        }
        let mut changes = Vec::new();
        if let Some(former) = &service_account {
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

    fn kustomization(&mut self, scene: &Scene<'_>, index: usize) -> Result<()> {
        let wanted = &scene.grant.grant.kustomizations[index];
        let (text, files) = self.kustomization_files(&wanted.path)?;
        let target = WorkloadTarget {
            kind: wanted.kind.kubernetes_kind().to_owned(),
            name: wanted.name.clone(),
            namespace: None,
        };
        let edit = kustomize::set_service_account(&text, &files, &target, scene.grant.service_account.as_str())
            .map_err(|error| error.of(&wanted.path))?;
        let former = edit.former.clone();
        let change = Change::new(
            "patch /spec/template/spec/serviceAccountName",
            former,
            Some(scene.grant.service_account.as_str()),
        );
        self.edits(
            &wanted.path,
            &text,
            &files,
            edit,
            &format!("{} {}", target.kind.to_lowercase(), target.name),
            &change,
        );
        Ok(())
    }

    /// A kustomization and the patch files it names.
    pub(super) fn kustomization_files(&self, path: &str) -> Result<(String, BTreeMap<String, String>)> {
        let Some(text) = self.world.file(path).cloned() else {
            return Err(Error::new(ErrorKind::NotFound, "there is no such file under the client's file root")
                .resource(format!("file {path}"))
                .remedy("give its path relative to the file root (default: the working directory)"));
        };
        let mut files = BTreeMap::new();
        for name in kustomize::referenced_files(&text).map_err(|error| error.of(path))? {
            if let Some(text) = self.world.file(&sibling(path, &name)) {
                files.insert(name, text.clone());
            }
        }
        Ok((text, files))
    }

    /// One step per file that an edit changes.
    pub(super) fn edits(
        &mut self,
        path: &str,
        text: &str,
        files: &BTreeMap<String, String>,
        edit: kustomize::KustomizeEdit,
        what: &str,
        change: &Change,
    ) {
        let patched = edit
            .files
            .into_iter()
            .filter_map(|(name, after)| files.get(&name).map(|before| (sibling(path, &name), before.clone(), after)));
        let own = edit.kustomization.map(|after| (path.to_owned(), text.to_owned(), after));
        for (path, before, after) in patched.chain(own).collect::<Vec<_>>() {
            self.world.set(Read::File { path: path.clone() }, Fact::Present(Answer::Text(after.clone())));
            self.on_disk(Draft {
                summary: format!("edit {path}"),
                why: format!("the next deployment of {what} brings it"),
                resource: format!("file {path}"),
                changes: vec![change.clone()],
                after: Vec::new(),
                action: Action::EditFile { path, before, after },
            });
        }
    }
}

/// What the webhook reads on the service account.
struct Annotated {
    /// Whether the grant changes it.
    touches_identity: bool,
    /// Since when it is as it is now.
    since: Option<i64>,
}

impl Annotated {
    fn of(found: Option<&ServiceAccount>, identity: &BTreeMap<String, String>, manager: &str) -> Self {
        let Some(found) = found else { return Self { touches_identity: true, since: None } };
        let surplus = owned(&found.owners, ANNOTATIONS, manager).any(|key| {
            key.starts_with("eks.amazonaws.com/")
                && !identity.contains_key(&key)
                && found.annotations.contains_key(&key)
        });
        let differs = identity.iter().any(|(key, value)| found.annotations.get(key) != Some(value));
        Self { touches_identity: surplus || differs, since: annotated_at(&found.owners) }
    }
}

/// What a workload looks like now, and why its pods must be replaced although it runs as the service account.
struct Look {
    to_point: bool,
    restart: Option<String>,
    found: Workload,
}

fn is_marked(workload: &Workload) -> bool {
    workload.annotations.contains_key(FORMER) || workload.template_annotations.contains_key(IDENTITY)
}

/// Whether a pod was made before its service account was annotated. The webhook's variable in it tells; where there is none, its age does.
pub(crate) fn is_older(pod: &Pod, since: i64, role_arn: &str) -> bool {
    let has_role = |container: &Container| {
        container.env.get("AWS_ROLE_ARN").is_some_and(|value| value.as_deref() == Some(role_arn))
    };
    pod.created_at <= since && !pod.containers.iter().any(has_role)
}

/// The keys under a prefix that a field manager owns by server-side apply.
pub(super) fn owned<'o>(
    owners: &'o [FieldOwner],
    prefix: &'o str,
    manager: &'o str,
) -> impl Iterator<Item = String> + 'o {
    owners
        .iter()
        .filter(move |owner| owner.manager == manager && owner.apply)
        .flat_map(|owner| &owner.fields)
        .filter_map(move |field| field.strip_prefix(prefix).map(str::to_owned))
}

/// The other managers that own a field that is set. What nobody was recorded for, the API server takes to be this one's.
fn others(owners: &[FieldOwner], field: &str, manager: &str) -> Vec<FieldConflict> {
    if owners.is_empty() {
        return vec![FieldConflict { manager: "before-first-apply".to_owned(), field: field.to_owned() }];
    }
    owners
        .iter()
        .filter(|owner| owner.manager != manager && owner.fields.contains(field))
        .map(|owner| FieldConflict { manager: owner.manager.clone(), field: field.to_owned() })
        .collect()
}

/// The fields that others set to something else than what is wanted.
fn conflicts(
    current: &ServiceAccount,
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
    manager: &str,
) -> Vec<FieldConflict> {
    let differing = |prefix: &str, now: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
        wanted
            .iter()
            .filter(|(key, value)| now.get(*key).is_some_and(|now| now != *value))
            .flat_map(|(key, _)| others(&current.owners, &format!("{prefix}{key}"), manager))
            .collect::<Vec<_>>()
    };
    let mut found = differing(ANNOTATIONS, &current.annotations, annotations);
    found.extend(differing(LABELS, &current.labels, labels));
    found
}

fn conflict(resource: String, conflicts: Vec<FieldConflict>, setting: &str) -> Error {
    let owners: BTreeSet<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    let owners = owners.into_iter().collect::<Vec<_>>().join(", ");
    Error::new(ErrorKind::Conflict, format!("{owners} owns what the grant would change"))
        .resource(resource)
        .code("Conflict")
        .remedy(format!("change it where {owners} takes it from, or set `{setting}` to take it over"))
        .conflicts(conflicts)
}

/// The key and value of a field below a prefix.
fn value_at<'v>(field: &'v str, prefix: &str, values: &'v BTreeMap<String, String>) -> Option<(&'v str, &'v String)> {
    let key = field.strip_prefix(prefix)?;
    Some((key, values.get(key)?))
}

/// When the annotation that names the role was last set.
pub(crate) fn annotated_at(owners: &[FieldOwner]) -> Option<i64> {
    let field = format!(".metadata.annotations.{ROLE_ARN}");
    owners.iter().filter(|owner| owner.fields.contains(&field)).filter_map(|owner| owner.time).max()
}
