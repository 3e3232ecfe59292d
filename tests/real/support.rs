//! What the tests share.

use std::time::Duration;

use podrole::plan::{Action, Plan};
use podrole::policy::Document;
use podrole::{Client, Error, Grant, Receipt, Report};
use podrole_tests::{CLUSTER, ControlPlane, Emulator, Front, ROLE, control_plane};
use serde_json::{Value, json};

pub(crate) const SERVICE_ACCOUNT: &str = "connections-serviceaccount-s3";
pub(crate) const DEPLOYMENT: &str = "connections-app";
pub(crate) const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// How long rollouts may take; none takes a tenth of it.
pub(crate) const ROLLOUT: Duration = Duration::from_mins(2);

/// An AWS account of its own and a namespace of its own.
pub(crate) struct Scene {
    pub(crate) front: Front,
    pub(crate) plane: &'static ControlPlane,
    pub(crate) namespace: String,
    pub(crate) client: Client,
}

impl Scene {
    pub(crate) async fn new(namespace: &str) -> Self {
        let plane = control_plane();
        Self::at(Front::new(Emulator::Moto), plane.namespace(namespace)).await
    }

    pub(crate) async fn at(front: Front, namespace: String) -> Self {
        let client = front.client().await;
        Self { front, plane: control_plane(), namespace, client }
    }

    /// The worked example's names in this namespace, without policies and workloads.
    pub(crate) fn bare_grant(&self) -> Grant {
        Grant::new(CLUSTER, format!("{}/{SERVICE_ACCOUNT}", self.namespace), ROLE)
    }

    /// The worked example in this namespace, without workloads.
    pub(crate) fn grant(&self) -> Grant {
        self.bare_grant().description("testing sa role for pod").policy("AmazonS3FullAccess")
    }

    pub(crate) fn deployment(&self, service_account: Option<&str>) {
        self.plane.workload("Deployment", &self.namespace, DEPLOYMENT, service_account);
    }

    /// Applies and waits; then planning again and applying again change nothing.
    pub(crate) async fn applied(&self, grant: &Grant) -> Receipt {
        let receipt = self.client.apply(grant).wait(ROLLOUT).await.unwrap();
        assert!(receipt.is_complete(), "{receipt}");
        self.nothing_to_do(grant).await;
        receipt
    }

    pub(crate) async fn nothing_to_do(&self, grant: &Grant) {
        let plan = self.client.plan(grant).await.unwrap();
        assert!(plan.is_empty(), "{plan}");
        self.front.clear_log();
        self.client.apply(grant).await.unwrap();
        assert_eq!(self.front.writes(), Vec::<String>::new());
    }

    pub(crate) async fn verified(&self, grant: &Grant) -> Report {
        self.client.verify(grant).await.unwrap().into_result().unwrap()
    }

    /// Revokes and waits; then nothing is left to revoke.
    pub(crate) async fn revoked(&self, grant: &Grant, receipt: Option<Receipt>) -> Receipt {
        let mut revoke = self.client.revoke(grant).wait(ROLLOUT);
        if let Some(receipt) = receipt {
            revoke = revoke.with_receipt(receipt);
        }
        let receipt = revoke.await.unwrap();
        let left = self.client.plan_revoke(grant).await.unwrap();
        assert!(left.is_empty(), "{left}");
        receipt
    }

    /// The role as boto3 sees it; `null` when there is none.
    pub(crate) fn role(&self, name: &str) -> Value {
        match self.front.try_boto("iam", "get_role", &json!({"RoleName": name})) {
            Ok(found) => found["Role"].clone(),
            Err(code) => {
                assert_eq!(code, "NoSuchEntity");
                Value::Null
            }
        }
    }

    pub(crate) fn create_role(&self, name: &str, trust: &Document) {
        let role = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_json(), "Tags": [{"Key": "team", "Value": "theirs"}]});
        self.front.boto("iam", "create_role", &role);
    }

    /// ARNs of what is attached to a role.
    pub(crate) fn attached(&self, role: &str) -> Vec<String> {
        let found = self.front.boto("iam", "list_attached_role_policies", &json!({"RoleName": role}));
        found["AttachedPolicies"].as_array().unwrap().iter().map(|policy| text(&policy["PolicyArn"])).collect()
    }

    /// Names of a role's inline policies.
    pub(crate) fn inline(&self, role: &str) -> Vec<String> {
        let found = self.front.boto("iam", "list_role_policies", &json!({"RoleName": role}));
        found["PolicyNames"].as_array().unwrap().iter().map(text).collect()
    }

    pub(crate) fn service_account(&self) -> Value {
        self.plane.get("serviceaccount", &self.namespace, SERVICE_ACCOUNT)
    }

    /// A workload as far as people set it: without what controllers and the server write.
    pub(crate) fn workload_as_set(&self, kind: &str, name: &str) -> Value {
        let found = self.plane.get(kind, &self.namespace, name);
        let mut annotations = found["metadata"]["annotations"].clone();
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.retain(|key, _| {
                key != "deployment.kubernetes.io/revision" && !key.starts_with("deprecated.daemonset")
            });
        }
        if annotations == json!({}) {
            annotations = Value::Null;
        }
        let mut spec = found["spec"].clone();
        // An emptied map is no map.
        let metadata = spec["template"]["metadata"].as_object_mut().unwrap();
        metadata.retain(|_, value| !value.is_null() && *value != json!({}));
        json!({"annotations": annotations, "labels": found["metadata"]["labels"], "spec": spec})
    }
}

/// The trust document of a role that boto3 gave.
pub(crate) fn trust(role: &Value) -> Document {
    Document::from_value(role["AssumeRolePolicyDocument"].clone()).unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What a plan does, by kind.
pub(crate) fn kinds(plan: &Plan) -> Vec<String> {
    let kind = |action: &Action| text(&serde_json::to_value(action).unwrap()["kind"]);
    plan.steps.iter().map(|step| kind(&step.action)).collect()
}

pub(crate) fn document(value: Value) -> Document {
    Document::from_value(value).unwrap()
}

/// A permissions document.
pub(crate) fn allow(action: &str) -> Document {
    document(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}))
}

/// A trust document of somebody else.
pub(crate) fn theirs() -> Document {
    document(json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Theirs", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]}))
}

/// The message with remedy and all, for people.
pub(crate) fn shown(error: &Error) -> String {
    format!("{error:#}")
}
