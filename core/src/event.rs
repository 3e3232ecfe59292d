//! What a run tells while it works.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::receipt::Outcome;

/// Progress of a run. Events that nobody reads are dropped with the run; they never hold it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// The run begins: always the first event.
    Started {
        /// How many steps there are.
        steps: u32,
    },
    /// A step begins.
    StepStarted {
        /// Its id.
        step: u32,
        /// What it changes, in words.
        summary: String,
    },
    /// A step waits for something outside to become effective.
    Waiting {
        /// Its id; 0 for the wait after all steps.
        step: u32,
        /// For what.
        reason: String,
    },
    /// A step ended.
    StepFinished {
        /// Its id.
        step: u32,
        /// What became of it.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A cancel was asked for; the steps under way finish, and no other begins.
    Cancelling,
    /// The run ended: always the last event.
    Finished {
        /// Whether every step is done.
        complete: bool,
        /// How many steps are done.
        done: u32,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
}

impl Event {
    /// The `kind` of every event, for the catalogue that the bindings are checked against.
    pub const KINDS: &'static [&'static str] =
        &["started", "step_started", "waiting", "step_finished", "cancelling", "finished"];
}

/// Receives the events of every run of a client: also of runs whose handle was dropped. It must not block; a panic in it is ignored.
pub type EventSink = Arc<dyn Fn(&Event) + Send + Sync>;
