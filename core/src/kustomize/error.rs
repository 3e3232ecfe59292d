use thiserror::Error;

use crate::error::{Error as Failure, ErrorKind};

/// Why a kustomization could not be read or edited.
///
/// `file` is `kustomization.yaml` or the path of a patch file as the kustomization writes it. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KustomizeError {
    /// The text is not sound YAML or JSON: broken syntax, a tab as indentation, a key given twice.
    #[error("{file}, line {line}, column {column}: {message}")]
    Yaml {
        /// The file that holds the fault.
        file: String,
        /// Line in that file.
        line: usize,
        /// Column in that line.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The text is YAML, but no kustomization.
    #[error("not a kustomization: {found}")]
    NotAKustomization {
        /// What stands there instead.
        found: String,
    },
    /// The kustomization says something that cannot be edited or judged without guessing.
    #[error("{file}, line {line}: {what}")]
    Unsupported {
        /// The file that holds it.
        file: String,
        /// Line in that file.
        line: usize,
        /// What it is and what to do about it.
        what: String,
    },
    /// Something that is not podrole's sets the service account, so an edit would fight it.
    #[error("{file}, line {line}: {what}")]
    Conflict {
        /// The file that holds it.
        file: String,
        /// Line in that file.
        line: usize,
        /// What sets which service account.
        what: String,
    },
    /// A patch file that the kustomization names was not among the files given.
    #[error("kustomization.yaml, line {line}: the patch file {path} is missing")]
    MissingFile {
        /// The path as the kustomization writes it.
        path: String,
        /// Line in the kustomization that names it.
        line: usize,
    },
    /// A name that Kubernetes would not accept.
    #[error("{what} {value:?} is not valid")]
    InvalidName {
        /// What the value was given for.
        what: &'static str,
        /// The value.
        value: String,
    },
}

impl KustomizeError {
    /// As podrole's error about a kustomization.
    pub(crate) fn of(&self, path: &str) -> Failure {
        let (kind, remedy) = match self {
            Self::Conflict { .. } => (ErrorKind::Conflict, "let one place alone set it"),
            Self::Unsupported { .. } => (ErrorKind::Unsupported, "write it in another way, or edit the file by hand"),
            Self::MissingFile { .. } => {
                (ErrorKind::NotFound, "add the file, or take its entry out of the kustomization")
            }
            _ => (ErrorKind::InvalidInput, "mend the file until `kubectl kustomize` renders it"),
        };
        Failure::new(kind, self.to_string()).resource(format!("file {path}")).remedy(remedy)
    }
}
