//! The budgets that need a clock, as ratios of one run: waiting compared with the latency that was put in, and the cost of much
//! compared with the cost of little. `make bench` prints the table, and fails when a budget is passed.
//!
//! Round trips are counted exactly by the tests (`budget.rs`); nothing here is about them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on may panic, and prints")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use podrole::grant::CheckedGrant;
use podrole::memory::{Memory, World, WorldNamespace, WorldWorkload};
use podrole::model::{Arn, Namespace, WorkloadName};
use podrole::observe::{Hints, Observed, Purpose, observe};
use podrole::plan::{Plan, PlanOptions, plan_apply};
use podrole::{Client, Grant};

/// Dwarfs what timers and a busy machine add.
const LATENCY: Duration = Duration::from_millis(100);

/// How many grants are little; each plans four steps. Fewer fit into the processor's caches, and are cheaper for that.
const FEW: usize = 250;
/// And how many are much.
const MANY: usize = 1_000;
/// So many times as many.
const TIMES: f64 = 4.0;

/// A measured ratio and the most it may be.
struct Line {
    what: &'static str,
    detail: String,
    measured: f64,
    budget: f64,
}

fn main() -> ExitCode {
    // `cargo test --benches` only asks whether it runs.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let lines = runtime.block_on(async {
        let mut lines = vec![fresh_apply(quick).await, new_provider(quick).await, no_op(quick).await];
        lines.extend(growth(quick).await);
        lines
    });
    println!("{:<48} {:>8} {:>8}", "", "measured", "budget");
    let mut over = 0;
    for line in &lines {
        let verdict = if line.measured <= line.budget { "" } else { "  OVER" };
        over += usize::from(line.measured > line.budget);
        println!("{:<48} {:>8.3} {:>8.2}{verdict}   {}", line.what, line.measured, line.budget, line.detail);
    }
    if over == 0 || quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The middle one of several measurements.
async fn median<F: Future<Output = Duration>>(times: usize, measure: impl Fn() -> F) -> Duration {
    let mut found = Vec::new();
    for _ in 0..times {
        found.push(measure().await);
    }
    found.sort();
    found[found.len() / 2]
}

