//! Which remote calls a piece of work made, and how many of them had to wait for one another.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

tokio::task_local! {
    static LOG: CallLog;
}

/// One remote call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    /// `iam:CreateRole`, `kubernetes:patch serviceaccounts`.
    pub operation: String,
    /// Its place in the longest chain of calls that waited for one another, from 1.
    pub depth: u32,
}

/// Collects the calls made inside [`CallLog::scope`]. Cheap to clone; clones share the log.
#[derive(Debug, Clone, Default)]
pub struct CallLog {
    state: Arc<Mutex<State>>,
    /// The log of the work that this is a part of: calls are written there too.
    parent: Option<Arc<CallLog>>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    finished: u32,
}

impl CallLog {
    /// A new, empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future; the calls that ports make in it are written here.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        LOG.scope(self.clone(), future).await
    }

    /// The log of the scope this runs in, if it runs in one: for work that is spawned and should count there.
    pub fn current() -> Option<Self> {
        LOG.try_with(Clone::clone).ok()
    }

    /// The calls so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The longest chain of calls that waited for one another: the round trips that cannot be saved by doing things at once.
    pub fn depth(&self) -> u32 {
        self.lock().finished
    }

    /// A log for a branch of the work, that waited for the calls up to a depth and for nothing else: what is written there is written here
    /// too.
    pub(crate) fn branch(&self, depth: u32) -> Self {
        let state = State { calls: Vec::new(), finished: depth };
        Self { state: Arc::new(Mutex::new(state)), parent: Some(Arc::new(self.clone())) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, operation: &str) -> u32 {
        let mut state = self.lock();
        let depth = state.finished + 1;
        let call = Call { operation: operation.to_owned(), depth };
        state.calls.push(call.clone());
        drop(state);
        if let Some(parent) = &self.parent {
            parent.note(call);
        }
        depth
    }

    fn note(&self, call: Call) {
        if let Some(parent) = &self.parent {
            parent.note(call.clone());
        }
        self.lock().calls.push(call);
    }

    fn end(&self, depth: u32) {
        if let Some(parent) = &self.parent {
            parent.end(depth);
        }
        let mut state = self.lock();
        state.finished = state.finished.max(depth);
    }
}

/// Marks a future as one remote call: it runs in a `tracing` span `call` and is written to the [`CallLog`] of its scope. Backends wrap each
/// call in this.
pub async fn traced<F: Future>(operation: &str, future: F) -> F::Output {
    let future = future.instrument(tracing::debug_span!("call", operation));
    let Some(log) = CallLog::current() else { return future.await };
    let depth = log.begin(operation);
    let output = future.await;
    log.end(depth);
    output
}
