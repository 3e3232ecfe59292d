//! Guarantees 3 and 4: what other people put there keeps its meaning, whatever podrole adds to or takes off the same thing.

use std::collections::BTreeMap;

use podrole::Client;
use podrole::memory::{AccountRole, Memory, World, WorldServiceAccount};
use podrole::model::{FieldOwner, WorkloadKind};
use podrole::policy::Document;
use serde_json::Value;

use crate::support::{
    ROLE, S3_READ, SERVICE_ACCOUNT, account, account_mut, allow, assert_same, crowded, deployment, document, namespace,
    put_role, put_service_account, put_workload, role, scenarios, seed_grant, service_account,
};

/// Every kind of statement that somebody may have in a trust policy.
fn every_kind_of_statement() -> Document {
    document(
        r#"{"Version":"2012-10-17","Id":"theirs","Statement":[
        {"Sid":"Service","Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]},"Action":"sts:AssumeRole"},
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::204393242335:role/their-role"},"Action":["sts:AssumeRole","sts:TagSession"]},
        {"Effect":"Allow","Principal":{"AWS":"204393242335"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}}},
        {"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}},
        {"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::204393242335:oidc-provider/token.actions.githubusercontent.com"},
         "Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:them/*"}}},
        {"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#,
    )
}

fn statements(trust: &Document) -> Vec<String> {
    trust.as_value()["Statement"].as_array().unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_foreign_statement_stays_word_for_word_in_its_order() {
    let theirs = every_kind_of_statement();
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(theirs.clone()));
    put_role(&mut world, "their-data-role", AccountRole::new(theirs.clone()));
    let memory = Memory::new(world.filled());
    let client = Client::in_memory(&memory);
    let grant = seed_grant().data_sync("their-data-role");
    let receipt = client.apply(&grant).await.unwrap();
    for name in [ROLE, "their-data-role"] {
        let world = memory.world();
        let now = &role(&world, name).unwrap().trust;
        let mut left = statements(now);
        left.retain(|statement| statements(&theirs).contains(statement));
        assert_eq!(left, statements(&theirs), "{name}");
        assert_eq!(statements(now).len(), statements(&theirs).len() + 1, "{name}: {now}");
        assert_eq!(now.as_value()["Id"], "theirs", "{name}: {now}");
    }
    client.revoke(&grant).with_receipt(receipt).await.unwrap();
    for name in [ROLE, "their-data-role"] {
        assert_eq!(role(&memory.world(), name).unwrap().trust.as_value(), theirs.as_value(), "{name}");
    }
}

/// Whether everything of the one JSON tree is in the other; lists are compared as sets.
fn holds(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| holds(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => then.iter().all(|then| now.contains(then)),
        (now, then) => now == then,
    }
}

#[tokio::test]
async fn nothing_that_a_grant_does_not_name_changes_at_all() {
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        let before = memory.world();
        let client = Client::in_memory(&memory);
        let receipt = client.apply(&scenario.grant).await.unwrap();
        let untouched = |world: &World| {
            let mut world = world.comparable();
            let named: Vec<&str> = scenario.grant.data_syncs.iter().map(|sync| sync.role.as_str()).collect();
            let account = account_mut(&mut world);
            account.roles.retain(|name, _| name.as_str() != ROLE && !named.contains(&name.as_str()));
            account.roles.retain(|_, role| !role.tags.keys().any(|key| key.starts_with("podrole.dev/")));
            account.oidc_providers.clear();
            account.policies.clear();
            for role in account.roles.values_mut() {
                // A data sync that the grant no longer names is taken back.
                role.trust = document(r#"{"Version":"2012-10-17","Statement":[]}"#);
            }
            let namespace = crate::support::namespace_mut(&mut world);
            namespace.service_accounts.retain(|name, _| name.as_str() != SERVICE_ACCOUNT);
            namespace.deployments.retain(|name, _| !name.as_str().starts_with("connections-"));
            (namespace.stateful_sets, namespace.daemon_sets) = Default::default();
            namespace.pods.retain(|_, pod| {
                pod.owner.as_ref().is_none_or(|owner| !owner.name.as_str().starts_with("connections-"))
            });
            world.files.clear();
            world
        };
        assert_same(&untouched(&before), &untouched(&memory.world()), scenario.name);
        client.revoke(&scenario.grant).with_receipt(receipt).await.unwrap();
        assert_same(&untouched(&before), &untouched(&memory.world()), scenario.name);
    }
}

