//! Guarantee 3: trust is never wider than asked.

use podrole::memory::{Memory, WorldServiceAccount};
use podrole::model::{Arn, Namespace};
use podrole::policy::{Document, subjects_allowed};
use podrole::{Client, Grant};

use crate::support::{
    CLUSTER, HOST, NAMESPACE, ROLE, ROLE_ARN, SERVICE_ACCOUNT, Scenario, account, crowded, namespace_mut, role,
    scenarios, seed_grant,
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
