//! boto3 as a second opinion: it reads what podrole wrote, and prepares what podrole finds.

use std::io::{BufRead as _, Write as _};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

use crate::server::Server;

/// AWS keys.
#[derive(Clone)]
pub struct Keys {
    /// The access key's id.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
    /// With temporary keys, their token.
    pub session_token: Option<String>,
}

/// A call without keys.
///
/// # Errors
/// The error's code.
pub fn call(endpoint: &str, service: &str, operation: &str, arguments: &Value) -> Result<Value, String> {
    send(&json!({"endpoint": endpoint, "service": service, "operation": operation, "arguments": arguments}))
}

/// A call with keys.
///
/// # Errors
/// The error's code.
pub fn call_as(
    endpoint: &str,
    keys: &Keys,
    service: &str,
    operation: &str,
    arguments: &Value,
) -> Result<Value, String> {
    let keys = json!([keys.access_key, keys.secret_key, keys.session_token]);
    send(
        &json!({"endpoint": endpoint, "keys": keys, "service": service, "operation": operation, "arguments": arguments}),
    )
}

fn send(request: &Value) -> Result<Value, String> {
    static STARTED: OnceLock<Mutex<Server>> = OnceLock::new();
    let mut server = STARTED.get_or_init(|| Mutex::new(Server::start("env/boto.py", &[]))).lock().unwrap();
    writeln!(server.input, "{request}").unwrap();
    let mut line = String::new();
    server.output.read_line(&mut line).unwrap();
    let answer: Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("boto3 did not answer {request}: {line:?}"));
    match answer["error"].as_str() {
        Some(code) => Err(code.to_owned()),
        None => Ok(answer["result"].clone()),
    }
}
