//! The Kubernetes API as it is, called by paths: a program for each call would cost more than the call.

use serde_json::Value;
use ureq::http::Request;

use crate::gateway::Gateway;

/// An API server with an administrator's rights.
pub(crate) struct Api {
    gateway: Gateway,
    agent: ureq::Agent,
}

impl Api {
    pub(crate) fn new(kubeconfig: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { gateway: Gateway::by(kubeconfig), agent }
    }

    /// The answer, or the status code and the server's message.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Value, (u16, String)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(format!("{}{path}", self.gateway.url()));
        let request = request.header("content-type", content_type).body(body).unwrap();
        let mut answer = self.agent.run(request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answer.body_mut().read_to_string().unwrap();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let status = answer.status();
        if status.is_success() {
            return Ok(value);
        }
        Err((status.as_u16(), value["message"].as_str().unwrap_or(&text).to_owned()))
    }
}

/// The path of a kind's objects.
pub(crate) fn path(kind: &str, namespace: &str) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    match plural.as_str() {
        "namespaces" | "nodes" => format!("/api/v1/{plural}"),
        "deployments" | "statefulsets" | "daemonsets" => format!("/apis/apps/v1/namespaces/{namespace}/{plural}"),
        "roles" | "rolebindings" => format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}"),
        _ => format!("/api/v1/namespaces/{namespace}/{plural}"),
    }
}
