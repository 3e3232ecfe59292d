//! What the simulation promises.

mod faults;
mod iam;
mod kubernetes;
mod world;

use std::sync::Arc;

use super::{Memory, World};
use crate::error::{Error, ErrorKind};
use crate::model::{AccountId, Arn, ClusterName, Namespace, NewRole, RoleName, WorkloadKind, WorkloadRef};
use crate::policy::Document;
use crate::ports::{AwsTarget, IamRead, IamWrite, KubernetesRead, KubernetesTarget, KubernetesWrite};

const ACCOUNT: &str = "204393242335";
const CLUSTER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora";
const HOST: &str = "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
const S3_FULL: &str = "arn:aws:iam::aws:policy/AmazonS3FullAccess";

fn seed() -> Memory {
    Memory::new(World::seed())
}

fn arn(text: &str) -> Arn {
    Arn::new(text).unwrap()
}

fn role_name(text: &str) -> RoleName {
    RoleName::new(text).unwrap()
}

fn namespace() -> Namespace {
    Namespace::new("devops-aurora-1").unwrap()
}

fn app() -> WorkloadRef {
    WorkloadRef { kind: WorkloadKind::Deployment, namespace: namespace(), name: "connections-app".parse().unwrap() }
}

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

/// The trust policy of the worked example, for a service account.
fn trust(service_account: &str) -> Document {
    document(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
        "Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"}},
        "Action":"sts:AssumeRoleWithWebIdentity",
        "Condition":{{"StringEquals":{{"{HOST}:aud":"sts.amazonaws.com",
        "{HOST}:sub":"system:serviceaccount:devops-aurora-1:{service_account}"}}}}}}]}}"#
    ))
}

/// A trust policy that lets one AWS principal in.
fn trust_in(principal: &str) -> Document {
    document(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},
        "Action":"sts:AssumeRole"}}]}}"#
    ))
}

fn allow(action: &str) -> Document {
    document(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    ))
}

fn new_role(name: &str, trust: Document) -> NewRole {
    NewRole {
        name: role_name(name),
        path: "/".parse().unwrap(),
        description: None,
        max_session_duration: 3600,
        permissions_boundary: None,
        trust,
        tags: [].into(),
    }
}

async fn iam(memory: &Memory) -> (Arc<dyn IamRead>, Arc<dyn IamWrite>) {
    let target = AwsTarget { account: Some(AccountId::new(ACCOUNT).unwrap()), region: None };
    let backend = memory.backend();
    (backend.reads.iam(&target).await.unwrap(), backend.writes.iam(&target).await.unwrap())
}

fn api_server() -> KubernetesTarget {
    KubernetesTarget { name: ClusterName::new("devops_aurora").unwrap(), cluster: None }
}

async fn kubernetes(memory: &Memory) -> (Arc<dyn KubernetesRead>, Arc<dyn KubernetesWrite>) {
    let backend = memory.backend();
    let target = api_server();
    (backend.reads.kubernetes(&target).await.unwrap(), backend.writes.kubernetes(&target).await.unwrap())
}

#[track_caller]
fn assert_error<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind, code: &str, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.get_code()), (kind, Some(code)), "{error}");
    assert!(error.message().contains(message), "{error}");
    assert!(error.get_operation().is_some() && error.get_resource().is_some(), "{error:?}");
}
