//! A crash costs nothing: whatever a run is stopped at, another one ends as if nothing had been (guarantee 5 of the design).
//!
//! For every [scenario](support::scenarios), apply and revoke are disturbed at each call and each event in every [`Way`]. Then the grant is
//! applied again, which must reach the world of an undisturbed apply, and revoked, which must reach the world before; and, beside that, revoked at once.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on may panic; the count is its result"
)]

mod support;

use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use podrole::memory::{CallFilter, Fault, FaultEffect, Memory, World};
use podrole::plan::Level;
use podrole::{Client, ErrorKind, Leftovers, Outcome, Plan, Receipt, Result};
use support::{Scenario, assert_same, scenarios};

/// How many crash points there are: a call more or less in any scenario changes it, and then somebody should know why.
const POINTS: usize = 9_328;

/// How a run is disturbed at its n-th call or event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Dies before the call has its effect.
    Before,
    /// Dies after the effect and before the answer.
    After,
    /// The effect happens, the answer is lost, and the run goes on to its own end.
    LostAnswer,
    /// The service fails without an effect.
    Refused,
    /// Cancelled after an event.
    Cancelled,
    /// Cancelled twice after an event: the run ends at once, and what is under way dies with the program.
    Abandoned,
}

const WAYS: [Way; 6] = [Way::Before, Way::After, Way::LostAnswer, Way::Refused, Way::Cancelled, Way::Abandoned];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Apply,
    Revoke,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// What an undisturbed life of the scenario comes to.
struct Undisturbed {
    prepared: World,
    /// The world after the apply.
    applied: World,
    receipt: Receipt,
    /// What a revoke must come back to.
    before: World,
}

async fn apply(memory: &Memory, scenario: &Scenario) -> Result<Receipt> {
    Client::in_memory(memory).apply(&scenario.grant).await
}

async fn revoke(memory: &Memory, scenario: &Scenario, receipt: Option<Receipt>) -> Result<Receipt> {
    let mut revoke = Client::in_memory(memory).revoke(&scenario.grant);
    if let Some(receipt) = receipt {
        revoke = revoke.with_receipt(receipt);
    }
    if scenario.remove_provider {
        revoke = revoke.remove_provider();
    }
    revoke.await
}

fn undisturbed(scenario: &Scenario) -> Undisturbed {
    block_on(async {
        let name = scenario.name;
        let memory = scenario.prepare().await;
        let prepared = memory.world();
        let receipt = apply(&memory, scenario).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(receipt.is_complete() && !receipt.steps.is_empty(), "{name}: {receipt}");
        let applied = memory.world();
        let again = Client::in_memory(&memory).plan(&scenario.grant).await.unwrap();
        assert!(again.is_empty(), "{name}: planned again after the apply:\n{again}");
        let report = Client::in_memory(&memory).verify(&scenario.grant).await.unwrap();
        report.into_result().unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let before = scenario.before(&prepared);
        revoke(&memory, scenario, Some(receipt.clone())).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_same(&before, &scenario.without_what_stays(&memory.world()), &format!("{name}: revoked"));
        let again = Client::in_memory(&memory).plan_revoke(&scenario.grant).await.unwrap();
        assert!(again.is_empty(), "{name}: planned again after the revoke:\n{again}");
        Undisturbed { prepared, applied, receipt, before }
    })
}

/// What a disturbed run left of itself.
enum Left {
    /// There is no n-th call or event: the run was not disturbed.
    NotReached,
    Died,
    /// It lived to write its receipt, unless it failed before its first step.
    Ended(Option<Box<Receipt>>),
}

/// Runs into the n-th call or event.
fn disturb(memory: &Memory, scenario: &Scenario, known: &Undisturbed, verb: Verb, way: Way, nth: u32) -> Left {
    let client = Client::in_memory(memory);
    let mut run = match verb {
        Verb::Apply => client.apply(&scenario.grant),
        Verb::Revoke => client.revoke(&scenario.grant).with_receipt(known.receipt.clone()),
    };
    if verb == Verb::Revoke && scenario.remove_provider {
        run = run.remove_provider();
    }
    let about = format!("{}: {verb:?}, {way:?} {nth}", scenario.name);
    match way {
        Way::Before | Way::After => block_on(async {
            let stop = match way {
                Way::Before => memory.stop_before_call(nth, CallFilter::All),
                _ => memory.stop_after_call(nth, CallFilter::All),
            };
            tokio::select! {
                biased;
                () = stop.reached() => Left::Died,
                result = run.into_future() => {
                    result.unwrap_or_else(|error| panic!("{about}: {error:#}"));
                    Left::NotReached
                }
            }
        }),
        Way::LostAnswer | Way::Refused => block_on(async {
            let effect = if way == Way::LostAnswer { FaultEffect::LostAnswer } else { FaultEffect::ServerError };
            memory.script(Fault::new("*", effect).nth(nth));
            let world = memory.world();
            let result = run.await;
            let calls = memory.calls();
            let Some(hit) = calls.get(nth as usize - 1) else { return Left::NotReached };
            let Err(error) = result else { panic!("{about}: nothing went wrong at {}", hit.operation) };
            assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable), "{about}: {error:#}");
            assert_eq!(error.get_operation(), Some(hit.operation.as_str()), "{about}");
            if *error.get_leftovers() == Leftovers::None {
                assert_same(
                    &world.comparable(),
                    &memory.world().comparable(),
                    &format!("{about}: nothing is left, it says"),
                );
            }
            if hit.write {
                assert!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), "{about}: {error:#}");
            }
            Left::Ended(error.get_receipt().cloned().map(Box::new))
        }),
        Way::Cancelled | Way::Abandoned => block_on(async {
            let mut run = run.start().await.unwrap();
            for _ in 0..nth {
                if run.next_event().await.is_none() {
                    return Left::NotReached;
                }
            }
            run.cancel();
            if way == Way::Abandoned {
                run.cancel();
            }
            let result = run.finish().await;
            if let Err(error) = &result {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{about}: {error:#}");
            }
            Left::Ended(support::receipt_of(&result).map(Box::new))
        }),
    }
}

