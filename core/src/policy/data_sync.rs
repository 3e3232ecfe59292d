//! Decides which trust statements let the workload's role and Amazon S3 assume a role for data syncs, and how ours are
//! put beside other people's.

use serde_json::{Value, json};

use super::ASSUME_ROLE_ACTION;
use super::condition::glob;
use super::document::Document;
use super::meaning;
use super::statement::{Condition, Effect, Statement};
use super::trust::{Merge, Removal, TrustState};
use super::trust_request::hash;

/// Amazon S3 as a principal; the same in every partition.
pub const S3_SERVICE: &str = "s3.amazonaws.com";

/// Who may assume a role for data syncs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSyncRequest {
    /// ARN of the workload's role.
    pub role_arn: String,
    /// Amazon S3 may act only for this account (`aws:SourceAccount`).
    pub source_account: Option<String>,
    /// The workload's role must send this value (`sts:ExternalId`).
    pub external_id: Option<String>,
    /// Who runs podrole; part of the statements' Sid.
    pub owner: String,
}

/// One principal that must be let in, and under which condition.
struct Entry<'a> {
    kind: &'static str,
    principal: &'a str,
    condition: Option<Condition>,
}

impl DataSyncRequest {
    /// The label of our statement, `PodroleSync`, 8 hex digits of the owner and 8 of the role; of two statements it is
    /// the beginning, followed by `Service` and `Role`.
    pub fn sid(&self) -> String {
        format!("PodroleSync{}{}", hash(&self.owner), hash(&self.role_arn))
    }

    /// Our statements as JSON: one without conditions; with any, one for the service and one for the role, because each
    /// condition key exists only on one kind of call.
    pub fn statements(&self) -> Vec<Value> {
        let sid = self.sid();
        let [service, role] = self.entries();
        if service.condition.is_none() && role.condition.is_none() {
            return vec![json!({
                "Sid": sid,
                "Effect": "Allow",
                "Principal": { "AWS": self.role_arn, "Service": S3_SERVICE },
                "Action": ASSUME_ROLE_ACTION,
            })];
        }
        let statement = |entry: &Entry<'_>, suffix: &str| {
            let mut statement = json!({
                "Sid": format!("{sid}{suffix}"),
                "Effect": "Allow",
                "Principal": { entry.kind: entry.principal },
                "Action": ASSUME_ROLE_ACTION,
            });
            if let Some(line) = &entry.condition {
                statement["Condition"] = json!({ line.operator.as_str(): { line.key.as_str(): line.values[0] } });
            }
            statement
        };
        vec![statement(&service, "Service"), statement(&role, "Role")]
    }

    fn entries(&self) -> [Entry<'_>; 2] {
        let line = |key: &str, value: &Option<String>| {
            value.as_ref().map(|value| Condition {
                operator: "StringEquals".to_owned(),
                key: key.to_owned(),
                values: vec![value.clone()],
            })
        };
        [
            Entry {
                kind: "Service",
                principal: S3_SERVICE,
                condition: line("aws:SourceAccount", &self.source_account),
            },
            Entry { kind: "AWS", principal: &self.role_arn, condition: line("sts:ExternalId", &self.external_id) },
        ]
    }

    fn is_ours(&self, statement: &Statement) -> bool {
        let rest = statement.sid.as_deref().and_then(|sid| sid.strip_prefix(&self.sid()).map(str::to_owned));
        matches!(rest.as_deref(), Some("" | "Service" | "Role"))
    }
}

impl Entry<'_> {
    /// Whether a statement that is not ours lets the principal in as ours would.
    fn is_satisfied_by(&self, statement: &Statement) -> bool {
        let wanted: Vec<_> = self.condition.iter().cloned().collect();
        statement.effect == Effect::Allow
            && statement.not_principals.is_empty()
            && statement.principals.get(self.kind).is_some_and(|names| names.iter().any(|name| name == self.principal))
            && statement.actions.iter().any(|action| glob(&action.to_lowercase(), &ASSUME_ROLE_ACTION.to_lowercase()))
            && meaning::of_conditions(&statement.conditions) == meaning::of_conditions(&wanted)
    }
}

/// The trust policy of a role that lets the workload's role and Amazon S3 in and nobody else.
pub fn data_sync_statement(request: &DataSyncRequest) -> Document {
    Document::of(request.statements())
}

/// Puts our data-sync statements into a role's trust policy, or repairs them there, and leaves everything else as it is.
///
/// Statements without our Sid that do the same count as satisfied. A principal of ours that reads back as a unique id
/// ([`is_unique_id`]), because the role was deleted and created again, is repaired.
pub fn merge_data_sync(current: Option<&Document>, request: &DataSyncRequest) -> Merge {
    let Some(current) = current else {
        let document = data_sync_statement(request);
        return Merge { document, changed: true, before: TrustState::Absent, findings: Vec::new() };
    };
    let sorted = Sorted::of(current, request);
    let before = match sorted {
        Sorted { intact: true, .. } => TrustState::Ours,
        Sorted { home: Some(_), .. } => TrustState::Altered,
        Sorted { foreign: true, .. } => TrustState::Foreign,
        _ => TrustState::Absent,
    };
    let changed = before.needs_write();
    let document = if changed {
        let mut statements = sorted.others;
        let place = sorted.home.unwrap_or(statements.len());
        statements.splice(place..place, request.statements());
        current.with_statements(statements)
    } else {
        current.clone()
    };
    Merge { document, changed, before, findings: Vec::new() }
}

