//! EKS and STS.

use super::{Answer, Wire};
use crate::error::ErrorKind;
use crate::model::{ClusterName, Namespace, ServiceAccountName};
use crate::ports::AwsTarget;

fn name() -> ClusterName {
    ClusterName::new("devops_aurora").expect("a name")
}

fn json(status: u16, body: &serde_json::Value) -> Answer {
    Answer::Http(status, body.to_string())
}

#[tokio::test]
async fn a_cluster_is_read() {
    let wire = Wire::new([json(
        200,
        &serde_json::json!({"cluster": {"name": "devops_aurora", "arn": "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora",
            "status": "ACTIVE", "endpoint": "https://x.gr7.ca-central-1.eks.amazonaws.com", "certificateAuthority": {"data": "LS0t"},
            "identity": {"oidc": {"issuer": "https://oidc.eks.ca-central-1.amazonaws.com/id/8A02"}}}}),
    )]);
    let eks = wire.aws().await.eks(&AwsTarget::default()).expect("there is a region");
    let cluster = eks.cluster(&name()).await.expect("an answer").expect("a cluster");
    assert_eq!(cluster.status, "ACTIVE");
    assert_eq!(cluster.account().expect("an account").as_str(), "204393242335");
    assert_eq!(cluster.issuer.expect("an issuer").as_str(), "https://oidc.eks.ca-central-1.amazonaws.com/id/8A02");
    assert_eq!(cluster.certificate_authority.as_deref(), Some("LS0t"));
    assert!(wire.lines()[0].ends_with("/clusters/devops_aurora"), "{:?}", wire.lines());
}

#[tokio::test]
async fn a_new_cluster_lacks_what_it_lacks() {
    let cluster = serde_json::json!({"cluster": {"arn": "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora",
        "status": "CREATING", "endpoint": "", "certificateAuthority": {}}});
    let wire = Wire::new([json(200, &cluster)]);
    let eks = wire.aws().await.eks(&AwsTarget::default()).expect("there is a region");
    let cluster = eks.cluster(&name()).await.expect("an answer").expect("a cluster");
    assert_eq!((cluster.issuer, cluster.endpoint, cluster.certificate_authority), (None, None, None));
}

#[tokio::test]
async fn an_absent_cluster_is_none_and_a_page_of_html_is_not() {
    let absent = Answer::Http(404, r#"{"__type":"ResourceNotFoundException","message":"No cluster found"}"#.to_owned());
    let html = Answer::Http(404, "<!doctype html><title>404 Not Found</title>".to_owned());
    let denied = r#"{"__type":"AccessDeniedException","message":"User: u is not authorized to perform: eks:DescribeCluster on resource: c"}"#;
    let wire = Wire::new([absent, html, Answer::Http(403, denied.to_owned())]);
    let eks = wire.aws().await.eks(&AwsTarget::default()).expect("there is a region");
    assert_eq!(eks.cluster(&name()).await.expect("no error"), None);
    assert_eq!(eks.cluster(&name()).await.expect_err("garbage").kind(), ErrorKind::Unexpected);
    let error = eks.cluster(&name()).await.expect_err("a denial");
    assert_eq!((error.kind(), error.get_action()), (ErrorKind::PermissionDenied, Some("eks:DescribeCluster")));
}

#[tokio::test]
async fn associations_are_read_to_the_last_page() {
    let association = |id: &str| serde_json::json!({"associationId": id, "clusterName": "devops_aurora", "namespace": "n", "serviceAccount": "s", "ownerArn": "arn:x"});
    let wire = Wire::new([
        json(200, &serde_json::json!({"associations": [association("a-1")], "nextToken": "t"})),
        json(200, &serde_json::json!({"associations": [association("a-2")]})),
    ]);
    let eks = wire.aws().await.eks(&AwsTarget::default()).expect("there is a region");
    let namespace = Namespace::new("n").expect("a namespace");
    let service_account = ServiceAccountName::new("s").expect("a name");
    let read = eks.pod_identity_associations(&name(), &namespace, &service_account).await.expect("an answer");
    let ids: Vec<&str> = read.iter().map(|association| association.id.as_str()).collect();
    assert_eq!(ids, ["a-1", "a-2"]);
    let lines = wire.lines();
    for part in ["/clusters/devops_aurora/pod-identity-associations?", "namespace=n", "serviceAccount=s", "nextToken=t"]
    {
        assert!(lines[1].contains(part), "{part} in {}", lines[1]);
    }
}

#[tokio::test]
async fn the_caller_is_an_arn() {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Arn>arn:aws:sts::204393242335:assumed-role/admin/me</Arn><UserId>u</UserId><Account>204393242335</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let wire = Wire::new([Answer::Http(200, body.to_owned())]);
    let sts = wire.aws().await.sts(&AwsTarget::default()).expect("there is a region");
    assert_eq!(sts.caller().await.expect("an answer").account().expect("an account").as_str(), "204393242335");
}
