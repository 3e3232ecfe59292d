//! One error type: a kind for code, a message and a remedy for people, and what a failure left behind.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::NameError;
use crate::policy::DocumentError;
use crate::receipt::Receipt;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it was. The `snake_case` codes are stable; later versions add kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A grant, document, file or argument breaks a rule. Nothing was written for it; what podrole cannot know beforehand, AWS or the API server
    /// refuses.
    InvalidInput,
    /// The client is set up in a way that cannot work (kubeconfig, profile, endpoint, wrong cluster).
    ConfigInvalid,
    /// No usable AWS or Kubernetes credentials.
    Credentials,
    /// The call was denied.
    PermissionDenied,
    /// A thing that must exist does not.
    NotFound,
    /// A thing exists and is not ours to change.
    AlreadyExists,
    /// Somebody else owns what would be written.
    Conflict,
    /// A quota of AWS would be, or was, exceeded.
    LimitExceeded,
    /// The service asked to slow down and the retries are spent.
    Throttled,
    /// No answer in time.
    Timeout,
    /// The service failed or cannot be reached.
    Unavailable,
    /// The run was cancelled.
    Cancelled,
    /// What the plan was made from has changed since.
    PlanStale,
    /// `verify` found failed checks.
    VerificationFailed,
    /// podrole cannot do this (yet).
    Unsupported,
    /// An answer that nobody expected.
    Unexpected,
}

impl ErrorKind {
    /// Every kind, for the catalogue that the bindings are checked against.
    pub const ALL: &'static [Self] = &[
        Self::InvalidInput,
        Self::ConfigInvalid,
        Self::Credentials,
        Self::PermissionDenied,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::LimitExceeded,
        Self::Throttled,
        Self::Timeout,
        Self::Unavailable,
        Self::Cancelled,
        Self::PlanStale,
        Self::VerificationFailed,
        Self::Unsupported,
        Self::Unexpected,
    ];

    /// The stable code, `permission_denied`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::ConfigInvalid => "config_invalid",
            Self::Credentials => "credentials",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::LimitExceeded => "limit_exceeded",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
            Self::PlanStale => "plan_stale",
            Self::VerificationFailed => "verification_failed",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether calling again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retry {
    /// The same call will fail again.
    Never,
    /// The same call may succeed and does no harm.
    Safe,
    /// It was retried until the budget for retries was spent.
    Exhausted,
}

/// What a failed or cancelled run left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Leftovers {
    /// Nothing was changed.
    None,
    /// These changes were made and stand. `apply` continues from here; `revoke` takes them back.
    Remaining {
        /// The changes, in words.
        resources: Vec<String>,
    },
    /// Of some changes the answer was lost: they may or may not have been made. `plan` tells.
    Unknown {
        /// The changes that nobody knows of, in words.
        resources: Vec<String>,
        /// The changes that stand for certain, as in [`Leftovers::Remaining`].
        #[serde(default)]
        remaining: Vec<String>,
    },
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldConflict {
    /// The field manager that owns it (`argocd-controller`).
    pub manager: String,
    /// The field's path.
    pub field: String,
}

