//! The budgets of the design for sequential round trips, held by simulated time: each call takes one latency, so that what is done together
//! costs one of them, and what waits for one another costs the sum. The count that receipts give must come to the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::time::Duration;

use podrole::memory::{AccountRole, Memory, World, WorldWorkload};
use podrole::ports::CallLog;
use podrole::{Client, Grant, Plan, Receipt};
use support::{ROLE, account_mut, allow, bare_grant, crowded, foreign_trust, put_role, role, scenarios, seed_grant};
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(100);

fn slow(world: World) -> Memory {
    let memory = Memory::new(world);
    memory.set_latency(LATENCY);
    memory
}

/// How many latencies a piece of work took.
async fn timed<T>(work: impl IntoFuture<Output = T>) -> (T, u32) {
    let begun = Instant::now();
    let result = work.await;
    let took = begun.elapsed();
    let trips = took.as_millis() / LATENCY.as_millis();
    assert_eq!(took.as_millis(), trips * LATENCY.as_millis(), "{took:?} is no number of latencies");
    (result, u32::try_from(trips).unwrap())
}

/// Plans, and says how deep it was by time; the log must agree.
async fn plan(client: &Client, grant: &Grant) -> (Plan, u32) {
    let log = CallLog::new();
    let (plan, trips) = timed(log.scope(client.plan(grant))).await;
    assert_eq!(log.depth(), trips, "the log counts otherwise than time: {:?}", log.calls());
    (plan.unwrap(), trips)
}

/// Applies a plan that was made earlier; the receipt's depth must agree with time.
async fn apply(client: &Client, plan: Plan) -> (Receipt, u32) {
    let (receipt, trips) = timed(client.apply(plan).into_future()).await;
    let receipt = receipt.unwrap();
    assert_eq!(receipt.depth, trips, "the receipt counts otherwise than time: {receipt}");
    assert_eq!(receipt.duration_ms, u64::from(trips) * 100, "{receipt}");
    (receipt, trips)
}

