//! Carries out a plan: steps whose dependencies are done go on together, and nothing that is not in the plan is done.

mod handle;
mod step;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

pub use handle::{Canceller, Run};
pub(crate) use turns::Turns;

use crate::error::{Error, ErrorKind, Leftovers, Result};
use crate::event::{Event, EventSink};
use crate::grant::ClusterSelector;
use crate::model::Cluster;
use crate::observe::{Purpose, observe};
use crate::plan::{Plan, Verb};
use crate::ports::{Backend, CallLog, Clock};
use crate::receipt::{Outcome, Receipt, StepReceipt};
use crate::schema::SchemaVersion;

/// How a run is carried out.
#[derive(Debug, Clone)]
pub(crate) struct RunOptions {
    /// Look at the world first, and refuse a plan that is stale: for plans that were made earlier.
    pub(crate) recheck: bool,
    /// What EKS has told this client of clusters.
    pub(crate) told: BTreeMap<ClusterSelector, Cluster>,
    /// After the steps, wait this long for rollouts to complete; `None` does not wait.
    pub(crate) wait: Option<Duration>,
    /// How long a new role or policy may take until every part of IAM knows it.
    pub(crate) propagation: Duration,
    /// Shared by the runs of a client.
    pub(crate) turns: Arc<Turns>,
}

/// How often a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    No,
    /// Finish what is under way, begin nothing.
    Gently,
    /// Do not even wait for what is under way.
    AtOnce,
}

/// Everything a run needs.
pub(crate) struct Job {
    pub(crate) backend: Backend,
    pub(crate) plan: Plan,
    pub(crate) options: RunOptions,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) sink: Option<EventSink>,
    pub(crate) stop: watch::Receiver<Stop>,
}

/// What became of a step's task.
struct Performed {
    id: u32,
    log: CallLog,
    took: Duration,
    result: Result<bool>,
    /// Whether part of the step took effect, although it failed.
    changed: bool,
}

struct Progress {
    events: mpsc::UnboundedSender<Event>,
    sink: Option<EventSink>,
    /// Whether the last event was told: a step that the run no longer waits for goes on in silence.
    ended: AtomicBool,
}

impl Progress {
    fn tell(&self, event: Event) {
        if self.ended.fetch_or(matches!(event, Event::Finished { .. }), Ordering::SeqCst) {
            return;
        }
        if let Some(sink) = &self.sink {
            // A sink that panics must not cost the receipt.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| sink(&event)));
        }
        let _ = self.events.send(event);
    }
}

/// A backend that panics must not cost the receipt.
async fn unpanicked(work: impl Future<Output = Result<()>>) -> Result<()> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unexpected, "the backend panicked: see the program's error output"))
    })
}

/// What a run that was asked to stop ends with.
fn cancelled_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Cancelled, message)
        .remedy("`apply` again continues from here; `revoke` takes back what is done")
}

impl Job {
    pub(crate) async fn carry_out(self) -> Result<Receipt> {
        let log = CallLog::new();
        log.clone().scope(self.inner(log)).await
    }

