//! Server-side apply: who owns which field, who is asked before it changes, and what goes when its last owner lets go.

use std::collections::{BTreeMap, BTreeSet};

use super::errors::kubernetes_conflict;
use crate::error::{Error, FieldConflict, Result};
use crate::model::FieldOwner;

/// The values of an object's fields by path.
pub(super) type Fields = BTreeMap<String, String>;

/// Who owned fields of an object that nobody was recorded for.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who changes an object, and when.
pub(super) struct Writer<'w> {
    pub(super) manager: &'w str,
    pub(super) now: i64,
}

impl Writer<'_> {
    fn owns(&self, owner: &FieldOwner) -> bool {
        owner.manager == self.manager
    }
}

/// Applies what a field manager wants to own.
///
/// A value that is there already is owned together with its other owners. What the manager applied before and leaves out now goes,
/// unless somebody else owns it too.
///
/// # Errors
/// A conflict naming each other manager that owns a field with another value; nothing is changed then.
pub(super) fn apply(
    fields: &mut Fields,
    owners: &mut Vec<FieldOwner>,
    wanted: &Fields,
    force: bool,
    version: &str,
    writer: &Writer<'_>,
) -> Result<()> {
    let now = writer.now;
    let mut next = owners.clone();
    if next.is_empty() && !fields.is_empty() {
        let fields = fields.keys().cloned().collect();
        next.push(FieldOwner { manager: BEFORE_FIRST_APPLY.to_owned(), apply: false, fields, time: Some(now) });
    }
    let changed: BTreeSet<&String> =
        wanted.iter().filter(|(path, value)| fields.get(*path) != Some(value)).map(|(path, _)| path).collect();
    let mut conflicts = Vec::new();
    for owner in next.iter().filter(|owner| !writer.owns(owner)) {
        for path in owner.fields.iter().filter(|path| changed.contains(path)) {
            conflicts.push((owner.manager.clone(), owner.apply, path.clone()));
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts, version));
    }
    for owner in &mut next {
        if !(writer.owns(owner) && owner.apply) {
            owner.fields.retain(|path| !changed.contains(path));
        }
    }
    let before = next.iter().find(|owner| writer.owns(owner) && owner.apply).cloned();
    next.retain(|owner| !(owner.fields.is_empty() || writer.owns(owner) && owner.apply));
    let mut values = fields.clone();
    values.extend(wanted.clone());
    for path in before.iter().flat_map(|owner| &owner.fields) {
        if !wanted.contains_key(path) && !next.iter().any(|owner| owner.fields.contains(path)) {
            values.remove(path);
        }
    }
    let held: BTreeSet<String> = wanted.keys().cloned().collect();
    if !held.is_empty() {
        let unchanged = changed.is_empty() && before.as_ref().is_some_and(|owner| owner.fields == held);
        let time = if unchanged { before.and_then(|owner| owner.time) } else { Some(now) };
        next.push(FieldOwner { manager: writer.manager.to_owned(), apply: true, fields: held, time });
    }
    *fields = values;
    *owners = next;
    Ok(())
}

/// A plain patch: it asks nobody, and takes what it changes away from all others. `None` removes.
pub(super) fn patch(
    fields: &mut Fields,
    owners: &mut Vec<FieldOwner>,
    wanted: &BTreeMap<String, Option<String>>,
    writer: &Writer<'_>,
) {
    let changed: BTreeMap<&String, &Option<String>> =
        wanted.iter().filter(|(path, value)| fields.get(*path) != value.as_ref()).collect();
    if changed.is_empty() {
        return;
    }
    for owner in owners.iter_mut() {
        owner.fields.retain(|path| !changed.contains_key(path));
    }
    let set: BTreeSet<String> =
        changed.iter().filter(|(_, value)| value.is_some()).map(|(path, _)| (*path).clone()).collect();
    if !set.is_empty() {
        if let Some(owner) = owners.iter_mut().find(|owner| writer.owns(owner) && !owner.apply) {
            owner.fields.extend(set);
            owner.time = Some(writer.now);
        } else {
            let manager = writer.manager.to_owned();
            owners.push(FieldOwner { manager, apply: false, fields: set, time: Some(writer.now) });
        }
    }
    owners.retain(|owner| !owner.fields.is_empty());
    for (path, value) in changed {
        match value {
            Some(value) => fields.insert(path.clone(), value.clone()),
            None => fields.remove(path),
        };
    }
}

fn conflict(conflicts: &[(String, bool, String)], version: &str) -> Error {
    let name = |manager: &str, apply: bool| {
        if apply { format!("{manager:?}") } else { format!("{manager:?} using {version}") }
    };
    let message = match conflicts {
        [(manager, apply, field)] => {
            format!("Apply failed with 1 conflict: conflict with {}: {field}", name(manager, *apply))
        }
        several => {
            let each: Vec<String> = several
                .iter()
                .map(|(manager, apply, field)| format!("conflict with {}: {field}", name(manager, *apply)))
                .collect();
            format!("Apply failed with {} conflicts: {}", several.len(), each.join("; "))
        }
    };
    let owners = conflicts
        .iter()
        .map(|(manager, _, field)| FieldConflict { manager: manager.clone(), field: field.clone() })
        .collect();
    kubernetes_conflict(message).conflicts(owners)
}
