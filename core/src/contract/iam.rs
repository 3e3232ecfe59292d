//! Checks of IAM roles, and what every check of IAM works on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::json;

use super::expect::{Must as _, There as _, absent, document, ensure, means, refused, refused_as, same};
use super::{Check, Context, Found, checks, iam_policies, iam_providers};
use crate::error::{Error, ErrorKind};
use crate::model::{AccountId, Arn, IamPath, Issuer, NewPolicy, NewRole, PolicyName, RoleName};
use crate::policy::Document;
use crate::ports::{IamRead, IamWrite};

/// IAM of one account.
///
/// The checks make roles, policies and providers whose names begin with the prefix, and remove them. At most 105 roles exist at a time.
pub struct IamContext {
    /// The reading half.
    pub read: Arc<dyn IamRead>,
    /// The writing half.
    pub write: Arc<dyn IamWrite>,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The account.
    pub account: AccountId,
    /// What names begin with: at most 20 lower-case letters, digits and `-`, used by nobody else.
    pub prefix: String,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    roles: Vec<RoleName>,
    policies: Vec<Arn>,
    providers: Vec<Arn>,
}

type Name<T> = Result<T, String>;

impl IamContext {
    /// IAM of an account, through these ports.
    pub fn new(
        read: Arc<dyn IamRead>,
        write: Arc<dyn IamWrite>,
        partition: impl Into<String>,
        account: AccountId,
        prefix: impl Into<String>,
    ) -> Self {
        Self { read, write, partition: partition.into(), account, prefix: prefix.into(), made: Mutex::default() }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a role of this check. It is removed afterwards.
    pub(super) fn role_name(&self, name: &str) -> Name<RoleName> {
        let name = RoleName::new(format!("{}-{name}", self.prefix)).map_err(|error| error.to_string())?;
        self.made().roles.push(name.clone());
        Ok(name)
    }

    /// A role with nothing special about it.
    pub(super) fn role(&self, name: &str) -> Name<NewRole> {
        Ok(NewRole {
            name: self.role_name(name)?,
            path: IamPath::new("/").map_err(|error| error.to_string())?,
            description: None,
            max_session_duration: 3600,
            permissions_boundary: None,
            trust: service_trust()?,
            tags: BTreeMap::new(),
        })
    }

    /// A role that exists.
    pub(super) async fn created_role(&self, name: &str) -> Name<RoleName> {
        let role = self.role(name)?;
        self.write.create_role(&role).await.must("create a role")?;
        Ok(role.name)
    }

    /// The ARN of a role.
    pub(super) fn role_arn(&self, name: &RoleName, path: &str) -> Arn {
        Arn::role(&self.partition, &self.account, path, name)
    }

    /// A customer-managed policy with nothing special about it.
    pub(super) fn policy(&self, name: &str) -> Name<NewPolicy> {
        let name = PolicyName::new(format!("{}-{name}", self.prefix)).map_err(|error| error.to_string())?;
        let arn = Arn::policy(&self.partition, &self.account, "/", name.as_str());
        self.made().policies.push(arn.clone());
        Ok(NewPolicy { arn, description: None, document: permissions("s3:GetObject")?, tags: BTreeMap::new() })
    }

    /// A customer-managed policy that exists.
    pub(super) async fn created_policy(&self, name: &str) -> Name<Arn> {
        let policy = self.policy(name)?;
        self.write.create_policy(&policy).await.must("create a policy")?;
        Ok(policy.arn)
    }

    /// A policy that AWS manages.
    pub(super) fn aws_managed(&self) -> Name<Arn> {
        Arn::new(format!("arn:{}:iam::aws:policy/AmazonS3ReadOnlyAccess", self.partition))
            .map_err(|error| error.to_string())
    }

    /// An issuer of this check, and the ARN that its provider has. It is removed afterwards.
    pub(super) fn provider(&self, name: &str) -> Name<(Issuer, Arn)> {
        let url = format!("https://oidc.eks.ca-central-1.amazonaws.com/id/{}-{name}", self.prefix);
        let url = Issuer::new(url).map_err(|error| error.to_string())?;
        let arn = Arn::oidc_provider(&self.partition, &self.account, &url);
        self.made().providers.push(arn.clone());
        Ok((url, arn))
    }

    async fn remove_role(&self, name: &RoleName) -> crate::error::Result<()> {
        if self.read.role(name).await?.is_none() {
            return Ok(());
        }
        for policy in self.read.attached_policies(name).await?.unwrap_or_default() {
            self.write.detach_policy(name, &policy).await?;
        }
        for policy in self.read.inline_policies(name).await?.unwrap_or_default() {
            self.write.delete_inline_policy(name, &policy).await?;
        }
        self.write.delete_role(name).await
    }

    async fn remove_policy(&self, arn: &Arn) -> crate::error::Result<()> {
        for version in self.read.policy_versions(arn).await?.unwrap_or_default() {
            if !version.default {
                self.write.delete_policy_version(arn, &version.id).await?;
            }
        }
        self.write.delete_policy(arn).await
    }
}

#[async_trait]
impl Context for IamContext {
    async fn clean_up(&self) -> Vec<String> {
        let Made { roles, policies, providers } = std::mem::take(&mut *self.made());
        let mut left = Vec::new();
        let mut note = |thing: String, removed: crate::error::Result<()>| {
            if let Err(error) = removed
                && error.kind() != ErrorKind::NotFound
            {
                left.push(format!("{thing}: {error}"));
            }
        };
        for role in roles {
            note(format!("role {role}"), self.remove_role(&role).await);
        }
        for policy in policies {
            note(format!("policy {policy}"), self.remove_policy(&policy).await);
        }
        for provider in providers {
            note(format!("OIDC provider {provider}"), self.write.delete_oidc_provider(&provider).await);
        }
        left
    }
}

/// A trust policy that lets an AWS service in.
pub(super) fn service_trust() -> Name<Document> {
    document(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]}))
}

