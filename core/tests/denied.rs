//! Every single call of every [scenario](support::scenarios) refused once: the error says who refuses what and what to do, says honestly what
//! is left, and the next apply goes on as if nothing had been. What happens when the program itself dies is `crash.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeSet;

use podrole::memory::{CallRecord, Fault, FaultEffect, Memory, World};
use podrole::plan::Level;
use podrole::verify::{CheckKind, Status};
use podrole::{Client, Error, ErrorKind, Event, Leftovers, Outcome, Receipt, Result, Retry};
use support::{Scenario, assert_same, crowded, scenarios, seed_grant};

/// The reads that a plan can do without: a denial of them becomes a warning.
const OPTIONAL: [&str; 4] =
    ["eks:ListPodIdentityAssociations", "iam:GetAccountSummary", "kubernetes:get namespaces", "kubernetes:list pods"];

/// How a service account is looked for: the grant's own, and the former one of a workload.
const FORMER: &str = "kubernetes:get serviceaccounts";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Plan,
    Apply,
    Verify,
    Revoke,
}

const VERBS: [Verb; 4] = [Verb::Plan, Verb::Apply, Verb::Verify, Verb::Revoke];

/// An undisturbed life of a scenario, to compare with.
struct Life {
    scenario: Scenario,
    prepared: World,
    applied: World,
    receipt: Receipt,
}

impl Life {
    async fn of(scenario: Scenario) -> Self {
        let memory = scenario.prepare().await;
        let prepared = memory.world();
        let receipt = Client::in_memory(&memory).apply(&scenario.grant).await.unwrap();
        Self { applied: memory.world(), scenario, prepared, receipt }
    }

    fn memory(&self, verb: Verb) -> Memory {
        Memory::new(match verb {
            Verb::Plan | Verb::Apply => self.prepared.clone(),
            Verb::Verify | Verb::Revoke => self.applied.clone(),
        })
    }

    /// Does the work of a verb; a plan or a report that warns of what was refused counts as done.
    async fn work(&self, memory: &Memory, verb: Verb, hit: Option<&CallRecord>) -> Result<()> {
        let client = Client::in_memory(memory);
        let grant = &self.scenario.grant;
        match verb {
            Verb::Plan => {
                let plan = client.plan(grant).await?;
                // Pods only matter to a plan where a workload runs as the service account already: see below.
                if let Some(hit) = hit.filter(|hit| hit.operation != "kubernetes:list pods") {
                    let about = format!("{}: {} denied, and not said:\n{plan}", self.scenario.name, hit.operation);
                    assert!(plan.notices.iter().any(|notice| notice.message.contains("not known")), "{about}");
                }
            }
            Verb::Apply => drop(client.apply(grant).await?),
            Verb::Verify => {
                let report = client.verify(grant).await?;
                assert!(report.passed(), "{}: {report}", self.scenario.name);
                let unknown = match hit.map(|hit| hit.operation.as_str()) {
                    Some("eks:ListPodIdentityAssociations") => Some(CheckKind::PodIdentity),
                    Some("kubernetes:list pods") => Some(CheckKind::Rollout),
                    _ => None,
                };
                if let Some(kind) = unknown {
                    let skipped =
                        |check: &podrole::verify::Check| check.kind == kind && check.status == Status::Skipped;
                    assert!(report.checks.iter().any(skipped), "{}: {report}", self.scenario.name);
                }
            }
            Verb::Revoke => {
                let mut revoke = client.revoke(grant).with_receipt(self.receipt.clone());
                if self.scenario.remove_provider {
                    revoke = revoke.remove_provider();
                }
                let receipt = revoke.await?;
                if hit.is_some_and(|hit| hit.operation == FORMER) {
                    let says = receipt.plan.notices.iter().any(|notice| notice.message.contains("not known"));
                    assert!(says, "{}: {receipt}", self.scenario.name);
                }
            }
        }
        Ok(())
    }

    /// The calls of a verb, as they come without a fault.
    async fn calls(&self, verb: Verb) -> Vec<CallRecord> {
        let memory = self.memory(verb);
        self.work(&memory, verb, None).await.unwrap_or_else(|error| panic!("{}: {error:#}", self.scenario.name));
        memory.calls()
    }

