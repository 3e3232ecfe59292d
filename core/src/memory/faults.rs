//! What goes wrong in the simulation, at which call, and whether before or after its effect.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::errors;
use super::state::CallRecord;
use crate::error::{Error, ErrorKind, Retry};

/// A failure to play at calls of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operations it is played at: `iam:CreateRole`, or a beginning and a star (`iam:*`, `kubernetes:patch *`, `*`).
    pub operation: String,
    /// At which of them, counted from 1 since the fault was scripted; left out, at each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// What happens.
    pub effect: FaultEffect,
}

/// What a [`Fault`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "WrittenEffect")]
#[non_exhaustive]
pub enum FaultEffect {
    /// The call is denied, and nothing happens.
    Denied,
    /// The service asks to slow down, and nothing happens.
    Throttled,
    /// The service fails, and nothing happens.
    ServerError,
    /// The service cannot be reached.
    Network,
    /// The answer cannot be read; the effect happened.
    Garbled,
    /// The trust policy names a principal that IAM does not know yet.
    InvalidPrincipal,
    /// The service refuses with a code of your choice, and nothing happens.
    Error {
        /// The kind that an adapter makes of it.
        error: ErrorKind,
        /// The service's code.
        code: String,
        /// The service's message.
        message: String,
    },
    /// The effect happens, but its answer never comes: the caller sees a timeout.
    LostAnswer,
    /// No effect and no answer, ever.
    HangBefore,
    /// The effect happens, and no answer ever comes.
    HangAfter,
}

/// An effect as it is written. A tag inside an enum would let keys pass that nothing reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenEffect {
    r#type: EffectType,
    error: Option<ErrorKind>,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EffectType {
    Denied,
    Throttled,
    ServerError,
    Network,
    Garbled,
    InvalidPrincipal,
    Error,
    LostAnswer,
    HangBefore,
    HangAfter,
}

impl TryFrom<WrittenEffect> for FaultEffect {
    type Error = &'static str;

    fn try_from(written: WrittenEffect) -> Result<Self, &'static str> {
        let WrittenEffect { r#type, error, code, message } = written;
        Ok(match (r#type, (error, code, message)) {
            (EffectType::Error, (Some(error), Some(code), Some(message))) => Self::Error { error, code, message },
            (EffectType::Error, _) => {
                return Err("an effect of type `error` needs `error`, `code` and `message`; add them");
            }
            (_, (Some(_), _, _) | (_, Some(_), _) | (_, _, Some(_))) => {
                return Err("`error`, `code` and `message` are for effects of type `error` alone; remove them");
            }
            (EffectType::Denied, _) => Self::Denied,
            (EffectType::Throttled, _) => Self::Throttled,
            (EffectType::ServerError, _) => Self::ServerError,
            (EffectType::Network, _) => Self::Network,
            (EffectType::Garbled, _) => Self::Garbled,
            (EffectType::InvalidPrincipal, _) => Self::InvalidPrincipal,
            (EffectType::LostAnswer, _) => Self::LostAnswer,
            (EffectType::HangBefore, _) => Self::HangBefore,
            (EffectType::HangAfter, _) => Self::HangAfter,
        })
    }
}

impl Fault {
    /// A fault at each call of an operation.
    pub fn new(operation: impl Into<String>, effect: FaultEffect) -> Self {
        Self { operation: operation.into(), nth: None, effect }
    }

    /// The same at the n-th such call only, counted from 1.
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = Some(nth);
        self
    }

    fn covers(&self, operation: &str) -> bool {
        match self.operation.strip_suffix('*') {
            Some(beginning) => operation.starts_with(beginning),
            None => operation == self.operation,
        }
    }
}

/// Which calls a [`Stop`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFilter {
    /// Reads and writes.
    All,
    /// Reads only.
    Reads,
    /// Writes only.
    Writes,
}

impl CallFilter {
    fn counts(self, write: bool) -> bool {
        match self {
            Self::All => true,
            Self::Reads => !write,
            Self::Writes => write,
        }
    }
}

/// A point at which the caller is made to die: from there on no call is answered and none has an effect, until
/// [`Memory::restart`](super::Memory::restart).
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Reached>);

#[derive(Debug, Default)]
struct Reached {
    flag: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// Waits until the point is reached. Then drop the run that is to die, and call
    /// [`Memory::restart`](super::Memory::restart).
    pub async fn reached(&self) {
        let mut reached = pin!(self.0.notify.notified());
        // Registered before the look, so that what comes between the two is not missed.
        reached.as_mut().enable();
        if !self.is_reached() {
            reached.await;
        }
    }

    /// Whether the point was reached.
    pub fn is_reached(&self) -> bool {
        self.0.flag.load(Ordering::SeqCst)
    }

