//! A way to the API server, on which things go wrong if asked.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::control::control;
use crate::control_plane::ControlPlane;
use crate::server::Server;

/// A gateway to a control plane, with an administrator's rights, over plain HTTP.
pub struct Gateway {
    url: String,
    _server: Server,
}

impl Gateway {
    /// A gateway without faults.
    pub fn new(plane: &ControlPlane) -> Self {
        Self::by(&plane.kubeconfig)
    }

    pub(crate) fn by(kubeconfig: &str) -> Self {
        let server = Server::start("env/api_gateway.py", &["--kubeconfig", kubeconfig]);
        Self { url: server.text("url"), _server: server }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Writes a kubeconfig that leads here.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        kubeconfig_of(&self.url, folder)
    }

    /// What goes wrong from now on.
    pub fn faults(&self, faults: &Value) {
        control(&self.url, "PUT", "faults", faults);
    }

    /// Whether every fault has struck.
    pub fn faults_are_spent(&self) -> bool {
        let left = control(&self.url, "GET", "faults", &Value::Null);
        left.as_array().unwrap().iter().all(|fault| fault["times"] == 0)
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        control(&self.url, "DELETE", "log", &Value::Null);
    }

    /// The calls since then, as `PATCH serviceaccounts`, in their order.
    pub fn log(&self) -> Vec<String> {
        let log = control(&self.url, "GET", "log", &Value::Null);
        log.as_array().unwrap().iter().map(|call| call.as_str().unwrap().to_owned()).collect()
    }
}

/// Writes a kubeconfig of a server that asks for no credentials.
pub fn kubeconfig_of(server: &str, folder: &Path) -> PathBuf {
    let path = folder.join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    std::fs::write(&path, config.to_string()).unwrap();
    path
}
