//! Who owns which field of a Kubernetes object, as its managed fields tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, FieldConflict};
use crate::model::FieldOwner;

pub(super) const ANNOTATIONS: &str = ".metadata.annotations.";
pub(super) const LABELS: &str = ".metadata.labels.";

/// The keys under a prefix that a field manager owns by server-side apply.
pub(super) fn owned<'o>(
    owners: &'o [FieldOwner],
    prefix: &'o str,
    manager: &'o str,
) -> impl Iterator<Item = String> + 'o {
    owners
        .iter()
        .filter(move |owner| owner.manager == manager && owner.apply)
        .flat_map(|owner| &owner.fields)
        .filter_map(move |field| field.strip_prefix(prefix).map(str::to_owned))
}

/// The other managers that own a field that is set. What nobody was recorded for, the API server takes to be this one's.
pub(super) fn others(owners: &[FieldOwner], field: &str, manager: &str) -> Vec<FieldConflict> {
    if owners.is_empty() {
        return vec![FieldConflict { manager: "before-first-apply".to_owned(), field: field.to_owned() }];
    }
    owners
        .iter()
        .filter(|owner| owner.manager != manager && owner.fields.contains(field))
        .map(|owner| FieldConflict { manager: owner.manager.clone(), field: field.to_owned() })
        .collect()
}

pub(super) fn conflict(resource: String, conflicts: Vec<FieldConflict>, setting: &str) -> Error {
    let owners: BTreeSet<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    let owners = owners.into_iter().collect::<Vec<_>>().join(", ");
    Error::new(ErrorKind::Conflict, format!("{owners} owns what the grant would change"))
        .resource(resource)
        .code("Conflict")
        .remedy(format!("change it where {owners} takes it from, or set `{setting}` to take it over"))
        .conflicts(conflicts)
}

/// The key and value of a field below a prefix.
pub(super) fn value_at<'v>(
    field: &'v str,
    prefix: &str,
    values: &'v BTreeMap<String, String>,
) -> Option<(&'v str, &'v String)> {
    let key = field.strip_prefix(prefix)?;
    Some((key, values.get(key)?))
}
