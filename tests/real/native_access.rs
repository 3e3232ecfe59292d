//! Tokens of EKS, minted in-process, as the API server's token webhook sees them.

use podrole::ErrorKind;
use serde_json::Value;

use crate::support::{Scene, shown};

fn refusals(scene: &Scene, from: usize) -> Vec<String> {
    let reviews = scene.plane.reviews();
    let refused = reviews[from..].iter().filter(|review| review["authenticated"] == false);
    refused.map(|review| review["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_minted_token_is_accepted_and_a_wrong_one_is_minted_once_more_and_explained() {
    let scene = Scene::new("native").await;
    let start = scene.plane.reviews().len();
    let _ = scene.client.plan(&scene.grant()).await.unwrap();
    assert!(scene.plane.reviews().iter().any(|review| review["authenticated"] == true));
    assert_eq!(refusals(&scene, start), Vec::<String>::new());

    // A token made for another cluster's name.
    scene.front.cluster("another_cluster", scene.plane);
    let mut grant = scene.grant();
    grant.cluster.name = "another_cluster".to_owned();
    let start = scene.plane.reviews().len();
    let error = scene.client.plan(&grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error:?}");
    assert!(shown(&error).contains("access entry"), "{error:?}");
    println!("{:?}", refusals(&scene, start));

    // A token signed with another secret; asked for one thing alone, it is refused, made again, and refused again.
    let client = scene.front.builder_with(&scene.front.keys().access_key, "not-the-secret").build().await.unwrap();
    let eks = client.backend().reads.eks(&podrole::ports::AwsTarget::default()).await.unwrap();
    let name = podrole::model::ClusterName::new(podrole_tests::CLUSTER).unwrap();
    let cluster = eks.cluster(&name).await.unwrap();
    let target = podrole::ports::KubernetesTarget { name, cluster };
    let port = client.backend().reads.kubernetes(&target).await.unwrap();
    let start = scene.plane.reviews().len();
    let namespace = podrole::model::Namespace::new(&scene.namespace).unwrap();
    let error = port.namespace_exists(&namespace).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error:?}");
    let reasons = refusals(&scene, start);
    println!("{reasons:?}");
    assert_eq!(reasons.len(), 2, "exactly one more: {reasons:?}");
    assert!(!shown(&error).contains("k8s-aws-v1"), "no token in the error: {error:?}");
}

#[tokio::test]
async fn the_token_is_made_for_sts_itself_whatever_the_endpoint_of_the_calls() {
    let scene = Scene::new("native-host").await;
    // The webhook refuses any host but the region's own; AWS calls go to the loopback all the while.
    let _ = scene.client.plan(&scene.grant()).await.unwrap();
    assert!(scene.front.url.starts_with("http://127.0.0.1:"));
    assert_eq!(scene.service_account(), Value::Null);
}
