//! Several grants of one role: none takes away, widens or overwrites what another one needs.

use std::future::IntoFuture as _;
use std::time::Duration;

use podrole::grant::{ClusterSelector, Manage};
use podrole::memory::{AccountRole, Fault, FaultEffect, Memory, World, WorldCluster, WorldNamespace};
use podrole::model::Arn;
use podrole::observe::{Hints, Purpose, observe};
use podrole::plan::{Plan, PlanOptions, plan_apply};
use podrole::policy::Document;
use podrole::{Client, ErrorKind, Event, Grant};

use crate::support::{
    ACCOUNT, CLUSTER, HOST, NAMESPACE, ROLE, ROLE_ARN, S3_FULL, S3_READ, SERVICE_ACCOUNT, allow, assert_same,
    bare_grant, crowded, document, foreign_trust, gets_in, put_role, role, role_mut,
};
use crate::undo::warning;

const OTHER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/blue";
const OTHER_ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/0000000000000000000000000000BBBB";

fn second() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE)
}

/// A grant of the first service account that lets the second one in as well.
fn for_both() -> Grant {
    let mut grant = bare_grant();
    grant.trust.service_accounts = vec![format!("{NAMESPACE}/second")];
    grant
}

fn conditional(mut grant: Grant, key: &str, value: &str) -> Grant {
    let keys = grant.trust.conditions.entry("StringEquals".to_owned()).or_default();
    keys.insert(key.to_owned(), vec![value.to_owned()]);
    grant
}

/// The plan of several grants in one.
async fn plan_apply_of(memory: &Memory, grants: &[Grant]) -> podrole::Result<Plan> {
    let checked: Vec<_> = grants.iter().map(|grant| grant.check().unwrap()).collect();
    let reads = memory.backend().reads;
    let observed = observe(reads.as_ref(), &checked, &Hints::default(), Purpose::default()).await?;
    plan_apply(&checked, &observed, &PlanOptions::default())
}

fn with_role_of_others() -> World {
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    world
}

async fn conflict(memory: &Memory, grant: &Grant, words: &[&str]) {
    let before = memory.world();
    let error = Client::in_memory(memory).apply(grant).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(error.kind() == ErrorKind::Conflict && words.iter().all(|word| text.contains(word)), "{text}");
    assert_same(&before, &memory.world(), "a refusal changes nothing");
}

#[tokio::test]
async fn a_role_stays_for_a_grant_that_put_nothing_on_it() {
    for first in [bare_grant(), for_both()] {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        client.apply(&second()).await.unwrap();
        let alone = memory.world();
        client.apply(&first).await.unwrap();
        client.revoke(&first).await.unwrap();
        assert!(gets_in(&memory, CLUSTER, "second") && !gets_in(&memory, CLUSTER, SERVICE_ACCOUNT));
        assert_same(&alone.comparable(), &memory.world().comparable(), "the second is as it was");
        assert!(client.plan(&second()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_undo_of_a_grant_that_was_never_applied_takes_nothing_from_others() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&second()).await.unwrap();
    let alone = memory.world();
    client.revoke(&for_both()).await.unwrap();
    assert_same(&alone, &memory.world(), "nothing of it was the grant's");
}

#[tokio::test]
async fn a_service_account_whose_own_grant_goes_stays_where_another_one_names_it() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&second()).await.unwrap();
    client.apply(&for_both()).await.unwrap();
    let receipt = client.revoke(&second()).await.unwrap();
    assert!(receipt.plan.to_string().contains("another grant of the role lets"), "{}", receipt.plan);
    assert!(role(&memory.world(), ROLE).unwrap().trust.to_json().contains(":second"));
    assert!(client.plan(&for_both()).await.unwrap().is_empty());
    client.revoke(&for_both()).remove_provider().await.unwrap();
    assert!(role(&memory.world(), ROLE).is_none(), "the last one is gone");
}

