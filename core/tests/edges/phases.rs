//! A run that is stopped in the middle leaves nothing that neither the former grant nor the new one has, and an undo gives nobody anything.

use podrole::grant::Manage;
use podrole::memory::{AccountRole, Fault, FaultEffect, Memory};
use podrole::model::{Arn, PolicyName};
use podrole::{Client, ErrorKind, Grant};

use crate::support::{
    ACCOUNT, NAMESPACE, ROLE, S3_READ, SERVICE_ACCOUNT, account, allow, bare_grant, crowded, document, role, role_mut,
    seed_grant,
};

/// The role after a grant was applied, and then another one with a call denied.
async fn stopped(before: &Grant, after: &Grant, denied: &str) -> AccountRole {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(before).await.unwrap();
    memory.script(Fault::new(denied, FaultEffect::Denied));
    let error = client.apply(after).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
    role(&memory.world(), ROLE).unwrap().clone()
}

fn bounded(mut grant: Grant) -> Grant {
    grant.role.permissions_boundary = Some(format!("arn:aws:iam::{ACCOUNT}:policy/their-policy"));
    grant
}

#[tokio::test]
async fn policies_come_after_the_boundary_and_go_before_it() {
    let wide = || bare_grant().policy("AmazonS3FullAccess").inline_policy("all", allow("*"));
    let held = stopped(&bare_grant(), &bounded(wide()), "iam:PutRolePermissionsBoundary").await;
    assert!(held.attached_policies.is_empty() && held.inline_policies.is_empty(), "{held:?}");
    let held = stopped(&bounded(wide()), &bare_grant(), "iam:DeleteRolePolicy").await;
    assert!(held.permissions_boundary.is_some(), "{held:?}");
}

#[tokio::test]
async fn who_is_shut_out_does_not_get_what_is_new() {
    let mut wider = bare_grant();
    wider.trust.service_accounts = vec![format!("{NAMESPACE}/default")];
    let held = stopped(&wider, &bare_grant().policy("AmazonS3FullAccess"), "iam:UpdateAssumeRolePolicy").await;
    assert!(held.attached_policies.is_empty(), "{held:?}");
}

#[tokio::test]
async fn an_old_policy_stays_until_the_new_one_is_there() {
    let other = bare_grant().description("testing sa role for pod").policy("AmazonS3ReadOnlyAccess");
    let held = stopped(&seed_grant(), &other.deployment("connections-app"), "iam:AttachRolePolicy").await;
    assert!(!held.attached_policies.is_empty(), "{held:?}");
}

#[tokio::test]
async fn what_others_wrote_into_a_shared_statement_outlives_the_undo_of_one() {
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit); 2] = [
        ("vpc-1", |trust| trust["Statement"][0]["Condition"]["StringEquals"]["aws:SourceVpc"] = "vpc-1".into()),
        ("Deny", |trust| trust["Statement"][0]["Effect"] = "Deny".into()),
    ];
    for (mark, edit) in edits {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        client.apply(&bare_grant()).await.unwrap();
        client.apply(&Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE)).await.unwrap();
        memory.edit(|world| {
            let held = role_mut(world, ROLE);
            let mut trust = held.trust.as_value().clone();
            edit(&mut trust);
            held.trust = document(&trust.to_string());
        });
        client.revoke(&bare_grant()).await.unwrap();
        let left = role(&memory.world(), ROLE).unwrap().trust.to_json();
        assert!(left.contains(mark) && left.contains(":second") && !left.contains("connections"), "{left}");
    }
}

#[tokio::test]
async fn an_inline_policy_that_is_only_observed_is_not_written() {
    let mut observed = bare_grant().inline_policy("mine", allow("*"));
    observed.policies[0].manage = Manage::Observe;
    for (before, kind) in
        [(bare_grant(), ErrorKind::NotFound), (bare_grant().inline_policy("mine", allow("s3:*")), ErrorKind::Conflict)]
    {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        client.apply(&before).await.unwrap();
        assert_eq!(client.plan(&observed).await.unwrap_err().kind(), kind);
    }
}

#[test]
fn names_that_are_the_same_to_iam_are_refused() {
    let twice = bare_grant().policy_document("made", allow("s3:*")).policy_document("Made", allow("sqs:*"));
    let reserved = bare_grant().tag("Podrole.dev/created-by", "somebody");
    for (grant, words) in [(twice, "named twice"), (reserved, "are reserved")] {
        let error = grant.check().unwrap_err();
        assert!(error.message().contains(words), "{error:#}");
    }
}

