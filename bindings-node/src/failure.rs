//! How a failure crosses over: everything that an error says, as JSON text in the place of a message.

use podrole::{Error, ErrorPayload, Receipt};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    #[serde(flatten)]
    payload: ErrorPayload,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    /// The errors underneath, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
}

/// The native error that carries a failure.
#[allow(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
pub(crate) fn thrown(error: Error) -> napi::Error {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let failure = Failure { payload: error.payload(), receipt: error.get_receipt(), causes };
    napi::Error::from_reason(serde_json::to_string(&failure).unwrap_or_else(|problem| problem.to_string()))
}

/// The JSON text of a value of the core.
pub(crate) fn written<T: Serialize>(value: &T) -> napi::Result<String> {
    serde_json::to_string(value).map_err(|problem| thrown(unexpected(&problem)))
}

/// A value of the core from JSON text.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> napi::Result<T> {
    podrole::stored::read(what, text).map_err(thrown)
}

fn unexpected(problem: &serde_json::Error) -> Error {
    Error::new(podrole::ErrorKind::Unexpected, format!("the value cannot be written as JSON: {problem}"))
}