#[tokio::test]
async fn a_service_account_of_the_same_name_in_another_cluster_is_somebody_else() {
    let names = WorldNamespace::new();
    let world = crowded().cluster(OTHER, WorldCluster::new(OTHER_ISSUER).namespace(NAMESPACE, names)).filled();
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    let mut blue = for_both();
    blue.cluster = ClusterSelector::parse(OTHER);
    client.apply(&blue).await.unwrap();
    client.apply(&for_both()).await.unwrap();
    client.revoke(&for_both()).await.unwrap();
    let trust = role(&memory.world(), ROLE).unwrap().trust.clone();
    assert!(!trust.to_json().contains(HOST), "nobody of the first cluster is left: {}", trust.to_json());
    assert!(client.plan(&blue).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_was_left_behind_by_another_cluster_is_that_clusters_business() {
    let names = WorldNamespace::new();
    let world = crowded().cluster(OTHER, WorldCluster::new(OTHER_ISSUER).namespace(NAMESPACE, names)).filled();
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    let mut blue = second().policy("AmazonS3FullAccess");
    blue.cluster = ClusterSelector::parse(OTHER);
    client.apply(&bare_grant()).await.unwrap();
    memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::Denied));
    client.apply(&blue).await.unwrap_err();
    memory.clear_faults();
    client.revoke(&bare_grant()).await.unwrap();
    // The statement of the first cluster had to stay, and its mark stays with it.
    client.apply(&blue).await.unwrap();
    let left = |memory: &Memory| {
        let world = memory.world();
        let role = role(&world, ROLE).unwrap();
        (role.trust.to_json().contains(HOST), role.tags.keys().any(|key| key.contains("/left/")))
    };
    assert_eq!(left(&memory), (true, true));
    // A role that is for nobody but those who were left behind goes with its last grant.
    let other = Memory::new(memory.world());
    Client::in_memory(&other).revoke(&blue).await.unwrap();
    assert!(role(&other.world(), ROLE).is_none());
    // Else its own cluster's next grant takes it out.
    client.apply(&second()).await.unwrap();
    assert_eq!(left(&memory), (true, false));
    assert!(!gets_in(&memory, CLUSTER, SERVICE_ACCOUNT) && gets_in(&memory, CLUSTER, "second"));
}

#[tokio::test]
async fn one_grant_does_not_widen_what_another_one_lets_in() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let narrow = conditional(second(), "aws:SourceVpc", "vpc-1");
    client.apply(&narrow).await.unwrap();
    conflict(&memory, &for_both(), &["second", "conditions", "use another role"]).await;
    // With the same conditions it is let in by both.
    client.apply(&conditional(for_both(), "aws:SourceVpc", "vpc-1")).await.unwrap();
    assert!(client.plan(&narrow).await.unwrap().is_empty());
    // One alone cannot drop them, both together can.
    conflict(&memory, &second(), &["second", "conditions"]).await;
    let plan = plan_apply_of(&memory, &[for_both(), second()]).await.unwrap();
    assert!(plan.to_string().contains("StringEquals aws:SourceVpc vpc-1"), "{plan}");
    client.apply(plan).await.unwrap();
    assert!(client.plan(&second()).await.unwrap().is_empty() && client.plan(&for_both()).await.unwrap().is_empty());
}

#[tokio::test]
async fn conditions_are_in_the_plan_and_dropping_one_does_not_read_as_an_addition() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let narrow = conditional(bare_grant(), "aws:SourceVpc", "vpc-1");
    let plan = client.plan(&narrow).await.unwrap();
    assert!(plan.view().width(200).to_string().contains("StringEquals aws:SourceVpc vpc-1"), "{plan}");
    client.apply(plan).await.unwrap();
    let plan = client.plan(&bare_grant()).await.unwrap();
    let trust = plan.steps.iter().flat_map(|step| &step.changes).find(|change| change.field == "trust").unwrap();
    assert!(trust.before.as_ref().is_some_and(|before| before.contains("aws:SourceVpc")), "{plan}");
    assert!(trust.after.as_ref().is_some_and(|after| !after.contains("aws:SourceVpc")), "{plan}");
}

