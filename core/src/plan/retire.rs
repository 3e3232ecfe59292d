//! What a grant put on a role and no longer asks for, or takes back: removed by its records, kept where another grant has it too.

use std::collections::BTreeSet;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::policies::Wanted;
use super::role::TrustChange;
use super::trust::recorded_request;
use super::words::describe;
use crate::grant::grant_id;
use crate::marks::{self, RoleRecord};
use crate::model::{Arn, PolicyName, Role};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{Document, TrustRequest, remove_trust};

impl Builder<'_> {
    /// Shuts out the service accounts that the grant no longer names: before anything new is put on the role, which is not for them.
    pub(super) fn retire_subjects(&mut self, scene: &Scene<'_>, role: &Role, keep: &[RoleRecord]) -> Vec<u32> {
        let records = retired(scene, role, keep).into_iter().filter(|record| matches!(record, RoleRecord::Subject(_)));
        records.flat_map(|record| self.take_back(scene, role, &record, &[])).collect()
    }

    /// Removes from a role of ours what this grant put there and no longer asks for, and says what others put there.
    pub(super) fn retire(&mut self, scene: &Scene<'_>, role: &Role, keep: &[RoleRecord], after: &[u32]) -> Vec<u32> {
        let mut steps = Vec::new();
        let records = retired(scene, role, keep).into_iter().filter(|record| !matches!(record, RoleRecord::Subject(_)));
        self.take_all_back(scene, role, records.collect(), after, &mut steps);
        let recorded: Vec<RoleRecord> = marks::all_records(&role.tags).into_iter().map(|(_, record)| record).collect();
        let resource = format!("role {}", role.name);
        for arn in self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default() {
            let record = RoleRecord::Attached(arn.clone());
            if !recorded.contains(&record) && !keep.contains(&record) {
                self.note(
                    Level::Info,
                    &resource,
                    format!("unmanaged: policy {arn} is attached, but not by podrole; it stays"),
                );
            }
        }
        for name in self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default() {
            let record = RoleRecord::Inline(name.clone());
            if !recorded.contains(&record) && !keep.contains(&record) {
                self.note(
                    Level::Info,
                    &resource,
                    format!("unmanaged: inline policy {name} is not podrole's; it stays"),
                );
            }
        }
        steps
    }

    /// Whether the role has no room for what is wanted until what the grant no longer asks for is gone.
    pub(super) fn is_full(&self, scene: &Scene<'_>, role: &Role, wanted: &[Wanted], keep: &[RoleRecord]) -> bool {
        let quotas = self.quotas(scene).unwrap_or_default();
        let mut attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        let mut inline = 0;
        for policy in wanted {
            match policy {
                Wanted::Attached { arn, .. } if !attached.contains(arn) => attached.push(arn.clone()),
                Wanted::Attached { .. } => {}
                Wanted::Inline { document, .. } => inline += document.size(),
            }
        }
        for record in marks::role_records(&role.tags, &scene.id) {
            if let RoleRecord::Inline(name) = &record
                && !keep.contains(&record)
            {
                inline += self.world.inline_policy(&scene.account, &role.name, name).map_or(0, Document::size);
            }
        }
        attached.len() > quotas.attached_policies_per_role as usize || inline > quotas.inline_policies_size as usize
    }

    /// Removes recorded things from a role of ours: the boundary last, after all steps so far, for what it bounds must not be there without it.
    pub(super) fn take_all_back(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        records: Vec<RoleRecord>,
        after: &[u32],
        steps: &mut Vec<u32>,
    ) {
        let is_boundary = |record: &RoleRecord| matches!(record, RoleRecord::Boundary(_));
        let (boundary, others): (Vec<_>, Vec<_>) = records.into_iter().partition(is_boundary);
        for record in others {
            steps.extend(self.take_back(scene, role, &record, after));
        }
        for record in boundary {
            let waits: Vec<u32> = after.iter().chain(steps.iter()).copied().collect();
            steps.extend(self.take_back(scene, role, &record, &waits));
        }
    }

    /// Removes one recorded thing from a role of ours, then its record; keeps what another grant recorded too.
    pub(super) fn take_back(&mut self, scene: &Scene<'_>, role: &Role, record: &RoleRecord, after: &[u32]) -> Vec<u32> {
        let shared = match record {
            RoleRecord::Subject(name) => !holders(scene, role, name).is_empty(),
            _ => marks::all_records(&role.tags).iter().any(|(grant, other)| *grant != scene.id && other == record),
        };
        let mut done: Vec<u32> = Vec::new();
        match record {
            RoleRecord::Attached(arn) => {
                if !shared {
                    done.extend(self.detach(scene, role, arn, after));
                }
                done.extend(self.drop_policy(scene, arn, &done.clone(), shared));
            }
            RoleRecord::Inline(name) if !shared => done.extend(self.drop_inline(scene, role, name, after)),
            RoleRecord::DataSync(target) if !shared => {
                done.extend(self.remove_data_sync(scene, &role.arn, target));
            }
            RoleRecord::Subject(subject) if !shared => done.extend(self.shut_out(scene, role, subject, after)),
            RoleRecord::Boundary(arn) if !shared => done.extend(self.take_off_boundary(scene, role, arn, after)),
            RoleRecord::Own(_)
            | RoleRecord::Boundary(_)
            | RoleRecord::Inline(_)
            | RoleRecord::DataSync(_)
            | RoleRecord::Subject(_)
            | RoleRecord::Left(_) => {}
        }
        let (key, value) = record.tag(&scene.id);
        let resource = format!("role {}", role.name);
        if let Some(mut changed) = self.world.role(&scene.account, &role.name).cloned() {
            changed.tags.remove(&key);
            self.world.set(
                Read::Role { account: scene.account.clone(), role: role.name.clone() },
                Fact::Present(Answer::Role(changed)),
            );
        }
        let step = self.aws(
            scene,
            Draft {
                summary: match record {
                    RoleRecord::Own(_) => format!("remove the record of this grant from {resource}"),
                    _ => format!("remove the record of it from {resource}"),
                },
                why: "the grant no longer asks for it".to_owned(),
                resource,
                changes: vec![Change::remove(format!("tag {key}"), value)],
                after: done,
                action: Action::UntagRole { role: role.name.clone(), keys: vec![key] },
            },
        );
        vec![step]
    }

    /// Takes a further service account out of the role's trust.
    fn shut_out(&mut self, scene: &Scene<'_>, role: &Role, subject: &str, after: &[u32]) -> Option<u32> {
        let place = scene.place.clone()?;
        let request = recorded_request(scene.grant, &place, &self.options.owner, subject)?;
        let current = self.world.role(&scene.account, &role.name)?.clone();
        let removal = remove_trust(&current.trust, &request);
        let document = removal.document.filter(|_| removal.changed)?;
        Some(self.update_trust(
            scene,
            &current,
            TrustChange {
                trust: document,
                summary: format!("take {subject} out of the trust of role {}", role.name),
                why: "the grant no longer names it".to_owned(),
                changes: vec![Change::remove("trust", request.subject())],
                after: after.to_vec(),
            },
        ))
    }

    pub(super) fn detach(&mut self, scene: &Scene<'_>, role: &Role, arn: &Arn, after: &[u32]) -> Option<u32> {
        let attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        if !attached.contains(arn) {
            return None;
        }
        let left = attached.into_iter().filter(|other| other != arn).collect();
        self.world.set(
            Read::AttachedPolicies { account: scene.account.clone(), role: role.name.clone() },
            Fact::Present(Answer::Arns(left)),
        );
        if let Some(mut policy) = self.world.policy(&scene.account, arn).cloned() {
            policy.attachment_count = policy.attachment_count.saturating_sub(1);
            self.put_policy(scene, policy);
        }
        Some(self.aws(
            scene,
            Draft {
                summary: format!("detach {} from role {}", arn.name(), role.name),
                why: "podrole attached it".to_owned(),
                resource: format!("policy {arn} on role {}", role.name),
                changes: vec![Change::remove("policy", arn.as_str())],
                after: after.to_vec(),
                action: Action::DetachPolicy { role: role.name.clone(), policy: arn.clone() },
            },
        ))
    }

    pub(super) fn drop_inline(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        name: &PolicyName,
        after: &[u32],
    ) -> Option<u32> {
        let names = self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default();
        if !names.contains(name) {
            return None;
        }
        // With its document, so that the plan is stale when somebody writes another one.
        let document = self.world.inline_policy(&scene.account, &role.name, name).map(describe);
        let mut changes = vec![Change::remove("inlinePolicy", name.as_str())];
        changes.extend(document.map(|document| Change::remove("document", document)));
        let left = names.into_iter().filter(|other| other != name).collect();
        self.world.set(
            Read::InlinePolicies { account: scene.account.clone(), role: role.name.clone() },
            Fact::Present(Answer::Names(left)),
        );
        Some(self.aws(
            scene,
            Draft {
                summary: format!("delete inline policy {name} of role {}", role.name),
                why: "podrole wrote it".to_owned(),
                resource: format!("inline policy {name} of role {}", role.name),
                changes,
                after: after.to_vec(),
                action: Action::DeleteInlinePolicy { role: role.name.clone(), name: name.clone() },
            },
        ))
    }

    /// Deletes a customer-managed policy of ours with its last user, or takes this grant off its users.
    pub(super) fn drop_policy(
        &mut self,
        scene: &Scene<'_>,
        arn: &Arn,
        after: &[u32],
        still_attached: bool,
    ) -> Option<u32> {
        let policy = self.world.policy(&scene.account, arn).cloned()?;
        if !self.is_ours(&policy.tags) {
            return None;
        }
        let resource = format!("policy {}", arn.name());
        let user = marks::grant_key(&scene.id);
        let users = marks::policy_users(&policy.tags);
        let others = users.iter().any(|(grant, _)| *grant != scene.id);
        // By now this service account may use it for another role.
        let mine = marks::policy_user_role(&scene.grant.role);
        if users.iter().any(|(grant, role)| *grant == scene.id && !role.eq_ignore_ascii_case(&mine)) {
            return None;
        }
        let elsewhere = policy.attachment_count > 0;
        if others || still_attached || elsewhere {
            if elsewhere && !others && !still_attached {
                self.note(Level::Warning, &resource, "podrole created it, but it is attached elsewhere: it stays");
            }
            let role = policy.tags.get(&user)?.clone();
            let mut changed = policy;
            changed.tags.remove(&user);
            self.put_policy(scene, changed);
            return Some(self.aws(
                scene,
                Draft {
                    summary: format!("take this grant off the users of {resource}"),
                    why: "others still use it".to_owned(),
                    resource,
                    changes: vec![Change::remove(format!("tag {user}"), role)],
                    after: after.to_vec(),
                    action: Action::UntagPolicy { arn: arn.clone(), keys: vec![user] },
                },
            ));
        }
        let mut versions: Vec<_> =
            self.world.versions(&scene.account, arn).into_iter().flatten().filter(|version| !version.default).collect();
        versions.sort_by_key(|version| version.number());
        let versions = versions.into_iter().map(|version| version.id.clone()).collect();
        let document = self.world.policy_document(&scene.account, arn, &policy.default_version).map(describe);
        let mut changes = vec![Change::remove("policy", arn.as_str())];
        changes.extend(document.map(|document| Change::remove("document", document)));
        self.world.set(Read::Policy { account: scene.account.clone(), arn: arn.clone() }, Fact::Absent);
        Some(self.aws(
            scene,
            Draft {
                summary: format!("delete {resource}"),
                why: "podrole created it, and nothing uses it any more".to_owned(),
                resource,
                changes,
                after: after.to_vec(),
                action: Action::DeletePolicy { arn: arn.clone(), versions },
            },
        ))
    }
}

