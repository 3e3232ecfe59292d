//! Ctrl-C, from the beginning of a program to its end.

use podrole::{Error, ErrorKind, Leftovers, Receipt, Result};
use tokio::sync::watch;

/// Counts Ctrl-C. Once there is one of these, Ctrl-C no longer ends the process by itself.
pub struct Interrupts {
    count: watch::Receiver<u32>,
    seen: u32,
}

impl Interrupts {
    /// Begins to listen, on the runtime that this is called in.
    pub fn listen() -> Self {
        let (sender, count) = watch::channel(0);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                sender.send_modify(|count| *count += 1);
            }
        });
        Self { count, seen: 0 }
    }

    /// Waits for the next Ctrl-C.
    pub async fn next(&mut self) {
        let seen = self.seen;
        match self.count.wait_for(|count| *count > seen).await {
            Ok(_) => self.seen += 1,
            // There is no Ctrl-C here.
            Err(_) => std::future::pending().await,
        }
    }

    /// Work that only reads: Ctrl-C ends it. What an earlier run `made` is told as left behind.
    ///
    /// # Errors
    /// What the work met, or `cancelled`.
    pub async fn reading<T>(&mut self, made: Option<&Receipt>, work: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work.into_future() => result,
            () = self.next() => Err(interrupted(made)),
        }
    }
}

fn interrupted(made: Option<&Receipt>) -> Error {
    let error = Error::new(ErrorKind::Cancelled, "interrupted");
    match made {
        None => error.remedy("run it again: it goes on from what is there"),
        Some(receipt) => error
            .leftovers(Leftovers::Remaining { resources: receipt.done() })
            .remedy("run it again: it finds what is there, and revokes it at the end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interruption_ends_what_reads_and_each_is_seen_once() {
        let (sender, count) = watch::channel(0);
        let mut interrupts = Interrupts { count, seen: 0 };
        let done = interrupts.reading(None, async { Ok(7) }).await;
        assert_eq!(done.ok(), Some(7));
        sender.send_modify(|count| *count += 2);
        let error = interrupts.reading(None, std::future::pending::<Result<()>>()).await.err();
        assert!(
            error
                .is_some_and(|error| error.kind() == ErrorKind::Cancelled && *error.get_leftovers() == Leftovers::None)
        );
        interrupts.next().await;
        assert_eq!(interrupts.seen, 2);
    }
}
