//! Any life of two grants that share a role: applied, changed, disturbed at any call, revoked, in any order. Whenever nothing is left
//! undone, each grant that was applied is in force and has nothing to plan; when both are revoked, the world is as it was before. And wherever a run
//! stops, nobody has what neither the former nor the new grant gives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeSet;
use std::future::IntoFuture;

use podrole::grant::{DataSyncGrant, PolicyGrant, PolicySource};
use podrole::memory::{AccountRole, CallFilter, Memory, World, WorldServiceAccount, WorldWorkload};
use podrole::model::{Arn, Issuer, WorkloadKind};
use podrole::policy::S3Access;
use podrole::{Client, ErrorKind, Grant};
use proptest::prelude::*;
use proptest::sample::subsequence;
use support::{
    ACCOUNT, ISSUER, NAMESPACE, ROLE, S3_READ, SERVICE_ACCOUNT, account, account_mut, allow, assert_same, crowded,
    foreign_trust, namespace_mut, put_role, put_service_account, put_workload, role, role_mut,
};

/// One thing that happens to one of the two grants.
#[derive(Debug, Clone)]
struct Happening {
    /// Which grant.
    first: bool,
    /// What it asks for from now on; `None` revokes it.
    grant: Option<Wish>,
    /// The call at which the program dies, before or after its effect.
    death: Option<(u32, bool)>,
}

/// What a grant asks for, besides service account and role.
#[derive(Debug, Clone)]
struct Wish {
    policies: Vec<usize>,
    syncs: Vec<usize>,
    workloads: Vec<usize>,
    further: Vec<usize>,
    audience: bool,
    labels: bool,
    /// Trust conditions, and conditions of a data sync, that the other grant may not have.
    conditions: bool,
    boundary: Option<bool>,
    /// Which of several documents policies of the grant's own have.
    document: usize,
}

fn wishes() -> impl Strategy<Value = Wish> {
    (
        subsequence((0..6).collect::<Vec<_>>(), 0..5),
        subsequence(vec![0, 1, 2], 0..3),
        subsequence(vec![0, 1, 2], 0..3),
        subsequence(vec![0, 1, 2, 3], 0..3),
        (any::<[bool; 2]>(), proptest::bool::weighted(0.2), proptest::option::weighted(0.3, any::<bool>())),
        0..3_usize,
    )
        .prop_map(|(policies, syncs, workloads, further, ([audience, labels], conditions, boundary), document)| {
            Wish { policies, syncs, workloads, further, audience, labels, conditions, boundary, document }
        })
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let death = proptest::option::weighted(0.4, (1_u32..40, any::<bool>()));
    let one = (any::<bool>(), proptest::option::weighted(0.8, wishes()), death);
    proptest::collection::vec(one.prop_map(|(first, grant, death)| Happening { first, grant, death }), 1..7)
}

