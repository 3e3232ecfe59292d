//! The written procedure, row by row, with its own values.

use podrole::plan::Verb;
use podrole::policy::Document;
use podrole::ports::CallLog;
use podrole_tests::{Emulator, Front, PROVIDER_ARN, ROLE, ROLE_ARN, S3_FULL, control_plane};
use serde_json::{Value, json};

use crate::support::{DEPLOYMENT, ROLE_ANNOTATION, SERVICE_ACCOUNT, Scene, kinds, text, trust};

/// As the procedure prints it.
const TRUST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B:aud": "sts.amazonaws.com",
          "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B:sub": "system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3"
        }
      }
    }
  ]
}"#;

#[tokio::test]
async fn the_whole_procedure_is_done_verified_repeated_and_undone() {
    let plane = control_plane();
    plane.kubectl(&["create", "namespace", "devops-aurora-1"]);
    let scene = Scene::at(Front::new(Emulator::Moto), "devops-aurora-1".to_owned()).await;
    scene.deployment(None);
    let before = scene.workload_as_set("deployment", DEPLOYMENT);
    let grant = scene.grant().deployment(DEPLOYMENT);

    let log = CallLog::new();
    let plan = log.scope(scene.client.plan(&grant)).await.unwrap();
    println!("{plan}");
    println!("plan: {} calls, {} deep", log.calls().len(), log.depth());
    assert_eq!(
        kinds(&plan),
        ["create_provider", "create_role", "attach_policy", "apply_service_account", "apply_workload"]
    );
    assert!(log.depth() <= 2, "{:?}", log.calls());
    assert_eq!(scene.front.writes(), Vec::<String>::new());

    let receipt = scene.client.apply(plan).await.unwrap();
    println!("apply: {} calls, {} deep", receipt.calls, receipt.depth);
    for step in &receipt.steps {
        println!("  {:?}", step.calls);
    }
    // One look at the world, then provider, role, service account beside the attachment, workload.
    assert!(receipt.depth <= 5, "{:?}", receipt.steps);
    plane.rolled_out("deployment", "devops-aurora-1", DEPLOYMENT);
    println!("{}", scene.verified(&grant).await);

    // What the procedure reads `get-role` and `describe deployment` for.
    let role = scene.role(ROLE);
    assert_eq!(role["Arn"], ROLE_ARN);
    assert_eq!(role["Description"], "testing sa role for pod");
    assert!(trust(&role).same_meaning(&Document::parse(TRUST).unwrap()), "{}", role["AssumeRolePolicyDocument"]);
    assert_eq!(scene.attached(ROLE), [S3_FULL]);
    let provider =
        scene.front.boto("iam", "get_open_id_connect_provider", &json!({"OpenIDConnectProviderArn": PROVIDER_ARN}));
    assert_eq!(provider["ClientIDList"], json!(["sts.amazonaws.com"]));
    assert!(provider["ThumbprintList"].as_array().is_none_or(Vec::is_empty), "{provider}");
    assert_eq!(scene.service_account()["metadata"]["annotations"][ROLE_ANNOTATION], ROLE_ARN);
    let pod = scene.workload_as_set("deployment", DEPLOYMENT)["spec"]["template"]["spec"].clone();
    assert_eq!(
        (&pod["serviceAccountName"], &pod["serviceAccount"]),
        (&json!(SERVICE_ACCOUNT), &json!(SERVICE_ACCOUNT))
    );
    let described = plane.kubectl(&["describe", "deployment", DEPLOYMENT, "-n", "devops-aurora-1"]);
    let line = described.lines().find(|line| line.contains("Service Account:")).unwrap();
    assert!(line.ends_with(SERVICE_ACCOUNT), "{line}");

    scene.nothing_to_do(&grant).await;

    let receipt = scene.revoked(&grant, None).await;
    assert_eq!(receipt.verb(), Verb::Revoke);
    assert_eq!(scene.role(ROLE), Value::Null);
    assert_eq!(scene.service_account(), Value::Null);
    assert_eq!(scene.workload_as_set("deployment", DEPLOYMENT), before);
    let providers = scene.front.boto("iam", "list_open_id_connect_providers", &json!({}));
    assert_eq!(providers["OpenIDConnectProviderList"][0]["Arn"], PROVIDER_ARN);

    // And once more from there.
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    let receipt = scene.client.revoke(&grant).remove_provider().await.unwrap();
    println!("{receipt}");
    let providers = scene.front.boto("iam", "list_open_id_connect_providers", &json!({}));
    assert_eq!(providers["OpenIDConnectProviderList"], json!([]));
}

#[tokio::test]
async fn a_world_made_by_hand_needs_no_change_to_aws_and_the_service_account() {
    let scene = Scene::new("by-hand").await;
    let ours = TRUST.replace("devops-aurora-1", &scene.namespace);
    let host = podrole_tests::ISSUER.trim_start_matches("https://");
    let provider = json!({"Url": format!("https://{host}"), "ClientIDList": ["sts.amazonaws.com"]});
    scene.front.boto("iam", "create_open_id_connect_provider", &provider);
    scene.create_role(ROLE, &Document::parse(&ours).unwrap());
    scene.front.boto("iam", "attach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": S3_FULL}));
    scene.plane.kubectl(&["create", "serviceaccount", SERVICE_ACCOUNT, "-n", &scene.namespace]);
    let annotation = format!("{ROLE_ANNOTATION}={ROLE_ARN}");
    scene.plane.kubectl(&["annotate", "serviceaccount", SERVICE_ACCOUNT, "-n", &scene.namespace, &annotation]);
    scene.deployment(Some(SERVICE_ACCOUNT));
    let before = (scene.role(ROLE), scene.service_account());

    let grant = scene.bare_grant().policy("AmazonS3FullAccess").deployment(DEPLOYMENT);
    scene.nothing_to_do(&grant).await;
    scene.verified(&grant).await;
    let revoke = scene.client.plan_revoke(&grant).await.unwrap();
    assert!(revoke.is_empty(), "{revoke}");
    assert_eq!((scene.role(ROLE), scene.service_account()), before);
}

#[tokio::test]
async fn a_provider_without_the_audience_gets_it() {
    let scene = Scene::new("audience").await;
    let provider = json!({"Url": podrole_tests::ISSUER, "ClientIDList": ["somebody-else"]});
    scene.front.boto("iam", "create_open_id_connect_provider", &provider);
    let grant = scene.grant();
    assert_eq!(kinds(&scene.client.plan(&grant).await.unwrap())[0], "add_client_id");
    scene.applied(&grant).await;
    let found =
        scene.front.boto("iam", "get_open_id_connect_provider", &json!({"OpenIDConnectProviderArn": PROVIDER_ARN}));
    let mut ids: Vec<String> = found["ClientIDList"].as_array().unwrap().iter().map(text).collect();
    ids.sort();
    assert_eq!(ids, ["somebody-else", "sts.amazonaws.com"]);
    scene.verified(&grant).await;
}
