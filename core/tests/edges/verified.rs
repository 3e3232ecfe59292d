//! What `verify` must not let pass: pods that would come to no credentials, or to others.

use std::time::Duration;

use podrole::memory::{Memory, WorldServiceAccount, WorldWorkload};
use podrole::model::{Container, WorkloadKind};
use podrole::verify::{CheckKind, Status};
use podrole::{Client, ErrorKind, Grant};

use crate::support::{
    NAMESPACE, ROLE, SERVICE_ACCOUNT, bare_grant, crowded, document, namespace_mut, put_service_account, put_workload,
    role, role_mut, seed_grant, service_account,
};

/// The checks of a kind that a grant comes to, with their messages.
async fn checks(memory: &Memory, grant: &Grant, kind: CheckKind) -> Vec<(Status, String)> {
    let report = Client::in_memory(memory).verify(grant).await.unwrap();
    let found = report.checks.into_iter().filter(|check| check.kind == kind);
    found.map(|check| (check.status, check.message)).collect()
}

fn with_template(change: impl FnOnce(&mut WorldWorkload)) -> Memory {
    let mut world = crowded();
    let app = &"connections-app".parse().unwrap();
    change(namespace_mut(&mut world).deployments.get_mut(app).unwrap());
    Memory::new(world.filled())
}

fn deny(memory: &Memory, name: &str, statement: &str) {
    memory.edit(|world| {
        let role = role_mut(world, name);
        let mut value = role.trust.as_value().clone();
        value["Statement"].as_array_mut().unwrap().push(serde_json::from_str(statement).unwrap());
        role.trust = document(&value.to_string());
    });
}

#[tokio::test]
async fn pods_that_the_webhook_left_alone_fail() {
    let label = "eks.amazonaws.com/skip-pod-identity-webhook";
    let memory = with_template(|app| drop(app.template_labels.insert(label.to_owned(), "true".to_owned())));
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
    let [(Status::Failed, message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("2 of 2 pods") && message.contains("was not given the role"), "{message}");
}

#[tokio::test]
async fn credentials_that_come_before_the_role_fail() {
    for (name, value) in [("AWS_ACCESS_KEY_ID", Some("AKIDEXAMPLE")), ("AWS_ROLE_ARN", Some("arn:aws:iam::1:role/x"))] {
        let memory = with_template(|app| {
            app.containers[0].env.insert(name.to_owned(), value.map(str::to_owned));
        });
        Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
        let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
        assert!(found.iter().any(|(status, _)| *status == Status::Failed), "{name}: {found:?}");
        assert!(!format!("{found:?}").contains("AKIDEXAMPLE"), "no credential is shown");
    }
}

/// The finding about the first container of the pods, once it was changed behind podrole's back.
async fn finding(change: impl Fn(&mut Container)) -> (Status, String) {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    memory.edit(|world| {
        let pods = namespace_mut(world).pods.values_mut();
        pods.filter(|pod| pod.service_account.as_str() == SERVICE_ACCOUNT)
            .for_each(|pod| change(&mut pod.containers[0]));
    });
    let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    finding.clone()
}

#[tokio::test]
async fn a_token_file_without_a_token_of_the_audience_fails() {
    let (status, message) = finding(|container| container.tokens.clear()).await;
    assert_eq!(status, Status::Failed);
    assert!(
        message.contains("2 of 2 pods") && message.contains("has no service-account token at /var/run/"),
        "{message}"
    );

    let to_vault =
        |container: &mut Container| container.tokens.values_mut().for_each(|audience| "vault".clone_into(audience));
    let (status, message) = finding(to_vault).await;
    assert_eq!(status, Status::Failed);
    assert!(message.contains("audience \"vault\" instead of sts.amazonaws.com"), "{message}");

    let windows = |container: &mut Container| {
        let file = container.env.get_mut("AWS_WEB_IDENTITY_TOKEN_FILE").unwrap();
        *file = Some(format!("C:{}", file.as_ref().unwrap().replace('/', "\\")));
    };
    assert_eq!(finding(windows).await.0, Status::Passed);
}

#[tokio::test]
async fn variables_that_cannot_be_seen_are_a_warning() {
    let (status, message) = finding(|container| container.env_from.push("secret app-settings".to_owned())).await;
    assert_eq!(status, Status::Warned);
    assert!(message.contains("secret app-settings"), "{message}");
}

#[tokio::test]
async fn a_container_that_is_left_out_on_purpose_is_no_failure() {
    let memory = with_template(|app| {
        let mut side = app.containers[0].clone();
        "side".clone_into(&mut side.name);
        app.containers.push(side);
        let skip = "eks.amazonaws.com/skip-containers".to_owned();
        app.template_annotations.insert(skip, "side".to_owned());
    });
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
    assert!(matches!(found.as_slice(), [(Status::Passed, _)]), "{found:?}");
}

#[tokio::test]
async fn an_audience_of_others_on_the_service_account_is_a_conflict() {
    let mut world = crowded();
    let theirs = WorldServiceAccount::new().annotation("eks.amazonaws.com/audience", "theirs", "helm");
    put_service_account(&mut world, SERVICE_ACCOUNT, theirs);
    let memory = Memory::new(world.filled());
    let client = Client::in_memory(&memory);
    let error = client.plan(&bare_grant()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && format!("{error:#}").contains("helm"), "{error:#}");
    // Taken over, it is kept, and given back by the undo.
    let mut own = bare_grant();
    own.service_account.manage = podrole::grant::Manage::Own;
    client.apply(&own).await.unwrap();
    assert!(client.plan(&own).await.unwrap().is_empty());
    client.verify(&own).await.unwrap().into_result().unwrap();
    client.revoke(&own).await.unwrap();
    let world = memory.world();
    let back = service_account(&world, SERVICE_ACCOUNT).unwrap();
    assert_eq!(back.annotations.get("eks.amazonaws.com/audience").map(String::as_str), Some("theirs"));
    // Somebody sets it later: pods' tokens are not for STS any more.
    client.apply(&own).await.unwrap();
    memory.edit(|world| {
        let accounts = &mut namespace_mut(world).service_accounts;
        let found = accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap()).unwrap();
        found.annotations.insert("eks.amazonaws.com/audience".to_owned(), "other".to_owned());
    });
    assert!(!client.verify(&own).await.unwrap().passed());
}

