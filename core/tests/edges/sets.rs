//! Several grants in one plan: what one of them makes, the next one finds.

use podrole::grant::{CheckedGrant, Manage, Scope};
use podrole::memory::{AccountRole, Fault, FaultEffect, Memory, WorldWorkload};
use podrole::model::WorkloadKind;
use podrole::observe::{Hints, Observed, Purpose, observe};
use podrole::plan::{Plan, PlanOptions, plan_apply, plan_revoke};
use podrole::{Client, Error, ErrorKind, Grant};

use crate::support::{
    NAMESPACE, ROLE, account_mut, allow, assert_same, crowded, foreign_trust, put_role, put_workload, role, seed_grant,
};

/// The grants, checked, and what there is of them.
async fn looked(memory: &Memory, grants: &[Grant]) -> (Vec<CheckedGrant>, Observed) {
    let checked: Vec<_> = grants.iter().map(|grant| grant.check().unwrap()).collect();
    let reads = memory.backend().reads;
    let purpose = Purpose { revoke: true, ..Purpose::default() };
    let observed = observe(reads.as_ref(), &checked, &Hints::default(), purpose).await.unwrap();
    (checked, observed)
}

async fn plan(memory: &Memory, grants: &[Grant], revoke: bool) -> Plan {
    let (checked, observed) = looked(memory, grants).await;
    let options = PlanOptions::default();
    if revoke {
        plan_revoke(&checked, &observed, &options, None).unwrap()
    } else {
        plan_apply(&checked, &observed, &options).unwrap()
    }
}

fn grants() -> [Grant; 3] {
    let document = || allow("s3:GetObject");
    let of = |name: &str, role: &str| Grant::new("devops_aurora", format!("{NAMESPACE}/{name}"), role);
    [
        seed_grant().policy_document("made", document()).data_sync("their-data-role").tag("cost", "42"),
        of("second", ROLE)
            .description("testing sa role for pod")
            .policy("AmazonS3FullAccess")
            .policy_document("made", document())
            .data_sync("their-data-role")
            .deployment("second-app"),
        of("third", "third-role")
            .policy_document("made", document())
            .inline_policy("own", document())
            .data_sync("their-role"),
    ]
}

fn memory() -> Memory {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    put_workload(&mut world, WorkloadKind::Deployment, "second-app", WorldWorkload::new(1));
    Memory::new(world.filled())
}

#[tokio::test]
async fn grants_that_share_things_are_applied_and_revoked_in_one_plan() {
    let memory = memory();
    let before = memory.world();
    let client = Client::in_memory(&memory);
    let all = plan(&memory, &grants(), false).await;
    client.apply(all).await.unwrap_or_else(|error| panic!("{error:#}"));
    let again = plan(&memory, &grants(), false).await;
    assert!(again.is_empty(), "{again}");
    for grant in &grants() {
        client.verify(grant).await.unwrap().into_result().unwrap();
        let again = client.plan(grant).await.unwrap();
        assert!(again.is_empty(), "{again}");
    }
    let all = plan(&memory, &grants(), true).await;
    client.apply(all).await.unwrap_or_else(|error| panic!("{error:#}"));
    let mut found = memory.world().comparable();
    account_mut(&mut found).oidc_providers.clear();
    assert_same(&before.comparable(), &found, "revoked");
}

#[tokio::test]
async fn grants_applied_together_end_where_they_end_one_by_one() {
    let (together, apart) = (memory(), memory());
    let all = plan(&together, &grants(), false).await;
    Client::in_memory(&together).apply(all).await.unwrap();
    for grant in &grants() {
        Client::in_memory(&apart).apply(grant).await.unwrap();
    }
    assert_same(&apart.world().comparable(), &together.world().comparable(), "together");
}

#[tokio::test]
async fn some_of_the_grants_are_revoked_together_and_the_others_stay_in_force() {
    for left in 0..3 {
        let memory = memory();
        let client = Client::in_memory(&memory);
        let all = plan(&memory, &grants(), false).await;
        client.apply(all).await.unwrap();
        let mut gone = grants().to_vec();
        let stays = gone.remove(left);
        let some = plan(&memory, &gone, true).await;
        client.apply(some).await.unwrap_or_else(|error| panic!("{left}: {error:#}"));
        client.verify(&stays).await.unwrap().into_result().unwrap();
        let again = client.plan(&stays).await.unwrap();
        assert!(again.is_empty(), "{left}: {again}");
        assert_eq!(role(&memory.world(), ROLE).is_some(), left != 2, "{left}");
    }
}

