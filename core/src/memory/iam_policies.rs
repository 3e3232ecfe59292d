//! Managed policies in the simulation: which exist, and how customers' own are changed.

use std::collections::BTreeMap;

use super::checks;
use super::errors::{delete_conflict, exists, invalid_input, limit, no_such_entity, validation};
use super::state::State;
use super::world::{AccountPolicy, World};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AccountId, Arn, IamPath, ManagedPolicy, NewPolicy, PolicyName, PolicyVersion};
use crate::policy::{Document, aws_managed_path};

/// Documents of AWS-managed policies that simulations read most.
const AWS_DOCUMENTS: [(&str, &str); 2] = [
    (
        "AmazonS3FullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}"#,
    ),
    (
        "AmazonS3ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}"#,
    ),
];

/// A managed policy, by who manages it.
pub(super) enum Found<'a> {
    /// AWS does; with its document where it is known.
    Aws(Option<Document>),
    /// The account does.
    Customer(&'a AccountPolicy),
}

/// `3` of `v3`.
pub(super) fn version_number(id: &str) -> u32 {
    id.trim_start_matches('v').parse().unwrap_or(0)
}

/// The name in the ARN of a customer-managed policy, if it is one of this account and partition.
fn own_name(world: &World, account: &AccountId, arn: &Arn) -> Option<PolicyName> {
    let holder = world.accounts.get(account)?;
    let ours = arn.account().as_ref() == Some(account) && arn.service() == "iam" && arn.partition() == holder.partition;
    let rest = arn.resource().strip_prefix("policy/").filter(|_| ours)?;
    PolicyName::new(rest.rsplit('/').next()?).ok()
}

/// Looks a managed policy up, as an account sees it.
pub(super) fn find<'a>(world: &'a World, account: &AccountId, arn: &Arn) -> Option<Found<'a>> {
    let holder = world.accounts.get(account)?;
    if arn.is_aws_managed_policy() {
        let wanted = arn.resource().strip_prefix("policy/").filter(|_| arn.partition() == holder.partition)?;
        if let Some(document) = world.aws_managed_policies.get(wanted) {
            return Some(Found::Aws(document.clone()));
        }
        let document = AWS_DOCUMENTS.iter().find(|(name, _)| *name == wanted);
        let document = document.and_then(|(_, text)| Document::parse(text).ok());
        return is_aws_managed(wanted).then_some(Found::Aws(document));
    }
    let name = own_name(world, account, arn)?;
    let policy = holder.policies.get(&name)?;
    (policy_arn(&holder.partition, account, &policy.path, &name) == *arn).then_some(Found::Customer(policy))
}

/// Whether AWS manages a policy of this path and name.
fn is_aws_managed(wanted: &str) -> bool {
    let (path, name) = wanted.rsplit_once('/').unwrap_or(("", wanted));
    aws_managed_path(name).is_some_and(|known| known.trim_matches('/') == path)
}

fn policy_arn(partition: &str, account: &AccountId, path: &IamPath, name: &PolicyName) -> Arn {
    Arn::policy(partition, account, path.as_str(), name.as_str())
}

fn absent(arn: &Arn) -> Error {
    no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
}

/// A policy that may be attached to a role of the account.
pub(super) fn attachable(world: &World, account: &AccountId, arn: &Arn) -> Result<()> {
    if arn.is_aws_managed_policy() && arn.resource().starts_with("policy/aws-service-role/") {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(Error::new(ErrorKind::InvalidInput, message).code("PolicyNotAttachable"));
    }
    if !arn.is_aws_managed_policy() && !arn.resource().starts_with("policy/") {
        return Err(invalid_input(format!("ARN {arn} is not valid.")));
    }
    find(world, account, arn).map(|_| ()).ok_or_else(|| absent(arn))
}

/// On how many roles of the account a policy is.
fn attachments(world: &World, account: &AccountId, arn: &Arn) -> usize {
    world
        .accounts
        .get(account)
        .map_or(0, |holder| holder.roles.values().filter(|role| role.attached_policies.contains(arn)).count())
}

pub(super) fn read(world: &World, account: &AccountId, arn: &Arn) -> Option<ManagedPolicy> {
    let (default_version, tags) = match find(world, account, arn)? {
        Found::Aws(_) => ("v1".to_owned(), BTreeMap::new()),
        Found::Customer(policy) => (policy.default_version.clone(), policy.tags.clone()),
    };
    let attachment_count = u32::try_from(attachments(world, account, arn)).unwrap_or(u32::MAX);
    let attachable = !arn.resource().starts_with("policy/aws-service-role/");
    Some(ManagedPolicy { arn: arn.clone(), default_version, attachment_count, attachable, tags })
}

pub(super) fn versions(world: &World, account: &AccountId, arn: &Arn) -> Option<Vec<PolicyVersion>> {
    Some(match find(world, account, arn)? {
        Found::Aws(_) => vec![PolicyVersion { id: "v1".to_owned(), default: true }],
        Found::Customer(policy) => {
            let mut versions: Vec<PolicyVersion> = policy
                .versions
                .keys()
                .map(|id| PolicyVersion { id: id.clone(), default: *id == policy.default_version })
                .collect();
            versions.sort_by_key(|version| std::cmp::Reverse(version.number()));
            versions
        }
    })
}

