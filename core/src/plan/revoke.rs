//! The undo: by marks, and by the receipt of an apply where no mark can be.

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::iam::TrustChange;
use super::policies::describe;
use super::retire::{has_other_grant, left_behind, other_grants};
use super::trust::{recorded_request, trust_requests, without};
use crate::error::{Error, Result};
use crate::grant::CheckedGrant;
use crate::marks::{self, RoleRecord};
use crate::model::{Arn, PolicyName, Role, RoleName};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{Document, TrustRequest};
use crate::receipt::{Outcome, Receipt};
impl Builder<'_> {
    pub(super) fn revoke(&mut self, grant: &CheckedGrant, receipt: Option<&Receipt>) -> Result<()> {
        let scene = self.scene(grant)?;
        let mut after = Vec::new();
        if grant.grant.scope.has_kubernetes() {
            after = self.revoke_kubernetes(&scene)?;
        }
        if grant.grant.scope.has_iam()
            && let Some(place) = scene.place.clone()
        {
            self.revoke_iam(&scene, &place, receipt, &after)?;
        }
        Ok(())
    }

    fn revoke_iam(&mut self, scene: &Scene<'_>, place: &Place, receipt: Option<&Receipt>, after: &[u32]) -> Result<()> {
        let provider = Arn::oidc_provider(&place.partition, &place.account, &place.issuer);
        let mut done = after.to_vec();
        if let Some(role) = self.role_as_named(scene) {
            done.extend(self.revoke_role(scene, place, &role, receipt, after)?);
        }
        // A policy that was made before the role, or its record, was.
        for arn in self.marked_policies(scene, place)? {
            done.extend(self.drop_policy(scene, &arn, after, false));
        }
        self.revoke_provider(scene, &provider, &done);
        Ok(())
    }

    /// The policies of the grant that podrole made for it, by their own marks.
    fn marked_policies(&self, scene: &Scene<'_>, place: &Place) -> Result<Vec<Arn>> {
        let user = marks::policy_user(&scene.id);
        let mut marked = Vec::new();
        for policy in &scene.grant.policies {
            let name = policy.name.as_ref().map(PolicyName::as_str);
            let Some(arn) = place.policy_arn(&policy.content, name)? else { continue };
            let found = self.world.policy(&scene.account, &arn);
            if found.is_some_and(|found| self.is_ours(&found.tags) && found.tags.contains_key(&user)) {
                marked.push(arn);
            }
        }
        Ok(marked)
    }

    fn revoke_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        role: &Role,
        receipt: Option<&Receipt>,
        after: &[u32],
    ) -> Result<Vec<u32>> {
        let resource = format!("role {}", role.name);
        let mut requests = trust_requests(scene.grant, place, &self.options.owner);
        for record in marks::role_records(&role.tags, &scene.id) {
            if let RoleRecord::Subject(subject) = record {
                let request = recorded_request(scene.grant, place, &self.options.owner, &subject);
                requests.extend(request.filter(|request| !requests.contains(request)));
            }
        }
        let (left, _) = left_behind(scene, role, place, &self.options.owner, &requests);
        requests.extend(left);
        let kept: Vec<TrustRequest> =
            requests.iter().filter(|request| has_other_grant(scene, role, request)).cloned().collect();
        requests.retain(|request| !kept.contains(request));
        for request in kept {
            let message = format!("{} has a grant of its own on the role: it is still let in", request.subject());
            self.note(Level::Info, &resource, message);
        }
        let removal = without(&role.trust, &requests);
        let ours = self.is_ours(&role.tags);
        if !ours {
            let mut steps = self.revoke_foreign_role(scene, place, role, receipt, after)?;
            match (removal.changed, removal.document) {
                (true, Some(document)) => {
                    steps.push(self.take_out(scene, role, document, &requests, after));
                }
                (true, None) => self.note(
                    Level::Warning,
                    &resource,
                    "our statement is the only one in its trust policy, which cannot be empty: it stays, and so does the access; delete the role or give it another trust policy",
                ),
                (false, _) => {}
            }
            return Ok(steps);
        }
        let records = marks::all_records(&role.tags);
        let mine: Vec<RoleRecord> = marks::role_records(&role.tags, &scene.id);
        let attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        let inline = self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default();
        let recorded = |record: &RoleRecord| records.iter().any(|(_, known)| known == record);
        let foreign_attached: Vec<&Arn> =
            attached.iter().filter(|arn| !recorded(&RoleRecord::Attached((*arn).clone()))).collect();
        let foreign_inline: Vec<&PolicyName> =
            inline.iter().filter(|name| !recorded(&RoleRecord::Inline((*name).clone()))).collect();
        let others = !other_grants(scene, role).is_empty();
        let last = removal.document.is_none() && !others;
        let delete = last && foreign_attached.is_empty() && foreign_inline.is_empty();
        let mut steps = Vec::new();
        if delete {
            // The records go with the role, and until then say what is left: a crash in between loses nothing.
            for record in &mine {
                match record {
                    RoleRecord::Attached(arn) => {
                        let detached: Vec<u32> = self.detach(scene, role, arn, after).into_iter().collect();
                        steps.extend(&detached);
                        steps.extend(self.drop_policy(
                            scene,
                            arn,
                            if detached.is_empty() { after } else { &detached },
                            false,
                        ));
                    }
                    RoleRecord::Inline(name) => steps.extend(self.drop_inline(scene, role, name, after)),
                    RoleRecord::DataSync(target) => steps.extend(self.remove_data_sync(scene, &role.arn, target)),
                    // Go with the role.
                    RoleRecord::Subject(_) | RoleRecord::Left(_) => {}
                }
            }
            let mut depends = steps.clone();
            depends.extend(after);
            self.world.set(Read::Role { account: scene.account.clone(), role: role.name.clone() }, Fact::Absent);
            steps.push(self.aws(
                scene,
                Draft {
                    summary: format!("delete {resource}"),
                    why: "podrole created it, and nobody else is let in or put anything on it".to_owned(),
                    resource,
                    changes: vec![Change::remove("role", role.arn.as_str())],
                    after: depends,
                    action: Action::DeleteRole { role: role.name.clone() },
                },
            ));
            return Ok(steps);
        }
        for arn in foreign_attached {
            self.note(
                Level::Warning,
                &resource,
                format!("unmanaged: policy {arn} is attached, but not by podrole: the role stays"),
            );
        }
        for name in foreign_inline {
            self.note(
                Level::Warning,
                &resource,
                format!("unmanaged: inline policy {name} is not podrole's: the role stays"),
            );
        }
        match (removal.changed, removal.document) {
            (true, Some(document)) => steps.push(self.take_out(scene, role, document, &requests, after)),
            (true, None) => {
                self.note(
                    Level::Warning,
                    &resource,
                    "our statement is the only one in its trust policy, which cannot be empty: it stays, and so does the access, until another grant of the role is applied or the role is deleted",
                );
                let left = RoleRecord::Left(scene.grant.grant.subject());
                steps.extend(self.record(scene, role, &[left])?);
            }
            (false, _) => {}
        }
        // After the trust: a further service account's record must not go before its access.
        for record in mine.iter().filter(|record| !matches!(record, RoleRecord::Left(_))) {
            steps.extend(self.take_back(scene, role, record, after));
        }
        Ok(steps)
    }

    fn take_out(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        document: Document,
        requests: &[TrustRequest],
        after: &[u32],
    ) -> u32 {
        let subject = scene.grant.grant.subject();
        self.update_trust(
            scene,
            role,
            TrustChange {
                trust: document,
                summary: format!("take {subject} out of the trust of role {}", role.name),
                why: "podrole let it in; every other statement is kept".to_owned(),
                changes: requests.iter().map(|request| Change::remove("trust", request.subject())).collect(),
                after: after.to_vec(),
            },
        )
    }

    /// Puts the document back that an inline policy of others had.
    fn put_inline_back(
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
                changes: vec![Change::new("document", Some(describe(written)), Some(describe(before)))],
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
    fn revoke_foreign_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        role: &Role,
        receipt: Option<&Receipt>,
        after: &[u32],
    ) -> Result<Vec<u32>> {
        let resource = format!("role {}", role.name);
        let done = match receipt {
            Some(receipt) => made(receipt, scene.grant)?,
            None => Vec::new(),
        };
        let mut steps = Vec::new();
        let mut attached = self.marked_policies(scene, place)?;
        let same = |name: &RoleName| name.as_str().eq_ignore_ascii_case(role.name.as_str());
        for action in &done {
            match action {
                Action::AttachPolicy { role: name, policy } if same(name) => attached.push(policy.clone()),
                Action::PutInlinePolicy { role: name, name: policy, before, after: written } if same(name) => {
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
        for policy in &attached {
            let detached: Vec<u32> = self.detach(scene, role, policy, after).into_iter().collect();
            steps.extend(&detached);
            steps.extend(self.drop_policy(scene, policy, if detached.is_empty() { after } else { &detached }, false));
        }
        for target in &scene.grant.data_syncs {
            steps.extend(self.remove_data_sync(scene, &role.arn, target));
        }
        let attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        let inline = self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default();
        for policy in &scene.grant.policies {
            let name = policy.name.as_ref();
            let left = match place.policy_arn(&policy.content, name.map(PolicyName::as_str))? {
                Some(arn) => attached.contains(&arn).then(|| format!("attached {arn}")),
                None => name.filter(|name| inline.contains(name)).map(|name| format!("wrote inline policy {name}")),
            };
            let Some(left) = left else { continue };
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
        Ok(steps)
    }

    fn revoke_provider(&mut self, scene: &Scene<'_>, arn: &Arn, after: &[u32]) {
        let Some(provider) = self.world.provider(&scene.account, arn).cloned() else { return };
        let resource = format!("OIDC provider {}", provider.url.host_and_path());
        if !self.is_ours(&provider.tags) {
            return;
        }
        if !self.options.remove_provider {
            self.note(Level::Info, resource, "podrole created it; it stays, since other roles may rely on it (`remove_provider` removes it when none does)");
            return;
        }
        let Some(trusts) = self.world.role_trusts(&scene.account) else { return };
        let users: Vec<String> = trusts
            .iter()
            .filter(|(name, document)| match self.world.role_in_any_case(scene.account.as_ref(), name) {
                // A role that this plan deletes does not count.
                Some(Fact::Absent) => false,
                Some(Fact::Present(Answer::Role(role))) => role.trust.to_json().contains(arn.as_str()),
                _ => document.to_json().contains(arn.as_str()),
            })
            .map(|(name, _)| name.to_string())
            .collect();
        if !users.is_empty() {
            self.note(Level::Warning, resource, format!("roles trust it: {}; it stays", users.join(", ")));
            return;
        }
        self.world.set(Read::Provider { account: scene.account.clone(), arn: arn.clone() }, Fact::Absent);
        self.aws(
            scene,
            Draft {
                summary: format!("delete {resource}"),
                why: "podrole created it, and no role trusts it".to_owned(),
                resource,
                changes: vec![Change::remove("provider", arn.as_str())],
                after: after.to_vec(),
                action: Action::DeleteProvider { arn: arn.clone() },
            },
        );
    }
}

/// The actions of an apply whose changes stand, or may: what was refused or not begun is not ours.
fn made<'r>(receipt: &'r Receipt, grant: &CheckedGrant) -> Result<Vec<&'r Action>> {
    let wanted = &grant.grant;
    let same = receipt.plan.grants.iter().any(|known| {
        known.cluster == wanted.cluster && known.subject() == wanted.subject() && known.role.name == wanted.role.name
    });
    if !same {
        return Err(Error::invalid(format!(
            "the receipt is not of an apply of {} with role {}",
            wanted.subject(),
            wanted.role.name
        ))
        .remedy("give the receipt of this grant's apply, or none"));
    }
    Ok(receipt
        .plan
        .steps
        .iter()
        .zip(&receipt.steps)
        .filter(|(_, step)| {
            !matches!(step.outcome, Outcome::NotStarted | Outcome::Failed { effect_unknown: false, .. })
        })
        .map(|(step, _)| &step.action)
        .collect())
}
