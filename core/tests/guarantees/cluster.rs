//! Guarantee 6: the right cluster. The opt-out for tunnels belongs to the real connection and is tested with it, in `kubernetes/tests/access.rs`.

use podrole::grant::Scope;
use podrole::memory::{Memory, World, WorldCluster, WorldNamespace, WorldWorkload};
use podrole::model::{Arn, ClusterName};
use podrole::{Client, ErrorKind, Grant, Leftovers};

use crate::support::{CLUSTER, ISSUER, NAMESPACE, ROLE_ARN, SERVICE_ACCOUNT, assert_same, crowded, seed_grant};

const OTHER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/staging";

/// The seed's world with a second cluster that has the same namespace and deployment, to which a kubeconfig can lead.
fn mixed_up(change: impl FnOnce(&mut World)) -> Memory {
    let namespace = WorldNamespace::new().deployment("connections-app", WorldWorkload::new(1));
    let other = WorldCluster::new("https://oidc.eks.ca-central-1.amazonaws.com/id/0000000000000000000000000000BBBB")
        .namespace(NAMESPACE, namespace);
    let mut world = crowded().cluster(OTHER, other).filled();
    change(&mut world);
    Memory::new(world)
}

/// From now on the kubeconfig leads to the other cluster.
fn mislead(memory: &Memory) {
    memory.point_kubernetes_at(ClusterName::new("devops_aurora").unwrap(), Arn::new(OTHER).unwrap());
}

fn give<T>(world: &mut World, take: impl Fn(&mut WorldCluster) -> &mut T)
where
    T: Clone,
{
    let theirs = take(world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).unwrap()).clone();
    *take(world.clusters.get_mut(&Arn::new(OTHER).unwrap()).unwrap()) = theirs;
}

#[tokio::test]
async fn a_connection_to_another_cluster_gets_no_write_and_neither_does_aws() {
    type Change = fn(&mut World);
    let worlds: [(&str, Change); 3] = [
        ("endpoint", |_| {}),
        ("CA", |world| give(world, |cluster| &mut cluster.endpoint)),
        ("endpoint", |world| give(world, |cluster| &mut cluster.certificate_authority)),
    ];
    for (what, change) in worlds {
        let memory = mixed_up(change);
        let client = Client::in_memory(&memory);
        let before = memory.world();
        let plan = client.plan(&seed_grant()).await.unwrap();
        mislead(&memory);
        for error in [
            client.apply(&seed_grant()).await.unwrap_err(),
            client.apply(plan).await.unwrap_err(),
            // What they told would be of the other cluster.
            client.plan(&seed_grant()).await.unwrap_err(),
            client.verify(&seed_grant()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error:#}");
            assert!(error.message().contains(what) && error.get_remedy().is_some(), "{what}: {error:#}");
            assert_eq!(error.get_resource(), Some("cluster devops_aurora"));
            assert_eq!(*error.get_leftovers(), Leftovers::None);
        }
        assert!(memory.calls().iter().all(|call| !call.write), "{:?}", memory.calls());
        assert_same(&before, &memory.world(), what);
    }
}

#[tokio::test]
async fn an_undo_is_refused_too() {
    let straight = mixed_up(|_| {});
    Client::in_memory(&straight).apply(&seed_grant()).await.unwrap();
    // The other cluster has the same things, which are not this grant's to take back.
    let mut world = straight.world();
    give(&mut world, |cluster| &mut cluster.namespaces);
    let memory = Memory::new(world.clone());
    mislead(&memory);
    let error = Client::in_memory(&memory).revoke(&seed_grant()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error:#}");
    assert_same(&world, &memory.world(), "revoke");
}

#[tokio::test]
async fn without_an_aws_half_there_is_nothing_to_compare_and_the_plan_says_so() {
    let memory = mixed_up(|_| {});
    mislead(&memory);
    let grant =
        Grant::new("devops_aurora", format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), ROLE_ARN).scope(Scope::Kubernetes);
    let plan = Client::in_memory(&memory).plan(&grant).await.unwrap();
    let said = plan.notices.iter().any(|notice| notice.message.contains("is not checked"));
    assert!(said, "{plan}");
    assert!(!ISSUER.is_empty());
}
