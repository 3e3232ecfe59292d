//! One role for several grants: of several service accounts, clusters and owners.

use podrole::memory::{Fault, FaultEffect, Memory, WorldCluster, WorldNamespace};
use podrole::model::Arn;
use podrole::{Client, Grant};

use crate::support::{
    CLUSTER, NAMESPACE, ROLE, S3_FULL, SERVICE_ACCOUNT, assert_same, bare_grant, crowded, gets_in, role, seed_grant,
};

const OTHER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/blue";
const OTHER_ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/0000000000000000000000000000BBBB";

fn second() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE).description("testing sa role for pod")
}

#[tokio::test]
async fn two_clusters_share_a_role_and_one_leaves_it() {
    let mut world = crowded();
    let names = WorldNamespace::new();
    world = world.cluster(OTHER, WorldCluster::new(OTHER_ISSUER).namespace(NAMESPACE, names)).filled();
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    let green = bare_grant().policy("AmazonS3FullAccess");
    let blue = Grant::new(OTHER, format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), ROLE).policy("AmazonS3FullAccess");
    client.apply(&green).await.unwrap();
    let alone = memory.world();
    client.apply(&blue).await.unwrap();
    assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT) && gets_in(&memory, OTHER, SERVICE_ACCOUNT));
    assert!(client.plan(&green).await.unwrap().is_empty());
    client.revoke(&green).await.unwrap();
    assert!(!gets_in(&memory, OTHER, "default") && gets_in(&memory, OTHER, SERVICE_ACCOUNT));
    assert!(!gets_in(&memory, CLUSTER, SERVICE_ACCOUNT));
    assert!(role(&memory.world(), ROLE).unwrap().attached_policies.contains(&Arn::new(S3_FULL).unwrap()));
    client.apply(&green).await.unwrap();
    client.revoke(&blue).remove_provider().await.unwrap();
    assert_same(&alone.comparable(), &memory.world().comparable(), "blue has left");
}

#[tokio::test]
async fn a_further_service_account_that_has_a_grant_of_its_own_keeps_its_access() {
    // The first grant is the other's own, and leaves no record on the role but a policy's.
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let own = seed_grant();
    let mut wider = second().policy("AmazonS3FullAccess");
    wider.trust.service_accounts = vec![format!("{NAMESPACE}/{SERVICE_ACCOUNT}")];
    client.apply(&own).await.unwrap();
    client.apply(&wider).await.unwrap();
    assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT) && gets_in(&memory, CLUSTER, "second"));
    client.revoke(&wider).await.unwrap();
    assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT), "its own grant is in force");
    assert!(!gets_in(&memory, CLUSTER, "second"));
    assert!(client.plan(&own).await.unwrap().is_empty());
    // The same when the wider grant only stops naming it.
    client.apply(&wider).await.unwrap();
    wider.trust.service_accounts.clear();
    client.apply(&wider).await.unwrap();
    assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT), "its own grant is in force");
}

#[tokio::test]
async fn the_last_of_several_grants_takes_the_role_with_it() {
    let memory = Memory::new(crowded());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    let grants = [
        seed_grant().policy_document("made", crate::support::allow("s3:GetObject")),
        second().policy_document("made", crate::support::allow("s3:GetObject")),
        Grant::new("devops_aurora", format!("{NAMESPACE}/third"), ROLE).description("testing sa role for pod"),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        for grant in &grants {
            client.apply(grant).await.unwrap();
        }
        for (left, index) in order.into_iter().enumerate() {
            assert!(role(&memory.world(), ROLE).is_some(), "{order:?}: {left} have left");
            client.revoke(&grants[index]).await.unwrap();
            for rest in &order[left + 1..] {
                let plan = client.plan(&grants[*rest]).await.unwrap();
                assert!(plan.is_empty(), "{order:?}: {left} have left: {plan}");
            }
        }
        assert_same(&before.comparable(), &memory.world().comparable(), &format!("{order:?}"));
    }
}

#[tokio::test]
async fn a_service_account_named_default_is_annotated_and_stripped_and_never_deleted() {
    let memory = Memory::new(crowded());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    let grant = Grant::new("devops_aurora", format!("{NAMESPACE}/default"), ROLE).deployment("connections-app");
    client.apply(&grant).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    client.revoke(&grant).await.unwrap();
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn a_statement_that_had_to_stay_goes_with_the_next_grant_of_the_role_or_with_the_role() {
    for next_is_applied in [true, false] {
        let memory = Memory::new(crowded());
        let before = memory.world();
        let client = Client::in_memory(&memory);
        client.apply(&seed_grant()).await.unwrap();
        // A second grant left its records on the role, and did not come to the trust policy.
        let next = second().policy("AmazonS3FullAccess");
        memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::Denied));
        client.apply(&next).await.unwrap_err();
        memory.clear_faults();
        let receipt = client.revoke(&seed_grant()).await.unwrap();
        let said = receipt.plan.notices.iter().any(|notice| notice.message.contains("cannot be empty"));
        let named = |memory: &Memory| role(&memory.world(), ROLE).unwrap().trust.to_json().contains(SERVICE_ACCOUNT);
        assert!(said && named(&memory), "{}", receipt.plan);
        if next_is_applied {
            client.apply(&next).await.unwrap();
            assert!(gets_in(&memory, CLUSTER, "second") && !named(&memory));
            let plan = client.plan(&next).await.unwrap();
            assert!(plan.is_empty(), "{plan}");
        }
        client.revoke(&next).await.unwrap();
        assert_same(&before.comparable(), &memory.world().comparable(), "both are revoked");
    }
}

#[tokio::test]
async fn who_had_to_stay_and_comes_back_stays() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let alone = memory.world();
    memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::Denied));
    client.apply(&second().policy("AmazonS3FullAccess")).await.unwrap_err();
    memory.clear_faults();
    client.revoke(&seed_grant()).await.unwrap();
    client.apply(&seed_grant()).await.unwrap();
    client.revoke(&second().policy("AmazonS3FullAccess")).await.unwrap();
    assert_same(&alone.comparable(), &memory.world().comparable(), "the first one is back");
}
