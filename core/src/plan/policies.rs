//! The policies of a role: managed ones attached, documents written, what is no longer asked for removed.

use std::collections::BTreeMap;

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::role_settings::check_tag_count;
use super::words::{document_changes, own_tags};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Manage, PolicyContent};
use crate::marks::{self, CREATED_BY, RoleRecord};
use crate::model::{Arn, ManagedPolicy, NewPolicy, PolicyName, Quotas, Role};
use crate::observe::{Answer, Fact, Place, Read};
use crate::policy::{Document, INLINE_TOTAL, MANAGED_POLICY_SIZE};

/// What a policy of the grant comes to.
pub(super) enum Wanted {
    /// A managed policy on the role. Made from `document`, `step` creates or changes it first.
    Attached { arn: Arn, document: Option<(Document, Manage)>, step: Option<u32> },
    /// An inline policy.
    Inline { name: PolicyName, document: Document, manage: Manage },
}
impl Builder<'_> {
    pub(super) fn wanted_policies(&self, scene: &Scene<'_>, place: &Place) -> Result<Vec<Wanted>> {
        let mut wanted = Vec::new();
        for policy in &scene.grant.policies {
            let name = policy.name.as_ref().map(PolicyName::as_str);
            let arn = place.policy_arn(&policy.content, name)?;
            wanted.push(match (&policy.content, arn, &policy.name) {
                (PolicyContent::Managed(source, _), Some(arn), Some(_)) => {
                    let document = source.document(&place.partition)?;
                    check_size(&format!("policy {arn}"), document.size(), self.managed_limit(scene))?;
                    Wanted::Attached { arn, document: Some((document, policy.manage)), step: None }
                }
                (PolicyContent::Inline(source), _, Some(name)) => Wanted::Inline {
                    name: name.clone(),
                    document: source.document(&place.partition)?,
                    manage: policy.manage,
                },
                (_, Some(arn), _) => Wanted::Attached { arn, document: None, step: None },
                _ => return Err(Error::new(ErrorKind::Unexpected, "a policy without a name")),
            });
        }
        Ok(wanted)
    }

    /// Makes the policies that the grant has the documents of, and makes sure that there are the others. A new one waits for the first steps, a new
    /// document of one that is there, and may be on the role, for the second.
    pub(super) fn make_policies(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        wanted: &mut [Wanted],
        after: (&[u32], &[u32]),
    ) -> Result<()> {
        for policy in wanted {
            match policy {
                Wanted::Attached { arn, document: Some((document, manage)), step } => {
                    *step = self.managed_document(scene, place, arn, (document, *manage), after)?;
                }
                Wanted::Attached { arn, .. } => self.require_policy(scene, arn)?,
                Wanted::Inline { .. } => {}
            }
        }
        Ok(())
    }

    fn managed_limit(&self, scene: &Scene<'_>) -> usize {
        self.quotas(scene).map_or(MANAGED_POLICY_SIZE, |quotas| quotas.managed_policy_size as usize)
    }

    fn require_policy(&mut self, scene: &Scene<'_>, arn: &Arn) -> Result<()> {
        let resource = format!("policy {arn}");
        match self.world.policy(&scene.account, arn) {
            Some(policy) if policy.attachable => Ok(()),
            Some(_) => {
                Err(Error::invalid("it cannot be attached to a role").resource(resource).code("PolicyNotAttachable"))
            }
            None => {
                let mut error =
                    Error::new(ErrorKind::NotFound, "there is no such policy").resource(resource).code("NoSuchEntity");
                error = match crate::policy::suggest(arn.name()) {
                    Some(near) if arn.is_aws_managed_policy() => error.remedy(format!("did you mean {near}?")),
                    _ => error.remedy("a bare name is an AWS-managed policy; write `{customer: name}` for one of your own, or give its ARN"),
                };
                Err(error)
            }
        }
    }

    /// A customer-managed policy that is made from a document.
    fn managed_document(
        &mut self,
        scene: &Scene<'_>,
        place: &Place,
        arn: &Arn,
        (document, manage): (&Document, Manage),
        (after, after_role): (&[u32], &[u32]),
    ) -> Result<Option<u32>> {
        let resource = format!("policy {}", arn.name());
        let user = (marks::grant_key(&scene.id), marks::policy_user_role(&scene.grant.role));
        let Some(policy) = self.world.policy(&scene.account, arn).cloned() else {
            if manage == Manage::Observe {
                return Err(Error::new(ErrorKind::NotFound, "there is no such policy, and the grant only observes it")
                    .resource(resource));
            }
            let tags = BTreeMap::from([(CREATED_BY.to_owned(), self.options.owner.clone()), user]);
            self.set_policy(scene, arn, document, tags.clone());
            let size = document.size();
            let mut changes = document_changes(None, document);
            changes.extend([Change::add("size", format!("{size} characters")), own_tags(&tags)]);
            return Ok(Some(self.aws(
                scene,
                Draft {
                    summary: format!("create {resource}"),
                    why: "the grant has its document".to_owned(),
                    resource,
                    changes,
                    after: after.to_vec(),
                    action: Action::CreatePolicy {
                        policy: NewPolicy { arn: arn.clone(), description: None, document: document.clone(), tags },
                    },
                },
            )));
        };
        let ours = self.is_ours(&policy.tags);
        let current = self.world.policy_document(&scene.account, arn, &policy.default_version).cloned();
        let mut last = None;
        if !current.as_ref().is_some_and(|current| current.same_meaning(document)) {
            if !ours && manage != Manage::Own {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    "it exists with another document, and podrole did not create it",
                )
                .resource(resource)
                .code("EntityAlreadyExists")
                .remedy("choose another name, attach it as `{customer: name}`, or set `manage: own` on the policy"));
            }
            if manage == Manage::Observe {
                return Err(Error::new(ErrorKind::Conflict, "its document differs, and the grant only observes it")
                    .resource(resource));
            }
            let users = marks::policy_users(&policy.tags).into_iter();
            let others: Vec<_> = users.map(|(grant, role)| (grant, format!("grant {grant} of role {role}"))).collect();
            let agreed = |wanted: &PolicyContent, name: Option<&str>| match wanted {
                PolicyContent::Managed(source, _) if place.policy_arn(wanted, name)?.as_ref() == Some(arn) => {
                    Ok(source.document(&place.partition)?.same_meaning(document))
                }
                _ => Ok(true),
            };
            self.document_of_others(scene, &resource, &others, manage, agreed)?;
            let limit = self.quotas(scene).unwrap_or_default().versions_per_policy as usize;
            let mut versions = self.world.versions(&scene.account, arn).cloned().unwrap_or_default();
            versions.sort_by_key(crate::model::PolicyVersion::number);
            let prune = (versions.len() >= limit)
                .then(|| versions.iter().find(|version| !version.default).map(|version| version.id.clone()))
                .flatten();
            let mut changes = document_changes(current.as_ref(), document);
            if let Some(prune) = &prune {
                changes.push(Change::remove("version", format!("{prune} (the oldest; IAM keeps {limit})")));
            }
            if !ours {
                self.note(
                    Level::Warning,
                    &resource,
                    format!("podrole did not create it: the undo leaves the new document in force; the one of now stays as version {}", policy.default_version),
                );
            }
            last = Some(self.aws(
                scene,
                Draft {
                    summary: format!("update {resource}"),
                    why: "its document differs from the grant's".to_owned(),
                    resource: resource.clone(),
                    changes,
                    after: after_role.to_vec(),
                    action: Action::UpdatePolicy {
                        arn: arn.clone(),
                        before: current.unwrap_or_else(|| document.clone()),
                        after: document.clone(),
                        prune,
                    },
                },
            ));
        }
        let mut tags = policy.tags.clone();
        if ours && !tags.get(&user.0).is_some_and(|role| role.eq_ignore_ascii_case(&user.1)) {
            tags.insert(user.0.clone(), user.1.clone());
            check_tag_count(&resource, tags.len())?;
            last = Some(self.aws(
                scene,
                Draft {
                    summary: format!("record on {resource} that this grant uses it"),
                    why: "so that it is removed with its last grant".to_owned(),
                    resource,
                    changes: vec![Change::add(format!("tag {}", user.0), user.1.clone())],
                    after: after.to_vec(),
                    action: Action::TagPolicy { arn: arn.clone(), tags: BTreeMap::from([user]) },
                },
            ));
        }
        self.set_policy(scene, arn, document, tags);
        Ok(last)
    }

    /// Refuses to change a document that another grant relies on, unless that one is in the plan and has the same document, or the grant owns
    /// the policy.
    fn document_of_others(
        &mut self,
        scene: &Scene<'_>,
        resource: &str,
        users: &[(&str, String)],
        manage: Manage,
        agreed: impl Fn(&PolicyContent, Option<&str>) -> Result<bool>,
    ) -> Result<()> {
        let mut others = users.iter().filter(|(grant, _)| *grant != scene.id);
        let differs = |other: &str| -> Result<bool> {
            let Some(grant) = self.in_plan(other) else { return Ok(true) };
            for policy in &grant.policies {
                if !agreed(&policy.content, policy.name.as_ref().map(PolicyName::as_str))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let Some(other) = others.find_map(|(other, words)| match differs(other) {
            Ok(false) => None,
            Ok(true) => Some(Ok(words)),
            Err(error) => Some(Err(error)),
        }) else {
            return Ok(());
        };
        let other = other?;
        if manage == Manage::Own {
            self.note(Level::Warning, resource, format!("{other} uses it too and gets the new document"));
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, format!("{other} uses it too, with another document"))
            .resource(resource)
            .remedy(
                "give the policies different names, or set `manage: own` on the policy to change it for all of them",
            ))
    }

    fn set_policy(&mut self, scene: &Scene<'_>, arn: &Arn, document: &Document, tags: BTreeMap<String, String>) {
        let account = scene.account.clone();
        let known = self.world.policy(&account, arn);
        let version = known.map_or_else(|| "v1".to_owned(), |policy| policy.default_version.clone());
        let attachment_count = known.map_or(0, |policy| policy.attachment_count);
        self.world.set(
            Read::Policy { account: account.clone(), arn: arn.clone() },
            Fact::Present(Answer::Policy(ManagedPolicy {
                arn: arn.clone(),
                default_version: version.clone(),
                attachment_count,
                attachable: true,
                tags,
            })),
        );
        self.world.set(
            Read::PolicyDocument { account, arn: arn.clone(), version },
            Fact::Present(Answer::Document(document.clone())),
        );
    }

    pub(super) fn put_policy(&mut self, scene: &Scene<'_>, policy: ManagedPolicy) {
        let read = Read::Policy { account: scene.account.clone(), arn: policy.arn.clone() };
        self.world.set(read, Fact::Present(Answer::Policy(policy)));
    }

    /// Attaches and writes what is missing; returns the steps.
    pub(super) fn attach(
        &mut self,
        scene: &Scene<'_>,
        wanted: &[Wanted],
        found: Option<&Role>,
        after: &[u32],
    ) -> Result<Vec<u32>> {
        let role = scene.grant.role.clone();
        let created = found.is_none_or(|role| self.is_ours(&role.tags));
        let resource = format!("role {role}");
        let observe_only = scene.grant.grant.role.manage == Manage::Observe;
        let mut attached = self.world.attached(&scene.account, &role).cloned().unwrap_or_default();
        let mut steps = Vec::new();
        let mut inline_size = None;
        for policy in wanted {
            match policy {
                Wanted::Attached { arn, step, .. } => {
                    steps.extend(step);
                    if attached.contains(arn) {
                        continue;
                    }
                    if observe_only {
                        return Err(Error::new(
                            ErrorKind::Conflict,
                            format!("policy {arn} is not attached, and the grant only observes the role"),
                        )
                        .resource(resource));
                    }
                    attached.push(arn.clone());
                    if !created {
                        self.note(
                            Level::Info,
                            &resource,
                            format!("podrole did not create it, so the attachment of {arn} cannot be marked: `revoke` leaves it unless it is given the receipt of this apply"),
                        );
                    }
                    steps.push(self.aws(
                        scene,
                        Draft {
                            summary: format!("attach {} to {resource}", arn.name()),
                            why: "the grant asks for the policy".to_owned(),
                            // One attachment is a thing of its own: several go on at the same time.
                            resource: format!("policy {arn} on {resource}"),
                            changes: vec![Change::add("policy", arn.as_str())],
                            after: after.iter().chain(step).copied().collect(),
                            action: Action::AttachPolicy { role: role.clone(), policy: arn.clone() },
                        },
                    ));
                }
                Wanted::Inline { name, document, manage } => {
                    let before = self.world.inline_policy(&scene.account, &role, name).cloned();
                    *inline_size.get_or_insert(0) += document.size();
                    if before.as_ref().is_some_and(|before| before.same_meaning(document)) {
                        continue;
                    }
                    if *manage == Manage::Observe {
                        let (kind, what) = match before {
                            None => (ErrorKind::NotFound, "has no such inline policy"),
                            Some(_) => (ErrorKind::Conflict, "has this inline policy with another document"),
                        };
                        return Err(Error::new(kind, format!("it {what}, and the grant only observes it: {name}"))
                            .resource(resource)
                            .remedy("write the policy by hand, or set `manage: merge` on it"));
                    }
                    // On the role as it was found: by now the plan may have recorded what it is about to write.
                    let recorded = found.is_some_and(|found| {
                        let record = RoleRecord::Inline(name.clone());
                        marks::all_records(&found.tags).iter().any(|(_, known)| *known == record)
                    });
                    if before.is_some() && !(created && recorded) && *manage != Manage::Own {
                        return Err(Error::new(
                            ErrorKind::AlreadyExists,
                            format!(
                                "it has an inline policy {name} with another document, which podrole did not write"
                            ),
                        )
                        .resource(resource)
                        .remedy("choose another name, or set `manage: own` on the policy"));
                    }
                    if let Some(found) = found.filter(|_| before.is_some()) {
                        let record = RoleRecord::Inline(name.clone());
                        let records = marks::all_records(&found.tags);
                        let users: Vec<_> = records
                            .iter()
                            .filter(|(_, known)| *known == record)
                            .map(|(grant, _)| (grant.as_str(), marks::grant_in_words(&found.tags, grant)))
                            .collect();
                        let partition = found.arn.partition();
                        let agreed = |wanted: &PolicyContent, wanted_name: Option<&str>| match wanted {
                            PolicyContent::Inline(source) if wanted_name == Some(name.as_str()) => {
                                Ok(source.document(partition)?.same_meaning(document))
                            }
                            _ => Ok(true),
                        };
                        let what = format!("inline policy {name} of {resource}");
                        self.document_of_others(scene, &what, &users, *manage, agreed)?;
                    }
                    if observe_only {
                        return Err(Error::new(
                            ErrorKind::Conflict,
                            format!("inline policy {name} differs, and the grant only observes the role"),
                        )
                        .resource(resource));
                    }
                    let (level, message) = match (created, before.is_some() && !recorded) {
                        (true, false) => (Level::Info, None),
                        (true, true) => (
                            Level::Warning,
                            Some(format!(
                                "inline policy {name} is taken over from others: the undo deletes it, and does not restore its document"
                            )),
                        ),
                        (false, false) => (
                            Level::Info,
                            Some(format!(
                                "podrole did not create it, so inline policy {name} cannot be marked: `revoke` leaves it unless it is given the receipt of this apply"
                            )),
                        ),
                        (false, true) => (
                            Level::Warning,
                            Some(format!(
                                "inline policy {name} is taken over from others: `revoke` puts its document back only if it is given the receipt of this apply"
                            )),
                        ),
                    };
                    if let Some(message) = message {
                        self.note(level, &resource, message);
                    }
                    self.world.set(
                        Read::InlinePolicy { account: scene.account.clone(), role: role.clone(), policy: name.clone() },
                        Fact::Present(Answer::Document(document.clone())),
                    );
                    let verb = if before.is_some() { "update" } else { "write" };
                    steps.push(self.aws(
                        scene,
                        Draft {
                            summary: format!("{verb} inline policy {name} of {resource}"),
                            why: "the grant has its document".to_owned(),
                            resource: format!("inline policy {name} of {resource}"),
                            changes: document_changes(before.as_ref(), document),
                            after: after.to_vec(),
                            action: Action::PutInlinePolicy {
                                role: role.clone(),
                                name: name.clone(),
                                before,
                                after: document.clone(),
                            },
                        },
                    ));
                }
            }
        }
        let quotas = self.quotas(scene);
        if let Some(Quotas { attached_policies_per_role: limit, .. }) = quotas
            && attached.len() > limit as usize
        {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("it would have {} managed policies; the account's quota is {limit}", attached.len()),
            )
            .resource(resource)
            .code("LimitExceeded")
            .remedy("put several documents into one policy, or ask AWS to raise the quota"));
        }
        if let Some(size) = inline_size {
            let limit = quotas.map_or(INLINE_TOTAL, |quotas| quotas.inline_policies_size as usize);
            check_size(&format!("inline policies of {resource}"), size, limit)?;
        }
        self.world.set(
            Read::AttachedPolicies { account: scene.account.clone(), role },
            Fact::Present(Answer::Arns(attached)),
        );
        Ok(steps)
    }
}

fn check_size(resource: &str, size: usize, limit: usize) -> Result<()> {
    if size <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, format!("{size} characters without whitespace; IAM allows {limit}"))
        .resource(resource)
        .code("LimitExceeded")
        .remedy("split it into several policies, or use fewer and wider resources"))
}
