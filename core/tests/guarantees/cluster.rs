//! Guarantee 6: the right cluster. The opt-out for tunnels belongs to the real connection and is tested with it, in `kubernetes/tests/access.rs`.

use std::sync::{Arc, Mutex};

use podrole::grant::Scope;
use podrole::memory::{Memory, World, WorldCluster, WorldNamespace, WorldWorkload};
use podrole::model::{Arn, ClusterName};
use podrole::ports::{Backend, KubernetesTarget};
use podrole::{Client, ErrorKind, Grant, Leftovers, Plan};

use crate::support::{
    CLUSTER, ISSUER, NAMESPACE, ROLE_ARN, SERVICE_ACCOUNT, Watched, assert_same, crowded, seed_grant,
};

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

#[tokio::test]
async fn where_a_saved_plan_says_that_the_api_server_is_gets_no_call_before_eks_says_so() {
    let kubernetes =
        Grant::new("devops_aurora", format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), ROLE_ARN).scope(Scope::Kubernetes);
    for grant in [seed_grant(), kubernetes] {
        let memory = Memory::new(crowded());
        let told = Client::in_memory(&memory).plan(&seed_grant()).await.unwrap();
        let plan = Client::in_memory(&memory).plan(&grant).await.unwrap();
        let mut forged: serde_json::Value = serde_json::from_str(&plan.to_json()).unwrap();
        forged["hints"]["clusters"] = serde_json::to_value(&told.hints.clusters).unwrap();
        forged["hints"]["clusters"][0][1]["endpoint"] = "https://attacker.example".into();
        let forged = Plan::from_json(&forged.to_string()).unwrap();
        let Backend { reads, writes } = memory.backend();
        let endpoints: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let asked = Arc::clone(&endpoints);
        let watch = move |target: &KubernetesTarget| {
            asked.lock().unwrap().push(target.cluster.as_ref().and_then(|cluster| cluster.endpoint.clone()));
        };
        let reads = Arc::new(Watched { inner: reads, before_kubernetes: Box::new(watch) });
        let client = Client::with_backend(Backend { reads, writes });
        // It has been told otherwise before, too.
        for _ in 0..2 {
            let error = client.apply(forged.clone()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
            assert!(!client.plan(&seed_grant()).await.unwrap().is_empty());
        }
        let asked = endpoints.lock().unwrap().clone();
        assert!(!asked.is_empty() && !asked.contains(&Some("https://attacker.example".to_owned())), "{asked:?}");
        assert!(memory.calls().iter().all(|call| !call.write));
    }
}