/// Nothing but what cannot be marked may be left, and the plan of the undo must have named it.
async fn revoke_and_compare(
    memory: &Memory,
    scenario: &Scenario,
    known: &Undisturbed,
    receipt: Option<Receipt>,
    about: &str,
) {
    let exact = receipt.is_some() || !scenario.foreign_role;
    let done = revoke(memory, scenario, receipt).await.unwrap_or_else(|error| panic!("{about}: {error:#}"));
    let found = scenario.without_what_stays(&memory.world());
    if exact {
        assert_same(&known.before, &found, &format!("{about}: revoked"));
        return;
    }
    assert_same(
        &scenario.without_unmarked(&known.before),
        &scenario.without_unmarked(&found),
        &format!("{about}: revoked without a receipt"),
    );
    let (old, new) =
        (support::role(&known.before, support::ROLE).unwrap(), support::role(&found, support::ROLE).unwrap());
    let attached = new.attached_policies.difference(&old.attached_policies).map(ToString::to_string);
    let inline =
        new.inline_policies.keys().filter(|name| !old.inline_policies.contains_key(*name)).map(ToString::to_string);
    for left in attached.chain(inline) {
        assert!(warns_of(&done.plan, &left), "{about}: {left} is left, and the plan does not say so:\n{}", done.plan);
    }
}

fn warns_of(plan: &Plan, thing: &str) -> bool {
    plan.notices.iter().any(|notice| notice.level == Level::Warning && notice.message.contains(thing))
}

async fn apply_and_compare(memory: &Memory, scenario: &Scenario, known: &Undisturbed, history: bool, about: &str) {
    apply(memory, scenario).await.unwrap_or_else(|error| panic!("{about}: {error:#}"));
    let same = |world: &World| if history { world.comparable() } else { Scenario::without_history(world) };
    assert_same(&same(&known.applied), &same(&memory.world()), &format!("{about}: applied again"));
    let again = Client::in_memory(memory).plan(&scenario.grant).await.unwrap();
    assert!(again.is_empty(), "{about}: planned again:\n{again}");
}

/// What a crash left and a program can know of it: the simulation is deterministic, so equal ones have equal futures, and one is enough.
#[derive(PartialEq)]
struct Wreck {
    world: World,
    receipt: Option<Vec<Outcome>>,
}

fn is_new<T: PartialEq>(seen: &mut Vec<T>, one: T) -> bool {
    let new = !seen.contains(&one);
    if new {
        seen.push(one);
    }
    new
}

/// All points of one scenario.
fn try_all(scenario: &Scenario) -> usize {
    let known = undisturbed(scenario);
    let mut points = 0;
    for verb in [Verb::Apply, Verb::Revoke] {
        let (mut worlds, mut wrecks) = (Vec::new(), Vec::new());
        for way in WAYS {
            for nth in 1.. {
                let memory = Memory::new(match verb {
                    Verb::Apply => known.prepared.clone(),
                    Verb::Revoke => known.applied.clone(),
                });
                let receipt = match disturb(&memory, scenario, &known, verb, way, nth) {
                    Left::NotReached => break,
                    Left::Died => None,
                    Left::Ended(receipt) => receipt.map(|receipt| *receipt),
                };
                points += 1;
                let about = format!("{}: {verb:?}, {way:?} {nth}", scenario.name);
                let world = memory.world();
                // The one way on: apply again, then take it all back.
                if is_new(&mut worlds, world.clone()) {
                    let memory = Memory::new(world.clone());
                    block_on(async {
                        // What a stopped undo took of a policy's history does not come back.
                        apply_and_compare(&memory, scenario, &known, verb == Verb::Apply, &about).await;
                        revoke_and_compare(&memory, scenario, &known, None, &about).await;
                    });
                }
                // The other: take it back at once.
                let receipt = match verb {
                    Verb::Apply => receipt,
                    Verb::Revoke => Some(known.receipt.clone()),
                };
                let outcomes = |receipt: &Receipt| receipt.steps.iter().map(|step| step.outcome.clone()).collect();
                if is_new(&mut wrecks, Wreck { world: world.clone(), receipt: receipt.as_ref().map(outcomes) }) {
                    block_on(revoke_and_compare(&Memory::new(world), scenario, &known, receipt, &about));
                }
            }
        }
    }
    points
}

#[test]
fn a_crash_costs_nothing() {
    let only = std::env::var("PODROLE_SCENARIO").ok();
    let all = scenarios();
    let chosen: Vec<&Scenario> =
        all.iter().filter(|scenario| only.as_ref().is_none_or(|name| scenario.name.contains(name))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || chosen.get(next.fetch_add(1, Ordering::Relaxed));
        let mut done = Vec::new();
        while let Some(scenario) = take() {
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| try_all(scenario)));
            done.push((scenario.name, tried.ok()));
        }
        done
    };
    let workers = available_parallelism().map_or(1, usize::from);
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut points = 0;
    for (name, count) in &done {
        println!("{:5} crash points: {name}", count.unwrap_or(0));
        points += count.unwrap_or(0);
    }
    println!("{points:5} crash points in {} scenarios", done.len());
    let failed: Vec<_> = done.iter().filter(|(_, count)| count.is_none()).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
    if only.is_none() {
        assert_eq!(points, POINTS, "crash points");
    }
}