/// The grants besides this one that use a role of ours.
pub(super) fn other_grants(scene: &Scene<'_>, role: &Role) -> BTreeSet<String> {
    let records = marks::all_records(&role.tags).into_iter();
    let held = records.filter(|(grant, record)| *grant != scene.id && !matches!(record, RoleRecord::Left(_)));
    held.map(|(grant, _)| grant).collect()
}

/// The grants besides this one that let a service account of its cluster, `namespace/name`, into a role of ours: its own, and those that name it.
pub(super) fn holders(scene: &Scene<'_>, role: &Role, name: &str) -> BTreeSet<String> {
    let Some(place) = &scene.place else { return BTreeSet::new() };
    let own = grant_id(&place.issuer, name);
    let records = marks::all_records(&role.tags);
    // Another cluster's service account of this name is somebody else. A name that a tag could not hold tells nothing: it counts.
    let is_here = |grant: &str| {
        let own = records.iter().find_map(|(other, record)| match record {
            RoleRecord::Own(name) if other == grant => Some(name),
            _ => None,
        });
        own.is_none_or(|name| name.chars().count() == 256 || grant_id(&place.issuer, name) == *grant)
    };
    let names = |record: &RoleRecord| matches!(record, RoleRecord::Subject(subject) if subject == name);
    let held = records.iter().filter(|(grant, record)| {
        *grant != scene.id
            && !matches!(record, RoleRecord::Left(_))
            && (*grant == own || names(record) && is_here(grant))
    });
    held.map(|(grant, _)| grant.clone()).collect()
}