    fn reach(&self) {
        self.0.flag.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }
}

/// What the script says about one call.
#[derive(Debug, Clone)]
pub(super) enum Interruption {
    /// Nothing.
    None,
    /// Dies with the caller before the effect.
    StopBefore(Stop),
    /// Dies with the caller after the effect.
    StopAfter(Stop),
    /// A scripted fault.
    Fault(FaultEffect),
}

impl Interruption {
    pub(super) fn reach(&self) {
        if let Self::StopBefore(stop) | Self::StopAfter(stop) = self {
            stop.reach();
        }
    }
}

/// The faults and stops that are scripted.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<(Fault, u32)>,
    stops: Vec<ScriptedStop>,
}

#[derive(Debug)]
struct ScriptedStop {
    left: u32,
    filter: CallFilter,
    after: bool,
    stop: Stop,
}

impl Script {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
        self.stops.clear();
    }

    pub(super) fn stop(&mut self, nth: u32, filter: CallFilter, after: bool) -> Stop {
        let stop = Stop::default();
        self.stops.push(ScriptedStop { left: nth.max(1), filter, after, stop: stop.clone() });
        stop
    }

    /// Counts a call, and says what happens to it: a stop before a fault, and of faults the one scripted first.
    pub(super) fn next(&mut self, call: &CallRecord) -> Interruption {
        let mut found = Interruption::None;
        for (fault, seen) in &mut self.faults {
            if fault.covers(&call.operation) {
                *seen += 1;
                if fault.nth.is_none_or(|nth| nth == *seen) && matches!(found, Interruption::None) {
                    found = Interruption::Fault(fault.effect.clone());
                }
            }
        }
        for stop in &mut self.stops {
            if stop.left > 0 && stop.filter.counts(call.write) {
                stop.left -= 1;
                if stop.left == 0 {
                    let point = stop.stop.clone();
                    found = if stop.after { Interruption::StopAfter(point) } else { Interruption::StopBefore(point) };
                }
            }
        }
        found
    }
}

impl FaultEffect {
    /// The error that the caller sees instead of an effect; `None` for those that are played otherwise.
    pub(super) fn refusal(&self, call: &CallRecord, caller: &str) -> Option<Error> {
        let service = call.operation.split(':').next().unwrap_or_default();
        let by_service = |iam: &'static str, eks: &'static str, kubernetes: &'static str| match service {
            "eks" => eks,
            "kubernetes" => kubernetes,
            _ => iam,
        };
        let error = match self {
            Self::Denied => denied(call, caller),
            Self::Throttled => Error::new(ErrorKind::Throttled, "Rate exceeded").code(by_service(
                "Throttling",
                "TooManyRequestsException",
                "TooManyRequests",
            )),
            Self::ServerError => Error::new(ErrorKind::Unavailable, "the service failed to answer the request")
                .code(by_service("ServiceFailure", "ServerException", "InternalError")),
            Self::Network => Error::new(ErrorKind::Unavailable, "the connection was refused"),
            Self::InvalidPrincipal => errors::malformed("Invalid principal in policy"),
            Self::Error { error, code, message } => Error::new(*error, message.clone()).code(code.clone()),
            Self::LostAnswer | Self::Garbled | Self::HangBefore | Self::HangAfter => return None,
        };
        Some(error)
    }

    /// The error that the caller sees although the effect happened.
    pub(super) fn lost(&self) -> Option<Error> {
        match self {
            Self::LostAnswer => Some(Error::new(ErrorKind::Timeout, "no answer came in time").retry(Retry::Safe)),
            Self::Garbled => Some(Error::new(ErrorKind::Unexpected, "the answer cannot be read")),
            _ => None,
        }
    }
}

fn denied(call: &CallRecord, caller: &str) -> Error {
    let operation = call.operation.as_str();
    if let Some(action) = operation.strip_prefix("kubernetes:") {
        let (verb, resource) = action.split_once(' ').unwrap_or((action, ""));
        let message = format!("User {caller:?} cannot {verb} resource {resource:?} ({})", call.resource);
        return Error::new(ErrorKind::PermissionDenied, message)
            .code("Forbidden")
            .action(action)
            .remedy(format!("allow {verb} on {resource} in a Role that is bound to {caller}"));
    }
    if operation.starts_with("files:") {
        return Error::new(ErrorKind::PermissionDenied, "the file system denies it");
    }
    let code = if operation.starts_with("eks:") { "AccessDeniedException" } else { "AccessDenied" };
    let message = format!("User: {caller} is not authorized to perform: {operation} on resource: {}", call.resource);
    Error::new(ErrorKind::PermissionDenied, message)
        .code(code)
        .action(operation)
        .remedy(format!("allow {operation} to {caller}"))
}
