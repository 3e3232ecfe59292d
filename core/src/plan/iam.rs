//! The AWS half of an apply: provider, role, trust, data syncs.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::policies::{Wanted, own_tags, text_change};
use super::retire::{holders, left_behind};
use super::role_settings::{check_records, check_tag_count};
use super::trust::{Merged, data_sync_request, merged, trust_requests};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Manage;
use crate::marks::{self, CREATED_BY, RoleRecord};
use crate::model::{Arn, NewRole, PolicyName, Quotas, Role, RoleName};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{
    Document, TrustRequest, holds, merge_data_sync, other_conditions, remove_data_sync, remove_trust, rewritten,
    subjects_of,
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
    /// Plans the AWS half; returns the steps after which the role can be named, and those after which it can do its work.
    pub(super) fn apply_iam(&mut self, scene: &Scene<'_>) -> Result<(Vec<u32>, Vec<u32>)> {
        let Some(place) = scene.place.clone() else {
            return Err(Error::new(ErrorKind::Unexpected, "the cluster was not read").resource(scene.cluster_name()));
        };
        self.refuse_pod_identity(scene)?;
        self.note_unread(scene);
        let mut before_role = self.provider(scene, &place)?;
        let mut wanted = self.wanted_policies(scene, &place)?;
        let role_arn = match self.world.role(&scene.account, &scene.grant.role) {
            Some(role) => role.arn.clone(),
            None => Arn::role(&place.partition, &place.account, scene.grant.role_path.as_str(), &scene.grant.role),
        };
        if let Some(given) = &scene.grant.role_arn
            && *given != role_arn
        {
            return Err(Error::new(ErrorKind::NotFound, format!("the grant says {given}, but the role is {role_arn}"))
                .resource(format!("role {}", scene.grant.role))
                .remedy("correct the ARN's path, or give the role by name"));
        }
        let exists = self.role_as_named(scene);
        let records = self.records(scene, &wanted, exists.as_ref());
        let created = exists.as_ref().is_none_or(|role| self.is_ours(&role.tags));
        // On a role of ours that is there, the records come before what they are about: policies, and service accounts in the trust. A new
        // role has them from the beginning, and policies are made at the same time.
        let recorded = match &exists {
            Some(role) if created => self.record(scene, role, &records)?,
            _ => None,
        };
        self.make_policies(scene, &place, &mut wanted, recorded.as_slice())?;
        self.broad_subjects(scene);
        let role_step = match &exists {
            None => Some(self.create_role(scene, &place, &records, &mut before_role)?),
            Some(role) => {
                before_role.extend(recorded);
                self.merge_role(scene, &place, role, &before_role)?
            }
        };
        let mut named = before_role.clone();
        named.extend(role_step);
        let mut ready = named.clone();
        let mut after_role: Vec<u32> = role_step.into_iter().collect();
        after_role.extend(&before_role);
        let retires = exists.as_ref().filter(|_| created && scene.grant.grant.role.manage != Manage::Observe);
        // What makes room goes first; otherwise what is new comes first, so that there is no gap.
        let full = retires.filter(|role| self.is_full(scene, role, &wanted, &records));
        if let Some(role) = full {
            after_role.extend(self.retire(scene, role, &records));
        }
        ready.extend(self.attach(scene, &wanted, exists.as_ref(), &after_role)?);
        self.data_syncs(scene, &role_arn, &after_role)?;
        if let Some(role) = retires.filter(|_| full.is_none()) {
            self.retire(scene, role, &records);
        }
        if let Some(role) = exists.filter(|_| !created) {
            self.note_unasked(scene, &role, &wanted);
        }
        Ok((named, ready))
    }

    /// What this grant puts on its role, and the grant itself. What is there already without any grant's record is others'.
    fn records(&self, scene: &Scene<'_>, wanted: &[Wanted], found: Option<&Role>) -> Vec<RoleRecord> {
        let grant = scene.grant;
        if grant.grant.role.manage == Manage::Observe {
            return Vec::new();
        }
        let known = found.map(|role| marks::all_records(&role.tags)).unwrap_or_default();
        let is_theirs = |record: &RoleRecord| {
            let Some(role) = found else { return false };
            let there = match record {
                RoleRecord::Boundary(arn) => role.permissions_boundary.as_ref() == Some(arn),
                RoleRecord::Attached(arn) => {
                    self.world.attached(&scene.account, &role.name).is_some_and(|attached| attached.contains(arn))
                }
                _ => false,
            };
            there && !known.iter().any(|(_, other)| other == record)
        };
        let mut records = vec![RoleRecord::own(&grant.grant.subject())];
        records.extend(grant.boundary.clone().map(RoleRecord::Boundary));
        for policy in wanted {
            match policy {
                Wanted::Attached { arn, .. } => records.push(RoleRecord::Attached(arn.clone())),
                Wanted::Inline { name, document, .. } => {
                    let record = RoleRecord::Inline(name.clone());
                    let now = found.and_then(|role| self.world.inline_policy(&scene.account, &role.name, name));
                    let as_wanted = now.is_some_and(|now| now.same_meaning(document));
                    if !as_wanted || known.iter().any(|(_, other)| *other == record) {
                        records.push(record);
                    }
                }
            }
        }
        records.extend(grant.data_syncs.iter().cloned().map(RoleRecord::DataSync));
        let further = grant.subjects.iter().skip(1);
        records.extend(further.map(|subject| RoleRecord::Subject(format!("{}/{}", subject.namespace, subject.name))));
        records.retain(|record| !is_theirs(record));
        records
    }

    /// Whether marks say that this owner made the thing.
    pub(super) fn is_ours(&self, marks: &BTreeMap<String, String>) -> bool {
        marks::created_by(marks, &self.options.owner)
    }

    pub(super) fn quotas(&self, scene: &Scene<'_>) -> Option<Quotas> {
        self.world.quotas(&scene.account).copied()
    }

    fn refuse_pod_identity(&mut self, scene: &Scene<'_>) -> Result<()> {
        let grant = scene.grant;
        let found = self.world.associations(&grant.grant.cluster, &grant.namespace, &grant.service_account);
        let Some(association) = found.and_then(|found| found.first()) else { return Ok(()) };
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "it has the Pod Identity association {}, whose credentials pods would use instead of the annotated role",
                association.id
            ),
        )
        .resource(format!("service account {}", grant.grant.subject()))
        .remedy("delete the association, or use another service account"))
    }

    /// Says which optional reads gave no answer, and what the plan therefore cannot tell.
    fn note_unread(&mut self, scene: &Scene<'_>) {
        let grant = scene.grant;
        let associations = Read::Associations {
            cluster: grant.grant.cluster.clone(),
            namespace: grant.namespace.clone(),
            service_account: grant.service_account.clone(),
        };
        let quotas = Read::Quotas { account: scene.account.clone() };
        for (read, unsure) in [
            (associations, "whether a Pod Identity association overrides the annotation"),
            (quotas, "the account's live quotas; AWS refuses what exceeds them"),
        ] {
            if let Some(reason) = self.world.unknown(&read).map(str::to_owned) {
                self.note(Level::Warning, read.to_string(), format!("not known: {unsure} ({reason})"));
            }
        }
    }

    fn provider(&mut self, scene: &Scene<'_>, place: &Place) -> Result<Vec<u32>> {
        let arn = Arn::oidc_provider(&place.partition, &place.account, &place.issuer);
        let audience = scene.grant.audience.to_string();
        let resource = format!("OIDC provider {}", place.issuer.host_and_path());
        let observe_only = scene.grant.grant.provider.manage == Manage::Observe;
        let read = Read::Provider { account: scene.account.clone(), arn: arn.clone() };
        let Some(mut provider) = self.world.provider(&scene.account, &arn).cloned() else {
            if observe_only {
                return Err(Error::new(ErrorKind::NotFound, "IAM has no provider for the cluster's issuer")
                    .resource(resource)
                    .remedy("create it, or let the grant do it with `provider: {manage: merge}`"));
            }
            let tags = BTreeMap::from([(CREATED_BY.to_owned(), self.options.owner.clone())]);
            let client_ids = vec![audience.clone()];
            self.world.set(
                read,
                Fact::Present(Answer::Provider(crate::model::OidcProvider {
                    arn: arn.clone(),
                    url: place.issuer.clone(),
                    client_ids: client_ids.iter().cloned().collect(),
                    tags: tags.clone(),
                })),
            );
            let step = self.aws(
                scene,
                Draft {
                    summary: format!("create {resource}"),
                    why: "STS only accepts tokens of an issuer that IAM knows".to_owned(),
                    resource,
                    changes: vec![
                        Change::add("url", place.issuer.as_str()),
                        Change::add("clientIds", audience),
                        own_tags(&tags),
                    ],
                    after: Vec::new(),
                    action: Action::CreateProvider { arn, url: place.issuer.clone(), client_ids, tags },
                },
            );
            return Ok(vec![step]);
        };
        if provider.client_ids.contains(&audience) {
            return Ok(Vec::new());
        }
        let now = provider.client_ids.iter().cloned().collect::<Vec<_>>().join(", ");
        if observe_only {
            return Err(Error::new(ErrorKind::Conflict, format!("its client ids ({now}) lack audience {audience}"))
                .resource(resource)
                .remedy("add the client id, or let the grant do it with `provider: {manage: merge}`"));
        }
        if !self.is_ours(&provider.tags) {
            let message =
                format!("podrole did not create it: `revoke` leaves audience {audience} among its client ids");
            self.note(Level::Info, &resource, message);
        }
        provider.client_ids.insert(audience.clone());
        self.world.set(read, Fact::Present(Answer::Provider(provider)));
        let step = self.aws(
            scene,
            Draft {
                summary: format!("add audience {audience} to {resource}"),
                why: "STS refuses tokens whose audience is not one of the provider's client ids".to_owned(),
                resource,
                changes: vec![Change::new("clientIds", Some(now.clone()), Some(format!("{now}, {audience}")))],
                after: Vec::new(),
                action: Action::AddClientId { arn, client_id: audience },
            },
        );
        Ok(vec![step])
    }

    /// Says of patterns that hold for several namespaces who gets the role by them.
    fn broad_subjects(&mut self, scene: &Scene<'_>) {
        let grant = scene.grant;
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

    fn create_role(
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

    fn check_trust_size(&mut self, scene: &Scene<'_>, resource: &str, trust: &Document) -> Result<()> {
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

    fn merge_role(&mut self, scene: &Scene<'_>, place: &Place, role: &Role, after: &[u32]) -> Result<Option<u32>> {
        let grant = scene.grant;
        let resource = format!("role {}", grant.role);
        let requests = trust_requests(grant, place, &self.options.owner);
        let Merged { mut document, findings, moved, edited } = merged(Some(&role.trust), &requests);
        for finding in findings {
            self.note(Level::Warning, &resource, format!("trust policy: {finding}"));
        }
        self.role_settings(scene, role)?;
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
            if former.is_some() {
                self.conditions_of_others(scene, role, &resource, request)?;
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
    fn conditions_of_others(
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
    fn note_shut_out(&mut self, scene: &Scene<'_>, role: &Role, trust: &Document) {
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
    fn note_unasked(&mut self, scene: &Scene<'_>, role: &Role, wanted: &[Wanted]) {
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

    fn data_syncs(&mut self, scene: &Scene<'_>, role_arn: &Arn, after: &[u32]) -> Result<()> {
        for (index, name) in scene.grant.data_syncs.iter().enumerate() {
            let Some(target) =
                self.world.role(&scene.account, name).map(|role| Role { name: name.clone(), ..role.clone() })
            else {
                return Err(Error::new(ErrorKind::NotFound, "there is no such role to authorize for data syncs")
                    .resource(format!("role {name}"))
                    .code("NoSuchEntity")
                    .remedy("create the role first: podrole only adds a statement to its trust policy"));
            };
            let given = &scene.grant.grant.data_syncs[index].role;
            if given.starts_with("arn:") && *given != target.arn.as_str() {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("the grant says {given}, but the role is {}", target.arn),
                )
                .resource(format!("role {name}"))
                .remedy("correct the ARN's path, or give the role by name"));
            }
            let request = data_sync_request(scene, role_arn, index, &self.options.owner);
            if request.source_account.is_none() {
                self.note(
                    Level::Warning,
                    format!("role {name}"),
                    "without `sourceAccount` Amazon S3 may assume it on behalf of any AWS account (the confused deputy): name the account whose \
                     buckets are synchronised",
                );
            }
            // A role that was deleted and made again reads back as an id in the trust of others; the merge repairs it.
            let merge = merge_data_sync(Some(&target.trust), &request);
            if !merge.changed {
                continue;
            }
            let resource = format!("role {name}");
            self.check_trust_size(scene, &resource, &merge.document)?;
            let mut changes =
                vec![Change::add("trust", format!("AWS {role_arn}")), Change::add("trust", "Service s3.amazonaws.com")];
            if let Some(account) = &request.source_account {
                changes.push(Change::add("condition aws:SourceAccount", account));
            }
            if let Some(id) = &request.external_id {
                changes.push(Change::add("condition sts:ExternalId", id));
            }
            if let Some((before, after)) = other_conditions(&target.trust, &request) {
                self.data_sync_of_others(scene, index, &resource)?;
                changes =
                    vec![Change::new(format!("conditions for role {}", scene.grant.role), Some(before), Some(after))];
            }
            self.update_trust(
                scene,
                &target,
                TrustChange {
                    trust: merge.document,
                    summary: format!("let role {} into the trust of {resource}", scene.grant.role),
                    why: "data syncs assume it".to_owned(),
                    changes,
                    after: after.to_vec(),
                },
            );
        }
        Ok(())
    }

    /// Refuses to change the conditions of a data sync that another grant of the role has too, unless that one is in the plan with the same.
    fn data_sync_of_others(&self, scene: &Scene<'_>, index: usize, resource: &str) -> Result<()> {
        let Some(role) = self.world.role(&scene.account, &scene.grant.role) else { return Ok(()) };
        let record = RoleRecord::DataSync(scene.grant.data_syncs[index].clone());
        let wanted = &scene.grant.grant.data_syncs[index];
        let agrees = |other: &str| {
            self.in_plan(other).is_some_and(|grant| {
                let theirs = grant.data_syncs.iter().zip(&grant.grant.data_syncs);
                theirs.filter(|(name, _)| **name == scene.grant.data_syncs[index]).all(|(_, theirs)| {
                    theirs.source_account == wanted.source_account && theirs.external_id == wanted.external_id
                })
            })
        };
        let records = marks::all_records(&role.tags);
        let others = records.iter().filter(|(grant, known)| *grant != scene.id && *known == record);
        match others.map(|(grant, _)| grant).find(|other| !agrees(other)) {
            None => Ok(()),
            Some(other) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{} lets role {} in under other conditions",
                    marks::grant_in_words(&role.tags, other),
                    scene.grant.role
                ),
            )
            .resource(resource)
            .remedy("use another role, or revoke the other grant, then apply both with the same `sourceAccount` and `externalId`")),
        }
    }

    pub(super) fn update_trust(&mut self, scene: &Scene<'_>, role: &Role, change: TrustChange) -> u32 {
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

    /// Takes this grant's statement out of a data-sync role's trust.
    pub(super) fn remove_data_sync(&mut self, scene: &Scene<'_>, role_arn: &Arn, name: &RoleName) -> Option<u32> {
        let target = self.world.role(&scene.account, name).map(|role| Role { name: name.clone(), ..role.clone() })?;
        let request = crate::policy::DataSyncRequest {
            role_arn: role_arn.to_string(),
            source_account: None,
            external_id: None,
            owner: self.options.owner.clone(),
        };
        let removal = remove_data_sync(&target.trust, &request);
        if !removal.changed {
            return None;
        }
        let Some(document) = removal.document else {
            self.note(
                Level::Warning,
                format!("role {name}"),
                "our statement is the only one in its trust policy, which cannot be empty: it stays; delete the role or give it another trust policy",
            );
            return None;
        };
        Some(self.update_trust(
            scene,
            &target,
            TrustChange {
                trust: document,
                summary: format!("take role {} out of the trust of role {name}", scene.grant.role),
                why: "podrole put it there".to_owned(),
                changes: vec![
                    Change::remove("trust", format!("AWS {role_arn}")),
                    Change::remove("trust", "Service s3.amazonaws.com"),
                ],
                after: Vec::new(),
            },
        ))
    }
}

impl Scene<'_> {
    fn cluster_name(&self) -> String {
        format!("cluster {}", self.grant.cluster)
    }
}