#[tokio::test]
async fn conditions_are_judged_by_what_is_written_and_not_by_made_up_values() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    for operator in ["StringEquals", "StringNotEquals", "StringNotEqualsIfExists"] {
        let mut grant = bare_grant();
        let keys = grant.trust.conditions.entry(operator.to_owned()).or_default();
        keys.insert("aws:SourceVpc".to_owned(), vec!["vpc-1".to_owned()]);
        client.apply(&grant).await.unwrap();
        client.verify(&grant).await.unwrap().into_result().unwrap();
        // Under other conditions than the grant's it does not pass.
        let mut other = grant.clone();
        other.trust.conditions.get_mut(operator).unwrap().insert("aws:SourceVpc".to_owned(), vec!["vpc-2".to_owned()]);
        assert!(!client.verify(&other).await.unwrap().passed(), "{operator}");
    }
}

#[tokio::test]
async fn a_deny_that_depends_on_the_request_is_a_warning() {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&bare_grant()).await.unwrap();
    deny(
        &memory,
        ROLE,
        r#"{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity",
            "Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#,
    );
    let found = checks(&memory, &bare_grant(), CheckKind::Trust).await;
    assert!(found.iter().any(|(status, message)| *status == Status::Warned && message.contains("aws:SourceIp")));
    assert!(!found.iter().any(|(status, _)| *status == Status::Failed), "{found:?}");
}

#[tokio::test]
async fn patterns_are_looked_for_too() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let mut grant = bare_grant();
    grant.trust.service_accounts = vec![format!("{NAMESPACE}/job-*")];
    client.apply(&bare_grant()).await.unwrap();
    assert!(!client.verify(&grant).await.unwrap().passed());
    client.apply(&grant).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
}

#[tokio::test]
async fn a_data_sync_that_is_denied_fails() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let grant = bare_grant().data_sync("their-data-role");
    client.apply(&grant).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    deny(
        &memory,
        "their-data-role",
        r#"{"Effect":"Deny","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
    );
    let error = client.verify(&grant).await.unwrap().into_result().unwrap_err();
    assert_eq!(error.get_remedy(), Some("remove or narrow that Deny statement"), "{error:#}");
}

#[tokio::test]
async fn a_service_account_that_pods_of_others_run_as_is_not_deleted() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    memory.edit(|world| {
        let job = WorldWorkload::new(1).running_as(SERVICE_ACCOUNT, "helm");
        put_workload(world, WorkloadKind::Deployment, "of-others", job);
    });
    let receipt = client.revoke(&seed_grant()).await.unwrap();
    let text = receipt.plan.view().width(1000).to_string();
    assert!(text.contains("pods of others run as it: of-others"), "{text}");
    let world = memory.world();
    assert!(service_account(&world, SERVICE_ACCOUNT).unwrap().annotations.is_empty());
    assert!(role(&world, ROLE).is_none());
}

#[test]
fn an_arn_without_an_account_or_with_a_region_is_refused() {
    for (arn, words) in [
        ("arn:aws:iam:::role/x", "12 digits"),
        ("arn:aws:iam::aws:role/x", "12 digits"),
        ("arn:aws:iam:ca-central-1:204393242335:role/x", "regions"),
    ] {
        let error = Grant::new("devops_aurora", format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), arn).check().unwrap_err();
        assert!(error.to_string().contains(words), "{arn}: {error}");
    }
}

#[tokio::test]
async fn a_data_sync_role_of_another_path_or_partition_and_a_boundary_of_another_account_are_refused() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    for arn in
        ["arn:aws:iam::204393242335:role/path/their-data-role", "arn:aws-cn:iam::204393242335:role/their-data-role"]
    {
        let error = client.plan(&bare_grant().data_sync(arn)).await.unwrap_err();
        assert!(error.to_string().contains(arn), "{error:#}");
    }
    let mut bounded = bare_grant();
    bounded.role.permissions_boundary = Some("arn:aws:iam::111122223333:policy/theirs".to_owned());
    let error = client.plan(&bounded).await.unwrap_err();
    assert!(error.to_string().contains("111122223333"), "{error:#}");
}
