//! Roles that others made, and roles that others rely on.

use podrole::ErrorKind;
use podrole::grant::{DataSyncGrant, Manage};
use podrole_tests::{ACCOUNT, ROLE, ROLE_ARN, S3_FULL};
use serde_json::{Value, json};

use crate::support::{Scene, document, kinds, shown, theirs, trust};

#[tokio::test]
async fn an_existing_role_keeps_what_others_put_there_and_is_given_back() {
    let scene = Scene::new("existing-role").await;
    scene.create_role(ROLE, &theirs());
    let read_only = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";
    scene.front.boto("iam", "attach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": read_only}));
    let before = scene.role(ROLE);
    let grant = scene.bare_grant().policy("AmazonS3FullAccess");

    let plan = scene.client.plan(&grant).await.unwrap();
    assert!(kinds(&plan).contains(&"update_trust".to_owned()), "{plan}");
    let receipt = scene.applied(&grant).await;
    scene.verified(&grant).await;
    let role = scene.role(ROLE);
    let statements = trust(&role).statements();
    assert_eq!(statements.len(), 2);
    assert!(statements.iter().any(|statement| statement.sid.as_deref() == Some("Theirs")));
    assert_eq!(role["Tags"], before["Tags"]);
    let mut attached = scene.attached(ROLE);
    attached.sort();
    assert_eq!(attached, [S3_FULL, read_only]);

    scene.revoked(&grant, Some(receipt)).await;
    assert_eq!(scene.role(ROLE), before);
    assert_eq!(scene.attached(ROLE), [read_only]);
}

#[tokio::test]
async fn without_a_receipt_revoke_says_what_it_cannot_tell_apart() {
    let scene = Scene::new("no-receipt").await;
    scene.create_role(ROLE, &theirs());
    let grant = scene.bare_grant().policy("AmazonS3FullAccess");
    scene.applied(&grant).await;
    let plan = scene.client.plan_revoke(&grant).await.unwrap();
    assert!(plan.notices.iter().any(|notice| notice.message.contains("cannot tell who attached")), "{plan}");
    scene.client.apply(plan).await.unwrap();
    assert!(trust(&scene.role(ROLE)).same_meaning(&theirs()));
    assert_eq!(scene.attached(ROLE), [S3_FULL]);
}

#[tokio::test]
async fn an_observed_role_is_refused_before_any_write() {
    let scene = Scene::new("observed-role").await;
    scene.create_role(ROLE, &theirs());
    let error = scene.client.apply(&scene.bare_grant().manage_role(Manage::Observe)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert!(error.get_remedy().is_some());
    assert_eq!(scene.front.writes(), ["iam:CreateRole"], "only the test's own");
}

#[tokio::test]
async fn two_service_accounts_share_a_role_and_leave_one_after_the_other() {
    let scene = Scene::new("shared-role").await;
    let first = scene.grant();
    let mut second = scene.grant();
    second.service_account.name = "another".to_owned();
    scene.applied(&first).await;
    scene.applied(&second).await;
    scene.nothing_to_do(&first).await;
    scene.verified(&first).await;
    scene.verified(&second).await;
    scene.revoked(&first, None).await;
    assert_eq!(scene.attached(ROLE), [S3_FULL], "the second grant still uses it");
    scene.verified(&second).await;
    scene.revoked(&second, None).await;
    assert_eq!(scene.role(ROLE), Value::Null);
}

#[tokio::test]
async fn path_tags_boundary_and_session_are_set_and_changed() {
    let scene = Scene::new("role-settings").await;
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    let mut grant = scene.grant().tag("team", "connections");
    grant.role.path = "/connections/".to_owned();
    grant.role.max_session_duration = 7200;
    grant.role.permissions_boundary = Some(boundary.to_owned());
    scene.applied(&grant).await;
    let role = scene.role(ROLE);
    assert_eq!((&role["Path"], &role["MaxSessionDuration"]), (&json!("/connections/"), &json!(7200)));
    assert_eq!(role["PermissionsBoundary"]["PermissionsBoundaryArn"], boundary);
    assert!(role["Tags"].as_array().unwrap().contains(&json!({"Key": "team", "Value": "connections"})));

    grant.role.max_session_duration = 3600;
    grant.role.permissions_boundary = None;
    grant.role.description = Some("another purpose".to_owned());
    grant = grant.tag("team", "others");
    scene.applied(&grant).await;
    let role = scene.role(ROLE);
    assert_eq!((&role["Description"], &role["MaxSessionDuration"]), (&json!("another purpose"), &json!(3600)));
    assert_eq!(role["PermissionsBoundary"], Value::Null);
    assert!(role["Tags"].as_array().unwrap().contains(&json!({"Key": "team", "Value": "others"})));
    scene.verified(&grant).await;
    scene.revoked(&grant, None).await;
    assert_eq!(scene.role(ROLE), Value::Null);
}

#[tokio::test]
async fn data_syncs_put_the_procedures_statement_into_the_other_role_and_take_it_out() {
    let scene = Scene::new("data-sync").await;
    scene.create_role("data-sync", &theirs());
    let before = scene.role("data-sync");
    let grant = scene.grant().data_sync("data-sync");
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    let seed = json!({
        "Effect": "Allow",
        "Principal": {"AWS": ROLE_ARN, "Service": "s3.amazonaws.com"},
        "Action": "sts:AssumeRole",
    });
    let wanted = json!({"Version": "2012-10-17", "Statement": [theirs().as_value()["Statement"][0], seed]});
    let found = trust(&scene.role("data-sync"));
    assert!(found.same_meaning(&document(wanted)), "{}", found.to_pretty());
    scene.revoked(&grant, None).await;
    assert_eq!(scene.role("data-sync"), before);
}

#[tokio::test]
async fn data_syncs_with_conditions_are_two_statements() {
    let scene = Scene::new("data-sync-conditions").await;
    scene.create_role("data-sync", &theirs());
    let grant = scene.grant().data_sync_grant(DataSyncGrant {
        role: "data-sync".to_owned(),
        source_account: Some(ACCOUNT.to_owned()),
        external_id: Some("connections".to_owned()),
    });
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    let wanted = json!({"Version": "2012-10-17", "Statement": [
        theirs().as_value()["Statement"][0],
        {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "connections"}}},
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}},
    ]});
    let found = trust(&scene.role("data-sync"));
    assert!(found.same_meaning(&document(wanted)), "{}", found.to_pretty());

    // The grant without it takes it out again.
    let smaller = scene.grant();
    scene.applied(&smaller).await;
    assert!(trust(&scene.role("data-sync")).same_meaning(&theirs()));
}

#[tokio::test]
async fn a_data_sync_role_that_is_not_there_is_named_before_any_write() {
    let scene = Scene::new("data-sync-missing").await;
    let error = scene.client.apply(&scene.grant().data_sync("nobody")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(shown(&error).contains("nobody"), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
}
