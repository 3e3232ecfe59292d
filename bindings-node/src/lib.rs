//! The native half of the Node package: converts and maps errors. It holds no rules.
//!
//! Private: users see the typed package in `ts`. A native error would keep a code and lose the rest, so a call answers with either its value
//! or its failure, both as JSON text, and the package throws.

use napi_derive::napi;

/// What a call came to: one of the two is there.
#[napi(object)]
pub struct Outcome {
    /// The value as JSON text.
    pub value: Option<String>,
    /// The error payload as JSON text.
    pub failure: Option<String>,
}

impl From<podrole::Result<String>> for Outcome {
    fn from(result: podrole::Result<String>) -> Self {
        match result {
            Ok(value) => Self { value: Some(value), failure: None },
            Err(error) => Self {
                value: None,
                failure: Some(serde_json::to_string(&error.payload()).unwrap_or_else(|_| "{}".to_owned())),
            },
        }
    }
}

/// The version of the core.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The trust document as JSON text.
#[napi]
#[allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]
pub fn trust_document(provider_arn: String, service_account: String) -> Outcome {
    podrole::artifacts::trust_document(&provider_arn, &service_account).map(|document| document.to_json()).into()
}