    /// Refuses each call of a verb in turn; `judge` looks at the error.
    async fn refuse_each(&self, verb: Verb, effect: &FaultEffect, judge: &impl Fn(&str, &CallRecord, &Error)) -> usize {
        // Calls that go together come in the same order each time, so the n-th is known before.
        let calls = self.calls(verb).await;
        for (nth, planned) in (1..).zip(&calls) {
            let memory = self.memory(verb);
            let before = memory.world();
            memory.script(Fault::new("*", effect.clone()).nth(nth));
            let about = format!("{}: {verb:?}, {} of {}", self.scenario.name, planned.operation, planned.resource);
            // Whether a former service account is still there is a question too.
            let former = planned.operation == FORMER
                && planned.resource != format!("service account {}", self.scenario.grant.subject());
            let optional = (former || OPTIONAL.contains(&planned.operation.as_str())) && is_tolerable(effect);
            let result = self.work(&memory, verb, optional.then_some(planned)).await;
            assert_eq!(memory.calls()[nth as usize - 1], *planned, "{about}");
            match result {
                Ok(()) => assert!(optional, "{about}: nothing went wrong"),
                Err(error) => {
                    assert!(!optional, "{about}: {error:#}");
                    assert_eq!(error.get_operation(), Some(planned.operation.as_str()), "{about}: {error:#}");
                    assert!(error.get_resource().is_some_and(|resource| !resource.is_empty()), "{about}: {error:#}");
                    judge(&about, planned, &error);
                    honest(&about, &before, &memory.world(), &error);
                }
            }
            memory.clear_faults();
            self.go_on(&memory, verb, &about).await;
        }
        calls.len()
    }

    /// The next apply reaches the same world as ever.
    async fn go_on(&self, memory: &Memory, verb: Verb, about: &str) {
        if verb == Verb::Verify {
            return;
        }
        let client = Client::in_memory(memory);
        client.apply(&self.scenario.grant).await.unwrap_or_else(|error| panic!("{about}: then: {error:#}"));
        // What a stopped undo took of a policy's history does not come back.
        let same = |world: &World| match verb {
            Verb::Revoke => Scenario::without_history(world),
            _ => world.comparable(),
        };
        assert_same(&same(&self.applied), &same(&memory.world()), &format!("{about}: applied again"));
    }
}

/// Effects that an optional read may have.
fn is_tolerable(effect: &FaultEffect) -> bool {
    matches!(effect, FaultEffect::Denied | FaultEffect::Error { error: ErrorKind::Unsupported, .. })
}

/// What the error says of what is left is so.
fn honest(about: &str, before: &World, after: &World, error: &Error) {
    match (error.get_leftovers(), error.get_receipt()) {
        (Leftovers::None, _) => assert_same(before, after, &format!("{about}: nothing is left, it says")),
        (Leftovers::Remaining { resources: done }, Some(receipt)) => {
            assert_eq!(*done, receipt.done(), "{about}");
            assert!(receipt.unknown().is_empty() && !done.is_empty(), "{about}: {receipt}");
            assert!(before != after, "{about}: nothing is left, but it says {done:?}");
        }
        (Leftovers::Unknown { resources, remaining }, Some(receipt)) => {
            assert_eq!((resources, remaining), (&receipt.unknown(), &receipt.done()), "{about}");
        }
        (left, receipt) => panic!("{about}: {left:?} with {receipt:?}"),
    }
    let Some(receipt) = error.get_receipt() else { return };
    let failed: Vec<_> = receipt.steps.iter().filter(|step| matches!(step.outcome, Outcome::Failed { .. })).collect();
    // Steps that go on together may fail together; here one call failed.
    assert_eq!(failed.len(), 1, "{about}: {receipt}");
    let Outcome::Failed { error: inner, .. } = &failed[0].outcome else { unreachable!() };
    assert_eq!((inner.kind, &inner.message), (error.kind(), &error.message().to_owned()), "{about}");
}