/// Plans and applies in one go: the depth of the apply alone.
async fn apply_at_once(memory: &Memory, grant: &Grant) -> u32 {
    let (_, planning) = plan(&Client::in_memory(memory), grant).await;
    let (receipt, trips) = timed(Client::in_memory(memory).apply(grant).into_future()).await;
    let receipt = receipt.unwrap();
    assert_eq!(receipt.depth, trips - planning, "the receipt counts otherwise than time: {receipt}");
    trips - planning
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_two_round_trips() {
    let memory = slow(crowded());
    let (_, trips) = plan(&Client::in_memory(&memory), &seed_grant()).await;
    assert_eq!(trips, 2);
    // Independent reads go together: ten calls in the time of two.
    assert!(memory.calls().len() >= 10, "{:?}", memory.calls());
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_three_with_a_customer_managed_policy_by_document() {
    let grant = seed_grant().policy_document("connections-s3", allow("s3:GetObject"));
    let memory = slow(crowded());
    assert_eq!(plan(&Client::in_memory(&memory), &grant).await.1, 2, "as long as there is no such policy");
    Client::in_memory(&memory).apply(&grant).await.unwrap();
    assert_eq!(plan(&Client::in_memory(&memory), &grant).await.1, 3);
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_no_more_than_three_whatever_the_grant_meets() {
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        memory.set_latency(LATENCY);
        let (_, trips) = plan(&Client::in_memory(&memory), &scenario.grant).await;
        assert!(trips <= 3, "{}: {trips}", scenario.name);
        let (undo, trips) = timed(Client::in_memory(&memory).plan_revoke(&scenario.grant)).await;
        assert!(undo.is_ok() && trips <= 3, "{}: {trips}", scenario.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_apply_takes_three_role_then_policies_and_service_account_then_deployment() {
    assert_eq!(apply_at_once(&slow(crowded()), &seed_grant()).await, 3);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_rollouts_takes_calls_and_makes_the_work_no_deeper() {
    let memory = slow(crowded());
    let (made, _) = plan(&Client::in_memory(&memory), &seed_grant()).await;
    let (without, _) = apply(&Client::in_memory(&memory), made.clone()).await;
    let waited = Client::in_memory(&slow(crowded())).apply(made).wait(Duration::from_mins(1)).await.unwrap();
    assert_eq!(waited.depth, without.depth);
    assert!(waited.calls > without.calls, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_new_provider_costs_one_more() {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    assert_eq!(apply_at_once(&slow(world), &seed_grant()).await, 4);
}

#[tokio::test(start_paused = true)]
async fn more_policies_and_workloads_cost_nothing_more() {
    let mut world = crowded();
    for name in ["second", "third"] {
        support::put_workload(&mut world, podrole::model::WorkloadKind::Deployment, name, WorldWorkload::default());
    }
    let grant = seed_grant()
        .policy("AmazonSQSReadOnlyAccess")
        .inline_policy("first", allow("s3:GetObject"))
        .inline_policy("second", allow("s3:PutObject"))
        .deployment("second")
        .deployment("third");
    assert_eq!(apply_at_once(&slow(world.filled()), &grant).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_trust_merge_adds_its_read_and_its_read_back() {
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = slow(world);
    // Read, write, read back; then the attachment beside the service account; then the deployment.
    assert_eq!(apply_at_once(&memory, &seed_grant()).await, 5);
    assert_eq!(role(&memory.world(), ROLE).unwrap().trust.statements().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_made_earlier_costs_one_more_to_see_that_the_world_has_not_moved() {
    let client = Client::in_memory(&slow(crowded()));
    let (made, _) = plan(&client, &seed_grant()).await;
    let made = Plan::from_json(&made.to_json()).unwrap();
    assert_eq!(apply(&client, made).await.1, 4);
}

#[tokio::test(start_paused = true)]
async fn a_plan_from_elsewhere_costs_two_more_for_eks_tells_first_where_the_cluster_is() {
    let memory = slow(crowded());
    let (made, _) = plan(&Client::in_memory(&memory), &seed_grant()).await;
    assert_eq!(apply(&Client::in_memory(&memory), made).await.1, 5);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_looks_in_one_round_trip_also_at_documents() {
    let grant = |action| bare_grant().policy_document("connections-s3", allow(action));
    let memory = slow(crowded());
    Client::in_memory(&memory).apply(&grant("s3:GetObject")).await.unwrap();
    let client = Client::in_memory(&memory);
    let (made, trips) = plan(&client, &grant("s3:PutObject")).await;
    assert_eq!(trips, 3);
    // One look; then the step's own reads of policy and document before it writes.
    let (receipt, trips) = apply(&client, made).await;
    assert_eq!((trips, receipt.steps.len()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_costs_the_look_alone() {
    let memory = slow(crowded());
    Client::in_memory(&memory).apply(&seed_grant()).await.unwrap();
    let client = Client::in_memory(&memory);
    let (again, trips) = plan(&client, &seed_grant()).await;
    assert!(again.is_empty());
    assert_eq!(trips, 2);
    assert_eq!(apply(&client, again).await.1, 1);
    assert_eq!(timed(Client::in_memory(&memory).verify(&seed_grant())).await.1, 2);
}

#[tokio::test(start_paused = true)]
async fn every_scenario_takes_as_long_as_its_receipt_says() {
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        memory.set_latency(LATENCY);
        let client = Client::in_memory(&memory);
        let (made, _) = plan(&client, &scenario.grant).await;
        let (receipt, trips) = apply(&client, made).await;
        // The longest way through steps that wait for one another, and the look: nothing waits without need.
        assert_eq!(trips, 1 + critical_path(&receipt), "{}: {receipt}", scenario.name);
    }
}

/// The longest chain of steps that wait for one another, each as many calls deep as it was.
fn critical_path(receipt: &Receipt) -> u32 {
    let mut done: Vec<u32> = Vec::new();
    for (step, outcome) in receipt.plan.steps.iter().zip(&receipt.steps) {
        let waited = step.depends_on.iter().map(|id| done[*id as usize - 1]).max().unwrap_or(0);
        let mut depths: Vec<u32> = outcome.calls.iter().map(|call| call.depth).collect();
        depths.sort_unstable();
        depths.dedup();
        done.push(waited + u32::try_from(depths.len()).unwrap());
    }
    done.into_iter().max().unwrap_or(0)
}