#[tokio::test]
async fn tags_attachments_and_inline_policies_of_others_stay_on_a_shared_role() {
    let mut world = crowded();
    let theirs = AccountRole::new(every_kind_of_statement())
        .tag("team", "others")
        .tag("podrole.example.com/looks-like", "ours")
        .attached(S3_READ)
        .inline("kept", allow("sqs:*"));
    put_role(&mut world, ROLE, theirs);
    let memory = Memory::new(world.filled());
    let then = serde_json::to_value(role(&memory.world(), ROLE).unwrap()).unwrap();
    let client = Client::in_memory(&memory);
    let grant = seed_grant().tag("cost", "42").inline_policy("ours", allow("s3:GetObject"));
    let receipt = client.apply(&grant).await.unwrap();
    let now = serde_json::to_value(role(&memory.world(), ROLE).unwrap()).unwrap();
    for key in ["tags", "attachedPolicies", "inlinePolicies", "trust", "path"] {
        assert!(holds(&now[key], &then[key]), "{key}: {} of {}", now[key], then[key]);
    }
    client.revoke(&grant).with_receipt(receipt).await.unwrap();
    let after = serde_json::to_value(role(&memory.world(), ROLE).unwrap()).unwrap();
    assert_eq!(after, then);
}

#[tokio::test]
async fn fields_of_others_stay_on_service_account_and_workload() {
    let mut world = crowded();
    let account = WorldServiceAccount::new()
        .annotation("owner", "others", "helm")
        .annotation("podrole.example.com/looks-like", "ours", "kubectl-annotate")
        .label("app.kubernetes.io/managed-by", "Helm", "helm");
    put_service_account(&mut world, SERVICE_ACCOUNT, account);
    let mut app = deployment(&world, "connections-app").clone();
    app.annotations.insert("note".to_owned(), "theirs".to_owned());
    app.template_annotations.insert("sidecar".to_owned(), "yes".to_owned());
    app.owners.push(FieldOwner {
        manager: "helm".to_owned(),
        apply: true,
        fields: [".metadata.annotations.note".to_owned(), ".spec.template.metadata.annotations.sidecar".to_owned()]
            .into(),
        time: None,
    });
    put_workload(&mut world, WorkloadKind::Deployment, "connections-app", app);
    let memory = Memory::new(world.filled());
    let then = memory.world();
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let now = memory.world();
    let kept = |now: &BTreeMap<String, String>, then: &BTreeMap<String, String>| {
        then.iter().all(|(key, value)| now.get(key) == Some(value))
    };
    let (held, was) =
        (service_account(&now, SERVICE_ACCOUNT).unwrap(), service_account(&then, SERVICE_ACCOUNT).unwrap());
    assert!(kept(&held.annotations, &was.annotations) && held.labels == was.labels, "{held:?}");
    assert!(was.owners.iter().all(|owner| held.owners.contains(owner)), "{:?}", held.owners);
    let (app, was) = (deployment(&now, "connections-app"), deployment(&then, "connections-app"));
    assert!(kept(&app.annotations, &was.annotations) && kept(&app.template_annotations, &was.template_annotations));
    assert!(was.owners.iter().all(|owner| app.owners.contains(owner)), "{:?}", app.owners);
    client.revoke(&seed_grant()).await.unwrap();
    let mut back = memory.world().comparable();
    let mut then = then.comparable();
    for world in [&mut back, &mut then] {
        account_mut(world).oidc_providers.clear();
    }
    assert_same(&then, &back, "revoked");
    assert_eq!(namespace(&back).pods.len(), namespace(&then).pods.len());
    assert!(crate::support::account(&back).roles.len() == crate::support::account(&then).roles.len());
}

/// Writes every single text of a document as a list of one, and every list in another order.
fn rewritten(value: &Value, key: &str) -> Value {
    let single = ["Action", "Resource", "AWS", "Service", "Federated"].contains(&key) || key.contains(':');
    match value {
        Value::String(text) if single => Value::Array(vec![Value::String(text.clone())]),
        Value::Array(items) => Value::Array(items.iter().rev().map(|item| rewritten(item, "")).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().rev().map(|(key, value)| (key.clone(), rewritten(value, key))).collect())
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn documents_are_compared_by_meaning_and_never_as_text() {
    let mut rewrites = 0;
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        let client = Client::in_memory(&memory);
        client.apply(&scenario.grant).await.unwrap();
        memory.edit(|world| {
            let account = account_mut(world);
            let roles = account.roles.values_mut();
            let documents =
                roles.flat_map(|role| std::iter::once(&mut role.trust).chain(role.inline_policies.values_mut()));
            for document in
                documents.chain(account.policies.values_mut().flat_map(|policy| policy.versions.values_mut()))
            {
                let other = Document::from_value(rewritten(document.as_value(), "")).unwrap();
                assert!(other.same_meaning(document), "{other}");
                rewrites += usize::from(other.as_value() != document.as_value());
                *document = other;
            }
        });
        let plan = client.plan(&scenario.grant).await.unwrap();
        assert!(plan.is_empty(), "{}:\n{plan}", scenario.name);
    }
    assert!(rewrites > 100, "only {rewrites} documents were written otherwise");
    assert!(!account(&crowded()).roles.is_empty());
}
