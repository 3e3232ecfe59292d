//! Undos that cannot be whole, or have nothing to do.

use std::time::Duration;

use podrole::grant::Manage;
use podrole::memory::{AccountRole, Memory, WorldServiceAccount, WorldWorkload};
use podrole::model::{ServiceAccountName, WorkloadKind};
use podrole::observe::{Hints, Purpose, observe};
use podrole::plan::{Level, PlanOptions, plan_revoke};
use podrole::{Client, ClientOptions, ErrorKind, Grant, Plan};

use crate::support::{
    NAMESPACE, ROLE, SERVICE_ACCOUNT, account_mut, assert_same, bare_grant, crowded, deployment, document,
    foreign_trust, namespace_mut, put_role, put_service_account, put_workload, role, role_mut, scenarios, seed_grant,
    service_account,
};

pub(crate) fn warning<'p>(plan: &'p Plan, resource: &str, words: &str) -> &'p str {
    let found = plan
        .notices
        .iter()
        .find(|notice| notice.level == Level::Warning && notice.resource == resource && notice.message.contains(words));
    &found.unwrap_or_else(|| panic!("nobody says {words:?} of {resource}:\n{plan}")).message
}

/// Removes the statement that was there before, so that ours is the only one.
fn only_ours(memory: &Memory, name: &str) {
    memory.edit(|world| {
        let role = role_mut(world, name);
        let mut value = role.trust.as_value().clone();
        value["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "Theirs");
        role.trust = document(&value.to_string());
    });
}

#[tokio::test]
async fn the_last_statement_of_a_role_of_others_stays_and_is_said_to() {
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&seed_grant()).await.unwrap();
    only_ours(&memory, ROLE);
    let plan = client.plan_revoke(&seed_grant()).await.unwrap();
    let said = warning(&plan, &format!("role {ROLE}"), "is the only one in its trust policy");
    assert!(said.contains("cannot be empty") && said.contains("access"), "{said}");
    // The run says it too, in its receipt; everything else is taken back.
    let receipt = client.revoke(&seed_grant()).with_receipt(receipt).await.unwrap();
    warning(&receipt.plan, &format!("role {ROLE}"), "is the only one in its trust policy");
    let world = memory.world();
    let left = role(&world, ROLE).unwrap();
    assert_eq!((left.trust.statements().len(), left.attached_policies.len()), (1, 0));
    assert!(!client.verify(&seed_grant()).await.unwrap().passed());
    // As soon as there is another statement, ours goes.
    memory.edit(|world| {
        let role = role_mut(world, ROLE);
        let mut value = role.trust.as_value().clone();
        value["Statement"]
            .as_array_mut()
            .unwrap()
            .extend(foreign_trust().as_value()["Statement"].as_array().cloned().unwrap());
        role.trust = document(&value.to_string());
    });
    client.revoke(&seed_grant()).await.unwrap();
    assert!(role(&memory.world(), ROLE).unwrap().trust.same_meaning(&foreign_trust()));
}

#[tokio::test]
async fn the_last_statement_of_a_data_sync_role_stays_and_is_said_to() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let grant = seed_grant().data_sync("their-data-role");
    client.apply(&grant).await.unwrap();
    only_ours(&memory, "their-data-role");
    let receipt = client.revoke(&grant).await.unwrap();
    warning(&receipt.plan, "role their-data-role", "is the only one in its trust policy");
    let world = memory.world();
    // The role that it named is gone, so that nobody gets in by it.
    assert!(role(&world, ROLE).is_none());
    assert_eq!(role(&world, "their-data-role").unwrap().trust.statements().len(), 1);
}

#[tokio::test]
async fn what_was_never_applied_has_nothing_to_be_taken_back() {
    for scenario in scenarios() {
        let memory = Memory::new(scenario.world.clone());
        let plan = Client::in_memory(&memory).plan_revoke(&scenario.grant).await.unwrap();
        assert!(plan.is_empty(), "{}:\n{plan}", scenario.name);
    }
}

#[tokio::test]
async fn a_receipt_of_another_grant_is_refused() {
    let memory = Memory::new(crowded());
    let mut world = memory.world();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let other = Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE);
    let receipt = client.apply(&other).await.unwrap();
    let error = client.revoke(&seed_grant()).with_receipt(receipt).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:#}");
    assert!(error.get_remedy().is_some());
    // On roles of ours too, where nothing is needed of it, and the receipt of an undo is none either.
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&other).await.unwrap();
    client.apply(&seed_grant()).await.unwrap();
    let undone = client.revoke(&other).with_receipt(receipt.clone()).await.unwrap();
    for (grant, receipt) in [(&seed_grant(), receipt), (&other, undone)] {
        let error = client.plan_revoke(grant).with_receipt(receipt).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:#}");
    }
}

