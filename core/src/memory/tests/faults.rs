//! Calls fail, hang and die where the script says.

use std::time::Duration;

use futures::future::join_all;

use super::*;
use crate::error::Retry;
use crate::memory::{CallFilter, Fault, FaultEffect};
use crate::ports::CallLog;

fn has_role(memory: &Memory) -> bool {
    let roles = &memory.world().accounts[&AccountId::new(ACCOUNT).unwrap()].roles;
    roles.contains_key(&role_name("r"))
}

#[tokio::test]
async fn a_fault_hits_the_nth_matching_call_only() {
    let memory = seed();
    memory.script(Fault::new("iam:GetRole", FaultEffect::Denied).nth(2));
    let (reads, _) = iam(&memory).await;
    assert!(reads.role(&role_name("r")).await.is_ok());
    assert!(reads.quotas().await.is_ok());
    let error = reads.role(&role_name("r")).await.unwrap_err();
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::PermissionDenied, Some("AccessDenied")));
    assert_eq!((error.get_operation(), error.get_action()), (Some("iam:GetRole"), Some("iam:GetRole")));
    assert_eq!(error.get_resource(), Some("role r"));
    assert!(error.message().contains("assumed-role/operator/podrole"), "{error}");
    assert!(reads.role(&role_name("r")).await.is_ok());
    let operations: Vec<String> = memory.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["iam:GetRole", "iam:GetAccountSummary", "iam:GetRole", "iam:GetRole"]);
}

#[tokio::test]
async fn refusals_have_no_effect_and_lost_answers_have() {
    let refusals = [
        (FaultEffect::Throttled, ErrorKind::Throttled),
        (FaultEffect::ServerError, ErrorKind::Unavailable),
        (FaultEffect::Network, ErrorKind::Unavailable),
        (FaultEffect::InvalidPrincipal, ErrorKind::InvalidInput),
    ];
    for (effect, kind) in refusals {
        let memory = seed();
        memory.script(Fault::new("iam:*", effect));
        let error = iam(&memory).await.1.create_role(&new_role("r", trust("a"))).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!has_role(&memory), "{error}");
    }
    let memory = seed();
    memory.script(Fault::new("iam:CreateRole", FaultEffect::LostAnswer));
    let error = iam(&memory).await.1.create_role(&new_role("r", trust("a"))).await.unwrap_err();
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe));
    assert!(has_role(&memory));
}

#[tokio::test(start_paused = true)]
async fn hanging_calls_have_their_effect_or_not() {
    for (effect, happens) in [(FaultEffect::HangBefore, false), (FaultEffect::HangAfter, true)] {
        let memory = seed();
        memory.script(Fault::new("iam:CreateRole", effect));
        let writes = iam(&memory).await.1;
        let role = new_role("r", trust("a"));
        let answer = tokio::time::timeout(Duration::from_hours(1), writes.create_role(&role)).await;
        assert!(answer.is_err());
        assert_eq!(has_role(&memory), happens);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_caller_changes_nothing_more() {
    for after in [false, true] {
        let memory = seed();
        memory.set_latency(Duration::from_millis(100));
        let stop = if after {
            memory.stop_after_call(1, CallFilter::Writes)
        } else {
            memory.stop_before_call(1, CallFilter::Writes)
        };
        let (reads, writes) = iam(&memory).await;
        let run = tokio::spawn({
            let (reads, writes) = (reads.clone(), writes.clone());
            async move {
                reads.quotas().await.unwrap();
                writes.create_role(&new_role("r", trust("a"))).await.unwrap();
            }
        });
        let beside = tokio::spawn({
            let writes = writes.clone();
            async move {
                // Begins before the stop, would take effect after it.
                tokio::time::sleep(Duration::from_millis(130)).await;
                writes.create_role(&new_role("beside", trust("a"))).await
            }
        });
        // Everybody who waits is told.
        let all = futures::future::join(stop.reached(), stop.reached());
        tokio::time::timeout(Duration::from_mins(1), all).await.unwrap();
        assert!(stop.is_reached());
        assert!(tokio::time::timeout(Duration::from_mins(1), reads.quotas()).await.is_err(), "it is dead");
        memory.restart();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!run.is_finished() && !beside.is_finished());
        assert_eq!(has_role(&memory), after);
        assert_eq!(reads.role(&role_name("beside")).await.unwrap(), None, "what was under way has no effect");
        run.abort();
        beside.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn latency_and_depth_are_those_of_the_longest_chain() {
    for latency in [0, 20] {
        let memory = seed();
        memory.set_latency(Duration::from_millis(latency));
        let (reads, _) = iam(&memory).await;
        let clock = memory.backend().reads.clock();
        let log = CallLog::new();
        let begun = clock.elapsed();
        log.scope(async {
            let name = role_name("r");
            join_all((0..5).map(|_| reads.role(&name))).await;
            reads.quotas().await.unwrap();
        })
        .await;
        assert_eq!((log.calls().len(), log.depth()), (6, 2));
        assert_eq!(clock.elapsed(), begun + Duration::from_millis(2 * latency));
    }
}

#[tokio::test]
async fn faults_are_data() {
    let fault = Fault::new("iam:*", FaultEffect::LostAnswer).nth(3);
    let text = serde_json::to_string(&fault).unwrap();
    assert_eq!(text, r#"{"operation":"iam:*","nth":3,"effect":{"type":"lost_answer"}}"#);
    assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
    assert!(serde_json::from_str::<Fault>(&text.replace("nth", "nht")).is_err());
}