/// A policy that allows one action on everything.
pub(super) fn permissions(action: &str) -> Name<Document> {
    document(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}))
}

/// Tags as the ports take them.
pub(super) fn tags<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// That an error tells what podrole's own errors are made of.
pub(super) fn tells(error: &Error, operation: &str) -> Found {
    same("the error's operation", &error.get_operation(), &Some(operation))?;
    ensure(error.get_resource().is_some(), "the error does not name the thing")
}

/// The behaviour of [`IamRead`] and [`IamWrite`].
pub fn iam_checks() -> Vec<Check<IamContext>> {
    let mut checks = checks![
        a_role_that_does_not_exist_is_none,
        a_role_reads_back_as_it_was_created,
        a_role_without_extras_reads_back_plain,
        a_description_keeps_markup_and_latin_letters,
        creating_a_role_twice_is_already_exists,
        creating_a_role_in_another_case_is_already_exists,
        a_role_is_found_in_any_case,
        a_role_made_again_has_another_unique_id,
        a_trust_policy_with_a_resource_is_malformed,
        a_trust_policy_beyond_the_quota_is_limit_exceeded,
        a_trust_policy_that_names_no_such_role_is_malformed,
        a_trust_policy_reads_back_with_its_principals,
        a_deleted_principal_reads_back_as_its_unique_id,
        updating_the_trust_replaces_all_of_it,
        updating_the_settings_replaces_both,
        updating_the_settings_without_description_removes_it,
        a_session_outside_the_rule_is_invalid_input,
        a_boundary_is_put_and_deleted,
        a_boundary_that_does_not_exist_is_not_found,
        deleting_a_boundary_that_is_not_there_is_not_found,
        tagging_adds_and_replaces,
        tagging_again_succeeds,
        a_fifty_first_tag_is_limit_exceeded,
        untagging_removes_and_untagging_again_succeeds,
        writes_on_a_role_that_does_not_exist_are_not_found,
        deleting_a_role_that_does_not_exist_is_not_found,
        deleting_a_role_with_an_attached_policy_is_a_conflict,
        deleting_a_role_with_an_inline_policy_is_a_conflict,
        a_deleted_role_is_none,
        every_role_is_listed_with_its_trust,
    ];
    checks.extend(iam_policies::checks());
    checks.extend(iam_providers::checks());
    checks
}

