//! What the core traces, as records of Python's `logging`.

use std::fmt::{self, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::interpreter::{Errand, leave};

/// The least severe level that crosses over, as `logging` counts: 10 is DEBUG. Everything above 50 is nothing.
static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);

static INSTALLED: Once = Once::new();

/// Lets records of this level and above cross over: the core asks no interpreter about the others.
#[pyfunction]
pub(crate) fn set_log_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
    if level <= 50 {
        INSTALLED.call_once(|| {
            // Another subscriber in the same process is one of the same library, which does not happen in a wheel.
            let _ = set_global_default(Records { next: AtomicU64::new(1) });
        });
    }
}

/// Passes events and beginnings of spans on. It keeps nothing, so it costs nothing between them.
struct Records {
    next: AtomicU64,
}

fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

impl Subscriber for Records {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Only podrole's own: what libraries below trace may hold requests.
        if ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ours(metadata) && severity(*metadata.level()) >= LEVEL.load(Ordering::Relaxed)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        let mut text = Text(metadata.name().to_owned());
        span.record(&mut text);
        pass_on(metadata, text.0);
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        pass_on(event.metadata(), text.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() == Some("podrole")
}

fn pass_on(metadata: &Metadata<'_>, text: String) {
    leave(Errand::Record(metadata.target().replace("::", "."), severity(*metadata.level()), text));
}

/// The fields of a span or event, in a line.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if self.0.is_empty() { "" } else { " " };
        let _ = if field.name() == "message" {
            write!(self.0, "{gap}{value:?}")
        } else {
            write!(self.0, "{gap}{}={value:?}", field.name())
        };
    }
}
