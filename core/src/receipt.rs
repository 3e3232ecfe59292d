//! What a run did: every step's outcome, duration and calls.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ErrorPayload;
use crate::plan::{Level, Plan, Verb, clean};
use crate::ports::Call;
use crate::schema::SchemaVersion;

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Outcome {
    /// The change was made.
    Done,
    /// The change turned out to be there already: made by an earlier attempt whose answer was lost.
    AlreadyDone,
    /// It failed. `effect_unknown` is set when the answer was lost: the change may have been made.
    Failed {
        /// Why.
        error: Box<ErrorPayload>,
        /// Whether the change may have been made all the same.
        effect_unknown: bool,
    },
    /// It was not started: an earlier step failed, or the run was cancelled.
    NotStarted,
    /// It was under way when the run was abandoned: whether it took effect is not known.
    Unknown,
}

/// One step of a [`Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepReceipt {
    /// The step's id in the plan.
    pub step: u32,
    /// What it changes, in words.
    pub summary: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The remote calls it made.
    pub calls: Vec<Call>,
}

/// What a run did. It holds its plan, so that `revoke` can tell what was put where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Version of this format.
    pub schema_version: SchemaVersion,
    /// The plan that was carried out.
    pub plan: Plan,
    /// Its steps, in the plan's order.
    pub steps: Vec<StepReceipt>,
    /// How long the whole run took, in milliseconds.
    pub duration_ms: u64,
    /// The longest chain of calls that waited for one another; the wait for rollouts is not counted.
    pub depth: u32,
    /// How many remote calls were made.
    pub calls: u32,
}

impl Receipt {
    /// Whether the run was for `apply` or for `revoke`.
    pub fn verb(&self) -> Verb {
        self.plan.verb
    }

    /// Whether every step is done.
    pub fn is_complete(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.outcome, Outcome::Done | Outcome::AlreadyDone))
    }

    /// The steps whose change stands, in words.
    pub fn done(&self) -> Vec<String> {
        self.pick(|outcome| matches!(outcome, Outcome::Done | Outcome::AlreadyDone))
    }

    /// The steps of which nobody knows whether their change was made, in words.
    pub fn unknown(&self) -> Vec<String> {
        self.pick(|outcome| matches!(outcome, Outcome::Unknown | Outcome::Failed { effect_unknown: true, .. }))
    }

    fn pick(&self, keep: impl Fn(&Outcome) -> bool) -> Vec<String> {
        self.steps.iter().filter(|step| keep(&step.outcome)).map(|step| step.summary.clone()).collect()
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let (mark, note) = match &step.outcome {
                Outcome::Done => ("✓", String::new()),
                Outcome::AlreadyDone => ("✓", " (was there already)".to_owned()),
                Outcome::Failed { error, .. } => ("✗", format!(": {}", error.message)),
                Outcome::NotStarted => ("·", " (not started)".to_owned()),
                Outcome::Unknown => ("?", " (outcome not known)".to_owned()),
            };
            writeln!(f, "{mark} {}{}", clean(&step.summary), clean(&note))?;
        }
        // What stays, or is not known, matters as much as what was done.
        for notice in self.plan.notices.iter().filter(|notice| notice.level == Level::Warning) {
            writeln!(f, "! {}: {}", clean(&notice.resource), clean(&notice.message))?;
        }
        write!(
            f,
            "{} of {} steps, {} calls, {} deep, {} ms",
            self.done().len(),
            self.steps.len(),
            self.calls,
            self.depth,
            self.duration_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    #[test]
    fn the_json_of_an_outcome_is_camel_case_as_everything_else() {
        let error = Box::new(Error::new(ErrorKind::Timeout, "no answer").payload());
        let json = serde_json::to_value(Outcome::Failed { error, effect_unknown: true }).unwrap_or_default();
        assert_eq!((json["kind"].as_str(), json["effectUnknown"].as_bool()), (Some("failed"), Some(true)), "{json}");
    }
}