async fn a_role_that_does_not_exist_is_none(context: &IamContext) -> Found {
    let name = context.role_name("absent")?;
    let policy = PolicyName::new("any").map_err(|error| error.to_string())?;
    absent("the role", context.read.role(&name).await)?;
    absent("its attached policies", context.read.attached_policies(&name).await)?;
    absent("its inline policies", context.read.inline_policies(&name).await)?;
    absent("its inline policy", context.read.inline_policy(&name, &policy).await)
}

async fn a_role_reads_back_as_it_was_created(context: &IamContext) -> Found {
    let boundary = context.aws_managed()?;
    let role = NewRole {
        path: IamPath::new("/podrole/contract/").map_err(|error| error.to_string())?,
        description: Some("testing sa role for pod".to_owned()),
        max_session_duration: 7200,
        permissions_boundary: Some(boundary),
        tags: tags([("team", "data"), ("podrole.dev/attached/1a2b3c4d/5e6f7a8b", "arn:aws:iam::aws:policy/A=2C")]),
        ..context.role("full")?
    };
    let id = context.write.create_role(&role).await.must("create")?;
    let found = context.read.role(&role.name).await.there("read")?;
    ensure(!id.is_empty(), "the unique id is empty")?;
    same("its name", &found.name, &role.name)?;
    same("its unique id", &found.unique_id, &id)?;
    same("its ARN", &found.arn, &context.role_arn(&role.name, "/podrole/contract/"))?;
    same("its path", &found.path, &role.path)?;
    same("its description", &found.description, &role.description)?;
    same("its session duration", &found.max_session_duration, &7200)?;
    same("its boundary", &found.permissions_boundary, &role.permissions_boundary)?;
    same("its tags", &found.tags, &role.tags)?;
    means("its trust", &found.trust, &role.trust)
}

async fn a_role_without_extras_reads_back_plain(context: &IamContext) -> Found {
    let name = context.created_role("plain").await?;
    let found = context.read.role(&name).await.there("read")?;
    same("its ARN", &found.arn, &context.role_arn(&name, "/"))?;
    same("its description", &found.description, &None)?;
    same("its boundary", &found.permissions_boundary, &None)?;
    same("its tags", &found.tags, &BTreeMap::new())?;
    same("its attached policies", &context.read.attached_policies(&name).await.there("list")?, &Vec::new())?;
    same("its inline policies", &context.read.inline_policies(&name).await.there("list")?, &Vec::new())
}

async fn a_description_keeps_markup_and_latin_letters(context: &IamContext) -> Found {
    let description = "R&D: <connections> \"été\" 100% + more\nsecond line";
    let role = NewRole { description: Some(description.to_owned()), ..context.role("markup")? };
    context.write.create_role(&role).await.must("create")?;
    let found = context.read.role(&role.name).await.there("read")?;
    same("its description", &found.description.as_deref(), &Some(description))
}

async fn creating_a_role_twice_is_already_exists(context: &IamContext) -> Found {
    let role = context.role("twice")?;
    let id = context.write.create_role(&role).await.must("create")?;
    let again = NewRole { description: Some("another".to_owned()), ..role.clone() };
    let answer = context.write.create_role(&again).await;
    let error = refused("creating it again", answer, ErrorKind::AlreadyExists, "EntityAlreadyExists")?;
    tells(&error, "iam:CreateRole")?;
    let found = context.read.role(&role.name).await.there("read")?;
    same("its unique id", &found.unique_id, &id)?;
    same("its description", &found.description, &None)
}

async fn creating_a_role_in_another_case_is_already_exists(context: &IamContext) -> Found {
    context.created_role("case").await?;
    let other = NewRole { name: context.role_name("CASE")?, ..context.role("case")? };
    let answer = context.write.create_role(&other).await;
    refused("creating it", answer, ErrorKind::AlreadyExists, "EntityAlreadyExists").map(drop)
}

