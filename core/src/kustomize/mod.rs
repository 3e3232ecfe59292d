//! Decides how a kustomization makes a workload run as a service account, and how that is undone.
//!
//! Everything here is text in, text out: the caller reads and writes the files. An edit touches only the bytes of the change;
//! comments, order, line breaks and layout of the rest stay as they are. Beside each change stands a comment that starts with
//! `# podrole:`; [`unset_service_account`] goes by these comments and gives back the bytes that stood there before.
//!
//! What is edited, in this order of preference:
//!
//! 1. The operation on `/spec/template/spec/serviceAccountName` that decides today, when its patch names exactly this workload:
//!    its value is changed where it stands.
//! 2. A JSON6902 patch that names exactly this workload: the operation is appended to it.
//! 3. Otherwise a patch of our own is appended to `patches:`, which every supported kustomize reads; to `patchesJson6902:` only
//!    when a patch there would win over it (kustomize applies that list after `patches:`).
//!
//! The operation written is `add`, and a `replace` whose value is changed becomes `add`: RFC 6902 lets `replace` fail where the
//! workload has no such field, while `add` holds either way. kustomize 5.5 takes both; a `replace` whose value is right already
//! stays as it is.
//!
//! Patches that are shared (a file used twice, a file outside the kustomization's folder, a target that selects more than this
//! workload) are left alone, and a patch of our own is placed after them.
//!
//! What is not seen: the resources themselves, components, generators, `replacements:` and patches in a base. Whether the
//! rendered workload runs as the service account is known only once kustomize has rendered it.

mod error;
mod mark;
mod ops;
mod patches;
mod selector;
mod set;
mod text;
mod tree;
mod unset;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::KustomizeError;

use ops::Effect;
use patches::Kustomization;

/// Where a pod template holds its service account.
const FIELD: &str = "/spec/template/spec/serviceAccountName";

/// The workload a kustomization is edited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadTarget {
    /// `Deployment`, `StatefulSet` or `DaemonSet`.
    pub kind: String,
    /// Its name in the cluster. The kustomization's own `namePrefix` and `nameSuffix` are taken off to find the name patches use.
    pub name: String,
    /// Its namespace, to tell existing patches apart. Patches of our own carry no namespace: a base often has none.
    pub namespace: Option<String>,
}

/// New texts of the files an edit changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KustomizeEdit {
    /// The kustomization's new text, if it changes.
    pub kustomization: Option<String>,
    /// New texts of the patch files that change, by the path the kustomization names them with.
    pub files: BTreeMap<String, String>,
    /// What the patches set before the edit.
    pub former: Option<String>,
}

impl KustomizeEdit {
    /// Whether everything already stands as asked for.
    pub fn is_empty(&self) -> bool {
        self.kustomization.is_none() && self.files.is_empty()
    }
}

/// The JSON6902 patch that makes a pod template run as `service_account`, as YAML.
pub fn service_account_patch(service_account: &str) -> String {
    set::operation(service_account, 0, "") + "\n"
}

/// The patch files that the kustomization names, each once, in order, as paths relative to its folder.
///
/// The functions below need the text of those whose target may be the workload; the caller reads what exists and leaves out the
/// rest.
///
/// # Errors
///
/// [`KustomizeError::Yaml`], [`KustomizeError::NotAKustomization`], and [`KustomizeError::Unsupported`] for an entry that is
/// none of the forms kustomize documents.
pub fn referenced_files(kustomization: &str) -> Result<Vec<String>, KustomizeError> {
    patches::referenced_files(kustomization)
}

/// What the patches set today, or `None` when they do not set it and the base decides.
///
/// # Errors
///
/// Those of [`referenced_files`]; [`KustomizeError::MissingFile`] for a patch file that may concern the workload;
/// [`KustomizeError::Unsupported`] when the kustomization alone does not tell, for example when the last patch that sets the
/// field chooses its workloads by label.
pub fn service_account_of(
    kustomization: &str,
    files: &BTreeMap<String, String>,
    target: &WorkloadTarget,
) -> Result<Option<String>, KustomizeError> {
    let kustomization = Kustomization::read(kustomization, files, target)?;
    let Some(deciding) = kustomization.deciding() else { return Ok(None) };
    let unclear = |what: &str| {
        Err(KustomizeError::Unsupported {
            file: deciding.file(),
            line: deciding.line_of_effect(),
            what: what.to_owned(),
        })
    };
    if deciding.fit == selector::Fit::Unknown {
        return unclear("whether this patch selects the workload depends on more than its kind and name");
    }
    match deciding.effect() {
        Some(Effect::Set(value)) => Ok(Some(value)),
        Some(Effect::Opaque) => unclear("this patch sets the service account as part of something larger"),
        Some(Effect::Removed) | None => Ok(None),
    }
}

/// Makes the kustomization run the workload as `service_account`.
///
/// A second call changes nothing. A call with another service account changes the value again and keeps the mark of the first,
/// so that undoing leads back to the start. Nothing is edited when the patches set it already, whoever wrote them.
///
/// # Errors
///
/// Those of [`referenced_files`]; [`KustomizeError::MissingFile`]; [`KustomizeError::Conflict`] when a strategic merge patch sets
/// another service account; [`KustomizeError::InvalidName`]; [`KustomizeError::Unsupported`] where there is no place to write.
pub fn set_service_account(
    kustomization: &str,
    files: &BTreeMap<String, String>,
    target: &WorkloadTarget,
    service_account: &str,
) -> Result<KustomizeEdit, KustomizeError> {
    check_name("service account", service_account)?;
    let edit = set::set(&Kustomization::read(kustomization, files, target)?, service_account)?;
    // YAML can be written in more ways than anybody edits by hand: an edit that does not read back as meant is none.
    let after = edit.kustomization.as_deref().unwrap_or(kustomization);
    let patched: BTreeMap<String, String> =
        files.iter().chain(&edit.files).map(|(name, text)| (name.clone(), text.clone())).collect();
    match service_account_of(after, &patched, target) {
        Ok(Some(named)) if named == service_account => Ok(edit),
        _ => Err(KustomizeError::Unsupported {
            file: patches::FILE.to_owned(),
            line: 1,
            what: "it is written in a way that cannot be edited".to_owned(),
        }),
    }
}

/// Undoes [`set_service_account`]: removes what it added and restores what it replaced, byte for byte.
///
/// A patch without a mark is not podrole's and stays, so a kustomization never edited gives an empty edit.
///
/// # Errors
///
/// Those of [`referenced_files`]; [`KustomizeError::MissingFile`]; [`KustomizeError::Conflict`] when what podrole wrote now says
/// something other than `service_account`.
pub fn unset_service_account(
    kustomization: &str,
    files: &BTreeMap<String, String>,
    target: &WorkloadTarget,
    service_account: &str,
) -> Result<KustomizeEdit, KustomizeError> {
    unset::unset(&Kustomization::read(kustomization, files, target)?, service_account)
}

/// A DNS subdomain, which is what Kubernetes asks of these names.
fn check_name(what: &'static str, value: &str) -> Result<(), KustomizeError> {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
    };
    if value.len() <= 253 && value.split('.').all(label) {
        Ok(())
    } else {
        Err(KustomizeError::InvalidName { what, value: value.to_owned() })
    }
}
