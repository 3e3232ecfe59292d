//! Decides what a grant file says: YAML or JSON with short forms, read strictly into the canonical [`Grant`].
//!
//! Every error is [`ErrorKind::InvalidInput`] (or what [`Grant::check`] says). Its message gives line, column,
//! document and the path of the field; its remedy gives the nearest legal word, all legal ones, and the line itself.
//!
//! | key | short forms | long form |
//! |---|---|---|
//! | `cluster` | name, ARN | `{name, region, account}` |
//! | `serviceAccount` | `namespace/name` | `{namespace, name, manage, labels}` |
//! | `role` | name, ARN | `{name or arn, manage, path, description, maxSessionDuration, permissionsBoundary, tags}` |
//! | `policies` | AWS-managed name, ARN, `{awsManaged}`, `{customer, path}`, `{arn}`, `{name, document, inline, path, manage}`, `{name, s3, inline, path, manage}` | `{source, name, arn, path, inline, document, s3, manage}` |
//! | `deployments`, `statefulSets`, `daemonSets` | name, `{name, manage, restart}` | `workloads: [{kind, name, manage, restart}]` |
//! | `kustomizations` | `{path, deployment}`, also `statefulSet` and `daemonSet` | `{path, kind, name}` |
//! | `dataSyncs` | role's name or ARN | `{role, sourceAccount, externalId}` |
//! | `trust.conditions` | operator → key → value | operator → key → list of values |
//!
//! What YAML leaves open is decided so: a file has at most 1 MiB and 64 levels; keys are unique; anchors and aliases are read while they repeat
//! at most 1 MiB, merge keys and tags other than `!!str` are not; documents without content are skipped. Where text is expected, a number
//! is taken as it is written (`012345678901` keeps its zero), while `true`, `yes`, `off` and the like need quotes.

mod front;
mod problem;
mod reader;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;
mod tree;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize as _;

use self::front::GrantFile;
#[cfg(feature = "aws")]
pub(crate) use self::problem::nearest;
use self::problem::{Problem, Step, leading_path};
use self::reader::Reader;
use self::tree::{Node, Value};
use super::Grant;
use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "schema")]
pub use self::schema::grant_schema;

impl Grant {
    /// Reads the one grant of a YAML text, in short or long form, and [checks](Grant::check) it.
    ///
    /// ```
    /// use podrole::Grant;
    ///
    /// let grant = Grant::from_yaml(
    ///     "cluster: devops_aurora
    /// serviceAccount: devops-aurora-1/connections-serviceaccount-s3
    /// role: connections-role-test
    /// policies: [AmazonS3FullAccess]
    /// deployments: [connections-app]
    /// ",
    /// )?;
    /// assert_eq!(grant.subject(), "devops-aurora-1/connections-serviceaccount-s3");
    ///
    /// let error = Grant::from_yaml("cluster: a\nservice_account: b/c\nrole: d\n").unwrap_err();
    /// assert_eq!(
    ///     error.message(),
    ///     "line 2, column 1: service_account: unknown key; did you mean `serviceAccount`?"
    /// );
    /// # Ok::<(), podrole::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_input` with line, column and path: text that is not YAML, holds no grant or more than one, has an unknown or repeated key or a
    /// wrong value, is larger than 1 MiB, or breaks a rule of [`Grant::check`].
    pub fn from_yaml(text: &str) -> Result<Self> {
        only_one(Self::all_from_yaml(text)?, "all_from_yaml")
    }

    /// Reads every grant of a YAML text, one a document (`---` between them). Documents without content are skipped.
    ///
    /// # Errors
    /// As [`Grant::from_yaml`], with the number of the document; one bad document fails them all.
    pub fn all_from_yaml(text: &str) -> Result<Vec<Self>> {
        let text = without_mark(text);
        let read = || -> Result<Vec<Self>, Problem> {
            let documents = tree::read_yaml(text)?;
            let several = documents.len() > 1;
            let one = |(number, node): &(usize, Node)| {
                if matches!(node.value, Value::List(_)) {
                    return Err(Problem::new(
                        "expected a mapping with the keys of a grant, found a list",
                        "write several grants as several documents, with a line `---` between them",
                    )
                    .at(node.place)
                    .in_document_if(*number, several));
                }
                grant_of(node).map_err(|problem| problem.in_document_if(*number, several))
            };
            documents.iter().map(one).collect()
        };
        read().map_err(|problem| problem.into_error(text))
    }

    /// Reads the one grant of a JSON object, in short or long form, and [checks](Grant::check) it.
    ///
    /// # Errors
    /// As [`Grant::from_yaml`].
    pub fn from_json(text: &str) -> Result<Self> {
        only_one(Self::all_from_json(text)?, "all_from_json")
    }

