//! The principals of trust policies: IAM keeps roles by their unique id, shows their ARN, and shows the id once the role is
//! gone.

use serde_json::Value;

use super::errors::malformed;
use super::state::State;
use super::world::World;
use crate::error::Result;
use crate::model::{AccountId, Arn, RoleName};
use crate::policy::{Document, is_unique_id};

/// All names under `AWS` in a trust policy.
pub(super) fn principals(trust: &Document) -> Vec<String> {
    let mut names = Vec::new();
    let mut value = trust.as_value().clone();
    each_aws_principal(&mut value, &mut |name| names.push(name.clone()));
    names
}

/// The trust policy as IAM takes it.
///
/// # Errors
/// `MalformedPolicyDocument` for a role that does not exist (or not yet) in an account of this world, and for the unique id
/// of a role that is gone.
pub(super) fn resolve(state: &State, trust: &Document) -> Result<Document> {
    let mut value = trust.as_value().clone();
    let mut unknown = None;
    each_aws_principal(&mut value, &mut |name| match exists(state, name) {
        Principal::Known => {}
        Principal::Id(arn) => *name = arn.to_string(),
        Principal::Unknown => {
            unknown.get_or_insert_with(|| name.clone());
        }
    });
    if let Some(name) = unknown {
        return Err(malformed(format!("Invalid principal in policy: \"AWS\":\"{name}\"")));
    }
    Ok(Document::from_value(value)?)
}

/// After a role was deleted: where trust policies named it, its unique id is what is left.
pub(super) fn forget(world: &mut World, arn: &Arn, unique_id: &str) {
    for role in world.accounts.values_mut().flat_map(|account| account.roles.values_mut()) {
        if !principals(&role.trust).iter().any(|name| name == arn.as_str()) {
            continue;
        }
        let mut value = role.trust.as_value().clone();
        each_aws_principal(&mut value, &mut |name| {
            if name == arn.as_str() {
                unique_id.clone_into(name);
            }
        });
        if let Ok(trust) = Document::from_value(value) {
            role.trust = trust;
        }
    }
}

/// The ARN of a role of a world.
pub(super) fn role_arn(world: &World, account: &AccountId, name: &RoleName) -> Option<Arn> {
    let holder = world.accounts.get(account)?;
    let role = holder.roles.get(name)?;
    Some(Arn::role(&holder.partition, account, role.path.as_str(), name))
}

enum Principal {
    Known,
    Id(Arn),
    Unknown,
}

fn exists(state: &State, name: &str) -> Principal {
    let world = &state.world;
    let found = |test: &dyn Fn(&Arn, &str) -> bool| {
        world.accounts.iter().find_map(|(id, account)| {
            account.roles.iter().filter(|(role, _)| state.is_visible(id, role)).find_map(|(role, held)| {
                let arn = Arn::role(&account.partition, id, held.path.as_str(), role);
                test(&arn, &held.unique_id).then_some(arn)
            })
        })
    };
    if is_unique_id(name) {
        return found(&|_, id| id == name).map_or(Principal::Unknown, Principal::Id);
    }
    let Ok(arn) = Arn::new(name) else { return Principal::Known };
    // Accounts outside this world, and users, are taken to exist.
    let here = arn.account().is_some_and(|account| world.accounts.contains_key(&account));
    if !here || arn.service() != "iam" || !arn.resource().starts_with("role/") {
        return Principal::Known;
    }
    found(&|other, _| *other == arn).map_or(Principal::Unknown, |_| Principal::Known)
}

fn each_aws_principal(document: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    let Some(statements) = document.get_mut("Statement") else { return };
    let statements = match statements {
        Value::Array(statements) => statements.iter_mut().collect(),
        single => vec![single],
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            match statement.get_mut(element).and_then(|kinds| kinds.get_mut("AWS")) {
                Some(Value::String(name)) => visit(name),
                Some(Value::Array(names)) => names.iter_mut().for_each(|name| {
                    if let Value::String(name) = name {
                        visit(name);
                    }
                }),
                _ => {}
            }
        }
    }
}