/// The conditions of our statements now and after a merge, in words, where the statements are there and the conditions change.
pub(crate) fn other_conditions(current: &Document, request: &DataSyncRequest) -> Option<(String, String)> {
    let words = |document: &Document| {
        let ours = document.statements().into_iter().filter(|statement| request.is_ours(statement));
        let mut lines: Vec<String> = ours
            .flat_map(|statement| statement.conditions)
            .map(|line| format!("{} {} {}", line.operator, line.key, line.values.join(" or ")))
            .collect();
        lines.sort();
        if lines.is_empty() { "none".to_owned() } else { lines.join(", ") }
    };
    let is_there = current.statements().iter().any(|statement| request.is_ours(statement));
    let (now, then) = (words(current), words(&data_sync_statement(request)));
    (is_there && now != then).then_some((now, then))
}

/// Takes our data-sync statements out of a role's trust policy; statements without our Sid stay.
pub fn remove_data_sync(current: &Document, request: &DataSyncRequest) -> Removal {
    let sorted = Sorted::of(current, request);
    let changed = sorted.home.is_some();
    let document = if changed { current.with_statements(sorted.others.clone()) } else { current.clone() };
    let document = (!sorted.others.is_empty()).then_some(document);
    Removal { document, changed, foreign_left: sorted.foreign }
}

/// A trust policy without this owner's data-sync statements for roles that are gone, and the ids of those roles. IAM takes no write of a policy that
/// names one.
pub(crate) fn without_dead_syncs(current: &Document, owner: &str) -> (Document, Vec<String>) {
    let mine = format!("PodroleSync{}", hash(owner));
    // The beginning of the Sid is the same for both statements of a data sync.
    let sync_of = |statement: &Statement| {
        let sid = statement.sid.as_deref().filter(|sid| sid.starts_with(&mine))?;
        sid.get(..mine.len() + 8).map(str::to_owned)
    };
    let statements = current.statements();
    let mut dead = Vec::new();
    let mut ids = Vec::new();
    for (sync, statement) in statements.iter().filter_map(|statement| Some((sync_of(statement)?, statement))) {
        let names = statement.principals.get("AWS").map(Vec::as_slice).unwrap_or_default();
        if !names.is_empty() && names.iter().all(|name| is_unique_id(name)) {
            dead.push(sync);
            ids.extend(names.iter().cloned());
        }
    }
    if dead.is_empty() {
        return (current.clone(), ids);
    }
    let values = statements.iter().zip(current.statement_values());
    let kept = values.filter(|(statement, _)| sync_of(statement).is_none_or(|sync| !dead.contains(&sync)));
    (current.with_statements(kept.map(|(_, value)| value.clone()).collect()), ids)
}

/// The first principal that is the id of a deleted role or user, with its statement in words.
pub(crate) fn dead_principal(document: &Document) -> Option<(String, String)> {
    document.statements().iter().enumerate().find_map(|(index, statement)| {
        let named = [&statement.principals, &statement.not_principals].into_iter().filter_map(|kinds| kinds.get("AWS"));
        let id = named.flatten().find(|name| is_unique_id(name))?.clone();
        let sid = statement.sid.as_deref().map(|sid| format!(" ({sid})")).unwrap_or_default();
        Some((id, format!("statement {}{sid}", index + 1)))
    })
}

/// Whether a principal is the unique id of a deleted role or user (`AROA…`, `AIDA…`), which IAM shows in place of the
/// ARN that was written.
pub fn is_unique_id(principal: &str) -> bool {
    ["AROA", "AIDA"].iter().any(|prefix| principal.starts_with(prefix))
        && principal.len() >= 16
        && principal.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

struct Sorted {
    others: Vec<Value>,
    /// Where our first statement stands among the others.
    home: Option<usize>,
    /// Ours say what we write.
    intact: bool,
    /// Statements that are not ours do the same.
    foreign: bool,
}

impl Sorted {
    fn of(current: &Document, request: &DataSyncRequest) -> Self {
        let mut ours = Vec::new();
        let mut others = Vec::new();
        let mut home = None;
        let mut satisfied = [false, false];
        for (statement, value) in current.statements().iter().zip(current.statement_values()) {
            if request.is_ours(statement) {
                home.get_or_insert(others.len());
                ours.push(meaning::of_statement(value));
                continue;
            }
            for (done, entry) in satisfied.iter_mut().zip(request.entries()) {
                *done |= entry.is_satisfied_by(statement);
            }
            others.push(value.clone());
        }
        let mut wanted: Vec<_> = request.statements().iter().map(meaning::of_statement).collect();
        wanted.sort();
        ours.sort();
        Self { others, home, intact: ours == wanted, foreign: satisfied == [true, true] }
    }
}