#[tokio::test]
async fn two_grants_do_not_overwrite_each_others_documents() {
    type With = fn(Grant, &str) -> Grant;
    let managed: With = |grant, action| grant.policy_document("shared", allow(action));
    let inline: With = |grant, action| grant.inline_policy("shared", allow(action));
    for with in [managed, inline] {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        client.apply(&with(bare_grant(), "s3:GetObject")).await.unwrap();
        client.apply(&with(second(), "s3:GetObject")).await.unwrap();
        conflict(&memory, &with(second(), "s3:*"), &["shared", "another document", "manage: own"]).await;
        // Not in one plan either, unless both say the same.
        let both = [with(bare_grant(), "s3:PutObject"), with(second(), "s3:*")];
        let error = plan_apply_of(&memory, &both).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:#}");
        let both = [with(bare_grant(), "s3:PutObject"), with(second(), "s3:PutObject")];
        client.apply(plan_apply_of(&memory, &both).await.unwrap()).await.unwrap();
        let mut own = with(second(), "s3:*");
        own.policies[0].manage = Manage::Own;
        let plan = client.plan(&own).await.unwrap();
        assert!(plan.notices.iter().any(|notice| notice.message.contains("uses it too")), "{plan}");
        // Its only user changes it as it likes.
        client.revoke(&with(second(), "s3:PutObject")).await.unwrap();
        client.apply(&with(bare_grant(), "s3:*")).await.unwrap();
    }
}

#[tokio::test]
async fn a_data_sync_keeps_the_conditions_of_another_grant() {
    let sync = |grant: Grant, id: Option<&str>| {
        let mut grant = grant.data_sync("their-data-role");
        grant.data_syncs[0].external_id = id.map(str::to_owned);
        grant
    };
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&sync(bare_grant(), Some("external-1"))).await.unwrap();
    conflict(&memory, &sync(second(), None), &["their-data-role", "conditions"]).await;
    client.apply(&sync(second(), Some("external-1"))).await.unwrap();
    // Who has it alone sees what is dropped.
    client.revoke(&sync(second(), Some("external-1"))).await.unwrap();
    let plan = client.plan(&sync(bare_grant(), None)).await.unwrap();
    let change =
        plan.steps.iter().flat_map(|step| &step.changes).find(|change| change.field.starts_with("conditions")).unwrap();
    assert_eq!(
        (change.before.as_deref(), change.after.as_deref()),
        (Some("StringEquals sts:ExternalId external-1"), Some("none"))
    );
}

#[tokio::test]
async fn a_boundary_is_taken_off_only_by_the_grant_that_set_it() {
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/their-policy");
    let bounded = |mut grant: Grant| {
        grant.role.permissions_boundary = Some(boundary.clone());
        grant
    };
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let now = |memory: &Memory| role(&memory.world(), ROLE).unwrap().permissions_boundary.clone();
    // What a security team put there stays.
    client.apply(&bare_grant()).await.unwrap();
    memory.edit(|world| role_mut(world, ROLE).permissions_boundary = Some(Arn::new(S3_READ).unwrap()));
    let plan = client.plan(&bare_grant()).await.unwrap();
    assert!(plan.is_empty() && plan.to_string().contains("was not set by podrole"), "{plan}");
    memory.edit(|world| role_mut(world, ROLE).permissions_boundary = None);
    // What one grant set, another one neither drops nor replaces.
    client.apply(&bounded(bare_grant())).await.unwrap();
    client.apply(&second()).await.unwrap();
    assert_eq!(now(&memory).unwrap().as_str(), boundary);
    let mut other = second();
    other.role.permissions_boundary = Some(S3_READ.to_owned());
    conflict(&memory, &other, &["boundary", "their-policy"]).await;
    client.apply(&bare_grant()).await.unwrap();
    assert_eq!(now(&memory), None, "its own grant no longer asks for it");
}

#[tokio::test]
async fn a_role_of_others_is_not_used_without_the_boundary_that_the_grant_wants() {
    let memory = Memory::new(with_role_of_others());
    let mut grant = bare_grant();
    grant.role.permissions_boundary = Some(S3_READ.to_owned());
    conflict(&memory, &grant, &["boundary is none", "manage: own"]).await;
    let client = Client::in_memory(&memory);
    let grant = grant.manage_role(Manage::Own);
    client.apply(&grant).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    memory.edit(|world| role_mut(world, ROLE).permissions_boundary = None);
    let error = client.verify(&grant).await.unwrap().into_result().unwrap_err();
    assert!(error.to_string().contains("boundary"), "{error:#}");
}

