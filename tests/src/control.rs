//! Asks a server of ours for what is not part of what it stands in for.

use serde_json::Value;

/// Calls a control path of a server.
pub(crate) fn control(url: &str, method: &str, path: &str, body: &Value) -> Value {
    let url = format!("{url}/_front/{path}");
    let answer = match method {
        "GET" => ureq::get(&url).call(),
        "DELETE" => ureq::delete(&url).call(),
        "POST" => ureq::post(&url).send_empty(),
        _ => ureq::put(&url).send(body.to_string()),
    };
    let text = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}")).body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap()
}
