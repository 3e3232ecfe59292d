//! Decides the ARN that a bare name of an AWS-managed policy stands for.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Names of the AWS-managed policies under their paths: a line that begins with a slash is the path of the names below
/// it. Names and paths are taken from the policy data of moto 5.2; the documents are not needed.
const POLICIES: &str = include_str!("aws_managed.txt");

/// Service-linked roles have these, other roles cannot.
const SERVICE_LINKED: &str = "/aws-service-role/";

/// Why a bare policy name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?}: {rule} ({remedy})")]
pub struct PolicyNameError {
    /// The name.
    pub name: String,
    /// The rule that is broken.
    pub rule: String,
    /// What to do about it.
    pub remedy: String,
}

/// The ARN of an AWS-managed policy, with the path that the policy lives under.
///
/// A name that the built-in list does not know is taken to be at the root, where most are: AWS adds policies all the
/// time. A path given with the name (`service-role/Name`) is kept.
///
/// # Errors
///
/// A name that IAM does not allow, a path that is not the policy's, or a policy that only service-linked roles can have.
pub fn aws_managed_policy_arn(partition: &str, name: &str) -> Result<String, PolicyNameError> {
    let refuse = |rule: &str, remedy: &str| {
        Err(PolicyNameError { name: name.to_owned(), rule: rule.to_owned(), remedy: remedy.to_owned() })
    };
    let (given, bare) = match name.rsplit_once('/') {
        Some((path, bare)) => (Some(format!("/{}/", path.trim_start_matches('/'))), bare),
        None => (None, name),
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(1..=128).contains(&bare.len()) || !bare.bytes().all(legal) {
        return refuse(
            "a policy name has 1 to 128 letters, digits and characters of _+=,.@-",
            "give the name or the ARN of a managed policy",
        );
    }
    let known = find(bare);
    if let (Some(given), Some(known)) = (&given, known)
        && given != known
    {
        return refuse("the policy lives under another path", &format!("write {bare}"));
    }
    let path = given.as_deref().or(known).unwrap_or("/");
    if path == SERVICE_LINKED {
        return refuse(
            "only service-linked roles can have this AWS-managed policy",
            "attach another policy, or write a document of your own",
        );
    }
    Ok(format!("arn:{partition}:iam::aws:policy{path}{bare}"))
}

/// The known, attachable AWS-managed policy whose name is nearest to one that is not known.
///
/// `None` where the name is known, or nothing is near enough to be a slip of the fingers.
pub fn suggest(name: &str) -> Option<&'static str> {
    if find(name).is_some() {
        return None;
    }
    let limit = (name.chars().count() / 6).clamp(1, 4);
    entries()
        .filter(|(path, _)| *path != SERVICE_LINKED)
        .filter(|(_, known)| known.len().abs_diff(name.len()) <= limit)
        .map(|(_, known)| (distance(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

/// The path of a known policy.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    static PATHS: LazyLock<HashMap<&'static str, &'static str>> =
        LazyLock::new(|| entries().map(|(path, name)| (name, path)).collect());
    PATHS.get(name).copied()
}

/// Path and name of every known policy.
pub(super) fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut path = "/";
    POLICIES.lines().filter_map(move |line| {
        if line.starts_with('/') {
            path = line;
            return None;
        }
        Some((path, line))
    })
}

/// Insertions, deletions and replacements that make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