async fn a_role_is_found_in_any_case(context: &IamContext) -> Found {
    let name = context.created_role("case").await?;
    let other = RoleName::new(name.as_str().to_uppercase()).map_err(|error| error.to_string())?;
    let found = context.read.role(&other).await.there("read in upper case")?;
    same("its name", &found.name, &name)
}

async fn a_role_made_again_has_another_unique_id(context: &IamContext) -> Found {
    let role = context.role("again")?;
    let first = context.write.create_role(&role).await.must("create")?;
    context.write.delete_role(&role.name).await.must("delete")?;
    let second = context.write.create_role(&role).await.must("create again")?;
    ensure(first != second, format!("both have the unique id {first}"))
}

async fn a_trust_policy_with_a_resource_is_malformed(context: &IamContext) -> Found {
    let trust = document(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole", "Resource": "*"}]}))?;
    let role = NewRole { trust, ..context.role("resource")? };
    let answer = context.write.create_role(&role).await;
    refused("creating it", answer, ErrorKind::InvalidInput, "MalformedPolicyDocument")?;
    absent("the role", context.read.role(&role.name).await)
}

async fn a_trust_policy_beyond_the_quota_is_limit_exceeded(context: &IamContext) -> Found {
    let name = context.created_role("large").await?;
    let quota = context.read.quotas().await.must("quotas")?.trust_policy_size as usize;
    let ids: Vec<String> = (0..=quota / 24).map(|number| format!("external-id-{number:012}")).collect();
    let trust = document(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": ids}}}]}))?;
    let answer = context.write.update_trust(&name, &trust).await;
    refused("updating it", answer, ErrorKind::LimitExceeded, "LimitExceeded")?;
    means("its trust", &context.read.role(&name).await.there("read")?.trust, &service_trust()?)
}

fn trusting(principal: &Arn) -> Name<Document> {
    document(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": principal.as_str(), "Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]}))
}

async fn a_trust_policy_that_names_no_such_role_is_malformed(context: &IamContext) -> Found {
    let name = context.created_role("target").await?;
    let nobody = context.role_arn(&context.role_name("nobody")?, "/");
    let answer = context.write.update_trust(&name, &trusting(&nobody)?).await;
    refused("updating it", answer, ErrorKind::InvalidInput, "MalformedPolicyDocument")?;
    means("its trust", &context.read.role(&name).await.there("read")?.trust, &service_trust()?)
}

async fn a_trust_policy_reads_back_with_its_principals(context: &IamContext) -> Found {
    let name = context.created_role("target").await?;
    let friend = context.role_arn(&context.created_role("friend").await?, "/");
    let trust = trusting(&friend)?;
    context.write.update_trust(&name, &trust).await.must("update")?;
    means("its trust", &context.read.role(&name).await.there("read")?.trust, &trust)
}

async fn a_deleted_principal_reads_back_as_its_unique_id(context: &IamContext) -> Found {
    let name = context.created_role("target").await?;
    let friend = context.role("friend")?;
    let id = context.write.create_role(&friend).await.must("create")?;
    context.write.update_trust(&name, &trusting(&context.role_arn(&friend.name, "/"))?).await.must("update")?;
    context.write.delete_role(&friend.name).await.must("delete")?;
    let found = context.read.role(&name).await.there("read")?.trust.to_json();
    ensure(found.contains(&id), format!("its trust is {found} and does not name {id}"))
}

async fn updating_the_trust_replaces_all_of_it(context: &IamContext) -> Found {
    let name = context.created_role("trust").await?;
    let trust = document(json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "One", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
         "Condition": {"StringLike": {"aws:SourceArn": "arn:aws:s3:::a/b+c%20d/*"}}},
        {"Sid": "Two", "Effect": "Deny", "Principal": {"Service": ["ecs.amazonaws.com", "ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"},
    ]}))?;
    context.write.update_trust(&name, &trust).await.must("update")?;
    means("its trust", &context.read.role(&name).await.there("read")?.trust, &trust)?;
    let bad = document(json!({"Version": "2012-10-17", "Statement": []}))?;
    let answer = context.write.update_trust(&name, &bad).await;
    refused("a trust policy without statements", answer, ErrorKind::InvalidInput, "MalformedPolicyDocument")?;
    means("its trust", &context.read.role(&name).await.there("read")?.trust, &trust)
}

