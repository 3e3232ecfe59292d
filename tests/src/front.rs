//! AWS: an emulator behind our front. A test has one for itself.

use std::sync::Mutex;

use podrole::aws::{Credentials, SharedCredentialsProvider};
use podrole::model::Region;
use podrole::{Client, ClientBuilder};
use serde_json::{Value, json};

use crate::boto::{Keys, call_as};
use crate::control::control;
use crate::control_plane::{ControlPlane, control_plane};
use crate::server::Server;
use crate::{ACCOUNT, CLUSTER, ISSUER, REGION};

/// Which emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// Many services, nothing enforced.
    Moto,
    /// Trust and permissions are enforced.
    Ministack,
}

/// An empty AWS account that no other test sees. The clusters that EKS tells of are the test's to register.
pub struct Front {
    emulator: Emulator,
    /// Taken out at the end, for the next test.
    server: Option<Server>,
    /// Its URL, as in `AWS_ENDPOINT_URL`.
    pub url: String,
}

static IDLE: [Mutex<Vec<Server>>; 2] = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];

impl Front {
    /// An account without anything.
    pub fn empty(emulator: Emulator) -> Self {
        let idle = IDLE[emulator as usize].lock().unwrap().pop();
        let name = if emulator == Emulator::Moto { "moto" } else { "ministack" };
        let server = idle.unwrap_or_else(|| Server::start("env/aws_front.py", &["--emulator", name]));
        assert_eq!(server.text("account"), ACCOUNT);
        let front = Self { emulator, url: server.text("endpoint"), server: Some(server) };
        front.control("POST", "reset", &Value::Null);
        front
    }

    /// An account in which EKS tells of the control plane of this process as the worked example's cluster.
    pub fn new(emulator: Emulator) -> Self {
        let front = Self::empty(emulator);
        front.cluster(CLUSTER, control_plane());
        front
    }

    /// EKS tells of a control plane under this name.
    pub fn cluster(&self, name: &str, plane: &ControlPlane) {
        self.cluster_with(name, &plane.url, &plane.ca);
    }

    /// EKS tells of a cluster with this endpoint and CA.
    pub fn cluster_with(&self, name: &str, endpoint: &str, ca: &str) {
        let cluster = json!({
            "arn": format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}"),
            "status": "ACTIVE",
            "version": "1.36",
            "endpoint": endpoint,
            "certificateAuthority": {"data": ca},
            "identity": {"oidc": {"issuer": ISSUER}},
        });
        self.raw_cluster(name, &cluster);
    }

    /// EKS tells this of a cluster.
    pub fn raw_cluster(&self, name: &str, cluster: &Value) {
        self.control("PUT", &format!("clusters/{name}"), cluster);
    }

    /// The Pod Identity associations of the worked example's cluster.
    pub fn associations(&self, associations: &Value) {
        self.control("PUT", &format!("associations/{CLUSTER}"), associations);
    }

    /// What goes wrong from now on.
    pub fn faults(&self, faults: &Value) {
        self.control("PUT", "faults", faults);
    }

    /// Whether every fault has struck.
    pub fn faults_are_spent(&self) -> bool {
        let left = self.control("GET", "faults", &Value::Null);
        left.as_array().unwrap().iter().all(|fault| fault["times"] == 0)
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.control("DELETE", "log", &Value::Null);
    }

    /// The calls since then, as `iam:CreateRole`, in their order.
    pub fn log(&self) -> Vec<String> {
        let log = self.control("GET", "log", &Value::Null);
        let name = |call: &Value| format!("{}:{}", call["service"].as_str().unwrap(), call["action"].as_str().unwrap());
        log.as_array().unwrap().iter().map(name).collect()
    }

    /// The calls since then that change something.
    pub fn writes(&self) -> Vec<String> {
        let reads = ["Get", "List", "Describe", "Assume"];
        let is_read = |call: &String| reads.iter().any(|verb| call.split(':').nth(1).unwrap().starts_with(verb));
        self.log().into_iter().filter(|call| !is_read(call)).collect()
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        control(&self.url, method, path, body)
    }

    /// The keys of the account.
    pub fn keys(&self) -> Keys {
        let server = self.server.as_ref().unwrap();
        Keys { access_key: server.text("access_key"), secret_key: server.text("secret_key"), session_token: None }
    }

    /// What boto3 says: a second opinion on the account, and the means to prepare it. Panics when it fails.
    pub fn boto(&self, service: &str, operation: &str, arguments: &Value) -> Value {
        call_as(&self.url, &self.keys(), service, operation, arguments)
            .unwrap_or_else(|error| panic!("{service} {operation} {arguments}: {error}"))
    }

    /// The same, where a failure is of interest.
    ///
    /// # Errors
    /// The code of the error.
    pub fn try_boto(&self, service: &str, operation: &str, arguments: &Value) -> Result<Value, String> {
        call_as(&self.url, &self.keys(), service, operation, arguments)
    }

    /// A client of this account with these keys, that reaches API servers as EKS tells.
    pub fn builder(&self) -> ClientBuilder {
        let keys = self.keys();
        self.builder_with(&keys.access_key, &keys.secret_key)
    }

    /// A client of this account with other keys.
    pub fn builder_with(&self, access_key: &str, secret_key: &str) -> ClientBuilder {
        let credentials = Credentials::new(access_key, secret_key, None, None, "tests");
        Client::builder()
            .region(Region::new(REGION).unwrap())
            .endpoint_url(&self.url)
            .credentials(SharedCredentialsProvider::new(credentials))
    }

    /// A client of this account, that reaches API servers as EKS tells.
    pub async fn client(&self) -> Client {
        self.builder().build().await.unwrap()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(server) = self.server.take()
            && let Ok(mut idle) = IDLE[self.emulator as usize].lock()
        {
            idle.push(server);
        }
    }
}