    /// Reads one grant of a JSON object, or every grant of a JSON array of objects.
    ///
    /// # Errors
    /// As [`Grant::from_yaml`]; paths begin with the grant's index in the array.
    pub fn all_from_json(text: &str) -> Result<Vec<Self>> {
        let text = without_mark(text);
        let read = || -> Result<Vec<Self>, Problem> {
            let node = tree::read_json(text)?;
            match &node.value {
                Value::List(items) if items.is_empty() => Err(Problem::new(
                    "there is no grant in this array",
                    "give at least one object with `cluster`, `serviceAccount` and `role`",
                )
                .at(node.place)),
                Value::List(items) => items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| grant_of(item).map_err(|problem| problem.under_index(index)))
                    .collect(),
                _ => Ok(vec![grant_of(&node)?]),
            }
        };
        read().map_err(|problem| problem.into_error(text))
    }

    /// Reads the one grant of a value that a program made, in short or long form, and [checks](Grant::check) it.
    ///
    /// ```
    /// use podrole::Grant;
    /// use serde_json::json;
    ///
    /// let value = json!({"cluster": "a", "serviceAccount": "b/c", "role": "d", "policies": [{"s4": {}}]});
    /// let error = Grant::from_value(&value).unwrap_err();
    /// assert_eq!(error.message(), "policies[0].s4: unknown key; did you mean `s3`?");
    /// ```
    ///
    /// # Errors
    /// As [`Grant::from_json`], with the path alone: there is no text whose line could be named. A number is no text here.
    pub fn from_value(value: &serde_json::Value) -> Result<Self> {
        grant_of(&Node::of(value)).map_err(Problem::into_error_without_place)
    }

    /// Reads every grant of a file: YAML from `.yaml` and `.yml`, JSON from `.json`.
    ///
    /// # Errors
    /// As [`Grant::all_from_yaml`], with the file as the error's resource; `not_found` for a file that does not exist; `invalid_input`
    /// for another extension, a file that cannot be read or is larger than 1 MiB, and text that is not UTF-8.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        let path = path.as_ref();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let result = match extension.as_str() {
            "yaml" | "yml" => text_of(path).and_then(|text| Self::all_from_yaml(&text)),
            "json" => text_of(path).and_then(|text| Self::all_from_json(&text)),
            _ => Err(Error::invalid("the name of a grant file must end in .yaml, .yml or .json").remedy("rename it")),
        };
        result.map_err(|error| error.resource(path.display().to_string()))
    }

    /// The canonical long form as YAML, which [`Grant::from_yaml`] reads back.
    pub fn to_yaml(&self) -> String {
        // JSON is YAML too, should the writer of YAML ever refuse.
        serde_saphyr::to_string(self).unwrap_or_else(|_| self.to_json())
    }

    /// The canonical long form as indented JSON, which [`Grant::from_json`] reads back.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Reads a value that a program made as anything, as strictly as a grant is read. `what` it should be is said where no path tells.
pub(crate) fn read_value<T: serde::de::DeserializeOwned>(what: &str, value: &serde_json::Value) -> Result<T> {
    T::deserialize(Reader(&Node::of(value))).map_err(|problem| problem.into_error_of(what))
}

/// The text without the byte-order mark that some editors put before it.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn only_one(mut grants: Vec<Grant>, all: &str) -> Result<Grant> {
    match (grants.pop(), grants.len()) {
        (Some(grant), 0) => Ok(grant),
        (_, others) => Err(Error::invalid(format!("expected one grant, found {}", others + 1))
            .remedy(format!("read all of them with `Grant::{all}`"))),
    }
}

/// Reads and checks the grant of one document.
fn grant_of(node: &Node) -> Result<Grant, Problem> {
    let grant = GrantFile::deserialize(Reader(node))?.into_grant();
    match grant.check() {
        Ok(_) => Ok(grant),
        Err(error) => Err(check_problem(node, &error)),
    }
}

/// A broken rule at the place in the file that it is about.
fn check_problem(root: &Node, error: &Error) -> Problem {
    let path = leading_path(error.message());
    let (node, rest, message) = match written_workload(root, &path) {
        Some((list, index, node)) => {
            let rest = error.message().split_once(']').map_or("", |(_, rest)| rest);
            (node, &path[2..], format!("{list}[{index}]{rest}"))
        }
        None => (root, &path[..], error.message().to_owned()),
    };
    Problem::of_check(error, message).at(deepest(node, rest).place)
}

/// Where the file has what the canonical form calls `workloads[…]`: the list, the index there, and the item.
fn written_workload<'a>(root: &'a Node, path: &[Step]) -> Option<(&'static str, usize, &'a Node)> {
    let [Step::Key(key), Step::Index(index), ..] = path else { return None };
    if key != "workloads" {
        return None;
    }
    GrantFile::WORKLOAD_LISTS
        .into_iter()
        .flat_map(|list| {
            let items = root.get(list).map_or(&[][..], Node::items);
            items.iter().enumerate().map(move |(index, item)| (list, index, item))
        })
        .nth(*index)
}

/// The node that a path leads to, or the last one on the way that the file has.
fn deepest<'a>(root: &'a Node, path: &[Step]) -> &'a Node {
    path.iter()
        .try_fold(root, |node, step| {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.items().get(*index),
            };
            next.ok_or(node)
        })
        .unwrap_or_else(|last| last)
}

fn text_of(path: &Path) -> Result<String> {
    let unreadable = |error: std::io::Error| {
        let kind =
            if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::InvalidInput };
        Error::new(kind, format!("the file cannot be read: {error}"))
            .remedy("check its path and permissions")
            .caused_by(error)
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(tree::MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
    let mut file = File::open(path).map_err(unreadable)?.take(limit);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > tree::MAX_SIZE {
        // Only the beginning was read: the size is the file system's word.
        let size =
            std::fs::metadata(path).map_or(bytes.len(), |data| usize::try_from(data.len()).unwrap_or(usize::MAX));
        tree::check_size(size.max(bytes.len())).map_err(|problem| problem.into_error(""))?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let legal = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = legal.split(|byte| *byte == b'\n').count();
        Error::invalid(format!("line {line}: the text is not UTF-8")).remedy("save the file as UTF-8")
    })
}
