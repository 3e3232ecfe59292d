//! The way from our own threads to the interpreter, which is closed before the interpreter ends.
//!
//! The interpreter kills a thread that waits for it while it ends, and a native thread that is killed takes the process down with an abort.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long the end of the interpreter waits for those inside: a function of the caller may never return.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks. No lock and no signal instead: a fork could catch a lock in the hands of a thread that is not there any more.
const GLANCE: Duration = Duration::from_millis(1);

static CLOSED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);
static PROMISED: AtomicUsize = AtomicUsize::new(0);

/// Does something with the interpreter, from a thread that is not one of Python's; `None` when the interpreter ends or has ended.
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    // In this order: whoever closes sees us inside, or we see it closed.
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let _inside = Inside;
    if CLOSED.load(Ordering::SeqCst) { None } else { Python::try_attach(work) }
}

/// Work for the interpreter that waits for a thread. The end of the interpreter waits for it: a record of the last call is not lost.
pub(crate) struct Promise(());

impl Promise {
    pub(crate) fn new() -> Self {
        PROMISED.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        PROMISED.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for what was promised, then lets no thread of ours to the interpreter any more, and waits for those that are there. `atexit`
/// calls it.
#[pyfunction]
pub(crate) fn leave_interpreter(py: Python<'_>) {
    py.detach(|| {
        let end = Instant::now() + PATIENCE;
        let wait_for = |count: &AtomicUsize| {
            while count.load(Ordering::SeqCst) > 0 && Instant::now() < end {
                sleep(GLANCE);
            }
        };
        wait_for(&PROMISED);
        CLOSED.store(true, Ordering::SeqCst);
        wait_for(&INSIDE);
    });
}

/// Forgets the threads of the process that this one was forked from. `os.register_at_fork` calls it, in the child.
#[pyfunction]
pub(crate) fn forked() {
    INSIDE.store(0, Ordering::SeqCst);
    PROMISED.store(0, Ordering::SeqCst);
}