#[tokio::test]
async fn access_that_an_undo_cannot_take_away_is_said() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    memory.edit(|world| {
        let held = role_mut(world, ROLE);
        let mut trust = held.trust.as_value().clone();
        let mut theirs = trust["Statement"][0].clone();
        theirs["Sid"] = "Theirs".into();
        trust["Statement"].as_array_mut().unwrap().push(theirs);
        held.trust = document(&trust.to_string());
    });
    let plan = client.revoke(&bare_grant()).await.unwrap().plan.view().width(1000).to_string();
    assert!(plan.contains("(Theirs) of its trust policy still lets system:serviceaccount:"), "{plan}");
}

#[tokio::test]
async fn who_is_shut_out_does_not_get_a_document_that_is_new() {
    let with = |grant: Grant, action| grant.policy_document("made", allow(action)).inline_policy("own", allow(action));
    let mut wider = bare_grant();
    wider.trust.service_accounts = vec![format!("{NAMESPACE}/default")];
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&with(wider, "s3:GetObject")).await.unwrap();
    memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::Denied));
    client.apply(&with(bare_grant(), "s3:*")).await.unwrap_err();
    let world = memory.world();
    let versions = &account(&world).policies[&PolicyName::new("made").unwrap()].versions;
    assert!(versions.values().all(|document| document.same_meaning(&allow("s3:GetObject"))), "{versions:?}");
    let held = &role(&world, ROLE).unwrap().inline_policies[&PolicyName::new("own").unwrap()];
    assert!(held.same_meaning(&allow("s3:GetObject")), "{held:?}");
}

#[tokio::test]
async fn who_is_let_in_does_not_get_what_is_to_go() {
    let mut more = bare_grant();
    more.trust.service_accounts = vec![format!("{NAMESPACE}/default")];
    let held = stopped(&bare_grant().policy("AmazonS3FullAccess"), &more, "iam:DetachRolePolicy").await;
    assert!(!held.trust.to_json().contains(":default"), "{held:?}");
    let with = |grant: Grant, action| grant.inline_policy("own", allow(action));
    let held = stopped(&with(bare_grant(), "s3:*"), &with(more, "s3:GetObject"), "iam:PutRolePolicy").await;
    assert!(!held.trust.to_json().contains(":default"), "{held:?}");
}

#[tokio::test]
async fn a_kustomization_is_not_edited_before_what_its_workload_needs() {
    const PATH: &str = "app/kustomization.yaml";
    let mut world = crowded();
    world.files.insert(PATH.to_owned(), "resources: [../base]\n".to_owned());
    let grant = bare_grant().kustomization(PATH, "connections-app");
    for denied in ["iam:AttachRolePolicy", "kubernetes:patch serviceaccounts"] {
        let memory = Memory::new(world.clone());
        memory.script(Fault::new(denied, FaultEffect::Denied));
        let error = Client::in_memory(&memory).apply(&grant.clone().policy("AmazonS3FullAccess")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
        assert_eq!(memory.world().files[PATH], world.files[PATH], "{denied}");
    }
}

#[tokio::test]
async fn who_was_left_behind_goes_before_anything_new_comes() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    // The role stays for it, and with the role the one statement that a trust policy must have.
    memory.edit(|world| assert!(role_mut(world, ROLE).attached_policies.insert(Arn::new(S3_READ).unwrap())));
    client.revoke(&bare_grant()).await.unwrap();
    let next = Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE).inline_policy("all", allow("*"));
    memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::Denied));
    client.apply(&next).await.unwrap_err();
    assert!(role(&memory.world(), ROLE).unwrap().inline_policies.is_empty());
    memory.clear_faults();
    client.apply(&next).await.unwrap();
    let world = memory.world();
    let held = role(&world, ROLE).unwrap();
    assert!(!held.trust.to_json().contains(SERVICE_ACCOUNT) && !held.inline_policies.is_empty(), "{held:?}");
}

#[tokio::test]
async fn further_conditions_come_before_new_policies_and_fewer_after_old_ones() {
    let held_to = |mut grant: Grant| {
        let keys = grant.trust.conditions.entry("StringEquals".to_owned()).or_default();
        keys.insert("aws:RequestedRegion".to_owned(), vec!["ca-central-1".to_owned()]);
        grant
    };
    let wide = || bare_grant().policy("AmazonS3FullAccess");
    let held = stopped(&bare_grant(), &held_to(wide()), "iam:UpdateAssumeRolePolicy").await;
    assert!(held.attached_policies.is_empty(), "{held:?}");
    let held = stopped(&held_to(wide()), &bare_grant(), "iam:DetachRolePolicy").await;
    assert!(held.trust.to_json().contains("aws:RequestedRegion"), "{held:?}");
}
