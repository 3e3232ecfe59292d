//! The handle of a run.

use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{FutureExt, Stream};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Job, RunOptions, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventSink};
use crate::plan::Plan;
use crate::ports::Backend;
use crate::receipt::Receipt;

/// A run under way: a stream of [`Event`]s, and a future of the [`Receipt`].
///
/// Reading no events never holds the run up. Dropping the handle cancels gently: the steps under way finish, no other begins, and the
/// last event reaches the client's event sink.
#[must_use = "dropping a run cancels it"]
#[derive(Debug)]
pub struct Run {
    events: mpsc::UnboundedReceiver<Event>,
    result: oneshot::Receiver<Result<Receipt>>,
    stop: watch::Sender<Stop>,
    finished: bool,
}

impl Run {
    /// Starts a run on the present tokio runtime.
    pub(crate) fn start(backend: Backend, plan: Plan, options: RunOptions, sink: Option<EventSink>) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(Stop::No);
        let (answer, result) = oneshot::channel();
        let job = Job { backend, plan, options, events, sink, stop: stopped };
        tokio::spawn(async move {
            let _ = answer.send(job.carry_out().await);
        });
        Self { events: receiver, result, stop, finished: false }
    }

    /// Asks the run to stop. The first time, the steps under way finish and no other begins; the second time, the run ends at once and says
    /// of the steps under way that their outcome is unknown. The run then ends with [`ErrorKind::Cancelled`], with the receipt.
    pub fn cancel(&self) {
        self.stop.send_modify(|stop| *stop = if *stop == Stop::No { Stop::Gently } else { Stop::AtOnce });
    }

    /// A handle that cancels from elsewhere, such as a signal handler.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.stop.clone())
    }

    /// The next event; `None` after the last.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Whatever made the run fail, with [leftovers](Error::get_leftovers) and [receipt](Error::get_receipt).
    pub async fn finish(mut self) -> Result<Receipt> {
        let result = (&mut self.result).await;
        self.finished = true;
        result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unexpected, "the run ended without an answer")))
    }
}

/// Cancels a [`Run`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Canceller(watch::Sender<Stop>);

impl Canceller {
    /// As [`Run::cancel`].
    pub fn cancel(&self) {
        self.0.send_modify(|stop| *stop = if *stop == Stop::No { Stop::Gently } else { Stop::AtOnce });
    }
}

impl Stream for Run {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(context)
    }
}

impl IntoFuture for Run {
    type Output = Result<Receipt>;
    type IntoFuture = futures::future::BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.finish().boxed()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.finished {
            self.stop.send_modify(|stop| *stop = (*stop).max(Stop::Gently));
        }
    }
}
