//! The AWS half of an apply: the order of things, the OIDC provider, and what is recorded on the role.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::policies::Wanted;
use super::retire::{holders, left_behind, retired};
use super::trust::{merged, recorded_request, trust_requests, without};
use super::words::own_tags;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Manage;
use crate::marks::{self, CREATED_BY, RoleRecord};
use crate::model::{Arn, Quotas, Role};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::tightens;

impl Builder<'_> {
    /// Plans the AWS half; returns the steps after which the role can be named, and those after which it can do its work.
    pub(super) fn apply_iam(&mut self, scene: &Scene<'_>) -> Result<(Vec<u32>, Vec<u32>)> {
        let Some(place) = scene.place.clone() else {
            return Err(Error::new(ErrorKind::Unexpected, "the cluster was not read").resource(scene.cluster_name()));
        };
        self.refuse_pod_identity(scene)?;
        self.note_unread(scene);
        let before_role = self.provider(scene, &place)?;
        let wanted = self.wanted_policies(scene, &place)?;
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
        self.broad_subjects(scene);
        let may_change = created && scene.grant.grant.role.manage != Manage::Observe;
        match exists {
            Some(role) if may_change => {
                self.change_own_role(scene, &place, (&role, &role_arn), &records, (wanted, before_role))
            }
            exists => {
                self.make_or_join_role(scene, &place, (exists.as_ref(), &role_arn), &records, (wanted, before_role))
            }
        }
    }

    /// Plans a role that is not there yet, or of which podrole changes only what it adds.
    fn make_or_join_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        (exists, role_arn): (Option<&Role>, &Arn),
        records: &[RoleRecord],
        (mut wanted, mut before_role): (Vec<Wanted>, Vec<u32>),
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        self.make_policies(scene, place, &mut wanted, (&[], &[]))?;
        let role_step = match exists {
            // It has its records from the beginning, and policies are made at the same time.
            None => Some(self.create_role(scene, place, records, &mut before_role)?),
            Some(role) => {
                self.role_settings(scene, role)?;
                self.merge_role(scene, place, role, &before_role)?
            }
        };
        let mut named = before_role;
        named.extend(role_step);
        let mut after_role = named.clone();
        // What narrows goes before what widens.
        after_role.extend(self.boundary_step(scene));
        let attached = self.attach(scene, &wanted, exists, &after_role)?;
        self.data_syncs(scene, role_arn, &after_role)?;
        if let Some(role) = exists {
            self.note_unasked(scene, role, &wanted);
        }
        let mut ready = named.clone();
        ready.extend(attached);
        Ok((named, ready))
    }

    /// Plans a role of ours that is there. What narrows goes before what widens, so that a run that is stopped leaves nothing that neither the
    /// former grant nor this one has: first the boundary and who is shut out, then policies, last who is let in.
    fn change_own_role(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        (role, role_arn): (&Role, &Arn),
        records: &[RoleRecord],
        (mut wanted, mut before_role): (Vec<Wanted>, Vec<u32>),
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        // Before what they are about, so that a crash loses nothing.
        let recorded = self.record(scene, role, records)?;
        before_role.extend(recorded);
        self.role_settings(scene, role)?;
        let mut narrowed: Vec<u32> = self.boundary_step(scene).into_iter().collect();
        let early = self.narrows(scene, place, role, records);
        let mut trusted = None;
        if early {
            let after: Vec<u32> = before_role.iter().chain(&narrowed).copied().collect();
            trusted = self.merge_role_as_planned(scene, place, role, &after)?;
            narrowed.extend(trusted);
        }
        narrowed.extend(self.retire_subjects(scene, role, records));
        let mut after_role = before_role.clone();
        after_role.extend(&narrowed);
        self.make_policies(scene, place, &mut wanted, (recorded.as_slice(), &after_role))?;
        // What makes room goes first; otherwise what is new comes first, so that there is no gap.
        let full = self.is_full(scene, role, &wanted, records);
        if full {
            after_role.extend(self.retire(scene, role, records, &[]));
        }
        let attached = self.attach(scene, &wanted, Some(role), &after_role)?;
        self.data_syncs(scene, role_arn, &after_role)?;
        let mut last = after_role;
        last.extend(&attached);
        if !full {
            // Where the quotas are not known there may be no room for both.
            let known = self.quotas(scene).is_some();
            last.extend(self.retire(scene, role, records, if known { &attached } else { &[] }));
        }
        if !early {
            trusted = self.merge_role_as_planned(scene, place, role, &last)?;
        }
        let mut named = before_role;
        named.extend(trusted);
        let mut ready = named.clone();
        ready.extend(attached);
        Ok((named, ready))
    }

    /// Merges the trust policy of a role as the steps so far have left it.
    fn merge_role_as_planned(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        found: &Role,
        after: &[u32],
    ) -> Result<Option<u32>> {
        let now = self.role_as_named(scene).unwrap_or_else(|| found.clone());
        self.merge_role(scene, place, &now, after)
    }

    /// Whether the merge of the trust policy shuts somebody out, so that it must come before new policies: who was left behind, who is dropped and
    /// cannot go before somebody else is in, or whoever is in and gets further conditions.
    fn narrows(&self, scene: &Scene<'_>, place: &Place, role: &Role, records: &[RoleRecord]) -> bool {
        let owner = &self.options.owner;
        let requests = trust_requests(scene.grant, place, owner);
        let is_gone = |name: &str| holders(scene, role, name).is_empty();
        let dropped: Vec<_> = retired(scene, role, records)
            .iter()
            .filter_map(|record| match record {
                RoleRecord::Subject(name) if is_gone(name) => recorded_request(scene.grant, place, owner, name),
                _ => None,
            })
            .collect();
        let moved = merged(Some(&role.trust), &requests).moved;
        left_behind(scene, role, place, owner, &requests).iter().any(|left| !left.stays)
            || !without(&role.trust, &dropped).stuck.is_empty()
            || !moved.is_empty() && moved.iter().all(|(request, _)| tightens(&role.trust, request))
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
}

impl Scene<'_> {
    fn cluster_name(&self) -> String {
        format!("cluster {}", self.grant.cluster)
    }
}
