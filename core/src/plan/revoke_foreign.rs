//! The undo on a role that podrole did not create: what a receipt shows, and what is certain without one.

use std::collections::BTreeSet;

use super::Level;
use super::action::Action;
use super::builder::{Builder, Draft, Scene};
use super::trust::{Without, trust_requests, without};
use super::words::document_changes;
use crate::error::Result;
use crate::grant::{CheckedGrant, CheckedPolicy, Grant, PolicyContent};
use crate::marks;
use crate::model::{PolicyName, Role, RoleName};
use crate::observe::Place;
use crate::policy::{Document, TrustRequest, holds, subjects_of, without_dead_syncs};
use crate::receipt::{Outcome, Receipt};

impl Builder<'_> {
    /// Puts the document back that an inline policy of others had.
    pub(super) fn put_inline_back(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        name: &PolicyName,
        written: &Document,
        before: &Document,
        after: &[u32],
    ) -> u32 {
        self.aws(
            scene,
            Draft {
                summary: format!("put back inline policy {name} of role {}", role.name),
                why: "podrole took it over".to_owned(),
                resource: format!("inline policy {name} of role {}", role.name),
                changes: document_changes(Some(written), before),
                after: after.to_vec(),
                action: Action::PutInlinePolicy {
                    role: role.name.clone(),
                    name: name.clone(),
                    before: Some(written.clone()),
                    after: before.clone(),
                },
            },
        )
    }

    /// On a role that podrole did not create, a receipt tells what it put there, and the marks of the policies that it made.
    pub(super) fn revoke_foreign_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        role: &Role,
        receipt: Option<&Receipt>,
        after: &[u32],
    ) -> Result<Vec<u32>> {
        let resource = format!("role {}", role.name);
        let done = match receipt {
            Some(receipt) => made(receipt),
            None => Vec::new(),
        };
        let same = |name: &RoleName| name.as_str().eq_ignore_ascii_case(role.name.as_str());
        let staying = receipt.map(|receipt| self.staying(scene, place, role, receipt)).transpose()?.unwrap_or_default();
        let asked = |test: &dyn Fn(&CheckedPolicy) -> bool| staying.iter().any(|grant| grant.policies.iter().any(test));
        let let_in = |request: &TrustRequest| {
            done.iter().any(|action| match action {
                Action::UpdateTrust { role: name, before, after } => {
                    same(name) && holds(after, request) && !holds(before, request)
                }
                _ => false,
            })
        };
        let all = trust_requests(scene.grant, place, &self.options.owner);
        let (own, further) = all.split_at(all.len().min(1));
        let mut requests = Vec::new();
        for request in further {
            let for_another = |grant: &CheckedGrant| {
                trust_requests(grant, place, &self.options.owner)
                    .iter()
                    .any(|theirs| theirs.subject() == request.subject())
            };
            if staying.iter().any(for_another) {
                let message = format!("another grant of the receipt lets {} in: that stays", request.subject());
                self.note(Level::Info, &resource, message);
            } else if let_in(request) {
                requests.push(request.clone());
            } else if holds(&role.trust, request) {
                let message = format!(
                    "podrole did not create it and cannot tell which grant let {} in: that stays; give `revoke` the receipt of the apply that did, or revoke the service account's own grant",
                    request.subject()
                );
                self.note(Level::Warning, &resource, message);
            }
        }
        requests.extend_from_slice(own);
        let (living, _) = without_dead_syncs(&role.trust, &self.options.owner);
        let Without { document, removed, stuck } = without(&living, &requests);
        let own: Vec<String> = own.iter().map(TrustRequest::subject).collect();
        let mut others: Vec<String> = subjects_of(&document, &self.options.owner).into_iter().collect();
        others.retain(|subject| !own.contains(subject));
        let mut steps = Vec::new();
        let mut attached = self.marked_policies(scene, place)?;
        // What another grant of the receipt has too.
        let (mut kept_attached, mut kept_inline) = (BTreeSet::new(), BTreeSet::new());
        for action in &done {
            match action {
                Action::AttachPolicy { role: name, policy } if same(name) => {
                    let is_it = |asked: &CheckedPolicy| {
                        let name = asked.name.as_ref().map(PolicyName::as_str);
                        place.policy_arn(&asked.content, name).is_ok_and(|arn| arn.as_ref() == Some(policy))
                    };
                    if asked(&is_it) {
                        kept_attached.insert(policy.clone());
                    } else {
                        attached.push(policy.clone());
                    }
                }
                Action::PutInlinePolicy { role: name, name: policy, before, after: written } if same(name) => {
                    let is_it = |asked: &CheckedPolicy| {
                        matches!(asked.content, PolicyContent::Inline(_)) && asked.name.as_ref() == Some(policy)
                    };
                    if asked(&is_it) {
                        kept_inline.insert(policy.clone());
                        continue;
                    }
                    // What somebody wrote over it since is theirs.
                    let now = self.world.inline_policy(&scene.account, &role.name, policy);
                    if now.is_some_and(|now| !now.same_meaning(written)) {
                        continue;
                    }
                    steps.extend(match before {
                        None => self.drop_inline(scene, role, policy, after),
                        Some(before) => {
                            now.is_some().then(|| self.put_inline_back(scene, role, policy, written, before, after))
                        }
                    });
                }
                _ => {}
            }
        }
        attached.sort();
        attached.dedup();
        let value = marks::policy_user_role(&role.name);
        for policy in &attached {
            let found = self.world.policy(&scene.account, policy);
            let users = found.map(|found| marks::policy_users(&found.tags)).unwrap_or_default();
            let shared = users.iter().any(|(grant, role)| *grant != scene.id && role.eq_ignore_ascii_case(&value));
            let detached: Vec<u32> =
                if shared { None } else { self.detach(scene, role, policy, after) }.into_iter().collect();
            steps.extend(&detached);
            if !detached.is_empty() && !others.is_empty() {
                let message = format!("podrole lets {} in too: they lose policy {}", others.join(", "), policy.name());
                self.note(Level::Warning, &resource, message);
            }
            let after = if detached.is_empty() { after } else { &detached };
            steps.extend(self.drop_policy(scene, policy, after, shared));
        }
        for target in &scene.grant.data_syncs {
            let added = done.iter().any(|action| {
                matches!(action, Action::UpdateTrust { role: name, .. } if name.as_str().eq_ignore_ascii_case(target.as_str()))
            });
            let for_another = staying.iter().any(|grant| grant.data_syncs.contains(target));
            if !for_another && (others.is_empty() || added) {
                steps.extend(self.remove_data_sync(scene, &role.arn, target));
                continue;
            }
            if for_another {
                let message =
                    format!("another grant of the receipt has the data sync with role {target} too: it stays");
                self.note(Level::Info, &resource, message);
                continue;
            }
            let message = format!(
                "podrole lets {} in too, and cannot tell whose the data sync with role {target} is: that stays; give `revoke` the receipt of the apply to remove it",
                others.join(", ")
            );
            self.note(Level::Warning, &resource, message);
        }
        let attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        let inline = self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default();
        for policy in &scene.grant.policies {
            let name = policy.name.as_ref();
            let arn = place.policy_arn(&policy.content, name.map(PolicyName::as_str))?;
            let shared = match &arn {
                Some(arn) => kept_attached.contains(arn),
                None => name.is_some_and(|name| kept_inline.contains(name)),
            };
            let left = match arn {
                Some(arn) => attached.contains(&arn).then(|| format!("attached {arn}")),
                None => name.filter(|name| inline.contains(name)).map(|name| format!("wrote inline policy {name}")),
            };
            let Some(left) = left else { continue };
            if shared {
                let message = format!("podrole {left}, and another grant of the receipt has it too: it stays");
                self.note(Level::Info, &resource, message);
                continue;
            }
            let message = match receipt {
                None => format!(
                    "podrole did not create it and cannot tell who {left}: it stays; give `revoke` the receipt of the apply to remove it"
                ),
                Some(_) => {
                    format!("podrole did not create it, and the receipt does not say that podrole {left}: it stays")
                }
            };
            self.note(Level::Warning, &resource, message);
        }
        if !removed.is_empty() {
            steps.push(self.take_out(scene, role, document, &removed, after));
        }
        for request in stuck {
            let message = format!(
                "our statement for {} is the only one in its trust policy, which cannot be empty: it stays, and so does the access; delete the role or give it another trust policy",
                request.subject()
            );
            self.note(Level::Warning, &resource, message);
        }
        Ok(steps)
    }
}

