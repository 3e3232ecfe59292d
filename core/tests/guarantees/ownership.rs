//! Guarantee 4: only ours is removed, and all of ours. That all of it goes, from every state, is `../crash.rs`.

use std::collections::BTreeMap;

use podrole::memory::{Memory, World};
use podrole::model::FieldOwner;
use podrole::{Client, ClientOptions};

use crate::support::{
    ROLE, SERVICE_ACCOUNT, Scenario, account, account_mut, allow, crowded, namespace, namespace_mut, role, scenarios,
    seed_grant, service_account,
};

const CREATED_BY: &str = "podrole.dev/created-by";

async fn applied(scenario: &Scenario) -> (World, Memory) {
    let memory = scenario.prepare().await;
    let before = memory.world();
    Client::in_memory(&memory).apply(&scenario.grant).await.unwrap();
    (before, memory)
}

/// What is new in the second map.
fn new<'m, K: Ord, V>(before: &BTreeMap<K, V>, after: &'m BTreeMap<K, V>) -> impl Iterator<Item = &'m V> {
    let known: Vec<bool> = after.keys().map(|key| before.contains_key(key)).collect();
    after.values().zip(known).filter(|(_, known)| !known).map(|(value, _)| value)
}

#[tokio::test]
async fn everything_that_podrole_makes_carries_its_mark() {
    let mut made = 0;
    for scenario in scenarios() {
        let name = scenario.name;
        let (before, memory) = applied(&scenario).await;
        let after = memory.world();
        let (old, now) = (account(&before), account(&after));
        let roles = new(&old.roles, &now.roles).map(|role| &role.tags);
        let policies = new(&old.policies, &now.policies).map(|policy| &policy.tags);
        let providers = new(&old.oidc_providers, &now.oidc_providers).map(|provider| &provider.tags);
        let accounts = new(&namespace(&before).service_accounts, &namespace(&after).service_accounts);
        let accounts = accounts.map(|account| &account.annotations);
        for marks in roles.chain(policies).chain(providers).chain(accounts) {
            made += 1;
            assert_eq!(marks.get(CREATED_BY).map(String::as_str), Some("podrole"), "{name}: {marks:?}");
        }
    }
    assert!(made > scenarios().len(), "only {made} things were made");
}

/// The fields of an object that are another's by now, or nobody's, and podrole set.
fn unowned(fields: &[String], owners: &[FieldOwner]) -> Vec<String> {
    let ours = |field: &&String| {
        owners.iter().any(|owner| owner.manager == "podrole" && owner.apply && owner.fields.contains(*field))
    };
    fields.iter().filter(|field| !ours(field)).cloned().collect()
}

#[tokio::test]
async fn everything_that_podrole_sets_in_kubernetes_belongs_to_its_field_manager() {
    for scenario in scenarios() {
        let (_, memory) = applied(&scenario).await;
        let world = memory.world();
        let found = service_account(&world, SERVICE_ACCOUNT).unwrap();
        let set =
            found.annotations.keys().filter(|key| key.contains("podrole.dev/") || key.contains("eks.amazonaws.com/"));
        let set: Vec<String> = set.map(|key| format!(".metadata.annotations.{key}")).collect();
        assert_eq!(unowned(&set, &found.owners), [""; 0], "{}: {found:?}", scenario.name);
        let all = namespace(&world);
        for workload in all.deployments.values().chain(all.stateful_sets.values()).chain(all.daemon_sets.values()) {
            let marks = workload.annotations.keys().filter(|key| key.starts_with("podrole.dev/"));
            let mut set: Vec<String> = marks.map(|key| format!(".metadata.annotations.{key}")).collect();
            if !set.is_empty() {
                // The alias too: only both together can be taken back.
                set.push(".spec.template.spec.serviceAccountName".to_owned());
                set.push(".spec.template.spec.serviceAccount".to_owned());
            }
            assert_eq!(unowned(&set, &workload.owners), [""; 0], "{}: {workload:?}", scenario.name);
        }
    }
}

/// Takes the mark off everything that carries it, or puts another owner's there.
fn give_away(world: &mut World, to: Option<&str>) -> usize {
    let mut given = 0;
    let mut give = |marks: &mut BTreeMap<String, String>| {
        if marks.remove(CREATED_BY).is_some() {
            given += 1;
            if let Some(owner) = to {
                marks.insert(CREATED_BY.to_owned(), owner.to_owned());
            }
        }
    };
    let account = account_mut(world);
    account.roles.values_mut().for_each(|role| give(&mut role.tags));
    account.policies.values_mut().for_each(|policy| give(&mut policy.tags));
    account.oidc_providers.values_mut().for_each(|provider| give(&mut provider.tags));
    namespace_mut(world).service_accounts.values_mut().for_each(|account| give(&mut account.annotations));
    given
}

#[tokio::test]
async fn what_does_not_carry_our_mark_is_never_deleted() {
    for to in [None, Some("somebody")] {
        let mut given = 0;
        for scenario in scenarios() {
            let (_, memory) = applied(&scenario).await;
            memory.edit(|world| given += give_away(world, to));
            let before = memory.world();
            memory.clear_calls();
            let receipt = Client::in_memory(&memory).revoke(&scenario.grant).remove_provider().await.unwrap();
            let after = memory.world();
            for call in memory.calls() {
                let deletes = ["iam:DeleteRole", "iam:DeletePolicy", "iam:DeleteOpenIDConnectProvider"];
                assert!(!deletes.contains(&call.operation.as_str()), "{}: {call:?}\n{}", scenario.name, receipt.plan);
                assert_ne!(call.operation, "kubernetes:delete serviceaccounts", "{}: {call:?}", scenario.name);
            }
            let names = |world: &World| {
                let account = account(world);
                let accounts = namespace(world).service_accounts.len();
                (account.roles.len(), account.policies.len(), account.oidc_providers.len(), accounts)
            };
            assert_eq!(names(&before), names(&after), "{}", scenario.name);
        }
        assert!(given > 80, "only {given} things were given away");
    }
}

#[tokio::test]
async fn two_owners_come_and_go_without_touching_each_others_things() {
    let memory = Memory::new(crowded());
    let client = |owner: &str| {
        let options = ClientOptions { owner: Some(owner.to_owned()), ..ClientOptions::default() };
        Client::with_options(memory.backend(), options).unwrap()
    };
    let (ours, theirs) = (client("ours"), client("theirs"));
    let first = seed_grant().policy_document("connections-s3", allow("s3:GetObject"));
    ours.apply(&first).await.unwrap();
    let alone = memory.world().comparable();
    // A second service account for the same role, under another owner.
    let mut second = podrole::Grant::new("devops_aurora", "devops-aurora-1/second", ROLE);
    second.trust.audience = first.trust.audience.clone();
    let receipt = theirs.apply(&second).await.unwrap();
    let statements = role(&memory.world(), ROLE).unwrap().trust.statements().len();
    assert_eq!(statements, 2, "each owner has a statement of its own");
    // Neither can take the other's away, in AWS or in Kubernetes.
    theirs.revoke(&first).await.unwrap();
    let world = memory.world();
    assert!(account(&world).policies.contains_key(&"connections-s3".parse().unwrap()));
    assert_eq!(role(&world, ROLE).unwrap().tags[CREATED_BY], "ours");
    ours.apply(&first).await.unwrap();
    theirs.revoke(&second).with_receipt(receipt).await.unwrap();
    crate::support::assert_same(&alone, &memory.world().comparable(), "the second owner has left");
}
