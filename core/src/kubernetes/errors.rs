//! What a Kubernetes failure means: reason and causes of the server's `Status` decide the kind.

use std::error::Error as StdError;
use std::io;

use kube::client::AuthError;
use kube::config::ExecConfig;
use serde::Deserialize;

use super::connection::{Call, Place};
use crate::error::{Error, ErrorKind, FieldConflict, cause};

const LATER: &str = "try again later: what is done stays done";

/// A refusal (`meta/v1` `Status`), as far as it is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    kind: String,
    message: String,
    reason: String,
    details: Details,
    /// The HTTP status that came with it.
    #[serde(skip)]
    pub(super) code: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    name: String,
    kind: String,
    causes: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
    field: String,
}

impl Status {
    /// Reads a refusal; a body that is not a `Status` (a proxy's page) leaves everything but the code empty.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        let read: Option<Self> = serde_json::from_slice(body).ok();
        Self { code, ..read.filter(|status| status.kind == "Status").unwrap_or_default() }
    }

    /// Whether it says that this very object does not exist. A path that the server does not know, or another server's page, does not.
    pub(super) fn says_absent(&self, place: &Place<'_>) -> bool {
        self.code == 404
            && self.reason == "NotFound"
            && self.details.kind == place.plural
            && place.name.is_some_and(|name| name == self.details.name)
    }

    fn conflicts(&self) -> Vec<FieldConflict> {
        let causes = self.details.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
        let mut conflicts: Vec<FieldConflict> = causes
            .map(|cause| FieldConflict { manager: manager(&cause.message).to_owned(), field: cause.field.clone() })
            .collect();
        // The server's order is not stable.
        conflicts.sort_by(|a, b| (&a.field, &a.manager).cmp(&(&b.field, &b.manager)));
        conflicts
    }
}

/// The name in `conflict with "helm" using apps/v1`.
fn manager(message: &str) -> &str {
    message.split('"').nth(1).unwrap_or(message)
}

/// The server's refusal as podrole's error.
pub(super) fn refused(status: &Status, call: &Call<'_>) -> Error {
    let error = refusal(status, call).operation(call.operation()).resource(call.place.resource());
    if status.reason.is_empty() || error.get_code().is_some() { error } else { error.code(&status.reason) }
}

fn refusal(status: &Status, call: &Call<'_>) -> Error {
    let error = |kind| Error::new(kind, text(status));
    if status.kind.is_empty() {
        return foreign(status.code);
    }
    let message = status.message.as_str();
    if message.contains("denied the request") || message.contains("denied request:") {
        return error(ErrorKind::PermissionDenied)
            .remedy("an admission policy of the cluster forbids it: ask who runs it");
    }
    match status.code {
        401 => unauthorized(text(status)),
        403 if message.contains("exceeded quota") => {
            error(ErrorKind::LimitExceeded).remedy("raise the namespace's ResourceQuota, or delete what is not needed")
        }
        403 => {
            let action = denied_action(message).unwrap_or_else(|| wanted_action(call));
            let remedy = format!("allow it by RBAC: {action}");
            error(ErrorKind::PermissionDenied).action(action).remedy(remedy)
        }
        404 if status.details.kind == "namespaces" => error(ErrorKind::NotFound)
            .resource(format!("namespace {}", status.details.name))
            .remedy("create the namespace first: podrole does not"),
        404 if status.reason == "NotFound" && !status.details.name.is_empty() => error(ErrorKind::NotFound),
        404 => error(ErrorKind::Unexpected).remedy("check that the endpoint is a Kubernetes API server"),
        409 if status.reason == "AlreadyExists" => error(ErrorKind::AlreadyExists),
        409 => {
            let conflicts = status.conflicts();
            if conflicts.is_empty() {
                return error(ErrorKind::Conflict).code("Conflict").remedy("it was changed or made anew: plan again");
            }
            error(ErrorKind::Conflict)
                .code("Conflict")
                .conflicts(conflicts)
                .remedy("change it where the owner takes it from (Git, chart), or take the fields over with `force`")
        }
        // The uid of an object never changes: another one means another object under the same name.
        422 if status.details.causes.iter().any(|cause| cause.field == "metadata.uid") => {
            error(ErrorKind::Conflict).code("Conflict").remedy("it was made anew under the same name: plan again")
        }
        400 | 405 | 413 | 415 | 422 => error(ErrorKind::InvalidInput),
        410 => error(ErrorKind::Unavailable).remedy("the list changed while it was read: try again"),
        429 => error(ErrorKind::Throttled).remedy("try again later, or do less at once"),
        // What the server cannot even merge is our mistake, not its failure.
        500 if message.contains("not declared in schema") => error(ErrorKind::Unexpected),
        504 => error(ErrorKind::Timeout).remedy(LATER),
        500..=599 => error(ErrorKind::Unavailable).remedy(LATER),
        _ => error(ErrorKind::Unexpected),
    }
}