#[tokio::test]
async fn an_attachment_that_was_there_before_stays_others() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    memory.edit(|world| {
        let role = role_mut(world, ROLE);
        role.attached_policies.insert(Arn::new(S3_FULL).unwrap());
    });
    let theirs = memory.world();
    let asking = bare_grant().policy("AmazonS3FullAccess");
    client.apply(&asking).await.unwrap();
    client.apply(&bare_grant()).await.unwrap();
    assert_same(&theirs.comparable(), &memory.world().comparable(), "it was attached by others, and still is");
    // It blocks the role's deletion, and the plan says so.
    let receipt = client.revoke(&asking).await.unwrap();
    assert!(receipt.plan.to_string().contains("not by podrole"), "{}", receipt.plan);
    assert!(role(&memory.world(), ROLE).is_some());
}

#[tokio::test]
async fn a_statement_of_ours_that_somebody_edited_keeps_its_service_accounts() {
    let edit = |memory: &Memory, from: &str, to: &str| {
        memory.edit(|world| {
            let role = role_mut(world, ROLE);
            let text = role.trust.to_json();
            assert!(text.contains(from), "{text}");
            role.trust = document(&text.replace(from, to));
        });
    };
    for (from, to) in [
        ("StringEquals", "StringEqualsIfExists"),
        ("StringEquals", "ForAnyValue:StringEquals"),
        ("StringEquals", "StringEqualsIgnoreCase"),
        ("StringEquals", "StringLike"),
    ] {
        let memory = Memory::new(crowded());
        let client = Client::in_memory(&memory);
        client.apply(&bare_grant()).await.unwrap();
        edit(&memory, from, to);
        client.apply(&second()).await.unwrap();
        assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT) && gets_in(&memory, CLUSTER, "second"), "{to}");
        let plan = client.plan(&bare_grant()).await.unwrap();
        assert!(plan.is_empty(), "{to}: {plan}");
    }
    // Where nobody can be read in it any more, the plan says who is to be applied again, and a stranger's undo leaves it.
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    edit(&memory, &format!("\"{HOST}:sub\""), "\"aws:PrincipalTag/a\"");
    let edited = memory.world();
    client.revoke(&second()).await.unwrap();
    assert_same(&edited, &memory.world(), "a stranger takes nothing away");
    let plan = client.plan(&second()).await.unwrap();
    let warned = plan.notices.iter().find(|notice| notice.message.contains("apply those grants again"));
    assert!(warned.is_some_and(|notice| notice.message.contains(SERVICE_ACCOUNT)), "{plan}");
}

#[tokio::test]
async fn an_undo_on_a_role_of_others_leaves_what_other_grants_need_there() {
    let memory = Memory::new(with_role_of_others());
    let client = Client::in_memory(&memory);
    let shared = |grant: Grant| grant.policy_document("shared", allow("s3:GetObject")).data_sync("their-data-role");
    let (first, other) = (shared(for_both()), shared(second()));
    client.apply(&first).await.unwrap();
    client.apply(&other).await.unwrap();
    let trusts = |memory: &Memory| {
        let world = memory.world();
        let data = role(&world, "their-data-role").unwrap().trust.to_json().contains(ROLE_ARN);
        (data, role(&world, ROLE).unwrap().attached_policies.len(), gets_in(memory, CLUSTER, "second"))
    };
    let undone = client.revoke(&first).await.unwrap();
    assert_eq!(trusts(&memory), (true, 1, true), "{}", undone.plan);
    assert!(!gets_in(&memory, CLUSTER, SERVICE_ACCOUNT));
    let text = undone.plan.view().width(1000).to_string();
    assert!(text.contains("cannot tell whose the data sync") && text.contains("cannot tell which grant"), "{text}");
    // The other one's verification still passes, and with its undo everything is gone.
    client.verify(&other).await.unwrap().into_result().unwrap();
    client.revoke(&other).await.unwrap();
    assert_eq!(trusts(&memory), (false, 0, false));
}

#[tokio::test]
async fn a_service_account_that_a_receipt_shows_goes_from_a_role_of_others() {
    let memory = Memory::new(with_role_of_others());
    let client = Client::in_memory(&memory);
    let receipt = client.apply(&for_both()).await.unwrap();
    client.revoke(&for_both()).with_receipt(receipt).await.unwrap();
    assert!(role(&memory.world(), ROLE).unwrap().trust.same_meaning(&foreign_trust()));
}

