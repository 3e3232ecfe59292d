//! Work under way: its events, its answer, and the way to stop it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use podrole::{Apply, Error, ErrorKind, Event, Receipt, Result};
use pyo3::prelude::*;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::failure::{detached, failure, raised, written};
use crate::interpreter::{Errand, leave};
use crate::runtime::Home;

/// How long one wait without the interpreter may be, in seconds: enough not to cost anything, and short enough for a clock.
const LONGEST_WAIT: f64 = 3600.0;

/// Work. A run begins with the call that gives it, and letting go of it does not stop it; reading begins when somebody waits for it.
#[pyclass(frozen)]
pub(crate) struct Work {
    stop: watch::Sender<u32>,
    state: Arc<State>,
    home: Home,
    reading: Mutex<Option<Reading>>,
}

/// Reading that has not begun.
struct Reading {
    runtime: Arc<Runtime>,
    answer: Pin<Box<dyn Future<Output = Result<String>> + Send>>,
}

#[derive(Default)]
struct State {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// As JSON text, from the first on.
    events: Vec<String>,
    /// JSON text of what it came to, or of the failure.
    answer: Option<Result<String, String>>,
    /// Called without arguments at every event and at the end, by their number.
    listeners: BTreeMap<u64, Arc<Py<PyAny>>>,
    next_listener: u64,
}

#[pymethods]
impl Work {
    /// Stops it: gently the first time, at once the second time.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.home.check("this run")?;
            self.stop.send_modify(|asked| *asked += 1);
            Ok(())
        })
    }

    /// Waits at most so many seconds for the end; whether it has ended.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        detached(py, || {
            self.home.check("this run")?;
            let left = if self.read_here(seconds) { 0.0 } else { seconds };
            Ok(self.state.wait(left, |progress| progress.answer.is_some()).answer.is_some())
        })
    }

    /// The events from an index on, as a JSON array, after waiting at most so many seconds for the first of them; `None` after the last.
    fn events(&self, py: Python<'_>, index: usize, seconds: f64) -> PyResult<Option<String>> {
        detached(py, || {
            self.home.check("this run")?;
            let there = |progress: &Progress| progress.events.len() > index || progress.answer.is_some();
            let progress = self.state.wait(seconds, there);
            let news = progress.events.get(index..).unwrap_or_default();
            Ok((!news.is_empty() || progress.answer.is_none()).then(|| format!("[{}]", news.join(","))))
        })
    }

    /// What it came to, as JSON text; `None` while it goes on.
    fn answer(&self, py: Python<'_>) -> PyResult<Option<String>> {
        detached(py, || self.home.check("this run"))?;
        // Not under the lock: making the exception can let another thread have the interpreter, which may want the lock.
        let answer = self.state.lock().answer.clone();
        match answer {
            None => Ok(None),
            Some(Ok(answer)) => Ok(Some(answer)),
            Some(Err(failure)) => Err(raised(py, &failure)),
        }
    }

    /// Calls `listener` from another thread at every event from now on and at the end; its number.
    fn listen(&self, listener: Py<PyAny>) -> u64 {
        self.read_here(0.0);
        let mut progress = self.state.lock();
        let number = progress.next_listener;
        progress.next_listener += 1;
        progress.listeners.insert(number, Arc::new(listener));
        number
    }

    /// Calls a listener no more.
    fn forget(&self, listening: u64) {
        let listener = self.state.lock().listeners.remove(&listening);
        // Outside of the lock: what it holds is let go of.
        drop(listener);
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, seconds: f64, done: impl Fn(&Progress) -> bool) -> MutexGuard<'_, Progress> {
        let end = Instant::now() + length(seconds);
        let mut progress = self.lock();
        while !done(&progress) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            progress = self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        progress
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        let listeners: Vec<_> = {
            let mut progress = self.lock();
            change(&mut progress);
            progress.listeners.values().map(Arc::clone).collect()
        };
        self.changed.notify_all();
        for listener in listeners {
            leave(Errand::Wake(listener));
        }
    }
}

