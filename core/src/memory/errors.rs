//! The refusals of IAM, STS and Kubernetes, as the real adapters report them.

use crate::error::{Error, ErrorKind};
use crate::model::RoleName;

pub(super) fn aws(kind: ErrorKind, code: &str, message: impl Into<String>) -> Error {
    Error::new(kind, message).code(code)
}

pub(super) fn no_such_entity(message: impl Into<String>) -> Error {
    aws(ErrorKind::NotFound, "NoSuchEntity", message)
}

pub(super) fn no_such_role(name: &RoleName) -> Error {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

pub(super) fn exists(message: impl Into<String>) -> Error {
    aws(ErrorKind::AlreadyExists, "EntityAlreadyExists", message)
}

pub(super) fn limit(message: impl Into<String>) -> Error {
    aws(ErrorKind::LimitExceeded, "LimitExceeded", message)
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    aws(ErrorKind::InvalidInput, "MalformedPolicyDocument", message)
}

pub(super) fn validation(value: &str, field: &str, rule: &str) -> Error {
    let shown: String = value.chars().take(120).collect();
    let message =
        format!("1 validation error detected: Value '{shown}' at '{field}' failed to satisfy constraint: {rule}");
    aws(ErrorKind::InvalidInput, "ValidationError", message)
}

pub(super) fn invalid_input(message: impl Into<String>) -> Error {
    aws(ErrorKind::InvalidInput, "InvalidInput", message)
}

pub(super) fn delete_conflict(message: impl Into<String>) -> Error {
    aws(ErrorKind::Conflict, "DeleteConflict", message)
}

pub(super) fn kubernetes_not_found(resource: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{resource} {name:?} not found")).code("NotFound")
}

pub(super) fn kubernetes_conflict(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conflict, message).code("Conflict")
}
