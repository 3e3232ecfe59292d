//! IAM is eventually consistent: what was just made is not known everywhere at once.

use std::time::Duration;

use podrole::memory::Memory;
use podrole::{Client, ErrorKind, Event, Leftovers, Receipt};

use crate::support::{Scenario, assert_same, scenarios, seed_grant};

const LAG: Duration = Duration::from_secs(20);

async fn undo(memory: &Memory, scenario: &Scenario, receipt: Receipt) -> podrole::Result<Receipt> {
    let revoke = Client::in_memory(memory).revoke(&scenario.grant).with_receipt(receipt);
    if scenario.remove_provider { revoke.remove_provider().await } else { revoke.await }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_grant_makes_is_waited_for() {
    for scenario in scenarios() {
        let name = scenario.name;
        let straight = scenario.prepare().await;
        Client::in_memory(&straight).apply(&scenario.grant).await.unwrap();

        let memory = scenario.prepare().await;
        let prepared = memory.world();
        memory.set_lag(LAG);
        let receipt = Client::in_memory(&memory).apply(&scenario.grant).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(receipt.is_complete(), "{name}: {receipt:?}");
        assert_same(&straight.world().comparable(), &memory.world().comparable(), name);
        tokio::time::advance(LAG).await;
        let plan = Client::in_memory(&memory).plan(&scenario.grant).await.unwrap();
        assert!(plan.is_empty(), "{name}: {plan}");
        undo(&memory, &scenario, receipt).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let left = Scenario::without_history(&scenario.without_what_stays(&memory.world()));
        assert_same(&Scenario::without_history(&scenario.before(&prepared)), &left, name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_that_does_not_read_back_in_time_is_no_work_of_somebody_else() {
    let scenario = Scenario::new("role of others", seed_grant()).foreign_role();
    let memory = scenario.prepare().await;
    let lag = Duration::from_mins(5);
    memory.set_lag(lag);
    let error = Client::in_memory(&memory).apply(&scenario.grant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:#}");
    assert!(error.message().contains("within 60 seconds"), "{error:#}");
    let Leftovers::Unknown { resources, .. } = error.get_leftovers() else { panic!("{error:#}") };
    assert!(resources.iter().any(|step| step.contains("trust")), "{resources:?}");
    memory.set_lag(Duration::ZERO);
    tokio::time::advance(lag).await;
    Client::in_memory(&memory).apply(&scenario.grant).await.unwrap();
    assert!(Client::in_memory(&memory).verify(&scenario.grant).await.unwrap().passed());
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_an_error_from_which_another_apply_goes_on() {
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == "everything").unwrap();
    let straight = scenario.prepare().await;
    Client::in_memory(&straight).apply(&scenario.grant).await.unwrap();

    let memory = scenario.prepare().await;
    let lag = Duration::from_mins(5);
    memory.set_lag(lag);
    let error = Client::in_memory(&memory).apply(&scenario.grant).await.unwrap_err();
    assert_eq!(error.get_code(), Some("MalformedPolicyDocument"), "{error:#}");
    assert!(matches!(error.get_leftovers(), Leftovers::Remaining { .. }), "{error:#}");
    memory.set_lag(Duration::ZERO);
    tokio::time::advance(lag).await;
    Client::in_memory(&memory).apply(&scenario.grant).await.unwrap();
    assert_same(&straight.world().comparable(), &memory.world().comparable(), "applied again");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_the_waiting_and_no_call_begins_after_it() {
    for times in [1, 2] {
        let scenario = scenarios().into_iter().find(|scenario| scenario.name == "everything").unwrap();
        let memory = scenario.prepare().await;
        memory.set_lag(Duration::from_mins(5));
        let mut run = Client::in_memory(&memory).apply(&scenario.grant).start().await.unwrap();
        while !matches!(run.next_event().await, Some(Event::Waiting { .. })) {}
        (0..times).for_each(|_| run.cancel());
        let begun = tokio::time::Instant::now();
        let error = run.finish().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
        assert!(error.get_receipt().is_some());
        assert_eq!(begun.elapsed(), Duration::ZERO, "it did not wait on");
        let calls = memory.calls().len();
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert_eq!(memory.calls().len(), calls, "nothing goes on in silence");
    }
}