impl Builder<'_> {
    /// The grants of a receipt that go on using the role: neither undone here nor, as far as its trust policy tells, before.
    fn staying(&self, scene: &Scene<'_>, place: &Place, role: &Role, receipt: &Receipt) -> Result<Vec<CheckedGrant>> {
        let is = |grant: &Grant, other: &Grant| grant.cluster == other.cluster && grant.subject() == other.subject();
        let goes = |grant: &&Grant| is(grant, &scene.grant.grant) || self.grants().any(|other| is(grant, &other.grant));
        let others: Result<Vec<_>> =
            receipt.plan.grants.iter().filter(|grant| !goes(grant)).map(Grant::check).collect();
        let is_in = |grant: &CheckedGrant| {
            let same = grant.grant.cluster == scene.grant.grant.cluster;
            let known =
                || receipt.plan.hints.cluster(&grant.grant.cluster).and_then(|cluster| grant.place(cluster).ok());
            let place = if same { Some(place.clone()) } else { known() };
            place.is_none_or(|place| {
                let own = trust_requests(grant, &place, &self.options.owner).into_iter().next();
                own.is_some_and(|own| holds(&role.trust, &own))
            })
        };
        let on_it = |grant: &CheckedGrant| grant.role.as_str().eq_ignore_ascii_case(role.name.as_str());
        Ok(others?.into_iter().filter(|grant| on_it(grant) && is_in(grant)).collect())
    }
}

/// The actions of an apply whose changes stand, or may: what was refused or not begun is not ours.
fn made(receipt: &Receipt) -> Vec<&Action> {
    let began = receipt.plan.steps.iter().zip(&receipt.steps).filter(|(_, step)| {
        !matches!(step.outcome, Outcome::NotStarted | Outcome::Failed { effect_unknown: false, .. })
    });
    began.map(|(step, _)| &step.action).collect()
}