#[tokio::test]
async fn two_grants_that_would_undo_each_other_are_refused() {
    let memory = memory();
    let [one, two, _] = grants();
    let mut another_role = one.clone();
    "another".clone_into(&mut another_role.role.name);
    another_role.workloads.clear();
    let same_workload = two.clone().deployment("connections-app");
    for (first, second, what) in [
        (&one, &one, "service account"),
        (&one, &another_role, "service account"),
        (&one, &same_workload, "deployment"),
    ] {
        let error = refusal(&memory, &[first.clone(), second.clone()]).await;
        assert!(error.message().contains(what), "{error:#}");
    }
}

/// What a plan of these grants is refused with.
async fn refusal(memory: &Memory, grants: &[Grant]) -> Error {
    let (checked, observed) = looked(memory, grants).await;
    let error = plan_apply(&checked, &observed, &PlanOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:#}");
    error
}

/// The same in words.
async fn refused(memory: &Memory, grants: &[Grant]) -> String {
    format!("{:#}", refusal(memory, grants).await)
}

#[tokio::test]
async fn a_thing_that_two_grants_name_otherwise_is_refused() {
    let memory = memory();
    let one = seed_grant();
    let second = |cluster: &str, role: &str| Grant::new(cluster, format!("{NAMESPACE}/second"), role);
    let by_arn = second("arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora", "another");
    let text = refused(&memory, &[one.clone(), by_arn]).await;
    assert!(text.contains("same cluster") && text.contains("of account 204393242335"), "{text}");
    let with_account = second("devops_aurora", "arn:aws:iam::204393242335:role/another");
    let text = refused(&memory, &[one.clone(), with_account]).await;
    assert!(text.contains("names account 204393242335"), "{text}");
    let text = refused(&memory, &[one.clone(), second("devops_aurora", &ROLE.to_uppercase())]).await;
    assert!(text.contains("same role"), "{text}");
    let mut syncs = second("devops_aurora", "another");
    syncs = syncs.data_sync("THEIR-DATA-ROLE");
    let text = refused(&memory, &[one.data_sync("their-data-role"), syncs]).await;
    assert!(text.contains("same role"), "{text}");
}

#[tokio::test]
async fn the_halves_of_a_grant_name_their_cluster_alike_even_where_only_one_half_asks_eks() {
    let memory = memory();
    let mut aws = seed_grant();
    aws.scope = Scope::Iam;
    aws.workloads.clear();
    let mut kubernetes = seed_grant();
    kubernetes.scope = Scope::Kubernetes;
    kubernetes.role.arn = Some(format!("arn:aws:iam::204393242335:role/{ROLE}"));
    kubernetes.cluster.region = Some("ca-central-1".to_owned());
    let text = refused(&memory, &[aws, kubernetes]).await;
    assert!(text.contains("same cluster"), "{text}");
}

#[tokio::test]
async fn two_grants_that_want_one_role_to_look_in_two_ways_are_refused() {
    let memory = memory();
    let second = || Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE);
    let mut long = second();
    long.role.max_session_duration = 7200;
    let mut longer = seed_grant();
    longer.role.max_session_duration = 14400;
    for (one, other, word) in [
        (seed_grant(), second().description("another"), "description"),
        (longer, long, "maxSessionDuration"),
        (seed_grant().tag("cost", "42"), second().tag("cost", "43"), "tag cost"),
    ] {
        let text = refused(&memory, &[one, other]).await;
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn a_role_that_lets_another_grants_role_in_may_come_later_in_the_set() {
    let memory = memory();
    let before = memory.world();
    let target = Grant::new("devops_aurora", format!("{NAMESPACE}/target"), "target-role");
    let set =
        [Grant::new("devops_aurora", format!("{NAMESPACE}/source"), "source-role").data_sync("target-role"), target];
    let client = Client::in_memory(&memory);
    client.apply(plan(&memory, &set, false).await).await.unwrap_or_else(|error| panic!("{error:#}"));
    for grant in &set {
        client.verify(grant).await.unwrap().into_result().unwrap();
    }
    // The undo takes the statement out before it looks who else needs the role.
    let reversed = [set[1].clone(), set[0].clone()];
    client.apply(plan(&memory, &reversed, true).await).await.unwrap_or_else(|error| panic!("{error:#}"));
    let mut found = memory.world().comparable();
    account_mut(&mut found).oidc_providers.clear();
    assert_same(&before.comparable(), &found, "revoked");
}

#[tokio::test]
async fn the_receipt_of_a_set_takes_back_what_was_put_on_a_role_of_others_for_the_revoked_grant_alone() {
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = Memory::new(world.filled());
    let one = Grant::new("devops_aurora", format!("{NAMESPACE}/one"), ROLE)
        .policy("AmazonS3FullAccess")
        .policy("ReadOnlyAccess")
        .inline_policy("one", allow("s3:GetObject"));
    let two = Grant::new("devops_aurora", format!("{NAMESPACE}/two"), ROLE)
        .policy("AmazonSQSFullAccess")
        .policy("ReadOnlyAccess")
        .inline_policy("two", allow("sqs:SendMessage"));
    let client = Client::in_memory(&memory);
    let alone = Memory::new(memory.world());
    Client::in_memory(&alone).apply(&two).await.unwrap();
    let receipt = client.apply(plan(&memory, &[one.clone(), two.clone()], false).await).await.unwrap();
    client.revoke(&one).with_receipt(receipt.clone()).await.unwrap();
    assert_same(&alone.world().comparable(), &memory.world().comparable(), "the other grant is whole");
    client.revoke(&two).with_receipt(receipt).await.unwrap();
    let world = memory.world();
    let left = role(&world, ROLE).unwrap();
    assert!(left.attached_policies.is_empty() && left.inline_policies.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_workload_may_move_from_one_grant_of_a_set_to_another() {
    for reversed in [false, true] {
        let memory = memory();
        let client = Client::in_memory(&memory);
        let [mut one, two, _] = grants();
        client.apply(plan(&memory, &[one.clone(), two.clone()], false).await).await.unwrap();
        one.workloads.clear();
        let mut moved = two.deployment("connections-app");
        moved.workloads.iter_mut().for_each(|workload| workload.manage = Manage::Own);
        let set = if reversed { [moved.clone(), one] } else { [one, moved.clone()] };
        client.apply(plan(&memory, &set, false).await).await.unwrap();
        let again = plan(&memory, &set, false).await;
        assert!(again.is_empty(), "{again}");
        client.verify(&moved).await.unwrap().into_result().unwrap();
    }
}

#[tokio::test]
async fn a_policy_that_another_grant_of_the_set_makes_may_be_attached_by_name() {
    let of = |name: &str| Grant::new("devops_aurora", format!("{NAMESPACE}/{name}"), name);
    let memory = memory();
    let set = [of("two").customer_policy("own"), of("one").policy_document("own", allow("s3:GetObject"))];
    Client::in_memory(&memory).apply(plan(&memory, &set, false).await).await.unwrap();
    assert!(plan(&memory, &set, false).await.is_empty());
    let [attached, _] = set;
    let text = refused(&memory, &[attached, of("three").customer_policy("OWN")]).await;
    assert!(text.contains("same policy"), "{text}");
}

#[tokio::test]
async fn the_kubernetes_half_of_a_set_waits_for_its_aws_half() {
    let memory = memory();
    let mut aws = seed_grant();
    aws.scope = Scope::Iam;
    aws.workloads.clear();
    let role_arn = format!("arn:aws:iam::204393242335:role/{ROLE}");
    let kubernetes = Grant::new("devops_aurora", seed_grant().subject(), role_arn).scope(Scope::Kubernetes);
    let before = memory.world();
    memory.script(Fault::new("iam:CreateRole", FaultEffect::Denied));
    let set = plan(&memory, &[kubernetes.deployment("connections-app"), aws], false).await;
    let error = Client::in_memory(&memory).apply(set).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
    let mut found = memory.world();
    account_mut(&mut found).oidc_providers.clear();
    assert_same(&before, &found, "nothing on the cluster");
}
