//! The undo: by marks, and by the receipt of an apply where no mark can be.

use std::collections::BTreeMap;

use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::retire::{LeftBehind, holders, left_behind, other_grants};
use super::role::TrustChange;
use super::role_settings::TAGS;
use super::trust::{Without, recorded_request, trust_requests, without};
use super::{Level, Verb};
use crate::error::{Error, Result};
use crate::grant::{CheckedGrant, grant_id};
use crate::marks::{self, RoleRecord};
use crate::model::{Arn, ManagedPolicy, PolicyName, Role};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{
    Decision, Document, TrustRequest, evaluate_web_identity, holds, is_all_of, subjects_of, without_dead_syncs,
};
use crate::receipt::Receipt;
impl Builder<'_> {
    pub(super) fn revoke(&mut self, grant: &CheckedGrant, receipt: Option<&Receipt>) -> Result<()> {
        if let Some(receipt) = receipt {
            check_receipt(receipt, grant)?;
        }
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
            self.note_access_left(scene, place, &role);
        } else {
            // Somebody deleted the role; what others' roles say of it is still there.
            let arn = scene.grant.role_arn.clone().unwrap_or_else(|| {
                Arn::role(&place.partition, &place.account, scene.grant.role_path.as_str(), &scene.grant.role)
            });
            for target in &scene.grant.data_syncs {
                done.extend(self.remove_data_sync(scene, &arn, target));
            }
        }
        // A policy that was made before the role, or its record, was.
        for arn in self.marked_policies(scene, place)? {
            done.extend(self.drop_policy(scene, &arn, after, false));
        }
        self.revoke_provider(scene, &provider, &done);
        Ok(())
    }

    /// Says that the service account still gets into the role, by what is not this grant's to take away.
    fn note_access_left(&mut self, scene: &Scene<'_>, place: &Place, role: &Role) {
        let Some(left) = self.world.role(&scene.account, &role.name) else { return };
        // The grant's own is the first.
        let Some(request) = trust_requests(scene.grant, place, &self.options.owner).into_iter().next() else { return };
        let Decision::Allowed { index, .. } = evaluate_web_identity(&left.trust, &request.identity()) else { return };
        let subject = request.subject();
        let resource = format!("role {}", role.name);
        if self.says(&resource, &subject) {
            return;
        }
        let sid = left.trust.statements()[index].sid.clone().map(|sid| format!(" ({sid})")).unwrap_or_default();
        let message = format!("statement {}{sid} of its trust policy still lets {subject} in: it stays", index + 1);
        self.note(Level::Warning, resource, message);
    }

    /// The policies of the grant that podrole made for it, by their own marks.
    pub(super) fn marked_policies(&self, scene: &Scene<'_>, place: &Place) -> Result<Vec<Arn>> {
        let (user, mine) = (marks::grant_key(&scene.id), marks::policy_user_role(&scene.grant.role));
        let mut marked = Vec::new();
        for policy in &scene.grant.policies {
            let name = policy.name.as_ref().map(PolicyName::as_str);
            let Some(arn) = place.policy_arn(&policy.content, name)? else { continue };
            let found = self.world.policy(&scene.account, &arn);
            let is_for_role =
                |found: &ManagedPolicy| found.tags.get(&user).is_some_and(|role| role.eq_ignore_ascii_case(&mine));
            if found.is_some_and(|found| self.is_ours(&found.tags) && is_for_role(found)) {
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
        if !self.is_ours(&role.tags) {
            return self.revoke_foreign_role(scene, place, role, receipt, after);
        }
        let resource = format!("role {}", role.name);
        let mine: Vec<RoleRecord> = marks::role_records(&role.tags, &scene.id);
        let others = !other_grants(scene, role).is_empty();
        let own = scene.grant.grant.subject();
        let mut requests = Vec::new();
        for record in &mine {
            if let RoleRecord::Subject(name) = record
                && *name != own
            {
                requests.extend(recorded_request(scene.grant, place, &self.options.owner, name));
            }
        }
        let left = left_behind(scene, role, place, &self.options.owner, &[]);
        let returned: Vec<&LeftBehind> = left.iter().filter(|left| left.request.name() != own).collect();
        requests.extend(returned.iter().filter(|left| !left.stays).map(|left| left.request.clone()));
        // The grant's own comes last: it is the one that stays where one has to.
        requests.extend(trust_requests(scene.grant, place, &self.options.owner).into_iter().next());
        let kept: Vec<TrustRequest> =
            requests.iter().filter(|request| !holders(scene, role, &request.name()).is_empty()).cloned().collect();
        // A statement of ours in which nobody can be read any more is only taken away when nobody else may rely on it.
        requests
            .retain(|request| !kept.contains(request) && (holds(&role.trust, request) || !mine.is_empty() && !others));
        for request in kept {
            let message = format!("another grant of the role lets {} in: that stays", request.subject());
            self.note(Level::Info, &resource, message);
        }
        // Data syncs of ours for roles that are gone do not keep it.
        let (living, _) = without_dead_syncs(&role.trust, &self.options.owner);
        let Without { document, removed, stuck } = without(&living, &requests);
        let records = marks::all_records(&role.tags);
        let attached = self.world.attached(&scene.account, &role.name).cloned().unwrap_or_default();
        let inline = self.world.inline_policies(&scene.account, &role.name).cloned().unwrap_or_default();
        let recorded = |record: &RoleRecord| records.iter().any(|(_, known)| known == record);
        let foreign_attached: Vec<&Arn> =
            attached.iter().filter(|arn| !recorded(&RoleRecord::Attached((*arn).clone()))).collect();
        let foreign_inline: Vec<&PolicyName> =
            inline.iter().filter(|name| !recorded(&RoleRecord::Inline((*name).clone()))).collect();
        // Whoever was left behind in a trust policy that could not be empty, of other clusters too, does not keep the role.
        let is_left = |subject: &String| {
            records.iter().any(|(_, record)| {
                matches!(record, RoleRecord::Left(name) if *subject == format!("system:serviceaccount:{}", name.replacen('/', ":", 1)))
            })
        };
        let owner = &self.options.owner;
        let only_left =
            !removed.is_empty() && is_all_of(&document, owner) && subjects_of(&document, owner).iter().all(is_left);
        let delete =
            (!stuck.is_empty() || only_left) && !others && foreign_attached.is_empty() && foreign_inline.is_empty();
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
                    RoleRecord::Own(_) | RoleRecord::Boundary(_) | RoleRecord::Subject(_) | RoleRecord::Left(_) => {}
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
                    action: Action::DeleteRole { role: role.name.clone(), trust: role.trust.clone() },
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
        if !removed.is_empty() {
            steps.push(self.take_out(scene, role, document, &removed, after));
        }
        let gone: Vec<String> = returned
            .iter()
            .filter(|left| left.stays || !stuck.contains(&left.request))
            .map(|left| left.key.clone())
            .collect();
        steps.extend(self.forget(scene, role, gone, &steps.clone()));
        // After the trust: a further service account's record must not go before its access.
        let taken = mine.iter().filter(|record| !matches!(record, RoleRecord::Left(_)));
        self.take_all_back(scene, role, taken.cloned().collect(), after, &mut steps);
        for request in stuck {
            self.note(
                Level::Warning,
                &resource,
                format!(
                    "our statement for {} is the only one in its trust policy, which cannot be empty: it stays, and so does the access, until another grant of the role is applied or the role is deleted",
                    request.subject()
                ),
            );
            steps.extend(self.record_left(scene, place, role, &request)?);
        }
        Ok(steps)
    }

    /// Records who is left in a trust policy that cannot be empty, unless no tag can say so.
    fn record_left(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        role: &Role,
        request: &TrustRequest,
    ) -> Result<Option<u32>> {
        let record = RoleRecord::Left(request.name());
        let tag = record.tag(&grant_id(&place.issuer, &request.name()));
        let now = self.world.role(&scene.account, &role.name).cloned().unwrap_or_else(|| role.clone());
        if tag.1.chars().count() > 256 || now.tags.len() >= TAGS && !now.tags.contains_key(&tag.0) {
            let message = format!("there is no room for a tag that says who is left: {}", request.subject());
            self.note(Level::Warning, format!("role {}", role.name), message);
            return Ok(None);
        }
        self.tag_records(scene, &now, &[record], BTreeMap::from([tag]))
    }

    pub(super) fn take_out(
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

/// Refuses a receipt that cannot tell what an apply of the grant did.
fn check_receipt(receipt: &Receipt, grant: &CheckedGrant) -> Result<()> {
    let wanted = &grant.grant;
    let same = receipt.plan.grants.iter().any(|known| {
        known.cluster == wanted.cluster && known.subject() == wanted.subject() && known.role.name == wanted.role.name
    });
    if !same || receipt.plan.verb != Verb::Apply {
        return Err(Error::invalid(format!(
            "the receipt is not of an apply of {} with role {}",
            wanted.subject(),
            wanted.role.name
        ))
        .remedy("give the receipt of this grant's apply, or none"));
    }
    Ok(())
}