#[tokio::test]
async fn what_somebody_removed_already_is_no_failure() {
    type Remove = fn(&mut podrole::memory::World);
    let removals: [(&str, Remove); 5] = [
        ("role", |world| {
            account_mut(world).roles.remove(&ROLE.parse().unwrap());
        }),
        ("namespace", |world| {
            world.clusters.values_mut().for_each(|cluster| cluster.namespaces.clear());
        }),
        ("service account", |world| {
            crate::support::namespace_mut(world).service_accounts.clear();
        }),
        ("deployment", |world| {
            crate::support::namespace_mut(world).deployments.clear();
        }),
        ("policies", |world| {
            role_mut(world, ROLE).attached_policies.clear();
            account_mut(world).policies.clear();
        }),
    ];
    for (what, remove) in removals {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        let grant = seed_grant().policy_document("made", crate::support::allow("s3:GetObject"));
        client.apply(&grant).await.unwrap();
        memory.edit(remove);
        client.revoke(&grant).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert!(role(&memory.world(), ROLE).is_none(), "{what}");
        let again = client.plan_revoke(&grant).await.unwrap();
        assert!(again.is_empty(), "{what}: {again}");
    }
}

#[tokio::test]
async fn the_halves_of_a_grant_come_and_go_apart() {
    use podrole::grant::Scope;
    let memory = Memory::new(crowded());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    let by_arn = Grant { role: Grant::new("c", "n/s", crate::support::ROLE_ARN).role, ..seed_grant() };
    client.apply(&bare_grant().scope(Scope::Iam)).await.unwrap();
    client.apply(&by_arn.clone().scope(Scope::Kubernetes)).await.unwrap();
    client.revoke(&by_arn.scope(Scope::Kubernetes)).await.unwrap();
    client.revoke(&bare_grant().scope(Scope::Iam)).await.unwrap();
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn the_plan_of_a_revoke_with_its_receipt_is_what_the_revoke_does() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&seed_grant()).await.unwrap();
    let without = client.plan_revoke(&seed_grant()).await.unwrap();
    let plan = client.plan_revoke(&seed_grant()).with_receipt(receipt.clone()).remove_provider().await.unwrap();
    assert!(plan.options.remove_provider && !without.options.remove_provider);
    let done = client.revoke(&seed_grant()).with_receipt(receipt).remove_provider().await.unwrap();
    assert_eq!(done.plan, plan);
}

#[tokio::test]
async fn what_is_for_a_revoke_is_not_taken_in_silence_by_an_apply() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&seed_grant()).await.unwrap();
    let before = memory.world();
    let undo = client.plan_revoke(&seed_grant()).await.unwrap();
    for refused in [
        client.apply(&seed_grant()).remove_provider(),
        client.apply(&seed_grant()).with_receipt(receipt.clone()),
        client.apply(undo).with_receipt(receipt),
    ] {
        let error = refused.await.unwrap_err();
        assert_eq!(error.kind(), podrole::ErrorKind::InvalidInput, "{error:?}");
        assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("plan_revoke")), "{error:?}");
    }
    assert_eq!(memory.world(), before);
}

#[tokio::test]
async fn a_workload_is_not_given_back_a_service_account_that_is_gone() {
    let mut world = crowded();
    put_service_account(&mut world, "former", WorldServiceAccount::new());
    let name = &"connections-app".parse().unwrap();
    namespace_mut(&mut world).deployments.get_mut(name).unwrap().service_account = Some("former".to_owned());
    let memory = Memory::new(world.filled());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let former: ServiceAccountName = "former".parse().unwrap();
    memory.edit(|world| drop(namespace_mut(world).service_accounts.remove(&former).unwrap()));
    let before = memory.world();
    let mut without = seed_grant();
    without.workloads.clear();
    // The undo, and the apply of a grant that names the workload no more.
    for result in [client.revoke(&seed_grant()).await, client.apply(&without).await] {
        let error = result.unwrap_err();
        let text = format!("{error:#}");
        assert!(error.kind() == ErrorKind::Conflict && text.contains("service account former"), "{text}");
        assert_same(&before, &memory.world(), "a refusal changes nothing");
    }
    memory.edit(|world| put_service_account(world, "former", WorldServiceAccount::new()));
    client.revoke(&seed_grant()).await.unwrap();
}

