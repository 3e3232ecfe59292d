//! What our own threads want of the interpreter. They leave it as an errand, and threads of Python do it: see `podrole._errands`.
//!
//! The interpreter kills or hangs a thread that waits for it while it ends. A thread of Python may be in the middle of a function of the
//! caller then. One of ours may not: with our frames on its stack, being killed takes the process down with an abort. So none of ours
//! ever goes to the interpreter, and of Python's none is in Python's code with our frames below while the interpreter ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId, sleep};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::sync::oneshot;

/// How long the end of the interpreter waits for records that are not written yet: a handler of the caller may never return.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks for those inside, whom nobody has to wake.
const GLANCE: Duration = Duration::from_millis(1);

/// Something that a thread of Python is to do. Each kind has a lane of its own, so that one does not wait for another.
pub(crate) enum Errand {
    /// Call a listener.
    Wake(Arc<Py<PyAny>>),
    /// Hand a record to `logging`: the logger's name, the level, and the text.
    Record(String, u8, String),
    /// Ask a function of the caller, and give its answer.
    Ask(Arc<Py<PyAny>>, String, oneshot::Sender<String>),
}

impl Errand {
    fn lane(&self) -> usize {
        match self {
            Self::Wake(_) => 0,
            Self::Record(..) => RECORDS,
            Self::Ask(..) => 2,
        }
    }

    fn arguments(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        match self {
            Self::Wake(listener) => (&*listener,).into_pyobject(py),
            Self::Record(name, level, text) => (name, level, text).into_pyobject(py),
            Self::Ask(function, question, answer) => {
                (&*function, question, Reply(Mutex::new(Some(answer)))).into_pyobject(py)
            }
        }
    }
}

const RECORDS: usize = 1;

/// Where the answer to a question goes.
#[pyclass(frozen)]
pub(crate) struct Reply(Mutex<Option<oneshot::Sender<String>>>);

#[pymethods]
impl Reply {
    /// Answers. The interpreter is held meanwhile, so that nobody is killed here.
    fn give(&self, answer: String) {
        if let Some(asker) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whoever asked may have stopped waiting.
            let _ = asker.send(answer);
        }
    }
}

/// Errands of one kind.
struct Lane {
    list: Mutex<List>,
    changed: Condvar,
}

struct List {
    errands: VecDeque<Errand>,
    /// Whether a thread of Python takes them.
    attended: bool,
    /// Whether one that was taken is not done yet.
    busy: bool,
    closed: bool,
}

impl Lane {
    const fn new() -> Self {
        let list = List { errands: VecDeque::new(), attended: false, busy: false, closed: false };
        Self { list: Mutex::new(list), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one, once there is one; `None` when no more come.
    fn take(&self) -> Option<Errand> {
        let mut list = self.lock();
        list.busy = false;
        self.changed.notify_all();
        loop {
            if let Some(errand) = list.errands.pop_front() {
                list.busy = true;
                return Some(errand);
            }
            if list.closed {
                return None;
            }
            list = self.changed.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_until_done(&self, patience: Duration) {
        let more = |list: &mut List| list.attended && (list.busy || !list.errands.is_empty());
        drop(self.changed.wait_timeout_while(self.lock(), patience, more));
    }

    fn close(&self) {
        let left = {
            let mut list = self.lock();
            list.closed = true;
            std::mem::take(&mut list.errands)
        };
        self.changed.notify_all();
        drop(left);
    }
}

/// What belongs to one process. A fork begins another one: a thread that the child does not have may hold a lock of this one.
struct Process {
    lanes: [Lane; 3],
    /// How many are in Python's code with frames of ours below.
    inside: AtomicUsize,
    ending: AtomicBool,
    ended_by: OnceLock<ThreadId>,
    child: OnceLock<Box<Process>>,
}

impl Process {
    const fn new() -> Self {
        Self {
            lanes: [Lane::new(), Lane::new(), Lane::new()],
            inside: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            ended_by: OnceLock::new(),
            child: OnceLock::new(),
        }
    }
}

static FIRST: Process = Process::new();

fn here() -> &'static Process {
    let mut process = &FIRST;
    while let Some(child) = process.child.get() {
        process = child;
    }
    process
}

/// Leaves an errand; it is let go of when nobody will do it.
pub(crate) fn leave(errand: Errand) {
    let lane = &here().lanes[errand.lane()];
    let mut list = lane.lock();
    if list.attended && !list.closed {
        list.errands.push_back(errand);
        drop(list);
        lane.changed.notify_all();
    }
}

/// Whether the caller must start a thread that takes the errands of a lane: nobody does yet. `None` when there will be none any more.
#[pyfunction]
pub(crate) fn claim_errands(lane: usize) -> Option<bool> {
    let mut list = here().lanes[lane].lock();
    (!list.closed).then(|| !std::mem::replace(&mut list.attended, true))
}

/// Takes that back: there is no thread to be had.
#[pyfunction]
pub(crate) fn unclaim_errands(lane: usize) {
    here().lanes[lane].lock().attended = false;
}

/// Waits for an errand of a lane, and gives its arguments; the one before is done. `None` when no more come.
#[pyfunction]
pub(crate) fn next_errand(py: Python<'_>, lane: usize) -> PyResult<Option<Bound<'_, PyAny>>> {
    py.detach(|| here().lanes[lane].take()).map(|errand| errand.arguments(py).map(Bound::into_any)).transpose()
}

/// Someone who runs Python's code from ours.
pub(crate) struct Inside(&'static Process);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets the caller run Python's code that does not take long; `None` when the interpreter ends, and could kill this thread there.
pub(crate) fn inside() -> Option<Inside> {
    let process = here();
    // In this order: whoever ends the interpreter sees us inside, or we see that it ends.
    process.inside.fetch_add(1, Ordering::SeqCst);
    let inside = Inside(process);
    let killable = process.ending.load(Ordering::SeqCst) && process.ended_by.get() != Some(&thread::current().id());
    (!killable).then_some(inside)
}

/// Waits for the records that are not written yet, then closes the lanes and waits for those inside. `atexit` calls it.
#[pyfunction]
pub(crate) fn leave_interpreter(py: Python<'_>) {
    let process = here();
    py.detach(|| {
        process.lanes[RECORDS].wait_until_done(PATIENCE);
        process.ended_by.get_or_init(|| thread::current().id());
        process.ending.store(true, Ordering::SeqCst);
        let end = Instant::now() + PATIENCE;
        while process.inside.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            sleep(GLANCE);
        }
    });
    // What is still on the lists holds functions of Python.
    process.lanes.iter().for_each(Lane::close);
}

/// Forgets the threads of the process that this one was forked from. `os.register_at_fork` calls it, in the child.
#[pyfunction]
pub(crate) fn forked() {
    here().child.get_or_init(|| Box::new(Process::new()));
}
