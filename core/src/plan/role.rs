//! The role of a grant and its trust policy: created, or merged into what is there.

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::policies::Wanted;
use super::retire::{holders, left_behind};
use super::role_settings::{check_records, check_tag_count};
use super::trust::{Merged, merged, trust_requests};
use super::words::{own_tags, text_change};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Manage;
use crate::marks::{self, CREATED_BY, RoleRecord};
use crate::model::{Arn, NewRole, PolicyName, Role};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{
    Document, TrustRequest, dead_principal, holds, remove_trust, rewritten, subjects_of, without_dead_syncs,
};

/// A new trust policy for a role that exists.
pub(super) struct TrustChange {
    pub(super) trust: Document,
    pub(super) summary: String,
    pub(super) why: String,
    pub(super) changes: Vec<Change>,
    /// The steps that it waits for.
    pub(super) after: Vec<u32>,
}

impl Builder<'_> {
    /// Says of patterns that hold for several namespaces, and of the account of pods that name none, who gets the role by them.
    pub(super) fn broad_subjects(&mut self, scene: &Scene<'_>) {
        let grant = scene.grant;
        for subject in grant.subjects.iter().filter(|subject| subject.name == "default") {
            self.note(
                Level::Warning,
                format!("role {}", grant.role),
                format!("{}/default is what every pod of the namespace runs as that names no service account: all of them get the role", subject.namespace),
            );
        }
        for subject in grant.subjects.iter().filter(|subject| subject.namespace.contains('*')) {
            self.note(
                Level::Warning,
                format!("role {}", grant.role),
                format!(
                    "{}/{} lets in matching service accounts of every namespace like it, also of those that are made later: whoever can make \
                     such a namespace can act as the role",
                    subject.namespace, subject.name
                ),
            );
        }
    }

    pub(super) fn create_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        records: &[RoleRecord],
        after: &mut Vec<u32>,
    ) -> Result<u32> {
        let grant = scene.grant;
        let resource = format!("role {}", grant.role);
        if grant.grant.role.manage == Manage::Observe {
            return Err(Error::new(ErrorKind::NotFound, "there is no such role, and the grant only observes it")
                .resource(resource)
                .remedy("create the role, or set `role: {manage: merge}`"));
        }
        let requests = trust_requests(grant, place, &self.options.owner);
        let Some(trust) = merged(None, &requests).document else {
            return Err(Error::new(ErrorKind::Unexpected, "no trust statement"));
        };
        self.check_trust_size(scene, &resource, &trust)?;
        let mut tags = grant.grant.role.tags.clone();
        tags.insert(CREATED_BY.to_owned(), self.options.owner.clone());
        check_records(records)?;
        tags.extend(records.iter().map(|record| record.tag(&scene.id)));
        check_tag_count(&resource, tags.len())?;
        let role = NewRole {
            name: grant.role.clone(),
            path: grant.role_path.clone(),
            description: grant.grant.role.description.clone().filter(|text| !text.is_empty()),
            max_session_duration: grant.grant.role.max_session_duration,
            permissions_boundary: grant.boundary.clone(),
            trust,
            tags,
        };
        let mut changes = requests.iter().map(|request| Change::add("trust", request.in_words())).collect::<Vec<_>>();
        if let Some(description) = &role.description {
            changes.push(Change::add("description", description));
        }
        if role.path.as_str() != "/" {
            changes.push(Change::add("path", role.path.as_str()));
        }
        if role.max_session_duration != 3600 {
            changes.push(Change::add("maxSessionDuration", format!("{} s", role.max_session_duration)));
        }
        if let Some(boundary) = &role.permissions_boundary {
            changes.push(Change::add("permissionsBoundary", boundary.as_str()));
        }
        changes
            .extend(grant.grant.role.tags.iter().map(|(key, value)| Change::add(format!("tag {key}"), value.as_str())));
        changes.push(own_tags(&role.tags));
        self.world.set(
            Read::Role { account: scene.account.clone(), role: grant.role.clone() },
            Fact::Present(Answer::Role(Role {
                name: role.name.clone(),
                arn: Arn::role(&place.partition, &place.account, role.path.as_str(), &role.name),
                unique_id: String::new(),
                path: role.path.clone(),
                description: role.description.clone(),
                max_session_duration: role.max_session_duration,
                permissions_boundary: role.permissions_boundary.clone(),
                trust: role.trust.clone(),
                tags: role.tags.clone(),
            })),
        );
        Ok(self.aws(
            scene,
            Draft {
                summary: format!("create {resource}"),
                why: format!("pods of {} act as it", grant.grant.subject()),
                resource,
                changes,
                after: std::mem::take(after),
                action: Action::CreateRole { role },
            },
        ))
    }

    pub(super) fn check_trust_size(&mut self, scene: &Scene<'_>, resource: &str, trust: &Document) -> Result<()> {
        let Some(quotas) = self.quotas(scene) else { return Ok(()) };
        let limit = quotas.trust_policy_size as usize;
        if trust.size() <= limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "its trust policy would have {} characters without whitespace; the account's quota is {limit}",
                trust.size()
            ),
        )
        .resource(resource)
        .code("LimitExceeded")
        .remedy("use another role for some of the service accounts, or ask AWS to raise the quota (up to 4096)"))
    }

    pub(super) fn merge_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        role: &Role,
        after: &[u32],
    ) -> Result<Option<u32>> {
        let grant = scene.grant;
        let resource = format!("role {}", grant.role);
        let requests = trust_requests(grant, place, &self.options.owner);
        let Merged { mut document, findings, moved, edited } = merged(Some(&role.trust), &requests);
        for finding in findings {
            self.note(Level::Warning, &resource, format!("trust policy: {finding}"));
        }
        if grant.grant.role.manage == Manage::Observe {
            return match document {
                None => Ok(None),
                Some(_) => Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "its trust policy does not let {} in as the grant says, and the grant only observes it",
                        requests[0].subject()
                    ),
                )
                .resource(resource)
                .remedy("add the statement by hand, or set `role: {manage: merge}`")),
            };
        }
        let mut changes: Vec<Change> = Vec::new();
        for (request, former) in &moved {
            if let Some(former) = former {
                self.conditions_of_others(scene, role, &resource, request)?;
                if grant.grant.role.manage != Manage::Own && !self.is_ours(&role.tags) {
                    moves_with_own(&moved, &requests[0], (request, former))
                        .map_err(|error| error.resource(&resource))?;
                }
            }
            changes.push(Change::new("trust", former.clone(), Some(request.in_words())));
        }
        // Somebody may have edited our statement, even to make it narrower: what is taken back of that must be seen.
        if let (Some(request), Some(trust)) = (&edited, &document) {
            let (before, after) = rewritten(&role.trust, trust, request);
            changes.push(text_change("trust statement", &before, &after));
            self.note_shut_out(scene, role, trust);
        }
        let mut gone = Vec::new();
        for left in left_behind(scene, role, place, &self.options.owner, &requests) {
            let current = document.as_ref().unwrap_or(&role.trust);
            if !left.stays && holds(current, &left.request) {
                let Some(rest) = remove_trust(current, &left.request).document else { continue };
                changes.push(Change::remove("trust", left.request.subject()));
                document = Some(rest);
            }
            gone.push(left.key);
        }
        let Some(trust) = document else {
            return Ok(self.forget(scene, role, gone, after));
        };
        self.check_trust_size(scene, &resource, &trust)?;
        let step = self.update_trust(
            scene,
            role,
            TrustChange {
                trust,
                summary: format!("let {} into the trust of {resource}", grant.grant.subject()),
                why: "the role exists; every other statement of its trust policy is kept".to_owned(),
                changes,
                after: after.to_vec(),
            },
        );
        self.forget(scene, role, gone, &[step]);
        Ok(Some(step))
    }

    /// Refuses to let a service account in under other conditions than another grant of the role does.
    pub(super) fn conditions_of_others(
        &self,
        scene: &Scene<'_>,
        role: &Role,
        resource: &str,
        request: &TrustRequest,
    ) -> Result<()> {
        let Some(place) = &scene.place else { return Ok(()) };
        let sid = request.sid();
        let agrees = |other: &String| {
            self.in_plan(other).is_some_and(|grant| {
                let theirs = trust_requests(grant, place, &self.options.owner);
                theirs.iter().all(|theirs| theirs.subject() != request.subject() || theirs.sid() == sid)
            })
        };
        match holders(scene, role, &request.name()).into_iter().find(|other| !agrees(other)) {
            None => Ok(()),
            Some(other) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{} lets {} in under another audience or other conditions",
                    marks::grant_in_words(&role.tags, &other),
                    request.subject()
                ),
            )
            .resource(resource)
            .remedy(
                "use another role, or revoke the other grant, then apply both with the same audience and conditions",
            )),
        }
    }

    /// Says which service accounts of other grants got in only by what somebody made of our statement.
    pub(super) fn note_shut_out(&mut self, scene: &Scene<'_>, role: &Role, trust: &Document) {
        let inside = subjects_of(trust, &self.options.owner);
        let records = marks::all_records(&role.tags);
        let others = records.iter().filter(|(grant, _)| *grant != scene.id);
        let shut_out: Vec<String> = others
            .filter_map(|(_, record)| match record {
                RoleRecord::Own(name) | RoleRecord::Subject(name) => Some(name.clone()),
                _ => None,
            })
            .filter(|name| {
                let subject = format!("system:serviceaccount:{}", name.replacen('/', ":", 1));
                // A name of 256 characters may have been cut short.
                !inside.iter().any(|known| *known == subject || name.len() == 256 && known.starts_with(&subject))
            })
            .collect();
        if !shut_out.is_empty() {
            let message = format!(
                "podrole's statement was edited and is put right; {} of other grants cannot be told from it: apply those grants again",
                shut_out.join(", ")
            );
            self.note(Level::Warning, format!("role {}", role.name), message);
        }
    }

    /// Says what a role of others has that the grant does not ask for: no record tells whether an earlier grant did.
    pub(super) fn note_unasked(&mut self, scene: &Scene<'_>, role: &Role, wanted: &[Wanted]) {
        let attached = self.world.attached(&scene.account, &role.name).into_iter().flatten();
        let asked = |arn: &Arn| {
            wanted.iter().any(|policy| matches!(policy, Wanted::Attached { arn: known, .. } if known == arn))
        };
        let mut left: Vec<String> =
            attached.filter(|arn| !asked(arn)).map(|arn| format!("policy {}", arn.name())).collect();
        let inline = self.world.inline_policies(&scene.account, &role.name).into_iter().flatten();
        let written = |name: &PolicyName| {
            wanted.iter().any(|policy| matches!(policy, Wanted::Inline { name: known, .. } if known == name))
        };
        left.extend(inline.filter(|name| !written(name)).map(|name| format!("inline policy {name}")));
        let requests = scene.place.iter().flat_map(|place| trust_requests(scene.grant, place, &self.options.owner));
        let known: Vec<String> = requests.map(|request| request.subject()).collect();
        let others = subjects_of(&role.trust, &self.options.owner).into_iter();
        left.extend(others.filter(|subject| !known.contains(subject)).map(|subject| format!("trust in {subject}")));
        if !left.is_empty() {
            let message = format!(
                "unmanaged: podrole did not create it, so what the grant does not ask for stays, whoever put it there: {}",
                left.join(", ")
            );
            self.note(Level::Info, format!("role {}", role.name), message);
        }
    }

    /// Takes data syncs of ours for roles that are gone out of a trust policy that is to be written, since IAM refuses a write that names one; those of
    /// others are theirs to take out.
    fn settle_dead_principals(&mut self, role: &Role, change: &mut TrustChange) {
        let (rest, ids) = without_dead_syncs(&change.trust, &self.options.owner);
        if !rest.statements().is_empty() {
            change.trust = rest;
            change
                .changes
                .extend(ids.into_iter().map(|id| Change::remove("trust", format!("AWS {id}, a role that is gone"))));
        }
        if let Some((id, statement)) = dead_principal(&change.trust) {
            self.refuse(
                Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{statement} of its trust policy names {id}, the id of a role or user that is gone: IAM refuses every write of the policy while it does"
                    ),
                )
                .resource(format!("role {}", role.name))
                .remedy("take that principal out by hand, then plan again"),
            );
        }
    }

    /// Removes the marks of those who are in no trust policy any more.
    pub(super) fn forget(&mut self, scene: &Scene<'_>, role: &Role, keys: Vec<String>, after: &[u32]) -> Option<u32> {
        if keys.is_empty() {
            return None;
        }
        let resource = format!("role {}", role.name);
        self.set_role(scene, role, |role| role.tags.retain(|key, _| !keys.contains(key)));
        let changes =
            keys.iter().filter_map(|key| Some(Change::remove(format!("tag {key}"), role.tags.get(key)?))).collect();
        Some(self.aws(
            scene,
            Draft {
                summary: format!("remove the record of who is left from {resource}"),
                why: "the trust policy lets nobody in any more who was revoked".to_owned(),
                resource,
                changes,
                after: after.to_vec(),
                action: Action::UntagRole { role: role.name.clone(), keys },
            },
        ))
    }

    pub(super) fn update_trust(&mut self, scene: &Scene<'_>, role: &Role, mut change: TrustChange) -> u32 {
        self.settle_dead_principals(role, &mut change);
        self.set_role(scene, role, |role| role.trust = change.trust.clone());
        self.aws(
            scene,
            Draft {
                summary: change.summary,
                why: change.why,
                resource: format!("role {}", role.name),
                changes: change.changes,
                after: change.after,
                action: Action::UpdateTrust {
                    role: role.name.clone(),
                    before: role.trust.clone(),
                    after: change.trust,
                },
            },
        )
    }
}

/// Refuses to move a further service account out of the conditions of a role of others, where no record tells which grant let it in, unless the
/// grant's own account moves out of the same ones: then that was this grant.
fn moves_with_own(
    moved: &[(TrustRequest, Option<String>)],
    own: &TrustRequest,
    (request, former): (&TrustRequest, &str),
) -> Result<()> {
    let under = |request: &TrustRequest, former: &str| former.strip_prefix(&request.subject()).map(str::to_owned);
    let own = moved.iter().find(|(moved, _)| moved.name() == own.name());
    let with_own = own.is_some_and(|(own, theirs)| {
        theirs.as_ref().is_some_and(|theirs| under(own, theirs) == under(request, former))
    });
    if with_own {
        return Ok(());
    }
    let message =
        format!("podrole lets {} in under other conditions or for another audience: {former}", request.subject());
    Err(Error::new(ErrorKind::Conflict, message)
        .remedy("name it with the same conditions, revoke the grant that let it in, or set `role: {manage: own}`"))
}
