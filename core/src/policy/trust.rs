//! Decides which statements in a role's trust are ours, and how ours is put beside other people's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Document;
use super::findings::{Finding, FindingKind, denials, wider_grants};
use super::meaning;
use super::statement::{Condition, texts};
use super::trust_request::{TrustRequest, is_sid_of, lets_in, one_or_many};

/// What a role's trust said about a service account before a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustState {
    /// No statement lets it in as asked.
    Absent,
    /// Our statement lets it in.
    Ours,
    /// A statement that is not ours lets it in exactly as ours would; nothing is added.
    Foreign,
    /// A statement with our Sid no longer says what we wrote; it is repaired.
    Altered,
    /// Our statement for another audience or other conditions names it; it moves to the statement of today.
    Outdated,
}

impl TrustState {
    /// Whether a merge has something to write.
    pub fn needs_write(self) -> bool {
        matches!(self, Self::Absent | Self::Altered | Self::Outdated)
    }
}

/// The outcome of putting our statement into a trust policy.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The document to write; the current one where nothing changed.
    pub document: Document,
    /// Whether there is something to write.
    pub changed: bool,
    /// What was there before.
    pub before: TrustState,
    /// What the caller should know about the other statements of `document`.
    pub findings: Vec<Finding>,
}

/// The outcome of taking our statement out of a trust policy.
#[derive(Debug, Clone)]
pub struct Removal {
    /// The document to write, or `None` where no statement is left, which IAM does not accept as a trust policy.
    pub document: Option<Document>,
    /// Whether there is something to write.
    pub changed: bool,
    /// A statement that is not ours still lets the service account (or role) in.
    pub foreign_left: bool,
}

/// The trust policy of a role that lets one service account in and nobody else.
///
/// Apart from the Sid it is the document of the AWS procedure: `Federated` principal, both `:aud` and `:sub` pinned.
pub fn trust_document(request: &TrustRequest) -> Document {
    Document::of(vec![request.statement()])
}

/// Puts our statement into a role's trust policy, or repairs it there, and leaves everything else as it is.
///
/// A statement with our Sid lists the service accounts of every grant that shares it; the request's is added to the
/// list. Merging twice changes nothing the second time.
pub fn merge_trust(current: Option<&Document>, request: &TrustRequest) -> Merge {
    let Some(current) = current else {
        let document = trust_document(request);
        return Merge { document, changed: true, before: TrustState::Absent, findings: Vec::new() };
    };
    let mut sorted = Sorted::of(current, request);
    let held = sorted.subjects.contains(&request.subject());
    let foreign = sorted.foreign;
    if !foreign {
        sorted.subjects.insert(request.subject());
    }
    let before = match sorted {
        Sorted { altered: true, .. } => TrustState::Altered,
        Sorted { outdated: true, .. } => TrustState::Outdated,
        _ if held => TrustState::Ours,
        _ if foreign => TrustState::Foreign,
        _ => TrustState::Absent,
    };
    let changed = before.needs_write();
    let document = if changed { current.with_statements(sorted.assemble(request)) } else { current.clone() };
    let findings = findings(&document, request);
    Merge { document, changed, before, findings }
}

/// Takes the request's service account out of our statements, and a statement out where nobody is left in it.
///
/// Nothing else changes: statements without our Sid stay, also where they let the same service account in, and what somebody else wrote into
/// a statement of ours (a further condition, `Deny`) goes on holding for those who are left in it. A statement of ours in which no service
/// account can be read any more is taken out.
pub fn remove_trust(current: &Document, request: &TrustRequest) -> Removal {
    let (sid, subject, key) = (request.sid(), request.subject(), request.key("sub"));
    let (mut changed, mut foreign_left) = (false, false);
    let mut statements = Vec::new();
    for (statement, value) in current.statements().iter().zip(current.statement_values()) {
        if statement.sid.as_ref() == Some(&sid) {
            let mut left = request.valid_subjects(statement);
            let held = left.remove(&subject);
            if held && !left.is_empty() {
                statements.extend(without_subject(value, &key, &subject));
            } else if !left.is_empty() {
                statements.push(value.clone());
            }
            changed |= held || left.is_empty();
        } else if request.is_outdated(statement) {
            statements.extend(without_subject(value, &key, &subject));
            changed = true;
        } else {
            foreign_left |= request.is_equivalent(statement);
            statements.push(value.clone());
        }
    }
    if !changed {
        let document = (!current.statement_values().is_empty()).then(|| current.clone());
        return Removal { document, changed, foreign_left };
    }
    let document = (!statements.is_empty()).then(|| current.with_statements(statements));
    Removal { document, changed, foreign_left }
}

/// Our statement in two documents, as JSON without its label: what somebody has edited, and what a merge makes of it.
pub(crate) fn rewritten(before: &Document, after: &Document, request: &TrustRequest) -> (String, String) {
    let sid = request.sid();
    let ours = |document: &Document| {
        let statements = document.statements();
        let found = statements.iter().position(|statement| statement.sid.as_ref() == Some(&sid));
        let values = document.statement_values();
        let mut value: Value =
            found.and_then(|found| values.get(found)).map(|value| (*value).clone()).unwrap_or_default();
        if let Some(elements) = value.as_object_mut() {
            elements.remove("Sid");
        }
        value.to_string()
    };
    (ours(before), ours(after))
}

