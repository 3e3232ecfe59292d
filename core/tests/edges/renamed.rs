//! A grant whose role or service account got another name. There is no state file, so it is another grant; neither may break the other.

use podrole::memory::Memory;
use podrole::plan::Level;
use podrole::{Client, Grant};

use crate::support::{
    NAMESPACE, ROLE, SERVICE_ACCOUNT, assert_same, crowded, deployment, role, seed_grant, service_account,
};

const ANNOTATION: &str = "eks.amazonaws.com/role-arn";

fn with_role(name: &str) -> Grant {
    let mut grant = seed_grant();
    name.clone_into(&mut grant.role.name);
    grant
}

fn with_account(name: &str) -> Grant {
    Grant { service_account: Grant::new("c", format!("{NAMESPACE}/{name}"), "r").service_account, ..seed_grant() }
}

#[tokio::test]
async fn another_role_is_said_to_leave_the_first_one_behind() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let plan = client.plan(&with_role("renamed")).await.unwrap();
    let said = plan.notices.iter().any(|notice| {
        notice.level == Level::Warning && notice.message.contains(ROLE) && notice.message.contains("revoke")
    });
    assert!(said, "{plan}");
}

#[tokio::test]
async fn revoking_the_first_role_leaves_what_the_second_one_needs() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&with_role("renamed")).await.unwrap();
    let alone = memory.world();
    client.revoke(&with_role("renamed")).await.unwrap();
    client.apply(&seed_grant()).await.unwrap();
    client.apply(&with_role("renamed")).await.unwrap();
    client.revoke(&seed_grant()).await.unwrap();
    assert!(role(&memory.world(), ROLE).is_none());
    client.verify(&with_role("renamed")).await.unwrap().into_result().unwrap();
    assert!(client.plan(&with_role("renamed")).await.unwrap().is_empty());
    assert_same(&alone.comparable(), &memory.world().comparable(), "the first role is gone");
}

#[tokio::test]
async fn revoking_the_second_role_before_it_is_annotated_leaves_the_first_one_in_force() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let alone = memory.world();
    // Stopped when the role was there, and the annotation not yet.
    memory
        .script(podrole::memory::Fault::new("kubernetes:patch serviceaccounts", podrole::memory::FaultEffect::Denied));
    client.apply(&with_role("renamed")).await.unwrap_err();
    memory.clear_faults();
    client.revoke(&with_role("renamed")).await.unwrap();
    assert_same(&alone.comparable(), &memory.world().comparable(), "the second role is gone");
}

#[tokio::test]
async fn a_workload_that_moved_on_to_another_service_account_is_not_moved_back_by_the_first_one() {
    let memory = Memory::new(crowded());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let renamed = with_account("renamed");
    client.apply(&renamed).await.unwrap();
    assert_eq!(deployment(&memory.world(), "connections-app").service_account.as_deref(), Some("renamed"));
    client.revoke(&seed_grant()).await.unwrap();
    let world = memory.world();
    assert!(service_account(&world, SERVICE_ACCOUNT).is_none());
    assert_eq!(deployment(&world, "connections-app").service_account.as_deref(), Some("renamed"));
    client.verify(&renamed).await.unwrap().into_result().unwrap();
    let plan = client.plan(&renamed).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    client.revoke(&renamed).await.unwrap();
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn an_annotation_that_somebody_replaced_stays_theirs() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    memory.edit(|world| {
        let account = crate::support::namespace_mut(world).service_accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap());
        let account = account.unwrap();
        for owner in &mut account.owners {
            owner.fields.remove(&format!(".metadata.annotations.{ANNOTATION}"));
        }
        *account = account.clone().annotation(ANNOTATION, "arn:aws:iam::204393242335:role/their-role", "argocd");
    });
    client.revoke(&seed_grant()).await.unwrap();
    let world = memory.world();
    let found = service_account(&world, SERVICE_ACCOUNT).unwrap();
    assert_eq!(found.annotations[ANNOTATION], "arn:aws:iam::204393242335:role/their-role");
    assert_eq!(found.annotations.len(), 1, "{found:?}");
}
