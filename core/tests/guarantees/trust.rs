//! Guarantee 3: trust is never wider than asked.

use podrole::memory::{Memory, WorldServiceAccount};
use podrole::model::{Arn, Namespace};
use podrole::policy::{Document, subjects_allowed};
use podrole::{Client, Grant};

use crate::support::{
    CLUSTER, HOST, NAMESPACE, ROLE, ROLE_ARN, SERVICE_ACCOUNT, Scenario, account, crowded, namespace_mut, role,
    role_mut, scenarios, seed_grant,
};

const PROVIDER: &str =
    "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";

/// The statements of a trust policy that let tokens in and are ours.
fn ours(trust: &Document) -> Vec<podrole::policy::Statement> {
    let ours = |sid: &String| sid.starts_with("Podrole") && !sid.starts_with("PodroleSync");
    trust.statements().into_iter().filter(|statement| statement.sid.as_ref().is_some_and(ours)).collect()
}

fn wanted_subjects(scenario: &Scenario) -> Vec<String> {
    let subject = |text: &str| format!("system:serviceaccount:{}", text.replace('/', ":"));
    let grants = std::iter::once(&scenario.grant).chain(&scenario.earlier);
    grants
        .flat_map(|grant| {
            std::iter::once(subject(&grant.subject()))
                .chain(grant.trust.service_accounts.iter().map(|text| subject(text)))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn every_statement_pins_subject_and_audience_and_names_nobody_who_was_not_asked_for() {
    let mut statements = 0;
    for scenario in scenarios() {
        let name = scenario.name;
        let memory = scenario.prepare().await;
        Client::in_memory(&memory).apply(&scenario.grant).await.unwrap();
        for role in account(&memory.world()).roles.values() {
            for statement in ours(&role.trust) {
                statements += 1;
                let line = |key: &str, operators: &[&str]| {
                    let key = format!("{HOST}:{key}");
                    let mut lines = statement.conditions.iter().filter(|line| line.key == key);
                    let line = lines.next().unwrap_or_else(|| panic!("{name}: {key} is not pinned: {statement:?}"));
                    assert!(operators.contains(&line.operator.as_str()), "{name}: {line:?}");
                    assert!(lines.next().is_none() && !line.values.is_empty(), "{name}: {statement:?}");
                    line.clone()
                };
                assert_eq!(statement.principals.keys().collect::<Vec<_>>(), ["Federated"], "{name}");
                assert_eq!(statement.principals["Federated"], [PROVIDER], "{name}");
                let audience = line("aud", &["StringEquals"]);
                assert!(!audience.values[0].contains('*') && audience.values.len() == 1, "{name}: {audience:?}");
                let subject = line("sub", &["StringEquals", "StringLike"]);
                let wanted = wanted_subjects(&scenario);
                for value in &subject.values {
                    assert!(wanted.contains(value), "{name}: nobody asked for {value}: {wanted:?}");
                }
                let patterns = subject.values.iter().any(|value| value.contains(['*', '?']));
                assert_eq!(subject.operator == "StringLike", patterns, "{name}: {subject:?}");
            }
        }
    }
    assert!(statements > scenarios().len(), "only {statements} statements were looked at");
}

#[tokio::test]
async fn a_wildcard_is_never_implied() {
    for text in ["*/*", "**/app", "*", "team/app*"] {
        let mut grant = seed_grant();
        grant.trust.service_accounts = vec![text.to_owned()];
        let trust = |grant: Grant| async move {
            let memory = Memory::new(crowded());
            Client::in_memory(&memory).apply(&grant).await.map(|_| role(&memory.world(), ROLE).unwrap().trust.clone())
        };
        match trust(grant).await {
            // A pattern that would trust the whole cluster is refused even when it is asked for.
            Err(error) => assert_eq!(error.kind(), podrole::ErrorKind::InvalidInput, "{text}: {error:#}"),
            Ok(trust) => {
                let allowed = subjects_allowed(&trust, PROVIDER, HOST, "sts.amazonaws.com");
                assert_eq!(allowed.patterns.into_iter().collect::<Vec<_>>(), ["system:serviceaccount:team:app*"]);
            }
        }
    }
    // The name of a service account cannot smuggle one in.
    for subject in ["team/app*", "*/app", "team/a?p"] {
        let error = Grant::new("devops_aurora", subject, ROLE).check().unwrap_err();
        assert_eq!(error.kind(), podrole::ErrorKind::InvalidInput, "{subject}: {error:#}");
    }
}

#[tokio::test]
async fn only_a_token_of_the_service_account_with_the_audience_becomes_credentials() {
    let mut world = crowded();
    for name in ["other", "connections-serviceaccount-s33"] {
        namespace_mut(&mut world).service_accounts.insert(name.parse().unwrap(), WorldServiceAccount::default());
    }
    let cluster = world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).unwrap();
    let mut elsewhere = podrole::memory::WorldNamespace::new();
    elsewhere.service_accounts.insert(SERVICE_ACCOUNT.parse().unwrap(), WorldServiceAccount::default());
    cluster.namespaces.insert(Namespace::new("devops-aurora-2").unwrap(), elsewhere);
    let memory = Memory::new(world.filled());
    Client::in_memory(&memory).apply(&seed_grant()).await.unwrap();
    let get_in = |namespace: &str, name: &str, audience: &str| {
        memory.assume_role_with_web_identity(
            &Arn::new(CLUSTER).unwrap(),
            &Namespace::new(namespace).unwrap(),
            &name.parse().unwrap(),
            audience,
            &Arn::new(ROLE_ARN).unwrap(),
        )
    };
    get_in(NAMESPACE, SERVICE_ACCOUNT, "sts.amazonaws.com").unwrap();
    for (namespace, name, audience, code) in [
        (NAMESPACE, "other", "sts.amazonaws.com", "AccessDenied"),
        (NAMESPACE, "connections-serviceaccount-s33", "sts.amazonaws.com", "AccessDenied"),
        (NAMESPACE, "default", "sts.amazonaws.com", "AccessDenied"),
        ("devops-aurora-2", SERVICE_ACCOUNT, "sts.amazonaws.com", "AccessDenied"),
        (NAMESPACE, SERVICE_ACCOUNT, "https://kubernetes.default.svc", "InvalidIdentityToken"),
    ] {
        let error = get_in(namespace, name, audience).unwrap_err();
        assert_eq!(error.get_code(), Some(code), "{namespace}/{name} for {audience}: {error:#}");
    }
}

/// Changes the trust of the example's role as somebody with the console would.
fn edit_trust(memory: &Memory, edit: impl FnOnce(&mut Vec<serde_json::Value>)) {
    memory.edit(|world| {
        let role = role_mut(world, ROLE);
        let mut trust = serde_json::to_value(&role.trust).unwrap();
        edit(trust["Statement"].as_array_mut().unwrap());
        role.trust = serde_json::from_value(trust).unwrap();
    });
}

#[tokio::test]
async fn a_condition_that_somebody_put_into_our_statement_is_not_taken_back_unseen() {
    let memory = Memory::new(podrole::memory::World::seed());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    edit_trust(&memory, |statements| {
        statements[0]["Condition"]["IpAddress"] = serde_json::json!({"aws:SourceIp": "10.0.0.0/8"});
    });
    let plan = client.plan(&seed_grant()).await.unwrap();
    let change = plan.steps[0].changes.iter().find(|change| change.field == "trust statement");
    let change = change.unwrap_or_else(|| panic!("{plan}"));
    assert!(change.before.as_ref().unwrap().contains("10.0.0.0/8"), "{plan}");
    assert!(!change.after.as_ref().unwrap().contains("10.0.0.0/8"), "{plan}");
}

#[tokio::test]
async fn what_denies_a_pod_is_not_said_to_be_mended_by_an_apply() {
    let memory = Memory::new(podrole::memory::World::seed());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    edit_trust(&memory, |statements| {
        statements
            .push(serde_json::json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"}));
    });
    assert!(client.plan(&seed_grant()).await.unwrap().is_empty());
    let error = client.verify(&seed_grant()).await.unwrap().into_result().unwrap_err();
    assert!(error.message().contains("whatever else allows it"), "{error:#}");
    assert_eq!(error.get_remedy(), Some("remove or narrow that Deny statement"), "{error:#}");
}
