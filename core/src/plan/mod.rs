//! What will be done, as data: a pure function of grants and [`Observed`].
//!
//! The same inputs give the same plan, byte for byte. A step carries what it reads and writes, so a plan is stale exactly when planning
//! again gives other steps.

mod action;
mod builder;
mod data_sync;
mod iam;
mod identity;
mod kubernetes;
mod ownership;
mod policies;
mod render;
mod retire;
mod revoke;
mod revoke_foreign;
mod revoke_kubernetes;
mod role;
mod role_settings;
mod service_account;
mod set;
mod trust;
mod words;
mod workload;

use serde::{Deserialize, Serialize};

pub use action::{Action, Change, Step, Target};
pub(crate) use identity::{AUDIENCE, ROLE_ARN, annotated_at, identity_annotations, is_older};
pub use render::PlanView;
pub(crate) use render::clean;
pub(crate) use trust::trust_requests;

use crate::error::{Error, ErrorKind, Result};
use crate::grant::{CheckedGrant, Grant};
use crate::observe::{Hints, Observed};
use crate::receipt::Receipt;
use crate::schema::SchemaVersion;
use crate::stored;

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make the world what the grants say.
    Apply,
    /// Take back what podrole did for the grants.
    Revoke,
}

/// How much a reader should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
}

/// Something that the plan does not change and the reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notice {
    /// How much to care.
    pub level: Level,
    /// What it is about (`role connections-role-test`).
    pub resource: String,
    /// What to know, in one sentence.
    pub message: String,
}

/// Settings that are the client's and not a grant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanOptions {
    /// Who runs podrole: marks and Sids are theirs, and only what carries theirs is removed. Default `podrole`.
    pub owner: String,
    /// For `revoke`: also remove the OIDC provider, if it is marked ours and no role's trust names it. Default no.
    #[serde(default)]
    pub remove_provider: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { owner: "podrole".to_owned(), remove_provider: false }
    }
}

/// What will be done.
///
/// `Display` prints it for people; [`Plan::view`] sets width and colour; serde gives the JSON that can be saved and applied later.
#[must_use = "a plan does nothing until it is applied"]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of this format.
    pub schema_version: SchemaVersion,
    /// What it is for.
    pub verb: Verb,
    /// The grants it was made from.
    pub grants: Vec<Grant>,
    /// The settings it was made with.
    pub options: PlanOptions,
    /// The changes, each after those it depends on.
    pub steps: Vec<Step>,
    /// What is not changed and should be known.
    pub notices: Vec<Notice>,
    /// What was learnt of clusters and policies: it lets a later look at the world happen in one round trip.
    pub hints: Hints,
    /// For `revoke`: the receipt it was given, which tells what an apply put where no mark can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Box<Receipt>>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// For people: with a width and with or without colour.
    pub fn view(&self) -> PlanView<'_> {
        PlanView::new(self)
    }

    /// The plan as JSON, to be saved and applied later.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// `invalid_input` when it is not a plan, has unknown fields, or is of an unknown schema version.
    pub fn from_json(text: &str) -> Result<Self> {
        stored::read("a plan that this release can read", text)
    }

    /// Whether a step is about a role that the plan makes.
    pub(crate) fn makes_role_of(&self, step: &Step) -> bool {
        let Action::PutInlinePolicy { role, .. } = &step.action else { return false };
        let made = |other: &Step| matches!(&other.action, Action::CreateRole { role: made } if made.name == *role);
        self.steps.iter().any(|other| other.target.account == step.target.account && made(other))
    }

    /// The grants, checked.
    pub(crate) fn checked(&self) -> Result<Vec<CheckedGrant>> {
        self.grants.iter().map(Grant::check).collect()
    }

    /// Makes the same plan of what is there now, and refuses unless it is the same.
    ///
    /// # Errors
    /// `plan_stale` that names the first step that differs.
    pub(crate) fn require_fresh(&self, observed: &Observed) -> Result<()> {
        let again = match self.verb {
            Verb::Apply => plan_apply(&self.checked()?, observed, &self.options),
            Verb::Revoke => plan_revoke(&self.checked()?, observed, &self.options, self.receipt.as_deref()),
        };
        let stale = |detail: String| {
            Error::new(ErrorKind::PlanStale, format!("the world has changed since the plan was made: {detail}"))
                .remedy("plan again, and read the new plan before applying it")
        };
        let again = again.map_err(|error| stale(error.to_string()).caused_by(error))?;
        // The steps go to the API server that the plan was made with.
        for (cluster, known) in &self.hints.clusters {
            if observed.cluster(cluster) != Some(known) {
                let detail = "EKS tells another endpoint, CA or issuer of the cluster".to_owned();
                return Err(stale(detail).resource(format!("cluster {}", cluster.name)));
            }
        }
        for (old, new) in self.steps.iter().zip(&again.steps) {
            if !old.is_same(new) {
                let detail = old.difference(new);
                return Err(stale(detail).resource(old.target.resource.clone()));
            }
        }
        match (self.steps.get(again.steps.len()), again.steps.get(self.steps.len())) {
            (Some(step), _) => {
                Err(stale(format!("\"{}\" is not needed any more", step.summary)).resource(&step.target.resource))
            }
            (_, Some(step)) => {
                Err(stale(format!("\"{}\" is needed now as well", step.summary)).resource(&step.target.resource))
            }
            (None, None) => Ok(()),
        }
    }
}

/// Plans what makes the world what the grants say.
///
/// # Errors
/// Whatever can be known before the first write: `invalid_input` for two grants of one service account or workload, for a cluster,
/// account or role that two grants name otherwise, and for two wishes of one role, `not_found` for things that must exist, `conflict` for what others own, `limit_exceeded`
/// for quotas that would be passed, `already_exists` for things that are not ours to change.
pub fn plan_apply(grants: &[CheckedGrant], observed: &Observed, options: &PlanOptions) -> Result<Plan> {
    set::one_grant_each(grants)?;
    set::one_name_each(grants, observed)?;
    set::one_wish_each(grants)?;
    let mut builder = builder::Builder::new(grants, observed, options);
    for grant in set::needed_first(grants) {
        builder.apply(grant)?;
    }
    builder.finish(Verb::Apply, grants, observed, None)
}

/// Plans what takes back what podrole did for the grants: only what carries our marks, or what the receipt of the apply names.
///
/// # Errors
/// As [`plan_apply`]. What is gone already is not an error.
pub fn plan_revoke(
    grants: &[CheckedGrant],
    observed: &Observed,
    options: &PlanOptions,
    receipt: Option<&Receipt>,
) -> Result<Plan> {
    set::one_name_each(grants, observed)?;
    let mut builder = builder::Builder::new(grants, observed, options);
    for grant in set::once_each(set::needed_last(grants)) {
        builder.revoke(grant, receipt)?;
    }
    builder.finish(Verb::Revoke, grants, observed, receipt)
}