#[tokio::test]
async fn a_policy_that_a_service_account_took_along_to_another_role_stays() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let with = |name: &str| {
        Grant::new("devops_aurora", format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), name)
            .policy_document("shared", allow("s3:GetObject"))
    };
    client.apply(&with(ROLE)).await.unwrap();
    client.apply(&with("second-role")).await.unwrap();
    client.revoke(&with(ROLE)).await.unwrap();
    client.verify(&with("second-role")).await.unwrap().into_result().unwrap();
    assert!(client.plan(&with("second-role")).await.unwrap().is_empty());
    let receipt = client.revoke(&with("second-role")).remove_provider().await.unwrap();
    assert!(receipt.plan.to_string().contains("delete policy shared"), "{}", receipt.plan);
}

#[tokio::test]
async fn a_change_deep_in_a_long_document_is_seen() {
    let long = |last: &str| -> Document {
        let keys: Vec<String> = (0..40).map(|index| format!("\"arn:aws:s3:::bucket-{index}/*\"")).collect();
        document(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":[{},"{last}"]}}]}}"#,
            keys.join(",")
        ))
    };
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant().policy_document("long", long("arn:aws:s3:::narrow/*"))).await.unwrap();
    let plan = client.plan(&bare_grant().policy_document("long", long("*"))).await.unwrap();
    let shown = |value: &str| plan.view().width(100_000).to_string().contains(value);
    assert!(shown("\"arn:aws:s3:::bucket-39/*\", \"arn:aws:s3:::narrow/*\"]"), "{plan}");
    assert!(shown("\"arn:aws:s3:::bucket-39/*\", \"*\"]"), "{plan}");
}

