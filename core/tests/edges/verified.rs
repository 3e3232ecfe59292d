//! What `verify` must not let pass: pods that would come to no credentials, or to others.

use std::time::Duration;

use crate::undo::warning;
use podrole::memory::{Fault, FaultEffect, Memory, World, WorldServiceAccount, WorldWorkload};
use podrole::model::{Container, FieldOwner, WorkloadKind};
use podrole::verify::{CheckKind, Status};
use podrole::{Client, ErrorKind, Grant};

use crate::support::{
    NAMESPACE, ROLE, SERVICE_ACCOUNT, assert_same, bare_grant, crowded, deployment, document, namespace_mut,
    put_service_account, put_workload, role, role_mut, seed_grant, service_account,
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
    // A restart would change nothing, and every apply would do it again.
    let again = Client::in_memory(&memory).plan(&seed_grant()).await.unwrap();
    assert!(again.is_empty(), "{again}");
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
async fn pods_all_of_whose_containers_are_left_out_do_not_have_the_role() {
    let memory = with_template(|app| {
        let all = app.containers[0].name.clone();
        app.template_annotations.insert("eks.amazonaws.com/skip-containers".to_owned(), all);
    });
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
    let [(Status::Failed, message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("no container was given the role"), "{message}");
}

#[tokio::test]
async fn a_container_that_another_webhook_added_is_no_failure_of_the_grant() {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    memory.edit(|world| {
        for pod in namespace_mut(world).pods.values_mut() {
            pod.containers.push(Container { name: "vault-agent".to_owned(), ..Container::default() });
        }
    });
    let found = checks(&memory, &seed_grant(), CheckKind::Credentials).await;
    let [(Status::Warned, message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("vault-agent was not given the role"), "{message}");
}

#[tokio::test]
async fn a_profile_that_some_sdks_read_first_is_a_warning() {
    let (status, message) =
        finding(|container| drop(container.env.insert("AWS_PROFILE".to_owned(), Some("dev".to_owned())))).await;
    assert_eq!(status, Status::Warned);
    assert!(message.contains("AWS_PROFILE"), "{message}");
}

#[tokio::test]
async fn a_workload_on_hold_whose_pods_are_of_before_fails() {
    let memory = with_template(|app| app.paused = true);
    Client::in_memory(&memory).apply(&seed_grant()).await.unwrap();
    let found = checks(&memory, &seed_grant(), CheckKind::Rollout).await;
    let [(Status::Failed, message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("on hold"), "{message}");
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
    assert!(text.contains("pods run as it that this undo does not replace: of-others"), "{text}");
    let world = memory.world();
    let left = &service_account(&world, SERVICE_ACCOUNT).unwrap().annotations;
    assert_eq!(left.keys().collect::<Vec<_>>(), ["podrole.dev/created-by"]);
    assert!(role(&world, ROLE).is_none());
    assert!(client.plan_revoke(&seed_grant()).await.unwrap().is_empty());
    // As soon as nobody runs as it any more, it goes.
    memory.edit(|world| {
        namespace_mut(world).deployments.remove(&"of-others".parse().unwrap());
        namespace_mut(world).pods.retain(|_, pod| pod.service_account.as_str() != SERVICE_ACCOUNT);
    });
    client.revoke(&seed_grant()).await.unwrap();
    assert!(service_account(&memory.world(), SERVICE_ACCOUNT).is_none());
}

/// The plan of the undo of a grant that is in force, once the world is another.
async fn undo_after(change: impl FnOnce(&mut World), grant: &Grant) -> (Memory, String) {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(grant).wait(Duration::from_mins(1)).await.unwrap();
    memory.edit(change);
    let receipt = Client::in_memory(&memory).revoke(grant).await.unwrap();
    (memory, receipt.plan.view().width(1000).to_string())
}

fn app(world: &mut World) -> &mut WorldWorkload {
    namespace_mut(world).deployments.get_mut(&"connections-app".parse().unwrap()).unwrap()
}

#[tokio::test]
async fn an_undo_keeps_the_service_account_of_pods_that_nothing_replaces() {
    let (memory, plan) = undo_after(|world| app(world).paused = true, &seed_grant()).await;
    assert!(plan.contains("rollouts are on hold") && plan.contains("does not replace: connections-app-"), "{plan}");
    assert!(service_account(&memory.world(), SERVICE_ACCOUNT).is_some());
}

#[tokio::test]
async fn an_undo_does_not_take_a_service_account_that_others_set_too() {
    let (memory, plan) = undo_after(
        |world| {
            let field = ".spec.template.spec.serviceAccountName".to_owned();
            let owner =
                FieldOwner { manager: "argocd-controller".to_owned(), apply: true, fields: [field].into(), time: None };
            app(world).owners.push(owner);
        },
        &seed_grant(),
    )
    .await;
    assert!(plan.contains("argocd-controller sets its service account"), "{plan}");
    let world = memory.world();
    assert_eq!(deployment(&world, "connections-app").service_account.as_deref(), Some(SERVICE_ACCOUNT));
    assert!(service_account(&world, SERVICE_ACCOUNT).is_some());
}

#[tokio::test]
async fn an_undo_that_may_not_list_pods_keeps_the_service_account() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    memory.script(Fault::new("kubernetes:list pods", FaultEffect::Denied));
    let plan = client.revoke(&seed_grant()).await.unwrap().plan.view().width(1000).to_string();
    assert!(plan.contains("whether pods run as it is not known"), "{plan}");
    assert!(service_account(&memory.world(), SERVICE_ACCOUNT).is_some());
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

/// The seed's grant in force, but for pods that the webhook left alone.
async fn with_pods_without_role() -> Memory {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    memory.edit(|world| {
        let pods = namespace_mut(world).pods.values_mut();
        for pod in pods.filter(|pod| pod.service_account.as_str() == SERVICE_ACCOUNT) {
            pod.containers[0].env.clear();
        }
    });
    memory
}

/// The same, and somebody has taken the annotation off.
async fn without_annotation() -> Memory {
    let memory = with_pods_without_role().await;
    memory.edit(|world| {
        let account = namespace_mut(world).service_accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap()).unwrap();
        account.annotations.remove("eks.amazonaws.com/role-arn").unwrap();
    });
    memory
}

#[tokio::test]
async fn pods_that_were_made_while_there_was_no_annotation_are_replaced_once() {
    let memory = without_annotation().await;
    let client = Client::in_memory(&memory);
    let plan = client.plan(&seed_grant()).await.unwrap();
    let text = plan.to_string();
    assert!(text.contains("while the annotation was not there"), "{text}");
    client.apply(plan).wait(Duration::from_mins(1)).await.unwrap();
    client.verify(&seed_grant()).await.unwrap().into_result().unwrap();
    let again = client.plan(&seed_grant()).await.unwrap();
    assert!(again.is_empty() && again.notices.is_empty(), "{again}");
    client.revoke(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    assert_same(&crowded().filled().comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn pods_without_the_role_are_told_where_a_restart_might_not_help() {
    let memory = with_pods_without_role().await;
    let client = Client::in_memory(&memory);
    // A label of the service account moves the time of everything that podrole set on it.
    let mut labelled = seed_grant();
    labelled.service_account.labels.insert("team".to_owned(), "data".to_owned());
    client.apply(&labelled).await.unwrap();
    let plan = client.plan(&labelled).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    warning(&plan, &format!("deployment {NAMESPACE}/connections-app"), "2 of its pods do not have the role");
}

#[tokio::test]
async fn pods_that_may_not_be_listed_are_told_when_the_annotation_comes_back() {
    let memory = without_annotation().await;
    memory.script(Fault::new("kubernetes:list pods", FaultEffect::Denied));
    let plan = Client::in_memory(&memory).plan(&seed_grant()).await.unwrap();
    warning(&plan, &format!("deployment {NAMESPACE}/connections-app"), "not known");
}
