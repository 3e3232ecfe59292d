//! Data syncs: other roles' trust in the role of a grant and in Amazon S3.

use super::Level;
use super::action::Change;
use super::builder::{Builder, Scene};
use super::role::TrustChange;
use super::trust::data_sync_request;
use crate::error::{Error, ErrorKind, Result};
use crate::marks::{self, RoleRecord};
use crate::model::{Arn, Role, RoleName};
use crate::policy::{merge_data_sync, other_conditions, remove_data_sync};

impl Builder<'_> {
    pub(super) fn data_syncs(&mut self, scene: &Scene<'_>, role_arn: &Arn, after: &[u32]) -> Result<()> {
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
    pub(super) fn data_sync_of_others(&self, scene: &Scene<'_>, index: usize, resource: &str) -> Result<()> {
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