#[tokio::test]
async fn every_statement_of_a_new_document_is_shown_whole() {
    let statement = |index: usize| {
        format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-{index}/*"}}"#)
    };
    let mut statements: Vec<String> = (0..20).map(statement).collect();
    statements.push(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned());
    let all = document(&format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(",")));
    let client = Client::in_memory(&Memory::new(crowded()));
    for grant in [bare_grant().policy_document("long", all.clone()), bare_grant().inline_policy("long", all)] {
        let plan = client.plan(&grant).await.unwrap().view().width(200).to_string();
        assert!(plan.contains(r#"+ {"Effect": "Allow", "Action": "*", "Resource": "*"}"#), "{plan}");
    }
}

#[tokio::test]
async fn an_undo_is_stale_when_somebody_rewrote_what_it_deletes() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let grant = bare_grant().inline_policy("queue", allow("sqs:SendMessage"));
    client.apply(&grant).await.unwrap();
    let plan = client.plan_revoke(&grant).await.unwrap();
    memory.edit(|world| {
        role_mut(world, ROLE).inline_policies.insert("queue".parse().unwrap(), allow("sqs:*"));
    });
    let error = client.apply(plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
}

#[tokio::test]
async fn a_role_with_fifty_tags_can_be_left() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    memory.edit(|world| {
        let role = role_mut(world, ROLE);
        role.attached_policies.insert(Arn::new(S3_READ).unwrap());
        for index in role.tags.len()..50 {
            role.tags.insert(format!("tag-{index}"), "x".to_owned());
        }
    });
    // Others attached something, so that the role stays, and with it the only statement.
    client.revoke(&bare_grant()).await.unwrap();
    let world = memory.world();
    assert!(role(&world, ROLE).unwrap().tags.keys().any(|key| key.contains("/left/")));
}

#[tokio::test(start_paused = true)]
async fn the_runs_of_one_client_take_turns_at_a_trust_policy() {
    let memory = Memory::new(with_role_of_others());
    let client = Client::in_memory(&memory);
    let (one, two) = (client.plan(&bare_grant()).await.unwrap(), client.plan(&second()).await.unwrap());
    // Each call takes its time, so that both are between look and write at once.
    memory.set_latency(Duration::from_millis(100));
    let (one, two) = tokio::join!(client.apply(one).into_future(), client.apply(two).into_future());
    // Both plans were made of the same trust policy: one of them writes it, and the other one says that it has changed.
    let results = [one.map(|_| SERVICE_ACCOUNT), two.map(|_| "second")];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    for result in results {
        match result {
            Ok(name) => assert!(gets_in(&memory, CLUSTER, name), "{name}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}"),
        }
    }
}

/// A role of ours in whose trust policy the data sync of a role that is gone is left.
async fn with_dead_sync() -> Memory {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let target = Grant::new("devops_aurora", format!("{NAMESPACE}/target"), "target-role");
    let source = bare_grant().data_sync("target-role");
    client.apply(&target).await.unwrap();
    client.apply(&source).await.unwrap();
    // The target's grant first: then the data sync is all that is left, and a trust policy cannot be empty.
    client.revoke(&target).await.unwrap();
    client.revoke(&source).await.unwrap();
    assert!(role(&memory.world(), ROLE).is_none());
    let trust = role(&memory.world(), "target-role").unwrap().trust.to_json();
    assert!(trust.contains("AROA"), "{trust}");
    memory
}

#[tokio::test]
async fn a_data_sync_of_a_role_that_is_gone_is_taken_out_of_a_trust_policy_that_is_written() {
    let memory = with_dead_sync().await;
    let client = Client::in_memory(&memory);
    let target = Grant::new("devops_aurora", format!("{NAMESPACE}/target"), "target-role");
    let plan = client.plan(&target).await.unwrap();
    assert!(plan.to_string().contains("a role that is gone"), "{plan}");
    client.apply(plan).await.unwrap_or_else(|error| panic!("{error:#}"));
    client.verify(&target).await.unwrap().into_result().unwrap();
    client.revoke(&target).await.unwrap();
    assert!(role(&memory.world(), "target-role").is_none(), "nothing is left of either grant");
}

#[tokio::test]
async fn a_principal_of_others_that_is_gone_is_told_before_the_first_write() {
    let mut world = crowded();
    let trust = document(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEEXAMPLE12"},"Action":"sts:AssumeRole"}]}"#,
    );
    put_role(&mut world, ROLE, AccountRole::new(trust));
    conflict(&Memory::new(world), &bare_grant(), &["AROAEXAMPLEEXAMPLE12", "statement 1 (Theirs)", "by hand"]).await;
}

#[tokio::test]
async fn a_grant_that_names_no_session_duration_leaves_that_of_another_grant_of_the_role() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let mut long = bare_grant();
    long.role.max_session_duration = 7200;
    client.apply(&long).await.unwrap();
    client.apply(&second()).await.unwrap();
    assert_eq!(role(&memory.world(), ROLE).unwrap().max_session_duration, 7200);
    let plan = client.plan(&long).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    // Alone on it, the default is what it is to have.
    client.revoke(&long).await.unwrap();
    client.apply(&second()).await.unwrap();
    assert_eq!(role(&memory.world(), ROLE).unwrap().max_session_duration, 3600);
}

#[tokio::test]
async fn a_setting_that_changes_for_other_grants_too_is_said() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant().description("one")).await.unwrap();
    let plan = client.plan(&second().description("another")).await.unwrap();
    let said = warning(&plan, &format!("role {ROLE}"), "description changes for");
    assert!(said.contains(&format!("the grant of {NAMESPACE}/{SERVICE_ACCOUNT}")), "{said}");
}

#[tokio::test]
async fn a_service_account_that_another_grant_let_into_a_role_of_others_keeps_its_conditions() {
    let memory = Memory::new(with_role_of_others());
    let client = Client::in_memory(&memory);
    client.apply(&conditional(second(), "aws:RequestedRegion", "ca-central-1")).await.unwrap();
    conflict(&memory, &for_both(), &["second", "other conditions", "aws:RequestedRegion"]).await;
    // Who was let in together moves together.
    let memory = Memory::new(with_role_of_others());
    let client = Client::in_memory(&memory);
    client.apply(&for_both()).await.unwrap();
    let narrower = conditional(for_both(), "aws:RequestedRegion", "ca-central-1");
    client.apply(&narrower).await.unwrap();
    client.verify(&narrower).await.unwrap().into_result().unwrap();
}

#[tokio::test]
async fn a_further_service_account_that_is_dropped_goes_also_where_the_own_one_was_taken_out() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&for_both()).await.unwrap();
    memory.edit(|world| {
        let held = role_mut(world, ROLE);
        let mut trust = held.trust.as_value().clone();
        trust["Statement"][0]["Condition"]["StringEquals"][format!("{HOST}:sub")] =
            format!("system:serviceaccount:{NAMESPACE}:second").into();
        held.trust = document(&trust.to_string());
    });
    client.apply(&bare_grant()).await.unwrap();
    assert!(gets_in(&memory, CLUSTER, SERVICE_ACCOUNT) && !gets_in(&memory, CLUSTER, "second"));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_is_let_into_while_its_deletion_waits_stays() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant().policy("AmazonS3FullAccess")).await.unwrap();
    let effect = FaultEffect::Error {
        error: ErrorKind::Conflict,
        code: "DeleteConflict".to_owned(),
        message: "must detach all policies first".to_owned(),
    };
    memory.script(Fault::new("iam:DeleteRole", effect).nth(1));
    let mut undo = client.revoke(&bare_grant().policy("AmazonS3FullAccess")).start().await.unwrap();
    let mut others = Vec::new();
    while let Some(event) = undo.next_event().await {
        if matches!(event, Event::Waiting { .. }) && others.is_empty() {
            others.push(client.apply(&second()).await);
        }
    }
    assert_eq!(undo.finish().await.unwrap_err().kind(), ErrorKind::PlanStale);
    assert!(others[0].is_ok() && gets_in(&memory, CLUSTER, "second"), "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_does_not_wait_for_ever_for_another_ones_call() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&bare_grant()).await.unwrap();
    memory.script(Fault::new("iam:UpdateAssumeRolePolicy", FaultEffect::HangBefore).nth(1));
    let run = client.apply(&second()).start().await.unwrap();
    // Time passes when nothing else can happen: the call is under way, and nobody waits for it any more.
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.cancel();
    run.cancel();
    run.finish().await.unwrap_err();
    let mut again = client.apply(&second()).start().await.unwrap();
    let mut said = false;
    while let Some(event) = again.next_event().await {
        said |= matches!(&event, Event::Waiting { reason, .. } if reason.contains("another run"));
    }
    let error = again.finish().await.unwrap_err();
    assert!(said && error.kind() == ErrorKind::Timeout, "{error:#}");
    assert!(error.get_receipt().is_some());
}

#[tokio::test]
async fn the_receipt_of_a_set_over_two_clusters_takes_everything_back_one_grant_at_a_time() {
    let world = with_role_of_others()
        .cluster(OTHER, WorldCluster::new(OTHER_ISSUER).namespace(NAMESPACE, WorldNamespace::new()));
    let memory = Memory::new(world.filled());
    let client = Client::in_memory(&memory);
    let here = second().policy("AmazonS3FullAccess");
    let there = Grant::new("blue", format!("{NAMESPACE}/second"), ROLE).policy("AmazonS3FullAccess");
    let plan = plan_apply_of(&memory, &[here.clone(), there.clone()]).await.unwrap();
    let receipt = client.apply(plan).await.unwrap();
    let undo = client.plan_revoke(&here).with_receipt(receipt.clone()).await.unwrap();
    let text = undo.view().width(1000).to_string();
    assert!(text.contains("another grant of the receipt has it too"), "{text}");
    client.apply(undo).await.unwrap();
    assert_eq!(role(&memory.world(), ROLE).unwrap().attached_policies.len(), 1);
    client.revoke(&there).with_receipt(receipt).await.unwrap();
    assert!(role(&memory.world(), ROLE).unwrap().attached_policies.is_empty());
}

#[tokio::test]
async fn a_role_goes_although_a_data_sync_of_ours_for_a_role_that_is_gone_is_in_its_trust() {
    let memory = with_dead_sync().await;
    let client = Client::in_memory(&memory);
    let target = Grant::new("devops_aurora", format!("{NAMESPACE}/target"), "target-role");
    let dead = role(&memory.world(), "target-role").unwrap().trust.as_value()["Statement"].as_array().unwrap().clone();
    client.apply(&target).await.unwrap();
    memory.edit(|world| {
        let held = role_mut(world, "target-role");
        let mut both = held.trust.as_value().clone();
        both["Statement"].as_array_mut().unwrap().extend(dead);
        held.trust = document(&both.to_string());
    });
    client.revoke(&target).await.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(role(&memory.world(), "target-role").is_none());
}
