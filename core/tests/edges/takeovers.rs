//! `own`: what is taken over from others is restored by the undo, or the plan says that it is not.

use podrole::grant::{Manage, PolicyGrant, PolicySource};
use podrole::memory::{AccountRole, Memory, World};
use podrole::plan::Level;
use podrole::{Client, ErrorKind, Plan};

use crate::support::{
    ROLE, SERVICE_ACCOUNT, allow, assert_same, bare_grant, crowded, deployment, foreign_trust, namespace_mut, put_role,
    put_service_account, role, seed_grant,
};

fn warns(plan: &Plan, words: &[&str]) -> bool {
    plan.notices
        .iter()
        .any(|notice| notice.level == Level::Warning && words.iter().all(|word| notice.message.contains(word)))
}

fn their_role() -> World {
    let mut world = crowded();
    let mut theirs = AccountRole::new(foreign_trust()).tag("team", "others").inline("queue", allow("sqs:SendMessage"));
    theirs.description = Some("theirs".to_owned());
    theirs.max_session_duration = 7200;
    put_role(&mut world, ROLE, theirs);
    world
}

#[tokio::test]
async fn settings_of_a_role_of_others_are_said_to_stay() {
    let memory = Memory::new(their_role());
    let client = Client::in_memory(&memory);
    let mut grant = bare_grant().description("ours").tag("cost", "42").manage_role(Manage::Own);
    grant.role.max_session_duration = 5400;
    let plan = client.plan(&grant).await.unwrap();
    assert!(warns(&plan, &["description", "maxSessionDuration", "tags", "undo"]), "{plan}");
    client.apply(plan).await.unwrap();
    assert_eq!(role(&memory.world(), ROLE).unwrap().description.as_deref(), Some("ours"));
    // Nothing is said when nothing is taken.
    let plan = client.plan(&grant).await.unwrap();
    assert!(plan.is_empty() && !warns(&plan, &["undo"]), "{plan}");
}

#[tokio::test]
async fn a_path_that_cannot_be_changed_is_said() {
    let memory = Memory::new(their_role());
    let mut grant = bare_grant();
    "/apps/".clone_into(&mut grant.role.path);
    let plan = Client::in_memory(&memory).plan(&grant).await.unwrap();
    assert!(warns(&plan, &["path", "/apps/"]), "{plan}");
}

fn owned_queue() -> podrole::Grant {
    bare_grant().policy_grant(PolicyGrant {
        name: Some("queue".to_owned()),
        document: Some(allow("sqs:ReceiveMessage")),
        inline: true,
        manage: Manage::Own,
        ..PolicyGrant::of(PolicySource::Document)
    })
}

#[tokio::test]
async fn an_inline_policy_of_others_comes_back_with_the_receipt() {
    let memory = Memory::new(their_role());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    let plan = client.plan(&owned_queue()).await.unwrap();
    assert!(warns(&plan, &["queue", "receipt"]), "{plan}");
    let receipt = client.apply(plan).await.unwrap();
    client.revoke(&owned_queue()).with_receipt(receipt).await.unwrap();
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn an_inline_policy_of_others_that_they_changed_since_is_theirs() {
    let memory = Memory::new(their_role());
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&owned_queue()).await.unwrap();
    memory.edit(|world| {
        let role = crate::support::role_mut(world, ROLE);
        role.inline_policies.insert("queue".parse().unwrap(), allow("sqs:PurgeQueue"));
    });
    client.revoke(&owned_queue()).with_receipt(receipt).await.unwrap();
    let world = memory.world();
    assert!(
        role(&world, ROLE).unwrap().inline_policies[&"queue".parse().unwrap()].same_meaning(&allow("sqs:PurgeQueue"))
    );
}

#[tokio::test]
async fn an_inline_policy_of_others_on_a_role_of_ours_is_said_to_be_lost() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    memory.edit(|world| {
        let role = crate::support::role_mut(world, ROLE);
        role.inline_policies.insert("queue".parse().unwrap(), allow("sqs:SendMessage"));
    });
    let plan = client.plan(&owned_queue()).await.unwrap();
    assert!(warns(&plan, &["queue", "undo"]), "{plan}");
    // And is not touched by a grant that does not own it.
    let mut merged = owned_queue();
    merged.policies[0].manage = Manage::Merge;
    let error = client.plan(&merged).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:#}");
}

#[tokio::test]
async fn an_object_of_which_nobody_knows_who_set_what_is_a_conflict_before_the_first_write() {
    let mut world = crowded();
    put_service_account(&mut world, SERVICE_ACCOUNT, podrole::memory::WorldServiceAccount::new());
    namespace_mut(&mut world).service_accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap()).unwrap().annotations =
        [("eks.amazonaws.com/role-arn".to_owned(), "arn:aws:iam::204393242335:role/old".to_owned())].into();
    let memory = Memory::new(world);
    let error = Client::in_memory(&memory).apply(&seed_grant()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:#}");
    assert_eq!(error.get_conflicts()[0].manager, "before-first-apply");
    assert!(memory.calls().iter().all(|call| !call.write), "{:?}", memory.calls());

    let mut world = crowded();
    let app = namespace_mut(&mut world).deployments.get_mut(&"connections-app".parse().unwrap()).unwrap();
    app.service_account = Some("theirs".to_owned());
    app.owners.clear();
    let memory = Memory::new(world);
    let error = Client::in_memory(&memory).apply(&seed_grant()).await.unwrap_err();
    assert_eq!((error.kind(), error.get_conflicts().len()), (ErrorKind::Conflict, 1), "{error:#}");
    assert!(memory.calls().iter().all(|call| !call.write), "{:?}", memory.calls());
    assert_eq!(deployment(&memory.world(), "connections-app").service_account.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn a_value_that_its_manager_took_back_is_not_overwritten_by_the_undo() {
    let mut world = crowded();
    let theirs = || podrole::memory::WorldServiceAccount::new();
    let role_of = |name: &str| format!("arn:aws:iam::204393242335:role/{name}");
    let key = "eks.amazonaws.com/role-arn";
    put_service_account(&mut world, SERVICE_ACCOUNT, theirs().annotation(key, role_of("old"), "argocd-controller"));
    let memory = Memory::new(world.filled());
    let client = Client::in_memory(&memory);
    let mut grant = bare_grant();
    grant.service_account.manage = Manage::Own;
    client.apply(&grant).await.unwrap();
    memory.edit(|world| {
        let account = namespace_mut(world).service_accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap()).unwrap();
        for owner in &mut account.owners {
            owner.fields.remove(&format!(".metadata.annotations.{key}"));
        }
        *account = account.clone().annotation(key, role_of("new"), "argocd-controller");
    });
    client.revoke(&grant).await.unwrap();
    let world = memory.world();
    let found = crate::support::service_account(&world, SERVICE_ACCOUNT).unwrap();
    assert_eq!(found.annotations, [(key.to_owned(), role_of("new"))].into());
}
