//! Plans that are saved, plans that are stale, and the longest names there are.

use podrole::kubernetes::Kubeconfig;
use podrole::{ErrorKind, Grant, Plan};
use podrole_tests::{ROLE, S3_FULL};
use serde_json::{Value, json};

use crate::support::{DEPLOYMENT, ROLLOUT, SERVICE_ACCOUNT, Scene, allow, shown};

#[tokio::test]
async fn a_saved_plan_is_applied_later_by_somebody_else() {
    let scene = Scene::new("saved-plan").await;
    scene.deployment(None);
    let grant = scene.grant().deployment(DEPLOYMENT).policy_document("connections-data", allow("s3:Get"));
    let saved = scene.client.plan(&grant).await.unwrap().to_json();
    let another = scene.front.client().await;
    another.apply(Plan::from_json(&saved).unwrap()).wait(ROLLOUT).await.unwrap();
    scene.nothing_to_do(&grant).await;
    scene.verified(&grant).await;
    let error = another.apply(Plan::from_json(&saved).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:?}");
}

/// Plans, moves the world, applies: refused before the first write.
async fn is_stale(scene: &Scene, grant: &Grant, thing: &str, moved: impl FnOnce(&Scene)) {
    let plan = scene.client.plan(grant).await.unwrap();
    moved(scene);
    scene.front.clear_log();
    let error = scene.client.apply(plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:?}");
    assert!(shown(&error).contains(thing), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_whose_world_has_moved_is_refused_before_the_first_write() {
    let scene = Scene::new("stale").await;
    scene.deployment(None);
    let grant = scene.grant().deployment(DEPLOYMENT);
    is_stale(&scene, &grant, SERVICE_ACCOUNT, |scene| {
        scene.plane.kubectl(&["create", "serviceaccount", SERVICE_ACCOUNT, "-n", &scene.namespace]);
    })
    .await;
    assert_eq!(scene.role(ROLE), Value::Null);
    is_stale(&scene, &grant, ROLE, |scene| scene.create_role(ROLE, &crate::support::theirs())).await;
    is_stale(&scene, &grant, S3_FULL.rsplit_once('/').unwrap().1, |scene| {
        scene.front.boto("iam", "attach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": S3_FULL}));
    })
    .await;
    // Without pods nothing depends on how far a rollout is: the workload runs as the account already, and is not recorded as ours any more.
    scene.plane.kubectl(&["scale", "deployment", DEPLOYMENT, "-n", &scene.namespace, "--replicas=0"]);
    is_stale(&scene, &grant, "podrole.dev/workloads", |scene| {
        scene.plane.kubectl(&[
            "set",
            "serviceaccount",
            "deployment",
            DEPLOYMENT,
            SERVICE_ACCOUNT,
            "-n",
            &scene.namespace,
        ]);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_matter_to_a_plan_does_not_make_it_stale() {
    let scene = Scene::new("not-stale").await;
    scene.deployment(None);
    scene.create_role(ROLE, &crate::support::theirs());
    let grant = scene.bare_grant().deployment(DEPLOYMENT);
    let plan = scene.client.plan(&grant).await.unwrap();
    scene.plane.kubectl(&["annotate", "deployment", DEPLOYMENT, "-n", &scene.namespace, "team.example/note=hello"]);
    scene.plane.kubectl(&["scale", "deployment", DEPLOYMENT, "-n", &scene.namespace, "--replicas=1"]);
    let policy = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";
    scene.front.boto("iam", "attach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": policy}));
    scene.client.apply(plan).wait(ROLLOUT).await.unwrap();
    scene.verified(&grant).await;
}

#[tokio::test]
async fn the_longest_legal_names_and_underscores_work() {
    let scene = Scene::new("longest").await;
    let namespace = format!("{}-{}", scene.namespace, "n".repeat(62 - scene.namespace.len()));
    scene.plane.kubectl(&["create", "namespace", &namespace]);
    assert_eq!(namespace.len(), 63);
    let cluster = format!("devops_{}_aurora", "c".repeat(86));
    assert_eq!(cluster.len(), 100);
    let service_account = ["s".repeat(63), "t".repeat(63), "u".repeat(63), "v".repeat(61)].join(".");
    assert_eq!(service_account.len(), 253);
    let role = format!("+=,.@-_{}", "r".repeat(57));
    assert_eq!(role.len(), 64);
    let policy = format!("+=,.@-_{}", "p".repeat(121));
    assert_eq!(policy.len(), 128);
    scene.front.cluster(&cluster, scene.plane);
    // Tokens of EKS are good for one cluster's name alone.
    let kubeconfig = Kubeconfig { path: Some(scene.plane.kubeconfig.clone().into()), context: None };
    let client = scene.front.builder().kubeconfig(kubeconfig).build().await.unwrap();
    let grant = Grant::new(&cluster, format!("{namespace}/{service_account}"), &role)
        .policy("AmazonS3FullAccess")
        .policy_document(&policy, allow("s3:Get"))
        .inline_policy(&policy, allow("s3:Put"));
    client.apply(&grant).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    let plan = client.plan(&grant).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(scene.role(&role)["RoleName"], role);
    assert_ne!(scene.plane.get("serviceaccount", &namespace, &service_account), Value::Null);
    client.revoke(&grant).await.unwrap();
    assert_eq!(scene.role(&role), Value::Null);
    assert_eq!(scene.plane.get("serviceaccount", &namespace, &service_account), Value::Null);
}