    async fn inner(mut self, log: CallLog) -> Result<Receipt> {
        let clock = self.backend.reads.clock();
        let begun = clock.elapsed();
        let progress =
            Arc::new(Progress { events: self.events.clone(), sink: self.sink.clone(), ended: AtomicBool::new(false) });
        let count = u32::try_from(self.plan.steps.len()).unwrap_or(u32::MAX);
        progress.tell(Event::Started { steps: count });
        let mut outcomes: BTreeMap<u32, StepReceipt> = BTreeMap::new();
        let mut failure = None;
        let mut gentle_stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut gentle_stop, Stop::Gently) => {}
            looked = unpanicked(self.look()) => failure = looked.err(),
        }
        if failure.is_none() {
            failure = self.steps(&progress, &clock, &mut outcomes).await;
        }
        // Looking again and again until rollouts are complete makes the work no deeper.
        let depth = log.depth();
        let mut waited_out = true;
        if failure.is_none()
            && *self.stop.borrow() == Stop::No
            && let Some(limit) = self.options.wait
        {
            let mut gentle_stop = self.stop.clone();
            tokio::select! {
                biased;
                () = stopped(&mut gentle_stop, Stop::Gently) => {
                    waited_out = false;
                    progress.tell(Event::Cancelling);
                }
                waited = unpanicked(self.wait_for_rollouts(&progress, &clock, limit)) => failure = waited.err(),
            }
        }
        let receipt = self.receipt(outcomes, millis(clock.elapsed().saturating_sub(begun)), &log, depth);
        progress.tell(Event::Finished {
            complete: receipt.is_complete() && waited_out && failure.is_none(),
            done: u32::try_from(receipt.done().len()).unwrap_or(u32::MAX),
            duration_ms: receipt.duration_ms,
        });
        let cancelled = *self.stop.borrow() != Stop::No && !(receipt.is_complete() && waited_out);
        let error = match failure {
            Some(error) => error,
            None if cancelled => cancelled_error("the run was cancelled"),
            None => return Ok(receipt),
        };
        let leftovers = match (receipt.unknown(), receipt.done()) {
            (resources, remaining) if !resources.is_empty() => Leftovers::Unknown { resources, remaining },
            (_, resources) if !resources.is_empty() => Leftovers::Remaining { resources },
            _ => Leftovers::None,
        };
        Err(error.leftovers(leftovers).receipt(receipt))
    }

    /// What is made sure of before the first write, on AWS too: that the world has not moved since a plan that was made earlier, and that every
    /// cluster is the right one, without which its writing half is not given.
    async fn look(&self) -> Result<()> {
        if self.options.recheck {
            let purpose =
                Purpose { remove_provider: self.plan.options.remove_provider, revoke: self.plan.verb == Verb::Revoke };
            let grants = self.plan.checked()?;
            let mut hints = self.plan.hints.clone();
            hints.confirm(&self.options.told);
            let observed = observe(self.backend.reads.as_ref(), &grants, &hints, purpose).await?;
            self.plan.require_fresh(&observed)?;
        }
        for step in &self.plan.steps {
            if let Some(cluster) = &step.target.cluster {
                self.backend.writes.kubernetes(&step::kubernetes_target(cluster, &self.plan.hints)?).await?;
            }
        }
        Ok(())
    }

    async fn steps(
        &mut self,
        progress: &Arc<Progress>,
        clock: &Arc<dyn Clock>,
        outcomes: &mut BTreeMap<u32, StepReceipt>,
    ) -> Option<Error> {
        let mut failure: Option<Error> = None;
        // How deep the calls before the steps were, and the calls of each step that is done.
        let looked = CallLog::current().map_or(0, |log| log.depth());
        let mut depths: BTreeMap<u32, u32> = BTreeMap::new();
        let mut started: BTreeSet<u32> = BTreeSet::new();
        let mut tasks: JoinSet<Performed> = JoinSet::new();
        let mut told = false;
        let mut gentle_stop = self.stop.clone();
        let mut hard_stop = self.stop.clone();
        loop {
            let asked = *gentle_stop.borrow_and_update();
            if asked != Stop::No && !told {
                told = true;
                progress.tell(Event::Cancelling);
            }
            if asked == Stop::No && failure.is_none() {
                for step in &self.plan.steps {
                    let ready = !started.contains(&step.id)
                        && step.depends_on.iter().all(|id| {
                            outcomes
                                .get(id)
                                .is_some_and(|done| matches!(done.outcome, Outcome::Done | Outcome::AlreadyDone))
                        });
                    if !ready {
                        continue;
                    }
                    started.insert(step.id);
                    progress.tell(Event::StepStarted { step: step.id, summary: step.summary.clone() });
                    let performer = step::Performer {
                        backend: self.backend.clone(),
                        step: step.clone(),
                        hints: self.plan.hints.clone(),
                        propagation: self.options.propagation,
                        turns: Arc::clone(&self.options.turns),
                        progress: Arc::clone(progress),
                        clock: Arc::clone(clock),
                        stop: self.stop.clone(),
                        new_role: self.plan.makes_role_of(step),
                        changed: AtomicBool::new(false),
                    };
                    // On a task of its own: whoever drops the run does not tear a call in two.
                    let run_log = CallLog::current().unwrap_or_default();
                    let waited_for =
                        step.depends_on.iter().filter_map(|id| depths.get(id)).copied().max().unwrap_or(looked);
                    let clock = Arc::clone(clock);
                    let id = step.id;
                    tasks.spawn(async move {
                        let begun = clock.elapsed();
                        let own = run_log.branch(waited_for);
                        let span = tracing::info_span!("step", id = performer.step.id, resource = %performer.step.target.resource);
                        let result = own.scope(performer.perform()).instrument(span).await;
                        let took = clock.elapsed().saturating_sub(begun);
                        Performed { id, log: own, took, result, changed: performer.changed.into_inner() }
                    });
                }
            }
            if tasks.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = stopped(&mut hard_stop, Stop::AtOnce) => {
                    // The tasks go on by themselves; nobody waits for their answers any more.
                    tasks.detach_all();
                    break;
                }
                () = stopped(&mut gentle_stop, Stop::Gently), if asked == Stop::No => {}
                Some(joined) = tasks.join_next() => {
                    let Performed { id, log, took, result, changed } = match joined {
                        Ok(done) => done,
                        Err(error) => {
                            failure.get_or_insert(
                                Error::new(ErrorKind::Unexpected, "a step ended without an answer").caused_by(error),
                            );
                            continue;
                        }
                    };
                    let Some(step) = self.plan.steps.iter().find(|step| step.id == id) else { continue };
                    let (outcome, error) = match result {
                        Ok(false) => (Outcome::Done, None),
                        Ok(true) => (Outcome::AlreadyDone, None),
                        Err(error) => {
                            let error = error.resource(step.target.resource.clone());
                            let effect_unknown = changed || step::effect_unknown(&error);
                            (Outcome::Failed { error: Box::new(error.payload()), effect_unknown }, Some(error))
                        }
                    };
                    progress.tell(Event::StepFinished { step: id, outcome: outcome.clone(), duration_ms: millis(took) });
                    outcomes.insert(id, StepReceipt {
                        step: id,
                        summary: step.summary.clone(),
                        outcome,
                        duration_ms: millis(took),
                        calls: log.calls(),
                    });
                    depths.insert(id, log.depth());
                    if let Some(error) = error {
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        for step in &self.plan.steps {
            outcomes.entry(step.id).or_insert_with(|| StepReceipt {
                step: step.id,
                summary: step.summary.clone(),
                outcome: if started.contains(&step.id) { Outcome::Unknown } else { Outcome::NotStarted },
                duration_ms: 0,
                calls: Vec::new(),
            });
        }
        failure
    }

    async fn wait_for_rollouts(&self, progress: &Progress, clock: &Arc<dyn Clock>, limit: Duration) -> Result<()> {
        let deadline = clock.elapsed() + limit;
        let mut pause = Duration::from_millis(250);
        let mut said = None;
        let gave_up = |reason: &str| {
            Error::new(ErrorKind::Timeout, format!("gave up waiting for {reason}"))
                .remedy("every change is made: look at the workload's events, then `verify`")
        };
        loop {
            let open = tokio::select! {
                biased;
                open = self.open_rollouts() => open?,
                () = clock.sleep(deadline.saturating_sub(clock.elapsed())) => {
                    return Err(gave_up(said.as_deref().unwrap_or("an answer about the rollouts")));
                }
            };
            let Some((workload, state)) = open.into_iter().next() else { return Ok(()) };
            let reason = format!("the rollout of {workload}: {state}");
            if said.as_ref() != Some(&reason) {
                progress.tell(Event::Waiting { step: 0, reason: reason.clone() });
                said = Some(reason.clone());
            }
            if clock.elapsed() + pause > deadline {
                return Err(gave_up(&reason).resource(workload));
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn open_rollouts(&self) -> Result<Vec<(String, String)>> {
        let mut open = Vec::new();
        for grant in self.plan.checked()? {
            let target = step::kubernetes_target(&grant.grant.cluster, &self.plan.hints)?;
            if !grant.grant.scope.has_kubernetes() {
                continue;
            }
            let port = self.backend.reads.kubernetes(&target).await?;
            for wanted in &grant.workloads {
                if let Some(found) = port.workload(&wanted.workload).await?
                    && !found.rollout.is_complete()
                    && !found.paused
                {
                    let rollout = &found.rollout;
                    let state = rollout.failure.clone().unwrap_or_else(|| {
                        format!(
                            "{} of {} pods updated, {} available",
                            rollout.updated, rollout.desired, rollout.available
                        )
                    });
                    open.push((wanted.workload.to_string(), state));
                }
            }
        }
        Ok(open)
    }

    fn receipt(
        &self,
        mut outcomes: BTreeMap<u32, StepReceipt>,
        duration_ms: u64,
        log: &CallLog,
        depth: u32,
    ) -> Receipt {
        let steps = self
            .plan
            .steps
            .iter()
            .map(|step| {
                outcomes.remove(&step.id).unwrap_or_else(|| StepReceipt {
                    step: step.id,
                    summary: step.summary.clone(),
                    outcome: Outcome::NotStarted,
                    duration_ms: 0,
                    calls: Vec::new(),
                })
            })
            .collect();
        Receipt {
            schema_version: SchemaVersion,
            plan: self.plan.clone(),
            steps,
            duration_ms,
            depth,
            calls: u32::try_from(log.calls().len()).unwrap_or(u32::MAX),
        }
    }
}

/// Ends when the run was asked to stop at least so hard.
async fn stopped(stop: &mut watch::Receiver<Stop>, at_least: Stop) {
    if stop.wait_for(|asked| *asked >= at_least).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
