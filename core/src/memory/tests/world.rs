//! Worlds are data, filled in the same way each time.

use super::*;
use crate::memory::{Account, AccountRole, WorldCluster};
use crate::model::ServiceAccountName;

#[test]
fn a_world_reads_back_from_its_json() {
    let memory = seed();
    let world = memory.world();
    assert_eq!(world, World::seed());
    assert_eq!(World::from_json(&world.to_json()).unwrap(), world);
    assert_eq!(World::from_json(&world.to_json()).unwrap().to_json(), world.to_json());
    let pods = &world.clusters[&arn(CLUSTER)].namespaces[&namespace()].pods;
    assert_eq!(pods.len(), 2);
}

#[test]
fn unknown_keys_and_versions_are_refused() {
    let unknown = World::from_json(r#"{"schemaVersion":2}"#).unwrap_err();
    assert!(unknown.message().contains("schemaVersion: 2"), "{unknown}");
    assert!(World::from_json("{}").unwrap_err().message().contains("schemaVersion"));
    let key = World::from_json(r#"{"schemaVersion":1,"acounts":{}}"#).unwrap_err();
    assert_eq!(key.kind(), ErrorKind::InvalidInput);
    assert!(key.message().contains("acounts"), "{key}");
    assert!(World::from_json(r#"{"schemaVersion":1,"accounts":{"12":{}}}"#).is_err());
}

#[test]
fn what_is_left_out_is_filled_in() {
    let text = format!(
        r#"{{"schemaVersion":1,"accounts":{{"{ACCOUNT}":{{"roles":{{"r":{{"trust":{}}}}}}}}},
        "clusters":{{"{CLUSTER}":{{"namespaces":{{"devops-aurora-1":{{"statefulSets":{{"db":{{"replicas":2}}}}}}}}}}}}}}"#,
        trust("a")
    );
    let world = Memory::new(World::from_json(&text).unwrap()).world();
    let role = &world.accounts[&AccountId::new(ACCOUNT).unwrap()].roles[&role_name("r")];
    assert!(role.unique_id.starts_with("AROA") && role.max_session_duration == 3600);
    let cluster = &world.clusters[&arn(CLUSTER)];
    assert!(cluster.endpoint.is_some() && cluster.certificate_authority.is_some());
    let held = &cluster.namespaces[&namespace()];
    assert!(held.service_accounts.contains_key(&ServiceAccountName::new("default").unwrap()));
    let pods: Vec<&String> = held.pods.keys().collect();
    assert_eq!(pods, ["db-0", "db-1"]);
}

#[tokio::test]
async fn ids_are_the_same_in_the_same_story_and_never_given_twice() {
    let story = || async {
        let memory = seed();
        let (_, writes) = iam(&memory).await;
        let first = writes.create_role(&new_role("r", trust("a"))).await.unwrap();
        writes.delete_role(&role_name("r")).await.unwrap();
        let second = writes.create_role(&new_role("R", trust("a"))).await.unwrap();
        (first, second, memory.world())
    };
    let (first, second, world) = story().await;
    assert_ne!(first, second);
    assert_eq!(story().await, (first, second.clone(), world.clone()));
    let reloaded = Memory::new(World::from_json(&world.to_json()).unwrap());
    let (_, writes) = iam(&reloaded).await;
    writes.delete_role(&role_name("r")).await.unwrap();
    assert_ne!(writes.create_role(&new_role("r", trust("a"))).await.unwrap(), second);
}

#[tokio::test]
async fn targets_choose_account_and_region() {
    let memory = Memory::new(
        World::seed()
            .account("111122223333", Account::new().role("there", AccountRole::new(trust("a"))))
            .cluster("arn:aws:eks:eu-west-1:204393242335:cluster/far", WorldCluster::default()),
    );
    let backend = memory.backend();
    let other = AwsTarget { account: Some(AccountId::new("111122223333").unwrap()), region: None };
    let there = backend.reads.iam(&other).await.unwrap();
    assert!(there.role(&role_name("there")).await.unwrap().is_some());
    let sts = backend.reads.sts(&other).await.unwrap();
    assert_eq!(sts.caller().await.unwrap().account(), other.account);
    assert!(iam(&memory).await.0.role(&role_name("there")).await.unwrap().is_none());
    let unknown = AwsTarget { account: Some(AccountId::new("999999999999").unwrap()), region: None };
    assert_eq!(backend.reads.iam(&unknown).await.err().unwrap().kind(), ErrorKind::Credentials);
    let here = AwsTarget { account: Some(AccountId::new(ACCOUNT).unwrap()), region: None };
    assert_eq!(backend.reads.eks(&here).await.err().unwrap().kind(), ErrorKind::ConfigInvalid, "two regions");
    let far = AwsTarget { region: Some("eu-west-1".parse().unwrap()), ..here };
    let eks = backend.reads.eks(&far).await.unwrap();
    assert!(eks.cluster(&"far".parse().unwrap()).await.unwrap().is_some());
    assert!(eks.cluster(&"devops_aurora".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn files_are_inside_the_root_and_written_only_over_what_was_read() {
    let memory = Memory::new(World::new().file("a/kustomization.yaml", "one"));
    let backend = memory.backend();
    let (reads, writes) = (backend.reads.files(), backend.writes.files());
    assert_eq!(reads.read("a/./x/../kustomization.yaml").await.unwrap().as_deref(), Some("one"));
    assert_eq!(reads.read("b").await.unwrap(), None);
    for outside in ["../b", "/etc/passwd", "a/../../b", ""] {
        assert_eq!(reads.read(outside).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{outside:?}");
    }
    writes.write("a/kustomization.yaml", "one", "two").await.unwrap();
    let stale = writes.write("a/kustomization.yaml", "one", "three").await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::PlanStale);
    assert_eq!(memory.world().files["a/kustomization.yaml"], "two");
}
