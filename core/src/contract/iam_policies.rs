//! Checks of managed and inline policies.

use std::collections::BTreeMap;

use serde_json::json;

use super::expect::{Must as _, There as _, absent, document, ensure, means, refused, same};
use super::iam::{IamContext, permissions, service_trust, tags, tells};
use super::{Check, Found};
use crate::error::ErrorKind;
use crate::model::{Arn, NewPolicy, PolicyName};
use crate::policy::Document;

pub(super) fn checks() -> Vec<Check<IamContext>> {
    super::checks![
        a_policy_that_does_not_exist_is_none,
        a_policy_reads_back_as_it_was_created,
        creating_a_policy_twice_is_already_exists,
        a_policy_document_with_a_principal_is_malformed,
        a_policy_document_beyond_the_quota_is_limit_exceeded,
        a_new_version_is_in_force_and_the_old_one_stays,
        a_version_beyond_the_quota_is_limit_exceeded,
        version_numbers_are_not_used_again,
        deleting_the_version_in_force_is_a_conflict,
        deleting_a_version_that_does_not_exist_is_not_found,
        deleting_a_policy_with_versions_is_a_conflict,
        deleting_an_attached_policy_is_a_conflict,
        writes_on_a_policy_that_does_not_exist_are_not_found,
        a_deleted_policy_is_none,
        policy_tags_are_added_replaced_and_removed,
        an_aws_managed_policy_is_read_with_its_document,
        attaching_adds_to_the_list_and_to_the_count,
        attaching_again_succeeds,
        attaching_a_policy_that_does_not_exist_is_not_found,
        an_attachment_beyond_the_quota_is_limit_exceeded,
        detaching_what_is_not_attached_is_not_found,
        an_inline_policy_reads_back_decoded,
        putting_an_inline_policy_replaces_it,
        a_malformed_inline_policy_is_refused,
        deleting_an_inline_policy_that_is_not_there_is_not_found,
        every_inline_policy_is_listed,
    ]
}

fn name(text: &str) -> Result<PolicyName, String> {
    PolicyName::new(text).map_err(|error| error.to_string())
}

/// A document of at least so many characters, whitespace not counted.
fn document_of(size: usize) -> Result<Document, String> {
    let resources: Vec<String> = (0..=size / 30).map(|number| format!("arn:aws:s3:::bucket-{number:010}")).collect();
    document(
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": resources}]}),
    )
}

async fn a_policy_that_does_not_exist_is_none(context: &IamContext) -> Found {
    let arn = context.policy("absent")?.arn;
    absent("the policy", context.read.policy(&arn).await)?;
    absent("its versions", context.read.policy_versions(&arn).await)?;
    absent("its document", context.read.policy_document(&arn, "v1").await)
}