/// A failure. `Display` is one line; the alternate form `{:#}` adds remedy and leftovers on lines of their own.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<String>,
    resource: Option<String>,
    code: Option<String>,
    action: Option<String>,
    remedy: Option<String>,
    retry: Retry,
    conflicts: Vec<FieldConflict>,
    leftovers: Leftovers,
    receipt: Option<Receipt>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with the message for people (no full stop, no secret).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Throttled => Retry::Exhausted,
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::PlanStale | ErrorKind::Cancelled => Retry::Safe,
            _ => Retry::Never,
        };
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            resource: None,
            code: None,
            action: None,
            remedy: None,
            retry,
            conflicts: Vec::new(),
            leftovers: Leftovers::None,
            receipt: None,
            source: None,
        }))
    }

    /// Shorthand for [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Names the remote call (`iam:CreateRole`, `kubernetes:patch serviceaccounts`).
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.0.operation = Some(operation.into());
        self
    }

    /// Names the thing the call was about (`role connections-role-test`); an earlier name is kept.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.0.resource.get_or_insert_with(|| resource.into());
        self
    }

    /// The service's own code (`EntityAlreadyExists`, `Conflict`).
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// The IAM action or Kubernetes verb that was denied.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.0.action = Some(action.into());
        self
    }

    /// What the reader can do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Whether calling again can help.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The fields that others own.
    pub fn conflicts(mut self, conflicts: Vec<FieldConflict>) -> Self {
        self.0.conflicts = conflicts;
        self
    }

    /// What is left behind.
    pub fn leftovers(mut self, leftovers: Leftovers) -> Self {
        self.0.leftovers = leftovers;
        self
    }

    /// The receipt of the run that failed.
    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.0.receipt = Some(receipt);
        self
    }

    /// The error underneath, which [`source`](std::error::Error::source) gives.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The remote call that failed.
    pub fn get_operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The thing it was about.
    pub fn get_resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// The service's own code.
    pub fn get_code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The IAM action or Kubernetes verb that is missing, on a denial.
    pub fn get_action(&self) -> Option<&str> {
        self.0.action.as_deref()
    }

    /// What the reader can do about it.
    pub fn get_remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Whether calling again can help.
    pub fn get_retry(&self) -> Retry {
        self.0.retry
    }

    /// The fields that others own, on a conflict.
    pub fn get_conflicts(&self) -> &[FieldConflict] {
        &self.0.conflicts
    }

    /// What is left behind.
    pub fn get_leftovers(&self) -> &Leftovers {
        &self.0.leftovers
    }

    /// The receipt of the run that failed.
    pub fn get_receipt(&self) -> Option<&Receipt> {
        self.0.receipt.as_ref()
    }

    /// The same as plain data: what the bindings read, and what goes into receipts.
    pub fn payload(&self) -> ErrorPayload {
        ErrorPayload {
            kind: self.kind(),
            message: self.0.message.clone(),
            operation: self.0.operation.clone(),
            resource: self.0.resource.clone(),
            aws_code: self.0.code.clone(),
            action: self.0.action.clone(),
            remedy: self.0.remedy.clone(),
            retry: self.0.retry,
            conflicts: self.0.conflicts.clone(),
            leftovers: self.0.leftovers.clone(),
        }
    }
}

/// An [`Error`] as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorPayload {
    /// Its kind.
    pub kind: ErrorKind,
    /// The message.
    pub message: String,
    /// The remote call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The thing it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The service's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_code: Option<String>,
    /// The missing IAM action or Kubernetes verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What the reader can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether calling again can help.
    pub retry: Retry,
    /// The fields that others own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<FieldConflict>,
    /// What is left behind.
    pub leftovers: Leftovers,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        write!(f, "{}: ", inner.kind)?;
        if let Some(resource) = &inner.resource {
            write!(f, "{resource}: ")?;
        }
        f.write_str(&inner.message)?;
        match (&inner.operation, &inner.code) {
            (Some(operation), Some(code)) => write!(f, " ({operation}: {code})")?,
            (Some(operation), None) => write!(f, " ({operation})")?,
            (None, Some(code)) => write!(f, " ({code})")?,
            (None, None) => {}
        }
        if !f.alternate() {
            return Ok(());
        }
        if let Some(action) = &inner.action {
            write!(f, "\n  missing permission: {action}")?;
        }
        for conflict in &inner.conflicts {
            write!(f, "\n  owned by {}: {}", conflict.manager, conflict.field)?;
        }
        if let Some(remedy) = &inner.remedy {
            write!(f, "\n  remedy: {remedy}")?;
        }
        match &inner.leftovers {
            Leftovers::None => Ok(()),
            Leftovers::Remaining { resources } => write!(f, "\n  left behind: {}", resources.join(", ")),
            Leftovers::Unknown { resources, remaining } => {
                if !remaining.is_empty() {
                    write!(f, "\n  left behind: {}", remaining.join(", "))?;
                }
                write!(f, "\n  perhaps left behind: {}", resources.join(", "))
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// The first error of a type in the chain of causes.
#[cfg(any(feature = "aws", feature = "kubernetes"))]
pub(crate) fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref::<T>())
}
