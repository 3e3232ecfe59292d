//! Runs the cases of `tests/conformance/` against the in-memory world. The format is documented in the README there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use podrole::memory::{Fault, Memory, World};
use podrole::model::{Arn, ClusterName};
use podrole::plan::Plan;
use podrole::policy::S3Access;
use podrole::{Client, ClientOptions, Error, Grant, Leftovers, Receipt, Report, artifacts};
use serde::Deserialize;
use serde_json::{Value, json};

const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Index {
    format_version: u32,
    cases: usize,
    files: BTreeMap<String, usize>,
    shorthands: BTreeMap<String, String>,
    grants: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    format_version: u32,
    /// For readers.
    #[serde(rename = "theme")]
    _theme: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    /// For readers.
    #[serde(default, rename = "why")]
    _why: Option<String>,
    #[serde(default = "seed")]
    world: Value,
    #[serde(default)]
    edits: Vec<Edit>,
    #[serde(default)]
    client: ClientSettings,
    #[serde(default)]
    grants: BTreeMap<String, Value>,
    steps: Vec<Step>,
}

fn seed() -> Value {
    json!("seed")
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientSettings {
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Edit {
    #[serde(default)]
    set: Option<String>,
    #[serde(default)]
    to: Value,
    #[serde(default)]
    remove: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Step {
    Read {
        text: String,
        format: TextFormat,
        #[serde(default)]
        expect: Expect,
    },
    Plan {
        grant: String,
        #[serde(default)]
        save: Option<String>,
        #[serde(default)]
        expect: Expect,
    },
    Apply {
        grant: String,
        #[serde(default)]
        save: Option<String>,
        #[serde(default)]
        expect: Expect,
    },
    ApplyPlan {
        plan: String,
        #[serde(default)]
        owner: Option<String>,
        #[serde(default)]
        expect: Expect,
    },
    Verify {
        grant: String,
        #[serde(default)]
        expect: Expect,
    },
    PlanRevoke {
        grant: String,
        #[serde(default)]
        save: Option<String>,
        #[serde(default)]
        expect: Expect,
    },
    Revoke {
        grant: String,
        #[serde(default)]
        receipt: Option<String>,
        #[serde(default)]
        remove_provider: bool,
        #[serde(default)]
        expect: Expect,
    },
    EditWorld {
        edits: Vec<Edit>,
    },
    RememberWorld {
        r#as: String,
    },
    Fault {
        fault: Fault,
    },
    ClearFaults {},
    PointKubernetesAt {
        cluster: String,
        arn: String,
    },
    Artifact {
        artifact: String,
        arguments: BTreeMap<String, Value>,
        #[serde(default)]
        expect: Expect,
    },
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum TextFormat {
    Yaml,
    Json,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    error: Option<ExpectError>,
    empty: Option<bool>,
    steps: Option<Vec<ExpectStep>>,
    notices: Option<Vec<ExpectNotice>>,
    printed: Option<Vec<String>>,
    outcomes: Option<Vec<String>>,
    events: Option<Vec<String>>,
    depth: Option<u32>,
    passed: Option<bool>,
    checks: Option<Vec<ExpectCheck>>,
    calls: Option<BTreeMap<String, usize>>,
    writes: Option<Vec<String>>,
    world: Option<BTreeMap<String, Value>>,
    absent: Option<Vec<String>>,
    documents: Option<BTreeMap<String, Value>>,
    world_is: Option<String>,
    grant: Option<BTreeMap<String, Value>>,
    text: Option<String>,
    document: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectError {
    kind: String,
    code: Option<String>,
    resource: Option<String>,
    action: Option<String>,
    leftovers: Option<String>,
    retry: Option<String>,
    #[serde(default)]
    message: Vec<String>,
    #[serde(default)]
    remedy: Vec<String>,
    conflicts: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectStep {
    kind: String,
    summary: String,
    after: Option<Vec<u32>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectNotice {
    level: String,
    resource: String,
    contains: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectCheck {
    kind: String,
    status: String,
    contains: Option<String>,
}

/// What a step gave.
#[derive(Default)]
struct Given {
    error: Option<Error>,
    plan: Option<Plan>,
    receipt: Option<Receipt>,
    report: Option<Report>,
    grant: Option<Grant>,
    events: Option<Vec<String>>,
    text: Option<String>,
    document: Option<Value>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance")
}

fn load<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let text = std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_case_of_the_index_is_run_and_holds() {
    let index: Index = load("index.json");
    assert_eq!(index.format_version, FORMAT);
    let present: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !["README.md", "index.json"].contains(&name.as_str()))
        .collect();
    assert_eq!(index.files.keys().cloned().collect::<BTreeSet<_>>(), present, "files of the index, and files");
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    for (name, count) in &index.files {
        let file: File = load(name);
        assert_eq!(file.format_version, FORMAT, "{name}");
        assert_eq!(file.cases.len(), *count, "cases of {name}");
        for case in &file.cases {
            assert!(names.insert(case.name.clone()), "two cases are named {:?}", case.name);
            assert!(!case.steps.is_empty(), "{} has no step", case.name);
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            if let Err(problem) = runtime.block_on(Run::new(case, &index).run(case)) {
                failures.push(format!("{name}: {}\n  {problem}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), names.len(), failures.join("\n"));
    assert_eq!(names.len(), index.cases, "cases of all files");
    assert!(names.len() >= 40);
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    let case = json!({"name": "x", "steps": [{"do": "plan", "grant": "seed", "expect": {}}]});
    assert!(serde_json::from_value::<Case>(case.clone()).is_ok());
    for pointer in ["", "/steps/0", "/steps/0/expect"] {
        let mut case = case.clone();
        case.pointer_mut(pointer).unwrap()["typo"] = json!(1);
        assert!(serde_json::from_value::<Case>(case).is_err(), "{pointer}/typo is accepted");
    }
}

/// A case is worth nothing if a wrong expectation passes.
#[test]
fn a_case_that_does_not_hold_is_reported() {
    let index: Index = load("index.json");
    for expect in [
        json!({"empty": true}),
        json!({"steps": []}),
        json!({"notices": [{"level": "info", "resource": "x", "contains": "y"}]}),
        json!({"printed": ["no such words"]}),
        json!({"calls": {"iam:GetRole": 7}}),
        json!({"writes": ["iam:CreateRole"]}),
        json!({"world": {"@account/roles/none": 1}}),
        json!({"absent": ["@account/oidcProviders"]}),
        json!({"error": {"kind": "not_found"}}),
        json!({"checks": []}),
        json!({"outcomes": []}),
        json!({"document": {}}),
        json!({"text": ""}),
    ] {
        let case = json!({"name": "x", "steps": [{"do": "plan", "grant": "seed", "expect": expect.clone()}]});
        let case: Case = serde_json::from_value(case).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        assert!(runtime.block_on(Run::new(&case, &index).run(&case)).is_err(), "{expect} holds");
    }
}

/// Replaces a shorthand at the beginning of a pointer.
fn pointer(index: &Index, text: &str) -> String {
    let (head, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    match index.shorthands.get(head) {
        Some(long) => format!("{long}{rest}"),
        None => text.to_owned(),
    }
}

fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn set(value: &mut Value, pointer: &str, to: Value) -> Result<(), String> {
    let mut place = value;
    for part in parts(pointer) {
        place = match place {
            Value::Array(items) => {
                let number: usize = part.parse().map_err(|_| format!("{pointer}: {part} is no index"))?;
                items.get_mut(number).ok_or_else(|| format!("{pointer}: there is no item {number}"))?
            }
            Value::Object(map) => map.entry(part).or_insert_with(|| json!({})),
            other => return Err(format!("{pointer}: {other} has no {part}")),
        };
    }
    *place = to;
    Ok(())
}

fn remove(value: &mut Value, pointer: &str) -> Result<(), String> {
    let mut parts = parts(pointer);
    let last = parts.pop().unwrap_or_default();
    let mut place = value;
    for part in parts {
        place = place.get_mut(&part).ok_or_else(|| format!("{pointer}: there is no {part} to remove from"))?;
    }
    let removed = place.as_object_mut().and_then(|map| map.remove(&last));
    removed.map(drop).ok_or_else(|| format!("{pointer}: there is nothing to remove"))
}

fn edited(index: &Index, world: &World, edits: &[Edit]) -> Result<World, String> {
    let mut value = serde_json::to_value(world).map_err(|error| error.to_string())?;
    for edit in edits {
        match (&edit.set, &edit.remove) {
            (Some(place), None) => set(&mut value, &pointer(index, place), edit.to.clone())?,
            (None, Some(place)) => remove(&mut value, &pointer(index, place))?,
            _ => return Err("an edit has exactly one of `set` and `remove`".to_owned()),
        }
    }
    World::from_json(&value.to_string()).map_err(|error| error.to_string())
}

/// The canonical form of a document: a list of one is its item, the order of a list has no meaning.
fn meaning(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(meaning).collect();
            items.sort_by_key(Value::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), meaning(value))).collect()),
        other => other.clone(),
    }
}

fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        Value::String(word) => word,
        Value::Object(map) => map["kind"].as_str().unwrap().to_owned(),
        other => other.to_string(),
    }
}

struct Run<'i> {
    index: &'i Index,
    memory: Memory,
    client: Client,
    grants: BTreeMap<String, Value>,
    plans: BTreeMap<String, String>,
    receipts: BTreeMap<String, String>,
    worlds: BTreeMap<String, World>,
}

impl<'i> Run<'i> {
    fn new(case: &Case, index: &'i Index) -> Self {
        let world = match &case.world {
            Value::String(name) if name == "seed" => World::seed(),
            Value::Object(_) => World::from_json(&case.world.to_string()).unwrap(),
            other => panic!("{}: {other} is no world", case.name),
        };
        let world = edited(index, &world, &case.edits).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let memory = Memory::new(world);
        let options = ClientOptions { owner: case.client.owner.clone(), ..ClientOptions::default() };
        let client = Client::with_options(memory.backend(), options).unwrap();
        let mut grants = index.grants.clone();
        grants.extend(case.grants.clone());
        let (plans, receipts, worlds) = Default::default();
        Self { index, memory, client, grants, plans, receipts, worlds }
    }

    async fn run(mut self, case: &Case) -> Result<(), String> {
        for (number, step) in case.steps.iter().enumerate() {
            self.memory.clear_calls();
            let at = |problem: String| format!("step {}: {problem}", number + 1);
            let (given, expect) = self.step(step).await.map_err(at)?;
            if let Some(expect) = expect {
                self.check(&given, expect).map_err(at)?;
            }
        }
        Ok(())
    }

    fn grant(&self, name: &str) -> Result<Result<Grant, Error>, String> {
        let file = self.grants.get(name).ok_or_else(|| format!("there is no grant {name}"))?;
        Ok(Grant::from_json(&file.to_string()))
    }

    async fn step<'s>(&mut self, step: &'s Step) -> Result<(Given, Option<&'s Expect>), String> {
        let mut given = Given::default();
        let expect = match step {
            Step::Read { text, format, expect } => {
                let read = match format {
                    TextFormat::Yaml => Grant::from_yaml(text),
                    TextFormat::Json => Grant::from_json(text),
                };
                match read {
                    Ok(grant) => given.grant = Some(grant),
                    Err(error) => given.error = Some(error),
                }
                Some(expect)
            }
            Step::Plan { grant, save, expect } | Step::PlanRevoke { grant, save, expect } => {
                let planned = match self.grant(grant)? {
                    Ok(grant) if matches!(step, Step::Plan { .. }) => self.client.plan(&grant).await,
                    Ok(grant) => self.client.plan_revoke(&grant).await,
                    Err(error) => Err(error),
                };
                match planned {
                    Ok(plan) => {
                        if let Some(name) = save {
                            self.plans.insert(name.clone(), plan.to_json());
                        }
                        given.plan = Some(plan);
                    }
                    Err(error) => given.error = Some(error),
                }
                Some(expect)
            }
            Step::Apply { grant, save, expect } => {
                match self.grant(grant)? {
                    Ok(grant) => self.carry_out(self.client.apply(&grant), &mut given).await,
                    Err(error) => given.error = Some(error),
                }
                self.keep(save.as_ref(), &given);
                Some(expect)
            }
            Step::ApplyPlan { plan, owner, expect } => {
                let text = self.plans.get(plan).ok_or_else(|| format!("there is no saved plan {plan}"))?;
                let client = match owner {
                    Some(owner) => {
                        let options = ClientOptions { owner: Some(owner.clone()), ..ClientOptions::default() };
                        Client::with_options(self.memory.backend(), options).map_err(|error| error.to_string())?
                    }
                    None => self.client.clone(),
                };
                match Plan::from_json(text) {
                    Ok(plan) => self.carry_out(client.apply(plan), &mut given).await,
                    Err(error) => given.error = Some(error),
                }
                Some(expect)
            }
            Step::Verify { grant, expect } => {
                let report = match self.grant(grant)? {
                    Ok(grant) => self.client.verify(&grant).await,
                    Err(error) => Err(error),
                };
                match report {
                    Ok(report) => given.report = Some(report),
                    Err(error) => given.error = Some(error),
                }
                Some(expect)
            }
            Step::Revoke { grant, receipt, remove_provider, expect } => {
                match self.grant(grant)? {
                    Ok(grant) => {
                        let mut revoke = self.client.revoke(&grant);
                        if let Some(name) = receipt {
                            let text = self.receipts.get(name).ok_or_else(|| format!("there is no receipt {name}"))?;
                            let receipt = serde_json::from_str(text).map_err(|error| error.to_string())?;
                            revoke = revoke.with_receipt(receipt);
                        }
                        if *remove_provider {
                            revoke = revoke.remove_provider();
                        }
                        self.carry_out(revoke, &mut given).await;
                    }
                    Err(error) => given.error = Some(error),
                }
                Some(expect)
            }
            Step::EditWorld { edits } => {
                let world = edited(self.index, &self.memory.world(), edits)?;
                self.memory.edit(|held| *held = world);
                None
            }
            Step::RememberWorld { r#as } => {
                self.worlds.insert(r#as.clone(), self.memory.world());
                None
            }
            Step::Fault { fault } => {
                self.memory.script(fault.clone());
                None
            }
            Step::ClearFaults {} => {
                self.memory.clear_faults();
                None
            }
            Step::PointKubernetesAt { cluster, arn } => {
                let name = ClusterName::new(cluster).map_err(|error| error.to_string())?;
                self.memory.point_kubernetes_at(name, Arn::new(arn).map_err(|error| error.to_string())?);
                None
            }
            Step::Artifact { artifact, arguments, expect } => {
                artifact_of(artifact, arguments, &mut given)?;
                Some(expect)
            }
        };
        Ok((given, expect))
    }

    async fn carry_out(&self, apply: podrole::Apply, given: &mut Given) {
        let result = match apply.start().await {
            Ok(mut run) => {
                let mut events = Vec::new();
                while let Some(event) = run.next_event().await {
                    events.push(word(&event));
                }
                given.events = Some(events);
                run.finish().await
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(receipt) => given.receipt = Some(receipt),
            Err(error) => {
                given.receipt = error.get_receipt().cloned();
                given.error = Some(error);
            }
        }
        given.plan = given.receipt.as_ref().map(|receipt| receipt.plan.clone());
    }

    fn keep(&mut self, save: Option<&String>, given: &Given) {
        if let (Some(name), Some(receipt)) = (save, &given.receipt) {
            self.receipts.insert(name.clone(), serde_json::to_string(receipt).unwrap());
        }
    }

    fn check(&self, given: &Given, expect: &Expect) -> Result<(), String> {
        match (&given.error, &expect.error) {
            (Some(error), None) => return Err(format!("fails: {error:#}")),
            (None, Some(wanted)) => return Err(format!("succeeds instead of failing as {}", wanted.kind)),
            (Some(error), Some(wanted)) => check_error(error, wanted)?,
            (None, None) => {}
        }
        check_plan(given, expect)?;
        check_run(given, expect)?;
        check_report(given, expect)?;
        self.check_calls(expect)?;
        self.check_world(expect)?;
        if let Some(fields) = &expect.grant {
            let grant = given.grant.as_ref().ok_or("there is no grant")?;
            let value = serde_json::to_value(grant).unwrap();
            for (place, wanted) in fields {
                same(place, value.pointer(place).unwrap_or(&Value::Null), wanted)?;
            }
        }
        if let Some(wanted) = &expect.text {
            same("the text", &given.text.as_ref(), &Some(wanted))?;
        }
        if let Some(wanted) = &expect.document {
            let found = given.document.as_ref().ok_or("there is no document")?;
            same("the document", &meaning(found), &meaning(wanted))?;
        }
        Ok(())
    }

    fn check_calls(&self, expect: &Expect) -> Result<(), String> {
        let calls = self.memory.calls();
        for (operation, wanted) in expect.calls.iter().flatten() {
            let found = match operation.strip_suffix('*') {
                Some(beginning) => calls.iter().filter(|call| call.operation.starts_with(beginning)).count(),
                None => calls.iter().filter(|call| call.operation == *operation).count(),
            };
            same(&format!("the number of calls of {operation}"), &found, wanted)?;
        }
        if let Some(wanted) = &expect.writes {
            let mut found: Vec<&str> =
                calls.iter().filter(|call| call.write).map(|call| call.operation.as_str()).collect();
            found.sort_unstable();
            let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            same("the list of writes", &found, &wanted)?;
        }
        Ok(())
    }

    fn check_world(&self, expect: &Expect) -> Result<(), String> {
        let world = self.memory.world();
        let value = serde_json::to_value(&world).unwrap();
        let at = |place: &String| value.pointer(&pointer(self.index, place));
        for (place, wanted) in expect.world.iter().flatten() {
            same(place, &at(place), &Some(wanted))?;
        }
        for place in expect.absent.iter().flatten() {
            same(place, &at(place), &None)?;
        }
        for (place, wanted) in expect.documents.iter().flatten() {
            let found = at(place).ok_or_else(|| format!("{place} is absent"))?;
            same(place, &meaning(found), &meaning(wanted))?;
        }
        if let Some(name) = &expect.world_is {
            let wanted = self.worlds.get(name).ok_or_else(|| format!("no world is remembered as {name}"))?;
            let (found, wanted) = (world.comparable(), wanted.comparable());
            if found != wanted {
                let (found, wanted) = (found.to_json(), wanted.to_json());
                let differing: Vec<String> = found
                    .lines()
                    .filter(|line| !wanted.contains(line))
                    .map(|line| format!("+ {}", line.trim()))
                    .chain(wanted.lines().filter(|line| !found.contains(line)).map(|line| format!("- {}", line.trim())))
                    .collect();
                return Err(format!("the world is not as remembered as {name}:\n    {}", differing.join("\n    ")));
            }
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what} is\n    {found:?} instead of\n    {wanted:?}")) }
}

fn contains(what: &str, text: &str, wanted: &[String]) -> Result<(), String> {
    match wanted.iter().find(|words| !text.contains(*words)) {
        None => Ok(()),
        Some(words) => Err(format!("{what} lacks {words:?}: {text}")),
    }
}

fn check_error(error: &Error, wanted: &ExpectError) -> Result<(), String> {
    let payload = error.payload();
    let all = format!("{error:#}");
    same(&format!("the kind of {all:?}"), &word(payload.kind), &wanted.kind)?;
    contains("the message", &payload.message, &wanted.message)?;
    contains("the remedy", payload.remedy.as_deref().unwrap_or_default(), &wanted.remedy)?;
    for (what, found, wanted) in [
        ("the code", &payload.aws_code, &wanted.code),
        ("the resource", &payload.resource, &wanted.resource),
        ("the missing action", &payload.action, &wanted.action),
    ] {
        if wanted.is_some() {
            same(&format!("{what} of {all:?}"), found, wanted)?;
        }
    }
    if let Some(wanted) = &wanted.leftovers {
        let found = match payload.leftovers {
            Leftovers::None => "none",
            Leftovers::Remaining { .. } => "remaining",
            Leftovers::Unknown { .. } => "unknown",
            _ => "other",
        };
        same(&format!("what is left of {all:?}"), &found, &wanted.as_str())?;
    }
    if let Some(wanted) = &wanted.retry {
        same("whether a retry helps", &word(payload.retry), wanted)?;
    }
    if let Some(wanted) = &wanted.conflicts {
        let found: Vec<Value> =
            payload.conflicts.iter().map(|conflict| serde_json::to_value(conflict).unwrap()).collect();
        same("the owners", &found, wanted)?;
    }
    Ok(())
}

fn check_plan(given: &Given, expect: &Expect) -> Result<(), String> {
    let plan = || given.plan.as_ref().ok_or("there is no plan");
    if let Some(wanted) = expect.empty {
        same("whether the plan is empty", &plan()?.is_empty(), &wanted)?;
    }
    if let Some(wanted) = &expect.steps {
        let plan = plan()?;
        let found: Vec<(String, String)> =
            plan.steps.iter().map(|step| (word(&step.action), step.summary.clone())).collect();
        let steps: Vec<(String, String)> =
            wanted.iter().map(|step| (step.kind.clone(), step.summary.clone())).collect();
        same("the list of steps", &found, &steps)?;
        for (step, wanted) in plan.steps.iter().zip(wanted) {
            if let Some(after) = &wanted.after {
                same(&format!("what step {} comes after", step.id), &step.depends_on, after)?;
            }
        }
    }
    if let Some(wanted) = &expect.notices {
        let plan = plan()?;
        let printed = format!("{:#?}", plan.notices);
        if plan.notices.len() != wanted.len() {
            return Err(format!("there are {} notices instead of {}: {printed}", plan.notices.len(), wanted.len()));
        }
        for wanted in wanted {
            let there = plan.notices.iter().any(|notice| {
                word(notice.level) == wanted.level
                    && notice.resource == wanted.resource
                    && notice.message.contains(&wanted.contains)
            });
            if !there {
                return Err(format!(
                    "no {} about {} with {:?}: {printed}",
                    wanted.level, wanted.resource, wanted.contains
                ));
            }
        }
    }
    if let Some(wanted) = &expect.printed {
        let text = match (&given.plan, &given.report) {
            (Some(plan), _) => plan.to_string(),
            (None, Some(report)) => report.to_string(),
            (None, None) => return Err("nothing can be printed".to_owned()),
        };
        contains("what is printed", &text, wanted)?;
    }
    Ok(())
}

fn check_run(given: &Given, expect: &Expect) -> Result<(), String> {
    let receipt = || given.receipt.as_ref().ok_or("there is no receipt");
    if let Some(wanted) = &expect.outcomes {
        let found: Vec<String> = receipt()?.steps.iter().map(|step| word(&step.outcome)).collect();
        same("the list of outcomes", &found, wanted)?;
    }
    if let Some(wanted) = &expect.events {
        same("the list of events", given.events.as_ref().ok_or("there are no events")?, wanted)?;
    }
    if let Some(wanted) = expect.depth {
        same("the depth", &receipt()?.depth, &wanted)?;
    }
    Ok(())
}

fn check_report(given: &Given, expect: &Expect) -> Result<(), String> {
    let report = || given.report.as_ref().ok_or("there is no report");
    if let Some(wanted) = expect.passed {
        let report = report()?;
        same(&format!("whether it passes: {report}"), &report.passed(), &wanted)?;
    }
    if let Some(wanted) = &expect.checks {
        let report = report()?;
        let found: Vec<(String, String)> =
            report.checks.iter().map(|check| (word(check.kind), word(check.status))).collect();
        let list: Vec<(String, String)> =
            wanted.iter().map(|check| (check.kind.clone(), check.status.clone())).collect();
        same(&format!("the list of checks: {report}\n"), &found, &list)?;
        for (check, wanted) in report.checks.iter().zip(wanted) {
            if let Some(words) = &wanted.contains {
                contains(&wanted.kind, &check.message, std::slice::from_ref(words))?;
            }
        }
    }
    Ok(())
}

fn artifact_of(name: &str, arguments: &BTreeMap<String, Value>, given: &mut Given) -> Result<(), String> {
    let mut used = BTreeSet::new();
    let mut get = |key: &'static str| {
        used.insert(key.to_owned());
        arguments.get(key)
    };
    let mut text = |key: &'static str| get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let document =
        |document: podrole::Result<podrole::policy::Document>| document.map(|it| (Some(it.as_value().clone()), None));
    let plain = |text: podrole::Result<String>| text.map(|it| (None, Some(it)));
    let result = match name {
        "trust_document" => document(artifacts::trust_document(&text("providerArn"), &text("serviceAccount"))),
        "service_account_yaml" => plain(artifacts::service_account_yaml(&text("serviceAccount"), &text("roleArn"))),
        "data_sync_statement" => {
            let (account, id) = (text("sourceAccount"), text("externalId"));
            let optional = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
            document(artifacts::data_sync_statement(
                &text("roleArn"),
                optional(&account).as_deref(),
                optional(&id).as_deref(),
            ))
        }
        "s3_policy" => {
            let partition = text("partition");
            let access: S3Access = serde_json::from_value(json!(text("access"))).map_err(|error| error.to_string())?;
            let buckets: Vec<String> = get("buckets")
                .map(|list| serde_json::from_value(list.clone()))
                .transpose()
                .map_err(|error| error.to_string())?
                .unwrap_or_default();
            let buckets: Vec<&str> = buckets.iter().map(String::as_str).collect();
            document(artifacts::s3_policy(&partition, &buckets, access))
        }
        "kustomize_patch" => plain(artifacts::kustomize_patch(&text("serviceAccount"))),
        other => return Err(format!("there is no artifact {other}")),
    };
    if let Some(extra) = arguments.keys().find(|key| !used.contains(*key)) {
        return Err(format!("{name} has no argument {extra}"));
    }
    match result {
        Ok((document, text)) => (given.document, given.text) = (document, text),
        Err(error) => given.error = Some(error),
    }
    Ok(())
}
