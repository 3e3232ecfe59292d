//! Guarantee 9: cancelling is safe. Time is simulated: each call takes ten seconds, and what happens at once takes none.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use podrole::memory::Memory;
use podrole::{Client, ClientOptions, ErrorKind, Event, Leftovers, Outcome, Receipt, Run};
use tokio::time::Instant;

use crate::support::{crowded, role, seed_grant};

const CALL: Duration = Duration::from_secs(10);

fn slow() -> Memory {
    let memory = Memory::new(crowded());
    memory.set_latency(CALL);
    memory
}

/// Starts an apply, and goes to the middle of the first call of its n-th step.
async fn in_the_middle_of_step(memory: &Memory, nth: usize) -> (Run, Vec<Event>) {
    let mut run = Client::in_memory(memory).apply(&seed_grant()).start().await.unwrap();
    let mut events = Vec::new();
    let mut started = 0;
    while started < nth {
        let event = run.next_event().await.unwrap();
        started += usize::from(matches!(event, Event::StepStarted { .. }));
        events.push(event);
    }
    tokio::time::sleep(CALL / 4).await;
    (run, events)
}

fn outcomes(receipt: &Receipt) -> Vec<&'static str> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Done => "done",
        Outcome::AlreadyDone => "already done",
        Outcome::Failed { .. } => "failed",
        Outcome::NotStarted => "not started",
        Outcome::Unknown => "unknown",
        _ => "?",
    };
    receipt.steps.iter().map(|step| word(&step.outcome)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_acknowledged_at_once_the_step_in_flight_finishes_and_no_other_starts() {
    let memory = slow();
    let (mut run, _) = in_the_middle_of_step(&memory, 1).await;
    let asked = Instant::now();
    run.cancel();
    assert_eq!(run.next_event().await, Some(Event::Cancelling));
    assert!(asked.elapsed() < Duration::from_millis(200), "acknowledged after {:?}", asked.elapsed());
    let mut rest = Vec::new();
    while let Some(event) = run.next_event().await {
        rest.push(event);
    }
    assert!(matches!(
        rest[..],
        [Event::StepFinished { step: 1, .. }, Event::Finished { complete: false, done: 1, .. }]
    ));
    let error = run.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let receipt = error.get_receipt().unwrap();
    assert_eq!(outcomes(receipt), ["done", "not started", "not started", "not started"]);
    assert_eq!(
        *error.get_leftovers(),
        Leftovers::Remaining { resources: vec!["create role connections-role-test".to_owned()] }
    );
    assert!(role(&memory.world(), crate::support::ROLE).is_some());
    // And the next apply goes on from there.
    memory.set_latency(Duration::ZERO);
    Client::in_memory(&memory).apply(&seed_grant()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_cancel_returns_at_once_with_what_is_left_as_unknown() {
    let memory = slow();
    let (run, _) = in_the_middle_of_step(&memory, 1).await;
    let asked = Instant::now();
    run.cancel();
    tokio::time::sleep(Duration::from_millis(10)).await;
    run.cancel();
    let error = run.finish().await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(200), "returned after {:?}", asked.elapsed());
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(
        *error.get_leftovers(),
        Leftovers::Unknown { resources: vec!["create role connections-role-test".to_owned()], remaining: Vec::new() }
    );
    let receipt = error.get_receipt().unwrap();
    assert_eq!(outcomes(receipt), ["unknown", "not started", "not started", "not started"]);
    // The call itself was not torn in two.
    tokio::time::sleep(CALL).await;
    assert!(role(&memory.world(), crate::support::ROLE).is_some());
    assert_eq!(memory.calls().iter().filter(|call| call.write).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn steps_that_go_on_together_all_finish() {
    let memory = slow();
    // The role is there, attachment and service account are under way.
    let (run, _) = in_the_middle_of_step(&memory, 3).await;
    run.cancel();
    let error = run.finish().await.unwrap_err();
    let receipt = error.get_receipt().unwrap();
    assert_eq!(outcomes(receipt), ["done", "done", "done", "not started"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_during_the_look_before_an_old_plan_leaves_nothing() {
    let memory = slow();
    let client = Client::in_memory(&memory);
    let plan = client.plan(&seed_grant()).await.unwrap();
    memory.clear_calls();
    let run = client.apply(plan).start().await.unwrap();
    tokio::time::sleep(CALL / 4).await;
    let asked = Instant::now();
    run.cancel();
    let error = run.finish().await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(200), "returned after {:?}", asked.elapsed());
    assert_eq!((error.kind(), error.get_leftovers()), (ErrorKind::Cancelled, &Leftovers::None));
    assert!(memory.calls().iter().all(|call| !call.write));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_during_the_wait_for_a_rollout_ends_the_wait_and_says_so() {
    let mut world = crowded();
    world.clusters.values_mut().for_each(|cluster| cluster.auto_rollout = false);
    let memory = Memory::new(world);
    let mut run = Client::in_memory(&memory).apply(&seed_grant()).wait(Duration::from_mins(10)).start().await.unwrap();
    while !matches!(run.next_event().await.unwrap(), Event::Waiting { step: 0, .. }) {}
    let asked = Instant::now();
    run.cancel();
    let error = run.finish().await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(200), "returned after {:?}", asked.elapsed());
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
    assert!(error.get_receipt().unwrap().is_complete());
    assert!(matches!(error.get_leftovers(), Leftovers::Remaining { resources } if resources.len() == 4), "{error:#}");
}

#[tokio::test(start_paused = true)]
async fn a_canceller_cancels_from_elsewhere() {
    let (run, _) = in_the_middle_of_step(&slow(), 1).await;
    let canceller = run.canceller();
    tokio::spawn(async move { canceller.cancel() });
    let error = run.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_after_the_end_changes_nothing() {
    let memory = Memory::new(crowded());
    let mut run = Client::in_memory(&memory).apply(&seed_grant()).start().await.unwrap();
    while run.next_event().await.is_some() {}
    run.cancel();
    assert!(run.finish().await.unwrap().is_complete());
}

/// A client whose events are kept.
fn watched(memory: &Memory) -> (Client, Arc<Mutex<Vec<Event>>>) {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let kept = Arc::clone(&events);
    let sink = Arc::new(move |event: &Event| kept.lock().unwrap().push(event.clone()));
    let options = ClientOptions { sink: Some(sink), ..ClientOptions::default() };
    (Client::with_options(memory.backend(), options).unwrap(), events)
}

/// The step in flight finished, and no other started.
fn assert_gentle_end(memory: &Memory, events: &Mutex<Vec<Event>>) {
    let events = events.lock().unwrap();
    let kinds: Vec<String> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["started", "step_started", "cancelling", "step_finished", "finished"]);
    assert!(matches!(events.last(), Some(Event::Finished { complete: false, done: 1, .. })), "{events:?}");
    assert_eq!(memory.calls().iter().filter(|call| call.write).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_ends_gently_and_reports_to_the_sink() {
    let memory = slow();
    let (client, events) = watched(&memory);
    let mut run = client.apply(&seed_grant()).start().await.unwrap();
    while !matches!(run.next_event().await.unwrap(), Event::StepStarted { .. }) {}
    tokio::time::sleep(CALL / 4).await;
    drop(run);
    tokio::time::sleep(CALL * 10).await;
    assert_gentle_end(&memory, &events);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_halfway_ends_gently_too() {
    let memory = slow();
    let (client, events) = watched(&memory);
    // The plan takes two round trips: the timeout strikes in the middle of the first step.
    let given_up = tokio::time::timeout(CALL * 2 + CALL / 4, client.apply(&seed_grant())).await;
    assert!(given_up.is_err());
    tokio::time::sleep(CALL * 10).await;
    assert_gentle_end(&memory, &events);
}

#[tokio::test]
async fn a_sink_that_panics_and_events_that_nobody_reads_hold_nothing_up() {
    let memory = Memory::new(crowded());
    // Without the panic hook, which would print every one of them.
    let sink = Arc::new(|_: &Event| std::panic::resume_unwind(Box::new("a bad sink")));
    let options = ClientOptions { sink: Some(sink), ..ClientOptions::default() };
    let client = Client::with_options(memory.backend(), options).unwrap();
    let run = client.apply(&seed_grant()).start().await.unwrap();
    assert!(run.finish().await.unwrap().is_complete());
}
