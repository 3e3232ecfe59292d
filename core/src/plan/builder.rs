//! Collects steps, keeps their order, and keeps a copy of the world as it will be after them.

use std::collections::{BTreeMap, HashMap};

use super::action::{Action, Change, Step, Target};
use super::{Level, Notice, Plan, PlanOptions, Verb};
use crate::error::{Error, Result};
use crate::grant::{CheckedGrant, ClusterSelector};
use crate::model::{AccountId, Namespace, ServiceAccountName, WorkloadRef};
use crate::observe::{Observed, Place, Purpose};
use crate::receipt::Receipt;
use crate::schema::SchemaVersion;

pub(super) struct Builder<'a> {
    /// What exists, and what the steps so far will have made of it.
    pub(super) world: Observed,
    pub(super) options: &'a PlanOptions,
    steps: Vec<Step>,
    /// The last step so far on each thing.
    last: HashMap<Target, u32>,
    notices: Vec<Notice>,
    /// What a step met that makes the plan impossible.
    refused: Option<Error>,
    /// For each service account the steps after which its role can be named, and those after which it can do its work: the other half may be a grant
    /// of its own.
    roles: HashMap<(ClusterSelector, String), (Vec<u32>, Vec<u32>)>,
    /// The grants of the plan, by their ids in marks.
    set: Vec<(String, &'a CheckedGrant)>,
}

/// A step without its number and target.
pub(super) struct Draft {
    pub(super) action: Action,
    pub(super) summary: String,
    pub(super) why: String,
    pub(super) resource: String,
    pub(super) changes: Vec<Change>,
    pub(super) after: Vec<u32>,
}

/// One grant and where it lives.
pub(super) struct Scene<'g> {
    pub(super) grant: &'g CheckedGrant,
    /// The account as a target: `None` for the default credentials'.
    pub(super) account: Option<AccountId>,
    /// Known unless the grant has no AWS half.
    pub(super) place: Option<Place>,
    /// The grant's id in marks; empty without an AWS half.
    pub(super) id: String,
}

impl<'a> Builder<'a> {
    pub(super) fn new(grants: &'a [CheckedGrant], observed: &Observed, options: &'a PlanOptions) -> Self {
        let mut builder = Self {
            world: observed.clone(),
            options,
            steps: Vec::new(),
            last: HashMap::new(),
            notices: Vec::new(),
            refused: None,
            roles: HashMap::new(),
            set: Vec::new(),
        };
        // A grant whose place cannot be told fails when its turn comes.
        builder.set = grants.iter().filter_map(|grant| Some((builder.scene(grant).ok()?.id, grant))).collect();
        builder
    }

