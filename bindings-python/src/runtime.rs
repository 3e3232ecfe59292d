//! The threads that futures run on: one set for each process, made when it is first needed.

use std::mem::ManuallyDrop;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use podrole::{Error, ErrorKind, Result};
use pyo3::Python;
use tokio::runtime::{Builder, Runtime};

/// How many futures run at the same time; nearly all of their time is waiting.
const THREADS: usize = 2;

struct Threads {
    process: u32,
    /// Never dropped: after a fork the threads are not there to be joined, and at the end of the process they end with it.
    runtime: ManuallyDrop<Arc<Runtime>>,
}

static THREADS_OF_PROCESS: Mutex<Option<Threads>> = Mutex::new(None);

/// The runtime of this process.
///
/// The interpreter is held, so that no fork can catch the lock in the hands of a thread that the child does not have.
pub(crate) fn runtime(_py: Python<'_>) -> Result<Arc<Runtime>> {
    let mut held = THREADS_OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let process = process::id();
    if let Some(threads) = held.as_ref().filter(|threads| threads.process == process) {
        return Ok(Arc::clone(&threads.runtime));
    }
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("podrole").enable_all().build();
    let runtime = Arc::new(runtime.map_err(|problem| {
        Error::new(ErrorKind::Unexpected, format!("the system gives no threads: {problem}")).caused_by(problem)
    })?);
    *held = Some(Threads { process, runtime: ManuallyDrop::new(Arc::clone(&runtime)) });
    Ok(runtime)
}

/// What must not be used after a fork: connections and work under way stay with the process that began them.
#[derive(Clone, Copy)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(process::id())
    }

    pub(crate) fn check(self, what: &str) -> Result<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ConfigInvalid, format!("{what} was made before this process was forked"))
            .remedy("make a client in this process, after the fork (gunicorn: in the `post_fork` hook; multiprocessing: in the worker)"))
    }
}