#[tokio::test]
async fn a_workload_that_another_owner_restarted_is_not_restarted_by_this_ones_undo() {
    let mut world = crowded();
    let name = &"connections-app".parse().unwrap();
    namespace_mut(&mut world).deployments.get_mut(name).unwrap().service_account = Some(SERVICE_ACCOUNT.to_owned());
    put_service_account(&mut world, SERVICE_ACCOUNT, WorldServiceAccount::new());
    let memory = Memory::new(world.filled());
    Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(1)).await.unwrap();
    let marked = deployment(&memory.world(), "connections-app").clone();
    assert!(marked.template_annotations.contains_key("podrole.dev/identity"));
    let options = ClientOptions { owner: Some("others".to_owned()), ..ClientOptions::default() };
    Client::with_options(memory.backend(), options).unwrap().revoke(&seed_grant()).await.unwrap();
    assert_eq!(deployment(&memory.world(), "connections-app"), &marked);
}

#[tokio::test]
async fn a_data_sync_goes_also_where_somebody_deleted_the_role() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let before = role(&memory.world(), "their-data-role").unwrap().trust.clone();
    let grant = bare_grant().data_sync("their-data-role");
    client.apply(&grant).await.unwrap();
    memory.edit(|world| drop(account_mut(world).roles.remove(&ROLE.parse().unwrap()).unwrap()));
    client.revoke(&grant).await.unwrap();
    assert!(role(&memory.world(), "their-data-role").unwrap().trust.same_meaning(&before));
}

/// A workload that runs as an account that podrole makes, and was pointed at another one, and perhaps back.
async fn there_and_back(back: bool) -> (Memory, Grant, Grant) {
    let mut world = crowded();
    let app = WorldWorkload::new(1).running_as("first", "kubectl");
    put_workload(&mut world, WorkloadKind::Deployment, "app", app);
    let memory = Memory::new(world.filled());
    let first: ServiceAccountName = "first".parse().unwrap();
    memory.edit(|world| drop(namespace_mut(world).service_accounts.remove(&first)));
    let client = Client::in_memory(&memory);
    let of = |name: &str| {
        let mut grant = Grant::new("devops_aurora", format!("{NAMESPACE}/{name}"), name).deployment("app");
        grant.workloads[0].manage = Manage::Own;
        grant
    };
    client.apply(&of("first")).await.unwrap();
    client.apply(&of("other")).await.unwrap();
    if back {
        client.apply(&of("first")).await.unwrap();
    }
    (memory, of("first"), of("other"))
}

#[tokio::test]
async fn a_service_account_that_a_workload_ran_as_from_the_beginning_stays_with_it() {
    let (memory, first, _) = there_and_back(true).await;
    Client::in_memory(&memory).revoke(&first).await.unwrap();
    let world = memory.world();
    assert_eq!(deployment(&world, "app").service_account.as_deref(), Some("first"));
    assert!(service_account(&world, "first").is_some(), "its pods could not start");
}

#[tokio::test]
async fn a_service_account_that_the_same_undo_gives_back_is_not_deleted() {
    for reversed in [false, true] {
        let (memory, first, other) = there_and_back(false).await;
        let mut alone = first;
        alone.workloads.clear();
        let set = if reversed { [other, alone] } else { [alone, other] };
        let checked: Vec<_> = set.iter().map(|grant| grant.check().unwrap()).collect();
        let reads = memory.backend().reads;
        let purpose = Purpose { revoke: true, ..Purpose::default() };
        let observed = observe(reads.as_ref(), &checked, &Hints::default(), purpose).await.unwrap();
        match plan_revoke(&checked, &observed, &PlanOptions::default(), None) {
            Ok(plan) => drop(Client::in_memory(&memory).apply(plan).await.unwrap()),
            Err(error) => assert!(error.kind() == ErrorKind::Conflict, "{error:#}"),
        }
        let world = memory.world();
        let runs_as = deployment(&world, "app").service_account.clone().unwrap();
        assert!(service_account(&world, &runs_as).is_some(), "{reversed}: its pods could not start as {runs_as}");
    }
}