/// An answer that no API server gives.
fn foreign(code: u16) -> Error {
    let message = format!("HTTP {code} without a Kubernetes status");
    match code {
        401 => unauthorized(message),
        403 => Error::new(ErrorKind::PermissionDenied, message)
            .remedy("something between here and the API server refuses: check proxies and firewalls"),
        429 => Error::new(ErrorKind::Throttled, message).remedy(LATER),
        500..=599 => Error::new(ErrorKind::Unavailable, message).remedy(LATER),
        _ => garbled(code),
    }
}

/// An answer that is not JSON.
pub(super) fn garbled(code: u16) -> Error {
    Error::new(ErrorKind::Unexpected, format!("the answer (HTTP {code}) is not one that a Kubernetes API server gives"))
        .remedy("check the endpoint and proxies")
}

fn unauthorized(message: String) -> Error {
    Error::new(ErrorKind::Credentials, message).remedy(
        "the API server does not know the caller: check that the AWS identity has an access entry (or aws-auth mapping) of the cluster, \
         and this machine's clock; with a kubeconfig, log in again",
    )
}

fn text(status: &Status) -> String {
    if status.message.is_empty() { format!("HTTP {}", status.code) } else { status.message.clone() }
}

/// `patch serviceaccounts in namespace team` from `User "x" cannot patch resource "serviceaccounts" in API group "" in the namespace "team"`:
/// not always what was called (server-side apply of an absent object needs `create` too).
fn denied_action(message: &str) -> Option<String> {
    let (verb, rest) = message.split_once(" cannot ")?.1.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let namespace = rest.split_once("in the namespace \"").and_then(|(_, rest)| rest.split('"').next());
    Some(match namespace {
        Some(namespace) => format!("{verb} {resource} in namespace {namespace}"),
        None => format!("{verb} {resource}"),
    })
}

fn wanted_action(call: &Call<'_>) -> String {
    match call.place.namespace {
        Some(namespace) => format!("{} {} in namespace {namespace}", call.verb, call.place.plural),
        None => format!("{} {}", call.verb, call.place.plural),
    }
}

/// No answer within the time.
pub(super) fn timeout() -> Error {
    Error::new(ErrorKind::Timeout, "no answer in time").remedy("check the network and the cluster's endpoint access")
}

/// A call that got no answer.
pub(super) fn unsent(error: &kube::Error) -> Error {
    if let Some(error) = cause::<AuthError>(error) {
        return plugin_failed(error, None);
    }
    if cause::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        return timeout();
    }
    let text = chain(error);
    if text.contains("certificate") {
        return config_invalid(format!("the API server's certificate is refused: {text}"))
            .remedy("the endpoint is another cluster's, or something in between opens the connection: check CA, endpoint and proxies");
    }
    Error::new(ErrorKind::Unavailable, format!("the API server cannot be reached: {text}"))
        .remedy("check the network and the cluster's endpoint access (private endpoints need a way into the VPC)")
}

/// A client that could not be made.
pub(super) fn broken_client(error: &kube::Error, plugin: Option<&ExecConfig>) -> Error {
    match cause::<AuthError>(error) {
        Some(error) => plugin_failed(error, plugin),
        None => config_invalid(format!("the connection cannot be set up: {}", chain(error))),
    }
}

/// kube's words may repeat what the plugin printed, which may be a token: they are not used where that can be.
fn plugin_failed(error: &AuthError, plugin: Option<&ExecConfig>) -> Error {
    let command = plugin.and_then(|plugin| plugin.command.as_deref()).unwrap_or("of the kubeconfig");
    match error {
        AuthError::AuthExecStart(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = plugin.and_then(|plugin| plugin.install_hint.as_deref()).map(str::trim);
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            config_invalid(format!("the kubeconfig needs the plugin {command}, which is not installed")).remedy(
                format!("install {command}{hint}, or use podrole without a kubeconfig: it mints tokens of EKS itself"),
            )
        }
        AuthError::AuthExecStart(error) => {
            config_invalid(format!("the kubeconfig's plugin {command} cannot be started: {error}"))
        }
        AuthError::AuthExecRun { out, .. } => {
            Error::new(ErrorKind::Credentials, format!("the kubeconfig's plugin {command} failed ({})", out.status))
                .remedy("run it by hand to see why")
        }
        AuthError::ReadTokenFile(error, path) => {
            config_invalid(format!("the token file {} cannot be read: {error}", path.display()))
        }
        AuthError::MissingCommand => config_invalid("the kubeconfig's plugin has no command"),
        _ => Error::new(
            ErrorKind::Credentials,
            format!("the kubeconfig's credentials cannot be used (plugin {command})"),
        )
        .remedy("log in again; `kubectl auth whoami` tells whether it works"),
    }
}

pub(super) fn config_invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConfigInvalid, message)
}

/// The texts of an error and its causes, each once.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}