/// How a statement of ours for another audience or other conditions lets the request's service account in, in words.
pub(crate) fn outdated(document: &Document, request: &TrustRequest) -> Option<String> {
    let sid = request.sid();
    let statements = document.statements();
    let found =
        statements.iter().find(|statement| statement.sid.as_ref() != Some(&sid) && request.is_outdated(statement))?;
    Some(request.in_words_of(found))
}

/// Whether the request only adds conditions to those under which our statements let its service account in.
pub(crate) fn tightens(document: &Document, request: &TrustRequest) -> bool {
    let wanted: Vec<Condition> = Document::of(vec![request.statement()])
        .statements()
        .into_iter()
        .flat_map(|statement| statement.conditions)
        .collect();
    let subject = request.key("sub");
    let is_kept = |line: &Condition| line.key.eq_ignore_ascii_case(&subject) || wanted.contains(line);
    let sid = request.sid();
    let statements = document.statements();
    let mut former = statements
        .iter()
        .filter(|statement| statement.sid.as_ref() != Some(&sid) && request.is_outdated(statement))
        .peekable();
    former.peek().is_some() && former.all(|statement| statement.conditions.iter().all(is_kept))
}

/// Whether a statement of ours names the request's service account.
pub(crate) fn holds(document: &Document, request: &TrustRequest) -> bool {
    let sorted = Sorted::of(document, request);
    sorted.outdated || sorted.subjects.contains(&request.subject())
}

/// Whether a policy consists of an owner's statements for service accounts alone.
pub(crate) fn is_all_of(document: &Document, owner: &str) -> bool {
    document.statements().iter().all(|statement| statement.sid.as_deref().is_some_and(|sid| is_sid_of(owner, sid)))
}

/// Everybody whom an owner's statements name, of every issuer: `system:serviceaccount:<namespace>:<service account>`.
pub(crate) fn subjects_of(document: &Document, owner: &str) -> BTreeSet<String> {
    let statements = document.statements().into_iter();
    let ours = statements.filter(|statement| statement.sid.as_deref().is_some_and(|sid| is_sid_of(owner, sid)));
    ours.flat_map(|statement| statement.conditions)
        .filter(|line| line.key.to_lowercase().ends_with(":sub"))
        .flat_map(|line| line.values)
        .collect()
}

/// A trust policy sorted into other people's statements and ours.
struct Sorted {
    /// Everything that stays as it is, in order.
    others: Vec<Value>,
    /// Where our statement stands among them, and how it is written now.
    home: Option<(usize, Value)>,
    /// The service accounts in our statement.
    subjects: BTreeSet<String>,
    /// Our statement does not say what we write.
    altered: bool,
    /// Our subject was taken out of an older statement of ours.
    outdated: bool,
    /// A statement that is not ours does the same.
    foreign: bool,
}

impl Sorted {
    fn of(current: &Document, request: &TrustRequest) -> Self {
        let sid = request.sid();
        let mut sorted = Self {
            others: Vec::new(),
            home: None,
            subjects: BTreeSet::new(),
            altered: false,
            outdated: false,
            foreign: false,
        };
        for (statement, value) in current.statements().iter().zip(current.statement_values()) {
            if statement.sid.as_ref() == Some(&sid) {
                let subjects = request.valid_subjects(statement);
                let intended = meaning::of_statement(&request.statement_for(&subjects));
                sorted.altered |= sorted.home.is_some() || meaning::of_statement(value) != intended;
                sorted.subjects.extend(subjects);
                let place = sorted.others.len();
                sorted.home.get_or_insert_with(|| (place, value.clone()));
            } else if request.is_outdated(statement) {
                sorted.outdated = true;
                sorted.others.extend(without_subject(value, &request.key("sub"), &request.subject()));
            } else {
                sorted.foreign |= request.is_equivalent(statement);
                sorted.others.push(value.clone());
            }
        }
        sorted
    }

    /// The statements with ours rewritten where it stands, or at the end, or gone when it holds nobody.
    fn assemble(self, request: &TrustRequest) -> Vec<Value> {
        let mut statements = self.others;
        if !self.subjects.is_empty() {
            let wanted = request.statement_for(&self.subjects);
            let (place, written) = self.home.unwrap_or((statements.len(), Value::Null));
            let unchanged = meaning::of_statement(&written) == meaning::of_statement(&wanted);
            statements.insert(place, if unchanged { written } else { wanted });
        }
        statements
    }
}

fn findings(document: &Document, request: &TrustRequest) -> Vec<Finding> {
    let sid = request.sid();
    let asked = |finding: &Finding| {
        request.wildcard && finding.kind == FindingKind::WildcardSubject && finding.sid.as_ref() == Some(&sid)
    };
    let mut findings = wider_grants(document, request.issuer());
    findings.retain(|finding| !asked(finding));
    findings.extend(denials(document, request));
    findings
}

/// The statement without one subject, or nothing where it was the only one.
fn without_subject(statement: &Value, key: &str, subject: &str) -> Option<Value> {
    let mut statement = statement.clone();
    let block = statement.get_mut("Condition").and_then(Value::as_object_mut)?;
    let written = block.iter_mut().filter(|(operator, _)| lets_in(operator));
    for keys in written.filter_map(|(_, keys)| keys.as_object_mut()) {
        for (_, values) in keys.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(key)) {
            let mut rest = texts(Some(values));
            rest.retain(|value| value != subject);
            if rest.is_empty() {
                return None;
            }
            *values = one_or_many(rest.into_iter());
        }
    }
    Some(statement)
}
