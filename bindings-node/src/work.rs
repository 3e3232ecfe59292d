//! Work under way: its events, its answer, and the way to stop it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use napi::bindgen_prelude::{Env, PromiseRaw, spawn, within_runtime_if_available};
use napi::{Error, Result};
use napi_derive::napi;
use podrole::{Apply, ErrorKind, Event, Receipt};
use serde::Serialize;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::failure::{thrown, written};

/// How many events cross over at once.
const BATCH: usize = 256;

type Answer = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

/// Work that can be stopped. A run begins with the call that gives it, and letting go of it does not stop it; reading begins with
/// [`Work::answer`], which saves a way between threads.
#[napi]
pub struct Work {
    stop: watch::Sender<u32>,
    events: Option<Arc<Mutex<mpsc::UnboundedReceiver<Event>>>>,
    answer: SyncMutex<Option<Answer>>,
    /// Whether the thread of JavaScript may do it: where nothing is waited for but the processor.
    here: bool,
}

#[napi]
impl Work {
    /// Stops it: gently the first time, at once the second time.
    #[napi]
    pub fn cancel(&self) {
        self.stop.send_modify(|asked| *asked += 1);
    }

    /// The events since the last call, at least one, as a JSON array; null after the last.
    #[napi]
    pub fn events<'e>(&self, env: &'e Env) -> Result<PromiseRaw<'e, Option<String>>> {
        let events = self.events.clone();
        env.spawn_future(async move {
            let Some(events) = events else { return Ok(None) };
            let mut batch = Vec::new();
            events.lock().await.recv_many(&mut batch, BATCH).await;
            if batch.is_empty() { Ok(None) } else { written(&batch).map(Some) }
        })
    }

    /// What it comes to, as JSON text. It can be asked for once.
    #[napi(catch_unwind)]
    pub fn answer<'e>(&self, env: &'e Env) -> Result<PromiseRaw<'e, String>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(lost)?;
        if self.here
            && let Some(answer) = within_runtime_if_available(|| at_once(&mut answer))
        {
            return PromiseRaw::resolve(env, answer?);
        }
        env.spawn_future(answer)
    }
}

impl Work {
    /// Work that only reads: stopping it drops it. `here`: the thread of JavaScript may do it.
    pub(crate) fn reading<T: Serialize + Send + 'static>(
        here: bool,
        work: impl Future<Output = podrole::Result<T>> + Send + 'static,
    ) -> Self {
        let (stop, mut asked) = watch::channel(0);
        let answer: Answer = Box::pin(async move {
            tokio::select! {
                biased;
                () = asked_times(&mut asked, 1) => Err(thrown(cancelled())),
                answer = work => answer.map_err(thrown).and_then(|value| written(&value)),
            }
        });
        Self { stop, events: None, answer: SyncMutex::new(Some(answer)), here }
    }

    /// Begins a run.
    pub(crate) fn run(apply: Apply) -> Self {
        let (stop, asked) = watch::channel(0);
        let (sender, receiver) = oneshot::channel();
        let (tell, events) = mpsc::unbounded_channel();
        spawn(async move {
            let answer = carry_out(apply, asked, tell).await;
            let _ = sender.send(answer.map_err(thrown).and_then(|receipt| written(&receipt)));
        });
        let answer: Answer = Box::pin(async move { receiver.await.unwrap_or_else(|_| Err(lost())) });
        Self { stop, events: Some(Arc::new(Mutex::new(events))), answer: SyncMutex::new(Some(answer)), here: false }
    }
}

fn lost() -> Error {
    Error::from_reason("the work ended without an answer")
}

async fn carry_out(
    apply: Apply,
    mut asked: watch::Receiver<u32>,
    tell: mpsc::UnboundedSender<Event>,
) -> podrole::Result<Receipt> {
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
                let _ = tell.send(event);
                if last {
                    break;
                }
            }
        }
    }
    run.finish().await
}

/// What work comes to that waits for nobody else; `None` when it does.
fn at_once(work: &mut Answer) -> Option<Result<String>> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return Some(answer),
            // It only let others go first.
            Poll::Pending if woken.0.swap(false, Ordering::Relaxed) => {}
            Poll::Pending => return None,
        }
    }
}

/// Remembers that work asked to go on.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends when it was asked to stop so often.
async fn asked_times(asked: &mut watch::Receiver<u32>, times: u32) {
    if asked.wait_for(|asked| *asked >= times).await.is_err() {
        // Nobody holds the work any more: it goes on to its end.
        std::future::pending::<()>().await;
    }
}

fn cancelled() -> podrole::Error {
    podrole::Error::new(ErrorKind::Cancelled, "the call was cancelled before anything was written")
}
