//! Time in the simulation: it starts at a fixed moment and runs with tokio's clock, so that paused time works.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::ports::Clock;

/// 2026-01-01T00:00:00Z.
pub(super) const START: i64 = 1_767_225_600;

/// The clock of one [`Memory`](super::Memory). It starts when it is first read, so that a world may be built outside a
/// runtime.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryClock(Arc<OnceLock<Instant>>);

impl MemoryClock {
    pub(super) fn since_start(&self) -> Duration {
        let now = Instant::now();
        now.saturating_duration_since(*self.0.get_or_init(|| now))
    }

    pub(super) fn seconds(&self) -> i64 {
        START.saturating_add_unsigned(self.since_start().as_secs())
    }
}

#[async_trait]
impl Clock for MemoryClock {
    fn now(&self) -> i64 {
        self.seconds()
    }

    fn elapsed(&self) -> Duration {
        self.since_start()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