/// How long a wait is.
fn length(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT)).unwrap_or_default()
}

/// Gives the work its answer, whatever happens: a panic must not leave anybody waiting.
struct Ending(Arc<State>);

impl Ending {
    fn with(&self, answer: Result<String>) {
        let answer = answer.map_err(|error| failure(&error));
        self.0.tell(|progress| {
            progress.answer.get_or_insert(answer);
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.lock().answer.is_none() {
            self.with(Err(Error::new(ErrorKind::Unexpected, "the work ended without an answer")));
        }
    }
}

impl Work {
    /// Work that only reads: stopping it drops it.
    pub(crate) fn reading<T: Serialize + Send + 'static>(
        runtime: &Arc<Runtime>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Self {
        let (stop, mut asked) = watch::channel(0);
        let answer = Box::pin(async move {
            tokio::select! {
                biased;
                () = asked_times(&mut asked, 1) => Err(cancelled()),
                answer = work => answer.and_then(|value| written(&value)),
            }
        });
        let reading = Reading { runtime: Arc::clone(runtime), answer };
        Self { stop, state: Arc::default(), home: Home::here(), reading: Mutex::new(Some(reading)) }
    }

    /// Begins reading that has not begun, and does it on this thread, which waits anyway, for at most so many seconds: that saves waking
    /// another thread, and this one after it. What takes longer goes on on one of ours. Whether the time was used.
    fn read_here(&self, seconds: f64) -> bool {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Reading { runtime, mut answer }) = reading else { return false };
        let here = seconds > 0.0;
        let _inside = runtime.enter();
        let ending = Ending(Arc::clone(&self.state));
        if here {
            let waiting = || runtime.block_on(timeout(length(seconds), &mut answer));
            match catch_unwind(AssertUnwindSafe(waiting)) {
                Ok(Ok(answer)) => ending.with(answer),
                Ok(Err(_)) => drop(runtime.spawn(async move { ending.with(answer.await) })),
                // What ends without an answer says so.
                Err(_) => drop(ending),
            }
        } else {
            drop(runtime.spawn(async move { ending.with(answer.await) }));
        }
        here
    }

    /// Begins a run.
    pub(crate) fn run(runtime: &Runtime, apply: Apply) -> Self {
        Self::begin(runtime, |asked, state| async move {
            carry_out(apply, asked, &state).await.and_then(|receipt| written(&receipt))
        })
    }

    fn begin<F>(runtime: &Runtime, work: impl FnOnce(watch::Receiver<u32>, Arc<State>) -> F) -> Self
    where
        F: Future<Output = Result<String>> + Send + 'static,
    {
        let (stop, asked) = watch::channel(0);
        let state = Arc::<State>::default();
        let work = work(asked, Arc::clone(&state));
        let ending = Ending(Arc::clone(&state));
        runtime.spawn(async move { ending.with(work.await) });
        Self { stop, state, home: Home::here(), reading: Mutex::new(None) }
    }
}

async fn carry_out(apply: Apply, mut asked: watch::Receiver<u32>, state: &Arc<State>) -> Result<Receipt> {
    // Making the plan only reads: there is no step to finish.
    let mut run = tokio::select! {
        biased;
        () = asked_times(&mut asked, 1) => return Err(cancelled()),
        run = apply.start() => run?,
    };
    let mut passed_on = 0;
    loop {
        tokio::select! {
            () = asked_times(&mut asked, passed_on + 1) => {
                run.cancel();
                passed_on += 1;
            }
            event = run.next_event() => {
                let Some(event) = event else { break };
                let last = matches!(event, Event::Finished { .. });
                let text = written(&event)?;
                state.tell(|progress| progress.events.push(text));
                if last {
                    break;
                }
            }
        }
    }
    run.finish().await
}

/// Ends when it was asked to stop so often.
async fn asked_times(asked: &mut watch::Receiver<u32>, times: u32) {
    if asked.wait_for(|asked| *asked >= times).await.is_err() {
        // Nobody holds the work any more: it goes on to its end.
        std::future::pending::<()>().await;
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was cancelled before anything was written")
}