async fn updating_the_settings_replaces_both(context: &IamContext) -> Found {
    let name = context.created_role("settings").await?;
    context.write.update_role(&name, Some("new"), 43200).await.must("update")?;
    let found = context.read.role(&name).await.there("read")?;
    same("its description", &found.description.as_deref(), &Some("new"))?;
    same("its session duration", &found.max_session_duration, &43200)
}

async fn updating_the_settings_without_description_removes_it(context: &IamContext) -> Found {
    let role = NewRole { description: Some("old".to_owned()), max_session_duration: 7200, ..context.role("settings")? };
    context.write.create_role(&role).await.must("create")?;
    context.write.update_role(&role.name, None, 3600).await.must("update")?;
    let found = context.read.role(&role.name).await.there("read")?;
    same("its description", &found.description, &None)?;
    same("its session duration", &found.max_session_duration, &3600)
}

async fn a_session_outside_the_rule_is_invalid_input(context: &IamContext) -> Found {
    let role = NewRole { max_session_duration: 43201, ..context.role("session")? };
    refused_as("creating it", context.write.create_role(&role).await, ErrorKind::InvalidInput)?;
    absent("the role", context.read.role(&role.name).await)
}

async fn a_boundary_is_put_and_deleted(context: &IamContext) -> Found {
    let name = context.created_role("boundary").await?;
    let boundary = context.created_policy("boundary").await?;
    let read = async || context.read.role(&name).await.there("read").map(|role| role.permissions_boundary);
    context.write.put_boundary(&name, &boundary).await.must("put")?;
    same("its boundary", &read().await?, &Some(boundary))?;
    let other = context.aws_managed()?;
    context.write.put_boundary(&name, &other).await.must("put another")?;
    same("its boundary", &read().await?, &Some(other))?;
    context.write.delete_boundary(&name).await.must("delete")?;
    same("its boundary", &read().await?, &None)
}