pub(super) fn document(world: &World, account: &AccountId, arn: &Arn, version: &str) -> Result<Option<Document>> {
    match find(world, account, arn) {
        None => Ok(None),
        Some(Found::Customer(policy)) => Ok(policy.versions.get(version).cloned()),
        Some(Found::Aws(_)) if version != "v1" => Ok(None),
        Some(Found::Aws(Some(document))) => Ok(Some(document)),
        Some(Found::Aws(None)) => {
            Err(Error::new(ErrorKind::Unsupported, format!("the simulation does not know the document of {arn}"))
                .remedy("give it in `awsManagedPolicies` of the world"))
        }
    }
}

/// The customer-managed policy that a write is about.
fn own<'a>(state: &'a mut State, account: &AccountId, arn: &Arn) -> Result<&'a mut AccountPolicy> {
    if arn.is_aws_managed_policy() {
        return Err(checks::not_ours(arn));
    }
    if !matches!(find(&state.world, account, arn), Some(Found::Customer(_))) {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    let name = own_name(&state.world, account, arn);
    name.and_then(|name| state.world.accounts.get_mut(account)?.policies.get_mut(&name))
        .ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
}

pub(super) fn create(state: &mut State, account: &AccountId, new: &NewPolicy) -> Result<()> {
    checks::description(new.description.as_deref())?;
    let tags = checks::tags(&BTreeMap::new(), &new.tags, "Policy")?;
    let Some(name) = own_name(&state.world, account, &new.arn) else {
        return Err(invalid_input(format!("ARN {} is not valid.", new.arn)));
    };
    let rest = new.arn.resource().trim_start_matches("policy");
    let path = rest.strip_suffix(name.as_str()).unwrap_or_default();
    let path = IamPath::new(path).map_err(|error| validation(path, "path", &error.rule))?;
    let holder = state.account(account)?;
    checks::managed(&new.document, &holder.quotas)?;
    if holder.policies.keys().any(|held| held.as_str().eq_ignore_ascii_case(name.as_str())) {
        return Err(exists(format!("A policy called {name} already exists. Duplicate names are not allowed.")));
    }
    let policy = AccountPolicy {
        path,
        description: new.description.clone().filter(|text| !text.is_empty()),
        versions: BTreeMap::from([("v1".to_owned(), new.document.clone())]),
        default_version: "v1".to_owned(),
        last_version: 1,
        tags,
    };
    holder.policies.insert(name, policy);
    Ok(())
}

pub(super) fn create_version(state: &mut State, account: &AccountId, arn: &Arn, document: &Document) -> Result<String> {
    let quotas = state.account(account)?.quotas;
    let policy = own(state, account, arn)?;
    checks::managed(document, &quotas)?;
    if policy.versions.len() >= checks::as_usize(quotas.versions_per_policy) {
        return Err(limit(format!(
            "A managed policy can have up to {} versions. Before you create a new version, you must delete an existing version.",
            quotas.versions_per_policy
        )));
    }
    policy.last_version += 1;
    let id = format!("v{}", policy.last_version);
    policy.versions.insert(id.clone(), document.clone());
    policy.default_version.clone_from(&id);
    Ok(id)
}

pub(super) fn delete_version(state: &mut State, account: &AccountId, arn: &Arn, version: &str) -> Result<()> {
    let policy = own(state, account, arn)?;
    if policy.default_version == version {
        return Err(delete_conflict("Cannot delete the default version of a policy."));
    }
    let absent = || no_such_entity(format!("Policy {arn} version {version} does not exist or is not attachable."));
    policy.versions.remove(version).map(|_| ()).ok_or_else(absent)
}

pub(super) fn delete(state: &mut State, account: &AccountId, arn: &Arn) -> Result<()> {
    let versions = own(state, account, arn)?.versions.len();
    let bounds = |holder: &super::world::Account| {
        holder.roles.values().any(|role| role.permissions_boundary.as_ref() == Some(arn))
    };
    if attachments(&state.world, account, arn) > 0 || bounds(state.account(account)?) {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    if versions > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    if let Some(name) = own_name(&state.world, account, arn) {
        state.account(account)?.policies.remove(&name);
    }
    Ok(())
}

pub(super) fn tag(state: &mut State, account: &AccountId, arn: &Arn, tags: &BTreeMap<String, String>) -> Result<()> {
    let policy = own(state, account, arn)?;
    policy.tags = checks::tags(&policy.tags, tags, "Policy")?;
    Ok(())
}

pub(super) fn untag(state: &mut State, account: &AccountId, arn: &Arn, keys: &[String]) -> Result<()> {
    let policy = own(state, account, arn)?;
    policy.tags.retain(|held, _| !keys.iter().any(|key| key.to_lowercase() == held.to_lowercase()));
    Ok(())
}
