//! Guarantee 2: a plan whose world has moved is refused before its first write.
//!
//! Every value of a world is changed in turn behind the back of a saved plan. Then the plan is either refused with not one write, or what was
//! changed is nothing that it relies on, and it does what a plan of now would do.

use podrole::memory::{Memory, World};
use podrole::plan::Plan;
use podrole::policy::DocumentKind;
use podrole::{Client, ErrorKind, Leftovers};
use serde_json::{Value, json};

use crate::support::{Scenario, assert_same, scenarios};

/// Pointers to every value of a JSON tree that is not a list or map with something in it.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// Every tree that differs from this one in one value: another one, or none.
fn changed(world: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    leaves(world, "", &mut pointers);
    let mut all = Vec::new();
    for pointer in pointers {
        let other = match world.pointer(&pointer).unwrap() {
            Value::Bool(flag) => json!(!flag),
            Value::Number(number) => json!(number.as_u64().unwrap_or_default() + 1),
            Value::String(text) => json!(format!("{text}x")),
            Value::Array(_) => json!(["x"]),
            Value::Object(_) => json!({"x": "x"}),
            Value::Null => continue,
        };
        let mut tree = world.clone();
        *tree.pointer_mut(&pointer).unwrap() = other;
        all.push((format!("{pointer} is another"), tree));
        let (holder, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        let mut tree = world.clone();
        match tree.pointer_mut(holder) {
            Some(Value::Object(map)) => drop(map.remove(&key)),
            Some(Value::Array(items)) => drop(items.remove(key.parse().unwrap())),
            _ => continue,
        }
        all.push((format!("{pointer} is gone"), tree));
    }
    all
}

/// Whether IAM would hold such documents.
fn is_possible(world: &World) -> bool {
    world.accounts.values().all(|account| {
        let inline = account.roles.values().flat_map(|role| role.inline_policies.values());
        let managed = account.policies.values().flat_map(|policy| policy.versions.values());
        account.roles.values().all(|role| role.trust.check(DocumentKind::Trust).is_ok())
            && inline.chain(managed).all(|document| document.check(DocumentKind::Identity).is_ok())
    })
}

#[derive(Debug, Default)]
struct Counts {
    stale: usize,
    refused: usize,
    unaffected: usize,
}

/// Applies a saved plan to a world that is another by now.
async fn apply_to(world: World, plan: &Plan, scenario: &Scenario, about: &str, counts: &mut Counts) {
    let now = Memory::new(world.clone());
    let planned_now = Client::in_memory(&now).plan(&scenario.grant).await;
    let memory = Memory::new(world.clone());
    let Err(error) = Client::in_memory(&memory).apply(plan.clone()).await else {
        // Here documents are equal when they mean the same.
        assert_eq!(planned_now.unwrap().steps, plan.steps, "{about}: applied although planning now gives other steps");
        Client::in_memory(&now).apply(&scenario.grant).await.unwrap();
        assert_same(&now.world().comparable(), &memory.world().comparable(), about);
        counts.unaffected += 1;
        return;
    };
    let writes: Vec<_> = memory.calls().into_iter().filter(|call| call.write).collect();
    assert!(writes.is_empty(), "{about}: {} writes were made before it failed: {error:#}", writes.len());
    assert_same(&world.filled(), &memory.world(), &format!("{about}: refused"));
    assert_eq!(*error.get_leftovers(), Leftovers::None, "{about}: {error:#}");
    if error.kind() == ErrorKind::PlanStale {
        assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("plan again")), "{about}: {error:#}");
        // Word for word, labels included: a plan is not refused for nothing.
        let text = |plan: &Plan| serde_json::to_string(&(&plan.steps, &plan.hints.clusters)).unwrap();
        assert!(planned_now.as_ref().map_or(true, |now| text(now) != text(plan)), "{about}: {error:#}");
        counts.stale += 1;
    } else {
        // A world with which nothing can be done at all, such as a cluster that is being deleted.
        assert!(planned_now.is_err_and(|planned| planned.kind() == error.kind()), "{about}: {error:#}");
        counts.refused += 1;
    }
}

async fn whatever_changes(name: &str) {
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name).unwrap();
    let memory = scenario.prepare().await;
    let plan = Client::in_memory(&memory).plan(&scenario.grant).await.unwrap();
    let saved = Plan::from_json(&plan.to_json()).unwrap();
    let world: Value = serde_json::from_str(&memory.world().to_json()).unwrap();
    let mut counts = Counts::default();
    for (about, tree) in changed(&world) {
        let Ok(world) = World::from_json(&tree.to_string()) else { continue };
        if !is_possible(&world) {
            continue;
        }
        apply_to(world, &saved, &scenario, &format!("{name}: {about}"), &mut counts).await;
    }
    assert!(counts.stale > 10 && counts.unaffected > 100, "{name}: {counts:?}");
}

#[tokio::test]
async fn whatever_changes_in_a_world_with_everything() {
    whatever_changes("everything").await;
}

#[tokio::test]
async fn whatever_changes_around_an_existing_role() {
    whatever_changes("existing role with everything").await;
}

#[tokio::test]
async fn whatever_changes_before_something_is_dropped() {
    whatever_changes("policies and data sync dropped").await;
}