async fn a_policy_reads_back_as_it_was_created(context: &IamContext) -> Found {
    let mut new = context.policy("full")?;
    new.description = Some("for the contract".to_owned());
    new.tags = tags([("podrole.dev/created-by", "podrole"), ("team", "data")]);
    new.document = document(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::a/b+c%20d/${aws:username}/*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "R&D"}}}]}))?;
    context.write.create_policy(&new).await.must("create")?;
    let found = context.read.policy(&new.arn).await.there("read")?;
    same("its ARN", &found.arn, &new.arn)?;
    same("its version", &found.default_version.as_str(), &"v1")?;
    same("its attachment count", &found.attachment_count, &0)?;
    ensure(found.attachable, "it is not attachable")?;
    same("its tags", &found.tags, &new.tags)?;
    means("its document", &context.read.policy_document(&new.arn, "v1").await.there("read")?, &new.document)?;
    absent("another version", context.read.policy_document(&new.arn, "v2").await)
}

async fn creating_a_policy_twice_is_already_exists(context: &IamContext) -> Found {
    let policy = context.policy("twice")?;
    context.write.create_policy(&policy).await.must("create")?;
    let again = NewPolicy { document: permissions("s3:ListBucket")?, ..policy.clone() };
    let answer = context.write.create_policy(&again).await;
    let error = refused("creating it again", answer, ErrorKind::AlreadyExists, "EntityAlreadyExists")?;
    tells(&error, "iam:CreatePolicy")?;
    means("its document", &context.read.policy_document(&policy.arn, "v1").await.there("read")?, &policy.document)
}

async fn a_policy_document_with_a_principal_is_malformed(context: &IamContext) -> Found {
    let policy = NewPolicy { document: service_trust()?, ..context.policy("principal")? };
    let answer = context.write.create_policy(&policy).await;
    refused("creating it", answer, ErrorKind::InvalidInput, "MalformedPolicyDocument")?;
    absent("the policy", context.read.policy(&policy.arn).await)
}

async fn a_policy_document_beyond_the_quota_is_limit_exceeded(context: &IamContext) -> Found {
    let quota = context.read.quotas().await.must("quotas")?.managed_policy_size as usize;
    let policy = NewPolicy { document: document_of(quota)?, ..context.policy("large")? };
    let answer = context.write.create_policy(&policy).await;
    refused("creating it", answer, ErrorKind::LimitExceeded, "LimitExceeded")?;
    absent("the policy", context.read.policy(&policy.arn).await)
}

async fn a_new_version_is_in_force_and_the_old_one_stays(context: &IamContext) -> Found {
    let arn = context.created_policy("versions").await?;
    let second = permissions("s3:PutObject")?;
    let id = context.write.create_policy_version(&arn, &second).await.must("create a version")?;
    same("its id", &id.as_str(), &"v2")?;
    same("the version in force", &context.read.policy(&arn).await.there("read")?.default_version, &id)?;
    let mut versions = context.read.policy_versions(&arn).await.there("list")?;
    versions.sort_by_key(crate::model::PolicyVersion::number);
    let found: Vec<(&str, bool)> = versions.iter().map(|version| (version.id.as_str(), version.default)).collect();
    same("its versions", &found, &vec![("v1", false), ("v2", true)])?;
    means("its new document", &context.read.policy_document(&arn, "v2").await.there("read")?, &second)?;
    means(
        "its old document",
        &context.read.policy_document(&arn, "v1").await.there("read")?,
        &permissions("s3:GetObject")?,
    )
}

async fn filled_up(context: &IamContext, name: &str) -> Result<Arn, String> {
    let arn = context.created_policy(name).await?;
    let quota = context.read.quotas().await.must("quotas")?.versions_per_policy;
    for _ in 1..quota {
        context.write.create_policy_version(&arn, &permissions("s3:PutObject")?).await.must("create a version")?;
    }
    Ok(arn)
}

async fn a_version_beyond_the_quota_is_limit_exceeded(context: &IamContext) -> Found {
    let arn = filled_up(context, "versions").await?;
    let before = context.read.policy(&arn).await.there("read")?.default_version;
    let answer = context.write.create_policy_version(&arn, &permissions("s3:ListBucket")?).await;
    refused("one more version", answer, ErrorKind::LimitExceeded, "LimitExceeded")?;
    same("the version in force", &context.read.policy(&arn).await.there("read")?.default_version, &before)
}

async fn version_numbers_are_not_used_again(context: &IamContext) -> Found {
    let arn = context.created_policy("versions").await?;
    context.write.create_policy_version(&arn, &permissions("s3:PutObject")?).await.must("create v2")?;
    context.write.delete_policy_version(&arn, "v1").await.must("delete v1")?;
    let id = context.write.create_policy_version(&arn, &permissions("s3:ListBucket")?).await.must("create v3")?;
    same("its id", &id.as_str(), &"v3")
}

async fn deleting_the_version_in_force_is_a_conflict(context: &IamContext) -> Found {
    let arn = context.created_policy("versions").await?;
    let answer = context.write.delete_policy_version(&arn, "v1").await;
    refused("deleting it", answer, ErrorKind::Conflict, "DeleteConflict").map(drop)
}

async fn deleting_a_version_that_does_not_exist_is_not_found(context: &IamContext) -> Found {
    let arn = context.created_policy("versions").await?;
    let answer = context.write.delete_policy_version(&arn, "v7").await;
    refused("deleting it", answer, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn deleting_a_policy_with_versions_is_a_conflict(context: &IamContext) -> Found {
    let arn = context.created_policy("versions").await?;
    context.write.create_policy_version(&arn, &permissions("s3:PutObject")?).await.must("create a version")?;
    refused("deleting it", context.write.delete_policy(&arn).await, ErrorKind::Conflict, "DeleteConflict")?;
    context.read.policy(&arn).await.there("read").map(drop)
}

async fn deleting_an_attached_policy_is_a_conflict(context: &IamContext) -> Found {
    let role = context.created_role("attached").await?;
    let arn = context.created_policy("attached").await?;
    context.write.attach_policy(&role, &arn).await.must("attach")?;
    refused("deleting it", context.write.delete_policy(&arn).await, ErrorKind::Conflict, "DeleteConflict")?;
    context.read.policy(&arn).await.there("read").map(drop)
}

async fn writes_on_a_policy_that_does_not_exist_are_not_found(context: &IamContext) -> Found {
    let arn = context.policy("absent")?.arn;
    let write = &context.write;
    let answers = [
        ("create a version", write.create_policy_version(&arn, &permissions("s3:GetObject")?).await.map(drop)),
        ("delete a version", write.delete_policy_version(&arn, "v1").await),
        ("delete", write.delete_policy(&arn).await),
        ("tag", write.tag_policy(&arn, &tags([("a", "1")])).await),
        ("untag", write.untag_policy(&arn, &["a".to_owned()]).await),
    ];
    for (what, answer) in answers {
        refused(what, answer, ErrorKind::NotFound, "NoSuchEntity")?;
    }
    Ok(())
}

async fn a_deleted_policy_is_none(context: &IamContext) -> Found {
    let arn = context.created_policy("gone").await?;
    context.write.delete_policy(&arn).await.must("delete")?;
    absent("the policy", context.read.policy(&arn).await)
}

async fn policy_tags_are_added_replaced_and_removed(context: &IamContext) -> Found {
    let policy = NewPolicy { tags: tags([("a", "1"), ("b", "2")]), ..context.policy("tags")? };
    let arn = &policy.arn;
    context.write.create_policy(&policy).await.must("create")?;
    for _ in 0..2 {
        context.write.tag_policy(arn, &tags([("b", "3"), ("c", "4")])).await.must("tag")?;
        context.write.untag_policy(arn, &["a".to_owned()]).await.must("untag")?;
    }
    same("its tags", &context.read.policy(arn).await.there("read")?.tags, &tags([("b", "3"), ("c", "4")]))
}

async fn an_aws_managed_policy_is_read_with_its_document(context: &IamContext) -> Found {
    let arn = context.aws_managed()?;
    let found = context.read.policy(&arn).await.there("read")?;
    same("its ARN", &found.arn, &arn)?;
    ensure(found.attachable, "it is not attachable")?;
    same("its tags", &found.tags, &BTreeMap::new())?;
    let text = context.read.policy_document(&arn, &found.default_version).await.there("read its document")?.to_json();
    ensure(text.contains("s3:Get*"), format!("its document is {text}"))?;
    let none = Arn::new(format!("arn:{}:iam::aws:policy/{}-NoSuchPolicy", context.partition, context.prefix));
    absent("another", context.read.policy(&none.map_err(|error| error.to_string())?).await)
}

async fn attaching_adds_to_the_list_and_to_the_count(context: &IamContext) -> Found {
    let role = context.created_role("attached").await?;
    let own = context.created_policy("attached").await?;
    let theirs = context.aws_managed()?;
    for arn in [&own, &theirs] {
        context.write.attach_policy(&role, arn).await.must("attach")?;
    }
    let mut found = context.read.attached_policies(&role).await.there("list")?;
    found.sort();
    let mut wanted = vec![own.clone(), theirs.clone()];
    wanted.sort();
    same("the list", &found, &wanted)?;
    same("the count", &context.read.policy(&own).await.there("read")?.attachment_count, &1)?;
    context.write.detach_policy(&role, &own).await.must("detach")?;
    same("the list", &context.read.attached_policies(&role).await.there("list")?, &vec![theirs])?;
    same("the count", &context.read.policy(&own).await.there("read")?.attachment_count, &0)
}

async fn attaching_again_succeeds(context: &IamContext) -> Found {
    let role = context.created_role("attached").await?;
    let arn = context.created_policy("attached").await?;
    for _ in 0..2 {
        context.write.attach_policy(&role, &arn).await.must("attach")?;
    }
    same("the count", &context.read.policy(&arn).await.there("read")?.attachment_count, &1)?;
    same("the list", &context.read.attached_policies(&role).await.there("list")?, &vec![arn])
}

async fn attaching_a_policy_that_does_not_exist_is_not_found(context: &IamContext) -> Found {
    let role = context.created_role("attached").await?;
    let answer = context.write.attach_policy(&role, &context.policy("absent")?.arn).await;
    refused("attaching it", answer, ErrorKind::NotFound, "NoSuchEntity")?;
    same("the list", &context.read.attached_policies(&role).await.there("list")?, &Vec::new())
}

async fn an_attachment_beyond_the_quota_is_limit_exceeded(context: &IamContext) -> Found {
    let role = context.created_role("many").await?;
    let quota = context.read.quotas().await.must("quotas")?.attached_policies_per_role;
    for number in 0..quota {
        let arn = context.created_policy(&format!("many-{number}")).await?;
        context.write.attach_policy(&role, &arn).await.must("attach")?;
    }
    let answer = context.write.attach_policy(&role, &context.aws_managed()?).await;
    refused("one more", answer, ErrorKind::LimitExceeded, "LimitExceeded")?;
    same("the number of policies", &context.read.attached_policies(&role).await.there("list")?.len(), &(quota as usize))
}

async fn detaching_what_is_not_attached_is_not_found(context: &IamContext) -> Found {
    let role = context.created_role("attached").await?;
    let answer = context.write.detach_policy(&role, &context.aws_managed()?).await;
    tells(&refused("detaching it", answer, ErrorKind::NotFound, "NoSuchEntity")?, "iam:DetachRolePolicy")
}

async fn an_inline_policy_reads_back_decoded(context: &IamContext) -> Found {
    let role = context.created_role("inline").await?;
    let name = name("with+=,.@-chars")?;
    let wanted = document(json!({"Version": "2012-10-17", "Statement": [{"Sid": "One", "Effect": "Allow",
        "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::a/b+c%20d/*", "arn:aws:s3:::e/${aws:username}"]}]}))?;
    context.write.put_inline_policy(&role, &name, &wanted).await.must("put")?;
    same("the list", &context.read.inline_policies(&role).await.there("list")?, &vec![name.clone()])?;
    means("its document", &context.read.inline_policy(&role, &name).await.there("read")?, &wanted)
}

async fn putting_an_inline_policy_replaces_it(context: &IamContext) -> Found {
    let role = context.created_role("inline").await?;
    let name = name("own")?;
    let second = permissions("s3:PutObject")?;
    context.write.put_inline_policy(&role, &name, &permissions("s3:GetObject")?).await.must("put")?;
    context.write.put_inline_policy(&role, &name, &second).await.must("put again")?;
    means("its document", &context.read.inline_policy(&role, &name).await.there("read")?, &second)?;
    same("the list", &context.read.inline_policies(&role).await.there("list")?, &vec![name])
}

async fn a_malformed_inline_policy_is_refused(context: &IamContext) -> Found {
    let role = context.created_role("inline").await?;
    let name = name("own")?;
    let answer = context.write.put_inline_policy(&role, &name, &service_trust()?).await;
    refused("putting it", answer, ErrorKind::InvalidInput, "MalformedPolicyDocument")?;
    absent("the policy", context.read.inline_policy(&role, &name).await)
}

async fn deleting_an_inline_policy_that_is_not_there_is_not_found(context: &IamContext) -> Found {
    let role = context.created_role("inline").await?;
    let name = name("own")?;
    context.write.put_inline_policy(&role, &name, &permissions("s3:GetObject")?).await.must("put")?;
    context.write.delete_inline_policy(&role, &name).await.must("delete")?;
    absent("the policy", context.read.inline_policy(&role, &name).await)?;
    let answer = context.write.delete_inline_policy(&role, &name).await;
    refused("deleting it again", answer, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn every_inline_policy_is_listed(context: &IamContext) -> Found {
    let role = context.created_role("inline").await?;
    // One more than a page of `ListRolePolicies`, and all of them together below the quota of their sizes.
    let names = (0..101).map(|number| name(&format!("p{number:03}"))).collect::<Result<Vec<_>, _>>()?;
    for name in &names {
        context.write.put_inline_policy(&role, name, &permissions("s3:Get*")?).await.must("put")?;
    }
    let mut found = context.read.inline_policies(&role).await.there("list")?;
    found.sort();
    same("the list", &found, &names)
}
