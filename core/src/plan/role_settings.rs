//! What a role looks like besides its trust and its policies: description, session, boundary, tags, and podrole's records among these.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene, map_changes};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Manage;
use crate::marks::RoleRecord;
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
        let boundary = scene.grant.boundary.as_ref();
        if wanted.manage == Manage::Observe || !ours && wanted.manage != Manage::Own {
            let kept = found.names(wanted.max_session_duration != 3600, boundary.is_some());
            if !kept.is_empty() {
                let message = format!(
                    "podrole did not create it: its {} stay as they are (`role: {{manage: own}}` changes them)",
                    kept.join(", ")
                );
                self.note(Level::Warning, resource, message);
            }
            return Ok(());
        }
        let taken = found.names(true, boundary.is_some());
        if !ours && !taken.is_empty() {
            let message = format!("podrole did not create it: the undo leaves the new {} in force", taken.join(", "));
            self.note(Level::Warning, &resource, message);
        }
        if found.description || found.session {
            self.update_settings(scene, role, &found);
        }
        // A boundary of others is not taken off because the grant names none.
        if found.boundary && (boundary.is_some() || ours) {
            self.boundary(scene, role, boundary);
        }
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
                    description,
                    max_session_duration: wanted.max_session_duration,
                },
            },
        );
    }

    fn boundary(&mut self, scene: &Scene<'_>, role: &Role, boundary: Option<&Arn>) {
        let resource = format!("role {}", role.name);
        let name = role.name.clone();
        let (summary, action) = match boundary {
            Some(arn) => (
                format!("set the permissions boundary of {resource}"),
                Action::PutBoundary { role: name, boundary: arn.clone() },
            ),
            None => (format!("remove the permissions boundary of {resource}"), Action::DeleteBoundary { role: name }),
        };
        self.set_role(scene, role, |role| role.permissions_boundary = boundary.cloned());
        let before = role.permissions_boundary.as_ref().map(Arn::as_str);
        self.aws(
            scene,
            Draft {
                summary,
                why: "it differs from the grant".to_owned(),
                resource,
                changes: vec![Change::new("permissionsBoundary", before, boundary.map(Arn::as_str))],
                after: Vec::new(),
                action,
            },
        );
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
        let missing: BTreeMap<String, String> = records
            .iter()
            .map(|record| record.tag(&scene.id))
            .filter(|(key, value)| role.tags.get(key) != Some(value))
            .collect();
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

/// IAM takes 50 tags on a role.
pub(super) fn check_tag_count(resource: &str, count: usize) -> Result<()> {
    if count <= 50 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, format!("it would have {count} tags with podrole's own; IAM allows 50"))
        .resource(resource)
        .remedy("use fewer tags, or one policy instead of several"))
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