/// Denied: the permission that is missing, of whom, and what to do.
fn judge_denial(about: &str, hit: &CallRecord, error: &Error) {
    if hit.operation.starts_with("files:") {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{about}: {error:#}");
        return;
    }
    let action = hit.operation.strip_prefix("kubernetes:").unwrap_or(&hit.operation);
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{about}: {error:#}");
    assert_eq!(error.get_action(), Some(action), "{about}: {error:#}");
    assert!(error.get_code().is_some(), "{about}: {error:#}");
    let words = action.split(' ').next().unwrap();
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains(words)), "{about}: {error:#}");
    assert_eq!(error.get_retry(), Retry::Never, "{about}: {error:#}");
    // What is denied did not happen: unknown is only what happened before, in the same step.
    if let (Leftovers::Unknown { .. }, Some(receipt)) = (error.get_leftovers(), error.get_receipt()) {
        let several = receipt
            .steps
            .iter()
            .any(|step| matches!(step.outcome, Outcome::Failed { effect_unknown: true, .. }) && step.calls.len() > 1);
        assert!(several, "{about}: {error:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_denied() {
    let mut tried = 0;
    let mut operations = BTreeSet::new();
    for scenario in scenarios() {
        let life = Life::of(scenario).await;
        for verb in VERBS {
            operations.extend(life.calls(verb).await.into_iter().map(|call| call.operation));
            tried += life.refuse_each(verb, &FaultEffect::Denied, &judge_denial).await;
        }
    }
    assert!(tried > 2000, "only {tried} calls were denied");
    let missing: Vec<&str> = CALLS.into_iter().filter(|call| !operations.contains(*call)).collect();
    assert!(missing.is_empty(), "no scenario makes these calls: {missing:?}");
    // The permissions in the README are all that are needed, and no more.
    let readme = include_str!("../../README.md");
    let of_aws = |name: &&str| ["eks:", "iam:"].iter().any(|service| name.starts_with(service));
    let listed: BTreeSet<&str> = readme.split('`').filter(of_aws).filter(|name| !name.contains(' ')).collect();
    let mut called: BTreeSet<&str> = operations.iter().map(String::as_str).filter(of_aws).collect();
    // No call of podrole's, but IAM asks for it of who creates a provider with tags.
    called.insert("iam:TagOpenIDConnectProvider");
    assert_eq!(listed, called, "the permissions in the README are not those of the calls");
}

/// Every call that podrole makes: what a policy and a Role for it must allow.
const CALLS: [&str; 44] = [
    "eks:DescribeCluster",
    "eks:ListPodIdentityAssociations",
    "files:read",
    "files:write",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:AttachRolePolicy",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:DeleteOpenIDConnectProvider",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetAccountSummary",
    "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListPolicyVersions",
    "iam:ListRolePolicies",
    "iam:ListRoles",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagPolicy",
    "iam:TagRole",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "kubernetes:delete serviceaccounts",
    "kubernetes:get deployments",
    "kubernetes:get namespaces",
    "kubernetes:get serviceaccounts",
    "kubernetes:get statefulsets",
    "kubernetes:list pods",
    "kubernetes:patch deployments",
    "kubernetes:patch serviceaccounts",
    "kubernetes:patch statefulsets",
];

/// The scenarios that together make every kind of call.
const RICH: [&str; 5] = [
    "everything, with the provider",
    "existing role with everything",
    "policies and data sync dropped",
    "document updated, oldest pruned",
    "role settings changed",
];

async fn each_call_of_the_rich_ones(effect: FaultEffect, judge: impl Fn(&str, &CallRecord, &Error)) {
    let mut tried = 0;
    for scenario in scenarios().into_iter().filter(|scenario| RICH.contains(&scenario.name)) {
        let life = Life::of(scenario).await;
        for verb in VERBS {
            tried += life.refuse_each(verb, &effect, &judge).await;
        }
    }
    assert!(tried > 300, "only {tried} calls were refused");
}

#[tokio::test(start_paused = true)]
async fn each_call_throttled() {
    each_call_of_the_rich_ones(FaultEffect::Throttled, |about, _, error| {
        assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Throttled, Retry::Exhausted), "{about}: {error:#}");
        assert!(error.get_code().is_some(), "{about}: {error:#}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_call_meeting_no_service() {
    each_call_of_the_rich_ones(FaultEffect::Network, |about, _, error| {
        assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Unavailable, Retry::Safe), "{about}: {error:#}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_call_answered_with_garbage() {
    each_call_of_the_rich_ones(FaultEffect::Garbled, |about, hit, error| {
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{about}: {error:#}");
        // The effect may have happened, and did.
        let unknown = matches!(error.get_leftovers(), Leftovers::Unknown { .. });
        assert!(unknown || !hit.write, "{about}: {error:#}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_call_without_an_answer() {
    each_call_of_the_rich_ones(FaultEffect::LostAnswer, |about, hit, error| {
        assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe), "{about}: {error:#}");
        let unknown = matches!(error.get_leftovers(), Leftovers::Unknown { .. });
        assert!(unknown || !hit.write, "{about}: {error:#}");
    })
    .await;
}

/// Such as Pod Identity calls on a partition or an emulator that has none.
#[tokio::test(start_paused = true)]
async fn each_call_not_supported() {
    let effect = FaultEffect::Error {
        error: ErrorKind::Unsupported,
        code: "NotImplemented".to_owned(),
        message: "not here".to_owned(),
    };
    each_call_of_the_rich_ones(effect, |about, _, error| {
        assert_eq!((error.kind(), error.get_code()), (ErrorKind::Unsupported, Some("NotImplemented")), "{about}");
    })
    .await;
}

#[tokio::test]
async fn optional_reads_that_are_denied_are_warnings_that_say_what_cannot_be_told() {
    for (operation, words) in [
        ("eks:ListPodIdentityAssociations", "Pod Identity association"),
        ("iam:GetAccountSummary", "quotas"),
        ("kubernetes:get namespaces", "whether it exists"),
    ] {
        let memory = Memory::new(crowded());
        memory.script(Fault::new(operation, FaultEffect::Denied));
        let plan = Client::in_memory(&memory).plan(&seed_grant()).await.unwrap();
        let said = plan.notices.iter().find(|notice| notice.message.contains(words));
        let said = said.unwrap_or_else(|| panic!("{operation}: {plan}"));
        assert!(said.message.contains("permission_denied"), "{operation}: {}", said.message);
        Client::in_memory(&memory).apply(plan).await.unwrap();
    }
    // Pods matter where a workload runs as the service account already.
    let restarted = scenarios().into_iter().find(|one| one.name == "already runs as it, restarted").unwrap();
    let memory = restarted.prepare().await;
    memory.edit(|world| {
        let annotated = podrole::memory::WorldServiceAccount::new().annotation(
            "eks.amazonaws.com/role-arn",
            support::ROLE_ARN,
            "kubectl",
        );
        support::put_service_account(world, support::SERVICE_ACCOUNT, annotated);
    });
    memory.script(Fault::new("kubernetes:list pods", FaultEffect::Denied));
    let plan = Client::in_memory(&memory).plan(&restarted.grant).await.unwrap();
    let warned = plan.notices.iter().any(|notice| {
        notice.level == Level::Warning && notice.message.contains("whether its pods are older than the annotation")
    });
    assert!(warned, "{plan}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_is_left_by_a_second_cancel_and_the_next_apply_goes_on() {
    let life = Life::of(scenarios().into_iter().find(|one| one.name == RICH[0]).unwrap()).await;
    let mut tried = 0;
    for effect in [FaultEffect::HangBefore, FaultEffect::HangAfter] {
        let writes = life.calls(Verb::Apply).await.into_iter().filter(|call| call.write);
        for operation in writes.map(|call| call.operation).collect::<BTreeSet<_>>() {
            tried += 1;
            let about = format!("{operation}, {effect:?}");
            let memory = life.memory(Verb::Apply);
            memory.script(Fault::new(&*operation, effect.clone()).nth(1));
            let mut run = Client::in_memory(&memory).apply(&life.scenario.grant).start().await.unwrap();
            // As far as it comes: everything that does not wait for the answer is done in no time.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            run.cancel();
            while run.next_event().await.unwrap() != Event::Cancelling {}
            run.cancel();
            let error = run.finish().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{about}: {error:#}");
            assert!(
                matches!(error.get_leftovers(), Leftovers::Unknown { resources, .. } if resources.len() == 1),
                "{about}: {error:#}"
            );
            memory.clear_faults();
            life.go_on(&memory, Verb::Apply, &about).await;
        }
    }
    assert!(tried > 10, "only {tried} calls");
}