    /// The grants of the plan.
    pub(super) fn grants(&self) -> impl Iterator<Item = &'a CheckedGrant> {
        self.set.iter().map(|(_, grant)| *grant)
    }

    /// Another grant of the same plan, by its id in marks.
    pub(super) fn in_plan(&self, id: &str) -> Option<&'a CheckedGrant> {
        self.set.iter().find(|(known, _)| known == id).map(|(_, grant)| *grant)
    }

    pub(super) fn scene<'g>(&self, grant: &'g CheckedGrant) -> Result<Scene<'g>> {
        let cluster = self.world.cluster(&grant.grant.cluster);
        let place = cluster.map(|cluster| grant.place(cluster)).transpose()?;
        let id = place.as_ref().map(|place| grant.id(&place.issuer)).unwrap_or_default();
        Ok(Scene { grant, account: grant.iam_account(), place, id })
    }

    pub(super) fn apply(&mut self, grant: &CheckedGrant) -> Result<()> {
        let scene = self.scene(grant)?;
        let key = (grant.grant.cluster.clone(), grant.grant.subject());
        if grant.grant.scope.has_iam() {
            let steps = self.apply_iam(&scene)?;
            self.roles.insert(key.clone(), steps);
        }
        let (named, ready) = self.roles.get(&key).cloned().unwrap_or_default();
        if grant.grant.scope.has_kubernetes() {
            self.apply_kubernetes(&scene, &named, &ready)?;
        }
        Ok(())
    }

    pub(super) fn aws(&mut self, scene: &Scene<'_>, draft: Draft) -> u32 {
        let target = Target {
            resource: draft.resource.clone(),
            account: scene.place.as_ref().map(|place| place.account.clone()),
            cluster: None,
            credentials: scene.account.clone(),
        };
        self.push(target, draft)
    }

    pub(super) fn on_cluster(&mut self, cluster: &ClusterSelector, draft: Draft) -> u32 {
        let target = Target {
            resource: draft.resource.clone(),
            account: None,
            cluster: Some(cluster.clone()),
            credentials: None,
        };
        self.push(target, draft)
    }

    pub(super) fn on_disk(&mut self, draft: Draft) -> u32 {
        let target = Target { resource: draft.resource.clone(), account: None, cluster: None, credentials: None };
        self.push(target, draft)
    }

    fn push(&mut self, target: Target, draft: Draft) -> u32 {
        let id = u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX);
        let mut depends_on = draft.after;
        // Two changes of one thing, for two grants of a set, never run at once.
        depends_on.extend(self.last.insert(target.clone(), id));
        depends_on.sort_unstable();
        depends_on.dedup();
        self.steps.push(Step {
            id,
            summary: draft.summary,
            why: draft.why,
            target,
            depends_on,
            changes: draft.changes,
            action: draft.action,
        });
        id
    }

    /// The step that sets the permissions boundary of the grant's role.
    pub(super) fn boundary_step(&self, scene: &Scene<'_>) -> Option<u32> {
        let sets = |step: &&Step| {
            step.target.credentials == scene.account
                && matches!(&step.action, Action::PutBoundary { role, .. } if *role == scene.grant.role)
        };
        self.steps.iter().rev().find(sets).map(|step| step.id)
    }

    /// A workload that a step so far gives a service account back.
    pub(super) fn given_back(
        &self,
        cluster: &ClusterSelector,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Option<&WorkloadRef> {
        let here = self.steps.iter().filter(|step| step.target.cluster.as_ref() == Some(cluster));
        here.filter_map(|step| match &step.action {
            Action::RestoreWorkload { restore } => Some(restore),
            _ => None,
        })
        .find(|restore| {
            restore.workload.namespace == *namespace && restore.service_account.as_deref() == Some(name.as_str())
        })
        .map(|restore| &restore.workload)
    }

    /// Whether a step so far deletes a service account.
    pub(super) fn deletes(&self, cluster: &ClusterSelector, namespace: &Namespace, name: &ServiceAccountName) -> bool {
        self.steps.iter().any(|step| {
            step.target.cluster.as_ref() == Some(cluster)
                && matches!(&step.action, Action::DeleteServiceAccount { namespace: of, name: gone, .. } if of == namespace && gone == name)
        })
    }

    /// The field manager that this owner's changes in Kubernetes belong to.
    pub(super) fn manager(&self) -> &'a str {
        &self.options.owner
    }

    /// Whether a notice about a thing has these words.
    pub(super) fn says(&self, resource: &str, words: &str) -> bool {
        self.notices.iter().any(|notice| notice.resource == resource && notice.message.contains(words))
    }

    pub(super) fn note(&mut self, level: Level, resource: impl Into<String>, message: impl Into<String>) {
        let notice = Notice { level, resource: resource.into(), message: message.into() };
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Remembers why there can be no plan; the first reason counts.
    pub(super) fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
    }

    /// The plan of all steps so far.
    ///
    /// # Errors
    /// What was [refused](Self::refuse).
    pub(super) fn finish(
        mut self,
        verb: Verb,
        grants: &[CheckedGrant],
        observed: &Observed,
        receipt: Option<&Receipt>,
    ) -> Result<Plan> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        self.notices.sort_by_key(|notice| std::cmp::Reverse(notice.level));
        let purpose = Purpose { remove_provider: self.options.remove_provider, revoke: verb == Verb::Revoke };
        Ok(Plan {
            schema_version: SchemaVersion,
            verb,
            grants: grants.iter().map(|grant| grant.grant.clone()).collect(),
            options: self.options.clone(),
            steps: self.steps,
            notices: self.notices,
            hints: observed.hints(grants, purpose),
            receipt: receipt.cloned().map(Box::new),
        })
    }
}

/// Says what changes in a map, key by key.
pub(super) fn map_changes(
    prefix: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Change> {
    after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| Change::new(format!("{prefix}{key}"), before.get(key).cloned(), Some(value.clone())))
        .collect()
}
