//! The service account of a grant: annotated, and given back what others had on it.

use std::collections::{BTreeMap, BTreeSet};

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene, map_changes};
use super::identity::ROLE_ARN;
use super::ownership::{ANNOTATIONS, LABELS, conflict, others, owned, value_at};
use crate::error::{Error, ErrorKind, FieldConflict, Result};
use crate::grant::Manage;
use crate::marks::{self, CREATED_BY, TAKEN, Taken, WORKLOADS};
use crate::model::{Arn, ServiceAccount, WorkloadRef};
use crate::ports::{ServiceAccountApply, ServiceAccountRestore};

impl Builder<'_> {
    pub(super) fn service_account(
        &mut self,
        scene: &Scene<'_>,
        found: Option<&ServiceAccount>,
        identity: &BTreeMap<String, String>,
        ours: &[&WorkloadRef],
        after: &[u32],
    ) -> Result<Option<u32>> {
        let grant = scene.grant;
        let resource = format!("service account {}", grant.grant.subject());
        if let Some(other) = found.and_then(|found| self.other_role(scene, found)) {
            let message = format!(
                "it was annotated with {other} by another grant: that role still lets it in; `revoke` the grant with role {} to take that back",
                other.name()
            );
            self.note(Level::Warning, &resource, message);
        }
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
    pub(super) fn taken(
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

    /// The role that this owner annotated a service account with, if it is another than the grant's.
    pub(super) fn other_role(&self, scene: &Scene<'_>, found: &ServiceAccount) -> Option<Arn> {
        let ours = owned(&found.owners, ANNOTATIONS, self.manager()).any(|key| key == ROLE_ARN);
        let arn = found.annotations.get(ROLE_ARN).filter(|_| ours).and_then(|arn| Arn::new(arn).ok())?;
        let home = scene.place.as_ref().map(|place| place.account.clone());
        let home = home.or_else(|| scene.grant.role_arn.as_ref().and_then(Arn::account));
        let same =
            arn.name().eq_ignore_ascii_case(scene.grant.role.as_str()) && (home.is_none() || arn.account() == home);
        (!same).then_some(arn)
    }
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
