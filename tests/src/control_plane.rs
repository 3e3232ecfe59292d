//! The Kubernetes control plane, and kubectl as a second opinion on it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::api::{Api, path};
use crate::environment::utf8;
use crate::server::Server;

/// A running control plane. Its pods become ready by themselves.
pub struct ControlPlane {
    /// The API server's URL.
    pub url: String,
    /// Its CA: PEM in base64, as EKS tells it.
    pub ca: String,
    /// A kubeconfig of an administrator.
    pub kubeconfig: String,
    /// Where the verdicts on EKS tokens are read.
    reviews: String,
    kubectl: String,
    api: OnceLock<Api>,
    _server: Server,
}

/// The control plane of this test process.
pub fn control_plane() -> &'static ControlPlane {
    static STARTED: OnceLock<ControlPlane> = OnceLock::new();
    STARTED.get_or_init(|| ControlPlane::start(&[]))
}

impl ControlPlane {
    /// One more control plane, with options of `control_plane.py`.
    pub fn start(options: &[&str]) -> Self {
        let server = Server::start("env/control_plane.py", &[&["--mark-ready"], options].concat());
        Self {
            url: server.text("server"),
            ca: server.text("ca"),
            kubeconfig: server.text("kubeconfig"),
            reviews: server.text("reviews"),
            kubectl: server.text("kubectl"),
            api: OnceLock::new(),
            _server: server,
        }
    }

    /// A new namespace whose name begins like this.
    pub fn namespace(&self, prefix: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{prefix}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        name
    }

    /// What kubectl prints. Panics when it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, None).unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
    }

    /// What kubectl prints, with something on its standard input; or its complaint.
    ///
    /// # Errors
    /// What kubectl wrote to standard error, when it failed.
    pub fn try_kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut child = Command::new(&self.kubectl)
            .arg(format!("--kubeconfig={}", self.kubeconfig))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl");
        child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() { Ok(utf8(output.stdout)) } else { Err(utf8(output.stderr)) }
    }

    fn call(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Result<Value, (u16, String)> {
        self.api.get_or_init(|| Api::new(&self.kubeconfig)).call(method, path, content_type, body)
    }

    /// Makes an object.
    pub fn create(&self, object: &Value) {
        let path = path(text(&object["kind"]), object["metadata"]["namespace"].as_str().unwrap_or_default());
        self.call("POST", &path, "application/json", object)
            .unwrap_or_else(|(_, message)| panic!("{object}: {message}"));
    }

    /// Applies an object, or a part of one, on the server as a field manager, forced.
    pub fn apply_as(&self, manager: &str, object: &Value) {
        let metadata = &object["metadata"];
        let path = path(text(&object["kind"]), metadata["namespace"].as_str().unwrap_or_default());
        let path = format!("{path}/{}?fieldManager={manager}&force=true", text(&metadata["name"]));
        self.call("PATCH", &path, "application/apply-patch+yaml", object)
            .unwrap_or_else(|(_, message)| panic!("{object}: {message}"));
    }

    /// Begins to remove an object.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        self.call("DELETE", &format!("{}/{name}", path(kind, namespace)), "application/json", &Value::Null)
            .unwrap_or_else(|(_, message)| panic!("delete {kind} {name}: {message}"));
    }

    /// An object; `null` when there is none.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Value {
        match self.call("GET", &format!("{}/{name}", path(kind, namespace)), "application/json", &Value::Null) {
            Ok(object) => object,
            Err((404, _)) => Value::Null,
            Err((_, message)) => panic!("get {kind} {name}: {message}"),
        }
    }

    /// Makes a workload with two replicas (a `DaemonSet`: one on each node) and waits until it has rolled out.
    pub fn workload(&self, kind: &str, namespace: &str, name: &str, service_account: Option<&str>) {
        let mut pod = json!({"containers": [{"name": "app", "image": "registry.invalid/app:1"}]});
        if let Some(service_account) = service_account {
            pod["serviceAccountName"] = json!(service_account);
        }
        let labels = json!({"app": name});
        let mut spec =
            json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}});
        if kind != "DaemonSet" {
            spec["replicas"] = json!(2);
        }
        if kind == "StatefulSet" {
            spec["serviceName"] = json!(name);
        }
        self.create(&json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}));
        self.rolled_out(kind, namespace, name);
    }

    /// Waits until a workload has rolled out.
    pub fn rolled_out(&self, kind: &str, namespace: &str, name: &str) {
        self.kubectl(&["rollout", "status", &format!("{kind}/{name}"), "-n", namespace, "--timeout=120s"]);
    }

    /// A token for a service account, as a pod would get it.
    pub fn token(&self, namespace: &str, service_account: &str, audience: &str) -> String {
        let path = format!("{}/{service_account}/token", path("ServiceAccount", namespace));
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]}});
        let made = self.call("POST", &path, "application/json", &request);
        text(&made.unwrap_or_else(|(_, message)| panic!("{path}: {message}"))["status"]["token"]).to_owned()
    }

    /// The verdicts on EKS tokens so far.
    pub fn reviews(&self) -> Vec<Value> {
        let mut answer = ureq::get(&self.reviews).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}
