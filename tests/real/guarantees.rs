//! The guarantees on the wire: what is done twice changes nothing the second time, and what is undone leaves both servers as they were.

use podrole::kubernetes::Kubeconfig;
use podrole::policy::S3Access;
use podrole_tests::{ACCOUNT, Emulator, Front, Gateway, control_plane};
use serde_json::{Value, json};

use crate::account::account;
use crate::support::{DEPLOYMENT, ROLLOUT, Scene, allow, theirs};

/// Everything in a namespace that people set.
fn namespace(scene: &Scene) -> Value {
    let listed =
        scene.plane.kubectl(&["get", "serviceaccounts,configmaps,secrets", "-n", &scene.namespace, "-o", "json"]);
    let mut listed: Value = serde_json::from_str(&listed).unwrap();
    for object in listed["items"].as_array_mut().unwrap() {
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    }
    let workloads: Vec<Value> = [("deployment", DEPLOYMENT), ("deployment", "other"), ("statefulset", "store")]
        .into_iter()
        .map(|(kind, name)| scene.workload_as_set(kind, name))
        .collect();
    json!([listed["items"], workloads])
}

async fn twice_and_back(emulator: Emulator, name: &str) {
    let plane = control_plane();
    let scene = Scene::at(Front::new(emulator), plane.namespace(name)).await;
    // What others have, and what the grant goes through.
    scene.create_role("data-sync", &theirs());
    scene.create_role("somebody-elses", &theirs());
    let provider = json!({"Url": podrole_tests::ISSUER, "ClientIDList": ["sts.amazonaws.com"]});
    scene.front.boto("iam", "create_open_id_connect_provider", &provider);
    let document = allow("s3:Get").to_json();
    scene.front.boto("iam", "create_policy", &json!({"PolicyName": "team-policy", "PolicyDocument": document}));
    plane.kubectl(&["create", "serviceaccount", "others", "-n", &scene.namespace]);
    scene.deployment(None);
    plane.workload("Deployment", &scene.namespace, "other", Some("others"));
    plane.workload("StatefulSet", &scene.namespace, "store", None);
    let before = (account(&scene.front), namespace(&scene));

    let gateway = Gateway::new(plane);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = Kubeconfig { path: Some(gateway.kubeconfig(folder.path())), context: None };
    let client = scene.front.builder().kubeconfig(kubeconfig).allow_any_endpoint().build().await.unwrap();
    let mut grant = scene
        .grant()
        .customer_policy("team-policy")
        .policy_document("connections-queue", allow("sqs:Receive"))
        .inline_policy("connections-inline", allow("sns:Publish"))
        .s3("connections-data", ["connections-data"], S3Access::ReadWrite)
        .data_sync("data-sync")
        .tag("team", "connections")
        .deployment(DEPLOYMENT)
        .stateful_set("store");
    grant.role.permissions_boundary = Some("arn:aws:iam::aws:policy/PowerUserAccess".to_owned());
    grant.role.max_session_duration = 7200;
    grant.token.expiration = Some(3600);
    client.apply(&grant).wait(ROLLOUT).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    let applied = (account(&scene.front), namespace(&scene));
    assert_ne!(applied.0, before.0);
    assert_ne!(applied.1, before.1);

    scene.front.clear_log();
    gateway.clear_log();
    let receipt = client.apply(&grant).wait(ROLLOUT).await.unwrap();
    assert!(receipt.steps.is_empty(), "{receipt}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    let calls = gateway.log();
    assert!(calls.len() >= 4 && calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
    assert_eq!((account(&scene.front), namespace(&scene)), applied);

    client.revoke(&grant).wait(ROLLOUT).await.unwrap();
    assert_eq!((account(&scene.front), namespace(&scene)), before);
    scene.front.clear_log();
    gateway.clear_log();
    client.revoke(&grant).await.unwrap();
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    assert!(gateway.log().iter().all(|call| call.starts_with("GET ")));
    assert!(before.0.to_string().contains(ACCOUNT), "an empty dump would be equal to any other");
}

#[tokio::test]
async fn on_moto_applying_twice_changes_nothing_and_revoke_brings_both_servers_back() {
    twice_and_back(Emulator::Moto, "twice-moto").await;
}

#[tokio::test]
async fn on_ministack_applying_twice_changes_nothing_and_revoke_brings_both_servers_back() {
    twice_and_back(Emulator::Ministack, "twice-ministack").await;
}
