//! What a role looks like besides its trust and its policies: description, session, boundary, tags, and podrole's records among these.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene, map_changes};
use super::retire::other_grants;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Manage;
use crate::marks::{self, RoleRecord};
use crate::model::{Arn, Role};
use crate::observe::{Answer, Fact, Read};

/// Where a role that exists is not as the grant says.
struct Differences {
    description: bool,
    session: bool,
    boundary: bool,
    tags: BTreeMap<String, String>,
}

impl Differences {
    fn of(scene: &Scene<'_>, role: &Role) -> Self {
        let wanted = &scene.grant.grant.role;
        let description = wanted.description.as_deref();
        let missing = wanted.tags.iter().filter(|(key, value)| role.tags.get(*key) != Some(value));
        Self {
            // An empty description is none.
            description: description.is_some_and(|text| text != role.description.as_deref().unwrap_or_default()),
            session: wanted.max_session_duration != role.max_session_duration,
            boundary: scene.grant.boundary.as_ref() != role.permissions_boundary.as_ref(),
            tags: missing.map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }

    /// Their names, as the grant has them.
    fn names(&self, session: bool, boundary: bool) -> Vec<&'static str> {
        [
            (self.description, "description"),
            (self.session && session, "maxSessionDuration"),
            (self.boundary && boundary, "permissionsBoundary"),
            (!self.tags.is_empty(), "tags"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
        .collect()
    }
}

impl Builder<'_> {
    /// Brings the settings of a role that exists about, if it is ours or the grant owns it; otherwise says which stay.
    pub(super) fn role_settings(&mut self, scene: &Scene<'_>, role: &Role) -> Result<()> {
        let wanted = &scene.grant.grant.role;
        let resource = format!("role {}", role.name);
        if wanted.path != "/" && scene.grant.role_path != role.path {
            let message = format!("its path is {} and cannot be changed to the grant's {}", role.path, wanted.path);
            self.note(Level::Warning, &resource, message);
        }
        let ours = self.is_ours(&role.tags);
        let found = Differences::of(scene, role);
        let named_session = wanted.max_session_duration != 3600;
        let boundary = scene.grant.boundary.as_ref();
        // A role that is to be bounded must not do its work unbounded.
        if let Some(wanted_boundary) = boundary
            && found.boundary
            && (wanted.manage == Manage::Observe || !ours && wanted.manage != Manage::Own)
        {
            let now = role.permissions_boundary.as_ref().map_or("none", Arn::as_str);
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("its permissions boundary is {now}, the grant wants {wanted_boundary}, and podrole did not create the role"),
            )
            .resource(resource)
            .remedy("set the boundary by hand, or set `role: {manage: own}` to let podrole do it"));
        }
        if wanted.manage == Manage::Observe || !ours && wanted.manage != Manage::Own {
            let kept = found.names(named_session, false);
            if !kept.is_empty() {
                let message = format!(
                    "podrole did not create it: its {} stay as they are (`role: {{manage: own}}` changes them)",
                    kept.join(", ")
                );
                self.note(Level::Warning, resource, message);
            }
            return Ok(());
        }
        let taken = found.names(named_session, boundary.is_some());
        if !ours && !taken.is_empty() {
            let message = format!("podrole did not create it: the undo leaves the new {} in force", taken.join(", "));
            self.note(Level::Warning, &resource, message);
        }
        // On a role that others use too the default is no wish.
        let users = other_grants(scene, role);
        let found = Differences { session: found.session && (named_session || ours && users.is_empty()), ..found };
        let changed = found.names(true, false);
        if !changed.is_empty() && !users.is_empty() {
            let names: Vec<String> = users.iter().map(|grant| marks::grant_in_words(&role.tags, grant)).collect();
            let message = format!(
                "{} changes for {} too: if they say it otherwise, each apply undoes the other's",
                changed.join(", "),
                names.join(", ")
            );
            self.note(Level::Warning, &resource, message);
        }
        if found.description || found.session {
            self.update_settings(scene, role, &found);
        }
        self.settle_boundary(scene, role, &resource, found.boundary)?;
        self.missing_tags(scene, role, &found.tags)
    }

    /// The role of a grant, under the name that the grant gives it: IAM does not tell upper and lower case apart.
    pub(super) fn role_as_named(&self, scene: &Scene<'_>) -> Option<Role> {
        let name = &scene.grant.role;
        self.world.role(&scene.account, name).map(|role| Role { name: name.clone(), ..role.clone() })
    }

    /// Writes down what a step will have made of a role.
    pub(super) fn set_role(&mut self, scene: &Scene<'_>, role: &Role, change: impl FnOnce(&mut Role)) {
        let mut changed = self.world.role(&scene.account, &role.name).cloned().unwrap_or_else(|| role.clone());
        change(&mut changed);
        let read = Read::Role { account: scene.account.clone(), role: role.name.clone() };
        self.world.set(read, Fact::Present(Answer::Role(changed)));
    }

    fn update_settings(&mut self, scene: &Scene<'_>, role: &Role, found: &Differences) {
        let wanted = &scene.grant.grant.role;
        let resource = format!("role {}", role.name);
        let description =
            wanted.description.clone().or_else(|| role.description.clone()).filter(|text| !text.is_empty());
        let mut changes = Vec::new();
        if found.description {
            changes.push(Change::new("description", role.description.clone(), description.clone()));
        }
        if found.session {
            changes.push(Change::new(
                "maxSessionDuration",
                Some(format!("{} s", role.max_session_duration)),
                Some(format!("{} s", wanted.max_session_duration)),
            ));
        }
        self.set_role(scene, role, |role| {
            role.description.clone_from(&description);
            role.max_session_duration = wanted.max_session_duration;
        });
        self.aws(
            scene,
            Draft {
                summary: format!("update settings of {resource}"),
                why: "they differ from the grant".to_owned(),
                resource,
                changes,
                after: Vec::new(),
                action: Action::UpdateRole {
                    role: role.name.clone(),
                    former_description: role.description.clone(),
                    former_session_duration: role.max_session_duration,
                    description,
                    max_session_duration: wanted.max_session_duration,
                },
            },
        );
    }

    /// Sets the grant's boundary. One that others set is not taken off because the grant names none.
    fn settle_boundary(&mut self, scene: &Scene<'_>, role: &Role, resource: &str, differs: bool) -> Result<()> {
        let records = marks::all_records(&role.tags);
        let recorded = |arn: &Arn| records.iter().any(|(_, record)| *record == RoleRecord::Boundary(arn.clone()));
        let theirs = role.permissions_boundary.as_ref().filter(|arn| !recorded(arn));
        let Some(wanted) = &scene.grant.boundary else {
            if let Some(arn) = theirs {
                let message = format!("unmanaged: permissions boundary {arn} was not set by podrole; it stays");
                self.note(Level::Info, resource, message);
            }
            return Ok(());
        };
        if !differs {
            return Ok(());
        }
        let other = records.iter().find(|(grant, record)| {
            let differs = matches!(record, RoleRecord::Boundary(arn) if arn != wanted);
            let agrees = || self.in_plan(grant).is_some_and(|grant| grant.boundary.as_ref() == Some(wanted));
            differs && *grant != scene.id && !agrees()
        });
        if let Some((grant, record)) = other {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} wants {} on it", marks::grant_in_words(&role.tags, grant), record.name()),
            )
            .resource(resource)
            .remedy("give both grants the same boundary, or use another role"));
        }
        if let Some(arn) = theirs {
            let message = format!("permissions boundary {arn} of others is replaced; the undo does not put it back");
            self.note(Level::Warning, resource, message);
        }
        self.boundary(scene, role, Some(wanted), "it differs from the grant", Vec::new());
        Ok(())
    }

    /// Takes a boundary off that podrole set and nobody has replaced since; after what it bounds is gone.
    pub(super) fn take_off_boundary(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        recorded: &Arn,
        after: &[u32],
    ) -> Option<u32> {
        let now = self.world.role(&scene.account, &role.name).cloned()?;
        let now = Role { name: role.name.clone(), ..now };
        (now.permissions_boundary.as_ref() == Some(recorded))
            .then(|| self.boundary(scene, &now, None, "the grant no longer asks for it", after.to_vec()))
    }

    fn boundary(&mut self, scene: &Scene<'_>, role: &Role, boundary: Option<&Arn>, why: &str, after: Vec<u32>) -> u32 {
        let resource = format!("role {}", role.name);
        let name = role.name.clone();
        let (summary, action) = match boundary {
            Some(arn) => (
                format!("set the permissions boundary of {resource}"),
                Action::PutBoundary { role: name, before: role.permissions_boundary.clone(), boundary: arn.clone() },
            ),
            None => (
                format!("remove the permissions boundary of {resource}"),
                Action::DeleteBoundary { role: name, before: role.permissions_boundary.clone() },
            ),
        };
        self.set_role(scene, role, |role| role.permissions_boundary = boundary.cloned());
        let before = role.permissions_boundary.as_ref().map(Arn::as_str);
        self.aws(
            scene,
            Draft {
                summary,
                why: why.to_owned(),
                resource,
                changes: vec![Change::new("permissionsBoundary", before, boundary.map(Arn::as_str))],
                after,
                action,
            },
        )
    }

    fn missing_tags(&mut self, scene: &Scene<'_>, role: &Role, tags: &BTreeMap<String, String>) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let resource = format!("role {}", role.name);
        // With the records, which the steps before have set.
        let now = self.world.role(&scene.account, &role.name).unwrap_or(role);
        check_tag_count(&resource, count_with(now, tags))?;
        self.set_role(scene, role, |role| role.tags.extend(tags.clone()));
        self.aws(
            scene,
            Draft {
                summary: format!("tag {resource}"),
                why: "the grant asks for the tags".to_owned(),
                changes: map_changes("tag ", &role.tags, tags),
                resource,
                after: Vec::new(),
                action: Action::TagRole { role: role.name.clone(), tags: tags.clone() },
            },
        );
        Ok(())
    }

    /// Records on a role of ours what this grant is about to put on it: before it is put there, so that a crash loses nothing.
    pub(super) fn record(&mut self, scene: &Scene<'_>, role: &Role, records: &[RoleRecord]) -> Result<Option<u32>> {
        let missing: BTreeMap<String, String> = records.iter().map(|record| record.tag(&scene.id)).collect();
        self.tag_records(scene, role, records, missing)
    }

    pub(super) fn tag_records(
        &mut self,
        scene: &Scene<'_>,
        role: &Role,
        records: &[RoleRecord],
        mut missing: BTreeMap<String, String>,
    ) -> Result<Option<u32>> {
        missing.retain(|key, value| role.tags.get(key) != Some(value));
        if missing.is_empty() {
            return Ok(None);
        }
        check_records(records)?;
        let resource = format!("role {}", role.name);
        check_tag_count(&resource, count_with(role, &missing))?;
        self.set_role(scene, role, |role| role.tags.extend(missing.clone()));
        Ok(Some(self.aws(
            scene,
            Draft {
                summary: match records {
                    [RoleRecord::Left(_)] => format!("record on {resource} who is left in its trust policy"),
                    _ => format!("record on {resource} what this grant puts on it"),
                },
                why: "revoke finds by it what it takes back".to_owned(),
                changes: map_changes("tag ", &role.tags, &missing),
                resource,
                after: Vec::new(),
                action: Action::TagRole { role: role.name.clone(), tags: missing },
            },
        )))
    }
}

