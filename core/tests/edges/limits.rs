//! Quotas: what would pass them is refused before the first write, and what only seems to is done.

use podrole::memory::{AccountRole, Memory};
use podrole::model::Arn;
use podrole::{Client, ErrorKind, Grant, Leftovers};

use crate::support::{
    NAMESPACE, ROLE, account_mut, allow, bare_grant, crowded, foreign_trust, put_role, role, role_mut, seed_grant,
};

/// That the plan is refused with this kind, and nothing is written.
async fn refused(memory: &Memory, grant: &Grant, words: &str) {
    let before = memory.world();
    memory.clear_calls();
    let error = Client::in_memory(memory).apply(grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error:#}");
    assert!(error.message().contains(words), "{error:#}");
    assert!(error.get_remedy().is_some() && *error.get_leftovers() == Leftovers::None, "{error:#}");
    assert!(memory.calls().iter().all(|call| !call.write), "{:?}", memory.calls());
    assert_eq!(memory.world(), before);
}

fn ten(start: usize) -> Grant {
    (start..start + 10)
        .fold(bare_grant(), |grant, index| grant.policy_document(format!("policy-{index}"), allow("s3:*")))
}

#[tokio::test]
async fn one_policy_too_many_is_refused() {
    refused(&Memory::new(crowded()), &ten(0).policy("AmazonS3FullAccess"), "11 managed policies").await;
    let mut world = crowded();
    put_role(
        &mut world,
        ROLE,
        AccountRole::new(foreign_trust()).attached("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
    );
    refused(&Memory::new(world), &ten(0), "11 managed policies").await;
}

#[tokio::test]
async fn policies_are_exchanged_on_a_role_that_is_full() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    for grant in [ten(0), ten(1), ten(8), ten(20)] {
        client.apply(&grant).await.unwrap_or_else(|error| panic!("{error:#}"));
        let plan = client.plan(&grant).await.unwrap();
        assert!(plan.is_empty(), "{plan}");
        assert_eq!(role(&memory.world(), ROLE).unwrap().attached_policies.len(), 10);
    }
    client.revoke(&ten(20)).await.unwrap();
    assert!(role(&memory.world(), ROLE).is_none());
}

#[tokio::test]
async fn policies_are_exchanged_without_a_gap_on_a_role_that_is_not_full() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let plan = client.plan(&bare_grant().policy("AmazonS3ReadOnlyAccess")).await.unwrap();
    let id = |summary: &str| plan.steps.iter().find(|step| step.summary.starts_with(summary)).unwrap();
    assert!(!id("attach").depends_on.contains(&id("detach").id), "{plan}");
}

#[tokio::test]
async fn records_that_do_not_fit_beside_a_roles_tags_are_refused() {
    // 48 tags, podrole's own marks, and the records.
    let full = (0..48).fold(bare_grant(), |grant, index| grant.tag(format!("tag-{index}"), "x"));
    let memory = Memory::new(crowded());
    refused(&memory, &full.clone().policy("AmazonS3FullAccess"), "51 tags").await;
    // The same on a role of ours that is there.
    Client::in_memory(&memory).apply(&full).await.unwrap();
    refused(&memory, &full.policy("AmazonS3FullAccess"), "51 tags").await;
    // And for a second grant of it.
    let second = Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE).policy("AmazonS3FullAccess");
    refused(&memory, &second, "52 tags").await;
}

#[tokio::test]
async fn an_arn_that_no_tag_can_hold_is_refused() {
    let mut world = crowded();
    let path = format!("/{}/", "p".repeat(240));
    let arn = format!("arn:aws:iam::204393242335:policy{path}theirs");
    let mut policies = podrole::memory::Account::new().policy("theirs", allow("s3:*")).policies;
    for policy in policies.values_mut() {
        policy.path = podrole::model::IamPath::new(path.clone()).unwrap();
    }
    account_mut(&mut world).policies.extend(policies);
    let memory = Memory::new(world.clone());
    let error = Client::in_memory(&memory).apply(&bare_grant().policy(&arn)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
    assert!(memory.calls().iter().all(|call| !call.write));
    // On a role of others nothing is recorded, so it does not matter there.
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = Memory::new(world);
    Client::in_memory(&memory).apply(&bare_grant().policy(&arn)).await.unwrap();
    assert!(role(&memory.world(), ROLE).unwrap().attached_policies.contains(&Arn::new(arn).unwrap()));
}

#[tokio::test]
async fn a_trust_policy_that_is_full_takes_nobody_more() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let mut refusals = 0;
    for index in 0..60 {
        let name = format!("{NAMESPACE}/service-account-number-{index}");
        let grant = Grant::new("devops_aurora", &name, ROLE);
        if client.plan(&grant).await.is_ok() {
            client.apply(&grant).await.unwrap();
        } else {
            refusals += 1;
            refused(&memory, &grant, "2048").await;
        }
    }
    assert!(refusals > 10 && refusals < 50, "{refusals} were refused");
    // An account with a raised quota takes more.
    memory.edit(|world| account_mut(world).quotas.trust_policy_size = 4096);
    client.apply(&Grant::new("devops_aurora", format!("{NAMESPACE}/service-account-number-59"), ROLE)).await.unwrap();
    memory.edit(|world| assert!(role_mut(world, ROLE).trust.size() > 2048));
}

#[test]
fn more_tags_than_a_role_may_have_are_refused_before_anything_is_read() {
    let tagged = (0..51).fold(bare_grant(), |grant, key| grant.tag(format!("key-{key}"), "value"));
    let error = tagged.check().unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("51 tags"), "{error:#}");
}