impl Wish {
    /// The two grants have things of their own that differ, and share the rest.
    fn grant(&self, first: bool, anchored: bool, file: bool) -> Grant {
        let (name, own) = if first { (SERVICE_ACCOUNT, "one") } else { ("second", "two") };
        let actions = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"];
        let document = allow(actions[self.document]);
        let mut grant = Grant::new("devops_aurora", format!("{NAMESPACE}/{name}"), ROLE);
        for policy in self.policies.iter().filter(|policy| anchored || ![3, 4].contains(*policy)) {
            grant = match policy {
                0 => grant.policy("AmazonS3FullAccess"),
                1 => grant.policy("AmazonS3ReadOnlyAccess"),
                2 => grant.customer_policy("their-policy"),
                3 => grant.policy_document("shared", document.clone()),
                4 => grant.policy_document(format!("made-{own}"), document.clone()),
                _ => grant.policy_grant(PolicyGrant {
                    name: Some(format!("inline-{own}")),
                    document: Some(document.clone()),
                    inline: true,
                    ..PolicyGrant::of(PolicySource::Document)
                }),
            };
        }
        if self.document == 2 && first {
            grant = grant.s3("buckets", ["connections-data"], S3Access::Read);
        }
        for sync in &self.syncs {
            let role = ["their-data-role", "second-data-role", "their-role"][*sync];
            // Conditions are the role's, not the grant's: who wants others is refused.
            let conditions = *sync == 1 && !self.conditions;
            grant = grant.data_sync_grant(DataSyncGrant {
                role: role.to_owned(),
                source_account: conditions.then(|| ACCOUNT.to_owned()),
                external_id: conditions.then(|| "external-1".to_owned()),
            });
        }
        for workload in &self.workloads {
            let name = format!("app-{own}-{workload}");
            grant = match workload {
                0 => grant.deployment(name),
                1 => grant.stateful_set(name),
                _ => grant.daemon_set(name),
            };
        }
        grant.trust.service_accounts = self
            .further
            .iter()
            .map(|further| {
                let other = format!("{NAMESPACE}/{}", if first { "second" } else { SERVICE_ACCOUNT });
                [format!("further/{own}"), format!("team-*/{own}"), "further/both".to_owned(), other][*further].clone()
            })
            .collect();
        if self.conditions {
            let keys = grant.trust.conditions.entry("StringNotEquals".to_owned()).or_default();
            keys.insert("aws:SourceVpc".to_owned(), vec!["vpc-1".to_owned()]);
        }
        grant.role.permissions_boundary = self
            .boundary
            .map(|read| if read { S3_READ.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:policy/their-policy") });
        if self.audience {
            format!("{own}.example.com").clone_into(&mut grant.trust.audience);
        }
        if self.labels {
            grant.service_account.labels.insert("team".to_owned(), own.to_owned());
        }
        // A file that a grant no longer names is not looked for: nothing on the cluster says where a checkout is.
        if file {
            grant = grant.kustomization(format!("{own}/kustomization.yaml"), "app");
        }
        grant
    }
}

fn world(provider: bool, existing: bool, former: bool) -> World {
    let mut world = crowded();
    account_mut(&mut world).quotas.trust_policy_size = 4096;
    if !provider {
        account_mut(&mut world).oidc_providers.remove(&Issuer::new(ISSUER).unwrap());
    }
    put_role(&mut world, "second-data-role", AccountRole::new(foreign_trust()));
    if existing {
        let account = WorldServiceAccount::new().label("app", "theirs", "helm").annotation("note", "theirs", "helm");
        put_service_account(&mut world, SERVICE_ACCOUNT, account);
    }
    let owners = support::deployment(&world, "connections-app").owners.clone();
    for own in ["one", "two"] {
        for (index, kind) in
            [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet].into_iter().enumerate()
        {
            let workload = WorldWorkload {
                service_account: (former && index == 1).then(|| "theirs".to_owned()),
                owners: owners.clone(),
                ..WorldWorkload::new(1)
            };
            put_workload(&mut world, kind, &format!("app-{own}-{index}"), workload);
        }
        world.files.insert(format!("{own}/kustomization.yaml"), "resources:\n- ../base\n".to_owned());
    }
    world.filled()
}

/// How a happening came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// The other grant needs what this one would change; nothing was changed.
    Refused,
    Died,
}

fn end(result: podrole::Result<podrole::Receipt>, revoke: bool) -> End {
    match result {
        Ok(_) => End::Done,
        Err(error) if error.kind() == ErrorKind::Conflict && !revoke && error.get_receipt().is_none() => End::Refused,
        Err(error) => panic!("{error:#}"),
    }
}

/// Carries a happening out.
async fn happen(memory: &Memory, grant: &Grant, revoke: bool, death: Option<(u32, bool)>) -> End {
    let client = Client::in_memory(memory);
    let run = if revoke { client.revoke(grant) } else { client.apply(grant) };
    let Some((nth, after)) = death else { return end(run.await, revoke) };
    let stop = if after {
        memory.stop_after_call(nth, CallFilter::All)
    } else {
        memory.stop_before_call(nth, CallFilter::All)
    };
    tokio::select! {
        biased;
        () = stop.reached() => End::Died,
        result = run.into_future() => end(result, revoke),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A third grant that keeps the role: a policy of a grant whose role is not there yet is made beside the role, so that a crash between the two,
/// and another grant after it, would leave the policy to those who revoke the first one.
fn anchor() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/anchor"), ROLE)
}

fn live(world: World, anchored: bool, file: bool, happenings: &[Happening]) {
    let mut memory = Memory::new(world);
    if anchored {
        block_on(happen(&memory, &anchor(), false, None));
    }
    let before = memory.world();
    // What each grant asks for at last, and whether that was brought about.
    let mut wanted: [Option<(Grant, bool)>; 2] = [None, None];
    for Happening { first, grant, death } in happenings {
        let slot = usize::from(!*first);
        let (now, revoke) = match (grant, &wanted[slot]) {
            (Some(wish), _) => (wish.grant(*first, anchored, file), false),
            (None, Some((last, _))) => (last.clone(), true),
            (None, None) => continue,
        };
        // The death of the program takes its tasks with it: each happening has a runtime of its own.
        let end = block_on(happen(&memory, &now, revoke, *death));
        memory = Memory::new(memory.world());
        match end {
            End::Refused => {}
            End::Done if revoke => wanted[slot] = None,
            End::Done | End::Died => wanted[slot] = Some((now, end == End::Done)),
        }
        block_on(in_force(&memory, &wanted));
    }
    block_on(async {
        for (grant, _) in wanted.iter().flatten() {
            happen(&memory, grant, true, None).await;
        }
    });
    let mut found = memory.world().comparable();
    let mut before = before.comparable();
    for world in [&mut found, &mut before] {
        account_mut(world).oidc_providers.remove(&Issuer::new(ISSUER).unwrap());
        // Pods that nobody names keep what they were given.
        namespace_mut(world).pods.clear();
    }
    assert_same(&before, &found, "both are revoked");
}

async fn in_force(memory: &Memory, wanted: &[Option<(Grant, bool)>; 2]) {
    // While one of them is half done, what they share may be too.
    if wanted.iter().flatten().any(|(_, done)| !done) {
        return;
    }
    let client = Client::in_memory(memory);
    for (grant, _) in wanted.iter().flatten() {
        let plan = client.plan(grant).await.unwrap();
        assert!(plan.is_empty(), "{plan}");
        client.verify(grant).await.unwrap().into_result().unwrap_or_else(|error| panic!("{error:#}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_two_grants(
        provider in any::<bool>(),
        existing in any::<bool>(),
        former in any::<bool>(),
        anchored in any::<bool>(),
        file in any::<bool>(),
        happenings in happenings(),
    ) {
        live(world(provider, existing, former), anchored, file, &happenings);
    }
}

/// Who has what by the shared role: each service account of its trust policy with each policy (and its document) and each role that it may assume.
fn access(world: &World) -> BTreeSet<(String, String)> {
    let Some(held) = role(world, ROLE) else { return BTreeSet::new() };
    let lines = held.trust.statements().into_iter().flat_map(|statement| statement.conditions);
    let subjects: BTreeSet<String> =
        lines.filter(|line| line.key.ends_with(":sub")).flat_map(|line| line.values).collect();
    let document = |arn: &Arn| {
        let made = account(world).policies.iter().find(|(name, _)| name.as_str() == arn.name());
        made.map(|(_, policy)| policy.versions[&policy.default_version].to_json()).unwrap_or_default()
    };
    let attached = held.attached_policies.iter().map(|arn| format!("{arn} {}", document(arn)));
    let inline = held.inline_policies.iter().map(|(name, document)| format!("inline {name} {}", document.to_json()));
    let others = account(world).roles.iter().filter(|(_, other)| other.trust.to_json().contains(ROLE));
    let things: Vec<String> = attached.chain(inline).chain(others.map(|(name, _)| format!("role {name}"))).collect();
    subjects.iter().flat_map(|subject| things.iter().map(|thing| (subject.clone(), thing.clone()))).collect()
}

/// Stops one happening after another at each call: whoever has something then had it before, or has it afterwards.
fn nothing_in_between(unmanaged: bool, happenings: Vec<Happening>) {
    let mut memory = Memory::new(world(true, false, false));
    let mut wanted: [Option<Grant>; 2] = [None, None];
    for Happening { first, grant, .. } in happenings {
        let slot = usize::from(!first);
        let (now, revoke) = match (&grant, &wanted[slot]) {
            (Some(wish), _) => (wish.grant(first, true, false), false),
            (None, Some(last)) => (last.clone(), true),
            (None, None) => continue,
        };
        let whole = Memory::new(memory.world());
        if block_on(happen(&whole, &now, revoke, None)) == End::Refused {
            continue;
        }
        let legal: BTreeSet<_> = access(&memory.world()).union(&access(&whole.world())).cloned().collect();
        for nth in 1.. {
            let stopped = Memory::new(memory.world());
            if block_on(happen(&stopped, &now, revoke, Some((nth, true)))) != End::Died {
                break;
            }
            let found = access(&stopped.world());
            let between: Vec<_> = found.difference(&legal).collect();
            assert!(between.is_empty(), "stopped after call {nth} of {now:?}, revoke {revoke}: {between:?}");
        }
        memory = whole;
        if unmanaged && role(&memory.world(), ROLE).is_some() {
            // Then the role stays for its last grant, and somebody in its trust policy.
            memory.edit(|world| role_mut(world, ROLE).attached_policies.insert(Arn::new(S3_READ).unwrap()));
        }
        wanted[slot] = if revoke { None } else { Some(now) };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_is_stopped_gives_nobody_what_neither_the_former_nor_the_new_grant_gives(
        unmanaged in any::<bool>(),
        happenings in happenings(),
    ) {
        nothing_in_between(unmanaged, happenings);
    }
}