async fn a_boundary_that_does_not_exist_is_not_found(context: &IamContext) -> Found {
    let name = context.created_role("boundary").await?;
    let answer = context.write.put_boundary(&name, &context.policy("absent")?.arn).await;
    refused("putting it", answer, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn deleting_a_boundary_that_is_not_there_is_not_found(context: &IamContext) -> Found {
    let name = context.created_role("boundary").await?;
    refused("deleting it", context.write.delete_boundary(&name).await, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn tagging_adds_and_replaces(context: &IamContext) -> Found {
    let role = NewRole { tags: tags([("a", "1"), ("b", "2")]), ..context.role("tags")? };
    context.write.create_role(&role).await.must("create")?;
    context
        .write
        .tag_role(&role.name, &tags([("b", "3"), ("podrole.dev/inline/x/y", "été =2C +")]))
        .await
        .must("tag")?;
    let found = context.read.role(&role.name).await.there("read")?.tags;
    same("its tags", &found, &tags([("a", "1"), ("b", "3"), ("podrole.dev/inline/x/y", "été =2C +")]))
}

async fn tagging_again_succeeds(context: &IamContext) -> Found {
    let name = context.created_role("tags").await?;
    for _ in 0..2 {
        context.write.tag_role(&name, &tags([("a", "1")])).await.must("tag")?;
    }
    same("its tags", &context.read.role(&name).await.there("read")?.tags, &tags([("a", "1")]))
}

async fn a_fifty_first_tag_is_limit_exceeded(context: &IamContext) -> Found {
    let many = (0..50).map(|number| (format!("key-{number:02}"), "value".to_owned())).collect();
    let role = NewRole { tags: many, ..context.role("tags")? };
    context.write.create_role(&role).await.must("create with 50 tags")?;
    let answer = context.write.tag_role(&role.name, &tags([("one-more", "1")])).await;
    refused("one more", answer, ErrorKind::LimitExceeded, "LimitExceeded")?;
    same("its tags", &context.read.role(&role.name).await.there("read")?.tags, &role.tags)
}

async fn untagging_removes_and_untagging_again_succeeds(context: &IamContext) -> Found {
    let role = NewRole { tags: tags([("a", "1"), ("b", "2")]), ..context.role("tags")? };
    context.write.create_role(&role).await.must("create")?;
    for _ in 0..2 {
        context.write.untag_role(&role.name, &["b".to_owned()]).await.must("untag")?;
    }
    same("its tags", &context.read.role(&role.name).await.there("read")?.tags, &tags([("a", "1")]))
}

async fn writes_on_a_role_that_does_not_exist_are_not_found(context: &IamContext) -> Found {
    let name = context.role_name("absent")?;
    let policy = context.aws_managed()?;
    let inline = PolicyName::new("any").map_err(|error| error.to_string())?;
    let write = &context.write;
    let answers = [
        ("update the trust", write.update_trust(&name, &service_trust()?).await),
        ("update the settings", write.update_role(&name, None, 3600).await),
        ("put a boundary", write.put_boundary(&name, &policy).await),
        ("delete a boundary", write.delete_boundary(&name).await),
        ("tag", write.tag_role(&name, &tags([("a", "1")])).await),
        ("untag", write.untag_role(&name, &["a".to_owned()]).await),
        ("attach", write.attach_policy(&name, &policy).await),
        ("detach", write.detach_policy(&name, &policy).await),
        ("put an inline policy", write.put_inline_policy(&name, &inline, &permissions("s3:GetObject")?).await),
        ("delete an inline policy", write.delete_inline_policy(&name, &inline).await),
    ];
    for (what, answer) in answers {
        refused(what, answer, ErrorKind::NotFound, "NoSuchEntity")?;
    }
    absent("the role", context.read.role(&name).await)
}

async fn deleting_a_role_that_does_not_exist_is_not_found(context: &IamContext) -> Found {
    let answer = context.write.delete_role(&context.role_name("absent")?).await;
    tells(&refused("deleting it", answer, ErrorKind::NotFound, "NoSuchEntity")?, "iam:DeleteRole")
}

async fn deleting_a_role_with_an_attached_policy_is_a_conflict(context: &IamContext) -> Found {
    let name = context.created_role("attached").await?;
    context.write.attach_policy(&name, &context.aws_managed()?).await.must("attach")?;
    refused("deleting it", context.write.delete_role(&name).await, ErrorKind::Conflict, "DeleteConflict")?;
    context.read.role(&name).await.there("read").map(drop)
}

async fn deleting_a_role_with_an_inline_policy_is_a_conflict(context: &IamContext) -> Found {
    let name = context.created_role("inline").await?;
    let policy = PolicyName::new("own").map_err(|error| error.to_string())?;
    context.write.put_inline_policy(&name, &policy, &permissions("s3:GetObject")?).await.must("put")?;
    refused("deleting it", context.write.delete_role(&name).await, ErrorKind::Conflict, "DeleteConflict")?;
    context.read.role(&name).await.there("read").map(drop)
}

async fn a_deleted_role_is_none(context: &IamContext) -> Found {
    let name = context.created_role("gone").await?;
    context.write.delete_role(&name).await.must("delete")?;
    absent("the role", context.read.role(&name).await)
}

async fn every_role_is_listed_with_its_trust(context: &IamContext) -> Found {
    // One more than a page of `ListRoles`.
    let mut names = Vec::new();
    for number in 0..101 {
        names.push(context.created_role(&format!("page-{number:03}")).await?);
    }
    let listed = context.read.role_trusts().await.must("list")?;
    for name in names {
        let found = listed.iter().filter(|(other, _)| *other == name).collect::<Vec<_>>();
        let [(_, trust)] = found[..] else { return Err(format!("role {name} is listed {} times", found.len())) };
        means("its trust", trust, &service_trust()?)?;
    }
    Ok(())
}