/// How many tags a role has with some more.
fn count_with(role: &Role, tags: &BTreeMap<String, String>) -> usize {
    role.tags.len() + tags.keys().filter(|key| !role.tags.contains_key(*key)).count()
}

/// How many tags IAM takes on a role or a policy (IAM user guide, "IAM and AWS STS quotas").
pub(super) const TAGS: usize = 50;

/// Refuses more tags than IAM takes.
pub(super) fn check_tag_count(resource: &str, count: usize) -> Result<()> {
    if count <= TAGS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("it would have {count} tags with podrole's own; IAM allows {TAGS}"),
    )
    .resource(resource)
    .remedy("use fewer tags, one policy instead of several, or fewer grants that share it"))
}

/// IAM takes 256 characters in a tag, and a record that is cut short would be lost.
pub(super) fn check_records(records: &[RoleRecord]) -> Result<()> {
    let Some((record, length)) =
        records.iter().map(|record| (record, record.tag("").1.chars().count())).find(|(_, length)| *length > 256)
    else {
        return Ok(());
    };
    let message = format!("its record would have {length} characters, and a tag of a role holds 256");
    Err(Error::new(ErrorKind::Unsupported, message)
        .resource(record.name())
        .remedy("give it a shorter path or name, or use a role that podrole did not create, which has no records"))
}