/// A service account that is in the trust of a role of ours only because that could not be empty.
pub(super) struct LeftBehind {
    pub(super) request: TrustRequest,
    /// The tag that says so.
    pub(super) key: String,
    /// Whether a grant lets it in again.
    pub(super) stays: bool,
}

/// Who of this grant's cluster was left behind. Those of another cluster are the business of its grants.
pub(super) fn left_behind(
    scene: &Scene<'_>,
    role: &Role,
    place: &Place,
    owner: &str,
    wanted: &[TrustRequest],
) -> Vec<LeftBehind> {
    let records = marks::all_records(&role.tags).into_iter();
    let left = records.filter_map(|(grant, record)| match &record {
        RoleRecord::Left(name) if grant == grant_id(&place.issuer, name) => {
            let request = recorded_request(scene.grant, place, owner, name)?;
            let stays = wanted.iter().any(|wanted| wanted.subject() == request.subject())
                || !holders(scene, role, name).is_empty();
            Some(LeftBehind { request, key: record.tag(&grant).0, stays })
        }
        _ => None,
    });
    left.collect()
}

/// What the grant put on a role and no longer asks for. Who was left behind is the trust policy's business.
pub(super) fn retired(scene: &Scene<'_>, role: &Role, keep: &[RoleRecord]) -> Vec<RoleRecord> {
    let records = marks::role_records(&role.tags, &scene.id).into_iter();
    records.filter(|record| !keep.contains(record) && !matches!(record, RoleRecord::Left(_))).collect()
}