/// The smallest of several measurements: what the work costs when nobody interferes.
fn least<T>(times: usize, work: impl Fn() -> T) -> Duration {
    let measure = |_| {
        let begun = Instant::now();
        std::hint::black_box(work());
        begun.elapsed()
    };
    (0..times).map(measure).min().unwrap()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn seed_grant() -> Grant {
    Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
        .description("testing sa role for pod")
        .policy("AmazonS3FullAccess")
        .deployment("connections-app")
}

fn slow(world: World) -> Client {
    let memory = Memory::new(world);
    memory.set_latency(LATENCY);
    Client::in_memory(&memory)
}

/// Applies a plan that was made earlier, and compares the time it takes with its depth.
async fn apply(what: &'static str, world: World, wanted: u32, quick: bool) -> Line {
    let took = median(if quick { 1 } else { 9 }, || async {
        let client = slow(world.clone());
        let plan = client.plan(&seed_grant()).await.unwrap();
        let begun = Instant::now();
        let receipt = client.apply(plan).await.unwrap();
        let took = begun.elapsed();
        assert_eq!(receipt.depth, wanted, "{receipt}");
        took
    })
    .await;
    let detail = format!("{took:.1?} for {wanted} round trips of {LATENCY:?}");
    Line { what, detail, measured: ratio(took, LATENCY * wanted), budget: 1.15 }
}

async fn fresh_apply(quick: bool) -> Line {
    apply("fresh apply / (critical path x latency)", World::seed(), 4, quick).await
}

async fn new_provider(quick: bool) -> Line {
    let mut world = World::seed();
    for account in world.accounts.values_mut() {
        account.oidc_providers.clear();
    }
    apply("the same with a new provider", world, 5, quick).await
}

/// Plans what is done already.
async fn no_op(quick: bool) -> Line {
    let client = slow(World::seed());
    client.apply(&seed_grant()).await.unwrap();
    let took = median(if quick { 1 } else { 9 }, || async {
        let begun = Instant::now();
        assert!(client.plan(&seed_grant()).await.unwrap().is_empty());
        begun.elapsed()
    })
    .await;
    let detail = format!("{took:.1?} for 2 round trips of {LATENCY:?}");
    Line { what: "no-op plan / (critical path x latency)", detail, measured: ratio(took, LATENCY * 2), budget: 1.15 }
}

/// So many grants, each with a role, a service account and a deployment of its own.
fn grants(count: usize) -> Vec<Grant> {
    let grant = |number: usize| {
        Grant::new("devops_aurora", format!("fleet/account-{number}"), format!("role-{number}"))
            .policy("AmazonS3FullAccess")
            .deployment(format!("app-{number}"))
    };
    (0..count).map(grant).collect()
}

/// A world with their deployments.
fn fleet(count: usize) -> World {
    let mut world = World::seed();
    let arn = Arn::new("arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora").unwrap();
    let mut namespace = WorldNamespace::new();
    for number in 0..count {
        let name = WorkloadName::new(format!("app-{number}")).unwrap();
        namespace.deployments.insert(name, WorldWorkload::new(1));
    }
    world.clusters.get_mut(&arn).unwrap().namespaces.insert(Namespace::new("fleet").unwrap(), namespace);
    world
}

/// The grants, and what exists for them.
struct Fleet {
    checked: Vec<CheckedGrant>,
    observed: Observed,
    yaml: String,
}

impl Fleet {
    async fn new(count: usize) -> Self {
        let grants = grants(count);
        let checked: Vec<CheckedGrant> = grants.iter().map(|grant| grant.check().unwrap()).collect();
        let reads = Memory::new(fleet(count)).backend().reads;
        let observed = observe(reads.as_ref(), &checked, &Hints::default(), Purpose::default()).await.unwrap();
        let document = |grant: &Grant| {
            let name = grant.role.name.trim_start_matches("role-");
            format!(
                "---\ncluster: devops_aurora\nserviceAccount: fleet/account-{name}\nrole: role-{name}   # one each\n\
                 policies: [AmazonS3FullAccess]\ndeployments: [app-{name}]\n"
            )
        };
        Self { checked, observed, yaml: grants.iter().map(document).collect() }
    }

    fn plan(&self) -> Plan {
        plan_apply(&self.checked, &self.observed, &PlanOptions::default()).unwrap()
    }
}

/// What one of many costs, compared with one of few: 1 when the cost grows with the number alone.
async fn growth(quick: bool) -> Vec<Line> {
    let (few, many) = (Fleet::new(FEW).await, Fleet::new(MANY).await);
    let (small, large) = (few.plan(), many.plan());
    assert_eq!((small.steps.len(), large.steps.len()), (4 * FEW, 4 * MANY));
    let (saved_small, saved_large) = (small.to_json(), large.to_json());
    let times = if quick { 1 } else { 9 };
    let line = |what: &'static str, small: Duration, large: Duration| Line {
        what,
        detail: format!("{small:.1?} and {large:.1?}"),
        measured: ratio(large, small) / TIMES,
        // What grows with the square of the number would be at 4.
        budget: 2.0,
    };
    vec![
        line("planning a step of 4,000 / of 1,000", least(times, || few.plan()), least(times, || many.plan())),
        line("printing it", least(times, || small.to_string()), least(times, || large.to_string())),
        line(
            "reading it from JSON",
            least(times, || Plan::from_json(&saved_small).unwrap()),
            least(times, || Plan::from_json(&saved_large).unwrap()),
        ),
        line(
            "reading a grant of 1,000 / of 250 from YAML",
            least(times, || Grant::all_from_yaml(&few.yaml).unwrap()),
            least(times, || Grant::all_from_yaml(&many.yaml).unwrap()),
        ),
    ]
}
